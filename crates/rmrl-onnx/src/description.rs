//! What a model says of itself: its description, and metadata as JSON.

use rmrl_learn::Policy;
use rmrl_vision::PlateProjection;
use serde_json::{Value, json};

use crate::messages::Entry;

/// What a model says of a policy beside the policy itself.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelNotes {
    /// The name of the run.
    pub run: String,
    /// The method that trained it.
    pub method: String,
}

/// The version of inputs, outputs and metadata.
const FORMAT: u32 = 1;

/// The description for people.
pub(crate) const DOC: &str = "Corrects the pose at which a robot arm picks up a cell plate. Inputs: the whole picture of the overhead \
     camera and the plate's estimated pose. Outputs: the correction, where to pick, the probabilities of all candidates, and \
     whether the policy abstains. Meters and radians in the world frame, which is the robot's base, z up.";

/// The entries of the metadata, in their order. Values are JSON, except `description`.
pub(crate) fn metadata(
    policy: &Policy,
    projection: Option<&PlateProjection>,
    notes: &ModelNotes,
) -> Vec<Entry> {
    let [dx, dy, dyaw] = policy.actions().candidates();
    let scaling = policy.scaling();
    let center = scaling.center;
    let ood = policy.config().ood;
    let support = policy.support();
    let scale = support.map(|support| support.scale());
    let entries = [
        ("format", json!(FORMAT)),
        ("run", json!(notes.run)),
        ("method", json!(notes.method)),
        ("dimensions", json!(["dx", "dy", "dyaw"])),
        ("units", json!(["m", "m", "rad"])),
        ("frame", json!("world: the robot's base, z up; yaw counterclockwise about z")),
        ("candidates", json!({ "dx": dx, "dy": dy, "dyaw": dyaw })),
        ("network", json!(policy.shape())),
        ("color_mean", decimals(rmrl_learn::COLOR_MEAN)),
        ("color_deviation", decimals(rmrl_learn::COLOR_DEVIATION)),
        (
            "pose_scaling",
            json!({
                "center": [center.x_m, center.y_m, center.yaw_rad],
                "half_extent": scaling.half_extent,
            }),
        ),
        (
            "abstention",
            json!({
                "abstains": ood.abstain && support.is_some(),
                "threshold": ood.threshold,
                "training_states": support.map_or(0, rmrl_learn::OodDetector::len),
                "pose_scale": scale.map(|scale| scale.pose),
                "feature_scale": scale.map(|scale| scale.features),
            }),
        ),
        ("camera", projection.map_or(Value::Null, camera)),
        ("plate", projection.map_or(Value::Null, plate)),
    ];
    let described = Entry { key: "description".to_string(), value: DOC.to_string() };
    let entries = entries
        .into_iter()
        .map(|(key, value)| Entry { key: key.to_string(), value: value.to_string() });
    std::iter::once(described).chain(entries).collect()
}

/// 32-bit numbers with as many digits as they have.
fn decimals(values: [f32; 3]) -> Value {
    json!(values.map(|value| value.to_string().parse().unwrap_or(f64::from(value))))
}

fn camera(projection: &PlateProjection) -> Value {
    let world_from_camera = projection.camera.world_from_camera;
    let rotation = world_from_camera.rotation.to_rotation_matrix();
    let rows = [0, 1, 2].map(|row| [0, 1, 2].map(|column| rotation[(row, column)]));
    let translation: [f64; 3] = world_from_camera.translation.vector.into();
    json!({
        "intrinsics": projection.camera.intrinsics,
        "world_from_camera": { "rotation": rows, "translation_m": translation },
    })
}

fn plate(projection: &PlateProjection) -> Value {
    json!({
        "diagonal_m": projection.diagonal_m,
        "height_m": projection.height_m,
        "surface_above_m": projection.surface_above_m,
    })
}
