//! Reads lines from standard input without waiting, because a stop may come meanwhile, and writes lines to standard
//! error, which may be gone.

use std::fmt::Display;
use std::io::{Stdin, Write};
use std::thread;
use std::time::Duration;

use rmrl_cell::{Confirmation, StopSwitch};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::getpgrp;
use rustix::termios::{QueueSelector, tcflush, tcgetpgrp};

/// What one look at standard input found.
pub enum Typed {
    /// No line yet.
    Nothing,
    /// A line.
    Line(String),
    /// The end of the input: no line will come.
    End,
}

/// Takes a line from standard input if one is there, without waiting. Further lines that were typed at once are
/// dropped, because they answer nothing. A thread that waits for lines would not do: it would take lines from other
/// readers of the same terminal.
pub fn poll_line() -> Typed {
    let stdin = std::io::stdin();
    let mut ready = [PollFd::new(&stdin, PollFlags::IN)];
    let now = Timespec { tv_sec: 0, tv_nsec: 0 };
    if !matches!(poll(&mut ready, Some(&now)), Ok(1..)) {
        return Typed::Nothing;
    }
    // On a terminal, input is for the program in the foreground. The system halts a program in the background that
    // reads it. An input that is no terminal has no foreground.
    if is_in_background(&stdin) {
        return Typed::Nothing;
    }
    let mut bytes = [0; 4096];
    match rustix::io::read(&stdin, &mut bytes) {
        Ok(count @ 1..) => {
            let text = String::from_utf8_lossy(&bytes[..count]);
            Typed::Line(text.lines().next().unwrap_or_default().to_string())
        }
        _ => Typed::End,
    }
}

/// Whether standard input is a terminal with another program in the foreground.
fn is_in_background(stdin: &Stdin) -> bool {
    tcgetpgrp(stdin).is_ok_and(|foreground| foreground != getpgrp())
}

/// How much later than the loss of its terminal the signal of a lost session may come.
pub(crate) const HANG_UP: Duration = Duration::from_millis(500);

/// Drops what was typed before a question was asked, because it is no answer. The amount is limited, because an
/// endless input would never be empty.
pub fn drain_stdin() {
    let stdin = std::io::stdin();
    // This also drops the beginning of a line, which cannot be read yet. A program in the background must not touch the
    // terminal.
    if !is_in_background(&stdin) {
        // An input that is no terminal, or is gone, has no such beginning.
        let _ = tcflush(&stdin, QueueSelector::IFlush);
    }
    for _ in 0..MAX_DRAINED_READS {
        if !matches!(poll_line(), Typed::Line(_)) {
            return;
        }
    }
}

/// Each read takes up to 4 kB.
const MAX_DRAINED_READS: u32 = 64;

/// Writes a line to standard error. Ignores errors, because `eprintln!` would panic after a lost session: what matters
/// then is that the arm is stopped and the log finished.
pub fn say(line: impl Display) {
    let mut stderr = std::io::stderr().lock();
    let _ = writeln!(stderr, "{line}").and_then(|()| stderr.flush());
}

/// How often a late confirmation of a stop is checked for.
const CONFIRMATION_POLL: Duration = Duration::from_millis(50);

/// Presses the switch, and writes to standard error whether the arm has confirmed that it stands: at once, and again
/// when a late confirmation comes.
pub fn press_and_say(stop: &StopSwitch, by: &str) -> Confirmation {
    let pressed = stop.press(by);
    say(format_args!("stopped by {by}: {pressed}"));
    if pressed.is_missing() {
        let stop = stop.clone();
        let wait = move || {
            while stop.confirmation().is_missing() {
                thread::sleep(CONFIRMATION_POLL);
            }
            say(format_args!("now {}", stop.confirmation()));
        };
        // Without this thread, the end of the run reports the confirmation.
        let _ = thread::Builder::new().name("confirmation".to_string()).spawn(wait);
    }
    pressed
}
