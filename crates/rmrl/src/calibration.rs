//! The files of a camera calibration, the poses in which an arm shows a board, and residuals over the workspace.
//!
//! - `capture` has an arm show a board to the overhead camera. `pose_plan` plans the poses, `coverage` tells what they
//!   cover, `board_mount` where the board is held, and `capture_session` writes images and poses.
//! - `by_carries` finds the camera's place by carries of a plate, without a board.
//! - `session` reads the views and placements of a calibration from its images.
//! - `pose_table` reads and writes the tables of images and flange poses, `pose_json` reads them as JSON, and
//!   `pose_fields` understands the forms of a pose.
//! - `natural_order` orders names as people count.
//! - `session_error` has the reasons why these files cannot be used.
//! - `residual_map` draws the residuals of a calibrated camera as SVG.

pub(crate) mod board_mount;
pub(crate) mod by_board;
pub(crate) mod by_carries;
pub(crate) mod capture;
pub(crate) mod capture_session;
pub(crate) mod coverage;
mod natural_order;
mod pose_fields;
mod pose_json;
pub(crate) mod pose_plan;
pub(crate) mod pose_table;
pub(crate) mod residual_map;
pub(crate) mod session;
pub(crate) mod session_error;
