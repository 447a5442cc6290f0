//! The errors at all sites over days, as a page.

use rmrl_inventory::SlotAddress;
use rmrl_transfer::DaySummary;

use super::html_table::{Cell, html_table};
use super::site_history::{RaisedAlarm, SiteHistory};
use super::site_history_plot::site_history_plot;
use super::template::{STYLE, escape, fill};

/// The page of the errors at all sites, without references to other files: for each slot its errors over days, and its alarms.
///
/// # Errors
/// A plot could not be drawn.
pub fn site_history_page(history: &SiteHistory) -> anyhow::Result<String> {
    let summaries = history.errors.summaries(&history.time_zone);
    let mut sites = String::new();
    for slot in history.sites() {
        sites += &format!("<h2>{}</h2>\n", escape(&slot.to_string()));
        sites += &format!("<p>{}</p>\n", escape(&in_numbers(history, &slot, &summaries)));
        sites += &site_history_plot(history, &slot, &summaries)?;
        sites += &events(history, &slot);
    }
    if sites.is_empty() {
        sites = "<p>No error was measured so far.</p>".to_string();
    }
    let values = [
        ("style", STYLE.to_string()),
        ("cell", escape(&history.cell)),
        ("alarms", alarms(&history.alarms, history)),
        ("policies", policies(history)),
        ("sites", sites),
    ];
    Ok(fill(include_str!("site_history.html"), &values))
}

/// All alarms in a table.
fn alarms(alarms: &[RaisedAlarm], history: &SiteHistory) -> String {
    if alarms.is_empty() {
        return "<p>No alarm was raised.</p>".to_string();
    }
    let rows: Vec<Vec<Cell>> = alarms
        .iter()
        .map(|raised| {
            let alarm = &raised.alarm;
            let [before, after] = [alarm.reference_translation_m, alarm.last_translation_m]
                .map(|error_m| Cell::number(format!("{:.2} mm", 1000.0 * error_m)));
            let after_it = |time: &jiff::Timestamp| *time > alarm.time;
            let note = history.acknowledged_of(&alarm.site).find(|one| after_it(&one.time));
            let acknowledged = match note {
                Some(one) => Cell::text(&one.note),
                None => Cell::judged("not yet", Some(false)),
            };
            let time = local(history, alarm.time);
            vec![Cell::text(time), Cell::text(raised.in_words()), before, after, acknowledged]
        })
        .collect();
    html_table(&["time", "alarm", "median before", "of the last ten", "acknowledged"], &rows)
}

/// All changes of policy in a table; nothing without any.
fn policies(history: &SiteHistory) -> String {
    if history.policies.is_empty() {
        return String::new();
    }
    let rows: Vec<Vec<Cell>> = history
        .policies
        .iter()
        .map(|one| {
            let between = format!("{} from {} to {}", one.labware, one.from, one.to);
            let time = Cell::text(local(history, one.time));
            let [before, after] = [&one.before, &one.after].map(Cell::text);
            vec![time, Cell::text(between), before, after, Cell::text(one.cause.to_string())]
        })
        .collect();
    let table =
        html_table(&["time", "transfers", "corrected before", "corrects since", "because"], &rows);
    format!("<h2>Policies</h2>\n{table}")
}

/// A slot in a few numbers.
fn in_numbers(history: &SiteHistory, slot: &SlotAddress, summaries: &[DaySummary]) -> String {
    let days: Vec<&DaySummary> = summaries.iter().filter(|one| one.site == *slot).collect();
    let sum = |count: fn(&DaySummary) -> usize| days.iter().map(|one| count(one)).sum::<usize>();
    let (transfers, predicted) = (sum(|one| one.transfers), sum(|one| one.predicted));
    let mut text = format!("{} on {}", counted(transfers, "transfer"), counted(days.len(), "day"));
    if let Some(last) = days.last() {
        text += &format!(
            ". On the last one the median was {:.2} mm, the 95 % quantile {:.2} mm",
            1000.0 * last.translation_m.median,
            1000.0 * last.translation_m.quantile_95
        );
    }
    if let Some(tolerance_mm) = history.tolerance_mm.get(slot.site()) {
        text += &format!("; the tolerance is {tolerance_mm:.1} mm");
    }
    if predicted > 0 {
        let share = 100.0 * sum(|one| one.within_interval) as f64 / predicted as f64;
        text += &format!(
            ". {share:.0} % of the errors were within the interval that was expected, which should be 95 %"
        );
    }
    text + "."
}

/// The alarms of a slot in full.
fn events(history: &SiteHistory, slot: &SlotAddress) -> String {
    let lines: String = history
        .alarms_of(slot)
        .map(|raised| {
            let moved = raised.what_moved.as_ref().map(|what| format!("; {}", what.verdict));
            let text = format!(
                "{}: {}{}",
                local(history, raised.alarm.time),
                raised.alarm,
                moved.unwrap_or_default()
            );
            format!("<li>{}</li>", escape(&text))
        })
        .collect();
    if lines.is_empty() { lines } else { format!("<ul>{lines}</ul>") }
}

fn local(history: &SiteHistory, time: jiff::Timestamp) -> String {
    time.to_zoned(history.time_zone.clone()).strftime("%Y-%m-%d %H:%M").to_string()
}

fn counted(count: usize, what: &str) -> String {
    match count {
        1 => format!("1 {what}"),
        _ => format!("{count} {what}s"),
    }
}

#[cfg(test)]
mod tests {
    use jiff::tz::{Offset, TimeZone};
    use jiff::{Timestamp, ToSpan};
    use rmrl_core::{PoseAdjustment, random_stream, standard_normal};
    use rmrl_transfer::{
        Acknowledged, AlarmConfig, Explanation, Moved, SiteRecord, TransferRecord, Verdict,
        WhatMoved,
    };

