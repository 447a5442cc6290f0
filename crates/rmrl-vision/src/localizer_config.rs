//! The localizer's configuration: the plate to expect, and what counts as one.

use rmrl_core::{Check, ConfigKeys, InvalidKey};
use serde::{Deserialize, Serialize};

/// The plate's dimensions, in meters. The default is a 96-well plate by ANSI/SLAS 1-2004.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ConfigKeys)]
#[config(rules = Self::check_together)]
#[serde(default, deny_unknown_fields)]
pub struct PlateGeometry {
    /// Length along the plate's x axis, the longer side.
    #[key(above = 0, limit = 1)]
    pub length_m: f64,
    /// Width along the plate's y axis.
    #[key(above = 0, limit = 1)]
    pub width_m: f64,
    /// Height from the bottom to the top.
    #[key(above = 0, limit = 1)]
    pub height_m: f64,
    /// Legs of the chamfer that cuts the corner of well A1 (-x, +y); 0 for none. Default 0.005:
    /// it turns the first principal component by 0.2 degrees.
    #[key(at_least = 0, limit = 1)]
    pub chamfer_m: f64,
}

impl Default for PlateGeometry {
    fn default() -> Self {
        Self { length_m: 0.12776, width_m: 0.08548, height_m: 0.0145, chamfer_m: 0.005 }
    }
}

impl PlateGeometry {
    fn check_together(&self, check: &Check<'_>) -> Result<(), InvalidKey> {
        let is_valid = self.width_m < self.length_m;
        let expected = "less than length_m: the longer side determines the yaw";
        check.require("width_m", self.width_m, is_valid, expected)?;
        let is_valid = self.chamfer_m < 0.5 * self.width_m;
        check.require("chamfer_m", self.chamfer_m, is_valid, "less than half of width_m")
    }

    /// How far from the height of a surface a plate may appear and still count as lying on it, in meters. Less than half
    /// a plate's height, so a plate on another plate never counts.
    ///
    /// For 14.5 mm it is 6.5 mm. Over 50 simulated cells with calibration errors, plates appear 4.4 mm too low to 6.0 mm
    /// too high, lids included. Relative to the target that the same camera saw it is 2.6 mm too low to 2.3 mm too high
    /// (`rmrl-sim`, example `seen_heights`).
    pub fn height_tolerance_m(&self) -> f64 {
        0.45 * self.height_m
    }
}

/// Which pixel stands for the plate's center.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Center {
    /// The center of the bounding box, as in the paper. Every extreme pixel moves it.
    Box,
    /// The mean of the mask's pixels: their noise averages out.
    #[default]
    Mask,
}

/// How the depth of the plate is taken from the depths over its mask.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DepthEstimate {
    /// The mean, Eq. 12, as in the paper. A reflection over one pixel in fifty moves it by centimeters.
    Mean,
    /// The mean after the surface that most of the depth agrees on has replaced the rest. Equal to the mean where all
    /// depth agrees.
    #[default]
    Robust,
}

/// The localizer's configuration.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ConfigKeys)]
#[config(rules = Self::check_together)]
#[serde(default, deny_unknown_fields)]
pub struct LocalizerConfig {
    /// The plate to expect.
    #[key(nested)]
    pub plate: PlateGeometry,
    /// Which pixel stands for the plate's center. Default: the mask's.
    #[key(kind = "\"mask\" or \"box\"")]
    pub center: Center,
    /// Whether to fit the plate's known outline to the mask, and then to the edges in the image.
    /// Default true; false is the paper's localization.
    ///
    /// Eq. 12-14 and PCA treat the mask as the plate's top. Away from the optical axis the camera also
    /// sees side faces, which shift center and yaw; and a mask consists of whole pixels. Fitting
    /// the outline of the solid, to a fraction of a pixel, removes both errors.
    pub fit_outline: bool,
    /// How far below the plate's top the depth camera sees its surface on average, in meters, because of the
    /// wells. Default 0.0033: they are a third of the area, 10.7 mm deep; measured on simulated frames.
    #[key(at_least = 0, limit = 1)]
    pub mean_surface_depth_m: f64,
    /// How the depth of the plate is taken from the depths over its mask. Default robust: reflections and glints do
    /// not move it; "mean" is the paper's.
    #[key(kind = "\"robust\" or \"mean\"")]
    pub depth: DepthEstimate,
    /// How far the plate's surface must rise above a part of its surroundings, as a share of what it should; 0 for no
    /// check. Default 0.5, because depth without a plate rises by 0 and a plate by 1. Set 0 for plates in a nest that is
    /// as high as they are.
    #[key(at_least = 0, at_most = 1)]
    pub min_rise_ratio: f64,
    /// How far the depth may be from the one at which the plate's edges would be as far apart as they are, as a share
    /// of it, in addition to 0.15 pixels of the edges. Default 0.02, 16 mm at 0.8 m: simulated cells stay within 12 mm,
    /// most within 3 mm.
    #[key(above = 0, limit = 10)]
    pub depth_tolerance: f64,
    /// The yaw of a plate in its normal orientation, in radians. Default 0.
    ///
    /// The first principal component is a line, not an arrow, so PCA gives the yaw only modulo half a
    /// turn. The localizer takes the yaw that is nearer to this reference: plates must be put down
    /// within 90 degrees of it.
    #[key(at_least = -10, at_most = 10)]
    pub reference_yaw_rad: f64,
    /// The least share of the mask's pixels with a valid depth. Default 0.3: the D435 loses
    /// patches of black plates, never most of one.
    #[key(at_least = 0, at_most = 1)]
    pub min_valid_depth_ratio: f64,
    /// How far the mask's area may be from the expected one, as a share of it. Default 0.3: the
    /// visible side faces add up to 0.1, half a plate is off by 0.5.
    #[key(above = 0, limit = 10)]
    pub size_tolerance: f64,
    /// How far the mask's length and width may be from the expected ones, as a share of them, in addition
    /// to one pixel. Default 0.02: simulated cells stay within it; most of their deviation is the bias of
    /// the depth. A plate of which 3 % are hidden would appear 2 mm from its true position.
    #[key(above = 0, limit = 10)]
    pub shape_tolerance: f64,
}

impl Default for LocalizerConfig {
    fn default() -> Self {
        Self {
            plate: PlateGeometry::default(),
            center: Center::default(),
            fit_outline: true,
            mean_surface_depth_m: 0.0033,
            depth: DepthEstimate::default(),
            min_rise_ratio: 0.5,
            depth_tolerance: 0.02,
            reference_yaw_rad: 0.0,
            min_valid_depth_ratio: 0.3,
            size_tolerance: 0.3,
            shape_tolerance: 0.02,
        }
    }
}

impl LocalizerConfig {
    fn check_together(&self, check: &Check<'_>) -> Result<(), InvalidKey> {
        let depth_m = self.mean_surface_depth_m;
        let is_valid = depth_m <= self.plate.height_m;
        check.require("mean_surface_depth_m", depth_m, is_valid, "at most plate.height_m")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invalid_values_are_refused_by_key() {
        let broken = LocalizerConfig {
            plate: PlateGeometry { width_m: 0.2, ..PlateGeometry::default() },
            ..LocalizerConfig::default()
        };
        assert_eq!(broken.validate().unwrap_err().key, "plate.width_m");
        let broken = LocalizerConfig { min_valid_depth_ratio: -0.1, ..LocalizerConfig::default() };
        assert_eq!(broken.validate().unwrap_err().key, "min_valid_depth_ratio");
    }
}
