//! What stands, lies and shines in a cell, and how cells differ.

pub(crate) mod appearance;
pub(crate) mod arm_shape;
pub(crate) mod arm_truth;
pub(crate) mod cell_distribution;
pub(crate) mod cell_parameters;
pub(crate) mod clutter;
pub(crate) mod cuboid;
pub(crate) mod layout;
pub(crate) mod lens;
pub(crate) mod light;
pub(crate) mod nest;
pub(crate) mod solid;
pub(crate) mod table_board;
mod table_slope;
pub(crate) mod tool_offset;
mod true_kinematics;
