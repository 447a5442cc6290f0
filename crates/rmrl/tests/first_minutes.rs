//! What somebody meets in the first ten minutes: what commands print, and what they say about a wrong start.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test that fails at an unwrap has done its work")]

mod binary;
mod emulated;

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};

use binary::process::terminal;
use binary::{SMALL, failure, json, rmrl, small, stderr, stdout};
use emulated::{EmulatedCell, move_arm};
use serde_json::Value;

/// The commands below `words`, each with its words, as `--help` lists them.
fn commands(dir: &Path, words: &[String]) -> BTreeSet<String> {
    let output = rmrl(dir, &[]).args(words).arg("--help").output().unwrap();
    let help = stdout(&output);
    let Some((_, list)) = help.split_once("\nCommands:\n") else {
        return BTreeSet::from([words.join(" ")]);
    };
    let lines = list.lines().take_while(|line| line.starts_with("  "));
    // What a command does may take several lines, which are indented further.
    let names = lines
        .filter(|line| !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next());
    let names = names.filter(|name| *name != "help");
    names.flat_map(|name| commands(dir, &[words, &[name.to_string()]].concat())).collect()
}

/// Each command with what it needs, in an order in which later ones use what earlier ones made. `{}` is how its output is
/// read.
const COMMANDS: &[(&str, &str)] = &[
    ("train", "--method rm-rl --trials 3 --out run-{} SMALL"),
    ("pretrain", "--from run-{} --out pretrained-{}.safetensors"),
    ("eval", "run-{} --trials 2"),
    ("report", "run-{}"),
    ("export onnx", "run-{}"),
    ("export lerobot", "run-{} --out dataset-{}"),
    ("import lerobot", "dataset-{} --out imported-run-{}"),
    (
        "encoder pretrain",
        "--out encoder-{}.safetensors --cells 2 --test-cells 2 --images 2 --epochs 1 ENCODER",
    ),
    (
        "encoder look-error",
        "--out look-error-{}.safetensors --cells 1 --test-cells 1 --images 4 --epochs 1 CAMERA",
    ),
    ("snapshot", "--out seen-{}.png --record frames-{}"),
    ("localize", "--recording frames-{}"),
    ("reproduce", "--trials 3 --seeds 1 --methods none --tasks table --out reproduction-{} SMALL"),
    ("bench localize", "--frames 1"),
    ("calibrate carries", "--out carries-{}.toml"),
    ("calibrate capture", "--out session-{} --views 13"),
    ("calibrate eye-to-hand", "--session session-{} --out held-{}.toml"),
    ("calibrate simulate", "--out simulated-{}"),
    ("calibrate intrinsics", "--images simulated-{}/wrist --out wrist-{}.toml"),
    (
        "calibrate hand-eye",
        "--images simulated-{}/wrist --poses simulated-{}/poses.csv --camera wrist-{}.toml --out wrist-{}.toml",
    ),
    ("calibrate import", "ros.yaml --out imported-{}.toml"),
    (
        "calibrate overhead",
        "--pairs simulated-{}/pairs.csv --wrist wrist-{}.toml --camera held-{}.toml --out overhead-{}.toml",
    ),
    (
        "calibrate check",
        "--pairs simulated-{}/check.csv --wrist wrist-{}.toml --camera overhead-{}.toml",
    ),
    ("cell doctor", "CELL"),
    ("cell home", "--yes CELL"),
    ("cell teach home", "CELL"),
    ("cell teach via", "CELL"),
    ("cell teach place", "CELL"),
    ("cell teach site", "bench CELL"),
    ("cell stop", "--watch 0 STOP"),
    ("cell sites", "LABORATORY"),
    ("cell transfer", "hotel:1 reader LABORATORY"),
    ("policy use", "run-{} bench reader LABORATORY"),
    ("policy list", "LABORATORY"),
    ("policy withdraw", "bench reader LABORATORY"),
    ("policy use", "run-{} bench reader --now LABORATORY"),
    ("policy rollback", "bench reader LABORATORY"),
    ("cell qualify", "--transfers 2 --least 0.1 --out qualification-{} LABORATORY"),
    ("cell history", "--out history-{}.html LABORATORY"),
    ("cell inventory set", "reader plate-{}=96-well --reason loaded LABORATORY"),
    ("cell inventory show", "LABORATORY"),
    ("cell inventory verify", "LABORATORY"),
];

