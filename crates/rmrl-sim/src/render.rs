//! An analytic ray tracer for the few things an overhead camera sees in the cell.
//!
//! Table, cuboids and the plate are hit in closed form; a lamp of finite size casts soft shadows.
//! Four rays a pixel for colour, one for depth. What does not move is traced once; of each picture
//! only the region around plate, hand and their shadows is traced again.

mod plate;
mod ray;

use nalgebra::{Isometry3, Point2, Point3, Vector3};
use rayon::prelude::*;
use rmrl_vision::{CameraModel, PlateGeometry};
use serde::{Deserialize, Serialize};

use self::plate::{PlateSurface, RayPlate};
use self::ray::{Ray, RayCuboid};
use crate::dynamics::Hand;
use crate::layout::{Cuboid, Material};

/// The light of one cell.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Light {
    /// The middle of the lamp, world frame, in metres.
    pub lamp_m: [f64; 3],
    /// Its radius, in metres: the larger, the softer the shadows.
    pub lamp_radius_m: f64,
    /// The share of the light that comes from everywhere, 0 to 1.
    pub ambient: f64,
    /// How bright a white sheet under the lamp would be, relative to the sensor's white.
    pub exposure: f64,
}

/// What the ideal camera sees of a region: colour in sRGB levels 0 to 255 and depth in metres, both
/// unrounded and row by row, and which pixels are plate.
#[derive(Debug, Clone)]
pub(crate) struct Picture {
    pub region: PixelRegion,
    pub color: Vec<[f32; 3]>,
    pub depth_m: Vec<f32>,
    pub is_plate: Vec<bool>,
}

/// A rectangle of pixels, upper ends exclusive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PixelRegion {
    pub left: usize,
    pub top: usize,
    pub right: usize,
    pub bottom: usize,
}

impl PixelRegion {
    /// A whole image.
    pub(crate) fn whole(width: usize, height: usize) -> Self {
        Self { left: 0, top: 0, right: width, bottom: height }
    }

    pub(crate) fn width(&self) -> usize {
        self.right.saturating_sub(self.left)
    }

    pub(crate) fn height(&self) -> usize {
        self.bottom.saturating_sub(self.top)
    }

    /// The region grown by `margin` pixels on every side, within `bounds`.
    pub(crate) fn grown(self, margin: usize, bounds: Self) -> Self {
        Self {
            left: self.left.saturating_sub(margin).max(bounds.left),
            top: self.top.saturating_sub(margin).max(bounds.top),
            right: (self.right + margin).min(bounds.right),
            bottom: (self.bottom + margin).min(bounds.bottom),
        }
    }

    /// Where row `v` of the image lies in row-by-row storage of the region; `None` outside.
    pub(crate) fn row(&self, v: usize) -> Option<std::ops::Range<usize>> {
        (self.top..self.bottom).contains(&v).then(|| {
            let start = (v - self.top) * self.width();
            start..start + self.width()
        })
    }

    fn overlaps(&self, other: &Self) -> bool {
        self.left < other.right
            && other.left < self.right
            && self.top < other.bottom
            && other.top < self.bottom
    }
}

/// Renders one cell.
#[derive(Debug, Clone)]
pub(crate) struct Renderer {
    camera: CameraModel,
    geometry: PlateGeometry,
    light: Light,
    /// What stands in the cell, and the pixels that it or its shadow may cover.
    fixtures: Vec<(RayCuboid, PixelRegion)>,
    empty: Picture,
}

