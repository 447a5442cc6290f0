//! The width that the gripper measured, compared with the labware that it should hold.

use crate::grip_fault::GripFault;
use crate::jaws::Jaws;
use crate::labware::Labware;
use crate::turned::yaw_between_jaws;

/// What a gripper reports after closing.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GripReading {
    /// How far apart the jaws are, in meters; `None` from a gripper that does not measure it, such as the first
    /// generation of the BIO gripper.
    pub width_m: Option<f64>,
    /// How far apart they can be.
    pub jaws: Jaws,
}

/// What is known of a labware between the jaws, when nothing is wrong.
#[derive(Debug, Clone, Copy, PartialEq)]
#[must_use]
pub enum Held {
    /// The width is that of the labware.
    AsExpected {
        /// What was measured, in meters.
        measured_m: f64,
        /// What was measured, less what was expected, in meters.
        deviation_m: f64,
    },
    /// The gripper measures no width.
    Unknown,
}

/// Compares a measured width with the labware that the jaws should hold.
///
/// One width does not always have one cause: a plate that is turned by 22 degrees is as wide as its other side is long,
/// and is reported as held by the wrong side. A width that is within the grip's tolerance is as expected, so an
/// ANSI/SLAS plate may be turned by 0.9 degrees at 2 mm.
///
/// Judge a lid with the labware of [`Labware::lid_alone`].
///
/// ```
/// use rmrl_labware::{GripFault, GripReading, Held, Jaws, Library, judge_grip, width_between_jaws};
///
/// let library = Library::built_in();
/// let plate = library.get("96-well")?;
/// let jaws = Jaws { closed_m: 0.071, open_m: 0.150 };
/// let judge = |width_m| judge_grip(plate, &GripReading { width_m, jaws });
///
/// let turned_m = width_between_jaws(plate.width_m, plate.length_m, 0.05);
/// match judge(Some(turned_m)) {
///     Err(GripFault::Crooked { yaw_rad: Some(yaw_rad), .. }) => assert!((yaw_rad - 0.05).abs() < 1e-9),
///     other => panic!("{other:?}"),
/// }
/// assert_eq!(judge(None), Ok(Held::Unknown));
/// # Ok::<(), rmrl_labware::LibraryError>(())
/// ```
///
/// # Errors
/// The jaws hold nothing, did not close, or hold something else, another side, or the labware crooked.
pub fn judge_grip(labware: &Labware, reading: &GripReading) -> Result<Held, GripFault> {
    let Some(measured_m) = reading.width_m else { return Ok(Held::Unknown) };
    let Jaws { closed_m, open_m } = reading.jaws;
    let (expected_m, tolerance_m) = (labware.grip.width_m, labware.grip.tolerance_m);
    let other_m = labware.other_grip_width_m();
    let name = || labware.name.clone();
    if !measured_m.is_finite() || measured_m < 0.0 {
        return Err(GripFault::NotAWidth { measured_m });
    }
    if measured_m <= closed_m + tolerance_m {
        return Err(GripFault::NothingHeld { labware: name(), measured_m, expected_m, closed_m });
    }
    if (measured_m - expected_m).abs() <= tolerance_m {
        return Ok(Held::AsExpected { measured_m, deviation_m: measured_m - expected_m });
    }
    if (measured_m - other_m).abs() <= tolerance_m {
        let side = labware.held_side().other();
        return Err(GripFault::WrongSide { labware: name(), measured_m, expected_m, side });
    }
    if measured_m >= open_m - tolerance_m {
        return Err(GripFault::StillOpen { labware: name(), measured_m, expected_m, open_m });
    }
    if measured_m > expected_m {
        let yaw_rad = yaw_between_jaws(expected_m, other_m, measured_m);
        let labware = name();
        return Err(GripFault::Crooked { labware, measured_m, expected_m, tolerance_m, yaw_rad });
    }
    Err(GripFault::TooNarrow { labware: name(), measured_m, expected_m, tolerance_m })
}
