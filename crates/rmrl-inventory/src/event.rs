//! What is journaled.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::address::{Place, SlotAddress};
use crate::item::{Item, ItemId};

/// The version of the lines that this program writes and reads.
pub const SCHEMA: u32 = 1;

/// A transfer: the sequence number of the event that began it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TransferId(pub u64);

impl fmt::Display for TransferId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Who says so, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StatedBy {
    /// The operator or the command.
    pub by: String,
    /// Why the statement is made.
    pub reason: String,
}

/// Where the item is after a transfer that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailedAt {
    /// Where it was before.
    AtFrom,
    /// In the jaws.
    InJaws,
    /// Nobody knows: an operator has to say it.
    Unknown,
}

/// A change of the world, or of what is known of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// Somebody says what is in a place.
    Set {
        /// The place.
        place: Place,
        /// The items in it, from the bottom; none if it is empty.
        items: Vec<Item>,
        /// Who says so, and why.
        #[serde(flatten)]
        stated: StatedBy,
    },
    /// The arm is about to move for an item.
    Begin {
        /// The transfer.
        transfer: TransferId,
        /// Where the item is.
        from: Place,
        /// Where it will be.
        to: SlotAddress,
        /// The item.
        item: ItemId,
    },
    /// The arm is about to take the lid off a plate. From now on the lid is an item of its own, `PLATE.lid`.
    Unlid {
        /// The transfer.
        transfer: TransferId,
        /// Where the plate is and stays.
        from: SlotAddress,
        /// Where the lid will be.
        to: SlotAddress,
        /// The plate.
        plate: ItemId,
    },
    /// The arm is about to grip an item and put it down in its own slot again: to learn from it, or to put it right.
    Adjust {
        /// The transfer.
        transfer: TransferId,
        /// Where the item is, and will be.
        at: SlotAddress,
        /// The item.
        item: ItemId,
    },
    /// The arm is about to move for a lid, to put it on a plate. When it is released, it is no item any more.
    Relid {
        /// The transfer.
        transfer: TransferId,
        /// Where the lid is.
        from: Place,
        /// Where the plate is.
        to: SlotAddress,
        /// The lid.
        lid: ItemId,
        /// The plate.
        plate: ItemId,
    },
    /// The jaws hold the item.
    Grasped {
        /// The transfer.
        transfer: TransferId,
    },
    /// The jaws opened, and the item lies.
    Released {
        /// The transfer.
        transfer: TransferId,
        /// Where it lies: the transfer's `to`, or its `from` if a lid was put back on the plate that it was taken off.
        at: SlotAddress,
        /// How far it lies from where it should, in millimeters, where that was measured.
        error_mm: Option<f64>,
    },
    /// The arm is away from the item that it released.
    Done {
        /// The transfer.
        transfer: TransferId,
    },
    /// The transfer ended, and the item is not where it should be.
    Failed {
        /// The transfer.
        transfer: TransferId,
        /// Where the item is.
        #[serde(rename = "where")]
        at: FailedAt,
        /// Why it failed.
        reason: String,
    },
    /// The program was started again while a transfer was open. Until the jaws released it, its item is uncertain.
    Interrupted {
        /// The transfer.
        transfer: TransferId,
    },
    /// Somebody says where the uncertain item is.
    Settled {
        /// The item.
        item: ItemId,
        /// Where it is, on top of what lies there; `None` if it was taken out of the cell.
        place: Option<Place>,
        /// Who says so, and why.
        #[serde(flatten)]
        stated: StatedBy,
    },
}

/// An event with its number and time: one line of the journal, without its digest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// The version of this line, [`SCHEMA`].
    pub schema: u32,
    /// The event's number, counted from 1 without a gap.
    pub sequence: u64,
    /// When it happened, UTC. It may jump when the machine's clock is set; the sequence does not.
    pub time: Timestamp,
    /// The event.
    #[serde(flatten)]
    pub event: Event,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_readable_and_survive_json() {
        let stated = StatedBy { by: "operator".into(), reason: "loaded".into() };
        let item = Item::new("p1".parse().unwrap(), "p96", true).unwrap();
        let transfer = TransferId(7);
        let slot: SlotAddress = "hotel:1".parse().unwrap();
        for (event, expected) in [
            (
                Event::Set {
                    place: slot.clone().into(),
                    items: vec![item],
                    stated: stated.clone(),
                },
                r#""event":"set","place":"hotel:1","items":[{"id":"p1","labware":"p96","has_lid":true}],"by":"operator","reason":"loaded""#,
            ),
            (
                Event::Unlid {
                    transfer,
                    from: slot.clone(),
                    to: "lids".parse().unwrap(),
                    plate: "p1".parse().unwrap(),
                },
                r#""event":"unlid","transfer":7,"from":"hotel:1","to":"lids","plate":"p1""#,
            ),
            (
                Event::Relid {
                    transfer,
                    from: Place::Jaws,
                    to: slot.clone(),
                    lid: "p1.lid".parse().unwrap(),
                    plate: "p1".parse().unwrap(),
                },
                r#""event":"relid","transfer":7,"from":"jaws","to":"hotel:1","lid":"p1.lid","plate":"p1""#,
            ),
            (
                Event::Released { transfer, at: slot, error_mm: Some(0.25) },
                r#""event":"released","transfer":7,"at":"hotel:1","error_mm":0.25"#,
            ),
            (
                Event::Failed { transfer, at: FailedAt::InJaws, reason: "no room".into() },
                r#""event":"failed","transfer":7,"where":"in_jaws","reason":"no room""#,
            ),
            (
                Event::Settled { item: "p1".parse().unwrap(), place: None, stated },
                r#""event":"settled","item":"p1","place":null,"by":"operator","reason":"loaded""#,
            ),
        ] {
            let entry = Entry { schema: SCHEMA, sequence: 9, time: Timestamp::UNIX_EPOCH, event };
            let json = serde_json::to_string(&entry).unwrap();
            let head = r#"{"schema":1,"sequence":9,"time":"1970-01-01T00:00:00Z","#;
            assert_eq!(json, format!("{head}{expected}}}"));
            assert_eq!(serde_json::from_str::<Entry>(&json).unwrap(), entry);
        }
    }
}
