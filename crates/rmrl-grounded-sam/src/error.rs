//! What can be wrong with the files of the models, and with what they compute.

use std::path::PathBuf;

/// Why a model could not be opened or gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum GroundedSamError {
    /// A configuration value that cannot be.
    #[error("{key} is {value}, expected {expected}")]
    Config {
        /// The configuration's key.
        key: &'static str,
        /// What was given.
        value: String,
        /// What was expected.
        expected: &'static str,
    },
    /// A file is not there.
    #[error(
        "{file} is missing: expected {expected}; docs/perception-models.md says where it comes from",
        file = file.display()
    )]
    Missing {
        /// The file.
        file: PathBuf,
        /// What it should hold.
        expected: &'static str,
    },
    /// A file cannot be read.
    #[error("cannot read {file}", file = file.display())]
    Read {
        /// The file.
        file: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// A file is larger than any model that runs here.
    #[error(
        "{file} has {bytes} bytes, expected at most {limit}; is it a model of this architecture?",
        file = file.display()
    )]
    TooLarge {
        /// The file.
        file: PathBuf,
        /// Its size, with the data that it refers to.
        bytes: u64,
        /// The largest size that is read.
        limit: u64,
    },
    /// A file is no ONNX file, or a damaged one.
    #[error(
        "{file} is damaged at byte {at}: {reason}; fetch or export it again",
        file = file.display()
    )]
    Damaged {
        /// The file.
        file: PathBuf,
        /// Where, in bytes from the beginning.
        at: u64,
        /// What is wrong there.
        reason: String,
    },
    /// The runtime does not understand a file.
    #[error("{file} cannot be loaded; export it again with tools/export_grounded_sam.py", file = file.display())]
    Load {
        /// The file.
        file: PathBuf,
        /// Why not.
        source: Box<rten::LoadError>,
    },
    /// A graph takes or gives something else than this model does.
    #[error(
        "{file} has the {side} {found}, expected {expected}; is it the file for this key?",
        file = file.display()
    )]
    Interface {
        /// The file.
        file: PathBuf,
        /// `inputs` or `outputs`.
        side: &'static str,
        /// Their names.
        found: String,
        /// The names that this model has.
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
        /// Its shape.
        found: String,
        /// The shape that it should have.
        expected: String,
    },
    /// A Segment Anything decoder that takes points only.
    #[error(
        "{file} takes points and no boxes (it has the inputs {found}): it ignores the labels 2 and 3 that mark a box's corners, and its masks would be wrong; export a decoder with input_boxes by tools/export_grounded_sam.py",
        file = file.display()
    )]
    PointsOnly {
        /// The file.
        file: PathBuf,
        /// The names of its inputs.
        found: String,
    },
    /// A tokenizer that cannot be read, or is not the one of this model.
    #[error(
        "{file} is no tokenizer of Grounding DINO: {reason}; fetch it from where the model comes from",
        file = file.display()
    )]
    Tokenizer {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A prompt of more words than the model takes.
    #[error("the prompt has {tokens} tokens, expected at most {limit}; name fewer things")]
    PromptTooLong {
        /// The prompt's tokens, with the marks at its ends.
        tokens: usize,
        /// The most that the model takes.
        limit: usize,
    },
    /// An image without pixels, or with more than any camera takes.
    #[error("the image has {width} x {height} pixels, expected 1 x 1 to {limit} x {limit}")]
    ImageSize {
        /// Its width.
        width: u32,
        /// Its height.
        height: u32,
        /// The most pixels of a side.
        limit: u32,
    },
    /// The graph cannot be computed.
    #[error("{file} cannot be run", file = file.display())]
    Run {
        /// The file.
        file: PathBuf,
        /// Why not.
        source: rten::RunError,
    },
    /// The runtime gave up on a graph: it does so on graphs that contradict themselves.
    #[error(
        "{file} contradicts itself ({message}); fetch or export it again",
        file = file.display()
    )]
    Contradiction {
        /// The file.
        file: PathBuf,
        /// What the runtime says.
        message: String,
    },
    /// An output holds numbers that cannot be.
    #[error(
        "{file}: {output} holds {found}, expected {expected}; are its weights those of the released model?",
        file = file.display()
    )]
    Output {
        /// The file.
        file: PathBuf,
        /// The output's name.
        output: &'static str,
        /// What was found in it.
        found: String,
        /// What was expected.
        expected: &'static str,
    },
}
