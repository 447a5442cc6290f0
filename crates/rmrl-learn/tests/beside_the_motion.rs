//! A trial of a real cell takes minutes, most of them motion. The policy learns from one trial while
//! the arm makes the start of the next. (`training.rs` compares the result with steps made one after the
//! other.)

#![allow(clippy::unwrap_used, reason = "a test that fails at an unwrap has done its work")]

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use image::{Rgb, RgbImage};
use rmrl_core::{
    ActionSpace, Env, Fault, FaultKind, GraspFailure, Observation, Outcome, PlanarPose,
    PlateInImage, PoseAdjustment, Scene, StepResult, TrialId, TrialReport,
};
use rmrl_learn::{
    Experience, Labeling, Learner, Method, Observer, ObserverError, Policy, PolicyConfig,
    PoseScaling, Reinforce, ReplayRule, RunError, ScheduleConfig, Training, TrialBacklog,
    TrialLabel, TrialPlan, ViewName,
};

const TRIALS: u32 = 4;
/// Far longer than learning from a trial takes: a longer wait would never end.
const PATIENCE: Duration = Duration::from_secs(60);

/// The events that the observer and the cell see, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Event {
    Moved(u32),
    Decided(u32),
    Learned(u32),
}

/// A cell whose arm arrives only once the policy learns from the trial before.
struct SlowArm {
    begun: Sender<()>,
    learning: Receiver<()>,
    events: Sender<Event>,
    /// Whether trial 3 has a fault when it begins.
    faulty: bool,
}

impl Env for SlowArm {
    fn reset(&mut self, id: TrialId) -> Result<Observation, Fault> {
        self.events.send(Event::Moved(id.trial)).unwrap();
        if id.trial > 1 && id.attempt == 1 {
            self.begun.send(()).unwrap();
            self.learning.recv_timeout(PATIENCE).expect("the policy learns while the arm moves");
        }
        if self.faulty && id.trial == 3 && id.attempt == 1 {
            let reason = "the camera is unplugged".to_string();
            return Err(Fault { kind: FaultKind::Device, reason });
        }
        Ok(Observation {
            features: None,
            look_error_m: None,
            carries: Vec::new(),
            image: Arc::new(RgbImage::from_pixel(8, 8, Rgb([9; 3]))),
            estimated_pose: PlanarPose::new(0.01 * f64::from(id.trial), 0.0, 0.0),
            plate_in_image: PlateInImage { u_px: 4.0, v_px: 4.0, diagonal_px: 4.0 },
        })
    }

    fn step(&mut self, _: PoseAdjustment) -> StepResult {
        self.events.send(Event::Decided(0)).unwrap();
        Ok(Outcome::NotGrasped(GraspFailure::Missed))
    }
}

/// Labels nothing, and waits until the arm moves.
struct WaitsForTheArm {
    begun: Receiver<()>,
    learning: Sender<()>,
}

impl Labeling for WaitsForTheArm {
    fn label(
        &self,
        scene: &Scene,
        _: &[Experience],
        _: &ActionSpace,
        _: bool,
    ) -> Option<Vec<TrialLabel>> {
        let trial = scene.trials().last().unwrap().id.trial;
        if trial < TRIALS {
            self.begun.recv_timeout(PATIENCE).expect("the arm moves while the policy learns");
            self.learning.send(()).unwrap();
        }
        None
    }
}

struct Notebook {
    events: Sender<Event>,
    faults: u32,
}

impl<E> Observer<E> for Notebook {
    fn trial_ended(&mut self, _: &E, report: TrialReport<'_>) -> Result<(), ObserverError> {
        self.faults += u32::from(matches!(report, TrialReport::Faulted(_)));
        Ok(())
    }

    fn on_update(&mut self, learner: &Learner) -> Result<(), ObserverError> {
        self.events.send(Event::Learned(learner.trials()))?;
        Ok(())
    }
}

fn policy() -> Policy {
    let config = PolicyConfig { view: ViewName::None, ..PolicyConfig::default() };
    let actions = ActionSpace::symmetric([3, 3, 3], [0.002, 0.002, 0.01]).unwrap();
    let scaling = PoseScaling::new(PlanarPose::default(), [0.1, 0.1, 0.5]);
    Policy::new(&config, &actions, scaling, 0).unwrap()
}

/// Trains beside the motion; returns the events and the number of faults.
fn trained(faulty: bool) -> Result<(Vec<Event>, u32), RunError> {
    let (begun, arm_begun) = channel();
    let (learning, policy_learning) = channel();
    let (events, seen) = channel();
    let mut cell = SlowArm { begun, learning: policy_learning, events: events.clone(), faulty };
    let labeling = Box::new(WaitsForTheArm { begun: arm_begun, learning });
    let mut method = Method {
        online: Some(Box::new(Reinforce)),
        labeling: Some(labeling),
        replay: ReplayRule::None,
    };
    let mut learner = Learner::new(policy(), 0);
    let mut notebook = Notebook { events, faults: 0 };
    Training {
        env: &mut cell,
        learner: &mut learner,
        method: &mut method,
        schedule: &ScheduleConfig::default(),
        plan: TrialPlan::of_trials(TRIALS, ScheduleConfig::default().trials_per_scene),
        backlog: TrialBacklog::nothing(),
        observer: &mut notebook,
    }
    .run()?;
    Ok((seen.try_iter().collect(), notebook.faults))
}

#[test]
fn the_policy_learns_while_the_arm_moves_and_before_the_next_action() {
    let (events, faults) = trained(false).unwrap();
    let mut expected = vec![Event::Moved(1), Event::Decided(0)];
    for trial in 2..=TRIALS {
        expected.extend([Event::Moved(trial), Event::Learned(trial - 1), Event::Decided(0)]);
    }
    expected.push(Event::Learned(TRIALS));
    assert_eq!((events, faults), (expected, 0));
}

/// A fault while the arm moves repeats the motion; the policy does not learn again.
#[test]
fn a_fault_meanwhile_repeats_the_motion_alone() {
    let (events, faults) = trained(true).unwrap();
    assert_eq!(faults, 1);
    let learned = events.iter().filter(|event| matches!(event, Event::Learned(2))).count();
    let moved = events.iter().filter(|event| **event == Event::Moved(3)).count();
    assert_eq!((learned, moved), (1, 2));
}
