//! Runs without an operator beside the cell: stopped by signals, limits and operators, watched and paused on a page.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test that fails at an unwrap has done its work")]

mod binary;

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};
use std::thread::sleep;
use std::time::Duration;

use binary::page::Page;
use binary::process::{send_signal, terminal, wait_until};
use binary::run_log::log_without_clock;
use serde_json::Value;

use binary::{failure, json, last_notification, notify_into, rmrl, small};

/// The number of attempts that a run has recorded.
fn attempts(run: &Path) -> usize {
    fs::read_to_string(run.join("trials.jsonl")).map_or(0, |text| text.lines().count())
}

/// A running command, whose standard error is read line by line.
struct Running {
    child: Child,
    errors: BufReader<ChildStderr>,
}

impl Running {
    fn start(command: &mut Command) -> Self {
        let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let errors = BufReader::new(child.stderr.take().unwrap());
        Self { child, errors }
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.errors.read_line(&mut line).unwrap();
        line
    }

    /// Its exit status, and the rest of its standard error and standard output.
    fn end(mut self) -> (ExitStatus, String, String) {
        drop(self.child.stdin.take());
        let (mut errors, mut output) = (String::new(), String::new());
        self.errors.read_to_string(&mut errors).unwrap();
        self.child.stdout.take().unwrap().read_to_string(&mut output).unwrap();
        (self.child.wait().unwrap(), errors, output)
    }
}

/// Resumes a stopped run, and checks that its records stay, and that it then equals a run that was never stopped, unless
/// an attempt was interrupted.
fn assert_resumes_correctly(dir: &Path, name: &str, whole: &[String]) {
    let run = dir.join(name);
    let stopped = log_without_clock(&run);
    let was_interrupted =
        stopped.last().is_some_and(|line| line.contains("\"cause\":\"interrupted\""));
    let recorded = fs::read(run.join("trials.jsonl")).unwrap();
    json(&mut rmrl(dir, &["train", "--resume", name]));
    assert!(fs::read(run.join("trials.jsonl")).unwrap().starts_with(&recorded), "{name}");
    let resumed = log_without_clock(&run);
    if was_interrupted {
        let completed = stopped.len() - 1;
        assert_eq!(resumed[..completed], whole[..completed], "{name}");
        assert_eq!(resumed.len(), whole.len() + 1, "{name}: the trial is repeated once");
    } else {
        assert_eq!(resumed, whole, "{name}");
    }
    assert!(run.join("policy.safetensors").exists());
}

#[test]
fn ctrl_c_sigterm_and_sighup_finish_the_log_and_the_run_can_be_resumed() {
    let dir = tempfile::tempdir().unwrap();
    json(&mut small(dir.path(), &["train", "--trials", "24", "--out", "whole"]));
    let whole = log_without_clock(&dir.path().join("whole"));
    for (number, signal) in ["-INT", "-TERM", "-HUP", "-TERM", "-INT"].into_iter().enumerate() {
        let name = format!("stopped-{number}");
        let run = dir.path().join(&name);
        let running =
            Running::start(&mut small(dir.path(), &["train", "--trials", "24", "--out", &name]));
        wait_until("some trials are recorded", || attempts(&run) > 2 * number);
        sleep(Duration::from_millis(7 * number as u64));
        send_signal(&running.child, signal);
        let (status, errors, output) = running.end();
        assert_eq!(status.code(), Some(130), "{errors}");
        let ended: Value = serde_json::from_str(output.lines().last().unwrap()).unwrap();
        assert_eq!((&ended["event"], &ended["run"]), (&"ended".into(), &name.as_str().into()));
        assert!(run.join("report.html").exists());
        assert!(errors.contains(&format!("rmrl train --resume {name}")), "{errors}");
        let who = match signal {
            "-INT" => "stopped by Ctrl-C",
            "-TERM" => "stopped by SIGTERM",
            _ => "stopped by SIGHUP",
        };
        assert!(errors.contains(who), "{errors}");
        assert!(errors.contains("the arm has confirmed that it stands"), "{errors}");
        assert_resumes_correctly(dir.path(), &name, &whole);
    }
}

