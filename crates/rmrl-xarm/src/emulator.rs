//! An emulated controller of an xArm 6, an xArm 5 or a UFACTORY 850 with a BIO gripper, over a plant that
//! moves.
//!
//! It speaks the vendor's protocol on the vendor's ports, so that drivers are tested against what they
//! will meet: requests answered in order, motions queued and executed in simulated time, reports
//! pushed, faults on demand. It reads and writes the bytes with its own code and uses none of the driver's,
//! so that a mistake in one is found by the other. The vendor's own software drives it, too:
//! `tools/xarm_sdk_against_emulator.py`.
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
//! - A motion that comes at the wrong time is answered with "not ready" and forgotten.
//! - A link of protocol 3 is closed after 90 s of silence.
//!
//! Not emulated: rounded corners, torques, other modes than position control (a mode can be set, but
//! nothing moves in it), enabling single joints, inputs and outputs, standard Modbus TCP, which is refused,
//! and collisions of the arm with itself.
//!
//! - `emulated_controller`, `emulator_config`, `firmware`, `plant`, `start_error`: starting it
//! - `connections`: its ports, their threads, and the passing of time
//! - `requests`: what it does with each request; `parameters`: reading a request's bytes
//! - `state_report`: the bytes that it reports by itself
//! - `machine`: its state; `controls`: what a request changes at once; `planning` and `execution`: motions,
//!   before they begin and while they last
//! - `fence`, `task`, `trajectory`, `error_code`: what these are made of
//! - `emulated_gripper`: the gripper's registers
//! - `faults`, `fault_text`: faults on demand; `recording`: what it did

mod circle;
mod connections;
mod controls;
mod drive;
mod emulated_controller;
mod emulated_gripper;
mod emulator_config;
mod error_code;
mod execution;
mod fault_text;
mod faults;
mod fence;
mod firmware;
mod machine;
mod parameters;
mod planning;
mod plant;
mod recording;
mod register;
mod requests;
mod signals;
mod start_error;
mod state_report;
mod task;
mod trajectory;

pub use emulated_controller::{Addresses, EmulatedController, RunningEmulator};
pub use emulated_gripper::GripperKind;
pub use emulator_config::{ArmLimits, EmulatorConfig, Pace, Ports, UnixSockets};
pub use fault_text::ParseFaultError;
pub use faults::{
    Faults, GripperFault, LinkFault, MotionFault, ReportFault, Request, ScheduledFault,
};
pub use firmware::{Firmware, FirmwareError};
pub use plant::Plant;
pub use recording::{MotionOutcome, MotionRecord, Recording, StopRecord};
pub use start_error::StartError;
