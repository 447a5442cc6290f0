//! The emulated controller, asked in bytes: what the vendor's software sends beyond what the driver needs.

#![allow(clippy::unwrap_used, reason = "a test that fails at an unwrap has done its work")]

mod kinematic_plant;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use kinematic_plant::KinematicPlant;
use nalgebra::{Isometry3, Vector3};
use proptest::prelude::*;
use rmrl_core::PlanarPose;
use rmrl_xarm::ArmModel;
use rmrl_xarm::emulator::{
    EmulatedController, EmulatorConfig, Firmware, GripperKind, Pace, RunningEmulator,
};
use rmrl_xarm::kinematics::ArmKinematics;

const PATIENCE: Duration = Duration::from_secs(10);

const ERROR: u8 = 0x40;
const WARNING: u8 = 0x20;
const NOT_READY: u8 = 0x10;
const INVALID: u8 = 0x08;

/// A client without any knowledge.
struct Raw {
    running: RunningEmulator,
    stream: TcpStream,
    transaction: u16,
}

impl Raw {
    fn new(config: EmulatorConfig) -> Self {
        let plant = KinematicPlant::new(PlanarPose::new(0.35, 0.1, 0.0));
        let running = EmulatedController::start(config, plant.plant()).unwrap();
        let stream = TcpStream::connect(running.addresses().unwrap().control).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Self { running, stream, transaction: 0 }
    }

    /// With power and the plant's tool, in a mode. The tool is at 300, 0, 200.
    fn ready(config: EmulatorConfig, mode: u8) -> Self {
        let mut raw = Self::new(config);
        raw.ask(35, &bytes(&[0.0, 0.0, 150.0, 0.0, 0.0, 0.0]));
        raw.recover(mode);
        raw
    }

    fn recover(&mut self, mode: u8) {
        for (register, parameters) in
            [(16, vec![]), (17, vec![]), (11, vec![8, 1]), (19, vec![mode]), (12, vec![0])]
        {
            self.ask(register, &parameters);
        }
        assert_eq!(self.state(), 2);
    }

    fn exchange(&mut self, protocol: u16, body: &[u8]) -> Vec<u8> {
        self.transaction += 1;
        let mut frame = Vec::new();
        for number in [self.transaction, protocol, body.len() as u16] {
            frame.extend(number.to_be_bytes());
        }
        frame.extend(body);
        self.stream.write_all(&frame).unwrap();
        let mut head = [0; 6];
        self.stream.read_exact(&mut head).unwrap();
        assert_eq!(head[..4], frame[..4]);
        let mut answer = vec![0; usize::from(u16::from_be_bytes([head[4], head[5]]))];
        self.stream.read_exact(&mut answer).unwrap();
        answer
    }

    /// The status of the answer, and its data.
    fn ask(&mut self, register: u8, parameters: &[u8]) -> (u8, Vec<u8>) {
        let answer = self.exchange(2, &[&[register], parameters].concat());
        assert_eq!(answer[0], register);
        (answer[1], answer[2..].to_vec())
    }

    fn state(&mut self) -> u8 {
        self.ask(13, &[]).1[0]
    }

    fn errors(&mut self) -> [u8; 2] {
        self.ask(15, &[]).1.try_into().unwrap()
    }

    fn pose(&mut self) -> Vec<f32> {
        floats(&self.ask(41, &[]).1)
    }

    fn joints(&mut self) -> Vec<f32> {
        floats(&self.ask(42, &[]).1)
    }

