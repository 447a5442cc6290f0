//! A model of a policy, run by `rten`, does what the policy does.
//!
//! `rten` has no 64-bit numbers and rounds the model's to 32 bits, so a view may differ from the policy's by one gray level.
//! `tools/onnx_against_rust.py` compares the bytes under onnxruntime.

#![allow(clippy::unwrap_used, reason = "a test that fails at an unwrap has done its work")]

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use image::{Rgb, RgbImage};
use nalgebra::{Isometry3, Translation3, UnitQuaternion};
use rand::RngExt;
use rmrl_core::{ActionSpace, Observation, PlanarPose, PlateInImage, Rng, random_stream};
use rmrl_learn::{
    EncoderConfig, EncoderWeights, Metadata, Policy, PolicyConfig, PoseScaling, ViewName,
    most_likely,
};
use rmrl_onnx::{ModelNotes, onnx_model};
use rmrl_vision::{CameraModel, Distortion, Intrinsics, LocalizerConfig, PlateProjection};
use rten::{Model, Value};
use rten_tensor::prelude::*;
use rten_tensor::{NdTensor, Tensor};
use safetensors::tensor::{Dtype, TensorView};
use safetensors::{SafeTensors, serialize};
use serde_json::json;

const WIDTH: u32 = 80;
const HEIGHT: u32 = 60;
const SIZE: usize = 32;
const KNOWN_STATES: usize = 4;

fn rng() -> Rng {
    random_stream(3, "onnx", [0, 0])
}

fn projection() -> PlateProjection {
    let camera = CameraModel {
        intrinsics: Intrinsics {
            width: WIDTH,
            height: HEIGHT,
            fx: 76.0,
            fy: 77.0,
            cx: 41.0,
            cy: 29.0,
            distortion: Distortion { k1: 0.12, k2: -0.25, p1: 0.002, p2: -0.003, k3: 0.05 },
        },
        world_from_camera: Isometry3::from_parts(
            Translation3::new(0.36, 0.0, 0.8),
            UnitQuaternion::from_euler_angles(3.1, 0.05, 1.5),
        ),
    };
    PlateProjection::new(camera, &LocalizerConfig::default(), 0.011)
}

fn config(view: ViewName, weights: EncoderWeights) -> PolicyConfig {
    let encoder = EncoderConfig {
        depth: 18,
        base_width: if weights == EncoderWeights::Random { 32 } else { 4 },
        image_size: SIZE,
        train: false,
        weights,
    };
    PolicyConfig { view, encoder, pose_width: 9, head_width: 17, ..PolicyConfig::default() }
}

/// A policy whose weights are all other than a new one's, and which knows some training states.
fn trained(config: &PolicyConfig) -> Policy {
    let actions = ActionSpace::symmetric([5, 7, 3], [0.002, 0.001, 0.03]).unwrap();
    let scaling = PoseScaling::new(PlanarPose::new(0.3, -0.1, 2.9), [0.1, 0.2, 0.5]);
    let new = Policy::new(config, &actions, scaling, 5).unwrap();
    let bytes = new.to_safetensors(&Metadata::new());
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let rng = &mut rng();
    let mut tensors: Vec<(String, Vec<usize>, Vec<f32>)> = Vec::new();
    for (name, view) in file.tensors() {
        let words = view.data().as_chunks::<4>().0.iter();
        let mut values: Vec<f32> = words.map(|word| f32::from_le_bytes(*word)).collect();
        for value in &mut values {
            let draw: f32 = rng.random();
            *value = match name.as_str() {
                name if name.ends_with("running_var") => 0.5 + draw,
                name if name.contains(".fc2.") && name.starts_with("heads.") => 3.0 * (draw - 0.5),
                name if view.shape().len() == 1 && name.ends_with("weight") => 0.5 + draw,
                _ if view.shape().len() == 1 => *value + 0.4 * (draw - 0.5),
                _ => *value,
            };
        }
        tensors.push((name, view.shape().to_vec(), values));
    }
    let mut states = |name: &str, width: usize| {
        let values = (0..KNOWN_STATES * width).map(|_| rng.random::<f32>()).collect();
        tensors.push((name.to_string(), vec![KNOWN_STATES, width], values));
    };
    states("support.poses", 3);
    states("support.features", new.shape().features());

    let (_, header) = SafeTensors::read_metadata(&bytes).unwrap();
    let mut notes: serde_json::Value =
        serde_json::from_str(&header.metadata().as_ref().unwrap()["rmrl"]).unwrap();
    notes["policy"]["reach"] = json!({ "pose": 1.0, "features": 1000.0 });
    let notes = HashMap::from([("rmrl".to_string(), notes.to_string())]);
    let written: Vec<(String, Vec<usize>, Vec<u8>)> = tensors
        .into_iter()
        .map(|(name, shape, values)| {
            (name, shape, values.into_iter().flat_map(f32::to_le_bytes).collect())
        })
        .collect();
    let views = written.iter().map(|(name, shape, bytes)| {
        (name, TensorView::new(Dtype::F32, shape.clone(), bytes).unwrap())
    });
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("policy.safetensors");
    std::fs::write(&path, serialize(views, Some(notes)).unwrap()).unwrap();
    Policy::from_file(&path, config).unwrap()
}

