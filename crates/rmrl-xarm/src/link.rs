//! The connection itself: TCP, or a socket in the file system for a controller on this computer.

use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
#[cfg(unix)]
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::XArmError;

/// Where a controller is found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// Over the network.
    Tcp {
        /// A name or an address.
        host: String,
        /// The port.
        port: u16,
    },
    /// In the file system.
    #[cfg(unix)]
    Unix {
        /// The socket.
        path: PathBuf,
    },
}

impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Tcp { host, port } => write!(f, "{host}:{port}"),
            #[cfg(unix)]
            Self::Unix { path } => write!(f, "{}", path.display()),
        }
    }
}

/// A connection whose every call has an end.
#[derive(Debug)]
pub(crate) enum Link {
    Tcp(TcpStream),
    #[cfg(unix)]
    Unix(UnixStream),
}

impl Link {
    /// Connects.
    pub(crate) fn connect(address: &Address, timeout: Duration) -> Result<Self, XArmError> {
        let link = match address {
            Address::Tcp { host, port } => connect_tcp(host, *port, timeout).map(Self::Tcp),
            #[cfg(unix)]
            Address::Unix { path } => UnixStream::connect(path).map(Self::Unix),
        };
        let ready = link.and_then(|link| link.set_write_timeout(timeout).map(|()| link));
        ready.map_err(|source| XArmError::Connect { address: address.to_string(), source })
    }

    /// Reads once, waiting until `deadline` at most; an error of the kind `WouldBlock` or `TimedOut`
    /// where nothing came.
    pub(crate) fn wait_until(&self, deadline: Instant) -> io::Result<()> {
        // No time at all would mean to wait for ever.
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

/// A system's clock ticks no faster.
const SHORTEST_WAIT: Duration = Duration::from_millis(1);

/// Whether an error only says that nothing came in time.
pub(crate) fn nothing_came(error: &io::Error) -> bool {
    use io::ErrorKind::{Interrupted, TimedOut, WouldBlock};
    matches!(error.kind(), WouldBlock | TimedOut | Interrupted)
}

fn connect_tcp(host: &str, port: u16, timeout: Duration) -> io::Result<TcpStream> {
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for address in (host, port).to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, timeout.max(SHORTEST_WAIT)) {
            Ok(stream) => {
                // A request is a few bytes, and the next waits for its answer.
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
