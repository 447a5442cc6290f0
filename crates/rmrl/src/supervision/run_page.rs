//! The operator's page, told of a run: what goes on, what came of trials, what the camera saw.

use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use anyhow::{Context, bail};
use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{ExtendedColorType, ImageEncoder, RgbImage};
use rmrl_cell::{Capture, CellNews, Confirmation, PickPlace, StopSwitch};
use rmrl_core::{
    FALSE_PROOF, PlanarPose, Proof, TrialId, exponential_moving_average, yaw_error_rad,
};
use rmrl_data::{DurationsRecord, FailureRecord, TrialRecord};
use rmrl_operator::{
    CompletedTrial, FaultedAttempt, OperatorPage, PageConfig, Phase, Picture, PictureFormat,
    ProofProgress, RunStatus, StopStatus, Token,
};
use rmrl_vision::{CameraModel, Localization, PlateGeometry, draw_localization, draw_plate};

use crate::cell::terminal::press_and_say;
use crate::config::{PageSettings, RunConfig};

/// Serves the page, whose button stops what `stop` does; `None` where no page is wanted.
///
/// # Errors
/// The address is not free, or the token's file holds none.
pub fn serve(settings: &PageSettings, stop: &StopSwitch) -> anyhow::Result<Option<LivePage>> {
    let Some(address) = settings.serve else {
        return Ok(None);
    };
    let token = settings.token_file.as_deref().map(read_token).transpose()?;
    let (stop, read) = (stop.clone(), stop.clone());
    let page = OperatorPage::serve(PageConfig {
        address,
        token,
        host_names: settings.host_names.clone(),
        on_stop: Some(Box::new(move || status_of(&press_and_say(&stop, BY_PAGE)))),
        read_stop: Some(Box::new(move || {
            read.is_pressed().then(|| status_of(&read.confirmation()))
        })),
    })?;
    Ok(Some(LivePage::new(page)))
}

/// Who stops a run by its page.
pub(crate) const BY_PAGE: &str = "the operator page";

fn status_of(confirmation: &Confirmation) -> StopStatus {
    StopStatus { is_confirmed: !confirmation.is_missing(), message: confirmation.to_string() }
}

/// Reads a token. What the file says appears in no message.
fn read_token(path: &Path) -> anyhow::Result<Token> {
    let name = path.display();
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {name}"))?;
    if text.trim().lines().count() > 1 {
        bail!("{name} has several lines, expected a token alone");
    }
    text.trim().parse().with_context(|| format!("{name} holds no token"))
}

/// A page that shows a run. Nothing waits for it: pictures are drawn on a thread of its own, and where
/// they come too fast, only the latest is.
pub struct LivePage {
    page: Arc<OperatorPage>,
    painter: Painter,
    smoothing: f64,
    /// What the attempts at the present trial took so far, in seconds.
    attempts_secs: f64,
}

impl LivePage {
    /// Shows runs on a page from now on.
    pub fn new(page: OperatorPage) -> Self {
        let page = Arc::new(page);
        let painter = Painter::new(Arc::clone(&page));
        Self { page, painter, smoothing: 0.0, attempts_secs: 0.0 }
    }

    /// The page itself.
    pub fn page(&self) -> &Arc<OperatorPage> {
        &self.page
    }

    /// Shows a run of this name, with what it has made already and what that proves of its claim.
    pub(crate) fn begin(
        &mut self,
        name: &str,
        config: &RunConfig,
        records: &[TrialRecord],
        proof: Option<&Proof>,
    ) {
        self.smoothing = config.metrics.smoothing;
        self.attempts_secs = 0.0;
        self.page.publish(RunStatus {
            run: name.to_string(),
            method: config.method.title().to_string(),
            task: config.task.kind.as_str().to_string(),
            trials: config.trials,
            reward_threshold: Some(config.metrics.reward_threshold),
            ..RunStatus::default()
        });
        for record in records {
            self.record(record, proof);
        }
        self.page.update(|status| status.phase = Phase::Preparing);
    }

