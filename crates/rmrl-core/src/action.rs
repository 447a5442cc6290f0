//! The action space: fixed candidate values for each dimension of an adjustment (Sec. 3.3.1).

use serde::{Deserialize, Serialize};

use crate::PoseAdjustment;

/// The dimensions of an action: Δx, Δy and Δψ.
pub const DIMENSIONS: usize = 3;

/// The names of the dimensions, as errors spell them.
const NAMES: [&str; DIMENSIONS] = ["dx", "dy", "dyaw"];

/// Which candidate of each dimension was chosen: `[ind_x, ind_y, ind_ψ]`, counted from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ActionIndex(pub [usize; DIMENSIONS]);

/// The candidate values of Δx, Δy and Δψ; the action set is their product.
///
/// The candidates of each dimension rise strictly, so each index belongs to one value. In an environment that is no cell of
/// plates the values have that environment's units, and an adjustment carries one of each dimension.
///
/// ```
/// use rmrl_core::ActionSpace;
/// let actions = ActionSpace::symmetric([5, 5, 3], [0.002, 0.002, 0.01])?;
/// let index = actions.nearest(actions.adjustment(rmrl_core::ActionIndex([4, 0, 1])).unwrap());
/// assert_eq!(index.0, [4, 0, 1]);
/// # Ok::<(), rmrl_core::ActionSpaceError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct ActionSpace {
    /// In meters, meters and radians.
    candidates: [Vec<f64>; DIMENSIONS],
}

/// Why a set of candidate values is not an action space.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ActionSpaceError {
    /// A dimension has no candidate.
    #[error("the action space needs at least one candidate value for {dimension}, got none")]
    Empty {
        /// `dx`, `dy` or `dyaw`.
        dimension: &'static str,
    },
    /// A candidate is not finite, or not above the candidate before it.
    #[error(
        "candidate {index} of {dimension} is {value}; candidates must be finite and rise strictly"
    )]
    NotRising {
        /// `dx`, `dy` or `dyaw`.
        dimension: &'static str,
        /// The offending candidate, counted from 0.
        index: usize,
        /// Its value, in meters or radians.
        value: f64,
    },
}

impl ActionIndex {
    /// The index of the same candidates in a space that was refined once.
    #[must_use]
    pub fn refined(self) -> Self {
        Self(self.0.map(|index| 2 * index))
    }
}

impl ActionSpace {
    /// An action space of the given candidate values, in meters, meters and radians.
    ///
    /// # Errors
    /// A dimension without candidates, or candidates that do not rise strictly.
    pub fn new(candidates: [Vec<f64>; DIMENSIONS]) -> Result<Self, ActionSpaceError> {
        for (values, dimension) in candidates.iter().zip(NAMES) {
            if values.is_empty() {
                return Err(ActionSpaceError::Empty { dimension });
            }
            for (index, &value) in values.iter().enumerate() {
                if !value.is_finite() || (index > 0 && value <= values[index - 1]) {
                    return Err(ActionSpaceError::NotRising { dimension, index, value });
                }
            }
        }
        Ok(Self { candidates })
    }

    /// Evenly spaced candidates centered on zero: `counts[d]` values, `steps[d]` apart.
    ///
    /// # Errors
    /// A count of zero, or a step that is not positive where the count is above one.
    pub fn symmetric(
        counts: [usize; DIMENSIONS],
        steps: [f64; DIMENSIONS],
    ) -> Result<Self, ActionSpaceError> {
        Self::new(std::array::from_fn(|dimension| {
            let middle = counts[dimension].saturating_sub(1) as f64 / 2.0;
            (0..counts[dimension]).map(|index| (index as f64 - middle) * steps[dimension]).collect()
        }))
    }

    /// The same space with one more candidate in the middle between any two. Candidate `i` becomes
    /// candidate `2 i`.
    #[must_use]
    pub fn refined(&self) -> Self {
        Self {
            candidates: self.candidates.each_ref().map(|values| {
                let middles = values.windows(2).map(|pair| 0.5 * (pair[0] + pair[1]));
                let halves = values.iter().copied().zip(middles.map(Some).chain([None]));
                halves.flat_map(|(value, middle)| [Some(value), middle]).flatten().collect()
            }),
        }
    }

    /// The number of candidates of each dimension.
    pub fn sizes(&self) -> [usize; DIMENSIONS] {
        std::array::from_fn(|dimension| self.candidates[dimension].len())
    }

    /// The candidate values of each dimension, in meters, meters and radians.
    pub fn candidates(&self) -> &[Vec<f64>; DIMENSIONS] {
        &self.candidates
    }

    /// The adjustment of an index; `None` if the index lies outside the space.
    pub fn adjustment(&self, index: ActionIndex) -> Option<PoseAdjustment> {
        let [dx, dy, dyaw] = index.0;
        Some(PoseAdjustment {
            dx_m: *self.candidates[0].get(dx)?,
            dy_m: *self.candidates[1].get(dy)?,
            dyaw_rad: *self.candidates[2].get(dyaw)?,
        })
    }

