//! Segment Anything compared with `transformers`: pre-processing, both decoder layouts, post-processing.

mod images;

use images::{NAMES, Tensors, copied, fixtures, image, iou};
use rmrl_grounded_sam::{DecoderLayout, GroundedSamError, SegmentAnything, SegmentAnythingConfig};
use rmrl_vision::{BoundingBox, Segmenter};

const BOXES: [[f64; 4]; 2] = [[120.0, 90.0, 431.0, 305.0], [40.5, 200.25, 250.0, 390.75]];

fn config(decoder: &str) -> SegmentAnythingConfig {
    SegmentAnythingConfig {
        directory: fixtures().join("segment_anything"),
        decoder: decoder.into(),
        ..SegmentAnythingConfig::default()
    }
}

fn bounding_box([x_min, y_min, x_max, y_max]: [f64; 4]) -> BoundingBox {
    BoundingBox { x_min, y_min, x_max, y_max }
}

#[test]
fn masks_and_scores_match_upstream_in_both_layouts() {
    let tensors = Tensors::open("segment_anything.safetensors");
    for (decoder, layout, label) in [
        ("decoder_boxes.onnx", DecoderLayout::Boxes, "boxes"),
        ("decoder_meta.onnx", DecoderLayout::Meta, "meta"),
    ] {
        let mut segmenter = SegmentAnything::open(config(decoder)).unwrap();
        assert_eq!(segmenter.layout(), layout);
        for (name, corners) in NAMES.into_iter().zip(BOXES) {
            let image = image(name);
            let (mask, score) = segmenter.segment_box(&image, bounding_box(corners)).unwrap();
            let scores = tensors.floats(&format!("{name}.{label}.scores"));
            let best = f64::from(scores.iter().copied().fold(f32::NEG_INFINITY, f32::max));
            assert!((score - best).abs() < 1e-3, "{name} {label}: {score} {best}");
            let ours: Vec<bool> =
                image.enumerate_pixels().map(|(u, v, _)| mask.contains(u, v)).collect();
            let mut theirs = tensors.mask(&format!("{name}.{label}.mask"));
            theirs.truncate(ours.len());
            let agreement = iou(&ours, &theirs);
            assert!(agreement >= 0.999, "{name} {label}: {agreement}");
        }
    }
}

/// The embedding of the last image is kept; another image must not get it.
#[test]
fn the_kept_embedding_is_used_for_its_image_only() {
    let mut kept = SegmentAnything::open(config("decoder_boxes.onnx")).unwrap();
    let mut image = image("landscape");
    for change in 0..3 {
        let corners = bounding_box([100.0, 80.0, 300.0 + 40.0 * f64::from(change), 300.0]);
        if change == 2 {
            for pixel in image.pixels_mut() {
                pixel.0[0] = 255 - pixel.0[0];
            }
        }
        let mut fresh = SegmentAnything::open(config("decoder_boxes.onnx")).unwrap();
        let expected = fresh.segment(&image, corners).unwrap();
        assert_eq!(kept.segment(&image, corners).unwrap(), expected, "{change}");
    }
}

#[test]
fn a_decoder_of_points_is_refused_with_the_reason() {
    let error = SegmentAnything::open(config("decoder_points.onnx")).err().unwrap();
    assert!(matches!(error, GroundedSamError::PointsOnly { .. }), "{error}");
    let text = error.to_string();
    assert!(text.contains("decoder_points.onnx takes points and no boxes"), "{text}");
    assert!(text.contains("input_points, input_labels"), "{text}");
}

#[test]
fn wrong_files_are_refused_with_the_reason() {
    let swapped = SegmentAnythingConfig {
        encoder: "decoder_boxes.onnx".into(),
        ..config("decoder_boxes.onnx")
    };
    let error = SegmentAnything::open(swapped).err().unwrap();
    assert!(
        matches!(
            &error,
            GroundedSamError::Interface { side: "inputs", expected: "pixel_values", .. }
        ),
        "{error}"
    );
    let no_decoder = SegmentAnything::open(config("vision_encoder.onnx")).err().unwrap();
    assert!(no_decoder.to_string().contains("in Meta's layout"), "{no_decoder}");

    let folder = copied("segment_anything");
    std::fs::remove_file(folder.path().join("vision_encoder.onnx")).unwrap();
    let missing =
        SegmentAnythingConfig { directory: folder.path().into(), ..config("decoder_meta.onnx") };
    let missing = SegmentAnything::open(missing).err().unwrap().to_string();
    assert!(missing.contains("expected Segment Anything's image encoder as ONNX"), "{missing}");
}
