//! What a run waits for between two attempts.

use std::time::{Duration, Instant};

use rmrl_learn::StopReason;
use rmrl_operator::Request;

/// What a run waits for between two attempts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Waiting {
    /// Nothing: the attempt may begin.
    No,
    /// To be resumed.
    Paused,
    /// For an answer to a question that was asked then.
    Asked(Instant),
    /// For both. An answer counts, but the time for it does not run.
    PausedAndAsked,
}

impl Waiting {
    pub(super) fn is_paused(self) -> bool {
        matches!(self, Self::Paused | Self::PausedAndAsked)
    }

    /// What the run waits for after an operator's request at `now`. A request that changes nothing is ignored.
    ///
    /// # Errors
    /// The operator declined.
    pub(super) fn after(self, request: Request, now: Instant) -> Result<Self, StopReason> {
        Ok(match (request, self) {
            (Request::PauseAfterTrial, Self::No) => Self::Paused,
            (Request::PauseAfterTrial, Self::Asked(_)) => Self::PausedAndAsked,
            (Request::Resume, Self::Paused) => Self::No,
            // A question that waited is a new one.
            (Request::Resume, Self::PausedAndAsked) => Self::Asked(now),
            (Request::ConfirmTrial, _) => self.confirmed(),
            (Request::Decline, Self::Asked(_) | Self::PausedAndAsked) => {
                return Err(StopReason::Declined);
            }
            _ => self,
        })
    }

    /// What the run waits for after its question was answered with yes.
    pub(super) fn confirmed(self) -> Self {
        if self.is_paused() { Self::Paused } else { Self::No }
    }

    /// Whether nobody has answered within `limit`.
    pub(super) fn is_overdue(self, limit: Duration, now: Instant) -> bool {
        matches!(self, Self::Asked(since) if now.duration_since(since) >= limit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn requests_pause_resume_confirm_and_decline() {
        use Request::{ConfirmTrial, Decline, PauseAfterTrial, Resume, StopNow};
        use Waiting::{Asked, No, Paused, PausedAndAsked};
        let (then, now) = (Instant::now(), Instant::now() + MINUTE);
        for (before, request, after) in [
            (No, PauseAfterTrial, Paused),
            (No, Resume, No),
            (No, ConfirmTrial, No),
            (No, Decline, No),
            (No, StopNow, No),
            (Paused, PauseAfterTrial, Paused),
            (Paused, Resume, No),
            (Paused, ConfirmTrial, Paused),
            (Paused, Decline, Paused),
            (Asked(then), PauseAfterTrial, PausedAndAsked),
            (Asked(then), Resume, Asked(then)),
            (Asked(then), ConfirmTrial, No),
            (Asked(then), StopNow, Asked(then)),
            (PausedAndAsked, PauseAfterTrial, PausedAndAsked),
            (PausedAndAsked, Resume, Asked(now)),
            (PausedAndAsked, ConfirmTrial, Paused),
            (PausedAndAsked, StopNow, PausedAndAsked),
        ] {
            assert_eq!(before.after(request, now), Ok(after), "{before:?}, {request:?}");
        }
        for asked in [Asked(then), PausedAndAsked] {
            assert_eq!(asked.after(Decline, now), Err(StopReason::Declined));
        }
    }

    #[test]
    fn the_time_for_an_answer_runs_while_the_run_is_not_paused() {
        let then = Instant::now();
        let asked = Waiting::Asked(then);
        assert!(!asked.is_overdue(MINUTE, then + MINUTE / 2));
        assert!(asked.is_overdue(MINUTE, then + MINUTE));
        let paused = asked.after(Request::PauseAfterTrial, then).unwrap();
        assert!(!paused.is_overdue(MINUTE, then + 2 * MINUTE));
        let resumed = paused.after(Request::Resume, then + 2 * MINUTE).unwrap();
        assert!(!resumed.is_overdue(MINUTE, then + 2 * MINUTE + MINUTE / 2));
        assert!(resumed.is_overdue(MINUTE, then + 3 * MINUTE));
    }
}