    use super::*;

    /// 40 days at three slots. The reader's errors grow on the 25th day, and are as before after an acknowledgment.
    fn made_up() -> SiteHistory {
        let mut rng = random_stream(3, "made-up history", [0, 0]);
        let begin: Timestamp = "2026-01-10T06:00:00Z".parse().unwrap();
        let mut records = Vec::new();
        for day in 0..40 {
            for number in 0..24 {
                let to = ["bench:1", "reader", "hotel:1"][number % 3];
                let is_moved = to == "reader" && (24..30).contains(&day);
                let scale_m = if is_moved { 8e-4 } else { 2e-4 };
                let time = begin + (24 * day + number as i64 / 2).hours();
                if to == "hotel:1" && day > 3 {
                    continue;
                }
                records.push(SiteRecord::Transfer(TransferRecord {
                    time,
                    from: "bench:2".parse().unwrap(),
                    to: to.parse().unwrap(),
                    labware: "<b>96-well</b>".to_string(),
                    dx_m: scale_m * standard_normal(&mut rng),
                    dy_m: 0.5 * scale_m * standard_normal(&mut rng),
                    dyaw_rad: 2e-3 * standard_normal(&mut rng),
                    interval_m: Some(5e-4),
                    policy: "p".to_string(),
                }));
            }
            if day == 29 {
                records.push(SiteRecord::Acknowledged(Acknowledged {
                    time: begin + (24 * day + 13).hours(),
                    site: "reader".parse().unwrap(),
                    note: "<i>tray</i> screwed down".to_string(),
                }));
            }
        }
        let mut history = SiteHistory::of("cell <2>", &records, AlarmConfig::default()).unwrap();
        history.tolerance_mm = [("reader", 1.5), ("bench", 3.0)]
            .map(|(site, tolerance)| (site.to_string(), tolerance))
            .into();
        history.time_zone = TimeZone::fixed(Offset::constant(1));
        history
    }

    fn moved(verdict: Verdict) -> WhatMoved {
        let shift = PoseAdjustment { dx_m: 0.001, dy_m: 0.0, dyaw_rad: 0.0 };
        let explanation =
            Explanation { moved: Moved::Camera, log10_odds: 9.0, shift, misfit: 1.0, fits: true };
        WhatMoved { explanations: vec![explanation], verdict }
    }

    fn keep(name: &str, page: &str) {
        if let Some(folder) = std::env::var_os("RMRL_PAGES") {
            std::fs::write(std::path::Path::new(&folder).join(name), page).unwrap();
        }
    }

    #[test]
    fn the_page_shows_each_site_with_its_alarms_and_refers_to_nothing() {
        let mut history = made_up();
        assert_eq!(history.alarms.len(), 1, "{:?}", history.alarms);
        assert_eq!(history.alarms[0].in_words(), "error at reader has grown");
        let verdict = Verdict::Clear { moved: Moved::Camera, log10_factor: 3.0 };
        history.alarms[0].what_moved = Some(moved(verdict));
        let words = "error at reader has grown; probably the camera moved";
        assert_eq!(history.alarms[0].in_words(), words);
        let page = site_history_page(&history).unwrap();
        keep("site-history.html", &page);
        for reference in ["http", "src=", "url(", "@import", "<link", "<script"] {
            assert!(!page.contains(reference), "{reference}");
        }
        // One plot for each slot. The words of the alarm are in the reader's and in the table.
        assert_eq!((page.matches("<svg").count(), page.matches(words).count()), (3, 2));
        for text in [
            "<h2>bench:1</h2>",
            "<h2>hotel:1</h2>",
            "cell &lt;2&gt;",
            "&lt;i&gt;tray&lt;/i&gt; screwed down",
            "320 transfers on 40 days",
            "the camera moved, 10^3.0 times as likely",
            "tolerance is 1.5 mm",
            "2026-02-04",
        ] {
            assert!(page.contains(text), "{text}");
        }
        assert!(!page.contains("<i>tray") && !page.contains("NaN"));
    }

    #[test]
    fn what_moved_is_said_only_as_far_as_it_is_clear() {
        let mut raised = made_up().alarms.remove(0);
        let (best, next) = (Moved::Camera, Moved::Tool);
        for (verdict, expected) in [
            (Verdict::Clear { moved: Moved::Nothing, log10_factor: 3.0 }, "probably nothing moved"),
            (
                Verdict::NotClear { best: best.clone(), next, log10_factor: 0.2 },
                "the camera or the tool moved, that is not clear",
            ),
            (Verdict::NoneFits { best }, "more than one thing may have moved"),
            (Verdict::NoSites, "there are too few transfers to say what moved"),
        ] {
            raised.what_moved = Some(moved(verdict));
            assert_eq!(raised.in_words(), format!("error at reader has grown; {expected}"));
        }
    }

    #[test]
    fn a_cell_without_transfers_has_a_page() {
        let history = SiteHistory::of("cell", &[], AlarmConfig::default()).unwrap();
        let page = site_history_page(&history).unwrap();
        assert!(page.contains("No error was measured") && page.contains("No alarm was raised"));
    }

    #[test]
    fn one_transfer_has_a_plot() {
        let mut records = Vec::new();
        let full = made_up();
        let site: SlotAddress = "reader".parse().unwrap();
        records.push(SiteRecord::Transfer(full.errors.to_site(&site)[0].clone()));
        let history = SiteHistory::of("cell", &records, AlarmConfig::default()).unwrap();
        let page = site_history_page(&history).unwrap();
        keep("site-history-one.html", &page);
        assert!(page.contains("1 transfer on 1 day"));
        assert_eq!(page.matches("<svg").count(), 1);
    }
}
