//! Checks the arm over a link that only reads.

use rmrl_cell::SafetyEnvelope;
use rmrl_xarm::{
    ArmModel, ArmState, Claim, Inspector, Report, ToolReading, XArmError, controller_error,
    controller_warning,
};

use super::check::{Check, Examination};
use super::gripper::{GRIPPER, gripper};
use crate::cell::reachability;
use crate::config::RunConfig;

const LINK: &str = "arm";
const FIRMWARE: &str = "firmware";
const ERRORS: &str = "arm errors";
const STATE: &str = "arm state";
const FENCE: &str = "fence";
const SETTINGS: &str = "arm settings";
const POSE: &str = "tool pose";

/// The checks of the arm and its gripper, in their order.
pub(super) const NAMES: [&str; 8] = [LINK, FIRMWARE, ERRORS, STATE, FENCE, SETTINGS, POSE, GRIPPER];

/// The largest tilt of the tool without a warning, in degrees.
const MAX_TILT_DEG: f64 = 5.0;

const FIX_LINK: &str = "check that the control box is on and its cable is plugged in (`ping` answers), \
                        and that xarm.host is the address on its label; docs/xarm.md";
const FIX_SETTINGS: &str = "nothing to do before the first run: every run gives the controller its settings when it \
                            starts, and reads them back";

/// Reads everything that the controller reports without moving.
pub(super) fn check(config: &RunConfig, examination: &Examination, note: &mut dyn FnMut(Check)) {
    let skip = |from: usize, why: &str, note: &mut dyn FnMut(Check)| {
        for name in &NAMES[from..] {
            note(Check::skipped(name, why));
        }
    };
    if config.xarm.validate().is_err() {
        skip(0, "the configuration is not valid", note);
        return;
    }
    let address = config.xarm.address(config.xarm.control_port);
    let mut arm = match Inspector::connect(config.xarm.clone()) {
        Ok(arm) => arm,
        Err(error) => {
            note(Check::fail(LINK, error.to_string(), FIX_LINK));
            skip(1, "the arm does not answer", note);
            return;
        }
    };
    // Every program may read, but only the program that has claimed the arm may change something.
    let changes = examination.clear || examination.power_gripper || examination.reset_gripper_mode;
    let claimed = changes.then(|| Claim::take(&config.xarm)).transpose();
    let (_claim, examination) = match claimed {
        Ok(claim) => {
            note(Check::ok(LINK, format!("answers at {address}")));
            (claim, examination.clone())
        }
        Err(error) => {
            let fix = "end the program that uses the arm, then try again; nothing was changed";
            note(Check::fail(LINK, error.to_string(), fix));
            (None, examination.without_changes())
        }
    };
    note(firmware(config, &mut arm));
    note(errors(&mut arm, examination.clear));
    note(state(&mut arm));
    let report = arm.report();
    note(fence(&mut arm));
    note(settings(&arm, &report));
    note(pose(config, &mut arm, report.ok().flatten().as_ref()));
    note(gripper(config, &mut arm, &examination));
}

fn firmware(config: &RunConfig, arm: &mut Inspector) -> Check {
    match arm.version() {
        Ok(version) => {
            let robot = ArmModel::identify(version.joints, version.model);
            let name = robot.map_or_else(|name| name, |model| model.name().to_owned());
            let (firmware, serial) = (version.firmware, &version.arm_serial);
            let found = format!("{name}, firmware {firmware}, serial number {serial}");
            match version.check_model(config.xarm.model) {
                Err(XArmError::WrongRobot { expected, advice, .. }) => {
                    Check::fail(FIRMWARE, format!("{found}; configured is {expected}"), advice)
                }
                _ => Check::ok(FIRMWARE, found),
            }
        }
        Err(error @ XArmError::UnsupportedFirmware { .. }) => {
            Check::fail(FIRMWARE, error.to_string(), "update the firmware in the vendor's software")
        }
        Err(error) => Check::fail(FIRMWARE, error.to_string(), FIX_LINK),
    }
}

fn errors(arm: &mut Inspector, clear: bool) -> Check {
    let read = arm.errors().and_then(|before| match (before, clear) {
        ((0, 0), _) | (_, false) => Ok((before, before)),
        _ => {
            arm.clear()?;
            Ok((before, arm.errors()?))
        }
    });
    let explain = |(error, warning): (u8, u8)| {
        let mut codes = Vec::new();
        if error != 0 {
            codes.push(format!("error {error}: {}", controller_error(error).meaning));
        }
        if warning != 0 {
            codes.push(format!("warning {warning}: {}", controller_warning(warning).meaning));
        }
        codes.join("; ")
    };
    match read {
        Err(error) => Check::fail(ERRORS, error.to_string(), FIX_LINK),
        Ok(((0, 0), _)) => Check::ok(ERRORS, "none"),
        Ok((before, (0, 0))) => Check::ok(ERRORS, format!("cleared: {}", explain(before))),
        Ok((_, now @ (0, warning))) => {
            let fix =
                format!("{}; `rmrl cell doctor --clear`", controller_warning(warning).recovery);
            Check::warn(ERRORS, explain(now), fix)
        }
        Ok((_, now @ (error, _))) => {
            let explained = controller_error(error);
            let then = match (explained.severity.needs_operator(), clear) {
                (_, true) => "it came again when it was cleared",
                (true, false) => "fix that at the arm first, then `rmrl cell doctor --clear`",
                (false, false) => "then `rmrl cell doctor --clear`",
            };
            Check::fail(ERRORS, explain(now), format!("{}; {then}", explained.recovery))
        }
    }
}

