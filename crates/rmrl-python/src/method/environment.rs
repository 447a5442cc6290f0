//! The environment and its observer, which call Python.

use pyo3::prelude::*;
use pyo3::types::PyDict;
use rmrl::rmrl_core::{
    DIMENSIONS, Env, Fault, FaultKind, Observation, Outcome, PoseAdjustment, StepResult, Trial,
    TrialId, TrialReport,
};
use rmrl::rmrl_learn::{Learner, Observer, ObserverError, StopReason};

use super::exchange::{Inputs, judgment};

/// An environment that is written in Python. Takes the interpreter's lock only while it calls.
pub struct PythonEnv {
    bridge: Py<PyAny>,
    inputs: Inputs,
    /// What the environment raised last.
    error: Option<PyErr>,
}

impl PythonEnv {
    pub fn new(bridge: Py<PyAny>, inputs: Inputs) -> Self {
        Self { bridge, inputs, error: None }
    }

    /// What the environment raised, if that ended the run.
    pub fn take_error(&mut self) -> Option<PyErr> {
        self.error.take()
    }

    /// Calls the environment. What it raises ends the run, but for a fault that another attempt may fix.
    fn call<T>(
        &mut self,
        call: impl FnOnce(&Bound<'_, PyAny>, Inputs) -> PyResult<T>,
    ) -> Result<T, Fault> {
        let inputs = self.inputs;
        Python::attach(|py| {
            call(self.bridge.bind(py), inputs).map_err(|error| {
                let reason = error.to_string();
                match repeatable_kind(py, &error) {
                    Some(kind) => Fault { kind, reason },
                    None => {
                        self.error = Some(error);
                        Fault { kind: FaultKind::Interrupted, reason }
                    }
                }
            })
        })
    }
}

/// The kind of a `rmrl_robot.errors.Fault` after which the trial is repeated; `None` for all other exceptions.
fn repeatable_kind(py: Python<'_>, error: &PyErr) -> Option<FaultKind> {
    const REPEATABLE: [FaultKind; 5] = [
        FaultKind::Device,
        FaultKind::Localization,
        FaultKind::LostPlate,
        FaultKind::Refused,
        FaultKind::FalseGrasp,
    ];
    let class = py.import("rmrl_robot.errors").and_then(|module| module.getattr("Fault")).ok()?;
    let value = error.value(py);
    let is_fault = value.is_instance(&class).unwrap_or(false);
    let kind: String = value.getattr("kind").and_then(|kind| kind.extract()).ok()?;
    REPEATABLE.into_iter().find(|one| is_fault && format!("{one:?}") == kind)
}

impl Env for PythonEnv {
    fn reset(&mut self, id: TrialId) -> Result<Observation, Fault> {
        self.call(|bridge, inputs| {
            let state = bridge.call_method1("reset", (id.trial, id.attempt, id.scene))?;
            let (image, features, group): (Bound<'_, PyAny>, Bound<'_, PyAny>, Option<u64>) =
                state.extract()?;
            inputs.observation(&image, &features, group)
        })
    }

    fn step(&mut self, adjustment: PoseAdjustment) -> StepResult {
        let PoseAdjustment { dx_m, dy_m, dyaw_rad } = adjustment;
        self.call(|bridge, _| {
            let answer = bridge.call_method1("step", ([dx_m, dy_m, dyaw_rad],))?;
            let (reward, best): (f64, [Option<f64>; DIMENSIONS]) = answer.extract()?;
            Ok(Outcome::Judged(judgment(reward, best)?))
        })
    }
}

/// Keeps every completed trial until the policy has learned from it, and tells Python of it.
pub struct Keeper {
    bridge: Py<PyAny>,
    unlearned: Vec<Trial>,
    /// What a log or a callback raised.
    error: Option<PyErr>,
    is_stopped: bool,
}

impl Keeper {
    pub fn new(bridge: Py<PyAny>) -> Self {
        Self { bridge, unlearned: Vec::new(), error: None, is_stopped: false }
    }

    /// Keeps trials that a log has already.
    pub fn keep(&mut self, trials: &[Trial]) {
        self.unlearned.extend_from_slice(trials);
    }

    /// Ends the run before the next attempt.
    pub fn stop(&mut self) {
        self.is_stopped = true;
    }

    /// The completed trials that the policy has not learned from.
    pub fn take_unlearned(&mut self) -> Vec<Trial> {
        std::mem::take(&mut self.unlearned)
    }

    /// What a log or a callback raised.
    pub fn take_error(&mut self) -> Option<PyErr> {
        self.error.take()
    }

    /// Tells Python of a trial; returns whether to continue.
    fn tell(&self, trial: &Trial) -> PyResult<bool> {
        let Outcome::Judged(judgment) = &trial.outcome else {
            return Ok(true);
        };
        Python::attach(|py| {
            let report = PyDict::new(py);
            report.set_item("trial", trial.id.trial)?;
            report.set_item("scene", trial.id.scene)?;
            report.set_item("attempt", trial.id.attempt)?;
            report.set_item("group", trial.observation.features.as_ref().and_then(|f| f.group))?;
            report.set_item("index", trial.decision.index.map(|index| index.0))?;
            report.set_item("probabilities", trial.decision.probabilities.clone())?;
            report.set_item("reward", judgment.reward)?;
            report.set_item("best", judgment.best)?;
            let bridge = self.bridge.bind(py);
            let told =
                bridge.call_method1("trial_ended", (&report,)).and_then(|told| told.extract());
            if told.is_err() {
                // Ctrl-C may have come before the trial was in the log. What fails again stays for the log's next line.
                let _ = bridge.call_method1("keep", (report,));
            }
            told
        })
    }
}

impl Observer<PythonEnv> for Keeper {
    fn trial_ended(&mut self, _: &PythonEnv, report: TrialReport<'_>) -> Result<(), ObserverError> {
        if let TrialReport::Completed(trial) = report {
            self.unlearned.push(trial.clone());
            match self.tell(trial) {
                Ok(continues) => self.is_stopped |= !continues,
                Err(error) => {
                    let reason = error.to_string();
                    self.error = Some(error);
                    return Err(reason.into());
                }
            }
        }
        Ok(())
    }

    fn before_attempt(&mut self, _: TrialId) -> Result<(), StopReason> {
        match self.is_stopped {
            true => Err(StopReason::Stopped { by: "a callback".to_string() }),
            false => Ok(()),
        }
    }

    fn on_update(&mut self, learner: &Learner) -> Result<(), ObserverError> {
        self.unlearned.retain(|trial| trial.id.trial > learner.trials());
        Ok(())
    }
}
