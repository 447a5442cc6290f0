//! A work cell, assembled from a configuration.

use std::sync::Arc;

use jiff::Timestamp;
use rmrl_calibration::ChessboardFinder;
use rmrl_cell::{
    AfterContact, Arm, Camera, Devices, DriftMonitor, Gripper, Operator, PickPlace, SafetyEnvelope,
    StopSwitch, Task,
};
use rmrl_xarm::{BioGripperDevice, Robot, XArm};

use super::calibration_gate::admit_configured;
use super::external::{ExternalDevices, ExternalError, ExternalParts};
use super::external_start::{open_parts, permit};
use super::first_motion::{FirstMotionError, Start, operator, permission, stop_with};
use super::laboratory_error::LaboratoryError;
use super::perception::{camera, localizer, picture_reader};
use super::reachability::prove_reach;
use super::simulated::simulated_cell;
use super::world::World;
use crate::config::{CellKind, RunConfig};

/// A cell with the trial that runs on it.
pub struct Laboratory {
    /// The trial.
    pub trial: PickPlace,
    /// What lies behind its devices.
    pub world: World,
}

impl Laboratory {
    /// Assembles the configured cell. `seed` decides where plates start, and the noise of simulated
    /// devices.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub fn assemble(config: &RunConfig, seed: u64) -> Result<Self, LaboratoryError> {
        Self::start(config, seed, &Start::default())
    }

    /// Assembles the configured cell on behalf of `start`. Afterwards the arm of a real cell stands at home: the
    /// operator has permitted that motion, which was the arm's first.
    ///
    /// # Errors
    /// The configuration is invalid, a device does not answer, a real arm cannot reach every pose or is not
    /// allowed to move, or the calibration of a real camera is not known to be good enough now.
    pub fn start(config: &RunConfig, seed: u64, start: &Start) -> Result<Self, LaboratoryError> {
        // The models come before the arm, so that a missing one stops no arm.
        let localizer = localizer(&config.vision)?;
        let reader = picture_reader(config)?;
        let envelope =
            SafetyEnvelope::new(config.safety).map_err(|error| error.within("safety"))?;
        let (devices, world, interrupts) = match config.cell.kind {
            CellKind::Simulated => {
                let cell = simulated_cell(config, seed)?;
                (cell.devices(), World::Simulated(cell), None)
            }
            CellKind::XArm => {
                prove_reach(config)?;
                let (devices, interrupts) = real_devices(config, &envelope, start)?;
                (devices, World::Real, Some(interrupts))
            }
            CellKind::External => {
                let (devices, interrupts) = external_devices(config, &envelope, start)?;
                (devices, World::Real, Some(interrupts))
            }
        };
        let is_real = interrupts.is_some();
        let mut trial = PickPlace::new(
            devices,
            envelope,
            localizer,
            Task { config: config.task.clone(), placement_seed: seed },
            config.reward,
        )?;
        if let Some(reader) = reader {
            trial.read_pictures_by(reader);
        }
        trial.recover_by(config.unattended.recovery);
        trial.after_contact(match config.cell.kind {
            // A simulation can hurt nobody: it recovers and repeats the trial, so its results stay the same.
            CellKind::Simulated => AfterContact::Recover,
            CellKind::XArm | CellKind::External => config.unattended.after_contact(&config.task),
        });
        connect(&trial.stop_switch(), interrupts, start);
        if is_real {
            trial.make_first_motion().map_err(FirstMotionError::from)?;
        }
        if let Some(drift) = config.camera.drift {
            let monitor = DriftMonitor::new(drift, Box::new(ChessboardFinder));
            trial =
                trial.with_drift_monitor(monitor.map_err(|error| error.within("camera.drift"))?);
        }
        Ok(Self { trial, world })
    }
}

