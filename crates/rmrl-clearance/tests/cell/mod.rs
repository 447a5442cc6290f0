//! An xArm 6 with a BIO gripper among boxes, and the distances of its parts by sampling, in code of its own.

#![allow(dead_code, reason = "each test uses a part of this")]

use std::f64::consts::PI;

use nalgebra::{Isometry3, Point3, Translation3, UnitQuaternion, Vector3};
use rmrl_cell::{FlangeLine, ToolPose};
use rmrl_clearance::{
    ArmBody, Clearance, ClearanceConfig, GripperBody, Hand, HeldPlate, KeepOut, Shape,
};
use rmrl_core::PlanarPose;
use rmrl_kinematics::{Joints, link_frame, pointing_down};

/// The flange for a place of the tool's point; at a yaw of 0 the fingers point along the base's x.
pub fn flange(x_m: f64, y_m: f64, z_m: f64, yaw_deg: f64) -> Isometry3<f64> {
    let tool = ToolPose::new(PlanarPose::new(x_m, y_m, yaw_deg.to_radians()), z_m);
    pointing_down(tool) * GripperBody::bio().flange_from_tool.inverse()
}

pub fn line(from: [f64; 4], to: [f64; 4]) -> FlangeLine {
    let [from, to] = [from, to].map(|[x, y, z, yaw]| flange(x, y, z, yaw));
    FlangeLine { from, to }
}

pub fn keep_out(name: &str, center_m: [f64; 3], size_m: [f64; 3], yaw_deg: f64) -> KeepOut {
    KeepOut { name: name.to_string(), center_m, size_m, yaw_deg }
}

pub fn clearance(keep_outs: Vec<KeepOut>) -> Clearance {
    let config = ClearanceConfig { keep_outs, ..ClearanceConfig::default() };
    Clearance::new(ArmBody::xarm6(), GripperBody::bio(), config).unwrap()
}

/// Ready to work on a table, with the fingers back towards the base, as they point by default.
pub fn ready() -> Joints {
    let mut joints = ArmBody::xarm6().kinematics().ready();
    joints[5] = PI;
    joints
}

/// A 96-well plate, held with the fingers along its long side.
pub fn plate() -> HeldPlate {
    HeldPlate {
        along_fingers_m: 0.12776,
        across_fingers_m: 0.08548,
        height_m: 0.0144,
        lid_m: 0.0,
        beyond_tips_m: 0.0,
        grip_height_m: 0.003,
    }
}

pub fn holding() -> Hand {
    Hand { held: Some(plate()), jaw_opening_m: 0.0855 }
}

pub fn open() -> Hand {
    Hand { held: None, jaw_opening_m: 0.12 }
}

/// The parts that the flange carries, by name, in its frame; and the arm's, by name and link.
pub fn shapes(hand: &Hand) -> Vec<(&'static str, usize, Isometry3<f64>, Shape)> {
    let (arm, gripper) = (ArmBody::xarm6(), GripperBody::bio());
    let here = Isometry3::identity();
    let mut shapes: Vec<_> =
        arm.links().iter().map(|one| (one.name, one.link, here, one.shape)).collect();
    shapes.push(("gripper body", 6, here, gripper.body));
    for (name, side) in [("left finger", 1.0), ("right finger", -1.0)] {
        for shape in gripper.finger {
            let Shape::Box { least_m, most_m } = shape else { panic!("a finger is a box") };
            let y = [least_m[1], most_m[1]].map(|y| side * (y + 0.5 * hand.jaw_opening_m));
            let least_m = [least_m[0], y[0].min(y[1]), least_m[2]];
            let most_m = [most_m[0], y[0].max(y[1]), most_m[2]];
            shapes.push((name, 6, here, Shape::Box { least_m, most_m }));
        }
    }
    if let Some(plate) = &hand.held {
        shapes.push(("held plate", 6, gripper.flange_from_tool, plate.shape()));
    }
    shapes
}

/// The frames of all links for joint angles.
pub fn frames(joints: &Joints) -> [Isometry3<f64>; 7] {
    let table = ArmBody::xarm6().kinematics().denavit_hartenberg();
    let mut frames = [Isometry3::identity(); 7];
    for (index, parameters) in table.iter().enumerate() {
        frames[index + 1] = frames[index] * link_frame(*parameters, joints[index]);
    }
    frames
}

/// A keep-out box as a shape at a pose.
pub fn boxed(keep_out: &KeepOut) -> (Isometry3<f64>, Shape) {
    let turn = UnitQuaternion::from_euler_angles(0.0, 0.0, keep_out.yaw_deg * PI / 180.0);
    let half = keep_out.size_m.map(|size| 0.5 * size);
    let center = Translation3::from(Vector3::from(keep_out.center_m));
    let shape = Shape::Box { least_m: half.map(|half| -half), most_m: half };
    (Isometry3::from_parts(center, turn), shape)
}

/// The distance of two shapes, by projecting back and forth between both: never less than the true one, and equal to it
/// in the limit.
pub fn distance_m(a: &(Isometry3<f64>, Shape), b: &(Isometry3<f64>, Shape)) -> f64 {
    let b_from_a = b.0.inverse() * a.0;
    let a_from_b = b_from_a.inverse();
    let mut in_a = Point3::origin();
    let mut apart_m = f64::INFINITY;
    for _ in 0..4000 {
        let (on_b, radius_b_m) = nearest(&b.1, b_from_a * in_a);
        let (on_a, radius_a_m) = nearest(&a.1, a_from_b * on_b);
        in_a = on_a;
        let now_m = (b_from_a * on_a - on_b).norm() - radius_a_m - radius_b_m;
        if apart_m - now_m < 1e-9 {
            return now_m;
        }
        apart_m = now_m;
    }
    apart_m
}

/// The point of a shape's core that is nearest to a point in the shape's frame, and the radius around the core.
fn nearest(shape: &Shape, to: Point3<f64>) -> (Point3<f64>, f64) {
    match *shape {
        Shape::Box { least_m, most_m } => {
            let on = Vector3::from_fn(|i, _| to[i].clamp(least_m[i], most_m[i]));
            (Point3::from(on), 0.0)
        }
        Shape::Capsule { from_m, to_m, radius_m } => {
            let [from, end] = [from_m, to_m].map(Vector3::from);
            let along = end - from;
            let share = (to.coords - from).dot(&along) / along.norm_squared();
            (Point3::from(from + along * share.clamp(0.0, 1.0)), radius_m)
        }
    }
}

/// The lowest point of a shape, in meters.
pub fn lowest_m(pose: &Isometry3<f64>, shape: &Shape) -> f64 {
    let down = pose.rotation.inverse() * -Vector3::z();
    let farthest_m = match *shape {
        Shape::Box { least_m, most_m } => {
            (0..3).map(|i| f64::max(least_m[i] * down[i], most_m[i] * down[i])).sum::<f64>()
        }
        Shape::Capsule { from_m, to_m, radius_m } => {
            let along = |end_m: [f64; 3]| Vector3::from(end_m).dot(&down);
            f64::max(along(from_m), along(to_m)) + radius_m
        }
    };
    pose.translation.z - farthest_m
}
