//! Ask the policy of a run in many states, from standard input, and print what it does in each as a line of JSON.
//!
//! A state is a line of JSON: the file of a picture, the estimated pose of the plate in meters and radians, and where the picture
//! shows the plate as the localizer measured it (u and v of its center and its diagonal, in pixels), or null to compute that from
//! the pose. `tools/onnx_against_rust.py` compares the answers with those of the policy's ONNX model.
//!
//! `echo '{"image": "start.png", "pose": [0.32, -0.05, 0.1], "plate_in_image": null}' |
//! cargo run --release --example policy_states -- runs/table-hindsight-seed0`

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use rmrl::TrainedPolicy;
use rmrl_core::{Observation, PlanarPose, PlateInImage};
use rmrl_vision::read_color_image;
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Deserialize)]
struct State {
    image: PathBuf,
    /// Meters, meters, radians.
    pose: [f64; 3],
    /// Pixels.
    plate_in_image: Option<[f64; 3]>,
}

fn main() -> anyhow::Result<()> {
    let run = std::env::args().nth(1).context("expected the directory of a run")?;
    let trained = TrainedPolicy::open(Path::new(&run))?;
    let mut answers = std::io::stdout().lock();
    for line in std::io::stdin().lines() {
        let state: State = serde_json::from_str(&line?)?;
        let picture = read_color_image(&state.image)?;
        let [x_m, y_m, yaw_rad] = state.pose;
        let seen = state.plate_in_image.map(|[u_px, v_px, diagonal_px]| PlateInImage {
            u_px,
            v_px,
            diagonal_px,
        });
        let pose = PlanarPose { x_m, y_m, yaw_rad };
        let observation = trained.observation(Arc::new(picture), pose, seen)?;
        writeln!(answers, "{}", answer(&trained, &observation))?;
    }
    Ok(())
}

/// What the policy does in a state.
fn answer(trained: &TrainedPolicy, observation: &Observation) -> Value {
    let policy = trained.policy();
    let state = policy.encode(observation);
    let decision = policy.decide_in(&state);
    let probabilities = policy.distribution(&state);
    let (change, pick) =
        (decision.adjustment, observation.estimated_pose.adjusted(decision.adjustment));
    json!({
        "action_index": rmrl_learn::most_likely(&probabilities),
        "probabilities": probabilities,
        "correction": [change.dx_m, change.dy_m, change.dyaw_rad],
        "pick": [pick.x_m, pick.y_m, pick.yaw_rad],
        "view_adler32": policy.view_of(observation).map(|view| adler32(view.as_raw())),
        "features": policy.features_of(&state),
        "ood_score": policy.ood_score(&state).map(|score| [score.pose, score.image]),
        "abstains": decision.abstained,
    })
}

/// A checksum that other languages have, too.
fn adler32(bytes: &[u8]) -> u32 {
    let (mut low, mut high) = (1, 0);
    for byte in bytes {
        low = (low + u32::from(*byte)) % 65521;
        high = (high + low) % 65521;
    }
    (high << 16) | low
}
