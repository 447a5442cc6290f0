//! Messages to people who are elsewhere: a command, a web hook.

use std::fmt;
use std::io::Write;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use serde::Serialize;

use crate::config::{NotifyConfig, shown_url};

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// The run came to its end, or to the end of its time.
    RunEnded,
    /// The claim of the run is proven.
    ProofReached,
    /// The run waits for an operator. Commands and web hooks know it by its first name.
    #[serde(rename = "needs_person")]
    NeedsOperator,
    /// The run ended because too much went wrong.
    StoppedAfterFaults,
    /// Somebody stopped the run.
    Stopped,
    /// The run waits to be resumed.
    Paused,
    /// The camera was moved; the run learns its new place and continues.
    CameraMoved,
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::RunEnded => "run_ended",
            Self::ProofReached => "proof_reached",
            Self::NeedsOperator => "needs_person",
            Self::StoppedAfterFaults => "stopped_after_faults",
            Self::Stopped => "stopped",
            Self::Paused => "paused",
            Self::CameraMoved => "camera_moved",
        })
    }
}

/// An event with what operators want to know first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Notice {
    /// What happened.
    pub event: Event,
    /// The run's directory.
    pub run: String,
    /// The trial under way, counted from 1; 0 before the first.
    pub trial: u32,
    /// A sentence for an operator.
    pub message: String,
}

/// Sends notices from a thread of its own: nothing waits for it but [`Notifier::finish`], and whatever
/// fails is a warning.
pub struct Notifier {
    sender: Option<SyncSender<Notice>>,
    done: Receiver<()>,
    patience: Duration,
}

/// Notices that may wait to be sent. A run has a handful; more means that the network is gone.
const WAITING: usize = 32;

impl Notifier {
    /// A notifier, silent where nothing is configured.
    pub fn new(config: &NotifyConfig) -> Self {
        let (finished, done) = sync_channel(1);
        let timeout = Duration::from_secs_f64(config.timeout_secs);
        // The last notice of a run may follow one that is still being sent, by both ways.
        let patience = timeout * 4;
        if config.command.is_empty() && config.webhook.is_none() {
            return Self { sender: None, done, patience };
        }
        let (sender, notices) = sync_channel::<Notice>(WAITING);
        let NotifyConfig { command, webhook, .. } = config.clone();
        let work = move || {
            for notice in notices {
                deliver(&notice, &command, webhook.as_deref(), timeout);
            }
            // Nobody may be waiting any more.
            let _ = finished.send(());
        };
        let sender = match thread::Builder::new().name("notifier".to_string()).spawn(work) {
            Ok(_) => Some(sender),
            Err(error) => {
                tracing::warn!("nobody will be notified: {error}");
                None
            }
        };
        Self { sender, done, patience }
    }

    /// Queues a notice.
    pub fn send(&self, notice: Notice) {
        if let Some(sender) = &self.sender {
            post(sender, notice);
        }
    }

    /// A handle for another thread.
    pub(crate) fn sender(&self) -> impl Fn(Notice) + Send + 'static {
        let sender = self.sender.clone();
        move |notice| {
            if let Some(sender) = &sender {
                post(sender, notice);
            }
        }
    }

    /// Waits until all is sent, or the time for it is over. Handles of other threads have to be gone.
    pub fn finish(mut self) {
        let was_sending = self.sender.take().is_some();
        if was_sending && self.done.recv_timeout(self.patience).is_err() {
            tracing::warn!("some notifications are not sent because they take too long");
        }
    }
}

fn post(sender: &SyncSender<Notice>, notice: Notice) {
    if let Err(TrySendError::Full(notice) | TrySendError::Disconnected(notice)) =
        sender.try_send(notice)
    {
        tracing::warn!("too many notifications are waiting; {} is not sent", notice.event);
    }
}

/// Sends a notice by all ways. A failure is a warning: no trial is worth less for it.
fn deliver(notice: &Notice, command: &[String], webhook: Option<&str>, timeout: Duration) {
    if let Some((program, arguments)) = command.split_first()
        && let Err(error) = run(notice, program, arguments, timeout)
    {
        tracing::warn!("notify.command did not notify of {}: {error:#}", notice.event);
    }
    if let Some(address) = webhook
        && let Err(error) = call(notice, address, timeout)
    {
        let shown = shown_url(address);
        let error = format!("{error:#}").replace(address, &shown);
        tracing::warn!("notify.webhook ({shown}) did not notify of {}: {error}", notice.event);
    }
}

/// Runs a command without a shell.
fn run(
    notice: &Notice,
    program: &str,
    arguments: &[String],
    timeout: Duration,
) -> anyhow::Result<()> {
    let Notice { event, run, trial, message } = notice;
    let (event, trial) = (event.to_string(), trial.to_string());
    let facts = [("event", &event), ("run", run), ("trial", &trial), ("message", message)];
    let fill = |argument: &String| fill(argument, &facts);
    let mut child = Command::new(program)
        .args(arguments.iter().map(fill))
        .envs(facts.map(|(name, value)| (format!("RMRL_{}", name.to_uppercase()), value)))
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .with_context(|| format!("cannot run {}", program.split(' ').next().unwrap_or_default()))?;
    if let Some(mut stdin) = child.stdin.take() {
        // Small enough for the pipe's buffer. A program that does not read has all in its environment.
        let _ = stdin.write_all(&serde_json::to_vec(notice)?);
    }
    wait(&mut child, timeout)
}

