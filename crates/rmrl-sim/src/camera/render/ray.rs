//! Rays and what they hit.

use nalgebra::{Isometry3, Point3, Vector3};

use crate::scene::cuboid::Cuboid;

/// A half-line; `direction` need not be a unit vector, distances are in multiples of it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ray {
    pub origin: Point3<f32>,
    pub direction: Vector3<f32>,
}

impl Ray {
    pub(super) fn at(&self, distance: f32) -> Point3<f32> {
        self.origin + self.direction * distance
    }
}

/// Where a ray enters a convex body: the distance and the outward normal there.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry {
    pub distance: f32,
    pub normal: Vector3<f32>,
}

/// A cuboid, or the upright cylinder in it, with what a ray test needs precomputed.
#[derive(Debug, Clone, Copy)]
pub(super) struct RayBody {
    center: Point3<f32>,
    half: Vector3<f32>,
    sin: f32,
    cos: f32,
    radius: f32,
    is_round: bool,
    pub albedo: Vector3<f32>,
}

impl RayBody {
    pub(super) fn new(cuboid: &Cuboid, albedo: Vector3<f32>) -> Self {
        let half = Vector3::from(cuboid.half_extents_m.map(|half| half as f32));
        let (sin, cos) = cuboid.pose.yaw_rad.sin_cos();
        Self {
            center: Point3::new(
                cuboid.pose.x_m as f32,
                cuboid.pose.y_m as f32,
                cuboid.center_z_m as f32,
            ),
            half,
            sin: sin as f32,
            cos: cos as f32,
            radius: half.norm(),
            is_round: false,
            albedo,
        }
    }

    /// The upright cylinder in a cuboid with a square base.
    pub(super) fn round(self) -> Self {
        Self { is_round: true, ..self }
    }

    /// Where the ray enters the body, nearer than `limit`.
    pub(super) fn enter(&self, ray: &Ray, limit: f32) -> Option<Entry> {
        if !near_sphere(ray, self.center, self.radius) {
            return None;
        }
        let local = Ray {
            origin: Point3::from(self.to_local(ray.origin - self.center)),
            direction: self.to_local(ray.direction),
        };
        let entry = if self.is_round {
            enter_cylinder(&local, self.half, limit)?
        } else {
            enter_box(&local, self.half, limit)?
        };
        let normal = entry.normal;
        Some(Entry {
            normal: Vector3::new(
                self.cos * normal.x - self.sin * normal.y,
                self.sin * normal.x + self.cos * normal.y,
                normal.z,
            ),
            ..entry
        })
    }

    /// Whether a ray comes within `margin` of the body's cuboid before its end at distance 1.
    pub(super) fn is_near(&self, ray: &Ray, margin: f32) -> bool {
        let local = Ray {
            origin: Point3::from(self.to_local(ray.origin - self.center)),
            direction: self.to_local(ray.direction),
        };
        meets_box(&local, self.half.add_scalar(margin))
    }

    /// The corners of the cuboid, in the world.
    pub(super) fn corners(&self) -> [Point3<f32>; 8] {
        std::array::from_fn(|corner| {
            let sign = |bit: usize| if corner >> bit & 1 == 0 { -1.0 } else { 1.0 };
            let (x, y) = (sign(0) * self.half.x, sign(1) * self.half.y);
            self.center
                + Vector3::new(
                    self.cos * x - self.sin * y,
                    self.sin * x + self.cos * y,
                    sign(2) * self.half.z,
                )
        })
    }

    fn to_local(self, vector: Vector3<f32>) -> Vector3<f32> {
        Vector3::new(
            self.cos * vector.x + self.sin * vector.y,
            -self.sin * vector.x + self.cos * vector.y,
            vector.z,
        )
    }
}

/// Whether a ray passes within `radius` of a point: a cheap rejection.
pub(super) fn near_sphere(ray: &Ray, center: Point3<f32>, radius: f32) -> bool {
    let to_center = center - ray.origin;
    let length2 = ray.direction.norm_squared();
    let along = to_center.dot(&ray.direction) / length2;
    (to_center - ray.direction * along).norm_squared() <= radius * radius
}

/// Whether a ray has a point in the box `[-half, half]` before its end at distance 1.
pub(super) fn meets_box(ray: &Ray, half: Vector3<f32>) -> bool {
    let (mut near, mut far) = (0.0f32, 1.0f32);
    for axis in 0..3 {
        let inverse = 1.0 / ray.direction[axis];
        let to_low = (-half[axis] - ray.origin[axis]) * inverse;
        let to_high = (half[axis] - ray.origin[axis]) * inverse;
        near = near.max(to_low.min(to_high));
        far = far.min(to_low.max(to_high));
    }
    near <= far
}

/// Where a ray enters the box `[-half, half]`, nearer than `limit` and in front of its origin.
pub(super) fn enter_box(ray: &Ray, half: Vector3<f32>, limit: f32) -> Option<Entry> {
    let (mut near, mut far) = (0.0f32, limit);
    let mut normal = Vector3::zeros();
    for axis in 0..3 {
        let inverse = 1.0 / ray.direction[axis];
        let to_low = (-half[axis] - ray.origin[axis]) * inverse;
        let to_high = (half[axis] - ray.origin[axis]) * inverse;
        let (enter, leave) = if inverse >= 0.0 { (to_low, to_high) } else { (to_high, to_low) };
        if enter > near {
            near = enter;
            normal = Vector3::zeros();
            normal[axis] = -inverse.signum();
        }
        far = far.min(leave);
        if near > far {
            return None;
        }
    }
    // A ray that starts inside has no entry.
    (near > 0.0).then_some(Entry { distance: near, normal })
}

