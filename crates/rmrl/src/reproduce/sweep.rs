//! Runs the units of a plan, several at a time.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context, anyhow};

use super::plan::{Plan, Unit};
use super::store::Store;
use super::unit::run_unit;
use crate::config::RunConfig;
use crate::run::create::resolved;

/// Is notified of units as they end.
pub trait SweepProgress: Sync {
    /// A unit is finished and stored.
    fn finished(&self, unit: &Unit);

    /// A unit failed; the others continue.
    fn failed(&self, unit: &Unit, error: &anyhow::Error);
}

/// A unit that failed.
#[derive(Debug)]
pub struct FailedUnit {
    /// The unit.
    pub unit: Unit,
    /// Why it failed.
    pub error: anyhow::Error,
}

/// The usual stack of a main thread, on which `rmrl train` runs.
const STACK_BYTES: usize = 8 << 20;

/// The units that are not finished yet, with their configurations.
///
/// # Errors
/// A unit has no valid configuration, or was finished with another one. Nothing is started then.
pub fn unfinished(
    plan: &Plan,
    units: Vec<Unit>,
    store: &Store,
) -> anyhow::Result<Vec<(Unit, RunConfig)>> {
    let mut todo = Vec::new();
    for unit in units {
        let config = resolved(&plan.config(&unit)?)?;
        config.validate()?;
        if !store.is_finished(&unit, &config)? {
            todo.push((unit, config));
        }
    }
    Ok(todo)
}

/// No computer runs more units at a time.
const MOST_JOBS: usize = 1024;

/// Runs units, `jobs` at a time, each on its own thread. Returns the units that failed.
///
/// With `keep_runs`, each unit leaves an ordinary run directory in that folder, images included.
pub fn run_units(
    todo: &[(Unit, RunConfig)],
    plan: &Plan,
    store: &Store,
    jobs: usize,
    keep_runs: Option<&Path>,
    progress: &dyn SweepProgress,
) -> Vec<FailedUnit> {
    let next = AtomicUsize::new(0);
    let failures = Mutex::new(Vec::new());
    let work = || {
        while let Some((unit, config)) = todo.get(next.fetch_add(1, Ordering::Relaxed)) {
            match run_and_keep(unit, config, plan, store, keep_runs) {
                Ok(()) => progress.finished(unit),
                Err(error) => {
                    progress.failed(unit, &error);
                    let failed = FailedUnit { unit: unit.clone(), error };
                    failures.lock().expect("no thread panics with it").push(failed);
                }
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..jobs.min(MOST_JOBS).clamp(1, todo.len().max(1)) {
            scope.spawn(work);
        }
    });
    failures.into_inner().expect("no thread panicked with it")
}

/// Runs one unit and stores its result. A panic fails this unit only, because the others may have run
/// for hours.
fn run_and_keep(
    unit: &Unit,
    config: &RunConfig,
    plan: &Plan,
    store: &Store,
    keep_runs: Option<&Path>,
) -> anyhow::Result<()> {
    let kept: Option<PathBuf> = keep_runs.map(|root| {
        let Unit { variant, method, seed } = unit;
        root.join(variant).join(format!("{method}-seed{seed}"))
    });
    // A pool of one thread, because units run in parallel here, not the rows of images.
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(1)
        .stack_size(STACK_BYTES)
        .build()
        .context("no thread could be started")?;
    let run = || run_unit(unit, config, (&plan.tasks, plan.placements), kept.as_deref());
    let result = catch_unwind(AssertUnwindSafe(|| pool.install(run)))
        .unwrap_or_else(|panic| Err(anyhow!("it panicked: {}", message_of(panic.as_ref()))))?;
    store.keep(&result)
}

fn message_of(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message")
}
