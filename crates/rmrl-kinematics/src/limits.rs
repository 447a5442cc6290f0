//! The limits of the joints, from the tables of the vendor's SDK.

use std::f64::consts::{PI, TAU};

use super::joints::Joints;
use super::kinematics_error::KinematicsError;
use crate::ArmModel;

/// The rounding error of the controller's single-precision numbers, in radians.
pub(super) const ROUNDING_RAD: f64 = 1e-6;

/// The limits of each joint, in radians. A joint that the arm does not have has infinite limits.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct JointLimits {
    /// The smallest angles.
    pub lower_rad: Joints,
    /// The largest angles.
    pub upper_rad: Joints,
}

impl JointLimits {
    /// The limits of the xArm 5 as sold since 2019.
    pub const XARM5: Self = Self {
        lower_rad: [-TAU, -2.059488, -3.92699, -1.692969, -TAU, f64::NEG_INFINITY],
        upper_rad: [TAU, 2.094395, 0.191986, PI, TAU, f64::INFINITY],
    };
    /// The limits of xArm 5 with serial numbers that begin with XF1305 or later: a little narrower at the
    /// shoulder and the elbow.
    pub const XARM5_1305: Self = Self {
        lower_rad: [-TAU, -2.042035, -3.822271, -1.692969, -TAU, f64::NEG_INFINITY],
        upper_rad: [TAU, 2.024581, 0.174532, PI, TAU, f64::INFINITY],
    };
    /// The limits of the xArm 6 as sold since 2019.
    pub const XARM6: Self = Self {
        lower_rad: [-TAU, -2.059488, -3.92699, -TAU, -1.692969, -TAU],
        upper_rad: [TAU, 2.094395, 0.191986, TAU, PI, TAU],
    };
    /// The limits of xArm 6 with serial numbers that begin with XI1305 or later: a little narrower at the
    /// shoulder and the elbow.
    pub const XARM6_1305: Self = Self {
        lower_rad: [-TAU, -2.042035, -3.822271, -TAU, -1.692969, -TAU],
        upper_rad: [TAU, 2.024581, 0.174532, TAU, PI, TAU],
    };
    /// The limits of the UFACTORY 850.
    pub const UF850: Self = Self {
        lower_rad: [-TAU, -2.303834612632515, -4.223696789826278, -TAU, -2.1642082724729685, -TAU],
        upper_rad: [TAU, 2.303834612632515, 0.061086523819801536, TAU, 2.1642082724729685, TAU],
    };

    /// The limits that every robot of a model allows, whatever its serial number.
    pub const fn of(model: ArmModel) -> Self {
        match model {
            ArmModel::XArm5 => Self::XARM5_1305,
            ArmModel::XArm6 => Self::XARM6_1305,
            ArmModel::Uf850 => Self::UF850,
        }
    }

    /// The limits, each `margin_rad` nearer to the other.
    #[must_use]
    pub fn narrowed(self, margin_rad: f64) -> Self {
        Self {
            lower_rad: self.lower_rad.map(|lower| lower + margin_rad),
            upper_rad: self.upper_rad.map(|upper| upper - margin_rad),
        }
    }

    /// Checks every joint.
    ///
    /// # Errors
    /// The first joint that is beyond its limits by more than rounding.
    pub fn check(&self, joints: &Joints) -> Result<(), KinematicsError> {
        for (index, &angle_rad) in joints.iter().enumerate() {
            let (lower_rad, upper_rad) = (self.lower_rad[index], self.upper_rad[index]);
            if !angle_rad.is_finite() {
                return Err(KinematicsError::NotANumber);
            }
            if angle_rad < lower_rad - ROUNDING_RAD || angle_rad > upper_rad + ROUNDING_RAD {
                let joint = index + 1;
                return Err(KinematicsError::JointLimit { joint, angle_rad, lower_rad, upper_rad });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `XCONF.Robot.JOINT_LIMITS` of xarm-python-sdk 1.18.4, by axes and type, lower and upper limit of
    /// each joint. With a serial number from 1305 on, its checks take the type with that suffix.
    const SDK: [(&str, JointLimits, &[[f64; 2]]); 5] = [
        (
            "XARM5_X4",
            JointLimits::XARM5,
            &[
                [-TAU, TAU],
                [-2.059488, 2.094395],
                [-3.92699, 0.191986],
                [-1.692969, PI],
                [-TAU, TAU],
            ],
        ),
        (
            "XARM5_X4_1305",
            JointLimits::XARM5_1305,
            &[
                [-TAU, TAU],
                [-2.042035, 2.024581],
                [-3.822271, 0.174532],
                [-1.692969, PI],
                [-TAU, TAU],
            ],
        ),
        (
            "XARM6_X4",
            JointLimits::XARM6,
            &[
                [-TAU, TAU],
                [-2.059488, 2.094395],
                [-3.92699, 0.191986],
                [-TAU, TAU],
                [-1.692969, PI],
                [-TAU, TAU],
            ],
        ),
        (
            "XARM6_X4_1305",
            JointLimits::XARM6_1305,
            &[
                [-TAU, TAU],
                [-2.042035, 2.024581],
                [-3.822271, 0.174532],
                [-TAU, TAU],
                [-1.692969, PI],
                [-TAU, TAU],
            ],
        ),
        (
            "XARM6_X12",
            JointLimits::UF850,
            &[
                [-TAU, TAU],
                [-2.303834612632515, 2.303834612632515],
                [-4.223696789826278, 0.061086523819801536],
                [-TAU, TAU],
                [-2.1642082724729685, 2.1642082724729685],
                [-TAU, TAU],
            ],
        ),
    ];

    #[test]
    fn limits_are_those_of_the_vendors_tables() {
        for (name, limits, table) in SDK {
            for index in 0..6 {
                let expected = table.get(index).copied();
                let expected = expected.unwrap_or([f64::NEG_INFINITY, f64::INFINITY]);
                assert_eq!([limits.lower_rad[index], limits.upper_rad[index]], expected, "{name}");
            }
        }
    }

    #[test]
    fn the_limits_of_a_model_hold_for_every_robot_of_it() {
        for (model, each) in [
            (ArmModel::XArm5, &[JointLimits::XARM5, JointLimits::XARM5_1305][..]),
            (ArmModel::XArm6, &[JointLimits::XARM6, JointLimits::XARM6_1305]),
            (ArmModel::Uf850, &[JointLimits::UF850]),
        ] {
            let any = JointLimits::of(model);
            for of in each {
                for index in 0..6 {
                    assert!(any.lower_rad[index] >= of.lower_rad[index]);
                    assert!(any.upper_rad[index] <= of.upper_rad[index]);
                }
            }
        }
    }

    #[test]
    fn limits_name_the_joint() {
        let limits = JointLimits::XARM6;
        assert_eq!(limits.check(&[0.0; 6]), Ok(()));
        let message = limits.check(&[0.0, 0.0, 0.3, 0.0, 0.0, 0.0]).unwrap_err().to_string();
        assert!(message.contains("joint 3 would be at 17.2 degrees"), "{message}");
        let invalid = limits.check(&[f64::NAN, 0.0, 0.0, 0.0, 0.0, 0.0]);
        assert_eq!(invalid, Err(KinematicsError::NotANumber));
        // Joint 4 of an xArm 5 is the one that is joint 5 of an xArm 6.
        let pitch = JointLimits::XARM5.check(&[0.0, 0.0, 0.0, -1.8, 0.0, 0.0]).unwrap_err();
        assert!(pitch.to_string().contains("joint 4 would be at -103.1 degrees"), "{pitch}");
    }
}
