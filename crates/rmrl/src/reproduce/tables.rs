//! The paper's tables beside ours, and a comparison with the control conditions. What methods know of their own picks is in
//! `known`.

use rmrl_cell::TaskKind;
use rmrl_core::mean;
use rmrl_learn::MethodName;

use super::known::{camera_moves, intervals};
use super::numbers::{estimate, name_of, nothing, percent, rate, spread};
use super::paper;
use super::row::{Estimate, Row, TrialsEstimate};
use super::table::Table;
use super::unit::UnitResult;

/// What the tables depend on beside the units.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TableSettings {
    /// The threshold `τ` of Eq. 15.
    pub threshold: f64,
    /// The factor of the moving average of the reward.
    pub smoothing: f64,
    /// The task of the training.
    pub trained_on: TaskKind,
    /// Held-out placements of each task in each cell.
    pub placements: usize,
}

/// All tables of a reproduction.
pub fn tables(rows: &[Row], settings: TableSettings) -> Vec<Table> {
    let mut tables = vec![
        table_1(rows, settings),
        table_2(rows, settings),
        table_3(rows, settings),
        efficiency(rows, settings),
        claims(rows, settings),
    ];
    tables.extend(against_control_conditions(rows, settings));
    tables.extend(intervals(rows));
    tables.extend(camera_moves(rows));
    tables
}

fn table_1(rows: &[Row], settings: TableSettings) -> Table {
    let mut table = Table::new(
        "Table 1: training",
        &format!(
            "Interquartile means over cells with 95 % bootstrap intervals. T10 is the trial of the \
             tenth reward above {} (Eq. 15); a training that never reached it counts with its \
             length. In brackets: the standard deviation of the reward within a training.",
            settings.threshold
        ),
        &[
            "method",
            "T10, paper",
            "T10",
            "reached",
            "average reward, paper",
            "average reward",
            "not grasped",
            "cells",
        ],
    );
    for row in rows {
        let paper = paper::row(row.method).map(|row| row.training);
        let t10 = row.t10(settings.threshold);
        table.rows.push(vec![
            name_of(row, rows),
            paper.map_or_else(nothing, |paper| paper.t10.to_string()),
            t10.map_or_else(nothing, |t10| estimate(t10.trials, 0)),
            t10.map_or_else(nothing, |t10| format!("{} of {}", t10.reached, t10.of)),
            paper.map_or_else(nothing, |paper| spread(paper.average_reward, 3)),
            row.average_reward().map_or_else(nothing, |reward| {
                format!("{} ({:.3})", estimate(reward, 3), row.reward_deviation())
            }),
            percent(row.failure_share()),
            row.units.len().to_string(),
        ]);
    }
    table
}

fn table_2(rows: &[Row], settings: TableSettings) -> Table {
    let task = settings.trained_on;
    let mut table = Table::new(
        &format!("Table 2: placing, {task} task"),
        &format!(
            "The final greedy policy on {} held-out placements in each cell. The paper's \
             columns are measured by its camera; ours are measured by the camera or true.",
            settings.placements
        ),
        &[
            "method",
            "reward, paper",
            "reward",
            "e_trans mm, paper",
            "e_trans mm",
            "true e_trans mm",
            "e_rot °, paper",
            "e_rot °",
            "seated",
        ],
    );
    for row in rows {
        let paper = paper::row(row.method).map(|row| row.placing);
        let error = |of| row.final_error(task, of).map_or_else(nothing, |error| estimate(error, 2));
        table.rows.push(vec![
            name_of(row, rows),
            paper.map_or_else(nothing, |paper| spread(paper.average_reward, 3)),
            row.final_reward(task).map_or_else(nothing, |reward| estimate(reward, 3)),
            paper.map_or_else(nothing, |paper| spread(paper.e_trans_mm, 2)),
            error(|errors| errors.e_trans_mm),
            error(|errors| errors.true_e_trans_mm),
            paper.map_or_else(nothing, |paper| spread(paper.yaw_deg, 2)),
            error(|errors| errors.yaw_deg),
            row.success(task).map_or_else(nothing, rate),
        ]);
    }
    table
}

