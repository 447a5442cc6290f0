//! Frames of several plates, by casting rays at cuboids.

use std::sync::Arc;

use image::{Luma, Rgb, RgbImage};
use nalgebra::{Isometry3, Point2, Point3, Translation3, UnitQuaternion, Vector3};
use rmrl_core::PlanarPose;
use rmrl_vision::{
    CameraModel, DEPTH_UNIT_M, DepthImage, Distortion, ExpectedPlate, Intrinsics, PlateGeometry,
    RgbdFrame,
};

/// The linear brightness of the table, of a plate's top and of its sides.
const TABLE: f64 = 0.35;
const TOP: f64 = 0.006;
const SIDE: f64 = 0.004;
/// The share of the light that reaches shadows.
const AMBIENT: f64 = 0.5;
/// Rays along a side of a pixel that shows more than one surface.
const RAYS: u32 = 12;

/// An upright cuboid.
#[derive(Debug, Clone, Copy)]
pub struct Solid {
    pub pose: PlanarPose,
    /// Length, width and height, in meters.
    pub size_m: [f64; 3],
    /// The height of its bottom, in meters.
    pub bottom_m: f64,
}

impl Solid {
    /// What is expected if this is a plate.
    pub fn expected(&self) -> ExpectedPlate {
        let [length_m, width_m, height_m] = self.size_m;
        ExpectedPlate {
            pose: self.pose,
            height_m: self.bottom_m + 0.5 * height_m,
            within_m: 0.02,
            geometry: PlateGeometry { length_m, width_m, height_m, chamfer_m: 0.0 },
            mean_surface_depth_m: 0.0,
        }
    }

    /// The distance along a ray to the solid, and whether its top is met there.
    fn meets(&self, origin: Point3<f64>, direction: Vector3<f64>) -> Option<(f64, bool)> {
        let (sin, cos) = self.pose.yaw_rad.sin_cos();
        let turned = |v: Vector3<f64>| [cos * v.x + sin * v.y, -sin * v.x + cos * v.y, v.z];
        let middle_m = self.bottom_m + 0.5 * self.size_m[2];
        let from = turned(origin - Point3::new(self.pose.x_m, self.pose.y_m, middle_m));
        let along = turned(direction);
        let (mut enters, mut leaves, mut axis_entered) = (0.0, f64::INFINITY, 3);
        for axis in 0..3 {
            let half = 0.5 * self.size_m[axis];
            let mut at = [(-half - from[axis]) / along[axis], (half - from[axis]) / along[axis]];
            at.sort_by(f64::total_cmp);
            if at[0] > enters {
                (enters, axis_entered) = (at[0], axis);
            }
            leaves = f64::min(leaves, at[1]);
        }
        (enters < leaves && axis_entered < 3).then_some((enters, axis_entered == 2))
    }
}

/// A plate by SLAS with this height, in meters, on the table or on another.
pub fn plate(pose: PlanarPose, height_m: f64, bottom_m: f64) -> Solid {
    Solid { pose, size_m: [0.12776, 0.08548, height_m], bottom_m }
}

/// 0.8 m above the table, looking down and three degrees aside, image right = world -y, image up = world +x.
pub fn camera() -> CameraModel {
    let down = UnitQuaternion::from_euler_angles(std::f64::consts::PI, 0.0, 0.0);
    let turned = UnitQuaternion::from_euler_angles(0.0, 0.0, -std::f64::consts::FRAC_PI_2);
    let tilted = UnitQuaternion::from_euler_angles(0.04, -0.03, 0.0);
    CameraModel {
        intrinsics: Intrinsics {
            width: 640,
            height: 480,
            fx: 612.0,
            fy: 612.0,
            cx: 320.0,
            cy: 240.0,
            distortion: Distortion::default(),
        },
        world_from_camera: Isometry3::from_parts(
            Translation3::new(0.35, 0.0, 0.8),
            tilted * turned * down,
        ),
    }
}

/// What a scene looks like.
#[derive(Debug, Clone, Copy, Default)]
pub struct Look {
    /// Whether plates throw shadows, from a lamp to one side.
    pub shadows: bool,
    /// How much brighter one side of the table is than the other, as a share of the mean.
    pub gradient: f64,
    /// The standard deviation of a depth, in meters, and of a color, in levels. 0 for none.
    pub depth_noise_m: f64,
    pub color_noise: f64,
    pub seed: u64,
}

