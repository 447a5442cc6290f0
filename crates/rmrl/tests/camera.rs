//! The camera of a run: the check before the run, and the drift monitor during it.

#![allow(clippy::unwrap_used, reason = "a test that fails at an unwrap has done its work")]

mod binary;

use std::fs;
use std::path::Path;

use binary::run_log::records;
use binary::{json, rmrl, small, stderr};
use rmrl::RunConfig;
use rmrl::{Laboratory, World};
use rmrl_cell::TaskKind;
use rmrl_vision::{CalibrationRecord, CameraFile};
use serde_json::Value;

/// The file of the true camera of the simulated cell `seed`, as a perfect calibration would find it.
fn true_camera(seed: u32, width_px: u32) -> CameraFile {
    let mut config = RunConfig::for_task(TaskKind::Table);
    (config.seed, config.simulation.camera.width_px) = (seed, width_px);
    let world = Laboratory::assemble(&config, 0).unwrap().world;
    let World::Simulated(cell) = world else { panic!("the default cell is simulated") };
    CameraFile {
        calibration: Some(CalibrationRecord {
            views: Some(15),
            reprojection_px: Some(0.2),
            residual_mm: Some(0.4),
            ..CalibrationRecord::new(jiff::Timestamp::now())
        }),
        ..CameraFile::from(cell.true_camera())
    }
}

/// The mean distance between the estimated and the true start poses of a run, in meters.
fn estimate_error_m(run: &Path) -> f64 {
    let worlds = fs::read_to_string(run.join("simulator.jsonl")).unwrap();
    let worlds = worlds.lines().skip(1).map(|line| serde_json::from_str::<Value>(line).unwrap());
    let errors: Vec<f64> = records(run)
        .iter()
        .zip(worlds)
        .map(|(record, world)| {
            let off = |key: &str| {
                record["estimated_pose"][key].as_f64().unwrap()
                    - world["start"][key].as_f64().unwrap()
            };
            off("x_m").hypot(off("y_m"))
        })
        .collect();
    errors.iter().sum::<f64>() / errors.len() as f64
}

#[test]
fn a_calibrated_cell_trains_with_its_calibration_and_keeps_it() {
    let dir = tempfile::tempdir().unwrap();
    let train = |extra: &[&str]| {
        let common = ["train", "--method", "none", "--trials", "3", "--seed", "5"];
        json(&mut small(dir.path(), &[&common[..], extra].concat()))
    };
    train(&["--out", "before"]);
    fs::write(dir.path().join("overhead.toml"), true_camera(5, 320).to_toml()).unwrap();
    train(&["--out", "after", "--set", "camera.calibration=overhead.toml"]);
    let before = estimate_error_m(&dir.path().join("before"));
    let after = estimate_error_m(&dir.path().join("after"));
    assert!(before > 0.003 && after < 0.001, "{before} {after}");

    // The run has its own copy, so resuming and evaluating it do not need the original file.
    fs::remove_file(dir.path().join("overhead.toml")).unwrap();
    let output = rmrl(dir.path(), &["train", "--resume", "after"]).output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    let output = rmrl(dir.path(), &["localize", "--run", "after"]).output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
}

#[test]
fn nothing_trains_with_a_poor_or_foreign_calibration() {
    let dir = tempfile::tempdir().unwrap();
    let good = true_camera(0, 640);
    let with = |change: &dyn Fn(&mut CalibrationRecord)| {
        let mut file = good.clone();
        change(file.calibration.as_mut().unwrap());
        file
    };
    let mut foreign = good.clone();
    (foreign.intrinsics.width, foreign.intrinsics.height) = (1280, 960);
    for (file, expected) in [
        (with(&|calibration| calibration.residual_mm = Some(2.5)), "off by up to 2.50 mm"),
        (with(&|calibration| calibration.residual_mm = None), "rmrl calibrate check"),
        (
            with(&|calibration| calibration.made = "2020-01-01T00:00:00Z".parse().unwrap()),
            "camera.max_age_days = 30",
        ),
        (CameraFile { calibration: None, ..good.clone() }, "rmrl calibrate"),
    ] {
        fs::write(dir.path().join("overhead.toml"), file.to_toml()).unwrap();
        let arguments = ["train", "--out", "run", "--set", "camera.calibration=overhead.toml"];
        let output = rmrl(dir.path(), &arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(2));
        let message = stderr(&output);
        assert!(message.contains("overhead.toml") && message.contains(expected), "{message}");
        assert!(!dir.path().join("run").exists());
    }
    fs::write(dir.path().join("overhead.toml"), foreign.to_toml()).unwrap();
    let arguments = ["snapshot", "--set", "camera.calibration=overhead.toml"];
    let output = rmrl(dir.path(), &arguments).output().unwrap();
    assert!(!output.status.success());
    assert!(stderr(&output).contains("images of (1280, 960)"), "{}", stderr(&output));
}

