//! The sections that belong to a start of the command, not to a run: `[notify]` and `[page]`. They hold secrets, execute
//! a program, send messages and open a port. So a run directory does not keep them, and one that has them nevertheless
//! is read without them: anyone who resumes or evaluates somebody else's run executes and serves nothing of it.

use toml::{Table, Value};
use toml_edit::DocumentMut;

use crate::config::run_config::RunConfig;

/// The sections of a start.
const SECTIONS: [&str; 2] = ["notify", "page"];

/// Whether a key, or an assignment to it, belongs to a start.
pub(crate) fn is_of_start(key: &str) -> bool {
    SECTIONS.contains(&key.split(['.', '=', ' ']).next().unwrap_or_default())
}

/// Takes the sections of a start out of a table.
pub(crate) fn take_start_sections(table: &mut Table) -> Table {
    let taken = SECTIONS.into_iter().filter_map(|section| table.remove_entry(section));
    taken.collect()
}

/// The keys of the sections of a start that say something, such as `notify.command`.
pub(super) fn keys_of_start(sections: &Table) -> Vec<String> {
    let mut keys = Vec::new();
    for (section, within) in sections {
        let within = within.as_table().into_iter().flatten();
        let says_something = |value: &Value| match value {
            Value::Array(values) => !values.is_empty(),
            Value::Boolean(is_set) => *is_set,
            _ => true,
        };
        let said = within.filter(|(key, value)| says_something(value) && *key != "timeout_secs");
        keys.extend(said.map(|(key, _)| format!("{section}.{key}")));
    }
    keys
}

impl RunConfig {
    /// The configuration of a run as its directory, reports and results contain it: complete, without the sections of a
    /// start.
    pub fn to_run_toml(&self) -> String {
        let text = self.to_toml();
        let mut document: DocumentMut = text.parse().expect("what was written as TOML is TOML");
        for section in SECTIONS {
            document.remove(section);
        }
        document.to_string()
    }

    /// The same as a table.
    pub(crate) fn to_run_table(&self) -> Table {
        let mut table = self.to_table();
        take_start_sections(&mut table);
        table
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_keys_that_say_something_are_worth_a_warning() {
        let silent = "[notify]\ncommand = []\ntimeout_secs = 10.0\n[page]\nhost_names = []\nstay_open = false";
        assert!(keys_of_start(&silent.parse().unwrap()).is_empty());
        let set = "[notify]\ncommand = [\"a\"]\n[page]\nserve = \"127.0.0.1:1\"\nstay_open = true";
        let keys = ["notify.command", "page.serve", "page.stay_open"];
        assert_eq!(keys_of_start(&set.parse().unwrap()), keys);
    }
}
