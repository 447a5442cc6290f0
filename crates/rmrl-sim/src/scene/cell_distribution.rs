//! The distribution of simulated cells: its keys in a configuration, and their ranges.

use rmrl_core::ConfigKeys;
use serde::{Deserialize, Serialize};

/// The distribution that cells are drawn from. Ranges are `[least, most]`, and draws are uniform.
///
/// The defaults follow reports from laboratories: hand-eye calibrations that are off by millimeters
/// (moveit_calibration 105, easy_handeye 117, 130), a D435 that drifts by millimeters a day
/// (librealsense 10476), a tool whose center is known to a few millimeters only.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ConfigKeys)]
#[serde(default, deny_unknown_fields)]
pub struct CellDistribution {
    /// Error of the camera's extrinsics at the middle of the workspace, in meters, in a random
    /// horizontal direction.
    #[key(interval, at_least = 0, limit = 1)]
    pub extrinsic_shift_m: [f64; 2],
    /// Vertical error of the extrinsics, in meters, up or down.
    #[key(interval, at_least = 0, limit = 1)]
    pub extrinsic_height_m: [f64; 2],
    /// Turn of the extrinsics about the vertical, in degrees, either way.
    #[key(interval, at_least = 0, limit = 180)]
    pub extrinsic_turn_deg: [f64; 2],
    /// Tilt of the extrinsics, in degrees, in a random direction.
    #[key(interval, at_least = 0, limit = 180)]
    pub extrinsic_tilt_deg: [f64; 2],
    /// Distance of the true tool center from the configured one, in meters, in a random direction.
    #[key(interval, at_least = 0, limit = 1)]
    pub tool_shift_m: [f64; 2],
    /// Turn of the true tool, in degrees, either way.
    #[key(interval, at_least = 0, limit = 180)]
    pub tool_turn_deg: [f64; 2],
    /// The depth camera's bias, in meters, either way.
    #[key(interval, at_least = 0, limit = 1)]
    pub depth_bias_m: [f64; 2],
    /// Coefficient of friction between finger pads and plate.
    #[key(interval, at_least = 0, limit = 10)]
    pub pad_friction: [f64; 2],
    /// Coefficient of friction between plate and surfaces.
    #[key(interval, at_least = 0, limit = 10)]
    pub surface_friction: [f64; 2],
    /// How far the lens moves a point of the image beyond the model that the software has of it, where it moves it most,
    /// in pixels of an image of 640 pixels: a smooth distortion. A D435 reports no distortion of its color camera; by
    /// its maker it is about 1 pixel at the extremes (librealsense 1430), and calibrations leave 0.1 to 0.5
    /// (librealsense 11792). Default 0.1 to 0.4.
    #[key(interval, at_least = 0, at_most = 5)]
    pub lens_residual_px: [f64; 2],
    /// Slope of the table against the arm's base, in degrees, in a random direction. Heights are right in the middle of
    /// the workspace, where an operator sets them up; 0.3 degrees are 1 mm at 0.2 m. Default 0 to 0.3.
    #[key(interval, at_least = 0, at_most = 2)]
    pub table_slope_deg: [f64; 2],
    /// Errors of the arm's joint zeros, in degrees: a standard deviation. Of an arm as it left the factory about 0.1, by
    /// published calibrations of collaborative robots. Default 0.1.
    #[key(at_least = 0, at_most = 2)]
    pub joint_zero_deg: f64,
    /// Errors of its links' lengths and offsets, in meters: a standard deviation. Default 0.0005.
    #[key(at_least = 0, at_most = 0.01)]
    pub link_length_m: f64,
    /// Errors of its links' twists, in degrees: a standard deviation. Default 0.05.
    #[key(at_least = 0, at_most = 2)]
    pub link_twist_deg: f64,
    /// The arm's repeatability, in meters: the standard deviation of where it stops, each way.
    #[key(at_least = 0, limit = 0.1)]
    pub repeatability_m: f64,
    /// Whether fixtures count as large as the circles around them where physics asks what a held plate may meet. It costs
    /// 10 ms a trial and keeps the bits of version 0.1; placements differ by 0.01 mm in the median. Default false.
    pub round_fixtures: bool,
    /// The share of ambient light, which comes from everywhere.
    #[key(interval, at_least = 0, at_most = 1)]
    pub ambient_light: [f64; 2],
    /// Exposure: how bright a white sheet would be.
    #[key(interval, at_least = 0, limit = 10)]
    pub exposure: [f64; 2],
    /// How much light a window beside the bench throws on the middle of the workspace, relative to
    /// the lamp's. It makes one side of the bench brighter, casts shadows and glints on lids.
    #[key(interval, at_least = 0, at_most = 2)]
    pub window_light: [f64; 2],
    /// How much of the lamp's and the window's image the table shows.
    #[key(interval, at_least = 0, at_most = 1)]
    pub table_gloss: [f64; 2],
    /// How many objects lie around the workspace.
    #[key(interval, at_least = 0, at_most = 100)]
    pub clutter: [u32; 2],
    /// The share of scenes whose plate has a lid.
    #[key(at_least = 0, at_most = 1)]
    pub lid_share: f64,
    /// How far a lid raises the plate's top, in meters.
    #[key(interval, at_least = 0, at_most = 0.01)]
    pub lid_height_m: [f64; 2],
    /// How bright plates are, relative to a black one. Drawn for each scene, like all other properties
    /// of plates.
    #[key(interval, at_least = 0, at_most = 3)]
    pub plate_brightness: [f64; 2],
    /// The tint of plates, from black, 0, to dark blue, 1.
    #[key(interval, at_least = 0, at_most = 1)]
    pub plate_tint: [f64; 2],
    /// How bright the rims of the wells are, relative to a black plate's.
    #[key(interval, at_least = 0, at_most = 3)]
    pub rim_brightness: [f64; 2],
    /// The radius of the wells, in meters.
    #[key(interval, at_least = 0, at_most = 0.004, why = "wells are 9 mm apart")]
    pub well_radius_m: [f64; 2],
}

