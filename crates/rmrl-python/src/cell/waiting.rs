//! A caller waits for a cell: it hears events, answers questions, and stops the arm when it is interrupted.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::Duration;

use pyo3::exceptions::{PyException, PyKeyboardInterrupt, PyTypeError};
use pyo3::prelude::*;
use rmrl::rmrl_cell::StopSwitch;

use super::failure::Failure;
use super::line::News;

/// How long a wait lasts before signals are looked for.
const POLL: Duration = Duration::from_millis(50);
/// How long the end of an interrupted call waits for the arm to confirm that it stands.
const STOP_PATIENCE: Duration = Duration::from_secs(10);
/// The attribute by which an exception carries what the work came to, as JSON.
const CAME_TO: &str = "_rmrl_came_to";

/// A caller.
pub struct Caller<'a> {
    pub stop: &'a StopSwitch,
    /// Called with each event, as JSON.
    pub on_event: Option<&'a Py<PyAny>>,
    /// Called with each question, as JSON.
    pub operator: Option<&'a Py<PyAny>>,
}

/// What was raised while the caller waited.
#[derive(Default)]
struct Raised {
    /// By a callback: it stops nothing.
    by_callback: Option<PyErr>,
    /// By a signal: the arm is stopped.
    interrupt: Option<PyErr>,
}

impl Caller<'_> {
    /// Waits for the end of a work. The lock of the interpreter is free meanwhile.
    ///
    /// # Errors
    /// The work failed; a callback raised something; or a signal handler did, and the arm was stopped. A second signal does not
    /// wait for the end.
    pub fn wait(&self, py: Python<'_>, news: Receiver<News>) -> PyResult<String> {
        let news = Mutex::new(news);
        let mut raised = Raised::default();
        let ended = loop {
            let received = py
                .detach(|| news.lock().unwrap_or_else(PoisonError::into_inner).recv_timeout(POLL));
            match received {
                Ok(News::Event(event)) => self.tell(py, &event, &mut raised),
                Ok(News::Question(question, answer)) => {
                    self.answer(py, &question, &answer, &mut raised);
                }
                Ok(News::Ended(ended)) => break ended,
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => {
                    let message = "the cell ended by an error in its program; what lies where is recorded, and the next start \
                                   asks for the rest";
                    break Err(Failure::cell("failed", message));
                }
            }
            if let Err(signal) = py.check_signals() {
                let is_second = raised.interrupt.is_some();
                self.interrupt(py, signal, &mut raised);
                if is_second {
                    break Err(Failure::cell("interrupted", "interrupted twice"));
                }
            }
        };
        self.conclude(py, ended, raised)
    }

    fn tell(&self, py: Python<'_>, event: &str, raised: &mut Raised) {
        let Some(on_event) = self.on_event.filter(|_| raised.by_callback.is_none()) else { return };
        if let Err(error) = on_event.call1(py, (event,)) {
            self.note(py, error, raised);
        }
    }

    /// Asks the operator. Only `True` is a yes.
    fn answer(&self, py: Python<'_>, question: &str, to: &Sender<bool>, raised: &mut Raised) {
        let answered = match self.operator {
            Some(operator) => operator.call1(py, (question,)).and_then(|answer| is_yes(py, answer)),
            None => Ok(false),
        };
        let is_yes = answered.unwrap_or_else(|error| {
            self.note(py, error, raised);
            false
        });
        // A stop may have ended the wait for the answer.
        let _ = to.send(is_yes);
    }

    /// Takes note of what a callback raised. What is no `Exception` interrupts, as a signal does.
    fn note(&self, py: Python<'_>, error: PyErr, raised: &mut Raised) {
        if error.is_instance_of::<PyException>(py) {
            raised.by_callback.get_or_insert(error);
        } else {
            self.interrupt(py, error, raised);
        }
    }

    /// Stops the arm, on a thread of its own: a device that hangs must not delay the next signal.
    fn interrupt(&self, py: Python<'_>, signal: PyErr, raised: &mut Raised) {
        let by = match signal.is_instance_of::<PyKeyboardInterrupt>(py) {
            true => "Ctrl-C".to_string(),
            false => {
                signal.get_type(py).name().map_or_else(|_| "?".into(), |name| name.to_string())
            }
        };
        let stop = self.stop.clone();
        let press = move || drop(stop.press(&by));
        let spawned = thread::Builder::new().name("stop".to_string()).spawn(press);
        if spawned.is_err() {
            py.detach(|| self.stop.press("an interrupt"));
        }
        raised.interrupt.get_or_insert(signal);
    }

    /// What the caller gets.
    fn conclude(
        &self,
        py: Python<'_>,
        ended: Result<String, Failure>,
        raised: Raised,
    ) -> PyResult<String> {
        if let Some(interrupt) = raised.interrupt {
            let stop = self.stop;
            let confirmation = py.detach(|| stop.wait_for_confirmation(STOP_PATIENCE));
            let value = interrupt.value(py);
            // Notes are there from Python 3.11 on.
            let _ = value.call_method1("add_note", (confirmation.to_string(),));
            if let Ok(came_to) = &ended {
                let _ = value.setattr(CAME_TO, came_to);
            }
            return Err(interrupt);
        }
        match (ended, raised.by_callback) {
            (Ok(came_to), None) => Ok(came_to),
            (Ok(came_to), Some(error)) => Err(callback_error(py, error, &came_to)),
            (Err(failure), raised) => {
                let exception = failure.exception(py);
                if raised.is_some() {
                    exception.set_cause(py, raised);
                }
                Err(exception)
            }
        }
    }
}

fn is_yes(py: Python<'_>, answer: Py<PyAny>) -> PyResult<bool> {
    let answer = answer.into_bound(py);
    if answer.is_none() {
        return Ok(false);
    }
    answer.extract::<bool>().map_err(|_| {
        let given = answer.repr().map_or_else(|_| "?".to_string(), |text| text.to_string());
        PyTypeError::new_err(format!(
            "operator returned {given}, expected True or False; that counts as False"
        ))
    })
}

/// A `CallbackError` that carries what the work came to.
fn callback_error(py: Python<'_>, error: PyErr, came_to: &str) -> PyErr {
    let made = || -> PyResult<PyErr> {
        let class = py.import("rmrl_robot.errors")?.getattr("CallbackError")?;
        let message = format!("a callback raised {error}; the work was completed, see .report");
        let value = class.call1((message,))?;
        value.setattr(CAME_TO, came_to)?;
        Ok(PyErr::from_value(value))
    };
    let exception = made().unwrap_or_else(|missing| missing);
    exception.set_cause(py, Some(error));
    exception
}
