//! Ctrl-C and SIGTERM: the first one stops the arm, the second one the process.

use std::process::exit;
use std::thread;

use anyhow::Context;
use rmrl::cell::StopSwitch;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

/// What a process that was stopped exits with: 128 and the number of SIGINT, as shells have it.
pub const STOPPED: u8 = 130;

/// Has signals press the switch from now on. SIGHUP is left alone: `nohup` says that it is to be ignored.
pub fn listen(stop: &StopSwitch) -> anyhow::Result<()> {
    let mut signals =
        Signals::new([SIGINT, SIGTERM]).context("cannot listen for Ctrl-C and SIGTERM")?;
    let stop = stop.clone();
    let mut heard = false;
    let listen = move || {
        for signal in signals.forever() {
            if heard {
                eprintln!("stopped at once; what is recorded is safe");
                exit(i32::from(STOPPED));
            }
            heard = true;
            let by = if signal == SIGTERM { "SIGTERM" } else { "Ctrl-C" };
            eprintln!("{by}: the arm stops and the log is finished; once more stops at once");
            // Not here: a device that hangs must not keep the second signal from being heard.
            let stop = stop.clone();
            thread::spawn(move || stop.press(by));
        }
    };
    let thread = thread::Builder::new().name("signals".to_string()).spawn(listen);
    thread.context("cannot listen for Ctrl-C and SIGTERM")?;
    Ok(())
}
