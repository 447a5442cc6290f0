//! What may go wrong between this computer and the arm.

use std::io;

use rmrl_cell::DeviceError;

use crate::{ArmState, CommandError, Explained, FirmwareVersion, FrameError, RtuError, Status};

/// Why the arm or its gripper did not do as it was asked.
#[derive(Debug, thiserror::Error)]
pub enum XArmError {
    /// No connection could be made.
    #[error("cannot connect to {address}: {source}")]
    Connect {
        /// Where to.
        address: String,
        /// What the system said.
        source: io::Error,
    },
    /// The connection is gone. A new one has to be made.
    #[error("the link to the controller is lost: {reason}")]
    LostLink {
        /// What was noticed.
        reason: String,
    },
    /// No answer in time. The connection is still there.
    #[error("no answer to register {register:#04x} within {timeout_secs} s")]
    NoAnswer {
        /// What was asked.
        register: u8,
        /// How long was waited, in seconds.
        timeout_secs: f64,
    },
    /// Something that was begun did not end in time.
    #[error("{what} did not end within {timeout_secs:.1} s")]
    NotFinished {
        /// What was begun.
        what: &'static str,
        /// How long was waited, in seconds.
        timeout_secs: f64,
    },
    /// An error of the controller, neither a button nor a collision.
    #[error("controller error {number}: {}; {}", explained.meaning, explained.recovery)]
    Controller {
        /// Its number.
        number: u8,
        /// What that means.
        explained: Explained,
    },
    /// The arm met something and stopped.
    #[error("controller error {number}: {}; {}", explained.meaning, explained.recovery)]
    Collision {
        /// The controller's number, 31.
        number: u8,
        /// What that means.
        explained: Explained,
    },
    /// The arm met something outside of a motion of this program, or while its link was lost: where, and
    /// whether that was to be expected, nobody saw.
    #[error(
        "the arm met something while it was not seen to move (controller error 31): see what it was, then start \
         again"
    )]
    UnseenContact,
    /// Somebody pressed a stop button, or opened its circuit.
    #[error("controller error {number}: {}; {}", explained.meaning, explained.recovery)]
    EmergencyStop {
        /// The controller's number, 1 to 3.
        number: u8,
        /// What that means.
        explained: Explained,
    },
    /// The arm stands stopped or paused without an error: by another program, or a person at its screen.
    #[error("the arm was stopped by somebody else; see why, then start it again")]
    StoppedBySomebodyElse,
    /// The arm moves, and this program did not send it.
    #[error("the arm is moved by somebody else; end that first, then start again")]
    MovedBySomebodyElse,
    /// The controller has reset its state, as it does when another program changes a setting.
    #[error(
        "the controller has reset its state: another program changed mode, offset or power; end that one, \
         then start again"
    )]
    StateReset,
    /// A setting that was kept is another now.
    #[error(
        "another program has changed the controller's {setting} from {expected} to {got}; end that one, then \
         start again, which sets it anew"
    )]
    ChangedBySomebodyElse {
        /// Which setting.
        setting: &'static str,
        /// What it was given.
        expected: String,
        /// What it has.
        got: String,
    },
    /// The arm stands elsewhere than this program left it.
    #[error(
        "the arm was moved by somebody else: joint {joint} stands {apart_deg:.1}° from where this program left \
         it; see who has the arm, then start again"
    )]
    NotWhereItWasLeft {
        /// The joint that differs most, from 1.
        joint: usize,
        /// By how much, in degrees.
        apart_deg: f64,
    },
    /// Another program has the arm.
    #[error(
        "the arm at {address} is in use by {by}; end that first, or stop the arm with `rmrl cell stop`"
    )]
    InUse {
        /// The controller.
        address: String,
        /// Who has it.
        by: String,
    },
    /// The lock that keeps other programs from the arm cannot be had.
    #[error("cannot lock {path}, by which one program at a time has the arm: {source}")]
    Lock {
        /// The lock file.
        path: String,
        /// What the system said.
        source: io::Error,
    },
    /// No report of now: nobody can tell whether the controller still has what it was given.
    #[error(
        "the controller's latest report is {age_secs:.1} s old; nothing moves without one of the last second"
    )]
    StaleReports {
        /// How old the latest is, in seconds; infinite before the first.
        age_secs: f64,
    },
    /// Reports stayed away for longer than the configuration allows.
    #[error(
        "the controller has sent no report for {waited_secs:.0} s, and nothing moves without; see to the network \
         and the control box (xarm.report_port, no firewall between), then start again"
    )]
    NoReports {
        /// How long was waited, in seconds.
        waited_secs: f64,
    },
    /// The configuration names no port for reports.
    #[error(
        "xarm.report_port is not set, and nothing moves without reports: whether the controller still has its \
         settings is read there; set xarm.report_port = 30002"
    )]
    WithoutReports,
    /// The reports of that port leave out settings that decide where the arm goes.
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
         base offset, tool offset or xarm.model is another than the controller's; see to that, then start again"
    )]
    PoseDisagrees {
        /// How far apart, in mm.
        distance_mm: f64,
        /// How far turned, in degrees.
        angle_deg: f64,
    },
    /// A setting that only a person changes is not what this program needs.
    #[error("the controller's {setting} is {got}, expected {expected}; {mend}")]
    UnsuitableSetting {
        /// Which setting.
        setting: &'static str,
        /// What is needed.
        expected: String,
        /// What it is.
        got: String,
        /// How to change it.
        mend: &'static str,
    },
    /// The gripper takes positions in another unit.
    #[error(
        "the gripper's control mode is {mode}, expected 0: in mode 1 positions are pulses of its motor and not \
         millimetres; set it back with `rmrl cell doctor --reset-gripper-mode`, or with UFACTORY's SDK: \
         arm.set_bio_gripper_control_mode(0)"
    )]
    GripperMode {
        /// The mode.
        mode: u16,
    },
    /// The arm is not in a state to begin a motion.
    #[error("the arm is not ready to move: state {state:?}, {waiting} motions waiting")]
    NotReady {
        /// What it is doing.
        state: ArmState,
        /// How many motions wait.
        waiting: u16,
    },
    /// The controller did not do what it was asked.
    #[error("the controller refused register {register:#04x}: {status:?}")]
    Refused {
        /// What was asked.
        register: u8,
        /// Its status.
        status: Status,
    },
    /// The arm says that it has arrived, and is elsewhere.
    #[error(
        "the arm stopped {distance_mm:.2} mm and {angle_deg:.2}° from where it was sent, \
         allowed are {allowed_mm} mm and {allowed_deg}°"
    )]
    NotReached {
        /// How far off, in mm.
        distance_mm: f64,
        /// How far turned, in degrees.
        angle_deg: f64,
        /// How far off it may be, in mm.
        allowed_mm: f64,
        /// How far turned it may be, in degrees.
        allowed_deg: f64,
    },
    /// A setting was taken, and is another when it is read back.
    #[error("the controller has another {setting} than it was given: {got} instead of {expected}")]
    SettingNotKept {
        /// Which setting.
        setting: &'static str,
        /// What it was given.
        expected: String,
        /// What it has.
        got: String,
    },
    /// What came is no frame: the stream cannot be followed any further.
    #[error("the controller sent what is no frame: {0}")]
    Frame(#[from] FrameError),
    /// What came is no answer to what was asked.
    #[error("the controller answered what it was not asked: {0}")]
    Answer(#[from] CommandError),
    /// The answer belongs to another register, or speaks another protocol.
    #[error("the answer to register {expected:#04x} came from register {got:#04x}")]
    WrongAnswer {
        /// What was asked.
        expected: u8,
        /// What answered.
        got: u8,
    },
    /// The controller's firmware is too old, or its version cannot be read.
    #[error("firmware {version:?}, expected {} or newer", FirmwareVersion::OLDEST)]
    UnsupportedFirmware {
        /// What it says of itself.
        version: String,
    },
    /// Another robot than the configuration speaks of.
    #[error("the controller is that of another robot: {got}, configured is {expected}; {advice}")]
    WrongRobot {
        /// The name of the configured one.
        expected: &'static str,
        /// The name of the one that is there.
        got: String,
        /// What to do about it.
        advice: String,
    },
    /// The gripper does not speak as it should.
    #[error("the gripper: {0}")]
    GripperBus(#[from] RtuError),
    /// The gripper has an error.
    #[error("gripper error {number}: {}; {}", explained.meaning, explained.recovery)]
    Gripper {
        /// Its number.
        number: u16,
        /// What that means.
        explained: Explained,
    },
    /// The gripper has no power, and must not be given it unseen.
    #[error(
        "the gripper has no power; its jaws move when they get it, and what they hold falls: take it out, then \
         `rmrl cell doctor --power-gripper`"
    )]
    GripperWithoutPower,
    /// The gripper does not have this width.
    #[error("the gripper cannot open to {width_mm:.1} mm: {reason}")]
    NoSuchWidth {
        /// What was asked, in mm.
        width_mm: f64,
        /// What it has.
        reason: String,
    },
    /// A target or a speed that is no number, or not above 0.
    #[error("{what} is {value}, which is nothing to move with")]
    NotANumber {
        /// Which.
        what: &'static str,
        /// What it is.
        value: f64,
    },
}

