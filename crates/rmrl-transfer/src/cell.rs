//! A cell that transfers: its devices, its places, and what it remembers.

use std::path::PathBuf;
use std::sync::Arc;

use image::RgbImage;
use jiff::Timestamp;
use rmrl_belief::Prior;
use rmrl_cell::{
    AfterContact, Devices, GuardedArm, MotionError, Operator, Recovery, SafetyConfig,
    SafetyEnvelope, SiteCamera, SiteManipulator, StopSwitch, ToolPose,
};
use rmrl_core::{PictureReader, PlanarPose};
use rmrl_files::read_regular_file;
use rmrl_inventory::Inventory;
use rmrl_labware::Jaws;
use rmrl_vision::Localizer;

use crate::error::TransferError;
use crate::job::SitePlan;
use crate::knowledge::Knowledge;
use crate::log::TransferLog;
use crate::policies::{KeepTrials, Policies};
use crate::progress::Watcher;
use crate::ways::Ways;

/// The largest file of what is known, in bytes.
const MOST_BYTES: u64 = 16 << 20;

/// How a cell transfers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TransferSettings {
    /// How often a plate is carried about before the first transfer that needs the camera. 0 leaves it out.
    pub carries: usize,
    /// How far the jaws can be apart: what a measured width is compared with.
    pub jaws: Jaws,
    /// What is known of camera and tool before anything was seen.
    pub prior: Prior,
    /// The largest correction of a taught pose, in meters. One that is larger is an error somewhere.
    pub max_correction_m: f64,
}

impl Default for TransferSettings {
    fn default() -> Self {
        Self {
            carries: 6,
            jaws: Jaws { closed_m: 0.071, open_m: 0.150 },
            prior: Prior::default(),
            max_correction_m: 0.025,
        }
    }
}

/// What a cell consists of.
pub struct CellParts {
    /// Camera, arm, gripper, and the operator beside them.
    pub devices: Devices,
    /// The limits of every motion.
    pub safety: SafetyConfig,
    /// Finds plates in frames.
    pub localizer: Localizer,
    /// The sites and the labware.
    pub plan: SitePlan,
    /// Proves that motions are clear.
    pub ways: Box<dyn Ways>,
    /// What lies where.
    pub inventory: Inventory,
    /// The file of what is known of how things lie. It need not exist.
    pub knowledge: PathBuf,
    /// The file of transfers whose error was measured. It need not exist.
    pub log: PathBuf,
    /// How transfers are made.
    pub settings: TransferSettings,
    /// The time of events.
    pub clock: Box<dyn Fn() -> Timestamp + Send>,
}

/// A cell that transfers labware between its sites.
///
/// Its methods say what happened and never panic where a device fails. Each change of what lies where is on disk before the
/// motion that it announces.
pub struct TransferCell {
    pub(crate) plan: SitePlan,
    pub(crate) manipulator: SiteManipulator,
    pub(crate) camera: SiteCamera,
    pub(crate) operator: Box<dyn Operator>,
    pub(crate) ways: Box<dyn Ways>,
    pub(crate) inventory: Inventory,
    pub(crate) knowledge: Knowledge,
    pub(crate) settings: TransferSettings,
    pub(crate) log: TransferLog,
    /// Says by how much the localizer errs, if anything does.
    pub(crate) reader: Option<Box<dyn PictureReader>>,
    pub(crate) last_image: Option<Arc<RgbImage>>,
    /// The trained policies, if it has any.
    pub(crate) policies: Option<Policies>,
    /// Keeps the trials that transfers were, if anything does.
    pub(crate) trials: Option<Box<dyn KeepTrials>>,
    /// Receives what transfers report, if anything does.
    pub(crate) watcher: Option<Watcher>,
    knowledge_file: PathBuf,
    clock: Box<dyn Fn() -> Timestamp + Send>,
}

impl TransferCell {
    /// A cell of these parts. Nothing moves yet.
    ///
    /// # Errors
    /// Limits of the workspace are invalid, or the log cannot be read.
    pub fn new(parts: CellParts) -> Result<Self, TransferError> {
        let CellParts { devices, safety, localizer, plan, ways, inventory, settings, .. } = parts;
        let Devices { camera, arm, gripper, operator } = devices;
        let guarded = GuardedArm::new(arm, SafetyEnvelope::new(safety)?);
        let manipulator = SiteManipulator::new(guarded, gripper, &plan.task);
        let camera = SiteCamera::new(camera, localizer, manipulator.stop_switch().clone());
        let middle = plan.task.start.center();
        let knowledge = read_knowledge(&parts.knowledge, settings.prior, middle);
        Ok(Self {
            plan,
            manipulator,
            camera,
            operator,
            ways,
            inventory,
            knowledge,
            settings,
            log: TransferLog::open(&parts.log)?,
            reader: None,
            last_image: None,
            policies: None,
            trials: None,
            watcher: None,
            knowledge_file: parts.knowledge,
            clock: parts.clock,
        })
    }

