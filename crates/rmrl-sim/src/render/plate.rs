//! The 96-well plate as rays see it: a cuboid with one chamfered corner and 96 round wells.

use nalgebra::{Isometry3, Point3, Vector3};
use rmrl_vision::PlateGeometry;

use super::ray::{Entry, Ray, enter_box, into_frame, near_sphere};

/// Distance between wells, ANSI/SLAS 4-2004, in metres.
const WELL_PITCH_M: f32 = 0.009;
/// Wells along the plate's x and y axis.
const WELLS: [usize; 2] = [12, 8];
/// Radius of a well, in metres.
const WELL_RADIUS_M: f32 = 0.0033;
/// Depth of a well, in metres.
const WELL_DEPTH_M: f32 = 0.0107;
/// Width of the raised rim around each well, in metres.
const RIM_WIDTH_M: f32 = 0.0004;

/// The plate at its present pose.
#[derive(Debug, Clone, Copy)]
pub(super) struct RayPlate {
    world_from_plate: Isometry3<f32>,
    half: Vector3<f32>,
    chamfer: f32,
}

/// What part of the plate a ray met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PlateSurface {
    /// Its top between the wells, or a side.
    Body,
    /// The rim of a well.
    Rim,
    /// The inside of a well.
    Well,
}

/// A point on the plate.
#[derive(Debug, Clone, Copy)]
pub(super) struct PlateHit {
    pub distance: f32,
    pub normal: Vector3<f32>,
    pub surface: PlateSurface,
    /// How much of the sky the point sees, 0 to 1: little at the bottom of a well.
    pub openness: f32,
}

impl RayPlate {
    pub(super) fn new(world_from_plate: &Isometry3<f64>, geometry: PlateGeometry) -> Self {
        Self {
            world_from_plate: world_from_plate.cast(),
            half: Vector3::new(
                0.5 * geometry.length_m as f32,
                0.5 * geometry.width_m as f32,
                0.5 * geometry.height_m as f32,
            ),
            chamfer: geometry.chamfer_m as f32,
        }
    }

    /// The corners of the plate's bounding box, in the world.
    pub(super) fn corners(&self) -> [Point3<f32>; 8] {
        std::array::from_fn(|corner| {
            let sign = |bit: usize| if corner >> bit & 1 == 0 { -1.0 } else { 1.0 };
            let local = self.half.component_mul(&Vector3::new(sign(0), sign(1), sign(2)));
            self.world_from_plate * Point3::from(local)
        })
    }

    /// What a ray from outside meets, nearer than `limit`.
    pub(super) fn hit(&self, ray: &Ray, limit: f32) -> Option<PlateHit> {
        let (local, entry) = self.enter(ray, limit)?;
        let point = local.at(entry.distance);
        let outside = PlateHit {
            distance: entry.distance,
            normal: self.world_from_plate * entry.normal,
            surface: PlateSurface::Body,
            openness: 1.0,
        };
        if entry.normal.z < 0.5 {
            return Some(outside);
        }
        let Some((from_axis_x, from_axis_y)) = nearest_well(point) else {
            return Some(outside);
        };
        let from_axis = from_axis_x.hypot(from_axis_y);
        if from_axis > WELL_RADIUS_M + RIM_WIDTH_M {
            return Some(outside);
        }
        if from_axis > WELL_RADIUS_M {
            return Some(PlateHit { surface: PlateSurface::Rim, ..outside });
        }
        Some(self.hit_in_well(&local, entry.distance, (from_axis_x, from_axis_y)))
    }

    /// Whether the plate stands between a point outside it and a light along the ray.
    pub(super) fn blocks(&self, ray: &Ray, limit: f32) -> bool {
        self.enter(ray, limit).is_some()
    }

    fn enter(&self, ray: &Ray, limit: f32) -> Option<(Ray, Entry)> {
        let center = Point3::from(self.world_from_plate.translation.vector);
        if !near_sphere(ray, center, self.half.norm()) {
            return None;
        }
        let local = into_frame(ray, &self.world_from_plate);
        let entry = enter_box(&local, self.half, limit)?;
        let point = local.at(entry.distance);
        // The chamfer cuts the corner -x, +y: where -x + y exceeds what the corner leaves.
        let beyond = -point.x + point.y - (self.half.x + self.half.y - self.chamfer);
        if beyond <= 0.0 {
            return Some((local, entry));
        }
        // The ray entered through the corner that is not there; it may meet the chamfer behind it.
        let rate = -local.direction.x + local.direction.y;
        if rate >= 0.0 {
            return None;
        }
        let distance = entry.distance - beyond / rate;
        let point = local.at(distance);
        let inside = point.x.abs() <= self.half.x
            && point.y.abs() <= self.half.y
            && point.z.abs() <= self.half.z;
        (inside && distance < limit).then(|| {
            let normal = Vector3::new(-1.0, 1.0, 0.0).normalize();
            (local, Entry { distance, normal })
        })
    }

