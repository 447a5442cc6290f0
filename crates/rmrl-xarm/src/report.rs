//! Reports: what the controller tells by itself over ports 30001, 30002 and 30003.
//!
//! A report is decoded without asking for memory. All begin alike; the longer ones go on.

use std::io::Read;

use crate::ArmState;
use crate::wire::Cursor;

/// The shortest report, in bytes: joints, pose and torques (port 30003 of firmware before 1.5).
pub const SHORTEST_REPORT: usize = 87;

/// The longest report that is believed, in bytes. The rich report of firmware 2.5 has 587, that of
/// port 30000, which is not read here, 804.
pub const LONGEST_REPORT: usize = 1024;

/// Lengths of the reports that are written here, in bytes, their own length among them.
const REAL_LENGTH: usize = 135;
const NORMAL_LENGTH: usize = 145;
const RICH_LENGTH: usize = 587;

/// Where the parts of a rich report begin that are read here.
const VERSION_AT: usize = 151;
const SERVOS_AT: usize = 229;
const TEMPERATURES_AT: usize = 245;
const SPEEDS_AT: usize = 252;
const COUNTER_AT: usize = 284;
const BASE_OFFSET_AT: usize = 288;
const SIMULATED_AT: usize = 314;
/// Where the byte of the simulated robot means something only in reports of at least this length, in
/// bytes, as the vendor's software has it.
const SIMULATED_FROM: usize = 417;
const REDUCED_AT: usize = 495;
const FENCE_AT: usize = 572;

/// Which of the ports a report comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReportPort {
    /// 30001: five in a second, with errors.
    Normal,
    /// 30002: five in a second, with everything.
    Rich,
    /// 30003: a hundred in a second, without errors.
    Real,
}

impl ReportPort {
    /// Its number.
    pub fn number(self) -> u16 {
        match self {
            Self::Normal => 30001,
            Self::Rich => 30002,
            Self::Real => 30003,
        }
    }

    /// The port that sends reports of a length, in bytes; whatever number an emulator or a tunnel gives
    /// the port.
    fn of_length(length: usize) -> Self {
        match length {
            ..NORMAL_LENGTH => Self::Real,
            NORMAL_LENGTH => Self::Normal,
            _ => Self::Rich,
        }
    }
}

/// What bytes are that are no report. The stream they came from cannot be followed any further.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ReportError {
    /// A report of no known length.
    #[error("a report of {got} bytes, expected {expected} to {LONGEST_REPORT}")]
    Length {
        /// What came, in bytes.
        got: usize,
        /// What this port's shortest has, in bytes.
        expected: usize,
    },
    /// A length that is not the one that it came with.
    #[error("a report of {got} bytes that says it has {said}")]
    Contradiction {
        /// What came, in bytes.
        got: usize,
        /// What it says, in bytes.
        said: usize,
    },
}

/// One report. Units are the controller's: mm, radians, N m, kg.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Report {
    /// What the arm is doing.
    pub state: ArmState,
    /// How it is led; 0 to positions.
    pub mode: u8,
    /// How many motions wait, the present one among them.
    pub commands: u16,
    /// Joints, in radians.
    pub joints_rad: [f32; 7],
    /// The tool's pose, in mm and radians.
    pub pose: [f32; 6],
    /// Torques of the joints, in N m.
    pub torques_nm: [f32; 7],
    /// What only some ports tell.
    pub more: More,
}

/// What only some ports tell.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum More {
    /// Port 30003 of old firmware: nothing.
    Nothing,
    /// Port 30003: forces at a force-torque sensor.
    Forces {
        /// Without the load, in N and N m.
        external: [f32; 6],
        /// As measured.
        raw: [f32; 6],
    },
    /// Port 30001.
    Health(Health),
    /// Port 30002.
    Everything(Health, Details),
}

impl Report {
    /// What only the rich report tells.
    pub fn details(&self) -> Option<&Details> {
        match &self.more {
            More::Everything(_, details) => Some(details),
            More::Nothing | More::Forces { .. } | More::Health(_) => None,
        }
    }

