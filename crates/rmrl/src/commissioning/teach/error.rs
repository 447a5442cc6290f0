//! Why a pose cannot be taught.

use rmrl_cell::SafetyViolation;
use rmrl_core::InvalidKey;

/// Why a pose cannot be taught.
#[derive(Debug, thiserror::Error)]
pub enum TeachError {
    /// The limits of the safety envelope are invalid.
    #[error("safety.{0}")]
    Safety(#[from] InvalidKey),
    /// The pose is outside of the safety envelope.
    #[error("{0}; teach a pose inside, or extend [safety] and xarm.fence_m")]
    Outside(SafetyViolation),
    /// The tool is tilted. Trials hold it straight down, where the same place has another pose.
    #[error(
        "the tool points {tilt_deg:.2} degrees from straight down, at most {MAX_TILT_DEG} are allowed; turn \
         it upright first (roll 180, pitch 0 in the vendor's software)"
    )]
    Tilted {
        /// The angle from straight down, in degrees.
        tilt_deg: f64,
    },
    /// The plate that the camera sees is not on the surface of the place.
    #[error(
        "the plate lies {seen_mm:.1} mm high, task.place.surface_m expects {expected_mm:.1} mm; teach the \
         place with the arm, which measures heights"
    )]
    Height {
        /// The height of the plate's center as seen, in millimeters.
        seen_mm: f64,
        /// The expected height, in millimeters.
        expected_mm: f64,
    },
    /// There is no such waypoint to replace.
    #[error("there is no waypoint {number} to replace: task.via has {count}")]
    NoWaypoint {
        /// The index, from 0.
        number: usize,
        /// The number of waypoints.
        count: usize,
    },
    /// The site has no such slot.
    #[error("site {site} has {count} slots, not {slot}; set sites.{site}.slots first")]
    NoSlot {
        /// The site.
        site: String,
        /// The slot that was asked for.
        slot: u32,
        /// The number of slots.
        count: u32,
    },
    /// The configuration file is not TOML.
    #[error("the configuration file is not valid TOML: {0}")]
    Syntax(#[from] toml_edit::TomlError),
    /// A key has a value of another kind.
    #[error("{key} in the configuration file is not {expected}")]
    Shape {
        /// The key.
        key: &'static str,
        /// The expected kind.
        expected: &'static str,
    },
}

/// The largest tilt at which poses are taught, in degrees. At half the plate's length, 64 mm, one degree
/// is a millimeter in height.
pub(crate) const MAX_TILT_DEG: f64 = 1.0;
