//! The trained policies of a cell that transfers: kept in the folder of its inventory, so that they outlive their runs.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use rmrl_core::{Observation, PlanarPose, fnv1a};
use rmrl_data::RunDir;
use rmrl_files::{read_regular_file, write_atomically};
use rmrl_labware::Labware;
use rmrl_learn::{Metadata, Policy, PolicyConfig, read_metadata};
use rmrl_transfer::{PickPolicy, Policies, TransferLog};
use rmrl_vision::PlateGeometry;

use crate::config::{Places, RunConfig};
use crate::run::POLICY;

/// The folder of the policies, in the folder of the inventory.
const KEPT: &str = "policies";
/// No policy is larger, in bytes.
const MOST_BYTES: u64 = 2 << 30;
/// No configuration of a run is larger, in bytes.
const MOST_CONFIG_BYTES: u64 = 1 << 20;
/// So many characters of a run's name are in that of its policy.
const MOST_NAME: usize = 100;
/// Plates whose length and width differ by less than this are the same to a policy, in meters.
const SAME_M: f64 = 0.001;

/// The note in the file of a policy's weights that says with which plate it was trained: length and width in meters, as JSON. Without
/// it that is the plate of its run.
const PLATE: &str = "plate_m";

/// What the file of a policy notes that was trained on transfers of a labware.
pub(crate) fn notes_of(labware: &Labware) -> Metadata {
    Metadata::from([(PLATE.to_string(), [labware.length_m, labware.width_m].to_vec().into())])
}

/// The policies of the cell with these places. `log` takes note of their changes.
pub(crate) fn open_policies(places: &Places, log: TransferLog) -> Policies {
    let shelf = PolicyShelf::of(places);
    Policies::open(&places.inventory, log, Box::new(move |name| shelf.load(name)))
}

/// The policies that a cell keeps.
#[derive(Debug, Clone)]
pub(crate) struct PolicyShelf {
    folder: PathBuf,
}

impl PolicyShelf {
    /// That of the cell with these places.
    pub(crate) fn of(places: &Places) -> Self {
        Self { folder: places.inventory.join(KEPT) }
    }

    /// Whether a policy of this name is kept.
    pub(crate) fn has(&self, name: &str) -> bool {
        is_name(name) && self.file(name).is_file()
    }

    /// The file of a policy's weights.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name).join(POLICY)
    }

    /// The weights of a policy, for a network of this configuration, checked against the digest in its name.
    ///
    /// # Errors
    /// They are missing or damaged, or of another network.
    pub(crate) fn policy(&self, name: &str, config: &PolicyConfig) -> anyhow::Result<Policy> {
        let file = self.file(name);
        check_digest(&file, name, &read(&file, MOST_BYTES)?)?;
        Ok(Policy::from_file(&file, config)?)
    }

    /// Keeps the policy of a run, for a labware. Returns its name: that of the run, with a digest of the weights.
    ///
    /// # Errors
    /// The run has no policy, it was trained for another plate, or it cannot be copied.
    pub(crate) fn keep(&self, run: &Path, labware: &Labware) -> anyhow::Result<String> {
        RunDir::check(run)?;
        let file = run.join(POLICY);
        if !file.exists() {
            bail!(
                "{} has no {POLICY}: only methods that learn a policy have one, once the run has ended",
                run.display()
            );
        }
        let weights = read(&file, MOST_BYTES)?;
        let config = read(&run.join(RunDir::CONFIG), MOST_CONFIG_BYTES)?;
        let named = run.canonicalize().unwrap_or_else(|_| run.to_path_buf());
        let named = named.file_name().map(|name| name.to_string_lossy().into_owned());
        let named: String = plain(&named.unwrap_or_default()).chars().take(MOST_NAME).collect();
        let name = format!("{}-{}", named.trim_start_matches('.'), digest(&weights));
        if let Some(reason) = RunPolicy::read(run, &name)?.other_labware(labware) {
            bail!("{}: {reason}", run.display());
        }
        let folder = self.folder.join(&name);
        let create = || format!("cannot create {}", folder.display());
        fs::create_dir_all(&folder).with_context(create)?;
        for (file, bytes) in [(RunDir::CONFIG, &config), (POLICY, &weights)] {
            let path = folder.join(file);
            write_atomically(&path, bytes)
                .with_context(|| format!("cannot write {}", path.display()))?;
        }
        Ok(name)
    }

    /// The policy of this name, checked against the digest in it.
    ///
    /// # Errors
    /// It is missing or damaged; in words.
    pub(crate) fn load(&self, name: &str) -> Result<Box<dyn PickPolicy>, String> {
        if !is_name(name) {
            return Err(format!("{name:?} is no name of a policy"));
        }
        let policy = RunPolicy::read(&self.folder.join(name), name);
        policy.map_or_else(|error| Err(format!("{error:#}")), |policy| Ok(Box::new(policy) as _))
    }
}

