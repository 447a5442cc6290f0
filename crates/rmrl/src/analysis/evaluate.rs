//! Evaluation of the deployed policy: the columns of Tables 2 and 3, measured and true.

use std::fmt;

use anyhow::bail;
use rmrl_cell::{PickPlace, TaskKind};
use rmrl_core::{
    Claim, Decision, Interval, Look, Observation, Outcome, PlanarPose, Trial, TrialId, TrialReport,
    mean, standard_deviation, wilson_interval,
};
use rmrl_learn::{
    FixedPolicy, FixedPolicyRun, GreedyPolicy, MethodName, Observer, ObserverError, Policy,
    TrialBacklog, TrialPlan,
};
use serde::Serialize;

use crate::analysis::error_budget::{CellTruth, ErrorBudget, PlacementBudget, PlacementPoses};
use crate::analysis::noise_floor::NoiseFloor;
use crate::cell::assembly::Laboratory;
use crate::cell::first_motion::Start;
use crate::cell::world::World;
use crate::config::RunConfig;
use crate::run::POLICY;
use crate::run::baseline::baseline;
use crate::run::run_log::{read_records, trials_without_images};
use crate::run::target_record::TargetRecord;

/// A mean and its standard deviation over trials.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Spread {
    /// The mean.
    pub mean: f64,
    /// The sample standard deviation.
    pub deviation: f64,
}

impl Spread {
    /// Mean and deviation of `values`; `None` without values.
    pub fn of(values: &[f64]) -> Option<Self> {
        (!values.is_empty())
            .then(|| Self { mean: mean(values), deviation: standard_deviation(values) })
    }
}

/// How often the plate was seated.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Successes {
    /// Trials whose plate was seated.
    pub seated: usize,
    /// Trials, failed grasps included.
    pub trials: usize,
    /// The lower end of the 95 % Wilson interval of the rate.
    pub low: f64,
    /// The upper end of that interval.
    pub high: f64,
}

impl Successes {
    /// `seated` of `trials`.
    pub fn of(seated: usize, trials: usize) -> Self {
        let interval = wilson_interval(seated, trials);
        Self { seated, trials, low: interval.low, high: interval.high }
    }
}

/// How often a claim about the measured error held.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct AsClaimed {
    /// The claim.
    pub claim: Claim,
    /// Trials in which it held.
    pub held: usize,
    /// The lower end of the 95 % Wilson interval of their share.
    pub low: f64,
    /// The upper end of that interval.
    pub high: f64,
}

impl AsClaimed {
    /// How often `claim` held in `trials`, whose placed plates have these measured errors.
    fn of(claim: Claim, e_trans_mm: &[f64], trials: usize) -> Self {
        let held = e_trans_mm.iter().filter(|mm| **mm / 1000.0 < claim.bound_m()).count();
        let Interval { low, high } = wilson_interval(held, trials);
        Self { claim, held, low, high }
    }
}

/// Errors of the placed plates.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Errors {
    /// Translation error, in millimeters.
    pub e_trans_mm: Option<Spread>,
    /// Yaw error without its sign, in degrees.
    pub yaw_deg: Option<Spread>,
    /// How often the plate was seated.
    pub seated: Successes,
}

/// What an evaluation found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Evaluation {
    /// The method whose result was deployed.
    pub method: MethodName,
    /// The task it was evaluated on.
    pub task: TaskKind,
    /// The cell's seed.
    pub cell_seed: u32,
    /// Trials, each from a different start.
    pub trials: usize,
    /// Trials whose plate was not grasped.
    pub not_grasped: usize,
    /// How often the claim of the run held, if it had one to prove.
    pub as_claimed: Option<AsClaimed>,
    /// Trials in which the policy abstained, because the state was unlike those of its training.
    pub abstained: usize,
    /// Attempts that ended in a fault.
    pub faults: usize,
    /// The reward, failed grasps included as 0.
    pub reward: Option<Spread>,
    /// The errors as the camera measures them.
    pub measured: Errors,
    /// The true errors; `None` in a real cell.
    pub truth: Option<Errors>,
    /// The mean distance between two localizations of a resting plate, in millimeters. Errors of about
    /// this size are noise.
    pub noise_floor_mm: f64,
    /// The error budget.
    pub budget: ErrorBudget,
}

