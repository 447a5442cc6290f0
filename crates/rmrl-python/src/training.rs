//! Runs that a Python program makes and follows.
//!
//! A thread makes the run. The thread that called asks Python for signals meanwhile, and calls the program's functions between
//! two attempts, so that these run where the program runs.

use std::mem::take;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, channel, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use rmrl::rmrl_cell::{PickPlace, StopSwitch, TaskKind};
use rmrl::rmrl_core::TrialId;
use rmrl::rmrl_data::{RunDir, TrialRecord};
use rmrl::rmrl_learn::{Learner, MethodName, StopReason};
use rmrl::{
    RunConfig, RunObserver, RunOutcome, RunResult, Start, evaluate_run, resume_attended,
    train_attended, unused_root,
};

use crate::configuration::resolve;
use crate::errors::run_error;

/// How often Python is asked whether a signal came.
const POLL: Duration = Duration::from_millis(50);
/// Rapier and burn recurse deeper than the stack of a thread usually allows.
const STACK_BYTES: usize = 64 << 20;

/// What a program is told.
enum Event {
    /// The run begins, or resumes, in its directory.
    Start(PathBuf),
    /// An attempt has ended; its record, which is on disk, as JSON.
    Attempt(String),
    /// The trials so far that were learned from.
    Update(u32),
    /// Something that a person should know, in this trial.
    Noticed(u32, String),
}

/// An event, and who waits until the program has been told. `false`: the run has to end.
struct Told {
    event: Event,
    answer: SyncSender<bool>,
}

/// Tells the program what happens in a run.
struct Follower {
    program: Sender<Told>,
    /// Records that may not be on disk yet.
    waiting: Vec<String>,
    /// The run's directory and method; none before the work knows them.
    run: Option<(PathBuf, MethodName)>,
    /// Whether this run is under way, and not an earlier one that it is pretrained on.
    is_own: bool,
    /// Whether the program still follows.
    is_followed: bool,
}

impl Follower {
    fn tell(&mut self, event: Event) {
        if !self.is_followed {
            return;
        }
        let (answer, answered) = sync_channel(1);
        let told = self.program.send(Told { event, answer });
        // A program that is gone ends the run, too.
        self.is_followed = told.is_ok() && answered.recv().unwrap_or(false);
    }

    /// Tells of the attempts that have ended. They are on disk now.
    fn tell_attempts(&mut self) {
        for record in take(&mut self.waiting) {
            self.tell(Event::Attempt(record));
        }
    }

    fn ends(&self) -> Result<(), StopReason> {
        match self.is_followed {
            true => Ok(()),
            false => Err(StopReason::Stopped { by: "the Python program".to_string() }),
        }
    }
}

impl RunObserver for Follower {
    fn begin(&mut self, config: &RunConfig, _: &[TrialRecord]) -> Start {
        self.is_own = self.run.as_ref().is_some_and(|(_, method)| *method == config.method);
        Start::default()
    }

    fn on_start(&mut self, _: &mut PickPlace, _: &[TrialRecord]) -> Result<(), StopReason> {
        if let (Some((root, _)), true) = (&self.run, self.is_own) {
            self.tell(Event::Start(root.clone()));
        }
        self.ends()
    }

    fn before_attempt(&mut self, _: TrialId) -> Result<(), StopReason> {
        self.tell_attempts();
        self.ends()
    }

    fn after_attempt(&mut self, record: &TrialRecord) {
        if !self.is_own {
            return;
        }
        let text = serde_json::to_string(record).expect("a record is made of JSON's types");
        self.waiting.push(text);
    }

    fn on_update(&mut self, learner: &Learner) {
        self.tell_attempts();
        if self.is_own {
            self.tell(Event::Update(learner.trials()));
        }
    }

    fn noticed(&mut self, id: TrialId, what: &str) {
        self.tell(Event::Noticed(id.trial, what.to_string()));
    }
}

/// How a run ended: its directory, why in words, and whether it reached its goal.
type Ended = (PathBuf, String, bool);

fn ended(root: PathBuf, result: &RunResult) -> Ended {
    (root, result.end.to_string(), result.end == RunOutcome::Goal)
}

/// Makes a new run of a configuration. `program` has the methods `start(path)`, `attempt(record)`, `update(trials)` and
/// `noticed(trial, what)`; an exception of one ends the run before its next attempt, and is raised at the end.
#[pyfunction]
#[pyo3(signature = (program, file, assignments, out, is_unasked))]
pub fn train_run(
    program: &Bound<'_, PyAny>,
    file: Option<PathBuf>,
    assignments: Vec<String>,
    out: Option<PathBuf>,
    is_unasked: bool,
) -> PyResult<Ended> {
    let config = resolve(program.py(), file, assignments)?;
    follow(program, is_unasked, move |start, follower| {
        let root = out.unwrap_or_else(|| unused_root(&config));
        follower.run = Some((root.clone(), config.method));
        let result = train_attended(&config, &root, start, follower)?;
        Ok(ended(root, &result))
    })
}

