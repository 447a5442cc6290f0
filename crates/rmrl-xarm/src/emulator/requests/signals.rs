//! Requests about inputs and outputs of the control box and of the tool board.

use nalgebra::Vector3;

use super::call::{Call, OrWrong, Refusal, WRONG_PARAMETERS, finite};
use crate::emulator::error_code;
use crate::emulator::machine::{DONE, MOTION_FINISHED};
use crate::emulator::register;
use crate::emulator::signals::{Output, Place, Signals};
use crate::emulator::task::{Target, Task};

/// The tool board's addresses.
mod address {
    pub const SOFTWARE: u16 = 0x0801;
    pub const SOFTWARE_END: u16 = 0x0803;
    pub const BAUD: u16 = 0x0a0b;
    pub const SET_BAUD: u16 = 0x1a0b;
    pub const THIRD_INPUT: u16 = 0x0a12;
    pub const DIGITAL_INPUTS: u16 = 0x0a14;
    pub const DIGITAL_OUTPUTS: u16 = 0x0a15;
    pub const ANALOG_INPUT_1: u16 = 0x0a16;
    pub const ANALOG_INPUT_2: u16 = 0x0a17;
    pub const OUTPUTS_AS_SET: u16 = 0x0a18;
    pub const RESTART: u16 = 0x0607;
}

/// Whom a request on a bus is for.
pub(super) const TOOL_BOARD: u8 = 9;
pub(super) const CONTROL_BOX: u8 = 11;

pub(super) fn handle(call: &mut Call<'_>) -> Result<bool, Refusal> {
    let (machine, parameters) = (&mut *call.machine, call.parameters);
    match call.origin.register {
        register::TOOL_GPIO_WRITE => write_board(call)?,
        register::TOOL_GPIO_READ => read_board(call)?,
        register::GET_TOOL_ERROR | register::GET_HARDWARE_TYPES => call.out.extend([0, 0]),
        register::GET_BOX_DIGITAL => call.out.extend(Signals::BOX_INPUTS.to_be_bytes()),
        register::GET_BOX_ANALOG_1 | register::GET_BOX_ANALOG_2 => call.out.extend([0, 0]),
        register::GET_BOX_STATE => call.out.extend(machine.signals.box_state()),
        register::SET_BOX_DIGITAL => set_box_digital(call)?,
        register::SET_BOX_ANALOG_1 | register::SET_BOX_ANALOG_2 => {
            let index = usize::from(call.origin.register - register::SET_BOX_ANALOG_1);
            let steps = parameters.word(0).or_wrong()?;
            let output = Output::BoxAnalog { index, steps };
            set_in_turn(call, Target::Output(output), parameters.byte(2));
        }
        register::SET_BOX_INPUT_FUNCTION | register::SET_BOX_OUTPUT_FUNCTION => {
            let (number, function) =
                (parameters.byte(0).or_wrong()?, parameters.byte(1).or_wrong()?);
            let functions = match call.origin.register {
                register::SET_BOX_INPUT_FUNCTION => &mut machine.signals.input_functions,
                _ => &mut machine.signals.output_functions,
            };
            *functions.get_mut(usize::from(number)).or_wrong()? = function;
        }
        register::SET_BOX_DIGITAL_LATER | register::SET_TOOL_DIGITAL_LATER => {
            let is_box = call.origin.register == register::SET_BOX_DIGITAL_LATER;
            let output = one_digital(call, is_box)?;
            let [secs] = finite(parameters.floats(2))?;
            let has_room = call.machine.signals.set_after(secs, output);
            refuse_beyond_limit(call, has_room);
        }
        register::SET_BOX_DIGITAL_AT | register::SET_TOOL_DIGITAL_AT => {
            let is_box = call.origin.register == register::SET_BOX_DIGITAL_AT;
            let output = one_digital(call, is_box)?;
            set_at(call, output, 2)?;
        }
        register::SET_BOX_ANALOG_AT => {
            let index = usize::from(parameters.byte(0).or_wrong()?);
            let steps = parameters.word(1).or_wrong()?;
            if index > 1 {
                return Err(Refusal::Warning(WRONG_PARAMETERS));
            }
            set_at(call, Output::BoxAnalog { index, steps }, 3)?;
        }
        // Outputs stay as they are when the arm stops.
        register::SET_SIGNALS_RESET => {
            parameters.byte(1).or_wrong()?;
        }
        _ => return Ok(false),
    }
    Ok(true)
}

