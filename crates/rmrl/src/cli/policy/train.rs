//! `rmrl policy train`

use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use rmrl_belief::{CellBelief, Prior};
use rmrl_core::PlanarPose;
use rmrl_data::RunDir;
use rmrl_files::read_regular_file;
use rmrl_labware::Labware;
use rmrl_learn::PoseScaling;
use rmrl_transfer::{BELIEF, Knowledge, PolicyPair};
use serde::Serialize;

use crate::cell::transfer_cell::KNOWLEDGE;
use crate::cell::transfer_policies::{PolicyShelf, notes_of};
use crate::cell::transfer_trials::{as_run, trials_of};
use crate::cli::failure::Failure;
use crate::config::{Places, RunConfig};
use crate::run::POLICY;
use crate::run::create::resolved;
use crate::run::initial_policy::Pretrained;
use crate::run::transfer_training::{new_policy, train_on_transfers};

/// No file of what a cell knows is larger, in bytes.
const MOST_BYTES: u64 = 16 << 20;

/// How far items are expected from the middle of their slots, in meters and degrees: what their poses are scaled by.
const AROUND_M: f64 = 0.02;
const AROUND_DEG: f64 = 5.0;

/// The result, as the command prints it.
#[derive(Serialize)]
pub(super) struct Trained {
    #[serde(flatten)]
    pair: PolicyPair,
    run: String,
    /// The policy that the training began with.
    #[serde(skip_serializing_if = "Option::is_none")]
    from_policy: Option<String>,
    transfers: usize,
    first_loss: f32,
    last_loss: f32,
}

impl fmt::Display for Trained {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { pair, run, transfers, first_loss, last_loss, .. } = self;
        let from = self.from_policy.as_deref().unwrap_or("a new policy");
        writeln!(
            f,
            "{run}: {pair}, from {from}: {transfers} transfers, cross-entropy {first_loss:.3} -> {last_loss:.3}"
        )
    }
}

/// Trains a policy on the transfers between two sites, from the policy `current` or, without one, from new, and writes a run.
pub(super) fn train(
    config: &RunConfig,
    places: &Places,
    (pair, labware): (PolicyPair, Labware),
    current: Option<&str>,
    out: &Path,
) -> Result<Trained, Failure> {
    let usage = |reason: String| Failure::Usage(anyhow!(reason));
    let belief = belief_of(places, config.task.start.center());
    let config = as_run(config);
    let root = trials_of(places, &pair);
    if RunDir::check(&root).is_err() {
        return Err(usage(format!(
            "no transfer was kept in {}; transfer {pair} first: both sites have to be seen by the camera",
            root.display()
        )));
    }
    if out.exists() {
        return Err(usage(format!("{} exists already and is never overwritten", out.display())));
    }
    let current = current.filter(|name| *name != BELIEF);
    let policy = match current {
        Some(name) => PolicyShelf::of(places).policy(name, &config.policy)?,
        None => new_policy(&config, around(places, &pair)?)?,
    };
    let Pretrained { policy, labeled_states, losses } =
        train_on_transfers(&config, &root, policy, &belief?)?;
    let dir = RunDir::create(out, &resolved(&config)?.to_run_toml())
        .map_err(|error| Failure::Usage(error.into()))?;
    dir.write(POLICY, &policy.to_safetensors(&notes_of(&labware))).with_context(|| {
        format!("the policy is not written: remove {}, and train again", out.display())
    })?;
    Ok(Trained {
        pair,
        run: out.display().to_string(),
        from_policy: current.map(str::to_string),
        transfers: labeled_states,
        first_loss: losses.first().copied().unwrap_or(f32::NAN),
        last_loss: losses.last().copied().unwrap_or(f32::NAN),
    })
}

/// How the poses of a site's items are scaled.
fn around(places: &Places, pair: &PolicyPair) -> anyhow::Result<PoseScaling> {
    let site = places.sites.get(&pair.from).with_context(|| format!("no site {}", pair.from))?;
    let middle = PlanarPose::new(site.x_m, site.y_m, site.yaw_deg.to_radians());
    Ok(PoseScaling::new(middle, [AROUND_M, AROUND_M, AROUND_DEG.to_radians()]))
}

/// What the cell believes of its camera and its tool. `middle` is the middle of its workspace.
fn belief_of(places: &Places, middle: PlanarPose) -> anyhow::Result<CellBelief> {
    let file: PathBuf = places.inventory.join(KNOWLEDGE);
    let bytes = read_regular_file(&file, MOST_BYTES).with_context(|| {
        format!("cannot read {}, which says what the cell knows", file.display())
    })?;
    let text = String::from_utf8_lossy(&bytes);
    let known = Knowledge::of_json(&text, Prior::default(), middle)
        .map_err(|reason| anyhow!("{}: {reason}", file.display()))?;
    Ok(known.belief().clone())
}
