//! Frames of the control port: requests, answers and feedback, both directions of each.
//!
//! Every frame begins with transaction (u16), protocol (u16) and the length of what follows (u16), the
//! highest byte first. In a request a register and its parameters follow; in an answer the same register, a
//! status, and the answer's parameters.

use std::fmt;

/// Bytes before the counted part of a frame.
pub(super) const HEADER_LENGTH: usize = 6;

/// The longest accepted counted part of a frame, in bytes.
///
/// The vendor's software keeps 1024 bytes for a whole frame, and no known answer has more than 280. A longer
/// one means that the stream is out of step, which waiting for 64 KiB would only hide.
pub const MAX_LENGTH: usize = 1024;

/// Keeps a link of protocol 2 open. It has no answer, and is not needed while requests are sent.
pub const HEARTBEAT: [u8; 8] = [0, 0, 0, 1, 0, 2, 0, 0];

/// The register of feedback.
const FEEDBACK_REGISTER: u8 = 0xff;

/// The version of the controller's private protocol. The frames of both are the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// Version 2, of every firmware.
    Two,
    /// Version 3, in which the controller closes a link that is silent for long (firmware 1.8.6 and later).
    Three,
}

impl Protocol {
    /// The number of the version in a frame.
    pub fn number(self) -> u16 {
        match self {
            Self::Two => 2,
            Self::Three => 3,
        }
    }

    fn from_number(number: u16) -> Result<Self, FrameError> {
        match number {
            2 => Ok(Self::Two),
            3 => Ok(Self::Three),
            got => Err(FrameError::UnknownProtocol { got }),
        }
    }
}

/// Invalid bytes of a frame. Their stream cannot be read any further.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// Neither of the private protocols.
    #[error("protocol {got}, expected 2 or 3")]
    UnknownProtocol {
        /// The number of the protocol.
        got: u16,
    },
    /// A counted part longer than [`MAX_LENGTH`].
    #[error("a frame of {got} bytes, expected at most {MAX_LENGTH}")]
    TooLong {
        /// The length, in bytes.
        got: usize,
    },
    /// A counted part too short for what the frame is.
    #[error("a {kind} of {got} bytes, expected at least {expected}")]
    TooShort {
        /// `frame`, `request`, `answer` or `feedback`.
        kind: &'static str,
        /// The least length, in bytes.
        expected: usize,
        /// The length, in bytes.
        got: usize,
    },
    /// An invalid code in a feedback frame.
    #[error("feedback with code {got}, expected 0, 1 or 2")]
    UnknownFeedback {
        /// The code.
        got: u8,
    },
}

/// One received frame whose counted part is not decoded yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame<'a> {
    /// The number that pairs a request with its answer.
    pub transaction: u16,
    /// The protocol's number: 2, 3, or 1 in a heartbeat.
    pub protocol: u16,
    /// The counted part: register first.
    pub body: &'a [u8],
}

impl Frame<'_> {
    /// Decodes a frame that goes to the controller.
    ///
    /// # Errors
    /// It is no request of either protocol, and no heartbeat.
    pub fn to_controller(&self) -> Result<ToController, FrameError> {
        if self.transaction == 0 && self.protocol == 1 && self.body == [0, 0] {
            return Ok(ToController::Heartbeat);
        }
        let protocol = Protocol::from_number(self.protocol)?;
        let (&register, params) = self.body.split_first().ok_or(FrameError::TooShort {
            kind: "request",
            expected: 1,
            got: 0,
        })?;
        let transaction = self.transaction;
        Ok(ToController::Request(Request {
            transaction,
            protocol,
            register,
            params: params.to_vec(),
        }))
    }

    /// Decodes a frame that comes from the controller.
    ///
    /// # Errors
    /// It is neither an answer nor feedback.
    pub fn from_controller(&self) -> Result<FromController, FrameError> {
        let protocol = Protocol::from_number(self.protocol)?;
        let transaction = self.transaction;
        let got = self.body.len();
        if self.body.first() == Some(&FEEDBACK_REGISTER) {
            let &[_, _, kind, register, task_high, task_low, code, ref time @ ..] = self.body
            else {
                return Err(FrameError::TooShort { kind: "feedback", expected: 7, got });
            };
            let time_us = time.first_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes));
            return Ok(FromController::Feedback(Feedback {
                transaction,
                protocol,
                kind,
                register,
                task: u16::from_be_bytes([task_high, task_low]),
                outcome: FeedbackOutcome::from_number(code)?,
                time_us,
            }));
        }
        let &[register, status, ref params @ ..] = self.body else {
            return Err(FrameError::TooShort { kind: "answer", expected: 2, got });
        };
        Ok(FromController::Response(Response {
            transaction,
            protocol,
            register,
            status: Status(status),
            params: params.to_vec(),
        }))
    }
}

/// A frame from a client to the controller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ToController {
    /// [`HEARTBEAT`].
    Heartbeat,
    /// A request.
    Request(Request),
}

/// A frame from the controller to a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FromController {
    /// The answer to a request.
    Response(Response),
    /// Feedback of a request that was answered before.
    Feedback(Feedback),
}

