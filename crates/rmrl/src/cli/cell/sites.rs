//! `rmrl cell sites`

use anyhow::anyhow;
use clap::Args;

use crate::cli::args::Configuration;
use crate::cli::failure::Failure;
use crate::cli::output::print_result;
use crate::commissioning::site_survey::SiteSurvey;

/// List the sites and their slots, and prove that the arm reaches them and that its ways are clear.
///
/// For each slot: the way in and out on straight lines within the workspace, with every labware that it takes. For each pair of
/// slots: the line between them at the height at which the tool travels, or a way above. Every part of arm, gripper and plate
/// stays out of the keep-out boxes and off the table by the margins of [clearance]. Nothing is moved. Exit status 1 if a slot
/// is out of reach or a way is not clear.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  rmrl cell sites --config laboratory.toml")]
pub struct Sites {
    /// Print JSON on a terminal, too
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    configuration: Configuration,
}

/// Runs the command.
pub fn run(arguments: &Sites) -> Result<(), Failure> {
    let layers = arguments.configuration.layers()?;
    let places = layers.places()?;
    let config = layers.resolve()?;
    if places.sites.is_empty() {
        return Err(Failure::Usage(anyhow!(
            "the configuration has no site: add [sites.NAME], as configs/laboratory.toml has them"
        )));
    }
    let survey = SiteSurvey::of(&config, &places).map_err(anyhow::Error::from)?;
    let words = arguments.configuration.words().join(" ");
    print_result(&survey, arguments.json, format!("rmrl cell inventory show {words}").trim())?;
    match survey.is_usable() {
        true => Ok(()),
        false => Err(Failure::Runtime(anyhow!("not every slot can be used: see above"))),
    }
}
