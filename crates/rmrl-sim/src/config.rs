//! How to simulate a cell: the configuration, its checks, and the camera that it describes.

use std::f64::consts::{FRAC_PI_2, PI};

use nalgebra::{Isometry3, Translation3, UnitQuaternion};
use rmrl_cell::TaskConfig;
use rmrl_core::{Check, ConfigKeys, InvalidKey, PlanarPose};
use rmrl_vision::{CameraModel, Distortion, Intrinsics, PlateGeometry};
use serde::{Deserialize, Serialize};

use crate::laboratory_error::LaboratoryError;
use crate::physics::hand::{CLOSED_HALF_OPENING_M, OPEN_HALF_OPENING_M};
use crate::scene::cell_distribution::CellDistribution;
use crate::scene::layout::{Receptacle, WORKSPACE_CENTER_M, places};
use crate::scene::lens::{REFERENCE_FOCAL_PX, REFERENCE_WIDTH_PX};
use crate::scene::table_board::TableBoard;

/// The simulated camera.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ConfigKeys)]
#[serde(default, deny_unknown_fields)]
pub struct SimulatedCamera {
    /// Image width in pixels; the height is three quarters of it. Default 640.
    #[key(
        at_least = 160,
        at_most = 1920,
        valid = is_multiple_of_four,
        expected = "a multiple of 4 from 160 to 1920"
    )]
    pub width_px: u32,
    /// Height of the camera above the table, in meters. Default 0.8.
    #[key(at_least = 0.4, at_most = 2.0)]
    pub height_m: f64,
    /// How far the camera moves from one scene to the next, in meters, in a horizontal direction that
    /// the cell's seed decides. The software does not know of it. Default 0.
    #[key(at_least = 0, at_most = 0.01)]
    pub drift_m_per_scene: f64,
    /// The first scene after something bumped the camera, which stays there; 0: nothing does. The software does not
    /// know of it. A scene is a trial where `schedule.trials_per_scene` is 1, as with fixed policies. Every evaluation
    /// counts its own scenes from 1. Default 0.
    #[key(at_least = 0, limit = 1_000_000)]
    pub bump_scene: u32,
    /// How far the bump moves the camera, in meters, in a horizontal direction that the cell's seed decides. Default 0.
    #[key(at_least = 0, at_most = 0.05)]
    pub bump_m: f64,
    /// How far the bump turns the camera about its optical axis, in degrees. The cell's seed decides which way. Default 0.
    #[key(at_least = 0, at_most = 10)]
    pub bump_turn_deg: f64,
    /// How far the bump tilts the camera about a horizontal axis through it, in degrees. The cell's seed decides the
    /// axis. At a height of 0.8 m a tilt of 0.1 degrees moves the picture by 1.4 mm. Default 0.
    #[key(at_least = 0, at_most = 5)]
    pub bump_tilt_deg: f64,
}

impl Default for SimulatedCamera {
    fn default() -> Self {
        Self {
            width_px: 640,
            height_m: 0.8,
            drift_m_per_scene: 0.0,
            bump_scene: 0,
            bump_m: 0.0,
            bump_turn_deg: 0.0,
            bump_tilt_deg: 0.0,
        }
    }
}

fn is_multiple_of_four(width_px: u32) -> bool {
    width_px.is_multiple_of(4)
}

/// The noise of one camera.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ConfigKeys)]
#[serde(default, deny_unknown_fields)]
pub struct SensorNoise {
    /// Standard deviation of the noise of colors, in levels of 255. Default 1.5.
    #[key(at_least = 0, at_most = 50)]
    pub color_levels: f64,
    /// Standard deviation of the noise of the disparity, in pixels. Default 0.08, typical; 0.03 is
    /// the best seen. At 0.8 m it makes 2.7 mm.
    #[key(at_least = 0, at_most = 2)]
    pub disparity_px: f64,
    /// The share of black surfaces without a depth. Default 0.08.
    #[key(at_least = 0, at_most = 1)]
    pub black_dropout: f64,
}

impl Default for SensorNoise {
    fn default() -> Self {
        Self { color_levels: 1.5, disparity_px: 0.08, black_dropout: 0.08 }
    }
}

impl SensorNoise {
    /// A perfect sensor: no noise, no dropouts. Depth is still smoothed and rounded.
    pub const NONE: Self = Self { color_levels: 0.0, disparity_px: 0.0, black_dropout: 0.0 };
}

