//! What the controller does with each request.

use nalgebra::{Isometry3, Translation3, UnitQuaternion, Vector3};

use super::Firmware;
use super::motion::{numbers_of, pose_of};
use super::parameters::{Parameters, put_floats};
use super::state::{DONE, MOTION_FINISHED, Machine};
use super::task::{Asked, Target, Task};
use crate::kinematics::Joints;

/// Numbers of the vendor's table of warnings.
const QUEUE_FULL: u8 = 11;
const WRONG_PARAMETERS: u8 = 12;
const NO_SUCH_REQUEST: u8 = 13;
const NO_SOLUTION: u8 = 14;

/// More is not queued.
const MAX_QUEUED: u16 = 1024;

/// Firmware from which on requests look otherwise.
const ANY_LINE: Firmware = Firmware::new(1, 11, 100);
const MODE_WITH_DETECTION: Firmware = Firmware::new(1, 10, 0);
const RELATIVE: Firmware = Firmware::new(1, 8, 100);
const FEEDBACK: Firmware = Firmware::new(2, 0, 102);
const KEEP_COORDINATE: Firmware = Firmware::new(2, 4, 101);

/// Why a request is not carried out.
pub(super) enum Refusal {
    /// A warning is left behind.
    Warning(u8),
    /// The state does not allow it.
    State,
}

/// Missing parameters are wrong parameters.
trait OrWrong<T> {
    fn or_wrong(self) -> Result<T, Refusal>;
}

impl<T> OrWrong<T> for Option<T> {
    fn or_wrong(self) -> Result<T, Refusal> {
        self.ok_or(Refusal::Warning(WRONG_PARAMETERS))
    }
}

/// Whether a request changes something in the controller or moves something, instead of asking only. What is
/// asked of devices on a bus is not looked into.
pub(super) fn changes_something(register: u8) -> bool {
    is_motion(register)
        || matches!(register, 11 | 12 | 16 | 17 | 19 | 31..=40 | 47 | 48 | 50..=52 | 58..=60 | 71..=75 | 77..=79)
}

/// The answer to a request, from its status on. The bits that a link wants news of may change.
pub(super) fn answer(
    machine: &mut Machine,
    asked: &Asked,
    parameters: &[u8],
    feedback: &mut u8,
) -> Vec<u8> {
    let mut out = vec![0];
    let done = carry_out(machine, asked, Parameters(parameters), feedback, &mut out);
    let refused = match done {
        Ok(()) => 0,
        Err(refusal) => {
            out.truncate(1);
            match refusal {
                Refusal::State => {}
                Refusal::Warning(warning) => machine.warning = warning,
            }
            // Motions in the wrong state are told by the bit for "not ready" alone.
            if matches!(refusal, Refusal::State) && is_motion(asked.register) { 0 } else { 0x08 }
        }
    };
    let bit = |on: bool, bit: u8| if on { bit } else { 0 };
    out[0] = refused
        | bit(machine.error != 0, 0x40)
        | bit(machine.warning != 0, 0x20)
        | bit(!machine.is_ready(), 0x10);
    out
}

pub(super) fn is_motion(register: u8) -> bool {
    matches!(register, 21..=28 | 83 | 92)
}