#[test]
fn a_second_ctrl_c_ends_the_command_at_once() {
    let dir = tempfile::tempdir().unwrap();
    // The second Ctrl-C comes while the page is still served after the end.
    let train = ["train", "--trials", "500", "--out", "run", "--serve", "127.0.0.1:0"];
    let mut running = Running::start(&mut small(dir.path(), &train));
    wait_until("a trial is recorded", || attempts(&dir.path().join("run")) > 0);
    send_signal(&running.child, "-INT");
    while !running.line().contains("once more stops at once") {}
    send_signal(&running.child, "-INT");
    let (status, errors, _) = running.end();
    assert_eq!(status.code(), Some(130));
    assert!(errors.contains("stopped at once"), "{errors}");
    json(&mut small(dir.path(), &["train", "--trials", "3", "--out", "another"]));
}

#[test]
fn a_run_whose_time_is_up_leaves_a_policy_and_resumes_with_the_same_bytes() {
    let dir = tempfile::tempdir().unwrap();
    let train = ["train", "--trials", "40"];
    json(&mut small(dir.path(), &[&train[..], &["--out", "whole"]].concat()));
    let limited = [&train[..], &["--out", "run", "--max-hours", "0.0001"]].concat();
    let finished = json(&mut small(dir.path(), &limited));
    let run = dir.path().join("run");
    let made = finished["trials"].as_u64().unwrap();
    assert!(made < 40, "{finished}");
    assert!(finished["ended"].as_str().unwrap().contains("0.0001 h"), "{finished}");
    assert_eq!(attempts(&run) as u64, made);
    if made > 0 {
        json(&mut rmrl(dir.path(), &["eval", "run", "--trials", "2"]));
    }
    let resume = ["train", "--resume", "run", "--max-hours", "1"];
    let finished = json(&mut rmrl(dir.path(), &resume));
    assert_eq!(finished["ended"], "all trials are made");
    let whole = dir.path().join("whole");
    assert_eq!(log_without_clock(&run), log_without_clock(&whole));
    let policy = |run: &Path| fs::read(run.join("policy.safetensors")).unwrap();
    assert!(policy(&run) == policy(&whole));
}

#[test]
fn too_many_faults_end_a_run_with_a_notification() {
    let dir = tempfile::tempdir().unwrap();
    let notified = dir.path().join("notified");
    let command = notify_into(&notified);
    // The camera drifts from scene to scene.
    let train = ["train", "--trials", "60", "--max-faults", "2", "--out", "run", "--set"];
    let keys = [
        "schedule.trials_per_scene=1",
        "--set",
        "simulation.camera.drift_m_per_scene=0.01",
        "--set",
        &command,
    ];
    let message = failure(&mut small(dir.path(), &[&train[..], &keys].concat()), 1);
    assert!(message.contains("2 attempts have failed"), "{message}");
    assert!(message.contains("--resume run"), "{message}");
    let log = fs::read_to_string(dir.path().join("run/trials.jsonl")).unwrap();
    assert_eq!(log.matches("\"kind\":\"fault\"").count(), 2);
    assert!(dir.path().join("run/policy.safetensors").exists());
    let last = last_notification(&notified);
    assert_eq!(last["event"], "stopped_after_faults", "{last}");
    assert_eq!(last["run"], "run");
}

#[test]
fn a_proof_and_an_end_send_notifications() {
    let dir = tempfile::tempdir().unwrap();
    let notified = dir.path().join("notified");
    let command =
        format!("notify.command=[\"sh\", \"-c\", \"echo $RMRL_EVENT >> {}\"]", notified.display());
    let train =
        ["train", "--trials", "40", "--until", "15mm@60%", "--out", "run", "--set", &command];
    json(&mut small(dir.path(), &train));
    // The operator puts the plate into its target before the first trial.
    assert_eq!(fs::read_to_string(&notified).unwrap(), "needs_person\nproof_reached\nrun_ended\n");
}

