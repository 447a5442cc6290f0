//! Why a run stops before its plan ends.

/// Why a run stopped early, between two attempts. Such a run can be resumed.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum StopReason {
    /// Somebody stopped it.
    #[error("stopped by {by}")]
    Stopped {
        /// Who stopped it, for a person to read.
        by: String,
    },
    /// Its time is over.
    #[error("the {hours} h that the run was given are over")]
    TimeIsUp {
        /// The time limit, in hours.
        hours: f64,
    },
    /// As many attempts have failed as the run allows.
    #[error("{faults} attempts have failed since the run began or resumed, which is its limit")]
    Faults {
        /// The number of failed attempts.
        faults: u32,
    },
    /// Nobody confirmed that the arm may move.
    #[error("nobody confirmed within {minutes} minutes that the arm may move")]
    NotConfirmed {
        /// The waiting time, in minutes.
        minutes: f64,
    },
    /// Nobody can confirm: no page is served, and standard input has ended.
    #[error(
        "nobody can confirm that the arm may move: standard input has ended and no page is served"
    )]
    NobodyToConfirm,
    /// The operator declined the confirmation.
    #[error("the operator declined; the arm was not moved")]
    Declined,
}
