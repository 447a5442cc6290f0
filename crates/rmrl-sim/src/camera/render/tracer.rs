//! Traces all rays of a pixel.

use nalgebra::Vector3;

use super::image_plane::ImagePlane;
use super::pixel_record::PixelRecord;
use super::sampling::SAMPLES;
use super::shade::{Lighting, PixelState};
use super::tile_scene::{Surface, TileScene};
use crate::camera::srgb::srgb_level;

/// Traces pixels of one camera under one cell's light.
#[derive(Debug, Clone)]
pub(super) struct Tracer {
    pub plane: ImagePlane,
    pub lighting: Lighting,
}

/// The result of tracing a pixel.
#[derive(Clone, Copy)]
pub(super) struct TracedPixel {
    pub color: [f32; 3],
    pub depth_m: f32,
    pub is_plate: bool,
    pub record: PixelRecord,
}

impl Tracer {
    /// Traces all rays of a pixel.
    pub(super) fn trace_pixel(&self, scene: &TileScene, u: usize, v: usize) -> TracedPixel {
        let mut pixel = PixelState::NEW;
        let color = self.pixel_color(scene, u, v, &mut pixel);
        let ray = self.plane.primary_ray(u as f64, v as f64);
        let hit = scene.closest(&ray);
        pixel.record.note(ray.at(hit.distance).z);
        TracedPixel {
            color,
            // Primary rays advance one meter along the optical axis per unit of distance.
            depth_m: hit.depth,
            is_plate: matches!(hit.surface, Surface::Plate { .. }),
            record: pixel.record,
        }
    }

    /// The color of a pixel in sRGB levels, averaged over its rays before encoding.
    fn pixel_color(
        &self,
        scene: &TileScene,
        u: usize,
        v: usize,
        pixel: &mut PixelState,
    ) -> [f32; 3] {
        let sum: Vector3<f32> = self
            .plane
            .color_rays(u, v)
            .enumerate()
            .map(|(sample, (ray, disc))| self.lighting.shade(scene, &ray, disc, sample, pixel))
            .sum();
        let linear = sum * (self.lighting.exposure() / SAMPLES as f32);
        [linear.x, linear.y, linear.z].map(srgb_level)
    }
}
