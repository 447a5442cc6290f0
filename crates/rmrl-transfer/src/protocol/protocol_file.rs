//! Protocols as TOML.

use std::collections::BTreeMap;

use rmrl_inventory::{Place, SlotAddress};
use serde::{Deserialize, Serialize};
use toml::{Table, Value};

use super::protocol_error::ProtocolError;
use super::step::{OnFailure, Step, StepAction};

/// The most steps of a protocol: more than a day of transfers.
const MOST_STEPS: usize = 1000;

/// The most retries of a step. What fails so often needs an operator.
const MOST_RETRIES: u32 = 10;

/// The longest name, in characters.
const MOST_CHARACTERS: usize = 100;

/// Transfers one after the other, checked against the slots of a cell.
///
/// ```
/// let text = r#"
///     name = "read plate 1"
///     [[steps]]
///     name = "unlid"
///     unlid = "bench"
///     to = "lid-park"
///     retries = 1
///     [[steps]]
///     name = "to the reader"
///     transfer = "bench"
///     to = "reader"
///     on_failure = "relid"
///     [[steps]]
///     name = "relid"
///     relid = "lid-park"
///     to = "bench"
/// "#;
/// let has_slot = |slot: &rmrl_inventory::SlotAddress| {
///     ["bench", "lid-park", "reader"].contains(&slot.to_string().as_str())
/// };
/// let protocol = rmrl_transfer::Protocol::parse(text, "read.toml", has_slot)?;
/// assert_eq!(protocol.steps().len(), 3);
/// let error = rmrl_transfer::Protocol::parse(text, "read.toml", |_| false).unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "read.toml, step 1 \"unlid\": the cell has no slot bench, expected a slot of its sites"
/// );
/// # Ok::<(), rmrl_transfer::ProtocolError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Protocol {
    name: String,
    steps: Vec<Step>,
}

/// A step as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenStep {
    name: String,
    transfer: Option<Place>,
    unlid: Option<Place>,
    relid: Option<Place>,
    stack: Option<Place>,
    unstack: Option<Place>,
    to: SlotAddress,
    #[serde(default)]
    retries: u32,
    #[serde(default)]
    on_failure: OnFailure,
}