fn picture(rng: &mut Rng) -> Arc<RgbImage> {
    let [a, b, c] = [0; 3].map(|_| rng.random_range(2..9u32));
    let noise: Vec<u8> = (0..WIDTH * HEIGHT).map(|_| rng.random_range(0..40)).collect();
    Arc::new(RgbImage::from_fn(WIDTH, HEIGHT, |u, v| {
        let level = noise[(v * WIDTH + u) as usize];
        Rgb([(u * a) as u8 / 2, (v * b) as u8, ((u + v) * c) as u8 / 3].map(|one| one / 2 + level))
    }))
}

fn observation(rng: &mut Rng) -> Observation {
    let mut uniform = |from: f64, to: f64| from + (to - from) * rng.random::<f64>();
    let pose = PlanarPose::new(uniform(0.1, 0.6), uniform(-0.3, 0.3), uniform(-3.1, 3.1));
    Observation {
        image: picture(rng),
        estimated_pose: pose,
        look_error_m: None,
        plate_in_image: projection().in_image(pose).unwrap(),
        carries: Vec::new(),
        features: None,
    }
}

/// The observation whose view is `view`, byte by byte.
fn observation_of(view: Vec<f32>, asked: &Observation, config: &PolicyConfig) -> Observation {
    let side = SIZE as u32;
    let pixels = view.iter().map(|value| *value as u8).collect();
    let middle = 0.5 * (SIZE as f64 - 1.0);
    let diagonal_px = SIZE as f64 / config.crop_scale;
    Observation {
        image: Arc::new(RgbImage::from_raw(side, side, pixels).unwrap()),
        plate_in_image: PlateInImage { u_px: middle, v_px: middle, diagonal_px },
        ..asked.clone()
    }
}

/// A model, and how it is asked.
struct Runtime(Model);

impl Runtime {
    fn of(policy: &Policy) -> Self {
        let notes = ModelNotes { run: "test".to_string(), method: "hindsight".to_string() };
        let model = onnx_model(policy, Some(&projection()), &notes);
        Self(Model::load(model).unwrap())
    }

    /// The outputs of these names, as 32-bit numbers.
    fn ask<const N: usize>(&self, observation: &Observation, outputs: [&str; N]) -> [Vec<f32>; N] {
        let node = |name: &str| self.0.node_id(name).unwrap();
        let pixels = observation.image.as_raw().clone();
        let image = NdTensor::from_data([HEIGHT as usize, WIDTH as usize, 3], pixels);
        let PlanarPose { x_m, y_m, yaw_rad } = observation.estimated_pose;
        let pose = [x_m, y_m, yaw_rad].map(|value| value as f32);
        let inputs = vec![
            (node("image"), Value::from(image).into()),
            (node("pose"), Value::from(Tensor::from_data(&[3], pose.to_vec())).into()),
        ];
        let ids: Vec<_> = outputs.iter().map(|name| node(name)).collect();
        let values = self.0.run(inputs, &ids, None).unwrap();
        let numbers = |value: Value| match value {
            Value::FloatTensor(tensor) => tensor.to_vec(),
            Value::Int32Tensor(tensor) => tensor.iter().map(|value| *value as f32).collect(),
            Value::UInt8Tensor(tensor) => tensor.iter().map(|value| f32::from(*value)).collect(),
            other => panic!("an output of type {:?}", other.dtype()),
        };
        let values: Vec<Vec<f32>> = values.into_iter().map(numbers).collect();
        values.try_into().unwrap()
    }
}

