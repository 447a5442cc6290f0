//! The conditions of every motion: the reports are current, the settings of the controller are correct, and no other
//! program has the arm.

#![allow(clippy::unwrap_used, reason = "a test that fails at an unwrap has done its work")]

mod binary;
mod emulated;

use std::process::{Child, Output, Stdio};
use std::thread;
use std::time::Duration;

use binary::process::{ends_within, send_signal};
use binary::run_log::{assert_each_once, is_completed, records};
use binary::{failure, json, rmrl, stderr, stdout};
use emulated::EmulatedCell;
use emulated::network::forward;
use rmrl_xarm::emulator::{Firmware, GripperKind, Pace, ReportFault, ScheduledFault};
use rmrl_xarm::{Command, Reply, TOOL_BUS};
use serde_json::Value;

/// The doctor's checks of this cell.
fn doctor(cell: &EmulatedCell, arguments: &[&str]) -> Vec<Value> {
    let mut command = cell.with_keys(rmrl(cell.dir.path(), &["cell", "doctor"]));
    let output = command.args(arguments).stdin(Stdio::null()).output().unwrap();
    let diagnosis: Value = serde_json::from_str(&stdout(&output)).unwrap();
    diagnosis["checks"].as_array().unwrap().clone()
}

/// The status of a check, and its whole text.
fn check(checks: &[Value], name: &str) -> (String, String) {
    let check = checks.iter().find(|check| check["name"] == name).unwrap();
    (check["status"].as_str().unwrap().to_string(), check.to_string())
}

/// The report port stalls while its connection stays open: another program could change settings unseen.
#[test]
fn a_run_whose_reports_fall_silent_sends_no_line_and_ends_and_loses_no_trial() {
    let cell = EmulatedCell::start(21);
    let train = ["train", "--trials", "8", "--seed", "21", "--method", "none", "--out", "run"];
    let mut command = cell.rmrl(&train);
    command.args(["--set", "xarm.reconnect_secs=3"]);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    cell.wait_for_records(2, &mut child);
    let faults = cell.running.faults();
    faults.schedule(ScheduledFault::Reports(ReportFault::Silence));
    cell.other_client().ask(&Command::SetTcpOffset([0.0; 6])).unwrap();
    thread::sleep(Duration::from_millis(2500));
    let motions = cell.recording().motions.len();
    assert!(ends_within(&mut child, Duration::from_secs(60)), "it continues");
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    let message = stderr(&output);
    assert!(message.contains("no report") || message.contains("another program"), "{message}");
    let missing = message.lines().filter(|line| line.contains("WARN") && line.contains("report"));
    assert!(missing.count() <= 1, "{message}");
    let recording = cell.recording();
    assert_eq!((recording.motions.len(), recording.blind_motions), (motions, 0));

    // When the reports are back, an operator starts the run again, and it sets the settings again.
    faults.schedule(ScheduledFault::Reports(ReportFault::Resume));
    json(&mut rmrl(cell.dir.path(), &["train", "--resume", "run"]));
    assert_each_once(&records(&cell.run()), 8);
    assert_eq!(cell.recording().blind_motions, 0);
    assert_eq!(cell.recording().outside_watched, Vec::<[f64; 3]>::new());
}

/// Reports that pause for a moment cost time, but neither the run nor a trial.
#[test]
fn reports_that_come_back_in_time_cost_nothing() {
    let cell = EmulatedCell::start(22);
    let train = ["train", "--trials", "6", "--seed", "22", "--method", "none", "--out", "run"];
    let mut command = cell.rmrl(&train);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    cell.wait_for_records(1, &mut child);
    let faults = cell.running.faults();
    faults.schedule(ScheduledFault::Reports(ReportFault::Silence));
    thread::sleep(Duration::from_millis(2500));
    faults.schedule(ScheduledFault::Reports(ReportFault::Resume));
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    let records = records(&cell.run());
    assert_each_once(&records, 6);
    assert!(records.iter().all(is_completed), "{records:?}");
    assert_eq!(cell.recording().blind_motions, 0);
}