/// Puts facts into an argument, each once and in one pass: what a fact says is not filled in again.
fn fill(argument: &str, facts: &[(&str, &String)]) -> String {
    let mut filled = String::new();
    let mut rest = argument;
    while let Some(at) = rest.find('{') {
        let (before, after) = rest.split_at(at);
        filled.push_str(before);
        let fact = facts.iter().find_map(|(name, value)| {
            let after = after.strip_prefix('{')?.strip_prefix(name)?.strip_prefix('}')?;
            Some((value, after))
        });
        rest = match fact {
            Some((value, after)) => {
                filled.push_str(value);
                after
            }
            None => {
                filled.push('{');
                &after[1..]
            }
        };
    }
    filled + rest
}

/// Waits for a child, and ends it when its time is over.
fn wait(child: &mut Child, timeout: Duration) -> anyhow::Result<()> {
    let began = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            if !status.success() {
                bail!("it ended with {status}");
            }
            return Ok(());
        }
        if began.elapsed() >= timeout {
            child.kill()?;
            child.wait()?;
            bail!("it did not end within {} s", timeout.as_secs_f64());
        }
        thread::sleep(Duration::from_millis(20));
    }
}

/// Posts a notice as JSON.
fn call(notice: &Notice, address: &str, timeout: Duration) -> anyhow::Result<()> {
    let agent: ureq::Agent =
        ureq::Agent::config_builder().timeout_global(Some(timeout)).max_redirects(0).build().into();
    let body = serde_json::to_vec(notice)?;
    let answer = agent.post(address).header("content-type", "application/json").send(&body[..])?;
    if !answer.status().is_success() {
        bail!("it answered {}", answer.status());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{BufRead, BufReader, Read};
    use std::net::TcpListener;

    fn notice() -> Notice {
        Notice {
            event: Event::NeedsOperator,
            run: "runs/one".to_string(),
            trial: 12,
            message: "put the plate {run} back".to_string(),
        }
    }

    #[test]
    fn arguments_are_filled_in_once() {
        let notice = notice();
        let facts = [("run", &notice.run), ("message", &notice.message)];
        for (argument, expected) in [
            ("plain", "plain"),
            ("{message}", "put the plate {run} back"),
            ("a {run}: {message}!", "a runs/one: put the plate {run} back!"),
            ("{unknown} {", "{unknown} {"),
        ] {
            assert_eq!(fill(argument, &facts), expected);
        }
    }

    /// A real program: what it reads and knows is what happened.
    #[cfg(unix)]
    #[test]
    fn a_command_is_notified_by_input_environment_and_arguments() {
        let folder = tempfile::tempdir().unwrap();
        let script = "cat > \"$1/input\"; printf '%s|%s|%s' \"$RMRL_EVENT\" \"$RMRL_TRIAL\" \"$2\" > \"$1/facts\"";
        let folder_name = folder.path().display().to_string();
        let words = ["sh", "-c", script, "sh", &folder_name, "{message}; exit 1"];
        let config =
            NotifyConfig { command: words.map(str::to_string).to_vec(), ..NotifyConfig::default() };
        let notifier = Notifier::new(&config);
        notifier.send(notice());
        notifier.finish();
        let read = |name| std::fs::read_to_string(folder.path().join(name)).unwrap();
        let input: serde_json::Value = serde_json::from_str(&read("input")).unwrap();
        assert_eq!(input["event"], "needs_person");
        assert_eq!(input["trial"], 12);
        assert_eq!(read("facts"), "needs_person|12|put the plate {run} back; exit 1");
    }

    #[cfg(unix)]
    #[test]
    fn a_command_that_hangs_or_fails_is_given_up() {
        let timeout = Duration::from_millis(100);
        let arguments =
            |words: &[&str]| words.iter().map(|word| word.to_string()).collect::<Vec<_>>();
        let hangs = run(&notice(), "sleep", &arguments(&["600"]), timeout).unwrap_err();
        assert!(hangs.to_string().contains("did not end within 0.1 s"), "{hangs}");
        let fails = run(&notice(), "false", &[], Duration::from_secs(60)).unwrap_err();
        assert!(fails.to_string().contains("exit status: 1"), "{fails}");
        let missing = run(&notice(), "rmrl-no-such-program", &[], timeout).unwrap_err();
        assert!(missing.to_string().contains("rmrl-no-such-program"), "{missing}");
    }

    #[test]
    fn a_web_hook_gets_json_and_its_refusal_is_an_error() {
        let timeout = Duration::from_secs(60);
        for (answer, is_fine) in [("204 No Content", true), ("500 Oh", false), ("302 Found", false)]
        {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let address = format!("http://{}/hook", listener.local_addr().unwrap());
            let server = thread::spawn(move || {
                let (stream, _) = listener.accept().unwrap();
                let mut reader = BufReader::new(stream.try_clone().unwrap());
                let (mut head, mut length) = (String::new(), 0);
                loop {
                    let mut line = String::new();
                    reader.read_line(&mut line).unwrap();
                    if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
                        length = value.trim().parse().unwrap();
                    }
                    if line.trim().is_empty() {
                        break;
                    }
                    head.push_str(&line);
                }
                let mut body = vec![0; length];
                reader.read_exact(&mut body).unwrap();
                let head_of_answer = format!(
                    "HTTP/1.1 {answer}\r\ncontent-length: 0\r\nlocation: /\r\nconnection: close\r\n\r\n"
                );
                (&stream).write_all(head_of_answer.as_bytes()).unwrap();
                (head, body)
            });
            assert_eq!(call(&notice(), &address, timeout).is_ok(), is_fine, "{answer}");
            let (head, body) = server.join().unwrap();
            assert!(head.starts_with("POST /hook HTTP/1.1"), "{head}");
            assert!(head.to_lowercase().contains("content-type: application/json"), "{head}");
            let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
            assert_eq!(body["message"], "put the plate {run} back");
        }
        // One that accepts and never answers.
        let silent = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}/", silent.local_addr().unwrap());
        assert!(call(&notice(), &address, Duration::from_millis(200)).is_err());
    }
}
