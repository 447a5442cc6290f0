//! The effect of lids and light on localization: errors with and without a lid over many simulated
//! cells.
//!
//! `cargo run --release -p rmrl-sim --example localization_bias -- [CELLS]`
//!
//! Cells are calibrated here, so what is left is the effect of the image itself. A plate lies at starts
//! all over the region and in its place, once bare and once with the lid on. Along and across are
//! the plate's own axes: jaws remove an offset across them.

use std::time::Instant;

use rand::RngExt;
use rmrl_cell::{Devices, Operator, TaskConfig};
use rmrl_core::{PlanarPose, PoseAdjustment, random_stream};
use rmrl_sim::{CellDistribution, SimulatedCell, SimulationConfig};
use rmrl_vision::{ColorThresholdDetector, ColorThresholdSegmenter, Localizer, LocalizerConfig};

const STARTS: usize = 6;

/// Errors of one kind of capture, in millimeters.
#[derive(Default)]
struct Errors(Vec<f64>);

impl Errors {
    fn line(&mut self) -> String {
        self.0.sort_by(f64::total_cmp);
        let mean = self.0.iter().sum::<f64>() / self.0.len().max(1) as f64;
        let at = |share: f64| {
            let index = (share * self.0.len() as f64) as usize;
            self.0.get(index.min(self.0.len().saturating_sub(1))).copied().unwrap_or(0.0)
        };
        format!("mean {mean:.2}, median {:.2}, 90 % {:.2}, most {:.2}", at(0.5), at(0.9), at(1.0))
    }
}

/// The results of all cells. Arrays are indexed by bare or lidded, then by start or place.
#[derive(Default)]
struct Results {
    errors: [[Errors; 2]; 2],
    along: [[Errors; 2]; 2],
    height: [Errors; 2],
    correction: Errors,
    captures: u32,
    failures: Vec<String>,
    capture_secs: f64,
    localize_secs: f64,
}

impl Results {
    /// Captures and localizes a plate of known pose. Returns its error in the plate's own axes.
    fn measure(
        &mut self,
        localizer: &mut Localizer,
        devices: &mut Devices,
        pose: PlanarPose,
        [lid, kind]: [usize; 2],
    ) -> Result<Option<PoseAdjustment>, Box<dyn std::error::Error>> {
        let began = Instant::now();
        let frame = devices.camera.capture()?;
        let captured = Instant::now();
        let result = localizer.localize(&frame, &devices.camera.model());
        self.capture_secs += (captured - began).as_secs_f64();
        self.localize_secs += captured.elapsed().as_secs_f64();
        self.captures += 1;
        let seen = match result {
            Ok(seen) => seen,
            Err(error) => {
                self.failures.push(format!("lid {lid}, {pose:?}: {error}"));
                return Ok(None);
            }
        };
        let deviation = seen.pose.relative_to(pose);
        self.errors[lid][kind].0.push(1000.0 * deviation.translation_m());
        let own = deviation.rotated(-pose.yaw_rad);
        self.along[lid][kind].0.push(1000.0 * own.dx_m.abs());
        self.height[lid].0.push(1000.0 * (seen.height_m - 0.00725));
        Ok(Some(own))
    }

    /// Measures a cell's plates at starts and in the place, with a lid or without.
    fn measure_cell(
        &mut self,
        localizer: &mut Localizer,
        seed: u64,
        lid: usize,
    ) -> Result<Vec<Option<PoseAdjustment>>, Box<dyn std::error::Error>> {
        let calibrated = CellDistribution {
            tool_shift_m: [0.0; 2],
            tool_turn_deg: [0.0; 2],
            lid_share: lid as f64,
            ..CellDistribution::default().calibrated()
        };
        let config = SimulationConfig { cells: calibrated, ..SimulationConfig::default() };
        let task = TaskConfig::table();
        let mut cell = SimulatedCell::new(&config, &task, seed, seed)?;
        let target = cell.truth().target;
        let mut devices = cell.devices();
        let mut rng = random_stream(seed, "starts", [0, 0]);
        let mut found = Vec::new();
        for index in 0..=STARTS {
            cell.exchange_plate(index as u32 + 1)?;
            let mut within = |[from, to]: [f64; 2]| from + (to - from) * rng.random::<f64>();
            let start = PlanarPose::new(
                within(task.start.x_m),
                within(task.start.y_m),
                within(task.start.yaw_deg).to_radians(),
            );
            let pose = if index < STARTS { start } else { target };
            cell.put_plate(pose, 0.0);
            let kind = usize::from(index == STARTS);
            found.push(self.measure(localizer, &mut devices, pose, [lid, kind])?);
        }
        Ok(found)
    }

    /// Adds how a lid changes the correction along the fingers that gives the best reward. The place
    /// is measured with the same lid as the start.
    fn add_correction(
        &mut self,
        bare: &[Option<PoseAdjustment>],
        lidded: &[Option<PoseAdjustment>],
    ) {
        let lid_effect = |index: usize| Some(lidded[index]?.dx_m - bare[index]?.dx_m);
        if let Some(at_target) = lid_effect(STARTS) {
            let at_starts = (0..STARTS).filter_map(lid_effect);
            let changes = at_starts.map(|at_start| 1000.0 * (at_start - at_target).abs());
            self.correction.0.extend(changes);
        }
    }

    fn print(&mut self, cells: u64) {
        println!(
            "{} captures of {cells} cells, {} not localized",
            self.captures,
            self.failures.len()
        );
        for failure in &self.failures {
            println!("  {failure}");
        }
        for (lid, name) in [(0, "bare"), (1, "lid ")] {
            for (kind, place) in [(0, "start"), (1, "place")] {
                println!("{name} at {place}: error {} mm", self.errors[lid][kind].line());
                println!("              along {} mm", self.along[lid][kind].line());
            }
            println!("{name} height: {} mm", self.height[lid].line());
        }
        let correction = self.correction.line();
        println!("a lid changes the best correction along the fingers by {correction} mm");
        let ms = 1000.0 / f64::from(self.captures);
        let (capture_ms, localize_ms) = (self.capture_secs * ms, self.localize_secs * ms);
        println!("a capture {capture_ms:.1} ms, a localization {localize_ms:.1} ms");
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let cells: u64 = std::env::args().nth(1).map_or(Ok(40), |count| count.parse())?;
    let mut localizer = Localizer::new(
        LocalizerConfig::default(),
        Box::new(ColorThresholdDetector::default()),
        Box::new(ColorThresholdSegmenter::default()),
    )?;
    let mut results = Results::default();
    for seed in 0..cells {
        let failed = results.failures.len();
        let bare = results.measure_cell(&mut localizer, seed, 0)?;
        let lidded = results.measure_cell(&mut localizer, seed, 1)?;
        for failure in &mut results.failures[failed..] {
            failure.insert_str(0, &format!("cell {seed}, "));
        }
        results.add_correction(&bare, &lidded);
    }
    results.print(cells);
    Ok(())
}