    /// The index of the candidates nearest to `adjustment`, dimension by dimension.
    ///
    /// Values beyond the outermost candidates snap to them. Values half-way between two candidates, such
    /// as refined candidates, snap to the one nearer to zero.
    pub fn nearest(&self, adjustment: PoseAdjustment) -> ActionIndex {
        /// How far from half-way rounding may move a value, in meters and radians.
        const HALF_WAY: f64 = 1e-9;
        let values = [adjustment.dx_m, adjustment.dy_m, adjustment.dyaw_rad];
        ActionIndex(std::array::from_fn(|dimension| {
            let (candidates, value) = (&self.candidates[dimension], values[dimension]);
            let nearer = |one: &f64, other: &f64| {
                let (to_one, to_other) = ((one - value).abs(), (other - value).abs());
                if (to_one - to_other).abs() < HALF_WAY {
                    one.abs() < other.abs()
                } else {
                    to_one < to_other
                }
            };
            (1..candidates.len()).fold(0, |best, index| {
                if nearer(&candidates[index], &candidates[best]) { index } else { best }
            })
        }))
    }

    /// The least and the largest candidate of each dimension.
    pub fn reach(&self) -> [[f64; 2]; DIMENSIONS] {
        self.candidates.each_ref().map(|values| [values[0], values[values.len() - 1]])
    }

    /// The longest translation and the largest rotation of all actions, in meters and radians.
    pub fn largest_adjustment(&self) -> (f64, f64) {
        let largest = |dimension: usize| {
            self.candidates[dimension]
                .iter()
                .fold(0.0f64, |largest, value| largest.max(value.abs()))
        };
        (largest(0).hypot(largest(1)), largest(2))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn symmetric_candidates_are_centered() {
        let actions = ActionSpace::symmetric([3, 4, 1], [0.002, 0.001, 0.1]).unwrap();
        assert_eq!(actions.candidates()[0], [-0.002, 0.0, 0.002]);
        assert_eq!(actions.candidates()[1], [-0.0015, -0.0005, 0.0005, 0.0015]);
        assert_eq!(actions.candidates()[2], [0.0]);
        let (translation, rotation) = actions.largest_adjustment();
        assert_eq!(translation, 0.0025);
        assert_eq!(rotation, 0.0);
    }

    #[test]
    fn refining_keeps_the_candidates_and_adds_their_middles() {
        let actions = ActionSpace::symmetric([3, 2, 1], [0.002, 0.001, 0.1]).unwrap();
        let refined = actions.refined();
        assert_eq!(refined.candidates()[0], [-0.002, -0.001, 0.0, 0.001, 0.002]);
        assert_eq!(refined.candidates()[1], [-0.0005, 0.0, 0.0005]);
        assert_eq!(refined.candidates()[2], [0.0]);
        let index = ActionIndex([2, 1, 0]);
        assert_eq!(refined.adjustment(index.refined()), actions.adjustment(index));
    }

    #[test]
    fn values_outside_snap_to_the_outermost_candidate() {
        let actions = ActionSpace::symmetric([3, 3, 3], [1.0, 1.0, 1.0]).unwrap();
        let index = actions.nearest(PoseAdjustment { dx_m: -40.0, dy_m: 0.5, dyaw_rad: 2.0 });
        assert_eq!(index.0, [0, 1, 2]);
        assert_eq!(actions.adjustment(ActionIndex([0, 3, 0])), None);
    }

    #[test]
    fn refined_candidates_round_to_coarse_ones_alike_on_both_sides() {
        let coarse = ActionSpace::symmetric([7, 7, 13], [0.0025, 0.0025, 0.01]).unwrap();
        let fine = coarse.refined().refined();
        for (index, value) in fine.candidates()[0].iter().enumerate() {
            let rounded = coarse.nearest(PoseAdjustment { dx_m: *value, dy_m: 0.0, dyaw_rad: 0.0 });
            let mirrored =
                coarse.nearest(PoseAdjustment { dx_m: -value, dy_m: 0.0, dyaw_rad: 0.0 });
            assert_eq!(rounded.0[0], 6 - mirrored.0[0], "{value}");
            assert_eq!(rounded.0[1..], [3, 6]);
            assert!(rounded.0[0].abs_diff(3) <= index.abs_diff(12).div_ceil(4));
        }
        assert_eq!(coarse.reach(), fine.reach());
    }

    #[test]
    fn errors_name_the_candidate_that_does_not_rise() {
        let error = ActionSpace::new([vec![0.0], vec![0.0, 0.0], vec![0.0]]).unwrap_err();
        assert!(error.to_string().contains("candidate 1 of dy is 0"), "{error}");
        let error = ActionSpace::new([vec![0.0], vec![0.0], vec![f64::NAN]]).unwrap_err();
        assert!(error.to_string().contains("dyaw"), "{error}");
        let error = ActionSpace::symmetric([1, 0, 1], [1.0; 3]).unwrap_err();
        assert_eq!(error, ActionSpaceError::Empty { dimension: "dy" });
    }

    proptest! {
        #[test]
        fn index_and_value_name_each_other(
            counts in prop::array::uniform3(1usize..20),
            step in 1e-4..1e-2f64,
            pick in prop::array::uniform3(0.0..1.0f64),
        ) {
            let actions = ActionSpace::symmetric(counts, [step; 3]).unwrap();
            let index = ActionIndex(std::array::from_fn(|d| (pick[d] * counts[d] as f64) as usize));
            let adjustment = actions.adjustment(index).unwrap();
            prop_assert_eq!(actions.nearest(adjustment), index);
        }
    }
}
