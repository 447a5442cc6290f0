//! `rmrl train`

use std::fmt;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use rmrl::cell::TaskKind;
use rmrl::config::RunConfig;
use rmrl::core::Claim;
use rmrl::data::{MetricsRow, RunDir, RunDirError, write_atomically};
use rmrl::learn::MethodName;
use rmrl::recorder::Progress;
use rmrl::report::{REPORT, report};
use rmrl::run::{create, execute};
use rmrl::summary::Summary;
use serde::Serialize;

use super::{Configuration, Failure, method_parser, print_result, task_parser};

/// Train a policy in a work cell and leave a run directory to look at.
///
/// Without any option this trains Role-Model RL on the table task in a simulated cell: 150 trials,
/// about 20 seconds on two cores. The run directory holds the log of every trial, its pictures, checkpoints,
/// metrics for spreadsheets and TensorBoard, the learnt policy and report.html.
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
  rmrl train --resume runs/table-rm-rl-seed0    go on after an interruption")]
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

    #[command(flatten)]
    configuration: Configuration,
}

/// What a run has come to, as the command prints it.
#[derive(Serialize)]
struct Finished {
    run: String,
    report: String,
    #[serde(flatten)]
    summary: Summary,
}

impl fmt::Display for Finished {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.summary)?;
        writeln!(f, "  report                 {}", self.report)
    }
}

/// Trains.
pub fn run(arguments: &Train) -> Result<(), Failure> {
    let dir = match &arguments.resume {
        Some(root) => RunDir::open(root).map_err(usage)?,
        None => begin(arguments)?,
    };
    let root = dir.root().to_path_buf();
    let mut bar = Bar::new(&RunConfig::of_run(&dir.path(RunDir::CONFIG))?);
    let (config, records) = execute(&dir, &mut bar).with_context(|| {
        format!(
            "the run stopped; what is recorded is safe, go on with `rmrl train --resume {}`",
            root.display()
        )
    })?;
    bar.bar.finish_and_clear();
    let page = root.join(REPORT);
    write_atomically(&page, report(&root)?.as_bytes()).map_err(anyhow::Error::from)?;
    let finished = Finished {
        run: root.display().to_string(),
        report: page.display().to_string(),
        summary: Summary::of(&config, &records),
    };
    print_result(&finished, false)?;
    Ok(())
}

/// Resolves the configuration and makes the run directory.
fn begin(arguments: &Train) -> Result<RunDir, Failure> {
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
    let config = layers.resolve()?;
    if config.until.is_some() && config.schedule.trials_per_scene > 1 {
        tracing::warn!(
            "schedule.trials_per_scene is {}: most trials start where the last one did, so what is proven of them need not hold for new placements; 1 would make it so",
            config.schedule.trials_per_scene
        );
    }
    let root = arguments.out.clone().unwrap_or_else(|| {
        unused(&format!("runs/{}-{}-seed{}", config.task.kind, config.method, config.seed))
    });
    create(&config, &root).map_err(Failure::Usage)
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
