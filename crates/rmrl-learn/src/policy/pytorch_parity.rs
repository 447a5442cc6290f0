//! The network against PyTorch: logits, losses, gradients and a step of Adam.
//!
//! The fixtures were made by `tools/network_fixture.py` with torch 2.15.0 and torchvision 0.29.2.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::{Tensor, bf16, f16};
use rmrl_core::{ActionSpace, Label, PlanarPose};
use safetensors::{Dtype, SafeTensors};

use super::state::{EncodedImage, EncodedState, feature_batch};
use super::tensor::read;
use super::{Policy, PoseScaling};
use crate::config::{EncoderConfig, EncoderWeights, PolicyConfig};
use crate::network::{ImageView, NetworkShape, NormKind};
use crate::storage::{
    Metadata, TensorToWrite, floats, load_tensors, parse_safetensors, tensors_of, write,
};

/// The required agreement.
const TOLERANCE: f32 = 1e-4;

fn fixture_path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

/// A policy file, with a batch and PyTorch's results for it.
struct Fixture {
    bytes: Vec<u8>,
    path: PathBuf,
}

impl Fixture {
    fn open(name: &str) -> Self {
        let path = fixture_path(name);
        let bytes = std::fs::read(&path).unwrap();
        Self { bytes, path }
    }

    fn raw(&self, name: &str) -> (Vec<usize>, Vec<u8>) {
        let file = SafeTensors::deserialize(&self.bytes).unwrap();
        let view = file.tensor(name).unwrap();
        (view.shape().to_vec(), view.data().to_vec())
    }

    fn floats(&self, name: &str) -> Vec<f32> {
        let (_, bytes) = self.raw(name);
        bytes.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()
    }

    /// The fixture's network with the fixture's weights, its encoder learning.
    fn policy(&self, depth: usize, norm: NormKind) -> Policy {
        let shape = NetworkShape {
            view: ImageView::Global,
            depth,
            base_width: 4,
            norm,
            image_size: 32,
            pose_inputs: 3,
            pose_width: 6,
            head_width: 10,
            candidates: [5, 7, 3],
        };
        let config = PolicyConfig {
            encoder: EncoderConfig { train: true, ..EncoderConfig::default() },
            // The fixture's step of Adam.
            learning_rate: 1e-3,
            ..PolicyConfig::default()
        };
        let actions = ActionSpace::symmetric(shape.candidates, [1.0; 3]).unwrap();
        let scaling = PoseScaling::new(PlanarPose::default(), [1.0; 3]);
        let mut policy = Policy::with_shape(&config, shape, &actions, scaling, 0);
        let tensors = parse_safetensors(&self.path, &self.bytes)
            .unwrap()
            .into_iter()
            .filter(|(name, _)| !name.contains('/'))
            .collect();
        // The paper's network has no value.
        let may_lack = |name: &str| name.starts_with("value.");
        load_tensors(&mut policy.network, tensors, &self.path, "the fixture", may_lack).unwrap();
        policy.freeze_and_number();
        policy
    }

    fn states(&self) -> Vec<EncodedState> {
        let (shape, pixels) = self.raw("input/pixels");
        let poses = self.floats("input/pose");
        pixels
            .chunks(pixels.len() / shape[0])
            .zip(poses.as_chunks::<3>().0)
            .map(|(pixels, pose)| EncodedState::new(*pose, EncodedImage::Pixels(pixels.to_vec())))
            .collect()
    }

    fn labels(&self) -> Vec<Label> {
        let (_, bytes) = self.raw("input/labels");
        let values: Vec<usize> = bytes
            .as_chunks::<8>()
            .0
            .iter()
            .map(|bytes| i64::from_le_bytes(*bytes) as usize)
            .collect();
        values.as_chunks::<3>().0.iter().map(|label| label.map(Some)).collect()
    }
}

fn assert_close(what: &str, ours: &[f32], theirs: &[f32]) {
    assert_eq!(ours.len(), theirs.len(), "{what}");
    // Relative to the tensor's largest value; sums of tiny ones cannot agree better than float does.
    let largest = theirs.iter().fold(1e-3f32, |largest, value| largest.max(value.abs()));
    for (ours, theirs) in ours.iter().zip(theirs) {
        assert!((ours - theirs).abs() <= TOLERANCE * largest, "{what}: {ours} against {theirs}");
    }
}

/// Gradients by PyTorch's names.
struct Gradients<'a> {
    gradients: &'a burn::tensor::Gradients,
    path: Vec<String>,
    found: BTreeMap<String, Vec<f32>>,
}

impl ModuleVisitor for Gradients<'_> {
    fn enter_module(&mut self, name: &str, container: &str) {
        // Variants of an enum are no part of PyTorch's names.
        let step = if container.starts_with("Enum:") { String::new() } else { name.to_string() };
        self.path.push(step);
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let steps: Vec<&str> =
            self.path.iter().map(String::as_str).filter(|s| !s.is_empty()).collect();
        let mut name = steps
            .join(".")
            .replace("gamma", "weight")
            .replace("beta", "bias")
            .replace("downsample.conv", "downsample.0")
            .replace("downsample.norm", "downsample.1");
        // The visitor enters an enum and its variant separately.
        for layer in ["Group.", "FrozenBatch."] {
            name = name.replace(layer, "");
        }
        let Some(gradient) = param.val().grad(self.gradients) else {
            return;
        };
        let values = if D == 2 {
            // PyTorch stores linear weights as [out, in].
            read(gradient.swap_dims(0, 1))
        } else {
            read(gradient)
        };
        self.found.insert(name, values);
    }
}

