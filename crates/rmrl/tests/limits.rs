//! What is read from outside has limits: every key of a configuration, and every file.

#![allow(clippy::unwrap_used, reason = "a test that fails at an unwrap has done its work")]

mod binary;

use std::collections::BTreeSet;
use std::fs;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use binary::{copy_folder, json, rmrl, small};
use rmrl::{Layers, RunConfig};
use rmrl_cell::TaskKind;
use rmrl_core::ConfigKeys;
use rmrl_learn::MethodName;
use toml::{Table, Value};

/// Keys without a default, filled in so that the test finds them, in a simulated cell.
const SIMULATED: &str = r#"
until = "1.0mm@95%"
[cell]
seed = 3
[camera.drift]
every_trials = 3
board = { corners = "5x4", square_m = 0.015 }
height_m = 0.0
suspect_m = 0.0005
stop_m = 0.001
[simulation.board]
board = { corners = "5x4", square_m = 0.015 }
x_m = 0.57
y_m = -0.24
yaw_deg = 0.0
[vision.grounding_dino]
threads = 2
[vision.segment_anything]
threads = 2
[unattended]
max_hours = 1.0
max_faults = 3
[page]
serve = "127.0.0.1:0"
token_file = "token"
host_names = ["lab"]
[notify]
command = ["true", "now"]
webhook = "http://localhost/"
[task]
via = [{ x_m = 0.3, y_m = 0.0, z_m = 0.2, yaw_deg = 0.0 }]
"#;

/// The same in a real cell.
const REAL: &str = r#"
[cell]
kind = "xarm"
[camera]
source = "realsense"
calibration = "overhead.toml"
[camera.realsense]
serial_number = "935322072654"
laser_power_mw = 150.0
[task]
first_contact_speed_m_s = 0.02
[xarm]
socket_folder = "sockets"
joint_range_deg = [[-100.0, 100.0], [-90.0, 90.0]]
"#;

/// Each of the 2^32 seeds is as good as any other.
const SEEDS: [&str; 2] = ["seed", "cell.seed"];

/// Every value in a table that is no table, with its path: keys, and places in lists.
fn leaves(table: &Table) -> Vec<(Vec<String>, Value)> {
    let mut found = Vec::new();
    let mut rooms = vec![(Vec::new(), Value::Table(table.clone()))];
    while let Some((path, value)) = rooms.pop() {
        let with = |step: String| path.iter().cloned().chain([step]).collect::<Vec<_>>();
        match &value {
            Value::Table(table) => {
                rooms.extend(table.iter().map(|(key, value)| (with(key.clone()), value.clone())));
            }
            Value::Array(entries) => {
                let each = entries.iter().enumerate();
                rooms.extend(each.map(|(index, value)| (with(index.to_string()), value.clone())));
                found.push((path, value));
            }
            _ => found.push((path, value)),
        }
    }
    found
}

/// Puts a value at a path of [`leaves`].
fn put(within: &mut Value, path: &[String], value: Value) {
    match (path, within) {
        ([], within) => *within = value,
        ([key, rest @ ..], Value::Table(table)) => put(table.get_mut(key).unwrap(), rest, value),
        ([index, rest @ ..], Value::Array(entries)) => {
            put(&mut entries[index.parse::<usize>().unwrap()], rest, value);
        }
        (path, within) => panic!("{within} has no {path:?}"),
    }
}

/// Values of the same type that nobody means.
fn absurd(value: &Value) -> Vec<Value> {
    match value {
        Value::Float(_) => {
            [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e300, -1e300].map(Value::Float).into()
        }
        Value::Integer(_) => {
            [i64::MAX, i64::MIN, 4_294_967_296, 4_000_000_000, -1].map(Value::Integer).into()
        }
        Value::String(_) => vec![Value::String("x".repeat(1 << 20))],
        Value::Array(entries) => match entries.first() {
            Some(first) => vec![Value::Array(vec![first.clone(); 100_000])],
            None => Vec::new(),
        },
        _ => vec![Value::String("x".repeat(1 << 20))],
    }
}

