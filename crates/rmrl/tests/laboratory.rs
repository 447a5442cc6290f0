//! Transfers and protocols by the command, in the simulated laboratory of `configs/laboratory.toml`.

#![allow(clippy::unwrap_used, reason = "a test that fails at an unwrap has done its work")]

mod binary;

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use binary::rmrl;
use serde_json::Value;

const LABORATORY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../configs/laboratory.toml");
const PROTOCOL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../configs/read-a-plate.toml");

/// A command of a laboratory whose inventory is in a folder.
fn cell(dir: &Path, words: &[&str]) -> Output {
    let mut command: Command = rmrl(dir, &[]);
    command.arg("cell").args(words);
    command.args(["--config", LABORATORY, "--set", "inventory.dir=inventory"]);
    command.output().unwrap()
}

fn json(output: &Output) -> Value {
    let text = String::from_utf8_lossy(&output.stdout);
    serde_json::from_str(&text).unwrap_or_else(|error| {
        panic!("{error}: {text} {}", String::from_utf8_lossy(&output.stderr))
    })
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}

/// Programs that end and begin again are one laboratory: each continues where the last one left it.
#[test]
fn a_plate_goes_to_the_reader_and_a_protocol_is_run() {
    let dir = tempfile::tempdir().unwrap();
    let way = cell(dir.path(), &["transfer", "hotel:1", "reader", "--dry-run"]);
    assert_eq!(code(&way), 0, "{}", String::from_utf8_lossy(&way.stderr));
    assert!(json(&way)["way"].as_array().unwrap().len() > 10);
    let first = cell(dir.path(), &["transfer", "hotel:1", "reader"]);
    let report = json(&first);
    assert_eq!(code(&first), 0, "{report}");
    assert_eq!((&report["ending"], &report["is_seated"]), (&"done".into(), &true.into()));
    assert!(report["error"]["interval_mm"].as_f64().unwrap() < 1.5, "{report}");
    // There it is now, and nowhere else.
    let again = cell(dir.path(), &["transfer", "hotel:1", "reader"]);
    assert_eq!(code(&again), 2);
    assert!(String::from_utf8_lossy(&again.stderr).contains("hotel:1 is empty"));
    assert_eq!(code(&cell(dir.path(), &["transfer", "reader", "hotel:1"])), 0);
    assert_eq!(code(&cell(dir.path(), &["transfer", "hotel:2", "bench"])), 0);
    let chain = cell(dir.path(), &["protocol", PROTOCOL]);
    assert_eq!(code(&chain), 0, "{}", String::from_utf8_lossy(&chain.stderr));
    let chains = json(&chain);
    let attempts = chains["chains"][0]["attempts"].as_array().unwrap();
    assert!(attempts.len() >= 5, "{chains}");
    let shown = json(&cell(dir.path(), &["inventory", "show"]));
    assert_eq!(shown["slots"]["hotel:2"][0]["id"], "plate-2", "{shown}");
    assert_eq!(shown["slots"]["hotel:2"][0]["has_lid"], true, "{shown}");
    // A second time it cannot begin: the plate is not on the bench.
    let second = cell(dir.path(), &["protocol", PROTOCOL]);
    assert_eq!(code(&second), 3, "{}", String::from_utf8_lossy(&second.stderr));
}

#[test]
fn a_damaged_journal_and_wrong_words_move_nothing() {
    let dir = tempfile::tempdir().unwrap();
    for (words, expected) in [
        (["transfer", "hotel:9", "reader"], "no slot"),
        (["transfer", "hotel:1", "fridge"], "fridge"),
        (["transfer", "bench", "reader"], "bench is empty"),
        (["transfer", "jaws", "reader"], "jaws"),
    ] {
        let refused = cell(dir.path(), &words);
        let stderr = String::from_utf8_lossy(&refused.stderr);
        assert_eq!(code(&refused), 2, "{words:?}: {stderr}");
        assert!(stderr.contains(expected), "{words:?}: {stderr}");
    }
    let journal = dir.path().join("inventory/journal-0000000001.jsonl");
    let mut bytes = fs::read(&journal).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&journal, bytes).unwrap();
    let refused = cell(dir.path(), &["transfer", "hotel:1", "reader"]);
    let stderr = String::from_utf8_lossy(&refused.stderr);
    assert_eq!(code(&refused), 1, "{stderr}");
    assert!(stderr.contains("journal-0000000001.jsonl"), "{stderr}");
    let broken = dir.path().join("protocol.toml");
    fs::write(
        &broken,
        "name = \"x\"\n[[steps]]\nname = \"a\"\ntransfer = \"hotel:1\"\nto = \"moon\"\n",
    )
    .unwrap();
    let refused = cell(dir.path(), &["protocol", broken.to_str().unwrap()]);
    let stderr = String::from_utf8_lossy(&refused.stderr);
    assert_eq!(code(&refused), 2, "{stderr}");
    assert!(stderr.contains("moon"), "{stderr}");
}
