//! Which motions wait for an operator's permission, what a refusal prevents, and who is notified: of a start, of an
//! attempt, of a stop that does not get through. On an emulated arm in the simulated cell.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test that fails at an unwrap has done its work")]

mod binary;
mod emulated;

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::sleep;
use std::time::Duration;

use binary::page::Page;
use binary::process::{send_signal, terminal, wait_for_text, wait_until};
use binary::{failure, json, last_notification, notify_into, rmrl, stderr};
use emulated::network::{Cable, forward};
use emulated::{EmulatedCell, move_arm};
use rmrl::RunConfig;
use rmrl_cell::{DeviceError, TaskKind, ToolPose};
use rmrl_core::PlanarPose;
use rmrl_xarm::emulator::{MotionFault, Pace};
use rmrl_xarm::{ArmState, Inspector, XArmConfig};

/// A cell whose operator gives this answer to every first motion, as fast as possible.
fn cell_answering(answer: Result<(), DeviceError>) -> EmulatedCell {
    EmulatedCell::start_answering(answer, Pace::AsFastAsPossible)
}

/// `rmrl cell home` in a cell.
fn home(cell: &EmulatedCell, arguments: &[&str]) -> Command {
    cell.with_keys(rmrl(cell.dir.path(), &[&["cell", "home"], arguments].concat()))
}

/// Checks that no program has set up the arm: it has no power, and the error that it had.
fn assert_untouched(cell: &EmulatedCell, error: u8) {
    assert_eq!(cell.recording().gripper_motions, 0);
    let mut arm = Inspector::connect(cell.xarm()).unwrap();
    assert_eq!(arm.state().unwrap(), (ArmState::Stopped, 0));
    assert_eq!(arm.errors().unwrap().0, error);
}

/// A program on another computer moves the arm. Returns the result of the motion.
fn move_from_elsewhere(
    cell: &EmulatedCell,
    [x_m, y_m, z_m]: [f64; 3],
) -> Result<ToolPose, DeviceError> {
    let xarm = XArmConfig {
        control_port: forward(cell.control_address()).port(),
        report_port: Some(forward(cell.report_address()).port()),
        ..cell.xarm()
    };
    move_arm(xarm, ToolPose::new(PlanarPose::new(x_m, y_m, 0.0), z_m))
}

const TRAIN: [&str; 9] =
    ["train", "--trials", "2", "--seed", "0", "--method", "none", "--out", "run"];

fn with(arguments: &[&'static str], more: &[&'static str]) -> Vec<&'static str> {
    [arguments, more].concat()
}

/// Starts a command on a terminal at which `early` was typed before any question.
fn on_terminal(command: &mut Command, early: &[u8]) -> (Child, File) {
    let (mut typing, input) = terminal();
    typing.write_all(early).unwrap();
    let command = command.stdin(input).stdout(Stdio::null()).stderr(Stdio::piped());
    (command.spawn().unwrap(), typing)
}

/// `--confirm-trials` once changed one configuration, while the resumed run read another one from its directory: the arm
/// was driven home after the operator had said no.
#[test]
fn a_resumed_run_that_is_declined_moves_nothing() {
    let cell = cell_answering(Ok(()));
    json(&mut cell.rmrl(&TRAIN));
    let log = cell.run().join("trials.jsonl");
    let first = fs::read_to_string(&log).unwrap().lines().next().unwrap().to_string();
    fs::write(&log, first + "\n").unwrap();
    move_from_elsewhere(&cell, [0.4, 0.1, 0.05]).unwrap();

    let mut resume = rmrl(cell.dir.path(), &["train", "--resume", "run", "--confirm-trials"]);
    let command = resume.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    wait_for_text(&mut child, "about to move, for trial 2");
    let motions = cell.recording().motions;
    child.stdin.take().unwrap().write_all(b"n\n").unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    assert!(stderr(&output).contains("the operator declined; the arm was not moved"));
    assert_eq!(cell.recording().motions, motions);
}