/// Where a ray enters the upright cylinder in the box `[-half, half]`.
fn enter_cylinder(ray: &Ray, half: Vector3<f32>, limit: f32) -> Option<Entry> {
    let (origin, direction) = (ray.origin.coords.xy(), ray.direction.xy());
    let a = direction.norm_squared().max(f32::MIN_POSITIVE);
    let b = origin.dot(&direction);
    let c = origin.norm_squared() - half.x * half.x;
    let root = (b * b - a * c).max(0.0).sqrt();
    let (to_shell, leave_shell) = ((-b - root) / a, (-b + root) / a);
    let height = |distance: f32| ray.at(distance).z;
    let to_top = (half.z * -ray.direction.z.signum() - ray.origin.z) / ray.direction.z;
    let (distance, normal) = if to_shell > to_top {
        let at = ray.at(to_shell);
        (to_shell, Vector3::new(at.x, at.y, 0.0) / half.x)
    } else {
        (to_top, Vector3::new(0.0, 0.0, -ray.direction.z.signum()))
    };
    let meets = b * b > a * c
        && distance > 0.0
        && distance < limit
        && distance <= leave_shell
        && height(distance).abs() <= half.z * 1.0001;
    meets.then_some(Entry { distance, normal })
}

/// The ray as seen from a body's own frame.
pub(super) fn into_frame(ray: &Ray, world_from_body: &Isometry3<f32>) -> Ray {
    Ray {
        origin: world_from_body.inverse_transform_point(&ray.origin),
        direction: world_from_body.inverse_transform_vector(&ray.direction),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rmrl_core::PlanarPose;

    use crate::scene::cuboid::Material;

    #[test]
    fn a_ray_enters_a_turned_cuboid_where_geometry_says() {
        let cuboid = RayBody::new(
            &Cuboid {
                pose: PlanarPose::new(1.0, 0.0, std::f64::consts::FRAC_PI_2),
                center_z_m: 0.5,
                half_extents_m: [0.2, 0.1, 0.5],
                material: Material::Box,
            },
            Vector3::zeros(),
        );
        let along_x =
            Ray { origin: Point3::new(0.0, 0.15, 0.5), direction: Vector3::new(2.0, 0.0, 0.0) };
        // Turned by a quarter, the cuboid reaches 0.1 along x and 0.2 along y.
        let entry = cuboid.enter(&along_x, f32::MAX).unwrap();
        assert!((entry.distance - 0.45).abs() < 1e-6);
        assert!((entry.normal - Vector3::new(-1.0, 0.0, 0.0)).norm() < 1e-6);
        assert!(cuboid.enter(&along_x, 0.4).is_none());
        let beside = Ray { origin: Point3::new(0.0, 0.25, 0.5), ..along_x };
        assert!(cuboid.enter(&beside, f32::MAX).is_none());
        let from_above =
            Ray { origin: Point3::new(1.05, -0.1, 3.0), direction: Vector3::new(0.0, 0.0, -1.0) };
        let entry = cuboid.enter(&from_above, f32::MAX).unwrap();
        assert!((entry.distance - 2.0).abs() < 1e-6);
        assert_eq!(entry.normal, Vector3::z());
    }

    #[test]
    fn a_ray_enters_a_cylinder_through_its_top_or_its_shell() {
        let cuboid = Cuboid {
            pose: PlanarPose::new(1.0, 0.0, 0.3),
            center_z_m: 0.5,
            half_extents_m: [0.2, 0.2, 0.5],
            material: Material::Box,
        };
        let cylinder = RayBody::new(&cuboid, Vector3::zeros()).round();
        let down =
            |x, y| Ray { origin: Point3::new(x, y, 3.0), direction: Vector3::new(0.0, 0.0, -1.0) };
        let top = cylinder.enter(&down(1.1, 0.1), f32::MAX).unwrap();
        assert!((top.distance - 2.0).abs() < 1e-6);
        assert_eq!(top.normal, Vector3::z());
        // In the cuboid's corner there is nothing.
        assert!(cylinder.enter(&down(1.19, 0.19), f32::MAX).is_none());
        let along_x =
            Ray { origin: Point3::new(0.0, 0.12, 0.5), direction: Vector3::new(1.0, 0.0, 0.0) };
        let shell = cylinder.enter(&along_x, f32::MAX).unwrap();
        assert!((shell.distance - (1.0 - 0.16)).abs() < 1e-5, "{shell:?}");
        assert!((shell.normal - Vector3::new(-0.8, 0.6, 0.0)).norm() < 1e-5);
        assert!(cylinder.enter(&along_x, 0.8).is_none());
        let above = Ray { origin: Point3::new(0.0, 0.0, 1.1), ..along_x };
        assert!(cylinder.enter(&above, f32::MAX).is_none());
    }
}
