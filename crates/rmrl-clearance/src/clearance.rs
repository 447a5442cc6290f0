//! The checks of lines.

use std::f64::consts::PI;

use nalgebra::Isometry3;
use rmrl_cell::FlangeLine;
use rmrl_core::InvalidKey;
use rmrl_kinematics::{Joints, ReachMargins};

use crate::arm_body::ArmBody;
use crate::clearance_error::{ClearanceError, Nearness};
use crate::gripper_body::GripperBody;
use crate::held_plate::Hand;
use crate::keep_out::{ClearanceConfig, TABLE};
use crate::line_proof::{LineProof, Place, Refusal};
use crate::pair::{Allowed, Other, Pair, pairs};
use crate::part::{Part, parts};
use crate::shape::Solid;

/// Joints as near to the line's beginning as this are followed; otherwise the nearest solution is searched.
const NEAR_M: f64 = 0.02;
const NEAR_RAD: f64 = 0.1;

/// An arm with a gripper among keep-out boxes.
#[derive(Debug, Clone)]
pub struct Clearance {
    arm: ArmBody,
    gripper: GripperBody,
    config: ClearanceConfig,
    reach: ReachMargins,
    boxes: Vec<Solid>,
}

/// A line that is clear.
#[derive(Debug, Clone, PartialEq)]
pub struct LineClearance {
    /// The part with the least reserve, the distance without its margin. Nothing on the line has less, but for 0.5 mm.
    pub least: Nearness,
    /// The joints at the line's beginning.
    pub start: Joints,
    /// The joints at its end; the next line's `near`.
    pub end: Joints,
    /// How many places on the line were looked at.
    pub samples: usize,
}

impl Clearance {
    /// An arm with a gripper among the boxes of a configuration.
    ///
    /// # Errors
    /// The first invalid key of the configuration.
    pub fn new(
        arm: ArmBody,
        gripper: GripperBody,
        config: ClearanceConfig,
    ) -> Result<Self, InvalidKey> {
        config.validate()?;
        let boxes = config.keep_outs.iter().map(|one| one.solid()).collect();
        Ok(Self { arm, gripper, config, reach: ReachMargins::default(), boxes })
    }

    /// The same with other margins from joint limits and singularities.
    #[must_use]
    pub fn with_reach_margins(self, reach: ReachMargins) -> Self {
        Self { reach, ..self }
    }

    /// The arm.
    pub fn arm(&self) -> &ArmBody {
        &self.arm
    }

    /// The gripper.
    pub fn gripper(&self) -> &GripperBody {
        &self.gripper
    }

    /// The margins and the boxes.
    pub fn config(&self) -> &ClearanceConfig {
        &self.config
    }

    /// Proves that every part keeps its margins on all of a straight line of the flange, on which it turns evenly.
    ///
    /// The line is in the base's frame. The joints begin at `near` where they put the flange within 20 mm and 0.1 rad of
    /// the beginning, and at the solution nearest to `near` otherwise. The proof covers every place on the line, not only samples;
    /// it refuses a line that comes nearer than the margin, and may refuse one that comes within 0.1 mm and 0.2 % of it.
    ///
    /// # Errors
    /// The line cannot be followed; a part comes too near, with its name, the obstacle's, the distance and the place; or
    /// the hand or the exemptions are invalid.
    pub fn check_line(
        &self,
        line: &FlangeLine,
        near: &Joints,
        hand: &Hand,
        allowed: &Allowed<'_>,
    ) -> Result<LineClearance, ClearanceError> {
        self.check_hand(hand)?;
        if line.turn_rad() > PI - 1e-6 {
            return Err(ClearanceError::HalfTurn);
        }
        let parts = parts(&self.arm, &self.gripper, hand);
        let pairs = pairs(&parts, &self.config, allowed)?;
        let start = self.start(line, near)?;
        let kinematics = self.arm.kinematics();
        kinematics
            .prove_flange_path(&line.from, &start, &[line.to], self.reach)
            .map_err(ClearanceError::Path)?;
        let mut proof = LineProof::new(&self.arm, *line, &parts, &self.boxes, pairs);
        let proven = proof.prove(&start).map_err(|refusal| match refusal {
            Refusal::NotBounded(share) => ClearanceError::NotBounded { share },
            Refusal::TooNear(place) => {
                let pair = &proof.pairs()[place.pair];
                let nearness = Box::new(self.nearness(line, &parts, pair, &place));
                match pair.other {
                    Other::Part(_) => ClearanceError::TooNearToArm(nearness),
                    Other::Table(_) | Other::Box(_) => ClearanceError::TooNear(nearness),
                }
            }
        })?;
        let Some(place) = proven.least else {
            // The hand always has links to stay away from.
            return Err(ClearanceError::NotBounded { share: 0.0 });
        };
        let least = self.nearness(line, &parts, &proof.pairs()[place.pair], &place);
        Ok(LineClearance { least, start, end: proven.end, samples: proven.samples })
    }

    fn check_hand(&self, hand: &Hand) -> Result<(), ClearanceError> {
        let range_m = self.gripper.opening_m;
        let opening_m = hand.jaw_opening_m;
        if !(range_m[0]..=range_m[1]).contains(&opening_m) {
            return Err(ClearanceError::Opening { opening_m, range_m });
        }
        hand.held.iter().try_for_each(|plate| plate.validate()).map_err(ClearanceError::Plate)
    }

    /// The joints at the beginning of a line.
    fn start(&self, line: &FlangeLine, near: &Joints) -> Result<Joints, ClearanceError> {
        let kinematics = self.arm.kinematics();
        let apart: Isometry3<f64> = kinematics.forward(near).inv_mul(&line.from);
        let is_near =
            apart.translation.vector.norm() <= NEAR_M && apart.rotation.angle() <= NEAR_RAD;
        let start = match is_near {
            true => kinematics.follow(&line.from, near),
            false => kinematics.inverse_nearest(&line.from, near),
        };
        start.map_err(ClearanceError::Start)
    }

    /// The words for a pair at a place of a line.
    fn nearness(&self, line: &FlangeLine, parts: &[Part], pair: &Pair, place: &Place) -> Nearness {
        let tool = line.at(place.share) * self.gripper.flange_from_tool;
        let fingers = tool.rotation * nalgebra::Vector3::x();
        let obstacle = match pair.other {
            Other::Table(_) => TABLE.to_string(),
            Other::Box(index) => self.config.keep_outs[index].name.clone(),
            Other::Part(index) => parts[index].name.to_string(),
        };
        Nearness {
            part: parts[pair.part].name,
            obstacle,
            distance_m: place.gap_m,
            margin_m: pair.margin_m,
            share: place.share,
            tool_m: tool.translation.vector.into(),
            fingers_rad: f64::atan2(fingers.y, fingers.x),
        }
    }
}
