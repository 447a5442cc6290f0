//! What is typed on standard input, taken without waiting for it: whoever asks may be told to stop
//! meanwhile. And what is said on standard error, which may be gone.

use std::fmt::Display;
use std::io::{Stdin, Write};
use std::thread;
use std::time::Duration;

use rmrl_cell::{Confirmation, StopSwitch};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::getpgrp;
use rustix::termios::{QueueSelector, tcflush, tcgetpgrp};

/// What came on standard input.
pub enum Typed {
    /// Nothing yet.
    Nothing,
    /// A line.
    Line(String),
    /// Its end: nobody will type any more.
    End,
}

/// Takes what was typed, without waiting. Not by a thread that waits for lines: it would take from others
/// who ask on the same terminal. What was typed after the first line is an answer to nothing.
pub fn typed() -> Typed {
    let stdin = std::io::stdin();
    let mut ready = [PollFd::new(&stdin, PollFlags::IN)];
    let now = Timespec { tv_sec: 0, tv_nsec: 0 };
    if !matches!(poll(&mut ready, Some(&now)), Ok(1..)) {
        return Typed::Nothing;
    }
    // On a terminal, what is typed is for the program in front: one behind it that read would be halted.
    // What is no terminal has no front.
    if is_behind(&stdin) {
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

/// Whether another program is in front on a terminal.
fn is_behind(stdin: &Stdin) -> bool {
    tcgetpgrp(stdin).is_ok_and(|front| front != getpgrp())
}

/// How long the signal of a lost session may come after its terminal has gone.
pub(crate) const HANG_UP: Duration = Duration::from_millis(500);

/// Forgets what was typed before anything was asked: it is no answer. Not more than anybody types, for an
/// input without an end would never be forgotten.
pub fn forget_typed() {
    let stdin = std::io::stdin();
    // The beginning of a line, too, which cannot be read yet. Who is not in front must not touch the terminal.
    if !is_behind(&stdin) {
        // What is no terminal, or is gone, has no such line.
        let _ = tcflush(&stdin, QueueSelector::IFlush);
    }
    for _ in 0..MOST_FORGOTTEN {
        if !matches!(typed(), Typed::Line(_)) {
            return;
        }
    }
}

/// Each is a read of up to 4 kB.
const MOST_FORGOTTEN: u32 = 64;

/// Says a line on standard error. Nothing happens where nobody listens: after a lost session, what matters is
/// that the arm is stopped and the log finished, and `eprintln!` would panic.
pub fn say(line: impl Display) {
    let mut stderr = std::io::stderr().lock();
    let _ = writeln!(stderr, "{line}").and_then(|()| stderr.flush());
}

/// How often it is looked whether a stop is confirmed by now.
const CONFIRMED: Duration = Duration::from_millis(50);

/// Presses the switch, and says on standard error whether the arm has confirmed that it stands: at once, and
/// when it confirms later.
pub fn press_and_say(stop: &StopSwitch, by: &str) -> Confirmation {
    let pressed = stop.press(by);
    say(format_args!("stopped by {by}: {pressed}"));
    if pressed.is_missing() {
        let stop = stop.clone();
        let wait = move || {
            while stop.confirmation().is_missing() {
                thread::sleep(CONFIRMED);
            }
            say(format_args!("now {}", stop.confirmation()));
        };
        // Without it, the end of the run says it.
        let _ = thread::Builder::new().name("confirmation".to_string()).spawn(wait);
    }
    pressed
}
