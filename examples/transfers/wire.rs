//! Transfers over the controller's protocol: the laboratory is emulated here, and other programs transfer in it, as a laboratory's
//! own do. They are killed at random instants, and the controller has faults. After each transfer the records have to say where
//! everything is, and no part of arm, gripper and plate may have come near what the emulator judges motions by.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use rand::RngExt;
use rmrl::rmrl_cell::Arm;
use rmrl::rmrl_core::{Rng, random_stream};
use rmrl::rmrl_inventory::{Inventory, StatedBy, World};
use rmrl::rmrl_transfer::{Ending, LeftAt, Request, TransferReport};
use rmrl::rmrl_xarm::emulator::{EmulatorConfig, ScheduledFault};
use rmrl::rmrl_xarm::{BioGripperDevice, Robot};
use rmrl::{EmulatedLaboratory, Places, RunConfig, emulated_keep_outs};

use crate::person::Person;
use crate::requests::possible;
use crate::truth::{contradictions, item};
use crate::wire_process::{Heard, Program};
use crate::wire_program::{Said, configured};
use crate::wire_tally::{Tally, process_secs};
use crate::{Failure, Options, wire_faults};

/// One of so many transfers has a fault.
const FAULT_EVERY: u64 = 10;
/// After so many transfers in a row that were not done a person starts the program again.
const RESTARTED_AFTER: u32 = 2;
/// After so many a person takes out what the jaws hold.
const PATIENCE: u32 = 3;
/// A program that says nothing for so long hangs: faults take some seconds each.
const HANGS: Duration = Duration::from_secs(180);
/// So often a program is started again that could not start.
const STARTS: u32 = 6;

/// A laboratory under test: its emulation outlives every program that transfers in it.
struct Bed {
    config: RunConfig,
    places: Places,
    inventory: PathBuf,
    /// The options of a program that transfers here.
    program_options: Vec<String>,
    emulated: EmulatedLaboratory,
    program: Option<Program>,
    rng: Rng,
    tally: Tally,
    /// How many transfers in a row were not done.
    stuck: u32,
    /// The number of violations of keep-outs that were seen.
    seen: usize,
}

pub fn run(options: &Options) -> Result<bool, Failure> {
    let (transfers, kills) = (options.number("transfers", 2000)?, options.number("kills", 40)?);
    let seed = options.number("seed", 1)?;
    let dir = tempfile::tempdir()?;
    let mut bed = Bed::new(options, seed, dir.path().join("inventory"))?;
    let every = (transfers / kills.max(1)).max(1);
    for number in 1..=transfers {
        bed.tally.transfers += 1;
        // Not where a fault comes, too.
        let is_killed = kills > 0 && (number + every / 2).is_multiple_of(every);
        bed.step(number, is_killed)?;
        if number.is_multiple_of(50) {
            eprintln!("{}", bed.tally);
        }
    }
    bed.tally.violations.iter().for_each(|violation| println!("{violation}"));
    println!("seed {seed}: {}", bed.tally);
    Ok(bed.tally.violations.is_empty())
}

impl Bed {
    fn new(options: &Options, seed: u64, inventory: PathBuf) -> Result<Self, Failure> {
        let file = options.text("config", "configs/laboratory-emulated.toml");
        let mut own: BTreeMap<String, String> = BTreeMap::new();
        own.insert("config".to_string(), file);
        own.insert("seed".to_string(), seed.to_string());
        own.insert("inventory".to_string(), inventory.display().to_string());
        let (config, places) = configured(&Options(own.clone()))?;
        let keep_outs = emulated_keep_outs(&config, &places);
        let emulated = EmulatedLaboratory::start(
            &config,
            &places,
            EmulatorConfig::default(),
            Some(keep_outs),
            "127.0.0.1:0",
        )?;
        let at = emulated.controller.addresses().ok_or("the controller listens nowhere")?;
        own.insert("control".to_string(), at.control.port().to_string());
        own.insert("reports".to_string(), at.rich.port().to_string());
        own.insert("remote".to_string(), emulated.server.address().to_string());
        let (config, places) = configured(&Options(own.clone()))?;
        let program_options =
            own.into_iter().flat_map(|(name, value)| [format!("--{name}"), value]).collect();
        let bed = Self {
            config,
            places,
            inventory,
            program_options,
            emulated,
            program: None,
            rng: random_stream(seed, "soak over the wire", [0, 0]),
            tally: Tally::default(),
            stuck: 0,
            seen: 0,
        };
        bed.set_up()?;
        Ok(bed)
    }

