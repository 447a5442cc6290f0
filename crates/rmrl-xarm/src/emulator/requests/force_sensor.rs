//! Requests to a force sensor, which the emulated arm does not have.
//!
//! A controller without one takes the parameters of force control, and reports an error of the sensor as
//! soon as somebody uses it.

use super::call::{Call, OrWrong, Refusal};
use crate::emulator::error_code;
use crate::emulator::register;

pub(super) fn handle(call: &mut Call<'_>) -> Result<bool, Refusal> {
    let parameters = call.parameters;
    match call.origin.register {
        register::FORCE_SENSOR_DATA | register::FORCE_SENSOR_DATA_OLD => {
            return failed(call, error_code::FORCE_SENSOR);
        }
        register::FORCE_SENSOR_ENABLE => {
            if parameters.byte(0).or_wrong()? != 0 {
                return failed(call, error_code::FORCE_SENSOR);
            }
        }
        register::FORCE_SENSOR_SET_MODE => {
            if parameters.byte(0).or_wrong()? != 0 {
                return failed(call, error_code::FORCE_SENSOR_MODE);
            }
        }
        register::FORCE_SENSOR_GET_MODE => call.out.push(0),
        register::FORCE_SENSOR_SET_ZERO => return failed(call, error_code::FORCE_SENSOR_ZERO),
        // By the sensor, or by the motors' currents, which a kinematic arm does not have either.
        register::IDENTIFY_LOAD => {
            if parameters.byte(0).or_wrong()? == 0 {
                return failed(call, error_code::FORCE_SENSOR);
            }
            return Err(Refusal::Invalid);
        }
        register::FORCE_SENSOR_SET_LOAD
        | register::ADMITTANCE
        | register::FORCE_CONTROL_GAINS
        | register::FORCE_CONTROL
        | register::ADMITTANCE_GAINS
        | register::ADMITTANCE_AXES => {}
        register::FORCE_SENSOR_GET_CONFIG => call.out.extend([0; 280]),
        _ => return Ok(false),
    }
    Ok(true)
}

fn failed(call: &mut Call<'_>, error: u8) -> Result<bool, Refusal> {
    call.machine.fail(error);
    Err(Refusal::Invalid)
}
