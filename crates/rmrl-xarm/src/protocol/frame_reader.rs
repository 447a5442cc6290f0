//! Frames in a stream of bytes.

use std::io::{self, Read};

use super::frame::{Frame, FrameError, HEADER_LENGTH, MAX_LENGTH};

/// Space for one frame of the greatest length and the beginning of the next.
const CAPACITY: usize = 2 * (HEADER_LENGTH + MAX_LENGTH);

/// Finds the frames in a stream of bytes, however the stream is divided into reads.
///
/// It allocates all of its memory at the beginning.
#[derive(Debug)]
pub struct FrameReader {
    buffer: Box<[u8]>,
    /// The unread bytes.
    begin: usize,
    end: usize,
}

impl Default for FrameReader {
    fn default() -> Self {
        Self { buffer: vec![0; CAPACITY].into_boxed_slice(), begin: 0, end: 0 }
    }
}

impl FrameReader {
    /// The next whole frame; none until more bytes come.
    ///
    /// # Errors
    /// The next bytes are no frame. This error remains until [`Self::clear`].
    pub fn next_frame(&mut self) -> Result<Option<Frame<'_>>, FrameError> {
        let bytes = &self.buffer[self.begin..self.end];
        let Some(&[t1, t0, p1, p0, l1, l0]) = bytes.first_chunk::<HEADER_LENGTH>() else {
            return Ok(None);
        };
        let got = usize::from(u16::from_be_bytes([l1, l0]));
        if got > MAX_LENGTH {
            return Err(FrameError::TooLong { got });
        }
        if got == 0 {
            return Err(FrameError::TooShort { kind: "frame", expected: 1, got });
        }
        let Some(body) = bytes.get(HEADER_LENGTH..HEADER_LENGTH + got) else {
            return Ok(None);
        };
        self.begin += HEADER_LENGTH + got;
        Ok(Some(Frame {
            transaction: u16::from_be_bytes([t1, t0]),
            protocol: u16::from_be_bytes([p1, p0]),
            body,
        }))
    }

    /// Appends bytes, as many as there is space for, and returns how many. There is space for at least
    /// one after [`Self::next_frame`] has returned none.
    pub fn feed(&mut self, bytes: &[u8]) -> usize {
        let space = self.space();
        let taken = bytes.len().min(space.len());
        space[..taken].copy_from_slice(&bytes[..taken]);
        self.end += taken;
        taken
    }

    /// Reads once from `source`, and returns how many bytes came; 0 at its end.
    ///
    /// # Errors
    /// The error of the source.
    pub fn fill(&mut self, source: &mut impl Read) -> io::Result<usize> {
        let read = source.read(self.space())?;
        self.end += read;
        Ok(read)
    }

    /// Drops all unread bytes.
    pub fn clear(&mut self) {
        (self.begin, self.end) = (0, 0);
    }

    fn space(&mut self) -> &mut [u8] {
        self.buffer.copy_within(self.begin..self.end, 0);
        (self.begin, self.end) = (0, self.end - self.begin);
        &mut self.buffer[self.end..]
    }
}
