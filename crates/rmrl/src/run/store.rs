//! Where a run is kept: the one thing in which `rmrl train` and `rmrl reproduce` differ.

use rmrl_belief::SavedBelief;
use rmrl_cell::PickPlace;
use rmrl_core::{Trial, TrialReport};
use rmrl_data::TrialRecord;
use rmrl_learn::{Learner, Policy, TrialBacklog};

use crate::cell::assembly::Laboratory;
use crate::config::RunConfig;
use crate::run::observer::RunObserver;
use crate::run::target_record::TargetRecord;

/// Keeps a run: what it was pretrained to, its target, its attempts, its updates, its policy.
///
/// The methods are called in their order here. Errors name what could not be read or kept.
pub(crate) trait RunStore {
    /// The attempts that an interrupted run left, read and checked as a whole. Nothing has been
    /// changed yet.
    fn records(&self) -> &[TrialRecord];

    /// The policy that this run was pretrained to before it was interrupted, if it was.
    fn pretrained(&self, config: &RunConfig) -> anyhow::Result<Option<Policy>>;

    /// Makes the earlier run of this configuration, and returns its completed trials.
    fn earlier_run(
        &mut self,
        earlier: &RunConfig,
        observer: &mut dyn RunObserver,
    ) -> anyhow::Result<Vec<Trial>>;

    /// Keeps the pretrained policy. Returns the policy to train.
    fn keep_pretrained(&mut self, config: &RunConfig, policy: Policy) -> anyhow::Result<Policy>;

    /// The learner that a run begins or resumes with: what was kept of it, or a new one with the policy that
    /// [`starting_policy`](crate::run::initial_policy::starting_policy) makes.
    fn learner(
        &mut self,
        config: &RunConfig,
        observer: &mut dyn RunObserver,
    ) -> anyhow::Result<Learner>;

    /// Puts the cell back to where the records end, or records the target of a new run. Afterwards
    /// attempts can be kept.
    fn begin(
        &mut self,
        config: &RunConfig,
        laboratory: &mut Laboratory,
    ) -> anyhow::Result<TargetRecord>;

    /// The recorded trials after number `after`, with their images where `to_learn` from them.
    fn backlog(&self, after: u32, to_learn: bool) -> anyhow::Result<TrialBacklog>;

    /// Begins to keep an attempt. Returns its record.
    fn record(&mut self, cell: &PickPlace, report: TrialReport<'_>) -> anyhow::Result<TrialRecord>;

    /// Returns when every attempt so far is safe.
    fn flush(&mut self) -> anyhow::Result<()>;

    /// Keeps what was learned, where it is time for that.
    fn on_update(&mut self, learner: &Learner) -> anyhow::Result<()>;

    /// Keeps the policy to deploy.
    fn keep_policy(&mut self, policy: &Policy) -> anyhow::Result<()>;

    /// Keeps the belief to deploy, of a method that has one.
    fn keep_belief(&mut self, belief: &SavedBelief) -> anyhow::Result<()>;

    /// Returns all records, each of them safe.
    fn finish(&mut self) -> anyhow::Result<Vec<TrialRecord>>;
}
