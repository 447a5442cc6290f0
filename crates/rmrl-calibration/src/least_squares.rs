//! Levenberg-Marquardt on dense normal equations: the problems here have at most some hundreds of unknowns.

use nalgebra::{DMatrix, DVector};

/// A sum of squares to minimize.
pub(crate) trait LeastSquares: Clone {
    /// The number of unknowns.
    fn unknowns(&self) -> usize;

    /// Adds every residual with its derivatives.
    fn linearize(&self, equations: &mut NormalEquations);

    /// The sum of squared residuals.
    fn cost(&self) -> f64;

    /// The problem after a step.
    fn moved(&self, step: &DVector<f64>) -> Self;
}

/// `JᵀJ` and `Jᵀr`, accumulated over the residuals.
#[derive(Debug, Clone)]
pub(crate) struct NormalEquations {
    hessian: DMatrix<f64>,
    gradient: DVector<f64>,
}

impl NormalEquations {
    fn new(unknowns: usize) -> Self {
        Self { hessian: DMatrix::zeros(unknowns, unknowns), gradient: DVector::zeros(unknowns) }
    }

    /// Adds one residual and its derivatives, each with the index of its unknown, in rising order.
    pub(crate) fn add(&mut self, residual: f64, derivatives: &[(usize, f64)]) {
        for (place, (column, value)) in derivatives.iter().enumerate() {
            self.gradient[*column] += value * residual;
            for (row, other) in &derivatives[place..] {
                self.hessian[(*row, *column)] += value * other;
            }
        }
    }
}

/// A solution and its uncertainty.
pub(crate) struct Solution<P> {
    pub problem: P,
    pub cost: f64,
    /// `(JᵀJ)⁻¹` at the solution; `None` if the residuals do not determine all unknowns.
    pub inverse_hessian: Option<DMatrix<f64>>,
}

/// More than any problem here has needed; the loop stops once nothing improves.
const MAX_STEPS: usize = 100;

/// Minimizes the sum of squares from a start.
pub(crate) fn solve<P: LeastSquares>(start: P) -> Solution<P> {
    let mut problem = start;
    let mut cost = problem.cost();
    let mut damping = 1e-4;
    let mut equations = linearized(&problem);
    for _ in 0..MAX_STEPS {
        let mut damped = equations.hessian.clone();
        for index in 0..damped.nrows() {
            damped[(index, index)] *= 1.0 + damping;
        }
        let next =
            damped.cholesky().map(|factor| problem.moved(&factor.solve(&-&equations.gradient)));
        let next_cost = next.as_ref().map_or(f64::INFINITY, LeastSquares::cost);
        match next {
            Some(next) if next_cost <= cost => {
                let gained = cost - next_cost;
                (problem, cost) = (next, next_cost);
                damping = (0.1 * damping).max(1e-12);
                equations = linearized(&problem);
                if gained <= 1e-12 * cost {
                    break;
                }
            }
            _ => {
                damping *= 10.0;
                if damping > 1e12 {
                    break;
                }
            }
        }
    }
    let inverse_hessian = equations.hessian.cholesky().map(|factor| factor.inverse());
    Solution { problem, cost, inverse_hessian }
}

fn linearized<P: LeastSquares>(problem: &P) -> NormalEquations {
    let mut equations = NormalEquations::new(problem.unknowns());
    problem.linearize(&mut equations);
    // The residuals fill only the lower triangle.
    equations.hessian.fill_upper_triangle_with_lower_triangle();
    equations
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rosenbrock's valley as two residuals: `1 - x` and `10 (y - x²)`.
    #[derive(Clone)]
    struct Valley([f64; 2]);

    impl LeastSquares for Valley {
        fn unknowns(&self) -> usize {
            2
        }

        fn linearize(&self, equations: &mut NormalEquations) {
            let [x, y] = self.0;
            equations.add(1.0 - x, &[(0, -1.0)]);
            equations.add(10.0 * (y - x * x), &[(0, -20.0 * x), (1, 10.0)]);
        }

        fn cost(&self) -> f64 {
            let [x, y] = self.0;
            (1.0 - x).powi(2) + 100.0 * (y - x * x).powi(2)
        }

        fn moved(&self, step: &DVector<f64>) -> Self {
            Self([self.0[0] + step[0], self.0[1] + step[1]])
        }
    }

    #[test]
    fn the_bottom_of_a_bent_valley_is_found() {
        let found = solve(Valley([-1.2, 1.0]));
        assert!((found.problem.0[0] - 1.0).abs() < 1e-9 && (found.problem.0[1] - 1.0).abs() < 1e-9);
        assert!(found.cost < 1e-18 && found.inverse_hessian.is_some());
    }
}