/// A start once cleared the controller's errors, powered the motors and drove home, even if somebody stood there.
#[test]
fn a_start_that_is_declined_sends_nothing_that_changes_anything() {
    let cell = cell_answering(Err(DeviceError::Declined));
    let declined = "the operator declined; the arm was not moved";
    for error in [0, 31] {
        for arguments in [&TRAIN[..], &["snapshot"]] {
            let message = failure(&mut cell.rmrl(arguments), 1);
            assert!(message.contains(declined), "{message}");
            assert_untouched(&cell, error);
        }
        if error == 0 {
            let message = failure(&mut home(&cell, &[]), 1);
            assert!(message.contains(declined), "{message}");
            assert_untouched(&cell, 0);
            assert_eq!(cell.recording().motions.len(), 0);
            // An error waits, as after a collision of another program.
            cell.running.faults().in_motion(1, 0.5, MotionFault::Collision);
            move_from_elsewhere(&cell, [0.3, 0.0, 0.2]).unwrap_err();
            assert!(!cell.run().exists(), "a start that failed left its directory");
        }
    }
    assert_eq!(cell.recording().motions.len(), 1);
    let asked = cell.asked.lock().unwrap();
    assert_eq!(asked.len(), 5);
    assert!(asked[0].notes.is_empty(), "{}", asked[0]);
    assert!(asked[3].to_string().contains("controller error 31 waits"), "{}", asked[3]);
    let config = RunConfig::for_task(TaskKind::Table);
    assert_eq!(asked[0].to, config.task.home.tool_pose());
    assert_eq!(asked[0].speed_m_s, config.task.travel_speed_m_s);
}

/// An operator's program that is too old to know the question permits nothing.
#[test]
fn an_invalid_answer_permits_no_motion() {
    let reason = "not understood: unknown variant `permit_motion`".to_string();
    let answer = Err(DeviceError::Refused { device: "operator", reason });
    let cell = cell_answering(answer);
    let message = failure(&mut cell.rmrl(&TRAIN), 1);
    assert!(
        message.contains("permit_motion") && message.contains("the arm was not moved"),
        "{message}"
    );
    assert_untouched(&cell, 0);
}

#[test]
fn the_first_motion_is_the_one_that_was_asked_about() {
    let cell = cell_answering(Ok(()));
    move_from_elsewhere(&cell, [0.4, 0.1, 0.05]).unwrap();
    let before = cell.recording().motions.len();
    json(&mut cell.rmrl(&TRAIN));
    let asked = cell.asked.lock().unwrap();
    let [asked] = &asked[..] else { panic!("{asked:?}") };
    assert!((asked.from.z_m - 0.05).abs() < 1e-4 && (asked.rise_to_m - 0.12).abs() < 1e-9);
    let recording = cell.recording();
    let [rise, travel, ..] = &recording.motions[before..] else { panic!() };
    let [from, to] = [rise.from.translation, rise.to.translation];
    assert!((from.x - to.x).hypot(from.y - to.y) < 1e-4 && to.z > from.z + 0.06, "{rise:?}");
    assert!((travel.to.translation.x - asked.to.planar.x_m).abs() < 1e-3, "{travel:?}");
    assert!((travel.to.translation.y - asked.to.planar.y_m).abs() < 1e-3, "{travel:?}");
}

/// A tool that stands in a slot with a front: there is a board above it.
#[test]
fn the_first_motion_of_a_tool_in_a_slot_leads_out_of_it() {
    let cell = cell_answering(Ok(()));
    move_from_elsewhere(&cell, [0.4, 0.1, 0.05]).unwrap();
    let before = cell.recording().motions.len();
    // At a yaw of 0 the fingers point to the base: the way in is along -x.
    let sites = "[sites.hotel]\nx_m = 0.39\ny_m = 0.1\nyaw_deg = 0.0\nsurface_m = 0.045\naccess = \"front\"\n\
                 approach_m = 0.06\nlift_m = 0.004\nspeed_m_s = 0.05\n\
                 seating = { translation_m = 0.003, yaw_deg = 2.0, height_m = 0.002 }\n";
    std::fs::write(cell.dir.path().join("hotel.toml"), sites).unwrap();
    json(&mut home(&cell, &["--config", "hotel.toml"]));
    let asked = cell.asked.lock().unwrap();
    let [asked] = &asked[..] else { panic!("{asked:?}") };
    let out_of = asked.out_of.as_ref().unwrap();
    assert_eq!(out_of.slot, "hotel");
    assert!((out_of.to.planar.x_m - 0.45).abs() < 1e-4, "{out_of:?}");
    assert!(asked.to_string().contains("leaves hotel backwards"), "{asked}");
    let recording = cell.recording();
    let [back, rise, ..] = &recording.motions[before..] else { panic!() };
    let [from, to] = [back.from.translation, back.to.translation];
    assert!((to.x - 0.45).abs() < 1e-3 && (to.z - from.z).abs() < 1e-4, "{back:?}");
    let [from, to] = [rise.from.translation, rise.to.translation];
    assert!((from.x - to.x).abs() < 1e-4 && to.z > from.z + 0.06, "{rise:?}");
}

