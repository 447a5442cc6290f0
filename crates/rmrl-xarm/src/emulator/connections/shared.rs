//! What the threads of all connections share.

use std::collections::HashMap;
use std::io::Write;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::stream::Stream;
use crate::emulator::emulator_config::EmulatorConfig;
use crate::emulator::faults::Faults;
use crate::emulator::machine::Machine;
use crate::emulator::plant::Plant;
use crate::emulator::start_error::StartError;

/// What all threads share.
pub(in crate::emulator) struct Shared {
    machine: Mutex<Machine>,
    /// Notified after every request, because it may have changed the machine.
    pub(super) changed: Condvar,
    pub(super) faults: Faults,
    links: Mutex<HashMap<u64, Arc<Mutex<Stream>>>>,
    next_link: AtomicU64,
    stopped: AtomicBool,
    /// When the last report with settings was sent on any link.
    last_report: Mutex<Option<Instant>>,
}

impl Shared {
    pub fn new(config: EmulatorConfig, plant: Plant, faults: Faults) -> Result<Self, StartError> {
        Ok(Self {
            machine: Mutex::new(Machine::new(config, plant, faults.clone())?),
            changed: Condvar::new(),
            faults,
            links: Mutex::default(),
            next_link: AtomicU64::new(1),
            stopped: AtomicBool::new(false),
            last_report: Mutex::default(),
        })
    }

    pub fn machine(&self) -> MutexGuard<'_, Machine> {
        self.machine.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends all threads.
    pub fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
        self.changed.notify_all();
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }

    /// Registers a link of the control port, and returns its number.
    pub(super) fn add_link(&self, writer: Arc<Mutex<Stream>>) -> u64 {
        let link = self.next_link.fetch_add(1, Ordering::Relaxed);
        self.links().insert(link, writer);
        link
    }

    pub(super) fn remove_link(&self, link: u64) {
        self.links().remove(&link);
    }

    fn links(&self) -> MutexGuard<'_, HashMap<u64, Arc<Mutex<Stream>>>> {
        self.links.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Remembers that a report with settings was sent.
    pub(super) fn note_report(&self) {
        *self.last_report.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    /// Whether no client can know the controller's settings from reports.
    pub(super) fn is_unreported(&self) -> bool {
        /// A client may rely on a report for one second; the rest is what two threads may wait for each other.
        const PATIENCE: Duration = Duration::from_millis(1500);
        let last = *self.last_report.lock().unwrap_or_else(PoisonError::into_inner);
        last.is_none_or(|last| last.elapsed() > PATIENCE)
    }

    /// Sends frames that are no answers, each on its link. The caller must hold no lock.
    pub(super) fn send_feedback(&self, frames: Vec<(u64, Vec<u8>)>) {
        for (link, frame) in frames {
            let Some(stream) = self.links().get(&link).map(Arc::clone) else { continue };
            let mut stream = stream.lock().unwrap_or_else(PoisonError::into_inner);
            // The link's own thread notices that it is gone.
            let _ = stream.write_all(&frame);
        }
    }
}
