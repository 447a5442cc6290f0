//! Why a line is not clear.

use std::fmt;

use rmrl_core::InvalidKey;
use rmrl_kinematics::{FlangePathError, KinematicsError};

/// How near a part comes to something.
#[derive(Debug, Clone, PartialEq)]
pub struct Nearness {
    /// The part.
    pub part: &'static str,
    /// The obstacle, the table, or a link of the arm.
    pub obstacle: String,
    /// The distance in meters, never more than the true one and at most 0.2 % less; negative where they overlap.
    pub distance_m: f64,
    /// The distance that they have to keep, in meters.
    pub margin_m: f64,
    /// The place on the line, from 0 to 1.
    pub share: f64,
    /// Where the tool's point is there, in meters, in the base's frame.
    pub tool_m: [f64; 3],
    /// The direction of the fingers there in the plane, in radians: 0 is along the base's x.
    pub fingers_rad: f64,
}

impl fmt::Display for Nearness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mm = |m: f64| 1000.0 * m;
        let [x, y, z] = self.tool_m.map(mm);
        let (part, obstacle) = (self.part, &self.obstacle);
        match self.distance_m > 0.0 {
            true => write!(f, "the {part} is {:.1} mm from {obstacle}", mm(self.distance_m))?,
            false => write!(f, "the {part} overlaps {obstacle} by {:.1} mm", -mm(self.distance_m))?,
        }
        write!(
            f,
            " where the margin is {:.1} mm, with the tool at x = {x:.1}, y = {y:.1}, z = {z:.1} mm and the fingers at {:.1} \
             degrees",
            mm(self.margin_m),
            self.fingers_rad.to_degrees()
        )
    }
}

/// Why a line is not proven to be clear.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ClearanceError {
    /// A part comes too near.
    #[error(
        "{0}; lead the line over a via point, correct the box, or, where this is meant, name the obstacle as entered with a \
         smaller margin"
    )]
    TooNear(Box<Nearness>),
    /// The hand comes too near to the arm itself.
    #[error("{0}; lead the line over a via point, or turn the tool elsewhere on it")]
    TooNearToArm(Box<Nearness>),
    /// The line's beginning cannot be reached.
    #[error("the line's beginning cannot be reached: {0}")]
    Start(KinematicsError),
    /// The line cannot be followed.
    #[error(transparent)]
    Path(FlangePathError),
    /// The joints' motion could not be bounded, because the arm is nearly singular.
    #[error(
        "the joints' motion cannot be bounded at {:.1} % of the line, because the arm is nearly singular there; lead the line over a \
         via point", 100.0 * share
    )]
    NotBounded {
        /// The place on the line, from 0 to 1.
        share: f64,
    },
    /// The tool turns by half a turn, which has no shortest way.
    #[error("the tool turns by half a turn, which has no shortest way; turn it in two lines")]
    HalfTurn,
    /// A name is that of no obstacle.
    #[error("`{name}` is no obstacle; name a keep-out box, or \"table\" where there is one")]
    UnknownObstacle {
        /// The name.
        name: String,
    },
    /// A margin of entering is no distance, or greater than the configured one.
    #[error("the margin of entering is {:.1} mm, expected from 0 to {:.1}", 1000.0 * margin_m, 1000.0 * most_m)]
    EnteringMargin {
        /// The margin, in meters.
        margin_m: f64,
        /// The configured margin, in meters.
        most_m: f64,
    },
    /// The jaws do not open that far, or not that little.
    #[error("the jaws' opening is {:.1} mm, expected from {:.1} to {:.1}",
        1000.0 * opening_m, 1000.0 * range_m[0], 1000.0 * range_m[1])]
    Opening {
        /// The opening, in meters.
        opening_m: f64,
        /// The least and greatest opening, in meters.
        range_m: [f64; 2],
    },
    /// The held plate has an invalid size.
    #[error("the held plate: {0}")]
    Plate(InvalidKey),
}
