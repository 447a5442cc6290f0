//! One program at a time has an arm: a lock on this computer, and a check that no other computer moves the arm.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Write};
use std::net::ToSocketAddrs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use super::client::Client;
use crate::{Address, ArmState, XArmConfig, XArmError};

/// The claim of this program to an arm. It ends when the last of its clones is dropped, or with the process.
///
/// A lock file for each controller keeps other programs on this computer away. It is in the folder for
/// temporary files that all users share. Programs on other computers are only noticed by the arm's motion: an
/// arm that moves, or has just moved, is not taken over.
#[derive(Debug, Clone)]
pub struct Claim {
    /// Locked; the system unlocks it when the process ends, however it ends.
    _lock: Arc<File>,
}

/// How often the arm is checked.
const POLL: Duration = Duration::from_millis(50);

/// A joint that turned by more than this between two checks was moved, in radians.
const MOVED_RAD: f32 = 1e-3;

/// How long the last line of a killed program may last; a program that moves the arm for longer is alive.
const LONGEST_LAST_LINE: Duration = Duration::from_secs(15);

impl Claim {
    /// Claims the arm of a configuration: locks it on this computer, and waits until it has stood still for
    /// [`XArmConfig::standstill_secs`]. Sets nothing.
    ///
    /// # Errors
    /// [`XArmError::InUse`] where another program has the arm, [`XArmError::Lock`] where the lock file
    /// is not available; or the controller does not answer.
    pub fn take(config: &XArmConfig) -> Result<Self, XArmError> {
        let claim = Self::lock(config)?;
        wait_for_standstill(config)?;
        Ok(claim)
    }

    /// Locks the arm on this computer, whatever the arm does.
    ///
    /// # Errors
    /// As [`Self::take`].
    pub fn lock(config: &XArmConfig) -> Result<Self, XArmError> {
        let address = config.address(config.control_port);
        let path = lock_path(&address);
        let failed = |source| XArmError::Lock { path: path.display().to_string(), source };
        let mut lock = open(&path).map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut by = String::new();
                // The other program may not have written yet, or belong to another user.
                let _ = lock.take(MOST_NOTE_BYTES).read_to_string(&mut by);
                let by = match by.lines().next().filter(|line| !line.is_empty()) {
                    Some(who) => format!("another program on this computer ({who})"),
                    None => "another program on this computer".to_string(),
                };
                return Err(XArmError::InUse { address: address.to_string(), by });
            }
            Err(TryLockError::Error(source)) => return Err(failed(source)),
        }
        // A note for other programs. It cannot be written into another user's file, but the lock works.
        let program = std::env::args().next().unwrap_or_default();
        let program = Path::new(&program).file_name().unwrap_or_default().display().to_string();
        let _ = lock.set_len(0);
        let _ = writeln!(lock, "process {}, {program}", std::process::id());
        Ok(Self { _lock: Arc::new(lock) })
    }
}

/// The longest note in a lock file, which is a short line.
const MOST_NOTE_BYTES: u64 = 256;

/// Opens the lock file of any user, or creates it.
fn open(path: &Path) -> std::io::Result<File> {
    // Follows no link, and does not wait for the other end of a pipe.
    let options = |write: bool| {
        let mut options = OpenOptions::new();
        options.read(true).write(write);
        #[cfg(unix)]
        {
            use std::os::unix::fs::OpenOptionsExt;
            let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
            options.mode(0o666).custom_flags(flags.bits().cast_signed());
        }
        options
    };
    match options(true).open(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            match options(true).create_new(true).open(path) {
                // Another program created it in between.
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
                    options(false).open(path)
                }
                created => created,
            }
        }
        // It belongs to another user.
        Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {
            options(false).open(path)
        }
        opened => opened,
    }
}

/// The lock file of a controller. Its name is the same for every way to address the controller.
fn lock_path(address: &Address) -> PathBuf {
    let name = match address {
        Address::Tcp { host, port } => {
            let found = (host.as_str(), *port).to_socket_addrs().ok();
            let ips = found.into_iter().flatten().map(|found| found.ip().to_canonical());
            // A name may have several addresses, in any order; controllers have one, of version 4.
            let ip = ips.min_by_key(|ip| (ip.is_ipv6(), *ip));
            ip.map_or_else(|| host.clone(), |ip| ip.to_string()) + &format!("-{port}")
        }
        #[cfg(unix)]
        Address::Unix { path } => {
            let path = path.canonicalize().unwrap_or_else(|_| path.clone());
            path.display().to_string()
        }
    };
    let safe = |c: char| if c.is_ascii_alphanumeric() || ".-".contains(c) { c } else { '_' };
    let name: String = name.chars().map(safe).collect();
    shared_folder().join(format!("rmrl-xarm-{name}.lock"))
}

/// A folder that is the same for every user and session, unlike `TMPDIR`.
#[cfg(unix)]
fn shared_folder() -> PathBuf {
    PathBuf::from("/tmp")
}

#[cfg(not(unix))]
fn shared_folder() -> PathBuf {
    std::env::temp_dir()
}

/// Waits until the arm has stood still for a while.
fn wait_for_standstill(config: &XArmConfig) -> Result<(), XArmError> {
    let address = config.address(config.control_port);
    let mut client = Client::connect(&address, config.answer_timeout())?;
    let standstill = Duration::from_secs_f64(config.standstill_secs);
    let began = Instant::now();
    let (mut stands_since, mut last) = (Instant::now(), None::<[f32; 7]>);
    loop {
        let (state, waiting, joints) = (client.state()?, client.waiting()?, client.joints()?);
        let has_turned = |last: [f32; 7]| {
            joints.iter().zip(last).any(|(now, before)| (now - before).abs() > MOVED_RAD)
        };
        let is_at_work = state == ArmState::Moving
            || (state == ArmState::Ready && waiting > 0)
            || last.is_some_and(has_turned);
        if is_at_work {
            stands_since = Instant::now();
        } else if stands_since.elapsed() >= standstill {
            return Ok(());
        }
        if began.elapsed() > standstill + LONGEST_LAST_LINE {
            let by = "another program, which moves it".to_string();
            return Err(XArmError::InUse { address: address.to_string(), by });
        }
        last = Some(joints);
        thread::sleep(POLL);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(port: u16) -> XArmConfig {
        XArmConfig { host: "127.0.0.1".into(), control_port: port, ..XArmConfig::default() }
    }

    #[test]
    fn a_claim_excludes_others_by_any_name_until_it_ends() {
        let first = Claim::lock(&config(1)).unwrap();
        let by_name = XArmConfig { host: "localhost".into(), ..config(1) };
        for other in [config(1), by_name] {
            let refused = Claim::lock(&other).unwrap_err();
            let message = refused.to_string();
            assert!(matches!(refused, XArmError::InUse { .. }), "{message}");
            assert!(message.contains(&format!("process {}", std::process::id())), "{message}");
        }
        // Another arm is another lock.
        Claim::lock(&config(2)).unwrap();
        drop(first);
        Claim::lock(&config(1)).unwrap();
    }

    #[test]
    fn a_link_in_the_place_of_the_lock_is_not_followed() {
        let dir = std::env::temp_dir().join(format!("rmrl-claim-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let (target, link) = (dir.join("precious"), dir.join("lock"));
        std::fs::write(&target, "precious").unwrap();
        std::os::unix::fs::symlink(&target, &link).unwrap();
        assert!(open(&link).is_err());
        assert_eq!(std::fs::read_to_string(&target).unwrap(), "precious");
        std::fs::remove_dir_all(&dir).unwrap();
    }
}
