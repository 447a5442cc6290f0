//! The camera of a cell that another program looks after, and the person beside it, over TCP.
//!
//! `rmrl xarm emulate` serves the simulated camera in this way to the training that drives its emulated
//! arm; whoever has a camera that this project has no driver for can serve it likewise. A request is a line
//! of JSON, and so is its answer; a picture's answer is followed by its bytes.
//!
//! | request | answer |
//! |-|-|
//! | `{"ask":"camera"}` | `{"camera":"..."}`: a camera file, TOML, with its `[calibration]` |
//! | `{"ask":"picture"}` | `{"width":640,"height":480}`, then colour (3 bytes a pixel, by rows) and depth aligned to it (2 bytes, the lower first, in millimetres) |
//! | `{"ask":"permit_motion","motion":{...}}`, the fields those of [`FirstMotion`] | `{"done":true}` lets the arm move, any other answer does not |
//! | `{"ask":"exchange_plate","scene":3}` | `{"done":true}` when the scene's plate lies there |
//! | `{"ask":"put_plate_at_target"}` | `{"done":true}` |
//! | `{"ask":"put_plate_near","pose":{"x_m":0.3,"y_m":-0.1,"yaw_rad":0.2}}` | `{"done":true}` |
//!
//! `{"done":false}` says that a person declined, and ends the run. Instead of any answer: `{"error":"..."}`.
//!
//! A run begins only where the served `[calibration]` passes the gate that a file's does, or where
//! `camera.calibration` names a file instead.

mod deadline_stream;
mod server;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use image::{ImageBuffer, RgbImage};
use rmrl_cell::{Camera, DeviceError, FirstMotion, Operator, StopSwitch};
use rmrl_core::PlanarPose;
use rmrl_vision::{CameraFile, CameraFileError, CameraModel, RgbdFrame};
use serde::{Deserialize, Serialize};

use crate::config::DistantConfig;

use self::deadline_stream::TimedStream;
pub use self::server::DistantServer;

/// What is asked.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "snake_case", deny_unknown_fields)]
enum Ask {
    Camera {},
    Picture {},
    PermitMotion { motion: FirstMotion },
    ExchangePlate { scene: u32 },
    PutPlateAtTarget {},
    PutPlateNear { pose: PlanarPose },
}

/// The line of an answer.
#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
enum Answer {
    Error { error: String },
    Camera { camera: String },
    Picture { width: u32, height: u32 },
    Done { done: bool },
}

/// Longer lines are no answers: a camera file has less than a kilobyte.
const MAX_LINE_BYTES: u64 = 64 << 10;
/// Larger pictures come from no RGB-D camera.
const MAX_SIDE_PX: u32 = 4096;

/// A connection, made when it is first needed and again after it was lost.
struct Link {
    device: &'static str,
    address: String,
    timeout: Duration,
    /// Ends the wait for an answer.
    stop: StopSwitch,
    stream: Option<BufReader<TimedStream>>,
}

impl Link {
    fn new(device: &'static str, address: &str, timeout_secs: f64) -> Self {
        let timeout = Duration::from_secs_f64(timeout_secs);
        Self {
            device,
            address: address.to_string(),
            timeout,
            stop: StopSwitch::default(),
            stream: None,
        }
    }

    /// Asks; a connection over which something went wrong is closed, so that no late answer is taken
    /// for the next one's.
    fn ask(&mut self, ask: Ask) -> Result<(Answer, Vec<u8>), DeviceError> {
        let answered = self.try_ask(ask);
        match answered {
            Ok((Answer::Error { error }, _)) => {
                Err(DeviceError::Refused { device: self.device, reason: error })
            }
            Ok(answer) => Ok(answer),
            Err(error) => {
                self.stream = None;
                Err(self.explained(&error))
            }
        }
    }

