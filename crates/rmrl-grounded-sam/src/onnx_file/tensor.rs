//! The tensors of a file, compared with the bytes that they have.

use std::path::{Component, Path};

use super::bytes::{Bytes, Fault, Value, damage};
use super::constant_values::{ConstantValues, MAX_RANK};

/// Numbers of onnx.proto's data types.
const FLOAT: i32 = 1;
const INT32: i32 = 6;
const INT64: i32 = 7;
const BOOL: i32 = 9;
const DOUBLE: i32 = 11;

/// The fields that may hold a tensor's values.
const FLOATS: u64 = 4;
const INT32S: u64 = 5;
const INT64S: u64 = 7;
const RAW: u64 = 9;
const DOUBLES: u64 = 10;

/// The files beside an ONNX file that hold data of its tensors.
pub(super) struct ExternalData<'a> {
    folder: Option<&'a Path>,
    bytes: u64,
}

/// A tensor of the file.
#[derive(Default)]
pub(super) struct Tensor {
    pub name: String,
    pub values: ConstantValues,
    dimensions: Vec<u64>,
    data_type: i32,
    /// The raw bytes, if they are few enough to be a shape.
    raw: Vec<u8>,
    raw_bytes: u64,
    /// Name, offset and length of the external data.
    external: [Option<String>; 3],
}

impl Tensor {
    fn add_dimension(&mut self, side: u64) -> Result<(), Fault> {
        if self.dimensions.len() == MAX_RANK {
            return damage(format!("a tensor of more than {MAX_RANK} dimensions"));
        }
        self.dimensions.push(side);
        Ok(())
    }

    /// Decodes the raw bytes once the type is known. Values in the field of another type or in another file stay
    /// unknown.
    fn decode_values(&mut self) {
        let Self { raw, values, .. } = self;
        match (self.data_type, values.field()) {
            (_, None) | (FLOAT, Some(FLOATS)) | (INT32, Some(INT32S)) => {}
            (INT64, Some(INT64S)) | (DOUBLE, Some(DOUBLES)) => {}
            (FLOAT, Some(RAW)) => {
                raw.as_chunks().0.iter().for_each(|b| values.push(f32::from_le_bytes(*b).into()));
            }
            (INT32, Some(RAW)) => {
                raw.as_chunks().0.iter().for_each(|b| values.push(i32::from_le_bytes(*b).into()));
            }
            (INT64, Some(RAW)) => {
                raw.as_chunks().0.iter().for_each(|b| values.push(i64::from_le_bytes(*b) as f64));
            }
            (DOUBLE, Some(RAW)) => {
                raw.as_chunks().0.iter().for_each(|b| values.push(f64::from_le_bytes(*b)));
            }
            _ => values.forget(),
        }
        if self.raw_bytes > raw.len() as u64 || self.external[0].is_some() {
            values.forget();
        }
    }

    /// Reads and checks a tensor that ends at the byte `end`.
    pub fn read(
        bytes: &mut Bytes,
        external: &mut ExternalData<'_>,
        end: u64,
    ) -> Result<Self, Fault> {
        let len = end - bytes.at();
        let mut tensor = Self::default();
        while let Some((field, value)) = bytes.field(end)? {
            if matches!(field, FLOATS | INT32S | INT64S | RAW | DOUBLES) {
                tensor.values.begin(field, field != RAW)?;
            }
            let values = &mut tensor.values;
            match (field, value) {
                (1, Value::Varint(side)) => tensor.add_dimension(side)?,
                (1, Value::Part(end)) => {
                    while bytes.at() < end {
                        let side = bytes.varint(end)?;
                        tensor.add_dimension(side)?;
                    }
                }
                // The runtime uses the lower 32 bits.
                (2, Value::Varint(data_type)) => tensor.data_type = data_type as i32,
                (FLOATS, Value::Bits32(bits)) => values.push(f32::from_le_bytes(bits).into()),
                (FLOATS, Value::Part(end)) => bytes.packed(end, MAX_RANK + 1, |bits| {
                    values.push(f32::from_le_bytes(bits).into());
                })?,
                (INT32S, Value::Varint(integer)) => values.push((integer as i32).into()),
                (INT32S, Value::Part(end)) => bytes.packed_integers(end, |integer| {
                    values.push((integer as i32).into());
                })?,
                (INT64S, Value::Varint(integer)) => values.push(integer as i64 as f64),
                (INT64S, Value::Part(end)) => bytes.packed_integers(end, |integer| {
                    values.push(integer as i64 as f64);
                })?,
                (8, Value::Part(end)) => tensor.name = bytes.name(end)?,
                (RAW, Value::Part(end)) => {
                    tensor.raw_bytes = end - bytes.at();
                    if tensor.raw_bytes <= 8 * MAX_RANK as u64 {
                        tensor.raw = bytes.raw(end)?;
                    }
                    bytes.skip_to(end)?;
                }
                (DOUBLES, Value::Bits64(bits)) => values.push(f64::from_le_bytes(bits)),
                (DOUBLES, Value::Part(end)) => bytes.packed(end, MAX_RANK + 1, |bits| {
                    values.push(f64::from_le_bytes(bits));
                })?,
                (13, Value::Part(end)) => tensor.read_external_entry(bytes, end)?,
                (_, Value::Part(end)) => bytes.skip_to(end)?,
                _ => {}
            }
        }
        tensor.decode_values();
        tensor.check(bytes, external, len)?;
        Ok(tensor)
    }

