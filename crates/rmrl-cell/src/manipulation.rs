//! Grasping the plate, carrying it, releasing it.

use rmrl_core::GraspFailure;

use crate::{
    AfterContact, Descent, Gripper, GuardedArm, MotionError, StopSwitch, TaskConfig, ToolPose,
};

/// Arm and gripper together, with the heights and speeds of a task.
pub struct Manipulator {
    arm: GuardedArm,
    gripper: Box<dyn Gripper>,
    home: ToolPose,
    grasp_height_m: f64,
    approach_height_m: f64,
    contact_height_m: f64,
    travel_height_m: f64,
    travel_speed_m_s: f64,
    contact_speed_m_s: f64,
    first_contact_speed_m_s: f64,
    /// Whether an earlier descent to a plate, and an earlier one with a plate, ended as they should.
    has_gripped: bool,
    has_released: bool,
    jaw_opening_m: f64,
    careful_opening_m: f64,
    careful_speed_m_s: f64,
    /// Whether the next grasp is made with care.
    takes_care: bool,
}

/// How a grasp ended.
#[derive(Debug, Clone, Copy, PartialEq)]
#[must_use]
pub enum GraspOutcome {
    /// The gripper holds the plate at travel height. The pose is where it was picked, as commanded: a driver may have
    /// had to round it.
    Held(ToolPose),
    /// The gripper is open at travel height, without the plate.
    Failed(GraspFailure),
}

impl Manipulator {
    /// An arm behind its guard, with its gripper.
    pub fn new(arm: GuardedArm, gripper: Box<dyn Gripper>, task: &TaskConfig) -> Self {
        Self {
            arm,
            gripper,
            home: task.home.tool_pose(),
            grasp_height_m: task.grasp_height_m,
            approach_height_m: task.approach_height_m,
            contact_height_m: task.contact_height_m,
            travel_height_m: task.travel_height_m,
            travel_speed_m_s: task.travel_speed_m_s,
            contact_speed_m_s: task.contact_speed_m_s,
            first_contact_speed_m_s: task.first_contact_speed_m_s.unwrap_or(task.contact_speed_m_s),
            has_gripped: false,
            has_released: false,
            jaw_opening_m: task.jaw_opening_m,
            careful_opening_m: task.careful_opening_m,
            careful_speed_m_s: task.careful_speed_m_s,
            takes_care: false,
        }
    }

    /// The arm.
    pub fn arm(&self) -> &GuardedArm {
        &self.arm
    }

    /// The switch that stops arm and gripper.
    pub fn stop_switch(&self) -> &StopSwitch {
        self.arm.stop_switch()
    }

    /// Sets what follows on contact where none is expected. See [`GuardedArm::after_contact`].
    pub fn after_contact(&mut self, after: AfterContact) {
        self.arm.after_contact(after);
    }

    /// A plate has been placed. See [`GuardedArm::placed`].
    pub fn placed(&mut self) {
        self.arm.placed();
    }

    /// Says whether the next grasp is made with care: more slowly, with wider jaws.
    pub fn take_care(&mut self, care: bool) {
        self.takes_care = care;
    }

    /// Whether the jaws hold something now.
    ///
    /// # Errors
    /// The gripper failed.
    pub fn holds_object(&mut self) -> Result<bool, MotionError> {
        let holds = self.gripper.holds_object();
        holds.map_err(|error| MotionError::of_device(error, self.arm.stop_switch()))
    }

    /// Clears the errors of an earlier fault in arm and gripper.
    ///
    /// # Errors
    /// The switch was pressed, or one of them cannot be brought back without an operator.
    pub fn recover(&mut self) -> Result<(), MotionError> {
        self.arm.recover()?;
        let recovered = self.gripper.recover();
        recovered.map_err(|error| MotionError::of_device(error, self.arm.stop_switch()))
    }

    /// Gives the gripper power, where it has none. The jaws must hold nothing.
    ///
    /// # Errors
    /// The switch was pressed, or the gripper failed.
    pub fn power_gripper_on(&mut self) -> Result<(), MotionError> {
        self.arm.check()?;
        let powered = self.gripper.power_on();
        powered.map_err(|error| MotionError::of_device(error, self.arm.stop_switch()))
    }

    /// Moves the tool out of the camera's view.
    ///
    /// # Errors
    /// A motion was refused, or a device failed.
    pub fn go_home(&mut self) -> Result<(), MotionError> {
        self.lift()?;
        self.travel_to(self.home)
    }

