//! The page of a run, over real HTTP.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;

/// Far above what anything takes, so that a busy machine does not fail a test.
const PATIENCE: Duration = Duration::from_secs(120);

/// The run behind a page.
pub struct Page {
    address: String,
    pub token: String,
}

impl Page {
    /// Where the page is, if this line says so.
    pub fn of(line: &str) -> Option<Self> {
        let url = line.trim().strip_prefix("watch the run at http://")?;
        let (address, token) = url.split_once("/#token=")?;
        Some(Self { address: address.to_string(), token: token.to_string() })
    }

    pub fn exchange(&self, request: &str) -> Vec<u8> {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        answer
    }

    pub fn get(&self, path: &str) -> Vec<u8> {
        self.exchange(&format!(
            "GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n"
        ))
    }

    pub fn news(&self) -> Value {
        let answer = String::from_utf8(self.get("/status")).unwrap();
        serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap()
    }

    pub fn status(&self) -> Value {
        self.news()["status"].take()
    }

    pub fn phase(&self) -> String {
        self.status()["phase"]["kind"].as_str().unwrap().to_string()
    }

    pub fn completed(&self) -> usize {
        self.status()["completed"].as_array().unwrap().len()
    }

    /// Asks what is taken, and returns the answer.
    pub fn ask(&self, body: &str) -> String {
        let answer = self.post(body);
        assert!(answer.starts_with("HTTP/1.1 20"), "{answer}");
        answer
    }

    pub fn post(&self, body: &str) -> String {
        let (length, token) = (body.len(), &self.token);
        let answer = self.exchange(&format!(
            "POST /requests HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\
             authorization: Bearer {token}\r\ncontent-type: application/json\r\n\
             content-length: {length}\r\n\r\n{body}"
        ));
        String::from_utf8_lossy(&answer).into_owned()
    }
}
