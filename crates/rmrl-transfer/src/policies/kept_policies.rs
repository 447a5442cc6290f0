//! The gates of a cell with the policies behind them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rmrl_core::{Observation, PlanarPose};
use rmrl_labware::Labware;

use super::pick_policy::PickPolicy;
use super::policy_error::PolicyError;
use super::policy_file::{PairGate, PolicyFile};
use super::policy_pair::PolicyPair;
use crate::log::TransferLog;
use crate::watch::{
    Decision, GateConfig, PolicyChangeCause, PolicyChanged, PolicyGate, SiteRecord, Which,
};

/// The name of the correction that is built in: the belief of self-calibration. It is what works before any policy.
pub const BELIEF: &str = "belief";
/// The file of the gates.
pub const POLICIES: &str = "policies.json";

/// Loads a policy by its name. Its error says in words why it cannot be used.
pub type LoadPolicy = Box<dyn Fn(&str) -> Result<Box<dyn PickPolicy>, String> + Send>;

/// Whose turn it is to correct.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Turn {
    /// Sites and labware.
    pub pair: PolicyPair,
    /// The old policy or the new one.
    pub which: Which,
    /// Its name, or [`BELIEF`].
    pub policy: String,
}

/// The policies of a cell: for each two sites and each labware the one that works, and the one that is compared with it.
///
/// A policy that cannot be loaded, and a file that cannot be read or written, end no transfer: the belief corrects.
pub struct Policies {
    file: PathBuf,
    log: TransferLog,
    load: LoadPolicy,
    /// Why the file cannot be used, in words.
    state: Result<PolicyFile, String>,
    loaded: BTreeMap<String, Box<dyn PickPolicy>>,
}

impl Policies {
    /// Those of which [`POLICIES`] in a folder says that they work. Changes are noted in `log`.
    pub fn open(dir: &Path, log: TransferLog, load: LoadPolicy) -> Self {
        let file = dir.join(POLICIES);
        let state = PolicyFile::read(&file);
        if let Err(reason) = &state {
            tracing::warn!("the belief corrects all transfers: {}: {reason}", file.display());
        }
        Self { file, log, load, state, loaded: BTreeMap::new() }
    }

    /// The gates, sorted by sites and labware.
    ///
    /// # Errors
    /// The file of the gates cannot be used.
    pub fn gates(&self) -> Result<&[PairGate], PolicyError> {
        match &self.state {
            Ok(file) => Ok(&file.gates),
            Err(reason) => Err(self.unreadable(reason)),
        }
    }

    /// Begins to compare a policy with the one that works. Where nothing was offered before, that is the belief, and the gate
    /// decides by `config`.
    ///
    /// # Errors
    /// The gate refuses it, or the file cannot be used or written. Then nothing has changed.
    pub fn offer(
        &mut self,
        pair: &PolicyPair,
        policy: &str,
        config: GateConfig,
    ) -> Result<(), PolicyError> {
        self.change(|file| {
            let gate = &mut gate_of(file, pair, config)?.gate;
            gate.offer(policy).map_err(|reason| refused(pair, reason))
        })
    }

    /// Lets a policy correct from now on, without a comparison: an operator decides it. Returns the policy before.
    ///
    /// # Errors
    /// As [`Policies::offer`].
    pub fn replace(
        &mut self,
        pair: &PolicyPair,
        policy: &str,
        config: GateConfig,
        now: Timestamp,
    ) -> Result<String, PolicyError> {
        let before = self.change(|file| {
            let of_pair = gate_of(file, pair, config)?;
            of_pair.forget_passed_over();
            of_pair.gate.replace(policy, now).map_err(|reason| refused(pair, reason))
        })?;
        self.note_change(pair, &before, policy, PolicyChangeCause::Operator, now);
        Ok(before)
    }

    /// Ends the comparison of a new policy, which is not compared again. Returns its name.
    ///
    /// # Errors
    /// None is compared, or the file cannot be used or written.
    pub fn withdraw(&mut self, pair: &PolicyPair) -> Result<String, PolicyError> {
        self.change(|file| {
            let gate = &mut existing(file, pair)?.gate;
            gate.withdraw().ok_or_else(|| PolicyError::NothingNew { pair: pair.to_string() })
        })
    }

