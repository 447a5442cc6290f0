//! How often items lie where they should, for every pair of sites, and how often a protocol is done.

use std::collections::BTreeMap;
use std::io::Write;

use rmrl::rmrl_core::wilson_interval;
use rmrl::rmrl_inventory::Place;
use rmrl::rmrl_transfer::{Ending, KnownBy, Request, TransferReport};
use rmrl::{AssembledCell, Layers, Places, Start, open_transfer_cell_with};

use crate::devices::{Shared, thread_secs};
use crate::truth::judge;
use crate::{Failure, Options};

/// The steps of a chain: from, to, and whether only the lid is meant.
const CHAIN: [(&str, &str, bool); 5] = [
    ("bench", "lid-park", true),
    ("bench", "reader", false),
    ("reader", "bench", false),
    ("lid-park", "bench", false),
    ("bench", "hotel:2", false),
];
/// After it the plate comes back.
const BACK: (&str, &str, bool) = ("hotel:2", "bench", false);
/// A plate goes round: every pair of hotel, bench and reader in both directions.
const ROUND: [(&str, &str, bool); 6] = [
    ("hotel:1", "bench", false),
    ("bench", "reader", false),
    ("reader", "bench", false),
    ("bench", "hotel:1", false),
    ("hotel:1", "reader", false),
    ("reader", "hotel:1", false),
];
/// A step of a chain is tried so often at most, while its item is where it was.
const TRIES: u32 = 3;

/// What all transfers between two sites came to.
#[derive(Default)]
struct Pair {
    transfers: usize,
    seated: usize,
    abstained: usize,
    within_interval: usize,
    errors_mm: Vec<f64>,
}

/// What a study has counted.
#[derive(Default)]
struct Counts {
    pairs: BTreeMap<(String, String), Pair>,
    chains: usize,
    chains_done: usize,
    computing_ms: Vec<f64>,
}

/// One cell with what is needed to judge it.
struct Cell<'a> {
    assembled: AssembledCell,
    control: Shared,
    places: &'a Places,
    seed: u64,
}

pub fn run(options: &Options) -> Result<bool, Failure> {
    let seeds = options.range("seeds", 2000..2020)?;
    let rounds = options.number("rounds", 20)?;
    let file = options.text("config", "configs/laboratory.toml");
    let mut out = std::fs::File::create(options.text("out", "transfers.csv"))?;
    writeln!(
        out,
        "seed,phase,round,from,to,item,ending,seated,x_mm,y_mm,yaw_deg,height_mm,known_by,error_mm,interval_mm,by_way_of,carries,computing_ms"
    )?;
    let mut counts = Counts::default();
    for seed in seeds {
        let dir = tempfile::tempdir()?;
        let layers = Layers::default().with_text(&file, &std::fs::read_to_string(&file)?)?;
        let inventory = dir.path().join("inventory").display().to_string();
        let layers = layers
            .with_assignment(&format!("seed={seed}"))?
            .with_assignment(&format!("inventory.dir=\"{inventory}\""))?;
        let places = layers.places()?;
        let config = layers.resolve()?;
        let control = Shared::default();
        let wrap = |devices| control.over(devices);
        let assembled = open_transfer_cell_with(&config, &places, &Start::default(), wrap)?;
        let mut cell = Cell { assembled, control, places: &places, seed };
        cell.make(("hotel:2", "bench", false), ("first", 0), &mut counts, &mut out)?;
        for round in 1..=rounds {
            cell.chain(round, &mut counts, &mut out)?;
        }
        // The lidded plate out of the way.
        cell.make(("bench", "hotel:2", false), ("park", 0), &mut counts, &mut out)?;
        for round in 1..=rounds {
            for step in ROUND {
                cell.make(step, ("round", round), &mut counts, &mut out)?;
            }
        }
        eprintln!("seed {seed}: {} of {} chains so far", counts.chains_done, counts.chains);
    }
    counts.print();
    Ok(true)
}

