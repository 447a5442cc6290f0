//! The emulated BIO gripper: its registers, which Modbus RTU reaches over the arm's RS485 line.

use rmrl_cell::{DeviceError, Gripper};

use super::faults::{Faults, GripperFault};

/// The gripper at the end of the arm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum GripperKind {
    /// No gripper answers.
    None,
    /// The first BIO gripper. It opens to 130, and has neither a serial number nor a force to set.
    G1,
    /// The second BIO gripper. It opens to 150 mm and closes to 71 mm.
    #[default]
    G2,
    /// The second with its early firmware, which has no register 0x0C00.
    EarlyG2,
}

impl GripperKind {
    /// The closed and the open position, in its own counts: millimeters between the jaws with G2.
    fn range(self) -> [i32; 2] {
        match self {
            Self::None => [0, 0],
            Self::G1 => [50, 130],
            Self::G2 | Self::EarlyG2 => [71, 150],
        }
    }

    /// Whether it is of the second generation.
    fn is_second(self) -> bool {
        matches!(self, Self::G2 | Self::EarlyG2)
    }

    /// The width of a position for the plant. The first gripper does not count in millimeters and has a
    /// single opening; both open to the same width.
    fn width_m(self, position: i32) -> f64 {
        let [closed, open] = self.range();
        let share = f64::from(position - closed) / f64::from(open - closed);
        0.071 + share * (0.150 - 0.071)
    }
}

/// At the speed of 2000 counts, the jaws take this long from open to closed. Untuned.
const STROKE_SECS: f64 = 0.8;
/// The time that enabling takes.
const ENABLING_SECS: f64 = 0.2;
/// The gripper's number on the bus.
const UNIT: u8 = 0x08;

const STATUS: u16 = 0x0000;
const ERROR: u16 = 0x000f;
const ENABLE: u16 = 0x0100;
const MODE: u16 = 0x010a;
const SET_MODE: u16 = 0x110a;
const SPEED: u16 = 0x0303;
const FORCE: u16 = 0x0506;
const RESTART: u16 = 0x0607;
const TARGET: u16 = 0x0700;
const POSITION: u16 = 0x0702;
const VERSION: u16 = 0x0801;
/// After its three numbers.
const VERSION_END: u16 = VERSION + 3;
const SERIAL_NUMBER: u16 = 0x0b10;
const TARGET_G2: u16 = 0x0c00;

/// Modbus: no such function.
const ILLEGAL_FUNCTION: u8 = 1;
/// Modbus: no such register.
const ILLEGAL_ADDRESS: u8 = 2;
/// Modbus: an invalid value.
const ILLEGAL_VALUE: u8 = 3;

/// Why a request gets no normal answer.
enum Failure {
    /// The gripper answers with a Modbus exception.
    Exception(u8),
    /// The plant failed.
    Plant(DeviceError),
}

impl From<DeviceError> for Failure {
    fn from(error: DeviceError) -> Self {
        Self::Plant(error)
    }
}

/// The gripper.
#[derive(Debug)]
pub(super) struct EmulatedGripper {
    kind: GripperKind,
    enabling_secs: Option<f64>,
    enabled: bool,
    speed: u16,
    force: u16,
    mode: u16,
    error: u16,
    position: i32,
    moving: Option<JawMotion>,
    closed: bool,
    dropped: bool,
    /// The number of motions since the start.
    pub motions: u64,
    /// Speed and force of the last motion.
    pub last: [u16; 2],
}

#[derive(Debug, Clone, Copy)]
struct JawMotion {
    to: i32,
    left_secs: f64,
}

impl EmulatedGripper {
    pub fn new(kind: GripperKind) -> Self {
        Self {
            kind,
            enabling_secs: None,
            enabled: false,
            speed: 2000,
            force: 50,
            mode: 0,
            error: 0,
            position: kind.range()[1],
            moving: None,
            closed: false,
            dropped: false,
            motions: 0,
            last: [0; 2],
        }
    }

    /// Whether something is under way that only ends as time passes.
    pub fn is_busy(&self) -> bool {
        self.moving.is_some() || self.enabling_secs.is_some()
    }

