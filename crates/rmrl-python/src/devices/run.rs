//! A run with the devices of a program.

use std::path::PathBuf;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use pyo3::prelude::*;
use rmrl::rmrl_cell::{Confirmation, StopSwitch};
use rmrl::rmrl_core::TrialId;
use rmrl::rmrl_data::{RunDir, TrialRecord};
use rmrl::rmrl_learn::StopReason;
use rmrl::{
    Layers, RunConfig, RunObserver, RunOutcome, RunResult, Start, create, execute_supervised,
};

use super::device_set::DeviceSet;
use crate::configuration::resolve;
use crate::errors::{configuration_error, runtime_error};

/// Makes the directory of a new run with the configuration of a file over the defaults, and of assignments over both.
#[pyfunction]
pub fn create_run(
    py: Python<'_>,
    out: PathBuf,
    file: Option<PathBuf>,
    assignments: Vec<String>,
) -> PyResult<()> {
    let config = resolve(py, file, assignments)?;
    py.detach(|| create(&config, &out)).map(drop).map_err(|error| runtime_error(&*error))
}

/// Runs what is left to do in the run directory `run`, as `rmrl train` does, with the devices of this program. Assignments may
/// change what `rmrl train --resume` may change. Ctrl-C stops the arm and ends the run.
///
/// Returns how it ended as the JSON object `{"outcome": "goal", "early" or "stopped", "ended": text, "attempts": number,
/// "trials": number, "stop": text or null}`. `on_attempt` is called with the line of the log after each attempt.
#[pyfunction]
#[pyo3(signature = (run, devices, assignments=Vec::new(), is_unasked=false, on_attempt=None))]
pub fn run_with_devices(
    py: Python<'_>,
    run: PathBuf,
    devices: &DeviceSet,
    assignments: Vec<String>,
    is_unasked: bool,
    on_attempt: Option<Py<PyAny>>,
) -> PyResult<String> {
    let dir = RunDir::open(&run).map_err(|error| runtime_error(&error))?;
    let read = || -> Result<RunConfig, rmrl::ConfigError> {
        let begun = RunConfig::of_run(&dir.path(RunDir::CONFIG))?;
        let layers = assignments
            .iter()
            .try_fold(Layers::default(), |layers, one| layers.with_assignment(one))?;
        let config = layers.for_run(&begun)?;
        config.validate()?;
        Ok(config)
    };
    let config = read().map_err(|error| configuration_error(py, &error))?;
    let stop = StopSwitch::default();
    let start = Start {
        stop: stop.clone(),
        is_unasked,
        devices: Some(Arc::clone(&devices.devices)),
        ..Start::default()
    };
    let mut attempts = Attempts { call: on_attempt, raised: None };
    let (ended, interrupted) = py.detach(|| {
        beside_signals(&stop, || {
            let result = execute_supervised(&dir, &config, start, (&mut (), &mut attempts));
            result.map(|result| summary(&result, &stop))
        })
    });
    if let Some(interrupt) = interrupted {
        let confirmation = stop.confirmation();
        let note = format!("the run is stopped and can be resumed; {confirmation}");
        // Python 3.10 has no notes.
        let _ = interrupt.value(py).call_method1("add_note", (note,));
        return Err(interrupt);
    }
    match (attempts.raised, ended) {
        (Some(raised), _) => Err(raised),
        (None, Ok(summary)) => Ok(summary),
        (None, Err(error)) => Err(runtime_error(&*error)),
    }
}

/// How often the main thread looks for signals.
const SIGNALS: Duration = Duration::from_millis(50);

/// Does `work` on another thread. What a handler of a signal raises meanwhile presses the switch, and is returned once the work
/// has ended.
fn beside_signals<T: Send>(
    stop: &StopSwitch,
    work: impl FnOnce() -> T + Send,
) -> (T, Option<PyErr>) {
    thread::scope(|scope| {
        let working = scope.spawn(work);
        let mut interrupted = None;
        while !working.is_finished() {
            thread::sleep(SIGNALS);
            if let Err(raised) = Python::attach(|py| py.check_signals()) {
                stop.press("Ctrl-C");
                interrupted = Some(raised);
            }
        }
        let ended = working.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        (ended, interrupted)
    })
}

/// How a run ended, as JSON.
fn summary(result: &RunResult, stop: &StopSwitch) -> String {
    let outcome = match &result.end {
        RunOutcome::Goal => "goal",
        end if end.is_stop() => "stopped",
        _ => "early",
    };
    let confirmation = stop.confirmation();
    let is_pressed = confirmation != Confirmation::NotPressed;
    serde_json::json!({
        "outcome": outcome,
        "ended": result.end.to_string(),
        "attempts": result.records.len(),
        "trials": result.records.iter().filter(|record| !record.is_fault()).count(),
        "stop": is_pressed.then(|| confirmation.to_string()),
    })
    .to_string()
}

/// Calls a Python function after each attempt. What it raises ends the run before the next one.
struct Attempts {
    call: Option<Py<PyAny>>,
    raised: Option<PyErr>,
}

impl RunObserver for Attempts {
    fn before_attempt(&mut self, _: TrialId) -> Result<(), StopReason> {
        match &self.raised {
            Some(_) => Err(StopReason::Stopped { by: "an exception of on_attempt".to_string() }),
            None => Ok(()),
        }
    }

    fn after_attempt(&mut self, record: &TrialRecord) {
        let (Some(call), Ok(line)) = (&self.call, serde_json::to_string(record)) else { return };
        let called = Python::attach(|py| call.call1(py, (line,)).map(drop));
        self.raised = self.raised.take().or(called.err());
    }
}
