//! The end of a run: its report, its printed result, and its exit status.

use std::fmt;
use std::path::Path;

use anyhow::anyhow;
use rmrl_cell::StopSwitch;
use rmrl_data::{TrialRecord, write_atomically};
use rmrl_learn::StopReason;
use serde::Serialize;

use crate::analysis::summary::Summary;
use crate::cell::terminal::say;
use crate::cli::failure::Failure;
use crate::cli::output::{path_word, print_result};
use crate::config::RunConfig;
use crate::report::{REPORT, report_by};
use crate::run::outcome::RunOutcome;
use crate::run::target_record::TargetRecord;

/// Writes the report of a run, however it ended, and prints the result. The supervisor has waited for the confirmation of
/// a stop. `is_discarded`: nothing was recorded, so there is no run directory.
///
/// # Errors
/// The run was stopped or failed, or the report cannot be written.
pub(super) fn finish(
    root: &Path,
    config: &RunConfig,
    (records, end): (&[TrialRecord], &RunOutcome),
    stop: &StopSwitch,
    is_discarded: bool,
) -> Result<(), Failure> {
    let target = TargetRecord::read(root).ok();
    let summary = Summary::of(config, records, target.as_ref());
    let trials = summary.trials;
    let confirmation = stop.confirmation();
    let stop = stop.is_pressed().then(|| confirmation.to_string());
    let ended = why(end, &summary);
    if !is_discarded {
        let report = match (end, write_report(config, root, trials)) {
            (RunOutcome::Goal, report) => report?,
            (_, Ok(report)) => report,
            // Whether the arm stands is more important.
            (_, Err(error)) => {
                tracing::warn!("there is no report: {error:#}");
                None
            }
        };
        let (run, ended, stop) = (root.display().to_string(), ended.clone(), stop.clone());
        let finished = Finished { event: "ended", run, report, ended, stop, summary };
        let printed = print_result(&finished, false, &next(end, root));
        // A lost terminal takes no output, and the exit status still has to say how an early run ended.
        if *end == RunOutcome::Goal {
            printed?;
        }
    }
    let is_complete = match end {
        RunOutcome::Goal => true,
        RunOutcome::Early(StopReason::TimeIsUp { .. }) => {
            say(format_args!("{ended}; {}", how_to_resume(root)));
            true
        }
        _ => false,
    };
    if is_complete {
        return match confirmation.is_missing() {
            true => Err(Failure::Runtime(anyhow!("{confirmation}"))),
            false => Ok(()),
        };
    }
    let confirmed = stop.map_or_else(String::new, |stop| format!("{stop}; "));
    let rest = match is_discarded {
        true => "nothing was recorded, and no run directory is left".to_string(),
        false => how_to_resume(root),
    };
    let message = format!("{ended}, after {trials} trials; {confirmed}{rest}");
    // A script that only reads the exit status must not conclude that the arm stands.
    Err(match end.is_stop() && !confirmation.is_missing() {
        true => Failure::Stopped(message),
        false => Failure::Runtime(anyhow!(message)),
    })
}

/// The command that usually follows.
fn next(end: &RunOutcome, root: &Path) -> String {
    let run = path_word(root);
    match end {
        RunOutcome::Goal => format!("open {run}/{REPORT}, then rmrl eval {run}"),
        _ => format!("rmrl train --resume {run}"),
    }
}

/// Why a run ended, for people.
fn why(end: &RunOutcome, summary: &Summary) -> String {
    let proof = summary.proof.as_ref().filter(|proof| proof.proven_at.is_some());
    match (end, proof) {
        (RunOutcome::Goal, Some(proof)) => proof.to_string(),
        (RunOutcome::Goal, None) => "all trials are made".to_string(),
        (early, _) => early.to_string(),
    }
}

/// Writes the report of a run that has trials. Returns its path.
fn write_report(config: &RunConfig, root: &Path, trials: usize) -> anyhow::Result<Option<String>> {
    if trials == 0 {
        return Ok(None);
    }
    let (path, text) = (root.join(REPORT), report_by(config, root)?);
    write_atomically(&path, text.as_bytes())?;
    Ok(Some(path.display().to_string()))
}

/// How to resume the run, as a part of a message.
pub(super) fn how_to_resume(root: &Path) -> String {
    format!("what is recorded is safe, continue with `rmrl train --resume {}`", path_word(root))
}

/// The result of a run, as the command prints it.
#[derive(Serialize)]
struct Finished {
    /// `ended`; the lines before this one are of trials.
    event: &'static str,
    run: String,
    /// Absent before the first trial.
    #[serde(skip_serializing_if = "Option::is_none")]
    report: Option<String>,
    /// Why the run ended.
    ended: String,
    /// Whether the arm has confirmed the stop; absent if nobody pressed stop.
    #[serde(skip_serializing_if = "Option::is_none")]
    stop: Option<String>,
    #[serde(flatten)]
    summary: Summary,
}

impl fmt::Display for Finished {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.summary)?;
        writeln!(f, "  ended                  {}", self.ended)?;
        if let Some(stop) = &self.stop {
            writeln!(f, "  stop                   {stop}")?;
        }
        match &self.report {
            Some(report) => writeln!(f, "  report                 {report}"),
            None => Ok(()),
        }
    }
}
