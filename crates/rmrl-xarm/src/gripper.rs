//! The BIO gripper of a cell.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use rmrl_cell::{DeviceError, Gripper};

use crate::bio_gripper::{
    self, BAUD_INDEX, BAUD_READ, BAUD_WRITE, Generation, GripperStatus, JawState, NARROWEST_MM,
    Power, RESTART, WIDEST_MM,
};
use crate::client::explain;
use crate::{
    BioGripperConfig, Command, GenerationChoice, Reply, Robot, RtuError, RtuRequest, Session,
    TOOL_BUS, XArmError, gripper_error,
};

const GRIPPER: &str = "gripper";

/// How often the status is asked for, and how long after a command first: the vendor's.
const POLL: Duration = Duration::from_millis(100);

/// How long the tool board takes to keep a setting, and to start again: the vendor's.
const KEEPS: Duration = Duration::from_millis(300);
const STARTS: Duration = Duration::from_secs(1);

/// The gripper's number for an object that slipped away.
const SLIPPED: u16 = 12;

/// Modbus: the device has no such register.
const ILLEGAL_ADDRESS: u8 = 2;

/// A BIO gripper of either generation, behind the controller of its arm.
#[derive(Debug)]
pub struct BioGripperDevice {
    robot: Arc<Robot>,
    config: BioGripperConfig,
    generation: Generation,
    /// Whether it is known to lack the register that takes a width with speed and force, as early firmware
    /// of the second generation does.
    lacks_width_register: bool,
    /// The link that it was set up over.
    connection: u64,
}

impl BioGripperDevice {
    /// Sets the gripper up: the bus's speed, which generation it is, speed and force. One that has no power
    /// is not given it, for its jaws would move: [`Self::power_on`] does.
    ///
    /// # Errors
    /// It does not answer, is of another generation than configured, or has an error.
    pub fn connect(robot: Arc<Robot>) -> Result<Self, XArmError> {
        let config = robot.config().gripper;
        let (generation, connection) =
            robot.with(|session, connection| Ok((set_up(session, &config)?, connection)))?;
        Ok(Self { robot, config, generation, lacks_width_register: false, connection })
    }

    /// Gives the gripper power, where it has none. The jaws move to find their ends, and what they hold
    /// falls: somebody has to know that they hold nothing.
    ///
    /// # Errors
    /// It does not answer, has an error, or gets no power in time.
    pub fn power_on(&mut self) -> Result<(), XArmError> {
        self.with(|session, config| {
            if status(session)?.power == Power::On {
                return Ok(());
            }
            ask(session, &bio_gripper::enable(true))?;
            let now = wait(session, config, |status| status.power != Power::On)?;
            if now.jaws == JawState::Fault { Err(fault(session)?) } else { Ok(()) }
        })
    }

    /// Which gripper it is.
    pub fn generation(&self) -> Generation {
        self.generation
    }

    /// What it does.
    ///
    /// # Errors
    /// It does not answer.
    pub fn status(&mut self) -> Result<GripperStatus, XArmError> {
        self.with(|session, _| status(session))
    }

    /// Opens to a width in mm: [`NARROWEST_MM`] to [`WIDEST_MM`] in steps of 1 mm in the second
    /// generation; in the first only the one width that it has.
    ///
    /// # Errors
    /// [`XArmError::NoSuchWidth`], an error of the gripper, or that it did not get there in time.
    pub fn open_to(&mut self, width_mm: f64) -> Result<(), XArmError> {
        let width = match self.generation {
            Generation::First => {
                let only_mm = self.config.first_generation_width_mm;
                // Half a millimetre is a rounding, more is another width.
                if !(only_mm - 0.5..=only_mm + 0.5).contains(&width_mm) {
                    let reason = format!(
                        "the first generation has two ends and nothing between, and opens to \
                         {only_mm} mm only; ask for that, or use the second generation"
                    );
                    return Err(XArmError::NoSuchWidth { width_mm, reason });
                }
                self.generation.opened()
            }
            Generation::Second => i32::from(whole_width(width_mm)?),
        };
        self.go_to(width)?;
        if self.generation == Generation::First {
            return Ok(());
        }
        let got_mm = self.with(|session, _| read_width(session))?;
        if (got_mm - width_mm).abs() <= self.config.width_tolerance_mm {
            return Ok(());
        }
        let reason = format!("the jaws stopped at {got_mm:.1} mm");
        Err(XArmError::NoSuchWidth { width_mm, reason })
    }

