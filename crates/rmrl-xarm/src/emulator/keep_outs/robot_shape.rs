//! What moves: the links as spheres, gripper and held plate as points on their faces.

use nalgebra::{Isometry3, Translation3, Vector3};

use super::keep_outs_config::HeldPlate;
use super::obstacle::Frame;
use crate::kinematics::{Joints, link_frame};

/// A sphere of a link: the link's number, its middle in mm in the frame of the vendor's Denavit-Hartenberg table after
/// that joint, and its radius in mm.
type LinkSphere = (usize, [f64; 3], f64);

/// Spheres inside the links of an xArm 6 of either generation. They were fitted into the meshes `xarm6/visual` and
/// `xarm6_1305/visual` of the vendor's `xarm_description`, filled where they are hollow, with 0.5 mm or more to spare.
#[rustfmt::skip]
const LINK_SPHERES: [LinkSphere; 40] = [
    (1, [0.0, 6.0, 6.0], 42.0),
    (1, [0.0, 2.0, 22.0], 41.0),
    (1, [2.0, 76.0, -10.0], 33.0),
    (1, [-18.0, 86.0, 8.0], 23.0),
    (1, [12.0, 88.0, 16.0], 21.0),
    (2, [1.0, 0.0, -7.0], 38.0),
    (2, [-25.0, -38.0, -35.0], 23.0),
    (2, [-73.0, -46.0, -15.0], 26.0),
    (2, [-103.0, -38.0, -1.0], 34.0),
    (2, [-153.0, -24.0, -1.0], 37.0),
    (2, [-181.0, -20.0, 27.0], 43.0),
    (2, [-187.0, -16.0, 77.0], 37.0),
    (2, [-275.0, 0.0, 97.0], 19.0),
    (2, [-311.0, -6.0, 95.0], 17.0),
    (3, [-1.0, -2.0, 122.0], 37.0),
    (3, [1.0, -10.0, 84.0], 38.0),
    (3, [-1.0, -42.0, 82.0], 37.0),
    (3, [1.0, -62.0, 80.0], 35.0),
    (3, [-29.0, -86.0, 62.0], 17.0),
    (3, [-39.0, -88.0, 42.0], 15.0),
    (3, [-71.0, -86.0, 32.0], 15.0),
    (3, [-75.0, -86.0, 4.0], 15.0),
    (3, [-85.0, -86.0, -18.0], 15.0),
    (4, [0.0, -1.0, -49.0], 33.0),
    (4, [-4.0, -27.0, -67.0], 14.0),
    (4, [4.0, -127.0, -31.0], 14.0),
    (4, [-2.0, -147.0, -9.0], 23.0),
    (4, [18.0, -149.0, 1.0], 21.0),
    (4, [-14.0, -151.0, 15.0], 19.0),
    (5, [0.0, 0.0, 28.0], 33.0),
    (5, [-2.0, 0.0, 2.0], 32.0),
    (5, [-12.0, -8.0, 4.0], 28.0),
    (5, [-54.0, -22.0, -4.0], 23.0),
    (5, [-72.0, -24.0, 8.0], 25.0),
    (5, [-80.0, -26.0, -2.0], 27.0),
    (6, [0.0, -15.0, -16.0], 9.0),
    (6, [6.0, 21.0, -14.0], 11.0),
    (6, [-22.0, 1.0, -14.0], 11.0),
    (6, [22.0, -7.0, -14.0], 11.0),
    (6, [-2.0, -29.0, -16.0], 9.0),
];

const LINK_NAMES: [&str; 7] = ["base", "link 1", "link 2", "link 3", "link 4", "link 5", "link 6"];

/// A box between two corners, in mm.
type Corners = [[f64; 3]; 2];

/// Boxes in the body of the BIO gripper and in one of its fingers, which end up to 2 mm inside the vendor's meshes
/// `gripper/bio`: in the flange's frame, whose z leaves the flange and along whose x the fingers point. The body's
/// outline in the vendor's drawing, from x = -38 to 59.5 mm, has room that the true one does not fill. Of
/// a finger, y counts outward from the face of its pad.
const BODY: [Corners; 2] =
    [[[-9.0, -79.0, 7.0], [41.0, 79.0, 43.0]], [[41.0, -18.0, 14.0], [57.0, 18.0, 34.0]]];
