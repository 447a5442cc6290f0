//! Motions between slots: home, out of a slot in which the tool stands, and from above one slot to above another.

use rmrl_cell::{Access, Line, ToolPose};
use rmrl_core::PlanarPose;
use rmrl_inventory::SlotAddress;
use rmrl_labware::Labware;

use crate::cell::{ComeHomeError, TransferCell};
use crate::ways::{Load, SlotLine};

/// A tool that is this near to the line into a slot stands in it, in meters.
const ON_LINE_M: f64 = 0.03;
/// A tool that is this near to a slot that is entered from above, and lower than this above its approach, stands over it, in
/// meters.
const OVER_SLOT_M: f64 = 0.06;
const LOW_M: f64 = 0.05;
/// A tool beyond the taught pose by no more than this stands in the slot, too, in meters.
const BEYOND_M: f64 = 0.03;
/// What is this much less than lifted is lifted, in meters: reported poses are rounded.
const LIFTED_M: f64 = 0.000_5;

/// The slot that the tool leaves.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Leaving<'a> {
    pub slot: &'a SlotAddress,
    /// Whether the first line lifts an item off its surface.
    pub lifts: bool,
}

/// How the tool leaves a slot with a front in which it stands.
struct WayBack {
    slot: SlotAddress,
    /// In front of the slot, as high as the tool stands.
    outside: ToolPose,
    surface_m: f64,
    lift_m: f64,
    speed_m_s: f64,
}

impl TransferCell {
    /// Moves the tool out of the camera's view: straight up, and home.
    pub(crate) fn go_home(&mut self) -> Result<(), ComeHomeError> {
        let here = self.manipulator.pose()?;
        let held = self.held_now();
        let load = match &held {
            Some((labware, has_lid)) => Load::Holding { labware, has_lid: *has_lid },
            None => Load::Open(self.plan.task.jaw_opening_m),
        };
        let below = self.slot_below(here);
        // What the jaws hold may lie on its slot still.
        let lifts = held.is_some();
        let out_of = below.as_ref().map(|slot| Leaving { slot, lifts });
        let home = self.plan.task.home.tool_pose();
        let way = self.way(here, home, out_of, load)?;
        Ok(self.manipulator.travel(&way)?)
    }

    /// What the jaws have between them according to the inventory, and whether its lid is on.
    fn held_now(&self) -> Option<(Labware, bool)> {
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
    pub(crate) fn leave_slot(&mut self) -> Result<(), ComeHomeError> {
        let here = self.manipulator.pose()?;
        let Some(way) = self.way_back(here) else { return Ok(()) };
        tracing::info!("the tool stands in {}: it leaves it backwards", way.slot);
        let held = self.held_now();
        let lifted_m = held
            .as_ref()
            .map(|(labware, _)| way.surface_m + labware.grip.height_m + way.lift_m)
            .filter(|lifted_m| here.z_m < lifted_m - LIFTED_M)
            .unwrap_or(here.z_m);
        let lifted = here.at_height(lifted_m);
        let outside = way.outside.at_height(lifted.z_m);
        let above = outside.at_height(self.plan.task.travel_height_m.max(outside.z_m));
        let mut lines = vec![
            (Line { from: here, to: lifted }, true),
            (Line { from: lifted, to: outside }, false),
            (Line { from: outside, to: above }, false),
        ];
        lines.retain(|(line, _)| line.from != line.to);
        // Of jaws that hold nothing nobody knows how far they are apart; the tool came this way with them.
        if let Some((labware, has_lid)) = &held {
            let load = Load::Holding { labware, has_lid: *has_lid };
            for (line, lifts) in &lines {
                let line = SlotLine { slot: &way.slot, line: *line, lifts: *lifts };
                self.ways.at_slot(line, load).map_err(ComeHomeError::NotClear)?;
            }
        }
        let lines: Vec<Line> =
            lines.into_iter().map(|(line, _)| line).filter(|line| line.to != above).collect();
        self.manipulator.follow_out(&lines, way.speed_m_s)?;
        Ok(self.manipulator.travel(&[above])?)
    }

    /// How the tool leaves the slot with a front in which it stands; `None` if it stands in none.
    fn way_back(&self, here: ToolPose) -> Option<WayBack> {
        let fingers_rad = self.plan.fingers_rad;
        let in_slot = |address: &SlotAddress| {
            let (site, slot) = self.plan.slot(address).ok()?;
            if site.access != Access::Front {
                return None;
            }
            let (sin, cos) = (slot.tool.yaw_rad + fingers_rad).sin_cos();
            let [dx, dy] = [here.planar.x_m - slot.tool.x_m, here.planar.y_m - slot.tool.y_m];
            let (along, aside) = (dx * cos + dy * sin, dy * cos - dx * sin);
            let rise_m = here.z_m - slot.surface_m;
            let pitch_m = if site.slots.count > 1 { site.slots.pitch_m } else { 0.1 };
            let stands = aside.abs() < ON_LINE_M
                && (-site.approach_m..BEYOND_M).contains(&along)
                && (-0.01..pitch_m - 0.01).contains(&rise_m);
            let back_m = site.approach_m + along;
            let planar = PlanarPose::new(
                here.planar.x_m - back_m * cos,
                here.planar.y_m - back_m * sin,
                here.planar.yaw_rad,
            );
            (stands && back_m > 0.001).then(|| WayBack {
                slot: address.clone(),
                outside: ToolPose::new(planar, here.z_m),
                surface_m: slot.surface_m,
                lift_m: site.lift_m,
                speed_m_s: site.speed_m_s,
            })
        };
        self.plan.addresses().iter().find_map(in_slot)
    }
}
