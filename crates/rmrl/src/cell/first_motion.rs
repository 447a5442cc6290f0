//! The start of a real cell. The arm is looked at, its way home is proven, the person beside the cell is
//! asked, and only then is the controller sent anything that changes something.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rmrl_cell::{
    Confirmation, DeviceError, FirstMotion, MotionError, Operator, SafetyEnvelope, StopSwitch,
    Stopped,
};
use rmrl_operator::OperatorPage;
use rmrl_xarm::kinematics::{Joints, ReachProof};
use rmrl_xarm::{
    ArmState, Claim, Inspector, Robot, ToolReading, XArmError, controller_error,
    controller_warning, stop_arm,
};

use crate::cell::page_operator::PagePerson;
use crate::cell::reachability::{StanceError, prove_way_home};
use crate::cell::remote::DistantPerson;
use crate::cell::terminal_operator::{TerminalPerson, check_terminal};
use crate::config::{CellKind, PersonName, RunConfig};

/// Who starts a cell, who stops it, and who is asked before its arm moves.
#[derive(Clone, Default)]
pub struct Start {
    /// Stops the cell, from its first moment on.
    pub stop: StopSwitch,
    /// Whether nobody is asked (`--yes`): for cells whose interlock keeps people away.
    pub is_unasked: bool,
    /// Whether somebody has let the arm move since the program was started. An arm that then stands at
    /// home is not asked about again.
    pub is_permitted: bool,
    /// The page that asks where `cell.person` is `page`.
    pub page: Option<Arc<OperatorPage>>,
}

