//! A controller that is connected and set up, and what brings it back there.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use crate::client::explain;
use crate::motion::STOP_TIMER;
use crate::settings::{check_length, not_told, settings, verify_fence, verify_report};
use crate::stance::{check_left, check_pose};
use crate::{
    ALL_JOINTS, ArmModel, ArmState, Claim, Client, Command, Feedback, FirmwareVersion, Protocol,
    Reply, Report, ReportStream, RobotVersion, StateChange, XArmConfig, XArmError,
};

/// How often a state is asked for that is to come.
const POLL: Duration = Duration::from_millis(20);

/// How long the controller may take to be ready after it was told to run.
const READY_WITHIN: Duration = Duration::from_secs(2);

/// How long the controller may take to say that the arm is stopped.
const STOPPED_WITHIN: Duration = Duration::from_secs(2);

/// For so long a state is borne that is to pass: a reset shows for a moment in some firmware, and a motion
/// that has ended may still be counted.
const SETTLES_WITHIN: Duration = Duration::from_millis(400);

/// How long a report may take: five come in a second.
const REPORT_WITHIN: Duration = Duration::from_secs(3);

/// A connected controller. Led to positions only: where this computer stops talking, the arm goes no
/// further than the end of the line that it was last sent.
#[derive(Debug)]
pub struct Session {
    pub(crate) client: Client,
    pub(crate) config: XArmConfig,
    version: RobotVersion,
    reports: Arc<ReportStream>,
    /// A motion was sent, and its end not seen.
    pub(crate) moving: bool,
    /// The arm stands because this program stopped it.
    pub(crate) stopped_here: bool,
    /// The collision that waits to be cleared ended a motion of this program, whose caller heard of it.
    pub(crate) has_collided: bool,
    /// Everything was given and read back: from here on what differs is another's doing.
    is_set_up: bool,
    /// How the joints stood when they were last seen with nothing of this program under way.
    pub(crate) left_at: Option<[f32; 7]>,
}

/// How an arm was left when its link was lost.
#[derive(Debug, Clone, Default)]
pub(crate) struct Left {
    /// Its joints, if nothing of this program was under way.
    pub joints: Option<[f32; 7]>,
    /// This program had begun to set the controller up again: its state is its own doing.
    pub is_interrupted: bool,
}

impl Session {
    /// Connects, sets everything up and reads it back. The claim says that no other program has the arm.
    ///
    /// # Errors
    /// The controller is not there, is of another kind, has an error that cannot be cleared, does not keep
    /// a setting, or has one that only a person changes.
    pub fn connect(config: XArmConfig, _: &Claim) -> Result<Self, XArmError> {
        let mut session = Self::open(config)?;
        // What a killed program, or another, has left to be done is not to be gone on with.
        session.stop()?;
        session.set_up()?;
        Ok(session)
    }

    /// Connects again after a lost link. What another has stopped, moved or changed meanwhile stays as it is:
    /// nothing is set before that was looked at.
    ///
    /// # Errors
    /// As [`Self::connect`], and what tells of somebody else.
    pub(crate) fn connect_again(config: XArmConfig, left: &mut Left) -> Result<Self, XArmError> {
        let mut session = Self::open(config)?;
        if !left.is_interrupted {
            session.check_left(left)?;
        }
        left.is_interrupted = true;
        // A line from before may still be under way.
        session.stop()?;
        session.set_up()?;
        *left = Left::default();
        Ok(session)
    }

