//! The controller's ports and links, and the threads behind them.

mod clock;
mod control;
mod listener;
mod report;
mod shared;
mod stream;

pub(super) use clock::keep_time;
pub(super) use listener::{listen_tcp, listen_unix, services};
pub(super) use shared::Shared;
