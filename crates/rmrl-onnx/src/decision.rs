//! What a deployed policy does: the scaled pose, the abstention, the correction.

use std::f64::consts::{PI, TAU};

use rmrl_learn::{OodDetector, Policy, PoseScaling};

use crate::graph::{Graph, Value, int};
use crate::messages::ElementKind;

/// The pose as the network takes it, 32-bit `[1, 3]`, of a pose `[x, y, yaw]` in meters and radians.
pub(crate) fn scaled_pose(graph: &mut Graph, pose: Value, scaling: &PoseScaling) -> Value {
    let center = scaling.center;
    let [x, y, yaw] = [0, 1, 2].map(|index| graph.element(pose, index));
    let x = graph.op_f64("Sub", x, center.x_m);
    let y = graph.op_f64("Sub", y, center.y_m);
    let turned = graph.op_f64("Sub", yaw, center.yaw_rad);
    let yaw = wrapped(graph, turned);
    let offsets = graph.list(&[x, y, yaw]);
    let extent = graph.f64s(&[3], &scaling.half_extent);
    let scaled = graph.op("Div", &[offsets, extent]);
    let scaled = graph.cast(scaled, ElementKind::F32);
    graph.reshape(scaled, &[1, 3])
}

/// An angle, wrapped into `(-π, π]`.
fn wrapped(graph: &mut Graph, angle: Value) -> Value {
    let turn = graph.f64(TAU);
    let rest = graph.op_with("Mod", &[angle, turn], vec![int("fmod", 1)]);
    let [zero, half] = [0.0, PI].map(|value| graph.f64(value));
    let is_negative = graph.op("Less", &[rest, zero]);
    let more = graph.op("Add", &[rest, turn]);
    let rest = graph.op("Where", &[is_negative, more, rest]);
    let is_large = graph.op("Greater", &[rest, half]);
    let less = graph.op("Sub", &[rest, turn]);
    graph.op("Where", &[is_large, less, rest])
}

/// How unlike the training states a state is, 64-bit `[2]`, of pose and image; NaN for a policy that does not know them.
pub(crate) fn ood_score(
    graph: &mut Graph,
    support: Option<&OodDetector>,
    scaled_pose: Value,
    features: Option<Value>,
) -> Value {
    let Some(support) = support else {
        return graph.f64s(&[2], &[f64::NAN; 2]);
    };
    let scale = support.scale();
    let poses = graph.f32s(&[support.len(), 3], &support.poses().concat());
    let pose = nearest(graph, poses, scaled_pose, scale.pose);
    let image = match features {
        Some(features) => {
            let width = support.features().first().map_or(0, Vec::len);
            let known = graph.f32s(&[support.len(), width], &support.features().concat());
            nearest(graph, known, features, scale.features)
        }
        None => graph.f64(0.0),
    };
    graph.list(&[pose, image])
}

/// The distance from a row, `[1, width]`, to the nearest of `rows`, `[rows, width]`, in units of `scale`.
fn nearest(graph: &mut Graph, rows: Value, row: Value, scale: f32) -> Value {
    let offsets = graph.op("Sub", &[rows, row]);
    let squares = graph.op("Mul", &[offsets, offsets]);
    let axis = graph.i64s(&[1]);
    let sums = graph.op_with("ReduceSum", &[squares, axis], vec![int("keepdims", 0)]);
    let least = graph.op_with("ReduceMin", &[sums], vec![int("keepdims", 0)]);
    let distance = graph.op("Sqrt", &[least]);
    let distance = graph.cast(distance, ElementKind::F64);
    let zero = graph.f64(0.0);
    let is_zero = graph.op("Equal", &[distance, zero]);
    let scaled = graph.op_f64("Div", distance, f64::from(scale));
    graph.op("Where", &[is_zero, zero, scaled])
}

/// Whether the policy abstains: no training state is like this one. A policy without these never does.
pub(crate) fn abstains(graph: &mut Graph, policy: &Policy, ood_score: Value) -> Value {
    let ood = policy.config().ood;
    let worst = graph.op_with("ReduceMax", &[ood_score], vec![int("keepdims", 0)]);
    let threshold = graph.f64(ood.threshold);
    let is_known = match policy.support().is_some() && ood.abstain {
        true => graph.op("LessOrEqual", &[worst, threshold]),
        false => graph.op("Equal", &[threshold, threshold]),
    };
    graph.op("Not", &[is_known])
}

/// The most likely candidate of each dimension: its number, `[3]`, and its value, 64-bit `[3]`, zeros where the policy abstains.
pub(crate) fn correction(
    graph: &mut Graph,
    policy: &Policy,
    probabilities: [Value; 3],
    abstains: Value,
) -> [Value; 2] {
    let index = probabilities.map(|probabilities| {
        let options = vec![int("axis", 0), int("keepdims", 1)];
        graph.op_with("ArgMax", &[probabilities], options)
    });
    let mut values = index;
    for (value, candidates) in values.iter_mut().zip(policy.actions().candidates()) {
        let candidates = graph.f64s(&[candidates.len()], candidates);
        *value = graph.op("Gather", &[candidates, *value]);
    }
    let [index, values] =
        [index, values].map(|values| graph.op_with("Concat", &values, vec![int("axis", 0)]));
    let none = graph.f64s(&[3], &[0.0; 3]);
    [index, graph.op("Where", &[abstains, none, values])]
}

/// The pose at which to pick, Eq. 1.
pub(crate) fn pick(graph: &mut Graph, pose: Value, correction: Value) -> Value {
    let sum = graph.op("Add", &[pose, correction]);
    let [x, y, yaw] = [0, 1, 2].map(|index| graph.element(sum, index));
    let yaw = wrapped(graph, yaw);
    graph.list(&[x, y, yaw])
}
