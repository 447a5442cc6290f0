//! The pick-and-place trial: the one-step MDP of Sec. 3.1-3.2 over real or simulated devices.
//!
//! [`Env::reset`] brings the plate to its start and observes it; [`Env::step`] picks, places and measures. This room:
//!
//! - `setup`: how a trial is set up, and what is known between trials
//! - `work_cell`: the devices at work: moves, looks, questions to the operator
//! - `perception`: the camera and the localizer
//! - `plate_search`: where the plate is, and how it gets to its start
//! - `surfaces`, `target`: where plates lie, and how high the camera sees them there
//! - `drift_monitor`, `drift`: whether the camera has moved
//! - `evidence`, `cell_event`: what a trial leaves behind, and what it reports while it is under way
//! - `faults`: the errors of all these, as faults of the trial

mod cell_event;
mod drift;
mod drift_monitor;
mod evidence;
mod faults;
mod perception;
mod plate_search;
mod setup;
mod surfaces;
mod target;
mod work_cell;

use std::sync::Arc;
use std::time::Instant;

use rmrl_core::{
    Carry, Env, Fault, FaultKind, GraspFailure, Observation, Outcome, Placement, PlacementError,
    PlanarPose, PoseAdjustment, RewardFunction, StepResult, TrialId,
};

pub use cell_event::CellEvent;
pub use drift::{DriftConfig, DriftReading, ReferenceError};
pub use drift_monitor::DriftMonitor;
pub use evidence::{Capture, Durations, TrialEvidence};
pub use plate_search::PlateLocation;
pub use target::Target;
pub use work_cell::CellError;

use faults::{localization_fault, lost_plate, motion_fault};
use plate_search::PlateSearch;
use target::CARRIED_WITHIN_M;
use work_cell::WorkCell;

use crate::{GraspOutcome, MotionError, Task, ToolPose, Trajectory};

/// The trial over a cell's devices.
///
/// It begins with [`PickPlace::record_target`] (or [`PickPlace::resume`]), then alternates
/// [`Env::reset`] and [`Env::step`].
pub struct PickPlace {
    cell: WorkCell,
    search: PlateSearch,
    drift: Option<DriftMonitor>,
    task: Task,
    trajectory: Trajectory,
    reward: RewardFunction,
    /// The scene whose plate lies in the cell, as far as known.
    scene: Option<u32>,
    /// Where the arm carries the plate before the next trial.
    visits: Vec<PlanarPose>,
    /// Where the next attempt starts, if somebody has chosen.
    chosen_start: Option<PlanarPose>,
    /// `P_e`: the state that [`Env::reset`] observed and [`Env::step`] has not acted in yet.
    state: Option<PlanarPose>,
}

/// How far from its start the camera may see a plate before the robot puts it right, in meters and
/// radians, beside the jitter: well above any calibration error.
const START_TOLERANCE_M: f64 = 0.03;
const START_TOLERANCE_RAD: f64 = 0.2;

impl Env for PickPlace {
    fn reset(&mut self, id: TrialId) -> Result<Observation, Fault> {
        self.cell.evidence = TrialEvidence::default();
        self.state = None;
        self.cell.manipulator.take_care(false);
        self.search.drop_unseen_carry();
        let chosen = self.chosen_start.take();
        let observation = self.observe_start(id, chosen)?;
        if let Some(monitor) = &mut self.drift {
            let WorkCell { perception, evidence, .. } = &mut self.cell;
            monitor.check(id, &observation.image, perception, evidence)?;
        }
        self.state = Some(observation.estimated_pose);
        Ok(observation)
    }

    fn step(&mut self, adjustment: PoseAdjustment) -> StepResult {
        let estimated_pose = self.state.take().expect("`reset` comes before `step`");
        let target = self.search.surfaces.target.expect("the target is recorded before training");
        let envelope = self.cell.manipulator.arm().envelope();
        envelope.check_adjustment(adjustment).map_err(|refusal| motion_fault(refusal.into()))?;
        // Eq. 1: P_pick = P_e + a
        let pick_pose = estimated_pose.adjusted(adjustment);
        let pick = self.task.config.grasp_pose(pick_pose, self.task.config.start_surface_m);
        match self.pick_and_place(pick)? {
            Carried::ToPlace { picked } => {
                let placement = self.measure(picked.planar, estimated_pose, target)?;
                self.search.placed();
                self.cell.manipulator.placed();
                Ok(Outcome::Placed(placement))
            }
            Carried::NotToPlace(failure) => {
                if failure == GraspFailure::Missed {
                    self.search.judge_miss(estimated_pose, &mut self.cell)?;
                }
                Ok(Outcome::NotGrasped(failure))
            }
        }
    }

