//! Whom an arm waits for and who is told: a start that is asked about, a refusal, a stop that does not get through.
//! On an emulated arm over the simulated cell.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test that fails at an unwrap has done its work")]

mod binary;
mod emulated;

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write, copy};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::sleep;
use std::time::{Duration, Instant};

use binary::page::Page;
use binary::{failure, json, rmrl, small, stderr};
use emulated::{forward, terminal};
use rmrl::CellServer;
use rmrl::RunConfig;
use rmrl::emulated_calibration;
use rmrl::flange_from_jaws;
use rmrl::simulated_cell;
use rmrl_cell::{Arm, Camera, DeviceError, FirstMotion, Operator, TaskKind, ToolPose};
use rmrl_core::PlanarPose;
use rmrl_sim::SimulatedCell;
use rmrl_vision::{CameraModel, RgbdFrame};
use rmrl_xarm::emulator::{
    EmulatedController, EmulatorConfig, MotionFault, Pace, Plant, Recording, RunningEmulator,
};
use rmrl_xarm::{ArmState, Inspector, Robot, XArm, XArmConfig};
use serde_json::Value;

/// Far above what anything takes, so that a busy machine does not fail a test.
const PATIENCE: Duration = Duration::from_secs(120);

fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < PATIENCE, "waited in vain until {what}");
        sleep(Duration::from_millis(5));
    }
}

/// The simulated cell with a person who may not let the arm move.
#[derive(Clone)]
struct Attended {
    cell: SimulatedCell,
    answer: Result<(), DeviceError>,
    asked: Arc<Mutex<Vec<FirstMotion>>>,
}

impl Camera for Attended {
    fn capture(&mut self) -> Result<RgbdFrame, DeviceError> {
        self.cell.capture()
    }

    fn model(&self) -> CameraModel {
        self.cell.model()
    }
}

impl Operator for Attended {
    fn permit_motion(&mut self, motion: &FirstMotion) -> Result<(), DeviceError> {
        self.asked.lock().unwrap().push(motion.clone());
        self.answer.clone()
    }

    fn exchange_plate(&mut self, scene: u32) -> Result<(), DeviceError> {
        self.cell.exchange_plate(scene)
    }

    fn put_plate_at_target(&mut self) -> Result<(), DeviceError> {
        self.cell.put_plate_at_target()
    }

    fn put_plate_near(&mut self, pose: PlanarPose) -> Result<(), DeviceError> {
        self.cell.put_plate_near(pose)
    }
}

/// An emulated arm with its cell and its person.
struct Emulated {
    running: RunningEmulator,
    remote: CellServer,
    asked: Arc<Mutex<Vec<FirstMotion>>>,
    control: SocketAddr,
    xarm: XArmConfig,
    dir: tempfile::TempDir,
}

impl Emulated {
    fn start(pace: Pace, answer: Result<(), DeviceError>) -> Self {
        let mut config = RunConfig::for_task(TaskKind::Table);
        config.simulation.camera.width_px = 320;
        let cell = simulated_cell(&config, 0).unwrap();
        let controller = EmulatorConfig {
            flange_from_tool: flange_from_jaws(&config.xarm),
            watched_m: Some(config.xarm.fence_m),
            pace,
            ..EmulatorConfig::default()
        };
        let plant = Plant { arm: Box::new(cell.clone()), gripper: Box::new(cell.clone()) };
        let running = EmulatedController::start(controller, plant).unwrap();
        let calibration = Some(emulated_calibration(&config, &cell));
        let asked = Arc::<Mutex<Vec<FirstMotion>>>::default();
        let attended = Attended { cell, answer, asked: Arc::clone(&asked) };
        let remote = CellServer::start("127.0.0.1:0", attended, calibration).unwrap();
        let ports = running.addresses().unwrap();
        let xarm = XArmConfig {
            host: "127.0.0.1".into(),
            control_port: ports.control.port(),
            report_port: Some(ports.rich.port()),
            standstill_secs: 0.0,
            ..XArmConfig::default()
        };
        let control = SocketAddr::from(([127, 0, 0, 1], ports.control.port()));
        Self { running, remote, asked, control, xarm, dir: tempfile::tempdir().unwrap() }
    }

    /// `rmrl` with these arguments, a small network, and this cell.
    fn rmrl(&self, arguments: &[&str]) -> Command {
        self.with_keys(small(self.dir.path(), arguments))
    }

