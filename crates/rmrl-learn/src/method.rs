//! The parts in which methods differ: an on-line update, a labeling strategy and a replay rule.

mod actor_critic;
mod labeling;
mod method_name;
mod replay_memory;
mod reported;
mod update;

use rmrl_core::{ActionSpace, Scene};

pub use self::labeling::{
    BestOfScene, Hindsight, HindsightByGeometry, Labeling, TrialLabel, role_models,
};
pub use self::method_name::{MethodName, UnknownMethod};
pub use self::replay_memory::{Experience, ReplayMemory};
pub use self::reported::{BestOfAlike, ReportedHindsight};
pub use self::update::{OnlineUpdate, Reinforce, ReplayRule};

/// A learning method. Network, optimizer and schedule are the same for all methods.
pub struct Method {
    /// The update after each trial or scene.
    pub online: Option<Box<dyn OnlineUpdate>>,
    /// The labels of a scene.
    pub labeling: Option<Box<dyn Labeling>>,
    /// The data of the replay.
    pub replay: ReplayRule,
}

impl Method {
    /// Whether the policy learns from its tests: where each trial labels itself. Others compare the sampled
    /// actions of a scene, and a test has none to compare.
    pub(crate) fn learns_from_tests(&self) -> bool {
        self.labeling.as_ref().is_some_and(|labeling| labeling.labels_single_trials())
    }

    /// New or changed labels by trial; `None` without a strategy, or while it has none.
    pub(crate) fn label(
        &self,
        scene: &Scene,
        memory: &ReplayMemory,
        actions: &ActionSpace,
        complete: bool,
    ) -> Option<Vec<TrialLabel>> {
        self.labeling.as_ref()?.label(scene, memory.experiences(), actions, complete)
    }
}
