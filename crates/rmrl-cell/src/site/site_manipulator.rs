//! Arm and gripper at sites: free travel between them, and passages into slots and out again.

use super::passage::Line;
use crate::{
    AfterContact, Descent, Gripper, GuardedArm, MotionError, Recovery, StopSwitch, TaskConfig,
    ToolPose,
};

/// Arm and gripper together, as transfers between sites move them.
pub struct SiteManipulator {
    arm: GuardedArm,
    gripper: Box<dyn Gripper>,
    travel_speed_m_s: f64,
    recovery: Recovery,
}

/// How lines within a slot were followed.
#[derive(Debug, Clone, Copy, PartialEq)]
#[must_use]
pub enum Followed {
    /// To their end: the pose as commanded, which a driver may have had to round.
    Arrived(ToolPose),
    /// The tool met something and stands here; the arm can move again.
    Contact(ToolPose),
}

impl SiteManipulator {
    /// An arm behind its guard, with its gripper.
    pub fn new(arm: GuardedArm, gripper: Box<dyn Gripper>, task: &TaskConfig) -> Self {
        let recovery = Recovery::default();
        Self { arm, gripper, travel_speed_m_s: task.travel_speed_m_s, recovery }
    }

    /// Sets how lost devices are tried again before a transfer begins.
    pub fn recover_by(&mut self, recovery: Recovery) {
        self.recovery = recovery;
    }

    /// Sets what follows on contact where none is expected. See [`GuardedArm::after_contact`].
    pub fn after_contact(&mut self, after: AfterContact) {
        self.arm.after_contact(after);
    }

    /// The arm.
    pub fn arm(&self) -> &GuardedArm {
        &self.arm
    }

    /// The switch that stops arm and gripper.
    pub fn stop_switch(&self) -> &StopSwitch {
        self.arm.stop_switch()
    }

    /// Where the tool is.
    ///
    /// # Errors
    /// The arm failed.
    pub fn pose(&mut self) -> Result<ToolPose, MotionError> {
        self.arm.pose()
    }

    /// Clears the errors of an earlier fault in arm and gripper. Waits for a device that is lost.
    ///
    /// # Errors
    /// The switch was pressed, or one of them cannot be brought back without an operator.
    pub fn recover(&mut self) -> Result<(), MotionError> {
        let Self { arm, gripper, recovery, .. } = self;
        let stop = arm.stop_switch().clone();
        recovery.retry(&stop, || {
            arm.recover()?;
            gripper.recover().map_err(|error| MotionError::of_device(error, &stop))
        })
    }

    /// Gives the gripper power, where it has none. The jaws must hold nothing.
    ///
    /// # Errors
    /// The switch was pressed, or the gripper failed.
    pub fn power_gripper_on(&mut self) -> Result<(), MotionError> {
        self.arm.check()?;
        self.gripper.power_on().map_err(|error| MotionError::of_device(error, self.stop_switch()))
    }

    /// Whether the jaws hold something now.
    ///
    /// # Errors
    /// The gripper failed.
    pub fn holds_object(&mut self) -> Result<bool, MotionError> {
        let holds = self.gripper.holds_object();
        holds.map_err(|error| MotionError::of_device(error, self.arm.stop_switch()))
    }

    /// How far apart the jaws are, in meters, where the gripper measures it.
    ///
    /// # Errors
    /// The gripper failed.
    pub fn measured_width_m(&mut self) -> Result<Option<f64>, MotionError> {
        let width_m = self.gripper.measured_width_m();
        width_m.map_err(|error| MotionError::of_device(error, self.arm.stop_switch()))
    }

    /// Opens the jaws to `width_m`, unless nothing may move.
    ///
    /// # Errors
    /// The switch was pressed, or the gripper failed.
    pub fn open_jaws(&mut self, width_m: f64) -> Result<(), MotionError> {
        self.arm.check()?;
        let opened = self.gripper.open(width_m);
        opened.map_err(|error| MotionError::of_device(error, self.arm.stop_switch()))
    }

    /// Closes the jaws, unless nothing may move.
    ///
    /// # Errors
    /// The switch was pressed, or the gripper failed.
    pub fn close_jaws(&mut self) -> Result<(), MotionError> {
        self.arm.check()?;
        let closed = self.gripper.close();
        closed.map_err(|error| MotionError::of_device(error, self.arm.stop_switch()))
    }

    /// Moves the tool through free space, from one pose to the next. Contact is never expected here.
    ///
    /// # Errors
    /// A motion was refused, the switch was pressed, the arm met something, or it failed.
    pub fn travel(&mut self, way: &[ToolPose]) -> Result<(), MotionError> {
        way.iter().try_for_each(|pose| self.arm.move_to(*pose, self.travel_speed_m_s).map(|_| ()))
    }

    /// Follows lines into a slot, where contact is expected. The arm stands where the first line begins.
    ///
    /// # Errors
    /// A motion was refused, the switch was pressed, or the arm failed.
    pub fn follow_in(&mut self, lines: &[Line], speed_m_s: f64) -> Result<Followed, MotionError> {
        let mut at = self.pose()?;
        for line in lines {
            match self.arm.enter_to(line.to, speed_m_s)? {
                Descent::Arrived(commanded) => at = commanded,
                Descent::Contact(at) => return Ok(Followed::Contact(at)),
            }
        }
        Ok(Followed::Arrived(at))
    }

    /// Follows lines out of a slot, where no contact is expected: the tool came along them.
    ///
    /// # Errors
    /// A motion was refused, the switch was pressed, the arm met something, or it failed.
    pub fn follow_out(&mut self, lines: &[Line], speed_m_s: f64) -> Result<(), MotionError> {
        lines.iter().try_for_each(|line| self.arm.move_to(line.to, speed_m_s).map(|_| ()))
    }

    /// An item has been placed. See [`GuardedArm::placed`].
    pub fn placed(&mut self) {
        self.arm.placed();
    }
}
