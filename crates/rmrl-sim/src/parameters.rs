//! What makes one laboratory's cell differ from another's, and what differs.

use nalgebra::{Isometry3, Translation3, UnitQuaternion, Vector3};
use rand::RngExt;
use rmrl_core::{PlanarPose, Rng, random_stream};
use serde::{Deserialize, Serialize};

use crate::{Friction, Light, Window};

/// The distribution that cells are drawn from. Ranges are `[least, most]`, uniform.
///
/// The defaults are what laboratories report: hand-eye calibrations that are off by millimetres
/// (moveit_calibration 105, easy_handeye 117, 130), a D435 that drifts by millimetres a day
/// (librealsense 10476), a tool whose centre nobody measured to better than a few millimetres.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CellDistribution {
    /// How far the camera's extrinsics are off at the middle of the workspace, in metres, in a
    /// random horizontal direction.
    pub extrinsic_shift_m: [f64; 2],
    /// The same vertically, in metres, up or down.
    pub extrinsic_height_m: [f64; 2],
    /// How far they are turned about the vertical, in degrees, either way.
    pub extrinsic_turn_deg: [f64; 2],
    /// How far they are tilted, in degrees, in a random direction.
    pub extrinsic_tilt_deg: [f64; 2],
    /// How far the true tool centre is from the configured one, in metres, in a random direction.
    pub tool_shift_m: [f64; 2],
    /// How far the true tool is turned, in degrees, either way.
    pub tool_turn_deg: [f64; 2],
    /// The depth camera's bias, in metres, either way.
    pub depth_bias_m: [f64; 2],
    /// Coefficient of friction between finger pads and plate.
    pub pad_friction: [f64; 2],
    /// Coefficient of friction between plate and surfaces.
    pub surface_friction: [f64; 2],
    /// The arm's repeatability, in metres: the standard deviation of where it stops, each way.
    pub repeatability_m: f64,
    /// The share of light that comes from everywhere.
    pub ambient_light: [f64; 2],
    /// Exposure: how bright a white sheet would be.
    pub exposure: [f64; 2],
    /// How much light a window beside the bench throws on the middle of the workspace, relative to
    /// the lamp's. It makes one side of the bench brighter, casts shadows and glints on lids.
    pub window_light: [f64; 2],
    /// How much of the lamp's and the window's image the table shows.
    pub table_gloss: [f64; 2],
    /// How many things lie around the workspace.
    pub clutter: [u32; 2],
    /// The share of scenes whose plate has a lid on.
    pub lid_share: f64,
    /// How far a lid raises the plate's top, in metres.
    pub lid_height_m: [f64; 2],
    /// How bright plates are, relative to a black one. Drawn for each scene, as all of plates.
    pub plate_brightness: [f64; 2],
    /// From black, 0, to dark blue, 1.
    pub plate_tint: [f64; 2],
    /// How bright the rims of the wells are, relative to a black plate's.
    pub rim_brightness: [f64; 2],
    /// The radius of the wells, in metres.
    pub well_radius_m: [f64; 2],
}

impl Default for CellDistribution {
    fn default() -> Self {
        Self {
            extrinsic_shift_m: [0.003, 0.007],
            extrinsic_height_m: [0.0, 0.002],
            extrinsic_turn_deg: [0.3, 1.5],
            extrinsic_tilt_deg: [0.0, 0.3],
            tool_shift_m: [0.001, 0.004],
            tool_turn_deg: [0.0, 0.5],
            depth_bias_m: [0.0, 0.004],
            pad_friction: [0.3, 0.45],
            surface_friction: [0.2, 0.4],
            repeatability_m: 0.000_05,
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
            // Catalogues of 96-well plates: openings of 6.2 to 6.9 mm.
            well_radius_m: [0.0031, 0.00345],
        }
    }
}

/// A range that nothing can be drawn from.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[error("{key} is [{least}, {most}], expected two rising numbers from 0 to {limit}")]
pub struct CellDistributionError {
    /// The configuration's key.
    pub key: &'static str,
    /// The first number.
    pub least: f64,
    /// The second number.
    pub most: f64,
    /// What it may be at most.
    pub limit: f64,
}

impl CellDistribution {
    /// A cell without any error: calibrated, aligned and unbiased, with nothing in its picture but
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
        repeatability_m: 0.0,
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

