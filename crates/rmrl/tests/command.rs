//! The commands of `rmrl`, from the outside.

#![allow(clippy::unwrap_used, reason = "a test that fails at an unwrap has done its work")]

mod binary;

use std::fs;
use std::path::Path;

use binary::run_log::{self, log_without_clock};
use binary::{failure, json, rmrl, small, stderr, stdout};
use rmrl::RunConfig;
use rmrl_core::{Observation, PlanarPose};
use rmrl_learn::Policy;
use serde_json::Value;

fn entries(dir: &Path) -> usize {
    fs::read_dir(dir).unwrap().count()
}

#[test]
fn a_run_leaves_a_whole_directory_and_answers_programs_in_json() {
    let dir = tempfile::tempdir().unwrap();
    let finished = json(&mut small(dir.path(), &["train", "--trials", "7", "--seed", "4"]));
    assert_eq!(finished["run"], "runs/table-rm-rl-seed4");
    assert_eq!(finished["trials"], 7);
    assert_eq!(finished["method"], "rm-rl");

    let run = dir.path().join("runs/table-rm-rl-seed4");
    for file in [
        "config.toml",
        "run.json",
        "target.json",
        "trials.jsonl",
        "simulator.jsonl",
        "metrics.csv",
        "events.out.tfevents.rmrl",
        "policy.safetensors",
        "report.html",
        "checkpoints/trial-000007.safetensors",
    ] {
        assert!(run.join(file).is_file(), "{file}");
    }
    let log = fs::read_to_string(run.join("trials.jsonl")).unwrap();
    assert_eq!(log.lines().count(), 7);
    for (line, number) in log.lines().zip(1..) {
        let record: Value = serde_json::from_str(line).unwrap();
        assert_eq!(record["trial"], number);
        assert_eq!(record["scene"], (number - 1) / 3 + 1);
        for key in ["estimated_pose", "final_pose", "target_pose"] {
            for value in ["x_m", "y_m", "yaw_rad"] {
                assert!(record[key][value].is_f64(), "{key}.{value}: {line}");
            }
        }
        for key in ["e_trans_m", "e_rot", "true_e_trans_m", "true_yaw_error_rad", "reward"] {
            assert!(record[key].is_f64(), "{key}: {line}");
        }
        let sizes = record["probabilities"].as_array().unwrap();
        assert_eq!(sizes.iter().map(|p| p.as_array().unwrap().len()).sum::<usize>(), 7 + 7 + 13);
        for image in record["images"].as_object().unwrap().values() {
            image::open(run.join(image.as_str().unwrap())).unwrap();
        }
    }
    let table = fs::read_to_string(run.join("metrics.csv")).unwrap();
    assert_eq!(table.lines().count(), 8);

    // The same command again makes a run with another name.
    let again = json(&mut small(dir.path(), &["train", "--trials", "7", "--seed", "4"]));
    assert_eq!(again["run"], "runs/table-rm-rl-seed4-2");
    // The same seed gives the same trials and the same policy, to the byte.
    let second = dir.path().join("runs/table-rm-rl-seed4-2");
    assert_eq!(log_without_clock(&run), log_without_clock(&second));
    let policy = |run: &Path| fs::read(run.join("policy.safetensors")).unwrap();
    assert!(policy(&run) == policy(&second));
}

