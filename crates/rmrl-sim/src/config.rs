//! How to simulate a cell: the configuration, its checks, and the camera that it describes.

use std::f64::consts::{FRAC_PI_2, PI};

use nalgebra::{Isometry3, Translation3, UnitQuaternion};
use rmrl_cell::TaskConfig;
use rmrl_core::PlanarPose;
use rmrl_vision::{CameraModel, ChessboardError, Distortion, Intrinsics, PlateGeometry};
use serde::{Deserialize, Serialize};

use crate::physics::hand::{CLOSED_HALF_OPENING_M, OPEN_HALF_OPENING_M};
use crate::scene::cell_distribution::{CellDistribution, CellDistributionError};
use crate::scene::layout::{Receptacle, WORKSPACE_CENTER_M, places};
use crate::scene::table_board::TableBoard;

/// The simulated camera.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SimulatedCamera {
    /// Image width in pixels; the height is three quarters of it. Default 640.
    pub width_px: u32,
    /// Height of the camera above the table, in meters. Default 0.8.
    pub height_m: f64,
    /// How far the camera moves from one scene to the next, in meters, in a horizontal direction that
    /// the cell's seed decides. The software does not know of it. Default 0.
    pub drift_m_per_scene: f64,
}

impl Default for SimulatedCamera {
    fn default() -> Self {
        Self { width_px: 640, height_m: 0.8, drift_m_per_scene: 0.0 }
    }
}