impl Default for CellDistribution {
    fn default() -> Self {
        Self {
            lens_residual_px: [0.1, 0.4],
            // A bench and a base that are leveled by a spirit level.
            table_slope_deg: [0.0, 0.3],
            joint_zero_deg: 0.1,
            link_length_m: 0.000_5,
            link_twist_deg: 0.05,
            round_fixtures: false,
            ..Self::EXACT_ARM
        }
    }
}

impl CellDistribution {
    /// Cells whose arm is exact and stands level, and whose lens is known: only camera, tool, friction, light and plates
    /// differ. `configs/exact-arm.toml` configures them.
    pub const EXACT_ARM: Self = Self {
        extrinsic_shift_m: [0.003, 0.007],
        extrinsic_height_m: [0.0, 0.002],
        extrinsic_turn_deg: [0.3, 1.5],
        extrinsic_tilt_deg: [0.0, 0.3],
        tool_shift_m: [0.001, 0.004],
        tool_turn_deg: [0.0, 0.5],
        depth_bias_m: [0.0, 0.004],
        pad_friction: [0.3, 0.45],
        surface_friction: [0.2, 0.4],
        lens_residual_px: [0.0; 2],
        table_slope_deg: [0.0; 2],
        joint_zero_deg: 0.0,
        link_length_m: 0.0,
        link_twist_deg: 0.0,
        repeatability_m: 0.000_05,
        round_fixtures: true,
        ambient_light: [0.35, 0.6],
        exposure: [0.75, 1.1],
        window_light: [0.4, 0.8],
        table_gloss: [0.0, 0.2],
        clutter: [3, 8],
        // Assays keep their plates covered about as often as not.
        lid_share: 0.4,
        lid_height_m: [0.002, 0.003],
        plate_brightness: [0.8, 1.4],
        plate_tint: [0.0, 1.0],
        rim_brightness: [0.6, 1.8],
        // Catalogs of 96-well plates: openings of 6.2 to 6.9 mm.
        well_radius_m: [0.0031, 0.00345],
    };