    /// The switch that stops this cell. A driver that can end a motion under way registers here how.
    pub fn stop_switch(&self) -> StopSwitch {
        self.manipulator.stop_switch().clone()
    }

    /// Sets how lost devices are tried again before a transfer.
    pub fn recover_by(&mut self, recovery: Recovery) {
        self.manipulator.recover_by(recovery);
        self.camera.recover_by(recovery);
    }

    /// Sets what follows on contact where none is expected. By default an operator has to look.
    pub fn after_contact(&mut self, after: AfterContact) {
        self.manipulator.after_contact(after);
    }

    /// Lets `reader` say of each look at a plate by how much the localizer errs.
    pub fn read_pictures_by(&mut self, reader: Box<dyn PictureReader>) {
        self.reader = Some(reader);
    }

    /// Lets trained policies correct, where they are offered and the belief has nothing against it.
    pub fn correct_by(&mut self, policies: Policies) {
        self.policies = Some(policies);
    }

    /// The trained policies, if it has any.
    pub fn policies(&self) -> Option<&Policies> {
        self.policies.as_ref()
    }

    /// The trained policies, to change which of them work.
    pub fn policies_mut(&mut self) -> Option<&mut Policies> {
        self.policies.as_mut()
    }

    /// Lets `trials` keep each transfer whose outcome the camera saw, for policies to learn from.
    pub fn keep_trials_by(&mut self, trials: Box<dyn KeepTrials>) {
        self.trials = Some(trials);
    }

    /// The sites and the labware.
    pub fn plan(&self) -> &SitePlan {
        &self.plan
    }

    /// What lies where.
    pub fn inventory(&self) -> &Inventory {
        &self.inventory
    }

    /// What lies where, to say what a person has done.
    pub fn inventory_mut(&mut self) -> &mut Inventory {
        &mut self.inventory
    }

    /// What the camera saw last, for people.
    pub fn last_image(&self) -> Option<Arc<RgbImage>> {
        self.last_image.clone()
    }

    /// What is known of how things lie.
    pub fn knowledge(&self) -> &Knowledge {
        &self.knowledge
    }

    /// Where the tool is.
    ///
    /// # Errors
    /// The arm failed.
    pub fn tool_pose(&mut self) -> Result<ToolPose, MotionError> {
        self.manipulator.pose()
    }

    pub(crate) fn now(&self) -> Timestamp {
        (self.clock)()
    }

    /// Writes what is known of how things lie. Without it the next program looks and carries again: no transfer fails of it.
    pub(crate) fn save_knowledge(&self) {
        let text = self.knowledge.to_json();
        let written = rmrl_files::write_atomically(&self.knowledge_file, text.as_bytes());
        if let Err(error) = written {
            tracing::warn!("cannot write {}: {error}", self.knowledge_file.display());
        }
    }

    /// Clears earlier faults, and moves the tool out of the camera's view. A tool that stands in a slot with a front leaves it
    /// backwards first.
    ///
    /// # Errors
    /// The jaws hold something of which the inventory knows nothing, so that nobody knows how to move it. A motion was refused or
    /// is not proven to be clear, or a device failed.
    pub fn come_home(&mut self) -> Result<(), ComeHomeError> {
        self.manipulator.recover()?;
        if self.manipulator.holds_object()? && self.held_now().is_none() {
            return Err(ComeHomeError::HoldsUnknown);
        }
        self.get_out_of_view()
    }
}

/// Why the tool did not come home.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ComeHomeError {
    /// A motion was refused, or a device failed.
    #[error(transparent)]
    Motion(#[from] MotionError),
    /// The jaws hold something of which the inventory, or the labware of the configuration, says nothing.
    #[error("the jaws hold something of which the inventory knows nothing")]
    HoldsUnknown,
    /// No way home is proven to be clear.
    #[error("no clear way home: {0}")]
    NotClear(String),
}

/// What a file says that is known. One that is missing or damaged says nothing: the cell looks and carries again.
fn read_knowledge(file: &std::path::Path, prior: Prior, middle: PlanarPose) -> Knowledge {
    let nothing = || Knowledge::nothing(prior, middle);
    let bytes = match read_regular_file(file, MOST_BYTES) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return nothing(),
        Err(error) => {
            tracing::warn!("cannot read {}: {error}; the cell learns again", file.display());
            return nothing();
        }
    };
    let text = String::from_utf8_lossy(&bytes);
    Knowledge::of_json(&text, prior, middle).unwrap_or_else(|reason| {
        tracing::warn!("{} says nothing: {reason}; the cell learns again", file.display());
        nothing()
    })
}