    /// Errors and settings, where the port tells them.
    pub fn health(&self) -> Option<&Health> {
        match &self.more {
            More::Health(health) | More::Everything(health, _) => Some(health),
            More::Nothing | More::Forces { .. } => None,
        }
    }
}

/// Errors and settings.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Health {
    /// A bit for each joint whose brake is released.
    pub brakes: u8,
    /// A bit for each joint with power.
    pub enabled: u8,
    /// The error that waits to be cleared; 0 for none.
    pub error: u8,
    /// The warning that waits to be cleared; 0 for none.
    pub warning: u8,
    /// The tool's point, seen from the flange, in mm and radians.
    pub tcp_offset: [f32; 6],
    /// Mass in kg, and its centre in mm.
    pub load: [f32; 4],
    /// How little force is taken for a collision.
    pub collision_sensitivity: u8,
    /// How easily the arm is led by hand.
    pub teach_sensitivity: u8,
    /// Which way is down, in the base's frame.
    pub gravity: [f32; 3],
}

/// What is only in the rich report. Parts that an older firmware does not send are none.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Details {
    /// The vendor's number of the model.
    pub model: u8,
    /// How many joints the arm has.
    pub joints: u8,
    /// Version of the firmware, as text that ends with a zero.
    pub version: [u8; 30],
    /// State and error of each joint's servo; old firmware does not tell all.
    pub servos: Option<[[u8; 2]; 7]>,
    /// Temperatures of the joints, in °C.
    pub temperatures_c: Option<[i8; 7]>,
    /// Speed of the tool, in mm/s.
    pub tool_speed_mm_s: Option<f32>,
    /// Speeds of the joints, in rad/s.
    pub joint_speeds_rad_s: Option<[f32; 7]>,
    /// The controller's counter.
    pub counter: Option<u32>,
    /// The robot's base in the world that all poses are told and taken in: mm, then roll, pitch and yaw in
    /// radians.
    pub base_offset: Option<[f32; 6]>,
    /// Whether motions are only simulated, and the arm stands still.
    pub simulated: Option<bool>,
    /// Whether reduced mode is on.
    pub reduced: Option<bool>,
    /// Whether the fence is on.
    pub fence: Option<bool>,
}

impl Report {
    /// Reads a whole report, its length among the bytes.
    ///
    /// # Errors
    /// The length is not one of this port's reports.
    pub fn decode(port: ReportPort, bytes: &[u8]) -> Result<Self, ReportError> {
        let got = bytes.len();
        let expected = match port {
            ReportPort::Real => SHORTEST_REPORT,
            ReportPort::Normal => NORMAL_LENGTH,
            ReportPort::Rich => SERVOS_AT,
        };
        let error = ReportError::Length { got, expected };
        if !(expected..=LONGEST_REPORT).contains(&got) {
            return Err(error);
        }
        let mut cursor = Cursor::new(bytes);
        let said = usize::try_from(cursor.u32_be().ok_or(error)?).unwrap_or(usize::MAX);
        if said != got {
            return Err(ReportError::Contradiction { got, said });
        }
        read_report(port, bytes, &mut cursor).ok_or(error)
    }

    /// Writes it as its port does: firmware 2.5's layout, parts that are not known 0.
    ///
    /// Returns the beginning of `out` that it takes. No memory is asked for.
    pub fn encode<'a>(&self, out: &'a mut [u8; LONGEST_REPORT]) -> &'a [u8] {
        out.fill(0);
        let mut writer = Writer { out, at: 4 };
        writer.bytes(&[(self.mode << 4) | (self.state.number() & 0x0f)]);
        writer.bytes(&self.commands.to_be_bytes());
        writer.f32s(&self.joints_rad);
        writer.f32s(&self.pose);
        writer.f32s(&self.torques_nm);
        let length = match &self.more {
            More::Nothing => SHORTEST_REPORT,
            More::Forces { external, raw } => {
                writer.f32s(external);
                writer.f32s(raw);
                REAL_LENGTH
            }
            More::Health(health) => {
                health.encode(&mut writer);
                NORMAL_LENGTH
            }
            More::Everything(health, details) => {
                health.encode(&mut writer);
                details.encode(&mut writer);
                RICH_LENGTH
            }
        };
        // `LONGEST_REPORT` is far below 2^32.
        #[allow(clippy::cast_possible_truncation, reason = "at most 1024")]
        out[..4].copy_from_slice(&(length as u32).to_be_bytes());
        &out[..length]
    }
}

