//! Looks through an ONNX file before the runtime reads it.
//!
//! The runtime allocates what a length in the file asks for, and a program that runs out of memory is
//! ended, not told. So every length is held against the file's true size first, and every tensor's
//! shape against the bytes that it has. What becomes more in memory than it is in the file, such as empty
//! messages and packed integers, is counted. Weights are stepped over, which takes milliseconds. Sizes
//! that a node is given as numbers of the file are bounded, too; those that a graph computes are not.

mod asked;
mod bytes;
mod numbers;
mod tensor;

use std::fs::File;
use std::io::ErrorKind;
use std::path::Path;

use self::asked::{Asked, Attribute, INPUTS, Node};
use self::bytes::{Bytes, Fault, Value, damage};
use crate::GroundedSamError;

/// Larger files are none of the models meant here: SAM's ViT-H, the largest, has 2.6 GB.
const MAX_BYTES: u64 = 4 << 30;

/// Graphs within graphs, types within types; exporters write about ten. Each level takes stack.
const MAX_DEPTH: usize = 32;

/// Checks that `file` is a whole ONNX file of a bearable size; `role` says what it should hold.
pub(crate) fn check(file: &Path, role: &'static str) -> Result<(), GroundedSamError> {
    let read_error = |source: std::io::Error| match source.kind() {
        ErrorKind::NotFound => {
            GroundedSamError::Missing { file: file.to_path_buf(), expected: role }
        }
        _ => GroundedSamError::Read { file: file.to_path_buf(), source },
    };
    let metadata = file.metadata().map_err(read_error)?;
    if !metadata.is_file() {
        return Err(GroundedSamError::Missing { file: file.to_path_buf(), expected: role });
    }
    let bytes = metadata.len();
    let too_large =
        |bytes| GroundedSamError::TooLarge { file: file.to_path_buf(), bytes, limit: MAX_BYTES };
    if bytes > MAX_BYTES {
        return Err(too_large(bytes));
    }
    let mut walk = Walk {
        bytes: Bytes::of(File::open(file).map_err(read_error)?),
        folder: file.parent(),
        outside: 0,
        graphs: 0,
        asked: Asked::default(),
    };
    let checked = walk.message(Message::Model, bytes, 0).and_then(|()| {
        if walk.graphs == 0 {
            return damage("no graph in it");
        }
        walk.asked.check()
    });
    match checked {
        Ok(()) if bytes.saturating_add(walk.outside) > MAX_BYTES => {
            Err(too_large(bytes.saturating_add(walk.outside)))
        }
        Ok(()) => Ok(()),
        Err(Fault::Damage(reason)) => {
            Err(GroundedSamError::Damaged { file: file.to_path_buf(), at: walk.bytes.at(), reason })
        }
        Err(Fault::Read(source)) => Err(read_error(source)),
    }
}

/// The messages of onnx.proto that the runtime looks into, and that hold nothing but others and what is
/// of no concern here.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Message {
    Model,
    Graph,
    OperatorSet,
    Property,
    ValueInfo,
    Type,
    TensorType,
    SequenceType,
    Shape,
    Dimension,
}

impl Message {
    /// The message in the field of that number.
    fn within(self, field: u64) -> Option<Self> {
        match (self, field) {
            (Self::Model, 7) => Some(Self::Graph),
            (Self::Model, 8) => Some(Self::OperatorSet),
            (Self::Model, 14) => Some(Self::Property),
            (Self::Graph, 11..=13) => Some(Self::ValueInfo),
            (Self::ValueInfo, 2) | (Self::SequenceType, 1) => Some(Self::Type),
            (Self::Type, 1) => Some(Self::TensorType),
            (Self::Type, 4) => Some(Self::SequenceType),
            (Self::TensorType, 2) => Some(Self::Shape),
            (Self::Shape, 1) => Some(Self::Dimension),
            _ => None,
        }
    }
}

struct Walk<'a> {
    bytes: Bytes,
    folder: Option<&'a Path>,
    /// Bytes in other files.
    outside: u64,
    graphs: usize,
    /// What nodes are told to make.
    asked: Asked,
}

