//! Whether a controller is that of the configured robot.

use crate::{ArmModel, RobotVersion, XArmError};

impl RobotVersion {
    /// Checks that this is the configured robot.
    ///
    /// # Errors
    /// [`XArmError::WrongRobot`], which names both robots and what to do.
    pub fn check_model(&self, expected: ArmModel) -> Result<(), XArmError> {
        let (got, advice) = match ArmModel::identify(self.joints, self.model) {
            Ok(model) if model == expected => return Ok(()),
            Ok(model) => {
                let advice = format!(
                    "set xarm.model = \"{}\", or correct xarm.host if this is another robot than you meant",
                    model.key()
                );
                (model.name().to_owned(), advice)
            }
            Err(name) => {
                let known: Vec<_> = ArmModel::ALL.iter().map(|model| model.name()).collect();
                (name, format!("only these are driven: {}; see xarm.host", known.join(", ")))
            }
        };
        Err(XArmError::WrongRobot { expected: expected.name(), got, advice })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_robot_is_refused_by_its_name_with_what_to_do() {
        let check = |text: &str, expected| {
            let version = RobotVersion::parse(text).unwrap();
            version.check_model(expected).map_err(|error| error.to_string())
        };
        assert_eq!(check("5,5,XF1305,AC1305,v2.5.0", ArmModel::XArm5), Ok(()));
        for (text, parts) in [
            ("5,5,XF1305,AC1305,v2.5.0", ["xArm 5", "xarm.model = \"xarm5\""]),
            ("6,12,FX8500,AC1305,v2.5.0", ["UFACTORY 850", "xarm.model = \"850\""]),
            ("6,9,LI1006,AC1305,v2.5.0", ["Lite 6", "only these are driven: xArm 5, xArm 6"]),
            ("7,7,XS1305,AC1305,v2.5.0", ["xArm 7", "see xarm.host"]),
        ] {
            let refused = check(text, ArmModel::XArm6).unwrap_err();
            assert!(parts.iter().all(|part| refused.contains(part)), "{refused}");
        }
    }
}
