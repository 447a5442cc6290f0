//! Whether and how a motion can be done, before it begins.

use nalgebra::Isometry3;

use super::error;
use super::motion::{Profile, Way, between_joints, numbers_of, on_line, pose_of};
use super::state::Machine;
use super::task::{Target, Task};
use crate::kinematics::{Joints, KinematicsError};

/// What the client may forbid.
#[derive(Debug, Clone)]
pub(super) struct Fence {
    pub on: bool,
    pub reduced: bool,
    /// Largest and smallest x, y and z of the tool.
    pub box_mm: [i32; 6],
    pub tool_speed_mm_s: f64,
    pub joint_speed_rad_s: f64,
    /// Smallest and largest of each of seven joints.
    pub joint_range_rad: [f64; 14],
}

/// How fast a tool turns that has no way to go, and how fast that begins. Untuned.
const TURNING_RAD_S: f64 = 1.5;
const TURNING_RAD_S2: f64 = 10.0;
/// Lines are looked at in steps of this before they are begun.
const CHECK_STEP_M: f64 = 0.002;
const CHECK_STEP_RAD: f64 = 0.01;

impl Machine {
    /// The way, its times, and its highest speed; or the number of the error that forbids it.
    pub fn plan(&self, task: &Task) -> Result<(Way, Profile, f64), u8> {
        let limits = &self.config.limits;
        let tool = self.tool();
        let to = match task.target {
            Target::Wait(secs) => {
                let speed = 1.0 / secs.max(1e-3);
                return Ok((Way::Rest, Profile::new(1.0, speed, 1e6), 0.0));
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
        let way = Way::Line { from: tool, to };
        let (way_m, turn_rad) = way.lengths();
        let straight = Profile::new(way_m, speed, acceleration);
        let turning = Profile::new(turn_rad, TURNING_RAD_S, TURNING_RAD_S2);
        let profile =
            if turning.duration_secs > straight.duration_secs { turning } else { straight };
        self.check_line(&tool, &to, &profile)?;
        Ok((way, profile, speed))
    }

    fn plan_joints(&self, to: Joints, task: &Task) -> Result<(Way, Profile, f64), u8> {
        let limits = &self.config.limits;
        self.config.arm.limits.check(&to).map_err(error_of)?;
        self.check_joint_range(&to)?;
        let reduced = if self.fence.reduced { self.fence.joint_speed_rad_s } else { f64::MAX };
        let speed = task.speed.min(limits.joint_speed_rad_s).min(reduced);
        let acceleration = task.acceleration.min(limits.joint_acceleration_rad_s2);
        let way = Way::Joints { from: self.joints, to };
        let (_, turn_rad) = way.lengths();
        let steps = (turn_rad / CHECK_STEP_RAD).ceil().max(1.0) as u32;
        for step in 1..=steps {
            let share = f64::from(step) / f64::from(steps);
            let flange = self.config.arm.forward(&between_joints(&self.joints, &to, share));
            self.check_fence(&self.tool_at(&flange))?;
        }
        Ok((way, Profile::new(turn_rad, speed, acceleration), speed))
    }

    /// Follows a straight line before it is begun, as the real controller's planner does.
    fn check_line(
        &self,
        from: &Isometry3<f64>,
        to: &Isometry3<f64>,
        profile: &Profile,
    ) -> Result<(), u8> {
        let (way_m, turn_rad) = Way::Line { from: *from, to: *to }.lengths();
        let steps = (way_m / CHECK_STEP_M).max(turn_rad / CHECK_STEP_RAD).ceil().max(1.0) as u32;
        let step_secs = profile.duration_secs / f64::from(steps);
        let mut joints = self.joints;
        for step in 1..=steps {
            let tool = on_line(from, to, profile.share(step_secs * f64::from(step)));
            self.check_fence(&tool)?;
            let next = self.config.arm.follow(&self.flange_at(&tool), &joints).map_err(error_of)?;
            self.config.arm.limits.check(&next).map_err(error_of)?;
            self.check_joint_range(&next)?;
            let fastest = next.iter().zip(&joints).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
            if fastest > self.config.limits.joint_speed_rad_s * step_secs {
                return Err(error::SPEED);
            }
            joints = next;
        }
        Ok(())
    }

    fn check_fence(&self, tool: &Isometry3<f64>) -> Result<(), u8> {
        // A line along the fence is not beyond it.
        const ROUNDING_MM: f64 = 0.01;
        let at_mm = tool.translation.vector * 1000.0;
        let inside = (0..3).all(|axis| {
            let upper = f64::from(self.fence.box_mm[2 * axis]) + ROUNDING_MM;
            let lower = f64::from(self.fence.box_mm[2 * axis + 1]) - ROUNDING_MM;
            (lower..=upper).contains(&at_mm[axis])
        });
        if self.fence.on && !inside { Err(error::BOUNDARY) } else { Ok(()) }
    }

    fn check_joint_range(&self, joints: &Joints) -> Result<(), u8> {
        let range = &self.fence.joint_range_rad;
        let inside =
            (0..6).all(|index| (range[2 * index]..=range[2 * index + 1]).contains(&joints[index]));
        if self.fence.reduced && !inside { Err(error::JOINT_LIMIT) } else { Ok(()) }
    }
}

/// The controller's number for what the arm cannot do.
pub(super) fn error_of(reason: KinematicsError) -> u8 {
    match reason {
        KinematicsError::JointLimit { .. } => error::JOINT_LIMIT,
        KinematicsError::NotANumber
        | KinematicsError::OutOfReach { .. }
        | KinematicsError::FiveJoints { .. }
        | KinematicsError::NotContinuous => error::KINEMATICS,
    }
}