    /// Lets time pass. The plant's jaws move at the end of a motion, all at once.
    pub fn advance(&mut self, secs: f64, plant: &mut dyn Gripper, faults: &Faults) {
        if let Some(left_secs) = &mut self.enabling_secs {
            *left_secs -= secs;
            if *left_secs <= 0.0 {
                self.enabling_secs = None;
                self.enabled = true;
            }
        }
        let Some(motion) = &mut self.moving else { return };
        motion.left_secs -= secs;
        if motion.left_secs > 0.0 {
            return;
        }
        let to = motion.to;
        self.moving = None;
        let [closed, _] = self.kind.range();
        self.closed = to <= closed;
        self.dropped = false;
        let moved = if self.closed { plant.close() } else { plant.open(self.kind.width_m(to)) };
        // The over-current of the vendor's table, which has no number for a failed motion.
        const OVER_CURRENT: u16 = 0x0b;
        if moved.is_err() {
            self.error = OVER_CURRENT;
        }
        self.position = to;
        match faults.take_gripper(self.motions) {
            Some(GripperFault::Error(error)) => self.error = error,
            Some(GripperFault::Dropped) => self.dropped = true,
            None => {}
        }
    }

    /// The answer to a frame, both without their checksum; none where no gripper hears it.
    pub fn answer(
        &mut self,
        frame: &[u8],
        plant: &mut dyn Gripper,
    ) -> Result<Option<Vec<u8>>, DeviceError> {
        let (Some(&unit), Some(&function)) = (frame.first(), frame.get(1)) else {
            return Ok(None);
        };
        if self.kind == GripperKind::None || unit != UNIT {
            return Ok(None);
        }
        let word = |at: usize| {
            frame.get(at..).and_then(<[u8]>::first_chunk).map(|bytes| u16::from_be_bytes(*bytes))
        };
        let (Some(address), Some(operand)) = (word(2), word(4)) else { return Ok(None) };
        let done = match function {
            0x03 => self.read(address, operand, plant),
            0x06 => self.write(address, &[operand]).map(|()| frame[2..6].to_vec()),
            0x10 => {
                let words: Vec<u16> = frame
                    .get(7..)
                    .unwrap_or_default()
                    .chunks_exact(2)
                    .map(|pair| u16::from_be_bytes([pair[0], pair[1]]))
                    .collect();
                let stated = frame.get(6).map(|bytes| usize::from(*bytes));
                if words.len() == usize::from(operand) && stated == Some(2 * words.len()) {
                    self.write(address, &words).map(|()| frame[2..6].to_vec())
                } else {
                    Err(Failure::Exception(ILLEGAL_VALUE))
                }
            }
            _ => Err(Failure::Exception(ILLEGAL_FUNCTION)),
        };
        match done {
            Ok(rest) => Ok(Some([&[unit, function], rest.as_slice()].concat())),
            Err(Failure::Exception(code)) => Ok(Some(vec![unit, function | 0x80, code])),
            Err(Failure::Plant(error)) => Err(error),
        }
    }

