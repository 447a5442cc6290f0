//! A camera of your own in the cell: implement `rmrl_cell::Camera`, and use it instead of the simulated
//! one.
//!
//! A driver has two duties: convert the vendor's frames, and return the calibrated camera model. The
//! vendor's library is played by the simulated camera here, so that the example runs without a device.
//!
//! `cargo run --release --example own_camera`

use image::RgbImage;
use rmrl::{RunConfig, localizer};
use rmrl_cell::{Camera, DeviceError, PickPlace, SafetyEnvelope, Task, TaskKind};
use rmrl_core::{Env, PoseAdjustment, TrialId};
use rmrl_sim::SimulatedCell;
use rmrl_vision::{CameraModel, DepthImage, RgbdFrame};

/// Stands for the vendor's library: blue, green and red bytes, and depth in meters.
struct VendorCamera(Box<dyn Camera>);

struct VendorFrame {
    width: u32,
    height: u32,
    bgr: Vec<u8>,
    /// Aligned to the color image; NaN where there is no depth.
    depth_m: Vec<f32>,
}

impl VendorCamera {
    /// Waits for the next exposure.
    fn grab(&mut self) -> Result<VendorFrame, String> {
        let frame = self.0.capture().map_err(|error| error.to_string())?;
        let (width, height) = frame.color.dimensions();
        let bgr = frame.color.pixels().flat_map(|pixel| [pixel[2], pixel[1], pixel[0]]).collect();
        let depth_m = frame.depth.pixels().map(|depth| match depth[0] {
            0 => f32::NAN,
            millimeters => f32::from(millimeters) / 1000.0,
        });
        Ok(VendorFrame { width, height, bgr, depth_m: depth_m.collect() })
    }
}

/// The driver.
struct OwnCamera {
    vendor: VendorCamera,
    /// From the file that `rmrl calibrate` writes: `CameraFile::read(path)?.overhead(path)?`.
    model: CameraModel,
}

impl Camera for OwnCamera {
    /// Frames must be exposed after this call. A frame from a queue shows what the arm did before, and
    /// its error would be learned.
    fn capture(&mut self) -> Result<RgbdFrame, DeviceError> {
        let lost = |reason: String| DeviceError::Disconnected { device: "camera", reason };
        let VendorFrame { width, height, bgr, depth_m } = self.vendor.grab().map_err(lost)?;
        let rgb = bgr.chunks_exact(3).flat_map(|pixel| [pixel[2], pixel[1], pixel[0]]).collect();
        // Depth is in whole millimeters, 0 where there is none, which is what `as` makes of NaN.
        let depth_mm = depth_m.iter().map(|meters| (1000.0 * meters).round() as u16).collect();
        let incomplete = || lost("an incomplete frame".to_string());
        Ok(RgbdFrame {
            color: RgbImage::from_raw(width, height, rgb).ok_or_else(incomplete)?.into(),
            depth: DepthImage::from_raw(width, height, depth_mm).ok_or_else(incomplete)?,
        })
    }

    fn model(&self) -> CameraModel {
        self.model
    }
}

fn main() -> anyhow::Result<()> {
    let config = RunConfig::for_task(TaskKind::Table);
    let cell = SimulatedCell::new(&config.simulation, &config.task, 0, 0)?;
    let mut devices = cell.devices();
    let model = devices.camera.model();
    devices.camera = Box::new(OwnCamera { vendor: VendorCamera(devices.camera), model });

    let mut trials = PickPlace::new(
        devices,
        SafetyEnvelope::new(config.safety)?,
        localizer(&config.vision)?,
        Task { config: config.task.clone(), placement_seed: 0 },
        config.reward,
    )?;
    trials.record_target()?;
    for trial in 1..=5 {
        let seen = trials.reset(TrialId::new(trial, 1, trial))?.estimated_pose;
        println!("trial {trial}: plate at x {:.1} mm, y {:.1} mm", 1e3 * seen.x_m, 1e3 * seen.y_m);
        // Without a correction the arm picks exactly where the camera sees the plate.
        match trials.step(PoseAdjustment::NONE)?.placement() {
            Some(placed) => println!("  placed {:.2} mm off", 1e3 * placed.error.e_trans_m),
            None => println!("  not grasped"),
        }
    }
    Ok(())
}
