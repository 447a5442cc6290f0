//! Runs that are killed at any instant, or whose files are damaged, and that are then resumed.

#![allow(clippy::unwrap_used, reason = "a test that fails at an unwrap has done its work")]

mod binary;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::thread::sleep;
use std::time::{Duration, Instant};

use binary::run_log::log_without_clock;
use binary::{failure, json, rmrl, small, stderr};

/// Instants at which to kill a run that takes `whole`: spread over its duration, and a little beyond.
fn instants(count: u32, whole: Duration) -> impl Iterator<Item = Duration> {
    (1..=count).map(move |k| whole.mul_f64(1.05 * f64::from(k) / f64::from(count)))
}

/// Kills a run at each of some instants, kills it again while it resumes, and lets it complete. Then compares it with a
/// run that was never killed.
fn killed_again_and_again(method: &str, trials: &str, kills: u32) {
    let dir = tempfile::tempdir().unwrap();
    let train = ["train", "--method", method, "--trials", trials, "--out"];
    let began = Instant::now();
    json(&mut small(dir.path(), &[&train[..], &["whole"]].concat()));
    let whole = began.elapsed();
    let expected = log_without_clock(&dir.path().join("whole"));

    let (mut killed, mut resumed_midway) = (0, 0);
    for (number, instant) in instants(kills, whole).enumerate() {
        let name = format!("killed-{number}");
        let run = dir.path().join(&name);
        // The whole run may have been slow on a busy machine: one that ends before its kill is made again, with less time.
        let mut instant = instant;
        loop {
            let mut command = small(dir.path(), &[&train[..], &[&name]].concat());
            let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
            sleep(instant);
            child.kill().unwrap();
            if !child.wait().unwrap().success() {
                killed += 1;
                break;
            }
            fs::remove_dir_all(&run).unwrap();
            instant /= 2;
        }
        if !run.join("config.toml").exists() {
            // Killed before it started: nothing can be resumed, and nothing is in the way.
            json(&mut small(dir.path(), &[&train[..], &[&name]].concat()));
        } else {
            // Killed again while it resumes.
            let mut command = rmrl(dir.path(), &["train", "--resume", &name]);
            let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
            sleep(whole.mul_f64(0.3));
            child.kill().unwrap();
            child.wait().unwrap();
            let recorded = fs::read_to_string(run.join("trials.jsonl")).unwrap_or_default();
            resumed_midway += u32::from(!recorded.is_empty());
            json(&mut rmrl(dir.path(), &["train", "--resume", &name]));
            // The records are still there, to the byte.
            let kept = fs::read_to_string(run.join("trials.jsonl")).unwrap();
            let complete = &recorded[..recorded.rfind('\n').map_or(0, |end| end + 1)];
            assert!(kept.starts_with(complete), "{name} lost a recorded trial");
        }
        assert_eq!(log_without_clock(&run), expected, "{method}, killed after {instant:?}");
        let policy = |run: &Path| fs::read(run.join("policy.safetensors")).ok();
        assert!(policy(&run) == policy(&dir.path().join("whole")), "{method}, after {instant:?}");
    }
    assert!(killed > 0 && resumed_midway > 0, "no kill came in time: {killed}, {resumed_midway}");
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
    for method in [
        "replay",
        "hindsight",
        "ppo",
        "actor-critic-rm-rl",
        "constant",
        "random",
        "self-calibration",
    ] {
        killed_again_and_again(method, "12", 2);
    }
}

/// Makes a run of ten trials with checkpoints of trials 6 and 9. Returns its log.
fn run_of_ten(dir: &Path) -> Vec<String> {
    json(&mut small(dir, &["train", "--trials", "10", "--out", "run"]));
    let last = dir.join("run/checkpoints/trial-000010.safetensors");
    fs::remove_file(last).unwrap();
    log_without_clock(&dir.join("run"))
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
    assert_eq!(log_without_clock(&dir.path().join("run")), expected);
}

/// Every file of a run with its bytes.
fn files(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.insert(path.clone(), fs::read(&path).unwrap());
        }
    }
    found
}

/// Damages a run, and checks that resuming it is rejected with these names and changes no byte.
fn assert_rejected(run: &Path, damage: impl Fn(&mut Vec<String>), names: &[&str]) {
    let path = run.join("trials.jsonl");
    let log = fs::read_to_string(&path).unwrap();
    let mut lines: Vec<String> = log.split_inclusive('\n').map(str::to_string).collect();
    damage(&mut lines);
    fs::write(&path, lines.concat()).unwrap();
    let before = files(run);
    let message = failure(&mut rmrl(run, &["train", "--resume", "."]), 1);
    for part in names {
        assert!(message.contains(part), "should name {part}: {message}");
    }
    assert!(files(run) == before, "something was changed: {message}");
    fs::write(&path, log).unwrap();
}

