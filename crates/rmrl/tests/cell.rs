//! `rmrl cell`, as its users run it, on an emulated arm over the simulated cell.

#![allow(clippy::unwrap_used, reason = "a test that fails at an unwrap has done its work")]

mod binary;

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use binary::{json, rmrl, stderr, stdout};
use rmrl::CellServer;
use rmrl::emulated_calibration;
use rmrl::simulated_cell;
use rmrl::{Layers, RunConfig};
use rmrl::{flange_from_jaws, prove_reach};
use rmrl_cell::{Arm, ToolPose};
use rmrl_core::PlanarPose;
use rmrl_xarm::emulator::{
    EmulatedController, EmulatorConfig, GripperKind, MotionFault, Pace, Plant, RunningEmulator,
};
use rmrl_xarm::{ArmState, Inspector, Robot, XArm, XArmConfig};
use serde_json::Value;
use tempfile::TempDir;

/// An emulated arm with a simulated cell around it, and a configuration that finds both.
struct Emulated {
    dir: TempDir,
    running: RunningEmulator,
    remote: Option<CellServer>,
    xarm: XArmConfig,
}

const CONFIG: &str = "cell.toml";

fn emulated(gripper: GripperKind, pace: Pace) -> Emulated {
    let dir = tempfile::tempdir().unwrap();
    let mut config = RunConfig::for_task(Default::default());
    config.simulation.camera.width_px = 320;
    let cell = simulated_cell(&config, 0).unwrap();
    let controller = EmulatorConfig {
        gripper,
        pace,
        flange_from_tool: flange_from_jaws(&config.xarm),
        ..EmulatorConfig::default()
    };
    let plant = Plant { arm: Box::new(cell.clone()), gripper: Box::new(cell.clone()) };
    let running = EmulatedController::start(controller, plant).unwrap();
    let calibration = Some(emulated_calibration(&config, &cell));
    let remote = CellServer::start("127.0.0.1:0", cell, calibration).unwrap();
    let ports = running.addresses().unwrap();
    let text = format!(
        "# a cell to try things in\n[cell]\nkind = \"xarm\"\noperator = \"remote\"\n\n[camera]\nsource = \
         \"remote\"\nmax_residual_mm = 20.0\n\n[remote]\naddress = \"{}\"\n\n[xarm]\nhost = \"127.0.0.1\" # here\ncontrol_port = \
         {}\nreport_port = {}\nstandstill_secs = 0.2\n\n[task.place]\nx_m = 0.46 # to be taught\ny_m = 0.18\nyaw_deg = 0.0\nsurface_m = \
         0.0\n",
        remote.address(),
        ports.control.port(),
        ports.rich.port(),
    );
    fs::write(dir.path().join(CONFIG), text).unwrap();
    let xarm = XArmConfig {
        host: "127.0.0.1".into(),
        control_port: ports.control.port(),
        report_port: Some(ports.rich.port()),
        standstill_secs: 0.0,
        ..XArmConfig::default()
    };
    Emulated { dir, running, remote: Some(remote), xarm }
}

impl Emulated {
    fn path(&self) -> &Path {
        self.dir.path()
    }

    /// Runs `rmrl cell` with these arguments and the configuration.
    fn cell(&self, arguments: &[&str]) -> Output {
        rmrl(self.path(), &[&["cell"], arguments, &["--config", CONFIG]].concat())
            .stdin(Stdio::null())
            .output()
            .unwrap()
    }

    /// The doctor's checks, and whether it found the cell healthy.
    fn doctor(&self, arguments: &[&str]) -> (bool, Vec<Value>) {
        let output = self.cell(&[&["doctor"], arguments].concat());
        let diagnosis: Value = serde_json::from_str(&stdout(&output)).unwrap();
        let healthy = diagnosis["healthy"].as_bool().unwrap();
        assert_eq!(output.status.code(), Some(if healthy { 0 } else { 1 }), "{}", stderr(&output));
        (healthy, diagnosis["checks"].as_array().unwrap().clone())
    }

