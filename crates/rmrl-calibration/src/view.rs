//! Views of a board, with the arm's pose, and views that were not used.

use nalgebra::{Isometry3, Point2, Point3};
use serde::Serialize;

use crate::board_corner::{BoardCorner, matches};
use crate::{BoardMissing, BoardSighting};

/// The corners of a board in one image.
#[derive(Debug, Clone, PartialEq)]
pub struct View {
    /// The image's name, for messages.
    pub name: String,
    /// Width and height of the image, in pixels.
    pub size: [u32; 2],
    /// The visible corners, in rising order of their index: all of a chessboard, some or all of a ChArUco board.
    pub corners: Vec<BoardCorner>,
    /// The width of edges: the standard deviation of their blur, in pixels.
    pub edge_px: f64,
}

impl View {
    /// The view of an image in which a board was found.
    pub fn new(name: impl Into<String>, size: [u32; 2], found: BoardSighting) -> Self {
        Self { name: name.into(), size, corners: found.corners, edge_px: found.edge_px }
    }

    /// The view of a whole board, whose corners' pixels are in the order of [`rmrl_vision::Chessboard::points`].
    pub fn whole(
        name: impl Into<String>,
        size: [u32; 2],
        pixels: impl IntoIterator<Item = Point2<f64>>,
        edge_px: f64,
    ) -> Self {
        let corners = pixels.into_iter().enumerate();
        let corners = corners.map(|(index, pixel)| BoardCorner { index, pixel }).collect();
        Self { name: name.into(), size, corners, edge_px }
    }

    /// The corners with their places on the board.
    pub(crate) fn matches<'a>(
        &'a self,
        points: &'a [Point3<f64>],
    ) -> impl Iterator<Item = (Point3<f64>, Point2<f64>)> {
        matches(&self.corners, points)
    }

    /// 16 hexadecimal digits that identify the image, whatever its name: FNV-1a over the bits of the corners.
    pub fn digest(&self) -> String {
        let coordinates = self.corners.iter().flat_map(|corner| [corner.pixel.x, corner.pixel.y]);
        let bytes = coordinates.flat_map(f64::to_le_bytes);
        format!("{:016x}", rmrl_core::fnv1a(bytes))
    }
}

/// A view from a camera on the arm, or of a board on the arm.
#[derive(Debug, Clone, PartialEq)]
pub struct PosedView {
    /// The view.
    pub view: View,
    /// The pose of the flange that the arm reported.
    pub world_from_flange: Isometry3<f64>,
}

/// The noise of an arm's reported poses: standard deviations along or about each axis.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PoseNoise {
    /// Of the translation, in meters.
    pub translation_m: f64,
    /// Of the rotation, in radians.
    pub rotation_rad: f64,
}

impl Default for PoseNoise {
    /// 0.1 mm and 0.05 degrees, for an arm with a reach of one meter and a repeatability of 0.1 mm.
    fn default() -> Self {
        Self { translation_m: 0.000_1, rotation_rad: 0.05_f64.to_radians() }
    }
}

/// A board that did not move while the overhead camera took one image and the wrist camera one or more.
#[derive(Debug, Clone, PartialEq)]
pub struct Placement {
    /// The view of the overhead camera.
    pub overhead: View,
    /// The views of the wrist camera; more views average the arm's error.
    pub wrist: Vec<PosedView>,
}

/// A view that was not used.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Rejected {
    /// The image.
    pub name: String,
    /// Why the view was not used.
    #[serde(serialize_with = "as_text")]
    pub reason: RejectedReason,
}

/// Why a view was not used.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum RejectedReason {
    /// The image does not show the whole board.
    #[error(transparent)]
    Board(#[from] BoardMissing),
    /// The image has another size than most.
    #[error(
        "it is {} x {} pixels, most others {} x {}: a camera is calibrated at one image size",
        size[0], size[1], usual[0], usual[1]
    )]
    Size {
        /// The image's size.
        size: [u32; 2],
        /// The size of most images.
        usual: [u32; 2],
    },
    /// The image is much more blurred than the others.
    #[error(
        "it is blurred: its edges are {edge_px:.1} px wide, those of the other views {usual_px:.1} px"
    )]
    Blurred {
        /// The width of edges in this view, in pixels.
        edge_px: f64,
        /// The median over all views, in pixels.
        usual_px: f64,
    },
    /// The corners do not fit the camera's intrinsics.
    #[error(
        "its corners are off by {reprojection_px:.2} px, those of the other views by {usual_px:.2} px: the board was \
         bent or moved, or it is another board"
    )]
    Corners {
        /// Root mean square distance from the expected corners, in pixels.
        reprojection_px: f64,
        /// The median over all views, in pixels.
        usual_px: f64,
    },
    /// The reported pose of the arm does not fit.
    #[error(
        "its pose does not fit: it is off by {off_mm:.1} mm and {off_deg:.2} degrees{}; the row belongs to another \
         image, or the board or the camera was moved",
        fits.as_ref().map(|name| format!(", but would fit {name}")).unwrap_or_default()
    )]
    Pose {
        /// The error of the translation, in millimeters.
        off_mm: f64,
        /// The error of the rotation, in degrees.
        off_deg: f64,
        /// The other rejected image that the pose fits.
        fits: Option<String>,
    },
    /// The overhead camera and the wrist camera disagree about the board.
    #[error(
        "the overhead camera sees the board {off_mm:.1} mm from where the other pairs expect it: the board was moved \
         between the two images, or they do not belong together"
    )]
    Pair {
        /// The distance, in millimeters.
        off_mm: f64,
    },
    /// The view was used for the calibration, so it cannot check it.
    #[error(
        "the camera was calibrated with it, so it proves nothing; take views of boards in other places"
    )]
    CalibratedWith,
    /// The image is a copy of another one.
    #[error("it is a copy of {original}")]
    Copy {
        /// The other image.
        original: String,
    },
}

fn as_text<S: serde::Serializer>(
    reason: &RejectedReason,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_str(reason)
}
