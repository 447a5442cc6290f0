//! The tables of a qualification: installation, operation, performance.

use rmrl_core::Interval;
use rmrl_transfer::{
    Acceptance, Bounds, CheckResult, Durations, ErrorStatistics, Installation, OperationalCheck,
    Performance, QualificationReport, Rate, TransferStatistics,
};

use super::html_table::{Cell, html_table, name_table};

/// What stands where nothing is known.
const NOTHING: &str = "-";

/// What the cell is made of, and its sites.
pub(super) fn installation(installation: &Installation) -> String {
    let Installation { software, program_digest, configuration_digest, arm, gripper, .. } =
        installation;
    let rows = [
        ("software", software.clone()),
        ("digest of the program", program_digest.clone()),
        ("digest of the configuration", configuration_digest.clone()),
        ("arm", arm.clone()),
        ("gripper", gripper.clone()),
        ("camera", installation.camera.clone()),
        ("age of its calibration", installation.calibration_age.clone()),
        ("labware", installation.labware.join(", ")),
    ];
    let sites: Vec<Vec<Cell>> = installation
        .sites
        .iter()
        .map(|site| {
            let labware = match site.labware.is_empty() {
                true => "any".to_string(),
                false => site.labware.join(", "),
            };
            vec![
                Cell::text(&site.name),
                Cell::number(site.slots),
                Cell::text(&site.description),
                Cell::number(format!("{:.1} mm", site.tolerance_mm)),
                Cell::number(format!("{:.1}°", site.tolerance_deg)),
                Cell::text(labware),
            ]
        })
        .collect();
    let columns = ["site", "slots", "", "tolerance", "of the turn", "labware"];
    name_table(&rows) + &html_table(&columns, &sites)
}

/// What was checked before.
pub(super) fn operation(checks: &[OperationalCheck]) -> String {
    let rows: Vec<Vec<Cell>> = checks
        .iter()
        .map(|check| {
            let is_good = match check.result {
                CheckResult::Passed => Some(true),
                CheckResult::Failed => Some(false),
                CheckResult::NotMade => None,
            };
            vec![
                Cell::text(&check.name),
                Cell::judged(check.result, is_good),
                Cell::text(&check.words),
            ]
        })
        .collect();
    match rows.is_empty() {
        true => "<p>Nothing was checked.</p>".to_string(),
        false => html_table(&["check", "result", ""], &rows),
    }
}

/// The names of all pairs of sites with their transfers, and the total.
fn named(performance: &Performance) -> Vec<(String, &TransferStatistics)> {
    let pairs = performance.pairs.iter().map(|one| (one.pair.to_string(), &one.statistics));
    pairs.chain([("all".to_string(), &performance.total)]).collect()
}

/// How transfers ended.
pub(super) fn transfers(performance: &Performance) -> String {
    let rows: Vec<Vec<Cell>> = named(performance)
        .into_iter()
        .map(|(name, one)| {
            let acceptance = match one.acceptance {
                Acceptance::Met => Cell::judged("met", Some(true)),
                Acceptance::NotMet => Cell::judged("not met", Some(false)),
                Acceptance::TooFew => Cell::judged(
                    format!(
                        "too few: {} of at least {}",
                        one.transfers, performance.needed_without_failure
                    ),
                    None,
                ),
            };
            let counts = [
                one.transfers,
                one.success.successes,
                one.done - one.success.successes,
                one.left_in_slot,
                one.left_in_jaws,
                one.unknown,
            ];
            let mut row = vec![Cell::text(name)];
            row.extend(counts.map(Cell::number));
            row.extend([Cell::number(rate(&one.success)), acceptance]);
            row
        })
        .collect();
    let columns = [
        "from and to",
        "transfers",
        "done, seated",
        "done, not seated",
        "left in a slot",
        "left in the jaws",
        "unknown",
        "success (95 %)",
        "criterion",
    ];
    html_table(&columns, &rows)
}

/// How large the measured errors are.
pub(super) fn errors(report: &QualificationReport) -> String {
    let of_pairs = report.performance.pairs.iter().map(|one| Some(one.pair.to.as_str()));
    let sites = of_pairs.chain([None]);
    let rows: Vec<Vec<Cell>> = named(&report.performance)
        .into_iter()
        .zip(sites)
        .map(|((name, one), site)| {
            let site = site.and_then(|name| report.installation.site(name));
            let tolerance = site.map_or(NOTHING.into(), |site| format!("{:.1}", site.tolerance_mm));
            let mut row = vec![Cell::text(name), Cell::number(tolerance)];
            row.extend([one.measured, one.predicted].map(Cell::number));
            row.extend(distances(one.distance_mm.as_ref()));
            let turn = one.yaw_deg.map(|turn| format!("{:.2}", turn.spread.quantile_95));
            row.push(Cell::number(turn.unwrap_or(NOTHING.into())));
            row.push(Cell::number(share(&one.within_interval)));
            row
        })
        .collect();
    let columns = [
        "from and to",
        "tolerance, mm",
        "measured",
        "predicted",
        "median, mm",
        "rms, mm",
        "95 % quantile, mm",
        "largest, mm",
        "95 % quantile, degrees",
        "within interval",
    ];
    html_table(&columns, &rows)
}

