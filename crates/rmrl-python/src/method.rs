//! Role-model reinforcement learning on an environment that is written in Python, of one step per episode.
//!
//! `python/rmrl_robot/method.py` turns the environment's spaces into what this trainer takes: features, an image, and the
//! candidates of three heads. The trainer is the one of cells: it learns without the interpreter's lock, and takes that only
//! to call the environment.

mod environment;
mod exchange;

use std::path::Path;
use std::sync::{Mutex, TryLockError};

use numpy::{IntoPyArray, PyArray1};
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use rmrl::rmrl_core::{ActionSpace, Trial, TrialId};
use rmrl::rmrl_learn::{
    BestOfAlike, Labeling, Learner, MOST_CANDIDATES, MOST_FEATURES, Metadata, Method, MethodName,
    Policy, ReportedHindsight, RunError, ScheduleConfig, Training, TrialBacklog, TrialPlan,
    ViewName, end_scene_early,
};

use self::environment::{Keeper, PythonEnv};
use self::exchange::{Inputs, RecordedTrial};
use crate::configuration::resolve;
use crate::errors::runtime_error;

/// The metadata entry of a file that holds what `RoleModelRL` has to know of it.
const NOTES: &str = "model";

/// What a trainer is made of.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub struct TrainerSetup {
    /// Assignments of a run's configuration, such as `schedule.trials_per_scene=5`.
    settings: Vec<String>,
    seed: u64,
    /// The number of features of a state.
    features: usize,
    /// The values of the candidates of each head, rising.
    candidates: [Vec<f64>; 3],
    /// The share of candidates that training takes at random.
    exploration: f32,
    /// How far from each other states may lie to share a role model; `None` for the states of a scene.
    alike: Option<f64>,
}

/// A policy in training, with how it learns.
struct Trained {
    learner: Learner,
    method: Method,
    schedule: ScheduleConfig,
}

/// The trainer under `RoleModelRL`.
#[pyclass(frozen, module = "rmrl_robot._native")]
pub struct RoleModelTrainer {
    trained: Mutex<Trained>,
    inputs: Inputs,
}

impl TrainerSetup {
    /// The policy before its first trial, and how it learns.
    fn build(&self, py: Python<'_>) -> PyResult<(Policy, Method, ScheduleConfig)> {
        let config = resolve(py, None, self.settings.clone())?;
        let name: MethodName = config.method;
        let method = config.learning_method().filter(|_| name != MethodName::RmRlPretrained);
        let Some(mut method) = method else {
            return Err(PyValueError::new_err(format!(
                "the method {name} learns no policy in another environment; expected rm-rl, hindsight, reinforce, replay, \
                 actor-critic, actor-critic-rm-rl, ppo or ppo-rm-rl"
            )));
        };
        if name == MethodName::Hindsight {
            method.labeling = Some(Box::new(ReportedHindsight));
        } else if let (Some(_), Some(distance)) = (&method.labeling, self.alike) {
            let labeling: Box<dyn Labeling> = Box::new(BestOfAlike { distance });
            method.labeling = Some(labeling);
        }
        if !(1..=MOST_FEATURES).contains(&self.features) {
            let given = self.features;
            return Err(PyValueError::new_err(format!(
                "a state has {given} features; expected 1 to {MOST_FEATURES}"
            )));
        }
        if let Some(most) = self.candidates.iter().map(Vec::len).find(|n| *n > MOST_CANDIDATES) {
            return Err(PyValueError::new_err(format!(
                "a head has {most} candidates; expected at most {MOST_CANDIDATES}"
            )));
        }
        if config.policy.view == ViewName::Crop {
            return Err(PyValueError::new_err(
                "policy.view is \"crop\", but no plate is known in the images of another environment; expected \"global\" or \
                 \"none\"",
            ));
        }
        let actions = ActionSpace::new(self.candidates.clone()).map_err(|e| runtime_error(&e))?;
        let policy = py
            .detach(|| Policy::of_features(&config.policy, &actions, self.features, self.seed))
            .map_err(|error| runtime_error(&error))?;
        Ok((policy, method, config.schedule))
    }

