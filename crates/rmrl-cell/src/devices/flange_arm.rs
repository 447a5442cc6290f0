//! An arm that tilts its flange, to calibrate a camera.

use nalgebra::Isometry3;

use super::device_error::DeviceError;

/// An arm that moves its flange, with a calibration board on it, to poses in which it is tilted.
///
/// It is for calibration alone. A trial has an [`Arm`](crate::Arm), which always points straight down, and cannot get
/// this one. The flange's z axis leaves its face, so it points down where the flange is upright. All poses are in the
/// robot's base frame.
pub trait FlangeArm: Send {
    /// Proves that the flange can follow straight lines from where it stands to each pose of `path` in turn. Nothing
    /// moves.
    ///
    /// # Errors
    /// [`DeviceError::Refused`] with the reason if it cannot, or any other device error.
    fn check_path(&mut self, path: &[Isometry3<f64>]) -> Result<(), DeviceError>;

    /// Moves the flange in a straight line while it turns evenly, and returns when it has arrived.
    ///
    /// Returns the pose that was commanded, which a driver may have had to round.
    ///
    /// # Errors
    /// [`DeviceError::Collision`] if something was met on the way, or any other device error.
    fn move_flange(
        &mut self,
        target: &Isometry3<f64>,
        speed_m_s: f64,
    ) -> Result<Isometry3<f64>, DeviceError>;

    /// Where the flange is now, as the arm reports it.
    ///
    /// # Errors
    /// Any device error.
    fn flange(&mut self) -> Result<Isometry3<f64>, DeviceError>;
}