impl XArmError {
    /// Whether the connection has to be made anew before anything else can be asked.
    pub fn ends_the_link(&self) -> bool {
        matches!(
            self,
            Self::Connect { .. }
                | Self::LostLink { .. }
                | Self::StaleReports { .. }
                | Self::Frame(_)
        )
    }

    /// Whether trying again cannot help: a person has to come first.
    pub fn needs_a_person(&self) -> bool {
        match self {
            Self::EmergencyStop { .. }
            | Self::StoppedBySomebodyElse
            | Self::MovedBySomebodyElse
            | Self::NotWhereItWasLeft { .. }
            | Self::UnseenContact
            | Self::InUse { .. }
            | Self::NoReports { .. }
            | Self::PoseDisagrees { .. }
            | Self::UnsuitableSetting { .. }
            | Self::GripperMode { .. }
            | Self::StateReset
            | Self::ChangedBySomebodyElse { .. }
            | Self::GripperWithoutPower => true,
            Self::Controller { explained, .. } => explained.severity.needs_a_person(),
            _ => false,
        }
    }

    /// The same of a setting that had been kept before.
    pub(crate) fn changed_by_somebody_else(self) -> Self {
        match self {
            Self::SettingNotKept { setting, expected, got }
            | Self::UnsuitableSetting { setting, expected, got, .. } => {
                Self::ChangedBySomebodyElse { setting, expected, got }
            }
            other => other,
        }
    }

    /// The same as a cell's device tells it; `device` is `arm` or `gripper`. A collision needs to know
    /// where, and is [`DeviceError::Faulted`] here.
    pub fn into_device_error(self, device: &'static str) -> DeviceError {
        if self.needs_a_person() {
            return DeviceError::NeedsPerson { device, reason: self.to_string() };
        }
        let reason = self.to_string();
        match self {
            Self::Connect { .. }
            | Self::LostLink { .. }
            | Self::StaleReports { .. }
            | Self::Frame(_) => DeviceError::Disconnected { device, reason },
            Self::NoAnswer { timeout_secs, .. } | Self::NotFinished { timeout_secs, .. } => {
                DeviceError::TimedOut { device, timeout_secs }
            }
            Self::Controller { number, explained } | Self::Collision { number, explained } => {
                let Explained { meaning, recovery, .. } = explained;
                DeviceError::Faulted { device, code: u16::from(number), meaning, recovery }
            }
            Self::Gripper { number, explained } => {
                let Explained { meaning, recovery, .. } = explained;
                DeviceError::Faulted { device, code: number, meaning, recovery }
            }
            _ => DeviceError::Refused { device, reason },
        }
    }
}
