//! Requests of the servo mode and of the velocity modes.

use nalgebra::Isometry3;

use super::call::{Call, NO_SUCH_REQUEST, OrWrong, Refusal, WRONG_PARAMETERS, finite};
use super::motion::pose_by_axis;
use crate::emulator::drive::{Drive, Velocity};
use crate::emulator::firmware::Firmware;
use crate::emulator::machine::{self, Machine};
use crate::emulator::parameters::Parameters;
use crate::emulator::register;
use crate::emulator::trajectory::pose_of;

/// From this firmware on, the servo mode takes rotations by their axis.
const BY_AXIS: Firmware = Firmware::new(1, 4, 7);
/// From this firmware on, a velocity may have an end.
const WITH_DURATION: Firmware = Firmware::new(1, 8, 0);
/// The vendor's manual: a farther target of the servo mode is not executed.
const FARTHEST_M: f64 = 0.010;

/// Takes a target or a velocity. It replaces the one before.
pub(super) fn drive(call: &mut Call<'_>) -> Result<(), Refusal> {
    let (register, parameters) = (call.origin.register, call.parameters);
    let machine = &mut *call.machine;
    let firmware = machine.config.firmware;
    let (mode, drive) = match register {
        register::MOVE_SERVO_JOINT => {
            let joints = finite(parameters.floats::<7>(0))?;
            let joints = machine.config.arm.from_controller(joints);
            (machine::SERVO, Some(Drive::Joints(joints)))
        }
        register::MOVE_SERVO_TOOL => {
            let pose = pose_of(&finite(parameters.floats(0))?);
            let in_tool = parameters.float(32).unwrap_or(0.0) != 0.0;
            let to = if in_tool { machine.tool() * pose } else { pose };
            (machine::SERVO, close_enough(machine, to))
        }
        register::MOVE_SERVO_TOOL_AXIS_ANGLE if firmware >= BY_AXIS => {
            let to = by_axis(machine, parameters)?;
            (machine::SERVO, close_enough(machine, to))
        }
        register::SET_JOINT_VELOCITY if firmware >= machine::VELOCITY_MODES => {
            let wanted = finite(parameters.floats::<7>(0))?;
            let target = machine.config.arm.from_controller(wanted);
            let together = parameters.byte(28).or_wrong()? != 0;
            let velocity = velocity(machine, target, together, parameters.float(29))?;
            (machine::JOINT_VELOCITY, Some(Drive::JointVelocity(velocity)))
        }
        register::SET_TOOL_VELOCITY if firmware >= machine::VELOCITY_MODES => {
            let [x, y, z, rx, ry, rz] = finite(parameters.floats(0))?;
            let target = [x / 1000.0, y / 1000.0, z / 1000.0, rx, ry, rz];
            let in_tool = parameters.byte(24).or_wrong()? != 0;
            let velocity = velocity(machine, target, true, parameters.float(25))?;
            (machine::TOOL_VELOCITY, Some(Drive::ToolVelocity { velocity, in_tool }))
        }
        _ => return Err(Refusal::Warning(NO_SUCH_REQUEST)),
    };
    if !machine.is_ready() || machine.mode != mode {
        return Err(Refusal::State);
    }
    if let Some(drive) = drive {
        machine.drive = Some(drive);
        machine.recording.driven += 1;
    }
    call.out.extend(machine.command_count().to_be_bytes());
    Ok(())
}

/// The target, if the tool may jump there.
fn close_enough(machine: &Machine, to: Isometry3<f64>) -> Option<Drive> {
    let distance_m = (to.translation.vector - machine.tool().translation.vector).norm();
    (distance_m <= FARTHEST_M + 1e-6).then_some(Drive::Tool(to))
}

/// A pose whose rotation is given by its axis; a relative one adds to the last target, or to where the tool is.
fn by_axis(machine: &Machine, parameters: Parameters<'_>) -> Result<Isometry3<f64>, Refusal> {
    let by = pose_by_axis(&finite(parameters.floats(0))?);
    let [in_tool] = parameters.integers::<1>(32).or_wrong()?;
    let relative = parameters.byte(36).or_wrong()? != 0;
    let from = match &machine.drive {
        Some(Drive::Tool(target)) => *target,
        _ => machine.tool(),
    };
    Ok(match (in_tool != 0, relative) {
        (true, _) => from * by,
        (false, true) => Isometry3::from_parts(
            (from.translation.vector + by.translation.vector).into(),
            by.rotation * from.rotation,
        ),
        (false, false) => by,
    })
}

/// Velocities that begin with the present ones.
fn velocity(
    machine: &Machine,
    target: [f64; 6],
    together: bool,
    duration_secs: Option<f64>,
) -> Result<Velocity, Refusal> {
    let now = machine.drive.as_ref().map_or([0.0; 6], Drive::velocities);
    let known = duration_secs.filter(|_| machine.config.firmware >= WITH_DURATION);
    if known.is_some_and(|secs| !secs.is_finite()) {
        return Err(Refusal::Warning(WRONG_PARAMETERS));
    }
    // Zero and less is for ever.
    let left_secs = known.filter(|secs| *secs > 0.0);
    Ok(Velocity { target, now, left_secs, together })
}