/// A request: a register with its parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The number of the request and of its answer.
    pub transaction: u16,
    /// The protocol of the request and of its answer.
    pub protocol: Protocol,
    /// The register.
    pub register: u8,
    /// The parameters, at most [`MAX_LENGTH`] - 1 bytes.
    pub params: Vec<u8>,
}

impl Request {
    /// Appends the bytes of the frame.
    ///
    /// # Errors
    /// It has more parameters than a frame holds.
    pub fn encode(&self, out: &mut Vec<u8>) -> Result<(), FrameError> {
        put_header(out, self.transaction, self.protocol, 1 + self.params.len())?;
        out.push(self.register);
        out.extend_from_slice(&self.params);
        Ok(())
    }
}

/// The answer to a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// The number of the request.
    pub transaction: u16,
    /// The protocol of the request.
    pub protocol: Protocol,
    /// The register of the request.
    pub register: u8,
    /// The status of the controller, and whether it accepted the request.
    pub status: Status,
    /// The parameters, at most [`MAX_LENGTH`] - 2 bytes.
    pub params: Vec<u8>,
}

impl Response {
    /// Appends the bytes of the frame.
    ///
    /// # Errors
    /// It has more parameters than a frame holds.
    pub fn encode(&self, out: &mut Vec<u8>) -> Result<(), FrameError> {
        put_header(out, self.transaction, self.protocol, 2 + self.params.len())?;
        out.extend_from_slice(&[self.register, self.status.0]);
        out.extend_from_slice(&self.params);
        Ok(())
    }
}

/// The status of the controller, which every answer has.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Status(
    /// The bits as they were sent.
    pub u8,
);

impl Status {
    /// An error waits to be cleared.
    pub const ERROR: u8 = 0x40;
    /// A warning waits to be cleared.
    pub const WARNING: u8 = 0x20;
    /// The arm would not move now. Requests that move nothing are still carried out.
    pub const NOT_READY: u8 = 0x10;
    /// The request was refused, according to the vendor's software. The vendor's manual calls the bit reserved.
    pub const INVALID: u8 = 0x08;

    /// Whether an error waits to be cleared.
    pub fn has_error(self) -> bool {
        self.0 & Self::ERROR != 0
    }

    /// Whether a warning waits to be cleared.
    pub fn has_warning(self) -> bool {
        self.0 & Self::WARNING != 0
    }

    /// Whether the arm would move now.
    pub fn is_ready(self) -> bool {
        self.0 & Self::NOT_READY == 0
    }

    /// Whether the request was refused.
    pub fn is_invalid(self) -> bool {
        self.0 & Self::INVALID != 0
    }
}

impl fmt::Debug for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Status({:#04x})", self.0)
    }
}

/// A message about a request that was answered before. The controller sends it after
/// [`crate::Command::SetFeedbackType`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Feedback {
    /// The number of the request.
    pub transaction: u16,
    /// The protocol of the request.
    pub protocol: Protocol,
    /// The kind of feedback, one bit such as [`Self::MOTION_STARTED`] or [`Self::MOTION_FINISHED`].
    pub kind: u8,
    /// The register of the request.
    pub register: u8,
    /// The controller's own number of the motion.
    pub task: u16,
    /// How the request ended.
    pub outcome: FeedbackOutcome,
    /// The controller's time, in microseconds; 0 where it does not report it.
    pub time_us: u64,
}

impl Feedback {
    /// A motion began.
    pub const MOTION_STARTED: u8 = 1;
    /// A motion ended.
    pub const MOTION_FINISHED: u8 = 2;

    /// Appends the bytes of the frame.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let [task_high, task_low] = self.task.to_be_bytes();
        for number in [self.transaction, self.protocol.number(), 15] {
            out.extend_from_slice(&number.to_be_bytes());
        }
        let code = self.outcome.number();
        out.extend_from_slice(&[FEEDBACK_REGISTER, 0, self.kind, self.register]);
        out.extend_from_slice(&[task_high, task_low, code]);
        out.extend_from_slice(&self.time_us.to_be_bytes());
    }
}

/// How the request of a feedback ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FeedbackOutcome {
    /// The request was carried out.
    Done,
    /// The request was begun and not finished.
    Failed,
    /// The request was discarded before it began, for instance because its path was too short to plan.
    Discarded,
}

impl FeedbackOutcome {
    fn number(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Discarded => 2,
        }
    }

    fn from_number(number: u8) -> Result<Self, FrameError> {
        match number {
            0 => Ok(Self::Done),
            1 => Ok(Self::Failed),
            2 => Ok(Self::Discarded),
            got => Err(FrameError::UnknownFeedback { got }),
        }
    }
}

fn put_header(
    out: &mut Vec<u8>,
    transaction: u16,
    protocol: Protocol,
    length: usize,
) -> Result<(), FrameError> {
    let counted = u16::try_from(length)
        .ok()
        .filter(|_| length <= MAX_LENGTH)
        .ok_or(FrameError::TooLong { got: length })?;
    for number in [transaction, protocol.number(), counted] {
        out.extend_from_slice(&number.to_be_bytes());
    }
    Ok(())
}
