//! Runs on an emulated xArm 6: the driver, the protocol and the simulated cell behind it.
//!
//! `RMRL_SOAK_TRIALS=300 RMRL_SOAK_KILLS=50 cargo test --release --workspace --test xarm` makes longer runs.

#![allow(clippy::unwrap_used, reason = "a test that fails at an unwrap has done its work")]

mod binary;
mod emulated;

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::thread::sleep;
use std::time::{Duration, Instant};

use binary::process::{ends_within, send_signal, terminal, wait_for_text, wait_until};
use binary::run_log::{assert_each_once, is_completed, records};
use binary::{failure, json, rmrl, stderr};
use emulated::EmulatedCell;
use rand::RngExt;
use rmrl::{CellServer, RunConfig, emulated_calibration};
use rmrl_cell::{Arm, Camera, DeviceError, DriftConfig, Operator, ToolPose};
use rmrl_core::{PlanarPose, random_stream};
use rmrl_sim::CellDistribution;
use rmrl_vision::CameraFile;
use rmrl_xarm::emulator::{
    Faults, GripperFault, LinkFault, MotionFault, MotionOutcome, MotionRecord, Pace, Recording,
    Request,
};
use rmrl_xarm::{ArmModel, ArmState, MotionLimits, Reply, Robot, XArm, XArmConfig};
use serde_json::Value;

/// The value of an environment variable that makes a test longer.
fn soak(variable: &str, default: u64) -> u64 {
    std::env::var(variable).map_or(default, |value| value.parse().unwrap())
}

#[test]
fn an_emulated_arm_trains_from_connecting_to_a_policy() {
    let cell = EmulatedCell::start(3);
    let trained = json(&mut cell.rmrl(&["train", "--trials", "9", "--seed", "3", "--out", "run"]));
    assert_eq!((&trained["trials"], &trained["faults"]), (&9.into(), &0.into()));
    // The ground truth of a real cell is unknown.
    assert!(trained["last_true_e_trans_mm"].is_null());
    assert!(trained["last_e_trans_mm"].as_f64().unwrap() < 15.0);
    let records = records(&cell.run());
    assert_each_once(&records, 9);
    assert!(!cell.run().join("simulator.jsonl").exists());
    assert!(cell.run().join("policy.safetensors").exists());
    assert!(fs::read_to_string(cell.run().join("report.html")).unwrap().contains("xArm 6 at"));

    // The plate lies where the camera saw it, and the arm stayed within the fence.
    let last = &records[8]["final_pose"];
    let truth = cell.cell.truth().plate;
    let off = (last["x_m"].as_f64().unwrap() - truth.x_m)
        .hypot(last["y_m"].as_f64().unwrap() - truth.y_m);
    assert!(off < 0.02, "seen {last}, truly {truth:?}");
    assert_eq!(cell.recording().outside_watched, Vec::<[f64; 3]>::new());

    let placed = json(&mut {
        let mut eval = rmrl(cell.dir.path(), &["eval", "run", "--trials", "3"]);
        eval.env("RMRL_LOG", "warn");
        eval
    });
    assert_eq!(placed["trials"], 3);
    assert!(placed["truth"].is_null(), "{placed}");

    // The report needs no cell.
    let dir = cell.dir;
    drop((cell.running, cell.server));
    fs::remove_file(dir.path().join("run/report.html")).unwrap();
    assert!(rmrl(dir.path(), &["report", "run"]).status().unwrap().success());
    assert!(dir.path().join("run/report.html").exists());
}

#[test]
fn an_emulated_xarm_5_trains() {
    let cell = EmulatedCell::start_with(4, Pace::AsFastAsPossible, |config| {
        config.xarm.model = ArmModel::XArm5;
    });
    let train = ["train", "--trials", "2", "--seed", "4", "--method", "none", "--out", "run"];
    let trained = json(&mut cell.rmrl(&train));
    assert_eq!((&trained["trials"], &trained["faults"]), (&2.into(), &0.into()));
    assert!(trained["last_e_trans_mm"].as_f64().unwrap() < 15.0);
    assert_each_once(&records(&cell.run()), 2);
    assert!(fs::read_to_string(cell.run().join("report.html")).unwrap().contains("xArm 5 at"));
    let recording = cell.recording();
    assert_eq!(recording.outside_watched, Vec::<[f64; 3]>::new());
    assert!(recording.motions.iter().all(|motion| motion.outcome == MotionOutcome::Finished));
    let model = &cell.config.xarm.model;
    assert!(fs::read_to_string(cell.run().join("config.toml")).unwrap().contains(model.key()));

    // A configuration of an xArm 6 is rejected before anything moves.
    let train = ["train", "--trials", "1", "--method", "none", "--out", "six"];
    let motions = recording.motions.len();
    let message = failure(cell.rmrl(&train).args(["--set", "xarm.model=xarm6"]), 1);
    assert!(message.contains("another robot: xArm 5, configured is xArm 6"), "{message}");
    assert!(message.contains("set xarm.model = \"xarm5\""), "{message}");
    assert_eq!(cell.recording().motions.len(), motions);
}

