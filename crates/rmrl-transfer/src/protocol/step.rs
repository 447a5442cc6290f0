//! One step of a protocol.

use std::fmt;

use rmrl_inventory::{Place, SlotAddress};
use serde::{Deserialize, Serialize};

/// What a step moves, named by its key in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepAction {
    /// An item, with all that lies on it, from a place to a slot.
    Transfer,
    /// The lid of the plate in a slot, to another slot.
    Unlid,
    /// A lid, onto the plate in a slot.
    Relid,
    /// A plate, onto the plate in a slot.
    Stack,
    /// The upper one of the plates in a slot, to another slot.
    Unstack,
}

impl StepAction {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Transfer, Self::Unlid, Self::Relid, Self::Stack, Self::Unstack];

    /// The key in the file.
    pub fn key(self) -> &'static str {
        match self {
            Self::Transfer => "transfer",
            Self::Unlid => "unlid",
            Self::Relid => "relid",
            Self::Stack => "stack",
            Self::Unstack => "unstack",
        }
    }

    /// Whether the item may be in the jaws before the step. A lid is taken off, and a plate off another one, in a slot
    /// only.
    pub fn begins_in_jaws(self) -> bool {
        matches!(self, Self::Transfer | Self::Relid | Self::Stack)
    }
}

impl fmt::Display for StepAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.key())
    }
}

/// What follows a step that failed in all its attempts.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum OnFailure {
    /// The protocol ends.
    #[default]
    Stop,
    /// The next step.
    Skip,
    /// The step of this name, which is further on.
    JumpTo(String),
}

impl From<String> for OnFailure {
    fn from(text: String) -> Self {
        match text.as_str() {
            "stop" => Self::Stop,
            "skip" => Self::Skip,
            _ => Self::JumpTo(text),
        }
    }
}

impl From<OnFailure> for String {
    fn from(on_failure: OnFailure) -> Self {
        match on_failure {
            OnFailure::Stop => "stop".to_string(),
            OnFailure::Skip => "skip".to_string(),
            OnFailure::JumpTo(name) => name,
        }
    }
}

/// One step: an item comes from a place to a slot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// Its name, which no other step of the protocol has.
    pub name: String,
    /// What it moves.
    pub action: StepAction,
    /// Where the item is before. In the jaws it is grasped already, and the step only places it.
    pub from: Place,
    /// Where it is afterwards.
    pub to: SlotAddress,
    /// How often it is tried again.
    pub retries: u32,
    /// What follows if it fails.
    pub on_failure: OnFailure,
}

impl Step {
    /// The rest of this step when the item is in the jaws: only its placing.
    #[must_use]
    pub fn placing_from_jaws(&self) -> Self {
        Self { from: Place::Jaws, ..self.clone() }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {} {} to {}", self.name, self.action, self.from, self.to)
    }
}