/// The digital output that the first two bytes name.
fn one_digital(call: &Call<'_>, is_box: bool) -> Result<Output, Refusal> {
    let (number, on) = (call.parameters.byte(0).or_wrong()?, call.parameters.byte(1).or_wrong()?);
    if is_box && number < 16 {
        let which = 1 << number;
        Ok(Output::BoxDigital { which, levels: if on == 0 { 0 } else { which } })
    } else if !is_box && number < 5 {
        let which = 1 << number;
        Ok(Output::ToolDigital { which, levels: if on == 0 { 0 } else { which } })
    } else {
        Err(Refusal::Warning(WRONG_PARAMETERS))
    }
}

/// Eight outputs in a word, mask first; the second word has the other eight.
fn set_box_digital(call: &mut Call<'_>) -> Result<(), Refusal> {
    let parameters = call.parameters;
    let [mask, levels] = parameters.word(0).or_wrong()?.to_be_bytes();
    let [high_mask, high_levels] = match parameters.len() {
        2 | 3 => [0, 0],
        4 | 5 => parameters.word(2).or_wrong()?.to_be_bytes(),
        _ => return Err(Refusal::Warning(WRONG_PARAMETERS)),
    };
    let (which, levels) =
        (u16::from_be_bytes([high_mask, mask]), u16::from_be_bytes([high_levels, levels]));
    let in_turn =
        if parameters.len() % 2 == 1 { parameters.byte(parameters.len() - 1) } else { None };
    set_in_turn(call, Target::Output(Output::BoxDigital { which, levels }), in_turn);
    Ok(())
}

/// Sets an output when the motions before it have ended, or at once where the request says so.
fn set_in_turn(call: &mut Call<'_>, target: Target, in_turn: Option<u8>) {
    let machine = &mut *call.machine;
    if in_turn.unwrap_or(1) == 0 || machine.command_count() == 0 {
        machine.signal(&target);
        machine.send_feedback(call.origin, MOTION_FINISHED, DONE);
    } else {
        let origin = *call.origin;
        machine.push(Task { target, speed: 1.0, acceleration: 1.0, origin });
    }
}

fn set_at(call: &mut Call<'_>, output: Output, at: usize) -> Result<(), Refusal> {
    let [x, y, z, radius_mm] = finite(call.parameters.floats(at))?;
    let (at_mm, origin) = (Vector3::new(x, y, z), *call.origin);
    set_in_turn(call, Target::OutputAt(Place { at_mm, radius_mm, output, origin }), None);
    Ok(())
}

fn refuse_beyond_limit(call: &mut Call<'_>, has_room: bool) {
    if !has_room {
        call.machine.fail(error_code::TOO_MANY_DELAYED);
    }
}

fn write_board(call: &mut Call<'_>) -> Result<(), Refusal> {
    let parameters = call.parameters;
    let (host, address) = (parameters.byte(0).or_wrong()?, parameters.word(1).or_wrong()?);
    let [value] = finite(parameters.floats(3))?;
    let value = value as i32;
    let machine = &mut *call.machine;
    match (host, address) {
        (TOOL_BOARD, address::SET_BAUD) => machine.baud_index = value,
        (CONTROL_BOX, address::SET_BAUD) => machine.box_baud_index = value,
        (TOOL_BOARD, address::DIGITAL_OUTPUTS) => {
            let [which, levels] = (value as u16).to_be_bytes();
            let output = Output::ToolDigital { which, levels };
            set_in_turn(call, Target::Output(output), parameters.byte(7));
        }
        (TOOL_BOARD | CONTROL_BOX, address::RESTART) => {}
        _ => return Err(Refusal::Invalid),
    }
    Ok(())
}

fn read_board(call: &mut Call<'_>) -> Result<(), Refusal> {
    let (host, address) =
        (call.parameters.byte(0).or_wrong()?, call.parameters.word(1).or_wrong()?);
    let machine = &*call.machine;
    let value = match (host, address) {
        (TOOL_BOARD, address::BAUD) => machine.baud_index,
        (CONTROL_BOX, address::BAUD) => machine.box_baud_index,
        (TOOL_BOARD, address::SOFTWARE..=address::SOFTWARE_END) => 1,
        (TOOL_BOARD, address::OUTPUTS_AS_SET) => machine.signals.tool_digital.into(),
        (
            TOOL_BOARD,
            address::THIRD_INPUT
            | address::DIGITAL_INPUTS
            | address::ANALOG_INPUT_1
            | address::ANALOG_INPUT_2,
        ) => 0,
        _ => return Err(Refusal::Invalid),
    };
    call.out.extend(value.to_be_bytes());
    Ok(())
}
