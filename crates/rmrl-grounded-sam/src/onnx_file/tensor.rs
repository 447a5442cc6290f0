//! What a tensor of the file says of itself, held against the bytes that it has.

use std::path::{Component, Path};

use super::Walk;
use super::bytes::{Fault, Value, damage};
use super::numbers::{MAX_RANK, Numbers};

/// Numbers of onnx.proto's data types.
const FLOAT: i32 = 1;
const INT32: i32 = 6;
const INT64: i32 = 7;
const BOOL: i32 = 9;
const DOUBLE: i32 = 11;

/// The fields with a tensor's numbers.
const FLOATS: u64 = 4;
const INT32S: u64 = 5;
const INT64S: u64 = 7;
const RAW: u64 = 9;
const DOUBLES: u64 = 10;

/// What a tensor says of itself.
#[derive(Default)]
pub(super) struct Tensor {
    pub name: String,
    pub numbers: Numbers,
    dimensions: Vec<u64>,
    data_type: i32,
    /// Its raw bytes, if they are few enough to be a shape.
    raw: Vec<u8>,
    raw_bytes: u64,
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

    /// Reads the raw bytes as numbers, for which the type must be known. Numbers in the field of another
    /// type or outside are not read.
    fn settle_numbers(&mut self) {
        let Self { raw, numbers, .. } = self;
        match (self.data_type, numbers.field()) {
            (_, None) | (FLOAT, Some(FLOATS)) | (INT32, Some(INT32S)) => {}
            (INT64, Some(INT64S)) | (DOUBLE, Some(DOUBLES)) => {}
            (FLOAT, Some(RAW)) => {
                raw.as_chunks().0.iter().for_each(|b| numbers.push(f32::from_le_bytes(*b).into()));
            }
            (INT32, Some(RAW)) => {
                raw.as_chunks().0.iter().for_each(|b| numbers.push(i32::from_le_bytes(*b).into()));
            }
            (INT64, Some(RAW)) => {
                raw.as_chunks().0.iter().for_each(|b| numbers.push(i64::from_le_bytes(*b) as f64));
            }
            (DOUBLE, Some(RAW)) => {
                raw.as_chunks().0.iter().for_each(|b| numbers.push(f64::from_le_bytes(*b)));
            }
            _ => numbers.unreadable(),
        }
        if self.raw_bytes > raw.len() as u64 || self.outside[0].is_some() {
            numbers.unreadable();
        }
    }
}

impl Walk<'_> {
    /// Reads a tensor that ends at the byte `end`.
    pub(super) fn tensor(&mut self, end: u64) -> Result<Tensor, Fault> {
        let bytes = end - self.bytes.at();
        let mut tensor = Tensor::default();
        while let Some((field, value)) = self.bytes.field(end)? {
            if matches!(field, FLOATS | INT32S | INT64S | RAW | DOUBLES) {
                tensor.numbers.begin(field, field != RAW)?;
            }
            let numbers = &mut tensor.numbers;
            match (field, value) {
                (1, Value::Varint(side)) => tensor.note_dimension(side)?,
                (1, Value::Part(end)) => {
                    while self.bytes.at() < end {
                        let side = self.bytes.varint(end)?;
                        tensor.note_dimension(side)?;
                    }
                }
                // Of the number, the runtime takes these 32 bits.
                (2, Value::Varint(data_type)) => tensor.data_type = data_type as i32,
                (FLOATS, Value::Bits32(bits)) => numbers.push(f32::from_le_bytes(bits).into()),
                (FLOATS, Value::Part(end)) => self.bytes.packed(end, MAX_RANK + 1, |bits| {
                    numbers.push(f32::from_le_bytes(bits).into());
                })?,
                (INT32S, Value::Varint(integer)) => numbers.push((integer as i32).into()),
                (INT32S, Value::Part(end)) => self.bytes.packed_integers(end, |integer| {
                    numbers.push((integer as i32).into());
                })?,
                (INT64S, Value::Varint(integer)) => numbers.push(integer as i64 as f64),
                (INT64S, Value::Part(end)) => self.bytes.packed_integers(end, |integer| {
                    numbers.push(integer as i64 as f64);
                })?,
                (8, Value::Part(end)) => tensor.name = self.bytes.name(end)?,
                (RAW, Value::Part(end)) => {
                    tensor.raw_bytes = end - self.bytes.at();
                    if tensor.raw_bytes <= 8 * MAX_RANK as u64 {
                        tensor.raw = self.bytes.raw(end)?;
                    }
                    self.bytes.skip_to(end)?;
                }
                (DOUBLES, Value::Bits64(bits)) => numbers.push(f64::from_le_bytes(bits)),
                (DOUBLES, Value::Part(end)) => self.bytes.packed(end, MAX_RANK + 1, |bits| {
                    numbers.push(f64::from_le_bytes(bits));
                })?,
                (13, Value::Part(end)) => self.outside_entry(&mut tensor, end)?,
                (_, Value::Part(end)) => self.bytes.skip_to(end)?,
                _ => {}
            }
        }
        tensor.settle_numbers();
        self.check_tensor(&tensor, bytes)?;
        Ok(tensor)
    }

    /// A tensor that claims more numbers than it has bytes would be allocated before it is missed.
    fn check_tensor(&mut self, tensor: &Tensor, bytes: u64) -> Result<(), Fault> {
        let available = match &tensor.outside {
            [None, ..] => bytes,
            [Some(name), offset, length] => self.bytes_outside(name, [offset, length])?,
        };
        if tensor.data_type == BOOL {
            self.bytes.count_widened(available)?;
        }
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
        while let Some((field, text)) = self.bytes.field(end)? {
            match (field, text) {
                (1, Value::Part(end)) => key = self.bytes.name(end)?,
                (2, Value::Part(end)) => value = self.bytes.name(end)?,
                _ => return damage("an entry of external data that is no key and value"),
            }
        }
        match key.as_str() {
            "location" => tensor.outside[0] = Some(value),
            "offset" => tensor.outside[1] = Some(value),
            "length" => tensor.outside[2] = Some(value),
            _ => {}
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{checked, part, reason};

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

    /// Of numbers in two fields the runtime takes one, which need not be the one that is checked here.
    #[test]
    fn numbers_stand_in_one_place() {
        let model = |tensor: &[u8]| part(7, &part(5, tensor));
        let (raw, packed) = (part(9, &[0; 8]), part(7, &[1]));
        assert!(checked(&model(&packed.repeat(2))).is_ok());
        for twice in [raw.repeat(2), [raw, packed].concat()] {
            assert!(reason(&model(&twice)).contains("numbers in two places"));
        }
    }
}
