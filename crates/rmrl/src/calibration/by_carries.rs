//! The place of the overhead camera by carries: no board, no second camera.

use anyhow::{Context, ensure};
use jiff::Timestamp;
use rmrl_belief::BeliefSummary;
use rmrl_core::{PlanarPose, mean};
use rmrl_vision::{CalibrationRecord, CameraFile, CameraModel, Intrinsics};

use crate::cell::assembly::Laboratory;
use crate::cell::world::World;
use crate::config::RunConfig;
use crate::run::baseline::{poses_of_starts, self_calibration, telling_poses};

/// Fewer carries than this do not tell shift, turn and scale of a camera.
pub(crate) const LEAST_CARRIES: u32 = 4;

/// A camera that carries have calibrated.
#[derive(Debug, Clone)]
pub(crate) struct CarriedCalibration {
    /// The camera's file, with its residual on carries that it was not made from.
    pub file: CameraFile,
    /// That residual, in millimeters.
    pub residual_mm: f64,
    /// What the carries told.
    pub geometry: BeliefSummary,
    /// How many carries it was made from, and how many it was checked by.
    pub carries: (usize, usize),
}

/// Finds the place of a laboratory's camera: the plate lies on its target, and the arm carries it to poses chosen for what
/// they tell, `carries`, and to `checks` others that measure the residual.
///
/// # Errors
/// The target cannot be recorded, a device failed, the plate was lost, or too few carries could be looked at.
pub(crate) fn calibrate_by_carries(
    config: &RunConfig,
    laboratory: &mut Laboratory,
    (carries, checks): (u32, u32),
) -> anyhow::Result<CarriedCalibration> {
    let target = laboratory.trial.record_target()?.look();
    let mut config = config.clone();
    config.schedule.carries = carries;
    let mut belief = self_calibration(&config, target).belief().clone();
    let made_from = laboratory.trial.carry_to(telling_poses(&config, target))?;
    ensure!(
        made_from.len() >= LEAST_CARRIES as usize,
        "only {} of {carries} carries could be looked at, expected at least {LEAST_CARRIES}; look at the light and at \
         `rmrl snapshot`",
        made_from.len()
    );
    for carry in &made_from {
        belief.note(carry);
    }
    if let Some(reason) = belief.implausible() {
        anyhow::bail!(reason);
    }
    let held_out = laboratory.trial.carry_to(check_poses(&config, checks))?;
    ensure!(
        !held_out.is_empty(),
        "the plate could not be localized where the camera was to be checked"
    );
    let residual_m =
        held_out.iter().map(|carry| belief.camera_residual_m(carry)).fold(0.0, f64::max);
    let model = laboratory.trial.camera_model();
    let height_m = config.start_height_m();
    let corrected = belief.geometry().corrected_camera(&model.world_from_camera, height_m);
    let (world_from_camera, focal) = corrected.context("the camera does not look down")?;
    let Intrinsics { fx, fy, .. } = model.intrinsics;
    let intrinsics = Intrinsics { fx: focal * fx, fy: focal * fy, ..model.intrinsics };
    let camera = CameraModel { intrinsics, world_from_camera };
    let now = Timestamp::now();
    let record = CalibrationRecord {
        views: Some(made_from.len()),
        residual_mm: Some(1e3 * residual_m),
        checked: Some(now),
        ..CalibrationRecord::new(now)
    };
    Ok(CarriedCalibration {
        file: CameraFile { calibration: Some(record), ..CameraFile::from(camera) },
        residual_mm: 1e3 * residual_m,
        geometry: belief.summary(),
        carries: (made_from.len(), held_out.len()),
    })
}

/// Poses for a check, spread over the region of starts between those that tell most, which are at its border.
fn check_poses(config: &RunConfig, count: u32) -> Vec<PlanarPose> {
    // The additive recurrence of the plastic number spreads any count of points evenly (Roberts 2018).
    let step = [0.754_877_666, 0.569_840_290, 0.819_172_513];
    let share = |number: u32, step: f64| 0.1 + 0.8 * (0.5 + f64::from(number) * step).fract();
    (1..=count).map(|number| config.task.start.at(step.map(|step| share(number, step)))).collect()
}

/// By how much plates are seen off with a calibrated camera, in millimeters: the largest and the mean distance at nine poses of
/// the region of starts; `None` in a real cell. The frame is the arm's, whatever tool it has.
///
/// # Errors
/// A plate could not be localized.
pub(crate) fn seen_error_mm(
    config: &RunConfig,
    laboratory: &mut Laboratory,
    camera: &CameraModel,
) -> anyhow::Result<Option<[f64; 2]>> {
    let World::Simulated(cell) = laboratory.world.clone() else { return Ok(None) };
    cell.calibrate(*camera)?;
    let (arm, surface_m) = (cell.arm_truth(), config.task.start_surface_m);
    let mut errors = Vec::new();
    for pose in poses_of_starts(config).into_iter().skip(1).step_by(3) {
        cell.put_plate(pose, surface_m);
        let capture = laboratory.trial.look()?;
        let seen = capture.localization.context("a plate could not be localized")?.pose;
        let lies = arm.in_arm_frame(pose, config.task.grasp_height_m);
        errors.push(1e3 * seen.distance_m(lies));
    }
    Ok(Some([errors.iter().copied().fold(0.0, f64::max), mean(&errors)]))
}
