//! A task of your own: grip the plate, lift it, and put it down again where it was.
//!
//! A task only has to implement the two functions of `Env`. This one uses the same devices, safety
//! envelope and localizer as the project's tasks. The policy learns to center the jaws on the plate,
//! because closing jaws push aside a plate that is off center.
//!
//! `cargo run --release --example own_task`

use rmrl::{RunConfig, localizer};
use rmrl_cell::{Camera, GraspOutcome, GuardedArm, Manipulator, MotionError, SafetyEnvelope, Task};
use rmrl_core::{
    Env, Fault, FaultKind, Observation, Outcome, Placement, PlacementError, PlanarPose,
    PoseAdjustment, RewardFunction, StepResult, TrialId, TrialReport,
};
use rmrl_learn::{
    Learner, MethodName, Observer, ObserverError, Policy, Training, TrialBacklog, TrialPlan,
};
use rmrl_sim::SimulatedCell;
use rmrl_vision::Localizer;

/// Grip, lift, put down: the plate should not have moved.
struct UndisturbedGrasp {
    camera: Box<dyn Camera>,
    manipulator: Manipulator,
    localizer: Localizer,
    task: Task,
    reward: RewardFunction,
    /// Where the plate was seen last.
    estimated_pose: PlanarPose,
    /// The scene that the plate was put in place for; 0 before the first one.
    scene: u32,
}

impl UndisturbedGrasp {
    /// Looks for the plate with the arm out of the way.
    fn observe(&mut self) -> Result<Observation, Fault> {
        self.manipulator.go_home().map_err(motion_fault)?;
        let frame = self.camera.capture().map_err(|error| motion_fault(error.into()))?;
        let found = self
            .localizer
            .localize(&frame, &self.camera.model())
            .map_err(|error| Fault { kind: FaultKind::Localization, reason: error.to_string() })?;
        self.estimated_pose = found.pose;
        Ok(Observation {
            features: None,
            image: frame.color,
            estimated_pose: found.pose,
            plate_in_image: found.in_image,
            look_error_m: None,
            carries: Vec::new(),
        })
    }

    /// Picks the plate up at `from` and puts it down at `to`; `None` if it was not grasped.
    fn carry(&mut self, from: PlanarPose, to: PlanarPose) -> Result<Option<()>, MotionError> {
        let config = &self.task.config;
        let surface_m = config.start_surface_m;
        let above = config.grasp_pose(to, surface_m).at_height(config.travel_height_m);
        let grasp = self.manipulator.grasp(config.grasp_pose(from, surface_m))?;
        if matches!(grasp, GraspOutcome::Failed(_)) {
            return Ok(None);
        }
        let held = self.manipulator.release([above], config.release_pose(to, surface_m))?;
        Ok(held.then_some(()))
    }
}

impl Env for UndisturbedGrasp {
    fn reset(&mut self, id: TrialId) -> Result<Observation, Fault> {
        if id.scene != self.scene {
            let from = self.observe()?.estimated_pose;
            self.carry(from, self.task.start(id)).map_err(motion_fault)?;
            self.scene = id.scene;
        }
        self.observe()
    }

    fn step(&mut self, adjustment: PoseAdjustment) -> StepResult {
        let before = self.estimated_pose;
        let envelope = self.manipulator.arm().envelope();
        envelope.check_adjustment(adjustment).map_err(|refusal| motion_fault(refusal.into()))?;
        let pick_pose = before.adjusted(adjustment);
        if self.carry(pick_pose, pick_pose).map_err(motion_fault)?.is_none() {
            return Ok(Outcome::NotGrasped(rmrl_core::GraspFailure::Missed));
        }
        let after = self.observe()?.estimated_pose;
        let error = PlacementError::between(after, before);
        Ok(Outcome::Placed(Placement {
            final_look_error_m: None,
            pick_pose,
            final_pose: after,
            target_pose: before,
            error,
            reward: self.reward.reward(error),
            seated: true,
        }))
    }
}

fn motion_fault(error: MotionError) -> Fault {
    Fault { kind: FaultKind::Device, reason: error.to_string() }
}

/// Prints the mean displacement of each scene. A laboratory would record every trial here.
#[derive(Default)]
struct Printer {
    displacements_mm: Vec<f64>,
}

impl Observer<UndisturbedGrasp> for Printer {
    fn trial_ended(
        &mut self,
        _: &UndisturbedGrasp,
        report: TrialReport<'_>,
    ) -> Result<(), ObserverError> {
        if let TrialReport::Completed(trial) = report {
            let displacement = trial.outcome.placement().map(|placed| placed.error.e_trans_m);
            self.displacements_mm.extend(displacement.map(|meters| 1000.0 * meters));
            if trial.id.trial % 10 == 0 {
                let mean = rmrl_core::mean(&self.displacements_mm);
                println!("scene {:>2}: moved by {mean:.2} mm on average", trial.id.scene);
                self.displacements_mm.clear();
            }
        }
        Ok(())
    }
}

fn main() -> anyhow::Result<()> {
    let config = RunConfig::of(rmrl_cell::TaskKind::Table, MethodName::RmRl);
    let cell = SimulatedCell::new(&config.simulation, &config.task, 0, 0)?;
    let devices = cell.devices();
    // The simulated plate starts in its box, which this task does not need.
    cell.put_plate(config.task.start.center(), config.task.start_surface_m);

    let arm = GuardedArm::new(devices.arm, SafetyEnvelope::new(config.safety)?);
    let mut task = UndisturbedGrasp {
        camera: devices.camera,
        manipulator: Manipulator::new(arm, devices.gripper, &config.task),
        localizer: localizer(&config.vision)?,
        task: Task { config: config.task.clone(), placement_seed: 0 },
        reward: config.reward,
        estimated_pose: PlanarPose::default(),
        scene: 0,
    };
    let actions = config.action_space()?;
    let policy = Policy::new(&config.policy, &actions, config.pose_scaling(), 0)?;
    let mut learner = Learner::new(policy, 0);
    let mut method =
        MethodName::RmRl.method(&config.schedule, &config.online).expect("RM-RL learns");
    let training = Training {
        env: &mut task,
        learner: &mut learner,
        method: &mut method,
        schedule: &config.schedule,
        plan: TrialPlan::of_trials(100, config.schedule.trials_per_scene),
        backlog: TrialBacklog::nothing(),
        observer: &mut Printer::default(),
    };
    Ok(training.run()?)
}
