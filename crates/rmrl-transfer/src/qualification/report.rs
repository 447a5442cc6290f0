//! The report of a qualification.

use rmrl_core::InvalidKey;
use serde::{Deserialize, Serialize};

use super::acceptance::AcceptanceConfig;
use super::installation::Installation;
use super::operational_check::{CheckResult, OperationalCheck};
use super::performance::Performance;
use super::timed_transfer::TimedTransfer;
use crate::request::Request;
use crate::watch::RecordError;

/// What a qualification has found so far.
#[derive(Debug, Clone, PartialEq)]
pub struct Qualification {
    installation: Installation,
    criterion: AcceptanceConfig,
    checks: Vec<OperationalCheck>,
    transfers: Vec<TimedTransfer>,
    refused: Vec<RefusedTransfer>,
}

/// A transfer that the cell refused before anything moved. It is none of the transfers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RefusedTransfer {
    /// What was asked.
    pub request: Request,
    /// Why it was refused, in words.
    pub reason: String,
}

/// The acceptance report of a cell.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QualificationReport {
    /// Whether the cell is accepted: every check passed, and it performs as required ([`Performance::is_met`]).
    pub is_accepted: bool,
    /// Installation qualification.
    pub installation: Installation,
    /// Operational qualification.
    pub checks: Vec<OperationalCheck>,
    /// Performance qualification.
    pub performance: Performance,
    /// What was refused before anything moved.
    pub refused: Vec<RefusedTransfer>,
    /// Every transfer, in its order.
    pub transfers: Vec<TimedTransfer>,
}

impl Qualification {
    /// A qualification before its first check.
    ///
    /// # Errors
    /// A key of `criterion` is invalid.
    pub fn new(
        installation: Installation,
        criterion: AcceptanceConfig,
    ) -> Result<Self, InvalidKey> {
        criterion.validate()?;
        Ok(Self {
            installation,
            criterion,
            checks: Vec::new(),
            transfers: Vec::new(),
            refused: Vec::new(),
        })
    }

    /// Adds a check.
    pub fn check(&mut self, check: OperationalCheck) {
        self.checks.push(check);
    }

    /// Adds a transfer.
    ///
    /// # Errors
    /// A number of it is not finite, or a duration or an interval is negative; then nothing changed.
    pub fn record(&mut self, transfer: TimedTransfer) -> Result<(), RecordError> {
        transfer.check()?;
        self.transfers.push(transfer);
        Ok(())
    }

    /// Adds a transfer that was refused before anything moved.
    pub fn refuse(&mut self, request: Request, reason: &str) {
        self.refused.push(RefusedTransfer { request, reason: reason.to_string() });
    }

    /// The transfers so far.
    pub fn transfers(&self) -> &[TimedTransfer] {
        &self.transfers
    }

    /// The report of what was found so far. The same findings give the same report.
    pub fn report(&self) -> QualificationReport {
        let performance = Performance::of(&self.transfers, &self.installation, self.criterion);
        QualificationReport {
            is_accepted: is_operational(&self.checks) && performance.is_met(),
            installation: self.installation.clone(),
            checks: self.checks.clone(),
            performance,
            refused: self.refused.clone(),
            transfers: self.transfers.clone(),
        }
    }
}

impl QualificationReport {
    /// Whether every check of the operational qualification passed. One that was not made did not.
    /// Without any check nothing is known to work.
    pub fn is_operational(&self) -> bool {
        is_operational(&self.checks)
    }
}