    /// The same laboratories with a calibrated camera: what an estimate is then off by is what the
    /// picture did.
    #[must_use]
    pub fn calibrated(self) -> Self {
        Self {
            extrinsic_shift_m: [0.0; 2],
            extrinsic_height_m: [0.0; 2],
            extrinsic_turn_deg: [0.0; 2],
            extrinsic_tilt_deg: [0.0; 2],
            depth_bias_m: [0.0; 2],
            ..self
        }
    }

    /// Checks every range.
    ///
    /// # Errors
    /// The first range that cannot be drawn from.
    pub fn validate(&self) -> Result<(), CellDistributionError> {
        let [fewest, most] = self.clutter.map(f64::from);
        const ANY: f64 = f64::MAX;
        for (key, [least, most], limit) in [
            ("extrinsic_shift_m", self.extrinsic_shift_m, ANY),
            ("extrinsic_height_m", self.extrinsic_height_m, ANY),
            ("extrinsic_turn_deg", self.extrinsic_turn_deg, ANY),
            ("extrinsic_tilt_deg", self.extrinsic_tilt_deg, ANY),
            ("tool_shift_m", self.tool_shift_m, ANY),
            ("tool_turn_deg", self.tool_turn_deg, ANY),
            ("depth_bias_m", self.depth_bias_m, ANY),
            ("pad_friction", self.pad_friction, ANY),
            ("surface_friction", self.surface_friction, ANY),
            ("repeatability_m", [0.0, self.repeatability_m], ANY),
            ("ambient_light", self.ambient_light, 1.0),
            ("exposure", self.exposure, ANY),
            ("window_light", self.window_light, 2.0),
            ("table_gloss", self.table_gloss, 1.0),
            ("clutter", [fewest, most], 100.0),
            ("lid_share", [0.0, self.lid_share], 1.0),
            ("lid_height_m", self.lid_height_m, 0.01),
            ("plate_brightness", self.plate_brightness, 3.0),
            ("plate_tint", self.plate_tint, 1.0),
            ("rim_brightness", self.rim_brightness, 3.0),
            // Wells are 9 mm apart.
            ("well_radius_m", self.well_radius_m, 0.004),
        ] {
            if !(least >= 0.0 && least <= most && most <= limit) {
                return Err(CellDistributionError { key, least, most, limit });
            }
        }
        Ok(())
    }

    /// Draws the cell of a seed.
    pub fn draw(&self, seed: u64) -> CellParameters {
        let mut draw = Draw(random_stream(seed, "cell", [0, 0]));
        let shift = draw.direction() * draw.within(self.extrinsic_shift_m);
        let height_m = draw.either_way(self.extrinsic_height_m);
        let turn_deg = draw.either_way(self.extrinsic_turn_deg);
        let tilt = draw.direction() * draw.within(self.extrinsic_tilt_deg).to_radians();
        let tool_shift = draw.direction() * draw.within(self.tool_shift_m);
        let tool_turn_deg = draw.either_way(self.tool_turn_deg);
        let lamp = draw.direction() * draw.within(LAMP_OFF_CENTRE_M);
        CellParameters {
            extrinsic_error: Isometry3::from_parts(
                Translation3::new(shift.x, shift.y, height_m),
                UnitQuaternion::from_axis_angle(&Vector3::z_axis(), turn_deg.to_radians())
                    * UnitQuaternion::from_scaled_axis(tilt),
            ),
            tool_from_configured: PlanarPose::new(
                tool_shift.x,
                tool_shift.y,
                tool_turn_deg.to_radians(),
            ),
            depth_bias_m: draw.either_way(self.depth_bias_m),
            friction: Friction {
                pads: draw.within(self.pad_friction),
                surfaces: draw.within(self.surface_friction),
            },
            repeatability_m: self.repeatability_m,
            light: Light {
                lamp_m: [
                    WORKSPACE_CENTER_M[0] + lamp.x,
                    WORKSPACE_CENTER_M[1] + lamp.y,
                    LAMP_HEIGHT_M,
                ],
                lamp_radius_m: LAMP_RADIUS_M,
                ambient: draw.within(self.ambient_light),
                exposure: draw.within(self.exposure),
                window: draw.window(self.window_light),
                table_gloss: draw.within(self.table_gloss),
            },
        }
    }
}

