//! A run that is kept in memory: for reproductions, which make many runs and need their numbers only.

use rmrl_belief::SavedBelief;
use rmrl_cell::PickPlace;
use rmrl_core::{Trial, TrialReport};
use rmrl_data::TrialRecord;
use rmrl_learn::{Learner, Policy, TrialBacklog};

use crate::cell::assembly::Laboratory;
use crate::cell::world::World;
use crate::config::RunConfig;
use crate::run::engine::run_to_end;
use crate::run::initial_policy::starting_policy;
use crate::run::observer::RunObserver;
use crate::run::outcome::RunOutcome;
use crate::run::store::RunStore;
use crate::run::target_record::TargetRecord;
use crate::run::trial_record::trial_record;

/// Keeps the records of a new run.
#[derive(Default)]
pub(crate) struct MemoryStore {
    /// What the run happens in, from its beginning on.
    world: Option<World>,
    records: Vec<TrialRecord>,
    /// The completed trials with their images, where those are wanted.
    trials: Option<Vec<Trial>>,
}

impl MemoryStore {
    /// A store that keeps whole trials, to pretrain on.
    fn of_trials() -> Self {
        Self { trials: Some(Vec::new()), ..Self::default() }
    }
}

impl RunStore for MemoryStore {
    fn records(&self) -> &[TrialRecord] {
        &self.records
    }

    fn pretrained(&self, _: &RunConfig) -> anyhow::Result<Option<Policy>> {
        Ok(None)
    }

    fn earlier_run(
        &mut self,
        earlier: &RunConfig,
        observer: &mut dyn RunObserver,
    ) -> anyhow::Result<Vec<Trial>> {
        let mut store = Self::of_trials();
        match run_to_end(earlier, &mut store, observer)?.end {
            RunOutcome::Goal => Ok(store.trials.unwrap_or_default()),
            early => Err(early.into()),
        }
    }

    fn keep_pretrained(&mut self, _: &RunConfig, policy: Policy) -> anyhow::Result<Policy> {
        Ok(policy)
    }

    fn learner(
        &mut self,
        config: &RunConfig,
        observer: &mut dyn RunObserver,
    ) -> anyhow::Result<Learner> {
        Ok(Learner::new(starting_policy(config, self, observer)?, u64::from(config.seed)))
    }

    fn begin(
        &mut self,
        config: &RunConfig,
        laboratory: &mut Laboratory,
    ) -> anyhow::Result<TargetRecord> {
        let target = TargetRecord::make(config, laboratory)?;
        laboratory.world.remember();
        self.world = Some(laboratory.world.clone());
        Ok(target)
    }

    fn backlog(&self, _: u32, _: bool) -> anyhow::Result<TrialBacklog> {
        Ok(TrialBacklog::nothing())
    }

    fn record(&mut self, cell: &PickPlace, report: TrialReport<'_>) -> anyhow::Result<TrialRecord> {
        let world = self.world.as_ref().expect("a run begins before its first trial");
        let record = trial_record(cell, world, report)?;
        // A world that is remembered ends all contact, so one that is kept nowhere has to be, too: both
        // continue with the same bits.
        world.remember();
        if let (Some(trials), TrialReport::Completed(trial)) = (&mut self.trials, report) {
            trials.push(trial.clone());
        }
        self.records.push(record.clone());
        Ok(record)
    }

    fn flush(&mut self) -> anyhow::Result<()> {
        Ok(())
    }

    fn on_update(&mut self, _: &Learner) -> anyhow::Result<()> {
        Ok(())
    }

    fn keep_policy(&mut self, _: &Policy) -> anyhow::Result<()> {
        Ok(())
    }

    fn keep_belief(&mut self, _: &SavedBelief) -> anyhow::Result<()> {
        Ok(())
    }

    fn finish(&mut self) -> anyhow::Result<Vec<TrialRecord>> {
        Ok(std::mem::take(&mut self.records))
    }
}
