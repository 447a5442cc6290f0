//! The alarm that the errors at a site have grown.

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use rmrl_core::{ConfigKeys, InvalidKey, quantile};
use rmrl_inventory::SlotAddress;
use serde::{Deserialize, Serialize};

use super::growth_evidence::GrowthEvidence;
use super::transfer_record::{RecordError, SiteRecord, TransferRecord};

/// How many of the last errors an alarm shows. Ten have a median that one outlier does not move.
const SHOWN: usize = 10;

/// When an alarm is raised.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ConfigKeys)]
#[serde(default, deny_unknown_fields)]
pub struct AlarmConfig {
    /// The probability of ever raising a false alarm at a site, from one acknowledgment to the next. Default 0.001: with
    /// ten sites, one false alarm in a hundred commissionings.
    #[key(above = 0, below = 1)]
    pub false_alarm: f64,
    /// How many transfers after commissioning or an acknowledgment are the reference. Default 30: about a day's.
    #[key(at_least = 2, limit = 100_000)]
    pub reference: u32,
}

impl Default for AlarmConfig {
    fn default() -> Self {
        Self { false_alarm: 1e-3, reference: 30 }
    }
}

/// Errors at a site that have grown. Medians are those of absolute errors.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Alarm {
    /// The slot.
    pub site: SlotAddress,
    /// The time of the transfer that raised it.
    pub time: Timestamp,
    /// How many transfers there were since the reference began.
    pub transfers: usize,
    /// The evidence that translation errors have grown.
    pub translation_evidence: f64,
    /// The evidence that rotation errors have grown. The alarm is raised by the mean of both.
    pub yaw_evidence: f64,
    /// The median translation error of the reference, in meters.
    pub reference_translation_m: f64,
    /// That of the last ten transfers, in meters.
    pub last_translation_m: f64,
    /// The median rotation error of the reference, in radians.
    pub reference_yaw_rad: f64,
    /// That of the last ten transfers, in radians.
    pub last_yaw_rad: f64,
}

impl fmt::Display for Alarm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "errors at {} have grown, with a median of {:.2} mm and {:.2} degrees in the last {SHOWN} transfers, from \
             {:.2} mm and {:.2} degrees; look at the site, then acknowledge",
            self.site,
            1000.0 * self.last_translation_m,
            self.last_yaw_rad.to_degrees(),
            1000.0 * self.reference_translation_m,
            self.reference_yaw_rad.to_degrees(),
        )
    }
}

/// How it is with a site.
#[derive(Debug, Clone, PartialEq)]
pub enum AlarmState<'a> {
    /// Its reference is not complete.
    Reference {
        /// How many transfers of it there are.
        transfers: usize,
    },
    /// Errors are compared with the reference.
    Watching {
        /// The evidence that they have grown: 1 at the beginning, an alarm at `1 / false_alarm`.
        evidence: f64,
    },
    /// They have grown. Further errors change nothing, until somebody acknowledges.
    Alarm(&'a Alarm),
}

/// The alarms of all sites. They follow from the log: after a restart the caller replays it.
///
/// Each site has two tests, of the length of translation errors and of absolute rotation errors. A test bets on the rank of
/// each error among all errors since the last acknowledgment; ranks are uniform and independent while errors are
/// exchangeable, whatever their distribution (conformal test martingales: Vovk, Gammerman and Shafer, "Algorithmic Learning
/// in a Random World", 2nd ed. 2022). The mean of both is evidence as well. By Ville's inequality it ever reaches
/// `1 / false_alarm` with a probability of at most `false_alarm`. The mixture of origins and labware at a site has to stay as
/// it was, too: otherwise an alarm says that this changed.
///
/// Only the size of errors counts. A site whose mean error was 0 and is shifted by one standard deviation has errors that are
/// hardly longer; [`what_moved`](crate::what_moved()) compares means and is the finer one.
#[derive(Debug, Clone, PartialEq)]
pub struct SiteAlarms {
    config: AlarmConfig,
    sites: BTreeMap<SlotAddress, SiteAlarm>,
}

/// The alarm of one site.
#[derive(Debug, Clone, PartialEq)]
struct SiteAlarm {
    translation: GrowthEvidence,
    yaw: GrowthEvidence,
    /// The errors of the reference, and the last ones: absolute translation in meters and rotation in radians.
    reference: Vec<[f64; 2]>,
    last: Vec<[f64; 2]>,
    transfers: usize,
    alarm: Option<Alarm>,
}

impl SiteAlarms {
    /// Alarms before the first transfer.
    ///
    /// # Errors
    /// A key of `config` is invalid.
    pub fn new(config: AlarmConfig) -> Result<Self, InvalidKey> {
        config.validate()?;
        Ok(Self { config, sites: BTreeMap::new() })
    }

