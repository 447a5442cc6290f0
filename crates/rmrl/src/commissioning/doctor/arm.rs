//! The arm and its gripper, over a link that only asks.

use rmrl_cell::SafetyEnvelope;
use rmrl_xarm::bio_gripper::{Generation, JawState, NARROWEST_MM, Power, WIDEST_MM};
use rmrl_xarm::{
    ArmModel, ArmState, Claim, GenerationChoice, GripperReading, Inspector, Report, ToolReading,
    XArmError, controller_error, controller_warning,
};

use super::check::{Check, Examination};
use crate::cell::reachability;
use crate::config::RunConfig;

const LINK: &str = "arm";
const FIRMWARE: &str = "firmware";
const ERRORS: &str = "arm errors";
const STATE: &str = "arm state";
const FENCE: &str = "fence";
const SETTINGS: &str = "arm settings";
const POSE: &str = "tool pose";
const GRIPPER: &str = "gripper";

/// The checks made here, in their order.
pub(super) const NAMES: [&str; 8] = [LINK, FIRMWARE, ERRORS, STATE, FENCE, SETTINGS, POSE, GRIPPER];

/// How far from straight down the tool may point without a word, in degrees.
const MAX_TILT_DEG: f64 = 5.0;

const MEND_LINK: &str = "see that the control box is on and its cable plugged in (`ping` answers), and \
                         that xarm.host is the address on its label; docs/xarm.md";
const MEND_SETTINGS: &str = "nothing to do before the first run: every run gives the controller its settings as it \
                             begins, and reads them back";

/// Asks the controller everything it can be asked without moving.
pub(super) fn look(config: &RunConfig, examination: &Examination, note: &mut dyn FnMut(Check)) {
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
            note(Check::fail(LINK, error.to_string(), MEND_LINK));
            skip(1, "the arm is not reached", note);
            return;
        }
    };
    // What changes something is for whoever has the arm; to look is for everybody.
    let changes = examination.clear || examination.power_gripper || examination.reset_gripper_mode;
    let claimed = changes.then(|| Claim::take(&config.xarm)).transpose();
    let (_claim, examination) = match claimed {
        Ok(claim) => {
            note(Check::ok(LINK, format!("answers at {address}")));
            (claim, examination.clone())
        }
        Err(error) => {
            let mend = "end the program that has the arm, then try again; nothing was changed";
            note(Check::fail(LINK, error.to_string(), mend));
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
        Err(error) => Check::fail(FIRMWARE, error.to_string(), MEND_LINK),
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
        let mut told = Vec::new();
        if error != 0 {
            told.push(format!("error {error}: {}", controller_error(error).meaning));
        }
        if warning != 0 {
            told.push(format!("warning {warning}: {}", controller_warning(warning).meaning));
        }
        told.join("; ")
    };
    match read {
        Err(error) => Check::fail(ERRORS, error.to_string(), MEND_LINK),
        Ok(((0, 0), _)) => Check::ok(ERRORS, "none"),
        Ok((before, (0, 0))) => Check::ok(ERRORS, format!("cleared: {}", explain(before))),
        Ok((_, now @ (0, warning))) => {
            let mend =
                format!("{}; `rmrl cell doctor --clear`", controller_warning(warning).recovery);
            Check::warn(ERRORS, explain(now), mend)
        }
        Ok((_, now @ (error, _))) => {
            let explained = controller_error(error);
            let then = match (explained.severity.needs_a_person(), clear) {
                (_, true) => "it came again when it was cleared",
                (true, false) => "see to that at the arm first, then `rmrl cell doctor --clear`",
                (false, false) => "then `rmrl cell doctor --clear`",
            };
            Check::fail(ERRORS, explain(now), format!("{}; {then}", explained.recovery))
        }
    }
}

