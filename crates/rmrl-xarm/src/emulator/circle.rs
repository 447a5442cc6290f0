//! Circles through three points.

use std::f64::consts::TAU;

use nalgebra::{Isometry3, Translation3, Unit, UnitQuaternion, Vector3};

/// A part of a circle, or several turns on it, along which the tool keeps its orientation.
#[derive(Debug, Clone, Copy)]
pub(super) struct Circle {
    from: Isometry3<f64>,
    center_m: Vector3<f64>,
    axis: Unit<Vector3<f64>>,
    turn_rad: f64,
}

impl Circle {
    /// From a pose through two points. One turn is a whole circle. None where the points are on one line.
    pub fn through(from: Isometry3<f64>, points_m: [Vector3<f64>; 2], turns: f64) -> Option<Self> {
        /// Below the resolution of the protocol's numbers, in square meters.
        const FLAT_M2: f64 = 1e-9;
        let [a, b] = points_m.map(|point| point - from.translation.vector);
        let normal = a.cross(&b);
        let axis = Unit::try_new(normal, FLAT_M2)?;
        let to_center_m = (b.norm_squared() * normal.cross(&a)
            + a.norm_squared() * b.cross(&normal))
            / (2.0 * normal.norm_squared());
        let center_m = from.translation.vector + to_center_m;
        let is_number = center_m.iter().all(|number| number.is_finite());
        is_number.then_some(Self { from, center_m, axis, turn_rad: turns * TAU })
    }

    pub fn length_m(&self) -> f64 {
        (self.from.translation.vector - self.center_m).norm() * self.turn_rad
    }

    /// The share that is the first turn, at most 1.
    pub fn first_turn(&self) -> f64 {
        (TAU / self.turn_rad).min(1.0)
    }

    /// The tool at a share of the way.
    pub fn at(&self, share: f64) -> Isometry3<f64> {
        let turned = UnitQuaternion::from_axis_angle(&self.axis, self.turn_rad * share);
        let at = self.center_m + turned * (self.from.translation.vector - self.center_m);
        Isometry3::from_parts(Translation3::from(at), self.from.rotation)
    }

    /// What is left after a share of the way.
    pub fn rest(&self, share: f64) -> Self {
        Self { from: self.at(share), turn_rad: self.turn_rad * (1.0 - share), ..*self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_circle_passes_through_its_points_in_their_order() {
        let from = Isometry3::translation(0.3, 0.0, 0.1);
        let points = [Vector3::new(0.3, 0.1, 0.1), Vector3::new(0.4, 0.1, 0.1)];
        let circle = Circle::through(from, points, 1.0).expect("not on one line");
        assert!((circle.length_m() - TAU * 0.005_f64.sqrt()).abs() < 1e-12);
        for (share, expected) in [
            (0.0, [0.3, 0.0]),
            (0.25, [0.3, 0.1]),
            (0.5, [0.4, 0.1]),
            (0.75, [0.4, 0.0]),
            (1.0, [0.3, 0.0]),
        ] {
            let at = circle.at(share).translation.vector;
            assert!((at - Vector3::new(expected[0], expected[1], 0.1)).norm() < 1e-12, "{share}");
        }
        let rest = circle.rest(0.25);
        assert!((rest.at(0.0).translation.vector - points[0]).norm() < 1e-12);
        assert!((rest.at(1.0).translation.vector - from.translation.vector).norm() < 1e-12);
    }

    #[test]
    fn points_on_one_line_make_no_circle() {
        let from = Isometry3::translation(0.3, 0.0, 0.1);
        for points in [[0.4, 0.5], [0.3, 0.4], [0.4, 0.4]] {
            let points = points.map(|x| Vector3::new(x, 0.0, 0.1));
            assert!(Circle::through(from, points, 1.0).is_none());
        }
    }
}
