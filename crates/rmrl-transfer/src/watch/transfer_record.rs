//! The lines of the log of transfers.

use std::fmt;

use jiff::Timestamp;
use rmrl_inventory::{Place, SlotAddress};
use serde::{Deserialize, Serialize};

use super::site_error::SiteError;

/// One transfer whose error was measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TransferRecord {
    /// When the error was measured.
    pub time: Timestamp,
    /// Where the item came from.
    pub from: Place,
    /// Where it was brought.
    pub to: SlotAddress,
    /// What it is, by the name of its labware.
    pub labware: String,
    /// The measured error along the slot's x axis, in meters.
    pub dx_m: f64,
    /// Along the slot's y axis, in meters.
    pub dy_m: f64,
    /// The rotation, counterclockwise, in radians.
    pub dyaw_rad: f64,
    /// Half the width of the 95 % interval in which the item was expected, in meters; `None` if nothing predicted it.
    pub interval_m: Option<f64>,
    /// The policy that chose the correction.
    pub policy: String,
}

/// An operator acknowledged that a site is as it should be, after commissioning or after an alarm. What its errors are from
/// now on is the reference of the next alarm.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Acknowledged {
    /// When.
    pub time: Timestamp,
    /// The slot.
    pub site: SlotAddress,
    /// Who, and why, in words.
    pub note: String,
}

/// Another policy corrects between two sites.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicyChanged {
    /// When.
    pub time: Timestamp,
    /// The name of the site that items come from.
    pub from: String,
    /// The name of the site where they are brought.
    pub to: String,
    /// The name of their labware.
    pub labware: String,
    /// The policy before.
    pub before: String,
    /// The policy from then on.
    pub after: String,
    /// Why.
    pub cause: PolicyChangeCause,
}

/// Why another policy corrects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PolicyChangeCause {
    /// It was proven not to be worse.
    NotWorse,
    /// An operator decided it.
    Operator,
    /// An operator went back to the policy before.
    Rollback,
}

impl fmt::Display for PolicyChangeCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotWorse => "it is proven not to be worse",
            Self::Operator => "an operator decided it",
            Self::Rollback => "an operator went back",
        })
    }
}

/// A line of the log: `{"record":"transfer",...}`, `{"record":"acknowledged",...}` or `{"record":"policy",...}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "record", rename_all = "snake_case")]
pub enum SiteRecord {
    /// A transfer.
    Transfer(TransferRecord),
    /// A site is as it should be.
    Acknowledged(Acknowledged),
    /// Another policy corrects.
    Policy(PolicyChanged),
}

/// What a series of errors belongs to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TransferKey {
    /// Where the items came from.
    pub from: Place,
    /// Where they were brought.
    pub to: SlotAddress,
    /// What they are, by the name of their labware.
    pub labware: String,
}

impl fmt::Display for TransferKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} from {} to {}", self.labware, self.from, self.to)
    }
}

/// Why a record is not used.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum RecordError {
    /// A line of a log is no record.
    #[error("line {line} is no record of a transfer: {reason}")]
    Line {
        /// The line, counted from 1.
        line: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// A number is no measurement.
    #[error("{key} of the transfer to {to} is {value}, expected {expected}")]
    Number {
        /// The key.
        key: &'static str,
        /// Where the item was brought.
        to: SlotAddress,
        /// The number.
        value: f64,
        /// What was expected.
        expected: &'static str,
    },
}

impl TransferRecord {
    /// The measured error.
    pub fn error(&self) -> SiteError {
        SiteError { dx_m: self.dx_m, dy_m: self.dy_m, dyaw_rad: self.dyaw_rad }
    }

    /// The series that it belongs to.
    pub fn key(&self) -> TransferKey {
        TransferKey { from: self.from.clone(), to: self.to.clone(), labware: self.labware.clone() }
    }

