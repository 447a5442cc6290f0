//! The shape of a hand: two fingers that mirror each other, and what holds them.

use rmrl_core::PlanarPose;

use crate::physics::block::Block;
use crate::physics::hand::{FINGER_HALF_HEIGHT_M, FINGER_HALF_THICKNESS_M, Hand, PAD_HALF_WIDTH_M};
use crate::physics::load::sides_m;
use crate::scene::cuboid::{Cuboid, Material, pose_in_frame};

/// The shape of a hand.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum HandShape {
    /// Fingers straight down below a palm.
    Vertical,
    /// The BIO gripper: fingers that point sideways.
    Bio {
        /// Where the fingers point in the tool's frame, in radians.
        fingers_rad: f64,
    },
}

/// A part of a hand as an upright cuboid, in the frame of its fingers: x along them, z up, the tool's point at 0.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct HandPart {
    /// The finger that it belongs to: +1 on the frame's +y side, -1 on the other, 0 for what holds both.
    pub side: f64,
    /// Its center along the fingers, in meters.
    along_m: f64,
    /// Its center away from the face of its jaw, in meters.
    outward_m: f64,
    /// Its center above the tool's point, in meters.
    up_m: f64,
    /// Half its extents, in meters.
    pub half_extents_m: [f64; 3],
}

/// Jaws press into what they hold by less than this where physics has springs, in meters.
const MOST_PRESSED_M: f64 = 0.001;
/// What stands between the vendor's meshes and the boxes of `rmrl-clearance` that contain them, in meters.
const MESH_MARGIN_M: f64 = 0.000_5;
/// The tool's point in the flange's frame, along the fingers and down, in meters.
const BIO_TOOL_M: [f64; 2] = [0.1595, 0.0595];
/// The pads of the BIO gripper reach back from the tips by this, in meters.
const BIO_PAD_M: f64 = 0.0635;
/// From the lower to the upper edge of the blades, in meters.
const BIO_BLADE_HEIGHT_M: f64 = 0.0155;
/// Thickness of the blades, in meters.
const BIO_BLADE_M: f64 = 0.006;
/// Where the blades begin, in the flange's frame, in meters.
const BIO_BLADE_FROM_M: f64 = 0.075 + MESH_MARGIN_M;
/// The root of a finger in the flange's frame, in meters: along the fingers, away from the jaw's face, down.
const BIO_ROOT_M: [[f64; 2]; 3] = [[0.047, 0.080], [-0.012, 0.0065], [0.013, 0.0515]];
/// The body of the gripper, likewise; it is as wide to either side.
const BIO_BODY_M: [[f64; 2]; 3] = [[-0.038, 0.0595], [-0.083, 0.083], [-0.0005, 0.0455]];

impl HandShape {
    /// The frame of the fingers at a pose of the tool: its x axis points along them, or for straight ones along the tool's x.
    pub(crate) fn frame(self, tool: PlanarPose) -> PlanarPose {
        match self {
            Self::Vertical => tool,
            Self::Bio { fingers_rad } => {
                PlanarPose::new(tool.x_m, tool.y_m, tool.yaw_rad + fingers_rad)
            }
        }
    }

    /// What may press on a plate, the two pads first.
    pub(crate) fn touching(self) -> Vec<HandPart> {
        match self {
            Self::Vertical => [1.0, -1.0].map(vertical_finger).to_vec(),
            Self::Bio { .. } => {
                let [pads, roots] = [bio_pad as fn(f64) -> HandPart, bio_root].map(both);
                [&pads[..], &roots, &[bio_body()]].concat()
            }
        }
    }

    /// What may press on a plate as cuboids.
    pub(crate) fn touching_cuboids(self, hand: &Hand) -> Vec<Cuboid> {
        self.touching().iter().map(|part| part.cuboid(self, hand)).collect()
    }

    /// All of the hand as cuboids.
    pub(crate) fn cuboids(self, hand: &Hand) -> Vec<Cuboid> {
        match self {
            Self::Vertical => hand.cuboids().to_vec(),
            Self::Bio { .. } => {
                let [blades, roots] = [bio_blade as fn(f64) -> HandPart, bio_root].map(both);
                let parts = [&blades[..], &roots, &[bio_body()]].concat();
                parts.iter().map(|part| part.cuboid(self, hand)).collect()
            }
        }
    }

    /// How far apart the faces of the jaws are around what they hold, in meters: that is stiff, although physics has springs
    /// there.
    pub(crate) fn opening_m(self, hand: &Hand, held: impl IntoIterator<Item = Block>) -> f64 {
        let fingers = self.frame(hand.tool.planar);
        let [lowest_m, highest_m] = [hand.tool.z_m, hand.tool.z_m + self.pad_height_m()];
        let is_between = |block: &Block| lowest_m < block.top_m() && block.bottom_m() < highest_m;
        let between = held.into_iter().filter(is_between);
        let sides = between.filter_map(|block| sides_m(&block, fingers, self.pads_along_m()));
        let farthest = sides.fold([hand.half_opening_m; 2], |[left, right], side| {
            [left.max(side[0]), right.max(side[1])]
        });
        farthest.map(|side| side.min(hand.half_opening_m + MOST_PRESSED_M)).iter().sum()
    }

    /// From where to where the pads reach along the fingers, in meters.
    fn pads_along_m(self) -> [f64; 2] {
        match self {
            Self::Vertical => [-PAD_HALF_WIDTH_M, PAD_HALF_WIDTH_M],
            Self::Bio { .. } => [-BIO_PAD_M, 0.0],
        }
    }

    /// From the lower to the upper edge of the pads, in meters.
    fn pad_height_m(self) -> f64 {
        match self {
            Self::Vertical => 2.0 * FINGER_HALF_HEIGHT_M,
            Self::Bio { .. } => BIO_BLADE_HEIGHT_M,
        }
    }

