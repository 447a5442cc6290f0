//! The views that calibrate a simulated cell's cameras, and the poses that its arm reports.

use std::f64::consts::{FRAC_PI_2, PI, TAU};

use image::RgbImage;
use nalgebra::{Isometry3, Translation3, UnitQuaternion, Vector3};
use rand::Rng as _;
use rand::RngExt;
use rmrl_core::{Rng, random_stream, standard_normal};
use rmrl_vision::{CameraModel, Chessboard, Distortion, Intrinsics};

use crate::camera::chessboard_view::ChessboardView;
use crate::config::SimulationConfig;
use crate::scene::layout::WORKSPACE_CENTER_M;
use crate::scene::light::Light;
use crate::simulated_cell::SimulatedCell;

/// How to calibrate the cameras of a simulated cell.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SimulatedCalibrationConfig {
    /// The board.
    pub board: Chessboard,
    /// Width of the wrist camera's images, in pixels; the height is 9/16 of it. Default 1280.
    pub wrist_width_px: u32,
    /// Number of views from the wrist of a board that lies still. Default 16.
    pub wrist_views: usize,
    /// Number of views from above of a board that is held. Default 16.
    pub overhead_views: usize,
    /// Number of placements that both cameras see. Default 8.
    pub pairs: usize,
    /// Number of further placements, to check the calibration with. Default 6.
    pub checks: usize,
    /// Number of views from the wrist at each placement. Default 2, which halves the arm's variance.
    pub wrist_views_of_pair: usize,
    /// Standard deviation of the arm's reported position, each way, in meters. Default 0.1 mm.
    pub pose_noise_m: f64,
    /// Standard deviation of the arm's reported orientation, about each axis, in radians. Default 0.05
    /// degrees.
    pub pose_noise_rad: f64,
    /// Blur of both lenses, in pixels. Default 0.6.
    pub blur_px: f64,
}

impl SimulatedCalibrationConfig {
    /// The defaults for a board.
    pub fn new(board: Chessboard) -> Self {
        Self {
            board,
            wrist_width_px: 1280,
            wrist_views: 16,
            overhead_views: 16,
            pairs: 8,
            checks: 6,
            wrist_views_of_pair: 2,
            pose_noise_m: 0.000_1,
            pose_noise_rad: 0.05_f64.to_radians(),
            blur_px: 0.6,
        }
    }
}

/// A simulated cell with a camera on its wrist, whose mounting is unknown.
#[derive(Debug, Clone, PartialEq)]
pub struct SimulatedCalibration {
    config: SimulatedCalibrationConfig,
    seed: u64,
    light: Light,
    noise_levels: f64,
    /// The overhead camera as it truly hangs: for evaluation.
    pub overhead: CameraModel,
    /// The wrist camera's true intrinsics: for evaluation.
    pub wrist: Intrinsics,
    /// Where the wrist camera truly sits: for evaluation.
    pub flange_from_wrist: Isometry3<f64>,
}

/// All views of a calibration, from which images can be rendered.
#[derive(Debug, Clone, PartialEq)]
pub struct CalibrationViews {
    /// From the wrist, of a board that lies still.
    pub wrist: Vec<WristView>,
    /// From above, of a board held at slants, for the overhead camera's intrinsics.
    pub overhead: Vec<ChessboardView>,
    /// Of boards that both cameras see.
    pub pairs: Vec<PairViews>,
    /// Further views of boards that both cameras see, to check the calibration with.
    pub checks: Vec<PairViews>,
}

/// A view from the wrist.
#[derive(Debug, Clone, PartialEq)]
pub struct WristView {
    /// What the camera sees.
    pub view: ChessboardView,
    /// The pose of the flange that the arm reports, which is a little off.
    pub reported_world_from_flange: Isometry3<f64>,
}

