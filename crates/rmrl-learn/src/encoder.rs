//! Training an image encoder on pictures whose answers are known, before any robot has moved.

use burn::module::Module;
use burn::nn::Linear;
use burn::optim::{AdamConfig, GradientsParams, ModuleOptimizer};
use burn::tensor::{Device, Tensor, TensorData};
use image::RgbImage;
use rand::seq::SliceRandom;
use rmrl_core::random_stream;

use crate::checkpoint::Notes;
use crate::config::EncoderConfig;
use crate::input::{normalize, shrink};
use crate::network::{EncoderNetwork, NetworkShape};
use crate::policy::read;
use crate::weights::tensors_of;

/// A picture with what an encoder should find in it.
#[derive(Debug, Clone, PartialEq)]
pub struct EncoderExample {
    /// The picture, shrunk to the encoder's size.
    pixels: Vec<u8>,
    /// The answers, as many for every example.
    answers: Vec<f32>,
}

impl EncoderExample {
    /// Shrinks `image` to what an encoder of `config` takes.
    pub fn new(image: &RgbImage, answers: Vec<f32>, config: &EncoderConfig) -> Self {
        Self { pixels: shrink(image, config.image_size), answers }
    }
}

/// How an encoder is trained.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EncoderTraining {
    /// Passes over the examples.
    pub epochs: usize,
    /// Pictures of a minibatch.
    pub batch_size: usize,
    /// Adam's largest step size; it falls to zero along a cosine (Loshchilov and Hutter 2017).
    pub learning_rate: f64,
    /// Seeds the initial weights and the order of the examples.
    pub seed: u64,
}

/// An encoder with a linear layer that answers for it while it learns.
///
/// The answers are regressed with the mean squared error, each scaled to unit variance over the
/// examples, so that none outweighs another by its unit.
pub struct EncoderTrainer {
    network: EncoderNetwork,
    optimizer: ModuleOptimizer,
    config: EncoderConfig,
    training: EncoderTraining,
    /// Mean and standard deviation of each answer.
    scales: Vec<(f32, f32)>,
    device: Device,
}

impl EncoderTrainer {
    /// A trainer whose answers are scaled as those of `examples` are.
    ///
    /// # Panics
    /// If there are no examples, or the configuration was not validated.
    pub fn new(
        config: &EncoderConfig,
        training: EncoderTraining,
        examples: &[EncoderExample],
        device: crate::ComputeDevice,
    ) -> Self {
        let answers = examples[0].answers.len();
        let scales: Vec<(f32, f32)> = (0..answers)
            .map(|answer| {
                let values: Vec<f64> =
                    examples.iter().map(|example| f64::from(example.answers[answer])).collect();
                let deviation = rmrl_core::standard_deviation(&values).max(1e-9);
                (rmrl_core::mean(&values) as f32, deviation as f32)
            })
            .collect();
        let device = device.open();
        let mut rng = random_stream(training.seed, "encoder weights", [0, 0]);
        Self {
            network: EncoderNetwork::new(config, answers, &mut rng, &device),
            optimizer: AdamConfig::new().with_epsilon(1e-8).init(),
            config: config.clone(),
            training,
            scales,
            device,
        }
    }

    /// Trains on `examples`; `told` hears of each pass and its mean loss.
    pub fn train(&mut self, examples: &[EncoderExample], mut told: impl FnMut(usize, f32)) {
        let EncoderTraining { epochs, batch_size, seed, .. } = self.training;
        let batches = examples.len().div_ceil(batch_size);
        let mut order: Vec<usize> = (0..examples.len()).collect();
        for epoch in 0..epochs {
            order.shuffle(&mut random_stream(seed, "encoder order", [epoch as u64, 0]));
            let mut sum = 0.0;
            for (number, batch) in order.chunks(batch_size).enumerate() {
                let progress = (epoch * batches + number) as f64 / (epochs * batches) as f64;
                let batch: Vec<&EncoderExample> =
                    batch.iter().map(|&index| &examples[index]).collect();
                sum += self.step(&batch, progress) * batch.len() as f32;
            }
            told(epoch + 1, sum / examples.len() as f32);
        }
    }

    /// The mean squared error of each answer on `examples`, relative to its variance: 1 is what
    /// guessing the mean earns.
    pub fn relative_errors(&self, examples: &[EncoderExample]) -> Vec<f64> {
        let mut sums = vec![0.0; self.scales.len()];
        for batch in examples.chunks(self.training.batch_size) {
            let batch: Vec<&EncoderExample> = batch.iter().collect();
            let images = self.images(&batch).inner();
            let predicted = read(self.network.valid().forward(images));
            let wanted = self.scaled_answers(&batch);
            for (index, (predicted, wanted)) in predicted.iter().zip(&wanted).enumerate() {
                sums[index % self.scales.len()] += f64::from((predicted - wanted).powi(2));
            }
        }
        sums.into_iter().map(|sum| sum / examples.len() as f64).collect()
    }

    /// The encoder alone, as the bytes of a `.safetensors` file with torchvision's names: what
    /// `policy.encoder.weights` takes.
    pub fn to_safetensors(&self, notes: &Notes) -> Vec<u8> {
        crate::checkpoint::write_tensors(tensors_of(&self.network.encoder), notes)
    }

    fn step(&mut self, batch: &[&EncoderExample], progress: f64) -> f32 {
        let wanted = self.scaled_answers(batch);
        let wanted = Tensor::<2>::from_data(
            TensorData::new(wanted, [batch.len(), self.scales.len()]),
            &self.device,
        );
        let predicted = self.network.forward(self.images(batch));
        let loss = (predicted - wanted).powi_scalar(2).mean();
        let gradients = GradientsParams::from_grads(loss.backward(), &self.network);
        let rate = 0.5 * self.training.learning_rate * (1.0 + (std::f64::consts::PI * progress).cos());
        self.network = self.optimizer.step(rate, self.network.clone(), gradients);
        read(loss.inner())[0]
    }

    fn scaled_answers(&self, batch: &[&EncoderExample]) -> Vec<f32> {
        batch
            .iter()
            .flat_map(|example| {
                example
                    .answers
                    .iter()
                    .zip(&self.scales)
                    .map(|(answer, (mean, deviation))| (answer - mean) / deviation)
            })
            .collect()
    }

    /// `[batch, 3, size, size]`
    fn images(&self, batch: &[&EncoderExample]) -> Tensor<4> {
        let values: Vec<f32> =
            batch.iter().flat_map(|example| normalize(&example.pixels)).collect();
        let size = self.config.image_size;
        Tensor::from_data(TensorData::new(values, [batch.len(), 3, size, size]), &self.device)
    }
}
