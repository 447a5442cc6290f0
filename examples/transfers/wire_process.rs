//! A running program of a laboratory, as `soak --wire` sees it.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use rmrl::rmrl_transfer::Request;

use crate::Failure;
use crate::wire_program::Said;

/// What came of waiting for a program.
pub enum Heard {
    Said(Box<Said>),
    /// It said nothing in that time.
    Nothing,
    /// It has ended.
    Ended,
}

/// A program, killed when this is dropped.
pub struct Program {
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Receiver<String>,
}

impl Program {
    /// Starts this executable as a program with these options.
    pub fn start(arguments: &[String]) -> Result<Self, Failure> {
        let mut child = Command::new(std::env::current_exe()?)
            .arg("wire-program")
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let stdin = child.stdin.take();
        let stdout = child.stdout.take().ok_or("the program has no output")?;
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Ok(Self { child, stdin, lines })
    }

    /// Asks for a transfer. A program that has ended does not hear it.
    pub fn ask(&mut self, request: &Request) -> Result<(), Failure> {
        let line = serde_json::to_string(request)? + "\n";
        if let Some(stdin) = &mut self.stdin {
            // A broken pipe is found out by who waits for the answer.
            let _ = stdin.write_all(line.as_bytes()).and_then(|()| stdin.flush());
        }
        Ok(())
    }

    /// Waits for what it says next.
    pub fn hear(&self, within: Duration) -> Result<Heard, Failure> {
        Ok(match self.lines.recv_timeout(within) {
            Ok(line) => Heard::Said(Box::new(serde_json::from_str(&line)?)),
            Err(RecvTimeoutError::Timeout) => Heard::Nothing,
            Err(RecvTimeoutError::Disconnected) => Heard::Ended,
        })
    }

    /// Lets it end by itself.
    pub fn end(mut self) -> Result<(), Failure> {
        self.stdin = None;
        self.child.wait()?;
        Ok(())
    }
}

impl Drop for Program {
    /// Kills it (SIGKILL), if it runs.
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
