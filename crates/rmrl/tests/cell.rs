//! `rmrl cell`, as its users run it, on an emulated arm in the simulated cell.

#![allow(clippy::unwrap_used, reason = "a test that fails at an unwrap has done its work")]

mod binary;
mod emulated;

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Output, Stdio};

use binary::process::{send_signal, wait_until};
use binary::{json, rmrl, stderr, stdout};
use emulated::{EmulatedCell, move_arm};
use rmrl::{Layers, RunConfig, prove_reach};
use rmrl_cell::{DeviceError, ToolPose};
use rmrl_core::PlanarPose;
use rmrl_xarm::emulator::{GripperKind, MotionFault, Pace};
use rmrl_xarm::{ArmState, Inspector, Robot, XArmConfig};
use serde_json::Value;

/// An emulated cell, and a configuration file for it.
struct ConfiguredCell {
    emulated: EmulatedCell,
    xarm: XArmConfig,
}

const CONFIG: &str = "cell.toml";

impl ConfiguredCell {
    fn start(gripper: GripperKind, pace: Pace) -> Self {
        let emulated = EmulatedCell::start_as(
            0,
            |_| {},
            |controller| (controller.gripper, controller.pace) = (gripper, pace),
        );
        let text = format!(
            "# a cell to try things in\n[cell]\nkind = \"xarm\"\noperator = \"remote\"\n\n[camera]\nsource = \
             \"remote\"\nmax_residual_mm = 20.0\n\n[remote]\naddress = \"{}\"\n\n[xarm]\nhost = \"127.0.0.1\" # here\n\
             control_port = {}\nreport_port = {}\nstandstill_secs = 0.2\n\n[task.place]\nx_m = 0.46 # to be taught\n\
             y_m = 0.18\nyaw_deg = 0.0\nsurface_m = 0.0\n",
            emulated.server_address,
            emulated.control_address().port(),
            emulated.report_address().port(),
        );
        fs::write(emulated.dir.path().join(CONFIG), text).unwrap();
        Self { xarm: emulated.xarm(), emulated }
    }

    fn path(&self) -> &Path {
        self.emulated.dir.path()
    }

    /// Runs `rmrl cell` with these arguments and the configuration.
    fn run(&self, arguments: &[&str]) -> Output {
        rmrl(self.path(), &[&["cell"], arguments, &["--config", CONFIG]].concat())
            .stdin(Stdio::null())
            .output()
            .unwrap()
    }

    /// Whether the doctor found the cell healthy, and its checks.
    fn doctor(&self, arguments: &[&str]) -> (bool, Vec<Value>) {
        let output = self.run(&[&["doctor"], arguments].concat());
        let diagnosis: Value = serde_json::from_str(&stdout(&output)).unwrap();
        let healthy = diagnosis["healthy"].as_bool().unwrap();
        assert_eq!(output.status.code(), Some(if healthy { 0 } else { 1 }), "{}", stderr(&output));
        (healthy, diagnosis["checks"].as_array().unwrap().clone())
    }

    /// Moves the arm to a pose. Returns the result of the motion.
    fn move_to(&self, [x_m, y_m, z_m]: [f64; 3], yaw_deg: f64) -> Result<ToolPose, DeviceError> {
        let planar = PlanarPose::new(x_m, y_m, yaw_deg.to_radians());
        move_arm(self.xarm.clone(), ToolPose::new(planar, z_m))
    }

    fn tool(&self) -> ToolPose {
        self.inspector().tool(None).unwrap().pose
    }

    fn inspector(&self) -> Inspector {
        Inspector::connect(self.xarm.clone()).unwrap()
    }

    /// How many motions the arm has made.
    fn motions(&self) -> usize {
        self.emulated.recording().motions.len()
    }