/// Albedo of the table.
const TABLE_ALBEDO: [f32; 3] = [0.50, 0.49, 0.47];
/// Albedo of a black polystyrene plate.
const PLATE_ALBEDO: [f32; 3] = [0.028, 0.029, 0.032];
/// Of the rims of its wells, which are polished by the mould.
const RIM_ALBEDO: [f32; 3] = [0.06, 0.06, 0.065];
/// Of the inside of its wells.
const WELL_ALBEDO: [f32; 3] = [0.02, 0.02, 0.022];
/// How far a table's brightness varies from place to place, as a share of it.
const TABLE_GRAIN: f32 = 0.03;
/// Offset of shadow rays from the surface, in metres.
const SHADOW_OFFSET_M: f32 = 1e-5;
/// Colour rays of a pixel.
const SAMPLES: usize = ROTATED_GRID.len();
/// Where in the pixel they go: no two in a row or column, so that edges along either are smooth.
const ROTATED_GRID: [[f32; 2]; 4] =
    [[0.125, 0.625], [0.375, 0.125], [0.625, 0.875], [0.875, 0.375]];

impl Material {
    fn albedo(self) -> Vector3<f32> {
        Vector3::from(match self {
            Self::Box => [0.40, 0.45, 0.52],
            Self::Shelf => [0.62, 0.61, 0.58],
            Self::Gripper => [0.17, 0.17, 0.18],
        })
    }
}

/// All that can be hit at one instant.
struct Scene {
    cuboids: Vec<RayCuboid>,
    plate: Option<RayPlate>,
}

/// What a ray met.
struct Hit {
    distance: f32,
    normal: Vector3<f32>,
    surface: Surface,
}

enum Surface {
    Table,
    Cuboid { albedo: Vector3<f32> },
    Plate { surface: PlateSurface, openness: f32 },
}

impl Renderer {
    /// A renderer for what `camera` (as it truly is) sees of the cell under `light`.
    pub(crate) fn new(
        camera: CameraModel,
        geometry: PlateGeometry,
        fixtures: &[Cuboid],
        light: Light,
    ) -> Self {
        let whole =
            PixelRegion::whole(camera.intrinsics.width as usize, camera.intrinsics.height as usize);
        let mut renderer = Self {
            camera,
            geometry,
            light,
            fixtures: Vec::new(),
            empty: Picture {
                region: whole,
                color: Vec::new(),
                depth_m: Vec::new(),
                is_plate: Vec::new(),
            },
        };
        renderer.fixtures = fixtures
            .iter()
            .map(|cuboid| {
                let cuboid = RayCuboid::new(cuboid, cuboid.material.albedo());
                (cuboid, renderer.region_of(&cuboid.corners()))
            })
            .collect();
        let scene = Scene {
            cuboids: renderer.fixtures.iter().map(|(cuboid, _)| *cuboid).collect(),
            plate: None,
        };
        renderer.empty = renderer.trace(&scene, whole);
        renderer
    }

    /// The cell without plate and hand.
    pub(crate) fn empty(&self) -> &Picture {
        &self.empty
    }

    /// What the plate at `world_from_plate` and, if in view, the hand change about the empty cell.
    pub(crate) fn render(&self, world_from_plate: &Isometry3<f64>, hand: Option<&Hand>) -> Picture {
        let plate = RayPlate::new(world_from_plate, self.geometry);
        let hand: Vec<RayCuboid> = hand
            .map(Hand::cuboids)
            .iter()
            .flatten()
            .map(|cuboid| RayCuboid::new(cuboid, cuboid.material.albedo()))
            .collect();
        let corners: Vec<Point3<f32>> =
            hand.iter().flat_map(RayCuboid::corners).chain(plate.corners()).collect();
        let region = self.region_of(&corners);
        let nearby = self.fixtures.iter().filter(|(_, covered)| covered.overlaps(&region));
        let scene = Scene {
            cuboids: nearby.map(|(cuboid, _)| *cuboid).chain(hand).collect(),
            plate: Some(plate),
        };
        self.trace(&scene, region)
    }

