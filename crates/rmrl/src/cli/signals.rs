//! Ctrl-C, SIGTERM and a lost session: the first signal stops the arm, the second one the process.

use std::process::exit;
use std::thread;

use anyhow::Context;
use rmrl_cell::StopSwitch;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::cell::terminal::{press_and_say, say};

/// The exit status of a process that was stopped: 128 and the number of SIGINT, as in shells.
pub const STOPPED: u8 = 130;

/// Makes signals press the switch from now on. SIGHUP, which ends the programs of a lost session, is one of them unless
/// the program was started with SIGHUP ignored, as `nohup` does.
pub fn listen(stop: &StopSwitch) -> anyhow::Result<()> {
    let mut listened = vec![SIGINT, SIGTERM];
    if !ignores_hang_up() {
        listened.push(SIGHUP);
    }
    let mut signals = Signals::new(listened).context("cannot listen for Ctrl-C and SIGTERM")?;
    let stop = stop.clone();
    let mut heard = false;
    let listen = move || {
        for signal in signals.forever() {
            if heard {
                // A lost session sends SIGHUP more than once: from the terminal, and from the shell.
                if signal == SIGHUP {
                    continue;
                }
                say(format_args!(
                    "stopped at once; what is recorded is safe; {}",
                    stop.confirmation()
                ));
                exit(i32::from(STOPPED));
            }
            heard = true;
            let by = match signal {
                SIGTERM => "SIGTERM",
                SIGHUP => "SIGHUP",
                _ => "Ctrl-C",
            };
            // On a thread of its own, because a device that hangs must not delay the second signal. Before the message
            // below, because a halted terminal blocks every write to it.
            let stop = stop.clone();
            thread::spawn(move || press_and_say(&stop, by));
            say(format_args!(
                "{by}: the arm stops and the log is finished; once more stops at once"
            ));
        }
    };
    let thread = thread::Builder::new().name("signals".to_string()).spawn(listen);
    thread.context("cannot listen for Ctrl-C and SIGTERM")?;
    Ok(())
}

/// Whether this program was started with SIGHUP ignored. Assumes that it was not if the system does not report it,
/// because a stop is the safer mistake.
fn ignores_hang_up() -> bool {
    std::fs::read_to_string("/proc/self/status").is_ok_and(|status| ignores(&status, SIGHUP))
}

/// Whether a process whose `/proc/PID/status` is `status` ignores a signal. Its mask has hexadecimal digits, and signal 1
/// is the lowest bit.
fn ignores(status: &str, signal: i32) -> bool {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask >> (signal - 1) & 1 == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ignored_signals_are_read_from_the_mask() {
        let status = |mask: &str| format!("Name:\trmrl\nSigBlk:\tffff\nSigIgn:\t{mask}\n");
        for (mask, is_ignored) in
            [("0000000000000001", true), ("0000000000001006", false), ("0000000000001007", true)]
        {
            assert_eq!(ignores(&status(mask), SIGHUP), is_ignored, "{mask}");
        }
        assert!(ignores(&status("0000000000000002"), SIGINT));
        assert!(!ignores("", SIGHUP) && !ignores(&status("none"), SIGHUP));
    }
}