fn carry_out(
    machine: &mut Machine,
    asked: &Asked,
    parameters: Parameters<'_>,
    feedback: &mut u8,
    out: &mut Vec<u8>,
) -> Result<(), Refusal> {
    if is_motion(asked.register) {
        return move_arm(machine, asked, parameters, out);
    }
    let firmware = machine.config.firmware;
    match asked.register {
        1 => out.extend(padded(&machine.config.version_text())),
        2 => out.extend(padded(machine.config.serial_number())),
        3 | 5 | 7 | 65 | 69 => out.push(0),
        11 => {
            let (axis, on) = (parameters.byte(0).or_wrong()?, parameters.byte(1).or_wrong()?);
            // Single motors are not emulated.
            if axis != 8 {
                return Err(Refusal::Warning(WRONG_PARAMETERS));
            }
            machine.enable(on != 0);
        }
        12 => {
            if !machine.set_state(parameters.byte(0).or_wrong()?) {
                return Err(Refusal::State);
            }
        }
        13 => out.push(machine.state()),
        14 => out.extend(machine.command_count().to_be_bytes()),
        15 => out.extend([machine.error, machine.warning]),
        16 => machine.clear_error(),
        17 => machine.warning = 0,
        19 => {
            let newest = usize::from(firmware >= MODE_WITH_DETECTION);
            if parameters.len() == 0 || parameters.len() > 1 + newest {
                return Err(Refusal::Warning(WRONG_PARAMETERS));
            }
            machine.mode = parameters.byte(0).or_wrong()?;
            machine.reset();
        }
        35 => {
            let offset = parameters.floats::<6>(0).or_wrong()?;
            if !offset.iter().all(|number| number.is_finite()) {
                return Err(Refusal::Warning(WRONG_PARAMETERS));
            }
            machine.tool_offset = offset;
            machine.reset();
        }
        36 => machine.load = parameters.floats::<4>(0).or_wrong()?,
        37 => machine.collision_sensitivity = parameters.byte(0).or_wrong()?.min(5),
        38 => machine.teach_sensitivity = parameters.byte(0).or_wrong()?.min(5),
        41 => put_floats(out, numbers_of(&machine.tool())),
        91 => {
            let tool = machine.tool();
            let turn = tool.rotation.scaled_axis();
            let at = tool.translation.vector * 1000.0;
            put_floats(out, [at.x, at.y, at.z, turn.x, turn.y, turn.z]);
        }
        42 => {
            // How much of angles, velocities and torques is wanted; only angles are known.
            let sorts = parameters.byte(0).map_or(1, |sorts| sorts & 0x0f);
            put_floats(out, machine.told_joints());
            for _ in 1..sorts {
                put_floats(out, [0.0; 7]);
            }
        }
        43 => {
            let tool = pose_of(&parameters.floats::<6>(0).or_wrong()?);
            let near = match parameters.floats::<7>(25) {
                Some(joints) => machine.config.arm.from_controller(joints),
                None => machine.joints,
            };
            let joints = inverse(machine, &tool, &near)?;
            put_floats(out, machine.config.arm.to_controller(&joints));
        }
        44 => {
            let joints = machine.config.arm.from_controller(parameters.floats::<7>(0).or_wrong()?);
            let tool = machine.tool_at(&machine.config.arm.forward(&joints));
            put_floats(out, numbers_of(&tool));
        }
        45 => {
            let joints = machine.config.arm.from_controller(parameters.floats::<7>(0).or_wrong()?);
            out.push(u8::from(machine.config.arm.limits.check(&joints).is_err()));
        }
        46 => {
            let tool = pose_of(&parameters.floats::<6>(0).or_wrong()?);
            let joints = machine.joints;
            out.push(u8::from(inverse(machine, &tool, &joints).is_err()));
        }
        47 => machine.fence.tool_speed_mm_s = positive(parameters.float(0))?,
        48 => machine.fence.joint_speed_rad_s = positive(parameters.float(0))?,
        49 => out.push(u8::from(machine.fence.reduced)),
        50 => machine.fence.reduced = parameters.byte(0).or_wrong()? != 0,
        51 => machine.gravity = parameters.floats::<3>(0).or_wrong()?,
        52 => machine.fence.box_mm = parameters.integers::<6>(0).or_wrong()?,
        53 => {
            let fence = &machine.fence;
            out.push(u8::from(fence.reduced));
            for side in fence.box_mm {
                out.extend((side.clamp(-32_000, 32_000) as i16).to_be_bytes());
            }
            put_floats(out, [fence.tool_speed_mm_s, fence.joint_speed_rad_s]);
            put_floats(out, fence.joint_range_rad);
            out.extend([u8::from(fence.on), 0]);
        }
        58 => machine.fence.joint_range_rad = parameters.floats::<14>(0).or_wrong()?,
        59 => machine.fence.on = parameters.byte(0).or_wrong()? != 0,
        71 => {
            // Of what a timer may do, only another state is emulated.
            let [secs, number, register, state, _] = parameters.integers::<5>(0).or_wrong()?;
            if register != 12 || !(0..=15).contains(&number) {
                return Err(Refusal::Warning(WRONG_PARAMETERS));
            }
            let state = u8::try_from(state).ok().or_wrong()?;
            machine.set_timer(number, f64::from(secs), state);
        }
        72 => machine.cancel_timer(parameters.integers::<1>(0).or_wrong()?[0]),
        73 => {
            let offset = parameters.floats::<6>(0).or_wrong()?;
            if !offset.iter().all(|number| number.is_finite()) {
                return Err(Refusal::Warning(WRONG_PARAMETERS));
            }
            machine.base_offset = offset;
            machine.reset();
        }
        74 => machine.counter = 0,
        75 => machine.counter += 1,
        79 => machine.simulated_robot = parameters.byte(0).or_wrong()? != 0,
        // Known, and without an effect on an emulated arm.
        10 | 18 | 31..=34 | 39 | 40 | 60 | 66 | 70 | 77 | 78 | 80 | 123 | 232 | 240 => {}
        124 => {
            let (&host, frame) = parameters.0.split_first().or_wrong()?;
            out.push(host);
            out.extend(machine.ask_gripper(frame).unwrap_or_default());
        }
        125 => out.extend([0, 0]),
        127 => {
            /// The line's speed, as it is written; read it is without the highest digit.
            const SET_BAUD: u16 = 0x1a0b;
            let (address, value) =
                (parameters.word(1).or_wrong()?, parameters.float(3).or_wrong()?);
            if address == SET_BAUD {
                machine.baud_index = value as i32;
            }
        }
        128 => {
            const BAUD: u16 = 0x0a0b;
            let value = if parameters.word(1).or_wrong()? == BAUD { machine.baud_index } else { 0 };
            out.extend(value.to_be_bytes());
        }
        131..=133 => out.extend([0, 0]),
        139 => out.extend([0; 50]),
        141 => out.extend([0, 0]),
        253 if firmware >= FEEDBACK => {
            if machine.command_count() == 0 {
                machine.tell(asked, MOTION_FINISHED, DONE);
            } else {
                let target = Target::Wait(0.0);
                machine.push(Task { target, speed: 1.0, acceleration: 1.0, asked: *asked });
            }
        }
        254 if firmware >= FEEDBACK => *feedback = parameters.byte(0).or_wrong()?,
        _ => return Err(Refusal::Warning(NO_SUCH_REQUEST)),
    }
    Ok(())
}