    /// The pixels that a body with these corners, or its shadow on anything, can cover.
    fn region_of(&self, corners: &[Point3<f32>]) -> PixelRegion {
        let radius = self.light.lamp_radius_m as f32;
        let lamp = self.lamp();
        let lamp_edges = [(-1.0, -1.0), (-1.0, 1.0), (1.0, -1.0), (1.0, 1.0)]
            .map(|(x, y)| lamp + Vector3::new(x * radius, y * radius, 0.0));
        // Shadows reach farthest on the lowest surface, the table.
        let shadows = corners.iter().flat_map(|corner| {
            lamp_edges.map(|edge| {
                let down = corner - edge;
                edge + down * (edge.z / (edge.z - corner.z))
            })
        });
        let (mut low, mut high) = ([f64::MAX; 2], [f64::MIN; 2]);
        for point in corners.iter().copied().chain(shadows) {
            if let Some(pixel) = self.camera.project(point.cast()) {
                for axis in 0..2 {
                    low[axis] = low[axis].min(pixel[axis]);
                    high[axis] = high[axis].max(pixel[axis]);
                }
            }
        }
        let PixelRegion { right, bottom, .. } = self.empty.region;
        let within = |value: f64, limit: usize| value.clamp(0.0, limit as f64) as usize;
        PixelRegion {
            left: within(low[0] - 2.0, right),
            top: within(low[1] - 2.0, bottom),
            right: within(high[0] + 3.0, right),
            bottom: within(high[1] + 3.0, bottom),
        }
    }

    /// Traces every pixel of `region`, row by row in parallel.
    fn trace(&self, scene: &Scene, region: PixelRegion) -> Picture {
        let (width, pixels) = (region.width(), region.width() * region.height());
        let mut picture = Picture {
            region,
            color: vec![[0.0; 3]; pixels],
            depth_m: vec![0.0; pixels],
            is_plate: vec![false; pixels],
        };
        if pixels == 0 {
            return picture;
        }
        picture
            .color
            .par_chunks_mut(width)
            .zip(picture.depth_m.par_chunks_mut(width))
            .zip(picture.is_plate.par_chunks_mut(width))
            .enumerate()
            .for_each(|(row, ((color, depth), is_plate))| {
                let v = region.top + row;
                for column in 0..width {
                    let u = region.left + column;
                    color[column] = self.pixel_color(scene, u, v);
                    let hit = closest(scene, &self.primary_ray(u as f64, v as f64));
                    // Primary rays advance one metre along the optical axis per unit of distance.
                    depth[column] = hit.distance;
                    is_plate[column] = matches!(hit.surface, Surface::Plate { .. });
                }
            });
        picture
    }

    fn lamp(&self) -> Point3<f32> {
        Point3::from(self.light.lamp_m.map(|coordinate| coordinate as f32))
    }

    /// The ray of a pixel, scaled so that distances along it are depths along the optical axis.
    fn primary_ray(&self, u: f64, v: f64) -> Ray {
        let in_camera = self.camera.intrinsics.unproject(Point2::new(u, v), 1.0);
        Ray {
            origin: self.camera.position().cast(),
            direction: (self.camera.world_from_camera * in_camera.coords).cast(),
        }
    }

    /// The colour of a pixel in sRGB levels, averaged over its rays before encoding.
    fn pixel_color(&self, scene: &Scene, u: usize, v: usize) -> [f32; 3] {
        let turn = interleaved_gradient_noise(u as f32, v as f32);
        let shift = [unit_hash(u as u32, v as u32), unit_hash(v as u32, !(u as u32))];
        let sum: Vector3<f32> = ROTATED_GRID
            .iter()
            .enumerate()
            .map(|(sample, point)| {
                // Shifting the grid from pixel to pixel keeps an edge along a row of pixels from
                // covering all of them in quarters.
                let offset = |axis: usize| f64::from((point[axis] + shift[axis]).fract() - 0.5);
                let ray = self.primary_ray(u as f64 + offset(0), v as f64 + offset(1));
                // Each ray looks at another part of the lamp; turning the pattern from pixel to
                // pixel makes penumbras of it instead of bands.
                let angle = std::f32::consts::TAU * ((sample as f32 + turn) / SAMPLES as f32);
                let radius = ((sample as f32 + 0.5) / SAMPLES as f32).sqrt();
                self.shade(scene, &ray, [radius * angle.cos(), radius * angle.sin()])
            })
            .sum();
        let linear = sum * (self.light.exposure as f32 / SAMPLES as f32);
        [linear.x, linear.y, linear.z].map(srgb_level)
    }