    /// Waits until nothing moves.
    fn rests(&mut self) {
        let until = Instant::now() + PATIENCE;
        while self.state() == 1 {
            assert!(Instant::now() < until, "it still moves");
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Moves the tool in a straight line, pointing down.
    fn line(&mut self, x: f32, y: f32, z: f32) {
        let (status, _) = self.ask(21, &line([x, y, z, PI, 0.0, 0.0]));
        assert_eq!(status, 0);
        self.rests();
        assert_eq!(self.errors()[0], 0);
    }
}

const PI: f32 = std::f32::consts::PI;

fn bytes(numbers: &[f32]) -> Vec<u8> {
    numbers.iter().flat_map(|number| number.to_le_bytes()).collect()
}

fn floats(bytes: &[u8]) -> Vec<f32> {
    bytes.chunks_exact(4).map(|four| f32::from_le_bytes(four.try_into().unwrap())).collect()
}

/// A line of firmware 1.11.100 and newer, at 200 mm/s.
fn line(pose: [f32; 6]) -> Vec<u8> {
    [bytes(&pose), bytes(&[200.0, 2000.0, 0.0, -1.0]), vec![0, 0, 0]].concat()
}

/// Six joints at 1 rad/s.
fn joint_motion(joints: [f32; 6]) -> Vec<u8> {
    [bytes(&joints), bytes(&[0.0, 1.0, 10.0, 0.0])].concat()
}

fn circle(points: [[f32; 3]; 2], percent: f32) -> Vec<u8> {
    let pose = |[x, y, z]: [f32; 3]| bytes(&[x, y, z, PI, 0.0, 0.0]);
    let motion = bytes(&[200.0, 2000.0, 0.0, percent]);
    [pose(points[0]), pose(points[1]), motion, vec![0, 0, 0]].concat()
}

fn quick() -> EmulatorConfig {
    EmulatorConfig {
        flange_from_tool: Isometry3::translation(0.0, 0.0, 0.15),
        ..EmulatorConfig::default()
    }
}

/// In real time, with a fine resolution.
fn real_time() -> EmulatorConfig {
    EmulatorConfig { pace: Pace::Times(1.0), segment_secs: 0.005, ..quick() }
}

fn near(got: &[f32], expected: &[f32], tolerance: f32) {
    let apart = got.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(apart <= tolerance, "{got:?} instead of {expected:?}");
}

/// The vendor's software from 1.18 on sends infinity for joints that shall stay: one joint could not be moved.
#[test]
fn an_infinite_joint_stays() {
    const STAY: f32 = f32::INFINITY;
    let mut raw = Raw::ready(quick(), 0);
    let before = raw.joints();
    assert_eq!(raw.ask(23, &joint_motion([0.3, STAY, STAY, STAY, STAY, STAY])).0, 0);
    raw.rests();
    let by = [bytes(&[STAY, STAY, -0.1, STAY, STAY, STAY, 0.0, 1.0, 10.0, 0.0, -1.0]), vec![1, 0]];
    assert_eq!(raw.ask(83, &by.concat()).0, 0);
    raw.rests();
    let mut expected = before.clone();
    (expected[0], expected[2]) = (0.3, before[2] - 0.1);
    near(&raw.joints(), &expected, 1e-5);
    // What is not a number moves nothing.
    let (status, _) = raw.ask(23, &joint_motion([f32::NAN; 6]));
    assert_eq!(status, INVALID | WARNING);

    let mut older = Raw::ready(EmulatorConfig { firmware: Firmware::new(2, 4, 100), ..quick() }, 0);
    assert_eq!(older.ask(23, &joint_motion([STAY; 6])).0, INVALID | WARNING);
    assert_eq!(older.errors(), [0, 12]);
}

/// After one unknown request every later call of the vendor's software returned "uncleared warning".
#[test]
fn a_refused_request_leaves_the_next_ones_alone() {
    for firmware in [Firmware::new(1, 9, 0), Firmware::new(2, 5, 0)] {
        let mut raw = Raw::ready(EmulatorConfig { firmware, ..quick() }, 0);
        // Requests that nobody knows, one of newer firmware, and one for motors that the arm does not have.
        for (register, length) in [(99, 0), (190, 0), (231, 4), (103, 0), (112, 12)] {
            let (status, data) = raw.ask(register, &[]);
            assert_eq!((status, data), (INVALID | WARNING, vec![0; length]), "{register}");
            assert_eq!(raw.ask(41, &[]).0, 0, "after {register}");
            assert_eq!(raw.errors(), [0, 13]);
        }
        raw.ask(17, &[]);
        assert_eq!(raw.errors(), [0, 0]);
        assert_eq!(raw.ask(23, &joint_motion([0.3, -0.3, -0.9, 0.0, 1.2, 0.0])).0, 0);
        raw.rests();
        near(&raw.joints(), &[0.3, -0.3, -0.9, 0.0, 1.2, 0.0], 1e-5);
    }
    let old = EmulatorConfig { firmware: Firmware::new(1, 9, 0), ..quick() };
    let (status, data) = Raw::new(old).ask(67, &[]);
    assert_eq!((status & INVALID, data.len()), (INVALID, 112));
}

#[test]
fn what_the_controller_knows_of_poses() {
    let mut raw = Raw::ready(quick(), 0);
    let (status, data) = raw.ask(67, &[]);
    assert_eq!(status, 0);
    // Joint 1: offset, d, alpha, a.
    near(&floats(&data)[..4], &[0.0, 267.0, -PI / 2.0, 0.0], 1e-4);
    near(&floats(&data)[24..], &[0.0; 4], 0.0);
    assert_eq!(raw.ask(55, &[]), (0, vec![0; 28]));
    // From one pose to another: what leads there in the first one's frame.
    let turned = [100.0, 0.0, 0.0, 0.0, 0.0, PI / 2.0];
    let parameters = [bytes(&turned), bytes(&[100.0, 50.0, 0.0, 0.0, 0.0, PI / 2.0]), vec![0, 0]];
    near(&floats(&raw.ask(76, &parameters.concat()).1), &[50.0, 0.0, 0.0, 0.0, 0.0, 0.0], 1e-3);
    // A pose out of reach has no solution, in an answer of the usual length.
    let (status, data) = raw.ask(43, &bytes(&[5000.0, 0.0, 0.0, PI, 0.0, 0.0]));
    assert_eq!((status, data.len()), (INVALID | WARNING, 28));
    assert_eq!(raw.errors(), [0, 14]);
}

#[test]
fn a_circle_passes_through_its_points() {
    let mut raw = Raw::ready(quick(), 0);
    raw.line(300.0, 0.0, 60.0);
    let points = [[300.0, 100.0, 60.0], [400.0, 100.0, 60.0]];
    assert_eq!(raw.ask(27, &circle(points, 50.0)).0, 0);
    raw.rests();
    near(&raw.pose()[..3], &[400.0, 100.0, 60.0], 0.01);
    // Two whole turns end where they began.
    assert_eq!(raw.ask(27, &circle([[400.0, 0.0, 60.0], [300.0, 0.0, 60.0]], 200.0)).0, 0);
    raw.rests();
    near(&raw.pose()[..3], &[400.0, 100.0, 60.0], 0.01);
    // A circle in the tool's frame: the first point is behind, the second one deeper.
    let parameters = circle([[-40.0, 0.0, 0.0], [0.0, 0.0, 40.0]], 100.0);
    let in_tool = [&parameters[..64], &[1, 0, 0]].concat();
    assert_eq!(raw.ask(27, &in_tool).0, 0);
    raw.rests();
    near(&raw.pose()[..3], &[400.0, 100.0, 60.0], 0.01);
    // Three points on one line: the vendor's error 32.
    raw.ask(27, &circle([[400.0, 110.0, 60.0], [400.0, 120.0, 60.0]], 100.0));
    raw.rests();
    assert_eq!(raw.errors()[0], 32);
    assert_eq!(raw.ask(13, &[]).0, ERROR | NOT_READY);
    near(&raw.pose()[..3], &[400.0, 100.0, 60.0], 0.01);
}

#[test]
fn a_paused_circle_goes_on_as_the_same_circle() {
    let mut raw = Raw::ready(EmulatorConfig { pace: Pace::Times(2.0), ..real_time() }, 0);
    raw.line(300.0, 0.0, 60.0);
    let points = [[300.0, 100.0, 60.0], [400.0, 100.0, 60.0]];
    assert_eq!(raw.ask(27, &circle(points, 100.0)).0, 0);
    let until = Instant::now() + PATIENCE;
    while raw.pose()[0] < 350.0 {
        assert!(Instant::now() < until);
    }
    raw.ask(12, &[3]);
    let paused = raw.pose();
    let from_center = Vector3::new(paused[0] - 350.0, paused[1] - 50.0, 0.0).norm();
    assert!((from_center - 5000.0_f32.sqrt()).abs() < 0.01, "{paused:?}");
    raw.ask(12, &[0]);
    raw.rests();
    near(&raw.pose()[..3], &[300.0, 0.0, 60.0], 0.01);
}

#[test]
fn servo_mode_follows_the_newest_target() {
    let mut raw = Raw::ready(quick(), 1);
    let mut joints = raw.joints();
    for _ in 0..5 {
        joints[0] += 0.02;
        assert_eq!(raw.ask(29, &bytes(&[joints.clone(), vec![1.0, 1.0, 0.0]].concat())).0, 0);
    }
    raw.rests();
    near(&raw.joints(), &joints, 1e-5);
    let mut pose = raw.pose();
    pose[2] += 9.0;
    assert_eq!(raw.ask(30, &bytes(&[pose.clone(), vec![100.0, 1000.0, 0.0]].concat())).0, 0);
    raw.rests();
    near(&raw.pose()[..3], &pose[..3], 1e-2);
    // Farther than 10 mm: not executed, by the vendor's manual.
    let far = [pose[0] + 11.0, pose[1], pose[2], pose[3], pose[4], pose[5], 100.0, 1000.0, 0.0];
    assert_eq!(raw.ask(30, &bytes(&far)).0, 0);
    raw.rests();
    near(&raw.pose()[..3], &pose[..3], 1e-2);
    // Relative, by the axis of the rotation, in the tool's frame: 5 mm down.
    let by = [bytes(&[0.0, 0.0, 5.0, 0.0, 0.0, 0.0, 100.0, 1000.0]), vec![1, 0, 0, 0, 1]].concat();
    assert_eq!(raw.ask(93, &by).0, 0);
    raw.rests();
    near(&raw.pose()[..3], &[pose[0], pose[1], pose[2] - 5.0], 1e-2);
    assert_eq!(raw.running.recording().driven, 7);
    // Beyond the limit of a joint: error 23, on the way.
    joints[1] = 3.0;
    raw.ask(29, &bytes(&[joints, vec![1.0, 1.0, 0.0]].concat()));
    raw.rests();
    assert_eq!(raw.errors()[0], 23);
}

#[test]
fn velocities_last_as_long_as_they_say() {
    let mut raw = Raw::ready(quick(), 4);
    let before = raw.joints();
    let velocity = |speeds: [f32; 7], secs: f32| [bytes(&speeds), vec![1], bytes(&[secs])].concat();
    assert_eq!(raw.ask(81, &velocity([0.5, 0.0, 0.0, 0.0, 0.0, -0.25, 0.0], 0.4)).0, 0);
    raw.rests();
    // Speeding up by 20 rad/s2 and down again takes as long, so half a radian per second for 0.4 s.
    near(
        &raw.joints(),
        &[before[0] + 0.2, before[1], before[2], before[3], before[4], before[5] - 0.1],
        0.02,
    );
    assert_eq!(raw.errors()[0], 0);

    raw.recover(5);
    let before = raw.pose();
    let velocity =
        |speeds: [f32; 6], in_tool: u8| [bytes(&speeds), vec![in_tool], bytes(&[0.5])].concat();
    assert_eq!(raw.ask(82, &velocity([0.0, 60.0, 0.0, 0.0, 0.0, 0.0], 0)).0, 0);
    raw.rests();
    near(&raw.pose()[..3], &[before[0], before[1] + 30.0, before[2]], 1.5);
    // Along the tool's axis, which points down.
    let before = raw.pose();
    assert_eq!(raw.ask(82, &velocity([0.0, 0.0, 40.0, 0.0, 0.0, 0.0], 1)).0, 0);
    raw.rests();
    near(&raw.pose()[..3], &[before[0], before[1], before[2] - 20.0], 1.5);
    // Into the fence: error 35.
    let sides = [600_i32, 100, 400, -400, 400, before[2] as i32 - 30];
    raw.ask(52, &sides.map(i32::to_le_bytes).concat());
    raw.ask(59, &[1]);
    raw.ask(82, &velocity([0.0, 0.0, -200.0, 0.0, 0.0, 0.0], 0));
    raw.rests();
    assert_eq!(raw.errors()[0], 35);

    let mut older = Raw::ready(EmulatorConfig { firmware: Firmware::new(1, 6, 8), ..quick() }, 0);
    assert_eq!(older.ask(82, &velocity([0.0; 6], 0)).0, INVALID | WARNING);
    assert_eq!(older.ask(19, &[5]).0 & INVALID, INVALID);
}

#[test]
fn a_velocity_without_an_end_goes_on_until_it_meets_something() {
    let mut raw = Raw::ready(EmulatorConfig { pace: Pace::Times(10.0), ..real_time() }, 5);
    // Down to the table: error 31.
    let down = [bytes(&[0.0, 0.0, -100.0, 0.0, 0.0, 0.0]), vec![0]].concat();
    assert_eq!(raw.ask(82, &down).0, 0);
    raw.rests();
    assert_eq!(raw.errors()[0], 31);
    raw.recover(5);
    raw.ask(82, &[bytes(&[0.0, 0.0, 50.0, 0.0, 0.0, 0.0]), vec![0]].concat());
    assert_eq!(raw.state(), 1);
    raw.ask(12, &[4]);
    let stopped = raw.pose();
    assert_eq!(raw.state(), 4);
    std::thread::sleep(Duration::from_millis(20));
    assert_eq!(raw.pose(), stopped);
}

#[test]
fn a_motion_of_another_mode_moves_nothing() {
    let velocity = [bytes(&[0.1; 7]), vec![1]].concat();
    for (mode, register, parameters) in [
        (0, 29, bytes(&[0.0; 10])),
        (0, 81, velocity),
        (1, 21, line([320.0, 0.0, 50.0, PI, 0.0, 0.0])),
        (2, 23, joint_motion([0.0; 6])),
        (6, 21, line([320.0, 0.0, 50.0, PI, 0.0, 0.0])),
        (7, 23, joint_motion([0.0; 6])),
    ] {
        let mut raw = Raw::ready(quick(), mode);
        let before = raw.joints();
        assert_eq!(raw.ask(register, &parameters).0, NOT_READY, "{register} in mode {mode}");
        raw.rests();
        assert_eq!(raw.joints(), before);
    }
    assert_ne!(Raw::new(quick()).ask(19, &[3]).0 & INVALID, 0);
}

#[test]
fn the_newest_motion_replaces_the_one_before() {
    let mut raw = Raw::ready(EmulatorConfig { pace: Pace::Times(2.0), ..real_time() }, 7);
    raw.ask(21, &line([300.0, 300.0, 50.0, PI, 0.0, 0.0]));
    let until = Instant::now() + PATIENCE;
    while raw.pose()[1] < 20.0 {
        assert!(Instant::now() < until);
    }
    raw.ask(21, &line([350.0, 0.0, 50.0, PI, 0.0, 0.0]));
    raw.rests();
    near(&raw.pose()[..3], &[350.0, 0.0, 50.0], 0.01);
    assert_eq!(raw.running.recording().motions.len(), 2);
}

#[test]
fn outputs_are_set_at_once_in_turn_later_and_in_passing() {
    let mut raw = Raw::ready(EmulatorConfig { pace: Pace::Times(5.0), ..real_time() }, 0);
    let outputs = |raw: &mut Raw| {
        let state = raw.ask(139, &[]).1;
        (u16::from_be_bytes([state[8], state[9]]), state)
    };
    // Nothing is wired: inputs are pulled up.
    assert_eq!(raw.ask(131, &[]).1, [0xff, 0xff]);
    assert_eq!(raw.ask(132, &[]).1, [0, 0]);
    raw.ask(134, &[0x05, 0x05]);
    raw.ask(134, &[0, 0, 0x80, 0x80]);
    assert_eq!(outputs(&mut raw).0, 0x8005);
    raw.ask(134, &[0x04, 0x00]);
    assert_eq!(outputs(&mut raw).0, 0x8001);
    raw.ask(136, &1474_u16.to_be_bytes());
    raw.ask(137, &[3, 2]);
    raw.ask(138, &[12, 10]);
    let state = outputs(&mut raw).1;
    assert_eq!(
        (&state[16..18], state[18 + 3], state[42 + 4]),
        (&1474_u16.to_be_bytes()[..], 2, 10)
    );
    assert_ne!(raw.ask(137, &[16, 2]).0 & INVALID, 0);

    // In turn with the motions, or not.
    raw.ask(21, &line([300.0, 100.0, 50.0, PI, 0.0, 0.0]));
    raw.ask(134, &[0x02, 0x02]);
    raw.ask(134, &[0x10, 0x10, 0]);
    assert_eq!(outputs(&mut raw).0, 0x8011);
    raw.rests();
    assert_eq!(outputs(&mut raw).0, 0x8013);
    // When the tool passes, within 2 mm.
    let place = bytes(&[300.0, 50.0, 50.0, 2.0]);
    raw.ask(144, &[vec![6, 1], place].concat());
    raw.ask(144, &[vec![7, 1], bytes(&[300.0, 150.0, 50.0, 2.0])].concat());
    raw.line(300.0, 0.0, 50.0);
    assert_eq!(outputs(&mut raw).0, 0x8053);
    // Later.
    raw.ask(142, &[vec![6, 0], bytes(&[0.2])].concat());
    assert_eq!(outputs(&mut raw).0, 0x8053);
    let until = Instant::now() + PATIENCE;
    while outputs(&mut raw).0 != 0x8013 {
        assert!(Instant::now() < until);
    }
    // The tool's, with the value as a number.
    raw.ask(127, &[vec![9, 0x0a, 0x15], bytes(&[f32::from(0x0101_u16)])].concat());
    assert_eq!(raw.ask(128, &[9, 0x0a, 0x18]).1, [0, 0, 0, 1]);
    assert_ne!(raw.ask(128, &[9, 0x7f, 0xff]).0 & INVALID, 0);
    // One more than the controller remembers: error 36.
    for _ in 0..65 {
        raw.ask(142, &[vec![0, 1], bytes(&[1e9])].concat());
    }
    assert_eq!(raw.errors()[0], 36);
}

#[test]
fn a_recorded_trajectory_is_played_back() {
    let mut raw = Raw::ready(EmulatorConfig { pace: Pace::Times(10.0), ..real_time() }, 0);
    let name = |text: &str| {
        let mut bytes = text.as_bytes().to_vec();
        bytes.resize(81, 0);
        bytes
    };
    assert_eq!(raw.ask(62, &name("a.traj")).0, 0);
    assert_eq!(raw.ask(65, &[]).1, [6], "nothing was recorded");
    assert_ne!(raw.ask(64, &[1, 0, 0, 0, 1, 0, 0, 0]).0 & INVALID, 0, "nothing is loaded");
    raw.ask(61, &[1]);
    raw.line(300.0, 100.0, 100.0);
    raw.line(350.0, 100.0, 100.0);
    raw.ask(61, &[0]);
    let end = raw.joints();
    raw.ask(62, &name("a.traj"));
    assert_eq!(raw.ask(65, &[]).1, [5]);
    raw.ask(63, &name("b.traj"));
    assert_eq!(raw.ask(65, &[]).1, [3]);
    raw.ask(63, &name("a.traj"));
    assert_eq!(raw.ask(65, &[]).1, [2]);
    raw.line(400.0, -100.0, 200.0);
    assert_eq!(raw.ask(64, &[1, 0, 0, 0, 2, 0, 0, 0]).0, 0);
    assert_eq!(raw.state(), 1);
    raw.rests();
    near(&raw.joints(), &end, 1e-3);
    assert_eq!(raw.errors()[0], 0);
}

#[test]
fn one_free_joint_stops_the_arm() {
    let mut raw = Raw::ready(quick(), 0);
    raw.ask(18, &[1, 1]);
    assert_eq!(raw.state(), 4);
    raw.ask(12, &[0]);
    assert_ne!(raw.ask(23, &joint_motion([0.0; 6])).0 & NOT_READY, 0);
    raw.ask(11, &[1, 1]);
    raw.ask(12, &[0]);
    assert_eq!(raw.state(), 2);
}

#[test]
fn there_is_no_force_sensor_and_nothing_on_the_control_boxs_bus() {
    for (register, parameters, error) in [
        (201, vec![1], 50),
        (202, vec![1], 51),
        (206, vec![], 52),
        (124, vec![11, 1, 3, 0, 0, 0, 1], 111),
    ] {
        let mut raw = Raw::ready(quick(), 0);
        raw.ask(register, &parameters);
        assert_eq!(raw.errors()[0], error);
        raw.recover(0);
    }
}

/// Absurd coordinates kept the planner busy for minutes, and everybody else waiting.
#[test]
fn absurd_coordinates_are_refused_at_once() {
    let mut raw = Raw::ready(quick(), 0);
    for far in [1e4, 1e9, 1e30, f32::MAX, -f32::MAX] {
        let by_axis = [bytes(&[far, 0.0, 100.0, PI, 0.0, 0.0, 200.0, 2000.0, 0.0]), vec![0, 0]];
        let relative =
            [bytes(&[far, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 200.0, 2000.0, 0.0, -1.0]), vec![0, 0]];
        for (register, parameters) in [
            (21, line([far, 0.0, 100.0, PI, 0.0, 0.0])),
            (28, bytes(&[0.0, far, 0.0, 0.0, 0.0, 0.0, 200.0, 2000.0, 0.0])),
            (92, by_axis.concat()),
            (83, relative.concat()),
            (27, circle([[300.0, far, 100.0], [400.0, 0.0, 100.0]], 100.0)),
            // Almost on one line: a circle of many kilometers.
            (27, circle([[300.0, 100.0, 200.0], [300.0001, 200.0, 200.0]], 1000.0)),
        ] {
            let before = raw.pose();
            assert_eq!(raw.ask(register, &parameters).0, 0, "{register}");
            raw.rests();
            let [error, _] = raw.errors();
            assert!([21, 32].contains(&error), "{register} to {far}: {error}");
            assert_eq!(raw.pose(), before);
            raw.recover(0);
        }
        assert_ne!(
            raw.ask(27, &circle([[300.0, 9.0, 100.0], [400.0, 0.0, 100.0]], 1e30)).0 & INVALID,
            0
        );
    }
    // So does a tool that long.
    raw.ask(35, &bytes(&[0.0, 0.0, 1e30, 0.0, 0.0, 0.0]));
    raw.recover(0);
    raw.ask(21, &line([300.0, 0.0, 100.0, PI, 1.0, 0.0]));
    raw.rests();
    assert_eq!(raw.errors()[0], 21);
}

/// The vendor's software limits positions itself, and its table has no error of the BIO gripper for one that is
/// beyond: the jaws go as far as they can. PyLabRobot sends 0 to 850.
#[test]
fn jaws_go_as_far_as_they_can() {
    for (gripper, cases) in [
        (GripperKind::G2, [(850, 150), (120, 120), (0, 71), (-9, 71), (151, 150)]),
        (GripperKind::EarlyG2, [(850, 150), (120, 120), (0, 71), (-9, 71), (151, 150)]),
        (GripperKind::G1, [(850, 130), (100, 50), (0, 50), (-9, 50), (101, 130)]),
    ] {
        let mut raw = Raw::ready(EmulatorConfig { gripper, ..quick() }, 0);
        let mut ask = |frame: &[u8]| raw.ask(124, &[&[9, 8], frame].concat()).1[1..].to_vec();
        let status = |answer: Vec<u8>| u16::from_be_bytes([answer[3], answer[4]]);
        ask(&[6, 1, 0, 0, 1]);
        let until = Instant::now() + PATIENCE;
        while status(ask(&[3, 0, 0, 0, 1])) & 0xc != 8 {
            assert!(Instant::now() < until);
        }
        for (to, expected) in cases {
            let mut frame = vec![0x10, 7, 0, 0, 2, 4];
            frame.extend(i32::to_be_bytes(to));
            assert_eq!(ask(&frame)[1], 0x10, "{gripper:?} to {to}");
            while status(ask(&[3, 0, 0, 0, 1])) & 3 == 1 {
                assert!(Instant::now() < until);
            }
            let answer = ask(&[3, 7, 0, 0, 2]);
            let at = i32::from_be_bytes(answer[3..7].try_into().unwrap());
            assert_eq!(at, expected, "{gripper:?} to {to}");
        }
    }
}

#[test]
fn standard_modbus_reads_and_writes_the_same_state() {
    let mut raw = Raw::ready(quick(), 0);
    let mut modbus = |request: &[u8]| raw.exchange(0, &[&[1], request].concat())[1..].to_vec();
    assert_eq!(modbus(&[2, 0, 0, 0, 16]), [2, 2, 0xff, 0xff]);
    assert_eq!(modbus(&[0x0f, 0, 2, 0, 3, 1, 0x05]), [0x0f, 0, 2, 0, 3]);
    assert_eq!(modbus(&[1, 0, 0, 0, 9]), [1, 2, 0x14, 0]);
    assert_eq!(modbus(&[5, 0, 2, 0, 0]), [5, 0, 2, 0, 0]);
    assert_eq!(modbus(&[3, 0, 0, 0, 1]), [3, 2, 0, 0x10]);
    assert_eq!(modbus(&[6, 1, 0, 0x12, 0x34]), [6, 1, 0, 0x12, 0x34]);
    assert_eq!(modbus(&[0x16, 1, 0, 0x0f, 0xff, 0xf0, 0]), [0x16, 1, 0, 0x0f, 0xff, 0xf0, 0]);
    assert_eq!(modbus(&[0x17, 1, 0, 0, 2, 1, 1, 0, 1, 2, 0, 9]), [0x17, 4, 0xf2, 0x34, 0, 9]);
    // x, y and z in tenths of a millimeter.
    let pose = modbus(&[4, 0, 0x40, 0, 3]);
    near(
        &[2, 4, 6].map(|at| f32::from(i16::from_be_bytes([pose[at], pose[at + 1]]))),
        &[3000.0, 0.0, 2000.0],
        1.0,
    );
    // Mode and state: stopped by a bit, run by a word.
    assert_eq!(modbus(&[3, 0, 0x20, 0, 2]), [3, 4, 0, 0, 0, 2]);
    assert_eq!(modbus(&[5, 0, 145, 0xff, 0]), [5, 0, 145, 0xff, 0]);
    assert_eq!(modbus(&[3, 0, 0x21, 0, 1]), [3, 2, 0, 4]);
    for (request, exception) in [
        (&[0x2b, 0, 0, 0, 1][..], 1),
        (&[3, 0x50, 0, 0, 1], 2),
        (&[3, 0xff, 0xff, 0, 2], 2),
        (&[1, 0, 0, 0xff, 0xff], 3),
        (&[5, 0, 2, 1, 1], 3),
        (&[6, 0, 0x20, 0, 77], 3),
        (&[3, 0], 3),
        (&[0x10, 1, 0, 0, 2, 4, 0], 3),
    ] {
        assert_eq!(modbus(request), [request[0] | 0x80, exception], "{request:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    /// Whatever the bytes, there is an answer, and time passes.
    #[test]
    fn no_request_stops_the_controller(
        requests in prop::collection::vec(
            (any::<u8>(), prop::collection::vec(any::<u8>(), 0..80), 0_u8..3),
            40,
        ),
        mode in 0_u8..8,
    ) {
        let pace = Pace::Times(50.0);
        let mut raw = Raw::new(EmulatorConfig { pace, ..quick() });
        for (index, (register, parameters, kind)) in requests.iter().enumerate() {
            if index % 8 == 0 {
                for (register, parameters) in [(16, vec![]), (11, vec![8, 1]), (19, vec![mode]), (12, vec![0])] {
                    raw.ask(register, &parameters);
                }
            }
            match kind {
                // Feedback would come between the answers.
                0 if *register != 254 => drop(raw.ask(*register, parameters)),
                // Of those that are known: a motion, a signal or a drive.
                1 => drop(raw.ask([21, 23, 27, 29, 30, 81, 82, 83, 93, 134, 142, 144, 147][usize::from(*register) % 13], parameters)),
                _ => drop(raw.exchange(0, &[&[1], parameters.as_slice()].concat())),
            }
        }
        let before = raw.running.recording().simulated_secs;
        let until = Instant::now() + PATIENCE;
        while raw.running.recording().simulated_secs <= before {
            prop_assert!(Instant::now() < until, "time stands still");
        }
    }
}

/// Every model's table leads to the flange of its kinematics, as the controller reports both.
#[test]
fn the_reported_parameters_are_the_arms() {
    for model in ArmModel::ALL {
        let config = EmulatorConfig { arm: ArmKinematics::new(model), ..quick() };
        let mut raw = Raw::new(config);
        let joints: Vec<f64> = raw.joints().iter().map(|angle| f64::from(*angle)).collect();
        let table: Vec<f64> = floats(&raw.ask(67, &[]).1).into_iter().map(f64::from).collect();
        let mut flange = Isometry3::identity();
        for (row, angle) in table.chunks(4).zip(joints).take(usize::from(model.axes())) {
            let [offset, d, alpha, a] = [row[0], row[1], row[2], row[3]];
            let turn = nalgebra::UnitQuaternion::from_euler_angles(0.0, 0.0, angle + offset);
            let along = nalgebra::Translation3::from(turn * Vector3::new(a, 0.0, d));
            let twist = nalgebra::UnitQuaternion::from_euler_angles(alpha, 0.0, 0.0);
            flange *= Isometry3::from_parts(along, turn * twist);
        }
        let at = flange.translation.vector;
        near(&raw.pose()[..3], &[at.x as f32, at.y as f32, at.z as f32], 0.01);
    }
}
