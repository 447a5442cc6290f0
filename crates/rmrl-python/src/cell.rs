//! A cell that transfers, for `rmrl_robot.cells`.
//!
//! - `owner`: the thread that owns the cell. It knows no Python
//! - `waiting`: a caller waits for it: events, questions, signals. `line`: what the cell says to that caller
//! - `lease`: one caller at a time
//! - `jobs`: what callers let it do. `names`: places and items, as callers write them
//! - `failure`: why something was not done, as an exception
//! - `records`: an inventory without its cell

mod failure;
mod jobs;
mod lease;
mod line;
mod names;
mod owner;
mod records;
mod waiting;

use std::path::PathBuf;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use pyo3::prelude::*;
use rmrl::Places;
use rmrl::rmrl_cell::StopSwitch;
use rmrl::rmrl_transfer::Protocol;

use self::failure::Failure;
use self::jobs::Way;
use self::lease::{Lease, Leases, NotFree};
use self::names::{item_id, place_of, slot_of, stated_by};
use self::owner::{Job, Opening, Work, own};
pub use self::records::{
    inventory_of, parse_pylabrobot_plate, set_items_of, settle_of, verify_inventory,
};
use self::waiting::Caller;

/// A cell that transfers, with the thread that owns it.
#[pyclass(frozen, module = "rmrl_robot._native")]
pub struct Cell {
    /// The process that opened it. A fork of that has no such thread, and must touch neither devices nor records.
    process: u32,
    places: Places,
    stop: StopSwitch,
    leases: Leases,
    operator: Option<Py<PyAny>>,
    /// Empty once the cell is closed.
    owner: Mutex<Option<Owner>>,
}

/// The way to the thread that owns a cell.
struct Owner {
    works: Sender<Work>,
    thread: JoinHandle<()>,
}

/// A call, as its caller described it.
struct Call {
    /// In words.
    what: String,
    /// Whether it waits while another one is under way.
    waits: bool,
    on_event: Option<Py<PyAny>>,
}

#[pymethods]
impl Cell {
    /// Opens the cell of a configuration file with assignments over it.
    #[staticmethod]
    fn open(
        py: Python<'_>,
        file: Option<PathBuf>,
        assignments: Vec<String>,
        permit: bool,
        operator: Option<Py<PyAny>>,
    ) -> PyResult<Self> {
        let layers = crate::configuration::layers(py, file, &assignments)?;
        let invalid = |error: rmrl::ConfigError| crate::errors::configuration_error(py, &error);
        let places = layers.places().map_err(invalid)?;
        let config = layers.resolve().map_err(invalid)?;
        let stop = StopSwitch::default();
        let (works, received) = channel();
        let (opener, news) = channel();
        let opening = Opening {
            config,
            places: places.clone(),
            stop: stop.clone(),
            is_unasked: permit,
            asks_python: operator.is_some(),
        };
        let thread = thread::Builder::new()
            .name("cell".to_string())
            .spawn(move || own(&opening, opener, received))?;
        let owner = Mutex::new(Some(Owner { works, thread }));
        let process = std::process::id();
        let cell = Self { process, places, stop, leases: Leases::default(), operator, owner };
        let caller = Caller { stop: &cell.stop, on_event: None, operator: cell.operator.as_ref() };
        let opened = caller.wait(py, news);
        if opened.is_err() {
            // The thread has ended, or is about to: after that the inventory is free again.
            let _ = cell.end(py, OPENING_PATIENCE);
        }
        opened.map(|_| cell)
    }

    /// As `rmrl cell transfer`; `way` is from where, to where, and whether only the lid is meant.
    fn transfer(
        &self,
        py: Python<'_>,
        way: (String, String, bool),
        waits: bool,
        on_event: Option<Py<PyAny>>,
    ) -> PyResult<String> {
        let what = format!("a transfer from {} to {}", way.0, way.1);
        let way = self.way(py, way)?;
        self.perform(py, Call { what, waits, on_event }, jobs::transfer(way))
    }

    /// As `rmrl cell transfer --dry-run`.
    fn rehearse(
        &self,
        py: Python<'_>,
        way: (String, String, bool),
        waits: bool,
    ) -> PyResult<String> {
        let what = format!("a rehearsal from {} to {}", way.0, way.1);
        let way = self.way(py, way)?;
        self.perform(py, Call { what, waits, on_event: None }, jobs::rehearse(way))
    }