/// Evaluates the run in `root` on `trials` new placements of `task`, in a cell that `start` starts.
///
/// A learned policy is deployed greedily. `seed` decides the placements.
///
/// # Errors
/// The run has no policy yet, or a trial fails.
pub fn evaluate_run(
    config: &RunConfig,
    root: &std::path::Path,
    task: TaskKind,
    (trials, seed): (u32, u32),
    start: &Start,
) -> anyhow::Result<Evaluation> {
    let (of_run, config) = (config, config.on_task(task));
    let laboratory = Laboratory::start(&config, u64::from(seed ^ PLACEMENT_SEED), start)?;
    let policy: Box<dyn FixedPolicy> = if config.method.learns() {
        let path = root.join(POLICY);
        if !path.exists() {
            bail!(
                "{} has no {POLICY} yet: the run is not finished; resume it with `rmrl train --resume {}`",
                root.display(),
                root.display(),
            );
        }
        Box::new(GreedyPolicy(Policy::from_file(&path, &config.policy)?))
    } else {
        let target = TargetRecord::read(root)?.target.look();
        // Its trials were made in the run's own place.
        let mut policy = baseline(of_run, &laboratory, target)?;
        for trial in trials_without_images(&read_records(root)?)? {
            policy.note(&trial);
        }
        Box::new(Frozen(policy))
    };
    evaluate(&config, laboratory, policy, trials)
}

/// A fixed policy that learns nothing from further trials.
struct Frozen(Box<dyn FixedPolicy>);

impl FixedPolicy for Frozen {
    fn decide(&mut self, observation: &Observation, id: TrialId) -> Decision {
        self.0.decide(observation, id)
    }

    fn deploy_at(&mut self, place: PlanarPose, target: Look) {
        self.0.deploy_at(place, target);
    }
}

/// Separates the placements of an evaluation from those of the training.
const PLACEMENT_SEED: u32 = 0x0e7a_1000;

/// Evaluates a fixed policy on `trials` placements.
///
/// # Errors
/// The target cannot be recorded, or a trial fails.
pub fn evaluate(
    config: &RunConfig,
    mut laboratory: Laboratory,
    mut policy: Box<dyn FixedPolicy>,
    trials: u32,
) -> anyhow::Result<Evaluation> {
    let TargetRecord { target, noise_floor: resting, .. } =
        TargetRecord::make(config, &mut laboratory)?;
    policy.deploy_at(config.task.place.pose(), target.look());
    let cell_truth = CellTruth::of(&laboratory.world, &laboratory.trial.camera_model(), config);
    let mut tally = Tally::new(laboratory.world.clone(), cell_truth);
    let run = FixedPolicyRun {
        env: &mut laboratory.trial,
        policy: policy.as_mut(),
        plan: TrialPlan::of_trials(trials, 1),
        backlog: TrialBacklog::nothing(),
        observer: &mut tally,
    };
    run.run()?;
    let trials = tally.rewards.len();
    let errors = |values: &Measured| Errors {
        e_trans_mm: Spread::of(&values.e_trans_mm),
        yaw_deg: Spread::of(&values.yaw_deg),
        seated: Successes::of(values.seated, trials),
    };
    let noise_floor_mm = NoiseFloor::of(&resting).distance_mm;
    let measured_m: Vec<f64> = tally.measured.e_trans_mm.iter().map(|mm| mm / 1000.0).collect();
    Ok(Evaluation {
        method: config.method,
        task: config.task.kind,
        cell_seed: config.cell_seed(),
        trials,
        not_grasped: trials - tally.measured.e_trans_mm.len(),
        as_claimed: config
            .until
            .map(|claim| AsClaimed::of(claim, &tally.measured.e_trans_mm, trials)),
        abstained: tally.abstained,
        faults: tally.faults,
        reward: Spread::of(&tally.rewards),
        measured: errors(&tally.measured),
        truth: tally.world.truth().map(|_| errors(&tally.truth)),
        noise_floor_mm,
        budget: ErrorBudget::of(noise_floor_mm, &measured_m, tally.budgets),
    })
}

/// Collects the results of the trials.
struct Tally {
    world: World,
    cell: Option<CellTruth>,
    budgets: Vec<PlacementBudget>,
    abstained: usize,
    rewards: Vec<f64>,
    measured: Measured,
    truth: Measured,
    faults: usize,
}

#[derive(Default)]
struct Measured {
    e_trans_mm: Vec<f64>,
    yaw_deg: Vec<f64>,
    seated: usize,
}

