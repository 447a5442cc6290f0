//! The units of a reproduction, and the configuration of each.

use std::fmt;
use std::str::FromStr;

use rmrl_cell::TaskKind;
use rmrl_learn::MethodName;
use serde::{Deserialize, Serialize};

use crate::config::{ConfigError, Layers, RunConfig};

/// One method in one cell under one variant of the configuration.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Unit {
    /// The variant's name; [`Variant::DEFAULT`] outside of ablations.
    pub variant: String,
    /// The method.
    pub method: MethodName,
    /// The seed of everything random, and of the simulated cell.
    pub seed: u32,
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.variant, self.method, self.seed)
    }
}

/// A text that names no unit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} names no unit; expected VARIANT/METHOD/SEED, such as default/rm-rl/7")]
pub struct UnitNameError {
    /// The text.
    pub text: String,
}

impl FromStr for Unit {
    type Err = UnitNameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parse = || {
            let mut parts = text.split('/');
            let unit = Self {
                variant: parts.next().filter(|name| !name.is_empty())?.to_string(),
                method: parts.next()?.parse().ok()?,
                seed: parts.next()?.parse().ok()?,
            };
            parts.next().is_none().then_some(unit)
        };
        parse().ok_or_else(|| UnitNameError { text: text.to_string() })
    }
}

/// A named change of the configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Variant {
    /// The name, a part of file names: letters, digits, dots and dashes.
    pub name: String,
    /// The assignments that it makes, each `key=value`.
    pub assignments: Vec<String>,
}

impl Variant {
    /// The name of the variant that changes nothing.
    pub const DEFAULT: &'static str = "default";

    /// A variant with a name and assignments.
    pub fn new(name: impl Into<String>, assignments: impl IntoIterator<Item = String>) -> Self {
        Self { name: name.into(), assignments: assignments.into_iter().collect() }
    }

    /// The variant that changes nothing.
    pub fn unchanged() -> Self {
        Self::new(Self::DEFAULT, [])
    }
}

/// What a reproduction runs.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The configuration that all units share.
    pub layers: Layers,
    /// Trials per training.
    pub trials: u32,
    /// The variants, in the order of the tables.
    pub variants: Vec<Variant>,
    /// The methods, in the order of the tables.
    pub methods: Vec<MethodName>,
    /// The number of seeds; they count from 0.
    pub seeds: u32,
    /// Held-out placements of each task.
    pub placements: u32,
    /// The tasks that final policies are evaluated on. They are trained on the task of the configuration.
    pub tasks: Vec<TaskKind>,
}

impl Plan {
    /// All units, seed by seed, so that an interrupted sweep has finished cells with all methods.
    pub fn units(&self) -> Vec<Unit> {
        let mut units = Vec::new();
        for seed in 0..self.seeds {
            for variant in &self.variants {
                for &method in &self.methods {
                    units.push(Unit { variant: variant.name.clone(), method, seed });
                }
            }
        }
        units
    }

    /// The configuration of a unit.
    ///
    /// # Errors
    /// The plan has no such variant, or its configuration is invalid.
    pub fn config(&self, unit: &Unit) -> Result<RunConfig, PlanError> {
        let variant =
            self.variants.iter().find(|variant| variant.name == unit.variant).ok_or_else(|| {
                PlanError::Variant {
                    name: unit.variant.clone(),
                    known: self.variants.iter().map(|variant| variant.name.clone()).collect(),
                }
            })?;
        let mut layers = self.layers.clone();
        for assignment in &variant.assignments {
            layers = layers.with_assignment(assignment)?;
        }
        let method = unit.method.as_str();
        let config = layers.with_value("--methods", "method", method).resolve()?;
        Ok(RunConfig { seed: unit.seed, trials: self.trials, ..config })
    }
}

/// Why a unit has no configuration.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// A variant that the plan does not have.
    #[error("there is no variant {name:?}; the plan has {}", known.join(", "))]
    Variant {
        /// The name.
        name: String,
        /// The names of the plan's variants.
        known: Vec<String>,
    },
    /// The configuration is invalid.
    #[error(transparent)]
    Config(#[from] ConfigError),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unit_names_come_back_and_others_are_refused() {
        let unit = Unit { variant: "step-1.5".to_string(), method: MethodName::RmRl, seed: 7 };
        assert_eq!(unit.to_string().parse(), Ok(unit));
        for text in ["", "rm-rl/7", "default/rmrl/7", "default/rm-rl/x", "default/rm-rl/7/8"] {
            let error = text.parse::<Unit>().unwrap_err().to_string();
            assert!(error.contains("default/rm-rl/7"), "{error}");
        }
    }

    #[test]
    fn a_plan_is_ordered_by_cell_and_lays_variants_over_its_configuration() {
        let plan = Plan {
            layers: Layers::default(),
            trials: 20,
            placements: 10,
            variants: vec![
                Variant::unchanged(),
                Variant::new("short", ["schedule.trials_per_scene=5".to_string()]),
            ],
            methods: vec![MethodName::RmRl, MethodName::None],
            seeds: 2,
            tasks: vec![TaskKind::Table],
        };
        let names: Vec<String> = plan.units().iter().map(Unit::to_string).collect();
        assert_eq!(names.len(), 8);
        assert_eq!(names[..3], ["default/rm-rl/0", "default/none/0", "short/rm-rl/0"]);
        let config = plan.config(&"short/none/1".parse().unwrap()).unwrap();
        assert_eq!((config.schedule.trials_per_scene, config.seed, config.trials), (5, 1, 20));
        let error = plan.config(&"long/none/1".parse().unwrap()).unwrap_err().to_string();
        assert!(error.contains("long") && error.contains("short"), "{error}");
    }
}