/// A run may pause for months. The calibration was once checked only when the run's directory was created, and the board
/// only when its check was due.
#[test]
fn a_resumed_run_checks_its_camera_again() {
    let cell = EmulatedCell::start_with(8, Pace::AsFastAsPossible, |config| {
        config.simulation.camera.width_px = 640;
        config.camera.drift = Some(DriftConfig::default());
    });
    let record = emulated_calibration(&cell.config, &cell.cell);
    let file = CameraFile { calibration: Some(record), ..CameraFile::from(cell.cell.model()) };
    fs::write(cell.dir.path().join("overhead.toml"), file.to_toml()).unwrap();
    let train = ["train", "--trials", "3", "--seed", "8", "--method", "none", "--out", "run"];
    let keys =
        ["--set", "camera.calibration=overhead.toml", "--set", "camera.drift.every_trials=10"];
    json(&mut cell.rmrl(&[&train[..], &keys].concat()));
    let drift = |records: &[Value]| -> Vec<bool> {
        records.iter().map(|record| record["camera_drift"].is_object()).collect()
    };
    assert_eq!(drift(&records(&cell.run())), [true, false, false]);

    // The run was interrupted after its second trial.
    let log = fs::read_to_string(cell.run().join("trials.jsonl")).unwrap();
    let two: Vec<&str> = log.lines().take(2).collect();
    fs::write(cell.run().join("trials.jsonl"), format!("{}\n", two.join("\n"))).unwrap();
    let own = cell.run().join("camera.toml");
    let with = |checked: &str| {
        let mut file = CameraFile::read(&own).unwrap();
        let record = file.calibration.as_mut().unwrap();
        (record.made, record.checked) =
            ("2020-01-01T00:00:00Z".parse().unwrap(), Some(checked.parse().unwrap()));
        fs::write(&own, file.to_toml()).unwrap();
    };
    let requests = cell.recording().requests;
    with("2020-01-02T00:00:00Z");
    for arguments in [&["train", "--resume", "run"][..], &["eval", "run", "--trials", "1"]] {
        let message = failure(&mut rmrl(cell.dir.path(), arguments), 1);
        let named = "check --camera run/camera.toml --write";
        assert!(message.contains("days ago") && message.contains(named), "{message}");
    }
    assert_eq!(cell.recording().requests, requests);

    with(&jiff::Timestamp::now().to_string());
    json(&mut rmrl(cell.dir.path(), &["train", "--resume", "run"]));
    assert_eq!(drift(&records(&cell.run())), [true, false, true]);

    // With a part of the reference, no motion of the camera would be found.
    let target = cell.run().join("target.json");
    let mut damaged: Value = serde_json::from_slice(&fs::read(&target).unwrap()).unwrap();
    damaged["reference"].as_array_mut().unwrap().pop();
    fs::write(&target, damaged.to_string()).unwrap();
    let message = failure(&mut rmrl(cell.dir.path(), &["train", "--resume", "run"]), 1);
    assert!(message.contains("target.json") && message.contains("19 corners"), "{message}");
}

/// The calibration of a served camera was once not checked at all.
#[test]
fn nothing_moves_before_a_served_camera_whose_calibration_is_poor_or_unknown() {
    let cell = EmulatedCell::start(9);
    let train = |out: &str, set: &[&str]| {
        let common = ["train", "--trials", "1", "--seed", "9", "--method", "none", "--out", out];
        failure(&mut cell.rmrl(&[&common[..], set].concat()), 1)
    };
    let message = train("strict", &["--set", "camera.max_age_days=1e-9"]);
    assert!(message.contains("the camera at 127.0.0.1:"), "{message}");
    let unknown_server = CellServer::start("127.0.0.1:0", cell.cell.clone(), None).unwrap();
    let mut unknown = rmrl(cell.dir.path(), &["train", "--out", "unknown"]);
    for value in cell.keys().iter().filter(|value| !value.starts_with("remote.address")) {
        unknown.args(["--set", value]);
    }
    unknown.args(["--set", &format!("remote.address={}", unknown_server.address())]);
    let message = failure(&mut unknown, 1);
    assert!(message.contains("has no [calibration]"), "{message}");
    assert_eq!(cell.recording().requests, 0);
}

