//! The progress of a run: a bar at a terminal, and a line of JSON for each trial on a standard output that is none.

use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use rmrl_core::Purpose;
use rmrl_data::MetricsRow;
use rmrl_learn::TrialPlan;
use serde::Serialize;

use crate::analysis::proof_summary::ProofSummary;
use crate::cli::output::{is_for_people, print_line};
use crate::config::RunConfig;
use crate::run::metrics_files::Progress;

/// Shows the last reward, its moving average and the time left. The bar shows nothing if standard error is no terminal.
pub(super) struct TrialBar {
    bar: ProgressBar,
    trials: u32,
    /// The plan after the trials so far.
    plan: TrialPlan,
    /// Trials completed since this start.
    completed: u32,
}

/// A trial, as the command prints it.
#[derive(Serialize)]
struct TrialLine {
    event: &'static str,
    trial: u32,
    trials: u32,
    scene: u32,
    purpose: Purpose,
    reward: f64,
    reward_average: f64,
    placed: bool,
    e_trans_mm: Option<f64>,
    yaw_error_deg: Option<f64>,
    /// How far the proof of the run's claim is; absent without one.
    #[serde(skip_serializing_if = "Option::is_none")]
    proof: Option<ProofSummary>,
}

/// Trials that say how long one takes: the first also has what is done once.
const TO_ESTIMATE: u32 = 2;

impl TrialBar {
    pub(super) fn new(config: &RunConfig) -> Self {
        let bar = ProgressBar::with_draw_target(
            Some(u64::from(config.trials)),
            if std::io::stderr().is_terminal() {
                ProgressDrawTarget::stderr()
            } else {
                ProgressDrawTarget::hidden()
            },
        );
        let shown = Self { bar, trials: config.trials, plan: config.trial_plan(), completed: 0 };
        shown.style("{prefix} [{bar:30}] trial {pos}/{len}  {msg}");
        shown.bar.set_prefix(config.method.title());
        shown.bar.set_message("preparing");
        shown.bar.enable_steady_tick(Duration::from_millis(200));
        shown
    }

    /// Removes the bar from the terminal.
    pub(super) fn clear(&self) {
        self.bar.finish_and_clear();
    }

    fn style(&self, template: &str) {
        let style =
            ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
        self.bar.set_style(style.progress_chars("=> "));
    }

    fn show(&mut self, row: &MetricsRow) {
        self.plan.note(row.id(), row.e_trans_mm.map(|error_mm| error_mm / 1000.0));
        self.bar.set_position(u64::from(row.trial));
        let mut message = format!("reward {:.3}  average {:.3}", row.reward, row.reward_average);
        if let Some(proof) = ProofSummary::of(&self.plan) {
            message += &format!("  {}: {}", proof.claim, proof.progress);
        }
        self.bar.set_message(message);
    }

    fn print(&self, row: &MetricsRow) {
        let line = TrialLine {
            event: "trial",
            trial: row.trial,
            trials: self.trials,
            scene: row.scene,
            purpose: row.id().purpose,
            reward: row.reward,
            reward_average: row.reward_average,
            placed: row.placed,
            e_trans_mm: row.e_trans_mm,
            yaw_error_deg: row.yaw_error_deg,
            proof: ProofSummary::of(&self.plan),
        };
        if let Err(error) = print_line(&line) {
            tracing::warn!("{error:#}");
        }
    }
}

impl Progress for TrialBar {
    fn completed(&mut self, row: &MetricsRow) {
        self.show(row);
        self.completed += 1;
        if self.completed == TO_ESTIMATE {
            self.style("{prefix} [{bar:30}] trial {pos}/{len}  {msg}  {eta} left");
        }
        if !is_for_people() {
            self.print(row);
        }
    }

    fn read_again(&mut self, row: &MetricsRow) {
        self.show(row);
        // The speed of an earlier start says nothing about this one.
        self.bar.reset_eta();
    }
}
