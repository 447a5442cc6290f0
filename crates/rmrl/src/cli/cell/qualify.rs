//! `rmrl cell qualify`

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::Context;
use clap::Args;
use image::ImageFormat;
use jiff::{Timestamp, Zoned};
use rmrl_cell::Access;
use rmrl_core::fnv1a;
use rmrl_files::write_atomically;
use rmrl_inventory::verify;
use rmrl_sim::SimulatedCell;
use rmrl_transfer::{
    AcceptanceConfig, CheckResult, Installation, OperationalCheck, Qualification,
    QualificationPlan, QualificationReport, QualifiedSite, TimedTransfer, TrueError,
};
use rustix::time::{ClockId, clock_gettime};
use serde::Serialize;

use super::transfer::opened;
use crate::cell::terminal::say;
use crate::cell::transfer_cell::AssembledCell;
use crate::cli::args::Configuration;
use crate::cli::failure::Failure;
use crate::cli::output::{path_word, print_result};
use crate::cli::start::StartArgs;
use crate::commissioning::site_survey::SiteSurvey;
use crate::config::{CellKind, Places, RunConfig};
use crate::report::qualification_page;

/// The largest image of a transfer, in bytes.
const MOST_BYTES: u64 = 32 << 20;

/// Qualify a cell: make transfers between all its sites, and write the acceptance report.
///
/// Installation: software, configuration and devices. Operation: what is proven of every slot and way, and the inventory. Performance: for
/// each pair of sites how many items lay within the site's tolerance, with 95 % bounds, errors, faults, and images of the worst. The
/// report is a page to print and to sign, and JSON with every transfer.
///
/// Exit status: 0 if the cell is accepted; 3 if it is not.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  rmrl cell qualify --transfers 40 --out qualification --config configs/laboratory.toml
  rmrl cell qualify --transfers 200 --least 0.95 --by 'A. Engineer' --config my-laboratory.toml")]
pub struct QualifyCommand {
    /// How many transfers are made
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    transfers: u32,

    /// The folder of the report [default: qualification]
    #[arg(long, value_name = "DIR", default_value = "qualification")]
    out: PathBuf,

    /// The least lower end of the 95 % interval of the success rate, for each pair of sites
    #[arg(long, value_name = "SHARE", default_value_t = AcceptanceConfig::default().least_success)]
    least: f64,

    /// Who performs it [default: the user's name]
    #[arg(long, value_name = "NAME")]
    by: Option<String>,

    /// Print JSON on a terminal, too
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    start_args: StartArgs,

    #[command(flatten)]
    configuration: Configuration,
}

/// The result, as the command prints it.
#[derive(Serialize)]
struct Qualified {
    report: String,
    is_accepted: bool,
    transfers: usize,
    seated: usize,
    lower_bound: f64,
}

impl fmt::Display for Qualified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let result = if self.is_accepted { "accepted" } else { "not accepted" };
        writeln!(
            f,
            "{result}: {} of {} transfers within tolerance, at least {:.1} % (95 %)",
            self.seated,
            self.transfers,
            100.0 * self.lower_bound
        )?;
        writeln!(f, "report: {}", self.report)
    }
}

/// Runs the command.
pub fn run(arguments: &QualifyCommand) -> Result<(), Failure> {
    let layers = arguments.configuration.layers()?;
    let places = layers.places()?;
    let config = layers.resolve()?;
    let installation = installation(arguments, &config, &places);
    let criterion = AcceptanceConfig { least_success: arguments.least };
    let mut qualification = Qualification::new(installation, criterion)
        .map_err(|error| Failure::Usage(error.into()))?;
    let (start, _page) = arguments.start_args.start_alone(&config)?;
    std::fs::create_dir_all(&arguments.out)
        .with_context(|| format!("cannot create {}", arguments.out.display()))
        .map_err(Failure::Usage)?;
    let mut assembled = opened(&config, &places, &start)?;
    for check in checks(&config, &places).map_err(Failure::Runtime)? {
        qualification.check(check);
    }
    let transfers = arguments.transfers as usize;
    make_transfers(
        &mut assembled,
        &mut qualification,
        transfers,
        arguments,
        u64::from(config.seed),
    )?;
    let report = qualification.report();
    let page = write_report(&report, &arguments.out).map_err(Failure::Runtime)?;
    let total = &report.performance.total;
    let qualified = Qualified {
        report: page.display().to_string(),
        is_accepted: report.is_accepted,
        transfers: total.success.tries,
        seated: total.success.successes,
        lower_bound: total.success.interval.low,
    };
    let words = arguments.configuration.words().join(" ");
    print_result(&qualified, arguments.json, format!("rmrl cell history {words}").trim())?;
    match report.is_accepted {
        true => Ok(()),
        false => {
            Err(Failure::Ended(3, format!("the cell is not accepted: see {}", path_word(&page))))
        }
    }
}

