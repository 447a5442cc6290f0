//! The runs that are exported: their logs and images, read while they may be growing.

use std::fs;
use std::path::{Component, Path, PathBuf};

use rmrl_data::{RunDir, TrialRecord, Written};
use rmrl_files::read_regular_file;

use crate::error::{LeRobotError, io_error};
use crate::table::ImageFile;

/// No image of a run is larger, in bytes.
const LARGEST_IMAGE_BYTES: u64 = 256 << 20;
/// No log is larger, in bytes.
const LARGEST_LOG_BYTES: u64 = 4 << 30;
/// No other file of a run is larger, in bytes.
const LARGEST_FILE_BYTES: u64 = 64 << 20;

/// A run, and what its configuration says of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunSource {
    /// The run directory.
    pub root: PathBuf,
    /// The task as a sentence, which policies that read language are given.
    pub task: String,
    /// The robot: an arm's name.
    pub robot: String,
    /// The method and the seed, for the dataset card.
    pub method: String,
    /// The candidates that actions are counted among, as text. Runs with others do not fit into one dataset.
    pub candidates: String,
    /// The reward function, as text. Runs with another do not fit into one dataset either.
    pub reward: String,
    /// The names of the files of the run that are kept beside its log: its configuration, its target and the like. Those
    /// that the run does not have are left out.
    pub files: Vec<String>,
    /// The name of the log of the simulated world, with one line before the first attempt and one for each. It is left out
    /// where the run has none.
    pub world: String,
}

impl RunSource {
    /// The name of the run: that of its directory.
    pub(crate) fn name(&self) -> String {
        let absolute = std::path::absolute(&self.root).unwrap_or_else(|_| self.root.clone());
        absolute.file_name().map_or_else(|| "run".into(), |name| name.to_string_lossy().into())
    }

    /// Another run fits into the same dataset.
    ///
    /// # Errors
    /// Its actions are counted otherwise, it has another reward, or another robot made it.
    pub(crate) fn check_fits(&self, other: &Self) -> Result<(), LeRobotError> {
        for (what, one, another) in [
            ("the set of candidates", &self.candidates, &other.candidates),
            ("the reward function", &self.reward, &other.reward),
            ("the robot", &self.robot, &other.robot),
        ] {
            if one != another {
                return Err(self.mixed(other, what, one, another));
            }
        }
        Ok(())
    }

    pub(crate) fn mixed(
        &self,
        other: &Self,
        what: &'static str,
        one: &str,
        another: &str,
    ) -> LeRobotError {
        LeRobotError::Mixed {
            first: self.root.clone(),
            second: other.root.clone(),
            what,
            one: one.to_string(),
            other: another.to_string(),
        }
    }

    /// The files to keep beside the log, with their bytes.
    ///
    /// # Errors
    /// One is there and cannot be read.
    pub(crate) fn kept_files(&self) -> Result<Vec<(String, Vec<u8>)>, LeRobotError> {
        let there = self.files.iter().filter(|name| self.root.join(name).is_file());
        let read = |name: &String| {
            let path = self.root.join(name);
            let bytes =
                read_regular_file(&path, LARGEST_FILE_BYTES).map_err(io_error("read", &path))?;
            Ok((name.clone(), bytes))
        };
        there.map(read).collect()
    }
}

/// The log of a run, as far as it was read.
pub(crate) struct RunLog {
    pub source: RunSource,
    pub records: Vec<TrialRecord>,
    /// The text of each line.
    lines: Vec<String>,
    /// The text of the lines of the simulated world; empty for a real one.
    worlds: Vec<String>,
    length: Option<u64>,
}

impl RunLog {
    pub(crate) fn new(source: RunSource) -> Self {
        Self { source, records: Vec::new(), lines: Vec::new(), worlds: Vec::new(), length: None }
    }

    /// Reads what came since the last time.
    ///
    /// # Errors
    /// The log cannot be read or is damaged.
    pub(crate) fn refresh(&mut self) -> Result<(), LeRobotError> {
        let path = self.source.root.join(RunDir::TRIALS);
        // The first trial of a run that has just begun is not written yet.
        let Ok(found) = fs::metadata(&path) else { return Ok(()) };
        if self.length == Some(found.len()) {
            return Ok(());
        }
        // The log first: a world's line is written before its trial's.
        self.records = Written::<TrialRecord>::read(&path)?.into_entries();
        self.lines = lines(&path, self.records.len())?;
        let world = self.source.root.join(&self.source.world);
        if world.is_file() {
            self.worlds = lines(&world, self.records.len() + 1)?;
        }
        self.length = Some(found.len());
        Ok(())
    }

    /// The text of an attempt's line.
    pub(crate) fn line(&self, at: usize) -> &str {
        &self.lines[at]
    }

    /// The lines of the world that belong to an attempt: the one after it and, with the first attempt, the one before it.
    pub(crate) fn world_lines(&self, at: usize) -> Option<String> {
        let from = if at == 0 { 0 } else { at + 1 };
        self.worlds.get(from..at + 2).map(|lines| lines.join("\n"))
    }

    /// An image of the run by its name in the log.
    ///
    /// # Errors
    /// It cannot be read, or lies outside of the run.
    pub(crate) fn image(&self, name: Option<&String>) -> Result<Option<ImageFile>, LeRobotError> {
        let Some(name) = name else { return Ok(None) };
        if !is_inside(Path::new(name)) {
            let reason = format!("the image {name} lies outside of the run; restore the log");
            return Err(LeRobotError::Run { run: self.source.root.clone(), reason });
        }
        let path = self.source.root.join(name);
        let bytes =
            read_regular_file(&path, LARGEST_IMAGE_BYTES).map_err(io_error("read", &path))?;
        Ok(Some(ImageFile { name: name.clone(), bytes }))
    }
}

/// Whether a path stays in the folder that it starts from.
pub(crate) fn is_inside(path: &Path) -> bool {
    path.components().all(|component| matches!(component, Component::Normal(_)))
}

/// The text of the first `count` lines of a file.
fn lines(path: &Path, count: usize) -> Result<Vec<String>, LeRobotError> {
    let bytes = read_regular_file(path, LARGEST_LOG_BYTES).map_err(io_error("read", path))?;
    let text = String::from_utf8(bytes).map_err(|error| LeRobotError::Damaged {
        path: path.to_path_buf(),
        reason: error.to_string(),
    })?;
    Ok(text.lines().take(count).map(str::to_string).collect())
}
