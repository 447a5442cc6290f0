//! The 96-well plate as rays see it: a cuboid with one chamfered corner and 96 round wells, and
//! perhaps a clear lid on it.

use nalgebra::{Isometry3, Point3, Vector3};
use rmrl_vision::PlateGeometry;

use super::ray::{Entry, Ray, enter_box, into_frame, meets_box, near_sphere};
use crate::scene::appearance::PlateLook;

/// Distance between wells, ANSI/SLAS 4-2004, in meters.
const WELL_PITCH_M: f32 = 0.009;
/// Wells along the plate's x and y axis.
const WELLS: [usize; 2] = [12, 8];
/// Depth of a well, in meters.
const WELL_DEPTH_M: f32 = 0.0107;
/// Width of the raised rim around each well, in meters.
const RIM_WIDTH_M: f32 = 0.0004;
/// A lid is this much smaller than the plate's foot, on each side, in meters.
const LID_INSET_M: f32 = 0.000_2;
/// Width of the bevel along the lid's upper edges, at its ends and along its sides, in meters.
const LID_BEVEL_M: [f32; 2] = [0.0016, 0.0009];
/// Radius of its corners, in meters.
const LID_CORNER_M: f32 = 0.008;
/// How far the bevel's normal is turned from the vertical, as its horizontal and vertical part.
const LID_BEVEL_NORMAL: [f32; 2] = [0.390_7, 0.920_5];
/// A depth camera matches what it sees through a lid, and what the lid reflects. It measures a point
/// this share of the way from the plate up to the lid.
const LID_DEPTH_SHARE: f32 = 0.1;

/// The plate at its present pose.
#[derive(Debug, Clone, Copy)]
pub(super) struct RayPlate {
    world_from_plate: Isometry3<f32>,
    half: Vector3<f32>,
    chamfer: f32,
    well_radius: f32,
    lid: Option<RayLid>,
}

/// A clear lid on the plate.
#[derive(Debug, Clone, Copy)]
struct RayLid {
    half: Vector3<f32>,
    /// Height of its center above the plate's.
    center_z: f32,
}

/// The part of the plate that a ray met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PlateSurface {
    /// The top between the wells, or a side.
    Body,
    /// The rim of a well.
    Rim,
    /// The inside of a well.
    Well,
}

/// A clear surface in front of what a ray met.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clear {
    pub normal: Vector3<f32>,
    /// Whether it is the polished bevel of its edge.
    pub is_bevel: bool,
}

/// A point on the plate.
#[derive(Debug, Clone, Copy)]
pub(super) struct PlateHit {
    pub distance: f32,
    /// The distance that a depth camera measures.
    pub depth: f32,
    pub normal: Vector3<f32>,
    pub surface: PlateSurface,
    /// How much of the sky the point sees, 0 to 1: little at the bottom of a well.
    pub openness: f32,
    /// The lid, where the ray went through it.
    pub through: Option<Clear>,
}

impl RayPlate {
    pub(super) fn new(
        world_from_plate: &Isometry3<f64>,
        geometry: PlateGeometry,
        look: &PlateLook,
    ) -> Self {
        let half = Vector3::new(
            0.5 * geometry.length_m as f32,
            0.5 * geometry.width_m as f32,
            0.5 * geometry.height_m as f32,
        );
        let lid = look.lid_height_m.map(|height_m| {
            let half_height = 0.5 * height_m as f32;
            RayLid {
                half: Vector3::new(half.x - LID_INSET_M, half.y - LID_INSET_M, half_height),
                center_z: half.z + half_height,
            }
        });
        Self {
            world_from_plate: world_from_plate.cast(),
            half,
            chamfer: geometry.chamfer_m as f32,
            well_radius: look.well_radius_m as f32,
            lid,
        }
    }

    fn top(&self) -> f32 {
        self.lid.map_or(self.half.z, |lid| lid.center_z + lid.half.z)
    }

    /// The corners of the plate's bounding box, in the world.
    pub(super) fn corners(&self) -> [Point3<f32>; 8] {
        std::array::from_fn(|corner| {
            let sign = |bit: usize| if corner >> bit & 1 == 0 { -1.0 } else { 1.0 };
            let z = if corner >> 2 == 0 { -self.half.z } else { self.top() };
            self.world_from_plate * Point3::new(sign(0) * self.half.x, sign(1) * self.half.y, z)
        })
    }

