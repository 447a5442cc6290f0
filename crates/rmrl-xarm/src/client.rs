//! Requests and answers over the control port: one at a time, each with its deadline.

use std::collections::VecDeque;
use std::io::Write;
use std::time::{Duration, Instant};

use crate::bio_gripper::DEVICE;
use crate::link::{Link, nothing_came};
use crate::settings::not_kept;
use crate::{
    Address, ArmState, Command, Feedback, FeedbackOutcome, FirmwareVersion, FrameReader,
    FromController, Protocol, ReducedState, Reply, Request, Response, RobotVersion, RtuError,
    RtuRequest, Status, TOOL_BUS, XArmError, controller_error,
};

/// Feedback that nobody has asked for yet; older is forgotten.
const MOST_FEEDBACK: usize = 16;

/// The vendor's software waits so long for power on the joints, in seconds.
const ENABLE_SECS: f64 = 5.0;

/// And so long for a motion to be taken, in seconds.
const MOTION_SECS: f64 = 10.0;

/// After so many requests in a row without an answer a link is given up. One may be lost on the way.
const UNANSWERED: u32 = 2;

/// A connection to the control port.
///
/// An answer counts where transaction, protocol and register are those of the request. What comes
/// late, twice or unasked is left aside; half an answer is waited for until the deadline.
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
    /// Why this connection is of no use any more.
    lost: Option<String>,
}

/// An answer, its parameters not yet read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The number of its request, which feedback will carry too.
    pub transaction: u16,
    /// How the controller is.
    pub status: Status,
    /// What was asked for.
    pub params: Vec<u8>,
}

impl Client {
    /// Connects, and speaks protocol 2 until [`Self::set_protocol`].
    ///
    /// `timeout` bounds connecting and every call; requests that the vendor knows to be slow have 5 s
    /// or 10 s where that is more.
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

    /// Speaks another protocol from the next request on.
    pub fn set_protocol(&mut self, protocol: Protocol) {
        self.protocol = protocol;
    }

    /// How long ago anything came from the controller.
    pub fn silence(&self) -> Duration {
        self.last_heard.elapsed()
    }

    /// Has this connection count as lost.
    pub(crate) fn give_up(&mut self, reason: &str) {
        // The error is told to whoever asks next.
        let _ = self.lose(reason);
    }

    /// Whether this connection is of no use any more.
    pub fn is_lost(&self) -> bool {
        self.lost.is_some()
    }

    /// Asks, and reads what was asked for.
    ///
    /// An error that waits in the controller does not keep it from telling something; see
    /// [`Self::start_motion`] for what it does keep it from.
    ///
    /// # Errors
    /// Whatever [`Self::call`] says; [`XArmError::Refused`]; or an answer that is none.
    pub fn ask(&mut self, command: &Command) -> Result<Reply, XArmError> {
        self.ask_with_status(command).map(|(reply, _)| reply)
    }

