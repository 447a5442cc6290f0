//! Inspecting a controller without setting it up or moving the arm.

use std::thread;
use std::time::{Duration, Instant};

use nalgebra::Isometry3;
use rmrl_cell::ToolPose;

use super::gripper_bus::{check_mode, control_mode_of, generation_of};
use crate::kinematics::{ArmKinematics, Joints};
use crate::protocol::bio_gripper::{
    self, BAUD_INDEX, BAUD_READ, Generation, GripperStatus, JawState, Power,
};
use crate::protocol::pose::{isometry, isometry_mm, numbers_of_mm, tool_pose};
use crate::session::{
    check_pose, not_reported, tool_offset, verify_fence, verify_installation, verify_report,
};
use crate::{
    ArmState, Client, Command, Explained, Reply, Report, ReportStream, RobotVersion, RtuError,
    RtuRequest, TOOL_BUS, XArmConfig, XArmError, controller_error, gripper_error,
};

/// How long a report may take: five come in a second.
const REPORT_WITHIN: Duration = Duration::from_secs(3);

/// How often the status of the gripper is read, as in the vendor's software.
const POLL: Duration = Duration::from_millis(100);

/// How long the gripper takes to keep a setting and to restart, as in the vendor's software.
const GRIPPER_KEEPS: Duration = Duration::from_millis(200);
const GRIPPER_STARTS: Duration = Duration::from_millis(800);

/// A link to a controller that only reads, unless the caller asks for more. Other programs may be connected
/// meanwhile, and may move the arm.
#[derive(Debug)]
pub struct Inspector {
    client: Client,
    config: XArmConfig,
}

/// The pose of a tool, and its tilt from straight down.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ToolReading {
    /// The pose of the tool's point, in the base's frame.
    pub pose: ToolPose,
    /// The angle from straight down, in radians.
    pub tilt_rad: f64,
    /// Whether the controller has the configured tool offset; if not, the pose was converted from the
    /// controller's. None where no report has the offset.
    pub has_configured_offset: Option<bool>,
}

/// The state of the gripper.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GripperReading {
    /// The generation.
    pub generation: Generation,
    /// The status.
    pub status: GripperStatus,
    /// The width between the jaws, in mm. The first generation does not report it.
    pub width_mm: Option<f64>,
    /// The number of its error and its meaning, if it has one.
    pub error: Option<(u16, Explained)>,
    /// The control mode: 0 for positions in millimeters, 1 for pulses. None where the firmware does not
    /// report it.
    pub mode: Option<u16>,
}

impl Inspector {
    /// Connects to the controller.
    ///
    /// # Errors
    /// [`XArmError::Connect`].
    pub fn connect(config: XArmConfig) -> Result<Self, XArmError> {
        let address = config.address(config.control_port);
        let client = Client::connect(&address, config.answer_timeout())?;
        Ok(Self { client, config })
    }

    /// The version of the robot.
    ///
    /// # Errors
    /// The link is lost, no answer came, or the firmware is older than
    /// [`FirmwareVersion::OLDEST`](crate::FirmwareVersion::OLDEST).
    pub fn version(&mut self) -> Result<RobotVersion, XArmError> {
        self.client.robot_version()
    }

    /// Checks that it is the configured robot.
    ///
    /// # Errors
    /// [`XArmError::WrongRobot`]; otherwise as [`Self::version`].
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

    /// The state of the arm, and the number of motions in the queue, the present one included.
    ///
    /// # Errors
    /// The link is lost, or no answer came.
    pub fn state(&mut self) -> Result<(ArmState, u16), XArmError> {
        Ok((self.client.state()?, self.client.waiting()?))
    }

    /// Checks that fence and reduced mode are as configured.
    ///
    /// # Errors
    /// [`XArmError::SettingNotKept`]; the link is lost, or no answer came.
    pub fn check_fence(&mut self) -> Result<(), XArmError> {
        verify_fence(&self.config, &self.client.reduced_state()?)
    }

    /// Checks that offset, load and sensitivity in a report are as configured.
    ///
    /// # Errors
    /// [`XArmError::SettingNotKept`].
    pub fn check_settings(&self, report: &Report) -> Result<(), XArmError> {
        verify_report(&self.config, report)
    }

    /// Checks that according to a report the arm is upright, at the world's origin, and real.
    ///
    /// # Errors
    /// [`XArmError::UnsuitableSetting`].
    pub fn check_installation(&self, report: &Report) -> Result<(), XArmError> {
        report.health().map_or(Ok(()), |health| verify_installation(report, health))
    }

    /// Checks that the controller's pose is where its joints put the tool, with the tool offset in a report.
    ///
    /// # Errors
    /// [`XArmError::PoseDisagrees`]; the link is lost, or no answer came.
    pub fn check_pose(&mut self, report: &Report) -> Result<(), XArmError> {
        let Some(health) = report.health() else { return Ok(()) };
        // The controller has the configured offset only after a run has begun.
        let flange_from_tool = isometry(health.tcp_offset.map(f64::from));
        let joints = self.client.joints()?;
        let pose = self.client.pose()?;
        check_pose(self.config.model, &flange_from_tool, &joints, pose)
    }

