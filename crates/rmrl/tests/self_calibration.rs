//! A cell that calibrates itself: by the commands, in simulated cells whose truth is known.

#![allow(clippy::unwrap_used, reason = "a test that fails at an unwrap has done its work")]

mod binary;

use std::fs;
use std::path::Path;

use binary::{json, rmrl};
use nalgebra::Point3;
use rmrl::{Laboratory, RunConfig};
use rmrl_cell::TaskKind;
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
}
