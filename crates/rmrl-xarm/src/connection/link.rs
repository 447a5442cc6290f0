//! A connection: TCP, or a socket in the file system where the controller is on this computer.

use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
#[cfg(unix)]
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use crate::{Address, XArmError};

/// A connection on which every call ends in time.
#[derive(Debug)]
pub(crate) enum Link {
    Tcp(TcpStream),
    #[cfg(unix)]
    Unix(UnixStream),
}

impl Link {
    /// Connects to an address.
    pub(crate) fn connect(address: &Address, timeout: Duration) -> Result<Self, XArmError> {
        let link = match address {
            Address::Tcp { host, port } => connect_tcp(host, *port, timeout).map(Self::Tcp),
            #[cfg(unix)]
            Address::Unix { path } => UnixStream::connect(path).map(Self::Unix),
        };
        let ready = link.and_then(|link| link.set_write_timeout(timeout).map(|()| link));
        ready.map_err(|source| XArmError::Connect { address: address.to_string(), source })
    }

    /// Makes the next read wait until `deadline` at most. It fails with an error of the kind `WouldBlock` or
    /// `TimedOut` where no bytes came.
    pub(crate) fn wait_until(&self, deadline: Instant) -> io::Result<()> {
        // A timeout of zero would be no timeout.
        let left = deadline.saturating_duration_since(Instant::now()).max(SHORTEST_WAIT);
        match self {
            Self::Tcp(stream) => stream.set_read_timeout(Some(left)),
            #[cfg(unix)]
            Self::Unix(stream) => stream.set_read_timeout(Some(left)),
        }
    }

    /// Whether reading waits for bytes.
    pub(crate) fn set_waiting(&self, waiting: bool) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => stream.set_nonblocking(!waiting),
            #[cfg(unix)]
            Self::Unix(stream) => stream.set_nonblocking(!waiting),
        }
    }

    fn set_write_timeout(&self, timeout: Duration) -> io::Result<()> {
        let timeout = Some(timeout.max(SHORTEST_WAIT));
        match self {
            Self::Tcp(stream) => stream.set_write_timeout(timeout),
            #[cfg(unix)]
            Self::Unix(stream) => stream.set_write_timeout(timeout),
        }
    }
}

/// The resolution of the system's clock.
const SHORTEST_WAIT: Duration = Duration::from_millis(1);

/// Whether an error only means that no bytes came in time.
pub(crate) fn nothing_came(error: &io::Error) -> bool {
    use io::ErrorKind::{Interrupted, TimedOut, WouldBlock};
    matches!(error.kind(), WouldBlock | TimedOut | Interrupted)
}

fn connect_tcp(host: &str, port: u16, timeout: Duration) -> io::Result<TcpStream> {
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for address in (host, port).to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, timeout.max(SHORTEST_WAIT)) {
            Ok(stream) => {
                // A request is a few bytes, and the next one waits for its answer.
                stream.set_nodelay(true)?;
                return Ok(stream);
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}

impl Read for Link {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.read(buffer),
            #[cfg(unix)]
            Self::Unix(stream) => stream.read(buffer),
        }
    }
}

impl Write for Link {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.write(bytes),
            #[cfg(unix)]
            Self::Unix(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => stream.flush(),
            #[cfg(unix)]
            Self::Unix(stream) => stream.flush(),
        }
    }
}