/// A line of a log as earlier versions wrote it.
fn without_digest(line: &str) -> String {
    let (body, digest) = line.rsplit_once(",\"digest\":\"").unwrap();
    assert_eq!(digest.len(), "01234567\"}\n".len());
    format!("{body}}}\n")
}

#[test]
fn a_damaged_log_is_rejected_by_line_and_nothing_is_changed() {
    let dir = tempfile::tempdir().unwrap();
    let expected = run_of_ten(dir.path());
    let run = dir.path().join("run");
    let edit = |line: usize, from: &'static str, to: &'static str| {
        move |lines: &mut Vec<String>| {
            assert!(lines[line - 1].contains(from), "{}", lines[line - 1]);
            lines[line - 1] = lines[line - 1].replacen(from, to, 1);
        }
    };
    // A damaged line in the middle, or the last one: its newline shows that it was written completely.
    assert_rejected(&run, edit(4, "\"trial\":4,", "\"trial\":4;"), &["trials.jsonl", "line 4"]);
    assert_rejected(&run, edit(10, "\"trial\":10,", "\"trial\":10;"), &["trials.jsonl", "line 10"]);
    // A value that was changed: before the last checkpoint, and after it.
    for line in [5, 10] {
        let names = ["trials.jsonl", &format!("line {line} is damaged"), "not what was written"];
        assert_rejected(&run, edit(line, "\"seated\":", "\"seated\": "), &names);
    }
    assert_rejected(&run, |lines| lines.truncate(8), &["simulator.jsonl", "11 lines", "8"]);
    assert_rejected(&run, |lines| lines.swap(2, 3), &["trials.jsonl", "line 3"]);
    assert_rejected(&run, |lines| lines.insert(3, lines[2].clone()), &["trials.jsonl", "line 4"]);

    // Without digests, as earlier versions wrote their logs, what the lines say has to fit together.
    type Damage = Box<dyn Fn(&mut Vec<String>)>;
    let damages: [(Damage, &[&str]); 9] = [
        (Box::new(edit(10, "\"reward\"", "\"rewrad\"")), &["trials.jsonl", "line 10", "rewrad"]),
        (Box::new(|lines| drop(lines.remove(4))), &["trials.jsonl", "line 5", "trial 6"]),
        (Box::new(|lines| lines.swap(2, 3)), &["trials.jsonl", "line 3"]),
        (Box::new(edit(8, "\"attempt\":1", "\"attempt\":0")), &["trials.jsonl", "line 8"]),
        (Box::new(edit(8, "\"scene\":3", "\"scene\":2")), &["trials.jsonl", "line 8"]),
        (Box::new(edit(2, "\"reward\":0.", "\"reward\":0.1")), &["line 2", "reward", "its poses"]),
        (Box::new(edit(2, "\"e_trans_m\":0.", "\"e_trans_m\":0.1")), &["line 2", "e_trans_m"]),
        (
            Box::new(|lines| {
                let (before, rest) = lines[9].split_once("\"action_index\":[").unwrap();
                let after = rest.split_once(']').unwrap().1;
                lines[9] = format!("{before}\"action_index\":[99,0,0]{after}");
            }),
            &["line 10", "action_index"],
        ),
        // A line that differs from the one the checkpoint was made from.
        (
            Box::new(edit(5, "\"seated\":true", "\"seated\":false")),
            &["trials.jsonl", "is not the one that", "trial-000009.safetensors"],
        ),
    ];
    for (damage, names) in damages {
        let damage = |lines: &mut Vec<String>| {
            lines.iter_mut().for_each(|line| *line = without_digest(line));
            damage(lines);
        };
        assert_rejected(&run, damage, names);
    }
    // A missing log, or a missing log of the simulator.
    assert_rejected(&run, Vec::clear, &["trials.jsonl", "simulator.jsonl"]);
    for (file, names) in [
        ("trials.jsonl", ["trials.jsonl is missing", "restore"]),
        ("simulator.jsonl", ["simulator.jsonl is missing", "cannot resume"]),
        ("target.json", ["target.json", "cannot read"]),
    ] {
        fs::rename(run.join(file), dir.path().join("aside")).unwrap();
        let message = failure(&mut rmrl(dir.path(), &["train", "--resume", "run"]), 1);
        assert!(names.iter().all(|part| message.contains(part)), "{message}");
        assert!(!run.join(file).exists());
        fs::rename(dir.path().join("aside"), run.join(file)).unwrap();
    }

    // After all that, the run resumes as if nothing had happened.
    json(&mut rmrl(dir.path(), &["train", "--resume", "run"]));
    assert_eq!(log_without_clock(&run), expected);
}

