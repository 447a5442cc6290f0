//! An ablation: what one setting contributes. `ablations` has all of them.

use std::fmt;

use rmrl_learn::MethodName;

use super::plan::Variant;

/// One setting, its values, and the methods that they are tried with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ablation {
    pub(super) name: &'static str,
    pub(super) title: &'static str,
    pub(super) about: &'static str,
    pub(super) methods: &'static [MethodName],
    /// Names of the values, and the assignments of each.
    pub(super) settings: &'static [(&'static str, &'static [&'static str])],
}

impl Ablation {
    /// The name used in commands.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// The setting that varies.
    pub fn title(&self) -> &'static str {
        self.title
    }

    /// A sentence that explains the setting.
    pub fn about(&self) -> &'static str {
        self.about
    }

    /// The methods that the settings are tried with.
    pub fn methods(&self) -> &'static [MethodName] {
        self.methods
    }

    /// The settings as variants of the configuration.
    pub fn variants(&self) -> Vec<Variant> {
        self.settings
            .iter()
            .map(|(name, assignments)| {
                Variant::new(*name, assignments.iter().map(ToString::to_string))
            })
            .collect()
    }
}

impl fmt::Display for Ablation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}
