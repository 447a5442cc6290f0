//! An analytic ray tracer for the few things an overhead camera sees in the cell.
//!
//! Table, cuboids and the plate are hit in closed form; lamp and window have a size, so their shadows
//! are soft.
//! Four rays a pixel for colour, one for depth. What does not move is traced once; of each picture
//! only the region around plate, hand and their shadows is traced again.

mod light;
mod plate;
mod ray;

use nalgebra::{Isometry3, Point2, Point3, Vector3};
use rayon::prelude::*;
use rmrl_vision::{CameraModel, PlateGeometry};

pub use self::light::{Light, Window};
use self::light::{Source, mirrored};
use self::plate::{Clear, PlateSurface, RayPlate};
use self::ray::{Ray, RayBody};
use crate::PlateLook;
use crate::clutter::Object;
use crate::dynamics::Hand;
use crate::layout::{Cuboid, Material, Paint};
use crate::parameters::WORKSPACE_CENTER_M;

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
    sources: Vec<Source>,
    /// What stands in the cell, and the pixels that it or its shadow may cover.
    fixtures: Vec<(RayBody, PixelRegion)>,
    empty: Picture,
    /// Pixels of the empty cell in which only table is seen.
    bare_table: Vec<bool>,
}

/// Albedo of the table.
const TABLE_ALBEDO: [f32; 3] = [0.50, 0.49, 0.47];
/// Albedo of a black polystyrene plate.
const PLATE_ALBEDO: [f32; 3] = [0.028, 0.029, 0.032];
/// Of the rims of its wells, which are polished by the mould.
const RIM_ALBEDO: [f32; 3] = [0.06, 0.06, 0.065];
/// Of the inside of its wells.
const WELL_ALBEDO: [f32; 3] = [0.02, 0.02, 0.022];
/// Of a dark blue one.
const BLUE_PLATE_ALBEDO: [f32; 3] = [0.016, 0.026, 0.052];
/// What a clear lid lets through of what lies below, there and back.
const LID_CLEARNESS: f32 = 0.85;
/// What it scatters itself: scratches and dust.
const LID_HAZE: f32 = 0.02;
/// The same of its bevel, which is seen edge-on.
const LID_BEVEL_HAZE: f32 = 0.05;
/// How much of the lamp's image the lid's top shows. More would hide plates: a person would move
/// the lamp.
const LID_GLOSS: f32 = 0.03;
/// How much of the window's image its bevel shows: brighter than the table. The lamp hangs behind a
/// diffuser, too dull to glint.
const LID_BEVEL_GLOSS: f32 = 2.5;
/// How much of them a plate's top shows.
const PLATE_GLOSS: f32 = 0.012;
/// How far a surface may be turned from the mirror's direction and still show a light, in radians:
/// the light's own size and the surface's roughness.
const TOP_SPREAD_RAD: f32 = 0.11;
/// The same of a polished bevel.
const BEVEL_SPREAD_RAD: f32 = 0.11;
/// How far a table's brightness varies from place to place, as a share of it.
const TABLE_GRAIN: f32 = 0.03;
/// Offset of shadow rays from the surface, in metres.
const SHADOW_OFFSET_M: f32 = 1e-5;
/// More than what a pixel of the table reaches to each side of its middle, in metres.
const PIXEL_REACH_M: f32 = 0.004;
/// Side of the tiles that are traced at once, each with only what can be seen or throw shadows there,
/// in pixels.
const TILE_PX: usize = 32;
/// Points of a pixel whose heights differ by less lie on the same surface, in metres.
const SAME_SURFACE_M: f32 = 0.001;
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
            Self::Object(Paint::White) => [0.74, 0.74, 0.72],
            Self::Object(Paint::Cream) => [0.62, 0.58, 0.49],
            Self::Object(Paint::Grey) => [0.47, 0.48, 0.50],
            Self::Object(Paint::Blue) => [0.30, 0.44, 0.66],
            Self::Object(Paint::Green) => [0.34, 0.58, 0.38],
            Self::Object(Paint::Orange) => [0.78, 0.44, 0.16],
            Self::Object(Paint::Black) => [0.03, 0.03, 0.03],
        })
    }
}

/// All that can be hit at one instant.
struct Scene {
    bodies: Vec<RayBody>,
    plate: Option<(RayPlate, Albedos)>,
}

/// What moves, as rays pass it.
struct Moving {
    hand: Vec<RayBody>,
    plate: RayPlate,
    albedos: Albedos,
    /// The height of its highest point, in metres.
    top_m: f32,
}

