//! A client's connection to the server.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

use rmrl_cell::{DeviceError, StopSwitch};

use super::deadline_stream::DeadlineStream;
use super::protocol::{MAX_LINE_BYTES, MAX_SIDE_PX, RemoteRequest, RemoteResponse, invalid_data};

/// A connection that is made when a request first needs it, and again after it was lost.
pub(super) struct Connection {
    device: &'static str,
    address: String,
    timeout: Duration,
    /// Ends the wait for a response.
    stop: StopSwitch,
    stream: Option<BufReader<DeadlineStream>>,
}

impl Connection {
    /// A connection on behalf of `device`, not made yet. A press of `stop` ends every wait for a response.
    pub fn new(device: &'static str, address: &str, timeout_secs: f64, stop: StopSwitch) -> Self {
        let timeout = Duration::from_secs_f64(timeout_secs);
        Self { device, address: address.to_string(), timeout, stop, stream: None }
    }

    /// Checks that the server accepts connections, without sending a request.
    pub fn check(&self) -> Result<(), DeviceError> {
        connect(&self.address, self.timeout).map(drop).map_err(|error| self.explained(&error))
    }

    /// Sends a request, and returns the response with the bytes of its frame, which are none for most. A connection
    /// that failed is closed, so that a late response is not taken for the next one.
    pub fn request(
        &mut self,
        request: &RemoteRequest,
    ) -> Result<(RemoteResponse, Vec<u8>), DeviceError> {
        match self.try_request(request) {
            Ok((RemoteResponse::Error { error }, _)) => {
                Err(DeviceError::Refused { device: self.device, reason: error })
            }
            Ok(response) => Ok(response),
            Err(error) => {
                self.stream = None;
                Err(self.explained(&error))
            }
        }
    }

    /// The error of a response that does not match its request. Closes the connection.
    pub fn unexpected(&mut self, response: &RemoteResponse) -> DeviceError {
        self.stream = None;
        DeviceError::Refused { device: self.device, reason: format!("it answered {response:?}") }
    }

    fn try_request(
        &mut self,
        request: &RemoteRequest,
    ) -> std::io::Result<(RemoteResponse, Vec<u8>)> {
        let stream = match &mut self.stream {
            Some(stream) => stream,
            None => {
                let stream = connect(&self.address, self.timeout)?;
                let stream = DeadlineStream::new(stream, self.stop.clone());
                self.stream.insert(BufReader::new(stream))
            }
        };
        // One deadline for the whole response: one that trickles in comes too late.
        stream.get_mut().allow(self.timeout);
        let mut line = serde_json::to_vec(request)?;
        line.push(b'\n');
        stream.get_mut().write_all(&line)?;
        let mut line = String::new();
        stream.by_ref().take(MAX_LINE_BYTES).read_line(&mut line)?;
        if !line.ends_with('\n') {
            return Err(invalid_data("the answer's line does not end"));
        }
        let response: RemoteResponse = serde_json::from_str(&line)
            .map_err(|error| invalid_data(&format!("an invalid answer: {error}")))?;
        let mut bytes = Vec::new();
        if let RemoteResponse::Frame { width, height } = response {
            if !(1..=MAX_SIDE_PX).contains(&width) || !(1..=MAX_SIDE_PX).contains(&height) {
                return Err(invalid_data(&format!("a frame of {width} x {height} pixels")));
            }
            bytes = vec![0; 5 * width as usize * height as usize];
            stream.read_exact(&mut bytes)?;
        }
        Ok((response, bytes))
    }

    fn explained(&self, error: &std::io::Error) -> DeviceError {
        use std::io::ErrorKind::{TimedOut, WouldBlock};
        match error.kind() {
            TimedOut | WouldBlock => DeviceError::TimedOut {
                device: self.device,
                timeout_secs: self.timeout.as_secs_f64(),
            },
            _ => DeviceError::Disconnected {
                device: self.device,
                reason: format!("{} (remote.address): {error}", self.address),
            },
        }
    }
}

/// Tries all addresses of a name.
fn connect(address: &str, timeout: Duration) -> std::io::Result<TcpStream> {
    let mut last = invalid_data("a name without an address");
    for address in address.to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, timeout) {
            Ok(stream) => {
                stream.set_write_timeout(Some(timeout))?;
                stream.set_nodelay(true)?;
                return Ok(stream);
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}
