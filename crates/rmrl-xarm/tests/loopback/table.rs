//! A controller as a table: each command has its answer, and a few things can be made to go wrong.
//! It moves at once and computes nothing; the emulator does that.

use std::collections::HashMap;
use std::f32::consts::PI;
use std::io::Write;
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::thread;

use nalgebra::{Isometry3, Translation3, UnitQuaternion};
use rmrl_xarm::bio_gripper::{Generation, GripperStatus, JawState, Power};
use rmrl_xarm::kinematics::ArmKinematics;
use rmrl_xarm::{
    ArmState, Command, Details, Feedback, FeedbackOutcome, FrameReader, Health, LONGEST_REPORT,
    More, ReducedState, Reply, Report, Request, RtuRequest, StateChange, Status, ToController,
    XArmConfig,
};

use super::answer;

/// The state of the controller, and the commands that it got.
#[derive(Debug, Clone)]
pub struct Table {
    pub version: String,
    pub state: ArmState,
    pub error: u8,
    /// The error that the next line sets.
    pub error_on_line: u8,
    /// Whether the error survives being cleared.
    pub sticks: bool,
    /// How far from its target a line ends, in mm along x.
    pub off_mm: f32,
    /// Lines are accepted and never end.
    pub never_ends: bool,
    /// Another program pauses the next line.
    pub pauses: bool,
    /// The link is closed instead of answering the next line.
    pub closes_on_line: bool,
    /// The error that is set when the link is closed.
    pub closes_with_error: u8,
    /// The number of requests to stop that get no answer.
    pub deaf_to_stops: usize,
    /// No gripper answers at the flange.
    pub no_gripper: bool,
    pub pose: [f32; 6],
    /// Where the pose puts the joints with the offset that was given.
    pub joints: [f32; 7],
    /// Whether no report is sent any more.
    pub reports_are_silent: bool,
    /// The control mode of the gripper; none where its firmware has none.
    pub gripper_mode: Option<u16>,
    /// The second generation's early firmware lacks the register of widths.
    pub lacks_width_register: bool,
    pub gravity: [f32; 3],
    pub base_offset: [f32; 6],
    pub simulated: bool,
    /// Whether reports leave out what only the rich ones have.
    pub reports_are_short: bool,
    pub reduced: ReducedState,
    pub offset: [f32; 6],
    pub load: [f32; 4],
    pub sensitivity: u8,
    pub generation: Generation,
    pub gripper: GripperStatus,
    /// The state of the jaws after they are closed.
    pub closed: JawState,
    pub gripper_error: u16,
    pub registers: HashMap<u16, u16>,
    pub width_mm: f64,
    /// What the gripper answers about its position.
    pub position: Position,
    pub asked: Vec<Command>,
}

/// An answer about the position of the jaws.
#[derive(Debug, Clone)]
pub enum Position {
    /// [`Table::width_mm`].
    Width,
    /// These registers.
    Registers(Vec<u16>),
    /// A Modbus exception.
    Exception(u8),
}

impl Table {
    pub fn new(firmware: &str) -> Self {
        Self {
            version: format!("6,6,XI1304,AC1304,v{firmware}"),
            state: ArmState::Stopped,
            error: 0,
            error_on_line: 0,
            sticks: false,
            off_mm: 0.0,
            never_ends: false,
            pauses: false,
            closes_on_line: false,
            closes_with_error: 0,
            deaf_to_stops: 0,
            no_gripper: false,
            pose: [300.0, 0.0, 200.0, PI, 0.0, PI],
            joints: [0.0; 7],
            reports_are_silent: false,
            gripper_mode: Some(0),
            lacks_width_register: false,
            gravity: [0.0, 0.0, -1.0],
            base_offset: [0.0; 6],
            simulated: false,
            reports_are_short: false,
            reduced: ReducedState {
                reduced: false,
                boundary_mm: [0; 6],
                linear_speed_mm_s: 0.0,
                joint_speed_rad_s: 0.0,
                joint_range_rad: [0.0; 14],
                fence: false,
                rebound: true,
            },
            offset: [0.0; 6],
            load: [0.0; 4],
            sensitivity: 0,
            generation: Generation::Second,
            gripper: GripperStatus { jaws: JawState::Stopped, power: Power::Off },
            closed: JawState::Holding,
            gripper_error: 0,
            registers: HashMap::new(),
            width_mm: 150.0,
            position: Position::Width,
            asked: Vec::new(),
        }
    }

