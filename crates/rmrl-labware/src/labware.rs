//! One kind of labware: its dimensions, and the checks between them.

use rmrl_core::{Check, ConfigKeys, InvalidKey};
use serde::{Deserialize, Serialize};

use crate::grip::Grip;
use crate::jaws::Jaws;
use crate::kind::LabwareKind;
use crate::lid::Lid;
use crate::side::Side;

/// How much narrower than its footprint a labware may be where the jaws hold it, in meters. A flange is 1.27 mm or more
/// on each side (ANSI/SLAS 3); 6 mm allows for 3 mm on each. Untuned.
const MOST_INSET_M: f64 = 0.006;
/// How much smaller than its plate a lid may be, in meters: PyLabRobot's lids are up to 0.8 mm smaller, lids that lie
/// inside of the flange up to the flange.
const MOST_LID_UNDERSIZE_M: f64 = MOST_INSET_M;
/// How much larger than its plate a lid may be, in meters. Untuned.
const MOST_LID_OVERSIZE_M: f64 = 0.01;
/// What the name of a lid that lies alone ends with: the lid of `96-well` is `96-well.lid`.
const LID: &str = ".lid";
/// The longest name, in bytes.
const LONGEST_NAME: usize = 100;

/// One kind of labware: what a robot arm carries between places. Lengths are in meters.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ConfigKeys)]
#[serde(deny_unknown_fields)]
#[config(rules = Self::check_together)]
pub struct Labware {
    /// The name by which configurations and schedulers mean it.
    #[key(valid = is_name, expected = "1 to 100 bytes of visible text without spaces around it")]
    pub name: String,
    /// The kind. Default `microplate`.
    #[serde(default)]
    pub kind: LabwareKind,
    /// The footprint along the long side, in meters.
    #[key(above = 0, at_most = 1)]
    pub length_m: f64,
    /// The footprint along the short side, in meters.
    #[key(above = 0, at_most = 1)]
    pub width_m: f64,
    /// The height from the bottom to the top, without a lid, in meters.
    #[key(above = 0, at_most = 1)]
    pub height_m: f64,
    /// How much a stack grows with each further one of this labware, in meters: the height less what plates nest into
    /// each other. Without lids.
    #[key(above = 0, at_most = 1)]
    pub stacking_height_m: f64,
    /// Where the jaws hold it.
    #[key(nested)]
    pub grip: Grip,
    /// Its lid. Default none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[key(nested)]
    pub lid: Option<Lid>,
}

fn is_name(name: &str) -> bool {
    let has_length = (1..=LONGEST_NAME).contains(&name.len());
    has_length && name.trim() == name && !name.chars().any(char::is_control)
}

impl Labware {
    /// Checks every value, the values against each other, and whether `jaws` can hold the labware and its lid.
    ///
    /// # Errors
    /// The first invalid key, with what was expected.
    pub fn check(&self, jaws: &Jaws) -> Result<(), InvalidKey> {
        jaws.validate()?;
        self.validate()?;
        let check = Check::new("");
        self.check_reach(&check, "grip.width_m", self.grip.width_m, jaws)?;
        if let Some(lid) = self.lid_alone() {
            let key = format!("lid.{}_m", self.held_side());
            self.check_reach(&check, &key, lid.grip.width_m, jaws)?;
        }
        Ok(())
    }

    /// The dimension of the footprint that lies between the jaws: the one that is closer to the grip's width.
    pub fn held_side(&self) -> Side {
        let is_apart = |side_m: f64| (self.grip.width_m - side_m).abs();
        if is_apart(self.length_m) < is_apart(self.width_m) { Side::Length } else { Side::Width }
    }

    /// A dimension of the footprint, in meters.
    pub fn side_m(&self, side: Side) -> f64 {
        match side {
            Side::Length => self.length_m,
            Side::Width => self.width_m,
        }
    }

    /// The other dimension at the height of the grip, in meters: how far apart the jaws are if they hold the labware by
    /// the other two faces. A flange is as wide on all sides.
    pub fn other_grip_width_m(&self) -> f64 {
        let side = self.held_side();
        self.side_m(side.other()) - (self.side_m(side) - self.grip.width_m)
    }

    /// The height without a lid, in meters.
    pub fn without_lid_m(&self) -> f64 {
        self.height_m
    }

    /// The height with the lid on, in meters; `None` if there is no lid.
    pub fn with_lid_m(&self) -> Option<f64> {
        self.lid.map(|lid| self.height_m - lid.nesting_m + lid.height_m)
    }

    /// The height of the lid's rim above the bottom of the covered labware, in meters; `None` if there is no lid.
    pub fn lid_rim_m(&self) -> Option<f64> {
        self.lid.map(|lid| self.height_m - lid.nesting_m)
    }

    /// The height of the finger tips above the bottom of the covered labware when the jaws take the lid off or put it
    /// on, in meters; `None` if there is no lid.
    pub fn lid_grip_height_m(&self) -> Option<f64> {
        self.lid.map(|lid| self.height_m - lid.nesting_m + lid.grip_height_m)
    }

