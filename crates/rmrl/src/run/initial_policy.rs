//! The policy that a run begins with: new, pretrained, or that of an earlier run.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use rmrl_core::Trial;
use rmrl_data::{RunDir, TrialRecord};
use rmrl_learn::{EarlierData, MethodName, Policy, pretrain, role_models};

use crate::config::RunConfig;
use crate::run::observer::RunObserver;
use crate::run::resume::check_sequence;
use crate::run::run_log::{read_records, trials_in};
use crate::run::store::RunStore;

/// A policy with its initial weights.
pub(crate) fn initial_policy(config: &RunConfig) -> anyhow::Result<Policy> {
    let actions = config.action_space()?;
    Ok(Policy::new(&config.policy, &actions, config.pose_scaling(), u64::from(config.seed))?)
}

/// A policy with the weights of a pretrained one.
pub(crate) fn pretrained_from(config: &RunConfig, path: &Path) -> anyhow::Result<Policy> {
    let mut policy = initial_policy(config)?;
    policy.start_from(Policy::from_file(path, &config.policy)?, path)?;
    let finest = config.action_space_after(u32::MAX)?.sizes();
    if policy.actions().sizes().iter().zip(finest).any(|(own, finest)| *own > finest) {
        bail!(
            "{} has been refined more often than schedule.refinements = {} allows; raise it",
            path.display(),
            config.schedule.refinements,
        );
    }
    Ok(policy)
}

/// The policy that a run begins with, pretrained first if that is its method.
pub(crate) fn starting_policy(
    config: &RunConfig,
    store: &mut dyn RunStore,
    observer: &mut dyn RunObserver,
) -> anyhow::Result<Policy> {
    if config.method != MethodName::RmRlPretrained {
        return initial_policy(config);
    }
    if let Some(policy) = store.pretrained(config)? {
        return Ok(policy);
    }
    let policy = match &config.pretrained {
        Some(path) => pretrained_from(config, path)?,
        None => {
            // RM-RL in the same cell, with other placements.
            let earlier = earlier_config(config);
            tracing::info!("making an earlier run of {} trials to pretrain on", earlier.trials);
            let trials = store.earlier_run(&earlier, observer)?;
            pretrain_on(config, [("the earlier run".to_string(), trials)])?.policy
        }
    };
    store.keep_pretrained(config, policy)
}

/// The configuration of a run's earlier run. What is said of this start holds for it, too, so it comes from the
/// run's.
fn earlier_config(config: &RunConfig) -> RunConfig {
    let mut earlier = config.clone();
    earlier.method = MethodName::RmRl;
    earlier.trials = config.schedule.pretrain_trials;
    earlier.until = None;
    earlier.cell.seed = Some(config.cell_seed());
    earlier.seed = config.seed ^ EARLIER_SEED;
    earlier.record.depth = false;
    earlier
}

/// Sets an earlier run's seed apart from its run's.
const EARLIER_SEED: u32 = 0x0ea2_11e2;

/// A run whose trials are pretrained on.
#[derive(Debug, Clone)]
pub(crate) struct EarlierRun {
    /// Its directory.
    pub(crate) root: PathBuf,
    /// What it was made by.
    pub(crate) config: RunConfig,
}

impl EarlierRun {
    /// The run in `root`.
    ///
    /// # Errors
    /// Its configuration cannot be read.
    pub(crate) fn read(root: &Path) -> anyhow::Result<Self> {
        let config = RunConfig::of_run(&root.join(RunDir::CONFIG))?;
        Ok(Self { root: root.to_path_buf(), config })
    }

    /// Its completed trials, whose actions are checked to reach as far as those of `config`.
    ///
    /// # Errors
    /// They cannot be read, or reach farther or less far.
    pub(crate) fn trials(&self, config: &RunConfig) -> anyhow::Result<Vec<Trial>> {
        trials_in(&self.root, &self.records(config)?, 0)
    }

    fn records(&self, config: &RunConfig) -> anyhow::Result<Vec<TrialRecord>> {
        let Self { root, config: earlier } = self;
        if earlier.action_space()?.reach() != config.action_space()?.reach() {
            bail!(
                "{} was made with the candidates {:?}, the policy has {:?}; its labels may lie out of reach",
                root.display(),
                earlier.actions,
                config.actions,
            );
        }
        let records = read_records(root)?;
        check_sequence(&root.join(RunDir::TRIALS), &records, earlier)?;
        Ok(records)
    }
}

/// What pretraining made.
pub(crate) struct Pretrained {
    /// The policy.
    pub(crate) policy: Policy,
    /// How many states had a label.
    pub(crate) labeled_states: usize,
    /// The mean loss of each pass.
    pub(crate) losses: Vec<f32>,
}

/// Pretrains a policy on the role-model labels of earlier runs, each with its name.
///
/// # Errors
/// Nothing in them could be labeled.
pub(crate) fn pretrain_on(
    config: &RunConfig,
    runs: impl IntoIterator<Item = (String, Vec<Trial>)>,
) -> anyhow::Result<Pretrained> {
    let mut policy = initial_policy(config)?;
    let labeling = role_models(&config.schedule);
    let mut names = Vec::new();
    let mut data: Option<EarlierData> = None;
    for (name, trials) in runs {
        let labeled = EarlierData::from_trials(trials, labeling.as_ref(), &policy);
        match &mut data {
            Some(data) => data.extend(labeled),
            None => data = Some(labeled),
        }
        names.push(name);
    }
    let data = data.filter(|data| !data.is_empty()).with_context(|| {
        format!("nothing to learn from in {}: no scene has a role model", names.join(", "))
    })?;
    let losses = pretrain(&mut policy, &data, &config.schedule, u64::from(config.seed));
    Ok(Pretrained { policy, labeled_states: data.len(), losses })
}
