//! How the hand moves, and what happens between fingers, plate and walls.

pub(crate) mod block;
pub(crate) mod bodies;
pub(crate) mod fixed_bodies;
pub(crate) mod free_air;
pub(crate) mod grasp_dynamics;
pub(crate) mod hand;
pub(crate) mod hand_near_load;
pub(crate) mod hand_shape;
pub(crate) mod linear_motion;
pub(crate) mod load;
pub(crate) mod load_air;
pub(crate) mod load_motion;
pub(crate) mod obstacles;
pub(crate) mod rim;
