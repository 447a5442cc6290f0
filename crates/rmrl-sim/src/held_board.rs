//! A simulated arm that holds a chessboard before the cell's overhead camera.

use std::f64::consts::{FRAC_PI_2, PI};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use nalgebra::{Isometry3, Point3, Translation3, UnitQuaternion, Vector3};
use rmrl_cell::{Camera, DeviceError, FlangeArm};
use rmrl_core::{fnv1a, random_stream, standard_normal};
use rmrl_vision::{CameraModel, Chessboard, DepthImage, RgbdFrame};

use crate::camera::chessboard_view::ChessboardView;
use crate::config::SimulationConfig;
use crate::scene::arm_shape::{FLANGE_TO_TIPS_M, arm_with_hand};
use crate::scene::light::Light;
use crate::simulated_cell::SimulatedCell;

/// How an arm holds a board, and how it errs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HeldBoardConfig {
    /// The board.
    pub board: Chessboard,
    /// Where a person means to hold it. The true place differs by some millimeters and degrees.
    pub nominal_flange_from_board: Isometry3<f64>,
    /// Standard deviation of the arm's reported position, each way, in meters.
    pub pose_noise_m: f64,
    /// Standard deviation of the arm's reported orientation, about each axis, in radians.
    pub pose_noise_rad: f64,
    /// Blur of the lens, in pixels.
    pub blur_px: f64,
}

impl HeldBoardConfig {
    /// The noise of a calibration: an arm with 0.1 mm and 0.05 degrees, a lens with a blur of 0.6 pixels.
    pub fn new(board: Chessboard, nominal_flange_from_board: Isometry3<f64>) -> Self {
        Self {
            board,
            nominal_flange_from_board,
            pose_noise_m: 0.000_1,
            pose_noise_rad: 0.05_f64.to_radians(),
            blur_px: 0.6,
        }
    }
}

/// How far the true place of a board is from where a person means to hold it: standard deviations, each way and about
/// each axis, in meters and radians.
const HELD_OFF_M: f64 = 0.004;
const HELD_OFF_RAD: f64 = 0.04;

/// The arm of a cell with a chessboard on its flange, and the cell's camera. Clones share one arm.
///
/// The image shows the table, the board, and the arm with its hand, which may hide the board. Whatever else stands in
/// the cell is taken away for a calibration.
#[derive(Clone)]
pub struct SimulatedHeldBoard {
    arm: Arc<Mutex<HeldBoard>>,
}

struct HeldBoard {
    config: HeldBoardConfig,
    seed: u64,
    light: Light,
    noise_levels: f64,
    camera: CameraModel,
    believed_camera: CameraModel,
    flange_from_board: Isometry3<f64>,
    /// Where the arm was sent.
    commanded: Isometry3<f64>,
    images: u64,
}

/// Where the flange stands at first: a person has led it there.
const AT_FIRST_M: [f64; 3] = [0.375, -0.15, 0.3];

impl SimulatedHeldBoard {
    /// From the flange straight down to the tips of the simulated hand, in meters.
    pub const FLANGE_TO_TIPS_M: f64 = FLANGE_TO_TIPS_M;

    /// The cell of a seed: its overhead camera and light are those of the cell that `rmrl` trains in. Where the board
    /// truly is on the flange is drawn from the same seed.
    pub fn new(
        simulation: &SimulationConfig,
        cell: &SimulatedCell,
        config: HeldBoardConfig,
        seed: u64,
    ) -> Self {
        let mut rng = random_stream(seed, "held board", [0, 0]);
        let mut normal = |scale: f64| Vector3::from_fn(|_, _| scale * standard_normal(&mut rng));
        let middle = config.nominal_flange_from_board * config.board.center();
        let turn = UnitQuaternion::from_scaled_axis(normal(HELD_OFF_RAD));
        let about_middle = Translation3::from(middle.coords + normal(HELD_OFF_M))
            * turn
            * Translation3::from(-middle.coords);
        let down = UnitQuaternion::from_euler_angles(PI, 0.0, FRAC_PI_2);
        let board = HeldBoard {
            config,
            seed,
            light: simulation.cells.draw(seed).light,
            noise_levels: simulation.noise.color_levels,
            camera: cell.true_camera(),
            believed_camera: cell.model(),
            flange_from_board: about_middle * config.nominal_flange_from_board,
            commanded: Isometry3::from_parts(Translation3::from(AT_FIRST_M), down),
            images: 0,
        };
        Self { arm: Arc::new(Mutex::new(board)) }
    }

    /// Where the board truly is on the flange: for evaluation.
    pub fn flange_from_board(&self) -> Isometry3<f64> {
        self.held().flange_from_board
    }

    /// The camera as it truly hangs: for evaluation.
    pub fn true_camera(&self) -> CameraModel {
        self.held().camera
    }

