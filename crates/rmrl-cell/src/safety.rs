//! The safety envelope: what the arm is never asked to do.

use std::fmt;

use rmrl_core::{ActionSpace, PoseAdjustment};
use serde::{Deserialize, Serialize};

use crate::contact::ContactLatch;
use crate::{
    AfterContact, Arm, Descent, DeviceError, StopSwitch, Stopped, ToolPose, UnexpectedContact,
};

/// The limits of every motion.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SafetyConfig {
    /// The tool's point stays within these x, in metres.
    pub x_m: [f64; 2],
    /// The tool's point stays within these y, in metres.
    pub y_m: [f64; 2],
    /// The finger tips stay within these heights, in metres. The lower one keeps them off the table.
    pub z_m: [f64; 2],
    /// The largest translation an action may ask for, in metres.
    pub max_adjustment_m: f64,
    /// The largest rotation an action may ask for, in degrees.
    pub max_adjustment_deg: f64,
    /// The highest speed of the tool, in metres per second.
    pub max_speed_m_s: f64,
}

impl Default for SafetyConfig {
    /// The table in front of an xArm 6, which reaches 0.7 m; 0.25 m/s is the limit that ISO 10218
    /// sets for an arm beside people.
    fn default() -> Self {
        Self {
            x_m: [0.15, 0.60],
            y_m: [-0.35, 0.35],
            z_m: [0.001, 0.40],
            max_adjustment_m: 0.015,
            max_adjustment_deg: 10.0,
            max_speed_m_s: 0.25,
        }
    }
}

/// A direction of the workspace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Axis {
    /// Away from the robot's base.
    X,
    /// To its left.
    Y,
    /// Up.
    Z,
}

impl fmt::Display for Axis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::X => "x",
            Self::Y => "y",
            Self::Z => "z",
        })
    }
}

/// A motion that was refused. It was not carried out, not even in part.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum Refusal {
    /// The motion would leave the workspace.
    #[error("a motion to {axis} = {value_m:.4} m would leave the workspace, {min_m} to {max_m} m")]
    OutsideWorkspace {
        /// In which direction.
        axis: Axis,
        /// Where to.
        value_m: f64,
        /// The workspace's lower end.
        min_m: f64,
        /// The workspace's upper end.
        max_m: f64,
    },
    /// The arm stands outside of the workspace already, so that its way in is unknown.
    #[error(
        "the arm stands at {axis} = {value_m:.4} m, outside of the workspace, {min_m} to {max_m} m; bring it inside by hand first"
    )]
    StartsOutside {
        /// In which direction.
        axis: Axis,
        /// Where it stands.
        value_m: f64,
        /// The workspace's lower end.
        min_m: f64,
        /// The workspace's upper end.
        max_m: f64,
    },
    /// The motion would be too fast.
    #[error("a motion at {speed_m_s} m/s is above the limit of {max_m_s} m/s (or no speed at all)")]
    Speed {
        /// The speed asked for.
        speed_m_s: f64,
        /// The limit.
        max_m_s: f64,
    },
    /// The action asks for too large an adjustment.
    #[error(
        "an adjustment of {:.2} mm and {rotation_deg:.2} degrees is above the limit of {:.2} mm and {max_deg} degrees",
        translation_m * 1000.0, max_m * 1000.0
    )]
    Adjustment {
        /// The translation asked for.
        translation_m: f64,
        /// The rotation asked for.
        rotation_deg: f64,
        /// The largest translation allowed.
        max_m: f64,
        /// The largest rotation allowed.
        max_deg: f64,
    },
    /// A coordinate is not a number.
    #[error("a motion to a pose that is not a number: {target:?}")]
    NotANumber {
        /// The pose asked for.
        target: ToolPose,
    },
}

/// A limit that allows nothing.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum SafetyConfigError {
    /// The ends of a range are swapped or no numbers.
    #[error("{key} is [{min}, {max}], expected two rising numbers")]
    Range {
        /// The configuration's key.
        key: &'static str,
        /// The first number.
        min: f64,
        /// The second number.
        max: f64,
    },
    /// A limit that must be positive is not.
    #[error("{key} is {value}, expected a positive number")]
    NotPositive {
        /// The configuration's key.
        key: &'static str,
        /// What was given.
        value: f64,
    },
    /// The candidates ask for more than the envelope allows, so that trials would be refused.
    #[error(
        "the candidate values of the action space can exceed the safety envelope: {refusal}; allow more or choose smaller candidates"
    )]
    Candidates {
        /// What the envelope says to the largest action.
        refusal: Refusal,
    },
}

