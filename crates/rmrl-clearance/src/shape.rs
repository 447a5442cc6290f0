//! The shapes of parts, and the same shapes placed in the base's frame.

use nalgebra::{Isometry3, Translation3, UnitQuaternion, Vector3};

/// A convex shape in the frame of what it is fixed to. Lengths are in meters.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Shape {
    /// All points within a radius of the segment between two points.
    Capsule {
        /// One end of the segment.
        from_m: [f64; 3],
        /// The other end.
        to_m: [f64; 3],
        /// The radius.
        radius_m: f64,
    },
    /// A box along the frame's axes, between two corners.
    Box {
        /// The corner with the least coordinates.
        least_m: [f64; 3],
        /// The corner with the greatest coordinates.
        most_m: [f64; 3],
    },
}

impl Shape {
    /// The shape, farther along y.
    #[must_use]
    pub(crate) fn shifted_y(self, by_m: f64) -> Self {
        let shift = |[x, y, z]: [f64; 3]| [x, y + by_m, z];
        match self {
            Self::Capsule { from_m, to_m, radius_m } => {
                Self::Capsule { from_m: shift(from_m), to_m: shift(to_m), radius_m }
            }
            Self::Box { least_m, most_m } => {
                Self::Box { least_m: shift(least_m), most_m: shift(most_m) }
            }
        }
    }

    /// The mirror image on the other side of the plane of x and z.
    #[must_use]
    pub(crate) fn mirrored_y(self) -> Self {
        match self {
            Self::Capsule { from_m: [ax, ay, az], to_m: [bx, by, bz], radius_m } => {
                Self::Capsule { from_m: [ax, -ay, az], to_m: [bx, -by, bz], radius_m }
            }
            Self::Box { least_m: [ax, ay, az], most_m: [bx, by, bz] } => {
                Self::Box { least_m: [ax, -by, az], most_m: [bx, -ay, bz] }
            }
        }
    }

    /// The shape as a core, in its own frame, and a radius around it.
    pub(crate) fn core(&self) -> Core {
        match *self {
            Self::Capsule { from_m, to_m, radius_m } => {
                let [from, to] = [from_m, to_m].map(Vector3::from);
                let half = 0.5 * (to - from);
                let turn = UnitQuaternion::rotation_between(&Vector3::x(), &half)
                    // Half a turn, or no length at all.
                    .unwrap_or_else(|| {
                        UnitQuaternion::from_axis_angle(&Vector3::z_axis(), std::f64::consts::PI)
                    });
                Core {
                    frame: Isometry3::from_parts(Translation3::from(0.5 * (from + to)), turn),
                    half_m: Vector3::new(half.norm(), 0.0, 0.0),
                    radius_m,
                }
            }
            Self::Box { least_m, most_m } => {
                let [least, most] = [least_m, most_m].map(Vector3::from);
                Core {
                    frame: Isometry3::from(Translation3::from(0.5 * (least + most))),
                    half_m: 0.5 * (most - least),
                    radius_m: 0.0,
                }
            }
        }
    }
}

/// A box or, with one extent, a segment; with a radius around it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Core {
    /// Its middle and axes.
    pub frame: Isometry3<f64>,
    /// Half its extents along its axes. A segment has only the first one.
    pub half_m: Vector3<f64>,
    /// The radius.
    pub radius_m: f64,
}

impl Core {
    /// The shape where its frame is at `base_from_frame`.
    pub fn placed(&self, base_from_frame: &Isometry3<f64>) -> Solid {
        let frame = base_from_frame * self.frame;
        let turn = frame.rotation.to_rotation_matrix();
        let axes = std::array::from_fn(|index| turn.matrix().column(index) * self.half_m[index]);
        Solid { frame, half_m: self.half_m, axes, radius_m: self.radius_m }
    }
}

/// A core in the base's frame: all points `middle + t0 axes[0] + t1 axes[1] + t2 axes[2]` with each `t` from -1 to 1,
/// and what is within the radius of them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Solid {
    /// Its middle and axes.
    pub frame: Isometry3<f64>,
    /// Half its extents along its axes, in meters.
    pub half_m: Vector3<f64>,
    /// Its axes in the base's frame, each as long as half the extent.
    pub axes: [Vector3<f64>; 3],
    /// The radius, in meters.
    pub radius_m: f64,
}

impl Solid {
    /// The middle.
    pub fn middle(&self) -> Vector3<f64> {
        self.frame.translation.vector
    }

    /// How far it extends from its middle along a unit vector.
    pub fn extent_m(&self, direction: &Vector3<f64>) -> f64 {
        self.axes.iter().map(|axis| axis.dot(direction).abs()).sum::<f64>() + self.radius_m
    }

    /// How far its points are from an axis at most; `unit` is the axis' direction.
    pub fn farthest_from_axis_m(&self, unit: &Vector3<f64>, on_axis: &Vector3<f64>) -> f64 {
        let middle_m = unit.cross(&(self.middle() - on_axis)).norm();
        let around_m: f64 = self.axes.iter().map(|half| unit.cross(half).norm()).sum();
        middle_m + around_m + self.radius_m
    }

    /// The point of its core that is nearest to a point.
    pub fn nearest(&self, to: &Vector3<f64>) -> Vector3<f64> {
        let from_middle = to - self.middle();
        let mut nearest = self.middle();
        for axis in &self.axes {
            let square = axis.norm_squared();
            if square > 0.0 {
                nearest += axis * (from_middle.dot(axis) / square).clamp(-1.0, 1.0);
            }
        }
        nearest
    }

    /// The axes along which the core extends to both sides of a point of it.
    pub fn edges_at(&self, point: &Vector3<f64>) -> impl Iterator<Item = Vector3<f64>> {
        let from_middle = point - self.middle();
        self.axes.into_iter().filter(move |axis| {
            let square = axis.norm_squared();
            from_middle.dot(axis).abs() < square * (1.0 - 1e-6)
        })
    }

    /// Whether it is a segment with a radius.
    pub fn is_segment(&self) -> bool {
        self.half_m.y == 0.0 && self.half_m.z == 0.0
    }

    /// The corners of its core.
    #[cfg(test)]
    pub fn corners(&self) -> Vec<Vector3<f64>> {
        let [a, b, c] = self.axes;
        let signs = [-1.0, 1.0];
        let mut corners = Vec::new();
        for i in signs {
            for j in signs {
                corners.extend(signs.map(|k| self.middle() + i * a + j * b + k * c));
            }
        }
        corners
    }
}
