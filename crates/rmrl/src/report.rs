//! One self-contained HTML page per run.
//!
//! - `data` reads everything that the page shows from a run directory.
//! - `sections` makes the title, the tables and the curves.
//! - `trial_images` makes the section with the images of the first and the last trials.
//! - `overlay` draws estimated and true poses into such an image.
//! - `plots` draws the curves as SVG; `value_axis` is their vertical axis.
//! - `template` fills a page's placeholders; `page.html` is the report's page.

mod data;
mod overlay;
mod plots;
mod sections;
pub(crate) mod template;
mod trial_images;
mod value_axis;

use std::path::Path;

use rmrl_data::RunDir;

use self::data::ReportData;
use self::template::fill;
use crate::config::RunConfig;

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
    let mut values = sections::heading(&data);
    values.extend(sections::reward(&data)?);
    values.extend(sections::translation_error(&data)?);
    values.extend(sections::yaw_error(&data)?);
    values.push(("budget", sections::error_budget(&data)));
    values.push(("next", sections::next(&data)));
    values.push(("images", trial_images::first_and_last(&data)?));
    values.push(("config", sections::configuration(&data)));
    Ok(fill(include_str!("report/page.html"), &values))
}