/// A whole configuration, and its values.
fn whole(task: TaskKind, method: MethodName, filling: &str) -> (Layers, Table) {
    let layers = Layers::default()
        .with_text("the keys without a default", filling)
        .unwrap()
        .with_value("a test", "task.kind", task.as_str())
        .with_value("a test", "method", method.as_str());
    let config = layers.clone().resolve().unwrap();
    (layers, config.to_toml().parse().unwrap())
}

/// A batch size of 4e9 once ended in an abort, and as many replays never ended.
#[test]
fn every_key_refuses_what_nobody_means_by_its_name() {
    let mut tried = BTreeSet::new();
    for filling in [SIMULATED, REAL] {
        for task in TaskKind::ALL {
            for method in MethodName::ALL {
                let is_first = method == MethodName::ALL[0];
                let (layers, table) = whole(task, method, filling);
                for (path, value) in leaves(&table) {
                    let steps: Vec<&str> = path.iter().map(String::as_str).collect();
                    let is_key = |step: &&&str| step.parse::<usize>().is_err();
                    let key = steps.iter().filter(is_key).copied().collect::<Vec<_>>().join(".");
                    let name = key.rsplit('.').next().unwrap();
                    let all = absurd(&value);
                    // Other methods have other defaults, but the same keys.
                    let values = if is_first { all.len() } else { all.len().min(1) };
                    for bad in all.into_iter().take(values) {
                        if SEEDS.contains(&key.as_str()) && bad == Value::Integer(4_000_000_000) {
                            continue;
                        }
                        let mut section = table[steps[0]].clone();
                        put(&mut section, &path[1..], bad.clone());
                        let shown: String = bad.to_string().chars().take(40).collect();
                        let refused =
                            layers.clone().with_value("a test", steps[0], section).resolve();
                        let error = refused.expect_err(&format!("{key} = {shown}")).to_string();
                        assert!(error.contains(name), "{key} = {shown}: {error}");
                        assert!(error.len() < 2000, "{key} = {shown}: {} bytes", error.len());
                    }
                    tried.insert(key);
                }
            }
        }
    }
    // These exclude others or other kinds of values.
    let excluded = ["camera.realsense.playback", "camera.recording", "pretrained", "xarm.joints"];
    let missed: Vec<String> = RunConfig::keys()
        .iter()
        .filter(|key| !key.is_section())
        .map(|key| key.path.replace("[]", ""))
        .filter(|path| !tried.contains(path) && !excluded.contains(&path.as_str()))
        .collect();
    assert_eq!(missed, Vec::<String>::new());
    assert!(tried.len() > 200, "{} keys", tried.len());
}

