//! Runs become a dataset, version by version.

use std::path::{Path, PathBuf};

use rmrl_files::read_regular_file;

use crate::card::{RunOnCard, card};
use crate::error::{LeRobotError, io_error};
use crate::features::Frame;
use crate::metadata::{self, Numbers};
use crate::publish::{Publisher, STATE};
use crate::segment::{Attempt, SegmentFiles};
use crate::source::{RunLog, RunSource};
use crate::state::{ExportedRun, Segment, State, kept_name};

const CARD: &str = "README.md";
/// No card that somebody edited is larger, in bytes.
const LARGEST_CARD_BYTES: u64 = 16 << 20;

/// An export of runs to one dataset. The dataset's folder is locked as long as this value exists.
pub struct Export {
    folder: Publisher,
    logs: Vec<RunLog>,
    state: State,
    /// The attempts of the last segment.
    open: Vec<Attempt>,
    numbers: Numbers,
    /// The task of each run, and the sentences of all tasks.
    tasks: Vec<usize>,
    sentences: Vec<String>,
}

/// What a dataset holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exported {
    /// The episodes: completed trials.
    pub episodes: usize,
    /// The attempts that a fault cut short.
    pub faults: usize,
}

impl Export {
    /// By default, a file of attempts takes images of as many bytes.
    pub const SEGMENT_BYTES: u64 = 32 << 20;

    /// Opens a dataset of these runs, or the place for a new one. A dataset that holds the beginning of the runs is
    /// continued. Nothing is written yet.
    ///
    /// A file of images is closed when it has `segment_bytes`; an existing dataset keeps its own size.
    ///
    /// # Errors
    /// The folder holds something else or the trials of other runs, another process writes it, the runs do not fit
    /// together, or a log cannot be read.
    pub fn open(
        out: &Path,
        runs: Vec<RunSource>,
        segment_bytes: u64,
    ) -> Result<Self, LeRobotError> {
        for (first, other) in runs.iter().zip(runs.iter().skip(1)) {
            first.check_fits(other)?;
        }
        let folder = Publisher::open(out)?;
        let state = match folder.exists() {
            true => State::read(folder.root())?,
            false => State::new(segment_bytes),
        };
        let mut sentences: Vec<String> = Vec::new();
        let tasks = runs.iter().map(|run| task_of(run, &mut sentences)).collect();
        let logs = runs.into_iter().map(RunLog::new).collect();
        let mut export = Self {
            folder,
            logs,
            state: State { segments: Vec::new(), runs: Vec::new(), ..state.clone() },
            open: Vec::new(),
            numbers: Numbers::default(),
            tasks,
            sentences,
        };
        export.refresh()?;
        export.continue_from(&state)?;
        Ok(export)
    }

    /// The dataset's folder.
    pub fn root(&self) -> &Path {
        self.folder.root()
    }

    /// What the dataset holds.
    pub fn exported(&self) -> Exported {
        let episodes = self.state.episodes();
        Exported { episodes, faults: self.state.attempts() - episodes }
    }

    /// Adds attempts that the logs have and the dataset has not, as many as one file takes, and publishes the dataset with
    /// them. Returns whether there were any: the dataset is up to date when there were none.
    ///
    /// While no trial is completed nothing is published, because a dataset has at least one frame.
    ///
    /// # Errors
    /// A log or an image is missing or damaged, images have different sizes, or the file system refused. The dataset is as
    /// it was.
    pub fn advance(&mut self) -> Result<bool, LeRobotError> {
        self.refresh()?;
        let mut found = false;
        while let Some((run, at)) = self.next_attempt() {
            if self.is_full() {
                if found {
                    break;
                }
                self.close_segment();
            }
            let attempt = Attempt::read(&self.logs[run], run, at)?;
            self.add(attempt)?;
            found = true;
        }
        if found && self.state.episodes() > 0 {
            self.publish()?;
        }
        Ok(found)
    }

    fn refresh(&mut self) -> Result<(), LeRobotError> {
        self.logs.iter_mut().try_for_each(RunLog::refresh)
    }

    /// The first attempt that the dataset does not hold: its run, and its place in the log.
    fn next_attempt(&self) -> Option<(usize, usize)> {
        (0..self.logs.len())
            .map(|run| (run, self.state.runs[run].attempts))
            .find(|(run, done)| self.logs[*run].records.len() > *done)
    }

    /// Whether the last segment takes no more attempts.
    fn is_full(&self) -> bool {
        let last = self.state.segments.last();
        last.is_some_and(|last| last.bytes >= self.state.segment_bytes && last.episodes > 0)
    }

    fn close_segment(&mut self) {
        for shown in self.open.drain(..).filter_map(|attempt| attempt.shown) {
            self.state.closed_pixels.add(&shown.histogram);
        }
        self.state.segments.push(Segment::default());
    }

    /// Adds an attempt to the last segment.
    fn add(&mut self, attempt: Attempt) -> Result<(), LeRobotError> {
        if let Some(shown) = &attempt.shown {
            let size = (shown.width, shown.height);
            let expected = *self.state.image_px.get_or_insert(size);
            if size != expected {
                let text = |(width, height)| format!("{width} x {height}");
                let (first, other) = (&self.logs[0].source, &self.logs[attempt.run].source);
                let what = "the size of images in pixels";
                return Err(first.mixed(other, what, &text(expected), &text(size)));
            }
        }
        let (run, bytes) = (attempt.run, attempt.bytes());
        if self.state.segments.is_empty() {
            self.state.segments.push(Segment::default());
        }
        self.count(run, self.state.runs[run].attempts);
        self.state.segments.last_mut().expect("it was just made sure").bytes += bytes;
        self.open.push(attempt);
        Ok(())
    }

