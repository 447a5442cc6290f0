//! Writes the files of a reproduction: `tables.md`, `results.csv`, `greedy.csv` and `reproduction.html`.

use std::path::{Path, PathBuf};

use anyhow::Context;
use rmrl_cell::TaskKind;
use rmrl_core::{mean, standard_deviation};
use rmrl_data::write_atomically;
use serde::Serialize;

use super::ablation::Ablation;
use super::figures::{FigureError, Panel, greedy_curves, panels, profiles, reward_curves};
use super::known::{camera_moves, intervals};
use super::row::{Row, mean_error};
use super::table::Table;
use super::tables::{TableSettings, ablation_table, footnote, tables};
use super::unit::{Checkpoint, UnitResult};
use crate::config::RunConfig;
use crate::report::template::{escape, fill};

/// The files that a reproduction writes.
#[derive(Debug, Clone, Serialize)]
pub struct Output {
    /// The tables as Markdown.
    pub tables: PathBuf,
    /// One row per unit, as CSV.
    pub results: PathBuf,
    /// One row per unit and evaluation of its greedy policy during training, as CSV.
    pub greedy: PathBuf,
    /// All tables and figures on one HTML page.
    pub page: PathBuf,
}

/// Writes tables, figures and results of finished `units` into `root`.
///
/// # Errors
/// A figure cannot be drawn, or a file not be written.
pub fn write_output(
    root: &Path,
    units: &[UnitResult],
    variants: &[&str],
    ablation: Option<&Ablation>,
) -> anyhow::Result<(Output, Vec<Table>)> {
    let first = units.first().context("there is no finished unit")?;
    let config = first.config().context("the configuration of a unit cannot be read")?;
    let settings = TableSettings {
        threshold: config.metrics.reward_threshold,
        smoothing: config.metrics.smoothing,
        trained_on: config.task.kind,
        placements: first.finals.first().map_or(0, |last| last.attempts.len()),
    };
    let rows = Row::all(units, variants);
    let tables = match ablation {
        Some(ablation) => {
            let table = ablation_table(ablation.title(), ablation.about(), &rows, settings);
            [Some(table), intervals(&rows), camera_moves(&rows)].into_iter().flatten().collect()
        }
        None => tables(&rows, settings),
    };
    let (title, subtitle) = heading(units, &config, ablation);
    let subtitle = format!("{subtitle} {}", footnote(&rows));
    let html_tables: Vec<String> = tables.iter().map(Table::to_html).collect();
    let page = fill(
        include_str!("page.html"),
        &[
            ("title", escape(&title)),
            ("subtitle", escape(&subtitle)),
            ("tables", html_tables.concat()),
            ("figures", figures(&rows, settings)?),
            ("config", escape(&first.config)),
        ],
    );

    let output = Output {
        tables: root.join("tables.md"),
        results: root.join("results.csv"),
        greedy: root.join("greedy.csv"),
        page: root.join("reproduction.html"),
    };
    write_atomically(&output.tables, markdown(&title, &subtitle, &tables).as_bytes())?;
    write_atomically(&output.results, &results(units, settings)?)?;
    write_atomically(&output.greedy, &greedy(units)?)?;
    write_atomically(&output.page, page.as_bytes())?;
    Ok((output, tables))
}

fn markdown(title: &str, subtitle: &str, tables: &[Table]) -> String {
    let mut markdown = format!("# {title}\n\n{subtitle}\n");
    for table in tables {
        markdown.push('\n');
        markdown.push_str(&table.to_markdown());
    }
    markdown
}

/// The figures with their headings, as HTML.
fn figures(rows: &[Row], settings: TableSettings) -> Result<String, FigureError> {
    let panels = panels(rows);
    let figure =
        |heading: &str, about: &str, draw: &dyn Fn(&[Row]) -> Result<String, FigureError>| {
            let mut html = format!("<h2>{heading}</h2>\n<p>{about}</p>\n");
            for Panel { title, rows } in &panels {
                html.push_str(&format!("<h3>{title}</h3>\n{}\n", draw(rows)?));
            }
            Ok::<_, FigureError>(html)
        };
    let figures = [
        figure(
            "Fig. 5: reward curves",
            "The moving average of the training reward: interquartile mean over cells with its 95 % band.",
            &|rows| reward_curves(rows, settings),
        )?,
        figure(
            "The greedy policy during training",
            "The greedy policy on held-out placements after every ten trials: mean true error of the placed plates, interquartile mean over cells with its 95 % band.",
            &greedy_curves,
        )?,
        figure(
            "Performance profiles",
            "The share of cells in which the final policy's mean true error is at most this large. Higher is better.",
            &|rows| profiles(rows, settings.trained_on),
        )?,
    ];
    Ok(figures.concat())
}

