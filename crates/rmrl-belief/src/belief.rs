//! The belief of a cell over its geometry.

use rmrl_core::{Carry, Look, PlanarPose};

use crate::equations::Station;
use crate::estimate::{Estimate, variance};
use crate::geometry::{Geometry, Prior, TARGET_ALONG, TOOL_ACROSS, columns_along, fingers, xy};
use crate::summary::{BeliefSummary, CameraMove, implausible};
use crate::track::Track;

/// The probability that the camera is bumped between two looks.
const BUMP: f64 = 1e-4;
/// A suspicion ends where a camera at rest has become more probable by this factor.
const DISMISSED: f64 = 1e-4;
/// How many moves, at different looks, are suspected at the same time.
const MOST_SUSPICIONS: usize = 3;
/// The quantile of Student's t distribution with three degrees of freedom that 95 % are below, either way.
const STUDENT_95: f64 = 3.182;
/// The same of a normal distribution.
const NORMAL_95: f64 = 1.960;

/// What a cell believes of its camera, its tool and its arm: a Gaussian posterior, renewed after every carry.
///
/// A camera that was bumped is noticed: a look that does not fit raises the suspicion that the camera has moved before it.
/// From then on two beliefs are followed, with a camera at rest and with one that was moved, until one of them explains the
/// looks far better (Bayes' factors). The same carries in the same order give the same bits.
#[derive(Debug, Clone)]
pub struct CellBelief {
    /// What is acted on.
    track: Track,
    /// The likeliest first.
    suspicions: Vec<Suspicion>,
    moves: Vec<NoticedMove>,
    carries: u32,
}

/// That the camera may have been moved.
#[derive(Debug, Clone)]
struct Suspicion {
    /// What is believed if it was.
    track: Track,
    /// The first carry after the move, counted from 1.
    carry: u32,
    /// The logarithm of how much more probable it is that the camera was moved.
    log_odds: f64,
}

/// A camera that was moved.
#[derive(Debug, Clone)]
struct NoticedMove {
    carry: u32,
    before: Geometry,
}

/// Where to pick.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pick {
    /// The tool's pose to command.
    pub tool: PlanarPose,
    /// The standard deviation of where the plate will lie along the fingers, in meters, if no lid or glint spoils the look.
    pub along_m: f64,
    /// The standard deviation of the plate's offset across the fingers before they close, in meters.
    pub across_m: f64,
    /// Half the width of the 95 % interval of where the plate will lie along the fingers, in meters, spoiled looks and a
    /// suspected move of the camera included.
    pub interval_m: f64,
}

impl CellBelief {
    /// A belief that has seen nothing but the target: the plate at `target`, as the camera sees it, is where it has to
    /// lie once the tool has opened at `place`. `middle` is the middle of the workspace.
    pub fn new(prior: Prior, middle: PlanarPose, place: PlanarPose, target: Look) -> Self {
        Self::of_track(Track::new(prior, middle, place, target))
    }

    /// A belief that has seen nothing at all, for picks anywhere: see [`CellBelief::tool_over`]. `middle` is the middle of the
    /// workspace.
    pub fn without_target(prior: Prior, middle: PlanarPose) -> Self {
        Self::of_track(Track::without_target(prior, middle))
    }

    fn of_track(track: Track) -> Self {
        Self { track, suspicions: Vec::new(), moves: Vec::new(), carries: 0 }
    }

    /// The same geometry for another target, or for another look at it: a plate at `target`, as the camera sees it, is
    /// where it has to lie once the tool has opened at `place`.
    #[must_use]
    pub fn with_target(&self, place: PlanarPose, target: Look) -> Self {
        let mut moved = self.clone();
        moved.track.set_target(place, target);
        moved.suspicions.clear();
        moved
    }

    /// Takes note of a carry. One with a pose that is no number is left out.
    pub fn note(&mut self, carry: &Carry) {
        if !carry.is_finite() {
            return;
        }
        self.carries += 1;
        let offset = self.track.jaw_offset(carry);
        let at_rest = self.track.log_density(carry, offset);
        for suspicion in &mut self.suspicions {
            let offset = suspicion.track.jaw_offset(carry);
            suspicion.log_odds += suspicion.track.log_density(carry, offset) - at_rest;
            suspicion.track.note(carry, None);
        }
        let mut track = self.track.after_a_move();
        let log_odds = BUMP.ln() + track.log_density(carry, offset) - at_rest;
        track.note(carry, Some(offset));
        self.suspicions.push(Suspicion { track, carry: self.carries, log_odds });
        self.suspicions.retain(|suspicion| suspicion.log_odds > DISMISSED.ln());
        self.suspicions.sort_by(|a, b| b.log_odds.total_cmp(&a.log_odds));
        self.suspicions.truncate(MOST_SUSPICIONS);
        if self.suspicions.first().is_some_and(|likeliest| likeliest.log_odds > 0.0) {
            let likeliest = self.suspicions.remove(0);
            self.suspicions.clear();
            let before = *self.geometry();
            self.moves.push(NoticedMove { carry: likeliest.carry, before });
            self.track = likeliest.track;
        } else {
            self.track.note(carry, None);
        }
    }

