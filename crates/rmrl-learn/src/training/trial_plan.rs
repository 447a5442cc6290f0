//! What each trial of a run is for, and when the run ends.
//!
//! Without a claim to prove, a run makes so many training trials, in scenes. With a claim it also tests the policy as
//! it would be deployed, from new placements:
//!
//! 1. *Single tests.* After each scene of training one trial tests the policy, from the trial on after which the
//!    candidates are no more refined. Half of the trials are tests where a scene has one trial. A policy that can
//!    label a trial by itself learns from it, as from any other. Single tests prove nothing, because the policy changes
//!    between them; they say when it is ready for a series.
//! 2. *Series.* After [`HELD_BEFORE_SERIES`] tests in a row that were as claimed, the policy is frozen and all trials
//!    test it. A series ends with the proof, which ends the run: the tested policy is the one to deploy. Or it ends
//!    when the tests speak against the policy; then the policy learns from them, and the run continues with 1.
//!
//! What is left of the trials is kept for a series where it would not be enough for another one.

use rmrl_core::{Claim, Proof, Purpose, TrialId, Verdict};

use crate::config::ScheduleConfig;

/// How many single tests in a row have to be as claimed before a series begins. Of 10, 15, 20, 30 and 40 it proved
/// most in simulated runs: a series that fails costs more than to wait.
const HELD_BEFORE_SERIES: u32 = 30;

/// What each trial of a run is for, and when the run ends: after a number of trials, or with a proof.
#[derive(Debug, Clone, PartialEq)]
pub struct TrialPlan {
    /// The largest number of trials.
    trials: u32,
    trials_per_scene: u32,
    /// Completed trials.
    made: u32,
    /// The scene of the last trial.
    scene: u32,
    /// Trials that the scene under way still has.
    left_in_scene: u32,
    tests: Option<Tests>,
}

/// The tests of a run that is to prove a claim.
#[derive(Debug, Clone, PartialEq)]
struct Tests {
    proof: Proof,
    /// The trial after which they begin.
    after: u32,
    held_before_series: u32,
    /// How many single tests in a row were as claimed.
    held: u32,
    /// Whether the policy learns nothing from its tests, whatever they come to: then all of them are one series.
    is_fixed: bool,
    /// Whether the last trial ended a scene of training, so that a single test follows.
    is_due: bool,
    is_series: bool,
    made: u32,
    proven_at: Option<u32>,
}

/// What is to be done with a completed trial.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Noted {
    /// The policy learns from it.
    Learn {
        /// Whether it is the last of its scene.
        completes_scene: bool,
    },
    /// It is kept until its series has ended, because the policy is frozen.
    KeepForLater,
    /// Its series failed: the policy learns from it, and from those that were kept.
    LearnFromSeries,
    /// The claim is proven of the policy as it is, which learns no more.
    Proven,
}

impl TrialPlan {
    /// A run of `trials` training trials.
    pub fn of_trials(trials: u32, trials_per_scene: u32) -> Self {
        Self { trials, trials_per_scene, made: 0, scene: 0, left_in_scene: 0, tests: None }
    }

    /// The same plan after `trials` trials of a run that made `scenes` whole scenes of them, maybe by other plans.
    #[must_use]
    pub fn after(self, trials: u32, scenes: u32) -> Self {
        Self { made: trials, scene: scenes, left_in_scene: 0, ..self }
    }

    /// A run that trains by `schedule` and proves `claim`, in up to `trials` trials.
    pub fn to_prove(claim: Claim, trials: u32, schedule: &ScheduleConfig) -> Self {
        let after = schedule.refinements * schedule.refine_interval;
        // Half of what a proof does not need is left for another one, should the first series fail.
        let latest = trials.saturating_sub(claim.least_tests()) / 2;
        let plan = Self::of_trials(trials, schedule.trials_per_scene);
        plan.with_tests(claim, after.min(latest), HELD_BEFORE_SERIES, false)
    }

    /// A run that proves `claim` of a policy that does not change after `settled` trials, in up to `trials` trials. A miss
    /// does not end its series, because the next one would test the same policy.
    pub fn to_prove_of_fixed(claim: Claim, trials: u32, settled: u32) -> Self {
        Self::of_trials(trials, 1).with_tests(claim, settled, 0, true)
    }

    fn with_tests(
        mut self,
        claim: Claim,
        after: u32,
        held_before_series: u32,
        is_fixed: bool,
    ) -> Self {
        self.tests = Some(Tests {
            proof: Proof::of(claim),
            after,
            held_before_series,
            held: 0,
            is_fixed,
            is_due: false,
            is_series: false,
            made: 0,
            proven_at: None,
        });
        self.begin_series_where_due();
        self
    }

