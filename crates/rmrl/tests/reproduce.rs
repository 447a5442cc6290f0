//! `rmrl reproduce`: its units, which any machine can make at any time, and the tables of them.

#![allow(clippy::unwrap_used, reason = "a test that fails at an unwrap has done its work")]

mod binary;

use std::fs;
use std::path::Path;
use std::process::Command;

use binary::{failure, json, rmrl, small, stderr, stdout};
use serde_json::Value;

/// `rmrl reproduce` with two methods in two cells.
fn reproduce(dir: &Path, arguments: &[&str]) -> Command {
    let methods = ["--methods", "rm-rl,none", "--seeds", "2", "--trials", "7", "--out", "few"];
    small(dir, &[&["reproduce"], &methods[..], arguments].concat())
}

fn unit(root: &Path, name: &str) -> Value {
    let text = fs::read_to_string(root.join("units").join(name)).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn rewards(unit: &Value) -> Vec<f64> {
    let trials = unit["trials"].as_array().unwrap();
    trials.iter().map(|trial| trial["reward"].as_f64().unwrap()).collect()
}

/// A unit must equal the run that `rmrl train` makes, because its tables claim so.
#[test]
fn a_unit_is_the_training_that_a_user_would_have_made() {
    let dir = tempfile::tempdir().unwrap();
    let methods = ["rm-rl", "rm-rl-pretrained", "constant"];
    for method in methods {
        let name = format!("default/{method}/1");
        let unit_of = ["reproduce", "--unit", &name, "--trials", "7", "--out"];
        let made = small(dir.path(), &[&unit_of[..], &["lean"]].concat()).output().unwrap();
        assert!(made.status.success(), "{}", stderr(&made));
        let mut keeping = small(dir.path(), &[&unit_of[..], &["kept", "--keep-runs"]].concat());
        let kept = keeping.output().unwrap();
        assert!(kept.status.success(), "{}", stderr(&kept));

        let file = format!("default/{method}-1.json");
        let (lean, kept) =
            (unit(&dir.path().join("lean"), &file), unit(&dir.path().join("kept"), &file));
        for key in ["trials", "checkpoints", "finals", "noise_floor_mm", "config"] {
            assert_eq!(lean[key], kept[key], "{method}: {key}");
        }
        let run = dir.path().join(format!("kept/runs/default/{method}-seed1"));
        assert!(run.join("images").is_dir());
        assert!(!dir.path().join("lean/runs").exists());

        let train = ["train", "--method", method, "--seed", "1", "--trials", "7", "--out", method];
        json(&mut small(dir.path(), &train));
        let log = fs::read_to_string(dir.path().join(method).join("trials.jsonl")).unwrap();
        let trained: Vec<f64> = log
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap()["reward"].as_f64().unwrap())
            .collect();
        assert_eq!(rewards(&lean), trained, "{method}");
    }
}

