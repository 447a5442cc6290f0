//! A run that is killed at any instant, or whose files were damaged, and then resumed.

#![allow(clippy::unwrap_used, reason = "a test that fails at an unwrap has done its work")]

mod binary;

use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::thread::sleep;
use std::time::{Duration, Instant};

use binary::{failure, json, log_without_durations, rmrl, small, stderr};

/// Instants at which a run of `whole` is killed: spread over its length, and a little beyond.
fn instants(count: u32, whole: Duration) -> impl Iterator<Item = Duration> {
    (1..=count).map(move |k| whole.mul_f64(1.05 * f64::from(k) / f64::from(count)))
}

/// Kills a run at instant after instant, each time resuming the one before, until it comes to its
/// end; then compares it with a run never killed.
fn killed_again_and_again(method: &str, trials: &str, kills: u32) {
    let dir = tempfile::tempdir().unwrap();
    let train = ["train", "--method", method, "--trials", trials, "--out"];
    let began = Instant::now();
    json(&mut small(dir.path(), &[&train[..], &["whole"]].concat()));
    let whole = began.elapsed();
    let expected = log_without_durations(&dir.path().join("whole"));

    let (mut killed, mut resumed_midway) = (0, 0);
    for (number, instant) in instants(kills, whole).enumerate() {
        let name = format!("killed-{number}");
        let run = dir.path().join(&name);
        let mut command = small(dir.path(), &[&train[..], &[&name]].concat());
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        sleep(instant);
        child.kill().unwrap();
        killed += u32::from(!child.wait().unwrap().success());
        if !run.join("config.toml").exists() {
            // Killed before it began: there is nothing to resume, and nothing in the way.
            json(&mut small(dir.path(), &[&train[..], &[&name]].concat()));
        } else {
            // Once more in the middle of going on.
            let mut command = rmrl(dir.path(), &["train", "--resume", &name]);
            let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
            sleep(whole.mul_f64(0.3));
            child.kill().unwrap();
            child.wait().unwrap();
            let recorded = fs::read_to_string(run.join("trials.jsonl")).unwrap_or_default();
            resumed_midway += u32::from(!recorded.is_empty());
            json(&mut rmrl(dir.path(), &["train", "--resume", &name]));
            // What was recorded is still there, to the byte.
            let kept = fs::read_to_string(run.join("trials.jsonl")).unwrap();
            let complete = &recorded[..recorded.rfind('\n').map_or(0, |end| end + 1)];
            assert!(kept.starts_with(complete), "{name} lost a recorded trial");
        }
        assert_eq!(log_without_durations(&run), expected, "{method}, killed after {instant:?}");
        let policy = |run: &Path| fs::read(run.join("policy.safetensors")).ok();
        assert!(policy(&run) == policy(&dir.path().join("whole")), "{method}, after {instant:?}");
    }
    assert!(killed > 0 && resumed_midway > 0, "no kill hit: {killed}, {resumed_midway}");
}

#[test]
fn rm_rl_killed_at_any_instant_ends_with_the_same_bytes() {
    killed_again_and_again("rm-rl", "14", 8);
}

#[test]
fn pretrained_rm_rl_killed_at_any_instant_ends_with_the_same_bytes() {
    killed_again_and_again("rm-rl-pretrained", "6", 5);
}

#[test]
fn the_other_methods_killed_at_any_instant_end_with_the_same_bytes() {
    for method in ["replay", "hindsight", "constant", "random"] {
        killed_again_and_again(method, "12", 2);
    }
}

/// A run of ten trials whose checkpoints are of trials 6 and 9.
fn run_of_ten(dir: &Path) -> Vec<String> {
    json(&mut small(dir, &["train", "--trials", "10", "--out", "run"]));
    let last = dir.join("run/checkpoints/trial-000010.safetensors");
    fs::remove_file(last).unwrap();
    log_without_durations(&dir.join("run"))
}

#[test]
fn a_torn_last_line_is_repaired_with_a_warning() {
    let dir = tempfile::tempdir().unwrap();
    let expected = run_of_ten(dir.path());
    let path = dir.path().join("run/trials.jsonl");
    let log = fs::read(&path).unwrap();
    fs::write(&path, &log[..log.len() - 40]).unwrap();

    let output = rmrl(dir.path(), &["train", "--resume", "run"]).output().unwrap();
    let warning = stderr(&output);
    assert!(output.status.success(), "{warning}");
    assert!(warning.contains("trials.jsonl") && warning.contains("line 10"), "{warning}");
    assert_eq!(log_without_durations(&dir.path().join("run")), expected);
}

#[test]
fn a_damaged_line_in_the_middle_stops_everything_and_is_named() {
    let dir = tempfile::tempdir().unwrap();
    run_of_ten(dir.path());
    let path = dir.path().join("run/trials.jsonl");
    let log = fs::read_to_string(&path).unwrap();
    let damaged = log.replacen("\"trial\":4,", "\"trial\":4;", 1);
    fs::write(&path, &damaged).unwrap();
    for command in [vec!["train", "--resume", "run"], vec!["report", "run"]] {
        let message = failure(&mut rmrl(dir.path(), &command), 1);
        assert!(message.contains("trials.jsonl") && message.contains("line 4"), "{message}");
        assert_eq!(fs::read_to_string(&path).unwrap(), damaged, "it is left as it was");
    }
}

#[test]
fn a_checkpoint_that_is_not_of_its_log_is_refused_with_file_and_line() {
    let dir = tempfile::tempdir().unwrap();
    run_of_ten(dir.path());
    let path = dir.path().join("run/trials.jsonl");
    let log = fs::read_to_string(&path).unwrap();

    let edited = log.replacen("\"trial\":5,", "\"trial\":6,", 1);
    let lines: Vec<&str> = log.split_inclusive('\n').collect();
    let shortened = lines[..7].concat();
    for (changed, line) in [(edited, "line 5"), (shortened, "line 9")] {
        fs::write(&path, &changed).unwrap();
        let message = failure(&mut rmrl(dir.path(), &["train", "--resume", "run"]), 1);
        for part in ["trials.jsonl", "trial-000009.safetensors", line] {
            assert!(message.contains(part), "should name {part}: {message}");
        }
        assert_eq!(fs::read_to_string(&path).unwrap(), changed, "it is left as it was");
    }
}

#[test]
fn without_its_checkpoints_a_run_learns_again_from_its_log() {
    let dir = tempfile::tempdir().unwrap();
    let expected = run_of_ten(dir.path());
    let run = dir.path().join("run");
    let policy = fs::read(run.join("policy.safetensors")).unwrap();
    for file in ["checkpoints/trial-000006.safetensors", "checkpoints/trial-000009.safetensors"] {
        let _ = fs::remove_file(run.join(file));
    }
    json(&mut rmrl(dir.path(), &["train", "--resume", "run"]));
    assert_eq!(log_without_durations(&run), expected);
    assert!(fs::read(run.join("policy.safetensors")).unwrap() == policy);
}

#[test]
fn a_run_in_use_is_not_touched_by_another() {
    let dir = tempfile::tempdir().unwrap();
    let train = ["train", "--trials", "500", "--out", "run"];
    let mut first =
        small(dir.path(), &train).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let log = dir.path().join("run/trials.jsonl");
    let began = Instant::now();
    while !log.exists() && began.elapsed() < Duration::from_secs(60) {
        sleep(Duration::from_millis(20));
    }
    let message = failure(&mut rmrl(dir.path(), &["train", "--resume", "run"]), 2);
    first.kill().unwrap();
    first.wait().unwrap();
    assert!(message.contains("run") && message.contains("use"), "{message}");
}
