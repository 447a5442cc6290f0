//! Picks by the cell's geometry, which every carry measures.

use rmrl_belief::{BeliefSummary, CellBelief, Pick};
use rmrl_core::{
    Carry, Decision, Fault, FaultKind, Look, Observation, PlanarPose, PoseAdjustment, Trial,
    TrialId,
};

use super::baselines::{FixedPolicy, offset};

/// Self-calibration: no candidates and no reward. It believes something of camera, tool and arm, acts as is best by that,
/// and learns from every carry.
#[derive(Debug, Clone)]
pub struct SelfCalibration {
    belief: CellBelief,
    /// The tool's pose, as commanded, where it releases a plate at its place.
    place: PlanarPose,
    limits: Limits,
    /// The trials whose looks showed that the camera had been moved.
    moved_in: Vec<u32>,
    /// What was noticed in the last trial, until somebody was told.
    noticed: Option<String>,
    /// What the carries of the trial under way have added to the belief.
    ahead: Option<(Vec<Carry>, CellBelief)>,
}

/// What a self-calibration may do.
#[derive(Debug, Clone, PartialEq)]
pub struct Limits {
    /// No action has a larger translation, in meters.
    pub translation_m: f64,
    /// No action has a larger rotation, in radians.
    pub rotation_rad: f64,
    /// A pick whose 95 % interval is wider, in meters to each side, is not known well enough for the task.
    pub interval_m: f64,
    /// Poses all over the region of starts.
    pub starts: Vec<PlanarPose>,
    /// It knows enough where no pick at them has a wider 95 % interval, in meters to each side. Until then every other start
    /// is the one that it knows least of. 0: it never does.
    pub known_interval_m: f64,
    /// Every other one of so many first trials starts where most is to be learned.
    pub chosen_starts: u32,
}

impl SelfCalibration {
    /// A policy that begins with `belief`, in a cell that releases plates with the tool at `place`.
    pub fn new(belief: CellBelief, place: PlanarPose, limits: Limits) -> Self {
        Self { belief, place, limits, moved_in: Vec::new(), noticed: None, ahead: None }
    }

    /// What it believes.
    pub fn belief(&self) -> &CellBelief {
        &self.belief
    }

    /// The belief for people and files, with the trials in which moves of the camera were noticed.
    pub fn summary(&self) -> BeliefSummary {
        let mut summary = self.belief.summary();
        for (noticed, trial) in summary.camera_moves.iter_mut().zip(&self.moved_in) {
            noticed.trial = Some(*trial);
        }
        summary
    }

    /// Learns from what a trial tells of the geometry, whatever method made it.
    pub fn learn(&mut self, trial: &Trial) {
        match self.ahead.take() {
            Some((carries, belief)) if carries == trial.observation.carries => {
                self.belief = belief;
            }
            _ => self.learn_carries(&trial.observation.carries),
        }
        // The last one, after those that brought the plate, is the trial's own.
        let brought = trial.observation.carries.len();
        self.learn_carries(&trial.carries(self.place)[brought..]);
        self.moved_in.resize(self.belief.camera_moves().len(), trial.id.trial);
    }

    /// Learns from carries before a trial.
    pub fn learn_carries(&mut self, carries: &[Carry]) {
        carries.iter().for_each(|carry| self.belief.note(carry));
    }

    /// What is believed at the start of a trial: what bringing the plate has just told counts at once.
    fn belief_at(&mut self, observation: &Observation) -> &CellBelief {
        let carries = &observation.carries;
        if carries.is_empty() {
            return &self.belief;
        }
        let known = self.ahead.take().filter(|(noted, _)| noted == carries);
        let ahead = known.unwrap_or_else(|| {
            let mut belief = self.belief.clone();
            carries.iter().for_each(|carry| belief.note(carry));
            (carries.clone(), belief)
        });
        &self.ahead.insert(ahead).1
    }
}

impl Limits {
    /// The decision to pick as a belief does, for a plate that the camera sees at `seen`.
    pub fn decision(&self, pick: Pick, seen: PlanarPose) -> Decision {
        let wanted = pick.tool.relative_to(seen);
        let action = self.limited(wanted);
        // What a limit cuts off the plate will be off.
        let cut_m = (wanted.dx_m - action.dx_m).hypot(wanted.dy_m - action.dy_m);
        let interval_m = pick.interval_m + cut_m;
        Decision {
            interval_m: Some(interval_m),
            abstained: interval_m > self.interval_m,
            ..offset(action)
        }
    }

    fn limited(&self, adjustment: PoseAdjustment) -> PoseAdjustment {
        let share = (self.translation_m / adjustment.translation_m()).min(1.0);
        PoseAdjustment {
            dx_m: share * adjustment.dx_m,
            dy_m: share * adjustment.dy_m,
            dyaw_rad: adjustment.dyaw_rad.clamp(-self.rotation_rad, self.rotation_rad),
        }
    }
}

impl FixedPolicy for SelfCalibration {
    fn decide(&mut self, observation: &Observation, _: TrialId) -> Decision {
        let look = observation.look();
        let pick = self.belief_at(observation).pick(look);
        self.limits.decision(pick, look.pose)
    }

    fn refuse(&mut self, observation: &Observation) -> Option<Fault> {
        let reason = self.belief_at(observation).implausible()?;
        Some(Fault { kind: FaultKind::Geometry, reason })
    }

    fn choose_start(&self, id: TrialId) -> Option<PlanarPose> {
        // Where the plate cannot be seen it is tried elsewhere; and no rule for choosing is trusted alone, because a look
        // that a lid spoils weighs most where most is to be learned.
        if id.is_test() || id.attempt > 1 || id.trial.is_multiple_of(2) {
            return None;
        }
        let Limits { starts, known_interval_m, chosen_starts, .. } = &self.limits;
        if id.trial <= *chosen_starts {
            return self.belief.telling_poses(starts, 1).pop();
        }
        let width = |pose: &PlanarPose| self.belief.pick((*pose).into()).interval_m;
        let least_known = starts.iter().max_by(|a, b| width(a).total_cmp(&width(b)));
        least_known.copied().filter(|_| *known_interval_m > 0.0)
    }

    fn noticed(&mut self) -> Option<String> {
        self.noticed.take()
    }

    fn moved_target(&self) -> Option<PlanarPose> {
        self.belief.moved_target(self.place)
    }

    fn knows_enough(&self) -> bool {
        let Limits { starts, known_interval_m, .. } = &self.limits;
        let is_known =
            |pose: &PlanarPose| self.belief.pick((*pose).into()).interval_m <= *known_interval_m;
        *known_interval_m > 0.0 && self.belief.carries() > 0 && starts.iter().all(is_known)
    }

    fn deploy_at(&mut self, place: PlanarPose, target: Look) {
        self.belief = self.belief.with_target(place, target);
        self.ahead = None;
        self.place = place;
    }

    /// Tests prove what is known before them, so nothing is learned from them.
    fn note(&mut self, trial: &Trial) {
        if !trial.id.is_test() {
            let moves = self.moved_in.len();
            self.learn(trial);
            for noticed in self.belief.camera_moves().iter().skip(moves) {
                let what = format!(
                    "the camera has been moved, because {noticed}; its new place is being learned"
                );
                tracing::warn!("{}: {what}", trial.id);
                self.noticed = Some(what);
            }
        }
    }
}
