//! The work cell: what its devices must be able to do, what it never does, and the trial.
//!
//! Camera, arm, gripper and the person beside them are four small traits ([`Camera`], [`Arm`],
//! [`Gripper`], [`Operator`]). Simulated and real cells implement them; [`PickPlace`], the one-step
//! MDP of the paper, runs over them and does not know which it has. Every motion passes a
//! [`SafetyEnvelope`] on its way to the arm.

mod contact;
mod devices;
mod drift;
mod evidence;
mod faults;
mod first_motion;
mod handling;
mod news;
mod pick_place;
mod recorded;
mod recovery;
mod safety;
mod stop;
mod task;
mod trajectory;

pub use contact::{AfterContact, Descent, UnexpectedContact};
pub use devices::{Arm, Camera, DeviceError, Devices, Gripper, Operator, ToolPose};
pub use drift::{
    DriftConfig, DriftConfigError, DriftError, DriftReading, DriftWatch, ReferenceError,
};
pub use evidence::{Capture, Durations, TrialEvidence};
pub use first_motion::FirstMotion;
pub use handling::Handling;
pub use news::CellNews;
pub use pick_place::{CellError, PickPlace, Target, Whereabouts};
pub use recorded::RecordedCamera;
pub use recovery::{Recovery, RecoveryError};
pub use safety::{
    Axis, GuardedArm, MotionError, Refusal, SafetyConfig, SafetyConfigError, SafetyEnvelope,
};
pub use stop::{Confirmation, StopSwitch, Stopped};
pub use task::{Place, Region, Seating, Task, TaskConfig, TaskConfigError, TaskKind, Waypoint};
pub use trajectory::Trajectory;
