//! Transfers of labware between the sites of a cell, and what each of them teaches.
//!
//! - `protocol`: steps one after the other, from a file, and their results
//! - `watch`: whether errors at a site have grown, what moved, and which policy works

mod protocol;
mod watch;

pub use protocol::{
    ChainStatistics, ChainStatisticsError, ItemAt, OnFailure, Protocol, ProtocolEnd, ProtocolError,
    ProtocolEvent, ProtocolReport, Rate, RunHooks, Step, StepAction, StepAttempt, StepLearning,
    StepOutcome, StepStatistics, TakesSteps, run_protocol,
};
pub use watch::{
    Acknowledged, Alarm, AlarmConfig, AlarmState, DaySummary, Decision, Explanation, GateConfig,
    GateError, Moved, MovedConfig, PolicyGate, RecordError, SiteAlarms, SiteChange, SiteError,
    SiteErrors, SiteRecord, Spread, TransferKey, TransferRecord, Verdict, WhatMoved, Which,
    parse_records, what_moved,
};
