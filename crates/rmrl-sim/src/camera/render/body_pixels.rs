//! The pixels that a body may change.

use nalgebra::Point3;

use super::image_plane::ImagePlane;
use super::light_source::LightSource;
use crate::camera::pixel_region::PixelRegion;

/// The pixels that a body may cover, and those that it or its shadow may cover.
#[derive(Debug, Clone)]
pub(super) struct BodyPixels {
    seen: PixelRegion,
    /// For each source, with those where the body itself is seen.
    shaded: Vec<PixelRegion>,
}

impl BodyPixels {
    /// The pixels of a body within these corners.
    pub(super) fn new(
        corners: &[Point3<f32>; 8],
        plane: &ImagePlane,
        sources: &[LightSource],
    ) -> Self {
        Self {
            seen: plane.seen_region(corners.iter().copied()),
            shaded: sources.iter().map(|source| plane.shaded_region(corners, source)).collect(),
        }
    }

    /// The smallest region around all of them.
    pub(super) fn around(&self) -> PixelRegion {
        self.shaded.iter().copied().fold(self.seen, PixelRegion::around)
    }

    /// Whether the body may be seen in a tile.
    pub(super) fn may_show_in(&self, tile: &PixelRegion) -> bool {
        self.seen.overlaps(tile)
    }

    /// Whether the body may take light of a source from what is seen in a tile.
    pub(super) fn may_shade(&self, tile: &PixelRegion, source: usize) -> bool {
        self.shaded[source].overlaps(tile)
    }

    /// Whether the body may change any pixel of a tile.
    pub(super) fn may_change(&self, tile: &PixelRegion) -> bool {
        self.seen.overlaps(tile) || self.shaded.iter().any(|region| region.overlaps(tile))
    }
}
