//! Why there is no calibration.

use crate::Rejected;

/// Why views make no calibration, and what to add.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum CalibrationError {
    /// A board that cannot be used.
    #[error(transparent)]
    Board(#[from] rmrl_vision::ChessboardError),
    /// Too few usable views.
    #[error(
        "{usable} of {given} {what} can be used, and at least {needed} are needed{}",
        because(rejected)
    )]
    TooFew {
        /// Views, or pairs.
        what: &'static str,
        /// Usable ones.
        usable: usize,
        /// All of them.
        given: usize,
        /// How many are needed.
        needed: usize,
        /// Those that are not usable.
        rejected: Vec<Rejected>,
    },
    /// An image of another size than the first.
    #[error("{name} is {} x {}, the others are {} x {}: a camera is calibrated at one image size", size[0], size[1], expected[0], expected[1])]
    Size {
        /// The image.
        name: String,
        /// Its size.
        size: [u32; 2],
        /// The size expected.
        expected: [u32; 2],
    },
    /// A view with another number of corners than the board.
    #[error("{name} has {corners} corners, the board {expected}")]
    Corners {
        /// The image.
        name: String,
        /// Corners of the view.
        corners: usize,
        /// Corners of the board.
        expected: usize,
    },
    /// All boards are seen from the same side.
    #[error(
        "the views' boards differ in tilt by {spread_deg:.1} degrees, and at least {needed_deg} are needed to tell the \
         focal length from the distance: add views with the board tilted to the left, right, front and back by 20 to \
         40 degrees"
    )]
    TooLittleTilt {
        /// The largest angle between two boards' planes, in degrees.
        spread_deg: f64,
        /// How much is needed.
        needed_deg: f64,
    },
    /// The arm turned about one axis only, or hardly.
    #[error(
        "the flange turned by {first_deg:.1} degrees about one axis and by {second_deg:.1} about the others, and at \
         least {needed_deg} about two are needed: add views with the wrist rolled, pitched and yawed by 20 degrees and \
         more"
    )]
    TooLittleRotation {
        /// Root mean square turn about the main axis, in degrees.
        first_deg: f64,
        /// About the next one.
        second_deg: f64,
        /// How much is needed.
        needed_deg: f64,
    },
    /// A camera that looks past the table.
    #[error(
        "where {name} shows a corner of the board, the camera does not look onto the table: its [world_from_camera] \
         or its distortion is wrong; calibrate it again"
    )]
    OffTable {
        /// The overhead image.
        name: String,
    },
    /// Nothing fits the views.
    #[error("no camera fits the views: {what}")]
    NoFit {
        /// What did not come out.
        what: &'static str,
    },
}

fn because(rejected: &[Rejected]) -> String {
    rejected.iter().map(|view| format!("; {}: {}", view.name, view.reason)).collect()
}