    /// Goes back to the policy that worked before the last change. Returns the policy that works now.
    ///
    /// # Errors
    /// There is none before, or the file cannot be used or written.
    pub fn rollback(&mut self, pair: &PolicyPair, now: Timestamp) -> Result<String, PolicyError> {
        let (before, after) = self.change(|file| {
            let of_pair = existing(file, pair)?;
            let before = of_pair.gate.current().to_string();
            let after = of_pair.gate.rollback(now).map_err(|reason| refused(pair, reason))?;
            let after = after.to_string();
            of_pair.forget_passed_over();
            Ok((before, after))
        })?;
        self.note_change(pair, &before, &after, PolicyChangeCause::Rollback, now);
        Ok(after)
    }

    /// The current policy, as if it were its turn; `None` where no policy was offered.
    pub(crate) fn current(&self, pair: &PolicyPair) -> Option<Turn> {
        let file = self.state.as_ref().ok()?;
        let gate = &file.gates.iter().find(|one| one.pair == *pair)?.gate;
        let policy = gate.current().to_string();
        Some(Turn { pair: pair.clone(), which: Which::Old, policy })
    }

    /// Whose turn is next; changes nothing. `None` where no policy was offered.
    pub fn next(&self, pair: &PolicyPair) -> Option<Turn> {
        let file = self.state.as_ref().ok()?;
        Some(turn_of(file.gates.iter().find(|one| one.pair == *pair)?))
    }

    /// Whose turn it is; `None` where no policy was offered. A new policy that is proven replaces the old one when its time
    /// has come.
    pub(crate) fn turn(&mut self, pair: &PolicyPair, now: Timestamp) -> Option<Turn> {
        let decision = self.known_gate(pair)?.gate.decide(now);
        if matches!(decision, Decision::Replaced { .. }) {
            self.decided(pair, &decision, now);
        }
        self.next(pair)
    }

    /// Where a policy lets the jaws close.
    ///
    /// # Errors
    /// It abstains, or cannot be loaded; why, in words.
    pub(crate) fn pick(
        &mut self,
        policy: &str,
        seen: &Observation,
        labware: &Labware,
    ) -> Result<PlanarPose, String> {
        if !self.loaded.contains_key(policy) {
            let loaded = (self.load)(policy)?;
            self.loaded.insert(policy.to_string(), loaded);
        }
        match self.loaded.get_mut(policy) {
            Some(loaded) => loaded.pick(seen, labware),
            None => Err(format!("{policy} was not loaded")),
        }
    }

    /// Takes note of a policy in whose place the belief corrected.
    pub(crate) fn pass_over(&mut self, pair: &PolicyPair, reason: &str) {
        let Some(of_pair) = self.known_gate(pair) else { return };
        of_pair.passed_over = of_pair.passed_over.saturating_add(1);
        of_pair.last_passed_over = Some(reason.to_string());
        self.save();
    }

    /// Adds the loss of a transfer: the length of its error, in meters, or infinity if it failed.
    pub(crate) fn record(&mut self, turn: &Turn, loss: f64, now: Timestamp) {
        let Some(of_pair) = self.known_gate(&turn.pair) else { return };
        // Meanwhile the policies may have been changed.
        if turn_name(of_pair, turn.which) != Some(turn.policy.as_str()) {
            return;
        }
        match of_pair.gate.record(turn.which, loss, now) {
            Ok(decision) => self.decided(&turn.pair, &decision, now),
            Err(error) => tracing::warn!("{}: a loss is not recorded: {error}", turn.pair),
        }
    }

