//! A world with places: how it begins, what is true of its items, and what a person does there.

use rmrl_cell::{DeviceError, TaskConfig};
use rmrl_core::{PlanarPose, standard_normal, wrap_angle};
use serde::{Deserialize, Serialize};

use crate::camera::overhead_camera::OverheadCamera;
use crate::config::SimulationConfig;
use crate::ground_truth::TargetPlace;
use crate::item_truth::{ItemTruth, SlotError};
use crate::laboratory_config::SimulatedLaboratory;
use crate::laboratory_error::LaboratoryError;
use crate::physics::block::Block;
use crate::scene::clutter::{ClutterRoom, draw_clutter};
use crate::world::contact::Contact;
use crate::world::initial_items::{initial_items, lying, moved};
use crate::world::items::{ItemPlace, tilt_rad};
use crate::world::laboratory_contact::{LaboratoryContact, Stage};
use crate::world::slot_place::{LaboratoryFixtures, SlotPlace};
use crate::world::state::WorldState;
use crate::world::{CellParts, World};

/// An item whose middle is farther from that of a slot is not over it, in meters.
const OVER_SLOT_M: f64 = 0.06;
/// An item that leans by more has fallen over, in radians.
const FALLEN_RAD: f64 = 0.35;
/// An item may be below the surface of its slot by as much, in meters.
const BELOW_SURFACE_M: f64 = 0.003;

/// All of a laboratory that outlasts a transfer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LaboratoryState {
    world: WorldState,
    items: Vec<Option<ItemPlace>>,
    active: Option<usize>,
}

fn is_in(item: &ItemTruth, slot: &str) -> bool {
    item.slot.as_ref().is_some_and(|(name, _)| name == slot)
}

/// How exactly a person seats an item that was asked to, in meters and radians: standard deviations.
const SEATED_M: f64 = 0.000_2;
const SEATED_RAD: f64 = 0.002;

impl World {
    pub(crate) fn laboratory(
        config: &SimulationConfig,
        task: &TaskConfig,
        laboratory: &SimulatedLaboratory,
        cell_seed: u64,
        noise_seed: u64,
    ) -> Self {
        let parameters = config.cells.draw(cell_seed);
        let built = LaboratoryFixtures::build(laboratory, task, config.plate, &parameters.arm);
        let LaboratoryFixtures { slots, mut fixed } = built;
        let zones = slots.iter().map(|slot| slot.zone).collect();
        let clutter = draw_clutter(
            config.cells.clutter,
            cell_seed,
            ClutterRoom::outside(zones, task),
            config.camera.height_m,
            config.board.as_ref(),
        );
        let items = initial_items(laboratory, &slots, &fixed, &config.cells, cell_seed);
        let fixtures = fixed.fixtures.clone();
        fixed.fixtures.extend(clutter.iter().map(|object| object.cuboid));
        let target = TargetPlace {
            pose: slots.first().map_or(task.place.pose(), |slot| slot.pose),
            surface_m: slots.first().map_or(task.place.surface_m, |slot| slot.surface_m),
            clearance_m: task.seating.translation_m,
        };
        let stage =
            Stage { fixed, friction: parameters.friction, shape: laboratory.gripper.shape() };
        let mut contact = LaboratoryContact::new(stage, items);
        let overhead = OverheadCamera::new(config, cell_seed, &parameters, fixtures, clutter);
        let mut state = super::initial_state(config, task, &parameters.arm);
        let first = contact.items.present().next().map(|(index, _)| index);
        if let Some(first) = first {
            contact.choose(&mut state, first);
        }
        let parts = CellParts {
            parameters,
            contact: Contact::Laboratory(Box::new(contact)),
            overhead,
            target,
            slots,
            state,
        };
        Self::assemble(config, task, parts, (cell_seed, noise_seed))
    }

    /// Whether somebody can be asked to bring plates.
    pub(crate) fn has_operator(&self) -> Result<(), DeviceError> {
        match self.contact {
            Contact::Task(_) => Ok(()),
            Contact::Laboratory(_) => Err(DeviceError::Refused {
                device: "operator",
                reason: "a simulated laboratory has no start and no target; its items lie in slots, where \
                         SimulatedCell::put_item puts them"
                    .to_string(),
            }),
        }
    }

    /// The items as they truly lie.
    pub(crate) fn items(&self) -> Vec<ItemTruth> {
        let Contact::Laboratory(contact) = &self.contact else { return Vec::new() };
        let held = match (self.state.holds_plate, contact.active()) {
            (true, Some(active)) => contact.items.with_all_on_it(active),
            _ => Vec::new(),
        };
        let truth = |(index, block): (usize, Block)| {
            let lies_on = contact.items.places[index].and_then(|place| place.lies_on);
            ItemTruth {
                id: contact.items.all[index].id.clone(),
                world_from_item: block.world_from_block,
                slot: self.slot_of(contact, index, &block),
                lies_on: lies_on.map(|below| contact.items.all[below].id.clone()),
                is_held: held.contains(&index),
            }
        };
        contact.items.present().map(truth).collect()
    }