#[test]
fn a_sweep_continues_where_it_was_and_makes_tables_of_all() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("few");
    // A shell can run the commands of --list: here it makes two of the four units.
    let listed = reproduce(dir.path(), &["--list"]).output().unwrap();
    let commands: Vec<String> = stdout(&listed).lines().map(str::to_string).collect();
    assert_eq!(commands.len(), 4, "{}", stderr(&listed));
    assert!(!root.exists(), "--list makes nothing");
    for command in &commands[..2] {
        let ours = command.replacen("rmrl", env!("CARGO_BIN_EXE_rmrl"), 1);
        let made = Command::new("sh").args(["-c", &ours]).current_dir(dir.path()).output().unwrap();
        assert!(made.status.success(), "{}", stderr(&made));
    }
    let early = json(&mut reproduce(dir.path(), &["--collect"]));
    assert_eq!(early["units"], 2);

    // One of them is truncated. It is made again, and the other one is not touched.
    let whole = fs::read_to_string(root.join("units/default/rm-rl-0.json")).unwrap();
    fs::write(root.join("units/default/rm-rl-0.json"), &whole[..whole.len() / 2]).unwrap();
    let refused = failure(&mut reproduce(dir.path(), &["--collect"]), 1);
    assert!(refused.contains("rm-rl-0.json is no finished unit"), "{refused}");
    let untouched =
        fs::metadata(root.join("units/default/none-0.json")).unwrap().modified().unwrap();
    let all = json(&mut reproduce(dir.path(), &["--jobs", "2"]));
    assert_eq!(all["units"], 4);
    let still = fs::metadata(root.join("units/default/none-0.json")).unwrap().modified().unwrap();
    assert_eq!(untouched, still);
    let again: Value = serde_json::from_str(&whole).unwrap();
    assert_eq!(rewards(&unit(&root, "default/rm-rl-0.json")), rewards(&again));

    let results = fs::read_to_string(root.join("results.csv")).unwrap();
    assert_eq!(results.lines().count(), 5, "a head, and a row for each unit");
    assert!(results.lines().next().unwrap().contains(",table_reward,"));
    // With the greedy curves, others can check from which trial on a policy was how good.
    let greedy = fs::read_to_string(root.join("greedy.csv")).unwrap();
    let evaluations = unit(&root, "default/rm-rl-1.json")["checkpoints"].as_array().unwrap().len();
    let rows = greedy.lines().filter(|line| line.starts_with("default,rm-rl,1,"));
    assert_eq!(rows.count(), evaluations);
    assert!(evaluations > 1 && greedy.starts_with("variant,method,seed,trial,placements,placed,"));
    let tables = fs::read_to_string(root.join("tables.md")).unwrap();
    for part in
        ["Table 1", "Table 2", "Table 3", "| RM-RL | 35 |", "0.956 (0.027)", "No correction"]
    {
        assert!(tables.contains(part), "{part}: {tables}");
    }
    let page = fs::read_to_string(root.join("reproduction.html")).unwrap();
    assert_eq!(page.matches("<svg").count(), 3);
    assert!(
        !page.contains("http-equiv") && !page.contains("src=\"http"),
        "the page loads something else"
    );
}

/// Methods that know their geometry say how well; the others have no row there.
#[test]
fn what_methods_know_of_their_picks_is_tabled() {
    let dir = tempfile::tempdir().unwrap();
    let chosen = ["--methods", "self-calibration,none,chessboard", "--seeds", "1", "--trials", "3"];
    let rest = ["--placements", "4", "--tasks", "table", "--out", "few"];
    json(&mut rmrl(dir.path(), &[&["reproduce"], &chosen[..], &rest].concat()));
    let tables = fs::read_to_string(dir.path().join("few/tables.md")).unwrap();
    for row in ["| Self-calibration | 0 |", "| Self-calibration | 3 |", "0 in 3 (at most"] {
        assert!(tables.contains(row), "{row}: {tables}");
    }
    assert!(!tables.contains("| No correction | 0 |"), "{tables}");
    // The row of the chessboard is what the commands make of the camera, and then no correction.
    json(&mut rmrl(dir.path(), &["calibrate", "capture", "--out", "session"]));
    let found = ["calibrate", "eye-to-hand", "--session", "session", "--out", "camera.toml"];
    json(&mut rmrl(dir.path(), &found));
    let by_file = ["--methods", "none", "--seeds", "1", "--trials", "3", "--out", "by-file"];
    let rest = ["--placements", "4", "--tasks", "table", "--set", "camera.calibration=camera.toml"];
    json(&mut rmrl(dir.path(), &[&["reproduce"], &by_file[..], &rest].concat()));
    let errors_mm = |root: &str, method: &str| -> Vec<f64> {
        let unit = unit(&dir.path().join(root), &format!("default/{method}-0.json"));
        let attempts = unit["finals"][0]["attempts"].as_array().unwrap().clone();
        attempts.iter().map(|one| one["errors"]["true_e_trans_mm"].as_f64().unwrap()).collect()
    };
    let pairs = errors_mm("few", "chessboard").into_iter().zip(errors_mm("by-file", "none"));
    for (row, by_file) in pairs {
        assert!((row - by_file).abs() < 0.3, "{row} {by_file}");
    }

    // A bump is noticed, and said in the table of the ablation.
    let moves = ["reproduce", "--ablate", "camera-moves", "--trials", "51", "--placements", "2"];
    let moves = [&moves[..], &["--tasks", "table", "--out", "moves"]].concat();
    let units = ["--unit", "bumped/self-calibration/0", "--unit", "tilted/self-calibration/0"];
    json(&mut rmrl(dir.path(), &[&moves[..], &units].concat()));
    json(&mut rmrl(dir.path(), &[&moves[..], &["--collect"]].concat()));
    let tables = fs::read_to_string(dir.path().join("moves/tables.md")).unwrap();
    for variant in ["bumped", "tilted"] {
        let row = format!("| {variant} · Self-calibration | 50 | 1 of 1 |");
        assert!(tables.contains(&row), "{row}: {tables}");
    }
}

