//! The loop of the paper, in a world so small that the answer is known.

#![allow(clippy::unwrap_used, reason = "a test that fails at an unwrap has done its work")]

use std::cell::Cell;
use std::collections::BTreeMap;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;

use image::{Rgb, RgbImage};
use rand::RngExt;
use rmrl_core::{
    ActionSpace, Env, Fault, FaultKind, GraspFailure, Observation, Outcome, Placement,
    PlacementError, PlanarPose, PlateInImage, PoseAdjustment, RewardFunction, Scene, StepResult,
    Trial, TrialId, TrialReport, random_stream,
};
use rmrl_learn::{
    BestOfScene, ConstantOffset, EarlierData, EncoderConfig, EncoderWeights, Experience,
    FixedPolicy, FixedPolicyRun, GreedyPolicy, Grouping, Hindsight, Labeling, Learner, Metadata,
    Method, MethodName, NoCorrection, Observer, ObserverError, OnlineConfig, Policy, PolicyConfig,
    PoseScaling, RandomCorrection, Reinforce, ReplayMemory, ReplayRule, RunError, ScheduleConfig,
    Training, TrialBacklog, TrialPlan, ViewName, most_likely, pretrain, role_models,
};

/// The camera of the world is off by this, in the frame of the jaws.
const OFFSET: PoseAdjustment = PoseAdjustment { dx_m: 0.004, dy_m: -0.003, dyaw_rad: 0.02 };

/// A camera that is off by a constant, and jaws that keep the rest of this error after an action. The
/// result of an attempt depends on its id alone, so a run can leave and enter a world at any trial.
struct OffsetWorld {
    estimated_pose: PlanarPose,
    /// Attempts begun.
    attempts: u32,
    /// Attempts that the observer has kept; the observer counts them.
    kept: Rc<Cell<u32>>,
    /// Trials with the number of their attempts that end in a fault.
    faulty: BTreeMap<u32, u32>,
    /// A plate missed by more is not grasped, in meters.
    reach_m: f64,
}

impl OffsetWorld {
    fn new(notebook: &Notebook) -> Self {
        Self {
            estimated_pose: PlanarPose::default(),
            attempts: 0,
            kept: Rc::clone(&notebook.kept),
            faulty: BTreeMap::new(),
            reach_m: f64::INFINITY,
        }
    }
}

impl Env for OffsetWorld {
    fn reset(&mut self, id: TrialId) -> Result<Observation, Fault> {
        assert_eq!(self.attempts, self.kept.get(), "the arm moves before the last trial is kept");
        self.attempts += 1;
        if id.attempt <= self.faulty.get(&id.trial).copied().unwrap_or(0) {
            return Err(Fault {
                kind: FaultKind::Device,
                reason: "the camera is unplugged".to_string(),
            });
        }
        let mut rng = random_stream(1, "world", [u64::from(id.scene), u64::from(id.trial)]);
        let mut uniform = || 2.0 * rng.random::<f64>() - 1.0;
        self.estimated_pose = PlanarPose::new(0.1 * uniform(), 0.1 * uniform(), 0.5 * uniform());
        let shade = (128.0 + 100.0 * uniform()) as u8;
        Ok(Observation {
            features: None,
            look_error_m: None,
            carries: Vec::new(),
            image: Arc::new(RgbImage::from_pixel(40, 30, Rgb([shade; 3]))),
            estimated_pose: self.estimated_pose,
            plate_in_image: PlateInImage { u_px: 20.0, v_px: 15.0, diagonal_px: 10.0 },
        })
    }

    fn step(&mut self, action: PoseAdjustment) -> StepResult {
        let miss = PoseAdjustment {
            dx_m: OFFSET.dx_m - action.dx_m,
            dy_m: OFFSET.dy_m - action.dy_m,
            dyaw_rad: OFFSET.dyaw_rad - action.dyaw_rad,
        };
        if miss.translation_m() > self.reach_m {
            return Ok(Outcome::NotGrasped(GraspFailure::Missed));
        }
        let target_pose = PlanarPose::new(0.4, 0.2, 0.0);
        let pick_pose = self.estimated_pose.adjusted(action);
        let final_pose = target_pose.adjusted(miss.rotated(-pick_pose.yaw_rad));
        let error = PlacementError::between(final_pose, target_pose);
        Ok(Outcome::Placed(Placement {
            final_look_error_m: None,
            pick_pose,
            final_pose,
            target_pose,
            error,
            reward: RewardFunction::default().reward(error),
            seated: true,
        }))
    }
}

/// Keeps the reports of a run, and a checkpoint of one moment.
#[derive(Default)]
struct Notebook {
    trials: Vec<Trial>,
    faults: Vec<TrialId>,
    kept: Rc<Cell<u32>>,
    checkpoint_after: Option<u32>,
    checkpoint: Vec<u8>,
    full_at: Option<u32>,
}

impl Observer<OffsetWorld> for Notebook {
    fn trial_ended(
        &mut self,
        _: &OffsetWorld,
        report: TrialReport<'_>,
    ) -> Result<(), ObserverError> {
        if self.full_at == Some(report.id().trial) {
            return Err("the disk is full".into());
        }
        match report {
            TrialReport::Completed(trial) => self.trials.push(trial.clone()),
            TrialReport::Faulted(faulted) => self.faults.push(faulted.id),
        }
        self.kept.set(self.kept.get() + 1);
        Ok(())
    }

    fn on_update(&mut self, learner: &Learner) -> Result<(), ObserverError> {
        if self.checkpoint_after == Some(learner.trials()) {
            self.checkpoint = learner.to_checkpoint(&Metadata::new());
        }
        Ok(())
    }
}

fn actions() -> ActionSpace {
    ActionSpace::symmetric([9, 9, 5], [0.002, 0.002, 0.01]).unwrap()
}

fn policy(actions: &ActionSpace, train_encoder: bool, seed: u64) -> Policy {
    policy_that_sees(ViewName::Global, actions, train_encoder, seed)
}

