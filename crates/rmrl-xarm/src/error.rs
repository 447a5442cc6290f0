//! Errors of the arm and its gripper.

mod classification;

use std::io;

use crate::{ArmState, CommandError, Explained, FirmwareVersion, FrameError, RtuError, Status};

/// Why the arm or its gripper did not do what was asked of it.
#[derive(Debug, thiserror::Error)]
pub enum XArmError {
    /// No connection could be made.
    #[error("cannot connect to {address}: {source}")]
    Connect {
        /// The address.
        address: String,
        /// The system's error.
        source: io::Error,
    },
    /// The connection is lost. A new one has to be made.
    #[error("the link to the controller is lost: {reason}")]
    LostLink {
        /// How it was noticed.
        reason: String,
    },
    /// No answer came in time. The connection is still there.
    #[error("no answer to register {register:#04x} within {timeout_secs} s")]
    NoAnswer {
        /// The register of the request.
        register: u8,
        /// The time limit, in seconds.
        timeout_secs: f64,
    },
    /// An action did not end in time.
    #[error("{what} did not end within {timeout_secs:.1} s")]
    NotFinished {
        /// The action.
        what: &'static str,
        /// The time limit, in seconds.
        timeout_secs: f64,
    },
    /// An error of the controller, neither a button nor a collision.
    #[error("controller error {number}: {}; {}", explained.meaning, explained.recovery)]
    Controller {
        /// The error's number.
        number: u8,
        /// Its meaning.
        explained: Explained,
    },
    /// The arm met something and stopped.
    #[error("controller error {number}: {}; {}", explained.meaning, explained.recovery)]
    Collision {
        /// The controller's number, 31.
        number: u8,
        /// Its meaning.
        explained: Explained,
    },
    /// The arm met something outside of a motion of this program, or while its link was lost. The place is not
    /// known, nor whether a contact was to be expected.
    #[error(
        "the arm met something while it was not seen to move (controller error 31): find out what it was, then \
         start again"
    )]
    UnseenContact,
    /// A stop button is pressed, or its circuit is open.
    #[error("controller error {number}: {}; {}", explained.meaning, explained.recovery)]
    EmergencyStop {
        /// The controller's number, 1 to 3.
        number: u8,
        /// Its meaning.
        explained: Explained,
    },
    /// The arm is stopped or paused without an error: by another program, or by an operator at its screen.
    #[error("the arm was stopped by somebody else; find out why, then start it again")]
    StoppedBySomebodyElse,
    /// The arm moves, but not because of this program.
    #[error("the arm is moved by somebody else; end that first, then start again")]
    MovedBySomebodyElse,
    /// The controller has reset its state, as it does when another program changes a setting.
    #[error(
        "the controller has reset its state: another program changed mode, offset or power; end that one, \
         then start again"
    )]
    StateReset,
    /// A setting that the controller had kept has changed.
    #[error(
        "another program has changed the controller's {setting} from {expected} to {got}; end that one, then \
         start again, which sets it again"
    )]
    ChangedBySomebodyElse {
        /// The setting.
        setting: &'static str,
        /// The value that it was given.
        expected: String,
        /// The value that it has.
        got: String,
    },
    /// The arm is not where this program left it.
    #[error(
        "the arm was moved by somebody else: joint {joint} stands {apart_deg:.1}° from where this program left \
         it; see who has the arm, then start again"
    )]
    NotWhereItWasLeft {
        /// The joint that differs most, from 1.
        joint: usize,
        /// The difference, in degrees.
        apart_deg: f64,
    },
    /// Another program has the arm.
    #[error(
        "the arm at {address} is in use by {by}; end that first, or stop the arm with `rmrl cell stop`"
    )]
    InUse {
        /// The controller's address.
        address: String,
        /// Who has the arm.
        by: String,
    },
    /// The lock that keeps other programs from the arm is not available.
    #[error("cannot lock {path}, by which one program at a time has the arm: {source}")]
    Lock {
        /// The lock file.
        path: String,
        /// The system's error.
        source: io::Error,
    },
    /// There is no recent report, so nobody knows whether the controller still has its settings.
    #[error(
        "the controller's latest report is {age_secs:.1} s old; nothing moves without one of the last second"
    )]
    StaleReports {
        /// The age of the latest report, in seconds; infinite before the first.
        age_secs: f64,
    },
    /// No report came for longer than the configuration allows.
    #[error(
        "the controller has sent no report for {waited_secs:.0} s, and nothing moves without one; check the \
         network and the control box (xarm.report_port, no firewall between), then start again"
    )]
    NoReports {
        /// The time without a report, in seconds.
        waited_secs: f64,
    },
    /// The configuration names no port for reports.
    #[error(
        "xarm.report_port is not set, and nothing moves without reports, which show whether the controller still \
         has its settings; set xarm.report_port = 30002"
    )]
    WithoutReports,
    /// The reports of the port leave out settings that decide where the arm goes.
    #[error(
        "the reports of port {port} leave out the base offset and the simulated-robot mode; set \
         xarm.report_port = 30002, whose reports have them"
    )]
    ShortReports {
        /// The configured port.
        port: u16,
    },
    /// The controller's pose is not where its joints put the tool.
    #[error(
        "the controller reports the tool {distance_mm:.1} mm and {angle_deg:.1}° from where its joints put it: \
         base offset, tool offset or xarm.model differs from the controller's; correct it, then start again"
    )]
    PoseDisagrees {
        /// The distance, in mm.
        distance_mm: f64,
        /// The angle, in degrees.
        angle_deg: f64,
    },
    /// A setting that only an operator changes is not what this program needs.
    #[error("the controller's {setting} is {got}, expected {expected}; {fix}")]
    UnsuitableSetting {
        /// The setting.
        setting: &'static str,
        /// The value that is needed.
        expected: String,
        /// The value that it has.
        got: String,
        /// How to change it.
        fix: &'static str,
    },
    /// The gripper's positions have another unit.
    #[error(
        "the gripper's control mode is {mode}, expected 0: in mode 1 positions are pulses of its motor and not \
         millimeters; set it back with `rmrl cell doctor --reset-gripper-mode`, or with UFACTORY's SDK: \
         arm.set_bio_gripper_control_mode(0)"
    )]
    GripperMode {
        /// The gripper's control mode.
        mode: u16,
    },
    /// The state of the arm does not allow a motion.
    #[error("the arm is not ready to move: state {state:?}, {waiting} motions waiting")]
    NotReady {
        /// The state.
        state: ArmState,
        /// The number of motions in the queue.
        waiting: u16,
    },
    /// The controller refused a request.
    #[error("the controller refused register {register:#04x}: {status:?}")]
    Refused {
        /// The register of the request.
        register: u8,
        /// The status of the answer.
        status: Status,
    },
    /// The arm reports that it has arrived, but is elsewhere.
    #[error(
        "the arm stopped {distance_mm:.2} mm and {angle_deg:.2}° from where it was sent, \
         allowed are {allowed_mm} mm and {allowed_deg}°"
    )]
    NotReached {
        /// The distance from the target, in mm.
        distance_mm: f64,
        /// The angle from the target, in degrees.
        angle_deg: f64,
        /// The allowed distance, in mm.
        allowed_mm: f64,
        /// The allowed angle, in degrees.
        allowed_deg: f64,
    },
    /// A setting was accepted, but differs when it is read back.
    #[error("the controller has another {setting} than it was given: {got} instead of {expected}")]
    SettingNotKept {
        /// The setting.
        setting: &'static str,
        /// The value that it was given.
        expected: String,
        /// The value that it has.
        got: String,
    },
    /// The controller sent an invalid frame. The stream cannot be read any further.
    #[error("the controller sent an invalid frame: {0}")]
    Frame(#[from] FrameError),
    /// The controller's answer does not fit the request.
    #[error("the controller's answer does not fit the request: {0}")]
    Answer(#[from] CommandError),
    /// The answer is of another register, or of another protocol.
    #[error("the answer to register {expected:#04x} came from register {got:#04x}")]
    WrongAnswer {
        /// The register of the request.
        expected: u8,
        /// The register of the answer.
        got: u8,
    },
    /// The controller's firmware is too old, or its version cannot be read.
    #[error("firmware {version:?}, expected {} or newer", FirmwareVersion::OLDEST)]
    UnsupportedFirmware {
        /// The version text.
        version: String,
    },
    /// Another robot than the configured one.
    #[error("the controller is that of another robot: {got}, configured is {expected}; {advice}")]
    WrongRobot {
        /// The name of the configured robot.
        expected: &'static str,
        /// The name of the robot that is there.
        got: String,
        /// What to do about it.
        advice: String,
    },
    /// The gripper's answer is wrong.
    #[error("the gripper: {0}")]
    GripperBus(#[from] RtuError),
    /// The gripper has an error.
    #[error("gripper error {number}: {}; {}", explained.meaning, explained.recovery)]
    Gripper {
        /// The error's number.
        number: u16,
        /// Its meaning.
        explained: Explained,
    },
    /// The gripper has no power. It must only get power while an operator watches.
    #[error(
        "the gripper has no power; its jaws move when they get it, and drop what they hold: take it out, then run \
         `rmrl cell doctor --power-gripper`"
    )]
    GripperWithoutPower,
    /// The gripper does not have this width.
    #[error("the gripper cannot open to {width_mm:.1} mm: {reason}")]
    NoSuchWidth {
        /// The width, in mm.
        width_mm: f64,
        /// Why not.
        reason: String,
    },
    /// The gripper measures a width that no gripper has.
    #[error(
        "the gripper measures {width_mm:.1} mm between its jaws, expected 0 to 200 mm: its control mode or its \
         firmware is another than this program knows, or its cable is disturbed"
    )]
    AbsurdWidth {
        /// The width, in mm.
        width_mm: f64,
    },
    /// A target or a speed that is not finite, or a speed that is not above 0.
    #[error("{what} is {value}, which is invalid for a motion")]
    NotANumber {
        /// The name of the number.
        what: &'static str,
        /// Its value.
        value: f64,
    },
}