    /// Closes until the jaws meet resistance or each other.
    ///
    /// # Errors
    /// An error of the gripper, or that it did not end in time.
    pub fn close_jaws(&mut self) -> Result<(), XArmError> {
        self.go_to(self.generation.closed())
    }

    /// Moves the jaws with the configured speed and force: these are given with each motion, because another
    /// program may have changed them since the last.
    fn go_to(&mut self, position: i32) -> Result<(), XArmError> {
        let (generation, lacks) = (self.generation, self.lacks_width_register);
        let lacks = self.with(|session, config| {
            if generation == Generation::Second && !lacks {
                // Positions of the second generation are widths in whole millimetres.
                let width_mm = u16::try_from(position).unwrap_or(WIDEST_MM);
                let request =
                    bio_gripper::go_to_width(width_mm, config.speed, config.force_percent);
                match go(session, config, generation, &request) {
                    Err(XArmError::GripperBus(RtuError::Exception {
                        code: ILLEGAL_ADDRESS,
                        ..
                    })) => {}
                    other => return other.map(|()| false),
                }
            }
            // As the vendor's software does where that register is missing.
            ask(session, &bio_gripper::speed(config.speed))?;
            if generation == Generation::Second {
                ask(session, &bio_gripper::force(config.force_percent))?;
            }
            go(session, config, generation, &bio_gripper::go_to(position)).map(|()| true)
        })?;
        self.lacks_width_register = lacks && self.generation == Generation::Second;
        Ok(())
    }

    /// Whether the jaws hold an object. One that slipped away is none, and its error is cleared.
    ///
    /// # Errors
    /// It does not answer, has no power to tell by, or has another error.
    pub fn is_holding(&mut self) -> Result<bool, XArmError> {
        self.with(|session, _| {
            let status = powered(status(session)?)?;
            match status.jaws {
                JawState::Holding => Ok(true),
                JawState::Stopped | JawState::Moving => Ok(false),
                JawState::Fault => match fault(session)? {
                    XArmError::Gripper { number: SLIPPED, .. } => {
                        ask(session, &bio_gripper::clear_error())?;
                        Ok(false)
                    }
                    error => Err(error),
                },
            }
        })
    }

    /// Sets the gripper up first, where the link is another than it was set up over.
    fn with<T>(
        &mut self,
        work: impl FnOnce(&mut Session, &BioGripperConfig) -> Result<T, XArmError>,
    ) -> Result<T, XArmError> {
        let (config, connection) = (&self.config, &mut self.connection);
        let generation = &mut self.generation;
        self.robot.with(|session, present| {
            if present != *connection {
                *generation = set_up(session, config)?;
                *connection = present;
            }
            work(session, config)
        })
    }
}

impl Gripper for BioGripperDevice {
    fn open(&mut self, width_m: f64) -> Result<(), DeviceError> {
        self.open_to(width_m * 1000.0).map_err(|error| error.into_device_error(GRIPPER))
    }

    fn close(&mut self) -> Result<(), DeviceError> {
        self.close_jaws().map_err(|error| error.into_device_error(GRIPPER))
    }

    fn holds_object(&mut self) -> Result<bool, DeviceError> {
        self.is_holding().map_err(|error| error.into_device_error(GRIPPER))
    }

    fn recover(&mut self) -> Result<(), DeviceError> {
        self.with(|session, _| clear_fault(session).map(drop))
            .map_err(|error| error.into_device_error(GRIPPER))
    }

    fn power_on(&mut self) -> Result<(), DeviceError> {
        self.power_on().map_err(|error| error.into_device_error(GRIPPER))
    }
}

fn whole_width(width_mm: f64) -> Result<u16, XArmError> {
    let rounded = width_mm.round();
    if !(f64::from(NARROWEST_MM)..=f64::from(WIDEST_MM)).contains(&rounded) {
        let reason = format!("the second generation has {NARROWEST_MM} to {WIDEST_MM} mm");
        return Err(XArmError::NoSuchWidth { width_mm, reason });
    }
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "71 to 150")]
    Ok(rounded as u16)
}

