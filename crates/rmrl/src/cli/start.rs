//! What the commands that move an arm have in common.

use crate::cell::first_motion::{
    FirstMotionError, Start, check_somebody_to_ask, confirmation_at_end,
};
use crate::cell::laboratory_error::LaboratoryError;
use crate::cell::terminal::say;
use crate::config::{CellKind, PersonName, RunConfig};
use crate::supervision::run_page::{RunPage, serve};
use anyhow::anyhow;
use clap::Args;
use rmrl_cell::StopSwitch;

use super::failure::Failure;
use super::signals;

/// Whether anybody is asked before an arm moves.
#[derive(Debug, Args)]
pub struct Unasked {
    /// Move the arm of a real cell without asking its operator first: for cells with an interlock, which keeps
    /// people away while it may move
    #[arg(long)]
    yes: bool,
}

impl Unasked {
    /// Who starts the cell of a configuration, stopped by `stop`. Refuses where there is nobody who could be
    /// asked.
    pub fn start(&self, config: &RunConfig, stop: StopSwitch) -> Result<Start, Failure> {
        check_somebody_to_ask(config, self.yes).map_err(|error| Failure::Usage(error.into()))?;
        Ok(Start { stop, is_unasked: self.yes, ..Start::default() })
    }

    /// The same for a command that has no page of its own: signals stop a real cell's arm, and where `cell.person`
    /// is `page`, the page is served. It is, as long as what is returned beside is kept.
    pub fn start_alone(&self, config: &RunConfig) -> Result<(Start, Option<RunPage>), Failure> {
        let start = self.start(config, StopSwitch::default())?;
        if config.cell.kind != CellKind::XArm {
            return Ok((start, None));
        }
        signals::listen(&start.stop)?;
        let page = match config.cell.person {
            PersonName::Page => serve(&config.page, &start.stop).map_err(Failure::Usage)?,
            PersonName::Terminal | PersonName::Distant => None,
        };
        page.iter().for_each(announce);
        let asks = page.as_ref().map(|page| std::sync::Arc::clone(page.page()));
        Ok((Start { page: asks, ..start }, page))
    }
}

/// Says where the page is. Its token appears here and nowhere else.
pub fn announce(page: &RunPage) {
    let page = page.page();
    say(format_args!("watch the run at {}", page.url()));
    if page.is_exposed() {
        tracing::warn!(
            "other machines can reach {}, and nothing is encrypted: whoever listens on the network learns the token; \
             a tunnel is safe: ssh -L 8080:localhost:8080 machine, with --serve 127.0.0.1:8080",
            page.address()
        );
    }
}

/// How a command failed that moves an arm. Waits a while for a stop to be confirmed.
pub fn failed(error: anyhow::Error, stop: &StopSwitch) -> Failure {
    match confirmation_at_end(stop) {
        Some(confirmation) if confirmation.is_missing() => {
            Failure::Runtime(anyhow!("{confirmation}; {error:#}"))
        }
        Some(confirmation) => Failure::Stopped(format!("{error:#}; {confirmation}")),
        None if has_nobody_to_ask(&error) => Failure::Usage(error),
        None => Failure::Runtime(error),
    }
}

/// Whether the arm was not moved because nobody could be asked: how the program was started is wrong.
fn has_nobody_to_ask(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        let first = match cause.downcast_ref::<LaboratoryError>() {
            Some(LaboratoryError::FirstMotion(error)) => Some(error),
            _ => cause.downcast_ref::<FirstMotionError>(),
        };
        matches!(first, Some(FirstMotionError::NobodyToAsk { .. }))
    })
}