/// Checks motions against the limits; see [`GuardedArm`] for the arm behind it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SafetyEnvelope {
    config: SafetyConfig,
}

impl SafetyEnvelope {
    /// An envelope with the given limits.
    ///
    /// # Errors
    /// A limit that allows nothing.
    pub fn new(config: SafetyConfig) -> Result<Self, SafetyConfigError> {
        for (key, [min, max]) in [("x_m", config.x_m), ("y_m", config.y_m), ("z_m", config.z_m)] {
            let rising = min < max && min.is_finite() && max.is_finite();
            if !rising {
                return Err(SafetyConfigError::Range { key, min, max });
            }
        }
        for (key, value) in [
            ("max_adjustment_m", config.max_adjustment_m),
            ("max_adjustment_deg", config.max_adjustment_deg),
            ("max_speed_m_s", config.max_speed_m_s),
        ] {
            if !(value > 0.0 && value.is_finite()) {
                return Err(SafetyConfigError::NotPositive { key, value });
            }
        }
        Ok(Self { config })
    }

    /// Checks that no action of `actions` can ask for too much.
    ///
    /// # Errors
    /// The largest action exceeds the limits.
    pub fn check_actions(&self, actions: &ActionSpace) -> Result<(), SafetyConfigError> {
        let (translation_m, rotation_rad) = actions.largest_adjustment();
        self.check_adjustment(PoseAdjustment {
            dx_m: translation_m,
            dy_m: 0.0,
            dyaw_rad: rotation_rad,
        })
        .map_err(|refusal| SafetyConfigError::Candidates { refusal })
    }

    /// Checks an action.
    ///
    /// # Errors
    /// It asks for more than the envelope allows.
    pub fn check_adjustment(&self, adjustment: PoseAdjustment) -> Result<(), Refusal> {
        let translation_m = adjustment.translation_m();
        let rotation_deg = adjustment.dyaw_rad.to_degrees().abs();
        let allowed = translation_m <= self.config.max_adjustment_m
            && rotation_deg <= self.config.max_adjustment_deg;
        if allowed {
            Ok(())
        } else {
            Err(Refusal::Adjustment {
                translation_m,
                rotation_deg,
                max_m: self.config.max_adjustment_m,
                max_deg: self.config.max_adjustment_deg,
            })
        }
    }

    /// Checks where a motion would end, and its speed.
    ///
    /// # Errors
    /// It would leave the workspace, or be too fast.
    pub fn check_motion(&self, target: ToolPose, speed_m_s: f64) -> Result<(), Refusal> {
        if !(target.planar.is_finite() && target.z_m.is_finite()) {
            return Err(Refusal::NotANumber { target });
        }
        if let Some((axis, value_m, [min_m, max_m])) = self.outside(target, 0.0) {
            return Err(Refusal::OutsideWorkspace { axis, value_m, min_m, max_m });
        }
        let allowed = speed_m_s > 0.0 && speed_m_s <= self.config.max_speed_m_s;
        if allowed {
            Ok(())
        } else {
            Err(Refusal::Speed { speed_m_s, max_m_s: self.config.max_speed_m_s })
        }
    }

    /// Checks where a motion would begin. The workspace is convex, so a straight line between two
    /// points inside it stays inside.
    ///
    /// # Errors
    /// The arm stands outside.
    pub fn check_start(&self, at: ToolPose) -> Result<(), Refusal> {
        match self.outside(at, AT_LIMIT_M) {
            None => Ok(()),
            Some((axis, value_m, [min_m, max_m])) => {
                Err(Refusal::StartsOutside { axis, value_m, min_m, max_m })
            }
        }
    }

    /// The first axis along which a pose lies outside of the workspace by more than `margin_m`.
    fn outside(&self, pose: ToolPose, margin_m: f64) -> Option<(Axis, f64, [f64; 2])> {
        [
            (Axis::X, pose.planar.x_m, self.config.x_m),
            (Axis::Y, pose.planar.y_m, self.config.y_m),
            (Axis::Z, pose.z_m, self.config.z_m),
        ]
        .into_iter()
        .find(|(_, value, [min, max])| !(min - margin_m..=max + margin_m).contains(value))
    }
}

