//! The person beside a real cell, asked on the terminal.

use std::io::{IsTerminal, Write, stderr, stdin};
use std::time::Duration;

use rmrl_cell::{DeviceError, Operator, StopSwitch};
use rmrl_core::PlanarPose;

use crate::terminal::{Typed, forget_typed, typed};

/// Whoever sits at the terminal: reads what to do, does it, and presses Enter.
///
/// A real cell has one kind of plate, so none is exchanged from scene to scene.
#[derive(Debug, Default)]
pub struct TerminalPerson {
    stop: StopSwitch,
}

/// How often it is looked whether Enter was pressed.
const POLL: Duration = Duration::from_millis(50);

impl TerminalPerson {
    /// The switch that ends the wait for Enter.
    pub fn stop_switch(&self) -> &StopSwitch {
        &self.stop
    }

    fn ask(&self, what: &str) -> Result<(), DeviceError> {
        let nobody = |reason: String| DeviceError::NeedsPerson { device: "cell", reason };
        if !stdin().is_terminal() {
            return Err(nobody(format!(
                "{what}; this program has no terminal to be told on that it is done"
            )));
        }
        forget_typed();
        {
            // Others may write while the person is at work.
            let mut asked = stderr().lock();
            write!(asked, "{what}.\nKeep away from the arm, then press Enter. ")
                .and_then(|()| asked.flush())
                .map_err(|error| nobody(format!("{what}; the terminal failed: {error}")))?;
        }
        loop {
            match typed() {
                Typed::Line(_) => return Ok(()),
                Typed::End => return Err(nobody(format!("{what}; the terminal was closed"))),
                Typed::Nothing => self
                    .stop
                    .wait(POLL)
                    .map_err(|stopped| nobody(format!("{what}; {stopped} before it was done")))?,
            }
        }
    }
}

impl Operator for TerminalPerson {
    fn exchange_plate(&mut self, _: u32) -> Result<(), DeviceError> {
        Ok(())
    }

    fn put_plate_at_target(&mut self) -> Result<(), DeviceError> {
        self.ask("Put the plate exactly into its target")
    }

    fn put_plate_near(&mut self, pose: PlanarPose) -> Result<(), DeviceError> {
        self.ask(&format!(
            "Put the plate back: its centre within 2 cm of x = {:.0} mm, y = {:.0} mm in the robot's base, \
             turned by {:.0} degrees",
            1000.0 * pose.x_m,
            1000.0 * pose.y_m,
            pose.yaw_rad.to_degrees()
        ))
    }
}
