//! Picks by the cell's geometry, which every carry measures.

use rmrl_belief::CellBelief;
use rmrl_core::{
    Carry, Decision, Observation, Outcome, PlanarPose, PoseAdjustment, Trial, TrialId,
};

use super::baselines::{FixedPolicy, offset};

/// Self-calibration: no candidates and no reward. It believes something of camera, tool and arm, acts as is best by that,
/// and learns from every carry.
#[derive(Debug, Clone)]
pub struct SelfCalibration {
    belief: CellBelief,
    /// The tool's pose, as commanded, where it releases a plate at its place.
    place: PlanarPose,
    /// The largest translation of an action, in meters, and rotation, in radians.
    largest: (f64, f64),
}

impl SelfCalibration {
    /// A policy that begins with `belief`, in a cell that releases plates with the tool at `place`. No action is larger
    /// than `largest`: a translation in meters and a rotation in radians.
    pub fn new(belief: CellBelief, place: PlanarPose, largest: (f64, f64)) -> Self {
        Self { belief, place, largest }
    }

    /// What it believes.
    pub fn belief(&self) -> &CellBelief {
        &self.belief
    }

    /// Learns from what a trial tells of the geometry, whatever method made it.
    pub fn learn(&mut self, trial: &Trial) {
        self.learn_carries(&trial.observation.carries);
        if let Outcome::Placed(placement) = &trial.outcome {
            self.belief.note(&Carry {
                seen_before: Some(trial.observation.estimated_pose),
                grasped: placement.pick_pose,
                released: self.place,
                seen_after: placement.final_pose,
            });
        }
    }

    /// Learns from carries before a trial.
    pub fn learn_carries(&mut self, carries: &[Carry]) {
        carries.iter().for_each(|carry| self.belief.note(carry));
    }

    fn limited(&self, adjustment: PoseAdjustment) -> PoseAdjustment {
        let (largest_m, largest_rad) = self.largest;
        let share = (largest_m / adjustment.translation_m()).min(1.0);
        PoseAdjustment {
            dx_m: share * adjustment.dx_m,
            dy_m: share * adjustment.dy_m,
            dyaw_rad: adjustment.dyaw_rad.clamp(-largest_rad, largest_rad),
        }
    }
}

impl FixedPolicy for SelfCalibration {
    fn decide(&mut self, observation: &Observation, _: TrialId) -> Decision {
        let seen = observation.estimated_pose;
        // What bringing the plate has just told counts at once. The trial tells it again.
        let tool = match observation.carries.as_slice() {
            [] => self.belief.pick(seen).tool,
            carries => {
                let mut belief = self.belief.clone();
                carries.iter().for_each(|carry| belief.note(carry));
                belief.pick(seen).tool
            }
        };
        offset(self.limited(tool.relative_to(seen)))
    }

    fn deploy_at(&mut self, place: PlanarPose, target: PlanarPose) {
        self.belief = self.belief.with_target(place, target);
        self.place = place;
    }

    /// Tests prove what is known before them, so nothing is learned from them.
    fn note(&mut self, trial: &Trial) {
        if !trial.id.is_test() {
            self.learn(trial);
        }
    }
}
