//! Rules between the keys of a section.

use std::fmt::Display;

use super::invalid_key::{InvalidKey, key_path};

/// Checks the keys of one section against each other, and names them by their full paths.
///
/// [`derive@ConfigKeys`](crate::ConfigKeys) passes one to the function that `#[config(rules = ...)]` names.
#[derive(Debug, Clone, Copy)]
pub struct Check<'a> {
    section: &'a str,
}

impl<'a> Check<'a> {
    /// A check of the section at `section`; of the whole configuration for "".
    pub fn new(section: &'a str) -> Self {
        Self { section }
    }

    /// The full path of a key of the section.
    pub fn path(&self, key: &str) -> String {
        key_path(self.section, key)
    }

    /// Requires that `condition` holds for the value of `key`.
    ///
    /// # Errors
    /// It does not hold.
    pub fn require(
        &self,
        key: &str,
        value: impl Display,
        condition: bool,
        expected: impl Display,
    ) -> Result<(), InvalidKey> {
        if condition { Ok(()) } else { Err(InvalidKey::new(self.path(key), value, expected)) }
    }

    /// Requires that at most one of `keys` is given. Each key comes with whether it is.
    ///
    /// # Errors
    /// The second key that is given.
    pub fn exclude(&self, keys: &[(&str, bool)]) -> Result<(), InvalidKey> {
        let mut given = keys.iter().filter(|(_, is_given)| *is_given).map(|(key, _)| key);
        match (given.next(), given.next()) {
            (Some(first), Some(second)) => {
                let expected = format!("none, because {} is given, too", self.path(first));
                self.require(second, "given", false, expected)
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_name_the_full_path_of_their_key() {
        let check = Check::new("camera.drift");
        assert_eq!(check.require("stop_m", 0.001, true, "suspect_m or more"), Ok(()));
        let error = check.require("stop_m", 0.001, false, "suspect_m or more").unwrap_err();
        assert_eq!(error.to_string(), "camera.drift.stop_m is 0.001, expected suspect_m or more");
        assert_eq!(Check::new("").path("trials"), "trials");
    }

    #[test]
    fn keys_that_exclude_each_other_are_both_named() {
        let check = Check::new("camera");
        for given in [[false, false, false], [false, true, false], [false, false, true]] {
            let keys = [("serial", given[0]), ("playback", given[1]), ("folder", given[2])];
            assert_eq!(check.exclude(&keys), Ok(()));
        }
        let keys = [("serial", true), ("playback", false), ("folder", true)];
        assert_eq!(
            check.exclude(&keys).unwrap_err().to_string(),
            "camera.folder is given, expected none, because camera.serial is given, too"
        );
    }
}
