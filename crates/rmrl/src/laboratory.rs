//! A work cell, assembled from a configuration.

use std::path::Path;
use std::sync::{Arc, Weak};

use jiff::Timestamp;
use rmrl_calibration::ChessboardFinder;
use rmrl_cell::{
    AfterContact, Camera, CellError, DeviceError, Devices, DriftConfigError, DriftWatch, Operator,
    PickPlace, RecordedCamera, SafetyConfigError, SafetyEnvelope, StopSwitch, Task,
};
use rmrl_core::PlanarPose;
use rmrl_grounded_sam::{GroundedSamError, GroundingDino, SegmentAnything};
use rmrl_sim::{
    GraspTruth, GroundTruth, SimulatedCell, SimulationConfigError, TableBoard, WorldState,
};
use rmrl_vision::{
    CameraFile, CameraFileError, CameraModel, ColorThresholdDetector, ColorThresholdSegmenter,
    Detector, Localizer, LocalizerConfigError, Recording, RecordingError, Segmenter,
};

use rmrl_xarm::{BioGripperDevice, Inspector, Robot, XArm, XArmError};

use crate::calibration_gate::{CalibrationRefused, admit_configured};
use crate::config::{
    CameraSource, CellKind, ConfigError, DetectorName, PersonName, RunConfig, SegmenterName,
    VisionConfig,
};
use crate::distant::{DistantCamera, DistantPerson};
use crate::person::TerminalPerson;
use crate::preflight::{PreflightError, StanceError, prove_reach, prove_way_home};

