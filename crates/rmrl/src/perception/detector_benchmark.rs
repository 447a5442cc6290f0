//! A comparison of detectors on simulated frames whose truth is known.

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use anyhow::Context;
use nalgebra::{Point2, Point3};
use rand::RngExt;
use rmrl_cell::{Camera, Operator};
use rmrl_core::{PlanarPose, random_stream, wrap_angle};
use rmrl_sim::{CellDistribution, SensorNoise, SimulatedCell, SimulationConfig};
use rmrl_vision::{CameraModel, Localizer, PlateGeometry, RgbdFrame};
use rustix::time::{ClockId, clock_gettime};
use serde::Serialize;

use crate::cell::perception::localizer;
use crate::config::{RunConfig, VisionConfig};

/// What makes finding the plate hard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Condition {
    /// Nothing: plain black plates under one lamp.
    Plain,
    /// Four times the sensor's noise, in color and depth, and a third of the depth missing.
    Noise,
    /// Little light, a strong window to one side, a glossy table.
    Light,
    /// A cluttered bench.
    Clutter,
    /// Lids, whose bevels glint.
    Lid,
    /// Depth that lies: one to three patches of 4 to 30 pixels on the plate are too far or too near.
    Depth,
    /// A glove over 4 to 40 % of the plate. The plate should be found where it is, or not at all.
    Hidden,
    /// No plate: every find is false.
    Absent,
}

impl Condition {
    /// All conditions.
    pub const ALL: [Self; 8] = [
        Self::Plain,
        Self::Noise,
        Self::Light,
        Self::Clutter,
        Self::Lid,
        Self::Depth,
        Self::Hidden,
        Self::Absent,
    ];

