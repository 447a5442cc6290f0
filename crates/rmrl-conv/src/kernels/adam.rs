//! A step of Adam in one pass over the parameters.

use pulp::Arch;
use rayon::prelude::*;

/// Adam's constants (Kingma and Ba 2015).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AdamStep {
    /// The step size.
    pub rate: f64,
    /// Decay of the mean of gradients.
    pub beta1: f64,
    /// Decay of the mean of squared gradients.
    pub beta2: f64,
    /// Term added to the root of the mean square.
    pub epsilon: f64,
    /// The number of this step, counted from 1.
    pub step: u32,
}

/// Values that a thread updates at once.
const AT_ONCE: usize = 32 * 1024;

/// Updates moments and values in the order of PyTorch's operations: `m = β1 m + (1 - β1) g`,
/// `v = β2 v + (1 - β2) g²` and `θ = θ - rate * m / (1 - β1^t) / (sqrt(v / (1 - β2^t)) + ε)`.
///
/// # Panics
/// The slices differ in length.
pub fn adam(
    step: AdamStep,
    values: &mut [f32],
    gradient: &[f32],
    first: &mut [f32],
    second: &mut [f32],
) {
    assert!(
        [gradient.len(), first.len(), second.len()].iter().all(|len| *len == values.len()),
        "values, gradient and moments have the same length"
    );
    let AdamStep { rate, beta1, beta2, epsilon, step } = step;
    let power = i32::try_from(step).unwrap_or(i32::MAX);
    let rate = (rate / (1.0 - beta1.powi(power))) as f32;
    let correction = (1.0 - beta2.powi(power)).sqrt().recip() as f32;
    let [kept1, kept2, epsilon] = [beta1 as f32, beta2 as f32, epsilon as f32];
    let [new1, new2] = [(1.0 - beta1) as f32, (1.0 - beta2) as f32];
    let moments = first.par_chunks_mut(AT_ONCE).zip(second.par_chunks_mut(AT_ONCE));
    let numbers = values.par_chunks_mut(AT_ONCE).zip(gradient.par_chunks(AT_ONCE));
    numbers.zip(moments).for_each(|((values, gradient), (first, second))| {
        Arch::new().dispatch(
            #[inline(always)]
            || {
                let moments = first.iter_mut().zip(second);
                for ((value, g), (m, v)) in values.iter_mut().zip(gradient).zip(moments) {
                    *m = kept1 * *m + new1 * g;
                    *v = kept2 * *v + new2 * g * g;
                    *value -= rate * *m / (v.sqrt() * correction + epsilon);
                }
            },
        );
    });
}
