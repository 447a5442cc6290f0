//! The progress bar of a run.

use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use rmrl_data::MetricsRow;

use crate::config::RunConfig;
use crate::run::metrics_files::Progress;

/// Shows the last reward, its moving average and the time left. Shows nothing if standard error is no terminal.
pub(super) struct TrialBar {
    bar: ProgressBar,
}

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
        let template = "{prefix} [{bar:30}] trial {pos}/{len}  {msg}  {eta} left";
        let style =
            ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
        bar.set_style(style.progress_chars("=> "));
        bar.set_prefix(config.method.title());
        bar.enable_steady_tick(Duration::from_millis(200));
        Self { bar }
    }

    /// Removes the bar from the terminal.
    pub(super) fn clear(&self) {
        self.bar.finish_and_clear();
    }
}

impl Progress for TrialBar {
    fn completed(&mut self, row: &MetricsRow) {
        self.bar.set_position(u64::from(row.trial));
        self.bar
            .set_message(format!("reward {:.3}  average {:.3}", row.reward, row.reward_average));
    }
}
