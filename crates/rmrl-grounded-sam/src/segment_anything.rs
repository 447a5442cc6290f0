//! Segment Anything: the pixels of the object in a box (Sec. 3.4).

use image::{GrayImage, RgbImage};
use rmrl_vision::{BoundingBox, BoxError, Mask, Segmenter};
use rten::Value;
use rten_tensor::Tensor;
use rten_tensor::prelude::*;

use crate::mask_upscaling::{Plane, upscale_mask};
use crate::network::{Network, thread_pool};
use crate::pixels::{MAX_SIDE_PX, check_size, pixel_values};
use crate::{GroundedSamError, SegmentAnythingConfig};

const EMBEDDINGS: &str = "image_embeddings";
const POSITIONS: &str = "image_positional_embeddings";

/// The names of a decoder's inputs and outputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DecoderLayout {
    /// `image_embeddings`, `image_positional_embeddings` and `input_boxes` `[1, 1, 4]`, to
    /// `iou_scores` and `pred_masks`: optimum's names.
    Boxes,
    /// `image_embeddings`, `point_coords`, `point_labels`, `mask_input`, `has_mask_input` and
    /// `orig_im_size`, to `iou_predictions` and `low_res_masks`: Meta's own export. A box is two
    /// points, its corners, labeled 2 and 3.
    Meta,
}

/// Segment Anything on the CPU. It takes seconds for an image, and tens of milliseconds for further boxes
/// in the same image.
pub struct SegmentAnything {
    config: SegmentAnythingConfig,
    encoder: Network,
    decoder: Network,
    layout: DecoderLayout,
    /// The side of the encoder's square, in pixels.
    square: u32,
    encoded: Option<Encoded>,
}

/// An image and the encoder's outputs for it.
struct Encoded {
    image: RgbImage,
    embeddings: Tensor<f32>,
    positions: Option<Tensor<f32>>,
}

impl SegmentAnything {
    /// Reads encoder and decoder.
    ///
    /// # Errors
    /// A configuration value is invalid, a file is missing, damaged or from another model, or the decoder takes no
    /// boxes.
    pub fn open(config: SegmentAnythingConfig) -> Result<Self, GroundedSamError> {
        config.validate()?;
        let threads = thread_pool(config.threads);
        // The decoder first, because it is smaller and has more variants.
        let decoder = Network::open(
            &config.directory.join(&config.decoder),
            "Segment Anything's decoder as ONNX",
            threads.clone(),
        )?;
        let layout = decoder_layout(&decoder)?;
        let encoder = Network::open(
            &config.directory.join(&config.encoder),
            "Segment Anything's image encoder as ONNX",
            threads,
        )?;
        let (outputs, names): (&[&str], _) = match layout {
            DecoderLayout::Boxes => {
                (&[EMBEDDINGS, POSITIONS], "image_embeddings and image_positional_embeddings")
            }
            DecoderLayout::Meta => (&[EMBEDDINGS], "image_embeddings"),
        };
        encoder.check_interface((&["pixel_values"], "pixel_values"), (outputs, names))?;
        let square = square(&encoder)?;
        Ok(Self { config, encoder, decoder, layout, square, encoded: None })
    }

    /// The segmenter's configuration.
    pub fn config(&self) -> &SegmentAnythingConfig {
        &self.config
    }

    /// The decoder's layout.
    pub fn layout(&self) -> DecoderLayout {
        self.layout
    }

    /// The mask of the object in `bounding_box`, and the overlap with the true mask that the network
    /// predicts, about 0 to 1. Of the network's masks (whole, part, subpart) it is the one with the highest
    /// prediction.
    ///
    /// # Errors
    /// The image has no pixels, or the graph cannot be run or computes invalid values.
    pub fn segment_box(
        &mut self,
        image: &RgbImage,
        bounding_box: BoundingBox,
    ) -> Result<(Mask, f64), GroundedSamError> {
        check_size(image)?;
        let size = self.resized(image.dimensions());
        let scaled = scaled(bounding_box, image.dimensions(), size);
        let [scores, masks] = self.decode(image, scaled)?;
        let (low, score) = self.best(&scores, &masks)?;
        let unpadded = (size.0 as usize, size.1 as usize);
        let pixels: GrayImage =
            upscale_mask(&low, self.square as usize, unpadded, image.dimensions());
        Ok((Mask::new(0, 0, pixels), score))
    }

