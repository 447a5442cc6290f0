//! A flange's pose from named values, whichever of the usual forms their names say. What no name says is refused:
//! units, the order of a quaternion, the axes of angles.

use std::collections::BTreeMap;

use nalgebra::{Isometry3, Quaternion, Translation3, UnitQuaternion, Vector3};
use rmrl_vision::rotation_from_rows;

/// The values of one pose by their names.
pub(super) type Fields = BTreeMap<String, Value>;

/// A value, as a number if it is one.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Value {
    pub(super) text: String,
    pub(super) number: Option<f64>,
}

/// Why values are no pose.
#[derive(Debug, PartialEq)]
pub(super) enum NoPose {
    /// A value is missing or unknown; with a hint, or empty.
    Names(&'static str),
    /// A value is not a number.
    Number { column: String, value: String },
    /// The values are numbers of no pose.
    Values(String),
}

/// The fields beside the numbers.
const UNIT: &str = "unit";
const EULER: &str = "euler";
pub(super) const DIRECTION: &str = "pose";

/// The pose of the flange in the robot's base. With a field `pose` it may be another direction.
pub(super) fn world_from_flange(fields: &Fields) -> Result<Isometry3<f64>, NoPose> {
    let mut taken = Taken { fields, count: 0 };
    let pose = match taken.numbers(&MATRIX)? {
        Some(rows) => taken.matrix(rows)?,
        None => {
            let translation_m = taken.position()?;
            let rotation = taken.rotation()?;
            Isometry3::from_parts(Translation3::from(translation_m), rotation)
        }
    };
    let direction = taken.text(DIRECTION).map(is_world_from_flange).transpose()?;
    if taken.count < fields.len() {
        return Err(NoPose::Names(hint(fields)));
    }
    Ok(if direction.unwrap_or(true) { pose } else { pose.inverse() })
}

/// The values of a pose that were understood.
struct Taken<'a> {
    fields: &'a Fields,
    /// How many. There must be no others, because a misspelled name would have no effect.
    count: usize,
}

const MATRIX: [&str; 12] =
    ["m00", "m01", "m02", "m03", "m10", "m11", "m12", "m13", "m20", "m21", "m22", "m23"];
const LAST_ROW: [&str; 4] = ["m30", "m31", "m32", "m33"];
const ROTATION: [&str; 9] = ["r00", "r01", "r02", "r10", "r11", "r12", "r20", "r21", "r22"];
/// How far a quaternion's length may be from 1: more than three decimals are rounded by.
const QUATERNION_TOLERANCE: f64 = 5e-3;