    /// Whether the controller is as it was left when the link was lost.
    fn check_left(&mut self, left: &Left) -> Result<(), XArmError> {
        let error = self.error()?;
        if error != 0 {
            // Setting up clears errors; those that a person has to see are not to be cleared unseen.
            return match explain(error) {
                // Whether it was to be expected nobody saw.
                XArmError::Collision { .. } => Err(XArmError::UnseenContact),
                error if error.needs_a_person() => Err(error),
                _ => Ok(()),
            };
        }
        match (self.state()?, left.joints) {
            (ArmState::Stopped | ArmState::Paused, _) => {
                return Err(XArmError::StoppedBySomebodyElse);
            }
            (ArmState::Reset, _) => return Err(XArmError::StateReset),
            (ArmState::Moving, Some(_)) => return Err(XArmError::MovedBySomebodyElse),
            _ => {}
        }
        if let Some(left_at) = &left.joints {
            check_left(left_at, &self.client.joints()?)?;
        }
        let stale = XArmError::StaleReports { age_secs: REPORT_WITHIN.as_secs_f64() };
        let report = self.reports.next(REPORT_WITHIN).ok_or(stale)?;
        verify_report(&self.config, &report).map_err(XArmError::changed_by_somebody_else)?;
        let reduced = self.client.reduced_state()?;
        verify_fence(&self.config, &reduced).map_err(XArmError::changed_by_somebody_else)
    }

    fn open(config: XArmConfig) -> Result<Self, XArmError> {
        let timeout = config.answer_timeout();
        let mut client = Client::connect(&config.address(config.control_port), timeout)?;
        let version = identify(&mut client, config.model)?;
        if version.firmware.has_keep_alive() {
            client.set_protocol(Protocol::Three);
        }
        let reports = ReportStream::of(&config)?.ok_or(XArmError::WithoutReports)?;
        Ok(Self {
            client,
            config,
            version,
            reports: Arc::new(reports),
            moving: false,
            stopped_here: false,
            has_collided: false,
            is_set_up: false,
            left_at: None,
        })
    }

    /// What the robot says of itself.
    pub fn version(&self) -> &RobotVersion {
        &self.version
    }

    /// The latest report; none before the first.
    pub fn report(&self) -> Option<Report> {
        self.reports.latest().map(|(report, _)| report)
    }

    /// The reports, for whoever looks at them while the arm moves.
    pub(crate) fn reports(&self) -> &Arc<ReportStream> {
        &self.reports
    }

    /// Whether another link has to be made: this one is lost, or its reports are.
    ///
    /// # Errors
    /// [`XArmError::LostLink`] or [`XArmError::StaleReports`].
    pub(crate) fn check_link(&self) -> Result<(), XArmError> {
        self.client.check()?;
        self.reports.fresh().map(drop)
    }

    /// What the arm is doing.
    ///
    /// # Errors
    /// The link is lost, or no answer came.
    pub fn state(&mut self) -> Result<ArmState, XArmError> {
        self.client.state()
    }

    /// The number of the error that waits to be cleared; 0 for none.
    ///
    /// # Errors
    /// The link is lost, or no answer came.
    pub fn error(&mut self) -> Result<u8, XArmError> {
        match self.client.ask(&Command::GetErrors)? {
            Reply::Errors { error, warning } => {
                if warning != 0 {
                    tracing::warn!(warning, "{}", crate::controller_warning(warning).meaning);
                }
                Ok(error)
            }
            _ => Ok(0),
        }
    }

    /// How many motions wait, the present one among them.
    pub(crate) fn waiting(&mut self) -> Result<u16, XArmError> {
        self.client.waiting()
    }

    /// Stops the arm and forgets what it was to do. It stands within its braking way.
    ///
    /// # Errors
    /// The link is lost, or no answer came.
    pub fn stop(&mut self) -> Result<(), XArmError> {
        self.begin_own_doing();
        self.stopped_here = true;
        stop(&mut self.client)?;
        self.moving = false;
        Ok(())
    }

    /// From here on what the arm does is this program's doing.
    pub(crate) fn begin_own_doing(&mut self) {
        self.reports.expect_standing(false);
        self.left_at = None;
    }