/// Continues a run. `program` as in `train_run`.
#[pyfunction]
pub fn resume_run(program: &Bound<'_, PyAny>, root: PathBuf, is_unasked: bool) -> PyResult<Ended> {
    follow(program, is_unasked, move |start, follower| {
        RunDir::check(&root)?;
        let method = RunConfig::of_run(&root.join(RunDir::CONFIG))?.method;
        follower.run = Some((root.clone(), method));
        let result = resume_attended(&root, start, follower)?;
        Ok(ended(root, &result))
    })
}

/// Evaluates what a run deploys on new placements. Returns the result as JSON. `task` is that of the run if it is `None`.
#[pyfunction]
pub fn evaluate(
    py: Python<'_>,
    root: PathBuf,
    task: Option<String>,
    trials: u32,
    seed: u32,
    is_unasked: bool,
) -> PyResult<String> {
    let nobody = py.None().into_bound(py);
    follow(&nobody, is_unasked, move |start, _| {
        RunDir::check(&root)?;
        let config = RunConfig::of_run(&root.join(RunDir::CONFIG))?;
        let task = match task {
            Some(name) => task_of(&name)?,
            None => config.task.kind,
        };
        let evaluation = evaluate_run(&config, &root, task, (trials, seed), start)?;
        Ok(serde_json::to_string(&evaluation)?)
    })
}

fn task_of(name: &str) -> anyhow::Result<TaskKind> {
    let found = serde_json::from_value(name.into());
    found.map_err(|_| anyhow::anyhow!("the task is {name:?}; expected table or shelf"))
}

/// Does `work` on a thread. Calls the methods of `program` and Python's handlers of signals on this one meanwhile. An exception
/// of either stops the work and is raised at its end; after a second one nobody waits any more.
fn follow<T: Send + 'static>(
    program: &Bound<'_, PyAny>,
    is_unasked: bool,
    work: impl FnOnce(&Start, &mut Follower) -> anyhow::Result<T> + Send + 'static,
) -> PyResult<T> {
    let py = program.py();
    let (sender, events) = channel();
    let start = Start { is_unasked, ..Start::default() };
    let stop = start.stop.clone();
    let make = move || {
        let mut follower = Follower {
            program: sender,
            waiting: Vec::new(),
            run: None,
            is_own: false,
            is_followed: true,
        };
        let result = work(&start, &mut follower);
        follower.tell_attempts();
        result
    };
    let thread = thread::Builder::new().name("run".to_string()).stack_size(STACK_BYTES).spawn(make);
    let thread = thread.map_err(|error| PyRuntimeError::new_err(error.to_string()))?;
    let raised = attend(program, &Mutex::new(events), &stop)?;
    let result = py.detach(|| thread.join());
    if let Some(raised) = raised {
        return Err(raised);
    }
    match result {
        Ok(result) => result.map_err(|error| run_error(py, &error)),
        Err(_) => Err(PyRuntimeError::new_err("the run failed in a way that is a bug of rmrl")),
    }
}

/// Answers events until there are no more. Returns the exception that ended the work, if one did.
///
/// # Errors
/// A second signal came.
fn attend(
    program: &Bound<'_, PyAny>,
    events: &Mutex<Receiver<Told>>,
    stop: &StopSwitch,
) -> PyResult<Option<PyErr>> {
    let py = program.py();
    let mut raised = None;
    loop {
        let next =
            py.detach(|| events.lock().unwrap_or_else(PoisonError::into_inner).recv_timeout(POLL));
        let answered = match next {
            Ok(Told { event, answer }) => {
                let called = match raised {
                    None => call(program, event),
                    Some(_) => Ok(()),
                };
                // Whoever waits for it is there until the answer.
                let _ = answer.send(raised.is_none() && called.is_ok());
                called
            }
            Err(RecvTimeoutError::Timeout) => py.check_signals().inspect_err(|_| press(stop)),
            Err(RecvTimeoutError::Disconnected) => return Ok(raised),
        };
        match answered {
            Ok(()) => {}
            Err(again) if raised.is_some() => return Err(again),
            Err(first) => {
                if first.is_instance_of::<pyo3::exceptions::PyKeyboardInterrupt>(py) {
                    press(stop);
                }
                raised = Some(first);
            }
        }
    }
}

/// Presses the switch, on a thread of its own: a device that hangs must not delay the program.
fn press(stop: &StopSwitch) {
    let stop = stop.clone();
    thread::spawn(move || stop.press("Ctrl-C"));
}

fn call(program: &Bound<'_, PyAny>, event: Event) -> PyResult<()> {
    match event {
        Event::Start(root) => program.call_method1("start", (root,)),
        Event::Attempt(record) => program.call_method1("attempt", (record,)),
        Event::Update(trials) => program.call_method1("update", (trials,)),
        Event::Noticed(trial, what) => program.call_method1("noticed", (trial, what)),
    }
    .map(|_| ())
}
