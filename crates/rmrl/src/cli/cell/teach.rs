//! `rmrl cell teach`

use std::fmt;
use std::path::PathBuf;

use crate::cell::perception::{camera, localizer};
use crate::cell::reachability::prove_reach;
use crate::commissioning::teach::Lesson;
use crate::config::{Layers, RunConfig};
use anyhow::{Context, anyhow};
use clap::{Args, Subcommand, ValueEnum};
use rmrl_data::write_atomically;
use rmrl_xarm::bio_gripper::JawState;
use serde::Serialize;

use super::standing_arm::{check_real, standing_arm};
use crate::cli::args::Configuration;
use crate::cli::failure::Failure;
use crate::cli::output::print_result;

/// Teach the place, home, or a waypoint from where the arm stands now.
///
/// Lead the arm there by hand or in the vendor's software, with the tool straight down. The pose is read
/// back, checked against the safety envelope and the arm's reach, and printed as TOML to paste, or put
/// into the configuration file, whose comments stay. Nothing is moved.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  rmrl cell teach place --config my-cell.toml              the jaws around a plate in its place
  rmrl cell teach place --from camera --config my-cell.toml --write
  rmrl cell teach home --config my-cell.toml --write       change my-cell.toml
  rmrl cell teach via --config my-cell.toml --out new.toml one more waypoint, in a new file")]
pub struct Teach {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Where the plate is to be placed: the jaws are around a plate that lies there
    Place {
        /// Who knows where it lies
        #[arg(long, value_enum, default_value_t = Source::Arm)]
        from: Source,

        #[command(flatten)]
        into: Destination,
    },
    /// Where the tool waits, out of the camera's view
    Home {
        #[command(flatten)]
        into: Destination,
    },
    /// A waypoint between lifting and placing, after those that are there
    Via {
        /// The waypoint to replace instead, from 0
        #[arg(long, value_name = "N")]
        replace: Option<usize>,

        #[command(flatten)]
        into: Destination,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Source {
    /// The arm, to tenths of a millimetre, heights included
    Arm,
    /// The camera, as well as it is calibrated; the surface's height stays as it is configured
    Camera,
}

/// Where it is written.
#[derive(Debug, Args)]
struct Destination {
    /// Change the file of --config
    #[arg(long, conflicts_with = "out")]
    write: bool,

    /// Write the changed configuration into a new file
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,

    #[command(flatten)]
    configuration: Configuration,
}

/// What was taught, as the command prints it.
#[derive(Serialize)]
struct Taught {
    taught: String,
    /// To be pasted.
    toml: String,
    /// The file that has it now.
    #[serde(skip_serializing_if = "Option::is_none")]
    written: Option<String>,
    /// What to look at before it is used.
    notes: Vec<String>,
}

impl fmt::Display for Taught {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for note in &self.notes {
            writeln!(f, "# {note}")?;
        }
        match &self.written {
            Some(path) => writeln!(f, "# written into {path}:")?,
            None => writeln!(f, "# paste this into your configuration, or give --write:")?,
        }
        f.write_str(&self.toml)
    }
}

/// Teaches.
pub fn run(arguments: &Teach) -> Result<(), Failure> {
    let into = match &arguments.what {
        What::Place { into, .. } | What::Home { into } | What::Via { into, .. } => into,
    };
    let file = into.configuration.config.as_deref();
    let target = match (into.write, file, &into.out) {
        (true, None, _) => {
            return Err(Failure::Usage(anyhow!("--write changes the file of --config: give one")));
        }
        (true, Some(path), _) => Some(path),
        (false, _, Some(path)) if path.exists() => {
            let message = format!("{} exists already and is never written over", path.display());
            return Err(Failure::Usage(anyhow!(message)));
        }
        (false, _, out) => out.as_deref(),
    };
    let mut config = into.configuration.layers()?.merge()?;
    check_real(&config)?;
    let mut notes = Vec::new();
    let lesson = match arguments.what {
        What::Place { from: Source::Camera, .. } => place_by_camera(&config, &mut notes)?,
        What::Place { from: Source::Arm, .. } => place_by_arm(&config, &mut notes)?,
        What::Home { .. } => {
            Lesson::home_by_tool(&config, &standing_arm(&config)?.1).map_err(anyhow::Error::from)?
        }
        What::Via { replace, .. } => {
            let (_, tool) = standing_arm(&config)?;
            Lesson::via_by_tool(&config, &tool, replace).map_err(anyhow::Error::from)?
        }
    };
    lesson.apply(&mut config.task);
    let text = match file {
        Some(path) => std::fs::read_to_string(path)
            .with_context(|| format!("cannot read {}", path.display()))?,
        None => String::new(),
    };
    let changed = lesson.write_into(&text, &config.task).map_err(anyhow::Error::from)?;
    // What a run would read is what is checked.
    let origin = file.map_or_else(|| "the configuration".into(), |path| path.display().to_string());
    let mut layers = Layers::default().with_text(&origin, &changed)?;
    for assignment in &into.configuration.assignments {
        layers = layers.with_assignment(assignment)?;
    }
    let checked = layers.resolve().with_context(|| {
        format!("nothing was written: with this {lesson} the configuration would not be valid")
    })?;
    prove_reach(&checked).with_context(|| {
        format!("nothing was written: with this {lesson} the arm would not get everywhere")
    })?;
    if let Some(path) = target {
        write_atomically(path, changed.as_bytes()).map_err(anyhow::Error::from)?;
    }
    let taught = Taught {
        taught: lesson.to_string(),
        toml: lesson.to_toml(&config.task),
        written: target.map(|path| path.display().to_string()),
        notes,
    };
    Ok(print_result(&taught, false)?)
}

fn place_by_arm(config: &RunConfig, notes: &mut Vec<String>) -> anyhow::Result<Lesson> {
    let (mut arm, tool) = standing_arm(config)?;
    let holds = arm.gripper().ok().flatten().map(|gripper| gripper.status.jaws);
    if holds != Some(JawState::Holding) {
        notes.push(format!(
            "the gripper does not say that it holds a plate: the surface is taken to be {:.1} mm below the \
             finger tips all the same",
            1000.0 * config.task.grasp_height_m
        ));
    }
    Ok(Lesson::place_by_tool(config, &tool)?)
}

fn place_by_camera(config: &RunConfig, notes: &mut Vec<String>) -> anyhow::Result<Lesson> {
    let mut camera = camera(config)?;
    let mut localizer = localizer(&config.vision)?;
    let frame = camera.capture()?;
    let seen = localizer
        .localize(&frame, &camera.model())
        .context("no plate can be localised in the picture")?;
    notes.push(
        "the place is off by as much as the camera's calibration; the surface's height was not measured"
            .to_string(),
    );
    Ok(Lesson::place_by_camera(config, &seen)?)
}
