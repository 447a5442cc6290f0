//! Requests to the BIO gripper over the bus at the flange.

use std::ops::RangeInclusive;
use std::thread;
use std::time::{Duration, Instant};

use crate::protocol::bio_gripper::{
    self, BAUD_INDEX, BAUD_READ, BAUD_WRITE, Generation, GripperStatus, JawState, Power, RESTART,
};
use crate::{
    BioGripperConfig, Command, GenerationChoice, Reply, RtuError, RtuRequest, Session, TOOL_BUS,
    XArmError, gripper_error,
};

/// How often the status is read, and how long after a command first, as in the vendor's software.
const POLL: Duration = Duration::from_millis(100);

/// How long the tool board takes to keep a setting, and to restart, as in the vendor's software.
const KEEPS: Duration = Duration::from_millis(300);
const STARTS: Duration = Duration::from_secs(1);

/// The Modbus exceptions of a device that does not have the function or the register.
const ILLEGAL_FUNCTION: u8 = 1;
pub(super) const ILLEGAL_ADDRESS: u8 = 2;

/// The generation, from the answer to [`bio_gripper::probe`]: only the second one has that register.
pub(super) fn generation_of(answer: Result<Vec<u16>, XArmError>) -> Result<Generation, XArmError> {
    match answer {
        Ok(_) => Ok(Generation::Second),
        Err(XArmError::GripperBus(RtuError::Exception { .. })) => Ok(Generation::First),
        Err(error) => Err(error),
    }
}