const FINGER_ROOT: Corners = [[62.0, 0.0, 37.0], [68.0, 5.0, 46.0]];
const BLADE: [Corners; 2] =
    [[[62.0, 0.0, 45.5], [148.0, 5.5, 50.5]], [[113.0, 0.0, 51.0], [159.0, 5.5, 58.5]]];
/// Midway between the finger tips at their lower ends, in mm.
const TIPS: [f64; 3] = [159.5, 0.0, 59.5];

/// The distance of neighboring points on a face, in meters. A corner of an obstacle in front of a face is less than
/// 0.71 of it beside the nearest point.
const PITCH_M: f64 = 0.004;
/// The greatest side of a patch of points, in meters.
const PATCH_M: f64 = 0.04;

/// The frames of all parts in the base's frame: those after each joint (0 is the base, 6 the flange), then the right
/// and the left finger's.
pub(super) type Frames = [Frame; 9];
pub(super) const FLANGE: usize = 6;
const RIGHT_FINGER: usize = 7;
const LEFT_FINGER: usize = 8;

/// A ball around points.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ball {
    pub middle_m: Vector3<f64>,
    pub radius_m: f64,
}

impl Ball {
    fn around(points: &[Sphere]) -> Self {
        let ends = |pick: fn(&Vector3<f64>, &Vector3<f64>) -> Vector3<f64>| {
            points.iter().map(|(point, _)| *point).reduce(|a, b| pick(&a, &b)).unwrap_or_default()
        };
        let middle_m = 0.5 * (ends(|a, b| a.inf(b)) + ends(|a, b| a.sup(b)));
        let reach = points.iter().map(|(point, radius_m)| (point - middle_m).norm() + radius_m);
        Self { middle_m, radius_m: reach.fold(0.0, f64::max) }
    }
}

/// A point with a radius, in meters.
pub(super) type Sphere = (Vector3<f64>, f64);

/// Points that lie close together.
#[derive(Debug)]
pub(super) struct Patch {
    pub ball: Ball,
    pub points: Vec<Sphere>,
}

impl Patch {
    fn new(points: Vec<Sphere>) -> Self {
        Self { ball: Ball::around(&points), points }
    }
}

/// What moves as one and has one name.
#[derive(Debug)]
pub(super) struct Part {
    pub name: &'static str,
    /// Whether it belongs to the hand: gripper or held plate.
    pub is_hand: bool,
    /// The index of the frame that all of its points are in.
    pub frame: usize,
    pub ball: Ball,
    pub patches: Vec<Patch>,
}

impl Part {
    fn new(name: &'static str, is_hand: bool, frame: usize, patches: Vec<Patch>) -> Self {
        let around: Vec<Sphere> =
            patches.iter().map(|patch| (patch.ball.middle_m, patch.ball.radius_m)).collect();
        Self { name, is_hand, frame, ball: Ball::around(&around), patches }
    }
}

/// The links from 1 on; the base does not move.
pub(super) fn links() -> Vec<Part> {
    let names = LINK_NAMES.into_iter().enumerate().skip(1);
    let part = |(link, name)| {
        let own = LINK_SPHERES.iter().filter(|(of, ..)| *of == link);
        let points = own.map(|(_, middle, radius)| (meters(*middle), radius / 1000.0)).collect();
        Part::new(name, false, link, vec![Patch::new(points)])
    };
    names.map(part).collect()
}

/// The BIO gripper.
pub(super) fn gripper() -> Vec<Part> {
    let body = BODY.into_iter().flat_map(|corners| faces(corners.map(meters))).collect();
    let mut parts = vec![Part::new("gripper body", true, FLANGE, body)];
    for (frame, side) in [(RIGHT_FINGER, -1.0), (LEFT_FINGER, 1.0)] {
        let beside = |corners: Corners| {
            let sides = Vector3::new(1.0, side, 1.0);
            faces(corners.map(|corner| meters(corner).component_mul(&sides)))
        };
        parts.push(Part::new("finger root", true, frame, beside(FINGER_ROOT)));
        let blade = BLADE.into_iter().flat_map(beside).collect();
        parts.push(Part::new("blade", true, frame, blade));
    }
    parts
}

