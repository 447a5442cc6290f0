//! The images and tables of a camera calibration, and its residuals over the workspace.

pub(crate) mod residual_map;
pub(crate) mod session;
