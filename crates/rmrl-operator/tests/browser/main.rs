//! The page in a browser, by mouse and keyboard, on a desktop and on a phone.

#![allow(clippy::unwrap_used, reason = "a test that fails at an unwrap has done its work")]

mod chromium;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rmrl_operator::{
    CompletedTrial, FaultedAttempt, Noticed, OperatorPage, PageConfig, PageImage, PageImageFormat,
    Phase, ProofProgress, Request, RunStatus, StopStatus,
};

use chromium::{Chromium, DESKTOP, Look, PHONE};

const PATIENCE: Duration = Duration::from_secs(30);

/// Longer than the page wants a confirmation to be held.
const HELD: Duration = Duration::from_millis(1500);

fn config() -> PageConfig {
    PageConfig { address: ([127, 0, 0, 1], 0).into(), ..PageConfig::default() }
}

fn image() -> PageImage {
    let bytes = include_bytes!("../../../../docs/images/snapshot.png");
    let caption = "Trial 42: where the plate was found".to_string();
    PageImage { bytes: bytes.as_slice().into(), format: PageImageFormat::Png, caption }
}

/// A run after 41 trials, one of them without a plate, one with a fault.
fn status() -> RunStatus {
    let completed = |trial: u32| {
        let is_placed = trial != 9;
        let spread = 0.5 + f64::from(trial * 7919 % 100) / 100.0;
        let error_mm = (0.4 + 6.0 * (-f64::from(trial) / 12.0).exp()) * spread;
        let reward = 1.0 - 0.011 * error_mm;
        CompletedTrial {
            trial,
            is_test: false,
            reward: if is_placed { reward } else { 0.0 },
            reward_average: 0.99 - 0.06 * (-f64::from(trial) / 15.0).exp(),
            e_trans_mm: is_placed.then_some(error_mm),
            yaw_error_deg: is_placed.then_some(0.3 * error_mm),
            seated: is_placed.then_some(error_mm < 3.0),
            not_placed: (!is_placed).then(|| "not grasped: the jaws closed on nothing".to_string()),
            duration_s: 120.0 + 30.0 * spread,
        }
    };
    let reason = "localization failed: no plate in the image".to_string();
    RunStatus {
        run: "table-hindsight-seed3".to_string(),
        method: "Hindsight".to_string(),
        task: "table".to_string(),
        phase: Phase::Placing,
        trial: 42,
        attempt: 1,
        is_test: false,
        trials: 150,
        reward_threshold: Some(0.97),
        completed: (1..42).map(completed).collect(),
        faults: vec![FaultedAttempt { trial: 38, attempt: 1, reason }],
        noticed: vec![Noticed { trial: 40, what: "the camera has been moved by 5 mm".to_string() }],
        proof: Some(ProofProgress {
            claim: "1.0mm@95%".to_string(),
            share: 0.34,
            proven_at: None,
            progress: "22 tests of the frozen policy without a miss; 48 more would prove it"
                .to_string(),
        }),
        confirm: None,
    }
}