    /// Where the tool picks a plate that the camera sees.
    pub fn pick(&self, seen: Look) -> Pick {
        let pick = pick_by(self.track.estimate(), seen);
        let apart_m = self.suspicions.iter().map(|suspicion| {
            let other = pick_by(suspicion.track.estimate(), seen);
            (xy(pick.tool) - xy(other.tool)).norm()
        });
        Pick { interval_m: apart_m.fold(pick.interval_m, f64::max), ..pick }
    }

    /// The poses of `candidates` to carry a plate to, one after the other, that together tell most: each is the one after
    /// which picks at all candidates are least uncertain on average.
    pub fn telling_poses(&self, candidates: &[PlanarPose], count: usize) -> Vec<PlanarPose> {
        let mut track = self.track.clone();
        let mut poses = Vec::with_capacity(count);
        for _ in 0..count {
            let after = |pose: &PlanarPose| {
                let mut after = track.clone();
                let (grasped, seen_before) =
                    after.lies_at().map_or((*pose, None), |(tool, seen)| (tool, Some(seen)));
                // How uncertain a belief is depends on where it looked, and not on what it saw.
                let seen_after = (*pose).into();
                after.note(&Carry { seen_before, grasped, released: *pose, seen_after }, None);
                after
            };
            let variance = |track: &Track| {
                let estimate = track.estimate();
                let along = |seen: &PlanarPose| pick_by(estimate, (*seen).into()).along_m;
                candidates.iter().map(|seen| along(seen).powi(2)).sum::<f64>()
            };
            let best = candidates
                .iter()
                .map(|pose| (*pose, after(pose)))
                .map(|(pose, after)| (variance(&after), pose, after))
                .min_by(|(a, ..), (b, ..)| a.total_cmp(b));
            let Some((_, pose, after)) = best else { break };
            poses.push(pose);
            track = after;
        }
        poses
    }

    /// The most probable geometry.
    pub fn geometry(&self) -> &Geometry {
        &self.track.estimate().geometry
    }

    pub(crate) fn prior(&self) -> &Prior {
        self.track.prior()
    }

    /// Whether it is suspected that the camera was moved.
    pub fn is_suspicious(&self) -> bool {
        !self.suspicions.is_empty()
    }

    /// The estimate that is acted on.
    pub(crate) fn estimate(&self) -> &Estimate {
        self.track.estimate()
    }

    /// The number of carries so far.
    pub fn carries(&self) -> u32 {
        self.carries
    }

    /// How far jaws that close at `tool`, the commanded pose, slide a plate that the camera sees, along the fingers, in meters.
    pub fn slide_m(&self, seen: Look, tool: PlanarPose) -> f64 {
        Station { look: 0, seen, tool, closes: true }.slide_m(self.geometry())
    }

    /// How far from where the arm put a plate down the look at the end of a carry sees it, in meters, after
    /// [`Geometry::corrected_camera`]. What is not noted yet is a check.
    pub fn camera_residual_m(&self, carry: &Carry) -> f64 {
        let offset = self.track.jaw_offset(carry);
        let geometry = self.geometry().without_bend();
        let [along, across, _] = geometry.in_jaws(carry.seen_after, carry.released);
        (along - offset.mean_m).hypot(across)
    }

    /// Where the camera sees a plate on its target, at which the tool opens at `place`, since it was moved; `None` while it
    /// sees it where it was recorded.
    pub fn moved_target(&self, place: PlanarPose) -> Option<PlanarPose> {
        (!self.track.has_target()).then(|| self.geometry().seen_target(place))
    }

    /// What of the geometry is beyond anything that a correction should make good, in words; `None` where all is plausible.
    /// A camera that was moved may hang anywhere: it was seen to move.
    pub fn implausible(&self) -> Option<String> {
        implausible(self.track.estimate(), self.track.prior(), !self.moves.is_empty())
    }

    /// The moves of the camera that were noticed, oldest first.
    pub fn camera_moves(&self) -> Vec<CameraMove> {
        let after = self.moves.iter().skip(1).map(|later| &later.before).chain([self.geometry()]);
        let moved = self.moves.iter().zip(after);
        moved
            .map(|(noticed, after)| CameraMove::between(&noticed.before, after, noticed.carry))
            .collect()
    }

    /// The belief for people and files.
    pub fn summary(&self) -> BeliefSummary {
        BeliefSummary::of(self.track.estimate(), self.carries, self.camera_moves())
    }
}

/// Where the tool picks a plate that the camera sees, by one estimate.
pub(crate) fn pick_by(estimate: &Estimate, seen: Look) -> Pick {
    let Estimate { geometry, covariance, .. } = estimate;
    let look_m = estimate.look_deviation_m();
    let tool = geometry.best_tool(seen);
    let [along, across] = fingers(tool);
    let mut along = columns_along(geometry.middle, seen, along);
    along[TARGET_ALONG] -= 1.0;
    let mut across = columns_along(geometry.middle, seen, across);
    across[TOOL_ACROSS] -= 1.0;
    let [along, across] = [along, across].map(|columns| variance(covariance, &columns));
    Pick {
        tool,
        along_m: (along + look_m.powi(2)).sqrt(),
        across_m: (across + look_m.powi(2)).sqrt(),
        interval_m: (STUDENT_95 * estimate.look_m).hypot(NORMAL_95 * along.sqrt()),
    }
}

#[cfg(test)]
mod tests;
