//! How far two solids are apart, as a proof: a direction along which nothing of one comes nearer to the other.
//!
//! For every unit vector `n`, the gap between two convex solids along `n` is a lower bound of their distance, and the
//! greatest gap is the distance. The gap is a short sum in `f64`. So parry's closest points, in `f32` and within a relative
//! error of 1 %, only propose the direction, which is made better in `f64`; what is claimed follows from the gap.

use nalgebra::{Point3, Vector3};
use parry3d::math::{Pose, Real, Rotation, Vector};
use parry3d::query::ClosestPoints;
use parry3d::query::details::{
    closest_points_segment_segment, closest_points_support_map_support_map,
};
use parry3d::shape::{Cuboid, Segment};

use crate::shape::Solid;

/// The share of the cores' distance that a gap has to reach; two points that are that far apart are known.
const ENOUGH: f64 = 0.9995;
/// How often parry's closest points are made better at most. Once is enough nearly always, and costs 0.1 microseconds.
const MOST_POLISHES: u32 = 100;

/// A proof that two solids are at least `gap_m` apart.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Separation {
    /// The unit vector from the first solid to the second along which the gap is measured.
    pub direction: Vector3<f64>,
    /// The gap, in meters; negative where they overlap along every direction that was tried.
    pub gap_m: f64,
}

/// The gap from one solid to another along a unit vector, in meters: a lower bound of their distance.
pub(crate) fn gap_m(from: &Solid, to: &Solid, direction: &Vector3<f64>) -> f64 {
    direction.dot(&(to.middle() - from.middle()))
        - from.extent_m(direction)
        - to.extent_m(direction)
}

/// The widest gap between two solids: their distance, never more than it, and less by at most 0.2 % of the distance of the
/// cores (0.05 % but for one pair in 30,000).
pub(crate) fn separation(from: &Solid, to: &Solid) -> Separation {
    let between = to.middle() - from.middle();
    let mut best = Separation { direction: Vector3::z(), gap_m: f64::NEG_INFINITY };
    // The faces: exact where a face is what is nearest, and defined where the solids overlap.
    for solid in [from, to].into_iter().filter(|solid| !solid.is_segment()) {
        for axis in &solid.axes {
            let outward = if axis.dot(&between) < 0.0 { -axis } else { *axis };
            best.offer(from, to, outward);
        }
    }
    best.offer(from, to, between);
    let Some(mut on_to) = closest_on_second(from, to) else { return best };
    for _ in 0..MOST_POLISHES {
        let on_from = from.nearest(&on_to);
        on_to = to.nearest(&on_from);
        let apart = on_to - on_from;
        best.offer(from, to, apart);
        // Between edges, or an edge and a corner, the shortest way is square to each edge.
        let edges = from.edges_at(&on_from).chain(to.edges_at(&on_to));
        best.offer(from, to, square_to(apart, edges));
        let cores_m = best.gap_m + from.radius_m + to.radius_m;
        if cores_m >= ENOUGH * apart.norm() {
            break;
        }
    }
    best
}

impl Separation {
    /// Takes another direction, of any length, if the gap along it is wider.
    fn offer(&mut self, from: &Solid, to: &Solid, direction: Vector3<f64>) {
        let Some(unit) = direction.try_normalize(1e-12) else { return };
        let gap_m = gap_m(from, to, &unit);
        if gap_m > self.gap_m {
            *self = Self { direction: unit, gap_m };
        }
    }
}

/// What is left of a vector without its parts along others.
fn square_to(vector: Vector3<f64>, others: impl Iterator<Item = Vector3<f64>>) -> Vector3<f64> {
    let mut known: [Vector3<f64>; 3] = Default::default();
    let mut left = vector;
    let mut count = 0;
    for other in others {
        let own = known[..count].iter().fold(other, |rest, unit| rest - unit * unit.dot(&rest));
        if count == known.len() || own.norm() < 1e-6 * other.norm() {
            continue;
        }
        known[count] = own.normalize();
        left -= known[count] * known[count].dot(&left);
        count += 1;
    }
    left
}

