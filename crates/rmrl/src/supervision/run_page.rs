//! The operator's page of a run: its progress, its trials, what the camera saw.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, bail};
use rmrl_cell::{CellEvent, Confirmation, PickPlace, StopSwitch};
use rmrl_core::{MovingAverage, TrialId, yaw_error_rad};
use rmrl_data::{DurationsRecord, FailureRecord, TrialRecord};
use rmrl_files::{open_regular_file, read_utf8};
use rmrl_operator::{
    CompletedTrial, FaultedAttempt, Noticed, OperatorPage, PageConfig, Phase, ProofProgress,
    RunStatus, StopStatus, Token,
};

use crate::analysis::proof_summary::ProofSummary;
use crate::cell::terminal::{press_and_say, say};
use crate::config::{PageSettings, RunConfig, check_private};
use crate::supervision::frame_painter::{AnnotatedFrame, FramePainter};

/// Serves the page, whose button stops what `stop` does; `None` where no page is wanted.
///
/// # Errors
/// The address is not free, or the token's file holds none or can be read by others.
pub fn serve(settings: &PageSettings, stop: &StopSwitch) -> anyhow::Result<Option<RunPage>> {
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
    Ok(Some(RunPage::new(page)))
}

/// Writes the address of the page to standard error. Its token appears here and nowhere else.
pub fn announce_page(page: &RunPage) {
    let page = page.page();
    say(format_args!("watch the run at {}", page.url()));
    if page.is_exposed() {
        tracing::warn!(
            "other machines can reach {}, and nothing is encrypted: anyone who listens on the network can read the \
             token; a tunnel is safe: ssh -L 8080:localhost:8080 machine, with --serve 127.0.0.1:8080",
            page.address()
        );
    }
}

/// Who stops a run by its page.
pub(crate) const BY_PAGE: &str = "the operator page";

fn status_of(confirmation: &Confirmation) -> StopStatus {
    StopStatus { is_confirmed: !confirmation.is_missing(), message: confirmation.to_string() }
}

/// No file of a token is larger, in bytes.
const MOST_TOKEN_BYTES: u64 = 64 << 10;

/// Reads a token. What the file says appears in no message.
fn read_token(path: &Path) -> anyhow::Result<Token> {
    let name = path.display();
    let unreadable = || format!("cannot read {name}");
    let file = open_regular_file(path, MOST_TOKEN_BYTES).with_context(unreadable)?;
    check_private(&file, path, || "the token of the page".to_string())?;
    let text = read_utf8(&file, MOST_TOKEN_BYTES).with_context(unreadable)?;
    if text.trim().lines().count() > 1 {
        bail!("{name} has several lines, expected a token alone");
    }
    text.trim().parse().with_context(|| format!("{name} holds no token"))
}

/// A page that shows a run. Nothing waits for it: images are drawn on a thread of their own, and where they come
/// too fast, only the latest is drawn.
pub struct RunPage {
    page: Arc<OperatorPage>,
    painter: FramePainter,
    /// Of the rewards.
    average: MovingAverage,
    /// What the attempts at the present trial took so far, in seconds.
    attempts_secs: f64,
}

impl RunPage {
    /// Shows runs on a page from now on.
    pub fn new(page: OperatorPage) -> Self {
        let page = Arc::new(page);
        let painter = FramePainter::new(Arc::clone(&page));
        Self { page, painter, average: MovingAverage::new(0.0), attempts_secs: 0.0 }
    }

    /// The page itself.
    pub fn page(&self) -> &Arc<OperatorPage> {
        &self.page
    }

    /// Shows a run of this name, with its trials so far and what they prove of its claim.
    pub(crate) fn begin(
        &mut self,
        name: &str,
        config: &RunConfig,
        records: &[TrialRecord],
        proof: Option<&ProofSummary>,
    ) {
        self.average = MovingAverage::new(config.metrics.smoothing);
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

    /// A listener that shows the events of `cell` on the page.
    pub(crate) fn watch(&self, cell: &mut PickPlace) -> impl FnMut(CellEvent<'_>) + Send + 'static {
        let (page, painter) = (Arc::clone(&self.page), self.painter.clone());
        let camera = cell.camera_model();
        let plate = cell.localizer().config().plate;
        let mut last: Option<AnnotatedFrame> = None;
        move |news| {
            let phase = match news {
                CellEvent::Preparing => Phase::Preparing,
                CellEvent::Looking => Phase::Looking,
                CellEvent::Seen(capture) => {
                    let frame = AnnotatedFrame::of(capture, camera, plate);
                    painter.paint(frame.clone());
                    last = Some(frame);
                    return;
                }
                CellEvent::Picking(tool) => {
                    if let Some(frame) = last.take() {
                        painter.paint(frame.with_pick(tool.planar));
                    }
                    Phase::Picking
                }
                CellEvent::Placing => Phase::Placing,
                CellEvent::NeedsOperator(what) => {
                    Phase::NeedsOperator { message: format!("Please {what}.") }
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
            status.is_test = id.is_test();
        });
    }

    /// Shows a phase that the cell does not report.
    pub(crate) fn phase(&self, phase: Phase) {
        self.page.update(|status| status.phase = phase);
    }

    /// Shows what was noticed in a trial.
    pub(crate) fn noticed(&self, trial: u32, what: &str) {
        let noticed = Noticed { trial, what: what.to_string() };
        self.page.update(|status| status.noticed.push(noticed));
    }

    /// Shows the question that an operator has to answer; `None` removes it.
    pub(crate) fn question(&self, question: Option<&str>) {
        self.page.update(|status| status.confirm = question.map(str::to_string));
    }

    /// Shows an attempt that has ended. `proof` has been updated with it.
    pub(crate) fn record(&mut self, record: &TrialRecord, proof: Option<&ProofSummary>) {
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
        let is_test = !record.purpose.is_training();
        // The average is of the training, as in the metrics.
        let reward_average = match is_test {
            true => self.average.value().unwrap_or(reward),
            false => self.average.add(reward),
        };
        let completed = CompletedTrial {
            trial,
            is_test,
            reward,
            reward_average,
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
            status.completed.push(completed);
            status.proof = progress;
            status.phase = Phase::Learning;
        });
    }
}

fn total_secs(durations: &DurationsRecord) -> f64 {
    durations.prepare + durations.capture + durations.localize + durations.pick_place
}

/// How far a claim is from being proven, for the page.
fn progress(proof: &ProofSummary) -> ProofProgress {
    ProofProgress {
        claim: proof.claim.to_string(),
        share: proof.share(),
        proven_at: proof.proven_at,
        progress: proof.progress.clone(),
    }
}
