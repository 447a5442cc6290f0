//! How a table of poses was meant: its units, its direction, its order of angles.

use std::fmt;

use nalgebra::{Isometry3, Translation3, UnitQuaternion, Vector3};

/// How the numbers of poses are meant. The default is how they are read: millimeters, degrees,
/// `R = Rz(yaw) Ry(pitch) Rx(roll)`, of the flange in the robot's base.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PoseReading {
    /// Whether positions are in meters.
    pub meters: bool,
    /// Whether angles are in radians.
    pub radians: bool,
    /// The order of the angles.
    pub angles: AngleOrder,
    /// Whether the poses are those of the robot's base in the flange.
    pub inverted: bool,
}

/// What three angles mean. `a`, `b` and `c` are those read as roll, pitch and yaw.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AngleOrder {
    /// `Rz(c) Ry(b) Rx(a)`.
    #[default]
    RollPitchYaw,
    /// `Rx(a) Ry(b) Rz(c)`.
    Xyz,
    /// `Rz(a) Ry(b) Rx(c)`.
    YawPitchRoll,
    /// `Rz(a) Ry(b) Rz(c)`.
    Zyz,
    /// The axis of the rotation times its angle.
    RotationVector,
}

impl PoseReading {
    /// All readings but the default.
    pub(crate) fn others() -> impl Iterator<Item = Self> {
        let orders = [
            AngleOrder::RollPitchYaw,
            AngleOrder::Xyz,
            AngleOrder::YawPitchRoll,
            AngleOrder::Zyz,
            AngleOrder::RotationVector,
        ];
        let switches = [false, true];
        let all = orders.into_iter().flat_map(move |angles| {
            switches.into_iter().flat_map(move |meters| {
                switches.into_iter().flat_map(move |radians| {
                    let of = move |inverted| Self { meters, radians, angles, inverted };
                    switches.into_iter().map(of)
                })
            })
        });
        all.filter(|reading| *reading != Self::default())
    }

    /// How many things differ from the default.
    pub(crate) fn changes(self) -> usize {
        let switches = [self.meters, self.radians, self.inverted];
        switches.into_iter().filter(|switch| *switch).count()
            + usize::from(self.angles != AngleOrder::default())
    }

    /// A pose that was read by default, read in this way.
    pub(crate) fn reread(self, pose: &Isometry3<f64>) -> Isometry3<f64> {
        let translation = pose.translation.vector * if self.meters { 1000.0 } else { 1.0 };
        let scale = if self.radians { 1_f64.to_degrees() } else { 1.0 };
        let (a, b, c) = pose.rotation.euler_angles();
        let [a, b, c] = [a, b, c].map(|angle| scale * angle);
        let about = |axis, angle| UnitQuaternion::from_axis_angle(&axis, angle);
        let (x, y, z) = (Vector3::x_axis(), Vector3::y_axis(), Vector3::z_axis());
        let rotation = match self.angles {
            AngleOrder::RollPitchYaw => about(z, c) * about(y, b) * about(x, a),
            AngleOrder::Xyz => about(x, a) * about(y, b) * about(z, c),
            AngleOrder::YawPitchRoll => about(z, a) * about(y, b) * about(x, c),
            AngleOrder::Zyz => about(z, a) * about(y, b) * about(z, c),
            AngleOrder::RotationVector => UnitQuaternion::from_scaled_axis(Vector3::new(a, b, c)),
        };
        let pose = Isometry3::from_parts(Translation3::from(translation), rotation);
        if self.inverted { pose.inverse() } else { pose }
    }
}

impl fmt::Display for PoseReading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = Vec::new();
        if self.meters {
            parts.push("positions are in meters");
        }
        if self.radians {
            parts.push("angles are in radians");
        }
        match self.angles {
            AngleOrder::RollPitchYaw => {}
            AngleOrder::Xyz => parts.push("angles are of R = Rx(roll) Ry(pitch) Rz(yaw)"),
            AngleOrder::YawPitchRoll => parts.push("the columns of roll and yaw are exchanged"),
            AngleOrder::Zyz => parts.push("the three angles are of R = Rz Ry Rz"),
            AngleOrder::RotationVector => {
                parts.push("the three angles are a rotation vector (axis times angle)");
            }
        }
        if self.inverted {
            parts.push("poses are those of the robot's base in the flange, which is their inverse");
        }
        write!(f, "{}", parts.join(", and "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A pose as a program writes it in radians: roll π, pitch 0.2, yaw -1.5, at (0.3, -0.1, 0.4) m.
    #[test]
    fn numbers_are_read_as_they_were_meant() {
        let meant = Isometry3::from_parts(
            Translation3::new(0.3, -0.1, 0.4),
            UnitQuaternion::from_euler_angles(3.1, 0.2, -1.5),
        );
        let as_read = Isometry3::from_parts(
            Translation3::new(0.000_3, -0.000_1, 0.000_4),
            UnitQuaternion::from_euler_angles(
                3.1_f64.to_radians(),
                0.2_f64.to_radians(),
                -1.5_f64.to_radians(),
            ),
        );
        let reading = PoseReading { meters: true, radians: true, ..PoseReading::default() };
        let off = reading.reread(&as_read).inverse() * meant;
        assert!(off.translation.vector.norm() < 1e-9 && off.rotation.angle() < 1e-6);
        assert_eq!(reading.to_string(), "positions are in meters, and angles are in radians");
        assert_eq!(PoseReading::others().count(), 39);
    }
}
