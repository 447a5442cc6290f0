//! What is believed for as long as the camera stays where it is, and how well a carry fits to it.

use std::cell::OnceCell;

use rmrl_core::{Carry, Look, PlanarPose};

use crate::equations::Station;
use crate::estimate::{Before, Estimate, Evidence, Grip, JawOffset, variance};
use crate::geometry::Prior;

/// Degrees of freedom of a look's noise where the question is whether the camera was moved. No lid shifts a look by
/// a centimeter, which the three degrees of freedom that weigh looks would let pass.
const TAIL: f64 = 5.0;

/// The variance of Student's t distribution with three degrees of freedom, in squares of its scale.
const STUDENT_VARIANCE: f64 = 3.0;

/// How exactly people put a plate into its place, where it has some room, in meters.
const PUT_DOWN_M: f64 = 0.000_5;
/// Looks of which one explanation is left.
const MANY_LOOKS: usize = 40;

/// The looks since the camera came to hang where it hangs, and what is known from before.
#[derive(Debug, Clone)]
pub(crate) struct Track {
    before: Before,
    prior: Prior,
    middle: PlanarPose,
    target: Option<Station>,
    grips: Vec<Grip>,
    /// Where the last carry released the plate, and what was seen there.
    last: Option<Released>,
    looks: usize,
    /// Made when it is first asked for.
    estimate: OnceCell<Estimate>,
    /// The estimate before the last carry, to begin the next one with.
    known: Option<Box<Estimate>>,
}

/// A plate that the jaws released, and the look at it.
#[derive(Debug, Clone, Copy)]
struct Released {
    tool: PlanarPose,
    seen: Look,
    number: usize,
}

impl Track {
    pub fn new(prior: Prior, middle: PlanarPose, place: PlanarPose, target: Look) -> Self {
        let station = Station { look: 0, seen: target, tool: place, closes: false };
        Self {
            before: Before::of(&prior),
            prior,
            middle,
            target: Some(station),
            grips: Vec::new(),
            last: Some(Released { tool: place, seen: target, number: 0 }),
            looks: 1,
            estimate: OnceCell::new(),
            known: None,
        }
    }

    /// What is believed before any look at all.
    pub fn without_target(prior: Prior, middle: PlanarPose) -> Self {
        Self {
            before: Before::of(&prior),
            prior,
            middle,
            target: None,
            grips: Vec::new(),
            last: None,
            looks: 0,
            estimate: OnceCell::new(),
            known: None,
        }
    }

    /// What is left to believe if the camera has just moved, before any look by which it could be known.
    pub fn after_a_move(&self) -> Self {
        Self {
            before: Before::moved_camera(self.estimate(), &self.prior),
            prior: self.prior,
            middle: self.middle,
            target: None,
            grips: Vec::new(),
            last: None,
            looks: 0,
            estimate: OnceCell::new(),
            known: None,
        }
    }

    /// Takes another target. Its offset is the tool's, as the last one's, but for how exactly the two plates were put down.
    pub fn set_target(&mut self, place: PlanarPose, target: Look) {
        let known = self.estimate().target_offset();
        self.before.expect_target_offset(known.mean_m, 1.0 / known.precision + PUT_DOWN_M.powi(2));
        self.target =
            Some(Station { look: self.new_look(), seen: target, tool: place, closes: false });
        self.last = None;
        self.begin_estimate();
    }

    /// Forgets the estimate, which a new look has made old. Few looks may be explained in several ways, so that the next
    /// estimate begins with the prior; many looks leave but one, and the last estimate is near it.
    fn begin_estimate(&mut self) {
        let old = self.estimate.take();
        self.known = old.filter(|_| self.looks > MANY_LOOKS).map(Box::new);
    }

    /// Whether the target was recorded where the camera hangs now.
    pub fn has_target(&self) -> bool {
        self.target.is_some()
    }

    pub fn prior(&self) -> &Prior {
        &self.prior
    }

    pub fn estimate(&self) -> &Estimate {
        self.estimate.get_or_init(|| {
            let evidence = Evidence {
                before: &self.before,
                look_rad: self.prior.look_rad,
                middle: self.middle,
                target: self.target,
                grips: &self.grips,
                looks: self.looks,
                known: self.known.as_deref(),
            };
            evidence.estimate()
        })
    }

    /// Where the arm will next close the jaws, as far as is known: the tool's pose, and the look at the plate there.
    pub fn lies_at(&self) -> Option<(PlanarPose, Look)> {
        self.last.map(|last| (last.tool, last.seen))
    }

    /// Begins the next estimate with the prior.
    #[cfg(test)]
    pub fn begin_cold(&mut self) {
        self.estimate = OnceCell::new();
        self.known = None;
    }

    /// The number of grips.
    #[cfg(test)]
    pub fn grips(&self) -> usize {
        self.grips.len()
    }

