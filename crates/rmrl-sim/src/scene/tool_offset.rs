//! The tool that the arm is configured with, and the true one.

use rmrl_core::PlanarPose;

use crate::scene::cuboid::pose_in_frame;

/// Where the true tool is when the configured one is at `configured`.
pub(crate) fn true_tool(configured: PlanarPose, tool_from_configured: PlanarPose) -> PlanarPose {
    let at = pose_in_frame(configured, tool_from_configured.x_m, tool_from_configured.y_m);
    PlanarPose::new(at.x_m, at.y_m, configured.yaw_rad + tool_from_configured.yaw_rad)
}

/// Where the configured tool is when the true one is at `tool`; the inverse of [`true_tool`].
pub(crate) fn configured_tool(tool: PlanarPose, tool_from_configured: PlanarPose) -> PlanarPose {
    let turned = PlanarPose::new(tool.x_m, tool.y_m, tool.yaw_rad - tool_from_configured.yaw_rad);
    pose_in_frame(turned, -tool_from_configured.x_m, -tool_from_configured.y_m)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn true_and_configured_tool_are_inverse() {
        let offset = PlanarPose::new(0.002, -0.001, 0.01);
        let configured = PlanarPose::new(0.3, -0.2, 2.5);
        let back = configured_tool(true_tool(configured, offset), offset).relative_to(configured);
        assert!(back.translation_m() < 1e-12 && back.dyaw_rad.abs() < 1e-12);
        let moved = true_tool(PlanarPose::new(0.0, 0.0, std::f64::consts::FRAC_PI_2), offset);
        assert!((moved.x_m - 0.001).abs() < 1e-12 && (moved.y_m - 0.002).abs() < 1e-12);
    }
}
