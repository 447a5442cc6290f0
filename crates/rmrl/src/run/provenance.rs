//! What a run was made by: `run.json`.

use std::fmt;

use anyhow::Context;
use rmrl_data::RunDir;
use rmrl_files::read_regular_file;
use rmrl_learn::MethodName;
use serde::{Deserialize, Serialize};

use crate::config::RunConfig;

const ABOUT: &str = "run.json";
/// It is never larger, in bytes.
const MOST_BYTES: u64 = 1 << 20;

/// Writes down what makes this run, or warns that it was begun by something else.
pub(crate) fn note(dir: &RunDir, config: &RunConfig) -> anyhow::Result<()> {
    let origin = Origin::of_this_program();
    let path = dir.path(ABOUT);
    if !path.exists() {
        let about = About {
            method: config.method,
            seed: config.seed,
            cell_seed: config.cell_seed(),
            origin,
            commit: env!("RMRL_COMMIT").to_string(),
        };
        return Ok(dir.write(ABOUT, &serde_json::to_vec_pretty(&about)?)?);
    }
    let bytes = read_regular_file(&path, MOST_BYTES)
        .with_context(|| format!("cannot read {}", path.display()))?;
    let begun: About = serde_json::from_slice(&bytes)
        .with_context(|| format!("{} is damaged; the run can resume without it", path.display()))?;
    if begun.origin != origin {
        tracing::warn!(
            "{} was begun by {} and is resumed by {origin}: its numbers may differ",
            dir.root().display(),
            begun.origin,
        );
    }
    Ok(())
}

/// What `run.json` says.
#[derive(Debug, Serialize, Deserialize)]
struct About {
    /// The method.
    method: MethodName,
    /// The run's seed.
    seed: u32,
    /// The cell's seed.
    cell_seed: u32,
    /// What the run was begun by.
    origin: Origin,
    /// The commit that this was built from.
    commit: String,
}

/// What decides the bits of a run, besides its configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Origin {
    /// The version of this program.
    rmrl: String,
    /// The version of the crate that computes networks.
    burn: String,
    /// The version of the crate that computes contact.
    rapier3d: String,
    /// The operating system and processor.
    platform: String,
}

impl Origin {
    fn of_this_program() -> Self {
        Self {
            rmrl: env!("CARGO_PKG_VERSION").to_string(),
            burn: env!("RMRL_BURN").to_string(),
            rapier3d: env!("RMRL_RAPIER").to_string(),
            platform: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rmrl, burn, rapier3d, platform } = self;
        write!(f, "rmrl {rmrl} with burn {burn} and rapier3d {rapier3d} on {platform}")
    }
}
