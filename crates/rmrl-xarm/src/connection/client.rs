//! Requests and answers over the control port: one at a time, each with its deadline.

mod questions;

use std::collections::VecDeque;
use std::io::Write;
use std::time::{Duration, Instant};

use super::link::{Link, nothing_came};
use crate::{
    Address, Command, Feedback, FeedbackOutcome, FrameReader, FromController, Protocol, Reply,
    Request, Response, Status, XArmError,
};

/// How many unread feedback frames are kept; older ones are dropped.
const MOST_FEEDBACK: usize = 16;

/// How long the vendor's software waits for power on the joints, in seconds.
const ENABLE_SECS: f64 = 5.0;

/// How long the vendor's software waits until the controller accepts a motion, in seconds.
const MOTION_SECS: f64 = 10.0;

/// After how many requests in a row without an answer the link counts as lost. A single one may get lost.
const UNANSWERED: u32 = 2;

/// A connection to the control port.
///
/// An answer is valid if its transaction, protocol and register are those of the request. Late, duplicate and
/// unrequested answers are ignored. The rest of a partial answer may come until the deadline.
#[derive(Debug)]
pub struct Client {
    link: Link,
    reader: FrameReader,
    protocol: Protocol,
    transaction: u16,
    bytes: Vec<u8>,
    timeout: Duration,
    last_heard: Instant,
    feedback: VecDeque<Feedback>,
    /// Requests in a row that were not answered in time.
    unanswered: u32,
    /// Why this connection is lost.
    lost: Option<String>,
}

/// An answer whose parameters are not decoded yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The number of its request, which feedback has, too.
    pub transaction: u16,
    /// The status of the controller.
    pub status: Status,
    /// The parameters.
    pub params: Vec<u8>,
}

impl Client {
    /// Connects, with protocol 2 until [`Self::set_protocol`].
    ///
    /// `timeout` limits connecting and every call. Requests that are slow according to the vendor have at least 5 s
    /// or 10 s.
    ///
    /// # Errors
    /// [`XArmError::Connect`].
    pub fn connect(address: &Address, timeout: Duration) -> Result<Self, XArmError> {
        Ok(Self {
            link: Link::connect(address, timeout)?,
            reader: FrameReader::default(),
            protocol: Protocol::Two,
            transaction: 0,
            bytes: Vec::new(),
            timeout,
            last_heard: Instant::now(),
            feedback: VecDeque::with_capacity(MOST_FEEDBACK),
            unanswered: 0,
            lost: None,
        })
    }

    /// Uses another protocol from the next request on.
    pub fn set_protocol(&mut self, protocol: Protocol) {
        self.protocol = protocol;
    }

    /// The time since any byte came from the controller.
    pub fn silence(&self) -> Duration {
        self.last_heard.elapsed()
    }

    /// Marks this connection as lost.
    pub(crate) fn give_up(&mut self, reason: &str) {
        // The next call returns the error.
        let _ = self.lose(reason);
    }

    /// Whether this connection is lost.
    pub fn is_lost(&self) -> bool {
        self.lost.is_some()
    }

    /// Sends a request, and decodes its answer.
    ///
    /// The controller answers questions even if an error waits to be cleared; motions are different, see
    /// [`Self::start_motion`].
    ///
    /// # Errors
    /// As [`Self::call`]; [`XArmError::Refused`]; or an invalid answer.
    pub fn ask(&mut self, command: &Command) -> Result<Reply, XArmError> {
        self.ask_with_status(command).map(|(reply, _)| reply)
    }

    /// As [`Self::ask`], and returns the status of the controller, too.
    ///
    /// # Errors
    /// As [`Self::ask`].
    pub fn ask_with_status(&mut self, command: &Command) -> Result<(Reply, Status), XArmError> {
        let Answer { status, params, .. } = self.call(command)?;
        if status.is_invalid() {
            return Err(XArmError::Refused { register: command.register(), status });
        }
        match command.decode_reply(&params) {
            Ok(reply) => Ok((reply, status)),
            // While an error waits, an answer may be empty.
            Err(_) if status.has_error() => Err(self.explain_error()),
            Err(error) => Err(error.into()),
        }
    }

