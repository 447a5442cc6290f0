//! Transfers in a simulated laboratory: a plate from one site to another, and a lid off its plate or onto it.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use image::RgbImage;
use jiff::Timestamp;
use rmrl::rmrl_core::{
    Fault, FaultKind, InvalidKey, Observation, PlacementError, PlanarPose, PoseAdjustment,
    RewardFunction, random_stream, standard_normal,
};
use rmrl::rmrl_inventory::{Inventory, Item, ItemId, Place, SlotAddress, StatedBy};
use rmrl::rmrl_sim::{SimulatedCell, SlotError};
use rmrl::rmrl_transfer::{
    Ending, LID_SEATING_DEG, LID_SEATING_M, LeftAt, LookError, Request, TransferCell, TransferError,
};
use rmrl::{ConfigError, Layers, Places, RunConfig, open_simulated_laboratory};
use tempfile::TempDir;

use super::episode::{Attempts, EpisodeError, Episodes, Seen, Stepped, Truth, deviation_of_pick};

/// The laboratory that a transfer is made in, if the configuration changes nothing of it.
const LABORATORY: &str = include_str!("../../../../configs/laboratory.toml");
const PLATE: &str = "plate";
/// How exactly people put a plate into a slot: standard deviations in meters and degrees, as in a simulated laboratory.
const BY_HAND_M: f64 = 0.002;
const BY_HAND_DEG: f64 = 1.0;

/// What an episode moves, and from where to where.
#[derive(Debug, Clone)]
pub struct Task {
    what: What,
    from: SlotAddress,
    to: SlotAddress,
    places: Places,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    Plate,
    LidOff,
    LidOn,
}

impl What {
    /// The labware of the plate.
    fn labware(self) -> &'static str {
        if self == Self::Plate { "96-well" } else { "96-well-with-lid" }
    }
}

impl Task {
    /// The task `what`, `"plate"`, `"lid off"` or `"lid on"`, between two slots, with the configuration that assignments make of
    /// the laboratory.
    ///
    /// # Errors
    /// The first key, slot or word that is invalid.
    pub fn read(
        (what, from, to): (&str, &str, &str),
        assignments: &[String],
    ) -> Result<(Self, RunConfig), ConfigError> {
        let what = match what {
            "plate" => What::Plate,
            "lid off" => What::LidOff,
            "lid on" => What::LidOn,
            other => return Err(invalid("task", other, "plate, lid off or lid on")),
        };
        let [from, to] = [("start", from), ("target", to)].map(|(key, slot)| {
            slot.parse::<SlotAddress>().map_err(|error| invalid(key, slot, &error.to_string()))
        });
        let (from, to) = (from?, to?);
        let lies_in = if what == What::LidOn { &to } else { &from };
        let (labware, has_lid) = (what.labware(), what != What::Plate);
        let item = format!(
            "simulated_laboratory.items=[{{ id = \"{PLATE}\", labware = \"{labware}\", slot = \"{lies_in}\", has_lid = {has_lid} }}]"
        );
        let layers = Layers::default().with_text("laboratory.toml", LABORATORY)?;
        let layers = layers.with_assignment(&item)?;
        let layers = assignments.iter().try_fold(layers, |all, one| all.with_assignment(one))?;
        let task = Self { what, from, to, places: layers.places()? };
        for (key, slot) in [("start", &task.from), ("target", &task.to)] {
            let found = task.places.slot(slot);
            let (site, _) = found.map_err(|error| invalid(key, slot, &error.to_string()))?;
            if slot == task.slot_of_plate() && !site.is_seen {
                let expected = "a slot that the camera sees (is_seen), such as bench";
                return Err(invalid(key, slot, expected));
            }
        }
        if task.from == task.to {
            return Err(invalid("target", &task.to, "another slot than the start"));
        }
        Ok((task, layers.resolve()?))
    }

    /// Where the plate lies that the camera looks at.
    fn slot_of_plate(&self) -> &SlotAddress {
        if self.what == What::LidOn { &self.to } else { &self.from }
    }

