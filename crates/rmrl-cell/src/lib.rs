//! The work cell: the devices, the safety envelope, the task, and the pick-and-place trial over them.
//!
//! Camera, arm, gripper and operator are four small traits ([`Camera`], [`Arm`], [`Gripper`], [`Operator`]).
//! Simulated and real cells implement them; [`PickPlace`], the one-step MDP of the paper, runs over them and does not
//! know which it has. Every motion passes a [`SafetyEnvelope`] on its way to the arm.
//!
//! The map, from the bottom to the top:
//!
//! - `devices`: the four traits, an arm for calibration, the tool's pose, the errors of devices, the first motion
//! - `stop`: the switch that stops every device, and whether the devices have confirmed the stop
//! - `safety`: the limits of every motion, contact, and the only path to the arm
//! - `recovery`: how lost devices are tried again
//! - `playback_camera`: a camera that plays back what another one recorded
//! - `task`: from where to where, how fast, and what counts as done
//! - `site`: the places between which plates are moved, and how the tool enters and leaves them
//! - `manipulation`: grasping, carrying, releasing
//! - `trial`: the trial, the search for the plate, perception, and the drift monitor
//! - `with_sources`: an error and its sources as text

mod devices;
mod manipulation;
mod playback_camera;
mod recovery;
mod safety;
mod site;
mod stop;
mod task;
mod trial;
mod with_sources;

pub use devices::{
    Arm, Camera, DeviceError, Devices, FirstMotion, FlangeArm, FlangeLine, Gripper, Operator,
    OutOfSlot, ToolPose,
};
pub use manipulation::{GraspOutcome, Manipulator};
pub use playback_camera::PlaybackCamera;
pub use recovery::Recovery;
pub use safety::{
    AfterContact, Axis, Descent, GuardedArm, GuardedFlange, MAX_FLANGE_SPEED_M_S,
    MAX_FLANGE_TILT_DEG, MotionError, SafetyConfig, SafetyEnvelope, SafetyViolation, TiltEnvelope,
    UnexpectedContact, UnsafeActions,
};
pub use site::{
    Access, Followed, Line, Passage, Purpose as PassagePurpose, SiteCamera, SiteConfig,
    SiteManipulator, Slot, SlotError, Slots,
};
pub use stop::{Confirmation, StopSwitch, Stopped};
pub use task::{Place, Region, Seating, Task, TaskConfig, TaskKind, Trajectory, Waypoint};
pub use trial::{
    Capture, CellError, CellEvent, DriftConfig, DriftMonitor, DriftReading, Durations, PickPlace,
    PlateLocation, ReferenceError, Target, TrialEvidence,
};
pub use with_sources::with_sources;
