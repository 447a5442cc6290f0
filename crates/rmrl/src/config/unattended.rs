//! Limits and confirmation policy for unattended runs.

use rmrl_cell::{AfterContact, Recovery, TaskConfig};
use rmrl_core::InvalidKey;
use serde::{Deserialize, Serialize};

/// What is put up with, and who is asked, while nobody stands beside the cell. All of it counts from when
/// the run began or went on, and no value changes what a trial does.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct UnattendedConfig {
    /// After how many hours no trial begins any more. Default none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_hours: Option<f64>,
    /// With how many faulted attempts, in a row or not, the run ends. Default none: five in a row end it
    /// anyway.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_faults: Option<u32>,
    /// Whether a person has to confirm every attempt before the arm moves. Default false.
    pub confirm_trials: bool,
    /// How long the run waits for that, in minutes. Default 10: a coffee; untuned.
    pub confirm_minutes: f64,
    /// Whether a real cell goes on once, slowly and without a person, after contact where none was expected: for
    /// cells that nobody can reach into. Default false: a person has to look. A simulated cell always goes on.
    pub retry_after_contact: bool,
    /// How devices that are lost are tried again.
    pub recovery: Recovery,
}

impl Default for UnattendedConfig {
    fn default() -> Self {
        Self {
            max_hours: None,
            max_faults: None,
            confirm_trials: false,
            confirm_minutes: 10.0,
            retry_after_contact: false,
            recovery: Recovery::default(),
        }
    }
}

/// A value that a watch cannot have.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum UnattendedConfigError {
    /// A time that is none, or months.
    #[error("{key} is {value}, expected more than 0 and at most {most}")]
    Time {
        /// The key.
        key: &'static str,
        /// What was given.
        value: f64,
        /// The most that it can be.
        most: f64,
    },
    /// No fault at all would be one too many.
    #[error("max_faults is 0, expected 1 or more")]
    NoFaults,
    /// How devices are tried again.
    #[error("recovery.{0}")]
    Recovery(#[from] InvalidKey),
}

impl UnattendedConfig {
    /// Checks the values.
    ///
    /// # Errors
    /// The first one that cannot be.
    pub fn validate(&self) -> Result<(), UnattendedConfigError> {
        // Months of hours, and a week of minutes.
        for (key, value, most) in [
            ("max_hours", self.max_hours.unwrap_or(1.0), 2000.0),
            ("confirm_minutes", self.confirm_minutes, 10_000.0),
        ] {
            if !(value > 0.0 && value <= most) {
                return Err(UnattendedConfigError::Time { key, value, most });
            }
        }
        if self.max_faults == Some(0) {
            return Err(UnattendedConfigError::NoFaults);
        }
        Ok(self.recovery.validate()?)
    }

    /// What follows in a real cell on contact where none is expected.
    pub fn after_contact(&self, task: &TaskConfig) -> AfterContact {
        match self.retry_after_contact {
            true => AfterContact::RetrySlowly { speed_m_s: task.contact_speed_m_s },
            false => AfterContact::WaitForPerson,
        }
    }

    /// What whoever starts a real cell has to know of contact; `None` where a person is waited for.
    pub fn contact_note(&self, task: &TaskConfig) -> Option<String> {
        self.retry_after_contact.then(|| {
            format!(
                "unattended.retry_after_contact is on: after contact where none was expected the arm goes on once \
                 without a person, at {} m/s; nobody may be able to reach into the cell",
                task.contact_speed_m_s
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arm_goes_on_after_contact_only_where_that_is_asked_for_and_told() {
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
    fn values_that_cannot_be_are_named() {
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
