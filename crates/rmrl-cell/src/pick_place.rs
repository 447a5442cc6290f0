//! The pick-and-place trial: the one-step MDP of Sec. 3.1-3.2 over real or simulated devices.

use std::sync::Arc;
use std::time::Instant;

use nalgebra::Point2;
use rmrl_core::{
    Ending, Env, Fault, FaultKind, GraspFailure, InvalidKey, Observation, Outcome, Placement,
    PlacementError, PlanarPose, PoseAdjustment, RewardFunction, TrialId,
};
use rmrl_vision::{
    CameraModel, IntrinsicsError, Localization, LocalizeError, Localizer, PlateGeometry, RgbdFrame,
    tilt_rad,
};
use serde::{Deserialize, Serialize};

use crate::faults::{drift_fault, localization_fault, lost_plate, motion_fault};
use crate::handling::Handling;
use crate::news::Watcher;
use crate::{
    AfterContact, Camera, Capture, CellNews, DeviceError, Devices, DriftConfig, DriftError,
    DriftWatch, GuardedArm, MotionError, Operator, Recovery, ReferenceError, SafetyEnvelope,
    StopSwitch, Task, TaskConfigError, ToolPose, Trajectory, TrialEvidence,
};

/// The target as the camera saw it before training (Sec. 3.2); fixed from then on.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Target {
    /// `P_target`, world frame.
    pub pose: PlanarPose,
    /// The height of the plate's centre, in metres, by which a seated plate is known.
    pub height_m: f64,
}

