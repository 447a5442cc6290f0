//! Whether the camera sees the hand.

use nalgebra::{Point3, Vector3};
use rmrl_vision::CameraModel;

use super::ray::RayBody;
use crate::scene::cuboid::Cuboid;

/// Whether any part of the hand, which may have any shape, may be in the camera's image.
pub(crate) fn hand_in_view(hand: &[Cuboid], camera: &CameraModel) -> bool {
    let cuboids = hand.iter().map(|cuboid| RayBody::new(cuboid, Vector3::zeros()));
    let beyond = cuboids.flat_map(|body| body.corners()).map(|corner| beyond(corner, camera));
    // Outside if all corners are beyond the same edge.
    let common = beyond.reduce(|some, more| std::array::from_fn(|edge| some[edge] && more[edge]));
    common.is_some_and(|edges| !edges.contains(&true))
}

/// Whether a point is beyond the left, right, upper and lower edge of the image, and whether it is behind the camera.
fn beyond(point: Point3<f32>, camera: &CameraModel) -> [bool; 5] {
    let point = camera.world_from_camera.inverse_transform_point(&point.cast());
    if point.z <= 0.0 {
        return [point.x < 0.0, point.x > 0.0, point.y < 0.0, point.y > 0.0, true];
    }
    // Where the lens has no image of the point, it may be anywhere.
    let Some(pixel) = camera.intrinsics.project(point) else { return [false; 5] };
    let (width, height) = (f64::from(camera.intrinsics.width), f64::from(camera.intrinsics.height));
    [pixel.x < -0.5, pixel.x > width - 0.5, pixel.y < -0.5, pixel.y > height - 0.5, false]
}

#[cfg(test)]
mod tests {
    use rmrl_cell::{TaskConfig, ToolPose};
    use rmrl_core::PlanarPose;

    use super::*;
    use crate::config::{SimulatedCamera, camera_over_workspace};
    use crate::physics::hand::Hand;
    use crate::scene::cuboid::Material;

    /// 0.8 m above the table, over x = 0.36 m; its image covers 0.63 m along x and 0.84 m along y.
    fn camera() -> CameraModel {
        camera_over_workspace(&SimulatedCamera::default())
    }

    fn part(x_m: f64, y_m: f64, center_z_m: f64, half_extents_m: [f64; 3]) -> Cuboid {
        let pose = PlanarPose::new(x_m, y_m, 0.0);
        Cuboid { pose, center_z_m, half_extents_m, material: Material::Gripper }
    }

    #[test]
    fn a_hand_at_home_is_out_of_view_and_one_over_the_table_is_not() {
        let hand = |tool| Hand { tool, half_opening_m: 0.058 }.cuboids();
        let home = TaskConfig::table().home.tool_pose();
        assert!(!hand_in_view(&hand(home), &camera()));
        let over_table = ToolPose::new(PlanarPose::new(0.35, 0.0, 0.0), 0.1);
        assert!(hand_in_view(&hand(over_table), &camera()));
    }

    #[test]
    fn a_hand_of_any_shape_is_in_view_if_any_part_of_it_is() {
        let beside = [0.02, -0.06].map(|y_m| part(-0.05, y_m, 0.3, [0.05, 0.02, 0.1]));
        let below = part(0.36, 0.0, 0.1, [0.02; 3]);
        let across = part(0.36, 0.0, 0.05, [1.0, 0.01, 0.01]);
        // From the table to above the camera.
        let post = |x_m: f64| part(x_m, 0.1, 0.6, [0.03, 0.03, 0.6]);
        let above = part(0.36, 0.0, 1.2, [0.5, 0.5, 0.1]);
        for (hand, expected) in [
            (vec![], false),
            (beside.to_vec(), false),
            (vec![below], true),
            ([&beside[..], &[below]].concat(), true),
            (vec![across], true),
            (vec![post(-0.05)], false),
            (vec![post(0.3)], true),
            ([&beside[..], &[post(-0.2)]].concat(), false),
            (vec![above], false),
        ] {
            assert_eq!(hand_in_view(&hand, &camera()), expected, "{hand:?}");
        }
    }
}
