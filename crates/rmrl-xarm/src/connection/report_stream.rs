//! Reports, which a thread of their own reads.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::link::{Link, nothing_came};
use crate::{Address, ArmState, ReadError, Report, ReportReader, XArmConfig, XArmError};

/// Older reports say nothing about the present: five come in a second.
const FRESH_FOR: Duration = Duration::from_secs(1);

/// A report that comes so soon after a motion may still be of that motion.
const SETTLES_WITHIN: Duration = Duration::from_millis(500);

/// The least time between two warnings that reports are missing.
const WARN_EVERY: Duration = Duration::from_secs(60);

/// How long the thread may take to notice that it must end, and its pause before it connects again.
const TICK: Duration = Duration::from_millis(200);

/// The latest report, updated until this is dropped. It connects again where the link is lost.
#[derive(Debug)]
pub struct ReportStream {
    latest: Arc<Latest>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Latest {
    seen: Mutex<Seen>,
    came: Condvar,
    ends: AtomicBool,
}

/// The state that the reports have shown.
#[derive(Debug, Default)]
struct Seen {
    report: Option<(Report, Instant)>,
    /// Since when no motion of this program is under way, so that the arm should stand.
    stands_since: Option<Instant>,
    /// Whether the arm moved or was stopped in that time.
    was_disturbed: bool,
}

impl Seen {
    fn note(&mut self, report: Report, now: Instant) {
        self.report = Some((report, now));
        let has_settled = |since: Instant| now.saturating_duration_since(since) > SETTLES_WITHIN;
        if self.stands_since.is_some_and(has_settled) && is_somebody_at_work(&report) {
            self.was_disturbed = true;
        }
    }
}

/// Whether a report of an arm that should stand shows a motion, or a stop without an error.
fn is_somebody_at_work(report: &Report) -> bool {
    let has_error = report.health().is_some_and(|health| health.error != 0);
    match report.state {
        ArmState::Moving => true,
        ArmState::Ready => report.commands > 0,
        ArmState::Stopped | ArmState::Paused => !has_error,
        // A reset shows for a moment in some firmware. One that stays is found when the state is read.
        ArmState::Reset | ArmState::Other(_) => false,
    }
}

impl ReportStream {
    /// The reports of a configured arm; none where the configuration has no port for them.
    ///
    /// # Errors
    /// As [`Self::connect`].
    pub(crate) fn of(config: &XArmConfig) -> Result<Option<Self>, XArmError> {
        let Some(number) = config.reports_at() else { return Ok(None) };
        Self::connect(config.address(number), config.answer_timeout()).map(Some)
    }

    /// Connects and starts to read.
    ///
    /// # Errors
    /// [`XArmError::Connect`].
    pub fn connect(address: Address, timeout: Duration) -> Result<Self, XArmError> {
        let link = Link::connect(&address, timeout)?;
        let latest = Arc::new(Latest::default());
        let theirs = Arc::clone(&latest);
        let spawned = thread::Builder::new()
            .name("xarm-report".to_owned())
            .spawn(move || follow(&address, timeout, link, &theirs));
        let thread = spawned.map_err(|source| XArmError::Connect {
            address: "the thread of the reports".to_owned(),
            source,
        })?;
        Ok(Self { latest, thread: Some(thread) })
    }

    /// The latest report and when it came; none before the first.
    pub fn latest(&self) -> Option<(Report, Instant)> {
        self.latest.seen().report
    }

    /// The latest report, if it is recent.
    ///
    /// # Errors
    /// [`XArmError::StaleReports`]: no report has come for a second.
    pub fn fresh(&self) -> Result<Report, XArmError> {
        let latest = self.latest();
        match latest.map(|(report, came)| (report, came.elapsed())) {
            Some((report, age)) if age <= FRESH_FOR => Ok(report),
            latest => Err(XArmError::StaleReports {
                age_secs: latest.map_or(f64::INFINITY, |(_, age)| age.as_secs_f64()),
            }),
        }
    }

    /// The next report that comes after the call; none where none comes in time.
    pub fn next(&self, timeout: Duration) -> Option<Report> {
        let called = Instant::now();
        let is_old = |seen: &mut Seen| seen.report.is_none_or(|(_, came)| came < called);
        let waited = self.latest.came.wait_timeout_while(self.latest.seen(), timeout, is_old);
        let (seen, waited) = waited.unwrap_or_else(PoisonError::into_inner);
        seen.report.filter(|_| !waited.timed_out()).map(|(report, _)| report)
    }

    /// Sets whether the arm should stand, because no motion of this program is under way. While it should, a motion
    /// or a stop in the reports is that of another program.
    pub(crate) fn expect_standing(&self, stands: bool) {
        let mut seen = self.latest.seen();
        seen.was_disturbed &= stands;
        seen.stands_since = match (stands, seen.stands_since) {
            (true, Some(since)) => Some(since),
            (true, None) => Some(Instant::now()),
            (false, _) => None,
        };
    }

    /// Whether the arm moved or was stopped while it should stand.
    pub(crate) fn was_disturbed(&self) -> bool {
        self.latest.seen().was_disturbed
    }
}

impl Latest {
    fn seen(&self) -> MutexGuard<'_, Seen> {
        // No code between locking and unlocking can leave a partial update.
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for ReportStream {
    fn drop(&mut self) {
        self.latest.ends.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has nothing more to say.
            let _ = thread.join();
        }
    }
}

fn follow(address: &Address, timeout: Duration, mut link: Link, latest: &Latest) {
    loop {
        let error = read_until_lost(&mut link, latest);
        if latest.ends.load(Ordering::Relaxed) {
            return;
        }
        warn_rarely(&format!("the reports of {address} ended: {error}"));
        loop {
            thread::sleep(TICK);
            if latest.ends.load(Ordering::Relaxed) {
                return;
            }
            match Link::connect(address, timeout) {
                Ok(again) => {
                    link = again;
                    break;
                }
                Err(error) => tracing::debug!("{error}"),
            }
        }
    }
}

/// Warns that reports are missing, once a minute in all, because callers try again and again.
pub(crate) fn warn_rarely(message: &str) {
    static LAST_WARNING: Mutex<Option<Instant>> = Mutex::new(None);
    let mut last = LAST_WARNING.lock().unwrap_or_else(PoisonError::into_inner);
    if last.is_none_or(|last| last.elapsed() >= WARN_EVERY) {
        tracing::warn!("{message}");
        *last = Some(Instant::now());
    }
}

/// Reads reports. Allocates no memory meanwhile.
fn read_until_lost(link: &mut Link, latest: &Latest) -> ReadError {
    let mut reader = ReportReader::of_any_port();
    loop {
        if latest.ends.load(Ordering::Relaxed) {
            return ReadError::Io(std::io::ErrorKind::Interrupted.into());
        }
        if let Err(error) = link.wait_until(Instant::now() + TICK) {
            return error.into();
        }
        match reader.read(link) {
            Ok(Some(report)) => {
                latest.seen().note(report, Instant::now());
                latest.came.notify_all();
            }
            Ok(None) => {}
            Err(ReadError::Io(error)) if nothing_came(&error) => {}
            Err(error) => return error,
        }
    }
}
