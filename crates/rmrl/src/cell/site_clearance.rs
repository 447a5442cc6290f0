//! Proofs that the ways into slots, and those between sites, are clear: of keep-out boxes, of the table, and of the arm itself.

use std::collections::BTreeMap;

use nalgebra::Isometry3;
use rmrl_cell::{FlangeLine, Line, PassagePurpose, SafetyEnvelope, ToolPose};
use rmrl_clearance::{
    Allowed, ArmBody, Clearance, ClearanceError, Entering, GripperBody, Hand, HeldPlate, Nearness,
    TABLE, Via, ViaError,
};
use rmrl_core::InvalidKey;
use rmrl_inventory::SlotAddress;
use rmrl_labware::{Labware, Side};
use rmrl_transfer::{Load, SlotLine, Ways};
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
pub(crate) struct SiteClearance {
    config: RunConfig,
    places: Places,
    clearance: Clearance,
    /// The nearest place on all ways so far.
    nearest: Option<Nearness>,
    /// What transfers asked before: the same line has the same answer.
    proven: BTreeMap<LineKey, Result<Vec<ToolPose>, String>>,
}

/// A line with what the hand has between its jaws, and the slot at which it is.
type LineKey = ([u64; 8], String, Option<(String, bool)>);

/// So many answers are remembered before all are forgotten: a working day's.
const MOST_PROVEN: usize = 10_000;

impl SiteClearance {
    /// The arm of a configuration among the boxes of its places.
    ///
    /// # Errors
    /// The arm's shapes are not known, or a limit is invalid.
    pub fn new(config: &RunConfig, places: &Places) -> Result<Self, WayError> {
        if config.xarm.model != ArmModel::XArm6 {
            return Err(WayError::OtherArm { model: config.xarm.model });
        }
        let arm = ArmBody::xarm6().with_limits(config.xarm.kinematics().limits);
        let clearance = Clearance::new(arm, GripperBody::bio(), places.clearance.clone())?;
        let (config, places, proven) = (config.clone(), places.clone(), BTreeMap::new());
        Ok(Self { config, places, clearance, nearest: None, proven })
    }

