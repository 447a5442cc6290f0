//! A request, resolved: what is gripped, where, how high, and how the tool gets in and out.

use std::collections::BTreeMap;

use rmrl_cell::{Access, Passage, PassagePurpose, SiteConfig, Slot, TaskConfig};
use rmrl_core::PlanarPose;
use rmrl_inventory::{Item, Place, SlotAddress, World};
use rmrl_labware::{Labware, LabwareKind, Library};
use rmrl_vision::PlateGeometry;

use crate::error::TransferError;
use crate::request::Request;

/// The ending of a lid's labware: its plate's, and this.
const LID: &str = ".lid";
/// What moves level is above what it lay on by this at least, in meters: more than the arm's height errs.
const CLEARS_BY_M: f64 = 0.001;
/// The legs of a plate's chamfered corner, in meters. No standard says; the localizer needs one.
const CHAMFER_M: f64 = 0.005;

/// The sites of a cell, and what is carried between them.
#[derive(Debug, Clone)]
pub struct SitePlan {
    /// The sites, by name.
    pub sites: BTreeMap<String, SiteConfig>,
    /// The labware.
    pub labware: Library,
    /// Heights and speeds, and where home is.
    pub task: TaskConfig,
    /// The yaw of the fingers in the tool's frame, in radians: where they point when the tool's yaw is 0.
    pub fingers_rad: f64,
}

/// A slot with its site.
#[derive(Debug, Clone)]
pub(crate) struct At {
    pub address: SlotAddress,
    pub site: SiteConfig,
    pub slot: Slot,
    /// The height of the bottom of what is gripped or released there, in meters.
    pub bottom_m: f64,
    /// What lies below it there; for a lid on its plate, the plate.
    pub below: Option<(Item, Labware)>,
}

/// What is done.
#[derive(Debug, Clone)]
pub(crate) struct Job {
    pub request: Request,
    /// The identifier of what is gripped.
    pub item: String,
    /// What is gripped: a plate, or a lid by itself.
    pub labware: Labware,
    /// The name of its labware in the inventory.
    pub labware_name: String,
    /// Whether it is a plate with its lid on.
    pub has_lid: bool,
    /// Where it is gripped; `None` if the jaws hold it already.
    pub from: Option<At>,
    pub to: At,
}

impl Job {
    /// Checks that the item is lifted off what it lies on, or will lie on, before it moves level.
    fn check_lift(&self) -> Result<(), TransferError> {
        for At { address, site, below, .. } in self.from.iter().chain([&self.to]) {
            let (Access::Front, Some((_, below))) = (site.access, below) else { continue };
            let nesting_m = match self.request {
                Request::Unlid { .. } | Request::Relid { .. } => {
                    below.lid.map_or(0.0, |lid| lid.nesting_m)
                }
                Request::Move { .. } if below.name == self.labware.name => {
                    below.height_m - below.stacking_height_m
                }
                Request::Move { .. } => 0.0,
            };
            if nesting_m > 0.0 && site.lift_m < nesting_m + CLEARS_BY_M {
                return Err(TransferError::LiftTooLow {
                    slot: address.clone(),
                    labware: self.labware_name.clone(),
                    nesting_mm: 1e3 * nesting_m,
                    lift_mm: 1e3 * site.lift_m,
                });
            }
        }
        Ok(())
    }
}

impl SitePlan {
    /// A slot with its site.
    ///
    /// # Errors
    /// There is none.
    pub(crate) fn slot(&self, address: &SlotAddress) -> Result<(&SiteConfig, Slot), TransferError> {
        let site = self.sites.get(address.site());
        let found = site.and_then(|site| Some((site, site.slot(address.number()).ok()?)));
        found.ok_or_else(|| TransferError::NoSuchSlot {
            slot: address.clone(),
            known: self.addresses().iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
        })
    }

    /// The address of every slot, by site and number.
    pub fn addresses(&self) -> Vec<SlotAddress> {
        slot_addresses(&self.sites)
    }

    /// The labware of an item: a plate's, or a lid's by itself.
    pub(crate) fn labware_of(&self, name: &str) -> Result<Labware, TransferError> {
        match name.strip_suffix(LID) {
            Some(plate) => {
                let lid = self.labware.get(plate)?.lid_alone();
                lid.ok_or_else(|| TransferError::NoLid { labware: plate.to_string() })
            }
            None => Ok(self.labware.get(name)?.clone()),
        }
    }

    /// The height of what lies on `items`, above the surface under them, in meters.
    fn height_m(&self, items: &[Item], above: Option<&str>) -> Result<f64, TransferError> {
        let mut height_m = 0.0;
        for (number, item) in items.iter().enumerate() {
            let labware = self.labware_of(item.labware())?;
            let next = items.get(number + 1).map(Item::labware).or(above);
            height_m += match labware.with_lid_m().filter(|_| item.has_lid) {
                Some(with_lid_m) => with_lid_m,
                None if next == Some(item.labware()) => labware.stacking_height_m,
                None => labware.height_m,
            };
        }
        Ok(height_m)
    }

