//! The kinds of labware.

use std::fmt::{self, Display, Formatter};

use serde::{Deserialize, Serialize};

/// The kind of a labware. It is a word for people and schedulers: no check depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LabwareKind {
    /// A plate of the standard height.
    #[default]
    Microplate,
    /// A tall plate.
    DeepWellPlate,
    /// A lid without its plate.
    Lid,
    /// A container with one or a few troughs.
    Reservoir,
    /// A rack with pipette tips.
    TipRack,
    /// A rack with tubes.
    TubeRack,
    /// Anything else.
    Other,
}

impl Display for LabwareKind {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Microplate => "microplate",
            Self::DeepWellPlate => "deep-well-plate",
            Self::Lid => "lid",
            Self::Reservoir => "reservoir",
            Self::TipRack => "tip-rack",
            Self::TubeRack => "tube-rack",
            Self::Other => "other",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_written_as_they_are_displayed() {
        for kind in [
            LabwareKind::Microplate,
            LabwareKind::DeepWellPlate,
            LabwareKind::Lid,
            LabwareKind::Reservoir,
            LabwareKind::TipRack,
            LabwareKind::TubeRack,
            LabwareKind::Other,
        ] {
            let text = serde_json::to_string(&kind).unwrap();
            assert_eq!(text, format!("\"{kind}\""));
            assert_eq!(serde_json::from_str::<LabwareKind>(&text).unwrap(), kind);
        }
    }
}
