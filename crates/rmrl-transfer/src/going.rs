//! Motions between slots: home, out of a slot in which the tool stands, and from above one slot to above another.

use rmrl_cell::{Access, Line, ToolPose};
use rmrl_core::PlanarPose;
use rmrl_inventory::{SlotAddress, World};
use rmrl_labware::Labware;

use crate::cell::{ComeHomeError, TransferCell};
use crate::job::SitePlan;
use crate::ways::{Load, SlotLine};

/// A tool that is this near to the line into a slot stands in it, in meters.
const ON_LINE_M: f64 = 0.03;
/// A tool that is this near to a slot that is entered from above, and lower than this above its approach, stands over it, in
/// meters.
const OVER_SLOT_M: f64 = 0.06;
const LOW_M: f64 = 0.05;
/// A tool beyond the taught pose by no more than this stands in the slot, too, in meters.
const BEYOND_M: f64 = 0.03;
/// A tool below the surface of a slot by less than this stands in it, too, in meters.
const BELOW_M: f64 = 0.01;
/// How high a slot is counted that has none above it, in meters.
const ONE_SLOT_M: f64 = 0.1;
/// A tool that is this near to the beginning of the way in has left the slot, and shorter lines are none, in meters.
const LEAST_M: f64 = 0.001;

/// The slot that the tool leaves.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Leaving<'a> {
    pub slot: &'a SlotAddress,
    /// Whether the first line lifts an item off its surface.
    pub lifts: bool,
}

impl TransferCell {
    /// Moves the tool out of the camera's view: straight up, and home.
    pub(crate) fn go_home(&mut self) -> Result<(), ComeHomeError> {
        let here = self.manipulator.pose()?;
        let held = self.held_now();
        let load = load_of(held.as_ref(), self.plan.task.jaw_opening_m);
        let below = self.slot_below(here);
        // What the jaws hold may lie on its slot still.
        let lifts = held.is_some();
        let out_of = below.as_ref().map(|slot| Leaving { slot, lifts });
        let home = self.plan.task.home.tool_pose();
        let way = self.way(here, home, out_of, load)?;
        Ok(self.manipulator.travel(&way)?)
    }

    /// Moves the tool out of the camera's view, also out of a slot with a front in which it stands.
    pub(crate) fn get_out_of_view(&mut self) -> Result<(), ComeHomeError> {
        self.leave_slot()?;
        self.go_home()
    }

    /// What the jaws have between them according to the inventory, and whether its lid is on.
    pub(crate) fn held_now(&self) -> Option<(Labware, bool)> {
        let item = self.inventory.world().jaws()?;
        Some((self.plan.labware_of(item.labware()).ok()?, item.has_lid))
    }

    /// The slot that is entered from above over which the tool stands low, if there is one: it leaves it straight up.
    fn slot_below(&self, here: ToolPose) -> Option<SlotAddress> {
        let is_below = |address: &SlotAddress| {
            self.plan.slot(address).is_ok_and(|(site, slot)| {
                site.access == Access::Above
                    && slot.tool.distance_m(here.planar) < OVER_SLOT_M
                    && here.z_m < slot.surface_m + site.approach_m + LOW_M
            })
        };
        self.plan.addresses().into_iter().find(is_below)
    }

    /// The way from a pose, straight up to the height at which the tool travels, and on to `to`.
    pub(crate) fn way(
        &mut self,
        from: ToolPose,
        to: ToolPose,
        out_of: Option<Leaving<'_>>,
        load: Load<'_>,
    ) -> Result<Vec<ToolPose>, ComeHomeError> {
        let height_m = self.plan.task.travel_height_m;
        let above = from.at_height(from.z_m.max(height_m));
        let mut way = Vec::new();
        if above != from {
            self.prove_up(Line { from, to: above }, out_of, load)?;
            way.push(above);
        }
        // Home may be lower than the height of travel: the tool comes down to it.
        let over = to.at_height(to.z_m.max(above.z_m.min(height_m)));
        way.extend(self.ways.travel(above, over, load).map_err(ComeHomeError::NotClear)?);
        if over != to {
            way.extend(self.ways.travel(over, to, load).map_err(ComeHomeError::NotClear)?);
        }
        Ok(way)
    }

    fn prove_up(
        &mut self,
        line: Line,
        out_of: Option<Leaving<'_>>,
        load: Load<'_>,
    ) -> Result<(), ComeHomeError> {
        match out_of {
            Some(Leaving { slot, lifts }) => self
                .ways
                .at_slot(SlotLine { slot, line, lifts }, load)
                .map_err(ComeHomeError::NotClear),
            None => {
                let way = self.ways.travel(line.from, line.to, load);
                way.map(|_| ()).map_err(ComeHomeError::NotClear)
            }
        }
    }

