//! What is typed on standard input, taken without waiting for it: whoever asks may be told to stop
//! meanwhile.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::getpgrp;
use rustix::termios::tcgetpgrp;

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
    if tcgetpgrp(&stdin).is_ok_and(|front| front != getpgrp()) {
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

/// Forgets what was typed before anything was asked: it is no answer. Not more than anybody types, for an
/// input without an end would never be forgotten.
pub fn forget_typed() {
    for _ in 0..MOST_FORGOTTEN {
        if !matches!(typed(), Typed::Line(_)) {
            return;
        }
    }
}

/// Each is a read of up to 4 kB.
const MOST_FORGOTTEN: u32 = 64;
