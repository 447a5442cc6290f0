//! The emulated controller, tested with the driver's own client.

#![allow(clippy::unwrap_used, reason = "a test that fails at an unwrap has done its work")]

mod kinematic_plant;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use kinematic_plant::KinematicPlant;
use rmrl_core::PlanarPose;
use rmrl_xarm::emulator::{
    EmulatedController, EmulatorConfig, Firmware, GripperFault, GripperKind, LinkFault,
    MotionFault, MotionOutcome, Pace, Plant, Request, RunningEmulator, StartError,
};
use rmrl_xarm::{
    ALL_JOINTS, Address, ArmState, Client, Command, Feedback, FeedbackOutcome, LineOptions,
    MotionLimits, Protocol, Reply, ReportPort, ReportStream, StateChange, XArmError, bio_gripper,
};

/// Long enough for a busy machine; only tests of silence wait for a timeout, a shorter one.
const PATIENCE: Duration = Duration::from_secs(5);

struct Bench {
    running: RunningEmulator,
    plant: KinematicPlant,
    client: Client,
}

impl Bench {
    fn new(config: EmulatorConfig) -> Self {
        let plant = KinematicPlant::new(PlanarPose::new(0.35, 0.1, 0.0));
        let running = EmulatedController::start(config, plant.plant()).unwrap();
        let client = connect(running.addresses().unwrap().control, PATIENCE);
        Self { running, plant, client }
    }

    /// A controller with its motors on and its tool set.
    fn ready(config: EmulatorConfig) -> Self {
        let mut bench = Self::new(config);
        bench.ask(Command::SetTcpOffset([0.0, 0.0, 150.0, 0.0, 0.0, 0.0]));
        bench.recover();
        bench
    }

    fn recover(&mut self) {
        self.ask(Command::CleanError);
        self.ask(Command::CleanWarning);
        self.ask(Command::MotionEnable { joint: ALL_JOINTS, on: true });
        self.ask(Command::SetMode { mode: 0, detection: None });
        self.ask(Command::SetState(StateChange::Run));
        assert_eq!(self.state(), ArmState::Ready);
    }

    fn ask(&mut self, command: Command) -> Reply {
        self.client.ask(&command).unwrap()
    }

    fn state(&mut self) -> ArmState {
        match self.ask(Command::GetState) {
            Reply::State(state) => state,
            other => panic!("{other:?}"),
        }
    }

    fn error(&mut self) -> u8 {
        match self.ask(Command::GetErrors) {
            Reply::Errors { error, .. } => error,
            other => panic!("{other:?}"),
        }
    }

    fn pose(&mut self) -> [f32; 6] {
        match self.ask(Command::GetTcpPose) {
            Reply::Pose(pose) => pose,
            other => panic!("{other:?}"),
        }
    }