#[test]
fn wrong_input_is_named_and_leaves_nothing_behind() {
    let dir = tempfile::tempdir().unwrap();
    let inputs = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = inputs.path().join(name);
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_string()
    };
    let misspelled = file("misspelled.toml", "[policy]\nlearning_rat = 0.1\n");
    let broken = file("broken.toml", "trials = = 3\n");
    let weights = file("resnet.safetensors", "no weights");
    let missing = inputs.path().join("missing.toml").to_str().unwrap().to_string();
    let weights_key = format!("policy.encoder.weights={weights}");
    let train = |extra: &[&str]| rmrl(dir.path(), &[&["train"], extra].concat());

    for (arguments, expected) in [
        (vec!["--trials", "0"], vec!["trials", "0", "1 or more"]),
        (vec!["--trials", "many"], vec!["--trials", "many"]),
        (vec!["--until", "1mm"], vec!["--until", "no @", "1.0mm@95%"]),
        (vec!["--until", "1mm@99%"], vec!["until is", "150 trials can prove"]),
        (vec!["--method", "rmrl"], vec!["--method", "rmrl", "rm-rl-pretrained"]),
        (vec!["--task", "floor"], vec!["--task", "floor", "shelf"]),
        (vec!["--set", "policy.learning_rat=1"], vec!["policy.learning_rat", "learning_rate"]),
        (vec!["--set", "policy.learning_rate=fast"], vec!["policy.learning_rate", "fast"]),
        (vec!["--set", "policy.learning_rate=-1"], vec!["policy.learning_rate", "-1", "above 0"]),
        (vec!["--set", "policy.encoder.depth=50"], vec!["encoder.depth", "50", "10, 18 or 34"]),
        (
            vec!["--set", "actions.translation_bins=0"],
            vec!["actions.translation_bins is 0", "1 to 1001"],
        ),
        (
            vec!["--set", "actions.translation_step_mm=-1"],
            vec!["actions.translation_step_mm is -1", "above 0"],
        ),
        (vec!["--set", "actions.translation_step_mm=10"], vec!["actions", "42.43 mm", "15.00 mm"]),
        (vec!["--set", "task.place.x_m=0.9"], vec!["task.place", "x = 0.9", "0.15 to 0.6"]),
        (vec!["--set", "task.home.z_m=nan"], vec!["task.home.z_m is NaN", "from -10"]),
        (vec!["--set", "task.travel_speed_m_s=2"], vec!["task.travel_speed_m_s", "0.25 m/s"]),
        (vec!["--set", "task.start.yaw_deg=[100, 130]"], vec!["task.start.yaw_deg", "reference"]),
        (vec!["--set", "task.start.y_m=[-0.2, 0.1]"], vec!["task.start", "farther away"]),
        (
            vec!["--set", "task.grasp_height_m=0.015", "--set", "task.approach_height_m=0.05"],
            vec!["task.grasp_height_m is 0.015", "height_m"],
        ),
        (vec!["--set", "task.jaw_opening_m=0.2"], vec!["task.jaw_opening_m", "0.15"]),
        (
            vec!["--set", "simulation.table_box.wall_height_m=nan"],
            vec!["simulation.table_box.wall_height_m", "0.001 to 0.05"],
        ),
        (vec!["--set", "schedule.pretrain_trials=0"], vec!["schedule.pretrain_trials", "1"]),
        (vec!["--set", "metrics.noise_floor_repeats=1"], vec!["noise_floor_repeats", "2 or more"]),
        (vec!["--set", "policy.encoder.base_width=17"], vec!["base_width", "multiple of 16"]),
        (vec!["--set", "seed"], vec!["--set seed", "key=value"]),
        (vec!["--device", "gpu"], vec!["--device", "gpu", "wgpu"]),
        (vec!["--set", &weights_key], vec!["resnet.safetensors"]),
        (vec!["--set", "policy.encoder.depth=18"], vec!["encoder.weights", "plates", "random"]),
        (vec!["--config", &misspelled], vec!["misspelled.toml", "learning_rat"]),
        (vec!["--config", &broken], vec!["broken.toml", "TOML"]),
        (vec!["--config", &missing], vec!["missing.toml"]),
        (vec!["--pretrained", "p.safetensors"], vec!["pretrained", "rm-rl-pretrained"]),
        (
            vec!["--method", "rm-rl-pretrained", "--pretrained", &weights],
            vec!["resnet.safetensors"],
        ),
        (vec!["--resume", "runs/none"], vec!["runs/none"]),
        (vec!["--resume", "runs/none", "--trials", "3"], vec!["--resume", "--trials"]),
    ] {
        let message = failure(&mut train(&arguments), 2);
        for part in expected {
            assert!(message.contains(part), "{arguments:?} should name {part}: {message}");
        }
        assert_eq!(entries(dir.path()), 0, "{arguments:?} left something behind");
    }
    for (arguments, expected) in [
        (vec!["eval", "runs/none"], "runs/none"),
        (vec!["report", "runs/none"], "runs/none"),
        (vec!["snapshot", "--out", "picture.jpg"], "picture.jpg"),
        (vec!["pretrain", "--out", "policy.bin"], "policy.bin"),
        (vec!["pretrain", "--out", "none/p.safetensors"], "no folder none"),
        (vec!["snapshot", "--out", "none/s.png"], "no folder none"),
        (
            vec!["snapshot", "--scene", "4294967295", "--set", "schedule.trials_per_scene=10"],
            "--scene is 4294967295, expected at most",
        ),
        (vec!["pretrain", "--out", "p.safetensors", "--from", "runs/none"], "runs/none"),
    ] {
        let message = failure(&mut rmrl(dir.path(), &arguments), 2);
        assert!(message.contains(expected), "{arguments:?} should name {expected}: {message}");
        assert_eq!(entries(dir.path()), 0, "{arguments:?} left something behind");
    }
}