    /// Follows a ray that went into a well at `distance`, `(x, y)` off the well's axis.
    fn hit_in_well(&self, local: &Ray, distance: f32, (x, y): (f32, f32)) -> PlateHit {
        let direction = local.direction;
        let to_bottom = WELL_DEPTH_M / -direction.z;
        // |offset + t direction| = radius, in the plane; t counted from the opening.
        let a = direction.x.powi(2) + direction.y.powi(2);
        let b = x * direction.x + y * direction.y;
        let c = x * x + y * y - WELL_RADIUS_M.powi(2);
        let to_wall = if a > 0.0 { (-b + (b * b - a * c).max(0.0).sqrt()) / a } else { f32::MAX };
        let (inside, normal) = if to_wall < to_bottom {
            let (wall_x, wall_y) = (x + to_wall * direction.x, y + to_wall * direction.y);
            (to_wall, Vector3::new(-wall_x, -wall_y, 0.0) / WELL_RADIUS_M)
        } else {
            (to_bottom, Vector3::z())
        };
        let depth = -direction.z * inside;
        PlateHit {
            distance: distance + inside,
            normal: self.world_from_plate * normal,
            surface: PlateSurface::Well,
            // The share of the hemisphere that the opening, a disc seen from `depth`, covers.
            openness: WELL_RADIUS_M.powi(2) / (WELL_RADIUS_M.powi(2) + depth * depth),
        }
    }
}

/// The offset of a point of the plate's top from the axis of the nearest well.
fn nearest_well(point: Point3<f32>) -> Option<(f32, f32)> {
    let offset = |coordinate: f32, count: usize| {
        let middle = 0.5 * (count - 1) as f32;
        let index = (coordinate / WELL_PITCH_M + middle).round();
        let on_plate = index >= 0.0 && index < count as f32;
        on_plate.then_some(coordinate - (index - middle) * WELL_PITCH_M)
    };
    Some((offset(point.x, WELLS[0])?, offset(point.y, WELLS[1])?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plate() -> RayPlate {
        RayPlate::new(&Isometry3::translation(0.0, 0.0, 0.00725), PlateGeometry::default())
    }

    fn straight_down(x: f32, y: f32) -> Option<PlateHit> {
        let ray = Ray { origin: Point3::new(x, y, 1.0), direction: Vector3::new(0.0, 0.0, -1.0) };
        plate().hit(&ray, f32::MAX)
    }

    #[test]
    fn wells_lie_on_the_standard_grid() {
        // A1 is 14.38 mm from the left and 11.24 mm from the upper edge (ANSI/SLAS 4-2004).
        let a1 = (-0.06388 + 0.01438, 0.04274 - 0.01124);
        let bottom = straight_down(a1.0, a1.1).unwrap();
        assert_eq!(bottom.surface, PlateSurface::Well);
        assert!((1.0 - bottom.distance - (0.0145 - WELL_DEPTH_M)).abs() < 1e-5);
        let between = straight_down(a1.0 + 0.0045, a1.1).unwrap();
        assert_eq!(between.surface, PlateSurface::Body);
        assert!((1.0 - between.distance - 0.0145).abs() < 1e-5);
        let rim = straight_down(a1.0 + WELL_RADIUS_M + 0.0002, a1.1).unwrap();
        assert_eq!(rim.surface, PlateSurface::Rim);
    }

    #[test]
    fn the_chamfered_corner_lets_rays_through() {
        assert!(straight_down(-0.0630, 0.0420).is_none());
        assert!(straight_down(0.0630, 0.0420).is_some());
        assert!(straight_down(0.0630, -0.0420).is_some());
        assert!(straight_down(0.0650, 0.0).is_none());
        // From the side, through the missing corner onto the chamfer.
        let towards_corner =
            Ray { origin: Point3::new(-1.0, 0.0415, 0.007), direction: Vector3::x() };
        let hit = plate().hit(&towards_corner, f32::MAX).unwrap();
        assert!((hit.normal - Vector3::new(-1.0, 1.0, 0.0).normalize()).norm() < 1e-5);
    }

    #[test]
    fn slanted_rays_meet_the_wall_of_a_well() {
        let ray = Ray {
            origin: Point3::new(0.0045, 0.0045, 0.0145) + Vector3::new(-0.5, 0.0, 0.5),
            direction: Vector3::new(0.5, 0.0, -0.5),
        };
        let hit = plate().hit(&ray, f32::MAX).unwrap();
        assert_eq!(hit.surface, PlateSurface::Well);
        assert!((hit.normal - Vector3::new(-1.0, 0.0, 0.0)).norm() < 1e-3, "{hit:?}");
        assert!(hit.openness < 0.6);
    }
}
