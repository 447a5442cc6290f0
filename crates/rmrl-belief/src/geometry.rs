//! The unknowns of a cell's geometry, and how they enter its equations.

use nalgebra::{Isometry3, SMatrix, SVector, Translation3, UnitQuaternion, Vector2, Vector3};
use rmrl_core::{Look, PlanarPose};
use serde::{Deserialize, Serialize};

/// The number of unknowns.
pub(crate) const SIZE: usize = 14;

/// Values of all unknowns, or the coefficients of an equation in them.
pub(crate) type Vector = SVector<f64, SIZE>;
/// A matrix over all unknowns.
pub(crate) type Matrix = SMatrix<f64, SIZE, SIZE>;

/// Camera shift `t`, in meters: two unknowns.
pub(crate) const SHIFT: usize = 0;
/// Camera turn `θ`, in radians.
pub(crate) const TURN: usize = 2;
/// Camera scale error `s`.
pub(crate) const SCALE: usize = 3;
/// Turn of the tool `κ`, in radians.
pub(crate) const TOOL_TURN: usize = 4;
/// Offset of the tool across the fingers `τ`, in meters.
pub(crate) const TOOL_ACROSS: usize = 5;
/// Offset along the fingers that a plate on the target has `D*`, in meters.
pub(crate) const TARGET_ALONG: usize = 6;
/// Bend of the field, in meters at [`FIELD_RADIUS_M`]: three unknowns each for x and y.
pub(crate) const BEND: usize = 7;
/// How much more than it says a picture's look error is worth `γ`: -1 where pictures tell nothing.
pub(crate) const PICTURE: usize = 13;

/// The names of the unknowns, in their order.
pub(crate) const UNKNOWNS: [&str; SIZE] = [
    "camera_shift_x_m",
    "camera_shift_y_m",
    "camera_turn_rad",
    "camera_scale",
    "tool_turn_rad",
    "tool_across_m",
    "target_along_m",
    "bend_x_xx_m",
    "bend_x_xy_m",
    "bend_x_yy_m",
    "bend_y_xx_m",
    "bend_y_xy_m",
    "bend_y_yy_m",
    "picture_gain_less_1",
];

/// The distance from the middle of the workspace at which the bend has the size of its coefficients, in meters.
const FIELD_RADIUS_M: f64 = 0.15;

/// How large the unknowns may be: standard deviations of a normal prior around zero.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Prior {
    /// The camera's shift, each way, in meters.
    pub shift_m: f64,
    /// The camera's turn, in radians.
    pub turn_rad: f64,
    /// The camera's scale error.
    pub scale: f64,
    /// The tool's turn, in radians.
    pub tool_turn_rad: f64,
    /// The tool's offset along and across the fingers, in meters.
    pub tool_m: f64,
    /// The bend of camera and arm at 0.15 m from the middle, in meters.
    pub bend_m: f64,
    /// How much what a picture says of its look's error may be off, as a part of it.
    pub picture: f64,
    /// The noise of a look, in meters: of one that nothing spoils.
    pub look_m: f64,
    /// The noise of a look's yaw, in radians.
    pub look_rad: f64,
}

impl Default for Prior {
    /// A camera hung up with care, a tool measured by hand, an arm as it left the factory.
    fn default() -> Self {
        Self {
            shift_m: 0.006,
            turn_rad: 0.02,
            scale: 0.005,
            tool_turn_rad: 0.01,
            tool_m: 0.004,
            bend_m: 0.000_3,
            picture: 0.5,
            look_m: 0.000_2,
            look_rad: 0.002,
        }
    }
}

/// How much the scale may change where the camera moves, and the bend, in meters: by a tilt of a degree or two.
const MOVE_SCALE: f64 = 0.005;
const MOVE_BEND_M: f64 = 0.001;

impl Prior {
    /// The variance that a move of the camera adds to each unknown.
    pub(crate) fn move_variance(&self) -> Vector {
        let mut deviation = Vector::zeros();
        deviation.fixed_rows_mut::<2>(SHIFT).fill(self.shift_m);
        deviation[TURN] = self.turn_rad;
        deviation[SCALE] = MOVE_SCALE;
        deviation.fixed_rows_mut::<6>(BEND).fill(MOVE_BEND_M);
        deviation.map(|deviation| deviation.powi(2))
    }

    /// The precision of each unknown.
    pub(crate) fn precision(&self) -> Vector {
        self.deviation().map(|deviation| deviation.powi(-2))
    }

    /// The standard deviation of each unknown.
    pub(crate) fn deviation(&self) -> Vector {
        let mut deviation = Vector::zeros();
        deviation.fixed_rows_mut::<2>(SHIFT).fill(self.shift_m);
        deviation[TURN] = self.turn_rad;
        deviation[SCALE] = self.scale;
        deviation[TOOL_TURN] = self.tool_turn_rad;
        deviation[TOOL_ACROSS] = self.tool_m;
        // A person puts the target's plate down by eye, beside what the tool is off.
        deviation[TARGET_ALONG] = 2.0 * self.tool_m;
        deviation.fixed_rows_mut::<6>(BEND).fill(self.bend_m);
        deviation[PICTURE] = self.picture;
        deviation
    }
}

