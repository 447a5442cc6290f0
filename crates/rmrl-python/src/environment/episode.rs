//! What an episode shows and what comes of it, whatever the task.

use std::sync::Arc;

use image::RgbImage;
use rmrl::rmrl_core::{Fault, PlacementError, PlanarPose, PoseAdjustment};
use rmrl::rmrl_sim::GroundTruth;

/// Attempts at an episode before it is given up, as in the training loop.
const MOST_ATTEMPTS: u32 = 5;

/// Episodes of one step: an observation, a correction, and what came of it.
pub trait Episodes: Send {
    /// Begins the next episode, in this scene or in the one that follows.
    ///
    /// # Errors
    /// The last of too many faults, or the first that needs a person.
    fn reset(&mut self, scene: Option<u32>) -> Result<Seen, EpisodeError>;

    /// Ends it with a correction of the pick. After a fault the same correction is tried again from the start of the next
    /// attempt.
    ///
    /// # Errors
    /// As [`Self::reset`], and where no episode has begun.
    fn step(&mut self, action: PoseAdjustment) -> Result<Stepped, EpisodeError>;
}

/// What an episode begins with.
pub struct Seen {
    /// What the camera sees.
    pub image: Arc<RgbImage>,
    /// The pose of the plate as localized in it, world frame.
    pub pose: PlanarPose,
    /// Which episode, counted from 1 since the start.
    pub trial: u32,
    /// Its scene.
    pub scene: u32,
    /// The faults of the attempts before, in words.
    pub faults: Vec<String>,
}

/// What came of an episode.
pub struct Stepped {
    /// What the camera saw last: after placing, or after a grasp that missed, or before it where it did not look again.
    pub image: Arc<RgbImage>,
    /// The pose of the plate where it was localized last, world frame.
    pub pose: PlanarPose,
    /// The reward of Eq. 11; 0 where nothing was placed.
    pub reward: f64,
    /// Which episode.
    pub trial: u32,
    /// Its scene.
    pub scene: u32,
    /// `placed`, or why not.
    pub outcome: String,
    /// Why nothing was placed, in words; empty where the outcome says it.
    pub reason: String,
    /// The correction that was made.
    pub action: PoseAdjustment,
    /// By how much it was off, as far as the placement tells: the right one is it minus this.
    pub deviation: Option<PoseAdjustment>,
    /// Where the jaws closed, or were to close, as commanded.
    pub pick_pose: Option<PlanarPose>,
    /// Where the camera saw the placed plate.
    pub final_pose: Option<PlanarPose>,
    /// Where it would have seen one that lies right.
    pub target_pose: PlanarPose,
    /// The measured errors of the placed plate.
    pub error: Option<PlacementError>,
    /// Whether the placed plate sits in its place, as measured.
    pub seated: bool,
    /// The true errors of the placed plate.
    pub truth: Option<Truth>,
    /// The faults of the attempts before, in words.
    pub faults: Vec<String>,
}

/// The true errors of a placed plate.
#[derive(Debug, Clone, Copy)]
pub struct Truth {
    /// The translation error, in meters.
    pub e_trans_m: f64,
    /// The yaw error without its sign, in radians.
    pub yaw_error_rad: f64,
    /// Whether it sits in its place.
    pub seated: bool,
}

impl From<GroundTruth> for Truth {
    fn from(truth: GroundTruth) -> Self {
        Self {
            e_trans_m: truth.e_trans_m(),
            yaw_error_rad: truth.yaw_error_rad().abs(),
            seated: truth.seated,
        }
    }
}

/// By how much the action of a pick was off, if the plate lies `along_m` off its target along the fingers: the right one, as
/// hindsight labels it, is the action minus this.
///
/// Along the fingers, by how much the plate lies off its target shows by how much the action was off. Across them the closing
/// jaws center the plate, and they turn it parallel, whatever the action was: the right correction there is none.
pub fn deviation_of_pick(
    along_m: f64,
    action: PoseAdjustment,
    pick_yaw_rad: f64,
) -> PoseAdjustment {
    let done = action.rotated(-pick_yaw_rad);
    // a* = a + R(ψ_pick - ψ_target) d, in the frame of the jaws; across them and in yaw a* is 0.
    PoseAdjustment { dx_m: -along_m, dy_m: done.dy_m, dyaw_rad: action.dyaw_rad }
        .rotated(pick_yaw_rad)
}

/// Why an episode could not be made.
#[derive(Debug, thiserror::Error)]
pub enum EpisodeError {
    /// An attempt failed for a reason that says nothing about the action.
    #[error(transparent)]
    Fault(#[from] Fault),
    /// The cell cannot be assembled.
    #[error(transparent)]
    Laboratory(#[from] rmrl::LaboratoryError),
    /// Its trial cannot be set up.
    #[error(transparent)]
    Cell(rmrl::rmrl_cell::CellError),
    /// There is no thread for it.
    #[error("the cell gets no thread: {0}")]
    Thread(#[from] rayon::ThreadPoolBuildError),
    /// A laboratory cannot be assembled.
    #[error(transparent)]
    Transfers(#[from] rmrl::TransferCellError),
    /// A transfer is refused.
    #[error(transparent)]
    Transfer(#[from] rmrl::rmrl_transfer::TransferError),
    /// Its inventory cannot be written.
    #[error(transparent)]
    Inventory(#[from] rmrl::rmrl_inventory::InventoryError),
    /// An item has no name.
    #[error(transparent)]
    Item(#[from] rmrl::rmrl_inventory::ItemError),
    /// The simulated person cannot put an item there.
    #[error(transparent)]
    Person(#[from] rmrl::rmrl_sim::LaboratoryError),
    /// There is no folder for its inventory.
    #[error("no folder for the inventory of a simulated laboratory: {0}")]
    Folder(#[from] std::io::Error),
    /// A step without a reset before it.
    #[error("no episode has begun: call `reset` first")]
    NotBegun,
}

/// The faults of an episode's attempts so far.
#[derive(Debug, Default)]
pub struct Attempts {
    faults: Vec<Fault>,
}

impl Attempts {
    /// The attempt that is made now, counted from 1.
    pub fn number(&self) -> u32 {
        self.faults.len() as u32 + 1
    }

    /// Notes a fault, after which another attempt is made.
    ///
    /// # Errors
    /// The fault: it needs a person, or was the last attempt's.
    pub fn repeat_after(&mut self, fault: Fault) -> Result<(), Fault> {
        if fault.kind.needs_operator() || self.number() >= MOST_ATTEMPTS {
            return Err(fault);
        }
        self.faults.push(fault);
        Ok(())
    }

    /// The faults so far in words, oldest first.
    pub fn in_words(&self) -> Vec<String> {
        self.faults.iter().map(ToString::to_string).collect()
    }
}
