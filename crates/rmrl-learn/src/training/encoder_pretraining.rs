//! Training of an image encoder on images with known answers, before any robot has moved.

use burn::module::Module;
use burn::nn::Linear;
use burn::optim::GradientsParams;
use burn::tensor::{Device, Tensor, TensorData};
use rand::seq::SliceRandom;
use rmrl_core::{Observation, mean, random_stream, standard_deviation};

use crate::config::PolicyConfig;
use crate::network::{ImageView, NetworkShape, NormKind, ResNet, linear};
use crate::policy::{Adam, LookErrorNetwork, image_batch, on_all_threads, read, view};
use crate::storage::{Metadata, tensors_of, write};

/// An image, with what an encoder should find in it.
#[derive(Debug, Clone, PartialEq)]
pub struct EncoderExample {
    /// The part that the encoder sees, `[size, size, 3]`.
    pixels: Vec<u8>,
    /// The answers, the same number for every example.
    answers: Vec<f32>,
}

impl EncoderExample {
    /// The part of an observation that a policy of `config` sees, with its answers.
    pub fn new(observation: &Observation, answers: Vec<f32>, config: &PolicyConfig) -> Self {
        let pixels = view(observation, config.image_view(), config.encoder.image_size);
        Self { pixels, answers }
    }
}

/// How an encoder is trained.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EncoderTraining {
    /// Passes over the examples.
    pub epochs: usize,
    /// Images of a minibatch.
    pub batch_size: usize,
    /// Adam's largest step size; it falls to zero along half a cosine (Loshchilov and Hutter 2017).
    pub learning_rate: f64,
    /// Seeds the initial weights and the order of the examples.
    pub seed: u64,
}

/// An encoder in training, with a linear layer that makes answers of its features.
///
/// The loss is the mean squared error of the answers. Each answer is scaled to unit variance over the
/// examples, so that its unit gives it no more weight than another.
pub struct EncoderTrainer {
    network: AnsweringNetwork,
    optimizer: Adam,
    image_size: usize,
    training: EncoderTraining,
    /// Mean and standard deviation of each answer.
    scales: Vec<(f32, f32)>,
    device: Device,
}

#[derive(Module, Debug)]
struct AnsweringNetwork {
    encoder: ResNet,
    answers: Linear,
}

impl AnsweringNetwork {
    /// # Shapes
    /// - images: `[batch, size, size, 3]`
    /// - output: `[batch, answers]`
    fn forward(&self, images: Tensor<4>) -> Tensor<2> {
        self.answers.forward(self.encoder.forward(images))
    }
}

impl EncoderTrainer {
    /// A trainer of the encoder of `config`. The answers of `examples` decide how answers are scaled.
    ///
    /// # Panics
    /// If there are no examples, the configuration was not validated, or its policy sees no image.
    pub fn new(
        config: &PolicyConfig,
        training: EncoderTraining,
        examples: &[EncoderExample],
    ) -> Self {
        assert!(config.image_view() != ImageView::None, "an encoder sees an image");
        let answers = examples[0].answers.len();
        let scales = (0..answers)
            .map(|answer| {
                let values: Vec<f64> =
                    examples.iter().map(|example| f64::from(example.answers[answer])).collect();
                (mean(&values) as f32, standard_deviation(&values).max(1e-9) as f32)
            })
            .collect();
        let device = config.device.open();
        let rng = &mut random_stream(training.seed, "encoder weights", [0, 0]);
        let blocks = NetworkShape::blocks(config.encoder.depth).expect("a depth of 10, 18 or 34");
        let base_width = config.encoder.base_width;
        Self {
            network: AnsweringNetwork {
                encoder: ResNet::new(blocks, base_width, NormKind::Group, rng, &device),
                answers: linear(8 * base_width, answers, rng, &device),
            },
            optimizer: Adam::default(),
            image_size: config.encoder.image_size,
            training,
            scales,
            device,
        }
    }

    /// Trains on `examples`. Calls `on_pass` after each pass with its number, from 1, and mean loss.
    pub fn train(&mut self, examples: &[EncoderExample], mut on_pass: impl FnMut(usize, f32)) {
        let EncoderTraining { epochs, batch_size, seed, .. } = self.training;
        let batches = examples.len().div_ceil(batch_size);
        let mut order: Vec<usize> = (0..examples.len()).collect();
        for epoch in 0..epochs {
            order.shuffle(&mut random_stream(seed, "encoder order", [epoch as u64, 0]));
            let mut sum = 0.0;
            for (number, batch) in order.chunks(batch_size).enumerate() {
                let progress = (epoch * batches + number) as f64 / (epochs * batches) as f64;
                let batch: Vec<_> = batch.iter().map(|&index| &examples[index]).collect();
                sum += self.step(&batch, progress) * batch.len() as f32;
            }
            on_pass(epoch + 1, sum / examples.len() as f32);
        }
    }