/// Injects one kind of fault after another.
struct FaultSequence {
    rng: rmrl_core::Rng,
    turn: usize,
}

impl FaultSequence {
    fn inject(&mut self, faults: &Faults, recording: &Recording) {
        let next_motion = recording.motions.len() as u64 + 1;
        let soon = next_motion + self.rng.random_range(0..8);
        let share = self.rng.random_range(0.1..0.9);
        let next_request = recording.requests + self.rng.random_range(2..200);
        let in_motion = |fault| faults.in_motion(soon, share, fault);
        let at_request = |fault| faults.at_request(Request::Number(next_request), fault);
        let in_jaws = |fault| faults.in_gripper_motion(recording.gripper_motions + 1, fault);
        match self.turn % 11 {
            0 => in_motion(MotionFault::Collision),
            1 => at_request(LinkFault::Drop),
            2 => in_motion(MotionFault::JointLimit),
            3 => at_request(LinkFault::HalfFrame),
            4 => in_motion(MotionFault::Collision),
            5 => at_request(LinkFault::Late(Duration::from_millis(300))),
            6 => at_request(LinkFault::Twice),
            7 => at_request(LinkFault::WrongTransaction),
            8 => in_jaws(GripperFault::Dropped),
            9 => in_jaws(GripperFault::Error(11)),
            _ => at_request(LinkFault::Silence),
        }
        self.turn += 1;
    }
}

/// Whether a run ended because of contact, or because its arm failed before the first trial, while the operator who had
/// permitted the start was there. In both cases that operator starts it again.
fn needs_operator(output: &Output) -> bool {
    let reasons =
        ["A person has to look what it met", "the arm did not get home", "the target could not be"];
    let message = stderr(output);
    output.status.code() == Some(1) && reasons.iter().any(|reason| message.contains(reason))
}

#[test]
fn with_a_fault_in_every_third_trial_none_is_lost_or_counted_twice() {
    let trials = soak("RMRL_SOAK_TRIALS", 33);
    let cell = EmulatedCell::start(4);
    let arguments = [
        "train",
        "--trials",
        &trials.to_string(),
        "--seed",
        "4",
        "--out",
        "run",
        "--set",
        "policy.view=none",
    ];
    let mut command = cell.rmrl(&arguments);
    let mut sequence = FaultSequence { rng: random_stream(4, "mischief", [0, 0]), turn: 0 };
    let (mut injected, mut restarts) = (0, 0);
    let patience = Duration::from_secs(120 + 10 * trials);
    let began = Instant::now();
    loop {
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        while !ends_within(&mut child, Duration::from_millis(20)) {
            assert!(began.elapsed() < patience, "the run does not end");
            let completed =
                records(&cell.run()).iter().filter(|record| is_completed(record)).count();
            if completed as u64 >= 3 * injected {
                sequence.inject(cell.running.faults(), &cell.recording());
                injected += 1;
            }
        }
        let output = child.wait_with_output().unwrap();
        if output.status.success() {
            break;
        }
        // After contact, the operator looks and starts the run again.
        assert!(needs_operator(&output), "{}", stderr(&output));
        restarts += 1;
        command = rmrl(cell.dir.path(), &["train", "--resume", "run"]);
    }
    assert!(restarts > 0 || trials < 12, "no contact was met");
    let made = records(&cell.run());
    assert_each_once(&made, trials);
    let faulted = made.iter().filter(|record| !is_completed(record)).count();
    eprintln!(
        "{trials} trials, {injected} faults, {faulted} attempts faulted, {restarts} restarts"
    );
    assert!(faulted as u64 >= trials / 12, "{faulted} attempts faulted");
    assert_eq!(cell.recording().outside_watched, Vec::<[f64; 3]>::new());

    // The completed trials alone give the same policy.
    let policy = fs::read(cell.run().join("policy.safetensors")).unwrap();
    fs::remove_file(cell.run().join("policy.safetensors")).unwrap();
    fs::remove_dir_all(cell.run().join("checkpoints")).unwrap();
    json(&mut rmrl(cell.dir.path(), &["train", "--resume", "run"]));
    assert!(fs::read(cell.run().join("policy.safetensors")).unwrap() == policy);
    assert_eq!(records(&cell.run()).len(), made.len());
}

/// The arguments of trials that correct nothing.
fn train_uncorrected(trials: &str) -> [&str; 9] {
    ["train", "--trials", trials, "--seed", "21", "--method", "none", "--out", "run"]
}

