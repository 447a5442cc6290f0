//! Finds the camera, sets it up, and reads its description and intrinsics.

use std::collections::HashSet;

use realsense_rust::context::Context;
use realsense_rust::device::Device;
use realsense_rust::kind::{
    OptionSetError, Rs2CameraInfo, Rs2DistortionModel, Rs2Option, Rs2StreamKind,
};
use realsense_rust::sensor::Sensor;
use realsense_rust::stream_profile::StreamProfile;
use rmrl_cell::DeviceError;
use rmrl_vision::Intrinsics;

use super::faults::{disconnected, fault, refused};
use crate::config::{RealSenseConfig, VisualPreset};
use crate::intrinsics::{DeviceIntrinsics, DistortionModel};

/// The serial number of the camera with this serial number, or of the only camera.
pub(super) fn find_camera(context: &Context, wanted: Option<&str>) -> Result<String, DeviceError> {
    let serial_numbers: Vec<String> = context
        .query_devices(HashSet::new())
        .iter()
        .filter_map(|device| info(device, Rs2CameraInfo::SerialNumber))
        .collect();
    match (wanted, serial_numbers.as_slice()) {
        (Some(wanted), found) if found.iter().any(|one| one == wanted) => Ok(wanted.to_string()),
        (Some(wanted), found) => Err(disconnected(format!(
            "no RealSense camera has the serial number {wanted}; found: {found:?}"
        ))),
        (None, [only]) => Ok(only.clone()),
        (None, []) => Err(disconnected("no RealSense camera is connected")),
        (None, several) => Err(refused(format!(
            "several RealSense cameras are connected, {several:?}: set serial_number to one of them"
        ))),
    }
}

fn info(device: &Device, key: Rs2CameraInfo) -> Option<String> {
    device.info(key).map(|value| value.to_string_lossy().into_owned())
}

/// The camera's name, serial number, firmware and USB standard; warns about likely causes of trouble.
pub(super) fn describe(device: &Device) -> String {
    let name = info(device, Rs2CameraInfo::Name).unwrap_or_else(|| "RealSense".to_string());
    let mut description = name;
    for (key, word) in [
        (Rs2CameraInfo::SerialNumber, "serial number"),
        (Rs2CameraInfo::FirmwareVersion, "firmware"),
        (Rs2CameraInfo::UsbTypeDescriptor, "USB"),
    ] {
        if let Some(value) = info(device, key) {
            description.push_str(&format!(", {word} {value}"));
        }
    }
    if info(device, Rs2CameraInfo::UsbTypeDescriptor).is_some_and(|usb| usb.starts_with('2')) {
        tracing::warn!(
            "{description}: at USB 2 there are few sizes and rates; use a USB 3 port and cable"
        );
    }
    let firmware = info(device, Rs2CameraInfo::FirmwareVersion);
    let recommended = info(device, Rs2CameraInfo::RecommendedFirmwareVersion);
    if let (Some(firmware), Some(recommended)) = (firmware, recommended)
        && firmware != recommended
    {
        tracing::warn!("{description}: this librealsense recommends firmware {recommended}");
    }
    description
}

/// Configures the device, unless it is a recording; returns the unit of depth in meters.
pub(super) fn tune(device: &Device, config: &RealSenseConfig) -> Result<f64, DeviceError> {
    let mut depth_unit_m = None;
    for mut sensor in device.sensors() {
        let is_depth = sensor.supports_option(Rs2Option::DepthUnits);
        if config.playback.is_none() {
            // With an exposure longer than a period, old frames would count as fresh.
            set_if_supported(&mut sensor, Rs2Option::AutoExposurePriority, 0.0)?;
            if is_depth {
                tune_depth(&mut sensor, config)?;
            } else if config.visual_preset != VisualPreset::Keep {
                set_if_supported(&mut sensor, Rs2Option::EnableAutoExposure, 1.0)?;
                set_if_supported(&mut sensor, Rs2Option::EnableAutoWhiteBalance, 1.0)?;
            }
        }
        if is_depth {
            depth_unit_m = sensor.get_option(Rs2Option::DepthUnits).map(f64::from);
        }
    }
    depth_unit_m.ok_or_else(|| refused("it does not report its unit of depth"))
}

fn tune_depth(sensor: &mut Sensor, config: &RealSenseConfig) -> Result<(), DeviceError> {
    if let Some(preset) = config.visual_preset.number() {
        set_if_supported(sensor, Rs2Option::VisualPreset, preset.into())?;
    }
    match config.laser_power_mw {
        Some(power_mw) if power_mw > 0.0 => {
            set(sensor, Rs2Option::EmitterEnabled, 1.0)?;
            set(sensor, Rs2Option::LaserPower, power_mw)
        }
        Some(_) => set(sensor, Rs2Option::EmitterEnabled, 0.0),
        None => Ok(()),
    }
}

fn set_if_supported(sensor: &mut Sensor, option: Rs2Option, value: f32) -> Result<(), DeviceError> {
    if !sensor.supports_option(option) || sensor.is_option_read_only(option) {
        return Ok(());
    }
    set(sensor, option, value)
}

fn set(sensor: &mut Sensor, option: Rs2Option, value: f32) -> Result<(), DeviceError> {
    sensor.set_option(option, value).map_err(|error| match error {
        OptionSetError::CouldNotSetOption(kind, reason) => {
            fault(kind, format!("{option:?} = {value}: {reason}"))
        }
        other => refused(format!("{option:?} = {value}: {other}")),
    })
}

/// The intrinsics of the color images that the camera stores.
pub(super) fn color_intrinsics(streams: &[StreamProfile]) -> Result<Intrinsics, DeviceError> {
    let color = streams
        .iter()
        .find(|stream| stream.kind() == Rs2StreamKind::Color)
        .ok_or_else(|| refused("it has no color stream"))?;
    let found = color.intrinsics().map_err(refused)?;
    let distortion = found.distortion();
    let device = DeviceIntrinsics {
        width: pixels(found.width())?,
        height: pixels(found.height())?,
        fx: found.fx(),
        fy: found.fy(),
        ppx: found.ppx(),
        ppy: found.ppy(),
        model: match distortion.model {
            Rs2DistortionModel::None => DistortionModel::None,
            Rs2DistortionModel::BrownConrady => DistortionModel::BrownConrady,
            Rs2DistortionModel::BrownConradyModified => DistortionModel::ModifiedBrownConrady,
            Rs2DistortionModel::BrownConradyInverse => DistortionModel::InverseBrownConrady,
            Rs2DistortionModel::FThetaFisheye => DistortionModel::FTheta,
            Rs2DistortionModel::KannalaBrandt => DistortionModel::KannalaBrandt,
        },
        coefficients: distortion.coeffs,
    };
    Intrinsics::try_from(device).map_err(refused)
}

fn pixels(count: usize) -> Result<u32, DeviceError> {
    u32::try_from(count).map_err(|_| refused(format!("an image {count} pixels wide or high")))
}
