//! A work cell, assembled from a configuration.

use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use rmrl_calibration::ChessboardFinder;
use rmrl_cell::{
    AfterContact, Camera, CellError, DeviceError, Devices, DriftWatch, PickPlace,
    RecordedCamera, SafetyEnvelope, StopSwitch, Task,
};
use rmrl_core::{InvalidKey, PlanarPose};
use rmrl_grounded_sam::{GroundedSamError, GroundingDino, SegmentAnything};
use rmrl_sim::{
    GraspTruth, GroundTruth, SimulatedCell, SimulationConfigError, TableBoard, WorldState,
};
use rmrl_vision::{
    CameraFile, CameraFileError, CameraModel, ColorThresholdDetector, ColorThresholdSegmenter,
    Detector, Localizer, LocalizerConfigError, Recording, RecordingError, Segmenter,
};

use rmrl_xarm::{BioGripperDevice, Robot, XArm, XArmError};

use crate::cell::calibration_gate::{CalibrationRefused, admit_configured};
use crate::cell::first_motion::{FirstMotionError, Start, operator, permission, stop_with};
use crate::cell::reachability::{PreflightError, prove_reach};
use crate::cell::remote::DistantCamera;
use crate::config::{
    CameraSource, CellKind, ConfigError, DetectorName, RunConfig, SegmenterName, VisionConfig,
};

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
    /// The limits of safety, or of the camera's drift.
    #[error(transparent)]
    Config(#[from] InvalidKey),
    /// A real arm would not get everywhere.
    #[error("before anything moves")]
    Reach(#[from] PreflightError),
    /// The arm may not, or cannot, make its first motion.
    #[error(transparent)]
    FirstMotion(#[from] FirstMotionError),
    /// The gripper.
    #[error("the gripper cannot be used")]
    Gripper(#[source] XArmError),
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
    /// As [`Self::start`].
    pub fn assemble(config: &RunConfig, seed: u64) -> Result<Self, LaboratoryError> {
        Self::start(config, seed, &Start::default())
    }

    /// The same by whoever starts it. The arm of a real cell then stands at home: its operator was asked, and
    /// that was its first motion.
    ///
    /// # Errors
    /// The configuration makes no cell, a device does not answer, a real arm would not get everywhere or may not
    /// move, or a real camera's calibration is not known to be good enough now.
    pub fn start(config: &RunConfig, seed: u64, start: &Start) -> Result<Self, LaboratoryError> {
        // Models are read before the arm is touched: what is missing among them stops nothing.
        let localizer = localizer(&config.vision)?;
        let envelope = SafetyEnvelope::new(config.safety)?;
        let (devices, world, on_stop) = match config.cell.kind {
            CellKind::Simulated => {
                let cell = simulated_cell(config, seed)?;
                (cell.devices(), World::Simulated(cell), None)
            }
            CellKind::XArm => {
                prove_reach(config)?;
                config.check_live()?;
                // Also where a run goes on: months may lie between.
                admit_configured(config, Timestamp::now())?;
                if let Some(note) = config.unattended.contact_note(&config.task) {
                    tracing::warn!("{note}");
                }
                let (devices, on_stop) = real_devices(config, &envelope, start)?;
                (devices, World::Real, Some(on_stop))
            }
        };
        let is_real = on_stop.is_some();
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
            CellKind::XArm => config.unattended.after_contact(&config.task),
        });
        let switch = trial.stop_switch();
        match on_stop {
            Some(OnStop { robot, waiting }) => {
                stop_with(&switch, &robot);
                switch.pass_on_to(&waiting);
            }
            // Its motions have ended when the call returns that makes them.
            None => switch.on_press("the simulated arm", |_| Ok(())),
        }
        start.stop.pass_on_to(&switch);
        if is_real {
            trial.make_first_motion().map_err(FirstMotionError::from)?;
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
    robot: Arc<Robot>,
    /// Somebody may be waited for.
    waiting: StopSwitch,
}

/// The devices of a real cell, connected and set up, and what of them a stop has to reach. Until its operator
/// has let the arm move, the arm is only looked at.
fn real_devices(
    config: &RunConfig,
    envelope: &SafetyEnvelope,
    start: &Start,
) -> Result<(Devices, OnStop), LaboratoryError> {
    // The camera first: without it the arm has nothing to do.
    let camera = camera(config)?;
    let (mut operator, waiting) = operator(config, start)?;
    let permitted = permission(config, envelope, operator.as_mut(), start)?;
    let robot = Arc::new(permitted.connect(config)?);
    let gripper =
        BioGripperDevice::connect(Arc::clone(&robot)).map_err(LaboratoryError::Gripper)?;
    let (gripper, arm) = (Box::new(gripper), Box::new(XArm::new(Arc::clone(&robot))));
    Ok((Devices { camera, arm, gripper, operator }, OnStop { robot, waiting }))
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
            CellKind::XArm => Self::Real,
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