    /// Replaces a text in the configuration file.
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

/// The names of the failed checks.
fn failed(checks: &[Value]) -> Vec<&str> {
    let failed = checks.iter().filter(|check| check["status"] == "fail");
    failed.map(|check| check["name"].as_str().unwrap()).collect()
}

fn text_of(check: &Value) -> String {
    check.to_string()
}

#[test]
fn a_healthy_cell_has_nothing_to_fix_and_nothing_moves() {
    let cell = ConfiguredCell::start(GripperKind::G2, Pace::AsFastAsPossible);
    let before = cell.tool();
    let (healthy, checks) = cell.doctor(&[]);
    assert!(healthy, "{checks:?}");
    let reach = check(&checks, "reach")["found"].as_str().unwrap();
    assert!(reach.contains("degrees left") && reach.contains("singularity"), "{reach}");
    for (name, expected) in [
        ("configuration", "ok"),
        ("reach", "ok"),
        // The configuration has no speed for the first contact.
        ("limits", "warn"),
        ("models", "ok"),
        ("disk", "ok"),
        ("clock", "ok"),
        ("operator", "ok"),
        ("arm", "ok"),
        ("firmware", "ok"),
        ("arm errors", "ok"),
        // The settings are missing until a program has connected and set them.
        ("fence", "warn"),
        ("tool pose", "ok"),
        // The gripper has no power yet.
        ("gripper", "warn"),
        ("camera", "ok"),
        ("plate", "ok"),
    ] {
        assert_eq!(check(&checks, name)["status"], expected, "{}", check(&checks, name));
    }
    assert_eq!(cell.motions(), 0);
    assert_eq!(cell.emulated.recording().gripper_motions, 0);
    let (mut arm, after) = (cell.inspector(), cell.tool());
    assert_eq!(arm.state().unwrap().0, ArmState::Stopped, "nothing was set up");
    assert_eq!(before, after);

    // Afterwards the doctor reads them back.
    drop(Robot::connect(cell.xarm.clone()).unwrap());
    let (healthy, checks) = cell.doctor(&[]);
    assert!(healthy);
    for name in ["fence", "arm settings", "arm state"] {
        assert_eq!(check(&checks, name)["status"], "ok", "{}", check(&checks, name));
    }
    // Every check has a name, a status, what was found, and, if it is not fine, how to fix it.
    for check in &checks {
        assert!(!check["found"].as_str().unwrap().is_empty(), "{check}");
        let is_fine = ["ok", "skipped"].contains(&check["status"].as_str().unwrap());
        assert_eq!(check["fix"].is_string(), !is_fine, "{check}");
    }
}

#[test]
fn a_missing_part_hides_no_other() {
    let mut cell = ConfiguredCell::start(GripperKind::G2, Pace::AsFastAsPossible);
    let own = format!("control_port = {}", cell.xarm.control_port);

    // No arm: nothing listens on the port of a closed listener.
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    cell.replace(&own, &format!("control_port = {closed}"));
    let (_, checks) = cell.doctor(&[]);
    assert_eq!(failed(&checks), ["arm"]);
    assert!(text_of(check(&checks, "arm")).contains("xarm.host"), "{checks:?}");
    assert_eq!(check(&checks, "gripper")["status"], "skipped");
    assert_eq!(check(&checks, "plate")["status"], "ok");
    cell.replace(&format!("control_port = {closed}"), &own);

    // Another robot than the configured one.
    let (_, checks) = cell.doctor(&["--set", "xarm.model=xarm5"]);
    // The joints of that robot would put the tool elsewhere than the controller reports.
    assert_eq!(failed(&checks), ["firmware", "tool pose"]);
    let firmware = check(&checks, "firmware");
    assert!(text_of(firmware).contains("xArm 6, firmware 2.5.0"), "{firmware}");
    assert!(firmware["fix"].as_str().unwrap().starts_with("set xarm.model = \"xarm6\""));
    let message = stderr(&cell.run(&["teach", "home", "--set", "xarm.model=xarm5"]));
    assert!(message.contains("another robot: xArm 6, configured is xArm 5"), "{message}");

    // A tool that is turned the wrong way.
    let (_, checks) = cell.doctor(&["--set", "xarm.jaw_yaw_deg=0"]);
    let reach = check(&checks, "reach");
    assert!(text_of(reach).contains("xarm.jaw_yaw_deg = 180 would work"), "{reach}");
    assert!(reach["fix"].as_str().unwrap().starts_with("set xarm.jaw_yaw_deg = 180,"));

    // Another gripper than the configured one, and an invalid value.
    let (_, checks) = cell.doctor(&["--set", "xarm.gripper.generation=first"]);
    assert_eq!(failed(&checks), ["gripper"]);
    assert!(text_of(check(&checks, "gripper")).contains("second generation"), "{checks:?}");
    let (_, checks) = cell.doctor(&["--set", "trials=0"]);
    assert_eq!(failed(&checks), ["configuration"]);
    assert_eq!(check(&checks, "arm")["status"], "ok");
    let (_, checks) = cell.doctor(&["--set", "trails=1"]);
    assert_eq!(failed(&checks), ["configuration"]);
    assert_eq!(checks.len(), 1);
    // Invalid times are rejected by key, before any use.
    for value in ["xarm.answer_timeout_secs=-1.0", "remote.timeout_secs=-1.0"] {
        let (_, checks) = cell.doctor(&["--set", value]);
        assert_eq!(failed(&checks), ["configuration"]);
        for command in [&["teach", "place", "--from", "camera"][..], &["home", "--yes"]] {
            let output = cell.run(&[command, &["--set", value]].concat());
            assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
            let key = value.split('=').next().unwrap();
            assert!(stderr(&output).contains(key), "{}", stderr(&output));
        }
    }
    let output = rmrl(cell.path(), &["cell", "doctor", "--config", "none.toml"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let diagnosis: Value = serde_json::from_str(&stdout(&output)).unwrap();
    assert!(diagnosis["checks"][0]["found"].as_str().unwrap().contains("none.toml"));

    // An invalid camera file, and a missing one.
    fs::write(cell.path().join("overhead.toml"), "[intrinsics]\nwidth = 3\n").unwrap();
    for file in ["overhead.toml", "nowhere.toml"] {
        let (_, checks) = cell.doctor(&["--set", &format!("camera.calibration={file}")]);
        assert_eq!(failed(&checks), ["calibration"]);
        assert!(text_of(check(&checks, "calibration")).contains(file), "{checks:?}");
        assert_eq!(check(&checks, "camera")["status"], "ok");
    }

    // The calibration of the remote camera is checked, too.
    let (_, checks) = cell.doctor(&["--set", "camera.max_residual_mm=0.1"]);
    assert_eq!(failed(&checks), ["calibration"]);
    assert!(text_of(check(&checks, "calibration")).contains("remote.address"), "{checks:?}");
    assert_eq!(check(&checks, "camera")["status"], "ok");

    // The chosen models are missing.
    let (_, checks) = cell.doctor(&["--set", "vision.detector=grounding-dino"]);
    assert_eq!(failed(&checks), ["models"]);
    assert_eq!(check(&checks, "plate")["status"], "skipped");

    // Neither camera nor operator.
    cell.emulated.server = None;
    let (_, checks) = cell.doctor(&[]);
    assert_eq!(failed(&checks), ["operator", "camera"]);
    assert_eq!(check(&checks, "tool pose")["status"], "ok");
}

#[test]
fn a_missing_gripper_is_reported() {
    let cell = ConfiguredCell::start(GripperKind::None, Pace::AsFastAsPossible);
    let (healthy, checks) = cell.doctor(&[]);
    assert!(!healthy);
    assert_eq!(failed(&checks), ["gripper"]);
    assert!(text_of(check(&checks, "gripper")).contains("flange"), "{checks:?}");
}

#[test]
fn an_error_is_explained_and_cleared_only_on_request() {
    let cell = ConfiguredCell::start(GripperKind::G2, Pace::AsFastAsPossible);
    cell.emulated.running.faults().in_motion(1, 0.5, MotionFault::Collision);
    cell.move_to([0.3, 0.0, 0.2], 0.0).unwrap_err();
    for _ in 0..2 {
        let (_, checks) = cell.doctor(&[]);
        assert_eq!(failed(&checks), ["arm errors"]);
        let error = text_of(check(&checks, "arm errors"));
        assert!(error.contains("error 31") && error.contains("--clear"), "{error}");
    }
    let motions = cell.motions();
    let output = cell.run(&["home", "--yes"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("controller error 31"), "{}", stderr(&output));
    assert_eq!(cell.motions(), motions);

    let (healthy, checks) = cell.doctor(&["--clear"]);
    assert!(healthy, "{checks:?}");
    assert!(text_of(check(&checks, "arm errors")).contains("cleared: error 31"));
    assert!(cell.doctor(&[]).0);
}

#[test]
fn the_error_of_a_pressed_button_is_not_cleared() {
    let cell = ConfiguredCell::start(GripperKind::G2, Pace::AsFastAsPossible);
    cell.emulated.running.faults().in_motion(1, 0.5, MotionFault::EmergencyStop);
    cell.move_to([0.3, 0.0, 0.2], 0.0).unwrap_err();
    let (_, checks) = cell.doctor(&["--clear"]);
    assert_eq!(failed(&checks), ["arm errors"]);
    let error = text_of(check(&checks, "arm errors"));
    assert!(error.contains("error 2") && error.contains("came again"), "{error}");
    cell.emulated.running.faults().release_emergency_stop();
    assert!(cell.doctor(&["--clear"]).0);
}

#[test]
fn the_arm_goes_home_over_travel_height_and_only_with_permission() {
    let cell = ConfiguredCell::start(GripperKind::G2, Pace::AsFastAsPossible);
    cell.move_to([0.40, 0.10, 0.05], 10.0).unwrap();
    let before = cell.motions();
    let output = cell.run(&["home", "--set", "cell.operator=terminal"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("--yes"), "{}", stderr(&output));
    assert_eq!(cell.motions(), before);

    let output = cell.run(&["home", "--yes"]);
    assert!(output.status.success(), "{}", stderr(&output));
    let home = RunConfig::for_task(Default::default()).task.home.tool_pose();
    assert!(cell.tool().planar.distance_m(home.planar) < 1e-4, "{:?}", cell.tool());
    assert!((cell.tool().z_m - home.z_m).abs() < 1e-4);
    let motions = &cell.emulated.recording().motions[before..];
    let [rise, travel] = motions else { panic!("{motions:?}") };
    let [from, to] = [rise.from.translation, rise.to.translation];
    assert!((from.x - to.x).hypot(from.y - to.y) < 1e-4 && (to.z - 0.12).abs() < 1e-4, "{rise:?}");
    assert!(travel.speed <= 0.25 + 1e-6);

    // A home outside the envelope is an error of the configuration.
    let output = cell.run(&["home", "--yes", "--set", "safety.y_m=[-0.25, 0.25]"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("task.home"), "{}", stderr(&output));

    // No path from outside the envelope is known: this is within the fence, beyond the envelope.
    cell.move_to([0.30, 0.36, 0.2], 0.0).unwrap();
    let before = cell.motions();
    let output = cell.run(&["home", "--yes"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("inside by hand"), "{}", stderr(&output));
    assert_eq!(cell.motions(), before);
    let (_, checks) = cell.doctor(&[]);
    assert_eq!(failed(&checks), ["tool pose"]);
}

/// Starts a program that moves the arm at 1 cm/s, for many seconds.
fn start_slow_motion(cell: &ConfiguredCell, inspector: &mut Inspector) -> Child {
    let home = ["cell", "home", "--yes", "--config", CONFIG];
    let mut moving = rmrl(cell.path(), &home)
        .args(["--set", "task.travel_speed_m_s=0.01"])
        .args(["--set", "task.home.x_m=0.3", "--set", "task.home.y_m=-0.1"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    wait_until("the arm moves", || {
        let is_moving = inspector.state().unwrap().0 == ArmState::Moving;
        assert!(is_moving || moving.try_wait().unwrap().is_none(), "it ended before it moved");
        is_moving
    });
    moving
}

#[test]
fn ctrl_c_stops_the_arm_on_its_way_home() {
    let cell = ConfiguredCell::start(GripperKind::G2, Pace::Times(1.0));
    let mut inspector = cell.inspector();
    let moving = start_slow_motion(&cell, &mut inspector);
    send_signal(&moving, "-INT");
    let ended = moving.wait_with_output().unwrap();
    assert_eq!(ended.status.code(), Some(130), "{}", stderr(&ended));
    assert_eq!(inspector.state().unwrap().0, ArmState::Stopped);
    let at = cell.tool().planar;
    assert!(at.distance_m(PlanarPose::new(0.3, -0.1, 0.0)) > 0.05, "{at:?}");
}

#[test]
fn a_stop_from_another_program_halts_a_slow_motion() {
    let cell = ConfiguredCell::start(GripperKind::G2, Pace::Times(1.0));
    let mut inspector = cell.inspector();
    let moving = start_slow_motion(&cell, &mut inspector);
    // With an address, the file does not have to be valid.
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
    // A second stop succeeds, too; this time the address comes from the file.
    let again = json(&mut rmrl(cell.path(), &["cell", "stop", "--config", CONFIG, "--watch", "0"]));
    assert_eq!(again["state"], "stopped");
    assert_eq!(again["error"], 0);
}

/// A program that recovers from an error starts the arm, and takes a stop at that moment for a part of the error.
#[test]
fn a_stop_holds_against_a_program_that_starts_the_arm_again() {
    let cell = ConfiguredCell::start(GripperKind::G2, Pace::AsFastAsPossible);
    let mut stop = rmrl(cell.path(), &["cell", "stop", "--config", CONFIG, "--watch", "6"]);
    let mut stopping = stop.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(stopping.stderr.take().unwrap()).read_line(&mut line).unwrap();
    assert!(line.contains("watching for 6 s"), "{line}");
    // Another program connects and sets up the arm. It is stopped again, however far it gets.
    let _ = Robot::connect(cell.xarm.clone());
    let ended = stopping.wait_with_output().unwrap();
    let stopped: Value = serde_json::from_str(&stdout(&ended)).unwrap();
    assert!(stopped["stopped_again"].as_u64().unwrap() >= 1, "{stopped}");
    let mut inspector = cell.inspector();
    assert_eq!(inspector.state().unwrap().0, ArmState::Stopped);
}

#[test]
fn a_gripper_without_power_is_reported_and_powered_only_on_request() {
    let cell = ConfiguredCell::start(GripperKind::G1, Pace::AsFastAsPossible);
    let width = "--set=task.jaw_opening_m=0.15";
    let (_, checks) = cell.doctor(&[width]);
    let gripper = check(&checks, "gripper");
    assert!(text_of(gripper).contains("--power-gripper"), "{gripper}");
    let (_, checks) = cell.doctor(&[width]);
    assert_eq!(check(&checks, "gripper")["status"], "warn", "the doctor powered the gripper");
    let (_, checks) = cell.doctor(&[width, "--power-gripper"]);
    assert_eq!(check(&checks, "gripper")["status"], "ok", "{checks:?}");
}

#[test]
fn a_stop_that_reaches_no_controller_says_what_to_do_instead() {
    let dir = tempfile::tempdir().unwrap();
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let port = closed.to_string();
    let stop = ["cell", "stop", "--host", "127.0.0.1", "--port", &port];
    let output = rmrl(dir.path(), &stop).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("emergency stop button"), "{}", stderr(&output));
}

#[test]
fn teach_records_where_the_arm_stands() {
    let cell = ConfiguredCell::start(GripperKind::G2, Pace::AsFastAsPossible);
    let read = |file: &str| {
        let path = cell.path().join(file);
        let text = fs::read_to_string(&path).unwrap();
        (text, Layers::default().with_file(&path).unwrap().resolve().unwrap().task)
    };
    let near = |a: f64, b: f64| assert!((a - b).abs() < 2e-5, "{a} {b}");
    cell.move_to([0.41, 0.16, 0.032], 4.0).unwrap();
    let motions = cell.motions();

    // Printed, and nothing is written.
    let (before, _) = read(CONFIG);
    let output = cell.run(&["teach", "place"]);
    assert!(output.status.success(), "{}", stderr(&output));
    let result: Value = serde_json::from_str(&stdout(&output)).unwrap();
    assert!(result["toml"].as_str().unwrap().starts_with("[task.place]\nx_m = 0.41\n"), "{result}");
    assert_eq!(result["written"], Value::Null);
    assert_eq!(read(CONFIG).0, before);

    let output = cell.run(&["teach", "place", "--write"]);
    assert!(output.status.success(), "{}", stderr(&output));
    let (text, task) = read(CONFIG);
    near(task.place.x_m, 0.41);
    near(task.place.y_m, 0.16);
    near(task.place.surface_m, 0.03);
    assert!((task.place.yaw_deg - 4.0).abs() < 0.011, "{}", task.place.yaw_deg);
    assert!(text.contains("x_m = 0.41 # to be taught") && text.starts_with("# a cell"), "{text}");

    // Waypoints are appended.
    cell.move_to([0.35, 0.05, 0.2], 0.0).unwrap();
    for number in ["0.3", "0.25"] {
        cell.move_to([0.35, 0.05, number.parse().unwrap()], 0.0).unwrap();
        assert!(cell.run(&["teach", "via", "--write"]).status.success());
    }
    let (_, task) = read(CONFIG);
    near(task.via[0].z_m, 0.3);
    near(task.via[1].z_m, 0.25);
    let output = cell.run(&["teach", "via", "--replace", "2"]);
    assert!(stderr(&output).contains("task.via has 2"), "{}", stderr(&output));

    // Into another file, but never over an existing one.
    let output = cell.run(&["teach", "home", "--out", "new.toml"]);
    assert!(output.status.success(), "{}", stderr(&output));
    near(read("new.toml").1.home.z_m, 0.25);
    assert_eq!(cell.run(&["teach", "home", "--out", "new.toml"]).status.code(), Some(2));

    // An invalid configuration is not written: a place as high as the arm travels.
    let (before, _) = read(CONFIG);
    let output = cell.run(&["teach", "place", "--write"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("nothing was written"), "{}", stderr(&output));
    assert_eq!(read(CONFIG).0, before);
    // Neither is one in which the arm does not reach all starts.
    let far = ["--set", "task.start.x_m=[0.26, 0.57]"];
    let output = cell.run(&[&["teach", "home", "--write"][..], &far].concat());
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("the arm cannot reach every pose"), "{}", stderr(&output));
    assert!(stderr(&output).contains("task.start"), "{}", stderr(&output));
    assert_eq!(read(CONFIG).0, before);
    // Only the three motions above: teaching moved nothing.
    assert_eq!(cell.motions(), motions + 3);
}

#[test]
fn teach_accounts_for_a_tool_of_another_length() {
    let cell = ConfiguredCell::start(GripperKind::G2, Pace::AsFastAsPossible);
    cell.move_to([0.35, 0.05, 0.2], 0.0).unwrap();
    // The controller has 59.5 mm from the last run; the fingers are 20 mm longer now.
    let longer = ["--set", "xarm.tcp_offset_mm_deg=[159.5, 0.0, 79.5, 0.0, 0.0, 0.0]"];
    let output = cell.run(&[&["teach", "home"][..], &longer].concat());
    assert!(output.status.success(), "{}", stderr(&output));
    let result: Value = serde_json::from_str(&stdout(&output)).unwrap();
    assert!(result["toml"].as_str().unwrap().contains("z_m = 0.18\n"), "{result}");
}

#[test]
fn teach_can_read_the_place_of_a_plate_from_the_camera() {
    let cell = ConfiguredCell::start(GripperKind::G2, Pace::AsFastAsPossible);
    let output = cell.run(&["teach", "place", "--from", "camera"]);
    assert!(output.status.success(), "{}", stderr(&output));
    let result: Value = serde_json::from_str(&stdout(&output)).unwrap();
    let (_, checks) = cell.doctor(&[]);
    let seen = check(&checks, "plate")["found"].as_str().unwrap().to_string();
    let table: toml::Table = result["toml"].as_str().unwrap().parse().unwrap();
    let x_mm = 1000.0 * table["task"]["place"]["x_m"].as_float().unwrap();
    // Another image has other noise.
    let seen_mm: f64 = seen["x = ".len()..].split(' ').next().unwrap().parse().unwrap();
    assert!((x_mm - seen_mm).abs() < 1.0, "{x_mm} {seen}");
    assert_eq!(table["task"]["place"]["surface_m"].as_float(), Some(0.0));
    assert_eq!(cell.motions(), 0);
}

/// Recorded frames of a cell can be inspected far from it, without a camera. Nothing trains with them.
#[test]
fn a_recording_is_inspected_and_never_trained_with() {
    let cell = ConfiguredCell::start(GripperKind::G2, Pace::AsFastAsPossible);
    let record = ["snapshot", "--record", "frames", "--at", "target", "--seed", "0"];
    let output = rmrl(cell.path(), &record).output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    let recorded = ["--set", "camera.source=playback", "--set", "camera.recording=frames"];

    let (healthy, checks) = cell.doctor(&recorded);
    assert!(healthy, "{checks:?}");
    assert_eq!(check(&checks, "calibration")["status"], "skipped");
    assert_eq!(check(&checks, "plate")["status"], "ok");
    let output = cell.run(&[&["teach", "place", "--from", "camera"][..], &recorded].concat());
    assert!(output.status.success(), "{}", stderr(&output));
    let result: Value = serde_json::from_str(&stdout(&output)).unwrap();
    let taught: toml::Table = result["toml"].as_str().unwrap().parse().unwrap();
    let x_m = taught["task"]["place"]["x_m"].as_float().unwrap();
    assert!((x_m - 0.46).abs() < 0.02, "{result}");

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

/// The lines of the shelf, which are comments in the file, are valid, too.
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
fn a_simulated_cell_has_no_real_arm_and_is_healthy() {
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
