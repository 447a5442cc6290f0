//! The hidden truth of one cell, drawn from the distribution of cells.

use nalgebra::{Isometry3, Translation3, UnitQuaternion, Vector3};
use rand::RngExt;
use rmrl_core::{PlanarPose, Rng, random_stream};
use rmrl_vision::Distortion;
use serde::{Deserialize, Serialize};

use crate::scene::arm_truth::ArmTruth;
use crate::scene::cell_distribution::CellDistribution;
use crate::scene::layout::WORKSPACE_CENTER_M;
use crate::scene::lens::draw_lens;
use crate::scene::light::{Light, Window};

/// The hidden truth of one cell. No device reports any of it.
#[derive(Debug, Clone, PartialEq)]
pub struct CellParameters {
    /// `believed_from_true`: where the calibration believes a point of the arm's base frame to be, about the middle of
    /// the workspace.
    pub extrinsic_error: Isometry3<f64>,
    /// What the lens of the camera does; the software believes in a lens without distortion.
    pub lens: Distortion,
    /// Where the arm truly puts its tool.
    pub arm: ArmTruth,
    /// The error of every depth, in meters.
    pub depth_bias_m: f64,
    /// The coefficients of friction.
    pub friction: Friction,
    /// Standard deviation of where the arm stops, each way, in meters.
    pub repeatability_m: f64,
    /// The light.
    pub light: Light,
}

/// The coefficients of friction of one cell.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Friction {
    /// Between finger pads and plate.
    pub pads: f64,
    /// Between the plate and the surfaces that it lies on or slides along.
    pub surfaces: f64,
}

impl CellDistribution {
    /// Draws the cell of a seed.
    pub fn draw(&self, seed: u64) -> CellParameters {
        let mut draw = Draw(random_stream(seed, "cell", [0, 0]));
        let shift = draw.direction() * draw.within(self.extrinsic_shift_m);
        let height_m = draw.either_way(self.extrinsic_height_m);
        let turn_deg = draw.either_way(self.extrinsic_turn_deg);
        let tilt = draw.direction() * draw.within(self.extrinsic_tilt_deg).to_radians();
        let tool_shift = draw.direction() * draw.within(self.tool_shift_m);
        let tool_turn_deg = draw.either_way(self.tool_turn_deg);
        let lamp = draw.direction() * draw.within(LAMP_OFFSET_M);
        CellParameters {
            extrinsic_error: Isometry3::from_parts(
                Translation3::new(shift.x, shift.y, height_m),
                UnitQuaternion::from_axis_angle(&Vector3::z_axis(), turn_deg.to_radians())
                    * UnitQuaternion::from_scaled_axis(tilt),
            ),
            lens: draw_lens(self.lens_residual_px, seed),
            arm: ArmTruth::draw(
                self,
                seed,
                PlanarPose::new(tool_shift.x, tool_shift.y, tool_turn_deg.to_radians()),
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

/// How far beside the workspace the lamp hangs, in meters.
const LAMP_OFFSET_M: [f64; 2] = [0.2, 0.7];
/// Height of the lamp, in meters.
const LAMP_HEIGHT_M: f64 = 1.6;
/// Radius of the lamp, a ceiling panel, in meters.
const LAMP_RADIUS_M: f64 = 0.3;

/// Distance of the window, in meters.
const WINDOW_DISTANCE_M: [f64; 2] = [1.0, 1.4];
/// How far the window may be to the side of the bench's long axis, in radians.
const WINDOW_ASIDE_RAD: f64 = 0.6;
/// Height of the window's middle above the bench, in meters.
const WINDOW_HEIGHT_M: f64 = 1.2;
/// Radius of the window, a single pane, in meters.
const WINDOW_RADIUS_M: f64 = 0.3;

/// Draws the parameters of one cell.
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
            let tool = cell.arm.tool_from_configured();
            let tool = tool.x_m.hypot(tool.y_m);
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
        assert_eq!(cell.arm.tool_from_configured(), PlanarPose::default());
        assert_eq!(cell.depth_bias_m, 0.0);
    }
}