impl Tally {
    fn new(world: World, cell: Option<CellTruth>) -> Self {
        Self {
            world,
            cell,
            budgets: Vec::new(),
            abstained: 0,
            rewards: Vec::new(),
            measured: Measured::default(),
            truth: Measured::default(),
            faults: 0,
        }
    }
}

impl Tally {
    /// The error budget of the trial that has just ended.
    fn budget(&self, cell: &PickPlace, trial: &Trial) -> Option<PlacementBudget> {
        let evidence = cell.evidence();
        let captured = self.world.truth_at_captures();
        // This world keeps its captures over all trials so far.
        let earlier = captured.len().checked_sub(evidence.frames)?;
        let start = captured.get(earlier + evidence.start.as_ref()?.number)?.plate;
        let placed = PlacementPoses {
            estimated: trial.observation.estimated_pose,
            pick: trial.outcome.placement()?.pick_pose,
            start,
            end: self.world.truth()?.plate,
            grasp: self.world.grasp()?,
        };
        PlacementBudget::of(self.cell.as_ref()?, &placed)
    }
}

impl Observer<PickPlace> for Tally {
    fn trial_ended(
        &mut self,
        cell: &PickPlace,
        report: TrialReport<'_>,
    ) -> Result<(), ObserverError> {
        let TrialReport::Completed(trial) = report else {
            self.faults += 1;
            return Ok(());
        };
        self.rewards.push(trial.outcome.reward());
        self.abstained += usize::from(trial.decision.abstained);
        self.budgets.extend(self.budget(cell, trial));
        if let Outcome::Placed(placement) = &trial.outcome {
            let measured = &mut self.measured;
            measured.e_trans_mm.push(1000.0 * placement.error.e_trans_m);
            measured.yaw_deg.push(placement.error.yaw_error_rad().to_degrees());
            measured.seated += usize::from(placement.seated);
            if let Some(truth) = self.world.truth() {
                self.truth.e_trans_mm.push(1000.0 * truth.e_trans_m());
                self.truth.yaw_deg.push(truth.yaw_error_rad().to_degrees().abs());
                self.truth.seated += usize::from(truth.seated);
            }
        }
        Ok(())
    }
}

impl fmt::Display for Evaluation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let task = self.task;
        writeln!(
            f,
            "{}, deployed on the {task} task: {} placements in cell {}",
            self.method.title(),
            self.trials,
            self.cell_seed
        )?;
        let spread = |spread: Option<Spread>, digits: usize| {
            spread.map_or_else(
                || "-".to_string(),
                |Spread { mean, deviation }| format!("{mean:.digits$} ({deviation:.digits$})"),
            )
        };
        let rate = |successes: Successes| {
            format!(
                "{} of {}, 95 % within {:.0}-{:.0} %",
                successes.seated,
                successes.trials,
                100.0 * successes.low,
                100.0 * successes.high
            )
        };
        let mut row = |title: &str, measured: String, truth: Option<String>| {
            writeln!(f, "  {title:<22} {measured:<30} {}", truth.unwrap_or_default())
        };
        row("", "measured".to_string(), self.truth.map(|_| "true".to_string()))?;
        row("average reward", spread(self.reward, 3), None)?;
        row(
            "e_trans, mm",
            spread(self.measured.e_trans_mm, 2),
            self.truth.map(|truth| spread(truth.e_trans_mm, 2)),
        )?;
        row(
            "e_rot, degrees",
            spread(self.measured.yaw_deg, 2),
            self.truth.map(|truth| spread(truth.yaw_deg, 2)),
        )?;
        row("seated", rate(self.measured.seated), self.truth.map(|truth| rate(truth.seated)))?;
        row("not grasped", self.not_grasped.to_string(), None)?;
        if let Some(AsClaimed { claim, held, low, high }) = self.as_claimed {
            let (low, high) = (100.0 * low, 100.0 * high);
            let held = format!("{held} of {}, 95 % within {low:.0}-{high:.0} %", self.trials);
            row(&format!("as {claim} claims"), held, None)?;
        }
        row("abstained", format!("{} of {}", self.abstained, self.trials), None)?;
        row("noise floor, mm", format!("{:.3}", self.noise_floor_mm), None)?;
        if self.faults > 0 {
            row("faults, repeated", self.faults.to_string(), None)?;
        }
        write!(f, "{}", self.budget)
    }
}