    /// Grips the plate with the tool at `at` and lifts it to travel height. A grasp that fails is no error. See
    /// [`Self::take_care`].
    ///
    /// # Errors
    /// A motion was refused, or a device failed.
    pub fn grasp(&mut self, at: ToolPose) -> Result<GraspOutcome, MotionError> {
        let care = std::mem::take(&mut self.takes_care);
        self.lift()?;
        self.open_jaws_to(if care {
            self.careful_opening_m.max(self.jaw_opening_m)
        } else {
            self.jaw_opening_m
        })?;
        self.travel_to(at.at_height(self.travel_height_m))?;
        let usual_m_s = self.speed_of_descent(self.has_gripped);
        let speed_m_s = if care { usual_m_s.min(self.careful_speed_m_s) } else { usual_m_s };
        let descended = self.descend(at, speed_m_s)?;
        self.has_gripped = true;
        let Descent::Arrived(commanded) = descended else {
            self.lift()?;
            return Ok(GraspOutcome::Failed(GraspFailure::FingerOnPlate));
        };
        self.close_jaws()?;
        if !self.holds_object()? {
            // Opened down here: should the gripper be wrong, the plate stays where it is.
            self.open_jaws()?;
            self.lift()?;
            return Ok(GraspOutcome::Failed(GraspFailure::Missed));
        }
        self.arm.move_to(self.approach(at), self.contact_speed_m_s)?;
        self.lift()?;
        if self.holds_object()? {
            return Ok(GraspOutcome::Held(commanded));
        }
        self.release_at(at)?;
        Ok(GraspOutcome::Failed(GraspFailure::Slipped))
    }

    /// Carries the plate along `path`, lowers it to `at` and releases it.
    ///
    /// Returns whether the gripper still held the plate above `at`. On a contact on the way down it releases the plate
    /// there: the plate met its place earlier than planned.
    ///
    /// # Errors
    /// A motion was refused, or a device failed; the jaws are then as they were.
    pub fn release(
        &mut self,
        path: impl IntoIterator<Item = ToolPose>,
        at: ToolPose,
    ) -> Result<bool, MotionError> {
        self.lift()?;
        for waypoint in path {
            self.travel_to(waypoint)?;
        }
        let held = self.holds_object()?;
        self.release_at(at)?;
        Ok(held)
    }

    /// Opens the jaws at `at`, or where they meet something on the way down. The gripper's status does not matter
    /// here: should it be wrong, nothing falls.
    fn release_at(&mut self, at: ToolPose) -> Result<(), MotionError> {
        // On contact the plate has met its place, and is released there.
        let (Descent::Arrived(_) | Descent::Contact(_)) =
            self.descend(at, self.speed_of_descent(self.has_released))?;
        self.has_released = true;
        self.open_jaws()?;
        self.lift()
    }

    /// The speed of a descent, in meters per second: the first one is slower.
    fn speed_of_descent(&self, is_repeated: bool) -> f64 {
        if is_repeated { self.contact_speed_m_s } else { self.first_contact_speed_m_s }
    }

    /// Lowers the tool to `at`, where contact is expected; the last part at `speed_m_s`.
    fn descend(&mut self, at: ToolPose, speed_m_s: f64) -> Result<Descent, MotionError> {
        self.travel_to(self.approach(at))?;
        self.arm.descend_to(at, speed_m_s, at.z_m + self.contact_height_m)
    }

    /// Opens the jaws, unless nothing may move: they stay as they are then, with what they hold.
    fn open_jaws(&mut self) -> Result<(), MotionError> {
        self.open_jaws_to(self.jaw_opening_m)
    }

    fn open_jaws_to(&mut self, opening_m: f64) -> Result<(), MotionError> {
        self.arm.check()?;
        let opened = self.gripper.open(opening_m);
        opened.map_err(|error| MotionError::of_device(error, self.arm.stop_switch()))
    }

    fn close_jaws(&mut self) -> Result<(), MotionError> {
        self.arm.check()?;
        let closed = self.gripper.close();
        closed.map_err(|error| MotionError::of_device(error, self.arm.stop_switch()))
    }

    fn approach(&self, at: ToolPose) -> ToolPose {
        at.at_height(at.z_m - self.grasp_height_m + self.approach_height_m)
    }

    /// Lifts the tool straight up to travel height, if it is below.
    fn lift(&mut self) -> Result<(), MotionError> {
        let here = self.arm.pose()?;
        if here.z_m < self.travel_height_m {
            self.travel_to(here.at_height(self.travel_height_m))?;
        }
        Ok(())
    }