/// A frame of solids on the table.
pub fn frame_of(solids: &[Solid], look: Look) -> RgbdFrame {
    let camera = camera();
    let caster = Caster { solids, look, camera };
    let mut noise = Noise(look.seed.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let places = |rows: u32, columns: u32| {
        (0..rows).flat_map(move |v| (0..columns).map(move |u| (f64::from(u), f64::from(v))))
    };
    let middles: Vec<(Point3<f64>, f64)> =
        places(480, 640).map(|(u, v)| caster.hit(u, v)).collect();
    let corners: Vec<f64> = places(481, 641).map(|(u, v)| caster.hit(u - 0.5, v - 0.5).1).collect();
    let color = RgbImage::from_fn(640, 480, |u, v| {
        let corner = (641 * v + u) as usize;
        let corners = [corner, corner + 1, corner + 641, corner + 642].map(|at| corners[at]);
        let light = caster.pixel(u, v, middles[(640 * v + u) as usize].1, corners);
        let level = encoded(light) + look.color_noise * noise.normal();
        Rgb([level.round().clamp(0.0, 255.0) as u8; 3])
    });
    let axis = camera.world_from_camera * Vector3::z();
    let depth = DepthImage::from_fn(640, 480, |u, v| {
        let (point, _) = middles[(640 * v + u) as usize];
        let depth_m = (point - camera.position()).dot(&axis) + look.depth_noise_m * noise.normal();
        Luma([(depth_m / DEPTH_UNIT_M).round() as u16])
    });
    RgbdFrame { color: Arc::new(color), depth }
}

/// The sRGB transfer function, 0 to 255.
fn encoded(light: f64) -> f64 {
    (1.055 * light.max(0.0031308).powf(1.0 / 2.4) - 0.055) * 255.0
}

struct Caster<'a> {
    solids: &'a [Solid],
    look: Look,
    camera: CameraModel,
}

impl Caster<'_> {
    /// The light of a pixel: of all of its area where its corners do not all show what its middle does.
    fn pixel(&self, u: u32, v: u32, middle: f64, corners: [f64; 4]) -> f64 {
        if corners.iter().all(|light| (light - middle).abs() < 0.02 * middle) {
            return middle;
        }
        let offset = |index: u32| (f64::from(index) + 0.5) / f64::from(RAYS) - 0.5;
        let all = (0..RAYS * RAYS).map(|index| {
            let (across, down) = (offset(index % RAYS), offset(index / RAYS));
            self.hit(f64::from(u) + across, f64::from(v) + down).1
        });
        all.sum::<f64>() / f64::from(RAYS * RAYS)
    }

    /// The point that a place in the image shows, and its light.
    fn hit(&self, u: f64, v: f64) -> (Point3<f64>, f64) {
        let origin = self.camera.position();
        let direction =
            self.camera.viewing_direction(Point2::new(u, v)).expect("a lens without distortion");
        let nearest = self
            .solids
            .iter()
            .filter_map(|solid| solid.meets(origin, direction))
            .min_by(|a, b| a.0.total_cmp(&b.0));
        if let Some((distance_m, is_top)) = nearest {
            return (origin + direction * distance_m, if is_top { TOP } else { SIDE });
        }
        let point = origin - direction * (origin.z / direction.z);
        let to_lamp = (Point3::new(0.1, 0.7, 1.5) - point).normalize();
        let is_shaded =
            self.look.shadows && self.solids.iter().any(|it| it.meets(point, to_lamp).is_some());
        let light = TABLE * if is_shaded { AMBIENT } else { 1.0 };
        (point, light * (1.0 + self.look.gradient * (point.y / 0.4)))
    }
}

/// Noise from a seed (xorshift).
struct Noise(u64);

impl Noise {
    fn uniform(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as f64 / (1u64 << 53) as f64
    }

    /// The sum of twelve uniform numbers is nearly normal.
    fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.uniform()).sum::<f64>() - 6.0
    }
}
