//! The cell without plate and hand, which is traced once.

use nalgebra::Point3;

use super::image_plane::ImagePlane;
use super::light_source::LightSource;
use super::pixel_record::PixelRecord;
use super::ray::RayBody;
use super::tile_scene::{MovingBodies, TileScene};
use super::tracer::TracedPixel;
use crate::camera::ideal_frame::IdealFrame;
use crate::camera::pixel_region::PixelRegion;

/// The cell without plate and hand.
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
    /// The pixels that it may cover.
    seen: PixelRegion,
    /// The pixels that it, or its shadow from each source, may cover.
    shaded: Vec<PixelRegion>,
}

impl Fixture {
    pub(super) fn new(body: RayBody, plane: &ImagePlane, sources: &[LightSource]) -> Self {
        let corners: [Point3<f32>; 8] = body.corners();
        Self {
            body,
            seen: plane.seen_region(corners),
            shaded: sources.iter().map(|source| plane.shaded_region(&corners, source)).collect(),
        }
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

    /// Everything that rays to and from the pixels of `tile` can meet, under `sources` lights.
    pub(super) fn scene_of<'a>(
        &'a self,
        tile: PixelRegion,
        moving: Option<&'a MovingBodies>,
        sources: usize,
    ) -> TileScene<'a> {
        let hand = || moving.iter().flat_map(|moving| &moving.hand);
        let near = |reaches: &dyn Fn(&Fixture) -> bool| {
            let fixtures = self.fixtures.iter().filter(|fixture| reaches(fixture));
            fixtures.map(|fixture| &fixture.body).chain(hand()).collect()
        };
        TileScene {
            seen: near(&|fixture| fixture.seen.overlaps(&tile)),
            shading: (0..sources)
                .map(|source| near(&|fixture| fixture.shaded[source].overlaps(&tile)))
                .collect(),
            plate: moving.map(|moving| (&moving.plate, &moving.albedos)),
        }
    }
}
