//! Hand-eye in closed form, and the views that agree with it.

use nalgebra::{
    DMatrix, DVector, Isometry3, Matrix3, Rotation3, Translation3, UnitQuaternion, Vector3,
};

use crate::CalibrationError;
use crate::median::median;
use crate::posed::{PosePair, motion_between};

/// The transforms that views are compared with.
#[derive(Clone, Copy)]
pub(crate) struct Hypothesis {
    pub(crate) flange_from_camera: Isometry3<f64>,
    pub(crate) world_from_board: Isometry3<f64>,
}

impl Hypothesis {
    /// Takes the pose of the board that most views agree with.
    pub(crate) fn new(flange_from_camera: Isometry3<f64>, seen: &[PosePair]) -> Self {
        let boards: Vec<Isometry3<f64>> = seen
            .iter()
            .map(|seen| seen.world_from_flange * flange_from_camera * seen.camera_from_board)
            .collect();
        let spread = |candidate: &Isometry3<f64>| {
            median(boards.iter().map(|other| excess(motion_between(candidate, other))).collect())
        };
        let middle = boards.iter().min_by(|a, b| spread(a).total_cmp(&spread(b)));
        let world_from_board = middle.copied().unwrap_or_else(Isometry3::identity);
        Self { flange_from_camera, world_from_board }
    }

    /// The pose of the flange that a view implies.
    pub(crate) fn world_from_flange(&self, seen: &PosePair) -> Isometry3<f64> {
        self.world_from_board * (self.flange_from_camera * seen.camera_from_board).inverse()
    }

    /// How far a view's pose is off: meters and radians.
    pub(crate) fn off(&self, seen: &PosePair) -> [f64; 2] {
        motion_between(&self.world_from_flange(seen), &seen.world_from_flange)
    }
}

/// How far a pose is off, relative to the error of a closed form from three noisy poses.
pub(crate) fn excess([off_m, off_rad]: [f64; 2]) -> f64 {
    f64::max(off_m / COARSE_M, off_rad / COARSE_RAD)
}

/// The tolerance of poses against a start from three views: far above any arm's error, below that of a wrong row.
const COARSE_M: f64 = 0.01;
const COARSE_RAD: f64 = 0.025;

pub(crate) fn coarse_gate(off: [f64; 2]) -> bool {
    excess(off) <= 1.0
}

/// The hypothesis of three views that explains most of all.
pub(crate) fn consensus(seen: &[PosePair]) -> Option<Hypothesis> {
    let mut best: Option<(usize, f64, Hypothesis)> = None;
    for triple in triples(seen.len()) {
        let three = triple.map(|index| seen[index]);
        if check_rotation(&three).is_err() {
            continue;
        }
        let Some(flange_from_camera) = linear(&three) else { continue };
        let hypothesis = Hypothesis::new(flange_from_camera, seen);
        let offs: Vec<f64> = seen.iter().map(|seen| excess(hypothesis.off(seen))).collect();
        let within = offs.iter().filter(|off| **off <= 1.0).count();
        let sum = offs.iter().map(|off| off.min(1.0)).sum::<f64>();
        if best.as_ref().is_none_or(|(count, least, _)| (within, -sum) > (*count, -*least)) {
            best = Some((within, sum, hypothesis));
        }
    }
    best.filter(|(within, ..)| *within > 3).map(|(.., hypothesis)| hypothesis)
}

/// Triples of `count` views: all of them, or evenly spaced ones if there are too many.
fn triples(count: usize) -> Vec<[usize; 3]> {
    let all: Vec<[usize; 3]> = (0..count)
        .flat_map(|a| (a + 1..count).flat_map(move |b| (b + 1..count).map(move |c| [a, b, c])))
        .collect();
    let step = all.len().div_ceil(MOST_TRIPLES).max(1);
    all.into_iter().step_by(step).collect()
}

/// The most triples that are tried: with a third of the views wrong, a quarter of the triples is right.
const MOST_TRIPLES: usize = 400;