#[test]
fn a_run_is_watched_paused_resumed_and_stopped() {
    let Some(mut browser) = Chromium::start() else { return };
    let stops = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&stops);
    // The link to the arm is dead at first.
    let stop = Arc::new(Mutex::new(None));
    let (pressed, read) = (Arc::clone(&stop), Arc::clone(&stop));
    let on_stop = move || {
        counter.fetch_add(1, Ordering::SeqCst);
        let message = "NOT CONFIRMED: press the red button (the arm: no link)".to_string();
        let status = StopStatus { is_confirmed: false, message };
        pressed.lock().unwrap().insert(status).clone()
    };
    let page = OperatorPage::serve(PageConfig {
        on_stop: Some(Box::new(on_stop)),
        read_stop: Some(Box::new(move || read.lock().unwrap().clone())),
        ..config()
    })
    .unwrap();
    let requests = page.requests();
    page.publish(RunStatus { run: "<img src=x onerror=alert(1)>".to_string(), ..status() });
    page.show(image());

    browser.open(page.url(), DESKTOP);
    browser.wait_for("document.getElementById('word').innerText === 'Placing'");
    assert_eq!(
        browser.value("location.href.includes('token')"),
        false,
        "the token stays in the address"
    );
    assert_eq!(browser.text("#run"), "<img src=x onerror=alert(1)>");
    assert_eq!(browser.text("#trial"), "trial 42 of 150");
    assert_eq!(browser.value("document.querySelectorAll('#trials tr').length"), 43);
    assert!(browser.text("#trials").contains("attempt 1, fault: localization failed"));
    let noticed = "document.querySelectorAll('#trials tr')[1].innerText.trim()";
    assert_eq!(browser.value(noticed), "40\tthe camera has been moved by 5 mm");
    assert_eq!(browser.value("document.querySelectorAll('#rewards circle').length"), 40);
    assert_eq!(browser.value("document.querySelectorAll('#rewards .miss').length"), 1);
    browser.wait_for("document.getElementById('image').naturalWidth === 640");
    let time_left_s = status().time_left_s().unwrap();
    let (hours, minutes) = ((time_left_s / 3600.0).floor(), (time_left_s / 60.0).round() % 60.0);
    let figures = browser.text("#figures");
    assert!(figures.contains(&format!("{hours} h {minutes} min")), "{figures}");
    assert!(figures.contains("34 %"), "{figures}");

    browser.click("#pause");
    assert_eq!(requests.wait(PATIENCE), Some(Request::PauseAfterTrial));
    page.update(|status| status.phase = Phase::Paused);
    browser.wait_for("document.getElementById('word').innerText === 'Paused'");
    browser.wait_for("document.getElementById('pause').disabled");
    browser.click("#resume");
    assert_eq!(requests.wait(PATIENCE), Some(Request::Resume));
    page.update(|status| status.phase = Phase::Picking);
    browser.wait_for("document.getElementById('word').innerText === 'Picking'");

    // Without a mouse.
    browser.value("document.getElementById('pause').focus()");
    browser.key("Tab", Duration::ZERO);
    assert_eq!(browser.value("document.activeElement.id"), "stop", "resume is of no use now");
    browser.key("Enter", Duration::ZERO);
    assert_eq!(requests.wait(PATIENCE), Some(Request::StopNow));
    browser.wait_for("!document.getElementById('answer').innerText.includes('Sending')");
    assert_eq!(stops.load(Ordering::SeqCst), 1);
    browser.wait_for("document.getElementById('stopped').innerText.startsWith('NOT CONFIRMED')");
    assert_eq!(browser.value("document.getElementById('stopped').dataset.confirmed"), "no");
    page.update(|status| {
        status.phase = Phase::Ended { message: "Stopped by an operator.".to_string() }
    });
    browser.wait_for("document.getElementById('message').innerText === 'Stopped by an operator.'");
    // The button stays enabled until the arm has confirmed that it stands.
    assert_eq!(browser.value("document.getElementById('stop').disabled"), false);
    let message = "the arm has confirmed that it stands".to_string();
    *stop.lock().unwrap() = Some(StopStatus { is_confirmed: true, message });
    browser.wait_for("document.getElementById('stopped').innerText.includes('that it stands')");
    assert_eq!(browser.value("document.getElementById('stopped').dataset.confirmed"), "yes");
    browser.wait_for("document.getElementById('stop').disabled");
    assert!(browser.text("#next").contains("report.html"), "{}", browser.text("#next"));
    // The browser itself complains only about the response to the unconfirmed stop.
    let [complaint] = &browser.complaints[..] else { panic!("{:?}", browser.complaints) };
    assert!(complaint.contains("502"), "{complaint}");
}

/// "The run has not received it yet" stood beside "Ended", because an ended run reads no requests any more.
#[test]
fn an_ended_run_is_not_said_to_have_a_request_to_receive() {
    let Some(mut browser) = Chromium::start() else { return };
    let confirmed = StopStatus { is_confirmed: true, message: "the arm stands".to_string() };
    let stop = Arc::new(Mutex::new(None));
    let (pressed, read) = (Arc::clone(&stop), Arc::clone(&stop));
    let page = OperatorPage::serve(PageConfig {
        on_stop: Some(Box::new(move || pressed.lock().unwrap().insert(confirmed.clone()).clone())),
        read_stop: Some(Box::new(move || read.lock().unwrap().clone())),
        ..config()
    })
    .unwrap();
    let (completed, faults, noticed) = (Vec::new(), Vec::new(), Vec::new());
    page.publish(RunStatus { completed, faults, noticed, ..status() });
    browser.open(page.url(), Look { width: 1280, ..DESKTOP });
    browser.wait_for("document.getElementById('word').innerText === 'Placing'");
    assert_eq!(browser.text("#next"), "Nothing to do: the run continues by itself.");
    assert_eq!(browser.value("document.getElementById('trials-section').hidden"), true);
    browser.click("#pause");
    browser.wait_for("document.getElementById('answer').innerText.includes('not received it yet')");
    browser.click("#stop");
    browser.wait_for("!document.getElementById('stopped').hidden");
    let answer = "document.getElementById('answer').innerText";
    browser.wait_for(&format!("!{answer}.includes('Stop requested')"));
    page.update(|status| status.phase = Phase::Ended { message: "Stopped.".to_string() });
    browser.wait_for("document.getElementById('word').innerText === 'Ended'");
    assert_eq!(browser.text("#answer"), "");
    assert_eq!(browser.text("#next"), "No trial was made: start the run again.");
    // Nothing is cut off in a window of this width.
    page.publish(RunStatus { run: "a".repeat(300), ..status() });
    browser.wait_for("document.getElementById('word').innerText === 'Placing'");
    let overflow = "document.documentElement.scrollWidth - document.documentElement.clientWidth";
    assert_eq!(browser.value(overflow), 0);
}

