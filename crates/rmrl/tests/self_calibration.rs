//! A cell that calibrates itself: by the commands, in simulated cells whose truth is known.

#![allow(clippy::unwrap_used, reason = "a test that fails at an unwrap has done its work")]

mod binary;

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::Stdio;

use binary::{failure, json, rmrl};
use jiff::Timestamp;
use nalgebra::Point3;
use rmrl::{CameraConfig, Laboratory, RunConfig, admit};
use rmrl_belief::SavedBelief;
use rmrl_cell::TaskKind;
use rmrl_core::{Look, PlanarPose};
use rmrl_sim::CellDistribution;
use serde_json::Value;

const SEED: u32 = 3;
/// Errors of an arm as it left the factory.
const ARM_ERRORS: [&str; 3] = [
    "simulation.cells.joint_zero_deg=0.1",
    "simulation.cells.link_length_m=0.0005",
    "simulation.cells.link_twist_deg=0.05",
];

/// Cells whose arms have no errors, so that what carries tell of camera and tool is comparable with their truth.
const EXACT_ARM: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../configs/exact-arm.toml");

fn train(dir: &Path, out: &str, more: &[&str]) -> Value {
    let seed = SEED.to_string();
    let whole = ["train", "--method", "self-calibration", "--seed", &seed, "--out", out];
    json(&mut rmrl(dir, &[&whole[..], more].concat()))
}

