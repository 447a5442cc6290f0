//! Poses as the controller's six numbers: x, y, z in mm, then roll, pitch, yaw in radians.

use std::f64::consts::PI;

use nalgebra::{Isometry3, Translation3, UnitQuaternion};
use rmrl_cell::ToolPose;
use rmrl_core::{PlanarPose, wrap_angle};

/// The controller's pose of a tool that points straight down: x, y, z in mm, roll π, pitch 0, yaw.
///
/// With roll π the tool's axis points down, and yaw turns it about the vertical as
/// [`PlanarPose::yaw_rad`] does. `jaw_yaw_deg` is the yaw at which the jaws close along y.
pub(crate) fn controller_pose(tool: ToolPose, jaw_yaw_deg: f64) -> [f32; 6] {
    let planar = tool.planar;
    let yaw = wrap_angle(planar.yaw_rad + jaw_yaw_deg.to_radians());
    [planar.x_m * 1000.0, planar.y_m * 1000.0, tool.z_m * 1000.0, PI, 0.0, yaw].map(to_f32)
}

/// The inverse of [`controller_pose`]: the pose of the tool, and its tilt from straight down, in radians.
pub(crate) fn tool_pose(pose: [f32; 6], jaw_yaw_deg: f64) -> (ToolPose, f64) {
    let [x, y, z, roll, pitch, yaw] = pose.map(f64::from);
    // R = Rz(yaw) Ry(pitch) Rx(roll): its first column is the tool's x axis, its last points along it.
    let heading = (yaw.sin() * pitch.cos()).atan2(yaw.cos() * pitch.cos());
    let tilt = (-(pitch.cos() * roll.cos())).clamp(-1.0, 1.0).acos();
    let planar = PlanarPose::new(x / 1000.0, y / 1000.0, heading - jaw_yaw_deg.to_radians());
    (ToolPose::new(planar, z / 1000.0), tilt)
}

/// The isometry of six numbers, in mm.
pub(crate) fn isometry_mm([x, y, z, roll, pitch, yaw]: [f64; 6]) -> Isometry3<f64> {
    let rotation = UnitQuaternion::from_euler_angles(roll, pitch, yaw);
    Isometry3::from_parts(Translation3::new(x, y, z), rotation)
}

/// The isometry of six numbers, in meters.
pub(crate) fn isometry([x, y, z, roll, pitch, yaw]: [f64; 6]) -> Isometry3<f64> {
    isometry_mm([0.001 * x, 0.001 * y, 0.001 * z, roll, pitch, yaw])
}

/// The inverse of [`isometry_mm`].
pub(crate) fn numbers_of_mm(pose: &Isometry3<f64>) -> [f32; 6] {
    let (roll, pitch, yaw) = pose.rotation.euler_angles();
    let at = pose.translation;
    [at.x, at.y, at.z, roll, pitch, yaw].map(to_f32)
}

/// A number of the controller, which has seven digits: a tenth of a micrometer at a meter.
#[allow(clippy::cast_possible_truncation, reason = "the controller has no more digits")]
pub(crate) fn to_f32(value: f64) -> f32 {
    value as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Distance in meters and angle in radians.
    fn between(a: ToolPose, b: ToolPose) -> (f64, f64) {
        let angle = wrap_angle(a.planar.yaw_rad - b.planar.yaw_rad).abs();
        (a.planar.distance_m(b.planar).hypot(a.z_m - b.z_m), angle)
    }

    #[test]
    fn poses_survive_the_controllers_numbers() {
        for (yaw, jaw_yaw_deg) in [(0.0, 0.0), (0.5, 90.0), (-3.1, 45.0), (3.1, -90.0)] {
            let tool = ToolPose::new(PlanarPose::new(0.31, -0.02, yaw), 0.18);
            let pose = controller_pose(tool, jaw_yaw_deg);
            assert_eq!(pose[..5], [310.0, -20.0, 180.0, std::f32::consts::PI, 0.0]);
            let (back, tilt) = tool_pose(pose, jaw_yaw_deg);
            let (distance_m, angle_rad) = between(tool, back);
            assert!(distance_m < 1e-7 && angle_rad < 1e-6 && tilt < 1e-6, "{back:?} {tilt}");
        }
    }

    #[test]
    fn equivalent_angles_are_the_same_pose_and_a_tilt_is_detected() {
        let tool = ToolPose::new(PlanarPose::new(0.3, 0.0, 0.4), 0.1);
        let pi = std::f32::consts::PI;
        for [roll, pitch, yaw] in [[-pi, 0.0, 0.4], [pi, 0.0, 0.4], [0.0, pi, 0.4 - pi]] {
            let (back, tilt) = tool_pose([300.0, 0.0, 100.0, roll, pitch, yaw], 0.0);
            let (distance_m, angle_rad) = between(tool, back);
            assert!(distance_m < 1e-7 && angle_rad < 1e-6 && tilt < 1e-3, "{back:?} {tilt}");
        }
        let (_, tilt) = tool_pose([300.0, 0.0, 100.0, pi - 0.02, 0.0, 0.4], 0.0);
        assert!((tilt - 0.02).abs() < 1e-4);
    }
}