fn read_report(port: ReportPort, bytes: &[u8], cursor: &mut Cursor<'_>) -> Option<Report> {
    let state_and_mode = cursor.u8()?;
    Some(Report {
        state: ArmState::from_number(state_and_mode & 0x0f),
        mode: state_and_mode >> 4,
        commands: cursor.u16_be()?,
        joints_rad: cursor.f32s_le()?,
        pose: cursor.f32s_le()?,
        torques_nm: cursor.f32s_le()?,
        more: match port {
            ReportPort::Real if bytes.len() < REAL_LENGTH => More::Nothing,
            ReportPort::Real => {
                More::Forces { external: cursor.f32s_le()?, raw: cursor.f32s_le()? }
            }
            ReportPort::Normal => More::Health(Health::decode(cursor)?),
            ReportPort::Rich => More::Everything(Health::decode(cursor)?, Details::decode(bytes)?),
        },
    })
}

impl Health {
    fn decode(cursor: &mut Cursor<'_>) -> Option<Self> {
        let [brakes, enabled, error, warning] = cursor.array()?;
        let tcp_offset = cursor.f32s_le()?;
        let load = cursor.f32s_le()?;
        let [collision_sensitivity, teach_sensitivity] = cursor.array()?;
        let gravity = cursor.f32s_le()?;
        Some(Self {
            brakes,
            enabled,
            error,
            warning,
            tcp_offset,
            load,
            collision_sensitivity,
            teach_sensitivity,
            gravity,
        })
    }

    fn encode(&self, writer: &mut Writer<'_>) {
        writer.bytes(&[self.brakes, self.enabled, self.error, self.warning]);
        writer.f32s(&self.tcp_offset);
        writer.f32s(&self.load);
        writer.bytes(&[self.collision_sensitivity, self.teach_sensitivity]);
        writer.f32s(&self.gravity);
    }
}

impl Details {
    fn decode(bytes: &[u8]) -> Option<Self> {
        let from = |at: usize| Cursor::new(bytes.get(at..).unwrap_or_default());
        let [model, joints] = from(NORMAL_LENGTH).array()?;
        let servos: Option<[u8; 14]> = from(SERVOS_AT).array();
        let mut speeds = from(SPEEDS_AT);
        Some(Self {
            model,
            joints,
            version: from(VERSION_AT).array()?,
            servos: servos
                .map(|codes| std::array::from_fn(|joint| [codes[2 * joint], codes[2 * joint + 1]])),
            temperatures_c: from(TEMPERATURES_AT).array().map(|bytes| bytes.map(u8::cast_signed)),
            tool_speed_mm_s: speeds.f32_le(),
            joint_speeds_rad_s: speeds.f32s_le(),
            counter: from(COUNTER_AT).u32_be(),
            base_offset: from(BASE_OFFSET_AT).f32s_le(),
            simulated: from(SIMULATED_AT)
                .u8()
                .filter(|_| bytes.len() >= SIMULATED_FROM)
                .map(|on| on == 1),
            reduced: from(REDUCED_AT).u8().map(|on| on == 1),
            fence: from(FENCE_AT).u8().map(|on| on == 1),
        })
    }

