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

use crate::request_handler::RequestHandler;

/// A token and a browser's usual headers take one or two thousand bytes. The smallest limit that hyper allows.
const LARGEST_HEAD_BYTES: usize = 8192;

/// Limit of headers in a request: browsers send about 20.
const MOST_HEADERS: usize = 64;

/// Threads for further requests to stop while an earlier stop hangs.
const STOPPING_THREADS: usize = 4;

/// How much of the server clients may use.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Connections served at once; further ones wait.
    connections: usize,
    /// Time for a request's head to arrive; also how long an idle connection is kept.
    head: Duration,
    /// Time after which a connection gets no further response.
    life: Duration,
    /// Time beyond `life` for a response that is being sent.
    last_response: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            // Thirty readers have one or two each. The run itself needs file descriptors, too, and a process
            // commonly has 1024.
            connections: 256,
            // The page polls every second: a client that takes longer has gone, or is not a browser.
            head: Duration::from_secs(5),
            // A slow reader does not hold a connection forever. Browsers open another.
            life: Duration::from_secs(60),
            // Enough for an image of a megabyte over a bad radio link.
            last_response: Duration::from_secs(10),
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
    /// Serves on a listener that is already bound.
    pub(crate) fn start(
        listener: TcpListener,
        handler: RequestHandler,
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
                runtime.spawn(accept(listener, Arc::new(handler), limits));
                // Nothing is ever sent: the server ends when the sender is dropped.
                let _ = runtime.block_on(ended);
                // Does not wait for callbacks.
                runtime.shutdown_background();
            })?;
        Ok(Self { thread: Some(thread), end: Some(end) })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end.take();
        if let Some(thread) = self.thread.take() {
            // A panic was already printed to standard error; it must not end the run.
            let _ = thread.join();
        }
    }
}

async fn accept(listener: tokio::net::TcpListener, handler: Arc<RequestHandler>, limits: Limits) {
    let slots = Arc::new(Semaphore::new(limits.connections));
    loop {
        let Ok(slot) = Arc::clone(&slots).acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, _)) => {
                let handler = Arc::clone(&handler);
                tokio::spawn(async move {
                    serve_connection(stream, &handler, limits).await;
                    drop(slot);
                });
            }
            // The process has no file descriptor left, or the client has already disconnected.
            Err(_) => sleep(Duration::from_millis(100)).await,
        }
    }
}

/// Serves one connection. Its errors are the client's and are ignored.
async fn serve_connection(stream: TcpStream, handler: &Arc<RequestHandler>, limits: Limits) {
    let service = service_fn(|request| {
        let handler = Arc::clone(handler);
        async move { Ok::<_, Infallible>(handler.respond(request).await) }
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
        let _ = timeout(limits.last_response, connection).await;
    }
}

#[cfg(test)]
mod tests {
    use std::io::{ErrorKind, Read, Write};
    use std::time::Instant;

    use super::*;
    use crate::guard::Guard;
    use crate::published_state::PublishedState;
    use crate::{PageImage, PageImageFormat, Requests, Token};

    const PATIENCE: Duration = Duration::from_secs(30);

    fn serve(limits: Limits) -> (Server, std::net::SocketAddr) {
        let state = PublishedState::new(Requests::default(), None);
        let bytes = vec![7; 64 << 20].into();
        state.show(PageImage { bytes, format: PageImageFormat::Png, caption: String::new() });
        let token = Token::random().unwrap();
        let guard = Guard { token, reading_is_free: true, host_names: Vec::new() };
        let state = Arc::new(state);
        let handler = RequestHandler { state, guard, on_stop: None, instance_id: String::new() };
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        (Server::start(listener, handler, limits).unwrap(), address)
    }

    fn request(address: std::net::SocketAddr, path: &str) -> std::net::TcpStream {
        let mut stream = std::net::TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
            .unwrap();
        stream
    }

    #[test]
    fn a_reader_that_does_not_read_is_disconnected() {
        let quick = Duration::from_millis(200);
        let limits = Limits { life: quick, last_response: quick, ..Limits::default() };
        let (_server, address) = serve(limits);
        let mut stream = request(address, "/image");
        std::thread::sleep(4 * quick);
        let begun = Instant::now();
        let mut read = Vec::new();
        // The bytes on their way arrive, then the end of the file or of the connection.
        if let Err(error) = stream.read_to_end(&mut read) {
            assert_eq!(error.kind(), ErrorKind::ConnectionReset);
        }
        assert!(begun.elapsed() < PATIENCE);
        assert!(read.len() < 64 << 20, "the whole image arrived");
    }

    #[test]
    fn a_client_above_the_limit_waits_until_another_disconnects() {
        let limits = Limits { connections: 2, head: PATIENCE, ..Limits::default() };
        let (_server, address) = serve(limits);
        let idle: Vec<_> = (0..2).map(|_| std::net::TcpStream::connect(address).unwrap()).collect();
        let mut stream = request(address, "/status");
        let mut answer = String::new();
        stream.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
        assert!(stream.read_to_string(&mut answer).is_err(), "{answer}");
        drop(idle);
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
}
