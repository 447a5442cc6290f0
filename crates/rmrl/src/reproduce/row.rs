//! A row of the tables: statistics of one method over many cells.

use rmrl_cell::TaskKind;
use rmrl_core::{
    Interval, bootstrap_interval, exponential_moving_average, interquartile_mean, mean, quantile,
    random_stream, standard_deviation, trials_to_threshold, wilson_interval,
};
use rmrl_learn::MethodName;

use super::held_out::{Attempt, AttemptErrors};
use super::unit::{Checkpoint, UnitResult};

/// One method under one variant of the configuration, in every cell it was run in.
#[derive(Debug, Clone)]
pub struct Row<'a> {
    /// The variant's name.
    pub variant: &'a str,
    /// The method.
    pub method: MethodName,
    /// Its finished units, ordered by seed.
    pub units: Vec<&'a UnitResult>,
}

/// An estimate over cells, as in rliable (Agarwal et al. 2021): the interquartile mean with its 95 %
/// bootstrap interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// The interquartile mean over cells.
    pub value: f64,
    /// The 95 % percentile bootstrap interval; cells are resampled.
    pub interval: Interval,
}

/// A number of trials until an event, which some runs do not reach.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TrialsEstimate {
    /// The estimate over cells. A run without the event counts with its length, so with such runs this
    /// is a lower bound.
    pub trials: Estimate,
    /// Cells in which the event was reached.
    pub reached: usize,
    /// All cells.
    pub of: usize,
}

/// Successes with the 95 % Wilson interval of their rate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rate {
    /// Successes.
    pub successes: usize,
    /// All placements.
    pub of: usize,
    /// The 95 % Wilson interval of the rate.
    pub interval: Interval,
}

/// Resamples of a bootstrap.
const RESAMPLES: usize = 2_000;
/// Confidence level of intervals.
const LEVEL: f64 = 0.95;

impl Estimate {
    /// The estimate of a value per cell; `None` without cells.
    pub fn of(values: &[f64]) -> Option<Self> {
        (!values.is_empty()).then(|| Self {
            value: interquartile_mean(values),
            interval: interval_of(values, interquartile_mean),
        })
    }

    /// The relative reduction from `from` to `to`: how much smaller the interquartile mean of `to` is,
    /// as a share of that of `from`. Cells are resampled in pairs, because both methods ran in the same
    /// cells. `None` without cells.
    pub fn reduction(from: &[f64], to: &[f64]) -> Option<Self> {
        if from.is_empty() || from.len() != to.len() {
            return None;
        }
        let of = |cells: &[f64]| {
            let pick = |values: &[f64]| -> Vec<f64> {
                cells.iter().map(|cell| values[*cell as usize]).collect()
            };
            1.0 - interquartile_mean(&pick(to)) / interquartile_mean(&pick(from))
        };
        let cells: Vec<f64> = (0..from.len()).map(|cell| cell as f64).collect();
        Some(Self { value: of(&cells), interval: interval_of(&cells, of) })
    }
}

fn interval_of(values: &[f64], statistic: impl Fn(&[f64]) -> f64) -> Interval {
    let mut rng = random_stream(0, "reproduction", [values.len() as u64, 0]);
    bootstrap_interval(values, statistic, LEVEL, RESAMPLES, &mut rng)
}

impl UnitResult {
    /// The reward of every training trial.
    pub fn rewards(&self) -> Vec<f64> {
        self.trials.iter().map(|trial| trial.reward).collect()
    }

    /// `T_τ^10`, Eq. 15; `None` if it was not reached.
    pub fn t10(&self, threshold: f64) -> Option<usize> {
        trials_to_threshold(&self.rewards(), threshold, 10)
    }

    /// The number of training trials.
    pub fn length(&self) -> usize {
        self.trials.len()
    }

    /// Training trials whose plate was not grasped.
    pub fn not_grasped(&self) -> usize {
        self.trials.iter().filter(|trial| trial.e_trans_mm.is_none()).count()
    }

    /// The results of the final policy on a task; `None` if it was not evaluated on it.
    pub fn attempts(&self, task: TaskKind) -> Option<&[Attempt]> {
        let found = self.finals.iter().find(|one| one.task == task);
        found.map(|one| one.attempts.as_slice())
    }

