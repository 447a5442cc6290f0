//! The belief of a cell over its geometry.

use std::cell::OnceCell;

use rmrl_core::{Carry, PlanarPose};

use crate::equations::Station;
use crate::estimate::{Estimate, Evidence, Grip, variance};
use crate::geometry::{Geometry, Prior, TARGET_ALONG, TOOL_ACROSS, columns_along, fingers};
use crate::summary::BeliefSummary;

/// What a cell believes of its camera, its tool and its arm: a Gaussian posterior, renewed after every carry.
///
/// The same carries in the same order give the same bits.
#[derive(Debug, Clone)]
pub struct CellBelief {
    prior: Prior,
    middle: PlanarPose,
    target: Station,
    grips: Vec<Grip>,
    /// Where the last carry released the plate, and what was seen there.
    last: Option<(PlanarPose, PlanarPose, usize)>,
    looks: usize,
    carries: u32,
    /// Made when it is first asked for.
    estimate: OnceCell<Estimate>,
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
}

impl CellBelief {
    /// A belief that has seen nothing but the target: the plate at `target`, as the camera sees it, is where it has to
    /// lie once the tool has opened at `place`. `middle` is the middle of the workspace.
    pub fn new(prior: Prior, middle: PlanarPose, place: PlanarPose, target: PlanarPose) -> Self {
        let target = Station { look: 0, seen: target, tool: place, closes: false };
        let last = Some((place, target.seen, 0));
        Self {
            prior,
            middle,
            target,
            grips: Vec::new(),
            last,
            looks: 1,
            carries: 0,
            estimate: OnceCell::new(),
        }
    }

    /// The same geometry for another target, or for another look at it: a plate at `target`, as the camera sees it, is
    /// where it has to lie once the tool has opened at `place`.
    #[must_use]
    pub fn with_target(&self, place: PlanarPose, target: PlanarPose) -> Self {
        let mut moved = self.clone();
        moved.target = Station { look: moved.new_look(), seen: target, tool: place, closes: false };
        moved.last = None;
        moved.estimate = OnceCell::new();
        moved
    }

    /// Takes note of a carry. One with a pose that is no number is left out.
    pub fn note(&mut self, carry: &Carry) {
        if !carry.is_finite() {
            return;
        }
        self.carries += 1;
        // Gripped where it was released and seen, the plate keeps its place in the jaws. One that was put there by a person, or
        // moved since, has another.
        let is_same_grip = self.last.is_some_and(|(released, seen, _)| {
            released == carry.grasped && carry.seen_before == Some(seen)
        });
        if self.grips.is_empty() || !is_same_grip {
            let before = carry.seen_before.map(|seen| self.closing(seen, carry.grasped));
            self.grips.push(Grip { stations: before.into_iter().collect() });
        }
        let look = self.new_look();
        let station = Station { look, seen: carry.seen_after, tool: carry.released, closes: false };
        self.grips.last_mut().expect("one was pushed").stations.push(station);
        self.last = Some((carry.released, carry.seen_after, look));
        self.estimate = OnceCell::new();
    }

    /// Where the tool picks a plate that the camera sees at `seen`.
    pub fn pick(&self, seen: PlanarPose) -> Pick {
        let estimate = self.estimate();
        let Estimate { geometry, covariance, .. } = estimate;
        let look_m = estimate.look_deviation_m();
        let tool = geometry.best_tool(seen);
        let [along, across] = fingers(tool);
        let mut along = columns_along(geometry.middle, seen, along);
        along[TARGET_ALONG] -= 1.0;
        let mut across = columns_along(geometry.middle, seen, across);
        across[TOOL_ACROSS] -= 1.0;
        let deviation = |columns| (variance(covariance, &columns) + look_m.powi(2)).sqrt();
        Pick { tool, along_m: deviation(along), across_m: deviation(across) }
    }

    /// The poses of `candidates` to carry a plate to, one after the other, that together tell most: each is the one after
    /// which picks at all candidates are least uncertain on average.
    pub fn telling_poses(&self, candidates: &[PlanarPose], count: usize) -> Vec<PlanarPose> {
        let mut belief = self.clone();
        let mut poses = Vec::with_capacity(count);
        for _ in 0..count {
            let after = |pose: &PlanarPose| {
                let mut after = belief.clone();
                let (grasped, seen_before) = after
                    .last
                    .map_or((after.target.tool, None), |(tool, seen, _)| (tool, Some(seen)));
                // How uncertain a belief is depends on where it looked, and not on what it saw.
                after.note(&Carry { seen_before, grasped, released: *pose, seen_after: *pose });
                after
            };
            let variance = |belief: &Self| {
                candidates.iter().map(|seen| belief.pick(*seen).along_m.powi(2)).sum::<f64>()
            };
            let best = candidates
                .iter()
                .map(|pose| (*pose, after(pose)))
                .map(|(pose, after)| (variance(&after), pose, after))
                .min_by(|(a, ..), (b, ..)| a.total_cmp(b));
            let Some((_, pose, after)) = best else { break };
            poses.push(pose);
            belief = after;
        }
        poses
    }

    /// The most probable geometry.
    pub fn geometry(&self) -> &Geometry {
        &self.estimate().geometry
    }

    /// The number of carries so far.
    pub fn carries(&self) -> u32 {
        self.carries
    }

    /// The belief for people and files.
    pub fn summary(&self) -> BeliefSummary {
        BeliefSummary::of(self.estimate(), self.carries)
    }

    /// A look before the jaws close: the one after the plate was put down there, where it is the same.
    fn closing(&mut self, seen: PlanarPose, tool: PlanarPose) -> Station {
        let look = match self.last {
            Some((_, last_seen, look)) if last_seen == seen => look,
            _ => self.new_look(),
        };
        Station { look, seen, tool, closes: true }
    }

    fn new_look(&mut self) -> usize {
        self.looks += 1;
        self.looks - 1
    }

    fn estimate(&self) -> &Estimate {
        self.estimate.get_or_init(|| self.evidence().estimate())
    }

    fn evidence(&self) -> Evidence<'_> {
        Evidence {
            prior: &self.prior,
            middle: self.middle,
            target: self.target,
            grips: &self.grips,
            looks: self.looks,
        }
    }
}

#[cfg(test)]
mod tests;
