//! The robust posterior over a cell's unknowns.
//!
//! Looks have a heavy tail: a lid or a glint shifts a tenth of them by a millimeter or more. So a look's noise has
//! Student's t distribution, and the most probable unknowns are found by iteratively reweighted least squares: each look
//! has a weight by how well all of its equations fit. The covariance is that of the last iteration.

use nalgebra::{Cholesky, Vector2};
use rmrl_core::PlanarPose;

use crate::equations::{Equation, Station};
use crate::geometry::{Geometry, Matrix, Prior, Vector, xy};

/// Degrees of freedom of a look's noise: the fewer, the heavier its tail.
const FREEDOM: f64 = 3.0;
/// What an observation with Student's t noise tells, relative to its weight in the normal equations, which is the one of
/// normal noise: `(ν + d) / (ν + d + 2)`, here for looks with two equations.
const INFORMATION: f64 = (FREEDOM + 2.0) / (FREEDOM + 4.0);
/// How many equations the prior of the noise's size counts for.
const NOISE_PRIOR_EQUATIONS: f64 = 12.0;
/// The precision of an offset in the jaws, in 1/m²: nothing is known but that the jaws held the plate.
const OFFSET_PRECISION: f64 = 2500.0;
/// Iterations at most. A dozen are enough; more only where two explanations are nearly as good as each other.
const ITERATIONS: usize = 30;
/// It has converged where no unknown changes by more than this, in meters and radians.
const CONVERGED: f64 = 1e-9;

/// Where the plate stayed in the jaws as it was: looks with one offset along the fingers.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Grip {
    pub stations: Vec<Station>,
}

/// The standard deviation of a look that nothing spoils, relative to the scale of Student's t distribution that fits all
/// looks: for normal noise the scale of the best fit is 0.77 of the deviation.
const DEVIATION_OF_SCALE: f64 = 1.3;

/// The posterior.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Estimate {
    pub geometry: Geometry,
    pub covariance: Matrix,
    /// The scale of Student's t distribution of a look's noise, in meters.
    pub look_m: f64,
    /// The weight of each look, from 0 to about 1.
    pub weights: Vec<f64>,
}

/// What all looks together say.
pub(crate) struct Evidence<'a> {
    pub prior: &'a Prior,
    pub middle: PlanarPose,
    /// The look at the plate on the target, with the tool's pose at the place.
    pub target: Station,
    pub grips: &'a [Grip],
    /// How many looks there are.
    pub looks: usize,
}

/// An equation along the fingers within a grip, with the look it is of.
struct Along {
    equation: Equation,
    look: usize,
}

/// Squared residuals of the equations of one look, and their number.
#[derive(Clone, Copy, Default)]
struct Misfit {
    squares: f64,
    count: f64,
}

impl Estimate {
    /// The standard deviation of a look that nothing spoils, in meters.
    pub fn look_deviation_m(&self) -> f64 {
        DEVIATION_OF_SCALE * self.look_m
    }
}

