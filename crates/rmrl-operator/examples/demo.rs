//! A made-up run, for looking at the page: `cargo run -p rmrl-operator --example demo [ADDRESS]`.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use rmrl_operator::{
    CompletedTrial, FaultedAttempt, OperatorPage, PageConfig, PageImage, PageImageFormat, Phase,
    ProofProgress, Request, RunStatus, StopStatus,
};

const IMAGE: &[u8] = include_bytes!("../../../docs/images/snapshot.png");

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // The arm confirms a stop only after ten seconds, so that the page shows the difference.
    let stopped = Arc::new(OnceLock::<Instant>::new());
    let read = |at: &Instant| {
        let is_confirmed = at.elapsed() > Duration::from_secs(10);
        let message = match is_confirmed {
            true => "the arm has confirmed that it stands",
            false => "NOT CONFIRMED: press the red button (the arm: the link is lost)",
        };
        StopStatus { is_confirmed, message: message.to_string() }
    };
    let press = Arc::clone(&stopped);
    let mut config = PageConfig {
        on_stop: Some(Box::new(move || read(press.get_or_init(Instant::now)))),
        read_stop: Some(Box::new(move || stopped.get().map(read))),
        ..PageConfig::default()
    };
    if let Some(address) = std::env::args().nth(1) {
        config.address = address.parse()?;
    }
    let page = OperatorPage::serve(config)?;
    println!("watch the run at {}", page.url());
    let requests = page.requests();
    page.publish(RunStatus {
        run: "table-hindsight-seed3".to_string(),
        method: "Hindsight".to_string(),
        task: "table".to_string(),
        trials: 150,
        reward_threshold: Some(0.97),
        ..RunStatus::default()
    });
    for trial in 1..=150 {
        page.update(|status| {
            status.trial = trial;
            status.attempt = 1;
            // On a real cell, the operator confirms the first motions.
            status.confirm = (trial <= 2).then(|| {
                format!(
                    "Trial {trial} moves the arm over the table. Is everybody out of its reach?"
                )
            });
        });
        while trial <= 2 && requests.take() != Some(Request::ConfirmTrial) {
            std::thread::sleep(Duration::from_millis(100));
        }
        page.update(|status| status.confirm = None);
        page.show(PageImage {
            bytes: IMAGE.into(),
            format: PageImageFormat::Png,
            caption: format!("Trial {trial}: where the plate was found"),
        });
        for phase in
            [Phase::Preparing, Phase::Looking, Phase::Picking, Phase::Placing, Phase::Learning]
        {
            page.update(|status| status.phase = phase);
            std::thread::sleep(Duration::from_millis(600));
        }
        page.update(|status| complete(status, trial));
        if listen(&page) {
            return Ok(());
        }
    }
    page.update(|status| {
        status.phase = Phase::Ended { message: "All trials are done.".to_string() }
    });
    std::thread::sleep(Duration::from_secs(60));
    Ok(())
}

/// A made-up trial: errors shrink, every 13th plate is not grasped, every 17th trial needs a second attempt.
fn complete(status: &mut RunStatus, trial: u32) {
    let spread = 0.5 + f64::from(trial * 7919 % 100) / 100.0;
    let error_mm = (0.3 + 6.0 * (-f64::from(trial) / 20.0).exp()) * spread;
    let is_placed = !trial.is_multiple_of(13);
    let reward = if is_placed { 1.0 - 0.011 * error_mm } else { 0.0 };
    let last = status.completed.last().map_or(reward, |last| last.reward_average);
    if trial.is_multiple_of(17) {
        let reason = "localization failed: no plate in the image".to_string();
        status.faults.push(FaultedAttempt { trial, attempt: 1, reason });
    }
    status.completed.push(CompletedTrial {
        trial,
        is_test: false,
        reward,
        reward_average: 0.9 * last + 0.1 * reward,
        e_trans_mm: is_placed.then_some(error_mm),
        yaw_error_deg: is_placed.then_some(0.4 * error_mm),
        seated: is_placed.then_some(error_mm < 3.0),
        not_placed: (!is_placed).then(|| "not grasped: the jaws closed on nothing".to_string()),
        duration_s: 3.0,
    });
    let share = f64::from(trial) / 120.0;
    let proven_at = (trial >= 120).then_some(120);
    let progress =
        format!("{} more tests without a miss would prove it", 120_u32.saturating_sub(trial));
    let claim = "1.0mm@95%".to_string();
    status.proof = Some(ProofProgress { claim, share, proven_at, progress });
}

/// Carries out the operator's requests between trials; returns whether to stop.
fn listen(page: &OperatorPage) -> bool {
    let requests = page.requests();
    let mut is_paused = false;
    loop {
        match requests.wait(Duration::from_millis(if is_paused { 500 } else { 1 })) {
            Some(Request::StopNow) => return true,
            Some(Request::PauseAfterTrial) => {
                is_paused = true;
                page.update(|status| status.phase = Phase::Paused);
            }
            Some(Request::Resume) => is_paused = false,
            Some(Request::ConfirmTrial | Request::Decline) => {}
            None if is_paused => {}
            None => return false,
        }
    }
}
