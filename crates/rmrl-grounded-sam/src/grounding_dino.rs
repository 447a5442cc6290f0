//! Grounding DINO: boxes around objects that a text describes (Sec. 3.4).

use image::RgbImage;
use rmrl_vision::{BoundingBox, BoxError, Detection, Detections, Detector, Rejected};
use rten::Value;
use rten_tensor::Tensor;
use rten_tensor::prelude::*;

use crate::boxes::{Edges, suppress_duplicates};
use crate::network::{Network, thread_pool};
use crate::pixels::{MAX_SIDE_PX, check_size, pixel_values, size_by_edges};
use crate::prompt::{Prompt, phrases};
use crate::{GroundedSamError, GroundingDinoConfig, Resize};

/// Upstream's image size, for graphs that take any size.
const SHORTEST_EDGE: u32 = 800;
const LONGEST_EDGE: u32 = 1333;

/// The length of the text in the network's output, and so the most tokens of a prompt.
const MAX_TOKENS: usize = 256;

const INPUTS: [&str; 5] =
    ["pixel_values", "input_ids", "token_type_ids", "attention_mask", "pixel_mask"];
const OUTPUTS: [&str; 2] = ["logits", "pred_boxes"];

/// A detected object, and the words of the prompt that it matches.
#[derive(Debug, Clone, PartialEq)]
pub struct PhraseDetection {
    /// The box, in pixels of the image; it may slightly exceed the image's border.
    pub bounding_box: BoundingBox,
    /// The detector's confidence, 0 to 1.
    pub score: f64,
    /// The words of the prompt that score above the text threshold; may be empty.
    pub phrase: String,
}

/// What Grounding DINO found in an image.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct PhraseDetections {
    /// The objects that score above the box threshold, without duplicates, best first.
    pub found: Vec<PhraseDetection>,
    /// The best of the others; `None` if there are none.
    pub best_rejected: Option<Rejected>,
}

/// The network's own outputs for an image.
#[derive(Debug, Clone, PartialEq)]
pub struct RawDetections {
    /// How well each query matches each token, before the sigmoid; minus infinity beyond the prompt.
    /// `[queries, tokens]`, row by row.
    pub logits: Vec<f32>,
    /// The length of a row of `logits`.
    pub tokens: usize,
    /// Each query's box: center x, center y, width, height, as shares of the network's input image.
    pub boxes: Vec<[f32; 4]>,
}

/// Grounding DINO on the CPU. It takes seconds for an image.
pub struct GroundingDino {
    config: GroundingDinoConfig,
    network: Network,
    prompt: Prompt,
    /// Width and height that the graph takes; `None` if it takes any.
    graph_size: Option<(u32, u32)>,
}

impl GroundingDino {
    /// Reads the model and its tokenizer.
    ///
    /// # Errors
    /// A configuration value is invalid, or a file is missing, damaged or from another model.
    pub fn open(config: GroundingDinoConfig) -> Result<Self, GroundedSamError> {
        config.validate()?;
        let prompt = Prompt::open(&config.directory, &config.prompt, MAX_TOKENS)?;
        let file = config.directory.join(&config.model);
        let network = Network::open(&file, "Grounding DINO as ONNX", thread_pool(config.threads))?;
        network.check_interface(
            (&INPUTS, "pixel_values, input_ids, token_type_ids, attention_mask and pixel_mask"),
            (&OUTPUTS, "logits and pred_boxes"),
        )?;
        let graph_size = graph_size(&network)?;
        check_prompt_length(&network, &prompt)?;
        let count = phrases(&config.prompt).len();
        if count > 1 {
            tracing::warn!(
                file = %network.file().display(),
                phrases = count,
                "the prompt has several phrases: many exports contain the fixed position of one phrase's full \
                 stop and detect wrong objects for several phrases; exports by tools/export_grounded_sam.py \
                 do not"
            );
        }
        Ok(Self { config, network, prompt, graph_size })
    }

    /// The detector's configuration.
    pub fn config(&self) -> &GroundingDinoConfig {
        &self.config
    }

    /// Finds the objects that the prompt describes, with the matching words.
    ///
    /// # Errors
    /// The image has no pixels, or the graph cannot be run or computes invalid values.
    pub fn detect_phrases(&self, image: &RgbImage) -> Result<PhraseDetections, GroundedSamError> {
        let raw = self.raw_detections(image)?;
        Ok(self.post_process(&raw, image.dimensions()))
    }

    /// The network's outputs for an image, before any threshold.
    ///
    /// # Errors
    /// The same as of [`detect_phrases`](Self::detect_phrases).
    pub fn raw_detections(&self, image: &RgbImage) -> Result<RawDetections, GroundedSamError> {
        check_size(image)?;
        let (resized, canvas) = self.sizes(image.dimensions());
        let pixels = pixel_values(image, resized, canvas);
        let ids: Vec<i32> = self.prompt.ids().iter().map(|id| id.cast_signed()).collect();
        let count = ids.len();
        let row = |values: Vec<i32>| Value::from(Tensor::from_data(&[1, count], values));
        let inputs = vec![
            ("pixel_values", pixels.into()),
            ("input_ids", row(ids)),
            ("token_type_ids", row(vec![0; count])),
            ("attention_mask", row(vec![1; count])),
            ("pixel_mask", pixel_mask(resized, canvas).into()),
        ];
        let [logits, boxes] = self.network.run(inputs, OUTPUTS)?;
        self.checked(&logits, &boxes)
    }

