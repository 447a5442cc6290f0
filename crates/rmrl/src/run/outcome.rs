//! How a run ended, and whether it can be resumed.

use rmrl_core::{Fault, FaultKind};
use rmrl_learn::{RunError, StopReason};

use crate::cell::first_motion::FirstMotionError;
use crate::cell::laboratory_error::LaboratoryError;

/// How a run, or this sitting of it, came to its end.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum RunOutcome {
    /// All trials are made, or what was to be proven is.
    #[error("it reached its goal")]
    Goal,
    /// It ended between two trials, and can be resumed.
    #[error("{0}")]
    Early(StopReason),
    /// Somebody stopped it during a trial, which will be repeated.
    #[error("{reason}")]
    Stopped {
        /// Who stopped it, in words.
        reason: String,
    },
}

impl RunOutcome {
    /// The end that an error stands for; `None` for one that is a failure.
    pub(crate) fn of(error: &anyhow::Error) -> Option<Self> {
        error.chain().find_map(|cause| {
            if let Some(end) = cause.downcast_ref::<Self>() {
                return Some(end.clone());
            }
            if let Some(LaboratoryError::FirstMotion(error)) = cause.downcast_ref() {
                return Self::of_first_motion(error);
            }
            match (cause.downcast_ref::<RunError>(), cause.downcast_ref::<Fault>()) {
                (Some(RunError::Stopped { reason, .. }), _) => Some(Self::Early(reason.clone())),
                (Some(RunError::NeedsOperator { fault, .. }), _) | (_, Some(fault))
                    if fault.kind == FaultKind::Interrupted =>
                {
                    Some(Self::Stopped { reason: fault.reason.clone() })
                }
                _ => None,
            }
        })
    }

    fn of_first_motion(error: &FirstMotionError) -> Option<Self> {
        if let Some(stopped) = error.stopped() {
            return Some(Self::Early(StopReason::Stopped { by: stopped.by.clone() }));
        }
        matches!(error, FirstMotionError::Declined).then_some(Self::Early(StopReason::Declined))
    }

    /// Whether nobody has a reason to find the arm where it stands: the run reached its goal, or a limit that
    /// was set for it.
    pub(crate) fn lets_the_arm_go_home(&self) -> bool {
        use StopReason::{Declined, Faults, NobodyToConfirm, NotConfirmed, Stopped, TimeIsUp};
        match self {
            Self::Goal | Self::Early(TimeIsUp { .. } | Faults { .. }) => true,
            Self::Early(Stopped { .. } | NotConfirmed { .. } | NobodyToConfirm | Declined)
            | Self::Stopped { .. } => false,
        }
    }

    /// Whether somebody stopped it.
    pub fn is_stop(&self) -> bool {
        matches!(self, Self::Stopped { .. } | Self::Early(StopReason::Stopped { .. }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::anyhow;
    use rmrl_cell::CellError;
    use rmrl_core::TrialId;

    #[test]
    fn ends_are_distinguished_from_failures_however_deep() {
        let id = TrialId::new(3, 1, 1);
        let fault = |kind| Fault { kind, reason: "stopped by a test".to_string() };
        let stopped = RunOutcome::Stopped { reason: "stopped by a test".to_string() };
        let of = |error: anyhow::Error| RunOutcome::of(&error.context("while something"));
        let why = StopReason::TimeIsUp { hours: 2.0 };
        let ended = RunError::Stopped { next: id, reason: why.clone() };
        assert_eq!(of(ended.into()), Some(RunOutcome::Early(why)));
        let needs = |kind| RunError::NeedsOperator { id, fault: fault(kind) };
        assert_eq!(of(needs(FaultKind::Interrupted).into()), Some(stopped.clone()));
        assert_eq!(of(needs(FaultKind::Drift).into()), None);
        let target = |kind| CellError::Target(fault(kind));
        assert_eq!(of(target(FaultKind::Interrupted).into()), Some(stopped.clone()));
        assert_eq!(of(target(FaultKind::Device).into()), None);
        assert_eq!(of(stopped.clone().into()), Some(stopped));
        assert_eq!(of(anyhow!("the disk is full")), None);
        let first = |error| of(LaboratoryError::FirstMotion(error).into());
        let by = "a test".to_string();
        let pressed = rmrl_cell::Stopped { by: by.clone() };
        let early = StopReason::Stopped { by };
        assert_eq!(first(FirstMotionError::Stopped(pressed)), Some(RunOutcome::Early(early)));
        assert_eq!(
            first(FirstMotionError::Declined),
            Some(RunOutcome::Early(StopReason::Declined))
        );
        assert_eq!(first(FirstMotionError::Elsewhere), None);
    }
}
