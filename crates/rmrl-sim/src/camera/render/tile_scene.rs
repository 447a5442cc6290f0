//! The bodies that rays can meet in one tile of the image, and what a ray meets.

use nalgebra::Vector3;

use super::plate::{Clear, RayPlate};
use super::ray::{Ray, RayBody};
use super::surface::Albedos;

/// Everything that can be seen or cast shadows in one tile of the image.
pub(super) struct TileScene<'a> {
    /// What can be seen there, except plate and table.
    pub seen: Vec<&'a RayBody>,
    /// What can block the light of each source.
    pub shading: Vec<Vec<&'a RayBody>>,
    pub plate: Option<(&'a RayPlate, &'a Albedos)>,
}

/// The plate and the hand.
pub(super) struct MovingBodies {
    pub hand: Vec<RayBody>,
    pub plate: RayPlate,
    pub albedos: Albedos,
    /// The height of the highest point, in meters.
    pub top_m: f32,
}

impl MovingBodies {
    /// Whether a ray comes within `margin` of any of them before its end at distance 1.
    pub(super) fn is_near(&self, ray: &Ray, margin: f32) -> bool {
        self.plate.is_near(ray, margin) || self.hand.iter().any(|body| body.is_near(ray, margin))
    }

    /// Whether any of them stands between the ray's origin and its end at distance 1.
    pub(super) fn blocks(&self, ray: &Ray) -> bool {
        self.plate.blocks(ray, false) || self.hand.iter().any(|body| body.enter(ray, 1.0).is_some())
    }
}

/// What a ray met.
pub(super) struct Hit<'a> {
    pub distance: f32,
    /// The distance that a depth camera measures.
    pub depth: f32,
    pub normal: Vector3<f32>,
    pub surface: Surface<'a>,
}

/// The surface that a ray met.
pub(super) enum Surface<'a> {
    Table,
    Body(&'a RayBody),
    Plate { albedo: Vector3<f32>, openness: f32, through: Option<Clear> },
}

impl<'a> TileScene<'a> {
    /// The nearest surface on a ray: the table, if there is no other.
    pub(super) fn closest(&self, ray: &Ray) -> Hit<'a> {
        let mut distance =
            if ray.direction.z < 0.0 { -ray.origin.z / ray.direction.z } else { f32::MAX };
        let (mut normal, mut surface) = (Vector3::z(), Surface::Table);
        for body in &self.seen {
            if let Some(entry) = body.enter(ray, distance) {
                (distance, normal) = (entry.distance, entry.normal);
                surface = Surface::Body(body);
            }
        }
        let mut hit = Hit { distance, depth: distance, normal, surface };
        if let Some((plate, albedos)) = self.plate
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

    /// Whether anything stands between a point of `surface`, where the ray leaves it, and the source
    /// of that number, where the ray ends at distance 1.
    pub(super) fn is_shaded(&self, surface: &Surface, ray: &Ray, source: usize) -> bool {
        // A ray never meets again the convex body that it leaves.
        let leaves_plate = matches!(surface, Surface::Plate { through: None, .. });
        let leaves =
            |body: &RayBody| matches!(surface, Surface::Body(left) if std::ptr::eq(*left, body));
        self.plate.is_some_and(|(plate, _)| plate.blocks(ray, leaves_plate))
            || self.shading[source]
                .iter()
                .any(|body| !leaves(body) && body.enter(ray, 1.0).is_some())
    }
}
