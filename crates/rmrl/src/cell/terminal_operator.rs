//! The operator beside a real cell, who answers on the terminal.

use std::io::{IsTerminal, Write, stderr, stdin};
use std::time::Duration;

use rmrl_cell::{DeviceError, FirstMotion, Operator, StopSwitch};
use rmrl_core::PlanarPose;

use super::terminal::{HANG_UP, Typed, drain_stdin, poll_line};

/// The operator at the terminal, who reads what to do, does it, and presses Enter.
///
/// A real cell has one kind of plate, so scenes need no exchange of plates.
#[derive(Debug, Default)]
pub struct TerminalOperator {
    stop: StopSwitch,
}

/// How often the terminal is checked for an answer.
const POLL: Duration = Duration::from_millis(50);

/// Checks that somebody can type an answer.
///
/// # Errors
/// Standard input is no terminal.
pub(crate) fn check_terminal() -> Result<(), DeviceError> {
    match stdin().is_terminal() {
        true => Ok(()),
        false => Err(nobody("this program has no terminal to ask on")),
    }
}

fn nobody(reason: &str) -> DeviceError {
    DeviceError::NobodyToAsk { reason: reason.to_string() }
}

impl TerminalOperator {
    /// An operator. A press of `stop` ends every wait for an answer.
    pub fn new(stop: StopSwitch) -> Self {
        Self { stop }
    }

    /// Asks a question, and waits for a line that is typed afterwards.
    fn answer(&self, question: &str) -> Result<String, DeviceError> {
        check_terminal()?;
        drain_stdin();
        {
            // Other threads may write while the operator is at work.
            let mut asked = stderr().lock();
            let written = write!(asked, "{question}").and_then(|()| asked.flush());
            written.map_err(|error| nobody(&format!("the terminal failed: {error}")))?;
        }
        loop {
            match poll_line() {
                Typed::Line(line) => return Ok(line),
                Typed::End => {
                    // A signal that gives the reason may follow.
                    let _ = self.stop.wait(HANG_UP);
                    return Err(nobody("the terminal was closed"));
                }
                Typed::Nothing => self
                    .stop
                    .wait(POLL)
                    .map_err(|stopped| nobody(&format!("{stopped} before there was an answer")))?,
            }
        }
    }

    fn ask_to(&self, what: &str) -> Result<(), DeviceError> {
        let question = format!("{what}.\nKeep away from the arm, then press Enter. ");
        match self.answer(&question) {
            Ok(_) => Ok(()),
            Err(DeviceError::NobodyToAsk { reason }) => Err(nobody(&format!("{what}; {reason}"))),
            Err(error) => Err(error),
        }
    }
}

impl Operator for TerminalOperator {
    fn permit_motion(&mut self, motion: &FirstMotion) -> Result<(), DeviceError> {
        let question = format!("{motion}\nKeep the emergency stop in reach. Move? [y/N] ");
        let answer = self.answer(&question)?;
        match answer.trim().to_lowercase().as_str() {
            "y" | "yes" => Ok(()),
            _ => Err(DeviceError::Declined),
        }
    }

    fn exchange_plate(&mut self, _: u32) -> Result<(), DeviceError> {
        Ok(())
    }

    fn put_plate_at_target(&mut self) -> Result<(), DeviceError> {
        self.ask_to("Put the plate exactly into its target")
    }

    fn put_plate_near(&mut self, pose: PlanarPose) -> Result<(), DeviceError> {
        self.ask_to(&put_back(pose))
    }
}

/// What the operator does with a lost plate.
pub(crate) fn put_back(pose: PlanarPose) -> String {
    format!(
        "Put the plate back: its center within 2 cm of x = {:.0} mm, y = {:.0} mm in the robot's base, \
         turned by {:.0} degrees",
        1000.0 * pose.x_m,
        1000.0 * pose.y_m,
        pose.yaw_rad.to_degrees()
    )
}
