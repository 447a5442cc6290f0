//! What commands print on standard output.

use std::io::{ErrorKind, IsTerminal, Write};

use anyhow::Context;
use serde::Serialize;

/// Prints a result: as text on a terminal, and as one line of JSON elsewhere or if `as_json` is set.
pub(super) fn print_result<T: Serialize + std::fmt::Display>(
    result: &T,
    as_json: bool,
) -> anyhow::Result<()> {
    if as_json || !std::io::stdout().is_terminal() {
        print(&format!("{}\n", serde_json::to_string(result)?))
    } else {
        print(&result.to_string())
    }
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