/// Commands that are not in [`COMMANDS`], with the reason.
const OTHERS: [(&str, &str); 7] = [
    ("policy train", "needs four transfers: tested in policies.rs"),
    ("cell protocol", "needs a plate on the bench: tested in laboratory.rs"),
    ("config", "prints a file"),
    ("cell inventory settle", "needs an item that is uncertain: tested in places.rs"),
    ("view", "is a part of the Python package: tested below"),
    ("record", "needs a camera and a build with its feature"),
    ("xarm emulate", "ends when it is stopped: tested below"),
];

/// A camera as ROS writes it.
const ROS: &str = "\
image_width: 640
image_height: 480
camera_name: head
camera_matrix: { rows: 3, cols: 3, data: [612.0, 0.0, 319.5, 0.0, 612.0, 239.5, 0.0, 0.0, 1.0] }
distortion_model: plumb_bob
distortion_coefficients: { rows: 1, cols: 5, data: [0.01, 0.0, 0.0, 0.0, 0.0] }
";

/// The command of a line of [`COMMANDS`], with the arm where it needs it.
fn command_of(cell: &EmulatedCell, (name, arguments): (&str, &str), reader: &str) -> Command {
    if name == "cell teach place" {
        let place = cell.config.task.trajectory().place;
        move_arm(cell.xarm(), place).unwrap();
    }
    let mut command = rmrl(cell.dir.path(), &[]);
    command.args(name.split(' '));
    for word in arguments.split(' ').filter(|word| !word.is_empty()) {
        let control = cell.control_address().port().to_string();
        match word {
            "SMALL" => command.args(SMALL.iter().flat_map(|value| ["--set", value])),
            "ENCODER" => command.args(SMALL[..5].iter().flat_map(|value| ["--set", value])),
            "CAMERA" => command.args(SMALL[..1].iter().flat_map(|value| ["--set", value])),
            "CELL" => command.args(cell.keys().iter().flat_map(|key| ["--set", key])),
            "LABORATORY" => {
                let config = concat!(env!("CARGO_MANIFEST_DIR"), "/../../configs/laboratory.toml");
                let dir = format!("inventory.dir=inventory-{reader}");
                command.args(["--config", config, "--set", &dir])
            }
            "STOP" => command.args(["--host", "127.0.0.1", "--port", &control]),
            word => command.arg(word.replace("{}", reader)),
        };
    }
    command
}

/// What a command prints on a terminal.
fn at_a_terminal(mut command: Command) -> String {
    let (mut near, far) = terminal();
    let mut child =
        command.stdout(far).stderr(Stdio::piped()).stdin(Stdio::null()).spawn().unwrap();
    drop(command);
    let reading = std::thread::spawn(move || {
        let (mut all, mut bytes) = (Vec::new(), [0; 4096]);
        // The terminal is gone when nobody writes to it any more, which is an error.
        while let Ok(count @ 1..) = near.read(&mut bytes) {
            all.extend_from_slice(&bytes[..count]);
        }
        String::from_utf8(all).unwrap().replace('\r', "")
    });
    let output = child.stderr.take().map(|mut errors| {
        let mut text = String::new();
        errors.read_to_string(&mut text).unwrap();
        text
    });
    let status = child.wait().unwrap();
    assert!(status.success(), "{output:?}");
    reading.join().unwrap()
}

#[test]
fn every_command_prints_text_on_a_terminal_and_json_elsewhere_and_names_the_next_command() {
    let cell = EmulatedCell::start(11);
    let listed = commands(cell.dir.path(), &[]);
    let named = COMMANDS.iter().map(|(name, _)| *name).chain(OTHERS.map(|(name, _)| name));
    assert_eq!(listed, named.map(str::to_string).collect(), "a command came or went");
    fs::write(cell.dir.path().join("ros.yaml"), ROS).unwrap();
    for &(name, arguments) in COMMANDS {
        let output = command_of(&cell, (name, arguments), "piped").output().unwrap();
        let (printed, said) = (stdout(&output), stderr(&output));
        assert!(output.status.success(), "{name}: {said}");
        let lines: Vec<Value> = printed
            .lines()
            .map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{name}: {printed}")))
            .collect();
        let next = match name {
            // A line is a frame.
            "localize" => said.contains("next: rmrl "),
            _ => lines.last().unwrap()["next"]
                .as_str()
                .is_some_and(|next| next.contains("rmrl") || next.contains("open")),
        };
        assert!(next, "{name}: {printed}{said}");
        let events: Vec<&str> = lines.iter().filter_map(|line| line["event"].as_str()).collect();
        match name {
            "train" => assert_eq!(events, ["trial", "trial", "trial", "ended"]),
            _ => assert_eq!((events.len(), lines.len()), (0, 1), "{name}: {printed}"),
        }
    }
    for &(name, arguments) in COMMANDS {
        let text = at_a_terminal(command_of(&cell, (name, arguments), "typed"));
        assert!(!text.trim().is_empty(), "{name}");
        assert!(!text.lines().any(|line| line.starts_with('{')), "{name}: {text}");
        let last = text.lines().last().unwrap();
        assert!(name == "localize" || last.starts_with("next: "), "{name}: {text}");
    }
}