/// The number of the first motion of a kind in the trial itself, after the plate was released at its start.
fn in_trial(motions: &[MotionRecord], is_it: impl Fn(&MotionRecord, &MotionRecord) -> bool) -> u64 {
    let contacts: Vec<usize> = (0..motions.len()).filter(|at| is_slow(&motions[*at])).collect();
    // The first three contacts put the plate at its start: down to the plate, up with it, down to the start.
    let begins = contacts[2] + 1;
    let mut pairs = motions[begins..].windows(2);
    let found = pairs.position(|pair| is_it(&pair[0], &pair[1])).unwrap();
    motions[begins + found + 1].number
}

fn is_slow(motion: &MotionRecord) -> bool {
    motion.speed < 0.051
}

fn rises(motion: &MotionRecord) -> bool {
    motion.to.translation.z > motion.from.translation.z + 0.005
}

fn sinks(motion: &MotionRecord) -> bool {
    motion.to.translation.z < motion.from.translation.z - 0.005
}

/// The numbers of the motions of a trial. They are the same in each repetition.
struct MotionNumbers {
    travel: u64,
    descent: u64,
    lift: u64,
    carry: u64,
    place: u64,
    home: u64,
    closing: u64,
}

fn numbers_of_a_trial(seed: u32, change: impl FnOnce(&mut RunConfig)) -> MotionNumbers {
    let cell = EmulatedCell::start_with(seed, Pace::AsFastAsPossible, change);
    json(&mut cell.rmrl(&train_uncorrected("1")));
    let recording = cell.recording();
    let motions = &recording.motions;
    let travel = in_trial(motions, |_, next| !is_slow(next) && !rises(next) && !sinks(next));
    let lift = in_trial(motions, |_, next| is_slow(next) && rises(next));
    MotionNumbers {
        travel,
        descent: in_trial(motions, |_, next| is_slow(next) && sinks(next)),
        lift,
        // Up to travel height, and away.
        carry: lift + 2,
        place: in_trial(motions, |last, next| last.number > lift && is_slow(next) && sinks(next)),
        // Up, and home. At the end of the run home again, which is no motion.
        home: motions
            .iter()
            .rev()
            .find(|motion| !rises(motion) && length_m(motion) > 0.1)
            .unwrap()
            .number,
        closing: recording.gripper_motions - 1,
    }
}

fn length_m(motion: &MotionRecord) -> f64 {
    (motion.to.translation.vector - motion.from.translation.vector).norm()
}

/// The error that waits in the controller.
fn waiting_error(cell: &EmulatedCell) -> u8 {
    match cell.other_client().ask(&rmrl_xarm::Command::GetErrors).unwrap() {
        Reply::Errors { error, .. } => error,
        reply => panic!("{reply:?}"),
    }
}

#[test]
fn contact_where_none_is_expected_ends_the_run_and_an_operator_starts_it_again() {
    let of = numbers_of_a_trial(21, |_| {});
    for (what, number, share) in [
        ("travelling", of.travel, 0.5),
        ("high in a descent", of.descent, 0.1),
        ("lifting", of.lift, 0.5),
        ("carrying", of.carry, 0.5),
        ("high over the place", of.place, 0.1),
        ("returning", of.home, 0.5),
    ] {
        let cell = EmulatedCell::start(21);
        cell.running.faults().in_motion(number, share, MotionFault::Collision);
        let message = failure(&mut cell.rmrl(&train_uncorrected("1")), 1);
        assert!(message.contains("no contact was expected"), "{what}: {message}");
        assert!(message.contains("A person has to look"), "{what}: {message}");
        assert!(message.contains("rmrl train --resume run"), "{what}: {message}");
        let stood = cell.recording();
        let last = stood.motions.last().unwrap();
        assert_eq!(last.outcome, MotionOutcome::Failed { error: 31 }, "{what}: {last:?}");
        assert_eq!(last.number, number, "{what}: it moved afterwards");
        assert_eq!(waiting_error(&cell), 31, "{what}: it was cleared");
        let records = records(&cell.run());
        assert_eq!(records.len(), 1, "{what}");
        assert_eq!(records[0]["failure"]["cause"], "contact", "{what}");

        json(&mut rmrl(cell.dir.path(), &["train", "--resume", "run"]));
        assert_each_once(&self::records(&cell.run()), 1);
    }
}

