//! `rmrl cell transfer`

use std::fmt;
use std::thread;
use std::time::Duration;

use anyhow::anyhow;
use clap::Args;
use rmrl_inventory::{Place, SlotAddress};
use rmrl_transfer::{Ending, KnownBy, LeftAt, PassedOver, Request, TransferError, TransferReport};
use serde::Serialize;

use crate::cell::first_motion::Start;
use crate::cell::terminal::{Typed, poll_line, say};
use crate::cell::transfer_cell::{AssembledCell, TransferCellError, open_transfer_cell};
use crate::cli::args::Configuration;
use crate::cli::failure::Failure;
use crate::cli::output::print_result;
use crate::cli::start::{StartArgs, failure_of};
use crate::config::{Places, RunConfig};

/// Move a plate or a lid from one slot to another, and say how far off it lies there.
///
/// The camera looks where it sees; elsewhere what is known of the slot counts. A cell that has seen little carries the plate about
/// first, and puts it down in view where nothing tells how it lies. What lies where is on disk before each motion: after a power
/// failure the next start asks for what is not certain. Every line is proven to be clear before anything moves.
///
/// Exit status: 0 done; 3 not done, it is where it was, or where it was put down in between; 4 not done, it is in the jaws; 5 nobody
/// knows where it is; 6 it lies there, and not as exactly as the site asks. 2: refused.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  rmrl cell transfer hotel:1 reader --config configs/laboratory.toml
  rmrl cell transfer hotel:1 reader --dry-run --config configs/laboratory.toml     prove and print the way
  rmrl cell transfer bench lid-park --lid --config configs/laboratory.toml         only the lid of the plate
  rmrl cell transfer lid-park bench --config configs/laboratory.toml               and back onto it
  rmrl cell transfer jaws bench --config my-laboratory.toml                        what the jaws hold")]
pub struct TransferCommand {
    /// Where it is: `reader`, `hotel:1` or `jaws`
    from: Place,

    /// Where it shall be
    to: SlotAddress,

    /// Only the lid of the plate
    #[arg(long)]
    lid: bool,

    /// Prove and print the way, and move nothing
    #[arg(long)]
    dry_run: bool,

    /// Ask before the arm moves for it
    #[arg(long)]
    confirm: bool,

    /// Print JSON on a terminal, too
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    start_args: StartArgs,

    #[command(flatten)]
    configuration: Configuration,
}

/// How often an answer is looked for.
const ANSWER_POLL: Duration = Duration::from_millis(100);

/// A way, as the command prints it.
#[derive(Serialize)]
struct Way {
    way: Vec<String>,
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.way.iter().try_for_each(|line| writeln!(f, "{line}"))
    }
}

/// What a transfer came to, as the command prints it.
#[derive(Serialize)]
#[serde(transparent)]
struct InWords<'a>(&'a TransferReport);

impl fmt::Display for InWords<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let TransferReport { request, item, ending, error, .. } = self.0;
        writeln!(f, "{item} {request}: {ending}")?;
        if let Some(via) = &self.0.by_way_of {
            writeln!(f, "  it was put down in {via} in between, to look at it")?;
        }
        if self.0.carries > 0 {
            writeln!(
                f,
                "  it was carried about {} times first, to learn where the camera sees plates",
                self.0.carries
            )?;
        }
        if let Some(error) = error {
            match error.known_by {
                KnownBy::Measured => writeln!(
                    f,
                    "  measured: {:.2} mm off (along {:+.2}, across {:+.2}, {:+.2} degrees), ±{:.2} mm",
                    error.distance_mm(),
                    error.along_mm,
                    error.across_mm,
                    error.yaw_deg,
                    error.interval_mm
                )?,
                KnownBy::Predicted => {
                    writeln!(
                        f,
                        "  predicted: within ±{:.2} mm; the camera does not see it there",
                        error.interval_mm
                    )?;
                }
            }
        }
        if let Some(by) = &self.0.corrected_by {
            writeln!(f, "  corrected by {by}")?;
        }
        if let Some(PassedOver { policy, reason }) = &self.0.passed_over {
            writeln!(f, "  and not by the policy {policy}: {reason}")?;
        }
        if self.0.is_seated == Some(false) {
            writeln!(f, "  that is more than the site allows")?;
        }
        Ok(())
    }
}

/// Runs the command.
pub fn run(arguments: &TransferCommand) -> Result<(), Failure> {
    let layers = arguments.configuration.layers()?;
    let places = layers.places()?;
    let config = layers.resolve()?;
    let (start, _page) = arguments.start_args.start_alone(&config)?;
    let AssembledCell { mut cell, .. } = opened(&config, &places, &start)?;
    let request =
        Request::between(cell.inventory().world(), &arguments.from, &arguments.to, arguments.lid)
            .map_err(|reason| Failure::Usage(anyhow!(reason)))?;
    let words = arguments.configuration.words().join(" ");
    if arguments.dry_run || arguments.confirm {
        let way = Way { way: cell.rehearse(&request).map_err(refused)? };
        if arguments.dry_run {
            let (from, to) = (&arguments.from, &arguments.to);
            return Ok(print_result(
                &way,
                arguments.json,
                &format!("rmrl cell transfer {from} {to} {words}"),
            )?);
        }
        say(format_args!("{way}the arm moves {request}; type yes to let it"));
        if !is_confirmed() {
            return Err(Failure::Usage(anyhow!("it was not confirmed; nothing was moved")));
        }
    }
    let report = cell.transfer(&request).map_err(refused)?;
    let next = format!("rmrl cell inventory show {words}");
    print_result(&InWords(&report), arguments.json, next.trim())?;
    match (&report.ending, report.is_seated) {
        (Ending::Done, Some(false)) => {
            Err(Failure::Ended(6, "it lies there, and not as exactly as it should".into()))
        }
        (Ending::Done, _) => Ok(()),
        (Ending::NotDone { at: LeftAt::Jaws, reason }, _) => Err(Failure::Ended(4, reason.clone())),
        (Ending::NotDone { reason, .. }, _) => Err(Failure::Ended(3, reason.clone())),
        (Ending::Unknown { reason }, _) => Err(Failure::Ended(5, reason.clone())),
    }
}

/// The cell of a configuration, ready to transfer.
pub(super) fn opened(
    config: &RunConfig,
    places: &Places,
    start: &Start,
) -> Result<AssembledCell, Failure> {
    open_transfer_cell(config, places, start).map_err(|error| match error {
        TransferCellError::Laboratory(error) => failure_of(error.into(), &start.stop),
        error @ TransferCellError::NoSites => Failure::Usage(error.into()),
        error => Failure::Runtime(error.into()),
    })
}

fn refused(error: TransferError) -> Failure {
    match error {
        TransferError::Knowledge { .. } => Failure::Runtime(error.into()),
        error => Failure::Usage(error.into()),
    }
}

/// Whether somebody at the terminal says yes.
fn is_confirmed() -> bool {
    loop {
        match poll_line() {
            Typed::Line(line) => return line.trim().eq_ignore_ascii_case("yes"),
            Typed::Nothing => thread::sleep(ANSWER_POLL),
            Typed::End => return false,
        }
    }
}
