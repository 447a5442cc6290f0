//! Grounding DINO compared with `transformers`: pre-processing, network and post-processing.

mod images;

use image::RgbImage;
use images::{NAMES, Tensors, copied, difference, expected, fixtures, image};
use rmrl_grounded_sam::{GroundedSamError, GroundingDino, GroundingDinoConfig, Resize};
use rmrl_vision::Detector;

const PROMPTS: [&str; 2] = ["Black cell plate", "black plate. a remote control. cats."];

fn config(prompt: &str, resize: Resize) -> GroundingDinoConfig {
    GroundingDinoConfig {
        directory: fixtures().join("grounding_dino"),
        prompt: prompt.into(),
        box_threshold: 0.65,
        text_threshold: 0.6,
        resize,
        ..GroundingDinoConfig::default()
    }
}

#[test]
fn logits_boxes_scores_and_phrases_match_upstream() {
    let (tensors, expected) = (Tensors::open("grounding_dino.safetensors"), expected());
    for (name, prompt) in NAMES.into_iter().zip(PROMPTS) {
        for (resize, label) in [(Resize::Squash, "squash"), (Resize::Pad, "pad")] {
            let key = format!("{name}.{label}");
            let all = GroundingDinoConfig { nms_iou: 1.0, ..config(prompt, resize) };
            let detector = GroundingDino::open(all).unwrap();
            let image = image(name);
            let raw = detector.raw_detections(&image).unwrap();
            let logits = difference(&raw.logits, &tensors.floats(&format!("{key}.logits")));
            let boxes =
                difference(raw.boxes.as_flattened(), &tensors.floats(&format!("{key}.boxes")));
            assert!(logits < 1e-3 && boxes < 1e-3, "{key}: {logits} {boxes}");

            let scores = tensors.floats(&format!("{key}.found.scores"));
            let boxes = tensors.floats(&format!("{key}.found.boxes"));
            let phrases: Vec<String> =
                serde_json::from_value(expected["phrases"][&key].clone()).unwrap();
            let found = detector.detect_phrases(&image).unwrap().found;
            assert_eq!(found.len(), scores.len());
            // Upstream sorts by query, this crate by score.
            let mut order: Vec<usize> = (0..scores.len()).collect();
            order.sort_by(|a, b| scores[*b].total_cmp(&scores[*a]));
            for (ours, index) in found.iter().zip(order) {
                assert!((ours.score - f64::from(scores[index])).abs() < 1e-4, "{key}: {ours:?}");
                assert_eq!(ours.phrase, phrases[index], "{key}");
                let bounds = ours.bounding_box;
                // Upstream's right and lower edges are one pixel after the last one.
                let edges = [bounds.x_min, bounds.y_min, bounds.x_max + 1.0, bounds.y_max + 1.0];
                let longest = f64::from(image.width().max(image.height()));
                for (ours, theirs) in edges.iter().zip(&boxes[4 * index..]) {
                    assert!((ours - f64::from(*theirs)).abs() < 1e-3 * longest, "{key}");
                }
            }
        }
    }
}

/// Compared with torchvision's non-maximum suppression.
#[test]
fn duplicates_are_dropped_and_the_best_rejected_object_is_reported() {
    let tensors = Tensors::open("grounding_dino.safetensors");
    for (name, prompt) in NAMES.into_iter().zip(PROMPTS) {
        let scores = tensors.floats(&format!("{name}.squash.found.scores"));
        let kept = tensors.ints(&format!("{name}.squash.found.kept"));
        assert!(kept.len() < scores.len(), "nothing was a duplicate");
        let mut detector = GroundingDino::open(config(prompt, Resize::Squash)).unwrap();
        let seen = detector.detect(&image(name)).unwrap();
        assert_eq!(seen.found.len(), kept.len());
        for (ours, index) in seen.found.iter().zip(kept) {
            assert!((ours.score - f64::from(scores[index as usize])).abs() < 1e-4);
        }
        let rejected = seen.best_rejected.unwrap();
        assert_eq!(rejected.threshold, 0.65);
        let logits = tensors.floats(&format!("{name}.squash.logits"));
        let best = logits
            .chunks_exact(256)
            .map(|row| row.iter().copied().fold(f32::NEG_INFINITY, f32::max))
            .map(|logit| f64::from(1.0 / (1.0 + (-logit).exp())))
            .filter(|score| *score <= 0.65)
            .fold(0.0, f64::max);
        assert!((rejected.score - best).abs() < 1e-4, "{rejected:?}");
    }
}

