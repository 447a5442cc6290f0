//! The error of the heights at which plates are seen, over many simulated cells. It decides how well a plate on another
//! one can be distinguished from an error of the camera.
//!
//! `cargo run --release -p rmrl-sim --example seen_heights -- [CELLS] [SCENES]`
//!
//! Cells have the errors of their calibration here. Each scene's plate, with or without its lid, lies at starts all
//! over the region and in its place. Heights are compared with the surface's (absolute), and with that of the target
//! as the same camera saw it (relative), which cancels an error of the camera's height.

use rand::RngExt;
use rmrl_cell::{Operator, TaskConfig, TaskKind};
use rmrl_core::{PlanarPose, random_stream};
use rmrl_sim::{SimulatedCell, SimulationConfig};
use rmrl_vision::{ColorThresholdDetector, ColorThresholdSegmenter, Localizer, LocalizerConfig};

/// Heights of one kind of capture, in millimeters.
#[derive(Default)]
struct Heights(Vec<f64>);

impl Heights {
    fn line(&self) -> String {
        let least = self.0.iter().copied().fold(f64::INFINITY, f64::min);
        let most = self.0.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let mean = self.0.iter().sum::<f64>() / self.0.len().max(1) as f64;
        format!("least {least:+.2}, mean {mean:+.2}, most {most:+.2} ({} captures)", self.0.len())
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let cells: u64 = std::env::args().nth(1).map_or(Ok(60), |count| count.parse())?;
    let scenes: u32 = std::env::args().nth(2).map_or(Ok(8), |count| count.parse())?;
    let config = SimulationConfig::default();
    let half_m = 0.5 * config.plate.height_m;
    for kind in TaskKind::ALL {
        let task = TaskConfig::of(kind);
        let mut localizer = Localizer::new(
            LocalizerConfig::default(),
            Box::new(ColorThresholdDetector::default()),
            Box::new(ColorThresholdSegmenter::default()),
        )?;
        let mut target = Heights::default();
        // With and without a lid.
        let [mut start_absolute, mut start, mut place] = [0; 3].map(|_| <[Heights; 2]>::default());
        for seed in 0..cells {
            let cell = SimulatedCell::new(&config, &task, seed, seed)?;
            let mut devices = cell.devices();
            let mut seen_m = || {
                let frame = devices.camera.capture().ok()?;
                let found = localizer.localize(&frame, &devices.camera.model()).ok()?;
                Some(found.height_m)
            };
            let mut operator = cell.clone();
            operator.put_plate_at_target()?;
            let Some(target_m) = seen_m() else { continue };
            let place_m = task.place.surface_m;
            target.0.push(1000.0 * (target_m - place_m - half_m));
            let mut rng = random_stream(seed, "starts", [0, 0]);
            for scene in 1..=scenes {
                operator.exchange_plate(scene)?;
                let lid = usize::from(cell.plate_look().lid_height_m.is_some());
                for _ in 0..3 {
                    let mut within =
                        |[from, to]: [f64; 2]| from + (to - from) * rng.random::<f64>();
                    let pose = PlanarPose::new(
                        within(task.start.x_m),
                        within(task.start.y_m),
                        within(task.start.yaw_deg).to_radians(),
                    );
                    cell.put_plate(pose, task.start_surface_m);
                    if let Some(height_m) = seen_m() {
                        start_absolute[lid]
                            .0
                            .push(1000.0 * (height_m - task.start_surface_m - half_m));
                        let expected_m = target_m + task.start_surface_m - place_m;
                        start[lid].0.push(1000.0 * (height_m - expected_m));
                    }
                }
                cell.put_plate(cell.truth().target, place_m);
                if let Some(height_m) = seen_m() {
                    place[lid].0.push(1000.0 * (height_m - target_m));
                }
            }
        }
        println!("{kind}, {cells} cells, mm above what is expected");
        print(&target, &start_absolute, &start, &place);
    }
    Ok(())
}

/// Prints the heights of targets, and of plates without and with a lid.
fn print(target: &Heights, start_absolute: &[Heights], start: &[Heights], place: &[Heights]) {
    println!("  target, absolute       {}", target.line());
    for (lid, name) in [(0, "bare"), (1, "lid ")] {
        println!("  {name} at start, absolute {}", start_absolute[lid].line());
        println!("  {name} at start, relative {}", start[lid].line());
        println!("  {name} in place, relative {}", place[lid].line());
    }
}