    /// The share of each answer's variance over `examples` that the encoder explains, `R²`: 1 for
    /// perfect answers, 0 for their mean.
    pub fn explained(&self, examples: &[EncoderExample]) -> Vec<f64> {
        let network = self.network.valid();
        let (mut wanted, mut predicted) = (Vec::new(), Vec::new());
        for batch in examples.chunks(self.training.batch_size) {
            let batch: Vec<_> = batch.iter().collect();
            predicted.extend(read(network.forward(self.images(&batch).inner())));
            wanted.extend(self.scaled_answers(&batch));
        }
        let column = |values: &[f32], answer: usize| -> Vec<f64> {
            values.iter().skip(answer).step_by(self.scales.len()).map(|&v| f64::from(v)).collect()
        };
        (0..self.scales.len())
            .map(|answer| {
                let (wanted, predicted) = (column(&wanted, answer), column(&predicted, answer));
                let average = mean(&wanted);
                let spread: f64 = wanted.iter().map(|value| (value - average).powi(2)).sum();
                let left: f64 = wanted
                    .iter()
                    .zip(&predicted)
                    .map(|(value, guess)| (value - guess).powi(2))
                    .sum();
                1.0 - left / spread.max(f64::MIN_POSITIVE)
            })
            .collect()
    }

    /// The encoder and the layer that makes the first two answers of its features, as the bytes of a file for
    /// [`LookErrorNetwork`]. `notes` go into its metadata.
    pub fn to_look_error_file(&self, notes: &Metadata) -> Vec<u8> {
        let Linear { weight, bias, .. } = &self.network.answers;
        let weight = read(weight.val().inner());
        let bias = read(bias.as_ref().expect("the layer has a bias").val().inner());
        let answers = self.scales.len();
        // Answers are scaled to unit variance; the file's layer makes them in their own unit.
        let rows = self.scales.iter().enumerate().take(LookErrorNetwork::ANSWERS).map(
            |(answer, (mean, deviation))| {
                let column = weight.iter().skip(answer).step_by(answers);
                let row: Vec<f32> = column.map(|value| deviation * value).collect();
                (row, deviation * bias[answer] + mean)
            },
        );
        let (rows, bias): (Vec<Vec<f32>>, Vec<f32>) = rows.unzip();
        let mut tensors = tensors_of(&self.network.encoder);
        tensors.extend(LookErrorNetwork::layer_to_write(&rows, &bias));
        write(&tensors, notes)
    }

    /// The encoder alone, as the bytes of a `.safetensors` file with torchvision's names for
    /// `policy.encoder.weights`. `notes` go into its metadata.
    pub fn to_safetensors(&self, notes: &Metadata) -> Vec<u8> {
        write(&tensors_of(&self.network.encoder), notes)
    }

    fn step(&mut self, batch: &[&EncoderExample], progress: f64) -> f32 {
        let rate =
            0.5 * self.training.learning_rate * (1.0 + (std::f64::consts::PI * progress).cos());
        on_all_threads(|| {
            let wanted =
                TensorData::new(self.scaled_answers(batch), [batch.len(), self.scales.len()]);
            let wanted = Tensor::<2>::from_data(wanted, &self.device);
            let loss = (self.network.forward(self.images(batch)) - wanted).square().mean();
            let gradients = GradientsParams::from_grads(loss.backward(), &self.network);
            self.network = self.optimizer.step(rate, self.network.clone(), gradients);
            read(loss.inner())[0]
        })
    }

    fn scaled_answers(&self, batch: &[&EncoderExample]) -> Vec<f32> {
        let scaled = |example: &&EncoderExample| -> Vec<f32> {
            let answers = example.answers.iter().zip(&self.scales);
            answers.map(|(answer, (mean, deviation))| (answer - mean) / deviation).collect()
        };
        batch.iter().flat_map(scaled).collect()
    }

    /// `[batch, size, size, 3]`
    fn images(&self, batch: &[&EncoderExample]) -> Tensor<4> {
        let images = batch.iter().map(|example| example.pixels.as_slice());
        image_batch(images, self.image_size, &self.device)
    }
}