fn check_against_pytorch(name: &str, depth: usize, norm: NormKind) {
    let fixture = Fixture::open(name);
    let mut policy = fixture.policy(depth, norm);
    let (states, labels) = (fixture.states(), fixture.labels());
    let states: Vec<&EncodedState> = states.iter().collect();
    let rewards = fixture.floats("input/rewards");

    let logits = |policy: &Policy| -> Vec<Vec<f32>> {
        let joint = policy.joint(&policy.network, &states);
        policy.network.logits(joint).into_iter().map(|logits| read(logits.inner())).collect()
    };
    for (dimension, logits) in logits(&policy).iter().enumerate() {
        let expected = fixture.floats(&format!("expected/logits.{dimension}"));
        assert_close("logits", logits, &expected);
    }

    let supervised = read(policy.loss(&states, &labels, &vec![1.0; states.len()]).inner());
    assert_close("cross-entropy", &supervised, &fixture.floats("expected/supervised"));
    let loss = policy.loss(&states, &labels, &rewards);
    let value = read(loss.clone().inner());
    assert_close("policy gradient", &value, &fixture.floats("expected/policy_gradient"));

    let gradients = loss.backward();
    let mut visitor = Gradients { gradients: &gradients, path: Vec::new(), found: BTreeMap::new() };
    policy.network.visit(&mut visitor);
    let file = SafeTensors::deserialize(&fixture.bytes).unwrap();
    let mut expected: Vec<String> = file
        .names()
        .into_iter()
        .filter_map(|name| name.strip_prefix("gradient/"))
        .map(str::to_string)
        .collect();
    expected.sort();
    assert!(expected.len() > 20);
    let found: Vec<&String> = visitor.found.keys().collect();
    assert_eq!(found, expected.iter().collect::<Vec<_>>(), "every parameter has its gradient");
    for name in &expected {
        let theirs = fixture.floats(&format!("gradient/{name}"));
        assert_close(name, &visitor.found[name], &theirs);
    }

    policy.step(&states, &labels, &rewards);
    for (dimension, logits) in logits(&policy).iter().enumerate() {
        let expected = fixture.floats(&format!("expected/logits_after_adam.{dimension}"));
        assert_close("logits after a step of Adam", logits, &expected);
    }
}

#[test]
fn a_resnet_10_with_group_norm_agrees_with_pytorch() {
    check_against_pytorch("policy_group_norm.safetensors", 10, NormKind::Group);
}

#[test]
fn a_resnet_18_with_frozen_batch_norm_agrees_with_pytorch() {
    check_against_pytorch("policy_frozen_batch_norm.safetensors", 18, NormKind::FrozenBatch);
}

#[test]
fn torchvision_weights_load_from_safetensors_and_pth() {
    let fixture = Fixture::open("policy_frozen_batch_norm.safetensors");
    let reference = fixture.policy(18, NormKind::FrozenBatch);
    let states = fixture.states();
    let states: Vec<&EncodedState> = states.iter().collect();
    let features = |policy: &Policy| {
        let features = feature_batch(&policy.network, &policy.shape, &states);
        read(features.unwrap().inner())
    };
    let expected = features(&reference);
    for file in ["resnet18_torchvision.safetensors", "resnet18_torchvision.pth"] {
        let config = PolicyConfig {
            encoder: EncoderConfig {
                depth: 18,
                base_width: 4,
                image_size: 32,
                train: true,
                weights: EncoderWeights::File(fixture_path(file)),
            },
            ..PolicyConfig::default()
        };
        let policy = Policy::new(&config, &reference.actions, reference.scaling, 0).unwrap();
        assert_eq!(policy.shape.norm, NormKind::FrozenBatch);
        assert_eq!(features(&policy), expected, "{file}");
    }
}

