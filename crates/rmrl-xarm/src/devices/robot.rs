//! One controller that arm and gripper share. Its link is made again after it was lost, and kept alive while
//! it is idle.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rmrl_cell::DeviceError;

use crate::connection::report_stream::warn_rarely;
use crate::session::StateAtLinkLoss;
use crate::{
    Address, Claim, Report, ReportStream, RobotVersion, Session, XArmConfig, XArmError, stop_arm,
};

/// Silence after which the controller is sent a question, as in the vendor's software.
const IDLE: Duration = Duration::from_secs(30);

/// Silence after which the link counts as lost.
const LOST: Duration = Duration::from_secs(90);

/// How often the silence is checked.
const LOOK: Duration = Duration::from_secs(5);

/// The pause between two attempts to connect again.
const PAUSE: Duration = Duration::from_millis(500);

/// A controller that arm and gripper share.
#[derive(Debug)]
pub struct Robot {
    shared: Arc<Mutex<Shared>>,
    control: Address,
    answer_timeout: Duration,
    /// Whether [`Self::stop`] was called.
    is_stopped: Arc<AtomicBool>,
    /// The reports of the present session.
    reports: Reports,
    /// Dropping this ends the thread that keeps the link alive.
    ends: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
    /// Keeps other programs from the arm for as long as this one has it.
    _claim: Claim,
}

type Reports = Arc<Mutex<Arc<ReportStream>>>;

/// The state that arm, gripper and the keep-alive thread share.
#[derive(Debug)]
struct Shared {
    config: XArmConfig,
    version: RobotVersion,
    /// None where the link is lost.
    session: Option<Session>,
    reports: Reports,
    is_stopped: Arc<AtomicBool>,
    /// The number of connections so far. A gripper sets itself up again after each.
    connections: u64,
    /// The state of the arm when the link was lost.
    at_link_loss: StateAtLinkLoss,
}

impl Robot {
    /// Claims the arm, connects and sets everything up.
    ///
    /// # Errors
    /// As [`Claim::take`] and [`Session::connect`].
    pub fn connect(config: XArmConfig) -> Result<Self, XArmError> {
        let claim = Claim::take(&config)?;
        Self::connect_claimed(config, claim)
    }

    /// Connects to an arm that was claimed before, to inspect it and to ask an operator.
    ///
    /// # Errors
    /// As [`Session::connect`].
    pub fn connect_claimed(config: XArmConfig, claim: Claim) -> Result<Self, XArmError> {
        let session = Session::connect(config.clone(), &claim)?;
        let version = session.version().clone();
        let keeps_alive = version.firmware.has_keep_alive();
        let control = config.address(config.control_port);
        let answer_timeout = config.answer_timeout();
        let reports = Reports::new(Mutex::new(Arc::clone(session.reports())));
        let theirs = Arc::clone(&reports);
        let is_stopped = Arc::<AtomicBool>::default();
        let shared = Shared {
            config,
            version,
            session: Some(session),
            reports: theirs,
            is_stopped: Arc::clone(&is_stopped),
            connections: 1,
            at_link_loss: StateAtLinkLoss::default(),
        };
        let shared = Arc::new(Mutex::new(shared));
        let (ends, thread) = (None, None);
        let mut robot = Self {
            shared,
            control,
            answer_timeout,
            is_stopped,
            reports,
            ends,
            thread,
            _claim: claim,
        };
        if keeps_alive {
            let (ends, ended) = mpsc::channel();
            let theirs = Arc::downgrade(&robot.shared);
            let spawned = thread::Builder::new()
                .name("xarm-keep-alive".to_owned())
                .spawn(move || keep_alive(&theirs, || ended.recv_timeout(LOOK)));
            let failed = |source| XArmError::Connect { address: "a thread".to_owned(), source };
            robot.thread = Some(spawned.map_err(failed)?);
            robot.ends = Some(ends);
        }
        Ok(robot)
    }

    /// The version of the robot.
    pub fn version(&self) -> RobotVersion {
        self.lock().version.clone()
    }

    /// The configuration.
    pub fn config(&self) -> XArmConfig {
        self.lock().config.clone()
    }

    /// The latest report; none before the first.
    ///
    /// Does not wait for the end of a motion.
    pub fn report(&self) -> Option<Report> {
        let reports = Arc::clone(&self.reports.lock().unwrap_or_else(PoisonError::into_inner));
        reports.latest().map(|(report, _)| report)
    }

    /// Stops the arm at once, over a link of its own: from another thread while it moves, for instance.
    ///
    /// The motion under way and every later call get [`XArmError::StoppedBySomebodyElse`]: the arm stands until
    /// another [`Robot`] connects. This is no emergency stop, which needs a button and no software.
    ///
    /// # Errors
    /// The link fails, no answer comes, or the arm does not stop. Even then no motion begins any more.
    pub fn stop(&self) -> Result<(), XArmError> {
        // First, so that a link that comes back brings no motion.
        self.is_stopped.store(true, Ordering::SeqCst);
        stop_arm(&self.control, self.answer_timeout)
    }