    /// `rmrl cell home` on this cell.
    fn home(&self, arguments: &[&str]) -> Command {
        let home = [&["cell", "home"], arguments].concat();
        self.with_keys(rmrl(self.dir.path(), &home))
    }

    fn with_keys(&self, mut command: Command) -> Command {
        for value in [
            "cell.kind=xarm".to_string(),
            "cell.operator=remote".to_string(),
            "camera.source=remote".to_string(),
            "camera.max_residual_mm=20".to_string(),
            "xarm.host=127.0.0.1".to_string(),
            format!("xarm.control_port={}", self.xarm.control_port),
            format!("xarm.report_port={}", self.xarm.report_port.unwrap()),
            "xarm.standstill_secs=0.2".to_string(),
            format!("remote.address={}", self.remote.address()),
        ] {
            command.args(["--set", &value]);
        }
        command
    }

    fn run(&self) -> PathBuf {
        self.dir.path().join("run")
    }

    fn recording(&self) -> Recording {
        self.running.recording()
    }

    /// The arm is as nobody has touched it: without power, with the error it had.
    fn is_untouched(&self, error: u8) {
        assert_eq!(self.recording().gripper_motions, 0);
        let mut arm = Inspector::connect(self.xarm.clone()).unwrap();
        assert_eq!(arm.state().unwrap(), (ArmState::Stopped, 0));
        assert_eq!(arm.errors().unwrap().0, error);
    }

    /// Another program moves the arm, on another computer; returns what it said.
    fn move_to(&self, x_m: f64, y_m: f64, z_m: f64) -> Result<ToolPose, DeviceError> {
        let far = |port| forward(SocketAddr::from(([127, 0, 0, 1], port))).port();
        let config = XArmConfig {
            control_port: far(self.control.port()),
            report_port: self.xarm.report_port.map(far),
            ..self.xarm.clone()
        };
        let robot = Arc::new(Robot::connect(config).unwrap());
        XArm::new(robot).move_to(ToolPose::new(PlanarPose::new(x_m, y_m, 0.0), z_m), 0.25)
    }
}

const TRAIN: [&str; 9] =
    ["train", "--trials", "2", "--seed", "0", "--method", "none", "--out", "run"];

fn with(arguments: &[&'static str], more: &[&'static str]) -> Vec<&'static str> {
    [arguments, more].concat()
}

/// Starts on a terminal, on which `early` was typed before anything was asked.
fn on_terminal(command: &mut Command, early: &[u8]) -> (Child, File) {
    let (mut typing, input) = terminal();
    typing.write_all(early).unwrap();
    let command = command.stdin(input).stdout(Stdio::null()).stderr(Stdio::piped());
    (command.spawn().unwrap(), typing)
}

/// Reads what a program says until it says that.
fn wait_until_said(child: &mut Child, what: &str) -> String {
    let mut said = Vec::new();
    let errors = child.stderr.as_mut().unwrap();
    while !String::from_utf8_lossy(&said).contains(what) {
        let mut byte = [0];
        let count = errors.read(&mut byte).unwrap();
        assert_eq!(count, 1, "it ended: {}", String::from_utf8_lossy(&said));
        said.push(byte[0]);
    }
    String::from_utf8_lossy(&said).into_owned()
}

/// The flag of `--resume` was merged into one configuration, and the run read another from its directory: the arm
/// was driven home after the person had said no.
#[test]
fn a_resumed_run_that_is_declined_moves_nothing() {
    let cell = Emulated::start(Pace::AsFastAsPossible, Ok(()));
    json(&mut cell.rmrl(&TRAIN));
    let log = cell.run().join("trials.jsonl");
    let first = fs::read_to_string(&log).unwrap().lines().next().unwrap().to_string();
    fs::write(&log, first + "\n").unwrap();
    cell.move_to(0.4, 0.1, 0.05).unwrap();

    let mut resume = rmrl(cell.dir.path(), &["train", "--resume", "run", "--confirm-trials"]);
    let command = resume.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    wait_until_said(&mut child, "about to move, for trial 2");
    let motions = cell.recording().motions;
    child.stdin.take().unwrap().write_all(b"n\n").unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    assert!(stderr(&output).contains("the operator declined; the arm was not moved"));
    assert_eq!(cell.recording().motions, motions);
}

