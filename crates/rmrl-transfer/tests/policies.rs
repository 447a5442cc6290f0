//! Trained policies in transfers: adopted, refused, guarded, gone back from, and kept over a restart.

#![allow(clippy::unwrap_used, reason = "a test that fails at an unwrap has done its work")]

mod common;

use std::path::Path;
use std::sync::{Arc, Mutex};

use common::{First, Laboratory, cell_over};
use rmrl_belief::CellBelief;
use rmrl_core::{Observation, PlanarPose};
use rmrl_inventory::LocalDisk;
use rmrl_labware::Labware;
use rmrl_transfer::{
    BELIEF, CorrectedBy, Ending, GateConfig, KeepTrials, KnownBy, POLICIES, PickPolicy, Policies,
    PolicyChangeCause, PolicyError, PolicyPair, SiteRecord, TransferLog, TransferReport,
    TransferTrial, parse_records,
};

const PLATE: [First; 1] = [("plate-1", "96-well", false, "bench")];

/// Decides after few transfers.
const SHORT: GateConfig = GateConfig {
    loss_cap: 0.001,
    allowed_increase: 0.000_6,
    false_proof: 0.5,
    hours_between_changes: 24,
};

/// Picks by a belief of its own, moved along and across the fingers, and turned; or abstains.
#[derive(Clone)]
struct Fake {
    belief: CellBelief,
    along_m: f64,
    across_m: f64,
    abstains: bool,
}

impl PickPolicy for Fake {
    fn pick(&mut self, seen: &Observation, labware: &Labware) -> Result<PlanarPose, String> {
        assert_eq!(labware.name, "96-well");
        assert!(seen.image.width() > 100 && seen.plate_in_image.diagonal_px > 10.0);
        if self.abstains {
            return Err("it abstains".to_string());
        }
        let tool = self.belief.tool_over(seen.look(), self.along_m);
        let (sin, cos) = tool.yaw_rad.sin_cos();
        let PlanarPose { x_m, y_m, yaw_rad } = tool;
        Ok(PlanarPose::new(x_m - self.across_m * sin, y_m + self.across_m * cos, yaw_rad))
    }
}

fn pair() -> PolicyPair {
    PolicyPair { from: "reader".into(), to: "bench".into(), labware: "96-well".into() }
}

fn log(dir: &Path) -> TransferLog {
    TransferLog::open(&dir.join("transfers.jsonl")).unwrap()
}

/// Policies in a folder by the names of fakes: "off-by-1.0" is 1 mm off along the fingers, "across-by-30.0" 30 mm across, "shy" abstains; others
/// are missing.
fn policies(dir: &Path, perfect: Option<&Fake>) -> Policies {
    let perfect = perfect.cloned();
    let load = move |name: &str| -> Result<Box<dyn PickPolicy>, String> {
        let mut fake = perfect.clone().ok_or("nothing is kept")?;
        let mm = |prefix: &str| Some(1e-3 * name.strip_prefix(prefix)?.parse::<f64>().ok()?);
        if let Some(off_m) = mm("off-by-") {
            fake.along_m += off_m;
        } else if let Some(off_m) = mm("across-by-") {
            fake.across_m += off_m;
        } else if name == "shy" {
            fake.abstains = true;
        } else {
            return Err(format!("{name} is missing"));
        }
        Ok(Box::new(fake))
    };
    Policies::open(dir, log(dir), Box::new(load))
}

/// A laboratory that has learned where its camera sees plates, and what a perfect policy knows of it. The plate lies in the reader.
fn learned(dir: &Path, seed: u64) -> (Laboratory, Fake) {
    let mut laboratory = Laboratory::new(dir, &PLATE, seed);
    assert_eq!(laboratory.transfer("bench", "reader").ending, Ending::Done);
    for _ in 0..2 {
        there_and_back(&mut laboratory);
    }
    let report = laboratory.transfer("reader", "bench");
    assert_eq!(report.is_seated, Some(true), "{report:?}");
    let off_m = 1e-3 * laboratory.item("plate-1").slot.unwrap().1.x_mm;
    assert_eq!(laboratory.transfer("bench", "reader").ending, Ending::Done);
    let known = laboratory.cell.knowledge();
    let belief = known.belief().clone();
    let along_m = known.offsets().of("bench").by(&belief).mean - off_m;
    let fake = Fake { belief, along_m, across_m: 0.0, abstains: false };
    laboratory.cell.correct_by(policies(dir, Some(&fake)));
    (laboratory, fake)
}

