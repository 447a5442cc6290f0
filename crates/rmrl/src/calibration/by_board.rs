//! The overhead camera by a board that a simulated arm holds.

use std::time::Duration;

use anyhow::Context;
use nalgebra::Isometry3;
use rmrl_calibration::{Board, PoseNoise, View, eye_to_hand, intrinsics};
use rmrl_cell::GuardedFlange;
use rmrl_sim::{HeldBoardConfig, SimulatedCell, SimulatedHeldBoard};
use rmrl_vision::{CameraModel, Chessboard, CornerCount};

use super::board_mount::BoardMount;
use super::capture::{CAPTURE_SPEED_M_S, Capture, CaptureDevices};
use super::capture_session::{CaptureHeader, CaptureSession, IMAGES, POSES};
use super::session::read_posed_views;
use crate::config::RunConfig;

/// What a laboratory has: a board of 9 x 6 corners and 25 mm on a bracket, 26 views, and an arm that is known to 0.1 mm and
/// 0.05 degrees. They are the defaults of `rmrl calibrate capture` and `eye-to-hand`.
const CORNERS: CornerCount = CornerCount { columns: 9, rows: 6 };
const SQUARE_M: f64 = 0.025;
const VIEWS: usize = 26;
const ARM_M: f64 = 0.000_1;
const ARM_DEG: f64 = 0.05;

/// Where the tool's point of a simulated arm is on its flange.
pub(crate) fn flange_from_simulated_tool() -> Isometry3<f64> {
    Isometry3::translation(0.0, 0.0, SimulatedHeldBoard::FLANGE_TO_TIPS_M)
}

/// The simulated arm and camera of a capture, and what no device knows.
///
/// # Errors
/// The configuration makes no cell or no envelope.
pub(crate) fn simulated_devices(
    config: &RunConfig,
    capture: &Capture,
    noise: PoseNoise,
) -> anyhow::Result<(CaptureDevices, SimulatedHeldBoard)> {
    let seed = u64::from(config.cell_seed());
    let cell = SimulatedCell::new(&config.simulation, &config.task, seed, u64::from(config.seed))?;
    let held = HeldBoardConfig {
        pose_noise_m: noise.translation_m,
        pose_noise_rad: noise.rotation_rad,
        ..HeldBoardConfig::new(capture.board, capture.nominal)
    };
    let held = SimulatedHeldBoard::new(&config.simulation, &cell, held, seed);
    let arm = GuardedFlange::new(Box::new(held.clone()), capture.first_envelope()?);
    arm.stop_switch().on_press("the simulated arm", |_| Ok(()));
    Ok((CaptureDevices { arm, camera: Box::new(held.clone()) }, held))
}

/// The camera of a simulated cell, as `rmrl calibrate capture` and `rmrl calibrate eye-to-hand` find it.
///
/// # Errors
/// The images cannot be kept, or the board is not seen often enough.
pub(crate) fn camera_by_board(config: &RunConfig) -> anyhow::Result<CameraModel> {
    let board = Chessboard { corners: CORNERS, square_m: SQUARE_M };
    let held_by = BoardMount::Bracket;
    let noise = PoseNoise { translation_m: ARM_M, rotation_rad: ARM_DEG.to_radians() };
    let flange_from_tool = flange_from_simulated_tool();
    let mut capture = Capture {
        board,
        nominal: held_by.nominal(&board, &flange_from_tool),
        flange_from_tool,
        safety: config.safety,
        floor_m: config.task.travel_height_m,
        views: VIEWS,
        seed: u64::from(config.seed),
        settle: Duration::ZERO,
        speed_m_s: CAPTURE_SPEED_M_S.min(config.safety.max_speed_m_s),
        rests: false,
        say: &mut |_| {},
    };
    let (mut devices, _) = simulated_devices(config, &capture, noise)?;
    let folder = tempfile::tempdir().context("the views of the board cannot be kept")?;
    let root = folder.path().join("session");
    let header = CaptureHeader { held_by, board };
    let lens = devices.camera.model().intrinsics;
    let mut session = CaptureSession::create(&root, &header, lens)?;
    capture.run(&mut devices, &mut session)?;
    let board = Board::from(board);
    let (views, _) = read_posed_views(&root.join(IMAGES), &root.join(POSES), &board)?;
    let plain: Vec<View> = views.iter().map(|posed| posed.view.clone()).collect();
    let lens = intrinsics(&plain, &board)?.intrinsics;
    let found = eye_to_hand(&views, &lens, &board, noise)?;
    Ok(CameraModel { intrinsics: lens, world_from_camera: found.world_from_camera })
}
