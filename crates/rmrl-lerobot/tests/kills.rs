//! Exports that are killed at any instant leave a whole dataset, and continue to the same one.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test that fails at an unwrap has done its work")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use image::{Rgb, RgbImage};
use rmrl_core::{
    Decision, GraspFailure, Observation, Outcome, PlanarPose, PlateInImage, PoseAdjustment, Trial,
    TrialId, TrialReport,
};
use rmrl_data::{ImagesRecord, Journal, RunDir, TrialRecord};
use rmrl_lerobot::{Export, RunSource, import};

/// Names the folder that the test below exports in, in the process of its own.
const FOLDER: &str = "RMRL_LEROBOT_TEST_FOLDER";

fn source(root: &Path) -> RunSource {
    let text = str::to_string;
    RunSource {
        root: root.to_path_buf(),
        task: text("Place the plate"),
        robot: text("simulated"),
        method: text("rm-rl"),
        candidates: text("7"),
        reward: text("1"),
        files: vec![text(RunDir::CONFIG)],
        world: text("world.jsonl"),
    }
}

/// Makes a run of `trials` trials. Their images differ.
fn make_run(root: &Path, trials: u32) {
    let dir = RunDir::create(root, "seed = 1\n").unwrap();
    let mut log = Journal::create(&dir.path(RunDir::TRIALS)).unwrap();
    for trial in 1..=trials {
        let image = RgbImage::from_fn(64, 48, |u, v| {
            Rgb([u * trial, v ^ trial, u * v].map(|value| value as u8))
        });
        let name = format!("images/{trial:05}.png");
        dir.image_writer().write_color(&name, &image).unwrap();
        let observation = Observation {
            look_error_m: None,
            carries: Vec::new(),
            image: image.into(),
            estimated_pose: PlanarPose::new(f64::from(trial), 0.0, 0.0),
            plate_in_image: PlateInImage { u_px: 1.0, v_px: 2.0, diagonal_px: 3.0 },
            features: None,
        };
        let decision = Decision {
            adjustment: PoseAdjustment { dx_m: 0.0, dy_m: 0.0, dyaw_rad: 0.0 },
            index: None,
            probabilities: None,
            interval_m: None,
            abstained: false,
        };
        let (id, outcome) =
            (TrialId::new(trial, 1, trial), Outcome::NotGrasped(GraspFailure::Missed));
        let trial = Trial { id, observation, decision, outcome };
        let mut record = TrialRecord::of(TrialReport::Completed(&trial));
        record.images = ImagesRecord { start: Some(name), ..ImagesRecord::default() };
        log.append(&record).unwrap();
    }
}

/// Files of three trials or so.
const SEGMENT_BYTES: u64 = 20_000;

fn export(folder: &Path, out: &str) {
    let run = source(&folder.join("run"));
    let mut export = Export::open(&folder.join(out), vec![run], SEGMENT_BYTES).unwrap();
    while export.advance().unwrap() {}
}

/// Not a test by itself: the process that is killed.
#[test]
fn exports_in_a_process_of_its_own() {
    if let Some(folder) = std::env::var_os(FOLDER) {
        export(Path::new(&folder), "set");
    }
}

fn start(folder: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "exports_in_a_process_of_its_own"])
        .env(FOLDER, folder)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut all = BTreeMap::new();
    let mut left = vec![folder.to_path_buf()];
    while let Some(next) = left.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => left.push(path),
                false => {
                    let name = path.strip_prefix(folder).unwrap().to_path_buf();
                    all.insert(name, fs::read(path).unwrap());
                }
            }
        }
    }
    all
}

/// Checks that the dataset is whole: an import gives the first lines of the run with their images. Returns how many.
fn whole(folder: &Path) -> usize {
    let again = folder.join("again");
    import(&folder.join("set"), None, &again).unwrap();
    let log = |run: &Path| fs::read_to_string(run.join(RunDir::TRIALS)).unwrap();
    let (found, all) = (log(&again), log(&folder.join("run")));
    assert!(all.starts_with(&found));
    let trials = found.lines().count();
    let images = files(&again.join(RunDir::IMAGES));
    assert_eq!(images.len(), trials);
    for (name, bytes) in images {
        assert_eq!(bytes, fs::read(folder.join("run/images").join(name)).unwrap());
    }
    let info = fs::read_to_string(folder.join("set/meta/info.json")).unwrap();
    assert!(info.contains(&format!("\"total_episodes\": {trials},")), "{info}");
    fs::remove_dir_all(again).unwrap();
    trials
}

#[test]
fn a_dataset_is_whole_after_a_kill_at_any_instant() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path();
    make_run(&folder.join("run"), 12);
    export(folder, "at-once");
    let began = Instant::now();
    assert!(start(folder).wait().unwrap().success());
    let took = began.elapsed();
    let (mut between, rounds, steps) = (0, 3, 12);
    for _ in 0..rounds {
        fs::remove_dir_all(folder.join("set")).unwrap();
        let mut had = 0;
        // Each export goes on from the one before, and is killed a little later in its life.
        for step in 1..=steps {
            let mut process = start(folder);
            sleep(took * step / steps + Duration::from_micros(137 * u64::from(step)));
            let _ = process.kill();
            process.wait().unwrap();
            if folder.join("set").exists() {
                let has = whole(folder);
                assert!(has >= had, "{has} of {had}");
                between += usize::from(has > had && has < 12);
                had = has;
            } else {
                assert_eq!(had, 0, "it was there");
            }
        }
        assert!(start(folder).wait().unwrap().success());
        assert_eq!(whole(folder), 12);
        assert!(files(&folder.join("set")) == files(&folder.join("at-once")), "bytes differ");
        assert_eq!(fs::read_dir(folder).unwrap().count(), 3, "something is left");
    }
    println!("{between} kills were between the first and the last version");
}