    fn start_at(&mut self, start: PlanarPose) {
        self.chosen_start = Some(start);
    }

    fn take_care(&mut self, care: bool) {
        self.cell.manipulator.take_care(care);
    }

    fn retarget(&mut self, target: PlanarPose) {
        if let Some(known) = &mut self.search.surfaces.target {
            *known = Target { pose: target, look_error_m: None, ..*known };
        }
    }
}

/// How picking and placing ended.
enum Carried {
    /// The plate was released at its place; the tool picked it at this pose, as commanded.
    ToPlace { picked: ToolPose },
    /// The gripper did not hold it, or not to the end.
    NotToPlace(GraspFailure),
}

impl PickPlace {
    /// Brings the plate near the attempt's start, which may have been chosen, where it does not lie there already, and
    /// observes it.
    fn observe_start(
        &mut self,
        id: TrialId,
        chosen: Option<PlanarPose>,
    ) -> Result<Observation, Fault> {
        self.cell.recover()?;
        if self.scene != Some(id.scene) {
            self.cell.ask(|operator| operator.exchange_plate(id.scene))?;
            self.scene = Some(id.scene);
        }
        let carries = self.visit()?;
        let mut observation = self.observe_at_start(id, chosen)?;
        self.visits.clear();
        observation.carries.splice(0..0, carries);
        Ok(observation)
    }

    /// Brings the plate to each of the poses to visit, and looks at it there. One at which it cannot be localized tells
    /// nothing.
    pub(super) fn visit(&mut self) -> Result<Vec<Carry>, Fault> {
        let mut carries = Vec::new();
        for pose in self.visits.clone() {
            self.prepare(pose)?;
            match self.observe() {
                Ok(observation) if self.is_near(pose, observation.estimated_pose) => {
                    carries.extend(observation.carries);
                }
                Ok(_) => {
                    self.search.location = PlateLocation::Lost;
                    return Err(lost_plate(
                        "the camera does not see it within 3 cm of where the robot put it; is the camera's file that of \
                         this camera, and does it hang the right way round?"
                            .to_string(),
                    ));
                }
                Err(fault) if fault.kind == FaultKind::Localization => {
                    tracing::info!("a carry before the trial tells nothing: {fault}");
                }
                Err(fault) => return Err(fault),
            }
        }
        Ok(carries)
    }

    fn observe_at_start(
        &mut self,
        id: TrialId,
        chosen: Option<PlanarPose>,
    ) -> Result<Observation, Fault> {
        let start = chosen.unwrap_or_else(|| self.task.start(id));
        let put_down = self.search.visible_put_down();
        let lies_there = put_down.is_some_and(|tool| match chosen {
            Some(start) => Task::is_same(start, tool.planar),
            None => self.task.lies_at_start(id.scene, tool.planar),
        });
        if !lies_there {
            self.prepare(start)?;
        }
        let observation = self.observe()?;
        if self.is_near(start, observation.estimated_pose) {
            return Ok(observation);
        }
        self.search.location = PlateLocation::Unknown;
        self.prepare(start)?;
        let observation = self.observe()?;
        if self.is_near(start, observation.estimated_pose) {
            return Ok(observation);
        }
        self.search.location = PlateLocation::Lost;
        Err(lost_plate("it does not lie where the robot put it".to_string()))
    }

    /// Brings the plate to `start`, and measures the time.
    fn prepare(&mut self, start: PlanarPose) -> Result<(), Fault> {
        self.cell.notify(CellEvent::Preparing);
        let began = Instant::now();
        let prepared = self.search.bring_plate_to(start, &mut self.cell);
        self.cell.evidence.durations.prepare_secs += began.elapsed().as_secs_f64();
        prepared
    }