/// Asserts that a model does what the policy does, with the view that the model sees. Returns whether they abstain.
fn assert_same(policy: &Policy, model: &Runtime, asked: &Observation) -> bool {
    let seen = match policy.view_of(asked) {
        None => asked.clone(),
        Some(view) => {
            let [found] = model.ask(asked, ["view"]);
            assert_eq!(found.len(), view.as_raw().len());
            let pairs = found.iter().zip(view.as_raw());
            let off = pairs.map(|(found, expected)| (found - f32::from(*expected)).abs());
            assert!(off.clone().all(|off| off <= 1.0), "by more than a gray level");
            let others = off.filter(|off| *off > 0.0).count();
            assert!(100 * others < found.len(), "{others} of {} values", found.len());
            observation_of(found, asked, policy.config())
        }
    };
    let state = policy.encode(&seen);
    let expected = policy.distribution(&state);
    let names = ["p_dx", "p_dy", "p_dyaw", "action_index", "correction", "abstains", "ood_score"];
    let [dx, dy, dyaw, index, correction, abstains, score] = model.ask(asked, names);
    for (found, expected) in [&dx, &dy, &dyaw].into_iter().zip(&expected) {
        assert_eq!(found.len(), expected.len());
        for (found, expected) in found.iter().zip(expected) {
            assert!((found - expected).abs() <= 1e-5, "{found} {expected}");
        }
    }
    let decision = policy.decide_in(&state);
    assert_eq!(index, most_likely(&expected).0.map(|one| one as f32));
    assert_eq!(abstains, [f32::from(decision.abstained)]);
    let change = decision.adjustment;
    assert_eq!(correction, [change.dx_m, change.dy_m, change.dyaw_rad].map(|one| one as f32));
    let expected = policy.ood_score(&state).unwrap();
    for (found, expected) in score.iter().zip([expected.pose, expected.image]) {
        assert!(
            (f64::from(*found) - expected).abs() <= 1e-4 * expected + 1e-6,
            "{found} {expected}"
        );
    }
    decision.abstained
}

fn torchvision() -> EncoderWeights {
    let fixture = "../rmrl-learn/tests/fixtures/resnet18_torchvision.safetensors";
    EncoderWeights::File(Path::new(env!("CARGO_MANIFEST_DIR")).join(fixture))
}

#[test]
fn a_model_does_what_its_policy_does() {
    for (view, weights) in [
        (ViewName::Crop, EncoderWeights::Random),
        (ViewName::Crop, torchvision()),
        (ViewName::Global, torchvision()),
        (ViewName::None, EncoderWeights::Plates),
    ] {
        let config = config(view, weights);
        let policy = trained(&config);
        let model = Runtime::of(&policy);
        let rng = &mut rng();
        let abstentions =
            (0..12).filter(|_| assert_same(&policy, &model, &observation(rng))).count();
        assert!((1..12).contains(&abstentions), "{view:?}: {abstentions}");
    }
}

#[test]
fn without_a_camera_a_model_takes_pictures_of_any_size_and_a_crop_the_place_of_the_plate() {
    let notes = ModelNotes { run: String::new(), method: String::new() };
    for (view, inputs) in [
        (ViewName::Crop, vec!["image", "pose", "plate_in_image"]),
        (ViewName::Global, vec!["image", "pose"]),
    ] {
        let policy = trained(&config(view, EncoderWeights::Random));
        let model = Model::load(onnx_model(&policy, None, &notes)).unwrap();
        let info = |id| model.node_info(id).unwrap();
        let found: Vec<_> =
            model.input_ids().iter().map(|id| info(*id).name().unwrap().to_string()).collect();
        assert_eq!(found, inputs);
        let shape = info(model.node_id("image").unwrap()).shape().unwrap();
        assert!(matches!(shape[0], rten::Dimension::Symbolic(_)), "{shape:?}");

        let rng = &mut rng();
        let asked = observation(rng);
        let image =
            NdTensor::from_data([HEIGHT as usize, WIDTH as usize, 3], asked.image.as_raw().clone());
        let PlateInImage { u_px, v_px, diagonal_px } = asked.plate_in_image;
        let list = |values: [f64; 3]| {
            Value::from(Tensor::from_data(&[3], values.map(|value| value as f32).to_vec()))
        };
        let values = [Value::from(image), list([0.0; 3]), list([u_px, v_px, diagonal_px])];
        let values = model.input_ids().iter().copied().zip(values.map(Into::into)).collect();
        let view = model.run(values, &[model.node_id("view").unwrap()], None).unwrap().remove(0);
        let Value::UInt8Tensor(view) = view else { panic!("a view of another type") };
        let expected = policy.view_of(&asked).unwrap();
        let off = view.iter().zip(expected.as_raw()).map(|(found, one)| found.abs_diff(*one));
        assert!(off.max().unwrap() <= 1);
    }
}