    /// Why the arm cannot begin a motion, or nothing where it can. All that decides where a motion leads is
    /// looked at anew.
    ///
    /// # Errors
    /// An error that waits; a stop, a pause, a motion, a reset, or a setting that is nobody's here; reports
    /// that are not of now; or a motion of this program that is still under way.
    pub fn check_ready(&mut self) -> Result<(), XArmError> {
        let error = self.error()?;
        if error != 0 {
            let error = match explain(error) {
                // Somebody ran into an arm that stood: that was no contact of a descent.
                XArmError::Collision { .. } if !self.has_collided => XArmError::UnseenContact,
                error => error,
            };
            // Whoever clears it at the controller's screen has not started the arm by that.
            self.stopped_here &= !error.needs_a_person();
            return Err(error);
        }
        let began = Instant::now();
        loop {
            let (state, waiting) = (self.state()?, self.waiting()?);
            let passes = match state {
                ArmState::Ready if waiting == 0 => return self.check_knowledge(),
                ArmState::Stopped if self.stopped_here => {
                    return Err(XArmError::NotReady { state, waiting });
                }
                // Nothing here ever pauses.
                ArmState::Stopped | ArmState::Paused => {
                    return Err(XArmError::StoppedBySomebodyElse);
                }
                ArmState::Reset => XArmError::StateReset,
                ArmState::Moving | ArmState::Ready if !self.moving => {
                    XArmError::MovedBySomebodyElse
                }
                _ => return Err(XArmError::NotReady { state, waiting }),
            };
            if began.elapsed() > SETTLES_WITHIN {
                return Err(passes);
            }
            thread::sleep(POLL);
        }
    }

    /// Whether the arm stands where this program left it, with the settings that it was given: by a report
    /// of now, and by what the controller answers.
    fn check_knowledge(&mut self) -> Result<(), XArmError> {
        // One that is just late is waited for, so that a busy computer costs no trial.
        let report =
            self.reports.fresh().or_else(|stale| self.reports.next(SETTLES_WITHIN).ok_or(stale))?;
        if self.reports.was_disturbed() {
            return Err(XArmError::MovedBySomebodyElse);
        }
        let joints = self.client.joints()?;
        if let Some(left_at) = &self.left_at {
            check_left(left_at, &joints)?;
        }
        if self.is_set_up {
            verify_report(&self.config, &report).map_err(XArmError::changed_by_somebody_else)?;
            verify_fence(&self.config, &self.client.reduced_state()?)
                .map_err(XArmError::changed_by_somebody_else)?;
            let pose = self.client.pose()?;
            check_pose(&self.config, &joints, pose)?;
        }
        self.left_at = Some(joints);
        self.reports.expect_standing(true);
        Ok(())
    }

