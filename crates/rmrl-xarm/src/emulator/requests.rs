//! What the controller does with each request.

mod call;
mod drive;
mod force_sensor;
mod kinematics;
mod motion;
mod safety;
mod signals;
mod state;
mod tool_bus;
mod trajectories;

use super::machine::Machine;
use super::origin::Origin;
use super::parameters::Parameters;
use super::register::{answer_length, is_drive, is_motion};
use call::{Call, NO_SUCH_REQUEST, QUEUE_FULL, Refusal};

/// Bits of an answer's status.
const ERROR: u8 = 0x40;
const WARNING: u8 = 0x20;
const NOT_READY: u8 = 0x10;
const INVALID: u8 = 0x08;

/// The answer to a request, from its status on. `feedback` are the bits of the feedback that the link wants;
/// a request may change them.
pub(super) fn answer(
    machine: &mut Machine,
    origin: &Origin,
    parameters: &[u8],
    feedback: &mut u8,
) -> Vec<u8> {
    let parameters = Parameters(parameters);
    let mut call = Call { machine, origin, parameters, feedback, out: vec![0] };
    let done = carry_out(&mut call);
    let Call { machine, mut out, .. } = call;
    let moves = is_motion(origin.register) || is_drive(origin.register);
    let refused = match done {
        Ok(()) => 0,
        Err(refusal) => {
            out.truncate(1);
            // The vendor's software expects an answer's length also where nothing in it counts.
            out.resize(1 + answer_length(origin.register), 0);
            match refusal {
                // Only the bit for "not ready" reports a motion in the wrong state or mode. Another state is
                // asked for, and whether it came is to be read.
                Refusal::State if moves => NOT_READY,
                Refusal::State => 0,
                Refusal::Invalid => INVALID,
                // The number is kept for those who ask for it; the bit is in this answer alone, so that requests
                // after it are not taken for refused ones.
                Refusal::Warning(warning) => {
                    machine.warning = warning;
                    // The vendor's software continues after a full queue, so that cannot be a failure to it.
                    if warning == QUEUE_FULL { WARNING } else { INVALID | WARNING }
                }
            }
        }
    };
    let bit = |on: bool, bit: u8| if on { bit } else { 0 };
    out[0] = refused | bit(machine.error != 0, ERROR) | bit(!machine.is_ready(), NOT_READY);
    out
}

/// Each group returns whether the register is one of its own.
fn carry_out(call: &mut Call<'_>) -> Result<(), Refusal> {
    if is_motion(call.origin.register) {
        return motion::queue(call);
    }
    if is_drive(call.origin.register) {
        return drive::drive(call);
    }
    for group in [
        state::handle,
        kinematics::handle,
        safety::handle,
        signals::handle,
        tool_bus::handle,
        force_sensor::handle,
        trajectories::handle,
    ] {
        if group(call)? {
            return Ok(());
        }
    }
    Err(Refusal::Warning(NO_SUCH_REQUEST))
}