    fn try_ask(&mut self, ask: Ask) -> std::io::Result<(Answer, Vec<u8>)> {
        let stream = match &mut self.stream {
            Some(stream) => stream,
            None => {
                let stream = connect(&self.address, self.timeout)?;
                let timed = TimedStream::new(stream, self.stop.clone());
                self.stream.insert(BufReader::new(timed))
            }
        };
        // For all of it together: an answer that trickles in comes too late.
        stream.get_mut().allow(self.timeout);
        let mut line = serde_json::to_vec(&ask)?;
        line.push(b'\n');
        stream.get_mut().write_all(&line)?;
        let mut line = String::new();
        stream.by_ref().take(MAX_LINE_BYTES).read_line(&mut line)?;
        if !line.ends_with('\n') {
            return Err(damaged("the answer's line does not end"));
        }
        let answer: Answer = serde_json::from_str(&line)
            .map_err(|error| damaged(&format!("an answer that is none: {error}")))?;
        let mut bytes = Vec::new();
        if let Answer::Picture { width, height } = answer {
            if !(1..=MAX_SIDE_PX).contains(&width) || !(1..=MAX_SIDE_PX).contains(&height) {
                return Err(damaged(&format!("a picture of {width} x {height} pixels")));
            }
            bytes = vec![0; 5 * width as usize * height as usize];
            stream.read_exact(&mut bytes)?;
        }
        Ok((answer, bytes))
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
                reason: format!("{} (distant.address): {error}", self.address),
            },
        }
    }

    /// Asks for something that is done or not.
    fn have_done(&mut self, ask: Ask) -> Result<(), DeviceError> {
        match self.ask(ask)?.0 {
            Answer::Done { done: true } => Ok(()),
            Answer::Done { done: false } => Err(DeviceError::Declined),
            answer => Err(self.unexpected(&answer)),
        }
    }

    fn camera_file(&mut self) -> Result<CameraFile, DeviceError> {
        match self.ask(Ask::Camera {})?.0 {
            Answer::Camera { camera } => {
                CameraFile::parse(&camera, Path::new(SERVED)).map_err(|error| unusable(&error))
            }
            answer => Err(self.unexpected(&answer)),
        }
    }

    fn unexpected(&mut self, answer: &Answer) -> DeviceError {
        self.stream = None;
        DeviceError::Refused { device: self.device, reason: format!("it answered {answer:?}") }
    }
}

/// By what name a served camera file is spoken of where something is wrong with it.
const SERVED: &str = "camera.toml";

fn unusable(error: &CameraFileError) -> DeviceError {
    DeviceError::Refused { device: "camera", reason: error.to_string() }
}

fn damaged(reason: &str) -> std::io::Error {
    std::io::Error::new(std::io::ErrorKind::InvalidData, reason)
}