fn policy_that_sees(
    view: ViewName,
    actions: &ActionSpace,
    train_encoder: bool,
    seed: u64,
) -> Policy {
    let config = PolicyConfig {
        view,
        encoder: EncoderConfig {
            depth: 10,
            base_width: 4,
            image_size: 32,
            train: train_encoder,
            weights: EncoderWeights::Random,
        },
        learning_rate: 1e-3,
        ..PolicyConfig::default()
    };
    let scaling = PoseScaling::new(PlanarPose::default(), [0.1, 0.1, 0.5]);
    Policy::new(&config, actions, scaling, seed).unwrap()
}

fn learner(train_encoder: bool) -> Learner {
    Learner::new(policy(&actions(), train_encoder, 0), 0)
}

/// A plan of `trials` trials, of which the first `made` are made.
fn plan_of(trials: u32, trials_per_scene: u32, made: u32) -> TrialPlan {
    let mut plan = TrialPlan::of_trials(trials, trials_per_scene);
    for _ in 0..made {
        let id = plan.next(0).unwrap();
        plan.note(id, None);
    }
    plan
}

/// Trains up to trial number `trials` in the given world.
fn run(
    world: &mut OffsetWorld,
    learner: &mut Learner,
    method: MethodName,
    trials: u32,
    backlog: TrialBacklog,
    notebook: &mut Notebook,
) -> Result<(), RunError> {
    let schedule = ScheduleConfig::default();
    let method = method.method(&schedule, &OnlineConfig::default()).unwrap();
    run_method(world, learner, (method, &schedule), trials, backlog, notebook)
}

/// Trains by the given parts of a method.
fn run_method(
    world: &mut OffsetWorld,
    learner: &mut Learner,
    (method, schedule): (Method, &ScheduleConfig),
    trials: u32,
    backlog: TrialBacklog,
    notebook: &mut Notebook,
) -> Result<(), RunError> {
    let plan = plan_of(trials, schedule.trials_per_scene, learner.trials());
    run_plan(world, learner, (method, schedule), plan, backlog, notebook)
}

/// Trains by the given plan.
fn run_plan(
    world: &mut OffsetWorld,
    learner: &mut Learner,
    (mut method, schedule): (Method, &ScheduleConfig),
    plan: TrialPlan,
    backlog: TrialBacklog,
    notebook: &mut Notebook,
) -> Result<(), RunError> {
    let method = &mut method;
    Training { env: world, learner, method, schedule, plan, backlog, observer: notebook }.run()
}

/// Trains in a new world.
fn trained(learner: &mut Learner, method: MethodName, trials: u32, notebook: &mut Notebook) {
    let mut world = OffsetWorld::new(notebook);
    run(&mut world, learner, method, trials, TrialBacklog::nothing(), notebook).unwrap();
}

/// Makes trials of a policy that does not learn.
fn run_fixed(
    world: &mut OffsetWorld,
    policy: &mut dyn FixedPolicy,
    plan: TrialPlan,
    backlog: TrialBacklog,
    notebook: &mut Notebook,
) {
    FixedPolicyRun { env: world, policy, plan, backlog, observer: notebook }.run().unwrap();
}

fn mean_reward(policy: &mut dyn FixedPolicy, trials: u32) -> f64 {
    let mut notebook = Notebook::default();
    let mut world = OffsetWorld::new(&notebook);
    run_fixed(&mut world, policy, plan_of(trials, 10, 0), TrialBacklog::nothing(), &mut notebook);
    let rewards = notebook.trials.iter().map(|trial| trial.outcome.reward());
    rewards.sum::<f64>() / f64::from(trials)
}

/// The bytes of a learner's policy, and its memory.
fn bits(learner: &Learner) -> (Vec<u8>, ReplayMemory) {
    (learner.policy.to_safetensors(&Metadata::new()), learner.memory.clone())
}

/// Trains by the given parts of a method only.
fn trained_by(method: Method, schedule: ScheduleConfig, trials: u32) -> (Learner, Vec<Trial>) {
    let (mut learner, mut notebook) = (learner(false), Notebook::default());
    let mut world = OffsetWorld::new(&notebook);
    let (parts, nothing) = ((method, &schedule), TrialBacklog::nothing());
    run_method(&mut world, &mut learner, parts, trials, nothing, &mut notebook).unwrap();
    (learner, notebook.trials)
}

const BY_SIMILARITY: ScheduleConfig = ScheduleConfig {
    carries: 0,
    abstain_interval_m: 0.003,
    known_interval_m: 0.0,
    chosen_starts: 6,
    residual_field_m: 0.000_3,
    trials_per_scene: 10,
    grouping: Grouping::Similarity,
    similar_translation_m: 0.05,
    similar_yaw_deg: 15.0,
    scene_epochs: 10,
    slide_correction: false,
    slide_by_geometry: false,
    replay_interval: 10,
    replay_batches: 10,
    batch_size: 16,
    refinements: 0,
    refine_interval: 30,
    pretrain_trials: 200,
    pretrain_epochs: 30,
};

const NO_METHOD: Method = Method { online: None, labeling: None, replay: ReplayRule::None };

fn weights(policy: &Policy) -> Vec<u8> {
    policy.to_safetensors(&Metadata::new())
}

/// Eq. 5-6: a step up the gradient of log-probability times reward, after every trial.
#[test]
fn the_online_update_is_a_policy_gradient_step_for_each_trial() {
    let method = Method { online: Some(Box::new(Reinforce)), ..NO_METHOD };
    let (learner, trials) = trained_by(method, ScheduleConfig::default(), 7);
    let mut expected = policy(&actions(), false, 0);
    for trial in &trials {
        let state = expected.encode(&trial.observation);
        let action = trial.decision.index.unwrap();
        let before = expected.distribution(&state);
        expected.policy_gradient_step(&[(&state, action, trial.outcome.reward())]);
        if trial.id.trial == 1 {
            let after = expected.distribution(&state);
            for dimension in 0..3 {
                let chosen = action.0[dimension];
                assert!(after[dimension][chosen] > before[dimension][chosen]);
            }
        }
    }
    assert!(weights(&learner.policy) == weights(&expected));
}

