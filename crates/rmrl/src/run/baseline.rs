//! The control conditions of a run: methods that learn no policy.

use anyhow::bail;
use rmrl_learn::{ConstantOffset, FixedPolicy, MethodName, NoCorrection, Oracle, RandomCorrection};

use crate::cell::world::World;
use crate::config::RunConfig;

/// The fixed policy of a method that learns none.
///
/// # Errors
/// An oracle needs a world whose truth can be known; a method that learns has no fixed policy.
pub(crate) fn baseline(config: &RunConfig, world: &World) -> anyhow::Result<Box<dyn FixedPolicy>> {
    let actions = config.action_space_after(0)?;
    Ok(match config.method {
        MethodName::None => Box::new(NoCorrection),
        MethodName::Random => Box::new(RandomCorrection { actions, seed: u64::from(config.seed) }),
        MethodName::Constant => Box::new(ConstantOffset::default()),
        MethodName::Oracle => {
            let world = world.clone();
            if world.best_pick().is_none() {
                bail!(
                    "method is \"oracle\", which needs a simulated cell: only a simulator knows the truth"
                );
            }
            let best_pick = move || world.best_pick().expect("a simulator knows the truth");
            Box::new(Oracle { actions, best_pick: Box::new(best_pick) })
        }
        learning => bail!("{learning} learns a policy and has no fixed one"),
    })
}