fn connect(address: &str, timeout: Duration) -> std::io::Result<TcpStream> {
    let mut last = damaged("a name without an address");
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

/// Whether anybody is there to be asked for pictures or a person; asks nothing.
///
/// # Errors
/// Nobody is there.
pub fn check_reachable(config: &DistantConfig) -> Result<(), DeviceError> {
    let link = Link::new("person", &config.address, config.timeout_secs);
    connect(&link.address, link.timeout).map(drop).map_err(|error| link.explained(&error))
}

/// The camera file that is served, with what is known of its calibration.
///
/// # Errors
/// Nobody is there, or what is served is no camera file.
pub fn served_camera(config: &DistantConfig) -> Result<CameraFile, DeviceError> {
    Link::new("camera", &config.address, config.timeout_secs).camera_file()
}

/// A camera that another program looks after.
pub struct DistantCamera {
    link: Link,
    model: CameraModel,
}

impl DistantCamera {
    /// Asks what camera it is. `calibrated` takes the place of what it says of itself.
    ///
    /// # Errors
    /// Nobody is there, or the camera cannot be used.
    pub fn connect(
        config: &DistantConfig,
        calibrated: Option<CameraModel>,
    ) -> Result<Self, DeviceError> {
        let mut link = Link::new("camera", &config.address, config.timeout_secs);
        let model = match calibrated {
            Some(model) => model,
            None => {
                let file = link.camera_file()?;
                file.overhead(Path::new(SERVED)).map_err(|error| unusable(&error))?
            }
        };
        Ok(Self { link, model })
    }
}

impl Camera for DistantCamera {
    fn capture(&mut self) -> Result<RgbdFrame, DeviceError> {
        let (answer, mut bytes) = self.link.ask(Ask::Picture {})?;
        let Answer::Picture { width, height } = answer else {
            return Err(self.link.unexpected(&answer));
        };
        let size = (self.model.intrinsics.width, self.model.intrinsics.height);
        if (width, height) != size {
            let reason =
                format!("it made a picture of {width} x {height} pixels, calibrated are {size:?}");
            return Err(DeviceError::Refused { device: "camera", reason });
        }
        let depth = bytes.split_off(3 * width as usize * height as usize);
        let (depth, _) = depth.as_chunks::<2>();
        let depth = depth.iter().map(|bytes| u16::from_le_bytes(*bytes)).collect();
        let whole = "as many bytes were read as the picture has";
        Ok(RgbdFrame {
            color: Arc::new(RgbImage::from_raw(width, height, bytes).expect(whole)),
            depth: ImageBuffer::from_raw(width, height, depth).expect(whole),
        })
    }

    fn model(&self) -> CameraModel {
        self.model
    }
}

/// The person beside a distant cell, or what stands in for one.
pub struct DistantPerson {
    link: Link,
}

impl DistantPerson {
    /// Somebody to be asked when needed; `stop` ends every wait for an answer.
    pub fn new(config: &DistantConfig, stop: StopSwitch) -> Self {
        let link = Link::new("person", &config.address, config.person_timeout_secs);
        Self { link: Link { stop, ..link } }
    }
}

impl Operator for DistantPerson {
    fn permit_motion(&mut self, motion: &FirstMotion) -> Result<(), DeviceError> {
        self.link.have_done(Ask::PermitMotion { motion: motion.clone() })
    }

    fn exchange_plate(&mut self, scene: u32) -> Result<(), DeviceError> {
        self.link.have_done(Ask::ExchangePlate { scene })
    }

    fn put_plate_at_target(&mut self) -> Result<(), DeviceError> {
        self.link.have_done(Ask::PutPlateAtTarget {})
    }

    fn put_plate_near(&mut self, pose: PlanarPose) -> Result<(), DeviceError> {
        self.link.have_done(Ask::PutPlateNear { pose })
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::thread;
    use std::time::Instant;

    use super::*;

    /// A person who begins to answer, a byte at a time, and never ends.
    fn person(timeout_secs: f64, stop: StopSwitch) -> DistantPerson {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        thread::spawn(move || {
            let mut stream = listener.accept().unwrap().0;
            while stream.write_all(b" ").is_ok() {
                thread::sleep(Duration::from_millis(20));
            }
        });
        let config = DistantConfig {
            address,
            person_timeout_secs: timeout_secs,
            ..DistantConfig::default()
        };
        DistantPerson::new(&config, stop)
    }

    #[test]
    fn an_answer_that_trickles_in_comes_too_late() {
        let began = Instant::now();
        let error = person(0.3, StopSwitch::default()).put_plate_at_target().unwrap_err();
        assert!(matches!(error, DeviceError::TimedOut { device: "person", .. }), "{error}");
        assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    }

    #[test]
    fn a_stop_ends_the_wait_for_a_person() {
        let stop = StopSwitch::default();
        let mut person = person(600.0, stop.clone());
        thread::spawn(move || {
            thread::sleep(Duration::from_millis(200));
            stop.press("a test");
        });
        let began = Instant::now();
        let error = person.put_plate_at_target().unwrap_err().to_string();
        assert!(error.contains("stopped by a test"), "{error}");
        assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    }
}