#[test]
fn a_trial_is_confirmed_by_holding_the_button_while_a_question_is_open() {
    let Some(mut browser) = Chromium::start() else { return };
    let page = OperatorPage::serve(config()).unwrap();
    let requests = page.requests();
    page.publish(status());
    browser.open(page.url(), PHONE);
    browser.wait_for("document.getElementById('word').innerText === 'Placing'");
    let is_hidden = "document.getElementById('confirm').hidden";
    assert_eq!(browser.value(is_hidden), true);
    let question = "Is everybody out of the arm's reach?";
    for by_keyboard in [false, true] {
        page.update(|status| status.confirm = Some(question.to_string()));
        browser.wait_for("!document.getElementById('confirm').hidden");
        assert_eq!(browser.text("#word"), "Waits for you");
        assert_eq!(browser.text("#question"), question);
        let mut hold = |duration| match by_keyboard {
            false => browser.press("#hold", duration),
            true => {
                browser.wait_for("!document.getElementById('hold').disabled");
                browser.value("document.getElementById('hold').focus()");
                browser.key(" ", duration);
            }
        };
        hold(Duration::from_millis(50));
        assert_eq!(requests.wait(HELD), None, "a touch is no confirmation");
        hold(HELD);
        assert_eq!(requests.wait(PATIENCE), Some(Request::ConfirmTrial));
        page.update(|status| status.confirm = None);
        browser.wait_for(is_hidden);
    }
    page.update(|status| status.confirm = Some(question.to_string()));
    browser.wait_for("!document.getElementById('confirm').hidden");
    browser.click("#decline");
    assert_eq!(requests.wait(PATIENCE), Some(Request::Decline));
    assert_eq!(browser.complaints, Vec::<String>::new());
}

#[test]
fn a_reader_without_the_token_acts_after_entering_it() {
    let Some(mut browser) = Chromium::start() else { return };
    let everywhere = PageConfig { address: ([0, 0, 0, 0], 0).into(), ..config() };
    for (config, word) in [(config(), "Placing"), (everywhere, "Locked")] {
        let page = OperatorPage::serve(config).unwrap();
        page.publish(status());
        let (address, token) = page.url().split_once("#token=").unwrap();
        browser.open(address, DESKTOP);
        browser.wait_for(&format!("document.getElementById('word').innerText === '{word}'"));
        browser.wait_for("!document.getElementById('unlock').hidden");
        if word == "Placing" {
            assert_eq!(browser.value("document.getElementById('stop').disabled"), true);
        }
        for (given, is_right) in [("not-the-token-of-this-run", false), (token, true)] {
            browser.value("document.getElementById('token').focus()");
            browser.write(given);
            browser.key("Enter", Duration::ZERO);
            if word == "Placing" {
                browser.click("#pause");
            }
            match is_right {
                false => browser.wait_for("!document.getElementById('unlock').hidden"),
                true => browser.wait_for("document.getElementById('word').innerText === 'Placing'"),
            }
            let expected = (is_right && word == "Placing").then_some(Request::PauseAfterTrial);
            assert_eq!(
                page.requests().wait(if expected.is_some() { PATIENCE } else { Duration::ZERO }),
                expected
            );
        }
    }
}

