//! Runs become datasets and runs again: the files, their values, what continues, and what is refused.

#![allow(clippy::unwrap_used, reason = "a test that fails at an unwrap has done its work")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use image::{ImageBuffer, Luma, Rgb, RgbImage};
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::{Field, Row};
use rmrl_core::{
    Decision, Fault, FaultKind, FaultedTrial, GraspFailure, Observation, Outcome, Placement,
    PlacementError, PlanarPose, PlateInImage, PoseAdjustment, Trial, TrialId, TrialReport,
};
use rmrl_data::{ImagesRecord, Journal, RunDir, TrialRecord};
use rmrl_lerobot::{Export, Exported, LeRobotError, RunSource, import};
use serde_json::Value;

const IMAGE: &str = "observation.images.overhead";

/// A run that grows attempt by attempt: the second trial faults once, and nothing is grasped in the third.
struct Run {
    dir: RunDir,
    log: Journal<TrialRecord>,
    worlds: Journal<BTreeMap<String, u32>>,
    attempts: u32,
    width: u32,
}

fn world(number: u32) -> BTreeMap<String, u32> {
    BTreeMap::from([("state".to_string(), number)])
}

impl Run {
    fn create(root: &Path, width: u32) -> Self {
        let dir = RunDir::create(root, "seed = 1\n").unwrap();
        dir.write("target.json", b"{}").unwrap();
        let log = Journal::create(&dir.path(RunDir::TRIALS)).unwrap();
        let mut worlds = Journal::create(&dir.path("world.jsonl")).unwrap();
        worlds.append(&world(0)).unwrap();
        Self { dir, log, worlds, attempts: 0, width }
    }

    /// Makes one more attempt.
    fn attempt(&mut self) {
        self.attempts += 1;
        let (trial, attempt, is_fault) = match self.attempts {
            1 => (1, 1, false),
            2 => (2, 1, true),
            3 => (2, 2, false),
            later => (later - 1, 1, false),
        };
        let id = TrialId::new(trial, attempt, trial.div_ceil(2));
        let tenth = f64::from(self.attempts) / 10.0;
        let observation = Observation {
            look_error_m: None,
            carries: Vec::new(),
            image: Arc::new(RgbImage::new(1, 1)),
            estimated_pose: PlanarPose::new(tenth, -1.0 / 3.0, 0.7),
            plate_in_image: PlateInImage { u_px: tenth, v_px: 2.0, diagonal_px: 3.0 },
            features: None,
        };
        let decision = Decision {
            adjustment: PoseAdjustment { dx_m: 0.001, dy_m: -tenth, dyaw_rad: 0.01 },
            index: None,
            probabilities: None,
            interval_m: None,
            abstained: false,
        };
        let mut record = if is_fault {
            let fault = Fault { kind: FaultKind::Localization, reason: "no plate".to_string() };
            let faulted = FaultedTrial { id, attempted: None, fault };
            TrialRecord::of(TrialReport::Faulted(&faulted))
        } else {
            let outcome = match trial {
                3 => Outcome::NotGrasped(GraspFailure::Missed),
                _ => Outcome::Placed(placement(tenth)),
            };
            TrialRecord::of(TrialReport::Completed(&Trial { id, observation, decision, outcome }))
        };
        record.images = self.images(!is_fault);
        self.worlds.append(&world(self.attempts)).unwrap();
        self.log.append(&record).unwrap();
    }

    fn images(&self, is_placed: bool) -> ImagesRecord {
        let (writer, number) = (self.dir.image_writer(), self.attempts);
        let name = |kind: &str| format!("images/{number:05}-{kind}.png");
        let color = |more: u32| {
            RgbImage::from_fn(self.width, 6, |u, v| {
                Rgb([u + more, v + number, u * v].map(|value| value as u8))
            })
        };
        writer.write_color(&name("start"), &color(0)).unwrap();
        let depth = ImageBuffer::from_pixel(self.width, 6, Luma([number as u16]));
        writer.write_depth(&name("start-depth"), &depth).unwrap();
        if is_placed {
            writer.write_color(&name("final"), &color(50)).unwrap();
        }
        ImagesRecord {
            start: Some(name("start")),
            start_depth: Some(name("start-depth")),
            end: is_placed.then(|| name("final")),
            end_depth: None,
        }
    }