    /// Clears errors and makes the arm movable, in the vendor's order. Does nothing where it is.
    ///
    /// # Errors
    /// A person has to come: a button was pressed, a servo failed, somebody else stopped the arm.
    /// That stays so until [`Self::connect`], which is that person's word that all is well. Or the
    /// error came again each time.
    pub fn recover(&mut self) -> Result<(), XArmError> {
        let mut last = match self.check_ready() {
            Ok(()) => return Ok(()),
            Err(error) => error,
        };
        for _ in 0..self.config.recover_attempts {
            if last.needs_a_person() || last.ends_the_link() {
                return Err(last);
            }
            if matches!(last, XArmError::NotReady { .. }) {
                self.stop()?;
            }
            match self.enable() {
                Ok(()) => return Ok(()),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    /// As [`Self::check_ready`]; where it was this program that stopped the arm, it may go on.
    ///
    /// # Errors
    /// As [`Self::check_ready`].
    pub(crate) fn make_ready(&mut self) -> Result<(), XArmError> {
        match self.check_ready() {
            Err(XArmError::NotReady { state: ArmState::Stopped, .. }) if self.stopped_here => {
                self.enable()?;
                self.check_ready()
            }
            other => other,
        }
    }

    /// The vendor's sequence: clean error, clean warning, power, mode, state.
    fn enable(&mut self) -> Result<(), XArmError> {
        self.begin_own_doing();
        // Only firmware 1.10 and later have the second number.
        let detection = (self.version.firmware >= FirmwareVersion::new(1, 10, 0)).then_some(0);
        for command in [
            Command::CleanError,
            Command::CleanWarning,
            Command::MotionEnable { joint: ALL_JOINTS, on: true },
            Command::SetMode { mode: 0, detection },
        ] {
            self.client.ask(&command)?;
        }
        self.run()
    }

    /// Tells the controller to run, and waits until it is ready.
    fn run(&mut self) -> Result<(), XArmError> {
        self.client.ask(&Command::SetState(StateChange::Run))?;
        let began = Instant::now();
        loop {
            let error = self.error()?;
            if error != 0 {
                return Err(explain(error));
            }
            let state = self.state()?;
            if state == ArmState::Ready {
                (self.moving, self.stopped_here, self.has_collided) = (false, false, false);
                return Ok(());
            }
            if began.elapsed() > READY_WITHIN {
                if matches!(state, ArmState::Stopped | ArmState::Paused) {
                    self.stopped_here = false;
                    return Err(XArmError::StoppedBySomebodyElse);
                }
                return Err(XArmError::NotReady { state, waiting: self.waiting()? });
            }
            thread::sleep(POLL);
        }
    }

    /// Gives the controller its settings, and reads back what it tells.
    fn set_up(&mut self) -> Result<(), XArmError> {
        self.recover_from_left_over()?;
        for command in settings(&self.config) {
            self.client.ask(&command)?;
        }
        if self.config.stop_timer {
            // One that a lost program has set would stop this one.
            self.client.ask(&Command::CancelTimer(STOP_TIMER))?;
        }
        if self.version.firmware.has_feedback() {
            self.client.ask(&Command::SetFeedbackType(Feedback::MOTION_FINISHED))?;
        }
        // Offset and load have reset the state.
        self.run()?;
        verify_fence(&self.config, &self.client.reduced_state()?)?;
        self.verify_report()?;
        let joints = self.client.joints()?;
        let pose = self.client.pose()?;
        check_pose(&self.config, &joints, pose)?;
        self.left_at = Some(joints);
        self.is_set_up = true;
        self.reports.expect_standing(true);
        Ok(())
    }

    /// What is left over from before is no error of today, unless it does not go away.
    fn recover_from_left_over(&mut self) -> Result<(), XArmError> {
        let mut result = self.enable();
        for _ in 1..self.config.recover_attempts {
            if matches!(&result, Err(error) if !error.ends_the_link()) {
                result = self.enable();
            }
        }
        result
    }

    /// Waits for a report that tells what was given.
    fn verify_report(&mut self) -> Result<(), XArmError> {
        // The first may have been on its way before the settings were there.
        let mut result = Err(XArmError::StaleReports { age_secs: REPORT_WITHIN.as_secs_f64() });
        for _ in 0..3 {
            let Some(report) = self.reports.next(REPORT_WITHIN) else { return result };
            check_length(&self.config, &report)?;
            result = verify_report(&self.config, &report);
            if result.is_ok() {
                let not_told = not_told(&report);
                if !not_told.is_empty() {
                    let firmware = self.version.firmware;
                    tracing::warn!(
                        "not checked, because firmware {firmware} does not report it: {}",
                        not_told.join(", ")
                    );
                }
                break;
            }
        }
        result
    }
}

impl Drop for Session {
    /// Stops the arm where its motion was not seen to end: after a panic, for instance.
    fn drop(&mut self) {
        if self.moving
            && !self.client.is_lost()
            && let Err(error) = self.stop()
        {
            tracing::error!("could not stop the arm: {error}");
        }
    }
}

/// Tells the controller to stop until it says that it has, as the vendor's software does.
pub(crate) fn stop(client: &mut Client) -> Result<(), XArmError> {
    let began = Instant::now();
    loop {
        client.ask(&Command::SetState(StateChange::Stop))?;
        let state = client.ask(&Command::GetState)?;
        if state == Reply::State(ArmState::Stopped) {
            return Ok(());
        }
        if began.elapsed() > STOPPED_WITHIN {
            let timeout_secs = STOPPED_WITHIN.as_secs_f64();
            return Err(XArmError::NotFinished { what: "stopping", timeout_secs });
        }
        thread::sleep(POLL);
    }
}

fn identify(client: &mut Client, model: ArmModel) -> Result<RobotVersion, XArmError> {
    let version = client.robot_version()?;
    version.check_model(model)?;
    Ok(version)
}
