//! Stopping an arm.

use std::thread;
use std::time::{Duration, Instant};

use super::client::Client;
use crate::{Address, ArmState, Command, Reply, StateChange, XArmError};

/// How often the state is read.
const POLL: Duration = Duration::from_millis(20);

/// How long the controller may take to report that the arm is stopped.
const STOPPED_WITHIN: Duration = Duration::from_secs(2);

/// Stops the arm at an address, over a link of its own. It asks and sets up nothing before.
///
/// A program that moves the arm gets [`XArmError::StoppedBySomebodyElse`]. This is no emergency stop, which
/// needs a button and no software.
///
/// # Errors
/// The link fails, no answer comes, or the controller does not report within 2 s that the arm is stopped.
pub fn stop_arm(address: &Address, answer_timeout: Duration) -> Result<(), XArmError> {
    stop(&mut Client::connect(address, answer_timeout)?)
}

/// Watches a stopped arm for a while, and stops it again whenever it does not stay stopped: a program that
/// is just recovering from an error takes a stop for part of that error. Returns how often it stopped the arm.
///
/// # Errors
/// As [`stop_arm`].
pub fn hold_stopped(
    address: &Address,
    answer_timeout: Duration,
    watch: Duration,
) -> Result<u32, XArmError> {
    let mut client = Client::connect(address, answer_timeout)?;
    let (began, mut again) = (Instant::now(), 0);
    while began.elapsed() < watch {
        if client.state()? != ArmState::Stopped {
            stop(&mut client)?;
            again += 1;
        }
        thread::sleep(POLL);
    }
    Ok(again)
}

/// Asks the controller to stop until it reports that it has, as the vendor's software does.
pub(crate) fn stop(client: &mut Client) -> Result<(), XArmError> {
    let began = Instant::now();
    loop {
        client.ask(&Command::SetState(StateChange::Stop))?;
        let state = client.ask(&Command::GetState)?;
        if state == Reply::State(ArmState::Stopped) {
            return Ok(());
        }
        if began.elapsed() > STOPPED_WITHIN {
            let timeout_secs = STOPPED_WITHIN.as_secs_f64();
            return Err(XArmError::NotFinished { what: "stopping", timeout_secs });
        }
        thread::sleep(POLL);
    }
}
