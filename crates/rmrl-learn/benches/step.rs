//! The cost of a training step and of looking at one image: `cargo bench -p rmrl-learn --bench step`.
//!
//!     cargo bench -p rmrl-learn --bench step -- [--json] [--device DEVICE] [--weights FILE]
//!         [--policies DIR] [CASE...]
//!
//! A case is named `train/resnet18x64/128px/batch16`: the work, depth and base width, side of the
//! images, and their number. `train` is a supervised step of a network that learns as a whole, `look`
//! encodes one image and computes its distribution with an encoder that learns, `look-frozen` with one
//! that does not. Networks begin with random weights and group normalization, or with an encoder
//! of `--weights`. `RAYON_NUM_THREADS` sets the number of threads.
//!
//! `--device` is `cpu`, or `cuda` or `wgpu` in a build with the feature of that name. There, wall time
//! is the figure: each step reads its loss back and each look its distribution, so neither is done
//! before the card is.
//!
//! `--json` prints an object a line. It holds the computed numbers, too, to compare another library
//! with: given the same images, poses and labels, which are formulas below, and the same policy, which
//! `--policies` writes to `DIR/policy.safetensors` before the first step.

use std::env;
use std::error::Error;
use std::fs;
use std::hint::black_box;
use std::path::PathBuf;
use std::process::ExitCode;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Instant;

use image::{Rgb, RgbImage};
use mimalloc::MiMalloc;
use rmrl_core::{ActionSpace, Label, Observation, PlanarPose, PlateInImage};
use rmrl_learn::{
    ComputeDevice, EncodedState, EncoderConfig, EncoderWeights, Metadata, Policy, PolicyConfig,
    PoseScaling, ViewName,
};
use rustix::time::{ClockId, clock_gettime};
use serde_json::json;

/// The allocator of the command `rmrl`.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// Measured unless others are named.
const CASES: [&str; 6] = [
    "train/resnet18x64/128px/batch16",
    "train/resnet10x32/96px/batch16",
    "look/resnet18x64/128px/batch1",
    "look/resnet10x32/96px/batch1",
    "look-frozen/resnet18x64/128px/batch1",
    "look-frozen/resnet10x32/96px/batch1",
];
/// Candidates of each dimension at the beginning of a run.
const CANDIDATES: [usize; 3] = [7, 7, 13];
/// Steps whose losses are reported, before anything is timed.
const CHECKED_STEPS: usize = 4;
/// A case is repeated for so long, in milliseconds.
const MEASURED_MS: f64 = 500.0;
/// But at least and at most so many times.
const REPEATS: [usize; 2] = [3, 200];

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    let options = Options::of(env::args().skip(1))?;
    if !options.json {
        println!("{:<42}{:>10}{:>16}{:>14}", "", "repeats", "processor", "wall");
    }
    for case in &options.cases {
        let mut bench = Bench::new(case, &options)?;
        let learned = bench.learn();
        let Times { processor_ms, wall_ms } = bench.measure();
        let repeats = wall_ms.len();
        let (processor_ms, wall_ms) = (median(processor_ms), median(wall_ms));
        if options.json {
            let line = json!({
                "case": case.name,
                "repeats": repeats,
                "processor_ms": processor_ms,
                "wall_ms": wall_ms,
                "features": learned.features,
                "losses": learned.losses,
                "probabilities": learned.probabilities,
            });
            println!("{line}");
        } else {
            println!("{:<42}{repeats:>10}{processor_ms:>13.2} ms{wall_ms:>11.2} ms", case.name);
        }
    }
    Ok(())
}

/// The command line.
struct Options {
    json: bool,
    device: ComputeDevice,
    weights: EncoderWeights,
    policies: Option<PathBuf>,
    cases: Vec<Case>,
}

impl Options {
    fn of(mut arguments: impl Iterator<Item = String>) -> Result<Self, Box<dyn Error>> {
        let mut options = Self {
            json: false,
            device: ComputeDevice::Cpu,
            weights: EncoderWeights::Random,
            policies: None,
            cases: vec![],
        };
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().ok_or(format!("{argument} needs a value"));
            match argument.as_str() {
                "--json" => options.json = true,
                "--device" => options.device = serde_json::from_value(value()?.into())?,
                "--weights" => options.weights = EncoderWeights::File(value()?.into()),
                "--policies" => options.policies = Some(value()?.into()),
                // Cargo passes this to every benchmark.
                "--bench" => {}
                name => options.cases.push(name.parse()?),
            }
        }
        if options.cases.is_empty() {
            options.cases = CASES.into_iter().map(str::parse).collect::<Result<_, _>>()?;
        }
        Ok(options)
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Work {
    Train,
    Look,
    LookFrozen,
}

/// A case to measure.
struct Case {
    name: String,
    work: Work,
    depth: usize,
    base_width: usize,
    size_px: usize,
    batch: usize,
}

impl FromStr for Case {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let parts = || {
            let mut parts = name.split('/');
            let work = match parts.next()? {
                "train" => Work::Train,
                "look" => Work::Look,
                "look-frozen" => Work::LookFrozen,
                _ => return None,
            };
            let (depth, base_width) = parts.next()?.strip_prefix("resnet")?.split_once('x')?;
            let size_px = parts.next()?.strip_suffix("px")?;
            let batch = parts.next()?.strip_prefix("batch")?;
            Some(Self {
                name: name.to_string(),
                work,
                depth: depth.parse().ok()?,
                base_width: base_width.parse().ok()?,
                size_px: size_px.parse().ok()?,
                batch: batch.parse().ok()?,
            })
        };
        parts()
            .filter(|case| case.batch == 1 || case.batch > 0 && case.work == Work::Train)
            .ok_or_else(|| format!("{name:?} is no case; one is {:?}", CASES[0]))
    }
}

