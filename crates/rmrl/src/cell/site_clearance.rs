//! Proofs that the ways into slots, and those between sites, are clear: of keep-out boxes, of the table, and of the arm itself.

use nalgebra::Isometry3;
use rmrl_cell::{FlangeLine, Line, PassagePurpose, ToolPose};
use rmrl_clearance::{
    Allowed, ArmBody, Clearance, ClearanceError, Entering, GripperBody, Hand, HeldPlate, Nearness,
    TABLE, Via, ViaError,
};
use rmrl_core::InvalidKey;
use rmrl_inventory::SlotAddress;
use rmrl_labware::{Labware, Side};
use rmrl_xarm::ArmModel;
use rmrl_xarm::kinematics::{Joints, pointing_down};

use crate::cell::reachability::turned;
use crate::cell::site_reach::{above_slot, passage_of};
use crate::config::{PlaceError, Places, RunConfig};

/// Why a way is not proven to be clear.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WayError {
    /// The configuration has no such slot.
    #[error(transparent)]
    Place(#[from] PlaceError),
    /// The shapes are those of another arm.
    #[error("only for an xArm 6: the shapes of xarm.model = \"{model}\" are not known")]
    OtherArm {
        /// The arm.
        model: ArmModel,
    },
    /// Limits of the clearance are invalid.
    #[error("clearance.{0}")]
    Config(#[from] InvalidKey),
    /// A line of a passage is not clear.
    #[error("{what}: {reason}")]
    Line {
        /// The line.
        what: String,
        /// Why.
        reason: Box<ClearanceError>,
    },
    /// Neither the straight line nor a way above is clear.
    #[error("{what}: {reason}")]
    Travel {
        /// The line.
        what: String,
        /// Why.
        reason: Box<ViaError>,
    },
}

/// An arm and its gripper among the boxes of a laboratory.
pub(crate) struct SiteClearance<'a> {
    config: &'a RunConfig,
    places: &'a Places,
    clearance: Clearance,
    /// The nearest place on all ways so far.
    nearest: Option<Nearness>,
}

impl<'a> SiteClearance<'a> {
    /// The arm of a configuration among the boxes of its places.
    ///
    /// # Errors
    /// The arm's shapes are not known, or a limit is invalid.
    pub fn new(config: &'a RunConfig, places: &'a Places) -> Result<Self, WayError> {
        if config.xarm.model != ArmModel::XArm6 {
            return Err(WayError::OtherArm { model: config.xarm.model });
        }
        let arm = ArmBody::xarm6().with_limits(config.xarm.kinematics().limits);
        let clearance = Clearance::new(arm, GripperBody::bio(), places.clearance.clone())?;
        Ok(Self { config, places, clearance, nearest: None })
    }

    /// Proves that the tool gets into a slot and out of it with every labware that it takes, from the height at which it
    /// travels. Returns where it comes nearest to anything, compared with its margin.
    ///
    /// # Errors
    /// There is no such slot, or a line is not clear.
    pub fn slot(&mut self, address: &SlotAddress) -> Result<Option<Nearness>, WayError> {
        self.nearest = None;
        let (site, _) = self.places.slot(address)?;
        let taken = self.places.labware.iter().filter(|one| site.takes(&one.name));
        for labware in taken {
            for purpose in [PassagePurpose::Pick, PassagePurpose::Place] {
                self.passage(address, labware, purpose)?;
            }
        }
        Ok(self.nearest.take())
    }

    fn passage(
        &mut self,
        address: &SlotAddress,
        labware: &Labware,
        purpose: PassagePurpose,
    ) -> Result<(), WayError> {
        let (site, _) = self.places.slot(address)?;
        let grip_height_m = labware.grip.height_m;
        let passage = passage_of(self.config, self.places, address, grip_height_m, purpose)?;
        let above = |pose: ToolPose| pose.at_height(self.config.task.travel_height_m);
        let mut way_in = vec![Line { from: above(passage.begin), to: passage.begin }];
        way_in.extend(passage.way_in());
        let mut way_out = passage.way_out();
        way_out.push(Line { from: passage.end, to: above(passage.end) });
        let opening_m = site.jaw_opening_m.unwrap_or(self.config.task.jaw_opening_m);
        let open = Hand { held: None, jaw_opening_m: opening_m };
        let holding = self.holding(labware);
        let [first, second] = match purpose {
            PassagePurpose::Pick => [open, holding],
            PassagePurpose::Place => [holding, open],
        };
        let has_walls =
            self.places.clearance.keep_outs.iter().any(|one| one.name == address.site());
        let has_table = self.places.clearance.table_m.is_some();
        // A slot is entered between its own walls, or else close to the table that it is on.
        let obstacle = if has_walls { address.site() } else { TABLE };
        let entering = (has_walls || has_table).then_some(Entering {
            obstacle,
            margin_m: site.entry_margin_m,
            body_margin_m: Some(site.entry_margin_m),
        });
        let walls_on_table = has_walls && has_table;
        let exempt: &[&str] = if walls_on_table { &[TABLE] } else { &[] };
        let within = Allowed { exempt, entering };
        // A plate that lies touches what it lies on, and is put down and lifted by a few millimeters.
        let touched = [obstacle, TABLE];
        let count = usize::from(has_walls || has_table) + usize::from(walls_on_table);
        let lifting = Allowed { exempt: &touched[..count], entering: None };
        let mut near = self.near();
        for (hand, lines, way) in [(first, way_in, "into"), (second, way_out, "out of")] {
            for line in lines {
                let lifts =
                    hand.held.is_some() && (line.from == passage.at || line.to == passage.at);
                let allowed = if lifts { &lifting } else { &within };
                near =
                    self.line(line, &near, (&hand, allowed)).map_err(|reason| WayError::Line {
                        what: format!("on the way {way} {address} with {}", labware.name),
                        reason: Box::new(reason),
                    })?;
            }
        }
        Ok(())
    }