    /// Checks that the tensor, of `len` bytes in this file, has data for all its values: the runtime allocates
    /// before it notices.
    fn check(
        &self,
        bytes: &mut Bytes,
        external: &mut ExternalData<'_>,
        len: u64,
    ) -> Result<(), Fault> {
        let available = match &self.external {
            [None, ..] => len,
            [Some(name), offset, length] => external.add(name, [offset, length])?,
        };
        if self.data_type == BOOL {
            bytes.count_widened(available)?;
        }
        let values = self.dimensions.iter().try_fold(1u64, |all, side| all.checked_mul(*side));
        match values {
            Some(values) if values <= available => Ok(()),
            _ => damage(format!(
                "a tensor of shape {:?} with {available} bytes of data",
                self.dimensions
            )),
        }
    }

    fn read_external_entry(&mut self, bytes: &mut Bytes, end: u64) -> Result<(), Fault> {
        let (mut key, mut value) = (String::new(), String::new());
        while let Some((field, text)) = bytes.field(end)? {
            match (field, text) {
                (1, Value::Part(end)) => key = bytes.name(end)?,
                (2, Value::Part(end)) => value = bytes.name(end)?,
                _ => return damage("an entry of external data that is no pair of key and value"),
            }
        }
        match key.as_str() {
            "location" => self.external[0] = Some(value),
            "offset" => self.external[1] = Some(value),
            "length" => self.external[2] = Some(value),
            _ => {}
        }
        Ok(())
    }
}

impl<'a> ExternalData<'a> {
    pub fn new(folder: Option<&'a Path>) -> Self {
        Self { folder, bytes: 0 }
    }

    /// The bytes of all external data.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Adds a tensor's data in `name` with this offset and length, and returns the number of bytes. The runtime
    /// allocates them before it reads.
    fn add(&mut self, name: &str, range: [&Option<String>; 2]) -> Result<u64, Fault> {
        let mut components = Path::new(name).components();
        let plain = matches!(components.next(), Some(Component::Normal(_)));
        if !plain || components.next().is_some() {
            return damage(format!("its data are in {name:?}, which is no file beside this one"));
        }
        let path = self.folder.map_or_else(|| name.into(), |folder| folder.join(name));
        let Ok(metadata) = path.metadata() else {
            return damage(format!("its data are in {}, which is missing", path.display()));
        };
        let number = |text: &Option<String>, default: u64| match text {
            None => Ok(default),
            Some(text) => text.parse::<u64>().or_else(|_| {
                damage(format!("the offset or length {text:?} of its data in {name} is invalid"))
            }),
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
        self.bytes = self.bytes.saturating_add(length);
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{checked, part, reason};

    #[test]
    fn lengths_and_shapes_beyond_the_file_are_refused() {
        let model = |tensor: &[u8]| part(7, &part(5, tensor));
        assert!(checked(&model(&[8, 2, 9 << 3 | 2, 2, 0, 0])).is_ok());
        // A tensor of 2^40 numbers in 8 bytes.
        assert!(reason(&model(&[8, 0x80, 0x80, 0x80, 0x80, 0x80, 0x20])).contains("1099511627776"));
        // 2^32 x 2^32 numbers: the product overflows 64 bits.
        let side = [8, 0x80, 0x80, 0x80, 0x80, 0x10];
        assert!(reason(&model(&[side, side].concat())).contains("a tensor of shape"));
        // Raw data of 2^40 bytes.
        let raw = [9 << 3 | 2, 0x80, 0x80, 0x80, 0x80, 0x80, 0x20];
        assert!(reason(&model(&raw)).contains("a part of 1099511627776 bytes"));
        assert!(reason(b"").contains("no graph"));
        assert!(reason(b"<html>not found</html>").len() > 5);
    }

    #[test]
    fn external_data_must_exist() {
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

    /// Of values in two fields the runtime takes one, which may not be the one that is checked here.
    #[test]
    fn values_in_two_places_are_refused() {
        let model = |tensor: &[u8]| part(7, &part(5, tensor));
        let (raw, packed) = (part(9, &[0; 8]), part(7, &[1]));
        assert!(checked(&model(&packed.repeat(2))).is_ok());
        for twice in [raw.repeat(2), [raw, packed].concat()] {
            assert!(reason(&model(&twice)).contains("values in two places"));
        }
    }
}
