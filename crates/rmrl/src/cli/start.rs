//! How a command that moves an arm starts, and how it fails.

use std::sync::Arc;

use anyhow::anyhow;
use clap::Args;
use rmrl_cell::StopSwitch;

use super::failure::Failure;
use super::signals;
use crate::cell::external::check_brought;
use crate::cell::first_motion::{
    FirstMotionError, Start, check_somebody_to_ask, confirmation_at_end,
};
use crate::cell::laboratory_error::LaboratoryError;
use crate::cell::terminal::say;
use crate::config::{CellKind, OperatorKind, RunConfig};
use crate::supervision::run_page::{RunPage, announce_page, serve};

/// The option of every command that moves an arm.
#[derive(Debug, Args)]
pub struct StartArgs {
    /// Move the arm of a real cell without asking its operator first: for cells with an interlock that keeps
    /// people away while the arm may move
    #[arg(long)]
    yes: bool,
}

impl StartArgs {
    /// The start of a configuration's cell, which `stop` stops.
    ///
    /// # Errors
    /// The operator has to be asked, and cannot be.
    pub fn start(&self, config: &RunConfig, stop: StopSwitch) -> Result<Start, Failure> {
        if config.cell.operator == OperatorKind::Page && config.page.serve.is_none() {
            return Err(Failure::Usage(anyhow!(
                "cell.operator is \"page\", and no page is served; give --serve 8080, or page.serve in the file of \
                 --config"
            )));
        }
        check_brought(config, [false; 3]).map_err(|error| Failure::Usage(error.into()))?;
        check_somebody_to_ask(config, self.yes).map_err(|error| Failure::Usage(error.into()))?;
        Ok(Start { stop, is_unasked: self.yes, ..Start::default() })
    }

    /// The start of a configuration's cell, for a command that otherwise handles no signals and serves no page. If the
    /// cell is real, this makes signals stop its arm, and serves the page if the operator answers there. The page is
    /// served until the returned [`RunPage`] is dropped.
    ///
    /// # Errors
    /// The operator has to be asked, and cannot be, or the page cannot be served.
    pub fn start_alone(&self, config: &RunConfig) -> Result<(Start, Option<RunPage>), Failure> {
        let start = self.start(config, StopSwitch::default())?;
        if config.cell.kind != CellKind::XArm {
            return Ok((start, None));
        }
        signals::listen(&start.stop)?;
        let page = match config.cell.operator {
            OperatorKind::Page => serve(&config.page, &start.stop).map_err(Failure::Usage)?,
            OperatorKind::Terminal | OperatorKind::Remote | OperatorKind::External => None,
        };
        page.iter().for_each(announce_page);
        let operator_page = page.as_ref().map(|page| Arc::clone(page.page()));
        Ok((Start { page: operator_page, ..start }, page))
    }
}

/// Writes which arm the run of a directory moves, and who permits that: both come from the directory, which may be
/// somebody else's.
pub fn announce_cell(config: &RunConfig) {
    if config.cell.kind == CellKind::Simulated {
        return;
    }
    let operator = match config.cell.operator {
        OperatorKind::Terminal => "at this terminal".to_string(),
        OperatorKind::Page => "on the page".to_string(),
        OperatorKind::Remote => format!("at {}", config.remote.address),
        OperatorKind::External => "to a program".to_string(),
    };
    say(format_args!("this run moves the {}; its operator answers {operator}", config.cell_name()));
}

/// The failure of a command that moves an arm. If a stop was pressed, waits a while for its confirmation.
pub fn failure_of(error: anyhow::Error, stop: &StopSwitch) -> Failure {
    match confirmation_at_end(stop) {
        Some(confirmation) if confirmation.is_missing() => {
            Failure::Runtime(anyhow!("{confirmation}; {error:#}"))
        }
        Some(confirmation) => Failure::Stopped(format!("{error:#}; {confirmation}")),
        None if has_nobody_to_ask(&error) => Failure::Usage(error),
        None => Failure::Runtime(error),
    }
}

/// Whether the arm was not moved because no operator could be asked. The command was then started wrongly.
fn has_nobody_to_ask(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        let first_motion = match cause.downcast_ref::<LaboratoryError>() {
            Some(LaboratoryError::FirstMotion(error)) => Some(error),
            _ => cause.downcast_ref::<FirstMotionError>(),
        };
        matches!(first_motion, Some(FirstMotionError::NobodyToAsk { .. }))
    })
}