/// A start cleared the controller's errors, gave the motors power and drove home, whoever stood there.
#[test]
fn a_start_that_is_declined_sends_nothing_that_changes_anything() {
    let cell = Emulated::start(Pace::AsFastAsPossible, Err(DeviceError::Declined));
    let declined = "the operator declined; the arm was not moved";
    for error in [0, 31] {
        for arguments in [&TRAIN[..], &["snapshot"]] {
            let said = failure(&mut cell.rmrl(arguments), 1);
            assert!(said.contains(declined), "{said}");
            cell.is_untouched(error);
        }
        if error == 0 {
            let said = failure(&mut cell.home(&[]), 1);
            assert!(said.contains(declined), "{said}");
            cell.is_untouched(0);
            assert_eq!(cell.recording().motions.len(), 0);
            // As after a collision of another program.
            cell.running.faults().in_motion(1, 0.5, MotionFault::Collision);
            cell.move_to(0.3, 0.0, 0.2).unwrap_err();
            fs::remove_dir_all(cell.run()).unwrap();
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

/// A person who is asked by a program that is older than the question does not say yes.
#[test]
fn an_answer_that_is_none_lets_nothing_move() {
    let reason = "not understood: unknown variant `permit_motion`".to_string();
    let answer = Err(DeviceError::Refused { device: "person", reason });
    let cell = Emulated::start(Pace::AsFastAsPossible, answer);
    let said = failure(&mut cell.rmrl(&TRAIN), 1);
    assert!(said.contains("permit_motion") && said.contains("the arm was not moved"), "{said}");
    cell.is_untouched(0);
}

#[test]
fn the_first_motion_is_the_one_that_was_asked_about() {
    let cell = Emulated::start(Pace::AsFastAsPossible, Ok(()));
    cell.move_to(0.4, 0.1, 0.05).unwrap();
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

#[test]
fn at_a_terminal_only_a_yes_after_the_question_lets_the_arm_move() {
    let cell = Emulated::start(Pace::AsFastAsPossible, Ok(()));
    let terminal = ["--set", "cell.operator=terminal"];
    let declined = "the operator declined; the arm was not moved";
    // A line, and one that was only begun.
    for early in [&b"y\n"[..], b"y"] {
        let (mut child, mut typing) = on_terminal(cell.home(&[]).args(terminal), early);
        let said = wait_until_said(&mut child, "Move? [y/N] ");
        assert!(said.contains("The tool is at") && said.contains("0.25 m/s"), "{said}");
        sleep(Duration::from_millis(300));
        assert!(child.try_wait().unwrap().is_none(), "what was typed before was an answer");
        typing.write_all(b"\n").unwrap();
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
        assert!(stderr(&output).contains(declined), "{}", stderr(&output));
        cell.is_untouched(0);
    }
    let (mut child, mut typing) = on_terminal(cell.rmrl(&TRAIN).args(terminal), b"y\ny\n");
    wait_until_said(&mut child, "Move? [y/N] ");
    typing.write_all(b"n\n").unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    assert!(stderr(&output).contains(declined), "{}", stderr(&output));
    cell.is_untouched(0);

    // Ctrl-C is no yes, either.
    let (mut child, _typing) = on_terminal(cell.home(&[]).args(terminal), b"");
    wait_until_said(&mut child, "Move? [y/N] ");
    let interrupted = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(interrupted.unwrap().success());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{}", stderr(&output));
    assert!(stderr(&output).contains("this program moves no arm"), "{}", stderr(&output));
    cell.is_untouched(0);

    let (mut child, mut typing) = on_terminal(cell.home(&[]).args(terminal), b"");
    wait_until_said(&mut child, "Move? [y/N] ");
    typing.write_all(b"y\n").unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(!cell.recording().motions.is_empty());
}

#[test]
fn without_a_terminal_nothing_moves_unless_told_that_nobody_need_be_asked() {
    let cell = Emulated::start(Pace::AsFastAsPossible, Err(DeviceError::Declined));
    let terminal = ["--set", "cell.operator=terminal"];
    for command in [&mut cell.rmrl(&TRAIN), &mut cell.rmrl(&["snapshot"]), &mut cell.home(&[])] {
        let said = failure(command.args(terminal).stdin(Stdio::null()), 2);
        assert!(said.contains("no terminal") && said.contains("--yes"), "{said}");
    }
    assert!(!cell.run().exists());
    cell.is_untouched(0);
    // Told so, nobody is asked: not even a person who would decline.
    json(&mut cell.rmrl(&with(&TRAIN, &["--yes"])));
    let mut eval = rmrl(cell.dir.path(), &["eval", "run", "--trials", "1", "--yes"]);
    assert_eq!(json(&mut eval)["trials"], 1);
    json(&mut cell.home(&["--yes"]));
    assert_eq!(cell.asked.lock().unwrap().len(), 0);
    let said = failure(&mut rmrl(cell.dir.path(), &["eval", "run", "--trials", "1"]), 1);
    assert!(said.contains("the operator declined"), "{said}");
}

/// Where the arm was when the person looked is where the motion was proven from.
#[test]
fn an_arm_that_is_moved_while_a_person_thinks_is_not_moved_by_the_answer() {
    let cell = Emulated::start(Pace::AsFastAsPossible, Ok(()));
    let mut home = cell.home(&[]);
    let (mut child, mut typing) = on_terminal(home.args(["--set", "cell.operator=terminal"]), b"");
    wait_until_said(&mut child, "Move? [y/N] ");
    cell.move_to(0.35, 0.1, 0.2).unwrap();
    let motions = cell.recording().motions.len();
    typing.write_all(b"y\n").unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    assert!(stderr(&output).contains("somebody has moved the arm"), "{}", stderr(&output));
    assert_eq!(cell.recording().motions.len(), motions);
}

/// A run with a page, and what it says on standard error.
struct Served {
    child: Child,
    page: Page,
    said: Arc<Mutex<String>>,
    listening: std::thread::JoinHandle<()>,
}

impl Served {
    fn start(command: &mut Command) -> Self {
        let command = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut errors = BufReader::new(child.stderr.take().unwrap()).lines();
        let page = errors.by_ref().find_map(|line| Page::of(&line.unwrap())).unwrap();
        let said = Arc::<Mutex<String>>::default();
        let heard = Arc::clone(&said);
        let listening = std::thread::spawn(move || {
            for line in errors {
                *heard.lock().unwrap() += &(line.unwrap() + "\n");
            }
        });
        Self { child, page, said, listening }
    }

    fn said(&self) -> String {
        self.said.lock().unwrap().clone()
    }

    /// Its exit status, and all that it said.
    fn end(mut self) -> (Option<i32>, String) {
        let status = self.child.wait().unwrap();
        self.listening.join().unwrap();
        (status.code(), self.said.lock().unwrap().clone())
    }
}

#[test]
fn on_the_page_the_operator_lets_the_arm_move_or_does_not() {
    let cell = Emulated::start(Pace::AsFastAsPossible, Ok(()));
    let on_page = ["--set", "cell.operator=page"];
    let said = failure(cell.rmrl(&TRAIN).args(on_page), 2);
    assert!(said.contains("cell.operator is \"page\"") && said.contains("page.serve"), "{said}");
    let served = with(&on_page, &["--serve", "127.0.0.1:0"]);
    let answer = |run: &Served, word: &str| {
        wait_until("a question is asked", || run.page.news()["question"].is_u64());
        let news = run.page.news();
        let body = format!(r#"{{"request":"{word}","question":{}}}"#, news["question"]);
        run.page.ask(&body);
        news["status"]["confirm"].as_str().unwrap().to_string()
    };
    let run = Served::start(cell.rmrl(&TRAIN).args(served));
    let question = answer(&run, "decline");
    assert!(question.contains("The tool is at"), "{question}");
    let (code, said) = run.end();
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("the operator declined; the arm was not moved"), "{said}");
    cell.is_untouched(0);

    // Nobody moves the plate here, and so none is seen in its target: what is asked for is what matters.
    let run = Served::start(&mut rmrl(cell.dir.path(), &["train", "--resume", "run"]));
    answer(&run, "confirm_trial");
    wait_until("the person is needed", || {
        let confirm = run.page.news()["status"]["confirm"].clone();
        confirm.as_str().is_some_and(|question| question.contains("into its target"))
    });
    assert!(!cell.recording().motions.is_empty());
    answer(&run, "decline");
    let motions = cell.recording().motions;
    let (code, said) = run.end();
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("the operator declined"), "{said}");
    assert_eq!(cell.recording().motions, motions);
}

/// Passes bytes on to a controller, until its cable is pulled.
struct Cable {
    address: SocketAddr,
    is_pulled: Arc<AtomicBool>,
    links: Arc<Mutex<Vec<TcpStream>>>,
}

impl Cable {
    fn to(controller: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (is_pulled, links) =
            (Arc::<AtomicBool>::default(), Arc::<Mutex<Vec<TcpStream>>>::default());
        let (pulled, all) = (Arc::clone(&is_pulled), Arc::clone(&links));
        std::thread::spawn(move || {
            for near in listener.incoming() {
                let near = near.unwrap();
                if pulled.load(Ordering::SeqCst) {
                    continue;
                }
                let far = TcpStream::connect(controller).unwrap();
                for stream in [&near, &far] {
                    stream.set_nodelay(true).unwrap();
                    all.lock().unwrap().push(stream.try_clone().unwrap());
                }
                let pairs = [(near.try_clone().unwrap(), far.try_clone().unwrap()), (far, near)];
                for (mut from, mut to) in pairs {
                    std::thread::spawn(move || {
                        let _ = copy(&mut from, &mut to);
                        let _ = to.shutdown(Shutdown::Both);
                    });
                }
            }
        });
        Self { address, is_pulled, links }
    }

    fn pull(&self) {
        self.is_pulled.store(true, Ordering::SeqCst);
        for link in self.links.lock().unwrap().drain(..) {
            let _ = link.shutdown(Shutdown::Both);
        }
    }

    fn plug(&self) {
        self.is_pulled.store(false, Ordering::SeqCst);
    }
}

/// The page answered "the run will hear of it" while the arm went on, and the run said that it was stopped.
#[test]
fn a_stop_over_a_dead_link_says_so_until_the_arm_confirms_it() {
    for is_plugged_again in [true, false] {
        let mut cell = Emulated::start(Pace::Times(0.5), Ok(()));
        let cable = Cable::to(cell.control);
        cell.xarm.control_port = cable.address.port();
        let told = cell.dir.path().join("told");
        let notify =
            format!("notify.command=[\"sh\", \"-c\", \"cat >> {0}; echo >> {0}\"]", told.display());
        let mut command = cell.rmrl(&with(&TRAIN, &["--serve", "127.0.0.1:0"]));
        let run = Served::start(command.args(["--set", "xarm.reconnect_secs=1", "--set", &notify]));
        wait_until("the arm moves", || cell.recording().motions.len() > 3);
        cable.pull();
        let answer = run.page.post(r#"{"request":"stop_now"}"#);
        assert!(answer.starts_with("HTTP/1.1 502"), "{answer}");
        assert!(answer.contains("NOT CONFIRMED: press the red button"), "{answer}");
        let stop = run.page.news()["stop"].clone();
        assert_eq!(stop["is_confirmed"], false, "{stop}");
        assert!(stop["message"].as_str().unwrap().starts_with("NOT CONFIRMED"), "{stop}");
        wait_until("the terminal says so", || run.said().contains("NOT CONFIRMED"));
        let stands = "the arm has confirmed that it stands";
        if is_plugged_again {
            cable.plug();
            wait_until("the arm confirms", || run.page.news()["stop"]["is_confirmed"] == true);
            assert_eq!(run.page.news()["stop"]["message"], stands);
            let mut arm = Inspector::connect(cell.xarm.clone()).unwrap();
            assert_eq!(arm.state().unwrap().0, ArmState::Stopped);
        }
        let (code, said) = run.end();
        let told = fs::read_to_string(&told).unwrap();
        let last: Value = serde_json::from_str(told.lines().last().unwrap()).unwrap();
        let message = last["message"].as_str().unwrap();
        let end = said.lines().last().unwrap();
        assert!(end.contains("--resume run"), "{said}");
        if is_plugged_again {
            assert_eq!(code, Some(130), "{said}");
            assert!(said.contains(&format!("now {stands}")), "{said}");
            assert!(end.contains(stands) && !end.contains("NOT CONFIRMED"), "{said}");
            assert_eq!(last["event"], "stopped", "{told}");
            assert!(message.contains(stands), "{told}");
        } else {
            assert_eq!(code, Some(1), "{said}");
            assert!(end.contains("NOT CONFIRMED: press the red button"), "{said}");
            assert_eq!(last["event"], "needs_person", "{told}");
            assert!(message.contains("NOT CONFIRMED: press the red button"), "{told}");
        }
    }
}