/// How to simulate a cell.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ConfigKeys)]
#[config(rules = Self::check_together)]
#[serde(default, deny_unknown_fields)]
pub struct SimulationConfig {
    /// The distribution that cells are drawn from.
    #[key(nested)]
    pub cells: CellDistribution,
    /// The camera.
    #[key(nested)]
    pub camera: SimulatedCamera,
    /// The camera's noise.
    #[key(nested)]
    pub noise: SensorNoise,
    /// A chessboard on the table. Default: none, or the reference board of `camera.drift` if that is
    /// configured.
    #[key(nested)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub board: Option<TableBoard>,
    /// The plate.
    #[key(nested)]
    pub plate: PlateGeometry,
    /// The box on the table. Default: 10 mm to each side, walls of 12 mm. The paper places plates
    /// with a mean error of 5.8 mm into its box.
    #[key(nested)]
    pub table_box: Receptacle,
    /// The slot on the shelf. Default: 3 mm to each side, walls of 12 mm. In the paper, policies
    /// with mean errors of 3.6, 3.0 and 2.1 mm succeed in 50, 70 and 100 % of trials.
    #[key(nested)]
    pub shelf_slot: Receptacle,
}

impl Default for SimulationConfig {
    fn default() -> Self {
        Self {
            cells: CellDistribution::default(),
            camera: SimulatedCamera::default(),
            noise: SensorNoise::default(),
            board: None,
            plate: PlateGeometry::default(),
            table_box: Receptacle { clearance_m: 0.010, wall_height_m: 0.012 },
            shelf_slot: Receptacle { clearance_m: 0.003, wall_height_m: 0.012 },
        }
    }
}

/// Why a cell cannot be simulated.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum SimulationConfigError {
    /// An invalid value of the configuration or of the task.
    #[error(transparent)]
    Config(#[from] InvalidKey),
    /// An invalid laboratory.
    #[error(transparent)]
    Laboratory(#[from] LaboratoryError),
    /// A calibration for images of another size than the simulated ones.
    #[error(
        "the camera was calibrated with images of {calibrated:?}, the simulated one makes {simulated:?} \
         (simulation.camera.width_px)"
    )]
    CameraSize {
        /// Width and height of the calibration's images, in pixels.
        calibrated: (u32, u32),
        /// Width and height of the simulated images, in pixels.
        simulated: (u32, u32),
    },
}

/// The width that the gripper closes to, in meters.
const CLOSED_M: f64 = 2.0 * CLOSED_HALF_OPENING_M;
/// The width that the gripper opens to, in meters.
const OPEN_M: f64 = 2.0 * OPEN_HALF_OPENING_M;

impl SimulationConfig {
    fn check_together(&self, check: &Check<'_>) -> Result<(), InvalidKey> {
        let PlateGeometry { length_m, width_m, height_m, chamfer_m } = self.plate;
        check.require(
            "plate.width_m",
            width_m,
            (CLOSED_M + 0.001..OPEN_M).contains(&width_m),
            "from 0.072 to 0.15, between what the gripper closes and opens to",
        )?;
        for (key, value, [least, most]) in [
            ("plate.length_m", length_m, [0.03, 0.2]),
            ("plate.height_m", height_m, [0.005, 0.05]),
            ("plate.chamfer_m", chamfer_m, [0.0, 0.02]),
        ] {
            let is_valid = (least..=most).contains(&value);
            check.require(key, value, is_valid, format!("from {least} to {most}"))?;
        }
        Ok(())
    }

    /// Checks that a task can be simulated: the arm reaches the plate, and no two things overlap.
    ///
    /// # Errors
    /// The first value of the task that rules it out.
    pub fn check_task(&self, task: &TaskConfig) -> Result<(), InvalidKey> {
        let check = Check::new("task");
        check.require(
            "start_surface_m",
            task.start_surface_m,
            task.start_surface_m == 0.0,
            "0: plates start on the simulated table",
        )?;
        check.require(
            "jaw_opening_m",
            task.jaw_opening_m,
            (self.plate.width_m..=OPEN_M).contains(&task.jaw_opening_m),
            "more than the plate's width and at most 0.15, what the gripper opens to",
        )?;
        let walls_m = self.table_box.wall_height_m.max(self.shelf_slot.wall_height_m);
        check.require(
            "contact_height_m",
            task.contact_height_m,
            task.contact_height_m >= walls_m,
            "at least the wall_height_m of the box and the slot, which plates may meet",
        )?;
        self.check_distances(task, &check)
    }

