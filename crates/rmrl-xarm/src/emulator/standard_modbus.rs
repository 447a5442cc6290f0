//! Standard Modbus TCP on the port of requests: bits and words that stand for the controller's state.
//!
//! By the vendor's `UF_ModbusTCP_Manual`. Offline tasks are refused, and so is every reserved address.

use super::machine::{Machine, Phase};
use super::signals::{Output, Signals};
use super::trajectory::{numbers_of, pose_of};

const ILLEGAL_FUNCTION: u8 = 1;
const ILLEGAL_ADDRESS: u8 = 2;
const ILLEGAL_VALUE: u8 = 3;

/// General-purpose bits and words of clients.
const GENERAL: std::ops::RangeInclusive<u16> = 0x100..=0x1ff;

/// The answer to a function with its data.
pub(super) fn answer(machine: &mut Machine, request: &[u8]) -> Vec<u8> {
    let Some((&function, data)) = request.split_first() else {
        return vec![0x80, ILLEGAL_FUNCTION];
    };
    match carry_out(machine, function, data) {
        Ok(answer) => [&[function], answer.as_slice()].concat(),
        Err(exception) => vec![function | 0x80, exception],
    }
}

/// Whether a function writes.
pub(super) fn writes(function: u8) -> bool {
    matches!(function, 0x05 | 0x06 | 0x0f | 0x10 | 0x16 | 0x17)
}

fn carry_out(machine: &mut Machine, function: u8, data: &[u8]) -> Result<Vec<u8>, u8> {
    let word = |at: usize| {
        let bytes = data.get(at..).and_then(<[u8]>::first_chunk);
        bytes.map(|bytes| u16::from_be_bytes(*bytes)).ok_or(ILLEGAL_VALUE)
    };
    let (address, second) = match function {
        0x01..=0x06 | 0x0f | 0x10 | 0x16 | 0x17 => (word(0)?, word(2)?),
        _ => return Err(ILLEGAL_FUNCTION),
    };
    match function {
        0x01..=0x04 => read(machine, function, address, second),
        0x05 | 0x06 | 0x0f | 0x10 => {
            write(machine, function, [address, second], data)?;
            Ok(data.iter().take(4).copied().collect())
        }
        0x16 => {
            let (and, or) = (second, word(4)?);
            let now = holding(machine, address)?;
            set_holding(machine, address, now & and | or & !and)?;
            Ok(data.iter().take(6).copied().collect())
        }
        _ => {
            set_words(machine, word(4)?, word(6)?, data.get(9..).unwrap_or_default())?;
            let words = every(address, second, 125, |address| holding(machine, address))?;
            Ok(counted(words.into_iter().flat_map(u16::to_be_bytes)))
        }
    }
}

fn read(machine: &Machine, function: u8, address: u16, second: u16) -> Result<Vec<u8>, u8> {
    match function {
        0x01 | 0x02 => {
            let bits = every(address, second, 2000, |address| match function {
                0x01 => coil(machine, address),
                _ => discrete_input(address),
            })?;
            Ok(counted(bits.chunks(8).map(|eight| {
                eight.iter().enumerate().fold(0, |byte, (bit, on)| byte | u8::from(*on) << bit)
            })))
        }
        _ => {
            let words = every(address, second, 125, |address| match function {
                0x03 => holding(machine, address),
                _ => input(machine, address),
            })?;
            Ok(counted(words.into_iter().flat_map(u16::to_be_bytes)))
        }
    }
}

fn write(
    machine: &mut Machine,
    function: u8,
    [address, second]: [u16; 2],
    data: &[u8],
) -> Result<(), u8> {
    match function {
        0x05 => {
            let on = match second {
                0xff00 => true,
                0 => false,
                _ => return Err(ILLEGAL_VALUE),
            };
            set_coil(machine, address, on)?;
            Ok(())
        }
        0x06 => {
            set_holding(machine, address, second)?;
            Ok(())
        }
        0x0f => {
            let bytes = data.get(5..).unwrap_or_default();
            if usize::from(second).div_ceil(8) != bytes.len() || second == 0 {
                return Err(ILLEGAL_VALUE);
            }
            for index in 0..second {
                let on = bytes[usize::from(index / 8)] >> (index % 8) & 1 == 1;
                set_coil(machine, address.checked_add(index).ok_or(ILLEGAL_ADDRESS)?, on)?;
            }
            Ok(())
        }
        _ => {
            set_words(machine, address, second, data.get(5..).unwrap_or_default())?;
            Ok(())
        }
    }
}

/// What is at each of some addresses.
fn every<T>(
    address: u16,
    count: u16,
    most: u16,
    at: impl Fn(u16) -> Result<T, u8>,
) -> Result<Vec<T>, u8> {
    if !(1..=most).contains(&count) {
        return Err(ILLEGAL_VALUE);
    }
    (0..count).map(|index| at(address.checked_add(index).ok_or(ILLEGAL_ADDRESS)?)).collect()
}

/// Bytes after their count.
fn counted(bytes: impl Iterator<Item = u8>) -> Vec<u8> {
    let mut out = vec![0];
    out.extend(bytes);
    out[0] = (out.len() - 1) as u8;
    out
}

fn set_words(machine: &mut Machine, address: u16, count: u16, bytes: &[u8]) -> Result<(), u8> {
    if bytes.len() != 2 * usize::from(count) || count == 0 {
        return Err(ILLEGAL_VALUE);
    }
    for (index, pair) in (0..count).zip(bytes.chunks_exact(2)) {
        let address = address.checked_add(index).ok_or(ILLEGAL_ADDRESS)?;
        set_holding(machine, address, u16::from_be_bytes([pair[0], pair[1]]))?;
    }
    Ok(())
}