    fn report(&self) -> Report {
        let health = Health {
            brakes: 0x3f,
            enabled: 0x3f,
            error: self.error,
            warning: 0,
            tcp_offset: self.offset,
            load: self.load,
            collision_sensitivity: self.sensitivity,
            teach_sensitivity: 3,
            gravity: self.gravity,
        };
        let details = Details {
            model: 6,
            joints: 6,
            version: [0; 30],
            servos: None,
            temperatures_c: None,
            tool_speed_mm_s: None,
            joint_speeds_rad_s: None,
            counter: None,
            base_offset: Some(self.base_offset),
            simulated: Some(self.simulated),
            reduced: Some(self.reduced.reduced),
            fence: Some(self.reduced.fence),
        };
        Report {
            state: self.state,
            mode: 0,
            commands: 0,
            joints_rad: self.joints,
            pose: self.pose,
            torques_nm: [0.0; 7],
            more: match self.reports_are_short {
                true => More::Health(health),
                false => More::Everything(health, details),
            },
        }
    }

    /// The joints that put a tool of this offset at the pose; zero where there are none.
    fn stand_with(&mut self, [x, y, z, roll, pitch, yaw]: [f32; 6]) {
        let isometry = |numbers: [f32; 6]| {
            let [x, y, z, roll, pitch, yaw] = numbers.map(f64::from);
            Isometry3::from_parts(
                Translation3::new(0.001 * x, 0.001 * y, 0.001 * z),
                UnitQuaternion::from_euler_angles(roll, pitch, yaw),
            )
        };
        let flange = isometry(self.pose) * isometry([x, y, z, roll, pitch, yaw]).inverse();
        let near = [0.0, -0.3, -0.9, 0.0, 1.2, 0.0];
        let joints = ArmKinematics::default().inverse_nearest(&flange, &near).unwrap_or_default();
        self.joints = std::array::from_fn(|index| joints.get(index).map_or(0.0, |it| *it as f32));
    }

    /// The answer; none where the link must be closed.
    fn reply(&mut self, command: &Command) -> Option<Reply> {
        self.asked.push(command.clone());
        Some(match command {
            Command::GetVersion => Reply::Version(self.version.clone()),
            Command::GetState => Reply::State(self.state),
            Command::GetCommandCount => Reply::Count(u16::from(self.state == ArmState::Moving)),
            Command::GetErrors => Reply::Errors { error: self.error, warning: 0 },
            Command::GetTcpPose => Reply::Pose(self.pose),
            Command::GetJointPositions => Reply::Joints(self.joints),
            Command::GetReducedState => Reply::Reduced(self.reduced),
            Command::ToolGpioRead { .. } => Reply::Integer(11),
            Command::MoveLine { pose, options, .. } => {
                if std::mem::take(&mut self.closes_on_line) {
                    self.error = std::mem::take(&mut self.closes_with_error);
                    return None;
                }
                if self.error_on_line != 0 {
                    self.error = std::mem::take(&mut self.error_on_line);
                    self.state = ArmState::Stopped;
                } else if self.pauses {
                    self.state = ArmState::Paused;
                } else if self.never_ends {
                    self.state = ArmState::Moving;
                } else {
                    self.pose = *pose;
                    self.stand_with(self.offset);
                    self.pose[0] += self.off_mm;
                }
                options.map_or(Reply::Done, |_| Reply::Queued { count: 1, check: 0 })
            }
            Command::ModbusRtu { host, .. } if self.no_gripper => {
                self.error = 19;
                Reply::Modbus { host: *host, frame: Vec::new() }
            }
            Command::ModbusRtu { host, frame } => {
                Reply::Modbus { host: *host, frame: self.gripper(frame) }
            }
            setting => {
                self.set(setting);
                Reply::Done
            }
        })
    }

