//! Ablations: what each setting contributes.

use std::fmt;
use std::str::FromStr;

use rmrl_learn::MethodName;

use super::plan::Variant;

mod settings;

pub use settings::ABLATIONS;

/// One setting, its values, and the methods that they are tried with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ablation {
    name: &'static str,
    title: &'static str,
    about: &'static str,
    methods: &'static [MethodName],
    /// Names of the values, and the assignments of each.
    settings: &'static [(&'static str, &'static [&'static str])],
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

/// A name that no ablation has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name:?} is no ablation; they are {}", ABLATIONS.each_ref().map(Ablation::name).join(", "))]
pub struct UnknownAblation {
    /// The unknown name.
    pub name: String,
}

impl FromStr for Ablation {
    type Err = UnknownAblation;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        ABLATIONS
            .into_iter()
            .find(|ablation| ablation.name == name)
            .ok_or_else(|| UnknownAblation { name: name.to_string() })
    }
}

#[cfg(test)]
mod tests {
    use rmrl_cell::TaskKind;

    use super::*;
    use crate::config::{Layers, RunConfig};
    use crate::reproduce::Plan;

    #[test]
    fn every_setting_is_a_valid_configuration_and_one_of_them_the_default() {
        for ablation in ABLATIONS {
            assert_eq!(ablation.name().parse(), Ok(ablation.clone()));
            let plan = Plan {
                layers: Layers::default(),
                placements: 10,
                trials: 150,
                variants: ablation.variants(),
                methods: ablation.methods().to_vec(),
                seeds: 1,
                tasks: vec![TaskKind::Table],
            };
            let configs: Vec<_> =
                plan.units().iter().map(|unit| plan.config(unit).unwrap()).collect();
            let is_default =
                |config: &RunConfig| *config == RunConfig::of(TaskKind::Table, config.method);
            assert!(configs.iter().any(is_default), "{ablation} lacks the default");
        }
    }
}