fn coil(machine: &Machine, address: u16) -> Result<bool, u8> {
    let joint = |first: u16| machine.enabled && machine.detached >> (address - first) & 1 == 0;
    Ok(match address {
        0..=15 => machine.signals.box_digital >> address & 1 == 1,
        16..=31 => false,
        32..=39 => machine.signals.tool_digital >> (address - 32) & 1 == 1,
        128..=134 => joint(128),
        135..=141 => joint(135),
        142 => machine.fence.reduced,
        143 => machine.fence.on,
        144 => machine.phase == Phase::Paused,
        145 => machine.phase == Phase::Stopped,
        146..=159 => u16::from(machine.mode) == address - 146,
        _ if GENERAL.contains(&address) => machine.general.bits[usize::from(address - 0x100)],
        _ => return Err(ILLEGAL_ADDRESS),
    })
}

fn set_coil(machine: &mut Machine, address: u16, on: bool) -> Result<(), u8> {
    match address {
        0..=15 => {
            let which = 1 << address;
            machine.signals.set(Output::BoxDigital { which, levels: if on { which } else { 0 } });
        }
        16..=31 => {}
        32..=39 => {
            let which = 1 << (address - 32);
            machine.signals.set(Output::ToolDigital { which, levels: if on { which } else { 0 } });
        }
        142 => machine.fence.reduced = on,
        143 => machine.fence.on = on,
        144 | 145 => {
            let state = if !on { 0 } else { address - 141 };
            machine.set_state(state as u8).then_some(()).ok_or(ILLEGAL_VALUE)?;
        }
        146..=159 if on => {
            machine.set_mode((address - 146) as u8).then_some(()).ok_or(ILLEGAL_VALUE)?;
        }
        _ if GENERAL.contains(&address) => {
            machine.general.bits[usize::from(address - 0x100)] = on;
        }
        _ => return Err(ILLEGAL_ADDRESS),
    }
    Ok(())
}

fn discrete_input(address: u16) -> Result<bool, u8> {
    match address {
        0..=15 => Ok(Signals::BOX_INPUTS >> address & 1 == 1),
        16..=39 => Ok(false),
        _ => Err(ILLEGAL_ADDRESS),
    }
}

/// Steps of an analog output as millivolts.
fn millivolts(steps: u16) -> u16 {
    (f64::from(steps) * 10_000.0 / 4095.0).round() as u16
}

fn holding(machine: &Machine, address: u16) -> Result<u16, u8> {
    Ok(match address {
        0 => machine.signals.box_digital,
        2 => machine.signals.tool_digital.into(),
        3 | 4 => millivolts(machine.signals.box_analog[usize::from(address - 3)]),
        1 | 5..=10 => 0,
        32 => machine.mode.into(),
        33 => machine.state().into(),
        _ if GENERAL.contains(&address) => machine.general.words[usize::from(address - 0x100)],
        _ => return Err(ILLEGAL_ADDRESS),
    })
}

fn set_holding(machine: &mut Machine, address: u16, value: u16) -> Result<(), u8> {
    match address {
        0 => machine.signals.set(Output::BoxDigital { which: 0xffff, levels: value }),
        2 => machine.signals.set(Output::ToolDigital { which: 0xff, levels: value as u8 }),
        3 | 4 => {
            let steps = (f64::from(value.min(10_000)) * 4095.0 / 10_000.0).round() as u16;
            machine.signals.set(Output::BoxAnalog { index: usize::from(address - 3), steps });
        }
        1 | 5..=10 => {}
        32 | 33 => {
            let number = u8::try_from(value).map_err(|_| ILLEGAL_VALUE)?;
            let done =
                if address == 32 { machine.set_mode(number) } else { machine.set_state(number) };
            done.then_some(()).ok_or(ILLEGAL_VALUE)?;
        }
        _ if GENERAL.contains(&address) => {
            machine.general.words[usize::from(address - 0x100)] = value;
        }
        _ => return Err(ILLEGAL_ADDRESS),
    }
    Ok(())
}

fn input(machine: &Machine, address: u16) -> Result<u16, u8> {
    let signed = |number: f64| number.round().clamp(-32_768.0, 32_767.0) as i16 as u16;
    // Millimeters and degrees, times ten.
    let of_pose = |numbers: [f64; 6], index: u16| {
        let number = numbers[usize::from(index)];
        signed(10.0 * if index < 3 { number } else { number.to_degrees() })
    };
    let tool = || numbers_of(&machine.tool());
    Ok(match address {
        0 => Signals::BOX_INPUTS,
        1..=10 => 0,
        32 => machine.error.into(),
        33 => machine.warning.into(),
        34 => (machine.counter >> 16) as u16,
        35 => machine.counter as u16,
        64..=69 => of_pose(tool(), address - 64),
        70..=72 => {
            let turn = pose_of(&tool()).rotation.scaled_axis();
            signed(10.0 * turn[usize::from(address - 70)].to_degrees())
        }
        73 => signed(1000.0 * machine.load[0]),
        74..=76 => signed(10.0 * machine.load[usize::from(address - 73)]),
        77..=82 => of_pose(machine.tool_offset, address - 77),
        83..=88 => of_pose(machine.base_offset, address - 83),
        89..=95 => signed(10.0 * machine.reported_joints()[usize::from(address - 89)].to_degrees()),
        96..=102 => 25,
        103..=110 => 0,
        _ => return Err(ILLEGAL_ADDRESS),
    })
}
