//! The start of a real cell. It reads the arm's state, proves the path home, and asks the operator. Only then does it
//! send the controller anything that changes something.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rmrl_cell::{
    Confirmation, DeviceError, FirstMotion, MotionError, Operator, OutOfSlot, SafetyEnvelope,
    StopSwitch, Stopped, ToolPose,
};
use rmrl_inventory::World;
use rmrl_operator::OperatorPage;
use rmrl_transfer::{SitePlan, WayBack};
use rmrl_xarm::kinematics::{Joints, ReachProof};
use rmrl_xarm::{
    ArmState, Claim, Inspector, Robot, ToolReading, XArmError, controller_error,
    controller_warning, stop_arm,
};

use super::external::ExternalDevices;
use super::page_operator::PageOperator;
use super::reachability::{StartPoseError, prove_path_home};
use super::remote::RemoteOperator;
use super::terminal_operator::{TerminalOperator, check_terminal};
use crate::config::{CellKind, OperatorKind, RunConfig};

/// Makes an operator, every wait of which a press of the switch ends.
pub type MakeOperator = dyn Fn(StopSwitch) -> Box<dyn Operator> + Send + Sync;

/// How a program starts a cell: what stops it, and who permits the arm's first motion.
#[derive(Clone, Default)]
pub struct Start {
    /// Stops the cell, from the first moment on.
    pub stop: StopSwitch,
    /// Whether the arm may move without a permission (`--yes`): for cells whose interlock keeps people away.
    pub is_unasked: bool,
    /// Whether the operator has permitted a motion since the program was started. An arm that stands at home then
    /// needs no other permission.
    pub is_permitted: bool,
    /// Whether the camera's place is about to be found, so that its file need not have been checked.
    pub is_calibration: bool,
    /// What the operator should know of the motions that follow, before the answer.
    pub notes: Vec<String>,
    /// The sites among which the arm may stand, and what lies in them: a tool in a slot with a front leaves it backwards.
    pub sites: Option<Arc<(SitePlan, World)>>,
    /// The page on which the operator answers if `cell.operator` is `page`.
    pub page: Option<Arc<OperatorPage>>,
    /// Who answers in a real cell instead of `cell.operator`: a program that asks its own user.
    pub operator: Option<Arc<MakeOperator>>,
    /// The devices that this program brings, where the configuration says `external`.
    pub devices: Option<Arc<dyn ExternalDevices>>,
}