/// Queues a motion, or only says whether it could be done.
fn move_arm(
    machine: &mut Machine,
    asked: &Asked,
    parameters: Parameters<'_>,
    out: &mut Vec<u8>,
) -> Result<(), Refusal> {
    let (target, [speed, acceleration], only_check) = wanted(machine, asked.register, parameters)?;
    // Position mode; nothing else is emulated.
    if !machine.is_ready() || machine.mode != 0 {
        return Err(Refusal::State);
    }
    let by_joints = matches!(target, Target::Joints(_) | Target::ByJoints(_));
    let unit = if by_joints || matches!(target, Target::Wait(_)) { 1.0 } else { 1000.0 };
    let task =
        Task { target, speed: speed / unit, acceleration: acceleration / unit, asked: *asked };
    if only_check {
        let error = machine.plan(&task).err().unwrap_or(0);
        out.extend(machine.command_count().to_be_bytes());
        out.push(error);
        return Ok(());
    }
    if machine.command_count() >= MAX_QUEUED {
        return Err(Refusal::Warning(QUEUE_FULL));
    }
    machine.push(task);
    out.extend(machine.command_count().to_be_bytes());
    out.push(0);
    Ok(())
}

/// The target, its speed and acceleration in the vendor's units, and whether it is only asked about.
fn wanted(
    machine: &Machine,
    register: u8,
    parameters: Parameters<'_>,
) -> Result<(Target, [f64; 2], bool), Refusal> {
    let firmware = machine.config.firmware;
    let only_check = |at: usize| parameters.byte(at).unwrap_or(0) > 0;
    let any_line = firmware >= ANY_LINE && parameters.len() >= 43;
    let (target, at) = match register {
        21 if any_line => {
            let numbers = parameters.floats::<6>(0).or_wrong()?;
            let in_tool = parameters.byte(40).or_wrong()? == 1;
            let by_axis = parameters.byte(41).or_wrong()? == 1;
            let target = match (in_tool, by_axis) {
                (false, false) => Target::Tool(numbers),
                (false, true) => Target::Pose(pose_by_axis(&numbers)),
                (true, false) => Target::InTool(pose_of(&numbers)),
                (true, true) => Target::InTool(pose_by_axis(&numbers)),
            };
            (target, 24)
        }
        // Six numbers, speed, acceleration, time; then perhaps one byte or two.
        21 if (36..=38).contains(&parameters.len()) => {
            (Target::Tool(parameters.floats::<6>(0).or_wrong()?), 24)
        }
        22 => (Target::Tool(parameters.floats::<6>(0).or_wrong()?), 24),
        28 => (Target::InTool(pose_of(&parameters.floats::<6>(0).or_wrong()?)), 24),
        92 => {
            let pose = pose_by_axis(&parameters.floats::<6>(0).or_wrong()?);
            let in_tool = parameters.byte(36).or_wrong()? == 1;
            let relative = parameters.byte(37).or_wrong()? == 1;
            let target = match (in_tool, relative) {
                (true, _) => Target::InTool(pose),
                (false, true) => Target::ByPose(pose),
                (false, false) => Target::Pose(pose),
            };
            (target, 24)
        }
        23 | 24 => {
            let joints = parameters.floats::<7>(0).or_wrong()?;
            (Target::Joints(machine.config.arm.from_controller(joints)), 28)
        }
        25 => (Target::Joints([0.0; 6]), 0),
        26 => {
            let secs = positive(parameters.float(0))?;
            return Ok((Target::Wait(secs), [1.0, 1.0], false));
        }
        83 if firmware >= RELATIVE => {
            let by = parameters.floats::<7>(0).or_wrong()?;
            let numbers = first_six(by);
            let by_joints = parameters.byte(44).or_wrong()? == 1;
            let by_axis = parameters.byte(45).or_wrong()? == 1;
            let target = match (by_joints, by_axis) {
                (true, _) => Target::ByJoints(machine.config.arm.from_controller(by)),
                (false, true) => Target::ByPose(pose_by_axis(&numbers)),
                (false, false) => Target::By(numbers),
            };
            (target, 28)
        }
        21 => return Err(Refusal::Warning(WRONG_PARAMETERS)),
        _ => return Err(Refusal::Warning(NO_SUCH_REQUEST)),
    };
    let keeps = |number: &f64| number.is_infinite() && firmware >= KEEP_COORDINATE;
    let is_number = match &target {
        Target::Tool(numbers) => numbers.iter().all(|number| number.is_finite() || keeps(number)),
        Target::By(numbers) | Target::Joints(numbers) | Target::ByJoints(numbers) => {
            numbers.iter().all(|number| number.is_finite())
        }
        Target::Pose(pose) | Target::InTool(pose) | Target::ByPose(pose) => {
            pose.translation.vector.iter().chain(pose.rotation.coords.iter()).all(|n| n.is_finite())
        }
        Target::Wait(_) => true,
    };
    if !is_number {
        return Err(Refusal::Warning(WRONG_PARAMETERS));
    }
    let check_at = match register {
        21 if any_line => 42,
        21 => 36,
        22..=24 => 40,
        28 => 36,
        25 => 12,
        83 => 46,
        _ => 38,
    };
    let speeds = [positive(parameters.float(at))?, positive(parameters.float(at + 4))?];
    // Registers 22 and 24 have a radius for rounding corners too: the emulator stops at every corner.
    Ok((target, speeds, only_check(check_at)))
}

