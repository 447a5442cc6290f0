//! Every fault that the emulated controller knows, and everything that another program or a person may do at it,
//! at every phase of a trial.
//!
//! The emulator counts, not our client: no line leaves the fence, none is sent on stale reports, and none
//! follows a stop or a change that was somebody else's before a person has started the run again. No trial is
//! lost, doubled or learned from wrongly.

#![allow(clippy::unwrap_used, reason = "a test that fails at an unwrap has done its work")]

mod binary;
mod emulated;

use std::fs;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use emulated::{EmulatedCell, assert_each_once, records};
use rmrl::RunOutcome;
use rmrl::{Layers, RunConfig};
use rmrl::{RunObserver, create, execute_observed};
use rmrl_cell::{CellEvent, PickPlace};
use rmrl_core::TrialId;
use rmrl_data::{RunDir, TrialRecord};
use rmrl_learn::StopReason;
use rmrl_xarm::emulator::{
    Faults, GripperFault, LinkFault, MotionFault, Recording, ReportFault, Request, ScheduledFault,
};
use rmrl_xarm::{Client, Command, LineOptions, MotionLimits, Reply, StateChange, TOOL_BUS};

/// When in a trial.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// The plate is brought back to its start.
    Returning,
    /// The empty jaws go for the plate.
    BeforeGrasp,
    /// The jaws have closed and lift the plate.
    Gripping,
    /// The plate is carried to its place.
    Carrying,
    /// The plate is put down.
    Placing,
}

impl Phase {
    const ALL: [Self; 5] =
        [Self::Returning, Self::BeforeGrasp, Self::Gripping, Self::Carrying, Self::Placing];

    /// Whether the phase begins with these news.
    fn begins_with(self, news: &CellEvent<'_>) -> bool {
        match self {
            Self::Returning => matches!(news, CellEvent::Preparing),
            Self::BeforeGrasp | Self::Gripping => matches!(news, CellEvent::Picking(_)),
            Self::Carrying | Self::Placing => matches!(news, CellEvent::Placing),
        }
    }