/// Lets the switch of a cell end what its devices do, and that of `start` press it.
pub(crate) fn connect(switch: &StopSwitch, interrupts: Option<Interrupts>, start: &Start) {
    match interrupts {
        Some(Interrupts { robot, program, waiting }) => {
            robot.iter().for_each(|robot| stop_with(switch, robot));
            program.iter().for_each(|devices| devices.stop_with(switch));
            switch.pass_on_to(&waiting);
        }
        // A simulated motion has ended when the call that makes it returns.
        None => switch.on_press("the simulated arm", |_| Ok(())),
    }
    start.stop.pass_on_to(switch);
}

/// The parts of a real cell that a stop has to interrupt.
pub(crate) struct Interrupts {
    /// The xArm, which may be moving.
    robot: Option<Arc<Robot>>,
    /// The devices that the program brings.
    program: Option<Arc<dyn ExternalDevices>>,
    /// Ends a wait for the operator.
    waiting: StopSwitch,
}

/// The devices of a real cell, connected and set up, and what a stop has to interrupt. Before the operator permits
/// the first motion, this only reads from the arm. The caller has proven, or proves before each motion, that the arm reaches it.
pub(crate) fn real_devices(
    config: &RunConfig,
    envelope: &SafetyEnvelope,
    start: &Start,
) -> Result<(Devices, Interrupts), LaboratoryError> {
    let Surroundings { camera, mut operator, waiting, .. } = surroundings(config, start)?;
    let permitted = permission(config, envelope, operator.as_mut(), start)?;
    let robot = Arc::new(permitted.connect(config)?);
    let gripper =
        BioGripperDevice::connect(Arc::clone(&robot)).map_err(LaboratoryError::Gripper)?;
    let (gripper, arm) = (Box::new(gripper), Box::new(XArm::new(Arc::clone(&robot))));
    let interrupts = Interrupts { robot: Some(robot), program: start.devices.clone(), waiting };
    Ok((Devices { camera, arm, gripper, operator }, interrupts))
}

/// The devices of a cell whose arm and gripper the program brings, and what a stop has to interrupt. The operator has
/// permitted the first motion.
fn external_devices(
    config: &RunConfig,
    envelope: &SafetyEnvelope,
    start: &Start,
) -> Result<(Devices, Interrupts), LaboratoryError> {
    let Surroundings { camera, mut operator, waiting, robot } = surroundings(config, start)?;
    let missing = ExternalError::Missing { key: "cell.kind", device: "arm and gripper" };
    let (mut arm, gripper) = robot.ok_or(missing)?;
    permit(config, envelope, (arm.as_mut(), operator.as_mut()), start)?;
    let interrupts = Interrupts { robot: None, program: start.devices.clone(), waiting };
    Ok((Devices { camera, arm, gripper, operator }, interrupts))
}

/// What a real cell has beside an xArm.
struct Surroundings {
    camera: Box<dyn Camera>,
    operator: Box<dyn Operator>,
    /// Ends a wait for the operator.
    waiting: StopSwitch,
    /// The arm and the gripper that the program brings.
    robot: Option<(Box<dyn Arm>, Box<dyn Gripper>)>,
}

/// The camera, admitted by its calibration, and the operator.
fn surroundings(config: &RunConfig, start: &Start) -> Result<Surroundings, LaboratoryError> {
    config.check_live()?;
    // A resumed run checks this, too, because it may have paused for months.
    if !start.is_calibration {
        admit_configured(config, Timestamp::now())?;
    }
    if let Some(note) = config.unattended.contact_note(&config.task) {
        tracing::warn!("{note}");
    }
    let ExternalParts { robot, camera: brought, operator: brought_operator } =
        open_parts(config, start.devices.as_deref(), &start.stop, start.is_calibration)?;
    // The camera comes first: without it the arm has nothing to do.
    let camera = match brought {
        Some(brought) => brought.camera,
        None => camera(config)?,
    };
    let (operator, waiting) = match brought_operator {
        Some(operator) => (operator, StopSwitch::default()),
        None => operator(config, start)?,
    };
    Ok(Surroundings { camera, operator, waiting, robot })
}
