//! What methods know of their own picks: whether their intervals hold, and whether they notice a camera that was moved.

use rmrl_core::wilson_interval;

use super::held_out::Attempt;
use super::numbers::{estimate, name_of, nothing, percent};
use super::row::{Estimate, Row};
use super::table::Table;
use super::unit::{TrainingTrial, UnitResult};

/// The trials after which intervals are tabled; the last one of a training is, too.
const TABLED: [u32; 6] = [0, 1, 3, 10, 50, 100];

/// Whether 95 % intervals hold, of the methods that give any.
pub fn intervals(rows: &[Row]) -> Option<Table> {
    let mut table = Table::new(
        "Does it know what it knows?",
        "The greedy policy on held-out placements of all cells together, by the number of trials: how often the true error was \
         within the 95 % interval of its pick, half the interval's width (median), the errors' root mean square, cells whose \
         mean error is at most 0.7 mm, the worst cell, placements above 1 mm, and abstentions. The true error has a part \
         across the fingers that no pick decides.",
        &[
            "method",
            "trials",
            "true error mm",
            "cells to 0.7 mm",
            "worst cell mm",
            "above 1 mm",
            "within the interval",
            "half width mm",
            "rms error mm",
            "abstained",
        ],
    );
    for row in rows {
        let mut trials: Vec<u32> = TABLED.to_vec();
        trials.extend(row.units.iter().map(|unit| unit.length() as u32).max());
        trials.sort_unstable();
        trials.dedup();
        for trial in trials {
            table.rows.extend(interval_row(row, rows, trial));
        }
    }
    (!table.rows.is_empty()).then_some(table)
}

/// One method after one number of trials; `None` if it gives no intervals.
fn interval_row(row: &Row, rows: &[Row], trial: u32) -> Option<Vec<String>> {
    let checkpoints: Vec<_> = row
        .units
        .iter()
        .filter_map(|unit| unit.checkpoints.iter().find(|one| one.trial == trial))
        .collect();
    let attempts: Vec<&Attempt> = checkpoints.iter().flat_map(|one| &one.attempts).collect();
    let known: Vec<(f64, f64)> = attempts
        .iter()
        .filter_map(|one| Some((one.interval_mm?, one.errors?.true_e_trans_mm)))
        .collect();
    if known.is_empty() {
        return None;
    }
    let within = known.iter().filter(|(interval, error)| error <= interval).count();
    let above = known.iter().filter(|(_, error)| *error > 1.0).count();
    let mut widths: Vec<f64> = known.iter().map(|(interval, _)| *interval).collect();
    widths.sort_by(f64::total_cmp);
    let rms = known.iter().map(|(_, error)| error * error).sum::<f64>() / known.len() as f64;
    let cells: Vec<f64> = checkpoints.iter().filter_map(|one| one.true_mm()).collect();
    let good = cells.iter().filter(|error| **error <= 0.7).count();
    let abstained = attempts.iter().filter(|one| one.abstained).count();
    Some(vec![
        name_of(row, rows),
        trial.to_string(),
        Estimate::of(&cells).map_or_else(nothing, |error| estimate(error, 2)),
        format!("{good} of {}", cells.len()),
        format!("{:.2}", cells.iter().copied().fold(0.0, f64::max)),
        format!("{above} of {}", known.len()),
        percent(within as f64 / known.len() as f64),
        format!("{:.2}", widths[widths.len() / 2]),
        format!("{:.2}", rms.sqrt()),
        format!("{abstained} of {}", attempts.len()),
    ])
}

/// Whether a camera that was moved is noticed, where it is moved, and how often it is said to be where nobody moved it.
pub fn camera_moves(rows: &[Row]) -> Option<Table> {
    let mut table = Table::new(
        "Is a camera that was moved noticed?",
        "Moved: noticed at the first look afterwards, placements above 1 mm in truth before the move, in the first three trials \
         from it and in those after them, and placements from the alarm on that were off by more than 3 mm without an \
         abstention. Not moved: false alarms in all trials, with the upper end of their 95 % Wilson interval.",
        &[
            "method",
            "moved before trial",
            "noticed at once",
            "above 1 mm before",
            "in three trials",
            "afterwards",
            "unflagged above 3 mm",
            "alarms",
        ],
    );
    for row in rows {
        let Some(config) = row.units.first().and_then(|unit| unit.config()) else { continue };
        let gives_intervals =
            |unit: &UnitResult| unit.trials.iter().any(|one| one.interval_mm.is_some());
        if !row.units.iter().any(|unit| gives_intervals(unit)) {
            continue;
        }
        let camera = &config.simulation.camera;
        let is_bumped = camera.bump_scene > 0;
        let name = name_of(row, rows);
        table.rows.push(match is_bumped {
            true => bumped_row(row, name, camera.bump_scene),
            false => still_row(row, name),
        });
    }
    (!table.rows.is_empty()).then_some(table)
}

fn bumped_row(row: &Row, name: String, bump: u32) -> Vec<String> {
    let first_alarm =
        |unit: &UnitResult| unit.camera_moves.iter().copied().find(|trial| *trial >= bump);
    let at_once = row.units.iter().filter(|unit| first_alarm(unit) == Some(bump)).count();
    // A plate that was not placed counts, too.
    let is_off = |one: &&TrainingTrial| one.true_e_trans_mm.is_none_or(|error| error > 1.0);
    let bump_at = bump as usize - 1;
    let above = |from: usize, to: usize| {
        let trials = row.units.iter().map(|unit| {
            let to = to.min(unit.trials.len());
            unit.trials.get(from.min(to)..to).unwrap_or_default()
        });
        let (off, of) = trials.fold((0, 0), |(off, of), trials| {
            (off + trials.iter().filter(is_off).count(), of + trials.len())
        });
        format!("{off} of {of}")
    };
    let unflagged: usize = row
        .units
        .iter()
        .filter_map(|unit| unit.trials.get(first_alarm(unit)? as usize - 1..))
        .flatten()
        .filter(|one| !one.abstained && one.true_e_trans_mm.is_some_and(|error| error > 3.0))
        .count();
    let before: usize = row
        .units
        .iter()
        .map(|unit| unit.camera_moves.iter().filter(|one| **one < bump).count())
        .sum();
    vec![
        name,
        bump.to_string(),
        format!("{at_once} of {}", row.units.len()),
        above(0, bump_at),
        above(bump_at, bump_at + 3),
        above(bump_at + 3, usize::MAX),
        unflagged.to_string(),
        format!("{before} before it"),
    ]
}

fn still_row(row: &Row, name: String) -> Vec<String> {
    let alarms: usize = row.units.iter().map(|unit| unit.camera_moves.len()).sum();
    let trials: usize = row.units.iter().map(|unit| unit.length()).sum();
    let most = wilson_interval(alarms.min(trials), trials.max(1)).high;
    vec![
        name,
        nothing(),
        nothing(),
        nothing(),
        nothing(),
        nothing(),
        nothing(),
        format!("{alarms} in {trials} (at most {:.2} in 1,000)", 1e3 * most),
    ]
}