/// Checks the weights of a policy against the digest in its name.
fn check_digest(file: &Path, name: &str, bytes: &[u8]) -> anyhow::Result<()> {
    let found = digest(bytes);
    if !name.ends_with(&found) {
        bail!(
            "{} is damaged: its digest is {found}, expected that in its name; offer its run again by `rmrl policy use`",
            file.display()
        );
    }
    Ok(())
}

/// Whether this is one name of a folder.
fn is_name(name: &str) -> bool {
    !name.is_empty() && !name.starts_with('.') && plain(name) == name
}

/// A text with the characters of a file's name on all systems only.
pub(super) fn plain(text: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '-' };
    text.chars().map(plain).collect()
}

fn digest(bytes: &[u8]) -> String {
    format!("{:016x}", fnv1a(bytes.iter().copied()))
}

fn read(path: &Path, most: u64) -> anyhow::Result<Vec<u8>> {
    read_regular_file(path, most).with_context(|| format!("cannot read {}", path.display()))
}

/// The policy of a run, which says where to pick.
struct RunPolicy {
    policy: Policy,
    /// Length and width of the plate that it was trained with, in meters.
    plate: [f64; 2],
}

impl RunPolicy {
    fn read(folder: &Path, name: &str) -> anyhow::Result<Self> {
        let file = folder.join(POLICY);
        let bytes = read(&file, MOST_BYTES)?;
        check_digest(&file, name, &bytes)?;
        let config = RunConfig::of_run(&folder.join(RunDir::CONFIG))?;
        let policy = Policy::from_file(&file, &config.policy)?;
        let noted = read_metadata(&file, &bytes)?.remove(PLATE);
        let plate = match noted {
            Some(noted) => serde_json::from_value(noted)
                .with_context(|| format!("{}: its note of the plate is damaged", file.display()))?,
            None => {
                let PlateGeometry { length_m, width_m, .. } = config.vision.localizer.plate;
                [length_m, width_m]
            }
        };
        Ok(Self { policy, plate })
    }

    /// Why it cannot correct a labware, in words.
    fn other_labware(&self, labware: &Labware) -> Option<String> {
        let trained = self.plate;
        let asked = [labware.length_m, labware.width_m];
        let is_same = trained.iter().zip(asked).all(|(one, other)| (one - other).abs() < SAME_M);
        let mm = |[length_m, width_m]: [f64; 2]| {
            format!("{:.1} x {:.1} mm", 1e3 * length_m, 1e3 * width_m)
        };
        (!is_same).then(|| {
            format!(
                "it was trained with a plate of {}, and {} is {}",
                mm(trained),
                labware.name,
                mm(asked)
            )
        })
    }
}

impl PickPolicy for RunPolicy {
    fn pick(&mut self, seen: &Observation, labware: &Labware) -> Result<PlanarPose, String> {
        if let Some(reason) = self.other_labware(labware) {
            return Err(reason);
        }
        let decision = self.policy.decide(seen);
        if decision.abstained {
            return Err("it abstains: its training had no state like this one".to_string());
        }
        // Eq. 1: P_pick = P_e + a
        Ok(seen.estimated_pose.adjusted(decision.adjustment))
    }
}
