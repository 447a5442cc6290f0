//! The arm's links as capsules and boxes that contain the vendor's meshes.

use nalgebra::{Isometry3, Vector3};
use rmrl_kinematics::{ArmKinematics, ArmModel, JointLimits, Joints, link_frame};

use crate::shape::Shape;

/// Frames of the vendor's Denavit-Hartenberg table: 0 is the base, `i` is fixed to link `i`, 6 is the flange.
pub(crate) type LinkFrames = [Isometry3<f64>; 7];

/// A part of the arm.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LinkShape {
    /// Its name in errors, such as `link 3 (elbow)`.
    pub name: &'static str,
    /// The link that it is fixed to: 0 is the base, 6 carries the flange.
    pub link: usize,
    /// Its shape in the vendor's standard Denavit-Hartenberg frame after that joint, in meters.
    pub shape: Shape,
}

/// A row of the table below: a capsule between two points with a radius, in mm, in the frame of its link.
const fn capsule(
    name: &'static str,
    link: usize,
    from_mm: [f64; 3],
    to_mm: [f64; 3],
    radius_mm: f64,
) -> LinkShape {
    let shape = Shape::Capsule {
        from_m: meters(from_mm),
        to_m: meters(to_mm),
        radius_m: radius_mm / 1000.0,
    };
    LinkShape { name, link, shape }
}

/// A row of the table below: a box between two corners, in mm, in the frame of its link.
const fn cuboid(
    name: &'static str,
    link: usize,
    least_mm: [f64; 3],
    most_mm: [f64; 3],
) -> LinkShape {
    LinkShape {
        name,
        link,
        shape: Shape::Box { least_m: meters(least_mm), most_m: meters(most_mm) },
    }
}

const fn meters(mm: [f64; 3]) -> [f64; 3] {
    [mm[0] / 1000.0, mm[1] / 1000.0, mm[2] / 1000.0]
}

/// The links of an xArm 6 of either generation. `tools/clearance_meshes.py` reads these rows and checks that they
/// contain the meshes of `xarm_description` (visual meshes of `xarm6` and `xarm6_1305`, collision meshes of
/// `xarm6_1305`, `end_tool` and `end_tool_1300`); `docs/clearance.md` states the reserve of each.
#[rustfmt::skip]
const XARM6: [LinkShape; 14] = [
    cuboid("link 0 (base)", 0, [-94.0, -64.0, 0.0], [64.0, 64.0, 156.0]),
    capsule("link 1 (shoulder)", 1, [0.0, 3.0, -10.0], [0.0, 1.0, 50.0], 57.0),
    capsule("link 1 (shoulder)", 1, [0.0, 47.0, -15.0], [0.0, 98.0, 0.0], 53.5),
    capsule("link 2 (upper arm)", 2, [-2.0, -18.0, -33.0], [0.0, 0.0, 29.0], 59.0),
    capsule("link 2 (upper arm)", 2, [-49.0, -35.0, -29.0], [-128.0, -35.0, 2.0], 54.0),
    capsule("link 2 (upper arm)", 2, [-182.0, -16.0, 6.0], [-189.0, -16.0, 83.0], 57.0),
    capsule("link 2 (upper arm)", 2, [-226.0, -14.0, 88.0], [-291.0, 1.0, 84.0], 55.0),
    capsule("link 3 (elbow)", 3, [-3.0, -43.0, 91.0], [0.0, -1.0, 112.0], 72.5),
    capsule("link 3 (elbow)", 3, [-78.0, -67.0, 0.0], [-18.0, -77.0, 65.0], 50.5),
    capsule("link 4 (forearm)", 4, [0.0, 0.0, -38.0], [2.0, -51.0, -52.0], 53.0),
    capsule("link 4 (forearm)", 4, [0.0, -104.0, -42.0], [0.0, -162.0, 0.0], 50.0),
    capsule("link 5 (wrist)", 5, [-1.0, -2.0, -15.0], [0.0, 0.0, 51.0], 43.5),
    capsule("link 5 (wrist)", 5, [-54.0, -15.0, 1.0], [-77.0, -17.0, 0.0], 50.0),
    capsule("link 6 (flange)", 6, [0.0, 0.0, -17.0], [-1.0, -16.0, -18.0], 42.5),
];

/// The links of an arm, with its kinematics.
#[derive(Debug, Clone, PartialEq)]
pub struct ArmBody {
    kinematics: ArmKinematics,
    table: [[f64; 4]; 6],
    links: Vec<LinkShape>,
}

impl ArmBody {
    /// An xArm 6 of any serial number, without cables and without a camera at the flange.
    ///
    /// The capsules contain the vendor's meshes with 0.5 mm or more to spare (none at the foot of the base). A real arm differs from its meshes by
    /// about 1 mm (castings, covers; an estimate, the vendor states none), and cables come on top.
    pub fn xarm6() -> Self {
        let kinematics = ArmKinematics::new(ArmModel::XArm6);
        let mut table = [[0.0; 4]; 6];
        for (row, parameters) in table.iter_mut().zip(kinematics.denavit_hartenberg()) {
            *row = parameters;
        }
        Self { kinematics, table, links: XARM6.to_vec() }
    }

    /// The same arm with other joint limits.
    #[must_use]
    pub fn with_limits(mut self, limits: JointLimits) -> Self {
        self.kinematics.limits = limits;
        self
    }

    /// The arm's kinematics.
    pub fn kinematics(&self) -> &ArmKinematics {
        &self.kinematics
    }

    /// The parts, from the base to the flange.
    pub fn links(&self) -> &[LinkShape] {
        &self.links
    }

    /// The frames of all links in the base's frame.
    pub(crate) fn frames(&self, joints: &Joints) -> LinkFrames {
        let mut frames = [Isometry3::identity(); 7];
        for (index, parameters) in self.table.iter().enumerate() {
            frames[index + 1] = frames[index] * link_frame(*parameters, joints[index]);
        }
        frames
    }

    /// How far the flange can be from each joint's axis at most, in meters.
    pub(crate) fn longest_levers_m(&self) -> [f64; 6] {
        std::array::from_fn(|joint| {
            // The offset `d` of the joint itself is along its axis; the flange is on the axis of joint 6.
            let own_m = self.table[joint][3].abs();
            let beyond = &self.table[joint + 1..];
            own_m + beyond.iter().map(|[_, d_m, _, a_m]| d_m.hypot(*a_m)).sum::<f64>()
        })
    }
}

/// The axis of a joint, 0 for joint 1, and a point on it.
pub(crate) fn axis(frames: &LinkFrames, joint: usize) -> (Vector3<f64>, Vector3<f64>) {
    (frames[joint].rotation * Vector3::z(), frames[joint].translation.vector)
}
