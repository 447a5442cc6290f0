//! Policies that do not learn: the deployed one, and baselines to compare with.

use std::borrow::Borrow;

use rand::RngExt;
use rmrl_core::{
    ActionIndex, ActionSpace, Decision, Fault, Look, Observation, Outcome, PlanarPose,
    PoseAdjustment, Trial, TrialId, random_stream,
};

use crate::policy::Policy;

/// Chooses adjustments without learning.
pub trait FixedPolicy {
    /// The adjustment for a state.
    fn decide(&mut self, observation: &Observation, id: TrialId) -> Decision;

    /// Why nothing can be decided, if a person has to put something right first. `None` by default.
    fn refuse(&mut self, observation: &Observation) -> Option<Fault> {
        let _ = observation;
        None
    }

    /// Where the attempt should start, if the policy would choose; `None` where its scene has it. `None` by default.
    fn choose_start(&self, id: TrialId) -> Option<PlanarPose> {
        let _ = id;
        None
    }

    /// What was noticed in the last trial that a person should know. Nothing by default.
    fn noticed(&mut self) -> Option<String> {
        None
    }

    /// Where a plate on the target is seen since the camera was moved; `None` while it is seen where it was recorded.
    fn moved_target(&self) -> Option<PlanarPose> {
        None
    }

    /// Whether nothing is left to learn, so that a run may end. `false` by default.
    fn knows_enough(&self) -> bool {
        false
    }

    /// Takes note of the target of a cell that it is deployed in: the tool's pose, as commanded, that releases plates there,
    /// and where the camera saw the plate on it. Does nothing by default.
    fn deploy_at(&mut self, place: PlanarPose, target: Look) {
        let _ = (place, target);
    }

    /// Takes note of a trial. Does nothing by default.
    fn note(&mut self, trial: &Trial) {
        let _ = trial;
    }
}

/// The arg-max of a learned policy in known states: the deployed policy.
pub struct GreedyPolicy<P: Borrow<Policy>>(pub P);

impl<P: Borrow<Policy>> FixedPolicy for GreedyPolicy<P> {
    fn decide(&mut self, observation: &Observation, _: TrialId) -> Decision {
        self.0.borrow().decide(observation)
    }
}

/// Picks at the estimated pose.
pub struct NoCorrection;

impl FixedPolicy for NoCorrection {
    fn decide(&mut self, _: &Observation, _: TrialId) -> Decision {
        offset(PoseAdjustment::NONE)
    }
}

/// Picks a random candidate of each dimension.
pub struct RandomCorrection {
    /// The candidates.
    pub actions: ActionSpace,
    /// The seed of the choices.
    pub seed: u64,
}

impl FixedPolicy for RandomCorrection {
    fn decide(&mut self, _: &Observation, id: TrialId) -> Decision {
        let place = [u64::from(id.trial), u64::from(id.attempt)];
        let mut rng = random_stream(self.seed, "explore", place);
        let index = ActionIndex(self.actions.sizes().map(|size| rng.random_range(0..size)));
        candidate(&self.actions, index)
    }
}

/// One offset for every state: the mean deviation of the first trials, which have no correction.
#[derive(Default)]
pub struct ConstantOffset {
    corrections: Vec<PoseAdjustment>,
}

impl ConstantOffset {
    /// The number of trials without correction whose deviations are averaged.
    pub const MEASURED_TRIALS: usize = 10;

    /// The offset; zero before enough trials were measured.
    pub fn offset(&self) -> PoseAdjustment {
        if self.corrections.len() < Self::MEASURED_TRIALS {
            return PoseAdjustment::NONE;
        }
        let mean = |component: fn(&PoseAdjustment) -> f64| {
            self.corrections.iter().map(component).sum::<f64>() / self.corrections.len() as f64
        };
        PoseAdjustment {
            dx_m: mean(|correction| correction.dx_m),
            dy_m: mean(|correction| correction.dy_m),
            dyaw_rad: mean(|correction| correction.dyaw_rad),
        }
    }
}

impl FixedPolicy for ConstantOffset {
    fn decide(&mut self, _: &Observation, _: TrialId) -> Decision {
        offset(self.offset())
    }

    fn note(&mut self, trial: &Trial) {
        if self.corrections.len() < Self::MEASURED_TRIALS
            && let Outcome::Placed(placement) = &trial.outcome
        {
            let deviation = placement.final_pose.relative_to(placement.target_pose);
            let turn_rad = placement.pick_pose.yaw_rad - placement.target_pose.yaw_rad;
            self.corrections.push(deviation.rotated(turn_rad));
        }
    }
}

/// The best candidates by a truth that only a simulator knows. No policy can beat them.
pub struct Oracle {
    /// The candidates.
    pub actions: ActionSpace,
    /// The pick pose without any error, world frame.
    pub best_pick: Box<dyn Fn() -> PlanarPose>,
}

impl FixedPolicy for Oracle {
    fn decide(&mut self, observation: &Observation, _: TrialId) -> Decision {
        let best = (self.best_pick)().relative_to(observation.estimated_pose);
        candidate(&self.actions, self.actions.nearest(best))
    }
}

/// Picks exactly where a cell whose geometry is known would pick a plate that the camera sees where it sees it. It shares
/// the localizer's errors with every method, and needs no candidates.
pub struct CalibratedOracle {
    /// The pick pose without any error but the localizer's, by the estimated pose, world frame.
    pub best_pick: Box<dyn Fn(PlanarPose) -> PlanarPose>,
}

impl FixedPolicy for CalibratedOracle {
    fn decide(&mut self, observation: &Observation, _: TrialId) -> Decision {
        let estimated = observation.estimated_pose;
        offset((self.best_pick)(estimated).relative_to(estimated))
    }
}

/// Picks where a camera that a board has calibrated sees the plate, and corrects nothing else.
pub struct Chessboard {
    /// Where the calibrated camera sees a plate, by the pose that the cell's own estimates, world frame.
    pub seen: Box<dyn Fn(PlanarPose) -> PlanarPose>,
}

impl FixedPolicy for Chessboard {
    fn decide(&mut self, observation: &Observation, _: TrialId) -> Decision {
        let estimated = observation.estimated_pose;
        offset((self.seen)(estimated).relative_to(estimated))
    }
}

pub(super) fn offset(adjustment: PoseAdjustment) -> Decision {
    Decision { adjustment, index: None, probabilities: None, interval_m: None, abstained: false }
}

fn candidate(actions: &ActionSpace, index: ActionIndex) -> Decision {
    Decision {
        adjustment: actions.adjustment(index).expect("the index was made for these actions"),
        index: Some(index),
        probabilities: None,
        interval_m: None,
        abstained: false,
    }
}
