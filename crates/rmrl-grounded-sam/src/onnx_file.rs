//! Checks an ONNX file before the runtime reads it.
//!
//! The runtime allocates whatever a length in the file requests, and a program that runs out of memory is killed
//! without an error. So this module compares every length with the file's true size, and every tensor's shape with
//! the bytes that it has. It limits the parts that need more memory than their bytes in the file, such as empty
//! messages and packed integers. It skips weights, which takes milliseconds. It also limits the output sizes that are
//! constants in the file, but not those that a graph computes.
//!
//! - `bytes.rs`: the fields of messages.
//! - `tensor.rs`, `constant_values.rs`: tensors, and the values of small ones.
//! - `output_size_limits.rs`: the limits of output sizes.

mod bytes;
mod constant_values;
mod output_size_limits;
mod tensor;

use std::io::ErrorKind;
use std::path::Path;

use rmrl_files::open_regular_file;

use self::bytes::{Bytes, Fault, Value, damage};
use self::output_size_limits::{Attribute, INPUTS, Node, OutputSizes};
use self::tensor::{ExternalData, Tensor};
use crate::GroundedSamError;

/// The largest file that is read: SAM's ViT-H, the largest supported model, has 2.6 GB.
const MAX_BYTES: u64 = 4 << 30;

/// The deepest nesting of messages: exporters write about ten levels, and each takes stack.
const MAX_DEPTH: usize = 32;

/// Checks that `file` is a complete ONNX file that fits into memory; `role` is the expected content, for errors.
pub(crate) fn check(file: &Path, role: &'static str) -> Result<(), GroundedSamError> {
    let read_error = |source: std::io::Error| match source.kind() {
        ErrorKind::NotFound => {
            GroundedSamError::Missing { file: file.to_path_buf(), expected: role }
        }
        _ => GroundedSamError::Read { file: file.to_path_buf(), source },
    };
    if file.is_dir() {
        return Err(GroundedSamError::Missing { file: file.to_path_buf(), expected: role });
    }
    let opened = open_regular_file(file, u64::MAX).map_err(read_error)?;
    let bytes = opened.metadata().map_err(read_error)?.len();
    let too_large =
        |bytes| GroundedSamError::TooLarge { file: file.to_path_buf(), bytes, limit: MAX_BYTES };
    if bytes > MAX_BYTES {
        return Err(too_large(bytes));
    }
    let mut walk = Walk {
        bytes: Bytes::of(opened),
        external: ExternalData::new(file.parent()),
        graphs: 0,
        sizes: OutputSizes::default(),
    };
    let walked = walk.message(Message::Model, bytes, 0).and_then(|()| {
        if walk.graphs == 0 {
            return damage("it contains no graph");
        }
        std::mem::take(&mut walk.sizes).check()
    });
    let external_bytes = walk.external.bytes();
    match walked {
        Ok(()) if bytes.saturating_add(external_bytes) > MAX_BYTES => {
            Err(too_large(bytes.saturating_add(external_bytes)))
        }
        Ok(()) => Ok(()),
        Err(Fault::Damage(reason)) => {
            Err(GroundedSamError::Damaged { file: file.to_path_buf(), at: walk.bytes.at(), reason })
        }
        Err(Fault::Read(source)) => Err(read_error(source)),
    }
}

/// The messages of onnx.proto that the runtime reads and that contain only other messages, or nothing that needs a
/// check.
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
    /// The message in a field, by the field's number.
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

/// The state while a file is read.
struct Walk<'a> {
    bytes: Bytes,
    external: ExternalData<'a>,
    graphs: usize,
    sizes: OutputSizes,
}

impl Walk<'_> {
    /// Reads a message that ends at the byte `end`.
    fn message(&mut self, message: Message, end: u64, depth: usize) -> Result<(), Fault> {
        if depth > MAX_DEPTH {
            return damage(format!("messages are nested more than {MAX_DEPTH} deep"));
        }
        self.graphs += usize::from(message == Message::Graph);
        while let Some((field, value)) = self.bytes.field(end)? {
            let Value::Part(end) = value else { continue };
            match (message, field) {
                (Message::Graph, 1) => {
                    let node = self.node(end, depth + 1)?;
                    self.sizes.add_node(node)?;
                }
                (Message::Graph, 5) => {
                    let tensor = Tensor::read(&mut self.bytes, &mut self.external, end)?;
                    self.sizes.add_constant(tensor.name, &tensor.values);
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
            let values = &mut attribute.values;
            if matches!(field, 2 | 3 | 5 | 7 | 8) {
                values.begin(field, field > 5)?;
            }
            match (field, value) {
                (1, Value::Part(end)) => attribute.name = self.bytes.name(end)?,
                (2 | 7, Value::Bits32(bits)) => values.push(f32::from_le_bytes(bits).into()),
                (3 | 8, Value::Varint(integer)) => values.push(integer as i64 as f64),
                (5, Value::Part(end)) => {
                    values.take(Tensor::read(&mut self.bytes, &mut self.external, end)?.values)
                }
                (6, Value::Part(end)) => self.message(Message::Graph, end, depth + 1)?,
                (8, Value::Part(end)) => self.bytes.packed_integers(end, |integer| {
                    values.push(integer as i64 as f64);
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
    fn nested_graphs_are_limited() {
        let mut graph = Vec::new();
        for _ in 0..200 {
            graph = part(1, &part(5, &part(6, &graph)));
        }
        assert!(reason(&part(7, &graph)).contains("more than 32 deep"));
    }

    #[test]
    fn missing_and_too_large_files_are_refused() {
        let missing = check(&PathBuf::from("no/such/model.onnx"), "the detector");
        let text = missing.unwrap_err().to_string();
        assert!(text.contains("no/such/model.onnx is missing: expected the detector"), "{text}");

        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("model.onnx");
        std::fs::File::create(&file).unwrap().set_len(MAX_BYTES + 1).unwrap();
        assert!(matches!(check(&file, "a model"), Err(GroundedSamError::TooLarge { .. })));
        assert!(matches!(check(folder.path(), "a model"), Err(GroundedSamError::Missing { .. })));
    }
}
