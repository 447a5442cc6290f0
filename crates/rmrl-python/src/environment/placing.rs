//! The tasks of the paper, `table` and `shelf`: pick a plate and place it.

use std::sync::Arc;

use image::RgbImage;
use rmrl::rmrl_cell::CellError;
use rmrl::rmrl_core::{
    Env, GraspFailure, InvalidKey, Observation, Outcome, Placement, PlanarPose, PoseAdjustment,
    TrialId,
};
use rmrl::{CellKind, Laboratory, RunConfig};

use super::episode::{Attempts, EpisodeError, Episodes, Seen, Stepped, Truth, deviation_of_pick};

/// A plate that is picked and placed in a simulated cell.
pub struct Placing {
    laboratory: Laboratory,
    target_pose: PlanarPose,
    trials_per_scene: u32,
    trial: u32,
    episode: Option<Episode>,
}

/// An episode that has begun.
struct Episode {
    scene: u32,
    image: Arc<RgbImage>,
    pose: PlanarPose,
    attempts: Attempts,
}

/// A configuration with `difficulty` times the errors of its cell.
///
/// # Errors
/// Its cell is not simulated, the difficulty is no factor, or the errors are too large then.
pub fn checked(mut config: RunConfig, difficulty: f64) -> Result<RunConfig, InvalidKey> {
    if config.cell.kind != CellKind::Simulated {
        let expected = "simulated: an environment is a simulated cell";
        return Err(InvalidKey::new("cell.kind", "xarm", expected));
    }
    if !(difficulty.is_finite() && difficulty >= 0.0) {
        return Err(InvalidKey::new("difficulty", difficulty, "a number from 0, such as 1.0"));
    }
    config.simulation.cells = config.simulation.cells.with_errors_times(difficulty);
    let too_large = |error: InvalidKey| error.within("simulation.cells");
    config.simulation.cells.validate().map_err(too_large)?;
    Ok(config)
}

impl Placing {
    /// Assembles the cell and records the target.
    ///
    /// # Errors
    /// The configuration is invalid, or the target cannot be seen.
    pub fn start(config: &RunConfig, seed: u64) -> Result<Self, EpisodeError> {
        let mut laboratory = Laboratory::assemble(config, seed)?;
        let target = laboratory.trial.record_target().map_err(|error| match error {
            CellError::Target(fault) => EpisodeError::Fault(fault),
            other => EpisodeError::Cell(other),
        })?;
        Ok(Self {
            laboratory,
            target_pose: target.pose,
            trials_per_scene: config.schedule.trials_per_scene,
            trial: 0,
            episode: None,
        })
    }

    /// Attempts to observe the start until there is no fault.
    fn observe(
        &mut self,
        scene: u32,
        attempts: &mut Attempts,
    ) -> Result<Observation, EpisodeError> {
        loop {
            let id = TrialId::new(self.trial, attempts.number(), scene);
            match self.laboratory.trial.reset(id) {
                Ok(observation) => return Ok(observation),
                Err(fault) => attempts.repeat_after(fault)?,
            }
        }
    }

    /// What the camera saw last, and where it last localized the plate.
    fn last_seen(&self, before: &Episode) -> (Arc<RgbImage>, PlanarPose) {
        match &self.laboratory.trial.evidence().end {
            None => (Arc::clone(&before.image), before.pose),
            Some(capture) => {
                let pose = capture.localization.as_ref().map_or(before.pose, |found| found.pose);
                (Arc::clone(&capture.frame.color), pose)
            }
        }
    }
}

impl Episodes for Placing {
    fn reset(&mut self, scene: Option<u32>) -> Result<Seen, EpisodeError> {
        self.episode = None;
        let scene = scene.unwrap_or(1 + self.trial / self.trials_per_scene);
        self.trial += 1;
        let mut attempts = Attempts::default();
        let observation = self.observe(scene, &mut attempts)?;
        let (image, pose) = (observation.image, observation.estimated_pose);
        let faults = attempts.in_words();
        self.episode = Some(Episode { scene, image: Arc::clone(&image), pose, attempts });
        Ok(Seen { image, pose, trial: self.trial, scene, faults })
    }

    fn step(&mut self, action: PoseAdjustment) -> Result<Stepped, EpisodeError> {
        let mut episode = self.episode.take().ok_or(EpisodeError::NotBegun)?;
        let outcome = loop {
            match self.laboratory.trial.step(action) {
                Ok(outcome) => break outcome,
                Err(fault) => episode.attempts.repeat_after(fault)?,
            }
            let observation = self.observe(episode.scene, &mut episode.attempts)?;
            (episode.image, episode.pose) = (observation.image, observation.estimated_pose);
        };
        let (image, pose) = self.last_seen(&episode);
        let placement = outcome.placement();
        let truth = placement.and_then(|_| self.laboratory.world.truth());
        Ok(Stepped {
            image,
            pose,
            reward: outcome.reward(),
            trial: self.trial,
            scene: episode.scene,
            outcome: outcome_name(&outcome).to_string(),
            reason: String::new(),
            action,
            deviation: placement.map(|placement| deviation(placement, action)),
            pick_pose: Some(
                placement.map_or(episode.pose.adjusted(action), |placement| placement.pick_pose),
            ),
            final_pose: placement.map(|placement| placement.final_pose),
            target_pose: self.target_pose,
            error: placement.map(|placement| placement.error),
            seated: placement.is_some_and(|placement| placement.seated),
            truth: truth.map(Truth::from),
            faults: episode.attempts.in_words(),
        })
    }
}

fn outcome_name(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Placed(_) => "placed",
        Outcome::NotGrasped(GraspFailure::FingerOnPlate) => "finger_on_plate",
        Outcome::NotGrasped(GraspFailure::Missed) => "missed",
        Outcome::NotGrasped(GraspFailure::Slipped) => "slipped",
        Outcome::Judged(_) => "judged",
    }
}

fn deviation(placement: &Placement, action: PoseAdjustment) -> PoseAdjustment {
    let Placement { final_pose, target_pose, pick_pose, .. } = placement;
    let off = final_pose.relative_to(*target_pose).rotated(-target_pose.yaw_rad);
    deviation_of_pick(off.dx_m, action, pick_pose.yaw_rad)
}
