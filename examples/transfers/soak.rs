//! Transfers with a fault in every tenth and kills at random instants. After each, the records have to say where everything is.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use rand::RngExt;
use rmrl::rmrl_core::{Rng, random_stream};
use rmrl::rmrl_inventory::World;
use rmrl::rmrl_sim::SimulatedCell;
use rmrl::rmrl_transfer::{Ending, LeftAt, Request, TransferReport};
use rmrl::{AssembledCell, Layers, Places, RunConfig, Start, open_transfer_cell_with};

use crate::devices::{Injected, Killed, Shared};
use crate::person::Person;
use crate::requests::possible;
use crate::truth::{contradictions, item};
use crate::{Failure, Options};

/// One of so many transfers has a fault.
const FAULT_EVERY: u64 = 10;
/// So many calls of devices a transfer makes, until one has been counted.
const CALLS: u32 = 20;

/// After so many transfers in a row that were not done a person takes out what the jaws hold.
const PATIENCE: u32 = 3;

/// What a soak has counted.
#[derive(Debug, Default)]
struct Tally {
    transfers: u64,
    done: u64,
    not_done: BTreeMap<String, u64>,
    unknown: u64,
    refused: u64,
    kills: u64,
    faults: u64,
    violations: Vec<String>,
}

/// A laboratory under test: its simulation outlives every program that transfers in it.
struct Bed {
    config: RunConfig,
    places: Places,
    control: Shared,
    assembled: Option<AssembledCell>,
    truth: SimulatedCell,
    rng: Rng,
    tally: Tally,
    /// How many transfers in a row were not done.
    stuck: u32,
    /// How many calls of devices the last transfer made that was done without a fault: the next one fails or is killed at one of
    /// so many.
    calls: u32,
}

pub fn run(options: &Options) -> Result<bool, Failure> {
    let (transfers, kills) = (options.number("transfers", 8000)?, options.number("kills", 60)?);
    let seed = options.number("seed", 1)?;
    let file = options.text("config", "configs/laboratory.toml");
    let dir = tempfile::tempdir()?;
    let inventory = dir.path().join("inventory").display().to_string();
    let layers = Layers::default()
        .with_text(&file, &std::fs::read_to_string(&file)?)?
        .with_assignment(&format!("seed={seed}"))?
        .with_assignment(&format!("inventory.dir=\"{inventory}\""))?;
    let places = layers.places()?;
    let config = layers.resolve()?;
    let control = Shared::default();
    let assembled = open_transfer_cell_with(&config, &places, &Start::default(), |devices| {
        control.over(devices)
    })?;
    let truth = assembled.simulated.clone().ok_or("only of a simulated cell")?;
    let rng = random_stream(seed, "soak", [0, 0]);
    let tally = Tally::default();
    let mut bed = Bed {
        config,
        places,
        control,
        assembled: Some(assembled),
        truth,
        rng,
        tally,
        stuck: 0,
        calls: CALLS,
    };
    // A kill is a panic here; the default hook would print each.
    std::panic::set_hook(Box::new(|info| {
        if info.payload().downcast_ref::<Killed>().is_none() {
            eprintln!("{info}");
        }
    }));
    let every = (transfers / kills.max(1)).max(1);
    for number in 1..=transfers {
        bed.tally.transfers += 1;
        let injected =
            bed.draw(number, (kills > 0 && number.is_multiple_of(every)).then_some(every));
        bed.step(injected)?;
        if number.is_multiple_of(500) {
            eprintln!("{number}: {:?}", bed.tally);
        }
    }
    println!("{:#?}", bed.tally);
    Ok(bed.tally.violations.is_empty())
}

impl Bed {
    /// What happens during a transfer, if anything.
    fn draw(&mut self, number: u64, kill: Option<u64>) -> Option<(u32, Injected)> {
        let call = self.rng.random_range(0..self.calls);
        if kill.is_some() {
            let is_before = self.rng.random_bool(0.5);
            return Some((
                call,
                if is_before { Injected::KillBefore } else { Injected::KillAfter },
            ));
        }
        if !number.is_multiple_of(FAULT_EVERY) {
            return None;
        }
        let kinds = [
            Injected::Lost,
            Injected::NoAnswer,
            Injected::Faulted,
            Injected::WrongStatus,
            Injected::WrongWidth,
        ];
        Some((call, kinds[self.rng.random_range(0..kinds.len())]))
    }

