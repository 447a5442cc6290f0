//! The thread that serves the page.

use std::convert::Infallible;
use std::net::TcpListener;
use std::pin::pin;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, oneshot};
use tokio::time::{sleep, timeout};

use crate::answer::Desk;

/// A request's head: tokens and a browser's usual headers take one or two thousand bytes. The least that
/// hyper can do.
const LARGEST_HEAD_BYTES: usize = 8192;

/// Browsers send about 20.
const MOST_HEADERS: usize = 64;

/// Threads for those who ask to stop while stopping hangs.
const STOPPING_THREADS: usize = 4;

/// What clients may take of the server.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Connections served at once; others wait.
    connections: usize,
    /// Time for a request's head to arrive, and for which an idle connection is kept.
    head: Duration,
    /// After this a connection gets no further answer.
    life: Duration,
    /// What the answer that is being sent may take beyond that.
    last_answer: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            // Thirty readers have one or two each, and the run itself needs file descriptors, of which a
            // process commonly has 1024.
            connections: 256,
            // The page asks every second; who takes longer has gone, or is not a browser.
            head: Duration::from_secs(5),
            // So that who reads slowly does not hold a connection for ever. Browsers open another.
            life: Duration::from_secs(60),
            // A picture of a megabyte over a bad radio link.
            last_answer: Duration::from_secs(10),
        }
    }
}

/// A thread that serves until it is dropped.
#[derive(Debug)]
pub(crate) struct Server {
    thread: Option<JoinHandle<()>>,
    end: Option<oneshot::Sender<Infallible>>,
}

impl Server {
    /// Serves a listener that is bound already.
    pub(crate) fn start(
        listener: TcpListener,
        desk: Desk,
        limits: Limits,
    ) -> std::io::Result<Self> {
        listener.set_nonblocking(true)?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .enable_time()
            .max_blocking_threads(STOPPING_THREADS)
            .build()?;
        let listener = {
            let _context = runtime.enter();
            tokio::net::TcpListener::from_std(listener)?
        };
        let (end, ended) = oneshot::channel();
        let thread =
            std::thread::Builder::new().name("operator page".to_string()).spawn(move || {
                runtime.spawn(accept(listener, Arc::new(desk), limits));
                // Nothing is ever sent: it is the sender's end that ends the server.
                let _ = runtime.block_on(ended);
                // Without waiting for somebody's callback.
                runtime.shutdown_background();
            })?;
        Ok(Self { thread: Some(thread), end: Some(end) })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end.take();
        if let Some(thread) = self.thread.take() {
            // A panic has been reported on standard error, and a run does not end for it.
            let _ = thread.join();
        }
    }
}

async fn accept(listener: tokio::net::TcpListener, desk: Arc<Desk>, limits: Limits) {
    let places = Arc::new(Semaphore::new(limits.connections));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, _)) => {
                let desk = Arc::clone(&desk);
                tokio::spawn(async move {
                    converse(stream, &desk, limits).await;
                    drop(place);
                });
            }
            // The process has no file descriptor left, or the client went again.
            Err(_) => sleep(Duration::from_millis(100)).await,
        }
    }
}

/// Serves one connection. Its errors are its client's.
async fn converse(stream: TcpStream, desk: &Arc<Desk>, limits: Limits) {
    let service = service_fn(|request| {
        let desk = Arc::clone(desk);
        async move { Ok::<_, Infallible>(desk.answer(request).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head)
        .max_buf_size(LARGEST_HEAD_BYTES)
        .max_headers(MOST_HEADERS)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection);
    if timeout(limits.life, connection.as_mut()).await.is_err() {
        connection.as_mut().graceful_shutdown();
        let _ = timeout(limits.last_answer, connection).await;
    }
}

#[cfg(test)]
mod tests {
    use std::io::{ErrorKind, Read, Write};
    use std::time::Instant;

    use super::*;
    use crate::board::Board;
    use crate::guard::Guard;
    use crate::{Picture, PictureFormat, Requests, Token};

    const PATIENCE: Duration = Duration::from_secs(30);

    fn serve(limits: Limits) -> (Server, std::net::SocketAddr) {
        let board = Board::new(Requests::default(), None);
        let bytes = vec![7; 64 << 20].into();
        board.show(Picture { bytes, format: PictureFormat::Png, caption: String::new() });
        let token = Token::random().unwrap();
        let guard = Guard { token, reading_is_free: true, host_names: Vec::new() };
        let desk = Desk { board: Arc::new(board), guard, on_stop: None, edition: String::new() };
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        (Server::start(listener, desk, limits).unwrap(), address)
    }

    fn asking(address: std::net::SocketAddr, path: &str) -> std::net::TcpStream {
        let mut stream = std::net::TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
            .unwrap();
        stream
    }

    #[test]
    fn a_reader_who_does_not_read_is_cut_off() {
        let quick = Duration::from_millis(200);
        let limits = Limits { life: quick, last_answer: quick, ..Limits::default() };
        let (_server, address) = serve(limits);
        let mut stream = asking(address, "/picture");
        std::thread::sleep(4 * quick);
        let begun = Instant::now();
        let mut read = Vec::new();
        // What was under way comes, and then the end: of the file or of the connection.
        if let Err(error) = stream.read_to_end(&mut read) {
            assert_eq!(error.kind(), ErrorKind::ConnectionReset);
        }
        assert!(begun.elapsed() < PATIENCE);
        assert!(read.len() < 64 << 20, "the whole picture came");
    }

    #[test]
    fn who_comes_after_too_many_waits_for_one_of_them_to_go() {
        let limits = Limits { connections: 2, head: PATIENCE, ..Limits::default() };
        let (_server, address) = serve(limits);
        let idle: Vec<_> = (0..2).map(|_| std::net::TcpStream::connect(address).unwrap()).collect();
        let mut stream = asking(address, "/status");
        let mut answer = String::new();
        stream.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
        assert!(stream.read_to_string(&mut answer).is_err(), "{answer}");
        drop(idle);
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
}