    /// Width and height of an image in the encoder's square.
    fn resized(&self, (width, height): (u32, u32)) -> (u32, u32) {
        let scale = f64::from(self.square) / f64::from(width.max(height));
        let side = |length: u32| ((f64::from(length) * scale + 0.5) as u32).max(1);
        (side(width), side(height))
    }

    /// The scores and masks of a box in pixels of the encoder's square.
    fn decode(
        &mut self,
        image: &RgbImage,
        corners: [f32; 4],
    ) -> Result<[Tensor<f32>; 2], GroundedSamError> {
        self.encode(image)?;
        let Some(encoded) = &self.encoded else { unreachable!("the image was just encoded") };
        let embeddings = encoded.embeddings.clone();
        match self.layout {
            DecoderLayout::Boxes => {
                let mut inputs: Vec<(&str, Value)> = vec![
                    (EMBEDDINGS, embeddings.into()),
                    ("input_boxes", Tensor::from_data(&[1, 1, 4], corners.to_vec()).into()),
                ];
                inputs.extend(encoded.positions.iter().map(|all| (POSITIONS, all.clone().into())));
                self.decoder.run(inputs, ["iou_scores", "pred_masks"])
            }
            DecoderLayout::Meta => {
                let side = 4 * embeddings.shape().last().copied().unwrap_or_default();
                let original = [image.height() as f32, image.width() as f32];
                let inputs = vec![
                    (EMBEDDINGS, embeddings.into()),
                    ("point_coords", Tensor::from_data(&[1, 2, 2], corners.to_vec()).into()),
                    ("point_labels", Tensor::from_data(&[1, 2], vec![2.0f32, 3.0]).into()),
                    ("mask_input", Tensor::<f32>::zeros(&[1, 1, side, side]).into()),
                    ("has_mask_input", Tensor::<f32>::zeros(&[1]).into()),
                    ("orig_im_size", Tensor::from_data(&[2], original.to_vec()).into()),
                ];
                self.decoder.run(inputs, ["iou_predictions", "low_res_masks"])
            }
        }
    }

    /// Encodes an image, unless its pixels equal those of the last image: comparing them takes no time beside the
    /// seconds of encoding.
    fn encode(&mut self, image: &RgbImage) -> Result<(), GroundedSamError> {
        if self.encoded.as_ref().is_some_and(|encoded| encoded.image == *image) {
            return Ok(());
        }
        let canvas = (self.square, self.square);
        let pixels = pixel_values(image, self.resized(image.dimensions()), canvas);
        let inputs = vec![("pixel_values", pixels.into())];
        let (embeddings, positions) = match self.layout {
            DecoderLayout::Boxes => {
                let [embeddings, positions] = self.encoder.run(inputs, [EMBEDDINGS, POSITIONS])?;
                (embeddings, Some(positions))
            }
            DecoderLayout::Meta => {
                let [embeddings] = self.encoder.run(inputs, [EMBEDDINGS])?;
                (embeddings, None)
            }
        };
        if !matches!(*embeddings.shape(), [1, _, height, width] if height == width) {
            let expected = "[1, channels, side, side]";
            return Err(self.encoder.wrong_shape(EMBEDDINGS, embeddings.shape(), expected));
        }
        check_finite(&self.encoder, EMBEDDINGS, &embeddings)?;
        self.encoded = Some(Encoded { image: image.clone(), embeddings, positions });
        Ok(())
    }