impl Walk<'_> {
    /// Reads a message that ends at the byte `end`.
    fn message(&mut self, message: Message, end: u64, depth: usize) -> Result<(), Fault> {
        if depth > MAX_DEPTH {
            return damage(format!("messages within messages, {MAX_DEPTH} deep"));
        }
        self.graphs += usize::from(message == Message::Graph);
        while let Some((field, value)) = self.bytes.field(end)? {
            let Value::Part(end) = value else { continue };
            match (message, field) {
                (Message::Graph, 1) => {
                    let node = self.node(end, depth + 1)?;
                    self.asked.note_node(node)?;
                }
                (Message::Graph, 5) => {
                    let tensor = self.tensor(end)?;
                    self.asked.note_constant(tensor.name, &tensor.numbers);
                }
                _ => match message.within(field) {
                    Some(part) => self.message(part, end, depth + 1)?,
                    None => self.bytes.skip_to(end)?,
                },
            }
        }
        Ok(())
    }

    fn node(&mut self, end: u64, depth: usize) -> Result<Node, Fault> {
        let mut node = Node::default();
        while let Some((field, value)) = self.bytes.field(end)? {
            let Value::Part(end) = value else { continue };
            match field {
                1 if node.inputs.len() < INPUTS => node.inputs.push(self.bytes.name(end)?),
                2 => node.output = self.bytes.name(end)?,
                4 => node.operator = self.bytes.name(end)?,
                5 => node.attributes.push(self.attribute(end, depth)?),
                _ => self.bytes.skip_to(end)?,
            }
        }
        Ok(node)
    }

    fn attribute(&mut self, end: u64, depth: usize) -> Result<Attribute, Fault> {
        let mut attribute = Attribute::default();
        while let Some((field, value)) = self.bytes.field(end)? {
            let numbers = &mut attribute.numbers;
            if matches!(field, 2 | 3 | 5 | 7 | 8) {
                numbers.begin(field, field > 5)?;
            }
            match (field, value) {
                (1, Value::Part(end)) => attribute.name = self.bytes.name(end)?,
                (2 | 7, Value::Bits32(bits)) => numbers.push(f32::from_le_bytes(bits).into()),
                (3 | 8, Value::Varint(integer)) => numbers.push(integer as i64 as f64),
                (5, Value::Part(end)) => numbers.take(self.tensor(end)?.numbers),
                (6, Value::Part(end)) => self.message(Message::Graph, end, depth + 1)?,
                (8, Value::Part(end)) => self.bytes.packed_integers(end, |integer| {
                    numbers.push(integer as i64 as f64);
                })?,
                (_, Value::Part(end)) => self.bytes.skip_to(end)?,
                _ => {}
            }
        }
        Ok(attribute)
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    /// A length-delimited field.
    pub fn part(field: u8, content: &[u8]) -> Vec<u8> {
        let mut bytes = vec![field << 3 | 2];
        let mut length = content.len();
        while length >= 0x80 {
            bytes.push(length as u8 | 0x80);
            length >>= 7;
        }
        bytes.push(length as u8);
        bytes.extend_from_slice(content);
        bytes
    }

    pub fn checked(bytes: &[u8]) -> Result<(), GroundedSamError> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("model.onnx");
        std::fs::write(&file, bytes).unwrap();
        check(&file, "a model")
    }

    pub fn reason(bytes: &[u8]) -> String {
        match checked(bytes) {
            Err(GroundedSamError::Damaged { reason, .. }) => reason,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn graphs_within_graphs_end_somewhere() {
        let mut graph = Vec::new();
        for _ in 0..200 {
            graph = part(1, &part(5, &part(6, &graph)));
        }
        assert!(reason(&part(7, &graph)).contains("32 deep"));
    }

    #[test]
    fn files_that_are_not_there_or_too_large_are_told() {
        let missing = check(&PathBuf::from("no/such/model.onnx"), "the detector");
        let text = missing.unwrap_err().to_string();
        assert!(text.contains("no/such/model.onnx is missing: expected the detector"), "{text}");

        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("model.onnx");
        File::create(&file).unwrap().set_len(MAX_BYTES + 1).unwrap();
        assert!(matches!(check(&file, "a model"), Err(GroundedSamError::TooLarge { .. })));
        assert!(matches!(check(folder.path(), "a model"), Err(GroundedSamError::Missing { .. })));
    }
}
