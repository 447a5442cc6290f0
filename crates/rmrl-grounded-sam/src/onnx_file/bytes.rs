//! Reads the fields of an ONNX file in the same steps as the runtime.

use std::fs::File;
use std::io::{BufRead, BufReader, ErrorKind, Read};

/// The most fields of all messages together. Full-size Grounding DINO has 151 000, Segment Anything 83 000. The
/// runtime allocates half a kilobyte for an empty attribute of two bytes: at most 1 GB for all.
const MAX_FIELDS: u64 = 1 << 21;

/// The most bytes that each become a value of 4 or 8 bytes: packed integers and booleans. Exporters write raw
/// integers, and masks of up to a million booleans.
const MAX_WIDENED: u64 = 1 << 24;

/// The longest name of a tensor or an operator; exporters write up to a few hundred bytes.
const MAX_NAME_BYTES: u64 = 4096;

/// Why a file cannot be used.
pub(super) enum Fault {
    Damage(String),
    Read(std::io::Error),
}

impl From<std::io::Error> for Fault {
    fn from(error: std::io::Error) -> Self {
        Self::Read(error)
    }
}

pub(super) fn damage<T>(reason: impl Into<String>) -> Result<T, Fault> {
    Err(Fault::Damage(reason.into()))
}

/// The value of a field.
pub(super) enum Value {
    Varint(u64),
    Bits32([u8; 4]),
    Bits64([u8; 8]),
    /// A message, a text or packed numbers, which end at this byte of the file. The caller reads or skips them.
    Part(u64),
}

/// A file, with counts of the parts that are limited.
pub(super) struct Bytes {
    reader: BufReader<File>,
    /// The number of bytes read so far.
    at: u64,
    fields: u64,
    widened: u64,
}

impl Bytes {
    pub fn of(file: File) -> Self {
        Self { reader: BufReader::new(file), at: 0, fields: 0, widened: 0 }
    }

    pub fn at(&self) -> u64 {
        self.at
    }

    /// The number and the value of the next field of a message that ends at the byte `end`.
    pub fn field(&mut self, end: u64) -> Result<Option<(u64, Value)>, Fault> {
        if self.at >= end {
            return Ok(None);
        }
        self.fields += 1;
        if self.fields > MAX_FIELDS {
            return damage(format!("more than {MAX_FIELDS} fields"));
        }
        let tag = self.varint(end)?;
        let value = match tag & 7 {
            0 => Value::Varint(self.varint(end)?),
            1 => Value::Bits64(self.array(end)?),
            2 => {
                let length = self.varint(end)?;
                if length > end - self.at {
                    return damage(format!(
                        "a part of {length} bytes, but only {} are left",
                        end - self.at
                    ));
                }
                Value::Part(self.at + length)
            }
            5 => Value::Bits32(self.array(end)?),
            wire => return damage(format!("invalid wire type {wire}")),
        };
        Ok(Some((tag >> 3, value)))
    }

    /// Reads packed integers, each of them: if one continued beyond `end`, the runtime would read everything after it
    /// differently.
    pub fn packed_integers(&mut self, end: u64, mut each: impl FnMut(u64)) -> Result<(), Fault> {
        self.count_widened(end - self.at)?;
        while self.at < end {
            each(self.varint(end)?);
        }
        Ok(())
    }

    /// Reads the first `most` packed numbers of `N` bytes. A number that is cut off is refused, for the same
    /// reason.
    pub fn packed<const N: usize>(
        &mut self,
        end: u64,
        most: usize,
        mut each: impl FnMut([u8; N]),
    ) -> Result<(), Fault> {
        let bytes = end - self.at;
        if !bytes.is_multiple_of(N as u64) {
            return damage(format!("{bytes} bytes for numbers of {N} bytes"));
        }
        for _ in 0..most.min(bytes as usize / N) {
            each(self.array(end)?);
        }
        self.skip_to(end)
    }

    /// Counts bytes that the runtime turns into a value each.
    pub fn count_widened(&mut self, bytes: u64) -> Result<(), Fault> {
        self.widened = self.widened.saturating_add(bytes);
        if self.widened > MAX_WIDENED {
            return damage(format!(
                "more than {MAX_WIDENED} bytes of packed integers and booleans"
            ));
        }
        Ok(())
    }

    pub fn name(&mut self, end: u64) -> Result<String, Fault> {
        let length = end - self.at;
        if length > MAX_NAME_BYTES {
            return damage(format!("a name of {length} bytes"));
        }
        String::from_utf8(self.raw(end)?).or_else(|_| damage("a name that is no text"))
    }

    /// Reads all bytes up to `end`; the caller limits their number.
    pub fn raw(&mut self, end: u64) -> Result<Vec<u8>, Fault> {
        let mut bytes = vec![0; (end - self.at) as usize];
        self.read(&mut bytes)?;
        Ok(bytes)
    }

