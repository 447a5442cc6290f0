//! A look at a controller that sets nothing up, moves nothing, and clears nothing unless told to; and a
//! stop from outside of any session.

use std::thread;
use std::time::{Duration, Instant};

use nalgebra::{Isometry3, Translation3, UnitQuaternion};
use rmrl_cell::ToolPose;

use crate::bio_gripper::{self, BAUD_INDEX, BAUD_READ, Generation, GripperStatus, JawState, Power};
use crate::kinematics::{ArmKinematics, Joints};
use crate::session::stop;
use crate::settings::{
    not_told, offset_of, to_f32, verify_fence, verify_installation, verify_report,
};
use crate::stance::check_pose;
use crate::{
    Address, ArmState, Client, Command, Explained, Reply, Report, ReportStream, RobotVersion,
    RtuError, RtuRequest, TOOL_BUS, XArmConfig, XArmError, controller_error, gripper_error,
    tool_pose,
};

/// How long a report may take: five come in a second.
const REPORT_WITHIN: Duration = Duration::from_secs(3);

/// How often a gripper is asked for its status: the vendor's.
const POLL: Duration = Duration::from_millis(100);

/// How long the gripper takes to keep a setting and to start anew: the vendor's.
const GRIPPER_KEEPS: Duration = Duration::from_millis(200);
const GRIPPER_STARTS: Duration = Duration::from_millis(800);

/// A link to a controller over which only questions are asked. Other programs may be connected
/// meanwhile, and may move the arm.
#[derive(Debug)]
pub struct Inspector {
    client: Client,
    config: XArmConfig,
}

/// Where a tool is, and how far from straight down it points.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ToolReading {
    /// The tool's point, in the base's frame.
    pub pose: ToolPose,
    /// How far from straight down, in radians.
    pub tilt_rad: f64,
    /// Whether the controller has the configured tool offset; where not, the pose was computed from
    /// its own. None where no report tells.
    pub has_configured_offset: Option<bool>,
}

/// The gripper as it is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GripperReading {
    /// Which one.
    pub generation: Generation,
    /// What it does.
    pub status: GripperStatus,
    /// How far its jaws are apart, in mm; the first generation does not tell.
    pub width_mm: Option<f64>,
    /// The number of its error and what that means, where it has one.
    pub error: Option<(u16, Explained)>,
    /// Its control mode: 0 takes positions in millimetres, 1 in pulses. None where its firmware does not
    /// tell.
    pub mode: Option<u16>,
}

impl Inspector {
    /// Connects.
    ///
    /// # Errors
    /// [`XArmError::Connect`].
    pub fn connect(config: XArmConfig) -> Result<Self, XArmError> {
        let address = config.address(config.control_port);
        let client = Client::connect(&address, config.answer_timeout())?;
        Ok(Self { client, config })
    }

    /// What the robot says of itself.
    ///
    /// # Errors
    /// The link is lost, no answer came, or the firmware is older than
    /// [`FirmwareVersion::OLDEST`](crate::FirmwareVersion::OLDEST).
    pub fn version(&mut self) -> Result<RobotVersion, XArmError> {
        self.client.robot_version()
    }

    /// Whether it is the configured robot.
    ///
    /// # Errors
    /// [`XArmError::WrongRobot`] where it is another; otherwise as [`Self::version`].
    pub fn check_model(&mut self) -> Result<(), XArmError> {
        self.version()?.check_model(self.config.model)
    }

    /// The numbers of the error and of the warning that wait to be cleared; 0 for none.
    ///
    /// # Errors
    /// The link is lost, or no answer came.
    pub fn errors(&mut self) -> Result<(u8, u8), XArmError> {
        match self.client.ask(&Command::GetErrors)? {
            Reply::Errors { error, warning } => Ok((error, warning)),
            _ => Ok((0, 0)),
        }
    }

    /// Clears the error and the warning. The arm stays without power until it is enabled.
    ///
    /// # Errors
    /// The link is lost, or no answer came.
    pub fn clear(&mut self) -> Result<(), XArmError> {
        self.client.ask(&Command::CleanError)?;
        self.client.ask(&Command::CleanWarning)?;
        Ok(())
    }

    /// What the arm is doing, and how many motions wait, the present one among them.
    ///
    /// # Errors
    /// The link is lost, or no answer came.
    pub fn state(&mut self) -> Result<(ArmState, u16), XArmError> {
        Ok((self.client.state()?, self.client.waiting()?))
    }

    /// Whether fence and reduced mode are the configured ones.
    ///
    /// # Errors
    /// [`XArmError::SettingNotKept`] where they are not; the link is lost, or no answer came.
    pub fn check_fence(&mut self) -> Result<(), XArmError> {
        verify_fence(&self.config, &self.client.reduced_state()?)
    }