    /// Leaves a slot with a front in which the tool stands, backwards along the line on which it came. What the jaws hold may
    /// lie on its surface still: it is lifted first, because a plate never slides over it.
    fn leave_slot(&mut self) -> Result<(), ComeHomeError> {
        let here = self.manipulator.pose()?;
        let Some(WayBack { slot, to, lifted_m, speed_m_s }) =
            self.plan.way_back(here, self.inventory.world())
        else {
            return Ok(());
        };
        let held = self.held_now();
        let opening_m = self.plan.sites.get(slot.site()).and_then(|site| site.jaw_opening_m);
        let load = load_of(held.as_ref(), opening_m.unwrap_or(self.plan.task.jaw_opening_m));
        let lifted_m = lifted_m.map_or(here.z_m, |lifted_m| here.z_m.max(lifted_m));
        let [lifted, outside] = [here, to].map(|pose| pose.at_height(lifted_m));
        let above = outside.at_height(self.plan.task.travel_height_m.max(lifted_m));
        let mut way = Vec::new();
        for (from, to, lifts) in
            [(here, lifted, held.is_some()), (lifted, outside, false), (outside, above, false)]
        {
            if from.planar == to.planar && to.z_m - from.z_m < LEAST_M {
                continue;
            }
            let line = Line { from, to };
            let proven = self.ways.at_slot(SlotLine { slot: &slot, line, lifts }, load);
            proven.map_err(|reason| {
                ComeHomeError::NotClear(format!(
                    "the tool stands in {slot}, and on the way out {reason}"
                ))
            })?;
            way.push(line);
        }
        tracing::info!("the tool stands in {slot}: it leaves it backwards");
        Ok(self.manipulator.follow_out(&way, speed_m_s)?)
    }
}

/// What the hand has between its jaws: an item, or nothing.
fn load_of(held: Option<&(Labware, bool)>, opening_m: f64) -> Load<'_> {
    match held {
        Some((labware, has_lid)) => Load::Holding { labware, has_lid: *has_lid },
        None => Load::Open(opening_m),
    }
}

/// How a tool leaves the slot with a front in which it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct WayBack {
    /// The slot.
    pub slot: SlotAddress,
    /// Where the line backwards out of it ends, at the height at which the tool stands; in the world frame, meters and radians.
    pub to: ToolPose,
    /// The least height of a tool that holds something, in meters: what it holds never slides over what it lay on. `None` where
    /// the inventory knows of nothing in the jaws.
    pub lifted_m: Option<f64>,
    /// The speed, in meters per second.
    pub speed_m_s: f64,
}

impl SitePlan {
    /// How a tool that is `here` leaves the slot with a front in which it stands; `None` if it stands in none. `world` says what the
    /// jaws hold and what lies there.
    pub fn way_back(&self, here: ToolPose, world: &World) -> Option<WayBack> {
        let in_slot = |address: &SlotAddress| {
            let (site, slot) = self.slot(address).ok()?;
            if site.access != Access::Front {
                return None;
            }
            let (sin, cos) = (slot.tool.yaw_rad + self.fingers_rad).sin_cos();
            let [dx, dy] = [here.planar.x_m - slot.tool.x_m, here.planar.y_m - slot.tool.y_m];
            let (along, aside) = (dx * cos + dy * sin, dy * cos - dx * sin);
            let rise_m = here.z_m - slot.surface_m;
            let pitch_m = if site.slots.count > 1 { site.slots.pitch_m } else { ONE_SLOT_M };
            let stands = aside.abs() < ON_LINE_M
                && (-site.approach_m..BEYOND_M).contains(&along)
                && (-BELOW_M..pitch_m - BELOW_M).contains(&rise_m);
            let back_m = site.approach_m + along;
            let planar = PlanarPose::new(
                here.planar.x_m - back_m * cos,
                here.planar.y_m - back_m * sin,
                here.planar.yaw_rad,
            );
            let way_back = WayBack {
                slot: address.clone(),
                to: ToolPose::new(planar, here.z_m),
                lifted_m: self.lifted_m(address, world),
                speed_m_s: site.speed_m_s,
            };
            (stands && back_m > LEAST_M).then_some(way_back)
        };
        self.addresses().iter().find_map(in_slot)
    }
}