    /// The names of the settings that are checked before motions, but left out of a report.
    pub fn not_checked(report: &Report) -> Vec<&'static str> {
        not_reported(report)
    }

    /// The next report; none where the configuration has no port for them.
    ///
    /// # Errors
    /// The port accepts no connection, or sends nothing.
    pub fn report(&self) -> Result<Option<Report>, XArmError> {
        let Some(reports) = ReportStream::of(&self.config)? else { return Ok(None) };
        let timeout_secs = REPORT_WITHIN.as_secs_f64();
        let nothing = XArmError::NotFinished { what: "waiting for a report", timeout_secs };
        reports.next(REPORT_WITHIN).map(Some).ok_or(nothing)
    }

    /// The joint angles, in radians.
    ///
    /// # Errors
    /// The link is lost, or no answer came.
    pub fn joints(&mut self) -> Result<Joints, XArmError> {
        let joints = self.client.joints()?.map(f64::from);
        Ok(ArmKinematics::new(self.config.model).from_controller(joints))
    }

    /// The pose of the configured tool, whatever offset the controller has. The controller's offset is read from
    /// `report`; without a report it is assumed to be the configured one.
    ///
    /// # Errors
    /// The link is lost, or no answer came.
    pub fn tool(&mut self, report: Option<&Report>) -> Result<ToolReading, XArmError> {
        let pose = self.client.pose()?;
        let configured = tool_offset(&self.config);
        let has = report.and_then(Report::health).map(|health| health.tcp_offset);
        let same = has.map(|has| has.iter().zip(configured).all(|(a, b)| (a - b).abs() <= 1e-3));
        let pose = match (has, same) {
            (Some(has), Some(false)) => {
                let [pose, has, configured] =
                    [pose, has, configured].map(|numbers| isometry_mm(numbers.map(f64::from)));
                numbers_of_mm(&(pose * has.inverse() * configured))
            }
            _ => pose,
        };
        let (pose, tilt_rad) = tool_pose(pose, self.config.jaw_yaw_deg);
        Ok(ToolReading { pose, tilt_rad, has_configured_offset: same })
    }

    /// The pose of the flange in the base's frame, in meters, whatever offset the controller has. The offset is read
    /// from `report`; without a report it is assumed to be the configured one.
    ///
    /// # Errors
    /// The link is lost, or no answer came.
    pub fn flange(&mut self, report: Option<&Report>) -> Result<Isometry3<f64>, XArmError> {
        let pose = isometry(self.client.pose()?.map(f64::from));
        let has = report.and_then(Report::health).map(|health| health.tcp_offset);
        let offset = has.unwrap_or_else(|| tool_offset(&self.config)).map(f64::from);
        Ok(pose * isometry(offset).inverse())
    }

    /// The state of the gripper, without giving it power. None where the bus at the flange does not have the
    /// gripper's speed yet, so that the gripper hears nothing.
    ///
    /// A missing gripper leaves an error of the controller, 19, which waits to be cleared.
    ///
    /// # Errors
    /// It does not answer.
    pub fn gripper(&mut self) -> Result<Option<GripperReading>, XArmError> {
        let speed = Command::ToolGpioRead { host: TOOL_BUS, address: BAUD_READ };
        if self.client.ask(&speed)? != Reply::Integer(BAUD_INDEX) {
            return Ok(None);
        }
        let generation = generation_of(self.ask_gripper(&bio_gripper::probe()))?;
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
        let mode = control_mode_of(self.ask_gripper(&bio_gripper::control_mode()))?;
        Ok(Some(GripperReading { generation, status, width_mm, error, mode }))
    }

    /// Gives the gripper power. Its jaws move to find their ends, and drop what they hold.
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

    /// Sets the gripper's positions to millimeters again, and restarts its electronics, like the vendor's
    /// software. It has no power afterwards.
    ///
    /// # Errors
    /// It does not answer, or keeps its mode.
    pub fn reset_gripper_mode(&mut self) -> Result<(), XArmError> {
        self.ask_gripper(&bio_gripper::set_control_mode(bio_gripper::MILLIMETERS))?;
        thread::sleep(GRIPPER_KEEPS);
        self.ask_gripper(&bio_gripper::restart())?;
        thread::sleep(GRIPPER_STARTS);
        check_mode(self.gripper()?.and_then(|reading| reading.mode))
    }

    fn ask_gripper(&mut self, request: &RtuRequest) -> Result<Vec<u16>, XArmError> {
        match self.client.ask_gripper(request)? {
            Ok(registers) => Ok(registers),
            Err(exception @ RtuError::Exception { .. }) => Err(exception.into()),
            // A gripper that does not answer is an error of the controller, which is more precise.
            Err(error) => match self.errors()? {
                (0, _) => Err(error.into()),
                (number, _) => {
                    Err(XArmError::Controller { number, explained: controller_error(number) })
                }
            },
        }
    }
}