/// From the reader to the bench and back. Returns the report of the way there.
fn there_and_back(laboratory: &mut Laboratory) -> TransferReport {
    let there = laboratory.transfer("reader", "bench");
    assert_eq!(there.ending, Ending::Done, "{there:?}");
    let back = laboratory.transfer("bench", "reader");
    assert_eq!((back.ending, back.corrected_by), (Ending::Done, Some(CorrectedBy::Belief)));
    there
}

fn offer(laboratory: &mut Laboratory, policy: &str) {
    laboratory.cell.policies_mut().unwrap().offer(&pair(), policy, SHORT).unwrap();
}

fn gate(laboratory: &Laboratory) -> rmrl_transfer::PolicyGate {
    laboratory.cell.policies().unwrap().gates().unwrap()[0].gate.clone()
}

fn policy(name: &str) -> Option<CorrectedBy> {
    Some(CorrectedBy::Policy(name.to_string()))
}

#[test]
fn a_perfect_policy_is_adopted_and_one_that_is_off_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let (mut laboratory, _) = learned(dir.path(), 3);
    offer(&mut laboratory, "off-by-0.0");
    let mut by = Vec::new();
    while gate(&laboratory).new_policy().is_some() && by.len() < 60 {
        by.push(there_and_back(&mut laboratory).corrected_by.unwrap());
    }
    println!("adopted after {} transfers", by.len());
    assert_eq!(gate(&laboratory).current(), "off-by-0.0");
    // They took turns.
    let by_new = by.iter().filter(|one| **one != CorrectedBy::Belief).count();
    assert!(by_new == by.len() / 2 || by_new == by.len().div_ceil(2), "{by:?}");
    assert_eq!(there_and_back(&mut laboratory).corrected_by, policy("off-by-0.0"));
    // The next one is worse.
    offer(&mut laboratory, "off-by-1.0");
    let mut transfers = 0;
    while gate(&laboratory).new_policy().is_some() && transfers < 60 {
        there_and_back(&mut laboratory);
        transfers += 1;
    }
    println!("refused after {transfers} transfers");
    let refused: Vec<String> = gate(&laboratory).refused().map(str::to_string).collect();
    assert_eq!(refused, ["off-by-1.0"]);
    assert_eq!(gate(&laboratory).current(), "off-by-0.0");
    // Each change, and each transfer with its policy, is in the history.
    let records = parse_records(&log(dir.path()).text().unwrap()).unwrap();
    let changes: Vec<_> = records
        .iter()
        .filter_map(|one| if let SiteRecord::Policy(one) = one { Some(one) } else { None })
        .collect();
    assert_eq!(changes.len(), 1);
    assert_eq!((changes[0].before.as_str(), changes[0].after.as_str()), (BELIEF, "off-by-0.0"));
    assert_eq!(changes[0].cause, PolicyChangeCause::NotWorse);
    let is_by_policy =
        |one: &&SiteRecord| matches!(one, SiteRecord::Transfer(one) if one.policy == "off-by-0.0");
    assert!(records.iter().filter(is_by_policy).count() > by_new / 2);
}

#[test]
fn the_belief_corrects_where_a_policy_abstains_is_missing_or_would_miss() {
    let dir = tempfile::tempdir().unwrap();
    let (mut laboratory, _) = learned(dir.path(), 4);
    for (name, expected) in [
        ("shy", "abstains"),
        ("gone", "gone is missing"),
        ("off-by-5.0", "mm are allowed"),
        ("off-by--5.0", "mm are allowed"),
        ("across-by-30.0", "of any correction"),
    ] {
        let now = jiff::Timestamp::UNIX_EPOCH;
        let policies = laboratory.cell.policies_mut().unwrap();
        policies.replace(&pair(), name, SHORT, now).unwrap();
        let report = there_and_back(&mut laboratory);
        assert_eq!(report.corrected_by, Some(CorrectedBy::Belief), "{name}");
        let passed_over = report.passed_over.unwrap();
        assert_eq!(passed_over.policy, name);
        assert!(passed_over.reason.contains(expected), "{passed_over:?}");
        assert_eq!(report.is_seated, Some(true), "{name}");
        let counted = &laboratory.cell.policies().unwrap().gates().unwrap()[0];
        assert_eq!(counted.passed_over, 1);
        // A rehearsal names it before anything moves.
        let request = laboratory.request("reader", "bench", false);
        let lines = laboratory.cell.rehearse(&request).unwrap();
        assert!(lines.last().unwrap().contains(&format!("the policy {name}")), "{lines:?}");
    }
    // Across the fingers jaws center, whatever a policy says: they close as the belief says.
    let policies = laboratory.cell.policies_mut().unwrap();
    policies.replace(&pair(), "across-by-5.0", SHORT, jiff::Timestamp::UNIX_EPOCH).unwrap();
    let report = there_and_back(&mut laboratory);
    assert_eq!((report.corrected_by, report.is_seated), (policy("across-by-5.0"), Some(true)));
    // One that is compared and passed over is neither adopted nor refused.
    laboratory.cell.policies_mut().unwrap().rollback(&pair(), jiff::Timestamp::UNIX_EPOCH).unwrap();
    let now = jiff::Timestamp::UNIX_EPOCH;
    laboratory.cell.policies_mut().unwrap().replace(&pair(), BELIEF, SHORT, now).unwrap();
    offer(&mut laboratory, "off-by-7.0");
    for _ in 0..3 {
        there_and_back(&mut laboratory);
    }
    assert_eq!(gate(&laboratory).new_policy(), Some("off-by-7.0"));
    assert_eq!(gate(&laboratory).evidence().unwrap().0, 0);
}