/// A cell's geometry: how camera and tool differ from what they are configured to be.
///
/// The camera sees a plate that lies at `p` at `z`, and the picture says that this is off by `ε`:
///
/// ```text
/// p = z - (1 + γ) ε + c(z)
/// c(z) = t + (θ J + s) d + bend(d),   d = z - middle,   J = [0 -1; 1 0]
/// bend(d) = [a b c; e f g] (d_x², d_x d_y, d_y²) / (0.15 m)²
/// ```
///
/// and yaw `ψ = ψ_z + θ`. The bend is what is left of the camera's tilt and lens and of the arm's joints and lengths.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Geometry {
    pub(crate) values: Vector,
    pub(crate) middle: Vector2<f64>,
}

impl Geometry {
    /// A cell that is as configured.
    pub fn as_configured(middle: PlanarPose) -> Self {
        Self { values: Vector::zeros(), middle: xy(middle) }
    }

    /// The true pose of a plate that the camera sees.
    pub fn plate(&self, look: Look) -> PlanarPose {
        let [x, y] = correction_columns(self.middle, look).map(|column| column.dot(&self.values));
        let seen = look.corrected();
        PlanarPose::new(seen.x_m + x, seen.y_m + y, seen.yaw_rad + self.values[TURN])
    }

    /// The offset of a plate from the jaws of a tool, along and across the fingers, in meters, and its turn in them, in
    /// radians. Along, it is relative to the configured tool; across and in turn to the true one.
    pub(crate) fn in_jaws(&self, look: Look, tool: PlanarPose) -> [f64; 3] {
        let plate = self.plate(look);
        let [along, across] = fingers(tool);
        let offset = xy(plate) - xy(tool);
        let turn = rmrl_core::wrap_angle(plate.yaw_rad - tool.yaw_rad) - self.values[TOOL_TURN];
        [along.dot(&offset), across.dot(&offset) - self.values[TOOL_ACROSS], turn]
    }

    /// The tool's pose that grips a plate that is seen so that it lies on the target after the fixed path: the offset
    /// along the fingers is the target's, and the jaws close without moving the plate.
    pub fn best_tool(&self, look: Look) -> PlanarPose {
        self.tool_over(look, self.values[TARGET_ALONG])
    }

    /// The tool's pose in which a plate that is seen is centered across the fingers and has this offset along them.
    pub(crate) fn tool_over(&self, look: Look, along_m: f64) -> PlanarPose {
        let plate = self.plate(look);
        let yaw_rad = plate.yaw_rad - self.values[TOOL_TURN];
        let [along, across] = fingers(PlanarPose::new(0.0, 0.0, yaw_rad));
        let at = xy(plate) - along * along_m - across * self.values[TOOL_ACROSS];
        PlanarPose::new(at.x, at.y, yaw_rad)
    }
}

impl Geometry {
    /// The camera that sees plates, whose middles are at `height_m`, where they lie: its pose, and the factor of its focal
    /// lengths. Shift and turn are put into the pose, and the scale into the focal lengths: a localizer that measures depth sees
    /// the same scale whatever the camera's height is. The bend is left out.
    ///
    /// ```text
    /// p = middle + t + (1 + s) R(θ) (z - middle)
    /// ```
    ///
    /// `None` if the camera does not look down at all.
    pub fn corrected_camera(
        &self,
        world_from_camera: &Isometry3<f64>,
        height_m: f64,
    ) -> Option<(Isometry3<f64>, f64)> {
        // Other focal lengths scale an image about its principal point: about where the axis meets the plates' middles.
        let position = world_from_camera.translation.vector;
        let axis = world_from_camera * Vector3::z();
        let distance = (height_m - position.z) / axis.z;
        if !(distance.is_finite() && distance > 0.0) {
            return None;
        }
        let about = position + axis * distance;
        let middle = self.middle.push(height_m);
        let turn = UnitQuaternion::from_axis_angle(&Vector3::z_axis(), self.values[TURN]);
        let shift = Vector3::new(self.values[SHIFT], self.values[SHIFT + 1], 0.0);
        let scale = 1.0 + self.values[SCALE];
        let about_lies = middle + shift + turn * (about - middle) * scale;
        let at = about_lies + turn * (position - about);
        let pose = Isometry3::from_parts(Translation3::from(at), turn * world_from_camera.rotation);
        Some((pose, 1.0 / scale))
    }

    /// This geometry as far as the pose of a camera can express it: without the bend.
    pub(crate) fn without_bend(&self) -> Self {
        let mut without = *self;
        without.values.fixed_rows_mut::<6>(BEND).fill(0.0);
        without
    }
}

/// Steps of the inversion of `p = z + c(z)`: each leaves a fiftieth of the error.
const INVERSION_STEPS: usize = 8;