fn records(run: &Path) -> Vec<Value> {
    let log = fs::read_to_string(run.join("trials.jsonl")).unwrap();
    log.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_cell_is_precise_before_its_first_trial_and_knows_its_geometry() {
    let dir = tempfile::tempdir().unwrap();
    let ended = train(dir.path(), "run", &["--trials", "6", "--config", EXACT_ARM]);
    let run = dir.path().join("run");

    let records = records(&run);
    let carries = |index: usize| records[index]["carries"].as_array().unwrap().len();
    assert_eq!((carries(0), carries(1)), (7, 1), "six carries, and one to the start");
    for record in &records {
        let error_mm = 1e3 * record["true_e_trans_m"].as_f64().unwrap();
        assert!(error_mm < 1.0, "{error_mm}");
        let carry = record["carries"].as_array().unwrap().last().unwrap();
        assert_eq!(carry["seen_after"], record["estimated_pose"]);
        assert!(record["place_pose"].is_object() && record["action_index"].is_null());
    }

    // The truth of the cell, which the simulator alone knows.
    let mut config = RunConfig { seed: SEED, ..RunConfig::for_task(TaskKind::Table) };
    config.simulation.cells = CellDistribution::EXACT_ARM;
    let laboratory = Laboratory::assemble(&config, 0).unwrap();
    let true_camera = laboratory.world.true_camera().unwrap().world_from_camera;
    let true_from_seen = true_camera * laboratory.trial.camera_model().world_from_camera.inverse();
    let (seen, height_m) = ([0.34, -0.13], 0.007);
    let truly = true_from_seen * Point3::new(seen[0], seen[1], height_m);
    let turn = true_from_seen.rotation.euler_angles().2;
    let tool = laboratory.world.arm_truth().unwrap().tool_from_configured();
    for (key, truth, tolerance) in [
        ("camera_x_mm", 1e3 * (truly.x - seen[0]), 0.6),
        ("camera_y_mm", 1e3 * (truly.y - seen[1]), 0.6),
        ("camera_turn_deg", turn.to_degrees(), 0.15),
        ("tool_along_mm", 1e3 * tool.x_m, 0.6),
        ("tool_across_mm", 1e3 * tool.y_m, 0.4),
        ("tool_turn_deg", tool.yaw_rad.to_degrees(), 0.15),
    ] {
        let believed = ended["geometry"][key]["value"].as_f64().unwrap();
        assert!((believed - truth).abs() < tolerance, "{key}: {believed}, truly {truth}");
        assert!(ended["geometry"][key]["deviation"].as_f64().unwrap() > 0.0);
    }

    let report = fs::read_to_string(run.join("report.html")).unwrap();
    assert!(report.contains("from where they lie") && report.contains("across the fingers"));

    // Deployed, it places new plates as well, in a cell that records its target again.
    let evaluated = json(&mut rmrl(dir.path(), &["eval", "run", "--trials", "8"]));
    let mean_mm = evaluated["truth"]["e_trans_mm"]["mean"].as_f64().unwrap();
    assert!(mean_mm < 0.7, "{mean_mm}");
}

#[test]
fn an_arm_with_errors_of_its_own_is_learned_too() {
    let dir = tempfile::tempdir().unwrap();
    let errors: Vec<&str> = ARM_ERRORS.iter().flat_map(|key| ["--set", key]).collect();
    train(dir.path(), "run", &[&["--trials", "8"][..], &errors].concat());
    let records = records(&dir.path().join("run"));
    let last: Vec<f64> = records[4..]
        .iter()
        .map(|record| 1e3 * record["true_e_trans_m"].as_f64().unwrap())
        .collect();
    assert!(last.iter().sum::<f64>() / 4.0 < 0.7, "{last:?}");
    // The other control condition knows the same arm, and no more than the localizer.
    let seed = SEED.to_string();
    let oracle = ["train", "--method", "calibrated-oracle", "--trials", "4", "--out", "oracle"];
    json(&mut rmrl(dir.path(), &[&oracle[..], &["--seed", &seed], &errors].concat()));
    for record in crate::records(&dir.path().join("oracle")) {
        assert!(record["true_e_trans_m"].as_f64().unwrap() < 0.002);
    }
}

#[test]
fn without_carries_the_first_trial_is_off_and_the_next_ones_are_not() {
    let dir = tempfile::tempdir().unwrap();
    train(dir.path(), "run", &["--trials", "5", "--set", "schedule.carries=0"]);
    let records = records(&dir.path().join("run"));
    let error_mm = |index: usize| 1e3 * records[index]["true_e_trans_m"].as_f64().unwrap();
    assert_eq!(records[0]["carries"].as_array().unwrap().len(), 1);
    assert!(error_mm(4) < 1.0, "{}", error_mm(4));

    // The first and the third trial start where most is to be learned, also in a run that was interrupted before them.
    let drawn =
        ["--trials", "5", "--set", "schedule.carries=0", "--set", "schedule.chosen_starts=0"];
    train(dir.path(), "drawn", &drawn);
    let drawn = crate::records(&dir.path().join("drawn"));
    let starts_as_drawn = |index: usize| {
        let [x, other] = [&records, &drawn].map(|of| of[index]["estimated_pose"]["x_m"].as_f64());
        (x.unwrap() - other.unwrap()).abs() < 1e-3
    };
    assert_eq!([0, 1, 2, 3].map(starts_as_drawn), [false, true, false, true]);
    assert_resumes_after(dir.path(), "run", 2);
}

#[test]
fn a_run_resumes_after_its_first_trial_however_many_carries_came_before() {
    let dir = tempfile::tempdir().unwrap();
    for carries in 1..=8 {
        let (name, key) = (format!("run-{carries}"), format!("schedule.carries={carries}"));
        train(dir.path(), &name, &["--trials", "3", "--set", &key]);
        assert_resumes_after(dir.path(), &name, 1);
    }
}

/// Cuts a run off after `kept` trials, and checks that it has the same trials again after it was resumed.
fn assert_resumes_after(dir: &Path, name: &str, kept: usize) {
    let run = dir.join(name);
    let whole = records(&run);
    for (file, kept) in [("trials.jsonl", kept), ("simulator.jsonl", kept + 1)] {
        let text = fs::read_to_string(run.join(file)).unwrap();
        let kept: String = text.split_inclusive('\n').take(kept).collect();
        fs::write(run.join(file), kept).unwrap();
    }
    json(&mut rmrl(dir, &["train", "--resume", name]));
    let resumed = records(&run);
    assert_eq!(whole.len(), resumed.len(), "{name}");
    for (first, second) in whole.iter().zip(&resumed) {
        for key in ["estimated_pose", "pick_pose", "final_pose"] {
            assert_eq!(first[key], second[key], "{name}, trial {}: {key}", first["trial"]);
        }
    }
}

#[test]
fn where_it_does_not_know_enough_a_person_is_asked() {
    let dir = tempfile::tempdir().unwrap();
    let keys = ["schedule.abstain_interval_m=0.0001", "unattended.confirm_abstained=true"];
    let keys = keys.map(|key| ["--set", key]).concat();
    let whole = ["train", "--method", "self-calibration", "--trials", "3", "--out"];
    // Answers each question after it was asked. Returns how often it was, and all that was said.
    let run = |out: &str, answers: &[&str]| {
        let mut command = rmrl(dir.path(), &[&whole[..], &[out], &keys].concat());
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut input = child.stdin.take().unwrap();
        let (mut said, mut answers) = (String::new(), answers.iter());
        for line in BufReader::new(child.stderr.take().unwrap()).lines() {
            let line = line.unwrap();
            if line.contains("knows this place only to ±") {
                input.write_all(answers.next().unwrap().as_bytes()).unwrap();
            }
            said += &line;
        }
        (child.wait().unwrap().success(), answers.count(), said)
    };
    let (success, left, said) = run("allowed", &["\n", "\n", "\n"]);
    assert!(success && left == 0, "{said}");
    let (success, left, said) = run("declined", &["\n", "n\n"]);
    assert!(!success && left == 0 && said.contains("the operator declined"), "{said}");
    let records = records(&dir.path().join("declined"));
    assert_eq!((records.len(), &records[0]["abstained"]), (1, &Value::from(true)));
}

/// The network sees lids: in cell 2, a third of whose looks they spoil, plates lie better by it.
#[test]
fn pictures_make_looks_better() {
    let dir = tempfile::tempdir().unwrap();
    let mean_mm = |method: &str| {
        let whole = ["train", "--method", method, "--seed", "2", "--trials", "30", "--out", method];
        let ended = json(&mut rmrl(dir.path(), &whole));
        let records = records(&dir.path().join(method));
        let errors = records.iter().map(|record| 1e3 * record["true_e_trans_m"].as_f64().unwrap());
        (errors.sum::<f64>() / 30.0, ended["geometry"]["picture_gain"].clone(), records)
    };
    let (without_mm, unread, _) = mean_mm("self-calibration");
    let (with_mm, gain, records) = mean_mm("self-calibration-residual");
    assert!(with_mm < 0.8 * without_mm, "{with_mm} {without_mm}");
    assert!((gain["value"].as_f64().unwrap() - 1.0).abs() < 0.4, "{gain}");
    assert_eq!(unread["deviation"], 0.5, "nothing was read");
    for record in &records {
        assert!(record["look_error_m"].is_array() && record["final_look_error_m"].is_array());
        let error_m = record["true_e_trans_m"].as_f64().unwrap();
        assert!(record["interval_m"].as_f64().unwrap() > 1e-4 && error_m < 0.002);
    }
    // The belief that is kept picks where the run has picked.
    let run = dir.path().join("self-calibration-residual");
    let belief = fs::read(run.join("belief.json")).unwrap();
    let belief: SavedBelief = serde_json::from_slice(&belief).unwrap();
    assert!((60..=66).contains(&belief.carries()), "six, and two for nearly each trial");
    let last = records.last().unwrap();
    let mut look: Look = serde_json::from_value(last["estimated_pose"].clone()).unwrap();
    look.error_m = Some(serde_json::from_value(last["look_error_m"].clone()).unwrap());
    let picked: PlanarPose = serde_json::from_value(last["pick_pose"].clone()).unwrap();
    assert!(belief.pick(look).tool.distance_m(picked) < 2e-4);
}

#[test]
fn a_bumped_camera_is_said_and_learned() {
    let dir = tempfile::tempdir().unwrap();
    let bump = ["bump_scene=12", "bump_m=0.005", "bump_turn_deg=1"]
        .map(|key| format!("simulation.camera.{key}"));
    let keys: Vec<&str> = bump.iter().flat_map(|key| ["--set", key.as_str()]).collect();
    let ended = train(dir.path(), "run", &[&["--trials", "18"][..], &keys].concat());
    let moves = ended["geometry"]["camera_moves"].as_array().unwrap();
    assert_eq!((moves.len(), &moves[0]["trial"]), (1, &Value::from(12)));
    assert!((moves[0]["turn_deg"].as_f64().unwrap().abs() - 1.0).abs() < 0.2, "{moves:?}");
    let records = records(&dir.path().join("run"));
    for record in &records[14..] {
        let [truly, measured] = ["true_e_trans_m", "e_trans_m"].map(|key| record[key].as_f64());
        assert!(truly.unwrap() < 0.001, "{record}");
        // The target has moved with the camera, so the measurement still says what is true.
        assert!((truly.unwrap() - measured.unwrap()).abs() < 0.001, "{record}");
    }
    let report = fs::read_to_string(dir.path().join("run/report.html")).unwrap();
    assert!(report.contains("before trial 12: plates seem to have moved by"));
    // Killed after the bump, it continues as if it had not been: all of it comes from the log.
    let log = dir.path().join("run/trials.jsonl");
    let kept: Vec<String> = fs::read_to_string(&log).unwrap().lines().map(str::to_string).collect();
    fs::write(&log, format!("{}\n", kept[..14].join("\n"))).unwrap();
    let worlds = dir.path().join("run/simulator.jsonl");
    let text = fs::read_to_string(&worlds).unwrap();
    fs::write(&worlds, text.split_inclusive('\n').take(15).collect::<String>()).unwrap();
    json(&mut rmrl(dir.path(), &["train", "--resume", "run"]));
    let again = crate::records(&dir.path().join("run"));
    for (first, second) in records.iter().zip(&again) {
        for key in ["pick_pose", "final_pose", "target_pose", "interval_m"] {
            assert_eq!(first[key], second[key], "trial {}: {key}", first["trial"]);
        }
    }
}

#[test]
fn what_no_correction_should_make_good_is_refused_in_words() {
    let dir = tempfile::tempdir().unwrap();
    for (key, expected) in [
        ("tool_shift_m=[0.03, 0.03]", ["geometry refused", "the tool is off"]),
        ("extrinsic_turn_deg=[180, 180]", ["within 3 cm", "hang the right way round"]),
    ] {
        let key = format!("simulation.cells.{key}");
        let whole = ["train", "--method", "self-calibration", "--trials", "3", "--set", &key];
        let output = rmrl(dir.path(), &[&whole[..], &["--out", &key[17..22]]].concat()).output();
        let output = output.unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success(), "{key}");
        for words in expected {
            assert!(said.contains(words), "{key}: {said}");
        }
    }
}

