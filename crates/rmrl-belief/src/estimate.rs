//! The robust posterior over a cell's unknowns.
//!
//! Looks have a heavy tail: a lid or a glint shifts a tenth of them by a millimeter or more. So a look's noise has
//! Student's t distribution, and the most probable unknowns are found by iteratively reweighted least squares: each look
//! has a weight by how well all of its equations fit. The covariance is that of the last iteration.

use nalgebra::Cholesky;
use rmrl_core::PlanarPose;

use crate::equations::{Equation, Station};
use crate::geometry::{Geometry, Matrix, Prior, SIZE, TARGET_ALONG, Vector, xy};

/// Degrees of freedom of a look's noise: the fewer, the heavier its tail.
const FREEDOM: f64 = 3.0;
/// What an observation with Student's t noise tells, relative to its weight in the normal equations, which is the one of
/// normal noise: `(ν + d) / (ν + d + 2)`, here for looks with two equations.
const INFORMATION: f64 = (FREEDOM + 2.0) / (FREEDOM + 4.0);
/// How many equations the prior of the noise's size counts for.
const NOISE_PRIOR_EQUATIONS: f64 = 12.0;
/// How many equations the noise that was found before the camera moved counts for.
const MOVED_NOISE_EQUATIONS: f64 = 60.0;
/// Iterations at most. A dozen are enough; more only where two explanations are nearly as good as each other.
const ITERATIONS: usize = 30;
/// It has converged where no unknown changes by more than this, in meters and radians.
const CONVERGED: f64 = 1e-6;

/// Where the plate stayed in the jaws as it was: looks with one offset along the fingers.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Grip {
    /// What is known of the offset beside the looks.
    pub offset: JawOffset,
    pub stations: Vec<Station>,
}

/// What is known of the offset along the fingers that a plate has in the jaws.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct JawOffset {
    /// In meters.
    pub mean_m: f64,
    /// In 1/m².
    pub precision: f64,
}

impl Default for JawOffset {
    /// Nothing but that the jaws held the plate: a deviation of 20 mm.
    fn default() -> Self {
        Self { mean_m: 0.0, precision: 2500.0 }
    }
}

/// What is known of the unknowns before any look: a normal distribution.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Before {
    pub mean: Vector,
    pub precision: Matrix,
    /// The noise of a look, in meters, and how many equations this counts for.
    pub noise: (f64, f64),
}

impl Before {
    /// What a prior says.
    pub fn of(prior: &Prior) -> Self {
        let precision = Matrix::from_diagonal(&prior.precision());
        let noise = (prior.look_m, NOISE_PRIOR_EQUATIONS);
        Self { mean: Vector::zeros(), precision, noise }
    }

    /// Expects the offset along the fingers of a plate on another target.
    pub fn expect_target_offset(&mut self, mean_m: f64, variance: f64) {
        self.precision.fill_row(TARGET_ALONG, 0.0);
        self.precision.fill_column(TARGET_ALONG, 0.0);
        self.precision[(TARGET_ALONG, TARGET_ALONG)] = 1.0 / variance;
        self.mean[TARGET_ALONG] = mean_m;
    }

    /// What an estimate leaves to say once the camera has moved: tool and arm are as they were.
    pub fn moved_camera(estimate: &Estimate, prior: &Prior) -> Self {
        let covariance = estimate.covariance + Matrix::from_diagonal(&prior.move_variance());
        let precision = Cholesky::new(covariance).expect("a covariance and more").inverse();
        let noise = (estimate.look_m, MOVED_NOISE_EQUATIONS);
        Self { mean: estimate.geometry.values, precision, noise }
    }
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
    /// How much each look counts, in the plane and in yaw.
    pub weights: Vec<f64>,
    pub yaw_weights: Vec<f64>,
}

/// What all looks together say.
pub(crate) struct Evidence<'a> {
    pub before: &'a Before,
    /// The noise of a look's yaw, in radians.
    pub look_rad: f64,
    pub middle: PlanarPose,
    /// The look at the plate on the target, with the tool's pose at the place; `None` where the camera has moved since.
    pub target: Option<Station>,
    pub grips: &'a [Grip],
    /// How many looks there are.
    pub looks: usize,
    /// An estimate from most of these looks, to begin with; without one it begins with the prior.
    pub known: Option<&'a Estimate>,
}

/// An equation along the fingers within a grip, with the look it is of.
struct Along {
    equation: Equation,
    look: usize,
}

