//! Where the jaws hold a labware.

use rmrl_core::ConfigKeys;
use serde::{Deserialize, Serialize};

/// The default of [`Grip::tolerance_m`], in meters: 0.5 mm for the plate (ANSI/SLAS 1) and up to 1.3 mm for the BIO
/// gripper, because the vendor's two libraries convert its position that differently at 150 mm. Rounded up; untuned.
pub const DEFAULT_GRIP_TOLERANCE_M: f64 = 0.002;

/// Where the jaws hold a labware, and how far apart they are then.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ConfigKeys)]
#[serde(deny_unknown_fields)]
pub struct Grip {
    /// The distance between the held faces, in meters. It is the length or the width of the footprint, or a little
    /// less if the jaws hold the labware above its flange.
    #[key(above = 0, at_most = 1)]
    pub width_m: f64,
    /// The height of the finger tips above the labware's bottom, in meters.
    #[key(at_least = 0, at_most = 1)]
    pub height_m: f64,
    /// How far the measured width may be from `width_m`, in meters. Default 0.002.
    #[serde(default = "default_tolerance_m")]
    #[key(above = 0, at_most = 0.01)]
    pub tolerance_m: f64,
}

fn default_tolerance_m() -> f64 {
    DEFAULT_GRIP_TOLERANCE_M
}