    fn source(&self) -> RunSource {
        source(self.dir.root())
    }
}

fn placement(tenth: f64) -> Placement {
    let (final_pose, target_pose) =
        (PlanarPose::new(0.4 + tenth / 100.0, 0.2, 0.01), PlanarPose::new(0.4, 0.2, 0.0));
    Placement {
        final_look_error_m: None,
        pick_pose: PlanarPose::new(0.3, -0.1, 0.7),
        final_pose,
        target_pose,
        error: PlacementError::between(final_pose, target_pose),
        reward: 1.0 - tenth / 7.0,
        seated: true,
    }
}

fn source(root: &Path) -> RunSource {
    RunSource {
        root: root.to_path_buf(),
        task: "Place the plate".to_string(),
        robot: "simulated".to_string(),
        method: "rm-rl, seed 1".to_string(),
        candidates: "7 x 2.5 mm".to_string(),
        reward: "exp(-e)".to_string(),
        files: [RunDir::CONFIG, "target.json", "camera.toml"].map(str::to_string).to_vec(),
        world: "world.jsonl".to_string(),
    }
}

fn run_of(root: &Path, attempts: u32) -> Run {
    let mut run = Run::create(root, 8);
    (0..attempts).for_each(|_| run.attempt());
    run
}

/// Exports with files of `segment_bytes`, until nothing is left.
fn export(out: &Path, runs: Vec<RunSource>, segment_bytes: u64) -> Result<Exported, LeRobotError> {
    let mut export = Export::open(out, runs, segment_bytes)?;
    while export.advance()? {}
    Ok(export.exported())
}

/// All files of a folder with their bytes, by their names.
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

fn names(folder: &Path) -> Vec<String> {
    files(folder).into_keys().map(|name| name.display().to_string()).collect()
}

fn rows(file: &Path) -> Vec<Row> {
    let reader = SerializedFileReader::new(fs::File::open(file).unwrap()).unwrap();
    reader.get_row_iter(None).unwrap().map(Result::unwrap).collect()
}

fn shown(row: &Row, name: &str) -> String {
    row.get_column_iter().find(|(found, _)| *found == name).unwrap().1.to_string()
}

fn read_json(file: &Path) -> Value {
    serde_json::from_slice(&fs::read(file).unwrap()).unwrap()
}

