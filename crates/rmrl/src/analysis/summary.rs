//! A run in a few numbers.

use std::fmt;

use rmrl_belief::BeliefSummary;
use rmrl_core::{mean, standard_deviation, trials_to_threshold};
use rmrl_data::TrialRecord;
use rmrl_learn::MethodName;
use serde::Serialize;

use crate::analysis::geometry::geometry_of;
use crate::analysis::proof_summary::ProofSummary;
use crate::config::RunConfig;
use crate::run::run_log::plan_after;
use crate::run::target_record::TargetRecord;

/// A run in a few numbers: the columns of Table 1, final errors, and counts of failures.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Summary {
    /// The method.
    pub method: MethodName,
    /// The run's seed.
    pub seed: u32,
    /// Completed trials.
    pub trials: usize,
    /// The proof of the run's claim, if it has one.
    pub proof: Option<ProofSummary>,
    /// The mean reward over all training trials.
    pub average_reward: f64,
    /// The standard deviation of their reward.
    pub reward_deviation: f64,
    /// The threshold `τ`.
    pub reward_threshold: f64,
    /// `T_τ^10` (Eq. 15) over the training trials; `None` if the reward did not exceed `τ` ten times.
    pub t10: Option<usize>,
    /// The mean measured error of the last ten placed plates, in millimeters.
    pub last_e_trans_mm: Option<f64>,
    /// The mean true error of the last ten placed plates, in millimeters; `None` in a real cell.
    pub last_true_e_trans_mm: Option<f64>,
    /// What the carries of the run tell of the cell's geometry; `None` without carries in the log.
    pub geometry: Option<BeliefSummary>,
    /// Trials whose plate was not grasped.
    pub not_grasped: usize,
    /// Attempts that ended in a fault.
    pub faults: usize,
    /// Trials made while the camera had drifted by more than the bound for trusting them.
    pub suspect: usize,
    /// The largest measured camera drift, in millimeters; `None` without a drift monitor.
    pub largest_drift_mm: Option<f64>,
}

impl Summary {
    /// Summarizes a run's records.
    pub fn of(config: &RunConfig, records: &[TrialRecord], target: Option<&TargetRecord>) -> Self {
        let completed: Vec<&TrialRecord> =
            records.iter().filter(|record| !record.is_fault()).collect();
        let training = completed.iter().filter(|record| record.purpose.is_training());
        let rewards: Vec<f64> = training.map(|record| record.reward.unwrap_or(0.0)).collect();
        let last_mean_mm = |error: fn(&TrialRecord) -> Option<f64>| {
            let errors: Vec<f64> =
                completed.iter().rev().filter_map(|record| error(record)).take(10).collect();
            (!errors.is_empty()).then(|| 1000.0 * mean(&errors))
        };
        let threshold = config.metrics.reward_threshold;
        Self {
            method: config.method,
            seed: config.seed,
            trials: completed.len(),
            proof: ProofSummary::of(&plan_after(config, records)),
            average_reward: if rewards.is_empty() { 0.0 } else { mean(&rewards) },
            reward_deviation: standard_deviation(&rewards),
            reward_threshold: threshold,
            t10: trials_to_threshold(&rewards, threshold, 10),
            last_e_trans_mm: last_mean_mm(|record| record.e_trans_m),
            last_true_e_trans_mm: last_mean_mm(|record| record.true_e_trans_m),
            geometry: geometry_of(config, records, target),
            not_grasped: completed.iter().filter(|record| record.failure.is_some()).count(),
            faults: records.len() - completed.len(),
            suspect: completed.iter().filter(|record| record.suspect).count(),
            largest_drift_mm: records
                .iter()
                .filter_map(|record| Some(1000.0 * record.camera_drift?.drift_m))
                .max_by(f64::total_cmp),
        }
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}, seed {}: {} trials", self.method.title(), self.seed, self.trials)?;
        if let Some(proof) = &self.proof {
            writeln!(f, "  claim to prove         {proof}")?;
            let (tests, percent) = (proof.tests, 100.0 * proof.tests_share);
            writeln!(f, "  tests of the policy    {tests}, {percent:.0} % of the trials")?;
        }
        writeln!(
            f,
            "  average reward         {:.3} ({:.3})",
            self.average_reward, self.reward_deviation
        )?;
        let t10 = self.t10.map_or_else(|| "not reached".to_string(), |t10| t10.to_string());
        writeln!(f, "  T10 at {:<15} {t10}", self.reward_threshold)?;
        if let Some(error_mm) = self.last_e_trans_mm {
            write!(f, "  last ten placements    {error_mm:.2} mm measured")?;
            if let Some(true_mm) = self.last_true_e_trans_mm {
                write!(f, ", {true_mm:.2} mm true")?;
            }
            writeln!(f)?;
        }
        if let Some(geometry) = &self.geometry {
            for (name, value) in geometry.in_words() {
                writeln!(f, "  {name:<22} {value}")?;
            }
        }
        writeln!(f, "  not grasped            {}", self.not_grasped)?;
        if self.faults > 0 {
            writeln!(f, "  faults, repeated       {}", self.faults)?;
        }
        if let Some(drift_mm) = self.largest_drift_mm {
            let suspect = self.suspect;
            writeln!(
                f,
                "  camera moved           {drift_mm:.2} mm at most, {suspect} trials suspect"
            )?;
        }
        Ok(())
    }
}
