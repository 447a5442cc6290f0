//! A policy as an ONNX model: its graph with inputs and outputs.

use prost::Message;
use rmrl_learn::{ImageView, NetworkShape, Policy};
use rmrl_vision::PlateProjection;

use crate::decision::{abstains, correction, ood_score, pick, scaled_pose};
use crate::description::{DOC, ModelNotes, metadata};
use crate::graph::{Graph, Port, Size, Value};
use crate::messages::{ElementKind, GraphMessage, Model, OperatorSet};
use crate::network::Weights;
use crate::projection::{PlateValues, plate_in_image};
use crate::view::{normalized, seen};

/// The version of ONNX's intermediate representation.
const IR_VERSION: i64 = 8;
/// The version of ONNX's operators: that of ONNX 1.12 and onnxruntime 1.12, of 2022.
const OPSET: i64 = 17;

/// The bytes of an ONNX model that decides as `policy` does, from the whole picture and the plate's pose to the correction.
///
/// `projection` says where the picture shows a plate at a pose. Without one, a policy that sees a square around the plate takes
/// that place as a third input. The same policy makes the same bytes. `docs/onnx.md` describes inputs, outputs and metadata.
pub fn onnx_model(
    policy: &Policy,
    projection: Option<&PlateProjection>,
    notes: &ModelNotes,
) -> Vec<u8> {
    let model = Model {
        ir_version: IR_VERSION,
        opset_import: vec![OperatorSet { domain: String::new(), version: OPSET }],
        producer_name: "rmrl".to_string(),
        producer_version: env!("CARGO_PKG_VERSION").to_string(),
        doc_string: DOC.to_string(),
        graph: Some(graph(policy, projection)),
        metadata: metadata(policy, projection, notes),
    };
    model.encode_to_vec()
}

fn graph(policy: &Policy, projection: Option<&PlateProjection>) -> GraphMessage {
    let mut graph = Graph::default();
    let size = projection.map(|projection| projection.camera.intrinsics);
    let [height, width] = match size {
        Some(lens) => [lens.height, lens.width].map(|size| Size::Known(size as usize)),
        None => [Size::Open("height"), Size::Open("width")],
    };
    let image = graph.input(&Port {
        name: "image",
        element: ElementKind::U8,
        shape: &[height, width, Size::Known(3)],
        doc: "The whole picture of the overhead camera, RGB, from its upper left corner.",
    });
    let pose = graph.input(&Port {
        name: "pose",
        element: ElementKind::F64,
        shape: &[Size::Known(3)],
        doc: "The estimated pose of the plate in the world frame: x and y in meters, yaw in radians.",
    });
    let weights = Weights::of(policy);
    let NetworkShape { view, image_size, .. } = *policy.shape();
    let plate = match view {
        ImageView::Crop { .. } => Some(place_of_plate(&mut graph, projection, pose)),
        ImageView::Global | ImageView::None => None,
    };
    let features = (view != ImageView::None).then(|| {
        let seen = seen(&mut graph, image, view, plate, image_size);
        output_view(&mut graph, seen, image_size);
        let images = normalized(&mut graph, seen);
        weights.encoder(&mut graph, images)
    });
    decide(&mut graph, policy, &weights, (pose, features));
    graph.finish("policy")
}

/// Where the picture shows the plate: what the caller gives, or else what follows from the pose.
fn place_of_plate(
    graph: &mut Graph,
    projection: Option<&PlateProjection>,
    pose: Value,
) -> PlateValues {
    let port = Port {
        name: "plate_in_image",
        element: ElementKind::F64,
        shape: &[Size::Known(3)],
        doc: "Where the picture shows the plate, as the localizer measured it: u and v of its center, and the length of its diagonal, \
              in pixels. Where this input is optional, they else follow from the pose.",
    };
    match projection {
        Some(projection) => {
            let given = graph.optional_input(&port, &[f64::NAN; 3]);
            plate_in_image(graph, projection, pose, given)
        }
        None => {
            let given = graph.input(&port);
            PlateValues::of_list(graph, given)
        }
    }
}

fn output_view(graph: &mut Graph, seen: Value, size: usize) {
    let view = graph.cast(seen, ElementKind::U8);
    let [side, colors] = [size, 3].map(Size::Known);
    let port = Port {
        name: "view",
        element: ElementKind::U8,
        shape: &[side, side, colors],
        doc: "The part of the picture that the network sees, RGB.",
    };
    graph.output(&port, view);
}

/// From the pose and the image features, if there are any, to the outputs.
fn decide(
    graph: &mut Graph,
    policy: &Policy,
    weights: &Weights<'_>,
    (pose, features): (Value, Option<Value>),
) {
    let scaled = scaled_pose(graph, pose, &policy.scaling());
    let joint = weights.joint(graph, features, scaled);
    let probabilities = [0, 1, 2].map(|head| weights.probabilities(graph, joint, head));
    let score = ood_score(graph, policy.support(), scaled, features);
    let abstains = abstains(graph, policy, score);
    let [index, correction] = correction(graph, policy, probabilities, abstains);
    let pick = pick(graph, pose, correction);

    output_probabilities(graph, probabilities, policy.actions().sizes());
    output_decision(graph, &Outputs { index, correction, pick, score, abstains });
    if let Some(features) = features {
        let features = graph.reshape(features, &[-1]);
        let port = Port {
            name: "features",
            element: ElementKind::F32,
            shape: &[Size::Known(policy.shape().features())],
            doc: "The features of the picture.",
        };
        graph.output(&port, features);
    }
}

/// The outputs that say what a policy decides.
struct Outputs {
    index: Value,
    correction: Value,
    pick: Value,
    score: Value,
    abstains: Value,
}

fn output_probabilities(graph: &mut Graph, probabilities: [Value; 3], sizes: [usize; 3]) {
    let names = ["p_dx", "p_dy", "p_dyaw"];
    for ((name, value), size) in names.into_iter().zip(probabilities).zip(sizes) {
        let shape = &[Size::Known(size)];
        let doc = "The probability of each candidate of this dimension.";
        graph.output(&Port { name, element: ElementKind::F32, shape, doc }, value);
    }
}

fn output_decision(graph: &mut Graph, outputs: &Outputs) {
    let three: &[Size] = &[Size::Known(3)];
    for (value, name, element, shape, doc) in [
        (
            outputs.index,
            "action_index",
            ElementKind::I64,
            three,
            "The most likely candidate of dx, dy and dyaw, counted from 0.",
        ),
        (
            outputs.correction,
            "correction",
            ElementKind::F64,
            three,
            "What a deployed policy adds to the pose: dx and dy in meters, dyaw in radians, world frame; zeros where it abstains.",
        ),
        (
            outputs.pick,
            "pick",
            ElementKind::F64,
            three,
            "Where to pick: the pose with the correction; meters and radians, world frame.",
        ),
        (
            outputs.score,
            "ood_score",
            ElementKind::F64,
            &[Size::Known(2)],
            "How unlike the training states pose and image are; NaN for a policy that does not know its training states.",
        ),
        (
            outputs.abstains,
            "abstains",
            ElementKind::Bool,
            &[],
            "Whether no training state is like this one.",
        ),
    ] {
        graph.output(&Port { name, element, shape, doc }, value);
    }
}