fn state(arm: &mut Inspector) -> Check {
    match arm.state() {
        Err(error) => Check::fail(STATE, error.to_string(), MEND_LINK),
        Ok((ArmState::Moving, waiting)) => Check::warn(
            STATE,
            format!("moving, {waiting} motions waiting"),
            "another program moves the arm: end it before a run",
        ),
        Ok((ArmState::Paused, _)) => Check::warn(
            STATE,
            "paused, with something still to do",
            "whoever paused it should end it, or `rmrl cell stop`",
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
            Check::warn(STATE, format!("number {number}, which is unknown"), "ask the vendor")
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
                "cannot be read back without xarm.report_port, and nothing moves without",
                "set xarm.report_port = 30002",
            );
        }
        Err(error) => {
            let mend = "see whether xarm.report_port is the controller's, and no firewall between";
            return Check::fail(SETTINGS, error.to_string(), mend);
        }
    };
    if let Err(error) = arm.check_settings(report) {
        return differs(SETTINGS, &error);
    }
    let found = "tool offset, load, collision sensitivity, mode and direction of gravity are as they have to be";
    match &Inspector::not_checked(report)[..] {
        [] => {
            Check::ok(SETTINGS, format!("{found}; no base offset, and the robot is not simulated"))
        }
        left_out if report.details().is_none() => Check::warn(
            SETTINGS,
            format!("{found}; not checked: {}", left_out.join(", ")),
            "set xarm.report_port = 30002, whose reports tell more; nothing moves without",
        ),
        left_out => Check::warn(
            SETTINGS,
            format!(
                "{found}; not checked, because this firmware does not report it: {}",
                left_out.join(", ")
            ),
            "see that they are off in UFACTORY Studio, or update the firmware",
        ),
    }
}

/// A setting that is not the configured one, or that could not be read.
fn differs(name: &'static str, error: &XArmError) -> Check {
    match error {
        XArmError::SettingNotKept { setting, expected, got } => {
            Check::warn(name, format!("{setting}: {got}, configured is {expected}"), MEND_SETTINGS)
        }
        XArmError::UnsuitableSetting { setting, expected, got, fix: mend } => {
            Check::fail(name, format!("{setting}: {got}, expected {expected}"), *mend)
        }
        error => Check::fail(name, error.to_string(), MEND_LINK),
    }
}

fn pose(config: &RunConfig, arm: &mut Inspector, report: Option<&Report>) -> Check {
    let ToolReading { pose, tilt_rad, has_configured_offset } = match arm.tool(report) {
        Ok(reading) => reading,
        Err(error) => return Check::fail(POSE, error.to_string(), MEND_LINK),
    };
    if let Some(Err(error)) = report.map(|report| arm.check_pose(report)) {
        let mend = "compare xarm.model and the arm's label, and the base and tool offsets in UFACTORY Studio; an arm \
                    that was never calibrated goes to the vendor";
        return Check::fail(POSE, error.to_string(), mend);
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
        found.push_str(" (by the configured tool, not the controller's)");
    }
    let Ok(envelope) = SafetyEnvelope::new(config.safety) else {
        return Check::skipped(POSE, format!("{found}; [safety] is not valid"));
    };
    if let Err(refusal) = envelope.check_start(pose) {
        let mend =
            "lead it inside by hand (docs/xarm.md), or correct [safety] or xarm.tcp_offset_mm_deg";
        return Check::fail(POSE, format!("{found}: {refusal}"), mend);
    }
    if tilt_deg > MAX_TILT_DEG {
        let mend = "turn the tool straight down by hand (docs/xarm.md): the first motion would do it on its way";
        let is_refused = tilt_deg > reachability::MAX_TILT_DEG;
        return (if is_refused { Check::fail } else { Check::warn })(POSE, found, mend);
    }
    Check::ok(POSE, format!("{found}; inside the envelope"))
}

