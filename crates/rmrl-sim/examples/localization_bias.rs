//! What lids and light do to localization: errors with and without a lid over many simulated cells.
//!
//! `cargo run --release -p rmrl-sim --example localization_bias -- [CELLS]`
//!
//! Cells are calibrated here, so what is left is what the picture itself does. A plate lies at starts
//! all over the region and in its place, once bare and once with the lid on. Along and across are
//! the plate's own axes: jaws take out what is off across them.

use std::time::Instant;

use rand::RngExt;
use rmrl_cell::{Operator, TaskConfig};
use rmrl_core::{PlanarPose, PoseAdjustment, random_stream};
use rmrl_sim::{CellDistribution, SimulatedCell, SimulationConfig};
use rmrl_vision::{ColorThresholdDetector, ColorThresholdSegmenter, Localizer, LocalizerConfig};

const STARTS: usize = 6;

/// Millimeters, of one kind of picture.
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

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let cells: u64 = std::env::args().nth(1).map_or(Ok(40), |count| count.parse())?;
    let calibrated = CellDistribution {
        tool_shift_m: [0.0; 2],
        tool_turn_deg: [0.0; 2],
        ..CellDistribution::default().calibrated()
    };
    let task = TaskConfig::table();
    let mut localizer = Localizer::new(
        LocalizerConfig::default(),
        Box::new(ColorThresholdDetector::default()),
        Box::new(ColorThresholdSegmenter::default()),
    )?;
    let mut errors: [[Errors; 2]; 2] = Default::default();
    let mut along: [[Errors; 2]; 2] = Default::default();
    let mut height: [Errors; 2] = Default::default();
    let (mut correction, mut pictures, mut failures) = (Errors::default(), 0u32, Vec::new());
    let (mut capture_secs, mut localize_secs) = (0.0, 0.0);
    for seed in 0..cells {
        let mut found = [Vec::new(), Vec::new()];
        for (lid, found) in found.iter_mut().enumerate() {
            let distribution = CellDistribution { lid_share: lid as f64, ..calibrated };
            let config = SimulationConfig { cells: distribution, ..SimulationConfig::default() };
            let mut cell = SimulatedCell::new(&config, &task, seed, seed)?;
            let target = cell.truth().target;
            let mut devices = cell.devices();
            let mut rng = random_stream(seed, "starts", [0, 0]);
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
                let began = Instant::now();
                let frame = devices.camera.capture()?;
                let captured = Instant::now();
                let result = localizer.localize(&frame, &devices.camera.model());
                capture_secs += (captured - began).as_secs_f64();
                localize_secs += captured.elapsed().as_secs_f64();
                pictures += 1;
                match result {
                    Ok(seen) => {
                        let deviation = seen.pose.relative_to(pose);
                        let kind = usize::from(index == STARTS);
                        errors[lid][kind].0.push(1000.0 * deviation.translation_m());
                        let own = deviation.rotated(-pose.yaw_rad);
                        along[lid][kind].0.push(1000.0 * own.dx_m.abs());
                        height[lid].0.push(1000.0 * (seen.height_m - 0.00725));
                        found.push(Some((own, kind)));
                    }
                    Err(error) => {
                        failures.push(format!("cell {seed}, lid {lid}, {pose:?}: {error}"));
                        found.push(None);
                    }
                }
            }
        }
        // What a lid changes about the correction along the fingers that gives the best reward:
        // the place is measured with the same lid as the start.
        let lid_effect = |index: usize| {
            let [bare, lidded] = [&found[0], &found[1]].map(|found| found.get(index).copied());
            let own = |seen: Option<Option<(PoseAdjustment, usize)>>| seen.flatten().map(|it| it.0);
            Some(own(lidded)?.dx_m - own(bare)?.dx_m)
        };
        if let Some(at_target) = lid_effect(STARTS) {
            let at_starts = (0..STARTS).filter_map(lid_effect);
            correction.0.extend(at_starts.map(|at_start| 1000.0 * (at_start - at_target).abs()));
        }
    }
    println!("{pictures} pictures of {cells} cells, {} not localized", failures.len());
    for failure in &failures {
        println!("  {failure}");
    }
    for (lid, name) in [(0, "bare"), (1, "lid ")] {
        for (kind, place) in [(0, "start"), (1, "place")] {
            println!("{name} at {place}: error {} mm", errors[lid][kind].line());
            println!("              along {} mm", along[lid][kind].line());
        }
        println!("{name} height: {} mm", height[lid].line());
    }
    println!("a lid changes the best correction along the fingers by {} mm", correction.line());
    let ms = 1000.0 / f64::from(pictures);
    println!("a picture {:.1} ms, a localization {:.1} ms", capture_secs * ms, localize_secs * ms);
    Ok(())
}
