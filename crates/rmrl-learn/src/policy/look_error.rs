//! By how much the localizer errs in a picture: a network that has seen many plates, with lids, glints and walls around them.

use std::path::Path;

use burn::tensor::Device;
use image::RgbImage;
use rmrl_core::{PictureReader, PlateInImage, random_stream};
use rmrl_files::read_regular_file;
use safetensors::Dtype;

use super::encoder_weights::resnet_tensors;
use super::observation_encoding::{crop, image_batch};
use super::tensor::{on_all_threads, read};
use crate::config::{ComputeDevice, EncoderConfig, PolicyConfig};
use crate::network::{NetworkShape, NormKind, ResNet};
use crate::storage::{
    MOST_BYTES, NamedTensors, TensorToWrite, WeightsError, floats, load_tensors, parse_safetensors,
};

/// The weights that come with this library, made by `rmrl encoder look-error`.
const PLATES: &[u8] = include_bytes!("../../assets/look-error.safetensors");

/// The names of the last layer, as in torchvision.
const WEIGHT: &str = "fc.weight";
const BIAS: &str = "fc.bias";

/// A ResNet on the square around a plate, and a linear layer: the localizer's error, along the axes of the image.
///
/// # Shapes
/// - input: a color image, and where it shows the plate
/// - output: to the right and down, in meters
pub struct LookErrorNetwork {
    encoder: ResNet,
    /// Of each answer the weights of all features, in millimeters.
    weights: [Vec<f32>; LookErrorNetwork::ANSWERS],
    bias: [f32; LookErrorNetwork::ANSWERS],
    device: Device,
}

impl LookErrorNetwork {
    /// How many numbers it answers.
    pub(crate) const ANSWERS: usize = 2;

    /// The network that comes with this library.
    ///
    /// # Panics
    /// Never: its file is tested.
    pub fn of_plates() -> Self {
        Self::parse(Path::new("plates"), PLATES).expect("the library's own file is tested")
    }

    /// The network in a file of `rmrl encoder look-error`.
    ///
    /// # Errors
    /// The file cannot be read, or is of another network.
    pub fn open(path: &Path) -> Result<Self, WeightsError> {
        let cannot_read = |source| WeightsError::Read { path: path.to_path_buf(), source };
        Self::parse(path, &read_regular_file(path, MOST_BYTES).map_err(cannot_read)?)
    }

    fn parse(path: &Path, bytes: &[u8]) -> Result<Self, WeightsError> {
        let EncoderConfig { depth, base_width, .. } = PolicyConfig::default().encoder;
        let network = format!("a look error's ResNet-{depth} of base width {base_width}");
        let mut tensors = parse_safetensors(path, bytes)?;
        let features = 8 * base_width;
        let weights = layer(&mut tensors, WEIGHT, &[Self::ANSWERS, features]);
        let bias = layer(&mut tensors, BIAS, &[Self::ANSWERS]);
        let (Some(weights), Some(bias)) = (weights, bias) else {
            return Err(WeightsError::Mismatch {
                path: path.to_path_buf(),
                network,
                reason: format!(
                    "it has no {WEIGHT} of {} x {features} numbers and {BIAS} of {}; make one with rmrl encoder look-error",
                    Self::ANSWERS,
                    Self::ANSWERS
                ),
            });
        };
        let tensors = resnet_tensors(tensors, path, depth, base_width)?;
        let device = ComputeDevice::Cpu.open().inner();
        let blocks = NetworkShape::blocks(depth).expect("a depth of 10");
        let rng = &mut random_stream(0, "look error", [0, 0]);
        let mut encoder = ResNet::new(blocks, base_width, NormKind::Group, rng, &device);
        load_tensors(&mut encoder, tensors, path, &network, |_| false)?;
        Ok(Self {
            encoder: encoder.for_inference(),
            weights: std::array::from_fn(|answer| {
                weights[answer * features..][..features].to_vec()
            }),
            bias: std::array::from_fn(|answer| bias[answer]),
            device,
        })
    }

    /// The last layer of a file: of each answer the weights and the bias, in millimeters.
    pub(crate) fn layer_to_write(rows: &[Vec<f32>], bias: &[f32]) -> [TensorToWrite; 2] {
        let bytes = |values: &[f32]| values.iter().flat_map(|value| value.to_le_bytes()).collect();
        let shape = vec![rows.len(), rows[0].len()];
        [
            TensorToWrite::of_bytes(WEIGHT, Dtype::F32, shape, bytes(&rows.concat())),
            TensorToWrite::of_bytes(BIAS, Dtype::F32, vec![bias.len()], bytes(bias)),
        ]
    }
}

/// The numbers of a tensor of this shape, taken out of `tensors`.
fn layer(tensors: &mut NamedTensors, name: &str, shape: &[usize]) -> Option<Vec<f32>> {
    let tensor = tensors.remove(name)?;
    let fits = tensor.shape.to_vec() == shape;
    let bytes = tensor.into_bytes().ok().filter(|_| fits)?;
    Some(floats(&bytes))
}

impl PictureReader for LookErrorNetwork {
    fn look_error_m(&mut self, image: &RgbImage, plate: PlateInImage) -> [f64; 2] {
        let PolicyConfig { crop_scale, encoder: EncoderConfig { image_size, .. }, .. } =
            PolicyConfig::default();
        let pixels = crop(image, plate, crop_scale, image_size);
        let images = image_batch([pixels.as_slice()], image_size, &self.device);
        let features = on_all_threads(|| read(self.encoder.forward(images)));
        std::array::from_fn(|answer| {
            let products = self.weights[answer]
                .iter()
                .zip(&features)
                .map(|(weight, feature)| weight * feature);
            f64::from(products.sum::<f32>() + self.bias[answer]) / 1000.0
        })
    }
}