impl<'a> Taken<'a> {
    fn text(&mut self, name: &str) -> Option<&'a str> {
        let value = self.fields.get(name)?;
        self.count += 1;
        Some(&value.text)
    }

    /// The numbers of these names; `None` if there is none of them.
    fn numbers<const N: usize>(&mut self, names: &[&str; N]) -> Result<Option<[f64; N]>, NoPose> {
        if !names.iter().any(|name| self.fields.contains_key(*name)) {
            return Ok(None);
        }
        let mut numbers = [0.0; N];
        for (number, name) in numbers.iter_mut().zip(names) {
            let value = self.fields.get(*name).ok_or(NoPose::Names(hint(self.fields)))?;
            *number = value.number.ok_or_else(|| NoPose::Number {
                column: name.to_string(),
                value: value.text.clone(),
            })?;
        }
        self.count += N;
        Ok(Some(numbers))
    }

    /// The numbers of three names in one of two units; the second is in units of `per`.
    fn in_units(&mut self, names: [[&str; 3]; 2], per: f64) -> Result<Option<[f64; 3]>, NoPose> {
        if let Some(numbers) = self.numbers(&names[0])? {
            return Ok(Some(numbers));
        }
        Ok(self.numbers(&names[1])?.map(|numbers| numbers.map(|number| number * per)))
    }

    fn position(&mut self) -> Result<Vector3<f64>, NoPose> {
        let names = [["x_m", "y_m", "z_m"], ["x_mm", "y_mm", "z_mm"]];
        let position = self.in_units(names, 0.001)?;
        position.map(Vector3::from).ok_or(NoPose::Names(hint(self.fields)))
    }

    fn rotation(&mut self) -> Result<UnitQuaternion<f64>, NoPose> {
        const PER_DEGREE: f64 = std::f64::consts::PI / 180.0;
        let angles = [["roll_rad", "pitch_rad", "yaw_rad"], ["roll_deg", "pitch_deg", "yaw_deg"]];
        if let Some(angles) = self.in_units(angles, PER_DEGREE)? {
            let axes = self.text(EULER).map_or(Ok(XARM_AXES), axes)?;
            return Ok(from_angles(angles, axes));
        }
        let angles = [["rx_rad", "ry_rad", "rz_rad"], ["rx_deg", "ry_deg", "rz_deg"]];
        if let Some(angles) = self.in_units(angles, PER_DEGREE)? {
            let order = self.text(EULER).ok_or(NoPose::Names(AXES_HINT))?;
            return Ok(from_angles(angles, axes(order)?));
        }
        let vector = [
            ["rotvec_x_rad", "rotvec_y_rad", "rotvec_z_rad"],
            ["rotvec_x_deg", "rotvec_y_deg", "rotvec_z_deg"],
        ];
        if let Some(vector) = self.in_units(vector, PER_DEGREE)? {
            return Ok(UnitQuaternion::from_scaled_axis(Vector3::from(vector)));
        }
        if let Some([x, y, z, w]) = self.numbers(&["qx", "qy", "qz", "qw"])? {
            let quaternion = Quaternion::new(w, x, y, z);
            let length = quaternion.norm();
            if (length - 1.0).abs() > QUATERNION_TOLERANCE {
                let reason =
                    format!("the quaternion qx, qy, qz, qw has length {length:.4}, expected 1");
                return Err(NoPose::Values(reason));
            }
            return Ok(UnitQuaternion::from_quaternion(quaternion));
        }
        match self.numbers(&ROTATION)? {
            Some([a, b, c, d, e, f, g, h, i]) => {
                rotation_from_rows([[a, b, c], [d, e, f], [g, h, i]]).map_err(NoPose::Values)
            }
            None => Err(NoPose::Names(hint(self.fields))),
        }
    }

    fn matrix(&mut self, m: [f64; 12]) -> Result<Isometry3<f64>, NoPose> {
        if let Some(row) = self.numbers(&LAST_ROW)?
            && row != [0.0, 0.0, 0.0, 1.0]
        {
            let reason = format!("the last row of the matrix is {row:?}, expected 0, 0, 0, 1");
            let columns = match [m[3], m[7], m[11]] == [0.0; 3] {
                true => "; it looks transposed: m03, m13 and m23 are the translation",
                false => "",
            };
            return Err(NoPose::Values(reason + columns));
        }
        let unit_m = match self.text(UNIT) {
            Some("m") => 1.0,
            Some("mm") => 0.001,
            Some(other) => {
                return Err(NoPose::Values(format!("unit is {other:?}, expected m or mm")));
            }
            None => return Err(NoPose::Names(UNIT_HINT)),
        };
        let rows = [0, 4, 8].map(|row| [m[row], m[row + 1], m[row + 2]]);
        let rotation = rotation_from_rows(rows).map_err(NoPose::Values)?;
        let translation = Translation3::new(m[3] * unit_m, m[7] * unit_m, m[11] * unit_m);
        Ok(Isometry3::from_parts(translation, rotation))
    }
}

/// `R = Rz Ry Rx`, as the xArm and ROS have roll, pitch and yaw.
const XARM_AXES: [usize; 3] = [2, 1, 0];

/// The axes of a product like `RzRyRx`, from left to right.
fn axes(order: &str) -> Result<[usize; 3], NoPose> {
    let letters = order.to_lowercase().replace([' ', '*', '·', 'r'], "");
    let axes: Vec<usize> = letters.chars().filter_map(|letter| "xyz".find(letter)).collect();
    let mut sorted = axes.clone();
    sorted.sort_unstable();
    match <[usize; 3]>::try_from(axes) {
        Ok(axes)
            if sorted == [0, 1, 2] && letters.len() == 3 && order.to_lowercase().contains('r') =>
        {
            Ok(axes)
        }
        _ => Err(NoPose::Values(format!(
            "euler is {order:?}, expected the product of rotations about x, y and z, such as RzRyRx for \
             R = Rz Ry Rx"
        ))),
    }
}