fn set_up(session: &mut Session, config: &BioGripperConfig) -> Result<Generation, XArmError> {
    set_bus_speed(session)?;
    let generation = match ask(session, &bio_gripper::probe()) {
        Ok(_) => Generation::Second,
        Err(XArmError::GripperBus(RtuError::Exception { .. })) => Generation::First,
        Err(error) => return Err(error),
    };
    let sound = match config.generation {
        GenerationChoice::Automatic => true,
        GenerationChoice::First => generation == Generation::First,
        GenerationChoice::Second => generation == Generation::Second,
    };
    if !sound {
        return Err(XArmError::SettingNotKept {
            setting: "gripper generation",
            expected: format!("{:?}", config.generation),
            got: format!("{generation:?}"),
        });
    }
    clear_fault(session)?;
    check_mode(session, generation)?;
    ask(session, &bio_gripper::speed(config.speed))?;
    if generation == Generation::Second {
        ask(session, &bio_gripper::force(config.force_percent))?;
    }
    Ok(generation)
}

/// The status, after an error was cleared where there was one; the jaws stay as they are.
fn clear_fault(session: &mut Session) -> Result<GripperStatus, XArmError> {
    let now = status(session)?;
    if now.jaws != JawState::Fault {
        return Ok(now);
    }
    tracing::warn!("cleared: {}", fault(session)?);
    ask(session, &bio_gripper::clear_error())?;
    status(session)
}

/// The status of a gripper that has power. One that lost it may still hold what it had, and nobody can tell.
fn powered(status: GripperStatus) -> Result<GripperStatus, XArmError> {
    if status.power == Power::On { Ok(status) } else { Err(XArmError::GripperWithoutPower) }
}

/// Whether positions are millimetres. The mode survives power-off, so that it may be what somebody set long
/// ago. Firmware that has no mode knows only millimetres.
fn check_mode(session: &mut Session, generation: Generation) -> Result<(), XArmError> {
    if generation == Generation::First {
        return Ok(());
    }
    match ask(session, &bio_gripper::control_mode()) {
        Ok(read) => match first(&read) {
            bio_gripper::MILLIMETRES => Ok(()),
            mode => Err(XArmError::GripperMode { mode }),
        },
        Err(XArmError::GripperBus(RtuError::Exception { .. })) => Ok(()),
        Err(error) => Err(error),
    }
}

/// Sends the jaws somewhere and waits until they stand.
fn go(
    session: &mut Session,
    config: &BioGripperConfig,
    generation: Generation,
    request: &RtuRequest,
) -> Result<(), XArmError> {
    powered(clear_fault(session)?)?;
    check_mode(session, generation)?;
    ask(session, request)?;
    let ended = wait(session, config, |status| status.jaws == JawState::Moving)?;
    if ended.jaws == JawState::Fault { Err(fault(session)?) } else { Ok(()) }
}

fn wait(
    session: &mut Session,
    config: &BioGripperConfig,
    goes_on: impl Fn(GripperStatus) -> bool,
) -> Result<GripperStatus, XArmError> {
    let began = Instant::now();
    loop {
        thread::sleep(POLL);
        let now = status(session)?;
        if now.jaws == JawState::Fault || !goes_on(now) {
            return Ok(now);
        }
        if began.elapsed().as_secs_f64() > config.timeout_secs {
            let timeout_secs = config.timeout_secs;
            return Err(XArmError::NotFinished { what: "the gripper", timeout_secs });
        }
    }
}

fn status(session: &mut Session) -> Result<GripperStatus, XArmError> {
    Ok(GripperStatus::from_register(first(&ask(session, &bio_gripper::status())?)))
}

fn fault(session: &mut Session) -> Result<XArmError, XArmError> {
    let number = first(&ask(session, &bio_gripper::error())?);
    Ok(XArmError::Gripper { number, explained: gripper_error(number) })
}

fn read_width(session: &mut Session) -> Result<f64, XArmError> {
    let read = ask(session, &bio_gripper::position())?;
    let registers = read.try_into().map_err(|_| RtuError::WrongAnswer)?;
    Ok(bio_gripper::width_mm(registers))
}

fn first(registers: &[u16]) -> u16 {
    registers.first().copied().unwrap_or_default()
}

fn ask(session: &mut Session, request: &RtuRequest) -> Result<Vec<u16>, XArmError> {
    match session.client.ask_gripper(request)? {
        Ok(registers) => Ok(registers),
        Err(exception @ RtuError::Exception { .. }) => Err(exception.into()),
        // A gripper that says nothing is an error of the controller, which knows more.
        Err(error) => match session.error()? {
            0 => Err(error.into()),
            number => Err(explain(number)),
        },
    }
}

/// Sees that the bus at the flange has the gripper's speed. Setting it starts the tool board anew,
/// which leaves an error of its own behind.
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