    /// Checks the outputs' shapes and values.
    fn checked(
        &self,
        logits: &Tensor<f32>,
        boxes: &Tensor<f32>,
    ) -> Result<RawDetections, GroundedSamError> {
        let expected = format!("[1, queries, {MAX_TOKENS}]");
        let &[1, queries, tokens @ MAX_TOKENS] = logits.shape() else {
            return Err(self.network.wrong_shape("logits", logits.shape(), expected));
        };
        if boxes.shape() != [1, queries, 4] {
            let expected = format!("[1, {queries}, 4]");
            return Err(self.network.wrong_shape("pred_boxes", boxes.shape(), expected));
        }
        let (logits, boxes) = (logits.to_vec(), boxes.to_vec());
        let invalid = |output, found: f32, expected| GroundedSamError::Output {
            file: self.network.file().to_path_buf(),
            output,
            found: found.to_string(),
            expected,
        };
        // Positions without a token have minus infinity.
        if let Some(found) = logits.iter().find(|value| value.is_nan() || **value == f32::INFINITY)
        {
            return Err(invalid("logits", *found, "numbers below infinity"));
        }
        if let Some(found) = boxes.iter().find(|value| !value.is_finite()) {
            return Err(invalid("pred_boxes", *found, "finite numbers"));
        }
        let boxes = boxes.as_chunks::<4>().0.to_vec();
        Ok(RawDetections { logits, tokens, boxes })
    }

    /// Width and height of the resized image, and those of its canvas.
    fn sizes(&self, image: (u32, u32)) -> ((u32, u32), (u32, u32)) {
        let Some(canvas) = self.graph_size else {
            let size = size_by_edges(image, SHORTEST_EDGE, LONGEST_EDGE);
            return (size, size);
        };
        if self.config.resize == Resize::Squash {
            return (canvas, canvas);
        }
        let (short, long) = (canvas.0.min(canvas.1), canvas.0.max(canvas.1));
        let size = size_by_edges(image, short, long);
        let fits = size.0 <= canvas.0 && size.1 <= canvas.1;
        // A portrait image may not fit on a landscape canvas.
        let size = if fits { size } else { size_by_edges(image, short, short) };
        ((size.0.min(canvas.0), size.1.min(canvas.1)), canvas)
    }

    /// Upstream's post-processing, with non-maximum suppression. The network's shares refer to the image without its
    /// padding, so they also hold for the original image.
    fn post_process(&self, raw: &RawDetections, (width, height): (u32, u32)) -> PhraseDetections {
        let threshold = self.config.box_threshold;
        let mut best_rejected: Option<Rejected> = None;
        let mut above = Vec::new();
        for (row, shares) in raw.logits.chunks_exact(raw.tokens).zip(&raw.boxes) {
            let score = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            let score = f64::from(sigmoid(score));
            if score > threshold {
                let edges = Edges::from_shares(shares.map(f64::from), width, height);
                above.push(((edges, score), row));
            } else if best_rejected.is_none_or(|best| score > best.score) {
                best_rejected = Some(Rejected { score, threshold });
            }
        }
        let boxes: Vec<_> = above.iter().map(|(scored, _)| *scored).collect();
        let found = suppress_duplicates(&boxes, self.config.nms_iou)
            .into_iter()
            .map(|index| {
                let ((edges, score), row) = above[index];
                PhraseDetection { bounding_box: edges.pixels(), score, phrase: self.phrase(row) }
            })
            .collect();
        PhraseDetections { found, best_rejected }
    }

    /// The words whose probability exceeds the text threshold. The first and the last position are no words.
    fn phrase(&self, logits: &[f32]) -> String {
        let positions = (1..logits.len() - 1)
            .filter(|position| f64::from(sigmoid(logits[*position])) > self.config.text_threshold);
        self.prompt.words_at(positions)
    }
}

impl Detector for GroundingDino {
    fn detect(&mut self, image: &RgbImage) -> Result<Detections, BoxError> {
        let PhraseDetections { found, best_rejected } = self.detect_phrases(image)?;
        let found = found
            .into_iter()
            .map(|PhraseDetection { bounding_box, score, .. }| Detection { bounding_box, score })
            .collect();
        Ok(Detections { found, best_rejected })
    }
}

/// Width and height that a graph takes; `None` if it takes any.
fn graph_size(network: &Network) -> Result<Option<(u32, u32)>, GroundedSamError> {
    let shape = network.input_shape("pixel_values").unwrap_or_default();
    let side =
        |size: usize| u32::try_from(size).ok().filter(|side| (1..=MAX_SIDE_PX).contains(side));
    match shape[..] {
        [None | Some(1), None | Some(3), Some(height), Some(width)] => {
            side(width).zip(side(height)).map(Some)
        }
        [None | Some(1), None | Some(3), None, None] => Some(None),
        _ => None,
    }
    .ok_or_else(|| network.wrong_shape("pixel_values", &shape, "[1, 3, height, width]"))
}

/// Refuses a graph that takes only prompts of another length.
fn check_prompt_length(network: &Network, prompt: &Prompt) -> Result<(), GroundedSamError> {
    let length = prompt.ids().len();
    match network.input_shape("input_ids").as_deref() {
        None | Some([_, None]) => Ok(()),
        Some([_, Some(tokens)]) if *tokens == length => Ok(()),
        Some(shape) => Err(network.wrong_shape(
            "input_ids",
            shape,
            format!("[1, {length}] for this prompt, or [1, any]"),
        )),
    }
}

/// 1 where the canvas shows the image, 0 right of it and below: `[1, height, width]`.
fn pixel_mask(image: (u32, u32), canvas: (u32, u32)) -> Tensor<i32> {
    let mask = (0..canvas.1)
        .flat_map(|v| (0..canvas.0).map(move |u| i32::from(u < image.0 && v < image.1)));
    Tensor::from_data(&[1, canvas.1 as usize, canvas.0 as usize], mask.collect::<Vec<_>>())
}

fn sigmoid(logit: f32) -> f32 {
    1.0 / (1.0 + (-logit).exp())
}
