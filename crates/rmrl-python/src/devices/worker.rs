//! Calls of a Python object with a deadline, from a thread that is its own.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use pyo3::prelude::*;
use rmrl::rmrl_cell::{DeviceError, StopSwitch, Stopped};

/// What a worker does with its object.
type Job = Box<dyn FnOnce(&Bound<'_, PyAny>) + Send>;

/// How long a call may go on after the stop switch was pressed: the driver's `stop()` has to end it.
const AFTER_STOP: Duration = Duration::from_secs(2);

/// How often a wait looks at the stop switch.
const SLICE: Duration = Duration::from_millis(20);

/// A thread that calls one Python object, one call after the other. The interpreter's lock is held there alone: whoever waits
/// for an answer holds none, and is never held up by a call that hangs.
pub struct Worker {
    jobs: Sender<Job>,
    /// The call that was given up, until it ends.
    given_up: Mutex<Option<GivenUp>>,
}

/// A call that did not end in time.
struct GivenUp {
    call: &'static str,
    began: Instant,
    has_ended: Arc<AtomicBool>,
}

/// Why a call has no answer. Its text follows the name of the object, as in `MyArm.move_to`.
#[derive(Debug)]
pub enum NoAnswer {
    /// It has not returned in time.
    TimedOut,
    /// The switch was pressed, and it has not returned soon afterwards.
    Stopped(Stopped),
    /// An earlier call has not returned.
    Busy {
        /// The earlier call.
        call: &'static str,
        /// How long it has taken so far.
        since: Duration,
    },
    /// The interpreter ends.
    Ended,
}

impl fmt::Display for NoAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TimedOut => f.write_str("has not returned in time"),
            Self::Stopped(stopped) => write!(f, "has not returned: {stopped}"),
            Self::Busy { call, since } => write!(
                f,
                "is not called: {call} has not returned for {:.0} s, and until it does nothing else is asked",
                since.as_secs_f64()
            ),
            Self::Ended => f.write_str("is not called: the interpreter ends"),
        }
    }
}

impl Worker {
    /// A worker for `object`; `name` is that of its thread.
    ///
    /// # Errors
    /// No thread can be started.
    pub fn new(object: Py<PyAny>, name: &str) -> std::io::Result<Self> {
        let (jobs, todo) = channel();
        thread::Builder::new().name(name.to_string()).spawn(move || work(object, &todo))?;
        Ok(Self { jobs, given_up: Mutex::new(None) })
    }

    /// Calls `ask` on the worker's thread and waits for its answer: until `timeout`, if there is one, or until `stop` is
    /// pressed and `after_stop` has gone by. The thread that waits must not hold the interpreter's lock.
    ///
    /// # Errors
    /// There is none.
    pub fn call<T: Send + 'static>(
        &self,
        (call, timeout): (&'static str, Option<Duration>),
        (stop, waits): (&StopSwitch, Waits),
        ask: impl FnOnce(&Bound<'_, PyAny>) -> T + Send + 'static,
    ) -> Result<T, NoAnswer> {
        let mut given_up = self.given_up();
        if let Some(GivenUp { call, began, has_ended }) = given_up.as_ref()
            && !has_ended.load(Ordering::SeqCst)
        {
            return Err(NoAnswer::Busy { call, since: began.elapsed() });
        }
        *given_up = None;
        let (has_ended, began) = (Arc::new(AtomicBool::new(false)), Instant::now());
        let (answer, answers) = channel();
        let ended = Arc::clone(&has_ended);
        let job = move |object: &Bound<'_, PyAny>| {
            let answered = ask(object);
            ended.store(true, Ordering::SeqCst);
            // Nobody may wait for it any more.
            let _ = answer.send(answered);
        };
        self.jobs.send(Box::new(job)).map_err(|_| NoAnswer::Ended)?;
        let waited = wait(&answers, began, timeout, (stop, waits));
        if !matches!(waited, Ok(_) | Err(NoAnswer::Ended)) {
            *given_up = Some(GivenUp { call, began, has_ended });
        }
        waited
    }

    fn given_up(&self) -> MutexGuard<'_, Option<GivenUp>> {
        // Nothing between locking and unlocking can leave half a value.
        self.given_up.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a press of the stop switch does to a wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Waits {
    /// The call has a little time to end.
    ALittle,
    /// Nobody waits for it any more.
    NoMore,
    /// It is the stop.
    OfTheStop,
}

fn wait<T>(
    answers: &Receiver<T>,
    began: Instant,
    timeout: Option<Duration>,
    (stop, waits): (&StopSwitch, Waits),
) -> Result<T, NoAnswer> {
    let mut pressed: Option<Instant> = None;
    loop {
        match answers.recv_timeout(SLICE) {
            Ok(answer) => return Ok(answer),
            Err(RecvTimeoutError::Disconnected) => return Err(NoAnswer::Ended),
            Err(RecvTimeoutError::Timeout) => {}
        }
        if timeout.is_some_and(|timeout| began.elapsed() >= timeout) {
            return Err(NoAnswer::TimedOut);
        }
        let patience = match waits {
            Waits::OfTheStop => continue,
            Waits::ALittle => AFTER_STOP,
            Waits::NoMore => Duration::ZERO,
        };
        if let Err(stopped) = stop.check()
            && pressed.get_or_insert_with(Instant::now).elapsed() >= patience
        {
            return Err(NoAnswer::Stopped(stopped));
        }
    }
}

/// Does jobs until there can be no more.
fn work(object: Py<PyAny>, todo: &Receiver<Job>) {
    while let Ok(job) = todo.recv() {
        if Python::try_attach(|py| job(object.bind(py))).is_none() {
            break;
        }
    }
    // Where the interpreter has ended, there is nothing to give back.
    if let Some(()) = Python::try_attach(|_| ()) {
        Python::attach(|_| drop(object));
    } else {
        std::mem::forget(object);
    }
}

/// An error of a device that has no answer.
pub fn unanswered(device: &'static str, name: &str, error: &NoAnswer) -> DeviceError {
    DeviceError::Disconnected { device, reason: format!("{name} {error}") }
}