/// An arm that was sent to a limit may stop this far beyond it, in metres.
const AT_LIMIT_M: f64 = 0.002;

/// A descent may lead this far to the side, in metres, and turn this far, in radians: where the arm was
/// told to be above its end, and where it is, differ by a driver's tolerance.
const STRAIGHT_DOWN_M: f64 = 0.002;
const STRAIGHT_DOWN_RAD: f64 = 0.02;

/// An arm behind a safety envelope, a stop switch, and a latch that closes on contact where none was
/// expected. The trial moves no other.
pub struct GuardedArm {
    arm: Box<dyn Arm>,
    envelope: SafetyEnvelope,
    stop: StopSwitch,
    contact: ContactLatch,
}

/// Why a guarded arm did not move.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum MotionError {
    /// The envelope refused; the arm was not asked.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The stop switch was pressed: before the motion, or during one that the arm then did not end.
    #[error(transparent)]
    Stopped(#[from] Stopped),
    /// The arm met something where no contact was expected, in this motion or before. Only a person and a
    /// new process undo that.
    #[error(transparent)]
    Contact(#[from] UnexpectedContact),
    /// The arm failed.
    #[error(transparent)]
    Device(#[from] DeviceError),
}

impl MotionError {
    /// What a device says, unless the switch was pressed: whatever it says then comes of that.
    pub(crate) fn of_device(error: DeviceError, stop: &StopSwitch) -> Self {
        match stop.check() {
            Err(stopped) => {
                tracing::info!("{stopped}; {error}");
                Self::Stopped(stopped)
            }
            Ok(()) => Self::Device(error),
        }
    }
}

impl GuardedArm {
    /// Puts an envelope before an arm, and a switch of its own.
    pub fn new(arm: Box<dyn Arm>, envelope: SafetyEnvelope) -> Self {
        let (stop, contact) = (StopSwitch::default(), ContactLatch::default());
        Self { arm, envelope, stop, contact }
    }

    /// What follows on contact where none is expected, from now on. A person, unless this is called.
    pub fn after_contact(&mut self, after: AfterContact) {
        self.contact.after = after;
    }

    /// A plate has been placed: where the arm went on slowly after a contact, it has its speed again.
    pub fn placed(&mut self) {
        self.contact.placed();
    }

    /// Whether the arm, and what it carries, may move at all.
    ///
    /// # Errors
    /// The switch was pressed, or a person has to look at a contact first.
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
    /// Contact is never expected here: [`AfterContact`] says what follows.
    ///
    /// # Errors
    /// The envelope refused, the switch was pressed, the arm met something, or it failed.
    pub fn move_to(&mut self, target: ToolPose, speed_m_s: f64) -> Result<ToolPose, MotionError> {
        let (_, moved) = self.line(target, speed_m_s)?;
        moved.map_err(|error| self.failed(error))
    }

    /// Moves the tool straight down to `target`, at whose end it may meet something: contact at
    /// `contact_below_m` or lower is recovered from here, and nowhere else. Contact higher up, or on a way
    /// that does not lead straight down, is one where none was expected.
    ///
    /// # Errors
    /// As [`Self::move_to`].
    pub fn descend_to(
        &mut self,
        target: ToolPose,
        speed_m_s: f64,
        contact_below_m: f64,
    ) -> Result<Descent, MotionError> {
        let (from, moved) = self.line(target, speed_m_s)?;
        let way = target.planar.relative_to(from.planar);
        let is_descent = from.z_m >= target.z_m
            && way.translation_m() <= STRAIGHT_DOWN_M
            && way.dyaw_rad.abs() <= STRAIGHT_DOWN_RAD;
        match moved {
            Ok(commanded) => Ok(Descent::Arrived(commanded)),
            Err(DeviceError::Collision { at }) if is_descent && at.z_m <= contact_below_m => {
                self.recover()?;
                Ok(Descent::Contact(at))
            }
            Err(error) => Err(self.failed(error)),
        }
    }

    /// Moves the tool in a straight line. Returns where that began, and what the arm says.
    fn line(
        &mut self,
        target: ToolPose,
        speed_m_s: f64,
    ) -> Result<(ToolPose, Result<ToolPose, DeviceError>), MotionError> {
        self.check()?;
        self.envelope.check_motion(target, speed_m_s)?;
        let from = self.pose()?;
        self.envelope.check_start(from)?;
        // To be told where the arm is may have taken long: its link may have had to be made again.
        self.stop.check()?;
        Ok((from, self.arm.move_to(target, self.contact.limit(speed_m_s))))
    }

    /// What a motion failed of. Contact is an unexpected one here.
    fn failed(&mut self, error: DeviceError) -> MotionError {
        let met = match &error {
            DeviceError::Collision { at } => self.contact.meet(*at),
            _ => Ok(()),
        };
        match (MotionError::of_device(error, &self.stop), met) {
            (MotionError::Device(_), Err(contact)) => contact.into(),
            (error, _) => error,
        }
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
    /// process undoes these. Or the arm cannot be brought back without a person.
    pub fn recover(&mut self) -> Result<(), MotionError> {
        self.check()?;
        self.arm.recover().map_err(|error| MotionError::of_device(error, &self.stop))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rmrl_core::PlanarPose;

    fn envelope() -> SafetyEnvelope {
        SafetyEnvelope::new(SafetyConfig::default()).unwrap()
    }

    fn tool(x_m: f64, y_m: f64, z_m: f64) -> ToolPose {
        ToolPose::new(PlanarPose::new(x_m, y_m, 0.0), z_m)
    }

    /// Counts the motions that reach it, from where it stands.
    struct CountingArm {
        moved: std::sync::Arc<std::sync::atomic::AtomicUsize>,
        stands_at: ToolPose,
    }

    impl Arm for CountingArm {
        fn move_to(&mut self, target: ToolPose, _: f64) -> Result<ToolPose, DeviceError> {
            self.moved.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            Ok(target)
        }

        fn pose(&mut self) -> Result<ToolPose, DeviceError> {
            Ok(self.stands_at)
        }

        fn recover(&mut self) -> Result<(), DeviceError> {
            Ok(())
        }
    }

    /// Stopped by somebody while it is asked where it is: its link had to be made again, say.
    struct SlowArm {
        stop: std::sync::Arc<std::sync::OnceLock<StopSwitch>>,
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
    fn a_stop_while_the_arm_tells_where_it_is_keeps_it_there() {
        let stop = std::sync::Arc::<std::sync::OnceLock<StopSwitch>>::default();
        let arm = SlowArm { stop: std::sync::Arc::clone(&stop) };
        let mut arm = GuardedArm::new(Box::new(arm), envelope());
        stop.set(arm.stop_switch().clone()).unwrap();
        let stopped = arm.move_to(tool(0.3, 0.1, 0.1), 0.1);
        assert!(matches!(stopped, Err(MotionError::Stopped(_))), "{stopped:?}");
    }

    #[test]
    fn refused_motions_never_reach_the_arm() {
        let moved = std::sync::Arc::default();
        let arm_at = |stands_at| {
            let arm = CountingArm { moved: std::sync::Arc::clone(&moved), stands_at };
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
        // From outside, even the way in could lead through the robot's own base.
        for stands_at in [tool(-0.2, 0.5, 0.5), tool(0.1, 0.0, 0.05), tool(0.3, 0.0, f64::NAN)] {
            let refused = arm_at(stands_at).move_to(tool(0.3, 0.0, 0.1), 0.1).unwrap_err();
            assert!(matches!(refused, MotionError::Refused(Refusal::StartsOutside { .. })));
            assert!(refused.to_string().contains("bring it inside"), "{refused}");
        }
        assert_eq!(moved.load(std::sync::atomic::Ordering::Relaxed), 0);
        assert!(arm.move_to(tool(0.3, 0.0, 0.1), 0.1).is_ok());
        assert_eq!(moved.load(std::sync::atomic::Ordering::Relaxed), 1);
    }

    #[test]
    fn a_pressed_switch_lets_no_motion_through_and_no_recovery() {
        let moved = std::sync::Arc::default();
        let stands_at = tool(0.3, 0.0, 0.1);
        let arm = CountingArm { moved: std::sync::Arc::clone(&moved), stands_at };
        let mut arm = GuardedArm::new(Box::new(arm), envelope());
        arm.stop_switch().clone().press("a test");
        let stopped = Stopped { by: "a test".to_string() };
        assert_eq!(arm.move_to(stands_at, 0.1), Err(MotionError::Stopped(stopped.clone())));
        assert_eq!(arm.recover(), Err(MotionError::Stopped(stopped)));
        assert_eq!(moved.load(std::sync::atomic::Ordering::Relaxed), 0);
    }

    /// A driver that is stopped in the middle of a motion says what it noticed; why is known better here.
    #[test]
    fn a_motion_that_the_switch_ended_was_stopped_whatever_the_arm_says() {
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

    /// Meets something at the end of every motion.
    struct Meeting {
        at: ToolPose,
        /// The speeds of its motions; 0 where it was recovered.
        asked: std::sync::Arc<std::sync::Mutex<Vec<f64>>>,
    }

    impl Arm for Meeting {
        fn move_to(&mut self, target: ToolPose, speed_m_s: f64) -> Result<ToolPose, DeviceError> {
            self.asked.lock().unwrap().push(speed_m_s);
            self.at = target;
            Err(DeviceError::Collision { at: target })
        }

        fn pose(&mut self) -> Result<ToolPose, DeviceError> {
            Ok(self.at)
        }

        fn recover(&mut self) -> Result<(), DeviceError> {
            self.asked.lock().unwrap().push(0.0);
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
            let asked = std::sync::Arc::default();
            let arm = Meeting { at: from, asked: std::sync::Arc::clone(&asked) };
            let mut arm = GuardedArm::new(Box::new(arm), envelope());
            let met = arm.descend_to(to, 0.05, 0.03);
            if is_expected {
                assert_eq!(met, Ok(Descent::Contact(to)));
                assert_eq!(*asked.lock().unwrap(), [0.05, 0.0]);
                continue;
            }
            let contact = UnexpectedContact { at: to, is_second: false };
            assert_eq!(met, Err(contact.into()), "{from:?} {to:?}");
            // From then on the arm hears of nothing any more.
            assert_eq!(arm.recover(), Err(contact.into()));
            assert_eq!(arm.move_to(above, 0.05), Err(contact.into()));
            assert_eq!(arm.descend_to(to, 0.05, 0.03), Err(contact.into()));
            assert_eq!(*asked.lock().unwrap(), [0.05]);
        }
    }

    #[test]
    fn one_contact_makes_an_arm_slow_where_that_is_allowed_and_a_placed_plate_quick_again() {
        let above = tool(0.3, 0.0, 0.1);
        let asked = std::sync::Arc::default();
        let arm = Meeting { at: above, asked: std::sync::Arc::clone(&asked) };
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
        assert_eq!(*asked.lock().unwrap(), [0.2, 0.0, 0.2, 0.0, 0.05]);
    }

    #[test]
    fn adjustments_are_checked_by_length_and_by_angle() {
        let adjustment = |dx_m, dy_m, degrees: f64| PoseAdjustment {
            dx_m,
            dy_m,
            dyaw_rad: degrees.to_radians(),
        };
        assert!(envelope().check_adjustment(adjustment(0.01, -0.01, -9.0)).is_ok());
        assert!(envelope().check_adjustment(adjustment(0.012, 0.012, 0.0)).is_err());
        assert!(envelope().check_adjustment(adjustment(0.0, 0.0, -11.0)).is_err());
        assert!(envelope().check_adjustment(adjustment(f64::NAN, 0.0, 0.0)).is_err());
    }

    #[test]
    fn action_spaces_beyond_the_envelope_are_refused_before_any_motion() {
        let degree = 1f64.to_radians();
        let fits = ActionSpace::symmetric([11, 11, 11], [0.002, 0.002, degree]).unwrap();
        assert_eq!(envelope().check_actions(&fits), Ok(()));
        let too_wide = ActionSpace::symmetric([13, 13, 11], [0.002, 0.002, degree]).unwrap();
        let message = envelope().check_actions(&too_wide).unwrap_err().to_string();
        assert!(message.contains("16.97 mm"), "{message}");
    }

    #[test]
    fn limits_that_allow_nothing_are_refused_by_key() {
        let broken = SafetyConfig { z_m: [0.4, 0.0], ..SafetyConfig::default() };
        assert!(SafetyEnvelope::new(broken).unwrap_err().to_string().contains("z_m is [0.4, 0]"));
        let broken = SafetyConfig { max_speed_m_s: -1.0, ..SafetyConfig::default() };
        assert!(SafetyEnvelope::new(broken).unwrap_err().to_string().contains("max_speed_m_s"));
    }
}
