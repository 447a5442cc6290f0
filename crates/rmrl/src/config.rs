//! The configuration of a run: defaults, then a file, then single values, each checked.

mod layers;
mod validate;

use std::collections::BTreeSet;
use std::path::PathBuf;

use rmrl_cell::{DriftConfig, Refusal, SafetyConfig, TaskConfig, TaskKind};
use rmrl_core::{ActionSpace, ActionSpaceError, Claim, RewardFunction};
use rmrl_grounded_sam::{GroundingDinoConfig, SegmentAnythingConfig};
use rmrl_learn::{Method, MethodName, OnlineConfig, PolicyConfig, PoseScaling, ScheduleConfig};
use rmrl_realsense::RealSenseConfig;
use rmrl_sim::SimulationConfig;
use rmrl_vision::{ColorThreshold, LocalizerConfig, Recording};
use rmrl_xarm::{ReportPort, XArmConfig};
use serde::{Deserialize, Serialize};

pub use self::layers::Layers;
use crate::cell::remote::DistantConfig;
use crate::supervision::notify::NotifyConfig;
use crate::supervision::run_page::PageSettings;
use crate::supervision::supervisor::UnattendedConfig;

/// Everything that decides what a run does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunConfig {
    /// What learns, or stands in for it.
    pub method: MethodName,
    /// Trials of the run. Default 150: about the paper's 7 hours at 2 to 3 minutes a trial.
    pub trials: u32,
    /// A claim about the measured error, such as `1.0mm@95%`, with which the run ends as soon as it
    /// is proven. Default none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Claim>,
    /// Seeds the network, exploration, replay and placements; and the simulated cell, unless
    /// `cell.seed` names another.
    pub seed: u32,
    /// A policy to start from, for `rm-rl-pretrained`. Without one, an earlier run is made first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pretrained: Option<PathBuf>,
    /// The work cell.
    pub cell: CellConfig,
    /// The candidate values of an action.
    pub actions: ActionsConfig,
    /// The reward.
    pub reward: RewardFunction,
    /// When to learn from what.
    pub schedule: ScheduleConfig,
    /// The on-line updates of actor-critic and PPO.
    pub online: OnlineConfig,
    /// The policy network.
    pub policy: PolicyConfig,
    /// What to do.
    pub task: TaskConfig,
    /// What never to do.
    pub safety: SafetyConfig,
    /// The arm and its gripper, where `cell.kind` is `xarm`.
    #[serde(default)]
    pub xarm: XArmConfig,
    /// Another program with a camera and a person, where these are `distant`.
    #[serde(default)]
    pub distant: DistantConfig,
    /// The overhead camera.
    #[serde(default)]
    pub camera: CameraConfig,
    /// How to find the plate.
    pub vision: VisionConfig,
    /// How runs are measured.
    pub metrics: MetricsConfig,
    /// What is kept of each trial.
    pub record: RecordConfig,
    /// What is put up with while nobody stands beside the cell.
    #[serde(default)]
    pub unattended: UnattendedConfig,
    /// The operator's page.
    #[serde(default)]
    pub page: PageSettings,
    /// Who is told when something happens.
    #[serde(default)]
    pub notify: NotifyConfig,
    /// How the cell is simulated.
    pub simulation: SimulationConfig,
}

/// Which work cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CellConfig {
    /// What stands there.
    pub kind: CellKind,
    /// Which laboratory is simulated; each seed is another. Default: the run's seed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<u32>,
    /// Who does what a robot cannot. Default `terminal`; a simulated cell needs nobody.
    #[serde(default)]
    pub person: PersonName,
}

/// Who is asked whether the arm may make its first motion, to put a plate into its target, or back where the
/// robot can reach it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PersonName {
    /// Whoever sits at the terminal.
    #[default]
    Terminal,
    /// Whoever has the operator's page open and its token; the page has to be served.
    Page,
    /// Another program, or the person whom that asks.
    Distant,
}

/// What stands in the cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CellKind {
    /// Simulated devices.
    Simulated,
    /// A robot arm of UFACTORY with a BIO gripper, or its emulator; `xarm.model` says which arm. Older files
    /// say `xarm6`.
    #[serde(rename = "xarm", alias = "xarm6")]
    XArm,
}

/// Where pictures come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CameraSource {
    /// The simulated cell.
    #[default]
    Simulated,
    /// A RealSense camera; in a build with the feature of its name.
    Realsense,
    /// Another program, by TCP.
    Distant,
    /// A recording, for commands that only look: it shows nothing of what the arm does.
    Recorded,
}

