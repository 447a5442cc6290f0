//! What the transfers of a qualification came to, in total and for each pair of sites.

use std::collections::BTreeMap;
use std::fmt;

use rmrl_core::quantile;
use rmrl_inventory::Place;
use serde::{Deserialize, Serialize};

use super::acceptance::{Acceptance, AcceptanceConfig};
use super::error_statistics::ErrorStatistics;
use super::fault_counts::{FaultCount, fault_counts};
use super::installation::Installation;
use super::timed_transfer::TimedTransfer;
use super::worst::{WorstTransfer, worst};
use crate::protocol::Rate;
use crate::request::{Ending, LeftAt};

/// Where items came from, and where they were brought: an ordered pair of sites. All slots of a site belong together.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SitePair {
    /// The name of the site that they came from, or `jaws`.
    pub from: String,
    /// The name of the site where they were brought.
    pub to: String,
}

impl SitePair {
    /// The pair of a transfer.
    pub fn of(transfer: &TimedTransfer) -> Self {
        let from = match transfer.report.request.from() {
            Place::Slot(slot) => slot.site().to_string(),
            jaws @ Place::Jaws => jaws.to_string(),
        };
        Self { from, to: transfer.to().site().to_string() }
    }
}

impl fmt::Display for SitePair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} to {}", self.from, self.to)
    }
}

/// How long transfers took, in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Durations {
    /// The median.
    pub median_s: f64,
    /// The longest.
    pub longest_s: f64,
    /// All together.
    pub total_s: f64,
}

/// What is known only of a simulation: how far off items truly lie.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TruthStatistics {
    /// The true distances, in millimeters.
    pub distance_mm: ErrorStatistics,
    /// How many of them are within the site's tolerance, in distance and turn. Sites without one are left out.
    pub seated: Rate,
    /// How many of the transfers that were reported as seated truly are not.
    pub wrongly_seated: Rate,
    /// How many of the reported positions are within the reported interval of the true one; 95 % are expected.
    pub within_interval: Rate,
}

/// What some transfers came to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TransferStatistics {
    /// How many there were.
    pub transfers: usize,
    /// How many were done.
    pub done: usize,
    /// How many were not, with the item left where it was, or where it was put down in between.
    pub left_in_slot: usize,
    /// How many were not, with the item left in the jaws.
    pub left_in_jaws: usize,
    /// How many ended with an item of which nobody knows where it is.
    pub unknown: usize,
    /// How many were done and within the site's tolerance, of all.
    pub success: Rate,
    /// Whether that is as often as required.
    pub acceptance: Acceptance,
    /// How many errors were measured.
    pub measured: usize,
    /// How many errors were only predicted: the camera does not see the site, or did not see the item.
    pub predicted: usize,
    /// The measured distances, in millimeters.
    pub distance_mm: Option<ErrorStatistics>,
    /// The measured turns, in degrees.
    pub yaw_deg: Option<ErrorStatistics>,
    /// How many of the measured distances are within the reported 95 % interval.
    pub within_interval: Rate,
    /// How far off items truly lie; `None` in a real cell.
    pub truth: Option<TruthStatistics>,
    /// How long they took.
    pub wall: Durations,
    /// How much processor time they took.
    pub cpu: Durations,
}

/// What the transfers of a pair of sites came to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PairPerformance {
    /// The pair.
    pub pair: SitePair,
    /// Its transfers.
    pub statistics: TransferStatistics,
}

/// Performance qualification.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Performance {
    /// What is required.
    pub criterion: AcceptanceConfig,
    /// How many transfers without a failure would be needed to prove it.
    pub needed_without_failure: usize,
    /// All transfers.
    pub total: TransferStatistics,
    /// Those of each pair of sites, sorted.
    pub pairs: Vec<PairPerformance>,
    /// Why transfers were not done.
    pub faults: Vec<FaultCount>,
    /// The three with the largest measured errors.
    pub worst: Vec<WorstTransfer>,
}

impl Performance {
    /// What transfers in an installation came to.
    pub(super) fn of(
        transfers: &[TimedTransfer],
        installation: &Installation,
        criterion: AcceptanceConfig,
    ) -> Self {
        let mut pairs: BTreeMap<SitePair, Vec<&TimedTransfer>> = BTreeMap::new();
        for transfer in transfers {
            pairs.entry(SitePair::of(transfer)).or_default().push(transfer);
        }
        let statistics =
            |some: &[&TimedTransfer]| TransferStatistics::of(some, installation, &criterion);
        let all: Vec<&TimedTransfer> = transfers.iter().collect();
        let pairs = pairs
            .into_iter()
            .map(|(pair, some)| PairPerformance { pair, statistics: statistics(&some) });
        Self {
            criterion,
            needed_without_failure: criterion.needed_without_failure(),
            total: statistics(&all),
            pairs: pairs.collect(),
            faults: fault_counts(transfers),
            worst: worst(transfers),
        }
    }