    /// Works with the controller, exclusively. A lost link is made again first, within the time that the
    /// configuration allows. A link that is lost meanwhile is closed; if the arm was moving, it is made
    /// again at once to stop the arm.
    ///
    /// `work` also gets the number of connections so far, the present one included.
    ///
    /// # Errors
    /// The error of connecting or of `work`.
    pub fn with<T>(
        &self,
        work: impl FnOnce(&mut Session, u64) -> Result<T, XArmError>,
    ) -> Result<T, XArmError> {
        let mut shared = self.lock();
        shared.reconnect()?;
        shared.check_not_stopped()?;
        let Shared { session, connections, .. } = &mut *shared;
        let Some(connected) = session else {
            return Err(XArmError::LostLink { reason: "not connected".to_owned() });
        };
        let result = work(connected, *connections);
        if connected.client.is_lost() {
            let was_moving = connected.moving;
            shared.disconnect();
            // A new link stops the arm before anything else.
            if was_moving && let Err(error) = shared.reconnect() {
                tracing::error!("the arm may continue to the end of its line: {error}");
            }
        }
        result
    }

    /// Makes a motion. If it meets something, the error has where the tool then is.
    ///
    /// # Errors
    /// [`DeviceError::Collision`], or any other error, as that of `device`.
    pub(super) fn motion<T>(
        &self,
        device: &'static str,
        work: impl FnOnce(&mut Session) -> Result<T, XArmError>,
    ) -> Result<T, DeviceError> {
        let moved = self.with(|session, _| match work(session) {
            Err(XArmError::Collision { .. }) => Ok(Err(session.pose()?)),
            other => other.map(Ok),
        });
        match moved {
            Ok(Ok(sent)) => Ok(sent),
            Ok(Err(at)) => Err(DeviceError::Collision { at }),
            Err(error) => Err(error.into_device_error(device)),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        // After a panic the session still knows whether a motion was under way.
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Robot {
    fn drop(&mut self) {
        self.ends = None;
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has reported it already.
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn check_not_stopped(&self) -> Result<(), XArmError> {
        match self.is_stopped.load(Ordering::SeqCst) {
            true => Err(XArmError::StoppedBySomebodyElse),
            false => Ok(()),
        }
    }

    /// Makes a lost link again. After a stop of the arm, this only stops it again, in case the first stop did not
    /// get through.
    fn reconnect(&mut self) -> Result<(), XArmError> {
        if self.session.as_ref().is_some_and(|session| session.check_link().is_ok()) {
            return Ok(());
        }
        self.disconnect();
        let began = Instant::now();
        let patience = Duration::from_secs_f64(self.config.reconnect_secs);
        loop {
            let connected = match self.check_not_stopped() {
                Ok(()) => Session::connect_again(self.config.clone(), &mut self.at_link_loss),
                Err(stopped) => {
                    let control = self.config.address(self.config.control_port);
                    stop_arm(&control, self.config.answer_timeout()).and(Err(stopped))
                }
            };
            let error = match connected {
                Ok(session) => {
                    tracing::info!("the arm is back after {:.1} s", began.elapsed().as_secs_f64());
                    let mut reports = self.reports.lock().unwrap_or_else(PoisonError::into_inner);
                    *reports = Arc::clone(session.reports());
                    drop(reports);
                    self.session = Some(session);
                    self.connections += 1;
                    return Ok(());
                }
                // An error that does not come from the link stays.
                Err(error) if !error.ends_the_link() => return Err(error),
                Err(error) => error,
            };
            let waited = began.elapsed();
            if waited < patience {
                warn_rarely(&format!("{error}; the link is made again"));
                thread::sleep(PAUSE.min(patience.saturating_sub(waited)));
                continue;
            }
            return Err(match error {
                XArmError::StaleReports { .. } => {
                    XArmError::NoReports { waited_secs: waited.as_secs_f64() }
                }
                error => error,
            });
        }
    }

    /// Closes the link, and remembers the joints if no motion was under way.
    fn disconnect(&mut self) {
        if let Some(session) = self.session.take() {
            self.at_link_loss.joints = session.left_at.filter(|_| !session.moving);
        }
    }
}

/// Keeps the link alive until the robot is gone.
fn keep_alive(robot: &Weak<Mutex<Shared>>, wait: impl Fn() -> Result<(), RecvTimeoutError>) {
    while wait() == Err(RecvTimeoutError::Timeout) {
        let Some(robot) = robot.upgrade() else { return };
        let mut shared = robot.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(session) = &mut shared.session
            && let Err(error) = session.client.keep_alive(IDLE, LOST)
        {
            // If the link is lost, the next call returns the error.
            tracing::warn!("the controller does not answer: {error}");
        }
    }
}