#[test]
fn contact_at_the_end_of_a_descent_is_an_outcome() {
    let of = numbers_of_a_trial(21, |_| {});
    for (number, is_placed) in [(of.descent, false), (of.place, true)] {
        let cell = EmulatedCell::start(21);
        cell.running.faults().in_motion(number, 0.9, MotionFault::Collision);
        let trained = json(&mut cell.rmrl(&train_uncorrected("1")));
        assert_eq!((&trained["trials"], &trained["faults"]), (&1.into(), &0.into()));
        let records = records(&cell.run());
        let met = &cell.recording().motions[number as usize - 1];
        assert_eq!(met.outcome, MotionOutcome::Failed { error: 31 });
        match is_placed {
            true => assert!(records[0]["e_trans_m"].is_number(), "{}", records[0]),
            false => assert_eq!(records[0]["failure"]["cause"], "finger_on_plate"),
        }
    }
}

#[test]
fn with_retries_one_contact_is_followed_by_slow_motions_and_a_second_ends_the_run() {
    let of = numbers_of_a_trial(21, |_| {});
    let retries = ["--set", "unattended.retry_after_contact=true"];
    let cell = EmulatedCell::start(21);
    cell.running.faults().in_motion(of.carry, 0.5, MotionFault::Collision);
    let mut command = cell.rmrl(&[&train_uncorrected("2")[..], &retries].concat());
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(stderr(&output).contains("retry_after_contact is on"), "{}", stderr(&output));
    let made = records(&cell.run());
    assert_each_once(&made, 2);
    assert_eq!(made.len(), 3);
    let motions = cell.recording().motions;
    let (before, after) = motions.split_at(of.carry as usize);
    assert!(before.iter().any(|motion| !is_slow(motion)));
    // The trial is repeated: to the plate, up with it, to its start, and again to its place.
    let quick = after.iter().position(|motion| !is_slow(motion)).expect("it stays slow");
    let descents = after[..quick].iter().filter(|motion| sinks(motion)).count();
    assert!(quick > 12 && descents >= 3, "quick again after {quick} motions");

    let cell = EmulatedCell::start(21);
    // After slow motions to above the start, a second contact on the way down.
    for number in [of.carry, of.carry + 2] {
        cell.running.faults().in_motion(number, 0.5, MotionFault::Collision);
    }
    let message = failure(&mut cell.rmrl(&[&train_uncorrected("2")[..], &retries].concat()), 1);
    assert!(message.contains("no contact was expected, a second time"), "{message}");
    let stood = cell.recording().motions;
    assert_eq!(stood.len() as u64, of.carry + 2);
    assert!(stood[of.carry as usize..].iter().all(is_slow), "{stood:?}");
    assert_eq!(waiting_error(&cell), 31);
}

/// Jaws that close around a centered plate do not move it, so a failed grasp looks like a miss. The third one in a row
/// counts as a fault.
#[test]
fn missed_grasps_are_learned_from_until_the_third_in_a_row() {
    let perfect = |config: &mut RunConfig| config.simulation.cells = CellDistribution::PERFECT;
    let of = numbers_of_a_trial(21, perfect);
    for (times, trials) in [(1, "1"), (100, "9")] {
        let cell = EmulatedCell::start_with(21, Pace::AsFastAsPossible, perfect);
        for number in of.closing..of.closing + times {
            cell.running.faults().in_gripper_motion(number, GripperFault::Dropped);
        }
        let mut command = cell.rmrl(&train_uncorrected(trials));
        let missed = |record: &Value| {
            record["failure"]["cause"] == "missed"
                && record["failure"]["kind"] == "not_grasped"
                && record["plate_after_miss"].is_object()
                && record["images"]["final"].is_string()
        };
        if times == 1 {
            json(&mut command);
            let made = records(&cell.run());
            assert!(made.len() == 1 && missed(&made[0]), "{made:?}");
            continue;
        }
        let message = failure(&mut command, 1);
        assert!(message.contains("3 times in a row"), "{message}");
        assert!(message.contains("look at the gripper"), "{message}");
        let made = records(&cell.run());
        assert_eq!(made.len(), 3);
        assert!(made[..2].iter().all(missed), "{made:?}");
        assert_eq!(made[2]["failure"]["cause"], "nothing_held");
    }
}

