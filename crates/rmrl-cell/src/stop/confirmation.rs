//! What a stop answers: who pressed the switch, and whether the devices stand.

use std::fmt;

/// The switch was pressed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("stopped by {by}")]
pub struct Stopped {
    /// Who pressed it first, for people to read, such as `Ctrl-C` or `the operator page`.
    pub by: String,
}

/// Whether a stop has arrived. Its text is for people, and the same wherever they read it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Confirmation {
    /// Nobody has pressed the switch.
    NotPressed,
    /// No device is connected that could be moving.
    NothingToStop,
    /// Every device has confirmed that it stands.
    Confirmed,
    /// A device has not confirmed it. It may still be moving.
    NotConfirmed {
        /// The device's name, as it was registered.
        device: &'static str,
        /// Why not, for people to read.
        reason: String,
    },
}

impl Confirmation {
    /// Whether a device may still be moving after a stop.
    pub fn is_missing(&self) -> bool {
        matches!(self, Self::NotConfirmed { .. })
    }

    /// The confirmation of two devices or switches together: the worse of both.
    pub(super) fn and(self, other: Self) -> Self {
        let rank = |one: &Self| match one {
            Self::NotPressed => 0,
            Self::NothingToStop => 1,
            Self::Confirmed => 2,
            Self::NotConfirmed { .. } => 3,
        };
        if rank(&other) > rank(&self) { other } else { self }
    }
}

impl fmt::Display for Confirmation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotPressed => f.write_str("nobody has stopped the arm"),
            Self::NothingToStop => f.write_str("this program moves no arm"),
            Self::Confirmed => f.write_str("the arm has confirmed that it stands"),
            Self::NotConfirmed { device, reason } => {
                write!(f, "NOT CONFIRMED: press the red button ({device}: {reason})")
            }
        }
    }
}
