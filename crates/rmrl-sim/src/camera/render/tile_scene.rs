//! The bodies that rays can meet in one tile of the image, and what a ray meets.

use nalgebra::Vector3;

use super::looked_plate::LookedPlate;
use super::plate::Clear;
use super::ray::{Ray, RayBody};

/// Everything that can be seen or cast shadows in one tile of the image.
pub(super) struct TileScene<'a> {
    /// What can be seen there, except plates and table.
    pub seen: Vec<&'a RayBody>,
    /// What can block the light of each source, except plates.
    pub shading: Vec<Vec<&'a RayBody>>,
    /// The plates that can be seen or block light there.
    pub plates: Vec<&'a LookedPlate>,
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
    Plate { plate: &'a LookedPlate, albedo: Vector3<f32>, openness: f32, through: Option<Clear> },
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
        for looked in &self.plates {
            if let Some(on_plate) = looked.shape.hit(ray, hit.distance) {
                hit = Hit {
                    distance: on_plate.distance,
                    depth: on_plate.depth,
                    normal: on_plate.normal,
                    surface: Surface::Plate {
                        plate: looked,
                        albedo: looked.albedos.of(on_plate.surface),
                        openness: on_plate.openness,
                        through: on_plate.through,
                    },
                };
            }
        }
        hit
    }

    /// Whether anything stands between a point of `surface`, where the ray leaves it, and the source
    /// of that number, where the ray ends at distance 1.
    pub(super) fn is_shaded(&self, surface: &Surface, ray: &Ray, source: usize) -> bool {
        // A ray never meets again the convex body that it leaves.
        let (left_body, left_plate) = match surface {
            Surface::Body(body) => (Some(*body), None),
            Surface::Plate { plate, through: None, .. } => (None, Some(*plate)),
            Surface::Table | Surface::Plate { .. } => (None, None),
        };
        let leaves_plate =
            |plate: &LookedPlate| left_plate.is_some_and(|left| std::ptr::eq(left, plate));
        let leaves = |body: &RayBody| left_body.is_some_and(|left| std::ptr::eq(left, body));
        self.plates.iter().any(|looked| looked.shape.blocks(ray, leaves_plate(looked)))
            || self.shading[source]
                .iter()
                .any(|body| !leaves(body) && body.enter(ray, 1.0).is_some())
    }
}
