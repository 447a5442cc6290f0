//! Whether the camera sees the hand.

use nalgebra::{Point2, Vector3};
use rmrl_vision::CameraModel;

use super::ray::RayBody;
use crate::physics::hand::Hand;

/// Whether any part of the hand may be in the camera's image.
pub(crate) fn hand_in_view(hand: &Hand, camera: &CameraModel) -> bool {
    let (width, height) = (f64::from(camera.intrinsics.width), f64::from(camera.intrinsics.height));
    let pixels: Vec<Point2<f64>> = hand
        .cuboids()
        .iter()
        .flat_map(|cuboid| RayBody::new(cuboid, Vector3::zeros()).corners())
        .filter_map(|corner| camera.project(corner.cast()))
        .collect();
    // Outside if all corners are beyond the same edge.
    !(pixels.iter().all(|pixel| pixel.x < -0.5)
        || pixels.iter().all(|pixel| pixel.x > width - 0.5)
        || pixels.iter().all(|pixel| pixel.y < -0.5)
        || pixels.iter().all(|pixel| pixel.y > height - 0.5))
}

#[cfg(test)]
mod tests {
    use rmrl_cell::{TaskConfig, ToolPose};
    use rmrl_core::PlanarPose;

    use super::*;
    use crate::config::{SimulatedCamera, camera_over_workspace};

    #[test]
    fn a_hand_at_home_is_out_of_view_and_one_over_the_table_is_not() {
        let camera = camera_over_workspace(&SimulatedCamera::default());
        let hand = |tool| Hand { tool, half_opening_m: 0.058 };
        let home = TaskConfig::table().home.tool_pose();
        assert!(!hand_in_view(&hand(home), &camera));
        let over_table = ToolPose::new(PlanarPose::new(0.35, 0.0, 0.0), 0.1);
        assert!(hand_in_view(&hand(over_table), &camera));
    }
}
