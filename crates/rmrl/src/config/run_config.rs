//! The configuration of a run, and its defaults for each task and method.

use std::collections::BTreeSet;
use std::path::PathBuf;

use rmrl_cell::{SafetyConfig, TaskConfig, TaskKind};
use rmrl_core::{ActionSpace, ActionSpaceError, Claim, ConfigKeys, PlanarPose, RewardFunction};
use rmrl_learn::{
    ConstantOffset, Method, MethodName, OnlineConfig, PolicyConfig, PoseScaling, ScheduleConfig,
    TrialPlan,
};
use rmrl_sim::SimulationConfig;
use rmrl_vision::Recording;
use rmrl_xarm::XArmConfig;
use serde::{Deserialize, Serialize};

use crate::config::notify::NotifyConfig;
use crate::config::page::PageSettings;
use crate::config::remote::RemoteConfig;
use crate::config::sections::{
    ActionsConfig, CameraConfig, CellConfig, CellKind, MetricsConfig, OperatorKind, RecordConfig,
    VisionConfig,
};
use crate::config::unattended::UnattendedConfig;

/// Everything that decides what a run does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ConfigKeys)]
#[serde(deny_unknown_fields)]
#[config(own_validate)]
pub struct RunConfig {
    /// The learning method, or a baseline.
    #[key(kind = "a method that `rmrl train --help` lists")]
    pub method: MethodName,
    /// Trials of the run. Default 150: about the paper's 7 hours at 2 to 3 minutes a trial.
    #[key(at_least = 1, limit = 1_000_000)]
    pub trials: u32,
    /// A claim about the measured error of the policy as deployed, such as `1.0mm@95%`, with which the run ends
    /// as soon as tests have proven it. Default none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[key(kind = "a claim such as \"1.0mm@95%\"")]
    pub until: Option<Claim>,
    /// Seeds the network, exploration, replay and placements; and the simulated cell, unless
    /// `cell.seed` names another.
    #[key(at_least = 0, at_most = u32::MAX)]
    pub seed: u32,
    /// A policy to start from, for `rm-rl-pretrained`. Without one, an earlier run is made first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pretrained: Option<PathBuf>,
    /// The work cell.
    #[key(nested)]
    pub cell: CellConfig,
    /// The candidate values of an action.
    #[key(nested)]
    pub actions: ActionsConfig,
    /// The reward.
    #[key(nested)]
    pub reward: RewardFunction,
    /// The schedule of training.
    #[key(nested)]
    pub schedule: ScheduleConfig,
    /// The on-line updates of actor-critic and PPO.
    #[key(nested)]
    pub online: OnlineConfig,
    /// The policy network.
    #[key(nested)]
    pub policy: PolicyConfig,
    /// The task: from where to where the plate is moved.
    #[key(nested)]
    pub task: TaskConfig,
    /// The safety envelope: motions outside of it are refused.
    #[key(nested)]
    pub safety: SafetyConfig,
    /// The arm and its gripper, where `cell.kind` is `xarm`.
    #[serde(default)]
    #[key(nested)]
    pub xarm: XArmConfig,
    /// Another program with a camera and an operator, where these are `remote`.
    #[serde(default)]
    #[key(nested)]
    pub remote: RemoteConfig,
    /// The overhead camera.
    #[serde(default)]
    #[key(nested)]
    pub camera: CameraConfig,
    /// How the plate is found.
    #[key(nested)]
    pub vision: VisionConfig,
    /// How runs are measured.
    #[key(nested)]
    pub metrics: MetricsConfig,
    /// What is kept of each trial.
    #[key(nested)]
    pub record: RecordConfig,
    /// Limits of an unattended run.
    #[serde(default)]
    #[key(nested)]
    pub unattended: UnattendedConfig,
    /// The operator's page.
    #[serde(default)]
    #[key(nested)]
    pub page: PageSettings,
    /// Messages to people elsewhere.
    #[serde(default)]
    #[key(nested)]
    pub notify: NotifyConfig,
    /// How the cell is simulated.
    #[key(nested)]
    pub simulation: SimulationConfig,
}

impl RunConfig {
    /// The defaults for a task, with the recommended method.
    pub fn for_task(kind: TaskKind) -> Self {
        Self::of(kind, MethodName::RECOMMENDED)
    }