/// The product of rotations about `axes`, each by the angle about that axis.
fn from_angles(angles: [f64; 3], axes: [usize; 3]) -> UnitQuaternion<f64> {
    let unit = [Vector3::x_axis(), Vector3::y_axis(), Vector3::z_axis()];
    axes.into_iter().fold(UnitQuaternion::identity(), |product, axis| {
        product * UnitQuaternion::from_axis_angle(&unit[axis], angles[axis])
    })
}

/// Whether a direction like `base_from_gripper` takes points of the flange to the world.
pub(super) fn is_world_from_flange(direction: &str) -> Result<bool, NoPose> {
    let direction = direction.to_lowercase();
    let is_world = |name: &str| matches!(name, "world" | "base" | "robot_base");
    let is_flange =
        |name: &str| matches!(name, "flange" | "gripper" | "hand" | "end_effector" | "tool0");
    let ends = direction
        .split_once("_from_")
        // OpenCV's names.
        .or_else(|| direction.split_once('2').map(|(source, target)| (target, source)));
    match ends {
        Some((target, source)) if is_world(target) && is_flange(source) => Ok(true),
        Some((target, source)) if is_flange(target) && is_world(source) => Ok(false),
        _ => Err(NoPose::Values(format!(
            "pose is {direction:?}, expected world_from_flange or flange_from_world"
        ))),
    }
}

const UNIT_HINT: &str = "the unit of the translation is not said: add unit, m or mm";
const AXES_HINT: &str = "the order of the rotations is not said: add euler, such as RzRyRx for R = Rz Ry Rx, or \
                         name a rotation vector rotvec_x_rad, rotvec_y_rad, rotvec_z_rad";