    /// Whether offset, load and sensitivity in a report are the configured ones.
    ///
    /// # Errors
    /// [`XArmError::SettingNotKept`] where they are not.
    pub fn check_settings(&self, report: &Report) -> Result<(), XArmError> {
        verify_report(&self.config, report)
    }

    /// Whether a report takes the arm to stand upright, at the world's origin and for real.
    ///
    /// # Errors
    /// [`XArmError::UnsuitableSetting`] where it does not.
    pub fn check_installation(&self, report: &Report) -> Result<(), XArmError> {
        report.health().map_or(Ok(()), |health| verify_installation(report, health))
    }

    /// Whether the controller's pose is where its joints put the tool, by the tool offset in a report.
    ///
    /// # Errors
    /// [`XArmError::PoseDisagrees`] where it is not; the link is lost, or no answer came.
    pub fn check_pose(&mut self, report: &Report) -> Result<(), XArmError> {
        let Some(health) = report.health() else { return Ok(()) };
        let [x, y, z, roll, pitch, yaw] = health.tcp_offset.map(f64::from);
        // The controller has the configured offset only after a run has begun.
        let as_set = XArmConfig {
            tcp_offset_mm_deg: [x, y, z, roll.to_degrees(), pitch.to_degrees(), yaw.to_degrees()],
            grasp_offset_mm: 0.0,
            ..self.config.clone()
        };
        let joints = self.client.joints()?;
        let pose = self.client.pose()?;
        check_pose(&as_set, &joints, pose)
    }

    /// What a report leaves out of what is checked before motions: by name, empty where it leaves out
    /// nothing.
    pub fn not_checked(report: &Report) -> Vec<&'static str> {
        not_told(report)
    }

    /// The next report; none where the configuration has no port for them.
    ///
    /// # Errors
    /// The port cannot be connected to, or nothing comes over it.
    pub fn report(&self) -> Result<Option<Report>, XArmError> {
        let Some(reports) = ReportStream::of(&self.config)? else { return Ok(None) };
        let timeout_secs = REPORT_WITHIN.as_secs_f64();
        let nothing = XArmError::NotFinished { what: "waiting for a report", timeout_secs };
        reports.next(REPORT_WITHIN).map(Some).ok_or(nothing)
    }

    /// How the joints stand, in radians.
    ///
    /// # Errors
    /// The link is lost, or no answer came.
    pub fn joints(&mut self) -> Result<Joints, XArmError> {
        let joints = self.client.joints()?.map(f64::from);
        Ok(ArmKinematics::new(self.config.model).from_controller(joints))
    }

    /// Where the configured tool is, whatever offset the controller has: that one is told by `report`,
    /// and taken for the configured one without a report.
    ///
    /// # Errors
    /// The link is lost, or no answer came.
    pub fn tool(&mut self, report: Option<&Report>) -> Result<ToolReading, XArmError> {
        let pose = self.client.pose()?;
        let configured = offset_of(&self.config);
        let has = report.and_then(Report::health).map(|health| health.tcp_offset);
        let same = has.map(|has| has.iter().zip(configured).all(|(a, b)| (a - b).abs() <= 1e-3));
        let pose = match (has, same) {
            (Some(has), Some(false)) => {
                numbers(&(isometry(pose) * isometry(has).inverse() * isometry(configured)))
            }
            _ => pose,
        };
        let (pose, tilt_rad) = tool_pose(pose, self.config.jaw_yaw_deg);
        Ok(ToolReading { pose, tilt_rad, has_configured_offset: same })
    }

    /// The gripper as it is, without giving it power. None where the bus at the flange has not yet got
    /// the gripper's speed, so that it cannot be asked.
    ///
    /// A gripper that is not there is an error of the controller, 19, which is left to be cleared.
    ///
    /// # Errors
    /// It does not answer.
    pub fn gripper(&mut self) -> Result<Option<GripperReading>, XArmError> {
        let speed = Command::ToolGpioRead { host: TOOL_BUS, address: BAUD_READ };
        if self.client.ask(&speed)? != Reply::Integer(BAUD_INDEX) {
            return Ok(None);
        }
        let generation = match self.ask_gripper(&bio_gripper::probe()) {
            Ok(_) => Generation::Second,
            Err(XArmError::GripperBus(RtuError::Exception { .. })) => Generation::First,
            Err(error) => return Err(error),
        };
        let register = self.ask_gripper(&bio_gripper::status())?.first().copied();
        let status = GripperStatus::from_register(register.unwrap_or_default());
        let width_mm = match generation {
            Generation::First => None,
            Generation::Second => {
                let read = self.ask_gripper(&bio_gripper::position())?;
                read.try_into().ok().map(bio_gripper::width_mm)
            }
        };
        let mut error = None;
        if status.jaws == JawState::Fault {
            let number = self.ask_gripper(&bio_gripper::error())?.first().copied();
            error = number.map(|number| (number, gripper_error(number)));
        }
        let mode = match self.ask_gripper(&bio_gripper::control_mode()) {
            Ok(read) => read.first().copied(),
            Err(XArmError::GripperBus(RtuError::Exception { .. })) => None,
            Err(error) => return Err(error),
        };
        Ok(Some(GripperReading { generation, status, width_mm, error, mode }))
    }

    /// Gives the gripper power. Its jaws move to find their ends, and what they hold falls.
    ///
    /// # Errors
    /// It does not answer, has an error, or gets no power in time.
    pub fn power_gripper_on(&mut self) -> Result<(), XArmError> {
        self.ask_gripper(&bio_gripper::enable(true))?;
        let (began, timeout_secs) = (Instant::now(), self.config.gripper.timeout_secs);
        loop {
            match self.gripper()? {
                Some(GripperReading { error: Some((number, explained)), .. }) => {
                    return Err(XArmError::Gripper { number, explained });
                }
                Some(reading) if reading.status.power == Power::On => return Ok(()),
                _ if began.elapsed().as_secs_f64() > timeout_secs => {
                    return Err(XArmError::NotFinished { what: "the gripper", timeout_secs });
                }
                _ => thread::sleep(POLL),
            }
        }
    }

    /// Has the gripper take positions in millimetres again, and starts its electronics anew, as the vendor's
    /// software does. It has no power afterwards.
    ///
    /// # Errors
    /// It does not answer, or keeps its mode.
    pub fn reset_gripper_mode(&mut self) -> Result<(), XArmError> {
        self.ask_gripper(&bio_gripper::set_control_mode(bio_gripper::MILLIMETRES))?;
        thread::sleep(GRIPPER_KEEPS);
        self.ask_gripper(&bio_gripper::restart())?;
        thread::sleep(GRIPPER_STARTS);
        match self.gripper()?.and_then(|reading| reading.mode) {
            Some(mode) if mode != bio_gripper::MILLIMETRES => Err(XArmError::GripperMode { mode }),
            _ => Ok(()),
        }
    }

    fn ask_gripper(&mut self, request: &RtuRequest) -> Result<Vec<u16>, XArmError> {
        match self.client.ask_gripper(request)? {
            Ok(registers) => Ok(registers),
            Err(exception @ RtuError::Exception { .. }) => Err(exception.into()),
            // A gripper that says nothing is an error of the controller, which knows more.
            Err(error) => match self.errors()? {
                (0, _) => Err(error.into()),
                (number, _) => {
                    Err(XArmError::Controller { number, explained: controller_error(number) })
                }
            },
        }
    }
}

