//! An analytic ray tracer for the few things an overhead camera sees in the cell.
//!
//! Table, cuboids and the plate are hit in closed form; lamp and window have a size, so their shadows
//! are soft.
//! Four rays a pixel for colour, one for depth. What does not move is traced once; of each picture
//! only the pixels that plate, hand and their shadows may change are traced again.

mod light;
mod plate;
mod ray;
mod scene;
mod shade;
mod surface;

use std::f32::consts::FRAC_1_SQRT_2;

use nalgebra::{Isometry3, Point2, Point3, Vector3};
use rayon::prelude::*;
use rmrl_vision::{CameraModel, PlateGeometry};

use self::light::Source;
pub use self::light::{Light, Window};
use self::plate::RayPlate;
use self::ray::{Ray, RayBody};
use self::scene::{Moving, Scene, Surface};
pub(crate) use self::shade::srgb_level;
use self::shade::{Lighting, Met, PixelState, shadow_ray};
use self::surface::Albedos;
use crate::PlateLook;
use crate::clutter::Object;
use crate::dynamics::Hand;
use crate::layout::{Cuboid, TableBoard};

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

    /// The smallest region around both.
    fn around(self, other: Self) -> Self {
        Self {
            left: self.left.min(other.left),
            top: self.top.min(other.top),
            right: self.right.max(other.right),
            bottom: self.bottom.max(other.bottom),
        }
    }

    /// The region in square blocks of at most `side` pixels.
    fn blocks(self, side: usize) -> impl Iterator<Item = Self> {
        (self.top..self.bottom).step_by(side).flat_map(move |top| {
            (self.left..self.right).step_by(side).map(move |left| Self {
                left,
                top,
                right: (left + side).min(self.right),
                bottom: (top + side).min(self.bottom),
            })
        })
    }

    /// Its pixels, row by row.
    fn pixels(self) -> impl Iterator<Item = (usize, usize)> {
        (self.top..self.bottom).flat_map(move |v| (self.left..self.right).map(move |u| (u, v)))
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
    lighting: Lighting,
    fixtures: Vec<Fixture>,
    empty: Picture,
    /// What the rays of each pixel of the empty cell met.
    met: Vec<Met>,
    /// The side of a pixel on the table, in metres. The camera looks straight down, so all are alike,
    /// and what is higher covers more of them.
    pixel_m: f32,
}

/// Something that stands in the cell.
#[derive(Debug, Clone)]
struct Fixture {
    body: RayBody,
    /// The pixels that it may cover.
    seen: PixelRegion,
    /// The pixels that it, or what it shades from each source, may cover.
    shaded: Vec<PixelRegion>,
}

/// What was traced of a pixel.
#[derive(Clone, Copy)]
struct Traced {
    color: [f32; 3],
    depth_m: f32,
    is_plate: bool,
    met: Met,
}

/// What is seen of the empty cell in a part of the picture.
struct View {
    met: Met,
    /// The ray through the middle of the part, to the lowest point.
    sight: Ray,
    /// How near to it all others pass, in metres.
    reach_m: f32,
    /// The middle of all points, and how far they are from it, in metres.
    middle: Point3<f32>,
    extent_m: f32,
}

impl View {
    /// Whether what is `moving` may hide anything in it. A little more than it really does.
    fn may_be_hidden(&self, moving: &Moving) -> bool {
        moving.is_near(&self.sight, self.reach_m)
    }
}

/// Side of the tiles that are traced at once, each with only what can be seen or throw shadows there,
/// in pixels.
const TILE_PX: usize = 16;
/// Side of the blocks of a tile that are asked at once whether anything in them may change.
const BLOCK_PX: usize = 4;
/// How much farther than their pixel's corners rays may pass, in pixels: a margin for rounding.
const SLACK_PX: f32 = 0.5;
/// Colour rays of a pixel.
const SAMPLES: usize = ROTATED_GRID.len();
/// Where in the pixel they go: no two in a row or column, so that edges along either are smooth.
const ROTATED_GRID: [[f32; 2]; 4] =
    [[0.125, 0.625], [0.375, 0.125], [0.625, 0.875], [0.875, 0.375]];

