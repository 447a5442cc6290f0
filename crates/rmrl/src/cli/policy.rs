//! `rmrl policy`

mod listed;
mod train;

use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use clap::{Args, Subcommand};
use jiff::Timestamp;
use rmrl_inventory::{Inventory, SlotAddress};
use rmrl_labware::Labware;
use rmrl_learn::MethodName;
use rmrl_transfer::{BELIEF, GateConfig, Policies, PolicyError, PolicyPair, TransferLog};
use serde::Serialize;

use self::listed::Listed;
use self::train::train;
use crate::cell::transfer_cell::TRANSFERS;
use crate::cell::transfer_policies::{PolicyShelf, open_policies};
use crate::cli::args::Shared;
use crate::cli::failure::Failure;
use crate::cli::output::{path_word, print_result};
use crate::config::Places;

/// The labware of a policy, if the command does not say.
const LABWARE: &str = "96-well";

/// Trained policies in transfers: offer one, list them, go back.
///
/// Between two sites transfers are corrected by the belief of self-calibration until a policy is offered. Then both take turns,
/// and the policy replaces the belief once it is proven not to be worse: at most one change a day. The belief guards every pick of a
/// policy. Policies are kept in the folder of the inventory, so that they outlive their runs.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  rmrl policy use runs/bench-to-reader bench reader --config my-laboratory.toml           compare it
  rmrl policy use runs/bench-to-reader bench reader --now --config my-laboratory.toml     let it work at once
  rmrl policy list --config my-laboratory.toml
  rmrl policy rollback bench reader --config my-laboratory.toml")]
pub struct PolicyCommand {
    #[command(subcommand)]
    command: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Show which policies correct, and how comparisons stand
    List {
        #[command(flatten)]
        shared: Shared,
    },
    /// Offer the policy of a run: it is compared with the one that works
    Use {
        /// The run; or the name of a policy that is kept, or `belief`
        #[arg(value_name = "RUN")]
        run: PathBuf,

        #[command(flatten)]
        between: Between,

        /// Let it work at once, without a comparison
        #[arg(long)]
        now: bool,

        #[command(flatten)]
        shared: Shared,
    },
    /// End the comparison of a new policy; it is not compared again
    Withdraw {
        #[command(flatten)]
        between: Between,

        #[command(flatten)]
        shared: Shared,
    },
    /// Train a policy on the transfers between two sites, from the one that works or from new
    Train {
        #[command(flatten)]
        between: Between,

        /// The directory of the run that is written; must not exist
        #[arg(long, value_name = "RUN")]
        out: PathBuf,

        /// Begin with a new policy also where one works
        #[arg(long)]
        new: bool,

        #[command(flatten)]
        shared: Shared,
    },
    /// Go back to the policy before the last change; the present one is not compared again
    Rollback {
        #[command(flatten)]
        between: Between,

        #[command(flatten)]
        shared: Shared,
    },
}

#[derive(Debug, Args)]
struct Between {
    /// The site that items come from
    from: SlotAddress,

    /// The site where they are brought
    to: SlotAddress,

    /// Their labware
    #[arg(long, default_value = LABWARE)]
    labware: String,
}

impl Between {
    /// Sites and labware.
    fn pair(&self) -> PolicyPair {
        PolicyPair::between(&self.from, &self.to, &self.labware)
    }

    /// Sites between which a policy can correct, and the labware.
    ///
    /// # Errors
    /// The configuration has no such site or labware, one does not take the other, or the camera does not see a site.
    fn learnable(&self, places: &Places) -> anyhow::Result<(PolicyPair, Labware)> {
        let pair = self.pair();
        let labware = places.labware.get(&self.labware)?.clone();
        if pair.from == pair.to {
            return Err(anyhow!("{} is one site, expected two", pair.from));
        }
        for name in [&pair.from, &pair.to] {
            let site = places.sites.get(name).with_context(|| {
                let known: Vec<&str> = places.sites.keys().map(String::as_str).collect();
                format!("there is no site {name}; the configuration has {}", known.join(", "))
            })?;
            if !site.takes(&self.labware) {
                return Err(anyhow!("{name} takes no {}, by sites.{name}.labware", self.labware));
            }
            if !site.is_seen {
                return Err(anyhow!(
                    "the camera does not see {name}, so no outcome there teaches a policy; expected a site with is_seen = true"
                ));
            }
        }
        Ok((pair, labware))
    }
}

/// What a command changed, as it is printed.
#[derive(Serialize)]
struct Changed {
    #[serde(flatten)]
    pair: PolicyPair,
    /// The policy that corrects.
    current: String,
    /// The policy that is compared with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    new_policy: Option<String>,
    #[serde(skip)]
    words: String,
}

impl fmt::Display for Changed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}: {}", self.pair, self.words)
    }
}