/// The control mode, from the answer to [`bio_gripper::control_mode`]; none where the firmware has no mode and
/// only knows millimeters.
pub(super) fn control_mode_of(
    answer: Result<Vec<u16>, XArmError>,
) -> Result<Option<u16>, XArmError> {
    match answer {
        Ok(read) => Ok(read.first().copied()),
        Err(XArmError::GripperBus(RtuError::Exception { .. })) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Checks that positions are millimeters.
///
/// # Errors
/// [`XArmError::GripperMode`].
pub(super) fn check_mode(mode: Option<u16>) -> Result<(), XArmError> {
    match mode {
        Some(mode) if mode != bio_gripper::MILLIMETERS => Err(XArmError::GripperMode { mode }),
        _ => Ok(()),
    }
}

/// Sets up the bus and the gripper, and returns its generation.
pub(super) fn set_up(
    session: &mut Session,
    config: &BioGripperConfig,
) -> Result<Generation, XArmError> {
    set_bus_speed(session)?;
    let generation = generation_of(ask(session, &bio_gripper::probe()))?;
    let is_expected = match config.generation {
        GenerationChoice::Automatic => true,
        GenerationChoice::First => generation == Generation::First,
        GenerationChoice::Second => generation == Generation::Second,
    };
    if !is_expected {
        return Err(XArmError::SettingNotKept {
            setting: "gripper generation",
            expected: format!("{:?}", config.generation),
            got: format!("{generation:?}"),
        });
    }
    clear_fault(session)?;
    read_and_check_mode(session, generation)?;
    ask(session, &bio_gripper::speed(config.speed))?;
    if generation == Generation::Second {
        ask(session, &bio_gripper::force(config.force_percent))?;
    }
    Ok(generation)
}

/// Clears an error if there is one, and returns the status. The jaws do not move.
pub(super) fn clear_fault(session: &mut Session) -> Result<GripperStatus, XArmError> {
    let now = status(session)?;
    if now.jaws != JawState::Fault {
        return Ok(now);
    }
    tracing::warn!("cleared: {}", fault(session)?);
    ask(session, &bio_gripper::clear_error())?;
    status(session)
}

/// The status, if the gripper has power. A gripper that lost power may or may not still hold its object.
pub(super) fn powered(status: GripperStatus) -> Result<GripperStatus, XArmError> {
    if status.power == Power::On { Ok(status) } else { Err(XArmError::GripperWithoutPower) }
}

/// Checks that positions are millimeters. The mode survives power-off, so it may have been set long ago.
fn read_and_check_mode(session: &mut Session, generation: Generation) -> Result<(), XArmError> {
    if generation == Generation::First {
        return Ok(());
    }
    check_mode(control_mode_of(ask(session, &bio_gripper::control_mode()))?)
}

/// Sends a motion of the jaws, and waits for its end.
pub(super) fn move_jaws(
    session: &mut Session,
    config: &BioGripperConfig,
    generation: Generation,
    request: &RtuRequest,
) -> Result<(), XArmError> {
    powered(clear_fault(session)?)?;
    read_and_check_mode(session, generation)?;
    ask(session, request)?;
    let ended = wait(session, config, |status| status.jaws == JawState::Moving)?;
    if ended.jaws == JawState::Fault { Err(fault(session)?) } else { Ok(()) }
}

/// Reads the status until `continues` is false, or the gripper has an error.
pub(super) fn wait(
    session: &mut Session,
    config: &BioGripperConfig,
    continues: impl Fn(GripperStatus) -> bool,
) -> Result<GripperStatus, XArmError> {
    let began = Instant::now();
    loop {
        thread::sleep(POLL);
        let now = status(session)?;
        if now.jaws == JawState::Fault || !continues(now) {
            return Ok(now);
        }
        if began.elapsed().as_secs_f64() > config.timeout_secs {
            let timeout_secs = config.timeout_secs;
            return Err(XArmError::NotFinished { what: "the gripper", timeout_secs });
        }
    }
}

pub(super) fn status(session: &mut Session) -> Result<GripperStatus, XArmError> {
    Ok(GripperStatus::from_register(first(&ask(session, &bio_gripper::status())?)))
}

/// The error of the gripper.
pub(super) fn fault(session: &mut Session) -> Result<XArmError, XArmError> {
    let number = first(&ask(session, &bio_gripper::error())?);
    Ok(XArmError::Gripper { number, explained: gripper_error(number) })
}

/// The width between the jaws as the gripper measures it, in mm; none where its firmware does not.
///
/// # Errors
/// [`XArmError::AbsurdWidth`]; it does not answer, or answers something else.
pub(super) fn measured_width(session: &mut Session) -> Result<Option<f64>, XArmError> {
    /// Beyond what any of these grippers and any conversion of its counts can mean, in mm.
    const POSSIBLE_MM: RangeInclusive<f64> = 0.0..=200.0;
    match read_width(session) {
        Ok(width_mm) if POSSIBLE_MM.contains(&width_mm) => Ok(Some(width_mm)),
        Ok(width_mm) => Err(XArmError::AbsurdWidth { width_mm }),
        Err(XArmError::GripperBus(RtuError::Exception {
            code: ILLEGAL_FUNCTION | ILLEGAL_ADDRESS,
            ..
        })) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The width between the jaws, in mm.
pub(super) fn read_width(session: &mut Session) -> Result<f64, XArmError> {
    let read = ask(session, &bio_gripper::position())?;
    let registers = read.try_into().map_err(|_| RtuError::WrongAnswer)?;
    Ok(bio_gripper::width_mm(registers))
}

fn first(registers: &[u16]) -> u16 {
    registers.first().copied().unwrap_or_default()
}

/// Sends a request, and returns the registers that it reads.
pub(super) fn ask(session: &mut Session, request: &RtuRequest) -> Result<Vec<u16>, XArmError> {
    match session.client.ask_gripper(request)? {
        Ok(registers) => Ok(registers),
        Err(exception @ RtuError::Exception { .. }) => Err(exception.into()),
        // A gripper that does not answer is an error of the controller, which is more precise.
        Err(error) => match session.error()? {
            0 => Err(error.into()),
            number => Err(XArmError::of_controller(number)),
        },
    }
}

/// Gives the bus at the flange the gripper's speed. This restarts the tool board, which leaves an error
/// of its own.
fn set_bus_speed(session: &mut Session) -> Result<(), XArmError> {
    if bus_speed(session)? == BAUD_INDEX {
        return Ok(());
    }
    // Eleven has an exact `f32`.
    for (address, value) in [(BAUD_WRITE, 11.0), (RESTART, 1.0)] {
        session.client.ask(&Command::ToolGpioWrite { host: TOOL_BUS, address, value })?;
        thread::sleep(KEEPS);
    }
    thread::sleep(STARTS);
    session.recover()?;
    let got = bus_speed(session)?;
    if got == BAUD_INDEX {
        return Ok(());
    }
    Err(XArmError::SettingNotKept {
        setting: "speed of the bus at the flange",
        expected: BAUD_INDEX.to_string(),
        got: got.to_string(),
    })
}

fn bus_speed(session: &mut Session) -> Result<i32, XArmError> {
    match session.client.ask(&Command::ToolGpioRead { host: TOOL_BUS, address: BAUD_READ })? {
        Reply::Integer(index) => Ok(index),
        _ => Ok(-1),
    }
}