#[test]
fn a_build_without_a_gpu_says_how_to_build_one() {
    let dir = tempfile::tempdir().unwrap();
    for (device, built_in) in [("cuda", cfg!(feature = "cuda")), ("wgpu", cfg!(feature = "wgpu"))] {
        if built_in {
            continue;
        }
        let key = format!("policy.device is \"{device}\"");
        let feature = format!("--features {device}");
        let options = ["--device", device];
        for command in [
            vec!["train"],
            vec!["pretrain", "--out", "p.safetensors"],
            vec!["encoder", "pretrain", "--out", "e.safetensors"],
        ] {
            let arguments = [command.as_slice(), &options].concat();
            let message = failure(&mut rmrl(dir.path(), &arguments), 2);
            assert!(message.contains(&key) && message.contains(&feature), "{message}");
            assert_eq!(entries(dir.path()), 0, "{arguments:?} left something behind");
        }
    }
}

#[test]
fn an_existing_directory_is_never_overwritten() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("mine")).unwrap();
    fs::write(dir.path().join("mine/notes.txt"), "keep me").unwrap();
    let message = failure(&mut small(dir.path(), &["train", "--out", "mine"]), 2);
    assert!(message.contains("mine"), "{message}");
    assert_eq!(entries(&dir.path().join("mine")), 1);
    // A directory that is no run is not taken for one.
    let message = failure(&mut rmrl(dir.path(), &["train", "--resume", "mine"]), 2);
    assert!(message.contains("mine") && message.contains("config.toml"), "{message}");
    assert_eq!(entries(&dir.path().join("mine")), 1);
}