    fn inputs(&self, policy: &Policy) -> Inputs {
        let sees_images = policy.config().view != ViewName::None;
        Inputs { features: self.features, sees_images }
    }
}

#[pymethods]
impl RoleModelTrainer {
    #[new]
    fn new(py: Python<'_>, setup: TrainerSetup) -> PyResult<Self> {
        let (policy, method, schedule) = setup.build(py)?;
        let inputs = setup.inputs(&policy);
        let learner = Learner::new(policy, setup.seed).with_exploration(setup.exploration);
        Ok(Self { trained: Mutex::new(Trained { learner, method, schedule }), inputs })
    }

    /// The trainer that `to_bytes` has written; `path` names the file in errors.
    #[staticmethod]
    fn from_bytes(
        py: Python<'_>,
        setup: TrainerSetup,
        path: String,
        data: &[u8],
    ) -> PyResult<Self> {
        let (policy, method, schedule) = setup.build(py)?;
        let inputs = setup.inputs(&policy);
        let learner = py
            .detach(|| Learner::from_checkpoint(policy, Path::new(&path), data))
            .map_err(|error| PyValueError::new_err(crate::errors::with_sources(&error)))?
            .with_exploration(setup.exploration);
        Ok(Self { trained: Mutex::new(Trained { learner, method, schedule }), inputs })
    }

    /// Learns from the recorded trials of an interrupted call, then makes so many trials of `bridge` and learns from them.
    /// Without a number of trials it learns from those of a call that ended early, as that has learned from them.
    fn learn(
        &self,
        py: Python<'_>,
        bridge: Py<PyAny>,
        trials: Option<u32>,
        recorded: Vec<Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        let recorded = recorded.iter().map(|one| RecordedTrial::read(one, self.inputs));
        let recorded: Vec<RecordedTrial> = recorded.collect::<PyResult<_>>()?;
        let mut env = PythonEnv::new(bridge.clone_ref(py), self.inputs);
        let mut keeper = Keeper::new(bridge);
        let ended = self.with(py, |trained| {
            let actions = trained.learner.policy.actions();
            let backlog = recorded.into_iter().map(|one| one.into_trial(actions));
            let backlog = backlog.collect::<PyResult<Vec<Trial>>>()?;
            Ok::<_, PyErr>(trained.train(&mut env, &mut keeper, trials, backlog))
        })??;
        // What the environment or a callback raised ends the call; the rest follows from it.
        if let Some(error) = env.take_error().or_else(|| keeper.take_error()) {
            return Err(error);
        }
        match ended {
            Ok(()) | Err(RunError::Stopped { .. }) => Ok(()),
            Err(RunError::NeedsOperator { fault, .. } | RunError::TooManyFaults { fault, .. }) => {
                Err(crate::errors::fault(py, &fault))
            }
            Err(error) => Err(runtime_error(&error)),
        }
    }

    /// The probability of every candidate in a state, by head: float32.
    fn probabilities<'py>(
        &self,
        py: Python<'py>,
        image: &Bound<'py, PyAny>,
        features: &Bound<'py, PyAny>,
    ) -> PyResult<Vec<Bound<'py, PyArray1<f32>>>> {
        let observation = self.inputs.observation(image, features, None)?;
        let distribution = self.with(py, |trained| {
            let policy = &trained.learner.policy;
            policy.distribution(&policy.encode(&observation))
        })?;
        Ok(distribution.map(|head| head.into_pyarray(py)).into())
    }

    /// How unlike all training states a state is; `None` before the second scene.
    fn novelty(
        &self,
        py: Python<'_>,
        image: &Bound<'_, PyAny>,
        features: &Bound<'_, PyAny>,
    ) -> PyResult<Option<f64>> {
        let observation = self.inputs.observation(image, features, None)?;
        self.with(py, |trained| {
            if trained.learner.policy.support().is_none() {
                trained.learner.finish_training();
            }
            let policy = &trained.learner.policy;
            policy.ood_score(&policy.encode(&observation)).map(|score| score.worst())
        })
    }

    /// The values of the candidates of each head, after all refinements.
    fn candidates(&self, py: Python<'_>) -> PyResult<[Vec<f64>; 3]> {
        self.with(py, |trained| trained.learner.policy.actions().candidates().clone())
    }

    /// The number of trials that the policy has learned from.
    #[getter]
    fn trials(&self, py: Python<'_>) -> PyResult<u32> {
        self.with(py, |trained| trained.learner.trials())
    }

    /// The number of trials of a scene.
    #[getter]
    fn trials_per_scene(&self, py: Python<'_>) -> PyResult<u32> {
        self.with(py, |trained| trained.schedule.trials_per_scene)
    }

    /// The trainer as the bytes of a `.safetensors` file, with `notes` in its metadata.
    fn to_bytes<'py>(&self, py: Python<'py>, notes: String) -> PyResult<Bound<'py, PyBytes>> {
        let notes = Metadata::from([(NOTES.to_string(), notes.into())]);
        let bytes = self.with(py, |trained| trained.learner.to_checkpoint(&notes))?;
        Ok(PyBytes::new(py, &bytes))
    }
}