    /// Light that leaves what the ray meets towards the camera; `lamp_point` is in lamp radii.
    fn shade(&self, scene: &Scene, ray: &Ray, lamp_point: [f32; 2]) -> Vector3<f32> {
        let hit = closest(scene, ray);
        let point = ray.at(hit.distance);
        let (albedo, openness) = match hit.surface {
            Surface::Table => (table_albedo(point), 1.0),
            Surface::Cuboid { albedo } => (albedo, 1.0),
            Surface::Plate { surface, openness } => (surface.albedo(), openness),
        };
        let radius = self.light.lamp_radius_m as f32;
        let to_lamp =
            self.lamp() - point + Vector3::new(lamp_point[0] * radius, lamp_point[1] * radius, 0.0);
        let distance2 = to_lamp.norm_squared();
        let cosine = hit.normal.dot(&to_lamp) / distance2.sqrt();
        let ambient = self.light.ambient as f32;
        let mut light = ambient * openness;
        if cosine > 0.0 {
            let shadow_ray =
                Ray { origin: point + hit.normal * SHADOW_OFFSET_M, direction: to_lamp };
            // Inside a well the walls shade as the openness says; tracing them gains nothing.
            let lit =
                if openness < 1.0 { openness } else { f32::from(!blocked(scene, &shadow_ray)) };
            // Inverse square law, relative to the table right under the lamp.
            let falloff = (self.light.lamp_m[2] as f32).powi(2) / distance2;
            light += (1.0 - ambient) * lit * cosine * falloff;
        }
        albedo * light
    }
}

/// The nearest thing on a ray; the table, if nothing else.
fn closest(scene: &Scene, ray: &Ray) -> Hit {
    let mut hit = Hit {
        distance: if ray.direction.z < 0.0 { -ray.origin.z / ray.direction.z } else { f32::MAX },
        normal: Vector3::z(),
        surface: Surface::Table,
    };
    for cuboid in &scene.cuboids {
        if let Some(entry) = cuboid.enter(ray, hit.distance) {
            hit = Hit {
                distance: entry.distance,
                normal: entry.normal,
                surface: Surface::Cuboid { albedo: cuboid.albedo },
            };
        }
    }
    if let Some(on_plate) = scene.plate.as_ref().and_then(|plate| plate.hit(ray, hit.distance)) {
        hit = Hit {
            distance: on_plate.distance,
            normal: on_plate.normal,
            surface: Surface::Plate { surface: on_plate.surface, openness: on_plate.openness },
        };
    }
    hit
}

/// Whether anything stands between a ray's origin and its end at distance 1.
fn blocked(scene: &Scene, ray: &Ray) -> bool {
    scene.plate.as_ref().is_some_and(|plate| plate.blocks(ray, 1.0))
        || scene.cuboids.iter().any(|cuboid| cuboid.enter(ray, 1.0).is_some())
}

impl PlateSurface {
    fn albedo(self) -> Vector3<f32> {
        Vector3::from(match self {
            Self::Body => PLATE_ALBEDO,
            Self::Rim => RIM_ALBEDO,
            Self::Well => WELL_ALBEDO,
        })
    }
}

fn table_albedo(point: Point3<f32>) -> Vector3<f32> {
    Vector3::from(TABLE_ALBEDO) * (1.0 + TABLE_GRAIN * grain(point.x, point.y))
}

