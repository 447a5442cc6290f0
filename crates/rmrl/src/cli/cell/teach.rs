//! `rmrl cell teach`

use std::fmt;
use std::path::{Path, PathBuf};

use crate::cell::perception::{camera, localizer};
use crate::cell::reachability::prove_reach;
use crate::commissioning::teach::TaughtPose;
use crate::config::{Layers, MOST_CONFIG_BYTES, RunConfig, create_private, holds_secret};
use anyhow::{Context, anyhow};
use clap::{Args, Subcommand, ValueEnum};
use rmrl_cell::TaskConfig;
use rmrl_data::write_atomically;
use rmrl_files::read_utf8_file;
use rmrl_xarm::bio_gripper::JawState;
use serde::Serialize;

use super::standing_arm::{check_real, standing_arm};
use crate::cli::args::Configuration;
use crate::cli::failure::Failure;
use crate::cli::output::{path_word, print_result};

/// Teach the place, home, or a waypoint from where the arm stands now.
///
/// Lead the arm there by hand or in the vendor's software, with the tool straight down. The command reads
/// the pose, checks it against the safety envelope and the arm's reach, and prints it as TOML to paste, or
/// writes it into the configuration file, whose comments stay. It moves nothing.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  rmrl cell teach place --config my-cell.toml              with the jaws around a plate in its place
  rmrl cell teach place --from camera --config my-cell.toml --write
  rmrl cell teach home --config my-cell.toml --write       change my-cell.toml
  rmrl cell teach via --config my-cell.toml --out new.toml one more waypoint, in a new file")]
pub struct Teach {
    #[command(subcommand)]
    pose: PoseToTeach,
}

#[derive(Debug, Subcommand)]
enum PoseToTeach {
    /// Where the plate has to be placed; the jaws are around a plate that lies there
    Place {
        /// What measures the place
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
    /// A waypoint between lifting and placing, after the existing ones
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
    /// The arm, to tenths of a millimeter, including heights
    Arm,
    /// The camera, with the error of its calibration; the surface's height stays as configured
    Camera,
}

/// Where the pose is written.
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

/// The taught pose, as the command prints it.
#[derive(Serialize)]
struct Taught {
    taught: String,
    /// The lines to paste.
    toml: String,
    /// The file that contains the pose now.
    #[serde(skip_serializing_if = "Option::is_none")]
    written: Option<String>,
    /// What to check before the pose is used.
    notes: Vec<String>,
}

impl fmt::Display for Taught {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for note in &self.notes {
            writeln!(f, "# {note}")?;
        }
        match &self.written {
            Some(path) => writeln!(f, "# written into {path}:")?,
            None => writeln!(f, "# paste this into your configuration, or use --write:")?,
        }
        f.write_str(&self.toml)
    }
}

/// Runs the command.
pub fn run(arguments: &Teach) -> Result<(), Failure> {
    let into = match &arguments.pose {
        PoseToTeach::Place { into, .. }
        | PoseToTeach::Home { into }
        | PoseToTeach::Via { into, .. } => into,
    };
    let target = into.target()?;
    let mut config = into.configuration.layers()?.merge()?;
    check_real(&config)?;
    let mut notes = Vec::new();
    let pose = match arguments.pose {
        PoseToTeach::Place { from: Source::Camera, .. } => place_by_camera(&config, &mut notes)?,
        PoseToTeach::Place { from: Source::Arm, .. } => place_by_arm(&config, &mut notes)?,
        PoseToTeach::Home { .. } => TaughtPose::home_by_tool(&config, &standing_arm(&config)?.1)
            .map_err(anyhow::Error::from)?,
        PoseToTeach::Via { replace, .. } => {
            let (_, tool) = standing_arm(&config)?;
            TaughtPose::via_by_tool(&config, &tool, replace).map_err(anyhow::Error::from)?
        }
    };
    pose.apply(&mut config.task);
    let changed = changed_text(&into.configuration, &pose, &config.task)?;
    if let Some(path) = target {
        if !path.exists() && holds_secret(&changed) {
            let cannot = || format!("cannot create {}", path.display());
            create_private(path).with_context(cannot)?;
        }
        write_atomically(path, changed.as_bytes()).map_err(anyhow::Error::from)?;
    }
    let taught = Taught {
        taught: pose.to_string(),
        toml: pose.to_toml(&config.task),
        written: target.map(|path| path.display().to_string()),
        notes,
    };
    let file = target.or(into.configuration.config.as_deref()).unwrap_or(Path::new("my-cell.toml"));
    let next = format!("rmrl cell doctor --config {}", path_word(file));
    Ok(print_result(&taught, false, &next)?)
}

impl Destination {
    /// The file to write; `None` where the pose is only printed.
    fn target(&self) -> Result<Option<&Path>, Failure> {
        match (self.write, self.configuration.config.as_deref(), &self.out) {
            (true, None, _) => {
                Err(Failure::Usage(anyhow!("--write changes the file of --config: give one")))
            }
            (true, Some(path), _) => Ok(Some(path)),
            (false, _, Some(path)) if path.exists() => {
                let message = format!("{} exists already and is never overwritten", path.display());
                Err(Failure::Usage(anyhow!(message)))
            }
            (false, _, out) => Ok(out.as_deref()),
        }
    }
}

/// The text of the configuration file with the pose, after checking what a run would read.
fn changed_text(
    configuration: &Configuration,
    pose: &TaughtPose,
    task: &TaskConfig,
) -> Result<String, Failure> {
    let file = configuration.config.as_deref();
    let text = match file {
        Some(path) => read_utf8_file(path, MOST_CONFIG_BYTES)
            .with_context(|| format!("cannot read {}", path.display()))?,
        None => String::new(),
    };
    let changed = pose.write_into(&text, task).map_err(anyhow::Error::from)?;
    let origin = file.map_or_else(|| "the configuration".into(), |path| path.display().to_string());
    let mut layers = Layers::default().with_text(&origin, &changed)?;
    for assignment in &configuration.assignments {
        layers = layers.with_assignment(assignment)?;
    }
    let checked = layers.resolve().with_context(|| {
        format!("nothing was written: with this {pose} the configuration would be invalid")
    })?;
    prove_reach(&checked).with_context(|| {
        format!("nothing was written: with this {pose} the arm cannot reach every pose of the task")
    })?;
    Ok(changed)
}

fn place_by_arm(config: &RunConfig, notes: &mut Vec<String>) -> anyhow::Result<TaughtPose> {
    let (mut arm, tool) = standing_arm(config)?;
    let holds = arm.gripper().ok().flatten().map(|gripper| gripper.status.jaws);
    if holds != Some(JawState::Holding) {
        notes.push(format!(
            "the gripper does not report that it holds a plate; the surface is assumed to be {:.1} mm below the \
             finger tips",
            1000.0 * config.task.grasp_height_m
        ));
    }
    Ok(TaughtPose::place_by_tool(config, &tool)?)
}

fn place_by_camera(config: &RunConfig, notes: &mut Vec<String>) -> anyhow::Result<TaughtPose> {
    let mut camera = camera(config)?;
    let mut localizer = localizer(&config.vision)?;
    let frame = camera.capture()?;
    let seen = localizer
        .localize(&frame, &camera.model())
        .context("no plate can be localized in the frame")?;
    notes.push(
        "the place has the error of the camera's calibration; the surface's height was not measured"
            .to_string(),
    );
    Ok(TaughtPose::place_by_camera(config, &seen)?)
}
