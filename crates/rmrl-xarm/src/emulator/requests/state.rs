//! Requests about the controller itself: who it is, its state, errors, timers and feedback.

use super::call::{Call, OrWrong, Refusal, WRONG_PARAMETERS};
use crate::emulator::emulator_config::BOX_SERIAL_NUMBER;
use crate::emulator::firmware::Firmware;
use crate::emulator::machine::{DONE, MOTION_FINISHED};
use crate::emulator::register;
use crate::emulator::task::{Target, Task};

/// From this firmware on, a mode has a byte about collision detection.
const MODE_WITH_DETECTION: Firmware = Firmware::new(1, 10, 0);

/// From this firmware on, a link may ask for feedback.
const FEEDBACK: Firmware = Firmware::new(2, 0, 102);

/// All joints at once.
const ALL_JOINTS: u8 = 8;

pub(super) fn handle(call: &mut Call<'_>) -> Result<bool, Refusal> {
    let (machine, parameters, out) = (&mut *call.machine, call.parameters, &mut call.out);
    let has_feedback = machine.config.firmware >= FEEDBACK;
    match call.origin.register {
        register::GET_VERSION => out.extend(padded(&machine.config.version_text())),
        register::GET_SERIAL_NUMBER => {
            // The arm's, then the control box's.
            let numbers = [machine.config.serial_number(), BOX_SERIAL_NUMBER];
            out.extend(padded(&numbers.join("\0")));
        }
        register::MOTION_ENABLE => {
            let (axis, on) = (parameters.byte(0).or_wrong()?, parameters.byte(1).or_wrong()?);
            machine.enable(joints_of(axis)?, on != 0);
        }
        register::SET_STATE => {
            if !machine.set_state(parameters.byte(0).or_wrong()?) {
                return Err(Refusal::State);
            }
        }
        register::GET_STATE => out.push(machine.state()),
        register::GET_COMMAND_COUNT => out.extend(machine.command_count().to_be_bytes()),
        register::GET_ERROR => out.extend([machine.error, machine.warning]),
        register::CLEAR_ERROR => machine.clear_error(),
        register::CLEAR_WARNING => machine.warning = 0,
        register::SET_MODE => set_mode(call)?,
        register::SET_BRAKE => {
            let (axis, free) = (parameters.byte(0).or_wrong()?, parameters.byte(1).or_wrong()?);
            machine.release(joints_of(axis)?, free != 0);
        }
        register::SET_TIMER => set_timer(call)?,
        register::CANCEL_TIMER => machine.cancel_timer(parameters.integers::<1>(0).or_wrong()?[0]),
        register::RESET_COUNTER => machine.counter = 0,
        register::INCREMENT_COUNTER => machine.counter = machine.counter.wrapping_add(1),
        register::CHECK_FEEDBACK if has_feedback => check_feedback(call),
        register::SET_FEEDBACK_TYPE if has_feedback => {
            *call.feedback = parameters.byte(0).or_wrong()?;
        }
        register::CHECK_VERIFY
        | register::GET_TORQUE_OR_CURRENT
        | register::GET_ALLOW_APPROXIMATE_MOTION
        | register::GET_MOVEMENT => out.push(0),
        register::GET_POWER_BOARD_VERSION => out.extend([0; 6]),
        // Of eight servos: the state and the error.
        register::GET_SERVO_STATES => out.extend([0; 16]),
        other => return Ok(has_no_effect(other)),
    }
    Ok(true)
}

/// A bit for each joint of a number: one joint from 1 on, or all.
fn joints_of(axis: u8) -> Result<u8, Refusal> {
    match axis {
        ALL_JOINTS => Ok(0xff),
        1..=7 => Ok(1 << (axis - 1)),
        _ => Err(Refusal::Warning(WRONG_PARAMETERS)),
    }
}

/// Whether a request is known, and has no effect on an emulated arm.
fn has_no_effect(register: u8) -> bool {
    matches!(
        register,
        register::SYSTEM_CONTROL
            | register::RELOAD_DYNAMICS
            | register::SET_TCP_JERK
            | register::SET_TCP_MAX_ACCELERATION
            | register::SET_JOINT_JERK
            | register::SET_JOINT_MAX_ACCELERATION
            | register::CLEAN_CONFIG
            | register::SAVE_CONFIG
            | register::SET_COLLISION_REBOUND
            | register::SET_ALLOW_APPROXIMATE_MOTION
            | register::REPORT_TORQUE_OR_CURRENT
            | register::SET_SELF_COLLISION_CHECK
            | register::SET_COLLISION_TOOL
            | register::SET_CONTINUOUS_SPEED
            | register::SET_TOOL_MODBUS_TIMEOUT
            | register::SET_COMMON_PARAMETER
            | register::SET_TOOL_PASSTHROUGH_TIMEOUT
    )
}

fn set_mode(call: &mut Call<'_>) -> Result<(), Refusal> {
    let longest = 1 + usize::from(call.machine.config.firmware >= MODE_WITH_DETECTION);
    if !(1..=longest).contains(&call.parameters.len()) {
        return Err(Refusal::Warning(WRONG_PARAMETERS));
    }
    if !call.machine.set_mode(call.parameters.byte(0).or_wrong()?) {
        return Err(Refusal::Warning(WRONG_PARAMETERS));
    }
    Ok(())
}

/// Of what a timer may do, only another state is emulated.
fn set_timer(call: &mut Call<'_>) -> Result<(), Refusal> {
    let [secs, number, register, state, _] = call.parameters.integers::<5>(0).or_wrong()?;
    if register != i32::from(register::SET_STATE) || !(0..=15).contains(&number) {
        return Err(Refusal::Warning(WRONG_PARAMETERS));
    }
    let state = u8::try_from(state).ok().or_wrong()?;
    call.machine.set_timer(number, f64::from(secs), state);
    Ok(())
}

/// Sends feedback when everything before it has ended.
fn check_feedback(call: &mut Call<'_>) {
    if call.machine.command_count() == 0 {
        call.machine.send_feedback(call.origin, MOTION_FINISHED, DONE);
    } else {
        let (target, origin) = (Target::Wait(0.0), *call.origin);
        call.machine.push(Task { target, speed: 1.0, acceleration: 1.0, origin });
    }
}

/// Text of 40 bytes.
fn padded(text: &str) -> Vec<u8> {
    let mut bytes = text.as_bytes().to_vec();
    bytes.resize(40, 0);
    bytes
}
