//! Checks the gripper at the arm's flange.

use rmrl_xarm::bio_gripper::{Generation, JawState, NARROWEST_MM, Power, WIDEST_MM};
use rmrl_xarm::{GenerationChoice, GripperReading, Inspector};

use super::check::{Check, Examination};
use crate::config::RunConfig;

/// The name of the check.
pub(super) const GRIPPER: &str = "gripper";

/// Makes the changes that the examination allows, then checks the gripper.
pub(super) fn gripper(config: &RunConfig, arm: &mut Inspector, examination: &Examination) -> Check {
    const FIX: &str = "check that the gripper is screwed on and its cable is plugged in at the flange; it may have \
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
        Err(error) => Check::fail(GRIPPER, error.to_string(), FIX),
        Ok(None) => Check::warn(
            GRIPPER,
            "the bus at the flange has another speed than the gripper, which cannot be read yet",
            "nothing to do before the first run, which sets the speed",
        ),
        Ok(Some(reading)) => {
            let found = description(&reading);
            settings(config, &reading, &found).unwrap_or_else(|| state(&reading, &found))
        }
    }
}

fn description(reading: &GripperReading) -> String {
    let generation = match reading.generation {
        Generation::First => "first",
        Generation::Second => "second",
    };
    let mut found = format!("a BIO gripper of the {generation} generation");
    if let Some(width_mm) = reading.width_mm {
        found.push_str(&format!(", jaws {width_mm:.0} mm apart"));
    }
    found
}

/// A failed check if the gripper does not fit the configuration.
fn settings(config: &RunConfig, reading: &GripperReading, found: &str) -> Option<Check> {
    let is_expected = match config.xarm.gripper.generation {
        GenerationChoice::Automatic => true,
        GenerationChoice::First => reading.generation == Generation::First,
        GenerationChoice::Second => reading.generation == Generation::Second,
    };
    if !is_expected {
        let fix = "correct xarm.gripper.generation, or mount the other gripper";
        return Some(Check::fail(GRIPPER, found, fix));
    }
    if let Some(mode @ 1..) = reading.mode {
        return Some(Check::fail(
            GRIPPER,
            format!(
                "{found}; control mode {mode}, in which positions are pulses and not millimeters"
            ),
            "`rmrl cell doctor --reset-gripper-mode` sets it back to 0 (or UFACTORY's SDK: \
             arm.set_bio_gripper_control_mode(0)); the gripper has no power afterwards",
        ));
    }
    let opening_mm = 1000.0 * config.task.jaw_opening_m;
    let only_mm = config.xarm.gripper.first_generation_width_mm;
    let (lowest_mm, highest_mm) = match reading.generation {
        Generation::First => (only_mm - 0.5, only_mm + 0.5),
        Generation::Second => (f64::from(NARROWEST_MM), f64::from(WIDEST_MM)),
    };
    if !(lowest_mm..=highest_mm).contains(&opening_mm) {
        return Some(Check::fail(
            GRIPPER,
            format!("{found}; it does not open to task.jaw_opening_m, {opening_mm:.0} mm"),
            format!("set task.jaw_opening_m to {:.3} to {:.3}", lowest_mm / 1e3, highest_mm / 1e3),
        ));
    }
    None
}

/// Power, jaws and error of a gripper that fits the configuration.
fn state(reading: &GripperReading, found: &str) -> Check {
    if reading.status.power != Power::On {
        return Check::warn(
            GRIPPER,
            format!("{found}; without power, so that it cannot report what it holds"),
            "nothing to do before a new run, which switches the power on when the plate is at its target; before you \
             resume a run, check that the jaws hold nothing, then `rmrl cell doctor --power-gripper`: they move",
        );
    }
    match (reading.status.jaws, reading.error) {
        (JawState::Fault, error) => {
            let (number, explained) = error.map_or((0, None), |(n, it)| (n, Some(it)));
            let meaning = explained.map_or("unknown", |it| it.meaning);
            let recovery = explained.map_or("ask the vendor", |it| it.recovery);
            let fix = format!("{recovery}; a run clears it once when it starts");
            Check::warn(GRIPPER, format!("{found}; error {number}: {meaning}"), fix)
        }
        (JawState::Holding, _) => Check::warn(
            GRIPPER,
            format!("{found}; it holds something"),
            "remove what it holds before a run, unless it is the plate of a run that you resume",
        ),
        (JawState::Moving, _) => {
            Check::warn(GRIPPER, format!("{found}; moving"), "another program moves it")
        }
        (JawState::Stopped, _) => Check::ok(GRIPPER, format!("{found}; holds nothing")),
    }
}
