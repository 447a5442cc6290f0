//! The registers of the BIO gripper: requests over the bus at the flange, and their answers.
//!
//! There are two generations. The first one only opens and closes; the second one goes to any width from
//! [`NARROWEST_MM`] to [`WIDEST_MM`]. The registers of the first are a subset of those of the second. It answers
//! others with a Modbus exception.

use crate::protocol::modbus_rtu::RtuRequest;

/// The gripper's number on the bus.
pub const DEVICE: u8 = 0x08;

/// The speed of the bus, in baud.
pub const BAUD: u32 = 2_000_000;

/// The controller's number of [`BAUD`].
pub const BAUD_INDEX: i32 = 11;

/// The tool board's register to read the speed of the bus.
pub const BAUD_READ: u16 = 0x0a0b;

/// The tool board's register to set the speed of the bus, which survives a restart.
pub const BAUD_WRITE: u16 = 0x1a0b;

/// The tool board's register that restarts it.
pub const RESTART: u16 = 0x0607;

/// The smallest width between the jaws of the second generation, in mm.
pub const NARROWEST_MM: u16 = 71;

/// The greatest width between the jaws of the second generation, in mm.
pub const WIDEST_MM: u16 = 150;

const STATUS: u16 = 0x0000;
const ERROR: u16 = 0x000f;
const ENABLE: u16 = 0x0100;
const SPEED: u16 = 0x0303;
const FORCE: u16 = 0x0506;
const POSITION: u16 = 0x0700;
const MEASURED: u16 = 0x0702;
const SERIAL_NUMBER: u16 = 0x0b10;
const MODE: u16 = 0x010a;
const SET_MODE: u16 = 0x110a;
const RESTART_MCU: u16 = 0x0607;
const MOVE: u16 = 0x0c00;

/// The control mode in which positions are millimeters. In mode 1 they are pulses of the motor.
pub const MILLIMETERS: u16 = 0;

/// The generation of a BIO gripper.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Generation {
    /// It opens and closes.
    First,
    /// It goes to a width, and limits its force.
    Second,
}

impl Generation {
    /// The position that the vendor's software writes to open it.
    pub fn opened(self) -> i32 {
        match self {
            Self::First => 130,
            Self::Second => 150,
        }
    }

    /// The position that the vendor's software writes to close it.
    pub fn closed(self) -> i32 {
        match self {
            Self::First => 50,
            Self::Second => 71,
        }
    }
}

/// Reads the serial number, which only the second generation has.
pub fn probe() -> RtuRequest {
    RtuRequest::Read { address: SERIAL_NUMBER, count: 16 }
}

/// Switches the power of its motor on or off.
pub fn enable(on: bool) -> RtuRequest {
    RtuRequest::Write { address: ENABLE, value: u16::from(on) }
}

/// Sets its speed, 1 to 4000 in the vendor's unit.
pub fn speed(speed: u16) -> RtuRequest {
    RtuRequest::Write { address: SPEED, value: speed }
}

/// Sets its force, 1 to 100 %. Second generation.
pub fn force(percent: u16) -> RtuRequest {
    RtuRequest::Write { address: FORCE, value: percent }
}

/// Opens it or closes it: [`Generation::opened`], [`Generation::closed`].
pub fn go_to(position: i32) -> RtuRequest {
    RtuRequest::WriteSeveral { address: POSITION, values: words(position).to_vec() }
}

/// Moves the jaws to a width, with a speed and a force. Second generation.
pub fn go_to_width(width_mm: u16, speed: u16, percent: u16) -> RtuRequest {
    let [high, low] = words(i32::from(width_mm));
    RtuRequest::WriteSeveral { address: MOVE, values: vec![1, speed, percent, high, low] }
}

/// Reads its control mode. Second generation; the mode survives power-off.
pub fn control_mode() -> RtuRequest {
    RtuRequest::Read { address: MODE, count: 1 }
}

