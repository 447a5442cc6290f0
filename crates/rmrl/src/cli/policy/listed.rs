//! Which policies correct, as `rmrl policy list` prints it.

use std::fmt;

use rmrl_transfer::{BELIEF, PairGate, Policies, PolicyError, PolicyPair};
use serde::Serialize;

use crate::cell::transfer_policies::PolicyShelf;
use crate::config::Places;

/// The policies of a cell.
#[derive(Serialize)]
pub(super) struct Listed {
    /// The folder in which they are kept.
    inventory: String,
    pairs: Vec<ListedPair>,
}

/// The policies between two sites.
#[derive(Serialize)]
struct ListedPair {
    #[serde(flatten)]
    pair: PolicyPair,
    /// The one that corrects.
    current: ListedPolicy,
    /// What `rollback` goes back to.
    #[serde(skip_serializing_if = "Option::is_none")]
    previous: Option<ListedPolicy>,
    /// The one that is compared with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    compared: Option<ListedComparison>,
    /// Those that are never compared again.
    refused: Vec<String>,
    /// How often the belief corrected in the place of a policy since the last change.
    passed_over: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_passed_over: Option<String>,
}

#[derive(Serialize)]
struct ListedPolicy {
    policy: String,
    /// Why it cannot be used.
    #[serde(skip_serializing_if = "Option::is_none")]
    unusable: Option<String>,
}

#[derive(Serialize)]
struct ListedComparison {
    #[serde(flatten)]
    policy: ListedPolicy,
    /// Pairs of transfers, one by each of the two.
    pairs: u32,
    /// The evidence that it is not worse, and how much is a proof.
    evidence: f64,
    proof: f64,
}

impl Listed {
    /// The policies of a cell; each is loaded to see whether it can be used.
    pub(super) fn of(
        policies: &Policies,
        shelf: &PolicyShelf,
        places: &Places,
    ) -> Result<Self, PolicyError> {
        let pairs = policies.gates()?.iter().map(|gate| ListedPair::of(gate, shelf)).collect();
        Ok(Self { inventory: places.inventory.display().to_string(), pairs })
    }
}

impl ListedPair {
    fn of(
        PairGate { pair, gate, passed_over, last_passed_over }: &PairGate,
        shelf: &PolicyShelf,
    ) -> Self {
        let listed = |name: &str| ListedPolicy {
            policy: name.to_string(),
            unusable: if name == BELIEF { None } else { shelf.load(name).err() },
        };
        let compared = gate.new_policy().zip(gate.evidence());
        Self {
            pair: pair.clone(),
            current: listed(gate.current()),
            previous: gate.previous().map(listed),
            compared: compared.map(|(name, (pairs, evidence))| ListedComparison {
                policy: listed(name),
                pairs,
                evidence,
                proof: gate.proof(),
            }),
            refused: gate.refused().map(str::to_string).collect(),
            passed_over: *passed_over,
            last_passed_over: last_passed_over.clone(),
        }
    }
}

impl fmt::Display for Listed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.pairs.is_empty() {
            return writeln!(f, "no policy was offered: the belief corrects all transfers");
        }
        self.pairs.iter().try_for_each(|pair| pair.fmt(f))
    }
}

impl fmt::Display for ListedPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.pair)?;
        writeln!(f, "  corrects    {}", self.current)?;
        if let Some(ListedComparison { policy, pairs, evidence, proof }) = &self.compared {
            writeln!(
                f,
                "  compared    {policy}: {pairs} pairs, evidence {evidence:.2} of {proof:.0}"
            )?;
        }
        if let Some(previous) = &self.previous {
            writeln!(f, "  before      {previous}")?;
        }
        for name in &self.refused {
            writeln!(f, "  refused     {name}")?;
        }
        if let Some(reason) = &self.last_passed_over {
            writeln!(f, "  passed over {} times, the last time: {reason}", self.passed_over)?;
        }
        Ok(())
    }
}

impl fmt::Display for ListedPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.policy)?;
        match &self.unusable {
            Some(reason) => write!(f, " (cannot be used: {reason})"),
            None => Ok(()),
        }
    }
}
