//! The emulated controller, asked in bytes: what the vendor's software sends beyond what the driver needs.

#![allow(clippy::unwrap_used, reason = "a test that fails at an unwrap has done its work")]

#[path = "../kinematic_plant/mod.rs"]
mod kinematic_plant;
mod motion;
mod raw_client;
mod refusals;
mod signals;
