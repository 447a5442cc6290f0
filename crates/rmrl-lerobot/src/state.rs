//! What was exported, in the file `rmrl/export.json` of a dataset: an export continues from it, and an import reads it.

use std::path::Path;

use rmrl_files::read_regular_file;
use serde::{Deserialize, Serialize};

use crate::error::{LeRobotError, io_error};
use crate::publish::STATE;
use crate::statistics::Histogram;

/// The version of the file that this program writes and reads.
const FORMAT: u32 = 1;
/// No such file is larger, in bytes.
const LARGEST_BYTES: u64 = 256 << 20;

/// What was exported.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct State {
    pub format: u32,
    /// The runs, in the order in which frames name them.
    pub runs: Vec<ExportedRun>,
    /// Width and height of the images, in pixels; `None` before the first one.
    pub image_px: Option<(u32, u32)>,
    /// The files of attempts, in their order.
    pub segments: Vec<Segment>,
    /// The pixels of the images of all segments but the last.
    pub closed_pixels: Histogram,
    /// A segment of as many bytes of images is closed.
    pub segment_bytes: u64,
    /// A digest of the dataset card. A card that was edited is kept.
    pub card: u32,
}

/// A run of a dataset.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExportedRun {
    pub name: String,
    /// The files that were kept beside its log.
    pub files: Vec<String>,
    /// The name of the log of its simulated world.
    pub world: String,
    /// How many attempts were exported.
    pub attempts: usize,
}

/// Attempts in one file.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Segment {
    /// Runs, by their number from 0, with how many attempts of each follow each other.
    pub spans: Vec<(usize, usize)>,
    /// The CRC-32C of the lines of the log.
    pub digest: u32,
    /// The completed trials.
    pub episodes: usize,
    /// The bytes of all images.
    pub bytes: u64,
}

impl Segment {
    /// Adds an attempt with this line in its run's log.
    pub(crate) fn add(&mut self, run: usize, line: &str, is_episode: bool) {
        match self.spans.last_mut() {
            Some((last, attempts)) if *last == run => *attempts += 1,
            _ => self.spans.push((run, 1)),
        }
        self.digest = crc32c::crc32c_append(self.digest, line.as_bytes());
        self.episodes += usize::from(is_episode);
    }

    /// The runs of its attempts, one after the other.
    pub(crate) fn runs(&self) -> impl Iterator<Item = usize> {
        self.spans.iter().flat_map(|(run, attempts)| std::iter::repeat_n(*run, *attempts))
    }
}

impl State {
    /// Of a new dataset.
    pub(crate) fn new(segment_bytes: u64) -> Self {
        Self {
            format: FORMAT,
            runs: Vec::new(),
            image_px: None,
            segments: Vec::new(),
            closed_pixels: Histogram::default(),
            segment_bytes,
            card: 0,
        }
    }

    /// Reads the state of a dataset.
    ///
    /// # Errors
    /// It cannot be read, is damaged, or is of a later version.
    pub(crate) fn read(dataset: &Path) -> Result<Self, LeRobotError> {
        let path = dataset.join(STATE);
        let bytes = read_regular_file(&path, LARGEST_BYTES).map_err(io_error("read", &path))?;
        let damaged = |reason| LeRobotError::Damaged { path: path.clone(), reason };
        let state: Self =
            serde_json::from_slice(&bytes).map_err(|error| damaged(error.to_string()))?;
        if state.format != FORMAT {
            let reason = format!("it is of format {}, this program reads {FORMAT}", state.format);
            return Err(damaged(reason));
        }
        let spans = state.segments.iter().flat_map(|segment| &segment.spans);
        match spans.map(|(run, _)| *run).find(|run| *run >= state.runs.len()) {
            Some(run) => Err(damaged(format!("it has no run of number {run}"))),
            None => Ok(state),
        }
    }

    pub(crate) fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("it is made of JSON's types")
    }

    /// The completed trials of all segments.
    pub(crate) fn episodes(&self) -> usize {
        self.segments.iter().map(|segment| segment.episodes).sum()
    }

    /// The attempts of all runs.
    pub(crate) fn attempts(&self) -> usize {
        self.runs.iter().map(|run| run.attempts).sum()
    }
}

/// The path of a Parquet file in `folder`, by its number, as LeRobot counts them.
pub(crate) fn numbered_file(folder: &str, number: usize) -> String {
    let (chunk, file) = chunk_and_file(number);
    format!("{folder}/chunk-{chunk:03}/file-{file:03}.parquet")
}

/// How many files are in a folder of LeRobot.
pub(crate) const CHUNK_FILES: usize = 1000;

/// The numbers of folder and file by which LeRobot finds a file.
pub(crate) fn chunk_and_file(number: usize) -> (usize, usize) {
    (number / CHUNK_FILES, number % CHUNK_FILES)
}

/// The folder of the attempts.
pub(crate) const ATTEMPTS: &str = "rmrl/attempts";

/// The name of a file that is kept of a run.
pub(crate) fn kept_name(run: usize, name: &str) -> String {
    format!("rmrl/runs/{run:03}/{name}")
}
