//! Where a remote camera and a remote operator are.

use rmrl_core::ConfigKeys;
use serde::{Deserialize, Serialize};

/// The program that serves the camera and the operator of a remote cell.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ConfigKeys)]
#[serde(default, deny_unknown_fields)]
pub struct RemoteConfig {
    /// Name or address, and port. Default `127.0.0.1:18765`, where `rmrl xarm emulate` serves them.
    #[key(valid = is_address, expected = "a host and a port, HOST:PORT")]
    pub address: String,
    /// How long a capture may take, in seconds. Default 10: automatic exposure settles within a second,
    /// a slow network needs one more.
    #[key(at_least = 0.01, at_most = 86_400)]
    pub timeout_secs: f64,
    /// How long an operator may take, in seconds. Default 600.
    #[key(at_least = 0.01, at_most = 86_400)]
    pub operator_timeout_secs: f64,
}

impl RemoteConfig {
    /// Where `rmrl xarm emulate` serves.
    pub const DEFAULT_ADDRESS: &str = "127.0.0.1:18765";
}

impl Default for RemoteConfig {
    fn default() -> Self {
        Self {
            address: Self::DEFAULT_ADDRESS.to_string(),
            timeout_secs: 10.0,
            operator_timeout_secs: 600.0,
        }
    }
}

fn is_address(address: &str) -> bool {
    address.rsplit_once(':').is_some_and(|(host, port)| {
        !host.is_empty() && port.parse::<u16>().is_ok_and(|port| port > 0)
    })
}
