//! One straight line of a flange that may be tilted, for a calibration.

use std::time::Duration;

use nalgebra::Isometry3;
use rmrl_cell::FlangeLine;

use super::Session;
use super::line::{LONGEST, METERS_PER_RADIAN};
use crate::XArmError;
use crate::protocol::pose::{isometry, numbers_of_mm};

impl Session {
    /// The pose of the flange in the base's frame, in meters.
    ///
    /// # Errors
    /// The link is lost, or no answer came.
    pub fn flange(&mut self) -> Result<Isometry3<f64>, XArmError> {
        let tool = isometry(self.client.pose()?.map(f64::from));
        Ok(tool * self.config.flange_from_tool().inverse())
    }

    /// Moves the flange in a straight line while it turns evenly, waits for its end, and checks where it is. Returns the
    /// pose that was sent, rounded to the controller's numbers. Nothing limits the tilt here: the caller's envelope does.
    ///
    /// # Errors
    /// The session has a tool offset, with which the controller would lead another point in a straight line; otherwise
    /// as [`Self::move_to`].
    pub fn move_flange(
        &mut self,
        target: &Isometry3<f64>,
        speed_m_s: f64,
    ) -> Result<Isometry3<f64>, XArmError> {
        let offset_mm = 1000.0 * self.config.flange_from_tool().translation.vector;
        if offset_mm.norm() > 0.0 {
            let (expected, got) = ([0.0; 3], [offset_mm.x, offset_mm.y, offset_mm.z]);
            return Err(XArmError::not_kept("tool offset of a calibration", &expected, &got));
        }
        let numbers = target.translation.vector.iter().chain(target.rotation.coords.iter());
        for value in numbers.copied().chain([speed_m_s]) {
            if !value.is_finite() {
                return Err(XArmError::NotANumber { what: "the flange's pose or speed", value });
            }
        }
        if speed_m_s <= 0.0 {
            return Err(XArmError::NotANumber { what: "speed", value: speed_m_s });
        }
        self.make_ready()?;
        self.begin_own_action();
        let speed_m_s = speed_m_s.min(self.config.reduced_speed_m_s);
        let line = FlangeLine { from: self.flange()?, to: *target };
        let (distance_m, angle_rad) = (line.length_m(), line.turn_rad());
        let seconds = (distance_m + angle_rad * METERS_PER_RADIAN) / speed_m_s
            + angle_rad / self.config.reduced_joint_speed_deg_s.to_radians()
            + self.config.motion_margin_secs;
        let timeout = Duration::try_from_secs_f64(seconds).unwrap_or(LONGEST).min(LONGEST);
        let mut in_mm = *target;
        in_mm.translation.vector *= 1000.0;
        let numbers = numbers_of_mm(&in_mm);
        self.drive(numbers, speed_m_s, timeout)?;
        let sent = isometry(numbers.map(f64::from));
        let rest = FlangeLine { from: self.flange()?, to: sent };
        self.check_reached(rest.length_m(), rest.turn_rad())?;
        self.stands()?;
        Ok(sent)
    }
}
