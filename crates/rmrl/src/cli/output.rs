//! What commands print on standard output: text at a terminal, and one line of JSON elsewhere. Both end with the command
//! that usually follows. Documents (`rmrl config`, `rmrl reproduce --list`) are printed as they are everywhere.

use std::fmt::Display;
use std::io::{ErrorKind, IsTerminal, Write};
use std::path::Path;

use anyhow::Context;
use serde::Serialize;

/// A result with the command that usually follows.
#[derive(Serialize)]
struct WithNext<'a, T> {
    #[serde(flatten)]
    result: &'a T,
    next: &'a str,
}

/// Whether standard output is read by a person.
pub(super) fn is_for_people() -> bool {
    std::io::stdout().is_terminal()
}

/// Prints a result and the command that usually follows: as text on a terminal, and as one line of JSON elsewhere or if
/// `as_json` is set.
pub(super) fn print_result<T: Serialize + Display>(
    result: &T,
    as_json: bool,
    next: &str,
) -> anyhow::Result<()> {
    match as_json || !is_for_people() {
        true => print_line(&WithNext { result, next }),
        false => print(&format!("{result}next: {next}\n")),
    }
}

/// Prints one line of JSON.
pub(super) fn print_line<T: Serialize>(value: &T) -> anyhow::Result<()> {
    print(&format!("{}\n", serde_json::to_string(value)?))
}

/// Writes to standard output. A closed pipe is no failure, because the work is done.
pub(super) fn print(text: &str) -> anyhow::Result<()> {
    let mut stdout = std::io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(error).context("cannot write to standard output")
        }
        _ => Ok(()),
    }
}

/// A path as a word of a command.
pub(super) fn path_word(path: &Path) -> String {
    shell_word(&path.display().to_string())
}

/// A word, quoted for a POSIX shell.
pub(super) fn shell_word(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./=,:+".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        word.to_string()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_for_a_shell() {
        assert_eq!(shell_word("policy.learning_rate=0.001"), "policy.learning_rate=0.001");
        assert_eq!(shell_word("my cells"), "'my cells'");
        assert_eq!(shell_word("it's"), "'it'\\''s'");
    }
}
