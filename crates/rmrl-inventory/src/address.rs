//! Where an item can be: in a slot of a site, or in the jaws.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The longest name of a site, in characters.
const MOST_CHARACTERS: usize = 40;

/// The name that no site may have, because it stands for the jaws.
const JAWS: &str = "jaws";

/// A slot of a site, written `hotel:1`; a site that is one slot is written `reader`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SlotAddress {
    site: String,
    number: Option<u32>,
}

/// A text that is no address of a slot.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "'{text}' is no slot: {reason}; write a site's name of a-z, 0-9, - and _, and where it has several slots a colon \
     and the number, such as `reader` or `hotel:1`"
)]
pub struct AddressError {
    /// The text.
    pub text: String,
    /// What is wrong with it.
    pub reason: String,
}

impl SlotAddress {
    /// A slot of the site `site`. Slots are counted from 1; `None` is a site that is one slot.
    ///
    /// # Errors
    /// The name has no characters, more than 40, or others than a-z, 0-9, - and _; it is `jaws`; or the number is 0.
    pub fn new(site: &str, number: Option<u32>) -> Result<Self, AddressError> {
        let text = || match number {
            Some(number) => format!("{site}:{number}"),
            None => site.to_string(),
        };
        let refused = |reason: &str| AddressError { text: text(), reason: reason.to_string() };
        let is_named = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_".contains(c);
        if site.is_empty() {
            return Err(refused("the site has no name"));
        }
        if site.len() > MOST_CHARACTERS {
            return Err(refused("the site's name has more than 40 characters"));
        }
        if let Some(wrong) = site.chars().find(|c| !is_named(*c)) {
            return Err(refused(&format!("the site's name contains {wrong:?}")));
        }
        if site == JAWS {
            return Err(refused("`jaws` is the gripper and no site"));
        }
        if number == Some(0) {
            return Err(refused("slots are counted from 1"));
        }
        Ok(Self { site: site.to_string(), number })
    }

    /// The site's name.
    pub fn site(&self) -> &str {
        &self.site
    }

    /// The slot's number, counted from 1; `None` where the site is one slot.
    pub fn number(&self) -> Option<u32> {
        self.number
    }
}

impl FromStr for SlotAddress {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let Some((site, digits)) = text.split_once(':') else { return Self::new(text, None) };
        let refused = |reason: &str| AddressError { text: text.into(), reason: reason.into() };
        // One text for each slot: no `+1`, no `01`.
        let is_canonical = digits.bytes().all(|byte| byte.is_ascii_digit())
            && (digits.len() == 1 || !digits.starts_with('0'));
        match digits.parse() {
            Ok(number) if is_canonical => Self::new(site, Some(number)),
            _ => Err(refused("after the colon there is no slot's number")),
        }
    }
}

impl fmt::Display for SlotAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.number {
            Some(number) => write!(f, "{}:{number}", self.site),
            None => f.write_str(&self.site),
        }
    }
}

impl TryFrom<String> for SlotAddress {
    type Error = AddressError;

    fn try_from(text: String) -> Result<Self, AddressError> {
        text.parse()
    }
}

impl From<SlotAddress> for String {
    fn from(address: SlotAddress) -> Self {
        address.to_string()
    }
}

/// Where an item can be; the jaws are written `jaws`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Place {
    /// A slot.
    Slot(SlotAddress),
    /// Between the gripper's jaws.
    Jaws,
}

impl FromStr for Place {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        match text {
            JAWS => Ok(Self::Jaws),
            _ => text.parse().map(Self::Slot),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Slot(slot) => slot.fmt(f),
            Self::Jaws => f.write_str(JAWS),
        }
    }
}

impl TryFrom<String> for Place {
    type Error = AddressError;

    fn try_from(text: String) -> Result<Self, AddressError> {
        text.parse()
    }
}

impl From<Place> for String {
    fn from(place: Place) -> Self {
        place.to_string()
    }
}

impl From<SlotAddress> for Place {
    fn from(slot: SlotAddress) -> Self {
        Self::Slot(slot)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_slot_has_one_text() {
        for text in ["reader", "hotel:1", "lid-park_2:4294967295", "0"] {
            assert_eq!(text.parse::<SlotAddress>().unwrap().to_string(), text);
            let json = format!("\"{text}\"");
            let slot: SlotAddress = serde_json::from_str(&json).unwrap();
            assert_eq!(serde_json::to_string(&slot).unwrap(), json);
            assert_eq!(text.parse::<Place>().unwrap(), Place::Slot(slot));
        }
        assert_eq!("jaws".parse::<Place>().unwrap(), Place::Jaws);
        assert_eq!(Place::Jaws.to_string(), "jaws");
    }

    #[test]
    fn other_texts_are_refused_with_the_reason() {
        for (text, reason) in [
            ("", "no name"),
            (":1", "no name"),
            ("Hotel:1", "contains 'H'"),
            ("hotel 1", "contains ' '"),
            ("jaws", "gripper"),
            ("jaws:1", "gripper"),
            ("hotel:", "no slot's number"),
            ("hotel:0", "counted from 1"),
            ("hotel:01", "no slot's number"),
            ("hotel:+1", "no slot's number"),
            ("hotel:1:2", "no slot's number"),
            ("hotel:4294967296", "no slot's number"),
            (&"x".repeat(41), "more than 40"),
        ] {
            let message = text.parse::<SlotAddress>().unwrap_err().to_string();
            assert!(message.contains(reason) && message.contains("`hotel:1`"), "{message}");
        }
    }

    #[test]
    fn slots_sort_by_site_and_number() {
        let mut slots: Vec<SlotAddress> =
            ["hotel:10", "reader", "hotel:2", "hotel"].map(|text| text.parse().unwrap()).into();
        slots.sort();
        let texts: Vec<String> = slots.iter().map(SlotAddress::to_string).collect();
        assert_eq!(texts, ["hotel", "hotel:2", "hotel:10", "reader"]);
    }
}
