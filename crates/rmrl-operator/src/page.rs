//! The page as the run knows it.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, PoisonError};

use crate::answer::Desk;
use crate::board::Board;
use crate::guard::Guard;
use crate::server::{Limits, Server};
use crate::token::random_hex;
use crate::{Picture, Requests, RunStatus, StopStatus, Token};

/// What is called at once, on a thread of its own, when somebody asks to stop; possibly again while it runs.
/// Returns whether the arm has confirmed that it stands.
pub type OnStop = Box<dyn Fn() -> StopStatus + Send + Sync>;

/// Tells, without waiting for anything, whether a stop has arrived by now, whoever stopped; `None` if nobody
/// has.
pub type ReadStop = Box<dyn Fn() -> Option<StopStatus> + Send + Sync>;

/// Where and for whom a page is served.
pub struct PageConfig {
    /// Where to listen. Loopback by default: whoever reaches another address may try the token, and it
    /// travels there unencrypted. Port 0 is any free one.
    pub address: SocketAddr,
    /// The token to act with; a random one by default.
    pub token: Option<Token>,
    /// Names by which browsers reach this machine besides `localhost` and numbers; none by default.
    pub host_names: Vec<String>,
    /// What stops the arm when somebody asks for it; by default only [`Requests`] tell.
    pub on_stop: Option<OnStop>,
    /// Whether a stop has arrived, read whenever somebody reads the page: also while the run hangs. By default
    /// nobody knows.
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

/// Why there is no page.
#[derive(Debug, thiserror::Error)]
pub enum PageError {
    /// The address is another's, or not this machine's.
    #[error(
        "the operator page cannot be served at {address}: {source}; choose an address of this machine and a free \
         port: 127.0.0.1:0 takes any"
    )]
    Bind {
        /// What was asked for.
        address: SocketAddr,
        /// What the operating system says.
        source: std::io::Error,
    },
    /// No thread, or no more file descriptors.
    #[error("the operator page cannot be started: {source}")]
    Start {
        /// What the operating system says.
        #[source]
        source: std::io::Error,
    },
    /// No token can be made.
    #[error("the operating system has no random numbers for a token: {source}; give one")]
    Random {
        /// What the operating system says.
        #[source]
        source: getrandom::Error,
    },
}

/// A page that is served until it is dropped. Whoever wants readers to see the end of a run keeps it for
/// some seconds: they ask once a second.
///
/// Nothing here waits for readers.
pub struct OperatorPage {
    address: SocketAddr,
    url: String,
    status: Mutex<RunStatus>,
    board: Arc<Board>,
    requests: Requests,
    _server: Server,
}

impl OperatorPage {
    /// Serves a page on a thread of its own.
    ///
    /// # Errors
    /// The address cannot be bound; there is no thread or no random number to be had.
    pub fn serve(config: PageConfig) -> Result<Self, PageError> {
        let PageConfig { address, token, host_names, on_stop, read_stop } = config;
        let bind = |source| PageError::Bind { address, source };
        let listener = TcpListener::bind(address).map_err(bind)?;
        let address = listener.local_addr().map_err(bind)?;
        let random = |source| PageError::Random { source };
        let token = token.map_or_else(Token::random, Ok).map_err(random)?;
        let edition = random_hex().map_err(random)?;
        let url = url(address, host_names.first(), &token);
        let requests = Requests::default();
        let board = Arc::new(Board::new(requests.clone(), read_stop));
        let guard = Guard { token, reading_is_free: address.ip().is_loopback(), host_names };
        let desk =
            Desk { board: Arc::clone(&board), guard, on_stop: on_stop.map(Arc::new), edition };
        let server = Server::start(listener, desk, Limits::default())
            .map_err(|source| PageError::Start { source })?;
        let status = Mutex::new(RunStatus::default());
        Ok(Self { address, url, status, board, requests, _server: server })
    }

    /// Where the page is served.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What to open in a browser. The token is behind the `#`, which browsers do not send: show it to
    /// whoever may act, and keep it out of logs.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Whether other machines can reach the page.
    pub fn is_exposed(&self) -> bool {
        !self.address.ip().is_loopback()
    }

    /// Tells all of the run anew.
    pub fn publish(&self, status: RunStatus) {
        self.update(|known| *known = status);
    }

    /// Changes what was told last.
    pub fn update(&self, change: impl FnOnce(&mut RunStatus)) {
        // After a panic in a caller's change the status is what that left, and the next news mend it.
        let mut status = self.status.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut status);
        self.board.publish(&status);
    }

    /// Shows a picture in the place of the last one.
    pub fn show(&self, picture: Picture) {
        self.board.show(picture);
    }

    /// What operators ask.
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
        // A listener everywhere has no address to be reached at but this machine's own.
        (ip, None) if ip.is_unspecified() => format!("localhost:{port}"),
        _ => address.to_string(),
    };
    format!("http://{host}/#token={}", token.secret())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_in_use_is_named_with_a_way_out() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = taken.local_addr().unwrap();
        let config = PageConfig { address, ..PageConfig::default() };
        let message = OperatorPage::serve(config).unwrap_err().to_string();
        assert!(message.contains(&address.to_string()), "{message}");
        assert!(message.contains("127.0.0.1:0"), "{message}");
    }

    #[test]
    fn the_url_is_one_that_a_browser_can_open() {
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