#[test]
fn a_finished_run_can_be_evaluated_and_reported_on() {
    let dir = tempfile::tempdir().unwrap();
    let train = ["train", "--trials", "6", "--out", "run", "--method", "hindsight"];
    json(&mut small(dir.path(), &train));

    let table = json(&mut rmrl(dir.path(), &["eval", "run", "--trials", "4"]));
    assert_eq!(table["trials"], 4);
    assert_eq!(table["task"], "table");
    for side in ["measured", "truth"] {
        let seated = &table[side]["seated"];
        assert_eq!(seated["trials"], 4);
        assert!(seated["low"].as_f64() < seated["high"].as_f64(), "{seated}");
        assert!(table[side]["e_trans_mm"]["mean"].as_f64().unwrap() > 0.0, "{table}");
    }
    assert!(table["abstained"].is_u64());
    let budget = &table["budget"];
    assert_eq!(budget["placements"].as_array().unwrap().len(), 4);
    for cause in ["localization", "calibration", "correction", "grasp", "placing", "total"] {
        assert!(budget[cause]["rms_mm"].as_f64().unwrap() > 0.0, "{cause}: {budget}");
    }
    let true_mm = &table["truth"]["e_trans_mm"];
    let (mean, deviation) =
        (true_mm["mean"].as_f64().unwrap(), true_mm["deviation"].as_f64().unwrap());
    let rms_mm = (mean * mean + 0.75 * deviation * deviation).sqrt();
    assert!((budget["total"]["rms_mm"].as_f64().unwrap() - rms_mm).abs() < 1e-6, "{budget}");
    let floor_mm = table["noise_floor_mm"].as_f64().unwrap();
    assert!(floor_mm > 0.0 && floor_mm < 0.5, "{floor_mm}");
    let shelf = json(&mut rmrl(dir.path(), &["eval", "run", "--trials", "2", "--task", "shelf"]));
    assert_eq!(shelf["task"], "shelf");
    // The same placements give the same numbers, and an evaluation does not change the run.
    assert_eq!(json(&mut rmrl(dir.path(), &["eval", "run", "--trials", "4"])), table);

    let output = rmrl(dir.path(), &["report", "run", "--out", "page.html"]).output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    let written: serde_json::Value = serde_json::from_str(&stdout(&output)).unwrap();
    assert_eq!(written["report"], "page.html");
    let page = fs::read_to_string(dir.path().join("page.html")).unwrap();
    assert_eq!(page, fs::read_to_string(dir.path().join("run/report.html")).unwrap());
    assert!(page.contains("left by the policy") && !page.contains(">unknown<"));
    assert!(page.contains("<svg") && page.contains("data:image/png;base64,"));
    for outside in ["src=\"http", "href=\"http", "url(http", "@import"] {
        assert!(!page.contains(outside), "the page loads something else: {outside}");
    }
}

/// A run that has proven its claim ends there, and stays complete when it is resumed.
#[test]
fn a_run_ends_when_its_claim_is_proven_and_a_resumed_one_knows() {
    let dir = tempfile::tempdir().unwrap();
    let run = dir.path().join("run");
    let train = ["train", "--trials", "40", "--until", "15mm@60%", "--out", "run"];
    let finished = json(&mut small(dir.path(), &train));
    let trials = finished["trials"].as_u64().unwrap();
    assert!(trials < 40, "{finished}");
    assert_eq!(finished["proof"]["proven_at"], trials);
    let proof = &finished["proof"];
    assert_eq!(proof["claim"], "15mm@60%");
    let (tests, series) =
        (proof["tests"].as_u64().unwrap(), proof["series_tests"].as_u64().unwrap());
    assert_eq!(
        (proof["needed"].as_u64(), tests >= series && series >= 7),
        (Some(0), true),
        "{proof}"
    );
    assert_eq!(proof["tests_share"].as_f64().unwrap(), tests as f64 / trials as f64);
    let log = fs::read(run.join("trials.jsonl")).unwrap();
    let policy = fs::read(run.join("policy.safetensors")).unwrap();
    let page = fs::read_to_string(run.join("report.html")).unwrap();
    let proven = format!("15mm@60% proven at trial {trials}: {series} tests of the frozen policy");
    assert!(page.contains(&proven), "{proven}");
    // Each test is marked in the log, and the last ones were all made by the policy that is deployed.
    let purposes: Vec<bool> =
        run_log::records(&run).iter().map(|record| record["purpose"] == "test").collect();
    assert_eq!(purposes.iter().filter(|is_test| **is_test).count() as u64, tests);
    assert!(purposes.iter().rev().take(series as usize).all(|is_test| *is_test));

    assert_eq!(json(&mut rmrl(dir.path(), &["train", "--resume", "run"])), finished);
    assert!(fs::read(run.join("trials.jsonl")).unwrap() == log);
    // The last trials are repeated, from the checkpoint before them or from the log alone.
    // The policy was frozen, and learned nothing from the last series.
    let checkpoint = run.join(format!("checkpoints/trial-{:06}.safetensors", trials - series));
    fs::remove_file(&checkpoint).unwrap();
    assert_eq!(json(&mut rmrl(dir.path(), &["train", "--resume", "run"])), finished);
    assert!(checkpoint.exists());
    let complete = log_without_clock(&run);
    for (file, lines) in [("trials.jsonl", trials - 1), ("simulator.jsonl", trials)] {
        let text = fs::read_to_string(run.join(file)).unwrap();
        let kept: String = text.split_inclusive('\n').take(lines as usize).collect();
        fs::write(run.join(file), kept).unwrap();
    }
    fs::remove_file(&checkpoint).unwrap();
    assert_eq!(json(&mut rmrl(dir.path(), &["train", "--resume", "run"])), finished);
    assert_eq!(log_without_clock(&run), complete);
    assert!(fs::read(run.join("policy.safetensors")).unwrap() == policy);

    let table = json(&mut rmrl(dir.path(), &["eval", "run", "--trials", "3"]));
    assert_eq!(table["as_claimed"]["claim"], "15mm@60%");
    assert!(table["as_claimed"]["held"].as_u64().unwrap() <= 3, "{table}");

    let train = ["train", "--trials", "9", "--until", "0.01mm@30%", "--method", "none"];
    let unproven = json(&mut small(dir.path(), &train));
    assert_eq!(unproven["trials"], 9);
    assert!(unproven["proof"]["proven_at"].is_null(), "{unproven}");
}

