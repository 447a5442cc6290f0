//! What lies in slots: plates and lids.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The longest identifier or labware name, in characters.
const MOST_CHARACTERS: usize = 64;

/// The identifier of an item, such as its barcode: 1 to 64 visible characters without spaces.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ItemId(String);

/// An identifier or a labware name that is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no {what}: {reason}; expected 1 to 64 visible characters without spaces")]
pub struct ItemError {
    /// What the text should be.
    pub what: &'static str,
    /// The text.
    pub text: String,
    /// What is wrong with it.
    pub reason: &'static str,
}

fn check(what: &'static str, text: &str) -> Result<(), ItemError> {
    let is_visible = |c: char| !c.is_whitespace() && !c.is_control();
    let reason = match text.chars().count() {
        0 => "it is empty",
        1..=MOST_CHARACTERS if text.chars().all(is_visible) => return Ok(()),
        1..=MOST_CHARACTERS => "it contains a space or a control character",
        _ => "it is longer than 64 characters",
    };
    Err(ItemError { what, text: text.to_string(), reason })
}

impl ItemId {
    /// An identifier.
    ///
    /// # Errors
    /// The text is empty, longer than 64 characters, or has spaces or control characters.
    pub fn new(text: &str) -> Result<Self, ItemError> {
        check("identifier of an item", text)?;
        Ok(Self(text.to_string()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ItemId {
    type Err = ItemError;

    fn from_str(text: &str) -> Result<Self, ItemError> {
        Self::new(text)
    }
}

impl fmt::Display for ItemId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for ItemId {
    type Error = ItemError;

    fn try_from(text: String) -> Result<Self, ItemError> {
        Self::new(&text)
    }
}

impl From<ItemId> for String {
    fn from(id: ItemId) -> Self {
        id.0
    }
}

/// A plate, or a lid that lies by itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "ItemFields")]
pub struct Item {
    /// Its identifier. No two items of a cell have the same.
    pub id: ItemId,
    labware: String,
    /// Whether a lid is on it. A lid that is off is an item of its own.
    pub has_lid: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ItemFields {
    id: ItemId,
    labware: String,
    has_lid: bool,
}

impl TryFrom<ItemFields> for Item {
    type Error = ItemError;

    fn try_from(fields: ItemFields) -> Result<Self, ItemError> {
        Self::new(fields.id, &fields.labware, fields.has_lid)
    }
}

impl Item {
    /// An item of the labware `labware`, with a lid on it or without.
    ///
    /// # Errors
    /// The labware's name is empty, longer than 64 characters, or has spaces or control characters.
    pub fn new(id: ItemId, labware: &str, has_lid: bool) -> Result<Self, ItemError> {
        check("labware name", labware)?;
        Ok(Self { id, labware: labware.to_string(), has_lid })
    }

    /// The name of its labware.
    pub fn labware(&self) -> &str {
        &self.labware
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_and_labware_are_checked_in_code_and_in_files() {
        for (id, labware, reason) in [
            ("", "p96", "\"\" is no identifier of an item: it is empty"),
            ("a b", "p96", "contains a space"),
            ("a\n", "p96", "control character"),
            ("a", "", "\"\" is no labware name"),
            (&"é".repeat(65), "p96", "longer than 64"),
        ] {
            let json = serde_json::json!({"id": id, "labware": labware, "has_lid": false});
            let message = serde_json::from_value::<Item>(json).unwrap_err().to_string();
            assert!(message.contains(reason), "{message}");
        }
        let item = Item::new("é*1$".parse().unwrap(), "p96", true).unwrap();
        let json = serde_json::to_string(&item).unwrap();
        assert_eq!(json, r#"{"id":"é*1$","labware":"p96","has_lid":true}"#);
        assert_eq!(serde_json::from_str::<Item>(&json).unwrap(), item);
    }
}
