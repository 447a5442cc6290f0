//! What a measured width says is wrong with a grip.

use crate::side::Side;

/// Why the jaws do not hold the labware as expected. Widths are distances of the jaws in meters.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum GripFault {
    /// The gripper reported something that is no width.
    #[error(
        "the gripper reports a width of {measured_m} m, which is no width; check the gripper's cable and its error"
    )]
    NotAWidth {
        /// What was measured.
        measured_m: f64,
    },
    /// The jaws are fully closed.
    #[error("the jaws hold nothing: they are {:.1} mm apart and close to {:.1} mm, expected {:.1} mm of {labware}; \
        look whether {labware} is in its place, and whether the jaws close at its height",
        mm(*measured_m), mm(*closed_m), mm(*expected_m))]
    NothingHeld {
        /// The name of the labware.
        labware: String,
        /// What was measured.
        measured_m: f64,
        /// What was expected.
        expected_m: f64,
        /// How far the jaws close.
        closed_m: f64,
    },
    /// The jaws are still open.
    #[error("the jaws did not close: they are {:.1} mm apart and open to {:.1} mm, expected {:.1} mm of {labware}; \
        look what is between the jaws, and whether the gripper has power", mm(*measured_m), mm(*open_m), mm(*expected_m))]
    StillOpen {
        /// The name of the labware.
        labware: String,
        /// What was measured.
        measured_m: f64,
        /// What was expected.
        expected_m: f64,
        /// How far the jaws open.
        open_m: f64,
    },
    /// The jaws hold the labware by its other side.
    #[error("the jaws hold {labware} by the wrong side: they are {:.1} mm apart, which is its {side}, expected {:.1} mm; \
        look whether it was put down turned by 90 degrees", mm(*measured_m), mm(*expected_m))]
    WrongSide {
        /// The name of the labware.
        labware: String,
        /// What was measured.
        measured_m: f64,
        /// What was expected.
        expected_m: f64,
        /// The dimension that is between the jaws.
        side: Side,
    },
    /// What the jaws hold is wider than the labware.
    #[error("{labware} is crooked between the jaws: they are {:.1} mm apart, expected {:.1} mm within {:.1}{}; \
        look whether it is turned, or whether a lid's edge or a corner is between the jaws",
        mm(*measured_m), mm(*expected_m), mm(*tolerance_m), turned(*yaw_rad))]
    Crooked {
        /// The name of the labware.
        labware: String,
        /// What was measured.
        measured_m: f64,
        /// What was expected.
        expected_m: f64,
        /// How far the measured width may be from the expected one.
        tolerance_m: f64,
        /// The smallest yaw between the jaws that makes the labware that wide, in radians; `None` if no yaw does.
        yaw_rad: Option<f64>,
    },
    /// What the jaws hold is narrower than the labware.
    #[error("what the jaws hold is too narrow for {labware}: they are {:.1} mm apart, expected {:.1} mm within {:.1}; \
        look whether it is another labware, or crushed", mm(*measured_m), mm(*expected_m), mm(*tolerance_m))]
    TooNarrow {
        /// The name of the labware.
        labware: String,
        /// What was measured.
        measured_m: f64,
        /// What was expected.
        expected_m: f64,
        /// How far the measured width may be from the expected one.
        tolerance_m: f64,
    },
}

fn mm(length_m: f64) -> f64 {
    1000.0 * length_m
}

fn turned(yaw_rad: Option<f64>) -> String {
    match yaw_rad {
        Some(yaw_rad) => format!(", as if turned by {:.1} degrees", yaw_rad.to_degrees()),
        None => ", which no turn explains".to_string(),
    }
}