impl Moving {
    fn is_near(&self, ray: &Ray, margin: f32) -> bool {
        self.plate.is_near(ray, margin) || self.hand.iter().any(|body| body.is_near(ray, margin))
    }
}

/// How the parts of a plate reflect.
#[derive(Debug, Clone, Copy)]
struct Albedos {
    body: Vector3<f32>,
    rim: Vector3<f32>,
    well: Vector3<f32>,
}

impl Albedos {
    fn new(look: &PlateLook) -> Self {
        let (brightness, tint) = (look.brightness as f32, look.tint as f32);
        let plate = Vector3::from(PLATE_ALBEDO);
        // Wells take their colour from the body.
        let tinted = plate.lerp(&Vector3::from(BLUE_PLATE_ALBEDO), tint).component_div(&plate);
        let tinted = |albedo| Vector3::from(albedo).component_mul(&tinted) * brightness;
        Self {
            body: tinted(PLATE_ALBEDO),
            rim: Vector3::from(RIM_ALBEDO) * look.rim_brightness as f32,
            well: tinted(WELL_ALBEDO),
        }
    }

    fn of(&self, surface: PlateSurface) -> Vector3<f32> {
        match surface {
            PlateSurface::Body => self.body,
            PlateSurface::Rim => self.rim,
            PlateSurface::Well => self.well,
        }
    }
}

/// What a ray met.
struct Hit {
    distance: f32,
    /// What a depth camera takes for the distance.
    depth: f32,
    normal: Vector3<f32>,
    surface: Surface,
}

enum Surface {
    Table,
    Body { albedo: Vector3<f32> },
    Plate { albedo: Vector3<f32>, openness: f32, through: Option<Clear> },
}

impl Renderer {
    /// A renderer for what `camera` (as it truly is) sees of the cell under `light`.
    pub(crate) fn new(
        camera: CameraModel,
        geometry: PlateGeometry,
        fixtures: &[Cuboid],
        clutter: &[Object],
        light: Light,
    ) -> Self {
        let whole =
            PixelRegion::whole(camera.intrinsics.width as usize, camera.intrinsics.height as usize);
        let mut renderer = Self {
            camera,
            geometry,
            light,
            sources: light.sources(WORKSPACE_CENTER_M),
            fixtures: Vec::new(),
            bare_table: Vec::new(),
            empty: Picture {
                region: whole,
                color: Vec::new(),
                depth_m: Vec::new(),
                is_plate: Vec::new(),
            },
        };
        let body = |cuboid: &Cuboid| RayBody::new(cuboid, cuboid.material.albedo());
        let objects = clutter.iter().map(|object| {
            let cuboid = body(&object.cuboid);
            if object.is_round { cuboid.round() } else { cuboid }
        });
        renderer.fixtures = fixtures
            .iter()
            .map(body)
            .chain(objects)
            .map(|body| (body, renderer.region_of(&body.corners())))
            .collect();
        renderer.empty = renderer.trace(whole, None);
        renderer.bare_table = vec![true; whole.width() * whole.height()];
        for (body, _) in &renderer.fixtures {
            let seen = renderer.seen_region(body.corners());
            for v in seen.top..seen.bottom {
                renderer.bare_table[v * whole.width()..][seen.left..seen.right].fill(false);
            }
        }
        renderer
    }

    /// Whether the moving things of `scene` may hide or shade anything in a pixel of bare table. A
    /// little more than they really do: what is found free looks as in the empty cell, to the bit.
    fn may_change_table(&self, moving: &Moving, u: usize, v: usize) -> bool {
        let seen = self.primary_ray(u as f64, v as f64);
        let to_table = -seen.origin.z / seen.direction.z;
        let (point, to_table) = (seen.at(to_table), seen.direction * to_table);
        let seen = Ray { direction: to_table, ..seen };
        if moving.is_near(&seen, PIXEL_REACH_M) {
            return true;
        }
        self.sources.iter().any(|source| {
            // Below the top of what moves, ways to all parts of a light run this near to each other.
            let reach = moving.top_m / source.height() * source.radius();
            let to_source = Ray { origin: point, direction: source.point([0.0, 0.0]) - point };
            moving.is_near(&to_source, reach + PIXEL_REACH_M)
        })
    }

    /// The cell without plate and hand.
    pub(crate) fn empty(&self) -> &Picture {
        &self.empty
    }

