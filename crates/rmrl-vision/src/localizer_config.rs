//! How a localiser is configured: the plate to expect, and what counts as one.

use serde::{Deserialize, Serialize};

/// The plate's dimensions, in metres. The default is a 96-well plate by ANSI/SLAS 1-2004.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PlateGeometry {
    /// Along the plate's x axis, the longer side.
    pub length_m: f64,
    /// Along the plate's y axis.
    pub width_m: f64,
    /// From the bottom to the top.
    pub height_m: f64,
    /// Legs of the chamfer that cuts the corner of well A1 (-x, +y); 0 for none. Default 0.005.
    /// Seemingly small, it turns the first principal component by 0.2 degrees.
    pub chamfer_m: f64,
}

impl Default for PlateGeometry {
    fn default() -> Self {
        Self { length_m: 0.12776, width_m: 0.08548, height_m: 0.0145, chamfer_m: 0.005 }
    }
}

impl PlateGeometry {
    /// How far from the height of a surface a plate may be seen, and still lie on it, in metres: less than half a
    /// plate's height, so that a plate on another one never does.
    ///
    /// For 14.5 mm it is 6.5 mm. Over 50 simulated cells with the errors of their calibration, plates are seen 4.4 mm too
    /// low to 6.0 mm too high, lids included, and 2.6 mm too low to 2.3 mm too high against the target that the same
    /// camera saw (`rmrl-sim`, example `seen_heights`).
    pub fn height_tolerance_m(&self) -> f64 {
        0.45 * self.height_m
    }
}

/// Which pixel stands for the plate's centre.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Centre {
    /// The centre of the bounding box, as the paper has it. Every extreme pixel moves it.
    Box,
    /// The mean of the mask's pixels: thousands of them average their noise away.
    #[default]
    Mask,
}

/// How to localise.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LocalizerConfig {
    /// The plate to expect.
    pub plate: PlateGeometry,
    /// Which pixel stands for the plate's centre. Default: the mask's.
    pub centre: Centre,
    /// Whether to fit the plate's known outline to the mask, and then to the edges in the picture.
    /// Default true; false is the paper's localisation.
    ///
    /// Eq. 12-14 and PCA take the mask for the plate's top. Beside the optical axis the camera sees
    /// side faces, too, and they pull centre and yaw away from it; and a mask knows only whole
    /// pixels. Fitting the outline of the solid, to a fraction of a pixel, removes both.
    pub fit_outline: bool,
    /// How far below the plate's top the depth camera sees its surface on average: the wells' share
    /// of it. Default 0.0033: a third of the area, 10.7 mm deep; measured on simulated frames.
    pub mean_surface_depth_m: f64,
    /// The yaw that a plate has when it lies the right way round, in radians. Default 0.
    ///
    /// The first principal component is a line, not an arrow, so PCA knows the yaw only up to half
    /// a turn. Of the two, the one nearer to this reference is taken: plates must be put down
    /// within 90 degrees of it.
    pub reference_yaw_rad: f64,
    /// The least share of the mask's pixels with a valid depth. Default 0.3: the D435 loses
    /// patches of black plates, never most of one.
    pub min_valid_depth_ratio: f64,
    /// How far the mask's area may be from the expected one, as a share of it. Default 0.3: the
    /// visible side faces add up to 0.1, half a plate is off by 0.5.
    pub size_tolerance: f64,
    /// How far the mask's length and width may be from what the plate's would be seen as, as a share
    /// of them, beside the pixel that a mask cannot tell. Default 0.02: simulated cells stay within
    /// it, most of it their depth's bias. A plate of which 3 % are hidden would be seen 2 mm from
    /// where it is.
    pub shape_tolerance: f64,
}

impl Default for LocalizerConfig {
    fn default() -> Self {
        Self {
            plate: PlateGeometry::default(),
            centre: Centre::default(),
            fit_outline: true,
            mean_surface_depth_m: 0.0033,
            reference_yaw_rad: 0.0,
            min_valid_depth_ratio: 0.3,
            size_tolerance: 0.3,
            shape_tolerance: 0.02,
        }
    }
}

/// A value that makes no localiser.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[error("{key} is {value}, expected {expected}")]
pub struct LocalizerConfigError {
    /// The configuration's key.
    pub key: &'static str,
    /// What was given.
    pub value: f64,
    /// What was expected.
    pub expected: &'static str,
}

impl LocalizerConfig {
    /// Checks every value.
    ///
    /// # Errors
    /// The first one that cannot be.
    pub fn validate(&self) -> Result<(), LocalizerConfigError> {
        let positive = |value: f64| value > 0.0 && value.is_finite();
        let share = |value: f64| (0.0..=1.0).contains(&value);
        let checks = [
            (
                "plate.length_m",
                self.plate.length_m,
                positive(self.plate.length_m),
                "a positive length",
            ),
            (
                "plate.width_m",
                self.plate.width_m,
                positive(self.plate.width_m) && self.plate.width_m < self.plate.length_m,
                "a positive length below plate.length_m (the yaw is read from the longer side)",
            ),
            (
                "plate.height_m",
                self.plate.height_m,
                positive(self.plate.height_m),
                "a positive length",
            ),
            (
                "plate.chamfer_m",
                self.plate.chamfer_m,
                self.plate.chamfer_m >= 0.0 && self.plate.chamfer_m < 0.5 * self.plate.width_m,
                "0 or a length below half of plate.width_m",
            ),
            (
                "mean_surface_depth_m",
                self.mean_surface_depth_m,
                (0.0..=self.plate.height_m).contains(&self.mean_surface_depth_m),
                "a depth between 0 and plate.height_m",
            ),
            (
                "reference_yaw_rad",
                self.reference_yaw_rad,
                self.reference_yaw_rad.is_finite(),
                "an angle in radians",
            ),
            (
                "min_valid_depth_ratio",
                self.min_valid_depth_ratio,
                share(self.min_valid_depth_ratio),
                "a share between 0 and 1",
            ),
            (
                "size_tolerance",
                self.size_tolerance,
                positive(self.size_tolerance),
                "a positive share",
            ),
            (
                "shape_tolerance",
                self.shape_tolerance,
                positive(self.shape_tolerance),
                "a positive share",
            ),
        ];
        match checks.into_iter().find(|(_, _, valid, _)| !valid) {
            Some((key, value, _, expected)) => Err(LocalizerConfigError { key, value, expected }),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn impossible_configurations_are_refused_by_key() {
        let broken = LocalizerConfig {
            plate: PlateGeometry { width_m: 0.2, ..PlateGeometry::default() },
            ..LocalizerConfig::default()
        };
        assert_eq!(broken.validate().unwrap_err().key, "plate.width_m");
        let broken = LocalizerConfig { min_valid_depth_ratio: -0.1, ..LocalizerConfig::default() };
        assert_eq!(broken.validate().unwrap_err().key, "min_valid_depth_ratio");
    }
}
