//! A link of the control port.

use std::io::{self, ErrorKind, Read, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::shared::Shared;
use super::stream::Stream;
use crate::emulator::faults::LinkFault;
use crate::emulator::machine::Machine;
use crate::emulator::origin::Origin;
use crate::emulator::recording::StopRecord;
use crate::emulator::register::{SET_STATE, changes_something, is_drive, is_motion};
use crate::emulator::requests::answer;
use crate::emulator::standard_modbus;

/// Answers a client until it leaves.
pub(super) fn serve_control(shared: &Shared, mut stream: Stream) -> io::Result<()> {
    stream.prepare()?;
    let writer = Arc::new(Mutex::new(stream.try_clone()?));
    let link = shared.add_link(Arc::clone(&writer));
    let mut conversation = Conversation {
        shared,
        link,
        writer: &writer,
        silent: false,
        feedback: 0,
        kept_alive: false,
    };
    let ended = conversation.hold(&mut stream);
    shared.remove_link(link);
    stream.shutdown();
    ended
}

struct Conversation<'a> {
    shared: &'a Shared,
    link: u64,
    writer: &'a Mutex<Stream>,
    silent: bool,
    /// The bits of the feedback that the client wants.
    feedback: u8,
    kept_alive: bool,
}

impl<'a> Conversation<'a> {
    /// Answers until the client leaves, is silent for too long, or a fault ends the link.
    fn hold(&mut self, stream: &mut Stream) -> io::Result<()> {
        let keep_alive = self.shared.machine().config.keep_alive;
        let mut received = Vec::new();
        let mut heard = Instant::now();
        let mut buffer = [0; 1024];
        while !self.shared.is_stopped() {
            match stream.read(&mut buffer) {
                Ok(0) => return Ok(()),
                Ok(length) => {
                    received.extend_from_slice(&buffer[..length]);
                    heard = Instant::now();
                }
                Err(none) if matches!(none.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                }
                Err(error) => return Err(error),
            }
            while let Some(frame) = take_frame(&mut received)? {
                if !self.answer(&frame)? {
                    return Ok(());
                }
            }
            if self.kept_alive && heard.elapsed() > keep_alive {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Answers a frame. Returns whether the link stays open.
    fn answer(&mut self, frame: &[u8]) -> io::Result<bool> {
        let word = |at: usize| u16::from_be_bytes([frame[at], frame[at + 1]]);
        let (transaction, protocol) = (word(0), word(2));
        // A heartbeat, which has no answer.
        if protocol == 1 {
            return Ok(true);
        }
        let Some((&register, parameters)) = frame[6..].split_first() else { return Ok(true) };
        if protocol == 0 {
            return self.answer_modbus(frame);
        }
        self.kept_alive |= protocol == 3;
        let origin =
            Origin { link: self.link, transaction, protocol, register, feedback: self.feedback };
        // Feedback of a motion comes after the answer to its request, so the link is locked until then.
        let shared = self.shared;
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let mut machine = shared.machine();
        let body = answer(&mut machine, &origin, parameters, &mut self.feedback);
        self.record(&mut machine, register, parameters, body[0]);
        let (number, motions) = (machine.recording.requests, machine.motions_taken());
        let feedback = std::mem::take(&mut machine.outbox);
        drop(machine);
        shared.changed.notify_all();

        let mut bytes = Vec::with_capacity(7 + body.len());
        bytes.extend(transaction.to_be_bytes());
        bytes.extend(protocol.to_be_bytes());
        bytes.extend((1 + body.len() as u16).to_be_bytes());
        bytes.push(register);
        bytes.extend(body);
        let fault = shared.faults.take_request(number, register, motions);
        let stays_open = self.send(writer, bytes, fault)?;
        shared.send_feedback(feedback);
        Ok(stays_open)
    }

    /// Sends an answer, with a fault where one is due. Returns whether the link stays open.
    fn send(
        &mut self,
        mut writer: MutexGuard<'a, Stream>,
        mut bytes: Vec<u8>,
        fault: Option<LinkFault>,
    ) -> io::Result<bool> {
        match fault {
            _ if self.silent => {}
            None => writer.write_all(&bytes)?,
            Some(LinkFault::Silence) => self.silent = true,
            Some(LinkFault::Drop) => return Ok(false),
            Some(LinkFault::HalfFrame) => {
                writer.write_all(&bytes[..bytes.len() / 2])?;
                return Ok(false);
            }
            Some(LinkFault::Late(by)) => {
                drop(writer);
                std::thread::sleep(by);
                writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
                writer.write_all(&bytes)?;
            }
            Some(LinkFault::Twice) => {
                writer.write_all(&bytes)?;
                writer.write_all(&bytes)?;
            }
            Some(LinkFault::WrongTransaction) => {
                let [high, low, ..] = bytes[..] else { return Ok(true) };
                let wrong = u16::from_be_bytes([high, low]).wrapping_add(0x1000);
                bytes[..2].copy_from_slice(&wrong.to_be_bytes());
                writer.write_all(&bytes)?;
            }
        }
        Ok(true)
    }

    /// Records a request; `status` is the first byte of its answer.
    fn record(&self, machine: &mut Machine, register: u8, parameters: &[u8], status: u8) {
        const STOP: u8 = 4;
        let motions = machine.motions_taken();
        let recording = &mut machine.recording;
        recording.requests += 1;
        recording.changes += u64::from(changes_something(register));
        if register == SET_STATE && parameters.first() == Some(&STOP) {
            recording.stops.push(StopRecord { link: self.link, motions });
        }
        // The answer to an accepted motion has no bit for errors and readiness.
        let moves = is_motion(register) || is_drive(register);
        if moves && status & 0x58 == 0 && self.shared.is_unreported() {
            recording.blind_motions += 1;
        }
    }

    /// Answers standard Modbus TCP, which comes on the same port.
    fn answer_modbus(&self, frame: &[u8]) -> io::Result<bool> {
        let Some((&unit, request)) = frame[6..].split_first() else { return Ok(true) };
        let mut machine = self.shared.machine();
        machine.recording.requests += 1;
        let is_write = request.first().copied().is_some_and(standard_modbus::writes);
        machine.recording.changes += u64::from(is_write);
        let body = standard_modbus::answer(&mut machine, request);
        let feedback = std::mem::take(&mut machine.outbox);
        drop(machine);
        self.shared.changed.notify_all();
        let mut bytes = vec![frame[0], frame[1], 0, 0];
        bytes.extend((1 + body.len() as u16).to_be_bytes());
        bytes.push(unit);
        bytes.extend(body);
        self.writer.lock().unwrap_or_else(PoisonError::into_inner).write_all(&bytes)?;
        self.shared.send_feedback(feedback);
        Ok(true)
    }
}

/// Takes a whole frame from the beginning of the received bytes.
fn take_frame(received: &mut Vec<u8>) -> io::Result<Option<Vec<u8>>> {
    /// Longer than any known request.
    const LONGEST: usize = 1024;
    let Some(&[_, _, _, _, high, low]) = received.first_chunk::<6>() else { return Ok(None) };
    let length = 6 + usize::from(u16::from_be_bytes([high, low]));
    if length > LONGEST {
        return Err(ErrorKind::InvalidData.into());
    }
    if received.len() < length {
        return Ok(None);
    }
    Ok(Some(received.drain(..length).collect()))
}