/// Runs the command.
pub fn run(arguments: &PolicyCommand) -> Result<(), Failure> {
    let (What::List { shared }
    | What::Use { shared, .. }
    | What::Withdraw { shared, .. }
    | What::Train { shared, .. }
    | What::Rollback { shared, .. }) = &arguments.command;
    let layers = shared.configuration.layers()?;
    let places = layers.places()?;
    let words = shared.configuration.words().join(" ");
    if let What::List { .. } = &arguments.command {
        let listed = Listed::of(&policies_to_read(&places), &PolicyShelf::of(&places), &places);
        let listed = listed.map_err(anyhow::Error::from)?;
        let next = format!("rmrl policy use RUN FROM TO {words}");
        return Ok(print_result(&listed, shared.json, next.trim())?);
    }
    if let What::Train { between, out, new, .. } = &arguments.command {
        let (pair, labware) = between.learnable(&places).map_err(Failure::Usage)?;
        // The candidates and the schedule of hindsight, whose labels these are.
        let layers = layers.with_value("policy train", "method", MethodName::Hindsight.as_str());
        let config = layers.without("until").resolve()?;
        let current = if *new { None } else { Some(current(&policies_to_read(&places), &pair)) };
        let trained = train(&config, &places, (pair, labware), current.as_deref(), out)?;
        let Between { from, to, labware } = between;
        let of_labware =
            if labware == LABWARE { String::new() } else { format!(" --labware {labware}") };
        let run = path_word(out);
        let next = format!("rmrl policy use {run} {from} {to}{of_labware} {words}");
        return Ok(print_result(&trained, shared.json, next.trim())?);
    }
    let changed = change(&arguments.command, &places)?;
    let next = format!("rmrl policy list {words}");
    Ok(print_result(&changed, shared.json, next.trim())?)
}

/// Changes which policies work, while no other program transfers.
fn change(command: &What, places: &Places) -> Result<Changed, Failure> {
    let now = Timestamp::now();
    let (What::Use { between, .. }
    | What::Withdraw { between, .. }
    | What::Rollback { between, .. }) = command
    else {
        return Err(Failure::Usage(anyhow!("nothing to change")));
    };
    let pair = between.pair();
    // A program that transfers holds the inventory, and would write over the change.
    let _held =
        Inventory::open(&places.inventory, places.layout(), now).map_err(anyhow::Error::from)?;
    let mut policies = opened(places)?;
    let words = match command {
        What::Use { run, now: at_once, .. } => {
            let (_, labware) = between.learnable(places).map_err(Failure::Usage)?;
            // Before anything is copied: the file of the gates may be damaged.
            policies.gates().map_err(anyhow::Error::from)?;
            let name = named(run, &PolicyShelf::of(places), &labware)?;
            if *at_once {
                let before = policies.replace(&pair, &name, GateConfig::default(), now);
                let before = before.map_err(refused)?;
                format!("{name} corrects from now on, instead of {before}")
            } else {
                policies.offer(&pair, &name, GateConfig::default()).map_err(refused)?;
                format!("{name} is compared with {}", current(&policies, &pair))
            }
        }
        What::Withdraw { .. } => {
            let name = policies.withdraw(&pair).map_err(refused)?;
            format!("{name} is withdrawn; {} corrects", current(&policies, &pair))
        }
        What::Rollback { .. } | What::List { .. } | What::Train { .. } => {
            let name = policies.rollback(&pair, now).map_err(refused)?;
            format!("{name} corrects again")
        }
    };
    let gate = policies.gates().map_err(anyhow::Error::from)?.iter().find(|one| one.pair == pair);
    let new_policy = gate.and_then(|one| one.gate.new_policy()).map(str::to_string);
    Ok(Changed { current: current(&policies, &pair), new_policy, pair, words })
}

/// The policies, to read them while another program may transfer.
fn policies_to_read(places: &Places) -> Policies {
    open_policies(places, TransferLog::at(&places.inventory.join(TRANSFERS)))
}

/// The policies, to change them.
fn opened(places: &Places) -> Result<Policies, Failure> {
    let log = TransferLog::open(&places.inventory.join(TRANSFERS)).map_err(anyhow::Error::from)?;
    Ok(open_policies(places, log))
}

fn current(policies: &Policies, pair: &PolicyPair) -> String {
    let gates = policies.gates().unwrap_or_default();
    let gate = gates.iter().find(|one| one.pair == *pair);
    gate.map_or(BELIEF, |one| one.gate.current()).to_string()
}

/// The name of what is offered: of a run, whose policy is copied; of a policy that is kept; or of the belief.
fn named(run: &Path, shelf: &PolicyShelf, labware: &Labware) -> Result<String, Failure> {
    if run.is_dir() {
        return shelf.keep(run, labware).map_err(Failure::Usage);
    }
    match run.to_str() {
        Some(name) if name == BELIEF || shelf.has(name) => Ok(name.to_string()),
        _ => Err(Failure::Usage(anyhow!(
            "{} is no directory of a run, and no policy of this name is kept; `rmrl policy list` lists those",
            run.display()
        ))),
    }
}

fn refused(error: PolicyError) -> Failure {
    match error {
        PolicyError::Unreadable { .. } | PolicyError::Write { .. } => {
            Failure::Runtime(error.into())
        }
        error => Failure::Usage(error.into()),
    }
}
