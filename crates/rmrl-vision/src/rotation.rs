//! Rotation matrices as files have them.

use nalgebra::{Matrix3, Rotation3, UnitQuaternion};

/// How far a matrix may be from a rotation: the effect of rounding to four decimals.
const TOLERANCE: f64 = 1e-3;

/// The rotation of a matrix, given row by row and rounded to four decimals or more.
///
/// # Errors
/// It is no rotation, or a reflection.
pub fn rotation_from_rows(rows: [[f64; 3]; 3]) -> Result<UnitQuaternion<f64>, String> {
    let matrix = Matrix3::from_fn(|row, column| rows[row][column]);
    let off = (matrix * matrix.transpose() - Matrix3::identity()).abs().max();
    if !matrix.iter().all(|value| value.is_finite()) || off > TOLERANCE {
        return Err(format!(
            "rotation is no rotation matrix: its rows should have length 1 and be perpendicular to each other, \
             but R Rᵀ differs from 1 by {off:.2e}"
        ));
    }
    if matrix.determinant() < 0.0 {
        let reason =
            "rotation is a reflection (its determinant is -1): a row or column has the wrong sign";
        return Err(reason.to_string());
    }
    // The nearest rotation: removes the rounding.
    let svd = matrix.svd(true, true);
    let (Some(u), Some(v_t)) = (svd.u, svd.v_t) else {
        return Err("rotation has no singular values".to_string());
    };
    let nearest = Rotation3::from_matrix_unchecked(u * v_t);
    Ok(UnitQuaternion::from_rotation_matrix(&nearest))
}
