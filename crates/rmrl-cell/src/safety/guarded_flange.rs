//! The only path to an arm that tilts a calibration board: every motion passes the envelope, the stop switch and the
//! contact latch.

use nalgebra::Isometry3;

use super::contact::ContactLatch;
use super::motion_error::MotionError;
use super::tilt_envelope::TiltEnvelope;
use crate::{FlangeArm, StopSwitch};

/// An arm with a calibration board, behind an envelope, a stop switch, and a latch that closes on any contact: none is
/// expected.
pub struct GuardedFlange {
    arm: Box<dyn FlangeArm>,
    envelope: TiltEnvelope,
    stop: StopSwitch,
    contact: ContactLatch,
}

impl GuardedFlange {
    /// Puts an envelope before an arm, and a switch of its own.
    pub fn new(arm: Box<dyn FlangeArm>, envelope: TiltEnvelope) -> Self {
        let (stop, contact) = (StopSwitch::default(), ContactLatch::default());
        Self { arm, envelope, stop, contact }
    }

    /// The switch that stops the arm.
    pub fn stop_switch(&self) -> &StopSwitch {
        &self.stop
    }

    /// The envelope.
    pub fn envelope(&self) -> &TiltEnvelope {
        &self.envelope
    }

    /// Replaces the envelope: where the board is on the flange is known better after some views.
    pub fn set_envelope(&mut self, envelope: TiltEnvelope) {
        self.envelope = envelope;
    }

    /// Checks straight lines from where the flange stands to each pose of `path` in turn, by the envelope and by the
    /// arm. Nothing moves.
    ///
    /// # Errors
    /// The envelope or the arm refuses a line, the switch was pressed, or the arm failed.
    pub fn check_path(
        &mut self,
        path: &[Isometry3<f64>],
        speed_m_s: f64,
    ) -> Result<(), MotionError> {
        self.check()?;
        let mut from = self.flange()?;
        for to in path {
            self.envelope.check_line(&from, to, speed_m_s)?;
            from = *to;
        }
        self.arm.check_path(path).map_err(|error| MotionError::of_device(error, &self.stop))
    }

    /// Moves the flange in a straight line, if envelope, switch and latch allow it and the arm can follow it. See
    /// [`FlangeArm::move_flange`].
    ///
    /// # Errors
    /// A line is refused, the switch was pressed, the arm met something, or it failed.
    pub fn move_to(
        &mut self,
        target: &Isometry3<f64>,
        speed_m_s: f64,
    ) -> Result<Isometry3<f64>, MotionError> {
        self.check_path(&[*target], speed_m_s)?;
        // Checking may have taken long: the driver may have had to connect again.
        self.stop.check()?;
        let moved = self.arm.move_flange(target, speed_m_s);
        moved.map_err(|error| MotionError::of_motion(error, &self.stop, &mut self.contact))
    }

    /// Where the flange is. See [`FlangeArm::flange`].
    ///
    /// # Errors
    /// The arm failed.
    pub fn flange(&mut self) -> Result<Isometry3<f64>, MotionError> {
        self.arm.flange().map_err(|error| MotionError::of_device(error, &self.stop))
    }

    fn check(&self) -> Result<(), MotionError> {
        self.stop.check()?;
        Ok(self.contact.check()?)
    }
}

#[cfg(test)]
mod tests {
    use std::f64::consts::PI;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::{Arc, Mutex};

    use nalgebra::{Translation3, UnitQuaternion};

    use super::super::config::SafetyConfig;
    use super::super::tilt_envelope::place_of;
    use super::*;
    use crate::DeviceError;

    fn upright(x_m: f64, z_m: f64) -> Isometry3<f64> {
        let down = UnitQuaternion::from_euler_angles(PI, 0.0, 0.0);
        Isometry3::from_parts(Translation3::new(x_m, 0.0, z_m), down)
    }

    /// An arm that counts what reaches it.
    #[derive(Clone, Default)]
    struct Counting {
        moved: Arc<AtomicUsize>,
        can_follow: bool,
        meets: bool,
        presses: Arc<Mutex<Option<StopSwitch>>>,
    }

    impl FlangeArm for Counting {
        fn check_path(&mut self, _: &[Isometry3<f64>]) -> Result<(), DeviceError> {
            if let Some(stop) = &*self.presses.lock().unwrap() {
                stop.press("a test");
            }
            let reason = "joint 4 would be at 200 degrees".to_string();
            let refused = DeviceError::Refused { device: "arm", reason };
            if self.can_follow { Ok(()) } else { Err(refused) }
        }

        fn move_flange(
            &mut self,
            target: &Isometry3<f64>,
            _: f64,
        ) -> Result<Isometry3<f64>, DeviceError> {
            self.moved.fetch_add(1, Ordering::Relaxed);
            match self.meets {
                true => Err(DeviceError::Collision { at: place_of(target) }),
                false => Ok(*target),
            }
        }

        fn flange(&mut self) -> Result<Isometry3<f64>, DeviceError> {
            Ok(upright(0.3, 0.3))
        }
    }

    fn guarded(arm: &Counting) -> GuardedFlange {
        let envelope = TiltEnvelope::new(SafetyConfig::default(), 0.1, &[], 0.02).unwrap();
        GuardedFlange::new(Box::new(arm.clone()), envelope)
    }

    #[test]
    fn refused_lines_never_reach_the_arm() {
        let arm = Counting { can_follow: true, ..Counting::default() };
        let mut flange = guarded(&arm);
        let refused = flange.move_to(&upright(0.7, 0.3), 0.1);
        assert!(matches!(refused, Err(MotionError::Refused(_))), "{refused:?}");
        let refused = flange.move_to(&upright(0.4, 0.3), 0.2);
        assert!(matches!(refused, Err(MotionError::Refused(_))), "{refused:?}");
        let stiff = Counting::default();
        let refused = guarded(&stiff).move_to(&upright(0.4, 0.3), 0.1);
        assert!(matches!(refused, Err(MotionError::Device(_))), "{refused:?}");
        let moved = |arm: &Counting| arm.moved.load(Ordering::Relaxed);
        assert_eq!((moved(&arm), moved(&stiff)), (0, 0));
        flange.move_to(&upright(0.4, 0.3), 0.1).unwrap();
        assert_eq!(moved(&arm), 1);
    }

    #[test]
    fn a_pressed_switch_lets_no_line_through_also_while_the_path_is_checked() {
        let arm = Counting { can_follow: true, ..Counting::default() };
        let mut flange = guarded(&arm);
        *arm.presses.lock().unwrap() = Some(flange.stop_switch().clone());
        for _ in 0..2 {
            let stopped = flange.move_to(&upright(0.4, 0.3), 0.1);
            assert!(matches!(stopped, Err(MotionError::Stopped(_))), "{stopped:?}");
        }
        assert_eq!(arm.moved.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn any_contact_closes_the_latch() {
        let arm = Counting { can_follow: true, meets: true, ..Counting::default() };
        let mut flange = guarded(&arm);
        for _ in 0..2 {
            let met = flange.move_to(&upright(0.4, 0.3), 0.1);
            assert!(matches!(met, Err(MotionError::Contact(_))), "{met:?}");
        }
        assert_eq!(arm.moved.load(Ordering::Relaxed), 1);
    }
}