    fn request(&self) -> Request {
        let (from, to) = (self.from.clone(), self.to.clone());
        match self.what {
            What::Plate => Request::Move { from: Place::Slot(from), to },
            What::LidOff => Request::Unlid { from, to },
            What::LidOn => Request::Relid { from: Place::Slot(from), to },
        }
    }

    /// The item that is moved.
    fn moved(&self) -> String {
        if self.what == What::Plate { PLATE.to_string() } else { lid() }
    }

    /// The pose of the tool in a slot, as taught.
    fn tool(&self, slot: &SlotAddress) -> PlanarPose {
        self.places.slot(slot).map(|(_, slot)| slot.tool).unwrap_or_default()
    }

    /// Within how many meters and degrees it sits.
    fn seating(&self) -> (f64, f64) {
        if self.what == What::LidOn {
            return (LID_SEATING_M, LID_SEATING_DEG);
        }
        let seating = self.places.slot(&self.to).map(|(site, _)| site.seating);
        seating.map_or((0.0, 0.0), |seating| (seating.translation_m, seating.yaw_deg))
    }
}

fn invalid(key: &str, value: impl ToString, expected: &str) -> ConfigError {
    InvalidKey::new(key, value.to_string(), expected).into()
}

fn lid() -> String {
    format!("{PLATE}.lid")
}

/// Transfers in a simulated laboratory.
pub struct Transferring {
    task: Task,
    cell: TransferCell,
    simulated: SimulatedCell,
    reward: RewardFunction,
    trials_per_scene: u32,
    seed: u64,
    trial: u32,
    places_made: u64,
    episode: Option<Episode>,
    /// The inventories, which nobody reads afterwards.
    folder: TempDir,
}

/// An episode that has begun.
struct Episode {
    scene: u32,
    seen: Observation,
    attempts: Attempts,
}

impl Transferring {
    /// Assembles the laboratory.
    ///
    /// # Errors
    /// The configuration is invalid, or there is no folder for the inventory.
    pub fn start(config: &RunConfig, task: &Task, seed: u64) -> Result<Self, EpisodeError> {
        let folder = tempfile::tempdir()?;
        let places = Places { inventory: folder.path().join("0"), ..task.places.clone() };
        let (cell, simulated) = open_simulated_laboratory(config, &places, seed)?;
        Ok(Self {
            task: task.clone(),
            cell,
            simulated,
            reward: config.reward,
            trials_per_scene: config.schedule.trials_per_scene,
            seed,
            trial: 0,
            places_made: 0,
            episode: None,
            folder,
        })
    }

    /// A person puts plate and lid where the episode starts, and the cell knows nothing of earlier ones.
    fn set_up(&mut self, scene: u32) -> Result<(), EpisodeError> {
        let mut rng = random_stream(self.seed, "start of a transfer", [u64::from(scene), 0]);
        let mut near = random_stream(self.seed, "start near a scene", [self.places_made, 0]);
        let mut draw = |deviation: f64| {
            deviation * (standard_normal(&mut rng) + 0.1 * standard_normal(&mut near))
        };
        let off = PlanarPose::new(draw(BY_HAND_M), draw(BY_HAND_M), draw(BY_HAND_DEG.to_radians()));
        let at = self.task.slot_of_plate().clone();
        let has_lid = self.task.what == What::LidOff;
        // Whatever an episode left in the slot would be below.
        if self.task.what != What::Plate {
            self.simulated.take_away(&lid())?;
        }
        self.simulated.take_away(PLATE)?;
        self.simulated.put_item(PLATE, &at.to_string(), off)?;
        if self.task.what != What::Plate {
            let (slot, off) = match self.task.what {
                What::LidOn => (&self.task.from, PlanarPose::default()),
                _ => (&at, off),
            };
            self.simulated.put_item(&lid(), &slot.to_string(), off)?;
        }
        let plate = Item::new(ItemId::new(PLATE)?, self.task.what.labware(), has_lid)?;
        let mut lying = vec![(at, plate.clone())];
        if self.task.what == What::LidOn {
            lying.push((self.task.from.clone(), plate.lid_alone()?));
        }
        self.begin_again(&lying)
    }