/// The point of the second core that is closest to the first, in the base's frame; none where they overlap.
fn closest_on_second(from: &Solid, to: &Solid) -> Option<Vector3<f64>> {
    let apart = to_parry(&from.frame.inv_mul(&to.frame));
    let most = Real::MAX;
    let found = match (from.is_segment(), to.is_segment()) {
        (true, true) => {
            // The square of parry's limit overflows, so a limit far beyond any arm.
            closest_points_segment_segment(&apart, &segment(from), &segment(to), 1e6)
        }
        (true, false) => {
            closest_points_support_map_support_map(&apart, &segment(from), &cuboid(to), most)
        }
        (false, true) => {
            closest_points_support_map_support_map(&apart, &cuboid(from), &segment(to), most)
        }
        (false, false) => {
            closest_points_support_map_support_map(&apart, &cuboid(from), &cuboid(to), most)
        }
    };
    let ClosestPoints::WithinMargin(_, second) = found else { return None };
    let second = Vector3::new(second.x, second.y, second.z).cast::<f64>();
    Some((to.frame * Point3::from(second)).coords)
}

fn to_parry(pose: &nalgebra::Isometry3<f64>) -> Pose {
    let (t, r) = (&pose.translation.vector, &pose.rotation);
    Pose::from_parts(
        Vector::new(t.x as Real, t.y as Real, t.z as Real),
        Rotation::from_xyzw(r.i as Real, r.j as Real, r.k as Real, r.w as Real),
    )
}

fn segment(solid: &Solid) -> Segment {
    let half = solid.half_m.x as Real;
    Segment::new(Vector::new(-half, 0.0, 0.0), Vector::new(half, 0.0, 0.0))
}

fn cuboid(solid: &Solid) -> Cuboid {
    let half = solid.half_m;
    Cuboid::new(Vector::new(half.x as Real, half.y as Real, half.z as Real))
}

#[cfg(test)]
mod tests {
    use nalgebra::{Isometry3, Translation3, UnitQuaternion};
    use proptest::prelude::*;

    use super::*;
    use crate::shape::Shape;

    fn at(x: f64, y: f64, z: f64) -> Isometry3<f64> {
        Isometry3::from(Translation3::new(x, y, z))
    }

    fn cube(half_m: f64, pose: &Isometry3<f64>) -> Solid {
        let shape = Shape::Box { least_m: [-half_m; 3], most_m: [half_m; 3] };
        shape.core().placed(pose)
    }

    fn capsule(from_m: [f64; 3], to_m: [f64; 3], radius_m: f64) -> Solid {
        Shape::Capsule { from_m, to_m, radius_m }.core().placed(&Isometry3::identity())
    }

    #[test]
    fn known_distances() {
        let unit = cube(0.1, &Isometry3::identity());
        let quarter = UnitQuaternion::from_euler_angles(0.0, 0.0, std::f64::consts::FRAC_PI_4);
        let turned = at(0.5, 0.0, 0.0) * quarter;
        let root = 2f64.sqrt();
        for (name, other, expected_m) in [
            ("face to face", cube(0.1, &at(0.3, 0.05, 0.0)), 0.1),
            ("edge to edge", cube(0.1, &at(0.3, 0.3, 0.0)), 0.1 * root),
            ("corner to corner", cube(0.1, &at(0.3, 0.3, 0.3)), 0.1 * 3f64.sqrt()),
            ("face to edge", cube(0.1, &turned), 0.4 - 0.1 * root),
            ("capsule over a face", capsule([-0.3, 0.0, 0.2], [0.3, 0.0, 0.2], 0.05), 0.05),
            ("capsule's end", capsule([0.2, 0.2, 0.0], [0.5, 0.5, 0.0], 0.05), 0.1 * root - 0.05),
            ("overlapping faces", cube(0.1, &at(0.19, 0.0, 0.0)), -0.01),
        ] {
            for found in [separation(&unit, &other), separation(&other, &unit)] {
                assert!((found.gap_m - expected_m).abs() < 2e-4, "{name}: {found:?}");
                assert!(found.gap_m < expected_m + 1e-12, "{name}: {found:?}");
            }
        }
        let crossed = capsule([-0.3, 0.0, 0.0], [0.3, 0.0, 0.0], 0.05);
        let other = capsule([0.0, -0.2, 0.2], [0.0, 0.3, 0.2], 0.02);
        assert!((separation(&crossed, &other).gap_m - 0.13).abs() < 1e-6);
    }

