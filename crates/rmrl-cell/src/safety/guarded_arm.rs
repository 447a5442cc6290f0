//! The only path to the arm: every motion passes the envelope, the stop switch and the contact latch.

use super::contact::{AfterContact, ContactLatch, Descent};
use super::envelope::SafetyEnvelope;
use super::motion_error::MotionError;
use crate::{Arm, DeviceError, FirstMotion, StopSwitch, ToolPose};

/// A descent may lead this far to the side, in meters, and turn this far, in radians: where the arm was
/// sent before a descent, and where it is, differ by a driver's tolerance.
const STRAIGHT_DOWN_M: f64 = 0.002;
const STRAIGHT_DOWN_RAD: f64 = 0.02;

/// An arm behind a safety envelope, a stop switch, and a latch that closes on contact where none was
/// expected. The trial moves no other arm.
pub struct GuardedArm {
    arm: Box<dyn Arm>,
    envelope: SafetyEnvelope,
    stop: StopSwitch,
    contact: ContactLatch,
}

/// A motion that was begun.
struct Line {
    /// Where it began.
    from: ToolPose,
    /// The pose that was commanded, or why the arm did not arrive there.
    arrived: Result<ToolPose, DeviceError>,
}

impl GuardedArm {
    /// Puts an envelope before an arm, and a switch of its own.
    pub fn new(arm: Box<dyn Arm>, envelope: SafetyEnvelope) -> Self {
        let (stop, contact) = (StopSwitch::default(), ContactLatch::default());
        Self { arm, envelope, stop, contact }
    }

    /// Sets what follows on contact where none is expected. By default an operator has to look.
    pub fn after_contact(&mut self, after: AfterContact) {
        self.contact.after = after;
    }

    /// A plate has been placed: an arm that continued slowly after a contact has its full speed again.
    pub fn placed(&mut self) {
        self.contact.placed();
    }

    /// Whether the arm, and what it carries, may move at all.
    ///
    /// # Errors
    /// The switch was pressed, or an operator has to look at a contact first.
    pub fn check(&self) -> Result<(), MotionError> {
        self.stop.check()?;
        Ok(self.contact.check()?)
    }

    /// The switch that stops the arm.
    pub fn stop_switch(&self) -> &StopSwitch {
        &self.stop
    }

    /// The envelope.
    pub fn envelope(&self) -> &SafetyEnvelope {
        &self.envelope
    }

    /// Moves the tool in a straight line through free space, if envelope, switch and latch allow it. See
    /// [`Arm::move_to`].
    ///
    /// Contact is never expected here; [`AfterContact`] decides what follows.
    ///
    /// # Errors
    /// The envelope refused, the switch was pressed, the arm met something, or it failed.
    pub fn move_to(&mut self, target: ToolPose, speed_m_s: f64) -> Result<ToolPose, MotionError> {
        let line = self.line(target, speed_m_s)?;
        line.arrived.map_err(|error| self.failed(error))
    }

    /// Moves the tool straight down to `target`, where it may meet something. Contact at `contact_below_m` or
    /// lower is expected, and this method recovers from it. Contact higher up, or on a path that does not lead
    /// straight down, is unexpected.
    ///
    /// # Errors
    /// The envelope refused, the switch was pressed, the arm met something too early, or it failed.
    pub fn descend_to(
        &mut self,
        target: ToolPose,
        speed_m_s: f64,
        contact_below_m: f64,
    ) -> Result<Descent, MotionError> {
        let Line { from, arrived } = self.line(target, speed_m_s)?;
        let aside = target.planar.relative_to(from.planar);
        let is_descent = from.z_m >= target.z_m
            && aside.translation_m() <= STRAIGHT_DOWN_M
            && aside.dyaw_rad.abs() <= STRAIGHT_DOWN_RAD;
        match arrived {
            Ok(commanded) => Ok(Descent::Arrived(commanded)),
            Err(DeviceError::Collision { at }) if is_descent && at.z_m <= contact_below_m => {
                self.recover()?;
                Ok(Descent::Contact(at))
            }
            Err(error) => Err(self.failed(error)),
        }
    }

