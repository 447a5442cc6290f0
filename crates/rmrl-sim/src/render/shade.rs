//! The light that leaves what a ray meets.

use nalgebra::{Point3, Vector3};

use super::SAMPLES;
use super::light::{Light, Source};
use super::ray::Ray;
use super::scene::{Scene, Surface};
use super::surface::{Gloss, PLATE_GLOSS, table_albedo};
use crate::layout::TableBoard;
use crate::parameters::WORKSPACE_CENTER_M;

/// What a clear lid lets through of what lies below, there and back.
const LID_CLEARNESS: f32 = 0.85;
/// What it scatters itself: scratches and dust.
const LID_HAZE: f32 = 0.02;
/// The same of its bevel, which is seen edge-on.
const LID_BEVEL_HAZE: f32 = 0.05;
/// Offset of shadow rays from the surface, in metres.
const SHADOW_OFFSET_M: f32 = 1e-5;
/// Points of a pixel whose heights differ by less lie on the same surface, in metres.
const SAME_SURFACE_M: f32 = 0.001;

/// The light of a cell, and what shines there.
#[derive(Debug, Clone)]
pub(super) struct Lighting {
    light: Light,
    board: Option<TableBoard>,
    pub sources: Vec<Source>,
}

/// What the rays of a pixel leave to those after them.
pub(super) struct PixelState {
    daylight: Option<Daylight>,
    pub met: Met,
}

/// What the rays of a pixel met.
#[derive(Debug, Clone, Copy)]
pub(super) struct Met {
    /// The height of the lowest point, in metres.
    pub lowest_m: f32,
    /// The height of the highest point, in metres.
    pub highest_m: f32,
    /// Which points were looked at from a source and lit by it: a bit for each ray, source after
    /// source.
    lit: u8,
}

/// Whether the window's light reaches a point of a pixel; good for one other point of the surface.
#[derive(Debug, Clone, Copy)]
struct Daylight {
    normal: Vector3<f32>,
    z: f32,
    lit: f32,
}

impl PixelState {
    pub(super) const NEW: Self = Self { daylight: None, met: Met::NOTHING };
}

impl Met {
    pub(super) const NOTHING: Self = Self { lowest_m: f32::MAX, highest_m: f32::MIN, lit: 0 };

    /// A ray met a point this high, in metres.
    pub(super) fn note(&mut self, height_m: f32) {
        self.lowest_m = self.lowest_m.min(height_m);
        self.highest_m = self.highest_m.max(height_m);
    }

    /// What the rays of two pixels met.
    pub(super) fn and(self, other: Self) -> Self {
        Self {
            lowest_m: self.lowest_m.min(other.lowest_m),
            highest_m: self.highest_m.max(other.highest_m),
            lit: self.lit | other.lit,
        }
    }

    /// Whether light of a source was found to reach what any ray met.
    pub(super) fn is_lit_by(self, source: usize) -> bool {
        (0..SAMPLES).any(|sample| self.is_lit_at(sample, source))
    }

    /// Whether light of any source was found to reach what a ray met.
    pub(super) fn is_lit(self, sample: usize) -> bool {
        self.is_lit_at(sample, 0) || self.is_lit_at(sample, 1)
    }

    /// Whether light of a source was found to reach what a ray met.
    pub(super) fn is_lit_at(self, sample: usize, source: usize) -> bool {
        self.lit >> (source * SAMPLES + sample) & 1 == 1
    }

    fn note_lit(&mut self, sample: usize, source: usize) {
        self.lit |= 1 << (source * SAMPLES + sample);
    }
}

impl Lighting {
    pub(super) fn new(light: Light, board: Option<TableBoard>) -> Self {
        Self { light, board, sources: light.sources(WORKSPACE_CENTER_M) }
    }

    /// How bright a sheet that scatters all light would be, relative to the sensor's white.
    pub(super) fn exposure(&self) -> f32 {
        self.light.exposure as f32
    }

    /// Light that leaves what the ray meets towards the camera; `disc` is the point of each light
    /// that is looked at, in its radii. What it finds out, it leaves to the pixel's next ray.
    pub(super) fn shade(
        &self,
        scene: &Scene,
        ray: &Ray,
        disc: [f32; 2],
        sample: usize,
        pixel: &mut PixelState,
    ) -> Vector3<f32> {
        let hit = scene.closest(ray);
        let point = ray.at(hit.distance);
        pixel.met.note(point.z);
        let (albedo, openness, gloss) = match hit.surface {
            Surface::Table => {
                let gloss = Gloss::of_top(hit.normal, self.light.table_gloss as f32);
                (table_albedo(point, self.board.as_ref()), 1.0, gloss)
            }
            Surface::Body(body) => (body.albedo, 1.0, Gloss::NONE),
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
            let lit = if openness < 1.0 {
                // Inside a well the walls shade as the openness says; tracing them gains nothing.
                openness
            } else if let Some(daylight) = pixel.daylight.take_if(|daylight| {
                index > 0
                    && daylight.normal == hit.normal
                    && (daylight.z - point.z).abs() < SAME_SURFACE_M
            }) {
                daylight.lit
            } else {
                let ray = shadow_ray(point, hit.normal, to_source);
                let is_lit = !scene.is_shaded(&hit.surface, &ray, index);
                if is_lit {
                    pixel.met.note_lit(sample, index);
                }
                let lit = f32::from(is_lit);
                if index > 0 {
                    pixel.daylight = Some(Daylight { normal: hit.normal, z: point.z, lit });
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

/// The ray from a point of a surface to a light.
pub(super) fn shadow_ray(point: Point3<f32>, normal: Vector3<f32>, to_light: Vector3<f32>) -> Ray {
    Ray { origin: point + normal * SHADOW_OFFSET_M, direction: to_light }
}

/// The sRGB transfer function, from linear light (1 is white) to levels 0 to 255, unrounded.
pub(crate) fn srgb_level(linear: f32) -> f32 {
    let linear = linear.clamp(0.0, 1.0);
    255.0
        * if linear <= 0.003_130_8 {
            12.92 * linear
        } else {
            1.055 * linear.powf(1.0 / 2.4) - 0.055
        }
}