    /// Its name in tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Noise => "noise",
            Self::Light => "light",
            Self::Clutter => "clutter",
            Self::Lid => "lid",
            Self::Depth => "depth",
            Self::Hidden => "hidden",
            Self::Absent => "absent",
        }
    }

    /// The simulation with this condition. The camera is calibrated in each.
    fn simulation(self, config: &RunConfig) -> SimulationConfig {
        let plain =
            SimulationConfig { cells: CellDistribution::PERFECT, board: None, ..config.simulation };
        let usual = config.simulation.cells.calibrated();
        match self {
            Self::Plain | Self::Absent | Self::Depth | Self::Hidden => plain,
            Self::Noise => {
                let usual = SensorNoise::default();
                let noise = SensorNoise {
                    color_levels: 4.0 * usual.color_levels,
                    disparity_px: 4.0 * usual.disparity_px,
                    black_dropout: 0.33,
                };
                SimulationConfig { noise, ..plain }
            }
            Self::Light => {
                let cells = CellDistribution {
                    ambient_light: [0.15, 0.3],
                    exposure: [0.4, 1.3],
                    window_light: [0.8, 1.5],
                    table_gloss: [0.2, 0.5],
                    ..CellDistribution::PERFECT
                };
                SimulationConfig { cells, ..plain }
            }
            Self::Clutter => {
                let cells = CellDistribution { clutter: [10, 16], lid_share: 0.0, ..usual };
                SimulationConfig { cells, ..plain }
            }
            Self::Lid => {
                let cells = CellDistribution { lid_share: 1.0, ..usual };
                SimulationConfig { cells, ..plain }
            }
        }
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The results of a detector under one condition.
#[derive(Debug, Clone, Serialize)]
pub struct Row {
    /// The condition.
    pub condition: Condition,
    /// The number of frames.
    pub frames: usize,
    /// Plates found within 5 mm and 3 degrees of their true pose.
    pub found: usize,
    /// Plates not found, whatever the reason.
    pub missed: usize,
    /// Poses that are not those of the plate.
    pub false_finds: usize,
    /// Plates found with a confidence above 0.9.
    pub confident: usize,
    /// Poses that are off by more than a millimeter in spite of a confidence above 0.9.
    pub overconfident: usize,
    /// Median and 95th percentile of the error of what was found, in millimeters.
    pub error_mm: Option<[f64; 2]>,
    /// Median and 95th percentile of the yaw error of what was found, in degrees.
    pub yaw_error_deg: Option<[f64; 2]>,
    /// Processor time per frame, in milliseconds.
    pub cpu_ms: f64,
}

/// The results of a detector under all conditions, and its costs.
#[derive(Debug, Clone, Serialize)]
pub struct Score {
    /// The name of the detector.
    pub detector: String,
    /// Time to load it, in seconds.
    pub load_secs: f64,
    /// The peak memory of the process above its memory before, in MB; `None` where the system does not
    /// report it.
    pub peak_mb: Option<f64>,
    /// The results under each condition.
    pub rows: Vec<Row>,
}

/// A pose farther from the plate than this is a false find, in meters and radians.
const FALSE_FIND_M: f64 = 0.005;
const FALSE_FIND_RAD: f64 = 3.0 * std::f64::consts::PI / 180.0;
/// A pose with a larger confidence should be nearer to the truth than this, in meters.
const CONFIDENT: f64 = 0.9;
const RIGHT_M: f64 = 0.001;
/// Frames per simulated laboratory.
const FRAMES_OF_CELL: usize = 4;

/// Runs one detector on `frames` frames under each condition. All detectors get the same frames.
///
/// # Errors
/// The detector cannot be loaded, or the configuration is invalid for a cell.
pub fn score(
    config: &RunConfig,
    detector: &str,
    vision: &VisionConfig,
    frames: usize,
) -> anyhow::Result<Score> {
    let memory = Memory::before();
    let began = Instant::now();
    let mut localizer = localizer(vision)?;
    let load_secs = began.elapsed().as_secs_f64();
    let rows = Condition::ALL
        .into_iter()
        .map(|condition| row(config, condition, &mut localizer, frames))
        .collect::<anyhow::Result<_>>()?;
    Ok(Score { detector: detector.to_string(), load_secs, peak_mb: memory.peak_mb(), rows })
}

fn row(
    config: &RunConfig,
    condition: Condition,
    localizer: &mut Localizer,
    frames: usize,
) -> anyhow::Result<Row> {
    let (mut errors_mm, mut yaw_errors_deg) = (Vec::new(), Vec::new());
    let (mut missed, mut false_finds, mut cpu_secs) = (0, 0, 0.0);
    let (mut confident, mut overconfident) = (0, 0);
    for number in 0..frames {
        let TrueFrame { frame, camera, truth } = true_frame(config, condition, number)?;
        let began = cpu_now();
        let found = localizer.localize(&frame, &camera);
        cpu_secs += cpu_now() - began;
        match (found, truth) {
            (Ok(found), Some(truth)) => {
                let error_m = found.pose.distance_m(truth);
                let is_confident = found.confidence > CONFIDENT;
                confident += usize::from(is_confident);
                overconfident += usize::from(is_confident && error_m > RIGHT_M);
                let yaw_error_rad = wrap_angle(found.pose.yaw_rad - truth.yaw_rad).abs();
                if error_m > FALSE_FIND_M || yaw_error_rad > FALSE_FIND_RAD {
                    false_finds += 1;
                } else {
                    errors_mm.push(1000.0 * error_m);
                    yaw_errors_deg.push(yaw_error_rad.to_degrees());
                }
            }
            (Ok(_), None) => false_finds += 1,
            (Err(_), Some(_)) => missed += 1,
            (Err(_), None) => {}
        }
    }
    Ok(Row {
        condition,
        frames,
        found: errors_mm.len(),
        missed,
        false_finds,
        confident,
        overconfident,
        error_mm: median_and_tail(errors_mm),
        yaw_error_deg: median_and_tail(yaw_errors_deg),
        cpu_ms: 1000.0 * cpu_secs / frames as f64,
    })
}

/// A simulated frame with its truth.
struct TrueFrame {
    frame: RgbdFrame,
    /// The camera as it truly hangs.
    camera: CameraModel,
    /// Where the plate truly is; `None` where there is no plate.
    truth: Option<PlanarPose>,
}

/// Frame number `number` of a condition.
fn true_frame(
    config: &RunConfig,
    condition: Condition,
    number: usize,
) -> anyhow::Result<TrueFrame> {
    let cell_seed = (number / FRAMES_OF_CELL) as u64;
    let simulation = condition.simulation(config);
    let mut cell = SimulatedCell::new(&simulation, &config.task, cell_seed, number as u64)?;
    cell.exchange_plate(number as u32 + 1).context("simulated plates can always be exchanged")?;
    // The name of the stream is part of the results: its spelling stays.
    let mut rng = random_stream(cell_seed, "localisation bench", [number as u64, 0]);
    let mut within = |[least, most]: [f64; 2]| least + (most - least) * rng.random::<f64>();
    let start = &config.task.start;
    let pose =
        PlanarPose::new(within(start.x_m), within(start.y_m), within(start.yaw_deg).to_radians());
    let hidden = within([0.04, 0.4]);
    let camera = cell.true_camera();
    let is_absent = condition == Condition::Absent;
    cell.put_plate(if is_absent { OUT_OF_VIEW } else { pose }, config.task.start_surface_m);
    let mut frame = cell.capture().context("simulated cameras do not fail")?;
    if condition == Condition::Hidden {
        let plate = simulation.plate;
        cover(&mut frame, &camera, plate, pose, config.task.start_surface_m, hidden);
    }
    if condition == Condition::Depth {
        let middle = Point3::new(pose.x_m, pose.y_m, config.task.start_surface_m);
        let middle = camera.project(middle).context("the camera sees every start")?;
        let reach_px = 0.5 * simulation.plate.width_m * camera.intrinsics.fx / camera.position().z;
        let mut rng = random_stream(cell_seed, "lying depth", [number as u64, 0]);
        for _ in 0..rng.random_range(1..=3) {
            falsify(&mut frame, middle, reach_px, &mut rng);
        }
    }
    Ok(TrueFrame { frame, camera, truth: (!is_absent).then_some(pose) })
}

/// A pose that no camera sees.
const OUT_OF_VIEW: PlanarPose = PlanarPose { x_m: 3.0, y_m: 3.0, yaw_rad: 0.0 };
/// The color of a nitrile glove.
const GLOVE: [u8; 3] = [112, 140, 196];
/// How far above the plate the glove is, in millimeters.
const GLOVE_MM: u16 = 30;
/// How far the glove extends beyond the plate, in meters.
const GLOVE_BEYOND_M: f64 = 0.04;

/// Covers a share of the plate with a glove, from one end.
fn cover(
    frame: &mut RgbdFrame,
    camera: &CameraModel,
    plate: PlateGeometry,
    pose: PlanarPose,
    surface_m: f64,
    share: f64,
) {
    let (sin, cos) = pose.yaw_rad.sin_cos();
    let top_m = surface_m + plate.height_m;
    let color = Arc::make_mut(&mut frame.color);
    for (u, v, pixel) in color.enumerate_pixels_mut() {
        let Some(point) = camera.intersect_plane(Point2::new(u.into(), v.into()), top_m) else {
            continue;
        };
        let (dx, dy) = (point.x - pose.x_m, point.y - pose.y_m);
        let (along, across) = (cos * dx + sin * dy, cos * dy - sin * dx);
        let from_end = 0.5 * plate.length_m - along;
        if (-GLOVE_BEYOND_M..share * plate.length_m).contains(&from_end)
            && across.abs() < 0.5 * plate.width_m + GLOVE_BEYOND_M
        {
            pixel.0 = GLOVE;
            let depth = frame.depth.get_pixel_mut(u, v);
            depth.0[0] = depth.0[0].saturating_sub(GLOVE_MM);
        }
    }
}

/// The depths of a square near `middle`, within `reach_px`, become those of something else.
fn falsify(frame: &mut RgbdFrame, middle: Point2<f64>, reach_px: f64, rng: &mut impl RngExt) {
    let side = rng.random_range(4..=30);
    let millimeters = rng.random_range(300..2000);
    let mut from = |middle: f64| {
        (middle + rng.random_range(-reach_px..reach_px) - 0.5 * f64::from(side)).max(0.0) as u32
    };
    let (left, top) = (from(middle.x), from(middle.y));
    for (u, v) in (left..left + side).flat_map(|u| (top..top + side).map(move |v| (u, v))) {
        if let Some(depth) = frame.depth.get_pixel_mut_checked(u, v) {
            depth.0[0] = millimeters;
        }
    }
}

fn median_and_tail(mut values: Vec<f64>) -> Option<[f64; 2]> {
    values.sort_by(f64::total_cmp);
    let at = |share: f64| values.get((share * values.len() as f64) as usize).copied();
    Some([at(0.5)?, at(0.95)?])
}

/// Processor time of all threads, in seconds.
fn cpu_now() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 * 1e-9
}

