//! Links, and the threads behind them.

use std::collections::HashMap;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::faults::{Faults, LinkFault};
use super::recording::StopRecord;
use super::report::{ReportKind, report};
use super::requests::{answer, changes_something, is_motion};
use super::state::Machine;
use super::task::Asked;
use super::{ControllerConfig, Firmware, Pace, Plant, Ports, StartError};

/// How often threads look whether they shall end.
const GLANCE: Duration = Duration::from_millis(10);

/// Firmware that reports 250 times a second.
const REAL_TIME: Firmware = Firmware::new(2, 1, 0);

/// What is done for those who connect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Service {
    Control,
    Report(ReportKind),
}

/// The services with their ports.
pub(super) fn services(ports: Ports) -> [(u16, Service); 5] {
    [
        (ports.control, Service::Control),
        (ports.normal, Service::Report(ReportKind::Normal)),
        (ports.rich, Service::Report(ReportKind::Rich)),
        (ports.real, Service::Report(ReportKind::Real)),
        (ports.real_time, Service::Report(ReportKind::RealTime)),
    ]
}

/// What all threads share.
pub(super) struct Shared {
    machine: Mutex<Machine>,
    changed: Condvar,
    faults: Faults,
    links: Mutex<HashMap<u64, Arc<Mutex<Stream>>>>,
    next_link: AtomicU64,
    stopped: AtomicBool,
    /// When the last report with settings was sent to anybody.
    last_report: Mutex<Option<Instant>>,
}

impl Shared {
    pub fn new(config: ControllerConfig, plant: Plant, faults: Faults) -> Result<Self, StartError> {
        Ok(Self {
            machine: Mutex::new(Machine::new(config, plant, faults.clone())?),
            changed: Condvar::new(),
            faults,
            links: Mutex::default(),
            next_link: AtomicU64::new(1),
            stopped: AtomicBool::new(false),
            last_report: Mutex::default(),
        })
    }

    pub fn machine(&self) -> MutexGuard<'_, Machine> {
        self.machine.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends all threads.
    pub fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
        self.changed.notify_all();
    }

    fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }

    fn links(&self) -> MutexGuard<'_, HashMap<u64, Arc<Mutex<Stream>>>> {
        self.links.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note_report(&self) {
        *self.last_report.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    /// Whether nobody can know by reports how the controller is set.
    fn is_unreported(&self) -> bool {
        /// A client may rely on reports for one second; the rest is what two threads may wait for each other.
        const PATIENCE: Duration = Duration::from_millis(1500);
        let last = *self.last_report.lock().unwrap_or_else(PoisonError::into_inner);
        last.is_none_or(|last| last.elapsed() > PATIENCE)
    }

    /// Sends what nobody asked for. No lock may be held.
    fn send_news(&self, news: Vec<(u64, Vec<u8>)>) {
        for (link, frame) in news {
            let Some(stream) = self.links().get(&link).map(Arc::clone) else { continue };
            let mut stream = stream.lock().unwrap_or_else(PoisonError::into_inner);
            // The link's own thread notices that it is gone.
            let _ = stream.write_all(&frame);
        }
    }
}

/// Lets time pass until the end.
pub(super) fn keep_time(shared: &Shared, pace: Pace) {
    let mut last = Instant::now();
    while !shared.is_stopped() {
        let mut machine = shared.machine();
        let segment_secs = machine.config.segment_secs;
        let wait = match pace {
            Pace::AsFastAsPossible if machine.is_busy() => {
                machine.advance(segment_secs);
                // Requests come in between two segments.
                Duration::from_micros(20)
            }
            Pace::AsFastAsPossible => {
                let woken = shared.changed.wait_timeout(machine, GLANCE);
                drop(woken);
                continue;
            }
            Pace::Times(times) => {
                let mut secs = last.elapsed().as_secs_f64() * times;
                last = Instant::now();
                while secs > 0.0 {
                    machine.advance(secs.min(segment_secs));
                    secs -= segment_secs;
                }
                Duration::from_secs_f64((segment_secs / times).clamp(0.001, 0.02))
            }
        };
        let news = std::mem::take(&mut machine.outbox);
        drop(machine);
        shared.send_news(news);
        std::thread::sleep(wait);
    }
}