#[test]
fn a_lost_connection_is_shown() {
    let Some(mut browser) = Chromium::start() else { return };
    let page = OperatorPage::serve(config()).unwrap();
    page.publish(status());
    browser.open(page.url(), DESKTOP);
    browser.wait_for("document.getElementById('word').innerText === 'Placing'");
    let address = page.address();
    drop(page);
    browser.wait_for("!document.getElementById('lost').hidden");
    assert!(browser.text("#lost").contains("The arm may still be moving"));
    assert_eq!(browser.text("#word"), "No connection");
    assert_eq!(browser.value("document.getElementById('pause').disabled"), true);
    // The operator may still try to stop.
    browser.click("#stop");
    browser.wait_for("document.getElementById('answer').innerText.includes('Unknown whether')");
    // The page recovers when the run serves again.
    let page = OperatorPage::serve(PageConfig { address, ..config() }).unwrap();
    page.publish(RunStatus { phase: Phase::Learning, ..status() });
    browser.wait_for("document.getElementById('word').innerText === 'Learning'");
    browser.wait_for("!document.getElementById('pause').disabled");
    assert_eq!(browser.value("document.getElementById('lost').hidden"), true);
}

#[test]
fn everything_fits_a_phone() {
    let Some(mut browser) = Chromium::start() else { return };
    let page = OperatorPage::serve(config()).unwrap();
    page.publish(RunStatus { confirm: Some("Is everybody out of reach?".to_string()), ..status() });
    page.show(image());
    browser.open(page.url(), PHONE);
    browser.wait_for("!document.getElementById('image').hidden");
    assert_eq!(browser.value("document.documentElement.scrollWidth"), 375);
    let small = "[...document.querySelectorAll('button')].filter((button) => button.offsetParent && \
                 button.getBoundingClientRect().height < 44).map((button) => button.id)";
    assert_eq!(browser.value(small), serde_json::json!([]));
    for button in ["pause", "resume", "stop"] {
        let is_in_view = format!(
            "(() => {{ const box = document.getElementById('{button}').getBoundingClientRect(); \
             return box.left >= 0 && box.right <= 375 && box.top >= 0 && box.bottom <= 720; }})()"
        );
        assert_eq!(browser.value(&is_in_view), true, "{button}");
    }
}

#[test]
#[ignore = "makes screenshots for people, in target/tmp"]
fn screenshots_of_the_page() {
    let Some(mut browser) = Chromium::start() else { return };
    let page = OperatorPage::serve(config()).unwrap();
    page.show(image());
    let fault = "The plate is lost: put it back onto its start, then resume.".to_string();
    let confirm =
        "Trial 42 moves the arm over the table. Is everybody out of its reach?".to_string();
    let tall = Look { height: 2100, ..PHONE };
    let dark = Look { dark: true, ..DESKTOP };
    let cases = [
        ("desktop", DESKTOP, status()),
        ("dark", dark, status()),
        ("phone", PHONE, status()),
        ("phone-tall", tall, status()),
        ("whole", Look { height: 1340, ..DESKTOP }, status()),
        (
            "phone-dark",
            Look { dark: true, ..PHONE },
            RunStatus { confirm: Some(confirm.clone()), ..status() },
        ),
        ("paused", DESKTOP, RunStatus { phase: Phase::Paused, ..status() }),
        (
            "fault",
            DESKTOP,
            RunStatus { phase: Phase::NeedsOperator { message: fault.clone() }, ..status() },
        ),
        (
            "fault-dark",
            dark,
            RunStatus { phase: Phase::NeedsOperator { message: fault }, ..status() },
        ),
        ("confirm", DESKTOP, RunStatus { confirm: Some(confirm), ..status() }),
        (
            "first",
            DESKTOP,
            RunStatus {
                phase: Phase::Preparing,
                trial: 1,
                completed: Vec::new(),
                faults: Vec::new(),
                ..status()
            },
        ),
        (
            "ended",
            DESKTOP,
            RunStatus {
                phase: Phase::Ended { message: "Proven at trial 41.".to_string() },
                ..status()
            },
        ),
    ];
    for (name, look, status) in cases {
        page.publish(status);
        browser.open(page.url(), look);
        browser.wait_for("document.getElementById('image').naturalWidth === 640");
        // Time to draw the curves.
        std::thread::sleep(Duration::from_millis(300));
        let path = format!("{}/operator-page-{name}.png", env!("CARGO_TARGET_TMPDIR"));
        std::fs::write(&path, browser.screenshot(false)).unwrap();
        println!("{path}");
    }
    page.publish(status());
    browser.open(page.url(), PHONE);
    browser.wait_for("document.getElementById('image').naturalWidth === 640");
    drop(page);
    browser.wait_for("!document.getElementById('lost').hidden");
    let path = format!("{}/operator-page-lost.png", env!("CARGO_TARGET_TMPDIR"));
    std::fs::write(&path, browser.screenshot(false)).unwrap();
}
