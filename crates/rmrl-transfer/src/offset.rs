//! The offset along the fingers that a plate has in the jaws, as it follows from looks.

use rmrl_belief::{CellBelief, Known, OffsetLook};
use rmrl_core::{Look, PlanarPose};
use serde::{Deserialize, Serialize};

/// An offset along the fingers: a sum of what looks say, by what is believed of the camera now, and of what is known otherwise.
///
/// What the camera is off cancels in the difference of two offsets that were seen near each other. So an offset keeps its looks,
/// and is evaluated when it is needed.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Offset {
    looks: Vec<OffsetLook>,
    /// What is known otherwise: a deviation in meters.
    own_m: f64,
}

impl Offset {
    /// Nothing is known of it but this deviation around 0, in meters.
    pub fn within(own_m: f64) -> Self {
        Self { looks: Vec::new(), own_m }
    }

    /// That of a plate which the camera sees, in the jaws of a tool at `tool`, as commanded.
    pub fn seen(seen: Look, tool: PlanarPose) -> Self {
        Self { looks: vec![OffsetLook { weight: 1.0, seen, tool }], own_m: 0.0 }
    }

    /// A weighted sum, with a deviation of its own in meters.
    pub(crate) fn of(looks: Vec<OffsetLook>, own_m: f64) -> Self {
        Self { looks, own_m }
    }

    /// The same, less exactly by this deviation in meters.
    #[must_use]
    pub fn blurred(mut self, by_m: f64) -> Self {
        self.own_m = self.own_m.hypot(by_m);
        self
    }

    /// It less another one.
    #[must_use]
    pub fn less(&self, other: &Self) -> Self {
        let negative = other.looks.iter().map(|look| OffsetLook { weight: -look.weight, ..*look });
        let looks = self.looks.iter().copied().chain(negative).collect();
        Self { looks, own_m: self.own_m.hypot(other.own_m) }
    }

    /// What it is by what is believed now, in meters: its deviation has the looks' own noise in it.
    pub fn by(&self, belief: &CellBelief) -> Known {
        let Known { mean, deviation } = belief.sum_along(&self.looks);
        let look_m = belief.look_deviation_m();
        let noise: f64 = self.by_look().iter().map(|look| (look.weight * look_m).powi(2)).sum();
        Known { mean, deviation: (deviation.powi(2) + noise + self.own_m.powi(2)).sqrt() }
    }

    /// Its looks, each once: the same look in both parts of a difference errs once.
    fn by_look(&self) -> Vec<OffsetLook> {
        let mut once: Vec<OffsetLook> = Vec::new();
        for look in &self.looks {
            match once.iter_mut().find(|other| other.seen == look.seen) {
                Some(same) => same.weight += look.weight,
                None => once.push(*look),
            }
        }
        once
    }
}

#[cfg(test)]
mod tests {
    use rmrl_belief::Prior;

    use super::*;

    /// A camera of which nothing is known tells nothing of one plate, and all of how two plates differ.
    #[test]
    fn what_the_camera_is_off_cancels() {
        let middle = PlanarPose::new(0.34, -0.13, 0.0);
        let belief = CellBelief::without_target(Prior::default(), middle);
        let at = |x_m: f64| PlanarPose::new(x_m, -0.13, 0.0);
        let one = Offset::seen(at(0.343).into(), at(0.34));
        let other = Offset::seen(at(0.344).into(), at(0.34));
        assert!(one.by(&belief).deviation > 0.005);
        let apart = other.less(&one).by(&belief);
        let look_m = belief.look_deviation_m();
        assert!((apart.mean - 0.001).abs() < 1e-12, "{apart:?}");
        assert!((apart.deviation - look_m * 2f64.sqrt()).abs() < 1e-5, "{apart:?}");
        // The same look errs once: against itself not at all.
        let same = one.less(&one.clone().blurred(0.0002)).by(&belief);
        assert!(same.mean == 0.0 && (same.deviation - 0.0002).abs() < 1e-12, "{same:?}");
    }
}