/// Each wrong setting that decides where the arm goes or how hard it pushes prevents all motions, and the run and the
/// doctor name it.
#[test]
fn each_setting_that_would_send_the_arm_elsewhere_is_named_before_anything_moves() {
    let cell = EmulatedCell::start(23);
    let base_offset = |z_mm| Command::SetBaseOffset([0.0, 0.0, z_mm, 0.0, 0.0, 0.0]);
    let gripper_mode =
        |mode: u8| Command::ModbusRtu { host: TOOL_BUS, frame: vec![8, 6, 0x11, 0x0a, 0, mode] };
    let cases = [
        (base_offset(25.0), base_offset(0.0), "base offset", "arm settings"),
        (
            Command::SetGravityDirection([0.0, 0.0, 1.0]),
            Command::SetGravityDirection([0.0, 0.0, -1.0]),
            "direction of gravity",
            "arm settings",
        ),
        (
            Command::SetSimulatedRobot(true),
            Command::SetSimulatedRobot(false),
            "simulated-robot mode",
            "arm settings",
        ),
        (gripper_mode(1), gripper_mode(0), "control mode", "gripper"),
    ];
    // The doctor compares with the settings of a run.
    let train = ["train", "--trials", "1", "--seed", "23", "--method", "none", "--out"];
    json(&mut cell.rmrl(&[&train[..], &["first"]].concat()));
    for (wrong, right, named, checked) in cases {
        let mut other = cell.other_client();
        other.ask(&wrong).unwrap();
        thread::sleep(Duration::from_millis(300));
        let motions = cell.recording().motions.len();
        let message = failure(&mut cell.rmrl(&[&train[..], &["run"]].concat()), 1);
        assert!(message.contains(named), "{named}: {message}");
        let (status, text) = check(&doctor(&cell, &[]), checked);
        assert!(status == "fail" && text.contains(named), "{text}");
        assert_eq!(cell.recording().motions.len(), motions, "{named}");
        other.ask(&right).unwrap();
        assert!(!cell.run().exists(), "{named}: a start that failed left its directory");
    }
    json(&mut cell.rmrl(&[&train[..], &["run"]].concat()));
}

/// A run replaces a joint range that somebody has narrowed, as it replaces the fence, and checks it.
#[test]
fn the_joint_range_of_reduced_mode_is_set_and_read_back() {
    let cell = EmulatedCell::start(24);
    cell.other_client()
        .ask(&Command::SetReducedJointRange([-0.1, 0.1].repeat(7).try_into().unwrap()))
        .unwrap();
    let train = ["train", "--trials", "1", "--seed", "24", "--method", "none", "--out", "run"];
    json(&mut cell.rmrl(&train));
    let Reply::Reduced(has) = cell.other_client().ask(&Command::GetReducedState).unwrap() else {
        panic!("no state of reduced mode")
    };
    assert!(has.joint_range_rad[0] < -6.0 && has.joint_range_rad[1] > 6.0, "{has:?}");
}

/// Old firmware reports neither base offset nor simulated mode. The run warns of this, and the joints still reveal a
/// shifted base.
#[test]
fn what_an_old_firmware_cannot_tell_is_named_and_a_shifted_base_found_by_the_joints() {
    let cell = EmulatedCell::start_as(
        25,
        |_| {},
        |controller| {
            (controller.firmware, controller.gripper) = (Firmware::new(1, 2, 11), GripperKind::G2);
        },
    );
    let train = ["train", "--trials", "1", "--seed", "25", "--method", "none", "--out"];
    let output: Output = cell.rmrl(&[&train[..], &["run"]].concat()).output().unwrap();
    let message = stderr(&output);
    assert!(output.status.success(), "{message}");
    assert!(message.contains("not checked") && message.contains("base offset"), "{message}");
    let (status, text) = check(&doctor(&cell, &[]), "arm settings");
    assert!(status == "warn" && text.contains("not checked"), "{text}");

    let motions = cell.recording().motions.len();
    cell.other_client().ask(&Command::SetBaseOffset([20.0, 0.0, 0.0, 0.0, 0.0, 0.0])).unwrap();
    let message = failure(&mut cell.rmrl(&[&train[..], &["shifted"]].concat()), 1);
    assert!(
        message.contains("20.0 mm") && message.contains("from where its joints put it"),
        "{message}"
    );
    let (status, text) = check(&doctor(&cell, &[]), "tool pose");
    assert!(status == "fail" && text.contains("20.0 mm"), "{text}");
    assert_eq!(cell.recording().motions.len(), motions);
}

