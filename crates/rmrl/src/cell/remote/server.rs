//! The server, in the program that has the camera and the operator.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use rmrl_cell::{Camera, DeviceError, Operator};
use rmrl_vision::{CalibrationRecord, CameraFile};

use super::protocol::{MAX_LINE_BYTES, RemoteRequest, RemoteResponse, invalid_data};

/// Serves a camera and an operator until it is dropped.
pub struct CellServer {
    address: SocketAddr,
    ends: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl CellServer {
    /// Serves at `address`. Every connection gets a clone of `cell`. `calibration` is what is known of the camera's
    /// calibration; without it no run starts.
    ///
    /// # Errors
    /// The address cannot be bound.
    pub fn start<C>(
        address: impl ToSocketAddrs,
        cell: C,
        calibration: Option<CalibrationRecord>,
    ) -> std::io::Result<Self>
    where
        C: Camera + Operator + Clone + 'static,
    {
        let listener = TcpListener::bind(address)?;
        let address = listener.local_addr()?;
        let ends = Arc::new(AtomicBool::new(false));
        let ended = Arc::clone(&ends);
        let accept = move || {
            for stream in listener.incoming() {
                if ended.load(Ordering::Relaxed) {
                    return;
                }
                let (cell, calibration) = (cell.clone(), calibration.clone());
                match stream {
                    // The thread ends with its connection.
                    Ok(stream) => drop(std::thread::spawn(move || {
                        if let Err(error) = serve(stream, cell, calibration.as_ref()) {
                            tracing::debug!("a connection ended: {error}");
                        }
                    })),
                    Err(error) => tracing::warn!("a connection could not be made: {error}"),
                }
            }
        };
        let thread = std::thread::Builder::new().name("cell server".into()).spawn(accept)?;
        Ok(Self { address, ends, thread: Some(thread) })
    }

    /// The address that it serves at.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for CellServer {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::Relaxed);
        // Wakes the thread, which would otherwise wait for the next connection.
        let woken = TcpStream::connect_timeout(&self.address, Duration::from_secs(1)).is_ok();
        if let (true, Some(thread)) = (woken, self.thread.take()) {
            // A thread that panicked has already reported it.
            let _ = thread.join();
        }
    }
}

fn serve(
    stream: TcpStream,
    mut cell: impl Camera + Operator,
    calibration: Option<&CalibrationRecord>,
) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut writer = stream;
    loop {
        let mut line = String::new();
        reader.by_ref().take(MAX_LINE_BYTES).read_line(&mut line)?;
        if line.is_empty() {
            return Ok(());
        }
        let (response, bytes) = match serde_json::from_str(&line) {
            Ok(request) => respond(&mut cell, calibration, request),
            Err(error) => {
                (RemoteResponse::Error { error: format!("not understood: {error}") }, Vec::new())
            }
        };
        let mut message = serde_json::to_vec(&response)?;
        message.push(b'\n');
        message.extend(bytes);
        writer.write_all(&message)?;
        if !line.ends_with('\n') {
            return Err(invalid_data("a request's line does not end"));
        }
    }
}

/// The response to a request, and the bytes that follow its line.
fn respond(
    cell: &mut (impl Camera + Operator),
    calibration: Option<&CalibrationRecord>,
    request: RemoteRequest,
) -> (RemoteResponse, Vec<u8>) {
    let done = match request {
        RemoteRequest::Camera {} => {
            let file =
                CameraFile { calibration: calibration.cloned(), ..CameraFile::from(cell.model()) };
            return (RemoteResponse::Camera { camera: file.to_toml() }, Vec::new());
        }
        RemoteRequest::Frame {} => match cell.capture() {
            Ok(frame) => {
                let (width, height) = frame.color.dimensions();
                let mut bytes = frame.color.as_raw().clone();
                bytes.extend(frame.depth.as_raw().iter().flat_map(|depth| depth.to_le_bytes()));
                return (RemoteResponse::Frame { width, height }, bytes);
            }
            Err(error) => Err(error),
        },
        RemoteRequest::PermitMotion { motion } => cell.permit_motion(&motion),
        RemoteRequest::ExchangePlate { scene } => cell.exchange_plate(scene),
        RemoteRequest::PutPlateAtTarget {} => cell.put_plate_at_target(),
        RemoteRequest::PutPlateNear { pose } => cell.put_plate_near(pose),
        RemoteRequest::SeatItem { item, slot } => cell.seat_item(&item, &slot),
    };
    let response = match done {
        Ok(()) => RemoteResponse::Done { done: true },
        Err(DeviceError::Declined) => RemoteResponse::Done { done: false },
        Err(error) => RemoteResponse::Error { error: error.to_string() },
    };
    (response, Vec::new())
}
