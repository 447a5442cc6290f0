//! The cell without all that moves, which is traced once.

use super::body_pixels::BodyPixels;
use super::image_plane::ImagePlane;
use super::light_source::LightSource;
use super::moving_bodies::{MovingBody, MovingShape};
use super::pixel_record::PixelRecord;
use super::ray::RayBody;
use super::tile_scene::TileScene;
use super::tracer::TracedPixel;
use crate::camera::ideal_frame::IdealFrame;
use crate::camera::pixel_region::PixelRegion;

/// The cell without plates, hand and all else that moves.
#[derive(Debug, Clone)]
pub(super) struct EmptyCell {
    pub fixtures: Vec<Fixture>,
    pub frame: IdealFrame,
    /// What the rays of each pixel met.
    pub records: Vec<PixelRecord>,
}

/// Something that stands in the cell.
#[derive(Debug, Clone)]
pub(super) struct Fixture {
    pub body: RayBody,
    pixels: BodyPixels,
}

impl Fixture {
    pub(super) fn new(body: RayBody, plane: &ImagePlane, sources: &[LightSource]) -> Self {
        Self { body, pixels: BodyPixels::new(&body.corners(), plane, sources) }
    }
}

impl EmptyCell {
    /// A pixel of the empty cell.
    pub(super) fn pixel(&self, u: usize, v: usize) -> TracedPixel {
        let index = v * self.frame.region.width() + u;
        TracedPixel {
            color: self.frame.color[index],
            depth_m: self.frame.depth_m[index],
            is_plate: false,
            record: self.records[index],
        }
    }

    /// What the rays of a pixel met.
    pub(super) fn record(&self, u: usize, v: usize) -> PixelRecord {
        self.records[v * self.frame.region.width() + u]
    }

    /// What the rays of all pixels of a region met.
    pub(super) fn record_within(&self, region: PixelRegion) -> PixelRecord {
        let width = self.frame.region.width();
        let rows = (region.top..region.bottom).map(|v| v * width);
        let pixels = rows.flat_map(|row| &self.records[row + region.left..row + region.right]);
        pixels.fold(PixelRecord::NOTHING, |record, pixel| record.and(*pixel))
    }

    /// Everything that rays to and from the pixels of `tile` can meet, under `sources` lights, if what moves `near` it is
    /// there.
    pub(super) fn scene_of<'a>(
        &'a self,
        tile: &PixelRegion,
        near: &[&'a MovingBody],
        sources: usize,
    ) -> TileScene<'a> {
        let fixtures = self.fixtures.iter().map(|fixture| (&fixture.body, &fixture.pixels));
        let moving = near.iter().filter_map(|moving| match &moving.shape {
            MovingShape::Cuboid(body) => Some((body, &moving.pixels)),
            MovingShape::Plate(_) => None,
        });
        let cuboids: Vec<(&RayBody, &BodyPixels)> = fixtures.chain(moving).collect();
        let those = |reaches: &dyn Fn(&BodyPixels) -> bool| {
            let reaching = cuboids.iter().filter(|(_, pixels)| reaches(pixels));
            reaching.map(|(body, _)| *body).collect()
        };
        let plates = near.iter().filter_map(|moving| match &moving.shape {
            MovingShape::Cuboid(_) => None,
            MovingShape::Plate(plate) => Some(plate),
        });
        TileScene {
            seen: those(&|pixels| pixels.may_show_in(tile)),
            shading: (0..sources)
                .map(|source| those(&|pixels| pixels.may_shade(tile, source)))
                .collect(),
            plates: plates.collect(),
        }
    }
}
