//! The status that a run publishes.

use serde::{Deserialize, Serialize};

/// The time left is estimated from the mean duration of this many trials. Enough that one slow trial hardly
/// matters, few enough to follow a run that learns to need no second attempt.
const TRIALS_FOR_ESTIMATE: usize = 20;

/// All that the page shows, except the image.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunStatus {
    /// The run's name, such as its directory's.
    pub run: String,
    /// The method's name for readers.
    pub method: String,
    /// The task's name for readers.
    pub task: String,
    /// What the run is doing.
    pub phase: Phase,
    /// The current trial, counted from 1; 0 before the first.
    pub trial: u32,
    /// The current attempt at that trial, counted from 1; above 1 after a fault.
    pub attempt: u32,
    /// Whether the current trial tests the policy, instead of training it.
    pub is_test: bool,
    /// The trials planned.
    pub trials: u32,
    /// The reward from which a trial counts as good, drawn into the curve.
    pub reward_threshold: Option<f64>,
    /// The completed trials, in order.
    pub completed: Vec<CompletedTrial>,
    /// The attempts that faults cut short, in order.
    pub faults: Vec<FaultedAttempt>,
    /// What was noticed that a person should know, such as a camera that was moved, in order.
    #[serde(default)]
    pub noticed: Vec<Noticed>,
    /// Progress of the proof, if the run has a claim to prove.
    pub proof: Option<ProofProgress>,
    /// The question that the operator has to confirm before the run continues; `None` if there is none.
    pub confirm: Option<String>,
}

/// Whether a stop has arrived at the arm.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StopStatus {
    /// Whether all devices have confirmed that nothing moves any more.
    pub is_confirmed: bool,
    /// The state of the stop, as text for the operator.
    pub message: String,
}

/// What a run is doing.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Phase {
    /// The run prepares devices, or brings the plate to its start.
    #[default]
    Preparing,
    /// The camera takes images, and the plate is localized.
    Looking,
    /// The arm moves to the plate and grasps it.
    Picking,
    /// The arm brings the plate to its target.
    Placing,
    /// The policy learns from the trial.
    Learning,
    /// The run waits for [`Resume`](crate::Request::Resume).
    Paused,
    /// No trial follows.
    Ended {
        /// Why the run ended, as text for the operator.
        message: String,
    },
    /// The run waits until the operator has done something.
    NeedsOperator {
        /// What to do, as text for the operator.
        message: String,
    },
}

/// A completed trial.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CompletedTrial {
    /// The trial, counted from 1.
    pub trial: u32,
    /// Whether it tested the policy, instead of training it.
    pub is_test: bool,
    /// Its reward (Eq. 11).
    pub reward: f64,
    /// The moving average of rewards so far.
    pub reward_average: f64,
    /// Translation error, in millimeters; `None` if nothing was placed.
    pub e_trans_mm: Option<f64>,
    /// Yaw error without its sign, in degrees; `None` if nothing was placed.
    pub yaw_error_deg: Option<f64>,
    /// Whether the plate is seated at its target; `None` if nothing was placed.
    pub seated: Option<bool>,
    /// Why nothing was placed; `None` if the plate was placed.
    pub not_placed: Option<String>,
    /// Duration in seconds, including earlier attempts that failed.
    pub duration_s: f64,
}

/// An attempt that a fault cut short.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultedAttempt {
    /// The trial, counted from 1.
    pub trial: u32,
    /// The attempt at that trial, counted from 1.
    pub attempt: u32,
    /// What failed, as text for the operator.
    pub reason: String,
}

/// Something that was noticed in a trial.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Noticed {
    /// The trial, counted from 1.
    pub trial: u32,
    /// What was noticed, as text for the operator.
    pub what: String,
}

/// How far a claim such as 1.0mm@95% is from being proven.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProofProgress {
    /// The claim in the syntax of the command line.
    pub claim: String,
    /// The evidence as a share of what a proof needs, on a logarithmic scale; 1 when proven.
    pub share: f64,
    /// The trial at which it was proven.
    pub proven_at: Option<u32>,
    /// What is missing, in words.
    pub progress: String,
}

impl RunStatus {
    /// Estimated time left in seconds, if the planned trials take as long as the latest ones; `None` before the
    /// first has ended and when no trial follows.
    pub fn time_left_s(&self) -> Option<f64> {
        if matches!(self.phase, Phase::Ended { .. }) {
            return None;
        }
        let latest = &self.completed[self.completed.len().saturating_sub(TRIALS_FOR_ESTIMATE)..];
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
    fn the_time_left_is_estimated_from_the_latest_trials() {
        assert_eq!(after(&[], 150).time_left_s(), None);
        assert_eq!(after(&[100.0, 200.0], 150).time_left_s(), Some(148.0 * 150.0));
        let mut learning = vec![1000.0; 30];
        learning.extend([120.0; 20]);
        assert_eq!(after(&learning, 60).time_left_s(), Some(10.0 * 120.0));
        assert_eq!(after(&[100.0; 3], 2).time_left_s(), Some(0.0));
    }

    #[test]
    fn a_run_that_ended_has_no_time_left() {
        let mut status = after(&[100.0], 150);
        status.phase = Phase::Ended { message: "proven at trial 1".to_string() };
        assert_eq!(status.time_left_s(), None);
    }

    #[test]
    fn a_status_survives_json() {
        let mut status = after(&[100.0], 150);
        status.phase = Phase::NeedsOperator { message: "put the plate back".to_string() };
        status.faults.push(FaultedAttempt { trial: 2, attempt: 1, reason: "lost".to_string() });
        let json = serde_json::to_string(&status).unwrap();
        assert_eq!(serde_json::from_str::<RunStatus>(&json).unwrap(), status);
        assert!(json.contains(r#""phase":{"kind":"needs_operator","message":"put the"#), "{json}");
    }
}