/// Views of a board that lies still, from above and from the wrist.
#[derive(Debug, Clone, PartialEq)]
pub struct PairViews {
    /// From above.
    pub overhead: ChessboardView,
    /// From the wrist.
    pub wrist: Vec<WristView>,
}

impl SimulatedCalibration {
    /// The cell of a seed: overhead camera and light are those of the cell that `rmrl` trains in, and
    /// the wrist camera is drawn from the same seed.
    pub fn new(
        simulation: &SimulationConfig,
        cell: &SimulatedCell,
        config: SimulatedCalibrationConfig,
        seed: u64,
    ) -> Self {
        let mut draw = Draw(random_stream(seed, "wrist camera", [0, 0]));
        Self {
            config,
            seed,
            light: simulation.cells.draw(seed).light,
            noise_levels: simulation.noise.color_levels,
            overhead: cell.true_camera(),
            wrist: draw.wrist_camera(config.wrist_width_px),
            flange_from_wrist: draw.flange_from_wrist(),
        }
    }

    /// The board.
    pub fn board(&self) -> Chessboard {
        self.config.board
    }

    /// All views, with the poses that the arm reports at them.
    pub fn views(&self) -> CalibrationViews {
        let config = &self.config;
        let mut draw = Draw(random_stream(self.seed, "calibration", [0, 0]));
        let lying = self.lying_board(&mut draw, 0.0);
        let wrist = (0..config.wrist_views).map(|_| self.wrist_view(&mut draw, &lying)).collect();
        let overhead = (0..config.overhead_views).map(|_| self.held_board(&mut draw)).collect();
        let mut both = |count: usize| -> Vec<PairViews> {
            // Every other board lies on a box: two heights separate the camera's tilt from its
            // position.
            let placements = (0..count).map(|number| if number % 2 == 0 { 0.0 } else { BOX_M });
            placements.map(|height_m| self.pair(&mut draw, height_m)).collect()
        };
        let (pairs, checks) = (both(config.pairs), both(config.checks));
        CalibrationViews { wrist, overhead, pairs, checks }
    }

    /// Renders the image of a view.
    pub fn render(&self, view: &ChessboardView) -> RgbImage {
        view.render(&self.config.board, &self.light)
    }

    fn board_view(
        &self,
        draw: &mut Draw,
        camera: CameraModel,
        world_from_board: Isometry3<f64>,
    ) -> ChessboardView {
        ChessboardView {
            camera,
            world_from_board,
            blur_px: self.config.blur_px,
            noise_levels: self.noise_levels,
            seed: [self.seed, draw.0.next_u64()],
        }
    }

    /// The pose of a board that lies face up at a random place in the overhead camera's view.
    fn lying_board(&self, draw: &mut Draw, height_m: f64) -> Isometry3<f64> {
        loop {
            let [x, y] = WORKSPACE_CENTER_M;
            let middle = Vector3::new(
                x + draw.either_way(REACH_M[0]),
                y + draw.either_way(REACH_M[1]),
                height_m + BOARD_THICKNESS_M,
            );
            // Face up, the board's z points into the table.
            let rotation = UnitQuaternion::from_euler_angles(PI, 0.0, draw.either_way(PI));
            let world_from_board = self.centered(middle, rotation);
            if self.sees(&self.overhead, &world_from_board) {
                return world_from_board;
            }
        }
    }

    /// A view of a board that is held slanted in front of the overhead camera.
    fn held_board(&self, draw: &mut Draw) -> ChessboardView {
        let world_from_board = loop {
            let distance_m = self.overhead.position().z * draw.within([0.4, 0.75]);
            let camera_from_board =
                self.board_in_view(draw, &self.overhead.intrinsics, distance_m, HELD_TILT_RAD);
            let world_from_board = self.overhead.world_from_camera * camera_from_board;
            if self.sees(&self.overhead, &world_from_board) {
                break world_from_board;
            }
        };
        self.board_view(draw, self.overhead, world_from_board)
    }

