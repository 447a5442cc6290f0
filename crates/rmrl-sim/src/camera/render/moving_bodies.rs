//! What moves before the camera, as rays see it.

use nalgebra::Point3;

use super::body_pixels::BodyPixels;
use super::looked_plate::LookedPlate;
use super::ray::{Ray, RayBody};
use super::surface::albedo_of;
use super::tracer::Tracer;
use crate::camera::moving_things::MovingThings;
use crate::camera::pixel_region::PixelRegion;

/// All plates, bodies and the hand.
pub(super) struct MovingBodies(Vec<MovingBody>);

/// One of them.
pub(super) struct MovingBody {
    pub shape: MovingShape,
    /// The height of its highest point, in meters.
    pub top_m: f32,
    /// The pixels that it may change.
    pub pixels: BodyPixels,
}

/// The shape of something that moves.
pub(super) enum MovingShape {
    Cuboid(RayBody),
    Plate(LookedPlate),
}

impl MovingBodies {
    pub(super) fn new(things: &MovingThings, tracer: &Tracer) -> Self {
        let cuboids = things.bodies.iter().chain(things.hand);
        let cuboids = cuboids
            .map(|cuboid| MovingShape::Cuboid(RayBody::new(cuboid, albedo_of(cuboid.material))));
        let plates = things.plates.iter().map(|plate| MovingShape::Plate(LookedPlate::new(plate)));
        Self(cuboids.chain(plates).map(|shape| MovingBody::new(shape, tracer)).collect())
    }

    /// The smallest region around the pixels that any of them may change; empty if nothing moves.
    pub(super) fn region(&self) -> PixelRegion {
        let regions = self.0.iter().map(|body| body.pixels.around());
        regions.reduce(PixelRegion::around).unwrap_or(PixelRegion::EMPTY)
    }

    /// Those that may change any pixel of a tile.
    pub(super) fn near(&self, tile: &PixelRegion) -> Vec<&MovingBody> {
        self.0.iter().filter(|body| body.pixels.may_change(tile)).collect()
    }
}

impl MovingBody {
    fn new(shape: MovingShape, tracer: &Tracer) -> Self {
        let corners = shape.corners();
        Self {
            shape,
            top_m: corners.iter().map(|corner| corner.z).fold(0.0, f32::max),
            pixels: BodyPixels::new(&corners, &tracer.plane, &tracer.lighting.sources),
        }
    }

    /// Whether a ray comes within `margin` of it before its end at distance 1.
    pub(super) fn is_near(&self, ray: &Ray, margin: f32) -> bool {
        match &self.shape {
            MovingShape::Cuboid(body) => body.is_near(ray, margin),
            MovingShape::Plate(looked) => looked.shape.is_near(ray, margin),
        }
    }

    /// Whether it stands between the ray's origin and its end at distance 1.
    pub(super) fn blocks(&self, ray: &Ray) -> bool {
        match &self.shape {
            MovingShape::Cuboid(body) => body.enter(ray, 1.0).is_some(),
            MovingShape::Plate(looked) => looked.shape.blocks(ray, false),
        }
    }
}

impl MovingShape {
    /// The corners of its bounding box, in the world.
    fn corners(&self) -> [Point3<f32>; 8] {
        match self {
            Self::Cuboid(body) => body.corners(),
            Self::Plate(looked) => looked.shape.corners(),
        }
    }
}