/// The candidate values of an action, evenly spaced around zero.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ActionsConfig {
    /// Candidates of Δx and of Δy to begin with. Default 7.
    pub translations: usize,
    /// Their distance, in millimetres. Default 2.5: with 7 they reach 7.5 mm, what the calibration
    /// and tool errors of a laboratory rarely add up to along the fingers. `schedule.refinements`
    /// halves it as training goes on.
    pub translation_step_mm: f64,
    /// Candidates of Δψ to begin with. Default 13.
    pub rotations: usize,
    /// Their distance, in degrees, refined with the others'. Default 0.5.
    pub rotation_step_deg: f64,
}

/// The overhead camera: its calibration, and whether that still holds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CameraConfig {
    /// Where pictures come from. Default the simulated cell.
    pub source: CameraSource,
    /// The folder of the recording, where pictures come from one. Default none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recording: Option<PathBuf>,
    /// The camera file of `rmrl calibrate`. Default none: a simulated cell draws how far its camera is
    /// off.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub calibration: Option<PathBuf>,
    /// The largest residual, by `rmrl calibrate check`, with which a run begins, in millimetres.
    /// Default 2: candidates of a few millimetres have to make up for it and the tool's error together.
    pub max_residual_mm: f64,
    /// How long ago a calibration may have been made or last checked, in days. Default 30: mounts sag;
    /// untuned.
    pub max_age_days: f64,
    /// The watch over a board in the camera's view. Default none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub drift: Option<DriftConfig>,
    /// How a RealSense camera is asked for its pictures.
    pub realsense: RealSenseConfig,
}

impl Default for CameraConfig {
    fn default() -> Self {
        Self {
            source: CameraSource::Simulated,
            recording: None,
            calibration: None,
            max_residual_mm: 2.0,
            max_age_days: 30.0,
            drift: None,
            realsense: RealSenseConfig::default(),
        }
    }
}

/// How to find the plate.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VisionConfig {
    /// What finds the plate in the picture. Default `color`: it needs no model file.
    pub detector: DetectorName,
    /// What finds its pixels. Default `color`.
    pub segmenter: SegmenterName,
    /// From mask and depth to the pose.
    pub localizer: LocalizerConfig,
    /// The embedded detector and segmenter.
    pub color: ColorThreshold,
    /// The paper's detector; its files are opened where it is chosen.
    pub grounding_dino: GroundingDinoConfig,
    /// The paper's segmenter.
    pub segment_anything: SegmentAnythingConfig,
}

/// What finds plates in pictures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DetectorName {
    /// Dark rectangles on a lighter table.
    #[default]
    Color,
    /// What a text describes, by Grounding DINO.
    GroundingDino,
}

/// What finds a plate's pixels in its box.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SegmenterName {
    /// The largest dark object.
    #[default]
    Color,
    /// Segment Anything.
    SegmentAnything,
}

/// How runs are measured.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MetricsConfig {
    /// The threshold `τ` of Eq. 15. Default 0.97: 3 mm.
    pub reward_threshold: f64,
    /// The factor of the moving average, `m_t = f m_{t-1} + (1 - f) r_t`. Default 0.9.
    pub smoothing: f64,
    /// How often the resting plate is localised to measure the noise floor. Default 20.
    pub noise_floor_repeats: usize,
}

/// What is kept of each trial, besides its line in the log and its colour pictures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordConfig {
    /// Whether to keep depth pictures, too. Default true.
    pub depth: bool,
}

/// Why a configuration was refused. Says where it comes from, which key, and what was expected.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read the configuration {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Not TOML.
    #[error("{origin} is not valid TOML: {reason}")]
    Syntax {
        /// The file or option.
        origin: String,
        /// What is wrong, and where.
        reason: String,
    },
    /// A key that does not exist, or a value of the wrong type.
    #[error("{origin}: {key}: {reason}")]
    Key {
        /// The file or option.
        origin: String,
        /// The key.
        key: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A value that cannot be.
    #[error("{section}{reason}")]
    Value {
        /// The section the key belongs to, with its dot.
        section: &'static str,
        /// The key, the value, and what was expected.
        reason: String,
    },
    /// A pose that the arm is never to be sent to.
    #[error("{key} asks for what safety forbids: {refusal}; change one of them")]
    Unsafe {
        /// The key that the pose comes from.
        key: String,
        /// What the envelope says to it.
        refusal: Refusal,
    },
}

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

