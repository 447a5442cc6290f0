//! Modbus RTU to a device on a bus of the controller, which adds and checks the checksum itself.

use crate::protocol::byte_order::Cursor;

/// The most registers that one request may read according to the standard.
const MOST_REGISTERS: usize = 123;

const READ: u8 = 0x03;
const WRITE: u8 = 0x06;
const WRITE_SEVERAL: u8 = 0x10;
const EXCEPTION: u8 = 0x80;

/// A request to a device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RtuRequest {
    /// Function 3: reads registers.
    Read {
        /// The first register.
        address: u16,
        /// The number of registers.
        count: u16,
    },
    /// Function 6: writes one register.
    Write {
        /// The register.
        address: u16,
        /// The new value.
        value: u16,
    },
    /// Function 16: writes registers in a row.
    WriteSeveral {
        /// The first register.
        address: u16,
        /// The new values, at most 123.
        values: Vec<u16>,
    },
}

/// Why bytes are no valid request or answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RtuError {
    /// Too few bytes, or too many.
    #[error("a Modbus frame of {got} bytes, which is not its length")]
    Length {
        /// The length, in bytes.
        got: usize,
    },
    /// A function that is not supported.
    #[error("Modbus function {got:#04x}, expected 3, 6 or 16")]
    UnknownFunction {
        /// The function.
        got: u8,
    },
    /// The answer of another device.
    #[error("Modbus device {got} answered instead of {expected}")]
    WrongDevice {
        /// The device of the request.
        expected: u8,
        /// The device of the answer.
        got: u8,
    },
    /// The answer to another request.
    #[error("a Modbus answer to another request")]
    WrongAnswer,
    /// The device refuses the request: 1 for an unknown function, 2 for an unknown register, 3 for an invalid
    /// value.
    #[error("Modbus exception {code} of device {device}")]
    Exception {
        /// The device.
        device: u8,
        /// The standard's number of the reason.
        code: u8,
    },
}

impl RtuRequest {
    /// The bytes of the request to a device, without the checksum.
    pub fn encode(&self, device: u8) -> Vec<u8> {
        let mut out = vec![device];
        let mut put = |bytes: &[u8]| out.extend_from_slice(bytes);
        match self {
            Self::Read { address, count } => {
                put(&[READ]);
                put(&address.to_be_bytes());
                put(&count.to_be_bytes());
            }
            Self::Write { address, value } => {
                put(&[WRITE]);
                put(&address.to_be_bytes());
                put(&value.to_be_bytes());
            }
            Self::WriteSeveral { address, values } => {
                let values = &values[..values.len().min(MOST_REGISTERS)];
                // At most 123 registers, so at most 246 bytes.
                #[allow(clippy::cast_possible_truncation, reason = "at most MOST_REGISTERS")]
                let count = values.len() as u8;
                put(&[WRITE_SEVERAL]);
                put(&address.to_be_bytes());
                put(&[0, count, 2 * count]);
                for value in values {
                    put(&value.to_be_bytes());
                }
            }
        }
        out
    }

    /// Decodes a request: its device, and what it asks for.
    ///
    /// # Errors
    /// It is no request, or one that is not supported.
    pub fn decode(bytes: &[u8]) -> Result<(u8, Self), RtuError> {
        let error = RtuError::Length { got: bytes.len() };
        let mut cursor = Cursor::new(bytes);
        let [device, function] = cursor.array().ok_or(error)?;
        let mut word = || cursor.u16_be().ok_or(error);
        let request = match function {
            READ => Self::Read { address: word()?, count: word()? },
            WRITE => Self::Write { address: word()?, value: word()? },
            WRITE_SEVERAL => {
                let (address, count) = (word()?, usize::from(word()?));
                let length = cursor.u8().ok_or(error)?;
                if count > MOST_REGISTERS || usize::from(length) != 2 * count {
                    return Err(error);
                }
                let values: Option<_> = (0..count).map(|_| cursor.u16_be()).collect();
                Self::WriteSeveral { address, values: values.ok_or(error)? }
            }
            got => return Err(RtuError::UnknownFunction { got }),
        };
        if cursor.left().is_empty() { Ok((device, request)) } else { Err(error) }
    }

    /// Decodes the answer of `device` to this request: the registers that were read, or none.
    ///
    /// # Errors
    /// The device refuses the request, or the bytes are no answer to it.
    pub fn decode_reply(&self, device: u8, bytes: &[u8]) -> Result<Vec<u16>, RtuError> {
        let error = RtuError::Length { got: bytes.len() };
        let mut cursor = Cursor::new(bytes);
        let [got, function] = cursor.array().ok_or(error)?;
        if got != device {
            return Err(RtuError::WrongDevice { expected: device, got });
        }
        if function == self.function() | EXCEPTION {
            return match cursor.left() {
                &[code] => Err(RtuError::Exception { device, code }),
                _ => Err(error),
            };
        }
        if function != self.function() {
            return Err(RtuError::WrongAnswer);
        }
        match self {
            Self::Read { count, .. } => {
                let length = usize::from(cursor.u8().ok_or(error)?);
                if length != 2 * usize::from(*count) || cursor.left().len() != length {
                    return Err(error);
                }
                Ok(std::iter::from_fn(|| cursor.u16_be()).collect())
            }
            // The answer repeats what was written.
            Self::Write { address, value: second } => {
                confirm([*address, *second], &mut cursor, error)
            }
            Self::WriteSeveral { address, values } => {
                let count = u16::try_from(values.len()).unwrap_or(u16::MAX);
                confirm([*address, count], &mut cursor, error)
            }
        }
    }

    /// The answer of a device that accepts the request, with the registers that it read.
    pub fn encode_reply(&self, device: u8, read: &[u16]) -> Vec<u8> {
        let mut out = self.encode(device);
        match self {
            Self::Read { .. } => {
                out.truncate(2);
                let read = &read[..read.len().min(MOST_REGISTERS)];
                #[allow(clippy::cast_possible_truncation, reason = "at most MOST_REGISTERS")]
                out.push(2 * read.len() as u8);
                out.extend(read.iter().flat_map(|value| value.to_be_bytes()));
            }
            Self::Write { .. } => {}
            Self::WriteSeveral { .. } => out.truncate(6),
        }
        out
    }

    /// The answer of a device that refuses the request, with the standard's number of the reason.
    pub fn encode_exception(&self, device: u8, code: u8) -> [u8; 3] {
        [device, self.function() | EXCEPTION, code]
    }

    fn function(&self) -> u8 {
        match self {
            Self::Read { .. } => READ,
            Self::Write { .. } => WRITE,
            Self::WriteSeveral { .. } => WRITE_SEVERAL,
        }
    }
}

fn confirm(
    expected: [u16; 2],
    cursor: &mut Cursor<'_>,
    error: RtuError,
) -> Result<Vec<u16>, RtuError> {
    let got = [cursor.u16_be().ok_or(error)?, cursor.u16_be().ok_or(error)?];
    if !cursor.left().is_empty() {
        return Err(error);
    }
    if got == expected { Ok(Vec::new()) } else { Err(RtuError::WrongAnswer) }
}