    /// The motion after those news, counted from 1, that is of this phase, and how many jaw motions before.
    /// Going for the plate is: over it, down to it, onto it, close, lift, rise; bringing it is: over its
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

/// What somebody else does at the controller.
#[derive(Debug, Clone, Copy)]
enum Deed {
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

/// What goes wrong.
#[derive(Debug, Clone, Copy)]
enum Trouble {
    Motion(MotionFault),
    Link(LinkFault),
    Gripper(GripperFault),
    /// Reports fall silent, and come back after a while.
    Reports,
    /// Between two lines.
    Somebody(Deed),
    /// A person who is asked before an attempt says no.
    Refusal,
}

impl Trouble {
    fn motion_faults() -> Vec<Self> {
        use MotionFault::{Collision, EmergencyStop, JointLimit, StateReset};
        // A fault that is new to the emulator has to be written here to compile.
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

    /// Whether nothing may move any more before a person has started the run again.
    fn ends_the_run(self) -> bool {
        matches!(
            self,
            Self::Motion(MotionFault::EmergencyStop | MotionFault::StateReset)
                | Self::Somebody(_)
                | Self::Refusal
        )
    }
}

/// Does something to a controller, as another program.
fn commit(deed: Deed, other: &mut Client) {
    let command = match deed {
        Deed::Stop => Command::SetState(StateChange::Stop),
        Deed::Pause => Command::SetState(StateChange::Pause),
        Deed::Mode => Command::SetMode { mode: 2, detection: None },
        Deed::ToolOffset => Command::SetTcpOffset([0.0, 0.0, 172.0, 0.0, 0.0, 0.0]),
        Deed::Load => Command::SetLoad { mass_kg: 0.1, center_mm: [0.0; 3] },
        Deed::BaseOffset => Command::SetBaseOffset([0.0, 0.0, 15.0, 0.0, 0.0, 0.0]),
        Deed::Gravity => Command::SetGravityDirection([0.0, 0.0, 1.0]),
        Deed::SimulatedRobot => Command::SetSimulatedRobot(true),
        Deed::Fence => Command::SetFence(false),
        Deed::JointRange => {
            Command::SetReducedJointRange([-0.2, 0.2].repeat(7).try_into().unwrap())
        }
        Deed::GripperMode => {
            Command::ModbusRtu { host: TOOL_BUS, frame: vec![8, 6, 0x11, 0x0a, 0, 1] }
        }
        Deed::Motion => {
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
    // A program that changes a setting makes the arm ready again afterwards: the state alone tells nothing.
    if !matches!(deed, Deed::Stop | Deed::Pause | Deed::Mode | Deed::Motion | Deed::GripperMode) {
        other.ask(&Command::SetState(StateChange::Run)).unwrap();
    }
    // Longer than reports take.
    thread::sleep(Duration::from_millis(300));
}

/// What a person does who comes to see to it: everything as it has to be.
fn see_to(faults: &Faults, other: &mut Client) {
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

/// Brings trouble about, once at each phase, in a trial of its own.
struct Saboteur<'a> {
    cell: &'a EmulatedCell,
    trouble: Trouble,
    plan: Arc<Mutex<Plan>>,
}

#[derive(Default)]
struct Plan {
    /// The phase to strike at in the present trial.
    next: Option<Phase>,
    struck: Vec<Phase>,
    /// How many motions there had been when a person said no.
    refused_at: Option<usize>,
}

impl Saboteur<'_> {
    /// What strikes at a phase; called on the trial's thread, while nothing moves.
    fn striker(&self) -> impl Fn(Phase) + Send + 'static {
        let (faults, trouble) = (self.cell.running.faults().clone(), self.trouble);
        let recording = self.cell.running.recorder();
        let address = self.cell.running.addresses().unwrap().control;
        move |phase| {
            let Recording { motions, gripper_motions, .. } = recording();
            let (later, jaws) = phase.motion();
            let motion = motions.len() as u64 + later;
            match trouble {
                Trouble::Motion(fault) => faults.in_motion(motion, 0.5, fault),
                Trouble::Link(fault) => faults.at_request(Request::AfterMotion(motion), fault),
                Trouble::Gripper(fault) => {
                    faults.in_gripper_motion(gripper_motions + jaws + 1, fault);
                }
                Trouble::Reports => {
                    faults.schedule(ScheduledFault::Reports(ReportFault::Silence));
                    let faults = faults.clone();
                    thread::spawn(move || {
                        thread::sleep(Duration::from_millis(2000));
                        faults.schedule(ScheduledFault::Reports(ReportFault::Resume));
                    });
                }
                Trouble::Somebody(deed) => {
                    let address =
                        rmrl_xarm::Address::Tcp { host: "127.0.0.1".into(), port: address.port() };
                    let mut other = Client::connect(&address, Duration::from_secs(5)).unwrap();
                    commit(deed, &mut other);
                }
                // Before the attempt.
                Trouble::Refusal => {}
            }
        }
    }
}

impl RunObserver for Saboteur<'_> {
    fn on_start(&mut self, cell: &mut PickPlace, _: &[TrialRecord]) -> Result<(), StopReason> {
        let (plan, strike) = (Arc::clone(&self.plan), self.striker());
        cell.watch(move |news| {
            let mut plan = plan.lock().unwrap();
            if let Some(phase) = plan.next.filter(|phase| phase.begins_with(&news)) {
                plan.next = None;
                plan.struck.push(phase);
                strike(phase);
            }
        });
        Ok(())
    }

