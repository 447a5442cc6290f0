//! Running streams, and fresh frames from them.

use std::ffi::CString;
use std::sync::Arc;
use std::task::Poll;
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use image::RgbImage;
use realsense_rust::config::Config;
use realsense_rust::context::Context;
use realsense_rust::device_hub::DeviceHub;
use realsense_rust::frame::{
    ColorFrame, CompositeFrame, DepthFrame, FrameEx, ImageFrame, PixelKind,
};
use realsense_rust::kind::{Rs2Format, Rs2StreamKind, Rs2TimestampDomain};
use realsense_rust::pipeline::{ActivePipeline, InactivePipeline};
use realsense_rust::processing_blocks::align::Align;
use rmrl_cell::DeviceError;
use rmrl_vision::{DepthImage, Intrinsics, RgbdFrame};

use super::faults::{CAMERA, disconnected, fault, refused, start_fault, wait_fault};
use super::setup::{color_intrinsics, describe, find_camera, tune};
use crate::config::RealSenseConfig;
use crate::frame_conversion::{FrameError, FrameLayout, color_image, depth_image};
use crate::freshness::{Clock, Freshness, Stamp};
use crate::reconnecting::Source;

/// The running streams.
pub(super) struct Streams {
    pipeline: ActivePipeline,
    hub: DeviceHub,
    config: RealSenseConfig,
    pub(super) serial_number: Option<String>,
    pub(super) description: String,
    /// The intrinsics of the color images.
    pub(super) intrinsics: Intrinsics,
    /// The unit of the depth frames, in meters.
    depth_unit_m: f64,
}

impl Streams {
    /// Opens the camera with `serial_number`, or the only one, or the recording.
    pub(super) fn open(
        config: &RealSenseConfig,
        serial_number: Option<&str>,
        calibrated: Option<Intrinsics>,
    ) -> Result<Self, DeviceError> {
        let context = Context::new().map_err(|error| fault(error.0, error.1))?;
        let hub = context.create_device_hub().map_err(|error| fault(error.0, error.1))?;
        let mut wanted = Config::new();
        let serial_number = select_device(&mut wanted, &context, config, serial_number)?;
        select_streams(&mut wanted, config)?;
        let pipeline = InactivePipeline::try_from(&context)
            .and_then(|pipeline| pipeline.start(Some(wanted)))
            .map_err(|error| match error.downcast_ref() {
                Some(error) => start_fault(error, config),
                None => refused(error),
            })?;

        let intrinsics = match calibrated {
            Some(calibrated) => calibrated,
            None => color_intrinsics(pipeline.profile().streams())?,
        };
        let device = pipeline.profile().device();
        let description = describe(device);
        let depth_unit_m = tune(device, config)?;
        let mut streams = Self {
            pipeline,
            hub,
            config: config.clone(),
            serial_number,
            description,
            intrinsics,
            depth_unit_m,
        };
        if config.playback.is_none() {
            streams.warm_up()?;
        }
        Ok(streams)
    }

    /// Discards frames until exposure and white balance have settled; at least one, which may take long.
    fn warm_up(&mut self) -> Result<(), DeviceError> {
        let timeout = Duration::from_secs_f64(self.config.timeout_secs);
        for number in 0..self.config.warm_up_frames.max(1) {
            let timeout = if number == 0 { timeout.max(FIRST_FRAME_TIMEOUT) } else { timeout };
            self.wait(timeout, |_frames| Some(()))?;
        }
        Ok(())
    }

