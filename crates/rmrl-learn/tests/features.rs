//! The trainer in an environment that is no cell of plates: features in place of a pose, judged actions.

#![allow(clippy::unwrap_used, reason = "a test that fails at an unwrap has done its work")]

use std::path::Path;
use std::sync::Arc;

use image::RgbImage;
use rand::RngExt;
use rmrl_core::{
    ActionSpace, Env, Fault, FaultKind, Features, Judgment, Observation, Outcome, PlanarPose,
    PlateInImage, PoseAdjustment, StepResult, TrialId, TrialReport, random_stream,
};
use rmrl_learn::{
    BestOfAlike, Learner, Metadata, Method, Observer, ObserverError, Policy, PolicyConfig,
    PoseScaling, Reinforce, ReplayRule, ReportedHindsight, RunError, ScheduleConfig, Training,
    TrialBacklog, TrialPlan, ViewName, end_scene_early,
};

/// Five features, of which the first two say what is best in the first two dimensions.
#[derive(Default)]
struct Foreign {
    state: [f32; 5],
    /// The trial at whose step it fails for good.
    fails_at: Option<u32>,
    trial: u32,
}

impl Env for Foreign {
    fn reset(&mut self, id: TrialId) -> Result<Observation, Fault> {
        let mut rng = random_stream(1, "state", [u64::from(id.trial), 0]);
        self.state = std::array::from_fn(|_| rng.random_range(-1.0..1.0));
        self.trial = id.trial;
        Ok(observation(&self.state))
    }

    fn step(&mut self, adjustment: PoseAdjustment) -> StepResult {
        if self.fails_at == Some(self.trial) {
            let reason = "the environment is gone".to_string();
            return Err(Fault { kind: FaultKind::Interrupted, reason });
        }
        let best = [0.9 * f64::from(self.state[0]), -0.9 * f64::from(self.state[1])];
        let error = (adjustment.dx_m - best[0]).hypot(adjustment.dy_m - best[1]);
        let best = [Some(best[0]), Some(best[1]), None];
        Ok(Outcome::Judged(Judgment { reward: (-2.0 * error).exp(), best }))
    }
}

fn observation(features: &[f32]) -> Observation {
    Observation {
        image: Arc::new(RgbImage::new(1, 1)),
        estimated_pose: PlanarPose::default(),
        look_error_m: None,
        plate_in_image: PlateInImage::default(),
        carries: Vec::new(),
        features: Some(Features { values: features.to_vec(), group: None }),
    }
}

/// Keeps the rewards.
#[derive(Default)]
struct Rewards(Vec<f64>);

impl Observer<Foreign> for Rewards {
    fn trial_ended(&mut self, _: &Foreign, report: TrialReport<'_>) -> Result<(), ObserverError> {
        if let TrialReport::Completed(trial) = report {
            self.0.push(trial.outcome.reward());
        }
        Ok(())
    }
}

fn actions() -> ActionSpace {
    ActionSpace::symmetric([9, 9, 1], [0.25, 0.25, 1.0]).unwrap()
}

fn config() -> PolicyConfig {
    PolicyConfig { view: ViewName::None, learning_rate: 1e-3, ..PolicyConfig::default() }
}

fn policy() -> Policy {
    Policy::of_features(&config(), &actions(), 5, 0).unwrap()
}

fn role_models() -> Method {
    Method {
        online: Some(Box::new(Reinforce)),
        labeling: Some(Box::new(BestOfAlike { distance: 0.5 })),
        replay: ReplayRule::Labels,
    }
}

fn hindsight() -> Method {
    Method { labeling: Some(Box::new(ReportedHindsight)), ..role_models() }
}

fn schedule() -> ScheduleConfig {
    ScheduleConfig { refinements: 0, ..ScheduleConfig::default() }
}

fn train(
    learner: &mut Learner,
    mut method: Method,
    env: &mut Foreign,
    trials: u32,
) -> (Vec<f64>, Result<(), RunError>) {
    let mut rewards = Rewards::default();
    let schedule = schedule();
    let ended = Training {
        env,
        learner,
        method: &mut method,
        schedule: &schedule,
        plan: TrialPlan::of_trials(trials, schedule.trials_per_scene),
        backlog: TrialBacklog::nothing(),
        observer: &mut rewards,
    }
    .run();
    (rewards.0, ended)
}

fn mean(rewards: &[f64]) -> f64 {
    rewards.iter().sum::<f64>() / rewards.len() as f64
}

/// What a deployed policy is worth in states that it has not seen, and what no correction is worth there.
fn greedy(policy: &Policy) -> (f64, f64) {
    let mut env = Foreign::default();
    let rewards = (1..=100).map(|trial| {
        let seen = env.reset(TrialId::new(10_000 + trial, 1, 1)).unwrap();
        let mut of = |adjustment| env.step(adjustment).unwrap().reward();
        (of(policy.decide(&seen).adjustment), of(PoseAdjustment::NONE))
    });
    let (deployed, constant): (Vec<f64>, Vec<f64>) = rewards.unzip();
    (mean(&deployed), mean(&constant))
}