    /// Localizes the plate at its start.
    fn observe(&mut self) -> Result<Observation, Fault> {
        self.cell.go_home()?;
        let capture = self.cell.look()?;
        let lean_rad = self.cell.perception.lean_rad(&capture);
        let capture = self.cell.evidence.start.insert(capture);
        let found = match &capture.localization {
            Ok(found) => found,
            Err(error) => {
                // The next attempt brings it elsewhere, or looks for it and asks for help if it still cannot be found.
                self.search.note_unlocalized(error);
                return Err(localization_fault(error));
            }
        };
        self.search.surfaces.check_start_height(found.height_m)?;
        let look = capture.look_at(found);
        let brought = self.search.note_seen(look);
        if let Some(lean_rad) = lean_rad {
            self.search.location = PlateLocation::Lost;
            return Err(lost_plate(format!(
                "it leans by {:.0} degrees, on something beside or under it; jaws would not take it level",
                lean_rad.to_degrees()
            )));
        }
        Ok(Observation {
            features: None,
            image: Arc::clone(&capture.frame.color),
            estimated_pose: found.pose,
            look_error_m: look.error_m,
            plate_in_image: found.in_image,
            carries: brought.into_iter().collect(),
        })
    }

    /// Whether the camera sees the plate where it should lie, give or take jitter and calibration.
    fn is_near(&self, start: PlanarPose, seen: PlanarPose) -> bool {
        let config = &self.task.config;
        let deviation = seen.relative_to(start);
        deviation.translation_m() <= START_TOLERANCE_M + 3.0 * config.start_jitter_m
            && deviation.dyaw_rad.abs()
                <= START_TOLERANCE_RAD + 2.0 * config.start_jitter_deg.to_radians()
    }

    /// Picks at `pick`, carries the plate along the fixed path and releases it at the place.
    fn pick_and_place(&mut self, pick: ToolPose) -> Result<Carried, Fault> {
        self.cell.notify(CellEvent::Picking(pick));
        let began = Instant::now();
        let carried = self.carry(pick);
        self.cell.evidence.durations.pick_place_secs = began.elapsed().as_secs_f64();
        carried.map_err(motion_fault)
    }

    fn carry(&mut self, pick: ToolPose) -> Result<Carried, MotionError> {
        // Until the grasp has ended, the plate may be anywhere, the jaws included.
        let before = self.search.forget();
        let picked = match self.search.grasp(pick, &mut self.cell.manipulator)? {
            GraspOutcome::Held(commanded) => commanded,
            GraspOutcome::Failed(failure) => {
                if failure != GraspFailure::Slipped {
                    self.search.location = before;
                }
                return Ok(Carried::NotToPlace(failure));
            }
        };
        self.cell.notify(CellEvent::Placing);
        let place = self.trajectory.place;
        if !self.cell.manipulator.release(self.trajectory.to_above_place(), place)? {
            return Ok(Carried::NotToPlace(GraspFailure::Slipped));
        }
        self.search.location = PlateLocation::PutDown(place);
        Ok(Carried::ToPlace { picked })
    }

    /// Localizes the placed plate and measures the reward.
    ///
    /// # Errors
    /// A device failed, the plate cannot be localized, or it lies where nothing was carried: what the
    /// gripper held according to its own status was no plate, or not for long.
    fn measure(
        &mut self,
        pick_pose: PlanarPose,
        picked_from: PlanarPose,
        target: Target,
    ) -> Result<Placement, Fault> {
        self.cell.go_home()?;
        let capture = self.cell.look()?;
        let leans = self.cell.perception.lean_rad(&capture).is_some();
        let capture = self.cell.evidence.end.insert(capture);
        let found = capture.plate()?;
        let look = capture.look_at(found);
        self.search.location = self.search.location_after_place(found.pose, found.height_m, target);
        self.search.seen = Some(look);
        let error = PlacementError::between(found.pose, target.pose);
        let stayed = found.pose.distance_m(picked_from) <= START_TOLERANCE_M;
        // One that fell off a shelf is an outcome: it may have been placed badly.
        if error.e_trans_m > CARRIED_WITHIN_M && (stayed || !target.is_above(found.height_m)) {
            self.search.location = PlateLocation::Unknown;
            let whence = if stayed { ", where it was to be picked" } else { "" };
            return Err(Fault {
                kind: FaultKind::FalseGrasp,
                reason: format!(
                    "the gripper said that it held the plate until it was placed, and the camera sees it \
                     {:.0} mm from there{whence}; check gripper and jaws",
                    1000.0 * error.e_trans_m
                ),
            });
        }
        let seating = self.task.config.seating;
        Ok(Placement {
            final_look_error_m: look.error_m,
            pick_pose,
            final_pose: found.pose,
            target_pose: target.pose,
            error,
            reward: self.reward.reward(error),
            seated: !leans
                && error.e_trans_m <= seating.translation_m
                && error.yaw_error_rad().to_degrees() <= seating.yaw_deg
                && (found.height_m - target.height_m).abs() <= seating.height_m,
        })
    }
}
