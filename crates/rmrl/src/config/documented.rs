//! A configuration as TOML, with the meaning and the range of each key above it.

use std::fmt::Write;

use rmrl_core::KeyDescription;
use toml::Table;

use crate::config::key_path::value;

/// How wide comments are.
const COLUMNS: usize = 100;

/// A whole configuration as TOML. Above each key stands its meaning and what is expected of its value, as
/// errors say it. Keys that may be left out, and are, appear as comments.
///
/// Only what lies at or below `within` is written; everything if that is empty.
pub(crate) fn documented(values: &Table, keys: &[KeyDescription], within: &str) -> String {
    let mut text = String::new();
    // Keys of several tables, such as `task.via[].x_m`, are part of the value of their list.
    let keys: Vec<&KeyDescription> =
        keys.iter().filter(|key| !key.path.contains("[].") && lies(&key.path, within)).collect();
    let mut sections: Vec<&str> = Vec::new();
    for key in &keys {
        let section = if is_table(key) { key.path.as_str() } else { parent(&key.path) };
        if !sections.contains(&section) {
            sections.push(section);
        }
    }
    for section in sections {
        let own: Vec<&&KeyDescription> =
            keys.iter().filter(|key| !is_table(key) && parent(&key.path) == section).collect();
        let described = keys.iter().find(|key| is_table(key) && key.path == section);
        if own.is_empty() {
            continue;
        }
        if !text.is_empty() {
            text.push('\n');
        }
        if let Some(described) = described {
            comment(&mut text, described.meaning);
        }
        let is_given = section.is_empty() || value(values, section).is_some();
        if !section.is_empty() {
            let _ = writeln!(text, "{}[{section}]", if is_given { "" } else { "# " });
        }
        for key in own {
            comment(&mut text, &sentence(key));
            let name = key.path.rsplit('.').next().unwrap_or(&key.path).trim_end_matches("[]");
            let _ = match value(values, key.path.trim_end_matches("[]")) {
                Some(value) => writeln!(text, "{name} = {value}"),
                None => writeln!(text, "# {name} ="),
            };
        }
    }
    text
}

/// Whether a section is a table of its own. A list of them is the value of one key.
fn is_table(key: &KeyDescription) -> bool {
    key.is_section() && !key.path.ends_with("[]")
}

/// The meaning of a key and what is expected of its value.
fn sentence(key: &KeyDescription) -> String {
    let expected = match &key.range {
        Some(range) => range.clone(),
        None if key.is_section() => "a list of tables".to_string(),
        None => key.kind.clone(),
    };
    let optional = if key.is_optional { "; may be left out" } else { "" };
    format!("{} [{expected}{optional}]", key.meaning)
}

/// Writes a comment, wrapped.
fn comment(text: &mut String, words: &str) {
    let mut line = String::from("#");
    for word in words.split_whitespace() {
        if line.chars().count() + 1 + word.chars().count() > COLUMNS {
            let _ = writeln!(text, "{line}");
            line = String::from("#");
        }
        line.push(' ');
        line.push_str(word);
    }
    let _ = writeln!(text, "{line}");
}

fn parent(path: &str) -> &str {
    path.rsplit_once('.').map_or("", |(parent, _)| parent)
}

fn lies(path: &str, within: &str) -> bool {
    within.is_empty()
        || path
            .strip_prefix(within)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}
