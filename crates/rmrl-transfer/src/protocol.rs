//! Protocols: transfers one after the other, from a TOML file, and their results.
//!
//! - `step`: one transfer, and what follows if it fails; `step_outcome`: how an attempt at it ended
//! - `protocol_file`: a protocol, parsed and checked; `protocol_error`: what is wrong with one
//! - `run_protocol`: the runner; `protocol_report`: its result
//! - `chain_statistics`: how often whole chains succeed, and what the learning of each step adds

mod chain_statistics;
mod protocol_error;
mod protocol_file;
mod protocol_report;
mod run_protocol;
mod step;
mod step_outcome;

pub use chain_statistics::{
    ChainStatistics, ChainStatisticsError, Rate, StepLearning, StepStatistics,
};
pub use protocol_error::ProtocolError;
pub use protocol_file::Protocol;
pub use protocol_report::{ProtocolEnd, ProtocolReport, StepAttempt};
pub use run_protocol::{ProtocolEvent, RunHooks, TakesSteps, run_protocol};
pub use step::{OnFailure, Step, StepAction};
pub use step_outcome::{ItemAt, StepOutcome};