/// The page of a run, from the command's standard error.
fn page_of(running: &mut Running) -> Page {
    loop {
        let line = running.line();
        assert!(!line.is_empty(), "it ended without a page");
        // Warnings may come first.
        if let Some(page) = Page::from_line(&line) {
            return page;
        }
    }
}

/// The bytes of all files below a folder.
fn contents(dir: &Path) -> Vec<u8> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        found.extend(if path.is_dir() { contents(&path) } else { fs::read(&path).unwrap() });
    }
    found
}

#[test]
fn a_run_that_is_watched_and_paused_on_its_page_ends_with_the_same_bytes() {
    let dir = tempfile::tempdir().unwrap();
    let train = ["train", "--trials", "14", "--until", "0.01mm@30%", "--out"];
    json(&mut small(dir.path(), &[&train[..], &["alone"]].concat()));
    let train = [&train[..], &["watched"]].concat();
    let mut running =
        Running::start(&mut small(dir.path(), &[&train[..], &["--serve", "127.0.0.1:0"]].concat()));
    let page = page_of(&mut running);
    page.request(r#"{"request":"pause_after_trial"}"#);
    wait_until("the run is paused", || page.phase() == "paused");
    let completed = page.completed();
    assert!(completed < 14, "{completed}");
    sleep(Duration::from_millis(300));
    assert_eq!((page.completed(), page.phase()), (completed, "paused".to_string()));
    page.request(r#"{"request":"resume"}"#);
    wait_until("the run has ended", || page.phase() == "ended");
    let status = page.status();
    assert_eq!(status["completed"].as_array().unwrap().len(), 14, "{status}");
    assert_eq!(status["trials"], 14);
    assert_eq!(status["proof"]["claim"], "0.01mm@30%");
    assert!(status["completed"][3]["duration_s"].as_f64().unwrap() > 0.0, "{status}");
    assert!(status["completed"][3]["e_trans_mm"].as_f64().unwrap() > 0.0, "{status}");
    let image = page.get("/image");
    assert!(image.windows(8).any(|bytes| bytes == b"\x89PNG\r\n\x1a\n"));
    assert!(page.status_json()["image"]["caption"].as_str().unwrap().contains("plate"));
    let (token, (exit, errors, _)) = (page.token, running.end());
    assert!(exit.success(), "{errors}");

    let (alone, watched) = (dir.path().join("alone"), dir.path().join("watched"));
    assert_eq!(log_without_clock(&watched), log_without_clock(&alone));
    let policy = |run: &Path| fs::read(run.join("policy.safetensors")).unwrap();
    assert!(policy(&alone) == policy(&watched));
    let bytes = contents(&watched);
    assert!(
        !bytes.windows(token.len()).any(|part| part == token.as_bytes()),
        "the token is in the run's files"
    );
}

#[test]
fn the_button_on_the_page_stops_the_arm() {
    let dir = tempfile::tempdir().unwrap();
    json(&mut small(dir.path(), &["train", "--trials", "24", "--out", "whole"]));
    let token = "a-token-for-tests-0123456789";
    fs::write(dir.path().join("token"), format!("{token}\n")).unwrap();
    fs::set_permissions(dir.path().join("token"), fs::Permissions::from_mode(0o600)).unwrap();
    let train = ["train", "--trials", "24", "--out", "run", "--serve", "127.0.0.1:0"];
    let with_token = [&train[..], &["--token-file", "token"]].concat();
    let mut running = Running::start(&mut small(dir.path(), &with_token));
    let page = page_of(&mut running);
    assert_eq!(page.token, token);
    wait_until("some trials are made", || page.completed() > 2);
    page.request(r#"{"request":"stop_now"}"#);
    wait_until("the run has ended", || page.phase() == "ended");
    assert_eq!(page.status_json()["stop"]["is_confirmed"], true, "{}", page.status_json());
    let message = page.status()["phase"]["message"].as_str().unwrap().to_string();
    assert!(message.contains("stopped by the operator page"), "{message}");
    let (exit, errors, _) = running.end();
    assert_eq!(exit.code(), Some(130), "{errors}");
    // A resumed run serves the page of its configuration again.
    assert_resumes_correctly(dir.path(), "run", &log_without_clock(&dir.path().join("whole")));
}

#[test]
fn each_attempt_waits_for_its_own_confirmation() {
    let dir = tempfile::tempdir().unwrap();
    let train = ["train", "--trials", "2", "--confirm-trials", "--out", "run"];
    let mut running = Running::start(&mut small(dir.path(), &train));
    // Once for the target, then for every trial.
    for expected in ["target recorded", "for trial 1", "for trial 2"] {
        let question = running.line();
        assert!(question.contains("about to move") && question.contains(expected), "{question}");
        running.child.stdin.as_mut().unwrap().write_all(b"\n").unwrap();
    }
    let (exit, errors, output) = running.end();
    assert!(exit.success(), "{errors}");
    assert!(output.contains("\"trials\":2"), "{output}");

    for (name, answer, why) in [
        ("declined", Some("n\n"), "the operator declined; the arm was not moved"),
        ("nobody", None, "standard input has ended"),
    ] {
        let train = ["train", "--trials", "2", "--confirm-trials", "--out", name];
        let mut running = Running::start(&mut small(dir.path(), &train));
        running.line();
        if let Some(answer) = answer {
            running.child.stdin.as_mut().unwrap().write_all(answer.as_bytes()).unwrap();
        }
        let (exit, errors, _) = running.end();
        assert_eq!(exit.code(), Some(1), "{errors}");
        assert!(errors.contains(why), "{errors}");
        assert_eq!(attempts(&dir.path().join(name)), 0);
    }

    let slow = ["--set", "unattended.confirm_minutes=0.001"];
    let train = ["train", "--trials", "2", "--confirm-trials", "--out", "slow"];
    let mut running = Running::start(&mut small(dir.path(), &[&train[..], &slow].concat()));
    let input = running.child.stdin.take();
    let (_, errors, _) = running.end();
    drop(input);
    assert!(errors.contains("nobody confirmed within 0.001 minutes"), "{errors}");
}

/// The page once had a button to confirm, and none to decline.
#[test]
fn a_no_on_the_page_ends_the_run() {
    let dir = tempfile::tempdir().unwrap();
    let train = ["train", "--trials", "1", "--confirm-trials", "--serve", "127.0.0.1:0"];
    let mut running =
        Running::start(&mut small(dir.path(), &[&train[..], &["--out", "run"]].concat()));
    let page = page_of(&mut running);
    wait_until("a question is asked", || page.status_json()["question"].is_u64());
    let question = page.status_json()["question"].as_u64().unwrap();
    page.request(&format!(r#"{{"request":"decline","question":{question}}}"#));
    let (exit, errors, _) = running.end();
    assert_eq!(exit.code(), Some(1), "{errors}");
    assert!(errors.contains("the operator declined"), "{errors}");
    assert_eq!(attempts(&dir.path().join("run")), 0);
}

/// A run whose ssh session was lost was once killed in the middle of a motion, or continued without an operator. Writing
/// to the lost terminal would have ended it with a panic.
#[test]
fn a_lost_session_ends_a_run_unless_it_was_started_by_nohup() {
    let dir = tempfile::tempdir().unwrap();
    let train = ["train", "--trials", "60", "--confirm-trials"];
    let command = small(dir.path(), &[&train[..], &["--out", "lost"]].concat());
    let (near, far) = terminal();
    let [input, output, errors] = [(); 3].map(|()| Stdio::from(far.try_clone().unwrap()));
    drop(far);
    // The terminal becomes the controlling one of the run, which gets SIGHUP when the terminal is lost.
    let mut started = Command::new("setsid");
    started.arg("--ctty").arg(command.get_program()).args(command.get_args());
    started.current_dir(dir.path()).stdin(input).stdout(output).stderr(errors);
    let mut child = started.spawn().unwrap();
    // A copy of the far end in this process would keep the terminal alive.
    drop(started);
    let (mut near, mut output, mut bytes) = (near, Vec::new(), [0; 1024]);
    while !String::from_utf8_lossy(&output).contains("about to move") {
        let count = near.read(&mut bytes).unwrap();
        output.extend_from_slice(&bytes[..count]);
    }
    drop(near);
    let status = child.wait().unwrap();
    assert_eq!(status.code(), Some(130), "{status:?}");
    assert_eq!(attempts(&dir.path().join("lost")), 0);

    let command = small(dir.path(), &["train", "--trials", "40", "--out", "kept"]);
    let mut started = Command::new("nohup");
    started.arg(command.get_program()).args(command.get_args()).current_dir(dir.path());
    let mut child = started.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let run = dir.path().join("kept");
    wait_until("a trial is recorded", || attempts(&run) > 0);
    send_signal(&child, "-HUP");
    let status = child.wait().unwrap();
    assert!(status.success(), "{status:?}");
    assert_eq!(attempts(&run), 40);
}

#[test]
fn a_confirmation_on_the_page_counts_for_its_question() {
    let dir = tempfile::tempdir().unwrap();
    let train = ["train", "--trials", "1", "--confirm-trials", "--serve", "127.0.0.1:0"];
    let mut running =
        Running::start(&mut small(dir.path(), &[&train[..], &["--out", "run"]].concat()));
    let page = page_of(&mut running);
    let mut answered = 0;
    for _ in 0..2 {
        wait_until("the next question is asked", || {
            page.status_json()["question"].as_u64().is_some_and(|question| question > answered)
        });
        answered = page.status_json()["question"].as_u64().unwrap();
        page.request(&format!(r#"{{"request":"confirm_trial","question":{answered}}}"#));
    }
    wait_until("the run has ended", || page.phase() == "ended");
    let (exit, errors, _) = running.end();
    assert!(exit.success(), "{errors}");
}

#[test]
fn an_invalid_token_file_is_rejected_before_anything_moves() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("short"), "guess me").unwrap();
    fs::set_permissions(dir.path().join("short"), fs::Permissions::from_mode(0o600)).unwrap();
    for (arguments, names) in
        [(["--token-file", "none"], "none"), (["--token-file", "short"], "short")]
    {
        let train = ["train", "--trials", "2", "--serve", "127.0.0.1:0", "--out", arguments[1]];
        let message = failure(&mut small(dir.path(), &[&train[..], &arguments].concat()), 2);
        assert!(message.contains(names) && !message.contains("guess me"), "{message}");
    }
}

/// A stopped run had no report, and closed its page although it was to stay.
#[test]
fn a_stopped_run_leaves_its_report_and_its_page_stays_where_that_was_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let train = ["train", "--trials", "500", "--out", "run", "--serve", "0", "--stay-open"];
    let mut running = Running::start(&mut small(dir.path(), &train));
    let page = page_of(&mut running);
    wait_until("two trials are completed", || page.completed() > 1);
    page.request(r#"{"request":"stop_now"}"#);
    while !running.line().contains("its page stays at") {}
    // Longer than a page stays that was not asked to.
    sleep(Duration::from_secs(4));
    assert_eq!(page.phase(), "ended");
    assert!(dir.path().join("run/report.html").exists());
    send_signal(&running.child, "-INT");
    let (status, errors, output) = running.end();
    assert_eq!(status.code(), Some(130), "{errors}");
    let ended: Value = serde_json::from_str(output.lines().last().unwrap()).unwrap();
    assert_eq!(ended["event"], "ended");
    assert!(ended["next"].as_str().unwrap().contains("--resume run"), "{ended}");
}
