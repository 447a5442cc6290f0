//! The pose of the overhead camera, from boards that the wrist camera sees at the same time.

use nalgebra::{Isometry3, Point3};
use rmrl_vision::{CameraModel, Intrinsics};
use serde::Serialize;

use crate::bundle::{Bundle, OverheadView, WristView, pixel_noise};
use crate::error::PAIRS;
use crate::median::median;
use crate::posed::{Seen, fitting};
use crate::selection::{check_views, reject_blurred};
use crate::{
    Board, CalibrationError, Placement, PoseNoise, PosedView, Rejected, RejectedReason, View,
};

/// A calibrated camera on the arm.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct WristCamera {
    /// The camera's intrinsics.
    pub intrinsics: Intrinsics,
    /// The hand-eye transform.
    pub flange_from_camera: Isometry3<f64>,
}

/// The pose of the overhead camera, with its errors.
#[derive(Debug, Clone, PartialEq)]
pub struct OverheadCalibration {
    /// The extrinsics `(R, t)` of Eq. 14.
    pub world_from_overhead: Isometry3<f64>,
    /// Root mean square distance between corners in the overhead images and those that the arm and the wrist camera
    /// predict, in pixels.
    pub reprojection_px: f64,
    /// The distance of each placement from the position that the others predict.
    pub placements: Vec<PlacementError>,
    /// The views that were not used.
    pub rejected: Vec<Rejected>,
}

/// How far the wrist camera and the overhead camera disagree about a board.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PlacementError {
    /// The overhead image.
    pub name: String,
    /// The number of views from the wrist camera that were used.
    pub wrist_views: usize,
    /// Root mean square distance over the corners, along the table, in millimeters.
    pub off_mm: f64,
}

/// The chain of Sec. 4.1: the overhead camera in the robot's base, from one pair of images.
pub fn chain(
    world_from_flange: &Isometry3<f64>,
    flange_from_wrist: &Isometry3<f64>,
    wrist_from_board: &Isometry3<f64>,
    overhead_from_board: &Isometry3<f64>,
) -> Isometry3<f64> {
    // Sec. 4.1: T_world,overhead = T_world,flange T_flange,wrist T_wrist,board T_board,overhead
    world_from_flange * flange_from_wrist * wrist_from_board * overhead_from_board.inverse()
}

/// Calibrates the pose of the overhead camera from placements of a board that both cameras saw.
///
/// Each view from the wrist gives a chain. The chain that agrees best with the others is the start of a refinement
/// over the camera's pose, the boards' poses and, weighted by the arm's `noise`, the flange's poses. Placements that
/// disagree are rejected while there are more than two.
///
/// # Errors
/// The board is invalid, the views differ in size, or no placement is usable.
pub fn overhead(
    placements: &[Placement],
    camera: &Intrinsics,
    wrist: &WristCamera,
    board: &Board,
    noise: PoseNoise,
) -> Result<OverheadCalibration, CalibrationError> {
    let (mut pairs, mut rejected) = pairs(placements, camera, wrist, board)?;
    // Pairs far from the chain that most agree with would distort the refinement.
    let start =
        CameraModel { intrinsics: *camera, world_from_camera: medoid(&pairs, wrist, board) };
    while let Some((worst, off_m)) = worst(&pairs, &start, wrist, board, LEAST_COARSELY_REJECTED_M)
    {
        rejected.push(reject(pairs.remove(worst), off_m));
    }
    loop {
        if pairs.is_empty() {
            return Err(CalibrationError::TooFew {
                what: PAIRS,
                usable: 0,
                given: placements.len(),
                needed: 1,
                rejected,
            });
        }
        let start = medoid(&pairs, wrist, board);
        let found = bundle(&pairs, camera, wrist, board, noise, start).solved().problem;
        let camera =
            CameraModel { intrinsics: *camera, world_from_camera: found.world_from_overhead };
        if let Some((worst, off_m)) = worst(&pairs, &camera, wrist, board, LEAST_REJECTED_M) {
            rejected.push(reject(pairs.remove(worst), off_m));
            continue;
        }
        let points = board.points();
        let squares = pairs.iter().zip(&found.world_from_boards).map(|(pair, world_from_board)| {
            let squares = pair.overhead.view.matches(&points).map(|(point, corner)| {
                camera
                    .project(world_from_board * point)
                    .map_or(f64::INFINITY, |seen| (seen - corner).norm_squared())
            });
            squares.sum::<f64>()
        });
        let corners: usize = pairs.iter().map(|pair| pair.overhead.view.corners.len()).sum();
        return Ok(OverheadCalibration {
            world_from_overhead: camera.world_from_camera,
            reprojection_px: (squares.sum::<f64>() / corners as f64).sqrt(),
            placements: pairs
                .iter()
                .map(|pair| PlacementError {
                    name: pair.overhead.view.name.clone(),
                    wrist_views: pair.wrist.len(),
                    off_mm: 1000.0 * pair.off_m(&camera, wrist, board),
                })
                .collect(),
            rejected,
        });
    }
}