impl Protocol {
    /// Parses a protocol and checks it. `file` names the text in errors; `has_slot` says whether the cell has a slot.
    ///
    /// # Errors
    /// The text is no TOML, has unknown or missing keys, no step or more than 1000; a step has another number of
    /// actions than one, an unknown slot, too many retries, a name that is taken or not allowed, or leads back.
    pub fn parse(
        text: &str,
        file: &str,
        has_slot: impl Fn(&SlotAddress) -> bool,
    ) -> Result<Self, ProtocolError> {
        let table: Table = toml::from_str(text).map_err(|error: toml::de::Error| {
            let reason = error.to_string().trim_end().to_string();
            ProtocolError::Syntax { file: file.to_string(), reason }
        })?;
        let form = |reason| ProtocolError::Form { file: file.to_string(), reason };
        let (name, written) = name_and_steps(table).map_err(form)?;
        let mut steps = Vec::with_capacity(written.len());
        for (index, value) in written.into_iter().enumerate() {
            let label = label(index, &value);
            let step = step_of(value).and_then(|step| check_slots(&step, &has_slot).map(|()| step));
            let in_step = |reason| ProtocolError::Step { file: file.into(), step: label, reason };
            steps.push(step.map_err(in_step)?);
        }
        check_names_and_jumps(&steps).map_err(|(index, reason)| ProtocolError::Step {
            file: file.to_string(),
            step: format!("{} {:?}", index + 1, steps[index].name),
            reason,
        })?;
        Ok(Self { name, steps })
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its steps in their order; there is at least one.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// The step that follows the step `index` if that failed; `None` if the protocol ends. Steps are counted from 0.
    pub(super) fn after_failure(&self, index: usize) -> Option<usize> {
        match &self.steps[index].on_failure {
            OnFailure::Stop => None,
            OnFailure::Skip => Some(index + 1),
            OnFailure::JumpTo(name) => self.steps.iter().position(|step| step.name == *name),
        }
    }
}

fn name_and_steps(mut table: Table) -> Result<(String, Vec<Value>), String> {
    let name = match table.remove("name") {
        Some(Value::String(name)) => name,
        Some(other) => {
            return Err(format!("name is of type {}, expected a string", other.type_str()));
        }
        None => return Err("there is no name, expected name = \"...\"".to_string()),
    };
    check_name(&name)?;
    let steps = match table.remove("steps") {
        Some(Value::Array(steps)) => steps,
        Some(other) => {
            return Err(format!("steps is of type {}, expected [[steps]]", other.type_str()));
        }
        None => return Err("there are no steps, expected one [[steps]] or more".to_string()),
    };
    if let Some(key) = table.keys().next() {
        return Err(format!("unknown key {key:?}, expected only name and [[steps]]"));
    }
    if steps.is_empty() || steps.len() > MOST_STEPS {
        return Err(format!("it has {} steps, expected 1 to {MOST_STEPS}", steps.len()));
    }
    Ok((name, steps))
}

/// The number of a step, and its name if it has one.
fn label(index: usize, value: &Value) -> String {
    match value.get("name").and_then(Value::as_str) {
        Some(name) => format!("{} {name:?}", index + 1),
        None => (index + 1).to_string(),
    }
}

fn step_of(value: Value) -> Result<Step, String> {
    let written: WrittenStep =
        value.try_into().map_err(|error: toml::de::Error| one_line(&error.to_string()))?;
    check_name(&written.name)?;
    if ["stop", "skip"].contains(&written.name.as_str()) {
        let name = &written.name;
        return Err(format!("its name is {name:?}, expected another: on_failure has that word"));
    }
    if written.retries > MOST_RETRIES {
        return Err(format!("retries is {}, expected 0 to {MOST_RETRIES}", written.retries));
    }
    let (action, from) = action_of(&written)?;
    let WrittenStep { name, to, retries, on_failure, .. } = written;
    if from == Place::Slot(to.clone()) {
        return Err(format!("{action} and to are both {to}, expected another slot to go to"));
    }
    Ok(Step { name, action, from, to, retries, on_failure })
}

/// The one action of a step, with the place where it begins.
fn action_of(written: &WrittenStep) -> Result<(StepAction, Place), String> {
    let places =
        [&written.transfer, &written.unlid, &written.relid, &written.stack, &written.unstack];
    let mut given = StepAction::ALL.into_iter().zip(places).filter_map(|(action, place)| {
        let place = place.as_ref()?;
        Some((action, place.clone()))
    });
    let expected =
        || format!("expected exactly one of {}", StepAction::ALL.map(|one| one.key()).join(", "));
    let (action, from) = given.next().ok_or_else(|| format!("it moves nothing, {}", expected()))?;
    if let Some((second, _)) = given.next() {
        return Err(format!("{action} and {second} are given, {}", expected()));
    }
    if from == Place::Jaws && !action.begins_in_jaws() {
        return Err(format!("{action} is jaws, expected a slot"));
    }
    Ok((action, from))
}

fn check_name(name: &str) -> Result<(), String> {
    let length = name.chars().count();
    let is_plain = !name.chars().any(char::is_control) && name.trim() == name;
    if (1..=MOST_CHARACTERS).contains(&length) && is_plain {
        return Ok(());
    }
    Err(format!(
        "its name is {name:?}, expected 1 to {MOST_CHARACTERS} characters, no control characters, and no space at an end"
    ))
}

fn check_slots(step: &Step, has_slot: &impl Fn(&SlotAddress) -> bool) -> Result<(), String> {
    let from = match &step.from {
        Place::Slot(slot) => Some(slot),
        Place::Jaws => None,
    };
    match from.into_iter().chain([&step.to]).find(|slot| !has_slot(slot)) {
        None => Ok(()),
        Some(slot) => Err(format!("the cell has no slot {slot}, expected a slot of its sites")),
    }
}

/// No name twice, and jumps lead forward only, so that a protocol ends.
fn check_names_and_jumps(steps: &[Step]) -> Result<(), (usize, String)> {
    let mut indices: BTreeMap<&str, usize> = BTreeMap::new();
    for (index, step) in steps.iter().enumerate() {
        if let Some(first) = indices.insert(&step.name, index) {
            let reason = format!("step {} has the same name, expected another", first + 1);
            return Err((index, reason));
        }
    }
    for (index, step) in steps.iter().enumerate() {
        let OnFailure::JumpTo(name) = &step.on_failure else { continue };
        if indices.get(name.as_str()).is_none_or(|target| *target <= index) {
            let found =
                if indices.contains_key(name.as_str()) { "not further on" } else { "no step" };
            let reason = format!(
                "on_failure is {name:?}, which is {found}, expected stop, skip or the name of a step further on"
            );
            return Err((index, reason));
        }
    }
    Ok(())
}

/// The message of an error on one line, without where it is in a text that it does not know.
fn one_line(message: &str) -> String {
    message.split('\n').map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(text: &str) -> Result<Protocol, ProtocolError> {
        let known = ["bench", "lid-park", "reader", "hotel:1", "hotel:2"];
        Protocol::parse(text, "plates.toml", |slot| known.contains(&slot.to_string().as_str()))
    }

    /// A protocol of one step, with these lines in it.
    fn with_step(lines: &str) -> String {
        format!("name = \"p\"\n[[steps]]\nname = \"the step\"\n{lines}")
    }

    #[test]
    fn every_action_and_every_key_is_read() {
        let text = r#"
            name = "read plate 1"
            [[steps]]
            name = "unlid"
            unlid = "bench"
            to = "lid-park"
            retries = 1
            on_failure = "relid"
            [[steps]]
            name = "to the reader"
            transfer = "bench"
            to = "reader"
            on_failure = "skip"
            [[steps]]
            name = "relid"
            relid = "jaws"
            to = "bench"
            on_failure = "stop"
            [[steps]]
            name = "onto another"
            stack = "bench"
            to = "hotel:1"
            [[steps]]
            name = "off it"
            unstack = "hotel:1"
            to = "hotel:2"
        "#;
        let protocol = parse(text).unwrap();
        assert_eq!(protocol.name(), "read plate 1");
        let texts: Vec<String> = protocol.steps().iter().map(Step::to_string).collect();
        assert_eq!(
            texts,
            [
                "\"unlid\": unlid bench to lid-park",
                "\"to the reader\": transfer bench to reader",
                "\"relid\": relid jaws to bench",
                "\"onto another\": stack bench to hotel:1",
                "\"off it\": unstack hotel:1 to hotel:2",
            ]
        );
        assert_eq!(protocol.steps().iter().map(|step| step.retries).sum::<u32>(), 1);
        let next: Vec<Option<usize>> = (0..5).map(|index| protocol.after_failure(index)).collect();
        assert_eq!(next, [Some(2), Some(2), None, None, None]);
    }

    #[test]
    fn invalid_protocols_are_refused_with_file_step_and_what_was_expected() {
        let step = |lines: &str| with_step(lines);
        let twice = "[[steps]]\nname = \"the step\"\ntransfer = \"reader\"\nto = \"bench\"";
        let go = "transfer = \"bench\"\nto = \"reader\"\n";
        for (text, expected) in [
            ("name = ".to_string(), vec!["plates.toml: ", "line 1"]),
            ("steps = []".to_string(), vec!["plates.toml: there is no name"]),
            ("name = 3".to_string(), vec!["name is of type integer, expected a string"]),
            ("name = \"p\"".to_string(), vec!["no steps", "[[steps]]"]),
            ("name = \"p\"\nsteps = []".to_string(), vec!["it has 0 steps, expected 1 to 1000"]),
            ("name = \"p\"\nsteps = 1".to_string(), vec!["steps is of type integer"]),
            (format!("retries = 1\n{}", step(go)), vec!["unknown key \"retries\""]),
            (step("to = \"reader\""), vec!["it moves nothing", "transfer, unlid, relid"]),
            (step("transfer = \"bench\""), vec!["missing field `to`"]),
            (step(&format!("{go}unlid = \"bench\"")), vec!["transfer and unlid", "exactly one of"]),
            (step(&format!("{go}retry = 1")), vec!["unknown field `retry`", "`retries`"]),
            (step(&format!("{go}retries = -1")), vec!["retries", "-1"]),
            (step(&format!("{go}retries = 11")), vec!["retries is 11, expected 0 to 10"]),
            (step(&format!("{go}retries = \"1\"")), vec!["retries", "expected u32"]),
            (step("transfer = \"Bench\"\nto = \"reader\""), vec!["transfer", "'B'", "`hotel:1`"]),
            (step("transfer = \"bench\"\nto = \"jaws\""), vec!["`to`", "gripper"]),
            (step("unlid = \"jaws\"\nto = \"bench\""), vec!["unlid is jaws, expected a slot"]),
            (step("unstack = \"jaws\"\nto = \"bench\""), vec!["unstack is jaws, expected a slot"]),
            (step("transfer = \"bench\"\nto = \"bench\""), vec!["both bench", "another slot"]),
            (
                step("transfer = \"shelf\"\nto = \"bench\""),
                vec!["no slot shelf", "expected a slot"],
            ),
            (step("transfer = \"bench\"\nto = \"hotel:3\""), vec!["no slot hotel:3"]),
            (step(&format!("{go}on_failure = \"later\"")), vec!["no step", "further on"]),
            (step(&format!("{go}on_failure = \"the step\"")), vec!["not further on"]),
            (format!("{}\n{twice}", step(go)), vec!["step 2 \"the step\"", "step 1 has the same"]),
            (step(go).replace("the step", ""), vec!["1 to 100 characters"]),
            (step(go).replace("the step", " x"), vec!["no space at an end"]),
            (step(go).replace("the step", "a\\nb"), vec!["no control characters"]),
            (step(go).replace("the step", "skip"), vec!["its name is \"skip\""]),
            (step(go).replace("the step", &"x".repeat(101)), vec!["1 to 100 characters"]),
            ("name = \"p\"\n[[steps]]\nto = \"bench\"".to_string(), vec!["step 1: ", "`name`"]),
            ("name = \"p\"\nsteps = [7]".to_string(), vec!["step 1: "]),
        ] {
            let message = parse(&text).unwrap_err().to_string();
            for part in expected {
                assert!(message.contains(part), "{part:?} is not in {message:?} of\n{text}");
            }
            assert!(message.starts_with("plates.toml"), "{message}");
            assert!(!message.contains('\n') || text == "name = ", "{message}");
            if text.contains("the step") && message.contains(", step") {
                assert!(message.contains("\"the step\": "), "{message}");
            }
        }
    }

    #[test]
    fn a_thousand_steps_are_read_and_one_more_is_refused() {
        let steps = |count: usize| {
            let step =
                |i| format!("[[steps]]\nname = \"s{i}\"\ntransfer = \"bench\"\nto = \"reader\"\n");
            format!("name = \"p\"\n{}", (0..count).map(step).collect::<String>())
        };
        assert_eq!(parse(&steps(1000)).unwrap().steps().len(), 1000);
        let message = parse(&steps(1001)).unwrap_err().to_string();
        assert!(message.contains("it has 1001 steps, expected 1 to 1000"), "{message}");
    }

    proptest! {
        /// A protocol that was cut or has a wrong character is refused or read, and jumps of what is read lead forward.
        #[test]
        fn damaged_protocols_are_refused_or_keep_the_rules(at in 0usize..260, with in ".{0,3}") {
            let text = "name = \"p\"\n[[steps]]\nname = \"a\"\ntransfer = \"bench\"\nto = \"reader\"\n\
                        on_failure = \"b\"\n[[steps]]\nname = \"b\"\nrelid = \"jaws\"\nto = \"bench\"\nretries = 2\n";
            let at = at.min(text.len());
            let damaged = format!("{}{with}{}", &text[..at], &text[(at + 1).min(text.len())..]);
            if let Ok(protocol) = parse(&damaged) {
                for (index, step) in protocol.steps().iter().enumerate() {
                    prop_assert!(step.retries <= 10);
                    prop_assert!(protocol.after_failure(index).is_none_or(|next| next > index));
                }
            }
        }
    }
}
