//! `rmrl bench`

use std::fmt;
use std::str::FromStr;

use crate::config::{DetectorName, SegmenterName, VisionConfig};
use crate::perception::detector_benchmark::{Row, Score, score};
use clap::{Args, Subcommand};
use serde::Serialize;

use super::args::Configuration;
use super::failure::Failure;
use super::output::print_result;

/// Benchmarks.
#[derive(Debug, Args)]
pub struct Bench {
    #[command(subcommand)]
    command: BenchCommand,
}

#[derive(Debug, Subcommand)]
enum BenchCommand {
    Localize(LocalizeBench),
}

/// Compare detectors on simulated frames whose truth is known.
///
/// The conditions are: plain, noisy, badly lit, cluttered, plates with lids, a glove over a part of the
/// plate, and no plate. The camera is calibrated, so errors come from the frame alone.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  rmrl bench localize
  rmrl bench localize --detectors color,grounding-dino --set vision.grounding_dino.directory=DIR
  rmrl bench localize --set vision.localizer.fit_outline=false    the paper's localization

A plate under a glove should be missed: a pose of half a plate is worse than none.")]
struct LocalizeBench {
    /// Detectors to compare: color, grounding-dino (with Segment Anything), grounding-dino+color
    #[arg(long, value_delimiter = ',', default_value = "color")]
    detectors: Vec<DetectorChoice>,

    /// Frames per condition
    #[arg(long, default_value_t = 40, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    frames: u32,

    /// Print JSON
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    configuration: Configuration,
}

/// A detector with its segmenter.
#[derive(Debug, Clone, Copy)]
enum DetectorChoice {
    Color,
    GroundedSam,
    GroundingDinoAndColor,
}

impl FromStr for DetectorChoice {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        match name {
            "color" => Ok(Self::Color),
            "grounding-dino" => Ok(Self::GroundedSam),
            "grounding-dino+color" => Ok(Self::GroundingDinoAndColor),
            _ => Err("expected color, grounding-dino or grounding-dino+color".to_string()),
        }
    }
}

impl DetectorChoice {
    fn title(self) -> &'static str {
        match self {
            Self::Color => "color threshold",
            Self::GroundedSam => "Grounding DINO, Segment Anything",
            Self::GroundingDinoAndColor => "Grounding DINO, color threshold",
        }
    }

    fn vision(self, configured: &VisionConfig) -> VisionConfig {
        let (detector, segmenter) = match self {
            Self::Color => (DetectorName::Color, SegmenterName::Color),
            Self::GroundedSam => (DetectorName::GroundingDino, SegmenterName::SegmentAnything),
            Self::GroundingDinoAndColor => (DetectorName::GroundingDino, SegmenterName::Color),
        };
        VisionConfig { detector, segmenter, ..configured.clone() }
    }
}

/// The result, as the command prints it.
#[derive(Serialize)]
struct Scores {
    detectors: Vec<Score>,
}

impl fmt::Display for Scores {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for score in &self.detectors {
            write!(f, "{}: loaded in {:.1} s", score.detector, score.load_secs)?;
            if let Some(peak_mb) = score.peak_mb {
                write!(f, ", {peak_mb:.0} MB")?;
            }
            writeln!(f)?;
            writeln!(
                f,
                "  {:8} {:>6} {:>6} {:>6} {:>6} {:>6} {:>6}  {:>16} {:>16} {:>9}",
                "",
                "frames",
                "found",
                "missed",
                "false",
                "sure",
                "wrong",
                "error mm (95 %)",
                "yaw deg (95 %)",
                "CPU ms"
            )?;
            for row in &score.rows {
                let Row { condition, frames, found, missed, false_finds, .. } = row;
                let Row { confident, overconfident, .. } = row;
                let pair = |pair: Option<[f64; 2]>| {
                    pair.map_or("-".to_string(), |[median, tail]| {
                        format!("{median:.2} ({tail:.2})")
                    })
                };
                writeln!(
                    f,
                    "  {condition:8} {frames:>6} {found:>6} {missed:>6} {false_finds:>6} {confident:>6} \
                     {overconfident:>6}  {:>16} {:>16} {:>9.1}",
                    pair(row.error_mm),
                    pair(row.yaw_error_deg),
                    row.cpu_ms
                )?;
            }
        }
        Ok(())
    }
}

/// Runs the command.
pub fn run(arguments: &Bench) -> Result<(), Failure> {
    let BenchCommand::Localize(arguments) = &arguments.command;
    let config = arguments.configuration.layers()?.resolve()?;
    let mut scores = Vec::new();
    for choice in &arguments.detectors {
        let vision = choice.vision(&config.vision);
        let frames = arguments.frames as usize;
        scores.push(score(&config, choice.title(), &vision, frames)?);
    }
    print_result(
        &Scores { detectors: scores },
        arguments.json,
        "rmrl localize, with the detector that you choose",
    )?;
    Ok(())
}
