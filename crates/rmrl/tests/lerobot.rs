//! `rmrl export lerobot` and `rmrl import lerobot`, killed at any instant.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test that fails at an unwrap has done its work")]

mod binary;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::thread::sleep;
use std::time::{Duration, Instant};

use binary::{copy_folder, failure, json, rmrl, small, stderr};
use serde_json::Value;

/// All files of a folder with their bytes, by their names, without locks.
fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut all = BTreeMap::new();
    let mut left = vec![folder.to_path_buf()];
    while let Some(next) = left.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                left.push(path);
            } else if path.file_name().unwrap() != ".lock" {
                let name = path.strip_prefix(folder).unwrap().to_path_buf();
                all.insert(name, fs::read(path).unwrap());
            }
        }
    }
    all
}

/// The lines of a run's log.
fn lines(run: &Path) -> Vec<String> {
    let text = fs::read_to_string(run.join("trials.jsonl")).unwrap();
    text.split_inclusive('\n').map(str::to_string).collect()
}

/// Checks that a dataset is whole: an import gives a run with the first lines of `run`, with all of their images. Returns how
/// many lines these are.
fn whole(dir: &Path, dataset: &str, run: &Path) -> usize {
    let again = dir.join("again");
    let made = json(&mut rmrl(dir, &["import", "lerobot", dataset, "--out", "again"]));
    let (found, all) = (lines(&again), lines(run));
    assert_eq!(found[..], all[..found.len()]);
    let info = fs::read(dir.join(dataset).join("meta/info.json")).unwrap();
    let info: Value = serde_json::from_slice(&info).unwrap();
    assert_eq!(info["total_episodes"], made["trials"]);
    for (name, bytes) in files(&again.join("images")) {
        assert_eq!(bytes, fs::read(run.join("images").join(name)).unwrap());
    }
    for line in &found {
        let record: Value = serde_json::from_str(line).unwrap();
        for image in record["images"].as_object().unwrap().values().filter_map(Value::as_str) {
            assert!(again.join(image).is_file(), "{image}");
        }
    }
    fs::remove_dir_all(&again).unwrap();
    found.len()
}

/// A run grows, and each export of it is killed somewhere. The dataset is whole whenever it is there, never shrinks, and is
/// the same in the end as that of an export that nobody killed.
#[test]
fn a_dataset_is_whole_after_a_kill_at_any_instant() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    json(small(dir, &["train", "--trials", "8", "--out", "made/run"]).stderr(Stdio::null()));
    let made = dir.join("made/run");
    let run = dir.join("growing/run");
    copy_folder(&made, &run);
    let all = lines(&made);
    let export = ["export", "lerobot", "growing/run", "--out", "set"];
    let took = Instant::now();
    json(&mut rmrl(dir, &["export", "lerobot", "made/run", "--out", "whole"]));
    let took = took.elapsed();
    let (mut had, mut published) = (0, 0);
    let kills = 24u32;
    for kill in 0..kills {
        let grown = 1 + all.len() * kill as usize / kills as usize;
        fs::write(run.join("trials.jsonl"), all[..grown].concat()).unwrap();
        let mut process =
            rmrl(dir, &export).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        // From the start of the process to after its end.
        sleep(took * (kill * 7 % kills) / kills);
        let _ = process.kill();
        process.wait().unwrap();
        if dir.join("set").exists() {
            let has = whole(dir, "set", &made);
            assert!((had..=grown).contains(&has), "{had} {has} {grown}");
            published += usize::from(has > had);
            had = has;
        } else {
            assert_eq!(had, 0, "it was there");
        }
    }
    assert!(published > 0, "no kill came after an export");
    copy_folder(&made, &run);
    json(&mut rmrl(dir, &export));
    assert!(files(&dir.join("set")) == files(&dir.join("whole")), "the bytes differ");
    let mut left: Vec<_> =
        fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    left.sort();
    assert_eq!(left, ["growing", "made", "set", "whole"]);
}

/// Followed from before its first trial to its end, a run becomes the same dataset as afterwards. An import of it resumes.
#[test]
fn a_run_is_followed_while_it_trains_and_its_import_resumes() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let mut training = small(dir, &["train", "--trials", "5", "--out", "run"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    while !dir.join("run/images").is_dir() {
        assert!(training.try_wait().unwrap().is_none(), "the training ended");
        sleep(Duration::from_millis(5));
    }
    let followed =
        json(&mut rmrl(dir, &["export", "lerobot", "run", "--out", "followed", "--follow"]));
    assert!(training.wait().unwrap().success());
    assert_eq!(followed["episodes"], 5);
    json(&mut rmrl(dir, &["export", "lerobot", "run", "--out", "afterwards"]));
    assert!(files(&dir.join("followed")) == files(&dir.join("afterwards")), "the bytes differ");

    json(&mut rmrl(dir, &["import", "lerobot", "followed", "--out", "again"]));
    for name in ["config.toml", "target.json", "run.json", "trials.jsonl", "simulator.jsonl"] {
        let read = |run: &str| fs::read(dir.join(run).join(name)).unwrap();
        assert!(read("again") == read("run"), "{name}");
    }
    assert_eq!(files(&dir.join("again/images")), files(&dir.join("run/images")));
    // Learned again from the log alone, the policy is the same.
    json(&mut rmrl(dir, &["train", "--resume", "again"]));
    let policy = |run: &str| fs::read(dir.join(run).join("policy.safetensors")).unwrap();
    assert!(policy("again") == policy("run"), "the policies differ");
}

#[test]
fn what_cannot_be_exported_or_imported_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    json(small(dir, &["train", "--trials", "1", "--out", "run"]).stderr(Stdio::null()));
    let finer = ["train", "--trials", "1", "--out", "finer", "--set", "actions.translation_bins=9"];
    json(small(dir, &finer).stderr(Stdio::null()));
    fs::create_dir(dir.join("full")).unwrap();
    fs::write(dir.join("full/precious"), "kept").unwrap();
    for (words, expected) in [
        (vec!["export", "lerobot", "none", "--out", "set"], "none"),
        (vec!["export", "lerobot", "run", "--out", "full"], "no dataset that rmrl exported"),
        (vec!["export", "lerobot", "run", "finer", "--out", "set"], "the set of candidates is 7"),
    ] {
        let message = failure(&mut rmrl(dir, &words), 2);
        assert!(message.contains(expected), "{message}");
        assert!(!dir.join("set").exists());
    }
    assert_eq!(fs::read(dir.join("full/precious")).unwrap(), b"kept");
    let output = rmrl(dir, &["import", "lerobot", "full", "--out", "again"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("meta/info.json"), "{}", stderr(&output));
    assert!(!dir.join("again").exists());
}
