//! The program that has the camera and knows the person.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use rmrl_cell::{Camera, DeviceError, Operator};
use rmrl_vision::{CalibrationRecord, CameraFile};

use super::{Answer, Ask, MAX_LINE_BYTES, damaged};

/// Serves a camera and a person until it is dropped.
pub struct DistantServer {
    address: SocketAddr,
    ends: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl DistantServer {
    /// Serves at `address`. Every connection has a clone of `cell`. `calibration` is what is known of its
    /// camera's; without it no run begins.
    ///
    /// # Errors
    /// The address cannot be had.
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
                    // It ends with its connection.
                    Ok(stream) => drop(std::thread::spawn(move || {
                        if let Err(error) = serve(stream, cell, calibration.as_ref()) {
                            tracing::debug!("a connection ended: {error}");
                        }
                    })),
                    Err(error) => tracing::warn!("a connection could not be made: {error}"),
                }
            }
        };
        let thread = std::thread::Builder::new().name("distant cell".into()).spawn(accept)?;
        Ok(Self { address, ends, thread: Some(thread) })
    }

    /// Where it serves.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for DistantServer {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::Relaxed);
        // Wakes the thread that waits for connections; without it, it would wait for the next one.
        let woken = TcpStream::connect_timeout(&self.address, Duration::from_secs(1)).is_ok();
        if let (true, Some(thread)) = (woken, self.thread.take()) {
            // A thread that panicked has told so already.
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
        let (answer, bytes) = match serde_json::from_str(&line) {
            Ok(ask) => answer(&mut cell, calibration, ask),
            Err(error) => (Answer::Error { error: format!("not understood: {error}") }, Vec::new()),
        };
        let mut message = serde_json::to_vec(&answer)?;
        message.push(b'\n');
        message.extend(bytes);
        writer.write_all(&message)?;
        if !line.ends_with('\n') {
            return Err(damaged("a request's line does not end"));
        }
    }
}

fn answer(
    cell: &mut (impl Camera + Operator),
    calibration: Option<&CalibrationRecord>,
    ask: Ask,
) -> (Answer, Vec<u8>) {
    let done = match ask {
        Ask::Camera {} => {
            let file =
                CameraFile { calibration: calibration.cloned(), ..CameraFile::from(cell.model()) };
            return (Answer::Camera { camera: file.to_toml() }, Vec::new());
        }
        Ask::Picture {} => match cell.capture() {
            Ok(frame) => {
                let (width, height) = frame.color.dimensions();
                let mut bytes = frame.color.as_raw().clone();
                bytes.extend(frame.depth.as_raw().iter().flat_map(|depth| depth.to_le_bytes()));
                return (Answer::Picture { width, height }, bytes);
            }
            Err(error) => Err(error),
        },
        Ask::PermitMotion { motion } => cell.permit_motion(&motion),
        Ask::ExchangePlate { scene } => cell.exchange_plate(scene),
        Ask::PutPlateAtTarget {} => cell.put_plate_at_target(),
        Ask::PutPlateNear { pose } => cell.put_plate_near(pose),
    };
    let answer = match done {
        Ok(()) => Answer::Done { done: true },
        Err(DeviceError::Declined) => Answer::Done { done: false },
        Err(error) => Answer::Error { error: error.to_string() },
    };
    (answer, Vec::new())
}
