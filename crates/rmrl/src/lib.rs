//! Role-Model Reinforcement Learning: a laboratory teaches its own robot arm to pick and place a
//! cell plate to the millimeter, in an afternoon, without demonstrations (arXiv 2510.15189).
//!
//! This crate ties the others together.
//!
//! - [`RunConfig`] is everything that decides what a run does; [`Layers`] reads it from defaults, a
//!   file and single values.
//! - [`Laboratory`] is the cell of a configuration: simulated, emulated or real.
//! - [`create`] makes a run's directory, and [`execute_observed`] runs it to its end, from its first
//!   trial or after it was interrupted.
//!
//! The other crates, which a user of the library needs beside this one, are re-exported under their own names.

pub use rmrl_calibration;
pub use rmrl_cell;
pub use rmrl_core;
pub use rmrl_data;
pub use rmrl_grounded_sam;
pub use rmrl_learn;
pub use rmrl_operator;
pub use rmrl_realsense;
pub use rmrl_sim;
pub use rmrl_vision;
pub use rmrl_xarm;

mod analysis;
mod calibration;
mod cell;
pub mod cli;
mod commissioning;
mod config;
mod perception;
mod report;
mod reproduce;
mod run;
mod supervision;

pub use crate::cell::assembly::Laboratory;
pub use crate::cell::calibration_gate::admit;
pub use crate::cell::emulated_calibration::emulated_calibration;
pub use crate::cell::perception::localizer;
pub use crate::cell::reachability::{flange_from_jaws, prove_reach};
pub use crate::cell::remote::CellServer;
pub use crate::cell::simulated::simulated_cell;
pub use crate::cell::world::World;
pub use crate::config::{CameraConfig, Layers, RunConfig};
pub use crate::perception::encoder_dataset::{ANSWERS, plate_pictures};
pub use crate::run::POLICY;
pub use crate::run::create::create;
pub use crate::run::engine::RunResult;
pub use crate::run::execute::{execute, execute_observed};
pub use crate::run::metrics_files::Progress;
pub use crate::run::observer::RunObserver;
pub use crate::run::outcome::RunOutcome;
pub use crate::run::run_log::{read_records, trials_in};
pub use crate::run::target_record::TargetRecord;
