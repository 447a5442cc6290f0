//! How a RealSense camera is asked for its pictures.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Which camera, which streams, and how long to wait for them. The defaults are for a D435.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, rmrl_core::ConfigKeys)]
#[serde(default, deny_unknown_fields)]
#[config(own_validate)]
pub struct RealSenseConfig {
    /// The serial number of the camera, as `rs-enumerate-devices` prints it. Default none: the only
    /// camera at this computer; with two or more, opening is refused until one is named.
    pub serial_number: Option<String>,
    /// Width of the color image, and of the depth aligned to it, in pixels. Default 640.
    #[key(at_least = 0, at_most = 4_000_000_000u32)]
    pub width: u32,
    /// Height of the color image, and of the depth aligned to it, in pixels. Default 480: with
    /// 640 x 480 a pixel is about 1.3 mm of a table 0.8 m away.
    #[key(at_least = 0, at_most = 4_000_000_000u32)]
    pub height: u32,
    /// Width of the depth image before its alignment, in pixels. Default 848.
    #[key(at_least = 0, at_most = 4_000_000_000u32)]
    pub depth_width: u32,
    /// Height of the depth image before its alignment, in pixels. Default 480: the vendor names
    /// 848 x 480 as the size at which a D435 measures best.
    #[key(at_least = 0, at_most = 4_000_000_000u32)]
    pub depth_height: u32,
    /// Pictures in a second, of both streams. Default 30: a fresh picture within a fifth of a second,
    /// with time for an exposure in any lit room. A camera at USB 2 may have to do with 6 or 15.
    #[key(at_least = 0, at_most = 4_000_000_000u32)]
    pub fps: u32,
    /// Pictures thrown away after the streams have begun, for automatic exposure and white balance to
    /// settle. Default 30: a second, the vendor's examples' habit. A recording has none thrown away.
    #[key(at_least = 0, at_most = 4_000_000_000u32)]
    pub warm_up_frames: u32,
    /// How long a capture may wait for its picture, in seconds. Default 2: ten times what it takes.
    #[key(at_least = -1e6, at_most = 1e6)]
    pub timeout_secs: f64,
    /// How long a capture may try to find a camera again that was lost before it, in seconds. Default
    /// 10: a camera that starts anew is back after about five. An attempt that has begun is finished.
    #[key(at_least = -1e6, at_most = 1e6)]
    pub reconnect_secs: f64,
    /// What the depth camera is tuned for. Default `default`, so that it does not matter what the
    /// program before left; untuned.
    pub visual_preset: VisualPreset,
    /// Power of the infrared projector, in milliwatts, 0 to 360; 0 turns it off. Default none: what
    /// the preset says, 150 on a D435. More helps on dark and plain plates, less on shiny ones.
    #[key(at_least = -1e6, at_most = 1e6)]
    pub laser_power_mw: Option<f32>,
    /// A recording to play, over and over, instead of a camera. Default none.
    pub playback: Option<PathBuf>,
}

impl Default for RealSenseConfig {
    fn default() -> Self {
        Self {
            serial_number: None,
            width: 640,
            height: 480,
            depth_width: 848,
            depth_height: 480,
            fps: 30,
            warm_up_frames: 30,
            timeout_secs: 2.0,
            reconnect_secs: 10.0,
            visual_preset: VisualPreset::default(),
            laser_power_mw: None,
            playback: None,
        }
    }
}

/// The vendor's presets of the depth camera.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VisualPreset {
    /// The preset of that name: clean edges, few wrong pixels.
    #[default]
    Default,
    /// For hands.
    Hand,
    /// Only pixels that the camera is sure of; more holes.
    HighAccuracy,
    /// As few holes as possible; more wrong pixels.
    HighDensity,
    /// Between the two.
    MediumDensity,
    /// Whatever the camera is set to, by the vendor's viewer for instance.
    Keep,
}

impl VisualPreset {
    /// librealsense's number for it (`rs2_rs400_visual_preset`); none for [`Self::Keep`].
    pub fn number(self) -> Option<u8> {
        match self {
            Self::Default => Some(1),
            Self::Hand => Some(2),
            Self::HighAccuracy => Some(3),
            Self::HighDensity => Some(4),
            Self::MediumDensity => Some(5),
            Self::Keep => None,
        }
    }
}

/// Why a configuration cannot be meant.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum RealSenseConfigError {
    /// A size or rate of nothing.
    #[error("{key} is 0, expected at least 1")]
    Zero {
        /// The key.
        key: &'static str,
    },
    /// A time that cannot be waited for.
    #[error("{key} is {value}, expected more than 0 and at most {MAX_SECS} seconds")]
    Seconds {
        /// The key.
        key: &'static str,
        /// What was given.
        value: f64,
    },
    /// A serial number that no camera has.
    #[error(
        "serial_number is {value:?}, expected letters and digits, as `rs-enumerate-devices` prints it"
    )]
    SerialNumber {
        /// What was given.
        value: String,
    },
    /// A power that the projector does not have.
    #[error("laser_power_mw is {value}, expected 0 to {MAX_LASER_POWER_MW} mW")]
    LaserPower {
        /// What was given.
        value: f32,
    },
    /// A recording and a camera at once.
    #[error("serial_number and playback are both set: take one away, the camera or the recording")]
    CameraAndRecording,
}

