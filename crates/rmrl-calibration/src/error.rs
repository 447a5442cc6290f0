//! Why a calibration fails.

use crate::{PoseReading, Rejected};

/// Why a calibration fails, and which views to add.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum CalibrationError {
    /// The board is invalid.
    #[error(transparent)]
    Board(#[from] rmrl_core::InvalidKey),
    /// Too few views are usable.
    #[error(
        "{usable} of {given} {what} are usable, but at least {needed} are needed{}",
        because(rejected)
    )]
    TooFew {
        /// What there are too few of: views, or pairs.
        what: &'static str,
        /// The number of usable ones.
        usable: usize,
        /// The number of all.
        given: usize,
        /// How many are needed.
        needed: usize,
        /// The views that are not usable.
        rejected: Vec<Rejected>,
    },
    /// An image has another size than the first.
    #[error("{name} is {} x {}, the others are {} x {}: a camera is calibrated at one image size", size[0], size[1], expected[0], expected[1])]
    Size {
        /// The image.
        name: String,
        /// The image's size.
        size: [u32; 2],
        /// The expected size.
        expected: [u32; 2],
    },
    /// A view has corners that the board has not.
    #[error(
        "{name} has {corners} corners, which are not corners of the board with {expected}, each once"
    )]
    Corners {
        /// The image.
        name: String,
        /// Corners of the view.
        corners: usize,
        /// Corners of the board.
        expected: usize,
    },
    /// All boards have nearly the same tilt.
    #[error(
        "the views' boards differ in tilt by {spread_deg:.1} degrees, but at least {needed_deg} are needed to separate \
         the focal length from the distance: add views with the board tilted to the left, right, front and back by 20 to \
         40 degrees"
    )]
    TooLittleTilt {
        /// The largest angle between two boards' planes, in degrees.
        spread_deg: f64,
        /// The needed angle, in degrees.
        needed_deg: f64,
    },
    /// The arm rotated about one axis only, or hardly at all.
    #[error(
        "the flange rotated by {first_deg:.1} degrees about one axis and by {second_deg:.1} about the others, but at \
         least {needed_deg} about two are needed: add views with the wrist rolled, pitched and yawed by 20 degrees and \
         more"
    )]
    TooLittleRotation {
        /// Root mean square rotation about the main axis, in degrees.
        first_deg: f64,
        /// Root mean square rotation about the next axis, in degrees.
        second_deg: f64,
        /// The needed angle, in degrees.
        needed_deg: f64,
    },
    /// The arm turned a board that it held about one axis only, or hardly at all.
    #[error(
        "the arm turned the board by {first_deg:.1} degrees about one axis and by {second_deg:.1} about the others, but at \
         least {needed_deg} about two are needed: turns about one axis cannot tell the camera's height from the board's. Add \
         views with the flange tilted by 15 to 25 degrees forward, backward and to both sides"
    )]
    TurnsAboutOneAxis {
        /// Root mean square rotation about the main axis, in degrees.
        first_deg: f64,
        /// Root mean square rotation about the next axis, in degrees.
        second_deg: f64,
        /// The needed angle, in degrees.
        needed_deg: f64,
    },
    /// The poses were read in another way than they were meant.
    #[error(
        "the poses do not fit the images as they were read (millimeters, degrees, R = Rz(yaw) Ry(pitch) Rx(roll), of the \
         flange in the robot's base), but they do if {reading}: write the table so, or name its columns for what they are"
    )]
    OtherReading {
        /// How the poses fit.
        reading: PoseReading,
    },
    /// The camera does not look at the table.
    #[error(
        "where {name} shows a corner of the board, the camera does not look onto the table: its [world_from_camera] \
         or its distortion is wrong; calibrate it again"
    )]
    OffTable {
        /// The overhead image.
        name: String,
    },
    /// The numbers that fit the views are no camera's.
    #[error("no camera fits the views: {0}")]
    Intrinsics(#[from] rmrl_vision::IntrinsicsError),
    /// No camera fits the views.
    #[error("no camera fits the views: {what}")]
    NoFit {
        /// What could not be determined.
        what: &'static str,
    },
}

impl CalibrationError {
    /// The same error, which also counts views that were not usable before the calibration.
    #[must_use]
    pub fn with_unused(mut self, unused: &[Rejected]) -> Self {
        if let Self::TooFew { what, given, rejected, .. } = &mut self {
            // A pair consists of several views.
            *given += if *what == VIEWS { unused.len() } else { 0 };
            rejected.splice(0..0, unused.iter().cloned());
        }
        self
    }
}

/// What intrinsics and hand-eye need.
pub(crate) const VIEWS: &str = "views";
/// What the overhead camera needs.
pub(crate) const PAIRS: &str = "pairs with a visible board";

fn because(rejected: &[Rejected]) -> String {
    rejected.iter().map(|view| format!("; {}: {}", view.name, view.reason)).collect()
}