fn state(arm: &mut Inspector) -> Check {
    match arm.state() {
        Err(error) => Check::fail(STATE, error.to_string(), FIX_LINK),
        Ok((ArmState::Moving, waiting)) => Check::warn(
            STATE,
            format!("moving, {waiting} motions waiting"),
            "another program moves the arm: end it before a run",
        ),
        Ok((ArmState::Paused, _)) => Check::warn(
            STATE,
            "paused, with unfinished motions",
            "end the motion where it was paused, or with `rmrl cell stop`",
        ),
        Ok((_, waiting)) if waiting > 0 => Check::warn(
            STATE,
            format!("standing, {waiting} motions waiting"),
            "another program moves the arm: end it before a run",
        ),
        Ok((ArmState::Ready, _)) => Check::ok(STATE, "ready, standing"),
        Ok((ArmState::Stopped, _)) => Check::ok(STATE, "stopped; a run makes it ready"),
        Ok((ArmState::Reset, _)) => Check::ok(STATE, "reset; a run makes it ready"),
        Ok((ArmState::Other(number), _)) => {
            Check::warn(STATE, format!("unknown state {number}"), "ask the vendor")
        }
    }
}

fn fence(arm: &mut Inspector) -> Check {
    match arm.check_fence() {
        Ok(()) => Check::ok(FENCE, "fence and reduced mode are on, with the configured limits"),
        Err(error) => differs(FENCE, &error),
    }
}

fn settings(arm: &Inspector, report: &Result<Option<Report>, XArmError>) -> Check {
    let report = match report {
        Ok(Some(report)) => report,
        Ok(None) => {
            return Check::warn(
                SETTINGS,
                "cannot be read back without xarm.report_port, which every motion requires",
                "set xarm.report_port = 30002",
            );
        }
        Err(error) => {
            let fix = "check that xarm.report_port is the controller's port, and that no firewall blocks it";
            return Check::fail(SETTINGS, error.to_string(), fix);
        }
    };
    if let Err(error) = arm.check_settings(report) {
        return differs(SETTINGS, &error);
    }
    let found =
        "tool offset, load, collision sensitivity, mode and direction of gravity are correct";
    match &Inspector::not_checked(report)[..] {
        [] => {
            Check::ok(SETTINGS, format!("{found}; no base offset, and the robot is not simulated"))
        }
        left_out if report.details().is_none() => Check::warn(
            SETTINGS,
            format!("{found}; not checked: {}", left_out.join(", ")),
            "set xarm.report_port = 30002, whose reports contain more; every motion requires it",
        ),
        left_out => Check::warn(
            SETTINGS,
            format!(
                "{found}; not checked, because this firmware does not report it: {}",
                left_out.join(", ")
            ),
            "check that they are off in UFACTORY Studio, or update the firmware",
        ),
    }
}

/// A setting that differs from the configured one, or could not be read.
fn differs(name: &'static str, error: &XArmError) -> Check {
    match error {
        XArmError::SettingNotKept { setting, expected, got } => {
            Check::warn(name, format!("{setting}: {got}, configured is {expected}"), FIX_SETTINGS)
        }
        XArmError::UnsuitableSetting { setting, expected, got, fix } => {
            Check::fail(name, format!("{setting}: {got}, expected {expected}"), *fix)
        }
        error => Check::fail(name, error.to_string(), FIX_LINK),
    }
}

fn pose(config: &RunConfig, arm: &mut Inspector, report: Option<&Report>) -> Check {
    let ToolReading { pose, tilt_rad, has_configured_offset } = match arm.tool(report) {
        Ok(reading) => reading,
        Err(error) => return Check::fail(POSE, error.to_string(), FIX_LINK),
    };
    if let Some(Err(error)) = report.map(|report| arm.check_pose(report)) {
        let fix = "compare xarm.model with the arm's label, and check the base and tool offsets in UFACTORY Studio; \
                   an arm that was never calibrated has to go to the vendor";
        return Check::fail(POSE, error.to_string(), fix);
    }
    let tilt_deg = tilt_rad.to_degrees();
    let mut found = format!(
        "x = {:.1} mm, y = {:.1} mm, z = {:.1} mm, yaw = {:.1} degrees, {tilt_deg:.1} degrees from straight down",
        1000.0 * pose.planar.x_m,
        1000.0 * pose.planar.y_m,
        1000.0 * pose.z_m,
        pose.planar.yaw_rad.to_degrees()
    );
    if has_configured_offset == Some(false) {
        found.push_str(" (with the configured tool offset, not the controller's)");
    }
    let Ok(envelope) = SafetyEnvelope::new(config.safety) else {
        return Check::skipped(POSE, format!("{found}; [safety] is not valid"));
    };
    if let Err(refusal) = envelope.check_start(pose) {
        let fix =
            "lead it inside by hand (docs/xarm.md), or correct [safety] or xarm.tcp_offset_mm_deg";
        return Check::fail(POSE, format!("{found}: {refusal}"), fix);
    }
    if tilt_deg > MAX_TILT_DEG {
        let fix = "turn the tool straight down by hand (docs/xarm.md): otherwise the first motion turns it on its way";
        let is_refused = tilt_deg > reachability::MAX_TILT_DEG;
        return (if is_refused { Check::fail } else { Check::warn })(POSE, found, fix);
    }
    Check::ok(POSE, format!("{found}; inside the envelope"))
}
