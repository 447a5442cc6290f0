//! How well and how fast a plate is localized with others in view.
//!
//! `cargo run --release -p rmrl-vision --example plates_near`
//!
//! Cuboids as black as plates, with shadows, a gradient of the light and noise. Errors are in millimeters.

#[path = "../tests/several_plates/scene.rs"]
mod scene;

use std::time::Instant;

use rmrl_core::PlanarPose;
use rmrl_vision::{
    CameraModel, ColorThresholdDetector, ColorThresholdSegmenter, ExpectedPlate, Localization,
    LocalizeError, Localizer, LocalizerConfig, RgbdFrame,
};
use scene::{Look, Solid, camera, frame_of, plate};

const FRAMES: u64 = 12;
/// The fastest of so many calls counts.
const REPEATS: u32 = 5;

/// The plates of a scene, and how many of them are localized, from the first on.
type Scene = (Vec<Solid>, usize);

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("| scene | height, mm | found | error, mm, median (most) | confidence | time, ms |");
    println!("|-|-|-|-|-|-|");
    for height_m in [0.0142, 0.0144, 0.041] {
        for count in [1, 3, 6] {
            let scene = |seed| (six(seed, height_m)[..count].to_vec(), count);
            let plates = if count == 1 { "plate" } else { "plates" };
            row(&format!("{count} {plates}"), height_m, scene)?;
        }
        for gap_mm in [1.0, 2.0, 3.0, 5.0, 8.0, 15.0] {
            row(&format!("a neighbor, {gap_mm} mm away"), height_m, |seed| {
                neighbors(seed, height_m, 0.001 * gap_mm)
            })?;
        }
        row("on another plate", height_m, |seed| stack(seed, height_m))?;
    }
    let single = |seed| (six(seed, 0.0144)[..1].to_vec(), 1);
    report("1 plate, `localize`", 0.0144, single, |localizer, frame, camera, _| {
        localizer.localize(frame, camera)
    })
}

fn row(
    name: &str,
    height_m: f64,
    scene: impl Fn(u64) -> Scene,
) -> Result<(), Box<dyn std::error::Error>> {
    report(name, height_m, scene, |localizer, frame, camera, expected| {
        localizer.localize_near(frame, camera, expected)
    })
}

/// Prints one line of the table.
fn report(
    name: &str,
    height_m: f64,
    scene: impl Fn(u64) -> Scene,
    localize: impl Fn(
        &mut Localizer,
        &RgbdFrame,
        &CameraModel,
        &ExpectedPlate,
    ) -> Result<Localization, LocalizeError>,
) -> Result<(), Box<dyn std::error::Error>> {
    let camera = camera();
    let (mut errors_mm, mut confidence, mut all, mut spent_ms) = (Vec::new(), 0.0, 0, 0.0);
    let mut refused = Vec::new();
    for seed in 0..FRAMES {
        let (solids, sought) = scene(seed);
        let look =
            Look { shadows: true, gradient: 0.2, depth_noise_m: 0.002, color_noise: 1.5, seed };
        let frame = frame_of(&solids, look);
        for solid in &solids[..sought] {
            let expected = solid.expected();
            let PlanarPose { x_m, y_m, yaw_rad } = expected.pose;
            let pose = PlanarPose::new(x_m + 0.006, y_m - 0.004, yaw_rad + 0.03);
            let expected = ExpectedPlate { pose, ..expected };
            let mut localizer = localizer(&expected)?;
            all += 1;
            match localize(&mut localizer, &frame, &camera, &expected) {
                Ok(found) => {
                    errors_mm.push(1000.0 * found.pose.distance_m(solid.pose));
                    confidence += found.confidence;
                }
                Err(error) => refused.push(error.kind()),
            }
            let mut least_ms = f64::INFINITY;
            for _ in 0..REPEATS {
                // An image that the detector was not asked about yet.
                let frame =
                    RgbdFrame { color: (*frame.color).clone().into(), depth: frame.depth.clone() };
                let began = Instant::now();
                let _ = localize(&mut localizer, &frame, &camera, &expected);
                least_ms = least_ms.min(1000.0 * began.elapsed().as_secs_f64());
            }
            spent_ms += least_ms;
        }
    }
    errors_mm.sort_by(f64::total_cmp);
    let found = errors_mm.len();
    let refused: String = refused.iter().map(|kind| format!(", {kind}")).collect();
    let at = |index: usize| errors_mm.get(index).copied().unwrap_or(f64::NAN);
    println!(
        "| {name} | {:.1} | {found} of {all}{refused} | {:.2} ({:.2}) | {:.2} | {:.2} |",
        1000.0 * height_m,
        at(found / 2),
        at(found.saturating_sub(1)),
        confidence / found as f64,
        spent_ms / f64::from(all),
    );
    Ok(())
}

fn localizer(expected: &ExpectedPlate) -> Result<Localizer, Box<dyn std::error::Error>> {
    let config = LocalizerConfig {
        plate: expected.geometry,
        mean_surface_depth_m: 0.0,
        reference_yaw_rad: expected.pose.yaw_rad,
        ..LocalizerConfig::default()
    };
    let detector = Box::new(ColorThresholdDetector::default());
    Ok(Localizer::new(config, detector, Box::new(ColorThresholdSegmenter::default()))?)
}

/// Shares between -1 and 1 that differ from seed to seed.
fn spread(seed: u64) -> [f64; 3] {
    [0.618_034, 0.754_878, 0.569_840].map(|step| 2.0 * (0.3 + step * seed as f64).fract() - 1.0)
}

fn six(seed: u64, height_m: f64) -> Vec<Solid> {
    let [x, y, turn] = spread(seed);
    [(0.36, 0.01), (0.51, 0.2), (0.2, 0.22), (0.22, -0.2), (0.5, -0.17), (0.19, 0.01)]
        .iter()
        .enumerate()
        .map(|(index, (x_m, y_m))| {
            let yaw_rad = 0.15 * turn + 0.1 * (index % 2) as f64;
            let pose = PlanarPose::new(x_m + 0.008 * x, y_m + 0.012 * y, yaw_rad);
            plate(pose, height_m, 0.0)
        })
        .collect()
}

fn neighbors(seed: u64, height_m: f64, gap_m: f64) -> Scene {
    let [x, y, turn] = spread(seed);
    let pose = PlanarPose::new(0.38 + 0.08 * x, 0.18 * y, 0.3 * turn);
    let (sin, cos) = pose.yaw_rad.sin_cos();
    let [along_m, across_m] = match seed % 4 {
        0 => [0.12776 + gap_m, 0.004],
        1 => [-0.12776 - gap_m, -0.01],
        2 => [0.006, 0.08548 + gap_m],
        _ => [-0.003, -0.08548 - gap_m],
    };
    let other = PlanarPose::new(
        pose.x_m + cos * along_m - sin * across_m,
        pose.y_m + sin * along_m + cos * across_m,
        pose.yaw_rad,
    );
    (vec![plate(pose, height_m, 0.0), plate(other, height_m, 0.0)], 1)
}

fn stack(seed: u64, height_m: f64) -> Scene {
    let [x, y, turn] = spread(seed);
    let pose = PlanarPose::new(0.36 + 0.12 * x, 0.2 * y, 0.3 * turn);
    let under = PlanarPose::new(pose.x_m + 0.001 * turn, pose.y_m - 0.001 * x, pose.yaw_rad);
    (vec![plate(pose, height_m, height_m - 0.0012), plate(under, height_m, 0.0)], 1)
}
