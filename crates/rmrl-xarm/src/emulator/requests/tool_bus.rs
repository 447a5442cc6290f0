//! Requests to the gripper, to the tool board at the flange, and to inputs and outputs.

use super::call::{Call, OrWrong, Refusal};
use crate::emulator::register;

/// The tool board's address of the speed of its bus, to read it and to set it.
const BAUD: u16 = 0x0a0b;
const SET_BAUD: u16 = 0x1a0b;

pub(super) fn handle(call: &mut Call<'_>) -> Result<bool, Refusal> {
    let (machine, parameters, out) = (&mut *call.machine, call.parameters, &mut call.out);
    match call.origin.register {
        register::RS485_RTU => {
            let (&host, frame) = parameters.0.split_first().or_wrong()?;
            out.push(host);
            out.extend(machine.ask_gripper(frame).unwrap_or_default());
        }
        register::TOOL_GPIO_WRITE => {
            let (address, value) =
                (parameters.word(1).or_wrong()?, parameters.float(3).or_wrong()?);
            if address == SET_BAUD {
                machine.baud_index = value as i32;
            }
        }
        register::TOOL_GPIO_READ => {
            let value = if parameters.word(1).or_wrong()? == BAUD { machine.baud_index } else { 0 };
            out.extend(value.to_be_bytes());
        }
        register::GET_TOOL_ERROR
        | register::GET_BOX_DIGITAL..=register::GET_BOX_ANALOG_2
        | register::GET_HARDWARE_TYPES => out.extend([0, 0]),
        register::GET_BOX_STATE => out.extend([0; 50]),
        _ => return Ok(false),
    }
    Ok(true)
}