/// An hour: a longer wait is a slip of the unit.
const MAX_SECS: f64 = 3600.0;

/// The D400 series' range.
const MAX_LASER_POWER_MW: f32 = 360.0;

impl RealSenseConfig {
    /// Checks what can be checked without a camera.
    ///
    /// Whether the camera has streams of these sizes and rates, only the camera knows.
    ///
    /// # Errors
    /// The first key that cannot be meant.
    pub fn validate(&self) -> Result<(), RealSenseConfigError> {
        for (key, value) in [
            ("width", self.width),
            ("height", self.height),
            ("depth_width", self.depth_width),
            ("depth_height", self.depth_height),
            ("fps", self.fps),
        ] {
            if value == 0 {
                return Err(RealSenseConfigError::Zero { key });
            }
        }
        for (key, value) in
            [("timeout_secs", self.timeout_secs), ("reconnect_secs", self.reconnect_secs)]
        {
            if !(value > 0.0 && value <= MAX_SECS) {
                return Err(RealSenseConfigError::Seconds { key, value });
            }
        }
        if let Some(value) = &self.serial_number {
            if value.is_empty() || !value.chars().all(|c| c.is_ascii_alphanumeric()) {
                return Err(RealSenseConfigError::SerialNumber { value: value.clone() });
            }
            if self.playback.is_some() {
                return Err(RealSenseConfigError::CameraAndRecording);
            }
        }
        if let Some(value) = self.laser_power_mw
            && !(0.0..=MAX_LASER_POWER_MW).contains(&value)
        {
            return Err(RealSenseConfigError::LaserPower { value });
        }
        Ok(())
    }

    /// The time between two pictures.
    pub fn period(&self) -> Duration {
        Duration::from_secs_f64(1.0 / f64::from(self.fps.max(1)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_valid_and_survives_a_file() {
        let config = RealSenseConfig::default();
        assert_eq!(config.validate(), Ok(()));
        let text = toml::to_string(&config).unwrap();
        assert_eq!(toml::from_str::<RealSenseConfig>(&text).unwrap(), config);
        assert_eq!(toml::from_str::<RealSenseConfig>("").unwrap(), config);
    }

    #[test]
    fn a_file_sets_every_key_and_an_unknown_one_is_refused() {
        let config: RealSenseConfig = toml::from_str(
            "serial_number = \"935322072654\"\nwidth = 1280\nheight = 720\ndepth_width = 1280\n\
             depth_height = 720\nfps = 15\nwarm_up_frames = 5\ntimeout_secs = 1.5\n\
             reconnect_secs = 20\nvisual_preset = \"high_accuracy\"\nlaser_power_mw = 240.0",
        )
        .unwrap();
        assert_eq!(config.validate(), Ok(()));
        assert_eq!((config.width, config.depth_height, config.fps), (1280, 720, 15));
        assert_eq!(config.visual_preset.number(), Some(3));
        let error = toml::from_str::<RealSenseConfig>("hight = 480").unwrap_err().to_string();
        assert!(error.contains("hight"), "{error}");
    }

    #[test]
    fn what_cannot_be_meant_is_refused_by_key() {
        let sound = RealSenseConfig::default;
        for (broken, named) in [
            (RealSenseConfig { width: 0, ..sound() }, "width"),
            (RealSenseConfig { depth_height: 0, ..sound() }, "depth_height"),
            (RealSenseConfig { fps: 0, ..sound() }, "fps"),
            (RealSenseConfig { timeout_secs: 0.0, ..sound() }, "timeout_secs"),
            (RealSenseConfig { timeout_secs: f64::NAN, ..sound() }, "timeout_secs"),
            (RealSenseConfig { reconnect_secs: f64::INFINITY, ..sound() }, "reconnect_secs"),
            (RealSenseConfig { serial_number: Some("93 5".into()), ..sound() }, "serial_number"),
            (RealSenseConfig { serial_number: Some(String::new()), ..sound() }, "serial_number"),
            (RealSenseConfig { laser_power_mw: Some(400.0), ..sound() }, "laser_power_mw"),
            (RealSenseConfig { laser_power_mw: Some(f32::NAN), ..sound() }, "laser_power_mw"),
            (
                RealSenseConfig {
                    serial_number: Some("1".into()),
                    playback: Some("cell.db3".into()),
                    ..sound()
                },
                "playback",
            ),
        ] {
            let message = broken.validate().unwrap_err().to_string();
            assert!(message.contains(named), "{message}");
        }
    }
}