    /// A person gives the gripper power, and says what lies where.
    fn set_up(&self) -> Result<(), Failure> {
        let robot = Arc::new(Robot::connect(self.config.xarm.clone())?);
        BioGripperDevice::connect(robot)?.power_on()?;
        let now = Timestamp::now();
        let mut inventory = Inventory::open(&self.inventory, self.places.layout(), now)?;
        for (place, items) in self.emulated.seen_by_a_person() {
            let stated = StatedBy { by: "a person".to_string(), reason: "set up".to_string() };
            inventory.set(place, items, stated, now)?;
        }
        Ok(())
    }

    fn step(&mut self, number: u64, is_killed: bool) -> Result<(), Failure> {
        let world = World::read(&self.inventory)?;
        let mut requests = possible(&self.places, &world);
        if requests.is_empty() {
            return Err(format!("nothing can be moved any more: {world}").into());
        }
        let request = requests.swap_remove(self.rng.random_range(0..requests.len()));
        if !self.is_started()? {
            return Ok(());
        }
        let fault = (number.is_multiple_of(FAULT_EVERY) && !is_killed).then(|| {
            let recording = self.emulated.controller.recording();
            wire_faults::draw(&mut self.rng, &recording)
        });
        if let Some(fault) = fault {
            self.emulated.controller.faults().schedule(fault);
            self.tally.faults += 1;
        }
        let told = format!("{request} with {}", in_words(fault, is_killed));
        let (began, computed) = (Instant::now(), process_secs());
        let killed_after = is_killed.then(|| {
            Duration::from_secs_f64(self.rng.random_range(0.0..1.0) * self.tally.mean_secs())
        });
        let heard = self.ask(&request, killed_after.unwrap_or(HANGS))?;
        self.tally.emulating_secs += process_secs() - computed;
        wire_faults::end(&self.emulated.controller);
        let is_unknown = match heard {
            Heard::Said(said) => {
                let is_unknown = self.take(*said, &request, began.elapsed())?;
                // It was faster than the kill, which comes between two transfers.
                if is_killed {
                    self.program = None;
                    self.tally.kills += 1;
                }
                is_unknown
            }
            Heard::Nothing if is_killed => {
                self.program = None;
                self.tally.kills += 1;
                self.wait_for_standstill();
                false
            }
            Heard::Nothing => {
                self.program = None;
                self.wait_for_standstill();
                self.violation(format!("{told}: no answer for {HANGS:?}"));
                false
            }
            Heard::Ended => {
                self.program = None;
                self.violation(format!("{told}: the program ended by itself"));
                false
            }
        };
        self.check(&told)?;
        if is_unknown || self.program.is_none() {
            self.start_where_unsure(&request, &told)?;
        }
        self.put_right()?;
        self.check(&format!("{told}, put right"))
    }

    /// Asks a program that is ready for a transfer.
    fn ask(&mut self, request: &Request, within: Duration) -> Result<Heard, Failure> {
        let Some(program) = &mut self.program else { return Ok(Heard::Ended) };
        program.ask(request)?;
        program.hear(within)
    }

    /// Takes note of what a program says of a transfer. Returns whether nobody knows where the item is.
    fn take(&mut self, said: Said, request: &Request, took: Duration) -> Result<bool, Failure> {
        match said {
            Said::Ended { report, computing_secs, .. } => {
                self.tally.timed += 1;
                self.tally.secs += took.as_secs_f64();
                self.tally.computing_secs += computing_secs;
                self.count(&report);
                Ok(matches!(report.ending, Ending::Unknown { .. }))
            }
            Said::Refused(reason) => {
                self.tally.refused += 1;
                self.stuck += 1;
                if std::env::var("SAY").is_ok() {
                    eprintln!("{request}: refused: {reason}");
                }
                // A transfer may be refused, and its records cannot be half written.
                if !reason.contains("jaws") && !reason.contains("no clear way") {
                    self.violation(format!("{request}: refused: {reason}"));
                }
                Ok(false)
            }
            said => Err(format!("unexpected: {said:?}").into()),
        }
    }

    fn count(&mut self, report: &TransferReport) {
        let request = &report.request;
        if std::env::var("SAY").is_ok() {
            eprintln!("{request}: {}", report.ending);
        }
        match &report.ending {
            Ending::Done => {
                self.tally.done += 1;
                self.stuck = 0;
                let lies = item(&self.emulated.cell, &report.item);
                let at = lies.and_then(|item| item.slot).map(|(slot, _)| slot);
                if at.as_deref() != Some(request.to().to_string().as_str()) {
                    self.violation(format!("{request} is done, and truly at {at:?}"));
                }
            }
            Ending::NotDone { at, reason } => {
                self.stuck += 1;
                let at = if *at == LeftAt::Jaws { "in the jaws" } else { "where it was" };
                let words: Vec<&str> = reason.split_whitespace().take(6).collect();
                let key = format!("{at}: {}", words.join(" "));
                *self.tally.not_done.entry(key).or_default() += 1;
            }
            Ending::Unknown { .. } => self.tally.unknown += 1,
        }
    }

