//! States as the network takes them.

use burn::tensor::{Device, Tensor, TensorData};
use safetensors::Dtype;

use super::observation_encoding::image_batch;
use crate::network::{ImageView, NetworkShape, POSE_INPUTS, PolicyNetwork};
use crate::storage::{TensorToWrite, floats};

/// A state as the network takes it, computed once and kept.
#[derive(Debug, Clone, PartialEq)]
pub struct EncodedState {
    /// The scaled pose, or the features of a state that has no pose.
    pose: Vec<f32>,
    image: EncodedImage,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum EncodedImage {
    /// A frozen encoder's features.
    Features(Vec<f32>),
    /// Pixels of `image_size` x `image_size`, for an encoder that learns.
    Pixels(Vec<u8>),
    /// Nothing, for a policy that sees no image.
    Unseen,
}

impl EncodedState {
    pub(crate) fn new(pose: impl Into<Vec<f32>>, image: EncodedImage) -> Self {
        Self { pose: pose.into(), image }
    }

    /// The scaled pose, or the features of a state that has no pose.
    pub(crate) fn pose(&self) -> &[f32] {
        &self.pose
    }

    /// States as named tensors.
    pub(crate) fn to_tensors(states: &[Self]) -> Vec<TensorToWrite> {
        let mut poses = Vec::new();
        let (mut features, mut pixels) = (Vec::new(), Vec::new());
        for state in states {
            poses.extend(state.pose.iter().flat_map(|value| value.to_le_bytes()));
            match &state.image {
                EncodedImage::Features(values) => {
                    features.extend(values.iter().flat_map(|value| value.to_le_bytes()));
                }
                EncodedImage::Pixels(values) => pixels.extend_from_slice(values),
                EncodedImage::Unseen => {}
            }
        }
        let rows = states.len();
        let mut tensors = Vec::new();
        let width = states.first().map_or(POSE_INPUTS, |state| state.pose.len());
        tensors.push(TensorToWrite::of_bytes("poses", Dtype::F32, vec![rows, width], poses));
        if !features.is_empty() {
            let shape = vec![rows, features.len() / rows / 4];
            tensors.push(TensorToWrite::of_bytes("features", Dtype::F32, shape, features));
        }
        if !pixels.is_empty() {
            let shape = vec![rows, pixels.len() / rows];
            tensors.push(TensorToWrite::of_bytes("pixels", Dtype::U8, shape, pixels));
        }
        tensors
    }

    /// `rows` states of a network of this shape from the tensors of [`Self::to_tensors`]; `None` if a tensor is
    /// missing or has too few rows.
    pub(crate) fn from_tensors(
        rows: usize,
        shape: &NetworkShape,
        tensor: impl Fn(&str) -> Option<Vec<u8>>,
    ) -> Option<Vec<Self>> {
        if rows == 0 {
            return Some(Vec::new());
        }
        let poses = floats(&tensor("poses")?);
        let images: Vec<EncodedImage> = match tensor("features") {
            None if shape.view == ImageView::None => vec![EncodedImage::Unseen; rows],
            Some(bytes) => bytes
                .chunks(bytes.len() / rows)
                .map(|row| EncodedImage::Features(floats(row)))
                .collect(),
            None => {
                let bytes = tensor("pixels")?;
                bytes
                    .chunks(bytes.len() / rows)
                    .map(|row| EncodedImage::Pixels(row.to_vec()))
                    .collect()
            }
        };
        let width = shape.pose_inputs;
        (poses.len() == rows * width && images.len() == rows).then(|| {
            let states = poses.chunks_exact(width).zip(images);
            states.map(|(pose, image)| Self::new(pose, image)).collect()
        })
    }
}

/// Poses or features as a batch, `[batch, pose_inputs]`.
pub(crate) fn pose_batch(states: &[&EncodedState], device: &Device) -> Tensor<2> {
    let values: Vec<f32> = states.iter().flat_map(|state| state.pose.iter().copied()).collect();
    let shape = [states.len(), values.len() / states.len().max(1)];
    Tensor::from_data(TensorData::new(values, shape), device)
}

/// The image features of a batch by a network of this shape, `[batch, features]`; `None` for a
/// network that sees no image.
pub(crate) fn feature_batch(
    network: &PolicyNetwork,
    shape: &NetworkShape,
    states: &[&EncodedState],
) -> Option<Tensor<2>> {
    let encoder = network.encoder.as_ref()?;
    let mut kept = Vec::new();
    let mut pixels = Vec::new();
    for state in states {
        match &state.image {
            EncodedImage::Features(features) => kept.extend_from_slice(features),
            EncodedImage::Pixels(image) => pixels.push(image.as_slice()),
            EncodedImage::Unseen => {}
        }
    }
    if pixels.is_empty() {
        let data = TensorData::new(kept, [states.len(), shape.features()]);
        return Some(Tensor::from_data(data, &network.device()));
    }
    Some(encoder.forward(image_batch(pixels, shape.image_size, &network.device())))
}
