//! Ctrl-C, SIGTERM and a lost session: the first signal stops the arm, the second one the process.

use std::process::exit;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::Context;
use rmrl_cell::StopSwitch;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals as SignalStream;

use crate::cell::terminal::{press_and_say, say};

/// The exit status of a process that was stopped: 128 and the number of SIGINT, as in shells.
pub const STOPPED: u8 = 130;

/// The signals that came so far.
#[derive(Debug, Clone, Default)]
pub struct Signals {
    count: Arc<AtomicU32>,
    /// Whether one of them was another than Ctrl-C.
    ends: Arc<AtomicBool>,
}

impl Signals {
    fn note(&self, signal: i32) {
        if signal != SIGINT {
            self.ends.store(true, Ordering::SeqCst);
        }
        self.count.fetch_add(1, Ordering::SeqCst);
    }

    /// Whether SIGTERM came, or the session was lost.
    pub fn ask_for_the_end(&self) -> bool {
        self.ends.load(Ordering::SeqCst)
    }

    /// Waits until one more signal comes.
    pub fn wait_for_another(&self) {
        let count = self.count.load(Ordering::SeqCst);
        while self.count.load(Ordering::SeqCst) == count {
            thread::sleep(Duration::from_millis(100));
        }
    }
}

/// Makes signals press the switch from now on. SIGHUP, which ends the programs of a lost session, is one of them unless
/// the program was started with SIGHUP ignored, as `nohup` does.
pub fn listen(stop: &StopSwitch) -> anyhow::Result<Signals> {
    let mut listened = vec![SIGINT, SIGTERM];
    if !ignores_hang_up() {
        listened.push(SIGHUP);
    }
    let mut signals =
        SignalStream::new(listened).context("cannot listen for Ctrl-C and SIGTERM")?;
    let stop = stop.clone();
    let came = Signals::default();
    let noted = came.clone();
    let mut heard = false;
    let listen = move || {
        for signal in signals.forever() {
            noted.note(signal);
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
    Ok(came)
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
