//! Learning that continues: what the errors of transfers say about the cell, long after it was commissioned.
//!
//! - `site_error`, `transfer_record`: an error in the frame of a slot; the lines of the log of transfers
//! - `site_errors`: the errors over time, with a summary of each site and day
//! - `growth_evidence`: an anytime-valid test whether errors have grown; `site_alarm`: the alarm of each site
//! - `site_change`: how far placements lie off in the world; `what_moved`: whether camera, tool or one site moved
//! - `loss_bets`: an anytime-valid test between two policies; `policy_gate`: which policy works

mod growth_evidence;
mod loss_bets;
mod policy_gate;
mod site_alarm;
mod site_change;
mod site_error;
mod site_errors;
mod transfer_record;
mod what_moved;

pub use policy_gate::{Decision, GateConfig, GateError, PolicyGate, Which};
pub use site_alarm::{Alarm, AlarmConfig, AlarmState, SiteAlarms};
pub use site_change::SiteChange;
pub use site_error::SiteError;
pub use site_errors::{DaySummary, SiteErrors, Spread};
pub use transfer_record::{
    Acknowledged, PolicyChangeCause, PolicyChanged, RecordError, SiteRecord, TransferKey,
    TransferRecord, parse_records,
};
pub use what_moved::{Explanation, Moved, MovedConfig, Verdict, WhatMoved, what_moved};
