//! Reports in a stream of bytes.

use std::io::Read;

use super::layout::{LONGEST_REPORT, NORMAL_LENGTH, SHORTEST_REPORT};
use super::{Report, ReportError, ReportPort};

/// Finds the reports in a stream of bytes, however the stream is divided into reads.
///
/// It allocates all of its memory at the beginning.
#[derive(Debug)]
pub struct ReportReader {
    /// None where the port follows from the length of each report.
    port: Option<ReportPort>,
    buffer: Box<[u8; LONGEST_REPORT]>,
    /// How many bytes of the present report have arrived.
    got: usize,
}

impl ReportReader {
    /// A reader of that port's stream.
    pub fn new(port: ReportPort) -> Self {
        Self { port: Some(port), buffer: Box::new([0; LONGEST_REPORT]), got: 0 }
    }

    /// A reader of the stream of any of the three ports, which it finds by the lengths of the reports.
    pub fn of_any_port() -> Self {
        Self { port: None, buffer: Box::new([0; LONGEST_REPORT]), got: 0 }
    }

    /// Reads once from `source`. Returns a report where that completes one, and none where more bytes are needed.
    ///
    /// # Errors
    /// [`ReadError::Io`] with the error of the source, which may be that it has ended, or
    /// [`ReadError::Report`] for invalid bytes. The caller must then open the stream again.
    pub fn read(&mut self, source: &mut impl Read) -> Result<Option<Report>, ReadError> {
        let wanted = self.wanted()?;
        let read = source.read(&mut self.buffer[self.got..wanted])?;
        if read == 0 {
            return Err(ReadError::Io(std::io::ErrorKind::UnexpectedEof.into()));
        }
        self.got += read;
        let wanted = self.wanted()?;
        if self.got < wanted || self.got == 4 {
            return Ok(None);
        }
        self.got = 0;
        let port = self.port.unwrap_or_else(|| port_of_length(wanted));
        Ok(Some(Report::decode(port, &self.buffer[..wanted])?))
    }

    /// The length of the present report in bytes; 4 until it is known.
    fn wanted(&self) -> Result<usize, ReportError> {
        if self.got < 4 {
            return Ok(4);
        }
        let [b3, b2, b1, b0, ..] = *self.buffer;
        let got = usize::try_from(u32::from_be_bytes([b3, b2, b1, b0])).unwrap_or(usize::MAX);
        if !(SHORTEST_REPORT..=LONGEST_REPORT).contains(&got) {
            return Err(ReportError::Length { got, expected: SHORTEST_REPORT });
        }
        Ok(got)
    }
}

/// The port that sends reports of a length, in bytes. The port's number does not show it, because an
/// emulator or a tunnel may have another number.
fn port_of_length(length: usize) -> ReportPort {
    match length {
        ..NORMAL_LENGTH => ReportPort::Real,
        NORMAL_LENGTH => ReportPort::Normal,
        _ => ReportPort::Rich,
    }
}

/// Why the next report cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The source is gone, or has nothing yet and does not wait.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// The bytes are invalid.
    #[error(transparent)]
    Report(#[from] ReportError),
}
