//! Looks through an ONNX file before the runtime reads it.
//!
//! The runtime allocates what a length in the file asks for, and a program that runs out of memory is
//! ended, not told. So every length is held against the file's true size first, and every tensor's
//! shape against the bytes that it has. Weights are stepped over, which takes milliseconds. Shapes that
//! a node is given as numbers of the file are bounded, too; those that a graph computes are not.

mod asked;

use std::fs::File;
use std::io::{BufRead, BufReader, ErrorKind, Read};
use std::path::{Component, Path};

use self::asked::{Asked, INPUTS, MAX_RANK, Node};
use crate::GroundedSamError;

/// Larger files are none of the models meant here: SAM's ViT-H, the largest, has 2.6 GB.
const MAX_BYTES: u64 = 4 << 30;

/// Graphs within graphs, types within types; exporters write about ten. Each level takes stack.
const MAX_DEPTH: usize = 32;

/// Longest name of a tensor or an operator; exporters' are of up to a few hundred bytes.
const MAX_NAME_BYTES: u64 = 4096;

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
    let reader = BufReader::new(File::open(file).map_err(read_error)?);
    let mut walk = Walk {
        reader,
        at: 0,
        folder: file.parent(),
        outside: 0,
        graphs: 0,
        asked: Asked::default(),
    };
    let checked = walk.message(Message::Model, bytes, 0).and_then(|()| {
        if walk.graphs == 0 {
            return damage("no graph in it");
        }
        walk.asked.check().or_else(damage)
    });
    match checked {
        Ok(()) if bytes.saturating_add(walk.outside) > MAX_BYTES => {
            Err(too_large(bytes.saturating_add(walk.outside)))
        }
        Ok(()) => Ok(()),
        Err(Fault::Damage(reason)) => {
            Err(GroundedSamError::Damaged { file: file.to_path_buf(), at: walk.at, reason })
        }
        Err(Fault::Read(source)) => Err(read_error(source)),
    }
}

enum Fault {
    Damage(String),
    Read(std::io::Error),
}

impl From<std::io::Error> for Fault {
    fn from(error: std::io::Error) -> Self {
        Self::Read(error)
    }
}

fn damage<T>(reason: impl Into<String>) -> Result<T, Fault> {
    Err(Fault::Damage(reason.into()))
}

/// The messages of onnx.proto that the runtime looks into.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Message {
    Model,
    OperatorSet,
    Graph,
    Node,
    Attribute,
    Tensor,
    ValueInfo,
    Type,
    TensorType,
    SequenceType,
    Shape,
    Dimension,
    StringEntry,
}

impl Message {
    /// The message in the field of that number; `None` for strings, bytes and packed numbers.
    fn within(self, field: u64) -> Option<Self> {
        match (self, field) {
            (Self::Model, 7) | (Self::Attribute, 6 | 11) => Some(Self::Graph),
            (Self::Model, 8) => Some(Self::OperatorSet),
            (Self::Model, 14) | (Self::Tensor, 13) => Some(Self::StringEntry),
            (Self::Graph, 1) => Some(Self::Node),
            (Self::Graph, 5) | (Self::Attribute, 5 | 10) => Some(Self::Tensor),
            (Self::Graph, 11..=13) => Some(Self::ValueInfo),
            (Self::Node, 5) => Some(Self::Attribute),
            (Self::ValueInfo, 2) | (Self::SequenceType, 1) => Some(Self::Type),
            (Self::Type, 1) => Some(Self::TensorType),
            (Self::Type, 4) => Some(Self::SequenceType),
            (Self::TensorType, 2) => Some(Self::Shape),
            (Self::Shape, 1) => Some(Self::Dimension),
            _ => None,
        }
    }
}

/// What a tensor says of itself.
#[derive(Default)]
struct Tensor {
    dimensions: Vec<u64>,
    data_type: u64,
    name: String,
    /// Its integers, if they are few enough to be a shape.
    integers: Vec<i64>,
    raw: Vec<u8>,
    /// Name, offset and length of the file with its data.
    outside: [Option<String>; 3],
}

impl Tensor {
    fn note_dimension(&mut self, side: u64) -> Result<(), Fault> {
        if self.dimensions.len() == MAX_RANK {
            return damage(format!("a tensor of more than {MAX_RANK} dimensions"));
        }
        self.dimensions.push(side);
        Ok(())
    }