/// Why a cell could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum CellError {
    /// The task's configuration.
    #[error(transparent)]
    Task(#[from] TaskConfigError),
    /// The reward's configuration.
    #[error(transparent)]
    Reward(#[from] InvalidKey),
    /// The camera's intrinsics.
    #[error("the camera's intrinsics cannot be")]
    Intrinsics(#[from] IntrinsicsError),
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
    drift_watch: Option<DriftWatch>,
    /// Whether the last reading was above the bound from which on trials are suspect.
    suspect: bool,
    /// Whether the board is looked for even where that is not due.
    watches_next: bool,
    task: Task,
    trajectory: Trajectory,
    reward: RewardFunction,
    target: Option<Target>,
    whereabouts: Whereabouts,
    /// The scene whose plate lies in the cell, as far as known.
    scene: Option<u32>,
    estimated_pose: Option<PlanarPose>,
    evidence: TrialEvidence,
    /// How often the gripper has found nothing to hold since a plate was last placed.
    misses: u32,
    recovery: Recovery,
    watcher: Option<Watcher>,
}

/// How far from its start the camera may see a plate before the robot puts it right, in metres and
/// radians, beside the jitter: well above any calibration error.
const START_TOLERANCE_M: f64 = 0.03;
const START_TOLERANCE_RAD: f64 = 0.2;
/// A plate within this height of its target, in metres, lies in its place or on the walls of it, which are 12 mm
/// high; one that is lower fell off. Larger than a plate's height on purpose: the seating judges the height, and a
/// plate that rides on a wall is an outcome. Nobody stacks plates in a place.
const IN_PLACE_M: f64 = 0.02;
/// A plate that is seen farther than this from where it was before a missed grasp was moved, in metres and radians.
/// The localiser differs by 0.08 mm and 0.01 degrees at most over 20 pictures of a resting plate in simulated cells; a
/// real camera may be ten times worse. Closing jaws take out what calibration and correction are off across them, which
/// is millimetres. A turn of 0.03 moves a plate's end by 2 mm.
const MOVED_M: f64 = 0.002;
const MOVED_RAD: f64 = 0.03;
/// Farther from its target than this, no plate was carried there, in metres: correction, calibration and
/// tool together make up a third of it.
const CARRIED_WITHIN_M: f64 = 0.08;
/// A plate that leans by more lies on something, in radians: 4 degrees. A wall of 12 mm makes 5 of it along the
/// long side; level plates in 20 simulated laboratories seem to lean by 0.4, and by 0.9 at most.
const LEANS_RAD: f64 = 0.07;
/// How many pictures are taken before a plate counts as not localisable. A picture costs a second, a
/// trial minutes.
const LOOKS: usize = 3;

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
        devices.camera.model().intrinsics.validate()?;
        let arm = GuardedArm::new(devices.arm, envelope);
        Ok(Self {
            camera: devices.camera,
            operator: devices.operator,
            handling: Handling::new(arm, devices.gripper, &task.config),
            localizer,
            drift_watch: None,
            suspect: false,
            watches_next: false,
            trajectory: task.config.trajectory(),
            task,
            reward,
            target: None,
            whereabouts: Whereabouts::Unknown,
            scene: None,
            estimated_pose: None,
            evidence: TrialEvidence::default(),
            misses: 0,
            recovery: Recovery::default(),
            watcher: None,
        })
    }

    /// The switch that stops this cell. A driver that can end a motion under way registers here how.
    pub fn stop_switch(&self) -> StopSwitch {
        self.handling.stop_switch().clone()
    }

    /// How devices that are lost are tried again, from now on.
    pub fn recover_by(&mut self, recovery: Recovery) {
        self.recovery = recovery;
    }

    /// What follows on contact where none is expected, from now on. Unless this is called, a person has to look.
    pub fn after_contact(&mut self, after: AfterContact) {
        self.handling.after_contact(after);
    }

    /// Has `watcher` told of what goes on, on the trial's own thread: it should be done in a millisecond.
    pub fn watch(&mut self, watcher: impl FnMut(CellNews<'_>) + Send + 'static) {
        self.watcher = Some(Box::new(watcher));
    }

    /// Makes the first motion since a program was started: straight up to travel height, then home, and
    /// nothing else.
    ///
    /// # Errors
    /// The switch was pressed, or the arm failed.
    pub fn make_first_motion(&mut self) -> Result<(), MotionError> {
        self.come_home()
    }

    /// Goes home. A device that is lost on the way is waited for: no trial has begun that would be repeated.
    fn come_home(&mut self) -> Result<(), MotionError> {
        let stop = self.handling.stop_switch().clone();
        let Self { recovery, handling, .. } = self;
        recovery.retry(&stop, || {
            handling.recover()?;
            handling.go_home()
        })
    }

    /// Brings the arm home, where nobody runs into it, if it can: no trial follows for now. What the jaws
    /// hold they keep.
    ///
    /// # Errors
    /// The switch was pressed, or a device failed: the arm stays where it is.
    pub fn stand_down(&mut self) -> Result<(), Fault> {
        self.recover()?;
        self.handling.go_home().map_err(motion_fault)
    }

    /// The same trial, watching a board in the camera's view for drift.
    #[must_use]
    pub fn watching(mut self, drift_watch: DriftWatch) -> Self {
        self.drift_watch = Some(drift_watch);
        self
    }

    /// Has the plate put at the target and records where the camera sees it: `P_target`.
    ///
    /// # Errors
    /// The fault that kept it from being recorded.
    pub fn record_target(&mut self) -> Result<Target, CellError> {
        self.look_at_target().map_err(CellError::Target)
    }

    fn look_at_target(&mut self) -> Result<Target, Fault> {
        self.come_home().map_err(motion_fault)?;
        self.scene = None;
        self.tell(CellNews::NeedsPerson("put the plate exactly into its target"));
        self.ask(|operator| operator.put_plate_at_target())?;
        // The plate lies in its target, and so in no jaws.
        let stop = self.handling.stop_switch().clone();
        let Self { recovery, handling, .. } = self;
        recovery.retry(&stop, || handling.power_gripper_on()).map_err(motion_fault)?;
        let (capture, found) = self.look_patiently()?;
        let color = Arc::clone(&capture.frame.color);
        self.evidence.end = Some(capture);
        let found = found.map_err(localization_fault)?;
        let place_m = self.task.config.place.surface_m;
        self.check_height(&found, place_m + 0.5 * self.plate().height_m)?;
        if let Some(watch) = &mut self.drift_watch {
            let camera = self.camera.model();
            watch.begin(&color, &camera).map_err(drift_fault)?;
        }
        let target = Target { pose: found.pose, height_m: found.height_m };
        self.resume(target, self.whereabouts_at_target(target));
        Ok(target)
    }

    /// What is known of a plate that was put at the target by hand.
    pub fn whereabouts_at_target(&self, target: Target) -> Whereabouts {
        self.whereabouts_of_placed(target.pose, target.height_m, target)
    }

    /// Goes on with a target recorded earlier, and what was last known of the plate.
    pub fn resume(&mut self, target: Target, whereabouts: Whereabouts) {
        self.target = Some(target);
        self.whereabouts = whereabouts;
    }

    /// The watch over the camera, if there is one.
    pub fn drift_watch(&self) -> Option<&DriftWatch> {
        self.drift_watch.as_ref()
    }

    /// Goes on watching with a reference seen earlier, and what was last found.
    ///
    /// # Errors
    /// The reference is none of the board's.
    pub fn resume_watching(
        &mut self,
        reference: Vec<Point2<f64>>,
        suspect: bool,
    ) -> Result<(), ReferenceError> {
        if let Some(watch) = &mut self.drift_watch {
            watch.resume(reference)?;
            self.suspect = suspect;
        }
        Ok(())
    }

    /// Has the watched board looked for at the next trial's start, due or not: what became of the camera
    /// meanwhile is not known.
    pub fn watch_next(&mut self) {
        self.watches_next = true;
    }

    /// Whether the camera had moved by more than trials can be trusted with, when last looked at.
    pub fn is_suspect(&self) -> bool {
        self.suspect
    }

    /// Goes back to the moment at which [`Env::reset`] had localised the plate at `estimated_pose`
    /// and `whereabouts` was known of it. The world has to be put back, too, so only a simulated
    /// one can be: for trying several actions from the very same start.
    pub fn return_to_start(&mut self, estimated_pose: PlanarPose, whereabouts: Whereabouts) {
        self.evidence = TrialEvidence::default();
        self.estimated_pose = Some(estimated_pose);
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
        let frame = capture(self.camera.as_mut(), &self.recovery, self.handling.stop_switch())?;
        let captured = Instant::now();
        let found = self.localizer.localize(&frame, &self.camera.model());
        let durations = &mut self.evidence.durations;
        durations.capture_secs += (captured - began).as_secs_f64();
        durations.localize_secs += captured.elapsed().as_secs_f64();
        let number = self.evidence.pictures;
        self.evidence.pictures += 1;
        let localization = found.as_ref().ok().cloned();
        Ok((Capture { number, frame, localization }, found))
    }

    /// Makes the arm movable again, which may have to be waited for.
    fn recover(&mut self) -> Result<(), Fault> {
        let stop = self.handling.stop_switch().clone();
        let Self { recovery, handling, .. } = self;
        recovery.retry(&stop, || handling.recover()).map_err(motion_fault)
    }

    /// Has the person beside the cell do something.
    fn ask(
        &mut self,
        favour: impl FnOnce(&mut dyn Operator) -> Result<(), DeviceError>,
    ) -> Result<(), Fault> {
        let stop = self.handling.stop_switch();
        stop.check().map_err(|stopped| motion_fault(stopped.into()))?;
        favour(self.operator.as_mut())
            .map_err(|error| motion_fault(MotionError::of_device(error, stop)))
    }

    fn tell(&mut self, news: CellNews<'_>) {
        if let Some(watcher) = &mut self.watcher {
            watcher(news);
        }
    }

    /// Takes pictures until the plate can be localised in one, or a few have failed: noise and a
    /// hand in the picture pass.
    fn look_patiently(&mut self) -> Result<(Capture, Result<Localization, LocalizeError>), Fault> {
        self.tell(CellNews::Looking);
        let seen = self.look_again_and_again()?;
        self.tell(CellNews::Seen(&seen.0));
        Ok(seen)
    }

    fn look_again_and_again(
        &mut self,
    ) -> Result<(Capture, Result<Localization, LocalizeError>), Fault> {
        let mut last = self.look()?;
        for _ in 1..LOOKS {
            if last.1.is_ok() {
                break;
            }
            last = self.look()?;
        }
        Ok(last)
    }

    /// Looks for the reference board in the start's picture, where that is due; in others, if it is
    /// hidden there.
    fn watch_drift(&mut self, id: TrialId) -> Result<(), Fault> {
        let is_due = |watch: &&mut DriftWatch| self.watches_next || watch.is_due(id.trial);
        let Some(watch) = self.drift_watch.as_mut().filter(is_due) else {
            return Ok(());
        };
        let camera = self.camera.model();
        let start = self.evidence.start.as_ref().expect("the start has been observed");
        let mut reading = watch.read(&start.frame.color, &camera);
        for _ in 1..LOOKS {
            if !matches!(reading, Err(DriftError::NotSeen { .. })) {
                break;
            }
            let stop = self.handling.stop_switch();
            let frame = capture(self.camera.as_mut(), &self.recovery, stop)?;
            self.evidence.pictures += 1;
            reading = watch.read(&frame.color, &camera);
        }
        let reading = reading.map_err(drift_fault)?;
        self.watches_next = false;
        let DriftConfig { suspect_m, stop_m, .. } = *watch.config();
        self.evidence.drift = Some(reading);
        self.suspect = reading.drift_m > suspect_m;
        let moved = format!(
            "the reference board seems to have moved by {:.1} mm since the target was recorded",
            1000.0 * reading.drift_m
        );
        if reading.drift_m > stop_m {
            return Err(Fault {
                kind: FaultKind::Drift,
                reason: format!(
                    "{moved}, more than {:.1} mm; put camera and board back as they were and go on, or \
                     calibrate the camera again (`rmrl calibrate overhead`) and begin a new run",
                    1000.0 * stop_m
                ),
            });
        }
        if self.suspect {
            tracing::warn!("{id}: {moved}; the trial is marked as suspect");
        }
        Ok(())
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
        let config = &self.task.config;
        let put_down = config.release_pose(start, config.start_surface_m);
        let above = put_down.at_height(config.travel_height_m);
        let in_hand = self.handling.holds_object().map_err(motion_fault)?;
        if self.whereabouts == Whereabouts::Lost && !in_hand {
            self.handling.go_home().map_err(motion_fault)?;
            self.tell(CellNews::NeedsPerson("put the plate back near its start"));
            self.ask(|operator| operator.put_plate_near(start))?;
        } else {
            if !in_hand {
                self.pick_up_anywhere()?;
            }
            self.whereabouts = Whereabouts::Unknown;
            if !self.handling.release([above], put_down).map_err(motion_fault)? {
                return Err(lost_plate("it slipped on the way back to its start".to_string()));
            }
        }
        self.whereabouts = Whereabouts::PutDown(put_down);
        Ok(())
    }

    /// Takes hold of the plate: where it was put down, else where the camera sees it.
    fn pick_up_anywhere(&mut self) -> Result<(), Fault> {
        let put_down = std::mem::replace(&mut self.whereabouts, Whereabouts::Unknown);
        if let Whereabouts::PutDown(tool) = put_down {
            if self.grasp(tool).map_err(motion_fault)?.is_ok() {
                return Ok(());
            }
            self.check_misses("")?;
        }
        // Unless it can be fetched from where the camera sees it, a person has to.
        self.handling.go_home().map_err(motion_fault)?;
        let seen = self.look_patiently()?.1;
        self.whereabouts = Whereabouts::Lost;
        let tool = self.tool_over_seen_plate(&seen.map_err(localization_fault)?)?;
        self.whereabouts = Whereabouts::Unknown;
        let Err(failure) = self.grasp(tool).map_err(motion_fault)? else { return Ok(()) };
        self.whereabouts = Whereabouts::Lost;
        self.check_misses("")?;
        Err(lost_plate(format!("the robot could not pick it up again: {failure}")))
    }

    /// Grips the plate, and counts how often there was nothing to grip.
    fn grasp(&mut self, at: ToolPose) -> Result<Result<ToolPose, GraspFailure>, MotionError> {
        let grasped = self.handling.grasp(at)?;
        if grasped == Err(GraspFailure::Missed) {
            self.misses += 1;
        }
        Ok(grasped)
    }

    /// Ends the run where the gripper has found nothing to hold too often in a row. `seen` is what the camera
    /// says, if anything.
    fn check_misses(&self, seen: &str) -> Result<(), Fault> {
        let misses = self.misses;
        if misses < self.task.config.max_misses {
            return Ok(());
        }
        let times =
            if misses == 1 { "once".to_string() } else { format!("{misses} times in a row") };
        Err(Fault {
            kind: FaultKind::NothingHeld,
            reason: format!(
                "the gripper reported {times} that it holds nothing{seen}; look at the gripper: its power, its \
                 jaws, and whether they reach the plate. Then start again (task.max_misses)"
            ),
        })
    }

    /// Asks the camera about a grasp of a plate at `start` of which the gripper says that it missed: a plate
    /// that was moved, or is not seen any more, was not missed.
    fn judge_miss(&mut self, start: PlanarPose) -> Result<(), Fault> {
        self.handling.go_home().map_err(motion_fault)?;
        let before = std::mem::replace(&mut self.whereabouts, Whereabouts::Unknown);
        let (capture, found) = self.look_patiently()?;
        self.evidence.end = Some(capture);
        let found = match found {
            Ok(found) => found,
            Err(error) => {
                if matches!(error, LocalizeError::NoPlate { .. }) {
                    self.whereabouts = Whereabouts::Lost;
                }
                let reason = localization_fault(error).reason;
                self.check_misses(&format!(", and the camera does not see the plate: {reason}"))?;
                return Err(lost_plate(format!(
                    "the gripper reported that it missed it, and the camera does not see it: {reason}"
                )));
            }
        };
        let moved = found.pose.relative_to(start);
        let (moved_m, turned_rad) = (moved.translation_m(), moved.dyaw_rad.abs());
        self.evidence.after_miss = Some(found.pose);
        let told = format!(
            "the camera sees the plate moved by {:.1} mm and {:.1} degrees",
            1000.0 * moved_m,
            turned_rad.to_degrees()
        );
        self.check_misses(&format!("; {told}"))?;
        if moved_m > MOVED_M || turned_rad > MOVED_RAD {
            return Err(Fault {
                kind: FaultKind::FalseGrasp,
                reason: format!(
                    "the gripper reported that it missed the plate, and {told}; check gripper and jaws"
                ),
            });
        }
        self.check_height(&found, self.height_on_m(self.task.config.start_surface_m))?;
        self.whereabouts = before;
        Ok(())
    }

    /// The tool's pose that grips a plate where the camera sees it.
    fn tool_over_seen_plate(&self, found: &Localization) -> Result<ToolPose, Fault> {
        let config = &self.task.config;
        let surface_m = self.surface_under(found).ok_or_else(|| {
            lost_plate(format!(
                "it was seen at a height of {:.0} mm, where there is no surface to lie on; does it lie on another \
                 plate?",
                1000.0 * found.height_m
            ))
        })?;
        let tool = config.grasp_pose(found.pose, surface_m);
        self.handling
            .arm()
            .envelope()
            .check_motion(tool, config.contact_speed_m_s)
            .map_err(|refusal| lost_plate(format!("it lies out of reach: {refusal}")))?;
        Ok(tool)
    }

    /// The known surface that a plate lies on, if there is one. Depth is too coarse to lower fingers by.
    fn surface_under(&self, found: &Localization) -> Option<f64> {
        let config = &self.task.config;
        let (start_m, place_m) = (config.start_surface_m, config.place.surface_m);
        let is_in_place = self.target.is_some_and(|target| {
            found.pose.distance_m(target.pose) <= CARRIED_WITHIN_M
                && (found.height_m - self.height_on_m(place_m)).abs() <= IN_PLACE_M
        });
        if is_in_place {
            return Some(place_m);
        }
        let distance = |surface_m: &f64| (found.height_m - self.height_on_m(*surface_m)).abs();
        [start_m, place_m]
            .into_iter()
            .min_by(|a, b| distance(a).total_cmp(&distance(b)))
            .filter(|surface_m| distance(surface_m) <= self.plate().height_tolerance_m())
    }

    /// The plate as it should be.
    fn plate(&self) -> PlateGeometry {
        self.localizer.config().plate
    }

    /// The height at which a plate on a surface at `surface_m` should be seen, in metres. The target's tells what
    /// the camera adds to every height; before it is recorded, nothing is known of that.
    fn height_on_m(&self, surface_m: f64) -> f64 {
        match self.target {
            Some(target) => target.height_m + (surface_m - self.task.config.place.surface_m),
            None => surface_m + 0.5 * self.plate().height_m,
        }
    }

    /// Checks that a plate lies on the surface it should lie on. If not, it lies on something else, or the camera is
    /// not where its calibration says, and no pose of it can be trusted.
    fn check_height(&self, found: &Localization, expected_m: f64) -> Result<(), Fault> {
        let above_m = found.height_m - expected_m;
        let tolerance_m = self.plate().height_tolerance_m();
        if above_m.abs() <= tolerance_m {
            return Ok(());
        }
        let stacked = match above_m > tolerance_m {
            true => {
                "does it lie on another plate, or on its lid? Take away what lies under it, or "
            }
            false => "",
        };
        Err(Fault {
            kind: FaultKind::Localization,
            reason: format!(
                "the plate was seen at a height of {:.0} mm instead of {:.0} mm; {stacked}check the camera's \
                 extrinsics and the surfaces in the task",
                1000.0 * found.height_m,
                1000.0 * expected_m
            ),
        })
    }

    /// Whether a plate leans on something, by the depth over it.
    fn leans(&self, capture: &Capture, found: &Localization) -> Option<f64> {
        tilt_rad(&capture.frame, &found.mask, &self.camera.model()).filter(|tilt| *tilt > LEANS_RAD)
    }

    /// What is known of a plate seen in its place: the tool's pose that grips it as centrally as
    /// can be known, for camera errors that are the same for target and final pose cancel. Nothing
    /// of one that fell off its surface.
    fn whereabouts_of_placed(
        &self,
        final_pose: PlanarPose,
        height_m: f64,
        target: Target,
    ) -> Whereabouts {
        if (height_m - target.height_m).abs() > IN_PLACE_M {
            return Whereabouts::Unknown;
        }
        let config = &self.task.config;
        let deviation = final_pose.relative_to(target.pose);
        let plate = config.place.pose().adjusted(deviation);
        Whereabouts::PutDown(config.grasp_pose(plate, config.place.surface_m))
    }

    /// Picks at `pick`, carries the plate along the fixed path and lets go at the place. Returns
    /// where it picked, as commanded.
    fn pick_and_place(
        &mut self,
        pick: ToolPose,
    ) -> Result<Result<ToolPose, GraspFailure>, MotionError> {
        // Until the grasp has ended, the plate may be anywhere, the jaws included.
        let before = std::mem::replace(&mut self.whereabouts, Whereabouts::Unknown);
        let commanded = match self.grasp(pick)? {
            Ok(commanded) => commanded,
            Err(failure) => {
                if failure != GraspFailure::Slipped {
                    self.whereabouts = before;
                }
                return Ok(Err(failure));
            }
        };
        self.tell(CellNews::Placing);
        let place = self.trajectory.place;
        if !self.handling.release(self.trajectory.to_above_place(), place)? {
            return Ok(Err(GraspFailure::Slipped));
        }
        self.whereabouts = Whereabouts::PutDown(place);
        Ok(Ok(commanded))
    }

    /// Localises the placed plate and measures the reward.
    ///
    /// # Errors
    /// A device failed, the plate cannot be localised, or it lies where nothing was carried: what the
    /// gripper said it held was no plate, or not for long.
    fn measure(
        &mut self,
        pick_pose: PlanarPose,
        picked_from: PlanarPose,
        target: Target,
    ) -> Result<Placement, Fault> {
        self.handling.go_home().map_err(motion_fault)?;
        let (capture, found) = self.look_patiently()?;
        let leans = found.as_ref().is_ok_and(|found| self.leans(&capture, found).is_some());
        self.evidence.end = Some(capture);
        let found = found.map_err(localization_fault)?;
        self.whereabouts = self.whereabouts_of_placed(found.pose, found.height_m, target);
        let error = PlacementError::between(found.pose, target.pose);
        let stayed = found.pose.distance_m(picked_from) <= START_TOLERANCE_M;
        // One that fell off a shelf is an outcome: it may have been placed badly.
        let fell = found.height_m < target.height_m - IN_PLACE_M;
        if error.e_trans_m > CARRIED_WITHIN_M && (stayed || !fell) {
            self.whereabouts = Whereabouts::Unknown;
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

    /// Brings the plate near the attempt's start, where it does not lie there already, and observes
    /// it.
    fn observe_start(&mut self, id: TrialId) -> Result<Observation, Fault> {
        self.recover()?;
        if self.scene != Some(id.scene) {
            self.ask(|operator| operator.exchange_plate(id.scene))?;
            self.scene = Some(id.scene);
        }
        let start = self.task.start(id);
        let lies_there = matches!(
            self.whereabouts,
            Whereabouts::PutDown(tool) if self.task.lies_at_start(id.scene, tool.planar)
        );
        if !lies_there {
            self.timed_preparation(start)?;
        }
        let observation = self.observe()?;
        if self.is_near(start, observation.estimated_pose) {
            return Ok(observation);
        }
        self.whereabouts = Whereabouts::Unknown;
        self.timed_preparation(start)?;
        let observation = self.observe()?;
        if self.is_near(start, observation.estimated_pose) {
            return Ok(observation);
        }
        self.whereabouts = Whereabouts::Lost;
        Err(lost_plate("it does not lie where the robot put it".to_string()))
    }

    /// Whether the camera sees the plate where it should lie, give or take jitter and calibration.
    fn is_near(&self, start: PlanarPose, seen: PlanarPose) -> bool {
        let config = &self.task.config;
        let deviation = seen.relative_to(start);
        deviation.translation_m() <= START_TOLERANCE_M + 3.0 * config.start_jitter_m
            && deviation.dyaw_rad.abs()
                <= START_TOLERANCE_RAD + 2.0 * config.start_jitter_deg.to_radians()
    }

    fn timed_preparation(&mut self, start: PlanarPose) -> Result<(), Fault> {
        self.tell(CellNews::Preparing);
        let began = Instant::now();
        let prepared = self.bring_plate_to(start);
        self.evidence.durations.prepare_secs += began.elapsed().as_secs_f64();
        prepared
    }

    fn observe(&mut self) -> Result<Observation, Fault> {
        self.handling.go_home().map_err(motion_fault)?;
        let (capture, found) = self.look_patiently()?;
        let image = capture.frame.color.clone();
        let leans = found.as_ref().ok().and_then(|found| self.leans(&capture, found));
        self.evidence.start = Some(capture);
        let found = found.map_err(|error| {
            // The next attempt looks for it, and asks for help if it still cannot be found.
            self.whereabouts = match error {
                LocalizeError::NoPlate { .. } => Whereabouts::Lost,
                _ => Whereabouts::Unknown,
            };
            localization_fault(error)
        })?;
        self.check_height(&found, self.height_on_m(self.task.config.start_surface_m))?;
        if let Some(tilt_rad) = leans {
            self.whereabouts = Whereabouts::Lost;
            return Err(lost_plate(format!(
                "it leans by {:.0} degrees, on something beside or under it; jaws would not take it level",
                tilt_rad.to_degrees()
            )));
        }
        Ok(Observation { image, estimated_pose: found.pose, plate_in_image: found.in_image })
    }
}

impl Env for PickPlace {
    fn reset(&mut self, id: TrialId) -> Result<Observation, Fault> {
        self.evidence = TrialEvidence::default();
        self.estimated_pose = None;
        let observation = self.observe_start(id)?;
        self.watch_drift(id)?;
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
        let pick = config.grasp_pose(pick_pose, config.start_surface_m);
        self.tell(CellNews::Picking(pick));
        let began = Instant::now();
        let carried = self.pick_and_place(pick);
        self.evidence.durations.pick_place_secs = began.elapsed().as_secs_f64();
        match carried.map_err(motion_fault)? {
            Ok(picked) => {
                let placement = self.measure(picked.planar, estimated_pose, target)?;
                self.misses = 0;
                self.handling.placed();
                Ok(Ending::Placed(placement))
            }
            Err(failure) => {
                if failure == GraspFailure::Missed {
                    self.judge_miss(estimated_pose)?;
                }
                Ok(Ending::NotGrasped(failure))
            }
        }
    }
}

/// A picture of a camera that may have to be waited for.
fn capture(
    camera: &mut dyn Camera,
    recovery: &Recovery,
    stop: &StopSwitch,
) -> Result<RgbdFrame, Fault> {
    let captured = recovery.retry(stop, || {
        stop.check()?;
        camera.capture().map_err(|error| MotionError::of_device(error, stop))
    });
    captured.map_err(motion_fault)
}
