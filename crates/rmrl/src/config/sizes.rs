//! How long the texts and lists of a configuration may be.

use rmrl_core::InvalidKey;
use toml::{Table, Value};

/// No text is longer, in bytes; the longest path that Linux knows.
const MOST_TEXT_BYTES: usize = 4096;
/// No list has more entries.
const MOST_ENTRIES: usize = 1000;

/// Checks the length of every text and list, also of those whose values need no check.
///
/// # Errors
/// The first one that is too long.
pub(crate) fn check_sizes(table: &Table) -> Result<(), InvalidKey> {
    table.iter().try_for_each(|(key, value)| check_value(key, value))
}

fn check_value(path: &str, value: &Value) -> Result<(), InvalidKey> {
    let refused = |value: String, expected: String| Err(InvalidKey::new(path, value, expected));
    match value {
        Value::String(text) if text.len() > MOST_TEXT_BYTES => {
            let found = format!("a text of {} bytes", text.len());
            refused(found, format!("at most {MOST_TEXT_BYTES} bytes"))
        }
        Value::Array(entries) if entries.len() > MOST_ENTRIES => {
            let found = format!("a list of {}", entries.len());
            refused(found, format!("a list of at most {MOST_ENTRIES}"))
        }
        Value::Array(entries) => entries
            .iter()
            .enumerate()
            .try_for_each(|(index, entry)| check_value(&format!("{path}[{index}]"), entry)),
        Value::Table(table) => {
            table.iter().try_for_each(|(key, value)| check_value(&format!("{path}.{key}"), value))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_and_lists_are_named_by_their_paths() {
        let check = |text: &str| check_sizes(&text.parse().unwrap());
        let most = "x".repeat(4096);
        assert_eq!(check(&format!("[page]\nhost_names = [\"a\", \"{most}\"]")), Ok(()));
        let error = check(&format!("[page]\nhost_names = [\"a\", \"{most}x\"]")).unwrap_err();
        assert_eq!(
            error.to_string(),
            "page.host_names[1] is a text of 4097 bytes, expected at most 4096 bytes"
        );
        let error = check(&format!("[task]\nvia = [{}]", "1, ".repeat(1001))).unwrap_err();
        assert_eq!(
            error.to_string(),
            "task.via is a list of 1001, expected a list of at most 1000"
        );
    }
}
