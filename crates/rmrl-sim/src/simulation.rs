//! A simulated cell: its configuration, its devices, and its hidden truth.

use std::f64::consts::{FRAC_PI_2, PI};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use nalgebra::{Isometry3, Translation3, UnitQuaternion};
use rmrl_cell::{
    Arm, Camera, DeviceError, Devices, FirstMotion, Gripper, Operator, Place, TaskConfig, TaskKind,
    ToolPose,
};
use rmrl_core::PlanarPose;
use rmrl_vision::{CameraModel, ChessboardError, Distortion, Intrinsics, PlateGeometry, RgbdFrame};
use serde::{Deserialize, Serialize};

use crate::dynamics::{CLOSED_HALF_OPENING_M, OPEN_HALF_OPENING_M};
use crate::parameters::{CellDistribution, CellDistributionError, WORKSPACE_CENTER_M};
use crate::world::{GraspTruth, GroundTruth, World, WorldState};
use crate::{PlateLook, Receptacle, SensorNoise, TableBoard};

/// The simulated camera.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SimulatedCamera {
    /// Image width in pixels; the height is three quarters of it. Default 640.
    pub width_px: u32,
    /// Height of the camera above the table, in metres. Default 0.8.
    pub height_m: f64,
    /// How far it moves from one scene to the next, in metres, in a horizontal direction of the cell's
    /// own, while the software believes it where it was. Default 0: it stays.
    pub drift_m_per_scene: f64,
}

impl Default for SimulatedCamera {
    fn default() -> Self {
        Self { width_px: 640, height_m: 0.8, drift_m_per_scene: 0.0 }
    }
}