impl Geometry {
    /// Where the camera sees a plate that lies on its target, which is where it has to lie once the tool has opened at
    /// `place`.
    pub(crate) fn seen_target(&self, place: PlanarPose) -> PlanarPose {
        self.seen_from(place, self.values[TARGET_ALONG])
    }

    /// Where the camera sees a plate that jaws released at `tool` with this offset along the fingers.
    pub(crate) fn seen_from(&self, tool: PlanarPose, along_m: f64) -> PlanarPose {
        let [along, across] = fingers(tool);
        let on_target = xy(tool) + along * along_m + across * self.values[TOOL_ACROSS];
        let yaw_rad = tool.yaw_rad + self.values[TOOL_TURN] - self.values[TURN];
        let mut seen = PlanarPose::new(on_target.x, on_target.y, yaw_rad);
        for _ in 0..INVERSION_STEPS {
            let missed = on_target - xy(self.plate(seen.into()));
            seen = PlanarPose::new(seen.x_m + missed.x, seen.y_m + missed.y, yaw_rad);
        }
        seen
    }
}

/// The position of a pose, in meters.
pub(crate) fn xy(pose: PlanarPose) -> Vector2<f64> {
    Vector2::new(pose.x_m, pose.y_m)
}

/// The directions along and across the fingers of a tool.
pub(crate) fn fingers(tool: PlanarPose) -> [Vector2<f64>; 2] {
    let (sin, cos) = tool.yaw_rad.sin_cos();
    [Vector2::new(cos, sin), Vector2::new(-sin, cos)]
}

/// The coefficients of what a look's pose without its error is off, along x and y.
pub(crate) fn correction_columns(middle: Vector2<f64>, look: Look) -> [Vector; 2] {
    let d = xy(look.pose) - middle;
    let error_m = look.error_m.unwrap_or_default();
    let unit = d / FIELD_RADIUS_M;
    let bend = [unit.x * unit.x, unit.x * unit.y, unit.y * unit.y];
    let mut columns = [Vector::zeros(); 2];
    columns[0][SHIFT] = 1.0;
    columns[1][SHIFT + 1] = 1.0;
    columns[0][TURN] = -d.y;
    columns[1][TURN] = d.x;
    for (axis, column) in columns.iter_mut().enumerate() {
        column[SCALE] = d[axis];
        column[PICTURE] = -error_m[axis];
        for (term, value) in bend.iter().enumerate() {
            column[BEND + 3 * axis + term] = *value;
        }
    }
    columns
}

/// The same along a direction.
pub(crate) fn columns_along(middle: Vector2<f64>, look: Look, direction: Vector2<f64>) -> Vector {
    let [x, y] = correction_columns(middle, look);
    x * direction.x + y * direction.y
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_corrected_camera_sees_plates_where_they_lie() {
        let mut geometry = Geometry::as_configured(PlanarPose::new(0.34, -0.13, 0.0));
        geometry.values.fixed_rows_mut::<2>(SHIFT).copy_from_slice(&[0.004, -0.003]);
        geometry.values[TURN] = 0.015;
        geometry.values[SCALE] = -0.008;
        let down = UnitQuaternion::from_euler_angles(std::f64::consts::PI, 0.0, 0.3);
        let camera = Isometry3::from_parts(Translation3::new(0.3, 0.05, 0.8), down);
        let height_m = 0.007;
        let (corrected, focal) = geometry.corrected_camera(&camera, height_m).unwrap();
        for (u, v) in [(0.0, 0.0), (0.2, -0.1), (-0.15, 0.25)] {
            // The same pixel and the same measured depth.
            let depth_m = 0.8 - height_m;
            let seen = camera * nalgebra::Point3::new(u * depth_m, v * depth_m, depth_m);
            let ray = [u / focal, v / focal].map(|tangent| tangent * depth_m);
            let lies = corrected * nalgebra::Point3::new(ray[0], ray[1], depth_m);
            // p = middle + t + (1 + s) R(θ) (z - middle)
            let from_middle = nalgebra::Vector2::new(seen.x, seen.y) - geometry.middle;
            let turned = nalgebra::Rotation2::new(0.015) * from_middle * (1.0 - 0.008);
            let expected = geometry.middle + nalgebra::Vector2::new(0.004, -0.003) + turned;
            assert!(
                (lies.xy() - nalgebra::Point2::from(expected)).norm() < 1e-9,
                "{lies} {expected}"
            );
            // The belief's equations are linear in turn and scale: their squares and product are left out.
            let believed = geometry.plate(PlanarPose::new(seen.x, seen.y, 0.0).into());
            assert!((xy(believed) - expected).norm() < 1e-4, "{believed:?} {expected}");
            assert!((lies.z - height_m).abs() < 1e-12);
        }
        let up = Isometry3::translation(0.3, 0.0, 0.8);
        assert!(geometry.corrected_camera(&up, height_m).is_none());
    }
}
