//! The program of a laboratory that transfers over the controller's protocol, as `soak --wire` starts it: requests come as lines of
//! standard input, and what each came to goes as a line to standard output.
//!
//! One program makes many transfers, as a laboratory's own does: a start takes nearly as long as a transfer.

use std::io::{BufRead, Write};
use std::time::Instant;

use rmrl::rmrl_cell::{Recovery, with_sources};
use rmrl::rmrl_transfer::{Request, TransferReport};
use rmrl::{Layers, Places, RunConfig, Start, open_transfer_cell};
use serde::{Deserialize, Serialize};

use crate::devices::thread_secs;
use crate::{Failure, Options};

/// What the program says.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Said {
    /// It is ready, so many seconds after its start.
    Ready { secs: f64 },
    /// It could not start; in words.
    NotStarted(String),
    /// A transfer ended, after so many seconds, of which it computed some.
    Ended { report: Box<TransferReport>, secs: f64, computing_secs: f64 },
    /// A transfer was refused; in words.
    Refused(String),
}

/// The configuration of a laboratory, with addresses and folders of this soak.
pub fn configured(options: &Options) -> Result<(RunConfig, Places), Failure> {
    let file = options.text("config", "configs/laboratory-emulated.toml");
    let mut layers = Layers::default().with_text(&file, &std::fs::read_to_string(&file)?)?;
    for (option, key) in [
        ("seed", "seed"),
        ("control", "xarm.control_port"),
        ("reports", "xarm.report_port"),
        ("remote", "remote.address"),
        ("inventory", "inventory.dir"),
    ] {
        if options.has(option) {
            let value = options.text(option, "");
            let value = if value.parse::<u64>().is_ok() { value } else { format!("\"{value}\"") };
            layers = layers.with_assignment(&format!("{key}={value}"))?;
        }
    }
    // An emulated arm that was left needs no time to come to rest, and its answers come at once.
    let layers = layers
        .with_assignment("xarm.standstill_secs=0")?
        .with_assignment("xarm.answer_timeout_secs=0.5")?
        .with_assignment("xarm.reconnect_secs=2")?
        .with_assignment("xarm.motion_margin_secs=2")?;
    let places = layers.places()?;
    Ok((layers.resolve()?, places))
}

pub fn run(options: &Options) -> Result<bool, Failure> {
    let began = Instant::now();
    let (config, places) = configured(options)?;
    let mut assembled = match open_transfer_cell(&config, &places, &Start::default()) {
        Ok(assembled) => assembled,
        Err(error) => {
            say(&Said::NotStarted(with_sources(&error)))?;
            return Ok(true);
        }
    };
    assembled.cell.recover_by(Recovery { retries: 3, first_wait_secs: 0.1 });
    say(&Said::Ready { secs: began.elapsed().as_secs_f64() })?;
    for line in std::io::stdin().lock().lines() {
        let request: Request = serde_json::from_str(&line?)?;
        let (began, computed) = (Instant::now(), thread_secs());
        let said = match assembled.cell.transfer(&request) {
            Ok(report) => Said::Ended {
                report: Box::new(report),
                secs: began.elapsed().as_secs_f64(),
                computing_secs: thread_secs() - computed,
            },
            Err(error) => Said::Refused(with_sources(&error)),
        };
        say(&said)?;
    }
    Ok(true)
}

fn say(said: &Said) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{}", serde_json::to_string(said)?)?;
    Ok(out.flush()?)
}
