//! Making one trial: observe, decide, act, tell the observer; again after a fault.

use std::collections::VecDeque;

use rmrl_core::{Decision, Env, Fault, FaultedTrial, Observation, Trial, TrialId, TrialReport};

use crate::goal::EarlyEnd;
use crate::trainer::Learner;

/// The error of an observer, of whatever kind.
pub type ObserverError = Box<dyn std::error::Error + Send + Sync>;

/// Is told of each trial. No motion begins before it has settled, so what it writes to disk is safe
/// before the arm moves again.
pub trait Observer<E> {
    /// An attempt has ended. `env` still holds what it left behind. The report may be written beside
    /// the learning that follows.
    ///
    /// # Errors
    /// The report could not be kept; the run ends, for a trial unrecorded is a trial lost.
    fn trial_ended(&mut self, env: &E, report: TrialReport<'_>) -> Result<(), ObserverError>;

    /// The arm is about to move: returns once everything reported is safe. Does nothing by default,
    /// for observers that keep a report before they return.
    ///
    /// # Errors
    /// A report could not be kept; the run ends.
    fn settle(&mut self) -> Result<(), ObserverError> {
        Ok(())
    }

    /// The attempt `next` is about to begin, and all before it is safe: the moment to pause the run, or to
    /// end it. May wait; learning goes on beside it. Lets the attempt begin by default.
    ///
    /// # Errors
    /// Why the run ends here.
    fn permit(&mut self, next: TrialId) -> Result<(), EarlyEnd> {
        let _ = next;
        Ok(())
    }

    /// The last trial has been learnt from. Does nothing by default.
    ///
    /// # Errors
    /// What was learnt could not be kept; the run ends.
    fn learnt(&mut self, learner: &Learner) -> Result<(), ObserverError> {
        let _ = learner;
        Ok(())
    }
}

/// Why a run ended early.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The observer could not keep a trial.
    #[error("{id} could not be recorded")]
    Observer {
        /// Which trial.
        id: TrialId,
        /// Why.
        #[source]
        source: ObserverError,
    },
    /// The observer could not keep an earlier attempt.
    #[error("{next} cannot begin: what came before it could not be recorded")]
    Unsettled {
        /// The attempt that was to begin.
        next: TrialId,
        /// Why.
        #[source]
        source: ObserverError,
    },
    /// The observer could not keep what was learnt.
    #[error("what was learnt from trial {trial} could not be kept")]
    Progress {
        /// Which trial.
        trial: u32,
        /// Why.
        #[source]
        source: ObserverError,
    },
    /// The observer ends the run between two attempts.
    #[error("ended before {next}: {why}")]
    Ended {
        /// The attempt that was to begin.
        next: TrialId,
        /// Why it does not.
        why: EarlyEnd,
    },
    /// A fault that trying again cannot mend.
    #[error("stopped at {id}: {fault}")]
    NeedsAPerson {
        /// Which trial.
        id: TrialId,
        /// The fault.
        fault: Fault,
    },
    /// Fault after fault: something needs a person.
    #[error("{id} failed {attempts} times in a row; the last time: {fault}")]
    TooManyFaults {
        /// Which trial.
        id: TrialId,
        /// How often it was tried.
        attempts: u32,
        /// The last fault.
        fault: Fault,
    },
}

/// What an interrupted run has made already.
#[derive(Debug, Default)]
pub struct Recorded {
    /// Its completed trials that are still to be learnt from, in order.
    trials: VecDeque<Trial>,
    /// Faulted attempts at the trial after them.
    attempts: u32,
}

impl Recorded {
    /// A run that begins.
    pub fn nothing() -> Self {
        Self::default()
    }

    /// Completed trials still to be learnt from, and how many attempts at the next one failed.
    pub fn new(trials: Vec<Trial>, attempts: u32) -> Self {
        Self { trials: trials.into(), attempts }
    }

    pub(crate) fn next(&mut self) -> Option<Trial> {
        self.trials.pop_front()
    }

    pub(crate) fn take_attempts(&mut self) -> u32 {
        std::mem::take(&mut self.attempts)
    }
}

/// How often a trial is tried before the run gives up. Each attempt already contains the cell's own
/// recovery.
const MAX_ATTEMPTS: u32 = 5;

/// Begins an attempt once everything before it is safe: the arm moves, the camera looks.
pub(crate) fn begin<E: Env>(
    env: &mut E,
    id: TrialId,
    observer: &mut dyn Observer<E>,
) -> Result<Result<Observation, Fault>, RunError> {
    observer.settle().map_err(|source| RunError::Unsettled { next: id, source })?;
    observer.permit(id).map_err(|why| RunError::Ended { next: id, why })?;
    Ok(env.reset(id))
}

/// Completes the trial whose attempt `id` has `begun`, with as many attempts as faults demand, and
/// tells the observer of each.
pub(crate) fn complete_trial<E: Env>(
    env: &mut E,
    mut id: TrialId,
    mut begun: Result<Observation, Fault>,
    mut decide: impl FnMut(&Observation, TrialId) -> Decision,
    observer: &mut dyn Observer<E>,
) -> Result<Trial, RunError> {
    loop {
        let lost = |source| RunError::Observer { id, source };
        let (attempted, fault) = match begun {
            Err(fault) => (None, fault),
            Ok(observation) => {
                let decision = decide(&observation, id);
                match env.step(decision.adjustment) {
                    Ok(ending) => {
                        let trial = Trial { id, observation, decision, ending };
                        let report = TrialReport::Completed(&trial);
                        observer.trial_ended(env, report).map_err(lost)?;
                        return Ok(trial);
                    }
                    Err(fault) => (Some((observation, decision)), fault),
                }
            }
        };
        let needs_a_person = fault.kind.needs_a_person();
        if !needs_a_person {
            tracing::warn!("{id}: {fault}; it will be repeated");
        }
        let faulted = FaultedTrial { id, attempted, fault };
        let report = TrialReport::Faulted(&faulted);
        observer.trial_ended(env, report).map_err(lost)?;
        if needs_a_person || id.attempt >= MAX_ATTEMPTS {
            observer.settle().map_err(lost)?;
            let (attempts, fault) = (id.attempt, faulted.fault);
            return Err(match needs_a_person {
                true => RunError::NeedsAPerson { id, fault },
                false => RunError::TooManyFaults { id, attempts, fault },
            });
        }
        id.attempt += 1;
        begun = begin(env, id, observer)?;
    }
}
