//! The robots that this crate drives, and the names of the vendor's other robots.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A robot that this crate drives.
///
/// In a configuration it is `"xarm5"`, `"xarm6"` or `"850"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(try_from = "ModelText")]
pub enum ArmModel {
    /// An xArm 5: the xArm 6 without the roll of the forearm.
    #[serde(rename = "xarm5")]
    XArm5,
    /// An xArm 6.
    #[default]
    #[serde(rename = "xarm6")]
    XArm6,
    /// A UFACTORY 850: the joints of an xArm 6 with other lengths.
    #[serde(rename = "850")]
    Uf850,
}

impl ArmModel {
    /// All models.
    pub const ALL: [Self; 3] = [Self::XArm5, Self::XArm6, Self::Uf850];

    /// The number of its joints.
    pub const fn axes(self) -> u8 {
        match self {
            Self::XArm5 => 5,
            Self::XArm6 | Self::Uf850 => 6,
        }
    }

    /// The vendor's number of the model.
    pub const fn number(self) -> u16 {
        match self {
            Self::XArm5 => 5,
            Self::XArm6 => 6,
            Self::Uf850 => 12,
        }
    }

    /// Its name, as `xArm 5`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::XArm5 => "xArm 5",
            Self::XArm6 => "xArm 6",
            Self::Uf850 => "UFACTORY 850",
        }
    }

    /// Its name in a configuration, as `xarm5`.
    pub const fn key(self) -> &'static str {
        match self {
            Self::XArm5 => "xarm5",
            Self::XArm6 => "xarm6",
            Self::Uf850 => "850",
        }
    }

    /// The model for the number of joints and the vendor's number that a controller reports.
    ///
    /// # Errors
    /// The name of the robot, if this crate does not drive it.
    pub fn identify(axes: u8, number: u16) -> Result<Self, String> {
        let name = match (axes, number) {
            (5, 5) => return Ok(Self::XArm5),
            (6, 6) => return Ok(Self::XArm6),
            (6, 12) => return Ok(Self::Uf850),
            (6, 1) => "xArm 6 of the first series",
            (6, 8 | 9) => "Lite 6",
            (6, 11) => "UFACTORY 850 of the first series",
            (7, 2..=4 | 7) => "xArm 7",
            (7, 13) => "xArm 7T",
            _ => return Err(format!("unknown model {number} with {axes} axes")),
        };
        Err(format!("{name} (model {number})"))
    }
}

impl fmt::Display for ArmModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The text of a model. `850` may be a number without quotes, as on a command line.
#[derive(Deserialize)]
#[serde(untagged)]
enum ModelText {
    Name(String),
    Number(i64),
}

/// A text that is no model.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is no robot that this crate drives, expected \"xarm5\", \"xarm6\" or \"850\"")]
struct NoSuchModel(String);

impl TryFrom<ModelText> for ArmModel {
    type Error = NoSuchModel;

    fn try_from(text: ModelText) -> Result<Self, Self::Error> {
        let name = match text {
            ModelText::Name(name) => name,
            ModelText::Number(number) => number.to_string(),
        };
        let known = Self::ALL.into_iter().find(|model| model.key() == name);
        known.ok_or(NoSuchModel(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_robot_of_the_vendor_has_its_name() {
        for model in ArmModel::ALL {
            assert_eq!(ArmModel::identify(model.axes(), model.number()), Ok(model));
        }
        for (axes, number, name) in [
            (6, 9, "Lite 6"),
            (7, 7, "xArm 7"),
            (7, 3, "xArm 7"),
            (7, 13, "xArm 7T"),
            (6, 11, "850"),
            (6, 5, "unknown model 5 with 6 axes"),
            (4, 99, "unknown model 99 with 4 axes"),
        ] {
            let refused = ArmModel::identify(axes, number).unwrap_err();
            assert!(refused.contains(name), "{refused}");
        }
    }

    #[test]
    fn a_configuration_names_the_model() {
        #[derive(Debug, PartialEq, Serialize, Deserialize)]
        struct File {
            model: ArmModel,
        }
        for model in ArmModel::ALL {
            let text = toml::to_string(&File { model }).unwrap();
            assert_eq!(text, format!("model = \"{}\"\n", model.key()));
            assert_eq!(toml::from_str::<File>(&text).unwrap(), File { model });
        }
        // A number, as on a command line.
        assert_eq!(toml::from_str("model = 850"), Ok(File { model: ArmModel::Uf850 }));
        let refused = toml::from_str::<File>("model = \"lite6\"").unwrap_err().to_string();
        assert!(refused.contains("`lite6`") && refused.contains("\"xarm5\""), "{refused}");
    }
}
