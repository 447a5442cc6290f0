//! The errors of transfers over time.

use std::collections::BTreeMap;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use rmrl_core::quantile;
use rmrl_inventory::SlotAddress;
use serde::{Deserialize, Serialize};

use super::transfer_record::{RecordError, SiteRecord, TransferKey, TransferRecord, parse_records};

/// The measured errors of all transfers, each series in the order of the log.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SiteErrors {
    series: BTreeMap<TransferKey, Vec<TransferRecord>>,
}

/// How large some errors are.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spread {
    /// The median of their absolute values.
    pub median: f64,
    /// The root of their mean square.
    pub rms: f64,
    /// The 95 % quantile of their absolute values.
    pub quantile_95: f64,
}

/// The transfers to one site on one day.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DaySummary {
    /// The slot.
    pub site: SlotAddress,
    /// The day.
    pub day: Date,
    /// How many transfers there were.
    pub transfers: usize,
    /// Their translation errors, in meters.
    pub translation_m: Spread,
    /// Their rotation errors, in radians.
    pub yaw_rad: Spread,
    /// How many of them had a predicted interval.
    pub predicted: usize,
    /// How many of these had a translation error within it; 95 % are expected.
    pub within_interval: usize,
}

impl SiteErrors {
    /// The errors of a log, by [`parse_records`].
    ///
    /// # Errors
    /// A line is no record, or a number of it is invalid.
    pub fn parse(text: &str) -> Result<Self, RecordError> {
        let mut errors = Self::default();
        for record in parse_records(text)? {
            if let SiteRecord::Transfer(transfer) = record {
                errors.push(transfer)?;
            }
        }
        Ok(errors)
    }

    /// Adds a transfer to its series.
    ///
    /// # Errors
    /// A number of it is invalid.
    pub fn push(&mut self, transfer: TransferRecord) -> Result<(), RecordError> {
        transfer.check()?;
        self.series.entry(transfer.key()).or_default().push(transfer);
        Ok(())
    }

    /// The keys of all series, sorted.
    pub fn keys(&self) -> impl Iterator<Item = &TransferKey> {
        self.series.keys()
    }

    /// A series, in the order of the log; empty if there is none.
    pub fn series(&self, key: &TransferKey) -> &[TransferRecord] {
        self.series.get(key).map_or(&[], Vec::as_slice)
    }

    /// All transfers to a slot, in the order of time.
    pub fn to_site(&self, site: &SlotAddress) -> Vec<&TransferRecord> {
        let to_site = self.series.iter().filter(|(key, _)| key.to == *site);
        let mut transfers: Vec<&TransferRecord> = to_site.flat_map(|(_, series)| series).collect();
        transfers.sort_by_key(|transfer| transfer.time);
        transfers
    }

    /// The summaries of each site and day, sorted by both. A day is one of `time_zone`.
    pub fn summaries(&self, time_zone: &TimeZone) -> Vec<DaySummary> {
        let mut days: BTreeMap<(&SlotAddress, Date), Vec<&TransferRecord>> = BTreeMap::new();
        for transfer in self.series.values().flatten() {
            let day = transfer.time.to_zoned(time_zone.clone()).date();
            days.entry((&transfer.to, day)).or_default().push(transfer);
        }
        days.into_iter().map(|((site, day), transfers)| summary(site, day, &transfers)).collect()
    }
}

impl Spread {
    /// The spread of values; NaN without any.
    pub fn of(values: impl IntoIterator<Item = f64>) -> Self {
        let sizes: Vec<f64> = values.into_iter().map(f64::abs).collect();
        let squares: f64 = sizes.iter().map(|size| size * size).sum();
        Self {
            median: quantile(&sizes, 0.5),
            rms: (squares / sizes.len() as f64).sqrt(),
            quantile_95: quantile(&sizes, 0.95),
        }
    }
}

fn summary(site: &SlotAddress, day: Date, transfers: &[&TransferRecord]) -> DaySummary {
    let translations = || transfers.iter().map(|one| one.error().translation_m());
    let predicted = transfers.iter().zip(translations());
    let is_within: Vec<bool> = predicted
        .filter_map(|(one, error_m)| one.interval_m.map(|interval_m| error_m <= interval_m))
        .collect();
    DaySummary {
        site: site.clone(),
        day,
        transfers: transfers.len(),
        translation_m: Spread::of(translations()),
        yaw_rad: Spread::of(transfers.iter().map(|one| one.dyaw_rad)),
        predicted: is_within.len(),
        within_interval: is_within.into_iter().filter(|is_within| *is_within).count(),
    }
}
