//! Requests to move.

use nalgebra::{Isometry3, Translation3, UnitQuaternion, Vector3};

use super::call::{
    Call, NO_SUCH_REQUEST, OrWrong, QUEUE_FULL, Refusal, WRONG_PARAMETERS, finite, positive,
};
use crate::emulator::firmware::Firmware;
use crate::emulator::machine::{self, Machine};
use crate::emulator::parameters::Parameters;
use crate::emulator::recording::MotionOutcome;
use crate::emulator::register;
use crate::emulator::task::{Target, Task};
use crate::emulator::trajectory::pose_of;

/// The most motions in the queue.
const MAX_QUEUED: u16 = 1024;

/// From this firmware on, a line has options: a radius, a frame, and the kind of its rotation.
const LINE_OPTIONS: Firmware = Firmware::new(1, 11, 100);
/// From this firmware on, there are relative motions.
const RELATIVE: Firmware = Firmware::new(1, 8, 100);
/// From this firmware on, an infinite number keeps a coordinate.
const KEEP_COORDINATE: Firmware = Firmware::new(2, 4, 101);

/// A motion as a request describes it, speed and acceleration in the vendor's units.
struct Wanted {
    target: Target,
    speed: f64,
    acceleration: f64,
    /// Whether to check the motion only.
    only_check: bool,
}

/// Queues a motion, or only answers whether it is possible.
pub(super) fn queue(call: &mut Call<'_>) -> Result<(), Refusal> {
    let machine = &mut *call.machine;
    let Wanted { target, speed, acceleration, only_check } =
        wanted(machine, call.origin.register, call.parameters)?;
    let by_joints = matches!(target, Target::Joints(_) | Target::ByJoints(_));
    let replaces = match machine.mode {
        machine::POSITION => false,
        machine::ONLINE_JOINTS if by_joints => true,
        machine::ONLINE_TOOL if !by_joints && !matches!(target, Target::Wait(_)) => true,
        _ => return Err(Refusal::State),
    };
    if !machine.is_ready() {
        return Err(Refusal::State);
    }
    let unit = if by_joints || matches!(target, Target::Wait(_)) { 1.0 } else { 1000.0 };
    let origin = *call.origin;
    let task = Task { target, speed: speed / unit, acceleration: acceleration / unit, origin };
    let error = if only_check {
        machine.plan(&task).err().unwrap_or(0)
    } else if machine.command_count() >= MAX_QUEUED {
        return Err(Refusal::Warning(QUEUE_FULL));
    } else {
        if replaces {
            machine.drop_all(MotionOutcome::Stopped, machine.phase);
        }
        machine.push(task);
        0
    };
    call.out.extend(machine.command_count().to_be_bytes());
    call.out.push(error);
    Ok(())
}

fn wanted(machine: &Machine, register: u8, parameters: Parameters<'_>) -> Result<Wanted, Refusal> {
    if register == register::WAIT {
        let target = Target::Wait(positive(parameters.float(0))?);
        return Ok(Wanted { target, speed: 1.0, acceleration: 1.0, only_check: false });
    }
    let has_options = machine.config.firmware >= LINE_OPTIONS && parameters.len() >= 43;
    let (target, speed_at) = match register {
        register::MOVE_LINE if has_options => (line_with_options(parameters)?, 24),
        // Six numbers, speed, acceleration, time; then perhaps one byte or two.
        register::MOVE_LINE if (36..=38).contains(&parameters.len()) => {
            (Target::Tool(parameters.floats(0).or_wrong()?), 24)
        }
        register::MOVE_LINE => return Err(Refusal::Warning(WRONG_PARAMETERS)),
        // A radius for rounding the corner follows, but the emulator stops at every corner.
        register::MOVE_LINE_ROUNDED => (Target::Tool(parameters.floats(0).or_wrong()?), 24),
        register::MOVE_LINE_TOOL => {
            (Target::InTool(pose_of(&parameters.floats(0).or_wrong()?)), 24)
        }
        register::MOVE_LINE_AXIS_ANGLE => (line_by_axis_angle(parameters)?, 24),
        register::MOVE_JOINT | register::MOVE_JOINT_ROUNDED => {
            let joints = parameters.floats(0).or_wrong()?;
            (Target::Joints(machine.config.arm.from_controller(joints)), 28)
        }
        register::MOVE_HOME => (Target::Joints([0.0; 6]), 0),
        register::MOVE_CIRCLE => (circle(parameters)?, 48),
        register::MOVE_RELATIVE if machine.config.firmware >= RELATIVE => {
            (relative(machine, parameters)?, 28)
        }
        _ => return Err(Refusal::Warning(NO_SUCH_REQUEST)),
    };
    if !is_number(&target, machine.config.firmware >= KEEP_COORDINATE) {
        return Err(Refusal::Warning(WRONG_PARAMETERS));
    }
    let only_check_at = match register {
        register::MOVE_LINE if has_options => 42,
        register::MOVE_LINE | register::MOVE_LINE_TOOL => 36,
        register::MOVE_LINE_ROUNDED | register::MOVE_JOINT | register::MOVE_JOINT_ROUNDED => 40,
        register::MOVE_HOME => 12,
        register::MOVE_CIRCLE if parameters.len() > 65 => 66,
        register::MOVE_CIRCLE => 64,
        register::MOVE_RELATIVE => 46,
        _ => 38,
    };
    Ok(Wanted {
        target,
        speed: positive(parameters.float(speed_at))?,
        acceleration: positive(parameters.float(speed_at + 4))?,
        only_check: parameters.byte(only_check_at).unwrap_or(0) > 0,
    })
}

