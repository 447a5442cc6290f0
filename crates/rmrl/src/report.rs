//! One self-contained HTML page per run.

mod images;
mod plots;

use std::fmt::Write;
use std::path::Path;

use rmrl_cell::Camera;
use rmrl_core::{PlacementError, Scene, role_model};
use rmrl_data::{RunDir, TrialRecord, Written, metrics};
use rmrl_vision::CameraModel;

use self::images::{AIM, LOCALIZED, Overlay, TRUE};
use self::plots::{error_curve, reward_curve};
use crate::analysis::error_budget::{Budget, CellTruth, ErrorBudget, Placed};
use crate::analysis::noise_floor::NoiseFloor;
use crate::analysis::summary::Summary;
use crate::cell::world::World;
use crate::config::RunConfig;
use crate::perception::frame_source::camera_of_run;
use crate::run::run_log::{read_records, trials_without_images};
use crate::run::target_record::TargetRecord;
use crate::run::world_record::{WORLD, WorldRecord};

/// The report's name in a run directory.
pub const REPORT: &str = "report.html";

/// Trials shown with pictures at the beginning, and as many at the end.
const PICTURED_TRIALS: usize = 3;

/// Placements at the end of the run whose error is split by its causes.
const BUDGETED_TRIALS: usize = 10;

/// The report of the run in `root`, finished or not.
///
/// # Errors
/// The run cannot be read, or has no trial yet.
pub fn report(root: &Path) -> anyhow::Result<String> {
    report_by(&RunConfig::of_run(&root.join(RunDir::CONFIG))?, root)
}

/// The same, of a run whose configuration is known already.
///
/// # Errors
/// The run cannot be read, or has no trial yet.
pub fn report_by(config: &RunConfig, root: &Path) -> anyhow::Result<String> {
    let records = read_records(root)?;
    let completed: Vec<TrialRecord> =
        records.iter().filter(|record| !record.is_fault()).cloned().collect();
    anyhow::ensure!(
        !completed.is_empty(),
        "{} has no completed trial to report yet",
        root.display()
    );
    let target = TargetRecord::read(root)?;
    let rows = metrics(&records, config.metrics.smoothing);
    let summary = Summary::of(config, &records);
    let NoiseFloor { distance_mm: floor_mm, turn_deg: floor_deg } =
        NoiseFloor::of(&target.noise_floor);

    let title =
        format!("{} on the {} task, seed {}", config.method.title(), config.task.kind, config.seed);
    let subtitle = format!(
        "{} of {} trials in {}. At the paper's 2 to 3 minutes a trial: {:.1} to {:.1} robot hours.",
        summary.trials,
        config.trials,
        config.cell_name(),
        2.0 * summary.trials as f64 / 60.0,
        3.0 * summary.trials as f64 / 60.0,
    );
    let loss = |e_trans_m: f64, yaw_deg: f64| {
        let error = PlacementError { e_trans_m, e_rot: 1.0 - yaw_deg.to_radians().cos() };
        format!("{:.5}", 1.0 - config.reward.reward(error))
    };
    // No device is asked: a report is read where no cell is.
    let world = World::of(config, u64::from(config.seed))?;
    let camera = match &world {
        World::Simulated(cell) => cell.model(),
        World::Real => camera_of_run(root)?,
    };
    let path = root.join(WORLD);
    let worlds: Vec<WorldRecord> =
        if path.exists() { Written::read(&path)?.into_entries() } else { Vec::new() };
    // The first line of the world's log is the state before the first trial.
    let trials: Vec<(&TrialRecord, Option<&WorldRecord>)> = records
        .iter()
        .enumerate()
        .filter(|(_, record)| !record.is_fault())
        .map(|(line, record)| (record, worlds.get(line + 1)))
        .collect();
    let page = include_str!("report/page.html");
    Ok(fill(
        page,
        &[
            ("title", escape(&title)),
            ("subtitle", escape(&subtitle)),
            ("summary", summary_table(&summary, floor_mm)),
            ("threshold", config.metrics.reward_threshold.to_string()),
            (
                "reward",
                reward_curve(
                    &rows,
                    &role_models(config, &completed)?,
                    config.metrics.reward_threshold,
                )?,
            ),
            (
                "floor",
                format!(
                    "Localising the plate again without touching it gives {floor_mm:.3} mm and {floor_deg:.3} degrees on average: the noise floor. Errors of about this size are noise."
                ),
            ),
            (
                "translation",
                error_curve(
                    &rows,
                    "mm",
                    |row| row.e_trans_mm,
                    |row| row.true_e_trans_mm,
                    floor_mm,
                )?,
            ),
            ("yaw_cost", loss(0.0, 1.0)),
            ("mm_cost", loss(0.001, 0.0)),
            (
                "yaw",
                error_curve(
                    &rows,
                    "degrees",
                    |row| row.yaw_error_deg,
                    |row| true_yaw_deg(&completed, row.trial),
                    floor_deg,
                )?,
            ),
            ("budget", budget_table(&budget(&world, &camera, config, &trials, floor_mm))),
            ("pictures", pictures(root, config, &world, camera, &trials)?),
            ("config", escape(&config.to_toml())),
        ],
    ))
}

/// The role model of each scene (Eq. 2); none where the method labels nothing.
fn role_models(config: &RunConfig, completed: &[TrialRecord]) -> anyhow::Result<Vec<u32>> {
    let labels = config.learning_method().is_some_and(|m| m.labelling.is_some());
    let mut models = Vec::new();
    let scenes = completed.chunk_by(|a, b| a.scene == b.scene);
    // The best of one trial is no model of anything.
    for records in scenes.filter(|scene| labels && scene.len() > 1) {
        let mut scene = Scene::new();
        scene.extend(trials_without_images(records)?);
        models.extend(role_model(&scene).map(|trial| trial.id.trial));
    }
    Ok(models)
}