    /// Joints that stand ready, with the tool as a yaw of 0 has it.
    fn near(&self) -> Joints {
        let mut joints = self.clearance.arm().kinematics().ready();
        joints[5] = self.config.xarm.jaw_yaw_deg.to_radians();
        joints
    }

    /// Checks a line, and keeps where it comes nearest. Returns the joints at its end.
    fn line(
        &mut self,
        line: Line,
        near: &Joints,
        (hand, allowed): (&Hand, &Allowed),
    ) -> Result<Joints, ClearanceError> {
        let clear = self.clearance.check_line(&self.flange_line(line), near, hand, allowed)?;
        let reserve = |one: &Nearness| one.distance_m - one.margin_m;
        if self.nearest.as_ref().is_none_or(|known| reserve(&clear.least) < reserve(known)) {
            self.nearest = Some(clear.least);
        }
        Ok(clear.end)
    }

    /// Proves that a plate can be carried from above one slot to above another on a straight line, or proposes a way above.
    ///
    /// # Errors
    /// There is no such slot, or there is no way.
    pub fn travel(&self, from: &SlotAddress, to: &SlotAddress) -> Result<Via, WayError> {
        let above = |address| above_slot(self.config, self.places, address);
        let line = Line { from: above(from)?, to: above(to)? };
        // The largest labware that both take: what is smaller is clear with it.
        let both = |one: &&Labware| {
            [from, to].into_iter().all(|slot| {
                self.places.sites.get(slot.site()).is_some_and(|site| site.takes(&one.name))
            })
        };
        let size = |one: &&Labware| one.with_lid_m().unwrap_or(one.height_m);
        let labware = self.places.labware.iter().filter(both);
        let largest = labware.max_by(|a, b| size(a).total_cmp(&size(b)));
        let opening_m = self.config.task.jaw_opening_m;
        let open = Hand { held: None, jaw_opening_m: opening_m };
        let hand = largest.map_or(open, |labware| self.holding(labware));
        let near = self.near();
        let z_m = self.config.safety.z_m;
        let allowed = Allowed::default();
        let via = self.clearance.propose_via(&self.flange_line(line), &near, &hand, &allowed, z_m);
        via.map_err(|reason| WayError::Travel {
            what: format!("between {from} and {to}"),
            reason: Box::new(reason),
        })
    }

    /// The height of the tool on a way above, in meters.
    pub fn height_m(&self, via: &Via) -> f64 {
        let tool = self.config.xarm.flange_from_tool();
        let heights = via.points.iter().map(|flange| (flange * tool).translation.z);
        heights.fold(f64::NEG_INFINITY, f64::max)
    }

    /// The hand with a labware between the jaws, which hold it as it is configured.
    fn holding(&self, labware: &Labware) -> Hand {
        let (tips, held_at) =
            (self.clearance.gripper().flange_from_tool, self.config.xarm.flange_from_tool());
        let other = match labware.held_side() {
            Side::Length => Side::Width,
            Side::Width => Side::Length,
        };
        let [across_m, along_m] = [labware.held_side(), other].map(|side| labware.side_m(side));
        let held = HeldPlate {
            along_fingers_m: along_m,
            across_fingers_m: across_m,
            height_m: labware.height_m,
            lid_m: labware.with_lid_m().map_or(0.0, |with_m| with_m - labware.height_m),
            beyond_tips_m: (tips.inverse() * held_at).translation.x,
            grip_height_m: labware.grip.height_m,
        };
        Hand { held: Some(held), jaw_opening_m: labware.grip.width_m }
    }

    fn flange_line(&self, line: Line) -> FlangeLine {
        let flange = |pose: ToolPose| -> Isometry3<f64> {
            let tool = pointing_down(turned(pose, &self.config.xarm));
            tool * self.config.xarm.flange_from_tool().inverse()
        };
        FlangeLine { from: flange(line.from), to: flange(line.to) }
    }
}
