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
use crate::cli::output::print_result;
use crate::config::RunConfig;
use crate::report::{REPORT, report_by};
use crate::run::outcome::RunOutcome;

/// Writes the report of a run that ended, and prints the result. The supervisor has waited for the confirmation of a
/// stop.
///
/// # Errors
/// The run was stopped or failed, or the report cannot be written.
pub(super) fn finish(
    root: &Path,
    config: &RunConfig,
    records: &[TrialRecord],
    end: &RunOutcome,
    stop: &StopSwitch,
) -> Result<(), Failure> {
    let summary = Summary::of(config, records);
    let confirmation = stop.confirmation();
    let stop = stop.is_pressed().then(|| confirmation.to_string());
    let ended = match end {
        RunOutcome::Goal => {
            match summary.proof.as_ref().filter(|proof| proof.proven_at.is_some()) {
                Some(proof) => proof.to_string(),
                None => "all trials are made".to_string(),
            }
        }
        RunOutcome::Early(why @ StopReason::TimeIsUp { .. }) => {
            say(format_args!("{why}; {}", how_to_resume(root)));
            why.to_string()
        }
        end => {
            let trials = summary.trials;
            let confirmed = stop.map_or_else(String::new, |stop| format!("{stop}; "));
            let message =
                format!("{end}, after {trials} trials; {confirmed}{}", how_to_resume(root));
            // A script that only reads the exit status must not conclude that the arm stands.
            return Err(match end.is_stop() && !confirmation.is_missing() {
                true => Failure::Stopped(message),
                false => Failure::Runtime(anyhow!(message)),
            });
        }
    };
    let page = root.join(REPORT);
    let text = report_by(config, root)?;
    write_atomically(&page, text.as_bytes()).map_err(anyhow::Error::from)?;
    let (run, report) = (root.display().to_string(), page.display().to_string());
    print_result(&Finished { run, report, ended, stop, summary }, false)?;
    match confirmation.is_missing() {
        true => Err(Failure::Runtime(anyhow!("{confirmation}"))),
        false => Ok(()),
    }
}

/// How to resume the run, as a part of a message.
pub(super) fn how_to_resume(root: &Path) -> String {
    format!("what is recorded is safe, continue with `rmrl train --resume {}`", root.display())
}

/// The result of a run, as the command prints it.
#[derive(Serialize)]
struct Finished {
    run: String,
    report: String,
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
        writeln!(f, "  report                 {}", self.report)
    }
}
