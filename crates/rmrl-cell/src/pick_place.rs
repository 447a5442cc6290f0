//! The pick-and-place trial: the one-step MDP of Sec. 3.1-3.2 over real or simulated devices.

use std::error::Error;
use std::time::Instant;

use rmrl_core::{
    Ending, Env, Fault, FaultKind, GraspFailure, Observation, Outcome, Placement, PlacementError,
    PlanarPose, PoseAdjustment, RewardFunction, RewardFunctionError, TrialId,
};
use rmrl_vision::{CameraModel, Localization, LocalizeError, Localizer, RgbdFrame};
use serde::{Deserialize, Serialize};

use crate::handling::Handling;
use crate::{
    Camera, DeviceError, Devices, GuardedArm, MotionError, Operator, SafetyEnvelope, Task,
    TaskConfigError, ToolPose, Trajectory,
};

/// The target as the camera saw it before training (Sec. 3.2); fixed from then on.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Target {
    /// `P_target`, world frame.
    pub pose: PlanarPose,
    /// The height of the plate's centre, in metres, by which a seated plate is known.
    pub height_m: f64,
}

/// One picture and what was found in it.
#[derive(Debug, Clone)]
pub struct Capture {
    /// Colour and depth.
    pub frame: RgbdFrame,
    /// What was found; `None` if localisation failed.
    pub localization: Option<Localization>,
}

/// Where a trial's time went, by the clock on the wall.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Durations {
    /// Bringing the plate to its start, in seconds.
    pub prepare_secs: f64,
    /// Taking pictures, in seconds.
    pub capture_secs: f64,
    /// Localising, in seconds.
    pub localize_secs: f64,
    /// Picking and placing, in seconds.
    pub pick_place_secs: f64,
}

/// What the last trial left behind besides its outcome, for whoever keeps records.
#[derive(Debug, Clone, Default)]
pub struct TrialEvidence {
    /// The picture before the action.
    pub start: Option<Capture>,
    /// The picture after placing.
    pub end: Option<Capture>,
    /// Where the time went.
    pub durations: Durations,
}

