//! The control conditions of a run: methods that learn no policy.

use anyhow::{Context, bail};
use rmrl_belief::{CellBelief, Prior};
use rmrl_core::{Look, PlanarPose};
use rmrl_data::TrialRecord;
use rmrl_learn::{
    CalibratedOracle, Chessboard, ConstantOffset, FixedPolicy, Limits, MethodName, NoCorrection,
    Oracle, RandomCorrection, SelfCalibration,
};

use crate::analysis::camera_error::seen_by;
use crate::analysis::error_budget::CellTruth;
use crate::calibration::by_board::camera_by_board;
use crate::cell::assembly::Laboratory;
use crate::config::RunConfig;
use crate::run::run_log::trials_without_images;

/// The fixed policy of a method that learns no network. `target` is where the camera saw the plate on its target.
///
/// # Errors
/// An oracle needs a world whose truth can be known; a method that learns has no fixed policy.
pub(crate) fn baseline(
    config: &RunConfig,
    laboratory: &Laboratory,
    target: Look,
) -> anyhow::Result<Box<dyn FixedPolicy>> {
    let actions = config.action_space_after(0)?;
    let world = &laboratory.world;
    let only_simulated = || {
        let method = config.method;
        format!(
            "method is \"{method}\", which needs a simulated cell: only a simulator knows the truth"
        )
    };
    Ok(match config.method {
        MethodName::None => Box::new(NoCorrection),
        MethodName::Random => Box::new(RandomCorrection { actions, seed: u64::from(config.seed) }),
        MethodName::Constant => Box::new(ConstantOffset::default()),
        MethodName::SelfCalibration | MethodName::SelfCalibrationResidual => {
            Box::new(self_calibration(config, target))
        }
        MethodName::Oracle => {
            let world = world.clone();
            world.best_pick().with_context(only_simulated)?;
            let best_pick = move || world.best_pick().expect("a simulator knows the truth");
            Box::new(Oracle { actions, best_pick: Box::new(best_pick) })
        }
        MethodName::CalibratedOracle => {
            let truth = CellTruth::of(world, &laboratory.trial.camera_model(), config)
                .with_context(only_simulated)?;
            let best_pick = move |seen| truth.best_pick_of_seen(seen);
            Box::new(CalibratedOracle { best_pick: Box::new(best_pick) })
        }
        MethodName::Chessboard => {
            let by_board = camera_by_board(config)?;
            let (own, height_m) = (laboratory.trial.camera_model(), config.start_height_m());
            let seen = move |pose| seen_by(&own, &by_board, pose, height_m).unwrap_or(pose);
            Box::new(Chessboard { seen: Box::new(seen) })
        }
        learning => bail!("{learning} learns a policy and has no fixed one"),
    })
}

/// A self-calibration that has seen nothing but the target.
pub(crate) fn self_calibration(config: &RunConfig, target: Look) -> SelfCalibration {
    let place = config.task.place.pose();
    // A field of no size cannot be expressed; one of ten nanometers is none.
    let prior = Prior { bend_m: config.schedule.residual_field_m.max(1e-8), ..Prior::default() };
    let belief = CellBelief::new(prior, config.task.start.center(), place, target);
    SelfCalibration::new(belief, place, limits(config))
}

/// What a self-calibration may do.
pub(crate) fn limits(config: &RunConfig) -> Limits {
    let safety = &config.safety;
    // A hair less than the limit, which rounding would cross.
    Limits {
        translation_m: 0.999 * safety.max_adjustment_m,
        rotation_rad: 0.999 * safety.max_adjustment_deg.to_radians(),
        interval_m: config.schedule.abstain_interval_m,
        starts: poses_of_starts(config),
        known_interval_m: config.schedule.known_interval_m,
        chosen_starts: config.schedule.chosen_starts,
    }
}

/// The self-calibration that has learned from these trials, whatever method made them.
pub(crate) fn learned_geometry(
    config: &RunConfig,
    records: &[TrialRecord],
    target: Look,
) -> anyhow::Result<SelfCalibration> {
    let mut learned = self_calibration(config, target);
    for trial in trials_without_images(records)? {
        learned.learn(&trial);
    }
    Ok(learned)
}

/// Where the arm puts the plate down before the first trial: the poses of the start region that together tell most of the
/// cell's geometry.
pub(crate) fn telling_poses(config: &RunConfig, target: Look) -> Vec<PlanarPose> {
    let count = config.schedule.carries as usize;
    if count == 0 {
        return Vec::new();
    }
    self_calibration(config, target).belief().telling_poses(&poses_of_starts(config), count)
}

/// Poses all over the region of starts: its corners and what lies in the middle between them.
pub(crate) fn poses_of_starts(config: &RunConfig) -> Vec<PlanarPose> {
    const SHARES: [f64; 3] = [0.0, 0.5, 1.0];
    let mut poses = Vec::new();
    for x in SHARES {
        for y in SHARES {
            poses.extend(SHARES.map(|yaw| config.task.start.at([x, y, yaw])));
        }
    }
    poses
}
