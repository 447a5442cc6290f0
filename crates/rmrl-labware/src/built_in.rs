//! Labware that needs no configuration, with the source of each number.
//!
//! Footprint: ANSI/SLAS 1-2004 (R2012), 127.76 x 85.48 mm, each within 0.5 mm along the sides and within 0.25 mm near
//! the corners. Height: ANSI/SLAS 2-2004 (R2012), 14.35 mm within 0.76 mm. The jaws hold the flange, whose height is
//! 2.41 mm or more by ANSI/SLAS 3-2004 (R2012). No standard says how plates nest, and none is about lids or the height
//! of deep well plates: these numbers are of single products.

use crate::grip::{DEFAULT_GRIP_TOLERANCE_M, Grip};
use crate::kind::LabwareKind;
use crate::labware::Labware;
use crate::lid::Lid;

/// The length of a plate's footprint by ANSI/SLAS 1-2004, in meters.
pub const SLAS_LENGTH_M: f64 = 0.12776;
/// The width of a plate's footprint by ANSI/SLAS 1-2004, in meters.
pub const SLAS_WIDTH_M: f64 = 0.08548;
/// The tolerance of both by ANSI/SLAS 1-2004, in meters.
pub const SLAS_SIDE_TOLERANCE_M: f64 = 0.0005;
/// The height of a microplate by ANSI/SLAS 2-2004, in meters.
pub const SLAS_HEIGHT_M: f64 = 0.01435;

/// How much a 96-well plate adds to a stack, in meters: its height less 1.11 mm, by which Corning's nests into one below
/// it according to Opentrons' definition `corning_96_wellplate_360ul_flat`, version 5.
const STACKING_HEIGHT_96_M: f64 = 0.01324;
/// The height of USA Scientific's 2.4 ml plate, 44.1 mm in Opentrons' definition `usascientific_96_wellplate_2.4ml_deep`,
/// and about that of Corning's Axygen plates, 44.24 mm in PyLabRobot's, in meters.
const DEEP_WELL_HEIGHT_M: f64 = 0.0441;
/// Corning's lid of its 96-well plate, in PyLabRobot's definition `cor_96_wellplate_360uL_Fb_lid`: as large as the plate,
/// 8.9 mm high, 7.6 mm of it beside the plate. The grip is at half its height; untuned.
const CORNING_LID: Lid = Lid {
    length_m: SLAS_LENGTH_M,
    width_m: SLAS_WIDTH_M,
    height_m: 0.0089,
    nesting_m: 0.0076,
    grip_height_m: 0.00445,
};
/// The height of the finger tips above a plate's bottom, in meters: that of this project's cells. They hold the flange,
/// where a plate is as wide as its footprint.
const FLANGE_GRIP_HEIGHT_M: f64 = 0.002;

/// All built-in labware: `96-well`, `384-well`, `96-deep-well` and `96-well-with-lid`.
///
/// The jaws hold each by its long faces, 85.48 mm apart. Plates differ from maker to maker, most of all in height and
/// nesting: measure yours, and say `like = "96-well"` with what differs.
pub fn built_in_labware() -> Vec<Labware> {
    let flat = |name: &str| slas(name, LabwareKind::Microplate, SLAS_HEIGHT_M);
    let nests = |plate: Labware| Labware { stacking_height_m: STACKING_HEIGHT_96_M, ..plate };
    vec![
        nests(flat("96-well")),
        // Their nesting has no source here: a plate is released a little too high on a stack, never pressed down.
        flat("384-well"),
        slas("96-deep-well", LabwareKind::DeepWellPlate, DEEP_WELL_HEIGHT_M),
        Labware { lid: Some(CORNING_LID), ..nests(flat("96-well-with-lid")) },
    ]
}

fn slas(name: &str, kind: LabwareKind, height_m: f64) -> Labware {
    Labware {
        name: name.to_string(),
        kind,
        length_m: SLAS_LENGTH_M,
        width_m: SLAS_WIDTH_M,
        height_m,
        stacking_height_m: height_m,
        grip: Grip {
            width_m: SLAS_WIDTH_M,
            height_m: FLANGE_GRIP_HEIGHT_M,
            tolerance_m: DEFAULT_GRIP_TOLERANCE_M,
        },
        lid: None,
    }
}
