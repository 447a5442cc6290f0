//! What a belief says of plates anywhere in the cell, not only on the target of a task.
//!
//! A plate in the jaws has an offset along the fingers, which closing jaws leave as it is; across the fingers and in turn they
//! center it. So where a plate lies once they opened follows from the tool's pose and that one number.

use rmrl_core::{Look, PlanarPose};
use serde::{Deserialize, Serialize};

use crate::belief::CellBelief;
use crate::estimate::{Estimate, variance};
use crate::geometry::{TOOL_ACROSS, TOOL_TURN, TURN, Vector, columns_along, fingers};

/// A quantity with its standard deviation, in meters or radians.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Known {
    /// The most probable value.
    pub mean: f64,
    /// Its standard deviation.
    pub deviation: f64,
}

/// Where a plate that the camera sees lies, compared with where it should lie, in the tool's frame.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Deviation {
    /// Along the fingers, in meters.
    pub along: Known,
    /// Across them, to their left, in meters.
    pub across: Known,
    /// Its turn, in radians.
    pub turn: Known,
}

/// A look at a plate, and the tool in whose jaws its offset is meant, as a part of a sum of offsets.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OffsetLook {
    /// How much it counts.
    pub weight: f64,
    /// The look.
    pub seen: Look,
    /// The tool's pose, as commanded.
    pub tool: PlanarPose,
}

impl CellBelief {
    /// A weighted sum of offsets along the fingers. Its deviation is what the geometry leaves uncertain of the sum, which the
    /// looks' own noise comes on top of: what several looks have in common cancels in a difference.
    pub fn sum_along(&self, looks: &[OffsetLook]) -> Known {
        let estimate = self.estimate();
        let (mut mean, mut columns) = (0.0, Vector::zeros());
        for OffsetLook { weight, seen, tool } in looks {
            let [along, _] = fingers(*tool);
            let [offset, ..] = estimate.geometry.in_jaws(*seen, *tool);
            mean += weight * offset;
            columns += columns_along(estimate.geometry.middle, *seen, along) * *weight;
        }
        Known { mean, deviation: variance(&estimate.covariance, &columns).sqrt() }
    }

    /// The standard deviation of a look that nothing spoils, in meters.
    pub fn look_deviation_m(&self) -> f64 {
        self.estimate().look_deviation_m()
    }

    /// The pose of the tool, as commanded, in which a plate that the camera sees would be centered across the fingers and have
    /// the offset `along_m` along them.
    pub fn tool_over(&self, seen: Look, along_m: f64) -> PlanarPose {
        self.geometry().tool_over(seen, along_m)
    }

    /// Where the camera sees a plate that jaws released at `tool`, as commanded, with the offset `along_m` along the fingers.
    pub fn seen_from(&self, tool: PlanarPose, along_m: f64) -> PlanarPose {
        self.geometry().seen_from(tool, along_m)
    }

    /// How a plate that the camera sees lies compared with one that jaws released at `tool` with the offset `along_m`.
    pub fn deviation(&self, seen: Look, tool: PlanarPose, along_m: f64) -> Deviation {
        let estimate = self.estimate();
        let [along, across, turn] = estimate.geometry.in_jaws(seen, tool);
        let [e, n] = fingers(tool);
        let middle = estimate.geometry.middle;
        let mut across_columns = columns_along(middle, seen, n);
        across_columns[TOOL_ACROSS] -= 1.0;
        let mut turn_columns = Vector::zeros();
        turn_columns[TURN] = 1.0;
        turn_columns[TOOL_TURN] = -1.0;
        let turn_rad = variance(&estimate.covariance, &turn_columns).sqrt();
        Deviation {
            along: Known {
                mean: along - along_m,
                deviation: deviation(estimate, &columns_along(middle, seen, e)),
            },
            across: Known { mean: across, deviation: deviation(estimate, &across_columns) },
            turn: Known { mean: turn, deviation: turn_rad.hypot(self.prior().look_rad) },
        }
    }
}

/// The standard deviation of an equation's left side, the look's own noise included.
fn deviation(estimate: &Estimate, columns: &Vector) -> f64 {
    variance(&estimate.covariance, columns).sqrt().hypot(estimate.look_deviation_m())
}
