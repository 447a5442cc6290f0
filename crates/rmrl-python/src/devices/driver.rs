//! A Python object that drives a device: its calls, with their time-outs.

use std::sync::Arc;
use std::time::Duration;

use pyo3::IntoPyObject;
use pyo3::call::PyCallArgs;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use rmrl::rmrl_cell::{DeviceError, StopSwitch};

use super::exceptions::{Called, shown};
use super::worker::{NoAnswer, Waits, Worker, unanswered};

/// A Python object on its worker.
#[derive(Clone)]
pub struct Driver {
    worker: Arc<Worker>,
    device: &'static str,
    /// The object's class.
    class: String,
}

/// The switches of a cell with Python drivers.
#[derive(Clone)]
pub struct Switches {
    /// Is pressed where a call has not returned in time.
    pub stop: StopSwitch,
    /// Ends waits once it is pressed.
    pub waiting: StopSwitch,
}

/// A call of a driver.
#[derive(Clone, Copy)]
pub struct Call {
    /// The method.
    pub method: &'static str,
    /// How long it may take; `None` where it may take as long as it likes.
    pub timeout: Option<Duration>,
    /// What a press of the stop switch does to the wait for it.
    pub waits: Waits,
}

impl Driver {
    /// A driver of `device` on a worker.
    pub fn new(worker: Arc<Worker>, device: &'static str, class: String) -> Self {
        Self { worker, device, class }
    }

    /// Calls a method and converts what it returns with `convert`, both on the driver's thread. The thread that waits must not
    /// hold the interpreter's lock.
    ///
    /// # Errors
    /// What the driver raised; an invalid answer; or none in time, for which this presses the stop switch.
    pub fn call<A, T>(
        &self,
        call: Call,
        switches: &Switches,
        arguments: A,
        convert: impl FnOnce(&Bound<'_, PyAny>, &Called) -> Result<T, DeviceError> + Send + 'static,
    ) -> Result<T, DeviceError>
    where
        A: for<'py> IntoPyObject<'py> + Send + 'static,
        A: for<'py> PyCallArgs<'py>,
        T: Send + 'static,
    {
        let called = self.called(call.method);
        let name = called.name.clone();
        let ask = move |object: &Bound<'_, PyAny>| {
            let py = object.py();
            let answer = object.call_method1(call.method, arguments);
            let answer = answer.map_err(|raised| called.raised(py, &raised))?;
            refuse_awaitable(&answer, &called)?;
            convert(&answer, &called)
        };
        let timed = (call.method, call.timeout);
        let error = match self.worker.call(timed, (&switches.waiting, call.waits), ask) {
            Ok(answer) => return answer,
            Err(error) => error,
        };
        let (device, timeout_secs) =
            (self.device, call.timeout.map_or(f64::INFINITY, |timeout| timeout.as_secs_f64()));
        Err(match error {
            NoAnswer::TimedOut => {
                switches.stop.press(&format!("the time-out of {name} ({timeout_secs} s)"));
                DeviceError::TimedOut { device, timeout_secs }
            }
            NoAnswer::Stopped(stopped) if device == OPERATOR => {
                DeviceError::NobodyToAsk { reason: format!("{stopped} before there was an answer") }
            }
            error => unanswered(device, &name, &error),
        })
    }

    /// Asks the driver to stop, beside a call that it may be in. `Err` says why it is not known to stand.
    pub fn stop(&self, timeout: Duration) -> Result<(), String> {
        let called = self.called("stop");
        let name = called.name.clone();
        let ask = move |object: &Bound<'_, PyAny>| {
            let answer = object.call_method0("stop");
            let answer = answer.map_err(|raised| called.raised(object.py(), &raised))?;
            nothing(&answer, &called)
        };
        let stop = StopSwitch::default();
        let asked = self.worker.call(("stop", Some(timeout)), (&stop, Waits::OfTheStop), ask);
        match asked {
            Ok(stopped) => stopped.map_err(|error| error.to_string()),
            Err(error) => Err(format!("{name} {error}")),
        }
    }

    fn called(&self, method: &str) -> Called {
        Called { device: self.device, name: format!("{}.{method}", self.class) }
    }
}

/// The operator, as errors call the device.
pub const OPERATOR: &str = "operator";

/// Refuses what an `async def` returns.
fn refuse_awaitable(answer: &Bound<'_, PyAny>, called: &Called) -> Result<(), DeviceError> {
    match answer.hasattr("__await__") {
        Ok(true) => Err(called.refused(
            "is an async function, which nobody awaits here: run it in the driver's own event loop and return its result",
        )),
        _ => Ok(()),
    }
}

/// The answer of a call that returns nothing.
///
/// # Errors
/// It returned something, such as the `False` of a library.
pub fn nothing(answer: &Bound<'_, PyAny>, called: &Called) -> Result<(), DeviceError> {
    match answer.is_none() {
        true => Ok(()),
        false => Err(called.unexpected(answer, "None, or an exception where it failed")),
    }
}

/// A time-out of an object, an attribute in seconds; `None` where that is allowed and given.
///
/// # Errors
/// `TypeError` or `ValueError`: no positive number of seconds.
pub fn timeout(
    object: &Bound<'_, PyAny>,
    name: &str,
    may_be_none: bool,
) -> PyResult<Option<Duration>> {
    let value = object.getattr(name)?;
    if may_be_none && value.is_none() {
        return Ok(None);
    }
    let class = object.get_type().name()?;
    let expected = "a positive number of seconds, at most a day";
    let wrong = format!("{class}.{name} is {}; expected {expected}", shown(&value));
    let seconds: f64 = value.extract().map_err(|_| PyTypeError::new_err(wrong.clone()))?;
    match seconds > 0.0 && seconds <= 86_400.0 {
        true => Ok(Some(Duration::from_secs_f64(seconds))),
        false => Err(PyValueError::new_err(wrong)),
    }
}
