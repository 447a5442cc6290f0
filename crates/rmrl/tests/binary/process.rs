//! Processes: waiting for them, signals to them, and terminals for them.

use std::fs::File;
use std::io::Read;
use std::process::{Child, Command};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

/// Far longer than anything takes, so that no test fails on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(120);

const POLL: Duration = Duration::from_millis(5);

/// Waits until a condition holds. `what` names it if it never does.
pub fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < PATIENCE, "waited in vain until {what}");
        sleep(POLL);
    }
}

/// Waits until a process ends. Returns false if that takes longer than `patience`.
pub fn ends_within(child: &mut Child, patience: Duration) -> bool {
    let began = Instant::now();
    while began.elapsed() < patience {
        if child.try_wait().unwrap().is_some() {
            return true;
        }
        sleep(POLL);
    }
    false
}

/// Reads a process's standard error until it contains `text`. Returns all that was read.
pub fn wait_for_text(child: &mut Child, text: &str) -> String {
    let mut read = Vec::new();
    let errors = child.stderr.as_mut().unwrap();
    while !String::from_utf8_lossy(&read).contains(text) {
        let mut byte = [0];
        let count = errors.read(&mut byte).unwrap();
        assert_eq!(count, 1, "it ended: {}", String::from_utf8_lossy(&read));
        read.push(byte[0]);
    }
    String::from_utf8_lossy(&read).into_owned()
}

/// Sends a signal, such as `-INT`, to a process.
pub fn send_signal(child: &Child, signal: &str) {
    let sent = Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap();
    assert!(sent.success());
}

/// A terminal: the end that a person types at, and the end that a program reads from. The terminal is lost when the
/// first end is closed.
pub fn terminal() -> (File, File) {
    // Without close-on-exec a program under test would keep its own terminal alive.
    let near = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
    grantpt(&near).unwrap();
    unlockpt(&near).unwrap();
    let name = ptsname(&near, Vec::new()).unwrap().into_string().unwrap();
    let far = File::options().read(true).write(true).open(name).unwrap();
    (File::from(near), far)
}