/// A station's equations. Only the slide of closing jaws depends on the geometry.
struct Prepared<'a> {
    station: &'a Station,
    along: Equation,
    across: Equation,
    turn: Equation,
}

impl<'a> Prepared<'a> {
    fn of(station: &'a Station, geometry: &Geometry) -> Self {
        let along = station.along_before_slide(geometry);
        Self { station, along, across: station.across(geometry), turn: station.turn() }
    }

    fn along(&self, geometry: &Geometry) -> Along {
        let mut equation = self.along;
        equation.value -= self.station.slide_m(geometry);
        Along { equation, look: self.station.look }
    }
}

/// The equations of a grip.
struct PreparedGrip<'a> {
    offset: JawOffset,
    stations: Vec<Prepared<'a>>,
}

impl<'a> PreparedGrip<'a> {
    fn of(grip: &'a Grip, geometry: &Geometry) -> Self {
        let stations = grip.stations.iter().map(|s| Prepared::of(s, geometry)).collect();
        Self { offset: grip.offset, stations }
    }

    /// Its looks after the jaws opened.
    fn released(&self) -> impl Iterator<Item = &Prepared<'a>> {
        self.stations.iter().filter(|prepared| !prepared.station.closes)
    }

    /// The equations along the fingers.
    fn along(&self, geometry: &Geometry) -> impl Iterator<Item = Along> {
        self.stations.iter().map(|prepared| prepared.along(geometry))
    }
}

/// Squared residuals of the equations of one look, and their number.
#[derive(Clone, Copy, Default)]
struct Misfit {
    squares: f64,
    count: f64,
}

impl Estimate {
    /// The offset along the fingers that a plate on the target has.
    pub fn target_offset(&self) -> JawOffset {
        let variance = self.covariance[(TARGET_ALONG, TARGET_ALONG)];
        JawOffset { mean_m: self.geometry.values[TARGET_ALONG], precision: 1.0 / variance }
    }

    /// The standard deviation of a look that nothing spoils, in meters.
    pub fn look_deviation_m(&self) -> f64 {
        DEVIATION_OF_SCALE * self.look_m
    }
}

