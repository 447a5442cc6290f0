//! `rmrl train`
//!
//! - `arguments`: the options, and the configuration that they make
//! - `progress_bar`: the progress bar of a run
//! - `finished`: the end of a run: its report, its printed result, and its exit status

mod arguments;
mod finished;
mod progress_bar;

use std::path::{Path, PathBuf};
use std::time::Duration;

use rmrl_cell::StopSwitch;
use rmrl_data::{RunDir, RunDirError};

pub use self::arguments::Train;
use self::finished::{finish, how_to_resume};
use self::progress_bar::TrialBar;
use super::failure::Failure;
use super::signals;
use super::start::{announce_cell, announce_page, failure_of};
use crate::cell::terminal::say;
use crate::config::RunConfig;
use crate::run::create::create;
use crate::run::engine::RunResult;
use crate::run::execute::execute_observed;
use crate::supervision::notify::Notifier;
use crate::supervision::run_page::{RunPage, serve};
use crate::supervision::supervisor::Supervisor;

/// Runs `rmrl train`.
pub fn run(arguments: &Train) -> Result<(), Failure> {
    let stop = StopSwitch::default();
    signals::listen(&stop)?;
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
    let (dir, config) = match interrupted {
        Some(dir) => (dir, config),
        None => create_run(arguments, &config)?,
    };
    let root = dir.root().to_path_buf();
    page.iter().for_each(announce_page);
    let notifier = Notifier::new(&config.notify);
    let name = root.display().to_string();
    let mut supervisor = Supervisor::new(name, config.unattended, start, page, notifier);
    let mut bar = TrialBar::new(&config);
    let result = execute_observed(&dir, &config, &mut bar, &mut supervisor);
    bar.clear();
    let (page, finished) = match result {
        Ok(RunResult { records, end, .. }) => {
            let page = supervisor.finish(Ok(&end));
            (page, finish(&root, &config, &records, &end, &stop))
        }
        Err(error) => {
            let page = supervisor.finish(Err(format!("{error:#}")));
            let stopped = error.context(format!("the run stopped; {}", how_to_resume(&root)));
            (page, Err(failure_of(stopped, &stop)))
        }
    };
    // The run is complete: other programs may open it while the page is still served.
    drop(dir);
    if let Some(page) = page {
        linger(page, config.page.stay_open, &stop);
    }
    finished
}

/// Creates the run directory.
fn create_run(arguments: &Train, config: &RunConfig) -> Result<(RunDir, RunConfig), Failure> {
    let root = arguments.out.clone().unwrap_or_else(|| {
        unused_path(&format!("runs/{}-{}-seed{}", config.task.kind, config.method, config.seed))
    });
    create(config, &root).map_err(Failure::Usage)
}

/// The path, or the first of `path-2`, `path-3`, ... that does not exist.
fn unused_path(path: &str) -> PathBuf {
    let mut candidate = PathBuf::from(path);
    let mut number = 2;
    while Path::new(&candidate).exists() {
        candidate = PathBuf::from(format!("{path}-{number}"));
        number += 1;
    }
    candidate
}

fn usage(error: RunDirError) -> Failure {
    Failure::Usage(error.into())
}

/// How long the page is served after the end: its readers update once a second.
const LINGER: Duration = Duration::from_secs(3);

/// Keeps serving the page for a little longer, or until another stop.
fn linger(page: RunPage, stays_open: bool, stop: &StopSwitch) {
    if stays_open && !stop.is_pressed() {
        say(format_args!(
            "the run has ended; its page stays at {} until Ctrl-C",
            page.page().url()
        ));
        while stop.wait(Duration::from_secs(1)).is_ok() {}
    } else {
        std::thread::sleep(LINGER);
    }
}
