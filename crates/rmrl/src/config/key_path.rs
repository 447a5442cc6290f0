//! Keys in tables by their paths, such as `policy.ood.threshold`.

use toml::{Table, Value};

/// The value of a key; `None` where it is not given.
pub(crate) fn value<'a>(table: &'a Table, path: &str) -> Option<&'a Value> {
    match path.split_once('.') {
        None => table.get(path),
        Some((section, rest)) => value(table.get(section)?.as_table()?, rest),
    }
}

/// Takes a key out, and the sections that are empty without it.
pub(crate) fn take(table: &mut Table, path: &str) -> Option<Value> {
    let Some((section, rest)) = path.split_once('.') else {
        return table.remove(path);
    };
    let within = table.get_mut(section)?.as_table_mut()?;
    let value = take(within, rest);
    if within.is_empty() {
        table.remove(section);
    }
    value
}

/// Gives a key a value, in sections that are made where they are missing.
pub(crate) fn put(table: &mut Table, path: &str, value: Value) {
    match path.split_once('.') {
        None => {
            table.insert(path.to_string(), value);
        }
        Some((section, rest)) => {
            let within = table.entry(section).or_insert_with(|| Value::Table(Table::new()));
            if let Some(within) = within.as_table_mut() {
                put(within, rest, value);
            }
        }
    }
}