    /// Checks its numbers.
    ///
    /// # Errors
    /// A component of the error is not finite, or the interval is not finite or negative.
    pub fn check(&self) -> Result<(), RecordError> {
        let numbers = [("dx_m", self.dx_m), ("dy_m", self.dy_m), ("dyaw_rad", self.dyaw_rad)];
        let wrong = |key, value, expected| RecordError::Number {
            key,
            to: self.to.clone(),
            value,
            expected,
        };
        if let Some((key, value)) = numbers.into_iter().find(|(_, value)| !value.is_finite()) {
            return Err(wrong(key, value, "a finite number"));
        }
        match self.interval_m.filter(|interval_m| !(interval_m.is_finite() && *interval_m >= 0.0)) {
            None => Ok(()),
            Some(value) => Err(wrong("interval_m", value, "0 or more")),
        }
    }
}

/// Parses a log: one JSON record on each line; empty lines are passed over.
///
/// # Errors
/// A line is no record, or a number of it is invalid. A torn last line is one, too: the caller that owns the file
/// decides about it.
pub fn parse_records(text: &str) -> Result<Vec<SiteRecord>, RecordError> {
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    lines
        .map(|(index, line)| {
            record_of(line).map_err(|reason| RecordError::Line { line: index + 1, reason })
        })
        .collect()
}

fn record_of(line: &str) -> Result<SiteRecord, String> {
    let record: SiteRecord = serde_json::from_str(line).map_err(|error| error.to_string())?;
    if let SiteRecord::Transfer(transfer) = &record {
        transfer.check().map_err(|error| error.to_string())?;
    }
    Ok(record)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRANSFER: &str = r#"{"record":"transfer","time":"2026-03-01T10:00:00Z","from":"jaws","to":"hotel:2","labware":"96-well","dx_m":0.0003,"dy_m":-0.0004,"dyaw_rad":0.01,"interval_m":0.001,"policy":"p1"}"#;
    const ACKNOWLEDGED: &str = r#"{"record":"acknowledged","time":"2026-03-02T10:00:00Z","site":"hotel:2","note":"tray screwed down"}"#;

    #[test]
    fn each_line_is_read_and_written_alike() {
        let records = parse_records(&format!("{TRANSFER}\n\n{ACKNOWLEDGED}\n")).unwrap();
        let SiteRecord::Transfer(transfer) = &records[0] else { panic!("{records:?}") };
        assert!((transfer.error().translation_m() - 0.0005).abs() < 1e-12);
        assert_eq!(transfer.key().to_string(), "96-well from jaws to hotel:2");
        for (record, line) in records.iter().zip([TRANSFER, ACKNOWLEDGED]) {
            assert_eq!(serde_json::to_string(record).unwrap(), line);
        }
    }

    #[test]
    fn invalid_lines_are_refused_by_their_number() {
        for (from, to, expected) in [
            ("\"jaws\"", "\"Jaws\"", "'J'"),
            ("0.0003", "\"0.0003\"", "expected f64"),
            ("0.0003", "1e999", "number out of range"),
            (
                "\"interval_m\":0.001",
                "\"interval_m\":-0.001",
                "interval_m of the transfer to hotel:2 is -0.001",
            ),
            ("\"policy\"", "\"polici\"", "polici"),
            (",\"policy\":\"p1\"", "", "policy"),
            ("transfer", "transfers", "transfers"),
            ("{", "", ""),
            ("}", "", ""),
        ] {
            let text = format!("{ACKNOWLEDGED}\n{}\n", TRANSFER.replace(from, to));
            let message = parse_records(&text).unwrap_err().to_string();
            assert!(message.starts_with("line 2 is no record of a transfer: "), "{message}");
            assert!(message.contains(expected), "{message}");
        }
    }

    #[test]
    fn what_is_no_number_is_refused_where_records_are_made() {
        let [SiteRecord::Transfer(good)] = &parse_records(TRANSFER).unwrap()[..] else { panic!() };
        for value in [f64::NAN, f64::INFINITY] {
            let wrong = [
                TransferRecord { dx_m: value, ..good.clone() },
                TransferRecord { dy_m: value, ..good.clone() },
                TransferRecord { dyaw_rad: value, ..good.clone() },
                TransferRecord { interval_m: Some(value), ..good.clone() },
            ];
            assert!(wrong.iter().all(|record| record.check().is_err()));
        }
        assert_eq!(TransferRecord { interval_m: None, ..good.clone() }.check(), Ok(()));
    }
}