/// Without a report port nothing moves, but inspecting and stopping still work.
#[test]
fn without_reports_inspecting_and_stopping_work_and_moving_does_not() {
    let cell = EmulatedCell::start(26);
    let unset = ["--set", "xarm.report_port=0"];
    let train = ["train", "--trials", "1", "--method", "none", "--out", "run"];
    let message = failure(cell.rmrl(&train).args(unset), 2);
    assert!(
        message.contains("xarm.report_port is not given") && message.contains("30002"),
        "{message}"
    );
    assert!(!cell.run().exists());
    let mut home = cell.with_keys(rmrl(cell.dir.path(), &["cell", "home", "--yes"]));
    let message = failure(home.args(unset), 1);
    assert!(message.contains("xarm.report_port is not set"), "{message}");
    assert_eq!((cell.recording().changes, cell.recording().motions.len()), (0, 0));
    let (status, text) = check(&doctor(&cell, &unset), "arm settings");
    assert!(status == "warn" && text.contains("30002"), "{text}");
    let port = cell.control_address().port().to_string();
    let stop = ["cell", "stop", "--host", "127.0.0.1", "--port", &port, "--watch", "0"];
    json(&mut rmrl(cell.dir.path(), &stop));
}

/// Ends a run by Ctrl-C.
fn interrupt(mut run: Child) -> Output {
    send_signal(&run, "-INT");
    assert!(ends_within(&mut run, Duration::from_secs(60)), "it continues");
    run.wait_with_output().unwrap()
}

/// Of two runs on one computer, the second is rejected without a request to the arm.
#[test]
fn a_second_run_on_this_computer_is_refused_and_a_doctor_looks_beside_the_first() {
    let cell = EmulatedCell::start_at(27, Pace::Times(20.0));
    let train = |out: &'static str, trials: &'static str| {
        cell.rmrl(&["train", "--trials", trials, "--seed", "27", "--method", "none", "--out", out])
    };
    let mut first =
        train("run", "900").stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    cell.wait_for_records(1, &mut first);
    let message = failure(&mut train("second", "1"), 1);
    let by = format!("process {}", first.id());
    let text = "in use by another program on this computer";
    assert!(message.contains(text) && message.contains(&by), "{message}");
    let (status, text) = check(&doctor(&cell, &[]), "fence");
    assert_eq!(status, "ok", "{text}");
    // A doctor that changes something is rejected, too.
    let (status, text) = check(&doctor(&cell, &["--clear"]), "arm");
    assert!(status == "fail" && text.contains("in use"), "{text}");
    // None of this has disturbed the first run.
    assert!(first.try_wait().unwrap().is_none());
    let output = interrupt(first);
    assert_eq!(output.status.code(), Some(130), "{}", stderr(&output));
    assert!(records(&cell.run()).iter().rev().skip(1).all(is_completed));
    // The lock ended with the run.
    json(&mut train("third", "1"));
}

/// Of two runs from two computers one ends with a failure, whenever the second one starts.
#[test]
fn of_two_runs_from_two_computers_one_ends_and_says_so() {
    let cell = EmulatedCell::start_at(28, Pace::Times(10.0));
    let (control, reports) = (forward(cell.control_address()), forward(cell.report_address()));
    let train = |out: &'static str| {
        ["train", "--trials", "900", "--seed", "28", "--method", "none", "--out", out]
    };
    for (later_ms, first_out, second_out) in
        [(0, "a0", "b0"), (900, "a1", "b1"), (3700, "a2", "b2")]
    {
        let mut here = cell.rmrl(&train(first_out));
        let mut there = cell.rmrl_at(&train(second_out), control, reports);
        let start = |command: &mut std::process::Command| {
            command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
        };
        let mut first = start(&mut here);
        thread::sleep(Duration::from_millis(later_ms));
        let mut second = start(&mut there);
        let began = std::time::Instant::now();
        let (ended, other) = loop {
            assert!(began.elapsed() < Duration::from_secs(120), "{later_ms} ms: both continue");
            if first.try_wait().unwrap().is_some() {
                break (first, second);
            }
            if second.try_wait().unwrap().is_some() {
                break (second, first);
            }
            thread::sleep(Duration::from_millis(10));
        };
        let ended = ended.wait_with_output().unwrap();
        assert_eq!(ended.status.code(), Some(1), "{later_ms} ms: {}", stderr(&ended));
        interrupt(other);
        assert_eq!(cell.recording().outside_watched, Vec::<[f64; 3]>::new());
    }
}
