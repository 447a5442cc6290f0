//! Networks between a program and the emulated controller.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

/// Forwards a port, as another computer reaches it: under an address that no lock of this computer knows.
pub fn forward(to: SocketAddr) -> SocketAddr {
    Cable::to(to).address
}

/// Forwards a port until its cable is pulled.
pub struct Cable {
    pub address: SocketAddr,
    is_pulled: Arc<AtomicBool>,
    connections: Arc<Mutex<Vec<TcpStream>>>,
}

impl Cable {
    /// A plugged cable to `controller`.
    pub fn to(controller: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let is_pulled = Arc::<AtomicBool>::default();
        let connections = Arc::<Mutex<Vec<TcpStream>>>::default();
        let (pulled, all) = (Arc::clone(&is_pulled), Arc::clone(&connections));
        thread::spawn(move || {
            for near in listener.incoming() {
                let near = near.unwrap();
                if pulled.load(Ordering::SeqCst) {
                    continue;
                }
                let far = TcpStream::connect(controller).unwrap();
                for stream in [&near, &far] {
                    stream.set_nodelay(true).unwrap();
                    all.lock().unwrap().push(stream.try_clone().unwrap());
                }
                for (from, to) in [(&near, &far), (&far, &near)] {
                    let (from, to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
                    thread::spawn(move || copy_until_closed(from, to));
                }
            }
        });
        Self { address, is_pulled, connections }
    }

    /// Cuts all connections, and refuses new ones.
    pub fn pull(&self) {
        self.is_pulled.store(true, Ordering::SeqCst);
        for connection in self.connections.lock().unwrap().drain(..) {
            let _ = connection.shutdown(Shutdown::Both);
        }
    }

    /// Accepts connections again.
    pub fn plug(&self) {
        self.is_pulled.store(false, Ordering::SeqCst);
    }
}

fn copy_until_closed(mut from: TcpStream, mut to: TcpStream) {
    let mut bytes = [0; 4096];
    while let Ok(count @ 1..) = from.read(&mut bytes) {
        if to.write_all(&bytes[..count]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Both);
}