impl Cell<'_> {
    /// A chain, with the retries that a protocol allows, and the plate back to where it began.
    fn chain(
        &mut self,
        round: u64,
        counts: &mut Counts,
        out: &mut impl Write,
    ) -> Result<(), Failure> {
        let mut is_done = true;
        for (from, to, lid) in CHAIN {
            let mut is_seated = false;
            for _ in 0..TRIES {
                // As in a protocol, an item in the jaws is only placed.
                let holds = self.assembled.cell.inventory().world().jaws().is_some();
                let step = if holds { ("jaws", to, false) } else { (from, to, lid) };
                match self.make(step, ("chain", round), counts, out)? {
                    Some(seated) => {
                        is_seated = seated;
                        break;
                    }
                    None => continue,
                }
            }
            is_done &= is_seated;
        }
        counts.chains += 1;
        counts.chains_done += usize::from(is_done);
        self.make(BACK, ("back", round), counts, out)?;
        Ok(())
    }

    /// Makes a transfer. Returns whether its item truly lies where it should, and `None` if it was not moved.
    fn make(
        &mut self,
        (from, to, lid): (&str, &str, bool),
        (phase, round): (&str, u64),
        counts: &mut Counts,
        out: &mut impl Write,
    ) -> Result<Option<bool>, Failure> {
        let AssembledCell { cell, simulated } = &mut self.assembled;
        let truth = simulated.as_ref().ok_or("only of a simulated cell")?;
        let (from, to): (Place, _) = (from.parse()?, to.parse()?);
        let request = Request::between(cell.inventory().world(), &from, &to, lid)?;
        let (began, devices) = (thread_secs(), self.control.lock().device_secs);
        let report = cell.transfer(&request);
        let spent = thread_secs() - began - (self.control.lock().device_secs - devices);
        let report = match report {
            Ok(report) => report,
            Err(error) => {
                eprintln!("seed {} {phase} {round} {request}: refused: {error}", self.seed);
                return Ok(None);
            }
        };
        let judged = judge(truth, self.places, &request, &report.item);
        let is_done = report.ending == Ending::Done;
        let is_seated = is_done && judged.is_some_and(|(_, is_seated)| is_seated);
        counts.add(
            &report,
            &judged.map(|(error, _)| [error.x_mm, error.y_mm]),
            is_seated,
            1e3 * spent,
        );
        if !is_seated {
            eprintln!(
                "seed {} {phase} {round} {request}: {} truly {judged:?}",
                self.seed, report.ending
            );
        }
        write_line(
            out,
            (self.seed, phase, round),
            &report,
            judged.map(|(error, _)| error),
            is_seated,
            1e3 * spent,
        )?;
        if let Ending::Unknown { .. } = report.ending {
            return Err(format!("seed {}: {}", self.seed, report.ending).into());
        }
        Ok(is_done.then_some(is_seated))
    }
}

fn write_line(
    out: &mut impl Write,
    (seed, phase, round): (u64, &str, u64),
    report: &TransferReport,
    truth: Option<rmrl::rmrl_sim::SlotError>,
    is_seated: bool,
    computing_ms: f64,
) -> Result<(), Failure> {
    let ending = match &report.ending {
        Ending::Done => "done",
        Ending::NotDone { .. } => "not_done",
        Ending::Unknown { .. } => "unknown",
    };
    let number = |value: Option<f64>| value.map_or(String::new(), |value| format!("{value:.3}"));
    let known_by = report.error.map_or("", |error| match error.known_by {
        KnownBy::Measured => "measured",
        KnownBy::Predicted => "predicted",
    });
    writeln!(
        out,
        "{seed},{phase},{round},{},{},{},{ending},{},{},{},{},{},{known_by},{},{},{},{},{computing_ms:.2}",
        report.request.from(),
        report.request.to(),
        report.item,
        u8::from(is_seated),
        number(truth.map(|error| error.x_mm)),
        number(truth.map(|error| error.y_mm)),
        number(truth.map(|error| error.yaw_deg)),
        number(truth.map(|error| error.height_mm)),
        number(report.error.map(|error| error.distance_mm())),
        number(report.error.map(|error| error.interval_mm)),
        report.by_way_of.as_ref().map_or(String::new(), ToString::to_string),
        report.carries,
    )?;
    Ok(())
}

impl Counts {
    fn add(
        &mut self,
        report: &TransferReport,
        truth_mm: &Option<[f64; 2]>,
        is_seated: bool,
        computing_ms: f64,
    ) {
        let site = |place: &Place| match place {
            Place::Slot(slot) => slot.site().to_string(),
            Place::Jaws => "jaws".to_string(),
        };
        let key = (site(&report.request.from()), report.request.to().site().to_string());
        let pair = self.pairs.entry(key).or_default();
        pair.transfers += 1;
        pair.seated += usize::from(is_seated);
        pair.abstained += usize::from(report.ending != Ending::Done);
        if let (Some([x_mm, y_mm]), Some(error)) = (truth_mm, report.error) {
            let off_mm = (x_mm - error.along_mm).hypot(y_mm - error.across_mm);
            pair.within_interval += usize::from(off_mm <= error.interval_mm);
            pair.errors_mm.push(x_mm.hypot(*y_mm));
        }
        // Carries before a transfer are no part of it.
        if report.carries == 0 && report.by_way_of.is_none() {
            self.computing_ms.push(computing_ms);
        }
    }

    fn print(&mut self) {
        println!(
            "pair                       seated        95 % lower  not moved  median mm  95 % mm  within interval"
        );
        for ((from, to), pair) in &mut self.pairs {
            let errors_mm = &mut pair.errors_mm;
            println!(
                "{:<26} {:>5} of {:<5} {:>8.2} %  {:>9}  {:>9.2}  {:>7.2}  {:>8.1} %",
                format!("{from} -> {to}"),
                pair.seated,
                pair.transfers,
                100.0 * wilson_interval(pair.seated, pair.transfers).low,
                pair.abstained,
                quantile(errors_mm, 0.5),
                quantile(errors_mm, 0.95),
                100.0 * pair.within_interval as f64 / errors_mm.len().max(1) as f64,
            );
        }
        let chains = wilson_interval(self.chains_done, self.chains);
        println!(
            "chains {} of {}, at least {:.2} %",
            self.chains_done,
            self.chains,
            100.0 * chains.low
        );
        println!(
            "computing: median {:.1} ms, 95 % {:.1} ms",
            quantile(&mut self.computing_ms, 0.5),
            quantile(&mut self.computing_ms, 0.95)
        );
    }
}

fn quantile(values: &mut [f64], share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let last = values.len().saturating_sub(1);
    values.get((share * last as f64).round() as usize).copied().unwrap_or(f64::NAN)
}
