//! The text form of faults.

use std::str::FromStr;
use std::time::Duration;

use super::faults::{GripperFault, LinkFault, MotionFault, ReportFault, Request, ScheduledFault};

/// An invalid text form of a fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no fault: {reason}; expected one of {}", ScheduledFault::FORMS)]
pub struct ParseFaultError {
    text: String,
    reason: &'static str,
}

/// The longest delay of an answer. Drivers have given up long before.
const MAX_LATE_MS: u64 = 600_000;

impl ScheduledFault {
    /// The text forms. Without `@` a fault happens at once: in the motion under way or the next one, or
    /// at the next request. Numbers count from 1 since the start; `SHARE` of a motion's path is 0 to 1.
    pub const FORMS: &'static str = "collision, joint-limit, emergency-stop, state-reset [@MOTION[:SHARE]]; \
        silence, drop, half-frame, twice, wrong-transaction, late=MILLISECONDS [@REQUEST]; \
        gripper-error=NUMBER, dropped [@GRIPPER-MOTION]; report-silence, report-resume; release";
}

impl FromStr for ScheduledFault {
    type Err = ParseFaultError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parse(text.trim()).map_err(|reason| ParseFaultError { text: text.to_string(), reason })
    }
}

fn parse(text: &str) -> Result<ScheduledFault, &'static str> {
    let (what, when) = match text.split_once('@') {
        Some((what, when)) => (what, Some(when)),
        None => (text, None),
    };
    let (name, value) = match what.split_once('=') {
        Some((name, value)) => (name, Some(value)),
        None => (what, None),
    };
    if value.is_some() != matches!(name, "late" | "gripper-error") {
        return Err("late and gripper-error have a number behind `=`, and nothing else has");
    }
    let value = value.unwrap_or_default();
    let in_motion = |fault| {
        let (number, share) = match when.map(|when| when.split_once(':').unwrap_or((when, "0"))) {
            Some((number, share)) => (Some(number), share),
            None => (None, "0"),
        };
        let share = share.parse::<f64>().ok().filter(|share| (0.0..=1.0).contains(share));
        let share = share.ok_or("the share of the way is from 0 to 1")?;
        Ok(ScheduledFault::Motion { number: number.map(count).transpose()?, share, fault })
    };
    let at_request = |fault| {
        let request = when.map(count).transpose()?.map_or(Request::Next, Request::Number);
        Ok(ScheduledFault::Request { request, fault })
    };
    let in_gripper_motion =
        |fault| Ok(ScheduledFault::Gripper { number: when.map(count).transpose()?, fault });
    match name {
        "collision" => in_motion(MotionFault::Collision),
        "joint-limit" => in_motion(MotionFault::JointLimit),
        "emergency-stop" => in_motion(MotionFault::EmergencyStop),
        "state-reset" => in_motion(MotionFault::StateReset),
        "silence" => at_request(LinkFault::Silence),
        "drop" => at_request(LinkFault::Drop),
        "half-frame" => at_request(LinkFault::HalfFrame),
        "twice" => at_request(LinkFault::Twice),
        "wrong-transaction" => at_request(LinkFault::WrongTransaction),
        "late" => {
            let milliseconds = value.parse().ok().filter(|late| *late <= MAX_LATE_MS);
            let milliseconds = milliseconds.ok_or("an answer is late by 0 to 600000 ms")?;
            at_request(LinkFault::Late(Duration::from_millis(milliseconds)))
        }
        "gripper-error" => {
            let number = value.parse().ok().filter(|number| *number > 0);
            in_gripper_motion(GripperFault::Error(
                number.ok_or("a gripper's error is a number from 1 to 65535")?,
            ))
        }
        "dropped" => in_gripper_motion(GripperFault::Dropped),
        "report-silence" | "report-resume" if when.is_some() => {
            Err("reports end and come again at once")
        }
        "report-silence" => Ok(ScheduledFault::Reports(ReportFault::Silence)),
        "report-resume" => Ok(ScheduledFault::Reports(ReportFault::Resume)),
        "release" if when.is_none() => Ok(ScheduledFault::ReleaseEmergencyStop),
        "release" => Err("the button is released at once"),
        _ => Err("it has no such name"),
    }
}

/// A number that counts from 1.
fn count(text: &str) -> Result<u64, &'static str> {
    let number = text.parse::<u64>().ok().filter(|number| *number > 0);
    number.ok_or("what stands behind `@` counts from 1")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_form_is_parsed() {
        let motion = |number, share, fault| ScheduledFault::Motion { number, share, fault };
        let request = |request, fault| ScheduledFault::Request { request, fault };
        for (text, fault) in [
            ("collision", motion(None, 0.0, MotionFault::Collision)),
            (" joint-limit@7 ", motion(Some(7), 0.0, MotionFault::JointLimit)),
            ("emergency-stop@12:0.5", motion(Some(12), 0.5, MotionFault::EmergencyStop)),
            ("state-reset@1:1", motion(Some(1), 1.0, MotionFault::StateReset)),
            ("silence", request(Request::Next, LinkFault::Silence)),
            ("half-frame@300", request(Request::Number(300), LinkFault::HalfFrame)),
            ("late=250", request(Request::Next, LinkFault::Late(Duration::from_millis(250)))),
            (
                "gripper-error=12@3",
                ScheduledFault::Gripper { number: Some(3), fault: GripperFault::Error(12) },
            ),
            ("dropped", ScheduledFault::Gripper { number: None, fault: GripperFault::Dropped }),
            ("report-silence", ScheduledFault::Reports(ReportFault::Silence)),
            ("report-resume", ScheduledFault::Reports(ReportFault::Resume)),
            ("release", ScheduledFault::ReleaseEmergencyStop),
        ] {
            assert_eq!(text.parse(), Ok(fault), "{text}");
        }
    }

    #[test]
    fn an_invalid_text_is_refused_with_the_valid_forms() {
        for (text, named) in [
            ("", "no such name"),
            ("colision", "no such name"),
            ("collision@", "counts from 1"),
            ("collision@0", "counts from 1"),
            ("collision@3:2", "0 to 1"),
            ("collision@3:NaN", "0 to 1"),
            ("collision=31", "behind `=`"),
            ("late", "behind `=`"),
            ("late=-3", "0 to 600000 ms"),
            ("drop@7:0.5", "counts from 1"),
            ("gripper-error=0", "1 to 65535"),
            ("report-silence@3", "at once"),
            ("release@3", "at once"),
        ] {
            let error = text.parse::<ScheduledFault>().unwrap_err().to_string();
            assert!(
                error.contains(named) && error.contains("wrong-transaction"),
                "{text}: {error}"
            );
        }
    }
}
