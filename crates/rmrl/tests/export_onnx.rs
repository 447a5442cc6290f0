//! `rmrl export onnx`: what it writes, and what it says of runs that it cannot export. What a model computes is tested in
//! `rmrl-onnx`, and by `tools/onnx_against_rust.py`.

#![allow(clippy::unwrap_used, reason = "a test that fails at an unwrap has done its work")]

mod binary;

use std::fs;
use std::sync::Arc;

use binary::{failure, json, rmrl, rmrl_as_users, small, stderr};
use rmrl::{TrainedPolicy, read_records};
use rmrl_core::PlanarPose;
use rmrl_vision::read_color_image;

#[test]
fn a_run_is_exported_and_a_run_without_a_policy_is_refused_with_the_way_out() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    json(&mut small(dir, &["train", "--trials", "3", "--out", "run"]));
    let written = json(&mut rmrl_as_users(dir, &["export", "onnx", "run"]));
    assert_eq!(written["model"], "run/policy.onnx");
    let model = fs::read(dir.join("run/policy.onnx")).unwrap();
    assert_eq!(written["bytes"], model.len());
    json(&mut rmrl_as_users(dir, &["export", "onnx", "run", "--out", "again.onnx"]));
    assert!(
        fs::read(dir.join("again.onnx")).unwrap() == model,
        "the same run makes the same bytes"
    );

    // Without its camera, the run's policy has to be told where the picture shows the plate.
    fs::rename(dir.join("run/camera.toml"), dir.join("camera.toml")).unwrap();
    let output = rmrl_as_users(dir, &["export", "onnx", "run"]).output().unwrap();
    assert!(output.status.success());
    assert!(stderr(&output).contains("plate_in_image"), "{}", stderr(&output));
    fs::rename(dir.join("camera.toml"), dir.join("run/camera.toml")).unwrap();

    let refused = |arguments: &[&str]| {
        failure(&mut rmrl_as_users(dir, &[&["export", "onnx"], arguments].concat()), 2)
    };
    let said = refused(&["run", "--out", "nowhere/policy.onnx"]);
    assert!(said.contains("there is no folder nowhere"), "{said}");
    let said = refused(&["elsewhere", "--out", "policy.onnx"]);
    assert!(said.contains("elsewhere"), "{said}");
    fs::remove_file(dir.join("run/policy.safetensors")).unwrap();
    let said = refused(&["run"]);
    assert!(said.contains("rmrl train --resume run"), "{said}");
    let calibrate = ["train", "--method", "self-calibration", "--trials", "1", "--out", "belief"];
    json(&mut small(dir, &calibrate));
    let said = refused(&["belief"]);
    assert!(said.contains("its method is self-calibration"), "{said}");
    assert!(said.contains("rm-rl") && said.contains("hindsight"), "{said}");
}

#[test]
fn a_policy_is_asked_with_a_picture_and_a_pose_alone() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    json(&mut rmrl(dir, &["train", "--trials", "3", "--out", "run"]));
    let run = dir.join("run");
    let trained = TrainedPolicy::open(&run).unwrap();
    for record in read_records(&run).unwrap() {
        let image = Arc::new(read_color_image(&run.join(record.images.start.unwrap())).unwrap());
        let (pose, seen) = (record.estimated_pose.unwrap(), record.plate_in_image.unwrap());
        let alone = trained.observation(Arc::clone(&image), pose, None).unwrap().plate_in_image;
        // They differ by the noise of the plate's measured height.
        for (alone, seen) in [
            (alone.u_px, seen.u_px),
            (alone.v_px, seen.v_px),
            (alone.diagonal_px, seen.diagonal_px),
        ] {
            assert!((alone - seen).abs() < 0.5, "{alone} {seen}");
        }
        let given = trained.observation(Arc::clone(&image), pose, Some(seen)).unwrap();
        assert_eq!(given.plate_in_image, seen);
        let nowhere = PlanarPose { yaw_rad: f64::NAN, ..pose };
        let refused = trained.observation(image, nowhere, None).unwrap_err().to_string();
        assert!(refused.contains("finite"), "{refused}");
        let tiny = Arc::new(image::RgbImage::new(8, 6));
        let refused = trained.observation(tiny, pose, None).unwrap_err().to_string();
        assert!(refused.contains("8 x 6 pixels, expected 640 x 480"), "{refused}");
    }
}
