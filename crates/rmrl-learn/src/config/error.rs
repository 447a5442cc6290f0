//! Invalid values of a configuration.

/// A value that no policy can be built or trained with.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{key} is {value}, expected {expected}")]
pub struct LearnConfigError {
    /// The configuration's key.
    pub key: &'static str,
    /// The given value.
    pub value: String,
    /// The expected values.
    pub expected: &'static str,
}
