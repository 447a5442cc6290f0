//! The status page of a run, over real HTTP.

use std::io::{Read, Write};
use std::net::TcpStream;

use serde_json::Value;

use super::process::PATIENCE;

/// The status page of a run.
pub struct Page {
    address: String,
    pub token: String,
}

impl Page {
    /// The page, if this line of a run's standard error has its address.
    pub fn from_line(line: &str) -> Option<Self> {
        let url = line.trim().strip_prefix("watch the run at http://")?;
        let (address, token) = url.split_once("/#token=")?;
        Some(Self { address: address.to_string(), token: token.to_string() })
    }

    /// Sends the bytes of a request. Returns all bytes of the response.
    fn send(&self, request: &str) -> Vec<u8> {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut response = Vec::new();
        stream.read_to_end(&mut response).unwrap();
        response
    }

    /// The response to a GET request, with its head.
    pub fn get(&self, path: &str) -> Vec<u8> {
        self.send(&format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n"))
    }

    /// The whole status, as the page reads it.
    pub fn status_json(&self) -> Value {
        let response = String::from_utf8(self.get("/status")).unwrap();
        serde_json::from_str(response.split_once("\r\n\r\n").unwrap().1).unwrap()
    }

    /// The status of the run.
    pub fn status(&self) -> Value {
        self.status_json()["status"].take()
    }

    /// The kind of the run's phase, such as `paused`.
    pub fn phase(&self) -> String {
        self.status()["phase"]["kind"].as_str().unwrap().to_string()
    }

    /// The number of completed trials.
    pub fn completed(&self) -> usize {
        self.status()["completed"].as_array().unwrap().len()
    }

    /// Sends a request that has to be accepted. Returns the response.
    pub fn request(&self, body: &str) -> String {
        let response = self.post(body);
        assert!(response.starts_with("HTTP/1.1 20"), "{response}");
        response
    }

    /// Sends a request with the token. Returns the response.
    pub fn post(&self, body: &str) -> String {
        let (length, token) = (body.len(), &self.token);
        let response = self.send(&format!(
            "POST /requests HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\
             authorization: Bearer {token}\r\ncontent-type: application/json\r\n\
             content-length: {length}\r\n\r\n{body}"
        ));
        String::from_utf8_lossy(&response).into_owned()
    }
}
