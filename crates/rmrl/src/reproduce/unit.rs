//! A unit of a reproduction: one method in one cell, trained and evaluated.

use std::path::Path;

use anyhow::Context;
use rmrl_cell::TaskKind;
use rmrl_core::{Decision, Look, Observation, PoseAdjustment, TrialId};
use rmrl_data::TrialRecord;
use rmrl_learn::{
    ConstantOffset, EncodedState, FixedPolicy, Learner, MethodName, Policy, SelfCalibration,
};
use rustix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};

use super::held_out::{Attempt, HeldOut};
use super::plan::Unit;
use crate::analysis::noise_floor::NoiseFloor;
use crate::config::{Layers, RunConfig};
use crate::run::baseline::{baseline, learned_geometry, self_calibration};
use crate::run::create::{create, resolved};
use crate::run::engine::{RunResult, run_to_end};
use crate::run::execute::execute_observed;
use crate::run::memory_store::MemoryStore;
use crate::run::observer::RunObserver;
use crate::run::run_log::trials_without_images;

/// Trials between two evaluations of the policy so far.
pub const CHECKPOINT_INTERVAL: u32 = 10;
/// Everything that tables and figures need of a unit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UnitResult {
    /// The unit.
    pub unit: Unit,
    /// Its resolved configuration, as TOML.
    pub config: String,
    /// Every training trial, in order.
    pub trials: Vec<TrainingTrial>,
    /// Attempts that ended in a fault.
    pub faults: usize,
    /// The trials in which it was noticed that the camera had been moved, as far as the method notices.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub camera_moves: Vec<u32>,
    /// The mean distance between two localizations of a resting plate, in millimeters.
    pub noise_floor_mm: f64,
    /// The greedy policy on the held-out placements of the training task, during training.
    pub checkpoints: Vec<Checkpoint>,
    /// The final greedy policy on the held-out placements of every task.
    pub finals: Vec<Final>,
    /// Processor time of the training, in seconds.
    pub training_cpu_secs: f64,
    /// Processor time of training and evaluation, in seconds.
    pub total_cpu_secs: f64,
}

impl UnitResult {
    /// Its configuration; `None` if it cannot be read any more.
    pub fn config(&self) -> Option<RunConfig> {
        let layers = Layers::of_earlier_versions().with_text("a finished unit", &self.config);
        layers.ok()?.resolve().ok()
    }
}

/// A training trial in numbers.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainingTrial {
    /// The reward of Eq. 11; 0 where nothing was placed.
    pub reward: f64,
    /// The measured translation error, in millimeters; `None` where nothing was placed.
    pub e_trans_mm: Option<f64>,
    /// The true translation error, in millimeters.
    pub true_e_trans_mm: Option<f64>,
    /// Half the width of the 95 % interval that the policy gave, in millimeters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval_mm: Option<f64>,
    /// Whether the policy abstained.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub abstained: bool,
}

/// The policy after `trial` trials, on the held-out placements.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Checkpoint {
    /// Trials learned from; 0 is the initial policy.
    pub trial: u32,
    /// The result of each placement.
    pub attempts: Vec<Attempt>,
}

/// The final policy on one task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Final {
    /// The task.
    pub task: TaskKind,
    /// The result of each placement.
    pub attempts: Vec<Attempt>,
}

