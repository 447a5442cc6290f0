//! Where messages about a run are sent.

use std::fmt;

use rmrl_core::{Check, ConfigKeys, InvalidKey};
use serde::{Deserialize, Serialize};

use crate::config::secrets::shown_url;

/// Who is notified when something happens that an operator should know of. It belongs to a start of the command: a run
/// directory does not keep it. Messages and `Debug` do not show the command or the path of the web hook.
#[derive(Clone, PartialEq, Serialize, Deserialize, ConfigKeys)]
#[serde(default, deny_unknown_fields)]
#[config(rules = Self::check_together)]
pub struct NotifyConfig {
    /// A program and its arguments, run without a shell: `["notify-send", "RM-RL", "{message}"]`. In
    /// arguments `{event}`, `{run}`, `{trial}` and `{message}` are filled in; the environment has them as
    /// `RMRL_EVENT`, ..., and standard input all as JSON. Default none.
    pub command: Vec<String>,
    /// An address that the JSON is posted to. `https` needs the cargo feature of that name. Default none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub webhook: Option<String>,
    /// How long each of both may take, in seconds. Default 10: for a mobile network; untuned.
    #[key(at_least = 0.1, at_most = 300)]
    pub timeout_secs: f64,
}

impl fmt::Debug for NotifyConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NotifyConfig")
            .field("command", &self.command.first().map(|_| ".."))
            .field("webhook", &self.webhook.as_deref().map(shown_url))
            .field("timeout_secs", &self.timeout_secs)
            .finish()
    }
}

impl Default for NotifyConfig {
    fn default() -> Self {
        Self { command: Vec::new(), webhook: None, timeout_secs: 10.0 }
    }
}

impl NotifyConfig {
    fn check_together(&self, check: &Check) -> Result<(), InvalidKey> {
        let is_program = self.command.first().is_none_or(|program| !program.is_empty());
        check.require(
            "command",
            "begun by an empty word",
            is_program,
            "a program and its arguments",
        )?;
        let Some(webhook) = &self.webhook else {
            return Ok(());
        };
        let host_of =
            |scheme: &str| webhook.strip_prefix(scheme).is_some_and(|host| !host.is_empty());
        let (is_http, is_https) = (host_of("http://"), host_of("https://"));
        let shown = format!("\"{}\"", shown_url(webhook));
        check.require("webhook", &shown, is_http || is_https, "http://... or https://...")?;
        let expected = "http://...: this build speaks no https; build with --features https";
        check.require("webhook", &shown, is_http || cfg!(feature = "https"), expected)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invalid_values_are_named() {
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
            let message = with(|config| config.webhook = Some("https://u:secret@a/secret".into()));
            assert!(!message.contains("secret") && message.contains("https://a/..."), "{message}");
        }
    }
}