impl Renderer {
    /// A renderer for what `camera` (as it truly is) sees of the cell under `light`.
    pub(crate) fn new(
        camera: CameraModel,
        geometry: PlateGeometry,
        fixtures: &[Cuboid],
        clutter: &[Object],
        board: Option<TableBoard>,
        light: Light,
    ) -> Self {
        let intrinsics = camera.intrinsics;
        let mut renderer = Self {
            camera,
            geometry,
            lighting: Lighting::new(light, board),
            fixtures: Vec::new(),
            empty: Picture {
                region: PixelRegion::whole(intrinsics.width as usize, intrinsics.height as usize),
                color: Vec::new(),
                depth_m: Vec::new(),
                is_plate: Vec::new(),
            },
            met: Vec::new(),
            pixel_m: (camera.position().z / intrinsics.fx.min(intrinsics.fy)) as f32,
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
            .map(|body| {
                let corners = body.corners();
                let sources = renderer.lighting.sources.iter();
                Fixture {
                    body,
                    seen: renderer.seen_region(corners),
                    shaded: sources
                        .map(|source| renderer.shaded_region(&corners, source))
                        .collect(),
                }
            })
            .collect();
        (renderer.empty, renderer.met) = renderer.trace(renderer.empty.region, None);
        renderer
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
        self.trace(region, Some(&moving)).0
    }

    /// The pixels that a body with these corners, or its shadow on anything, can cover.
    fn region_of(&self, corners: &[Point3<f32>]) -> PixelRegion {
        let sources = self.lighting.sources.iter();
        sources
            .map(|source| self.shaded_region(corners, source))
            .reduce(PixelRegion::around)
            .expect("a cell has a lamp")
    }

    /// The pixels that a body with these corners, or what it shades from `source`, can cover.
    fn shaded_region(&self, corners: &[Point3<f32>], source: &Source) -> PixelRegion {
        let edges = source.corners();
        // Shadows reach farthest on the lowest surface, the table.
        let shadows = corners.iter().flat_map(|corner| {
            edges.iter().map(move |edge| {
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
    /// `moving` may change. Beside the picture, what the rays of each pixel met.
    fn trace(&self, region: PixelRegion, moving: Option<&Moving>) -> (Picture, Vec<Met>) {
        let (width, pixels) = (region.width(), region.width() * region.height());
        let mut picture = Picture {
            region,
            color: vec![[0.0; 3]; pixels],
            depth_m: vec![0.0; pixels],
            is_plate: vec![false; pixels],
        };
        let mut met = vec![Met::NOTHING; pixels];
        if pixels == 0 {
            return (picture, met);
        }
        let strip = width * TILE_PX;
        picture
            .color
            .par_chunks_mut(strip)
            .zip(picture.depth_m.par_chunks_mut(strip))
            .zip(picture.is_plate.par_chunks_mut(strip))
            .zip(met.par_chunks_mut(strip))
            .enumerate()
            .for_each(|(number, (((color, depth_m), is_plate), met))| {
                let top = region.top + number * TILE_PX;
                let bottom = top + color.len() / width;
                for left in (region.left..region.right).step_by(TILE_PX) {
                    let right = (left + TILE_PX).min(region.right);
                    let tile = PixelRegion { left, top, right, bottom };
                    self.trace_tile(tile, moving, |u, v, traced| {
                        let stored = (v - top) * width + u - region.left;
                        color[stored] = traced.color;
                        depth_m[stored] = traced.depth_m;
                        is_plate[stored] = traced.is_plate;
                        met[stored] = traced.met;
                    });
                }
            });
        (picture, met)
    }

    /// Traces the pixels of a tile, or takes from the empty cell those that do not change.
    fn trace_tile(
        &self,
        tile: PixelRegion,
        moving: Option<&Moving>,
        mut keep: impl FnMut(usize, usize, Traced),
    ) {
        let scene = self.scene_of(tile, moving);
        for block in tile.blocks(BLOCK_PX) {
            let changes = moving.is_none_or(|moving| {
                let view = self.view_of(block);
                view.may_be_hidden(moving) || self.may_be_shaded(&view, moving)
            });
            for (u, v) in block.pixels() {
                let changes =
                    changes && moving.is_none_or(|moving| self.changes(moving, &scene, u, v));
                keep(
                    u,
                    v,
                    if changes { self.trace_pixel(&scene, u, v) } else { self.unchanged(u, v) },
                );
            }
        }
    }

    /// Whether what is `moving` may change a pixel: whether it may hide anything, and whether it takes
    /// light.
    fn changes(&self, moving: &Moving, scene: &Scene, u: usize, v: usize) -> bool {
        let view = self.view_of(PixelRegion { left: u, top: v, right: u + 1, bottom: v + 1 });
        view.may_be_hidden(moving)
            || self.may_be_shaded(&view, moving) && self.shades(moving, scene, u, v)
    }

    /// What is seen of the empty cell in a region.
    fn view_of(&self, region: PixelRegion) -> View {
        let met = self.met_within(region);
        let middle = |low: usize, high: usize| 0.5 * (low + high - 1) as f64;
        let seen =
            self.primary_ray(middle(region.left, region.right), middle(region.top, region.bottom));
        let to_height =
            |height_m: f32| seen.direction * ((height_m - seen.origin.z) / seen.direction.z);
        let to_lowest = to_height(met.lowest_m);
        // What is seen lies on the ray between the two heights.
        let between = to_height(met.highest_m) - to_lowest;
        let half_diagonal_px = FRAC_1_SQRT_2 * region.width().max(region.height()) as f32;
        let reach_m = (half_diagonal_px + SLACK_PX) * self.pixel_m;
        View {
            met,
            sight: Ray { direction: to_lowest, ..seen },
            reach_m,
            middle: seen.origin + to_lowest + between * 0.5,
            extent_m: reach_m + 0.5 * between.norm(),
        }
    }

    /// Whether what is `moving` may shade anything in a view. A little more than it really does: what
    /// is found free looks as in the empty cell, to the bit.
    fn may_be_shaded(&self, view: &View, moving: &Moving) -> bool {
        self.lighting.sources.iter().enumerate().any(|(index, source)| {
            // Below the top of what moves, ways to all parts of a light run this near to each other.
            let spread_m = moving.top_m / source.lowest() * source.radius();
            let direction = source.point([0.0, 0.0]) - view.middle;
            let to_source = Ray { origin: view.middle, direction };
            view.met.is_lit_by(index) && moving.is_near(&to_source, view.extent_m + spread_m)
        })
    }

    /// Whether what is `moving`, which hides nothing of a pixel, takes light from it.
    fn shades(&self, moving: &Moving, scene: &Scene, u: usize, v: usize) -> bool {
        let met = self.met[v * self.empty.region.width() + u];
        self.samples(u, v).enumerate().any(|(sample, (ray, disc))| {
            let mut lit = self.lighting.sources.iter().enumerate();
            met.is_lit(sample) && {
                let hit = scene.closest(&ray);
                let point = ray.at(hit.distance);
                lit.any(|(index, source)| {
                    let to_source = source.point(disc) - point;
                    met.is_lit_at(sample, index)
                        && moving.blocks(&shadow_ray(point, hit.normal, to_source))
                })
            }
        })
    }

    /// What the rays of all pixels of a region met in the empty cell.
    fn met_within(&self, region: PixelRegion) -> Met {
        let width = self.empty.region.width();
        let rows = (region.top..region.bottom).map(|v| v * width);
        let pixels = rows.flat_map(|row| &self.met[row + region.left..row + region.right]);
        pixels.fold(Met::NOTHING, |met, pixel| met.and(*pixel))
    }

    /// A pixel of the empty cell.
    fn unchanged(&self, u: usize, v: usize) -> Traced {
        let index = v * self.empty.region.width() + u;
        Traced {
            color: self.empty.color[index],
            depth_m: self.empty.depth_m[index],
            is_plate: false,
            met: self.met[index],
        }
    }

    /// All that can be hit on the way to or from what is seen in `tile`.
    fn scene_of<'a>(&'a self, tile: PixelRegion, moving: Option<&'a Moving>) -> Scene<'a> {
        let hand = || moving.iter().flat_map(|moving| &moving.hand);
        let near = |reaches: &dyn Fn(&Fixture) -> bool| {
            let fixtures = self.fixtures.iter().filter(|fixture| reaches(fixture));
            fixtures.map(|fixture| &fixture.body).chain(hand()).collect()
        };
        let sources = 0..self.lighting.sources.len();
        Scene {
            seen: near(&|fixture| fixture.seen.overlaps(&tile)),
            shading: sources
                .map(|source| near(&|fixture| fixture.shaded[source].overlaps(&tile)))
                .collect(),
            plate: moving.map(|moving| (&moving.plate, &moving.albedos)),
        }
    }

    /// Traces all rays of a pixel.
    fn trace_pixel(&self, scene: &Scene, u: usize, v: usize) -> Traced {
        let mut pixel = PixelState::NEW;
        let color = self.pixel_color(scene, u, v, &mut pixel);
        let ray = self.primary_ray(u as f64, v as f64);
        let hit = scene.closest(&ray);
        pixel.met.note(ray.at(hit.distance).z);
        Traced {
            color,
            // Primary rays advance one metre along the optical axis per unit of distance.
            depth_m: hit.depth,
            is_plate: matches!(hit.surface, Surface::Plate { .. }),
            met: pixel.met,
        }
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
    fn pixel_color(&self, scene: &Scene, u: usize, v: usize, pixel: &mut PixelState) -> [f32; 3] {
        let sum: Vector3<f32> = self
            .samples(u, v)
            .enumerate()
            .map(|(sample, (ray, disc))| self.lighting.shade(scene, &ray, disc, sample, pixel))
            .sum();
        let linear = sum * (self.lighting.exposure() / SAMPLES as f32);
        [linear.x, linear.y, linear.z].map(srgb_level)
    }

    /// The colour rays of a pixel, each with the point of the lights that it looks at, in their radii.
    fn samples(&self, u: usize, v: usize) -> impl Iterator<Item = (Ray, [f32; 2])> {
        let turn = interleaved_gradient_noise(u as f32, v as f32);
        let shift = [unit_hash(u as u32, v as u32), unit_hash(v as u32, !(u as u32))];
        ROTATED_GRID.iter().enumerate().map(move |(sample, point)| {
            // Shifting the grid from pixel to pixel keeps an edge along a row of pixels from covering
            // all of them in quarters.
            let offset = |axis: usize| f64::from(fraction(point[axis] + shift[axis]) - 0.5);
            let ray = self.primary_ray(u as f64 + offset(0), v as f64 + offset(1));
            // Each ray looks at another part of the lamp; turning the pattern from pixel to pixel
            // makes penumbras of it instead of bands.
            let angle = std::f32::consts::TAU * ((sample as f32 + turn) / SAMPLES as f32);
            let radius = ((sample as f32 + 0.5) / SAMPLES as f32).sqrt();
            (ray, [radius * angle.cos(), radius * angle.sin()])
        })
    }
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

/// Jimenez' interleaved gradient noise in `[0, 1)`: neighbouring pixels differ as much as they can,
/// so a penumbra sampled by four rays a pixel looks smooth from a little way off.
fn interleaved_gradient_noise(u: f32, v: f32) -> f32 {
    fraction(52.982_918 * fraction(0.067_110_56 * u + 0.005_837_15 * v))
}

/// The fraction of a small number that is not negative; `f32::fract` is a call into the C library.
fn fraction(number: f32) -> f32 {
    number - number as i32 as f32
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
    use crate::layout::{Material, Receptacle};
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
        let camera = SimulatedCamera { width_px: 320, ..SimulatedCamera::default() };
        let clutter = draw_clutter([6, 6], 1, &TaskConfig::shelf(), &camera, None);
        let camera = camera_over_workspace(&camera);
        Renderer::new(camera, geometry, &fixtures, &clutter, None, LIGHT)
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
        for traced in pixels.map(|(u, v)| renderer.trace_pixel(scene, u, v)) {
            picture.color.push(traced.color);
            picture.depth_m.push(traced.depth_m);
            picture.is_plate.push(traced.is_plate);
        }
        picture
    }

    /// Only some pixels of each picture are traced anew. Whatever the plate, the hand and their
    /// shadows change must lie within them.
    #[test]
    fn nothing_changes_in_pixels_that_are_not_traced_anew() {
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
                renderer.fixtures.iter().map(|fixture| fixture.body).collect();
            for cuboid in hand.map(Hand::cuboids).iter().flatten() {
                bodies.push(RayBody::new(cuboid, cuboid.material.albedo()));
            }
            let plate = RayPlate::new(&plate, renderer.geometry, &LIDDED);
            let (all, albedos) = (bodies.iter().collect::<Vec<_>>(), Albedos::new(&LIDDED));
            let scene =
                Scene { seen: all.clone(), shading: vec![all; 2], plate: Some((&plate, &albedos)) };
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