/// The memory of the process before a detector is loaded.
struct Memory {
    before_mb: Option<f64>,
}

impl Memory {
    fn before() -> Self {
        // 5 resets the peak (proc(5)). Only Linux reports it.
        let is_reset = std::fs::write("/proc/self/clear_refs", "5").is_ok();
        Self { before_mb: is_reset.then(|| status_mb("VmRSS:")).flatten() }
    }

    fn peak_mb(&self) -> Option<f64> {
        Some(status_mb("VmHWM:")? - self.before_mb?)
    }
}

fn status_mb(key: &str) -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(key))?;
    let kilobytes: f64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes / 1024.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rmrl_cell::TaskKind;

    #[test]
    fn the_embedded_detector_finds_plain_plates_and_nothing_where_there_is_none() {
        let config = RunConfig::for_task(TaskKind::Table);
        let mut localizer = localizer(&config.vision).unwrap();
        let mut row = |condition| row(&config, condition, &mut localizer, 4).unwrap();
        let plain = row(Condition::Plain);
        assert_eq!((plain.found, plain.missed, plain.false_finds), (4, 0, 0));
        assert!(plain.error_mm.unwrap()[1] < 1.0, "{plain:?}");
        assert_eq!((plain.overconfident, row(Condition::Depth).found), (0, 4));
        let absent = row(Condition::Absent);
        assert_eq!((absent.found, absent.missed, absent.false_finds), (0, 0, 0));
        assert_eq!(absent.error_mm, None);
        // The localizer checks shapes, so it does not accept a plate under a glove.
        let hidden = row(Condition::Hidden);
        assert_eq!((hidden.false_finds, hidden.missed), (0, 4), "{hidden:?}");
    }
}
