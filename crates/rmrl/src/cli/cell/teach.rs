//! `rmrl cell teach`

use std::fmt;
use std::path::{Path, PathBuf};

use crate::cell::perception::{camera, localizer};
use crate::cell::reachability::prove_reach;
use crate::cell::site_reach::prove_slot;
use crate::commissioning::teach::{TaughtPose, TaughtSite};
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

/// Teach the place, home, a waypoint or a site from where the arm stands now.
///
/// Lead the arm there by hand or in the vendor's software, with the tool straight down. The command reads
/// the pose, checks it against the safety envelope and the arm's reach, and prints it as TOML to paste, or
/// writes it into the configuration file, whose comments stay. It moves nothing.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  rmrl cell teach place --config my-cell.toml              with the jaws around a plate in its place
  rmrl cell teach place --from camera --config my-cell.toml --write
  rmrl cell teach home --config my-cell.toml --write       change my-cell.toml
  rmrl cell teach via --config my-cell.toml --out new.toml one more waypoint, in a new file
  rmrl cell teach site hotel --slot 2 --config my-cell.toml --write     with the jaws around a plate in the slot")]
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
    /// A site; the jaws are around a plate in one of its slots
    Site {
        /// The site's name
        name: String,

        /// The slot that the plate lies in, counted from 1 at the bottom
        #[arg(long, value_name = "N", default_value_t = 1)]
        slot: u32,

        /// The labware of the plate: its grip height is the finger tips' above the surface [default: task.grasp_height_m]
        #[arg(long, value_name = "NAME")]
        labware: Option<String>,

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
    match &arguments.pose {
        PoseToTeach::Place { from: Source::Arm, into } => teach(into, place_by_arm),
        PoseToTeach::Place { from: Source::Camera, into } => teach(into, place_by_camera),
        PoseToTeach::Home { into } => {
            teach(into, |config, _| Ok(TaughtPose::home_by_tool(config, &standing_arm(config)?.1)?))
        }
        PoseToTeach::Via { replace, into } => teach(into, |config, _| {
            Ok(TaughtPose::via_by_tool(config, &standing_arm(config)?.1, *replace)?)
        }),
        PoseToTeach::Site { name, slot, labware, into } => {
            teach_site((name, *slot), labware.as_deref(), into)
        }
    }
}

/// Teaches a pose of the task, which `read` reads. What it adds to the list is to be checked before the pose is used.
fn teach(
    into: &Destination,
    read: impl FnOnce(&RunConfig, &mut Vec<String>) -> anyhow::Result<TaughtPose>,
) -> Result<(), Failure> {
    let target = into.target()?;
    let mut config = into.configuration.layers()?.merge()?;
    check_real(&config)?;
    let mut notes = Vec::new();
    let pose = read(&config, &mut notes)?;
    pose.apply(&mut config.task);
    let changed = changed_text(into, &pose, &config.task)?;
    write(target, &changed)?;
    let taught = Taught {
        taught: pose.to_string(),
        toml: pose.to_toml(&config.task),
        written: target.map(|path| path.display().to_string()),
        notes,
    };
    Ok(print_result(&taught, false, &format!("rmrl cell doctor --config {}", into.file(target)))?)
}

/// Teaches a site.
fn teach_site(
    (name, slot): (&str, u32),
    labware: Option<&str>,
    into: &Destination,
) -> Result<(), Failure> {
    let target = into.target()?;
    let layers = into.configuration.layers()?;
    let (places, config) = (layers.places()?, layers.merge()?);
    check_real(&config)?;
    let grip_height_m = match labware {
        None => config.task.grasp_height_m,
        Some(labware) => {
            let known = places.labware.get(labware);
            known.map_err(|error| Failure::Usage(error.into()))?.grip.height_m
        }
    };
    let (_, tool) = standing_arm(&config)?;
    let taught = TaughtSite::by_tool(&config, &places, name, slot, (&tool, grip_height_m))
        .map_err(anyhow::Error::from)?;
    let changed = taught.write_into(&into.text()?).map_err(anyhow::Error::from)?;
    let with_site = Layers::default().with_text("the changed configuration", &changed)?.places()?;
    for address in with_site.slots().iter().filter(|address| address.site() == name) {
        prove_slot(&config, &with_site, address)
            .with_context(|| format!("nothing was written: site {name} cannot be used so"))?;
    }
    write(target, &changed)?;
    let taught = Taught {
        taught: format!("site {name}"),
        toml: taught.to_toml(),
        written: target.map(|path| path.display().to_string()),
        notes: Vec::new(),
    };
    Ok(print_result(&taught, false, &format!("rmrl cell sites --config {}", into.file(target)))?)
}

fn write(target: Option<&Path>, changed: &str) -> anyhow::Result<()> {
    let Some(path) = target else { return Ok(()) };
    if !path.exists() && holds_secret(changed) {
        create_private(path).with_context(|| format!("cannot create {}", path.display()))?;
    }
    Ok(write_atomically(path, changed.as_bytes())?)
}

impl Destination {
    /// The text of the file of --config; nothing if there is none.
    fn text(&self) -> anyhow::Result<String> {
        let Some(path) = &self.configuration.config else { return Ok(String::new()) };
        read_utf8_file(path, MOST_CONFIG_BYTES)
            .with_context(|| format!("cannot read {}", path.display()))
    }

    /// The file that has the pose now, or should have it, as a word of a command.
    fn file(&self, target: Option<&Path>) -> String {
        let file = target.or(self.configuration.config.as_deref());
        path_word(file.unwrap_or(Path::new("my-cell.toml")))
    }

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
    into: &Destination,
    pose: &TaughtPose,
    task: &TaskConfig,
) -> Result<String, Failure> {
    let configuration = &into.configuration;
    let (file, text) = (configuration.config.as_deref(), into.text()?);
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