impl Evidence<'_> {
    /// The most probable geometry, and how uncertain it is.
    pub fn estimate(&self) -> Estimate {
        let mut geometry = Geometry { values: Vector::zeros(), middle: xy(self.middle) };
        let mut weights = vec![1.0; self.looks];
        let mut yaw_weights = vec![1.0; self.looks];
        let mut look_m = self.prior.look_m;
        let mut covariance = Matrix::from_diagonal(&self.prior.precision().map(f64::recip));
        for _ in 0..ITERATIONS {
            let (normal, right) = self.normal_equations(&geometry, &weights, &yaw_weights, look_m);
            let prior = Matrix::from_diagonal(&self.prior.precision());
            let information = prior + (normal - prior) * INFORMATION;
            let solved = Cholesky::new(normal).map(|normal| normal.solve(&right));
            let (Some(values), Some(information)) = (solved, Cholesky::new(information)) else {
                break;
            };
            covariance = information.inverse();
            let step = (values - geometry.values).amax();
            geometry.values = values;
            let misfits = self.misfits(&geometry, &weights, look_m);
            look_m = self.noise_m(&misfits, &weights);
            for (weight, misfit) in weights.iter_mut().zip(&misfits) {
                *weight = student_weight(misfit.squares / look_m.powi(2), misfit.count);
            }
            self.reweigh_yaws(&geometry, &mut yaw_weights);
            if step < CONVERGED {
                break;
            }
        }
        Estimate { geometry, covariance, look_m, weights }
    }

    /// The weighted normal equations, with the offset of each grip eliminated.
    fn normal_equations(
        &self,
        geometry: &Geometry,
        weights: &[f64],
        yaw_weights: &[f64],
        look_m: f64,
    ) -> (Matrix, Vector) {
        let precision = |look: usize| weights[look] / look_m.powi(2);
        let mut sums =
            Sums { normal: Matrix::from_diagonal(&self.prior.precision()), right: Vector::zeros() };
        sums.add(&self.target.target(geometry), precision(self.target.look));
        for grip in self.grips {
            for station in grip.stations.iter().filter(|station| !station.closes) {
                sums.add(&station.across(geometry), precision(station.look));
                sums.add(&station.turn(), yaw_weights[station.look] / self.prior.look_rad.powi(2));
            }
            // min over D of Σ w (a·x - v - D)² + w_0 D²
            let (mut total, mut columns, mut value) = (OFFSET_PRECISION, Vector::zeros(), 0.0);
            for Along { equation, look } in along(grip, geometry) {
                let precision = precision(look);
                sums.add(&equation, precision);
                total += precision;
                columns += equation.columns * precision;
                value += equation.value * precision;
            }
            sums.normal.ger(-total.recip(), &columns, &columns, 1.0);
            sums.right -= columns * (value / total);
        }
        (sums.normal, sums.right)
    }

    /// How badly the equations of each look fit.
    fn misfits(&self, geometry: &Geometry, weights: &[f64], look_m: f64) -> Vec<Misfit> {
        let mut misfits = vec![Misfit::default(); self.looks];
        let mut note = |look: usize, residual: f64, count: f64| {
            misfits[look].squares += residual.powi(2);
            misfits[look].count += count;
        };
        let residual =
            |equation: &Equation| equation.columns.dot(&geometry.values) - equation.value;
        note(self.target.look, residual(&self.target.target(geometry)), 1.0);
        for grip in self.grips {
            for station in grip.stations.iter().filter(|station| !station.closes) {
                note(station.look, residual(&station.across(geometry)), 1.0);
            }
            let precision = |look: usize| weights[look] / look_m.powi(2);
            let all: Vec<Along> = along(grip, geometry).collect();
            let total: f64 = all.iter().map(|along| precision(along.look)).sum();
            let offset = all
                .iter()
                .map(|along| precision(along.look) * residual(&along.equation))
                .sum::<f64>()
                / (total + OFFSET_PRECISION);
            // The offset takes one of the equations away.
            let free = (all.len() as f64 - 1.0) / all.len().max(1) as f64;
            for along in &all {
                note(along.look, residual(&along.equation) - offset, free);
            }
        }
        misfits
    }

    /// The noise of a look by its prior and the misfits.
    fn noise_m(&self, misfits: &[Misfit], weights: &[f64]) -> f64 {
        let mut squares = NOISE_PRIOR_EQUATIONS * self.prior.look_m.powi(2);
        let mut count = NOISE_PRIOR_EQUATIONS;
        for (misfit, weight) in misfits.iter().zip(weights) {
            squares += weight * misfit.squares;
            count += misfit.count;
        }
        (squares / count).sqrt()
    }

    fn reweigh_yaws(&self, geometry: &Geometry, weights: &mut [f64]) {
        for station in
            self.grips.iter().flat_map(|grip| &grip.stations).filter(|station| !station.closes)
        {
            let equation = station.turn();
            let residual = equation.columns.dot(&geometry.values) - equation.value;
            weights[station.look] = student_weight((residual / self.prior.look_rad).powi(2), 1.0);
        }
    }
}

/// The equations along the fingers of a grip.
fn along<'a>(grip: &'a Grip, geometry: &'a Geometry) -> impl Iterator<Item = Along> + 'a {
    grip.stations
        .iter()
        .map(|station| Along { equation: station.along(geometry), look: station.look })
}

/// The weight of `count` equations whose squared residuals sum to `squares` standard deviations.
fn student_weight(squares: f64, count: f64) -> f64 {
    (FREEDOM + count) / (FREEDOM + squares)
}

/// Sums of the normal equations.
struct Sums {
    normal: Matrix,
    right: Vector,
}

impl Sums {
    fn add(&mut self, equation: &Equation, precision: f64) {
        self.normal.ger(precision, &equation.columns, &equation.columns, 1.0);
        self.right += equation.columns * (precision * equation.value);
    }
}

/// The variance of what an equation's columns make of the unknowns.
pub(crate) fn variance(covariance: &Matrix, columns: &Vector) -> f64 {
    columns.dot(&(covariance * columns)).max(0.0)
}

/// The columns of the position of a plate along a direction.
pub(crate) fn position_columns(
    geometry: &Geometry,
    seen: PlanarPose,
    direction: Vector2<f64>,
) -> Vector {
    let [x, y] = crate::geometry::correction_columns(geometry.middle, seen);
    x * direction.x + y * direction.y
}