    fn before_attempt(&mut self, next: TrialId) -> Result<(), StopReason> {
        // The first trial is left alone; each later one has its phase, until that was struck at.
        let mut plan = self.plan.lock().unwrap();
        let phase = (next.trial as usize).checked_sub(2).and_then(|at| Phase::ALL.get(at));
        plan.next = phase.copied().filter(|phase| !plan.struck.contains(phase));
        if let (Trouble::Refusal, Some(phase)) = (self.trouble, plan.next) {
            plan.next = None;
            plan.struck.push(phase);
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

/// A run with one trouble, at one phase after the other; whoever has to come comes, and starts it again.
fn run_with(trouble: Trouble, seed: u32) {
    /// Each phase may end the run once, and what it leaves behind once more.
    const MOST_STARTS: u32 = 12;
    let cell = EmulatedCell::start(seed);
    let config = config(&cell, seed);
    let (dir, config) = create(&config, &cell.run()).unwrap();
    let mut saboteur = Saboteur { cell: &cell, trouble, plan: Arc::default() };
    let mut starts = 0;
    loop {
        starts += 1;
        assert!(starts <= MOST_STARTS, "{trouble:?}: it never gets to its end");
        let before = cell.recording().motions.len();
        let struck = saboteur.plan.lock().unwrap().struck.len();
        let made = execute_observed(&dir, &config, &mut (), &mut saboteur);
        let ended_well = matches!(&made, Ok(made) if matches!(made.end, RunOutcome::Goal));
        let struck = saboteur.plan.lock().unwrap().struck[struck..].to_vec();
        let told = match &made {
            Ok(made) => made.end.to_string(),
            Err(error) => format!("{error:#}"),
        };
        let recording = cell.recording();
        assert_eq!(recording.outside_watched, Vec::<[f64; 3]>::new(), "{trouble:?}");
        assert_eq!(recording.blind_motions, 0, "{trouble:?}: a line on stale reports");
        if trouble.ends_the_run() && !struck.is_empty() {
            assert!(!ended_well, "{trouble:?} at {struck:?} was not noticed");
            assert_eq!(struck.len(), 1, "{trouble:?}: it went on after {struck:?}: {told}");
        }
        if !ended_well {
            // Nothing moves behind anybody's back.
            thread::sleep(Duration::from_millis(150));
            assert_eq!(cell.recording().motions.len(), recording.motions.len(), "{trouble:?}");
        }
        check_stops(trouble, &recording, before);
        if let Some(refused_at) = saboteur.plan.lock().unwrap().refused_at.take() {
            assert_eq!(recording.motions.len(), refused_at, "a line after a person said no");
        }
        if ended_well {
            break;
        }
        see_to(cell.running.faults(), &mut cell.other());
    }
    let made = records(&cell.run());
    assert_each_once(&made, Phase::ALL.len() as u64 + 1);
    assert_eq!(saboteur.plan.lock().unwrap().struck.len(), Phase::ALL.len(), "{trouble:?}");

    // What was learned is what the completed trials alone teach.
    let policy = fs::read(dir.path("policy.safetensors")).unwrap();
    fs::remove_file(dir.path("policy.safetensors")).unwrap();
    fs::remove_dir_all(dir.path("checkpoints")).unwrap();
    drop(dir);
    let dir = RunDir::open(&cell.run()).unwrap();
    execute_observed(&dir, &config, &mut (), &mut saboteur).unwrap();
    assert!(fs::read(dir.path("policy.safetensors")).unwrap() == policy, "{trouble:?}");
    assert_eq!(records(&cell.run()).len(), made.len());
}

/// After somebody else's stop no line follows before the next start.
fn check_stops(trouble: Trouble, recording: &Recording, before: usize) {
    let Trouble::Somebody(Deed::Stop) = trouble else { return };
    let ours: Vec<u64> = recording.motions[before..].iter().map(|motion| motion.link).collect();
    let theirs = recording
        .stops
        .iter()
        .filter(|stop| stop.motions as usize > before && !ours.contains(&stop.link));
    for stop in theirs {
        assert_eq!(recording.motions.len() as u64, stop.motions, "a line after somebody's stop");
    }
}

/// A few at a time: most of a run is waiting for the arm.
fn run_all(troubles: Vec<Trouble>, first_seed: u32) {
    const AT_A_TIME: usize = 3;
    let numbered: Vec<(u32, Trouble)> = (first_seed..).zip(troubles).collect();
    thread::scope(|scope| {
        for lane in 0..AT_A_TIME {
            let own = numbered.iter().skip(lane).step_by(AT_A_TIME);
            scope.spawn(move || own.for_each(|(seed, trouble)| run_with(*trouble, *seed)));
        }
    });
}

#[test]
fn of_the_arm() {
    run_all(Trouble::motion_faults(), 40);
}

#[test]
fn of_the_link() {
    run_all(Trouble::link_faults(), 50);
}

#[test]
fn of_the_gripper_and_of_the_reports() {
    run_all([Trouble::gripper_faults(), vec![Trouble::Reports]].concat(), 60);
}

#[test]
fn of_somebody_who_stops_or_moves_the_arm() {
    let deeds = [Deed::Stop, Deed::Pause, Deed::Mode, Deed::Motion, Deed::GripperMode];
    run_all(deeds.map(Trouble::Somebody).to_vec(), 70);
}

#[test]
fn of_a_person_who_says_no() {
    run_all(vec![Trouble::Refusal], 90);
}

#[test]
fn of_somebody_who_changes_settings() {
    let deeds = [
        Deed::ToolOffset,
        Deed::Load,
        Deed::BaseOffset,
        Deed::Gravity,
        Deed::SimulatedRobot,
        Deed::Fence,
        Deed::JointRange,
    ];
    run_all(deeds.map(Trouble::Somebody).to_vec(), 80);
}