/// The plate in the jaws.
pub(super) fn held_plate(plate: &HeldPlate) -> Part {
    let half = 0.5 * Vector3::new(plate.along_fingers_m, plate.across_fingers_m, plate.height_m);
    // The flange's z points down where the tool points down.
    let below_m = plate.grip_height_m - half.z;
    let middle = meters(TIPS) + Vector3::new(plate.beyond_tips_m, 0.0, below_m);
    Part::new("held plate", true, FLANGE, faces([middle - half, middle + half]))
}

/// Where the arm's parts are.
pub(super) fn frames(table: &[[f64; 4]], joints: &Joints, jaw_opening_m: f64) -> Frames {
    let mut pose = Isometry3::identity();
    let mut frames = [Frame::from(pose); 9];
    for (index, (parameters, angle_rad)) in table.iter().zip(joints).enumerate() {
        pose *= link_frame(*parameters, *angle_rad);
        frames[index + 1] = pose.into();
    }
    for (index, side) in [(RIGHT_FINGER, -0.5), (LEFT_FINGER, 0.5)] {
        frames[index] = (pose * Translation3::new(0.0, side * jaw_opening_m, 0.0)).into();
    }
    frames
}

/// About how far the parts move from one place to another, in meters: the farthest of the joints, and of the hand as it
/// turns.
pub(super) fn way_m(from: &Frames, to: &Frames) -> f64 {
    /// The corners of gripper and plate are about so far from the flange.
    const HAND_M: f64 = 0.25;
    let joints = from.iter().zip(to).map(|(from, to)| from.shift_to_m(to));
    joints.fold(0.0, f64::max) + from[FLANGE].turn_to_rad(&to[FLANGE]) * HAND_M
}

fn meters(mm: [f64; 3]) -> Vector3<f64> {
    Vector3::from(mm) / 1000.0
}

/// Points on the six faces of a box between two corners, in patches.
fn faces(corners: [Vector3<f64>; 2]) -> Vec<Patch> {
    let mut patches = Vec::new();
    for axis in 0..3 {
        let [u, v] = [(axis + 1) % 3, (axis + 2) % 3];
        let along = |axis: usize| pieces(corners[0][axis], corners[1][axis], PATCH_M);
        for end in corners {
            for over_u in along(u) {
                for over_v in along(v) {
                    patches.push(patch(end, [u, v], [over_u, over_v]));
                }
            }
        }
    }
    patches
}

/// Points on a rectangle through a point, over an interval of each of two axes.
fn patch(through: Vector3<f64>, [u, v]: [usize; 2], [over_u, over_v]: [[f64; 2]; 2]) -> Patch {
    let mut points = Vec::new();
    for at_u in evenly(over_u, PITCH_M) {
        for at_v in evenly(over_v, PITCH_M) {
            let mut point = through;
            (point[u], point[v]) = (at_u, at_v);
            points.push((point, 0.0));
        }
    }
    Patch::new(points)
}

/// Numbers from one end to the other, both included, no two neighbors farther apart than `step`.
fn evenly([from, to]: [f64; 2], step: f64) -> Vec<f64> {
    let count = ((to - from).abs() / step).ceil().max(1.0) as u32;
    (0..=count).map(|index| from + (to - from) * f64::from(index) / f64::from(count)).collect()
}

/// Intervals from one end to the other, none longer than `length`.
fn pieces(from: f64, to: f64, length: f64) -> Vec<[f64; 2]> {
    evenly([from, to], length).windows(2).map(|pair| [pair[0], pair[1]]).collect()
}

#[cfg(test)]
mod tests {
    use nalgebra::{Point3, Vector3};

    use super::*;
    use crate::kinematics::ArmKinematics;

    const JOINTS: Joints = [0.3, -0.5, -0.7, 0.4, 1.1, -0.2];
    const OPENING_M: f64 = 0.1;

    fn placed() -> (ArmKinematics, Frames) {
        let arm = ArmKinematics::default();
        let frames = frames(&arm.denavit_hartenberg(), &JOINTS, OPENING_M);
        (arm, frames)
    }