/// What is probably wrong with names that are no pose.
fn hint(fields: &Fields) -> &'static str {
    let has = |names: &[&str]| names.iter().any(|name| fields.contains_key(*name));
    if has(&["x", "y", "z"]) {
        "the unit of x, y, z is not said: name them x_mm or x_m, and so on"
    } else if has(&["roll", "pitch", "yaw", "rx", "ry", "rz"]) {
        "the unit of the angles is not said: name them roll_deg or roll_rad, and so on"
    } else if has(&["q0", "q1", "q2", "q3", "q4", "quaternion", "quat"]) {
        "the order of the quaternion is not said: name its parts qx, qy, qz, qw"
    } else {
        ""
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(text: &str) -> Fields {
        let field = |part: &str| {
            let (name, value) = part.split_once('=').unwrap();
            let value = Value { text: value.to_string(), number: value.parse().ok() };
            (name.to_string(), value)
        };
        text.split_whitespace().map(field).collect()
    }

    /// One pose in every form, from SciPy 1.17.1: `Rotation.from_euler("ZYX", [-40, 20, 170], degrees=True)` at
    /// 310, -120, 400 mm. `XYZ` of SciPy is `RxRyRz` here.
    const FORMS: [&str; 12] = [
        "x_mm=310 y_mm=-120 z_mm=400 roll_deg=170 pitch_deg=20 yaw_deg=-40",
        "x_m=0.31 y_m=-0.12 z_m=0.4 roll_rad=2.9670597284 pitch_rad=0.3490658504 yaw_rad=-0.6981317008",
        "x_mm=310 y_mm=-120 z_mm=400 roll_deg=170 pitch_deg=20 yaw_deg=-40 euler=Rz*Ry*Rx",
        "x_mm=310 y_mm=-120 z_mm=400 rx_deg=-174.8451589871 ry_deg=-21.6934858459 rz_deg=39.2207206096 euler=RxRyRz",
        "x_mm=310 y_mm=-120 z_mm=400 qx=0.9270713709 qy=-0.3213206537 qz=-0.1919111312 qw=0.021490196",
        "x_mm=310 y_mm=-120 z_mm=400 rotvec_x_rad=2.873295211 rotvec_y_rad=-0.9958770432 rotvec_z_rad=-0.5947949117",
        "m00=0.7198463104 m01=-0.5875259423 m02=-0.3696411186 m03=0.31 m10=-0.6040227736 m11=-0.7925824179 m12=0.0834841294 m13=-0.12 m20=-0.3420201433 m21=0.1631759112 m22=-0.9254165784 m23=0.4 unit=m",
        "m00=0.7198463104 m01=-0.5875259423 m02=-0.3696411186 m03=310 m10=-0.6040227736 m11=-0.7925824179 m12=0.0834841294 m13=-120 m20=-0.3420201433 m21=0.1631759112 m22=-0.9254165784 m23=400 unit=mm pose=base_from_gripper",
        "m00=0.7198463104 m01=-0.5875259423 m02=-0.3696411186 m03=0.31 m10=-0.6040227736 m11=-0.7925824179 m12=0.0834841294 m13=-0.12 m20=-0.3420201433 m21=0.1631759112 m22=-0.9254165784 m23=0.4 unit=m m30=0 m31=0 m32=0 m33=1 pose=gripper2base",
        "m00=0.7198463104 m01=-0.6040227736 m02=-0.3420201433 m03=-0.1588270317 m10=-0.5875259423 m11=-0.7925824179 m12=0.1631759112 m13=0.0217527875 m20=-0.3696411186 m21=0.0834841294 m22=-0.9254165784 m23=0.4947734737 unit=m pose=flange_from_world",
        "m00=0.7198463104 m01=-0.6040227736 m02=-0.3420201433 m03=-0.1588270317 m10=-0.5875259423 m11=-0.7925824179 m12=0.1631759112 m13=0.0217527875 m20=-0.3696411186 m21=0.0834841294 m22=-0.9254165784 m23=0.4947734737 unit=m pose=base2gripper",
        "x_mm=310 y_mm=-120 z_mm=400 r00=0.7198463104 r01=-0.5875259423 r02=-0.3696411186 r10=-0.6040227736 r11=-0.7925824179 r12=0.0834841294 r20=-0.3420201433 r21=0.1631759112 r22=-0.9254165784",
    ];

    #[test]
    fn one_pose_is_read_from_every_form() {
        let expected = world_from_flange(&fields(FORMS[0])).unwrap();
        for form in FORMS {
            let pose = world_from_flange(&fields(form)).unwrap();
            let off = expected.inverse() * pose;
            assert!(off.translation.vector.norm() < 1e-8, "{form}: {off}");
            assert!(off.rotation.angle() < 1e-6, "{form}: {off}");
        }
    }

    #[test]
    fn what_is_not_said_is_refused() {
        const XYZ: &str = "x_m=0.3 y_m=0 z_m=0.4";
        for (form, expected) in [
            ("x=0.3 y=0 z=0.4 roll_deg=0 pitch_deg=0 yaw_deg=0".to_string(), "unit of x, y, z"),
            (format!("{XYZ} roll=0 pitch=0 yaw=0"), "unit of the angles"),
            (format!("{XYZ} rx_deg=0 ry_deg=0 rz_deg=0"), "order of the rotations"),
            (format!("{XYZ} rx_deg=0 ry_deg=0 rz_deg=0 euler=zyx"), "euler is"),
            (format!("{XYZ} rx_deg=0 ry_deg=0 rz_deg=0 euler=RzRyRz"), "euler is"),
            (format!("{XYZ} q0=1 q1=0 q2=0 q3=0"), "order of the quaternion"),
            (format!("{XYZ} qx=1 qy=1 qz=0 qw=0"), "length 1.4142"),
            (format!("{XYZ} qx=1 qy=0 qz=0"), "Names"),
            (format!("{XYZ} qx=1 qy=0 qz=0 qw=0 time=3"), "Names"),
            (format!("{XYZ} x_mm=300 qx=1 qy=0 qz=0 qw=0"), "Names"),
            (format!("{XYZ} qx=1 qy=0 qz=0 qw=0 roll_deg=0 pitch_deg=0 yaw_deg=0"), "Names"),
            (format!("{XYZ} qx=1 qy=0 qz=0 qw=0 pose=base_from_tcp"), "base_from_tcp"),
            (XYZ.to_string(), "Names"),
            (FORMS[6].replace(" unit=m", ""), "unit of the translation"),
            (FORMS[6].replace("unit=m", "unit=cm"), "expected m or mm"),
            (FORMS[6].replace("m00=", "m00=1"), "no rotation"),
            (
                "m00=1 m01=0 m02=0 m03=0 m10=0 m11=1 m12=0 m13=0 m20=0 m21=0 m22=1 m23=0 m30=0.3 m31=0 m32=0.4 \
                 m33=1 unit=m"
                    .to_string(),
                "transposed",
            ),
            (format!("{XYZ} qx=a qy=0 qz=0 qw=0"), "qx"),
        ] {
            let message = format!("{:?}", world_from_flange(&fields(&form)).unwrap_err());
            assert!(message.contains(expected), "{form}: {message}");
        }
    }
}