impl RunConfig {
    /// The defaults for a task, with the default method.
    pub fn for_task(kind: TaskKind) -> Self {
        Self::of(kind, MethodName::default())
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
            config.policy.label_width = 0.7;
            config.policy.learning_rate = 1e-3;
            config.actions.translations = 17;
            config.actions.translation_step_mm = 1.25;
            config.schedule.refinements = 1;
        }
        if method == MethodName::Oracle {
            config.actions.translations = 9;
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
                person: PersonName::Terminal,
            },
            actions: ActionsConfig {
                translations: 7,
                translation_step_mm: 2.5,
                rotations: 13,
                rotation_step_deg: 0.5,
            },
            reward: RewardFunction::default(),
            schedule: ScheduleConfig::default(),
            online: OnlineConfig::default(),
            policy: PolicyConfig::default(),
            task: TaskConfig::of(kind),
            safety: SafetyConfig::default(),
            xarm: XArmConfig::default(),
            distant: DistantConfig::default(),
            camera: CameraConfig::default(),
            vision: VisionConfig::default(),
            metrics: MetricsConfig {
                reward_threshold: 0.97,
                smoothing: 0.9,
                noise_floor_repeats: 20,
            },
            record: RecordConfig { depth: true },
            unattended: UnattendedConfig::default(),
            page: PageSettings::default(),
            notify: NotifyConfig::default(),
            simulation: SimulationConfig::default(),
        }
    }

    /// Reads the configuration that a run was made with.
    ///
    /// # Errors
    /// It cannot be read, or is not valid any more.
    pub fn of_run(path: &std::path::Path) -> Result<Self, ConfigError> {
        // Runs keep all keys but those that came later, which mean what was done before them.
        let mut config = Layers::default()
            .with_value("an earlier version", "policy.encoder.weights", "random")
            .with_value("an earlier version", "schedule.refinements", 0)
            .with_file(path)?
            .resolve()?;
        // The reports of earlier versions' port leave out what is checked before motions by now.
        if config.xarm.report_port == Some(ReportPort::Normal.number()) {
            config.xarm.report_port = Some(ReportPort::Rich.number());
        }
        Ok(config.beside(path))
    }

    /// The same as the run has it whose configuration is kept at `path`. Its calibration is kept there, too: the
    /// file that it came from may be made anew meanwhile.
    #[must_use]
    pub(crate) fn beside(mut self, path: &std::path::Path) -> Self {
        if let Some(calibration) = &mut self.camera.calibration {
            *calibration = path.with_file_name(Recording::CAMERA);
        }
        self
    }

    /// The configuration as TOML, complete.
    pub fn to_toml(&self) -> String {
        toml::to_string(self).expect("a configuration is made of TOML's types")
    }

    /// The configuration as a TOML table, complete.
    pub(crate) fn to_table(&self) -> toml::Table {
        toml::Table::try_from(self).expect("a configuration is made of TOML's types")
    }

    /// The first key, in the order of the alphabet, that another configuration has otherwise.
    pub fn first_difference(&self, other: &Self) -> Option<String> {
        first_difference(&self.to_table(), &other.to_table())
    }

    /// The same on a task: its own, or the defaults of another.
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
        }
    }

    /// The action space that training begins with.
    ///
    /// # Errors
    /// The candidates make none.
    pub fn action_space(&self) -> Result<ActionSpace, ActionSpaceError> {
        let ActionsConfig { translations, translation_step_mm, rotations, rotation_step_deg } =
            self.actions;
        let step_m = translation_step_mm / 1000.0;
        ActionSpace::symmetric(
            [translations, translations, rotations],
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

    /// How the policy scales poses: the task's start region becomes `[-1, 1]`.
    pub fn pose_scaling(&self) -> PoseScaling {
        PoseScaling::new(self.task.start.center(), self.task.start.half_extent())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rmrl_xarm::ArmModel;

    fn resolve(assignments: &[&str]) -> Result<RunConfig, ConfigError> {
        assignments
            .iter()
            .try_fold(Layers::default(), |layers, assignment| layers.with_assignment(assignment))?
            .resolve()
    }

    fn refusal(assignments: &[&str]) -> String {
        resolve(assignments).unwrap_err().to_string()
    }

    #[test]
    fn the_defaults_of_both_tasks_are_valid_and_survive_toml() {
        for kind in TaskKind::ALL {
            let config = RunConfig::for_task(kind);
            config.validate().unwrap();
            let read: RunConfig = toml::from_str(&config.to_toml()).unwrap();
            assert_eq!(read, config);
        }
    }

    /// Runs and files of earlier versions: every arm was an xArm 6 then.
    #[test]
    fn the_cell_of_an_earlier_version_is_an_xarm_6() {
        let real = "camera.source=distant";
        let config = resolve(&["cell.kind=xarm6", "xarm.joints=6", real]).unwrap();
        assert_eq!((config.cell.kind, config.xarm.model), (CellKind::XArm, ArmModel::XArm6));
        assert!(config.cell_name().starts_with("xArm 6 at "));
        let written = config.to_toml();
        assert!(written.contains("kind = \"xarm\"") && written.contains("model = \"xarm6\""));
        assert!(!written.contains("joints ="), "{written}");
        let five = resolve(&["cell.kind=xarm", "xarm.model=xarm5", real]).unwrap();
        assert!(five.cell_name().starts_with("xArm 5 at "));
        let big = resolve(&["cell.kind=xarm", "xarm.model=850", real]).unwrap();
        assert_eq!(big.xarm.model, ArmModel::Uf850);
    }

    #[test]
    fn layers_override_what_lies_below_and_nothing_else() {
        let config = resolve(&[
            "trials=12",
            "method=hindsight",
            "task.start_jitter_m = 0.001",
            "policy.pose_width=32",
            "trials=13",
        ])
        .unwrap();
        // The method brings its own defaults.
        let mut expected = RunConfig::of(TaskKind::Table, MethodName::Hindsight);
        assert_eq!(expected.schedule.trials_per_scene, 1);
        expected.trials = 13;
        expected.task.start_jitter_m = 0.001;
        expected.policy.pose_width = 32;
        assert_eq!(config, expected);
    }

    #[test]
    fn the_first_difference_is_named_with_its_path() {
        let config = RunConfig::for_task(TaskKind::Table);
        let mut other = config.clone();
        assert_eq!(config.first_difference(&other), None);
        other.seed = 3;
        other.policy.encoder.depth = 34;
        assert_eq!(config.first_difference(&other).as_deref(), Some("policy.encoder.depth"));
        other.policy = config.policy.clone();
        other.cell.seed = Some(1);
        assert_eq!(config.first_difference(&other).as_deref(), Some("cell.seed"));
    }

    /// A file's places and heights belong to the file's own task: copied from table.toml, they
    /// would put the shelf on the table.
    #[test]
    fn another_task_over_a_file_leaves_the_files_task_out() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cell.toml");
        let table = RunConfig { trials: 7, ..RunConfig::for_task(TaskKind::Table) };
        std::fs::write(&path, table.to_toml()).unwrap();
        let file = || Layers::default().with_file(&path).unwrap();
        let shelf = file().with_value("--task", "task.kind", "shelf").resolve().unwrap();
        assert_eq!(shelf, RunConfig { trials: 7, ..RunConfig::for_task(TaskKind::Shelf) });
        assert_eq!(file().resolve().unwrap(), table);
        // A file that names no task goes with any.
        std::fs::write(&path, "[task]\nstart_jitter_m = 0.0\n").unwrap();
        let shelf = file().with_value("--task", "task.kind", "shelf").resolve().unwrap();
        assert_eq!(shelf.task.start_jitter_m, 0.0);
    }

    #[test]
    fn choosing_a_task_brings_its_defaults() {
        let config = resolve(&["task.kind=shelf", "task.start_jitter_m=0.0"]).unwrap();
        assert_eq!(config.task.place, TaskConfig::shelf().place);
        assert_eq!(config.task.start_jitter_m, 0.0);
    }

    #[test]
    fn bad_keys_and_values_name_themselves_and_what_was_expected() {
        for (assignments, named) in [
            (&["policy.lerning_rate=0.1"][..], ["--set policy.lerning_rate", "learning_rate"]),
            (&["methd=rm-rl"], ["methd", "expected one of `method`"]),
            (&["trials=many"], ["trials", "invalid type"]),
            (&["trials=0"], ["trials is 0", "1 or more"]),
            (&["until=1.0@95%"], ["until", "length in mm"]),
            (&["until=1mm@99%"], ["until is \"1mm@99%\"", "150 trials can prove"]),
            (&["method=rmrl"], ["method", "rm-rl-pretrained"]),
            (&["task.kind=drawer"], ["task.kind", "\"table\" or \"shelf\""]),
            (&["policy.encoder.depth=50"], ["policy.encoder.depth is 50", "10, 18 or 34"]),
            (&["reward.translation_scale_m=0"], ["reward.translation_scale_m is 0", "positive"]),
            (&["actions.translation_step_mm=6.0"], ["actions: ", "25.46 mm"]),
            (&["task.start.x_m=[0.1, 0.4]"], ["task.start", "leave the workspace"]),
            (
                &["simulation.cells.tool_shift_m=[0.2, 0.1]"],
                ["simulation.cells.tool_shift_m", "rising"],
            ),
            (
                &["simulation.camera.width_px=100"],
                ["simulation.camera.width_px is 100", "160 to 1920"],
            ),
            (&["schedule.batch_size=0"], ["schedule.batch_size is 0", "1 or more"]),
            (
                &["schedule.similar_yaw_deg=-1.0"],
                ["schedule.similar_yaw_deg is -1", "0 or a positive"],
            ),
            (&["schedule.grouping=size"], ["schedule.grouping", "expected `schedule`"]),
            (&["policy.view=local"], ["policy.view", "expected one of `global`"]),
            (&["policy.crop_scale=0.1"], ["policy.crop_scale is 0.1", "0.5 to 10"]),
            (
                &["policy.view=none", "policy.encoder.train=true"],
                ["policy.encoder.train is true", "view is \"none\""],
            ),
            (&["policy.view=global"], ["policy.encoder.weights is \"plates\"", "view \"crop\""]),
            (
                &["policy.encoder.depth=18"],
                ["policy.encoder.weights is \"plates\"", "\"random\" or a file"],
            ),
            (
                &["policy.view=none", "policy.encoder.weights=resnet.pth"],
                ["policy.encoder.weights is \"resnet.pth\"", "no encoder"],
            ),
            (&["schedule.refinements=7"], ["schedule.refinements is 7", "0 to 6"]),
            (&["schedule.refine_interval=0"], ["schedule.refine_interval is 0", "1 or more"]),
            (&["online.clip=1.0"], ["online.clip is 1", "below 1"]),
            (&["online.epochs=0"], ["online.epochs is 0", "1 or more"]),
            (&["online.entropy_weight=-0.1"], ["online.entropy_weight is -0.1", "positive"]),
            (
                &["method=ppo", "schedule.trials_per_scene=1"],
                ["schedule.trials_per_scene is 1", "2 or more"],
            ),
            (&["vision.localizer.plate.length_m=0.1"], ["simulation.plate", "differ"]),
            (&["pretrained=a.safetensors"], ["pretrained", "rm-rl-pretrained"]),
            (&["policy.device=cuda"], ["policy.device is \"cuda\"", "--features cuda"]),
            (&["unattended.max_hours=0.0"], ["unattended.max_hours is 0", "more than 0"]),
            (&["unattended.recovery.retries=9"], ["unattended.recovery.retries is 9", "0 to 8"]),
            (&["page.serve=8080"], ["page.serve", "socket address"]),
            (&["notify.webhook=nowhere"], ["notify.webhook is \"nowhere\"", "http://"]),
            (&["xarm.model=lite6"], ["xarm.model", "`lite6`"]),
            (&["xarm.joints=7"], ["xarm.joints is 7", "model is \"xarm6\""]),
            (&["nonsense"], ["--set nonsense", "key=value"]),
            (&["a b=1"], ["--set a b=1", "words and dots"]),
        ] {
            if cfg!(feature = "cuda") && assignments == ["policy.device=cuda"] {
                continue;
            }
            let message = refusal(assignments);
            for part in named {
                assert!(message.contains(part), "{assignments:?}: {message}");
            }
        }
    }

    #[test]
    fn files_are_named_in_their_errors() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cell.toml");
        let load = || Layers::default().with_file(&path).and_then(Layers::resolve);
        let missing = load().unwrap_err().to_string();
        assert!(missing.contains("cannot read") && missing.contains("cell.toml"), "{missing}");
        std::fs::write(&path, "trials = 10\nseed = \n").unwrap();
        let broken = load().unwrap_err().to_string();
        assert!(
            broken.contains("cell.toml is not valid TOML") && broken.contains("line 2"),
            "{broken}"
        );
        std::fs::write(&path, "[task]\nspeed = 3\n").unwrap();
        let unknown = load().unwrap_err().to_string();
        assert!(unknown.contains("cell.toml: task") && unknown.contains("speed"), "{unknown}");
        std::fs::write(&path, "trials = 10\n[task]\nkind = \"shelf\"\n").unwrap();
        assert_eq!(load().unwrap().trials, 10);
    }
}
