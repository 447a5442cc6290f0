//! Checkpoints of a run: written whole, bound to the log they were made from.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use rmrl_data::RunDir;
use rmrl_files::read_regular_file;
use rmrl_learn::{CheckpointError, Learner, Metadata, Policy, read_metadata};

/// The folder of the checkpoints.
const FOLDER: &str = "checkpoints";
/// How many are kept: should the disk have lost the last one, the one before it still helps.
const KEPT: usize = 2;
/// The frozen encoder of a run, which its checkpoints leave out.
const ENCODER: &str = "encoder.safetensors";
/// The note that binds a checkpoint to its log: a digest of each line.
const LOG: &str = "log";
/// No checkpoint is larger, in bytes.
const MOST_BYTES: u64 = 16 << 30;

/// Writes a checkpoint of `learner`, made from the log lines with these digests; and once what checkpoints leave out.
pub(crate) fn save(dir: &RunDir, learner: &Learner, log: &[u32]) -> anyhow::Result<()> {
    if !dir.path(ENCODER).exists()
        && let Some(encoder) = learner.policy.frozen_encoder_to_safetensors()
    {
        dir.write(ENCODER, &encoder)?;
    }
    std::fs::create_dir_all(dir.path(FOLDER))?;
    let notes = Metadata::from([(LOG.to_string(), serde_json::to_value(log)?)]);
    let name = format!("{FOLDER}/trial-{:06}.safetensors", learner.trials());
    dir.write(&name, &learner.to_checkpoint(&notes))?;
    let existing = list(dir)?;
    for old in existing.iter().rev().skip(KEPT) {
        std::fs::remove_file(old).with_context(|| format!("cannot remove {}", old.display()))?;
    }
    Ok(())
}

/// Whether a run has checkpoints.
pub(crate) fn exist(dir: &RunDir) -> anyhow::Result<bool> {
    Ok(!list(dir)?.is_empty())
}

/// The learner of the latest checkpoint that can be read, or a new one, which learns all of the log
/// again. `log` are the digests of the log's lines; `policy` makes the policy as it was when the run
/// began.
///
/// # Errors
/// A checkpoint does not belong to the log or the configuration.
pub(crate) fn load(
    dir: &RunDir,
    mut policy: impl FnMut() -> anyhow::Result<Policy>,
    seed: u64,
    log: &[u32],
) -> anyhow::Result<Learner> {
    for path in list(dir)?.iter().rev() {
        let bytes = read_regular_file(path, MOST_BYTES)
            .with_context(|| format!("cannot read {}", path.display()))?;
        let mut notes = match read_metadata(path, &bytes) {
            Ok(notes) => notes,
            Err(error) => {
                pass_over(path, &error);
                continue;
            }
        };
        let bound: Vec<u32> = notes
            .remove(LOG)
            .and_then(|note| serde_json::from_value(note).ok())
            .with_context(|| format!("{} does not say which log it belongs to", path.display()))?;
        check_log(&dir.path(RunDir::TRIALS), path, &bound, log)?;
        match Learner::from_checkpoint(policy()?, path, &bytes) {
            Ok(learner) => return Ok(learner),
            Err(error @ CheckpointError::OtherConfiguration { .. }) => return Err(error.into()),
            Err(error) => pass_over(path, &error),
        }
    }
    Ok(Learner::new(policy()?, seed))
}

/// A checkpoint only saves time: what it holds can be learned from the log again.
fn pass_over(path: &Path, error: &CheckpointError) {
    tracing::warn!("{} is skipped because it is damaged: {error}", path.display());
}

/// Checks that a checkpoint was made from the log as it is.
fn check_log(trials: &Path, checkpoint: &Path, bound: &[u32], log: &[u32]) -> anyhow::Result<()> {
    if log.len() < bound.len() {
        bail!(
            "{} was made after line {} of {}, which now ends with line {}; restore the log, or remove the checkpoint to learn from the log alone",
            checkpoint.display(),
            bound.len(),
            trials.display(),
            log.len(),
        );
    }
    if let Some(line) = bound.iter().zip(log).position(|(bound, found)| bound != found) {
        bail!(
            "line {} of {} is not the one that {} was made from; restore the log, or remove the checkpoint to learn from the log as it is",
            line + 1,
            trials.display(),
            checkpoint.display(),
        );
    }
    Ok(())
}

/// The checkpoints of a run, oldest first.
fn list(dir: &RunDir) -> anyhow::Result<Vec<PathBuf>> {
    let folder = dir.path(FOLDER);
    if !folder.exists() {
        return Ok(Vec::new());
    }
    let mut paths = Vec::new();
    for entry in
        std::fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))?
    {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "safetensors") {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}