    /// Proves that the tool gets into a slot and out of it with every labware that it takes, from the height at which it
    /// travels. Returns where it comes nearest to anything, compared with its margin.
    ///
    /// # Errors
    /// There is no such slot, or a line is not clear.
    pub fn slot(&mut self, address: &SlotAddress) -> Result<Option<Nearness>, WayError> {
        self.nearest = None;
        let (site, _) = self.places.slot(address)?;
        let taken = self
            .places
            .labware
            .iter()
            .chain(self.places.labware.lids())
            .filter(|one| site.takes(&one.name));
        let taken: Vec<Labware> = taken.cloned().collect();
        for labware in &taken {
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
        let opening_m = site.jaw_opening_m.unwrap_or(self.config.task.jaw_opening_m);
        let grip_height_m = labware.grip.height_m;
        let passage = passage_of(&self.config, &self.places, address, grip_height_m, purpose)?;
        let above = |pose: ToolPose| pose.at_height(self.config.task.travel_height_m);
        let mut way_in = vec![Line { from: above(passage.begin), to: passage.begin }];
        way_in.extend(passage.way_in());
        let mut way_out = passage.way_out();
        way_out.push(Line { from: passage.end, to: above(passage.end) });
        let open = Hand { held: None, jaw_opening_m: opening_m };
        let holding = self.holding(labware, true);
        let [first, second] = match purpose {
            PassagePurpose::Pick => [open, holding],
            PassagePurpose::Place => [holding, open],
        };
        let mut near = self.near();
        for (hand, lines, way) in [(first, way_in, "into"), (second, way_out, "out of")] {
            for line in lines {
                let lifts =
                    hand.held.is_some() && (line.from == passage.at || line.to == passage.at);
                near = self.slot_line((address, lifts), line, &near, &hand).map_err(|reason| {
                    WayError::Line {
                        what: format!("on the way {way} {address} with {}", labware.name),
                        reason: Box::new(reason),
                    }
                })?;
            }
        }
        Ok(())
    }

    /// Checks a line at a slot. Where it `lifts`, what is held is put down on what it lies on, or lifted off it.
    fn slot_line(
        &mut self,
        (address, lifts): (&SlotAddress, bool),
        line: Line,
        near: &Joints,
        hand: &Hand,
    ) -> Result<Joints, ClearanceError> {
        let entry_margin_m =
            self.places.sites.get(address.site()).map_or(0.0, |site| site.entry_margin_m);
        let clearance = &self.places.clearance;
        let has_walls = clearance.keep_outs.iter().any(|one| one.name == address.site());
        let has_table = clearance.table_m.is_some();
        // A slot is entered between its own walls, or else close to the table that it is on.
        let name = address.site().to_string();
        let obstacle = if has_walls { name.as_str() } else { TABLE };
        let entering = (has_walls || has_table).then_some(Entering {
            obstacle,
            margin_m: entry_margin_m,
            body_margin_m: Some(entry_margin_m),
        });
        let walls_on_table = has_walls && has_table;
        let exempt: &[&str] = if walls_on_table { &[TABLE] } else { &[] };
        let within = Allowed { exempt, entering };
        // A plate that lies touches what it lies on, and is put down and lifted by a few millimeters.
        let touched = [obstacle, TABLE];
        let count = usize::from(has_walls || has_table) + usize::from(walls_on_table);
        let lifting = Allowed { exempt: &touched[..count], entering: None };
        self.line(line, near, (hand, if lifts { &lifting } else { &within }))
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
        let above = |address| above_slot(&self.config, &self.places, address);
        let line = Line { from: above(from)?, to: above(to)? };
        // The largest labware that both take: what is smaller is clear with it.
        let both = |one: &&Labware| {
            [from, to].into_iter().all(|slot| {
                self.places.sites.get(slot.site()).is_some_and(|site| site.takes(&one.name))
            })
        };
        let size = |one: &&Labware| one.with_lid_m().unwrap_or(one.height_m);
        let labware = self.places.labware.iter().chain(self.places.labware.lids()).filter(both);
        let largest = labware.max_by(|a, b| size(a).total_cmp(&size(b)));
        let opening_m = self.config.task.jaw_opening_m;
        let open = Hand { held: None, jaw_opening_m: opening_m };
        let hand = largest.map_or(open, |labware| self.holding(labware, true));
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
    fn holding(&self, labware: &Labware, has_lid: bool) -> Hand {
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
            lid_m: labware
                .with_lid_m()
                .filter(|_| has_lid)
                .map_or(0.0, |with_m| with_m - labware.height_m),
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

impl Ways for SiteClearance {
    fn travel(
        &mut self,
        from: ToolPose,
        to: ToolPose,
        load: Load<'_>,
    ) -> Result<Vec<ToolPose>, String> {
        let key = key_of(Line { from, to }, load, None);
        if let Some(known) = self.proven.get(&key) {
            return known.clone();
        }
        let answer = self.prove_travel(Line { from, to }, load);
        self.remember(key, answer)
    }

    fn at_slot(&mut self, line: SlotLine<'_>, load: Load<'_>) -> Result<(), String> {
        let SlotLine { slot, line, lifts } = line;
        let key = key_of(line, load, Some((slot.to_string(), lifts)));
        if let Some(known) = self.proven.get(&key) {
            return known.clone().map(|_| ());
        }
        let hand = self.hand(load);
        let near = self.near();
        let answer = self.within_workspace(line.to).and_then(|()| {
            let proof = self.slot_line((slot, lifts), line, &near, &hand);
            proof.map(|_| vec![line.to]).map_err(|error| error.to_string())
        });
        self.remember(key, answer).map(|_| ())
    }
}

impl SiteClearance {
    fn prove_travel(&self, line: Line, load: Load<'_>) -> Result<Vec<ToolPose>, String> {
        self.within_workspace(line.to)?;
        let (hand, near) = (self.hand(load), self.near());
        let z_m = self.config.safety.z_m;
        let flange = self.flange_line(line);
        let via = self.clearance.propose_via(&flange, &near, &hand, &Allowed::default(), z_m);
        let via = via.map_err(|error| error.to_string())?;
        if via.points.is_empty() {
            return Ok(vec![line.to]);
        }
        let height_m = self.height_m(&via);
        Ok(vec![line.from.at_height(height_m), line.to.at_height(height_m), line.to])
    }

    fn within_workspace(&self, pose: ToolPose) -> Result<(), String> {
        let envelope =
            SafetyEnvelope::new(self.config.safety).map_err(|error| error.to_string())?;
        let speed_m_s = self.config.task.contact_speed_m_s;
        envelope.check_motion(pose, speed_m_s).map_err(|violation| violation.to_string())
    }

    fn hand(&self, load: Load<'_>) -> Hand {
        match load {
            Load::Open(jaw_opening_m) => Hand { held: None, jaw_opening_m },
            Load::Holding { labware, has_lid } => self.holding(labware, has_lid),
        }
    }

    fn remember(
        &mut self,
        key: LineKey,
        answer: Result<Vec<ToolPose>, String>,
    ) -> Result<Vec<ToolPose>, String> {
        if self.proven.len() >= MOST_PROVEN {
            self.proven.clear();
        }
        self.proven.insert(key, answer.clone());
        answer
    }
}

fn key_of(line: Line, load: Load<'_>, slot: Option<(String, bool)>) -> LineKey {
    let pose = |pose: ToolPose| [pose.planar.x_m, pose.planar.y_m, pose.planar.yaw_rad, pose.z_m];
    let mut numbers = [0; 8];
    for (number, value) in numbers.iter_mut().zip(pose(line.from).into_iter().chain(pose(line.to)))
    {
        *number = value.to_bits();
    }
    let load = match load {
        Load::Open(opening_m) => format!("open {:x}", opening_m.to_bits()),
        Load::Holding { labware, has_lid } => format!("{} {has_lid}", labware.name),
    };
    (numbers, load, slot)
}
