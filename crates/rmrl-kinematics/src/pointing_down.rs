//! The pose of a tool that points straight down.

use std::f64::consts::PI;

use nalgebra::{Isometry3, Translation3, UnitQuaternion};
use rmrl_cell::ToolPose;

/// The pose of a tool that points straight down, in the base's frame.
///
/// The tool's z axis leaves the flange, so it points down. At `yaw_rad = 0` its x axis is the base's,
/// which is roll 180, pitch 0, yaw 0 degrees in the vendor's words.
pub fn pointing_down(pose: ToolPose) -> Isometry3<f64> {
    Isometry3::from_parts(
        Translation3::new(pose.planar.x_m, pose.planar.y_m, pose.z_m),
        UnitQuaternion::from_euler_angles(PI, 0.0, pose.planar.yaw_rad),
    )
}
