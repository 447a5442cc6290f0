//! Where the operator's page is served.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use rmrl_core::ConfigKeys;
use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

/// Where the operator's page is served, and for whom. It belongs to a start of the command: a run directory does not
/// keep it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ConfigKeys)]
#[serde(default, deny_unknown_fields)]
pub struct PageSettings {
    /// Where to listen, such as `127.0.0.1:8080` or `localhost:8080`; a port alone listens on this machine only.
    /// Port 0 is any free one. Default none: no page.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "address")]
    #[key(kind = "PORT or ADDRESS:PORT")]
    pub serve: Option<SocketAddr>,
    /// The file that holds the token to act with, alone on its first line; nobody else may be able to read it.
    /// Default: a random token for each start of the run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_file: Option<PathBuf>,
    /// Names by which browsers reach this machine besides `localhost` and numbers. Default none.
    pub host_names: Vec<String>,
    /// Whether the page stays when the run has ended, until Ctrl-C. Default false: three seconds, for
    /// readers to see the end.
    pub stay_open: bool,
}

/// Reads where to listen: `8080`, `localhost:8080` or `192.168.1.5:8080`. A port alone means this machine only.
///
/// # Errors
/// It is none of these.
pub(crate) fn serve_address(text: &str) -> Result<SocketAddr, String> {
    let text = text.trim();
    let port = text.strip_prefix("localhost:").unwrap_or(text);
    if let Ok(port) = port.parse() {
        return Ok((Ipv4Addr::LOCALHOST, port).into());
    }
    text.parse().map_err(|_| {
        format!("{text:?} is no place to listen; expected a port such as 8080, or ADDRESS:PORT such as 127.0.0.1:8080")
    })
}

fn address<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<SocketAddr>, D::Error> {
    struct PortOrAddress;

    impl Visitor<'_> for PortOrAddress {
        type Value = SocketAddr;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a port such as 8080, or ADDRESS:PORT such as 127.0.0.1:8080")
        }

        fn visit_i64<E: Error>(self, port: i64) -> Result<SocketAddr, E> {
            self.visit_str(&port.to_string())
        }

        fn visit_str<E: Error>(self, text: &str) -> Result<SocketAddr, E> {
            serve_address(text).map_err(E::custom)
        }
    }

    deserializer.deserialize_any(PortOrAddress).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_served_at_a_port_of_this_machine_or_at_an_address() {
        for (text, expected) in [
            ("8080", "127.0.0.1:8080"),
            ("0", "127.0.0.1:0"),
            ("localhost:8080", "127.0.0.1:8080"),
            ("0.0.0.0:80", "0.0.0.0:80"),
            ("[::1]:80", "[::1]:80"),
        ] {
            assert_eq!(serve_address(text).unwrap().to_string(), expected, "{text}");
            let read: PageSettings = toml::from_str(&format!("serve = {text:?}")).unwrap();
            assert_eq!(read.serve.unwrap().to_string(), expected, "{text}");
        }
        let read: PageSettings = toml::from_str("serve = 8080").unwrap();
        assert_eq!(read.serve.unwrap().to_string(), "127.0.0.1:8080");
        for text in ["", "localhost", "arm.example:80", "70000", "-1", "1.2.3.4"] {
            let error = serve_address(text).unwrap_err();
            assert!(error.contains("8080") && error.contains("ADDRESS:PORT"), "{error}");
        }
        let error = toml::from_str::<PageSettings>("serve = 70000").unwrap_err();
        assert!(error.to_string().contains("70000"), "{error}");
    }
}