/// Sets its control mode, which is valid after its next [`restart`]. Second generation.
pub fn set_control_mode(mode: u16) -> RtuRequest {
    RtuRequest::Write { address: SET_MODE, value: mode }
}

/// Restarts its electronics.
pub fn restart() -> RtuRequest {
    RtuRequest::Write { address: RESTART_MCU, value: 1 }
}

/// Reads [`GripperStatus`].
pub fn status() -> RtuRequest {
    RtuRequest::Read { address: STATUS, count: 1 }
}

/// Reads the number of its error, [`crate::gripper_error`].
pub fn error() -> RtuRequest {
    RtuRequest::Read { address: ERROR, count: 1 }
}

/// Clears its error.
pub fn clear_error() -> RtuRequest {
    RtuRequest::Write { address: ERROR, value: 0 }
}

/// Reads the position of its jaws, [`width_mm`]. Second generation.
pub fn position() -> RtuRequest {
    RtuRequest::Read { address: MEASURED, count: 2 }
}

/// The width in the answer to [`position`], in mm.
///
/// `mm = (x + 265.13) / 3.7342`, as in the vendor's Python SDK. Its C++ SDK has `(x + 269.62) / 3.798` instead: the same
/// at 71 mm, and 1.3 mm less at 150 mm. Only a caliper shows which one is right for a gripper.
pub fn width_mm(registers: [u16; 2]) -> f64 {
    let raw = (u32::from(registers[0]) << 16 | u32::from(registers[1])).cast_signed();
    (f64::from(raw) + 265.13) / 3.7342
}

/// The answer to [`position`] at a width in mm; the inverse of [`width_mm`] within 0.14 mm.
pub fn position_registers(width_mm: f64) -> [u16; 2] {
    // An absurd width saturates.
    #[allow(clippy::cast_possible_truncation, reason = "saturates")]
    let raw = (width_mm * 3.7342 - 265.13).round() as i32;
    words(raw)
}

fn words(value: i32) -> [u16; 2] {
    let [a, b, c, d] = value.to_be_bytes();
    [u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d])]
}

/// The state of the jaws.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JawState {
    /// They are at their target, or have none yet.
    Stopped,
    /// They move.
    Moving,
    /// They hold an object.
    Holding,
    /// They stopped because of an error.
    Fault,
}

/// The power of the motor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Power {
    /// The motor has no power.
    Off,
    /// The motor is getting power: the jaws find their ends first.
    Coming,
    /// The motor has power.
    On,
    /// A number without a meaning.
    Unknown,
}

/// The status register.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GripperStatus {
    /// The state of the jaws.
    pub jaws: JawState,
    /// The power of the motor.
    pub power: Power,
}

impl GripperStatus {
    /// The status in a register: bits 0 and 1 the jaws, bits 2 and 3 the power.
    pub fn from_register(register: u16) -> Self {
        Self {
            jaws: match register & 3 {
                0 => JawState::Stopped,
                1 => JawState::Moving,
                2 => JawState::Holding,
                _ => JawState::Fault,
            },
            power: match register >> 2 & 3 {
                0 => Power::Off,
                1 => Power::Coming,
                2 => Power::On,
                _ => Power::Unknown,
            },
        }
    }

