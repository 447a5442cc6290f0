//! The page that the run holds.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, PoisonError};

use crate::guard::Guard;
use crate::published_state::PublishedState;
use crate::request_handler::RequestHandler;
use crate::server::{Limits, Server};
use crate::token::random_hex;
use crate::{OnStop, PageImage, ReadStop, Requests, RunStatus, Token};

/// Where a page is served, who may use it, and how it stops the arm.
pub struct PageConfig {
    /// Where to listen; port 0 takes any free port. Loopback by default: anyone who reaches another address
    /// can try tokens, and the token travels there unencrypted.
    pub address: SocketAddr,
    /// The token that operators need in order to act; a random one by default.
    pub token: Option<Token>,
    /// Names by which browsers reach this machine, besides `localhost` and numeric addresses; none by default.
    pub host_names: Vec<String>,
    /// Called to stop the arm; by default a stop only appears in [`Requests`].
    pub on_stop: Option<OnStop>,
    /// Reports whether a stop has arrived. It is called for every reader, also while the run hangs. By default
    /// the page shows nothing about stops.
    pub read_stop: Option<ReadStop>,
}

impl Default for PageConfig {
    fn default() -> Self {
        Self {
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, 8080)),
            token: None,
            host_names: Vec::new(),
            on_stop: None,
            read_stop: None,
        }
    }
}

impl fmt::Debug for PageConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PageConfig")
            .field("address", &self.address)
            .field("token", &self.token)
            .field("host_names", &self.host_names)
            .field("on_stop", &self.on_stop.as_ref().map(|_| ".."))
            .field("read_stop", &self.read_stop.as_ref().map(|_| ".."))
            .finish()
    }
}

/// Why a page cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum PageError {
    /// The address is in use, or belongs to another machine.
    #[error(
        "the operator page cannot be served at {address}: {source}; choose an address of this machine and a free \
         port: 127.0.0.1:0 takes any"
    )]
    Bind {
        /// The requested address.
        address: SocketAddr,
        /// The error of the operating system.
        source: std::io::Error,
    },
    /// There is no thread or no file descriptor left.
    #[error("the operator page cannot be started: {source}")]
    Start {
        /// The error of the operating system.
        #[source]
        source: std::io::Error,
    },
    /// No token can be generated.
    #[error(
        "the operating system provides no random numbers for a token: {source}; specify a token"
    )]
    Random {
        /// The error of the operating system.
        #[source]
        source: getrandom::Error,
    },
}

/// A page that is served until it is dropped. Readers poll once a second: to let them see the end of a run,
/// keep the page for some seconds more.
///
/// No method waits for readers.
pub struct OperatorPage {
    address: SocketAddr,
    url: String,
    status: Mutex<RunStatus>,
    state: Arc<PublishedState>,
    requests: Requests,
    _server: Server,
}

impl OperatorPage {
    /// Serves a page on a thread of its own.
    ///
    /// # Errors
    /// The address cannot be bound, or there is no thread or no random number.
    pub fn serve(config: PageConfig) -> Result<Self, PageError> {
        let PageConfig { address, token, host_names, on_stop, read_stop } = config;
        let bind = |source| PageError::Bind { address, source };
        let listener = TcpListener::bind(address).map_err(bind)?;
        let address = listener.local_addr().map_err(bind)?;
        let random = |source| PageError::Random { source };
        let token = token.map_or_else(Token::random, Ok).map_err(random)?;
        let instance_id = random_hex().map_err(random)?;
        let url = url(address, host_names.first(), &token);
        let requests = Requests::default();
        let state = Arc::new(PublishedState::new(requests.clone(), read_stop));
        let guard = Guard { token, reading_is_free: address.ip().is_loopback(), host_names };
        let on_stop = on_stop.map(Arc::new);
        let handler = RequestHandler { state: Arc::clone(&state), guard, on_stop, instance_id };
        let server = Server::start(listener, handler, Limits::default())
            .map_err(|source| PageError::Start { source })?;
        let status = Mutex::new(RunStatus::default());
        Ok(Self { address, url, status, state, requests, _server: server })
    }

    /// Where the page is served.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL to open in a browser. The token is behind the `#`, which browsers do not send. Show the URL only
    /// to people who may act, and keep it out of logs.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Whether other machines can reach the page.
    pub fn is_exposed(&self) -> bool {
        !self.address.ip().is_loopback()
    }

    /// Replaces the whole status.
    pub fn publish(&self, status: RunStatus) {
        self.update(|known| *known = status);
    }

    /// Changes the status that was published last.
    pub fn update(&self, change: impl FnOnce(&mut RunStatus)) {
        // After a panic in a caller's `change` the status may be incomplete; the next update repairs it.
        let mut status = self.status.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut status);
        self.state.publish(&status);
    }

    /// Shows an image instead of the last one.
    pub fn show(&self, image: PageImage) {
        self.state.show(image);
    }

    /// The operators' requests.
    pub fn requests(&self) -> Requests {
        self.requests.clone()
    }
}

impl fmt::Debug for OperatorPage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OperatorPage({})", self.address)
    }
}

fn url(address: SocketAddr, host_name: Option<&String>, token: &Token) -> String {
    let port = address.port();
    let host = match (address.ip(), host_name) {
        (_, Some(name)) => format!("{name}:{port}"),
        // A listener on all addresses has no single one to show, so we show this machine's own.
        (ip, None) if ip.is_unspecified() => format!("localhost:{port}"),
        _ => address.to_string(),
    };
    format!("http://{host}/#token={}", token.secret())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_in_use_is_named_with_a_remedy() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = taken.local_addr().unwrap();
        let config = PageConfig { address, ..PageConfig::default() };
        let message = OperatorPage::serve(config).unwrap_err().to_string();
        assert!(message.contains(&address.to_string()), "{message}");
        assert!(message.contains("127.0.0.1:0"), "{message}");
    }

    #[test]
    fn a_browser_can_open_the_url() {
        let token: Token = "0123456789012345678901".parse().unwrap();
        let name = "arm.lab.example".to_string();
        let cases = [
            ("127.0.0.1:80", None, "http://127.0.0.1:80/#"),
            ("[::1]:80", None, "http://[::1]:80/#"),
            ("0.0.0.0:80", None, "http://localhost:80/#"),
            ("0.0.0.0:80", Some(&name), "http://arm.lab.example:80/#"),
        ];
        for (address, host_name, expected) in cases {
            let url = url(address.parse().unwrap(), host_name, &token);
            assert_eq!(url, format!("{expected}token=0123456789012345678901"));
        }
    }
}
