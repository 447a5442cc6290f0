//! What a run tells of itself.

use serde::{Deserialize, Serialize};

/// Trials whose mean duration foretells the next ones'. Long enough for a slow trial not to matter, short
/// enough to follow a run that learns to need no second attempt.
const FORETELLING_TRIALS: usize = 20;

/// All that the page shows, but the picture.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunStatus {
    /// The run's name, such as its directory's.
    pub run: String,
    /// The method, as people call it.
    pub method: String,
    /// The task, as people call it.
    pub task: String,
    /// What goes on.
    pub phase: Phase,
    /// The trial under way, counted from 1; 0 before the first.
    pub trial: u32,
    /// The attempt at it, counted from 1; above 1 after a fault.
    pub attempt: u32,
    /// The trials planned.
    pub trials: u32,
    /// The reward from which a trial counts as good, drawn into the curve.
    pub reward_threshold: Option<f64>,
    /// The completed trials, in their order.
    pub completed: Vec<CompletedTrial>,
    /// The attempts that faults cut short, in their order.
    pub faults: Vec<FaultedAttempt>,
    /// How far a claim is from being proven, where the run is to prove one.
    pub proof: Option<ProofProgress>,
    /// What a person has to confirm before the run goes on; `None` where nobody is asked.
    pub confirm: Option<String>,
}

/// Whether a stop has arrived at the arm.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StopStatus {
    /// Whether nothing can be moving any more, as far as devices tell.
    pub is_confirmed: bool,
    /// The same for a person to read.
    pub message: String,
}

/// What a run is doing.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Phase {
    /// Devices are made ready, or the plate is brought to its start.
    #[default]
    Preparing,
    /// Pictures are taken and the plate localised.
    Looking,
    /// The arm goes for the plate.
    Picking,
    /// The arm brings it to its place.
    Placing,
    /// The policy learns from the trial.
    Learning,
    /// The run waits for [`Resume`](crate::Request::Resume).
    Paused,
    /// No trial follows.
    Ended {
        /// Why it ended, for a person to read.
        message: String,
    },
    /// Nothing goes on until somebody comes.
    NeedsPerson {
        /// What to do, for a person to read.
        message: String,
    },
}

/// A trial that came to its end.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CompletedTrial {
    /// The trial, counted from 1.
    pub trial: u32,
    /// Its reward (Eq. 11).
    pub reward: f64,
    /// The moving average of rewards so far.
    pub reward_average: f64,
    /// Translation error, in millimetres; `None` if nothing was placed.
    pub e_trans_mm: Option<f64>,
    /// Yaw error without its sign, in degrees; `None` if nothing was placed.
    pub yaw_error_deg: Option<f64>,
    /// Whether the plate sits in its place; `None` if nothing was placed.
    pub seated: Option<bool>,
    /// Why nothing was placed.
    pub not_placed: Option<String>,
    /// What it took in seconds, attempts that failed before included.
    pub duration_s: f64,
}

/// An attempt that a fault cut short.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultedAttempt {
    /// The trial, counted from 1.
    pub trial: u32,
    /// The attempt at it, counted from 1.
    pub attempt: u32,
    /// What failed, for a person to read.
    pub reason: String,
}

/// How far a claim such as 1.0mm@95% is from being proven.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProofProgress {
    /// The claim, as the command line takes it.
    pub claim: String,
    /// The evidence as a share of what a proof needs, on a logarithmic scale; 1 when proven.
    pub share: f64,
    /// The trial at which it was proven.
    pub proven_at: Option<u32>,
}

impl RunStatus {
    /// How long the planned trials still take if they last as the latest did, in seconds; `None` before the
    /// first has ended and when no trial follows.
    pub fn time_left_s(&self) -> Option<f64> {
        if matches!(self.phase, Phase::Ended { .. }) {
            return None;
        }
        let latest = &self.completed[self.completed.len().saturating_sub(FORETELLING_TRIALS)..];
        let total_s: f64 = latest.iter().map(|trial| trial.duration_s).sum();
        let left = f64::from(self.trials) - self.completed.len() as f64;
        (!latest.is_empty()).then(|| left.max(0.0) * total_s / latest.len() as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(durations_s: &[f64], trials: u32) -> RunStatus {
        let completed = durations_s
            .iter()
            .map(|duration_s| CompletedTrial { duration_s: *duration_s, ..Default::default() })
            .collect();
        RunStatus { completed, trials, ..Default::default() }
    }

    #[test]
    fn the_latest_trials_foretell_the_time_left() {
        assert_eq!(after(&[], 150).time_left_s(), None);
        assert_eq!(after(&[100.0, 200.0], 150).time_left_s(), Some(148.0 * 150.0));
        let mut learning = vec![1000.0; 30];
        learning.extend([120.0; 20]);
        assert_eq!(after(&learning, 60).time_left_s(), Some(10.0 * 120.0));
        assert_eq!(after(&[100.0; 3], 2).time_left_s(), Some(0.0));
    }

    #[test]
    fn nothing_is_left_of_a_run_that_ended() {
        let mut status = after(&[100.0], 150);
        status.phase = Phase::Ended { message: "proven at trial 1".to_string() };
        assert_eq!(status.time_left_s(), None);
    }

    #[test]
    fn a_status_comes_back_from_json() {
        let mut status = after(&[100.0], 150);
        status.phase = Phase::NeedsPerson { message: "put the plate back".to_string() };
        status.faults.push(FaultedAttempt { trial: 2, attempt: 1, reason: "lost".to_string() });
        let json = serde_json::to_string(&status).unwrap();
        assert_eq!(serde_json::from_str::<RunStatus>(&json).unwrap(), status);
        assert!(json.contains(r#""phase":{"kind":"needs_person","message":"put the"#), "{json}");
    }
}
