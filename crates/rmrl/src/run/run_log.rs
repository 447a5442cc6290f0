//! The log of a run, read again.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use anyhow::{Context, bail};
use image::RgbImage;
use rmrl_core::Trial;
use rmrl_data::{RunDir, SCHEMA, TrialRecord, Written};
use rmrl_files::open_regular_file;
use rmrl_learn::TrialPlan;
use rmrl_vision::read_color_image;
use serde::Deserialize;

use crate::config::RunConfig;

/// No first line of a log that this program wrote is longer, in bytes.
const LONGEST_LINE_BYTES: u64 = 1 << 20;

/// The records of a run's log, without changing it.
///
/// # Errors
/// The log cannot be read or is damaged.
pub fn read_records(root: &Path) -> anyhow::Result<Vec<TrialRecord>> {
    let path = root.join(RunDir::TRIALS);
    if !path.exists() {
        return Ok(Vec::new());
    }
    Ok(read_log(&path)?.into_entries())
}

/// Reads a log. Warns of fields under earlier names, which are still read, and of lines whose changes cannot be
/// recognized.
///
/// # Errors
/// The log cannot be read, is damaged, or was written by a later version.
pub(crate) fn read_log(path: &Path) -> anyhow::Result<Written<TrialRecord>> {
    let mut first = String::new();
    let file = open_regular_file(path, u64::MAX)
        .with_context(|| format!("cannot read {}", path.display()))?;
    BufReader::new(file.take(LONGEST_LINE_BYTES)).read_line(&mut first)?;
    let schema = serde_json::from_str::<SchemaOfLine>(&first).map_or(0, |line| line.schema);
    if schema > SCHEMA {
        bail!(
            "{} was written by a later version: its lines are of version {schema}, this program reads up to {SCHEMA}; \
             update rmrl",
            path.display()
        );
    }
    let written = Written::read(path)?;
    if first.contains("\"whereabouts\":") {
        tracing::warn!(
            "{} has an earlier name, which is still read: whereabouts (now plate_location)",
            path.display()
        );
    }
    if written.lacks_digests() {
        tracing::warn!(
            "{} was written by an earlier version, without digests: changes of its lines are not noticed",
            path.display()
        );
    }
    Ok(written)
}

/// What all versions of a line have in common.
#[derive(Deserialize)]
struct SchemaOfLine {
    #[serde(default)]
    schema: u32,
}

/// The plan of a run after these attempts.
pub(crate) fn plan_after<'a>(
    config: &RunConfig,
    records: impl IntoIterator<Item = &'a TrialRecord>,
) -> TrialPlan {
    let mut plan = config.trial_plan();
    for record in records.into_iter().filter(|record| !record.is_fault()) {
        plan.note(record.id(), record.e_trans_m);
    }
    plan
}

/// The completed trials after number `after`, with the images of their starts.
///
/// # Errors
/// A record is incomplete, or its image cannot be read.
pub fn trials_in(root: &Path, records: &[TrialRecord], after: u32) -> anyhow::Result<Vec<Trial>> {
    read_trials(root, records, after).collect()
}

/// The completed trials after number `after`. Each is read with the image of its start when it is needed.
pub(crate) fn read_trials(
    root: &Path,
    records: &[TrialRecord],
    after: u32,
) -> impl Iterator<Item = anyhow::Result<Trial>> + use<> {
    let is_left = |record: &&TrialRecord| !record.is_fault() && record.trial > after;
    let records: Vec<TrialRecord> = records.iter().filter(is_left).cloned().collect();
    let root = root.to_path_buf();
    records.into_iter().filter_map(move |record| read_trial(&root, &record).transpose())
}

/// A completed trial with the image of its start; `None` for a fault.
fn read_trial(root: &Path, record: &TrialRecord) -> anyhow::Result<Option<Trial>> {
    let name = record.images.start.as_ref().with_context(|| {
        format!("trial {} of {} has no image to learn from", record.trial, root.display())
    })?;
    Ok(record.to_trial(read_color_image(&root.join(name))?)?)
}

/// The completed trials, where their images are not needed: these are empty.
///
/// # Errors
/// A record is incomplete.
pub(crate) fn trials_without_images(records: &[TrialRecord]) -> anyhow::Result<Vec<Trial>> {
    let trials =
        records.iter().filter_map(|record| record.to_trial(RgbImage::default()).transpose());
    Ok(trials.collect::<Result<_, _>>()?)
}
