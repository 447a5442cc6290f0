//! How far the proof of a run's claim is.

use std::fmt;

use rmrl_core::{Claim, FALSE_PROOF};
use rmrl_learn::TrialPlan;
use serde::Serialize;

/// How far the proof of a run's claim is.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ProofSummary {
    /// The claim.
    pub claim: Claim,
    /// The trial that proved it; `None` while it is not proven.
    pub proven_at: Option<u32>,
    /// The evidence `E_t` after the last trial; `1 / FALSE_PROOF` proves the claim.
    pub evidence: f64,
    /// Trials that tested the policy instead of training it.
    pub tests: u32,
    /// Their share of all trials.
    pub tests_share: f64,
    /// Whether the policy is frozen for a series of tests, which alone are evidence.
    pub is_series: bool,
    /// The tests of the present series, or of the last one.
    pub series_tests: u32,
    /// How many of these missed.
    pub series_misses: u32,
    /// How many more tests without a miss would prove the claim; 0 if it is proven.
    pub needed: u32,
    /// Single tests in a row that were as claimed, since the last miss.
    pub held: u32,
    /// How many of these begin a series.
    pub held_before_series: u32,
    /// What proved it, or what is missing, in words.
    pub progress: String,
}

impl ProofSummary {
    /// How far the proof of a plan is; `None` if it has no claim.
    pub(crate) fn of(plan: &TrialPlan) -> Option<Self> {
        let proof = plan.proof()?;
        let (series_tests, series_misses) = proof.series();
        let (held, held_before_series) = plan.held();
        let mut next = *proof;
        if !plan.is_series() && plan.proven_at().is_none() {
            next.begin_series();
        }
        let mut summary = Self {
            claim: proof.claim(),
            proven_at: plan.proven_at(),
            evidence: proof.evidence(),
            tests: plan.tests(),
            tests_share: f64::from(plan.tests()) / f64::from(plan.made().max(1)),
            is_series: plan.is_series(),
            series_tests,
            series_misses,
            needed: next.tests_without_a_miss(),
            held,
            held_before_series,
            progress: String::new(),
        };
        summary.progress = summary.in_words();
        Some(summary)
    }

    /// How far it is, as a share of what a proof needs, on a logarithmic scale: evidence multiplies.
    pub(crate) fn share(&self) -> f64 {
        match self.proven_at {
            Some(_) => 1.0,
            None => (self.evidence.ln() / (1.0 / FALSE_PROOF).ln()).clamp(0.0, 1.0),
        }
    }

    fn in_words(&self) -> String {
        let Self { series_tests, series_misses, needed, held, held_before_series, .. } = *self;
        let missed = match series_misses {
            0 => "without a miss".to_string(),
            1 => "with 1 miss".to_string(),
            misses => format!("with {misses} misses"),
        };
        if self.proven_at.is_some() {
            return format!("{series_tests} tests of the frozen policy {missed}");
        }
        if self.is_series {
            return format!(
                "{series_tests} tests of the frozen policy {missed}; {needed} more without a miss would prove it"
            );
        }
        format!(
            "not under test yet: {held} of {held_before_series} single tests in a row held; then {needed} without a \
             miss would prove it"
        )
    }
}

impl fmt::Display for ProofSummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.proven_at {
            Some(trial) => write!(f, "{} proven at trial {trial}", self.claim)?,
            None => write!(f, "{} not proven", self.claim)?,
        }
        write!(f, ": {}", self.progress)
    }
}

#[cfg(test)]
mod tests {
    use rmrl_core::{Purpose, TrialId};

    use super::*;

    #[test]
    fn what_is_missing_is_said_in_words() {
        let mut plan = TrialPlan::to_prove_of_fixed("1mm@50%".parse().unwrap(), 60, 1);
        let said = |plan: &TrialPlan| ProofSummary::of(plan).unwrap().to_string();
        let note = |plan: &mut TrialPlan, error_mm: f64| {
            let id = plan.next(0).unwrap();
            plan.note(id, Some(error_mm / 1000.0));
        };
        assert_eq!(
            said(&plan),
            "1mm@50% not proven: not under test yet: 0 of 0 single tests in a row held; then 5 without a miss would \
             prove it"
        );
        note(&mut plan, 9.0);
        (0..3).for_each(|_| note(&mut plan, 0.5));
        assert_eq!(
            said(&plan),
            "1mm@50% not proven: 3 tests of the frozen policy without a miss; 2 more without a miss would prove it"
        );
        (0..2).for_each(|_| note(&mut plan, 0.5));
        assert_eq!(
            said(&plan),
            "1mm@50% proven at trial 6: 5 tests of the frozen policy without a miss"
        );
        let proven = ProofSummary::of(&plan).unwrap();
        assert_eq!((proven.tests, proven.needed, proven.share()), (5, 0, 1.0));
        assert!((proven.tests_share - 5.0 / 6.0).abs() < 1e-12);
        // A run without a claim proves nothing.
        let mut plan = TrialPlan::of_trials(3, 1);
        let test = TrialId { purpose: Purpose::Test, ..TrialId::new(1, 1, 1) };
        plan.note(test, None);
        assert_eq!(ProofSummary::of(&plan), None);
    }
}
