//! The paper's tables over many simulated cells, beside the paper's figures.
//!
//! A [`Plan`] is made of units: one method in one cell, trained and evaluated ([`run_unit`]). A
//! [`Store`] keeps finished units, each whole or not at all; [`run_units`] makes those that are
//! missing; [`write_output`] makes tables and figures of what is there.

mod ablation;
mod figures;
mod held_out;
mod output;
mod paper;
mod plan;
mod row;
mod store;
mod sweep;
mod table;
mod tables;
mod unit;

pub use self::ablation::{ABLATIONS, Ablation, UnknownAblation};
pub use self::figures::FigureError;
pub use self::held_out::{Attempt, AttemptErrors, HeldOut};
pub use self::output::{Output, write_output};
pub use self::paper::{PaperRow, Placing, Training};
pub use self::plan::{Plan, PlanError, Unit, UnitNameError, Variant};
pub use self::row::{Estimate, Rate, Row, TrialsEstimate};
pub use self::store::{Store, StoreError};
pub use self::sweep::{FailedUnit, SweepProgress, run_units, unfinished};
pub use self::table::Table;
pub use self::unit::{
    CHECKPOINT_INTERVAL, Checkpoint, Final, PLACEMENTS, TrainingTrial, UnitResult, run_unit,
};
