//! A rectangle that is turned between parallel jaws.

/// How far apart parallel jaws are, in meters, when they touch a rectangle that is turned by `yaw_rad`.
///
/// `held_m` is the side that lies between the jaws at yaw zero, `other_m` the other one: `w cos a + l sin a`, for jaws
/// that are at least as long as `other_m`.
///
/// ```
/// use rmrl_labware::width_between_jaws;
/// assert_eq!(width_between_jaws(0.08548, 0.12776, 0.0), 0.08548);
/// let quarter = std::f64::consts::FRAC_PI_2;
/// assert!((width_between_jaws(0.08548, 0.12776, quarter) - 0.12776).abs() < 1e-12);
/// ```
pub fn width_between_jaws(held_m: f64, other_m: f64, yaw_rad: f64) -> f64 {
    let (sine, cosine) = yaw_rad.sin_cos();
    held_m * cosine.abs() + other_m * sine.abs()
}

/// The smallest yaw, in radians from 0 on, at which [`width_between_jaws`] is `measured_m`; `None` if no yaw leads to
/// that width, because it is less than `held_m` or more than the diagonal.
///
/// With `R` the diagonal and `b = atan(l / w)` its direction, the width is `R cos(a - b)`, so `a = b - acos(m / R)`.
/// Jaws that are shorter than the rectangle do not reach its corners. Then this is a lower bound of the yaw.
pub fn yaw_between_jaws(held_m: f64, other_m: f64, measured_m: f64) -> Option<f64> {
    let diagonal_m = held_m.hypot(other_m);
    let is_possible = held_m > 0.0 && other_m > 0.0;
    if !is_possible || !(held_m..=diagonal_m).contains(&measured_m) {
        return None;
    }
    let yaw_rad = other_m.atan2(held_m) - (measured_m / diagonal_m).acos();
    Some(yaw_rad.max(0.0))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_square_and_a_plate_have_the_yaws_of_the_closed_form() {
        // A unit square is sqrt(2) wide at 45 degrees.
        let yaw_rad = yaw_between_jaws(1.0, 1.0, 2.0_f64.sqrt()).unwrap();
        assert!((yaw_rad - std::f64::consts::FRAC_PI_4).abs() < 1e-7);
        // 3-4-5: at tan b = 4/3 the width is the diagonal.
        let yaw_rad = yaw_between_jaws(3.0, 4.0, 5.0).unwrap();
        assert!((yaw_rad - (4.0_f64 / 3.0).atan()).abs() < 1e-7);
        // For small angles the width grows by l a.
        let yaw_rad = yaw_between_jaws(0.08548, 0.12776, 0.08548 + 0.12776e-3).unwrap();
        assert!((yaw_rad - 1e-3).abs() < 1e-6);
        // At 2 atan((l - w) / (l + w)) a plate is as wide as its other side is long.
        let (w, l) = (0.08548, 0.12776);
        let yaw_rad = yaw_between_jaws(w, l, l).unwrap();
        let expected = 2.0 * ((l - w) / (l + w)).atan();
        assert!((yaw_rad - expected).abs() < 1e-9, "{yaw_rad} {expected}");
    }

    #[test]
    fn widths_that_no_yaw_has_have_none() {
        for measured_m in [0.0, 0.99, 1.42, f64::NAN, f64::INFINITY, -1.0] {
            assert_eq!(yaw_between_jaws(1.0, 1.0, measured_m), None, "{measured_m}");
        }
        assert_eq!(yaw_between_jaws(0.0, 1.0, 0.5), None);
        assert_eq!(yaw_between_jaws(1.0, f64::NAN, 1.0), None);
        assert_eq!(yaw_between_jaws(1.0, 1.0, 1.0), Some(0.0));
    }

    proptest! {
        #[test]
        fn yaw_and_width_are_inverse(
            held_m in 0.02..0.2_f64,
            other_m in 0.02..0.2_f64,
            share in 0.0..0.99_f64,
        ) {
            let yaw_rad = share * other_m.atan2(held_m);
            let measured_m = width_between_jaws(held_m, other_m, yaw_rad).max(held_m);
            let found = yaw_between_jaws(held_m, other_m, measured_m).unwrap();
            prop_assert!((found - yaw_rad).abs() < 1e-9, "{found} {yaw_rad}");
        }
    }
}
