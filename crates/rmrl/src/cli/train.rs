//! `rmrl train`

use std::fmt;
use std::io::IsTerminal;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::analysis::summary::Summary;
use crate::cell::terminal::say;
use crate::config::RunConfig;
use crate::report::{REPORT, report_by};
use crate::run::create::create;
use crate::run::engine::RunResult;
use crate::run::execute::execute_observed;
use crate::run::metrics_files::Progress;
use crate::run::outcome::RunEnd;
use crate::supervision::notify::Notifier;
use crate::supervision::run_page::{RunPage, serve};
use crate::supervision::supervisor::Supervisor;
use anyhow::anyhow;
use clap::Args;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use rmrl_cell::{StopSwitch, TaskKind};
use rmrl_core::Claim;
use rmrl_data::{MetricsRow, RunDir, RunDirError, TrialRecord, write_atomically};
use rmrl_learn::{EarlyEnd, MethodName};
use serde::Serialize;

use super::args::{Configuration, method_parser, task_parser};
use super::failure::Failure;
use super::output::print_result;
use super::signals;
use super::start::{Unasked, announce, failed};

/// Train a policy in a work cell and leave a run directory to look at.
///
/// Without any option this trains Role-Model RL on the table task in a simulated cell: 150 trials,
/// about 20 seconds on two cores. The run directory holds the log of every trial, its pictures, checkpoints,
/// metrics for spreadsheets and TensorBoard, the learnt policy and report.html.
///
/// On a real cell its operator (cell.person) is asked before the arm moves for the first time, also with --resume.
///
/// Ctrl-C stops the arm and finishes the log, a second one ends the command at once; SIGTERM and a lost session
/// (SIGHUP, unless started by nohup) do as the first Ctrl-C. Either way --resume goes on. Exit status: 0 when the
/// run ended as it was told to, 1 after a failure, 130 when it was stopped and the arm has confirmed that it
/// stands; 1 when it has not.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  rmrl train                                    Role-Model RL, simulated cell 0
  rmrl train --method hindsight --seed 3        another method, another cell
  rmrl train --until 1.0mm@95% --trials 300     end as soon as that is proven
  rmrl train --task shelf --trials 50 --out runs/shelf
  rmrl train --method ppo-rm-rl                 PPO instead of REINFORCE, with role models
  rmrl train --set policy.encoder.train=true    let the image encoder learn, too
  rmrl train --set policy.encoder.train=true --device wgpu
                                                the same on a GPU, in a build with --features wgpu
  rmrl train --set policy.view=none             show the policy the pose alone: no encoder
  rmrl train --resume runs/table-rm-rl-seed0    go on after an interruption
  rmrl train --serve 127.0.0.1:8080 --max-hours 8 --max-faults 10
                                                with a page to watch it, for a night at most
  rmrl train --resume runs/table-rm-rl-seed0 --confirm-trials
                                                go on, asking before the arm moves")]
pub struct Train {
    /// What learns, or stands in for it [default: rm-rl]
    #[arg(long, value_name = "METHOD", value_parser = method_parser())]
    method: Option<MethodName>,

    /// What the robot has to do [default: table]
    #[arg(long, value_name = "TASK", value_parser = task_parser())]
    task: Option<TaskKind>,

    /// Trials of the run [default: 150]
    #[arg(long, value_name = "N")]
    trials: Option<u32>,

    /// End as soon as it is proven that the measured error is below a length in a share of trials,
    /// such as 1.0mm@95%; to hold for new placements, it needs schedule.trials_per_scene=1
    #[arg(long, value_name = "CLAIM")]
    until: Option<Claim>,

    /// Seed of everything random, and of the simulated cell unless cell.seed is set [default: 0]
    #[arg(long)]
    seed: Option<u32>,

    /// A pretrained policy to start from, for the method rm-rl-pretrained
    #[arg(long, value_name = "FILE")]
    pretrained: Option<PathBuf>,

    /// Directory of the run; it must not exist [default: runs/TASK-METHOD-seedN]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,