    /// The point of the plate that a ray from outside meets, nearer than `limit`.
    pub(super) fn hit(&self, ray: &Ray, limit: f32) -> Option<PlateHit> {
        let local = self.near(ray)?;
        let on_lid = self.lid.and_then(|lid| Some((lid, self.enter_lid(lid, &local, limit)?)));
        let on_plate = self.enter(&local, limit).map(|entry| self.hit_from(&local, entry));
        let Some((lid, entry)) =
            on_lid.filter(|(_, on_lid)| on_plate.is_none_or(|hit| on_lid.distance < hit.distance))
        else {
            return on_plate;
        };
        let (normal, is_bevel) = self.lid_surface(lid, local.at(entry.distance), entry.normal);
        let clear = Clear { normal: self.world_from_plate * normal, is_bevel };
        // Where only the lid is hit, its edge is as dark as the plate that it bounds.
        let below = on_plate.unwrap_or(PlateHit {
            distance: entry.distance,
            depth: entry.distance,
            normal: clear.normal,
            surface: PlateSurface::Body,
            openness: 1.0,
            through: None,
        });
        let share = if is_bevel { 1.0 } else { LID_DEPTH_SHARE };
        let depth = below.distance + share * (entry.distance - below.distance);
        Some(PlateHit { depth, through: Some(clear), ..below })
    }

    /// The point that a ray meets which enters the plate at `entry`.
    fn hit_from(&self, local: &Ray, entry: Entry) -> PlateHit {
        let point = local.at(entry.distance);
        let outside = PlateHit {
            distance: entry.distance,
            depth: entry.distance,
            normal: self.world_from_plate * entry.normal,
            surface: PlateSurface::Body,
            openness: 1.0,
            through: None,
        };
        if entry.normal.z < 0.5 {
            return outside;
        }
        let Some((from_axis_x, from_axis_y)) = nearest_well(point) else {
            return outside;
        };
        // As exact as `f32::hypot`, without a call into the C library.
        let [x, y] = [from_axis_x, from_axis_y].map(f64::from);
        let from_axis = (x * x + y * y).sqrt() as f32;
        if from_axis > self.well_radius + RIM_WIDTH_M {
            return outside;
        }
        if from_axis > self.well_radius {
            return PlateHit { surface: PlateSurface::Rim, ..outside };
        }
        self.hit_in_well(local, entry.distance, (from_axis_x, from_axis_y))
    }

    /// Whether the plate, with its lid, stands between the ray's origin, a point outside, and its end
    /// at distance 1, at a light. A ray that `leaves` the plate itself can meet only the lid.
    pub(super) fn blocks(&self, ray: &Ray, leaves: bool) -> bool {
        if leaves && self.lid.is_none() {
            return false;
        }
        self.near(ray).is_some_and(|local| {
            (!leaves && self.enter(&local, 1.0).is_some())
                || self.lid.is_some_and(|lid| self.enter_lid(lid, &local, 1.0).is_some())
        })
    }

    /// Whether a ray comes within `margin` of the plate or its lid before its end at distance 1.
    pub(super) fn is_near(&self, ray: &Ray, margin: f32) -> bool {
        let half = Vector3::new(self.half.x, self.half.y, self.half.z.max(self.top()));
        meets_box(&into_frame(ray, &self.world_from_plate), half.add_scalar(margin))
    }

    /// The ray in the plate's frame, if it comes anywhere near it.
    fn near(&self, ray: &Ray) -> Option<Ray> {
        let center = Point3::from(self.world_from_plate.translation.vector);
        let radius = Vector3::new(self.half.x, self.half.y, self.top()).norm();
        near_sphere(ray, center, radius).then(|| into_frame(ray, &self.world_from_plate))
    }

    fn enter(&self, local: &Ray, limit: f32) -> Option<Entry> {
        enter_chamfered(local, self.half, self.chamfer, limit)
    }

    fn enter_lid(&self, lid: RayLid, local: &Ray, limit: f32) -> Option<Entry> {
        let origin = local.origin - Vector3::new(0.0, 0.0, lid.center_z);
        enter_chamfered(&Ray { origin, ..*local }, lid.half, self.chamfer, limit)
    }

    /// The normal of the lid at a point of its surface, and whether that lies on the bevel.
    fn lid_surface(
        &self,
        lid: RayLid,
        point: Point3<f32>,
        normal: Vector3<f32>,
    ) -> (Vector3<f32>, bool) {
        if normal.z < 0.5 {
            return (normal, false);
        }
        let [outwards, upwards] = LID_BEVEL_NORMAL;
        let (side_x, side_y) = (point.x.signum(), point.y.signum());
        let from_end = lid.half.x - point.x.abs();
        let from_side = lid.half.y - point.y.abs();
        // Where the bevel turns around a rounded corner, its normal turns with it.
        let (x, y) = (LID_CORNER_M - from_end, LID_CORNER_M - from_side);
        if x > 0.0 && y > 0.0 {
            let from_corner = x.hypot(y);
            let is_bevel = from_corner > LID_CORNER_M - LID_BEVEL_M[1];
            let share = outwards / from_corner;
            let turned = Vector3::new(side_x * x * share, side_y * y * share, upwards);
            (if is_bevel { turned } else { normal }, is_bevel)
        } else if from_end < LID_BEVEL_M[0] {
            (Vector3::new(outwards * side_x, 0.0, upwards), true)
        } else if from_side < LID_BEVEL_M[1] {
            (Vector3::new(0.0, outwards * side_y, upwards), true)
        } else {
            (normal, false)
        }
    }