    fn step(&mut self, injected: Option<(u32, Injected)>) -> Result<(), Failure> {
        let Some(mut assembled) = self.assembled.take() else { return Ok(()) };
        let Some(request) = self.request(assembled.cell.inventory().world()) else {
            return Err("nothing can be moved any more".into());
        };
        {
            let mut control = self.control.lock();
            control.at_call = injected;
            control.has_happened = false;
            control.calls = 0;
        }
        let ended = catch_unwind(AssertUnwindSafe(|| assembled.cell.transfer(&request)));
        self.control.lock().at_call = None;
        if self.control.lock().has_happened {
            self.tally.faults += 1;
        } else if matches!(&ended, Ok(Ok(report)) if report.ending == Ending::Done) {
            self.calls = self.control.lock().calls;
        }
        match ended {
            Err(payload) if payload.downcast_ref::<Killed>().is_some() => {
                self.tally.kills += 1;
                drop(assembled);
                assembled = self.start_again()?;
                // The laboratory that continues is the one that was kept.
                self.truth = assembled.simulated.clone().ok_or("only of a simulated cell")?;
            }
            Err(payload) => std::panic::resume_unwind(payload),
            Ok(Ok(report)) => self.count(&report),
            Ok(Err(error)) => {
                self.tally.refused += 1;
                let text = error.to_string();
                // A transfer may be refused, and its records cannot be half written.
                if !text.contains("jaws") && !text.contains("no clear way") {
                    self.tally.violations.push(format!("{request}: refused: {text}"));
                }
            }
        }
        let world = assembled.cell.inventory().world().clone();
        for wrong in contradictions(&self.truth, &world) {
            self.tally.violations.push(format!("after {request} with {injected:?}: {wrong}"));
        }
        let person = Person { truth: &self.truth, places: &self.places };
        let takes_out = world.jaws().is_some() && self.stuck > PATIENCE;
        if takes_out {
            self.stuck = 0;
        }
        person.put_right(assembled.cell.inventory_mut(), takes_out)?;
        self.assembled = Some(assembled);
        Ok(())
    }

    /// Something that can be asked for.
    fn request(&mut self, world: &World) -> Option<Request> {
        let mut possible = possible(&self.places, world);
        let count = possible.len();
        (count > 0).then(|| possible.swap_remove(self.rng.random_range(0..count)))
    }

    /// Another program is started in the same laboratory.
    fn start_again(&self) -> Result<AssembledCell, Failure> {
        let control = self.control.clone();
        let wrap = |devices| control.over(devices);
        Ok(open_transfer_cell_with(&self.config, &self.places, &Start::default(), wrap)?)
    }

    fn count(&mut self, report: &TransferReport) {
        match &report.ending {
            Ending::Done => {
                self.tally.done += 1;
                self.stuck = 0;
                let lies = item(&self.truth, &report.item);
                let at = lies.and_then(|item| item.slot).map(|(slot, _)| slot);
                if at.as_deref() != Some(report.request.to().to_string().as_str()) {
                    self.tally
                        .violations
                        .push(format!("{} is done, and truly at {at:?}", report.request));
                }
            }
            Ending::NotDone { at, reason } => {
                self.stuck += 1;
                let at = if *at == LeftAt::Jaws { "in the jaws" } else { "where it was" };
                if std::env::var("SAY").is_ok() {
                    eprintln!("{}: {reason}", report.request);
                }
                let words: Vec<&str> = reason.split_whitespace().take(6).collect();
                *self.tally.not_done.entry(format!("{at}: {}", words.join(" "))).or_default() += 1;
            }
            Ending::Unknown { .. } => self.tally.unknown += 1,
        }
    }
}
