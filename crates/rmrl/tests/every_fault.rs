//! Every fault of the emulated controller, and every intervention of another program or of the operator, in every phase of
//! a trial.
//!
//! The emulator counts, not our client: no line leaves the fence, none is sent on stale reports, and none follows
//! another program's stop or change before the operator has started the run again. No trial is lost, doubled, or learned
//! from wrongly.

#![allow(clippy::unwrap_used, reason = "a test that fails at an unwrap has done its work")]

mod binary;
mod emulated;

use std::fs;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use binary::run_log::{assert_each_once, records};
use emulated::EmulatedCell;
use rmrl::{Layers, RunConfig, RunObserver, RunOutcome, create, execute_observed};
use rmrl_cell::{CellEvent, PickPlace};
use rmrl_core::TrialId;
use rmrl_data::{RunDir, TrialRecord};
use rmrl_learn::StopReason;
use rmrl_xarm::emulator::{
    Faults, GripperFault, LinkFault, MotionFault, Recording, ReportFault, Request, ScheduledFault,
};
use rmrl_xarm::{Client, Command, LineOptions, MotionLimits, Reply, StateChange, TOOL_BUS};

/// The phases of a trial.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// The arm brings the plate back to its start.
    Returning,
    /// The empty jaws approach the plate.
    BeforeGrasp,
    /// The jaws have closed and lift the plate.
    Gripping,
    /// The arm carries the plate to its place.
    Carrying,
    /// The arm puts the plate down.
    Placing,
}

impl Phase {
    const ALL: [Self; 5] =
        [Self::Returning, Self::BeforeGrasp, Self::Gripping, Self::Carrying, Self::Placing];

    /// Whether this event begins the phase.
    fn begins_with(self, event: &CellEvent<'_>) -> bool {
        match self {
            Self::Returning => matches!(event, CellEvent::Preparing),
            Self::BeforeGrasp | Self::Gripping => matches!(event, CellEvent::Picking(_)),
            Self::Carrying | Self::Placing => matches!(event, CellEvent::Placing),
        }
    }

    /// Which motion after the event, counted from 1, belongs to this phase, and how many jaw motions come before. The
    /// arm picks the plate with: over it, down to it, onto it, close, lift, rise. It places the plate with: over the
    /// place, down to it, onto it, open, rise.
    fn motion(self) -> (u64, u64) {
        match self {
            Self::Returning => (2, 0),
            Self::BeforeGrasp => (1, 0),
            Self::Gripping => (4, 1),
            Self::Carrying => (1, 0),
            Self::Placing => (3, 0),
        }
    }
}

/// What another program does at the controller.
#[derive(Debug, Clone, Copy)]
enum Intervention {
    Stop,
    Pause,
    Mode,
    ToolOffset,
    Load,
    BaseOffset,
    Gravity,
    SimulatedRobot,
    Fence,
    JointRange,
    GripperMode,
    Motion,
}

/// What goes wrong in a run.
#[derive(Debug, Clone, Copy)]
enum Disturbance {
    Motion(MotionFault),
    Link(LinkFault),
    Gripper(GripperFault),
    /// Reports pause for a while.
    Reports,
    /// Another program intervenes between two lines.
    OtherProgram(Intervention),
    /// The operator declines an attempt.
    Refusal,
}

impl Disturbance {
    fn motion_faults() -> Vec<Self> {
        use MotionFault::{Collision, EmergencyStop, JointLimit, StateReset};
        // This does not compile without a new fault of the emulator.
        let all = [Collision, JointLimit, EmergencyStop, StateReset];
        all.iter().for_each(|fault| match fault {
            Collision | JointLimit | EmergencyStop | StateReset => {}
        });
        all.map(Self::Motion).to_vec()
    }

    fn link_faults() -> Vec<Self> {
        use LinkFault::{Drop, HalfFrame, Late, Silence, Twice, WrongTransaction};
        let all =
            [Silence, Drop, HalfFrame, Late(Duration::from_millis(300)), Twice, WrongTransaction];
        all.iter().for_each(|fault| match fault {
            Silence | Drop | HalfFrame | Late(_) | Twice | WrongTransaction => {}
        });
        all.map(Self::Link).to_vec()
    }