/// Eq. 2-4 and 7-8: after a scene, `scene_epochs` passes over its states with the role model's action
/// as label, and nothing before.
#[test]
fn a_scene_is_learned_by_its_role_model() {
    let method = || Method { labeling: Some(Box::new(BestOfScene)), ..NO_METHOD };
    let schedule = ScheduleConfig::default();
    let (learner, trials) = trained_by(method(), schedule, 20);
    let mut expected = policy(&actions(), false, 0);
    for scene in trials.chunks(10) {
        let reward = |trial: &&Trial| trial.outcome.reward();
        let best = scene.iter().max_by(|a, b| reward(a).total_cmp(&reward(b))).unwrap();
        let label = best.decision.index.unwrap().0.map(Some);
        let states: Vec<_> = scene.iter().map(|t| expected.encode(&t.observation)).collect();
        let data: Vec<_> = states.iter().map(|state| (state, label)).collect();
        for _ in 0..schedule.scene_epochs {
            expected.supervised_step(&data);
        }
    }
    assert!(weights(&learner.policy) == weights(&expected));
}

/// Data Replay: every `replay_interval` trials, `replay_batches` steps on what was stored.
#[test]
fn replay_trains_on_what_was_stored_at_its_intervals_only() {
    let untouched = weights(&policy(&actions(), false, 0));
    let schedule =
        ScheduleConfig { scene_epochs: 0, replay_interval: 10, ..ScheduleConfig::default() };
    let labels = || Method {
        labeling: Some(Box::new(BestOfScene)),
        replay: ReplayRule::Labels,
        ..NO_METHOD
    };
    let experience = || Method { replay: ReplayRule::PolicyGradient, ..NO_METHOD };
    for method in [labels, experience] as [fn() -> Method; 2] {
        let after = |schedule, trials| weights(&trained_by(method(), schedule, trials).0.policy);
        let once = after(schedule, 10);
        assert!(after(schedule, 9) == untouched, "not before the interval is over");
        assert!(once != untouched, "at its end");
        assert!(after(schedule, 19) == once && after(schedule, 20) != once, "and at the next");
        let never = ScheduleConfig { replay_batches: 0, ..schedule };
        assert!(after(never, 20) == untouched);
    }
    // Labeled replay makes the role models' actions likelier where they were found.
    let (learner, trials) = trained_by(labels(), schedule, 10);
    let best =
        trials.iter().max_by(|a, b| a.outcome.reward().total_cmp(&b.outcome.reward())).unwrap();
    let [before, after] = [&policy(&actions(), false, 0), &learner.policy].map(|policy| {
        let distribution = policy.distribution(&policy.encode(&best.observation));
        distribution[0][best.decision.index.unwrap().0[0]]
    });
    assert!(after > before, "{before} -> {after}");
}

/// Hindsight labels every trial at once, and the policy learns from the scene's data each time.
#[test]
fn labels_that_come_with_each_trial_are_learned_as_they_come() {
    let hindsight = || Hindsight { knows_slide: true };
    let method = Method { labeling: Some(Box::new(hindsight())), ..NO_METHOD };
    let schedule = ScheduleConfig { scene_epochs: 3, ..ScheduleConfig::default() };
    let (learner, trials) = trained_by(method, schedule, 10);
    let mut expected = policy(&actions(), false, 0);
    let states: Vec<_> = trials.iter().map(|t| expected.encode(&t.observation)).collect();
    let mut scene = Scene::new();
    for trial in trials {
        scene.push(trial);
        let labels = hindsight().label(&scene, &[], &actions(), false).unwrap();
        let data: Vec<_> =
            states.iter().zip(labels).map(|(state, (_, label))| (state, label)).collect();
        for _ in 0..3 {
            expected.supervised_step(&data);
        }
    }
    assert!(weights(&learner.policy) == weights(&expected));
}

/// Eq. 2 over all trials that started nearby: when a scene ends, earlier states take over its better
/// actions, the policy learns from the scene, and replay uses the labels of that moment.
#[test]
fn labels_by_similarity_are_renewed_when_a_scene_ends() {
    let method = || Method {
        labeling: Some(role_models(&BY_SIMILARITY)),
        replay: ReplayRule::Labels,
        ..NO_METHOD
    };
    let labels_after = |trials| {
        let (learner, trials) = trained_by(method(), BY_SIMILARITY, trials);
        let labels: Vec<_> =
            learner.memory.labeled_states().into_iter().map(|(_, label)| label).collect();
        (labels, trials)
    };
    let (first, _) = labels_after(10);
    let (both, trials) = labels_after(20);
    assert_eq!((first.len(), both.len()), (10, 20));
    assert!(first[..] != both[..10], "a later trial was a better model for an earlier state");
    let is_near = |a: &Trial, b: &Trial| {
        let offset = a.observation.estimated_pose.relative_to(b.observation.estimated_pose);
        offset.translation_m() <= 0.05 && offset.dyaw_rad.abs() <= 15f64.to_radians()
    };
    for (trial, label) in trials.iter().zip(&both) {
        let near = trials.iter().filter(|other| is_near(trial, other));
        let best = near.max_by(|a, b| a.outcome.reward().total_cmp(&b.outcome.reward())).unwrap();
        assert_eq!(*label, best.decision.index.unwrap().0.map(Some));
    }
}

#[test]
fn rm_rl_learns_the_offset() {
    let none = mean_reward(&mut NoCorrection, 20);
    let mut learner = learner(false);
    trained(&mut learner, MethodName::RmRl, 150, &mut Notebook::default());
    let learned = mean_reward(&mut GreedyPolicy(&learner.policy), 20);
    let left = (1.0 - learned) / (1.0 - none);
    assert!(left < 0.5, "{left:.2} of the error is left: {none} -> {learned}");
}

/// The reward of a method's policy after 150 trials, averaged over a few seeds.
fn reward_after_training(method: MethodName) -> f64 {
    let seeds = 0..4;
    let earned = seeds.clone().map(|seed| {
        let mut learner = Learner::new(policy(&actions(), false, seed), seed);
        trained(&mut learner, method, 150, &mut Notebook::default());
        mean_reward(&mut GreedyPolicy(&learner.policy), 20)
    });
    earned.sum::<f64>() / seeds.count() as f64
}

/// If all rewards are near 0.95, REINFORCE repeats any action. A learned value separates good from
/// bad.
#[test]
fn a_learned_value_helps_the_policy_gradient() {
    let reinforce = reward_after_training(MethodName::Reinforce);
    for method in [MethodName::ActorCritic, MethodName::Ppo] {
        let earned = reward_after_training(method);
        assert!(earned > reinforce, "{method} {earned}, REINFORCE {reinforce}");
    }
}