fn line_with_options(parameters: Parameters<'_>) -> Result<Target, Refusal> {
    let numbers = parameters.floats::<6>(0).or_wrong()?;
    let in_tool = parameters.byte(40).or_wrong()? == 1;
    let by_axis = parameters.byte(41).or_wrong()? == 1;
    Ok(match (in_tool, by_axis) {
        (false, false) => Target::Tool(numbers),
        (false, true) => Target::Pose(pose_by_axis(&numbers)),
        (true, false) => Target::InTool(pose_of(&numbers)),
        (true, true) => Target::InTool(pose_by_axis(&numbers)),
    })
}

/// Two poses of the circle, of which the points count; the tool keeps its orientation.
fn circle(parameters: Parameters<'_>) -> Result<Target, Refusal> {
    /// The most turns in one request.
    const MAX_PERCENT: f64 = 1000.0;
    let [first, second] = [0, 24].map(|at| finite(parameters.floats::<6>(at)));
    let points_m = [first?, second?].map(|[x, y, z, ..]| Vector3::new(x, y, z) / 1000.0);
    let percent = positive(parameters.float(60))?;
    if percent > MAX_PERCENT {
        return Err(Refusal::Warning(WRONG_PARAMETERS));
    }
    let in_tool = parameters.len() > 65 && parameters.byte(64) == Some(1);
    Ok(Target::Circle { points_m, in_tool, turns: percent / 100.0 })
}

fn line_by_axis_angle(parameters: Parameters<'_>) -> Result<Target, Refusal> {
    let pose = pose_by_axis(&parameters.floats::<6>(0).or_wrong()?);
    let in_tool = parameters.byte(36).or_wrong()? == 1;
    let relative = parameters.byte(37).or_wrong()? == 1;
    Ok(match (in_tool, relative) {
        (true, _) => Target::InTool(pose),
        (false, true) => Target::ByPose(pose),
        (false, false) => Target::Pose(pose),
    })
}

fn relative(machine: &Machine, parameters: Parameters<'_>) -> Result<Target, Refusal> {
    let by = parameters.floats::<7>(0).or_wrong()?;
    let by_joints = parameters.byte(44).or_wrong()? == 1;
    let by_axis = parameters.byte(45).or_wrong()? == 1;
    // The six numbers of a pose come as seven, because joints may come in their place.
    let [x, y, z, roll, pitch, yaw, _] = by;
    let numbers = [x, y, z, roll, pitch, yaw];
    Ok(match (by_joints, by_axis) {
        (true, _) => Target::ByJoints(machine.config.arm.from_controller(by)),
        (false, true) => Target::ByPose(pose_by_axis(&numbers)),
        (false, false) => Target::By(numbers),
    })
}

/// Whether every number of a target is finite; an infinite one is allowed where it keeps a coordinate.
fn is_number(target: &Target, keeps_coordinates: bool) -> bool {
    match target {
        Target::Tool(numbers)
        | Target::By(numbers)
        | Target::Joints(numbers)
        | Target::ByJoints(numbers) => numbers
            .iter()
            .all(|number| number.is_finite() || (number.is_infinite() && keeps_coordinates)),
        Target::Pose(pose) | Target::InTool(pose) | Target::ByPose(pose) => {
            pose.translation.vector.iter().chain(pose.rotation.coords.iter()).all(|n| n.is_finite())
        }
        Target::Circle { .. } | Target::Wait(_) | Target::Output(_) | Target::OutputAt(_) => true,
    }
}

/// A pose from millimeters and a rotation axis, whose length is the angle.
pub(super) fn pose_by_axis(&[x, y, z, rx, ry, rz]: &[f64; 6]) -> Isometry3<f64> {
    Isometry3::from_parts(
        Translation3::new(x / 1000.0, y / 1000.0, z / 1000.0),
        UnitQuaternion::from_scaled_axis(Vector3::new(rx, ry, rz)),
    )
}
