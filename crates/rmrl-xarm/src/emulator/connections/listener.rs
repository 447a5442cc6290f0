//! Ports and sockets, and the threads that serve them.

use std::io::{self, ErrorKind};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;

use super::control::serve_control;
use super::report::push_reports;
use super::shared::Shared;
use super::stream::{GLANCE, Stream};
use crate::emulator::emulator_config::Ports;
use crate::emulator::start_error::StartError;
use crate::emulator::state_report::ReportKind;

/// What a port serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::emulator) enum Service {
    Control,
    Report(ReportKind),
}

/// The services with their ports.
pub(in crate::emulator) fn services(ports: Ports) -> [(u16, Service); 5] {
    [
        (ports.control, Service::Control),
        (ports.normal, Service::Report(ReportKind::Normal)),
        (ports.rich, Service::Report(ReportKind::Rich)),
        (ports.real, Service::Report(ReportKind::Real)),
        (ports.real_time, Service::Report(ReportKind::RealTime)),
    ]
}

/// Serves a port.
pub(in crate::emulator) fn listen_tcp(
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

/// Serves a socket in the file system. Replaces a socket on which no program listens any more.
pub(in crate::emulator) fn listen_unix(
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
        // Neither a client that left before it was accepted nor the absence of one is an error.
        let Ok(stream) = accept() else {
            std::thread::sleep(GLANCE);
            continue;
        };
        let shared = Arc::clone(shared);
        threads.push(std::thread::spawn(move || {
            // The end of one link does not end the others.
            let _ = match service {
                Service::Control => serve_control(&shared, stream),
                Service::Report(kind) => push_reports(&shared, stream, kind),
            };
        }));
    }
    for thread in threads {
        // A thread that panicked has reported it already.
        let _ = thread.join();
    }
}
