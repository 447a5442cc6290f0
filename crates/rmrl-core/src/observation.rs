//! The state the policy sees.

use std::sync::Arc;

use image::RgbImage;

use crate::PlanarPose;

/// A state `s = (I, P_e)` of the one-step MDP (Sec. 3.1).
#[derive(Debug, Clone)]
pub struct Observation {
    /// The overhead camera's colour image, shared because replay keeps it for the whole run.
    pub image: Arc<RgbImage>,
    /// The plate's pose as localised in that image, world frame.
    pub estimated_pose: PlanarPose,
}
