//! One caller of a cell at a time.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};

/// How long a wait lasts before signals are looked for.
const SLICE: Duration = Duration::from_millis(50);

/// Whose turn it is. Those who wait come in the order in which they asked.
#[derive(Clone, Default)]
pub struct Turns {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    freed: Condvar,
}

#[derive(Default)]
struct State {
    /// What is under way, and for which thread.
    held: Option<(String, ThreadId)>,
    waiting: VecDeque<u64>,
    next: u64,
}

/// A turn, until it is dropped.
pub struct Turn {
    turns: Turns,
}

/// A place among those who wait. Whoever gives up leaves it.
pub struct Ticket {
    turns: Turns,
    number: u64,
}

/// Why there is no turn now.
pub enum NoTurn {
    /// This is under way, in words.
    Busy(String),
    /// This is under way for the same thread, which would wait for itself.
    Own(String),
}

impl Turns {
    /// The turn, if it is free and nobody waits.
    pub fn take(&self, what: &str) -> Result<Turn, NoTurn> {
        let mut state = self.shared.state();
        match &state.held {
            Some((under_way, by)) if *by == thread::current().id() => {
                Err(NoTurn::Own(under_way.clone()))
            }
            Some((under_way, _)) => Err(NoTurn::Busy(under_way.clone())),
            None if !state.waiting.is_empty() => {
                Err(NoTurn::Busy("a call that waited before".to_string()))
            }
            None => {
                state.held = Some((what.to_string(), thread::current().id()));
                Ok(Turn { turns: self.clone() })
            }
        }
    }

    /// A place at the end of those who wait.
    pub fn queue(&self) -> Ticket {
        let mut state = self.shared.state();
        let number = state.next;
        state.next += 1;
        state.waiting.push_back(number);
        Ticket { turns: self.clone(), number }
    }

    /// What is under way, in words.
    pub fn under_way(&self) -> Option<String> {
        self.shared.state().held.as_ref().map(|(what, _)| what.clone())
    }
}

impl Ticket {
    /// Waits a moment for the turn, `patience` at most.
    pub fn wait(&self, what: &str, patience: Duration) -> Option<Turn> {
        let until = Instant::now() + patience.min(SLICE);
        let mut state = self.turns.shared.state();
        loop {
            if state.held.is_none() && state.waiting.front() == Some(&self.number) {
                state.waiting.pop_front();
                state.held = Some((what.to_string(), thread::current().id()));
                return Some(Turn { turns: self.turns.clone() });
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return None;
            }
            let waited = self.turns.shared.freed.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let number = self.number;
        self.turns.shared.state().waiting.retain(|other| *other != number);
        self.turns.shared.freed.notify_all();
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.turns.shared.state().held = None;
        self.turns.shared.freed.notify_all();
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing between locking and unlocking can leave half a state.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
