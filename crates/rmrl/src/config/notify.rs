//! Where messages about a run are sent.

use serde::{Deserialize, Serialize};

/// Who is told when something happens that a person should know of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NotifyConfig {
    /// A program and its arguments, run without a shell: `["notify-send", "RM-RL", "{message}"]`. In
    /// arguments `{event}`, `{run}`, `{trial}` and `{message}` are filled in; the environment has them as
    /// `RMRL_EVENT`, ..., and standard input all as JSON. Default none.
    pub command: Vec<String>,
    /// An address that the JSON is posted to. `https` needs the cargo feature of that name. Default none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub webhook: Option<String>,
    /// How long each of both may take, in seconds. Default 10: for a mobile network; untuned.
    pub timeout_secs: f64,
}

impl Default for NotifyConfig {
    fn default() -> Self {
        Self { command: Vec::new(), webhook: None, timeout_secs: 10.0 }
    }
}

/// A value that notifications cannot be made with.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum NotifyConfigError {
    /// Arguments of no program.
    #[error("command begins with an empty word, expected a program")]
    NoProgram,
    /// No address to post to.
    #[error("webhook is \"{webhook}\", expected http://... or https://...")]
    Webhook {
        /// What was given.
        webhook: String,
    },
    /// This build speaks no TLS.
    #[error(
        "webhook is \"{webhook}\", and this build speaks no https; build with --features https"
    )]
    NoTls {
        /// What was given.
        webhook: String,
    },
    /// No time, or too much of it.
    #[error("timeout_secs is {timeout_secs}, expected 0.1 to 300")]
    Timeout {
        /// What was given, in seconds.
        timeout_secs: f64,
    },
}

impl NotifyConfig {
    /// Checks the values.
    ///
    /// # Errors
    /// The first one that cannot be.
    pub fn validate(&self) -> Result<(), NotifyConfigError> {
        if self.command.first().is_some_and(String::is_empty) {
            return Err(NotifyConfigError::NoProgram);
        }
        if let Some(webhook) = &self.webhook {
            let webhook = || webhook.clone();
            match webhook().split_once("://") {
                Some(("http", host)) if !host.is_empty() => {}
                Some(("https", host)) if !host.is_empty() => {
                    if !cfg!(feature = "https") {
                        return Err(NotifyConfigError::NoTls { webhook: webhook() });
                    }
                }
                _ => return Err(NotifyConfigError::Webhook { webhook: webhook() }),
            }
        }
        let timeout_secs = self.timeout_secs;
        if !(0.1..=300.0).contains(&timeout_secs) {
            return Err(NotifyConfigError::Timeout { timeout_secs });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_that_cannot_be_are_named() {
        let with = |change: fn(&mut NotifyConfig)| {
            let mut config = NotifyConfig::default();
            change(&mut config);
            config.validate().unwrap_err().to_string()
        };
        assert_eq!(NotifyConfig::default().validate(), Ok(()));
        assert!(with(|config| config.command = vec![String::new()]).contains("command"));
        assert!(with(|config| config.webhook = Some("ftp://a".into())).contains("ftp://a"));
        assert!(with(|config| config.webhook = Some("http://".into())).contains("http://"));
        assert!(with(|config| config.timeout_secs = 0.0).contains("timeout_secs is 0"));
        if !cfg!(feature = "https") {
            let message = with(|config| config.webhook = Some("https://a".into()));
            assert!(message.contains("--features https"), "{message}");
        }
    }
}
