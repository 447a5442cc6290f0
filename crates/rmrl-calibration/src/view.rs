//! Images of a board, with what was found in them, where the arm was, and what was not used.

use nalgebra::{Isometry3, Point2};
use serde::Serialize;

use crate::{BoardMissing, BoardSighting};

/// The corners of a board in one image.
#[derive(Debug, Clone, PartialEq)]
pub struct View {
    /// The image's name, by which it is spoken of.
    pub name: String,
    /// Width and height of the image, in pixels.
    pub size: [u32; 2],
    /// The pixels of the corners, in the order of [`rmrl_vision::Chessboard::points`].
    pub corners: Vec<Point2<f64>>,
    /// How wide edges are: the standard deviation of their blur, in pixels.
    pub edge_px: f64,
}

impl View {
    /// The view of an image in which a board was found.
    pub fn new(name: impl Into<String>, size: [u32; 2], found: BoardSighting) -> Self {
        Self { name: name.into(), size, corners: found.corners, edge_px: found.edge_px }
    }

    /// 16 hexadecimal digits by which the image is known again, whatever its name: FNV-1a over the
    /// bits of the corners.
    pub fn digest(&self) -> String {
        let coordinates = self.corners.iter().flat_map(|corner| [corner.x, corner.y]);
        let bytes = coordinates.flat_map(f64::to_le_bytes);
        let hash = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        format!("{hash:016x}")
    }
}

/// A view from a camera on the arm.
#[derive(Debug, Clone, PartialEq)]
pub struct PosedView {
    /// What was seen.
    pub view: View,
    /// Where the arm said that its flange was; the robot's base is the world.
    pub world_from_flange: Isometry3<f64>,
}

/// How well an arm knows its pose: standard deviations, each way.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PoseNoise {
    /// In meters.
    pub translation_m: f64,
    /// In radians.
    pub rotation_rad: f64,
}

impl Default for PoseNoise {
    /// 0.1 mm and 0.05 degrees: an arm of a meter's reach, whose repeatability is 0.1 mm.
    fn default() -> Self {
        Self { translation_m: 0.000_1, rotation_rad: 0.05_f64.to_radians() }
    }
}

/// A board that lay still while the overhead camera took one image and the wrist camera one or more.
#[derive(Debug, Clone, PartialEq)]
pub struct Placement {
    /// From above.
    pub overhead: View,
    /// From the wrist; more of them average out the arm's error.
    pub wrist: Vec<PosedView>,
}

/// A view that was not used.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Rejected {
    /// The image.
    pub name: String,
    /// Why.
    #[serde(serialize_with = "as_text")]
    pub reason: RejectedReason,
}

/// Why a view was not used.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum RejectedReason {
    /// The whole board is not in it.
    #[error(transparent)]
    Board(#[from] BoardMissing),
    /// Its edges are much wider than the others'.
    #[error(
        "it is blurred: its edges are {edge_px:.1} px wide, those of the other views {usual_px:.1} px"
    )]
    Blurred {
        /// Standard deviation of its blur, in pixels.
        edge_px: f64,
        /// That of the others.
        usual_px: f64,
    },
    /// Its corners are not where one camera would see them.
    #[error(
        "its corners are off by {reprojection_px:.2} px, those of the other views by {usual_px:.2} px: the board was \
         bent, moved, or is another"
    )]
    Corners {
        /// Root mean square distance, in pixels.
        reprojection_px: f64,
        /// The median over the others.
        usual_px: f64,
    },
    /// The arm was not where it is said to have been.
    #[error(
        "its pose does not fit: it is off by {off_mm:.1} mm and {off_deg:.2} degrees{}; the row belongs to another \
         image, or the board or the camera was moved",
        fits.as_ref().map(|name| format!(", but would fit {name}")).unwrap_or_default()
    )]
    Pose {
        /// How far the pose is off, in millimeters.
        off_mm: f64,
        /// And in degrees.
        off_deg: f64,
        /// The other rejected image that the pose fits.
        fits: Option<String>,
    },
    /// The overhead camera and the wrist's do not agree about a board.
    #[error(
        "the overhead camera sees the board {off_mm:.1} mm from where the other pairs expect it: the board was moved \
         between the two images, or they are no pair"
    )]
    Pair {
        /// How far, in millimeters.
        off_mm: f64,
    },
    /// A held-out view that is none.
    #[error(
        "the camera was calibrated with it: it says nothing new; take views of boards in other places"
    )]
    CalibratedWith,
}

fn as_text<S: serde::Serializer>(
    reason: &RejectedReason,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_str(reason)
}