/// `A X = X B` in closed form over all pairs of views, after Park and Martin: the rotation maps the axes of
/// the camera's motions to those of the flange's; then `(R_A - 1) t = R_X t_B - t_A`.
pub(crate) fn linear(seen: &[PosePair]) -> Option<Isometry3<f64>> {
    let pairs: Vec<[Isometry3<f64>; 2]> = pairs(seen.len())
        .map(|(i, j)| {
            let (a, b) = (&seen[i], &seen[j]);
            [
                a.world_from_flange.inverse() * b.world_from_flange,
                a.camera_from_board * b.camera_from_board.inverse(),
            ]
        })
        .collect();
    let correlation: Matrix3<f64> = pairs
        .iter()
        .map(|[flange, camera]| {
            flange.rotation.scaled_axis() * camera.rotation.scaled_axis().transpose()
        })
        .sum();
    let svd = correlation.svd(true, true);
    let (u, v_t) = (svd.u?, svd.v_t?);
    let handed = Matrix3::from_diagonal(&Vector3::new(1.0, 1.0, (u * v_t).determinant().signum()));
    let rotation = u * handed * v_t;
    let mut rows = DMatrix::zeros(3 * pairs.len(), 3);
    let mut values = DVector::zeros(3 * pairs.len());
    for (index, [flange, camera]) in pairs.iter().enumerate() {
        let turned = flange.rotation.to_rotation_matrix().into_inner() - Matrix3::identity();
        rows.fixed_view_mut::<3, 3>(3 * index, 0).copy_from(&turned);
        let value = rotation * camera.translation.vector - flange.translation.vector;
        values.fixed_rows_mut::<3>(3 * index).copy_from(&value);
    }
    let translation = rows.svd(true, true).solve(&values, 1e-9).ok()?;
    let rotation =
        UnitQuaternion::from_rotation_matrix(&Rotation3::from_matrix_unchecked(rotation));
    let translation = Translation3::new(translation[0], translation[1], translation[2]);
    Some(Isometry3::from_parts(translation, rotation))
}

/// How much larger the board is than it was given, as a factor, with its standard deviation, by the arm's motions:
/// `(R_A - 1) t - s R_X t_B = -t_A`. `None` if it is undetermined.
pub(crate) fn board_scale(
    seen: &[PosePair],
    flange_from_camera: &Isometry3<f64>,
) -> Option<(f64, f64)> {
    let count = pairs(seen.len()).count();
    let mut rows = DMatrix::zeros(3 * count, 4);
    let mut values = DVector::zeros(3 * count);
    for (index, (i, j)) in pairs(seen.len()).enumerate() {
        let (a, b) = (&seen[i], &seen[j]);
        let flange = a.world_from_flange.inverse() * b.world_from_flange;
        let camera = a.camera_from_board * b.camera_from_board.inverse();
        let turned = flange.rotation.to_rotation_matrix().into_inner() - Matrix3::identity();
        rows.fixed_view_mut::<3, 3>(3 * index, 0).copy_from(&turned);
        let seen_motion = flange_from_camera.rotation * camera.translation.vector;
        rows.fixed_view_mut::<3, 1>(3 * index, 3).copy_from(&-seen_motion);
        values.fixed_rows_mut::<3>(3 * index).copy_from(&-flange.translation.vector);
    }
    let inverse = (rows.transpose() * &rows).cholesky()?.inverse();
    let solution = &inverse * rows.transpose() * &values;
    let residual = &rows * &solution - &values;
    // The pairs share their views: there are only as many independent motions as views.
    let freedom = (3 * seen.len()).saturating_sub(4).max(1) as f64;
    let pairs_of_view = count as f64 / seen.len() as f64;
    let variance = residual.norm_squared() / pairs_of_view / freedom;
    Some((solution[3], (inverse[(3, 3)] * pairs_of_view * variance).sqrt()))
}

fn pairs(count: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..count).flat_map(move |i| (i + 1..count).map(move |j| (i, j)))
}

/// The least root mean square rotation between two poses about the second principal axis, in degrees.
pub const LEAST_ROTATION_DEG: f64 = 5.0;

/// Checks that the flange rotated about two axes.
pub(crate) fn check_rotation(seen: &[PosePair]) -> Result<(), CalibrationError> {
    let mut scatter = Matrix3::zeros();
    for (i, j) in pairs(seen.len()) {
        let between = seen[i].world_from_flange.inverse() * seen[j].world_from_flange;
        let turn = between.rotation.scaled_axis();
        scatter += turn * turn.transpose();
    }
    let count = pairs(seen.len()).count().max(1) as f64;
    let mut turns_deg: Vec<f64> = scatter
        .symmetric_eigenvalues()
        .iter()
        .map(|value| (value.max(0.0) / count).sqrt().to_degrees())
        .collect();
    turns_deg.sort_by(|a, b| b.total_cmp(a));
    if turns_deg[1] < LEAST_ROTATION_DEG {
        return Err(CalibrationError::TooLittleRotation {
            first_deg: turns_deg[0],
            second_deg: turns_deg[1],
            needed_deg: LEAST_ROTATION_DEG,
        });
    }
    Ok(())
}
