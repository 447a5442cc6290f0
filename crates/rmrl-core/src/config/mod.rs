//! Configuration keys: each states its meaning and its range where it is declared.
//!
//! - `invalid_key`: the one error of every configuration
//! - `range`: the range of a number, checked and in words
//! - `check`: rules between keys
//! - `keys`: the trait that [`derive@ConfigKeys`] implements, and what it says about each key

mod check;
mod invalid_key;
mod keys;
mod range;

pub use check::Check;
pub use invalid_key::InvalidKey;
pub use keys::{ConfigKeys, KeyDescription};
pub use rmrl_config_derive::ConfigKeys;
// For derived code only.
#[doc(hidden)]
pub use invalid_key::key_path;
#[doc(hidden)]
pub use range::{KeyRange, check_length, with_reason};
