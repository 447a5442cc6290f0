//! What a transfer reports while it is under way.

use rmrl_inventory::{Place, SlotAddress};
use serde::Serialize;

use crate::request::{Ending, Request};

/// What a transfer reports while it is under way. What lies where is on disk before it is reported.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum TransferEvent {
    /// Nothing speaks against what is asked, and nothing has moved yet.
    Begins {
        /// What is asked.
        request: Request,
        /// The item.
        item: String,
    },
    /// Nothing tells how the item lies: it is put down here first, to look at it.
    GoesByWayOf {
        /// The item.
        item: String,
        /// Where it is put down.
        slot: SlotAddress,
    },
    /// The item was carried about, to learn where the camera sees plates.
    CarriedAbout {
        /// The item.
        item: String,
        /// How often so far.
        made: usize,
        /// How often at least.
        wanted: usize,
    },
    /// The arm is about to move for the item.
    Moves {
        /// The item.
        item: String,
        /// Where it is.
        from: Place,
        /// Where it will be.
        to: SlotAddress,
    },
    /// The jaws hold the item.
    Grasped {
        /// The item.
        item: String,
    },
    /// The jaws opened, and the item lies.
    Released {
        /// The item.
        item: String,
        /// Where it lies.
        at: SlotAddress,
    },
    /// The camera looks how it lies.
    Looks {
        /// The item.
        item: String,
        /// Where it lies.
        at: SlotAddress,
    },
    /// The transfer has ended.
    Ended {
        /// The item.
        item: String,
        /// How.
        #[serde(flatten)]
        ending: Ending,
    },
}

/// Receives what a transfer reports.
pub(crate) type Watcher = Box<dyn FnMut(TransferEvent) + Send>;
