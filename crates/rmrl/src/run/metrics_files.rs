//! The metrics of a run while it is made: `metrics.csv` and the event file of TensorBoard.

use std::fs::File;
use std::io::Write;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Context;
use image::RgbImage;
use rmrl_data::{EventWriter, MetricsAccumulator, MetricsRow, RunDir, TrialRecord, to_csv};
use rmrl_files::open_to_append;
use rmrl_vision::CameraModel;

use crate::config::RunConfig;
use crate::run::event_images::{EventImages, hyperparameters};

const CSV: &str = "metrics.csv";
const EVENTS: &str = "events.out.tfevents.rmrl";

/// Hears of every trial once it is kept.
pub trait Progress {
    /// A trial was completed.
    fn completed(&mut self, row: &MetricsRow);

    /// A trial of an earlier start was read again.
    fn read_again(&mut self, row: &MetricsRow) {
        self.completed(row);
    }
}

impl Progress for () {
    fn completed(&mut self, _: &MetricsRow) {}
}

/// Writes a row for each completed trial.
pub(crate) struct MetricsFiles<'a> {
    csv: File,
    events: EventWriter,
    metrics: MetricsAccumulator,
    images: EventImages,
    progress: &'a mut dyn Progress,
}

impl<'a> MetricsFiles<'a> {
    /// Writes the metrics of `records` again, and is ready for more. The cell's camera is `camera`.
    ///
    /// # Errors
    /// A file cannot be written.
    pub(crate) fn new(
        dir: &RunDir,
        records: &[TrialRecord],
        (config, camera): (&RunConfig, CameraModel),
        progress: &'a mut dyn Progress,
    ) -> anyhow::Result<Self> {
        let mut metrics = MetricsAccumulator::new(config.metrics.smoothing);
        let rows: Vec<(MetricsRow, &TrialRecord)> =
            records.iter().filter_map(|record| Some((metrics.add(record)?, record))).collect();
        let images = EventImages::of(config, camera, dir.root().to_path_buf());
        let only: Vec<MetricsRow> = rows.iter().map(|(row, _)| *row).collect();
        dir.write(CSV, to_csv(&only).as_bytes())?;
        let csv = open_to_append(&dir.path(CSV))
            .with_context(|| format!("cannot write {}", dir.path(CSV).display()))?;
        let events = dir.path(EVENTS);
        let mut events = EventWriter::create(&events, now_secs())
            .with_context(|| format!("cannot write {}", events.display()))?;
        events.session_begins(now_secs(), &hyperparameters(config), &MetricsRow::COMPARED)?;
        for (row, record) in &rows {
            write_events(&mut events, row, &images.of_trial(record))?;
            progress.read_again(row);
        }
        events.flush()?;
        Ok(Self { csv, events, metrics, images, progress })
    }

    /// Writes the row of a record that follows; none for a fault.
    ///
    /// # Errors
    /// A file cannot be written.
    pub(crate) fn write(&mut self, record: &TrialRecord) -> anyhow::Result<()> {
        let Some(row) = self.metrics.add(record) else {
            return Ok(());
        };
        self.csv.write_all(row.to_csv_line().as_bytes())?;
        write_events(&mut self.events, &row, &self.images.of_trial(record))?;
        self.events.flush()?;
        self.progress.completed(&row);
        Ok(())
    }

    /// Ends the event file: the run has ended, or this sitting of it.
    ///
    /// # Errors
    /// The file cannot be written.
    pub(crate) fn finish(mut self) -> anyhow::Result<()> {
        self.events.session_ends(now_secs())?;
        Ok(self.events.flush()?)
    }
}

fn write_events(
    events: &mut EventWriter,
    row: &MetricsRow,
    images: &[(&str, RgbImage)],
) -> std::io::Result<()> {
    let step = i64::from(row.trial);
    events.scalars(now_secs(), step, &row.scalars())?;
    images.iter().try_for_each(|(tag, image)| events.image(now_secs(), step, tag, image))
}

fn now_secs() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |elapsed| elapsed.as_secs_f64())
}
