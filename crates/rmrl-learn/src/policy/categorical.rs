//! Categorical distributions over the candidates: sampling, and the mode.

use rand::RngExt;
use rmrl_core::{ActionIndex, DIMENSIONS, Rng};

/// Draws a candidate of each dimension.
pub(crate) fn sample(distribution: &[Vec<f32>; DIMENSIONS], rng: &mut Rng) -> ActionIndex {
    ActionIndex(distribution.each_ref().map(|probabilities| {
        let mut remaining = rng.random::<f32>() * probabilities.iter().sum::<f32>();
        probabilities
            .iter()
            .position(|probability| {
                remaining -= probability;
                remaining < 0.0
            })
            .unwrap_or(probabilities.len() - 1)
    }))
}

/// The most likely candidate of each dimension, which a deployed policy chooses. Of equally likely
/// ones the lowest.
pub fn most_likely(distribution: &[Vec<f32>; DIMENSIONS]) -> ActionIndex {
    ActionIndex(distribution.each_ref().map(|probabilities| {
        let mut best = 0;
        for (index, probability) in probabilities.iter().enumerate() {
            if *probability > probabilities[best] {
                best = index;
            }
        }
        best
    }))
}