    /// Moves the tool in a straight line within a slot, where contact is expected: walls and what lies there are near. On
    /// contact the arm is recovered where it stands, and the caller backs out on the same line.
    ///
    /// # Errors
    /// The envelope refused, the switch was pressed, or the arm failed.
    pub fn enter_to(&mut self, target: ToolPose, speed_m_s: f64) -> Result<Descent, MotionError> {
        match self.line(target, speed_m_s)?.arrived {
            Ok(commanded) => Ok(Descent::Arrived(commanded)),
            Err(DeviceError::Collision { at }) => {
                self.recover()?;
                Ok(Descent::Contact(at))
            }
            Err(error) => Err(self.failed(error)),
        }
    }

    /// Moves the tool in a straight line.
    fn line(&mut self, target: ToolPose, speed_m_s: f64) -> Result<Line, MotionError> {
        self.check()?;
        self.envelope.check_motion(target, speed_m_s)?;
        let from = self.pose()?;
        self.envelope.check_start(from)?;
        // Asking the arm for its pose may have taken long: the driver may have had to connect again.
        self.stop.check()?;
        let arrived = self.arm.move_to(target, self.contact.limit(speed_m_s));
        Ok(Line { from, arrived })
    }

    /// Why a motion failed. A contact is an unexpected one here.
    fn failed(&mut self, error: DeviceError) -> MotionError {
        MotionError::of_motion(error, &self.stop, &mut self.contact)
    }

    /// Makes exactly this first motion.
    ///
    /// # Errors
    /// A motion was refused or stopped, or the arm failed.
    pub fn make_first_motion(&mut self, motion: &FirstMotion) -> Result<(), MotionError> {
        if let Some(out_of) = &motion.out_of {
            if let Some(rise_to_m) = out_of.rise_to_m {
                let lifted = self.pose()?.at_height(rise_to_m);
                self.move_to(lifted, out_of.speed_m_s)?;
            }
            self.move_to(out_of.to, out_of.speed_m_s)?;
        }
        let here = self.pose()?;
        if let Some(above) = motion.lift_from(here) {
            self.move_to(above, motion.speed_m_s)?;
        }
        self.move_to(motion.to, motion.speed_m_s)?;
        Ok(())
    }

    /// Where the tool is. See [`Arm::pose`].
    ///
    /// # Errors
    /// The arm failed.
    pub fn pose(&mut self) -> Result<ToolPose, MotionError> {
        self.arm.pose().map_err(|error| MotionError::of_device(error, &self.stop))
    }