/// How to simulate.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SimulationConfig {
    /// What cells are drawn from.
    pub cells: CellDistribution,
    /// The camera.
    pub camera: SimulatedCamera,
    /// The camera's noise.
    pub noise: SensorNoise,
    /// A chessboard on the table. Default: none, or the reference board of `camera.drift` where that is
    /// looked at.
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
    /// A range that no cell can be drawn from.
    #[error("cells.{0}")]
    Cells(#[from] CellDistributionError),
    /// A board that cannot be used.
    #[error("board: {0}")]
    Board(#[source] ChessboardError),
    /// The software's camera has pictures of another size than the simulated one.
    #[error(
        "the camera was calibrated with pictures of {calibrated:?}, the simulated one makes {simulated:?} \
         (simulation.camera.width_px)"
    )]
    CameraSize {
        /// Width and height by the calibration.
        calibrated: (u32, u32),
        /// Those of the simulated camera.
        simulated: (u32, u32),
    },
    /// A task that the simulated cell has no room or no means for.
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
    /// The first value that cannot be simulated.
    pub fn validate(&self) -> Result<(), SimulationConfigError> {
        self.cells.validate()?;
        if let Some(board) = &self.board {
            board.board.validate().map_err(SimulationConfigError::Board)?;
        }
        let share = 0.0..=1.0;
        let centimetres = 0.000_5..=0.03;
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
                centimetres.contains(&self.table_box.clearance_m),
                "0.0005 to 0.03",
            ),
            (
                "shelf_slot.clearance_m",
                self.shelf_slot.clearance_m,
                centimetres.contains(&self.shelf_slot.clearance_m),
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

    /// Checks that a task can be simulated: the arm gets to the plate, and nothing stands in
    /// anything else.
    ///
    /// # Errors
    /// The first value of the task that cannot be simulated.
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
        // Round figures around what may be turned either way.
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

/// Both tasks' places, which both stand in every cell: the chosen task's as it says, the other's by
/// default.
pub(crate) fn places(task: &TaskConfig) -> [(TaskKind, Place); 2] {
    TaskKind::ALL.map(|kind| {
        let place = if kind == task.kind { task.place } else { TaskConfig::of(kind).place };
        (kind, place)
    })
}

/// What the gripper closes and opens to, in metres.
const CLOSED_M: f64 = 2.0 * CLOSED_HALF_OPENING_M;
const OPEN_M: f64 = 2.0 * OPEN_HALF_OPENING_M;

/// A camera hanging over the middle of the workspace, looking straight down: image right is the
/// world's -y, image up its +x.
pub(crate) fn camera_over_workspace(camera: &SimulatedCamera) -> CameraModel {
    let width = f64::from(camera.width_px);
    // The D435's colour camera: 612 px at 640.
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

/// One simulated cell. Clones share the same world, as devices on one table do.
#[derive(Clone)]
pub struct SimulatedCell {
    world: Arc<Mutex<World>>,
}

impl SimulatedCell {
    /// The cell of a seed, built for a task.
    ///
    /// `cell_seed` decides its calibration error, tool offset, depth bias, friction, light and bench,
    /// and the look of each scene's plate;
    /// `noise_seed` all noise of its devices from then on.
    ///
    /// # Errors
    /// A configuration that cannot be simulated.
    pub fn new(
        config: &SimulationConfig,
        task: &TaskConfig,
        cell_seed: u64,
        noise_seed: u64,
    ) -> Result<Self, SimulationConfigError> {
        config.validate()?;
        config.check_task(task)?;
        let world = World::new(config, task, cell_seed, noise_seed);
        Ok(Self { world: Arc::new(Mutex::new(world)) })
    }

    /// Gives the software another idea of the camera than the one that the cell drew: that of a
    /// calibration.
    ///
    /// # Errors
    /// It is of pictures of another size.
    pub fn calibrate(&self, camera: CameraModel) -> Result<(), SimulationConfigError> {
        let size = |camera: &CameraModel| (camera.intrinsics.width, camera.intrinsics.height);
        let mut world = self.world();
        let (calibrated, simulated) = (size(&camera), size(&world.true_camera()));
        if calibrated != simulated {
            return Err(SimulationConfigError::CameraSize { calibrated, simulated });
        }
        world.calibrate(camera);
        Ok(())
    }

    /// Camera, arm, gripper and the person beside them.
    pub fn devices(&self) -> Devices {
        Devices {
            camera: Box::new(self.clone()),
            arm: Box::new(self.clone()),
            gripper: Box::new(self.clone()),
            operator: Box::new(self.clone()),
        }
    }

    /// The plate as it truly lies: for evaluation, never for a policy.
    pub fn truth(&self) -> GroundTruth {
        self.world().truth()
    }

    /// The truth at each picture since the state was last remembered, oldest first.
    pub fn pictured(&self) -> Vec<GroundTruth> {
        self.world().pictured().to_vec()
    }

    /// How the plate in the cell looks: for evaluation, never for a policy.
    pub fn plate_look(&self) -> PlateLook {
        self.world().plate_look()
    }

    /// What the last grasp truly did since the state was last remembered: for evaluation, never for
    /// a policy.
    pub fn grasp(&self) -> Option<GraspTruth> {
        self.world().grasp()
    }

    /// The true tool in the frame of the configured one: for evaluation, never for a policy.
    pub fn tool_from_configured(&self) -> PlanarPose {
        self.world().tool_from_configured()
    }

    /// The camera as it truly hangs: for evaluation, never for a policy.
    pub fn true_camera(&self) -> CameraModel {
        self.world().true_camera()
    }

    /// All of the world that outlasts a trial.
    pub fn remember(&self) -> WorldState {
        self.world().remember()
    }

    /// Puts the world back as it was when remembered.
    pub fn restore(&self, state: WorldState) {
        self.world().restore(state);
    }

    /// Puts the plate at a pose on the surface at `surface_m`, as no device could.
    pub fn put_plate(&self, pose: PlanarPose, surface_m: f64) {
        self.world().put_plate(pose, surface_m);
    }

    fn world(&self) -> MutexGuard<'_, World> {
        // A panic elsewhere leaves numbers behind, not a broken invariant.
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Camera for SimulatedCell {
    fn capture(&mut self) -> Result<RgbdFrame, DeviceError> {
        Ok(self.world().capture())
    }

    fn model(&self) -> CameraModel {
        self.world().camera()
    }
}

impl Arm for SimulatedCell {
    fn move_to(&mut self, target: ToolPose, speed_m_s: f64) -> Result<ToolPose, DeviceError> {
        self.world().move_tool(target, speed_m_s)
    }

    fn pose(&mut self) -> Result<ToolPose, DeviceError> {
        Ok(self.world().tool())
    }

    fn recover(&mut self) -> Result<(), DeviceError> {
        self.world().recover();
        Ok(())
    }
}

impl Gripper for SimulatedCell {
    fn open(&mut self, width_m: f64) -> Result<(), DeviceError> {
        self.world().open_jaws(width_m)
    }

    fn close(&mut self) -> Result<(), DeviceError> {
        self.world().close_jaws();
        Ok(())
    }

    fn holds_object(&mut self) -> Result<bool, DeviceError> {
        Ok(self.world().holds_plate())
    }

    fn recover(&mut self) -> Result<(), DeviceError> {
        Ok(())
    }
}

impl Operator for SimulatedCell {
    /// Nobody is there who could be hurt.
    fn permit_motion(&mut self, _: &FirstMotion) -> Result<(), DeviceError> {
        Ok(())
    }

    fn exchange_plate(&mut self, scene: u32) -> Result<(), DeviceError> {
        self.world().exchange_plate(scene);
        Ok(())
    }

    fn put_plate_at_target(&mut self) -> Result<(), DeviceError> {
        self.world().put_plate_at_target();
        Ok(())
    }

    fn put_plate_near(&mut self, pose: PlanarPose) -> Result<(), DeviceError> {
        self.world().put_plate_near(pose);
        Ok(())
    }
}
