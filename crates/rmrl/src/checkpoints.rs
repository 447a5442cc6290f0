//! Checkpoints of a run: written whole, bound to the log they were made from.

use std::path::PathBuf;

use anyhow::{Context, bail};
use rmrl_data::RunDir;
use rmrl_learn::{Learner, Notes, Policy, read_notes};

/// The folder of the checkpoints.
const FOLDER: &str = "checkpoints";
/// How many are kept: should the disk have lost the last one, the one before it still helps.
const KEPT: usize = 2;
/// The note that binds a checkpoint to its log: a digest of each line.
const LOG: &str = "log";

/// Writes a checkpoint of `learner`, made from the log lines with these digests.
pub(crate) fn save(dir: &RunDir, learner: &Learner, log: &[u32]) -> anyhow::Result<()> {
    std::fs::create_dir_all(dir.path(FOLDER))?;
    let notes = Notes::from([(LOG.to_string(), serde_json::to_value(log)?)]);
    let name = format!("{FOLDER}/trial-{:06}.safetensors", learner.trials());
    dir.write(&name, &learner.to_checkpoint(&notes))?;
    let existing = list(dir)?;
    for old in existing.iter().rev().skip(KEPT) {
        std::fs::remove_file(old).with_context(|| format!("cannot remove {}", old.display()))?;
    }
    Ok(())
}

/// The learner of the latest checkpoint, or a new one where there is none. `log` are the digests of
/// the log's lines; `policy` is as it was when the run began.
pub(crate) fn load(
    dir: &RunDir,
    policy: Policy,
    seed: u64,
    log: &[u32],
) -> anyhow::Result<Learner> {
    let Some(path) = list(dir)?.pop() else {
        return Ok(Learner::new(policy, seed));
    };
    let bytes = std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let bound: Vec<u32> = read_notes(&path, &bytes)?
        .remove(LOG)
        .and_then(|note| serde_json::from_value(note).ok())
        .with_context(|| format!("{} does not say which log it belongs to", path.display()))?;
    let trials = dir.path(RunDir::TRIALS);
    if log.len() < bound.len() {
        bail!(
            "{} was made after line {} of {}, which now ends with line {}; restore the log, or remove the checkpoint to learn from the log alone",
            path.display(),
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
            path.display(),
        );
    }
    Ok(Learner::from_checkpoint(policy, &path, &bytes)?)
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
