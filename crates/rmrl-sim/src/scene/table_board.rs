//! A chessboard on the table, by which a camera's drift shows.

use nalgebra::{Isometry3, Translation3, UnitQuaternion, Vector3};
use rmrl_core::{ConfigKeys, PlanarPose};
use rmrl_vision::{Chessboard, Print};
use serde::{Deserialize, Serialize};

use crate::scene::cuboid::{Cuboid, Material};

/// A chessboard glued to the table.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ConfigKeys)]
#[serde(deny_unknown_fields)]
pub struct TableBoard {
    /// What is printed.
    #[key(nested)]
    pub board: Chessboard,
    /// x of the middle of its corners, world frame, in meters.
    #[key(at_least = -10, at_most = 10)]
    pub x_m: f64,
    /// y of the middle of its corners, world frame, in meters.
    #[key(at_least = -10, at_most = 10)]
    pub y_m: f64,
    /// The direction of its rows of corners, in degrees.
    #[key(at_least = -360, at_most = 360)]
    pub yaw_deg: f64,
}

/// The white margin around the squares, in squares.
const BOARD_MARGIN: f64 = 0.5;

impl TableBoard {
    /// A board in the corner of the camera's view that no plate and no hand reaches.
    pub fn beside_workspace(board: Chessboard) -> Self {
        Self { board, x_m: 0.57, y_m: -0.24, yaw_deg: 0.0 }
    }

    /// The pose of the board in the world: x along its rows, and its face up.
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

    /// The room above the board, from the table up to `height_m`, in which nothing may stand.
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
