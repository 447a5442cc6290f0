//! Ask the policy of a run in every state that the run logged, and print what it does as JSON, one line for each state.
//!
//! Each state is asked twice: with the place of the plate in the picture as the localizer measured it, and with the picture and
//! the pose alone. `tools/onnx_against_rust.py` compares the same states with the policy's ONNX model.
//!
//! `cargo run --release --example policy_on_log -- runs/table-hindsight-seed0`

use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context;
use rmrl::{TrainedPolicy, read_records};
use rmrl_core::Observation;
use rmrl_vision::read_color_image;
use serde_json::{Value, json};

fn main() -> anyhow::Result<()> {
    let run = std::env::args().nth(1).context("expected the directory of a run")?;
    let run = PathBuf::from(run);
    let trained = TrainedPolicy::open(&run)?;
    let mut lines = std::io::stdout().lock();
    for record in read_records(&run)? {
        let (Some(image), Some(pose)) = (&record.images.start, record.estimated_pose) else {
            continue;
        };
        let picture = Arc::new(read_color_image(&run.join(image))?);
        let asked = |seen| -> anyhow::Result<Value> {
            Ok(answer(&trained, &trained.observation(Arc::clone(&picture), pose, seen)?))
        };
        let line = json!({
            "trial": record.trial,
            "image": image,
            "pose": [pose.x_m, pose.y_m, pose.yaw_rad],
            "plate_in_image": record.plate_in_image.map(|seen| [seen.u_px, seen.v_px, seen.diagonal_px]),
            "measured": asked(record.plate_in_image)?,
            "pose_alone": asked(None)?,
        });
        writeln!(lines, "{line}")?;
    }
    Ok(())
}

/// What the policy does in a state.
fn answer(trained: &TrainedPolicy, observation: &Observation) -> Value {
    let policy = trained.policy();
    let state = policy.encode(observation);
    let decision = policy.decide_in(&state);
    let pick = observation.estimated_pose.adjusted(decision.adjustment);
    json!({
        "probabilities": policy.distribution(&state),
        "action_index": rmrl_learn::most_likely(&policy.distribution(&state)),
        "correction": [decision.adjustment.dx_m, decision.adjustment.dy_m, decision.adjustment.dyaw_rad],
        "pick": [pick.x_m, pick.y_m, pick.yaw_rad],
        "features": policy.features_of(&state),
        "ood_score": policy.ood_score(&state).map(|score| [score.pose, score.image]),
        "abstains": decision.abstained,
    })
}