    /// Whether the cell performs as required: proven of all transfers together, and no pair of sites is proven to do worse.
    /// Pairs with too few transfers prove nothing of themselves.
    pub fn is_met(&self) -> bool {
        let mut pairs = self.pairs.iter();
        self.total.acceptance == Acceptance::Met
            && pairs.all(|pair| pair.statistics.acceptance != Acceptance::NotMet)
    }

    /// Whether some transfers are as required, in words.
    pub fn in_words(&self, statistics: &TransferStatistics) -> String {
        let needed = self.needed_without_failure;
        match statistics.acceptance {
            Acceptance::TooFew => format!(
                "too few transfers: at least {needed} without a failure are needed for {} %",
                rounded(100.0 * self.criterion.least_success)
            ),
            met_or_not => met_or_not.to_string(),
        }
    }
}

/// A number without what its computation left behind.
fn rounded(value: f64) -> f64 {
    (value * 1e6).round() / 1e6
}

impl TransferStatistics {
    fn of(
        transfers: &[&TimedTransfer],
        installation: &Installation,
        criterion: &AcceptanceConfig,
    ) -> Self {
        let count = |is_counted: &dyn Fn(&Ending) -> bool| {
            transfers.iter().filter(|transfer| is_counted(&transfer.report.ending)).count()
        };
        let left = |in_jaws: bool| {
            count(
                &|ending| matches!(ending, Ending::NotDone { at, .. } if (*at == LeftAt::Jaws) == in_jaws),
            )
        };
        let successes = transfers.iter().filter(|transfer| transfer.is_success()).count();
        let success = Rate::new(successes, transfers.len());
        let measured: Vec<_> = transfers.iter().filter_map(|one| one.measured()).collect();
        let known = transfers.iter().filter(|one| one.report.error.is_some()).count();
        let distances: Vec<f64> = measured.iter().map(|error| error.distance_mm()).collect();
        let turns: Vec<f64> = measured.iter().map(|error| error.yaw_deg).collect();
        let within = measured.iter().filter(|error| error.distance_mm() <= error.interval_mm);
        Self {
            transfers: transfers.len(),
            done: count(&|ending| *ending == Ending::Done),
            left_in_slot: left(false),
            left_in_jaws: left(true),
            unknown: count(&|ending| matches!(ending, Ending::Unknown { .. })),
            success,
            acceptance: criterion.judge(&success),
            measured: measured.len(),
            predicted: known - measured.len(),
            distance_mm: ErrorStatistics::of(&distances),
            yaw_deg: ErrorStatistics::of(&turns),
            within_interval: Rate::new(within.count(), measured.len()),
            truth: TruthStatistics::of(transfers, installation),
            wall: Durations::of(transfers.iter().map(|transfer| transfer.wall_seconds)),
            cpu: Durations::of(transfers.iter().map(|transfer| transfer.cpu_seconds)),
        }
    }
}

impl TruthStatistics {
    fn of(transfers: &[&TimedTransfer], installation: &Installation) -> Option<Self> {
        let known = || transfers.iter().filter_map(|one| Some((*one, one.true_error?)));
        let distances: Vec<f64> = known().map(|(_, truth)| truth.distance_mm()).collect();
        let distance_mm = ErrorStatistics::of(&distances)?;
        let (mut seated, mut wrongly, mut within) = (Vec::new(), Vec::new(), Vec::new());
        for (transfer, truth) in known() {
            if let Some(site) = installation.site(transfer.to().site()) {
                let is_seated = truth.distance_mm() <= site.tolerance_mm
                    && truth.yaw_deg.abs() <= site.tolerance_deg;
                seated.push(is_seated);
                if transfer.is_success() {
                    wrongly.push(!is_seated);
                }
            }
            if let Some(error) = transfer.report.error {
                let (along_mm, across_mm) =
                    (error.along_mm - truth.along_mm, error.across_mm - truth.across_mm);
                within.push(along_mm.hypot(across_mm) <= error.interval_mm);
            }
        }
        let [seated, wrongly_seated, within_interval] = [seated, wrongly, within]
            .map(|flags| Rate::new(flags.iter().filter(|flag| **flag).count(), flags.len()));
        Some(Self { distance_mm, seated, wrongly_seated, within_interval })
    }
}

impl Durations {
    /// Of these seconds; 0 without any.
    fn of(seconds: impl Iterator<Item = f64>) -> Self {
        let seconds: Vec<f64> = seconds.collect();
        let median_s = if seconds.is_empty() { 0.0 } else { quantile(&seconds, 0.5) };
        let longest_s = seconds.iter().copied().fold(0.0, f64::max);
        // The sum of nothing is -0.
        let total_s = seconds.iter().fold(0.0, |total, one| total + one);
        Self { median_s, longest_s, total_s }
    }
}