    /// Sends a motion. Returns its transaction, which [`Self::wait_for_feedback`] needs.
    ///
    /// # Errors
    /// The error that prevents the motion, [`XArmError::Refused`] where the controller reports none, or an error
    /// of [`Self::call`]. The arm may have begun to move where no answer came.
    pub fn start_motion(&mut self, command: &Command) -> Result<u16, XArmError> {
        self.feedback.clear();
        let Answer { transaction, status, .. } = self.call(command)?;
        if status.has_error() {
            return Err(self.explain_error());
        }
        if status.is_invalid() || !status.is_ready() {
            return Err(XArmError::Refused { register: command.register(), status });
        }
        Ok(transaction)
    }

    /// Sends a request and waits for its answer.
    ///
    /// # Errors
    /// [`XArmError::LostLink`], [`XArmError::NoAnswer`], or an invalid answer. After two requests in
    /// a row without an answer the link counts as lost, because a new link may be answered.
    pub fn call(&mut self, command: &Command) -> Result<Answer, XArmError> {
        let timeout = self.timeout_of(command);
        let deadline = Instant::now() + timeout;
        let register = command.register();
        self.drain_late_answers()?;
        self.send(command)?;
        loop {
            while let Some(response) = self.next_response()? {
                if response.transaction != self.transaction {
                    tracing::debug!("ignored a late answer of register {:#04x}", response.register);
                    continue;
                }
                if response.register != register || response.protocol != self.protocol {
                    let got = response.register;
                    return Err(XArmError::WrongAnswer { expected: register, got });
                }
                self.unanswered = 0;
                let Response { transaction, status, params, .. } = response;
                return Ok(Answer { transaction, status, params });
            }
            // Other bytes that keep coming are no answer.
            if !self.read_by(deadline)? {
                self.unanswered += 1;
                if self.unanswered >= UNANSWERED {
                    self.give_up("requests are not answered any more");
                }
                let timeout_secs = timeout.as_secs_f64();
                return Err(XArmError::NoAnswer { register, timeout_secs });
            }
        }
    }

    /// Waits until `deadline` for the end of a motion; none where it has not ended by then.
    ///
    /// # Errors
    /// [`XArmError::LostLink`], or an invalid frame.
    pub fn wait_for_feedback(
        &mut self,
        transaction: u16,
        deadline: Instant,
    ) -> Result<Option<FeedbackOutcome>, XArmError> {
        loop {
            while self.next_response()?.is_some() {}
            let ended = self.feedback.iter().find(|feedback| {
                feedback.transaction == transaction
                    && feedback.kind & Feedback::MOTION_FINISHED != 0
            });
            if let Some(feedback) = ended {
                return Ok(Some(feedback.outcome));
            }
            if !self.read_by(deadline)? {
                return Ok(None);
            }
        }
    }

    /// Sends a question where no bytes came for `idle`, and marks the link as lost where none came for
    /// `lost`. The caller has to call it regularly.
    ///
    /// # Errors
    /// No answer came; [`XArmError::LostLink`] after `lost`.
    pub fn keep_alive(&mut self, idle: Duration, lost: Duration) -> Result<(), XArmError> {
        if self.silence() < idle {
            return Ok(());
        }
        let asked = self.ask(&Command::GetState);
        let silence = self.silence();
        if silence >= lost {
            return Err(self.lose(&format!("no answer for {:.1} s", silence.as_secs_f64())));
        }
        asked.map(drop)
    }

    /// The error that waits to be cleared in the controller.
    pub fn explain_error(&mut self) -> XArmError {
        match self.ask(&Command::GetErrors) {
            Ok(Reply::Errors { error, .. }) => XArmError::of_controller(error),
            Ok(_) => XArmError::LostLink { reason: "no errors in the answer about errors".into() },
            Err(error) => error,
        }
    }

