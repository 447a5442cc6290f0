//! `rmrl cell stop`

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::cell::terminal::say;
use crate::config::{MOST_CONFIG_BYTES, syntax_reason};
use anyhow::{Context, anyhow};
use clap::Args;
use rmrl_files::read_utf8_file;
use rmrl_xarm::{Inspector, XArmConfig, controller_error, hold_stopped, stop_arm};
use serde::Serialize;

use crate::cli::failure::Failure;
use crate::cli::output::print_result;

/// Stop the arm immediately, whichever program moves it.
///
/// Sends the stop before anything else, over a separate link, and waits until the arm reports that it
/// stands. The program that moves the arm sees that somebody else stopped it. A program that is recovering
/// from an error may ignore the stop and continue, so the arm is watched for some time (--watch) and
/// stopped again. Only the address is read from the configuration; nothing else in it has to be valid.
/// This is not an emergency stop, which is a button.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  rmrl cell stop --host 192.168.1.217
  rmrl cell stop --config my-cell.toml")]
pub struct Stop {
    /// Name or address of the controller [default: xarm.host of the file, 192.168.1.217]
    #[arg(long, value_name = "HOST")]
    host: Option<String>,

    /// Its control port [default: xarm.control_port of the file, 502]
    #[arg(long, value_name = "PORT")]
    port: Option<u16>,

    /// A configuration file, for its address
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,

    /// How long to watch that the arm stays stopped, in seconds; 20 is longer than the recovery of a run
    #[arg(long, value_name = "SECONDS", default_value_t = 20)]
    watch: u32,
}

/// The result, as the command prints it.
#[derive(Serialize)]
struct Stopped {
    address: String,
    state: &'static str,
    /// How often the arm had to be stopped again.
    stopped_again: u32,
    /// The controller's error that waits to be cleared; 0 for none, absent if it is unknown.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<u8>,
}

impl fmt::Display for Stopped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}: {}", self.address, self.state)?;
        match self.error {
            None | Some(0) => Ok(()),
            Some(error) => writeln!(f, "error {error}: {}", controller_error(error).meaning),
        }
    }
}

/// Runs the command.
pub fn run(arguments: &Stop) -> Result<(), Failure> {
    let mut config = XArmConfig::default();
    if let Some(path) = &arguments.config {
        // With --host, nothing in the file is needed.
        match address_of(path) {
            Ok(of_file) => config = of_file,
            Err(error) if arguments.host.is_none() => return Err(Failure::Usage(error)),
            Err(error) => tracing::warn!("{error:#}"),
        }
    }
    if let Some(host) = &arguments.host {
        (config.host, config.socket_folder) = (host.clone(), None);
    }
    config.control_port = arguments.port.unwrap_or(config.control_port);
    let address = config.address(config.control_port);
    stop_arm(&address, ANSWER_TIMEOUT).with_context(|| {
        format!("{address} did not confirm the stop: press the emergency stop button")
    })?;
    if arguments.watch > 0 {
        say(format_args!(
            "{address}: stopped; watching for {} s that it stays stopped",
            arguments.watch
        ));
    }
    let watch = Duration::from_secs(arguments.watch.into());
    let stopped_again = hold_stopped(&address, ANSWER_TIMEOUT, watch).with_context(|| {
        format!(
            "{address} was stopped, but does not answer any more: press the emergency stop button"
        )
    })?;
    // The arm stands, so an unknown error code does not fail the command.
    let error = Inspector::connect(config).and_then(|mut arm| arm.errors()).ok();
    let stopped = Stopped {
        address: address.to_string(),
        state: "stopped",
        stopped_again,
        error: error.map(|(error, _)| error),
    };
    Ok(print_result(
        &stopped,
        false,
        "look at the arm, then rmrl cell doctor --config my-cell.toml --clear",
    )?)
}

/// How long to wait for an answer, whatever is configured; the vendor's value.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(2);

/// The address of the controller in a configuration file, of which nothing else is read.
fn address_of(path: &Path) -> anyhow::Result<XArmConfig> {
    let text = read_utf8_file(path, MOST_CONFIG_BYTES)
        .with_context(|| format!("cannot read {}", path.display()))?;
    let table: toml::Table = text
        .parse()
        .map_err(|error| syntax_reason(&text, &error))
        .map_err(|reason| anyhow!("{} is not valid TOML, give --host: {reason}", path.display()))?;
    let given = table.get("xarm").and_then(toml::Value::as_table);
    let mut config = XArmConfig::default();
    let Some(given) = given else { return Ok(config) };
    let wrong = |key: &str| anyhow!("{}: xarm.{key} is invalid, give --host", path.display());
    if let Some(host) = given.get("host") {
        config.host = host.as_str().ok_or_else(|| wrong("host"))?.to_string();
    }
    if let Some(port) = given.get("control_port") {
        let port = port.as_integer().and_then(|port| u16::try_from(port).ok());
        config.control_port = port.ok_or_else(|| wrong("control_port"))?;
    }
    if let Some(folder) = given.get("socket_folder") {
        config.socket_folder = Some(folder.as_str().ok_or_else(|| wrong("socket_folder"))?.into());
    }
    Ok(config)
}