    fn gripper_faults() -> Vec<Self> {
        use GripperFault::{Dropped, Error};
        let all = [Error(11), Dropped];
        all.iter().for_each(|fault| match fault {
            Error(_) | Dropped => {}
        });
        all.map(Self::Gripper).to_vec()
    }

    /// Whether nothing may move before the operator has started the run again.
    fn ends_the_run(self) -> bool {
        matches!(
            self,
            Self::Motion(MotionFault::EmergencyStop | MotionFault::StateReset)
                | Self::OtherProgram(_)
                | Self::Refusal
        )
    }
}

/// Intervenes at a controller, as another program.
fn intervene(intervention: Intervention, other: &mut Client) {
    let command = match intervention {
        Intervention::Stop => Command::SetState(StateChange::Stop),
        Intervention::Pause => Command::SetState(StateChange::Pause),
        Intervention::Mode => Command::SetMode { mode: 2, detection: None },
        Intervention::ToolOffset => Command::SetTcpOffset([0.0, 0.0, 172.0, 0.0, 0.0, 0.0]),
        Intervention::Load => Command::SetLoad { mass_kg: 0.1, center_mm: [0.0; 3] },
        Intervention::BaseOffset => Command::SetBaseOffset([0.0, 0.0, 15.0, 0.0, 0.0, 0.0]),
        Intervention::Gravity => Command::SetGravityDirection([0.0, 0.0, 1.0]),
        Intervention::SimulatedRobot => Command::SetSimulatedRobot(true),
        Intervention::Fence => Command::SetFence(false),
        Intervention::JointRange => {
            Command::SetReducedJointRange([-0.2, 0.2].repeat(7).try_into().unwrap())
        }
        Intervention::GripperMode => {
            Command::ModbusRtu { host: TOOL_BUS, frame: vec![8, 6, 0x11, 0x0a, 0, 1] }
        }
        Intervention::Motion => {
            let Reply::Pose(mut pose) = other.ask(&Command::GetTcpPose).unwrap() else {
                panic!("no pose")
            };
            pose[2] = 300.0;
            let limits = MotionLimits { speed: 200.0, acceleration: 1000.0, time: 0.0 };
            let options = Some(LineOptions::default());
            Command::MoveLine { pose, limits, options }
        }
    };
    other.ask(&command).unwrap();
    // A program that changes a setting makes the arm ready again, so the state alone reveals nothing.
    if !matches!(
        intervention,
        Intervention::Stop
            | Intervention::Pause
            | Intervention::Mode
            | Intervention::Motion
            | Intervention::GripperMode
    ) {
        other.ask(&Command::SetState(StateChange::Run)).unwrap();
    }
    // This is longer than a report takes.
    thread::sleep(Duration::from_millis(300));
}

/// Resets everything that an operator would reset before starting the run again.
fn reset(faults: &Faults, other: &mut Client) {
    faults.release_emergency_stop();
    faults.schedule(ScheduledFault::Reports(ReportFault::Resume));
    for command in [
        Command::SetBaseOffset([0.0; 6]),
        Command::SetGravityDirection([0.0, 0.0, -1.0]),
        Command::SetSimulatedRobot(false),
        Command::ModbusRtu { host: TOOL_BUS, frame: vec![8, 6, 0x11, 0x0a, 0, 0] },
    ] {
        other.ask(&command).unwrap();
    }
}

/// Disturbs each phase once, in a trial of its own.
struct Disturber<'a> {
    cell: &'a EmulatedCell,
    disturbance: Disturbance,
    plan: Arc<Mutex<Plan>>,
}

#[derive(Default)]
struct Plan {
    /// The phase to disturb in the present trial.
    next: Option<Phase>,
    disturbed: Vec<Phase>,
    /// The number of motions when the operator declined.
    refused_at: Option<usize>,
}

