//! Where a remote camera and a remote operator are.

use serde::{Deserialize, Serialize};

/// Where a distant cell's camera and person are asked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DistantConfig {
    /// Name or address, and port. Default `127.0.0.1:18765`, where `rmrl xarm emulate` serves them.
    pub address: String,
    /// How long a picture may take, in seconds. Default 10: automatic exposure settles within a second,
    /// a slow network needs one more.
    pub timeout_secs: f64,
    /// How long a person may take, in seconds. Default 600.
    pub person_timeout_secs: f64,
}

/// A value that cannot be.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{key} is {value}, expected {expected}")]
pub struct DistantConfigError {
    key: &'static str,
    value: String,
    expected: &'static str,
}

impl DistantConfig {
    /// Where `rmrl xarm emulate` serves.
    pub const DEFAULT_ADDRESS: &str = "127.0.0.1:18765";

    /// Checks what can be checked without connecting.
    ///
    /// # Errors
    /// The first value that cannot be.
    pub fn validate(&self) -> Result<(), DistantConfigError> {
        let is_address = self.address.rsplit_once(':').is_some_and(|(host, port)| {
            !host.is_empty() && port.parse::<u16>().is_ok_and(|port| port > 0)
        });
        if !is_address {
            let (key, value) = ("address", format!("{:?}", self.address));
            return Err(DistantConfigError {
                key,
                value,
                expected: "a host and a port, HOST:PORT",
            });
        }
        for (key, secs) in
            [("timeout_secs", self.timeout_secs), ("person_timeout_secs", self.person_timeout_secs)]
        {
            if !(0.01..=86_400.0).contains(&secs) {
                let expected = "0.01 to 86400 seconds";
                return Err(DistantConfigError { key, value: secs.to_string(), expected });
            }
        }
        Ok(())
    }
}

impl Default for DistantConfig {
    fn default() -> Self {
        Self {
            address: Self::DEFAULT_ADDRESS.to_string(),
            timeout_secs: 10.0,
            person_timeout_secs: 600.0,
        }
    }
}
