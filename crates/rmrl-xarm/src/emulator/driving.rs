//! How the arm follows a target or a velocity.

use nalgebra::{Isometry3, Translation3, UnitQuaternion, Vector3};

use super::drive::{Drive, Velocity};
use super::error_code::{self, error_code_of};
use super::machine::Machine;
use super::trajectory::{between_joints, on_line};
use crate::kinematics::Joints;

impl Machine {
    /// Follows for a time what was requested last.
    pub fn follow_drive(&mut self, secs: f64) {
        let Some(drive) = self.drive.clone() else { return };
        let moved = match drive {
            Drive::Joints(to) => self.servo_joints(to, secs),
            Drive::Tool(to) => self.servo_tool(to, secs),
            Drive::JointVelocity(velocity) => self.turn_joints(velocity, secs),
            Drive::ToolVelocity { velocity, in_tool } => self.push_tool(velocity, in_tool, secs),
            Drive::Playback(playback) => self.play(playback, secs),
        };
        match moved {
            Ok(drive) => {
                if drive.is_none() {
                    self.log_violations();
                }
                self.drive = drive;
            }
            Err(error) => self.fail(error),
        }
    }

    /// The fastest joint, in radians per second.
    pub fn joint_speed(&self) -> f64 {
        let reduced = if self.fence.reduced { self.fence.joint_speed_rad_s } else { f64::MAX };
        self.config.limits.joint_speed_rad_s.min(reduced)
    }

    /// The fastest tool, in meters per second.
    pub fn tool_speed(&self) -> f64 {
        let reduced =
            if self.fence.reduced { self.fence.tool_speed_mm_s / 1000.0 } else { f64::MAX };
        self.config.limits.tool_speed_m_s.min(reduced)
    }

    fn servo_joints(&mut self, to: Joints, secs: f64) -> Result<Option<Drive>, u8> {
        let farthest = to.iter().zip(&self.joints).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        let share = (self.joint_speed() * secs / farthest.max(1e-12)).min(1.0);
        let next = if share < 1.0 { between_joints(&self.joints, &to, share) } else { to };
        self.put_joints(next, secs)?;
        Ok((share < 1.0).then_some(Drive::Joints(to)))
    }

    fn servo_tool(&mut self, to: Isometry3<f64>, secs: f64) -> Result<Option<Drive>, u8> {
        let tool = self.tool();
        let length_m = (to.translation.vector - tool.translation.vector).norm();
        let turn_rad = tool.rotation.angle_to(&to.rotation);
        let share = (self.tool_speed() * secs / length_m.max(1e-12))
            .min(self.joint_speed() * secs / turn_rad.max(1e-12))
            .min(1.0);
        let next = if share < 1.0 { on_line(&tool, &to, share) } else { to };
        self.put_tool(&next, secs)?;
        Ok((share < 1.0).then_some(Drive::Tool(to)))
    }

    fn turn_joints(&mut self, velocity: Velocity, secs: f64) -> Result<Option<Drive>, u8> {
        let fastest = self.joint_speed();
        let target = velocity.target.map(|speed| speed.clamp(-fastest, fastest));
        let rate = self.config.limits.joint_acceleration_rad_s2;
        let velocity = Velocity { target, ..velocity }.after(secs, [rate; 6]);
        let next = std::array::from_fn(|index| self.joints[index] + velocity.now[index] * secs);
        self.put_joints(next, secs)?;
        Ok((!velocity.has_ended()).then_some(Drive::JointVelocity(velocity)))
    }

    fn push_tool(
        &mut self,
        velocity: Velocity,
        in_tool: bool,
        secs: f64,
    ) -> Result<Option<Drive>, u8> {
        /// As fast as the tool turns in position mode.
        const TURNING_RAD_S2: f64 = 10.0;
        let [x, y, z, rx, ry, rz] = velocity.target;
        let slower = |vector: Vector3<f64>, limit: f64| vector * (limit / vector.norm()).min(1.0);
        let along = slower(Vector3::new(x, y, z), self.tool_speed());
        let about = slower(Vector3::new(rx, ry, rz), self.joint_speed());
        let target = [along.x, along.y, along.z, about.x, about.y, about.z];
        let rate = self.config.limits.tool_acceleration_m_s2;
        let rates = [rate, rate, rate, TURNING_RAD_S2, TURNING_RAD_S2, TURNING_RAD_S2];
        let velocity = Velocity { target, ..velocity }.after(secs, rates);
        let [x, y, z, rx, ry, rz] = velocity.now.map(|speed| speed * secs);
        let (along, about) = (Vector3::new(x, y, z), Vector3::new(rx, ry, rz));
        let tool = self.tool();
        let turned = UnitQuaternion::from_scaled_axis(about);
        let next = if in_tool {
            tool * Isometry3::from_parts(Translation3::from(along), turned)
        } else {
            Isometry3::from_parts((tool.translation.vector + along).into(), turned * tool.rotation)
        };
        self.put_tool(&next, secs)?;
        Ok((!velocity.has_ended()).then_some(Drive::ToolVelocity { velocity, in_tool }))
    }

    pub fn put_joints(&mut self, joints: Joints, secs: f64) -> Result<(), u8> {
        self.config.arm.limits.check(&joints).map_err(error_code_of)?;
        self.fence.check_joints(&joints)?;
        let flange = self.config.arm.forward(&joints);
        self.fence.check_tool(&self.tool_at(&flange))?;
        self.move_arm_to(flange, joints, secs)
    }

    fn put_tool(&mut self, tool: &Isometry3<f64>, secs: f64) -> Result<(), u8> {
        self.fence.check_tool(tool)?;
        let arm = self.config.arm;
        let flange = self.flange_at(tool);
        let joints = arm.follow(&flange, &self.joints).map_err(error_code_of)?;
        arm.limits.check(&joints).map_err(error_code_of)?;
        self.fence.check_joints(&joints)?;
        let fastest =
            joints.iter().zip(&self.joints).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        if fastest > self.config.limits.joint_speed_rad_s * secs {
            return Err(error_code::SPEED);
        }
        self.move_arm_to(flange, joints, secs)
    }
}