    /// The same, and how the controller is.
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
            // With an error in its way, an answer may be empty.
            Err(_) if status.has_error() => Err(self.explain_error()),
            Err(error) => Err(error.into()),
        }
    }

    /// What the robot says of itself.
    ///
    /// # Errors
    /// As [`Self::ask`], or firmware too old to be driven.
    pub(crate) fn robot_version(&mut self) -> Result<RobotVersion, XArmError> {
        let text = match self.ask(&Command::GetVersion)? {
            Reply::Version(text) => text,
            _ => String::new(),
        };
        let known = RobotVersion::parse(&text).filter(|it| it.firmware >= FirmwareVersion::OLDEST);
        known.ok_or(XArmError::UnsupportedFirmware { version: text })
    }

    /// What the arm is doing.
    ///
    /// # Errors
    /// As [`Self::ask`].
    pub(crate) fn state(&mut self) -> Result<ArmState, XArmError> {
        match self.ask(&Command::GetState)? {
            Reply::State(state) => Ok(state),
            _ => Ok(ArmState::Other(u8::MAX)),
        }
    }

    /// How many motions wait, the present one among them.
    ///
    /// # Errors
    /// As [`Self::ask`].
    pub(crate) fn waiting(&mut self) -> Result<u16, XArmError> {
        match self.ask(&Command::GetCommandCount)? {
            Reply::Count(count) => Ok(count),
            _ => Ok(0),
        }
    }

    /// How the joints stand, in radians; those that the robot has not are 0.
    ///
    /// # Errors
    /// As [`Self::ask`].
    pub(crate) fn joints(&mut self) -> Result<[f32; 7], XArmError> {
        match self.ask(&Command::GetJointPositions)? {
            Reply::Joints(joints) => Ok(joints),
            _ => Err(XArmError::NotANumber { what: "joints", value: f64::NAN }),
        }
    }

    /// The tool's pose, in mm and radians.
    ///
    /// # Errors
    /// As [`Self::ask`].
    pub(crate) fn pose(&mut self) -> Result<[f32; 6], XArmError> {
        match self.ask(&Command::GetTcpPose)? {
            Reply::Pose(pose) => Ok(pose),
            _ => Err(XArmError::NotANumber { what: "pose", value: f64::NAN }),
        }
    }

    /// Fence and reduced mode.
    ///
    /// # Errors
    /// As [`Self::ask`].
    pub(crate) fn reduced_state(&mut self) -> Result<ReducedState, XArmError> {
        match self.ask(&Command::GetReducedState)? {
            Reply::Reduced(reduced) => Ok(reduced),
            _ => Err(not_kept("reduced mode", &"on", &"nothing")),
        }
    }

    /// Asks the gripper, whose own answer may be an error, too.
    ///
    /// # Errors
    /// As [`Self::ask`].
    pub(crate) fn ask_gripper(
        &mut self,
        request: &RtuRequest,
    ) -> Result<Result<Vec<u16>, RtuError>, XArmError> {
        let frame = request.encode(DEVICE);
        Ok(match self.ask(&Command::ModbusRtu { host: TOOL_BUS, frame })? {
            Reply::Modbus { host: TOOL_BUS, frame } => request.decode_reply(DEVICE, &frame),
            _ => Err(RtuError::WrongAnswer),
        })
    }

    /// Sends a motion. Returns its transaction, for [`Self::wait_for_feedback`].
    ///
    /// # Errors
    /// The error that keeps the controller from moving, [`XArmError::Refused`] where it says none, or
    /// whatever [`Self::call`] says. The arm may have begun to move where no answer came.
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
    /// [`XArmError::LostLink`], [`XArmError::NoAnswer`], or an answer that is none. After two requests in
    /// a row without an answer the link counts as lost: a new one may be answered.
    pub fn call(&mut self, command: &Command) -> Result<Answer, XArmError> {
        let timeout = self.timeout_of(command);
        let deadline = Instant::now() + timeout;
        let register = command.register();
        self.leave_aside_what_is_late()?;
        self.send(command)?;
        loop {
            while let Some(response) = self.next_response()? {
                if response.transaction != self.transaction {
                    tracing::debug!(
                        "left aside a late answer of register {:#04x}",
                        response.register
                    );
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
            // Whatever else keeps coming is no answer.
            if !self.came_by(deadline)? {
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
    /// [`XArmError::LostLink`], or bytes that are no frame.
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
            if !self.came_by(deadline)? {
                return Ok(None);
            }
        }
    }

    /// Asks something where nothing came for `idle`, and gives the link up where nothing came for
    /// `lost`. To be called now and then.
    ///
    /// # Errors
    /// No answer came; [`XArmError::LostLink`] where that went on for too long.
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

    /// The error that waits in the controller, as what it is.
    pub fn explain_error(&mut self) -> XArmError {
        match self.ask(&Command::GetErrors) {
            Ok(Reply::Errors { error, .. }) => explain(error),
            Ok(_) => XArmError::LostLink { reason: "no errors where they were asked for".into() },
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

    /// Whatever came since the last answer answers nothing any more; feedback is kept.
    fn leave_aside_what_is_late(&mut self) -> Result<(), XArmError> {
        self.check()?;
        self.link.set_waiting(false).map_err(|error| self.lose(&error.to_string()))?;
        let began = Instant::now();
        let drained = loop {
            if began.elapsed() > self.timeout {
                break Err(self.lose("it never stops sending what nobody asked for"));
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

    /// Takes in what comes before `deadline`; false from then on, whatever may still be coming.
    fn came_by(&mut self, deadline: Instant) -> Result<bool, XArmError> {
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

    /// The next answer among what came; feedback before it is kept.
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

    /// Whether this connection is of use.
    pub(crate) fn check(&self) -> Result<(), XArmError> {
        match &self.lost {
            Some(reason) => Err(XArmError::LostLink { reason: reason.clone() }),
            None => Ok(()),
        }
    }

    /// Gives the connection up.
    fn lose(&mut self, reason: &str) -> XArmError {
        let reason = self.lost.get_or_insert_with(|| reason.to_owned()).clone();
        XArmError::LostLink { reason }
    }
}

/// The controller's error as what it is.
pub(crate) fn explain(number: u8) -> XArmError {
    use crate::Severity::{Collision, EmergencyStop};
    let explained = controller_error(number);
    match explained.severity {
        Collision => XArmError::Collision { number, explained },
        EmergencyStop => XArmError::EmergencyStop { number, explained },
        _ => XArmError::Controller { number, explained },
    }
}
