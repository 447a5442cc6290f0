//! The log of a run.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use rmrl_data::CLOCK_KEYS;
use serde_json::Value;

/// The records of a run's log, without a last line that is not complete yet.
pub fn records(run: &Path) -> Vec<Value> {
    let Ok(log) = fs::read_to_string(run.join("trials.jsonl")) else { return Vec::new() };
    let complete = log.rfind('\n').map_or(0, |end| end + 1);
    log[..complete].lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Whether a record is of a completed trial, not of a faulted attempt.
pub fn is_completed(record: &Value) -> bool {
    record["failure"]["kind"] != "fault"
}

/// Checks that the records have the completed trials 1 to `trials` once each and in order, and that the attempts at
/// each trial are numbered in order.
pub fn assert_each_once(records: &[Value], trials: u64) {
    let completed: Vec<u64> = records
        .iter()
        .filter(|record| is_completed(record))
        .map(|record| record["trial"].as_u64().unwrap())
        .collect();
    assert_eq!(completed, (1..=trials).collect::<Vec<_>>());
    let mut attempts = BTreeMap::<u64, u64>::new();
    for record in records {
        let attempt = attempts.entry(record["trial"].as_u64().unwrap()).or_default();
        *attempt += 1;
        assert_eq!(record["attempt"], *attempt, "{record}");
    }
}

/// The lines of a run's log without what a clock decides, which is all that may differ between equal runs.
pub fn log_without_clock(run: &Path) -> Vec<String> {
    let text = fs::read_to_string(run.join("trials.jsonl")).unwrap();
    let without = |line: &str| {
        let mut record: serde_json::Map<String, Value> = serde_json::from_str(line).unwrap();
        for key in CLOCK_KEYS {
            assert!(record.remove(key).is_some(), "{key} is missing in {line}");
        }
        serde_json::to_string(&record).unwrap()
    };
    text.lines().map(without).collect()
}
