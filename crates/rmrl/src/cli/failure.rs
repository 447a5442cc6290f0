//! Why a command failed, and with which exit status.

use crate::config::ConfigError;

/// Why a command failed, and with which exit status.
pub enum Failure {
    /// The command or its configuration is wrong; nothing was written. Exit status 2.
    Usage(anyhow::Error),
    /// The work of the command failed. Exit status 1.
    Runtime(anyhow::Error),
    /// The work ended otherwise than it should, with an exit status of the command's own.
    Ended(u8, String),
    /// The command was stopped. Exit status 130.
    Stopped(String),
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Self::Usage(error.into())
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::Runtime(error)
    }
}
