//! A dataset becomes run directories again.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use parquet::record::{Field, Row};
use rmrl_data::RunDir;
use rmrl_files::{create_file, read_regular_file, read_utf8_file, sync_folder};
use serde_json::Value;

use crate::error::{LeRobotError, io_error};
use crate::features::{FEATURES, IMAGE};
use crate::publish::STATE;
use crate::segment::ATTEMPT_IMAGES;
use crate::source::is_inside;
use crate::state::{ATTEMPTS, ExportedRun, State, kept_name, numbered_file};
use crate::table::{ImageFile, rows};

const INFO: &str = "meta/info.json";
/// No description of a dataset is larger, in bytes.
const LARGEST_INFO_BYTES: u64 = 16 << 20;
/// No Parquet file of ours is larger, in bytes.
const LARGEST_TABLE_BYTES: u64 = 4 << 30;
/// No file that is kept of a run is larger, in bytes.
const LARGEST_FILE_BYTES: u64 = 64 << 20;

/// What an import has made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Imported {
    /// The name that the run had.
    pub name: String,
    /// The completed trials.
    pub episodes: usize,
    /// The attempts that a fault cut short.
    pub faults: usize,
}

/// Makes a run directory of a dataset that [`crate::Export`] wrote: configuration, target, log, images and simulated world, each
/// with the bytes that it had. Everything else of a run can be made from these. `run` chooses one of several runs, counted
/// from 1.
///
/// The directory appears whole or not at all.
///
/// # Errors
/// `dataset` is no such dataset or damaged, it holds several runs and none is chosen, or `to` exists and is not empty.
pub fn import(dataset: &Path, run: Option<usize>, to: &Path) -> Result<Imported, LeRobotError> {
    check_features(dataset)?;
    let state = State::read(dataset)?;
    let run = chosen(dataset, &state, run)?;
    let exported = &state.runs[run];
    let config = kept(dataset, run, RunDir::CONFIG)?;
    let config = String::from_utf8(config).map_err(|error| LeRobotError::Damaged {
        path: dataset.join(kept_name(run, RunDir::CONFIG)),
        reason: error.to_string(),
    })?;
    let partial = partial_of(to)?;
    match fs::remove_dir_all(&partial) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(io_error("remove", &partial)(error));
        }
        _ => {}
    }
    let dir = RunDir::create(&partial, &config)?;
    let made = fill(&dir, dataset, &state, run);
    drop(dir);
    let made = made.and_then(|made| {
        fs::rename(&partial, to).map_err(io_error("create", to))?;
        Ok(made)
    });
    if made.is_err() {
        let _ = fs::remove_dir_all(&partial);
    }
    let (episodes, faults) = made?;
    Ok(Imported { name: exported.name.clone(), episodes, faults })
}

/// Where the run is made until it is whole.
fn partial_of(to: &Path) -> Result<PathBuf, LeRobotError> {
    let to: PathBuf = to.components().collect();
    let is_empty = fs::read_dir(&to).is_ok_and(|mut entries| entries.next().is_none());
    if fs::symlink_metadata(&to).is_ok() && !is_empty {
        return Err(rmrl_data::RunDirError::Exists { path: to }.into());
    }
    let name = to.file_name().unwrap_or_default().to_string_lossy();
    Ok(to.with_file_name(format!(".{name}.import")))
}

/// The number from 0 of the run that was asked for.
fn chosen(dataset: &Path, state: &State, run: Option<usize>) -> Result<usize, LeRobotError> {
    let names: Vec<String> = state.runs.iter().map(|run| run.name.clone()).collect();
    match (run, names.len()) {
        (None, 1) => Ok(0),
        (Some(run), count) if (1..=count).contains(&run) => Ok(run - 1),
        _ => Err(LeRobotError::SeveralRuns { path: dataset.to_path_buf(), names }),
    }
}

/// A dataset has what we need.
///
/// # Errors
/// It lacks it, by name, or it is no LeRobot dataset.
fn check_features(dataset: &Path) -> Result<(), LeRobotError> {
    let path = dataset.join(INFO);
    let text = read_utf8_file(&path, LARGEST_INFO_BYTES).map_err(io_error("read", &path))?;
    let damaged = |reason: String| LeRobotError::Damaged { path: path.clone(), reason };
    let info: Value = serde_json::from_str(&text).map_err(|error| damaged(error.to_string()))?;
    let Some(features) = info["features"].as_object() else {
        return Err(damaged("it describes no features".to_string()));
    };
    let expected = FEATURES.iter().map(|feature| feature.key).chain([IMAGE]);
    let mut missing: Vec<String> = expected
        .filter(|key| !features.contains_key(*key))
        .map(|key| format!("the feature {key}"))
        .collect();
    if !dataset.join(STATE).is_file() {
        missing.insert(0, format!("the file {STATE}"));
    }
    match missing.is_empty() {
        true => Ok(()),
        false => {
            let (path, missing) = (dataset.to_path_buf(), missing.join(", "));
            Err(LeRobotError::Foreign { path, missing })
        }
    }
}

/// A file that was kept of a run.
fn kept(dataset: &Path, run: usize, name: &str) -> Result<Vec<u8>, LeRobotError> {
    let path = dataset.join(kept_name(run, name));
    read_regular_file(&path, LARGEST_FILE_BYTES).map_err(io_error("read", &path))
}

