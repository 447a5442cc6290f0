//! The files of a segment: frames and episodes for LeRobot, and attempts with all that a run recorded.

use rmrl_data::TrialRecord;
use serde_json::json;

use crate::error::LeRobotError;
use crate::features::{Cell, FEATURES, Feature, Frame, IMAGE, described_for_datasets};
use crate::source::RunLog;
use crate::state::{ATTEMPTS, chunk_and_file, numbered_file};
use crate::statistics::{Histogram, Statistics, names};
use crate::table::{Column, ImageFile, Table};

/// The columns of images of an attempt, in their order. That of the start is empty where a frame has it.
pub(crate) const ATTEMPT_IMAGES: [&str; 4] = ["start", "start_depth", "final", "final_depth"];

/// An attempt with its images.
#[derive(Debug, Clone)]
pub(crate) struct Attempt {
    pub run: usize,
    pub record: TrialRecord,
    pub line: String,
    pub world_lines: Option<String>,
    /// As [`ATTEMPT_IMAGES`] names them.
    pub images: [Option<ImageFile>; 4],
    /// The pixels of the image of the start.
    pub shown: Option<Shown>,
}

/// What the image of a start shows.
#[derive(Debug, Clone)]
pub(crate) struct Shown {
    pub width: u32,
    pub height: u32,
    pub histogram: Histogram,
}

impl Attempt {
    /// Reads attempt `at` of a run's log.
    ///
    /// # Errors
    /// An image is missing or damaged.
    pub(crate) fn read(log: &RunLog, run: usize, at: usize) -> Result<Self, LeRobotError> {
        let record = log.records[at].clone();
        let names = &record.images;
        let [start, start_depth, end, end_depth] =
            [&names.start, &names.start_depth, &names.end, &names.end_depth]
                .map(|name| log.image(name.as_ref()));
        let images = [start?, start_depth?, end?, end_depth?];
        let shown = match (&images[0], record.is_fault()) {
            (_, true) => None,
            (Some(image), false) => Some(Shown::decode(log, image)?),
            (None, false) => {
                let reason = format!(
                    "trial {} has no image of its start, which every frame of a dataset has; export runs that keep images",
                    record.trial
                );
                return Err(LeRobotError::Run { run: log.source.root.clone(), reason });
            }
        };
        let (line, world_lines) = (log.line(at).to_string(), log.world_lines(at));
        Ok(Self { run, record, line, world_lines, images, shown })
    }

    /// Whether it is an episode: a completed trial.
    pub(crate) fn is_episode(&self) -> bool {
        !self.record.is_fault()
    }

    /// The bytes of its images.
    pub(crate) fn bytes(&self) -> u64 {
        self.images.iter().flatten().map(|image| image.bytes.len() as u64).sum()
    }
}

impl Shown {
    fn decode(log: &RunLog, image: &ImageFile) -> Result<Self, LeRobotError> {
        let decoded = image::load_from_memory(&image.bytes).map_err(|error| {
            let (path, reason) = (log.source.root.join(&image.name), error.to_string());
            LeRobotError::Damaged { path, reason }
        })?;
        let pixels = decoded.to_rgb8();
        let (width, height) = pixels.dimensions();
        Ok(Self { width, height, histogram: Histogram::of(pixels.as_raw()) })
    }
}

/// The attempts of one file, and where they are in the dataset.
pub(crate) struct SegmentFiles<'a> {
    /// The number of the segment.
    pub number: usize,
    /// The first of its episodes.
    pub first_episode: usize,
    pub attempts: &'a [Attempt],
    /// The task of each run.
    pub tasks: &'a [usize],
    /// The sentences of all tasks.
    pub sentences: &'a [String],
}

impl<'a> SegmentFiles<'a> {
    /// The files, by their names in the dataset. Without a completed trial there are only attempts.
    ///
    /// # Errors
    /// The tables could not be written.
    pub(crate) fn make(&self) -> Result<Vec<(String, Vec<u8>)>, LeRobotError> {
        let mut files =
            vec![(numbered_file(ATTEMPTS, self.number), self.attempt_table().to_parquet()?)];
        if self.episodes().next().is_some() {
            files.push((numbered_file("data", self.number), self.frame_table().to_parquet()?));
            let episodes = numbered_file("meta/episodes", self.number);
            files.push((episodes, self.episode_table().to_parquet()?));
        }
        Ok(files)
    }