    /// The mean reward of the final policy on a task, Table 2; `None` if it was not evaluated on it.
    pub fn final_reward(&self, task: TaskKind) -> Option<f64> {
        let rewards: Vec<f64> = self.attempts(task)?.iter().map(|attempt| attempt.reward).collect();
        Some(mean(&rewards))
    }

    /// The mean of one error over the plates that the final policy placed.
    pub fn final_error(&self, task: TaskKind, error: fn(&AttemptErrors) -> f64) -> Option<f64> {
        mean_error(self.attempts(task)?, error)
    }

    /// After how many trials the greedy policy first placed every held-out plate with a mean true error
    /// of at most `limit_mm`; `None` if it never did.
    pub fn trials_to_mm(&self, limit_mm: f64) -> Option<usize> {
        let good = |checkpoint: &&Checkpoint| {
            checkpoint.attempts.iter().all(|attempt| attempt.errors.is_some())
                && checkpoint.true_mm().is_some_and(|error_mm| error_mm <= limit_mm)
        };
        self.checkpoints.iter().find(good).map(|checkpoint| checkpoint.trial as usize)
    }
}

impl Checkpoint {
    /// The mean true error over the placed plates, in millimeters.
    pub fn true_mm(&self) -> Option<f64> {
        mean_error(&self.attempts, |errors| errors.true_e_trans_mm)
    }
}

/// The mean of one error over the plates that were placed; `None` without any.
pub fn mean_error(attempts: &[Attempt], error: fn(&AttemptErrors) -> f64) -> Option<f64> {
    let errors: Vec<f64> =
        attempts.iter().filter_map(|attempt| attempt.errors.as_ref().map(error)).collect();
    (!errors.is_empty()).then(|| mean(&errors))
}

impl<'a> Row<'a> {
    /// The rows of all units, in the order of `variants`, then in the order of the methods.
    pub fn all(units: &'a [UnitResult], variants: &[&str]) -> Vec<Self> {
        let mut rows: Vec<Self> = Vec::new();
        for unit in units {
            let Some(row) = rows
                .iter_mut()
                .find(|row| row.variant == unit.unit.variant && row.method == unit.unit.method)
            else {
                rows.push(Row {
                    variant: &unit.unit.variant,
                    method: unit.unit.method,
                    units: vec![unit],
                });
                continue;
            };
            row.units.push(unit);
        }
        let place = |row: &Row| {
            let variant = variants.iter().position(|name| *name == row.variant);
            let method = MethodName::ALL.iter().position(|method| *method == row.method);
            (variant.unwrap_or(usize::MAX), method)
        };
        rows.sort_by_key(place);
        rows
    }

    /// Pairs of units of this row and another, in the cells that both were run in.
    pub fn in_same_cells(
        &self,
        other: &Row<'a>,
    ) -> impl Iterator<Item = (&'a UnitResult, &'a UnitResult)> {
        self.units.iter().filter_map(|own| {
            let beside = other.units.iter().find(|unit| unit.unit.seed == own.unit.seed);
            beside.map(|beside| (*own, *beside))
        })
    }

    /// One value per cell; cells without it are left out.
    pub fn values(&self, value: impl Fn(&UnitResult) -> Option<f64>) -> Vec<f64> {
        self.units.iter().filter_map(|unit| value(unit)).collect()
    }

    /// The average reward of the training.
    pub fn average_reward(&self) -> Option<Estimate> {
        Estimate::of(&self.values(|unit| Some(mean(&unit.rewards()))))
    }

    /// The standard deviation of the rewards within a training, on average over cells.
    pub fn reward_deviation(&self) -> f64 {
        mean(&self.values(|unit| Some(standard_deviation(&unit.rewards()))))
    }

    /// `T_τ^10`, Eq. 15.
    pub fn t10(&self, threshold: f64) -> Option<TrialsEstimate> {
        self.trials(|unit| unit.t10(threshold))
    }

    /// Trials until the mean true error of the greedy policy is at most `limit_mm`.
    pub fn trials_to_mm(&self, limit_mm: f64) -> Option<TrialsEstimate> {
        self.trials(|unit| unit.trials_to_mm(limit_mm))
    }

    /// How long the robot takes for the carries before the first trial, in minutes; 0 where the configuration of the units
    /// cannot be read any more.
    pub fn carry_minutes(&self) -> f64 {
        let config = self.units.first().and_then(|unit| unit.config());
        config.map_or(0.0, |config| config.carry_minutes())
    }

