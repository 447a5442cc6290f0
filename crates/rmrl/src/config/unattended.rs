//! Limits and confirmation policy for unattended runs.

use rmrl_cell::{AfterContact, Recovery, TaskConfig};
use rmrl_core::ConfigKeys;
use serde::{Deserialize, Serialize};

/// Limits and confirmation policy for unattended runs. Limits count from each start of the run, and no value
/// changes what a trial does.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ConfigKeys)]
#[serde(default, deny_unknown_fields)]
pub struct UnattendedConfig {
    /// Hours after which no trial begins any more. Default none.
    #[key(above = 0, at_most = 2000)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_hours: Option<f64>,
    /// Faulted attempts, in a row or not, that end the run. Default none: five in a row end it anyway.
    #[key(at_least = 1, limit = 1_000_000)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_faults: Option<u32>,
    /// Whether an operator has to confirm every attempt before the arm moves. Default false.
    pub confirm_trials: bool,
    /// Whether an operator has to confirm a pick where the policy abstains, because it does not know the place well enough.
    /// Default false: the pick is made all the same, and marked in the log.
    pub confirm_abstained: bool,
    /// How long the run waits for a confirmation, in minutes. Default 10: a coffee; untuned.
    #[key(above = 0, at_most = 10_000)]
    pub confirm_minutes: f64,
    /// Whether a real cell continues once, slowly and without an operator, after contact where none was expected:
    /// only for cells that nobody can reach into. Default false: an operator has to look. A simulated cell always
    /// continues.
    pub retry_after_contact: bool,
    /// How devices that are lost are tried again; each wait is twice the one before.
    #[key(nested)]
    pub recovery: Recovery,
}

impl Default for UnattendedConfig {
    fn default() -> Self {
        Self {
            max_hours: None,
            max_faults: None,
            confirm_trials: false,
            confirm_abstained: false,
            confirm_minutes: 10.0,
            retry_after_contact: false,
            recovery: Recovery::default(),
        }
    }
}

impl UnattendedConfig {
    /// What follows in a real cell on contact where none is expected.
    pub fn after_contact(&self, task: &TaskConfig) -> AfterContact {
        match self.retry_after_contact {
            true => AfterContact::RetrySlowly { speed_m_s: task.contact_speed_m_s },
            false => AfterContact::WaitForPerson,
        }
    }

    /// What the operator who starts a real cell has to know about contact; `None` where the run waits for an operator
    /// after contact.
    pub fn contact_note(&self, task: &TaskConfig) -> Option<String> {
        self.retry_after_contact.then(|| {
            format!(
                "unattended.retry_after_contact is on: after contact where none was expected the arm continues once \
                 without an operator, at {} m/s; nobody may be able to reach into the cell",
                task.contact_speed_m_s
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arm_continues_after_contact_only_where_that_is_configured_and_announced() {
        let task = TaskConfig::table();
        let config = UnattendedConfig::default();
        assert_eq!(config.after_contact(&task), AfterContact::WaitForPerson);
        assert_eq!(config.contact_note(&task), None);
        let config = UnattendedConfig { retry_after_contact: true, ..config };
        assert_eq!(config.after_contact(&task), AfterContact::RetrySlowly { speed_m_s: 0.05 });
        let note = config.contact_note(&task).unwrap();
        assert!(note.contains("retry_after_contact is on") && note.contains("0.05 m/s"), "{note}");
    }

    #[test]
    fn invalid_values_are_named() {
        let with = |change: fn(&mut UnattendedConfig)| {
            let mut config = UnattendedConfig::default();
            change(&mut config);
            config.validate().unwrap_err().to_string()
        };
        assert_eq!(UnattendedConfig::default().validate(), Ok(()));
        assert!(with(|config| config.max_hours = Some(0.0)).contains("max_hours is 0"));
        assert!(with(|config| config.max_hours = Some(f64::NAN)).contains("max_hours is NaN"));
        assert!(with(|config| config.confirm_minutes = -1.0).contains("confirm_minutes is -1"));
        assert!(with(|config| config.max_faults = Some(0)).contains("max_faults is 0"));
        assert!(with(|config| config.recovery.retries = 99).contains("recovery.retries is 99"));
    }
}
