//! Role-Model Reinforcement Learning: a laboratory teaches its own robot arm to pick and place a
//! cell plate to the millimetre, in an afternoon, without demonstrations (arXiv 2510.15189).
//!
//! This crate ties the others together: it assembles a cell from a configuration, makes runs that
//! survive being killed, evaluates what was learnt and reports it. The command `rmrl` is made of
//! it; the parts are here under their own names for users of the library.

pub use rmrl_calibration as calibration;
pub use rmrl_cell as cell;
pub use rmrl_core as core;
pub use rmrl_data as data;
pub use rmrl_grounded_sam as grounded_sam;
pub use rmrl_learn as learn;
pub use rmrl_operator as operator;
pub use rmrl_realsense as realsense;
pub use rmrl_sim as sim;
pub use rmrl_vision as vision;
pub use rmrl_xarm as xarm;

mod archive;
pub mod budget;
pub mod calibration_gate;
pub mod calibration_session;
mod checkpoints;
pub mod config;
pub mod distant;
pub mod doctor;
pub mod emulated_calibration;
pub mod evaluate;
pub mod first_motion;
pub mod frames;
pub mod laboratory;
pub mod live_page;
pub mod localization_bench;
pub mod noise_floor;
pub mod notify;
mod origin;
mod page_person;
pub mod person;
pub mod plate_pictures;
pub mod preflight;
pub mod recorder;
pub mod report;
pub mod reproduce;
pub mod residual_map;
mod resume;
pub mod run;
pub mod run_end;
pub mod summary;
pub mod teach;
pub mod terminal;
pub mod watch;