/// The middle of the workspace, over which the camera hangs and about which calibration errors
/// turn, in metres.
pub(crate) const WORKSPACE_CENTER_M: [f64; 2] = [0.36, 0.0];
/// How far beside the workspace the lamp hangs, in metres.
const LAMP_OFF_CENTRE_M: [f64; 2] = [0.2, 0.7];
/// How high, in metres.
const LAMP_HEIGHT_M: f64 = 1.6;
/// Its radius: a laboratory's ceiling panel, in metres.
const LAMP_RADIUS_M: f64 = 0.3;

/// How far the window is, in metres.
const WINDOW_DISTANCE_M: [f64; 2] = [1.0, 1.4];
/// How far to the side of the bench's long axis it may be, in radians.
const WINDOW_ASIDE_RAD: f64 = 0.6;
/// Height of its middle above the bench, in metres.
const WINDOW_HEIGHT_M: f64 = 1.2;
/// Its size: that of a pane, in metres.
const WINDOW_RADIUS_M: f64 = 0.3;

/// The hidden truth of one cell. No device reports any of it.
#[derive(Debug, Clone, PartialEq)]
pub struct CellParameters {
    /// `believed_from_true`: where the calibration believes a point of the world to be.
    pub extrinsic_error: Isometry3<f64>,
    /// The true tool in the frame of the configured one.
    pub tool_from_configured: PlanarPose,
    /// What every depth is off by, in metres.
    pub depth_bias_m: f64,
    /// Friction.
    pub friction: Friction,
    /// Standard deviation of where the arm stops, each way, in metres.
    pub repeatability_m: f64,
    /// Light.
    pub light: Light,
}

struct Draw(Rng);

impl Draw {
    fn within(&mut self, [least, most]: [f64; 2]) -> f64 {
        least + (most - least) * self.0.random::<f64>()
    }

    fn either_way(&mut self, range: [f64; 2]) -> f64 {
        let magnitude = self.within(range);
        if self.0.random::<bool>() { magnitude } else { -magnitude }
    }

    /// A window in front of the robot or behind it, as benches stand along walls.
    fn window(&mut self, strength: [f64; 2]) -> Window {
        let side = self.either_way([1.0; 2]);
        let angle_rad = self.either_way([0.0, WINDOW_ASIDE_RAD]);
        let reach_m = self.within(WINDOW_DISTANCE_M);
        Window {
            center_m: [
                WORKSPACE_CENTER_M[0] + side * reach_m * angle_rad.cos(),
                WORKSPACE_CENTER_M[1] + reach_m * angle_rad.sin(),
                WINDOW_HEIGHT_M,
            ],
            radius_m: WINDOW_RADIUS_M,
            strength: self.within(strength),
        }
    }

    /// A horizontal unit vector.
    fn direction(&mut self) -> Vector3<f64> {
        let angle = std::f64::consts::TAU * self.0.random::<f64>();
        Vector3::new(angle.cos(), angle.sin(), 0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_differ_by_seed_and_stay_in_their_ranges() {
        let distribution = CellDistribution::default();
        for seed in 0..200 {
            let cell = distribution.draw(seed);
            assert_eq!(cell, distribution.draw(seed));
            assert_ne!(cell, distribution.draw(seed + 1));
            let shift = cell.extrinsic_error.translation.vector.xy().norm();
            assert!((0.003..=0.007).contains(&shift), "{shift}");
            let tool = cell.tool_from_configured.x_m.hypot(cell.tool_from_configured.y_m);
            assert!((0.001..=0.004).contains(&tool), "{tool}");
            assert!(cell.depth_bias_m.abs() <= 0.004);
            assert!((0.3..=0.45).contains(&cell.friction.pads));
        }
    }

    #[test]
    fn a_perfect_cell_has_no_error() {
        let cell = CellDistribution::PERFECT.draw(3);
        assert!(cell.extrinsic_error.translation.vector.norm() < 1e-15);
        assert!(cell.extrinsic_error.rotation.angle() < 1e-15);
        assert_eq!(cell.tool_from_configured, PlanarPose::default());
        assert_eq!(cell.depth_bias_m, 0.0);
    }

    #[test]
    fn ranges_that_fall_are_refused_by_key() {
        let broken =
            CellDistribution { tool_shift_m: [0.003, 0.001], ..CellDistribution::default() };
        assert_eq!(broken.validate().unwrap_err().key, "tool_shift_m");
    }
}
