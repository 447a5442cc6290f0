//! A world that is remembered: which item lies in which slot of which site, what is in the jaws, and what is uncertain
//! after a crash.
//!
//! Each change is an [`Event`], one line of a journal that is on disk before the motion that it announces. The [`World`] is
//! the fold of all events. [`Inventory`] writes, and refuses what cannot be; [`World::read`] only looks.
//!
//! - `address.rs`: sites, slots and jaws as text. `item.rs`: plates and lids. `layout.rs`: which slots there are, how much
//!   they hold, and what.
//! - `event.rs`: what is journaled. `world.rs`: what follows from it. `apply.rs`: one event's step from world to world.
//!   `top.rs`: what can be taken and put down, with lids. `table.rs`: the world as text.
//! - `inventory.rs`: the one writer. `checks.rs`: what it refuses, with the reasons in `refusal.rs`.
//! - `line.rs`: lines with digests. `replay.rs`: snapshot and journals, read. `store.rs`: journals and snapshots, written.
//!   `disk.rs`: what is asked of a disk. `lock.rs`: one writer at a time.

mod address;
mod apply;
mod checks;
mod disk;
mod error;
mod event;
mod inventory;
mod item;
mod layout;
mod line;
mod lock;
mod refusal;
mod replay;
mod store;
mod table;
mod top;
mod world;

pub use address::{AddressError, Place, SlotAddress};
pub use disk::{Disk, LocalDisk};
pub use error::{InventoryError, StorageError};
pub use event::{Entry, Event, FailedAt, SCHEMA, StatedBy, TransferId};
pub use inventory::{Inventory, InventoryOptions};
pub use item::{Item, ItemError, ItemId, ItemKind};
pub use layout::{Accepts, Layout, SlotRule};
pub use refusal::Refusal;
pub use replay::verify;
pub use store::Notice;
pub use world::{Location, Moved, Phase, Transfer, Uncertain, World};
