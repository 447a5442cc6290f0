//! One controller for arm and gripper, which are asked by turns: its link is made again where it was
//! lost, and kept alive where nobody asks.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::report_stream::warn_rarely;
use crate::session::Left;
use crate::{
    Address, Claim, Report, ReportStream, RobotVersion, Session, XArmConfig, XArmError, stop_arm,
};

/// Silence after which the controller is asked something, as in the vendor's software.
const IDLE: Duration = Duration::from_secs(30);

/// Silence after which the link counts as lost.
const LOST: Duration = Duration::from_secs(90);

/// How often that is looked at.
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
    /// Those of the present session.
    reports: Reports,
    /// Ends the thread that keeps the link alive, by being dropped.
    ends: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
    /// Keeps other programs from the arm for as long as this one has it.
    _claim: Claim,
}

type Reports = Arc<Mutex<Arc<ReportStream>>>;

/// What is asked by turns.
#[derive(Debug)]
struct Shared {
    config: XArmConfig,
    version: RobotVersion,
    /// None where the link is lost.
    session: Option<Session>,
    reports: Reports,
    is_stopped: Arc<AtomicBool>,
    /// How often it was connected: a gripper sets itself up anew each time.
    connections: u64,
    /// How the arm was left when the link was lost.
    left: Left,
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

    /// The same with an arm that was claimed before, to look at it and to ask a person.
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
            left: Left::default(),
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

    /// What the robot says of itself.
    pub fn version(&self) -> RobotVersion {
        self.lock().version.clone()
    }

    /// How it was set up.
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
    /// Whoever waits for the motion is told [`XArmError::StoppedBySomebodyElse`], and so is whoever asks
    /// for anything afterwards: the arm stands until another [`Robot`] connects. It is no emergency stop,
    /// which needs a button and no software.
    ///
    /// # Errors
    /// No link, no answer, or the arm did not stop. No motion begins any more all the same.
    pub fn stop(&self) -> Result<(), XArmError> {
        // First, so that a link that comes back brings no motion.
        self.is_stopped.store(true, Ordering::SeqCst);
        stop_arm(&self.control, self.answer_timeout)
    }

    /// Does something with the controller, while nobody else does. A lost link is made again first,
    /// within the time that the configuration allows; one that is lost over it is closed, and if the arm
    /// was moving, made again at once to stop it.
    ///
    /// `work` is also told how often the link was made, this time among them.
    ///
    /// # Errors
    /// What connecting or `work` says.
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
                tracing::error!("the arm may go on to the end of its line: {error}");
            }
        }
        result
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        // Whoever panicked left a session that knows whether a motion was under way.
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Robot {
    fn drop(&mut self) {
        self.ends = None;
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has nothing more to say.
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

    /// Makes a lost link again. Once the arm was stopped, only to stop it again where that did not get
    /// through.
    fn reconnect(&mut self) -> Result<(), XArmError> {
        if self.session.as_ref().is_some_and(|session| session.check_link().is_ok()) {
            return Ok(());
        }
        self.disconnect();
        let began = Instant::now();
        let patience = Duration::from_secs_f64(self.config.reconnect_secs);
        loop {
            let connected = match self.check_not_stopped() {
                Ok(()) => Session::connect_again(self.config.clone(), &mut self.left),
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
                // What has another reason than the link stays so.
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

    /// Closes the link, and remembers where the arm stood if nothing was under way.
    fn disconnect(&mut self) {
        if let Some(session) = self.session.take() {
            self.left.joints = session.left_at.filter(|_| !session.moving);
        }
    }
}

/// Looks after the link until told to end, or the robot is gone.
fn keep_alive(robot: &Weak<Mutex<Shared>>, wait: impl Fn() -> Result<(), RecvTimeoutError>) {
    while wait() == Err(RecvTimeoutError::Timeout) {
        let Some(robot) = robot.upgrade() else { return };
        let mut shared = robot.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(session) = &mut shared.session
            && let Err(error) = session.client.keep_alive(IDLE, LOST)
        {
            // It is told again to whoever asks next, if the link is lost.
            tracing::warn!("the controller does not answer: {error}");
        }
    }
}