    /// Passes each pair of frames to `take` until it returns a value.
    ///
    /// It polls, because librealsense's own waiting would silently restart a lost camera, without its settings and
    /// its warm-up.
    fn wait<T>(
        &mut self,
        timeout: Duration,
        mut take: impl FnMut(CompositeFrame) -> Option<T>,
    ) -> Result<T, DeviceError> {
        let began = Instant::now();
        let mut last_check = began;
        loop {
            match self.pipeline.poll().map_err(wait_fault)? {
                Poll::Ready(frames) => {
                    if let Some(taken) = take(frames) {
                        return Ok(taken);
                    }
                }
                Poll::Pending => thread::sleep(BETWEEN_POLLS),
            }
            let is_over = began.elapsed() >= timeout;
            if is_over || last_check.elapsed() >= BETWEEN_CHECKS {
                self.check_connection()?;
                last_check = Instant::now();
            }
            if is_over {
                return Err(DeviceError::TimedOut {
                    device: CAMERA,
                    timeout_secs: timeout.as_secs_f64(),
                });
            }
        }
    }

    /// Checks that the camera that was opened is still connected; one that was unplugged and plugged in again does
    /// not count.
    fn check_connection(&self) -> Result<(), DeviceError> {
        if self.hub.is_device_connected(self.pipeline.profile().device()) {
            return Ok(());
        }
        Err(disconnected(format!("{} left the USB", self.description)))
    }

    fn color(&self, frame: &ColorFrame) -> Result<RgbImage, FrameError> {
        let size = (self.config.width, self.config.height);
        check_frame(frame, "color", size, (Rs2Format::Rgb8, "RGB8", 24))?;
        color_image(size, |u, v| match frame.get(u as usize, v as usize) {
            // The crate also reports RGB8 under this name, with its channels in their places.
            Some(PixelKind::Bgr8 { b, g, r } | PixelKind::Rgb8 { r, g, b }) => Ok([*r, *g, *b]),
            other => Err(unexpected_pixel("color", "RGB8", other.as_ref())),
        })
    }

    fn depth(&self, frame: &DepthFrame) -> Result<DepthImage, FrameError> {
        let size = (self.config.width, self.config.height);
        check_frame(frame, "depth", size, (Rs2Format::Z16, "Z16", 16))?;
        depth_image(size, self.depth_unit_m, |u, v| match frame.get(u as usize, v as usize) {
            Some(PixelKind::Z16 { depth }) => Ok(*depth),
            other => Err(unexpected_pixel("depth", "Z16", other.as_ref())),
        })
    }

    /// The RGB-D frame of a pair, with depth as seen by the color camera.
    fn rgbd_frame(&self, frames: CompositeFrame) -> Result<RgbdFrame, DeviceError> {
        // Created each time, because it cannot be sent to another thread, as a camera must be.
        let mut align = Align::new(Rs2StreamKind::Color, 1).map_err(refused)?;
        align.queue(frames).map_err(|error| fault(error.kind, error.context))?;
        let aligned =
            align.wait(ALIGN_TIMEOUT).map_err(|error| fault(error.kind, error.context))?;
        let color = aligned.frames_of_type::<ColorFrame>().pop();
        let depth = aligned.frames_of_type::<DepthFrame>().pop();
        let (Some(color), Some(depth)) = (color, depth) else {
            return Err(refused("alignment lost a frame"));
        };
        Ok(RgbdFrame {
            color: Arc::new(self.color(&color).map_err(refused)?),
            depth: self.depth(&depth).map_err(refused)?,
        })
    }
}

impl Source for Streams {
    fn next_frame(&mut self) -> Result<RgbdFrame, DeviceError> {
        let called = Instant::now();
        let called_ms = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_err(|_| refused("this computer's clock shows a time before 1970"))?
            .as_secs_f64()
            * 1000.0;
        self.check_connection()?;
        // Frames in the queue are from before the call.
        while self.pipeline.poll().map_err(wait_fault)?.is_ready() {}

        let is_recording = self.config.playback.is_some();
        let mut freshness = Freshness::new(called_ms, self.config.period());
        let mut passed = Vec::new();
        let fresh = self.wait(Duration::from_secs_f64(self.config.timeout_secs), |frames| {
            let color = frames.frames_of_type::<ColorFrame>().pop()?;
            let depth = frames.frames_of_type::<DepthFrame>().pop()?;
            let (color, depth) = (stamp(&color, is_recording), stamp(&depth, is_recording));
            if freshness.admits(called.elapsed(), color, depth) {
                return Some(frames);
            }
            passed.push((color, depth));
            None
        });
        if let (Err(DeviceError::TimedOut { .. }), Some(last)) = (&fresh, passed.last()) {
            tracing::warn!(
                "{} pairs of frames arrived, but none was exposed after the call at {called_ms} ms; the last: {last:?}",
                passed.len()
            );
        }
        self.rgbd_frame(fresh?)
    }
}

