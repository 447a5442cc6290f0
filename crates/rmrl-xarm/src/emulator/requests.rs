//! What the controller does with each request.

mod call;
mod kinematics;
mod motion;
mod safety;
mod state;
mod tool_bus;

use super::machine::Machine;
use super::parameters::Parameters;
use super::register::is_motion;
use super::task::Origin;
use call::{Call, NO_SUCH_REQUEST, Refusal};

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
    let refused = match done {
        Ok(()) => 0,
        Err(refusal) => {
            out.truncate(1);
            match refusal {
                Refusal::State => {}
                Refusal::Warning(warning) => machine.warning = warning,
            }
            // Only the bit for "not ready" reports a motion in the wrong state.
            if matches!(refusal, Refusal::State) && is_motion(origin.register) { 0 } else { 0x08 }
        }
    };
    let bit = |on: bool, bit: u8| if on { bit } else { 0 };
    out[0] = refused
        | bit(machine.error != 0, 0x40)
        | bit(machine.warning != 0, 0x20)
        | bit(!machine.is_ready(), 0x10);
    out
}

/// Each group returns whether the register is one of its own.
fn carry_out(call: &mut Call<'_>) -> Result<(), Refusal> {
    if is_motion(call.origin.register) {
        return motion::queue(call);
    }
    for group in [state::handle, kinematics::handle, safety::handle, tool_bus::handle] {
        if group(call)? {
            return Ok(());
        }
    }
    Err(Refusal::Warning(NO_SUCH_REQUEST))
}