    /// Takes note of a carry. `offset` is what is known of the plate in the jaws from before this track.
    pub fn note(&mut self, carry: &Carry, offset: Option<JawOffset>) {
        if let Some(offset) = offset {
            self.grips.push(Grip { offset, stations: Vec::new() });
        } else if self.grips.is_empty() || !self.is_same_grip(carry) {
            let before = carry.seen_before.map(|seen| self.closing(seen, carry.grasped));
            let stations = before.into_iter().collect();
            self.grips.push(Grip { offset: JawOffset::default(), stations });
        }
        let look = self.new_look();
        let station = Station { look, seen: carry.seen_after, tool: carry.released, closes: false };
        self.grips.last_mut().expect("one was pushed").stations.push(station);
        let seen = carry.seen_after;
        self.last = Some(Released { tool: carry.released, seen, number: look });
        self.begin_estimate();
    }

    /// What this track knows of the offset that the plate has in the jaws during a carry, before the look at its end.
    pub fn jaw_offset(&self, carry: &Carry) -> JawOffset {
        let estimate = self.estimate();
        let closing = carry.seen_before.map(|seen| Station {
            look: self.look_of(seen),
            seen,
            tool: carry.grasped,
            closes: true,
        });
        let (known, stations) = match self.grips.last() {
            Some(grip) if self.is_same_grip(carry) => (grip.offset, grip.stations.clone()),
            _ => (JawOffset::default(), closing.into_iter().collect()),
        };
        let mut precision = known.precision;
        let mut sum = precision * known.mean_m;
        for station in stations {
            let equation = station.along_before_slide(&estimate.geometry);
            let offset_m =
                equation.residual(&estimate.geometry) + station.slide_m(&estimate.geometry);
            let weight = estimate.weights.get(station.look).copied().unwrap_or(1.0);
            let own = STUDENT_VARIANCE * estimate.look_m.powi(2) / weight.max(1e-3);
            let of_look = 1.0 / (own + variance(&estimate.covariance, &equation.columns));
            precision += of_look;
            sum += of_look * offset_m;
        }
        JawOffset { mean_m: sum / precision, precision }
    }

    /// The logarithm of the density of the look at the end of a carry, given all looks before. `offset` is what is known of
    /// the plate in the jaws.
    pub fn log_density(&self, carry: &Carry, offset: JawOffset) -> f64 {
        let Estimate { geometry, covariance, look_m, .. } = self.estimate();
        let station =
            Station { look: 0, seen: carry.seen_after, tool: carry.released, closes: false };
        let across = station.across(geometry);
        let along = station.along_before_slide(geometry);
        let turn = station.turn();
        // Each residual with what geometry and offset add to the look's own variance.
        let in_plane = [
            (across.residual(geometry), variance(covariance, &across.columns)),
            (
                along.residual(geometry) - offset.mean_m,
                variance(covariance, &along.columns) + 1.0 / offset.precision,
            ),
        ];
        let in_yaw = [(turn.residual(geometry), variance(covariance, &turn.columns))];
        log_student(&in_plane, *look_m) + log_student(&in_yaw, self.prior.look_rad)
    }

    /// Gripped where it was released and seen, the plate keeps its place in the jaws. One that was put there by a person, or
    /// moved since, has another.
    fn is_same_grip(&self, carry: &Carry) -> bool {
        self.last
            .is_some_and(|last| last.tool == carry.grasped && carry.seen_before == Some(last.seen))
    }

    /// A look before the jaws close: the one after the plate was put down there, where it is the same.
    fn closing(&mut self, seen: Look, tool: PlanarPose) -> Station {
        let mut look = self.look_of(seen);
        if look == self.looks {
            look = self.new_look();
        }
        Station { look, seen, tool, closes: true }
    }

    /// The number of a look at a plate that lies; that of the next one if it was not looked at there before.
    fn look_of(&self, seen: Look) -> usize {
        self.last.filter(|last| last.seen == seen).map_or(self.looks, |last| last.number)
    }

    fn new_look(&mut self) -> usize {
        self.looks += 1;
        self.looks - 1
    }
}

/// The logarithm of Student's density of one or two residuals, each given with its own part of the variance beside that of
/// the noise `scale`.
fn log_student(residuals: &[(f64, f64)], scale: f64) -> f64 {
    let noise = scale.powi(2);
    let squares: f64 = residuals.iter().map(|(r, variance)| r * r / (noise + variance)).sum();
    let scales: f64 = residuals.iter().map(|(_, variance)| (noise + variance).ln()).sum();
    let count = residuals.len();
    // Γ((ν + d) / 2) / (Γ(ν / 2) (ν π)^(d/2)) for d = 1, 2
    let constant = if count == 1 { 0.379_607_f64 } else { 0.159_154_9 };
    constant.ln() - 0.5 * (TAIL + count as f64) * (squares / TAIL).ln_1p() - 0.5 * scales
}