    /// The slot that an item is in or over, and how far it is off.
    fn slot_of(
        &self,
        contact: &LaboratoryContact,
        index: usize,
        block: &Block,
    ) -> Option<(String, SlotError)> {
        let planar = block.planar();
        let half_height_m = 0.5 * contact.items.all[index].geometry.height_m;
        let bottom_m = block.world_from_block.translation.z - half_height_m;
        let is_over = |slot: &&SlotPlace| {
            slot.pose.distance_m(planar) < OVER_SLOT_M
                && slot.surface_m - BELOW_SURFACE_M < bottom_m
        };
        let over = self.slots.iter().filter(is_over);
        let slot = over.max_by(|a, b| a.surface_m.total_cmp(&b.surface_m))?;
        let lies_on = contact.items.places[index].and_then(|place| place.lies_on);
        let below = lies_on.and_then(|below| contact.items.block(below));
        let nesting_m = contact.items.all[index].nesting_m;
        let flat_m = below.map_or(slot.surface_m, |below| below.top_m() - nesting_m);
        let off = planar.relative_to(slot.pose).rotated(-slot.pose.yaw_rad);
        let error = SlotError {
            x_mm: 1000.0 * off.dx_m,
            y_mm: 1000.0 * off.dy_m,
            yaw_deg: wrap_angle(off.dyaw_rad).to_degrees(),
            height_mm: 1000.0 * (bottom_m - flat_m),
            tilt_deg: tilt_rad(&block.world_from_block).to_degrees(),
        };
        Some((slot.name.clone(), error))
    }

    /// A person takes an item away, with all that lies on it.
    pub(crate) fn take_away(&mut self, id: &str) -> Result<(), LaboratoryError> {
        let (contact, taken) = self.into_hands(id)?;
        for index in taken {
            contact.items.places[index] = None;
        }
        Ok(())
    }

    /// A person puts an item, with all that lies on it, into a slot, on what lies there. What had fallen over is stacked again.
    pub(crate) fn put_item(
        &mut self,
        id: &str,
        slot: &str,
        error: PlanarPose,
    ) -> Result<(), LaboratoryError> {
        let Some(place) = self.slots.iter().find(|one| one.name == slot) else {
            let known = self.slots.iter().map(|slot| slot.name.clone()).collect();
            return Err(LaboratoryError::UnknownSlot { name: slot.to_string(), known });
        };
        let (pose, surface_m) = (moved(place.pose, error), place.surface_m);
        let in_slot: Vec<String> =
            self.items().into_iter().filter(|item| is_in(item, slot)).map(|item| item.id).collect();
        let (contact, load) = self.into_hands(id)?;
        let Some(base) = load.first().copied() else { return Ok(()) };
        let height_m = contact.items.all[base].geometry.height_m;
        let at = |bottom_m: f64| lying(pose, bottom_m, height_m);
        let footprint = contact.items.block_at(base, at(surface_m)).footprint();
        // What lies in a slot above is not below.
        let elsewhere = |index: &usize| !in_slot.contains(&contact.items.all[*index].id);
        let others: Vec<usize> = (0..contact.items.all.len()).filter(elsewhere).collect();
        let below = contact.items.top_below(&footprint, &[load.clone(), others].concat());
        let world_from_item = at(below.map_or(surface_m, |(top_m, _)| top_m));
        let lies_on = below.map(|(_, index)| index);
        let before = contact.items.places[base].map(|place| place.world_from_item());
        if before.is_some_and(|before| tilt_rad(&before) > FALLEN_RAD) {
            contact.items.stack_exactly(&load, &world_from_item);
        }
        match contact.items.places[base] {
            Some(_) => contact.items.move_load(&load, &world_from_item, lies_on),
            None => contact.items.places[base] = Some(ItemPlace::new(&world_from_item, lies_on)),
        }
        // The plate of the world's state is the item that moved last, wherever it is now.
        self.contact.end(&mut self.state);
        Ok(())
    }

    /// A person nudges an item into its place, as exactly as people can.
    pub(crate) fn seat_item(&mut self, id: &str, slot: &str) -> Result<(), LaboratoryError> {
        let is_there =
            self.items().iter().any(|item| item.id == id && !item.is_held && is_in(item, slot));
        if !is_there {
            return Err(LaboratoryError::NotThere { id: id.to_string(), slot: slot.to_string() });
        }
        let mut rng = self.next_stream();
        let mut off = |deviation: f64| deviation * standard_normal(&mut rng);
        let error = PlanarPose::new(off(SEATED_M), off(SEATED_M), off(SEATED_RAD));
        self.put_item(id, slot, error)
    }

    /// A person grips an item: nothing moves it any more. Returns it with all that lies on it.
    fn into_hands(
        &mut self,
        id: &str,
    ) -> Result<(&mut LaboratoryContact, Vec<usize>), LaboratoryError> {
        let Contact::Laboratory(contact) = &mut self.contact else {
            return Err(LaboratoryError::NoLaboratory);
        };
        let Some(index) = contact.items.all.iter().position(|item| item.id == id) else {
            let known = contact.items.all.iter().map(|item| item.id.clone()).collect();
            return Err(LaboratoryError::UnknownItem { id: id.to_string(), known });
        };
        contact.end(&mut self.state);
        if contact.active() == Some(index) {
            self.state.holds_plate = false;
        }
        let taken = contact.items.with_all_on_it(index);
        Ok((contact, taken))
    }

    /// The state from which [`Self::restore_laboratory`] continues with the same bits.
    pub(crate) fn remember_laboratory(&mut self) -> LaboratoryState {
        let world = self.remember();
        match &self.contact {
            Contact::Laboratory(contact) => LaboratoryState {
                world,
                items: contact.items.places.clone(),
                active: contact.active(),
            },
            Contact::Task(_) => LaboratoryState { world, items: Vec::new(), active: None },
        }
    }

    pub(crate) fn restore_laboratory(
        &mut self,
        state: &LaboratoryState,
    ) -> Result<(), LaboratoryError> {
        let expected = match &self.contact {
            Contact::Laboratory(contact) => contact.items.all.len(),
            Contact::Task(_) => 0,
        };
        let got = state.items.len();
        if got != expected {
            return Err(LaboratoryError::OtherLaboratory { expected, got });
        }
        self.restore(state.world);
        if let Contact::Laboratory(contact) = &mut self.contact {
            contact.discard(state.active);
            contact.items.places.clone_from(&state.items);
        }
        Ok(())
    }
}
