//! `rmrl encoder`

use std::fmt;
use std::path::PathBuf;

use crate::config::{Layers, RunConfig};
use crate::perception::encoder_dataset::{ANSWERS, LOOK_ANSWERS, look_images, plate_images};
use anyhow::anyhow;
use clap::{Args, Subcommand};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use rmrl_core::Observation;
use rmrl_data::write_atomically;
use rmrl_learn::{
    EncoderConfig, EncoderExample, EncoderTrainer, EncoderTraining, EncoderWeights, Metadata,
    PolicyConfig, ViewName,
};
use serde::Serialize;

use super::args::{Configuration, check_new_weights};
use super::failure::Failure;
use super::output::{path_word, print_result};

/// Train image encoders.
#[derive(Debug, Args)]
pub struct Encoder {
    #[command(subcommand)]
    command: EncoderCommand,
}

#[derive(Debug, Subcommand)]
enum EncoderCommand {
    Pretrain(Pretrain),
    LookError(LookError),
}

/// Train an encoder on simulated images of plates.
///
/// The images come from simulated laboratories that no run uses, each with its own light, bench and
/// plates. The encoder learns to predict what differs between plates: lid, color, wells, and their effect
/// on localization. policy.encoder gives its shape, policy.view the part of the image that it sees. Use it
/// with --set policy.encoder.weights=FILE.
///
/// The encoder that comes with rmrl was made with the default options. On the same machine they reproduce
/// it exactly.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  rmrl encoder pretrain --out plates.safetensors
  rmrl encoder pretrain --out wide.safetensors --set policy.encoder.base_width=32
  rmrl train --set policy.encoder.weights=wide.safetensors --set policy.encoder.base_width=32")]
struct Pretrain {
    #[command(flatten)]
    options: TrainingOptions,

    #[command(flatten)]
    configuration: Configuration,
}

/// Train the network that reads in a picture by how much the localizer errs.
///
/// It learns as in "rmrl encoder pretrain", from plates that lie where they start and in both tasks' places, with and
/// without lids. The method self-calibration-residual looks at plates with it; give it another one with
/// --set vision.look_error=FILE.
///
/// The network that comes with rmrl was made with the default options.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  rmrl encoder look-error --out look-error.safetensors
  rmrl train --method self-calibration-residual --set vision.look_error=look-error.safetensors")]
struct LookError {
    #[command(flatten)]
    options: TrainingOptions,

    #[command(flatten)]
    configuration: Configuration,
}

/// How an encoder is trained.
#[derive(Debug, Args)]
struct TrainingOptions {
    /// Where to write the network; the file must not exist
    #[arg(long, value_name = "FILE.safetensors")]
    out: PathBuf,

    /// Laboratories to train on [default: 600, and 1800 for look errors]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    cells: Option<u32>,

    /// Further laboratories to test on
    #[arg(long, value_name = "N", default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    test_cells: u32,

    /// Images per laboratory, each of another plate
    #[arg(long, alias = "pictures", value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    images: u32,

    /// Passes over the images [default: 12, and 14 for look errors]
    #[arg(long, value_name = "N", value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(1..=10_000))]
    epochs: Option<usize>,

    /// Images per minibatch
    #[arg(long, value_name = "N", default_value_t = 32, value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(1..=1000))]
    batch_size: usize,

    /// Adam's initial learning rate, which decays to zero along half a cosine
    #[arg(long, value_name = "RATE", default_value_t = 0.001)]
    learning_rate: f64,

    /// Seed of the initial weights and of the order of images
    #[arg(long, default_value_t = 0)]
    seed: u32,
}

/// The result of pretraining, as the command prints it.
#[derive(Serialize)]
struct Pretrained {
    encoder: String,
    bytes: usize,
    #[serde(rename = "pictures")]
    images: usize,
    #[serde(rename = "test_pictures")]
    test_images: usize,
    /// For each answer the share of its variance that is explained in the test laboratories.
    explained: Vec<(&'static str, f64)>,
}

impl fmt::Display for Pretrained {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{}: {} kB, trained on {} images, tested on {} of other laboratories",
            self.encoder,
            self.bytes / 1000,
            self.images,
            self.test_images
        )?;
        for (answer, share) in &self.explained {
            writeln!(f, "  {answer:28} {:5.1} % of the variance explained", 100.0 * share)?;
        }
        Ok(())
    }
}

/// What is trained: an encoder for policies, or the network of look errors.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Product {
    Encoder,
    LookError,
}

impl Product {
    /// The laboratories and the passes that the library's own weights were made with.
    fn size(self) -> (u32, usize) {
        match self {
            Self::Encoder => (600, 12),
            Self::LookError => (1800, 14),
        }
    }
}

/// Runs the command.
pub fn run(arguments: &Encoder) -> Result<(), Failure> {
    let (product, options, configuration) = match &arguments.command {
        EncoderCommand::Pretrain(Pretrain { options, configuration }) => {
            (Product::Encoder, options, configuration)
        }
        EncoderCommand::LookError(LookError { options, configuration }) => {
            (Product::LookError, options, configuration)
        }
    };
    check_new_weights(&options.out)?;
    let rate = options.learning_rate;
    if !(rate > 0.0 && rate <= 1.0) {
        return Err(Failure::Usage(anyhow!(
            "--learning-rate is {rate}, expected a number above 0 and at most 1"
        )));
    }
    let config = self::configuration(configuration)?;
    if product == Product::LookError {
        check_default_view(&config)?;
    }
    make(product, options, &config)
}

