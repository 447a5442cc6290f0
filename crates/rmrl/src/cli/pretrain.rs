//! `rmrl pretrain`

use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use clap::Args;
use rmrl_data::{RunDir, write_atomically};
use rmrl_learn::{Metadata, MethodName};
use serde::Serialize;

use super::args::{Configuration, check_new_weights};
use super::failure::Failure;
use super::output::{path_word, print_result};
use super::start::{StartArgs, failure_of};
use crate::config::{Layers, RunConfig};
use crate::run::create::{create, resolved};
use crate::run::execute::execute_observed;
use crate::run::initial_policy::{EarlierRun, Pretrained as Pretraining, pretrain_on};
use crate::run::observer::StartedBy;
use crate::run::outcome::RunOutcome;

/// Pretrain a policy on the role-model labels of earlier runs.
///
/// Labels each scene of an earlier run with the action of its role model, and trains a new policy on all labeled
/// states (Sec. 3.3.2). Start from it with
/// `rmrl train --method rm-rl-pretrained --pretrained FILE`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  rmrl pretrain --from runs/monday --from runs/tuesday --out pretrained.safetensors
  rmrl pretrain --out pretrained.safetensors    make a run of 200 trials first")]
pub struct Pretrain {
    /// An earlier run; may be repeated. Without one, the command first makes a run of
    /// schedule.pretrain_trials trials next to the output
    #[arg(long, value_name = "DIR")]
    from: Vec<PathBuf>,

    /// File to write the policy to; must not exist
    #[arg(long, value_name = "FILE.safetensors")]
    out: PathBuf,

    /// Seed of the policy, and of the run that the command makes without --from
    #[arg(long)]
    seed: Option<u32>,

    #[command(flatten)]
    start_args: StartArgs,

    #[command(flatten)]
    configuration: Configuration,
}

/// The result, as the command prints it.
#[derive(Serialize)]
struct Pretrained {
    policy: String,
    labeled_states: usize,
    first_loss: f32,
    last_loss: f32,
}

impl fmt::Display for Pretrained {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{}: {} labeled states, cross-entropy {:.3} -> {:.3}",
            self.policy, self.labeled_states, self.first_loss, self.last_loss
        )
    }
}

/// Runs `rmrl pretrain`.
pub fn run(arguments: &Pretrain) -> Result<(), Failure> {
    let out = &arguments.out;
    check_new_weights(out)?;
    for root in &arguments.from {
        RunDir::check(root).map_err(|error| Failure::Usage(error.into()))?;
    }
    // The configuration of the first run, so that the policy fits its cell.
    let mut layers = match arguments.from.first() {
        Some(root) => Layers::default().with_run(&root.join(RunDir::CONFIG))?.0,
        None => Layers::default(),
    };
    layers = layers.then(arguments.configuration.layers()?);
    if let Some(seed) = arguments.seed {
        layers = layers.with_value("--seed", "seed", i64::from(seed));
    }
    layers =
        layers.with_value("pretrain", "method", MethodName::RmRl.as_str()).without("pretrained");
    let config = layers.resolve()?;
    let runs = if arguments.from.is_empty() {
        vec![earlier_run(&config, out, &arguments.start_args)?]
    } else {
        let read = |root: &PathBuf| EarlierRun::read(root);
        arguments.from.iter().map(read).collect::<anyhow::Result<_>>()?
    };
    let trials = runs.iter().map(|run| Ok((run.root.display().to_string(), run.trials(&config)?)));
    let trials = trials.collect::<anyhow::Result<Vec<_>>>()?;
    let Pretraining { policy, labeled_states, losses } = pretrain_on(&config, trials)?;
    write_atomically(out, &policy.to_safetensors(&Metadata::new())).map_err(anyhow::Error::from)?;
    let pretrained = Pretrained {
        policy: out.display().to_string(),
        labeled_states,
        first_loss: losses.first().copied().unwrap_or(f32::NAN),
        last_loss: losses.last().copied().unwrap_or(f32::NAN),
    };
    print_result(
        &pretrained,
        false,
        &format!("rmrl train --method rm-rl-pretrained --pretrained {}", path_word(out)),
    )?;
    Ok(())
}

/// Makes, or resumes, a run to pretrain on.
fn earlier_run(
    config: &RunConfig,
    out: &Path,
    start_args: &StartArgs,
) -> Result<EarlierRun, Failure> {
    let root = out.with_extension("run");
    let earlier =
        resolved(&RunConfig { trials: config.schedule.pretrain_trials, ..config.clone() })?;
    let (start, page) = start_args.start_alone(config)?;
    let (dir, config) = if root.exists() {
        let dir = RunDir::open(&root).map_err(|error| Failure::Usage(error.into()))?;
        let made = RunConfig::of_run(&dir.path(RunDir::CONFIG))?;
        if let Some(key) = made.first_difference(&earlier) {
            return Err(Failure::Usage(anyhow!(
                "{} was made with another {key}; remove it, or give it with --from",
                root.display()
            )));
        }
        (dir, made)
    } else {
        create(&earlier, &root).map_err(Failure::Usage)?
    };
    let stop = start.stop.clone();
    let made = execute_observed(&dir, &config, &mut (), &mut StartedBy(start));
    drop(page);
    let stopped = || format!("the run {} stopped", root.display());
    let ended = made.with_context(stopped).map_err(|error| failure_of(error, &stop))?.end;
    match ended {
        RunOutcome::Goal => Ok(EarlierRun { root, config }),
        early => Err(failure_of(anyhow::Error::from(early).context(stopped()), &stop)),
    }
}