    /// The first attempt at the next trial, or the one after some failed attempts; `None` if the run ends.
    pub fn next(&self, failed_attempts: u32) -> Option<TrialId> {
        if self.is_reached() {
            return None;
        }
        let purpose = match self.tests.as_ref().is_some_and(Tests::is_next) {
            true => Purpose::Test,
            false => Purpose::Training,
        };
        Some(self.id_of(purpose, failed_attempts + 1))
    }

    /// The name of an attempt at the next trial, if it is for this purpose.
    pub fn id_of(&self, purpose: Purpose, attempt: u32) -> TrialId {
        let is_new_scene = purpose == Purpose::Test || self.left_in_scene == 0;
        let scene = self.scene + u32::from(is_new_scene);
        TrialId { trial: self.made + 1, attempt, scene, purpose }
    }

    /// Takes note of a completed trial and its measured translation error, in meters; `None` is no placement. The
    /// caller notes every trial in order, also those in an interrupted run's checkpoint.
    pub fn note(&mut self, id: TrialId, e_trans_m: Option<f64>) -> Noted {
        self.made = id.trial;
        self.scene = id.scene;
        let noted = match (&mut self.tests, id.purpose) {
            (Some(tests), Purpose::Test) => tests.note(id.trial, e_trans_m),
            // A log of an earlier version may have tests where this plan has none.
            (None, Purpose::Test) => Noted::Learn { completes_scene: true },
            (_, Purpose::Training) => {
                let left = self.left_in_scene.checked_sub(1).unwrap_or(self.trials_per_scene - 1);
                self.left_in_scene = if self.made >= self.trials { 0 } else { left };
                Noted::Learn { completes_scene: self.left_in_scene == 0 }
            }
        };
        if let (Some(tests), Purpose::Training) = (&mut self.tests, id.purpose) {
            tests.is_due = self.left_in_scene == 0 && self.made >= tests.after;
        }
        self.begin_series_where_due();
        noted
    }

    /// Whether the run ends here.
    pub fn is_reached(&self) -> bool {
        self.made >= self.trials || self.proven_at().is_some()
    }

    /// The number of completed trials.
    pub fn made(&self) -> u32 {
        self.made
    }

    /// Whether the policy is frozen, because a series of tests is under way.
    pub fn is_series(&self) -> bool {
        self.tests.as_ref().is_some_and(|tests| tests.is_series)
    }

    /// The proof under way, if there is a claim.
    pub fn proof(&self) -> Option<&Proof> {
        self.tests.as_ref().map(|tests| &tests.proof)
    }

    /// How many single tests in a row were as claimed, and how many it takes to begin a series.
    pub fn held(&self) -> (u32, u32) {
        self.tests.as_ref().map_or((0, 0), |tests| (tests.held, tests.held_before_series))
    }

    /// The number of completed trials that tested the policy.
    pub fn tests(&self) -> u32 {
        self.tests.as_ref().map_or(0, |tests| tests.made)
    }

    /// The trial that proved the claim; `None` if it is not proven.
    pub fn proven_at(&self) -> Option<u32> {
        self.tests.as_ref()?.proven_at
    }

    /// A series begins where the single tests allow it, and where the trials that are left are just enough for it.
    fn begin_series_where_due(&mut self) {
        let Some(tests) = &mut self.tests else {
            return;
        };
        let is_open = tests.is_series || tests.proven_at.is_some();
        if is_open || self.left_in_scene > 0 || self.made < tests.after {
            return;
        }
        let mut next = tests.proof;
        next.begin_series();
        let needed = next.tests_without_a_miss();
        let left = self.trials - self.made.min(self.trials);
        let is_last = left < needed + 2 * self.trials_per_scene + 1;
        if left >= needed && (tests.held >= tests.held_before_series || is_last) {
            tests.proof = next;
            tests.is_series = true;
        }
    }
}

impl Tests {
    fn is_next(&self) -> bool {
        self.is_series || self.is_due
    }

