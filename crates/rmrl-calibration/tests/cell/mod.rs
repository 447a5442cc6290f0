//! A cell without images: a noisy arm, a camera on its wrist, and an overhead camera.
#![allow(dead_code, reason = "each test file uses a part of it")]

use nalgebra::{Isometry3, Point2, Point3, Translation3, UnitQuaternion, Vector3};
use rand::RngExt;
use rmrl_calibration::{Placement, PoseNoise, PosedView, View};
use rmrl_vision::{CameraModel, Chessboard, Distortion, Intrinsics};

use crate::images::{Rng, normal, normal3, rng};

pub const WRIST: Intrinsics = Intrinsics {
    width: 1280,
    height: 720,
    fx: 921.0,
    fy: 919.5,
    cx: 645.2,
    cy: 352.7,
    distortion: Distortion { k1: 0.09, k2: -0.19, p1: 0.0008, p2: -0.0005, k3: 0.06 },
};

pub const OVERHEAD: Intrinsics = Intrinsics {
    width: 640,
    height: 480,
    fx: 612.0,
    fy: 611.0,
    cx: 321.5,
    cy: 238.0,
    distortion: Distortion { k1: 0.05, k2: -0.1, p1: 0.001, p2: -0.0007, k3: 0.02 },
};

pub fn board() -> Chessboard {
    Chessboard { corners: "9x6".parse().unwrap(), square_m: 0.025 }
}

pub struct Cell {
    pub rng: Rng,
    pub flange_from_wrist: Isometry3<f64>,
    pub overhead: CameraModel,
    pub noise: PoseNoise,
    pub pixel_noise: f64,
}

impl Cell {
    pub fn new(seed: u64) -> Self {
        let mut rng = rng(seed);
        let flange_from_wrist = Isometry3::from_parts(
            Translation3::from(Vector3::new(0.06, 0.01, 0.03) + 0.01 * normal3(&mut rng)),
            UnitQuaternion::from_euler_angles(0.0, 0.0, 1.5)
                * UnitQuaternion::from_scaled_axis(0.05 * normal3(&mut rng)),
        );
        let looking_down = UnitQuaternion::from_euler_angles(std::f64::consts::PI, 0.0, 0.0);
        let overhead = CameraModel {
            intrinsics: OVERHEAD,
            world_from_camera: Isometry3::from_parts(
                Translation3::from(Vector3::new(0.36, 0.0, 0.8) + 0.01 * normal3(&mut rng)),
                UnitQuaternion::from_scaled_axis(0.02 * normal3(&mut rng)) * looking_down,
            ),
        };
        Self { rng, flange_from_wrist, overhead, noise: PoseNoise::default(), pixel_noise: 0.05 }
    }

    /// A board on the table with its middle at `(x, y)`.
    pub fn lying(&self, x_m: f64, y_m: f64, yaw_rad: f64) -> Isometry3<f64> {
        // With its face up, the board's z points into the table.
        let rotation = UnitQuaternion::from_euler_angles(std::f64::consts::PI, 0.0, yaw_rad);
        let middle = rotation * board().center().coords;
        Isometry3::from_parts(Translation3::from(Vector3::new(x_m, y_m, 0.003) - middle), rotation)
    }

    /// A view from a random place 0.3 to 0.45 m away, tilted by up to `tilt_rad`.
    pub fn wrist_view(
        &mut self,
        name: &str,
        world_from_board: &Isometry3<f64>,
        tilt_rad: f64,
    ) -> PosedView {
        loop {
            let mut within = |low: f64, high: f64| low + (high - low) * self.rng.random::<f64>();
            let direction = within(0.0, std::f64::consts::TAU);
            let tilt = tilt_rad * within(0.2, 1.0);
            let tilted = UnitQuaternion::from_scaled_axis(
                tilt * Vector3::new(direction.cos(), direction.sin(), 0.0),
            ) * UnitQuaternion::from_axis_angle(&Vector3::z_axis(), within(-1.5, 1.5));
            let aim = Vector3::new(within(-0.04, 0.04), within(-0.03, 0.03), within(0.3, 0.45));
            let camera_from_board = Isometry3::from_parts(
                Translation3::from(aim - tilted * board().center().coords),
                tilted,
            );
            let seen: Vec<Point2<f64>> = board()
                .points()
                .iter()
                .map(|point| WRIST.project(camera_from_board * point).unwrap())
                .collect();
            let inside = |pixel: &Point2<f64>| {
                (20.0..1260.0).contains(&pixel.x) && (20.0..700.0).contains(&pixel.y)
            };
            if !seen.iter().all(inside) {
                continue;
            }
            let true_flange =
                world_from_board * camera_from_board.inverse() * self.flange_from_wrist.inverse();
            let off = Isometry3::new(
                self.noise.translation_m * normal3(&mut self.rng),
                self.noise.rotation_rad * normal3(&mut self.rng),
            );
            return PosedView {
                view: self.view(name, [1280, 720], seen),
                world_from_flange: true_flange * off,
            };
        }
    }

    pub fn overhead_view(&mut self, name: &str, world_from_board: &Isometry3<f64>) -> View {
        let seen = board()
            .points()
            .iter()
            .map(|point| self.overhead.project(world_from_board * point).unwrap())
            .collect();
        self.view(name, [640, 480], seen)
    }

    /// A board that both cameras see.
    pub fn placement(&mut self, number: usize, wrist_views: usize) -> Placement {
        let mut within = |low: f64, high: f64| low + (high - low) * self.rng.random::<f64>();
        let (x_m, y_m, yaw_rad) = (within(0.26, 0.46), within(-0.15, 0.15), within(-3.0, 3.0));
        let world_from_board = self.lying(x_m, y_m, yaw_rad);
        let overhead = self.overhead_view(&format!("overhead/{number:02}.png"), &world_from_board);
        let wrist = (0..wrist_views)
            .map(|view| {
                self.wrist_view(&format!("wrist/{number:02}-{view}.png"), &world_from_board, 0.5)
            })
            .collect();
        Placement { overhead, wrist }
    }

    fn view(&mut self, name: &str, size: [u32; 2], seen: Vec<Point2<f64>>) -> View {
        let mut noisy = |pixel: Point2<f64>| {
            pixel + self.pixel_noise * nalgebra::Vector2::from_fn(|_, _| normal(&mut self.rng))
        };
        View::whole(name, size, seen.into_iter().map(&mut noisy), 0.5)
    }
}

/// The error of a camera over the workspace: the largest and the mean distance on the table, in meters, between
/// measured and true positions of points.
pub fn workspace_error(camera: &CameraModel, truth: &CameraModel) -> [f64; 2] {
    let mut errors = Vec::new();
    for column in 0..=8 {
        for row in 0..=8 {
            let point =
                Point3::new(0.22 + 0.035 * f64::from(column), -0.2 + 0.05 * f64::from(row), 0.0);
            let pixel = truth.project(point).unwrap();
            errors.push((camera.intersect_plane(pixel, 0.0).unwrap() - point).norm());
        }
    }
    [errors.iter().copied().fold(0.0, f64::max), errors.iter().sum::<f64>() / errors.len() as f64]
}