fn positive(number: Option<f64>) -> Result<f64, Refusal> {
    number.filter(|number| *number > 0.0 && number.is_finite()).or_wrong()
}

fn inverse(machine: &Machine, tool: &Isometry3<f64>, near: &Joints) -> Result<Joints, Refusal> {
    let flange = machine.flange_at(tool);
    let found = machine.config.arm.inverse_nearest(&flange, near);
    found.map_err(|_| Refusal::Warning(NO_SOLUTION))
}

/// The six numbers of a pose, which come as seven where joints may come too.
fn first_six([x, y, z, roll, pitch, yaw, _]: [f64; 7]) -> [f64; 6] {
    [x, y, z, roll, pitch, yaw]
}

/// A pose from millimetres and an axis with the angle as its length.
fn pose_by_axis(&[x, y, z, rx, ry, rz]: &[f64; 6]) -> Isometry3<f64> {
    Isometry3::from_parts(
        Translation3::new(x / 1000.0, y / 1000.0, z / 1000.0),
        UnitQuaternion::from_scaled_axis(Vector3::new(rx, ry, rz)),
    )
}

/// Text of 40 bytes.
fn padded(text: &str) -> Vec<u8> {
    let mut bytes = text.as_bytes().to_vec();
    bytes.resize(40, 0);
    bytes
}
