//! The meaning of the vendor's error numbers, and what helps.

/// The kind of reaction that an error needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// The arm met something. Clearing the error and enabling the arm again helps.
    Collision,
    /// The motion is impossible; another one may be possible.
    Motion,
    /// Clearing the error may help. If it comes again at once, an operator has to look.
    Transient,
    /// A stop button is pressed, or its circuit is open.
    EmergencyStop,
    /// Clearing the error does not help: an operator has to come.
    Operator,
}

impl Severity {
    /// Whether an operator has to come, because software cannot help.
    pub fn needs_operator(self) -> bool {
        matches!(self, Self::EmergencyStop | Self::Operator)
    }
}

/// The explanation of an error number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Explained {
    /// Its meaning.
    pub meaning: &'static str,
    /// What helps.
    pub recovery: &'static str,
    /// The kind of reaction that it needs.
    pub severity: Severity,
}

const fn explained(meaning: &'static str, recovery: &'static str, severity: Severity) -> Explained {
    Explained { meaning, recovery, severity }
}

const RESTART: &str = "restart the controller with its emergency stop button; if it comes again, ask the \
                       vendor";
const VENDOR: &str = "ask the vendor";
const AGAIN: &str = "clear it and enable again; if it comes again, ask the vendor";

/// Explains the error of [`crate::Command::GetErrors`], by the vendor's table.
pub fn controller_error(number: u8) -> Explained {
    use Severity::{Collision, EmergencyStop, Motion, Operator, Transient};
    match number {
        1 => explained(
            "the emergency stop button of the controller is pressed",
            "release the button, then enable the arm",
            EmergencyStop,
        ),
        2 => explained(
            "the emergency input of the controller is open",
            "close both emergency inputs, then enable the arm",
            EmergencyStop,
        ),
        3 => explained(
            "the emergency stop of the three-state switch is pressed",
            "release it, then enable the arm",
            EmergencyStop,
        ),
        10 => explained("a servo failed", RESTART, Operator),
        11 => explained("the servo of joint 1 failed", RESTART, Operator),
        12 => explained("the servo of joint 2 failed", RESTART, Operator),
        13 => explained("the servo of joint 3 failed", RESTART, Operator),
        14 => explained("the servo of joint 4 failed", RESTART, Operator),
        15 => explained("the servo of joint 5 failed", RESTART, Operator),
        16 => explained("the servo of joint 6 failed", RESTART, Operator),
        17 => explained("the servo of joint 7 failed", RESTART, Operator),
        18 => explained(
            "the force-torque sensor does not answer",
            "check that the sensor is mounted and connected",
            Operator,
        ),
        19 => explained(
            "the device at the flange does not answer",
            "check that it is mounted and connected, and that the bus has its speed",
            Transient,
        ),
        21 => explained("no joint angles for the pose", "choose another path", Motion),
        22 => explained(
            "the arm would hit itself",
            "choose another path; if it comes again, guide the arm out of there by hand",
            Motion,
        ),
        23 => explained(
            "a joint would leave its range",
            "choose another path, or guide the arm back to its initial position",
            Motion,
        ),
        24 => explained(
            "a joint would be too fast",
            "move slower, and not near the edge of the arm's reach",
            Motion,
        ),
        25 => {
            explained("the motion cannot be planned", "choose another path, or move slower", Motion)
        }
        26 => explained("the controller's real-time system failed", VENDOR, Operator),
        27 => explained("a command was not answered inside the controller", RESTART, Transient),
        28 => explained("the tool board does not answer", RESTART, Transient),
        30 => explained("a joint was faster than allowed", VENDOR, Operator),
        31 => explained(
            "a joint needed more current than it should: a collision",
            "take away what is in the way; check load and collision sensitivity",
            Collision,
        ),
        32 => explained("no circle through the three points", "choose other points", Motion),
        33 => explained(
            "the controller's inputs and outputs failed",
            "check their wiring, then restart the controller",
            Operator,
        ),
        34 => explained("a recording took longer than five minutes", "record again", Transient),
        35 => explained(
            "the tool would leave the safety boundary",
            "choose a pose inside; if the arm is outside, guide it back by hand",
            Motion,
        ),
        36 => explained("too many delayed commands wait", "wait for some of them", Transient),
        37 => explained(
            "the arm moved by itself while it was guided by hand",
            "check load and mounting in the controller's settings",
            Operator,
        ),
        38 => explained(
            "the angle of a joint is invalid",
            "press the emergency stop; ask the vendor",
            Operator,
        ),
        39 => explained("the two halves of the power board do not communicate", VENDOR, Operator),
        40 => explained("no motion of the joints without an error", "choose another pose", Motion),
        41 => explained("the file of frictions is broken", RESTART, Operator),
        42 => explained("the file of the calibration is broken", RESTART, Operator),
        50..=53 => explained("the force-torque sensor failed or is overloaded", AGAIN, Transient),
        60 => explained("the tool would be too fast in servo mode", "move slower", Motion),
        110 => explained("the board in the arm's base does not answer", VENDOR, Operator),
        111 => explained("the device at the controller's bus does not answer", VENDOR, Transient),
        _ => explained("an error that is not in the vendor's table", AGAIN, Transient),
    }
}