    /// As `rmrl cell protocol`; `protocol` is its text, the name of its file, and how often it is run.
    fn run_protocol(
        &self,
        py: Python<'_>,
        protocol: (String, String, u32),
        waits: bool,
        on_event: Option<Py<PyAny>>,
    ) -> PyResult<String> {
        let (text, file, count) = protocol;
        let has_slot = |slot: &rmrl::rmrl_inventory::SlotAddress| self.places.slot(slot).is_ok();
        let protocol = Protocol::parse(&text, &file, has_slot)
            .map_err(|error| Failure::Configuration(error.to_string()).exception(py))?;
        let what = format!("the protocol {:?}", protocol.name());
        let job = jobs::protocol(protocol, count, self.stop.clone());
        self.perform(py, Call { what, waits, on_event }, job)
    }

    /// Moves the tool home.
    fn home(&self, py: Python<'_>, waits: bool) -> PyResult<String> {
        let what = "a motion home".to_string();
        self.perform(py, Call { what, waits, on_event: None }, jobs::home())
    }

    /// As `rmrl cell inventory set`; `stated` is who says it, and why.
    fn set_items(
        &self,
        py: Python<'_>,
        place: &str,
        items: Vec<String>,
        stated: (String, String),
        waits: bool,
    ) -> PyResult<String> {
        let job = place_of(place, &self.places)
            .and_then(|place| {
                jobs::set_items(self.places.clone(), place, &items, stated_by(stated))
            })
            .map_err(|failure| failure.exception(py))?;
        let what = format!("a statement about {place}");
        self.perform(py, Call { what, waits, on_event: None }, job)
    }

    /// As `rmrl cell inventory settle`.
    fn settle(
        &self,
        py: Python<'_>,
        item: &str,
        place: Option<&str>,
        stated: (String, String),
        waits: bool,
    ) -> PyResult<String> {
        let refused = |failure: Failure| failure.exception(py);
        let id = item_id(item).map_err(refused)?;
        let place =
            place.map(|place| place_of(place, &self.places)).transpose().map_err(refused)?;
        let what = format!("a statement about {item}");
        let job = jobs::settle(self.places.clone(), id, place, stated_by(stated));
        self.perform(py, Call { what, waits, on_event: None }, job)
    }

    /// As `rmrl cell inventory show`, also while a transfer is under way and when the cell is closed.
    fn inventory(&self, py: Python<'_>) -> PyResult<String> {
        records::view(py, &self.places)
    }

    /// Presses the stop switch, on this thread. Returns whether the devices confirmed, and that in words.
    fn stop(&self, py: Python<'_>, by: &str) -> PyResult<(bool, String)> {
        self.check_process(py)?;
        let confirmation = py.detach(|| self.stop.press(by));
        Ok((!confirmation.is_missing(), confirmation.to_string()))
    }

    /// Ends the thread that owns the cell, after what is under way; `None` waits as long as that takes. Returns whether it has
    /// ended.
    fn close(&self, py: Python<'_>, patience_s: Option<f64>) -> PyResult<bool> {
        self.check_process(py)?;
        if self.is_closed() {
            return Ok(true);
        }
        let patience =
            patience_s.map_or(Duration::MAX, |s| Duration::from_secs_f64(s.clamp(0.0, 1e6)));
        let lease = match self.leases.take("its end") {
            Ok(lease) => Some(lease),
            Err(NotFree::Own(what)) => return Err(self.busy(&what).exception(py)),
            Err(NotFree::Busy(_)) => self.queue(py, "its end", patience)?,
        };
        match lease {
            Some(_lease) => Ok(self.end(py, patience)),
            None => Ok(false),
        }
    }

    /// What is under way, in words.
    #[getter]
    fn under_way(&self) -> Option<String> {
        self.leases.under_way()
    }

    /// Who pressed the stop switch, in words.
    #[getter]
    fn stopped(&self) -> Option<String> {
        self.stop.check().err().map(|stopped| stopped.to_string())
    }

    /// Whether it was closed.
    #[getter]
    fn is_closed(&self) -> bool {
        self.owner.lock().unwrap_or_else(PoisonError::into_inner).is_none()
    }