impl Disturber<'_> {
    /// A function that disturbs a phase. The trial calls it on its own thread, while nothing moves.
    fn disturb_phase(&self) -> impl Fn(Phase) + Send + 'static {
        let (faults, disturbance) = (self.cell.running.faults().clone(), self.disturbance);
        let recording = self.cell.running.recorder();
        let address = self.cell.running.addresses().unwrap().control;
        move |phase| {
            let Recording { motions, gripper_motions, .. } = recording();
            let (later, jaws) = phase.motion();
            let motion = motions.len() as u64 + later;
            match disturbance {
                Disturbance::Motion(fault) => faults.in_motion(motion, 0.5, fault),
                Disturbance::Link(fault) => faults.at_request(Request::AfterMotion(motion), fault),
                Disturbance::Gripper(fault) => {
                    faults.in_gripper_motion(gripper_motions + jaws + 1, fault);
                }
                Disturbance::Reports => {
                    faults.schedule(ScheduledFault::Reports(ReportFault::Silence));
                    let faults = faults.clone();
                    thread::spawn(move || {
                        thread::sleep(Duration::from_millis(2000));
                        faults.schedule(ScheduledFault::Reports(ReportFault::Resume));
                    });
                }
                Disturbance::OtherProgram(intervention) => {
                    let address =
                        rmrl_xarm::Address::Tcp { host: "127.0.0.1".into(), port: address.port() };
                    let mut other = Client::connect(&address, Duration::from_secs(5)).unwrap();
                    intervene(intervention, &mut other);
                }
                // Happens before the attempt.
                Disturbance::Refusal => {}
            }
        }
    }
}

impl RunObserver for Disturber<'_> {
    fn on_start(&mut self, cell: &mut PickPlace, _: &[TrialRecord]) -> Result<(), StopReason> {
        let (plan, disturb) = (Arc::clone(&self.plan), self.disturb_phase());
        cell.watch(move |event| {
            let mut plan = plan.lock().unwrap();
            if let Some(phase) = plan.next.filter(|phase| phase.begins_with(&event)) {
                plan.next = None;
                plan.disturbed.push(phase);
                disturb(phase);
            }
        });
        Ok(())
    }

    fn before_attempt(&mut self, next: TrialId) -> Result<(), StopReason> {
        // The first trial is not disturbed. Each later one is disturbed in its phase, once.
        let mut plan = self.plan.lock().unwrap();
        let phase = (next.trial as usize).checked_sub(2).and_then(|at| Phase::ALL.get(at));
        plan.next = phase.copied().filter(|phase| !plan.disturbed.contains(phase));
        if let (Disturbance::Refusal, Some(phase)) = (self.disturbance, plan.next) {
            plan.next = None;
            plan.disturbed.push(phase);
            plan.refused_at = Some(self.cell.recording().motions.len());
            return Err(StopReason::Declined);
        }
        Ok(())
    }
}

fn config(cell: &EmulatedCell, seed: u32) -> RunConfig {
    let mut layers = Layers::default();
    let own = [
        format!("seed={seed}"),
        format!("trials={}", Phase::ALL.len() + 1),
        "method=rm-rl".to_string(),
        "policy.view=none".to_string(),
        "xarm.reconnect_secs=5".to_string(),
        "unattended.recovery.first_wait_secs=0.1".to_string(),
    ];
    let small = binary::SMALL.map(str::to_string);
    for value in small.into_iter().chain(cell.keys()).chain(own) {
        layers = layers.with_assignment(&value).unwrap();
    }
    layers.resolve().unwrap()
}

