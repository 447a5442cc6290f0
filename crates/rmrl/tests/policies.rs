//! Trained policies in transfers, by the commands, in the simulated laboratory of `configs/laboratory.toml`.

#![allow(clippy::unwrap_used, reason = "a test that fails at an unwrap has done its work")]

mod binary;

use std::fs;
use std::path::Path;
use std::process::Command;

use binary::{failure, json as result, rmrl};
use serde_json::Value;

const LABORATORY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../configs/laboratory.toml");
const BACK_AND_FORTH: &str = "name = \"back and forth\"\n\
    [[steps]]\nname = \"in\"\ntransfer = \"bench\"\nto = \"reader\"\n\
    [[steps]]\nname = \"out\"\ntransfer = \"reader\"\nto = \"bench\"\n";

/// A command in the laboratory whose inventory is in a folder.
fn command(dir: &Path, words: &[&str]) -> Command {
    let rest = ["--config", LABORATORY, "--set", "inventory.dir=inventory"];
    rmrl(dir, &[words, &rest].concat())
}

fn transfer(dir: &Path, from: &str, to: &str) -> Value {
    let report = result(&mut command(dir, &["cell", "transfer", from, to]));
    assert_eq!((&report["ending"], &report["is_seated"]), (&"done".into(), &true.into()));
    report
}

fn listed(dir: &Path) -> Value {
    result(&mut command(dir, &["policy", "list"]))["pairs"][0].clone()
}

/// A laboratory that transfers, trains on what it saw, lets the policy work, and goes back.
#[test]
fn a_policy_that_was_trained_on_transfers_corrects_them() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    let none = failure(&mut command(dir, &["policy", "train", "bench", "reader", "--out", "x"]), 2);
    assert!(none.contains("no transfer was kept"), "{none}");
    fs::write(dir.join("protocol.toml"), BACK_AND_FORTH).unwrap();
    assert_eq!(transfer(dir, "hotel:1", "bench")["corrected_by"], "belief");
    result(&mut command(dir, &["cell", "protocol", "protocol.toml", "--chains", "6"]));

    // The same transfers and the same seed give the same policy.
    let trained =
        result(&mut command(dir, &["policy", "train", "bench", "reader", "--out", "one"]));
    assert!(trained["transfers"].as_u64().unwrap() >= 4, "{trained}");
    assert!(trained["last_loss"].as_f64() < trained["first_loss"].as_f64(), "{trained}");
    assert!(trained["next"].as_str().unwrap().starts_with("rmrl policy use one bench reader"));
    result(&mut command(dir, &["policy", "train", "bench", "reader", "--out", "two"]));
    let weights = |run: &str| fs::read(dir.join(run).join("policy.safetensors")).unwrap();
    assert!(weights("one") == weights("two"));

    let used = result(&mut command(dir, &["policy", "use", "one", "bench", "reader", "--now"]));
    let name = used["current"].as_str().unwrap().to_string();
    assert!(name.starts_with("one-"), "{used}");
    // The run is not needed any more.
    fs::remove_dir_all(dir.join("one")).unwrap();
    let way = result(&mut command(dir, &["cell", "transfer", "bench", "reader", "--dry-run"]));
    assert!(way["way"].as_array().unwrap().last().unwrap().as_str().unwrap().contains(&name));
    let report = transfer(dir, "bench", "reader");
    assert_eq!(report["corrected_by"]["policy"], name.as_str(), "{report}");
    assert_eq!(transfer(dir, "reader", "bench")["corrected_by"], "belief");

    // A damaged policy ends no transfer.
    let file = dir.join("inventory/policies").join(&name).join("policy.safetensors");
    let mut bytes = fs::read(&file).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    fs::write(&file, bytes).unwrap();
    let report = transfer(dir, "bench", "reader");
    assert_eq!(report["corrected_by"], "belief");
    assert!(report["passed_over"]["reason"].as_str().unwrap().contains("damaged"), "{report}");
    let shown = listed(dir);
    assert!(shown["current"]["unusable"].as_str().unwrap().contains("damaged"), "{shown}");
    assert_eq!(
        (&shown["passed_over"], &shown["previous"]["policy"]),
        (&1.into(), &"belief".into())
    );

    // Going back is for good.
    let back = result(&mut command(dir, &["policy", "rollback", "bench", "reader"]));
    assert_eq!(back["current"], "belief");
    result(&mut command(dir, &["policy", "use", "two", "bench", "reader"]));
    let shown = listed(dir);
    assert_eq!(shown["refused"][0], name.as_str());
    assert!(shown["compared"]["policy"].as_str().unwrap().starts_with("two-"), "{shown}");
    let busy = failure(&mut command(dir, &["policy", "use", &name, "bench", "reader"]), 2);
    assert!(busy.contains("withdraw"), "{busy}");
    result(&mut command(dir, &["policy", "withdraw", "bench", "reader"]));
    let refused = failure(&mut command(dir, &["policy", "use", &name, "bench", "reader"]), 2);
    assert!(refused.contains("refused before"), "{refused}");
    // The history has the changes.
    let log = fs::read_to_string(dir.join("inventory/transfers.jsonl")).unwrap();
    assert_eq!(log.matches("\"record\":\"policy\"").count(), 2, "{log}");
    result(&mut command(dir, &["cell", "history", "--out", "history.html"]));
    let page = fs::read_to_string(dir.join("history.html")).unwrap();
    assert!(page.contains(&name) && page.contains("an operator went back"));
}

