//! Pictures of plates in many laboratories, with what is true of each: what an encoder is trained on.

use std::ops::Range;

use anyhow::Context;
use rand::RngExt;
use rayon::prelude::*;
use rmrl_cell::Operator;
use rmrl_core::{Observation, PlanarPose, random_stream};
use rmrl_sim::{SimulatedCell, SimulationConfig};

use crate::cell::perception::localizer;
use crate::config::RunConfig;

/// What is true of each picture, in the order of an example's answers. It is what differs from plate
/// to plate within one laboratory, and what that does to localisation.
pub const ANSWERS: [&str; 8] = [
    "localisation error in x, mm",
    "localisation error in y, mm",
    "lid",
    "height of the lid, mm",
    "brightness",
    "tint",
    "brightness of the rims",
    "radius of the wells, mm",
];

/// Laboratories that no run can be in: a run's seed has 32 bits.
const FIRST_CELL: u64 = 1 << 32;

/// Pictures from the `cells`, each of `pictures` plates of its own: what `keep` makes of what is
/// seen and the [`ANSWERS`] to it. Cells are made in parallel; the result is in their order.
///
/// The laboratories are calibrated, so that what an estimate is off by is what the picture did; their
/// light, benches and plates are as random as those that runs are made in. Plates that are not found
/// are left out.
///
/// # Errors
/// The configuration makes no cell.
pub fn plate_pictures<T: Send>(
    config: &RunConfig,
    cells: Range<u32>,
    pictures: u32,
    keep: impl Fn(Observation, Vec<f32>) -> T + Sync,
) -> anyhow::Result<Vec<T>> {
    let simulation =
        SimulationConfig { cells: config.simulation.cells.calibrated(), ..config.simulation };
    let cells: Vec<Vec<T>> = cells
        .into_par_iter()
        .map(|cell| {
            let cell_seed = FIRST_CELL + u64::from(cell);
            pictures_of(config, &simulation, cell_seed, pictures, &keep)
        })
        .collect::<anyhow::Result<_>>()?;
    Ok(cells.into_iter().flatten().collect())
}

fn pictures_of<T>(
    config: &RunConfig,
    simulation: &SimulationConfig,
    cell_seed: u64,
    pictures: u32,
    keep: impl Fn(Observation, Vec<f32>) -> T,
) -> anyhow::Result<Vec<T>> {
    let mut cell = SimulatedCell::new(simulation, &config.task, cell_seed, cell_seed)?;
    let mut devices = cell.devices();
    let mut localizer = localizer(&config.vision)?;
    let mut rng = random_stream(cell_seed, "plate pictures", [0, 0]);
    let mut kept = Vec::new();
    for scene in 1..=pictures {
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
