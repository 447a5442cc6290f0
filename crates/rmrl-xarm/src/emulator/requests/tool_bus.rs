//! Requests to devices on the buses of the flange and of the control box.

use super::call::{Call, OrWrong, Refusal};
use super::signals::{CONTROL_BOX, TOOL_BOARD};
use crate::emulator::error_code;
use crate::emulator::register;

pub(super) fn handle(call: &mut Call<'_>) -> Result<bool, Refusal> {
    if call.origin.register != register::RS485_RTU {
        return Ok(false);
    }
    let (&host, frame) = call.parameters.0.split_first().or_wrong()?;
    call.out.push(host);
    match host {
        TOOL_BOARD => call.out.extend(call.machine.ask_gripper(frame).unwrap_or_default()),
        // Nothing is on that bus.
        CONTROL_BOX => call.machine.fail(error_code::BOX_BUS),
        _ => return Err(Refusal::Invalid),
    }
    Ok(true)
}