/// A policy with its observations and labels.
struct Bench {
    work: Work,
    policy: Policy,
    observations: Vec<Observation>,
    states: Vec<EncodedState>,
    labels: Vec<Label>,
}

/// The numbers that a policy has computed in its first steps.
struct Learned {
    /// The features of the first image, before the first step.
    features: Vec<f32>,
    /// The loss before each step.
    losses: Vec<f32>,
    /// The probabilities of the first state after the last step, one dimension after another.
    probabilities: Vec<f32>,
}

/// The times of every repetition.
struct Times {
    processor_ms: Vec<f64>,
    wall_ms: Vec<f64>,
}

impl Bench {
    fn new(case: &Case, options: &Options) -> Result<Self, Box<dyn Error>> {
        let config = PolicyConfig {
            view: ViewName::Global,
            encoder: EncoderConfig {
                depth: case.depth,
                base_width: case.base_width,
                image_size: case.size_px,
                train: case.work != Work::LookFrozen,
                weights: options.weights.clone(),
            },
            // The paper's one-hot labels: every library has their loss.
            label_sigma_bins: 0.0,
            device: options.device,
            ..PolicyConfig::default()
        };
        config.validate()?;
        let actions = ActionSpace::symmetric(CANDIDATES, [0.0025, 0.0025, 0.01])?;
        let scaling = PoseScaling::new(PlanarPose::default(), [1.0; 3]);
        let policy = Policy::new(&config, &actions, scaling, 0)?;
        if let Some(folder) = &options.policies {
            let bytes = policy.to_safetensors(&Metadata::new());
            fs::write(folder.join("policy.safetensors"), bytes)?;
        }
        let observations: Vec<Observation> =
            (0..case.batch).map(|number| observation(number, case.size_px as u32)).collect();
        let states = observations.iter().map(|one| policy.encode(one)).collect();
        let labels = (0..case.batch).map(label).collect();
        Ok(Self { work: case.work, policy, observations, states, labels })
    }

    /// A few steps, which warm up the caches.
    fn learn(&mut self) -> Learned {
        Learned {
            features: self.policy.features_of(&self.states[0]),
            losses: (0..CHECKED_STEPS).map(|_| self.step()).collect(),
            probabilities: self.policy.distribution(&self.states[0]).concat(),
        }
    }

    fn measure(&mut self) -> Times {
        let mut times = Times { processor_ms: Vec::new(), wall_ms: Vec::new() };
        let began = Instant::now();
        let [least, most] = REPEATS;
        while times.wall_ms.len() < least
            || (times.wall_ms.len() < most && elapsed_ms(began) < MEASURED_MS)
        {
            let (wall, processor) = (Instant::now(), processor_ms());
            match self.work {
                Work::Train => {
                    self.step();
                }
                Work::Look | Work::LookFrozen => {
                    let state = self.policy.encode(&self.observations[0]);
                    black_box(self.policy.distribution(&state));
                }
            }
            times.processor_ms.push(processor_ms() - processor);
            times.wall_ms.push(elapsed_ms(wall));
        }
        times
    }

    /// A training step on all states. Returns the loss before it.
    fn step(&mut self) -> f32 {
        let batch: Vec<_> = self.states.iter().zip(self.labels.iter().copied()).collect();
        self.policy.supervised_step(&batch)
    }
}

/// An image of the network's size, which need not show anything, and a pose.
fn observation(number: usize, size_px: u32) -> Observation {
    let image = RgbImage::from_fn(size_px, size_px, |x, y| {
        Rgb([0, 1, 2].map(|c| ((7 * x + 13 * y + 29 * c + 31 * number as u32) % 256) as u8))
    });
    let spread = |period: usize| (number % period) as f64 / period as f64 - 0.5;
    Observation {
        features: None,
        look_error_m: None,
        carries: Vec::new(),
        image: Arc::new(image),
        estimated_pose: PlanarPose::new(spread(7), spread(5), spread(3)),
        plate_in_image: PlateInImage::default(),
    }
}

/// The label of the state of a number.
fn label(number: usize) -> Label {
    std::array::from_fn(|dimension| Some((5 * number + 3 * dimension) % CANDIDATES[dimension]))
}

fn elapsed_ms(since: Instant) -> f64 {
    1e3 * since.elapsed().as_secs_f64()
}

/// Processor time of all threads of this process so far, in milliseconds.
fn processor_ms() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    1e3 * time.tv_sec as f64 + 1e-6 * time.tv_nsec as f64
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    let middle = times.len() / 2;
    if times.len().is_multiple_of(2) {
        0.5 * (times[middle - 1] + times[middle])
    } else {
        times[middle]
    }
}
