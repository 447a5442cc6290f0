//! Why the envelope refuses a motion.

use std::fmt;

use crate::ToolPose;

/// A direction of the workspace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Axis {
    /// Away from the robot's base.
    X,
    /// To the left of the robot's base.
    Y,
    /// Up.
    Z,
}

impl fmt::Display for Axis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::X => "x",
            Self::Y => "y",
            Self::Z => "z",
        })
    }
}

/// A refused motion. No part of it was carried out.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum SafetyViolation {
    /// The motion would leave the workspace.
    #[error("a motion to {axis} = {value_m:.4} m would leave the workspace, {min_m} to {max_m} m")]
    OutsideWorkspace {
        /// The direction in which it would leave.
        axis: Axis,
        /// Where it would end.
        value_m: f64,
        /// The workspace's lower end.
        min_m: f64,
        /// The workspace's upper end.
        max_m: f64,
    },
    /// The arm stands outside of the workspace already, so that its path inside is unknown.
    #[error(
        "the arm stands at {axis} = {value_m:.4} m, outside of the workspace, {min_m} to {max_m} m; bring it inside by hand first"
    )]
    StartsOutside {
        /// The direction in which it stands outside.
        axis: Axis,
        /// Where it stands.
        value_m: f64,
        /// The workspace's lower end.
        min_m: f64,
        /// The workspace's upper end.
        max_m: f64,
    },
    /// The motion would be too fast.
    #[error("a motion at {speed_m_s} m/s is above the limit of {max_m_s} m/s (or no speed at all)")]
    Speed {
        /// The requested speed.
        speed_m_s: f64,
        /// The limit.
        max_m_s: f64,
    },
    /// The adjustment is too large.
    #[error(
        "an adjustment of {:.2} mm and {rotation_deg:.2} degrees is above the limit of {:.2} mm and {max_deg} degrees",
        translation_m * 1000.0, max_m * 1000.0
    )]
    Adjustment {
        /// The requested translation.
        translation_m: f64,
        /// The requested rotation.
        rotation_deg: f64,
        /// The largest translation allowed.
        max_m: f64,
        /// The largest rotation allowed.
        max_deg: f64,
    },
    /// Something on a flange that tilts a board would leave the workspace.
    #[error(
        "what the flange carries would come to {axis} = {value_m:.4} m, within {margin_m} m of the workspace's end or \
         beyond it: {} to {} m", limits_m[0], limits_m[1]
    )]
    CarriedOutside {
        /// The direction in which it would leave.
        axis: Axis,
        /// Where it would be.
        value_m: f64,
        /// The margin that has to be left.
        margin_m: f64,
        /// The workspace's lower and upper end.
        limits_m: [f64; 2],
    },
    /// The flange would be tilted too far.
    #[error(
        "the flange would be {tilt_deg:.1} degrees from straight down, at most {max_deg} are allowed"
    )]
    Tilt {
        /// The tilt.
        tilt_deg: f64,
        /// The limit.
        max_deg: f64,
    },
    /// The flange would go from one tilted pose to another.
    #[error(
        "the flange has to be upright at one end of every line: it tilts in a place, and rises again before it leaves"
    )]
    TiltedAtBothEnds,
    /// A coordinate is not a number.
    #[error("a motion to a pose that is not a number: {target:?}")]
    NotANumber {
        /// The requested pose.
        target: ToolPose,
    },
}

/// The candidate actions exceed the envelope, which would refuse trials.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[error(
    "the candidate values of the action space can exceed the safety envelope: {refusal}; allow more or choose smaller candidates"
)]
pub struct UnsafeActions {
    /// Why the envelope refuses the largest action.
    pub refusal: SafetyViolation,
}
