//! Other readings of a table of poses: wrong units, inverted poses, another order of angles.
//!
//! A table that was read wrongly fits no camera. The same numbers, read as they were meant, do.

use std::fmt;

use nalgebra::{Isometry3, Translation3, UnitQuaternion, Vector3};

use crate::PosedView;
use crate::hand_eye_start::{Hypothesis, excess};
use crate::median::median;
use crate::posed::Seen;

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
    fn others() -> impl Iterator<Item = Self> {
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
    fn changes(self) -> usize {
        let switches = [self.meters, self.radians, self.inverted];
        switches.into_iter().filter(|switch| *switch).count()
            + usize::from(self.angles != AngleOrder::default())
    }

    /// A pose that was read by default, read in this way.
    fn reread(self, pose: &Isometry3<f64>) -> Isometry3<f64> {
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

/// How well poses agree with the views: the share of views that agree, and the median error relative to that of a
/// closed form.
#[derive(Clone, Copy)]
pub(crate) struct Agreement {
    share: f64,
    median: f64,
}

impl Agreement {
    pub(crate) fn of(hypothesis: &Hypothesis, seen: &[Seen<&PosedView>]) -> Self {
        let offs: Vec<f64> = seen.iter().map(|seen| excess(hypothesis.off(seen))).collect();
        let within = offs.iter().filter(|off| **off <= 1.0).count();
        Self { share: within as f64 / offs.len() as f64, median: median(offs) }
    }
}

/// How the poses were meant, if another reading fits far better than the default. `agreement` is
/// that of views with other poses.
pub(crate) fn other_reading(
    seen: &[Seen<&PosedView>],
    agreement: impl Fn(&[Seen<&PosedView>]) -> Option<Agreement>,
) -> Option<PoseReading> {
    let as_read = agreement(seen).map_or(f64::INFINITY, |agreement| agreement.median);
    let mut best: Option<(PoseReading, f64)> = None;
    for reading in PoseReading::others() {
        let reread: Vec<PosedView> = seen
            .iter()
            .map(|seen| PosedView {
                view: seen.view.view.clone(),
                world_from_flange: reading.reread(&seen.view.world_from_flange),
            })
            .collect();
        let seen: Vec<Seen<&PosedView>> = seen
            .iter()
            .zip(&reread)
            .map(|(seen, view)| Seen {
                view,
                camera_from_board: seen.camera_from_board,
                reprojection_px: seen.reprojection_px,
            })
            .collect();
        let Some(Agreement { share, median }) = agreement(&seen) else { continue };
        // Of readings that fit about as well, the one with the fewest changes is meant.
        let penalized = median * f64::powi(ALIKE, reading.changes() as i32);
        if share >= AGREEING_SHARE
            && median < MUCH_BETTER * as_read
            && best.is_none_or(|(_, least)| penalized < least)
        {
            best = Some((reading, penalized));
        }
    }
    best.map(|(reading, _)| reading)
}

/// The share of views that agree in the right reading: the others may have wrong rows.
const AGREEING_SHARE: f64 = 0.7;
/// How much smaller the median error of the right reading is than that of a wrong one.
const MUCH_BETTER: f64 = 0.3;
/// Readings whose median errors differ by less than this factor fit alike.
const ALIKE: f64 = 1.5;

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