    fn travel_to(&mut self, target: ToolPose) -> Result<(), MotionError> {
        self.arm.move_to(target, self.travel_speed_m_s)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::{Arm, DeviceError, SafetyConfig, SafetyEnvelope};
    use rmrl_core::PlanarPose;

    /// An arm that is where it was sent and remembers heights and speeds, with jaws that always hold.
    #[derive(Clone)]
    struct Motions {
        at: ToolPose,
        made: Arc<Mutex<Vec<(f64, f64)>>>,
        opened_m: Arc<Mutex<Vec<f64>>>,
    }

    impl Arm for Motions {
        fn move_to(&mut self, target: ToolPose, speed_m_s: f64) -> Result<ToolPose, DeviceError> {
            self.made.lock().unwrap().push((target.z_m, speed_m_s));
            self.at = target;
            Ok(target)
        }

        fn pose(&mut self) -> Result<ToolPose, DeviceError> {
            Ok(self.at)
        }

        fn recover(&mut self) -> Result<(), DeviceError> {
            Ok(())
        }
    }

    impl Gripper for Motions {
        fn open(&mut self, width_m: f64) -> Result<(), DeviceError> {
            self.opened_m.lock().unwrap().push(width_m);
            Ok(())
        }

        fn close(&mut self) -> Result<(), DeviceError> {
            Ok(())
        }

        fn holds_object(&mut self) -> Result<bool, DeviceError> {
            Ok(true)
        }

        fn recover(&mut self) -> Result<(), DeviceError> {
            Ok(())
        }
    }

    #[test]
    fn the_first_descents_are_slow_and_no_others() {
        for (first, expected) in
            [(Some(0.01), [0.01, 0.01, 0.05, 0.05]), (None, [0.05, 0.05, 0.05, 0.05])]
        {
            let task = TaskConfig { first_contact_speed_m_s: first, ..TaskConfig::table() };
            task.validate().unwrap();
            let home = task.home.tool_pose();
            let arm = Motions { at: home, made: Arc::default(), opened_m: Arc::default() };
            let envelope = SafetyEnvelope::new(SafetyConfig::default()).unwrap();
            let guarded = GuardedArm::new(Box::new(arm.clone()), envelope);
            let mut manipulator = Manipulator::new(guarded, Box::new(arm.clone()), &task);
            let pick = task.grasp_pose(PlanarPose::new(0.3, 0.0, 0.0), 0.0);
            let place = task.trajectory().place;
            for _ in 0..2 {
                assert_eq!(manipulator.grasp(pick).unwrap(), GraspOutcome::Held(pick));
                assert!(manipulator.release([], place).unwrap());
            }
            let made = arm.made.lock().unwrap();
            let contacts: Vec<f64> = made
                .iter()
                .filter(|(z_m, _)| *z_m <= place.z_m)
                .map(|(_, speed_m_s)| *speed_m_s)
                .collect();
            assert_eq!(contacts, expected);
        }
        let too_fast = TaskConfig { first_contact_speed_m_s: Some(0.06), ..TaskConfig::table() };
        let message = too_fast.validate().unwrap_err().to_string();
        assert!(message.contains("first_contact_speed_m_s is 0.06"), "{message}");
    }

    #[test]
    fn a_grasp_with_care_is_slow_with_wide_jaws_and_the_next_one_is_as_usual() {
        // A gripper that opens to one width only has it as the usual one.
        for (opening_m, expected_m) in [(0.13, 0.145), (0.15, 0.15)] {
            let task = TaskConfig { jaw_opening_m: opening_m, ..TaskConfig::table() };
            let arm = Motions {
                at: task.home.tool_pose(),
                made: Arc::default(),
                opened_m: Arc::default(),
            };
            let envelope = SafetyEnvelope::new(SafetyConfig::default()).unwrap();
            let guarded = GuardedArm::new(Box::new(arm.clone()), envelope);
            let mut manipulator = Manipulator::new(guarded, Box::new(arm.clone()), &task);
            let pick = task.grasp_pose(PlanarPose::new(0.3, 0.0, 0.0), 0.0);
            manipulator.take_care(true);
            for _ in 0..2 {
                assert_eq!(manipulator.grasp(pick).unwrap(), GraspOutcome::Held(pick));
            }
            let made = arm.made.lock().unwrap();
            let contacts: Vec<f64> = made
                .iter()
                .filter(|(z_m, _)| *z_m <= pick.z_m)
                .map(|(_, speed_m_s)| *speed_m_s)
                .collect();
            assert_eq!(contacts, [0.02, 0.05]);
            assert_eq!(*arm.opened_m.lock().unwrap(), [expected_m, opening_m]);
        }
    }
}