    /// Adds a line of the log. Returns the alarm if this line raised one.
    ///
    /// # Errors
    /// A number of it is invalid; then nothing changed.
    pub fn record(&mut self, record: &SiteRecord) -> Result<Option<&Alarm>, RecordError> {
        match record {
            SiteRecord::Acknowledged(acknowledged) => {
                self.sites.remove(&acknowledged.site);
                Ok(None)
            }
            SiteRecord::Transfer(transfer) => {
                transfer.check()?;
                let new = || SiteAlarm::new(self.config.reference as usize);
                let site = self.sites.entry(transfer.to.clone()).or_insert_with(new);
                Ok(site.note(transfer, &self.config))
            }
            SiteRecord::Policy(_) => Ok(None),
        }
    }

    /// How it is with a site; `None` before its first transfer.
    pub fn state(&self, site: &SlotAddress) -> Option<AlarmState<'_>> {
        self.sites.get(site).map(|site| site.state(self.config.reference as usize))
    }

    /// All sites that had a transfer, sorted.
    pub fn sites(&self) -> impl Iterator<Item = &SlotAddress> {
        self.sites.keys()
    }

    /// All alarms that nobody acknowledged, sorted by site.
    pub fn alarms(&self) -> impl Iterator<Item = &Alarm> {
        self.sites.values().filter_map(|site| site.alarm.as_ref())
    }
}

impl SiteAlarm {
    fn new(reference: usize) -> Self {
        Self {
            translation: GrowthEvidence::new(reference),
            yaw: GrowthEvidence::new(reference),
            reference: Vec::new(),
            last: Vec::new(),
            transfers: 0,
            alarm: None,
        }
    }

    fn note(&mut self, transfer: &TransferRecord, config: &AlarmConfig) -> Option<&Alarm> {
        if self.alarm.is_some() {
            return None;
        }
        let error = transfer.error();
        let sizes = [error.translation_m(), error.dyaw_rad.abs()];
        self.transfers += 1;
        if self.reference.len() < config.reference as usize {
            self.reference.push(sizes);
        }
        if self.last.len() == SHOWN {
            self.last.remove(0);
        }
        self.last.push(sizes);
        let evidence = (self.translation.note(sizes[0]) + self.yaw.note(sizes[1])) / 2.0;
        if evidence >= 1.0 / config.false_alarm {
            self.alarm = Some(self.raise(transfer));
        }
        self.alarm.as_ref()
    }

    fn raise(&self, transfer: &TransferRecord) -> Alarm {
        Alarm {
            site: transfer.to.clone(),
            time: transfer.time,
            transfers: self.transfers,
            translation_evidence: self.translation.evidence(),
            yaw_evidence: self.yaw.evidence(),
            reference_translation_m: median(&self.reference, 0),
            last_translation_m: median(&self.last, 0),
            reference_yaw_rad: median(&self.reference, 1),
            last_yaw_rad: median(&self.last, 1),
        }
    }

    fn state(&self, reference: usize) -> AlarmState<'_> {
        match &self.alarm {
            Some(alarm) => AlarmState::Alarm(alarm),
            None if self.transfers < reference => {
                AlarmState::Reference { transfers: self.transfers }
            }
            None => {
                let evidence = (self.translation.evidence() + self.yaw.evidence()) / 2.0;
                AlarmState::Watching { evidence }
            }
        }
    }
}

fn median(sizes: &[[f64; 2]], component: usize) -> f64 {
    let values: Vec<f64> = sizes.iter().map(|size| size[component]).collect();
    quantile(&values, 0.5)
}

#[cfg(test)]
mod tests {
    use rmrl_core::{Rng, random_stream, standard_normal};

    use super::*;
    use crate::watch::transfer_record::Acknowledged;

    fn transfer(to: &str, error: [f64; 3]) -> SiteRecord {
        let [dx_m, dy_m, dyaw_rad] = error;
        SiteRecord::Transfer(TransferRecord {
            time: Timestamp::UNIX_EPOCH,
            from: "bench".parse().unwrap(),
            to: to.parse().unwrap(),
            labware: "96-well".to_string(),
            dx_m,
            dy_m,
            dyaw_rad,
            interval_m: None,
            policy: "p".to_string(),
        })
    }

    fn acknowledged(site: &str) -> SiteRecord {
        let (site, note) = (site.parse().unwrap(), "as it should be".to_string());
        SiteRecord::Acknowledged(Acknowledged { time: Timestamp::UNIX_EPOCH, site, note })
    }

    /// An error with a standard deviation of 0.2 mm and 3 mrad.
    fn noise(rng: &mut Rng) -> [f64; 3] {
        [2e-4 * standard_normal(rng), 2e-4 * standard_normal(rng), 3e-3 * standard_normal(rng)]
    }

