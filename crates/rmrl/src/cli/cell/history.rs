//! `rmrl cell history`

use std::fmt;
use std::path::PathBuf;

use anyhow::Context;
use clap::Args;
use jiff::tz::TimeZone;
use rmrl_files::write_atomically;
use rmrl_transfer::{AlarmConfig, SiteRecord, TransferLog, parse_records};
use serde::Serialize;

use crate::cell::transfer_cell::TRANSFERS;
use crate::cli::args::Configuration;
use crate::cli::failure::Failure;
use crate::cli::output::print_result;
use crate::report::{SiteHistory, site_history_page};

/// Show the errors at each site over days, as a page, with the alarms where they have grown.
///
/// Every transfer whose error was measured is in the log of the inventory's folder. An alarm says that the errors at a site are larger
/// than they were, with a false one in a thousand sites over all time. Exit status 3 if there is an alarm.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  rmrl cell history --config my-laboratory.toml --out history.html")]
pub struct HistoryCommand {
    /// The page
    #[arg(long, value_name = "FILE", default_value = "site-history.html")]
    out: PathBuf,

    /// Print JSON on a terminal, too
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    configuration: Configuration,
}

/// What the command prints.
#[derive(Serialize)]
struct Shown {
    page: String,
    transfers: usize,
    alarms: Vec<String>,
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} transfers whose error was measured: {}", self.transfers, self.page)?;
        self.alarms.iter().try_for_each(|alarm| writeln!(f, "ALARM: {alarm}"))
    }
}

/// Runs the command.
pub fn run(arguments: &HistoryCommand) -> Result<(), Failure> {
    let layers = arguments.configuration.layers()?;
    let places = layers.places()?;
    let config = layers.resolve()?;
    let log = TransferLog::at(&places.inventory.join(TRANSFERS));
    let records =
        parse_records(&log.text().map_err(anyhow::Error::from)?).map_err(anyhow::Error::from)?;
    let mut history = SiteHistory::of(&config.cell_name(), &records, AlarmConfig::default())?;
    history.time_zone = TimeZone::system();
    history.tolerance_mm = places
        .sites
        .iter()
        .map(|(name, site)| (name.clone(), 1e3 * site.seating.translation_m))
        .collect();
    let alarms: Vec<String> =
        history.alarms.iter().map(crate::report::RaisedAlarm::in_words).collect();
    let page = site_history_page(&history)?;
    write_atomically(&arguments.out, page.as_bytes())
        .with_context(|| format!("cannot write {}", arguments.out.display()))?;
    let is_transfer = |record: &&SiteRecord| matches!(record, SiteRecord::Transfer(_));
    let transfers = records.iter().filter(is_transfer).count();
    let shown = Shown { page: arguments.out.display().to_string(), transfers, alarms };
    let words = arguments.configuration.words().join(" ");
    print_result(&shown, arguments.json, format!("rmrl cell sites {words}").trim())?;
    match shown.alarms.first() {
        Some(alarm) => Err(Failure::Ended(3, alarm.clone())),
        None => Ok(()),
    }
}
