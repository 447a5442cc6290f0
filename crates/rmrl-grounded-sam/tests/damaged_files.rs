//! Files that are cut off, damaged or malicious: each gives an error, without a panic or excessive memory.

mod images;

use std::path::Path;

use images::{copied, image};
use rmrl_grounded_sam::{
    GroundedSamError, GroundingDino, GroundingDinoConfig, SegmentAnything, SegmentAnythingConfig,
};
use rmrl_vision::BoundingBox;

const BOX: BoundingBox = BoundingBox { x_min: 90.0, y_min: 90.0, x_max: 300.0, y_max: 300.0 };

fn look(directory: &Path) -> Result<(), GroundedSamError> {
    let directory = directory.to_path_buf();
    let config = GroundingDinoConfig { directory, ..GroundingDinoConfig::default() };
    GroundingDino::open(config)?.detect_phrases(&image("portrait")).map(|_| ())
}

fn segment(directory: &Path, decoder: &str) -> Result<(), GroundedSamError> {
    let (directory, decoder) = (directory.to_path_buf(), decoder.into());
    let config = SegmentAnythingConfig { directory, decoder, ..SegmentAnythingConfig::default() };
    SegmentAnything::open(config)?.segment_box(&image("portrait"), BOX).map(|_| ())
}

/// A linear congruential generator, for the same damage each time.
struct Places(u64);

impl Places {
    fn below(&mut self, limit: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % limit
    }
}

#[test]
fn a_file_cut_off_anywhere_is_an_error() {
    let folder = copied("grounding_dino");
    let file = folder.path().join("model.onnx");
    let whole = std::fs::read(&file).unwrap();
    let mut places = Places(1);
    for length in (0..40).map(|_| places.below(whole.len())).chain([0, 1, whole.len() - 1]) {
        std::fs::write(&file, &whole[..length]).unwrap();
        let error = look(folder.path()).unwrap_err();
        assert!(matches!(error, GroundedSamError::Damaged { .. }), "{length}: {error}");
    }
}

/// Most flipped bits change a weight slightly, which cannot be detected; the others must be errors.
#[test]
fn flipped_bits_never_panic() {
    let folder = copied("segment_anything");
    let (mut places, mut refused) = (Places(2), 0);
    for name in ["vision_encoder.onnx", "decoder_boxes.onnx", "decoder_meta.onnx"] {
        let file = folder.path().join(name);
        let whole = std::fs::read(&file).unwrap();
        for _ in 0..60 {
            let mut damaged = whole.clone();
            for _ in 0..=places.below(3) {
                damaged[places.below(whole.len())] ^= 1 << places.below(8);
            }
            std::fs::write(&file, damaged).unwrap();
            let decoder = if name == "decoder_meta.onnx" { name } else { "decoder_boxes.onnx" };
            refused += usize::from(segment(folder.path(), decoder).is_err());
        }
        std::fs::write(&file, whole).unwrap();
    }
    assert!((5..175).contains(&refused), "{refused} of 180 were refused");
}

#[test]
fn noise_is_an_error() {
    let folder = copied("grounding_dino");
    let mut places = Places(3);
    for round in 0..100 {
        let noise: Vec<u8> = (0..1 + 20 * round).map(|_| places.below(256) as u8).collect();
        std::fs::write(folder.path().join("model.onnx"), noise).unwrap();
        look(folder.path()).unwrap_err();
    }
}

/// NaN weights, as a failed quantization leaves them.
#[test]
fn nan_weights_are_detected_in_the_outputs() {
    let with_nan = |directory: &Path, name: &str, at: usize| {
        let file = directory.join(name);
        let mut bytes = std::fs::read(&file).unwrap();
        bytes[at..at + 64].fill(0xff);
        std::fs::write(&file, bytes).unwrap();
    };
    let folder = copied("segment_anything");
    with_nan(folder.path(), "vision_encoder.onnx", 60_000);
    let error = segment(folder.path(), "decoder_boxes.onnx").unwrap_err();
    assert!(
        matches!(error, GroundedSamError::Output { output: "image_embeddings", .. }),
        "{error}"
    );

    let folder = copied("grounding_dino");
    with_nan(folder.path(), "model.onnx", 500_000);
    let error = look(folder.path()).unwrap_err();
    assert!(matches!(error, GroundedSamError::Output { .. }), "{error}");
    assert!(error.to_string().contains("NaN"), "{error}");
}
