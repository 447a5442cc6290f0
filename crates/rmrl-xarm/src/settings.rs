//! What the controller is given when it is connected, and whether it has kept it.

use crate::{Command, ReducedState, Report, XArmConfig, XArmError};

/// How far what is read back may differ: the controller has `f32` and whole millimetres.
const SAME: f32 = 1e-3;

/// The commands that give them.
pub(crate) fn settings(config: &XArmConfig) -> [Command; 9] {
    let [x, y, z] = config.center_of_mass_mm.map(to_f32);
    [
        Command::SetTcpOffset(offset_of(config)),
        Command::SetLoad { mass_kg: to_f32(config.load_kg), center_mm: [x, y, z] },
        Command::SetCollisionSensitivity(config.collision_sensitivity),
        Command::SetReducedLinearSpeed(to_f32(config.reduced_speed_m_s * 1000.0)),
        Command::SetReducedJointSpeed(reduced_joint_speed_rad_s(config)),
        Command::SetBoundary(boundary_mm_of(config)),
        Command::SetFence(true),
        Command::SetReducedMode(true),
        // A collision leaves the arm where it was: what it met is there.
        Command::SetCollisionRebound(false),
    ]
}

/// In mm and radians.
pub(crate) fn offset_of(config: &XArmConfig) -> [f32; 6] {
    let [x, y, z, roll, pitch, yaw] = config.tcp_offset_mm_deg;
    [x, y, z, roll.to_radians(), pitch.to_radians(), yaw.to_radians()].map(to_f32)
}

fn reduced_joint_speed_rad_s(config: &XArmConfig) -> f32 {
    to_f32(config.reduced_joint_speed_deg_s.to_radians())
}

/// Upper and lower of each axis in whole mm, rounded inwards.
fn boundary_mm_of(config: &XArmConfig) -> [i32; 6] {
    // A fence is within 2 m, so the numbers are small. 1e-6 mm undoes the rounding of decimals.
    #[allow(clippy::cast_possible_truncation, reason = "validated to be within 2 m")]
    let [x, y, z] = config.fence_m.map(|[low, high]| {
        [(high * 1000.0 + 1e-6).floor() as i32, (low * 1000.0 - 1e-6).ceil() as i32]
    });
    [x[0], x[1], y[0], y[1], z[0], z[1]]
}

/// Whether fence and reduced mode are what was given.
pub(crate) fn verify_fence(config: &XArmConfig, has: &ReducedState) -> Result<(), XArmError> {
    let &ReducedState { reduced, fence, boundary_mm, linear_speed_mm_s, .. } = has;
    let expected = boundary_mm_of(config);
    if !reduced || !fence {
        return Err(not_kept("fence and reduced mode", &(true, true), &(fence, reduced)));
    }
    if boundary_mm.map(i32::from) != expected {
        return Err(not_kept("fence", &expected, &boundary_mm));
    }
    let speed = to_f32(config.reduced_speed_m_s * 1000.0);
    if (linear_speed_mm_s - speed).abs() > speed * SAME {
        return Err(not_kept("reduced speed in mm/s", &speed, &linear_speed_mm_s));
    }
    let (speed, got) = (reduced_joint_speed_rad_s(config), has.joint_speed_rad_s);
    if (got - speed).abs() > speed * SAME {
        return Err(not_kept("reduced speed of the joints in rad/s", &speed, &got));
    }
    if has.rebound {
        return Err(not_kept("rebound after a collision", &false, &true));
    }
    Ok(())
}

/// Whether a report tells what was given.
pub(crate) fn verify_report(config: &XArmConfig, report: &Report) -> Result<(), XArmError> {
    let Some(health) = report.health() else { return Ok(()) };
    let differ = |a: &[f32], b: &[f32]| a.iter().zip(b).any(|(a, b)| (a - b).abs() > SAME);
    let offset = offset_of(config);
    if differ(&offset, &health.tcp_offset) {
        return Err(not_kept("tool offset", &offset, &health.tcp_offset));
    }
    let [x, y, z] = config.center_of_mass_mm.map(to_f32);
    let load = [to_f32(config.load_kg), x, y, z];
    if differ(&load, &health.load) {
        return Err(not_kept("load", &load, &health.load));
    }
    let (expected, got) = (config.collision_sensitivity, health.collision_sensitivity);
    if expected != got {
        return Err(not_kept("collision sensitivity", &expected, &got));
    }
    if report.mode != 0 {
        return Err(not_kept("mode", &0, &report.mode));
    }
    Ok(())
}

/// A setting that is another when it is read back.
pub(crate) fn not_kept(
    setting: &'static str,
    expected: &dyn std::fmt::Debug,
    got: &dyn std::fmt::Debug,
) -> XArmError {
    XArmError::SettingNotKept {
        setting,
        expected: format!("{expected:?}"),
        got: format!("{got:?}"),
    }
}

/// The controller's numbers have seven digits: a tenth of a micrometre at a metre.
#[allow(clippy::cast_possible_truncation, reason = "the controller has no more digits")]
pub(crate) fn to_f32(value: f64) -> f32 {
    value as f32
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
            joint_range_rad: [0.0; 14],
            fence: true,
            rebound: false,
        };
        verify_fence(&config, &kept).unwrap();
        for (has, named) in [
            (ReducedState { fence: false, ..kept }, "fence"),
            (ReducedState { boundary_mm: [0; 6], ..kept }, "fence"),
            (ReducedState { linear_speed_mm_s: 1000.0, ..kept }, "reduced speed in mm/s"),
            (ReducedState { joint_speed_rad_s: 3.0, ..kept }, "speed of the joints"),
            (ReducedState { rebound: true, ..kept }, "rebound"),
        ] {
            let error = verify_fence(&config, &has).unwrap_err().to_string();
            assert!(error.contains(named), "{error}");
        }
    }
}
