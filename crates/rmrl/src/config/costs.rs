//! What keys cost together: each may be within its range, and their product absurd.

use rmrl_core::InvalidKey;
use rmrl_learn::{MOST_CANDIDATES, PolicyConfig};

use crate::config::run_config::RunConfig;

/// The most states that a trial's learning may pass through the network: about a minute on one core.
const MOST_STATES: u64 = 1_000_000;
/// The most states that pretraining may pass through it.
const MOST_PRETRAINING_STATES: u64 = 10_000_000;
/// The most memory of a minibatch, in bytes.
const MOST_BATCH_BYTES: u64 = 16 << 30;

/// Checks what keys cost together.
///
/// # Errors
/// The first key that costs too much, given the others.
pub(crate) fn check_costs(config: &RunConfig) -> Result<(), InvalidKey> {
    let (schedule, online) = (&config.schedule, &config.online);
    let scene = ("schedule.trials_per_scene", u64::from(schedule.trials_per_scene));
    let batch = ("schedule.batch_size", schedule.batch_size as u64);
    let replay = ("schedule.replay_batches", schedule.replay_batches as u64);
    check_product(batch, replay, MOST_STATES, "a replay")?;
    let passes = ("schedule.scene_epochs", schedule.scene_epochs as u64);
    check_product(passes, scene, MOST_STATES, "learning from a scene")?;
    let passes = ("online.epochs", online.epochs as u64);
    check_product(passes, scene, MOST_STATES, "learning from a scene")?;
    let passes = ("schedule.pretrain_epochs", schedule.pretrain_epochs as u64);
    let trials = ("schedule.pretrain_trials", u64::from(schedule.pretrain_trials));
    check_product(passes, trials, MOST_PRETRAINING_STATES, "pretraining")?;
    check_candidates(config)?;
    check_memory(config)
}

fn check_product(
    (key, value): (&str, u64),
    (other, factor): (&str, u64),
    most: u64,
    what: &str,
) -> Result<(), InvalidKey> {
    if value.saturating_mul(factor) <= most {
        return Ok(());
    }
    let expected = format!(
        "at most {}, because {other} is {factor} and {what} has at most {most} states",
        (most / factor).max(1)
    );
    Err(InvalidKey::new(key, value, expected))
}

/// Each refinement puts another candidate between any two.
fn check_candidates(config: &RunConfig) -> Result<(), InvalidKey> {
    let refinements = config.schedule.refinements;
    let most = ((MOST_CANDIDATES - 1) >> refinements) + 1;
    for (key, bins) in [
        ("actions.translation_bins", config.actions.translation_bins),
        ("actions.rotation_bins", config.actions.rotation_bins),
    ] {
        if bins > most {
            let expected = format!(
                "at most {most}, because schedule.refinements is {refinements} and a dimension has at most \
                 {MOST_CANDIDATES} candidates"
            );
            return Err(InvalidKey::new(key, bins, expected));
        }
    }
    Ok(())
}

fn check_memory(config: &RunConfig) -> Result<(), InvalidKey> {
    let batch = config.schedule.batch_size as u64;
    let state_bytes = bytes_of_a_state(&config.policy);
    if batch.saturating_mul(state_bytes) <= MOST_BATCH_BYTES {
        return Ok(());
    }
    let expected = format!(
        "at most {}: with these widths in policy and policy.encoder a minibatch would need {} GiB, of at most {}",
        (MOST_BATCH_BYTES / state_bytes).max(1),
        batch.saturating_mul(state_bytes) >> 30,
        MOST_BATCH_BYTES >> 30,
    );
    Err(InvalidKey::new("schedule.batch_size", batch, expected))
}

/// About the memory of one state of a minibatch, in bytes: numbers of 32 bits for what layers compute, and as many for
/// its gradients.
fn bytes_of_a_state(policy: &PolicyConfig) -> u64 {
    let encoder = &policy.encoder;
    // A ResNet-10 keeps about 1.4 numbers for each pixel and channel of the first stage, deeper ones more blocks.
    let pixels = (encoder.image_size * encoder.image_size) as u64;
    let channels = encoder.base_width as u64;
    let of_encoder = if encoder.train { pixels * channels * encoder.depth as u64 / 7 } else { 0 };
    let of_heads = (8 * encoder.base_width + 4 * policy.pose_width + 8 * policy.head_width) as u64;
    8 * (of_encoder + of_heads)
}

#[cfg(test)]
mod tests {
    use rmrl_cell::TaskKind;

    use super::*;

    fn refusal(change: impl FnOnce(&mut RunConfig)) -> String {
        let mut config = RunConfig::for_task(TaskKind::Table);
        change(&mut config);
        check_costs(&config).map_or_else(|error| error.to_string(), |()| "accepted".to_string())
    }

    #[test]
    fn what_costs_too_much_together_is_refused() {
        assert_eq!(refusal(|_| ()), "accepted");
        let both = refusal(|config| {
            config.schedule.replay_batches = 10_000;
            config.schedule.batch_size = 10_000;
        });
        assert_eq!(
            both,
            "schedule.batch_size is 10000, expected at most 100, because schedule.replay_batches is 10000 and a \
             replay has at most 1000000 states"
        );
        let scene = refusal(|config| {
            config.schedule.scene_epochs = 10_000;
            config.schedule.trials_per_scene = 1000;
        });
        assert!(scene.contains("schedule.scene_epochs is 10000, expected at most 1000"), "{scene}");
        let pretraining = refusal(|config| {
            config.schedule.pretrain_trials = 1_000_000;
            config.schedule.pretrain_epochs = 10_000;
        });
        assert!(pretraining.contains("schedule.pretrain_epochs is 10000, expected at most 10,"));
        let candidates = refusal(|config| {
            config.actions.rotation_bins = 1001;
            config.schedule.refinements = 6;
        });
        assert!(candidates.contains("actions.rotation_bins is 1001, expected at most 63"));
        let memory = refusal(|config| {
            config.policy.encoder.train = true;
            config.policy.encoder.image_size = 1024;
            config.schedule.replay_batches = 1;
            config.schedule.batch_size = 10_000;
        });
        assert!(memory.contains("schedule.batch_size is 10000, expected at most 89"), "{memory}");
    }
}