/// Makes a run with one disturbance, in one phase after the other. The operator starts it again whenever it ends.
fn run_with(disturbance: Disturbance, seed: u32) {
    /// Each phase may end the run once, and its consequences once more.
    const MAX_STARTS: u32 = 12;
    let cell = EmulatedCell::start(seed);
    let config = config(&cell, seed);
    let (dir, config) = create(&config, &cell.run()).unwrap();
    let mut disturber = Disturber { cell: &cell, disturbance, plan: Arc::default() };
    let mut starts = 0;
    loop {
        starts += 1;
        assert!(starts <= MAX_STARTS, "{disturbance:?}: the run never completes");
        let before = cell.recording().motions.len();
        let disturbed = disturber.plan.lock().unwrap().disturbed.len();
        let result = execute_observed(&dir, &config, &mut (), &mut disturber);
        let is_complete = matches!(&result, Ok(run) if matches!(run.end, RunOutcome::Goal));
        let disturbed = disturber.plan.lock().unwrap().disturbed[disturbed..].to_vec();
        let end = match &result {
            Ok(run) => run.end.to_string(),
            Err(error) => format!("{error:#}"),
        };
        let recording = cell.recording();
        assert_eq!(recording.outside_watched, Vec::<[f64; 3]>::new(), "{disturbance:?}");
        assert_eq!(recording.blind_motions, 0, "{disturbance:?}: a line on stale reports");
        if disturbance.ends_the_run() && !disturbed.is_empty() {
            assert!(!is_complete, "{disturbance:?} at {disturbed:?} was not noticed");
            assert_eq!(
                disturbed.len(),
                1,
                "{disturbance:?}: it continued after {disturbed:?}: {end}"
            );
        }
        if !is_complete {
            // Nothing moves after the end.
            thread::sleep(Duration::from_millis(150));
            assert_eq!(cell.recording().motions.len(), recording.motions.len(), "{disturbance:?}");
        }
        check_stops(disturbance, &recording, before);
        if let Some(refused_at) = disturber.plan.lock().unwrap().refused_at.take() {
            assert_eq!(recording.motions.len(), refused_at, "a line after the operator declined");
        }
        if is_complete {
            break;
        }
        reset(cell.running.faults(), &mut cell.other_client());
    }
    let recorded = records(&cell.run());
    assert_each_once(&recorded, Phase::ALL.len() as u64 + 1);
    assert_eq!(disturber.plan.lock().unwrap().disturbed.len(), Phase::ALL.len(), "{disturbance:?}");

    // The completed trials alone give the same policy.
    let policy = fs::read(dir.path("policy.safetensors")).unwrap();
    fs::remove_file(dir.path("policy.safetensors")).unwrap();
    fs::remove_dir_all(dir.path("checkpoints")).unwrap();
    drop(dir);
    let dir = RunDir::open(&cell.run()).unwrap();
    execute_observed(&dir, &config, &mut (), &mut disturber).unwrap();
    assert!(fs::read(dir.path("policy.safetensors")).unwrap() == policy, "{disturbance:?}");
    assert_eq!(records(&cell.run()).len(), recorded.len());
}

/// Checks that no line follows another program's stop before the next start.
fn check_stops(disturbance: Disturbance, recording: &Recording, before: usize) {
    let Disturbance::OtherProgram(Intervention::Stop) = disturbance else { return };
    let ours: Vec<u64> = recording.motions[before..].iter().map(|motion| motion.link).collect();
    let theirs = recording
        .stops
        .iter()
        .filter(|stop| stop.motions as usize > before && !ours.contains(&stop.link));
    for stop in theirs {
        assert_eq!(
            recording.motions.len() as u64,
            stop.motions,
            "a line after another program's stop"
        );
    }
}

/// Makes a few runs at a time, because a run mostly waits for the arm.
fn run_all(disturbances: Vec<Disturbance>, first_seed: u32) {
    const AT_A_TIME: usize = 3;
    let numbered: Vec<(u32, Disturbance)> = (first_seed..).zip(disturbances).collect();
    thread::scope(|scope| {
        for lane in 0..AT_A_TIME {
            let own = numbered.iter().skip(lane).step_by(AT_A_TIME);
            scope.spawn(move || own.for_each(|(seed, disturbance)| run_with(*disturbance, *seed)));
        }
    });
}

#[test]
fn of_the_arm() {
    run_all(Disturbance::motion_faults(), 40);
}

#[test]
fn of_the_link() {
    run_all(Disturbance::link_faults(), 50);
}

#[test]
fn of_the_gripper_and_of_the_reports() {
    run_all([Disturbance::gripper_faults(), vec![Disturbance::Reports]].concat(), 60);
}

#[test]
fn of_somebody_who_stops_or_moves_the_arm() {
    let interventions = [
        Intervention::Stop,
        Intervention::Pause,
        Intervention::Mode,
        Intervention::Motion,
        Intervention::GripperMode,
    ];
    run_all(interventions.map(Disturbance::OtherProgram).to_vec(), 70);
}

#[test]
fn of_an_operator_who_declines() {
    run_all(vec![Disturbance::Refusal], 90);
}

#[test]
fn of_somebody_who_changes_settings() {
    let interventions = [
        Intervention::ToolOffset,
        Intervention::Load,
        Intervention::BaseOffset,
        Intervention::Gravity,
        Intervention::SimulatedRobot,
        Intervention::Fence,
        Intervention::JointRange,
    ];
    run_all(interventions.map(Disturbance::OtherProgram).to_vec(), 80);
}