    /// Takes note of a test.
    fn note(&mut self, trial: u32, e_trans_m: Option<f64>) -> Noted {
        self.made += 1;
        self.is_due = false;
        let holds = self.proof.claim().holds_for(e_trans_m);
        if !self.is_series {
            self.held = if holds { self.held + 1 } else { 0 };
            return Noted::Learn { completes_scene: true };
        }
        match self.proof.note(holds) {
            Verdict::Undecided => Noted::KeepForLater,
            Verdict::Failed if self.is_fixed => Noted::KeepForLater,
            Verdict::Proven => {
                self.proven_at = Some(trial);
                Noted::Proven
            }
            Verdict::Failed => {
                self.is_series = false;
                self.held = 0;
                Noted::LearnFromSeries
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The purposes of a run's trials, as letters, whose tests have these errors in millimeters, the last one again and
    /// again. A test of a series is `S`.
    fn course(mut plan: TrialPlan, errors_mm: &[f64]) -> (String, TrialPlan) {
        let (mut letters, mut errors) = (String::new(), errors_mm.iter().copied());
        let mut error_mm = 0.0;
        while let Some(id) = plan.next(0) {
            letters.push(match id.purpose {
                Purpose::Training => '.',
                Purpose::Test if plan.is_series() => 'S',
                Purpose::Test => 't',
            });
            if id.is_test() {
                error_mm = errors.next().unwrap_or(error_mm);
            }
            plan.note(id, Some(error_mm / 1000.0));
        }
        (letters, plan)
    }

    fn schedule(trials_per_scene: u32) -> ScheduleConfig {
        let (refinements, refine_interval) = (1, 6);
        ScheduleConfig { trials_per_scene, refinements, refine_interval, ..Default::default() }
    }

    fn to_prove(trials: u32, trials_per_scene: u32) -> TrialPlan {
        TrialPlan::to_prove("1mm@50%".parse().unwrap(), trials, &schedule(trials_per_scene))
    }

    #[test]
    fn without_a_claim_all_trials_are_training_in_scenes() {
        let (letters, plan) = course(TrialPlan::of_trials(7, 3), &[]);
        assert_eq!((letters.as_str(), plan.scene, plan.tests()), (".......", 3, 0));
    }

    #[test]
    fn tests_follow_scenes_and_a_series_follows_tests_that_held() {
        // 5 tests without a miss prove 50 %.
        let (letters, plan) = course(to_prove(200, 1), &[0.5]);
        assert_eq!(letters, format!("......t{}SSSSS", ".t".repeat(29)));
        assert_eq!((plan.proven_at(), plan.tests(), plan.scene), (Some(70), 35, 70));
        let (letters, plan) = course(to_prove(200, 3), &[0.5]);
        assert_eq!(letters, format!("......t{}SSSSS", "...t".repeat(29)));
        assert_eq!(plan.scene, 2 + 1 + 2 * 29 + 5);
    }

    #[test]
    fn a_fixed_policy_is_tested_in_one_series_which_a_miss_only_makes_longer() {
        let plan = || TrialPlan::to_prove_of_fixed("1mm@50%".parse().unwrap(), 60, 3);
        let (letters, proven) = course(plan(), &[0.5]);
        assert_eq!((letters.as_str(), proven.proven_at()), ("...SSSSS", Some(8)));
        let (letters, proven) = course(plan(), &[0.5, 0.5, 2.0, 0.5]);
        assert!(letters.trim_start_matches('.').chars().all(|letter| letter == 'S'), "{letters}");
        assert!(proven.proven_at().is_some_and(|trial| trial > 8), "{letters}");
        assert_eq!(course(plan(), &[0.5, 2.0, 2.0]).1.proven_at(), None);
    }

    #[test]
    fn a_miss_begins_the_count_again_and_the_last_trials_are_kept_for_a_series() {
        let (letters, plan) = course(to_prove(40, 1), &[0.5, 2.0]);
        // 7 are left: 5, and one more scene with its test.
        assert!(letters.starts_with(&format!("......t{}S", ".t".repeat(13))), "{letters}");
        assert_eq!(plan.proven_at(), None);
        assert_eq!(plan.made(), 40);
        // What a series has lost makes the next one longer.
        assert!(plan.proof().unwrap().tests_without_a_miss() > 5);
    }

    #[test]
    fn a_series_that_fails_is_learned_from_at_once() {
        let claim = "1mm@50%".parse().unwrap();
        let mut plan = TrialPlan::of_trials(60, 1).with_tests(claim, 2, 0, false);
        let mut note = |error_mm: Option<f64>| {
            let id = plan.next(0).unwrap();
            plan.note(id, error_mm.map(|mm| mm / 1000.0))
        };
        assert_eq!(note(Some(9.0)), Noted::Learn { completes_scene: true });
        assert_eq!(note(Some(9.0)), Noted::Learn { completes_scene: true });
        assert_eq!(note(Some(0.5)), Noted::KeepForLater);
        assert_eq!(note(None), Noted::LearnFromSeries);
        (0..6).for_each(|_| assert_eq!(note(Some(0.5)), Noted::KeepForLater));
        assert_eq!(note(Some(0.5)), Noted::Proven);
    }
}
