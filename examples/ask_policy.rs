//! Load a trained policy, or the belief of a self-calibration, and ask it what it would do, given an image and an estimated
//! pose of the plate.
//!
//! The observation is the start of a trial of the run itself. A program with a camera would use its own
//! image and estimated pose instead.
//!
//! `cargo run --release --example ask_policy -- runs/table-self-calibration-residual-seed0 20`
//!
//! With `--json` it asks a policy about every trial of the run, and prints a line of JSON for each:
//! `cargo run --release --example ask_policy -- runs/table-rm-rl-seed0 --json`

use std::path::{Path, PathBuf};

use anyhow::Context;
use rmrl::{BELIEF, POLICY, read_records};
use rmrl_belief::SavedBelief;
use rmrl_core::{Observation, PlanarPose};
use rmrl_data::TrialRecord;
use rmrl_learn::{Policy, PolicyConfig, most_likely};
use rmrl_vision::read_color_image;
use serde_json::json;

fn main() -> anyhow::Result<()> {
    let (flags, words): (Vec<String>, Vec<String>) =
        std::env::args().skip(1).partition(|argument| argument == "--json");
    let mut words = words.into_iter();
    let run = PathBuf::from(
        words.next().unwrap_or("runs/table-self-calibration-residual-seed0".to_string()),
    );
    let records = read_records(&run)?;
    if !flags.is_empty() {
        return print_answers(&run, &records);
    }
    let number: u32 = words.next().as_deref().unwrap_or("1").parse()?;
    let record = records
        .iter()
        .find(|record| record.trial == number && !record.is_fault())
        .with_context(|| format!("{} has no trial {number}; make a run first", run.display()))?;
    let observation = observation(&run, record)?;
    let pick = match run.join(BELIEF).exists() {
        true => ask_belief(&run, &observation)?,
        false => ask_policy(&run, &observation)?,
    };
    println!("pick at x {:.1} mm, y {:.1} mm", 1e3 * pick.x_m, 1e3 * pick.y_m);
    println!("yaw {:.2} degrees", pick.yaw_rad.to_degrees());
    Ok(())
}

/// What the policy was shown at the start of a trial.
fn observation(run: &Path, record: &TrialRecord) -> anyhow::Result<Observation> {
    let image = record.images.start.as_ref().context("the trial has no image")?;
    Ok(Observation {
        features: None,
        image: read_color_image(&run.join(image))?.into(),
        estimated_pose: record.estimated_pose.context("the trial has no pose")?,
        plate_in_image: record
            .plate_in_image
            .context("the trial has no place of the plate in the image")?,
        look_error_m: record.look_error_m,
        carries: Vec::new(),
    })
}

/// A line of JSON for each trial: the probabilities by dimension (dx, dy, dyaw), the most likely candidate of each, how far
/// the state is from the nearest training state (of pose and image; `null` without training states), and whether the
/// deployed policy abstains.
fn print_answers(run: &Path, records: &[TrialRecord]) -> anyhow::Result<()> {
    let policy = Policy::from_file(&run.join(POLICY), &PolicyConfig::default())?;
    for record in records.iter().filter(|record| !record.is_fault()) {
        let state = policy.encode(&observation(run, record)?);
        let probabilities = policy.distribution(&state);
        let line = json!({
            "trial": record.trial,
            "index": most_likely(&probabilities),
            "probabilities": probabilities,
            "ood_score": policy.ood_score(&state).map(|score| [score.pose, score.image]),
            "abstained": policy.decide_in(&state).abstained,
        });
        println!("{line}");
    }
    Ok(())
}

/// Where a self-calibration picks.
fn ask_belief(run: &Path, observation: &Observation) -> anyhow::Result<PlanarPose> {
    // The file contains everything that picking takes. A picture is read by `LookErrorNetwork`, which the run has done.
    let belief: SavedBelief = serde_json::from_slice(&std::fs::read(run.join(BELIEF))?)
        .with_context(|| format!("{} is damaged", run.join(BELIEF).display()))?;
    let pick = belief.pick(observation.look());
    println!("{} carries; 95 % of plates within {:.2} mm", belief.carries(), 1e3 * pick.interval_m);
    Ok(pick.tool)
}

/// Where a policy network picks.
fn ask_policy(run: &Path, observation: &Observation) -> anyhow::Result<PlanarPose> {
    // The file contains everything; the configuration only chooses the device to compute on.
    let policy = Policy::from_file(&run.join(POLICY), &PolicyConfig::default())?;
    let decision = policy.decide(observation);
    let distribution = decision.probabilities.context("a policy gives probabilities")?;

    for (dimension, name) in ["dx", "dy", "dyaw"].into_iter().enumerate() {
        let (scale, unit) = if name == "dyaw" { (1f64.to_degrees(), "deg") } else { (1e3, "mm") };
        println!("{name}, {unit}");
        let candidates = policy.actions().candidates()[dimension].iter();
        for (index, (value, probability)) in candidates.zip(&distribution[dimension]).enumerate() {
            let bar = "#".repeat((40.0 * probability).round() as usize);
            let chosen = if decision.index.is_some_and(|chosen| index == chosen.0[dimension]) {
                " <"
            } else {
                ""
            };
            println!("  {:>6.2}  {probability:.3}  {bar}{chosen}", value * scale);
        }
    }
    if let Some(ood_score) = policy.ood_score(&policy.encode(observation)) {
        println!(
            "from the nearest training state: pose {:.2}, image {:.2} of the training's widest gap",
            ood_score.pose, ood_score.image
        );
    }
    if decision.abstained {
        println!("the policy abstains: its training had no state like this one");
    }
    Ok(observation.estimated_pose.adjusted(decision.adjustment))
}
