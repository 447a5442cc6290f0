//! What lies in slots: plates and lids.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The longest identifier or labware name, in characters.
const MOST_CHARACTERS: usize = 64;

/// What the identifier and the labware of a lid end with: the lid of `plate-1` is `plate-1.lid`.
const LID: &str = ".lid";

/// What identifiers and labware names are.
const VISIBLE: &str = "1 to 64 visible characters without spaces";

/// The identifier of an item, such as its barcode: 1 to 64 visible characters without spaces.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ItemId(String);

/// An identifier or a labware name that is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no {what}: {reason}; expected {expected}")]
pub struct ItemError {
    /// What the text should be.
    pub what: &'static str,
    /// The text.
    pub text: String,
    /// What is wrong with it.
    pub reason: &'static str,
    /// What it should be.
    pub expected: &'static str,
}

fn check(what: &'static str, text: &str) -> Result<(), ItemError> {
    let is_visible = |c: char| !c.is_whitespace() && !c.is_control();
    let reason = match text.chars().count() {
        0 => "it is empty",
        1..=MOST_CHARACTERS if text.chars().all(is_visible) => return Ok(()),
        1..=MOST_CHARACTERS => "it contains a space or a control character",
        _ => "it is longer than 64 characters",
    };
    Err(ItemError { what, text: text.to_string(), reason, expected: VISIBLE })
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

    /// Whether it is the identifier that the lid of `plate` gets when it is taken off.
    pub(crate) fn is_lid_of(&self, plate: &Self) -> bool {
        self.0.strip_suffix(LID) == Some(plate.as_str())
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

/// What an item is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ItemKind {
    /// A plate, or other labware that is no lid. Lines without a kind mean it.
    #[default]
    Plate,
    /// A lid that is off its plate.
    Lid,
}

impl ItemKind {
    fn is_plate(&self) -> bool {
        *self == Self::Plate
    }
}

/// A plate, or a lid that lies by itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "ItemFields")]
pub struct Item {
    /// Its identifier. No two items of a cell have the same.
    pub id: ItemId,
    labware: String,
    /// Whether a lid is on it. A lid that is off is an item of its own, and has none.
    pub has_lid: bool,
    #[serde(skip_serializing_if = "ItemKind::is_plate")]
    kind: ItemKind,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ItemFields {
    id: ItemId,
    labware: String,
    has_lid: bool,
    #[serde(default)]
    kind: ItemKind,
}

impl TryFrom<ItemFields> for Item {
    type Error = ItemError;

    fn try_from(fields: ItemFields) -> Result<Self, ItemError> {
        let ItemFields { id, labware, has_lid, kind } = fields;
        match kind {
            // Journals of before there were kinds may name any labware.
            ItemKind::Plate => check("labware name", &labware)?,
            ItemKind::Lid => check_lid(&labware, has_lid)?,
        }
        Ok(Self { id, labware, has_lid, kind })
    }
}

impl Item {
    /// An item of the labware `labware`, with a lid on it or without. It is a lid if the labware's name ends with `.lid`:
    /// `96-well.lid` is the lid of the labware `96-well`.
    ///
    /// # Errors
    /// The labware's name is empty, longer than 64 characters, or has spaces or control characters; or a lid has a lid.
    pub fn new(id: ItemId, labware: &str, has_lid: bool) -> Result<Self, ItemError> {
        let kind = match covered(labware) {
            Some(_) => {
                check_lid(labware, has_lid)?;
                ItemKind::Lid
            }
            None => {
                check("labware name", labware)?;
                ItemKind::Plate
            }
        };
        Ok(Self { id, labware: labware.to_string(), has_lid, kind })
    }

    /// The lid of a plate as an item of its own: `plate-1.lid` of the labware `96-well.lid` for `plate-1` of the labware
    /// `96-well`.
    ///
    /// # Errors
    /// An identifier or a labware with `.lid` at its end is longer than 64 characters.
    pub fn lid_alone(&self) -> Result<Self, ItemError> {
        let id = ItemId::new(&format!("{}{LID}", self.id))?;
        Self::new(id, &format!("{}{LID}", self.labware), false)
    }

    /// Whether it is a plate or a lid.
    pub fn kind(&self) -> ItemKind {
        self.kind
    }

    /// Whether it is a lid that is off its plate.
    pub fn is_lid(&self) -> bool {
        self.kind == ItemKind::Lid
    }

    /// The labware of the plates that this lid covers; `None` for a plate.
    pub fn covers(&self) -> Option<&str> {
        covered(&self.labware).filter(|_| self.is_lid())
    }

    /// The name of its labware.
    pub fn labware(&self) -> &str {
        &self.labware
    }
}

/// A lid of a pile that is directly on a plate but not as its lid, and that plate.
pub(crate) fn loose_lid(items: &[Item]) -> Option<(&Item, &Item)> {
    let mut pairs = items.iter().zip(items.iter().skip(1));
    let loose = pairs.find(|(below, above)| above.is_lid() && !below.is_lid());
    loose.map(|(below, above)| (above, below))
}

/// The labware that the lid `labware` covers; `None` if that is no lid's name.
fn covered(labware: &str) -> Option<&str> {
    labware.strip_suffix(LID).filter(|plate| !plate.is_empty())
}

/// `labware` is the name of a lid's labware, and the lid has no lid.
fn check_lid(labware: &str, has_lid: bool) -> Result<(), ItemError> {
    check("labware name", labware)?;
    let refused = |what, reason, expected| {
        Err(ItemError { what, text: labware.to_string(), reason, expected })
    };
    match covered(labware) {
        None => refused(
            "labware name of a lid",
            "it does not say which labware the lid covers",
            "a plate's labware and `.lid`",
        ),
        Some(_) if has_lid => refused(
            "labware name of a plate with a lid",
            "it is a lid, and a lid has no lid",
            "the plate's labware, or no lid on it",
        ),
        Some(_) => Ok(()),
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

    #[test]
    fn a_lid_is_named_after_its_plate() {
        let plate = Item::new("p1".parse().unwrap(), "p96", true).unwrap();
        let lid = plate.lid_alone().unwrap();
        assert_eq!(
            (lid.id.as_str(), lid.labware(), lid.covers()),
            ("p1.lid", "p96.lid", Some("p96"))
        );
        assert!(lid.is_lid() && !plate.is_lid() && plate.covers().is_none());
        assert!(lid.id.is_lid_of(&plate.id) && !plate.id.is_lid_of(&plate.id));
        let json = serde_json::to_string(&lid).unwrap();
        assert_eq!(json, r#"{"id":"p1.lid","labware":"p96.lid","has_lid":false,"kind":"lid"}"#);
        assert_eq!(serde_json::from_str::<Item>(&json).unwrap(), lid);
        // Any lid of the labware, however it is called.
        assert_eq!(
            Item::new("l7".parse().unwrap(), "p96.lid", false).unwrap().covers(),
            Some("p96")
        );
        let long = Item::new("x".repeat(61).parse().unwrap(), "p96", true).unwrap();
        assert!(long.lid_alone().unwrap_err().to_string().contains("longer than 64"));
    }

    #[test]
    fn lids_have_no_lids_and_say_what_they_cover() {
        let id = || "l".parse().unwrap();
        let message = Item::new(id(), "p96.lid", true).unwrap_err().to_string();
        assert!(message.contains("a lid has no lid"), "{message}");
        for (labware, has_lid, reason) in
            [("p96", false, "which labware"), (".lid", false, "which"), ("p96.lid", true, "no lid")]
        {
            let json = serde_json::json!({"id": "l", "labware": labware, "has_lid": has_lid, "kind": "lid"});
            let message = serde_json::from_value::<Item>(json).unwrap_err().to_string();
            assert!(message.contains(reason), "{message}");
        }
        // Before there were kinds, a plate could have any labware.
        let json = r#"{"id":"l","labware":"p96.lid","has_lid":true}"#;
        let old: Item = serde_json::from_str(json).unwrap();
        assert_eq!((old.kind(), old.covers()), (ItemKind::Plate, None));
        assert_eq!(serde_json::to_string(&old).unwrap(), json);
    }
}