#[test]
fn a_plate_that_moved_was_not_missed_and_nothing_is_learned_from_it() {
    // With a camera that is off by a centimeter, the jaws push the plate.
    let off = |config: &mut RunConfig| {
        let extrinsic_shift_m = [0.012, 0.012];
        config.simulation.cells =
            CellDistribution { extrinsic_shift_m, ..CellDistribution::PERFECT };
    };
    let of = numbers_of_a_trial(21, off);
    let cell = EmulatedCell::start_with(21, Pace::AsFastAsPossible, off);
    cell.running.faults().in_gripper_motion(of.closing, GripperFault::Dropped);
    let trained = json(&mut cell.rmrl(&train_uncorrected("1")));
    assert_eq!((&trained["trials"], &trained["faults"]), (&1.into(), &1.into()));
    let made = records(&cell.run());
    assert_each_once(&made, 1);
    assert_eq!(made[0]["failure"]["cause"], "false_grasp");
    assert!(made[0]["reward"].is_null() && made[0]["plate_after_miss"].is_object());
}

#[test]
fn killed_at_any_instant_and_resumed_every_trial_is_there_once() {
    let kills = soak("RMRL_SOAK_KILLS", 5);
    let trials = 3 * kills;
    let cell = EmulatedCell::start(5);
    let mut rng = random_stream(5, "kills", [0, 0]);
    let mut sequence = FaultSequence { rng: random_stream(5, "mischief", [0, 0]), turn: 0 };
    let count = trials.to_string();
    let first = ["train", "--trials", &count, "--seed", "5", "--out", "run"];
    let mut killed = 0;
    loop {
        // Without its log, a run cannot be resumed.
        let mut command = match cell.run().join("trials.jsonl").exists() {
            true => rmrl(cell.dir.path(), &["train", "--resume", "run"]),
            false => {
                let _ = fs::remove_dir_all(cell.run());
                cell.rmrl(&first)
            }
        };
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        if sequence.rng.random_bool(0.5) {
            sequence.inject(cell.running.faults(), &cell.recording());
        }
        let instant = Duration::from_millis(rng.random_range(200..4000));
        let patience = if killed < kills { instant } else { Duration::from_secs(600) };
        if ends_within(&mut child, patience) {
            let output = child.wait_with_output().unwrap();
            if needs_operator(&output) {
                continue;
            }
            assert!(output.status.success(), "{}", stderr(&output));
            break;
        }
        child.kill().unwrap();
        child.wait().unwrap();
        killed += 1;
    }
    eprintln!("{trials} trials, killed {killed} times");
    let records = records(&cell.run());
    assert_each_once(&records, trials);
    assert_eq!(cell.recording().outside_watched, Vec::<[f64; 3]>::new());
}

/// A program sends one line at a time, so an arm whose program is killed has no other motion left.
#[test]
fn a_killed_program_leaves_an_arm_that_ends_its_line_and_stands() {
    let cell = EmulatedCell::start_at(6, Pace::Times(2.0));
    let train = ["train", "--trials", "3", "--seed", "6", "--out", "run"];
    let mut child = cell.rmrl(&train).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    wait_until("the arm moves", || cell.recording().motions.len() >= 4);
    child.kill().unwrap();
    child.wait().unwrap();
    let at_kill = cell.recording().motions.len();
    // The longest line, across the table, takes 3 s at travel speed, and half as long here.
    sleep(Duration::from_secs(3));
    let after = cell.recording();
    assert!(after.motions.len() <= at_kill + 1, "{at_kill} motions, then {}", after.motions.len());
    assert!(after.motions.iter().all(|motion| motion.outcome == MotionOutcome::Finished));
    sleep(Duration::from_secs(1));
    assert_eq!(cell.recording().motions, after.motions);
    assert_eq!(after.outside_watched, Vec::<[f64; 3]>::new());
}

#[test]
fn ctrl_c_stops_the_arm_in_the_middle_of_a_motion_and_the_run_can_be_resumed() {
    let cell = EmulatedCell::start_at(7, Pace::Times(5.0));
    let train = ["train", "--trials", "3", "--seed", "7", "--out", "run"];
    let mut command = cell.rmrl(&train);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    cell.wait_for_records(1, &mut child);
    sleep(Duration::from_millis(1500));
    send_signal(&child, "-INT");
    assert!(ends_within(&mut child, Duration::from_secs(20)), "it does not end");
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{}", stderr(&output));
    assert!(stderr(&output).contains("--resume"), "{}", stderr(&output));
    let motions = cell.recording().motions;
    assert_eq!(motions.last().unwrap().outcome, MotionOutcome::Stopped, "{:?}", motions.last());
    sleep(Duration::from_millis(500));
    assert_eq!(cell.recording().motions, motions);
    let stopped = records(&cell.run()).pop().unwrap();
    assert_eq!(stopped["failure"]["cause"], "interrupted", "{stopped}");

    json(&mut rmrl(cell.dir.path(), &["train", "--resume", "run"]));
    assert_each_once(&records(&cell.run()), 3);
    assert_eq!(cell.recording().outside_watched, Vec::<[f64; 3]>::new());
}