    fn timeout_of(&self, command: &Command) -> Duration {
        let slow_secs = match command {
            Command::MotionEnable { .. } => ENABLE_SECS,
            Command::MoveLine { .. }
            | Command::MoveLineAxisAngle { .. }
            | Command::MoveJoint { .. }
            | Command::MoveRelative { .. } => MOTION_SECS,
            _ => 0.0,
        };
        self.timeout.max(Duration::from_secs_f64(slow_secs))
    }

    /// Drops answers that came since the last request; keeps feedback.
    fn drain_late_answers(&mut self) -> Result<(), XArmError> {
        self.check()?;
        self.link.set_waiting(false).map_err(|error| self.lose(&error.to_string()))?;
        let began = Instant::now();
        let drained = loop {
            if began.elapsed() > self.timeout {
                break Err(self.lose("it never stops sending unrequested frames"));
            }
            match self.reader.fill(&mut self.link) {
                Ok(0) => break Err(self.lose("closed by the controller")),
                Ok(_) => self.last_heard = Instant::now(),
                Err(error) if nothing_came(&error) => break Ok(()),
                Err(error) => break Err(self.lose(&error.to_string())),
            }
            let late = loop {
                match self.next_response() {
                    Ok(Some(_)) => {}
                    Ok(None) => break None,
                    Err(error) => break Some(error),
                }
            };
            if let Some(error) = late {
                break Err(error);
            }
        };
        drained?;
        self.link.set_waiting(true).map_err(|error| self.lose(&error.to_string()))
    }

    fn send(&mut self, command: &Command) -> Result<(), XArmError> {
        self.transaction = self.transaction % u16::MAX + 1;
        let mut params = Vec::new();
        command.encode_params(&mut params);
        self.bytes.clear();
        let (transaction, protocol) = (self.transaction, self.protocol);
        Request { transaction, protocol, register: command.register(), params }
            .encode(&mut self.bytes)?;
        self.link.write_all(&self.bytes).map_err(|error| self.lose(&error.to_string()))
    }

    /// Reads once before `deadline`. Returns false after it, even if more bytes could come.
    fn read_by(&mut self, deadline: Instant) -> Result<bool, XArmError> {
        while Instant::now() < deadline {
            self.check()?;
            self.link.wait_until(deadline).map_err(|error| self.lose(&error.to_string()))?;
            match self.reader.fill(&mut self.link) {
                Ok(0) => return Err(self.lose("closed by the controller")),
                Ok(_) => {
                    self.last_heard = Instant::now();
                    return Ok(true);
                }
                Err(error) if nothing_came(&error) => {}
                Err(error) => return Err(self.lose(&error.to_string())),
            }
        }
        Ok(false)
    }

    /// The next answer in the bytes that came; keeps feedback before it.
    fn next_response(&mut self) -> Result<Option<Response>, XArmError> {
        loop {
            let came = match self.reader.next_frame() {
                Ok(None) => return Ok(None),
                Ok(Some(frame)) => frame.from_controller(),
                Err(error) => Err(error),
            };
            match came {
                Ok(FromController::Response(response)) => return Ok(Some(response)),
                Ok(FromController::Feedback(feedback)) => {
                    if self.feedback.len() == MOST_FEEDBACK {
                        self.feedback.pop_front();
                    }
                    self.feedback.push_back(feedback);
                }
                Err(error) => {
                    self.lost = Some(error.to_string());
                    return Err(error.into());
                }
            }
        }
    }

    /// Checks that this connection is not lost.
    pub(crate) fn check(&self) -> Result<(), XArmError> {
        match &self.lost {
            Some(reason) => Err(XArmError::LostLink { reason: reason.clone() }),
            None => Ok(()),
        }
    }

    /// Marks the connection as lost, and returns that error.
    fn lose(&mut self, reason: &str) -> XArmError {
        let reason = self.lost.get_or_insert_with(|| reason.to_owned()).clone();
        XArmError::LostLink { reason }
    }
}
