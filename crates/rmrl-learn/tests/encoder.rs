//! Training of an encoder on images with known answers.

#![allow(clippy::unwrap_used, reason = "a test that fails at an unwrap has done its work")]

use std::sync::Arc;

use image::{Rgb, RgbImage};
use rand::RngExt;
use rmrl_core::{ActionSpace, Observation, PlanarPose, PlateInImage, random_stream};
use rmrl_learn::{
    EncoderConfig, EncoderExample, EncoderTrainer, EncoderTraining, EncoderWeights, Metadata,
    Policy, PolicyConfig, PoseScaling,
};

fn config() -> PolicyConfig {
    let encoder = EncoderConfig {
        depth: 10,
        base_width: 8,
        image_size: 32,
        train: false,
        weights: EncoderWeights::Random,
    };
    PolicyConfig { encoder, ..PolicyConfig::default() }
}

/// A plate of one brightness on a table of another.
fn observation(plate: u8, table: u8) -> Observation {
    let mut image = RgbImage::from_pixel(64, 48, Rgb([table; 3]));
    for (u, v) in (20..40).flat_map(|u| (16..30).map(move |v| (u, v))) {
        image.put_pixel(u, v, Rgb([plate, plate, plate / 2]));
    }
    let plate_in_image = PlateInImage { u_px: 29.5, v_px: 22.5, diagonal_px: 24.0 };
    Observation {
        features: None,
        look_error_m: None,
        carries: Vec::new(),
        image: Arc::new(image),
        estimated_pose: PlanarPose::default(),
        plate_in_image,
    }
}

/// The first answer is visible, the second is not.
fn examples(count: usize, seed: u64) -> Vec<EncoderExample> {
    let mut rng = random_stream(seed, "examples", [0, 0]);
    (0..count)
        .map(|_| {
            let plate = rng.random_range(10..120u8);
            let seen = observation(plate, rng.random_range(130..220));
            let answers = vec![f32::from(plate), rng.random::<f32>()];
            EncoderExample::new(&seen, answers, &config())
        })
        .collect()
}

const TRAINING: EncoderTraining =
    EncoderTraining { epochs: 6, batch_size: 16, learning_rate: 3e-3, seed: 0 };

fn trained(examples: &[EncoderExample], training: EncoderTraining) -> EncoderTrainer {
    let mut trainer = EncoderTrainer::new(&config(), training, examples);
    trainer.train(examples, |_, _| {});
    trainer
}

#[test]
fn an_encoder_learns_what_can_be_seen_and_nothing_else() {
    let (examples, tests) = (examples(320, 0), examples(80, 1));
    let mut losses = Vec::new();
    let mut trainer = EncoderTrainer::new(&config(), TRAINING, &examples);
    assert!(trainer.explained(&tests)[0] < 0.2, "before it has learned anything");
    trainer.train(&examples, |pass, loss| losses.push((pass, loss)));
    assert_eq!(losses.iter().map(|(pass, _)| *pass).collect::<Vec<_>>(), [1, 2, 3, 4, 5, 6]);
    assert!(losses[5].1 < 0.8 * losses[0].1, "{losses:?}");
    let [seen, unseen] = trainer.explained(&tests)[..] else { panic!("two answers") };
    assert!(seen > 0.9, "{seen}");
    assert!(unseen < 0.2, "{unseen}");
}

#[test]
fn an_encoder_comes_back_as_the_weights_of_a_policy_and_its_seed_makes_it() {
    let examples = examples(48, 2);
    let training = EncoderTraining { epochs: 1, ..TRAINING };
    let bytes = trained(&examples, training).to_safetensors(&Metadata::new());
    assert!(bytes == trained(&examples, training).to_safetensors(&Metadata::new()));
    let other = EncoderTraining { seed: 1, ..training };
    assert!(bytes != trained(&examples, other).to_safetensors(&Metadata::new()));

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("encoder.safetensors");
    std::fs::write(&path, bytes).unwrap();
    let mut config = config();
    config.encoder.weights = EncoderWeights::File(path);
    let actions = ActionSpace::symmetric([3; 3], [1.0; 3]).unwrap();
    let scaling = PoseScaling::new(PlanarPose::default(), [1.0; 3]);
    // The policy's seed draws only its other weights.
    let features = |config: &PolicyConfig, seed| {
        let policy = Policy::new(config, &actions, scaling, seed).unwrap();
        policy.features_of(&policy.encode(&observation(40, 180)))
    };
    assert_eq!(features(&config, 0), features(&config, 1));
    config.encoder.weights = EncoderWeights::Random;
    assert_ne!(features(&config, 0), features(&config, 1));
}
