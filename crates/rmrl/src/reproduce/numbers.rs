//! Numbers and names as tables have them.

use super::row::{Estimate, Rate, Row};

/// A row's name: the method, with its variant where there are several.
pub fn name_of(row: &Row, rows: &[Row]) -> String {
    let several = rows.iter().any(|other| other.variant != row.variant);
    if several {
        format!("{} · {}", row.variant, row.method.title())
    } else {
        row.method.title().to_string()
    }
}

pub fn estimate(estimate: Estimate, digits: usize) -> String {
    let Estimate { value, interval } = estimate;
    format!("{value:.digits$} [{:.digits$}, {:.digits$}]", interval.low, interval.high)
}

pub fn spread((value, deviation): (f64, f64), digits: usize) -> String {
    format!("{value:.digits$} ({deviation:.digits$})")
}

pub fn rate(rate: Rate) -> String {
    format!(
        "{} [{}, {}] of {}",
        percent(rate.successes as f64 / rate.of as f64),
        percent(rate.interval.low),
        percent(rate.interval.high),
        rate.of
    )
}

pub fn percent(share: f64) -> String {
    let percent = 100.0 * share;
    if percent == 0.0 || percent >= 99.95 {
        format!("{percent:.0} %")
    } else {
        format!("{percent:.1} %")
    }
}

pub fn nothing() -> String {
    "-".to_string()
}