#[test]
fn a_dataset_has_the_files_and_values_of_the_format() {
    let dir = tempfile::tempdir().unwrap();
    let run = run_of(&dir.path().join("run"), 5);
    let out = dir.path().join("set");
    let exported = export(&out, vec![run.source()], Export::SEGMENT_BYTES).unwrap();
    assert_eq!(exported, Exported { episodes: 4, faults: 1 });
    let expected = [
        "README.md",
        "data/chunk-000/file-000.parquet",
        "meta/episodes/chunk-000/file-000.parquet",
        "meta/info.json",
        "meta/stats.json",
        "meta/tasks.parquet",
        "rmrl/.lock",
        "rmrl/attempts/chunk-000/file-000.parquet",
        "rmrl/export.json",
        "rmrl/runs/000/config.toml",
        "rmrl/runs/000/target.json",
    ];
    assert_eq!(names(&out), expected);

    let info = read_json(&out.join("meta/info.json"));
    assert_eq!((&info["codebase_version"], &info["total_frames"]), (&"v3.0".into(), &4.into()));
    assert_eq!(info["features"][IMAGE]["shape"], serde_json::json!([6, 8, 3]));
    assert_eq!(info["features"]["action"]["names"][2], "dyaw_rad");
    let frames = rows(&out.join("data/chunk-000/file-000.parquet"));
    let described: Vec<&String> = info["features"].as_object().unwrap().keys().collect();
    let mut columns: Vec<&String> = frames[0].get_column_iter().map(|(name, _)| name).collect();
    columns.sort();
    assert_eq!(columns, described, "the columns are those that are described");

    assert_eq!(shown(&frames[1], "trial"), "2");
    assert_eq!(shown(&frames[1], "attempt"), "2");
    let numbers =
        |row: &Row, name: &str| -> Value { serde_json::from_str(&shown(row, name)).unwrap() };
    assert_eq!(numbers(&frames[1], "action"), serde_json::json!([0.001, -0.3, 0.01]));
    assert_eq!(shown(&frames[2], "outcome"), "\"missed\"");
    assert_eq!(shown(&frames[2], "next.e_trans_m"), "NaN");
    assert_eq!(numbers(&frames[2], "next.reward"), 0.0);
    let image = frames[3].get_column_iter().find(|(name, _)| *name == IMAGE).unwrap().1;
    let Field::Group(image) = image else { panic!("{image}") };
    let Some((_, Field::Bytes(bytes))) = image.get_column_iter().next() else { panic!("{image}") };
    assert_eq!(bytes.data(), fs::read(run.dir.path("images/00005-start.png")).unwrap());

    let stats = read_json(&out.join("meta/stats.json"));
    assert_eq!(stats["next.reward"]["min"][0], 0.0);
    assert_eq!(stats["next.e_trans_m"]["count"][0], 3, "one is not known");
    assert!(stats.get("true_e_trans_m").is_none(), "none is known");
    assert_eq!(stats[IMAGE]["count"][0], 4);
    let attempts = rows(&out.join("rmrl/attempts/chunk-000/file-000.parquet"));
    let episodes: Vec<String> = attempts.iter().map(|row| shown(row, "episode_index")).collect();
    assert_eq!(episodes, ["0", "-1", "1", "2", "3"]);
    let card = fs::read_to_string(out.join("README.md")).unwrap();
    assert!(card.contains("| run | rm-rl, seed 1 | 4 | 3 | 1 | 1 |"), "{card}");
}

/// However often it was interrupted and whatever a run had by then, the files are the same in the end.
#[test]
fn an_export_that_was_continued_equals_one_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let mut run = Run::create(&dir.path().join("run"), 8);
    let continued = dir.path().join("continued");
    for attempts in 1..=9 {
        run.attempt();
        if attempts % 3 != 0 {
            export(&continued, vec![run.source()], 1000).unwrap();
        }
    }
    export(&continued, vec![run.source()], 1000).unwrap();
    let at_once = dir.path().join("at-once");
    export(&at_once, vec![run.source()], 1000).unwrap();
    assert!(files(&at_once).len() > 15, "several segments");
    assert_eq!(names(&continued), names(&at_once));
    assert!(files(&continued) == files(&at_once), "the bytes differ");
    // Another run is appended.
    let other = run_of(&dir.path().join("other"), 2);
    let both = vec![run.source(), other.source()];
    export(&continued, both.clone(), 1000).unwrap();
    export(&dir.path().join("both"), both, 1000).unwrap();
    assert!(files(&continued) == files(&dir.path().join("both")), "the bytes differ");
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 5, "nothing is left beside them");
}

#[test]
fn a_dataset_becomes_the_same_run() {
    let dir = tempfile::tempdir().unwrap();
    let runs = [run_of(&dir.path().join("one"), 6), run_of(&dir.path().join("two"), 3)];
    let out = dir.path().join("set");
    export(&out, runs.iter().map(Run::source).collect(), 1000).unwrap();
    for (number, run) in runs.iter().enumerate() {
        let again = dir.path().join(format!("again-{number}"));
        let imported = import(&out, Some(number + 1), &again).unwrap();
        assert_eq!(imported.episodes, run.attempts as usize - 1);
        assert_eq!(imported.faults, 1);
        assert!(files(&again) == files(run.dir.root()), "{:?}", names(&again));
        RunDir::open(&again).unwrap();
    }
    let error = import(&out, None, &dir.path().join("which")).unwrap_err().to_string();
    assert!(error.contains("holds 2 runs: one, two") && error.contains("--run"), "{error}");
    let error = import(&out, Some(1), runs[0].dir.root()).unwrap_err().to_string();
    assert!(error.contains("never overwritten"), "{error}");
}

