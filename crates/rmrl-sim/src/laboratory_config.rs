//! What a simulated laboratory has: slots, items and a gripper.

use rmrl_core::PlanarPose;
use rmrl_vision::PlateGeometry;

use crate::laboratory_error::LaboratoryError;
use crate::physics::hand::{CLOSED_HALF_OPENING_M, OPEN_HALF_OPENING_M};
use crate::physics::hand_shape::HandShape;
use crate::physics::rim::Rim;
use crate::scene::cuboid::Cuboid;

/// A laboratory with places. Poses are in the frame of the arm, as it is commanded.
#[derive(Debug, Clone, PartialEq)]
pub struct SimulatedLaboratory {
    /// Where items can lie.
    pub slots: Vec<SimulatedSlot>,
    /// What lies there in the beginning.
    pub items: Vec<SimulatedItem>,
    /// The gripper.
    pub gripper: SimulatedGripper,
}

/// A slot for a plate. It truly is where the arm puts its tool when it is commanded to the taught pose, and its walls with it.
#[derive(Debug, Clone, PartialEq)]
pub struct SimulatedSlot {
    /// Its name, such as `hotel:1`.
    pub name: String,
    /// The commanded pose of the tool where a plate is released. A plate that lies exactly in the slot has its long side along
    /// the tool's x axis.
    pub tool: PlanarPose,
    /// Height of its surface, in meters. 0 is the table, wherever the arm believes it to be.
    pub surface_m: f64,
    /// Its walls.
    pub walls: SlotWalls,
}

/// The walls of a slot.
#[derive(Debug, Clone, PartialEq)]
pub enum SlotWalls {
    /// An open place. Above the table it is a block of the height of its surface.
    None,
    /// A tray on a block of the height of its surface, open where the gripper's fingers reach in.
    Nest {
        /// The free room to each side of a centered plate, in meters.
        clearance_m: f64,
        /// Height of the walls above the surface, in meters.
        wall_height_m: f64,
        /// The lead-in at the upper edge of the walls, at 45 degrees, in meters across and down.
        chamfer_m: f64,
    },
    /// Walls and boards such as a hotel's, in the frame of the arm as it is commanded. The surface is one of them.
    Boxes(Vec<Cuboid>),
}

/// What lies in a laboratory.
#[derive(Debug, Clone, PartialEq)]
pub struct SimulatedItem {
    /// Its name.
    pub id: String,
    /// Its kind.
    pub kind: ItemKind,
    /// Its size, with its own whole height.
    pub geometry: PlateGeometry,
    /// How far it sinks over an item that it lies on, in meters: a lid over its plate, a plate into the rim of the one below.
    pub nesting_m: f64,
    /// The inside of what reaches down beside the item that it lies on: it guides a lid onto its plate. `None` for what slides
    /// freely.
    pub rim: Option<Rim>,
    /// Its mass, in kilograms.
    pub mass_kg: f64,
    /// The scene whose plate it looks like. See [`CellDistribution::draw_plate`](crate::CellDistribution::draw_plate).
    pub look_scene: u32,
    /// The slot in which it lies. Several items in one slot lie on each other in the order of the list.
    pub slot: String,
}

/// A kind of item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ItemKind {
    /// A plate.
    Plate,
    /// A lid.
    Lid,
}

/// A gripper.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum SimulatedGripper {
    /// Fingers straight down below a palm, as in cells of a task.
    Vertical,
    /// UFACTORY's BIO gripper: its fingers point sideways, and the tool's point is between their tips.
    Bio {
        /// Where the fingers point in the frame of the tool, in radians: `xarm.jaw_yaw_deg`, by default half a turn.
        fingers_rad: f64,
    },
}

impl SimulatedGripper {
    pub(crate) fn shape(self) -> HandShape {
        match self {
            Self::Vertical => HandShape::Vertical,
            Self::Bio { fingers_rad } => HandShape::Bio { fingers_rad },
        }
    }
}

/// What a rim may differ from the size of its item, and the widest lead-in, in meters.
const MOST_RIM_M: f64 = 0.004;
/// The width that a gripper closes to and the one that it opens to, in meters.
const JAWS_M: [f64; 2] = [2.0 * CLOSED_HALF_OPENING_M, 2.0 * OPEN_HALF_OPENING_M];