    /// Has `cell` tell the page what goes on.
    pub(crate) fn watch(&self, cell: &mut PickPlace) -> impl FnMut(CellNews<'_>) + Send + 'static {
        let (page, painter) = (Arc::clone(&self.page), self.painter.clone());
        let camera = cell.camera_model();
        let plate = cell.localizer().config().plate;
        let mut last: Option<Sketch> = None;
        move |news| {
            let phase = match news {
                CellNews::Preparing => Phase::Preparing,
                CellNews::Looking => Phase::Looking,
                CellNews::Seen(capture) => {
                    let sketch = Sketch::of(capture, camera, plate);
                    painter.paint(sketch.clone());
                    last = Some(sketch);
                    return;
                }
                CellNews::Picking(tool) => {
                    if let Some(sketch) = last.take() {
                        painter.paint(Sketch { pick: Some(tool.planar), ..sketch });
                    }
                    Phase::Picking
                }
                CellNews::Placing => Phase::Placing,
                CellNews::NeedsPerson(what) => {
                    Phase::NeedsPerson { message: format!("Please {what}.") }
                }
            };
            page.update(|status| status.phase = phase);
        }
    }

    /// An attempt begins.
    pub(crate) fn attempt(&self, id: TrialId) {
        self.page.update(|status| {
            status.trial = id.trial;
            status.attempt = id.attempt;
        });
    }

    /// What goes on outside of the cell.
    pub(crate) fn phase(&self, phase: Phase) {
        self.page.update(|status| status.phase = phase);
    }

    /// What a person is asked to confirm; `None` if nothing any more.
    pub(crate) fn question(&self, question: Option<&str>) {
        self.page.update(|status| status.confirm = question.map(str::to_string));
    }

    /// An attempt came to its end; `proof` has it noted.
    pub(crate) fn record(&mut self, record: &TrialRecord, proof: Option<&Proof>) {
        let duration_s = self.attempts_secs + total_secs(&record.durations_s);
        let (trial, attempt) = (record.trial, record.attempt);
        if let (true, Some(FailureRecord::Fault { reason, .. })) =
            (record.is_fault(), &record.failure)
        {
            self.attempts_secs = duration_s;
            let reason = reason.clone();
            self.page.update(|status| {
                status.faults.push(FaultedAttempt { trial, attempt, reason });
            });
            return;
        }
        self.attempts_secs = 0.0;
        let progress = proof.map(progress);
        let reward = record.reward.unwrap_or(0.0);
        let smoothing = self.smoothing;
        let mut completed = CompletedTrial {
            trial,
            reward,
            reward_average: reward,
            e_trans_mm: record.e_trans_m.map(|error_m| 1000.0 * error_m),
            yaw_error_deg: record.e_rot.map(|e_rot| yaw_error_rad(e_rot).to_degrees()),
            seated: record.seated,
            not_placed: match &record.failure {
                Some(FailureRecord::NotGrasped { reason, .. }) => Some(reason.clone()),
                _ => None,
            },
            duration_s,
        };
        self.page.update(|status| {
            let earlier = status.completed.iter().map(|trial| trial.reward);
            let rewards: Vec<f64> = earlier.chain([reward]).collect();
            if let Some(average) = exponential_moving_average(&rewards, smoothing).last() {
                completed.reward_average = *average;
            }
            status.completed.push(completed);
            status.proof = progress;
            status.phase = Phase::Learning;
        });
    }
}

fn total_secs(durations: &DurationsRecord) -> f64 {
    durations.prepare + durations.capture + durations.localize + durations.pick_place
}

/// How far a claim is from being proven, on a logarithmic scale: evidence multiplies.
fn progress(proof: &Proof) -> ProofProgress {
    let proven_at = proof.proven_at();
    let share = match proven_at {
        Some(_) => 1.0,
        None => (proof.evidence().ln() / (1.0 / FALSE_PROOF).ln()).clamp(0.0, 1.0),
    };
    ProofProgress { claim: proof.claim().to_string(), share, proven_at }
}

/// A picture with what is to be drawn into it.
#[derive(Clone)]
struct Sketch {
    image: Arc<RgbImage>,
    found: Option<Localization>,
    camera: CameraModel,
    plate: PlateGeometry,
    /// Where the arm picks, world frame; `None` where nothing was decided.
    pick: Option<PlanarPose>,
}

impl Sketch {
    fn of(capture: &Capture, camera: CameraModel, plate: PlateGeometry) -> Self {
        Self {
            image: Arc::clone(&capture.frame.color),
            found: capture.localization.clone(),
            camera,
            plate,
            pick: None,
        }
    }

    fn paint(&self) -> Result<Picture, image::ImageError> {
        let mut drawn = RgbImage::clone(&self.image);
        let mut caption = "No plate was found".to_string();
        if let Some(found) = &self.found {
            draw_localization(&mut drawn, found, &self.camera, self.plate);
            caption = "Where the plate was found (green)".to_string();
            if let Some(pick) = self.pick {
                let blue = [60, 140, 255];
                draw_plate(&mut drawn, &self.camera, self.plate, pick, found.height_m, blue);
                caption += " and where it is picked (blue)";
            }
        }
        let mut bytes = Vec::new();
        PngEncoder::new_with_quality(&mut bytes, CompressionType::Fast, FilterType::Sub)
            .write_image(&drawn, drawn.width(), drawn.height(), ExtendedColorType::Rgb8)?;
        Ok(Picture { bytes: bytes.into(), format: PictureFormat::Png, caption })
    }
}

/// Draws pictures on a thread of its own, which ends when nobody has a handle any more.
#[derive(Clone)]
struct Painter {
    easel: Arc<Easel>,
    /// Gone with the last handle, which wakes the thread.
    _handle: Arc<Handle>,
}

#[derive(Default)]
struct Easel {
    waiting: Mutex<(Option<Sketch>, bool)>,
    came: Condvar,
}

struct Handle(Arc<Easel>);

impl Drop for Handle {
    fn drop(&mut self) {
        self.0.waiting().1 = true;
        self.0.came.notify_one();
    }
}

impl Easel {
    /// The sketch that waits, and whether no more will come.
    fn waiting(&self) -> MutexGuard<'_, (Option<Sketch>, bool)> {
        // Whoever panicked left whole values.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn next(&self) -> Option<Sketch> {
        let mut waiting = self
            .came
            .wait_while(self.waiting(), |(sketch, closed)| sketch.is_none() && !*closed)
            .unwrap_or_else(PoisonError::into_inner);
        waiting.0.take()
    }
}

impl Painter {
    fn new(page: Arc<OperatorPage>) -> Self {
        let easel = Arc::new(Easel::default());
        let own = Arc::clone(&easel);
        let work = move || {
            while let Some(sketch) = own.next() {
                match sketch.paint() {
                    Ok(picture) => page.show(picture),
                    Err(error) => tracing::warn!("a picture cannot be shown: {error}"),
                }
            }
        };
        if let Err(error) = thread::Builder::new().name("painter".to_string()).spawn(work) {
            tracing::warn!("the page shows no pictures: {error}");
        }
        Self { _handle: Arc::new(Handle(Arc::clone(&easel))), easel }
    }

    fn paint(&self, sketch: Sketch) {
        self.easel.waiting().0 = Some(sketch);
        self.easel.came.notify_one();
    }
}
