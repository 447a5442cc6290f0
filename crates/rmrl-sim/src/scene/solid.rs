//! Solids that hide a chessboard from the camera: capsules and boxes in any direction.

use nalgebra::{Isometry3, Point3, Vector3};

/// A solid in the world, and the share of light that it scatters.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Solid {
    pub shape: Shape,
    pub albedo: f32,
}

/// The shape of a solid.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Shape {
    /// Everything within a radius of the way between two points.
    Capsule { from: Point3<f64>, to: Point3<f64>, radius_m: f64 },
    /// A box around the origin of a frame.
    Box { world_from_box: Isometry3<f64>, half_extents_m: Vector3<f64> },
}

/// Where a ray meets a solid: how far along the ray, in its own length, and the surface's normal.
pub(crate) type Met = (f64, Vector3<f64>);

impl Solid {
    /// Where a ray from outside first meets the solid; `None` if it misses.
    pub(crate) fn meet(&self, eye: Point3<f64>, ray: Vector3<f64>) -> Option<Met> {
        match self.shape {
            Shape::Capsule { from, to, radius_m } => capsule(eye, ray, [from, to], radius_m),
            Shape::Box { world_from_box, half_extents_m } => {
                let (eye, ray) = (world_from_box.inverse_transform_point(&eye), ray);
                let ray = world_from_box.inverse_transform_vector(&ray);
                let (at, normal) = aligned_box(eye, ray, half_extents_m)?;
                Some((at, world_from_box * normal))
            }
        }
    }

    /// A ball around the solid: its middle, and its radius in meters.
    pub(crate) fn ball(&self) -> (Point3<f64>, f64) {
        match self.shape {
            Shape::Capsule { from, to, radius_m } => {
                (nalgebra::center(&from, &to), 0.5 * (to - from).norm() + radius_m)
            }
            Shape::Box { world_from_box, half_extents_m } => {
                (world_from_box.translation.vector.into(), half_extents_m.norm())
            }
        }
    }
}

fn aligned_box(eye: Point3<f64>, ray: Vector3<f64>, half: Vector3<f64>) -> Option<Met> {
    let (mut enters, mut leaves, mut axis) = (0.0, f64::INFINITY, None);
    for index in 0..3 {
        let inverse = 1.0 / ray[index];
        let (a, b) = ((-half[index] - eye[index]) * inverse, (half[index] - eye[index]) * inverse);
        if !(a.is_finite() && b.is_finite()) {
            if eye[index].abs() > half[index] {
                return None;
            }
            continue;
        }
        if a.min(b) > enters {
            (enters, axis) = (a.min(b), Some(index));
        }
        leaves = f64::min(leaves, a.max(b));
    }
    let axis = axis.filter(|_| enters <= leaves)?;
    let mut normal = Vector3::zeros();
    normal[axis] = -ray[axis].signum();
    Some((enters, normal))
}

fn capsule(
    eye: Point3<f64>,
    ray: Vector3<f64>,
    [from, to]: [Point3<f64>; 2],
    radius_m: f64,
) -> Option<Met> {
    let axis = to - from;
    let length2 = axis.norm_squared();
    let along = |point: Point3<f64>| {
        if length2 > 0.0 { axis.dot(&(point - from)) / length2 } else { 0.0 }
    };
    let normal_at = |at: f64| {
        let point = eye + ray * at;
        let nearest = from + axis * along(point).clamp(0.0, 1.0);
        (point - nearest) / radius_m
    };
    // The cylinder without its ends.
    let (across, offset) = (
        ray - axis * (axis.dot(&ray) / length2.max(1e-12)),
        (eye - from) - axis * (axis.dot(&(eye - from)) / length2.max(1e-12)),
    );
    let side = roots(across, offset, radius_m)
        .filter(|at| *at > 0.0 && (0.0..=1.0).contains(&along(eye + ray * *at)));
    let ends = [from, to].map(|end| roots(ray, eye - end, radius_m).filter(|at| *at > 0.0));
    let first = ends.into_iter().chain([side]).flatten().min_by(f64::total_cmp)?;
    Some((first, normal_at(first)))
}

/// The first `at` for which `offset + at * ray` is as long as a radius.
fn roots(ray: Vector3<f64>, offset: Vector3<f64>, radius_m: f64) -> Option<f64> {
    let (a, b) = (ray.norm_squared(), ray.dot(&offset));
    let discriminant = b * b - a * (offset.norm_squared() - radius_m * radius_m);
    (discriminant >= 0.0 && a > 0.0).then(|| (-b - discriminant.sqrt()) / a)
}

#[cfg(test)]
mod tests {
    use nalgebra::{Translation3, UnitQuaternion};

    use super::*;

    fn met(shape: Shape, eye: [f64; 3], ray: [f64; 3]) -> Option<Met> {
        Solid { shape, albedo: 0.5 }.meet(Point3::from(eye), Vector3::from(ray))
    }

    #[test]
    fn rays_meet_capsules_at_their_side_and_their_round_ends() {
        let shape = Shape::Capsule {
            from: Point3::origin(),
            to: Point3::new(0.0, 0.0, 1.0),
            radius_m: 0.1,
        };
        let (at, normal) = met(shape, [2.0, 0.0, 0.5], [-1.0, 0.0, 0.0]).unwrap();
        assert!((at - 1.9).abs() < 1e-12 && (normal - Vector3::x()).norm() < 1e-12);
        let (at, normal) = met(shape, [0.0, 0.0, 3.0], [0.0, 0.0, -2.0]).unwrap();
        assert!((at - 0.95).abs() < 1e-12 && (normal - Vector3::z()).norm() < 1e-12);
        assert_eq!(met(shape, [2.0, 0.2, 0.5], [-1.0, 0.0, 0.0]), None);
        assert_eq!(met(shape, [2.0, 0.0, 1.2], [-1.0, 0.0, 0.0]), None);
        // A ray away from it.
        assert_eq!(met(shape, [2.0, 0.0, 0.5], [1.0, 0.0, 0.0]), None);
    }

    #[test]
    fn rays_meet_turned_boxes() {
        let turned = UnitQuaternion::from_euler_angles(0.0, 0.0, std::f64::consts::FRAC_PI_4);
        let shape = Shape::Box {
            world_from_box: Isometry3::from_parts(Translation3::new(1.0, 0.0, 0.0), turned),
            half_extents_m: Vector3::new(0.1, 0.1, 0.02),
        };
        // Onto its edge, which is 0.1 √2 before its middle.
        let (at, _) = met(shape, [0.0, 0.0, 0.0], [1.0, 0.0, 0.0]).unwrap();
        assert!((at - (1.0 - 0.1 * 2f64.sqrt())).abs() < 1e-9, "{at}");
        let (at, normal) = met(shape, [1.0, 0.0, 1.0], [0.0, 0.0, -1.0]).unwrap();
        assert!((at - 0.98).abs() < 1e-12 && (normal - Vector3::z()).norm() < 1e-12);
        assert_eq!(met(shape, [0.0, 0.0, 0.03], [1.0, 0.0, 0.0]), None);
        assert_eq!(met(shape, [1.2, 0.0, 1.0], [0.0, 0.0, -1.0]), None);
    }
}