    /// The least and the greatest coordinates of the parts of a name, in the flange's frame.
    fn extent_m(name: &str, parts: &[Part]) -> [Vector3<f64>; 2] {
        let (arm, frames) = placed();
        let flange_from_base = arm.forward(&JOINTS).inverse();
        let points = parts.iter().filter(|part| part.name == name).flat_map(|part| {
            let own = part.patches.iter().flat_map(|patch| &patch.points);
            own.map(|(point, _)| {
                (flange_from_base * Point3::from(frames[part.frame].apply(point))).coords
            })
        });
        let points: Vec<_> = points.collect();
        let ends = |pick: fn(&Vector3<f64>, &Vector3<f64>) -> Vector3<f64>| {
            points.iter().copied().reduce(|a, b| pick(&a, &b)).expect("the part has points")
        };
        [ends(|a, b| a.inf(b)), ends(|a, b| a.sup(b))]
    }

    fn near([least, most]: [Vector3<f64>; 2], expected_mm: Corners) {
        let apart =
            (least - meters(expected_mm[0])).norm() + (most - meters(expected_mm[1])).norm();
        assert!(apart < 1e-9, "{least} {most}");
    }

    #[test]
    fn the_hand_is_where_the_kinematics_put_the_flange() {
        let hand = gripper();
        near(extent_m("gripper body", &hand), [[-9.0, -79.0, 7.0], [57.0, 79.0, 43.0]]);
        // Both blades: the pads are 100 mm apart, and 5.5 mm thick.
        near(extent_m("blade", &hand), [[62.0, -55.5, 45.5], [159.0, 55.5, 58.5]]);
        let plate = HeldPlate {
            along_fingers_m: 0.12,
            across_fingers_m: 0.08,
            height_m: 0.02,
            beyond_tips_m: 0.01,
            grip_height_m: 0.003,
        };
        // The underside is 3 mm below the lower ends of the fingers, that is beyond them along the flange's z.
        let expected_mm = [[109.5, -40.0, 42.5], [229.5, 40.0, 62.5]];
        near(extent_m("held plate", &[held_plate(&plate)]), expected_mm);
    }

    #[test]
    fn between_the_pads_there_is_nothing() {
        let (_, frames) = placed();
        let blades: Vec<_> = gripper().into_iter().filter(|part| part.name == "blade").collect();
        let flange = &frames[FLANGE];
        let middle = flange.apply(&meters([120.0, 0.0, 55.0]));
        for part in &blades {
            for (point, _) in part.patches.iter().flat_map(|patch| &patch.points) {
                let at = frames[part.frame].apply(point);
                assert!((at - middle).norm() >= 0.5 * OPENING_M - 1e-9);
            }
        }
        assert_eq!(blades.len(), 2);
    }

    /// The balls let whole parts be skipped: a point outside of its ball could be missed.
    #[test]
    fn balls_contain_their_points_and_points_lie_close() {
        let plate = HeldPlate {
            along_fingers_m: 0.12776,
            across_fingers_m: 0.08548,
            height_m: 0.0142,
            beyond_tips_m: 0.0,
            grip_height_m: 0.0,
        };
        for part in links().into_iter().chain(gripper()).chain([held_plate(&plate)]) {
            for patch in &part.patches {
                let inside = |ball: &Ball, (point, radius_m): &Sphere| {
                    (point - ball.middle_m).norm() + radius_m <= ball.radius_m + 1e-12
                };
                for sphere in &patch.points {
                    assert!(inside(&patch.ball, sphere) && inside(&part.ball, sphere), "{part:?}");
                }
            }
            let points: Vec<_> = part.patches.iter().flat_map(|patch| &patch.points).collect();
            if part.is_hand {
                let lonely = points.iter().find(|(point, _)| {
                    let others = points.iter().map(|(other, _)| (other - point).norm());
                    others.filter(|apart| *apart > 1e-9).fold(f64::MAX, f64::min) > PITCH_M + 1e-9
                });
                assert_eq!(lonely, None, "{}", part.name);
            }
        }
    }

    #[test]
    fn a_way_is_at_least_that_of_the_tool() {
        let (arm, from) = placed();
        let tool = |joints: &Joints| arm.forward(joints) * Point3::from(meters(TIPS));
        for joint in 0..6 {
            let mut joints = JOINTS;
            joints[joint] += 0.01;
            let to = frames(&arm.denavit_hartenberg(), &joints, OPENING_M);
            let moved_m = (tool(&joints) - tool(&JOINTS)).norm();
            assert!(moved_m > 1e-4 && way_m(&from, &to) >= moved_m, "joint {joint}");
        }
    }
}
