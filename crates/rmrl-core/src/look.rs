//! What a camera says of a plate.

use serde::{Deserialize, Serialize};

use crate::PlanarPose;

/// A plate as a camera saw it.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(from = "LookEntry", into = "LookEntry")]
pub struct Look {
    /// The pose by the localizer, world frame.
    pub pose: PlanarPose,
    /// By how much the picture says that this is off: the estimate minus the truth along x and y of the world, in meters.
    /// `None` where nothing reads pictures.
    pub error_m: Option<[f64; 2]>,
}

/// A look as files have it: a pose, with one more key.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct LookEntry {
    x_m: f64,
    y_m: f64,
    yaw_rad: f64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    look_error_m: Option<[f64; 2]>,
}

impl Look {
    /// The pose without the error that the picture shows.
    #[must_use]
    pub fn corrected(self) -> PlanarPose {
        let [x_m, y_m] = self.error_m.unwrap_or_default();
        let PlanarPose { yaw_rad, .. } = self.pose;
        PlanarPose::new(self.pose.x_m - x_m, self.pose.y_m - y_m, yaw_rad)
    }

    /// Whether all of it are numbers.
    pub fn is_finite(self) -> bool {
        self.pose.is_finite() && self.error_m.unwrap_or_default().iter().all(|m| m.is_finite())
    }
}

impl From<PlanarPose> for Look {
    /// A look whose picture nothing has read.
    fn from(pose: PlanarPose) -> Self {
        Self { pose, error_m: None }
    }
}

impl From<LookEntry> for Look {
    fn from(LookEntry { x_m, y_m, yaw_rad, look_error_m }: LookEntry) -> Self {
        Self { pose: PlanarPose::new(x_m, y_m, yaw_rad), error_m: look_error_m }
    }
}

impl From<Look> for LookEntry {
    fn from(Look { pose: PlanarPose { x_m, y_m, yaw_rad }, error_m }: Look) -> Self {
        Self { x_m, y_m, yaw_rad, look_error_m: error_m }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_look_is_a_pose_with_one_more_key() {
        let pose = PlanarPose::new(0.3, 0.1 + 0.2, -0.5);
        let unread = serde_json::to_value(Look::from(pose)).unwrap();
        assert_eq!(unread, serde_json::to_value(pose).unwrap());
        let look = Look { pose, error_m: Some([0.001, -0.0005]) };
        let line = serde_json::to_string(&look).unwrap();
        assert_eq!(serde_json::from_str::<Look>(&line).unwrap(), look);
        assert!(line.contains("look_error_m"));
        assert_eq!(look.corrected(), PlanarPose::new(0.299, 0.1 + 0.2 + 0.0005, -0.5));
        assert!(serde_json::from_str::<Look>(r#"{"x_m":0,"y_m":0,"yaw_rad":0,"x":1}"#).is_err());
    }
}