/// The policy of `rmrl train` can be offered, and is asked where its training was.
#[test]
fn a_policy_of_a_run_is_offered_for_what_it_was_trained_with() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    let tiny = ["--method", "hindsight", "--trials", "3", "--out", "tiny"];
    let small = ["--set", "policy.view=none", "--set", "record.depth=false"];
    let words = [&["train"], &tiny[..], &small[..]].concat();
    assert!(command(dir, &words).output().unwrap().status.success());
    for (words, expected) in [
        (&["policy", "use", "tiny", "hotel", "reader"][..], "does not see hotel"),
        (&["policy", "use", "tiny", "bench", "moon"], "no site moon"),
        (&["policy", "use", "tiny", "bench", "bench"], "one site"),
        (&["policy", "use", "tiny", "bench", "reader", "--labware", "tin"], "tin"),
        (&["policy", "use", "nothing", "bench", "reader"], "no directory of a run"),
        (&["policy", "use", "inventory", "bench", "reader"], "no run"),
        (&["policy", "rollback", "bench", "reader"], "no policy was offered"),
        (&["policy", "withdraw", "bench", "reader"], "no policy was offered"),
    ] {
        let refused = failure(&mut command(dir, words), 2);
        assert!(refused.contains(expected), "{words:?}: {refused}");
    }
    let other = [
        "policy",
        "use",
        "tiny",
        "bench",
        "reader",
        "--labware",
        "wide",
        "--set",
        "labware.wide={like=\"96-well\",width_m=0.09}",
        "--set",
        "sites.reader.labware=[]",
    ];
    let refused = failure(&mut command(dir, &other), 2);
    assert!(refused.contains("trained with a plate of 127.8 x 85.5 mm"), "{refused}");
    let used = result(&mut command(dir, &["policy", "use", "tiny", "bench", "reader"]));
    assert_eq!(used["current"], "belief");
    assert!(used["new_policy"].as_str().unwrap().starts_with("tiny-"));
    // A damaged file of the gates is said, and not written over.
    let gates = dir.join("inventory/policies.json");
    fs::write(&gates, "{\"version\":9}").unwrap();
    let damaged = failure(&mut command(dir, &["policy", "use", "tiny", "bench", "reader"]), 1);
    assert!(damaged.contains("version 9"), "{damaged}");
    assert_eq!(transfer(dir, "hotel:1", "bench")["corrected_by"], "belief");
    assert_eq!(fs::read_to_string(&gates).unwrap(), "{\"version\":9}");
}