    /// Go on with an interrupted run; it keeps its own configuration
    #[arg(
        long,
        value_name = "DIR",
        conflicts_with_all = ["method", "task", "trials", "until", "seed", "pretrained", "out", "config", "assignments", "device"]
    )]
    resume: Option<PathBuf>,

    /// Begin no trial after this many hours, counted from now; the policy so far is kept, and
    /// --resume goes on [default: no limit]
    #[arg(long, value_name = "HOURS")]
    max_hours: Option<f64>,

    /// End the run with this many faulted attempts, counted from now [default: only five in a row do]
    #[arg(long, value_name = "N")]
    max_faults: Option<u32>,

    /// Ask a person before the arm moves for an attempt: on the page, or by Enter at the terminal
    #[arg(long)]
    confirm_trials: bool,

    /// Serve a page to watch, pause and stop the run; loopback is safe, other addresses are not
    /// encrypted [default: no page]
    #[arg(long, value_name = "ADDRESS:PORT")]
    serve: Option<SocketAddr>,

    /// The file with the token to act with on the page [default: a random one for each start]
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,

    /// Keep the page when the run has ended, until Ctrl-C
    #[arg(long)]
    stay_open: bool,

    #[command(flatten)]
    unasked: Unasked,

    #[command(flatten)]
    configuration: Configuration,
}

