//! Keys and values under their earlier names, which are still read.

use toml::{Table, Value};

use crate::config::error::ConfigError;
use crate::config::key_path::{put, take, value};

/// Earlier keys with what they are called now.
const KEYS: &[(&str, &str)] = &[
    ("actions.translations", "actions.translation_bins"),
    ("actions.rotations", "actions.rotation_bins"),
    ("cell.person", "cell.operator"),
    ("distant.address", "remote.address"),
    ("distant.timeout_secs", "remote.timeout_secs"),
    ("distant.person_timeout_secs", "remote.operator_timeout_secs"),
    ("policy.label_width", "policy.label_sigma_bins"),
    ("policy.support.abstain", "policy.ood.abstain"),
    ("policy.support.reach_factor", "policy.ood.threshold"),
    ("vision.localizer.centre", "vision.localizer.center"),
];

/// Earlier values of a key, with what they are called now.
const VALUES: &[(&str, &str, &str)] = &[
    ("camera.source", "distant", "remote"),
    ("camera.source", "recorded", "playback"),
    ("cell.operator", "distant", "remote"),
];

/// Gives earlier names in `table` their present ones. Returns what was renamed, such as `cell.person (now
/// cell.operator)`.
///
/// # Errors
/// A key is there under both names.
pub(crate) fn rename(origin: &str, table: &mut Table) -> Result<Vec<String>, ConfigError> {
    let mut renamed = Vec::new();
    for &(old, new) in KEYS {
        let Some(kept) = take(table, old) else { continue };
        if value(table, new).is_some() {
            return Err(ConfigError::Key {
                origin: origin.to_string(),
                key: old.to_string(),
                reason: format!("is the earlier name of {new}, which is given, too; remove {old}"),
            });
        }
        put(table, new, kept);
        renamed.push(format!("{old} (now {new})"));
    }
    for &(key, old, new) in VALUES {
        if value(table, key).and_then(Value::as_str) == Some(old) {
            put(table, key, Value::String(new.to_string()));
            renamed.push(format!("{key} = \"{old}\" (now \"{new}\")"));
        }
    }
    Ok(renamed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn earlier_names_are_read_with_a_warning_and_both_names_are_an_error() {
        let text = "[policy]\nlabel_width = 0.5\n[policy.support]\nreach_factor = 2.0\n[camera]\nsource = \"recorded\"\n";
        let mut table: Table = text.parse().unwrap();
        let renamed = rename("cell.toml", &mut table).unwrap();
        let expected = "[policy]\nlabel_sigma_bins = 0.5\n[policy.ood]\nthreshold = 2.0\n[camera]\nsource = \"playback\"\n";
        assert_eq!(table, expected.parse::<Table>().unwrap());
        assert_eq!(renamed.len(), 3, "{renamed:?}");
        assert_eq!(renamed[0], "policy.label_width (now policy.label_sigma_bins)");
        // What is renamed already stays.
        assert_eq!(rename("cell.toml", &mut table).unwrap(), Vec::<String>::new());

        let both = "[cell]\nperson = \"page\"\noperator = \"page\"\n";
        let error = rename("cell.toml", &mut both.parse().unwrap()).unwrap_err().to_string();
        assert!(
            error.contains("cell.toml: cell.person") && error.contains("cell.operator"),
            "{error}"
        );
    }

    /// No chains: a name that was given up is never taken again.
    #[test]
    fn present_names_are_no_earlier_ones() {
        for (old, new) in KEYS {
            assert!(KEYS.iter().all(|(other, _)| other != new), "{old} -> {new}");
        }
    }
}
