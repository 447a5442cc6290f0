//! Runs as LeRobot datasets of format v3.0, and back.
//!
//! [`Export`] writes the completed trials of runs as episodes of one frame, with images inside the Parquet files. The folder is
//! a whole dataset at every instant, also while a run is still training and after a kill. What frames do not hold, such as
//! attempts that a fault cut short, depth images and the exact lines of the log, lies beside them.
//!
//! - `export`: runs become a dataset, version by version
//! - `import`: a dataset becomes a run directory again
//! - `source`: the logs and images of runs, which may be growing
//! - `features`: the features of a frame; `statistics`: what LeRobot normalizes with
//! - `segment`, `metadata`, `card`: the files of a dataset; `table`: Parquet
//! - `state`: what was exported; `publish`: one version replaces another in one step

mod card;
mod error;
mod export;
mod features;
mod import;
mod metadata;
mod publish;
mod segment;
mod source;
mod state;
mod statistics;
mod table;

pub use error::LeRobotError;
pub use export::{Export, Exported};
pub use import::{Imported, import};
pub use source::RunSource;