#[test]
fn carries_calibrate_a_camera_that_a_run_accepts() {
    let dir = tempfile::tempdir().unwrap();
    let carries = ["calibrate", "carries", "--seed", "3", "--out", "overhead.toml"];
    let carries = [&carries[..], &["--config", EXACT_ARM]].concat();
    let found = json(&mut rmrl(dir.path(), &carries));
    assert_eq!((&found["carries"], &found["checks"]), (&Value::from(6), &Value::from(3)));
    let residual_mm = found["residual_mm"].as_f64().unwrap();
    let mean_mm = found["seen_error_mm"][1].as_f64().unwrap();
    assert!(residual_mm < 1.0 && mean_mm < 0.5, "{found}");
    assert!(found["robot_minutes"].as_f64().unwrap() < 6.0);
    let config = CameraConfig { max_residual_mm: 1.0, ..CameraConfig::default() };
    admit(&dir.path().join("overhead.toml"), &config, Timestamp::now()).unwrap();
    // With it, the belief finds a camera that is right.
    let camera = ["--set", "camera.calibration=overhead.toml", "--config", EXACT_ARM];
    let more = [&["--trials", "3"][..], &camera].concat();
    let ended = train(dir.path(), "run", &more);
    for key in ["camera_x_mm", "camera_y_mm"] {
        let off_mm = ended["geometry"][key]["value"].as_f64().unwrap();
        assert!(off_mm.abs() < 1.0, "{key}: {off_mm}");
    }
    let message = failure(&mut rmrl(dir.path(), &[&carries[..], &["--carries", "2"]].concat()), 2);
    assert!(message.contains("--carries") && message.contains("4..=100"), "{message}");
}
