//! The data set of encoder pretraining: images of plates in many laboratories, with the truth of each.

use std::ops::Range;

use anyhow::Context;
use nalgebra::Vector2;
use rand::RngExt;
use rayon::prelude::*;
use rmrl_cell::{Camera, Operator, TaskConfig, TaskKind};
use rmrl_core::{Observation, PlanarPose, Rng, random_stream};
use rmrl_sim::{PlateLook, SimulatedCell, SimulationConfig};
use rmrl_vision::{CameraModel, Localizer};

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

/// The true values of each image of [`look_images`]: the first two in the axes of the image, the others as in [`ANSWERS`].
pub const LOOK_ANSWERS: [&str; 8] = {
    let mut answers = ANSWERS;
    answers[0] = "localization error to the right in the image, mm";
    answers[1] = "localization error down in the image, mm";
    answers
};

/// The first of the laboratories that no run can be in, because a run's seed has 32 bits.
const FIRST_CELL: u64 = 1 << 32;
/// How far plates in their places lie off them at most, in meters and radians.
const OFF_PLACE_M: f64 = 0.003;
const OFF_PLACE_RAD: f64 = 0.02;

/// Images from `cells` laboratories, each of `images` different plates where plates start. `keep` makes an example of
/// an observation and its [`ANSWERS`]. Laboratories run in parallel; the result is in their order.
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
    images_of(config, (cells, images), (at_start, PlateImage::answers), keep)
}

/// The same with the [`LOOK_ANSWERS`], of plates of which half lie where plates start and half in the places of both
/// tasks: a run looks at both.
///
/// # Errors
/// As [`plate_images`].
pub fn look_images<T: Send>(
    config: &RunConfig,
    cells: Range<u32>,
    images: u32,
    keep: impl Fn(Observation, Vec<f32>) -> T + Sync,
) -> anyhow::Result<Vec<T>> {
    images_of(config, (cells, images), (at_start_or_place, PlateImage::look_answers), keep)
}

/// An image of a plate, with the truth.
struct PlateImage {
    observation: Observation,
    truth: PlanarPose,
    look: PlateLook,
    camera: CameraModel,
}

impl PlateImage {
    /// The [`ANSWERS`].
    fn answers(&self) -> [f64; 8] {
        let error = self.observation.estimated_pose.relative_to(self.truth);
        let lid_m = self.look.lid_height_m;
        [
            1000.0 * error.dx_m,
            1000.0 * error.dy_m,
            f64::from(u8::from(lid_m.is_some())),
            1000.0 * lid_m.unwrap_or(0.0),
            self.look.brightness,
            self.look.tint,
            self.look.rim_brightness,
            1000.0 * self.look.well_radius_m,
        ]
    }

    /// The [`LOOK_ANSWERS`].
    fn look_answers(&self) -> [f64; 8] {
        let mut answers = self.answers();
        let error = Vector2::new(answers[0], answers[1]);
        [answers[0], answers[1]] = self.camera.image_axes().map(|axis| axis.dot(&error));
        answers
    }
}

/// Where the plate of an image lies, by its number: its pose, and the height of the surface, in meters.
type PutPlate = fn(&TaskConfig, u32, &mut Rng) -> (PlanarPose, f64);

fn at_start(task: &TaskConfig, _: u32, rng: &mut Rng) -> (PlanarPose, f64) {
    (task.start.at(std::array::from_fn(|_| rng.random())), task.start_surface_m)
}

fn at_start_or_place(task: &TaskConfig, number: u32, rng: &mut Rng) -> (PlanarPose, f64) {
    let kind = match number % 4 {
        0 => TaskKind::Table,
        2 => TaskKind::Shelf,
        _ => return at_start(task, number, rng),
    };
    let place = if kind == task.kind { task.place } else { TaskConfig::of(kind).place };
    let mut off = |most: f64| most * (2.0 * rng.random::<f64>() - 1.0);
    let PlanarPose { x_m, y_m, yaw_rad } = place.pose();
    let (x_m, y_m) = (x_m + off(OFF_PLACE_M), y_m + off(OFF_PLACE_M));
    (PlanarPose::new(x_m, y_m, yaw_rad + off(OFF_PLACE_RAD)), place.surface_m)
}

/// The answers to an image.
type Answer = fn(&PlateImage) -> [f64; 8];

/// What `keep` makes of the images of several laboratories and plates, by where `put` puts them, and of their answers.
fn images_of<T: Send>(
    config: &RunConfig,
    (cells, images): (Range<u32>, u32),
    (put, answer): (PutPlate, Answer),
    keep: impl Fn(Observation, Vec<f32>) -> T + Sync,
) -> anyhow::Result<Vec<T>> {
    let simulation =
        SimulationConfig { cells: config.simulation.cells.calibrated(), ..config.simulation };
    let cells: Vec<Vec<T>> = cells
        .into_par_iter()
        .map(|cell| {
            let mut laboratory = ImageMaker::new(config, &simulation, cell)?;
            (1..=images)
                .filter_map(|scene| laboratory.image(scene, put).transpose())
                .map(|image| {
                    let image = image?;
                    let answers = answer(&image).map(|answer| answer as f32).to_vec();
                    Ok(keep(image.observation, answers))
                })
                .collect()
        })
        .collect::<anyhow::Result<_>>()?;
    Ok(cells.into_iter().flatten().collect())
}

/// A laboratory in which images are made.
struct ImageMaker<'a> {
    task: &'a TaskConfig,
    cell: SimulatedCell,
    camera: Box<dyn Camera>,
    localizer: Localizer,
    rng: Rng,
}

impl<'a> ImageMaker<'a> {
    fn new(
        config: &'a RunConfig,
        simulation: &SimulationConfig,
        number: u32,
    ) -> anyhow::Result<Self> {
        let seed = FIRST_CELL + u64::from(number);
        let cell = SimulatedCell::new(simulation, &config.task, seed, seed)?;
        Ok(Self {
            task: &config.task,
            camera: Box::new(cell.clone()),
            localizer: localizer(&config.vision)?,
            rng: random_stream(seed, "plate pictures", [0, 0]),
            cell,
        })
    }

    /// The image of a scene's plate; `None` if it is not found in it.
    fn image(&mut self, scene: u32, put: PutPlate) -> anyhow::Result<Option<PlateImage>> {
        let Self { cell, .. } = self;
        cell.exchange_plate(scene).context("simulated plates can always be exchanged")?;
        let (truth, surface_m) = put(self.task, scene, &mut self.rng);
        cell.put_plate(truth, surface_m);
        let frame = self.camera.capture().context("simulated cameras do not fail")?;
        let camera = self.camera.model();
        let Ok(found) = self.localizer.localize(&frame, &camera) else { return Ok(None) };
        let observation = Observation {
            features: None,
            look_error_m: None,
            carries: Vec::new(),
            image: frame.color,
            estimated_pose: found.pose,
            plate_in_image: found.in_image,
        };
        Ok(Some(PlateImage { observation, truth, look: self.cell.plate_look(), camera }))
    }
}