/// Serves a port.
pub(super) fn listen_tcp(
    shared: &Arc<Shared>,
    address: SocketAddr,
    service: Service,
) -> Result<(JoinHandle<()>, SocketAddr), StartError> {
    let failed = |source| StartError::Listen { address: address.to_string(), source };
    let listener = TcpListener::bind(address).map_err(failed)?;
    listener.set_nonblocking(true).map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    let shared = Arc::clone(shared);
    let accept = move || {
        let (stream, _) = listener.accept()?;
        stream.set_nodelay(true)?;
        Ok(Stream::Tcp(stream))
    };
    Ok((std::thread::spawn(move || serve(&shared, accept, service)), bound))
}

/// Serves a socket in the file system. One that nobody listens on any more is replaced.
pub(super) fn listen_unix(
    shared: &Arc<Shared>,
    path: &Path,
    service: Service,
) -> Result<JoinHandle<()>, StartError> {
    let failed = |source| StartError::Listen { address: path.display().to_string(), source };
    if path.exists() {
        if UnixStream::connect(path).is_ok() {
            return Err(failed(ErrorKind::AddrInUse.into()));
        }
        std::fs::remove_file(path).map_err(failed)?;
    }
    let listener = UnixListener::bind(path).map_err(failed)?;
    listener.set_nonblocking(true).map_err(failed)?;
    let shared = Arc::clone(shared);
    let accept = move || Ok(Stream::Unix(listener.accept()?.0));
    Ok(std::thread::spawn(move || serve(&shared, accept, service)))
}

fn serve(shared: &Arc<Shared>, accept: impl Fn() -> io::Result<Stream>, service: Service) {
    let mut threads: Vec<JoinHandle<()>> = Vec::new();
    while !shared.is_stopped() {
        threads.retain(|thread| !thread.is_finished());
        // A client that left before it was accepted is nobody's fault; nobody there is no news.
        let Ok(stream) = accept() else {
            std::thread::sleep(GLANCE);
            continue;
        };
        let shared = Arc::clone(shared);
        threads.push(std::thread::spawn(move || {
            // However a link ends, others go on.
            let _ = match service {
                Service::Control => control(&shared, stream),
                Service::Report(kind) => push_reports(&shared, stream, kind),
            };
        }));
    }
    for thread in threads {
        // A thread that panicked has told so already.
        let _ = thread.join();
    }
}

fn push_reports(shared: &Shared, mut stream: Stream, kind: ReportKind) -> io::Result<()> {
    stream.prepare()?;
    // Older controllers do not have that port; here it is there and closed at once.
    let firmware = shared.machine().config.firmware;
    if kind == ReportKind::RealTime && firmware < REAL_TIME {
        return Ok(());
    }
    let mut next = Instant::now();
    while !shared.is_stopped() {
        if Instant::now() < next {
            std::thread::sleep(GLANCE.min(next.saturating_duration_since(Instant::now())));
            continue;
        }
        if !shared.faults.reports_are_silent() {
            let bytes = report(&shared.machine(), kind);
            stream.write_all(&bytes)?;
            if matches!(kind, ReportKind::Normal | ReportKind::Rich) {
                shared.note_report();
            }
        }
        next += kind.period();
    }
    Ok(())
}

fn control(shared: &Shared, mut stream: Stream) -> io::Result<()> {
    stream.prepare()?;
    let link = shared.next_link.fetch_add(1, Ordering::Relaxed);
    let writer = Arc::new(Mutex::new(stream.try_clone()?));
    shared.links().insert(link, Arc::clone(&writer));
    let mut conversation = Conversation {
        shared,
        link,
        writer: &writer,
        silent: false,
        feedback: 0,
        kept_alive: false,
    };
    let ended = conversation.hold(&mut stream);
    shared.links().remove(&link);
    stream.shutdown();
    ended
}

/// One link of the control port.
struct Conversation<'a> {
    shared: &'a Shared,
    link: u64,
    writer: &'a Mutex<Stream>,
    silent: bool,
    feedback: u8,
    kept_alive: bool,
}

