//! Role-Model Reinforcement Learning: a laboratory teaches its own robot arm to pick and place a
//! cell plate to the millimeter, in an afternoon, without demonstrations (arXiv 2510.15189).
//!
//! This crate ties the others together. A user of the library reads a configuration, makes a run, follows it, and
//! looks at the result:
//!
//! | to | use |
//! |-|-|
//! | read a configuration from defaults, files and single values | [`Layers`], [`RunConfig`] |
//! | assemble a cell, simulated, emulated or real | [`Laboratory`], [`simulated_cell`], [`localizer`] |
//! | prove that an arm reaches every pose of a run | [`prove_reach`] |
//! | make the directory of a run, and run it to its end, also after an interruption | [`create`], [`execute`] |
//! | follow a run, start and stop it, permit its attempts | [`RunObserver`], [`execute_observed`], [`Start`] |
//! | read what a run recorded | [`RunReading`], [`read_records`], [`trials_in`], [`TargetRecord`] |
//! | make a run with the limits, page and messages of its configuration | [`train_attended`], [`resume_attended`] |
//! | ask what a run deploys, a policy or a belief, with a picture and a pose | [`DeployedPolicy`] |
//! | ask its policy with a picture and a pose, or export it | [`TrainedPolicy`] |
//! | evaluate its policy on new placements | [`evaluate_run`] |
//! | write its report | [`report`] |
//! | export it as a LeRobot dataset, and import one | [`lerobot_source`], [`rmrl_lerobot`] |
//! | serve a camera and an operator to another program | [`CellServer`] |
//! | emulate a laboratory with its controller, judged by keep-outs | [`EmulatedLaboratory`], [`emulated_keep_outs`] |
//! | make images of plates to train an encoder on | [`plate_images`], [`look_images`] |
//!
//! ```no_run
//! use rmrl::{Layers, create, execute};
//!
//! # fn main() -> anyhow::Result<()> {
//! let config = Layers::default().with_assignment("trials=30")?.resolve()?;
//! let (dir, config) = create(&config, "runs/first".as_ref())?;
//! let records = execute(&dir, &config, &mut ())?;
//! println!("{} attempts; {}", records.len(), dir.root().display());
//! # Ok(())
//! # }
//! ```
//!
//! The rooms, all of them private: `config`, `cell`, `run`, `supervision` (people and limits around a run),
//! `analysis`, `report`, `reproduce`, `commissioning`, `calibration`, `perception`, and [`cli`], the command `rmrl`.
//! The other crates are re-exported under their own names.

pub use rmrl_belief;
pub use rmrl_calibration;
pub use rmrl_cell;
pub use rmrl_clearance;
pub use rmrl_core;
pub use rmrl_data;
pub use rmrl_grounded_sam;
pub use rmrl_inventory;
pub use rmrl_kinematics;
pub use rmrl_labware;
pub use rmrl_learn;
pub use rmrl_lerobot;
pub use rmrl_onnx;
pub use rmrl_operator;
pub use rmrl_realsense;
pub use rmrl_sim;
pub use rmrl_transfer;
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

pub use crate::analysis::evaluate::{Evaluation, evaluate_run};
pub use crate::cell::assembly::Laboratory;
pub use crate::cell::calibration_gate::admit;
pub use crate::cell::emulated_calibration::emulated_calibration;
pub use crate::cell::emulated_keep_outs::emulated_keep_outs;
pub use crate::cell::emulated_laboratory::{EmulatedLaboratory, EmulatedLaboratoryError};
pub use crate::cell::external::{
    ExternalCamera, ExternalDevices, ExternalError, ExternalParts, check_brought,
};
pub use crate::cell::first_motion::{FirstMotionError, MakeOperator, Start};
pub use crate::cell::inventory_view::{InventoryView, item_of_text};
pub use crate::cell::laboratory_error::LaboratoryError;
pub use crate::cell::perception::localizer;
pub use crate::cell::protocol_chains::ProtocolChains;
pub use crate::cell::reachability::{StartPoseError, prove_reach};
pub use crate::cell::remote::CellServer;
pub use crate::cell::simulated::simulated_cell;
pub use crate::cell::transfer_cell::{
    AssembledCell, TransferCellError, open_simulated_laboratory, open_transfer_cell,
    open_transfer_cell_with,
};
pub use crate::cell::world::World;
pub use crate::commissioning::site_survey::{Above, SiteSurvey, SlotSurvey};
pub use crate::config::{
    ActionsConfig, CameraConfig, CameraSource, CellConfig, CellKind, ConfigError, DetectorName,
    Layers, LookErrorWeights, MetricsConfig, NotifyConfig, OperatorKind, PageSettings, PlaceError,
    Places, RecordConfig, RemoteConfig, RunConfig, SegmenterName, UnattendedConfig, VisionConfig,
};
pub use crate::perception::encoder_dataset::{ANSWERS, LOOK_ANSWERS, look_images, plate_images};
pub use crate::report::{RaisedAlarm, SiteHistory, qualification_page, report, site_history_page};
pub use crate::run::create::create;
pub use crate::run::deployed_policy::{Asked, DeployedPolicy};
pub use crate::run::engine::RunResult;
pub use crate::run::execute::{execute, execute_observed};
pub use crate::run::lerobot_source::lerobot_source;
pub use crate::run::metrics_files::Progress;
pub use crate::run::new_run::unused_root;
pub use crate::run::observer::RunObserver;
pub use crate::run::outcome::RunOutcome;
pub use crate::run::run_log::{read_records, trials_in};
pub use crate::run::run_reading::{RunReading, RunState};
pub use crate::run::target_record::TargetRecord;
pub use crate::run::trained_policy::TrainedPolicy;
pub use crate::run::{BELIEF, POLICY};
pub use crate::supervision::attended::{resume_attended, train_attended};
pub use crate::supervision::supervised::execute_supervised;
