//! Requests to record trajectories and to play them back.

use super::call::{Call, OrWrong, Refusal, WRONG_PARAMETERS};
use crate::emulator::drive::Drive;
use crate::emulator::machine::{self, OTHER_FINISHED};
use crate::emulator::parameters::Parameters;
use crate::emulator::playing::outcome;
use crate::emulator::recording::MotionOutcome;
use crate::emulator::register;

pub(super) fn handle(call: &mut Call<'_>) -> Result<bool, Refusal> {
    let (machine, parameters) = (&mut *call.machine, call.parameters);
    match call.origin.register {
        register::RECORD_TRAJECTORY => {
            machine.record_trajectory(parameters.byte(0).or_wrong()? != 0);
        }
        register::SAVE_TRAJECTORY => {
            let saved = machine.save_trajectory(name(parameters)?);
            call.machine.send_feedback(call.origin, OTHER_FINISHED, outcome(saved));
        }
        register::LOAD_TRAJECTORY => {
            let loaded = machine.load_trajectory(&name(parameters)?);
            call.machine.send_feedback(call.origin, OTHER_FINISHED, outcome(loaded));
        }
        register::PLAY_TRAJECTORY => play(call)?,
        register::GET_TRAJECTORY_STATE => call.out.push(machine.trajectories.state),
        _ => return Ok(false),
    }
    Ok(true)
}

/// A name of at most 80 bytes, up to the first zero.
fn name(parameters: Parameters<'_>) -> Result<String, Refusal> {
    let bytes = parameters.0;
    let length = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    if !(1..=80).contains(&length) {
        return Err(Refusal::Warning(WRONG_PARAMETERS));
    }
    Ok(String::from_utf8_lossy(&bytes[..length]).into_owned())
}

fn play(call: &mut Call<'_>) -> Result<(), Refusal> {
    let [times] = call.parameters.integers::<1>(0).or_wrong()?;
    // Firmware before 1.2.11 does not send it.
    let speed = call.parameters.integers::<1>(4).map_or(1, |[speed]| speed);
    if times == 0 || !matches!(speed, 1 | 2 | 4) {
        return Err(Refusal::Warning(WRONG_PARAMETERS));
    }
    let machine = &mut *call.machine;
    if !machine.is_ready() {
        return Err(Refusal::State);
    }
    let left = u32::try_from(times).ok();
    let playback = machine.playback(left, f64::from(speed), *call.origin);
    let playback = playback.ok_or(Refusal::Invalid)?;
    machine.drop_all(MotionOutcome::Stopped, machine.phase);
    machine.mode = machine::PLAYBACK;
    machine.drive = Some(Drive::Playback(playback));
    machine.recording.driven += 1;
    Ok(())
}
