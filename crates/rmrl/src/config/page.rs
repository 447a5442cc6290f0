//! Where the operator's page is served.

use std::net::SocketAddr;
use std::path::PathBuf;

use rmrl_core::ConfigKeys;
use serde::{Deserialize, Serialize};

/// Where the operator's page is served, and for whom.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ConfigKeys)]
#[serde(default, deny_unknown_fields)]
pub struct PageSettings {
    /// Where to listen, such as `127.0.0.1:8080`; port 0 is any free one. Default none: no page.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[key(kind = "ADDRESS:PORT")]
    pub serve: Option<SocketAddr>,
    /// The file that holds the token to act with, alone on its first line. Default: a random token for
    /// each start of the run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_file: Option<PathBuf>,
    /// Names by which browsers reach this machine besides `localhost` and numbers. Default none.
    pub host_names: Vec<String>,
    /// Whether the page stays when the run has ended, until Ctrl-C. Default false: three seconds, for
    /// readers to see the end.
    pub stay_open: bool,
}
