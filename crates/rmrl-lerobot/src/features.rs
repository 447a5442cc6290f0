//! The features of a frame: what a completed trial says to somebody who trains a policy.

use rmrl_core::{GraspFailure, PlanarPose, Purpose};
use rmrl_data::{FailureRecord, TrialRecord};
use serde_json::{Map, Value, json};

/// The feature of the image before the action.
pub(crate) const IMAGE: &str = "observation.images.overhead";

/// A frame: one completed trial, with its place in the dataset.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Frame<'a> {
    pub record: &'a TrialRecord,
    /// The run, counted from 0 in the order of the dataset.
    pub run: usize,
    /// The episode, counted from 0. It has one frame, which has the same number.
    pub episode: usize,
    /// The task of the run.
    pub task: usize,
}

/// The value of a feature.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Cell {
    Floats(Vec<f32>),
    Integers(Vec<i64>),
    Boolean(bool),
    Text(&'static str),
}

/// A feature of a frame, apart from its image.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Feature {
    pub key: &'static str,
    /// The type, as NumPy names it.
    pub dtype: &'static str,
    /// The name of each entry, with its unit. LeRobot's own features have none.
    pub names: &'static [&'static str],
    /// Whether it is NaN where it is not known.
    pub may_be_unknown: bool,
    pub value: fn(Frame<'_>) -> Cell,
}

const fn feature(
    key: &'static str,
    dtype: &'static str,
    names: &'static [&'static str],
    value: fn(Frame<'_>) -> Cell,
) -> Feature {
    Feature { key, dtype, names, may_be_unknown: false, value }
}

const fn partly_known(
    key: &'static str,
    names: &'static [&'static str],
    value: fn(Frame<'_>) -> Cell,
) -> Feature {
    Feature { key, dtype: "float32", names, may_be_unknown: true, value }
}

const POSE: &[&str] = &["x_m", "y_m", "yaw_rad"];

/// The features of a frame, in the order of the columns. Names that begin with `observation` or `action` are what LeRobot
/// gives to a policy; all others it leaves alone. LeRobot expects the statistics of an image of every feature whose name
/// has `image` in it.
pub(crate) const FEATURES: &[Feature] = &[
    feature("observation.state", "float32", POSE, |frame| pose(frame.record.estimated_pose)),
    feature("observation.plate_px", "float32", &["u_px", "v_px", "diagonal_px"], |frame| {
        let plate = frame.record.plate_in_image;
        floats(plate.map(|plate| [plate.u_px, plate.v_px, plate.diagonal_px]))
    }),
    feature("action", "float32", &["dx_m", "dy_m", "dyaw_rad"], |frame| {
        let action = frame.record.adjustment;
        floats(action.map(|action| [action.dx_m, action.dy_m, action.dyaw_rad]))
    }),
    feature("next.reward", "float32", &["reward"], |frame| floats(frame.record.reward.map(one))),
    feature("next.done", "bool", &["done"], |_| Cell::Boolean(true)),
    feature("next.success", "bool", &["seated"], |frame| {
        Cell::Boolean(frame.record.seated.unwrap_or(false))
    }),
    feature("outcome", "string", &["outcome"], |frame| Cell::Text(outcome(frame.record))),
    partly_known("next.e_trans_m", &["e_trans_m"], |frame| floats(frame.record.e_trans_m.map(one))),
    partly_known("next.e_rot", &["e_rot"], |frame| floats(frame.record.e_rot.map(one))),
    partly_known("next.final_pose", POSE, |frame| pose(frame.record.final_pose)),
    partly_known("target_pose", POSE, |frame| pose(frame.record.target_pose)),
    partly_known("pick_pose", POSE, |frame| pose(frame.record.pick_pose)),
    partly_known("interval_m", &["interval_m"], |frame| floats(frame.record.interval_m.map(one))),
    partly_known("true_e_trans_m", &["e_trans_m"], |frame| {
        floats(frame.record.true_e_trans_m.map(one))
    }),
    partly_known("true_yaw_error_rad", &["yaw_error_rad"], |frame| {
        floats(frame.record.true_yaw_error_rad.map(one))
    }),
    feature("candidate", "int64", &["dx", "dy", "dyaw"], |frame| {
        let index = frame.record.action_index.map_or([-1; 3], |index| index.0.map(|at| at as i64));
        Cell::Integers(index.to_vec())
    }),
    feature("abstained", "bool", &["abstained"], |frame| Cell::Boolean(frame.record.abstained)),
    feature("suspect", "bool", &["suspect"], |frame| Cell::Boolean(frame.record.suspect)),
    feature("purpose", "string", &["purpose"], |frame| {
        Cell::Text(match frame.record.purpose {
            Purpose::Training => "training",
            Purpose::Test => "test",
        })
    }),
    feature("run", "int64", &["run"], |frame| integer(frame.run)),
    feature("trial", "int64", &["trial"], |frame| integer(frame.record.trial as usize)),
    feature("attempt", "int64", &["attempt"], |frame| integer(frame.record.attempt as usize)),
    feature("scene", "int64", &["scene"], |frame| integer(frame.record.scene as usize)),
    feature("timestamp", "float32", &[], |_| Cell::Floats(vec![0.0])),
    feature("frame_index", "int64", &[], |_| integer(0)),
    feature("episode_index", "int64", &[], |frame| integer(frame.episode)),
    feature("index", "int64", &[], |frame| integer(frame.episode)),
    feature("task_index", "int64", &[], |frame| integer(frame.task)),
];