    fn begin_again(&mut self, lying: &[(SlotAddress, Item)]) -> Result<(), EpisodeError> {
        let before = self.folder.path().join(self.places_made.to_string());
        self.places_made += 1;
        let dir = self.folder.path().join(self.places_made.to_string());
        let now = Timestamp::now();
        let mut inventory = Inventory::open(&dir, self.task.places.layout(), now)?;
        for slot in self.task.places.slots() {
            let (by, reason) = ("the environment".to_string(), "an episode begins".to_string());
            let here = lying.iter().filter(|(at, _)| *at == slot).map(|(_, item)| item.clone());
            inventory.set(
                Place::Slot(slot.clone()),
                here.collect(),
                StatedBy { by, reason },
                now,
            )?;
        }
        self.cell.begin_again(inventory);
        // The first has the log of the cell beside it.
        if self.places_made > 1 {
            remove(&before);
        }
        Ok(())
    }

    /// How far what is moved lies from where it should, by the simulator's truth, in the frame of the target's tool; `None`
    /// where it is not there.
    fn truth(&self) -> Option<PoseAdjustment> {
        let items = self.simulated.items();
        let to = self.task.to.to_string();
        let error = |id: &str| {
            let item = items.iter().find(|item| item.id == id && !item.is_held)?;
            item.slot.as_ref().filter(|(slot, _)| *slot == to).map(|(_, error)| in_plane(error))
        };
        let moved = error(&self.task.moved())?;
        if self.task.what != What::LidOn {
            return Some(moved);
        }
        let plate = error(PLATE)?;
        Some(PoseAdjustment {
            dx_m: moved.dx_m - plate.dx_m,
            dy_m: moved.dy_m - plate.dy_m,
            dyaw_rad: moved.dyaw_rad - plate.dyaw_rad,
        })
    }

    /// By how much the action was off, world frame, by what became of the item (`off`) and by where the jaws closed around it
    /// (`gripped`).
    fn deviation(
        &self,
        (off, gripped): (Option<PoseAdjustment>, Option<PoseAdjustment>),
        action: PoseAdjustment,
        pick: PlanarPose,
    ) -> Option<PoseAdjustment> {
        match self.task.what {
            // Where the jaws open decides where the lid lies.
            What::LidOn => Some(off?.rotated(self.task.tool(&self.task.to).yaw_rad)),
            // A lid on its plate does not yield to jaws that close beside its middle.
            What::LidOff => {
                let gripped = gripped?.rotated(-pick.yaw_rad);
                let dx_m = off.map_or(gripped.dx_m, |off| -off.dx_m);
                Some(PoseAdjustment { dx_m, ..gripped }.rotated(pick.yaw_rad))
            }
            // As for a plate that is picked and placed: the closing jaws center it across the fingers and turn it parallel.
            What::Plate => Some(deviation_of_pick(off?.dx_m, action, pick.yaw_rad)),
        }
    }

    /// How far a pose is from the target, in the frame of its tool.
    fn off_target(&self, lies: PlanarPose) -> PoseAdjustment {
        let target = self.task.tool(&self.task.to);
        lies.relative_to(target).rotated(-target.yaw_rad)
    }

    /// Where what is moved truly lies.
    fn true_pose(&self) -> Option<PlanarPose> {
        let moved = self.task.moved();
        let item = self.simulated.items().into_iter().find(|item| item.id == moved)?;
        let pose = item.world_from_item;
        let (_, _, yaw_rad) = pose.rotation.euler_angles();
        Some(PlanarPose::new(pose.translation.x, pose.translation.y, yaw_rad))
    }
}

/// The fault of a plate that the camera does not see.
///
/// # Errors
/// The request is refused, which is no fault: another attempt would be, too.
fn not_seen(error: LookError) -> Result<Fault, EpisodeError> {
    let kind = match error {
        LookError::Transfer(refused) => return Err(refused.into()),
        LookError::Home(_) => FaultKind::Device,
        LookError::NotSeen { .. } => FaultKind::Localization,
    };
    Ok(Fault { kind, reason: error.to_string() })
}