    /// Records `count` errors, each changed by `change`, and returns how many until an alarm.
    fn record(
        alarms: &mut SiteAlarms,
        rng: &mut Rng,
        count: usize,
        change: impl Fn([f64; 3]) -> [f64; 3],
    ) -> Option<usize> {
        (1..=count).find(|_| {
            let record = transfer("reader", change(noise(rng)));
            alarms.record(&record).unwrap().is_some()
        })
    }

    fn state<'a>(alarms: &'a SiteAlarms, site: &str) -> Option<AlarmState<'a>> {
        alarms.state(&site.parse().unwrap())
    }

    #[test]
    fn shifts_and_turns_raise_an_alarm_that_stays_until_it_is_acknowledged() {
        let shifts: [fn([f64; 3]) -> [f64; 3]; 3] = [
            |[x, y, yaw]| [x + 1e-3, y, yaw],
            |[x, y, yaw]| [x, y, yaw - 0.02],
            |e| e.map(|c| 4.0 * c),
        ];
        for (seed, change) in shifts.into_iter().enumerate() {
            let mut rng = random_stream(seed as u64, "alarm", [0, 0]);
            let mut alarms = SiteAlarms::new(AlarmConfig::default()).unwrap();
            assert_eq!(record(&mut alarms, &mut rng, 29, |error| error), None);
            assert_eq!(state(&alarms, "reader"), Some(AlarmState::Reference { transfers: 29 }));
            assert_eq!(record(&mut alarms, &mut rng, 80, |error| error), None);
            assert!(matches!(state(&alarms, "reader"), Some(AlarmState::Watching { .. })));
            let delay = record(&mut alarms, &mut rng, 100, change).unwrap();
            assert!(delay < 20, "{delay}");
            // One alarm, however many errors follow.
            assert_eq!(record(&mut alarms, &mut rng, 100, change), None);
            let alarm = alarms.alarms().next().unwrap().clone();
            assert_eq!(alarm.transfers, 29 + 80 + delay);
            let translation = alarm.last_translation_m > 2.0 * alarm.reference_translation_m;
            let yaw = alarm.last_yaw_rad > 2.0 * alarm.reference_yaw_rad;
            assert_eq!([translation, yaw], [[true, false], [false, true], [true, true]][seed]);
            if seed < 2 {
                assert_eq!(alarm.translation_evidence > alarm.yaw_evidence, seed == 0);
            }
            assert!(alarm.to_string().starts_with("errors at reader have grown"), "{alarm}");

            alarms.record(&acknowledged("reader")).unwrap();
            assert_eq!(state(&alarms, "reader"), None);
            // What they are now is the reference.
            assert_eq!(record(&mut alarms, &mut rng, 200, change), None);
        }
    }

    #[test]
    fn errors_that_shrink_and_other_sites_raise_none() {
        let mut rng = random_stream(3, "alarm", [0, 0]);
        let mut alarms = SiteAlarms::new(AlarmConfig::default()).unwrap();
        assert_eq!(record(&mut alarms, &mut rng, 60, |error| error), None);
        for _ in 0..100 {
            let elsewhere = transfer("hotel:1", noise(&mut rng).map(|component| 10.0 * component));
            assert_eq!(alarms.record(&elsewhere).unwrap(), None);
        }
        assert_eq!(record(&mut alarms, &mut rng, 200, |error| error.map(|c| c / 3.0)), None);
        let sites: Vec<String> = alarms.sites().map(SlotAddress::to_string).collect();
        assert_eq!(sites, ["hotel:1", "reader"]);
        alarms.record(&acknowledged("hotel:1")).unwrap();
        assert_eq!(alarms.sites().count(), 1);
    }

    #[test]
    fn invalid_numbers_and_keys_are_refused_and_change_nothing() {
        let mut alarms = SiteAlarms::new(AlarmConfig::default()).unwrap();
        let before = alarms.clone();
        assert!(alarms.record(&transfer("reader", [f64::NAN, 0.0, 0.0])).is_err());
        assert_eq!(alarms, before);
        for config in [
            AlarmConfig { false_alarm: 0.0, ..Default::default() },
            AlarmConfig { reference: 1, ..Default::default() },
        ] {
            assert!(SiteAlarms::new(config).is_err());
        }
    }

    /// Translation and rotation errors together: 2,000 sites with 400 transfers each, at one hundredth.
    #[test]
    fn both_tests_of_a_site_together_keep_the_promise() {
        let config = AlarmConfig { false_alarm: 0.01, ..Default::default() };
        let alarms = (0..2000).filter(|seed| {
            let mut rng = random_stream(*seed, "two tests", [0, 0]);
            let mut alarms = SiteAlarms::new(config).unwrap();
            record(&mut alarms, &mut rng, 400, |error| error).is_some()
        });
        let alarms = alarms.count();
        println!("{alarms} of at most 20 expected");
        assert!(alarms as f64 <= 20.0 + 2.0 * 20f64.sqrt(), "{alarms}");
    }
}
