//! Where a plate is expected, and which.

use rmrl_core::{Check, InvalidKey, PlanarPose};
use serde::{Deserialize, Serialize};

use crate::{BoundingBox, PlateGeometry};

/// Where a plate is expected, and which.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExpectedPlate {
    /// Its pose, world frame. Of the two yaws that a plate's outline can have, the one nearer to this is taken.
    pub pose: PlanarPose,
    /// The height of its body's center, world frame, in meters.
    pub height_m: f64,
    /// How far from `pose` its center may lie, in meters.
    pub within_m: f64,
    /// Its dimensions.
    pub geometry: PlateGeometry,
    /// How far below its top the depth camera sees its surface on average, because of its wells, in meters. A plate
    /// without wells has 0; `LocalizerConfig::mean_surface_depth_m` is that of a 96-well plate.
    pub mean_surface_depth_m: f64,
}

impl ExpectedPlate {
    /// Checks that the values are valid.
    ///
    /// # Errors
    /// A number that is not finite, a distance that is not positive, dimensions that no plate has, or a surface below
    /// the plate's bottom.
    pub fn validate(&self) -> Result<(), InvalidKey> {
        let check = Check::new("");
        let Self { pose, height_m, within_m, geometry, mean_surface_depth_m } = *self;
        for (key, value) in
            [("pose.x_m", pose.x_m), ("pose.y_m", pose.y_m), ("pose.yaw_rad", pose.yaw_rad)]
        {
            check.require(key, value, value.is_finite(), "a finite number")?;
        }
        check.require("height_m", height_m, height_m.is_finite(), "a finite number")?;
        let is_valid = within_m.is_finite() && within_m > 0.0;
        check.require("within_m", within_m, is_valid, "a positive distance in meters")?;
        geometry.validate().map_err(|error| error.within("geometry"))?;
        let is_valid = (0.0..=geometry.height_m).contains(&mean_surface_depth_m);
        let expected = "0 to geometry.height_m";
        check.require("mean_surface_depth_m", mean_surface_depth_m, is_valid, expected)
    }
}

/// A plate that the detector found, wherever it lies.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PlateInView {
    /// Where the middle of its box lies if it is as high as assumed: `x` and `y`, world frame, in meters.
    pub at_m: [f64; 2],
    /// The box around it.
    pub bounding_box: BoundingBox,
    /// The detector's score, 0 to 1.
    pub score: f64,
}
