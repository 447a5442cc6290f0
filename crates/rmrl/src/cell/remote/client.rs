//! The remote camera and the remote operator, as a run uses them.

use std::path::Path;
use std::sync::Arc;

use image::{ImageBuffer, RgbImage};
use rmrl_cell::{Camera, DeviceError, FirstMotion, Operator, StopSwitch};
use rmrl_core::PlanarPose;
use rmrl_vision::{CameraFile, CameraFileError, CameraModel, RgbdFrame};

use super::connection::Connection;
use super::protocol::{RemoteRequest, RemoteResponse};
use crate::config::RemoteConfig;

/// Checks that the remote server accepts connections, without sending a request.
///
/// # Errors
/// It does not.
pub fn check_reachable(config: &RemoteConfig) -> Result<(), DeviceError> {
    let stop = StopSwitch::default();
    Connection::new("operator", &config.address, config.timeout_secs, stop).check()
}

/// The camera file that the remote server serves, with what is known of its calibration.
///
/// # Errors
/// The server does not respond, or serves an invalid camera file.
pub fn served_camera(config: &RemoteConfig) -> Result<CameraFile, DeviceError> {
    camera_file(&mut camera_connection(config))
}

fn camera_connection(config: &RemoteConfig) -> Connection {
    Connection::new("camera", &config.address, config.timeout_secs, StopSwitch::default())
}

fn camera_file(connection: &mut Connection) -> Result<CameraFile, DeviceError> {
    match connection.request(&RemoteRequest::Camera {})?.0 {
        RemoteResponse::Camera { camera } => CameraFile::parse(&camera, Path::new(SERVED_FILE))
            .map_err(|error| unusable_camera(&error)),
        response => Err(connection.unexpected(&response)),
    }
}

/// The name of a served camera file in error messages.
const SERVED_FILE: &str = "camera.toml";

fn unusable_camera(error: &CameraFileError) -> DeviceError {
    DeviceError::Refused { device: "camera", reason: error.to_string() }
}

/// A camera that another program serves.
pub struct RemoteCamera {
    connection: Connection,
    model: CameraModel,
}

impl RemoteCamera {
    /// Connects, and asks the server for its camera file. `calibrated` replaces what the file says.
    ///
    /// # Errors
    /// The server does not respond, or its camera file is invalid.
    pub fn connect(
        config: &RemoteConfig,
        calibrated: Option<CameraModel>,
    ) -> Result<Self, DeviceError> {
        let mut connection = camera_connection(config);
        let model = match calibrated {
            Some(model) => model,
            None => {
                let file = camera_file(&mut connection)?;
                file.overhead(Path::new(SERVED_FILE)).map_err(|error| unusable_camera(&error))?
            }
        };
        Ok(Self { connection, model })
    }
}

impl Camera for RemoteCamera {
    fn capture(&mut self) -> Result<RgbdFrame, DeviceError> {
        let (response, mut bytes) = self.connection.request(&RemoteRequest::Frame {})?;
        let RemoteResponse::Frame { width, height } = response else {
            return Err(self.connection.unexpected(&response));
        };
        let size = (self.model.intrinsics.width, self.model.intrinsics.height);
        if (width, height) != size {
            let reason =
                format!("it made a frame of {width} x {height} pixels, calibrated are {size:?}");
            return Err(DeviceError::Refused { device: "camera", reason });
        }
        let depth = bytes.split_off(3 * width as usize * height as usize);
        let (depth, _) = depth.as_chunks::<2>();
        let depth = depth.iter().map(|bytes| u16::from_le_bytes(*bytes)).collect();
        let whole = "as many bytes were read as the frame has";
        Ok(RgbdFrame {
            color: Arc::new(RgbImage::from_raw(width, height, bytes).expect(whole)),
            depth: ImageBuffer::from_raw(width, height, depth).expect(whole),
        })
    }

    fn model(&self) -> CameraModel {
        self.model
    }
}

/// The operator beside a remote cell, or a program that stands in for one.
pub struct RemoteOperator {
    connection: Connection,
}

impl RemoteOperator {
    /// An operator; the connection is made with the first request. A press of `stop` ends every wait for a response.
    pub fn new(config: &RemoteConfig, stop: StopSwitch) -> Self {
        let timeout_secs = config.operator_timeout_secs;
        Self { connection: Connection::new("operator", &config.address, timeout_secs, stop) }
    }

    /// Asks for something that the operator does or declines.
    fn ask_to(&mut self, request: &RemoteRequest) -> Result<(), DeviceError> {
        match self.connection.request(request)?.0 {
            RemoteResponse::Done { done: true } => Ok(()),
            RemoteResponse::Done { done: false } => Err(DeviceError::Declined),
            response => Err(self.connection.unexpected(&response)),
        }
    }
}

impl Operator for RemoteOperator {
    fn permit_motion(&mut self, motion: &FirstMotion) -> Result<(), DeviceError> {
        self.ask_to(&RemoteRequest::PermitMotion { motion: motion.clone() })
    }

    fn exchange_plate(&mut self, scene: u32) -> Result<(), DeviceError> {
        self.ask_to(&RemoteRequest::ExchangePlate { scene })
    }

    fn put_plate_at_target(&mut self) -> Result<(), DeviceError> {
        self.ask_to(&RemoteRequest::PutPlateAtTarget {})
    }

    fn put_plate_near(&mut self, pose: PlanarPose) -> Result<(), DeviceError> {
        self.ask_to(&RemoteRequest::PutPlateNear { pose })
    }

    fn seat_item(&mut self, item: &str, slot: &str) -> Result<(), DeviceError> {
        self.ask_to(&RemoteRequest::SeatItem { item: item.to_string(), slot: slot.to_string() })
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::net::TcpListener;
    use std::thread;
    use std::time::{Duration, Instant};

    use super::*;

    /// An operator whose response begins, a byte at a time, and never ends.
    fn operator(timeout_secs: f64, stop: StopSwitch) -> RemoteOperator {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        thread::spawn(move || {
            let mut stream = listener.accept().unwrap().0;
            while stream.write_all(b" ").is_ok() {
                thread::sleep(Duration::from_millis(20));
            }
        });
        let config = RemoteConfig {
            address,
            operator_timeout_secs: timeout_secs,
            ..RemoteConfig::default()
        };
        RemoteOperator::new(&config, stop)
    }

    #[test]
    fn a_response_that_trickles_in_comes_too_late() {
        let began = Instant::now();
        let error = operator(0.3, StopSwitch::default()).put_plate_at_target().unwrap_err();
        assert!(matches!(error, DeviceError::TimedOut { device: "operator", .. }), "{error}");
        assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    }

    #[test]
    fn a_stop_ends_the_wait_for_an_operator() {
        let stop = StopSwitch::default();
        let mut operator = operator(600.0, stop.clone());
        thread::spawn(move || {
            thread::sleep(Duration::from_millis(200));
            stop.press("a test");
        });
        let began = Instant::now();
        let error = operator.put_plate_at_target().unwrap_err().to_string();
        assert!(error.contains("stopped by a test"), "{error}");
        assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    }
}
