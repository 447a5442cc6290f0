//! Transfers of labware between the sites of a cell, and what each of them teaches.
//!
//! [`TransferCell`] moves items over the device traits of `rmrl-cell`, writes what lies where through `rmrl-inventory` before
//! it moves, and learns where its camera sees plates from its own carries (`rmrl-belief`). It has no terminal: what happened is
//! a [`TransferReport`].
//!
//! - `request`: what is asked, and how it ended. `error`: why it was refused
//! - `planning`: what comes first: carrying about, and putting down in view. `transfer`: one transfer, from find to look.
//!   `grasping`: gripping and leaving. `carried`: how far it came. `answering`: how far off the item lies, and what that teaches
//! - `choosing`: where the jaws close and open. `correcting`, `correction`: by the belief or by a policy. `learning`: what the
//!   outcome tells of policies. `looking`: what the camera says
//! - `job`: a request, resolved into heights and slots. `route`: its way, proven. `going`: motions between slots
//! - `carrying_about`: how a cell learns where its camera sees plates
//! - `knowledge`: what is known of how things lie. `offset`, `site_offsets`: where plates are along the fingers
//! - `trying`: a transfer with the tool where the caller says, to try corrections out in a simulation
//! - `policies`: trained policies, which of them is asked, and the trials that they learn from
//! - `progress`: what a transfer reports while it is under way; `telling`: who reports it
//! - `ways`: who proves that a motion is clear
//! - `cell`: devices, places and memory together. `log`: the transfers whose error was measured. `steps`: a protocol's
//!   steps as transfers
//! - `protocol`: steps one after the other, from a file, and their results
//! - `watch`: whether errors at a site have grown, what moved, and which policy works
//! - `qualification`: the acceptance report of a cell, and the transfers that it rests on

mod answering;
mod carried;
mod carrying_about;
mod cell;
mod choosing;
mod correcting;
mod correction;
mod error;
mod going;
mod grasping;
mod job;
mod knowledge;
mod learning;
mod log;
mod looking;
mod offset;
mod planning;
mod policies;
mod progress;
mod protocol;
mod qualification;
mod request;
mod route;
mod site_offsets;
mod steps;
mod telling;
mod transfer;
mod trying;
mod watch;
mod ways;

pub use carried::{LID_SEATING_DEG, LID_SEATING_M};
pub use cell::{CellParts, ComeHomeError, TransferCell, TransferSettings};
pub use error::TransferError;
pub use going::WayBack;
pub use job::{SitePlan, geometry_of, slot_addresses};
pub use knowledge::{Knowledge, Lies};
pub use log::TransferLog;
pub use offset::Offset;
pub use policies::{
    BELIEF, KeepTrials, LoadPolicy, POLICIES, PairGate, PickPolicy, Policies, PolicyError,
    PolicyPair, TransferTrial, Turn,
};
pub use progress::TransferEvent;
pub use protocol::{
    ChainStatistics, ChainStatisticsError, ItemAt, OnFailure, Protocol, ProtocolEnd, ProtocolError,
    ProtocolEvent, ProtocolReport, Rate, RunHooks, Step, StepAction, StepAttempt, StepLearning,
    StepOutcome, StepStatistics, TakesSteps, run_protocol,
};
pub use qualification::{
    Acceptance, AcceptanceConfig, Bounds, CheckResult, Durations, ErrorStatistics, FaultCount,
    Installation, OperationalCheck, PairPerformance, Performance, Qualification, QualificationPlan,
    QualificationReport, QualifiedSite, RefusedTransfer, SitePair, TimedTransfer,
    TransferStatistics, TrueError, TruthStatistics, WorstTransfer,
};
pub use request::{
    CorrectedBy, Ending, KnownBy, LeftAt, PassedOver, PlaceError, Request, TransferReport,
};
pub use site_offsets::{OffsetPrior, SiteObservation, SiteOffsets};
pub use trying::LookError;
pub use watch::{
    Acknowledged, Alarm, AlarmConfig, AlarmState, DaySummary, Decision, Explanation, GateConfig,
    GateError, Moved, MovedConfig, PolicyChangeCause, PolicyChanged, PolicyGate, RecordError,
    SiteAlarms, SiteChange, SiteError, SiteErrors, SiteRecord, Spread, TransferKey, TransferRecord,
    Verdict, WhatMoved, Which, parse_records, what_moved,
};
pub use ways::{Load, NothingInTheWay, SlotLine, Ways};