    /// The defaults for a task and a method.
    ///
    /// Hindsight has its own: its labels come with each trial and compare no trials with each other,
    /// so every trial may start somewhere else, and they are exact enough for larger steps and to begin
    /// with finer candidates that reach farther. Tried on simulated cells (seeds 0 to 7; candidates on
    /// 0 to 5, their reach on 0 to 19). The oracle, which no policy is to beat, reaches as far.
    pub fn of(kind: TaskKind, method: MethodName) -> Self {
        let mut config = Self::common(kind);
        config.method = method;
        if method == MethodName::Hindsight {
            config.schedule.trials_per_scene = 1;
            config.schedule.scene_epochs = 2;
            config.policy.label_sigma_bins = 0.7;
            config.policy.learning_rate = 1e-3;
            config.actions.translation_bins = 17;
            config.actions.translation_step_mm = 1.25;
            config.schedule.refinements = 1;
        }
        if method.is_self_calibration()
            || matches!(method, MethodName::CalibratedOracle | MethodName::Chessboard)
        {
            config.schedule.trials_per_scene = 1;
        }
        if method.is_self_calibration() {
            // It corrects all that camera and tool are off, also once the camera has been bumped.
            config.safety.max_adjustment_m = 0.025;
            config.schedule.carries = 6;
        }
        if matches!(method, MethodName::CalibratedOracle | MethodName::Chessboard) {
            // What camera and tool are off is no learned correction: it may be as large as the cell has it.
            config.safety.max_adjustment_m = 0.025;
        }
        if method == MethodName::Oracle {
            config.actions.translation_bins = 9;
        }
        config
    }

    /// The defaults that all methods share.
    fn common(kind: TaskKind) -> Self {
        Self {
            method: MethodName::default(),
            trials: 150,
            until: None,
            seed: 0,
            pretrained: None,
            cell: CellConfig {
                kind: CellKind::Simulated,
                seed: None,
                operator: OperatorKind::Terminal,
            },
            actions: ActionsConfig {
                translation_bins: 7,
                translation_step_mm: 2.5,
                rotation_bins: 13,
                rotation_step_deg: 0.5,
            },
            reward: RewardFunction::default(),
            schedule: ScheduleConfig::default(),
            online: OnlineConfig::default(),
            policy: PolicyConfig::default(),
            task: TaskConfig::of(kind),
            safety: SafetyConfig::default(),
            xarm: XArmConfig::default(),
            remote: RemoteConfig::default(),
            camera: CameraConfig::default(),
            vision: VisionConfig::default(),
            metrics: MetricsConfig {
                reward_threshold: 0.97,
                smoothing: 0.9,
                noise_floor_repeats: 20,
                image_interval: 10,
            },
            record: RecordConfig { depth: true, exact: false },
            unattended: UnattendedConfig::default(),
            page: PageSettings::default(),
            notify: NotifyConfig::default(),
            simulation: SimulationConfig::default(),
        }
    }

    /// This configuration as its run directory keeps it, with the configuration at `path`. The calibration is the
    /// copy beside it, because the file that it came from may have changed since.
    #[must_use]
    pub(crate) fn beside(mut self, path: &std::path::Path) -> Self {
        if let Some(calibration) = &mut self.camera.calibration {
            *calibration = path.with_file_name(Recording::CAMERA);
        }
        self
    }

    /// The configuration as TOML, complete, with the secrets in it.
    pub fn to_toml(&self) -> String {
        toml::to_string(self).expect("a configuration is made of TOML's types")
    }

    /// The configuration as a TOML table, complete.
    pub(crate) fn to_table(&self) -> toml::Table {
        toml::Table::try_from(self).expect("a configuration is made of TOML's types")
    }

    /// The first key, in the order of the alphabet, that a run of another configuration has otherwise.
    pub fn first_difference(&self, other: &Self) -> Option<String> {
        first_difference(&self.to_run_table(), &other.to_run_table())
    }

    /// This configuration on a task: its own, or the defaults of another one.
    #[must_use]
    pub(crate) fn on_task(&self, kind: TaskKind) -> Self {
        let mut config = self.clone();
        if config.task.kind != kind {
            config.task = TaskConfig::of(kind);
        }
        config
    }

