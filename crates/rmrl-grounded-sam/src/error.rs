//! Errors of the models' files, and of what they compute.

use std::path::PathBuf;

use rmrl_core::InvalidKey;

/// Why a model cannot be opened or run.
#[derive(Debug, thiserror::Error)]
pub enum GroundedSamError {
    /// A configuration value is invalid.
    #[error(transparent)]
    Config(#[from] InvalidKey),
    /// A file is missing.
    #[error(
        "{file} is missing: expected {expected}; docs/perception-models.md describes how to get it",
        file = file.display()
    )]
    Missing {
        /// The file.
        file: PathBuf,
        /// The expected content.
        expected: &'static str,
    },
    /// A file cannot be read.
    #[error("cannot read {file}", file = file.display())]
    Read {
        /// The file.
        file: PathBuf,
        /// The error behind it.
        source: std::io::Error,
    },
    /// A file is larger than any supported model.
    #[error(
        "{file} has {bytes} bytes, expected at most {limit}; is it a model of this architecture?",
        file = file.display()
    )]
    TooLarge {
        /// The file.
        file: PathBuf,
        /// The size with its external data, in bytes.
        bytes: u64,
        /// The largest size that is read, in bytes.
        limit: u64,
    },
    /// A file is damaged, or no ONNX file.
    #[error(
        "{file} is damaged at byte {at}: {reason}; download or export it again",
        file = file.display()
    )]
    Damaged {
        /// The file.
        file: PathBuf,
        /// The position, in bytes from the beginning.
        at: u64,
        /// The reason.
        reason: String,
    },
    /// The runtime cannot load a file.
    #[error("{file} cannot be loaded; export it again with tools/export_grounded_sam.py", file = file.display())]
    Load {
        /// The file.
        file: PathBuf,
        /// The error behind it.
        source: Box<rten::LoadError>,
    },
    /// A graph has other inputs or outputs than this model.
    #[error(
        "{file} has the {side} {found}, expected {expected}; is it the file for this key?",
        file = file.display()
    )]
    Interface {
        /// The file.
        file: PathBuf,
        /// `inputs` or `outputs`.
        side: &'static str,
        /// The names that the graph has.
        found: String,
        /// The expected names.
        expected: &'static str,
    },
    /// An input or output has the wrong shape.
    #[error(
        "{file}: {value} is {found}, expected {expected}; export the model again with tools/export_grounded_sam.py",
        file = file.display()
    )]
    Shape {
        /// The file.
        file: PathBuf,
        /// The input's or output's name.
        value: &'static str,
        /// The shape that it has.
        found: String,
        /// The expected shape.
        expected: String,
    },
    /// A Segment Anything decoder takes points only.
    #[error(
        "{file} takes points and no boxes (it has the inputs {found}): it ignores the labels 2 and 3 that mark a box's corners, and its masks would be wrong; export a decoder with input_boxes by tools/export_grounded_sam.py",
        file = file.display()
    )]
    PointsOnly {
        /// The file.
        file: PathBuf,
        /// The names of the inputs.
        found: String,
    },
    /// A tokenizer cannot be read, or belongs to another model.
    #[error(
        "{file} is no tokenizer of Grounding DINO: {reason}; download it from the same place as the model",
        file = file.display()
    )]
    Tokenizer {
        /// The file.
        file: PathBuf,
        /// The reason.
        reason: String,
    },
    /// The prompt has more tokens than the model takes.
    #[error("the prompt has {tokens} tokens, expected at most {limit}; name fewer things")]
    PromptTooLong {
        /// The tokens of the prompt, including the special tokens at its ends.
        tokens: usize,
        /// The most tokens that the model takes.
        limit: usize,
    },
    /// The image has no pixels, or more than any camera takes.
    #[error("the image has {width} x {height} pixels, expected 1 x 1 to {limit} x {limit}")]
    ImageSize {
        /// The image's width.
        width: u32,
        /// The image's height.
        height: u32,
        /// The most pixels along a side.
        limit: u32,
    },
    /// The graph cannot be run.
    #[error("{file} cannot be run", file = file.display())]
    Run {
        /// The file.
        file: PathBuf,
        /// The error behind it.
        source: rten::RunError,
    },
    /// The runtime panicked, as it does on graphs that contradict themselves.
    #[error(
        "{file} contradicts itself ({message}); download or export it again",
        file = file.display()
    )]
    Contradiction {
        /// The file.
        file: PathBuf,
        /// The runtime's message.
        message: String,
    },
    /// An output holds invalid values.
    #[error(
        "{file}: {output} contains {found}, expected {expected}; are its weights those of the released model?",
        file = file.display()
    )]
    Output {
        /// The file.
        file: PathBuf,
        /// The output's name.
        output: &'static str,
        /// The invalid value.
        found: String,
        /// The valid values.
        expected: &'static str,
    },
}