fn true_yaw_deg(completed: &[TrialRecord], trial: u32) -> Option<f64> {
    let record = completed.iter().find(|record| record.trial == trial)?;
    record.true_yaw_error_rad.map(|yaw_rad| yaw_rad.to_degrees().abs())
}

fn summary_table(summary: &Summary, floor_mm: f64) -> String {
    let t10 = summary.t10.map_or_else(|| "not reached".to_string(), |t10| t10.to_string());
    let millimetres = |error: Option<f64>| {
        error.map_or_else(|| "-".to_string(), |error| format!("{error:.2} mm"))
    };
    let mut rows = Vec::new();
    if let Some(proof) = summary.proof {
        rows.push(("to be proven", proof.to_string()));
    }
    rows.extend([
        (
            "average reward (deviation)",
            format!("{:.3} ({:.3})", summary.average_reward, summary.reward_deviation),
        ),
        ("T10, trials until the reward exceeded the threshold ten times", t10),
        ("error of the last ten placements, measured", millimetres(summary.last_e_trans_mm)),
    ]);
    if summary.last_true_e_trans_mm.is_some() {
        rows.push(("the same, true", millimetres(summary.last_true_e_trans_mm)));
    }
    rows.push(("noise floor of the measurement", format!("{floor_mm:.3} mm")));
    rows.push(("plates not grasped", summary.not_grasped.to_string()));
    rows.push(("attempts repeated after a fault", summary.faults.to_string()));
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

/// Where the error of the last placements comes from.
fn budget(
    world: &World,
    camera: &CameraModel,
    config: &RunConfig,
    trials: &[(&TrialRecord, Option<&WorldRecord>)],
    floor_mm: f64,
) -> Budget {
    let cell = CellTruth::of(world, camera, config);
    let last = trials.iter().rev().filter(|(record, _)| record.failure.is_none());
    let (mut measured_m, mut budgets) = (Vec::new(), Vec::new());
    for (record, world) in last.take(BUDGETED_TRIALS) {
        measured_m.extend(record.e_trans_m);
        let placed = || {
            let world = world.as_ref()?;
            Some(Placed {
                estimated: record.estimated_pose?,
                pick: record.pick_pose?,
                start: world.start?,
                end: world.end?,
                grasp: world.grasp?,
            })
        };
        let of_trial = || ErrorBudget::of(cell.as_ref()?, &placed()?);
        budgets.extend(of_trial());
    }
    Budget::of(floor_mm, &measured_m, budgets)
}

fn budget_table(budget: &Budget) -> String {
    let mut table = "<table><tr><th></th><th>rms, mm</th><th>mean along, mm</th>\
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

/// The first and the last trials' pictures.
fn pictures(
    root: &Path,
    config: &RunConfig,
    world: &World,
    camera: CameraModel,
    completed: &[(&TrialRecord, Option<&WorldRecord>)],
) -> anyhow::Result<String> {
    let half_height_m = 0.5 * config.vision.localizer.plate.height_m;
    let overlay = Overlay {
        camera,
        true_camera: world.true_camera(),
        plate: config.vision.localizer.plate,
        start_height_m: config.task.start_surface_m + half_height_m,
        place_height_m: config.task.place.surface_m + half_height_m,
    };
    let first = completed.len().min(PICTURED_TRIALS);
    let last = completed.len().saturating_sub(PICTURED_TRIALS).max(first);
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
            "<p>{}localised {}picked, or the target {}true</p><div class=\"trials\">",
            key(LOCALIZED),
            key(AIM),
            key(TRUE)
        )?;
        for (record, world) in trials {
            let outcome = match (&record.failure, record.e_trans_m) {
                (None, Some(error_m)) => format!("{:.2} mm off the target", 1000.0 * error_m),
                (failure, _) => match failure {
                    Some(rmrl_data::FailureRecord::NotGrasped { reason, .. }) => reason.clone(),
                    _ => String::new(),
                },
            };
            let views = [
                (overlay.start(root, record, *world), format!("trial {}, before", record.trial)),
                (overlay.end(root, record, *world), format!("trial {}: {outcome}", record.trial)),
            ];
            for (picture, caption) in views {
                let caption = escape(&caption);
                match picture {
                    Some(Ok(picture)) => write!(
                        html,
                        "<figure><img alt=\"{caption}\" src=\"{picture}\"><figcaption>{caption}</figcaption></figure>"
                    )?,
                    // A report with a gap is worth more than none.
                    Some(Err(error)) => {
                        tracing::warn!("{error:#}");
                        write!(
                            html,
                            "<figure><figcaption>{caption} (the picture is missing or damaged)</figcaption></figure>"
                        )?;
                    }
                    None => {}
                }
            }
        }
        html.push_str("</div>");
    }
    Ok(html)
}

fn key([red, green, blue]: [u8; 3]) -> String {
    format!("<span class=\"key\" style=\"border-color: rgb({red}, {green}, {blue})\"></span>")
}

/// Replaces every `{{name}}` of a page.
pub(crate) fn fill(page: &str, values: &[(&str, String)]) -> String {
    let mut filled = page.to_string();
    for (name, value) in values {
        filled = filled.replace(&format!("{{{{{name}}}}}"), value);
    }
    filled
}

pub(crate) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