    /// Follows a ray that went into a well at `distance`, `(x, y)` off the well's axis.
    fn hit_in_well(&self, local: &Ray, distance: f32, (x, y): (f32, f32)) -> PlateHit {
        let direction = local.direction;
        let to_bottom = WELL_DEPTH_M / -direction.z;
        // |offset + t direction| = radius, in the plane; t counted from the opening.
        let a = direction.x.powi(2) + direction.y.powi(2);
        let b = x * direction.x + y * direction.y;
        let c = x * x + y * y - self.well_radius.powi(2);
        let to_wall = if a > 0.0 { (-b + (b * b - a * c).max(0.0).sqrt()) / a } else { f32::MAX };
        let (inside, normal) = if to_wall < to_bottom {
            let (wall_x, wall_y) = (x + to_wall * direction.x, y + to_wall * direction.y);
            (to_wall, Vector3::new(-wall_x, -wall_y, 0.0) / self.well_radius)
        } else {
            (to_bottom, Vector3::z())
        };
        let depth = -direction.z * inside;
        PlateHit {
            distance: distance + inside,
            depth: distance + inside,
            through: None,
            normal: self.world_from_plate * normal,
            surface: PlateSurface::Well,
            // The share of the hemisphere that the opening, a disc seen from `depth`, covers.
            openness: self.well_radius.powi(2) / (self.well_radius.powi(2) + depth * depth),
        }
    }
}

/// Where a ray enters the box `[-half, half]` without its corner at -x, +y, nearer than `limit`.
fn enter_chamfered(local: &Ray, half: Vector3<f32>, chamfer: f32, limit: f32) -> Option<Entry> {
    let entry = enter_box(local, half, limit)?;
    let point = local.at(entry.distance);
    // The chamfer cuts the corner where -x + y exceeds what the corner leaves.
    let beyond = -point.x + point.y - (half.x + half.y - chamfer);
    if beyond <= 0.0 {
        return Some(entry);
    }
    // The ray entered through the corner that is not there; it may meet the chamfer behind it.
    let rate = -local.direction.x + local.direction.y;
    if rate >= 0.0 {
        return None;
    }
    let distance = entry.distance - beyond / rate;
    let point = local.at(distance);
    let inside = point.x.abs() <= half.x && point.y.abs() <= half.y && point.z.abs() <= half.z;
    let normal = Vector3::new(-1.0, 1.0, 0.0).normalize();
    (inside && distance < limit).then_some(Entry { distance, normal })
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
        with_look(&PlateLook::PLAIN)
    }

    fn with_look(look: &PlateLook) -> RayPlate {
        let at = Isometry3::translation(0.0, 0.0, 0.00725);
        RayPlate::new(&at, PlateGeometry::default(), look)
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
        let rim = straight_down(a1.0 + 0.0035, a1.1).unwrap();
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

    #[test]
    fn a_lid_is_clear_raises_the_outline_and_hides_little_depth() {
        let look = PlateLook { lid_height_m: Some(0.0025), ..PlateLook::PLAIN };
        let lidded = with_look(&look);
        let down =
            |x, y| Ray { origin: Point3::new(x, y, 1.0), direction: Vector3::new(0.0, 0.0, -1.0) };
        let under = lidded.hit(&down(0.0045, 0.0045), f32::MAX).unwrap();
        assert_eq!(under.surface, PlateSurface::Well);
        assert!(!under.through.unwrap().is_bevel);
        assert!(under.distance > under.depth && under.depth > 1.0 - 0.0145);
        let bevel = lidded.hit(&down(0.0630, 0.0), f32::MAX).unwrap();
        assert!(bevel.through.unwrap().is_bevel && bevel.through.unwrap().normal.x > 0.3);
        assert!((bevel.depth - (1.0 - 0.017)).abs() < 1e-6);
        // Above the plate's top, only the lid is in the way of light.
        let across = Ray { origin: Point3::new(-1.0, 0.0, 0.016), direction: Vector3::x() * 2.0 };
        assert!(lidded.blocks(&across, false) && !plate().blocks(&across, false));
    }
}
