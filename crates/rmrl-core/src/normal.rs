//! Normally distributed numbers.

use std::f64::consts::TAU;

use rand::RngExt;

use crate::Rng;

/// One number of the standard normal distribution, made from the next two numbers of `rng`.
pub fn standard_normal(rng: &mut Rng) -> f64 {
    // The generator's numbers lie in [0, 1), the logarithm needs (0, 1].
    let (radius, angle) = box_muller(1.0 - rng.random::<f64>(), rng.random::<f64>());
    radius * angle.cos()
}

/// Two independent numbers of the standard normal distribution, made from two independent uniform ones: `u` in
/// (0, 1], `v` in [0, 1].
pub fn normal_pair(u: f64, v: f64) -> [f64; 2] {
    let (radius, angle) = box_muller(u, v);
    [radius * angle.cos(), radius * angle.sin()]
}

/// The Box-Muller transform: a point of the standard normal distribution in the plane, as radius and angle.
fn box_muller(u: f64, v: f64) -> (f64, f64) {
    ((-2.0 * u.ln()).sqrt(), TAU * v)
}

#[cfg(test)]
mod tests {
    use rand::Rng as _;

    use super::*;
    use crate::{mean, random_stream, standard_deviation};

    fn stream(purpose: &str) -> Rng {
        random_stream(11, purpose, [3, 4])
    }

    /// Weights and the simulated arm were drawn by this formula; runs of earlier versions have to repeat.
    #[test]
    fn standard_normal_repeats_the_numbers_of_earlier_versions() {
        let (mut rng, mut again) = (stream("normal"), stream("normal"));
        for _ in 0..1000 {
            let radius = (-2.0 * (1.0 - again.random::<f64>()).ln()).sqrt();
            let expected = radius * (std::f64::consts::TAU * again.random::<f64>()).cos();
            assert_eq!(standard_normal(&mut rng).to_bits(), expected.to_bits());
        }
    }

    /// So was the table of the camera's noise.
    #[test]
    fn normal_pairs_repeat_the_numbers_of_earlier_versions() {
        let (mut rng, mut again) = (stream("table"), stream("table"));
        let mut uniform = || (f64::from(rng.next_u32()) + 0.5) / 4_294_967_296.0;
        let mut uniform_again = || (f64::from(again.next_u32()) + 0.5) / 4_294_967_296.0;
        for _ in 0..1000 {
            let (radius, angle) =
                ((-2.0 * uniform_again().ln()).sqrt(), std::f64::consts::TAU * uniform_again());
            let expected = [radius * angle.cos(), radius * angle.sin()];
            let pair = normal_pair(uniform(), uniform());
            assert_eq!(pair.map(f64::to_bits), expected.map(f64::to_bits));
        }
    }

    #[test]
    fn both_are_standard_normal() {
        let mut rng = stream("moments");
        let single: Vec<f64> = (0..20_000).map(|_| standard_normal(&mut rng)).collect();
        let pairs: Vec<[f64; 2]> = (0..20_000)
            .map(|_| normal_pair(1.0 - rng.random::<f64>(), rng.random::<f64>()))
            .collect();
        for values in [
            single,
            pairs.iter().map(|pair| pair[0]).collect(),
            pairs.iter().map(|pair| pair[1]).collect(),
        ] {
            assert!(mean(&values).abs() < 0.03);
            assert!((standard_deviation(&values) - 1.0).abs() < 0.03);
            let beyond = values.iter().filter(|value| value.abs() > 1.96).count();
            assert!((beyond as f64 / values.len() as f64 - 0.05).abs() < 0.01);
        }
        let products: Vec<f64> = pairs.iter().map(|pair| pair[0] * pair[1]).collect();
        assert!(mean(&products).abs() < 0.03, "the two numbers of a pair are independent");
    }

    #[test]
    fn the_ends_of_the_uniform_numbers_are_finite() {
        assert_eq!(normal_pair(1.0, 0.25), [0.0, 0.0]);
        assert!(normal_pair(f64::MIN_POSITIVE, 1.0).iter().all(|value| value.is_finite()));
    }
}
