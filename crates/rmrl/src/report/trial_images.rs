//! The report's section with images of the first and the last trials.

use std::fmt::Write;
use std::io::Cursor;

use image::{ImageFormat, RgbImage};
use rmrl_data::{FailureRecord, TrialRecord};

use super::data::ReportData;
use super::figure::{data_uri, key, write_figure};
use crate::run::overlay::{AIM, LOCALIZED, Overlay, TRUE};

/// Trials shown at the beginning, and as many at the end.
const SHOWN_TRIALS: usize = 3;

/// The images of the first and the last trials, with a heading each.
///
/// # Errors
/// The page cannot be written.
pub(super) fn first_and_last(data: &ReportData) -> anyhow::Result<String> {
    let overlay = Overlay::of(data.config, data.camera, data.world.true_camera());
    let completed = data.trials();
    let first = completed.len().min(SHOWN_TRIALS);
    let last = completed.len().saturating_sub(SHOWN_TRIALS).max(first);
    let mut html = String::new();
    for (heading, trials) in
        [("First trials", &completed[..first]), ("Last trials", &completed[last..])]
    {
        if trials.is_empty() {
            continue;
        }
        write!(html, "<h2>{heading}</h2>")?;
        write!(
            html,
            "<p>{}localized {}picked, or the target {}true</p><div class=\"trials\">",
            key(LOCALIZED),
            key(AIM),
            key(TRUE)
        )?;
        for (record, world) in trials {
            let start = overlay.start(data.root, record, *world);
            write_figure(&mut html, &format!("trial {}, before", record.trial), start.map(shown))?;
            let end = overlay.end(data.root, record, *world);
            let caption = format!("trial {}: {}", record.trial, outcome(record));
            write_figure(&mut html, &caption, end.map(shown))?;
        }
        html.push_str("</div>");
    }
    Ok(html)
}

fn outcome(record: &TrialRecord) -> String {
    match (&record.failure, record.e_trans_m) {
        (None, Some(error_m)) => format!("{:.2} mm off the target", 1000.0 * error_m),
        (Some(FailureRecord::NotGrasped { reason, .. }), _) => reason.clone(),
        _ => String::new(),
    }
}

/// An image as a data URI, so that the page needs no other file.
fn shown(image: anyhow::Result<RgbImage>) -> anyhow::Result<String> {
    let mut png = Cursor::new(Vec::new());
    image?.write_to(&mut png, ImageFormat::Png)?;
    Ok(data_uri(&png.into_inner()))
}
