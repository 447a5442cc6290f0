//! The one error of every configuration.

use std::fmt::Display;

/// A key with an invalid value.
///
/// ```
/// use rmrl_core::InvalidKey;
/// let error = InvalidKey::new("label_sigma_bins", -1.0, "from 0 to 10").within("policy");
/// assert_eq!(error.to_string(), "policy.label_sigma_bins is -1, expected from 0 to 10");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{key} is {value}, expected {expected}")]
pub struct InvalidKey {
    /// The key's path from the section that was checked, such as `policy.label_sigma_bins`.
    pub key: String,
    /// What was given.
    pub value: String,
    /// What was expected.
    pub expected: String,
}

impl InvalidKey {
    /// An error at `key`.
    pub fn new(key: impl Into<String>, value: impl Display, expected: impl Display) -> Self {
        Self { key: key.into(), value: value.to_string(), expected: expected.to_string() }
    }

    /// The same error, with its key seen from where `section` is a key.
    #[must_use]
    pub fn within(self, section: &str) -> Self {
        Self { key: key_path(section, &self.key), ..self }
    }
}

/// The path of a key in a section; the section at the top is called "".
#[doc(hidden)]
pub fn key_path(section: &str, key: &str) -> String {
    if section.is_empty() { key.to_string() } else { format!("{section}.{key}") }
}