fn heading(
    units: &[UnitResult],
    config: &RunConfig,
    ablation: Option<&Ablation>,
) -> (String, String) {
    let mut cells: Vec<u32> = units.iter().map(|unit| unit.unit.seed).collect();
    cells.sort_unstable();
    cells.dedup();
    let title = match ablation {
        Some(ablation) => format!("Ablation: {}", ablation.title()),
        None => "Reproduction of the paper's tables".to_string(),
    };
    let subtitle = format!(
        "{} simulated cells, {} training trials on the {} task in each.",
        cells.len(),
        config.trials,
        config.task.kind
    );
    (title, subtitle)
}

/// A row of `results.csv`.
#[derive(Serialize)]
struct ResultRow<'a> {
    variant: &'a str,
    method: &'a str,
    seed: u32,
    trials: usize,
    average_reward: f64,
    reward_deviation: f64,
    t10: Option<usize>,
    trials_to_2mm: Option<usize>,
    trials_to_1mm: Option<usize>,
    not_grasped: usize,
    faults: usize,
    noise_floor_mm: f64,
    table_reward: Option<f64>,
    table_e_trans_mm: Option<f64>,
    table_true_e_trans_mm: Option<f64>,
    table_yaw_deg: Option<f64>,
    table_seated: Option<usize>,
    shelf_reward: Option<f64>,
    shelf_e_trans_mm: Option<f64>,
    shelf_true_e_trans_mm: Option<f64>,
    shelf_yaw_deg: Option<f64>,
    shelf_seated: Option<usize>,
    training_cpu_secs: f64,
    total_cpu_secs: f64,
}

fn results(units: &[UnitResult], settings: TableSettings) -> anyhow::Result<Vec<u8>> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    for unit in units {
        let rewards = unit.rewards();
        let seated = |task| {
            let attempts = unit.attempts(task)?;
            Some(attempts.iter().filter(|attempt| attempt.seated).count())
        };
        let measured = |task| unit.final_error(task, |errors| errors.e_trans_mm);
        let truth = |task| unit.final_error(task, |errors| errors.true_e_trans_mm);
        let yaw = |task| unit.final_error(task, |errors| errors.yaw_deg);
        let (table, shelf) = (TaskKind::Table, TaskKind::Shelf);
        writer.serialize(ResultRow {
            variant: &unit.unit.variant,
            method: unit.unit.method.as_str(),
            seed: unit.unit.seed,
            trials: unit.length(),
            average_reward: mean(&rewards),
            reward_deviation: standard_deviation(&rewards),
            t10: unit.t10(settings.threshold),
            trials_to_2mm: unit.trials_to_mm(2.0),
            trials_to_1mm: unit.trials_to_mm(1.0),
            not_grasped: unit.not_grasped(),
            faults: unit.faults,
            noise_floor_mm: unit.noise_floor_mm,
            table_reward: unit.final_reward(table),
            table_e_trans_mm: measured(table),
            table_true_e_trans_mm: truth(table),
            table_yaw_deg: yaw(table),
            table_seated: seated(table),
            shelf_reward: unit.final_reward(shelf),
            shelf_e_trans_mm: measured(shelf),
            shelf_true_e_trans_mm: truth(shelf),
            shelf_yaw_deg: yaw(shelf),
            shelf_seated: seated(shelf),
            training_cpu_secs: unit.training_cpu_secs,
            total_cpu_secs: unit.total_cpu_secs,
        })?;
    }
    writer.into_inner().context("the results could not be written")
}

/// A row of `greedy.csv`: the greedy policy after some trials, on the held-out placements of the training task. The
/// means are over the placed plates.
#[derive(Serialize)]
struct GreedyRow<'a> {
    variant: &'a str,
    method: &'a str,
    seed: u32,
    trial: u32,
    placements: usize,
    placed: usize,
    seated: usize,
    reward: f64,
    e_trans_mm: Option<f64>,
    true_e_trans_mm: Option<f64>,
    yaw_deg: Option<f64>,
}

fn greedy(units: &[UnitResult]) -> anyhow::Result<Vec<u8>> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    for unit in units {
        for Checkpoint { trial, attempts } in &unit.checkpoints {
            let rewards: Vec<f64> = attempts.iter().map(|attempt| attempt.reward).collect();
            writer.serialize(GreedyRow {
                variant: &unit.unit.variant,
                method: unit.unit.method.as_str(),
                seed: unit.unit.seed,
                trial: *trial,
                placements: attempts.len(),
                placed: attempts.iter().filter(|attempt| attempt.errors.is_some()).count(),
                seated: attempts.iter().filter(|attempt| attempt.seated).count(),
                reward: mean(&rewards),
                e_trans_mm: mean_error(attempts, |errors| errors.e_trans_mm),
                true_e_trans_mm: mean_error(attempts, |errors| errors.true_e_trans_mm),
                yaw_deg: mean_error(attempts, |errors| errors.yaw_deg),
            })?;
        }
    }
    writer.into_inner().context("the greedy curves could not be written")
}