    /// Says what a gate has decided, and writes it.
    fn decided(&mut self, pair: &PolicyPair, decision: &Decision, now: Timestamp) {
        match decision {
            Decision::Replaced { before } => {
                let after = self.known_gate(pair).map(|of_pair| {
                    of_pair.forget_passed_over();
                    of_pair.gate.current().to_string()
                });
                let after = after.unwrap_or_default();
                self.save();
                self.note_change(pair, before, &after, PolicyChangeCause::NotWorse, now);
                return;
            }
            Decision::Refused { policy } => {
                tracing::info!("{pair}: the policy {policy} is worse, and is refused");
            }
            Decision::Wait { until } => {
                tracing::info!("{pair}: the new policy is not worse, and works from {until} on");
            }
            Decision::NoNewPolicy | Decision::Undecided { .. } => {}
        }
        self.save();
    }

    fn known_gate(&mut self, pair: &PolicyPair) -> Option<&mut PairGate> {
        let file = self.state.as_mut().ok()?;
        file.gates.iter_mut().find(|one| one.pair == *pair)
    }

    /// Changes the file on disk, and then here.
    fn change<T>(
        &mut self,
        change: impl FnOnce(&mut PolicyFile) -> Result<T, PolicyError>,
    ) -> Result<T, PolicyError> {
        let mut file = match &self.state {
            Ok(file) => file.clone(),
            Err(reason) => return Err(self.unreadable(reason)),
        };
        let changed = change(&mut file)?;
        file.write(&self.file).map_err(|reason| PolicyError::Write {
            file: self.file.display().to_string(),
            reason,
        })?;
        self.state = Ok(file);
        Ok(changed)
    }

    /// Writes the file after a transfer, which is done whether this succeeds or not.
    fn save(&self) {
        let Ok(file) = &self.state else { return };
        if let Err(reason) = file.write(&self.file) {
            tracing::warn!("cannot write {}: {reason}", self.file.display());
        }
    }

    fn note_change(
        &self,
        pair: &PolicyPair,
        before: &str,
        after: &str,
        cause: PolicyChangeCause,
        now: Timestamp,
    ) {
        tracing::info!("{pair}: {after} corrects from now on, instead of {before}: {cause}");
        let logged = self.log.append(&SiteRecord::Policy(PolicyChanged {
            time: now,
            from: pair.from.clone(),
            to: pair.to.clone(),
            labware: pair.labware.clone(),
            before: before.to_string(),
            after: after.to_string(),
            cause,
        }));
        if let Err(error) = logged {
            tracing::warn!("a change of policy is not logged: {error}");
        }
    }

    fn unreadable(&self, reason: &str) -> PolicyError {
        PolicyError::Unreadable {
            file: self.file.display().to_string(),
            reason: reason.to_string(),
        }
    }
}

impl PairGate {
    fn forget_passed_over(&mut self) {
        (self.passed_over, self.last_passed_over) = (0, None);
    }
}

fn refused(pair: &PolicyPair, reason: crate::watch::GateError) -> PolicyError {
    PolicyError::Gate { pair: pair.to_string(), reason }
}

fn turn_of(of_pair: &PairGate) -> Turn {
    let which = of_pair.gate.next();
    let policy = turn_name(of_pair, which).unwrap_or(BELIEF).to_string();
    Turn { pair: of_pair.pair.clone(), which, policy }
}

fn turn_name(of_pair: &PairGate, which: Which) -> Option<&str> {
    match which {
        Which::Old => Some(of_pair.gate.current()),
        Which::New => of_pair.gate.new_policy(),
    }
}

fn existing<'a>(
    file: &'a mut PolicyFile,
    pair: &PolicyPair,
) -> Result<&'a mut PairGate, PolicyError> {
    let found = file.gates.iter_mut().find(|one| one.pair == *pair);
    found.ok_or_else(|| PolicyError::NoGate { pair: pair.to_string() })
}

/// The gate of a pair; a new one behind which the belief works, if there is none.
fn gate_of<'a>(
    file: &'a mut PolicyFile,
    pair: &PolicyPair,
    config: GateConfig,
) -> Result<&'a mut PairGate, PolicyError> {
    if let Err(index) = file.gates.binary_search_by(|one| one.pair.cmp(pair)) {
        let gate = PolicyGate::new(BELIEF, config)?;
        let of_pair = PairGate { pair: pair.clone(), gate, passed_over: 0, last_passed_over: None };
        file.gates.insert(index, of_pair);
    }
    existing(file, pair)
}