impl SimulatedLaboratory {
    /// Checks that names are different, slots exist and sizes can be simulated.
    ///
    /// # Errors
    /// The first that is not so.
    pub fn validate(&self) -> Result<(), LaboratoryError> {
        for (index, slot) in self.slots.iter().enumerate() {
            is_new("slot", &slot.name, self.slots[..index].iter().map(|slot| &slot.name))?;
            slot.validate()?;
        }
        for (index, item) in self.items.iter().enumerate() {
            is_new("item", &item.id, self.items[..index].iter().map(|item| &item.id))?;
            self.check_item(item)?;
        }
        match self.gripper {
            SimulatedGripper::Bio { fingers_rad } if !fingers_rad.is_finite() => {
                Err(invalid("gripper", "fingers_rad", fingers_rad, "a number"))
            }
            _ => Ok(()),
        }
    }

    fn check_item(&self, item: &SimulatedItem) -> Result<(), LaboratoryError> {
        let SimulatedItem { id, geometry, nesting_m, mass_kg, rim, slot, .. } = item;
        if !self.slots.iter().any(|one| one.name == *slot) {
            let known = self.slots.iter().map(|slot| slot.name.clone()).collect();
            return Err(LaboratoryError::UnknownSlot { name: slot.clone(), known });
        }
        let what = format!("item {id}");
        let check = |key: &'static str, value: f64, [least, most]: [f64; 2]| {
            let is_valid = (least..=most).contains(&value);
            let expected = || format!("from {least} to {most}");
            if is_valid { Ok(()) } else { Err(invalid(&what, key, value, &expected())) }
        };
        check("geometry.width_m", geometry.width_m, [JAWS_M[0] + 0.001, JAWS_M[1] - 0.001])?;
        check("geometry.length_m", geometry.length_m, [0.03, 0.2])?;
        check("geometry.height_m", geometry.height_m, [0.002, 0.1])?;
        check("nesting_m", *nesting_m, [0.0, geometry.height_m - 0.0005])?;
        check("mass_kg", *mass_kg, [0.001, 2.0])?;
        let Some(Rim { inner_m: [inner_x_m, inner_y_m], chamfer_m }) = *rim else { return Ok(()) };
        let room = |outer_m: f64| [outer_m - MOST_RIM_M, outer_m + MOST_RIM_M];
        check("rim.inner_m[0]", inner_x_m, room(geometry.length_m))?;
        check("rim.inner_m[1]", inner_y_m, room(geometry.width_m))?;
        check("rim.chamfer_m", chamfer_m, [0.0005, nesting_m.clamp(0.0005, MOST_RIM_M)])
    }
}

impl SimulatedSlot {
    fn validate(&self) -> Result<(), LaboratoryError> {
        let what = format!("slot {}", self.name);
        let PlanarPose { x_m, y_m, yaw_rad } = self.tool;
        for (key, value) in [("x_m", x_m), ("y_m", y_m), ("yaw_rad", yaw_rad)] {
            if !value.is_finite() || value.abs() > 10.0 {
                return Err(invalid(&what, key, value, "from -10 to 10"));
            }
        }
        if !(0.0..=2.0).contains(&self.surface_m) {
            return Err(invalid(&what, "surface_m", self.surface_m, "from 0, the table, to 2"));
        }
        let SlotWalls::Nest { clearance_m, wall_height_m, chamfer_m } = self.walls else {
            return Ok(());
        };
        for (key, value, [least, most]) in [
            ("clearance_m", clearance_m, [0.0003, 0.03]),
            ("wall_height_m", wall_height_m, [0.001, 0.05]),
            ("chamfer_m", chamfer_m, [0.0, wall_height_m]),
        ] {
            if !(least..=most).contains(&value) {
                return Err(invalid(&what, key, value, &format!("from {least} to {most}")));
            }
        }
        Ok(())
    }
}

fn is_new<'a>(
    what: &'static str,
    name: &str,
    mut before: impl Iterator<Item = &'a String>,
) -> Result<(), LaboratoryError> {
    if before.any(|other| other == name) {
        return Err(LaboratoryError::RepeatedName { what, name: name.to_string() });
    }
    Ok(())
}

fn invalid(what: &str, key: &'static str, value: f64, expected: &str) -> LaboratoryError {
    let (what, expected) = (what.to_string(), expected.to_string());
    LaboratoryError::Invalid { what, key, value, expected }
}
