//! The acceptance report of a cell: installation, operational and performance qualification (IQ, OQ, PQ).
//!
//! - `plan`: which transfers are made; `piles`: what would lie where, and the way back to where everything lay
//! - `installation`: what is qualified, and by whom. `operational_check`: what was checked before
//! - `timed_transfer`: one transfer of it, with its cost
//! - `acceptance`: how often transfers have to succeed. `error_statistics`: how large errors are, with intervals
//! - `performance`: what all transfers came to, and those of each pair of sites; `fault_counts`, `worst`: what went wrong
//! - `report`: all of it, as it is collected and as it is written

mod acceptance;
mod error_statistics;
mod fault_counts;
mod installation;
mod operational_check;
mod performance;
mod piles;
mod plan;
mod report;
mod timed_transfer;
mod worst;

pub use acceptance::{Acceptance, AcceptanceConfig};
pub use error_statistics::{Bounds, ErrorStatistics};
pub use fault_counts::FaultCount;
pub use installation::{Installation, QualifiedSite};
pub use operational_check::{CheckResult, OperationalCheck};
pub use performance::{
    Durations, PairPerformance, Performance, SitePair, TransferStatistics, TruthStatistics,
};
pub use plan::QualificationPlan;
pub use report::{Qualification, QualificationReport, RefusedTransfer};
pub use timed_transfer::{TimedTransfer, TrueError};
pub use worst::WorstTransfer;