    fn read(
        &mut self,
        address: u16,
        count: u16,
        plant: &mut dyn Gripper,
    ) -> Result<Vec<u8>, Failure> {
        let halves = |number: i32| {
            let [a, b, c, d] = number.to_be_bytes();
            vec![u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d])]
        };
        let words = match (address, count) {
            (STATUS, 1) => vec![self.status(plant)?],
            (ERROR, 1) => vec![self.error],
            (ENABLE, 1) => vec![u16::from(self.enabled)],
            (SPEED, 1) => vec![self.speed],
            (TARGET, 2) => halves(self.moving.map_or(self.position, |motion| motion.to)),
            (POSITION, 2) => halves(self.counts(plant)?),
            (VERSION..VERSION_END, 1..=3) if address + count <= VERSION_END => {
                let start = usize::from(address - VERSION);
                [1, 0, 0][start..start + usize::from(count)].to_vec()
            }
            (MODE, 1) if self.kind.is_second() => vec![self.mode],
            (FORCE, 1) if self.kind.is_second() => vec![self.force],
            (SERIAL_NUMBER, 16) if self.kind.is_second() => {
                let letters = b"BG2EMULATED001";
                (0..16).map(|index| letters.get(index).copied().unwrap_or(0).into()).collect()
            }
            _ => return Err(Failure::Exception(ILLEGAL_ADDRESS)),
        };
        let mut bytes = vec![(2 * words.len()) as u8];
        bytes.extend(words.into_iter().flat_map(u16::to_be_bytes));
        Ok(bytes)
    }

    /// How far apart the pads are by what they were sent to, in meters; 0 without a gripper.
    pub fn opening_m(&self) -> f64 {
        if self.kind == GripperKind::None { 0.0 } else { self.kind.width_m(self.position) }
    }

    /// Whether something is between the jaws.
    ///
    /// # Errors
    /// The plant does not say.
    pub fn holds(&self, plant: &mut dyn Gripper) -> Result<bool, DeviceError> {
        Ok(self.closed && !self.dropped && plant.holds_object()?)
    }

    /// Where the jaws are, in the gripper's own counts: where the plant measures them, or else where they were sent.
    fn counts(&self, plant: &mut dyn Gripper) -> Result<i32, DeviceError> {
        if !self.kind.is_second() {
            return Ok(self.position);
        }
        let width_mm = match plant.measured_width_m()? {
            Some(width_m) => width_m * 1000.0,
            None => f64::from(self.position),
        };
        // Counts of the motor, which the vendor's software converts to millimeters.
        Ok((width_mm * 3.7342 - 265.13).round() as i32)
    }

    /// Bits 0 and 1: stopped, moving, an object between the jaws, a fault. Bits 2 and 3: disabled,
    /// enabling, enabled.
    fn status(&self, plant: &mut dyn Gripper) -> Result<u16, DeviceError> {
        let motion = if self.error != 0 {
            3
        } else if self.moving.is_some() {
            1
        } else if self.holds(plant)? {
            2
        } else {
            0
        };
        let enabled = match (self.enabled, self.enabling_secs) {
            (true, _) => 2,
            (false, Some(_)) => 1,
            (false, None) => 0,
        };
        Ok(motion | enabled << 2)
    }

    fn write(&mut self, address: u16, words: &[u16]) -> Result<(), Failure> {
        let position = |words: &[u16]| (i32::from(words[0]) << 16) | i32::from(words[1]);
        let is_g2 = self.kind.is_second();
        let has_target_g2 = self.kind == GripperKind::G2;
        match (address, words) {
            (ENABLE, [on]) => {
                if *on == 0 {
                    self.enabled = false;
                    self.enabling_secs = None;
                } else if !self.enabled {
                    self.enabling_secs = Some(ENABLING_SECS);
                }
            }
            (ERROR, [0]) => self.error = 0,
            (SPEED, [speed]) => self.speed = *speed,
            (FORCE, [force]) if is_g2 => self.force = *force,
            (SET_MODE, [mode]) if is_g2 => self.mode = *mode,
            // Its electronics restart, without power for the motor.
            (RESTART, [1]) => (self.enabled, self.enabling_secs) = (false, None),
            (TARGET, words @ [_, _]) => self.move_to(position(words))?,
            (TARGET_G2, [1, speed, force, words @ ..]) if has_target_g2 && words.len() == 2 => {
                (self.speed, self.force) = (*speed, *force);
                self.move_to(position(words))?;
            }
            _ => return Err(Failure::Exception(ILLEGAL_ADDRESS)),
        }
        Ok(())
    }

    fn move_to(&mut self, to: i32) -> Result<(), Failure> {
        let [closed, open] = self.kind.range();
        // The first gripper knows two positions; the vendor's software sends it those of the second, too.
        let to = match self.kind {
            GripperKind::G1 if to > 100 => open,
            GripperKind::G1 => closed,
            _ if self.mode == 1 => ((f64::from(to) + 265.13) / 3.7342).round() as i32,
            _ => to,
        }
        // The jaws go as far as they can: the vendor's table has no error of this gripper for a position.
        .clamp(closed, open);
        // A disabled or faulty gripper answers and does nothing.
        if self.enabled && self.error == 0 {
            let share = f64::from((to - self.position).abs()) / f64::from(open - closed);
            let left_secs = STROKE_SECS * share * 2000.0 / f64::from(self.speed.max(1));
            self.motions += 1;
            self.last = [self.speed, self.force];
            self.moving = Some(JawMotion { to, left_secs });
        }
        Ok(())
    }
}