/// What a run has come to, as the command prints it.
#[derive(Serialize)]
struct Finished {
    run: String,
    report: String,
    /// Why it ended where it did.
    ended: String,
    /// Whether the arm has confirmed a stop; absent where nobody stopped it.
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

/// Trains.
pub fn run(arguments: &Train) -> Result<(), Failure> {
    let stop = StopSwitch::default();
    signals::listen(&stop)?;
    let left = arguments.resume.as_ref().map(|root| RunDir::open(root).map_err(usage));
    let left = left.transpose()?;
    let config = match &left {
        Some(dir) => arguments.attended(RunConfig::of_run(&dir.path(RunDir::CONFIG))?)?,
        None => resolve(arguments)?,
    };
    // Before the run directory is made: nobody to be asked, or an address that is taken, leaves nothing behind.
    let start = arguments.unasked.start(&config, stop.clone())?;
    let page = serve(&config.page, &stop).map_err(Failure::Usage)?;
    let (dir, config) = match left {
        Some(dir) => (dir, config),
        None => begin(arguments, &config)?,
    };
    let root = dir.root().to_path_buf();
    page.iter().for_each(announce);
    let notifier = Notifier::new(&config.notify);
    let name = root.display().to_string();
    let mut watch = Supervisor::new(name, config.unattended, start, page, notifier);
    let mut bar = Bar::new(&config);
    let made = execute_observed(&dir, &config, &mut bar, &mut watch);
    bar.bar.finish_and_clear();
    let (page, finished) = match made {
        Ok(RunResult { records, end, .. }) => {
            let page = watch.finish(Ok(&end));
            (page, finish(&root, &config, &records, &end, &stop))
        }
        Err(error) => {
            let page = watch.finish(Err(format!("{error:#}")));
            let stopped = error.context(format!("the run stopped; {}", how_to_go_on(&root)));
            (page, Err(failed(stopped, &stop)))
        }
    };
    // What is made is made: others may have the run while the page is still looked at.
    drop(dir);
    if let Some(page) = page {
        linger(page, config.page.stay_open, &stop);
    }
    finished
}

impl Train {
    /// The configuration of a run with what the options say of this sitting.
    fn attended(&self, mut config: RunConfig) -> Result<RunConfig, Failure> {
        let unattended = &mut config.unattended;
        unattended.max_hours = self.max_hours.or(unattended.max_hours);
        unattended.max_faults = self.max_faults.or(unattended.max_faults);
        unattended.confirm_trials |= self.confirm_trials;
        config.page.serve = self.serve.or(config.page.serve);
        config.page.token_file = self.token_file.clone().or(config.page.token_file);
        config.page.stay_open |= self.stay_open;
        config.validate()?;
        Ok(config)
    }
}

/// How long the page is kept for readers to see the end: they ask once a second.
const LINGER: Duration = Duration::from_secs(3);

/// Keeps the page a little longer, or until somebody stops that, too.
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

fn how_to_go_on(root: &Path) -> String {
    format!("what is recorded is safe, go on with `rmrl train --resume {}`", root.display())
}

/// Reports a run that came to an end. The watch has waited for the confirmation of a stop.
fn finish(
    root: &Path,
    config: &RunConfig,
    records: &[TrialRecord],
    end: &RunEnd,
    stop: &StopSwitch,
) -> Result<(), Failure> {
    let summary = Summary::of(config, records);
    let confirmation = stop.confirmation();
    let stop = stop.is_pressed().then(|| confirmation.to_string());
    let ended = match end {
        RunEnd::Goal => match summary.proof.as_ref().filter(|proof| proof.proven_at.is_some()) {
            Some(proof) => proof.to_string(),
            None => "all trials are made".to_string(),
        },
        RunEnd::Early(why @ EarlyEnd::TimeIsUp { .. }) => {
            say(format_args!("{why}; {}", how_to_go_on(root)));
            why.to_string()
        }
        end => {
            let trials = summary.trials;
            let told = stop.map_or_else(String::new, |stop| format!("{stop}; "));
            let message = format!("{end}, after {trials} trials; {told}{}", how_to_go_on(root));
            // Whoever looks at the status alone must not take the arm to stand.
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

/// The configuration of a new run.
fn resolve(arguments: &Train) -> Result<RunConfig, Failure> {
    let mut layers = arguments.configuration.layers()?;
    if let Some(task) = arguments.task {
        layers = layers.with_value("--task", "task.kind", task.as_str());
    }
    if let Some(method) = arguments.method {
        layers = layers.with_value("--method", "method", method.as_str());
    }
    if let Some(trials) = arguments.trials {
        layers = layers.with_value("--trials", "trials", i64::from(trials));
    }
    if let Some(claim) = arguments.until {
        layers = layers.with_value("--until", "until", claim.to_string());
    }
    if let Some(seed) = arguments.seed {
        layers = layers.with_value("--seed", "seed", i64::from(seed));
    }
    if let Some(path) = &arguments.pretrained {
        layers = layers.with_value("--pretrained", "pretrained", path.display().to_string());
    }
    if let Some(hours) = arguments.max_hours {
        layers = layers.with_value("--max-hours", "unattended.max_hours", hours);
    }
    if let Some(faults) = arguments.max_faults {
        layers = layers.with_value("--max-faults", "unattended.max_faults", i64::from(faults));
    }
    if arguments.confirm_trials {
        layers = layers.with_value("--confirm-trials", "unattended.confirm_trials", true);
    }
    if let Some(address) = arguments.serve {
        layers = layers.with_value("--serve", "page.serve", address.to_string());
    }
    if let Some(path) = &arguments.token_file {
        layers = layers.with_value("--token-file", "page.token_file", path.display().to_string());
    }
    if arguments.stay_open {
        layers = layers.with_value("--stay-open", "page.stay_open", true);
    }
    let config = layers.resolve()?;
    if config.until.is_some() && config.schedule.trials_per_scene > 1 {
        tracing::warn!(
            "schedule.trials_per_scene is {}: most trials start where the last one did, so what is proven of them need not hold for new placements; 1 would make it so",
            config.schedule.trials_per_scene
        );
    }
    Ok(config)
}

/// Makes the run directory.
fn begin(arguments: &Train, config: &RunConfig) -> Result<(RunDir, RunConfig), Failure> {
    let root = arguments.out.clone().unwrap_or_else(|| {
        unused(&format!("runs/{}-{}-seed{}", config.task.kind, config.method, config.seed))
    });
    create(config, &root).map_err(Failure::Usage)
}

/// The path, or the first of `path-2`, `path-3`, ... that does not exist.
fn unused(path: &str) -> PathBuf {
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

/// A progress bar with the last reward, its moving average and the time left; silent where standard
/// error is no terminal.
struct Bar {
    bar: ProgressBar,
}

impl Bar {
    fn new(config: &RunConfig) -> Self {
        let bar = ProgressBar::with_draw_target(
            Some(u64::from(config.trials)),
            if std::io::stderr().is_terminal() {
                ProgressDrawTarget::stderr()
            } else {
                ProgressDrawTarget::hidden()
            },
        );
        let template = "{prefix} [{bar:30}] trial {pos}/{len}  {msg}  {eta} left";
        let style =
            ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
        bar.set_style(style.progress_chars("=> "));
        bar.set_prefix(config.method.title());
        bar.enable_steady_tick(Duration::from_millis(200));
        Self { bar }
    }
}

impl Progress for Bar {
    fn completed(&mut self, row: &MetricsRow) {
        self.bar.set_position(u64::from(row.trial));
        self.bar
            .set_message(format!("reward {:.3}  average {:.3}", row.reward, row.reward_average));
    }
}
