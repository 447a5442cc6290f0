//! What stands in the cell: the box on the table and the shelf, as cuboids that physics and
//! rendering share.

use std::f64::consts::FRAC_PI_2;

use nalgebra::{Isometry3, Translation3, UnitQuaternion, Vector3};
use rmrl_core::PlanarPose;
use rmrl_vision::{Chessboard, PlateGeometry, Print};
use serde::{Deserialize, Serialize};

/// An upright cuboid, turned about the vertical axis.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cuboid {
    /// Position and rotation of its centre in the plane, world frame.
    pub pose: PlanarPose,
    /// Height of its centre, in metres.
    pub center_z_m: f64,
    /// Half its extent along its own x, y and z, in metres.
    pub half_extents_m: [f64; 3],
    /// What it is made of.
    pub material: Material,
}

impl Cuboid {
    /// The height of its top, in metres.
    pub(crate) fn top_m(&self) -> f64 {
        self.center_z_m + self.half_extents_m[2]
    }

    /// Whether two upright cuboids share any volume.
    pub(crate) fn overlaps(&self, other: &Self) -> bool {
        let reach_z = self.half_extents_m[2] + other.half_extents_m[2];
        if (self.center_z_m - other.center_z_m).abs() >= reach_z {
            return false;
        }
        // Separating axes: two rectangles are apart exactly if a side of one of them tells them so.
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
    /// Something else on the bench.
    Object(Paint),
}

/// The colours of what lies on a bench.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Paint {
    /// White plastic or paper.
    White,
    /// An instrument's housing.
    Cream,
    /// The same, darker.
    Grey,
    /// The pale blue of tip boxes.
    Blue,
    /// The same in green.
    Green,
    /// The same in orange.
    Orange,
    /// As black as a plate.
    Black,
}

/// A chessboard glued to the table.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TableBoard {
    /// What is printed.
    pub board: Chessboard,
    /// Where the middle of its corners lies, along x, in metres.
    pub x_m: f64,
    /// The same along y.
    pub y_m: f64,
    /// The direction of its rows of corners, in degrees.
    pub yaw_deg: f64,
}

/// The white margin around the squares, in squares.
const BOARD_MARGIN: f64 = 0.5;

impl TableBoard {
    /// A board in the corner of the camera's view where no plate and no hand comes to be.
    pub fn beside_workspace(board: Chessboard) -> Self {
        Self { board, x_m: 0.57, y_m: -0.24, yaw_deg: 0.0 }
    }

    /// The frame of the board: x along its rows, and its face up.
    pub fn world_from_board(&self) -> Isometry3<f64> {
        let turn = UnitQuaternion::from_axis_angle(&Vector3::z_axis(), self.yaw_deg.to_radians());
        let middle = self.board.center();
        Isometry3::from_parts(Translation3::new(self.x_m, self.y_m, 0.0), turn)
            * Translation3::new(-middle.x, -middle.y, 0.0)
    }

    /// What is printed at a point of the table; `None` beside the board.
    pub(crate) fn print_at(&self, x_m: f64, y_m: f64) -> Option<Print> {
        let (sin, cos) = self.yaw_deg.to_radians().sin_cos();
        let (dx, dy) = (x_m - self.x_m, y_m - self.y_m);
        let middle = self.board.center();
        self.board.print_at(
            cos * dx + sin * dy + middle.x,
            -sin * dx + cos * dy + middle.y,
            BOARD_MARGIN * self.board.square_m,
        )
    }

    /// The room that it takes, from the table up to `height_m`: nothing lies on it.
    pub(crate) fn footprint(&self, height_m: f64) -> Cuboid {
        let [length_m, width_m] = self.board.size_m();
        let margin_m = 2.0 * BOARD_MARGIN * self.board.square_m;
        Cuboid {
            pose: PlanarPose::new(self.x_m, self.y_m, self.yaw_deg.to_radians()),
            center_z_m: 0.5 * height_m,
            half_extents_m: [
                0.5 * (length_m + margin_m),
                0.5 * (width_m + margin_m),
                0.5 * height_m,
            ],
            material: Material::Box,
        }
    }
}

/// A place for a plate: walls around a surface, with room to spare.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Receptacle {
    /// The free room to each side of a centred plate, in metres.
    pub clearance_m: f64,
    /// Height of the walls above the surface, in metres.
    pub wall_height_m: f64,
}

/// Thickness of the walls, in metres.
const WALL_THICKNESS_M: f64 = 0.004;
/// Length of the wall pieces at the corners of the long sides, in metres. Between them the sides
/// are open, so that the fingers can let go.
const CORNER_LENGTH_M: f64 = 0.024;
/// How far the shelf's board reaches beyond its walls, in metres.
const SHELF_MARGIN_M: f64 = 0.01;

impl Receptacle {
    /// The walls around `center` on a surface at `surface_m`: whole at the short sides, pieces at
    /// the corners of the long ones.
    pub fn walls(
        &self,
        center: PlanarPose,
        surface_m: f64,
        plate: PlateGeometry,
        material: Material,
    ) -> Vec<Cuboid> {
        let half = 0.5 * WALL_THICKNESS_M;
        let (inner_x, inner_y) = self.inner_half_extents(plate);
        let wall = |x: f64, y: f64, half_x: f64, half_y: f64| Cuboid {
            pose: on(center, x, y),
            center_z_m: surface_m + 0.5 * self.wall_height_m,
            half_extents_m: [half_x, half_y, 0.5 * self.wall_height_m],
            material,
        };
        let mut walls = Vec::with_capacity(6);
        for side in [-1.0, 1.0] {
            walls.push(wall(side * (inner_x + half), 0.0, half, inner_y + WALL_THICKNESS_M));
            for end in [-1.0, 1.0] {
                walls.push(wall(
                    end * (inner_x - 0.5 * CORNER_LENGTH_M),
                    side * (inner_y + half),
                    0.5 * CORNER_LENGTH_M,
                    half,
                ));
            }
        }
        walls
    }

    /// The board of a shelf whose top is at `surface_m`, from the table up.
    pub fn board(
        &self,
        center: PlanarPose,
        surface_m: f64,
        plate: PlateGeometry,
        material: Material,
    ) -> Cuboid {
        let (inner_x, inner_y) = self.inner_half_extents(plate);
        let margin = WALL_THICKNESS_M + SHELF_MARGIN_M;
        Cuboid {
            pose: center,
            center_z_m: 0.5 * surface_m,
            half_extents_m: [inner_x + margin, inner_y + margin, 0.5 * surface_m],
            material,
        }
    }

    fn inner_half_extents(&self, plate: PlateGeometry) -> (f64, f64) {
        (0.5 * plate.length_m + self.clearance_m, 0.5 * plate.width_m + self.clearance_m)
    }
}

/// The pose at `(x, y)` in the frame of `frame`, with its rotation.
pub(crate) fn on(frame: PlanarPose, x_m: f64, y_m: f64) -> PlanarPose {
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
