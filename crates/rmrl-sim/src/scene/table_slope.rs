//! How the table slopes against the arm's base.

use std::f64::consts::TAU;

use nalgebra::{Isometry3, Translation3, UnitQuaternion, Vector3};
use rand::RngExt;
use rmrl_core::random_stream;

use crate::scene::layout::WORKSPACE_CENTER_M;

/// Where points of the arm's base frame truly are: `table_from_arm`, a turn by the slope about a horizontal axis through
/// the middle of the workspace, where heights are set up. The world is the table's frame, so the table is level, the
/// arm's base leans, and a tool that is commanded to height `z` at a distance `d` from the middle, up the slope, is at
/// `z + d tan(slope)`. `None` for a slope of 0.
pub(super) fn draw_table_slope(
    [least_deg, most_deg]: [f64; 2],
    seed: u64,
) -> Option<Isometry3<f64>> {
    if most_deg == 0.0 {
        return None;
    }
    let mut rng = random_stream(seed, "table slope", [0, 0]);
    let direction_rad = TAU * rng.random::<f64>();
    let slope_deg = least_deg + (most_deg - least_deg) * rng.random::<f64>();
    let axis = Vector3::new(direction_rad.cos(), direction_rad.sin(), 0.0);
    let lean = UnitQuaternion::from_scaled_axis(slope_deg.to_radians() * axis);
    let middle = Translation3::new(WORKSPACE_CENTER_M[0], WORKSPACE_CENTER_M[1], 0.0);
    Some(middle * lean * middle.inverse())
}

#[cfg(test)]
mod tests {
    use nalgebra::Point3;

    use super::*;

    #[test]
    fn heights_change_by_the_slope_and_the_middle_stays() {
        assert_eq!(draw_table_slope([0.0; 2], 0), None);
        for seed in 0..20 {
            let table_from_arm = draw_table_slope([0.2; 2], seed).unwrap();
            let height_m =
                |x_m: f64, y_m: f64| (table_from_arm * Point3::new(0.36 + x_m, y_m, 0.0)).z;
            assert!(height_m(0.0, 0.0).abs() < 1e-15);
            // Along two axes, h = d sin(slope) each; together the slope.
            let steepest = height_m(0.1, 0.0).hypot(height_m(0.0, 0.1)) / 0.1;
            assert!((steepest - 0.2f64.to_radians().sin()).abs() < 1e-12, "{steepest}");
            assert!((height_m(0.1, 0.0) + height_m(-0.1, 0.0)).abs() < 1e-15);
        }
    }
}