    fn move_to(&self, x_m: f64, y_m: f64, z_m: f64, yaw_deg: f64) {
        let robot = Arc::new(Robot::connect(self.xarm.clone()).unwrap());
        let planar = PlanarPose::new(x_m, y_m, yaw_deg.to_radians());
        XArm::new(robot).move_to(ToolPose::new(planar, z_m), 0.2).unwrap();
    }

    fn tool(&self) -> ToolPose {
        Inspector::connect(self.xarm.clone()).unwrap().tool(None).unwrap().pose
    }

    fn motions(&self) -> usize {
        self.running.recording().motions.len()
    }

    fn replace(&self, from: &str, to: &str) {
        let path = self.path().join(CONFIG);
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{text}");
        fs::write(path, text.replace(from, to)).unwrap();
    }
}

fn check<'a>(checks: &'a [Value], name: &str) -> &'a Value {
    checks.iter().find(|check| check["name"] == name).unwrap()
}

/// What is neither fine nor left out, by name.
fn failed(checks: &[Value]) -> Vec<&str> {
    let failed = checks.iter().filter(|check| check["status"] == "fail");
    failed.map(|check| check["name"].as_str().unwrap()).collect()
}

fn text_of(check: &Value) -> String {
    check.to_string()
}

#[test]
fn a_healthy_cell_has_nothing_to_fix_and_nothing_moves() {
    let cell = emulated(GripperKind::G2, Pace::AsFastAsPossible);
    let before = cell.tool();
    let (healthy, checks) = cell.doctor(&[]);
    assert!(healthy, "{checks:?}");
    let reach = check(&checks, "reach")["found"].as_str().unwrap();
    assert!(reach.contains("degrees left") && reach.contains("singularity"), "{reach}");
    for (name, expected) in [
        ("configuration", "ok"),
        ("reach", "ok"),
        // Without a speed of the first contact.
        ("limits", "warn"),
        ("models", "ok"),
        ("disk", "ok"),
        ("clock", "ok"),
        ("operator", "ok"),
        ("arm", "ok"),
        ("firmware", "ok"),
        ("arm errors", "ok"),
        // The settings are not there before a program has connected that gives them.
        ("fence", "warn"),
        ("tool pose", "ok"),
        // It has no power yet.
        ("gripper", "warn"),
        ("camera", "ok"),
        ("plate", "ok"),
    ] {
        assert_eq!(check(&checks, name)["status"], expected, "{}", check(&checks, name));
    }
    assert_eq!(cell.motions(), 0);
    assert_eq!(cell.running.recording().gripper_motions, 0);
    let (mut arm, after) = (Inspector::connect(cell.xarm.clone()).unwrap(), cell.tool());
    assert_eq!(arm.state().unwrap().0, ArmState::Stopped, "nothing was set up");
    assert_eq!(before, after);

    // Afterwards they are read back.
    drop(Robot::connect(cell.xarm.clone()).unwrap());
    let (healthy, checks) = cell.doctor(&[]);
    assert!(healthy);
    for name in ["fence", "arm settings", "arm state"] {
        assert_eq!(check(&checks, name)["status"], "ok", "{}", check(&checks, name));
    }
    // Every check has a name, a status, what was found, and, where it is wrong, how to fix it.
    for check in &checks {
        assert!(!check["found"].as_str().unwrap().is_empty(), "{check}");
        let is_fine = ["ok", "skipped"].contains(&check["status"].as_str().unwrap());
        assert_eq!(check["fix"].is_string(), !is_fine, "{check}");
    }
}

