//! How closing jaws move a plate that does not lie where they close.

/// The width of a microplate, the side that jaws close over, in meters: 85.48 mm by ANSI/SLAS
/// 1-2004, whatever the number of its wells.
const PLATE_WIDTH_M: f64 = 0.085_48;

/// How far a plate slides along the fingers for every meter that one finger pushes it across, if its middle is in the
/// middle of the pads. Fitted to the simulated contact (`rmrl-sim`, example `closing_jaws`). There, friction of the
/// pads from 0.3 to 0.45 makes no difference.
const SLIDE_PER_PUSH: f64 = 0.27;

/// Half the width of the pads, in meters: from the middle of the pads to the end that meets a rotated plate.
const PAD_HALF_WIDTH_M: f64 = 0.025;

/// The longest lever, in half pads: pushed farther out, a plate does not turn faster.
const LONGEST_LEVER: f64 = 1.5;

/// How far closing jaws slide a plate along the fingers, in meters, towards +x of the jaws.
///
/// `along_m`, `across_m` and `yaw_rad` are the plate's offset along and across the fingers and its rotation while the
/// jaws are open, in the frame of the jaws.
///
/// The finger that meets the plate first pushes it to the middle. It meets a rotated plate at one end of the
/// pad, so the plate rolls about that contact until it lies parallel. Its middle, half a width away, moves
/// along: by the whole roll `w/2 · |ψ|` if the push lasts that long, otherwise in proportion to the push and to the
/// lever, the distance along the fingers from the end of the pad (half a width `p` from its middle) to the plate's
/// middle.
///
/// ```text
/// slide = -sign(y ψ) · min(0.27 |y| (1 - sign(y ψ) x / p), w/2 · |ψ|)
/// ```
///
/// The formula agrees with the simulated contact within 0.15 mm for offsets up to 10 mm along and across and rotations up
/// to 4 degrees, and within 0.5 mm for offsets up to 30 mm along. For a plate in the middle of the pads, an
/// independent planar solver differs from it by 0.1 mm, another physics engine by 0.3 to 0.7 mm.
pub fn closing_slide_m(along_m: f64, across_m: f64, yaw_rad: f64) -> f64 {
    let direction = (across_m * yaw_rad).signum();
    let lever = (1.0 - direction * along_m / PAD_HALF_WIDTH_M).clamp(0.0, LONGEST_LEVER);
    let rolled_m = 0.5 * PLATE_WIDTH_M * yaw_rad.abs();
    let pushed_m = SLIDE_PER_PUSH * across_m.abs() * lever;
    -direction * pushed_m.min(rolled_m)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Expected values from an independent quasi-static planar solver (Coulomb friction 0.4, pads of 50 mm):
    /// offset across in mm, rotation in degrees, slide in mm.
    #[test]
    fn it_agrees_with_a_planar_solver() {
        for (across_mm, turn_deg, slide_mm) in
            [(2.0, 2.0, -0.44), (-2.0, -1.5, -0.49), (-3.0, 4.0, 0.77), (3.0, -3.0, 0.81)]
        {
            let slide =
                1000.0 * closing_slide_m(0.0, across_mm / 1000.0, f64::to_radians(turn_deg));
            assert!((slide - slide_mm).abs() < 0.12, "{slide} against {slide_mm}");
        }
    }

    #[test]
    fn a_plate_that_is_only_off_to_one_side_or_only_rotated_stays() {
        for (across_m, yaw_rad) in [(0.0, 0.0), (0.005, 0.0), (0.0, 0.05), (-0.005, -0.0)] {
            assert_eq!(closing_slide_m(0.004, across_m, yaw_rad).abs(), 0.0);
        }
    }
}
