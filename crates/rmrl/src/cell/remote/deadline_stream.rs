//! A connection whose answers have a deadline, and that a stop ends the wait for.

use std::io::{Error, ErrorKind, Read, Result, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use rmrl_cell::StopSwitch;

/// How often it is looked whether somebody stopped the wait.
const LOOK: Duration = Duration::from_millis(100);

/// Reads until its deadline, however the bytes come.
pub(super) struct TimedStream {
    stream: TcpStream,
    stop: StopSwitch,
    deadline: Instant,
}

impl TimedStream {
    /// Nothing can be read before [`Self::allow`].
    pub fn new(stream: TcpStream, stop: StopSwitch) -> Self {
        Self { stream, stop, deadline: Instant::now() }
    }

    /// What is read from now on has to come within `timeout` altogether.
    pub fn allow(&mut self, timeout: Duration) {
        self.deadline = Instant::now() + timeout;
    }
}

impl Read for TimedStream {
    fn read(&mut self, bytes: &mut [u8]) -> Result<usize> {
        loop {
            self.stop.check().map_err(Error::other)?;
            let left = self.deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(ErrorKind::TimedOut.into());
            }
            self.stream.set_read_timeout(Some(left.min(LOOK)))?;
            match self.stream.read(bytes) {
                Err(error)
                    if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
                done => return done,
            }
        }
    }
}

impl Write for TimedStream {
    fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        self.stream.write(bytes)
    }

    fn flush(&mut self) -> Result<()> {
        self.stream.flush()
    }
}