    fn held(&self) -> MutexGuard<'_, HeldBoard> {
        // After a panic elsewhere the numbers are still valid.
        self.arm.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl HeldBoard {
    /// Where the flange truly is: an arm that is sent to a pose twice errs twice in the same way.
    fn world_from_flange(&self) -> Isometry3<f64> {
        let pose = &self.commanded;
        let numbers = pose.translation.vector.iter().chain(pose.rotation.coords.iter());
        let place = fnv1a(numbers.flat_map(|number| number.to_le_bytes()));
        let mut rng = random_stream(self.seed, "held pose", [place, 0]);
        let mut normal = |scale: f64| Vector3::from_fn(|_, _| scale * standard_normal(&mut rng));
        let reported_from_true =
            Isometry3::new(normal(self.config.pose_noise_m), normal(self.config.pose_noise_rad));
        pose * reported_from_true
    }

    fn capture(&mut self) -> RgbdFrame {
        self.images += 1;
        let world_from_flange = self.world_from_flange();
        let view = ChessboardView {
            camera: self.camera,
            world_from_board: world_from_flange * self.flange_from_board,
            blur_px: self.config.blur_px,
            noise_levels: self.noise_levels,
            seed: [self.seed, self.images],
        };
        let board = &self.config.board;
        let solids = arm_with_hand(&world_from_flange, self.bar_end());
        let color = view.render_behind(board, &self.light, &solids);
        let depth = DepthImage::new(color.width(), color.height());
        RgbdFrame { color: Arc::new(color), depth }
    }

    /// Where the bar from the flange meets the print's white margin, a little below its plane.
    fn bar_end(&self) -> Point3<f64> {
        let middle = self.flange_from_board * self.config.board.center();
        Point3::from(middle.coords + Vector3::z() * UNDER_BOARD_M)
    }
}

/// How far the bar that holds the board is below its face, in meters.
const UNDER_BOARD_M: f64 = 0.012;

impl Camera for SimulatedHeldBoard {
    /// The frame has no depth: nothing in a calibration needs it.
    fn capture(&mut self) -> Result<RgbdFrame, DeviceError> {
        Ok(self.held().capture())
    }

    fn model(&self) -> CameraModel {
        self.held().believed_camera
    }
}

impl FlangeArm for SimulatedHeldBoard {
    /// The simulated arm can follow any line within its workspace.
    fn check_path(&mut self, _: &[Isometry3<f64>]) -> Result<(), DeviceError> {
        Ok(())
    }

    fn move_flange(
        &mut self,
        target: &Isometry3<f64>,
        _: f64,
    ) -> Result<Isometry3<f64>, DeviceError> {
        self.held().commanded = *target;
        Ok(*target)
    }

    fn flange(&mut self) -> Result<Isometry3<f64>, DeviceError> {
        Ok(self.held().commanded)
    }
}

#[cfg(test)]
mod tests {
    use rmrl_cell::TaskConfig;

    use super::*;

    fn held(seed: u64) -> SimulatedHeldBoard {
        let mut simulation = SimulationConfig::default();
        simulation.camera.width_px = 320;
        let cell = SimulatedCell::new(&simulation, &TaskConfig::table(), seed, 0).unwrap();
        let board = Chessboard { corners: "9x6".parse().unwrap(), square_m: 0.02 };
        let nominal = Isometry3::from(Translation3::from(
            Vector3::new(0.19, 0.0, 0.03) - board.center().coords,
        ));
        SimulatedHeldBoard::new(&simulation, &cell, HeldBoardConfig::new(board, nominal), seed)
    }

    #[test]
    fn boards_are_held_a_little_off_and_differently_in_each_cell() {
        let boards: Vec<_> = (0..4).map(|seed| held(seed).flange_from_board()).collect();
        let middle = Point3::new(0.08, 0.05, 0.0);
        for pair in boards.windows(2) {
            let off_m = (pair[0] * middle - pair[1] * middle).norm();
            assert!((0.000_5..0.03).contains(&off_m), "{off_m}");
        }
        assert_eq!(held(3).flange_from_board(), held(3).flange_from_board());
    }

    /// The arm hides the table behind it, and images repeat bit by bit.
    #[test]
    fn the_arm_is_in_the_image_and_images_repeat() {
        let (mut first, mut second) = (held(2), held(2));
        let image = first.capture().unwrap().color;
        assert!(image == second.capture().unwrap().color);
        let arm = first.held();
        let flange = arm.world_from_flange();
        let wrist = arm.camera.project(flange * Point3::new(0.0, 0.0, -0.05)).unwrap();
        let level = image.get_pixel(wrist.x.round() as u32, wrist.y.round() as u32).0[1];
        let table = image.get_pixel(310, 230).0[1];
        assert!(level.abs_diff(table) > 20, "{level} and {table}");
    }
}
