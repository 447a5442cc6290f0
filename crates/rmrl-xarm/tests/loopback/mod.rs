//! The other end of a connection: a controller that answers what a test wants.

#![allow(dead_code, reason = "each test file uses a part of it")]

pub mod table;

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread::{self, JoinHandle};

use rmrl_xarm::{Address, Command, FrameReader, Reply, Request, Response, Status, ToController};

/// A server that hands its one connection to `serve`.
pub fn serve(serve: impl FnOnce(Peer) + Send + 'static) -> (Address, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let thread = thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        stream.set_nodelay(true).unwrap();
        serve(Peer { stream, reader: FrameReader::default() });
    });
    (Address::Tcp { host: "127.0.0.1".into(), port }, thread)
}

/// The client, seen from the controller.
pub struct Peer {
    pub stream: TcpStream,
    reader: FrameReader,
}

impl Peer {
    /// The next request; none when the client has gone.
    pub fn next(&mut self) -> Option<Request> {
        loop {
            if let Some(frame) = self.reader.next_frame().unwrap() {
                match frame.to_controller().unwrap() {
                    ToController::Request(request) => return Some(request),
                    ToController::Heartbeat => continue,
                }
            }
            match self.reader.fill(&mut self.stream) {
                Ok(0) | Err(_) => return None,
                Ok(_) => {}
            }
        }
    }

    /// Sends bytes as they are.
    pub fn send(&mut self, bytes: &[u8]) {
        // In some tests the client has gone.
        let _ = self.stream.write_all(bytes);
    }

    /// Waits until the client has gone.
    pub fn drain(&mut self) {
        while matches!(self.stream.read(&mut [0; 256]), Ok(1..)) {}
    }
}

/// The answer to a request.
pub fn answer(request: &Request, status: u8, reply: &Reply) -> Vec<u8> {
    let mut params = Vec::new();
    reply.encode_params(&mut params);
    let Request { transaction, protocol, register, .. } = *request;
    let mut out = Vec::new();
    Response { transaction, protocol, register, status: Status(status), params }
        .encode(&mut out)
        .unwrap();
    out
}

/// The command of a request.
pub fn command(request: &Request) -> Command {
    Command::decode(request.register, &request.params).unwrap()
}
