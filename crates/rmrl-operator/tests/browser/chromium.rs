//! A headless Chromium, controlled by its DevTools protocol.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use base64::Engine;
use serde_json::{Value, json};
use tungstenite::protocol::Role;
use tungstenite::{Message, WebSocket};

/// Far above what any step needs, so that a busy machine does not fail a test.
const PATIENCE: Duration = Duration::from_secs(60);

/// A WebSocket on this stream. Tungstenite's own handshake would have burn compiled again for the tests, with another
/// feature of a crate that both use.
fn upgraded(mut stream: TcpStream, host: &str, url: &str) -> WebSocket<TcpStream> {
    let path = url.strip_prefix("ws://").unwrap().strip_prefix(host).unwrap();
    let key = base64::engine::general_purpose::STANDARD.encode([7; 16]);
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    .unwrap();
    // Byte by byte, so that nothing of the first message is taken with the answer.
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        answer.push(byte[0]);
    }
    let answer = String::from_utf8(answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 101 "), "{answer}");
    WebSocket::from_raw_socket(stream, Role::Client, None)
}

/// One tab in its own browser, which ends when this is dropped.
pub struct Chromium {
    child: Child,
    socket: WebSocket<TcpStream>,
    session: Option<String>,
    calls: u64,
    /// The page's errors: exceptions, and everything that its security policy blocked.
    pub complaints: Vec<String>,
    _profile: tempfile::TempDir,
}

/// How the page is displayed.
#[derive(Clone, Copy)]
pub struct Look {
    pub width: u32,
    pub height: u32,
    pub dark: bool,
}

/// A laptop's window.
pub const DESKTOP: Look = Look { width: 1200, height: 900, dark: false };

/// A small phone, held upright.
pub const PHONE: Look = Look { width: 375, height: 720, dark: false };

fn executable() -> PathBuf {
    if let Some(given) = std::env::var_os("CHROMIUM") {
        return given.into();
    }
    let names = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut places =
        std::env::split_paths(&path).flat_map(|folder| names.map(|name| folder.join(name)));
    places.find(|place| place.is_file()).unwrap_or_else(|| {
        panic!(
            "the operator page is tested in Chromium, and there is none: install it (apt-get install chromium), \
             set CHROMIUM=/path/to/chrome, or skip these tests by RMRL_WITHOUT_BROWSER=1"
        )
    })
}

