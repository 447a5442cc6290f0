//! What one carry told.

use serde::{Deserialize, Serialize};

use crate::{Look, PlanarPose};

/// A plate was gripped at one place, and released and looked at at another.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Carry {
    /// Where the camera saw the plate before it was gripped; `None` if it did not look.
    pub seen_before: Option<Look>,
    /// The tool's pose, as commanded, where the jaws closed.
    pub grasped: PlanarPose,
    /// The tool's pose, as commanded, where they opened.
    pub released: PlanarPose,
    /// Where the camera saw the plate afterwards.
    pub seen_after: Look,
}

impl Carry {
    /// Whether all its poses are numbers.
    pub fn is_finite(&self) -> bool {
        let looks = [self.seen_before.unwrap_or_default(), self.seen_after];
        looks.into_iter().all(Look::is_finite)
            && self.grasped.is_finite()
            && self.released.is_finite()
    }
}
