//! What the history of a cell's sites shows: errors, and the alarms that they raised.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use rmrl_inventory::SlotAddress;
use rmrl_transfer::{
    Acknowledged, Alarm, AlarmConfig, Moved, PolicyChanged, SiteAlarms, SiteErrors, SiteRecord,
    Verdict, WhatMoved,
};

/// The errors of transfers over time, with all alarms.
#[derive(Debug, Clone)]
pub struct SiteHistory {
    /// The name of the cell.
    pub cell: String,
    /// The measured errors.
    pub errors: SiteErrors,
    /// Every alarm that was ever raised, in the order of the log.
    pub alarms: Vec<RaisedAlarm>,
    /// What operators acknowledged, in the order of the log.
    pub acknowledged: Vec<Acknowledged>,
    /// When another policy began to correct, in the order of the log.
    pub policies: Vec<PolicyChanged>,
    /// How far an item may lie from its place, in millimeters, by the name of the site.
    pub tolerance_mm: BTreeMap<String, f64>,
    /// Where the cell stands: its days begin at midnight there.
    pub time_zone: TimeZone,
}

/// An alarm, with what probably moved.
#[derive(Debug, Clone, PartialEq)]
pub struct RaisedAlarm {
    /// The alarm.
    pub alarm: Alarm,
    /// What probably moved, if that was asked.
    pub what_moved: Option<WhatMoved>,
}

impl SiteHistory {
    /// The history of a log, with every alarm that it raised. What moved, the tolerances and the time zone are the caller's to
    /// add; the time zone is UTC.
    ///
    /// # Errors
    /// A number of the log or a key of `config` is invalid.
    pub fn of(cell: &str, records: &[SiteRecord], config: AlarmConfig) -> anyhow::Result<Self> {
        let mut history = Self {
            cell: cell.to_string(),
            errors: SiteErrors::default(),
            alarms: Vec::new(),
            acknowledged: Vec::new(),
            policies: Vec::new(),
            tolerance_mm: BTreeMap::new(),
            time_zone: TimeZone::UTC,
        };
        let mut watch = SiteAlarms::new(config)?;
        for record in records {
            if let Some(alarm) = watch.record(record)? {
                history.alarms.push(RaisedAlarm { alarm: alarm.clone(), what_moved: None });
            }
            match record {
                SiteRecord::Transfer(transfer) => history.errors.push(transfer.clone())?,
                SiteRecord::Acknowledged(one) => history.acknowledged.push(one.clone()),
                SiteRecord::Policy(one) => history.policies.push(one.clone()),
            }
        }
        Ok(history)
    }

    /// All slots with a transfer, sorted.
    pub(super) fn sites(&self) -> Vec<SlotAddress> {
        let mut sites: Vec<SlotAddress> = self.errors.keys().map(|key| key.to.clone()).collect();
        sites.sort();
        sites.dedup();
        sites
    }

    /// The alarms of a slot.
    pub(super) fn alarms_of<'a>(
        &'a self,
        site: &'a SlotAddress,
    ) -> impl Iterator<Item = &'a RaisedAlarm> {
        self.alarms.iter().filter(move |raised| raised.alarm.site == *site)
    }

    /// What was acknowledged of a slot.
    pub(super) fn acknowledged_of<'a>(
        &'a self,
        site: &'a SlotAddress,
    ) -> impl Iterator<Item = &'a Acknowledged> {
        self.acknowledged.iter().filter(move |one| one.site == *site)
    }
}

impl RaisedAlarm {
    /// The alarm in a few words: `error at reader has grown; probably the camera moved`.
    pub fn in_words(&self) -> String {
        let grown = format!("error at {} has grown", self.alarm.site);
        let Some(WhatMoved { verdict, .. }) = &self.what_moved else { return grown };
        match verdict {
            Verdict::Clear { moved: Moved::Nothing, .. } => {
                format!("{grown}; probably nothing moved")
            }
            Verdict::Clear { moved, .. } => format!("{grown}; probably {moved} moved"),
            Verdict::NotClear { best, next, .. } => {
                format!("{grown}; {best} or {next} moved, that is not clear")
            }
            Verdict::NoneFits { .. } => format!("{grown}; more than one thing may have moved"),
            Verdict::NoSites => format!("{grown}; there are too few transfers to say what moved"),
        }
    }
}
