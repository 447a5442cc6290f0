//! Requests about poses and joints, and the offsets of the tool and the base.

use nalgebra::Isometry3;

use super::call::{Call, NO_SOLUTION, OrWrong, Refusal, finite};
use super::motion::pose_by_axis;
use crate::emulator::firmware::Firmware;
use crate::emulator::machine::Machine;
use crate::emulator::parameters::put_floats;
use crate::emulator::register;
use crate::emulator::trajectory::{numbers_of, pose_of};
use crate::kinematics::Joints;

/// From this firmware on, the controller reports the arm's Denavit-Hartenberg parameters.
const DENAVIT_HARTENBERG: Firmware = Firmware::new(2, 0, 0);

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
            put_by_axis(out, &machine.tool());
        }
        register::GET_JOINT_POSITIONS => {
            // How many of angles, velocities and torques the client wants; only angles are known.
            let kinds = parameters.byte(0).map_or(1, |kinds| kinds & 0x0f);
            put_floats(out, machine.reported_joints());
            for _ in 1..kinds {
                put_floats(out, [0.0; 7]);
            }
        }
        // A kinematic arm has no torques.
        register::GET_JOINT_TORQUES => put_floats(out, [0.0; 7]),
        register::GET_DENAVIT_HARTENBERG if machine.config.firmware >= DENAVIT_HARTENBERG => {
            let mut table = arm.denavit_hartenberg();
            table.resize(7, [0.0; 4]);
            for [offset_rad, d_m, alpha_rad, a_m] in table {
                put_floats(out, [offset_rad, d_m * 1000.0, alpha_rad, a_m * 1000.0]);
            }
        }
        register::GET_POSE_OFFSET => {
            let by_axis = parameters.byte(48).or_wrong()? == 1;
            let [from, to] = [0, 24].map(|at| finite(parameters.floats::<6>(at)));
            let pose = |numbers: [f64; 6]| {
                if by_axis { pose_by_axis(&numbers) } else { pose_of(&numbers) }
            };
            let apart = pose(from?).inverse() * pose(to?);
            if parameters.byte(49).or_wrong()? == 1 {
                put_by_axis(out, &apart);
            } else {
                put_floats(out, numbers_of(&apart));
            }
        }
        _ => return solve(call),
    }
    Ok(true)
}

/// Requests about poses that the arm is not at.
fn solve(call: &mut Call<'_>) -> Result<bool, Refusal> {
    let (machine, parameters, out) = (&*call.machine, call.parameters, &mut call.out);
    let arm = machine.config.arm;
    match call.origin.register {
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

/// Millimeters, then the rotation by its axis.
fn put_by_axis(out: &mut Vec<u8>, pose: &Isometry3<f64>) {
    let turn = pose.rotation.scaled_axis();
    let at = pose.translation.vector * 1000.0;
    put_floats(out, [at.x, at.y, at.z, turn.x, turn.y, turn.z]);
}

fn inverse(machine: &Machine, tool: &Isometry3<f64>, near: &Joints) -> Result<Joints, Refusal> {
    let flange = machine.flange_at(tool);
    let found = machine.config.arm.inverse_nearest(&flange, near);
    found.map_err(|_| Refusal::Warning(NO_SOLUTION))
}