/// PPO learns when a scene is complete; actor-critic after each trial that can be compared with
/// another.
#[test]
fn actor_critics_learn_at_their_moments_and_know_what_states_earn() {
    let untouched = weights(&policy(&actions(), false, 0));
    let after = |method: MethodName, trials| {
        let mut learner = learner(false);
        trained(&mut learner, method, trials, &mut Notebook::default());
        learner
    };
    assert!(weights(&after(MethodName::ActorCritic, 1).policy) == untouched, "one tells nothing");
    assert!(weights(&after(MethodName::ActorCritic, 2).policy) != untouched);
    assert!(weights(&after(MethodName::Ppo, 1).policy) == untouched, "one tells nothing");
    assert!(weights(&after(MethodName::Ppo, 2).policy) != untouched, "the last trial ends a scene");
    let learner = after(MethodName::Ppo, 10);
    let probability = |experience: &Experience| experience.log_probability.unwrap();
    // All of a scene is decided by the same policy, here the initial one: 1 / (9 * 9 * 5) each.
    let uniform = -(9.0f32 * 9.0 * 5.0).ln();
    for experience in learner.memory.experiences() {
        assert!((probability(experience) - uniform).abs() < 1e-5);
        assert!(learner.policy.value(learner.memory.state(experience.trial)) != 0.0);
    }
}

#[test]
fn a_constant_offset_is_averaged_over_the_first_trials_and_removes_a_constant_error() {
    let mut constant = ConstantOffset::default();
    let mut notebook = Notebook::default();
    let mut world = OffsetWorld::new(&notebook);
    run_fixed(
        &mut world,
        &mut constant,
        plan_of(12, 10, 0),
        TrialBacklog::nothing(),
        &mut notebook,
    );
    let rewards: Vec<f64> = notebook.trials.iter().map(|trial| trial.outcome.reward()).collect();
    assert!(rewards[..10].iter().all(|reward| *reward < 0.96), "{rewards:?}");
    assert!(rewards[10..].iter().all(|reward| *reward > 0.999_99), "{rewards:?}");
    let found = constant.offset();
    for (found, expected) in
        [(found.dx_m, OFFSET.dx_m), (found.dy_m, OFFSET.dy_m), (found.dyaw_rad, OFFSET.dyaw_rad)]
    {
        assert!((found - expected).abs() < 1e-9, "{found} {expected}");
    }

    // A resumed run finds it again from the recorded trials.
    let mut resumed = ConstantOffset::default();
    let recorded = TrialBacklog::new(notebook.trials, 0);
    let mut notebook = Notebook::default();
    let mut world = OffsetWorld::new(&notebook);
    run_fixed(&mut world, &mut resumed, plan_of(13, 10, 0), recorded, &mut notebook);
    assert_eq!(notebook.trials.len(), 1);
    assert_eq!(notebook.trials[0].id.trial, 13);
    assert_eq!(resumed.offset(), found);
}

#[test]
fn pretraining_on_an_earlier_run_teaches_before_the_first_trial() {
    let mut notebook = Notebook::default();
    let mut world = OffsetWorld::new(&notebook);
    let mut random = RandomCorrection { actions: actions(), seed: 5 };
    run_fixed(&mut world, &mut random, plan_of(200, 10, 0), TrialBacklog::nothing(), &mut notebook);

    let mut policy = policy(&actions(), false, 0);
    let before = mean_reward(&mut GreedyPolicy(&policy), 20);
    let data = EarlierData::from_trials(notebook.trials, &BestOfScene, &policy);
    assert_eq!(data.len(), 200);
    let losses = pretrain(&mut policy, &data, &ScheduleConfig::default(), 0);
    assert!(losses.last().unwrap() < &losses[0], "{losses:?}");
    let after = mean_reward(&mut GreedyPolicy(&policy), 20);
    assert!(after > before, "{before} -> {after}");
}

#[test]
fn faults_are_recorded_and_repeated_and_never_learned_from() {
    let mut notebook = Notebook::default();
    let mut world = OffsetWorld::new(&notebook);
    world.faulty = BTreeMap::from([(3, 1), (12, 4)]);
    let mut live = learner(false);
    let nothing = TrialBacklog::nothing();
    run(&mut world, &mut live, MethodName::RmRl, 20, nothing, &mut notebook).unwrap();

    let faults: Vec<_> = notebook.faults.iter().map(|id| (id.trial, id.attempt)).collect();
    assert_eq!(faults, [(3, 1), (12, 1), (12, 2), (12, 3), (12, 4)]);
    let numbers: Vec<u32> = notebook.trials.iter().map(|trial| trial.id.trial).collect();
    assert_eq!(numbers, (1..=20).collect::<Vec<_>>());
    assert_eq!(live.memory.labeled_states().len(), 20);

    // A learner of the completed trials alone becomes the same, bit for bit.
    let mut from_log = learner(false);
    let recorded = TrialBacklog::new(notebook.trials, 0);
    let mut untouched = Notebook::default();
    let mut world = OffsetWorld::new(&untouched);
    run(&mut world, &mut from_log, MethodName::RmRl, 20, recorded, &mut untouched).unwrap();
    assert_eq!(world.attempts, 0);
    assert!(bits(&live) == bits(&from_log));
}

#[test]
fn fault_after_fault_ends_the_run_and_says_at_which_trial() {
    let mut notebook = Notebook::default();
    let mut world = OffsetWorld::new(&notebook);
    world.faulty = BTreeMap::from([(2, u32::MAX)]);
    let nothing = TrialBacklog::nothing();
    let error = run(&mut world, &mut learner(false), MethodName::RmRl, 20, nothing, &mut notebook)
        .unwrap_err();
    assert!(matches!(error, RunError::TooManyFaults { attempts: 5, .. }), "{error}");
    let message = error.to_string();
    assert!(message.contains("trial 2") && message.contains("unplugged"), "{message}");
    assert_eq!((notebook.trials.len(), notebook.faults.len()), (1, 5));

    // Three recorded attempts at trial 2 leave two.
    let recorded = TrialBacklog::new(std::mem::take(&mut notebook.trials), 3);
    let mut notebook = Notebook::default();
    let mut world = OffsetWorld::new(&notebook);
    world.faulty = BTreeMap::from([(2, u32::MAX)]);
    run(&mut world, &mut learner(false), MethodName::RmRl, 20, recorded, &mut notebook)
        .unwrap_err();
    let attempts: Vec<u32> = notebook.faults.iter().map(|id| id.attempt).collect();
    assert_eq!(attempts, [4, 5]);
}

