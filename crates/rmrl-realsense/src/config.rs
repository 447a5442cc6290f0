//! The configuration of a RealSense camera.

use std::path::PathBuf;
use std::time::Duration;

use rmrl_core::{Check, ConfigKeys, InvalidKey};
use serde::{Deserialize, Serialize};

/// Which camera and streams, and how long to wait for them. The defaults are for a D435.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ConfigKeys)]
#[config(rules = Self::check_together)]
#[serde(default, deny_unknown_fields)]
pub struct RealSenseConfig {
    /// The serial number of the camera, as `rs-enumerate-devices` prints it. Default none: the only camera of
    /// this computer. With several cameras, opening is refused without a serial number.
    #[key(
        valid = is_serial_number,
        expected = "letters and digits, as `rs-enumerate-devices` prints it",
        kind = "serial number"
    )]
    pub serial_number: Option<String>,
    /// Width of the color image, and of the depth aligned to it, in pixels. Default 640.
    #[key(at_least = 1, limit = 10_000)]
    pub width: u32,
    /// Height of the color image, and of the depth aligned to it, in pixels. Default 480: with
    /// 640 x 480 a pixel is about 1.3 mm of a table 0.8 m away.
    #[key(at_least = 1, limit = 10_000)]
    pub height: u32,
    /// Width of the depth image before its alignment, in pixels. Default 848.
    #[key(at_least = 1, limit = 10_000)]
    pub depth_width: u32,
    /// Height of the depth image before its alignment, in pixels. Default 480: according to the vendor a D435
    /// measures best at 848 x 480.
    #[key(at_least = 1, limit = 10_000)]
    pub depth_height: u32,
    /// Frames per second, of both streams. Default 30: a fresh frame within a fifth of a second, and enough time
    /// for an exposure in any lit room. A camera at USB 2 may offer only 6 or 15.
    #[key(at_least = 1, limit = 1000)]
    pub fps: u32,
    /// Frames that are discarded after the start, until automatic exposure and white balance have settled.
    /// Default 30: one second, as in the vendor's examples. Frames of a recording are not discarded.
    #[key(at_least = 0, limit = 1000)]
    pub warm_up_frames: u32,
    /// How long a capture may wait for its frame, in seconds. Default 2: ten times as long as it takes.
    #[key(above = 0, at_most = MAX_SECS)]
    pub timeout_secs: f64,
    /// How long a capture may try to open a lost camera again, in seconds. Default 10: a camera that restarts is
    /// back after about five. An attempt that has begun is finished.
    #[key(above = 0, at_most = MAX_SECS)]
    pub reconnect_secs: f64,
    /// The preset of the depth camera. Default `default`, so that settings of earlier programs have no effect;
    /// untuned.
    #[key(
        kind = "\"default\", \"hand\", \"high_accuracy\", \"high_density\", \"medium_density\" or \"keep\""
    )]
    pub visual_preset: VisualPreset,
    /// Power of the infrared projector, in milliwatts, 0 to 360; 0 turns it off. Default none: the preset's power,
    /// 150 on a D435. More power helps on dark and plain plates, less on shiny ones.
    #[key(at_least = 0, at_most = MAX_LASER_POWER_MW)]
    pub laser_power_mw: Option<f32>,
    /// A recording to play in a loop instead of a camera. Default none.
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
    /// The vendor's default: clean edges, few wrong pixels.
    #[default]
    Default,
    /// For hands.
    Hand,
    /// Only reliable pixels; more holes.
    HighAccuracy,
    /// As few holes as possible; more wrong pixels.
    HighDensity,
    /// Between high accuracy and high density.
    MediumDensity,
    /// The camera's current setting, for example from the vendor's viewer.
    Keep,
}

impl VisualPreset {
    /// The preset's number in librealsense (`rs2_rs400_visual_preset`); `None` for [`Self::Keep`].
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

/// An hour: a longer wait is a slip of the unit.
const MAX_SECS: f64 = 3600.0;

/// The D400 series' range.
const MAX_LASER_POWER_MW: f32 = 360.0;

impl RealSenseConfig {
    /// Whether the camera supports these sizes and rates, only the camera knows.
    fn check_together(&self, check: &Check<'_>) -> Result<(), InvalidKey> {
        check.exclude(&[
            ("serial_number", self.serial_number.is_some()),
            ("playback", self.playback.is_some()),
        ])
    }

    /// The time between two frames.
    pub fn period(&self) -> Duration {
        Duration::from_secs_f64(1.0 / f64::from(self.fps.max(1)))
    }
}

fn is_serial_number(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric())
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
    fn invalid_values_are_refused_by_key() {
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
