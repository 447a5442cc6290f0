//! `cargo +nightly fuzz run frame fuzz/corpus/frame fuzz/seeds/frame` in `crates/rmrl-xarm`.

#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../tests/mutations/checks.rs"]
mod checks;

fuzz_target!(|bytes: &[u8]| checks::frame(bytes));
