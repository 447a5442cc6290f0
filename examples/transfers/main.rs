//! Many transfers in simulated laboratories, judged by the simulator's truth.
//!
//! ```text
//! cargo run --release --example transfers -- study --seeds 2000..2020 --rounds 20 --out transfers.csv
//! cargo run --release --example transfers -- soak --transfers 8000 --kills 60 --seed 1
//! cargo run --release --example transfers -- soak --wire --transfers 2000 --kills 40 --seed 1
//! ```
//!
//! `study` counts how often items lie where they should, for every pair of sites, and how often a protocol of five steps is done.
//! `soak` makes transfers with a fault in every tenth and kills at random instants, and checks after each that the records say
//! where everything is. It ends with exit status 1 if they ever did not. With `--wire` the laboratory is emulated here, and other
//! programs transfer in it over the controller's protocol; they are killed, and the controller and its links have the faults.

mod devices;
mod person;
mod requests;
mod soak;
mod study;
mod truth;
mod wire;
mod wire_faults;
mod wire_process;
mod wire_program;
mod wire_tally;

use std::collections::BTreeMap;
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut words = std::env::args().skip(1);
    let command = words.next().unwrap_or_default();
    let mut options = BTreeMap::new();
    while let Some(name) = words.next() {
        if name == "--wire" {
            options.insert("wire".to_string(), String::new());
            continue;
        }
        let Some(value) = words.next() else {
            eprintln!("{name} needs a value");
            return ExitCode::from(2);
        };
        options.insert(name.trim_start_matches('-').to_string(), value);
    }
    let options = Options(options);
    let ended = match command.as_str() {
        "study" => study::run(&options),
        "soak" if options.has("wire") => wire::run(&options),
        "soak" => soak::run(&options),
        // What `soak --wire` starts as another program.
        "wire-program" => wire_program::run(&options),
        _ => Err("expected study or soak".into()),
    };
    match ended {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(2)
        }
    }
}

/// What can go wrong with a whole program.
type Failure = Box<dyn std::error::Error>;

/// The options of the command line.
struct Options(BTreeMap<String, String>);

impl Options {
    fn number(&self, name: &str, default: u64) -> Result<u64, Failure> {
        self.0.get(name).map_or(Ok(default), |text| Ok(text.parse()?))
    }

    fn range(
        &self,
        name: &str,
        default: std::ops::Range<u64>,
    ) -> Result<std::ops::Range<u64>, Failure> {
        let Some(text) = self.0.get(name) else { return Ok(default) };
        let (from, to) = text.split_once("..").ok_or("expected FROM..TO")?;
        Ok(from.parse()?..to.parse()?)
    }

    fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    fn text(&self, name: &str, default: &str) -> String {
        self.0.get(name).cloned().unwrap_or_else(|| default.to_string())
    }
}