/// A new policy that abstains whenever it is its turn does not keep the current one from correcting.
#[test]
fn the_current_policy_corrects_where_the_new_one_is_passed_over() {
    let dir = tempfile::tempdir().unwrap();
    let (mut laboratory, _) = learned(dir.path(), 5);
    let now = jiff::Timestamp::UNIX_EPOCH;
    let policies = laboratory.cell.policies_mut().unwrap();
    policies.replace(&pair(), "off-by-0.0", SHORT, now).unwrap();
    offer(&mut laboratory, "shy");
    let reports: Vec<_> = (0..3).map(|_| there_and_back(&mut laboratory)).collect();
    for report in &reports {
        assert_eq!(report.corrected_by, policy("off-by-0.0"), "{report:?}");
    }
    let passed_over = reports[2].passed_over.as_ref().unwrap();
    assert_eq!(passed_over.policy, "shy");
    assert_eq!(gate(&laboratory).evidence().unwrap().0, 0);
}

#[test]
fn a_change_comes_once_a_day_and_can_be_gone_back_from_for_good() {
    let dir = tempfile::tempdir().unwrap();
    let (mut laboratory, fake) = learned(dir.path(), 5);
    // The clock of the laboratory moves by seconds.
    let now: jiff::Timestamp = "2023-11-14T22:30:00Z".parse().unwrap();
    let replaced = laboratory.cell.policies_mut().unwrap().replace(&pair(), "shy", SHORT, now);
    assert_eq!(replaced.unwrap(), BELIEF);
    let rolled = laboratory.cell.policies_mut().unwrap().rollback(&pair(), now).unwrap();
    assert_eq!(rolled, BELIEF);
    let again = laboratory.cell.policies_mut().unwrap().offer(&pair(), "shy", SHORT);
    assert!(matches!(again, Err(PolicyError::Gate { .. })), "{again:?}");
    offer(&mut laboratory, "off-by-0.0");
    let proof = gate(&laboratory).proof();
    while gate(&laboratory).evidence().unwrap().1 < proof {
        assert!(gate(&laboratory).evidence().unwrap().0 < 20);
        there_and_back(&mut laboratory);
    }
    there_and_back(&mut laboratory);
    // It is proven, and waits for its day; so it does in the next program.
    let waiting = gate(&laboratory);
    assert_eq!((waiting.current(), waiting.new_policy()), (BELIEF, Some("off-by-0.0")));
    let mut later = waiting.clone();
    let tomorrow = now + jiff::SignedDuration::from_hours(25);
    let decision = later.decide(tomorrow);
    assert!(matches!(decision, rmrl_transfer::Decision::Replaced { .. }), "{decision:?}");
    let Laboratory { cell, truth } = laboratory;
    drop(cell);
    let cell = cell_over(truth.devices(), dir.path(), &PLATE, LocalDisk);
    let mut laboratory = Laboratory { cell, truth };
    laboratory.cell.correct_by(policies(dir.path(), Some(&fake)));
    assert_eq!(gate(&laboratory), waiting);
    assert_eq!(there_and_back(&mut laboratory).passed_over, None);
}