    fn set(&mut self, command: &Command) {
        match command {
            Command::CleanError if !self.sticks => self.error = 0,
            Command::MotionEnable { .. } | Command::SetMode { .. } => self.state = ArmState::Reset,
            Command::SetState(StateChange::Run) if self.error == 0 => self.state = ArmState::Ready,
            Command::SetState(StateChange::Stop) => self.state = ArmState::Stopped,
            Command::SetTcpOffset(offset) => {
                (self.offset, self.state) = (*offset, ArmState::Reset);
            }
            Command::SetLoad { mass_kg, center_mm: [x, y, z] } => {
                self.load = [*mass_kg, *x, *y, *z];
            }
            Command::SetCollisionSensitivity(value) => self.sensitivity = *value,
            Command::SetReducedLinearSpeed(speed) => self.reduced.linear_speed_mm_s = *speed,
            Command::SetReducedJointSpeed(speed) => self.reduced.joint_speed_rad_s = *speed,
            Command::SetReducedJointRange(range) => self.reduced.joint_range_rad = *range,
            Command::SetCollisionRebound(on) => self.reduced.rebound = *on,
            Command::SetBoundary(limits) => {
                self.reduced.boundary_mm = limits.map(|limit| i16::try_from(limit).unwrap());
            }
            Command::SetFence(on) => self.reduced.fence = *on,
            Command::SetReducedMode(on) => self.reduced.reduced = *on,
            _ => {}
        }
    }

    fn gripper(&mut self, frame: &[u8]) -> Vec<u8> {
        let (device, request) = RtuRequest::decode(frame).unwrap();
        let first = self.generation == Generation::First;
        let read = match &request {
            RtuRequest::Read { address: 0x0b10, .. }
            | RtuRequest::WriteSeveral { address: 0x0c00, .. }
                if first =>
            {
                return request.encode_exception(device, 2).to_vec();
            }
            RtuRequest::WriteSeveral { address: 0x0c00, .. } if self.lacks_width_register => {
                return request.encode_exception(device, 2).to_vec();
            }
            RtuRequest::Read { address: 0x010a, .. } => match self.gripper_mode {
                Some(mode) => vec![mode],
                None => return request.encode_exception(device, 2).to_vec(),
            },
            RtuRequest::Read { address: 0, .. } => vec![self.gripper.to_register()],
            RtuRequest::Read { address: 0x0f, .. } => vec![self.gripper_error],
            RtuRequest::Read { address: 0x0702, .. } => match &self.position {
                Position::Width => {
                    rmrl_xarm::bio_gripper::position_registers(self.width_mm).to_vec()
                }
                Position::Registers(registers) => registers.clone(),
                Position::Exception(code) => {
                    return request.encode_exception(device, *code).to_vec();
                }
            },
            RtuRequest::Read { count, .. } => vec![0; usize::from(*count)],
            RtuRequest::Write { address, value } => {
                self.registers.insert(*address, *value);
                match address {
                    0x0100 => self.gripper.power = Power::On,
                    0x000f => {
                        self.gripper_error = 0;
                        self.gripper.jaws = JawState::Stopped;
                    }
                    _ => {}
                }
                Vec::new()
            }
            RtuRequest::WriteSeveral { values, .. } => {
                let to = *values.last().unwrap();
                if let [1, speed, force, ..] = values[..] {
                    self.registers.extend([(0x0303, speed), (0x0506, force)]);
                }
                self.registers.insert(0x0700, to);
                self.width_mm = f64::from(to);
                self.gripper.jaws = match to {
                    50 | 71 => self.closed,
                    _ => JawState::Stopped,
                };
                Vec::new()
            }
        };
        request.encode_reply(device, &read)
    }
}