#[test]
fn values_of_the_command_line_have_limits() {
    let dir = tempfile::tempdir().unwrap();
    let long = format!("page.host_names=[\"{}\"]", "x".repeat(100_000));
    let deep = format!("{}=1", ["a"; 50_000].join("."));
    for (arguments, named) in [
        (&["train", "--trials", "4000000000"][..], "trials"),
        (&["train", "--max-hours", "inf"], "max_hours"),
        (&["train", "--max-faults", "4000000000"], "max_faults"),
        (&["train", "--set", &long], "page.host_names"),
        (&["train", "--set", &deep], "--set a.a.a"),
        (&["train", "--config", "/dev/zero"], "/dev/zero"),
        (&["train", "--config", "."], "folder"),
        (&["eval", "none", "--trials", "4000000000"], "--trials"),
        (&["reproduce", "--seeds", "4000000000"], "--seeds"),
        (&["reproduce", "--trials", "4000000000"], "--trials"),
        (&["record", "--out", "x", "--frames", "4000000000"], "--frames"),
        (&["snapshot", "--record", "x", "--frames", "4000000000"], "--frames"),
        (
            &["snapshot", "--set", "schedule.trials_per_scene=10", "--scene", "4294967295"],
            "--scene",
        ),
        (&["bench", "localize", "--frames", "4000000000"], "--frames"),
        (&["calibrate", "simulate", "--out", "x", "--views", "4000000000"], "--views"),
        (&["calibrate", "simulate", "--out", "x", "--corners", "4000000000x5"], "--corners"),
        (&["calibrate", "simulate", "--out", "x", "--square-mm", "inf"], "square"),
        (&["calibrate", "simulate", "--out", "x", "--arm-mm", "nan"], "--arm-mm"),
        (&["calibrate", "capture", "--out", "x", "--views", "4000000000"], "--views"),
        (&["calibrate", "capture", "--out", "x", "--floor-mm", "nan"], "--floor-mm"),
        (&["encoder", "pretrain", "--out", "x.safetensors", "--cells", "1000000"], "--cells"),
        (
            &["encoder", "pretrain", "--out", "x.safetensors", "--batch-size", "4000000000"],
            "--batch",
        ),
        (&["encoder", "pretrain", "--out", "x.safetensors", "--epochs", "4000000000"], "--epochs"),
        (
            &["encoder", "pretrain", "--out", "x.safetensors", "--learning-rate", "nan"],
            "--learning",
        ),
    ] {
        let output = limited(rmrl(dir.path(), arguments), &arguments);
        let message = &output.1;
        assert_ne!(output.0, Some(0), "{arguments:?}");
        let shown: Vec<String> =
            arguments.iter().map(|word| word.chars().take(40).collect()).collect();
        assert!(message.contains(named), "{shown:?}: {message}");
        assert!(message.len() < 4000, "{shown:?}: {} bytes", message.len());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0, "{shown:?}");
    }
}

/// Runs a command that has to end by itself: without the memory of a computer, and within a minute. Returns its
/// status and standard error.
fn limited(command: Command, what: &dyn std::fmt::Debug) -> (Option<i32>, String) {
    const MOST_KB: u64 = 6_000_000;
    let mut within = Command::new("sh");
    within.arg("-c").arg(format!("ulimit -v {MOST_KB}; exec \"$0\" \"$@\""));
    within.arg(command.get_program()).args(command.get_args()).env_remove("RMRL_LOG");
    within.current_dir(command.get_current_dir().unwrap());
    let mut child = within.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stderr = child.stderr.take().unwrap();
    let reader = std::thread::spawn(move || {
        let mut text = Vec::new();
        std::io::Read::read_to_end(&mut stderr, &mut text).unwrap();
        String::from_utf8_lossy(&text).into_owned()
    });
    let began = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if began.elapsed() > Duration::from_secs(60) {
            child.kill().unwrap();
            panic!("{what:?} does not end");
        }
        std::thread::sleep(Duration::from_millis(10));
    };
    (status.code(), reader.join().unwrap())
}

