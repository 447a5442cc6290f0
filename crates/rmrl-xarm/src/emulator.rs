//! An emulated controller of an xArm 6, an xArm 5 or a UFACTORY 850 with a BIO gripper, over a plant that
//! moves.
//!
//! It speaks the vendor's protocol on the vendor's ports, so that drivers are tested against what they
//! will meet: requests answered in order, motions queued and executed in simulated time, reports
//! pushed, faults on demand. It reads and writes the bytes with its own code and uses none of the driver's,
//! so that a mistake in one is found by the other. Others drive it, too: the vendor's own software
//! (`tools/xarm_sdk_against_emulator.py`), the vendor's examples (`tools/xarm_examples_against_emulator.py`), and
//! PyLabRobot (`tools/pylabrobot_against_emulator.py`).
//!
//! No real controller was available to check the following assumptions:
//!
//! - After an emergency stop, an error of a servo and a collision, motors are off. Only the whole
//!   sequence clear, enable, mode, state makes the arm movable again. After other errors they stay on.
//! - A stop and a pause take no time: the arm stands where its profile was. The rest of a paused
//!   motion begins again from rest.
//! - A motion is checked as a whole before it begins. An impossible motion is an error then, with the
//!   arm where it was: 35 beyond the fence, 23 for a joint's limit, 24 for a joint that is too fast, 21 for
//!   a pose without a solution or a line past a singularity.
//! - Speed rises and falls evenly. A tool that only turns does so at 1.5 rad/s.
//! - A motion that comes at the wrong time or in another mode is answered with "not ready" and forgotten.
//! - A refused request has the bits "invalid" and "warning" in its answer. Later answers do not have them; the
//!   warning's number stays until it is cleared.
//! - In servo mode the arm follows the newest target at its joints' or its tool's greatest speed. A target of the
//!   tool that is more than 10 mm away is not executed, by the vendor's manual.
//! - Velocities rise and fall at the greatest acceleration. In the modes in which the newest motion replaces the one
//!   before, it begins from rest.
//! - A circle keeps the orientation that the tool has at its beginning.
//! - The gripper limits positions beyond its range.
//! - A link of protocol 3 is closed after 90 s of silence.
//!
//! Not emulated: rounded corners, torques and what needs them (the force sensor, the identification of a load),
//! leading the arm by hand, what the functions of inputs and outputs do, offline tasks, and collisions of the arm
//! with itself. With [`Pace::AsFastAsPossible`] no time passes for a velocity that has no end.
//!
//! - `emulated_controller`, `emulator_config`, `firmware`, `plant`, `start_error`: starting it
//! - `connections`: its ports, their threads, and the passing of time
//! - `requests`: what it does with each request; `parameters`: reading a request's bytes; `standard_modbus`: the
//!   other protocol on the same port
//! - `state_report`: the bytes that it reports by itself
//! - `machine`: its state; `controls`: what a request changes at once; `planning` and `execution`: motions,
//!   before they begin and while they last
//! - `drive`, `driving`: motions without a queue, in servo mode and in the velocity modes; `trajectories`, `playing`:
//!   those that are recorded and played back
//! - `signals`: inputs and outputs
//! - `fence`, `task`, `origin`, `circle`, `trajectory`, `error_code`: what these are made of
//! - `emulated_gripper`: the gripper's registers
//! - `keep_outs`: the judge of motions, which measures how near the arm comes to what it has to stay away from;
//!   `judging`: what it is asked, and when
//! - `faults`, `fault_text`: faults on demand; `recording`: what it did

mod circle;
mod connections;
mod controls;
mod drive;
mod driving;
mod emulated_controller;
mod emulated_gripper;
mod emulator_config;
mod error_code;
mod execution;
mod fault_text;
mod faults;
mod fence;
mod firmware;
mod judging;
mod keep_outs;
mod machine;
mod origin;
mod parameters;
mod planning;
mod plant;
mod playing;
mod recording;
mod register;
mod requests;
mod signals;
mod standard_modbus;
mod start_error;
mod state_report;
mod task;
mod trajectories;
mod trajectory;

pub use emulated_controller::{Addresses, EmulatedController, RunningEmulator};
pub use emulated_gripper::GripperKind;
pub use emulator_config::{ArmLimits, EmulatorConfig, Pace, Ports, UnixSockets};
pub use fault_text::ParseFaultError;
pub use faults::{
    Faults, GripperFault, LinkFault, MotionFault, ReportFault, Request, ScheduledFault,
};
pub use firmware::{Firmware, FirmwareError};
pub use keep_outs::{
    EntryRegion, HeldPlate, HeldPlateSource, KeepOutBox, KeepOutTable, KeepOutViolation, KeepOuts,
};
pub use plant::Plant;
pub use recording::{MotionOutcome, MotionRecord, Recording, StopRecord};
pub use start_error::StartError;