fn gripper(config: &RunConfig, arm: &mut Inspector, examination: &Examination) -> Check {
    const MEND: &str = "see that the gripper is screwed on and its cable plugged in at the flange; it may have \
                        left an error in the controller: `rmrl cell doctor --clear`";
    let reset = match examination.reset_gripper_mode {
        true => arm.reset_gripper_mode(),
        false => Ok(()),
    };
    let changed = reset.and_then(|()| match examination.power_gripper {
        true => arm.power_gripper_on(),
        false => Ok(()),
    });
    match changed.and_then(|()| arm.gripper()) {
        Err(error) => Check::fail(GRIPPER, error.to_string(), MEND),
        Ok(None) => Check::warn(
            GRIPPER,
            "the bus at the flange has another speed than the gripper: it cannot be asked yet",
            "nothing to do before the first run, which sets it",
        ),
        Ok(Some(reading)) => judge_gripper(config, &reading),
    }
}

fn judge_gripper(config: &RunConfig, reading: &GripperReading) -> Check {
    let generation = match reading.generation {
        Generation::First => "first",
        Generation::Second => "second",
    };
    let mut found = format!("a BIO gripper of the {generation} generation");
    if let Some(width_mm) = reading.width_mm {
        found.push_str(&format!(", jaws {width_mm:.0} mm apart"));
    }
    let is_expected = match config.xarm.gripper.generation {
        GenerationChoice::Automatic => true,
        GenerationChoice::First => reading.generation == Generation::First,
        GenerationChoice::Second => reading.generation == Generation::Second,
    };
    if !is_expected {
        let mend = "correct xarm.gripper.generation, or screw the other one on";
        return Check::fail(GRIPPER, found, mend);
    }
    if let Some(mode @ 1..) = reading.mode {
        return Check::fail(
            GRIPPER,
            format!(
                "{found}; control mode {mode}, in which positions are pulses and not millimetres"
            ),
            "`rmrl cell doctor --reset-gripper-mode` sets it back to 0 (or UFACTORY's SDK: \
             arm.set_bio_gripper_control_mode(0)); the gripper has no power afterwards",
        );
    }
    let opening_mm = 1000.0 * config.task.jaw_opening_m;
    let only_mm = config.xarm.gripper.first_generation_width_mm;
    let (lowest_mm, highest_mm) = match reading.generation {
        Generation::First => (only_mm - 0.5, only_mm + 0.5),
        Generation::Second => (f64::from(NARROWEST_MM), f64::from(WIDEST_MM)),
    };
    if !(lowest_mm..=highest_mm).contains(&opening_mm) {
        return Check::fail(
            GRIPPER,
            format!("{found}; it does not open to task.jaw_opening_m, {opening_mm:.0} mm"),
            format!("set task.jaw_opening_m to {:.3} to {:.3}", lowest_mm / 1e3, highest_mm / 1e3),
        );
    }
    if reading.status.power != Power::On {
        return Check::warn(
            GRIPPER,
            format!("{found}; without power, so that it cannot tell what it holds"),
            "nothing to do before a new run, which gives it power once the plate lies in its target; before one \
             that goes on, see that the jaws hold nothing, then `rmrl cell doctor --power-gripper`: they move",
        );
    }
    match (reading.status.jaws, reading.error) {
        (JawState::Fault, error) => {
            let (number, explained) = error.map_or((0, None), |(n, it)| (n, Some(it)));
            let meaning = explained.map_or("unknown", |it| it.meaning);
            let recovery = explained.map_or("ask the vendor", |it| it.recovery);
            let mend = format!("{recovery}; a run clears it once as it begins");
            Check::warn(GRIPPER, format!("{found}; error {number}: {meaning}"), mend)
        }
        (JawState::Holding, _) => Check::warn(
            GRIPPER,
            format!("{found}; it holds something"),
            "take out what it holds before a run, unless it is the plate of one that goes on",
        ),
        (JawState::Moving, _) => {
            Check::warn(GRIPPER, format!("{found}; moving"), "another program moves it")
        }
        (JawState::Stopped, _) => Check::ok(GRIPPER, format!("{found}; holds nothing")),
    }
}
