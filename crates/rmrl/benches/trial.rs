//! What a simulated trial spends its processor time on: `cargo bench -p rmrl --bench trial`, half a
//! minute.
//!
//! Times are milliseconds over all threads, and only valid for the machine. Look at the shares.

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rand::RngExt;
use rmrl::{RunConfig, localizer};
use rmrl_cell::{
    Arm, Camera, DeviceError, Devices, Gripper, PickPlace, SafetyEnvelope, Task, TaskKind, ToolPose,
};
use rmrl_core::{Env, PoseAdjustment, TrialId, random_stream};
use rmrl_data::RunDir;
use rmrl_sim::SimulatedCell;
use rmrl_vision::{CameraModel, RgbdFrame};
use rustix::time::{ClockId, clock_gettime};

/// Simulated cells.
const CELLS: u64 = 6;
/// Trials in each cell.
const TRIALS: u32 = 20;

fn main() -> anyhow::Result<()> {
    for task in TaskKind::ALL {
        parts(task)?;
    }
    Ok(())
}

fn parts(task: TaskKind) -> anyhow::Result<()> {
    let config = RunConfig::for_task(task);
    let folder = tempfile::tempdir()?;
    let run = RunDir::create(&folder.path().join("run"), "")?;
    let meters: [Meter; 6] = Default::default();
    let [assembling, whole, camera, motion, localizing, writing] = &meters;
    let mut localizer_alone = localizer(&config.vision)?;
    for seed in 0..CELLS {
        let cell =
            assembling.time(|| SimulatedCell::new(&config.simulation, &config.task, seed, seed))?;
        let devices = cell.devices();
        let mut trial = PickPlace::new(
            Devices {
                camera: Box::new(Metered(devices.camera, camera.clone())),
                arm: Box::new(Metered(devices.arm, motion.clone())),
                gripper: Box::new(Metered(devices.gripper, motion.clone())),
                operator: devices.operator,
            },
            SafetyEnvelope::new(config.safety)?,
            localizer(&config.vision)?,
            Task { config: config.task.clone(), placement_seed: seed },
            config.reward,
        )?;
        trial.record_target()?;
        let mut rng = random_stream(seed, "bench", [0, 0]);
        let mut offset_m = || 0.008 * (rng.random::<f64>() - 0.5);
        for number in 1..=TRIALS {
            let id = TrialId::new(number, 1, (number - 1) / 10 + 1);
            let adjustment = PoseAdjustment { dx_m: offset_m(), dy_m: offset_m(), dyaw_rad: 0.0 };
            // A fault takes its time, too, and the next trial starts from there.
            whole.time(|| trial.reset(id).is_ok() && trial.step(adjustment).is_ok());
            let evidence = trial.evidence();
            for capture in [&evidence.start, &evidence.end].into_iter().flatten() {
                let frame = &capture.frame;
                let model = trial.camera_model();
                let found = localizing.time(|| localizer_alone.localize(frame, &model));
                black_box(found.is_ok());
                writing.time(|| {
                    run.image_writer().write_color("images/color.png", &frame.color)?;
                    run.image_writer().write_depth("images/depth.png", &frame.depth)
                })?;
            }
        }
    }
    let trials = CELLS as f64 * f64::from(TRIALS);
    for (part, meter, count) in [
        ("a simulated trial", whole, trials),
        ("  its captures", camera, trials),
        ("  its motions, with physics", motion, trials),
        ("  its localizations", localizing, trials),
        ("writing its images", writing, trials),
        ("assembling a cell", assembling, CELLS as f64),
    ] {
        println!("{:<52}{:>9.2} ms", format!("{part} ({task})"), meter.milliseconds() / count);
    }
    Ok(())
}

/// Processor time spent on one thing, in nanoseconds.
#[derive(Clone, Default)]
struct Meter(Arc<AtomicU64>);

impl Meter {
    fn time<R>(&self, work: impl FnOnce() -> R) -> R {
        let began = processor_ns();
        let result = work();
        self.0.fetch_add(processor_ns() - began, Ordering::Relaxed);
        result
    }

    fn milliseconds(&self) -> f64 {
        1e-6 * self.0.load(Ordering::Relaxed) as f64
    }
}

/// Processor time of this process so far.
fn processor_ns() -> u64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    1_000_000_000 * time.tv_sec as u64 + time.tv_nsec as u64
}

/// A device whose processor time is measured.
struct Metered<D: ?Sized>(Box<D>, Meter);

impl Camera for Metered<dyn Camera> {
    fn capture(&mut self) -> Result<RgbdFrame, DeviceError> {
        self.1.time(|| self.0.capture())
    }

    fn model(&self) -> CameraModel {
        self.0.model()
    }
}

impl Arm for Metered<dyn Arm> {
    fn move_to(&mut self, target: ToolPose, speed_m_s: f64) -> Result<ToolPose, DeviceError> {
        self.1.time(|| self.0.move_to(target, speed_m_s))
    }

    fn pose(&mut self) -> Result<ToolPose, DeviceError> {
        self.0.pose()
    }

    fn recover(&mut self) -> Result<(), DeviceError> {
        self.0.recover()
    }
}

impl Gripper for Metered<dyn Gripper> {
    fn open(&mut self, width_m: f64) -> Result<(), DeviceError> {
        self.1.time(|| self.0.open(width_m))
    }

    fn close(&mut self) -> Result<(), DeviceError> {
        self.1.time(|| self.0.close())
    }

    fn holds_object(&mut self) -> Result<bool, DeviceError> {
        self.0.holds_object()
    }

    fn recover(&mut self) -> Result<(), DeviceError> {
        self.0.recover()
    }
}
