//! `rmrl train`
//!
//! - `arguments`: the options, and the configuration that they make
//! - `progress_bar`: the progress bar of a run
//! - `finished`: the end of a run: its report, its printed result, and its exit status

mod arguments;
mod finished;
mod progress_bar;

use std::path::PathBuf;
use std::time::Duration;

use rmrl_cell::StopSwitch;
use rmrl_data::{RunDir, RunDirError};
use rmrl_learn::StopReason;

pub use self::arguments::Train;
use self::finished::{finish, how_to_resume};
use self::progress_bar::TrialBar;
use super::failure::Failure;
use super::signals::{self, Signals};
use super::start::{announce_cell, failure_of};
use crate::cell::first_motion::Start;
use crate::cell::terminal::say;
use crate::config::RunConfig;
use crate::run::create::create;
use crate::run::engine::RunResult;
use crate::run::execute::execute_observed;
use crate::run::new_run::{NewRun, unused_root};
use crate::run::outcome::RunOutcome;
use crate::supervision::notify::Notifier;
use crate::supervision::run_page::{RunPage, announce_page, serve};
use crate::supervision::supervisor::Supervisor;

/// Runs `rmrl train`.
pub fn run(arguments: &Train) -> Result<(), Failure> {
    let stop = StopSwitch::default();
    let signals = signals::listen(&stop)?;
    let interrupted = arguments.resume.as_ref().map(|root| RunDir::open(root).map_err(usage));
    let interrupted = interrupted.transpose()?;
    let config = match &interrupted {
        Some(dir) => arguments.resumed(&RunConfig::of_run(&dir.path(RunDir::CONFIG))?)?,
        None => arguments.new_run()?,
    };
    if interrupted.is_some() {
        announce_cell(&config);
    }
    // Before the run directory is created, so that a missing operator or a used address leaves nothing behind.
    let start = arguments.start_args.start(&config, stop.clone())?;
    let page = serve(&config.page, &stop).map_err(Failure::Usage)?;
    let (dir, config, new_run) = match interrupted {
        Some(dir) => (dir, config, None),
        None => {
            let root = root_of(arguments, &config);
            let new_run = NewRun::in_directory(&root);
            let (dir, config) = create(&config, &root).map_err(Failure::Usage)?;
            (dir, config, Some(new_run))
        }
    };
    page.iter().for_each(announce_page);
    let (page, finished) = make(dir, &config, (start, page), new_run.as_ref());
    if let Some(page) = page {
        linger(page, config.page.stay_open, &signals);
    }
    finished
}

/// Makes the run in `dir`, which other programs may open afterwards. Returns the page, which is served a little longer,
/// and how the command ends.
fn make(
    dir: RunDir,
    config: &RunConfig,
    (start, page): (Start, Option<RunPage>),
    new_run: Option<&NewRun>,
) -> (Option<RunPage>, Result<(), Failure>) {
    let (root, stop) = (dir.root().to_path_buf(), start.stop.clone());
    let notifier = Notifier::new(&config.notify);
    let name = root.display().to_string();
    let mut supervisor = Supervisor::new(name, config.unattended, start, page, notifier);
    let mut bar = TrialBar::new(config);
    let result = execute_observed(&dir, config, &mut bar, &mut supervisor);
    bar.clear();
    drop(dir);
    let is_discarded = || new_run.is_some_and(NewRun::discard_if_empty);
    match result {
        Ok(RunResult { records, end, .. }) => {
            let page = supervisor.finish(Ok(&end));
            let is_limit = matches!(end, RunOutcome::Early(StopReason::TimeIsUp { .. }));
            let is_discarded = records.is_empty() && !is_limit && is_discarded();
            (page, finish(&root, config, (&records, &end), &stop, is_discarded))
        }
        Err(error) => {
            let page = supervisor.finish(Err(format!("{error:#}")));
            let stopped = match is_discarded() {
                true => error.context("the run did not start, and no run directory is left"),
                false => error.context(format!("the run stopped; {}", how_to_resume(&root))),
            };
            (page, Err(failure_of(stopped, &stop)))
        }
    }
}

/// The directory of a new run.
fn root_of(arguments: &Train, config: &RunConfig) -> PathBuf {
    arguments.out.clone().unwrap_or_else(|| unused_root(config))
}

fn usage(error: RunDirError) -> Failure {
    Failure::Usage(error.into())
}

/// How long the page is served after the end: its readers update once a second.
const LINGER: Duration = Duration::from_secs(3);

/// Keeps serving the page for a little longer; with `stays_open`, until another signal. SIGTERM and a lost session end the
/// command, so the page does not stay after them.
fn linger(page: RunPage, stays_open: bool, signals: &Signals) {
    if stays_open && !signals.ask_for_the_end() {
        say(format_args!(
            "the run has ended; its page stays at {} until Ctrl-C",
            page.page().url()
        ));
        signals.wait_for_another();
    } else {
        std::thread::sleep(LINGER);
    }
}
