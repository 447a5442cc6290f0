//! Damped least squares from a guess to exact joint angles.

use nalgebra::{Isometry3, Vector6};

use super::geometry::{Chain, Geometry, REACH_M};
use super::kinematics_error::KinematicsError;

/// Poses agree when they are closer than this, in 0.7 m and radians.
const AGREES: f64 = 1e-10;

/// The angles of the chain's six joints near a guess that put the flange at a pose.
///
/// # Errors
/// The search does not converge.
pub(super) fn refine(
    geometry: &Geometry,
    base_from_flange: &Isometry3<f64>,
    guess: &Chain,
) -> Result<Chain, KinematicsError> {
    const MAX_STEPS: u32 = 60;
    const LARGEST_STEP_RAD: f64 = 0.3;
    let error_at = |chain: &Chain| {
        let at = geometry.frames(chain)[6];
        let apart = (base_from_flange.translation.vector - at.translation.vector) / REACH_M;
        let turn = (base_from_flange.rotation * at.rotation.inverse()).scaled_axis();
        Vector6::new(apart.x, apart.y, apart.z, turn.x, turn.y, turn.z)
    };
    let mut chain = *guess;
    let mut error = error_at(&chain);
    let mut damping = 1e-9;
    for _ in 0..MAX_STEPS {
        if error.norm() < AGREES {
            return Ok(chain);
        }
        let mut jacobian = geometry.jacobian(&chain);
        for mut row in jacobian.row_iter_mut().take(3) {
            row /= REACH_M;
        }
        let mut normal = jacobian.transpose() * jacobian;
        for index in 0..6 {
            normal[(index, index)] += damping;
        }
        let Some(factors) = normal.cholesky() else {
            damping *= 100.0;
            continue;
        };
        let mut step = factors.solve(&(jacobian.transpose() * error));
        let largest = step.amax();
        if largest > LARGEST_STEP_RAD {
            step *= LARGEST_STEP_RAD / largest;
        }
        let mut moved = chain;
        for (angle_rad, change_rad) in moved.iter_mut().zip(step.iter()) {
            *angle_rad += change_rad;
        }
        let moved_error = error_at(&moved);
        if moved_error.norm() < error.norm() {
            (chain, error) = (moved, moved_error);
            damping = (damping * 0.1).max(1e-12);
        } else if damping > 1e3 {
            break;
        } else {
            damping *= 100.0;
        }
    }
    Err(KinematicsError::NotContinuous)
}