/// Runs a unit: trains with `config`, evaluates every [`CHECKPOINT_INTERVAL`] trials, and at the end
/// on `tasks`, by `placements` of each. With `keep`, the training leaves an ordinary run directory there, images included.
///
/// # Errors
/// The configuration is invalid for a cell or a policy, or a trial fails or cannot be stored.
pub fn run_unit(
    unit: &Unit,
    config: &RunConfig,
    (tasks, placements): (&[TaskKind], u32),
    keep: Option<&Path>,
) -> anyhow::Result<UnitResult> {
    let began_secs = processor_secs();
    config.validate()?;
    let config = resolved(config)?;
    let home = config.task.kind;
    let held_out = HeldOut::prepare(&config, home, placements)?;
    let mut evaluator = CheckpointEvaluator::new(config.method, held_out);
    let prepared_secs = processor_secs();
    let result = train(&config, keep, &mut evaluator)?;
    let records = result.records;
    let target = result.target.context("the run ended before its target was recorded")?;
    let seen_target = target.target.look();
    let deployed = Deployed::of(&config, result.policy, (&records, seen_target), &mut evaluator)?;
    let training_cpu_secs = processor_secs() - prepared_secs - evaluator.evaluation_secs;

    let mut finals = Vec::new();
    for &task in tasks {
        let attempts = if task == home {
            deployed.attempts(&config, &mut evaluator.held_out)?
        } else {
            let mut elsewhere = HeldOut::prepare(&config, task, placements)?;
            deployed.attempts(&config, &mut elsewhere)?
        };
        finals.push(Final { task, attempts });
    }
    if let Deployed::SelfCalibration(_) = &deployed {
        evaluator.checkpoints = self_calibrated(&config, (&records, seen_target), &mut evaluator)?;
    } else if !matches!(deployed, Deployed::Policy(_)) {
        // Nothing is learned, so the final result holds from the first possible trial on.
        let trial = match config.method {
            MethodName::Constant => ConstantOffset::MEASURED_TRIALS as u32,
            _ => 0,
        };
        let attempts = deployed.attempts(&config, &mut evaluator.held_out)?;
        evaluator.checkpoints = vec![Checkpoint { trial, attempts }];
    }
    Ok(UnitResult {
        unit: unit.clone(),
        config: config.to_run_toml(),
        trials: records.iter().filter(|record| !record.is_fault()).map(TrainingTrial::of).collect(),
        faults: records.iter().filter(|record| record.is_fault()).count(),
        camera_moves: deployed.camera_moves(),
        noise_floor_mm: NoiseFloor::of(&target.noise_floor).distance_mm,
        checkpoints: evaluator.checkpoints,
        finals,
        training_cpu_secs,
        total_cpu_secs: processor_secs() - began_secs,
    })
}

/// Trains with the engine of `rmrl train`: in the run directory `keep`, or in memory.
fn train(
    config: &RunConfig,
    keep: Option<&Path>,
    evaluator: &mut CheckpointEvaluator,
) -> anyhow::Result<RunResult> {
    let Some(root) = keep else {
        return run_to_end(config, &mut MemoryStore::default(), evaluator);
    };
    // An interrupted run would only evaluate the trials after its interruption.
    if root.exists() {
        std::fs::remove_dir_all(root)
            .with_context(|| format!("cannot remove {} to run the unit again", root.display()))?;
    }
    let (dir, config) = create(config, root)?;
    execute_observed(&dir, &config, &mut (), evaluator)
}

impl TrainingTrial {
    fn of(record: &TrialRecord) -> Self {
        let mm = |error_m: f64| 1000.0 * error_m;
        Self {
            reward: record.reward.unwrap_or(0.0),
            e_trans_mm: record.e_trans_m.map(mm),
            true_e_trans_mm: record.true_e_trans_m.map(mm),
            interval_mm: record.interval_m.map(mm),
            abstained: record.abstained,
        }
    }
}

/// What is deployed after a training.
enum Deployed {
    Policy(Box<Policy>),
    Offset(PoseAdjustment),
    SelfCalibration(Box<SelfCalibration>),
    /// The fixed policy of the method itself.
    Fixed,
}

impl Deployed {
    /// What is deployed after a run with these records. Evaluates the policy, unless `evaluator` has
    /// done so already.
    fn of(
        config: &RunConfig,
        policy: Option<Policy>,
        (records, target): (&[TrialRecord], Look),
        evaluator: &mut CheckpointEvaluator,
    ) -> anyhow::Result<Self> {
        if let Some(policy) = policy {
            let trials = records.iter().filter(|record| !record.is_fault()).count() as u32;
            if evaluator.checkpoints.iter().all(|checkpoint| checkpoint.trial < trials) {
                evaluator.evaluate(trials, &policy);
            }
            return Ok(Self::Policy(Box::new(policy)));
        }
        if config.method.is_self_calibration() {
            let learned = learned_geometry(config, records, target)?;
            return Ok(Self::SelfCalibration(Box::new(learned)));
        }
        if config.method != MethodName::Constant {
            return Ok(Self::Fixed);
        }
        let mut constant = ConstantOffset::default();
        for trial in trials_without_images(records)? {
            constant.note(&trial);
        }
        Ok(Self::Offset(constant.offset()))
    }

    /// The trials in which it was noticed that the camera had been moved.
    fn camera_moves(&self) -> Vec<u32> {
        let Self::SelfCalibration(policy) = self else { return Vec::new() };
        policy.summary().camera_moves.iter().filter_map(|noticed| noticed.trial).collect()
    }

