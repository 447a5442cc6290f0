//! A TCP stream whose reads have a deadline, and end when a stop is pressed.

use std::io::{Error, ErrorKind, Read, Result, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use rmrl_cell::StopSwitch;

/// How often a read checks the stop switch.
const POLL: Duration = Duration::from_millis(100);

/// Reads until its deadline, however slowly the bytes come.
pub(super) struct DeadlineStream {
    stream: TcpStream,
    stop: StopSwitch,
    deadline: Instant,
}

impl DeadlineStream {
    /// A stream whose deadline has passed: call [`Self::allow`] before reading.
    pub fn new(stream: TcpStream, stop: StopSwitch) -> Self {
        Self { stream, stop, deadline: Instant::now() }
    }

    /// Sets the deadline of all reads from now on, `timeout` from now.
    pub fn allow(&mut self, timeout: Duration) {
        self.deadline = Instant::now() + timeout;
    }
}

impl Read for DeadlineStream {
    fn read(&mut self, bytes: &mut [u8]) -> Result<usize> {
        loop {
            self.stop.check().map_err(Error::other)?;
            let left = self.deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(ErrorKind::TimedOut.into());
            }
            self.stream.set_read_timeout(Some(left.min(POLL)))?;
            match self.stream.read(bytes) {
                Err(error)
                    if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
                result => return result,
            }
        }
    }
}

impl Write for DeadlineStream {
    fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        self.stream.write(bytes)
    }

    fn flush(&mut self) -> Result<()> {
        self.stream.flush()
    }
}