    /// Waits for a state.
    fn reaches(&mut self, state: ArmState) {
        let until = Instant::now() + PATIENCE;
        while self.state() != state {
            assert!(Instant::now() < until, "{:?} instead of {state:?}", self.state());
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    fn register(&mut self, request: rmrl_xarm::RtuRequest) -> Vec<u16> {
        let frame = request.encode(bio_gripper::DEVICE);
        let command = Command::ModbusRtu { host: rmrl_xarm::TOOL_BUS, frame };
        let Reply::Modbus { frame, .. } = self.ask(command) else { panic!("no Modbus") };
        request.decode_reply(bio_gripper::DEVICE, &frame).unwrap()
    }

    /// Waits for the gripper to stop, and returns its status.
    fn gripper_stops(&mut self) -> u16 {
        let until = Instant::now() + PATIENCE;
        loop {
            let status = self.register(bio_gripper::status())[0];
            if status & 3 != 1 && status >> 2 & 3 != 1 {
                return status;
            }
            assert!(Instant::now() < until);
        }
    }
}

fn connect(address: SocketAddr, timeout: Duration) -> Client {
    let address = Address::Tcp { host: address.ip().to_string(), port: address.port() };
    Client::connect(&address, timeout).unwrap()
}

fn line(x: f32, y: f32, z: f32) -> Command {
    line_to([x, y, z, std::f32::consts::PI, 0.0, 0.0])
}

fn line_to(pose: [f32; 6]) -> Command {
    let limits = MotionLimits { speed: 100.0, acceleration: 1000.0, time: 0.0 };
    Command::MoveLine { pose, limits, options: Some(LineOptions::default()) }
}

/// With a straight tool of 150 mm.
fn quick() -> EmulatorConfig {
    EmulatorConfig {
        flange_from_tool: nalgebra::Isometry3::translation(0.0, 0.0, 0.15),
        ..EmulatorConfig::default()
    }
}

/// Slow enough to interrupt.
fn slow() -> EmulatorConfig {
    EmulatorConfig { pace: Pace::Times(2.0), segment_secs: 0.005, ..quick() }
}

fn near(pose: [f32; 6], at: [f32; 3]) {
    let apart = (0..3).map(|axis| (pose[axis] - at[axis]).abs()).fold(0.0, f32::max);
    assert!(apart < 0.01, "{pose:?} instead of {at:?}");
}

#[test]
fn nothing_moves_before_it_is_enabled_and_told_to_run() {
    let mut bench = Bench::new(quick());
    assert_eq!(bench.state(), ArmState::Stopped);
    assert!(matches!(
        bench.client.start_motion(&line(300.0, 0.0, 100.0)),
        Err(XArmError::Refused { .. })
    ));
    bench.ask(Command::MotionEnable { joint: ALL_JOINTS, on: true });
    assert_eq!(bench.state(), ArmState::Reset);
    bench.ask(Command::SetMode { mode: 0, detection: None });
    assert_eq!(bench.state(), ArmState::Reset);
    assert!(bench.client.start_motion(&line(300.0, 0.0, 100.0)).is_err());
    bench.ask(Command::SetState(StateChange::Run));
    assert_eq!(bench.state(), ArmState::Ready);
    // Without an offset, poses are the flange's.
    near(bench.pose(), [300.0, 0.0, 350.0]);
    bench.ask(Command::SetTcpOffset([0.0, 0.0, 150.0, 0.0, 0.0, 0.0]));
    assert_eq!(bench.state(), ArmState::Reset);
    near(bench.pose(), [300.0, 0.0, 200.0]);
    assert!(bench.running.recording().motions.is_empty());
}

#[test]
fn motions_queue_and_send_feedback_when_they_end() {
    let mut bench = Bench::ready(quick());
    bench.ask(Command::SetFeedbackType(Feedback::MOTION_FINISHED));
    bench.ask(Command::SetState(StateChange::Pause));
    for pose in [line(350.0, 0.0, 100.0), line(350.0, 100.0, 100.0)] {
        assert!(matches!(bench.ask(pose), Reply::Queued { .. }));
    }
    assert_eq!(bench.ask(Command::GetCommandCount), Reply::Count(2));
    bench.ask(Command::SetState(StateChange::Run));
    let last = bench.client.start_motion(&line(350.0, 100.0, 50.0)).unwrap();
    let ended = bench.client.wait_for_feedback(last, Instant::now() + PATIENCE).unwrap();
    assert_eq!(ended, Some(FeedbackOutcome::Done));
    assert_eq!(bench.state(), ArmState::Ready);
    near(bench.pose(), [350.0, 100.0, 50.0]);
    assert!((bench.plant.tool().z_m - 0.05).abs() < 1e-5);
    let recording = bench.running.recording();
    assert_eq!(recording.motions.len(), 3);
    assert!(recording.motions.iter().all(|motion| motion.outcome == MotionOutcome::Finished));
    // 112 mm, 100 mm and 50 mm at 100 mm/s, and three times a tenth of a second to gather speed.
    assert!((recording.simulated_secs - 2.92).abs() < 0.1, "{}", recording.simulated_secs);
}

#[test]
fn a_stop_leaves_arm_and_plant_where_they_are() {
    let mut bench = Bench::ready(slow());
    bench.client.start_motion(&line(350.0, 100.0, 100.0)).unwrap();
    bench.reaches(ArmState::Moving);
    std::thread::sleep(Duration::from_millis(100));
    bench.ask(Command::SetState(StateChange::Pause));
    assert_eq!(bench.state(), ArmState::Paused);
    let paused = bench.pose();
    assert!(paused[1] > 1.0 && paused[1] < 99.0, "{paused:?}");
    std::thread::sleep(Duration::from_millis(30));
    assert_eq!(bench.pose(), paused);
    bench.ask(Command::SetState(StateChange::Run));
    std::thread::sleep(Duration::from_millis(100));
    bench.ask(Command::SetState(StateChange::Stop));
    assert_eq!(bench.state(), ArmState::Stopped);
    let stopped = bench.pose();
    assert!(stopped[1] > paused[1] && stopped[1] < 99.0, "{stopped:?}");
    std::thread::sleep(Duration::from_millis(30));
    assert_eq!(bench.pose(), stopped);
    let plant = bench.plant.tool();
    near(stopped, [plant.planar.x_m, plant.planar.y_m, plant.z_m].map(|m| m as f32 * 1000.0));
    let recording = bench.running.recording();
    assert_eq!(recording.motions.last().unwrap().outcome, MotionOutcome::Stopped);
    assert!(bench.client.start_motion(&line(350.0, 100.0, 100.0)).is_err());
    bench.recover();
    bench.client.start_motion(&line(350.0, 100.0, 100.0)).unwrap();
}

#[test]
fn a_contact_of_the_plant_is_a_collision() {
    let mut bench = Bench::ready(quick());
    bench.client.start_motion(&line(350.0, 0.0, -20.0)).unwrap();
    bench.reaches(ArmState::Stopped);
    assert_eq!(bench.error(), 31);
    near(bench.pose(), [bench.plant.tool().planar.x_m as f32 * 1000.0, 0.0, 0.0]);
    let refused = bench.client.start_motion(&line(350.0, 0.0, 100.0)).unwrap_err();
    assert!(matches!(refused, XArmError::Collision { .. }), "{refused}");
    // Clearing is not enough.
    bench.ask(Command::CleanError);
    assert_eq!(bench.error(), 0);
    assert!(bench.client.start_motion(&line(350.0, 0.0, 100.0)).is_err());
    bench.recover();
    bench.client.start_motion(&line(350.0, 0.0, 100.0)).unwrap();
    bench.reaches(ArmState::Ready);
    near(bench.pose(), [350.0, 0.0, 100.0]);
}

#[test]
fn impossible_motions_fail_without_moving() {
    let mut bench = Bench::ready(quick());
    bench.ask(Command::SetBoundary([500, 200, 300, -300, 400, 0]));
    bench.ask(Command::SetFence(true));
    for (to, errors) in [
        (line(550.0, 0.0, 100.0), [35, 35]),
        (line(300.0, 0.0, -5.0), [35, 35]),
        // No solution, or too fast joints where the arm is stretched.
        (line(900.0, 0.0, 100.0), [21, 24]),
        // Looking up, the wrist would have to turn beyond its limits or through the arm.
        (line_to([300.0, 0.0, 100.0, 0.0, 0.0, 0.0]), [21, 23]),
    ] {
        if errors[0] != 35 {
            bench.ask(Command::SetFence(false));
        }
        bench.client.start_motion(&to).unwrap();
        bench.reaches(ArmState::Stopped);
        let error = bench.error();
        assert!(errors.contains(&error) || (errors[0] == 21 && error == 24), "{to:?}: {error}");
        near(bench.pose(), [300.0, 0.0, 200.0]);
        bench.recover();
    }
    // Too far a turn of joint 3.
    let limits = MotionLimits { speed: 1.0, acceleration: 10.0, time: 0.0 };
    let joints = [0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0];
    bench.client.start_motion(&Command::MoveJoint { joints, limits }).unwrap();
    bench.reaches(ArmState::Stopped);
    assert_eq!(bench.error(), 23);
}

#[test]
fn reduced_mode_slows_motions_down() {
    let mut bench = Bench::ready(quick());
    bench.ask(Command::SetReducedLinearSpeed(50.0));
    bench.ask(Command::SetReducedMode(true));
    bench.client.start_motion(&line(350.0, 0.0, 200.0)).unwrap();
    bench.reaches(ArmState::Ready);
    assert_eq!(bench.running.recording().motions[0].speed, 0.05);
}

#[test]
fn faults_of_motions_happen_where_they_were_scheduled() {
    let mut bench = Bench::ready(quick());
    let faults = bench.running.faults().clone();
    for (number, fault, state, error) in [
        (1, MotionFault::Collision, ArmState::Stopped, 31),
        (2, MotionFault::JointLimit, ArmState::Stopped, 23),
        (3, MotionFault::StateReset, ArmState::Reset, 0),
        (4, MotionFault::EmergencyStop, ArmState::Stopped, 2),
    ] {
        faults.in_motion(number, 0.5, fault);
        let there = if number % 2 == 1 { 100.0 } else { 0.0 };
        bench.client.start_motion(&line(300.0, there, 200.0)).unwrap();
        bench.reaches(state);
        assert_eq!(bench.error(), error, "{fault:?}");
        let at = bench.pose()[1];
        assert!(at > 1.0 && at < 99.0, "{fault:?} at {at}");
        if fault == MotionFault::EmergencyStop {
            bench.ask(Command::CleanError);
            assert_eq!(bench.error(), 2);
            faults.release_emergency_stop();
        }
        bench.recover();
    }
}

#[test]
fn faults_of_the_link_are_noticed_or_got_over() {
    let bench = Bench::ready(quick());
    let control = bench.running.addresses().unwrap().control;
    let faults = bench.running.faults();
    let shortly = Duration::from_millis(100);
    let ask = |client: &mut Client| client.ask(&Command::GetState);
    for fault in
        [LinkFault::Silence, LinkFault::Drop, LinkFault::HalfFrame, LinkFault::WrongTransaction]
    {
        let mut client = connect(control, shortly);
        faults.at_request(Request::Register(13), fault);
        let noticed = ask(&mut client).unwrap_err();
        let silent = matches!(fault, LinkFault::Silence | LinkFault::WrongTransaction);
        let expected = match noticed {
            XArmError::NoAnswer { .. } => silent,
            XArmError::LostLink { .. } => !silent,
            _ => false,
        };
        assert!(expected, "{fault:?}: {noticed}");
    }
    let mut client = connect(control, PATIENCE);
    for fault in [LinkFault::Late(Duration::from_millis(20)), LinkFault::Twice] {
        let number = bench.running.recording().requests + 1;
        faults.at_request(Request::Number(number), fault);
        assert_eq!(ask(&mut client).unwrap(), Reply::State(ArmState::Ready), "{fault:?}");
        assert_eq!(ask(&mut client).unwrap(), Reply::State(ArmState::Ready), "{fault:?}");
    }
}

#[test]
fn the_gripper_closes_on_what_is_there() {
    for kind in [GripperKind::G1, GripperKind::G2] {
        let mut bench = Bench::ready(EmulatorConfig { gripper: kind, ..quick() });
        let [closed, open] = if kind == GripperKind::G1 { [50, 130] } else { [71, 150] };
        // A disabled gripper answers and does nothing.
        bench.register(bio_gripper::go_to(closed));
        assert_eq!(bench.gripper_stops(), 0);
        bench.register(bio_gripper::enable(true));
        assert_eq!(bench.gripper_stops(), 0b1000);
        bench.register(bio_gripper::go_to(closed));
        assert_eq!(bench.gripper_stops(), 0b1000);
        bench.register(bio_gripper::go_to(open));
        bench.gripper_stops();
        bench.client.start_motion(&line(350.0, 100.0, 10.0)).unwrap();
        bench.reaches(ArmState::Ready);
        bench.register(bio_gripper::go_to(closed));
        assert_eq!(bench.gripper_stops(), 0b1010);
        bench.client.start_motion(&line(350.0, 0.0, 50.0)).unwrap();
        bench.reaches(ArmState::Ready);
        assert!(bench.plant.plate().y_m.abs() < 1e-4);
        bench.register(bio_gripper::go_to(open));
        assert_eq!(bench.gripper_stops(), 0b1000);
        assert_eq!(bench.running.recording().gripper_motions, 4);
    }
}

#[test]
fn faults_of_the_gripper() {
    let mut bench = Bench::ready(quick());
    bench.running.faults().in_gripper_motion(1, GripperFault::Dropped);
    bench.running.faults().in_gripper_motion(2, GripperFault::Error(12));
    bench.register(bio_gripper::enable(true));
    bench.gripper_stops();
    bench.client.start_motion(&line(350.0, 100.0, 10.0)).unwrap();
    bench.reaches(ArmState::Ready);
    bench.register(bio_gripper::go_to(71));
    assert_eq!(bench.gripper_stops(), 0b1000);
    bench.register(bio_gripper::go_to(150));
    assert_eq!(bench.gripper_stops(), 0b1011);
    assert_eq!(bench.register(bio_gripper::error()), [12]);
    bench.register(bio_gripper::clear_error());
    assert_eq!(bench.gripper_stops(), 0b1000);
}

#[test]
fn without_a_gripper_the_controller_has_an_error() {
    let mut bench = Bench::ready(EmulatorConfig { gripper: GripperKind::None, ..quick() });
    let frame = bio_gripper::status().encode(bio_gripper::DEVICE);
    let command = Command::ModbusRtu { host: rmrl_xarm::TOOL_BUS, frame };
    assert!(bench.client.ask(&command).is_err() || bench.error() == 19);
    assert_eq!(bench.error(), 19);
}

#[test]
fn the_plant_waits_while_the_tool_points_elsewhere() {
    let mut bench = Bench::ready(quick());
    let before = bench.plant.tool();
    let pi = std::f32::consts::PI;
    bench.client.start_motion(&line_to([300.0, 50.0, 250.0, pi, 0.4, 0.0])).unwrap();
    bench.reaches(ArmState::Ready);
    near(bench.pose(), [300.0, 50.0, 250.0]);
    assert_eq!(bench.plant.tool(), before);
    bench.client.start_motion(&line(320.0, 50.0, 200.0)).unwrap();
    bench.reaches(ArmState::Ready);
    let after = bench.plant.tool();
    assert!((after.planar.x_m - 0.32).abs() < 1e-5 && (after.z_m - 0.2).abs() < 1e-5, "{after:?}");
}

#[test]
fn leaving_the_watched_space_is_recorded() {
    let watched_m = Some([[0.2, 0.4], [-0.2, 0.2], [0.0, 0.3]]);
    let mut bench = Bench::ready(EmulatorConfig { watched_m, ..quick() });
    bench.client.start_motion(&line(390.0, 0.0, 100.0)).unwrap();
    bench.reaches(ArmState::Ready);
    assert!(bench.running.recording().outside_watched.is_empty());
    bench.client.start_motion(&line(390.0, 250.0, 100.0)).unwrap();
    bench.reaches(ArmState::Ready);
    let outside = bench.running.recording().outside_watched;
    assert!(!outside.is_empty() && outside.iter().all(|at| at[1] > 0.2), "{outside:?}");
}

#[test]
fn firmwares_differ_in_the_requests_they_accept() {
    let old = Firmware::new(1, 9, 0);
    let mut bench = Bench::ready(EmulatorConfig { firmware: old, ..quick() });
    let refused = bench.client.start_motion(&line(320.0, 0.0, 200.0)).unwrap_err();
    assert!(matches!(refused, XArmError::Refused { .. }), "{refused}");
    let Command::MoveLine { pose, limits, .. } = line(320.0, 0.0, 200.0) else { unreachable!() };
    bench.client.start_motion(&Command::MoveLine { pose, limits, options: None }).unwrap();
    bench.reaches(ArmState::Ready);
    near(bench.pose(), [320.0, 0.0, 200.0]);
    let newer = Command::SetMode { mode: 0, detection: Some(0) };
    assert!(bench.client.ask(&newer).is_err());
    assert!(bench.client.ask(&Command::SetFeedbackType(2)).is_err());
    assert!("1.12.10".parse::<Firmware>().unwrap() > old);
    assert!("1.12".parse::<Firmware>().is_err());
}

#[test]
fn reports_show_the_state_of_the_controller() {
    let bench = Bench::ready(quick());
    let addresses = bench.running.addresses().unwrap();
    for (port, address) in [
        (ReportPort::Normal, addresses.normal),
        (ReportPort::Rich, addresses.rich),
        (ReportPort::Real, addresses.real),
    ] {
        let address = Address::Tcp { host: address.ip().to_string(), port: address.port() };
        let reports = ReportStream::connect(address, PATIENCE).unwrap();
        let report = reports.next(PATIENCE).expect("reports are pushed");
        near(report.pose, [300.0, 0.0, 200.0]);
        assert_eq!(report.state, ArmState::Ready);
        assert_eq!(report.health().is_some(), port != ReportPort::Real);
    }
}

#[test]
fn the_fastest_report_has_its_length_and_the_pose() {
    let bench = Bench::ready(quick());
    let address = bench.running.addresses().unwrap().real_time;
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut reports = vec![0; 2 * 804];
    std::io::Read::read_exact(&mut stream, &mut reports).unwrap();
    for report in reports.chunks_exact(804) {
        assert_eq!(report[..4], 804u32.to_be_bytes());
        assert_eq!(report[12], 2);
        // By the offsets of the vendor's structure: the target's pose, then the measured one.
        for at in [32 + 4 * (8 * 7 + 42), 32 + 4 * (8 * 7 + 42 + 12)] {
            let x = f32::from_le_bytes(*report[at..].first_chunk().unwrap());
            assert!((x - 300.0).abs() < 0.01, "{x}");
        }
    }
}

/// Bytes that are no requests, or requests cut short, must not take the controller down with them.
#[test]
fn nonsense_is_survived() {
    use std::io::{Read, Write};
    let mut bench = Bench::ready(quick());
    let control = bench.running.addresses().unwrap().control;
    let mut random = 1u32;
    let mut byte = || {
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (random >> 24) as u8
    };
    let mut stream = std::net::TcpStream::connect(control).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut answers = 0;
    for register in 0..=u8::MAX {
        // No requests that stop or move the machine, which other tests observe, and only lengths that are too short.
        for length in [0usize, 1, 2, 5, 7] {
            let mut frame = vec![0, 1, 0, 2, 0, 1 + length as u8, register];
            frame.extend((0..length).map(|_| byte()));
            stream.write_all(&frame).unwrap();
            let mut head = [0; 6];
            stream.read_exact(&mut head).unwrap();
            let mut body = vec![0; usize::from(u16::from_be_bytes([head[4], head[5]]))];
            stream.read_exact(&mut body).unwrap();
            assert_eq!(body[0], register);
            answers += 1;
        }
    }
    assert_eq!(answers, 256 * 5);
    // Not a frame at all: the link is closed.
    stream.write_all(&[0xff; 64]).unwrap();
    assert!(matches!(stream.read(&mut [0; 16]), Ok(0) | Err(_)));
    bench.recover();
    bench.client.start_motion(&line(320.0, 0.0, 300.0)).unwrap();
}

#[test]
fn silent_links_of_protocol_three_are_closed() {
    let keep_alive = Duration::from_millis(50);
    let mut bench = Bench::ready(EmulatorConfig { keep_alive, ..quick() });
    std::thread::sleep(4 * keep_alive);
    assert_eq!(bench.state(), ArmState::Ready);
    bench.client.set_protocol(Protocol::Three);
    assert_eq!(bench.state(), ArmState::Ready);
    std::thread::sleep(4 * keep_alive);
    let lost = bench.client.ask(&Command::GetState).unwrap_err();
    assert!(matches!(lost, XArmError::LostLink { .. }), "{lost}");
}

#[test]
fn a_dropped_controller_lets_go_of_everything() {
    let bench = Bench::ready(quick());
    let control = bench.running.addresses().unwrap().control;
    let Bench { running, mut client, .. } = bench;
    drop(running);
    assert!(client.ask(&Command::GetState).is_err());
    drop(std::net::TcpStream::connect(control).expect_err("nobody listens"));
}

#[test]
fn an_invalid_configuration_does_not_start() {
    struct Far;
    impl rmrl_cell::Arm for Far {
        fn move_to(
            &mut self,
            target: rmrl_cell::ToolPose,
            _: f64,
        ) -> Result<rmrl_cell::ToolPose, rmrl_cell::DeviceError> {
            Ok(target)
        }

        fn pose(&mut self) -> Result<rmrl_cell::ToolPose, rmrl_cell::DeviceError> {
            Ok(rmrl_cell::ToolPose::new(PlanarPose::new(2.0, 0.0, 0.0), 0.2))
        }

        fn recover(&mut self) -> Result<(), rmrl_cell::DeviceError> {
            Ok(())
        }
    }
    let plant = KinematicPlant::new(PlanarPose::default());
    for pace in [Pace::Times(0.0), Pace::Times(f64::NAN)] {
        let refused = EmulatedController::start(EmulatorConfig { pace, ..quick() }, plant.plant());
        assert!(matches!(refused, Err(StartError::NotPositive { key: "pace", .. })));
    }
    let gripper = Box::new(plant);
    let refused =
        EmulatedController::start(quick(), Plant { arm: Box::new(Far), gripper }).unwrap_err();
    assert!(matches!(refused, StartError::OutOfReach(_)), "{refused}");
}