    /// The seed of the simulated laboratory.
    pub fn cell_seed(&self) -> u32 {
        self.cell.seed.unwrap_or(self.seed)
    }

    /// The cell as people call it.
    pub fn cell_name(&self) -> String {
        match self.cell.kind {
            CellKind::Simulated => format!("simulated cell {}", self.cell_seed()),
            CellKind::XArm => format!("{} at {}", self.xarm.model, self.xarm.host),
            CellKind::External => "robot of a program".to_string(),
        }
    }

    /// The action space that training begins with.
    ///
    /// # Errors
    /// The candidates make none.
    pub fn action_space(&self) -> Result<ActionSpace, ActionSpaceError> {
        let ActionsConfig {
            translation_bins,
            translation_step_mm,
            rotation_bins,
            rotation_step_deg,
        } = self.actions;
        let step_m = translation_step_mm / 1000.0;
        ActionSpace::symmetric(
            [translation_bins, translation_bins, rotation_bins],
            [step_m, step_m, rotation_step_deg.to_radians()],
        )
    }

    /// The action space as it is after `trials` trials: refined as often as the schedule says, and
    /// from the beginning the finest for methods that learn nothing and have nothing to wait for.
    ///
    /// # Errors
    /// The candidates make none.
    pub fn action_space_after(&self, trials: u32) -> Result<ActionSpace, ActionSpaceError> {
        let trials = if self.method.learns() { trials } else { u32::MAX };
        let refinements = self.schedule.refinements_after(trials);
        Ok((0..refinements).fold(self.action_space()?, |actions, _| actions.refined()))
    }

    /// The method that learns; `None` where none does.
    pub fn learning_method(&self) -> Option<Method> {
        self.method.method(&self.schedule, &self.online)
    }

    /// What each trial is for, and when the run ends.
    pub fn trial_plan(&self) -> TrialPlan {
        match self.until {
            None => TrialPlan::of_trials(self.trials, self.schedule.trials_per_scene),
            Some(claim) if self.method.learns() => {
                TrialPlan::to_prove(claim, self.trials, &self.schedule)
            }
            Some(claim) => {
                let settled = match self.method {
                    MethodName::Constant => ConstantOffset::MEASURED_TRIALS as u32,
                    method if method.is_self_calibration() => SETTLED_GEOMETRY,
                    _ => 0,
                };
                TrialPlan::to_prove_of_fixed(claim, self.trials, settled)
            }
        }
    }

    /// About how long the robot takes for the carries before the first trial, in minutes.
    pub fn carry_minutes(&self) -> f64 {
        let center = self.task.start.center();
        let [x_m, y_m, _] = self.task.start.half_extent();
        let corner = |sign: f64| {
            PlanarPose::new(center.x_m + sign * x_m, center.y_m + sign * y_m, center.yaw_rad)
        };
        f64::from(self.schedule.carries) * self.task.carry_secs(corner(-1.0), corner(1.0)) / 60.0
    }

    /// The height of the middle of a plate at its start, in meters.
    pub fn start_height_m(&self) -> f64 {
        self.task.start_surface_m + 0.5 * self.vision.localizer.plate.height_m
    }

    /// How the policy scales poses: the task's start region becomes `[-1, 1]`.
    pub fn pose_scaling(&self) -> PoseScaling {
        PoseScaling::new(self.task.start.center(), self.task.start.half_extent())
    }
}

/// After how many trials the tests of a self-calibration begin, which prove what it knows by then.
const SETTLED_GEOMETRY: u32 = 20;

/// The first key, in the order of the alphabet, that two tables do not both have or have otherwise.
pub(crate) fn first_difference(a: &toml::Table, b: &toml::Table) -> Option<String> {
    let keys: BTreeSet<&String> = a.keys().chain(b.keys()).collect();
    keys.into_iter().find_map(|key| match (a.get(key), b.get(key)) {
        (Some(toml::Value::Table(a)), Some(toml::Value::Table(b))) => {
            first_difference(a, b).map(|rest| format!("{key}.{rest}"))
        }
        (a, b) => (a != b).then(|| key.clone()),
    })
}