#[test]
fn the_best_rejected_score_is_reported_if_nothing_is_found() {
    let strict = GroundingDinoConfig { box_threshold: 0.999, ..config("plate", Resize::Pad) };
    let seen = GroundingDino::open(strict).unwrap().detect_phrases(&image("portrait")).unwrap();
    assert!(seen.found.is_empty());
    assert!((0.1..0.999).contains(&seen.best_rejected.unwrap().score));
}

#[test]
fn vocab_txt_and_threads_change_no_result() {
    let folder = copied("grounding_dino");
    std::fs::remove_file(folder.path().join("tokenizer.json")).unwrap();
    let whole = config(PROMPTS[0], Resize::Squash);
    let words = GroundingDinoConfig {
        directory: folder.path().into(),
        threads: std::num::NonZeroUsize::new(3),
        ..whole.clone()
    };
    let image = image("landscape");
    let [whole, words] = [whole, words]
        .map(|config| GroundingDino::open(config).unwrap().raw_detections(&image).unwrap());
    assert!(difference(&whole.logits, &words.logits) < 1e-4);
}

#[test]
fn wrong_directories_and_files_are_refused_with_the_reason() {
    let open = |directory: &std::path::Path, model: &str| {
        let config = GroundingDinoConfig {
            directory: directory.into(),
            model: model.into(),
            ..GroundingDinoConfig::default()
        };
        GroundingDino::open(config).err().unwrap()
    };
    let folder = copied("grounding_dino");
    let missing = open(folder.path(), "other.onnx");
    assert!(matches!(missing, GroundedSamError::Missing { .. }), "{missing}");
    assert!(missing.to_string().contains("other.onnx is missing"), "{missing}");

    std::fs::copy(
        fixtures().join("segment_anything/vision_encoder.onnx"),
        folder.path().join("other.onnx"),
    )
    .unwrap();
    let other = open(folder.path(), "other.onnx").to_string();
    assert!(
        other.contains("has the inputs pixel_values, expected pixel_values, input_ids"),
        "{other}"
    );

    std::fs::write(folder.path().join("other.onnx"), "<html>404 not found</html>").unwrap();
    let page = open(folder.path(), "other.onnx");
    assert!(matches!(page, GroundedSamError::Damaged { .. }), "{page}");
    let nowhere = open(std::path::Path::new("no/such/place"), "model.onnx").to_string();
    assert!(nowhere.contains("no/such/place/vocab.txt is missing"), "{nowhere}");
}

#[test]
fn images_of_any_size_are_accepted() {
    let detector = GroundingDino::open(config("plate", Resize::Pad)).unwrap();
    for (width, height) in [(1, 1), (1, 900), (900, 1), (128, 96), (4000, 50)] {
        detector.raw_detections(&RgbImage::new(width, height)).unwrap();
    }
    let empty = detector.detect_phrases(&RgbImage::new(0, 10)).unwrap_err();
    assert!(matches!(empty, GroundedSamError::ImageSize { .. }), "{empty}");
}

#[test]
fn configurations_are_read_and_unknown_keys_refused() {
    let config: GroundingDinoConfig =
        toml::from_str("prompt = \"a plate\"\nresize = \"pad\"\nthreads = 2").unwrap();
    assert_eq!(config.resize, Resize::Pad);
    assert_eq!(config.box_threshold, GroundingDinoConfig::default().box_threshold);
    assert!(toml::from_str::<GroundingDinoConfig>("promt = \"a plate\"").is_err());
    assert!(toml::from_str::<GroundingDinoConfig>("threads = 0").is_err());
    let round: GroundingDinoConfig = toml::from_str(&toml::to_string(&config).unwrap()).unwrap();
    assert_eq!(round, config);
}