/// Permits the first motion, and reads until the program asks for Enter.
fn permit_and_wait_for_enter(child: &mut Child, typing: &mut File) {
    let message = wait_for_text(child, "Move? [y/N] ");
    assert!(message.contains("The tool is at") && message.contains("m/s"), "{message}");
    typing.write_all(b"y\n").unwrap();
    let message = wait_for_text(child, "then press Enter. ");
    assert!(message.contains("Put the plate exactly into its target"), "{message}");
}

#[test]
fn a_run_waits_for_the_operator_at_the_terminal_until_enter_or_ctrl_c() {
    let cell = EmulatedCell::start(11);
    let start = |command: &mut Command| {
        let (mut typing, input) = terminal();
        let command = command.stdin(input).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        permit_and_wait_for_enter(&mut child, &mut typing);
        (child, typing)
    };
    let train = ["train", "--trials", "2", "--seed", "11", "--out", "run"];
    let mut begin = cell.rmrl(&train);
    let (mut child, typing) = start(begin.args(["--set", "cell.operator=terminal"]));
    let motions = cell.recording().motions.len();
    send_signal(&child, "-INT");
    assert!(ends_within(&mut child, Duration::from_secs(20)), "it still waits for Enter");
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{}", stderr(&output));
    assert!(stderr(&output).contains("no run directory is left"), "{}", stderr(&output));
    assert_eq!(cell.recording().motions.len(), motions, "nothing moves any more");
    assert!(!cell.run().exists());
    drop(typing);

    let mut again = cell.rmrl(&train);
    let (child, mut typing) = start(again.args(["--set", "cell.operator=terminal"]));
    cell.cell.clone().put_plate_at_target().unwrap();
    typing.write_all(b"\n").unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    assert_each_once(&records(&cell.run()), 2);
}

#[test]
fn a_task_out_of_reach_is_rejected_without_a_request_to_the_arm() {
    let cell = EmulatedCell::start(12);
    let train = ["train", "--trials", "2", "--out", "run"];
    let mut command = cell.rmrl(&train);
    let long_tool = "xarm.tcp_offset_mm_deg=[0.0, 0.0, 600.0, 0.0, 0.0, 0.0]";
    let message = failure(command.args(["--set", long_tool]), 2);
    assert!(message.contains("before anything moves") && message.contains("task."), "{message}");
    assert!(!cell.run().exists());
    assert_eq!((cell.recording().requests, cell.recording().motions.len()), (0, 0));

    // So is a run whose configuration was changed afterwards.
    json(&mut cell.rmrl(&train));
    let config = cell.run().join("config.toml");
    let text = fs::read_to_string(&config).unwrap();
    let changed = text.replace(", 59.5,", ", 600.0,");
    assert_ne!(text, changed);
    fs::write(&config, changed).unwrap();
    let before = cell.recording();
    let message = failure(&mut rmrl(cell.dir.path(), &["eval", "run", "--trials", "1"]), 1);
    assert!(message.contains("before anything moves") && message.contains("task."), "{message}");
    assert_eq!(cell.recording().requests, before.requests);
    assert!(rmrl(cell.dir.path(), &["report", "run"]).status().unwrap().success());
}

/// An operator who declines a motion has a reason.
#[test]
fn an_arm_whose_motion_is_declined_goes_nowhere_not_even_home() {
    let cell = EmulatedCell::start(13);
    cell.running.faults().in_motion(12, 0.5, MotionFault::JointLimit);
    let train = ["train", "--trials", "2", "--seed", "13", "--out", "run", "--confirm-trials"];
    let mut command = cell.rmrl(&train);
    let command = command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let mut typing = child.stdin.take().unwrap();
    let mut question =
        || lines.find(|line| line.as_ref().unwrap().contains("about to move")).unwrap().unwrap();
    while !question().contains("attempt 2") {
        typing.write_all(b"\n").unwrap();
    }
    let stood = cell.recording().motions;
    assert_eq!(stood.last().unwrap().outcome, MotionOutcome::Failed { error: 23 }, "{stood:?}");
    typing.write_all(b"n\n").unwrap();
    assert!(ends_within(&mut child, Duration::from_secs(60)), "it does not end");
    assert_eq!(cell.recording().motions, stood);
}

