//! Requests about load, collisions, reduced mode and the fence.

use super::call::{Call, OrWrong, Refusal, positive};
use crate::emulator::fence::Fence;
use crate::emulator::parameters::put_floats;
use crate::emulator::register;

/// The least force that counts as a collision, and the easiest guiding by hand.
const MAX_SENSITIVITY: u8 = 5;

pub(super) fn handle(call: &mut Call<'_>) -> Result<bool, Refusal> {
    let (machine, parameters) = (&mut *call.machine, call.parameters);
    let flag = || Ok(parameters.byte(0).or_wrong()? != 0);
    let sensitivity = || Ok(parameters.byte(0).or_wrong()?.min(MAX_SENSITIVITY));
    match call.origin.register {
        register::SET_LOAD => machine.load = parameters.floats::<4>(0).or_wrong()?,
        register::SET_COLLISION_SENSITIVITY => machine.collision_sensitivity = sensitivity()?,
        register::SET_TEACH_SENSITIVITY => machine.teach_sensitivity = sensitivity()?,
        register::SET_REDUCED_LINEAR_SPEED => {
            machine.fence.tool_speed_mm_s = positive(parameters.float(0))?;
        }
        register::SET_REDUCED_JOINT_SPEED => {
            machine.fence.joint_speed_rad_s = positive(parameters.float(0))?;
        }
        register::GET_REDUCED_MODE => call.out.push(u8::from(machine.fence.reduced)),
        register::SET_REDUCED_MODE => machine.fence.reduced = flag()?,
        register::SET_GRAVITY_DIRECTION => {
            machine.gravity = parameters.floats::<3>(0).or_wrong()?
        }
        register::SET_BOUNDARY => machine.fence.box_mm = parameters.integers::<6>(0).or_wrong()?,
        register::GET_REDUCED_STATE => put_reduced_state(&mut call.out, &machine.fence),
        register::SET_REDUCED_JOINT_RANGE => {
            machine.fence.joint_range_rad = parameters.floats::<14>(0).or_wrong()?;
        }
        register::SET_FENCE => machine.fence.on = flag()?,
        register::SET_SIMULATED_ROBOT => machine.simulated_robot = flag()?,
        _ => return Ok(false),
    }
    Ok(true)
}

fn put_reduced_state(out: &mut Vec<u8>, fence: &Fence) {
    out.push(u8::from(fence.reduced));
    for side in fence.box_mm {
        out.extend((side.clamp(-32_000, 32_000) as i16).to_be_bytes());
    }
    put_floats(out, [fence.tool_speed_mm_s, fence.joint_speed_rad_s]);
    put_floats(out, fence.joint_range_rad);
    out.extend([u8::from(fence.on), 0]);
}