fn make_transfers(
    assembled: &mut AssembledCell,
    qualification: &mut Qualification,
    transfers: usize,
    arguments: &QualifyCommand,
    seed: u64,
) -> Result<(), Failure> {
    let AssembledCell { cell, simulated } = assembled;
    let inventory = cell.inventory();
    let mut plan = QualificationPlan::new(inventory.layout(), inventory.world(), transfers, seed);
    let stop = cell.stop_switch();
    while let Some(request) = plan.next(cell.inventory().world()) {
        if stop.check().is_err() {
            return Err(Failure::Stopped("stopped; no report was written".to_string()));
        }
        let (began, cpu) = (Instant::now(), cpu_secs());
        let report = match cell.transfer(&request) {
            Ok(report) => report,
            Err(error) => {
                say(format_args!("{request}: {error}"));
                plan.exclude(&request);
                qualification.refuse(request, &error.to_string());
                continue;
            }
        };
        let (wall_seconds, cpu_seconds) = (began.elapsed().as_secs_f64(), cpu_secs() - cpu);
        say(format_args!("{} {request}: {}", report.item, report.ending));
        let number = qualification.transfers().len() + 1;
        let image = cell.last_image().map(|image| {
            let name = format!("transfer-{number:04}.png");
            image.save_with_format(arguments.out.join(&name), ImageFormat::Png).map(|()| name)
        });
        let true_error = simulated.as_ref().and_then(|truth| true_error(truth, &report.item));
        let transfer = TimedTransfer {
            time: Timestamp::now(),
            report,
            wall_seconds,
            cpu_seconds,
            true_error,
            image: image.transpose().context("cannot write an image")?,
        };
        qualification.record(transfer).map_err(anyhow::Error::from)?;
        if cell.inventory().world().uncertain().is_some() {
            break;
        }
    }
    Ok(())
}

fn true_error(truth: &SimulatedCell, id: &str) -> Option<TrueError> {
    let item = truth.items().into_iter().find(|item| item.id == id)?;
    let (_, error) = item.slot?;
    Some(TrueError { along_mm: error.x_mm, across_mm: error.y_mm, yaw_deg: error.yaw_deg })
}

/// What is proven without any motion.
fn checks(config: &RunConfig, places: &Places) -> anyhow::Result<Vec<OperationalCheck>> {
    let survey = SiteSurvey::of(config, places)?;
    let faults = survey.faults();
    let of = |name: &str, is_passed: bool, words: String| OperationalCheck {
        name: name.to_string(),
        result: if is_passed { CheckResult::Passed } else { CheckResult::Failed },
        words,
    };
    let sites = match faults.as_slice() {
        [] => "every slot is reached, and every way is clear".to_string(),
        faults => faults.join("; "),
    };
    let inventory = match verify(&places.inventory) {
        Ok(world) => of("inventory", true, format!("{} events, all whole", world.sequence())),
        Err(error) => of("inventory", false, error.to_string()),
    };
    Ok(vec![of("sites", faults.is_empty(), sites), inventory])
}

fn installation(arguments: &QualifyCommand, config: &RunConfig, places: &Places) -> Installation {
    let user = || ["USER", "LOGNAME"].iter().find_map(|name| std::env::var(name).ok());
    let program = std::env::current_exe().ok().and_then(|path| std::fs::read(path).ok());
    let calibration = config.camera.calibration.as_ref();
    Installation {
        cell: config.cell_name(),
        is_simulated: config.cell.kind == CellKind::Simulated,
        software: format!("rmrl {}", env!("CARGO_PKG_VERSION")),
        program_digest: program.map_or("unknown".to_string(), |bytes| digest(&bytes)),
        configuration_digest: digest(format!("{}{places:?}", config.to_toml()).as_bytes()),
        arm: config.xarm.model.to_string(),
        gripper: "BIO gripper".to_string(),
        camera: format!("{:?}", config.camera.source).to_lowercase(),
        calibration_age: match calibration {
            Some(file) => age_of(file),
            None => "no camera file; learned from carries".to_string(),
        },
        sites: places.sites.iter().map(qualified_site).collect(),
        labware: places.labware.iter().map(|labware| labware.name.clone()).collect(),
        date: Zoned::now().date(),
        performed_by: arguments
            .by
            .clone()
            .or_else(user)
            .unwrap_or_else(|| "an operator".to_string()),
    }
}

fn qualified_site((name, site): (&String, &rmrl_cell::SiteConfig)) -> QualifiedSite {
    let access = match site.access {
        Access::Above => "from above",
        Access::Front => "from the front",
    };
    let seen = if site.is_seen { "seen" } else { "not seen" };
    QualifiedSite {
        name: name.clone(),
        slots: site.slots.count as usize,
        description: format!("entered {access}, {seen} by the camera"),
        tolerance_mm: 1e3 * site.seating.translation_m,
        tolerance_deg: site.seating.yaw_deg,
        labware: site.labware.clone(),
    }
}

fn age_of(file: &Path) -> String {
    let modified = std::fs::metadata(file).and_then(|found| found.modified()).ok();
    let age = modified.and_then(|time| time.elapsed().ok());
    age.map_or("unknown".to_string(), |age| format!("{:.1} days", age.as_secs_f64() / 86_400.0))
}

fn digest(bytes: &[u8]) -> String {
    format!("fnv1a-64 {:016x}", fnv1a(bytes.iter().copied()))
}

/// The processor time of this process, in seconds.
fn cpu_secs() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 + 1e-9 * time.tv_nsec as f64
}

/// Writes page and JSON. Returns the path of the page.
fn write_report(report: &QualificationReport, dir: &Path) -> anyhow::Result<PathBuf> {
    let image = |worst: &rmrl_transfer::WorstTransfer| {
        let path = dir.join(worst.image.as_ref()?);
        rmrl_files::read_regular_file(&path, MOST_BYTES).ok()
    };
    let page = dir.join("qualification.html");
    write_atomically(&page, qualification_page(report, image)?.as_bytes())
        .with_context(|| format!("cannot write {}", page.display()))?;
    let json = dir.join("qualification.json");
    write_atomically(&json, serde_json::to_string(report)?.as_bytes())
        .with_context(|| format!("cannot write {}", json.display()))?;
    Ok(page)
}