/// The most memory of all images, in bytes.
const MOST_IMAGE_BYTES: u64 = 16 << 30;

fn make(product: Product, options: &TrainingOptions, config: &RunConfig) -> Result<(), Failure> {
    let TrainingOptions { test_cells, images, ref out, .. } = *options;
    let (cells, epochs) = product.size();
    let (cells, epochs) = (options.cells.unwrap_or(cells), options.epochs.unwrap_or(epochs));
    let count = (u64::from(cells) + u64::from(test_cells)) * u64::from(images);
    let side = config.policy.encoder.image_size as u64;
    // All of them are kept, each with three bytes a pixel.
    if count.saturating_mul(3 * side * side) > MOST_IMAGE_BYTES {
        return Err(Failure::Usage(anyhow!(
            "--cells, --test-cells and --images make {count} images, expected at most {} of {side} x {side} pixels",
            MOST_IMAGE_BYTES / (3 * side * side)
        )));
    }
    let bar = bar("{elapsed_precise} image {pos} of {len}", count);
    let example = |observation: Observation, answers| {
        bar.inc(1);
        EncoderExample::new(&observation, answers, &config.policy)
    };
    let of_cells = |cells| match product {
        Product::Encoder => plate_images(config, cells, images, example),
        Product::LookError => look_images(config, cells, images, example),
    };
    let examples = of_cells(0..cells)?;
    let tests = of_cells(cells..cells + test_cells)?;
    bar.finish_and_clear();
    if examples.is_empty() || tests.is_empty() {
        return Err(Failure::Runtime(anyhow!("the localizer found no plate in any image")));
    }
    let trainer = train((options, epochs), config, &examples);
    let (answers, next) = match product {
        Product::Encoder => (ANSWERS, "policy.encoder.weights"),
        Product::LookError => {
            (LOOK_ANSWERS, "method=\"self-calibration-residual\" --set vision.look_error")
        }
    };
    let mut notes = Metadata::new();
    notes.insert("answers".to_string(), answers.to_vec().into());
    let bytes = match product {
        Product::Encoder => trainer.to_safetensors(&notes),
        Product::LookError => trainer.to_look_error_file(&notes),
    };
    write_atomically(out, &bytes).map_err(anyhow::Error::from)?;
    let pretrained = Pretrained {
        encoder: out.display().to_string(),
        bytes: bytes.len(),
        images: examples.len(),
        test_images: tests.len(),
        explained: answers.into_iter().zip(trainer.explained(&tests)).collect(),
    };
    print_result(&pretrained, false, &format!("rmrl train --set {next}={}", path_word(out)))?;
    Ok(())
}

/// The network of look errors has the shape and the view that are the defaults.
fn check_default_view(config: &RunConfig) -> Result<(), Failure> {
    let default = PolicyConfig::default();
    let shape = |policy: &PolicyConfig| {
        let EncoderConfig { depth, base_width, image_size, .. } = policy.encoder;
        (policy.view, policy.crop_scale, depth, base_width, image_size)
    };
    if shape(&config.policy) == shape(&default) {
        return Ok(());
    }
    Err(Failure::Usage(anyhow!(
        "policy.encoder or policy.view is not the default, expected depth 10, base_width 16, image_size 128, view \"crop\" \
         and crop_scale 1.5: the network of look errors has no other shape"
    )))
}

/// The user's configuration over random weights, from which an encoder is trained.
fn configuration(configuration: &Configuration) -> Result<RunConfig, Failure> {
    const WEIGHTS: &str = "policy.encoder.weights";
    let layers = Layers::default().with_value("encoder pretrain", WEIGHTS, "random");
    let config = layers.then(configuration.layers()?).resolve()?;
    let refuse = |reason: &str| Err(Failure::Usage(anyhow!("{reason}")));
    if config.policy.encoder.weights != EncoderWeights::Random {
        return refuse(
            "policy.encoder.weights is given, expected \"random\": an encoder is trained from the beginning",
        );
    }
    if config.policy.view == ViewName::None {
        return refuse(
            "policy.view is \"none\", expected \"crop\" or \"global\": an encoder sees an image",
        );
    }
    Ok(config)
}

fn train(
    (arguments, epochs): (&TrainingOptions, usize),
    config: &RunConfig,
    examples: &[EncoderExample],
) -> EncoderTrainer {
    let training = EncoderTraining {
        epochs,
        batch_size: arguments.batch_size,
        learning_rate: arguments.learning_rate,
        seed: u64::from(arguments.seed),
    };
    let mut trainer = EncoderTrainer::new(&config.policy, training, examples);
    let bar = bar("{elapsed_precise} pass {pos} of {len}, {msg}", epochs as u64);
    trainer.train(examples, |pass, loss| {
        bar.set_position(pass as u64);
        bar.set_message(format!("mean squared error {loss:.3} of each answer's variance"));
        tracing::info!("pass {pass}: loss {loss:.4}");
    });
    bar.finish_and_clear();
    trainer
}

fn bar(template: &str, length: u64) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(length), ProgressDrawTarget::stderr());
    bar.with_style(ProgressStyle::with_template(template).expect("a valid template"))
}
