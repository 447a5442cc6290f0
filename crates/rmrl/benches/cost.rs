//! What a run costs: `cargo bench --bench cost`, about three minutes on two cores.
//!
//! Times are only valid for the machine. On a shared machine processor time is steadier than wall time.
//! Reads `/proc`, so it runs on Linux only.

use std::path::Path;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rand::RngExt;
use rmrl::{Laboratory, RunConfig, World, localizer};
use rmrl_cell::TaskKind;
use rmrl_core::{Env, PlanarPose, PoseAdjustment, TrialId, random_stream};
use rmrl_sim::{CellDistribution, SensorNoise};
use rustix::time::{ClockId, clock_gettime};

fn main() -> anyhow::Result<()> {
    println!("{:<52}{:>12}{:>12}", "", "measured", "at most");
    trials()?;
    localization()?;
    let budget = Budget { wall_secs: 30.0, processor_secs: Some(12.0), memory_mb: Some(700.0) };
    training("train, 150 trials", &[], &budget)?;
    let learning = [
        "policy.encoder.train=true",
        "policy.encoder.depth=18",
        "policy.encoder.base_width=64",
        "policy.encoder.weights=random",
        "schedule.replay_interval=10",
    ];
    let budget = Budget { wall_secs: 300.0, processor_secs: Some(70.0), memory_mb: Some(700.0) };
    training("a ResNet-18 that learns, replay every tenth", &learning, &budget)
}

/// Prints one line of the table, and marks a figure over its budget.
fn row(figure: &str, measured: f64, at_most: Option<f64>, unit: &str) {
    let digits = if measured < 10.0 { 3 } else { 1 };
    let limit = at_most.map_or(String::new(), |limit| format!("{limit} {unit}"));
    let is_over = at_most.is_some_and(|limit| measured > limit);
    let verdict = if is_over { "  OVER BUDGET" } else { "" };
    println!("{figure:<52}{:>12}{limit:>12}{verdict}", format!("{measured:.digits$} {unit}"));
}

/// Processor time of this process so far, in milliseconds.
fn processor_ms() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    1e3 * time.tv_sec as f64 + 1e-6 * time.tv_nsec as f64
}

/// Simulated trials: two captures, physics and two localizations each, without a network.
fn trials() -> anyhow::Result<()> {
    const TRIALS: u32 = 60;
    for task in TaskKind::ALL {
        let mut trial = Laboratory::assemble(&RunConfig::for_task(task), 0)?.trial;
        trial.record_target()?;
        let mut rng = random_stream(0, "bench", [0, 0]);
        let mut offset_m = || 0.008 * (rng.random::<f64>() - 0.5);
        let (began, began_ms) = (Instant::now(), processor_ms());
        for number in 1..=TRIALS {
            trial.reset(TrialId::new(number, 1, (number - 1) / 10 + 1))?;
            // A fault takes its time, too, and the next trial starts from there.
            let adjustment = PoseAdjustment { dx_m: offset_m(), dy_m: offset_m(), dyaw_rad: 0.0 };
            let _outcome = trial.step(adjustment);
        }
        let each = |total_ms: f64| total_ms / f64::from(TRIALS);
        let cost_ms = each(processor_ms() - began_ms);
        row(&format!("a simulated trial ({task}), processor"), cost_ms, Some(60.0), "ms");
        let wall_ms = each(1e3 * began.elapsed().as_secs_f64());
        row(&format!("a simulated trial ({task}), wall"), wall_ms, None, "ms");
    }
    Ok(())
}

/// The embedded localizer over the whole workspace of a perfect cell without noise.
fn localization() -> anyhow::Result<()> {
    const POSES: usize = 200;
    let mut config = RunConfig::for_task(TaskKind::Table);
    config.simulation.cells = CellDistribution::PERFECT;
    config.simulation.noise = SensorNoise::NONE;
    let laboratory = Laboratory::assemble(&config, 0)?;
    let World::Simulated(world) = laboratory.world else {
        unreachable!("the default cell is simulated")
    };
    let mut localizer = localizer(&config.vision)?;
    let mut camera = world.devices().camera;
    let model = laboratory.trial.camera_model();
    let mut rng = random_stream(3, "poses", [0, 0]);
    let mut uniform = |[from, to]: [f64; 2]| from + (to - from) * rng.random::<f64>();
    let (mut distance_mm, mut turn_deg) = (Vec::new(), Vec::new());
    let mut spent_ms = 0.0;
    for _ in 0..POSES {
        let pose =
            PlanarPose::new(uniform([0.15, 0.55]), uniform([-0.30, 0.03]), uniform([-1.0, 1.0]));
        world.put_plate(pose, 0.0);
        let frame = camera.capture()?;
        let began_ms = processor_ms();
        let found = localizer.localize(&frame, &model)?;
        spent_ms += processor_ms() - began_ms;
        let error = found.pose.relative_to(pose);
        distance_mm.push(1e3 * error.translation_m());
        turn_deg.push(error.dyaw_rad.to_degrees().abs());
    }
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let worst = |values: &[f64]| values.iter().fold(0.0f64, |worst, value| worst.max(*value));
    row("the localizer, mean error", mean(&distance_mm), Some(1.0), "mm");
    row("the localizer, worst error", worst(&distance_mm), None, "mm");
    row("the localizer, mean turn", mean(&turn_deg), Some(0.3), "deg");
    row("the localizer, worst turn", worst(&turn_deg), None, "deg");
    row("the localizer, processor", spent_ms / POSES as f64, Some(15.0), "ms");
    Ok(())
}

/// The upper limits of a training.
struct Budget {
    wall_secs: f64,
    processor_secs: Option<f64>,
    memory_mb: Option<f64>,
}

/// The command `rmrl train` with its defaults and `values`.
fn training(title: &str, values: &[&str], budget: &Budget) -> anyhow::Result<()> {
    let dir = tempfile::tempdir()?;
    let began = Instant::now();
    let mut child = Command::new(env!("CARGO_BIN_EXE_rmrl"))
        .arg("train")
        .args(values.iter().flat_map(|value| ["--set", value]))
        .current_dir(dir.path())
        .stdout(Stdio::null())
        .spawn()?;
    let (mut peak_mb, mut spent_secs) = (0.0, 0.0);
    while child.try_wait()?.is_none() {
        let process = Path::new("/proc").join(child.id().to_string());
        if let Ok(status) = std::fs::read_to_string(process.join("status")) {
            peak_mb = peak_memory_mb(&status).unwrap_or(peak_mb);
        }
        if let Ok(stat) = std::fs::read_to_string(process.join("stat")) {
            spent_secs = processor_secs(&stat).unwrap_or(spent_secs);
        }
        sleep(Duration::from_millis(20));
    }
    let secs = began.elapsed().as_secs_f64();
    anyhow::ensure!(child.wait()?.success(), "{title} failed");
    row(&format!("{title}, wall"), secs, Some(budget.wall_secs), "s");
    row(&format!("{title}, processor"), spent_secs, budget.processor_secs, "s");
    row(&format!("{title}, peak memory"), peak_mb, budget.memory_mb, "MB");
    Ok(())
}

/// Peak memory of a process, from its `/proc/PID/status`.
fn peak_memory_mb(status: &str) -> Option<f64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: f64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024.0 / 1e6)
}

/// Processor time from `/proc/PID/stat`, in ticks of a hundredth of a second.
fn processor_secs(stat: &str) -> Option<f64> {
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let user: f64 = fields.next()?.parse().ok()?;
    let system: f64 = fields.next()?.parse().ok()?;
    Some((user + system) / 100.0)
}