    /// What the plate at `world_from_plate` and, if in view, the hand change about the empty cell.
    pub(crate) fn render(
        &self,
        world_from_plate: &Isometry3<f64>,
        look: &PlateLook,
        hand: Option<&Hand>,
    ) -> Picture {
        let plate = RayPlate::new(world_from_plate, self.geometry, look);
        let hand: Vec<RayBody> = hand
            .map(Hand::cuboids)
            .iter()
            .flatten()
            .map(|cuboid| RayBody::new(cuboid, cuboid.material.albedo()))
            .collect();
        let corners: Vec<Point3<f32>> =
            hand.iter().flat_map(RayBody::corners).chain(plate.corners()).collect();
        let region = self.region_of(&corners);
        let top_m = corners.iter().map(|corner| corner.z).fold(0.0, f32::max);
        let moving = Moving { hand, plate, albedos: Albedos::new(look), top_m };
        self.trace(region, Some(&moving))
    }

    /// The pixels that a body with these corners, or its shadow on anything, can cover.
    fn region_of(&self, corners: &[Point3<f32>]) -> PixelRegion {
        let source_edges: Vec<Point3<f32>> =
            self.sources.iter().flat_map(Source::corners).collect();
        // Shadows reach farthest on the lowest surface, the table.
        let shadows = corners.iter().flat_map(|corner| {
            source_edges.iter().map(move |edge| {
                let down = corner - edge;
                edge + down * (edge.z / (edge.z - corner.z))
            })
        });
        self.seen_region(corners.iter().copied().chain(shadows))
    }

    /// The pixels that the hull of these points can cover, and a few more.
    fn seen_region(&self, points: impl IntoIterator<Item = Point3<f32>>) -> PixelRegion {
        let (mut low, mut high) = ([f64::MAX; 2], [f64::MIN; 2]);
        for point in points {
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

    /// Traces the pixels of `region`, tile by tile in parallel; all of them, or those that what is
    /// `moving` may change.
    fn trace(&self, region: PixelRegion, moving: Option<&Moving>) -> Picture {
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
        let strip = width * TILE_PX;
        picture
            .color
            .par_chunks_mut(strip)
            .zip(picture.depth_m.par_chunks_mut(strip))
            .zip(picture.is_plate.par_chunks_mut(strip))
            .enumerate()
            .for_each(|(number, ((color, depth), is_plate))| {
                let top = region.top + number * TILE_PX;
                let bottom = top + color.len() / width;
                for left in (region.left..region.right).step_by(TILE_PX) {
                    let right = (left + TILE_PX).min(region.right);
                    let scene = self.scene_of(PixelRegion { left, top, right, bottom }, moving);
                    for (v, u) in (top..bottom).flat_map(|v| (left..right).map(move |u| (v, u))) {
                        let stored = (v - top) * width + u - region.left;
                        let whole = v * self.empty.region.width() + u;
                        let changes = moving.is_none_or(|moving| {
                            !self.bare_table[whole] || self.may_change_table(moving, u, v)
                        });
                        (color[stored], depth[stored], is_plate[stored]) = if changes {
                            self.trace_pixel(&scene, u, v)
                        } else {
                            (self.empty.color[whole], self.empty.depth_m[whole], false)
                        };
                    }
                }
            });
        picture
    }

    /// All that can be hit on the way to or from what is seen in `tile`.
    fn scene_of(&self, tile: PixelRegion, moving: Option<&Moving>) -> Scene {
        let nearby = self.fixtures.iter().filter(|(_, covered)| covered.overlaps(&tile));
        let hand = moving.iter().flat_map(|moving| &moving.hand);
        Scene {
            bodies: nearby.map(|(body, _)| body).chain(hand).copied().collect(),
            plate: moving.map(|moving| (moving.plate, moving.albedos)),
        }
    }

    /// Colour, depth and whether it is plate.
    fn trace_pixel(&self, scene: &Scene, u: usize, v: usize) -> ([f32; 3], f32, bool) {
        let color = self.pixel_color(scene, u, v);
        let hit = closest(scene, &self.primary_ray(u as f64, v as f64));
        // Primary rays advance one metre along the optical axis per unit of distance.
        (color, hit.depth, matches!(hit.surface, Surface::Plate { .. }))
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
        let mut shared = None;
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
                self.shade(scene, &ray, [radius * angle.cos(), radius * angle.sin()], &mut shared)
            })
            .sum();
        let linear = sum * (self.light.exposure as f32 / SAMPLES as f32);
        [linear.x, linear.y, linear.z].map(srgb_level)
    }