#[test]
fn an_emulator_says_where_it_listens() {
    let dir = tempfile::tempdir().unwrap();
    let arguments =
        ["xarm", "emulate", "--port", "0", "--report-port", "0", "--cell", "127.0.0.1:0"];
    let mut command = rmrl(dir.path(), &arguments);
    let mut child = command.stdout(Stdio::piped()).stdin(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    let listening: Value = serde_json::from_str(&line).unwrap();
    assert!(listening["next"].as_str().unwrap().contains("rmrl train"), "{line}");
}

#[test]
fn a_resumed_run_prints_its_own_trials_only() {
    let dir = tempfile::tempdir().unwrap();
    json(&mut small(dir.path(), &["train", "--trials", "3", "--out", "run"]));
    let path = dir.path().join("run/config.toml");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace("trials = 3\n", "trials = 5\n")).unwrap();
    let output = rmrl(dir.path(), &["train", "--resume", "run"]).output().unwrap();
    let printed = stdout(&output);
    let trials: Vec<u64> = printed
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).unwrap()["trial"].as_u64())
        .collect();
    assert_eq!(trials, [4, 5], "{printed}{}", stderr(&output));
}

/// A user who has compiled the command has no viewer. The command that they typed is in the answer, to be copied.
#[test]
fn a_view_says_how_to_get_the_viewer() {
    let dir = tempfile::tempdir().unwrap();
    let missing = failure(&mut rmrl(dir.path(), &["view", "nothing"]), 2);
    assert!(missing.contains("nothing is no run"), "{missing}");
    assert!(
        small(dir.path(), &["train", "--trials", "1", "--out", "run"]).status().unwrap().success()
    );
    let answer =
        failure(&mut rmrl(dir.path(), &["view", "run", "--save", "a file.rrd", "--live"]), 2);
    assert!(answer.contains("pip install \"rmrl-robot[view]\""), "{answer}");
    assert!(answer.contains("rmrl view run --save 'a file.rrd' --live"), "{answer}");
}

#[test]
fn a_failed_start_leaves_no_run_directory_and_no_advice_to_resume() {
    let dir = tempfile::tempdir().unwrap();
    let used = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = used.local_addr().unwrap().port().to_string();
    let nobody =
        ["cell.kind=xarm", "camera.source=remote", "xarm.host=127.0.0.1", "xarm.control_port=9"];
    let nobody = nobody.iter().flat_map(|value| ["--set", value]).collect::<Vec<_>>();
    let elsewhere = ["--set", "remote.address=127.0.0.1:9", "--set", "cell.operator=remote"];
    let cases: [(&str, Vec<&str>); 4] = [
        ("the port is used", vec!["--serve", &port]),
        ("nobody can be asked", nobody.clone()),
        ("no camera, no operator, no arm", [&nobody[..], &elsewhere].concat()),
        ("no arm", [&nobody[..], &["--yes"]].concat()),
    ];
    for (what, more) in cases {
        let train = [&["train", "--trials", "3"][..], &more].concat();
        let mut command = rmrl(dir.path(), &train);
        let output = command.stdin(Stdio::null()).output().unwrap();
        assert!(!output.status.success(), "{what}");
        let said = stderr(&output);
        assert!(!said.contains("--resume"), "{what}: {said}");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0, "{what}: {said}");
    }
    // A directory that was there stays, empty.
    fs::create_dir(dir.path().join("mine")).unwrap();
    let train = [&["train", "--yes", "--out", "mine"][..], &nobody].concat();
    let said = failure(&mut rmrl(dir.path(), &train), 1);
    assert!(said.contains("the run did not start, and no run directory is left"), "{said}");
    assert_eq!(fs::read_dir(dir.path().join("mine")).unwrap().count(), 0);
}