    fn encode(&self, writer: &mut Writer<'_>) {
        writer.bytes(&[self.model, self.joints]);
        writer.at = VERSION_AT;
        writer.bytes(&self.version);
        writer.at = SERVOS_AT;
        writer.bytes(self.servos.unwrap_or_default().as_flattened());
        writer.at = TEMPERATURES_AT;
        writer.bytes(&self.temperatures_c.unwrap_or_default().map(i8::cast_unsigned));
        writer.f32s(&[self.tool_speed_mm_s.unwrap_or_default()]);
        writer.f32s(&self.joint_speeds_rad_s.unwrap_or_default());
        writer.bytes(&self.counter.unwrap_or_default().to_be_bytes());
        writer.at = BASE_OFFSET_AT;
        writer.f32s(&self.base_offset.unwrap_or_default());
        writer.at = SIMULATED_AT;
        writer.bytes(&[u8::from(self.simulated == Some(true))]);
        let (reduced, fence) = (self.reduced == Some(true), self.fence == Some(true));
        // The bits of the flags, as older readers look for them.
        writer.at = REDUCED_AT - 1;
        writer.bytes(&[u8::from(reduced) | u8::from(fence) << 1, u8::from(reduced)]);
        writer.at = FENCE_AT;
        writer.bytes(&[u8::from(fence)]);
    }
}

/// Writes into a report that is long enough by construction.
struct Writer<'a> {
    out: &'a mut [u8; LONGEST_REPORT],
    at: usize,
}

impl Writer<'_> {
    fn bytes(&mut self, bytes: &[u8]) {
        self.out[self.at..self.at + bytes.len()].copy_from_slice(bytes);
        self.at += bytes.len();
    }

    fn f32s(&mut self, values: &[f32]) {
        for value in values {
            self.bytes(&value.to_le_bytes());
        }
    }
}

/// Finds the reports in a stream of bytes, however it is cut.
///
/// It holds a fixed amount of memory, and asks for none after it was made.
#[derive(Debug)]
pub struct ReportReader {
    /// None where the length of each report says what it is.
    port: Option<ReportPort>,
    buffer: Box<[u8; LONGEST_REPORT]>,
    /// How many bytes of the present report are there.
    got: usize,
}

impl ReportReader {
    /// A reader of that port's stream.
    pub fn new(port: ReportPort) -> Self {
        Self { port: Some(port), buffer: Box::new([0; LONGEST_REPORT]), got: 0 }
    }

    /// A reader of whichever of the three ports' streams it is, by the lengths of its reports.
    pub fn of_any_port() -> Self {
        Self { port: None, buffer: Box::new([0; LONGEST_REPORT]), got: 0 }
    }

    /// Reads once from `source`: a report where that completes one, none where more is to come.
    ///
    /// # Errors
    /// [`ReadError::Io`] with what the source said, at its end that it has ended, or
    /// [`ReadError::Report`] where the bytes are no report. The stream is then to be opened anew.
    pub fn read(&mut self, source: &mut impl Read) -> Result<Option<Report>, ReadError> {
        let wanted = self.wanted()?;
        let read = source.read(&mut self.buffer[self.got..wanted])?;
        if read == 0 {
            return Err(ReadError::Io(std::io::ErrorKind::UnexpectedEof.into()));
        }
        self.got += read;
        let wanted = self.wanted()?;
        if self.got < wanted || self.got == 4 {
            return Ok(None);
        }
        self.got = 0;
        let port = self.port.unwrap_or_else(|| ReportPort::of_length(wanted));
        Ok(Some(Report::decode(port, &self.buffer[..wanted])?))
    }

    /// How many bytes the present report has; 4 until its length is known.
    fn wanted(&self) -> Result<usize, ReportError> {
        if self.got < 4 {
            return Ok(4);
        }
        let [b3, b2, b1, b0, ..] = *self.buffer;
        let got = usize::try_from(u32::from_be_bytes([b3, b2, b1, b0])).unwrap_or(usize::MAX);
        if !(SHORTEST_REPORT..=LONGEST_REPORT).contains(&got) {
            return Err(ReportError::Length { got, expected: SHORTEST_REPORT });
        }
        Ok(got)
    }
}

/// Why there is no next report.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The source is gone, or has nothing yet and was told not to wait.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// The bytes are no report.
    #[error(transparent)]
    Report(#[from] ReportError),
}
