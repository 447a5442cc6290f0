//! Images of a chessboard in a cell, by any camera.

use image::RgbImage;
use nalgebra::{Isometry3, Point2, Point3, Vector3};
use rand::Rng as _;
use rayon::prelude::*;
use rmrl_core::random_stream;
use rmrl_vision::{CameraModel, Chessboard, Print};

use super::normal_noise::NormalNoise;
use super::srgb::srgb_level;
use crate::scene::light::Light;
use crate::scene::solid::Solid;

/// One view of a board, from which an image can be rendered.
#[derive(Debug, Clone, PartialEq)]
pub struct ChessboardView {
    /// The camera as it truly is.
    pub camera: CameraModel,
    /// Where the board truly is.
    pub world_from_board: Isometry3<f64>,
    /// Standard deviation of the lens's blur, in pixels.
    pub blur_px: f64,
    /// Standard deviation of the sensor's noise, in levels of 255.
    pub noise_levels: f64,
    /// Seed of the noise.
    pub seed: [u64; 2],
}

/// The share of light that white paper scatters.
const WHITE_ALBEDO: f32 = 0.85;
/// The share of light that black print scatters.
const BLACK_ALBEDO: f32 = 0.05;
/// The share of light that the table scatters.
const TABLE_ALBEDO: f32 = 0.35;
/// Every so many pixels a ray is computed; between them, rays are interpolated. Over so few pixels a
/// lens deviates from that by less than a thousandth of a pixel.
const RAY_STEP_PX: usize = 4;
/// Rays of a pixel with an edge in it, in each direction.
const SAMPLES: usize = 6;
/// How far the blur reaches, in standard deviations.
const BLUR_REACH: f64 = 3.0;

impl ChessboardView {
    /// Renders the image: the board with a white margin of one square, over the table, under the
    /// cell's light, with the lens's blur and the sensor's noise.
    pub fn render(&self, board: &Chessboard, light: &Light) -> RgbImage {
        self.render_behind(board, light, &[])
    }

    /// As [`Self::render`], with solids that hide the board or the table. They cast no shadow.
    pub(crate) fn render_behind(
        &self,
        board: &Chessboard,
        light: &Light,
        solids: &[Solid],
    ) -> RgbImage {
        let mut scene = BoardScene::new(self, board, light);
        scene.solids = solids.iter().map(|solid| SeenSolid::new(solid, scene.eye)).collect();
        let ideal = blurred(&scene.trace(), scene.width, self.blur_px);
        let mut image = RgbImage::new(scene.width as u32, scene.height as u32);
        let seed = random_stream(self.seed[0], "board picture", [self.seed[1], 0]).next_u64();
        let sigma = self.noise_levels as f32;
        image
            .par_chunks_mut(3 * scene.width)
            .zip(ideal.par_chunks(scene.width))
            .enumerate()
            .for_each(|(v, (row, ideal))| {
                let mut noise = vec![0.0; row.len()];
                NormalNoise::new(seed, v).fill(&mut noise);
                let pixels = row.chunks_exact_mut(3).zip(noise.chunks_exact(3)).zip(ideal);
                for ((pixel, noise), ideal) in pixels {
                    let level = srgb_level(*ideal);
                    for (value, noise) in pixel.iter_mut().zip(noise) {
                        // Rounds; casts of floats saturate.
                        *value = (level + sigma * noise + 0.5) as u8;
                    }
                }
            });
        image
    }
}

/// What a ray meets.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Surface {
    Board(Print),
    Table,
    /// One of the solids.
    Solid(usize),
}

/// A solid with the ball around it, as seen from the camera: most rays pass far away.
struct SeenSolid {
    solid: Solid,
    to_middle: Vector3<f64>,
    reach2: f64,
}

impl SeenSolid {
    fn new(solid: &Solid, eye: Point3<f64>) -> Self {
        let (middle, reach_m) = solid.ball();
        Self { solid: *solid, to_middle: middle - eye, reach2: reach_m * reach_m }
    }

    /// Whether a ray, with its squared length, passes through the ball.
    fn is_near(&self, ray: &Vector3<f64>, ray2: f64) -> bool {
        self.to_middle.cross(ray).norm_squared() <= self.reach2 * ray2
    }
}

/// A board over a table, as one camera sees it.
struct BoardScene<'a> {
    board: &'a Chessboard,
    light: &'a Light,
    solids: Vec<SeenSolid>,
    width: usize,
    height: usize,
    eye: Point3<f64>,
    world_from_board: Isometry3<f64>,
    board_from_world: Isometry3<f64>,
    /// Directions in the world through every few pixels' upper left corners, row by row.
    rays: Vec<Vector3<f64>>,
    rays_width: usize,
}

