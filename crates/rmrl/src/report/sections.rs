//! The report's text, tables and curves: each function gives the values of some placeholders.

use std::fmt::Write;

use rmrl_core::PlacementError;

use super::data::ReportData;
use super::plots::{error_curve, reward_curve};
use super::template::escape;
use crate::analysis::noise_floor::NoiseFloor;
use crate::analysis::summary::Summary;
use crate::run::POLICY;

/// Placeholders of the page with their values.
type Values = Vec<(&'static str, String)>;

/// Title, subtitle and the table that summarizes the run.
pub(super) fn heading(data: &ReportData) -> Values {
    let ReportData { config, summary, noise_floor, .. } = data;
    let title =
        format!("{} on the {} task, seed {}", config.method.title(), config.task.kind, config.seed);
    let subtitle = format!(
        "{} of {} trials in {}. At the paper's 2 to 3 minutes per trial: {:.1} to {:.1} robot hours.",
        summary.trials,
        config.trials,
        config.cell_name(),
        2.0 * summary.trials as f64 / 60.0,
        3.0 * summary.trials as f64 / 60.0,
    );
    vec![
        ("title", escape(&title)),
        ("subtitle", escape(&subtitle)),
        ("summary", summary_table(summary, noise_floor.distance_mm)),
    ]
}

fn summary_table(summary: &Summary, floor_mm: f64) -> String {
    let t10 = summary.t10.map_or_else(|| "not reached".to_string(), |t10| t10.to_string());
    let millimeters = |error: Option<f64>| {
        error.map_or_else(|| "-".to_string(), |error| format!("{error:.2} mm"))
    };
    let mut rows = Vec::new();
    if let Some(proof) = &summary.proof {
        rows.push(("claim to prove", proof.to_string()));
    }
    rows.extend([
        (
            "average reward (standard deviation)",
            format!("{:.3} ({:.3})", summary.average_reward, summary.reward_deviation),
        ),
        ("T10, trials until the reward exceeded the threshold ten times", t10),
        ("measured error of the last ten placements", millimeters(summary.last_e_trans_mm)),
    ]);
    if summary.last_true_e_trans_mm.is_some() {
        rows.push((
            "true error of the last ten placements",
            millimeters(summary.last_true_e_trans_mm),
        ));
    }
    rows.push(("noise floor of the measurement", format!("{floor_mm:.3} mm")));
    rows.push(("plates not grasped", summary.not_grasped.to_string()));
    rows.push(("attempts repeated after a fault", summary.faults.to_string()));
    if let Some(geometry) = &summary.geometry {
        for (name, value) in geometry.in_words() {
            rows.push((name, value));
        }
    }
    if let Some(drift_mm) = summary.largest_drift_mm {
        let moved = format!("{drift_mm:.2} mm at most, {} trials suspect", summary.suspect);
        rows.push(("the camera seemed to move", moved));
    }
    let mut table = "<table>".to_string();
    for (name, value) in rows {
        write!(
            table,
            "<tr><th>{}</th><td class=\"number\">{}</td></tr>",
            escape(name),
            escape(&value)
        )
        .expect("writing to a string cannot fail");
    }
    table + "</table>"
}

/// The reward curve and its threshold.
///
/// # Errors
/// A role model cannot be found, or the curve cannot be drawn.
pub(super) fn reward(data: &ReportData) -> anyhow::Result<Values> {
    let threshold = data.config.metrics.reward_threshold;
    let curve = reward_curve(&data.rows, &data.role_models()?, threshold)?;
    Ok(vec![("threshold", threshold.to_string()), ("reward", curve)])
}

/// The translation errors, and the noise floor.
///
/// # Errors
/// The curve cannot be drawn.
pub(super) fn translation_error(data: &ReportData) -> anyhow::Result<Values> {
    let NoiseFloor { distance_mm: floor_mm, turn_deg: floor_deg } = data.noise_floor;
    let floor = format!(
        "The noise floor: localizing the plate again without touching it differs by {floor_mm:.3} mm and {floor_deg:.3} degrees on average. Errors of about this size are noise."
    );
    let curve = error_curve(
        &data.rows,
        ("mm", 1.0),
        |row| row.e_trans_mm,
        |row| row.true_e_trans_mm,
        floor_mm,
    )?;
    Ok(vec![("floor", floor), ("translation", curve)])
}

/// The yaw errors, and what a degree and a millimeter cost in reward.
///
/// # Errors
/// The curve cannot be drawn.
pub(super) fn yaw_error(data: &ReportData) -> anyhow::Result<Values> {
    let loss = |e_trans_m: f64, yaw_deg: f64| {
        let error = PlacementError { e_trans_m, e_rot: 1.0 - yaw_deg.to_radians().cos() };
        format!("{:.5}", 1.0 - data.config.reward.reward(error))
    };
    let curve = error_curve(
        &data.rows,
        // A degree turns the end of a plate by a millimeter.
        ("degrees", 1.0),
        |row| row.yaw_error_deg,
        |row| data.true_yaw_deg(row.trial),
        data.noise_floor.turn_deg,
    )?;
    Ok(vec![("yaw_cost", loss(0.0, 1.0)), ("mm_cost", loss(0.001, 0.0)), ("yaw", curve)])
}

/// What to do with the run now.
pub(super) fn next(data: &ReportData) -> String {
    let name = data.root.file_name().map_or("RUN".into(), |name| name.to_string_lossy());
    let is_complete = data.summary.trials >= data.config.trials as usize
        || data.summary.proof.as_ref().is_some_and(|proof| proof.proven_at.is_some());
    let mut steps = Vec::new();
    if !is_complete {
        steps.push(("train --resume", "", "make the trials that are left"));
    }
    if !data.config.method.learns() || data.root.join(POLICY).exists() {
        steps.push(("eval", " --trials 20", "place with the learned policy, on new placements"));
    }
    steps.push(("report", "", "write this page again"));
    let items = steps.into_iter().map(|(command, options, why)| {
        let command = escape(&format!("rmrl {command} {name}{options}"));
        format!("<li><code>{command}</code>: {why}</li>")
    });
    format!("<ul>{}</ul>", items.collect::<String>())
}

/// The section with the error budget; empty where all of it is unknown, as in a real cell.
pub(super) fn error_budget(data: &ReportData) -> String {
    let budget = data.error_budget();
    if budget.causes().iter().all(|(_, cause)| cause.is_none()) {
        return String::new();
    }
    let mut table = "<h2>Error budget of the last ten placements</h2>\
        <p>The true error, split into additive causes by the simulator's truth. Axes are those of the place: along the \
        fingers only the correction removes an offset, across them the closing jaws do. The policy has to correct \
        localization and calibration. Actions are sampled, as in training.</p>\
        <table><tr><th></th><th>rms, mm</th><th>mean along, mm</th>\
        <th>mean across, mm</th><th>rms, degrees</th></tr>"
        .to_string();
    for (name, cause) in budget.causes() {
        table += &format!("<tr><th>{}</th>", escape(name));
        table += &match cause {
            Some(cause) => [cause.rms_mm, cause.along_mm, cause.across_mm, cause.yaw_deg]
                .map(|value| format!("<td class=\"number\">{value:.2}</td>"))
                .concat(),
            None => "<td class=\"number\">unknown</td>".to_string(),
        };
        table += "</tr>";
    }
    table + "</table>"
}

/// The resolved configuration, without what belongs to a start of the command.
pub(super) fn configuration(data: &ReportData) -> String {
    escape(&data.config.to_run_toml())
}