#[test]
fn at_a_terminal_only_a_yes_after_the_question_lets_the_arm_move() {
    let cell = cell_answering(Ok(()));
    let terminal = ["--set", "cell.operator=terminal"];
    let declined = "the operator declined; the arm was not moved";
    // A complete line, and one without its end.
    for early in [&b"y\n"[..], b"y"] {
        let (mut child, mut typing) = on_terminal(home(&cell, &[]).args(terminal), early);
        let message = wait_for_text(&mut child, "Move? [y/N] ");
        assert!(message.contains("The tool is at") && message.contains("0.25 m/s"), "{message}");
        sleep(Duration::from_millis(300));
        assert!(child.try_wait().unwrap().is_none(), "earlier typing was taken for the answer");
        typing.write_all(b"\n").unwrap();
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
        assert!(stderr(&output).contains(declined), "{}", stderr(&output));
        assert_untouched(&cell, 0);
    }
    let (mut child, mut typing) = on_terminal(cell.rmrl(&TRAIN).args(terminal), b"y\ny\n");
    wait_for_text(&mut child, "Move? [y/N] ");
    typing.write_all(b"n\n").unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    assert!(stderr(&output).contains(declined), "{}", stderr(&output));
    assert_untouched(&cell, 0);

    // Ctrl-C permits nothing, either.
    let (mut child, _typing) = on_terminal(home(&cell, &[]).args(terminal), b"");
    wait_for_text(&mut child, "Move? [y/N] ");
    send_signal(&child, "-INT");
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{}", stderr(&output));
    assert!(stderr(&output).contains("this program moves no arm"), "{}", stderr(&output));
    assert_untouched(&cell, 0);

    let (mut child, mut typing) = on_terminal(home(&cell, &[]).args(terminal), b"");
    wait_for_text(&mut child, "Move? [y/N] ");
    typing.write_all(b"y\n").unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(!cell.recording().motions.is_empty());
}

#[test]
fn without_a_terminal_nothing_moves_unless_yes_is_given() {
    let cell = cell_answering(Err(DeviceError::Declined));
    let terminal = ["--set", "cell.operator=terminal"];
    for command in [&mut cell.rmrl(&TRAIN), &mut cell.rmrl(&["snapshot"]), &mut home(&cell, &[])] {
        let message = failure(command.args(terminal).stdin(Stdio::null()), 2);
        assert!(message.contains("no terminal") && message.contains("--yes"), "{message}");
    }
    assert!(!cell.run().exists());
    assert_untouched(&cell, 0);
    // With --yes nobody is asked, not even an operator who would decline.
    json(&mut cell.rmrl(&with(&TRAIN, &["--yes"])));
    let mut eval = rmrl(cell.dir.path(), &["eval", "run", "--trials", "1", "--yes"]);
    assert_eq!(json(&mut eval)["trials"], 1);
    json(&mut home(&cell, &["--yes"]));
    assert_eq!(cell.asked.lock().unwrap().len(), 0);
    let message = failure(&mut rmrl(cell.dir.path(), &["eval", "run", "--trials", "1"]), 1);
    assert!(message.contains("the operator declined"), "{message}");
}

/// The proof of the motion starts from where the arm was when the operator was asked.
#[test]
fn an_arm_that_is_moved_while_the_operator_thinks_is_not_moved_by_the_answer() {
    let cell = cell_answering(Ok(()));
    let mut home = home(&cell, &[]);
    let (mut child, mut typing) = on_terminal(home.args(["--set", "cell.operator=terminal"]), b"");
    wait_for_text(&mut child, "Move? [y/N] ");
    move_from_elsewhere(&cell, [0.35, 0.1, 0.2]).unwrap();
    let motions = cell.recording().motions.len();
    typing.write_all(b"y\n").unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    assert!(stderr(&output).contains("somebody has moved the arm"), "{}", stderr(&output));
    assert_eq!(cell.recording().motions.len(), motions);
}

/// A run with a status page, and its standard error.
struct RunWithPage {
    child: Child,
    page: Page,
    errors: Arc<Mutex<String>>,
    reader: std::thread::JoinHandle<()>,
}

impl RunWithPage {
    fn start(command: &mut Command) -> Self {
        let command = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut errors = BufReader::new(child.stderr.take().unwrap()).lines();
        let page = errors.by_ref().find_map(|line| Page::from_line(&line.unwrap())).unwrap();
        let collected = Arc::<Mutex<String>>::default();
        let collecting = Arc::clone(&collected);
        let reader = std::thread::spawn(move || {
            for line in errors {
                *collecting.lock().unwrap() += &(line.unwrap() + "\n");
            }
        });
        Self { child, page, errors: collected, reader }
    }

    fn errors(&self) -> String {
        self.errors.lock().unwrap().clone()
    }

    /// Its exit status, and its whole standard error.
    fn end(mut self) -> (Option<i32>, String) {
        let status = self.child.wait().unwrap();
        self.reader.join().unwrap();
        let errors = self.errors.lock().unwrap().clone();
        (status.code(), errors)
    }
}

