//! What every section of a configuration can do: describe its keys and check their values.

use super::invalid_key::InvalidKey;

/// One key of a configuration, as documentation shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyDescription {
    /// The key's path from the section that was asked, such as `task.via[].x_m`.
    pub path: String,
    /// The first sentence of its documentation.
    pub meaning: &'static str,
    /// The kind of its values: `number`, `whole number`, `true or false`, `text`, `path`, `word`, an interval,
    /// or several of them, such as `3 numbers` and `list of paths`.
    pub kind: String,
    /// Whether the key may be left out for good.
    pub is_optional: bool,
    /// What is expected of a value, such as `from 0 to below 1`; `None` where the kind says all.
    pub range: Option<String>,
}

/// A section of a configuration: its keys, their meanings and their ranges.
///
/// # Deriving
/// The derive macro of the same name implements it for a struct with named fields, and adds a method
/// `validate(&self) -> Result<(), InvalidKey>`. Each field says in `#[key(...)]` which values it takes:
///
/// | attribute | meaning |
/// |-|-|
/// | `at_least = a`, `above = a` | the lower bound, itself allowed or not |
/// | `at_most = b`, `below = b` | the upper bound, itself allowed or not |
/// | `limit = b` | an upper bound far above any need, which catches slips: "2 or more (up to 1_000)" |
/// | `interval`, `interval(strict)` | `[T; 2]` is `[least, most]`: both within the bounds and rising, or equal unless strict |
/// | `nested` | the field is a section that implements `ConfigKeys` itself |
/// | `valid = f`, `expected = "..."` | `f(value)` has to be true: of a number by value, of anything else by reference |
/// | `expected = "..."` | with bounds: what errors say in place of the bounds |
/// | `why = "..."` | the reason, added after a colon |
/// | `min_len = n`, `max_len = n` | the length of a list |
/// | `kind = "..."` | another word for the kind of value |
/// | `free` | no check, for a generic type around a number that the macro does not look into |
///
/// - Every number needs a lower and an upper bound, or the code does not compile. So no key can let NaN, an
///   infinity or an absurd size pass. Bounds are constant expressions.
/// - `Option<T>`, `Vec<T>` and `[T; N]` are looked into: bounds hold for each element.
/// - Text, paths, truth values and enums need no attribute.
/// - Each field needs a doc comment, whose first sentence is the key's meaning.
/// - Names follow `#[serde(rename, rename_all, flatten, skip)]`.
///
/// Rules between keys go into a function that `#[config(rules = ...)]` names; it runs after the keys were
/// checked one by one. A struct with a `validate` of its own says `#[config(own_validate)]`.
///
/// ```
/// use rmrl_core::{Check, ConfigKeys, InvalidKey};
///
/// /// When to watch for drift.
/// #[derive(ConfigKeys)]
/// #[config(rules = Self::check_together)]
/// struct DriftConfig {
///     /// Trials from one look to the next. Default 10.
///     #[key(at_least = 1, limit = 100_000)]
///     every_trials: u32,
///     /// Trials are suspect above this motion, in meters.
///     #[key(above = 0, at_most = 0.1)]
///     suspect_m: f64,
///     /// The run stops above this motion, in meters.
///     #[key(above = 0, at_most = 0.1)]
///     stop_m: f64,
/// }
///
/// impl DriftConfig {
///     fn check_together(&self, check: &Check) -> Result<(), InvalidKey> {
///         let is_rising = self.stop_m >= self.suspect_m;
///         check.require("stop_m", self.stop_m, is_rising, "suspect_m or more")
///     }
/// }
///
/// /// The camera.
/// #[derive(ConfigKeys)]
/// struct CameraConfig {
///     /// The drift monitor.
///     #[key(nested)]
///     drift: Option<DriftConfig>,
/// }
///
/// let drift = DriftConfig { every_trials: 0, suspect_m: 0.001, stop_m: 0.003 };
/// assert_eq!(
///     drift.validate().unwrap_err().to_string(),
///     "every_trials is 0, expected 1 or more (up to 100_000)"
/// );
/// let camera = CameraConfig { drift: Some(DriftConfig { every_trials: 5, stop_m: 0.0005, ..drift }) };
/// assert_eq!(
///     camera.validate().unwrap_err().to_string(),
///     "drift.stop_m is 0.0005, expected suspect_m or more"
/// );
/// let keys = CameraConfig::keys();
/// assert_eq!(keys[0].path, "drift.every_trials");
/// assert_eq!(keys[0].meaning, "Trials from one look to the next.");
/// assert_eq!(keys[1].range.as_deref(), Some("above 0 and at most 0.1"));
/// ```
///
/// A number without an upper bound does not compile:
///
/// ```compile_fail
/// #[derive(rmrl_core::ConfigKeys)]
/// struct Config {
///     /// How long to wait, in seconds.
///     #[key(above = 0)]
///     timeout_secs: f64,
/// }
/// ```
///
/// Neither does one without any bounds, also within an option and an array:
///
/// ```compile_fail
/// #[derive(rmrl_core::ConfigKeys)]
/// struct Config {
///     /// Where to look, in meters.
///     place_m: Option<[f64; 3]>,
/// }
/// ```
///
/// Nor do bounds that are swapped or infinite:
///
/// ```compile_fail
/// #[derive(rmrl_core::ConfigKeys)]
/// struct Config {
///     /// How long to wait, in seconds.
///     #[key(above = 0, at_most = f64::INFINITY)]
///     timeout_secs: f64,
/// }
/// # let _ = Config { timeout_secs: 1.0 }.validate();
/// ```
///
/// ```compile_fail
/// #[derive(rmrl_core::ConfigKeys)]
/// struct Config {
///     /// How often to try.
///     #[key(at_least = 10, at_most = 1)]
///     retries: u32,
/// }
/// # let _ = Config { retries: 1 }.validate();
/// ```
pub trait ConfigKeys {
    /// Adds the descriptions of all keys, in the order of their declaration, as keys of `section`.
    fn describe_keys(section: &str, keys: &mut Vec<KeyDescription>);

    /// Checks every value, and the values against each other, as keys of `section`.
    ///
    /// # Errors
    /// The first invalid key, in the order of declaration.
    fn check_keys(&self, section: &str) -> Result<(), InvalidKey>;

    /// The descriptions of all keys, in the order of their declaration.
    fn keys() -> Vec<KeyDescription> {
        let mut keys = Vec::new();
        Self::describe_keys("", &mut keys);
        keys
    }
}
