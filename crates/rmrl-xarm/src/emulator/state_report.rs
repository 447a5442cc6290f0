//! The controller's reports of its state, byte by byte.

use super::firmware::Firmware;
use super::machine::Machine;
use super::parameters::put_floats;
use super::trajectory::numbers_of;

/// One of the ports that push reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ReportKind {
    /// Port 30001.
    Normal,
    /// Port 30002.
    Rich,
    /// Port 30003.
    Real,
    /// Port 30000, from firmware 2.1.0 on.
    RealTime,
}

impl ReportKind {
    pub fn period(self) -> std::time::Duration {
        std::time::Duration::from_millis(match self {
            Self::Normal | Self::Rich => 200,
            Self::Real => 10,
            Self::RealTime => 4,
        })
    }
}

/// A report of the machine's present state.
pub(super) fn state_report(machine: &Machine, kind: ReportKind) -> Vec<u8> {
    if kind == ReportKind::RealTime {
        return real_time(machine);
    }
    let mut out = vec![0; 4];
    out.push(machine.mode << 4 | machine.state());
    out.extend_from_slice(&machine.command_count().to_be_bytes());
    put_floats(&mut out, machine.reported_joints());
    let tool = machine.tool();
    put_floats(&mut out, numbers_of(&tool));
    // Torques, which a kinematic arm does not have.
    put_floats(&mut out, [0.0; 7]);
    if kind == ReportKind::Real {
        // Forces at the flange, without and with the tool's weight.
        put_floats(&mut out, [0.0; 12]);
    } else {
        let all = (1 << machine.config.arm.model.axes()) - 1;
        let motors = if machine.enabled { all & !machine.detached } else { 0 };
        out.extend_from_slice(&[motors, motors, machine.error, machine.warning]);
        put_floats(&mut out, machine.tool_offset);
        put_floats(&mut out, machine.load);
        out.extend_from_slice(&[machine.collision_sensitivity, machine.teach_sensitivity]);
        put_floats(&mut out, machine.gravity);
    }
    if kind == ReportKind::Rich {
        rich(machine, &mut out);
    }
    let length = (out.len() as u32).to_be_bytes();
    out[..4].copy_from_slice(&length);
    out
}

/// The report that comes 250 times a second: target and measured values, which are equal for a kinematic arm.
fn real_time(machine: &Machine) -> Vec<u8> {
    const LENGTH: u32 = 804;
    let mut out = LENGTH.to_be_bytes().to_vec();
    out.extend_from_slice(&((machine.recording.simulated_secs * 1e6) as u64).to_be_bytes());
    out.push(machine.mode << 4 | machine.state());
    out.extend_from_slice(&machine.command_count().to_be_bytes());
    out.extend_from_slice(&[0; 17]);
    let joints = || machine.reported_joints().into_iter();
    let tool = numbers_of(&machine.tool());
    // Angles, velocities and accelerations: targets, then measured; currents, torques and a reserve.
    put_floats(&mut out, joints().chain([0.0; 14]).chain(joints()).chain([0.0; 28 + 42]));
    // Pose and speed: targets, then measured; torque, two accelerations, a reserve, two forces.
    put_floats(&mut out, tool.into_iter().chain([0.0; 6]).chain(tool).chain([0.0; 24 + 24 + 12]));
    out.resize(LENGTH as usize, 0);
    out
}

/// Appends what only the rich report has. Newer firmware reports more.
fn rich(machine: &Machine, out: &mut Vec<u8>) {
    let firmware = machine.config.firmware;
    // Type, axes, and numbers of the bus.
    let (axes, number) = machine.config.identity();
    out.extend_from_slice(&[number as u8, axes, 0x55, 0xaa, 0, 0]);
    let mut version = format!("v{firmware}").into_bytes();
    version.resize(30, 0);
    out.extend_from_slice(&version);
    let limits = &machine.config.limits;
    put_floats(out, [10_000.0, 0.1, limits.tool_acceleration_m_s2 * 1000.0]);
    put_floats(out, [0.1, limits.tool_speed_m_s * 1000.0]);
    put_floats(out, [20.0, 0.01, limits.joint_acceleration_rad_s2, 0.01, limits.joint_speed_rad_s]);
    put_floats(out, [20.0, 20.0]);
    // Two bytes of each servo, of the end's module, seven temperatures.
    out.extend_from_slice(&[0; 16]);
    if firmware < Firmware::new(1, 5, 0) {
        return;
    }
    out.extend_from_slice(&[25; 7]);
    put_floats(out, [0.0; 8]);
    out.extend_from_slice(&machine.counter.to_be_bytes());
    // The base's pose in the world.
    put_floats(out, machine.base_offset);
    out.extend_from_slice(&[0, 0, u8::from(machine.simulated_robot), 1, 0]);
    put_floats(out, [0.0; 6]);
    for _ in 0..7 {
        out.extend_from_slice(&4800u16.to_be_bytes());
    }
    put_floats(out, [0.0; 7]);
    // The control box's inputs and outputs.
    out.extend_from_slice(&machine.signals.box_state());
    put_floats(out, [0.0; 12]);
    out.push(0);
    let turn = machine.tool().rotation.scaled_axis();
    put_floats(out, [turn.x, turn.y, turn.z]);
    debug_assert_eq!(out.len(), 494);
    // Where the report of older firmware ends is a guess of the vendor's own software: it reads what is there.
    if firmware < Firmware::new(1, 10, 0) {
        return;
    }
    let fence = &machine.fence;
    out.push(u8::from(fence.reduced) | u8::from(fence.on) << 1);
    if firmware < Firmware::new(2, 0, 0) {
        return;
    }
    out.push(u8::from(fence.reduced));
    for side in fence.box_mm {
        out.extend_from_slice(&(side.clamp(-32_000, 32_000) as i16).to_be_bytes());
    }
    put_floats(out, [fence.tool_speed_mm_s, fence.joint_speed_rad_s]);
    put_floats(out, fence.joint_range_rad);
    out.extend_from_slice(&[u8::from(fence.on), 0]);
    // An alarm, switches, a monitored device.
    out.extend_from_slice(&[0; 13]);
    debug_assert_eq!(out.len(), 587);
}
