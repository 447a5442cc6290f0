//! The paper's tables over many simulated cells, beside the paper's figures.
//!
//! - `plan`: a [`Plan`] is made of units, each one method in one cell, and gives their configurations.
//! - `ablation`, `ablations`: the plans that vary one setting.
//! - `unit`: runs a unit: trains, and evaluates on held-out placements (`held_out`).
//! - `store`: a [`Store`] keeps finished units, one file each.
//! - `sweep`: [`run_units`] runs the missing units in parallel.
//! - `row`: statistics of one method over many cells; `paper` has the paper's figures.
//! - `numbers`: numbers and names as tables have them.
//! - `known`: what methods know of their own picks; a table of its own.
//! - `tables`, `figures`: tables (`table`) and figures of these rows.
//! - `output`: [`write_output`] writes them into files; `page.html` is the page.

mod ablation;
mod ablations;
mod figures;
mod held_out;
mod known;
mod numbers;
mod output;
mod paper;
mod plan;
mod row;
mod store;
mod sweep;
mod table;
mod tables;
mod unit;

pub use self::ablation::Ablation;
pub use self::ablations::ABLATIONS;
pub use self::output::{Output, write_output};
pub use self::plan::{Plan, Unit, Variant};
pub use self::store::Store;
pub use self::sweep::{SweepProgress, run_units, unfinished};
pub use self::table::Table;
