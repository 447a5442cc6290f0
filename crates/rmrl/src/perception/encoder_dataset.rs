//! The data set of encoder pretraining: images of plates in many laboratories, with the truth of each.

use std::ops::Range;

use anyhow::Context;
use rand::RngExt;
use rayon::prelude::*;
use rmrl_cell::Operator;
use rmrl_core::{Observation, PlanarPose, random_stream};
use rmrl_sim::{SimulatedCell, SimulationConfig};

use crate::cell::perception::localizer;
use crate::config::RunConfig;

/// The true values of each image, in the order of an example's answers: what differs between the plates
/// of one laboratory, and its effect on localization.
///
/// They are stored with an encoder, so their spelling stays.
pub const ANSWERS: [&str; 8] = [
    "localization error in x, mm",
    "localization error in y, mm",
    "lid",
    "height of the lid, mm",
    "brightness",
    "tint",
    "brightness of the rims",
    "radius of the wells, mm",
];

/// The first of the laboratories that no run can be in, because a run's seed has 32 bits.
const FIRST_CELL: u64 = 1 << 32;

/// Images from `cells` laboratories, each of `images` different plates. `keep` makes an example of an
/// observation and its [`ANSWERS`]. Laboratories run in parallel; the result is in their order.
///
/// The cameras are calibrated, so that the error of an estimate comes from the image alone. Light,
/// benches and plates are as random as those of runs. Plates that are not found are left out.
///
/// # Errors
/// The configuration is invalid for a cell.
pub fn plate_images<T: Send>(
    config: &RunConfig,
    cells: Range<u32>,
    images: u32,
    keep: impl Fn(Observation, Vec<f32>) -> T + Sync,
) -> anyhow::Result<Vec<T>> {
    let simulation =
        SimulationConfig { cells: config.simulation.cells.calibrated(), ..config.simulation };
    let cells: Vec<Vec<T>> = cells
        .into_par_iter()
        .map(|cell| {
            let cell_seed = FIRST_CELL + u64::from(cell);
            images_of(config, &simulation, cell_seed, images, &keep)
        })
        .collect::<anyhow::Result<_>>()?;
    Ok(cells.into_iter().flatten().collect())
}

fn images_of<T>(
    config: &RunConfig,
    simulation: &SimulationConfig,
    cell_seed: u64,
    images: u32,
    keep: impl Fn(Observation, Vec<f32>) -> T,
) -> anyhow::Result<Vec<T>> {
    let mut cell = SimulatedCell::new(simulation, &config.task, cell_seed, cell_seed)?;
    let mut devices = cell.devices();
    let mut localizer = localizer(&config.vision)?;
    let mut rng = random_stream(cell_seed, "plate pictures", [0, 0]);
    let mut kept = Vec::new();
    for scene in 1..=images {
        cell.exchange_plate(scene).context("simulated plates can always be exchanged")?;
        let mut within = |[least, most]: [f64; 2]| least + (most - least) * rng.random::<f64>();
        let start = &config.task.start;
        let pose = PlanarPose::new(
            within(start.x_m),
            within(start.y_m),
            within(start.yaw_deg).to_radians(),
        );
        cell.put_plate(pose, config.task.start_surface_m);
        let frame = devices.camera.capture().context("simulated cameras do not fail")?;
        let Ok(found) = localizer.localize(&frame, &devices.camera.model()) else { continue };
        let observation = Observation {
            carries: Vec::new(),
            image: frame.color,
            estimated_pose: found.pose,
            plate_in_image: found.in_image,
        };
        let error = found.pose.relative_to(pose);
        let look = cell.plate_look();
        let lid_m = look.lid_height_m;
        let answers = [
            1000.0 * error.dx_m,
            1000.0 * error.dy_m,
            f64::from(u8::from(lid_m.is_some())),
            1000.0 * lid_m.unwrap_or(0.0),
            look.brightness,
            look.tint,
            look.rim_brightness,
            1000.0 * look.well_radius_m,
        ];
        kept.push(keep(observation, answers.map(|answer| answer as f32).to_vec()));
    }
    Ok(kept)
}