/// Why a cell could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum CellError {
    /// The task's configuration.
    #[error(transparent)]
    Task(#[from] TaskConfigError),
    /// The reward's configuration.
    #[error(transparent)]
    Reward(#[from] RewardFunctionError),
    /// The target could not be recorded.
    #[error("the target could not be recorded")]
    Target(#[source] Fault),
}

/// Where the robot believes the plate to be. Part of the log, so that a resumed run knows it too.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Whereabouts {
    /// Somewhere in view; the camera has to find it.
    Unknown,
    /// Let go with the tool at this pose, so that the same pose grips it again.
    PutDown(ToolPose),
    /// Nowhere the robot could get it from; a person has to put it back.
    Lost,
}

/// The trial over a cell's devices.
///
/// It begins with [`PickPlace::record_target`] (or [`PickPlace::resume`]), then alternates
/// [`Env::reset`] and [`Env::step`].
pub struct PickPlace {
    camera: Box<dyn Camera>,
    operator: Box<dyn Operator>,
    handling: Handling,
    localizer: Localizer,
    task: Task,
    trajectory: Trajectory,
    reward: RewardFunction,
    target: Option<Target>,
    whereabouts: Whereabouts,
    estimated_pose: Option<PlanarPose>,
    evidence: TrialEvidence,
}

/// How far from its start a plate may be found before the robot puts it right, in metres: well
/// above any calibration error and well below the distance between scenes.
const START_TOLERANCE_M: f64 = 0.03;

impl PickPlace {
    /// A trial over `devices`, every motion of which `envelope` checks.
    ///
    /// # Errors
    /// A task or reward configuration that cannot be.
    pub fn new(
        devices: Devices,
        envelope: SafetyEnvelope,
        localizer: Localizer,
        task: Task,
        reward: RewardFunction,
    ) -> Result<Self, CellError> {
        task.config.validate()?;
        reward.validate()?;
        let arm = GuardedArm::new(devices.arm, envelope);
        Ok(Self {
            camera: devices.camera,
            operator: devices.operator,
            handling: Handling::new(arm, devices.gripper, &task.config),
            localizer,
            trajectory: task.config.trajectory(),
            task,
            reward,
            target: None,
            whereabouts: Whereabouts::Unknown,
            estimated_pose: None,
            evidence: TrialEvidence::default(),
        })
    }

    /// Has the plate put at the target and records where the camera sees it: `P_target`.
    ///
    /// # Errors
    /// The fault that kept it from being recorded.
    pub fn record_target(&mut self) -> Result<Target, CellError> {
        self.look_at_target().map_err(CellError::Target)
    }

    fn look_at_target(&mut self) -> Result<Target, Fault> {
        self.handling.go_home().map_err(motion_fault)?;
        self.operator.put_plate_at_target().map_err(device_fault)?;
        let (capture, found) = self.look()?;
        self.evidence.end = Some(capture);
        let found = found.map_err(localization_fault)?;
        let target = Target { pose: found.pose, height_m: found.height_m };
        self.resume(target, self.whereabouts_at_target(target));
        Ok(target)
    }

    /// What is known of a plate that was put at the target by hand.
    pub fn whereabouts_at_target(&self, target: Target) -> Whereabouts {
        Whereabouts::PutDown(self.tool_over_placed_plate(target.pose, target))
    }

    /// Goes on with a target recorded earlier, and what was last known of the plate.
    pub fn resume(&mut self, target: Target, whereabouts: Whereabouts) {
        self.target = Some(target);
        self.whereabouts = whereabouts;
    }

    /// Where the robot believes the plate to be.
    pub fn whereabouts(&self) -> Whereabouts {
        self.whereabouts
    }

    /// What the last trial left behind, for whoever keeps records.
    pub fn evidence(&self) -> &TrialEvidence {
        &self.evidence
    }

    /// The camera as calibrated.
    pub fn camera_model(&self) -> CameraModel {
        self.camera.model()
    }

    /// How this cell localises.
    pub fn localizer(&self) -> &Localizer {
        &self.localizer
    }

    /// Takes a picture and localises the plate, without moving anything.
    ///
    /// # Errors
    /// A camera fault. A picture without a plate is a [`Capture`] without a localisation, and the
    /// reason beside it.
    pub fn look(&mut self) -> Result<(Capture, Result<Localization, LocalizeError>), Fault> {
        let began = Instant::now();
        let frame = self.camera.capture().map_err(device_fault)?;
        let captured = Instant::now();
        let found = self.localizer.localize(&frame, &self.camera.model());
        let durations = &mut self.evidence.durations;
        durations.capture_secs += (captured - began).as_secs_f64();
        durations.localize_secs += captured.elapsed().as_secs_f64();
        let localization = found.as_ref().ok().cloned();
        Ok((Capture { frame, localization }, found))
    }

    /// Localises the resting plate `repeats` times: the spread that no policy can improve on.
    ///
    /// # Errors
    /// A camera fault, or a picture that could not be localised.
    pub fn noise_floor(&mut self, repeats: usize) -> Result<Vec<PlanarPose>, Fault> {
        (0..repeats).map(|_| Ok(self.look()?.1.map_err(localization_fault)?.pose)).collect()
    }

    /// Picks the plate up and puts it down at `start`, wherever it is now.
    fn bring_plate_to(&mut self, start: PlanarPose) -> Result<(), Fault> {
        self.handling.recover().map_err(device_fault)?;
        let config = &self.task.config;
        let put_down = config.release_pose(start, config.start_surface_m);
        let above = put_down.at_height(config.travel_height_m);
        if self.whereabouts == Whereabouts::Lost {
            self.handling.go_home().map_err(motion_fault)?;
            self.operator.put_plate_near(start).map_err(device_fault)?;
        } else {
            if !self.pick_up_anywhere()? {
                self.whereabouts = Whereabouts::Lost;
                return Err(lost_plate("the robot could not pick it up again"));
            }
            self.whereabouts = Whereabouts::Unknown;
            if !self.handling.release([above], put_down).map_err(motion_fault)? {
                return Err(lost_plate("it slipped on the way back to its start"));
            }
        }
        self.whereabouts = Whereabouts::PutDown(put_down);
        Ok(())
    }

    /// Takes hold of the plate: where it was put down, else where the camera sees it.
    fn pick_up_anywhere(&mut self) -> Result<bool, Fault> {
        if self.handling.holds_object().map_err(device_fault)? {
            return Ok(true);
        }
        if let Whereabouts::PutDown(tool) = self.whereabouts
            && self.handling.grasp(tool).map_err(motion_fault)?.is_ok()
        {
            return Ok(true);
        }
        self.handling.go_home().map_err(motion_fault)?;
        let Ok(found) = self.look()?.1 else {
            return Ok(false);
        };
        let surface_m = self.nearest_surface_m(found.height_m);
        let tool = self.task.config.grasp_pose(found.pose, surface_m);
        Ok(self.handling.grasp(tool).map_err(motion_fault)?.is_ok())
    }

    /// The known surface that a plate with its centre at `height_m` lies on. Depth is too coarse to
    /// lower fingers by.
    fn nearest_surface_m(&self, height_m: f64) -> f64 {
        let bottom_m = height_m - 0.5 * self.localizer.config().plate.height_m;
        let config = &self.task.config;
        let place_m = config.place.surface_m;
        if (bottom_m - place_m).abs() < (bottom_m - config.start_surface_m).abs() {
            place_m
        } else {
            config.start_surface_m
        }
    }

    /// The tool's pose that grips a placed plate as centrally as it can be known: camera errors
    /// that are the same for target and final pose cancel.
    fn tool_over_placed_plate(&self, final_pose: PlanarPose, target: Target) -> ToolPose {
        let config = &self.task.config;
        let deviation = final_pose.relative_to(target.pose);
        let plate = config.place.pose().adjusted(deviation);
        config.grasp_pose(plate, config.place.surface_m)
    }

    /// Picks at `pick`, carries the plate along the fixed path and lets go at the place.
    fn pick_and_place(&mut self, pick: ToolPose) -> Result<Result<(), GraspFailure>, MotionError> {
        if let Err(failure) = self.handling.grasp(pick)? {
            if failure == GraspFailure::Slipped {
                self.whereabouts = Whereabouts::Unknown;
            }
            return Ok(Err(failure));
        }
        self.whereabouts = Whereabouts::Unknown;
        let place = self.trajectory.place;
        if !self.handling.release(self.trajectory.to_above_place(), place)? {
            return Ok(Err(GraspFailure::Slipped));
        }
        self.whereabouts = Whereabouts::PutDown(place);
        Ok(Ok(()))
    }

    /// Localises the placed plate and measures the reward.
    fn measure(&mut self, pick_pose: PlanarPose, target: Target) -> Result<Placement, Fault> {
        self.handling.go_home().map_err(motion_fault)?;
        let (capture, found) = self.look()?;
        self.evidence.end = Some(capture);
        let found = found.map_err(localization_fault)?;
        self.whereabouts = Whereabouts::PutDown(self.tool_over_placed_plate(found.pose, target));
        let error = PlacementError::between(found.pose, target.pose);
        let seating = self.task.config.seating;
        Ok(Placement {
            pick_pose,
            final_pose: found.pose,
            target_pose: target.pose,
            error,
            reward: self.reward.reward(error),
            seated: error.e_trans_m <= seating.translation_m
                && error.yaw_error_rad().to_degrees() <= seating.yaw_deg
                && (found.height_m - target.height_m).abs() <= seating.height_m,
        })
    }

    /// Brings the plate near the attempt's start and observes it there.
    fn observe_start(&mut self, id: TrialId) -> Result<Observation, Fault> {
        let start = self.task.start(id);
        let scene = self.task.scene_start(id.scene);
        let near = |pose: PlanarPose| pose.distance_m(scene) <= START_TOLERANCE_M;
        let lies_near = matches!(self.whereabouts, Whereabouts::PutDown(tool) if near(tool.planar));
        if !lies_near {
            self.timed_preparation(start)?;
        }
        let mut observation = self.observe()?;
        if !near(observation.estimated_pose) {
            self.whereabouts = Whereabouts::Unknown;
            self.timed_preparation(start)?;
            observation = self.observe()?;
            if !near(observation.estimated_pose) {
                self.whereabouts = Whereabouts::Lost;
                return Err(lost_plate("it does not lie where the robot put it"));
            }
        }
        Ok(observation)
    }

    fn timed_preparation(&mut self, start: PlanarPose) -> Result<(), Fault> {
        let began = Instant::now();
        let prepared = self.bring_plate_to(start);
        self.evidence.durations.prepare_secs += began.elapsed().as_secs_f64();
        prepared
    }

    fn observe(&mut self) -> Result<Observation, Fault> {
        self.handling.go_home().map_err(motion_fault)?;
        let (capture, found) = self.look()?;
        let image = capture.frame.color.clone();
        self.evidence.start = Some(capture);
        let found = found.map_err(|error| {
            if matches!(error, LocalizeError::NoPlate) {
                self.whereabouts = Whereabouts::Lost;
            }
            localization_fault(error)
        })?;
        Ok(Observation { image, estimated_pose: found.pose })
    }
}

impl Env for PickPlace {
    fn reset(&mut self, id: TrialId) -> Result<Observation, Fault> {
        self.evidence = TrialEvidence::default();
        self.estimated_pose = None;
        let observation = self.observe_start(id)?;
        self.estimated_pose = Some(observation.estimated_pose);
        Ok(observation)
    }

    fn step(&mut self, adjustment: PoseAdjustment) -> Outcome {
        let estimated_pose = self.estimated_pose.take().expect("`reset` comes before `step`");
        let target = self.target.expect("the target is recorded before training");
        self.handling
            .arm()
            .envelope()
            .check_adjustment(adjustment)
            .map_err(|refusal| motion_fault(refusal.into()))?;
        // Eq. 1: P_pick = P_e + a
        let pick_pose = estimated_pose.adjusted(adjustment);
        let config = &self.task.config;
        let began = Instant::now();
        let carried = self.pick_and_place(config.grasp_pose(pick_pose, config.start_surface_m));
        self.evidence.durations.pick_place_secs = began.elapsed().as_secs_f64();
        match carried.map_err(motion_fault)? {
            Ok(()) => Ok(Ending::Placed(self.measure(pick_pose, target)?)),
            Err(failure) => Ok(Ending::NotGrasped(failure)),
        }
    }
}

fn motion_fault(error: MotionError) -> Fault {
    Fault {
        kind: match error {
            MotionError::Refused(_) => FaultKind::Refused,
            MotionError::Device(_) => FaultKind::Device,
        },
        reason: error.to_string(),
    }
}

fn device_fault(error: DeviceError) -> Fault {
    motion_fault(error.into())
}

fn localization_fault(error: LocalizeError) -> Fault {
    let mut reason = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        reason.push_str(": ");
        reason.push_str(&cause.to_string());
        source = cause.source();
    }
    Fault { kind: FaultKind::Localization, reason }
}

fn lost_plate(reason: &str) -> Fault {
    Fault { kind: FaultKind::LostPlate, reason: reason.to_string() }
}
