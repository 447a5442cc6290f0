//! How the hand moves, and what happens between fingers, plate and walls.

pub(crate) mod bodies;
pub(crate) mod free_air;
pub(crate) mod grasp_dynamics;
pub(crate) mod hand;
pub(crate) mod linear_motion;
pub(crate) mod obstacles;
pub(crate) mod plate_extent;
