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
