//! The ranges of configuration keys in the help of the options that set them.

use clap::Command;
use rmrl_core::ConfigKeys;

use crate::config::RunConfig;

/// Options of subcommands, and the keys that they set.
const OPTIONS: &[(&str, &str, &str)] = &[
    ("train", "trials", "trials"),
    ("train", "seed", "seed"),
    ("train", "max_hours", "unattended.max_hours"),
    ("train", "max_faults", "unattended.max_faults"),
    ("pretrain", "seed", "seed"),
];

/// Adds the range of its key to the help of each option that sets one, as errors state it.
pub(super) fn with_key_ranges(command: Command) -> Command {
    let keys = RunConfig::keys();
    OPTIONS.iter().fold(command, |command, (subcommand, option, key)| {
        let key = keys.iter().find(|other| other.path == *key);
        let range = key.and_then(|key| key.range.clone()).unwrap_or_default();
        command.mut_subcommand(subcommand, |subcommand| {
            subcommand.mut_arg(option, |argument| {
                let help = argument.get_help().map(ToString::to_string).unwrap_or_default();
                argument.help(format!("{help} [{range}]"))
            })
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_option_and_key_exists() {
        let keys = RunConfig::keys();
        for (_, option, key) in OPTIONS {
            let found = keys.iter().find(|other| other.path == *key);
            assert!(found.is_some_and(|key| key.range.is_some()), "{option}: {key}");
        }
    }
}