/// The noise of one camera.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SensorNoise {
    /// Standard deviation of the noise of colors, in levels of 255. Default 1.5.
    pub color_levels: f64,
    /// Standard deviation of the noise of the disparity, in pixels. Default 0.08, typical; 0.03 is
    /// the best seen. At 0.8 m it makes 2.7 mm.
    pub disparity_px: f64,
    /// The share of black surfaces without a depth. Default 0.08.
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
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SimulationConfig {
    /// The distribution that cells are drawn from.
    pub cells: CellDistribution,
    /// The camera.
    pub camera: SimulatedCamera,
    /// The camera's noise.
    pub noise: SensorNoise,
    /// A chessboard on the table. Default: none, or the reference board of `camera.drift` if that is
    /// configured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub board: Option<TableBoard>,
    /// The plate.
    pub plate: PlateGeometry,
    /// The box on the table. Default: 10 mm to each side, walls of 12 mm. The paper places plates
    /// with a mean error of 5.8 mm into its box.
    pub table_box: Receptacle,
    /// The slot on the shelf. Default: 3 mm to each side, walls of 12 mm. In the paper, policies
    /// with mean errors of 3.6, 3.0 and 2.1 mm succeed in 50, 70 and 100 % of trials.
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
    /// An invalid range of the distribution of cells.
    #[error("cells.{0}")]
    Cells(#[from] CellDistributionError),
    /// An invalid board.
    #[error("board: {0}")]
    Board(#[source] ChessboardError),
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
    /// A task that the simulated cell cannot carry out.
    #[error("{key} is {value}, expected {expected}")]
    Task {
        /// The task's key.
        key: &'static str,
        /// What was given.
        value: String,
        /// What was expected.
        expected: &'static str,
    },
    /// A value out of its range.
    #[error("{key} is {value}, expected {expected}")]
    Value {
        /// The configuration's key.
        key: &'static str,
        /// What was given.
        value: f64,
        /// What was expected.
        expected: &'static str,
    },
}

impl SimulationConfig {
    /// Checks every value.
    ///
    /// # Errors
    /// The first invalid value.
    pub fn validate(&self) -> Result<(), SimulationConfigError> {
        self.cells.validate()?;
        if let Some(board) = &self.board {
            board.board.validate().map_err(SimulationConfigError::Board)?;
        }
        let share = 0.0..=1.0;
        let centimeters = 0.000_5..=0.03;
        let walls = 0.001..=0.05;
        let width = f64::from(self.camera.width_px);
        for (key, value, valid, expected) in [
            (
                "camera.width_px",
                width,
                (160.0..=1920.0).contains(&width) && self.camera.width_px.is_multiple_of(4),
                "a multiple of 4 from 160 to 1920",
            ),
            (
                "camera.height_m",
                self.camera.height_m,
                (0.4..=2.0).contains(&self.camera.height_m),
                "0.4 to 2.0",
            ),
            (
                "camera.drift_m_per_scene",
                self.camera.drift_m_per_scene,
                (0.0..=0.01).contains(&self.camera.drift_m_per_scene),
                "0 to 0.01",
            ),
            (
                "noise.color_levels",
                self.noise.color_levels,
                (0.0..=50.0).contains(&self.noise.color_levels),
                "0 to 50",
            ),
            (
                "noise.disparity_px",
                self.noise.disparity_px,
                (0.0..=2.0).contains(&self.noise.disparity_px),
                "0 to 2",
            ),
            (
                "noise.black_dropout",
                self.noise.black_dropout,
                share.contains(&self.noise.black_dropout),
                "a share between 0 and 1",
            ),
            (
                "table_box.clearance_m",
                self.table_box.clearance_m,
                centimeters.contains(&self.table_box.clearance_m),
                "0.0005 to 0.03",
            ),
            (
                "shelf_slot.clearance_m",
                self.shelf_slot.clearance_m,
                centimeters.contains(&self.shelf_slot.clearance_m),
                "0.0005 to 0.03",
            ),
            (
                "table_box.wall_height_m",
                self.table_box.wall_height_m,
                walls.contains(&self.table_box.wall_height_m),
                "0.001 to 0.05",
            ),
            (
                "shelf_slot.wall_height_m",
                self.shelf_slot.wall_height_m,
                walls.contains(&self.shelf_slot.wall_height_m),
                "0.001 to 0.05",
            ),
            (
                "plate.width_m",
                self.plate.width_m,
                (CLOSED_M + 0.001..OPEN_M).contains(&self.plate.width_m),
                "0.072 to 0.15, between what the gripper closes and opens to",
            ),
            (
                "plate.length_m",
                self.plate.length_m,
                (0.03..=0.2).contains(&self.plate.length_m),
                "0.03 to 0.2",
            ),
            (
                "plate.height_m",
                self.plate.height_m,
                (0.005..=0.05).contains(&self.plate.height_m),
                "0.005 to 0.05",
            ),
        ] {
            if !valid {
                return Err(SimulationConfigError::Value { key, value, expected });
            }
        }
        Ok(())
    }

    /// Checks that a task can be simulated: the arm reaches the plate, and no two things overlap.
    ///
    /// # Errors
    /// The first value of the task that rules it out.
    pub fn check_task(&self, task: &TaskConfig) -> Result<(), SimulationConfigError> {
        let wrong = |key, value: f64, expected| {
            Err(SimulationConfigError::Task { key, value: value.to_string(), expected })
        };
        if task.start_surface_m != 0.0 {
            let expected = "0: plates start on the simulated table";
            return wrong("task.start_surface_m", task.start_surface_m, expected);
        }
        if !(self.plate.width_m..=OPEN_M).contains(&task.jaw_opening_m) {
            let expected =
                "more than the plate's width and at most 0.15, what the gripper opens to";
            return wrong("task.jaw_opening_m", task.jaw_opening_m, expected);
        }
        let walls_m = self.table_box.wall_height_m.max(self.shelf_slot.wall_height_m);
        if task.contact_height_m < walls_m {
            let expected =
                "at least the wall_height_m of the box and the slot, which plates may meet";
            return wrong("task.contact_height_m", task.contact_height_m, expected);
        }
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
            if nearest.distance_m(place) < 2.0 * reach_m + clearance_m {
                let expected = "a region farther away from the box and the shelf";
                let value = format!("x {:?}, y {:?}", task.start.x_m, task.start.y_m);
                return Err(SimulationConfigError::Task { key: "task.start", value, expected });
            }
        }
        let apart_m = places[0].distance_m(places[1]);
        if apart_m < self.plate.length_m + 2.0 * clearance_m {
            let value = format!("({}, {})", task.place.x_m, task.place.y_m);
            let expected = "a place farther away from the other task's";
            return Err(SimulationConfigError::Task { key: "task.place", value, expected });
        }
        Ok(())
    }
}

/// The width that the gripper closes to, in meters.
const CLOSED_M: f64 = 2.0 * CLOSED_HALF_OPENING_M;
/// The width that the gripper opens to, in meters.
const OPEN_M: f64 = 2.0 * OPEN_HALF_OPENING_M;

/// A camera that hangs over the middle of the workspace, looking straight down: image right is the
/// world's -y, image up its +x.
pub(crate) fn camera_over_workspace(camera: &SimulatedCamera) -> CameraModel {
    let width = f64::from(camera.width_px);
    // The color camera of a D435: 612 px at 640.
    let focal_px = 612.0 / 640.0 * width;
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
