//! A unit of a reproduction: one method in one cell, trained and evaluated.

use std::path::Path;

use anyhow::Context;
use rmrl_cell::{PickPlace, TaskKind};
use rmrl_core::{Decision, PoseAdjustment, Trial, TrialId, TrialReport};
use rmrl_learn::{
    Behaviour, ConstantOffset, EarlierData, EncodedState, Goal, Learner, MethodName, Observer,
    ObserverError, Policy, Recorded, pretrain, role_models, run_trials, train,
};
use rustix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};

use super::held_out::{Attempt, HeldOut};
use super::plan::Unit;
use crate::analysis::noise_floor::NoiseFloor;
use crate::cell::assembly::{Laboratory, World};
use crate::config::RunConfig;
use crate::run::execute;

/// Trials between two evaluations of the policy so far.
pub const CHECKPOINT_INTERVAL: u32 = 10;
/// Held-out placements of each task: the paper's ten.
pub const PLACEMENTS: u32 = 10;

/// All that a reproduction needs to know of a unit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UnitResult {
    /// Which unit.
    pub unit: Unit,
    /// Its complete configuration, TOML.
    pub config: String,
    /// Every training trial, in order.
    pub trials: Vec<TrainingTrial>,
    /// Attempts that a fault cut short.
    pub faults: usize,
    /// The mean distance between two localisations of a resting plate, in millimetres.
    pub noise_floor_mm: f64,
    /// The greedy policy on the held-out placements of the training task, as training went on.
    pub checkpoints: Vec<Checkpoint>,
    /// The final greedy policy on the held-out placements of every task.
    pub finals: Vec<Final>,
    /// Processor time of the training, in seconds.
    pub training_cpu_secs: f64,
    /// Processor time of everything, in seconds.
    pub total_cpu_secs: f64,
}

/// A training trial in numbers.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainingTrial {
    /// The reward of Eq. 11; 0 where nothing was placed.
    pub reward: f64,
    /// Translation as measured, in millimetres; `None` where nothing was placed.
    pub e_trans_mm: Option<f64>,
    /// Translation in truth, in millimetres.
    pub true_e_trans_mm: Option<f64>,
}

/// The policy after `trial` trials, on the held-out placements.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Checkpoint {
    /// Trials learnt from; 0 is the policy that training began with.
    pub trial: u32,
    /// What came of each placement.
    pub attempts: Vec<Attempt>,
}

/// The final policy on one task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Final {
    /// The task.
    pub task: TaskKind,
    /// What came of each placement.
    pub attempts: Vec<Attempt>,
}

/// Runs a unit: trains by `config`, evaluates every [`CHECKPOINT_INTERVAL`] trials, and at the end
/// on `tasks`. With `keep`, the training leaves an ordinary run directory there, pictures included.
///
/// # Errors
/// The configuration makes no cell or policy, or a trial could not be made or kept.
pub fn run_unit(
    unit: &Unit,
    config: &RunConfig,
    tasks: &[TaskKind],
    keep: Option<&Path>,
) -> anyhow::Result<UnitResult> {
    let began_secs = processor_secs();
    config.validate()?;
    let config = execute::resolved(config)?;
    let home = config.task.kind;
    let held_out = HeldOut::prepare(&config, home, PLACEMENTS)?;
    let mut course = Course::new(held_out);
    let prepared_secs = processor_secs();
    let (deployed, noise_floor_mm) = match keep {
        Some(root) => train_and_keep(&config, root, &mut course)?,
        None => train_in_memory(&config, &mut course)?,
    };
    let training_cpu_secs = processor_secs() - prepared_secs - course.evaluation_secs;

    let mut finals = Vec::new();
    for &task in tasks {
        let attempts = if task == home {
            deployed.attempts(&config, &mut course.held_out)?
        } else {
            let mut elsewhere = HeldOut::prepare(&config, task, PLACEMENTS)?;
            deployed.attempts(&config, &mut elsewhere)?
        };
        finals.push(Final { task, attempts });
    }
    if !matches!(deployed, Deployed::Policy(_)) {
        // Nothing is learnt, so what holds at the end has held from the first possible trial on.
        let trial = match config.method {
            MethodName::Constant => ConstantOffset::MEASURED_TRIALS as u32,
            _ => 0,
        };
        let attempts = deployed.attempts(&config, &mut course.held_out)?;
        course.checkpoints = vec![Checkpoint { trial, attempts }];
    }
    Ok(UnitResult {
        unit: unit.clone(),
        config: config.to_toml(),
        trials: course.trials,
        faults: course.faults,
        noise_floor_mm,
        checkpoints: course.checkpoints,
        finals,
        training_cpu_secs,
        total_cpu_secs: processor_secs() - began_secs,
    })
}

