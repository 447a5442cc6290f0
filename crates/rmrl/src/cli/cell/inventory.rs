//! `rmrl cell inventory`

use anyhow::anyhow;
use clap::{Args, Subcommand};
use jiff::Timestamp;
use rmrl_inventory::{Inventory, ItemId, Place, StatedBy, World, verify};

use crate::cell::inventory_view::{InventoryView, item_of_text};
use crate::cell::terminal::say;
use crate::cli::args::Shared;
use crate::cli::failure::Failure;
use crate::cli::output::print_result;
use crate::config::Places;

/// What lies where: show it, or say it.
///
/// The inventory is a folder (`[inventory] dir`) with a journal: who said what, and when. It survives a power failure. After
/// one, an operator may have to look and say where an item is, with `settle` or `set`. Nothing is moved.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  rmrl cell inventory show --config laboratory.toml
  rmrl cell inventory set hotel:1 plate-17=96-well --reason loaded --config laboratory.toml
  rmrl cell inventory set reader --reason emptied --config laboratory.toml
  rmrl cell inventory settle plate-17 hotel:1 --reason 'looked' --config laboratory.toml")]
pub struct InventoryCommand {
    #[command(subcommand)]
    command: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Show what lies where
    Show {
        #[command(flatten)]
        shared: Shared,
    },
    /// Say what lies in a slot, or in the jaws; nothing if no item is named
    Set {
        /// The place: `reader`, `hotel:1` or `jaws`
        place: Place,

        /// The items from the bottom, each as ID=LABWARE, with +lid if its lid is on
        #[arg(value_name = "ID=LABWARE")]
        items: Vec<String>,

        #[command(flatten)]
        stated: Stated,

        #[command(flatten)]
        shared: Shared,
    },
    /// Say where an item is of which nobody knows it
    Settle {
        /// The item
        item: ItemId,

        /// Where it is; leave it out if it was taken out of the cell
        place: Option<Place>,

        #[command(flatten)]
        stated: Stated,

        #[command(flatten)]
        shared: Shared,
    },
    /// Read the whole journal, its archives included, and check every line
    Verify {
        #[command(flatten)]
        shared: Shared,
    },
}

/// Who says something, and why.
#[derive(Debug, Args)]
struct Stated {
    /// Why it is said; it is kept in the journal
    #[arg(long)]
    reason: String,

    /// Who says it [default: the user's name]
    #[arg(long)]
    by: Option<String>,
}

impl Stated {
    fn statement(&self) -> StatedBy {
        let user = || ["USER", "LOGNAME"].iter().find_map(|name| std::env::var(name).ok());
        let by = self.by.clone().or_else(user).unwrap_or_else(|| "an operator".to_string());
        StatedBy { by, reason: self.reason.clone() }
    }
}

/// Runs the command.
pub fn run(arguments: &InventoryCommand) -> Result<(), Failure> {
    let (What::Show { shared }
    | What::Set { shared, .. }
    | What::Settle { shared, .. }
    | What::Verify { shared }) = &arguments.command;
    let places = shared.configuration.layers()?.places()?;
    let now = Timestamp::now();
    let world = match &arguments.command {
        What::Show { .. } => World::read(&places.inventory).map_err(anyhow::Error::from)?,
        What::Verify { .. } => verify(&places.inventory).map_err(anyhow::Error::from)?,
        What::Set { place, items, stated, .. } => {
            let items = items
                .iter()
                .map(|text| item_of_text(text, &places.labware))
                .collect::<Result<_, _>>()
                .map_err(|reason| Failure::Usage(anyhow!(reason)))?;
            let mut inventory = open(&places, now)?;
            inventory
                .set(place.clone(), items, stated.statement(), now)
                .map_err(anyhow::Error::from)?;
            inventory.world().clone()
        }
        What::Settle { item, place, stated, .. } => {
            let mut inventory = open(&places, now)?;
            inventory
                .settle(item, place.as_ref(), stated.statement(), now)
                .map_err(anyhow::Error::from)?;
            inventory.world().clone()
        }
    };
    let shown = InventoryView::of(&places, world);
    let config = shared.configuration.words().join(" ");
    Ok(print_result(&shown, shared.json, format!("rmrl cell sites {config}").trim())?)
}

fn open(places: &Places, now: Timestamp) -> anyhow::Result<Inventory> {
    let mut inventory = Inventory::open(&places.inventory, places.layout(), now)?;
    for notice in inventory.take_notices() {
        say(format_args!("{notice}"));
    }
    for conflict in inventory.conflicts() {
        say(format_args!("the configuration no longer allows what lies there: {conflict}"));
    }
    Ok(inventory)
}