/// Writes the files of a run. Returns its completed trials and its faults.
fn fill(
    dir: &RunDir,
    dataset: &Path,
    state: &State,
    run: usize,
) -> Result<(usize, usize), LeRobotError> {
    let ExportedRun { files, world, .. } = &state.runs[run];
    for name in files.iter().filter(|name| *name != RunDir::CONFIG) {
        check_name(dataset, name)?;
        dir.write(name, &kept(dataset, run, name)?)?;
    }
    check_name(dataset, world)?;
    let (mut log, mut worlds) = (String::new(), String::new());
    let (mut episodes, mut faults) = (0, 0);
    for (number, segment) in state.segments.iter().enumerate() {
        if !segment.spans.iter().any(|(of, _)| *of == run) {
            continue;
        }
        let path = dataset.join(numbered_file(ATTEMPTS, number));
        let mut starts = match segment.episodes {
            0 => Vec::new(),
            _ => read_rows(&dataset.join(numbered_file("data", number)))?,
        }
        .into_iter();
        for row in read_rows(&path)? {
            let attempt = ReadAttempt { row, path: &path };
            let is_episode = attempt.integer("episode_index")? >= 0;
            let start = match is_episode {
                true => attempt.start(starts.next())?,
                false => attempt.image(ATTEMPT_IMAGES[0])?,
            };
            if attempt.integer("run")? != run as i64 {
                continue;
            }
            let others = ATTEMPT_IMAGES[1..].iter().map(|name| attempt.image(name));
            let others = others.collect::<Result<Vec<_>, _>>()?;
            for image in start.into_iter().chain(others.into_iter().flatten()) {
                check_name(&path, &image.name)?;
                write_image(dir, &image)?;
            }
            log += &attempt.text("line")?.unwrap_or_default();
            log.push('\n');
            if let Some(lines) = attempt.text("world_lines")? {
                worlds += &lines;
                worlds.push('\n');
            }
            episodes += usize::from(is_episode);
            faults += usize::from(!is_episode);
        }
    }
    let images = dir.path(RunDir::IMAGES);
    sync_folder(&images).map_err(io_error("sync", &images))?;
    if !worlds.is_empty() {
        dir.write(world, worlds.as_bytes())?;
    }
    dir.write(RunDir::TRIALS, log.as_bytes())?;
    Ok((episodes, faults))
}

/// A name from a dataset stays in the run directory.
fn check_name(path: &Path, name: &str) -> Result<(), LeRobotError> {
    match is_inside(Path::new(name)) && !name.is_empty() {
        true => Ok(()),
        false => Err(LeRobotError::Damaged {
            path: path.to_path_buf(),
            reason: format!("it names the file {name:?}, expected one inside of the run"),
        }),
    }
}

fn write_image(dir: &RunDir, image: &ImageFile) -> Result<(), LeRobotError> {
    let path = dir.path(&image.name);
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(io_error("create", folder))?;
    }
    let mut file = create_file(&path).map_err(io_error("create", &path))?;
    let written = file.write_all(&image.bytes).and_then(|()| file.sync_data());
    written.map_err(io_error("write", &path))
}

fn read_rows(path: &Path) -> Result<Vec<Row>, LeRobotError> {
    let bytes = read_regular_file(path, LARGEST_TABLE_BYTES).map_err(io_error("read", path))?;
    rows(bytes).map_err(|error| LeRobotError::Damaged {
        path: path.to_path_buf(),
        reason: error.to_string(),
    })
}

/// An attempt as a row of its table.
struct ReadAttempt<'a> {
    row: Row,
    path: &'a Path,
}

impl ReadAttempt<'_> {
    fn damaged(&self, name: &str, expected: &str) -> LeRobotError {
        let reason = format!("an attempt has no {name}, expected {expected}");
        LeRobotError::Damaged { path: self.path.to_path_buf(), reason }
    }

    fn integer(&self, name: &str) -> Result<i64, LeRobotError> {
        match field(&self.row, name) {
            Some(Field::Long(value)) => Ok(*value),
            _ => Err(self.damaged(name, "a number")),
        }
    }

    fn text(&self, name: &str) -> Result<Option<String>, LeRobotError> {
        match field(&self.row, name) {
            Some(Field::Str(text)) => Ok(Some(text.clone())),
            Some(Field::Null) => Ok(None),
            _ => Err(self.damaged(name, "a text")),
        }
    }

    fn image(&self, name: &str) -> Result<Option<ImageFile>, LeRobotError> {
        self.image_in(&self.row, name)
    }

    /// The image of the start, which the frame of the episode has.
    fn start(&self, frame: Option<Row>) -> Result<Option<ImageFile>, LeRobotError> {
        let frame = frame.ok_or_else(|| self.damaged("frame", "one in the data of its episode"))?;
        if field(&frame, "episode_index") != field(&self.row, "episode_index") {
            return Err(self.damaged("frame", "one with its episode_index"));
        }
        self.image_in(&frame, IMAGE)
    }

    fn image_in(&self, row: &Row, name: &str) -> Result<Option<ImageFile>, LeRobotError> {
        let expected = "an image file with its path";
        let image = match field(row, name) {
            Some(Field::Null) => return Ok(None),
            Some(Field::Group(image)) => image,
            _ => return Err(self.damaged(name, expected)),
        };
        match (field(image, "path"), field(image, "bytes")) {
            (Some(Field::Str(name)), Some(Field::Bytes(bytes))) => {
                Ok(Some(ImageFile { name: name.clone(), bytes: bytes.data().to_vec() }))
            }
            _ => Err(self.damaged(name, expected)),
        }
    }
}

fn field<'a>(row: &'a Row, name: &str) -> Option<&'a Field> {
    row.get_column_iter().find(|(found, _)| *found == name).map(|(_, value)| value)
}