/// How far off items truly lie; empty where nobody knows.
pub(super) fn truth(performance: &Performance) -> String {
    if performance.total.truth.is_none() {
        return String::new();
    }
    let rows: Vec<Vec<Cell>> = named(performance)
        .into_iter()
        .filter_map(|(name, one)| {
            let truth = one.truth?;
            let mut row = vec![Cell::text(name), Cell::number(truth.distance_mm.count)];
            row.extend(distances(Some(&truth.distance_mm)));
            let rates = [truth.seated, truth.wrongly_seated, truth.within_interval];
            row.extend(rates.map(|rate| Cell::number(of(&rate))));
            Some(row)
        })
        .collect();
    let columns = [
        "from and to",
        "known",
        "median, mm",
        "rms, mm",
        "95 % quantile, mm",
        "largest, mm",
        "seated",
        "reported as seated, and not",
        "reported within its interval",
    ];
    "<h3>True errors</h3><p>The simulator knows them. A real cell does not: there this section is absent.</p>".to_string()
        + &html_table(&columns, &rows)
}

fn distances(statistics: Option<&ErrorStatistics>) -> [Cell; 4] {
    let Some(statistics) = statistics else {
        return [(); 4].map(|()| Cell::number(NOTHING));
    };
    let rms = statistics
        .rms_interval
        .map(|Interval { low, high }| Bounds { low: Some(low), high: Some(high) });
    [
        Cell::number(with_bounds(statistics.spread.median, statistics.median_interval)),
        Cell::number(with_bounds(
            statistics.spread.rms,
            rms.unwrap_or(Bounds { low: None, high: None }),
        )),
        Cell::number(with_bounds(statistics.spread.quantile_95, statistics.quantile_95_interval)),
        Cell::number(format!("{:.2}", statistics.largest)),
    ]
}

/// Why transfers were not done.
pub(super) fn faults(performance: &Performance) -> String {
    let rows: Vec<Vec<Cell>> = performance
        .faults
        .iter()
        .map(|fault| {
            vec![Cell::number(fault.count), Cell::text(&fault.reason), Cell::text(&fault.example)]
        })
        .collect();
    match rows.is_empty() {
        true => "<p>None.</p>".to_string(),
        false => html_table(&["times", "reason", "the first of them"], &rows),
    }
}

/// What was refused before anything moved; empty if nothing was.
pub(super) fn refused(report: &QualificationReport) -> String {
    let rows: Vec<Vec<Cell>> = report
        .refused
        .iter()
        .map(|one| vec![Cell::text(&one.request), Cell::text(&one.reason)])
        .collect();
    match rows.is_empty() {
        true => String::new(),
        false => "<h3>Refused</h3><p>These transfers were refused before anything moved. They are not counted.</p>".to_string()
            + &html_table(&["transfer", "reason"], &rows),
    }
}

/// How long all transfers took, in words; empty without any.
pub(super) fn durations(total: &TransferStatistics) -> String {
    if total.transfers == 0 {
        return String::new();
    }
    let Durations { median_s, longest_s, total_s } = total.wall;
    format!(
        "A transfer took {median_s:.1} s (median) and {longest_s:.1} s at most, all together {:.1} h; of this the processor worked \
         {:.2} s for each (median).",
        total_s / 3600.0,
        total.cpu.median_s
    )
}

/// A rate in percent with its interval.
fn rate(rate: &Rate) -> String {
    match rate.share() {
        Some(share) => format!(
            "{:.1} % ({:.1} to {:.1})",
            100.0 * share,
            100.0 * rate.interval.low,
            100.0 * rate.interval.high
        ),
        None => NOTHING.to_string(),
    }
}

/// A rate in percent.
fn share(rate: &Rate) -> String {
    rate.share().map_or(NOTHING.to_string(), |share| format!("{:.0} %", 100.0 * share))
}

/// A rate as numbers.
fn of(rate: &Rate) -> String {
    format!("{} of {}", rate.successes, rate.tries)
}

/// A value with its interval, as far as it is known.
fn with_bounds(value: f64, Bounds { low, high }: Bounds) -> String {
    let value = format!("{value:.2}");
    match (low, high) {
        (None, None) => value,
        (Some(low), None) => format!("{value} (from {low:.2})"),
        (None, Some(high)) => format!("{value} (to {high:.2})"),
        (Some(low), Some(high)) => format!("{value} ({low:.2} to {high:.2})"),
    }
}