/// The worst pair and its error, if the error exceeds `least_m` and is far above the median, and if there are
/// enough pairs to compare with.
fn worst(
    pairs: &[Pair],
    camera: &CameraModel,
    wrist: &WristCamera,
    board: &Board,
    least_m: f64,
) -> Option<(usize, f64)> {
    // By the wrist's views alone, because a wrong overhead view has already distorted the refined boards.
    let offs_m: Vec<f64> = pairs.iter().map(|pair| pair.off_m(camera, wrist, board)).collect();
    let limit_m = (GATE_MEDIANS * median(offs_m.clone())).max(least_m);
    let worst = offs_m.into_iter().enumerate().max_by(|a, b| a.1.total_cmp(&b.1));
    worst.filter(|(_, off_m)| *off_m > limit_m && pairs.len() > 2)
}

fn reject(pair: Pair, off_m: f64) -> Rejected {
    let reason = RejectedReason::Pair { off_mm: 1000.0 * off_m };
    Rejected { name: pair.overhead.view.name.clone(), reason }
}

/// A pair is rejected if its error is more than this many medians,
const GATE_MEDIANS: f64 = 5.0;
/// and more than this, in meters,
const LEAST_REJECTED_M: f64 = 0.003;
/// or more than this while the camera's pose comes from a single pair, in meters.
const LEAST_COARSELY_REJECTED_M: f64 = 0.015;

/// A placement with the poses of its boards in all views.
pub(crate) struct Pair<'a> {
    pub overhead: Seen<&'a View>,
    pub wrist: Vec<Seen<&'a PosedView>>,
}

impl Pair<'_> {
    /// The board's pose according to each of the wrist's views.
    pub(crate) fn world_from_boards(
        &self,
        wrist: &WristCamera,
    ) -> impl Iterator<Item = Isometry3<f64>> {
        self.wrist.iter().map(|seen| {
            seen.view.world_from_flange * wrist.flange_from_camera * seen.camera_from_board
        })
    }

    /// Root mean square distance along the table between the corners according to the camera and according to the
    /// wrist's views, in meters.
    fn off_m(&self, camera: &CameraModel, wrist: &WristCamera, board: &Board) -> f64 {
        let points = board.points();
        // Each corner is the mean over the views.
        let views = self.wrist.len() as f64;
        let mut corners = vec![Point3::origin(); points.len()];
        for world_from_board in self.world_from_boards(wrist) {
            for (corner, point) in corners.iter_mut().zip(&points) {
                *corner += (world_from_board * point).coords / views;
            }
        }
        let seen = &self.overhead.view;
        let squares = seen.matches(&corners).map(|(corner, pixel)| {
            let seen = camera.intersect_plane(pixel, corner.z);
            seen.map_or(f64::INFINITY, |seen| (seen - corner).norm_squared())
        });
        (squares.sum::<f64>() / seen.corners.len() as f64).sqrt()
    }
}

