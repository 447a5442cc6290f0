//! How a trial is set up, and what is known between trials.

use nalgebra::Point2;
use rmrl_core::{Carry, ConfigKeys, Fault, Look, PictureReader, PlanarPose, RewardFunction};
use rmrl_vision::{CameraModel, Localizer};

use super::PickPlace;
use super::cell_event::CellEvent;
use super::drift::ReferenceError;
use super::drift_monitor::DriftMonitor;
use super::evidence::{Capture, TrialEvidence};
use super::faults::{drift_fault, motion_fault};
use super::plate_search::{PlateLocation, PlateSearch};
use super::target::Target;
use super::work_cell::{CellError, WorkCell};
use crate::{AfterContact, Devices, MotionError, Recovery, SafetyEnvelope, StopSwitch, Task};

impl PickPlace {
    /// A trial over `devices`, every motion of which `envelope` checks.
    ///
    /// # Errors
    /// An invalid configuration of the task or the reward, or invalid intrinsics.
    pub fn new(
        devices: Devices,
        envelope: SafetyEnvelope,
        localizer: Localizer,
        task: Task,
        reward: RewardFunction,
    ) -> Result<Self, CellError> {
        task.config.check_keys("task")?;
        reward.check_keys("reward")?;
        devices.camera.model().intrinsics.validate()?;
        Ok(Self {
            search: PlateSearch::new(&task.config, localizer.config().plate),
            cell: WorkCell::new(devices, envelope, localizer, &task.config),
            drift: None,
            trajectory: task.config.trajectory(),
            task,
            reward,
            scene: None,
            visits: Vec::new(),
            chosen_start: None,
            state: None,
        })
    }

    /// Adds a monitor that looks for a board in the camera's view.
    #[must_use]
    pub fn with_drift_monitor(mut self, monitor: DriftMonitor) -> Self {
        self.drift = Some(monitor);
        self
    }

    /// Lets `reader` say of each look at a plate by how much the localizer errs.
    pub fn read_pictures_by(&mut self, reader: Box<dyn PictureReader>) {
        self.cell.perception.reader = Some(reader);
    }

    /// Sets how lost devices are tried again.
    pub fn recover_by(&mut self, recovery: Recovery) {
        self.cell.recover_by(recovery);
    }

    /// Sets what follows on contact where none is expected. By default an operator has to look.
    pub fn after_contact(&mut self, after: AfterContact) {
        self.cell.manipulator.after_contact(after);
    }