/// At deployment, observations can be anything.
#[test]
fn a_policy_knows_new_placements_and_abstains_from_what_is_no_plate_of_its_cell() {
    let dir = tempfile::tempdir().unwrap();
    let train = ["train", "--trials", "45", "--method", "hindsight", "--out", "run"];
    // With the whole network, because the features of a tiny one do not separate images well.
    let keys = ["--set", "schedule.trials_per_scene=3", "--set", "simulation.camera.width_px=320"];
    json(&mut rmrl(dir.path(), &[&train[..], &keys].concat()));
    let table = json(&mut rmrl(dir.path(), &["eval", "run", "--trials", "30"]));
    assert!(table["abstained"].as_u64().unwrap() <= 1, "{}", table["abstained"]);

    let run = dir.path().join("run");
    let config = RunConfig::of_run(&run.join("config.toml")).unwrap();
    let policy = Policy::from_file(&run.join("policy.safetensors"), &config.policy).unwrap();
    let trial = rmrl::trials_in(&run, &rmrl::read_records(&run).unwrap(), 44).unwrap();
    let known = trial[0].observation.clone();
    assert!(!policy.decide(&known).abstained);
    let (width, height) = known.image.dimensions();
    let mut state = 1u32;
    let noise = image::RgbImage::from_fn(width, height, |_, _| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        image::Rgb([(state >> 8) as u8, (state >> 16) as u8, (state >> 24) as u8])
    });
    let pose = known.estimated_pose;
    let far = PlanarPose::new(pose.x_m + 0.4, pose.y_m, pose.yaw_rad);
    for (what, observation) in [
        (
            "black",
            Observation { image: image::RgbImage::new(width, height).into(), ..known.clone() },
        ),
        ("noise", Observation { image: noise.into(), ..known.clone() }),
        ("far", Observation { estimated_pose: far, ..known }),
    ] {
        assert!(policy.decide(&observation).abstained, "{what}");
    }
}