fn table_3(rows: &[Row], settings: TableSettings) -> Table {
    let mut table = Table::new(
        "Table 3: onto the shelf",
        &format!(
            "The same policies on the shelf task, {} placements in each cell: how often \
             the plate is truly seated in its slot, with the 95 % Wilson interval over all placements.",
            settings.placements
        ),
        &["method", "paper", "success", "true e_trans mm"],
    );
    for row in rows {
        let Some(success) = row.success(TaskKind::Shelf) else { continue };
        let true_mm = row.final_error(TaskKind::Shelf, |errors| errors.true_e_trans_mm);
        table.rows.push(vec![
            name_of(row, rows),
            paper::row(row.method).map_or_else(nothing, |paper| {
                format!("{} of {}", paper.shelf_successes, paper::SHELF_PLACEMENTS)
            }),
            rate(success),
            true_mm.map_or_else(nothing, |error| estimate(error, 2)),
        ]);
    }
    table
}

/// What a trial takes on a robot, in minutes.
const MINUTES_PER_TRIAL: f64 = 2.5;

/// What a laboratory pays: trials and robot minutes until the policy is precise.
fn efficiency(rows: &[Row], settings: TableSettings) -> Table {
    let mut table = Table::new(
        "Trials until the policy is precise",
        &format!(
            "After how many trials the greedy policy first placed all {} held-out plates \
             with a mean true error of at most 2 or 1 mm, evaluated every ten trials. Robot minutes: \
             2.5 for each trial, and the carries before the first one. Runs that did not reach it count with their length.",
            settings.placements
        ),
        &[
            "method",
            "to 2 mm",
            "reached",
            "to 1 mm",
            "reached",
            "robot minutes to 1 mm",
            "final true mm",
        ],
    );
    for row in rows {
        let cells = |reached: Option<TrialsEstimate>| match reached {
            Some(reached) => {
                [estimate(reached.trials, 0), format!("{} of {}", reached.reached, reached.of)]
            }
            None => [nothing(), nothing()],
        };
        let ([two, two_of], one) = (cells(row.trials_to_mm(2.0)), row.trials_to_mm(1.0));
        let [to_one, one_of] = cells(one);
        let minutes = one.filter(|one| 2 * one.reached > one.of);
        table.rows.push(vec![
            name_of(row, rows),
            two,
            two_of,
            to_one,
            one_of,
            minutes.map_or_else(nothing, |one| {
                format!("{:.0}", one.trials.value * MINUTES_PER_TRIAL + row.carry_minutes())
            }),
            row.final_error(settings.trained_on, |errors| errors.true_e_trans_mm)
                .map_or_else(nothing, |error| estimate(error, 2)),
        ]);
    }
    table
}

/// The improvements that the paper claims, beside those measured here.
fn claims(rows: &[Row], settings: TableSettings) -> Table {
    let mut table = Table::new(
        "The paper's claims",
        "Relative to Standard RL in the same cells, with intervals from resampling cells in pairs. \
         Negative values: the method is worse.",
        &["claim", "paper", "here"],
    );
    let row_of = |method| rows.iter().find(|row| row.method == method);
    let Some(standard) = row_of(MethodName::Reinforce) else { return table };
    let t10 = |unit: &UnitResult| unit.t10(settings.threshold).unwrap_or(unit.length()) as f64;
    let error = |unit: &UnitResult| {
        unit.final_error(settings.trained_on, |errors| errors.e_trans_mm).unwrap_or(f64::INFINITY)
    };
    for (claim, method, paper, value) in [
        ("T10 earlier, RM-RL", MethodName::RmRl, "22 %", &t10 as &dyn Fn(&UnitResult) -> f64),
        ("T10 earlier, Pretrained RM-RL", MethodName::RmRlPretrained, "33 %", &t10),
        ("final error below, RM-RL", MethodName::RmRl, "17 %", &error),
        ("final error below, Pretrained RM-RL", MethodName::RmRlPretrained, "42 %", &error),
        ("T10 earlier, hindsight", MethodName::Hindsight, "-", &t10),
        ("final error below, hindsight", MethodName::Hindsight, "-", &error),
    ] {
        let Some(row) = row_of(method) else { continue };
        let (from, to): (Vec<f64>, Vec<f64>) = standard
            .in_same_cells(row)
            .map(|(standard, other)| (value(standard), value(other)))
            .unzip();
        let here = Estimate::reduction(&from, &to);
        table.rows.push(vec![
            claim.to_string(),
            paper.to_string(),
            here.map_or_else(nothing, |here| {
                format!(
                    "{:.0} % [{:.0}, {:.0}]",
                    100.0 * here.value,
                    100.0 * here.interval.low,
                    100.0 * here.interval.high
                )
            }),
        ]);
    }
    table
}