impl Episodes for Transferring {
    fn reset(&mut self, scene: Option<u32>) -> Result<Seen, EpisodeError> {
        self.episode = None;
        let scene = scene.unwrap_or(1 + self.trial / self.trials_per_scene);
        self.trial += 1;
        let mut attempts = Attempts::default();
        let seen = loop {
            self.set_up(scene)?;
            match self.cell.look_at_plate(&self.task.request()) {
                Ok(seen) => break seen,
                Err(error) => attempts.repeat_after(not_seen(error)?)?,
            }
        };
        let (image, pose) = (Arc::clone(&seen.image), seen.estimated_pose);
        let faults = attempts.in_words();
        self.episode = Some(Episode { scene, seen, attempts });
        Ok(Seen { image, pose, trial: self.trial, scene, faults })
    }

    fn step(&mut self, action: PoseAdjustment) -> Result<Stepped, EpisodeError> {
        let Episode { scene, seen, attempts } =
            self.episode.take().ok_or(EpisodeError::NotBegun)?;
        let pick = seen.estimated_pose.adjusted(action);
        let (lay, earlier) = (self.true_pose(), self.simulated.grasp());
        let ending = match self.cell.transfer_at(&self.task.request(), seen.look(), pick) {
            Ok(report) => report.ending,
            // The action leads there: nothing was moved.
            Err(error @ TransferError::NotClear { .. }) => {
                Ending::NotDone { at: LeftAt::From, reason: error.to_string() }
            }
            Err(error) => return Err(error.into()),
        };
        let grasp = self.simulated.grasp().filter(|grasp| Some(*grasp) != earlier);
        let gripped = grasp.zip(lay).map(|(grasp, lay)| grasp.open.tool.relative_to(lay));
        let truth = if ending == Ending::Done { self.truth() } else { None };
        let (outcome, reason) = match &ending {
            Ending::Done if truth.is_none() => ("missed", "it does not lie there".to_string()),
            Ending::Done => ("placed", String::new()),
            Ending::NotDone { reason, .. } => ("not_done", reason.clone()),
            Ending::Unknown { reason } => ("unknown", reason.clone()),
        };
        let lies = self.true_pose();
        let off = truth.or(lies.map(|lies| self.off_target(lies)));
        let (most_m, most_deg) = self.task.seating();
        let true_error = off.map(|off| Truth {
            e_trans_m: off.translation_m(),
            yaw_error_rad: off.dyaw_rad.abs(),
            seated: off.translation_m() <= most_m && off.dyaw_rad.abs() <= most_deg.to_radians(),
        });
        Ok(Stepped {
            image: self.cell.last_image().unwrap_or_else(|| Arc::<RgbImage>::clone(&seen.image)),
            pose: seen.estimated_pose,
            reward: truth.map_or(0.0, |off| self.reward.reward(placement_error(off))),
            trial: self.trial,
            scene,
            outcome: outcome.to_string(),
            reason,
            action,
            deviation: self.deviation((truth, gripped), action, pick),
            pick_pose: Some(pick),
            final_pose: lies,
            target_pose: self.task.tool(&self.task.to),
            error: off.map(placement_error),
            seated: true_error.is_some_and(|truth| truth.seated),
            truth: true_error,
            faults: attempts.in_words(),
        })
    }
}

fn in_plane(error: &SlotError) -> PoseAdjustment {
    PoseAdjustment {
        dx_m: 1e-3 * error.x_mm,
        dy_m: 1e-3 * error.y_mm,
        dyaw_rad: error.yaw_deg.to_radians(),
    }
}

fn placement_error(off: PoseAdjustment) -> PlacementError {
    PlacementError { e_trans_m: off.translation_m(), e_rot: 1.0 - off.dyaw_rad.cos() }
}

/// Removes an inventory that is no longer open. One that cannot be removed goes with the folder.
fn remove(dir: &Path) {
    drop(fs::remove_dir_all(dir));
}