/// A checkpoint only saves time. The one before it, or the log alone, gives the same result.
#[test]
fn damaged_checkpoints_are_skipped_with_a_warning() {
    let dir = tempfile::tempdir().unwrap();
    let expected = run_of_ten(dir.path());
    let run = dir.path().join("run");
    let policy = fs::read(run.join("policy.safetensors")).unwrap();
    let damage: [&dyn Fn(&Path); 2] = [&|path| fs::write(path, "").unwrap(), &|path| {
        fs::write(path, &fs::read(path).unwrap()[..5000]).unwrap()
    }];
    for (name, damage) in
        ["trial-000009.safetensors", "trial-000010.safetensors"].iter().zip(damage)
    {
        damage(&run.join("checkpoints").join(name));
        let output = rmrl(dir.path(), &["train", "--resume", "run"]).output().unwrap();
        let warning = stderr(&output);
        assert!(output.status.success(), "{warning}");
        assert!(warning.contains(name) && warning.contains("damaged"), "{warning}");
        assert_eq!(log_without_clock(&run), expected);
        assert!(fs::read(run.join("policy.safetensors")).unwrap() == policy);
    }
}

/// A run needs only its own configuration, wherever it is resumed.
#[test]
fn a_run_with_weights_can_be_resumed_from_elsewhere() {
    let dir = tempfile::tempdir().unwrap();
    json(&mut small(dir.path(), &["train", "--trials", "3", "--out", "first"]));
    fs::copy(dir.path().join("first/policy.safetensors"), dir.path().join("p.safetensors"))
        .unwrap();
    let train = ["train", "--method", "rm-rl-pretrained", "--pretrained", "p.safetensors"];
    let mut train = small(dir.path(), &train);
    json(train.args(["--trials", "3", "--out", "second"]));
    let run = dir.path().join("second");
    fs::remove_file(run.join("pretrained.safetensors")).unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    json(&mut rmrl(elsewhere.path(), &["train", "--resume", run.to_str().unwrap()]));
}

/// Runs refine their candidates. Another run can start with the refined ones.
#[test]
fn a_run_can_start_from_a_policy_with_refined_candidates() {
    let dir = tempfile::tempdir().unwrap();
    let train = |out: &str, more: &[&str]| {
        let whole = ["train", "--trials", "6", "--out", out, "--set", "schedule.refine_interval=3"];
        small(dir.path(), &[&whole[..], more].concat())
    };
    json(&mut train("first", &["--set", "schedule.refinements=1"]));
    let start = ["--method", "rm-rl-pretrained", "--pretrained", "first/policy.safetensors"];
    let refined = [&start[..], &["--set", "schedule.refinements=1"]].concat();
    json(&mut train("second", &refined));
    let run = dir.path().join("second");
    let policy = fs::read(run.join("policy.safetensors")).unwrap();
    fs::remove_file(run.join("policy.safetensors")).unwrap();
    fs::remove_dir_all(run.join("checkpoints")).unwrap();
    json(&mut rmrl(dir.path(), &["train", "--resume", "second"]));
    assert!(fs::read(run.join("policy.safetensors")).unwrap() == policy);

    let coarse = [&start[..], &["--set", "schedule.refinements=0"]].concat();
    let message = failure(&mut train("third", &coarse), 2);
    assert!(message.contains("policy.safetensors") && message.contains("refinements"), "{message}");
    assert!(!dir.path().join("third").exists());
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
    assert_eq!(log_without_clock(&run), expected);
    assert!(fs::read(run.join("policy.safetensors")).unwrap() == policy);
}