    /// Light that leaves what the ray meets towards the camera; `disc` is the point of each light
    /// that is looked at, in its radii. What it finds out about the window's light, it leaves to the
    /// pixel's next ray.
    fn shade(
        &self,
        scene: &Scene,
        ray: &Ray,
        disc: [f32; 2],
        shared: &mut Option<Daylight>,
    ) -> Vector3<f32> {
        let hit = closest(scene, ray);
        let point = ray.at(hit.distance);
        let (albedo, openness, gloss) = match hit.surface {
            Surface::Table => {
                (table_albedo(point), 1.0, Gloss::of_top(hit.normal, self.light.table_gloss as f32))
            }
            Surface::Body { albedo } => (albedo, 1.0, Gloss::NONE),
            Surface::Plate { albedo, openness, through: None } => {
                // Nothing is mirrored inside of a well.
                let gloss = if openness < 1.0 { 0.0 } else { PLATE_GLOSS };
                (albedo, openness, Gloss::of_top(hit.normal, gloss))
            }
            Surface::Plate { albedo, openness, through: Some(clear) } => {
                let haze = if clear.is_bevel { LID_BEVEL_HAZE } else { LID_HAZE };
                // Haze is lit as the lid is, not as the bottom of a well.
                let haze = Vector3::repeat(haze / openness);
                (albedo * LID_CLEARNESS + haze, openness, Gloss::of_lid(clear))
            }
        };
        let ambient = self.light.ambient as f32;
        let mut light = Vector3::repeat(ambient * openness);
        let mut mirrored = Vector3::zeros();
        for (index, source) in self.sources.iter().enumerate() {
            let to_source = source.point(disc) - point;
            let distance2 = to_source.norm_squared();
            let distance = distance2.sqrt();
            let cosine = hit.normal.dot(&to_source) / distance;
            if cosine <= 0.0 {
                continue;
            }
            let shadow_ray =
                Ray { origin: point + hit.normal * SHADOW_OFFSET_M, direction: to_source };
            let lit = if openness < 1.0 {
                // Inside a well the walls shade as the openness says; tracing them gains nothing.
                openness
            } else if let Some(daylight) = shared.take_if(|daylight| {
                index > 0
                    && daylight.normal == hit.normal
                    && (daylight.z - point.z).abs() < SAME_SURFACE_M
            }) {
                daylight.lit
            } else {
                let lit = f32::from(!blocked(scene, &shadow_ray));
                if index > 0 {
                    *shared = Some(Daylight { normal: hit.normal, z: point.z, lit });
                }
                lit
            };
            let arriving = source.light * (lit * source.falloff(distance2));
            light += arriving * cosine;
            let shows = if index > 0 { gloss.strength > 0.0 } else { gloss.shows_lamp };
            if shows {
                mirrored += arriving * gloss.towards(to_source / distance, ray.direction);
            }
        }
        albedo.component_mul(&light) + mirrored
    }
}

/// Whether the window's light reaches a point of a pixel; good for one other point of the surface.
#[derive(Debug, Clone, Copy)]
struct Daylight {
    normal: Vector3<f32>,
    z: f32,
    lit: f32,
}

/// How a surface mirrors lights.
struct Gloss {
    normal: Vector3<f32>,
    strength: f32,
    spread_rad: f32,
    shows_lamp: bool,
}

impl Gloss {
    const NONE: Self = Self {
        normal: Vector3::new(0.0, 0.0, 1.0),
        strength: 0.0,
        spread_rad: 1.0,
        shows_lamp: false,
    };

    fn of_top(normal: Vector3<f32>, strength: f32) -> Self {
        Self { normal, strength, spread_rad: TOP_SPREAD_RAD, shows_lamp: strength > 0.0 }
    }

    fn of_lid(clear: Clear) -> Self {
        if clear.is_bevel {
            Self {
                normal: clear.normal,
                strength: LID_BEVEL_GLOSS,
                spread_rad: BEVEL_SPREAD_RAD,
                shows_lamp: false,
            }
        } else {
            Self::of_top(clear.normal, LID_GLOSS)
        }
    }

    fn towards(&self, to_light: Vector3<f32>, from_camera: Vector3<f32>) -> f32 {
        let to_camera = -from_camera.normalize();
        self.strength * mirrored(self.normal, to_light, to_camera, self.spread_rad)
    }
}

