//! Held-out placements: starts that no training sees, the same for every checkpoint of a policy.

use std::collections::HashMap;

use anyhow::Context;
use rmrl_cell::{PlateLocation, TaskKind};
use rmrl_core::{Decision, Env, Look, Observation, Outcome, PlanarPose, TrialId};
use rmrl_sim::WorldState;
use serde::{Deserialize, Serialize};

use crate::cell::assembly::Laboratory;
use crate::config::RunConfig;

/// The result of one placement.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Attempt {
    /// The reward of Eq. 11; 0 where nothing was placed.
    pub reward: f64,
    /// The errors of the placed plate; `None` if it was not grasped or could not be measured.
    pub errors: Option<AttemptErrors>,
    /// Whether the plate is truly seated.
    pub seated: bool,
    /// Whether the policy abstained.
    pub abstained: bool,
    /// Half the width of the 95 % interval that the policy gave, in millimeters; `None` if it gave none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval_mm: Option<f64>,
}

/// The errors of a placed plate, as measured and in truth.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AttemptErrors {
    /// The measured translation error, Eq. 9, in millimeters.
    pub e_trans_mm: f64,
    /// The measured yaw error without its sign, in degrees.
    pub yaw_deg: f64,
    /// The true translation error, in millimeters.
    pub true_e_trans_mm: f64,
    /// The true yaw error without its sign, in degrees.
    pub true_yaw_deg: f64,
}

/// Prepared placements of one task in a run's own cell.
///
/// Each start is prepared and captured once. Because a simulated world can be restored to it, a trial
/// costs one pick and place. An action that was tried from a start before costs nothing: the same world
/// and action give the same bits.
pub struct HeldOut {
    laboratory: Laboratory,
    target: Look,
    starts: Vec<Start>,
    known: HashMap<(usize, [u64; 3]), Attempt>,
}

/// A plate at its start, observed and ready to be picked.
struct Start {
    observation: Observation,
    world: WorldState,
    plate_location: PlateLocation,
}

/// Separates held-out placements from those of the training and of `rmrl eval`.
const PLACEMENT_SEED: u64 = 0x0e7a_2000_0000;
/// Attempts at making one start.
const ATTEMPTS: u32 = 5;

impl HeldOut {
    /// Prepares `count` starts of `task` in the cell of `config`.
    ///
    /// # Errors
    /// The cell cannot be assembled, is not simulated, or faults at every attempt.
    pub fn prepare(config: &RunConfig, task: TaskKind, count: u32) -> anyhow::Result<Self> {
        let config = config.on_task(task);
        let mut laboratory =
            Laboratory::assemble(&config, u64::from(config.seed) ^ PLACEMENT_SEED)?;
        let target = laboratory.trial.record_target()?.look();
        let starts = (1..=count)
            .map(|number| make_start(&mut laboratory, number))
            .collect::<anyhow::Result<_>>()?;
        Ok(Self { laboratory, target, starts, known: HashMap::new() })
    }

    /// The observation of each start.
    pub fn observations(&self) -> impl Iterator<Item = &Observation> {
        self.starts.iter().map(|start| &start.observation)
    }

    /// The cell of the placements.
    pub(crate) fn laboratory(&self) -> &Laboratory {
        &self.laboratory
    }

    /// Its target: the tool's pose that releases plates there, and where the camera saw the plate on it.
    pub(crate) fn target(&self) -> (PlanarPose, Look) {
        (self.laboratory.trial.place_pose(), self.target)
    }

    /// The result at each start of the decision that `decide` makes there. It receives the start's
    /// number, counted from 0.
    pub fn attempts(
        &mut self,
        mut decide: impl FnMut(usize, &Observation) -> Decision,
    ) -> Vec<Attempt> {
        let Self { laboratory, starts, known, .. } = self;
        let attempts = starts.iter().enumerate().map(|(number, start)| {
            laboratory.world.restore(start.world);
            let estimated_pose = start.observation.estimated_pose;
            laboratory.trial.return_to_start(estimated_pose, start.plate_location);
            let Decision { adjustment, abstained, interval_m, .. } =
                decide(number, &start.observation);
            let bits = [adjustment.dx_m, adjustment.dy_m, adjustment.dyaw_rad].map(f64::to_bits);
            let attempt = *known.entry((number, bits)).or_insert_with(|| {
                // A fault leaves nothing measured. In a deployed cell it would have called the operator.
                let outcome = laboratory.trial.step(adjustment).ok();
                attempt_of(laboratory, outcome.as_ref())
            });
            Attempt { abstained, interval_mm: interval_m.map(|m| 1000.0 * m), ..attempt }
        });
        attempts.collect()
    }
}

fn make_start(laboratory: &mut Laboratory, number: u32) -> anyhow::Result<Start> {
    let mut last_fault = None;
    for attempt in 1..=ATTEMPTS {
        // Each start is a scene, so that starts vary as widely as the task allows.
        match laboratory.trial.reset(TrialId::new(number, attempt, number)) {
            Err(fault) => last_fault = Some(fault),
            Ok(observation) => {
                let world = laboratory.world.remember().context(
                    "placements can only be repeated in a simulated cell: a real world cannot be restored",
                )?;
                let plate_location = laboratory.trial.plate_location();
                return Ok(Start { observation, world, plate_location });
            }
        }
    }
    let fault = last_fault.expect("an attempt that made no start ended in a fault");
    Err(fault).with_context(|| format!("held-out start {number} could not be made"))
}

fn attempt_of(laboratory: &Laboratory, outcome: Option<&Outcome>) -> Attempt {
    let reward = outcome.map_or(0.0, Outcome::reward);
    let placement = outcome.and_then(Outcome::placement);
    let truth = laboratory.world.truth();
    Attempt {
        reward,
        errors: placement.zip(truth).map(|(placement, truth)| AttemptErrors {
            e_trans_mm: 1000.0 * placement.error.e_trans_m,
            yaw_deg: placement.error.yaw_error_rad().to_degrees(),
            true_e_trans_mm: 1000.0 * truth.e_trans_m(),
            true_yaw_deg: truth.yaw_error_rad().to_degrees().abs(),
        }),
        seated: placement.is_some() && truth.is_some_and(|truth| truth.seated),
        abstained: false,
        interval_mm: None,
    }
}