impl Evidence<'_> {
    /// The most probable geometry, and how uncertain it is.
    pub fn estimate(&self) -> Estimate {
        let before = self.before;
        let mut geometry = Geometry { values: before.mean, middle: xy(self.middle) };
        let (mut look_m, _) = before.noise;
        let (mut weights, mut yaw_weights) = (Vec::new(), Vec::new());
        if let Some(known) = self.known {
            geometry = known.geometry;
            look_m = known.look_m;
            weights.clone_from(&known.weights);
            yaw_weights.clone_from(&known.yaw_weights);
        }
        weights.resize(self.looks, 1.0);
        yaw_weights.resize(self.looks, 1.0);
        let mut last_normal = before.precision;
        let grips: Vec<PreparedGrip<'_>> =
            self.grips.iter().map(|grip| PreparedGrip::of(grip, &geometry)).collect();
        for _ in 0..ITERATIONS {
            let scales = Scales { weights: &weights, yaw_weights: &yaw_weights, look_m };
            let (normal, right) = self.normal_equations(&grips, &geometry, &scales);
            let Some(cholesky) = Cholesky::new(normal) else { break };
            let values = cholesky.solve(&right);
            last_normal = normal;
            let step = (values - geometry.values).amax();
            geometry.values = values;
            let misfits = self.misfits(&grips, &geometry, &scales);
            look_m = self.noise_m(&misfits, &weights);
            for (weight, misfit) in weights.iter_mut().zip(&misfits) {
                *weight = student_weight(misfit.squares / look_m.powi(2), misfit.count);
            }
            self.reweigh_yaws(&grips, &geometry, &mut yaw_weights);
            if step < CONVERGED {
                break;
            }
        }
        let information = before.precision + (last_normal - before.precision) * INFORMATION;
        let information = Cholesky::new(information).expect("it is the prior's and more");
        Estimate { geometry, covariance: information.inverse(), look_m, weights, yaw_weights }
    }

    /// The weighted normal equations, with the offset of each grip eliminated.
    fn normal_equations(
        &self,
        grips: &[PreparedGrip<'_>],
        geometry: &Geometry,
        scales: &Scales<'_>,
    ) -> (Matrix, Vector) {
        let before = self.before;
        let mut sums = Sums { normal: before.precision, right: before.precision * before.mean };
        if let Some(target) = &self.target {
            sums.add(&target.target(geometry), scales.precision(target.look));
        }
        for grip in grips {
            for released in grip.released() {
                let look = released.station.look;
                sums.add(&released.across, scales.precision(look));
                sums.add(&released.turn, scales.yaw_weights[look] / self.look_rad.powi(2));
            }
            // min over D of Σ w (a·x - v - D)² + w_0 (D - D_0)²
            let JawOffset { mean_m, precision } = grip.offset;
            let (mut total, mut columns, mut value) =
                (precision, Vector::zeros(), -precision * mean_m);
            for Along { equation, look } in grip.along(geometry) {
                let precision = scales.precision(look);
                sums.add(&equation, precision);
                total += precision;
                columns += equation.columns * precision;
                value += equation.value * precision;
            }
            sums.add(&Equation { columns: columns / total, value: value / total }, -total);
        }
        sums.normal.fill_lower_triangle_with_upper_triangle();
        (sums.normal, sums.right)
    }

    /// How badly the equations of each look fit.
    fn misfits(
        &self,
        grips: &[PreparedGrip<'_>],
        geometry: &Geometry,
        scales: &Scales<'_>,
    ) -> Vec<Misfit> {
        let mut misfits = vec![Misfit::default(); self.looks];
        let mut note = |look: usize, residual: f64, count: f64| {
            misfits[look].squares += residual.powi(2);
            misfits[look].count += count;
        };
        if let Some(target) = &self.target {
            note(target.look, target.target(geometry).residual(geometry), 1.0);
        }
        for grip in grips {
            for released in grip.released() {
                note(released.station.look, released.across.residual(geometry), 1.0);
            }
            let JawOffset { mean_m, precision } = grip.offset;
            let (mut total, mut offset) = (precision, precision * mean_m);
            for Along { equation, look } in grip.along(geometry) {
                total += scales.precision(look);
                offset += scales.precision(look) * equation.residual(geometry);
            }
            // The offset takes one of the equations away, as far as nothing else tells it.
            let taken = 1.0 - precision / total;
            let free = 1.0 - taken / grip.stations.len().max(1) as f64;
            for Along { equation, look } in grip.along(geometry) {
                note(look, equation.residual(geometry) - offset / total, free);
            }
        }
        misfits
    }

    /// The noise of a look by its prior and the misfits.
    fn noise_m(&self, misfits: &[Misfit], weights: &[f64]) -> f64 {
        let (known_m, mut count) = self.before.noise;
        let mut squares = count * known_m.powi(2);
        for (misfit, weight) in misfits.iter().zip(weights) {
            squares += weight * misfit.squares;
            count += misfit.count;
        }
        (squares / count).sqrt()
    }

    fn reweigh_yaws(&self, grips: &[PreparedGrip<'_>], geometry: &Geometry, weights: &mut [f64]) {
        for released in grips.iter().flat_map(PreparedGrip::released) {
            let residual = released.turn.residual(geometry) / self.look_rad;
            weights[released.station.look] = student_weight(residual.powi(2), 1.0);
        }
    }
}

/// How much looks count.
struct Scales<'a> {
    weights: &'a [f64],
    yaw_weights: &'a [f64],
    look_m: f64,
}

impl Scales<'_> {
    /// The precision of a look's equations, in 1/m².
    fn precision(&self, look: usize) -> f64 {
        self.weights[look] / self.look_m.powi(2)
    }
}

/// The weight of `count` equations whose squared residuals sum to `squares` standard deviations.
fn student_weight(squares: f64, count: f64) -> f64 {
    (FREEDOM + count) / (FREEDOM + squares)
}

/// Sums of the normal equations.
struct Sums {
    /// Its upper triangle.
    normal: Matrix,
    right: Vector,
}

impl Sums {
    fn add(&mut self, equation: &Equation, precision: f64) {
        let weighted = equation.columns * precision;
        for column in 0..SIZE {
            let factor = equation.columns[column];
            if factor != 0.0 {
                for row in 0..=column {
                    self.normal[(row, column)] += weighted[row] * factor;
                }
            }
        }
        self.right += weighted * equation.value;
    }
}

/// The variance of what an equation's columns make of the unknowns.
pub(crate) fn variance(covariance: &Matrix, columns: &Vector) -> f64 {
    columns.dot(&(covariance * columns)).max(0.0)
}
