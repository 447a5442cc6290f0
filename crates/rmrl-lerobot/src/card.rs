//! The dataset card: `README.md`, which the Hub shows.

use std::fmt::Write;

use rmrl_data::TrialRecord;

use crate::features::{FEATURES, IMAGE};

/// A run as the card tells of it.
pub(crate) struct RunOnCard<'a> {
    pub name: String,
    pub task: &'a str,
    pub method: &'a str,
    /// Its exported attempts.
    pub records: &'a [TrialRecord],
}

/// How many of the last trials the card tells of apart.
const LAST: usize = 20;

/// The card of a dataset of these runs, whose images have this width and height in pixels.
pub(crate) fn card(runs: &[RunOnCard<'_>], (width, height): (u32, u32)) -> String {
    let mut text = HEAD.to_string();
    text.push_str(
        "| run | method | trials | seated | not grasped | faults | mean error | last 20 |\n",
    );
    text.push_str("|-|-|-|-|-|-|-|-|\n");
    for run in runs {
        let _ = writeln!(text, "{}", row(run));
    }
    let sentences: std::collections::BTreeSet<&str> = runs.iter().map(|run| run.task).collect();
    for sentence in sentences {
        let _ = writeln!(text, "\nTask: {sentence}.");
    }
    text.push_str(FEATURES_HEAD);
    let _ = writeln!(text, "| `{IMAGE}` | image | {height} x {width} x 3 |");
    for feature in FEATURES {
        let names = feature.names.join(", ");
        let _ = writeln!(text, "| `{}` | {} | {names} |", feature.key, feature.dtype);
    }
    text.push_str(FOOT);
    text
}

fn row(run: &RunOnCard<'_>) -> String {
    let completed: Vec<&TrialRecord> =
        run.records.iter().filter(|record| !record.is_fault()).collect();
    let seated = completed.iter().filter(|record| record.seated == Some(true)).count();
    let missed = completed.iter().filter(|record| record.failure.is_some()).count();
    let last = &completed[completed.len().saturating_sub(LAST)..];
    format!(
        "| {} | {} | {} | {seated} | {missed} | {} | {} | {} |",
        run.name.replace('|', "\\|"),
        run.method,
        completed.len(),
        run.records.len() - completed.len(),
        mean_error(&completed),
        mean_error(last),
    )
}

fn mean_error(records: &[&TrialRecord]) -> String {
    let errors: Vec<f64> = records.iter().filter_map(|record| record.e_trans_m).collect();
    match errors.len() {
        0 => "-".to_string(),
        count => format!("{:.2} mm", 1e3 * errors.iter().sum::<f64>() / count as f64),
    }
}

const HEAD: &str = "\
---
# Choose a license before you publish: https://huggingface.co/docs/hub/repositories-licenses
# license: cc-by-4.0
task_categories:
- robotics
tags:
- LeRobot
- robotics
- manipulation
configs:
- config_name: default
  data_files: data/*/*.parquet
- config_name: attempts
  data_files: rmrl/attempts/*/*.parquet
---

# Trials of a robot arm that places cell plates

A LeRobot dataset (v3.0) of trials by Role-Model Reinforcement Learning (arXiv 2510.15189), written by `rmrl export lerobot`.
In each trial an overhead camera sees the plate, a policy corrects the estimated pose, the arm picks and places the plate, and the
camera measures the error. A trial is an episode of one frame.

";

const FEATURES_HEAD: &str = "
## Features

Lengths are meters, angles are radians, both in the frame of the robot's base. NaN stands for what is not known, such as the error of
a plate that was not grasped.

| feature | type | entries |
|-|-|-|
";

const FOOT: &str = "
## Other files

`rmrl/` holds what frames do not: each attempt, also those that a fault cut short, with its line of the log, depth images and the image
after placing, and the configuration and target of each run. `rmrl import lerobot` makes run directories of it again.
";
