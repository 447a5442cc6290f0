//! Reading and writing the parameters of requests.
//!
//! The emulator shares no code with the driver here, so that a mistake in one is found by the other.

/// The parameters of a request.
#[derive(Clone, Copy)]
pub(super) struct Parameters<'a>(pub &'a [u8]);

impl Parameters<'_> {
    pub fn len(self) -> usize {
        self.0.len()
    }

    pub fn byte(self, at: usize) -> Option<u8> {
        self.0.get(at).copied()
    }

    pub fn word(self, at: usize) -> Option<u16> {
        Some(u16::from_be_bytes(*self.0.get(at..)?.first_chunk()?))
    }

    /// Single-precision numbers come with the lowest byte first.
    pub fn float(self, at: usize) -> Option<f64> {
        Some(f64::from(f32::from_le_bytes(*self.0.get(at..)?.first_chunk()?)))
    }

    pub fn floats<const N: usize>(self, at: usize) -> Option<[f64; N]> {
        let mut numbers = [0.0; N];
        for (index, number) in numbers.iter_mut().enumerate() {
            *number = self.float(at + 4 * index)?;
        }
        Some(numbers)
    }

    pub fn integers<const N: usize>(self, at: usize) -> Option<[i32; N]> {
        let mut numbers = [0; N];
        for (index, number) in numbers.iter_mut().enumerate() {
            *number = i32::from_le_bytes(*self.0.get(at + 4 * index..)?.first_chunk()?);
        }
        Some(numbers)
    }
}

/// Appends numbers in single precision.
pub(super) fn put_floats(out: &mut Vec<u8>, numbers: impl IntoIterator<Item = f64>) {
    for number in numbers {
        out.extend_from_slice(&(number as f32).to_le_bytes());
    }
}
