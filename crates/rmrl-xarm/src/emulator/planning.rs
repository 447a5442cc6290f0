//! Checks and plans a motion before it begins.

use nalgebra::Isometry3;

use super::circle::Circle;
use super::error_code::{self, error_code_of};
use super::machine::Machine;
use super::task::{Target, Task};
use super::trajectory::{Path, SpeedProfile, between_joints, numbers_of, pose_of};
use crate::kinematics::Joints;

/// Speed and acceleration of a tool that only turns. Untuned.
const TURNING_RAD_S: f64 = 1.5;
const TURNING_RAD_S2: f64 = 10.0;
/// Lines are checked in steps of this size before they begin.
const CHECK_STEP_M: f64 = 0.002;
const CHECK_STEP_RAD: f64 = 0.01;
/// No flange of these arms gets so far from the base.
const FAR_M: f64 = 2.0;
/// No line within reach is so long, whatever the tool.
const LONG_M: f64 = 10.0;

impl Machine {
    /// The path, its speed profile, and its highest speed.
    ///
    /// # Errors
    /// The number of the error that forbids it.
    pub fn plan(&self, task: &Task) -> Result<(Path, SpeedProfile, f64), u8> {
        let path = self.path_to(&task.target)?;
        self.plan_along(path, task)
    }

    fn path_to(&self, target: &Target) -> Result<Path, u8> {
        let tool = self.tool();
        let line = |to| Ok(Path::Line { from: tool, to });
        let from = self.joints;
        match *target {
            Target::Wait(_) | Target::Output(_) | Target::OutputAt(_) => Ok(Path::Rest),
            Target::Joints(to) => {
                let to =
                    std::array::from_fn(|at| if to[at].is_infinite() { from[at] } else { to[at] });
                Ok(Path::Joints { from, to })
            }
            Target::ByJoints(by) => {
                let to = std::array::from_fn(|at| {
                    from[at] + if by[at].is_infinite() { 0.0 } else { by[at] }
                });
                Ok(Path::Joints { from, to })
            }
            Target::Tool(mut numbers) => {
                for (number, now) in numbers.iter_mut().zip(numbers_of(&tool)) {
                    if number.is_infinite() {
                        *number = now;
                    }
                }
                line(pose_of(&numbers))
            }
            Target::Pose(to) => line(to),
            Target::InTool(by) => line(tool * by),
            Target::By(by) => {
                let now = numbers_of(&tool);
                line(pose_of(&std::array::from_fn(|at| {
                    now[at] + if by[at].is_infinite() { 0.0 } else { by[at] }
                })))
            }
            Target::ByPose(by) => line(Isometry3::from_parts(
                (tool.translation.vector + by.translation.vector).into(),
                by.rotation * tool.rotation,
            )),
            Target::Circle { points_m, in_tool, turns } => {
                let points_m = points_m.map(|point| {
                    if in_tool { (tool * nalgebra::Point3::from(point)).coords } else { point }
                });
                Circle::through(tool, points_m, turns).map(Path::Circle).ok_or(error_code::CIRCLE)
            }
        }
    }

    /// As [`Self::plan`], for a path that begins where the arm is.
    ///
    /// # Errors
    /// The number of the error that forbids it.
    pub fn plan_along(&self, path: Path, task: &Task) -> Result<(Path, SpeedProfile, f64), u8> {
        match path {
            Path::Rest => {
                let secs = if let Target::Wait(secs) = task.target { secs } else { 0.0 };
                Ok((path, SpeedProfile::new(1.0, 1.0 / secs.max(1e-3), 1e6), 0.0))
            }
            Path::Joints { to, .. } => self.plan_joints(path, &to, task),
            Path::Line { .. } | Path::Circle(_) => {
                self.refuse_far(&path)?;
                let speed = task.speed.min(self.tool_speed());
                let acceleration = task.acceleration.min(self.config.limits.tool_acceleration_m_s2);
                let (length_m, turn_rad) = path.lengths();
                let straight = SpeedProfile::new(length_m, speed, acceleration);
                let turning = SpeedProfile::new(turn_rad, TURNING_RAD_S, TURNING_RAD_S2);
                let profile =
                    if turning.duration_secs > straight.duration_secs { turning } else { straight };
                self.check_tool_path(&path, &profile)?;
                Ok((path, profile, speed))
            }
        }
    }

    fn plan_joints(
        &self,
        path: Path,
        to: &Joints,
        task: &Task,
    ) -> Result<(Path, SpeedProfile, f64), u8> {
        self.config.arm.limits.check(to).map_err(error_code_of)?;
        self.fence.check_joints(to)?;
        let speed = task.speed.min(self.joint_speed());
        let acceleration = task.acceleration.min(self.config.limits.joint_acceleration_rad_s2);
        let (_, turn_rad) = path.lengths();
        let steps = (turn_rad / CHECK_STEP_RAD).ceil().max(1.0) as u32;
        for step in 1..=steps {
            let share = f64::from(step) / f64::from(steps);
            let flange = self.config.arm.forward(&between_joints(&self.joints, to, share));
            self.fence.check_tool(&self.tool_at(&flange))?;
        }
        Ok((path, SpeedProfile::new(turn_rad, speed, acceleration), speed))
    }

    /// Refuses at once what is far out of reach, before the path is followed in small steps.
    fn refuse_far(&self, path: &Path) -> Result<(), u8> {
        const POINTS: u32 = 64;
        let whole = if let Path::Circle(circle) = path { circle.first_turn() } else { 1.0 };
        for point in 1..=POINTS {
            let share = whole * f64::from(point) / f64::from(POINTS);
            let Some(tool) = path.tool_at(share) else { return Ok(()) };
            let distance_m = self.flange_at(&tool).translation.vector.norm();
            if distance_m.is_nan() || distance_m > FAR_M {
                self.fence.check_tool(&tool)?;
                return Err(error_code::KINEMATICS);
            }
        }
        let is_long = matches!(path, Path::Line { .. }) && path.lengths().0 > LONG_M;
        if is_long { Err(error_code::KINEMATICS) } else { Ok(()) }
    }

    /// Follows the tool's path before it begins, as the real controller's planner does.
    fn check_tool_path(&self, path: &Path, profile: &SpeedProfile) -> Result<(), u8> {
        let (length_m, turn_rad) = path.lengths();
        let steps = (length_m / CHECK_STEP_M).max(turn_rad / CHECK_STEP_RAD).ceil().max(1.0) as u32;
        let step_secs = profile.duration_secs / f64::from(steps);
        let mut joints = self.joints;
        for step in 1..=steps {
            let Some(tool) = path.tool_at(profile.share(step_secs * f64::from(step))) else {
                break;
            };
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
