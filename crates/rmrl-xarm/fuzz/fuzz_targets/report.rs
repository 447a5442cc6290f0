//! `cargo +nightly fuzz run report fuzz/corpus/report fuzz/seeds/report` in `crates/rmrl-xarm`.

#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../tests/mutations/checks.rs"]
mod checks;

fuzz_target!(|bytes: &[u8]| checks::report(bytes));