    /// Counts attempt `at` of a run to the last segment.
    fn count(&mut self, run: usize, at: usize) {
        let (log, episode) = (&self.logs[run], self.state.episodes());
        let record = &log.records[at];
        if !record.is_fault() {
            self.numbers.add(Frame { record, run, episode, task: self.tasks[run] });
        }
        self.state.runs[run].attempts += 1;
        if let Some(last) = self.state.segments.last_mut() {
            last.add(run, log.line(at), !record.is_fault());
        }
    }

    /// Takes over what a dataset holds, after a check that the runs begin with it.
    fn continue_from(&mut self, found: &State) -> Result<(), LeRobotError> {
        let root: PathBuf = self.folder.root().to_path_buf();
        let other = |reason| LeRobotError::OtherRuns { path: root.clone(), reason };
        if found.runs.len() > self.logs.len() {
            let names: Vec<&str> = found.runs.iter().map(|run| run.name.as_str()).collect();
            let reason = format!("it holds {}; name all of them, in this order", names.join(", "));
            return Err(other(reason));
        }
        self.state.runs = self.logs.iter().map(exported_run).collect();
        let mut last = Vec::new();
        for (number, segment) in found.segments.iter().enumerate() {
            self.state.segments.push(Segment { bytes: segment.bytes, ..Segment::default() });
            last.clear();
            for run in segment.runs() {
                let at = self.state.runs[run].attempts;
                if at >= self.logs[run].records.len() {
                    let root = self.logs[run].source.root.display();
                    return Err(other(format!("{root} has only {at} of its attempts")));
                }
                self.count(run, at);
                last.push((run, at));
            }
            if self.state.segments.last() != Some(segment) {
                let reason = format!("the attempts of its file {number} are not in their logs");
                return Err(other(reason));
            }
        }
        for (run, at) in last {
            let attempt = Attempt::read(&self.logs[run], run, at)?;
            let size = attempt.shown.as_ref().map(|shown| (shown.width, shown.height));
            if size.is_some() && size != self.state.image_px {
                return Err(other("its images have another size".to_string()));
            }
            self.open.push(attempt);
        }
        Ok(())
    }

    /// Publishes the dataset as it is in memory.
    fn publish(&mut self) -> Result<(), LeRobotError> {
        let image_px = self.state.image_px.expect("a completed trial has an image");
        let episodes = self.state.episodes();
        let number = self.state.segments.len() - 1;
        let mut files = SegmentFiles {
            number,
            first_episode: episodes - self.state.segments[number].episodes,
            attempts: &self.open,
            tasks: &self.tasks,
            sentences: &self.sentences,
        }
        .make()?;
        let mut pixels = self.state.closed_pixels.clone();
        for shown in self.open.iter().filter_map(|attempt| attempt.shown.as_ref()) {
            pixels.add(&shown.histogram);
        }
        let robot = &self.logs[0].source.robot;
        let info = metadata::info(image_px, robot, episodes, self.sentences.len());
        files.push(("meta/info.json".to_string(), info));
        files.push(("meta/stats.json".to_string(), self.numbers.stats(&pixels)));
        files.push(("meta/tasks.parquet".to_string(), metadata::tasks(&self.sentences)?));
        for (run, log) in self.logs.iter().enumerate() {
            let kept = log.source.kept_files()?;
            self.state.runs[run].files = kept.iter().map(|(name, _)| name.clone()).collect();
            files.extend(kept.into_iter().map(|(name, bytes)| (kept_name(run, &name), bytes)));
        }
        files.extend(self.new_card(image_px)?);
        files.push((STATE.to_string(), self.state.to_json()));
        self.folder.publish(&files)
    }

    /// The dataset card, unless somebody edited the one that is there.
    fn new_card(
        &mut self,
        image_px: (u32, u32),
    ) -> Result<Option<(String, Vec<u8>)>, LeRobotError> {
        let path = self.folder.root().join(CARD);
        if path.exists() {
            let old =
                read_regular_file(&path, LARGEST_CARD_BYTES).map_err(io_error("read", &path))?;
            if crc32c::crc32c(&old) != self.state.card {
                return Ok(None);
            }
        }
        let runs = self.logs.iter().zip(&self.state.runs);
        let runs: Vec<RunOnCard<'_>> = runs
            .map(|(log, exported)| RunOnCard {
                name: exported.name.clone(),
                task: &log.source.task,
                method: &log.source.method,
                records: &log.records[..exported.attempts],
            })
            .collect();
        let text = card(&runs, image_px).into_bytes();
        self.state.card = crc32c::crc32c(&text);
        Ok(Some((CARD.to_string(), text)))
    }
}

/// The number of a run's task among the sentences so far.
fn task_of(run: &RunSource, sentences: &mut Vec<String>) -> usize {
    let known = sentences.iter().position(|sentence| *sentence == run.task);
    known.unwrap_or_else(|| {
        sentences.push(run.task.clone());
        sentences.len() - 1
    })
}

fn exported_run(log: &RunLog) -> ExportedRun {
    let (name, world) = (log.source.name(), log.source.world.clone());
    ExportedRun { name, files: Vec::new(), world, attempts: 0 }
}
