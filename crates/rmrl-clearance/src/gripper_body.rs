//! The BIO gripper as boxes that contain the vendor's meshes.

use nalgebra::{Isometry3, Translation3};

use crate::shape::Shape;

/// A gripper's shapes in the flange's frame: z leaves the flange, the fingers point along x, the jaws close along y.
#[derive(Debug, Clone, PartialEq)]
pub struct GripperBody {
    /// The body.
    pub body: Shape,
    /// The boxes of the left finger, on the side of +y, as they would be at a jaw opening of 0: the pad's face that
    /// touches a plate is at y = 0. The right finger is its mirror image.
    pub finger: [Shape; 2],
    /// The least and greatest distance of the pads, in meters.
    pub opening_m: [f64; 2],
    /// The tool's point, midway between the finger tips at their lower ends, with the tool's axes.
    pub flange_from_tool: Isometry3<f64>,
}

/// A row of the tables below: a box between two corners, in mm.
const fn cuboid(least: [f64; 3], most: [f64; 3]) -> Shape {
    Shape::Box {
        least_m: [least[0] / 1000.0, least[1] / 1000.0, least[2] / 1000.0],
        most_m: [most[0] / 1000.0, most[1] / 1000.0, most[2] / 1000.0],
    }
}

/// The body, with the rods of the fingers inside it. `tools/clearance_meshes.py` reads this row.
const BODY: Shape = cuboid([-38.0, -83.0, -0.5], [59.5, 83.0, 45.5]);
/// The root of a finger, where its rods end: y counts from the face of the pad. The script reads this row, too.
const ROOT: Shape = cuboid([47.0, -12.0, 13.0], [80.0, 6.5, 51.5]);
/// The blade of a finger with its pad. The script reads this row, too.
const BLADE: Shape = cuboid([75.0, -0.5, 44.5], [160.5, 6.5, 60.0]);

impl GripperBody {
    /// UFACTORY's BIO gripper of either generation, with the vendor's fingers.
    ///
    /// The boxes contain the meshes `gripper/bio` of `xarm_description` with 0.5 mm or more to spare. The pads' distance
    /// as the gripper reports it is uncertain by 1.3 mm, because the vendor's two SDKs convert it differently; the
    /// meshes' pads stand 71.6 mm apart where the SDK says 71. Other fingers need other boxes.
    pub fn bio() -> Self {
        Self {
            body: BODY,
            finger: [ROOT, BLADE],
            opening_m: [0.071, 0.150],
            flange_from_tool: Isometry3::from(Translation3::new(0.1595, 0.0, 0.0595)),
        }
    }

    /// The boxes of the left and the right finger at a jaw opening in meters.
    pub(crate) fn fingers(&self, opening_m: f64) -> [[Shape; 2]; 2] {
        let left = self.finger.map(|shape| shape.shifted_y(0.5 * opening_m));
        [left, left.map(Shape::mirrored_y)]
    }
}
