//! A straight line of a flange.

use nalgebra::{Isometry3, Translation3};

/// A straight line of a flange, on which it turns evenly.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FlangeLine {
    /// The beginning.
    pub from: Isometry3<f64>,
    /// The end.
    pub to: Isometry3<f64>,
}

impl FlangeLine {
    /// The length, in meters.
    pub fn length_m(&self) -> f64 {
        (self.to.translation.vector - self.from.translation.vector).norm()
    }

    /// The angle by which the flange turns, in radians.
    pub fn turn_rad(&self) -> f64 {
        self.from.rotation.angle_to(&self.to.rotation)
    }

    /// How many steps of at most `step_m` meters and `step_rad` radians the line has; at least 1.
    pub fn steps(&self, step_m: f64, step_rad: f64) -> f64 {
        (self.length_m() / step_m).max(self.turn_rad() / step_rad).ceil().max(1.0)
    }

    /// The flange at a share of the line.
    pub fn at(&self, share: f64) -> Isometry3<f64> {
        let Self { from, to } = self;
        let at = from.translation.vector.lerp(&to.translation.vector, share);
        // Half a turn has no shortest way: any is right.
        let rotation = from.rotation.try_slerp(&to.rotation, share, 1e-9).unwrap_or(from.rotation);
        Isometry3::from_parts(Translation3::from(at), rotation)
    }
}
