//! The command `rmrl` as its users run it, in a cell with a small camera and a small network.
//!
//! - `page`: the status page of a run, over real HTTP
//! - `process`: waiting for processes, signals to them, and terminals for them
//! - `run_log`: the log of a run

#![allow(dead_code, reason = "each test file uses a part of it")]

pub mod page;
pub mod process;
pub mod run_log;

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

/// Copies a folder with everything in it.
pub fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let copy = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy_folder(&path, &copy);
        } else {
            std::fs::copy(&path, &copy).unwrap();
        }
    }
}

/// Values that make a trial cheap without skipping any part of it.
pub const SMALL: [&str; 9] = [
    "simulation.camera.width_px=320",
    "policy.encoder.depth=10",
    "policy.encoder.base_width=8",
    "policy.encoder.image_size=32",
    "policy.encoder.weights=random",
    "metrics.noise_floor_repeats=3",
    "schedule.trials_per_scene=3",
    "schedule.replay_interval=3",
    "schedule.pretrain_trials=6",
];

/// `rmrl` with these arguments, run in `dir`. A training that names no method is the paper's here: it learns a network, which
/// most tests are about.
pub fn rmrl(dir: &Path, arguments: &[&str]) -> Command {
    let mut command = rmrl_as_users(dir, arguments);
    if needs_method(dir, arguments) {
        command.args(["--method", "rm-rl"]);
    }
    command
}

/// `rmrl` with exactly these arguments, run in `dir`.
pub fn rmrl_as_users(dir: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rmrl"));
    command.current_dir(dir).args(arguments).env_remove("RMRL_LOG");
    command
}

/// Whether arguments begin a training and name no method, nor a file that does.
fn needs_method(dir: &Path, arguments: &[&str]) -> bool {
    let names = |option: &str| arguments.iter().any(|argument| argument.starts_with(option));
    let file = arguments.iter().position(|argument| *argument == "--config");
    let file = file.and_then(|at| arguments.get(at + 1));
    let file = file.map(|file| dir.join(file)).filter(|file| file.is_file());
    let text = file.and_then(|file| std::fs::read_to_string(file).ok());
    arguments.first() == Some(&"train")
        && !["--method", "--resume", "method=", "--help"].into_iter().any(names)
        && !text.is_some_and(|text| text.contains("method"))
}

/// `rmrl` with these arguments and the values of [`SMALL`], run in `dir`.
pub fn small(dir: &Path, arguments: &[&str]) -> Command {
    let mut command = rmrl(dir, arguments);
    command.args(SMALL.iter().flat_map(|value| ["--set", value]));
    command
}

pub fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

pub fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// Runs a command that has to succeed. Returns its JSON: the last line, because runs print a line for each trial before.
pub fn json(command: &mut Command) -> Value {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    serde_json::from_str(stdout(&output).lines().last().unwrap()).unwrap()
}

/// Runs a command that has to fail with `status`, and to print no result but those of a run. Returns its standard error.
pub fn failure(command: &mut Command, status: i32) -> String {
    let output = command.output().unwrap();
    let message = stderr(&output);
    assert_eq!(output.status.code(), Some(status), "{message}");
    for line in stdout(&output).lines() {
        let event: Value = serde_json::from_str(line).unwrap();
        assert!(event["event"].is_string(), "{line}");
    }
    message
}

/// The option that makes a run append each notification, as a line of JSON, to a file.
pub fn notify_into(file: &Path) -> String {
    format!("notify.command=[\"sh\", \"-c\", \"cat >> {0}; echo >> {0}\"]", file.display())
}

/// The last notification in a file of [`notify_into`].
pub fn last_notification(file: &Path) -> Value {
    let text = std::fs::read_to_string(file).unwrap();
    serde_json::from_str(text.lines().last().unwrap()).unwrap()
}
