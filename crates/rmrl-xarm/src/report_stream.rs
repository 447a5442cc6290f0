//! Reports, read in a thread of their own.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::link::{Link, nothing_came};
use crate::{Address, ReadError, Report, ReportPort, ReportReader, XArmConfig, XArmError};

/// How long the thread may take to notice that it is to end, and pauses before it connects again.
const TICK: Duration = Duration::from_millis(200);

/// The latest report, kept up to date until this is dropped. Connects again where the link is lost.
#[derive(Debug)]
pub struct ReportStream {
    latest: Arc<Latest>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Latest {
    report: Mutex<Option<(Report, Instant)>>,
    came: Condvar,
    ends: AtomicBool,
}

impl ReportStream {
    /// The reports of a configured arm; none where it names no port for them.
    ///
    /// # Errors
    /// As [`Self::connect`].
    pub(crate) fn of(config: &XArmConfig) -> Result<Option<Self>, XArmError> {
        let Some(number) = config.report_port else { return Ok(None) };
        let port = if number == 30002 { ReportPort::Rich } else { ReportPort::Normal };
        Self::connect(config.address(number), port, config.answer_timeout()).map(Some)
    }

    /// Connects and begins to read.
    ///
    /// # Errors
    /// [`XArmError::Connect`].
    pub fn connect(
        address: Address,
        port: ReportPort,
        timeout: Duration,
    ) -> Result<Self, XArmError> {
        let link = Link::connect(&address, timeout)?;
        let latest = Arc::new(Latest::default());
        let theirs = Arc::clone(&latest);
        let spawned = thread::Builder::new()
            .name("xarm-report".to_owned())
            .spawn(move || follow(&address, port, timeout, link, &theirs));
        let thread = spawned.map_err(|source| XArmError::Connect {
            address: "the thread of the reports".to_owned(),
            source,
        })?;
        Ok(Self { latest, thread: Some(thread) })
    }

    /// The latest report and when it came; none before the first.
    pub fn latest(&self) -> Option<(Report, Instant)> {
        *self.latest.report.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next report that comes after the call; none where none comes in time.
    pub fn next(&self, timeout: Duration) -> Option<Report> {
        let called = Instant::now();
        let report = self.latest.report.lock().unwrap_or_else(PoisonError::into_inner);
        let is_old =
            |latest: &mut Option<(Report, Instant)>| latest.is_none_or(|(_, came)| came < called);
        let waited = self.latest.came.wait_timeout_while(report, timeout, is_old);
        let (report, waited) = waited.unwrap_or_else(PoisonError::into_inner);
        report.filter(|_| !waited.timed_out()).map(|(report, _)| report)
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

fn follow(address: &Address, port: ReportPort, timeout: Duration, mut link: Link, latest: &Latest) {
    loop {
        let error = read_until_lost(port, &mut link, latest);
        if latest.ends.load(Ordering::Relaxed) {
            return;
        }
        tracing::warn!("the reports of {address} ended: {error}");
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

/// No memory is asked for in here.
fn read_until_lost(port: ReportPort, link: &mut Link, latest: &Latest) -> ReadError {
    let mut reader = ReportReader::new(port);
    loop {
        if latest.ends.load(Ordering::Relaxed) {
            return ReadError::Io(std::io::ErrorKind::Interrupted.into());
        }
        if let Err(error) = link.wait_until(Instant::now() + TICK) {
            return error.into();
        }
        match reader.read(link) {
            Ok(Some(report)) => {
                let now = Some((report, Instant::now()));
                *latest.report.lock().unwrap_or_else(PoisonError::into_inner) = now;
                latest.came.notify_all();
            }
            Ok(None) => {}
            Err(ReadError::Io(error)) if nothing_came(&error) => {}
            Err(error) => return error,
        }
    }
}
