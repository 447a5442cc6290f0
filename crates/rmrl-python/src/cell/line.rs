//! What a cell says to the caller that waits for it, and asks of it.

use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rmrl::rmrl_cell::{DeviceError, FirstMotion, Operator, StopSwitch};
use rmrl::rmrl_core::PlanarPose;
use serde::Serialize;

use super::failure::Failure;

/// How often a wait for an answer checks the stop switch.
const POLL: Duration = Duration::from_millis(20);

/// What a cell says to the caller that waits for it.
pub enum News {
    /// Something happened; a line of JSON.
    Event(String),
    /// A question, as JSON, and where its answer goes.
    Question(String, Sender<bool>),
    /// The work has ended, with its result as JSON.
    Ended(Result<String, Failure>),
}

/// The way to whoever waits now.
#[derive(Clone, Default)]
pub struct Line {
    listener: Arc<Mutex<Option<Sender<News>>>>,
}

impl Line {
    /// Connects to a listener, or to nobody.
    pub fn connect(&self, listener: Option<Sender<News>>) {
        *self.listener.lock().unwrap_or_else(PoisonError::into_inner) = listener;
    }

    /// Says something, if anybody listens.
    pub fn say(&self, event: &impl Serialize) {
        // What serializes by its own definition is always JSON.
        if let Ok(text) = serde_json::to_string(event) {
            self.send(News::Event(text));
        }
    }

    fn send(&self, news: News) -> bool {
        let listener = self.listener.lock().unwrap_or_else(PoisonError::into_inner);
        listener.as_ref().is_some_and(|listener| listener.send(news).is_ok())
    }
}

/// A question to the operator.
#[derive(Serialize)]
#[serde(tag = "question", rename_all = "snake_case")]
enum Question<'a> {
    /// May the arm make its first motion?
    PermitMotion { text: String, motion: &'a FirstMotion },
    /// Does the item lie in its slot exactly where it should?
    SeatItem { text: String, item: &'a str, slot: &'a str },
}

/// An operator whom Python asks: the caller that waits for the cell answers.
pub struct PythonOperator {
    line: Line,
    stop: StopSwitch,
}

impl PythonOperator {
    /// An operator at the other end of `line`. A press of `stop` ends every wait for an answer.
    pub fn new(line: Line, stop: StopSwitch) -> Self {
        Self { line, stop }
    }

    fn ask(&self, question: &Question<'_>) -> Result<(), DeviceError> {
        let nobody = |reason: String| DeviceError::NobodyToAsk { reason };
        let text = serde_json::to_string(question).map_err(|error| nobody(error.to_string()))?;
        let (answer, answers) = channel();
        if !self.line.send(News::Question(text, answer)) {
            return Err(nobody("no call of this cell waits for it".to_string()));
        }
        loop {
            match answers.recv_timeout(POLL) {
                Ok(true) => return Ok(()),
                Ok(false) => return Err(DeviceError::Declined),
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(nobody("the call that was asked has ended".to_string()));
                }
                Err(RecvTimeoutError::Timeout) => self
                    .stop
                    .check()
                    .map_err(|stopped| nobody(format!("{stopped} before there was an answer")))?,
            }
        }
    }
}

impl Operator for PythonOperator {
    fn permit_motion(&mut self, motion: &FirstMotion) -> Result<(), DeviceError> {
        let text = format!("{motion}\nKeep the emergency stop in reach. May the arm move?");
        self.ask(&Question::PermitMotion { text, motion })
    }

    fn exchange_plate(&mut self, _: u32) -> Result<(), DeviceError> {
        Ok(())
    }

    fn put_plate_at_target(&mut self) -> Result<(), DeviceError> {
        Err(DeviceError::NobodyToAsk { reason: "transfers have no target".to_string() })
    }

    fn put_plate_near(&mut self, _: PlanarPose) -> Result<(), DeviceError> {
        Err(DeviceError::NobodyToAsk { reason: "transfers put no plate back".to_string() })
    }

    fn seat_item(&mut self, item: &str, slot: &str) -> Result<(), DeviceError> {
        let text = format!(
            "Nudge {item} into its place in {slot}: the slot is learned from it. Is that done, and is everybody away from \
             the arm?"
        );
        self.ask(&Question::SeatItem { text, item, slot })
    }
}
