//! Checks and plans a motion before it begins.

use nalgebra::Isometry3;

use super::error_code::{self, error_code_of};
use super::machine::Machine;
use super::task::{Target, Task};
use super::trajectory::{Path, SpeedProfile, between_joints, numbers_of, on_line, pose_of};
use crate::kinematics::Joints;

/// Speed and acceleration of a tool that only turns. Untuned.
const TURNING_RAD_S: f64 = 1.5;
const TURNING_RAD_S2: f64 = 10.0;
/// Lines are checked in steps of this size before they begin.
const CHECK_STEP_M: f64 = 0.002;
const CHECK_STEP_RAD: f64 = 0.01;

impl Machine {
    /// The path, its speed profile, and its highest speed.
    ///
    /// # Errors
    /// The number of the error that forbids it.
    pub fn plan(&self, task: &Task) -> Result<(Path, SpeedProfile, f64), u8> {
        let limits = &self.config.limits;
        let tool = self.tool();
        let to = match task.target {
            Target::Wait(secs) => {
                let speed = 1.0 / secs.max(1e-3);
                return Ok((Path::Rest, SpeedProfile::new(1.0, speed, 1e6), 0.0));
            }
            Target::Joints(to) => return self.plan_joints(to, task),
            Target::ByJoints(by) => {
                let to = std::array::from_fn(|index| self.joints[index] + by[index]);
                return self.plan_joints(to, task);
            }
            Target::Tool(mut numbers) => {
                for (number, now) in numbers.iter_mut().zip(numbers_of(&tool)) {
                    if number.is_infinite() {
                        *number = now;
                    }
                }
                pose_of(&numbers)
            }
            Target::Pose(to) => to,
            Target::InTool(by) => tool * by,
            Target::By(by) => {
                let now = numbers_of(&tool);
                pose_of(&std::array::from_fn(|index| now[index] + by[index]))
            }
            Target::ByPose(by) => Isometry3::from_parts(
                (tool.translation.vector + by.translation.vector).into(),
                by.rotation * tool.rotation,
            ),
        };
        let reduced =
            if self.fence.reduced { self.fence.tool_speed_mm_s / 1000.0 } else { f64::MAX };
        let speed = task.speed.min(limits.tool_speed_m_s).min(reduced);
        let acceleration = task.acceleration.min(limits.tool_acceleration_m_s2);
        let path = Path::Line { from: tool, to };
        let (length_m, turn_rad) = path.lengths();
        let straight = SpeedProfile::new(length_m, speed, acceleration);
        let turning = SpeedProfile::new(turn_rad, TURNING_RAD_S, TURNING_RAD_S2);
        let profile =
            if turning.duration_secs > straight.duration_secs { turning } else { straight };
        self.check_line(&tool, &to, &profile)?;
        Ok((path, profile, speed))
    }

    fn plan_joints(&self, to: Joints, task: &Task) -> Result<(Path, SpeedProfile, f64), u8> {
        let limits = &self.config.limits;
        self.config.arm.limits.check(&to).map_err(error_code_of)?;
        self.fence.check_joints(&to)?;
        let reduced = if self.fence.reduced { self.fence.joint_speed_rad_s } else { f64::MAX };
        let speed = task.speed.min(limits.joint_speed_rad_s).min(reduced);
        let acceleration = task.acceleration.min(limits.joint_acceleration_rad_s2);
        let path = Path::Joints { from: self.joints, to };
        let (_, turn_rad) = path.lengths();
        let steps = (turn_rad / CHECK_STEP_RAD).ceil().max(1.0) as u32;
        for step in 1..=steps {
            let share = f64::from(step) / f64::from(steps);
            let flange = self.config.arm.forward(&between_joints(&self.joints, &to, share));
            self.fence.check_tool(&self.tool_at(&flange))?;
        }
        Ok((path, SpeedProfile::new(turn_rad, speed, acceleration), speed))
    }

    /// Follows a straight line before it begins, as the real controller's planner does.
    fn check_line(
        &self,
        from: &Isometry3<f64>,
        to: &Isometry3<f64>,
        profile: &SpeedProfile,
    ) -> Result<(), u8> {
        let (length_m, turn_rad) = Path::Line { from: *from, to: *to }.lengths();
        let steps = (length_m / CHECK_STEP_M).max(turn_rad / CHECK_STEP_RAD).ceil().max(1.0) as u32;
        let step_secs = profile.duration_secs / f64::from(steps);
        let mut joints = self.joints;
        for step in 1..=steps {
            let tool = on_line(from, to, profile.share(step_secs * f64::from(step)));
            self.fence.check_tool(&tool)?;
            let next =
                self.config.arm.follow(&self.flange_at(&tool), &joints).map_err(error_code_of)?;
            self.config.arm.limits.check(&next).map_err(error_code_of)?;
            self.fence.check_joints(&next)?;
            let fastest = next.iter().zip(&joints).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
            if fastest > self.config.limits.joint_speed_rad_s * step_secs {
                return Err(error_code::SPEED);
            }
            joints = next;
        }
        Ok(())
    }
}
