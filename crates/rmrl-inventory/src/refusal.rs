//! Why a request is refused. Nothing changed, on disk or in memory.

use crate::address::{Place, SlotAddress};
use crate::event::TransferId;
use crate::item::ItemId;
use crate::world::Phase;

/// Why a request is refused, and what to do.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Refusal {
    /// The cell has no such slot.
    #[error(
        "the cell has no slot {slot}, expected {known}; add it to the cell's sites or name another"
    )]
    UnknownSlot {
        /// The slot.
        slot: SlotAddress,
        /// The slots that it has.
        known: String,
    },
    /// Nobody has said so far what lies in a slot.
    #[error(
        "nobody has said what lies in {slot}; look, and say it: `rmrl cell inventory set {slot}`"
    )]
    NotStated {
        /// The slot.
        slot: SlotAddress,
    },
    /// There is nothing to take.
    #[error(
        "{place} is empty, expected an item to take from it; put one there and say so: \
         `rmrl cell inventory set {place}`"
    )]
    Empty {
        /// The place.
        place: Place,
    },
    /// There is no room.
    #[error(
        "{slot} holds {holds} of at most {capacity} items; {wanted} more does not fit: empty it or take another slot"
    )]
    Full {
        /// The slot.
        slot: SlotAddress,
        /// How many items lie in it.
        holds: usize,
        /// How many may.
        capacity: usize,
        /// How many more were to be put there.
        wanted: usize,
    },
    /// The item need not move.
    #[error("{item} is already in {slot}; name another slot to bring it to")]
    AlreadyThere {
        /// The item.
        item: ItemId,
        /// The slot.
        slot: SlotAddress,
    },
    /// The item is not where it was said to be.
    #[error("{item} is not in {place}: {found}; name the place where it is")]
    NotThere {
        /// The item.
        item: ItemId,
        /// The place where it should be.
        place: Place,
        /// Where it is.
        found: String,
    },
    /// Another item lies on it.
    #[error("{item} lies under {above} in {slot}; bring {above} elsewhere first")]
    Covered {
        /// The item.
        item: ItemId,
        /// The item on top.
        above: ItemId,
        /// The slot.
        slot: SlotAddress,
    },
    /// The labware does not fit.
    #[error("{item} is a {labware}, and {slot} accepts {accepts}; take another slot")]
    WrongLabware {
        /// The item.
        item: ItemId,
        /// Its labware.
        labware: String,
        /// The slot.
        slot: SlotAddress,
        /// What the slot accepts.
        accepts: String,
    },
    /// A plate was meant, and a lid is there.
    #[error("{lid} in {place} is a lid, expected a plate; bring {lid} elsewhere first")]
    IsLid {
        /// The lid.
        lid: ItemId,
        /// Where it is.
        place: Place,
    },
    /// A lid was meant, and another item is there.
    #[error(
        "{item} in {place} is no lid, expected one of labware `NAME.lid`; name the place where the lid is"
    )]
    NotLid {
        /// The item.
        item: ItemId,
        /// Where it is.
        place: Place,
    },
    /// There is no lid to take off.
    #[error(
        "{plate} in {slot} has no lid to take off; if it has one, say so: `rmrl cell inventory set {slot}`"
    )]
    NoLid {
        /// The plate.
        plate: ItemId,
        /// Where it is.
        slot: SlotAddress,
    },
    /// There is no plate to put a lid on.
    #[error("{slot} is empty, expected a plate without a lid for {lid}; name the plate's slot")]
    NoPlate {
        /// The lid.
        lid: ItemId,
        /// The slot.
        slot: SlotAddress,
    },
    /// The plate has a lid already.
    #[error(
        "{plate} in {slot} has a lid already, and {lid} does not fit on it; name a plate without a lid"
    )]
    HasLid {
        /// The lid.
        lid: ItemId,
        /// The plate.
        plate: ItemId,
        /// Where the plate is.
        slot: SlotAddress,
    },
    /// The lid is of another labware.
    #[error("{lid} is the lid of a {covers}, and {plate} is a {labware}; name a {covers}")]
    OtherLid {
        /// The lid.
        lid: ItemId,
        /// The labware that it covers.
        covers: String,
        /// The plate.
        plate: ItemId,
        /// The plate's labware.
        labware: String,
    },
    /// A lid would lie on a plate without being its lid.
    #[error(
        "{lid} is a lid and would lie loose on {plate} in {place}; put it on as the plate's lid (a relid, or `+lid` where you \
         say what lies there), or name another slot"
    )]
    LooseLid {
        /// The lid.
        lid: ItemId,
        /// The plate.
        plate: ItemId,
        /// Where the plate is.
        place: Place,
    },
    /// A lid is said to have a lid.
    #[error("{lid} is a lid, and a lid has no lid; say it without")]
    LidOnLid {
        /// The lid.
        lid: ItemId,
    },
    /// Another item has the identifier that the lid would get.
    #[error(
        "the lid of {plate} would be {lid}, but there is one: {found}; put that one on a plate, or say that it is gone, first"
    )]
    LidTaken {
        /// The plate.
        plate: ItemId,
        /// The identifier.
        lid: ItemId,
        /// Where the item with that identifier is.
        found: String,
    },
    /// A lid cannot be named after its plate.
    #[error("the lid of {plate} cannot be named after it: {reason}; give the plate a shorter name")]
    UnnamedLid {
        /// The plate.
        plate: ItemId,
        /// Why not.
        reason: String,
    },
    /// The jaws are not empty.
    #[error(
        "the jaws hold {item}, expected empty jaws; bring it from `jaws` to a slot, or take it out and say so: \
         `rmrl cell inventory set jaws`"
    )]
    JawsFull {
        /// What they hold.
        item: ItemId,
    },
    /// The jaws hold one item.
    #[error("the jaws hold at most one item, got {count}; name one or none")]
    TooManyForJaws {
        /// How many were named.
        count: usize,
    },
    /// One identifier is used twice.
    #[error(
        "{item} is already in {found}; each item has one identifier and one place: correct the one that is wrong first"
    )]
    TwoPlaces {
        /// The item.
        item: ItemId,
        /// Where it is.
        found: String,
    },
    /// Another transfer is open.
    #[error("transfer {transfer} still moves {item}; wait until it is done, or end it as failed")]
    TransferOpen {
        /// The transfer.
        transfer: TransferId,
        /// Its item.
        item: ItemId,
    },
    /// That is not the open transfer.
    #[error(
        "transfer {transfer} is not open; {open}: report the open one, or begin a transfer first"
    )]
    NotOpen {
        /// The transfer.
        transfer: TransferId,
        /// Which one is.
        open: String,
    },
    /// The transfer's steps are out of order.
    #[error(
        "transfer {transfer} is {found}, and cannot be {wanted} next; report its steps in their order: begun, grasped, released, done"
    )]
    OutOfOrder {
        /// The transfer.
        transfer: TransferId,
        /// Its phase.
        found: Phase,
        /// The step that was reported.
        wanted: &'static str,
    },
    /// The item was released elsewhere than announced.
    #[error(
        "transfer {transfer} was announced to {expected}, not to {found}; end it as failed with the item in the jaws, and begin one \
         from `jaws` to {found} before the arm moves"
    )]
    OtherSlot {
        /// The transfer.
        transfer: TransferId,
        /// Where it was announced to.
        expected: SlotAddress,
        /// Where it was released.
        found: SlotAddress,
    },
    /// Nobody knows where an item is.
    #[error(
        "it is uncertain where {item} is since transfer {transfer}: {places}; look, and say where it is: \
         `rmrl cell inventory set PLACE`, or answer the operator's question"
    )]
    Uncertain {
        /// The item.
        item: ItemId,
        /// The transfer that left it uncertain.
        transfer: TransferId,
        /// Where it can be.
        places: String,
    },
    /// The item's place is certain, or it is none of the cell's.
    #[error(
        "nothing is uncertain about {item}: {found}; to say what lies where use `rmrl cell inventory set`"
    )]
    NotUncertain {
        /// The item.
        item: ItemId,
        /// Where it is.
        found: String,
    },
    /// A number is none.
    #[error(
        "a placement error of {error_mm} mm is no distance; expected a finite number of at least 0, or none"
    )]
    InvalidError {
        /// The number.
        error_mm: f64,
    },
    /// A text is missing.
    #[error("`{field}` is empty; say {expected}")]
    Blank {
        /// The field.
        field: &'static str,
        /// What it should say.
        expected: &'static str,
    },
    /// An event's number does not follow.
    #[error("event {found} follows event {before}; events are numbered without a gap")]
    Gap {
        /// The number of the event before.
        before: u64,
        /// The number found.
        found: u64,
    },
}