fn one(value: f64) -> [f64; 1] {
    [value]
}

fn integer(value: usize) -> Cell {
    Cell::Integers(vec![value as i64])
}

/// Numbers as LeRobot keeps them; NaN where they are not known.
fn floats<const N: usize>(values: Option<[f64; N]>) -> Cell {
    let known = |values: [f64; N]| values.iter().map(|value| *value as f32).collect();
    Cell::Floats(values.map_or_else(|| vec![f32::NAN; N], known))
}

fn pose(pose: Option<PlanarPose>) -> Cell {
    floats(pose.map(|pose| [pose.x_m, pose.y_m, pose.yaw_rad]))
}

fn outcome(record: &TrialRecord) -> &'static str {
    match &record.failure {
        Some(FailureRecord::NotGrasped { cause, .. }) => match cause {
            GraspFailure::FingerOnPlate => "finger_on_plate",
            GraspFailure::Missed => "missed",
            GraspFailure::Slipped => "slipped",
        },
        Some(FailureRecord::Fault { .. }) | None => "placed",
    }
}

/// All features as `meta/info.json` describes them.
pub(crate) fn described((width, height): (u32, u32)) -> Map<String, Value> {
    let image = json!({
        "dtype": "image",
        "shape": [height, width, 3],
        "names": ["height", "width", "channels"],
    });
    let mut features = Map::from_iter([(IMAGE.to_string(), image)]);
    for Feature { key, dtype, names, .. } in FEATURES {
        let names = if names.is_empty() { Value::Null } else { json!(names) };
        let entries = names.as_array().map_or(1, Vec::len);
        let described = json!({ "dtype": dtype, "shape": [entries], "names": names });
        features.insert((*key).to_string(), described);
    }
    features
}

/// All features as the library `datasets` describes them, so that it shows images without LeRobot, too.
pub(crate) fn described_for_datasets() -> Value {
    let value = |dtype: &str| json!({ "dtype": dtype, "_type": "Value" });
    let mut features = Map::from_iter([(IMAGE.to_string(), json!({ "_type": "Image" }))]);
    for Feature { key, dtype, names, .. } in FEATURES {
        let described = match names.len() {
            0 | 1 => value(dtype),
            length => json!({ "feature": value(dtype), "length": length, "_type": "Sequence" }),
        };
        features.insert((*key).to_string(), described);
    }
    json!({ "info": { "features": features } })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// LeRobot takes features for images by their names, and features for inputs of a policy.
    #[test]
    fn names_are_taken_for_what_they_are() {
        for feature in FEATURES {
            assert!(!feature.key.contains("image"), "{}", feature.key);
            assert!(!feature.key.contains('/'), "{}", feature.key);
        }
        let inputs = FEATURES.iter().filter(|feature| feature.key.starts_with("observation"));
        let inputs: Vec<&str> = inputs.map(|feature| feature.key).collect();
        assert_eq!(inputs, ["observation.state", "observation.plate_px"]);
        let actions = FEATURES.iter().filter(|feature| feature.key.starts_with("action"));
        assert_eq!(actions.count(), 1);
    }
}
