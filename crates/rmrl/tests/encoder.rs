//! `rmrl encoder`, and the encoder that comes with rmrl.

#![allow(clippy::unwrap_used, reason = "a test that fails at an unwrap has done its work")]

mod binary;

use std::fs;
use std::path::Path;

use binary::{failure, json, small};
use rmrl::RunConfig;
use rmrl::{ANSWERS, plate_images};
use rmrl_cell::TaskKind;
use rmrl_learn::Policy;

/// The features alone reveal the lid, in laboratories that the encoder has never seen: each image gets the lid of the known
/// image with the most similar features.
#[test]
fn the_encoder_that_comes_along_knows_a_lid_when_it_sees_one() {
    let config = RunConfig::for_task(TaskKind::Table);
    let actions = config.action_space().unwrap();
    let lid = ANSWERS.iter().position(|answer| *answer == "lid").unwrap();
    let right_of = |config: &RunConfig| {
        let policy = Policy::new(&config.policy, &actions, config.pose_scaling(), 0).unwrap();
        // Laboratories of neither its training nor its test.
        let images = plate_images(config, 10_000..10_008, 6, |observation, answers| {
            (policy.features_of(&policy.encode(&observation)), answers[lid] > 0.5)
        })
        .unwrap();
        let (known, asked) = images.split_at(images.len() / 2);
        let lids = asked.iter().filter(|(_, lid)| *lid).count();
        assert!((3..asked.len() - 2).contains(&lids), "{lids} lids prove nothing");
        let right = asked.iter().filter(|(features, lid)| {
            let distance = |other: &[f32]| -> f32 {
                features.iter().zip(other).map(|(one, other)| (one - other).powi(2)).sum()
            };
            let nearest = known.iter().min_by(|a, b| distance(&a.0).total_cmp(&distance(&b.0)));
            nearest.unwrap().1 == *lid
        });
        (right.count(), asked.len())
    };
    let (right, asked) = right_of(&config);
    assert!(right + 1 >= asked, "{right} of {asked}");
}

#[test]
fn an_encoder_is_pretrained_to_the_bit_and_a_run_can_start_with_it() {
    let dir = tempfile::tempdir().unwrap();
    let pretrain = |out: &str, threads: &str| {
        let few = ["--cells", "2", "--test-cells", "1", "--pictures", "4", "--epochs", "1"];
        let mut command = small(dir.path(), &["encoder", "pretrain", "--out", out]);
        let result = json(command.args(few).env("RAYON_NUM_THREADS", threads));
        (result, fs::read(dir.path().join(out)).unwrap())
    };
    let (result, bytes) = pretrain("one.safetensors", "1");
    assert_eq!((&result["pictures"], &result["test_pictures"]), (&8.into(), &4.into()));
    assert_eq!(result["explained"].as_array().unwrap().len(), ANSWERS.len());
    assert!(pretrain("two.safetensors", "2").1 == bytes, "the number of threads changes the bits");

    let weights = "policy.encoder.weights=one.safetensors";
    let train = ["train", "--trials", "3", "--out", "run"];
    json(small(dir.path(), &train).args(["--set", weights]));
    let config = RunConfig::of_run(&dir.path().join("run/config.toml")).unwrap();
    let path = String::from(config.policy.encoder.weights.clone());
    assert!(Path::new(&path).is_absolute() && path.ends_with("one.safetensors"), "{path}");
}

#[test]
fn a_rejected_encoder_pretraining_says_why_and_overwrites_nothing() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("kept.safetensors"), "mine").unwrap();
    for (arguments, expected) in [
        (["--out", "kept.safetensors"], ["kept.safetensors", "never overwritten"]),
        (["--out", "encoder.pth"], ["encoder.pth", ".safetensors"]),
        (["--out", "nowhere/e.safetensors"], ["no folder", "nowhere"]),
        (["--learning-rate", "0"], ["--learning-rate is 0", "above 0"]),
        (["--batch-size", "0"], ["--batch-size", "0"]),
        (["--set", "policy.view=none"], ["policy.view", "sees an image"]),
        (["--set", "policy.encoder.weights=plates"], ["policy.encoder.weights", "random"]),
    ] {
        let mut command = small(dir.path(), &["encoder", "pretrain"]);
        if arguments[0] != "--out" {
            command.args(["--out", "new.safetensors"]);
        }
        let message = failure(command.args(arguments), 2);
        for part in expected {
            assert!(message.contains(part), "{arguments:?}: {message}");
        }
    }
    assert_eq!(fs::read(dir.path().join("kept.safetensors")).unwrap(), b"mine");
    assert!(!dir.path().join("new.safetensors").exists());
}
