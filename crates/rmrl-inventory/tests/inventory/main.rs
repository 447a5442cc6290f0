//! The inventory as its users see it, on a real file system.

#![allow(clippy::unwrap_used, reason = "a test that fails at an unwrap has done its work")]

mod cell;
mod crashes;
mod damage;
mod disks;
mod full_disk;
mod killed;
mod lids;
mod old_journals;
mod properties;
mod readers;
mod transfers;