    /// Reports every event to `listener`, on the trial's own thread: it should return within a millisecond.
    pub fn watch(&mut self, listener: impl FnMut(CellEvent<'_>) + Send + 'static) {
        self.cell.listen(Box::new(listener));
    }

    /// The switch that stops this cell. A driver that can end a motion under way registers here how.
    pub fn stop_switch(&self) -> StopSwitch {
        self.cell.stop_switch().clone()
    }

    /// Makes the first motion since a program was started: straight up to travel height, then home, and
    /// nothing else.
    ///
    /// # Errors
    /// The switch was pressed, or the arm failed.
    pub fn make_first_motion(&mut self) -> Result<(), MotionError> {
        self.cell.come_home()
    }

    /// Asks the operator to place the plate at the target, then records the pose that the camera measures: `P_target`.
    ///
    /// # Errors
    /// The fault that kept it from being recorded.
    pub fn record_target(&mut self) -> Result<Target, CellError> {
        self.look_at_target().map_err(CellError::Target)
    }

    fn look_at_target(&mut self) -> Result<Target, Fault> {
        self.cell.come_home().map_err(motion_fault)?;
        self.scene = None;
        self.cell.notify(CellEvent::NeedsOperator("put the plate exactly into its target"));
        self.cell.ask(|operator| operator.put_plate_at_target())?;
        // The plate lies in its target, and so in no jaws.
        self.cell.power_gripper_on()?;
        let capture = self.cell.look()?;
        let capture = self.cell.evidence.end.insert(capture);
        let found = capture.plate()?;
        self.search.surfaces.check_target_height(found.height_m)?;
        let target = Target {
            pose: found.pose,
            height_m: found.height_m,
            look_error_m: capture.look_error_m,
        };
        if let Some(monitor) = &mut self.drift {
            let camera = self.cell.perception.camera_model();
            monitor.begin(&capture.frame.color, &camera).map_err(|error| drift_fault(&error))?;
        }
        self.resume(target, self.plate_location_at_target(target));
        self.resume_plate(Some(target.look()), true, false);
        Ok(target)
    }

    /// What is known of a plate that was put at the target by hand.
    pub fn plate_location_at_target(&self, target: Target) -> PlateLocation {
        self.search.location_after_place(target.pose, target.height_m, target)
    }

    /// Continues with a target recorded earlier, and with what was last known of the plate.
    pub fn resume(&mut self, target: Target, plate_location: PlateLocation) {
        self.search.surfaces.target = Some(target);
        self.search.forget();
        self.search.location = plate_location;
    }

    /// Carries the plate to these poses before the next trial, and looks at it there: what that tells is part of the
    /// trial's observation.
    pub fn carry_first_to(&mut self, poses: Vec<PlanarPose>) {
        self.visits = poses;
    }

    /// Carries the plate to these poses now, and looks at it there. One at which it cannot be localized is left out.
    ///
    /// # Errors
    /// A device failed, the plate was lost, or the camera sees it far from where the arm put it.
    pub fn carry_to(&mut self, poses: Vec<PlanarPose>) -> Result<Vec<Carry>, Fault> {
        self.cell.recover()?;
        self.visits = poses;
        let carries = self.visit();
        self.visits.clear();
        carries
    }

    /// Continues with what else is known of the plate where it lies: where the camera last saw it, without which the next
    /// carry does not tell how it lay in the jaws; whether a person put it there; and whether the camera could not localize
    /// it there.
    pub fn resume_plate(&mut self, seen: Option<Look>, put_by_person: bool, is_hidden: bool) {
        self.search.seen = seen;
        self.search.is_own_work = !put_by_person;
        self.search.is_hidden = is_hidden;
    }

    /// Continues to monitor the camera with a reference seen earlier, and with the result of the last check. Does
    /// nothing without a monitor.
    ///
    /// # Errors
    /// The reference does not belong to the board.
    pub fn resume_drift_monitor(
        &mut self,
        reference: Vec<Point2<f64>>,
        suspect: bool,
    ) -> Result<(), ReferenceError> {
        match &mut self.drift {
            Some(monitor) => monitor.resume(reference, suspect),
            None => Ok(()),
        }
    }

    /// Makes the next trial check the camera for drift, whether or not a check is due: nobody knows what happened to it
    /// meanwhile. Does nothing without a monitor.
    pub fn force_drift_check(&mut self) {
        if let Some(monitor) = &mut self.drift {
            monitor.force();
        }
    }

    /// Puts the trial back to the moment at which [`Env::reset`](rmrl_core::Env::reset) had localized the plate at `estimated_pose`
    /// and `plate_location` was known of it, to try several actions from the very same start. The caller has to put the
    /// world back, too, which only a simulated one can be.
    pub fn return_to_start(&mut self, estimated_pose: PlanarPose, plate_location: PlateLocation) {
        self.cell.evidence = TrialEvidence::default();
        self.state = Some(estimated_pose);
        self.search.location = plate_location;
    }

    /// Brings the arm home if it can, because no trial follows for now. The jaws keep what they hold.
    ///
    /// # Errors
    /// The switch was pressed, or a device failed: the arm stays where it is.
    pub fn stand_down(&mut self) -> Result<(), Fault> {
        self.cell.recover()?;
        self.cell.go_home()
    }

    /// Takes a frame and localizes the plate in it, without moving anything.
    ///
    /// # Errors
    /// The camera failed. A frame without a plate is a [`Capture`] with the reason.
    pub fn look(&mut self) -> Result<Capture, Fault> {
        self.cell.perception.look(&mut self.cell.evidence)
    }

    /// Localizes the resting plate `repeats` times: the spread that no policy can improve on.
    ///
    /// # Errors
    /// The camera failed, or the plate could not be localized in a frame.
    pub fn noise_floor(&mut self, repeats: usize) -> Result<Vec<PlanarPose>, Fault> {
        self.cell.perception.noise_floor(repeats, &mut self.cell.evidence)
    }

    /// What the last trial left behind, for the record.
    pub fn evidence(&self) -> &TrialEvidence {
        &self.cell.evidence
    }

    /// Where the robot believes the plate to be.
    pub fn plate_location(&self) -> PlateLocation {
        self.search.location
    }

    /// Where the camera last saw the plate where it lies now, if it has looked since the plate was moved.
    pub fn plate_seen(&self) -> Option<Look> {
        self.search.seen
    }

    /// Whether a person put the plate where it lies now, and not the robot.
    pub fn put_by_person(&self) -> bool {
        !self.search.is_own_work
    }

    /// The tool's pose, as commanded, where it releases a plate at its place.
    pub fn place_pose(&self) -> PlanarPose {
        self.trajectory.place.planar
    }

    /// The monitor of the camera, if there is one.
    pub fn drift_monitor(&self) -> Option<&DriftMonitor> {
        self.drift.as_ref()
    }

    /// Whether the camera had moved by more than trials can be trusted with when it was last checked.
    pub fn is_suspect(&self) -> bool {
        self.drift.as_ref().is_some_and(DriftMonitor::is_suspect)
    }

    /// The camera as calibrated.
    pub fn camera_model(&self) -> CameraModel {
        self.cell.perception.camera_model()
    }

    /// How this cell localizes.
    pub fn localizer(&self) -> &Localizer {
        self.cell.perception.localizer()
    }
}