/// Why the arm does not make its first motion, or not as a whole.
#[derive(Debug, thiserror::Error)]
pub enum FirstMotionError {
    /// The answer was no.
    #[error("the operator declined; the arm was not moved")]
    Declined,
    /// There is nobody who could answer.
    #[error(
        "nobody can be asked whether the arm may move: {reason}; give --yes if an interlock keeps people away \
         from the arm"
    )]
    NobodyToAsk {
        /// Why not.
        reason: String,
    },
    /// There was no answer, or none that is understood.
    #[error("{answer}; the arm was not moved")]
    NoAnswer {
        /// What came instead.
        answer: DeviceError,
    },
    /// Somebody stopped it before it moved.
    #[error("{0}; the arm was not moved")]
    Stopped(Stopped),
    /// Another program has the arm.
    #[error("the arm moves: another program has it; end that first, or `rmrl cell stop`")]
    Busy,
    /// What was asked about is not so any more.
    #[error(
        "somebody has moved the arm, or it has another error, since it was asked whether it may move; it was not \
         moved: start again"
    )]
    Elsewhere,
    /// The arm stands where it cannot begin.
    #[error("before anything moves")]
    Stance(#[source] Box<StanceError>),
    /// The controller.
    #[error("the arm cannot be used")]
    XArm(#[from] XArmError),
    /// The motion itself.
    #[error("the arm did not get home; see `rmrl cell doctor` for what it says")]
    Motion(#[from] MotionError),
}

impl From<StanceError> for FirstMotionError {
    fn from(error: StanceError) -> Self {
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

    /// Who stopped the arm, if that is what happened.
    pub fn stopped(&self) -> Option<&Stopped> {
        match self {
            Self::Stopped(stopped) | Self::Motion(MotionError::Stopped(stopped)) => Some(stopped),
            _ => None,
        }
    }
}

/// Refuses a start that nobody could answer for, before anything is made.
///
/// # Errors
/// [`FirstMotionError::NobodyToAsk`].
pub fn check_somebody_to_ask(config: &RunConfig, is_unasked: bool) -> Result<(), FirstMotionError> {
    let asks_here =
        config.cell.kind == CellKind::XArm && config.cell.person == PersonName::Terminal;
    if !asks_here || is_unasked {
        return Ok(());
    }
    check_terminal().map_err(|answer| FirstMotionError::of_answer(answer, &StopSwitch::default()))
}

/// The person beside a real cell, and the switch that ends every wait for an answer.
///
/// # Errors
/// The page that should ask is not served.
pub fn operator(
    config: &RunConfig,
    start: &Start,
) -> Result<(Box<dyn Operator>, StopSwitch), FirstMotionError> {
    let waiting = StopSwitch::default();
    start.stop.pass_on_to(&waiting);
    let stop = waiting.clone();
    let person: Box<dyn Operator> = match config.cell.person {
        PersonName::Terminal => Box::new(TerminalPerson::new(stop)),
        PersonName::Distant => Box::new(DistantPerson::new(&config.distant, stop)),
        PersonName::Page => {
            let page = start.page.clone().ok_or_else(|| {
                let reason = "cell.person is \"page\", and this program serves none".to_string();
                FirstMotionError::NobodyToAsk { reason }
            })?;
            Box::new(PagePerson::new(page, stop))
        }
    };
    Ok((person, waiting))
}

/// A first motion that was let happen, from where the arm stood then.
pub struct Permitted {
    /// The motion.
    pub motion: FirstMotion,
    /// The proof that the arm can make it.
    pub proof: ReachProof,
    seen: Look,
    /// Taken before anybody was asked, so that the answer is about an arm that nobody else has.
    claim: Claim,
}

/// Claims the arm, looks at it, proves its way home, and asks the person beside the cell. Nothing is set,
/// cleared or moved.
///
/// # Errors
/// The arm cannot go home, or may not.
pub fn permission(
    config: &RunConfig,
    envelope: &SafetyEnvelope,
    operator: &mut dyn Operator,
    start: &Start,
) -> Result<Permitted, FirstMotionError> {
    if config.xarm.reports_at().is_none() {
        return Err(XArmError::WithoutReports.into());
    }
    let claim = again(|| Ok(Claim::take(&config.xarm)?))?;
    let seen = Look::at(config)?;
    let proof = prove_way_home(config, envelope, &seen.tool, &seen.joints)?;
    let task = &config.task;
    let (height_m, home) = (task.travel_height_m, task.home.tool_pose());
    let mut motion = FirstMotion::new(seen.tool.pose, height_m, home, task.travel_speed_m_s);
    motion.notes = seen.notes(config);
    start.stop.check().map_err(FirstMotionError::Stopped)?;
    let is_known = start.is_permitted && motion.is_none() && motion.notes.is_empty();
    if !start.is_unasked && !is_known {
        let answer = operator.permit_motion(&motion);
        answer.map_err(|answer| FirstMotionError::of_answer(answer, &start.stop))?;
    }
    Ok(Permitted { motion, proof, seen, claim })
}

impl Permitted {
    /// Connects, which clears errors and gives the motors power.
    ///
    /// # Errors
    /// The arm is not any more what was asked about, or the controller refuses.
    pub fn connect(self, config: &RunConfig) -> Result<Robot, FirstMotionError> {
        if !self.seen.is_as(&Look::at(config)?) {
            return Err(FirstMotionError::Elsewhere);
        }
        let robot = again(|| Ok(Robot::connect_claimed(config.xarm.clone(), self.claim.clone())?))?;
        // A session has begun: no report is needed to know its tool, and no error waits.
        let (tool, joints) = again(|| {
            let mut arm = Inspector::connect(config.xarm.clone())?;
            Ok((arm.tool(None)?, arm.joints()?))
        })?;
        match self.seen.is_as(&Look { tool, joints, ..self.seen }) {
            true => Ok(robot),
            false => Err(FirstMotionError::Elsewhere),
        }
    }
}

/// What of an arm decides how it may start.
#[derive(Clone, Copy)]
struct Look {
    tool: ToolReading,
    joints: Joints,
    error: u8,
    warning: u8,
}

/// How long an arm may take to stand: a killed program's last line is ended first.
const STANDS_WITHIN: Duration = Duration::from_secs(5);

/// How often it is asked whether it does.
const POLL: Duration = Duration::from_millis(50);

/// How often the controller is asked anew where answers are lost on the way.
const LOOKS: u32 = 3;

/// Brakes that open let an arm sink a little; by more than this somebody has moved it. In metres and
/// radians.
const MOVED_M: f64 = 0.002;
const MOVED_RAD: f64 = 0.01;

impl Look {
    fn at(config: &RunConfig) -> Result<Self, FirstMotionError> {
        again(|| Self::try_at(config))
    }

    fn try_at(config: &RunConfig) -> Result<Self, FirstMotionError> {
        let mut arm = Inspector::connect(config.xarm.clone())?;
        arm.check_model()?;
        let began = Instant::now();
        loop {
            let (state, waiting) = arm.state()?;
            match state == ArmState::Moving || waiting > 0 {
                false => break,
                true if began.elapsed() > STANDS_WITHIN => return Err(FirstMotionError::Busy),
                true => thread::sleep(POLL),
            }
        }
        let (error, warning) = arm.errors()?;
        let report = arm.report()?;
        if let Some(report) = &report {
            // By these the pose that is read means what it says.
            arm.check_installation(report)?;
            arm.check_pose(report)?;
        }
        let tool = arm.tool(report.as_ref())?;
        Ok(Self { tool, joints: arm.joints()?, error, warning })
    }

    /// Whether the arm stands as it did then, and has no other error.
    fn is_as(&self, other: &Self) -> bool {
        let (here, there) = (self.tool.pose, other.tool.pose);
        let turned_rad = self.joints.iter().zip(other.joints).map(|(a, b)| (a - b).abs());
        self.error == other.error
            && here.planar.distance_m(there.planar).hypot(here.z_m - there.z_m) <= MOVED_M
            && turned_rad.fold(0.0, f64::max) <= MOVED_RAD
    }

    /// What the person should know.
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

/// Does something that may be done again where an answer is lost on its way, a few times.
fn again<T>(mut work: impl FnMut() -> Result<T, FirstMotionError>) -> Result<T, FirstMotionError> {
    let mut left = LOOKS;
    loop {
        left -= 1;
        match work() {
            Err(FirstMotionError::XArm(
                error @ (XArmError::LostLink { .. }
                | XArmError::NoAnswer { .. }
                | XArmError::Frame(_)),
            )) if left > 0 => tracing::warn!("{error}; the controller is asked again"),
            done => return done,
        }
    }
}

/// Has `switch` stop the arm of `robot`, over a link of its own. Weakly: the switch outlives a panic, and the
/// session has to see its end to stop the arm. A stop that did not get through is repeated even where the
/// session has ended meanwhile.
pub fn stop_with(switch: &StopSwitch, robot: &Arc<Robot>) {
    let config = robot.config();
    let (address, timeout) = (config.address(config.control_port), config.answer_timeout());
    let (robot, was_told) = (Arc::downgrade(robot), AtomicBool::new(false));
    switch.on_press("the arm", move |_| {
        let robot = robot.upgrade();
        let was_told = was_told.fetch_or(robot.is_some(), Ordering::SeqCst);
        let stopped = match robot {
            Some(robot) => robot.stop(),
            None if was_told => stop_arm(&address, timeout),
            // The session ended before, and has left the arm standing.
            None => Ok(()),
        };
        stopped.map_err(|error| error.to_string())
    });
}

/// How long a program that ends waits for its stop to be confirmed.
pub const STOP_PATIENCE: Duration = Duration::from_secs(10);

/// What there is to say of a stop when a program ends: nothing if nobody pressed the switch. Waits for a while until the
/// stop is confirmed.
pub fn confirmation_at_end(stop: &StopSwitch) -> Option<Confirmation> {
    let confirmation = stop.wait_for_confirmation(STOP_PATIENCE);
    (confirmation != Confirmation::NotPressed).then_some(confirmation)
}