impl RoleModelTrainer {
    /// Works on what is trained, without the interpreter's lock.
    ///
    /// # Errors
    /// `RuntimeError` if `learn` is under way.
    fn with<T: Send>(
        &self,
        py: Python<'_>,
        work: impl FnOnce(&mut Trained) -> T + Send,
    ) -> PyResult<T> {
        py.detach(|| match self.trained.try_lock() {
            Ok(mut trained) => Ok(work(&mut trained)),
            Err(TryLockError::WouldBlock) => Err(PyRuntimeError::new_err(
                "learn() is under way; expected this call before it, after it, or in a callback's on_pause()",
            )),
            Err(TryLockError::Poisoned(_)) => Err(PyRuntimeError::new_err(
                "an earlier call has left this model incomplete; load a saved one",
            )),
        })
    }
}

impl Trained {
    /// Learns from `backlog`, then makes and learns from so many trials more. Learns from every completed trial, also when an
    /// error ends it earlier, and ends between two scenes. `None` ends as such an error.
    fn train(
        &mut self,
        env: &mut PythonEnv,
        keeper: &mut Keeper,
        trials: Option<u32>,
        backlog: Vec<Trial>,
    ) -> Result<(), RunError> {
        let first = self.learner.trials();
        let recorded = backlog.last().map_or(first, |trial| trial.id.trial);
        let mut ended = Ok(());
        let mut left = backlog;
        if let Some(trials) = trials {
            let plan = self.plan(first, recorded.saturating_add(trials));
            keeper.keep(&left);
            ended = self.run(env, keeper, plan, left);
            left = keeper.take_unlearned();
        }
        if !left.is_empty() {
            // No trial is made: the keeper ends the run before that.
            keeper.stop();
            let plan = self.plan(first, u32::MAX);
            match self.run(env, keeper, plan, left) {
                Ok(()) | Err(RunError::Stopped { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        end_scene_early(&mut self.learner, &self.method, &self.schedule);
        ended
    }

    fn run(
        &mut self,
        env: &mut PythonEnv,
        keeper: &mut Keeper,
        plan: TrialPlan,
        backlog: Vec<Trial>,
    ) -> Result<(), RunError> {
        let Self { learner, method, schedule } = self;
        let backlog = TrialBacklog::new(backlog, 0);
        Training { env, learner, method, schedule, plan, backlog, observer: keeper }.run()
    }

    /// Trials up to number `until`, by a call that began after trial `first`, which was the last of its scene.
    fn plan(&self, first: u32, until: u32) -> TrialPlan {
        let experiences = self.learner.memory.experiences();
        let (before, since) = experiences.split_at(first as usize);
        let scenes = before.last().map_or(0, |last| last.scene);
        let plan = TrialPlan::of_trials(until, self.schedule.trials_per_scene);
        since.iter().fold(plan.after(first, scenes), |mut plan, one| {
            plan.note(TrialId::new(one.trial, 1, one.scene), None);
            plan
        })
    }
}