    /// The addresses of its slots.
    #[getter]
    fn slots(&self) -> Vec<String> {
        self.places.slots().iter().map(ToString::to_string).collect()
    }
}

/// How long an opening that failed may take to end.
const OPENING_PATIENCE: Duration = Duration::from_secs(1);
/// How often the end of the thread is looked for.
const END_POLL: Duration = Duration::from_millis(5);

impl Cell {
    /// Lets the owner do something, and waits for it.
    fn perform(&self, py: Python<'_>, call: Call, job: Job) -> PyResult<String> {
        self.check_process(py)?;
        let lease = self.lease(py, &call)?;
        let (news, received) = channel();
        let is_sent = {
            let owner = self.owner.lock().unwrap_or_else(PoisonError::into_inner);
            let send = |owner: &Owner| owner.works.send(Work { job, news, lease }).is_ok();
            owner.as_ref().is_some_and(send)
        };
        // The lock is free again: an exception may let other threads run, which want it, too.
        if !is_sent {
            return Err(closed().exception(py));
        }
        let (on_event, operator) = (call.on_event.as_ref(), self.operator.as_ref());
        let came_to = Caller { stop: &self.stop, on_event, operator }.wait(py, received);
        // One who was interrupted twice has not waited for the end.
        self.leases.abandon();
        came_to
    }

    fn lease(&self, py: Python<'_>, call: &Call) -> PyResult<Lease> {
        match self.leases.take(&call.what) {
            Ok(lease) => Ok(lease),
            Err(NotFree::Busy(_)) if call.waits => self
                .queue(py, &call.what, Duration::MAX)?
                .ok_or_else(|| self.busy("another call").exception(py)),
            Err(NotFree::Busy(what) | NotFree::Own(what)) => Err(self.busy(&what).exception(py)),
        }
    }

    /// Waits for a lease. A signal that raises something stops the arm: somebody wants everything to end.
    fn queue(&self, py: Python<'_>, what: &str, patience: Duration) -> PyResult<Option<Lease>> {
        let (ticket, began) = (self.leases.queue(), Instant::now());
        loop {
            let left = patience.saturating_sub(began.elapsed());
            if let Some(lease) = py.detach(|| ticket.wait(what, left)) {
                return Ok(Some(lease));
            }
            if let Err(signal) = py.check_signals() {
                py.detach(|| self.stop.press("Ctrl-C"));
                return Err(signal);
            }
            if left.is_zero() {
                return Ok(None);
            }
        }
    }

    /// Lets the owner end, and waits for it.
    fn end(&self, py: Python<'_>, patience: Duration) -> bool {
        let owner = self.owner.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(Owner { works, thread }) = owner else { return true };
        drop(works);
        py.detach(|| {
            let began = Instant::now();
            while !thread.is_finished() {
                if began.elapsed() >= patience {
                    return false;
                }
                thread::sleep(END_POLL);
            }
            // What it panicked at was said by the call that it ended.
            drop(thread.join());
            true
        })
    }

    fn busy(&self, what: &str) -> Failure {
        let message = format!("{what} is under way; wait=True waits for it, and stop() stops it");
        Failure::cell("busy", message)
    }

    fn way(&self, py: Python<'_>, (from, to, lid): (String, String, bool)) -> PyResult<Way> {
        let resolved = || {
            Ok(Way { from: place_of(&from, &self.places)?, to: slot_of(&to, &self.places)?, lid })
        };
        resolved().map_err(|failure: Failure| failure.exception(py))
    }

    fn check_process(&self, py: Python<'_>) -> PyResult<()> {
        let here = std::process::id();
        if here == self.process {
            return Ok(());
        }
        let message = format!(
            "the cell was opened by process {}, and this is its fork {here}, which has no connection to it; use it there, or \
             start processes by \"spawn\"",
            self.process
        );
        Err(Failure::cell("forked", message).exception(py))
    }
}

impl Drop for Cell {
    fn drop(&mut self) {
        let owner = self.owner.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        // In a fork there is no such thread, and whoever held its locks is not there either.
        if std::process::id() != self.process {
            std::mem::forget(owner);
        }
    }
}

fn closed() -> Failure {
    Failure::cell("closed", "the cell is closed; open it again: Cell.open(...)")
}