/// Somebody who changes the settings of the controller may be at work in the cell.
#[test]
fn another_programs_tool_offset_ends_the_run_before_the_arm_moves_by_it() {
    let cell = EmulatedCell::start(14);
    let train = ["train", "--trials", "60", "--seed", "14", "--out", "run"];
    let mut command = cell.rmrl(&train);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    cell.wait_for_records(2, &mut child);
    cell.other_client().ask(&rmrl_xarm::Command::SetTcpOffset([0.0; 6])).unwrap();
    assert!(ends_within(&mut child, Duration::from_secs(60)), "it continues");
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    assert!(stderr(&output).contains("another program"), "{}", stderr(&output));
    let motions = cell.recording().motions;
    sleep(Duration::from_millis(500));
    assert_eq!(cell.recording().motions, motions);
    assert!(records(&cell.run()).len() < 60);
    // Started again, the run sets its own offset again.
    json(&mut rmrl(cell.dir.path(), &["train", "--resume", "run"]));
    assert_each_once(&records(&cell.run()), 60);
    assert_eq!(cell.recording().outside_watched, Vec::<[f64; 3]>::new());
}

#[test]
fn an_arm_that_was_led_by_hand_is_not_moved_with_its_tool_tilted() {
    let cell = EmulatedCell::start(15);
    drop(Robot::connect(XArmConfig { standstill_secs: 0.2, ..cell.xarm() }).unwrap());
    let mut hand = cell.other_client();
    let limits = MotionLimits { speed: 100.0, acceleration: 1000.0, time: 0.0 };
    let pi = std::f32::consts::PI;
    let pose = [350.0, 0.0, 250.0, pi - 0.5, 0.0, pi];
    hand.ask(&rmrl_xarm::Command::MoveLine { pose, limits, options: None }).unwrap();
    wait_until("the tool is tilted", || {
        !cell.recording().motions.is_empty()
            && hand.ask(&rmrl_xarm::Command::GetState).unwrap() == Reply::State(ArmState::Ready)
    });
    let motions = cell.recording().motions.len();
    let message = failure(&mut cell.rmrl(&["train", "--trials", "1", "--out", "run"]), 1);
    assert!(message.contains("28.6 degrees from straight down"), "{message}");
    assert_eq!(cell.recording().motions.len(), motions);
}

#[test]
fn the_emulator_is_a_command_and_takes_faults_from_its_input() {
    let dir = tempfile::tempdir().unwrap();
    let message = failure(&mut rmrl(dir.path(), &["xarm", "emulate", "--fault", "fire"]), 2);
    assert!(
        message.contains("\"fire\" is no fault") && message.contains("joint-limit"),
        "{message}"
    );

    let mut command = rmrl(dir.path(), &["xarm", "emulate", "--speed", "0", "--seed", "4"]);
    for port in ["--port", "--report-port", "--real-time-port"] {
        command.args([port, "0"]);
    }
    command.args(["--firmware", "1.12.10", "--gripper", "g1", "--cell", "127.0.0.1:0"]);
    command.args(["--fault", "collision@1:0.5"]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut typing = child.stdin.take().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let mut enter = |word: &str| {
        writeln!(typing, "{word}").unwrap();
        lines.find(|line| line.as_ref().unwrap().contains(word)).unwrap().unwrap()
    };
    let mut listening = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut listening).unwrap();
    let listening: Value = serde_json::from_str(&listening).unwrap();
    let port = |at: &Value| at.as_str().unwrap().rsplit(':').next().unwrap().parse().unwrap();
    let config = XArmConfig {
        host: "127.0.0.1".into(),
        control_port: port(&listening["control"]),
        report_port: Some(port(&listening["reports"][1])),
        standstill_secs: 0.0,
        ..XArmConfig::default()
    };
    let connect = || XArm::new(Arc::new(Robot::connect(config.clone()).unwrap()));
    let at = |y_m: f64| ToolPose::new(PlanarPose::new(0.35, y_m, 0.0), 0.2);

    let mut arm = connect();
    let met = arm.move_to(at(0.1), 0.2).unwrap_err();
    assert!(matches!(met, DeviceError::Collision { .. }), "{met}");
    arm.recover().unwrap();
    arm.move_to(at(0.0), 0.2).unwrap();

    assert!(enter("colision").contains("is no fault"));
    assert!(enter("emergency-stop").contains("scheduled: "));
    let pressed = arm.move_to(at(0.1), 0.2).unwrap_err();
    assert!(matches!(pressed, DeviceError::NeedsOperator { .. }), "{pressed}");
    drop(arm);
    assert!(Robot::connect(config.clone()).is_err(), "the button is still pressed");
    enter("release");
    connect().move_to(at(0.1), 0.2).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
}