impl<'a> BoardScene<'a> {
    fn new(view: &ChessboardView, board: &'a Chessboard, light: &'a Light) -> Self {
        let camera = view.camera;
        let (width, height) = (camera.intrinsics.width as usize, camera.intrinsics.height as usize);
        let [rays_width, rays_height] = [width, height].map(|side| side.div_ceil(RAY_STEP_PX) + 1);
        let rays = (0..rays_width * rays_height).into_par_iter().map(|index| {
            let at = |place: usize| (place * RAY_STEP_PX) as f64 - 0.5;
            let pixel = Point2::new(at(index % rays_width), at(index / rays_width));
            let in_camera = camera.intrinsics.unproject(pixel, 1.0);
            // Where the lens has no inverse it shows nothing, as if the ray left backwards.
            let in_camera = in_camera.unwrap_or_else(|| Point3::new(0.0, 0.0, -1.0));
            camera.world_from_camera * in_camera.coords
        });
        Self {
            board,
            light,
            solids: Vec::new(),
            width,
            height,
            eye: camera.position(),
            world_from_board: view.world_from_board,
            board_from_world: view.world_from_board.inverse(),
            rays: rays.collect(),
            rays_width,
        }
    }

    /// The direction through a point of the image, counted from its upper left corner, in pixels.
    fn ray(&self, u: f64, v: f64) -> Vector3<f64> {
        let place = |value: f64| {
            let place = value / RAY_STEP_PX as f64;
            (place as usize, place.fract())
        };
        let ((column, right), (row, down)) = (place(u), place(v));
        let at = |columns: usize, rows: usize| {
            self.rays[(row + rows) * self.rays_width + (column + columns).min(self.rays_width - 1)]
        };
        if row + 1 >= self.rays.len() / self.rays_width {
            return at(0, 0).lerp(&at(1, 0), right);
        }
        at(0, 0).lerp(&at(1, 0), right).lerp(&at(0, 1).lerp(&at(1, 1), right), down)
    }

    /// What a ray meets, where, and the surface's normal.
    fn hit(&self, ray: Vector3<f64>) -> (Surface, Point3<f64>, Vector3<f64>) {
        let ray2 = ray.norm_squared();
        let near = self.solids.iter().enumerate().filter(|(_, seen)| seen.is_near(&ray, ray2));
        let met = near.filter_map(|(index, seen)| {
            seen.solid.meet(self.eye, ray).map(|(distance, normal)| (distance, index, normal))
        });
        let solid = met.min_by(|a, b| a.0.total_cmp(&b.0));
        let nearest = solid.map_or(f64::INFINITY, |(distance, ..)| distance);
        let (eye, direction) = (self.board_from_world * self.eye, self.board_from_world * ray);
        let distance = -eye.z / direction.z;
        if distance > 0.0 && distance < nearest {
            let point = eye + direction * distance;
            if let Some(print) = self.board.print_at(point.x, point.y, self.board.square_m) {
                // The board's z points away from the camera.
                let normal = self.world_from_board * -Vector3::z();
                return (Surface::Board(print), self.world_from_board * point, normal);
            }
        }
        if let Some((distance, index, normal)) = solid {
            return (Surface::Solid(index), self.eye + ray * distance, normal);
        }
        let distance = if ray.z < 0.0 { -self.eye.z / ray.z } else { FAR_M };
        (Surface::Table, self.eye + ray * distance, Vector3::z())
    }

    /// The linear light of a ray, relative to the sensor's white.
    fn brightness(&self, ray: Vector3<f64>) -> f32 {
        let (surface, point, normal) = self.hit(ray);
        let albedo = match surface {
            Surface::Board(Print::White) => WHITE_ALBEDO,
            Surface::Board(Print::Black) => BLACK_ALBEDO,
            Surface::Table => TABLE_ALBEDO,
            Surface::Solid(index) => self.solids[index].solid.albedo,
        };
        albedo * self.illumination(point, normal)
    }

    /// How much light falls on a surface, relative to the table right under the lamp.
    fn illumination(&self, point: Point3<f64>, normal: Vector3<f64>) -> f32 {
        let light = self.light;
        let from = |source: [f64; 3], distance2: f64| {
            let way = Point3::from(source) - point;
            let cosine = normal.dot(&way).max(0.0) / way.norm();
            cosine * distance2 / way.norm_squared()
        };
        let direct = 1.0 - light.ambient;
        let lamp = from(light.lamp_m, light.lamp_m[2].powi(2));
        let window = light.window.center_m;
        let window_distance2 = Vector3::from(window).norm_squared();
        let window = light.window.strength * from(window, window_distance2);
        (light.exposure * (light.ambient + direct * (lamp + window)) * LESS_EXPOSED) as f32
    }