/// Whether learning beats the control conditions, and from which trial on.
fn against_control_conditions(rows: &[Row], settings: TableSettings) -> Option<Table> {
    let baseline = |method| rows.iter().find(|row| row.method == method);
    let baselines = [MethodName::None, MethodName::Constant].map(baseline);
    let mut table = Table::new(
        "Does learning beat not learning?",
        "The greedy policy's true error on the held-out placements, compared with picking at the \
         estimated pose and with one offset measured in ten trials. \"Beats\" means that the 95 % \
         intervals are disjoint; \"from trial\" is the checkpoint from which they stay disjoint.",
        &["method", "average reward against no correction", "no correction", "constant offset"],
    );
    for row in rows.iter().filter(|row| row.method.learns()) {
        let mut cells = vec![name_of(row, rows)];
        cells.push(match (row.average_reward(), baselines[0].and_then(Row::average_reward)) {
            (Some(own), Some(other)) => compare(own, other, |own, other| own > other).to_string(),
            _ => nothing(),
        });
        for other in baselines {
            let other = other.and_then(|other| {
                other.final_error(settings.trained_on, |errors| errors.true_e_trans_mm)
            });
            cells.push(other.map_or_else(nothing, |other| verdict(row, other)));
        }
        table.rows.push(cells);
    }
    (baselines.iter().any(Option::is_some) && !table.rows.is_empty()).then_some(table)
}

/// How a method's greedy curve compares with a constant error.
fn verdict(row: &Row, other: Estimate) -> String {
    let curve = row.greedy_curve();
    let Some((_, last)) = curve.last() else { return nothing() };
    let end = compare(*last, other, |own, other| own < other);
    let better = |own: &Estimate| own.interval.high < other.interval.low;
    let not_better = curve.iter().rposition(|(_, own)| !better(own));
    match not_better {
        _ if !better(last) => end.to_string(),
        None => format!("{end}, from the beginning"),
        Some(before) => format!("{end}, from trial {:.0}", curve[before + 1].0),
    }
}

fn compare(own: Estimate, other: Estimate, better: fn(f64, f64) -> bool) -> &'static str {
    if !own.interval.is_disjoint_from(&other.interval) {
        "no clear difference"
    } else if better(own.value, other.value) {
        "beats it"
    } else {
        "worse"
    }
}

/// The table of an ablation: what each setting contributes.
pub fn ablation_table(title: &str, about: &str, rows: &[Row], settings: TableSettings) -> Table {
    let mut table = Table::new(
        title,
        about,
        &[
            "setting",
            "method",
            "average reward",
            "T10",
            "to 2 mm",
            "to 1 mm",
            "final true mm",
            "e_rot °",
            "shelf",
            "CPU s",
            "cells",
        ],
    );
    let trials = |reached: Option<TrialsEstimate>| {
        reached.map_or_else(nothing, |reached| {
            let never = reached.of - reached.reached;
            let note = if never > 0 { format!(" ({never} never)") } else { String::new() };
            format!("{}{note}", estimate(reached.trials, 0))
        })
    };
    for row in rows {
        let error = |of| {
            row.final_error(settings.trained_on, of)
                .map_or_else(nothing, |error| estimate(error, 2))
        };
        table.rows.push(vec![
            row.variant.to_string(),
            row.method.title().to_string(),
            row.average_reward().map_or_else(nothing, |reward| estimate(reward, 4)),
            trials(row.t10(settings.threshold)),
            trials(row.trials_to_mm(2.0)),
            trials(row.trials_to_mm(1.0)),
            error(|errors| errors.true_e_trans_mm),
            error(|errors| errors.true_yaw_deg),
            row.success(TaskKind::Shelf).map_or_else(nothing, rate),
            format!("{:.1}", row.cpu_secs()),
            row.units.len().to_string(),
        ]);
    }
    table
}

/// What the reproduction cost, and the noise floor.
pub fn footnote(rows: &[Row]) -> String {
    let units: Vec<_> = rows.iter().flat_map(|row| &row.units).collect();
    let floors: Vec<f64> = units.iter().map(|unit| unit.noise_floor_mm).collect();
    let cpu_secs: f64 = units.iter().map(|unit| unit.total_cpu_secs).sum();
    let faults: usize = units.iter().map(|unit| unit.faults).sum();
    format!(
        "{} units, {:.1} processor hours. Noise floor (two localizations of a resting plate): \
         {:.2} mm on average. Attempts repeated after a fault: {faults}.",
        units.len(),
        cpu_secs / 3600.0,
        mean(&floors),
    )
}