#[test]
fn hindsight_learns_from_what_the_environment_reports() {
    let mut learner = Learner::new(policy(), 3);
    train(&mut learner, hindsight(), &mut Foreign::default(), 150).1.unwrap();
    let (deployed, constant) = greedy(&learner.policy);
    // The nearest candidate is 0.1 away on average, which is worth 0.8.
    assert!(deployed > 0.7 && constant < 0.4, "{deployed} {constant}");
}

#[test]
fn a_policy_of_features_comes_back_from_its_file_and_its_checkpoint() {
    let mut learner = Learner::new(policy(), 3);
    train(&mut learner, role_models(), &mut Foreign::default(), 30).1.unwrap();
    let checkpoint = learner.to_checkpoint(&Metadata::new());
    let path = Path::new("checkpoint");
    let again = Learner::from_checkpoint(policy(), path, &checkpoint).unwrap();
    assert_eq!(again.to_checkpoint(&Metadata::new()), checkpoint);
    let other = Policy::of_features(&config(), &actions(), 4, 0).unwrap();
    let error = Learner::from_checkpoint(other, path, &checkpoint).err().unwrap().to_string();
    assert!(error.contains("network"), "{error}");

    learner.finish_training();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("policy.safetensors");
    std::fs::write(&file, learner.policy.to_safetensors(&Metadata::new())).unwrap();
    let loaded = Policy::from_file(&file, &config()).unwrap();
    let state = |policy: &Policy| policy.encode(&observation(&[0.1, -0.2, 0.3, 0.4, 0.5]));
    let (one, two) = (state(&learner.policy), state(&loaded));
    assert_eq!(learner.policy.distribution(&one), loaded.distribution(&two));
    assert!(learner.policy.ood_score(&one).is_some());
    assert_eq!(learner.policy.ood_score(&one), loaded.ood_score(&two));
}

/// Files of cells keep their bytes: a shape has the number of features only where it is not that of a pose.
#[test]
fn a_file_of_a_pose_says_nothing_of_features() {
    let scaling = PoseScaling::new(PlanarPose::default(), [1.0; 3]);
    let of_pose = Policy::new(&config(), &actions(), scaling, 0).unwrap();
    let says = |policy: &Policy| {
        let bytes = policy.to_safetensors(&Metadata::new());
        String::from_utf8_lossy(&bytes).contains("pose_inputs")
    };
    assert!(says(&policy()) && !says(&of_pose));
}

#[test]
#[should_panic(expected = "another number of features")]
fn a_state_of_another_number_of_features_is_refused() {
    policy().encode(&observation(&[0.0; 4]));
}

/// A run once ended within a scene when its environment failed, and then no checkpoint could keep what it had learned.
#[test]
fn a_scene_that_ends_early_is_labeled_and_can_be_kept() {
    let mut learner = Learner::new(policy(), 3);
    let mut env = Foreign { fails_at: Some(15), ..Foreign::default() };
    let (rewards, ended) = train(&mut learner, role_models(), &mut env, 30);
    assert!(matches!(ended, Err(RunError::NeedsOperator { .. })), "{ended:?}");
    assert_eq!((rewards.len(), learner.trials(), learner.is_between_scenes()), (14, 14, false));
    assert_eq!(learner.memory.labeled_states().len(), 10);
    end_scene_early(&mut learner, &role_models(), &schedule());
    assert_eq!((learner.memory.labeled_states().len(), learner.is_between_scenes()), (14, true));
    let kept = learner.to_checkpoint(&Metadata::new());
    end_scene_early(&mut learner, &role_models(), &schedule());
    assert_eq!(learner.to_checkpoint(&Metadata::new()), kept);
}

#[test]
fn exploration_takes_its_share_of_the_candidates_at_random() {
    let tried = |share: f32| {
        let learner = Learner::new(policy(), 3);
        let mut learner = learner.with_exploration(share);
        train(&mut learner, hindsight(), &mut Foreign::default(), 200).1.unwrap();
        let experiences = &learner.memory.experiences()[100..];
        experiences.iter().map(|one| one.log_probability.unwrap()).sum::<f32>() / 100.0
    };
    let (learned, mixed, random) = (tried(0.0), tried(0.3), tried(1.0));
    // All candidates at random: each has the probability 1/81.
    assert!((random + 81f32.ln()).abs() < 1e-3, "{random}");
    assert!(learned > mixed + 0.3 && mixed > random + 0.3, "{learned} {mixed} {random}");
}

#[test]
fn a_plan_continues_after_whole_scenes_of_other_plans() {
    let mut plan = TrialPlan::of_trials(30, 10).after(17, 2);
    let mut made = Vec::new();
    while let Some(id) = plan.next(0) {
        made.push((id.trial, id.scene));
        plan.note(id, None);
    }
    assert_eq!(made.first(), Some(&(18, 3)));
    assert_eq!(made.last(), Some(&(30, 4)));
    assert_eq!(made[9], (27, 3));
}