    /// The programs that run now and start next have to refuse to move while nobody knows where an item is.
    fn start_where_unsure(&mut self, request: &Request, told: &str) -> Result<(), Failure> {
        for _ in 0..2 {
            if self.program.is_none() && !self.is_started()? {
                return Ok(());
            }
            let world = World::read(&self.inventory)?;
            if world.uncertain().is_none() {
                return Ok(());
            }
            let motions = self.emulated.controller.recording().motions.len();
            match self.ask(request, HANGS)? {
                Heard::Said(said) if matches!(*said, Said::Refused(_)) => {
                    self.tally.refused_unsure += 1;
                }
                _ => {
                    self.program = None;
                    self.violation(format!("{told}: not refused while an item is uncertain"));
                }
            }
            if self.emulated.controller.recording().motions.len() != motions {
                self.violation(format!("{told}: it moved while an item is uncertain"));
            }
            if let Some(program) = self.program.take() {
                program.end()?;
            }
        }
        Ok(())
    }

    /// A person looks, and says where the item is of which nobody knew it.
    fn put_right(&mut self) -> Result<(), Failure> {
        let world = World::read(&self.inventory)?;
        let takes_out = world.jaws().is_some() && self.stuck > PATIENCE;
        if self.stuck > PATIENCE {
            self.stuck = 0;
        }
        let restarts = self.stuck >= RESTARTED_AFTER || takes_out || world.uncertain().is_some();
        if !restarts {
            return Ok(());
        }
        if let Some(program) = self.program.take() {
            program.end()?;
        }
        let now = Timestamp::now();
        let mut inventory = Inventory::open(&self.inventory, self.places.layout(), now)?;
        let person = Person { truth: &self.emulated.cell, places: &self.places };
        person.put_right(&mut inventory, takes_out)
    }

    /// Starts a program where none runs. Returns whether one is ready.
    fn is_started(&mut self) -> Result<bool, Failure> {
        if self.program.is_some() {
            return Ok(true);
        }
        for _ in 0..STARTS {
            let began = Instant::now();
            let program = Program::start(&self.program_options)?;
            match program.hear(HANGS)? {
                Heard::Said(said) => match *said {
                    Said::Ready { .. } => {
                        self.tally.starts += 1;
                        self.tally.start_secs += began.elapsed().as_secs_f64();
                        self.program = Some(program);
                        return Ok(true);
                    }
                    Said::NotStarted(reason) => {
                        if std::env::var("SAY").is_ok() {
                            eprintln!("not started: {reason}");
                        }
                        *self.tally.not_started.entry(reason).or_default() += 1;
                    }
                    said => return Err(format!("unexpected: {said:?}").into()),
                },
                Heard::Nothing => self.violation("a program hangs at its start".to_string()),
                Heard::Ended => self.violation("a program ended at its start".to_string()),
            }
            wire_faults::end(&self.emulated.controller);
        }
        self.violation(format!("no program starts in {STARTS} times"));
        Ok(false)
    }

    /// The arm completes the line of a program that was killed.
    fn wait_for_standstill(&self) {
        let mut arm = self.emulated.cell.clone();
        let mut last = arm.pose();
        loop {
            std::thread::sleep(Duration::from_millis(150));
            let now = arm.pose();
            if now == last {
                return;
            }
            last = now;
        }
    }

    /// Compares the records with the truth, and looks what the emulator's judge has seen.
    fn check(&mut self, told: &str) -> Result<(), Failure> {
        let world = World::read(&self.inventory)?;
        for wrong in contradictions(&self.emulated.cell, &world) {
            self.violation(format!("after {told}: {wrong}"));
        }
        let violations = self.emulated.controller.violations();
        for one in &violations[self.seen..] {
            self.violation(format!("in {told}: {one}"));
        }
        self.seen = violations.len();
        Ok(())
    }

    fn violation(&mut self, what: String) {
        eprintln!("{what}");
        self.tally.violations.push(what);
    }
}

fn in_words(fault: Option<ScheduledFault>, is_killed: bool) -> String {
    match (fault, is_killed) {
        (_, true) => "a kill".to_string(),
        (Some(fault), _) => format!("{fault:?}"),
        (None, false) => "no fault".to_string(),
    }
}
