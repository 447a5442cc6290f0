//! A simulated work cell behind the device traits of `rmrl-cell`.
//!
//! A [`SimulatedCell`] is drawn from a seed: the errors of its camera's calibration and of its tool,
//! its friction, its light and its clutter. Camera, arm and gripper report no more than real devices
//! do. [`SimulatedCell::truth`] returns what no device knows, for evaluation. It has one plate and the
//! places of the tasks, or is a laboratory: items in slots ([`SimulatedCell::laboratory`]).
//!
//! From the bottom up; each room knows only those before it:
//!
//! - `scene`: what stands and shines in a cell. `cell_distribution` and `cell_parameters` define how
//!   cells differ and draw one. `layout` has the workspace and the walls around the tasks' places,
//!   `nest` a tray with a lead-in, `clutter` the other objects, `table_board` a chessboard, `cuboid` the shape of all of them.
//!   `appearance` is the look of plates, `light` lamp and window, `lens` what the camera's lens does. `arm_truth` is
//!   where the arm truly puts its tool, by `true_kinematics`, `table_slope` and `tool_offset`.
//!   `solid` and `arm_shape` are an arm before the camera, for calibration images.
//! - `physics`: contact in rapier3d. `bodies` sets up rapier, `load_motion` notices what its solver throws, `grasp_dynamics` moves hand and jaws
//!   step by step, `linear_motion` has the speed profile, `free_air` and `load_air` say where what is held meets
//!   nothing, `hand_near_load` where an empty hand may touch something, `obstacles` stops the hand. `hand`, `hand_shape`,
//!   `block`, `load`, `rim` and `fixed_bodies` have the shapes.
//! - `laboratory_config`, `laboratory_error`: the slots, items and gripper of a laboratory, and their checks.
//! - `config`: [`SimulationConfig`], its checks, and the camera that it describes.
//! - `camera`: images. `render` traces rays and traces only those pixels again that `moving_things`
//!   (plates, hand, other bodies) change; `d435_noise` makes a D435's frame of the result, with `depth_noise` and `normal_noise`.
//!   `overhead_camera` joins both where the camera truly hangs; `camera_mount` knows that for each scene. `chessboard_view` renders
//!   calibration images. `ideal_frame`, `pixel_region`, `scene_view` and `srgb` are their data.
//! - `ground_truth`, `item_truth`: what is true of plate and grasp, and of the items of a laboratory.
//! - `world`: the state of a cell and what changes it. `world/fixtures` builds what stands in a cell of a task,
//!   `world/slot_place` in a laboratory. `world/contact` runs physics only where anything may touch what moves: the plate in
//!   `world/plate_contact`, one of several items in `world/laboratory_contact`. `world/items` knows what lies on what, and
//!   `world/initial_items` how a person has put it there. `world/laboratory` is what a laboratory has beside a cell of a task,
//!   `world/state` what outlasts a trial.
//! - `simulated_cell`: the devices.
//! - `calibration_session`: all views of a camera calibration, with the arm's poses.
//! - `held_board`: an arm that holds a chessboard before the overhead camera.

mod calibration_session;
mod camera;
mod config;
mod ground_truth;
mod held_board;
mod item_truth;
mod laboratory_config;
mod laboratory_error;
mod physics;
mod scene;
mod simulated_cell;
mod world;

pub use calibration_session::{
    CalibrationViews, PairViews, SimulatedCalibration, SimulatedCalibrationConfig, WristView,
};
pub use camera::chessboard_view::ChessboardView;
pub use config::{SensorNoise, SimulatedCamera, SimulationConfig, SimulationConfigError};
pub use ground_truth::{GraspTruth, GroundTruth, HandTruth};
pub use held_board::{HeldBoardConfig, SimulatedHeldBoard};
pub use item_truth::{ItemTruth, SlotError};
pub use laboratory_config::{
    ItemKind, SimulatedGripper, SimulatedItem, SimulatedLaboratory, SimulatedSlot, SlotWalls,
};
pub use laboratory_error::LaboratoryError;
pub use physics::grasp_dynamics::{GraspDynamics, MotionEnd};
pub use physics::hand::Hand;
pub use physics::rim::Rim;
pub use scene::appearance::PlateLook;
pub use scene::arm_truth::ArmTruth;
pub use scene::cell_distribution::CellDistribution;
pub use scene::cell_parameters::{CellParameters, Friction};
pub use scene::cuboid::{Cuboid, Material, Paint};
pub use scene::layout::Receptacle;
pub use scene::light::{Light, Window};
pub use scene::table_board::TableBoard;
pub use simulated_cell::SimulatedCell;
pub use world::laboratory::LaboratoryState;
pub use world::state::WorldState;