    /// A cell without any error: calibrated, aligned and unbiased, with nothing in view but
    /// plain plates under one lamp.
    pub const PERFECT: Self = Self {
        extrinsic_shift_m: [0.0; 2],
        extrinsic_height_m: [0.0; 2],
        extrinsic_turn_deg: [0.0; 2],
        extrinsic_tilt_deg: [0.0; 2],
        tool_shift_m: [0.0; 2],
        tool_turn_deg: [0.0; 2],
        depth_bias_m: [0.0; 2],
        pad_friction: [0.4; 2],
        surface_friction: [0.3; 2],
        lens_residual_px: [0.0; 2],
        table_slope_deg: [0.0; 2],
        joint_zero_deg: 0.0,
        link_length_m: 0.0,
        link_twist_deg: 0.0,
        repeatability_m: 0.0,
        round_fixtures: false,
        ambient_light: [0.45; 2],
        exposure: [0.95; 2],
        window_light: [0.0; 2],
        table_gloss: [0.0; 2],
        clutter: [0; 2],
        lid_share: 0.0,
        lid_height_m: [0.0025; 2],
        plate_brightness: [1.0; 2],
        plate_tint: [0.0; 2],
        rim_brightness: [1.0; 2],
        well_radius_m: [0.0033; 2],
    };

    /// This distribution with a calibrated camera: an error of an estimate then comes from the image
    /// alone.
    #[must_use]
    pub fn calibrated(self) -> Self {
        Self {
            extrinsic_shift_m: [0.0; 2],
            extrinsic_height_m: [0.0; 2],
            extrinsic_turn_deg: [0.0; 2],
            extrinsic_tilt_deg: [0.0; 2],
            depth_bias_m: [0.0; 2],
            lens_residual_px: [0.0; 2],
            table_slope_deg: [0.0; 2],
            ..self
        }
    }

    /// This distribution with `factor` times the errors of camera, tool and arm: 0 for none of them, 1 for all. A cell of the
    /// same seed errs in the same directions. Friction, light, clutter and plates stay as they are, and so does the noise of
    /// the devices but for the arm's repeatability.
    #[must_use]
    pub fn with_errors_times(self, factor: f64) -> Self {
        let times = |range: [f64; 2]| range.map(|error| factor * error);
        Self {
            extrinsic_shift_m: times(self.extrinsic_shift_m),
            extrinsic_height_m: times(self.extrinsic_height_m),
            extrinsic_turn_deg: times(self.extrinsic_turn_deg),
            extrinsic_tilt_deg: times(self.extrinsic_tilt_deg),
            tool_shift_m: times(self.tool_shift_m),
            tool_turn_deg: times(self.tool_turn_deg),
            depth_bias_m: times(self.depth_bias_m),
            lens_residual_px: times(self.lens_residual_px),
            table_slope_deg: times(self.table_slope_deg),
            joint_zero_deg: factor * self.joint_zero_deg,
            link_length_m: factor * self.link_length_m,
            link_twist_deg: factor * self.link_twist_deg,
            repeatability_m: factor * self.repeatability_m,
            ..self
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn falling_ranges_are_refused_by_key() {
        let broken =
            CellDistribution { tool_shift_m: [0.003, 0.001], ..CellDistribution::default() };
        assert_eq!(broken.validate().unwrap_err().key, "tool_shift_m");
    }

    #[test]
    fn without_errors_camera_tool_and_arm_are_exact_and_the_cell_is_the_same() {
        let cells = CellDistribution::default();
        assert_eq!(cells.with_errors_times(1.0), cells);
        for seed in 0..5 {
            let [whole, half, none] =
                [1.0, 0.5, 0.0].map(|factor| cells.with_errors_times(factor).draw(seed));
            let exact = CellDistribution::PERFECT.draw(seed);
            assert_eq!((&none.lens, none.arm), (&exact.lens, exact.arm));
            assert!(
                (none.extrinsic_error.inverse() * exact.extrinsic_error).rotation.angle() < 1e-12
            );
            assert!(none.extrinsic_error.translation.vector.norm() < 1e-12);
            assert_eq!((none.depth_bias_m, none.repeatability_m), (0.0, 0.0));
            let shift = |cell: &crate::CellParameters| cell.extrinsic_error.translation.vector;
            assert!((shift(&half) - 0.5 * shift(&whole)).norm() < 1e-12);
            assert_eq!((none.friction, &none.light), (whole.friction, &whole.light));
        }
    }
}