#[test]
fn a_failing_unit_is_named_and_does_not_block_the_others() {
    let dir = tempfile::tempdir().unwrap();
    // A file is in the way of this unit's run directory.
    let runs = dir.path().join("few/runs/default");
    fs::create_dir_all(&runs).unwrap();
    fs::write(runs.join("none-seed1"), "").unwrap();
    let ended = reproduce(dir.path(), &["--keep-runs"]).output().unwrap();
    assert_eq!(ended.status.code(), Some(1));
    let message = stderr(&ended);
    assert!(message.contains("1 of 4 units failed"), "{message}");
    assert!(message.contains("default/none/1: cannot"), "{message}");
    let results = fs::read_to_string(dir.path().join("few/results.csv")).unwrap();
    assert_eq!(results.lines().count(), 4, "the others are in the tables");
}

#[test]
fn units_of_different_configurations_are_not_mixed() {
    let dir = tempfile::tempdir().unwrap();
    let make = |name: &str, more: &[&str]| {
        let words = ["reproduce", "--unit", name, "--trials", "4", "--out", "few"];
        small(dir.path(), &[&words[..], more].concat())
    };
    assert!(make("default/none/0", &[]).output().unwrap().status.success());
    // The same unit with another configuration is rejected before any work.
    let refused = failure(&mut make("default/none/0", &["--set", "task.start_jitter_m=0.001"]), 2);
    assert!(
        refused.contains("none-0.json") && refused.contains("task.start_jitter_m"),
        "{refused}"
    );
    // Another unit with another configuration is made, but the two are not collected together.
    let other = make("default/none/1", &["--set", "task.start_jitter_m=0.001"]).output().unwrap();
    assert!(other.status.success(), "{}", stderr(&other));
    let mixed = failure(&mut small(dir.path(), &["reproduce", "--collect", "--out", "few"]), 1);
    for part in ["none-0.json", "none-1.json", "task.start_jitter_m"] {
        assert!(mixed.contains(part), "{part}: {mixed}");
    }
    // An unknown unit, method or ablation is named.
    for (arguments, parts) in [
        (["--unit", "rm-rl/3"], ["rm-rl/3", "default/rm-rl/7"]),
        (["--unit", "odd/rm-rl/3"], ["odd", "default"]),
        (["--methods", "sarsa"], ["sarsa", "rm-rl-pretrained"]),
        (["--ablate", "everything"], ["everything", "candidate-step"]),
    ] {
        let words = ["reproduce", "--out", "none"];
        let message = failure(&mut small(dir.path(), &[&words[..], &arguments].concat()), 2);
        assert!(parts.iter().all(|part| message.contains(part)), "{message}");
    }
    let empty = failure(&mut small(dir.path(), &["reproduce", "--collect", "--out", "none"]), 1);
    assert!(empty.contains("no finished unit"), "{empty}");
}