/// Stops whatever arm is at an address, over a link of its own: nothing is asked or set up before.
///
/// Whoever moves it is told [`XArmError::StoppedBySomebodyElse`]. It is no emergency stop, which needs a
/// button and no software.
///
/// # Errors
/// No link, no answer, or the arm did not say within 2 s that it stands.
pub fn stop_arm(address: &Address, answer_timeout: Duration) -> Result<(), XArmError> {
    stop(&mut Client::connect(address, answer_timeout)?)
}

/// Sees for a while that an arm which was stopped stays so, and stops it again where it does not: a program that
/// was just recovering from an error takes a stop for part of that error. Returns how often it had to.
///
/// # Errors
/// As [`stop_arm`].
pub fn keep_stopped(
    address: &Address,
    answer_timeout: Duration,
    watch: Duration,
) -> Result<u32, XArmError> {
    let mut client = Client::connect(address, answer_timeout)?;
    let (began, mut again) = (Instant::now(), 0);
    while began.elapsed() < watch {
        if client.state()? != ArmState::Stopped {
            stop(&mut client)?;
            again += 1;
        }
        thread::sleep(POLL / 5);
    }
    Ok(again)
}

/// The controller's pose, mm and radians, as an isometry in mm.
fn isometry([x, y, z, roll, pitch, yaw]: [f32; 6]) -> Isometry3<f64> {
    let [x, y, z, roll, pitch, yaw] = [x, y, z, roll, pitch, yaw].map(f64::from);
    let rotation = UnitQuaternion::from_euler_angles(roll, pitch, yaw);
    Isometry3::from_parts(Translation3::new(x, y, z), rotation)
}

/// The inverse of [`isometry`].
fn numbers(pose: &Isometry3<f64>) -> [f32; 6] {
    let (roll, pitch, yaw) = pose.rotation.euler_angles();
    let at = pose.translation;
    [at.x, at.y, at.z, roll, pitch, yaw].map(to_f32)
}