#[test]
fn what_does_not_fit_is_refused_and_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let (run, out) = (run_of(&dir.path().join("run"), 4), dir.path().join("set"));
    export(&out, vec![run.source()], 1000).unwrap();
    let before = files(&out);
    let mut wide = Run::create(&dir.path().join("wide"), 9);
    wide.attempt();
    let mut finer = wide.source();
    finer.candidates = "9 x 2.5 mm".to_string();
    let other = run_of(&dir.path().join("other"), 4);
    for (runs, expected) in [
        (vec![run.source(), wide.source()], "the size of images in pixels is 8 x 6"),
        (vec![run.source(), finer], "the set of candidates is 7 x 2.5 mm"),
        (vec![wide.source()], "has only 1 of its attempts"),
        (vec![], "it holds run; name all of them"),
    ] {
        let error = export(&out, runs, 1000).unwrap_err().to_string();
        assert!(error.contains(expected) && error.contains("export"), "{error}");
        assert!(files(&out) == before, "{expected}");
    }
    // The same log is the same run, wherever it lies.
    export(&out, vec![other.source()], 1000).unwrap();
    fs::remove_file(run.dir.path("images/00003-start.png")).unwrap();
    let error = export(&dir.path().join("torn"), vec![run.source()], 1000).unwrap_err();
    assert!(error.to_string().contains("00003-start.png"), "{error}");
}

#[test]
fn a_run_without_a_completed_trial_is_no_dataset_yet() {
    let dir = tempfile::tempdir().unwrap();
    let mut run = Run::create(&dir.path().join("run"), 8);
    let out = dir.path().join("set");
    let mut export = Export::open(&out, vec![run.source()], 1).unwrap();
    assert!(!export.advance().unwrap());
    assert!(!out.exists());
    run.attempt();
    assert!(export.advance().unwrap());
    assert!(out.join("meta/info.json").is_file());
}

/// A license is chosen by a person, and not undone by the next export.
#[test]
fn an_edited_card_is_kept() {
    let dir = tempfile::tempdir().unwrap();
    let (mut run, out) = (run_of(&dir.path().join("run"), 1), dir.path().join("set"));
    export(&out, vec![run.source()], 1000).unwrap();
    let card = || fs::read_to_string(out.join("README.md")).unwrap();
    assert!(card().contains("| 1 | 1 | 0 | 0 |"), "{}", card());
    run.attempt();
    run.attempt();
    export(&out, vec![run.source()], 1000).unwrap();
    assert!(card().contains("| 2 | 2 | 0 | 1 |"), "{}", card());
    fs::write(out.join("README.md"), "license: mine").unwrap();
    run.attempt();
    export(&out, vec![run.source()], 1000).unwrap();
    assert_eq!(card(), "license: mine");
}

#[test]
fn a_dataset_of_somebody_else_is_refused_with_what_it_lacks() {
    let dir = tempfile::tempdir().unwrap();
    let foreign = dir.path().join("pusht");
    fs::create_dir_all(foreign.join("meta")).unwrap();
    let info =
        r#"{"codebase_version": "v3.0", "features": {"action": {}, "observation.state": {}}}"#;
    fs::write(foreign.join("meta/info.json"), info).unwrap();
    let to = dir.path().join("run");
    let error = import(&foreign, None, &to).unwrap_err().to_string();
    for expected in ["rmrl/export.json", "the feature next.reward", IMAGE] {
        assert!(error.contains(expected), "{error}");
    }
    assert!(!error.contains("feature action"), "{error}");
    // Damaged files are named.
    let run = run_of(&dir.path().join("mine"), 3);
    let out = dir.path().join("set");
    export(&out, vec![run.source()], 1000).unwrap();
    let whole = files(&out);
    for name in ["rmrl/export.json", "rmrl/attempts/chunk-000/file-000.parquet", "meta/info.json"] {
        fs::write(out.join(name), &whole[Path::new(name)][..40]).unwrap();
        let error = import(&out, None, &to).unwrap_err().to_string();
        assert!(error.contains(name) && error.contains("damaged"), "{error}");
        assert!(!to.exists());
        fs::write(out.join(name), &whole[Path::new(name)]).unwrap();
    }
    import(&out, None, &to).unwrap();
}
