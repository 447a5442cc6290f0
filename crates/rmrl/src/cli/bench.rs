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

/// Measure parts of the system against each other.
#[derive(Debug, Args)]
pub struct Bench {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    Localize(LocalizeBench),
}

/// Hold detectors against each other on simulated frames whose truth is known.
///
/// The frames are plain, noisy, badly lit, cluttered, of plates with lids, with a glove over a part of
/// the plate, and without a plate. Errors are those of the picture alone: the camera is calibrated.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  rmrl bench localize
  rmrl bench localize --detectors color,grounding-dino --set vision.grounding_dino.directory=DIR
  rmrl bench localize --set vision.localizer.fit_outline=false    the paper's localisation

A glove over a plate should make it missed: a pose of half a plate is worth less than none.")]
struct LocalizeBench {
    /// Which: color, grounding-dino (with Segment Anything), grounding-dino+color
    #[arg(long, value_delimiter = ',', default_value = "color")]
    detectors: Vec<Contender>,

    /// Frames under each condition
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
enum Contender {
    Color,
    GroundedSam,
    GroundingDinoAndColor,
}

impl FromStr for Contender {
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

impl Contender {
    fn title(self) -> &'static str {
        match self {
            Self::Color => "colour threshold",
            Self::GroundedSam => "Grounding DINO, Segment Anything",
            Self::GroundingDinoAndColor => "Grounding DINO, colour threshold",
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

#[derive(Serialize)]
#[serde(transparent)]
struct Scores(Vec<Score>);

impl fmt::Display for Scores {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for score in &self.0 {
            write!(f, "{}: loaded in {:.1} s", score.detector, score.load_secs)?;
            if let Some(peak_mb) = score.peak_mb {
                write!(f, ", {peak_mb:.0} MB")?;
            }
            writeln!(f)?;
            writeln!(
                f,
                "  {:8} {:>6} {:>6} {:>6} {:>6}  {:>16} {:>16} {:>9}",
                "",
                "frames",
                "found",
                "missed",
                "false",
                "error mm (95 %)",
                "yaw deg (95 %)",
                "CPU ms"
            )?;
            for row in &score.rows {
                let Row { condition, frames, found, missed, false_finds, .. } = row;
                let pair = |pair: Option<[f64; 2]>| {
                    pair.map_or("-".to_string(), |[median, tail]| {
                        format!("{median:.2} ({tail:.2})")
                    })
                };
                writeln!(
                    f,
                    "  {condition:8} {frames:>6} {found:>6} {missed:>6} {false_finds:>6}  {:>16} {:>16} {:>9.1}",
                    pair(row.error_mm),
                    pair(row.yaw_error_deg),
                    row.cpu_ms
                )?;
            }
        }
        Ok(())
    }
}

/// Measures.
pub fn run(arguments: &Bench) -> Result<(), Failure> {
    let What::Localize(arguments) = &arguments.what;
    let config = arguments.configuration.layers()?.resolve()?;
    let mut scores = Vec::new();
    for contender in &arguments.detectors {
        let vision = contender.vision(&config.vision);
        let frames = arguments.frames as usize;
        scores.push(score(&config, contender.title(), &vision, frames)?);
    }
    print_result(&Scores(scores), arguments.json)?;
    Ok(())
}