/// Why a cell could not be assembled.
#[derive(Debug, thiserror::Error)]
pub enum LaboratoryError {
    /// The simulation's configuration.
    #[error(transparent)]
    Simulation(#[from] SimulationConfigError),
    /// The camera's file.
    #[error(transparent)]
    Camera(#[from] CameraFileError),
    /// A camera that shows nothing of what the arm does.
    #[error(transparent)]
    Recorded(#[from] ConfigError),
    /// The recording that takes a camera's place.
    #[error("camera.recording")]
    Recording(#[from] RecordingError),
    /// The camera of a real cell has no calibration that is good enough.
    #[error(transparent)]
    Calibration(#[from] CalibrationRefused),
    /// The watch over the camera.
    #[error("camera.drift.{0}")]
    Drift(#[from] DriftConfigError),
    /// The safety envelope's configuration.
    #[error(transparent)]
    Safety(#[from] SafetyConfigError),
    /// A real arm would not get everywhere.
    #[error("before anything moves")]
    Reach(#[from] PreflightError),
    /// The arm stands where it cannot begin.
    #[error("before anything moves")]
    Stance(#[from] StanceError),
    /// The arm or its gripper.
    #[error("the arm cannot be used")]
    XArm(#[from] XArmError),
    /// The camera.
    #[error("the camera cannot be used")]
    CameraDevice(#[source] DeviceError),
    /// A camera that this program was built without.
    #[error(
        "camera.source is \"realsense\", and this rmrl was built without: install librealsense2 and build it \
         with `cargo build --release --features realsense` (docs/realsense.md)"
    )]
    WithoutRealSense,
    /// The localiser.
    #[error(transparent)]
    Localizer(#[from] LocalizerError),
    /// The task's or the reward's.
    #[error(transparent)]
    Cell(#[from] CellError),
}

/// A cell with the trial that runs on it.
pub struct Laboratory {
    /// The trial.
    pub trial: PickPlace,
    /// What lies behind its devices.
    pub world: World,
}

/// What lies behind a cell's devices, as far as software can know it.
#[derive(Clone)]
pub enum World {
    /// A simulation, which knows the truth and has to be remembered.
    Simulated(SimulatedCell),
    /// A laboratory, or an emulated one in another program: nobody knows its truth.
    Real,
}

impl Laboratory {
    /// Assembles the configured cell. `seed` decides where plates start, and the noise of simulated
    /// devices.
    ///
    /// # Errors
    /// The configuration makes no cell, a device does not answer, a real arm would not get everywhere, or a
    /// real camera's calibration is not known to be good enough now.
    pub fn assemble(config: &RunConfig, seed: u64) -> Result<Self, LaboratoryError> {
        // Models are read before the arm is touched: what is missing among them stops nothing.
        let localizer = localizer(&config.vision)?;
        let envelope = SafetyEnvelope::new(config.safety)?;
        let (devices, world, on_stop) = match config.cell.kind {
            CellKind::Simulated => {
                let cell = simulated_cell(config, seed)?;
                (cell.devices(), World::Simulated(cell), None)
            }
            CellKind::XArm6 => {
                prove_reach(config)?;
                config.check_live()?;
                // Also where a run goes on: months may lie between.
                admit_configured(config, Timestamp::now())?;
                if let Some(note) = config.unattended.contact_note(&config.task) {
                    tracing::warn!("{note}");
                }
                let (devices, on_stop) = real_devices(config, &envelope)?;
                (devices, World::Real, Some(on_stop))
            }
        };
        let mut trial = PickPlace::new(
            devices,
            envelope,
            localizer,
            Task { config: config.task.clone(), placement_seed: seed },
            config.reward,
        )?;
        trial.after_contact(match config.cell.kind {
            // Nobody can be hurt in a simulation: it recovers and repeats, so that its results stay what they are.
            CellKind::Simulated => AfterContact::Recover,
            CellKind::XArm6 => config.unattended.after_contact(&config.task),
        });
        if let Some(on_stop) = on_stop {
            on_stop.register(&trial.stop_switch());
        }
        if let Some(drift) = config.camera.drift {
            trial = trial.watching(DriftWatch::new(drift, Box::new(ChessboardFinder))?);
        }
        Ok(Self { trial, world })
    }
}

/// The simulated cell of a configuration, whatever `cell.kind` it names. `seed` decides where plates start,
/// and the noise of the devices.
///
/// # Errors
/// The configuration makes no cell, or its camera's file is none.
pub fn simulated_cell(config: &RunConfig, seed: u64) -> Result<SimulatedCell, LaboratoryError> {
    let mut simulation = config.simulation;
    if let (None, Some(drift)) = (simulation.board, config.camera.drift) {
        simulation.board = Some(TableBoard::beside_workspace(drift.board));
    }
    let cell_seed = u64::from(config.cell_seed());
    let cell = SimulatedCell::new(&simulation, &config.task, cell_seed, seed)?;
    if let Some(path) = &config.camera.calibration {
        cell.calibrate(CameraFile::read(path)?.overhead(path)?)?;
    }
    Ok(cell)
}

/// What of a real cell is to be stopped in the middle of something.
struct OnStop {
    /// It may be in motion.
    robot: Weak<Robot>,
    /// Somebody may be waited for.
    waiting: StopSwitch,
}

impl OnStop {
    fn register(self, switch: &StopSwitch) {
        let Self { robot, waiting } = self;
        switch.on_press(move |_| stop_motion(&robot));
        switch.on_press(move |stopped| waiting.press(&stopped.by));
    }
}

/// The devices of a real cell, connected and set up, and what of them a stop has to reach.
fn real_devices(
    config: &RunConfig,
    envelope: &SafetyEnvelope,
) -> Result<(Devices, OnStop), LaboratoryError> {
    // The camera first: without it the arm has nothing to do.
    let camera = camera(config)?;
    let (operator, waiting): (Box<dyn Operator>, StopSwitch) = match config.cell.person {
        PersonName::Terminal => {
            let person = TerminalPerson::default();
            let waiting = person.stop_switch().clone();
            (Box::new(person), waiting)
        }
        PersonName::Distant => {
            let person = DistantPerson::new(&config.distant);
            let waiting = person.stop_switch().clone();
            (Box::new(person), waiting)
        }
    };
    let robot = Arc::new(Robot::connect(config.xarm.clone())?);
    // It may have been led by hand since. It has the configured tool offset by now.
    let mut arm = Inspector::connect(config.xarm.clone())?;
    let (tool, joints) = (arm.tool(None)?, arm.joints()?);
    prove_way_home(config, envelope, &tool, &joints)?;
    let on_stop = OnStop { robot: Arc::downgrade(&robot), waiting };
    let gripper = Box::new(BioGripperDevice::connect(Arc::clone(&robot))?);
    let arm = Box::new(XArm::new(robot));
    Ok((Devices { camera, arm, gripper, operator }, on_stop))
}

/// Ends the motion under way, over a link of its own.
fn stop_motion(robot: &Weak<Robot>) {
    if let Some(robot) = robot.upgrade()
        && let Err(error) = robot.stop()
    {
        tracing::error!("the arm may go on to the end of its line: {error}; use the red button");
    }
}

/// The camera of a real cell.
///
/// # Errors
/// Its file is none, or it does not answer.
pub fn camera(config: &RunConfig) -> Result<Box<dyn Camera>, LaboratoryError> {
    let calibrated = match &config.camera.calibration {
        Some(path) => Some(CameraFile::read(path)?.overhead(path)?),
        None => None,
    };
    match config.camera.source {
        CameraSource::Realsense => realsense(config, calibrated),
        CameraSource::Distant => DistantCamera::connect(&config.distant, calibrated)
            .map(|camera| Box::new(camera) as Box<dyn Camera>)
            .map_err(LaboratoryError::CameraDevice),
        CameraSource::Recorded => {
            let root = config.camera.recording.as_deref().unwrap_or(Path::new("."));
            Ok(Box::new(RecordedCamera::new(Recording::open(root)?, calibrated)))
        }
        CameraSource::Simulated => {
            Ok(Box::new(simulated_cell(config, u64::from(config.seed))?) as Box<dyn Camera>)
        }
    }
}

#[cfg(not(feature = "realsense"))]
fn realsense(_: &RunConfig, _: Option<CameraModel>) -> Result<Box<dyn Camera>, LaboratoryError> {
    Err(LaboratoryError::WithoutRealSense)
}

#[cfg(feature = "realsense")]
fn realsense(
    config: &RunConfig,
    calibrated: Option<CameraModel>,
) -> Result<Box<dyn Camera>, LaboratoryError> {
    let opened = rmrl_realsense::RealSenseCamera::open(
        config.camera.realsense.clone(),
        calibrated.map(|camera| camera.world_from_camera).unwrap_or_default(),
        calibrated.map(|camera| camera.intrinsics),
    );
    opened.map(|camera| Box::new(camera) as Box<dyn Camera>).map_err(LaboratoryError::CameraDevice)
}

/// Why the configured localiser cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum LocalizerError {
    /// A value it cannot work with.
    #[error("vision.localizer.{0}")]
    Config(#[from] LocalizerConfigError),
    /// A model's files.
    #[error("vision.{key}")]
    Model {
        /// The section that names them.
        key: &'static str,
        /// What is wrong with them.
        #[source]
        source: GroundedSamError,
    },
}

/// The configured localiser, with its models loaded.
///
/// # Errors
/// A value it cannot work with, or a model whose files are missing or none.
pub fn localizer(config: &VisionConfig) -> Result<Localizer, LocalizerError> {
    let in_section = |key| move |source| LocalizerError::Model { key, source };
    let detector: Box<dyn Detector> = match config.detector {
        DetectorName::Color => Box::new(ColorThresholdDetector::new(config.color)),
        DetectorName::GroundingDino => Box::new(
            GroundingDino::open(config.grounding_dino.clone())
                .map_err(in_section("grounding_dino"))?,
        ),
    };
    let segmenter: Box<dyn Segmenter> = match config.segmenter {
        SegmenterName::Color => Box::new(ColorThresholdSegmenter::new(config.color)),
        SegmenterName::SegmentAnything => Box::new(
            SegmentAnything::open(config.segment_anything.clone())
                .map_err(in_section("segment_anything"))?,
        ),
    };
    Ok(Localizer::new(config.localizer, detector, segmenter)?)
}

impl World {
    /// What lies behind the devices of a configuration, without any of them. `seed` is the laboratory's.
    ///
    /// # Errors
    /// A simulated cell that cannot be.
    pub fn of(config: &RunConfig, seed: u64) -> Result<Self, LaboratoryError> {
        Ok(match config.cell.kind {
            CellKind::Simulated => Self::Simulated(simulated_cell(config, seed)?),
            CellKind::XArm6 => Self::Real,
        })
    }

    /// The plate as it truly lies, where that can be known.
    pub fn truth(&self) -> Option<GroundTruth> {
        match self {
            Self::Simulated(cell) => Some(cell.truth()),
            Self::Real => None,
        }
    }

    /// Where the arm would have to pick, where that can be known.
    pub fn best_pick(&self) -> Option<PlanarPose> {
        self.truth().map(|truth| truth.best_pick)
    }

    /// The camera as it truly hangs, where that can be known.
    pub fn true_camera(&self) -> Option<CameraModel> {
        match self {
            Self::Simulated(cell) => Some(cell.true_camera()),
            Self::Real => None,
        }
    }

    /// The true tool in the frame of the configured one, where that can be known.
    pub fn tool_from_configured(&self) -> Option<PlanarPose> {
        match self {
            Self::Simulated(cell) => Some(cell.tool_from_configured()),
            Self::Real => None,
        }
    }

    /// What the last grasp truly did, where that can be known.
    pub fn grasp(&self) -> Option<GraspTruth> {
        match self {
            Self::Simulated(cell) => cell.grasp(),
            Self::Real => None,
        }
    }

    /// The truth at each picture of the last trial, oldest first.
    pub fn pictured(&self) -> Vec<GroundTruth> {
        match self {
            Self::Simulated(cell) => cell.pictured(),
            Self::Real => Vec::new(),
        }
    }

    /// What has to be kept for a later process to find the world as it is. A real one keeps itself.
    pub fn remember(&self) -> Option<WorldState> {
        match self {
            Self::Simulated(cell) => Some(cell.remember()),
            Self::Real => None,
        }
    }

    /// Puts the world back as it was when remembered.
    pub fn restore(&self, state: WorldState) {
        match self {
            Self::Simulated(cell) => cell.restore(state),
            Self::Real => {}
        }
    }
}