/// A table behind two ports, for as long as the test runs; the configuration leads there.
pub fn serve_table(mut table: Table) -> (XArmConfig, Arc<Mutex<Table>>) {
    let [x, y, z, roll, pitch, yaw] =
        XArmConfig::default().grasp_point_mm_deg().map(|it| it as f32);
    table.stand_with([x, y, z, roll.to_radians(), pitch.to_radians(), yaw.to_radians()]);
    let table = Arc::new(Mutex::new(table));
    let control = TcpListener::bind("127.0.0.1:0").unwrap();
    let reports = TcpListener::bind("127.0.0.1:0").unwrap();
    let config = XArmConfig {
        host: "127.0.0.1".into(),
        control_port: control.local_addr().unwrap().port(),
        report_port: Some(reports.local_addr().unwrap().port()),
        answer_timeout_secs: 0.5,
        motion_margin_secs: 0.4,
        reconnect_secs: 1.0,
        standstill_secs: 0.0,
        ..XArmConfig::default()
    };
    let theirs = Arc::clone(&table);
    thread::spawn(move || {
        for stream in control.incoming() {
            let (theirs, stream) = (Arc::clone(&theirs), stream.unwrap());
            thread::spawn(move || follow(&theirs, stream));
        }
    });
    let theirs = Arc::clone(&table);
    thread::spawn(move || {
        for stream in reports.incoming() {
            let (theirs, mut stream) = (Arc::clone(&theirs), stream.unwrap());
            thread::spawn(move || {
                let mut buffer = [0; LONGEST_REPORT];
                loop {
                    let (report, is_silent) = {
                        let table = theirs.lock().unwrap();
                        (table.report(), table.reports_are_silent)
                    };
                    if is_silent {
                        thread::sleep(std::time::Duration::from_millis(20));
                        continue;
                    }
                    if stream.write_all(report.encode(&mut buffer)).is_err() {
                        return;
                    }
                    thread::sleep(std::time::Duration::from_millis(20));
                }
            });
        }
    });
    (config, table)
}

fn follow(table: &Mutex<Table>, mut stream: std::net::TcpStream) {
    stream.set_nodelay(true).unwrap();
    let (mut reader, mut feeds_back) = (FrameReader::default(), false);
    loop {
        while let Some(frame) = reader.next_frame().unwrap() {
            let ToController::Request(request) = frame.to_controller().unwrap() else { continue };
            let command = super::command(&request);
            feeds_back |= matches!(command, Command::SetFeedbackType(2));
            let mut table = table.lock().unwrap();
            let Some(reply) = table.reply(&command) else { return };
            let stops = command == Command::SetState(StateChange::Stop);
            if stops && table.deaf_to_stops > 0 {
                table.deaf_to_stops -= 1;
                continue;
            }
            let status = if table.error == 0 { 0 } else { Status::ERROR };
            let mut out = answer(&request, status, &reply);
            let is_line = matches!(command, Command::MoveLine { .. });
            let ends = !table.never_ends && !table.pauses && table.error == 0;
            if is_line && feeds_back && ends {
                done(&request).encode(&mut out);
            }
            drop(table);
            if stream.write_all(&out).is_err() {
                return;
            }
        }
        if !matches!(reader.fill(&mut stream), Ok(1..)) {
            return;
        }
    }
}

fn done(request: &Request) -> Feedback {
    let Request { transaction, protocol, register, .. } = *request;
    let (kind, outcome) = (Feedback::MOTION_FINISHED, FeedbackOutcome::Done);
    Feedback { transaction, protocol, kind, register, task: 1, outcome, time_us: 0 }
}