impl Chromium {
    /// Starts a browser; `None` if the environment says to skip these tests.
    pub fn start() -> Option<Self> {
        if std::env::var_os("RMRL_WITHOUT_BROWSER").is_some_and(|value| !value.is_empty()) {
            eprintln!("RMRL_WITHOUT_BROWSER is set: nothing is tested in a browser");
            return None;
        }
        let profile = tempfile::tempdir().unwrap();
        let executable = executable();
        let mut child = Command::new(&executable)
            // Without a sandbox, because it does not work in containers and as root; it loads our page only.
            .args(["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"])
            .args(["--no-first-run", "--hide-scrollbars", "--disable-background-networking"])
            .args(["--remote-debugging-port=0", "about:blank"])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error}", executable.display()));
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let (found, url) = mpsc::channel();
        std::thread::spawn(move || {
            // Reads to the end, so that the browser never waits for a reader.
            for line in stderr.lines().map_while(Result::ok) {
                if let Some(url) = line.strip_prefix("DevTools listening on ") {
                    let _ = found.send(url.to_string());
                }
            }
        });
        let Ok(url) = url.recv_timeout(PATIENCE) else {
            let _ = child.kill();
            panic!("{} did not start", executable.display());
        };
        let host = url.strip_prefix("ws://").unwrap().split('/').next().unwrap();
        let stream = TcpStream::connect(host).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let socket = upgraded(stream, host, &url);
        let complaints = Vec::new();
        let mut browser =
            Self { child, socket, session: None, calls: 0, complaints, _profile: profile };
        let target = browser.call("Target.createTarget", json!({ "url": "about:blank" }));
        let attach = json!({ "targetId": target["targetId"], "flatten": true });
        let session = browser.call("Target.attachToTarget", attach);
        browser.session = Some(session["sessionId"].as_str().unwrap().to_string());
        for domain in ["Page.enable", "Runtime.enable", "Log.enable"] {
            browser.call(domain, json!({}));
        }
        Some(browser)
    }

    pub fn open(&mut self, url: &str, look: Look) {
        self.look(look);
        // Via another page, because the same address with another fragment would load nothing.
        for url in ["about:blank", url] {
            self.call("Page.navigate", json!({ "url": url }));
            self.wait_for(&format!(
                "location.href.startsWith({:?})",
                url.split('#').next().unwrap()
            ));
        }
        self.wait_for("document.readyState === 'complete'");
    }

    pub fn look(&mut self, look: Look) {
        let scheme = if look.dark { "dark" } else { "light" };
        let features = json!([{ "name": "prefers-color-scheme", "value": scheme }]);
        self.call("Emulation.setEmulatedMedia", json!({ "features": features }));
        let metrics = json!({
            "width": look.width, "height": look.height, "deviceScaleFactor": 1, "mobile": look.width < 600
        });
        self.call("Emulation.setDeviceMetricsOverride", metrics);
    }

    /// The value of an expression in the page.
    pub fn value(&mut self, expression: &str) -> Value {
        let evaluate = json!({ "expression": expression, "returnByValue": true });
        let answer = self.call("Runtime.evaluate", evaluate);
        assert_eq!(answer.get("exceptionDetails"), None, "{expression}");
        answer["result"]["value"].clone()
    }

    pub fn text(&mut self, selector: &str) -> String {
        let text = self.value(&format!("document.querySelector({selector:?}).innerText"));
        text.as_str().unwrap_or_default().to_string()
    }

    /// Waits until an expression holds in the page.
    pub fn wait_for(&mut self, expression: &str) {
        let begun = Instant::now();
        while self.value(expression) != Value::Bool(true) {
            let page = || "document.body ? document.body.innerText : ''";
            assert!(begun.elapsed() < PATIENCE, "never {expression}: {}", self.value(page()));
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Presses the mouse button on an element for `duration`.
    pub fn press(&mut self, selector: &str, duration: Duration) {
        self.wait_for(&format!("!document.querySelector({selector:?}).disabled"));
        let center = self.value(&format!(
            "(() => {{ const element = document.querySelector({selector:?}); \
             element.scrollIntoView({{ block: 'center' }}); const box = element.getBoundingClientRect(); \
             return [box.x + box.width / 2, box.y + box.height / 2]; }})()"
        ));
        for kind in ["mousePressed", "mouseReleased"] {
            let event = json!({ "type": kind, "x": center[0], "y": center[1], "button": "left", "clickCount": 1 });
            self.call("Input.dispatchMouseEvent", event);
            if kind == "mousePressed" {
                std::thread::sleep(duration);
            }
        }
    }

    pub fn click(&mut self, selector: &str) {
        self.press(selector, Duration::ZERO);
    }

    /// Presses a key for `duration`; `key` is as in `KeyboardEvent.key`.
    pub fn key(&mut self, key: &str, duration: Duration) {
        let (code, number, text) = match key {
            "Tab" => ("Tab", 9, ""),
            "Enter" => ("Enter", 13, "\r"),
            " " => ("Space", 32, " "),
            other => panic!("unknown key {other:?}"),
        };
        for kind in ["keyDown", "keyUp"] {
            let mut event =
                json!({ "type": kind, "key": key, "code": code, "windowsVirtualKeyCode": number });
            if kind == "keyDown" && !text.is_empty() {
                event["text"] = json!(text);
            }
            self.call("Input.dispatchKeyEvent", event);
            if kind == "keyDown" {
                std::thread::sleep(duration);
            }
        }
    }

    /// Writes into the element that has the focus.
    pub fn write(&mut self, text: &str) {
        self.call("Input.insertText", json!({ "text": text }));
    }

    /// The page as a PNG file; the whole page, or what is in view.
    pub fn screenshot(&mut self, whole: bool) -> Vec<u8> {
        let params = json!({ "format": "png", "captureBeyondViewport": whole });
        let answer = self.call("Page.captureScreenshot", params);
        let data = answer["data"].as_str().unwrap();
        base64::engine::general_purpose::STANDARD.decode(data).unwrap()
    }

    fn call(&mut self, method: &str, params: Value) -> Value {
        self.calls += 1;
        let mut call = json!({ "id": self.calls, "method": method, "params": params });
        if let Some(session) = &self.session {
            call["sessionId"] = json!(session);
        }
        self.socket.send(Message::text(call.to_string())).unwrap();
        loop {
            let Message::Text(text) = self.socket.read().unwrap() else { continue };
            let mut message: Value = serde_json::from_str(&text).unwrap();
            if message["id"] == self.calls {
                assert_eq!(message.get("error"), None, "{method}");
                return message["result"].take();
            }
            let params = &message["params"];
            match message["method"].as_str() {
                Some("Runtime.exceptionThrown") => self.complaints.push(params.to_string()),
                Some("Log.entryAdded") if params["entry"]["level"] == "error" => {
                    self.complaints.push(params["entry"]["text"].to_string());
                }
                _ => {}
            }
        }
    }
}

impl Drop for Chromium {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