impl Conversation<'_> {
    /// Answers until the client leaves, time is up, or a fault says so.
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

    /// Answers a frame. Whether the link goes on.
    fn answer(&mut self, frame: &[u8]) -> io::Result<bool> {
        let word = |at: usize| u16::from_be_bytes([frame[at], frame[at + 1]]);
        let (transaction, protocol) = (word(0), word(2));
        // A heartbeat, which has no answer.
        if protocol == 1 {
            return Ok(true);
        }
        let Some((&register, parameters)) = frame[6..].split_first() else { return Ok(true) };
        if protocol == 0 {
            return self.refuse_modbus(frame);
        }
        self.kept_alive |= protocol == 3;
        let asked =
            Asked { link: self.link, transaction, protocol, register, feedback: self.feedback };
        // News of a motion come after the answer to its request.
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let mut machine = self.shared.machine();
        let body = answer(&mut machine, &asked, parameters, &mut self.feedback);
        self.record(&mut machine, register, parameters, body[0]);
        let (number, motions) = (machine.recording.requests, machine.motions_taken());
        let news = std::mem::take(&mut machine.outbox);
        drop(machine);
        self.shared.changed.notify_all();

        let mut bytes = Vec::with_capacity(7 + body.len());
        bytes.extend(transaction.to_be_bytes());
        bytes.extend(protocol.to_be_bytes());
        bytes.extend((1 + body.len() as u16).to_be_bytes());
        bytes.push(register);
        bytes.extend(body);
        let fault = self.shared.faults.take_request(number, register, motions);
        let mut goes_on = true;
        match fault {
            _ if self.silent => {}
            None => writer.write_all(&bytes)?,
            Some(LinkFault::Silence) => self.silent = true,
            Some(LinkFault::Drop) => goes_on = false,
            Some(LinkFault::HalfFrame) => {
                writer.write_all(&bytes[..bytes.len() / 2])?;
                goes_on = false;
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
                bytes[..2].copy_from_slice(&transaction.wrapping_add(0x1000).to_be_bytes());
                writer.write_all(&bytes)?;
            }
        }
        drop(writer);
        self.shared.send_news(news);
        Ok(goes_on)
    }

    /// Notes what a request did; `status` is the first byte of its answer.
    fn record(&self, machine: &mut Machine, register: u8, parameters: &[u8], status: u8) {
        const SET_STATE: u8 = 12;
        let motions = machine.motions_taken();
        let recording = &mut machine.recording;
        recording.requests += 1;
        recording.changes += u64::from(changes_something(register));
        if register == SET_STATE && parameters.first() == Some(&4) {
            recording.stops.push(StopRecord { link: self.link, motions });
        }
        // A motion that was taken is answered without any bit for errors and readiness.
        if is_motion(register) && status & 0x58 == 0 && self.shared.is_unreported() {
            recording.blind_motions += 1;
        }
    }

    /// Standard Modbus TCP on the same port is not emulated: "illegal function".
    fn refuse_modbus(&self, frame: &[u8]) -> io::Result<bool> {
        let Some(&function) = frame.get(7) else { return Ok(false) };
        let refusal = [frame[0], frame[1], 0, 0, 0, 3, frame[6], function | 0x80, 1];
        self.writer.lock().unwrap_or_else(PoisonError::into_inner).write_all(&refusal)?;
        Ok(true)
    }
}

/// Takes a whole frame from the beginning of what was received.
fn take_frame(received: &mut Vec<u8>) -> io::Result<Option<Vec<u8>>> {
    /// Longer than any request that is known.
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

/// A link on a port or a socket in the file system.
enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Stream {
    /// Makes reading return now and then, and writing not wait for ever.
    fn prepare(&self) -> io::Result<()> {
        const PATIENCE: Duration = Duration::from_secs(1);
        match self {
            Self::Tcp(stream) => {
                stream.set_nonblocking(false)?;
                stream.set_read_timeout(Some(GLANCE))?;
                stream.set_write_timeout(Some(PATIENCE))
            }
            Self::Unix(stream) => {
                stream.set_nonblocking(false)?;
                stream.set_read_timeout(Some(GLANCE))?;
                stream.set_write_timeout(Some(PATIENCE))
            }
        }
    }

    fn try_clone(&self) -> io::Result<Self> {
        Ok(match self {
            Self::Tcp(stream) => Self::Tcp(stream.try_clone()?),
            Self::Unix(stream) => Self::Unix(stream.try_clone()?),
        })
    }

    fn shutdown(&self) {
        // It may be closed already.
        let _ = match self {
            Self::Tcp(stream) => stream.shutdown(Shutdown::Both),
            Self::Unix(stream) => stream.shutdown(Shutdown::Both),
        };
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.read(buffer),
            Self::Unix(stream) => stream.read(buffer),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.write(bytes),
            Self::Unix(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
