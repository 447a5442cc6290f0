//! The BIO gripper of a cell.

use rmrl_cell::{DeviceError, Gripper};
use std::sync::Arc;

use super::gripper_bus::{
    ILLEGAL_ADDRESS, ask, clear_fault, fault, measured_width, move_jaws, powered, read_width,
    set_up, status, wait,
};
use super::robot::Robot;
use crate::protocol::bio_gripper::{
    self, Generation, GripperStatus, JawState, NARROWEST_MM, Power, WIDEST_MM,
};
use crate::{BioGripperConfig, RtuError, Session, XArmError};

const GRIPPER: &str = "gripper";

/// The gripper's error number for an object that slipped away.
const SLIPPED: u16 = 12;

/// A BIO gripper of either generation, connected through the controller of its arm.
#[derive(Debug)]
pub struct BioGripperDevice {
    robot: Arc<Robot>,
    config: BioGripperConfig,
    generation: Generation,
    /// Whether it lacks the register for a width with speed and force, like early firmware of the second
    /// generation.
    lacks_width_register: bool,
    /// The number of the link over which it was set up.
    connection: u64,
}

impl BioGripperDevice {
    /// Sets the gripper up: the speed of the bus, the generation, speed and force. A gripper without power stays
    /// without it, because its jaws would move; see [`Self::power_on`].
    ///
    /// # Errors
    /// It does not answer, is of another generation than configured, or has an error.
    pub fn connect(robot: Arc<Robot>) -> Result<Self, XArmError> {
        let config = robot.config().gripper;
        let (generation, connection) =
            robot.with(|session, connection| Ok((set_up(session, &config)?, connection)))?;
        Ok(Self { robot, config, generation, lacks_width_register: false, connection })
    }

    /// Gives the gripper power, where it has none. The jaws move to find their ends, and drop what they
    /// hold, so the caller must know that they hold nothing.
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

    /// The generation of the gripper.
    pub fn generation(&self) -> Generation {
        self.generation
    }

    /// The status of the gripper.
    ///
    /// # Errors
    /// It does not answer.
    pub fn status(&mut self) -> Result<GripperStatus, XArmError> {
        self.with(|session, _| status(session))
    }

    /// Opens to a width in mm: [`NARROWEST_MM`] to [`WIDEST_MM`] in steps of 1 mm in the second
    /// generation. The first generation only opens to its one width.
    ///
    /// # Errors
    /// [`XArmError::NoSuchWidth`], an error of the gripper, or it did not arrive in time.
    pub fn open_to(&mut self, width_mm: f64) -> Result<(), XArmError> {
        let width = match self.generation {
            Generation::First => {
                let only_mm = self.config.first_generation_width_mm;
                // Half a millimeter is rounding, more is another width.
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
    /// An error of the gripper, or it did not end in time.
    pub fn close_jaws(&mut self) -> Result<(), XArmError> {
        self.go_to(self.generation.closed())
    }

    /// Moves the jaws with the configured speed and force. Each motion sets these again, because another
    /// program may have changed them.
    fn go_to(&mut self, position: i32) -> Result<(), XArmError> {
        let (generation, lacks) = (self.generation, self.lacks_width_register);
        let lacks = self.with(|session, config| {
            if generation == Generation::Second && !lacks {
                // Positions of the second generation are widths in whole millimeters.
                let width_mm = u16::try_from(position).unwrap_or(WIDEST_MM);
                let request =
                    bio_gripper::go_to_width(width_mm, config.speed, config.force_percent);
                match move_jaws(session, config, generation, &request) {
                    Err(XArmError::GripperBus(RtuError::Exception {
                        code: ILLEGAL_ADDRESS,
                        ..
                    })) => {}
                    other => return other.map(|()| false),
                }
            }
            // Like the vendor's software where that register is missing.
            ask(session, &bio_gripper::speed(config.speed))?;
            if generation == Generation::Second {
                ask(session, &bio_gripper::force(config.force_percent))?;
            }
            move_jaws(session, config, generation, &bio_gripper::go_to(position)).map(|()| true)
        })?;
        self.lacks_width_register = lacks && self.generation == Generation::Second;
        Ok(())
    }

    /// Whether the jaws hold an object. They do not after an object slipped away, whose error is cleared.
    ///
    /// # Errors
    /// It does not answer, has no power, or has another error.
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

    /// How far apart the jaws are as the gripper measures it, in mm, by the formula of
    /// [`bio_gripper::width_mm`], which is uncertain by 1.3 mm at 150 mm. `None` from the first generation, which only
    /// counts, and from firmware that does not have the register.
    ///
    /// # Errors
    /// It does not answer, has no power (it does not know where its jaws are then), or measures a width that no gripper
    /// has.
    pub fn measured_width_mm(&mut self) -> Result<Option<f64>, XArmError> {
        if self.generation == Generation::First {
            return Ok(None);
        }
        self.with(|session, _| {
            powered(status(session)?)?;
            measured_width(session)
        })
    }

    /// Works with the gripper. Sets it up first, if the link is not the one over which it was set up.
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

    fn measured_width_m(&mut self) -> Result<Option<f64>, DeviceError> {
        let measured =
            self.measured_width_mm().map_err(|error| error.into_device_error(GRIPPER))?;
        Ok(measured.map(|width_mm| width_mm / 1000.0))
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
