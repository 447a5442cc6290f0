//! The settings that a session gives the controller, and whether the controller has kept them.

use std::f32::consts::TAU;

use crate::kinematics::JointLimits;
use crate::protocol::pose::to_f32;
use crate::{Command, Health, More, ReducedState, Report, XArmConfig, XArmError};

/// How much a setting may differ when it is read back: the controller has `f32` and whole millimeters.
const TOLERANCE: f32 = 1e-3;

/// The commands that give the settings.
pub(crate) fn settings(config: &XArmConfig) -> [Command; 10] {
    let [x, y, z] = config.center_of_mass_mm.map(to_f32);
    [
        Command::SetTcpOffset(tool_offset(config)),
        Command::SetLoad { mass_kg: to_f32(config.load_kg), center_mm: [x, y, z] },
        Command::SetCollisionSensitivity(config.collision_sensitivity),
        Command::SetReducedLinearSpeed(to_f32(config.reduced_speed_m_s * 1000.0)),
        Command::SetReducedJointSpeed(reduced_joint_speed_rad_s(config)),
        Command::SetReducedJointRange(joint_range_rad_of(config)),
        Command::SetBoundary(boundary_mm_of(config)),
        Command::SetFence(true),
        Command::SetReducedMode(true),
        // A collision leaves the arm where it was: what it met is there.
        Command::SetCollisionRebound(false),
    ]
}

/// The tool offset, in mm and radians.
pub(crate) fn tool_offset(config: &XArmConfig) -> [f32; 6] {
    let [x, y, z, roll, pitch, yaw] = config.grasp_point_mm_deg();
    [x, y, z, roll.to_radians(), pitch.to_radians(), yaw.to_radians()].map(to_f32)
}

fn reduced_joint_speed_rad_s(config: &XArmConfig) -> f32 {
    to_f32(config.reduced_joint_speed_deg_s.to_radians())
}

/// Lower and upper limit of each joint, in radians: the configured ones, else those of the arm.
fn joint_range_rad_of(config: &XArmConfig) -> [f32; 14] {
    // A joint that the arm does not have may turn.
    let mut range = [-TAU, TAU].repeat(7);
    let limits = JointLimits::of(config.model);
    let axes = usize::from(config.model.axes());
    let each = limits.lower_rad.into_iter().zip(limits.upper_rad);
    for (index, (lower, upper)) in each.take(axes).enumerate() {
        (range[2 * index], range[2 * index + 1]) = (to_f32(lower), to_f32(upper));
    }
    for (index, [lower_deg, upper_deg]) in config.joint_range_deg.iter().enumerate() {
        range[2 * index] = range[2 * index].max(to_f32(lower_deg.to_radians()));
        range[2 * index + 1] = range[2 * index + 1].min(to_f32(upper_deg.to_radians()));
    }
    range.try_into().expect("seven joints have fourteen limits")
}

/// Upper and lower limit of each axis in whole mm, rounded inwards.
fn boundary_mm_of(config: &XArmConfig) -> [i32; 6] {
    // A fence is within 2 m, so the numbers are small. 1e-6 mm undoes the rounding of decimals.
    #[allow(clippy::cast_possible_truncation, reason = "validated to be within 2 m")]
    let [x, y, z] = config.fence_m.map(|[low, high]| {
        [(high * 1000.0 + 1e-6).floor() as i32, (low * 1000.0 - 1e-6).ceil() as i32]
    });
    [x[0], x[1], y[0], y[1], z[0], z[1]]
}

/// Checks that fence and reduced mode are as they were given.
pub(crate) fn verify_fence(config: &XArmConfig, has: &ReducedState) -> Result<(), XArmError> {
    let &ReducedState { reduced, fence, boundary_mm, linear_speed_mm_s, .. } = has;
    let expected = boundary_mm_of(config);
    if !reduced || !fence {
        return Err(XArmError::not_kept(
            "fence and reduced mode",
            &(true, true),
            &(fence, reduced),
        ));
    }
    if boundary_mm.map(i32::from) != expected {
        return Err(XArmError::not_kept("fence", &expected, &boundary_mm));
    }
    let speed = to_f32(config.reduced_speed_m_s * 1000.0);
    if (linear_speed_mm_s - speed).abs() > speed * TOLERANCE {
        return Err(XArmError::not_kept("reduced speed in mm/s", &speed, &linear_speed_mm_s));
    }
    let (speed, got) = (reduced_joint_speed_rad_s(config), has.joint_speed_rad_s);
    if (got - speed).abs() > speed * TOLERANCE {
        return Err(XArmError::not_kept("reduced speed of the joints in rad/s", &speed, &got));
    }
    let expected = joint_range_rad_of(config);
    let axes = 2 * usize::from(config.model.axes());
    if differ(&expected[..axes], &has.joint_range_rad[..axes]) {
        return Err(XArmError::not_kept(
            "joint range of reduced mode in rad",
            &expected,
            &has.joint_range_rad,
        ));
    }
    if has.rebound {
        return Err(XArmError::not_kept("rebound after a collision", &false, &true));
    }
    Ok(())
}

