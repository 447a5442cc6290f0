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

pub use self::ablation::{ABLATIONS, Ablation};
pub use self::output::{Output, write_output};
pub use self::plan::{Plan, Unit, Variant};
pub use self::store::Store;
pub use self::sweep::{SweepProgress, run_units, unfinished};
pub use self::table::Table;