    pub fn skip_to(&mut self, end: u64) -> Result<(), Fault> {
        let bytes = end - self.at;
        // No system call within the buffer. `bytes` is at most the file's size.
        if bytes <= self.reader.buffer().len() as u64 {
            self.reader.consume(bytes as usize);
        } else {
            self.reader.seek_relative(bytes as i64)?;
        }
        self.at = end;
        Ok(())
    }

    pub fn varint(&mut self, end: u64) -> Result<u64, Fault> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let [byte] = self.array(end)?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        damage("a number of more than 64 bits")
    }

    fn array<const N: usize>(&mut self, end: u64) -> Result<[u8; N], Fault> {
        if N as u64 > end.saturating_sub(self.at) {
            return damage("a number is cut off");
        }
        let mut bytes = [0; N];
        self.read(&mut bytes)?;
        Ok(bytes)
    }

    fn read(&mut self, bytes: &mut [u8]) -> Result<(), Fault> {
        self.reader.read_exact(bytes).map_err(|error| match error.kind() {
            ErrorKind::UnexpectedEof => Fault::Damage("the file ends".into()),
            _ => Fault::Read(error),
        })?;
        self.at += bytes.len() as u64;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{checked, part, reason};
    use super::*;

    /// The runtime allocates a structure for every part, and an empty part takes two bytes.
    #[test]
    fn empty_parts_are_limited_everywhere() {
        let many = |field: u8| [field << 3 | 2, 0].repeat(MAX_FIELDS as usize);
        let node = |content: &[u8]| part(7, &part(1, content));
        let value = |content: &[u8]| part(7, &part(11, content));
        for (model, what) in [
            (part(7, &many(1)), "nodes"),
            (part(7, &part(5, &[8, 0]).repeat(MAX_FIELDS as usize)), "initializers"),
            (part(7, &many(13)), "value infos"),
            (node(&many(1)), "input names"),
            (node(&many(2)), "output names"),
            (node(&many(5)), "attributes"),
            (node(&part(5, &many(9))), "texts"),
            (value(&part(2, &part(1, &part(2, &many(1))))), "sides of a shape"),
            ([many(8), part(7, &[])].concat(), "operator sets"),
            ([many(14), part(7, &[])].concat(), "properties"),
        ] {
            assert!(reason(&model).contains("more than 2097152 fields"), "{what}");
        }
        let few = part(1, &[1 << 3 | 2, 0].repeat(1000));
        assert!(checked(&part(7, &few.repeat(1000))).is_ok());
    }

    #[test]
    fn packed_integers_and_booleans_are_limited() {
        let tensor = |content: &[u8]| part(7, &part(5, content));
        let ones = vec![1; MAX_WIDENED as usize + 1];
        let masks = [&[16, 9][..], &part(9, &ones)].concat();
        // The type is a number of 32 bits.
        let disguised = [&[16, 0x89, 0x80, 0x80, 0x80, 0x10][..], &part(9, &ones)].concat();
        for content in [part(5, &ones), part(7, &ones), masks, disguised] {
            assert!(reason(&tensor(&content)).contains("more than 16777216 bytes of packed"));
        }
        let attribute = part(7, &part(1, &part(5, &part(8, &ones))));
        assert!(reason(&attribute).contains("more than 16777216 bytes of packed"));
        // The limit is for the sum.
        let half = part(5, &part(7, &ones[..=ones.len() / 2]));
        assert!(checked(&part(7, &half)).is_ok());
        assert!(reason(&part(7, &half.repeat(2))).contains("more than 16777216 bytes of packed"));
        // Raw integers need no more memory than bytes.
        assert!(checked(&tensor(&[&[16, 7][..], &part(9, &ones)].concat())).is_ok());
    }

    /// The runtime reads a packed number to its end, even beyond its part, and then reads what follows differently.
    /// A number of more than ten bytes makes it hang.
    #[test]
    fn packed_numbers_that_are_cut_off_are_refused() {
        let tensor = |content: &[u8]| part(7, &part(5, content));
        assert!(
            reason(&tensor(&part(7, &[[1; 200].as_slice(), &[0x80]].concat()))).contains("cut")
        );
        assert!(reason(&tensor(&part(5, &[0x80; 300]))).contains("more than 64 bits"));
        assert!(reason(&tensor(&part(4, &[0; 403]))).contains("403 bytes for numbers of 4"));
        assert!(reason(&tensor(&part(10, &[0; 12]))).contains("12 bytes for numbers of 8"));
        for content in [part(4, &[0; 400]), part(10, &[0; 400]), part(7, &[1; 200])] {
            assert!(checked(&tensor(&content)).is_ok());
        }
    }
}
