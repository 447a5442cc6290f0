//! Why transfers were not done, counted.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::timed_transfer::TimedTransfer;
use crate::request::Ending;

/// What stands for the item's name and for numbers in a reason.
const ITEM: &str = "the item";
const NUMBER: char = '#';

/// A reason why transfers were not done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultCount {
    /// The reason without what differs each time: the item's name and all numbers.
    pub reason: String,
    /// How often.
    pub count: usize,
    /// The reason of the first of them, as it was said.
    pub example: String,
}

/// The reasons of all transfers that were not done, the most frequent first.
pub(super) fn fault_counts(transfers: &[TimedTransfer]) -> Vec<FaultCount> {
    let mut counts: BTreeMap<String, FaultCount> = BTreeMap::new();
    for transfer in transfers {
        let (Ending::NotDone { reason, .. } | Ending::Unknown { reason }) = &transfer.report.ending
        else {
            continue;
        };
        let general = without_particulars(reason, &transfer.report.item);
        let new = || FaultCount { reason: general.clone(), count: 0, example: reason.clone() };
        counts.entry(general.clone()).or_insert_with(new).count += 1;
    }
    let mut counts: Vec<FaultCount> = counts.into_values().collect();
    // The sort is stable: equally frequent ones stay sorted by their reason.
    counts.sort_by_key(|fault| std::cmp::Reverse(fault.count));
    counts
}

/// A reason with `the item` for its name, and `#` for each number.
fn without_particulars(reason: &str, item: &str) -> String {
    let named = match item {
        "" => reason.to_string(),
        item => reason.replace(item, ITEM),
    };
    let characters: Vec<char> = named.chars().collect();
    let is_digit = |index: usize| characters.get(index).is_some_and(char::is_ascii_digit);
    // A point belongs to a number if it is between two digits.
    let is_of_number = |index: usize| {
        let is_point = characters.get(index) == Some(&'.') && index > 0;
        is_digit(index) || is_point && is_digit(index - 1) && is_digit(index + 1)
    };
    let mut general = String::new();
    for (index, character) in characters.iter().enumerate() {
        if !is_of_number(index) {
            general.push(*character);
        } else if index == 0 || !is_of_number(index - 1) {
            general.push(NUMBER);
        }
    }
    general
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_differ_in_their_words_only() {
        for (reason, general) in [
            ("plate-7 slipped by 0.35 mm in hotel:2.", "the item slipped by # mm in hotel:#."),
            ("plate-7 slipped by 12 mm in hotel:1.", "the item slipped by # mm in hotel:#."),
            (
                "the jaws hold nothing where plate-7 should be",
                "the jaws hold nothing where the item should be",
            ),
            ("known to ±1.5 mm only", "known to ±# mm only"),
            ("", ""),
        ] {
            assert_eq!(without_particulars(reason, "plate-7"), general);
        }
        assert_eq!(without_particulars("a 1", ""), "a #");
    }
}