    /// The register of a status.
    pub fn to_register(self) -> u16 {
        let jaws = match self.jaws {
            JawState::Stopped => 0,
            JawState::Moving => 1,
            JawState::Holding => 2,
            JawState::Fault => 3,
        };
        let power = match self.power {
            Power::Off => 0,
            Power::Coming => 1,
            Power::On => 2,
            Power::Unknown => 3,
        };
        jaws | power << 2
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::modbus_rtu::RtuError;

    #[test]
    fn requests_are_the_bytes_that_the_vendors_software_sends() {
        let table: [(RtuRequest, &[u8]); 15] = [
            (enable(true), &[8, 6, 1, 0, 0, 1]),
            (speed(1500), &[8, 6, 3, 3, 5, 0xdc]),
            (force(50), &[8, 6, 5, 6, 0, 0x32]),
            (go_to(Generation::Second.opened()), &[8, 16, 7, 0, 0, 2, 4, 0, 0, 0, 0x96]),
            (go_to(Generation::First.opened()), &[8, 16, 7, 0, 0, 2, 4, 0, 0, 0, 0x82]),
            (go_to(Generation::Second.closed()), &[8, 16, 7, 0, 0, 2, 4, 0, 0, 0, 0x47]),
            (go_to(Generation::First.closed()), &[8, 16, 7, 0, 0, 2, 4, 0, 0, 0, 0x32]),
            (
                go_to_width(95, 1500, 50),
                &[8, 16, 12, 0, 0, 5, 10, 0, 1, 5, 0xdc, 0, 50, 0, 0, 0, 95],
            ),
            (status(), &[8, 3, 0, 0, 0, 1]),
            (control_mode(), &[8, 3, 1, 0x0a, 0, 1]),
            (set_control_mode(MILLIMETERS), &[8, 6, 0x11, 0x0a, 0, 0]),
            (restart(), &[8, 6, 6, 7, 0, 1]),
            (error(), &[8, 3, 0, 0x0f, 0, 1]),
            (clear_error(), &[8, 6, 0, 0x0f, 0, 0]),
            (probe(), &[8, 3, 0x0b, 0x10, 0, 16]),
        ];
        for (request, bytes) in table {
            assert_eq!(request.encode(DEVICE), bytes);
            assert_eq!(RtuRequest::decode(bytes), Ok((DEVICE, request)));
        }
    }

    #[test]
    fn answers_are_decoded_and_those_to_other_requests_refused() {
        let ask = status();
        let answer = ask.encode_reply(DEVICE, &[0x000a]);
        assert_eq!(answer, [8, 3, 2, 0, 0x0a]);
        assert_eq!(ask.decode_reply(DEVICE, &answer), Ok(vec![0x0a]));
        let none = probe().encode_exception(DEVICE, 2);
        assert_eq!(none, [8, 0x83, 2]);
        let exception = RtuError::Exception { device: DEVICE, code: 2 };
        assert_eq!(probe().decode_reply(DEVICE, &none), Err(exception));
        let write = go_to(150);
        assert_eq!(write.encode_reply(DEVICE, &[]), [8, 16, 7, 0, 0, 2]);
        assert_eq!(write.decode_reply(DEVICE, &[8, 16, 7, 0, 0, 2]), Ok(vec![]));
        for (bytes, error) in [
            (&[][..], RtuError::Length { got: 0 }),
            (&[8, 16, 7, 0, 0], RtuError::Length { got: 5 }),
            (&[8, 16, 7, 0, 0, 2, 0], RtuError::Length { got: 7 }),
            (&[8, 16, 7, 0, 0, 3], RtuError::WrongAnswer),
            (&[8, 6, 7, 0, 0, 2], RtuError::WrongAnswer),
            (&[9, 16, 7, 0, 0, 2], RtuError::WrongDevice { expected: 8, got: 9 }),
        ] {
            assert_eq!(write.decode_reply(DEVICE, bytes), Err(error));
        }
        assert_eq!(ask.decode_reply(DEVICE, &[8, 3, 4, 0, 1]), Err(RtuError::Length { got: 5 }));
    }

    #[test]
    fn status_and_width_round_trip() {
        for register in 0..16 {
            assert_eq!(GripperStatus::from_register(register).to_register(), register);
        }
        let held = GripperStatus::from_register(0b1010);
        assert_eq!((held.jaws, held.power), (JawState::Holding, Power::On));
        for width in [71.0, 95.0, 150.0] {
            assert!((width_mm(position_registers(width)) - width).abs() < 0.14);
        }
    }
}
