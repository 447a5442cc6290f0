//! A scene: trials that start from similar states (Sec. 3.3.1).

use crate::Trial;

/// The completed trials of one scene, in their order.
#[derive(Debug, Clone, Default)]
pub struct Scene {
    trials: Vec<Trial>,
}

impl Scene {
    /// An empty scene.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a completed trial.
    pub fn push(&mut self, trial: Trial) {
        self.trials.push(trial);
    }

    /// Adds completed trials.
    pub fn extend(&mut self, trials: impl IntoIterator<Item = Trial>) {
        self.trials.extend(trials);
    }

    /// The completed trials so far.
    pub fn trials(&self) -> &[Trial] {
        &self.trials
    }

    /// Takes the trials out and leaves the scene empty for the next one.
    pub fn take(&mut self) -> Self {
        std::mem::take(self)
    }
}
