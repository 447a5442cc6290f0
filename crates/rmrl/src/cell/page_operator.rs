//! The operator beside a real cell, who answers on the status page.

use std::sync::Arc;
use std::time::Duration;

use rmrl_cell::{DeviceError, FirstMotion, Operator, StopSwitch};
use rmrl_core::PlanarPose;
use rmrl_operator::{Answer, OperatorPage};

use super::terminal_operator::put_back;

/// The operator who has the page open and knows its token: reads what to do, does it, and confirms on the page.
///
/// A real cell has one kind of plate, so scenes need no exchange of plates.
pub struct PageOperator {
    page: Arc<OperatorPage>,
    stop: StopSwitch,
}

/// How often a wait for an answer checks the stop switch.
const POLL: Duration = Duration::from_millis(50);

impl PageOperator {
    /// An operator who answers on `page`. A press of `stop` ends every wait for an answer.
    pub fn new(page: Arc<OperatorPage>, stop: StopSwitch) -> Self {
        Self { page, stop }
    }

    fn ask(&self, question: String) -> Result<(), DeviceError> {
        let requests = self.page.requests();
        self.page.update(|status| status.confirm = Some(question));
        let answer = loop {
            match requests.wait_for_answer(POLL) {
                Some(Answer::Yes) => break Ok(()),
                Some(Answer::No) => break Err(DeviceError::Declined),
                None => {}
            }
            if let Err(stopped) = self.stop.check() {
                let reason = format!("{stopped} before there was an answer");
                break Err(DeviceError::NobodyToAsk { reason });
            }
        };
        self.page.update(|status| status.confirm = None);
        answer
    }
}

impl Operator for PageOperator {
    fn permit_motion(&mut self, motion: &FirstMotion) -> Result<(), DeviceError> {
        self.ask(format!("{motion}\nKeep the emergency stop in reach. May the arm move?"))
    }

    fn exchange_plate(&mut self, _: u32) -> Result<(), DeviceError> {
        Ok(())
    }

    fn put_plate_at_target(&mut self) -> Result<(), DeviceError> {
        self.ask(DONE.replace("{}", "Put the plate exactly into its target"))
    }

    fn put_plate_near(&mut self, pose: PlanarPose) -> Result<(), DeviceError> {
        self.ask(DONE.replace("{}", &put_back(pose)))
    }
}

const DONE: &str = "{}. Is that done, and is everybody away from the arm?";
