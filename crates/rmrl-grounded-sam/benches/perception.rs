//! Loads and runs the models, for `bench/perception.py`, which describes the numbers.
//!
//! `perception grounding-dino|segment-anything DIRECTORY IMAGE.png THREADS ROUNDS OUTPUT` prints a
//! JSON object and writes the results to OUTPUT: Grounding DINO's logits as 32-bit floats, or a byte for each
//! pixel of Segment Anything's mask.

use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

use image::RgbImage;
use rmrl_grounded_sam::{
    GroundingDino, GroundingDinoConfig, SegmentAnything, SegmentAnythingConfig,
};
use rmrl_vision::BoundingBox;
use rustix::time::{ClockId, clock_gettime};

/// The allocator of the program `rmrl`: it keeps memory between images instead of requesting it again.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

fn main() -> Outcome<()> {
    let arguments: Vec<String> =
        std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let [model, directory, image, threads, rounds, output] = &arguments[..] else {
        // `cargo bench` and `cargo test --benches` give no arguments.
        println!("bench/perception.py measures the models; see bench/README.md");
        return Ok(());
    };
    let (threads, rounds) = (threads.parse::<NonZeroUsize>()?, rounds.parse::<usize>()?);
    let image = image::open(image)?.to_rgb8();
    let threads = Some(threads);
    match model.as_str() {
        "grounding-dino" => {
            let config =
                GroundingDinoConfig { directory: directory.into(), threads, ..Default::default() };
            let (load, detector) = timed(|| GroundingDino::open(config))?;
            let (look, raw) = median(rounds, || detector.raw_detections(&image))?;
            let logits: Vec<u8> = raw.logits.iter().flat_map(|value| value.to_le_bytes()).collect();
            std::fs::write(output, logits)?;
            report(&[("load", load), ("run", look)])
        }
        "segment-anything" => {
            let config = SegmentAnythingConfig {
                directory: directory.into(),
                threads,
                ..Default::default()
            };
            let (load, mut segmenter) = timed(|| SegmentAnything::open(config))?;
            let mut shade = 0;
            let (look, _) = median(rounds, || {
                // A different image each time, because the last image's embedding is kept.
                shade += 1;
                segmenter.segment_box(&shaded(&image, shade), middle(&image))
            })?;
            segmenter.segment_box(&image, middle(&image))?;
            let (again, (mask, _)) =
                median(rounds, || segmenter.segment_box(&image, middle(&image)))?;
            let pixels = image.enumerate_pixels().map(|(u, v, _)| u8::from(mask.contains(u, v)));
            std::fs::write(output, pixels.collect::<Vec<u8>>())?;
            report(&[("load", load), ("run", look), ("again", again)])
        }
        other => Err(format!("no model is called {other}").into()),
    }
}

fn middle(image: &RgbImage) -> BoundingBox {
    let (width, height) = (f64::from(image.width()), f64::from(image.height()));
    BoundingBox {
        x_min: 0.25 * width,
        y_min: 0.25 * height,
        x_max: 0.75 * width,
        y_max: 0.75 * height,
    }
}

fn shaded(image: &RgbImage, shade: u8) -> RgbImage {
    let mut image = image.clone();
    image.get_pixel_mut(0, 0).0 = [shade; 3];
    image
}

/// Wall time and CPU time.
#[derive(Clone, Copy)]
struct Cost {
    wall: Duration,
    processor: Duration,
}

fn timed<T, E: std::error::Error + 'static>(
    work: impl FnOnce() -> Result<T, E>,
) -> Outcome<(Cost, T)> {
    let (wall, processor) = (Instant::now(), processor_time()?);
    let result = work()?;
    Ok((Cost { wall: wall.elapsed(), processor: processor_time()? - processor }, result))
}

/// The median cost by CPU time, after one round that is not counted.
fn median<T, E: std::error::Error + 'static>(
    rounds: usize,
    mut work: impl FnMut() -> Result<T, E>,
) -> Outcome<(Cost, T)> {
    let (_, mut result) = timed(&mut work)?;
    let mut costs = Vec::new();
    for _ in 0..rounds.max(1) {
        let (cost, value) = timed(&mut work)?;
        result = value;
        costs.push(cost);
    }
    costs.sort_by_key(|cost| cost.processor);
    Ok((costs[costs.len() / 2], result))
}

fn processor_time() -> Outcome<Duration> {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Ok(Duration::new(time.tv_sec.try_into()?, time.tv_nsec.try_into()?))
}

fn report(costs: &[(&str, Cost)]) -> Outcome<()> {
    let mut object = serde_json::Map::new();
    for (name, cost) in costs {
        object.insert(format!("{name}_s"), cost.wall.as_secs_f64().into());
        object.insert(format!("{name}_cpu_s"), cost.processor.as_secs_f64().into());
    }
    let status = std::fs::read_to_string("/proc/self/status")?;
    let peak_kb = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .and_then(|rest| rest.trim().strip_suffix("kB"))
        .ok_or("/proc/self/status names no VmHWM")?;
    object.insert("peak_gb".into(), (peak_kb.trim().parse::<f64>()? / 1e6).into());
    println!("{}", serde_json::Value::Object(object));
    Ok(())
}