/// The log is enough for every method, view and grouping: from a checkpoint or from the log alone, the policy is the same.
#[test]
fn the_log_alone_gives_the_same_policy_for_every_method_view_and_grouping() {
    for (method, assignments) in [
        ("ppo-rm-rl", ["policy.view=global", "schedule.grouping=schedule"]),
        ("actor-critic-rm-rl", ["policy.view=none", "schedule.grouping=similarity"]),
        ("hindsight", ["schedule.refinements=2", "schedule.refine_interval=3"]),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let train = ["train", "--method", method, "--trials", "8", "--out", "run"];
        let mut train = small(dir.path(), &train);
        json(train.args(assignments.iter().flat_map(|value| ["--set", value])));
        let run = dir.path().join("run");
        let expected = fs::read(run.join("policy.safetensors")).unwrap();
        for checkpoints in [2, 1, 0] {
            let mut left: Vec<PathBuf> = fs::read_dir(run.join("checkpoints"))
                .unwrap()
                .map(|entry| entry.unwrap().path())
                .collect();
            left.sort();
            left.iter().skip(checkpoints).for_each(|path| fs::remove_file(path).unwrap());
            fs::remove_file(run.join("policy.safetensors")).unwrap();
            json(&mut rmrl(dir.path(), &["train", "--resume", "run"]));
            let again = fs::read(run.join("policy.safetensors")).unwrap();
            assert!(again == expected, "{method} {assignments:?}, {checkpoints} checkpoints");
        }
    }
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

/// A run is made by one configuration. What changes nothing that a trial does may be changed.
#[test]
fn a_changed_configuration_is_refused_by_its_key() {
    let dir = tempfile::tempdir().unwrap();
    json(&mut small(dir.path(), &["train", "--trials", "3", "--out", "run"]));
    let run = dir.path().join("run");
    let path = run.join("config.toml");
    let config = fs::read_to_string(&path).unwrap();
    let before = files(&run);
    for (from, to, names) in [
        ("batch_size = 16", "batch_size = 8", ["schedule.batch_size is 8", "was 16"]),
        ("method = \"rm-rl\"", "method = \"replay\"", ["method is \"replay\"", "was \"rm-rl\""]),
        ("\nseed = 0\n", "\nseed = 1\n", ["seed is 1", "was 0"]),
        ("\nseed = 0\n", "\nseed = 0\nuntil = \"1mm@1%\"\n", ["until is", "was not given"]),
        (
            "retry_after_contact = false",
            "retry_after_contact = true",
            ["retry_after_contact", "true"],
        ),
    ] {
        assert!(config.contains(from), "{from}");
        fs::write(&path, config.replacen(from, to, 1)).unwrap();
        let message = failure(&mut rmrl(&run, &["train", "--resume", "."]), 1);
        assert!(message.contains("config.toml"), "{message}");
        assert!(names.iter().all(|name| message.contains(name)), "{names:?}: {message}");
    }
    fs::write(&path, &config).unwrap();
    assert!(files(&run) == before, "a refusal changes nothing");

    let more = config.replacen("trials = 3", "trials = 4", 1);
    let more = more.replacen("[unattended]", "[unattended]\nmax_hours = 5.0\nmax_faults = 7", 1);
    fs::write(&path, &more).unwrap();
    assert_eq!(json(&mut rmrl(&run, &["train", "--resume", "."]))["trials"], 4);
}

/// The logs of methods without a policy are checked as those of the others, and a log of a later version is not
/// taken for a damaged one.
#[test]
fn every_method_checks_its_log_and_a_later_version_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let train = ["train", "--method", "constant", "--trials", "3", "--out", "run"];
    json(&mut small(dir.path(), &train));
    let run = dir.path().join("run");
    let changed = |from: &'static str, to: &'static str| {
        move |lines: &mut Vec<String>| {
            lines.iter_mut().for_each(|line| *line = without_digest(line));
            assert!(lines[1].contains(from), "{}", lines[1]);
            lines[1] = lines[1].replacen(from, to, 1);
            lines[0] = lines[0].replacen(from, to, 1);
        }
    };
    assert_rejected(&run, changed("\"reward\":0.", "\"reward\":0.0"), &["line 1", "reward is"]);
    let names = ["trials.jsonl", "later version", "99", "update"];
    assert_rejected(&run, changed("\"schema\":3,", "\"schema\":99,\"new\":1,"), &names);
    // Without digests it is read, with a warning.
    let path = run.join("trials.jsonl");
    let log = fs::read_to_string(&path).unwrap();
    fs::write(&path, log.split_inclusive('\n').map(without_digest).collect::<String>()).unwrap();
    let output = rmrl(&run, &["train", "--resume", "."]).output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(stderr(&output).contains("without digests"), "{}", stderr(&output));
}