fn differ(a: &[f32], b: &[f32]) -> bool {
    // Not `>`: NaN differs.
    !a.iter().zip(b).all(|(a, b)| (a - b).abs() <= TOLERANCE)
}

/// Checks that a report has the settings that were given, and that those which only an operator may change are
/// suitable. What the report leaves out is [`not_reported`].
pub(crate) fn verify_report(config: &XArmConfig, report: &Report) -> Result<(), XArmError> {
    let Some(health) = report.health() else { return Ok(()) };
    let offset = tool_offset(config);
    if differ(&offset, &health.tcp_offset) {
        return Err(XArmError::not_kept("tool offset", &offset, &health.tcp_offset));
    }
    let [x, y, z] = config.center_of_mass_mm.map(to_f32);
    let load = [to_f32(config.load_kg), x, y, z];
    if differ(&load, &health.load) {
        return Err(XArmError::not_kept("load", &load, &health.load));
    }
    let (expected, got) = (config.collision_sensitivity, health.collision_sensitivity);
    if expected != got {
        return Err(XArmError::not_kept("collision sensitivity", &expected, &got));
    }
    if report.mode != 0 {
        return Err(XArmError::not_kept("mode", &0, &report.mode));
    }
    verify_installation(report, health)
}

/// Checks that the controller takes the arm to be upright, at the world's origin, and real. An operator who has set
/// it otherwise had a reason, so none of this is set here.
pub(crate) fn verify_installation(report: &Report, health: &Health) -> Result<(), XArmError> {
    const DOWN: [f32; 3] = [0.0, 0.0, -1.0];
    let unsuitable = |setting, expected: &dyn std::fmt::Debug, got: &dyn std::fmt::Debug, fix| {
        let (expected, got) = (format!("{expected:?}"), format!("{got:?}"));
        Err(XArmError::UnsuitableSetting { setting, expected, got, fix })
    };
    if differ(&DOWN, &health.gravity) {
        let fix = "the arm has to stand upright on a level table: mount it so, and set that in UFACTORY \
                    Studio (Settings, Mounting)";
        return unsuitable("direction of gravity", &DOWN, &health.gravity, fix);
    }
    let Some(details) = report.details() else { return Ok(()) };
    if let Some(offset) = details.base_offset.filter(|offset| differ(&[0.0; 6], offset)) {
        let fix = "it shifts every pose: set it to zero in UFACTORY Studio (Settings, Coordinate system) or by \
                    the SDK's set_world_offset, and teach the places again";
        return unsuitable("base offset", &[0.0_f32; 6], &offset, fix);
    }
    if details.simulated == Some(true) {
        let fix = "the arm stands still while the controller reports motion: switch it to the real robot in UFACTORY \
                    Studio";
        return unsuitable("simulated-robot mode", &"off", &"on", fix);
    }
    Ok(())
}

/// The settings of [`verify_report`] that a report leaves out, because the firmware does not report them.
pub(crate) fn not_reported(report: &Report) -> Vec<&'static str> {
    let details = report.details();
    let reported = [
        ("base offset", details.is_some_and(|details| details.base_offset.is_some())),
        ("simulated-robot mode", details.is_some_and(|details| details.simulated.is_some())),
    ];
    reported
        .into_iter()
        .filter(|(_, is_reported)| !is_reported)
        .map(|(setting, _)| setting)
        .collect()
}

/// Refuses the reports of a port that leave out what another port of the same firmware reports.
pub(crate) fn check_length(config: &XArmConfig, report: &Report) -> Result<(), XArmError> {
    match (report.more, config.reports_at()) {
        (More::Everything(..), _) | (_, None) => Ok(()),
        (_, Some(port)) => Err(XArmError::ShortReports { port }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_limit_that_was_not_kept_is_named() {
        let config = XArmConfig::default();
        let kept = ReducedState {
            reduced: true,
            boundary_mm: boundary_mm_of(&config).map(|limit| i16::try_from(limit).unwrap()),
            linear_speed_mm_s: to_f32(config.reduced_speed_m_s * 1000.0),
            joint_speed_rad_s: reduced_joint_speed_rad_s(&config),
            joint_range_rad: joint_range_rad_of(&config),
            fence: true,
            rebound: false,
        };
        verify_fence(&config, &kept).unwrap();
        for (has, named) in [
            (ReducedState { fence: false, ..kept }, "fence"),
            (ReducedState { boundary_mm: [0; 6], ..kept }, "fence"),
            (ReducedState { linear_speed_mm_s: 1000.0, ..kept }, "reduced speed in mm/s"),
            (ReducedState { joint_speed_rad_s: 3.0, ..kept }, "speed of the joints"),
            (ReducedState { joint_range_rad: [0.5; 14], ..kept }, "joint range"),
            (ReducedState { joint_range_rad: [f32::NAN; 14], ..kept }, "joint range"),
            (ReducedState { rebound: true, ..kept }, "rebound"),
        ] {
            let error = verify_fence(&config, &has).unwrap_err().to_string();
            assert!(error.contains(named), "{error}");
        }
    }
}
