//! Why a transfer was refused before anything moved, or why its records could not be kept.

use rmrl_core::InvalidKey;
use rmrl_inventory::{InventoryError, SlotAddress};
use rmrl_labware::LibraryError;

/// Why a transfer was not begun, or could not be recorded.
#[derive(Debug, thiserror::Error)]
pub enum TransferError {
    /// The inventory refuses it, or the file system does.
    #[error(transparent)]
    Inventory(#[from] InventoryError),
    /// The configuration has no such slot.
    #[error("there is no slot {slot}; the configuration has {known}")]
    NoSuchSlot {
        /// The slot.
        slot: SlotAddress,
        /// The slots that there are.
        known: String,
    },
    /// The labware is not known.
    #[error(transparent)]
    Labware(#[from] LibraryError),
    /// Something has a lid that its labware does not have.
    #[error("{labware} has no lid by its definition; add lid to [labware.{labware}]")]
    NoLid {
        /// The labware.
        labware: String,
    },
    /// An item would be moved level while it still reaches down beside the one that it lies on.
    #[error(
        "{labware} reaches {nesting_mm:.1} mm down beside what it lies on, and in {slot} it is lifted by {lift_mm:.1} mm before it \
         moves level (sites.{}.lift_m): do this in a slot that is entered from above", slot.site()
    )]
    LiftTooLow {
        /// The slot.
        slot: SlotAddress,
        /// The labware of what is moved.
        labware: String,
        /// How far it reaches down, in millimeters.
        nesting_mm: f64,
        /// How far it is lifted, in millimeters.
        lift_mm: f64,
    },
    /// Limits of the workspace are invalid.
    #[error("safety.{0}")]
    Safety(#[from] InvalidKey),
    /// The way is not proven to be clear.
    #[error("no clear way {way}: {reason}")]
    NotClear {
        /// Which way.
        way: String,
        /// Why.
        reason: String,
    },
    /// The jaws hold something of which the inventory knows nothing, or nothing where it says that they do.
    #[error("{0}; look, and say it by `rmrl cell inventory set` or `settle`")]
    Jaws(String),
    /// What is known of how things lie, or the log of transfers, could not be kept.
    #[error("{file}: {reason}")]
    Knowledge {
        /// The file.
        file: String,
        /// What failed.
        reason: String,
    },
}