    /// Checks that the region where plates start and the two places are apart.
    fn check_distances(&self, task: &TaskConfig, check: &Check<'_>) -> Result<(), InvalidKey> {
        let places = places(task).map(|(_, place)| place.pose());
        // Circles around what may be turned in any direction.
        let reach_m = 0.5 * self.plate.length_m.hypot(self.plate.width_m);
        let clearance_m = self.table_box.clearance_m.max(self.shelf_slot.clearance_m);
        let within = |[from, to]: [f64; 2], value: f64| value.clamp(from, to);
        for place in places {
            let nearest = PlanarPose::new(
                within(task.start.x_m, place.x_m),
                within(task.start.y_m, place.y_m),
                0.0,
            );
            check.require(
                "start",
                format!("x {:?}, y {:?}", task.start.x_m, task.start.y_m),
                nearest.distance_m(place) >= 2.0 * reach_m + clearance_m,
                "a region farther away from the box and the shelf",
            )?;
        }
        check.require(
            "place",
            format!("({}, {})", task.place.x_m, task.place.y_m),
            places[0].distance_m(places[1]) >= self.plate.length_m + 2.0 * clearance_m,
            "a place farther away from the other task's",
        )
    }
}

/// A camera that hangs over the middle of the workspace, looking straight down: image right is the
/// world's -y, image up its +x.
pub(crate) fn camera_over_workspace(camera: &SimulatedCamera) -> CameraModel {
    let width = f64::from(camera.width_px);
    let focal_px = REFERENCE_FOCAL_PX / REFERENCE_WIDTH_PX * width;
    let looking_down = UnitQuaternion::from_euler_angles(0.0, 0.0, -FRAC_PI_2)
        * UnitQuaternion::from_euler_angles(PI, 0.0, 0.0);
    CameraModel {
        intrinsics: Intrinsics {
            width: camera.width_px,
            height: camera.width_px * 3 / 4,
            fx: focal_px,
            fy: focal_px,
            cx: 0.5 * (width - 1.0),
            cy: 0.5 * (0.75 * width - 1.0),
            distortion: Distortion::default(),
        },
        world_from_camera: Isometry3::from_parts(
            Translation3::new(WORKSPACE_CENTER_M[0], WORKSPACE_CENTER_M[1], camera.height_m),
            looking_down,
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A message of the configuration's check, after a change of the default.
    fn refusal(change: impl FnOnce(&mut SimulationConfig)) -> String {
        let mut config = SimulationConfig::default();
        change(&mut config);
        config.validate().unwrap_err().to_string()
    }

    #[test]
    fn invalid_values_are_named_by_their_keys() {
        for (message, key) in [
            (refusal(|config| config.cells.lid_share = 1.5), "cells.lid_share is 1.5"),
            (refusal(|config| config.camera.width_px = 642), "camera.width_px is 642"),
            (refusal(|config| config.noise.disparity_px = f64::NAN), "noise.disparity_px is NaN"),
            (refusal(|config| config.plate.width_m = 0.15), "plate.width_m is 0.15"),
            (refusal(|config| config.plate.chamfer_m = f64::NAN), "plate.chamfer_m is NaN"),
            (refusal(|config| config.table_box.clearance_m = 0.0), "table_box.clearance_m is 0"),
        ] {
            assert!(message.starts_with(key), "{message}");
        }
        assert_eq!(SimulationConfig::default().validate(), Ok(()));
    }

    #[test]
    fn a_board_is_checked_with_its_place() {
        let board = rmrl_vision::Chessboard { corners: "9x6".parse().unwrap(), square_m: -1.0 };
        let message = refusal(|config| config.board = Some(TableBoard::beside_workspace(board)));
        assert!(message.starts_with("board.board.square_m is -1"), "{message}");
        let board = rmrl_vision::Chessboard { square_m: 0.02, ..board };
        let far = TableBoard { x_m: f64::NAN, ..TableBoard::beside_workspace(board) };
        let message = refusal(|config| config.board = Some(far));
        assert!(message.starts_with("board.x_m is NaN"), "{message}");
    }

    #[test]
    fn a_task_that_does_not_fit_the_cell_is_named_by_its_key() {
        let config = SimulationConfig::default();
        let refusal = |change: fn(&mut TaskConfig)| {
            let mut task = TaskConfig::table();
            change(&mut task);
            config.check_task(&task).unwrap_err().to_string()
        };
        for (message, key) in [
            (refusal(|task| task.start_surface_m = 0.1), "task.start_surface_m is 0.1"),
            (refusal(|task| task.jaw_opening_m = 0.2), "task.jaw_opening_m is 0.2"),
            (refusal(|task| task.contact_height_m = 0.001), "task.contact_height_m is 0.001"),
            (refusal(|task| task.start.y_m = [0.0, 0.2]), "task.start is x"),
            (refusal(|task| task.place = TaskConfig::shelf().place), "task.place is ("),
        ] {
            assert!(message.starts_with(key), "{message}");
        }
    }
}
