//! The arguments of `rmrl train`, and the configuration that they make.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;
use rmrl_cell::TaskKind;
use rmrl_core::Claim;
use rmrl_learn::MethodName;

use crate::cli::args::{Configuration, method_parser, task_parser};
use crate::cli::failure::Failure;
use crate::cli::start::StartArgs;
use crate::config::{Layers, RunConfig, serve_address};

/// Train a policy in a work cell and write a run directory.
///
/// Without options a simulated cell calibrates itself by carries and makes 150 trials of the table task, in about ten
/// seconds on two cores. The run directory contains the log and images of every trial, metrics for spreadsheets and
/// TensorBoard, what was learned, and report.html. Methods that learn a network leave checkpoints and the policy.
///
/// On a real cell the operator (cell.operator) has to permit the arm's first motion, also with --resume.
///
/// Ctrl-C stops the arm and finishes the log; a second Ctrl-C ends the command at once. SIGTERM and a lost session
/// (SIGHUP, unless started by nohup) act as the first Ctrl-C. In every case --resume continues the run. Exit status: 0
/// if the run completed or reached its limit of hours; 130 if it was stopped and the arm has confirmed that it stands;
/// 1 after a failure, and after a stop that the arm has not confirmed.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  rmrl train                                    Role-Model RL, simulated cell 0
  rmrl train --method hindsight --seed 3        another method, another cell
  rmrl train --until 1.0mm@95% --trials 300     end as soon as that is proven
  rmrl train --task shelf --trials 50 --out runs/shelf
  rmrl train --method ppo-rm-rl                 PPO instead of REINFORCE, with role models
  rmrl train --set policy.encoder.train=true    train the image encoder, too
  rmrl train --set policy.encoder.train=true --device wgpu
                                                on a GPU, in a build with --features wgpu
  rmrl train --set policy.view=none             give the policy only the pose: no encoder
  rmrl train --resume runs/table-rm-rl-seed0    continue after an interruption
  rmrl train --serve 8080 --max-hours 8 --max-faults 10
                                                with a status page, for at most one night
  rmrl train --resume runs/table-rm-rl-seed0 --confirm-trials
                                                continue, and ask before each attempt")]
pub struct Train {
    /// Learning method, or a baseline [default: self-calibration-residual]
    #[arg(long, value_name = "METHOD", value_parser = method_parser())]
    method: Option<MethodName>,

    /// Task of the robot [default: table]
    #[arg(long, value_name = "TASK", value_parser = task_parser())]
    task: Option<TaskKind>,

    /// Number of trials [default: 150]
    #[arg(long, value_name = "N")]
    trials: Option<u32>,

    /// End as soon as tests of the policy to deploy have proven that its measured error is below a length in a
    /// share of new placements, such as 1.0mm@95%; tests count as trials
    #[arg(long, value_name = "CLAIM")]
    until: Option<Claim>,

    /// Seed of all random numbers, and of the simulated cell unless cell.seed is set [default: 0]
    #[arg(long)]
    seed: Option<u32>,

    /// Pretrained policy to start from, for the method rm-rl-pretrained
    #[arg(long, value_name = "FILE")]
    pretrained: Option<PathBuf>,

    /// Directory of the run; must not exist [default: runs/TASK-METHOD-seedN]
    #[arg(long, value_name = "DIR")]
    pub(super) out: Option<PathBuf>,

    /// Continue an interrupted run, with its own configuration. Its directory keeps neither [notify] nor [page]: give
    /// them again by --config or --set, which may hold nothing else that differs
    #[arg(
        long,
        value_name = "DIR",
        conflicts_with_all = ["method", "task", "trials", "until", "seed", "pretrained", "out", "device"]
    )]
    pub(super) resume: Option<PathBuf>,

    /// Stop starting new trials after this many hours, counted from now; the policy so far is kept, and
    /// --resume continues the run [default: no limit]
    #[arg(long, value_name = "HOURS")]
    max_hours: Option<f64>,

    /// End the run after this many faulted attempts, counted from now [default: only after five in a row]
    #[arg(long, value_name = "N")]
    max_faults: Option<u32>,

    /// Ask the operator before each attempt, on the page or by Enter at the terminal
    #[arg(long)]
    confirm_trials: bool,

    /// Serve a page that shows, pauses and stops the run; loopback is safe, other addresses are not
    /// encrypted [default: no page]
    #[arg(long, value_name = "PORT or ADDRESS:PORT", value_parser = serve_address)]
    serve: Option<SocketAddr>,

    /// File with the token that permits actions on the page [default: a random token for each start]
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,

    /// Keep serving the page after the run has ended, until Ctrl-C
    #[arg(long)]
    stay_open: bool,

    #[command(flatten)]
    pub(super) start_args: StartArgs,

    #[command(flatten)]
    configuration: Configuration,
}

impl Train {
    /// The configuration of a new run.
    pub(super) fn new_run(&self) -> Result<RunConfig, Failure> {
        let mut layers = self.configuration.layers()?;
        if let Some(task) = self.task {
            layers = layers.with_value("--task", "task.kind", task.as_str());
        }
        if let Some(method) = self.method {
            layers = layers.with_value("--method", "method", method.as_str());
        }
        if let Some(trials) = self.trials {
            layers = layers.with_value("--trials", "trials", i64::from(trials));
        }
        if let Some(claim) = self.until {
            layers = layers.with_value("--until", "until", claim.to_string());
        }
        if let Some(seed) = self.seed {
            layers = layers.with_value("--seed", "seed", i64::from(seed));
        }
        if let Some(path) = &self.pretrained {
            layers = layers.with_value("--pretrained", "pretrained", path.display().to_string());
        }
        if let Some(hours) = self.max_hours {
            layers = layers.with_value("--max-hours", "unattended.max_hours", hours);
        }
        if let Some(faults) = self.max_faults {
            layers = layers.with_value("--max-faults", "unattended.max_faults", i64::from(faults));
        }
        if self.confirm_trials {
            layers = layers.with_value("--confirm-trials", "unattended.confirm_trials", true);
        }
        Ok(self.with_page(layers).resolve()?)
    }

    /// The configuration of an interrupted run, with the options that count for this start.
    pub(super) fn resumed(&self, run: &RunConfig) -> Result<RunConfig, Failure> {
        let mut config = self.with_page(self.configuration.layers()?).for_run(run)?;
        let unattended = &mut config.unattended;
        unattended.max_hours = self.max_hours.or(unattended.max_hours);
        unattended.max_faults = self.max_faults.or(unattended.max_faults);
        unattended.confirm_trials |= self.confirm_trials;
        config.validate()?;
        Ok(config)
    }

    /// Layers with the options of the page over them.
    fn with_page(&self, mut layers: Layers) -> Layers {
        if let Some(address) = self.serve {
            layers = layers.with_value("--serve", "page.serve", address.to_string());
        }
        if let Some(path) = &self.token_file {
            layers =
                layers.with_value("--token-file", "page.token_file", path.display().to_string());
        }
        if self.stay_open {
            layers = layers.with_value("--stay-open", "page.stay_open", true);
        }
        layers
    }
}