    fn trials(&self, of: impl Fn(&UnitResult) -> Option<usize>) -> Option<TrialsEstimate> {
        let values = self.values(|unit| Some(of(unit).unwrap_or(unit.length()) as f64));
        Some(TrialsEstimate {
            trials: Estimate::of(&values)?,
            reached: self.units.iter().filter(|unit| of(unit).is_some()).count(),
            of: self.units.len(),
        })
    }

    /// The final policy's reward on the held-out placements of a task.
    pub fn final_reward(&self, task: TaskKind) -> Option<Estimate> {
        Estimate::of(&self.values(|unit| unit.final_reward(task)))
    }

    /// Each cell's mean final error.
    pub fn final_errors(&self, task: TaskKind, error: fn(&AttemptErrors) -> f64) -> Vec<f64> {
        self.values(|unit| unit.final_error(task, error))
    }

    /// One of the final policy's errors.
    pub fn final_error(
        &self,
        task: TaskKind,
        error: fn(&AttemptErrors) -> f64,
    ) -> Option<Estimate> {
        Estimate::of(&self.final_errors(task, error))
    }

    /// How often the plates of the final policy are truly seated, over all cells together.
    pub fn success(&self, task: TaskKind) -> Option<Rate> {
        let attempts: Vec<&Attempt> =
            self.units.iter().filter_map(|unit| unit.attempts(task)).flatten().collect();
        let successes = attempts.iter().filter(|attempt| attempt.seated).count();
        (!attempts.is_empty()).then(|| Rate {
            successes,
            of: attempts.len(),
            interval: wilson_interval(successes, attempts.len()),
        })
    }

    /// Failed grasps as a share of the training trials.
    pub fn failure_share(&self) -> f64 {
        let failures: usize = self.units.iter().map(|unit| unit.not_grasped()).sum();
        let trials: usize = self.units.iter().map(|unit| unit.length()).sum();
        failures as f64 / trials.max(1) as f64
    }

    /// Fig. 5: the moving average of the reward over cells, by trial.
    pub fn reward_curve(&self, smoothing: f64) -> Vec<(f64, Estimate)> {
        let curves: Vec<Vec<f64>> = self
            .units
            .iter()
            .map(|unit| exponential_moving_average(&unit.rewards(), smoothing))
            .collect();
        let length = curves.iter().map(Vec::len).min().unwrap_or(0);
        (0..length)
            .filter_map(|trial| {
                let values: Vec<f64> = curves.iter().map(|curve| curve[trial]).collect();
                Some((trial as f64 + 1.0, Estimate::of(&values)?))
            })
            .collect()
    }

    /// The greedy policy's mean true error on held-out placements over cells, in millimeters, by trial.
    pub fn greedy_curve(&self) -> Vec<(f64, Estimate)> {
        let mut trials: Vec<u32> = self
            .units
            .iter()
            .flat_map(|unit| unit.checkpoints.iter().map(|checkpoint| checkpoint.trial))
            .collect();
        trials.sort_unstable();
        trials.dedup();
        trials
            .into_iter()
            .filter_map(|trial| {
                let values = self.values(|unit| {
                    unit.checkpoints.iter().find(|one| one.trial == trial)?.true_mm()
                });
                Some((f64::from(trial), Estimate::of(&values)?))
            })
            .collect()
    }

    /// A performance profile (Dolan and Moré; Agarwal et al. 2021): the share of cells whose final
    /// true error on `task` is at most `limit_mm`.
    pub fn profile(&self, task: TaskKind, limit_mm: f64) -> Option<(f64, Interval)> {
        // A policy that placed nothing is within no limit.
        let errors: Vec<f64> = self
            .units
            .iter()
            .map(|unit| {
                unit.final_error(task, |errors| errors.true_e_trans_mm).unwrap_or(f64::INFINITY)
            })
            .collect();
        if errors.is_empty() {
            return None;
        }
        let share = |errors: &[f64]| {
            errors.iter().filter(|error| **error <= limit_mm).count() as f64 / errors.len() as f64
        };
        Some((share(&errors), interval_of(&errors, share)))
    }

    /// The median over cells of the training's processor time, in seconds.
    pub fn cpu_secs(&self) -> f64 {
        quantile(&self.values(|unit| Some(unit.training_cpu_secs)), 0.5)
    }
}
