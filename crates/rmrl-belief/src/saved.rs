//! A belief as a file: all that it takes to pick.

use nalgebra::Vector2;
use rmrl_core::Look;
use serde::{Deserialize, Serialize};

use crate::belief::{CellBelief, Pick, pick_by};
use crate::estimate::Estimate;
use crate::geometry::{Geometry, Matrix, SIZE, UNKNOWNS, Vector};

/// The version of the file that this program writes.
const VERSION: u32 = 1;

/// A belief as it is saved beside a run: the posterior, by which any program can pick.
///
/// ```text
/// p = z - (1 + γ) ε + c(z),    T = p - D* e - τ n,    Ψ = ψ_z + θ - κ
/// ```
///
/// `docs/self-calibration.md` has the equations. A belief that was read picks as the one that was saved.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "SavedEntry", into = "SavedEntry")]
pub struct SavedBelief {
    carries: u32,
    estimate: Estimate,
}

/// The file's content.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SavedEntry {
    version: u32,
    /// The carries that it was learned from.
    carries: u32,
    /// The middle of the workspace, in meters.
    middle_m: [f64; 2],
    /// The scale of a look's noise, in meters.
    look_m: f64,
    /// The names of the unknowns, in their order.
    unknowns: Vec<String>,
    /// The most probable values, in meters, radians and without a unit.
    values: Vec<f64>,
    /// The covariance, row by row.
    covariance: Vec<Vec<f64>>,
}

impl CellBelief {
    /// The belief as it is now, to be saved.
    pub fn saved(&self) -> SavedBelief {
        let Estimate { geometry, covariance, look_m, .. } = self.estimate();
        SavedBelief {
            carries: self.carries(),
            estimate: Estimate {
                geometry: *geometry,
                covariance: *covariance,
                look_m: *look_m,
                weights: Vec::new(),
                yaw_weights: Vec::new(),
            },
        }
    }
}

impl SavedBelief {
    /// Where the tool picks a plate that the camera sees.
    pub fn pick(&self, seen: Look) -> Pick {
        pick_by(&self.estimate, seen)
    }

    /// The carries that it was learned from.
    pub fn carries(&self) -> u32 {
        self.carries
    }
}

impl From<SavedBelief> for SavedEntry {
    fn from(SavedBelief { carries, estimate }: SavedBelief) -> Self {
        let Estimate { geometry, covariance, look_m, .. } = estimate;
        Self {
            version: VERSION,
            carries,
            middle_m: geometry.middle.into(),
            look_m,
            unknowns: UNKNOWNS.map(str::to_string).to_vec(),
            values: geometry.values.iter().copied().collect(),
            covariance: covariance.row_iter().map(|row| row.iter().copied().collect()).collect(),
        }
    }
}

impl TryFrom<SavedEntry> for SavedBelief {
    type Error = String;

    fn try_from(entry: SavedEntry) -> Result<Self, String> {
        if entry.version != VERSION {
            return Err(format!("it is of version {}, expected {VERSION}", entry.version));
        }
        if entry.unknowns != UNKNOWNS {
            return Err(format!("its unknowns are {:?}, expected {UNKNOWNS:?}", entry.unknowns));
        }
        let numbers: Vec<f64> = entry.covariance.concat();
        let has_sizes = entry.values.len() == SIZE
            && entry.covariance.len() == SIZE
            && numbers.len() == SIZE * SIZE;
        let all = entry.values.iter().chain(&numbers).chain(&entry.middle_m);
        if !has_sizes || !all.copied().chain([entry.look_m]).all(f64::is_finite) {
            return Err(format!(
                "it needs {SIZE} values and {SIZE} rows of {SIZE} numbers of the covariance, all finite"
            ));
        }
        Ok(Self {
            carries: entry.carries,
            estimate: Estimate {
                geometry: Geometry {
                    values: Vector::from_column_slice(&entry.values),
                    middle: Vector2::from(entry.middle_m),
                },
                covariance: Matrix::from_row_slice(&numbers),
                look_m: entry.look_m,
                weights: Vec::new(),
                yaw_weights: Vec::new(),
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use rmrl_core::{Carry, PlanarPose};

    use super::*;
    use crate::Prior;

    fn belief() -> CellBelief {
        let place = PlanarPose::new(0.46, 0.18, 0.0);
        let target = PlanarPose::new(0.463, 0.178, 0.01).into();
        let middle = PlanarPose::new(0.37, 0.0, 0.0);
        let mut belief = CellBelief::new(Prior::default(), middle, place, target);
        let released = PlanarPose::new(0.3, 0.05, 0.2);
        let seen_after = PlanarPose::new(0.304, 0.047, 0.21).into();
        belief.note(&Carry { seen_before: Some(target), grasped: place, released, seen_after });
        belief
    }

    #[test]
    fn a_belief_that_was_read_picks_as_the_one_that_was_saved() {
        let belief = belief();
        let text = serde_json::to_string(&belief.saved()).unwrap();
        let read: SavedBelief = serde_json::from_str(&text).unwrap();
        let look = Look { pose: PlanarPose::new(0.35, 0.1, -0.2), error_m: Some([0.001, 0.0]) };
        assert_eq!(read.pick(look), belief.pick(look));
        assert_eq!(read.carries(), 1);
    }

    #[test]
    fn another_file_is_refused_in_words() {
        let whole = serde_json::to_value(belief().saved()).unwrap();
        for (key, value, expected) in [
            ("version", serde_json::json!(9), "version 9, expected 1"),
            ("values", serde_json::json!([1.0]), "14 values"),
            ("unknowns", serde_json::json!(["x"]), "its unknowns are"),
            ("look_m", serde_json::json!("wide"), "invalid type"),
        ] {
            let mut broken = whole.clone();
            broken[key] = value;
            let error = serde_json::from_value::<SavedBelief>(broken).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }
}
