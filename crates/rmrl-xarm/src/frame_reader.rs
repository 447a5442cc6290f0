//! Frames in a stream of bytes.

use std::io::{self, Read};

use crate::{Frame, FrameError, HEADER_LENGTH, MAX_LENGTH};

/// Room for one frame of the greatest length and the beginning of the next.
const CAPACITY: usize = 2 * (HEADER_LENGTH + MAX_LENGTH);

/// Finds the frames in a stream of bytes, however it is cut.
///
/// It holds a fixed amount of memory, and asks for none after it was made.
#[derive(Debug)]
pub struct FrameReader {
    buffer: Box<[u8]>,
    /// Where the bytes not yet read begin, and where they end.
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
    /// What comes next is no frame. That stays so until [`Self::clear`].
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

    /// Takes bytes in, as many as there is room for, and tells how many. There is room for at least
    /// one as long as [`Self::next_frame`] was asked until it had none.
    pub fn feed(&mut self, bytes: &[u8]) -> usize {
        let room = self.room();
        let taken = bytes.len().min(room.len());
        room[..taken].copy_from_slice(&bytes[..taken]);
        self.end += taken;
        taken
    }

    /// Reads once from `source`, and tells how many bytes came; 0 at its end.
    ///
    /// # Errors
    /// What the source said.
    pub fn fill(&mut self, source: &mut impl Read) -> io::Result<usize> {
        let read = source.read(self.room())?;
        self.end += read;
        Ok(read)
    }

    /// Forgets every byte that was not read yet.
    pub fn clear(&mut self) {
        (self.begin, self.end) = (0, 0);
    }

    fn room(&mut self) -> &mut [u8] {
        self.buffer.copy_within(self.begin..self.end, 0);
        (self.begin, self.end) = (0, self.end - self.begin);
        &mut self.buffer[self.end..]
    }
}
