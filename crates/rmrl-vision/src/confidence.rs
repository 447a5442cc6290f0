//! How far a pose can be trusted.

use crate::edges::Fit;
use crate::plate_depth::PlateDepth;
use crate::{CameraModel, PlateGeometry};

/// What a pose rests on.
pub(crate) struct Evidence<'a> {
    /// How well edges fit the outline; `None` if no outline was fitted to edges.
    pub fit: Option<&'a Fit>,
    /// How far edges moved the pose of the mask, in meters.
    pub moved_m: f64,
    pub depth: &'a PlateDepth,
    /// The depth that was used, in meters.
    pub depth_m: f64,
    /// How far the plate lies from the point under the camera, as a share of the camera's height above it: what an
    /// error of the height moves the pose by.
    pub slant: f64,
}

/// A pose that is nearer to the truth is right, in meters.
const RIGHT_M: f64 = 0.001;
/// The error of a pose that edges confirm, and of one from a mask alone, in pixels.
const EDGES_PX: f64 = 0.2;
const MASK_PX: f64 = 0.5;
/// Edges that fit perfectly leave this between them and the outline, in pixels.
const PERFECT_RMS_PX: f64 = 0.1;
/// Edges that fit worse do not show the size of the plate, in pixels.
const SHARP_RMS_PX: f64 = 0.25;
/// Edges that do not fit (glints, shadows, walls) move a pose by a multiple of what they leave.
const PER_RMS: f64 = 4.0;
/// ... and by most of what they disagree with the mask.
const PER_MOVE: f64 = 0.8;
/// The error of a depth that the size confirms, as a share of it: 1.6 mm at 0.8 m.
const DEPTH_RATIO: f64 = 0.002;
/// A difference between depth and size may be larger than it seems.
const PER_MISMATCH: f64 = 1.2;
/// Edges lie this far outside of the outline, in pixels: measured on simulated frames.
const EDGE_BIAS_PX: f64 = 0.115;
/// How far the size of the outline may be off for other reasons than the depth, in pixels.
const SIZE_PX: f64 = 0.15;

impl Evidence<'_> {
    /// The probability that the pose is within a millimeter of where a plate truly lies that a calibrated camera
    /// sees so.
    ///
    /// The error has two normally distributed components, whose variances add up from all that is known of the frame:
    /// `1 - exp(-(1 mm)² / e²)` with its root mean square `e`. Its terms were measured on simulated frames.
    pub fn confidence(&self, plate: PlateGeometry, camera: &CameraModel) -> f64 {
        let pixel_m = self.depth_m / camera.intrinsics.fx;
        let depth_m = (DEPTH_RATIO * self.depth_m).hypot(self.depth.standard_error_m);
        let in_plane_px = match self.fit {
            Some(fit) => EDGES_PX.hypot(PER_RMS * (fit.rms_px - PERFECT_RMS_PX).max(0.0)),
            None => MASK_PX,
        };
        let mismatch_m = self.mismatch_m(plate, camera).unwrap_or(0.0);
        let squares = [
            pixel_m * in_plane_px,
            PER_MOVE * self.moved_m,
            self.slant * depth_m,
            self.slant * PER_MISMATCH * mismatch_m,
            plate.height_m * self.depth.surface.tilt_rad(camera).tan(),
        ]
        .map(|error_m| error_m * error_m);
        1.0 - (-RIGHT_M * RIGHT_M / squares.iter().sum::<f64>()).exp()
    }

    /// How much higher than by its depth the plate lies by the size of its outline, in meters.
    pub fn mismatch_m(&self, plate: PlateGeometry, camera: &CameraModel) -> Option<f64> {
        let fit = self.fit?;
        Some(fit.rise_m - EDGE_BIAS_PX * self.height_per_px(plate, camera))
    }

    /// Whether the edges fit well enough to contradict the depth. Glints and the shadows of walls do not.
    pub fn is_sharp(&self) -> bool {
        self.fit.is_some_and(|fit| fit.rms_px <= SHARP_RMS_PX)
    }

    /// The largest mismatch that other errors explain than that of the depth, in meters.
    pub fn tolerated_mismatch_m(
        &self,
        tolerance: f64,
        plate: PlateGeometry,
        camera: &CameraModel,
    ) -> f64 {
        tolerance * self.depth_m + SIZE_PX * self.height_per_px(plate, camera)
    }

    /// How much higher a plate appears, in meters, for each pixel by which its sides lie farther out.
    fn height_per_px(&self, plate: PlateGeometry, camera: &CameraModel) -> f64 {
        let half_width_px = 0.5 * plate.width_m * camera.intrinsics.fx / self.depth_m;
        self.depth_m / half_width_px
    }
}
