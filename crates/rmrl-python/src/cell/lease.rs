//! One caller of a cell at a time.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};

/// How long a wait lasts before signals are looked for.
const SLICE: Duration = Duration::from_millis(50);

/// Who has the cell. Those who wait come in the order in which they asked.
#[derive(Clone, Default)]
pub struct Leases {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    freed: Condvar,
}

#[derive(Default)]
struct State {
    /// What is under way, and which thread waits for it.
    held: Option<(String, Option<ThreadId>)>,
    waiting: VecDeque<u64>,
    next: u64,
}

/// The right to use the cell, until it is dropped.
pub struct Lease {
    leases: Leases,
}

/// A place among those who wait. Whoever gives up leaves it.
pub struct Ticket {
    leases: Leases,
    number: u64,
}

/// Why there is no lease now.
pub enum NotFree {
    /// This is under way, in words.
    Busy(String),
    /// This is under way for the same thread, which would wait for itself.
    Own(String),
}

impl Leases {
    /// The lease, if it is free and nobody waits.
    pub fn take(&self, what: &str) -> Result<Lease, NotFree> {
        let mut state = self.shared.state();
        match &state.held {
            Some((under_way, by)) if *by == Some(thread::current().id()) => {
                Err(NotFree::Own(under_way.clone()))
            }
            Some((under_way, _)) => Err(NotFree::Busy(under_way.clone())),
            None if !state.waiting.is_empty() => {
                Err(NotFree::Busy("a call that waited before".to_string()))
            }
            None => {
                state.held = Some((what.to_string(), Some(thread::current().id())));
                Ok(Lease { leases: self.clone() })
            }
        }
    }

    /// A place at the end of those who wait.
    pub fn queue(&self) -> Ticket {
        let mut state = self.shared.state();
        let number = state.next;
        state.next += 1;
        state.waiting.push_back(number);
        Ticket { leases: self.clone(), number }
    }

    /// The calling thread waits no longer for what is under way for it.
    pub fn abandon(&self) {
        if let Some((_, by)) = &mut self.shared.state().held
            && *by == Some(thread::current().id())
        {
            *by = None;
        }
    }

    /// What is under way, in words.
    pub fn under_way(&self) -> Option<String> {
        self.shared.state().held.as_ref().map(|(what, _)| what.clone())
    }
}

impl Ticket {
    /// Waits a moment for the lease, `patience` at most.
    pub fn wait(&self, what: &str, patience: Duration) -> Option<Lease> {
        let until = Instant::now() + patience.min(SLICE);
        let mut state = self.leases.shared.state();
        loop {
            if state.held.is_none() && state.waiting.front() == Some(&self.number) {
                state.waiting.pop_front();
                state.held = Some((what.to_string(), Some(thread::current().id())));
                return Some(Lease { leases: self.leases.clone() });
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return None;
            }
            let waited = self.leases.shared.freed.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let number = self.number;
        self.leases.shared.state().waiting.retain(|other| *other != number);
        self.leases.shared.freed.notify_all();
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.leases.shared.state().held = None;
        self.leases.shared.freed.notify_all();
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing between locking and unlocking can leave half a state.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
