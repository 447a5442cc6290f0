//! A policy as an ONNX model: its graph with inputs and outputs.

use prost::Message;
use rmrl_learn::{ImageView, Policy};
use rmrl_vision::PlateProjection;

use crate::decision::{abstains, correction, ood_score, pick, scaled_pose};
use crate::description::{DOC, metadata};
use crate::graph::{Graph, Port, Size, Value};
use crate::messages::{ElementKind, GraphMessage, Model, OperatorSet};
use crate::network::Weights;
use crate::projection::plate_in_image;
use crate::view::{normalized, seen};

/// The version of ONNX's intermediate representation.
const IR_VERSION: i64 = 8;
/// The version of ONNX's operators: that of ONNX 1.12 and onnxruntime 1.12, of 2022.
const OPSET: i64 = 17;

/// What a model says of a policy beside the policy itself.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelNotes {
    /// The name of the run.
    pub run: String,
    /// The method that trained it.
    pub method: String,
}

/// Why a policy cannot be a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OnnxError {
    /// The policy sees a square around the plate, and no camera says where the picture shows the plate.
    #[error(
        "the policy sees a square around the plate; expected the camera, which says where the picture shows it"
    )]
    NoCamera,
}

/// The bytes of an ONNX model that decides as `policy` does, from the whole picture and the plate's pose to the correction.
///
/// `projection` says where the picture shows a plate at a pose; a policy that sees no square around the plate needs none.
/// The same policy makes the same bytes. Inputs, outputs and metadata are described in `docs/onnx.md`.
///
/// # Errors
/// The policy sees a square around the plate, and there is no projection.
pub fn onnx_model(
    policy: &Policy,
    projection: Option<&PlateProjection>,
    notes: &ModelNotes,
) -> Result<Vec<u8>, OnnxError> {
    let model = Model {
        ir_version: IR_VERSION,
        opset_import: vec![OperatorSet { domain: String::new(), version: OPSET }],
        producer_name: "rmrl".to_string(),
        producer_version: env!("CARGO_PKG_VERSION").to_string(),
        doc_string: DOC.to_string(),
        graph: Some(graph(policy, projection)?),
        metadata: metadata(policy, projection, notes),
    };
    Ok(model.encode_to_vec())
}

fn graph(policy: &Policy, projection: Option<&PlateProjection>) -> Result<GraphMessage, OnnxError> {
    let graph = &mut Graph::default();
    let shape = policy.shape();
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
    let three = &[Size::Known(3)];
    let pose = graph.input(&Port {
        name: "pose",
        element: ElementKind::F64,
        shape: three,
        doc: "The estimated pose of the plate in the world frame: x and y in meters, yaw in radians.",
    });

    let features = match shape.view {
        ImageView::None => None,
        view => {
            let plate = match (view, projection) {
                (ImageView::Crop { .. }, None) => return Err(OnnxError::NoCamera),
                (ImageView::Crop { .. }, Some(projection)) => {
                    let given = graph.optional_input(
                        &Port {
                            name: "plate_in_image",
                            element: ElementKind::F64,
                            shape: three,
                            doc: "Optional: where the picture shows the plate, as the localizer measured it: u and v of its \
                                  center, and the length of its diagonal, in pixels. Without it they follow from the pose.",
                        },
                        &[f64::NAN; 3],
                    );
                    Some(plate_in_image(graph, projection, pose, given))
                }
                _ => None,
            };
            let seen = seen(graph, image, view, plate, shape.image_size);
            output_view(graph, seen, shape.image_size);
            Some(seen)
        }
    };
    let weights = Weights::of(policy);
    let features = features.map(|seen| {
        let images = normalized(graph, seen);
        weights.encoder(graph, images)
    });
    decide(graph, policy, &weights, (pose, features));
    Ok(std::mem::take(graph).finish("policy"))
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

    let sizes = policy.actions().sizes();
    let names = ["p_dx", "p_dy", "p_dyaw"];
    for ((name, value), size) in names.into_iter().zip(probabilities).zip(sizes) {
        let shape = &[Size::Known(size)];
        let doc = "The probability of each candidate of this dimension.";
        graph.output(&Port { name, element: ElementKind::F32, shape, doc }, value);
    }
    let three: &[Size] = &[Size::Known(3)];
    for (value, name, element, shape, doc) in [
        (
            index,
            "action_index",
            ElementKind::I64,
            three,
            "The most likely candidate of dx, dy and dyaw, counted from 0.",
        ),
        (
            correction,
            "correction",
            ElementKind::F64,
            three,
            "What a deployed policy adds to the pose: dx and dy in meters, dyaw in radians, world frame; zeros where it abstains.",
        ),
        (
            pick,
            "pick",
            ElementKind::F64,
            three,
            "Where to pick: the pose with the correction; meters and radians, world frame.",
        ),
        (
            score,
            "ood_score",
            ElementKind::F64,
            &[Size::Known(2)],
            "How unlike the training states pose and image are; NaN for a policy that does not know its training states.",
        ),
        (
            abstains,
            "abstains",
            ElementKind::Bool,
            &[],
            "Whether no training state is like this one.",
        ),
    ] {
        graph.output(&Port { name, element, shape, doc }, value);
    }
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