    /// The results on held-out placements.
    fn attempts(&self, config: &RunConfig, held_out: &mut HeldOut) -> anyhow::Result<Vec<Attempt>> {
        Ok(match self {
            Self::Policy(policy) => {
                let states = encode(policy, held_out);
                held_out.attempts(|number, _| policy.decide_in(&states[number]))
            }
            Self::Offset(offset) => held_out.attempts(|_, _| Decision {
                adjustment: *offset,
                index: None,
                probabilities: None,
                interval_m: None,
                abstained: false,
            }),
            Self::SelfCalibration(policy) => decisions_of(policy.as_ref().clone(), held_out),
            Self::Fixed => {
                let mut fixed = baseline(config, held_out.laboratory(), held_out.target().1)?;
                held_out.attempts(|number, observation| {
                    let trial = number as u32 + 1;
                    fixed.decide(observation, TrialId::new(trial, 1, trial))
                })
            }
        })
    }
}

/// The self-calibration after some of the trials, on the held-out placements.
fn self_calibrated(
    config: &RunConfig,
    (records, target): (&[TrialRecord], Look),
    evaluator: &mut CheckpointEvaluator,
) -> anyhow::Result<Vec<Checkpoint>> {
    let trials = trials_without_images(records)?;
    let last = trials.len() as u32;
    let early = [1, 2, 3, 5].into_iter();
    let later = (1..).map(|number| number * CHECKPOINT_INTERVAL).take_while(|trial| *trial < last);
    let checkpoints = early.chain(later).filter(|trial| *trial < last).chain([last]);
    let mut learned = self_calibration(config, target);
    let mut noted = 0;
    let mut result = Vec::new();
    if let Some([first @ .., _]) = trials.first().map(|trial| trial.observation.carries.as_slice())
    {
        // Before the first trial, after the carries that precede it.
        let mut before = learned.clone();
        before.learn_carries(first);
        let attempts = decisions_of(before, &mut evaluator.held_out);
        result.push(Checkpoint { trial: 0, attempts });
    }
    for trial in checkpoints {
        for trial in &trials[noted..trial as usize] {
            learned.learn(trial);
        }
        noted = trial as usize;
        let attempts = decisions_of(learned.clone(), &mut evaluator.held_out);
        result.push(Checkpoint { trial, attempts });
    }
    Ok(result)
}

/// The results of a self-calibration as it is, on held-out placements.
fn decisions_of(mut policy: SelfCalibration, held_out: &mut HeldOut) -> Vec<Attempt> {
    let (place, target) = held_out.target();
    policy.deploy_at(place, target);
    held_out.attempts(|number, observation| {
        let trial = number as u32 + 1;
        // A deployed policy finds plates that nobody has carried there for it: their looks tell it nothing else.
        let found = Observation { carries: Vec::new(), ..observation.clone() };
        policy.decide(&found, TrialId::new(trial, 1, trial))
    })
}

fn encode(policy: &Policy, held_out: &HeldOut) -> Vec<EncodedState> {
    held_out.observations().map(|observation| policy.encode(observation)).collect()
}

/// Observes a training and evaluates its policy at checkpoints.
struct CheckpointEvaluator {
    /// The method that is evaluated. An earlier run, on which it is pretrained, has another method.
    method: MethodName,
    is_earlier: bool,
    held_out: HeldOut,
    checkpoints: Vec<Checkpoint>,
    /// The encoded held-out states. A frozen encoder always encodes them in the same way.
    states: Option<Vec<EncodedState>>,
    evaluation_secs: f64,
}

impl CheckpointEvaluator {
    fn new(method: MethodName, held_out: HeldOut) -> Self {
        let (checkpoints, states) = (Vec::new(), None);
        Self { method, is_earlier: false, held_out, checkpoints, states, evaluation_secs: 0.0 }
    }

    fn evaluate(&mut self, trial: u32, policy: &Policy) {
        let began_secs = processor_secs();
        let held_out = &mut self.held_out;
        let states = self.states.get_or_insert_with(|| encode(policy, held_out));
        let attempts = held_out.attempts(|number, _| policy.decide_in(&states[number]));
        self.checkpoints.push(Checkpoint { trial, attempts });
        self.evaluation_secs += processor_secs() - began_secs;
    }
}

impl RunObserver for CheckpointEvaluator {
    fn on_learner(&mut self, config: &RunConfig, learner: &Learner) {
        self.is_earlier = config.method != self.method;
        if !self.is_earlier {
            self.evaluate(0, &learner.policy);
        }
    }

    fn on_update(&mut self, learner: &Learner) {
        let trial = learner.trials();
        if !self.is_earlier && trial.is_multiple_of(CHECKPOINT_INTERVAL) {
            self.evaluate(trial, &learner.policy);
        }
    }
}

/// Processor time of this thread so far, in seconds. A unit runs on one thread.
fn processor_secs() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as f64 + 1e-9 * time.tv_nsec as f64
}