#[test]
fn a_trial_that_cannot_be_kept_stops_the_arm() {
    let mut notebook = Notebook { full_at: Some(4), ..Notebook::default() };
    let mut world = OffsetWorld::new(&notebook);
    let nothing = TrialBacklog::nothing();
    let error = run(&mut world, &mut learner(false), MethodName::RmRl, 20, nothing, &mut notebook)
        .unwrap_err();
    assert!(matches!(&error, RunError::Observer { id, .. } if id.trial == 4), "{error}");
    assert_eq!(world.attempts, 4);
}

#[test]
fn failed_grasps_are_completed_trials_without_a_label() {
    let mut notebook = Notebook::default();
    let mut world = OffsetWorld::new(&notebook);
    world.reach_m = 0.0;
    let mut learner = learner(false);
    let nothing = TrialBacklog::nothing();
    run(&mut world, &mut learner, MethodName::RmRl, 20, nothing, &mut notebook).unwrap();
    assert_eq!(notebook.trials.len(), 20);
    assert!(notebook.trials.iter().all(|trial| trial.outcome.reward() == 0.0));
    assert!(learner.memory.labeled_states().is_empty(), "no trial was a role model");
    // Rewards of 0 have no gradient, and scenes without a label take no step.
    assert!(weights(&learner.policy) == weights(&policy(&actions(), false, 0)));
}

/// Trains by hindsight, on scenes of one trial, by a plan.
fn run_to_prove(
    learner: &mut Learner,
    plan: TrialPlan,
    backlog: TrialBacklog,
    notebook: &mut Notebook,
) -> u32 {
    let schedule = to_prove_schedule();
    let method = MethodName::Hindsight.method(&schedule, &OnlineConfig::default()).unwrap();
    let mut world = OffsetWorld::new(notebook);
    run_plan(&mut world, learner, (method, &schedule), plan, backlog, notebook).unwrap();
    world.attempts
}

fn to_prove_schedule() -> ScheduleConfig {
    ScheduleConfig {
        trials_per_scene: 1,
        refinements: 1,
        refine_interval: 10,
        ..Default::default()
    }
}

/// Notes trials in a plan, as the log of an interrupted run is.
fn noted(mut plan: TrialPlan, trials: &[Trial]) -> TrialPlan {
    for trial in trials {
        plan.note(trial.id, trial.outcome.e_trans_m());
    }
    plan
}

/// What is proven is the policy that the run leaves: the tests of the last series were made by it, and it learned
/// nothing from them. An interrupted run ends there with the same bits, wherever it was interrupted.
#[test]
fn a_run_ends_with_the_frozen_policy_that_its_tests_have_proven() {
    let plan = || TrialPlan::to_prove("6mm@70%".parse().unwrap(), 200, &to_prove_schedule());
    let mut notebook = Notebook { checkpoint_after: Some(12), ..Notebook::default() };
    let mut whole = learner(false);
    run_to_prove(&mut whole, plan(), TrialBacklog::nothing(), &mut notebook);
    let trials = &notebook.trials;
    let done = noted(plan(), trials);
    let (tests, misses) = done.proof().unwrap().series();
    assert_eq!(done.proven_at(), Some(trials.len() as u32));
    assert!(trials.len() < 150, "{}", trials.len());
    assert_eq!(whole.trials() + tests, trials.len() as u32, "nothing is learned from the proof");
    assert!(misses <= 1, "{misses}");

    // Tests are of new placements, each a scene of its own, and take the most likely action.
    assert!(trials[..10].iter().all(|trial| !trial.id.is_test()));
    assert!(trials[10..20].iter().map(|trial| trial.id.is_test()).eq([true, false].repeat(5)));
    assert!(trials.windows(2).all(|two| two[1].id.scene == two[0].id.scene + 1));
    for trial in trials.iter().filter(|trial| trial.id.is_test()) {
        let index = most_likely(trial.decision.probabilities.as_ref().unwrap());
        assert_eq!(trial.decision.index, Some(index));
    }
    whole.finish_training();
    let deployed = GreedyPolicy(&whole.policy);
    for trial in &trials[trials.len() - tests as usize..] {
        assert_eq!(deployed.0.decide(&trial.observation), trial.decision);
    }

    for interrupted_after in [12, 13, trials.len() - 30, trials.len() - 1, trials.len()] {
        let path = Path::new("trial-000012.safetensors");
        let initial = policy(&actions(), false, 0);
        let mut resumed = Learner::from_checkpoint(initial, path, &notebook.checkpoint).unwrap();
        let recorded = TrialBacklog::new(trials[12..interrupted_after].to_vec(), 0);
        let mut notes = Notebook::default();
        let plan = noted(plan(), &trials[..12]);
        let attempts = run_to_prove(&mut resumed, plan, recorded, &mut notes);
        assert_eq!(attempts as usize, trials.len() - interrupted_after);
        resumed.finish_training();
        assert!(bits(&whole) == bits(&resumed), "interrupted after {interrupted_after}");
    }
}

