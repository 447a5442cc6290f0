//! How a calibration board is held, and what the arm carries then.

use clap::ValueEnum;
use nalgebra::{Isometry3, Point3, Translation3, UnitQuaternion, Vector3};
use rmrl_vision::Chessboard;
use serde::{Deserialize, Serialize};

/// What holds the board, its face up. It sticks out to the side, along the flange's x or, in the jaws, beyond the tool's
/// point.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum BoardMount {
    /// A bracket between arm and gripper, along the flange's x
    Bracket,
    /// The gripper's jaws, at a bar under the board, along the fingers
    Jaws,
}

/// From the flange's axis to the near edge of a board on a bracket, and how far its face is below the flange's, in
/// meters.
const BRACKET_M: [f64; 2] = [0.075, 0.02];
/// From the tool's point to the near edge of a board in the jaws, and how far its face is above that point, in meters.
const JAWS_M: [f64; 2] = [0.045, 0.015];
/// How much of the carried parts may be elsewhere than expected before the board was seen, in meters.
const UNKNOWN_M: f64 = 0.03;
/// The same once views have shown where the board is, in meters.
const KNOWN_M: f64 = 0.015;

impl BoardMount {
    /// Where a person means to hold the board: its short side along the way out. `flange_from_tool` is the tool's point,
    /// whose x is along the fingers.
    pub fn nominal(self, board: &Chessboard, flange_from_tool: &Isometry3<f64>) -> Isometry3<f64> {
        let [length_m, width_m] = board.size_m();
        let half_m = 0.5 * length_m.min(width_m) + board.square_m;
        let (frame, middle) = match self {
            Self::Bracket => {
                let [out_m, below_m] = BRACKET_M;
                (Isometry3::identity(), Vector3::new(out_m + half_m, 0.0, below_m))
            }
            Self::Jaws => {
                let [out_m, above_m] = JAWS_M;
                (*flange_from_tool, Vector3::new(out_m + half_m, 0.0, -above_m))
            }
        };
        // The face is up, where the flange's z points down: so does the board's.
        let quarter_rad = if length_m > width_m { std::f64::consts::FRAC_PI_2 } else { 0.0 };
        let turn = UnitQuaternion::from_axis_angle(&Vector3::z_axis(), quarter_rad);
        let to_middle = turn * board.center().coords;
        frame * Isometry3::from_parts(Translation3::from(middle - to_middle), turn)
    }
}

/// What is on the flange, for the envelope: the board and the tool.
#[derive(Debug, Clone, PartialEq)]
pub struct Carried {
    /// Points around it, on the flange.
    pub points: Vec<Point3<f64>>,
    /// How far anything may be from these points and what is between them, in meters.
    pub margin_m: f64,
}

impl Carried {
    /// Before any view: the board may be turned about its face's normal, and crooked.
    pub fn expected(
        board: &Chessboard,
        nominal: &Isometry3<f64>,
        flange_from_tool: &Isometry3<f64>,
    ) -> Self {
        let middle = nominal * board.center();
        let reach_m = outline(board).into_iter().map(|corner| (corner - board.center()).norm());
        let reach_m = reach_m.fold(0.0, f64::max);
        let around = (0..8).map(|index| {
            let angle = std::f64::consts::FRAC_PI_4 * f64::from(index);
            middle + reach_m * Vector3::new(angle.cos(), angle.sin(), 0.0)
        });
        let tool = Point3::from(flange_from_tool.translation.vector);
        Self { points: around.chain([tool]).collect(), margin_m: UNKNOWN_M }
    }

    /// With the board where views have shown it.
    pub fn seen(
        board: &Chessboard,
        flange_from_board: &Isometry3<f64>,
        flange_from_tool: &Isometry3<f64>,
    ) -> Self {
        let corners = outline(board).into_iter().map(|corner| flange_from_board * corner);
        let tool = Point3::from(flange_from_tool.translation.vector);
        Self { points: corners.chain([tool]).collect(), margin_m: KNOWN_M }
    }
}

/// The corners of a board with its white margin of one square, in its own frame.
pub fn outline(board: &Chessboard) -> [Point3<f64>; 4] {
    let square_m = board.square_m;
    let [length_m, width_m] = board.size_m().map(|side| side + square_m);
    let near = -2.0 * square_m;
    let (x, y) = (length_m - square_m, width_m - square_m);
    [[near, near], [x, near], [x, y], [near, y]].map(|[x, y]| Point3::new(x, y, 0.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_board_is_beside_the_flange_with_its_face_up_and_its_near_edge_clear() {
        let board = Chessboard { corners: "9x6".parse().unwrap(), square_m: 0.02 };
        let bio = Isometry3::translation(0.1595, 0.0, 0.0595);
        for (mount, near_m, z_m) in
            [(BoardMount::Bracket, 0.075, 0.02), (BoardMount::Jaws, 0.2045, 0.0445)]
        {
            let nominal = mount.nominal(&board, &bio);
            let corners = outline(&board).map(|corner| nominal * corner);
            let least = corners.iter().map(|corner| corner.x).fold(f64::INFINITY, f64::min);
            assert!((least - near_m).abs() < 1e-9, "{mount:?}: {least}");
            assert!(corners.iter().all(|corner| (corner.z - z_m).abs() < 1e-9));
            let sum: f64 = corners.iter().map(|corner| corner.y).sum();
            assert!(sum.abs() < 1e-9 && (nominal * Vector3::z() - Vector3::z()).norm() < 1e-9);
            let carried = Carried::expected(&board, &nominal, &bio);
            assert_eq!((carried.points.len(), carried.points[8].x), (9, 0.1595));
        }
    }
}
