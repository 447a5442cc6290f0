//! The observer, who keeps every trial, and the ends of a run that it may cause.

use rmrl_core::{Decision, Fault, TrialId, TrialReport};

use super::learner::Learner;
use super::stopping::StopReason;

/// The error of an observer, of any type.
pub type ObserverError = Box<dyn std::error::Error + Send + Sync>;

/// Is notified of each trial. No motion begins before it has settled: what it writes is on disk before
/// the arm moves again.
pub trait Observer<E> {
    /// An attempt has ended. `env` is still as the attempt left it. The observer may write the report
    /// while the policy learns.
    ///
    /// # Errors
    /// The report could not be kept. The run ends, because an unrecorded trial is lost.
    fn trial_ended(&mut self, env: &E, report: TrialReport<'_>) -> Result<(), ObserverError>;

    /// The arm is about to move: returns once everything reported is safe. Does nothing by default,
    /// for observers that keep a report before they return.
    ///
    /// # Errors
    /// A report could not be kept; the run ends.
    fn flush(&mut self) -> Result<(), ObserverError> {
        Ok(())
    }

    /// The attempt `next` is about to begin, and everything before it is safe: the moment to pause or
    /// end the run. May wait; the policy learns meanwhile. Allows the attempt by default.
    ///
    /// # Errors
    /// Why the run ends here.
    fn before_attempt(&mut self, next: TrialId) -> Result<(), StopReason> {
        let _ = next;
        Ok(())
    }

    /// The policy has decided what to do in the attempt `id`, and the arm has not moved yet: the moment to ask a person. May
    /// wait. Allows it by default.
    ///
    /// # Errors
    /// Why the run ends here.
    fn before_action(&mut self, id: TrialId, decision: &Decision) -> Result<(), StopReason> {
        let _ = (id, decision);
        Ok(())
    }

    /// Something was noticed in a trial that a person should know, such as a camera that was moved. Does nothing by default.
    fn noticed(&mut self, id: TrialId, what: &str) {
        let _ = (id, what);
    }

    /// The policy has learned from the last trial. Does nothing by default.
    ///
    /// # Errors
    /// The update could not be kept; the run ends.
    fn on_update(&mut self, learner: &Learner) -> Result<(), ObserverError> {
        let _ = learner;
        Ok(())
    }
}

/// Why a run ended before its goal.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The observer could not keep a trial.
    #[error("{id} could not be recorded")]
    Observer {
        /// The attempt.
        id: TrialId,
        /// The observer's error.
        #[source]
        source: ObserverError,
    },
    /// The observer could not keep an earlier attempt.
    #[error("{next} cannot begin: what came before it could not be recorded")]
    NotFlushed {
        /// The attempt that was to begin.
        next: TrialId,
        /// The observer's error.
        #[source]
        source: ObserverError,
    },
    /// A recorded trial could not be read again.
    #[error("a recorded trial could not be read")]
    Backlog {
        /// Why.
        #[source]
        source: ObserverError,
    },
    /// The observer could not keep an update of the policy.
    #[error("what was learned from trial {trial} could not be kept")]
    Progress {
        /// The trial that the policy learned from.
        trial: u32,
        /// The observer's error.
        #[source]
        source: ObserverError,
    },
    /// The observer ended the run between two attempts, or before the arm acted.
    #[error("ended before {next}: {reason}")]
    Stopped {
        /// The attempt that was to begin, or to go on.
        next: TrialId,
        /// Why it does not.
        reason: StopReason,
    },
    /// A fault that another attempt cannot fix.
    #[error("stopped at {id}: {fault}")]
    NeedsOperator {
        /// The attempt.
        id: TrialId,
        /// The fault.
        fault: Fault,
    },
    /// Too many faults in a row: the cell needs an operator.
    #[error("{id} failed {attempts} times in a row; the last time: {fault}")]
    TooManyFaults {
        /// The last attempt.
        id: TrialId,
        /// The number of attempts.
        attempts: u32,
        /// The last fault.
        fault: Fault,
    },
}