#[test]
fn an_unfinished_run_has_a_report_and_says_that_it_has_no_policy() {
    let dir = tempfile::tempdir().unwrap();
    json(&mut small(dir.path(), &["train", "--trials", "4", "--out", "run"]));
    let run = dir.path().join("run");
    fs::remove_file(run.join("policy.safetensors")).unwrap();
    let message = failure(&mut rmrl(dir.path(), &["eval", "run"]), 1);
    assert!(message.contains("policy") && message.contains("--resume"), "{message}");
    let log = fs::read_to_string(run.join("trials.jsonl")).unwrap();
    let first = log.split_inclusive('\n').next().unwrap();
    fs::write(run.join("trials.jsonl"), first).unwrap();
    assert!(rmrl(dir.path(), &["report", "run"]).status().unwrap().success());
}

#[test]
fn pretraining_makes_a_policy_to_start_from() {
    let dir = tempfile::tempdir().unwrap();
    json(&mut small(dir.path(), &["train", "--trials", "9", "--out", "monday"]));
    let pretrained =
        json(&mut rmrl(dir.path(), &["pretrain", "--from", "monday", "--out", "p.safetensors"]));
    assert_eq!(pretrained["labeled_states"], 9);
    let loss = |key: &str| pretrained[key].as_f64().unwrap();
    assert!(loss("last_loss") < loss("first_loss"), "{pretrained}");
    let mut overwriting =
        rmrl(dir.path(), &["pretrain", "--from", "monday", "--out", "p.safetensors"]);
    assert!(failure(&mut overwriting, 2).contains("p.safetensors"));

    let start = ["train", "--method", "rm-rl-pretrained", "--pretrained", "p.safetensors"];
    let mut train = small(dir.path(), &start);
    let run = json(train.args(["--trials", "3", "--out", "tuesday"]));
    assert_eq!(run["method"], "rm-rl-pretrained");
    let first: Value = {
        let log = fs::read_to_string(dir.path().join("tuesday/trials.jsonl")).unwrap();
        serde_json::from_str(log.lines().next().unwrap()).unwrap()
    };
    let probabilities = first["probabilities"][0].as_array().unwrap();
    let (least, most) = probabilities
        .iter()
        .map(|p| p.as_f64().unwrap())
        .fold((1.0f64, 0.0f64), |(least, most), p| (least.min(p), most.max(p)));
    assert!(most > 2.0 * least, "the first trial already follows the pretrained policy");

    // Labels are rounded to the candidates of the policy, which have to reach as far.
    for other in ["actions.rotation_bins=5", "actions.translation_step_mm=0.5"] {
        let arguments = ["pretrain", "--from", "monday", "--out", "q.safetensors", "--set", other];
        let message = failure(&mut rmrl(dir.path(), &arguments), 1);
        assert!(message.contains("monday") && message.contains("candidates"), "{message}");
        assert!(!dir.path().join("q.safetensors").exists());
    }

    // A policy for other candidates does not fit, and no run starts with it.
    let mut train = small(dir.path(), &start);
    train.args(["--out", "wednesday", "--set", "actions.rotation_bins=5"]);
    let message = failure(&mut train, 2);
    assert!(message.contains("p.safetensors"), "{message}");
    assert!(!dir.path().join("wednesday").exists());
}

#[test]
fn an_earlier_run_for_pretraining_is_resumed_and_never_mistaken() {
    let dir = tempfile::tempdir().unwrap();
    let pretrain = |extra: &[&str]| {
        small(dir.path(), &[&["pretrain", "--out", "p.safetensors"], extra].concat())
    };
    assert_eq!(json(&mut pretrain(&[]))["labeled_states"], 6);
    assert!(dir.path().join("p.run/trials.jsonl").is_file());
    fs::remove_file(dir.path().join("p.safetensors")).unwrap();
    let message = failure(&mut pretrain(&["--seed", "1"]), 2);
    assert!(message.contains("p.run") && message.contains("cell.seed"), "{message}");
    assert_eq!(json(&mut pretrain(&[]))["labeled_states"], 6);
}