/// A policy whose tests speak against it learns from them, and is tested again.
#[test]
fn a_series_that_fails_is_learned_from() {
    let schedule = to_prove_schedule();
    let claim = "0.1mm@80%".parse().unwrap();
    let plan = || TrialPlan::to_prove(claim, 60, &schedule);
    let mut notebook = Notebook::default();
    let mut learner = learner(false);
    run_to_prove(&mut learner, plan(), TrialBacklog::nothing(), &mut notebook);
    assert_eq!(notebook.trials.len(), 60);
    // Nothing begins a series but the last moment at which one could still prove the claim.
    let done = noted(plan(), &notebook.trials);
    assert_eq!(done.proven_at(), None);
    assert!(done.proof().unwrap().evidence() < 1.0, "a series was made");
    assert_eq!(learner.trials(), 60);
    let labeled = learner.memory.labeled_states().len();
    assert_eq!(labeled, 60, "tests are labeled, too");
    // The paper's method compares the trials of a scene, so that tests teach it nothing.
    let method = MethodName::RmRl.method(&schedule, &OnlineConfig::default()).unwrap();
    let (mut notes, mut untaught) = (Notebook::default(), self::learner(false));
    let mut world = OffsetWorld::new(&notes);
    let parts = (method, &schedule);
    run_plan(&mut world, &mut untaught, parts, plan(), TrialBacklog::nothing(), &mut notes)
        .unwrap();
    let training = notes.trials.iter().filter(|trial| !trial.id.is_test()).count();
    assert_eq!(untaught.memory.labeled_states().len(), training);
    assert_eq!(untaught.trials(), 60);
}

/// Policies that do not learn are tested from the beginning, or as soon as they are settled.
#[test]
fn fixed_policies_are_tested_and_a_false_claim_is_not_proven() {
    for (text, settled, trials) in
        [("6mm@50%", 0, 5..9), ("6mm@50%", 10, 15..19), ("1mm@50%", 0, 60..61)]
    {
        let mut notebook = Notebook::default();
        let mut world = OffsetWorld::new(&notebook);
        let plan = TrialPlan::to_prove_of_fixed(text.parse().unwrap(), 60, settled);
        let nothing = TrialBacklog::nothing();
        run_fixed(&mut world, &mut NoCorrection, plan, nothing, &mut notebook);
        assert!(trials.contains(&notebook.trials.len()), "{text}: {}", notebook.trials.len());
        let tests = notebook.trials.iter().filter(|trial| trial.id.is_test()).count();
        assert!(text == "1mm@50%" || tests == notebook.trials.len() - settled as usize, "{tests}");
    }
}

#[test]
fn a_deployed_policy_abstains_from_what_it_was_never_trained_on() {
    let mut learner = learner(false);
    trained(&mut learner, MethodName::Hindsight, 100, &mut Notebook::default());
    let observe = |number: u32| {
        let mut world = OffsetWorld::new(&Notebook::default());
        world.reset(TrialId::new(number, 1, number)).unwrap()
    };
    // Before the end of its training, a policy never abstains.
    let far = Observation { estimated_pose: PlanarPose::new(0.5, 0.0, 0.0), ..observe(500) };
    assert!(!learner.policy.decide(&far).abstained);
    learner.finish_training();
    assert_eq!(learner.policy.support().unwrap().len(), 100);

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("policy.safetensors");
    std::fs::write(&path, learner.policy.to_safetensors(&Metadata::new())).unwrap();
    let loaded = |config: &PolicyConfig| Policy::from_file(&path, config).unwrap();
    let policy_config = learner.policy.config().clone();
    let deployed = loaded(&policy_config);
    assert_eq!(deployed.support(), learner.policy.support());

    let abstained =
        (1000..1300).filter(|number| deployed.decide(&observe(*number)).abstained).count();
    assert!(abstained <= 9, "{abstained} of 300 new states");
    let known = observe(2000);
    let decision = deployed.decide(&known);
    assert!(!decision.abstained);
    let distribution = deployed.distribution(&deployed.encode(&known));
    assert_eq!(decision.index, Some(most_likely(&distribution)));

    let mut rng = random_stream(5, "noise", [0, 0]);
    let noise = RgbImage::from_fn(40, 30, |_, _| Rgb([rng.random(), rng.random(), rng.random()]));
    let noisy = Observation { image: Arc::new(noise), ..known };
    for (what, observation) in [("far away", &far), ("noise", &noisy)] {
        let decision = deployed.decide(observation);
        assert!(decision.abstained, "{what}");
        assert_eq!(decision.adjustment, PoseAdjustment::NONE);
        assert_eq!(decision.index, None);
        assert!(decision.probabilities.is_some());
        let mut greedy = GreedyPolicy(&deployed);
        let id = TrialId::new(1, 1, 1);
        assert_eq!(greedy.decide(observation, id), decision);
    }
    // The configuration switches it off, or stretches it.
    let mut config = policy_config.clone();
    config.ood.abstain = false;
    assert!(!loaded(&config).decide(&far).abstained);
    config = policy_config;
    config.ood.threshold = 50.0;
    assert!(!loaded(&config).decide(&far).abstained);
    // One scene does not show the distance between scenes.
    let mut young = self::learner(false);
    trained(&mut young, MethodName::Hindsight, 10, &mut Notebook::default());
    young.finish_training();
    assert!(young.policy.support().is_none() && !young.policy.decide(&far).abstained);
}

#[test]
fn the_same_seed_gives_the_same_bits_and_another_does_not() {
    let run = |seed: u64| {
        let mut learner = Learner::new(policy(&actions(), false, seed), seed);
        trained(&mut learner, MethodName::RmRl, 20, &mut Notebook::default());
        bits(&learner)
    };
    assert!(run(3) == run(3));
    assert!(run(3) != run(4));
}

/// Only changes within the part that a policy sees make a difference to it.
#[test]
fn a_policy_sees_the_image_the_square_around_the_plate_or_nothing_of_it() {
    let seen = |view: ViewName, changed: [u32; 2]| {
        let policy = policy_that_sees(view, &actions(), false, 0);
        let observe = |changed: Option<[u32; 2]>| {
            let mut image = RgbImage::from_pixel(80, 60, Rgb([90; 3]));
            if let Some([u, v]) = changed {
                image.put_pixel(u, v, Rgb([250; 3]));
            }
            let plate_in_image = PlateInImage { u_px: 40.0, v_px: 30.0, diagonal_px: 20.0 };
            let (image, estimated_pose) = (Arc::new(image), PlanarPose::new(0.05, 0.0, 0.1));
            policy.encode(&Observation {
                features: None,
                look_error_m: None,
                carries: Vec::new(),
                image,
                estimated_pose,
                plate_in_image,
            })
        };
        observe(None) != observe(Some(changed))
    };
    let (near, far) = ([38, 33], [70, 50]);
    assert!(seen(ViewName::Global, near) && seen(ViewName::Global, far));
    assert!(seen(ViewName::Crop, near) && !seen(ViewName::Crop, far));
    assert!(!seen(ViewName::None, near) && !seen(ViewName::None, far));
}

