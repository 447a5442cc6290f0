//! A simulated work cell behind the device traits of `rmrl-cell`.
//!
//! A [`SimulatedCell`] is drawn from a seed: how its camera was miscalibrated, how far its tool is
//! off, its friction and light. Its camera, arm and gripper behave like devices and report no more
//! than devices do; [`SimulatedCell::truth`] tells what no device knows, for evaluation.
//!
//! Physics runs in rapier3d while fingers may touch the plate ([`GraspDynamics`]), pictures come
//! from an analytic ray tracer and a model of the RealSense D435.

mod appearance;
mod board;
mod calibration;
mod clutter;
mod dynamics;
mod eye;
mod layout;
mod parameters;
mod render;
mod sensor;
mod simulation;
mod way;
mod world;

pub use appearance::PlateLook;
pub use board::BoardPicture;
pub use calibration::{
    CalibrationPictures, PairPictures, SimulatedCalibration, SimulatedCalibrationConfig,
    WristPicture,
};
pub use dynamics::{Friction, GRIP_FORCE_N, GraspDynamics, Hand, MotionEnd};
pub use layout::{Cuboid, Material, Paint, Receptacle, TableBoard};
pub use parameters::{CellDistribution, CellDistributionError, CellParameters};
pub use render::{Light, Window};
pub use sensor::SensorNoise;
pub use simulation::{SimulatedCamera, SimulatedCell, SimulationConfig, SimulationConfigError};
pub use world::{GraspTruth, GroundTruth, HandTruth, WorldState};
