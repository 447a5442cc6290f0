//! Requests about poses and joints, and the offsets of the tool and the base.

use nalgebra::Isometry3;

use super::call::{Call, NO_SOLUTION, OrWrong, Refusal, finite};
use crate::emulator::machine::Machine;
use crate::emulator::parameters::put_floats;
use crate::emulator::register;
use crate::emulator::trajectory::{numbers_of, pose_of};
use crate::kinematics::Joints;

pub(super) fn handle(call: &mut Call<'_>) -> Result<bool, Refusal> {
    let (machine, parameters, out) = (&mut *call.machine, call.parameters, &mut call.out);
    let arm = machine.config.arm;
    match call.origin.register {
        register::SET_TCP_OFFSET => {
            machine.tool_offset = finite(parameters.floats(0))?;
            machine.reset();
        }
        register::SET_BASE_OFFSET => {
            machine.base_offset = finite(parameters.floats(0))?;
            machine.reset();
        }
        register::GET_TCP_POSE => put_floats(out, numbers_of(&machine.tool())),
        register::GET_TCP_POSE_AXIS_ANGLE => {
            let tool = machine.tool();
            let turn = tool.rotation.scaled_axis();
            let at = tool.translation.vector * 1000.0;
            put_floats(out, [at.x, at.y, at.z, turn.x, turn.y, turn.z]);
        }
        register::GET_JOINT_POSITIONS => {
            // How many of angles, velocities and torques the client wants; only angles are known.
            let kinds = parameters.byte(0).map_or(1, |kinds| kinds & 0x0f);
            put_floats(out, machine.reported_joints());
            for _ in 1..kinds {
                put_floats(out, [0.0; 7]);
            }
        }
        register::GET_INVERSE_KINEMATICS => {
            let tool = pose_of(&parameters.floats::<6>(0).or_wrong()?);
            let near = match parameters.floats::<7>(25) {
                Some(joints) => arm.from_controller(joints),
                None => machine.joints,
            };
            let joints = inverse(machine, &tool, &near)?;
            put_floats(out, arm.to_controller(&joints));
        }
        register::GET_FORWARD_KINEMATICS => {
            let joints = arm.from_controller(parameters.floats::<7>(0).or_wrong()?);
            let tool = machine.tool_at(&arm.forward(&joints));
            put_floats(out, numbers_of(&tool));
        }
        register::IS_JOINT_LIMIT => {
            let joints = arm.from_controller(parameters.floats::<7>(0).or_wrong()?);
            out.push(u8::from(arm.limits.check(&joints).is_err()));
        }
        register::IS_TCP_LIMIT => {
            let tool = pose_of(&parameters.floats::<6>(0).or_wrong()?);
            out.push(u8::from(inverse(machine, &tool, &machine.joints).is_err()));
        }
        _ => return Ok(false),
    }
    Ok(true)
}

fn inverse(machine: &Machine, tool: &Isometry3<f64>, near: &Joints) -> Result<Joints, Refusal> {
    let flange = machine.flange_at(tool);
    let found = machine.config.arm.inverse_nearest(&flange, near);
    found.map_err(|_| Refusal::Warning(NO_SOLUTION))
}