#[test]
fn one_thing_that_is_missing_hides_no_other() {
    let mut cell = emulated(GripperKind::G2, Pace::AsFastAsPossible);
    let own = format!("control_port = {}", cell.xarm.control_port);

    // No arm. Nobody listens on the port of a listener that is gone.
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    cell.replace(&own, &format!("control_port = {closed}"));
    let (_, checks) = cell.doctor(&[]);
    assert_eq!(failed(&checks), ["arm"]);
    assert!(text_of(check(&checks, "arm")).contains("xarm.host"), "{checks:?}");
    assert_eq!(check(&checks, "gripper")["status"], "skipped");
    assert_eq!(check(&checks, "plate")["status"], "ok");
    cell.replace(&format!("control_port = {closed}"), &own);

    // Another robot than configured.
    let (_, checks) = cell.doctor(&["--set", "xarm.model=xarm5"]);
    // Nor do the joints put the tool of that one where the controller reports it.
    assert_eq!(failed(&checks), ["firmware", "tool pose"]);
    let firmware = check(&checks, "firmware");
    assert!(text_of(firmware).contains("xArm 6, firmware 2.5.0"), "{firmware}");
    assert!(firmware["fix"].as_str().unwrap().starts_with("set xarm.model = \"xarm6\""));
    let message = stderr(&cell.cell(&["teach", "home", "--set", "xarm.model=xarm5"]));
    assert!(message.contains("another robot: xArm 6, configured is xArm 5"), "{message}");

    // The tool the wrong way around.
    let (_, checks) = cell.doctor(&["--set", "xarm.jaw_yaw_deg=0"]);
    let reach = check(&checks, "reach");
    assert!(text_of(reach).contains("xarm.jaw_yaw_deg = 180 would work"), "{reach}");
    assert!(reach["fix"].as_str().unwrap().starts_with("set xarm.jaw_yaw_deg = 180,"));

    // Another gripper than configured; and a value that cannot be.
    let (_, checks) = cell.doctor(&["--set", "xarm.gripper.generation=first"]);
    assert_eq!(failed(&checks), ["gripper"]);
    assert!(text_of(check(&checks, "gripper")).contains("second generation"), "{checks:?}");
    let (_, checks) = cell.doctor(&["--set", "trials=0"]);
    assert_eq!(failed(&checks), ["configuration"]);
    assert_eq!(check(&checks, "arm")["status"], "ok");
    let (_, checks) = cell.doctor(&["--set", "trails=1"]);
    assert_eq!(failed(&checks), ["configuration"]);
    assert_eq!(checks.len(), 1);
    // Times that are none are refused by key, wherever they would be used first.
    for value in ["xarm.answer_timeout_secs=-1.0", "remote.timeout_secs=-1.0"] {
        let (_, checks) = cell.doctor(&["--set", value]);
        assert_eq!(failed(&checks), ["configuration"]);
        for command in [&["teach", "place", "--from", "camera"][..], &["home", "--yes"]] {
            let output = cell.cell(&[command, &["--set", value]].concat());
            assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
            let key = value.split('=').next().unwrap();
            assert!(stderr(&output).contains(key), "{}", stderr(&output));
        }
    }
    let output = rmrl(cell.path(), &["cell", "doctor", "--config", "none.toml"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let diagnosis: Value = serde_json::from_str(&stdout(&output)).unwrap();
    assert!(diagnosis["checks"][0]["found"].as_str().unwrap().contains("none.toml"));

    // A calibration that is none, and one that is missing.
    fs::write(cell.path().join("overhead.toml"), "[intrinsics]\nwidth = 3\n").unwrap();
    for file in ["overhead.toml", "nowhere.toml"] {
        let (_, checks) = cell.doctor(&["--set", &format!("camera.calibration={file}")]);
        assert_eq!(failed(&checks), ["calibration"]);
        assert!(text_of(check(&checks, "calibration")).contains(file), "{checks:?}");
        assert_eq!(check(&checks, "camera")["status"], "ok");
    }

    // What the remote camera says of its calibration is judged, too.
    let (_, checks) = cell.doctor(&["--set", "camera.max_residual_mm=0.1"]);
    assert_eq!(failed(&checks), ["calibration"]);
    assert!(text_of(check(&checks, "calibration")).contains("remote.address"), "{checks:?}");
    assert_eq!(check(&checks, "camera")["status"], "ok");

    // No models where they are chosen.
    let (_, checks) = cell.doctor(&["--set", "vision.detector=grounding-dino"]);
    assert_eq!(failed(&checks), ["models"]);
    assert_eq!(check(&checks, "plate")["status"], "skipped");

    // Neither camera nor person.
    cell.remote = None;
    let (_, checks) = cell.doctor(&[]);
    assert_eq!(failed(&checks), ["operator", "camera"]);
    assert_eq!(check(&checks, "tool pose")["status"], "ok");
}

#[test]
fn a_gripper_that_is_not_there_is_told() {
    let cell = emulated(GripperKind::None, Pace::AsFastAsPossible);
    let (healthy, checks) = cell.doctor(&[]);
    assert!(!healthy);
    assert_eq!(failed(&checks), ["gripper"]);
    assert!(text_of(check(&checks, "gripper")).contains("flange"), "{checks:?}");
}

#[test]
fn an_error_is_explained_and_cleared_only_when_asked() {
    let cell = emulated(GripperKind::G2, Pace::AsFastAsPossible);
    cell.running.faults().in_motion(1, 0.5, MotionFault::Collision);
    {
        let robot = Arc::new(Robot::connect(cell.xarm.clone()).unwrap());
        let there = ToolPose::new(PlanarPose::new(0.3, 0.0, 0.0), 0.2);
        XArm::new(robot).move_to(there, 0.2).unwrap_err();
    }
    for _ in 0..2 {
        let (_, checks) = cell.doctor(&[]);
        assert_eq!(failed(&checks), ["arm errors"]);
        let told = text_of(check(&checks, "arm errors"));
        assert!(told.contains("error 31") && told.contains("--clear"), "{told}");
    }
    let motions = cell.motions();
    let output = cell.cell(&["home", "--yes"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("controller error 31"), "{}", stderr(&output));
    assert_eq!(cell.motions(), motions);

    let (healthy, checks) = cell.doctor(&["--clear"]);
    assert!(healthy, "{checks:?}");
    assert!(text_of(check(&checks, "arm errors")).contains("cleared: error 31"));
    assert!(cell.doctor(&[]).0);
}

#[test]
fn a_pressed_button_is_not_cleared_away() {
    let cell = emulated(GripperKind::G2, Pace::AsFastAsPossible);
    cell.running.faults().in_motion(1, 0.5, MotionFault::EmergencyStop);
    {
        let robot = Arc::new(Robot::connect(cell.xarm.clone()).unwrap());
        let there = ToolPose::new(PlanarPose::new(0.3, 0.0, 0.0), 0.2);
        XArm::new(robot).move_to(there, 0.2).unwrap_err();
    }
    let (_, checks) = cell.doctor(&["--clear"]);
    assert_eq!(failed(&checks), ["arm errors"]);
    let told = text_of(check(&checks, "arm errors"));
    assert!(told.contains("error 2") && told.contains("came again"), "{told}");
    cell.running.faults().release_emergency_stop();
    assert!(cell.doctor(&["--clear"]).0);
}

#[test]
fn the_arm_goes_home_over_travel_height_and_only_when_told() {
    let cell = emulated(GripperKind::G2, Pace::AsFastAsPossible);
    cell.move_to(0.40, 0.10, 0.05, 10.0);
    let before = cell.motions();
    let output = cell.cell(&["home", "--set", "cell.operator=terminal"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("--yes"), "{}", stderr(&output));
    assert_eq!(cell.motions(), before);

    let output = cell.cell(&["home", "--yes"]);
    assert!(output.status.success(), "{}", stderr(&output));
    let home = RunConfig::for_task(Default::default()).task.home.tool_pose();
    assert!(cell.tool().planar.distance_m(home.planar) < 1e-4, "{:?}", cell.tool());
    assert!((cell.tool().z_m - home.z_m).abs() < 1e-4);
    let motions = &cell.running.recording().motions[before..];
    let [rise, travel] = motions else { panic!("{motions:?}") };
    let [from, to] = [rise.from.translation, rise.to.translation];
    assert!((from.x - to.x).hypot(from.y - to.y) < 1e-4 && (to.z - 0.12).abs() < 1e-4, "{rise:?}");
    assert!(travel.speed <= 0.25 + 1e-6);

    // A home outside of the envelope is the configuration's fault.
    let output = cell.cell(&["home", "--yes", "--set", "safety.y_m=[-0.25, 0.25]"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("task.home"), "{}", stderr(&output));

    // From outside nobody knows the way in: within the fence, beyond the envelope.
    cell.move_to(0.30, 0.36, 0.2, 0.0);
    let before = cell.motions();
    let output = cell.cell(&["home", "--yes"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("inside by hand"), "{}", stderr(&output));
    assert_eq!(cell.motions(), before);
    let (_, checks) = cell.doctor(&[]);
    assert_eq!(failed(&checks), ["tool pose"]);
}

/// A program that moves the arm at 1 cm/s, for many seconds.
fn slowly_home(cell: &Emulated, inspector: &mut Inspector) -> Child {
    let home = ["cell", "home", "--yes", "--config", CONFIG];
    let mut moving = rmrl(cell.path(), &home)
        .args(["--set", "task.travel_speed_m_s=0.01"])
        .args(["--set", "task.home.x_m=0.3", "--set", "task.home.y_m=-0.1"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let began = Instant::now();
    while inspector.state().unwrap().0 != ArmState::Moving {
        assert!(began.elapsed() < Duration::from_secs(60), "the arm does not begin to move");
        assert!(moving.try_wait().unwrap().is_none(), "it ended before it moved");
        std::thread::sleep(Duration::from_millis(20));
    }
    moving
}

#[test]
fn ctrl_c_stops_the_arm_on_its_way_home() {
    let cell = emulated(GripperKind::G2, Pace::Times(1.0));
    let mut inspector = Inspector::connect(cell.xarm.clone()).unwrap();
    let moving = slowly_home(&cell, &mut inspector);
    let killed = Command::new("kill").args(["-INT", &moving.id().to_string()]).status().unwrap();
    assert!(killed.success());
    let ended = moving.wait_with_output().unwrap();
    assert_eq!(ended.status.code(), Some(130), "{}", stderr(&ended));
    assert_eq!(inspector.state().unwrap().0, ArmState::Stopped);
    let at = cell.tool().planar;
    assert!(at.distance_m(PlanarPose::new(0.3, -0.1, 0.0)) > 0.05, "{at:?}");
}

#[test]
fn a_stop_from_another_program_halts_a_slow_motion() {
    let cell = emulated(GripperKind::G2, Pace::Times(1.0));
    let mut inspector = Inspector::connect(cell.xarm.clone()).unwrap();
    let moving = slowly_home(&cell, &mut inspector);
    // The file need not make sense beside the address.
    cell.replace("kind = \"xarm\"", "kind = \"nothing\"");
    let port = cell.xarm.control_port.to_string();
    let by_host = ["cell", "stop", "--host", "127.0.0.1", "--port", &port, "--watch", "1"];
    let stopped = json(&mut rmrl(cell.path(), &by_host));
    assert_eq!((&stopped["state"], &stopped["stopped_again"]), (&"stopped".into(), &0.into()));
    assert_eq!(inspector.state().unwrap().0, ArmState::Stopped);
    let ended = moving.wait_with_output().unwrap();
    assert_eq!(ended.status.code(), Some(1));
    assert!(stderr(&ended).contains("stopped by somebody else"), "{}", stderr(&ended));
    let at = cell.tool().planar;
    assert!(at.distance_m(PlanarPose::new(0.3, -0.1, 0.0)) > 0.05, "{at:?}");
    // Stopped twice is stopped; this time the address comes from the file.
    let again = json(&mut rmrl(cell.path(), &["cell", "stop", "--config", CONFIG, "--watch", "0"]));
    assert_eq!(again["state"], "stopped");
    assert_eq!(again["error"], 0);
}

/// Whoever recovers from an error starts the arm, and takes a stop at that moment for a part of the error.
#[test]
fn a_stop_holds_against_a_program_that_starts_the_arm_again() {
    let cell = emulated(GripperKind::G2, Pace::AsFastAsPossible);
    let mut stop = rmrl(cell.path(), &["cell", "stop", "--config", CONFIG, "--watch", "6"]);
    let mut stopping = stop.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut said = String::new();
    BufReader::new(stopping.stderr.take().unwrap()).read_line(&mut said).unwrap();
    assert!(said.contains("watching for 6 s"), "{said}");
    // It connects, sets up and is stopped again, however far it gets.
    let _ = Robot::connect(cell.xarm.clone());
    let ended = stopping.wait_with_output().unwrap();
    let stopped: Value = serde_json::from_str(&stdout(&ended)).unwrap();
    assert!(stopped["stopped_again"].as_u64().unwrap() >= 1, "{stopped}");
    let mut inspector = Inspector::connect(cell.xarm.clone()).unwrap();
    assert_eq!(inspector.state().unwrap().0, ArmState::Stopped);
}

#[test]
fn a_gripper_without_power_is_told_and_given_it_only_when_asked() {
    let cell = emulated(GripperKind::G1, Pace::AsFastAsPossible);
    let width = "--set=task.jaw_opening_m=0.15";
    let (_, checks) = cell.doctor(&[width]);
    let gripper = check(&checks, "gripper");
    assert!(text_of(gripper).contains("--power-gripper"), "{gripper}");
    let (_, checks) = cell.doctor(&[width]);
    assert_eq!(check(&checks, "gripper")["status"], "warn", "looking gives no power");
    let (_, checks) = cell.doctor(&[width, "--power-gripper"]);
    assert_eq!(check(&checks, "gripper")["status"], "ok", "{checks:?}");
}

#[test]
fn nothing_to_stop_is_told_with_what_to_do_instead() {
    let dir = tempfile::tempdir().unwrap();
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let port = closed.to_string();
    let stop = ["cell", "stop", "--host", "127.0.0.1", "--port", &port];
    let output = rmrl(dir.path(), &stop).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("emergency stop button"), "{}", stderr(&output));
}

#[test]
fn what_is_taught_is_where_the_arm_stands() {
    let cell = emulated(GripperKind::G2, Pace::AsFastAsPossible);
    let read = |file: &str| {
        let path = cell.path().join(file);
        let text = fs::read_to_string(&path).unwrap();
        (text, Layers::default().with_file(&path).unwrap().resolve().unwrap().task)
    };
    let near = |a: f64, b: f64| assert!((a - b).abs() < 2e-5, "{a} {b}");
    cell.move_to(0.41, 0.16, 0.032, 4.0);
    let motions = cell.motions();

    // Told, and nothing changed.
    let (before, _) = read(CONFIG);
    let output = cell.cell(&["teach", "place"]);
    assert!(output.status.success(), "{}", stderr(&output));
    let told: Value = serde_json::from_str(&stdout(&output)).unwrap();
    assert!(told["toml"].as_str().unwrap().starts_with("[task.place]\nx_m = 0.41\n"), "{told}");
    assert_eq!(told["written"], Value::Null);
    assert_eq!(read(CONFIG).0, before);

    let output = cell.cell(&["teach", "place", "--write"]);
    assert!(output.status.success(), "{}", stderr(&output));
    let (text, task) = read(CONFIG);
    near(task.place.x_m, 0.41);
    near(task.place.y_m, 0.16);
    near(task.place.surface_m, 0.03);
    assert!((task.place.yaw_deg - 4.0).abs() < 0.011, "{}", task.place.yaw_deg);
    assert!(text.contains("x_m = 0.41 # to be taught") && text.starts_with("# a cell"), "{text}");

    // A tool that the controller does not know yet is reckoned with, however it was measured.
    cell.move_to(0.35, 0.05, 0.2, 0.0);
    for number in ["0.3", "0.25"] {
        cell.move_to(0.35, 0.05, number.parse().unwrap(), 0.0);
        assert!(cell.cell(&["teach", "via", "--write"]).status.success());
    }
    let (_, task) = read(CONFIG);
    near(task.via[0].z_m, 0.3);
    near(task.via[1].z_m, 0.25);
    let output = cell.cell(&["teach", "via", "--replace", "2"]);
    assert!(stderr(&output).contains("task.via has 2"), "{}", stderr(&output));

    // Into another file; never over one that is there.
    let output = cell.cell(&["teach", "home", "--out", "new.toml"]);
    assert!(output.status.success(), "{}", stderr(&output));
    near(read("new.toml").1.home.z_m, 0.25);
    assert_eq!(cell.cell(&["teach", "home", "--out", "new.toml"]).status.code(), Some(2));

    // What would not be valid is not written: a place as high as the arm travels.
    let (before, _) = read(CONFIG);
    let output = cell.cell(&["teach", "place", "--write"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("nothing was written"), "{}", stderr(&output));
    assert_eq!(read(CONFIG).0, before);
    // Nor what the arm does not get to from all starts.
    let far = ["--set", "task.start.x_m=[0.26, 0.57]"];
    let output = cell.cell(&[&["teach", "home", "--write"][..], &far].concat());
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("the arm cannot reach every pose"), "{}", stderr(&output));
    assert!(stderr(&output).contains("task.start"), "{}", stderr(&output));
    assert_eq!(read(CONFIG).0, before);
    // 3 from the first, three from the others: nothing here moved the arm.
    assert_eq!(cell.motions(), motions + 3);
}

#[test]
fn a_tool_of_another_length_is_reckoned_with() {
    let cell = emulated(GripperKind::G2, Pace::AsFastAsPossible);
    cell.move_to(0.35, 0.05, 0.2, 0.0);
    // The controller has 59.5 mm from the last run; the fingers are 20 mm longer now.
    let longer = ["--set", "xarm.tcp_offset_mm_deg=[159.5, 0.0, 79.5, 0.0, 0.0, 0.0]"];
    let output = cell.cell(&[&["teach", "home"][..], &longer].concat());
    assert!(output.status.success(), "{}", stderr(&output));
    let told: Value = serde_json::from_str(&stdout(&output)).unwrap();
    assert!(told["toml"].as_str().unwrap().contains("z_m = 0.18\n"), "{told}");
}

#[test]
fn the_camera_teaches_the_place_of_a_plate_that_it_sees() {
    let cell = emulated(GripperKind::G2, Pace::AsFastAsPossible);
    let output = cell.cell(&["teach", "place", "--from", "camera"]);
    assert!(output.status.success(), "{}", stderr(&output));
    let told: Value = serde_json::from_str(&stdout(&output)).unwrap();
    let (_, checks) = cell.doctor(&[]);
    let seen = check(&checks, "plate")["found"].as_str().unwrap().to_string();
    let table: toml::Table = told["toml"].as_str().unwrap().parse().unwrap();
    let x_mm = 1000.0 * table["task"]["place"]["x_m"].as_float().unwrap();
    // Another picture has other noise.
    let seen_mm: f64 = seen["x = ".len()..].split(' ').next().unwrap().parse().unwrap();
    assert!((x_mm - seen_mm).abs() < 1.0, "{x_mm} {seen}");
    assert_eq!(table["task"]["place"]["surface_m"].as_float(), Some(0.0));
    assert_eq!(cell.motions(), 0);
}

/// Pictures of a cell, looked at far from it: no camera is asked, and nothing is trained on them.
#[test]
fn a_recording_is_looked_at_and_never_trained_with() {
    let cell = emulated(GripperKind::G2, Pace::AsFastAsPossible);
    let record = ["snapshot", "--record", "frames", "--at", "target", "--seed", "0"];
    let output = rmrl(cell.path(), &record).output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    let recorded = ["--set", "camera.source=playback", "--set", "camera.recording=frames"];

    let (healthy, checks) = cell.doctor(&recorded);
    assert!(healthy, "{checks:?}");
    assert_eq!(check(&checks, "calibration")["status"], "skipped");
    assert_eq!(check(&checks, "plate")["status"], "ok");
    let output = cell.cell(&[&["teach", "place", "--from", "camera"][..], &recorded].concat());
    assert!(output.status.success(), "{}", stderr(&output));
    let told: Value = serde_json::from_str(&stdout(&output)).unwrap();
    let taught: toml::Table = told["toml"].as_str().unwrap().parse().unwrap();
    let x_m = taught["task"]["place"]["x_m"].as_float().unwrap();
    assert!((x_m - 0.46).abs() < 0.02, "{told}");

    let (_, checks) = cell.doctor(&["--set", "camera.source=playback"]);
    assert_eq!(failed(&checks), ["configuration"]);
    assert!(text_of(check(&checks, "configuration")).contains("camera.recording is not given"));
    let frame = cell.path().join("frames/000001.png");
    fs::write(&frame, "torn").unwrap();
    let (_, checks) = cell.doctor(&recorded);
    assert_eq!(failed(&checks), ["camera"]);
    assert!(text_of(check(&checks, "camera")).contains("000001.png"), "{checks:?}");

    let train = [&["train", "--config", CONFIG, "--out", "run"][..], &recorded].concat();
    let output = rmrl(cell.path(), &train).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("camera.source is \"playback\""), "{}", stderr(&output));
    assert!(!cell.path().join("run").exists());
    assert_eq!(cell.motions(), 0);
}

/// The configurations of real cells are valid as they are, the shelf's lines included.
#[test]
fn the_configurations_of_real_cells_are_valid_and_within_reach() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../configs");
    for name in ["xarm6.toml", "xarm6-emulated.toml"] {
        let config = Layers::default().with_file(&folder.join(name)).unwrap().resolve().unwrap();
        prove_reach(&config).unwrap();
    }
    let path = folder.join("xarm6.toml");
    let text = fs::read_to_string(&path).unwrap();
    let shelf: String =
        text.lines().filter_map(|line| line.strip_prefix("#|")).flat_map(|it| [it, "\n"]).collect();
    let layers =
        Layers::default().with_file(&path).unwrap().with_text("the shelf", &shelf).unwrap();
    let config = layers.resolve().unwrap();
    prove_reach(&config).unwrap();
    assert_eq!(config.task.via.len(), 2);
    assert!(config.task.first_contact_speed_m_s.is_some());
}

#[test]
fn a_simulated_cell_has_no_arm_to_speak_to_and_is_healthy() {
    let dir = tempfile::tempdir().unwrap();
    for arguments in [["cell", "home", "--yes"], ["cell", "teach", "home"]] {
        let output = rmrl(dir.path(), &arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(2));
        assert!(stderr(&output).contains("configs/xarm6.toml"), "{}", stderr(&output));
    }
    let diagnosis = json(&mut rmrl(dir.path(), &["cell", "doctor"]));
    assert_eq!(diagnosis["healthy"], true);
    assert_eq!(check(diagnosis["checks"].as_array().unwrap(), "plate")["status"], "ok");
}
