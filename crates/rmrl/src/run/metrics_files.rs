//! The metrics of a run while it is made: `metrics.csv` and the event file of TensorBoard.

use std::fs::File;
use std::io::Write;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Context;
use rmrl_data::{EventWriter, MetricsAccumulator, MetricsRow, RunDir, TrialRecord, to_csv};
use rmrl_files::open_to_append;

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
    progress: &'a mut dyn Progress,
}

impl<'a> MetricsFiles<'a> {
    /// Writes the metrics of `records` again, and is ready for more. `smoothing` is the factor of the moving
    /// average.
    ///
    /// # Errors
    /// A file cannot be written.
    pub(crate) fn new(
        dir: &RunDir,
        records: &[TrialRecord],
        smoothing: f64,
        progress: &'a mut dyn Progress,
    ) -> anyhow::Result<Self> {
        let mut metrics = MetricsAccumulator::new(smoothing);
        let rows: Vec<MetricsRow> =
            records.iter().filter_map(|record| metrics.add(record)).collect();
        dir.write(CSV, to_csv(&rows).as_bytes())?;
        let csv = open_to_append(&dir.path(CSV))
            .with_context(|| format!("cannot write {}", dir.path(CSV).display()))?;
        let events = dir.path(EVENTS);
        let mut events = EventWriter::create(&events, now_secs())
            .with_context(|| format!("cannot write {}", events.display()))?;
        for row in &rows {
            events.scalars(now_secs(), i64::from(row.trial), &row.scalars())?;
            progress.read_again(row);
        }
        events.flush()?;
        Ok(Self { csv, events, metrics, progress })
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
        self.events.scalars(now_secs(), i64::from(row.trial), &row.scalars())?;
        self.events.flush()?;
        self.progress.completed(&row);
        Ok(())
    }
}

fn now_secs() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |elapsed| elapsed.as_secs_f64())
}