#[test]
fn a_damaged_file_of_gates_is_said_kept_and_ends_no_transfer() {
    let dir = tempfile::tempdir().unwrap();
    let (mut laboratory, fake) = learned(dir.path(), 6);
    offer(&mut laboratory, "off-by-0.0");
    let whole = std::fs::read_to_string(dir.path().join(POLICIES)).unwrap();
    let damages = [
        whole[..whole.len() / 2].to_string(),
        whole.replace("\"version\":1", "\"version\":2"),
        whole.replace("\"refused\"", "\"regretted\""),
        String::new(),
    ];
    for (number, damaged) in damages.into_iter().enumerate() {
        std::fs::write(dir.path().join(POLICIES), &damaged).unwrap();
        laboratory.cell.correct_by(policies(dir.path(), Some(&fake)));
        if number == 0 {
            let report = there_and_back(&mut laboratory);
            assert_eq!(
                (report.corrected_by, report.passed_over),
                (Some(CorrectedBy::Belief), None)
            );
        }
        let policies = laboratory.cell.policies_mut().unwrap();
        let now = jiff::Timestamp::UNIX_EPOCH;
        assert!(matches!(policies.gates(), Err(PolicyError::Unreadable { .. })));
        let refused = policies.replace(&pair(), "shy", SHORT, now).unwrap_err().to_string();
        assert!(refused.contains(POLICIES) && refused.contains("restore it"), "{refused}");
        assert_eq!(std::fs::read_to_string(dir.path().join(POLICIES)).unwrap(), damaged);
    }
    // One that cannot be written ends no transfer, and is said to those who change it.
    std::fs::write(dir.path().join(POLICIES), &whole).unwrap();
    laboratory.cell.correct_by(policies(dir.path(), Some(&fake)));
    std::fs::remove_file(dir.path().join(POLICIES)).unwrap();
    std::fs::create_dir(dir.path().join(POLICIES)).unwrap();
    for _ in 0..2 {
        there_and_back(&mut laboratory);
    }
    let policies = laboratory.cell.policies_mut().unwrap();
    assert!(matches!(policies.withdraw(&pair()), Err(PolicyError::Write { .. })));
    assert_eq!(gate(&laboratory).new_policy(), Some("off-by-0.0"));
}

/// Keeps trials in memory, or refuses.
struct Kept(Arc<Mutex<Vec<TransferTrial>>>);

impl KeepTrials for Kept {
    fn keep(&mut self, trial: &TransferTrial) -> Result<(), String> {
        let mut kept = self.0.lock().unwrap();
        kept.push(trial.clone());
        if kept.len() > 2 { Err("the disk is full".to_string()) } else { Ok(()) }
    }
}

#[test]
fn a_transfer_that_the_camera_saw_is_a_trial() {
    let dir = tempfile::tempdir().unwrap();
    let (mut laboratory, fake) = learned(dir.path(), 7);
    let kept = Arc::new(Mutex::new(Vec::new()));
    laboratory.cell.keep_trials_by(Box::new(Kept(Arc::clone(&kept))));
    let now = jiff::Timestamp::UNIX_EPOCH;
    laboratory.cell.policies_mut().unwrap().replace(&pair(), "off-by-1.0", SHORT, now).unwrap();
    let report = there_and_back(&mut laboratory);
    assert_eq!(report.corrected_by, policy("off-by-1.0"));
    let measured = report.error.filter(|error| error.known_by == KnownBy::Measured);
    // A disk that is full ends nothing. What the camera does not see is no trial.
    assert_eq!(laboratory.transfer("reader", "bench").ending, Ending::Done);
    assert_eq!(laboratory.transfer("bench", "hotel:1").ending, Ending::Done);
    let kept = kept.lock().unwrap();
    let by: Vec<&str> = kept.iter().map(|trial| trial.corrected_by.as_str()).collect();
    assert_eq!(by, ["off-by-1.0", BELIEF, "off-by-1.0"]);
    let trial = &kept[0];
    assert_eq!(trial.pair, pair());
    let expected = fake.belief.tool_over(trial.seen.look(), fake.along_m + 1e-3);
    assert!(trial.pick.distance_m(expected) < 1e-4, "{:?} {expected:?}", trial.pick);
    let apart = trial.seen_after.pose.relative_to(trial.target);
    let along_mm = 1e3 * apart.rotated(-trial.place.yaw_rad).dx_m;
    assert!((along_mm - 1.0).abs() < 0.7, "{along_mm}");
    if let Some(measured) = measured {
        assert!((along_mm - measured.along_mm).abs() < 0.1, "{along_mm} {measured:?}");
    }
}