/// In a world whose images say nothing, the pose is enough; and the file has no encoder.
#[test]
fn a_policy_that_sees_no_image_learns_and_has_no_encoder() {
    let none = mean_reward(&mut NoCorrection, 20);
    let initial = policy_that_sees(ViewName::None, &actions(), false, 0);
    let names = String::from_utf8_lossy(&weights(&initial)).into_owned();
    assert!(names.contains("heads.0") && !names.contains("encoder."));
    let mut learner = Learner::new(initial, 0);
    trained(&mut learner, MethodName::RmRl, 150, &mut Notebook::default());
    let learned = mean_reward(&mut GreedyPolicy(&learner.policy), 20);
    assert!((1.0 - learned) / (1.0 - none) < 0.5, "{none} -> {learned}");
}

#[test]
fn policies_and_checkpoints_of_another_view_are_refused_and_their_own_come_back() {
    let views = [ViewName::Global, ViewName::Crop, ViewName::None];
    let folder = tempfile::tempdir().unwrap();
    for view in views {
        let mut notebook = Notebook { checkpoint_after: Some(10), ..Notebook::default() };
        let mut whole = Learner::new(policy_that_sees(view, &actions(), false, 0), 0);
        trained(&mut whole, MethodName::PpoRmRl, 20, &mut notebook);
        // With its training states, which have no features if the policy has no view.
        whole.finish_training();
        assert!(whole.policy.support().is_some());
        let path = folder.path().join("p.safetensors");
        std::fs::write(&path, weights(&whole.policy)).unwrap();
        // The view is part of a policy file.
        let deployed = Policy::from_file(&path, &PolicyConfig::default()).unwrap();
        assert!(weights(&deployed) == weights(&whole.policy), "{view:?}");
        for other in views {
            let fresh = || policy_that_sees(other, &actions(), false, 0);
            let deployed = Policy::from_file(&path, &PolicyConfig::default()).unwrap();
            let started = fresh().start_from(deployed, &path);
            let resumed = Learner::from_checkpoint(fresh(), &path, &notebook.checkpoint);
            if other == view {
                started.unwrap();
                let mut resumed = resumed.unwrap();
                trained(&mut resumed, MethodName::PpoRmRl, 20, &mut Notebook::default());
                resumed.finish_training();
                assert!(bits(&resumed) == bits(&whole), "{view:?}");
            } else {
                for error in [started.unwrap_err(), resumed.err().unwrap()] {
                    let message = error.to_string();
                    assert!(message.contains("another view of the image"), "{message}");
                    assert!(message.contains(&format!("{other:?}")), "{message}");
                }
            }
        }
    }
}

#[test]
fn a_learner_brought_back_from_a_checkpoint_becomes_what_it_would_have() {
    for (method, train_encoder) in [
        (MethodName::RmRl, false),
        (MethodName::RmRl, true),
        (MethodName::Replay, false),
        (MethodName::Hindsight, false),
        (MethodName::Reinforce, true),
        (MethodName::ActorCritic, true),
        (MethodName::ActorCriticRmRl, false),
        (MethodName::Ppo, true),
        (MethodName::PpoRmRl, false),
    ] {
        let mut notebook = Notebook { checkpoint_after: Some(10), ..Notebook::default() };
        let mut uninterrupted = learner(train_encoder);
        trained(&mut uninterrupted, method, 20, &mut notebook);

        let path = Path::new("trial-000010.safetensors");
        let initial = policy(&actions(), train_encoder, 0);
        let mut resumed = Learner::from_checkpoint(initial, path, &notebook.checkpoint).unwrap();
        assert_eq!(resumed.trials(), 10);
        trained(&mut resumed, method, 20, &mut Notebook::default());
        assert!(bits(&uninterrupted) == bits(&resumed), "{method}, encoder {train_encoder}");
    }
}

/// Like [`a_learner_brought_back_from_a_checkpoint_becomes_what_it_would_have`], and from the log
/// alone, with labels that change long after their trial.
#[test]
fn labels_by_similarity_survive_an_interruption() {
    let train_to_20 = |learner: &mut Learner, recorded: TrialBacklog, notebook: &mut Notebook| {
        let mut world = OffsetWorld::new(notebook);
        let method = MethodName::RmRl.method(&BY_SIMILARITY, &OnlineConfig::default()).unwrap();
        let parts = (method, &BY_SIMILARITY);
        run_method(&mut world, learner, parts, 20, recorded, notebook).unwrap();
    };
    let mut notebook = Notebook { checkpoint_after: Some(10), ..Notebook::default() };
    let mut whole = learner(false);
    train_to_20(&mut whole, TrialBacklog::nothing(), &mut notebook);

    let path = Path::new("trial-000010.safetensors");
    let initial = policy(&actions(), false, 0);
    let mut resumed = Learner::from_checkpoint(initial, path, &notebook.checkpoint).unwrap();
    train_to_20(&mut resumed, TrialBacklog::nothing(), &mut Notebook::default());
    assert!(bits(&whole) == bits(&resumed));

    let mut from_log = learner(false);
    train_to_20(&mut from_log, TrialBacklog::new(notebook.trials, 0), &mut Notebook::default());
    assert!(bits(&whole) == bits(&from_log));
}

const FROM_COARSE_TO_FINE: ScheduleConfig =
    ScheduleConfig { refinements: 2, refine_interval: 15, ..BY_SIMILARITY };

fn refine_while_training(
    learner: &mut Learner,
    trials: u32,
    log: &mut Notebook,
    made: TrialBacklog,
) {
    let mut world = OffsetWorld::new(log);
    let schedule = &FROM_COARSE_TO_FINE;
    let method = MethodName::RmRl.method(schedule, &OnlineConfig::default()).unwrap();
    run_method(&mut world, learner, (method, schedule), trials, made, log).unwrap();
}

