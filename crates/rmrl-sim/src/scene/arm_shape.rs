//! The shape of an arm and its hand, as far as an overhead camera sees them around a flange that may be tilted.

use nalgebra::{Isometry3, Point3, Translation3, Vector3};

use crate::physics::hand::{
    FINGER_HALF_HEIGHT_M, FINGER_HALF_THICKNESS_M, OPEN_HALF_OPENING_M, PAD_HALF_WIDTH_M,
    PALM_HALF_EXTENTS_M,
};
use crate::scene::solid::{Shape, Solid};

/// From the flange to the finger tips, in meters: palm and fingers.
pub(crate) const FLANGE_TO_TIPS_M: f64 = 2.0 * (PALM_HALF_EXTENTS_M[2] + FINGER_HALF_HEIGHT_M);

/// The height of the shoulder, and the lengths of upper arm and forearm, in meters: those of common arms with a reach
/// of 0.7 m.
const SHOULDER_M: f64 = 0.267;
const UPPER_ARM_M: f64 = 0.29;
const FOREARM_M: f64 = 0.35;
/// From the flange back to the wrist, and from there to the end of the forearm, in meters.
const WRIST_M: f64 = 0.097;
const WRIST_OFFSET_M: f64 = 0.076;
/// Radii of column, links and wrist, in meters.
const COLUMN_RADIUS_M: f64 = 0.065;
const LINK_RADIUS_M: f64 = 0.055;
const WRIST_RADIUS_M: f64 = 0.042;
/// Painted aluminum, and a dark gripper.
const ARM_ALBEDO: f32 = 0.6;
const HAND_ALBEDO: f32 = 0.08;
/// Half the width and the thickness of what holds the board, in meters.
const BAR_HALF_M: [f64; 2] = [0.02, 0.003];

/// The arm whose flange is at a pose, with a hand and a bar that ends at `bar_end` on the flange.
pub(crate) fn arm_with_hand(
    world_from_flange: &Isometry3<f64>,
    bar_end: Point3<f64>,
) -> Vec<Solid> {
    let mut solids = arm(world_from_flange);
    solids.extend(hand(world_from_flange));
    let along = bar_end.coords;
    let frame = Isometry3::from_parts(
        Translation3::from(0.5 * Vector3::new(along.x, along.y, 2.0 * along.z)),
        nalgebra::UnitQuaternion::from_euler_angles(0.0, 0.0, along.y.atan2(along.x)),
    );
    let [width_m, thickness_m] = BAR_HALF_M;
    let bar = Shape::Box {
        world_from_box: world_from_flange * frame,
        half_extents_m: Vector3::new(0.5 * along.xy().norm(), width_m, thickness_m),
    };
    solids.push(Solid { shape: bar, albedo: HAND_ALBEDO });
    solids
}

fn arm(world_from_flange: &Isometry3<f64>) -> Vec<Solid> {
    let flange = Point3::from(world_from_flange.translation.vector);
    let wrist = world_from_flange * Point3::new(0.0, 0.0, -WRIST_M);
    let towards_base = Vector3::new(-wrist.x, -wrist.y, 0.0).try_normalize(1e-9);
    let towards_base = towards_base.unwrap_or_else(Vector3::zeros);
    let forearm_end = wrist + towards_base * WRIST_OFFSET_M;
    let shoulder = Point3::new(0.0, 0.0, SHOULDER_M);
    let elbow = elbow(shoulder, forearm_end);
    let link = |from, to, radius_m| Solid {
        shape: Shape::Capsule { from, to, radius_m },
        albedo: ARM_ALBEDO,
    };
    vec![
        link(Point3::origin(), shoulder, COLUMN_RADIUS_M),
        link(shoulder, elbow, LINK_RADIUS_M),
        link(elbow, forearm_end, LINK_RADIUS_M),
        link(forearm_end, wrist, WRIST_RADIUS_M),
        link(wrist, flange, WRIST_RADIUS_M),
    ]
}

/// The elbow, above the way from the shoulder to the forearm's end. An arm that is too short is stretched.
fn elbow(shoulder: Point3<f64>, end: Point3<f64>) -> Point3<f64> {
    let way = end - shoulder;
    let distance_m = way.norm().max(1e-6);
    let ahead = way / distance_m;
    let up = (Vector3::z() - ahead * ahead.z).try_normalize(1e-9).unwrap_or_else(Vector3::x);
    let along_m =
        (distance_m.powi(2) + UPPER_ARM_M.powi(2) - FOREARM_M.powi(2)) / (2.0 * distance_m);
    let along_m = along_m.clamp(-UPPER_ARM_M, UPPER_ARM_M);
    shoulder + ahead * along_m + up * (UPPER_ARM_M.powi(2) - along_m.powi(2)).sqrt()
}

/// Palm and open fingers, which hang straight from the flange and close along its y.
fn hand(world_from_flange: &Isometry3<f64>) -> [Solid; 3] {
    let solid = |x_m: f64, y_m: f64, z_m: f64, half: [f64; 3]| Solid {
        shape: Shape::Box {
            world_from_box: world_from_flange * Translation3::new(x_m, y_m, z_m),
            half_extents_m: Vector3::from(half),
        },
        albedo: HAND_ALBEDO,
    };
    let finger = |side: f64| {
        let aside_m = side * (OPEN_HALF_OPENING_M + FINGER_HALF_THICKNESS_M);
        let half = [PAD_HALF_WIDTH_M, FINGER_HALF_THICKNESS_M, FINGER_HALF_HEIGHT_M];
        solid(0.0, aside_m, FLANGE_TO_TIPS_M - FINGER_HALF_HEIGHT_M, half)
    };
    [finger(1.0), finger(-1.0), solid(0.0, 0.0, PALM_HALF_EXTENTS_M[2], PALM_HALF_EXTENTS_M)]
}

#[cfg(test)]
mod tests {
    use nalgebra::UnitQuaternion;
    use std::f64::consts::PI;

    use super::*;

    #[test]
    fn the_links_keep_their_lengths_and_the_elbow_is_up() {
        let down = UnitQuaternion::from_euler_angles(PI, 0.0, 0.0);
        for (x_m, y_m, z_m) in [(0.3, 0.0, 0.2), (0.45, -0.2, 0.3), (0.25, 0.25, 0.15)] {
            let flange = Isometry3::from_parts(Translation3::new(x_m, y_m, z_m), down);
            let links: Vec<[Point3<f64>; 2]> = arm(&flange)
                .iter()
                .map(|solid| match solid.shape {
                    Shape::Capsule { from, to, .. } => [from, to],
                    Shape::Box { .. } => panic!("a link is round"),
                })
                .collect();
            let length = |link: [Point3<f64>; 2]| (link[1] - link[0]).norm();
            assert!((length(links[1]) - UPPER_ARM_M).abs() < 1e-9);
            assert!((length(links[2]) - FOREARM_M).abs() < 1e-9);
            assert!(links[1][1].z > links[1][0].z, "{links:?}");
        }
    }
}