    /// Makes the arm movable again after an error. See [`Arm::recover`].
    ///
    /// # Errors
    /// The switch was pressed, or the arm met something where no contact was expected: nothing but a new
    /// process undoes these. Or the arm cannot be brought back without an operator.
    pub fn recover(&mut self) -> Result<(), MotionError> {
        self.check()?;
        self.arm.recover().map_err(|error| MotionError::of_device(error, &self.stop))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::{Arc, Mutex, OnceLock};

    use super::super::config::SafetyConfig;
    use super::super::contact::UnexpectedContact;
    use super::super::violation::SafetyViolation;
    use super::*;
    use crate::Stopped;
    use rmrl_core::PlanarPose;

    fn envelope() -> SafetyEnvelope {
        SafetyEnvelope::new(SafetyConfig::default()).unwrap()
    }

    fn tool(x_m: f64, y_m: f64, z_m: f64) -> ToolPose {
        ToolPose::new(PlanarPose::new(x_m, y_m, 0.0), z_m)
    }

    /// Counts the motions that reach it, from where it stands.
    struct CountingArm {
        moved: Arc<AtomicUsize>,
        stands_at: ToolPose,
    }

    impl Arm for CountingArm {
        fn move_to(&mut self, target: ToolPose, _: f64) -> Result<ToolPose, DeviceError> {
            self.moved.fetch_add(1, Ordering::Relaxed);
            Ok(target)
        }

        fn pose(&mut self) -> Result<ToolPose, DeviceError> {
            Ok(self.stands_at)
        }

        fn recover(&mut self) -> Result<(), DeviceError> {
            Ok(())
        }
    }

    /// Somebody presses the switch while the arm reports its pose: the driver had to connect again, say.
    struct SlowArm {
        stop: Arc<OnceLock<StopSwitch>>,
    }

    impl Arm for SlowArm {
        fn move_to(&mut self, target: ToolPose, _: f64) -> Result<ToolPose, DeviceError> {
            panic!("it was sent to {target:?}")
        }

        fn pose(&mut self) -> Result<ToolPose, DeviceError> {
            self.stop.get().unwrap().press("a test");
            Ok(tool(0.3, 0.0, 0.1))
        }

        fn recover(&mut self) -> Result<(), DeviceError> {
            Ok(())
        }
    }

    #[test]
    fn a_stop_while_the_arm_reports_its_pose_keeps_it_there() {
        let stop = Arc::<OnceLock<StopSwitch>>::default();
        let arm = SlowArm { stop: Arc::clone(&stop) };
        let mut arm = GuardedArm::new(Box::new(arm), envelope());
        stop.set(arm.stop_switch().clone()).unwrap();
        let stopped = arm.move_to(tool(0.3, 0.1, 0.1), 0.1);
        assert!(matches!(stopped, Err(MotionError::Stopped(_))), "{stopped:?}");
    }

    #[test]
    fn refused_motions_never_reach_the_arm() {
        let moved = Arc::default();
        let arm_at = |stands_at| {
            let arm = CountingArm { moved: Arc::clone(&moved), stands_at };
            GuardedArm::new(Box::new(arm), envelope())
        };
        let mut arm = arm_at(tool(0.3, 0.0, 0.1));
        for (target, speed) in [
            (tool(0.7, 0.0, 0.1), 0.1),
            (tool(0.3, -0.4, 0.1), 0.1),
            (tool(0.3, 0.0, 0.0), 0.1),
            (tool(0.3, 0.0, 0.5), 0.1),
            (tool(f64::NAN, 0.0, 0.1), 0.1),
            (tool(0.3, 0.0, f64::INFINITY), 0.1),
            (tool(0.3, 0.0, 0.1), 0.3),
            (tool(0.3, 0.0, 0.1), 0.0),
            (tool(0.3, 0.0, 0.1), f64::NAN),
        ] {
            let refused = arm.move_to(target, speed);
            assert!(matches!(refused, Err(MotionError::Refused(_))), "{target:?} at {speed}");
        }
        // From outside, even the path inside could lead through the robot's own base.
        for stands_at in [tool(-0.2, 0.5, 0.5), tool(0.1, 0.0, 0.05), tool(0.3, 0.0, f64::NAN)] {
            let refused = arm_at(stands_at).move_to(tool(0.3, 0.0, 0.1), 0.1).unwrap_err();
            assert!(matches!(refused, MotionError::Refused(SafetyViolation::StartsOutside { .. })));
            assert!(refused.to_string().contains("bring it inside"), "{refused}");
        }
        assert_eq!(moved.load(Ordering::Relaxed), 0);
        assert!(arm.move_to(tool(0.3, 0.0, 0.1), 0.1).is_ok());
        assert_eq!(moved.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn a_pressed_switch_lets_no_motion_through_and_no_recovery() {
        let moved = Arc::default();
        let stands_at = tool(0.3, 0.0, 0.1);
        let arm = CountingArm { moved: Arc::clone(&moved), stands_at };
        let mut arm = GuardedArm::new(Box::new(arm), envelope());
        arm.stop_switch().clone().press("a test");
        let stopped = Stopped { by: "a test".to_string() };
        assert_eq!(arm.move_to(stands_at, 0.1), Err(MotionError::Stopped(stopped.clone())));
        assert_eq!(arm.recover(), Err(MotionError::Stopped(stopped)));
        assert_eq!(moved.load(Ordering::Relaxed), 0);
    }

    /// A driver that is stopped in the middle of a motion reports what it noticed; the arm's guard knows the reason.
    #[test]
    fn a_motion_that_the_switch_ended_was_stopped_whatever_the_arm_reports() {
        struct Interrupted(StopSwitch);
        impl Arm for Interrupted {
            fn move_to(&mut self, _: ToolPose, _: f64) -> Result<ToolPose, DeviceError> {
                self.0.press("a test");
                Err(DeviceError::Refused { device: "arm", reason: "state 4".to_string() })
            }

            fn pose(&mut self) -> Result<ToolPose, DeviceError> {
                Ok(tool(0.3, 0.0, 0.1))
            }

            fn recover(&mut self) -> Result<(), DeviceError> {
                Ok(())
            }
        }
        let mut arm = GuardedArm::new(Box::new(Interrupted(StopSwitch::default())), envelope());
        let unlinked = arm.move_to(tool(0.3, 0.0, 0.2), 0.1);
        assert!(matches!(unlinked, Err(MotionError::Device(_))), "{unlinked:?}");
        let stop = arm.stop_switch().clone();
        arm.arm = Box::new(Interrupted(stop));
        let stopped = arm.move_to(tool(0.3, 0.0, 0.2), 0.1);
        assert!(matches!(stopped, Err(MotionError::Stopped(_))), "{stopped:?}");
    }

    /// An arm that meets something at the end of every motion.
    struct Meeting {
        at: ToolPose,
        /// The speeds of its motions; 0 where it was recovered.
        speeds: Arc<Mutex<Vec<f64>>>,
    }

    impl Arm for Meeting {
        fn move_to(&mut self, target: ToolPose, speed_m_s: f64) -> Result<ToolPose, DeviceError> {
            self.speeds.lock().unwrap().push(speed_m_s);
            self.at = target;
            Err(DeviceError::Collision { at: target })
        }

        fn pose(&mut self) -> Result<ToolPose, DeviceError> {
            Ok(self.at)
        }

        fn recover(&mut self) -> Result<(), DeviceError> {
            self.speeds.lock().unwrap().push(0.0);
            Ok(())
        }
    }

    #[test]
    fn contact_is_recovered_from_at_the_end_of_a_descent_and_nowhere_else() {
        let above = tool(0.3, 0.0, 0.1);
        for (from, to, is_expected) in [
            (above, tool(0.3, 0.0, 0.02), true),
            (above, tool(0.3, 0.0, 0.04), false),
            (tool(0.3, 0.05, 0.1), tool(0.3, 0.0, 0.02), false),
            (tool(0.3, 0.0, 0.01), tool(0.3, 0.0, 0.02), false),
        ] {
            let speeds = Arc::default();
            let arm = Meeting { at: from, speeds: Arc::clone(&speeds) };
            let mut arm = GuardedArm::new(Box::new(arm), envelope());
            let met = arm.descend_to(to, 0.05, 0.03);
            if is_expected {
                assert_eq!(met, Ok(Descent::Contact(to)));
                assert_eq!(*speeds.lock().unwrap(), [0.05, 0.0]);
                continue;
            }
            let contact = UnexpectedContact { at: to, is_second: false };
            assert_eq!(met, Err(contact.into()), "{from:?} {to:?}");
            // From then on the arm is sent nothing any more.
            assert_eq!(arm.recover(), Err(contact.into()));
            assert_eq!(arm.move_to(above, 0.05), Err(contact.into()));
            assert_eq!(arm.descend_to(to, 0.05, 0.03), Err(contact.into()));
            assert_eq!(*speeds.lock().unwrap(), [0.05]);
        }
    }

    #[test]
    fn one_contact_makes_an_arm_slow_where_that_is_allowed_and_a_placed_plate_quick_again() {
        let above = tool(0.3, 0.0, 0.1);
        let speeds = Arc::default();
        let arm = Meeting { at: above, speeds: Arc::clone(&speeds) };
        let mut arm = GuardedArm::new(Box::new(arm), envelope());
        arm.after_contact(AfterContact::RetrySlowly { speed_m_s: 0.05 });
        let device =
            |met: Result<ToolPose, MotionError>| matches!(met, Err(MotionError::Device(_)));
        assert!(device(arm.move_to(above, 0.2)));
        arm.recover().unwrap();
        arm.placed();
        assert!(device(arm.move_to(above, 0.2)));
        arm.recover().unwrap();
        let second = arm.move_to(above, 0.2);
        let contact = UnexpectedContact { at: above, is_second: true };
        assert_eq!(second, Err(contact.into()));
        // A plate that is placed by hand changes nothing.
        arm.placed();
        assert_eq!(arm.recover(), Err(contact.into()));
        assert_eq!(*speeds.lock().unwrap(), [0.2, 0.0, 0.2, 0.0, 0.05]);
    }
}