#[test]
fn wrong_options_are_named() {
    let dir = tempfile::tempdir().unwrap();
    for (arguments, parts) in [
        (
            &["train", "--task", "shelf", "--set", "task.kind=table"][..],
            &["--task", "--set task.kind=table"][..],
        ),
        (&["train", "--trials", "-5"], &["--trials", "-5"]),
        (&["train", "--serve", "arm.example:80"], &["--serve", "127.0.0.1:8080"]),
        (&["eval", "run", "--trials", "-1"], &["--trials"]),
        (&["calibrate", "simulate", "--out", "s", "--square-mm", "-20"], &["square"]),
    ] {
        let said = failure(&mut rmrl(dir.path(), arguments), 2);
        for part in parts {
            assert!(said.contains(part), "{arguments:?}: {said}");
        }
    }
}

#[test]
fn a_page_is_served_at_a_port_or_at_localhost() {
    let dir = tempfile::tempdir().unwrap();
    for (number, place) in
        [["--serve", "0"], ["--serve", "localhost:0"], ["--set", "page.serve=0"]].iter().enumerate()
    {
        let out = format!("run-{number}");
        let train = [&["train", "--trials", "1", "--out", &out][..], place].concat();
        let output = small(dir.path(), &train).output().unwrap();
        let said = stderr(&output);
        assert!(said.contains("watch the run at http://127.0.0.1:"), "{said}");
    }
}

#[test]
fn the_doctor_says_loudly_that_it_saw_no_cell_of_the_users() {
    let dir = tempfile::tempdir().unwrap();
    let output = rmrl(dir.path(), &["cell", "doctor"]).output().unwrap();
    assert!(stderr(&output).contains("NOT YOUR CELL: without --config"), "{}", stderr(&output));
    let diagnosis: Value = serde_json::from_str(&stdout(&output)).unwrap();
    assert_eq!(diagnosis["simulated"], true);
    fs::write(dir.path().join("mine.toml"), "seed = 3\n").unwrap();
    let output = rmrl(dir.path(), &["cell", "doctor", "--config", "mine.toml"]).output().unwrap();
    assert!(!stderr(&output).contains("NOT YOUR CELL"), "{}", stderr(&output));
}

#[test]
fn rmrl_log_chooses_messages_and_an_invalid_value_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let encoder = |log: &str, out: &str| {
        let options = ["--cells", "1", "--test-cells", "1", "--images", "2", "--epochs", "1"];
        let arguments = [&["encoder", "pretrain", "--out", out][..], &options].concat();
        let mut command = rmrl(dir.path(), &arguments);
        command.args(SMALL[..5].iter().flat_map(|value| ["--set", value])).env("RMRL_LOG", log);
        stderr(&command.output().unwrap())
    };
    for (number, (log, is_shown)) in [
        ("info", true),
        ("warn", false),
        ("", false),
        ("rmrl=info", true),
        ("rmrl_xarm=trace", false),
    ]
    .into_iter()
    .enumerate()
    {
        let said = encoder(log, &format!("{number}.safetensors"));
        assert_eq!(said.contains("pass 1: loss"), is_shown, "{log}: {said}");
    }
    let refused = failure(rmrl(dir.path(), &["config"]).env("RMRL_LOG", "loud"), 2);
    assert!(refused.contains("RMRL_LOG is \"loud\"") && refused.contains("info"), "{refused}");
}

/// `indicatif` shows "0s left" where nothing is known yet.
#[test]
fn progress_shows_no_estimate_before_there_is_one() {
    let dir = tempfile::tempdir().unwrap();
    let (mut near, far) = terminal();
    let mut command = small(dir.path(), &["train", "--trials", "12", "--out", "run"]);
    let mut child = command.stderr(far).stdout(Stdio::null()).spawn().unwrap();
    drop(command);
    let (mut all, mut bytes) = (Vec::new(), [0; 4096]);
    while let Ok(count @ 1..) = near.read(&mut bytes) {
        all.extend_from_slice(&bytes[..count]);
    }
    assert!(child.wait().unwrap().success());
    let shown = String::from_utf8_lossy(&all).into_owned();
    assert!(shown.contains("trial 0/12  preparing"), "{shown}");
    for early in ["trial 0/12", "trial 1/12"] {
        for (at, _) in shown.match_indices(early) {
            let rest = &shown[at + early.len()..];
            let end = rest.find(['\r', '\n', '[']).unwrap_or(rest.len());
            assert!(!rest[..end].contains("left"), "{shown}");
        }
    }
}