    fn pair(&self, draw: &mut Draw, height_m: f64) -> PairViews {
        let world_from_board = self.lying_board(draw, height_m);
        let wrist = 0..self.config.wrist_views_of_pair;
        let wrist = wrist.map(|_| self.wrist_view(draw, &world_from_board)).collect();
        PairViews { overhead: self.board_view(draw, self.overhead, world_from_board), wrist }
    }

    /// A view from the wrist at a random slant.
    fn wrist_view(&self, draw: &mut Draw, world_from_board: &Isometry3<f64>) -> WristView {
        loop {
            let distance_m = self.board_length_m() * draw.within([1.3, 1.9]);
            let camera_from_board =
                self.board_in_view(draw, &self.wrist, distance_m, WRIST_TILT_RAD);
            let camera = CameraModel {
                intrinsics: self.wrist,
                world_from_camera: world_from_board * camera_from_board.inverse(),
            };
            if !self.sees(&camera, world_from_board) {
                continue;
            }
            let noise = Isometry3::new(
                draw.normal() * self.config.pose_noise_m,
                draw.normal() * self.config.pose_noise_rad,
            );
            let world_from_flange = camera.world_from_camera * self.flange_from_wrist.inverse();
            return WristView {
                view: self.board_view(draw, camera, *world_from_board),
                reported_world_from_flange: world_from_flange * noise,
            };
        }
    }

    /// The pose of a board somewhere in a camera's view, with its middle at `distance_m`.
    fn board_in_view(
        &self,
        draw: &mut Draw,
        camera: &Intrinsics,
        distance_m: f64,
        tilt_rad: [f64; 2],
    ) -> Isometry3<f64> {
        let direction = TAU * draw.within([0.0, 1.0]);
        let tilt = draw.within(tilt_rad) * Vector3::new(direction.cos(), direction.sin(), 0.0);
        let turn = UnitQuaternion::from_axis_angle(&Vector3::z_axis(), draw.either_way(PI));
        let half = |size: u32, focal_px: f64| 0.5 * f64::from(size) / focal_px * distance_m;
        let middle = Vector3::new(
            draw.either_way(half(camera.width, camera.fx)),
            draw.either_way(half(camera.height, camera.fy)),
            distance_m,
        );
        self.centered(middle, UnitQuaternion::from_scaled_axis(tilt) * turn)
    }

    /// The pose of a board with its middle at a point.
    fn centered(&self, middle: Vector3<f64>, rotation: UnitQuaternion<f64>) -> Isometry3<f64> {
        let to_middle = rotation * self.config.board.center().coords;
        Isometry3::from_parts(Translation3::from(middle - to_middle), rotation)
    }

    /// Whether a camera sees the whole board, and its front.
    fn sees(&self, camera: &CameraModel, world_from_board: &Isometry3<f64>) -> bool {
        let intrinsics = camera.intrinsics;
        let eye = world_from_board.inverse() * camera.position();
        let margin = BORDER_SHARE * f64::from(intrinsics.width);
        let inside = |value: f64, size: u32| (margin..f64::from(size) - margin).contains(&value);
        eye.z < 0.0
            && self.config.board.points().iter().all(|point| {
                camera.project(world_from_board * point).is_some_and(|pixel| {
                    inside(pixel.x, intrinsics.width) && inside(pixel.y, intrinsics.height)
                })
            })
    }

    fn board_length_m(&self) -> f64 {
        let [length_m, width_m] = self.config.board.size_m();
        length_m.max(width_m)
    }
}

/// The height of the box under every other board, in meters.
const BOX_M: f64 = 0.06;
/// The thickness of the board, in meters.
const BOARD_THICKNESS_M: f64 = 0.003;
/// How far from the middle of the workspace boards may lie, in meters along x and y.
const REACH_M: [f64; 2] = [0.17, 0.27];
/// How far boards are tilted in front of the overhead camera, in radians.
const HELD_TILT_RAD: [f64; 2] = [0.2, 0.65];
/// How far boards are tilted in front of the wrist camera, in radians.
const WRIST_TILT_RAD: [f64; 2] = [0.1, 0.6];
/// No corner is nearer to the border than this, as a share of the image's width.
const BORDER_SHARE: f64 = 0.02;

