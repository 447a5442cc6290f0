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

/// Connections served at once; others wait. Thirty readers have one or two each, and the run itself needs
/// file descriptors, of which a process commonly has 1024.
const CONNECTIONS: usize = 256;

/// Time for a request's head to arrive, and for which an idle connection is kept. The page asks every
/// second; who takes longer has gone, or is not a browser.
const HEAD_TIMEOUT: Duration = Duration::from_secs(5);

/// A request's head: tokens and a browser's usual headers take one or two thousand bytes. The least that
/// hyper can do.
const LARGEST_HEAD_BYTES: usize = 8192;

/// Browsers send about 20.
const MOST_HEADERS: usize = 64;

/// After this a connection gets no further answer, so that who reads slowly does not hold it for ever.
const CONNECTION_LIFE: Duration = Duration::from_secs(60);

/// What the answer that is being sent may take beyond that.
const LAST_ANSWER: Duration = Duration::from_secs(10);

/// Threads for those who ask to stop while stopping hangs.
const STOPPING_THREADS: usize = 4;

/// A thread that serves until it is dropped.
#[derive(Debug)]
pub(crate) struct Server {
    thread: Option<JoinHandle<()>>,
    end: Option<oneshot::Sender<Infallible>>,
}

impl Server {
    /// Serves a listener that is bound already.
    pub(crate) fn start(listener: TcpListener, desk: Desk) -> std::io::Result<Self> {
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
                runtime.spawn(accept(listener, Arc::new(desk)));
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

async fn accept(listener: tokio::net::TcpListener, desk: Arc<Desk>) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, _)) => {
                let desk = Arc::clone(&desk);
                tokio::spawn(async move {
                    converse(stream, &desk).await;
                    drop(place);
                });
            }
            // The process has no file descriptor left, or the client went again.
            Err(_) => sleep(Duration::from_millis(100)).await,
        }
    }
}

/// Serves one connection. Its errors are its client's.
async fn converse(stream: TcpStream, desk: &Arc<Desk>) {
    let service = service_fn(|request| {
        let desk = Arc::clone(desk);
        async move { Ok::<_, Infallible>(desk.answer(request).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(LARGEST_HEAD_BYTES)
        .max_headers(MOST_HEADERS)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection);
    if timeout(CONNECTION_LIFE, connection.as_mut()).await.is_err() {
        connection.as_mut().graceful_shutdown();
        let _ = timeout(LAST_ANSWER, connection).await;
    }
}