/// Candidates are refined between scenes, and all earlier actions keep their meaning.
#[test]
fn candidates_become_finer_and_what_was_done_stays_what_it_was() {
    let mut learner = learner(false);
    let mut log = Notebook::default();
    refine_while_training(&mut learner, 40, &mut log, TrialBacklog::nothing());
    let sizes = |trial: usize| {
        let probabilities = log.trials[trial - 1].decision.probabilities.as_ref().unwrap();
        probabilities.each_ref().map(Vec::len)
    };
    // Fifteen trials are over within the second scene, thirty at the end of the third.
    let found = [20, 21, 30, 31].map(sizes);
    assert_eq!(found, [[9, 9, 5], [17, 17, 9], [17, 17, 9], [33, 33, 17]]);
    let candidates = learner.policy.actions();
    assert_eq!(*candidates, actions().refined().refined());
    for (experience, trial) in learner.memory.experiences().iter().zip(&log.trials) {
        assert_eq!(candidates.adjustment(experience.action), Some(trial.decision.adjustment));
    }
}

/// The earlier candidates of a policy keep their odds, and each new one has the geometric mean of its
/// neighbors' odds.
#[test]
fn refining_changes_none_of_the_odds() {
    let mut learner = learner(false);
    trained(&mut learner, MethodName::RmRl, 10, &mut Notebook::default());
    let state = learner.memory.state(1).clone();
    let before = learner.policy.distribution(&state);
    // No method: the policy learns nothing more, and after the second scene the grid is halved.
    let schedule =
        ScheduleConfig { refinements: 1, refine_interval: 20, ..ScheduleConfig::default() };
    let mut log = Notebook::default();
    let mut world = OffsetWorld::new(&log);
    let (parts, nothing) = ((NO_METHOD, &schedule), TrialBacklog::nothing());
    run_method(&mut world, &mut learner, parts, 20, nothing, &mut log).unwrap();
    let after = learner.policy.distribution(&state);
    for (before, after) in before.iter().zip(&after) {
        assert_eq!(after.len(), 2 * before.len() - 1);
        for (index, pair) in before.windows(2).enumerate() {
            let [left, middle, right] = [0, 1, 2].map(|next| f64::from(after[2 * index + next]));
            assert!((right / left / f64::from(pair[1] / pair[0]) - 1.0).abs() < 1e-3);
            assert!((middle / (left * right).sqrt() - 1.0).abs() < 1e-3);
        }
    }
}

#[test]
fn a_training_from_coarse_to_fine_survives_an_interruption() {
    let mut log = Notebook { checkpoint_after: Some(30), ..Notebook::default() };
    let mut whole = learner(false);
    refine_while_training(&mut whole, 50, &mut log, TrialBacklog::nothing());
    let path = Path::new("trial-000030.safetensors");
    let initial = policy(&actions(), false, 0);
    let mut resumed = Learner::from_checkpoint(initial, path, &log.checkpoint).unwrap();
    assert_eq!(resumed.policy.actions().sizes(), [33, 33, 17]);
    refine_while_training(&mut resumed, 50, &mut Notebook::default(), TrialBacklog::nothing());
    assert!(bits(&whole) == bits(&resumed));
    let mut from_log = learner(false);
    let made = TrialBacklog::new(log.trials, 0);
    refine_while_training(&mut from_log, 50, &mut Notebook::default(), made);
    assert!(bits(&whole) == bits(&from_log));
}

#[test]
fn a_checkpoint_of_something_else_is_refused_with_what_differs() {
    let mut notebook = Notebook { checkpoint_after: Some(10), ..Notebook::default() };
    trained(&mut learner(false), MethodName::RmRl, 10, &mut notebook);
    let whole = notebook.checkpoint;
    let other_actions = ActionSpace::symmetric([9, 9, 5], [0.001, 0.001, 0.01]).unwrap();
    let more_actions = ActionSpace::symmetric([11, 9, 5], [0.002, 0.002, 0.01]).unwrap();
    let policy_file = policy(&actions(), false, 0).to_safetensors(&Metadata::new());
    let wider = {
        let narrow = policy(&actions(), false, 0);
        let config = PolicyConfig { head_width: 129, ..narrow.config().clone() };
        let scaling = PoseScaling::new(PlanarPose::default(), [0.1, 0.1, 0.5]);
        Policy::new(&config, &actions(), scaling, 0).unwrap()
    };
    for (policy, bytes, expected) in [
        (policy(&other_actions, false, 0), whole.clone(), "candidate values"),
        (policy(&more_actions, false, 0), whole.clone(), "candidate values"),
        (wider, whole.clone(), "network"),
        (policy(&actions(), false, 1), whole.clone(), "frozen encoder"),
        (policy(&actions(), true, 0), whole.clone(), "frozen encoder"),
        (policy(&actions(), false, 0), whole[..whole.len() / 2].to_vec(), "safetensors"),
        (policy(&actions(), false, 0), policy_file, "learner"),
    ] {
        let path = Path::new("checkpoints/trial-000010.safetensors");
        let error = Learner::from_checkpoint(policy, path, &bytes).err().unwrap().to_string();
        assert!(error.contains("trial-000010.safetensors"), "{error}");
        assert!(error.contains(expected), "expected {expected}: {error}");
    }
}

/// Every valid width makes a network, also an odd one.
#[test]
fn every_accepted_width_of_the_encoder_makes_a_policy() {
    let observation = Observation {
        features: None,
        look_error_m: None,
        carries: Vec::new(),
        image: Arc::new(RgbImage::from_pixel(40, 30, Rgb([90; 3]))),
        estimated_pose: PlanarPose::default(),
        plate_in_image: PlateInImage::default(),
    };
    let mut accepted = 0;
    for base_width in 1..=48 {
        let encoder = EncoderConfig {
            base_width,
            image_size: 32,
            weights: EncoderWeights::Random,
            ..EncoderConfig::default()
        };
        let config = PolicyConfig { encoder, ..PolicyConfig::default() };
        if config.validate().is_err() {
            continue;
        }
        accepted += 1;
        let scaling = PoseScaling::new(PlanarPose::default(), [0.1, 0.1, 0.5]);
        let policy = Policy::new(&config, &actions(), scaling, 0).unwrap();
        let [dx, ..] = policy.distribution(&policy.encode(&observation));
        assert!((dx.iter().sum::<f32>() - 1.0).abs() < 1e-5, "width {base_width}");
    }
    assert_eq!(accepted, 12 + 3);
}
