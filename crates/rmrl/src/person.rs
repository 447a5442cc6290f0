//! The person beside a real cell, asked on the terminal.

use std::io::{BufRead, IsTerminal, Write, stderr, stdin};

use rmrl_cell::{DeviceError, Operator};
use rmrl_core::PlanarPose;

/// Whoever sits at the terminal: reads what to do, does it, and presses Enter.
///
/// A real cell has one kind of plate, so none is exchanged from scene to scene.
#[derive(Debug, Default)]
pub struct TerminalPerson;

impl TerminalPerson {
    fn ask(&self, what: &str) -> Result<(), DeviceError> {
        let nobody = |reason: String| DeviceError::NeedsPerson { device: "cell", reason };
        if !stdin().is_terminal() {
            return Err(nobody(format!(
                "{what}; this program has no terminal to be told on that it is done"
            )));
        }
        let mut asked = stderr().lock();
        let shown = write!(asked, "{what}.\nKeep away from the arm, then press Enter. ")
            .and_then(|()| asked.flush());
        let mut line = String::new();
        match shown.and_then(|()| stdin().lock().read_line(&mut line)) {
            Ok(0) => Err(nobody(format!("{what}; the terminal was closed"))),
            Ok(_) => Ok(()),
            Err(error) => Err(nobody(format!("{what}; the terminal failed: {error}"))),
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
