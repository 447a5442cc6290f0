//! Behaviours that do not learn a policy: deployment, and the rows that a sceptic asks for.

use std::borrow::Borrow;

use rand::RngExt;
use rmrl_core::{
    ActionIndex, ActionSpace, Decision, Ending, Env, Observation, PlanarPose, PoseAdjustment,
    Trial, TrialId, random_stream,
};

use crate::collect::{Observer, Recorded, RunError, begin, complete_trial};
use crate::goal::Goal;
use crate::policy::Policy;

/// Chooses adjustments without learning a policy.
pub trait Behaviour {
    /// The adjustment for a state.
    fn decide(&mut self, observation: &Observation, id: TrialId) -> Decision;

    /// Takes note of a trial. Does nothing by default.
    fn note(&mut self, trial: &Trial) {
        let _ = trial;
    }
}

/// Runs trials with a fixed behaviour until `goal` is reached, `trials_per_scene` from each scene.
///
/// # Errors
/// A trial could not be made or not be recorded.
pub fn run_trials<E: Env>(
    env: &mut E,
    behaviour: &mut dyn Behaviour,
    trials_per_scene: u32,
    goal: impl Into<Goal>,
    recorded: &mut Recorded,
    observer: &mut dyn Observer<E>,
) -> Result<(), RunError> {
    let (mut goal, mut completed) = (goal.into(), 0);
    while let Some(trial) = recorded.next() {
        behaviour.note(&trial);
        goal.note(&trial.ending);
        completed = trial.id.trial;
    }
    while !goal.is_reached(completed) {
        let number = completed + 1;
        let scene = (number - 1) / trials_per_scene + 1;
        let id = TrialId { trial: number, attempt: recorded.take_attempts() + 1, scene };
        let begun = begin(env, id, observer)?;
        let decide = |observation: &Observation, id| behaviour.decide(observation, id);
        let trial = complete_trial(env, id, begun, decide, observer)?;
        behaviour.note(&trial);
        goal.note(&trial.ending);
        completed = number;
    }
    Ok(())
}

/// The arg-max of a policy, where it knows the state: what is deployed.
pub struct Greedy<P: Borrow<Policy>>(pub P);

impl<P: Borrow<Policy>> Behaviour for Greedy<P> {
    fn decide(&mut self, observation: &Observation, _: TrialId) -> Decision {
        self.0.borrow().decide(observation)
    }
}

/// Picks where the camera says.
pub struct NoCorrection;

impl Behaviour for NoCorrection {
    fn decide(&mut self, _: &Observation, _: TrialId) -> Decision {
        offset(PoseAdjustment::NONE)
    }
}

/// Picks a random candidate of each dimension.
pub struct RandomCorrection {
    /// What to choose from.
    pub actions: ActionSpace,
    /// The seed of the choices.
    pub seed: u64,
}

impl Behaviour for RandomCorrection {
    fn decide(&mut self, _: &Observation, id: TrialId) -> Decision {
        let place = [u64::from(id.trial), u64::from(id.attempt)];
        let mut rng = random_stream(self.seed, "explore", place);
        let index = ActionIndex(self.actions.sizes().map(|size| rng.random_range(0..size)));
        candidate(&self.actions, index)
    }
}

/// One offset for every state, the mean of what the first trials without correction were off by.
#[derive(Default)]
pub struct ConstantOffset {
    corrections: Vec<PoseAdjustment>,
}

impl ConstantOffset {
    /// Trials without correction, whose deviations are averaged.
    pub const MEASURED_TRIALS: usize = 10;

    /// The offset; none before enough trials were measured.
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

impl Behaviour for ConstantOffset {
    fn decide(&mut self, _: &Observation, _: TrialId) -> Decision {
        offset(self.offset())
    }

    fn note(&mut self, trial: &Trial) {
        if self.corrections.len() < Self::MEASURED_TRIALS
            && let Ending::Placed(placement) = &trial.ending
        {
            let deviation = placement.final_pose.relative_to(placement.target_pose);
            let turn_rad = placement.pick_pose.yaw_rad - placement.target_pose.yaw_rad;
            self.corrections.push(deviation.rotated(turn_rad));
        }
    }
}

/// The best candidates by a truth that only a simulator knows: what no policy can beat.
pub struct Oracle {
    /// What to choose from.
    pub actions: ActionSpace,
    /// Where the plate would have to be picked.
    pub best_pick: Box<dyn Fn() -> PlanarPose>,
}

impl Behaviour for Oracle {
    fn decide(&mut self, observation: &Observation, _: TrialId) -> Decision {
        let best = (self.best_pick)().relative_to(observation.estimated_pose);
        candidate(&self.actions, self.actions.nearest(best))
    }
}

fn offset(adjustment: PoseAdjustment) -> Decision {
    Decision { adjustment, index: None, probabilities: None, abstained: false }
}

fn candidate(actions: &ActionSpace, index: ActionIndex) -> Decision {
    Decision {
        adjustment: actions.adjustment(index).expect("the index was made for these actions"),
        index: Some(index),
        probabilities: None,
        abstained: false,
    }
}