    /// The light of every pixel, row by row.
    fn trace(&self) -> Vec<f32> {
        let mut light = vec![0.0; self.width * self.height];
        light.par_chunks_mut(self.width).enumerate().for_each(|(v, row)| {
            let line = |v: usize| -> Vec<Surface> {
                let rays = (0..=self.width).map(|u| self.ray(u as f64, v as f64));
                rays.map(|ray| self.hit(ray).0).collect()
            };
            let (above, below) = (line(v), line(v + 1));
            for (u, pixel) in row.iter_mut().enumerate() {
                let corners = [above[u], above[u + 1], below[u], below[u + 1]];
                let samples =
                    if corners.iter().all(|corner| *corner == corners[0]) { 1 } else { SAMPLES };
                // No two samples in a row or column, or edges along either would be placed in steps.
                let at = |place: usize, other: usize| {
                    let count = samples as f64;
                    (place as f64 + (other as f64 + 0.5) / count) / count
                };
                let mut sum = 0.0;
                for y in 0..samples {
                    for x in 0..samples {
                        let ray = self.ray(u as f64 + at(x, y), v as f64 + at(y, x));
                        sum += self.brightness(ray);
                    }
                }
                *pixel = sum / (samples * samples) as f32;
            }
        });
        light
    }
}

/// Rays that meet nothing end here, in meters.
const FAR_M: f64 = 3.0;
/// White paper is the brightest surface of a cell, and automatic exposure keeps it below the sensor's
/// white by this factor.
const LESS_EXPOSED: f64 = 0.6;

/// A Gaussian blur. Beyond the border, pixels are like those at the border.
fn blurred(light: &[f32], width: usize, sigma_px: f64) -> Vec<f32> {
    let reach = (BLUR_REACH * sigma_px).ceil() as usize;
    if reach == 0 {
        return light.to_vec();
    }
    let weight = |distance: f64| (-0.5 * (distance / sigma_px).powi(2)).exp();
    let kernel: Vec<f64> =
        (0..=2 * reach).map(|place| weight(place as f64 - reach as f64)).collect();
    let sum: f64 = kernel.iter().sum();
    let kernel: Vec<f32> = kernel.iter().map(|value| (value / sum) as f32).collect();
    let height = light.len() / width;
    let within = |place: usize, offset: usize, size: usize| {
        (place + offset).clamp(reach, size + reach - 1) - reach
    };
    let mut across = vec![0.0; light.len()];
    across.par_chunks_mut(width).zip(light.par_chunks(width)).for_each(|(row, light)| {
        for (u, value) in row.iter_mut().enumerate() {
            let terms = kernel.iter().enumerate();
            *value = terms.map(|(offset, weight)| weight * light[within(u, offset, width)]).sum();
        }
    });
    let mut both = vec![0.0; light.len()];
    both.par_chunks_mut(width).enumerate().for_each(|(v, row)| {
        for (offset, weight) in kernel.iter().enumerate() {
            let from = within(v, offset, height) * width;
            for (value, light) in row.iter_mut().zip(&across[from..from + width]) {
                *value += weight * light;
            }
        }
    });
    both
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{SimulatedCamera, camera_over_workspace};
    use crate::scene::cell_distribution::CellDistribution;

    fn view() -> (ChessboardView, Chessboard) {
        let board = Chessboard { corners: "9x6".parse().unwrap(), square_m: 0.025 };
        let camera =
            camera_over_workspace(&SimulatedCamera { width_px: 320, ..SimulatedCamera::default() });
        let mut camera_from_board = Isometry3::translation(-0.1, -0.0625, 0.75);
        camera_from_board.rotation = nalgebra::UnitQuaternion::from_euler_angles(0.1, 0.2, 0.0);
        let view = ChessboardView {
            world_from_board: camera.world_from_camera * camera_from_board,
            camera,
            blur_px: 0.0,
            noise_levels: 0.0,
            seed: [1, 0],
        };
        (view, board)
    }

    #[test]
    fn squares_have_their_colors_where_the_camera_sees_them() {
        let (view, board) = view();
        let light = CellDistribution::PERFECT.draw(0).light;
        let image = view.render(&board, &light);
        let level = |x: f64, y: f64| {
            let point = view.world_from_board * Point3::new(x, y, 0.0);
            let pixel = view.camera.project(point).unwrap();
            image.get_pixel(pixel.x.round() as u32, pixel.y.round() as u32).0[1]
        };
        for point in board.points() {
            let (black, white) = (
                level(point.x - 0.0125, point.y - 0.0125),
                level(point.x + 0.0125, point.y - 0.0125),
            );
            let column_and_row = (point.x / 0.025).round() + (point.y / 0.025).round();
            let (black, white) =
                if column_and_row as i64 % 2 == 0 { (black, white) } else { (white, black) };
            assert!(black < 90 && white > 150, "{black} and {white} at {point}");
        }
    }

    #[test]
    fn images_depend_on_their_seed_alone() {
        let (mut view, board) = view();
        (view.blur_px, view.noise_levels) = (0.6, 2.0);
        let light = CellDistribution::default().draw(3).light;
        let first = view.render(&board, &light);
        assert!(first == view.render(&board, &light));
        view.seed[1] = 1;
        assert!(first != view.render(&board, &light));
    }
}