/// Draws poses and cameras.
struct Draw(Rng);

impl Draw {
    fn within(&mut self, [least, most]: [f64; 2]) -> f64 {
        least + (most - least) * self.0.random::<f64>()
    }

    fn either_way(&mut self, most: f64) -> f64 {
        self.within([-most, most])
    }

    /// Three standard normal numbers.
    fn normal(&mut self) -> Vector3<f64> {
        Vector3::from_fn(|_, _| standard_normal(&mut self.0))
    }

    /// One D435's color camera.
    fn wrist_camera(&mut self, width_px: u32) -> Intrinsics {
        let width = f64::from(width_px);
        let height_px = width_px * 9 / 16;
        let focal_px = width * self.within([0.705, 0.725]);
        Intrinsics {
            width: width_px,
            height: height_px,
            fx: focal_px,
            fy: focal_px * self.within([0.998, 1.002]),
            cx: 0.5 * (width - 1.0) + width * self.either_way(0.008),
            cy: 0.5 * (f64::from(height_px) - 1.0) + width * self.either_way(0.008),
            distortion: Distortion {
                k1: self.within([0.06, 0.12]),
                k2: self.within([-0.22, -0.14]),
                p1: self.either_way(0.001),
                p2: self.either_way(0.001),
                k3: self.within([0.02, 0.08]),
            },
        }
    }

    /// A camera mounted by hand beside the flange, looking along it.
    fn flange_from_wrist(&mut self) -> Isometry3<f64> {
        let at = Vector3::new(
            self.within([0.05, 0.08]),
            self.either_way(0.015),
            self.within([0.02, 0.05]),
        );
        let by_hand = UnitQuaternion::from_scaled_axis(self.normal() * 0.02);
        let turned = UnitQuaternion::from_axis_angle(&Vector3::z_axis(), FRAC_PI_2);
        Isometry3::from_parts(Translation3::from(at), by_hand * turned)
    }
}

#[cfg(test)]
mod tests {
    use rmrl_cell::TaskConfig;

    use super::*;

    fn calibration(seed: u64) -> SimulatedCalibration {
        let simulation = SimulationConfig::default();
        let cell = SimulatedCell::new(&simulation, &TaskConfig::table(), seed, 0).unwrap();
        let board = Chessboard { corners: "9x6".parse().unwrap(), square_m: 0.025 };
        SimulatedCalibration::new(&simulation, &cell, SimulatedCalibrationConfig::new(board), seed)
    }

    #[test]
    fn sessions_differ_by_seed_and_have_valid_cameras() {
        for seed in 0..4 {
            let calibration = calibration(seed);
            calibration.wrist.validate().unwrap();
            let views = calibration.views();
            assert_eq!(views, calibration.views());
            assert_eq!((views.wrist.len(), views.overhead.len()), (16, 16));
            assert_eq!((views.pairs.len(), views.checks.len()), (8, 6));
        }
        assert_ne!(calibration(1).wrist, calibration(2).wrist);
    }

    #[test]
    fn reported_poses_are_a_little_off() {
        let calibration = calibration(4);
        let mut squares = 0.0;
        let views = calibration.views();
        for one in &views.wrist {
            let truth = one.view.camera.world_from_camera * calibration.flange_from_wrist.inverse();
            squares += (truth.inverse() * one.reported_world_from_flange)
                .translation
                .vector
                .norm_squared();
        }
        let each_way = (squares / (3.0 * views.wrist.len() as f64)).sqrt();
        assert!((0.000_06..0.000_15).contains(&each_way), "{each_way}");
    }
}
