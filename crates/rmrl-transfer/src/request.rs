//! What is asked of a cell, and how it ended.

use std::fmt;

use rmrl_inventory::{Item, Place, SlotAddress, World};
use serde::{Deserialize, Serialize};

/// What shall be moved, and where to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum Request {
    /// The item on top of a slot, or in the jaws, with its lid: to a slot, or onto what lies there.
    Move {
        /// Where it is.
        from: Place,
        /// Where it shall be.
        to: SlotAddress,
    },
    /// The lid of the plate on top of a slot.
    Unlid {
        /// Where the plate is.
        from: SlotAddress,
        /// Where the lid shall be.
        to: SlotAddress,
    },
    /// A lid, onto the plate on top of a slot.
    Relid {
        /// Where the lid is.
        from: Place,
        /// Where the plate is.
        to: SlotAddress,
    },
}

impl Request {
    /// What is meant by "from here to there": a lid that comes to a plate is put onto it. With `lid` only the lid of the plate is
    /// meant.
    ///
    /// # Errors
    /// A lid in the jaws has no plate that it could be taken from; in words.
    pub fn between(
        world: &World,
        from: &Place,
        to: &SlotAddress,
        lid: bool,
    ) -> Result<Self, String> {
        let (from, to) = (from.clone(), to.clone());
        if lid {
            return match from {
                Place::Slot(from) => Ok(Self::Unlid { from, to }),
                Place::Jaws => {
                    Err("the jaws hold no plate whose lid could be taken off".to_string())
                }
            };
        }
        let top = match &from {
            Place::Slot(slot) => world.top(slot),
            Place::Jaws => world.jaws(),
        };
        let comes_to_plate =
            top.is_some_and(Item::is_lid) && world.top(&to).is_some_and(|item| !item.is_lid());
        Ok(if comes_to_plate { Self::Relid { from, to } } else { Self::Move { from, to } })
    }

    /// Where the jaws take what shall be moved.
    pub fn from(&self) -> Place {
        match self {
            Self::Move { from, .. } | Self::Relid { from, .. } => from.clone(),
            Self::Unlid { from, .. } => Place::Slot(from.clone()),
        }
    }

    /// Where they release it.
    pub fn to(&self) -> &SlotAddress {
        match self {
            Self::Move { to, .. } | Self::Unlid { to, .. } | Self::Relid { to, .. } => to,
        }
    }
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Move { from, to } => write!(f, "from {from} to {to}"),
            Self::Unlid { from, to } => write!(f, "the lid from {from} to {to}"),
            Self::Relid { from, to } => write!(f, "the lid from {from} onto the plate in {to}"),
        }
    }
}

/// Where an item is whose transfer was not done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LeftAt {
    /// Where it was.
    From,
    /// In the slot where it was put down in between.
    Between,
    /// In the jaws.
    Jaws,
}

/// How a transfer ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "ending", rename_all = "snake_case")]
pub enum Ending {
    /// The item lies where it should.
    Done,
    /// It does not, and it is known where it is.
    NotDone {
        /// Where it is.
        at: LeftAt,
        /// Why, in words.
        reason: String,
    },
    /// Nobody knows where it is: a person has to look, and say it (`rmrl cell inventory settle`).
    Unknown {
        /// Why, in words.
        reason: String,
    },
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Done => f.write_str("done"),
            Self::NotDone { at: LeftAt::From, reason } => {
                write!(f, "not done, it is where it was: {reason}")
            }
            Self::NotDone { at: LeftAt::Between, reason } => {
                write!(f, "not done, it is where it was put down in between: {reason}")
            }
            Self::NotDone { at: LeftAt::Jaws, reason } => {
                write!(f, "not done, it is in the jaws: {reason}")
            }
            Self::Unknown { reason } => write!(f, "nobody knows where it is: {reason}"),
        }
    }
}

/// By what an error is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KnownBy {
    /// The camera looked.
    Measured,
    /// What is believed of grip and arm.
    Predicted,
}

/// How far an item lies from where it should, in the frame of the tool at its slot.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct PlaceError {
    /// By what it is known.
    pub known_by: KnownBy,
    /// Along the fingers, in millimeters.
    pub along_mm: f64,
    /// Across them, in millimeters.
    pub across_mm: f64,
    /// Its turn, in degrees.
    pub yaw_deg: f64,
    /// Half the width of the 95 % interval of the distance, in millimeters.
    pub interval_mm: f64,
}

impl PlaceError {
    /// The distance in the plane, in millimeters.
    pub fn distance_mm(&self) -> f64 {
        self.along_mm.hypot(self.across_mm)
    }
}

/// What chose where the jaws closed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CorrectedBy {
    /// The belief of self-calibration.
    Belief,
    /// A trained policy, by its name.
    Policy(String),
}

impl fmt::Display for CorrectedBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Belief => f.write_str("the belief"),
            Self::Policy(name) => write!(f, "the policy {name}"),
        }
    }
}

/// A policy in whose place another one, or the belief, corrected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PassedOver {
    /// Its name.
    pub policy: String,
    /// Why, in words.
    pub reason: String,
}

/// What a transfer came to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TransferReport {
    /// What was asked.
    pub request: Request,
    /// What was moved: the item's identifier.
    pub item: String,
    /// Its labware.
    pub labware: String,
    /// How it ended.
    #[serde(flatten)]
    pub ending: Ending,
    /// How far it lies from where it should, if it was released there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<PlaceError>,
    /// Whether that is within the site's tolerance.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub is_seated: Option<bool>,
    /// The slot where it was put down in between, to look at it and to grip it again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by_way_of: Option<SlotAddress>,
    /// How often it was carried about before, to learn where the camera sees plates.
    pub carries: usize,
    /// What chose where the jaws closed; `None` if nothing was chosen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub corrected_by: Option<CorrectedBy>,
    /// The policy whose turn it was, if another one, or the belief, corrected in its place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub passed_over: Option<PassedOver>,
}

impl TransferReport {
    /// The report of a transfer of which this was the rest, after the item had been put down in `via`.
    pub(crate) fn by_way_of(mut self, via: SlotAddress) -> Self {
        if let Ending::NotDone { at: at @ LeftAt::From, .. } = &mut self.ending {
            *at = LeftAt::Between;
        }
        // One that was put down where it should lie, to look at it, and was put right there.
        let is_place = self.ending == Ending::Done && via == *self.request.to();
        self.by_way_of = (!is_place).then_some(via);
        self
    }
}