/// Weights in half precision, of a network on several devices, and in a checkpoint lacked "bn1.beta".
#[test]
fn weights_in_other_wrappings_and_precisions_are_the_same() {
    let bytes = std::fs::read(fixture_path("resnet18_torchvision.safetensors")).unwrap();
    let whole = parse_safetensors(Path::new("whole"), &bytes).unwrap();
    let policy = |path: PathBuf| {
        let encoder = EncoderConfig {
            depth: 18,
            base_width: 4,
            image_size: 32,
            weights: EncoderWeights::File(path),
            ..EncoderConfig::default()
        };
        let config = PolicyConfig { encoder, ..PolicyConfig::default() };
        let actions = ActionSpace::symmetric([3; 3], [1.0; 3]).unwrap();
        let scaling = PoseScaling::new(PlanarPose::default(), [1.0; 3]);
        Policy::new(&config, &actions, scaling, 0).unwrap()
    };
    let folder = tempfile::tempdir().unwrap();
    let half = |value: f32| f16::from_f32(value).to_le_bytes().to_vec();
    let brain = |value: f32| bf16::from_f32(value).to_le_bytes().to_vec();
    let double = |value: f32| f64::from(value).to_le_bytes().to_vec();
    let made = |dtype: Dtype, prefix: &str, written: &dyn Fn(f32) -> Vec<u8>| {
        let tensors: Vec<TensorToWrite> = whole
            .iter()
            .filter(|(name, _)| !name.starts_with("fc."))
            .map(|(name, tensor)| {
                let values = floats(&tensor.to_bytes().unwrap());
                let bytes = values.into_iter().flat_map(written).collect();
                let name = format!("{prefix}{name}");
                TensorToWrite::of_bytes(name, dtype, tensor.shape.to_vec(), bytes)
            })
            .collect();
        let path = folder.path().join(format!("{dtype:?}.bin"));
        std::fs::write(&path, write(&tensors, &Metadata::new())).unwrap();
        path
    };
    // Files that begin as those of PyTorch do: by their header's length.
    let padded = |low: [u8; 2]| {
        let (length, rest) = bytes.split_first_chunk::<8>().unwrap();
        let (header, data) = rest.split_at(u64::from_le_bytes(*length) as usize);
        let length = 0x10000 + u64::from(u16::from_le_bytes(low));
        let spaces = vec![b' '; length as usize - header.len()];
        let path = folder.path().join(format!("{}.safetensors", low[0]));
        std::fs::write(&path, [&length.to_le_bytes(), header, &spaces, data].concat()).unwrap();
        path
    };
    for (path, precision) in [
        (padded(*b"PK"), 0.0),
        (padded([0x80, 0x02]), 0.0),
        (made(Dtype::F16, "", &half), 5e-4),
        (made(Dtype::BF16, "module.", &brain), 4e-3),
        (made(Dtype::F64, "model.backbone.", &double), 0.0),
        // `{"epoch": 3, "state_dict": {"module.conv1.weight": ...}}` in bfloat16.
        (fixture_path("resnet18_checkpoint.pth"), 4e-3),
    ] {
        let policy = policy(path.clone());
        let encoder = tensors_of(policy.network.encoder.as_ref().unwrap());
        assert_eq!(encoder.len(), 100, "{}", path.display());
        for tensor in encoder {
            let expected = floats(&whole[&tensor.name].to_bytes().unwrap());
            for (found, expected) in tensor.words().into_iter().zip(expected) {
                let off = (f32::from_bits(found) - expected).abs();
                assert!(off <= expected.abs() * precision + 1e-7, "{}: {expected}", tensor.name);
            }
        }
    }
}

#[test]
fn weights_of_another_network_are_refused_by_name() {
    let load = |depth: usize, base_width: usize, path: PathBuf| {
        let config = PolicyConfig {
            encoder: EncoderConfig {
                depth,
                base_width,
                image_size: 32,
                train: false,
                weights: EncoderWeights::File(path),
            },
            ..PolicyConfig::default()
        };
        let actions = ActionSpace::symmetric([3; 3], [1.0; 3]).unwrap();
        let scaling = PoseScaling::new(PlanarPose::default(), [1.0; 3]);
        Policy::new(&config, &actions, scaling, 0).err().unwrap().to_string()
    };
    let torchvision = || fixture_path("resnet18_torchvision.pth");
    let too_deep = load(34, 4, torchvision());
    assert!(too_deep.contains("resnet18_torchvision.pth do not fit a ResNet-34"), "{too_deep}");
    assert!(too_deep.contains("set policy.encoder.depth = 18"), "{too_deep}");
    let too_shallow = load(10, 4, torchvision());
    assert!(too_shallow.contains("are those of a ResNet-18"), "{too_shallow}");
    let too_wide = load(18, 8, torchvision());
    assert!(too_wide.contains("do not fit a ResNet-18 of base width 8"), "{too_wide}");
    let absent = load(18, 4, PathBuf::from("/nowhere/resnet18.pth"));
    assert!(absent.contains("cannot read the weights /nowhere/resnet18.pth"), "{absent}");
    let endless = load(18, 4, PathBuf::from("/dev/zero"));
    assert!(endless.contains("cannot read the weights /dev/zero"), "{endless}");

    let folder = tempfile::tempdir().unwrap();
    let odd = folder.path().join("resnet18.onnx");
    std::fs::write(&odd, b"\x08\x07\x12\x07pytorch").unwrap();
    let odd = load(18, 4, odd);
    assert!(odd.contains(".safetensors, .pth or .pt"), "{odd}");
    for (name, kind) in [("torn.safetensors", "safetensors"), ("torn.pth", "PyTorch")] {
        let path = folder.path().join(name);
        std::fs::write(&path, b"not weights at all").unwrap();
        let message = load(18, 4, path);
        assert!(message.contains(&format!("is not a readable {kind} file")), "{message}");
    }
}
