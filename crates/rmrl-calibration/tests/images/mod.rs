//! Images of a board as a camera with a lens and a noisy sensor takes them, independent of the
//! simulated cell.
#![allow(dead_code, reason = "each test file uses a part of it")]

use image::{GrayImage, Luma};
use nalgebra::{Isometry3, Point2, Point3, Vector3};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rmrl_vision::{Chessboard, Intrinsics, Print};

pub type Rng = ChaCha8Rng;

pub fn rng(seed: u64) -> Rng {
    Rng::seed_from_u64(seed)
}

/// A standard normal number, by Box and Muller.
pub fn normal(rng: &mut Rng) -> f64 {
    let radius = (-2.0 * (1.0 - rng.random::<f64>()).ln()).sqrt();
    radius * (std::f64::consts::TAU * rng.random::<f64>()).cos()
}

pub fn normal3(rng: &mut Rng) -> Vector3<f64> {
    Vector3::from_fn(|_, _| normal(rng))
}

/// The blur and noise of an image.
#[derive(Clone, Copy)]
pub struct Taking {
    /// Standard deviation of the lens's blur, in pixels.
    pub blur_px: f64,
    /// Standard deviation of the noise, in levels.
    pub noise_levels: f64,
}

/// A camera's image of a board on a gray ground: 36 blurred rays per pixel, uneven light, a tone curve, and noise.
pub fn image(
    board: &Chessboard,
    intrinsics: &Intrinsics,
    camera_from_board: &Isometry3<f64>,
    taking: Taking,
    rng: &mut Rng,
) -> GrayImage {
    let board_from_camera = camera_from_board.inverse();
    let (width, height) = (intrinsics.width as usize, intrinsics.height as usize);
    // Rays through the pixels' corners; in between, rays are interpolated linearly.
    let rays: Vec<Vector3<f64>> = (0..=height)
        .flat_map(|v| (0..=width).map(move |u| (u, v)))
        .map(|(u, v)| {
            let pixel = Point2::new(u as f64 - 0.5, v as f64 - 0.5);
            board_from_camera * intrinsics.unproject(pixel, 1.0).unwrap().coords
        })
        .collect();
    let eye: Point3<f64> = board_from_camera.translation.vector.into();
    let brightness = |ray: Vector3<f64>| {
        let point = eye - ray * (eye.z / ray.z);
        let albedo = match board.print_at(point.x, point.y, 0.01) {
            Some(Print::Black) => 0.05,
            Some(Print::White) => 0.85,
            None => 0.35,
        };
        albedo * (1.0 + 0.8 * point.x - 0.5 * point.y)
    };
    // Rays through a pixel's neighborhood, spread by the blur. No two share a row or column, because otherwise edges
    // along these would move in steps.
    let spread = (1.0_f64 + 12.0 * taking.blur_px.powi(2)).sqrt();
    let offsets: Vec<[f64; 2]> = (0..36)
        .map(|sample| {
            let (i, j) = (f64::from(sample % 6), f64::from(sample / 6));
            [i + (j + 0.5) / 6.0, j + (i + 0.5) / 6.0]
                .map(|place| 0.5 + (place / 6.0 - 0.5) * spread)
        })
        .collect();
    GrayImage::from_fn(intrinsics.width, intrinsics.height, |u, v| {
        let at = |right: usize, down: usize| {
            rays[(v as usize + down) * (width + 1) + u as usize + right]
        };
        let (origin, right, down) = (at(0, 0), at(1, 0) - at(0, 0), at(0, 1) - at(0, 0));
        let sum: f64 =
            offsets.iter().map(|[x, y]| brightness(origin + right * *x + down * *y)).sum();
        let level = 255.0 * (sum / offsets.len() as f64).clamp(0.0, 1.0).powf(1.0 / 2.2);
        Luma([(level + taking.noise_levels * normal(rng)).round().clamp(0.0, 255.0) as u8])
    })
}