fn is_operational(checks: &[OperationalCheck]) -> bool {
    !checks.is_empty() && checks.iter().all(|check| check.result == CheckResult::Passed)
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::super::acceptance::Acceptance;
    use super::super::installation::QualifiedSite;
    use super::super::timed_transfer::TrueError;
    use super::*;
    use crate::request::{Ending, KnownBy, LeftAt, PlaceError, TransferReport};

    fn site(name: &str, tolerance_mm: f64) -> QualifiedSite {
        QualifiedSite {
            name: name.to_string(),
            slots: 2,
            description: "from above".to_string(),
            tolerance_mm,
            tolerance_deg: 1.0,
            labware: Vec::new(),
        }
    }

    fn qualification() -> Qualification {
        let text = |text: &str| text.to_string();
        let installation = Installation {
            cell: text("cell 1"),
            is_simulated: true,
            software: text("rmrl 0.1.0"),
            program_digest: text("00ff"),
            configuration_digest: text("ff00"),
            arm: text("xArm 6"),
            gripper: text("BIO gripper G2"),
            camera: text("D435"),
            calibration_age: text("3 days"),
            sites: vec![site("bench", 3.0), site("reader", 1.5)],
            labware: vec![text("96-well")],
            date: jiff::civil::date(2026, 3, 1),
            performed_by: text("A. Person"),
        };
        Qualification::new(installation, AcceptanceConfig::default()).unwrap()
    }

    /// A transfer that was done, with an error along the fingers.
    fn done(from: &str, to: &str, known_by: KnownBy, along_mm: f64) -> TimedTransfer {
        let (from, to) = (from.parse().unwrap(), to.parse().unwrap());
        TimedTransfer {
            time: Timestamp::UNIX_EPOCH,
            report: TransferReport {
                request: Request::Move { from, to },
                item: "plate-1".to_string(),
                labware: "96-well".to_string(),
                ending: Ending::Done,
                error: Some(PlaceError {
                    known_by,
                    along_mm,
                    across_mm: 0.0,
                    yaw_deg: -0.1,
                    interval_mm: 0.5,
                }),
                is_seated: Some(along_mm <= 1.5),
                by_way_of: None,
                carries: 0,
                corrected_by: None,
                passed_over: None,
            },
            wall_seconds: 20.0,
            cpu_seconds: 0.5,
            true_error: None,
            image: None,
        }
    }

    fn ended(ending: Ending) -> TimedTransfer {
        let mut transfer = done("bench:1", "reader", KnownBy::Measured, 0.0);
        transfer.report.ending = ending;
        (transfer.report.error, transfer.report.is_seated) = (None, None);
        transfer
    }

    fn not_done(at: LeftAt, reason: &str) -> TimedTransfer {
        ended(Ending::NotDone { at, reason: reason.to_string() })
    }

    fn some_transfers() -> Qualification {
        let mut qualification = qualification();
        let seen = [("bench:1", 0.2), ("bench:2", 0.3), ("bench:1", 1.0), ("jaws", 2.0)];
        for (from, along_mm) in seen {
            let mut transfer = done(from, "reader", KnownBy::Measured, along_mm);
            transfer.image = Some(format!("{along_mm}.png"));
            qualification.record(transfer).unwrap();
        }
        qualification.record(done("reader", "bench:1", KnownBy::Predicted, 0.0)).unwrap();
        for (at, reason) in [
            (LeftAt::From, "plate-1 is known to ±2.0 mm only"),
            (LeftAt::Jaws, "it met something 7 mm before its place"),
            (LeftAt::From, "plate-1 is known to ±3.5 mm only"),
        ] {
            qualification.record(not_done(at, reason)).unwrap();
        }
        qualification.record(ended(Ending::Unknown { reason: "it fell".to_string() })).unwrap();
        qualification
    }

    #[test]
    fn transfers_are_counted_by_pair_and_by_how_they_ended() {
        let performance = some_transfers().report().performance;
        let pairs: Vec<String> = performance.pairs.iter().map(|one| one.pair.to_string()).collect();
        assert_eq!(pairs, ["bench to reader", "jaws to reader", "reader to bench"]);
        let bench = &performance.pairs[0].statistics;
        let counts = [bench.transfers, bench.done, bench.left_in_slot, bench.left_in_jaws];
        assert_eq!((counts, bench.unknown), ([7, 3, 2, 1], 1));
        // What was not begun, or is not known, did not succeed.
        assert_eq!((bench.success.successes, bench.success.tries), (3, 7));
        assert_eq!((bench.measured, bench.predicted), (3, 0));
        // 0.2 and 0.3 mm are within 0.5 mm, 1.0 mm is not.
        assert_eq!((bench.within_interval.successes, bench.within_interval.tries), (2, 3));
        assert_eq!(bench.distance_mm.unwrap().spread.median, 0.3);
        assert!((bench.yaw_deg.unwrap().largest - 0.1).abs() < 1e-12);
        // Done, and 2 mm off: no success.
        assert_eq!(performance.pairs[1].statistics.success.successes, 0);
        let back = &performance.pairs[2].statistics;
        assert_eq!((back.measured, back.predicted, back.distance_mm), (0, 1, None));
        let total = &performance.total;
        assert_eq!((total.transfers, total.success.successes, total.measured), (9, 4, 4));
        assert!((total.wall.total_s - 180.0).abs() < 1e-9 && total.cpu.median_s == 0.5);
    }

    #[test]
    fn faults_are_grouped_and_the_worst_errors_have_their_images() {
        let performance = some_transfers().report().performance;
        let faults = &performance.faults;
        assert_eq!(
            (faults.len(), faults[0].reason.as_str()),
            (3, "the item is known to ±# mm only")
        );
        assert_eq!((faults[0].count, faults[0].example.contains("2.0 mm")), (2, true));
        let worst: Vec<_> =
            performance.worst.iter().map(|one| (one.number, one.image.as_deref())).collect();
        assert_eq!(worst, [(4, Some("2.png")), (3, Some("1.png")), (2, Some("0.3.png"))]);
        assert!(!performance.worst[0].is_seated && performance.worst[1].is_seated);
    }

    #[test]
    fn a_cell_is_accepted_by_its_transfers_and_its_checks() {
        let mut good = qualification();
        let check =
            |result| OperationalCheck { name: "doctor".to_string(), result, words: String::new() };
        for _ in 0..100 {
            good.record(done("bench:1", "reader", KnownBy::Measured, 0.2)).unwrap();
        }
        let performance = good.report().performance;
        let needed = "too few transfers: at least 189 without a failure are needed for 98 %";
        assert_eq!(performance.in_words(&performance.total), needed);
        for _ in 0..100 {
            good.record(done("reader", "bench:1", KnownBy::Predicted, 0.0)).unwrap();
        }
        let performance = good.report().performance;
        // Neither pair has enough, both together have.
        let of_pairs: Vec<Acceptance> =
            performance.pairs.iter().map(|pair| pair.statistics.acceptance).collect();
        assert_eq!(of_pairs, [Acceptance::TooFew; 2]);
        assert!(performance.is_met() && performance.in_words(&performance.total) == "met");
        assert!(!good.report().is_accepted, "nothing was checked");
        good.check(check(CheckResult::Passed));
        assert!(good.report().is_accepted);
        for result in [CheckResult::Failed, CheckResult::NotMade] {
            let mut unchecked = good.clone();
            unchecked.check(check(result));
            assert!(!unchecked.report().is_accepted, "{result}");
        }
        // A pair that is proven to be bad is not hidden by many good ones.
        for _ in 0..1000 {
            good.record(done("reader", "bench:1", KnownBy::Measured, 0.1)).unwrap();
        }
        for _ in 0..3 {
            good.record(done("bench:1", "bench:2", KnownBy::Measured, 2.0)).unwrap();
        }
        let report = good.report();
        assert_eq!(report.performance.total.acceptance, Acceptance::Met);
        assert!(!report.performance.is_met() && !report.is_accepted);
    }

    #[test]
    fn the_truth_of_a_simulation_is_compared_with_what_was_reported() {
        let mut qualification = qualification();
        for (true_mm, yaw_deg) in [(0.3, 0.0), (0.8, 0.0), (1.6, 0.0), (0.3, 2.0)] {
            let mut transfer = done("bench:1", "reader", KnownBy::Measured, 0.2);
            transfer.true_error = Some(TrueError { along_mm: true_mm, across_mm: 0.0, yaw_deg });
            qualification.record(transfer).unwrap();
        }
        let truth = qualification.report().performance.total.truth.unwrap();
        let count = |rate: crate::protocol::Rate| (rate.successes, rate.tries);
        // 1.6 mm is beyond the reader's 1.5 mm, 2 degrees beyond its one degree.
        assert_eq!((count(truth.seated), count(truth.wrongly_seated)), ((2, 4), (2, 4)));
        // 0.6 and 1.4 mm from what was reported are more than 0.5 mm.
        assert_eq!(count(truth.within_interval), (2, 4));
        assert_eq!(truth.distance_mm.largest, 1.6);
        assert!(some_transfers().report().performance.total.truth.is_none());
    }

    #[test]
    fn a_report_is_read_as_it_was_written() {
        let mut qualification = some_transfers();
        let mut transfer = done("bench:1", "reader", KnownBy::Measured, 0.1 + 0.2);
        transfer.report.by_way_of = Some("bench:2".parse().unwrap());
        transfer.true_error = Some(TrueError { along_mm: 1.0 / 3.0, across_mm: 0.0, yaw_deg: 0.0 });
        qualification.record(transfer).unwrap();
        qualification.refuse(
            Request::Move { from: "bench:1".parse().unwrap(), to: "bench:2".parse().unwrap() },
            "no clear way",
        );
        let report = qualification.report();
        let json = serde_json::to_string(&report).unwrap();
        let again: QualificationReport = serde_json::from_str(&json).unwrap();
        assert_eq!(again, report);
        assert_eq!(qualification.report(), report, "the same findings give the same report");
        assert!(json.contains(r#""ending":"not_done","at":"jaws""#), "{json}");
        let empty = self::qualification().report();
        let json = serde_json::to_string(&empty).unwrap();
        assert_eq!(serde_json::from_str::<QualificationReport>(&json).unwrap(), empty);
    }

    #[test]
    fn what_is_no_number_is_refused_and_changes_nothing() {
        let good = done("bench:1", "reader", KnownBy::Measured, 0.1);
        let with_error = |change: &dyn Fn(&mut PlaceError)| {
            let mut transfer = good.clone();
            change(transfer.report.error.as_mut().unwrap());
            transfer
        };
        let truth = TrueError { along_mm: 0.0, across_mm: f64::NAN, yaw_deg: 0.0 };
        let mut qualification = qualification();
        for wrong in [
            TimedTransfer { wall_seconds: -1.0, ..good.clone() },
            TimedTransfer { cpu_seconds: f64::NAN, ..good.clone() },
            TimedTransfer { true_error: Some(truth), ..good.clone() },
            with_error(&|error| error.along_mm = f64::INFINITY),
            with_error(&|error| error.yaw_deg = f64::NAN),
            with_error(&|error| error.interval_mm = -0.1),
        ] {
            let message = qualification.record(wrong).unwrap_err().to_string();
            assert!(message.contains(" of the transfer to reader is "), "{message}");
        }
        assert!(qualification.transfers().is_empty());
        assert_eq!(qualification.report().performance.total.acceptance, Acceptance::TooFew);
    }
}