/// Why the arm did not complete its first motion.
#[derive(Debug, thiserror::Error)]
pub enum FirstMotionError {
    /// The operator said no.
    #[error("the operator declined; the arm was not moved")]
    Declined,
    /// No operator can be asked.
    #[error(
        "nobody can be asked whether the arm may move: {reason}; give --yes if an interlock keeps people away \
         from the arm"
    )]
    NobodyToAsk {
        /// Why not.
        reason: String,
    },
    /// No answer came, or an invalid one.
    #[error("{answer}; the arm was not moved")]
    NoAnswer {
        /// The error of the device that was to answer.
        answer: DeviceError,
    },
    /// A stop was pressed before the arm moved.
    #[error("{0}; the arm was not moved")]
    Stopped(Stopped),
    /// Another program moves the arm.
    #[error("the arm moves: another program has it; end that first, or `rmrl cell stop`")]
    Busy,
    /// The arm's state has changed since the operator was asked.
    #[error(
        "somebody has moved the arm, or it has another error, since it was asked whether it may move; it was not \
         moved: start again"
    )]
    Elsewhere,
    /// The arm cannot start from where it stands.
    #[error("before anything moves")]
    Stance(#[source] Box<StartPoseError>),
    /// The controller reported an error, or could not be reached.
    #[error("the arm cannot be used")]
    XArm(#[from] XArmError),
    /// The motion failed.
    #[error("the arm did not get home; see `rmrl cell doctor` for the reason")]
    Motion(#[from] MotionError),
}

impl From<StartPoseError> for FirstMotionError {
    fn from(error: StartPoseError) -> Self {
        Self::Stance(Box::new(error))
    }
}

impl FirstMotionError {
    fn of_answer(answer: DeviceError, stop: &StopSwitch) -> Self {
        match (stop.check(), answer) {
            (Err(stopped), _) => Self::Stopped(stopped),
            (Ok(()), DeviceError::Declined) => Self::Declined,
            (Ok(()), DeviceError::NobodyToAsk { reason }) => Self::NobodyToAsk { reason },
            (Ok(()), answer) => Self::NoAnswer { answer },
        }
    }

    /// The stop that prevented or ended the motion, if there was one.
    pub fn stopped(&self) -> Option<&Stopped> {
        match self {
            Self::Stopped(stopped) | Self::Motion(MotionError::Stopped(stopped)) => Some(stopped),
            _ => None,
        }
    }
}

/// Checks that an operator can be asked, before anything is created. `is_unasked` is [`Start::is_unasked`].
///
/// # Errors
/// [`FirstMotionError::NobodyToAsk`].
pub fn check_somebody_to_ask(config: &RunConfig, is_unasked: bool) -> Result<(), FirstMotionError> {
    let asks_here =
        config.cell.kind != CellKind::Simulated && config.cell.operator == OperatorKind::Terminal;
    if !asks_here || is_unasked {
        return Ok(());
    }
    check_terminal().map_err(|answer| FirstMotionError::of_answer(answer, &StopSwitch::default()))
}

/// The operator of a real cell, and the switch that ends every wait for an answer.
///
/// # Errors
/// The operator answers on a page, and `start` has none.
pub fn operator(
    config: &RunConfig,
    start: &Start,
) -> Result<(Box<dyn Operator>, StopSwitch), FirstMotionError> {
    let waiting = StopSwitch::default();
    start.stop.pass_on_to(&waiting);
    let stop = waiting.clone();
    if let Some(make) = &start.operator {
        return Ok((make(stop), waiting));
    }
    let operator: Box<dyn Operator> = match config.cell.operator {
        OperatorKind::Terminal => Box::new(TerminalOperator::new(stop)),
        OperatorKind::Remote => Box::new(RemoteOperator::new(&config.remote, stop)),
        OperatorKind::Page => {
            let page = start.page.clone().ok_or_else(|| {
                let reason = "cell.operator is \"page\", and this program serves none".to_string();
                FirstMotionError::NobodyToAsk { reason }
            })?;
            Box::new(PageOperator::new(page, stop))
        }
        OperatorKind::External => {
            let reason = "cell.operator is \"external\", and this program brings none".to_string();
            return Err(FirstMotionError::NobodyToAsk { reason });
        }
    };
    Ok((operator, waiting))
}

/// A first motion that the operator has permitted, from where the arm stood then.
pub struct Permitted {
    /// The motion.
    pub motion: FirstMotion,
    /// The proof that the arm can make it.
    pub proof: ReachProof,
    seen: ArmReading,
    /// Claimed before the operator was asked, so that no other program has the arm that the answer is about.
    claim: Claim,
}

/// Claims the arm, reads its state, proves its path home, and asks the operator. Sets, clears and moves nothing.
///
/// # Errors
/// The arm cannot go home, or is not allowed to.
pub fn permission(
    config: &RunConfig,
    envelope: &SafetyEnvelope,
    operator: &mut dyn Operator,
    start: &Start,
) -> Result<Permitted, FirstMotionError> {
    if config.xarm.reports_at().is_none() {
        return Err(XArmError::WithoutReports.into());
    }
    let claim = retry_lost_answers(|| Ok(Claim::take(&config.xarm)?))?;
    let seen = ArmReading::take(config)?;
    let out_of = start.sites.as_ref().and_then(|sites| out_of_slot(sites, seen.tool.pose));
    let left = out_of.as_ref().map(|out_of| out_of.to);
    let proof = prove_path_home(config, envelope, (&seen.tool, &seen.joints), left)?;
    let task = &config.task;
    let (height_m, home) = (task.travel_height_m, task.home.tool_pose());
    let motion = FirstMotion::new(seen.tool.pose, height_m, home, task.travel_speed_m_s);
    let mut motion = motion.after(out_of);
    motion.notes = seen.notes(config);
    motion.notes.extend(start.notes.iter().cloned());
    ask_for(&motion, operator, start)?;
    Ok(Permitted { motion, proof, seen, claim })
}

/// Asks the operator for a first motion, unless that is not necessary.
///
/// # Errors
/// The switch was pressed, or the operator does not permit it.
pub fn ask_for(
    motion: &FirstMotion,
    operator: &mut dyn Operator,
    start: &Start,
) -> Result<(), FirstMotionError> {
    start.stop.check().map_err(FirstMotionError::Stopped)?;
    let is_known = start.is_permitted && motion.is_none() && motion.notes.is_empty();
    if start.is_unasked || is_known {
        return Ok(());
    }
    let answer = operator.permit_motion(motion);
    answer.map_err(|answer| FirstMotionError::of_answer(answer, &start.stop))
}

/// How the tool leaves the slot with a front in which it stands, if it stands in one.
fn out_of_slot((sites, world): &(SitePlan, World), here: ToolPose) -> Option<OutOfSlot> {
    let WayBack { slot, to, lifted_m, speed_m_s } = sites.way_back(here, world)?;
    let rise_to_m = lifted_m.filter(|lifted_m| *lifted_m > here.z_m);
    let to = to.at_height(rise_to_m.unwrap_or(to.z_m));
    Some(OutOfSlot { slot: slot.to_string(), rise_to_m, to, speed_m_s })
}

impl Permitted {
    /// Connects, which clears errors and powers the motors.
    ///
    /// # Errors
    /// The arm's state has changed since the operator was asked, or the controller refuses.
    pub fn connect(self, config: &RunConfig) -> Result<Robot, FirstMotionError> {
        if !self.seen.matches(&ArmReading::take(config)?) {
            return Err(FirstMotionError::Elsewhere);
        }
        let robot = retry_lost_answers(|| {
            Ok(Robot::connect_claimed(config.xarm.clone(), self.claim.clone())?)
        })?;
        // The session has set the tool and cleared the errors: this needs no report.
        let (tool, joints) = retry_lost_answers(|| {
            let mut arm = Inspector::connect(config.xarm.clone())?;
            Ok((arm.tool(None)?, arm.joints()?))
        })?;
        match self.seen.matches(&ArmReading { tool, joints, ..self.seen }) {
            true => Ok(robot),
            false => Err(FirstMotionError::Elsewhere),
        }
    }
}

/// The state of an arm that decides how it may start.
#[derive(Clone, Copy)]
struct ArmReading {
    tool: ToolReading,
    joints: Joints,
    error: u8,
    warning: u8,
}

/// How long an arm may take to stand still: after a program is killed, the arm completes its last line.
const STANDSTILL_TIMEOUT: Duration = Duration::from_secs(5);

/// How often the arm's state is read until it stands still.
const POLL: Duration = Duration::from_millis(50);

/// How often a request is sent in all if answers are lost.
const ATTEMPTS: u32 = 3;

/// The arm sinks a little when its brakes open. A larger change than this means that somebody has moved it. In meters
/// and radians.
pub(super) const MOVED_M: f64 = 0.002;
pub(super) const MOVED_RAD: f64 = 0.01;

impl ArmReading {
    fn take(config: &RunConfig) -> Result<Self, FirstMotionError> {
        retry_lost_answers(|| Self::try_take(config))
    }

    fn try_take(config: &RunConfig) -> Result<Self, FirstMotionError> {
        let mut arm = Inspector::connect(config.xarm.clone())?;
        arm.check_model()?;
        let began = Instant::now();
        loop {
            let (state, waiting) = arm.state()?;
            match state == ArmState::Moving || waiting > 0 {
                false => break,
                true if began.elapsed() > STANDSTILL_TIMEOUT => return Err(FirstMotionError::Busy),
                true => thread::sleep(POLL),
            }
        }
        let (error, warning) = arm.errors()?;
        let report = arm.report()?;
        if let Some(report) = &report {
            // These settings give the pose that is read its meaning.
            arm.check_installation(report)?;
            arm.check_pose(report)?;
        }
        let tool = arm.tool(report.as_ref())?;
        Ok(Self { tool, joints: arm.joints()?, error, warning })
    }

    /// Whether both readings have the same error and, within the tolerance, the same pose and joints.
    fn matches(&self, other: &Self) -> bool {
        let (here, there) = (self.tool.pose, other.tool.pose);
        let turned_rad = self.joints.iter().zip(other.joints).map(|(a, b)| (a - b).abs());
        self.error == other.error
            && here.planar.distance_m(there.planar).hypot(here.z_m - there.z_m) <= MOVED_M
            && turned_rad.fold(0.0, f64::max) <= MOVED_RAD
    }

    /// What the operator should know before answering.
    fn notes(&self, config: &RunConfig) -> Vec<String> {
        let error = (self.error != 0).then(|| {
            let meaning = controller_error(self.error).meaning;
            format!(
                "controller error {} waits ({meaning}), and is cleared if the arm may move",
                self.error
            )
        });
        let warning = (self.warning != 0).then(|| {
            format!(
                "controller warning {}: {}",
                self.warning,
                controller_warning(self.warning).meaning
            )
        });
        let senses_nothing = config.xarm.collision_sensitivity == 0;
        let blind = senses_nothing.then(|| {
            "xarm.collision_sensitivity is 0: the arm does not stop when it meets something"
                .to_string()
        });
        let retries = config.unattended.contact_note(&config.task);
        [error, warning, blind, retries].into_iter().flatten().collect()
    }
}

/// Does `work`, and repeats it a few times if an answer of the controller was lost.
fn retry_lost_answers<T>(
    mut work: impl FnMut() -> Result<T, FirstMotionError>,
) -> Result<T, FirstMotionError> {
    let mut left = ATTEMPTS;
    loop {
        left -= 1;
        match work() {
            Err(FirstMotionError::XArm(
                error @ (XArmError::LostLink { .. }
                | XArmError::NoAnswer { .. }
                | XArmError::Frame(_)),
            )) if left > 0 => tracing::warn!("{error}; the request is repeated"),
            result => return result,
        }
    }
}

/// Makes `switch` stop the arm of `robot`, over a connection of its own. The switch holds the robot weakly, because it
/// outlives a panic, and the end of the session has to stop the arm. A stop that did not get through is repeated even
/// if the session has ended meanwhile.
pub fn stop_with(switch: &StopSwitch, robot: &Arc<Robot>) {
    let config = robot.config();
    let (address, timeout) = (config.address(config.control_port), config.answer_timeout());
    let (robot, was_sent) = (Arc::downgrade(robot), AtomicBool::new(false));
    switch.on_press("the arm", move |_| {
        let robot = robot.upgrade();
        let was_sent = was_sent.fetch_or(robot.is_some(), Ordering::SeqCst);
        let stopped = match robot {
            Some(robot) => robot.stop(),
            None if was_sent => stop_arm(&address, timeout),
            // The session ended before the first press, and has left the arm standing.
            None => Ok(()),
        };
        stopped.map_err(|error| error.to_string())
    });
}

/// How long a program that ends waits for its stop to be confirmed.
pub const STOP_PATIENCE: Duration = Duration::from_secs(10);

/// The confirmation of a stop when a program ends, or `None` if nobody pressed the switch. Waits up to
/// [`STOP_PATIENCE`] for it.
pub fn confirmation_at_end(stop: &StopSwitch) -> Option<Confirmation> {
    let confirmation = stop.wait_for_confirmation(STOP_PATIENCE);
    (confirmation != Confirmation::NotPressed).then_some(confirmation)
}