/// What a training leaves to be deployed.
enum Deployed {
    Policy(Box<Policy>),
    Offset(PoseAdjustment),
    /// The method's own fixed behaviour.
    Fixed,
}

impl Deployed {
    /// Tries it on held-out placements.
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
                abstained: false,
            }),
            Self::Fixed => {
                let mut behaviour = execute::behaviour(config, held_out.world())?;
                held_out.attempts(|number, observation| {
                    let trial = number as u32 + 1;
                    behaviour.decide(observation, TrialId { trial, attempt: 1, scene: trial })
                })
            }
        })
    }
}

fn encode(policy: &Policy, held_out: &HeldOut) -> Vec<EncodedState> {
    held_out.observations().map(|observation| policy.encode(observation)).collect()
}

/// Trains as `rmrl train` does, without a run directory: the same seeds give the same trials.
fn train_in_memory(config: &RunConfig, course: &mut Course) -> anyhow::Result<(Deployed, f64)> {
    let (seed, goal) = (u64::from(config.seed), Goal::new(config.trials, config.until));
    let method = config.learning_method();
    let Some(mut method) = method else {
        let (mut laboratory, noise_floor_mm) = set_up(config)?;
        course.world = Some(laboratory.world.clone());
        let (per_scene, mut recorded) = (config.schedule.trials_per_scene, Recorded::nothing());
        let cell = &mut laboratory.trial;
        if config.method == MethodName::Constant {
            let mut behaviour = ConstantOffset::default();
            run_trials(cell, &mut behaviour, per_scene, goal, &mut recorded, course)?;
            return Ok((Deployed::Offset(behaviour.offset()), noise_floor_mm));
        }
        let mut behaviour = execute::behaviour(config, &laboratory.world)?;
        run_trials(cell, behaviour.as_mut(), per_scene, goal, &mut recorded, course)?;
        return Ok((Deployed::Fixed, noise_floor_mm));
    };
    let policy = match (config.method, &config.pretrained) {
        (MethodName::RmRlPretrained, Some(path)) => execute::pretrained_from(config, path)?,
        (MethodName::RmRlPretrained, None) => pretrained(config)?,
        _ => execute::initial_policy(config)?,
    };
    let (mut laboratory, noise_floor_mm) = set_up(config)?;
    course.world = Some(laboratory.world.clone());
    course.evaluate(0, &policy);
    let mut learner = Learner::new(policy, seed);
    train(
        &mut laboratory.trial,
        &mut learner,
        &mut method,
        &config.schedule,
        goal,
        &mut Recorded::nothing(),
        course,
    )?;
    learner.conclude(&config.schedule);
    if course.checkpoints.last().is_none_or(|last| last.trial < learner.trials()) {
        course.evaluate(learner.trials(), &learner.policy);
    }
    Ok((Deployed::Policy(Box::new(learner.policy)), noise_floor_mm))
}

/// A policy pretrained on an earlier run, as `rmrl train --method rm-rl-pretrained` makes it.
fn pretrained(config: &RunConfig) -> anyhow::Result<Policy> {
    let earlier = execute::earlier_config(config);
    let mut method = earlier.learning_method().context("the earlier run learns")?;
    let (mut laboratory, _) = set_up(&earlier)?;
    let mut kept = Kept { world: laboratory.world.clone(), trials: Vec::new() };
    let mut learner = Learner::new(execute::initial_policy(&earlier)?, u64::from(earlier.seed));
    train(
        &mut laboratory.trial,
        &mut learner,
        &mut method,
        &earlier.schedule,
        Goal::new(earlier.trials, None),
        &mut Recorded::nothing(),
        &mut kept,
    )?;
    let mut policy = execute::initial_policy(config)?;
    let labelling = role_models(&config.schedule);
    let data = EarlierData::from_trials(kept.trials, labelling.as_ref(), &policy);
    anyhow::ensure!(!data.is_empty(), "the earlier run has no role model to learn from");
    pretrain(&mut policy, &data, &config.schedule, u64::from(config.seed));
    Ok(policy)
}

/// A cell whose target is recorded, and its noise floor in millimetres.
fn set_up(config: &RunConfig) -> anyhow::Result<(Laboratory, f64)> {
    let mut laboratory = Laboratory::assemble(config, u64::from(config.seed))?;
    let resting = execute::record_target(config, &mut laboratory)?.noise_floor;
    laboratory.world.remember();
    Ok((laboratory, NoiseFloor::of(&resting).distance_mm))
}