    /// A request, resolved by what lies where.
    ///
    /// # Errors
    /// There is no such slot or labware. What the inventory refuses is refused there.
    pub(crate) fn job(&self, request: &Request, world: &World) -> Result<Job, TransferError> {
        let (from, to) = (request.from(), request.to());
        let taken = match &from {
            Place::Slot(slot) => world.slot(slot).unwrap_or_default(),
            Place::Jaws => world.jaws().map(std::slice::from_ref).unwrap_or_default(),
        };
        let top = taken.last();
        let name = top.map(|item| item.labware().to_string()).unwrap_or_default();
        let (item, labware_name, has_lid) = match request {
            Request::Unlid { .. } => {
                let lid = top.and_then(|plate| plate.lid_alone().ok());
                let name = lid.as_ref().map(|lid| lid.labware().to_string());
                let id = lid.map(|lid| lid.id.to_string());
                (id.unwrap_or_default(), name.unwrap_or_default(), false)
            }
            Request::Move { .. } | Request::Relid { .. } => {
                let id = top.map(|item| item.id.to_string()).unwrap_or_default();
                (id, name, top.is_some_and(|item| item.has_lid))
            }
        };
        let labware = self.labware_of(&labware_name)?;
        let from = match &from {
            Place::Jaws => None,
            Place::Slot(slot) => Some(self.at_from(slot, taken, request)?),
        };
        let to = match &from {
            // Put down where it is gripped.
            Some(from) if from.address == *to => from.clone(),
            _ => self.at_to(to, world.slot(to).unwrap_or_default(), request, &labware_name)?,
        };
        let job = Job { request: request.clone(), item, labware, labware_name, has_lid, from, to };
        job.check_lift()?;
        Ok(job)
    }

    fn at_from(
        &self,
        address: &SlotAddress,
        items: &[Item],
        request: &Request,
    ) -> Result<At, TransferError> {
        let (site, slot) = self.slot(address)?;
        let (below, rise_m) = match (request, items) {
            (Request::Unlid { .. }, [under @ .., plate]) => {
                let labware = self.labware_of(plate.labware())?;
                let rim_m = labware
                    .lid_rim_m()
                    .ok_or_else(|| TransferError::NoLid { labware: plate.labware().to_string() })?;
                let rise_m = self.height_m(under, Some(plate.labware()))? + rim_m;
                (Some((plate.clone(), labware)), rise_m)
            }
            (_, [under @ .., item]) => {
                let below = under.last().map(|one| {
                    Ok::<_, TransferError>((one.clone(), self.labware_of(one.labware())?))
                });
                (below.transpose()?, self.height_m(under, Some(item.labware()))?)
            }
            (_, []) => (None, 0.0),
        };
        let bottom_m = slot.surface_m + rise_m;
        Ok(At { address: address.clone(), site: site.clone(), slot, bottom_m, below })
    }

    fn at_to(
        &self,
        address: &SlotAddress,
        items: &[Item],
        request: &Request,
        moved: &str,
    ) -> Result<At, TransferError> {
        let (site, slot) = self.slot(address)?;
        let below = match items.last() {
            Some(item) => Some((item.clone(), self.labware_of(item.labware())?)),
            None => None,
        };
        let mut rise_m = self.height_m(items, Some(moved))?;
        if let (Request::Relid { .. }, Some((plate, labware))) = (request, &below) {
            let rim_m = labware
                .lid_rim_m()
                .ok_or_else(|| TransferError::NoLid { labware: plate.labware().to_string() })?;
            rise_m += rim_m - labware.height_m;
        }
        let bottom_m = slot.surface_m + rise_m;
        Ok(At { address: address.clone(), site: site.clone(), slot, bottom_m, below })
    }

    /// The way of the tool into a slot and out of it, where it grips or releases `labware` with the jaws at `tool`.
    pub(crate) fn passage(
        &self,
        at: &At,
        tool: PlanarPose,
        labware: &Labware,
        purpose: PassagePurpose,
    ) -> Passage {
        let gap_m = match purpose {
            PassagePurpose::Pick => 0.0,
            PassagePurpose::Place => self.task.release_gap_m,
        };
        let grip_m = at.bottom_m - at.slot.surface_m + labware.grip.height_m + gap_m;
        let slot = Slot { tool, ..at.slot };
        Passage::new(&at.site, slot, grip_m, self.fingers_rad, purpose)
    }

    /// The least height of a tool that moves level in a slot with what the jaws hold, in meters: above what lies there by the
    /// slot's lift. `None` if they hold nothing that the inventory and the library know.
    pub(crate) fn lifted_m(&self, address: &SlotAddress, world: &World) -> Option<f64> {
        let held = world.jaws()?;
        let labware = self.labware_of(held.labware()).ok()?;
        let (site, slot) = self.slot(address).ok()?;
        let lying = world.slot(address).unwrap_or_default();
        let mut rise_m = self.height_m(lying, Some(held.labware())).ok()?;
        if let (Some(plate), LabwareKind::Lid) = (lying.last(), labware.kind) {
            let plate = self.labware_of(plate.labware()).ok()?;
            rise_m -= plate.lid.map_or(0.0, |lid| lid.nesting_m);
        }
        Some(slot.surface_m + rise_m + labware.grip.height_m + site.lift_m)
    }

    /// How far the jaws open in a slot for a labware, in meters.
    pub(crate) fn opening_m(&self, at: &At) -> f64 {
        at.site.jaw_opening_m.unwrap_or(self.task.jaw_opening_m)
    }
}

/// The address of every slot of these sites, by site and number.
pub fn slot_addresses(sites: &BTreeMap<String, SiteConfig>) -> Vec<SlotAddress> {
    let of_site = |(name, site): (&String, &SiteConfig)| {
        let (name, count) = (name.clone(), site.slots.count);
        (1..=count)
            .filter_map(move |number| SlotAddress::new(&name, (count > 1).then_some(number)).ok())
    };
    sites.iter().flat_map(of_site).collect()
}

/// A labware as the localizer knows plates.
pub fn geometry_of(labware: &Labware) -> PlateGeometry {
    PlateGeometry {
        length_m: labware.length_m,
        width_m: labware.width_m,
        height_m: labware.height_m,
        chamfer_m: CHAMFER_M,
    }
}
