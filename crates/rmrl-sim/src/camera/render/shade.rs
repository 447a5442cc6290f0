//! The light that leaves what a ray meets.

use nalgebra::{Point3, Vector3};

use super::light_source::LightSource;
use super::pixel_record::PixelRecord;
use super::ray::Ray;
use super::surface::{Gloss, PLATE_GLOSS, table_albedo};
use super::tile_scene::{Hit, Surface, TileScene};
use crate::scene::layout::WORKSPACE_CENTER_M;
use crate::scene::light::Light;
use crate::scene::table_board::TableBoard;

/// The share of the light from below that a clear lid lets through, there and back.
const LID_CLEARNESS: f32 = 0.85;
/// The share of light that a lid scatters: scratches and dust.
const LID_HAZE: f32 = 0.02;
/// The share of light that the bevel of a lid scatters, which is seen edge-on.
const LID_BEVEL_HAZE: f32 = 0.05;
/// Offset of shadow rays from the surface, in meters.
const SHADOW_OFFSET_M: f32 = 1e-5;
/// Points of a pixel whose heights differ by less lie on the same surface, in meters.
const SAME_SURFACE_M: f32 = 0.001;

/// The light of a cell, and what shines there.
#[derive(Debug, Clone)]
pub(super) struct Lighting {
    light: Light,
    board: Option<TableBoard>,
    pub sources: Vec<LightSource>,
}

/// What the rays of a pixel pass on to the next ray.
pub(super) struct PixelState {
    daylight: Option<Daylight>,
    pub record: PixelRecord,
}

/// Whether the window's light reaches a point of a pixel. It is valid for one other point of the
/// surface.
#[derive(Debug, Clone, Copy)]
struct Daylight {
    normal: Vector3<f32>,
    z: f32,
    lit: f32,
}

/// How the surface at a point reflects.
struct Finish {
    albedo: Vector3<f32>,
    /// How much of the sky the point sees, 0 to 1.
    openness: f32,
    gloss: Gloss,
}

/// A ray of one source's light that arrives at a point of a surface.
struct Arrival {
    /// The number of the source.
    source: usize,
    /// The number of the pixel's ray that looks at the point.
    sample: usize,
    point: Point3<f32>,
    to_source: Vector3<f32>,
}

impl PixelState {
    pub(super) const NEW: Self = Self { daylight: None, record: PixelRecord::NOTHING };
}

impl Lighting {
    pub(super) fn new(light: Light, board: Option<TableBoard>) -> Self {
        Self { light, board, sources: LightSource::of(&light, WORKSPACE_CENTER_M) }
    }

    /// How bright a sheet that scatters all light would be, relative to the sensor's white.
    pub(super) fn exposure(&self) -> f32 {
        self.light.exposure as f32
    }

    /// Light that leaves what the ray meets towards the camera. `disc` is the point of each light
    /// that the ray looks at, in the light's radii, and `sample` the ray's number in its pixel.
    pub(super) fn shade(
        &self,
        scene: &TileScene,
        ray: &Ray,
        disc: [f32; 2],
        sample: usize,
        pixel: &mut PixelState,
    ) -> Vector3<f32> {
        let hit = scene.closest(ray);
        let point = ray.at(hit.distance);
        pixel.record.note(point.z);
        let Finish { albedo, openness, gloss } = self.finish(&hit, point);
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
            let lit = if openness < 1.0 {
                // Inside a well the walls shade as `openness` states; tracing them gains nothing.
                openness
            } else {
                let arrival = Arrival { source: index, sample, point, to_source };
                lit_share(scene, &hit, &arrival, pixel)
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

    /// How the surface at a point reflects.
    fn finish(&self, hit: &Hit, point: Point3<f32>) -> Finish {
        match hit.surface {
            Surface::Table => Finish {
                albedo: table_albedo(point, self.board.as_ref()),
                openness: 1.0,
                gloss: Gloss::of_top(hit.normal, self.light.table_gloss as f32),
            },
            Surface::Body(body) => {
                Finish { albedo: body.albedo, openness: 1.0, gloss: Gloss::NONE }
            }
            Surface::Plate { albedo, openness, through: None, .. } => {
                // Nothing is mirrored inside of a well.
                let gloss = if openness < 1.0 { 0.0 } else { PLATE_GLOSS };
                Finish { albedo, openness, gloss: Gloss::of_top(hit.normal, gloss) }
            }
            Surface::Plate { albedo, openness, through: Some(clear), .. } => {
                let haze = if clear.is_bevel { LID_BEVEL_HAZE } else { LID_HAZE };
                // Haze is lit like the lid, not like the bottom of a well.
                let haze = Vector3::repeat(haze / openness);
                let albedo = albedo * LID_CLEARNESS + haze;
                Finish { albedo, openness, gloss: Gloss::of_lid(clear) }
            }
        }
    }
}

/// The share of a source's light that reaches a point, 0 or 1. What it finds is recorded in `pixel`,
/// and the next ray may reuse it.
fn lit_share(scene: &TileScene, hit: &Hit, arrival: &Arrival, pixel: &mut PixelState) -> f32 {
    let is_window = arrival.source > 0;
    let known = pixel.daylight.take_if(|daylight| {
        is_window
            && daylight.normal == hit.normal
            && (daylight.z - arrival.point.z).abs() < SAME_SURFACE_M
    });
    if let Some(daylight) = known {
        return daylight.lit;
    }
    let ray = shadow_ray(arrival.point, hit.normal, arrival.to_source);
    let is_lit = !scene.is_shaded(&hit.surface, &ray, arrival.source);
    if is_lit {
        pixel.record.note_lit(arrival.sample, arrival.source);
    }
    let lit = f32::from(is_lit);
    if is_window {
        pixel.daylight = Some(Daylight { normal: hit.normal, z: arrival.point.z, lit });
    }
    lit
}

/// The ray from a point of a surface to a light.
pub(super) fn shadow_ray(point: Point3<f32>, normal: Vector3<f32>, to_light: Vector3<f32>) -> Ray {
    Ray { origin: point + normal * SHADOW_OFFSET_M, direction: to_light }
}
