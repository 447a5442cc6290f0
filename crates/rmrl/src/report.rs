//! Self-contained HTML pages: one per run, one per qualification of a cell, one with the errors at its sites over time.
//!
//! - `data` reads everything that the page shows from a run directory.
//! - `sections` makes the title, the tables and the curves.
//! - `trial_images` makes the section with the images of the first and the last trials.
//! - `plots` draws the curves as SVG; `value_axis` is their vertical axis.
//! - `template` fills a page's placeholders; `page.html` is the report's page, `page.css` the style of all pages.
//! - `qualification_page` is a cell's acceptance report: `qualification_tables` makes its tables, `pair_errors_plot` the plot of
//!   errors for each pair of sites.
//! - `site_history_page` shows the errors at each site over days, and `site_history_plot` draws them; `site_history` has what it
//!   shows, with the alarms.
//! - `figure`, `html_table`, `plot_style` are what pages have in common.

mod data;
mod figure;
mod html_table;
mod pair_errors_plot;
mod plot_style;
mod plots;
mod qualification_page;
mod qualification_tables;
mod sections;
mod site_history;
mod site_history_page;
mod site_history_plot;
pub(crate) mod template;
mod trial_images;
mod value_axis;

use std::path::Path;

use rmrl_data::RunDir;

use self::data::ReportData;
use self::template::{STYLE, fill};
use crate::config::RunConfig;

pub use qualification_page::qualification_page;
pub use site_history::{RaisedAlarm, SiteHistory};
pub use site_history_page::site_history_page;

/// The report's name in a run directory.
pub const REPORT: &str = "report.html";

/// The report of the run in `root`, finished or not.
///
/// # Errors
/// The run cannot be read, or has no trial yet.
pub fn report(root: &Path) -> anyhow::Result<String> {
    report_by(&RunConfig::of_run(&root.join(RunDir::CONFIG))?, root)
}

/// The report of a run whose configuration has been read already.
///
/// # Errors
/// The run cannot be read, or has no trial yet.
pub fn report_by(config: &RunConfig, root: &Path) -> anyhow::Result<String> {
    let data = ReportData::read(config, root)?;
    let mut values = vec![("style", STYLE.to_string())];
    values.extend(sections::heading(&data));
    values.extend(sections::reward(&data)?);
    values.extend(sections::translation_error(&data)?);
    values.extend(sections::yaw_error(&data)?);
    values.push(("budget", sections::error_budget(&data)));
    values.push(("next", sections::next(&data)));
    values.push(("images", trial_images::first_and_last(&data)?));
    values.push(("config", sections::configuration(&data)));
    Ok(fill(include_str!("report/page.html"), &values))
}
