//! The methods against each other: `cargo bench --bench methods -- --seeds 10`, about a quarter of
//! an hour on two cores.
//!
//! Each seed is another simulated laboratory with another network, exploration and placements; a
//! method meets the same laboratories as the others. Every run is a whole `rmrl train`.

use std::time::Instant;

use anyhow::Context;
use clap::Parser;
use rayon::prelude::*;
use rmrl::config::{Layers, RunConfig};
use rmrl::core::{Interval, bootstrap_interval, mean, random_stream};
use rmrl::learn::MethodName;
use rmrl::run::{create, execute};
use rmrl::summary::Summary;

/// The methods against each other over many seeds.
#[derive(Parser)]
struct Arguments {
    /// Seeds, from 0
    #[arg(long, default_value_t = 10)]
    seeds: u32,

    /// Trials of a run
    #[arg(long, default_value_t = 150)]
    trials: u32,

    /// Only these methods; may be repeated
    #[arg(long = "method")]
    methods: Vec<MethodName>,

    /// A single value, as for `rmrl train`; may be repeated
    #[arg(long = "set", value_name = "KEY=VALUE")]
    assignments: Vec<String>,

    /// Given by cargo
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let methods = match arguments.methods.as_slice() {
        [] => MethodName::ALL.to_vec(),
        chosen => chosen.to_vec(),
    };
    let mut layers = Layers::default();
    for assignment in &arguments.assignments {
        layers = layers.with_assignment(assignment)?;
    }
    let config = RunConfig { trials: arguments.trials, ..layers.resolve()? };
    let task = config.task.kind;
    let seeds: Vec<u32> = (0..arguments.seeds).collect();
    println!("{} trials on the {task} task, seeds 0 to {}", config.trials, seeds.len() - 1);
    println!(
        "{:<20}{:<26}{:<20}{:>8}{:>14}{:>13}{:>8}",
        "", "average reward, 95 %", "T10", "reached", "last 10, mm", "not grasped", "s"
    );
    for method in methods {
        let began = Instant::now();
        let runs: Vec<Summary> = seeds
            .par_iter()
            .map(|seed| run(&config, method, *seed).with_context(|| format!("{method}, {seed}")))
            .collect::<anyhow::Result<_>>()?;
        print_row(method, &runs, began.elapsed().as_secs_f64());
    }
    Ok(())
}

/// One run in a directory that is gone afterwards.
fn run(config: &RunConfig, method: MethodName, seed: u32) -> anyhow::Result<Summary> {
    let mut config = RunConfig { method, seed, ..config.clone() };
    config.record.depth = false;
    let place = tempfile::tempdir()?;
    let dir = create(&config, &place.path().join("run"))?;
    let (config, records) = execute(&dir, &mut ())?;
    Ok(Summary::of(&config, &records))
}

fn print_row(method: MethodName, runs: &[Summary], secs: f64) {
    let interval = |values: &[f64], digits: usize| {
        let Interval { low, high } =
            bootstrap_interval(values, mean, 0.95, 10_000, &mut random_stream(0, "bench", [0, 0]));
        format!("{:.digits$} [{low:.digits$}, {high:.digits$}]", mean(values))
    };
    let rewards: Vec<f64> = runs.iter().map(|run| run.average_reward).collect();
    let reached: Vec<f64> = runs.iter().filter_map(|run| run.t10).map(|t10| t10 as f64).collect();
    let t10 = if reached.is_empty() { "-".to_string() } else { interval(&reached, 0) };
    let last: Vec<f64> = runs.iter().filter_map(|run| run.last_true_e_trans_mm).collect();
    let not_grasped: usize = runs.iter().map(|run| run.not_grasped).sum();
    println!(
        "{:<20}{:<26}{t10:<20}{:>8}{:>14.2}{not_grasped:>13}{secs:>8.0}",
        method.title(),
        interval(&rewards, 4),
        format!("{} of {}", reached.len(), runs.len()),
        mean(&last),
    );
}