    /// One number more than a shape may have tells that it is none.
    fn note_integer(&mut self, value: u64) {
        if self.integers.len() <= MAX_RANK {
            self.integers.push(value as i64);
        }
    }

    /// The numbers of a tensor of 32 or 64 bit integers.
    fn shape(&self) -> Vec<i64> {
        match self.data_type {
            INT64 if !self.raw.is_empty() => {
                let (numbers, _) = self.raw.as_chunks::<8>();
                numbers.iter().map(|bytes| i64::from_le_bytes(*bytes)).collect()
            }
            INT32 if !self.raw.is_empty() => {
                let (numbers, _) = self.raw.as_chunks::<4>();
                numbers.iter().map(|bytes| i32::from_le_bytes(*bytes).into()).collect()
            }
            INT64 | INT32 => self.integers.clone(),
            _ => Vec::new(),
        }
    }
}

/// Numbers of onnx.proto's data types.
const INT32: u64 = 6;
const INT64: u64 = 7;

struct Walk<'a> {
    reader: BufReader<File>,
    /// Bytes read.
    at: u64,
    folder: Option<&'a Path>,
    /// Bytes in other files.
    outside: u64,
    graphs: usize,
    /// What nodes are told to make.
    asked: Asked,
}

impl Walk<'_> {
    /// Reads a message of `length` bytes.
    fn message(&mut self, message: Message, length: u64, depth: usize) -> Result<(), Fault> {
        if depth > MAX_DEPTH {
            return damage(format!("messages within messages, {MAX_DEPTH} deep"));
        }
        match message {
            Message::Graph => self.graphs += 1,
            Message::Node => self.asked.begin_node(),
            _ => {}
        }
        let begin = self.at;
        let end = begin + length;
        let mut tensor = Tensor::default();
        let mut node = Node::default();
        while self.at < end {
            let tag = self.varint(end)?;
            let (field, wire) = (tag >> 3, tag & 7);
            match wire {
                0 => {
                    let value = self.varint(end)?;
                    match (message, field) {
                        (Message::Tensor, 1) => tensor.note_dimension(value)?,
                        (Message::Tensor, 2) => tensor.data_type = value,
                        (Message::Tensor, 5 | 7) | (Message::Attribute, 8) => {
                            tensor.note_integer(value);
                        }
                        _ => {}
                    }
                }
                1 => self.skip(8, end)?,
                2 => {
                    let length = self.varint(end)?;
                    if length > end - self.at {
                        return damage(format!(
                            "a part of {length} bytes where {} are left",
                            end - self.at
                        ));
                    }
                    let part_end = self.at + length;
                    match message.within(field) {
                        Some(Message::StringEntry) if message == Message::Tensor => {
                            self.outside_entry(&mut tensor, part_end)?;
                        }
                        Some(part) => self.message(part, length, depth + 1)?,
                        None if (message, field) == (Message::Tensor, 1) => {
                            while self.at < part_end {
                                let side = self.varint(part_end)?;
                                tensor.note_dimension(side)?;
                            }
                        }
                        None => match (message, field) {
                            (Message::Tensor, 5 | 7) | (Message::Attribute, 8)
                                if length <= 10 * MAX_RANK as u64 =>
                            {
                                while self.at < part_end {
                                    let integer = self.varint(part_end)?;
                                    tensor.note_integer(integer);
                                }
                            }
                            (Message::Tensor, 8) => tensor.name = self.name(length)?,
                            (Message::Tensor, 9) if length <= 8 * MAX_RANK as u64 => {
                                tensor.raw = vec![0; length as usize];
                                self.read(&mut tensor.raw)?;
                            }
                            (Message::Node, 1) if node.inputs.len() < INPUTS => {
                                node.inputs.push(self.name(length)?);
                            }
                            (Message::Node, 2) => node.output = self.name(length)?,
                            (Message::Node, 4) => node.operator = self.name(length)?,
                            _ => self.skip(length, end)?,
                        },
                    }
                }
                5 => self.skip(4, end)?,
                _ => return damage(format!("no field has the wire type {wire}")),
            }
        }
        match message {
            Message::Tensor => {
                self.asked.note_shape(tensor.name.clone(), &tensor.shape()).or_else(damage)?;
                self.check_tensor(&tensor, length)?;
            }
            Message::Attribute if !tensor.integers.is_empty() => {
                self.asked.note_shape(String::new(), &tensor.integers).or_else(damage)?;
            }
            Message::Node => self.asked.note_node(node).or_else(damage)?,
            _ => {}
        }
        Ok(())
    }

    fn name(&mut self, length: u64) -> Result<String, Fault> {
        if length > MAX_NAME_BYTES {
            return damage(format!("a name of {length} bytes"));
        }
        let mut bytes = vec![0; length as usize];
        self.read(&mut bytes)?;
        String::from_utf8(bytes).or_else(|_| damage("a name that is no text"))
    }

    /// A tensor that claims more numbers than it has bytes would be allocated before it is missed.
    fn check_tensor(&mut self, tensor: &Tensor, bytes: u64) -> Result<(), Fault> {
        let available = match &tensor.outside {
            [None, ..] => bytes,
            [Some(name), offset, length] => self.bytes_outside(name, [offset, length])?,
        };
        let numbers = tensor.dimensions.iter().try_fold(1u64, |all, side| all.checked_mul(*side));
        match numbers {
            Some(numbers) if numbers <= available => Ok(()),
            _ => damage(format!(
                "a tensor of shape {:?} with {available} bytes of data",
                tensor.dimensions
            )),
        }
    }

    /// The bytes of a tensor in a file beside this one. The runtime allocates them before it reads.
    fn bytes_outside(&mut self, name: &str, range: [&Option<String>; 2]) -> Result<u64, Fault> {
        let mut components = Path::new(name).components();
        let plain = matches!(components.next(), Some(Component::Normal(_)));
        if !plain || components.next().is_some() {
            return damage(format!("data in {name:?}, which is no file beside this one"));
        }
        let path = self.folder.map_or_else(|| name.into(), |folder| folder.join(name));
        let Ok(metadata) = path.metadata() else {
            return damage(format!("its data are in {}, which is missing", path.display()));
        };
        let number = |text: &Option<String>, default: u64| match text {
            None => Ok(default),
            Some(text) => text
                .parse::<u64>()
                .or_else(|_| damage(format!("data in {name} at or of {text:?} bytes"))),
        };
        let offset = number(range[0], 0)?;
        let length = number(range[1], metadata.len().saturating_sub(offset))?;
        if offset.checked_add(length).is_none_or(|end| end > metadata.len()) {
            return damage(format!(
                "{length} bytes of data at {offset} of {}, which has {}",
                path.display(),
                metadata.len()
            ));
        }
        self.outside = self.outside.saturating_add(length);
        Ok(length)
    }

    fn outside_entry(&mut self, tensor: &mut Tensor, end: u64) -> Result<(), Fault> {
        let (mut key, mut value) = (String::new(), String::new());
        while self.at < end {
            let tag = self.varint(end)?;
            let text = match tag {
                0x0a => &mut key,
                0x12 => &mut value,
                _ => return damage("an entry of external data that is no key and value"),
            };
            let length = self.varint(end)?;
            if length > end - self.at {
                return damage(format!("a name of {length} bytes"));
            }
            *text = self.name(length)?;
        }
        match key.as_str() {
            "location" => tensor.outside[0] = Some(value),
            "offset" => tensor.outside[1] = Some(value),
            "length" => tensor.outside[2] = Some(value),
            _ => {}
        }
        Ok(())
    }

    fn varint(&mut self, end: u64) -> Result<u64, Fault> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            if self.at >= end {
                return damage("a number is cut off");
            }
            let mut byte = [0];
            self.read(&mut byte)?;
            value |= u64::from(byte[0] & 0x7f) << shift;
            if byte[0] < 0x80 {
                return Ok(value);
            }
        }
        damage("a number of more than 64 bits")
    }

    fn read(&mut self, bytes: &mut [u8]) -> Result<(), Fault> {
        self.reader.read_exact(bytes).map_err(|error| match error.kind() {
            ErrorKind::UnexpectedEof => Fault::Damage("the file ends".into()),
            _ => Fault::Read(error),
        })?;
        self.at += bytes.len() as u64;
        Ok(())
    }

    fn skip(&mut self, bytes: u64, end: u64) -> Result<(), Fault> {
        if bytes > end - self.at {
            return damage(format!("{bytes} bytes where {} are left", end - self.at));
        }
        // Within the buffer without a system call; `bytes` is at most the file's size.
        if bytes <= self.reader.buffer().len() as u64 {
            self.reader.consume(bytes as usize);
        } else {
            self.reader.seek_relative(bytes as i64)?;
        }
        self.at += bytes;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    /// A length-delimited field.
    fn part(field: u8, content: &[u8]) -> Vec<u8> {
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

    fn checked(bytes: &[u8]) -> Result<(), GroundedSamError> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("model.onnx");
        std::fs::write(&file, bytes).unwrap();
        check(&file, "a model")
    }

    fn reason(bytes: &[u8]) -> String {
        match checked(bytes) {
            Err(GroundedSamError::Damaged { reason, .. }) => reason,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn lengths_and_shapes_beyond_the_file_are_found() {
        let model = |tensor: &[u8]| part(7, &part(5, tensor));
        assert!(checked(&model(&[8, 2, 9 << 3 | 2, 2, 0, 0])).is_ok());
        // A tensor of 2^40 numbers in 8 bytes.
        assert!(reason(&model(&[8, 0x80, 0x80, 0x80, 0x80, 0x80, 0x20])).contains("1099511627776"));
        // 2^32 x 2^32 of them: the product has no 64 bits.
        let side = [8, 0x80, 0x80, 0x80, 0x80, 0x10];
        assert!(reason(&model(&[side, side].concat())).contains("a tensor of shape"));
        // Raw data of 2^40 bytes.
        let raw = [9 << 3 | 2, 0x80, 0x80, 0x80, 0x80, 0x80, 0x20];
        assert!(reason(&model(&raw)).contains("a part of 1099511627776 bytes"));
        assert!(reason(b"").contains("no graph"));
        assert!(reason(b"<html>not found</html>").len() > 5);
    }

    #[test]
    fn nodes_may_not_be_told_to_make_more_than_a_machine_holds() {
        let shape = |sides: &[i64]| -> Vec<u8> {
            let raw: Vec<u8> = sides.iter().flat_map(|side| side.to_le_bytes()).collect();
            [&[8, sides.len() as u8, 16, 7][..], &part(9, &raw)].concat()
        };
        let fill =
            part(1, &[part(1, b"shape"), part(2, b"out"), part(4, b"ConstantOfShape")].concat());
        let given = |sides| {
            let initializer = part(5, &[shape(sides), part(8, b"shape")].concat());
            part(7, &[fill.clone(), initializer].concat())
        };
        let constant = |sides: &[i64]| {
            let value = part(5, &part(5, &shape(sides)));
            let node = part(1, &[part(2, b"shape"), part(4, b"Constant"), value].concat());
            part(7, &[node, fill.clone()].concat())
        };
        let integers = |sides: [u8; 2]| {
            let value = part(5, &part(8, &sides));
            part(7, &[part(1, &[part(2, b"shape"), part(4, b"Constant"), value].concat())].concat())
        };
        for model in [given(&[1, 256, 64, 64]), constant(&[1, 900, 256]), integers([3, 4])] {
            assert!(checked(&model).is_ok());
        }
        for model in [given(&[1 << 20, 1 << 20, 8]), constant(&[1 << 40]), constant(&[-1 << 40])] {
            let reason = reason(&model);
            assert!(
                reason.contains("ConstantOfShape makes") && reason.contains("\"shape\""),
                "{reason}"
            );
        }
    }

    #[test]
    fn data_outside_must_be_there() {
        let entry = |key: &str, value: &str| {
            part(13, &[part(1, key.as_bytes()), part(2, value.as_bytes())].concat())
        };
        let model = |entries: &[Vec<u8>]| part(7, &part(5, &entries.concat()));
        let far = model(&[entry("location", "../weights.data")]);
        assert!(reason(&far).contains("no file beside this one"));
        let missing = model(&[entry("location", "weights.data"), entry("length", "99")]);
        assert!(reason(&missing).contains("missing"));
        let own = |length| model(&[entry("location", "model.onnx"), entry("length", length)]);
        assert!(checked(&own("9")).is_ok());
        assert!(reason(&own("1152921504606846976")).contains("of data at 0"));
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
