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

#[cfg(test)]
mod tests {
    use jiff::tz::Offset;

    use super::*;

    fn line(time: &str, from: &str, to: &str, dx_mm: f64, interval_m: Option<f64>) -> String {
        let interval_m = interval_m.map_or("null".to_string(), |value| value.to_string());
        format!(
            "{{\"record\":\"transfer\",\"time\":\"{time}\",\"from\":\"{from}\",\"to\":\"{to}\",\"labware\":\"96-well\",\
             \"dx_m\":{},\"dy_m\":0.0,\"dyaw_rad\":{},\"interval_m\":{interval_m},\"policy\":\"p\"}}\n",
            dx_mm / 1000.0,
            -dx_mm / 100.0
        )
    }

    #[test]
    fn a_day_of_a_site_is_summarized_over_all_origins() {
        let mut text = line("2026-03-01T23:30:00Z", "bench", "reader", 9.0, None);
        for (from, dx_mm, interval_m) in
            [("bench", 1.0, Some(0.002)), ("hotel:1", -2.0, Some(0.001)), ("bench", 4.0, None)]
        {
            text += &line("2026-03-02T08:00:00Z", from, "reader", dx_mm, interval_m);
        }
        text += &line("2026-03-02T09:00:00Z", "reader", "bench", 5.0, None);
        let errors = SiteErrors::parse(&text).unwrap();
        let summaries = errors.summaries(&TimeZone::UTC);
        let keys: Vec<String> = summaries
            .iter()
            .map(|one| format!("{} {} {}", one.site, one.day, one.transfers))
            .collect();
        assert_eq!(keys, ["bench 2026-03-02 1", "reader 2026-03-01 1", "reader 2026-03-02 3"]);
        let day = &summaries[2];
        // Of 1, 2 and 4 mm: the median, the root of 21/3, and 2 + 0.9 (4 - 2).
        let close =
            |got: f64, expected: f64| assert!((got - expected).abs() < 1e-12, "{got} {expected}");
        close(day.translation_m.median, 0.002);
        close(day.translation_m.rms, 0.007f64.sqrt() * 0.001f64.sqrt());
        close(day.translation_m.quantile_95, 0.0038);
        close(day.yaw_rad.quantile_95, 0.038);
        assert_eq!((day.predicted, day.within_interval), (2, 1));
        // Half an hour before midnight in Greenwich is the next day in Berlin.
        let berlin = TimeZone::fixed(Offset::constant(1));
        assert_eq!(errors.summaries(&berlin)[1].transfers, 4);

        let key =
            errors.keys().find(|key| key.to_string().contains("from bench to reader")).unwrap();
        let series: Vec<f64> = errors.series(key).iter().map(|one| one.dx_m).collect();
        assert_eq!(series, [0.009, 0.001, 0.004]);
        let to_reader: Vec<f64> =
            errors.to_site(&"reader".parse().unwrap()).iter().map(|one| one.dx_m).collect();
        assert_eq!(to_reader.len(), 4);
        assert_eq!(to_reader[0], 0.009);
    }

    #[test]
    fn an_invalid_transfer_is_not_added() {
        let mut errors =
            SiteErrors::parse(&line("2026-03-01T23:30:00Z", "bench", "reader", 9.0, None)).unwrap();
        let key = errors.keys().next().unwrap().clone();
        let mut wrong = errors.series(&key)[0].clone();
        wrong.dx_m = f64::NAN;
        assert!(errors.push(wrong).is_err());
        assert_eq!(errors.series(&key).len(), 1);
    }
}