#[test]
fn a_drifting_camera_marks_trials_and_then_stops_the_run() {
    let dir = tempfile::tempdir().unwrap();
    let arguments = [
        "train",
        "--method",
        "none",
        "--trials",
        "12",
        "--out",
        "run",
        "--set",
        "schedule.trials_per_scene=2",
        "--set",
        "camera.drift.every_trials=2",
        "--set",
        "simulation.camera.drift_m_per_scene=0.0007",
    ];
    let output = rmrl(dir.path(), &arguments).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    let message = stderr(&output);
    assert!(message.contains("calibrate the camera again"), "{message}");
    let records = records(&dir.path().join("run"));
    // In scene s the camera has drifted by 0.7 s mm: trials are suspect from 1.4 mm in scene 2, and the run stops at
    // 3.5 mm in scene 5.
    assert_eq!(records.len(), 9);
    for record in &records {
        let (trial, scene) = (record["trial"].as_u64().unwrap(), record["scene"].as_u64().unwrap());
        assert_eq!(record["suspect"], scene > 1, "{record}");
        let drift = &record["camera_drift"];
        assert_eq!(drift.is_object(), trial % 2 == 1, "{record}");
        if let Some(drift_m) = drift["drift_m"].as_f64() {
            assert!((drift_m - 0.0007 * scene as f64).abs() < 0.0002, "{record}");
        }
    }
    // The report shows it.
    let output = rmrl(dir.path(), &["report", "run"]).output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    let page = fs::read_to_string(dir.path().join("run/report.html")).unwrap();
    assert!(page.contains("6 trials suspect"), "the report says nothing of the drift");
    let last = &records[8];
    assert_eq!(last["failure"]["cause"], "drift", "{last}");
    assert_eq!(last["reward"], Value::Null);
}

/// A fixed camera gives readings below a tenth of the bound, and a resumed run gets the same readings.
#[test]
fn a_fixed_camera_is_trusted_also_after_an_interruption() {
    let dir = tempfile::tempdir().unwrap();
    let train = |out: &str, trials: &str| {
        let arguments = [
            "train",
            "--method",
            "none",
            "--trials",
            trials,
            "--out",
            out,
            "--set",
            "camera.drift.every_trials=1",
        ];
        json(&mut rmrl(dir.path(), &arguments))
    };
    train("whole", "4");
    train("part", "4");
    let part = dir.path().join("part");
    // The files after a power cut in the third trial.
    for file in ["trials.jsonl", "simulator.jsonl"] {
        let text = fs::read_to_string(part.join(file)).unwrap();
        let keep = if file == "trials.jsonl" { 2 } else { 3 };
        let lines: Vec<&str> = text.lines().take(keep).collect();
        fs::write(part.join(file), format!("{}\n", lines.join("\n"))).unwrap();
    }
    let output = rmrl(dir.path(), &["train", "--resume", "part"]).output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    let (whole, part) = (records(&dir.path().join("whole")), records(&part));
    assert_eq!(whole.len(), 4);
    for (whole, part) in whole.iter().zip(&part) {
        assert_eq!(whole["camera_drift"], part["camera_drift"]);
        assert!(whole["camera_drift"]["drift_m"].as_f64().unwrap() < 0.0001, "{whole}");
        assert_eq!(whole["suspect"], false);
    }
}

/// Without a recorded target, the first capture of the board once panicked in a snapshot.
#[test]
fn a_snapshot_shows_the_board_of_the_drift_monitor() {
    let dir = tempfile::tempdir().unwrap();
    let board = r#"camera.drift.board={ corners = "5x4", square_m = 0.015 }"#;
    json(&mut rmrl(dir.path(), &["snapshot", "--set", board]));
    let seen = image::open(dir.path().join("snapshot.png")).unwrap().to_rgb8();
    json(&mut rmrl(dir.path(), &["snapshot"]));
    let without = image::open(dir.path().join("snapshot.png")).unwrap().to_rgb8();
    let changed = seen.pixels().zip(without.pixels()).filter(|(a, b)| a.0[0].abs_diff(b.0[0]) > 60);
    assert!(changed.count() > 500);
}