/// The nearest thing on a ray; the table, if nothing else.
fn closest(scene: &Scene, ray: &Ray) -> Hit {
    let mut distance =
        if ray.direction.z < 0.0 { -ray.origin.z / ray.direction.z } else { f32::MAX };
    let (mut normal, mut surface) = (Vector3::z(), Surface::Table);
    for body in &scene.bodies {
        if let Some(entry) = body.enter(ray, distance) {
            (distance, normal) = (entry.distance, entry.normal);
            surface = Surface::Body { albedo: body.albedo };
        }
    }
    let mut hit = Hit { distance, depth: distance, normal, surface };
    if let Some((plate, albedos)) = &scene.plate
        && let Some(on_plate) = plate.hit(ray, distance)
    {
        hit = Hit {
            distance: on_plate.distance,
            depth: on_plate.depth,
            normal: on_plate.normal,
            surface: Surface::Plate {
                albedo: albedos.of(on_plate.surface),
                openness: on_plate.openness,
                through: on_plate.through,
            },
        };
    }
    hit
}

/// Whether anything stands between a ray's origin and its end at distance 1.
fn blocked(scene: &Scene, ray: &Ray) -> bool {
    scene.plate.as_ref().is_some_and(|(plate, _)| plate.blocks(ray, 1.0))
        || scene.bodies.iter().any(|body| body.enter(ray, 1.0).is_some())
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
        .flat_map(|cuboid| RayBody::new(cuboid, Vector3::zeros()).corners())
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
    use crate::clutter::draw_clutter;
    use crate::layout::Receptacle;
    use crate::simulation::{SimulatedCamera, camera_over_workspace};

    const LIGHT: Light = Light {
        lamp_m: [0.7, 0.3, 1.6],
        lamp_radius_m: 0.3,
        ambient: 0.45,
        exposure: 0.95,
        window: Window { center_m: [1.4, 0.2, 1.2], radius_m: 0.3, strength: 0.5 },
        table_gloss: 0.1,
    };
    const LIDDED: PlateLook = PlateLook { lid_height_m: Some(0.0025), ..PlateLook::PLAIN };

    fn renderer() -> Renderer {
        let receptacle = Receptacle { clearance_m: 0.003, wall_height_m: 0.012 };
        let place = TaskConfig::shelf().place;
        let geometry = PlateGeometry::default();
        let mut fixtures =
            receptacle.walls(place.pose(), place.surface_m, geometry, Material::Shelf);
        fixtures.push(receptacle.board(place.pose(), place.surface_m, geometry, Material::Shelf));
        let camera = SimulatedCamera { width_px: 320, height_m: 0.8 };
        let clutter = draw_clutter([6, 6], 1, &TaskConfig::shelf(), &camera);
        let camera = camera_over_workspace(&camera);
        Renderer::new(camera, geometry, &fixtures, &clutter, LIGHT)
    }

    fn plate_at(x_m: f64, y_m: f64, z_m: f64, yaw_rad: f64) -> Isometry3<f64> {
        Isometry3::from_parts(
            nalgebra::Translation3::new(x_m, y_m, z_m + 0.00725),
            nalgebra::UnitQuaternion::from_euler_angles(0.05, 0.0, yaw_rad),
        )
    }

    /// Every pixel, by brute force.
    fn trace_all(renderer: &Renderer, scene: &Scene) -> Picture {
        let region = renderer.empty.region;
        let pixels = (0..region.height()).flat_map(|v| (0..region.width()).map(move |u| (u, v)));
        let mut picture =
            Picture { region, color: Vec::new(), depth_m: Vec::new(), is_plate: Vec::new() };
        for (color, depth_m, is_plate) in pixels.map(|(u, v)| renderer.trace_pixel(scene, u, v)) {
            picture.color.push(color);
            picture.depth_m.push(depth_m);
            picture.is_plate.push(is_plate);
        }
        picture
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
            let picture = renderer.render(&plate, &LIDDED, hand);
            let mut bodies: Vec<RayBody> =
                renderer.fixtures.iter().map(|(body, _)| *body).collect();
            for cuboid in hand.map(Hand::cuboids).iter().flatten() {
                bodies.push(RayBody::new(cuboid, cuboid.material.albedo()));
            }
            let plate = RayPlate::new(&plate, renderer.geometry, &LIDDED);
            let scene = Scene { bodies, plate: Some((plate, Albedos::new(&LIDDED))) };
            let whole = trace_all(&renderer, &scene);
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
        let picture = renderer.render(&plate, &PlateLook::PLAIN, None);
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