    /// No part of the hand is farther from the tool's point than this, seen from above, in meters.
    pub(crate) fn reach_m(self) -> f64 {
        match self {
            Self::Vertical => 0.09,
            Self::Bio { .. } => (BIO_TOOL_M[0] - BIO_BODY_M[0][0]).hypot(BIO_BODY_M[1][1]),
        }
    }
}

impl HandPart {
    /// Its pose in the plane and the height of its center, in meters.
    pub(crate) fn place(&self, shape: HandShape, hand: &Hand) -> (PlanarPose, f64) {
        let across_m = self.side * (hand.half_opening_m + self.outward_m);
        let pose = pose_in_frame(shape.frame(hand.tool.planar), self.along_m, across_m);
        (pose, hand.tool.z_m + self.up_m)
    }

    fn cuboid(&self, shape: HandShape, hand: &Hand) -> Cuboid {
        let (pose, center_z_m) = self.place(shape, hand);
        let half_extents_m = self.half_extents_m;
        Cuboid { pose, center_z_m, half_extents_m, material: Material::Gripper }
    }
}

fn both(part: fn(f64) -> HandPart) -> [HandPart; 2] {
    [1.0, -1.0].map(part)
}

fn vertical_finger(side: f64) -> HandPart {
    HandPart {
        side,
        along_m: 0.0,
        outward_m: FINGER_HALF_THICKNESS_M,
        up_m: FINGER_HALF_HEIGHT_M,
        half_extents_m: [PAD_HALF_WIDTH_M, FINGER_HALF_THICKNESS_M, FINGER_HALF_HEIGHT_M],
    }
}

/// The part of a blade that holds plates.
fn bio_pad(side: f64) -> HandPart {
    between(side, [-BIO_PAD_M, 0.0], [0.0, BIO_BLADE_M], [0.0, BIO_BLADE_HEIGHT_M])
}

fn bio_blade(side: f64) -> HandPart {
    let along_m = [BIO_BLADE_FROM_M - BIO_TOOL_M[0], 0.0];
    between(side, along_m, [0.0, BIO_BLADE_M], [0.0, BIO_BLADE_HEIGHT_M])
}

fn bio_root(side: f64) -> HandPart {
    of_flange(side, BIO_ROOT_M)
}

fn bio_body() -> HandPart {
    of_flange(0.0, BIO_BODY_M)
}

/// A part that `rmrl-clearance` has as a box in the flange's frame, less the margin of that box.
fn of_flange(side: f64, [along, outward, down]: [[f64; 2]; 3]) -> HandPart {
    let within = |[least, most]: [f64; 2]| [least + MESH_MARGIN_M, most - MESH_MARGIN_M];
    let from_tool = |range: [f64; 2], tool_m: f64| within(range).map(|value| value - tool_m);
    let [down_to, up_to] = from_tool(down, BIO_TOOL_M[1]);
    between(side, from_tool(along, BIO_TOOL_M[0]), within(outward), [-up_to, -down_to])
}

fn between(side: f64, along: [f64; 2], outward: [f64; 2], up: [f64; 2]) -> HandPart {
    let middle = |[least, most]: [f64; 2]| 0.5 * (least + most);
    HandPart {
        side,
        along_m: middle(along),
        outward_m: middle(outward),
        up_m: middle(up),
        half_extents_m: [along, outward, up].map(|[least, most]| 0.5 * (most - least)),
    }
}

#[cfg(test)]
mod tests {
    use std::f64::consts::PI;

    use rmrl_cell::ToolPose;

    use super::*;

    /// In the tool's frame the fingers reach back from the tool's point, and the body is behind and above them.
    #[test]
    fn the_bio_gripper_stands_where_the_drawing_has_it() {
        let tool = ToolPose::new(PlanarPose::new(0.3, 0.1, 0.4), 0.02);
        let hand = Hand { tool, half_opening_m: 0.05 };
        let shape = HandShape::Bio { fingers_rad: PI };
        let range = |cuboid: &Cuboid, along_rad: f64| {
            let (sin, cos) = (tool.planar.yaw_rad + along_rad).sin_cos();
            let [dx, dy] = [cuboid.pose.x_m - tool.planar.x_m, cuboid.pose.y_m - tool.planar.y_m];
            let middle = cos * dx + sin * dy;
            // Along the frame's own x axis at PI, along its y axis at a quarter turn.
            let half = cuboid.half_extents_m[usize::from(along_rad != PI)];
            [middle - half, middle + half].map(|value| (10_000.0 * value).round() / 10.0)
        };
        let parts = shape.cuboids(&hand);
        assert_eq!(parts.len(), 5);
        let [left, .., body] = &parts[..] else { panic!("five parts") };
        assert_eq!(range(left, PI), [-84.0, 0.0]);
        // The left finger is on the side of the frame's y axis, which is the tool's -y.
        assert_eq!(range(left, -0.5 * PI), [50.0, 56.0]);
        assert_eq!(range(body, PI), [-197.0, -100.5]);
        let heights = |cuboid: &Cuboid| {
            let half = cuboid.half_extents_m[2];
            [cuboid.center_z_m - half, cuboid.center_z_m + half]
                .map(|z_m| (10_000.0 * (z_m - tool.z_m)).round() / 10.0)
        };
        assert_eq!(heights(left), [0.0, 15.5]);
        assert_eq!(heights(body), [14.5, 59.5]);
        for cuboid in &parts {
            let middle_m = cuboid.pose.distance_m(tool.planar);
            let half_m = cuboid.half_extents_m[0].hypot(cuboid.half_extents_m[1]);
            assert!(middle_m - half_m < shape.reach_m());
        }
    }
}