/// Whether any part of the hand may be in the camera's picture.
pub(crate) fn hand_in_view(hand: &Hand, camera: &CameraModel) -> bool {
    let (width, height) = (f64::from(camera.intrinsics.width), f64::from(camera.intrinsics.height));
    let pixels: Vec<Point2<f64>> = hand
        .cuboids()
        .iter()
        .flat_map(|cuboid| RayCuboid::new(cuboid, Vector3::zeros()).corners())
        .filter_map(|corner| camera.project(corner.cast()))
        .collect();
    // Outside if all corners are beyond the same edge.
    !(pixels.iter().all(|pixel| pixel.x < -0.5)
        || pixels.iter().all(|pixel| pixel.x > width - 0.5)
        || pixels.iter().all(|pixel| pixel.y < -0.5)
        || pixels.iter().all(|pixel| pixel.y > height - 0.5))
}

/// The sRGB transfer function, from linear light (1 is white) to levels 0 to 255, unrounded.
fn srgb_level(linear: f32) -> f32 {
    let linear = linear.clamp(0.0, 1.0);
    255.0
        * if linear <= 0.003_130_8 {
            12.92 * linear
        } else {
            1.055 * linear.powf(1.0 / 2.4) - 0.055
        }
}

/// A fixed pattern of the table's surface, about -1 to 1, with features of a few centimetres and of
/// a millimetre.
fn grain(x: f32, y: f32) -> f32 {
    let cloud =
        (23.0 * x + 3.0 * (17.0 * y).sin()).sin() * (29.0 * y + 2.0 * (13.0 * x).sin()).sin();
    let cell = |coordinate: f32| (coordinate * 1000.0).floor() as i32 as u32;
    let speck = 2.0 * unit_hash(cell(x), cell(y)) - 1.0;
    0.6 * cloud + 0.4 * speck
}

/// Jimenez' interleaved gradient noise in `[0, 1)`: neighbouring pixels differ as much as they can,
/// so a penumbra sampled by four rays a pixel looks smooth from a little way off.
fn interleaved_gradient_noise(u: f32, v: f32) -> f32 {
    (52.982_918 * (0.067_110_56 * u + 0.005_837_15 * v).fract()).fract()
}

/// A fixed pseudo-random number in `[0, 1)` for a pair of integers.
fn unit_hash(a: u32, b: u32) -> f32 {
    let mut hash = a.wrapping_mul(0x9e37_79b1) ^ b.wrapping_mul(0x85eb_ca6b);
    hash = (hash ^ (hash >> 15)).wrapping_mul(0x2c1b_3c6d);
    hash = (hash ^ (hash >> 12)).wrapping_mul(0x297a_2d39);
    (hash >> 8) as f32 / (1u32 << 24) as f32
}

#[cfg(test)]
mod tests {
    use rmrl_cell::{TaskConfig, ToolPose};
    use rmrl_core::PlanarPose;

    use super::*;
    use crate::layout::Receptacle;
    use crate::simulation::{SimulatedCamera, camera_over_workspace};

    const LIGHT: Light =
        Light { lamp_m: [0.7, 0.3, 1.6], lamp_radius_m: 0.3, ambient: 0.45, exposure: 0.95 };

    fn renderer() -> Renderer {
        let receptacle = Receptacle { clearance_m: 0.003, wall_height_m: 0.012 };
        let place = TaskConfig::shelf().place;
        let geometry = PlateGeometry::default();
        let mut fixtures =
            receptacle.walls(place.pose(), place.surface_m, geometry, Material::Shelf);
        fixtures.push(receptacle.board(place.pose(), place.surface_m, geometry, Material::Shelf));
        let camera = camera_over_workspace(&SimulatedCamera { width_px: 320, height_m: 0.8 });
        Renderer::new(camera, geometry, &fixtures, LIGHT)
    }

    fn plate_at(x_m: f64, y_m: f64, z_m: f64, yaw_rad: f64) -> Isometry3<f64> {
        Isometry3::from_parts(
            nalgebra::Translation3::new(x_m, y_m, z_m + 0.00725),
            nalgebra::UnitQuaternion::from_euler_angles(0.05, 0.0, yaw_rad),
        )
    }

