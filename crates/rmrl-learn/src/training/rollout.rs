//! One trial: observe, decide, act, notify the observer; again after a fault.

use rmrl_core::{Decision, Env, Fault, FaultedTrial, Observation, Trial, TrialId, TrialReport};

use super::observer::{Observer, RunError};

/// The result of [`Env::reset`]: the observation of the start, or a fault.
pub(super) type ResetResult = Result<Observation, Fault>;

/// The number of attempts at a trial before the run gives up. Each attempt already contains the cell's
/// own recovery.
const MAX_ATTEMPTS: u32 = 5;

/// Begins an attempt once everything before it is safe: the arm moves, the camera captures.
///
/// # Errors
/// The observer has not kept an earlier attempt, or ends the run.
pub(super) fn begin<E: Env>(
    env: &mut E,
    id: TrialId,
    observer: &mut dyn Observer<E>,
) -> Result<ResetResult, RunError> {
    observer.flush().map_err(|source| RunError::NotFlushed { next: id, source })?;
    observer.before_attempt(id).map_err(|reason| RunError::Stopped { next: id, reason })?;
    Ok(env.reset(id))
}

/// Completes the trial whose attempt `id` has begun with `start`. Repeats it after faults, and
/// notifies the observer of each attempt.
///
/// # Errors
/// The observer could not keep an attempt or ends the run, or no further attempt can help.
pub(super) fn complete_trial<E: Env>(
    env: &mut E,
    mut id: TrialId,
    mut start: ResetResult,
    mut decide: impl FnMut(&Observation, TrialId) -> Result<Decision, Fault>,
    observer: &mut dyn Observer<E>,
) -> Result<Trial, RunError> {
    loop {
        let lost = |source| RunError::Observer { id, source };
        let faulted = match act(env, id, start, &mut decide, observer)? {
            Attempt::Completed(trial) => {
                observer.trial_ended(env, TrialReport::Completed(&trial)).map_err(lost)?;
                return Ok(trial);
            }
            Attempt::Faulted(faulted) => faulted,
        };
        let needs_operator = faulted.fault.kind.needs_operator();
        if !needs_operator {
            tracing::warn!("{id}: {}; it will be repeated", faulted.fault);
        }
        observer.trial_ended(env, TrialReport::Faulted(&faulted)).map_err(lost)?;
        if needs_operator || id.attempt >= MAX_ATTEMPTS {
            observer.flush().map_err(lost)?;
            let (attempts, fault) = (id.attempt, faulted.fault);
            return Err(match needs_operator {
                true => RunError::NeedsOperator { id, fault },
                false => RunError::TooManyFaults { id, attempts, fault },
            });
        }
        id.attempt += 1;
        start = begin(env, id, observer)?;
    }
}

/// One attempt at a trial.
enum Attempt {
    Completed(Trial),
    Faulted(FaultedTrial),
}

/// Decides and acts in an attempt that has begun.
///
/// # Errors
/// The observer ends the run before the arm acts.
fn act<E: Env>(
    env: &mut E,
    id: TrialId,
    start: ResetResult,
    decide: &mut impl FnMut(&Observation, TrialId) -> Result<Decision, Fault>,
    observer: &mut dyn Observer<E>,
) -> Result<Attempt, RunError> {
    let decided = start.and_then(|observation| {
        let decision = decide(&observation, id)?;
        Ok((observation, decision))
    });
    let (observation, decision) = match decided {
        Ok(decided) => decided,
        Err(fault) => {
            return Ok(Attempt::Faulted(FaultedTrial { id, attempted: None, fault }));
        }
    };
    let allowed = observer.before_action(id, &decision);
    allowed.map_err(|reason| RunError::Stopped { next: id, reason })?;
    // Only a policy that knows how wide its interval is can tell that a place is not known well enough.
    env.take_care(decision.abstained && decision.interval_m.is_some());
    Ok(match env.step(decision.adjustment) {
        Ok(outcome) => Attempt::Completed(Trial { id, observation, decision, outcome }),
        Err(fault) => {
            let attempted = Some((observation, decision));
            Attempt::Faulted(FaultedTrial { id, attempted, fault })
        }
    })
}