    /// The mask with the best score, and the score.
    fn best(
        &self,
        scores: &Tensor<f32>,
        masks: &Tensor<f32>,
    ) -> Result<(Plane, f64), GroundedSamError> {
        let (scores_name, masks_name) = match self.layout {
            DecoderLayout::Boxes => ("iou_scores", "pred_masks"),
            DecoderLayout::Meta => ("iou_predictions", "low_res_masks"),
        };
        let (scores_shape, masks_shape) = (scores.shape(), masks.shape());
        let (outer, sides) = masks_shape.split_at(masks_shape.len().saturating_sub(2));
        let count = scores.len();
        let &[height, width] = sides else {
            return Err(self.decoder.wrong_shape(
                masks_name,
                masks_shape,
                "[1, masks, side, side]",
            ));
        };
        if count == 0 || height == 0 || height != width || outer != scores_shape {
            let expected = format!("{scores_shape:?} as {scores_name}, and a square for each");
            return Err(self.decoder.wrong_shape(masks_name, masks_shape, expected));
        }
        check_finite(&self.decoder, scores_name, scores)?;
        check_finite(&self.decoder, masks_name, masks)?;
        let (best, score) = scores
            .iter()
            .enumerate()
            .max_by(|(_, one), (_, other)| one.total_cmp(other))
            .unwrap_or((0, &0.0));
        let values = masks.to_vec()[best * height * width..][..height * width].to_vec();
        Ok((Plane { width, height, values }, f64::from(*score)))
    }
}

impl Segmenter for SegmentAnything {
    fn segment(&mut self, image: &RgbImage, bounding_box: BoundingBox) -> Result<Mask, BoxError> {
        Ok(self.segment_box(image, bounding_box)?.0)
    }
}

/// A box in the resized image. The network's coordinates refer to pixel centers, like this project's: it adds the
/// half pixel itself.
fn scaled(bounding_box: BoundingBox, from: (u32, u32), to: (u32, u32)) -> [f32; 4] {
    let across = f64::from(to.0) / f64::from(from.0);
    let down = f64::from(to.1) / f64::from(from.1);
    let BoundingBox { x_min, y_min, x_max, y_max } = bounding_box;
    [x_min * across, y_min * down, x_max * across, y_max * down].map(|value| value as f32)
}

fn decoder_layout(decoder: &Network) -> Result<DecoderLayout, GroundedSamError> {
    if decoder.has_input("input_boxes") {
        decoder.check_interface(
            (
                &[EMBEDDINGS, POSITIONS, "input_boxes"],
                "image_embeddings, image_positional_embeddings and input_boxes",
            ),
            (&["iou_scores", "pred_masks"], "iou_scores and pred_masks"),
        )?;
        return Ok(DecoderLayout::Boxes);
    }
    if decoder.has_input("input_points") {
        let file = decoder.file().to_path_buf();
        return Err(GroundedSamError::PointsOnly { file, found: decoder.input_names() });
    }
    decoder.check_interface(
        (
            &[
                EMBEDDINGS,
                "point_coords",
                "point_labels",
                "mask_input",
                "has_mask_input",
                "orig_im_size",
            ],
            "image_embeddings, image_positional_embeddings and input_boxes; or, in Meta's layout, \
             image_embeddings, point_coords, point_labels, mask_input, has_mask_input and orig_im_size",
        ),
        (&["iou_predictions", "low_res_masks"], "iou_predictions and low_res_masks"),
    )?;
    Ok(DecoderLayout::Meta)
}

/// The side of the square that an encoder takes.
fn square(encoder: &Network) -> Result<u32, GroundedSamError> {
    let shape = encoder.input_shape("pixel_values").unwrap_or_default();
    let side = match shape[..] {
        [None | Some(1), None | Some(3), Some(height), Some(width)] if height == width => {
            u32::try_from(width).ok()
        }
        // Exports with a free size get the size that the network was trained with.
        [None | Some(1), None | Some(3), None, None] => Some(1024),
        _ => None,
    };
    side.filter(|side| (1..=MAX_SIDE_PX).contains(side))
        .ok_or_else(|| encoder.wrong_shape("pixel_values", &shape, "[1, 3, side, side]"))
}

fn check_finite(
    network: &Network,
    output: &'static str,
    values: &Tensor<f32>,
) -> Result<(), GroundedSamError> {
    match values.iter().find(|value| !value.is_finite()) {
        None => Ok(()),
        Some(found) => Err(GroundedSamError::Output {
            file: network.file().to_path_buf(),
            output,
            found: found.to_string(),
            expected: "finite numbers",
        }),
    }
}
