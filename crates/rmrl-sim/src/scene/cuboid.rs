//! Upright cuboids, which physics and rendering share, and what they are made of.

use std::f64::consts::FRAC_PI_2;

use rmrl_core::PlanarPose;

/// An upright cuboid, turned about the vertical axis.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cuboid {
    /// Position and rotation of its center in the plane, world frame.
    pub pose: PlanarPose,
    /// Height of its center, in meters.
    pub center_z_m: f64,
    /// Half its extent along its own x, y and z, in meters.
    pub half_extents_m: [f64; 3],
    /// What it is made of.
    pub material: Material,
}

impl Cuboid {
    /// The height of its top, in meters.
    pub(crate) fn top_m(&self) -> f64 {
        self.center_z_m + self.half_extents_m[2]
    }

    /// The height of its bottom, in meters.
    pub(crate) fn bottom_m(&self) -> f64 {
        self.center_z_m - self.half_extents_m[2]
    }

    /// Whether two upright cuboids share any volume.
    pub(crate) fn overlaps(&self, other: &Self) -> bool {
        let reach_z = self.half_extents_m[2] + other.half_extents_m[2];
        if (self.center_z_m - other.center_z_m).abs() >= reach_z {
            return false;
        }
        // Separating axes: two rectangles are apart exactly if a side of one of them separates them.
        let apart_along = |yaw_rad: f64| {
            let (sin, cos) = yaw_rad.sin_cos();
            let distance = (cos * (other.pose.x_m - self.pose.x_m)
                + sin * (other.pose.y_m - self.pose.y_m))
                .abs();
            let extent = |cuboid: &Self| {
                let (sin, cos) = (yaw_rad - cuboid.pose.yaw_rad).sin_cos();
                cos.abs() * cuboid.half_extents_m[0] + sin.abs() * cuboid.half_extents_m[1]
            };
            distance >= extent(self) + extent(other)
        };
        ![self.pose.yaw_rad, other.pose.yaw_rad]
            .into_iter()
            .any(|yaw_rad| apart_along(yaw_rad) || apart_along(yaw_rad + FRAC_PI_2))
    }
}

/// How a surface looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Material {
    /// The box on the table.
    Box,
    /// The shelf and its slot.
    Shelf,
    /// The gripper.
    Gripper,
    /// Another object on the bench.
    Object(Paint),
}

/// The colors of the objects on a bench.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Paint {
    /// White plastic or paper.
    White,
    /// The light housing of an instrument.
    Cream,
    /// The gray housing of an instrument.
    Gray,
    /// The pale blue of tip boxes.
    Blue,
    /// The green of tip boxes.
    Green,
    /// The orange of tip boxes.
    Orange,
    /// As black as a plate.
    Black,
}

/// The pose at `(x_m, y_m)` in the frame of `frame`, with the rotation of `frame`.
pub(crate) fn pose_in_frame(frame: PlanarPose, x_m: f64, y_m: f64) -> PlanarPose {
    let (sin, cos) = frame.yaw_rad.sin_cos();
    PlanarPose {
        x_m: frame.x_m + cos * x_m - sin * y_m,
        y_m: frame.y_m + sin * x_m + cos * y_m,
        yaw_rad: frame.yaw_rad,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turned_cuboids_overlap_where_geometry_says() {
        let cuboid = |x_m, y_m, yaw_rad, center_z_m| Cuboid {
            pose: PlanarPose::new(x_m, y_m, yaw_rad),
            center_z_m,
            half_extents_m: [0.02, 0.01, 0.005],
            material: Material::Box,
        };
        let fixed = cuboid(0.0, 0.0, 0.0, 0.0);
        for (other, expected) in [
            (cuboid(0.039, 0.0, 0.0, 0.0), true),
            (cuboid(0.041, 0.0, 0.0, 0.0), false),
            (cuboid(0.039, 0.0, 0.0, 0.011), false),
            // Turned by a quarter, its short side points here.
            (cuboid(0.031, 0.0, FRAC_PI_2, 0.0), false),
            (cuboid(0.0, 0.029, FRAC_PI_2, 0.0), true),
            // Corner to corner: the bounding boxes meet, the rectangles do not.
            (cuboid(0.035, 0.025, FRAC_PI_2 / 2.0, 0.0), false),
        ] {
            assert_eq!(fixed.overlaps(&other), expected, "{other:?}");
            assert_eq!(other.overlaps(&fixed), expected, "{other:?}");
        }
    }
}