/// Explains the warning of [`crate::Command::GetErrors`].
pub fn controller_warning(number: u8) -> Explained {
    use Severity::{Motion, Transient};
    match number {
        11 => explained("too many motions wait", "wait for some of them", Transient),
        12 => explained("a command with invalid parameters", "correct them", Motion),
        13 => explained("a command that the firmware does not know", "update the firmware", Motion),
        14 => explained("a command without a solution", "choose another pose", Motion),
        15 => explained("too many Modbus requests wait", "wait for some of them", Transient),
        _ => explained("a warning that is not in the vendor's table", "clear it", Transient),
    }
}

/// Explains the error of a joint's servo, the second number of [`crate::Details::servos`].
pub fn servo_error(number: u8) -> Explained {
    use Severity::{Collision, Operator, Transient};
    match number {
        10 => explained("the current cannot be measured", RESTART, Operator),
        11 => explained("too much current", RESTART, Operator),
        12 => explained("too fast", RESTART, Operator),
        14 => explained("a step too far was commanded", RESTART, Operator),
        15 => explained("too hot", "let it cool down, then restart the controller", Operator),
        16 => explained(
            "the encoder did not start",
            "power the arm while nothing pushes it",
            Operator,
        ),
        17 => explained("the encoder of one turn failed", "enable again", Transient),
        18 => explained("the encoder of many turns failed", VENDOR, Operator),
        19 => explained("the encoder's battery is low", VENDOR, Operator),
        20 => explained("the motor driver failed", AGAIN, Transient),
        21 => explained("the motor driver did not start", RESTART, Operator),
        22 => explained("the encoder's settings are broken", VENDOR, Operator),
        23 => explained(
            "the motor does not follow",
            "check whether something blocks the arm, and check load and acceleration",
            Collision,
        ),
        26 => explained("past its upper end", "guide the joint back by hand", Operator),
        27 => explained("past its lower end", "guide the joint back by hand", Operator),
        28 => explained("commanded without power", "enable the arm", Transient),
        33 | 34 => explained("overloaded", "carry no more than the arm is made for", Operator),
        35 | 36 => explained("motor or driver of another kind", RESTART, Operator),
        39 => explained("too much voltage", "accelerate less", Transient),
        40 => explained(
            "too little voltage",
            "accelerate less; check whether the emergency stop is pressed",
            Operator,
        ),
        49 => explained("its memory failed", RESTART, Operator),
        52 => explained("the motor's angle was not found", RESTART, Operator),
        58 => explained("no command came in time", "check the cable of the arm", Operator),
        _ => explained("a servo error that is not in the vendor's table", RESTART, Operator),
    }
}

/// Explains the error of the BIO gripper.
pub fn gripper_error(number: u16) -> Explained {
    use Severity::Transient;
    match number {
        11 => explained("the gripper's motor needed too much current", AGAIN, Transient),
        12 => explained("the object slipped from the gripper", "clear it and try again", Transient),
        _ => explained("a gripper error that is not in the vendor's table", AGAIN, Transient),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The numbers of the vendor's table.
    const KNOWN: [u8; 41] = [
        1, 2, 3, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 21, 22, 23, 24, 25, 26, 27, 28, 30, 31,
        32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 50, 51, 52, 53, 60, 110, 111,
    ];

    #[test]
    fn every_number_of_the_vendors_table_is_explained_and_no_other() {
        let other = controller_error(255);
        for number in 1..=254 {
            assert_eq!(controller_error(number) != other, KNOWN.contains(&number), "{number}");
        }
        for number in 11..=15 {
            assert_ne!(controller_warning(number), controller_warning(255));
        }
    }

    #[test]
    fn buttons_and_broken_servos_need_an_operator_and_collisions_do_not() {
        for number in [1, 2, 3] {
            assert_eq!(controller_error(number).severity, Severity::EmergencyStop);
        }
        for number in (10..=17).chain([26, 30, 38]) {
            assert!(controller_error(number).severity.needs_operator(), "{number}");
        }
        for number in [21, 22, 23, 24, 25, 31, 35] {
            assert!(!controller_error(number).severity.needs_operator(), "{number}");
        }
        assert_eq!(controller_error(31).severity, Severity::Collision);
    }
}
