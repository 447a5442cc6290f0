//! `cargo +nightly fuzz run command fuzz/corpus/command fuzz/seeds/command` in `crates/rmrl-xarm`.

#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../tests/mutations/checks.rs"]
mod checks;

fuzz_target!(|bytes: &[u8]| checks::command(bytes));