/// Trains in a run directory.
fn train_and_keep(
    config: &RunConfig,
    root: &Path,
    course: &mut Course,
) -> anyhow::Result<(Deployed, f64)> {
    // A run that was cut short would tell the course of its last trials only.
    if root.exists() {
        std::fs::remove_dir_all(root)
            .with_context(|| format!("cannot make {} anew", root.display()))?;
    }
    let (dir, config) = &execute::create(config, root)?;
    let records = execute::execute_attended(dir, config, &mut (), course)?.records;
    let mm = |error_m: f64| 1000.0 * error_m;
    course.faults = records.iter().filter(|record| record.is_fault()).count();
    course.trials = records
        .iter()
        .filter(|record| !record.is_fault())
        .map(|record| TrainingTrial {
            reward: record.reward.unwrap_or(0.0),
            e_trans_mm: record.e_trans_m.map(mm),
            true_e_trans_mm: record.true_e_trans_m.map(mm),
        })
        .collect();
    let target = execute::read_target(root)?;
    let noise_floor_mm = NoiseFloor::of(&target.noise_floor).distance_mm;
    let deployed = if config.method.learns() {
        let initial = execute::starting_policy(config, dir, &mut execute::Unobserved)?;
        course.evaluate(0, &initial);
        let policy = Policy::from_file(&root.join(execute::POLICY), &config.policy)?;
        let trials = course.trials.len() as u32;
        if course.checkpoints.iter().all(|checkpoint| checkpoint.trial < trials) {
            course.evaluate(trials, &policy);
        }
        course.checkpoints.sort_by_key(|checkpoint| checkpoint.trial);
        Deployed::Policy(Box::new(policy))
    } else if config.method == MethodName::Constant {
        let mut behaviour = ConstantOffset::default();
        for trial in execute::trials_without_pictures(&records)? {
            behaviour.note(&trial);
        }
        Deployed::Offset(behaviour.offset())
    } else {
        Deployed::Fixed
    };
    Ok((deployed, noise_floor_mm))
}

/// Watches a training and evaluates its policy on the way.
struct Course {
    held_out: HeldOut,
    /// What a training in memory happens in.
    world: Option<World>,
    trials: Vec<TrainingTrial>,
    faults: usize,
    checkpoints: Vec<Checkpoint>,
    /// The held-out states for a frozen encoder, which sees them the same all along.
    states: Option<Vec<EncodedState>>,
    evaluation_secs: f64,
}

impl Course {
    fn new(held_out: HeldOut) -> Self {
        Self {
            held_out,
            world: None,
            trials: Vec::new(),
            faults: 0,
            checkpoints: Vec::new(),
            states: None,
            evaluation_secs: 0.0,
        }
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

impl execute::Attendant for Course {}

impl Observer<PickPlace> for Course {
    fn trial_ended(&mut self, _: &PickPlace, report: TrialReport<'_>) -> Result<(), ObserverError> {
        // Where a run directory is made, the trials are in its log.
        let Some(world) = &self.world else { return Ok(()) };
        let truth = world.truth();
        match report {
            TrialReport::Faulted(_) => self.faults += 1,
            TrialReport::Completed(trial) => {
                let placement = trial.ending.placement();
                self.trials.push(TrainingTrial {
                    reward: trial.ending.reward(),
                    e_trans_mm: placement.map(|placement| 1000.0 * placement.error.e_trans_m),
                    true_e_trans_mm: placement.and(truth).map(|truth| 1000.0 * truth.e_trans_m()),
                });
            }
        }
        // As a recorder does, for remembering ends all contact: both go on with the same bits.
        world.remember();
        Ok(())
    }

    fn learnt(&mut self, learner: &Learner) -> Result<(), ObserverError> {
        let trial = learner.trials();
        if trial.is_multiple_of(CHECKPOINT_INTERVAL) {
            self.evaluate(trial, &learner.policy);
        }
        Ok(())
    }
}

/// Keeps the trials of an earlier run.
struct Kept {
    world: World,
    trials: Vec<Trial>,
}

impl Observer<PickPlace> for Kept {
    fn trial_ended(&mut self, _: &PickPlace, report: TrialReport<'_>) -> Result<(), ObserverError> {
        if let TrialReport::Completed(trial) = report {
            self.trials.push(trial.clone());
        }
        self.world.remember();
        Ok(())
    }
}

/// Processor time of this thread so far, in seconds: a unit runs on one thread alone.
fn processor_secs() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as f64 + 1e-9 * time.tv_nsec as f64
}