/// A user needs the image most when a threshold is wrong.
#[test]
fn a_snapshot_without_a_plate_is_an_image_all_the_same() {
    let dir = tempfile::tempdir().unwrap();
    for place in ["start", "target"] {
        let arguments = ["snapshot", "--at", place, "--set", "vision.color.darkness_ratio=0.05"];
        let message = failure(&mut rmrl(dir.path(), &arguments), 1);
        assert!(message.contains("no plate") && message.contains("snapshot.png"), "{message}");
        image::open(dir.path().join("snapshot.png")).unwrap();
        fs::remove_file(dir.path().join("snapshot.png")).unwrap();
    }
}

#[test]
fn a_closed_standard_output_is_no_failure() {
    let dir = tempfile::tempdir().unwrap();
    let mut child = small(dir.path(), &["train", "--trials", "2"])
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    assert!(child.wait().unwrap().success());
}

/// A missing image must not cost the whole report.
#[test]
fn a_missing_image_leaves_a_gap_in_the_report() {
    let dir = tempfile::tempdir().unwrap();
    json(&mut small(dir.path(), &["train", "--trials", "4", "--out", "run"]));
    fs::remove_file(dir.path().join("run/images/00002-1-final.png")).unwrap();
    let output = rmrl(dir.path(), &["report", "run"]).output().unwrap();
    assert!(output.status.success());
    assert!(stderr(&output).contains("00002-1-final.png"));
    let page = fs::read_to_string(dir.path().join("run/report.html")).unwrap();
    assert_eq!(page.matches("missing or damaged").count(), 1);
}

#[test]
fn a_snapshot_shows_what_was_found() {
    let dir = tempfile::tempdir().unwrap();
    for (place, task) in [("start", "table"), ("target", "shelf")] {
        let arguments =
            ["snapshot", "--at", place, "--task", task, "--seed", "2", "--out", "seen.png"];
        let found = json(&mut rmrl(dir.path(), &arguments));
        let meters = |pose: &str, key: &str| found[pose][key].as_f64().unwrap();
        for key in ["x_m", "y_m"] {
            let difference_m = (meters("pose", key) - meters("true_pose", key)).abs();
            // The calibration of a cell has an error of millimeters.
            assert!(difference_m < 0.02, "{found}");
        }
        let image = image::open(dir.path().join("seen.png")).unwrap().to_rgb8();
        assert_eq!(image.dimensions(), (640, 480));
        assert!(image.pixels().any(|pixel| pixel.0 == [255, 220, 40]), "the box is drawn in");
    }
}

#[test]
fn the_help_of_every_command_teaches_by_example() {
    let dir = tempfile::tempdir().unwrap();
    for command in ["train", "pretrain", "eval", "snapshot", "report"] {
        let output = rmrl(dir.path(), &[command, "--help"]).output().unwrap();
        assert!(output.status.success());
        let help = stdout(&output);
        assert!(help.contains("Examples:"), "{help}");
        assert!(help.contains(&format!("rmrl {command}")), "{help}");
    }
}

/// Scenes of one trial were drawn as stripes, errors of tenths of a millimeter as a line at zero, legends of nothing.
#[test]
fn a_report_shows_what_there_is_and_what_to_do_next() {
    let dir = tempfile::tempdir().unwrap();
    for (method, scene, has_bands) in [("rm-rl", 3, true), ("hindsight", 1, false)] {
        let train = ["train", "--trials", "6", "--method", method, "--out", method];
        let scene = format!("schedule.trials_per_scene={scene}");
        json(small(dir.path(), &train).args(["--set", &scene]));
        let page = fs::read_to_string(dir.path().join(method).join("report.html")).unwrap();
        assert_eq!(page.to_uppercase().contains("#F1F3F6\" STROKE"), has_bands, "{method}");
        assert_eq!(page.contains("bands: scenes"), has_bands, "{method}");
        assert!(!page.contains("not grasped (reward 0)"), "{method}");
        assert!(page.contains(&format!("<code>rmrl eval {method} --trials 20</code>")), "{method}");
    }
}
