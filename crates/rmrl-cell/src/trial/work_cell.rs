//! The devices at work, for one attempt after another.

use rmrl_core::{Fault, InvalidKey};
use rmrl_vision::{IntrinsicsError, Localizer};

use super::cell_event::{CellEvent, EventListener};
use super::evidence::{Capture, TrialEvidence};
use super::faults::motion_fault;
use super::perception::Perception;
use crate::{
    DeviceError, Devices, GuardedArm, Manipulator, MotionError, Operator, Recovery, SafetyEnvelope,
    StopSwitch, TaskConfig,
};

/// Why a cell could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum CellError {
    /// The configuration of the task or the reward is invalid.
    #[error(transparent)]
    Config(#[from] InvalidKey),
    /// The camera's intrinsics are invalid.
    #[error("the camera's intrinsics are invalid")]
    Intrinsics(#[from] IntrinsicsError),
    /// The target could not be recorded.
    #[error("the target could not be recorded")]
    Target(#[source] Fault),
}

/// Moves, looks, asks the operator, and keeps the evidence of the present attempt.
pub(crate) struct WorkCell {
    pub manipulator: Manipulator,
    pub perception: Perception,
    pub evidence: TrialEvidence,
    operator: Box<dyn Operator>,
    /// How lost devices other than the camera are tried again.
    recovery: Recovery,
    listener: Option<EventListener>,
}

impl WorkCell {
    /// A cell of `devices`, every motion of which `envelope` checks.
    pub fn new(
        devices: Devices,
        envelope: SafetyEnvelope,
        localizer: Localizer,
        task: &TaskConfig,
    ) -> Self {
        let Devices { camera, arm, gripper, operator } = devices;
        let manipulator = Manipulator::new(GuardedArm::new(arm, envelope), gripper, task);
        let stop = manipulator.stop_switch().clone();
        Self {
            manipulator,
            perception: Perception::new(camera, localizer, stop),
            evidence: TrialEvidence::default(),
            operator,
            recovery: Recovery::default(),
            listener: None,
        }
    }

    /// The switch that stops every device.
    pub fn stop_switch(&self) -> &StopSwitch {
        self.manipulator.stop_switch()
    }

    /// Sets how lost devices are tried again.
    pub fn recover_by(&mut self, recovery: Recovery) {
        self.recovery = recovery;
        self.perception.recovery = recovery;
    }

    /// Reports every event to `listener` from now on.
    pub fn listen(&mut self, listener: EventListener) {
        self.listener = Some(listener);
    }

    /// Reports an event.
    pub fn notify(&mut self, event: CellEvent<'_>) {
        if let Some(listener) = &mut self.listener {
            listener(event);
        }
    }

    /// Asks the operator to do something.
    ///
    /// # Errors
    /// The stop switch was pressed, or the operator did not do it.
    pub fn ask(
        &mut self,
        request: impl FnOnce(&mut dyn Operator) -> Result<(), DeviceError>,
    ) -> Result<(), Fault> {
        let stop = self.manipulator.stop_switch();
        stop.check().map_err(|stopped| motion_fault(stopped.into()))?;
        request(self.operator.as_mut())
            .map_err(|error| motion_fault(MotionError::of_device(error, stop)))
    }

    /// Makes the arm movable again. Waits for a device that is lost.
    pub fn recover(&mut self) -> Result<(), Fault> {
        self.retry(Manipulator::recover).map_err(motion_fault)
    }

    /// Gives the gripper power, where it has none. Waits for a device that is lost.
    pub fn power_gripper_on(&mut self) -> Result<(), Fault> {
        self.retry(Manipulator::power_gripper_on).map_err(motion_fault)
    }

    /// Recovers and goes home. Waits for a device that is lost: no trial has begun that could be repeated.
    pub fn come_home(&mut self) -> Result<(), MotionError> {
        self.retry(|manipulator| {
            manipulator.recover()?;
            manipulator.go_home()
        })
    }

    /// Moves the tool out of the camera's view.
    pub fn go_home(&mut self) -> Result<(), Fault> {
        self.manipulator.go_home().map_err(motion_fault)
    }

    /// Looks for the plate, in a few frames if need be.
    ///
    /// # Errors
    /// The camera failed. A plate that was not found is a [`Capture`], too.
    pub fn look(&mut self) -> Result<Capture, Fault> {
        self.notify(CellEvent::Looking);
        let capture = self.perception.look_patiently(&mut self.evidence)?;
        self.notify(CellEvent::Seen(&capture));
        Ok(capture)
    }

    fn retry<T>(
        &mut self,
        mut attempt: impl FnMut(&mut Manipulator) -> Result<T, MotionError>,
    ) -> Result<T, MotionError> {
        let stop = self.stop_switch().clone();
        self.recovery.retry(&stop, || attempt(&mut self.manipulator))
    }
}