/// Checks placements and finds the board's pose in all their sharp views.
pub(crate) fn pairs<'a>(
    placements: &'a [Placement],
    camera: &Intrinsics,
    wrist: &WristCamera,
    board: &Board,
) -> Result<(Vec<Pair<'a>>, Vec<Rejected>), CalibrationError> {
    board.validate()?;
    check_views(placements.iter().map(|placement| &placement.overhead), board)?;
    let wrist_views = || placements.iter().flat_map(|placement| &placement.wrist);
    check_views(wrist_views().map(|posed| &posed.view), board)?;
    let above =
        placements.iter().enumerate().map(|(number, placement)| (number, &placement.overhead));
    let (above, mut rejected) = reject_blurred(above.collect(), |(_, view)| view);
    let (above, misfits) = fitting(above, |(_, view)| view, camera, board);
    rejected.extend(misfits);
    let beside = placements
        .iter()
        .enumerate()
        .flat_map(|(number, placement)| placement.wrist.iter().map(move |posed| (number, posed)));
    let (beside, blurred) = reject_blurred(beside.collect(), |(_, posed)| &posed.view);
    let (beside, misfits) = fitting(beside, |(_, posed)| &posed.view, &wrist.intrinsics, board);
    rejected.extend(blurred);
    rejected.extend(misfits);
    let pairs = above.into_iter().map(|seen| {
        let (number, view) = seen.view;
        let wrist = beside.iter().filter(|other| other.view.0 == number);
        let wrist = wrist.map(|other| Seen {
            view: other.view.1,
            camera_from_board: other.camera_from_board,
            reprojection_px: other.reprojection_px,
        });
        let overhead = Seen {
            view,
            camera_from_board: seen.camera_from_board,
            reprojection_px: seen.reprojection_px,
        };
        Pair { overhead, wrist: wrist.collect() }
    });
    Ok((pairs.filter(|pair| !pair.wrist.is_empty()).collect(), rejected))
}

/// The chain that agrees best with all boards.
fn medoid(pairs: &[Pair], wrist: &WristCamera, board: &Board) -> Isometry3<f64> {
    let middle = board.center();
    let boards: Vec<(Isometry3<f64>, Isometry3<f64>)> = pairs
        .iter()
        .flat_map(|pair| {
            let overhead_from_board = pair.overhead.camera_from_board;
            pair.world_from_boards(wrist).map(move |board| (board, overhead_from_board))
        })
        .collect();
    let chains = pairs.iter().flat_map(|pair| {
        pair.wrist.iter().map(|seen| {
            chain(
                &seen.view.world_from_flange,
                &wrist.flange_from_camera,
                &seen.camera_from_board,
                &pair.overhead.camera_from_board,
            )
        })
    });
    let disagreement = |world_from_overhead: &Isometry3<f64>| {
        let offs = boards.iter().map(|(world_from_board, overhead_from_board)| {
            (world_from_overhead * overhead_from_board * middle - world_from_board * middle).norm()
        });
        median(offs.collect())
    };
    chains
        .map(|chain| (disagreement(&chain), chain))
        .min_by(|a, b| a.0.total_cmp(&b.0))
        .map_or_else(Isometry3::identity, |(_, chain)| chain)
}

fn bundle<'a>(
    pairs: &[Pair<'a>],
    camera: &Intrinsics,
    wrist: &WristCamera,
    board: &Board,
    noise: PoseNoise,
    world_from_overhead: Isometry3<f64>,
) -> Bundle<'a> {
    let wrist_views: Vec<WristView> = pairs
        .iter()
        .enumerate()
        .flat_map(|(board, pair)| {
            pair.wrist.iter().map(move |seen| WristView {
                board,
                world_from_flange: seen.view.world_from_flange,
                corners: &seen.view.view.corners,
            })
        })
        .collect();
    let wrist_errors = pairs.iter().flat_map(|pair| &pair.wrist).map(|seen| seen.reprojection_px);
    let overhead_errors = pairs.iter().map(|pair| pair.overhead.reprojection_px);
    Bundle {
        points: board.points(),
        wrist: wrist.intrinsics,
        overhead: *camera,
        corrections: vec![Isometry3::identity(); wrist_views.len()],
        wrist_views,
        overhead_views: pairs
            .iter()
            .enumerate()
            .map(|(board, pair)| OverheadView { board, corners: &pair.overhead.view.corners })
            .collect(),
        noise,
        pixel_noise: [pixel_noise(wrist_errors), pixel_noise(overhead_errors)],
        flange_from_wrist: wrist.flange_from_camera,
        seeks_hand_eye: false,
        world_from_overhead,
        world_from_boards: pairs
            .iter()
            .filter_map(|pair| pair.world_from_boards(wrist).next())
            .collect(),
    }
}

/// The pose of a placement's board according to the wrist alone: its views are refined together.
pub(crate) fn board_by_wrist(
    pair: &Pair,
    wrist: &WristCamera,
    board: &Board,
    noise: PoseNoise,
) -> Isometry3<f64> {
    let pairs = std::slice::from_ref(pair);
    let mut bundle = bundle(pairs, &wrist.intrinsics, wrist, board, noise, Isometry3::identity());
    bundle.overhead_views.clear();
    bundle.solved().problem.world_from_boards[0]
}