    proptest! {
        /// No two points are nearer than the gap.
        #[test]
        fn a_gap_is_never_more_than_the_distance(
            place in prop::array::uniform3(-0.4..0.4f64),
            turn in prop::array::uniform3(-3.0..3.0f64),
            half in prop::array::uniform6(0.001..0.2f64),
            shares in prop::collection::vec(prop::array::uniform6(-1.0..1.0f64), 64),
        ) {
            let turn = UnitQuaternion::from_scaled_axis(Vector3::from(turn));
            let pose = at(place[0], place[1], place[2]) * turn;
            let shape = |half: &[f64]| Shape::Box {
                least_m: [-half[0], -half[1], -half[2]],
                most_m: [half[0], half[1], half[2]],
            };
            let [a, b] = [
                shape(&half[..3]).core().placed(&Isometry3::identity()),
                shape(&half[3..]).core().placed(&pose),
            ];
            let found = separation(&a, &b);
            let point = |solid: &Solid, share: &[f64]| -> Vector3<f64> {
                let [x, y, z] = solid.axes;
                solid.middle() + share[0] * x + share[1] * y + share[2] * z
            };
            for share in &shares {
                let apart_m = (point(&a, &share[..3]) - point(&b, &share[3..])).norm();
                prop_assert!(apart_m >= found.gap_m);
            }
            for corner in a.corners() {
                for other in b.corners() {
                    prop_assert!((corner - other).norm() >= found.gap_m - 1e-12);
                }
            }
        }
    }

    /// The distance of two solids by projecting back and forth: from above, to within rounding.
    fn projected_m(a: &Solid, b: &Solid) -> f64 {
        let mut point = b.middle();
        let mut apart_m = 0.0;
        for _ in 0..5_000 {
            let on_a = a.nearest(&point);
            point = b.nearest(&on_a);
            apart_m = (point - on_a).norm();
        }
        apart_m - a.radius_m - b.radius_m
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 1000, ..ProptestConfig::default() })]

        /// The gap is the distance within 0.2 %.
        #[test]
        fn a_gap_is_the_distance(
            place in prop::array::uniform3(-0.4..0.4f64),
            turn in prop::array::uniform3(-3.0..3.0f64),
            half in prop::array::uniform6(0.001..0.1f64),
        ) {
            let turn = UnitQuaternion::from_scaled_axis(Vector3::from(turn));
            let pose = at(place[0], place[1], place[2]) * turn;
            let shape = |half: &[f64]| Shape::Box {
                least_m: [-half[0], -half[1], -half[2]],
                most_m: [half[0], half[1], half[2]],
            };
            let a = shape(&half[..3]).core().placed(&Isometry3::identity());
            let b = shape(&half[3..]).core().placed(&pose);
            let (gap_m, expected_m) = (separation(&a, &b).gap_m, projected_m(&a, &b));
            prop_assert!(gap_m <= expected_m + 1e-9);
            let is_apart = expected_m > 1e-4;
            prop_assert!(!is_apart || gap_m >= 0.998 * expected_m - 1e-6, "{gap_m} {expected_m}");
        }
    }
}