/// Anyone who can write into a folder of runs could make a reader wait for a pipe, or fill its memory.
#[test]
fn no_file_of_a_run_makes_its_reader_wait_or_takes_its_memory() {
    let dir = tempfile::tempdir().unwrap();
    let whole = dir.path().join("whole");
    json(&mut small(dir.path(), &["train", "--trials", "2", "--out", "whole"]));
    let checkpoint = fs::read_dir(whole.join("checkpoints")).unwrap().next().unwrap().unwrap();
    let checkpoint = format!("checkpoints/{}", checkpoint.file_name().to_string_lossy());
    let image = fs::read_dir(whole.join("images")).unwrap().map(|entry| entry.unwrap().file_name());
    let image =
        image.map(|name| name.to_string_lossy().into_owned()).find(|name| name.contains("start"));
    let image = format!("images/{}", image.unwrap());
    let resume = ["train", "--resume", "run"];
    for (file, command) in [
        ("config.toml", &resume[..]),
        ("trials.jsonl", &resume),
        ("trials.jsonl", &["report", "run"]),
        ("simulator.jsonl", &resume),
        ("target.json", &resume),
        ("run.json", &resume),
        ("camera.toml", &["localize", "--run", "run"]),
        ("policy.safetensors", &["eval", "run", "--trials", "1"]),
        (checkpoint.as_str(), &resume),
        (image.as_str(), &["report", "run"]),
        (image.as_str(), &["localize", "--run", "run"]),
        (".lock", &resume),
        ("events.out.tfevents.rmrl", &resume),
        (
            "policy.safetensors",
            &[
                "train",
                "--method",
                "rm-rl-pretrained",
                "--set",
                "pretrained=run/policy.safetensors",
                "--out",
                "other",
            ],
        ),
    ] {
        for kind in ["pipe", "huge", "device", "folder"] {
            // All are read by the same function.
            if file != "trials.jsonl" && ["device", "folder"].contains(&kind) {
                continue;
            }
            let run = dir.path().join("run");
            copy_folder(&whole, &run);
            let path = run.join(file);
            fs::remove_file(&path).unwrap();
            match kind {
                "pipe" => assert!(Command::new("mkfifo").arg(&path).status().unwrap().success()),
                "device" => std::os::unix::fs::symlink("/dev/zero", &path).unwrap(),
                "folder" => fs::create_dir(&path).unwrap(),
                _ => fs::File::create(&path).unwrap().set_len(1 << 41).unwrap(),
            }
            let what = format!("{file} is a {kind}: {command:?}");
            let (status, message) = limited(rmrl(dir.path(), command), &what);
            // A report says so where an image is missing, and a lock holds nothing.
            let is_optional = file == image
                || kind == "huge" && [".lock", "events.out.tfevents.rmrl"].contains(&file);
            if !is_optional {
                assert!(matches!(status, Some(1 | 2)), "{what}: {status:?} {message}");
                let name = file.rsplit('/').next().unwrap();
                assert!(message.contains(name), "{what}: {message}");
            }
            assert!(matches!(status, Some(0..=2)), "{what}: {status:?} {message}");
            fs::remove_dir_all(&run).unwrap();
            assert!(!dir.path().join("other").exists(), "{what}");
        }
    }
}

/// Another user of a shared folder may plant links where this program writes.
#[test]
fn no_link_in_a_run_is_written_through() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    json(&mut small(dir.path(), &["train", "--trials", "1", "--out", "run"]));
    fs::write(path("precious"), "kept").unwrap();
    let plant = |name: &str| {
        let _ = fs::remove_file(path(name));
        std::os::unix::fs::symlink(path("precious"), path(name)).unwrap();
    };
    for name in [
        "run/report.html.tmp",
        "run/report.html",
        "run/policy.safetensors.tmp",
        "run/metrics.csv.tmp",
        "run/metrics.csv",
    ] {
        plant(name);
    }
    let run = |arguments: &[&str]| {
        let (status, message) = limited(rmrl(dir.path(), arguments), &arguments);
        assert_eq!(status, Some(0), "{arguments:?}: {message}");
    };
    run(&["report", "run"]);
    assert!(fs::read_to_string(path("run/report.html")).unwrap().contains("<svg"));
    run(&["train", "--resume", "run"]);
    assert_eq!(fs::read(path("precious")).unwrap(), b"kept");
    for name in ["run/.lock", "run/events.out.tfevents.rmrl"] {
        plant(name);
        let resume = ["train", "--resume", "run"];
        let (status, message) = limited(rmrl(dir.path(), &resume), &resume);
        assert_ne!(status, Some(0), "{message}");
        assert!(message.contains("a link, which is not followed"), "{message}");
        assert_eq!(fs::read(path("precious")).unwrap(), b"kept", "{name}: {message}");
        fs::remove_file(path(name)).unwrap();
    }
}