    /// Its completed trials.
    fn episodes(&self) -> impl Iterator<Item = &'a Attempt> {
        self.attempts.iter().filter(|attempt| attempt.is_episode())
    }

    fn frames(&self) -> impl Iterator<Item = Frame<'a>> {
        self.episodes().zip(self.first_episode..).map(|(attempt, episode)| Frame {
            record: &attempt.record,
            run: attempt.run,
            episode,
            task: self.tasks[attempt.run],
        })
    }

    /// The frames, in the columns that `meta/info.json` describes.
    fn frame_table(&self) -> Table {
        let images = self.episodes().map(|attempt| attempt.images[0].clone()).collect();
        let mut columns = vec![(IMAGE.to_string(), Column::Images(images))];
        columns.extend(FEATURES.iter().map(|feature| {
            let cells = self.frames().map(|frame| (feature.value)(frame));
            (feature.key.to_string(), column(feature, cells))
        }));
        let about = vec![("huggingface".to_string(), described_for_datasets().to_string())];
        Table { columns, metadata: about }
    }

    /// What LeRobot knows of each episode, with its statistics.
    fn episode_table(&self) -> Table {
        let (chunk, file) = chunk_and_file(self.number);
        let count = self.episodes().count();
        let constant = |value: usize| Column::Integers(vec![value as i64; count]);
        let counted =
            |from: usize| Column::Integers((0..count).map(|at| (from + at) as i64).collect());
        let tasks = self.frames().map(|frame| self.sentences[frame.task].clone()).collect();
        let mut columns = vec![
            ("episode_index".to_string(), counted(self.first_episode)),
            ("tasks".to_string(), Column::TextLists(tasks)),
            ("length".to_string(), constant(1)),
            ("data/chunk_index".to_string(), constant(chunk)),
            ("data/file_index".to_string(), constant(file)),
            ("dataset_from_index".to_string(), counted(self.first_episode)),
            ("dataset_to_index".to_string(), counted(self.first_episode + 1)),
        ];
        let images = self.episodes().filter_map(|attempt| attempt.shown.as_ref());
        let images = images.map(|shown| shown.histogram.statistics());
        columns.extend(statistics_columns(IMAGE, 3, 3, images.map(Vec::from).collect()));
        for feature in FEATURES.iter().filter(|feature| !feature.may_be_unknown) {
            let rows: Vec<Vec<Statistics>> = self
                .frames()
                .map(|frame| {
                    let numbers = numbers(&(feature.value)(frame));
                    numbers.into_iter().filter_map(|number| Statistics::of([number])).collect()
                })
                .collect();
            let width = rows.first().map_or(0, Vec::len);
            // Texts have none.
            if width > 0 {
                columns.extend(statistics_columns(feature.key, 1, width, rows));
            }
        }
        columns.push(("meta/episodes/chunk_index".to_string(), constant(chunk)));
        columns.push(("meta/episodes/file_index".to_string(), constant(file)));
        Table { columns, metadata: Vec::new() }
    }

    /// All attempts, with what a frame does not hold.
    fn attempt_table(&self) -> Table {
        let attempts = self.attempts;
        let integers = |value: fn(&Attempt) -> usize| {
            Column::Integers(attempts.iter().map(|attempt| value(attempt) as i64).collect())
        };
        let mut episode = (self.first_episode as i64)..;
        let episodes = attempts.iter().map(|attempt| match attempt.is_episode() {
            true => episode.next().unwrap_or(-1),
            false => -1,
        });
        let mut columns = vec![
            ("run".to_string(), integers(|attempt| attempt.run)),
            ("trial".to_string(), integers(|attempt| attempt.record.trial as usize)),
            ("attempt".to_string(), integers(|attempt| attempt.record.attempt as usize)),
            ("episode_index".to_string(), Column::Integers(episodes.collect())),
            (
                "line".to_string(),
                Column::Texts(attempts.iter().map(|attempt| attempt.line.clone()).collect()),
            ),
            (
                "world_lines".to_string(),
                Column::OptionalTexts(
                    attempts.iter().map(|attempt| attempt.world_lines.clone()).collect(),
                ),
            ),
        ];
        for (at, name) in ATTEMPT_IMAGES.iter().enumerate() {
            let images = attempts.iter().map(|attempt| {
                attempt.images[at].clone().filter(|_| at > 0 || !attempt.is_episode())
            });
            columns.push(((*name).to_string(), Column::Images(images.collect())));
        }
        let value = |dtype: &str| json!({ "dtype": dtype, "_type": "Value" });
        let (integer, text, image) = (value("int64"), value("string"), json!({ "_type": "Image" }));
        let features = json!({
            "run": integer, "trial": integer, "attempt": integer, "episode_index": integer,
            "line": text, "world_lines": text,
            "start": image, "start_depth": image, "final": image, "final_depth": image,
        });
        let about = json!({ "info": { "features": features } }).to_string();
        Table { columns, metadata: vec![("huggingface".to_string(), about)] }
    }
}

/// The values of a feature as a column.
fn column(feature: &Feature, cells: impl Iterator<Item = Cell>) -> Column {
    let (mut floats, mut integers, mut booleans, mut texts) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for cell in cells {
        match cell {
            Cell::Floats(values) => floats.extend(values),
            Cell::Integers(values) => integers.extend(values),
            Cell::Boolean(value) => booleans.push(value),
            Cell::Text(value) => texts.push(value.to_string()),
        }
    }
    match (feature.dtype, feature.names.len()) {
        ("float32", 0 | 1) => Column::Floats(floats),
        ("float32", width) => Column::FloatLists(width, floats),
        ("int64", 0 | 1) => Column::Integers(integers),
        ("int64", width) => Column::IntegerLists(width, integers),
        ("bool", _) => Column::Booleans(booleans),
        _ => Column::Texts(texts),
    }
}

/// The numbers of a value, for statistics; none of a text.
pub(crate) fn numbers(cell: &Cell) -> Vec<f64> {
    match cell {
        Cell::Floats(values) => values.iter().map(|value| f64::from(*value)).collect(),
        Cell::Integers(values) => values.iter().map(|value| *value as f64).collect(),
        Cell::Boolean(value) => vec![f64::from(u8::from(*value))],
        Cell::Text(_) => Vec::new(),
    }
}

/// The columns of a feature's statistics: of each episode the entries of the feature.
fn statistics_columns(
    key: &str,
    depth: usize,
    width: usize,
    episodes: Vec<Vec<Statistics>>,
) -> Vec<(String, Column)> {
    let name = |statistic: &str| format!("stats/{key}/{statistic}");
    let mut columns: Vec<(String, Column)> = names()
        .map(|statistic| {
            let of = |entry: &Statistics| {
                entry.named().find(|(found, _)| *found == statistic).map_or(0.0, |(_, value)| value)
            };
            let values = episodes.iter().flatten().map(of).collect();
            (name(statistic), Column::NestedDoubles { depth, width, values })
        })
        .collect();
    columns.push((name("count"), Column::IntegerLists(1, vec![1; episodes.len()])));
    columns
}