/// Selects the recording, or the camera with `serial_number`, or the only camera; returns a camera's serial number.
fn select_device(
    wanted: &mut Config,
    context: &Context,
    config: &RealSenseConfig,
    serial_number: Option<&str>,
) -> Result<Option<String>, DeviceError> {
    if let Some(file) = &config.playback {
        if !file.is_file() {
            return Err(refused(format!("playback: there is no file {}", file.display())));
        }
        wanted.enable_device_from_file(file, true).map_err(refused)?;
        return Ok(None);
    }
    let found = find_camera(context, serial_number)?;
    let name = CString::new(found.as_str()).map_err(refused)?;
    wanted.enable_device_from_serial(&name).map_err(refused)?;
    Ok(Some(found))
}

/// Selects the color and the depth stream.
fn select_streams(wanted: &mut Config, config: &RealSenseConfig) -> Result<(), DeviceError> {
    let [width, height, depth_width, depth_height, fps] =
        [config.width, config.height, config.depth_width, config.depth_height, config.fps]
            .map(|value| value as usize);
    wanted
        .enable_stream(Rs2StreamKind::Color, None, width, height, Rs2Format::Rgb8, fps)
        .and_then(|wanted| {
            wanted.enable_stream(
                Rs2StreamKind::Depth,
                None,
                depth_width,
                depth_height,
                Rs2Format::Z16,
                fps,
            )
        })
        .map_err(refused)?;
    Ok(())
}

fn stamp<K>(frame: &ImageFrame<K>, is_recording: bool) -> Stamp {
    let clock = match frame.timestamp_domain() {
        _ if is_recording => Clock::Recording,
        Rs2TimestampDomain::GlobalTime => Clock::Host,
        Rs2TimestampDomain::HardwareClock | Rs2TimestampDomain::SystemTime => Clock::Unrelated,
    };
    Stamp { clock, time_ms: frame.timestamp(), number: frame.frame_number() }
}

/// A format, its name, and the bits in a pixel.
type PixelFormat = (Rs2Format, &'static str, usize);

fn check_frame<K>(
    frame: &ImageFrame<K>,
    stream: &'static str,
    size: (u32, u32),
    (format, expected, bits_per_pixel): PixelFormat,
) -> Result<(), FrameError> {
    let got = frame.stream_profile().format();
    if got != format {
        return Err(FrameError::Format { stream, expected, got: format!("{got:?}") });
    }
    let layout = FrameLayout {
        width: frame.width(),
        height: frame.height(),
        stride_bytes: frame.stride(),
        bits_per_pixel: frame.bits_per_pixel(),
        size_bytes: frame.get_data_size(),
    };
    layout.check(stream, size, bits_per_pixel)
}

fn unexpected_pixel(
    stream: &'static str,
    expected: &'static str,
    pixel: Option<&PixelKind>,
) -> FrameError {
    FrameError::Format { stream, expected, got: format!("{pixel:?}") }
}

/// A small part of a period, at any frame rate.
const BETWEEN_POLLS: Duration = Duration::from_millis(1);

/// How often to check that the camera is still connected.
const BETWEEN_CHECKS: Duration = Duration::from_millis(100);

/// How long streams may take to start; librealsense itself waits as long.
const FIRST_FRAME_TIMEOUT: Duration = Duration::from_secs(5);

/// Aligning takes milliseconds and is finished when its result is requested.
const ALIGN_TIMEOUT: Duration = Duration::from_secs(1);
