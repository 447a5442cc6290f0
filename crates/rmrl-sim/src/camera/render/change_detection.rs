//! Which pixels plates, hand, other bodies and their shadows may change.

use std::f32::consts::FRAC_1_SQRT_2;

use nalgebra::Point3;

use super::empty_cell::EmptyCell;
use super::moving_bodies::MovingBody;
use super::pixel_record::PixelRecord;
use super::ray::Ray;
use super::shade::shadow_ray;
use super::tile_scene::TileScene;
use super::tracer::Tracer;
use crate::camera::pixel_region::PixelRegion;

/// How much farther than the corners of their pixel rays may pass, in pixels: a margin for rounding.
const SLACK_PX: f32 = 0.5;

/// Finds the pixels of the empty cell that moving bodies may change. It may find a few more.
///
/// Where a moving body is seen, the pixel is found because the body hides the empty cell there. So whether others shade
/// that body makes no difference.
pub(super) struct ChangeDetector<'a> {
    pub tracer: &'a Tracer,
    pub empty: &'a EmptyCell,
    /// What may change any of the pixels that are asked about.
    pub moving: &'a [&'a MovingBody],
}

/// What is seen of the empty cell in a part of the image.
struct PatchView {
    record: PixelRecord,
    /// The ray through the middle of the part, to the lowest point.
    sight: Ray,
    /// How near to it all other rays pass, in meters.
    reach_m: f32,
    /// The middle of all points, and how far they are from it, in meters.
    middle: Point3<f32>,
    extent_m: f32,
}

impl ChangeDetector<'_> {
    /// Whether any pixel of a block may change.
    pub(super) fn may_change(&self, block: PixelRegion) -> bool {
        let view = self.view_of(block);
        self.may_be_hidden(&view) || self.may_be_shaded(&view)
    }

    /// Whether a pixel may change: whether a moving body may hide it, or takes light from it.
    pub(super) fn changes(&self, scene: &TileScene, u: usize, v: usize) -> bool {
        let view = self.view_of(PixelRegion::pixel(u, v));
        self.may_be_hidden(&view) || self.may_be_shaded(&view) && self.shades(scene, u, v)
    }

    /// What is seen of the empty cell in a region.
    fn view_of(&self, region: PixelRegion) -> PatchView {
        let record = self.empty.record_within(region);
        let plane = &self.tracer.plane;
        let middle = |low: usize, high: usize| 0.5 * (low + high - 1) as f64;
        let seen =
            plane.primary_ray(middle(region.left, region.right), middle(region.top, region.bottom));
        let to_height =
            |height_m: f32| seen.direction * ((height_m - seen.origin.z) / seen.direction.z);
        let to_lowest = to_height(record.lowest_m);
        // What is seen lies on the ray between the two heights.
        let between = to_height(record.highest_m) - to_lowest;
        let half_diagonal_px = FRAC_1_SQRT_2 * region.width().max(region.height()) as f32;
        let reach_m = (half_diagonal_px + SLACK_PX) * plane.pixel_m;
        PatchView {
            record,
            sight: Ray { direction: to_lowest, ..seen },
            reach_m,
            middle: seen.origin + to_lowest + between * 0.5,
            extent_m: reach_m + 0.5 * between.norm(),
        }
    }

    /// Whether a moving body may hide anything in a view.
    fn may_be_hidden(&self, view: &PatchView) -> bool {
        self.moving.iter().any(|body| body.is_near(&view.sight, view.reach_m))
    }

    /// Whether a moving body may shade anything in a view. A view that it cannot shade looks as in
    /// the empty cell, to the bit.
    fn may_be_shaded(&self, view: &PatchView) -> bool {
        self.tracer.lighting.sources.iter().enumerate().any(|(index, source)| {
            let direction = source.point([0.0, 0.0]) - view.middle;
            let to_source = Ray { origin: view.middle, direction };
            view.record.is_lit_by(index)
                && self.moving.iter().any(|body| {
                    // Below the body's top, rays to all parts of a light run this near to each other.
                    let spread_m = body.top_m / source.lowest() * source.radius();
                    body.is_near(&to_source, view.extent_m + spread_m)
                })
        })
    }

    /// Whether a moving body stands between the ray's origin and its end at distance 1.
    fn is_blocked(&self, ray: &Ray) -> bool {
        self.moving.iter().any(|body| body.blocks(ray))
    }

    /// Whether a moving body, which hides nothing of a pixel, takes light from it.
    fn shades(&self, scene: &TileScene, u: usize, v: usize) -> bool {
        let record = self.empty.record(u, v);
        self.tracer.plane.color_rays(u, v).enumerate().any(|(sample, (ray, disc))| {
            let mut lit = self.tracer.lighting.sources.iter().enumerate();
            record.is_lit(sample) && {
                let hit = scene.closest(&ray);
                let point = ray.at(hit.distance);
                lit.any(|(index, source)| {
                    let to_source = source.point(disc) - point;
                    record.is_lit_at(sample, index)
                        && self.is_blocked(&shadow_ray(point, hit.normal, to_source))
                })
            }
        })
    }
}