    /// How far the lid is beyond the footprint on each end of the length and of the width, in meters; negative where it
    /// is smaller. `None` if there is no lid.
    pub fn lid_overhang_m(&self) -> Option<[f64; 2]> {
        let overhang_m = |lid_m: f64, plate_m: f64| 0.5 * (lid_m - plate_m);
        self.lid.map(|lid| {
            [overhang_m(lid.length_m, self.length_m), overhang_m(lid.width_m, self.width_m)]
        })
    }

    /// The height of a stack of `count` of this labware without lids, in meters.
    ///
    /// ```
    /// use rmrl_labware::Library;
    /// let library = Library::built_in();
    /// let plate = library.get("96-well")?;
    /// assert_eq!(plate.stack_height_m(0), 0.0);
    /// assert_eq!(plate.stack_height_m(1), 0.01435);
    /// assert!((plate.stack_height_m(3) - (0.01435 + 2.0 * 0.01324)).abs() < 1e-12);
    /// # Ok::<(), rmrl_labware::LibraryError>(())
    /// ```
    pub fn stack_height_m(&self, count: u32) -> f64 {
        match count {
            0 => 0.0,
            _ => self.height_m + f64::from(count - 1) * self.stacking_height_m,
        }
    }

    /// The lid as a labware of its own with the name `NAME.lid`, held by the same sides as the plate; `None` if there is no lid.
    ///
    /// Lids are not stacked on each other, so its stacking height is its height.
    pub fn lid_alone(&self) -> Option<Self> {
        let lid = self.lid?;
        let width_m = match self.held_side() {
            Side::Length => lid.length_m,
            Side::Width => lid.width_m,
        };
        Some(Self {
            name: format!("{}{LID}", self.name),
            kind: LabwareKind::Lid,
            length_m: lid.length_m,
            width_m: lid.width_m,
            height_m: lid.height_m,
            stacking_height_m: lid.height_m,
            grip: Grip { width_m, height_m: lid.grip_height_m, tolerance_m: self.grip.tolerance_m },
            lid: None,
        })
    }

    fn check_together(&self, check: &Check<'_>) -> Result<(), InvalidKey> {
        let is_valid = self.width_m <= self.length_m;
        let expected = format!("at most length_m, {}: x is along the long side", self.length_m);
        check.require("width_m", self.width_m, is_valid, expected)?;
        let is_valid = self.stacking_height_m <= self.height_m;
        let expected = format!("at most height_m, {}", self.height_m);
        check.require("stacking_height_m", self.stacking_height_m, is_valid, expected)?;
        self.check_grip(check)?;
        self.lid.map_or(Ok(()), |lid| self.check_lid(check, &lid))
    }

    fn check_grip(&self, check: &Check<'_>) -> Result<(), InvalidKey> {
        let Grip { width_m, height_m, tolerance_m } = self.grip;
        let fits = |side_m: f64| {
            (side_m - MOST_INSET_M - tolerance_m..=side_m + tolerance_m).contains(&width_m)
        };
        let expected = format!(
            "length_m, {}, or width_m, {}, or at most {MOST_INSET_M} less above a flange",
            self.length_m, self.width_m
        );
        let is_valid = fits(self.length_m) || fits(self.width_m);
        check.require("grip.width_m", width_m, is_valid, expected)?;
        let expected = format!("less than height_m, {}", self.height_m);
        check.require("grip.height_m", height_m, height_m < self.height_m, expected)
    }

    fn check_lid(&self, check: &Check<'_>, lid: &Lid) -> Result<(), InvalidKey> {
        for (key, lid_m, plate_m) in [
            ("lid.length_m", lid.length_m, self.length_m),
            ("lid.width_m", lid.width_m, self.width_m),
        ] {
            let sizes_m = plate_m - MOST_LID_UNDERSIZE_M..=plate_m + MOST_LID_OVERSIZE_M;
            let expected = format!(
                "at most {MOST_LID_UNDERSIZE_M} less or {MOST_LID_OVERSIZE_M} more than the plate's {plate_m}"
            );
            check.require(key, lid_m, sizes_m.contains(&lid_m), expected)?;
        }
        let expected = format!("less than the plate's height_m, {}", self.height_m);
        check.require("lid.nesting_m", lid.nesting_m, lid.nesting_m < self.height_m, expected)?;
        let rim_m = self.height_m - lid.nesting_m;
        let is_below = self.grip.height_m < rim_m;
        let expected = format!("below the lid's rim at {rim_m:.5}, or the jaws hold the lid, too");
        check.require("grip.height_m", self.grip.height_m, is_below, expected)
    }

    /// Requires that the jaws close on a width before they meet each other, and open around it.
    fn check_reach(
        &self,
        check: &Check<'_>,
        key: &str,
        width_m: f64,
        jaws: &Jaws,
    ) -> Result<(), InvalidKey> {
        let tolerance_m = self.grip.tolerance_m;
        let (least_m, most_m) = (jaws.closed_m + 2.0 * tolerance_m, jaws.open_m - tolerance_m);
        let expected = format!(
            "above {least_m:.5} and below {most_m:.5}, because the jaws go from {} to {} and a grip is measured to {tolerance_m}",
            jaws.closed_m, jaws.open_m
        );
        check.require(key, width_m, width_m > least_m && width_m < most_m, expected)
    }
}