#[test]
fn on_the_page_the_operator_permits_or_declines_the_motion() {
    let cell = cell_answering(Ok(()));
    let on_page = ["--set", "cell.operator=page"];
    let message = failure(cell.rmrl(&TRAIN).args(on_page), 2);
    assert!(
        message.contains("cell.operator is \"page\"") && message.contains("page.serve"),
        "{message}"
    );
    let served = with(&on_page, &["--serve", "127.0.0.1:0"]);
    let answer = |run: &RunWithPage, word: &str| {
        wait_until("a question is asked", || run.page.status_json()["question"].is_u64());
        let status = run.page.status_json();
        let body = format!(r#"{{"request":"{word}","question":{}}}"#, status["question"]);
        run.page.request(&body);
        status["status"]["confirm"].as_str().unwrap().to_string()
    };
    let run = RunWithPage::start(cell.rmrl(&TRAIN).args(served));
    let question = answer(&run, "decline");
    assert!(question.contains("The tool is at"), "{question}");
    let (code, message) = run.end();
    assert_eq!(code, Some(1), "{message}");
    assert!(message.contains("the operator declined; the arm was not moved"), "{message}");
    assert_untouched(&cell, 0);

    // Nobody puts the plate into its target here: this test is about the questions.
    assert!(message.contains("no run directory is left"), "{message}");
    let run = RunWithPage::start(cell.rmrl(&TRAIN).args(with(&on_page, &["--serve", "0"])));
    answer(&run, "confirm_trial");
    wait_until("the operator is needed", || {
        let confirm = run.page.status_json()["status"]["confirm"].clone();
        confirm.as_str().is_some_and(|question| question.contains("into its target"))
    });
    assert!(!cell.recording().motions.is_empty());
    answer(&run, "decline");
    let motions = cell.recording().motions;
    let (code, message) = run.end();
    assert_eq!(code, Some(1), "{message}");
    assert!(message.contains("the operator declined"), "{message}");
    assert_eq!(cell.recording().motions, motions);
}

/// The page once answered "the run will hear of it" while the arm moved on, and the run said that it was stopped.
#[test]
fn a_stop_over_a_dead_link_says_so_until_the_arm_confirms_it() {
    for is_plugged_again in [true, false] {
        let cell = EmulatedCell::start_answering(Ok(()), Pace::Times(0.5));
        let cable = Cable::to(cell.control_address());
        let notified = cell.dir.path().join("notified");
        let notify = notify_into(&notified);
        let train = with(&TRAIN, &["--serve", "127.0.0.1:0"]);
        let mut command = cell.rmrl_at(&train, cable.address, cell.report_address());
        let run =
            RunWithPage::start(command.args(["--set", "xarm.reconnect_secs=1", "--set", &notify]));
        wait_until("the arm moves", || cell.recording().motions.len() > 3);
        cable.pull();
        let answer = run.page.post(r#"{"request":"stop_now"}"#);
        assert!(answer.starts_with("HTTP/1.1 502"), "{answer}");
        assert!(answer.contains("NOT CONFIRMED: press the red button"), "{answer}");
        let stop = run.page.status_json()["stop"].clone();
        assert_eq!(stop["is_confirmed"], false, "{stop}");
        assert!(stop["message"].as_str().unwrap().starts_with("NOT CONFIRMED"), "{stop}");
        wait_until("the terminal reports it", || run.errors().contains("NOT CONFIRMED"));
        let stands = "the arm has confirmed that it stands";
        if is_plugged_again {
            cable.plug();
            wait_until("the arm confirms", || {
                run.page.status_json()["stop"]["is_confirmed"] == true
            });
            assert_eq!(run.page.status_json()["stop"]["message"], stands);
            let mut arm = Inspector::connect(XArmConfig {
                control_port: cable.address.port(),
                ..cell.xarm()
            })
            .unwrap();
            assert_eq!(arm.state().unwrap().0, ArmState::Stopped);
        }
        let (code, errors) = run.end();
        let last = last_notification(&notified);
        let message = last["message"].as_str().unwrap();
        let end = errors.lines().last().unwrap();
        assert!(end.contains("--resume run"), "{errors}");
        if is_plugged_again {
            assert_eq!(code, Some(130), "{errors}");
            assert!(errors.contains(&format!("now {stands}")), "{errors}");
            assert!(end.contains(stands) && !end.contains("NOT CONFIRMED"), "{errors}");
            assert_eq!(last["event"], "stopped", "{last}");
            assert!(message.contains(stands), "{last}");
        } else {
            assert_eq!(code, Some(1), "{errors}");
            assert!(end.contains("NOT CONFIRMED: press the red button"), "{errors}");
            assert_eq!(last["event"], "needs_person", "{last}");
            assert!(message.contains("NOT CONFIRMED: press the red button"), "{last}");
        }
    }
}