    /// Only a region of each picture is traced anew. Whatever the plate, the hand and their shadows
    /// change must lie within it.
    #[test]
    fn nothing_changes_outside_of_the_region_that_is_traced_anew() {
        let renderer = renderer();
        let hand = Hand {
            tool: ToolPose::new(PlanarPose::new(0.45, -0.05, 0.4), 0.03),
            half_opening_m: 0.05,
        };
        for (plate, hand) in [
            (plate_at(0.35, -0.15, 0.0, 0.6), None),
            (plate_at(0.26, 0.19, 0.08, 0.0), None),
            (plate_at(0.45, -0.05, 0.03, 0.4), Some(&hand)),
            (plate_at(0.62, 0.35, 0.0, 0.0), None),
        ] {
            let picture = renderer.render(&plate, hand);
            let mut cuboids: Vec<RayCuboid> =
                renderer.fixtures.iter().map(|(cuboid, _)| *cuboid).collect();
            for cuboid in hand.map(Hand::cuboids).iter().flatten() {
                cuboids.push(RayCuboid::new(cuboid, cuboid.material.albedo()));
            }
            let scene = Scene { cuboids, plate: Some(RayPlate::new(&plate, renderer.geometry)) };
            let whole = renderer.trace(&scene, renderer.empty.region);
            let width = whole.region.width();
            for (index, color) in whole.color.iter().enumerate() {
                let (u, v) = (index % width, index / width);
                let region = picture.region;
                let stored = region
                    .row(v)
                    .filter(|_| (region.left..region.right).contains(&u))
                    .map(|row| row.start + u - region.left);
                let (seen, depth_m) = match stored {
                    Some(stored) => (picture.color[stored], picture.depth_m[stored]),
                    None => (renderer.empty.color[index], renderer.empty.depth_m[index]),
                };
                assert_eq!(seen, *color, "pixel ({u}, {v})");
                assert_eq!(depth_m, whole.depth_m[index], "pixel ({u}, {v})");
            }
        }
    }

    #[test]
    fn shadows_are_darker_than_the_lit_table_and_lighter_than_the_plate() {
        let renderer = renderer();
        let plate = plate_at(0.4, -0.1, 0.05, 0.0);
        let picture = renderer.render(&plate, None);
        // The lamp hangs towards +x and +y, so the raised plate's shadow falls the other way.
        let beside = Point3::new(0.40 - 0.064 - 0.006, -0.1 - 0.015, 0.0);
        let brightness = |of: &Picture| {
            let pixel = renderer.camera.project(beside).unwrap();
            let row = of.region.row(pixel.y.round() as usize).unwrap();
            of.color[row.start + pixel.x.round() as usize - of.region.left][1]
        };
        let (lit, shadow) = (brightness(&renderer.empty), brightness(&picture));
        let pixels = picture.color.iter().zip(&picture.is_plate);
        let on_plate: Vec<f32> =
            pixels.filter(|(_, is_plate)| **is_plate).map(|(color, _)| color[1]).collect();
        let on_plate = on_plate.iter().sum::<f32>() / on_plate.len() as f32;
        assert!(shadow < 0.93 * lit, "{shadow} against {lit}");
        assert!(on_plate < 0.5 * shadow, "{on_plate} against {shadow}");
    }

    #[test]
    fn a_hand_at_home_is_out_of_view_and_one_over_the_table_is_not() {
        let camera = camera_over_workspace(&SimulatedCamera::default());
        let hand = |tool| Hand { tool, half_opening_m: 0.058 };
        let home = TaskConfig::table().home.tool_pose();
        assert!(!hand_in_view(&hand(home), &camera));
        let over_table = ToolPose::new(PlanarPose::new(0.35, 0.0, 0.0), 0.1);
        assert!(hand_in_view(&hand(over_table), &camera));
    }
}
