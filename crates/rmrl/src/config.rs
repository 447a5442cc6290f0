//! The configuration of a run: defaults, then a file, then single values, each checked.

use std::path::PathBuf;

use rmrl_cell::{SafetyConfig, SafetyEnvelope, TaskConfig, TaskKind};
use rmrl_core::{ActionSpace, ActionSpaceError, PlanarPose, RewardFunction};
use rmrl_learn::{MethodName, PolicyConfig, PoseScaling, ScheduleConfig};
use rmrl_sim::SimulationConfig;
use rmrl_vision::{ColorThreshold, LocalizerConfig};
use serde::{Deserialize, Serialize};
use toml::{Table, Value};

/// Everything that decides what a run does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunConfig {
    /// What learns, or stands in for it.
    pub method: MethodName,
    /// Trials of the run. Default 150: about the paper's 7 hours at 2 to 3 minutes a trial.
    pub trials: u32,
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
    /// The policy network.
    pub policy: PolicyConfig,
    /// What to do.
    pub task: TaskConfig,
    /// What never to do.
    pub safety: SafetyConfig,
    /// How to find the plate.
    pub vision: VisionConfig,
    /// How runs are measured.
    pub metrics: MetricsConfig,
    /// What is kept of each trial.
    pub record: RecordConfig,
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
}

/// What stands in the cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CellKind {
    /// Simulated devices.
    Simulated,
}

/// The candidate values of an action, evenly spaced around zero.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ActionsConfig {
    /// Candidates of Δx and of Δy. Default 13.
    pub translations: usize,
    /// Their distance, in millimetres. Default 1.5: with 13 they reach 9 mm, the sum of the
    /// calibration and tool errors that laboratories report.
    pub translation_step_mm: f64,
    /// Candidates of Δψ. Default 13.
    pub rotations: usize,
    /// Their distance, in degrees. Default 0.5.
    pub rotation_step_deg: f64,
}

/// How to find the plate.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VisionConfig {
    /// From mask and depth to the pose.
    pub localizer: LocalizerConfig,
    /// The embedded detector and segmenter.
    pub color: ColorThreshold,
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
}

impl RunConfig {
    /// The defaults for a task.
    pub fn for_task(kind: TaskKind) -> Self {
        Self {
            method: MethodName::default(),
            trials: 150,
            seed: 0,
            pretrained: None,
            cell: CellConfig { kind: CellKind::Simulated, seed: None },
            actions: ActionsConfig {
                translations: 13,
                translation_step_mm: 1.5,
                rotations: 13,
                rotation_step_deg: 0.5,
            },
            reward: RewardFunction::default(),
            schedule: ScheduleConfig::default(),
            policy: PolicyConfig::default(),
            task: TaskConfig::of(kind),
            safety: SafetyConfig::default(),
            vision: VisionConfig {
                localizer: LocalizerConfig::default(),
                color: ColorThreshold::default(),
            },
            metrics: MetricsConfig {
                reward_threshold: 0.97,
                smoothing: 0.9,
                noise_floor_repeats: 20,
            },
            record: RecordConfig { depth: true },
            simulation: SimulationConfig::default(),
        }
    }

    /// Reads the configuration that a run was made with.
    ///
    /// # Errors
    /// It cannot be read, or is not valid any more.
    pub fn of_run(path: &std::path::Path) -> Result<Self, ConfigError> {
        Layers::default().with_file(path)?.resolve()
    }

    /// The configuration as TOML, complete.
    pub fn to_toml(&self) -> String {
        toml::to_string(self).expect("a configuration is made of TOML's types")
    }

    /// The seed of the simulated laboratory.
    pub fn cell_seed(&self) -> u32 {
        self.cell.seed.unwrap_or(self.seed)
    }

    /// The action space.
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

    /// How the policy scales poses: the task's start region becomes `[-1, 1]`.
    pub fn pose_scaling(&self) -> PoseScaling {
        PoseScaling::new(self.task.start.center(), self.task.start.half_extent())
    }

    /// Checks every value, and the values against each other.
    ///
    /// # Errors
    /// The first one that cannot be.
    pub fn validate(&self) -> Result<(), ConfigError> {
        fn within<E: std::fmt::Display>(section: &'static str) -> impl Fn(E) -> ConfigError {
            move |error| ConfigError::Value { section, reason: error.to_string() }
        }
        if self.trials == 0 {
            return Err(within("")("trials is 0, expected 1 or more"));
        }
        if self.pretrained.is_some() && self.method != MethodName::RmRlPretrained {
            return Err(within("")(format!(
                "pretrained is given, but method is \"{}\"; expected \"rm-rl-pretrained\"",
                self.method
            )));
        }
        self.reward.validate().map_err(within("reward."))?;
        self.schedule.validate().map_err(within("schedule."))?;
        self.policy.validate().map_err(within("policy."))?;
        self.task.validate().map_err(within("task."))?;
        self.vision.localizer.validate().map_err(within("vision.localizer."))?;
        self.vision.color.validate().map_err(within("vision.color."))?;
        self.simulation.validate().map_err(within("simulation."))?;
        if self.simulation.plate != self.vision.localizer.plate {
            return Err(within("")(
                "vision.localizer.plate and simulation.plate differ; the localiser would look for another plate than there is",
            ));
        }
        let share = |value: f64| (0.0..1.0).contains(&value);
        if !share(self.metrics.smoothing) {
            let value = self.metrics.smoothing;
            return Err(within("metrics.")(format!(
                "smoothing is {value}, expected a number from 0 to below 1"
            )));
        }
        if !share(self.metrics.reward_threshold) {
            let value = self.metrics.reward_threshold;
            return Err(within("metrics.")(format!(
                "reward_threshold is {value}, expected a reward from 0 to below 1"
            )));
        }
        let actions = self.action_space().map_err(within("actions."))?;
        let envelope = SafetyEnvelope::new(self.safety).map_err(within("safety."))?;
        envelope.check_actions(&actions).map_err(within("safety."))?;
        self.check_reach(&envelope, &actions).map_err(within("safety."))
    }

    /// Checks that every pose a trial may ask for lies inside the workspace: starts anywhere in
    /// their region, adjusted by any action, and the fixed path.
    fn check_reach(
        &self,
        envelope: &SafetyEnvelope,
        actions: &ActionSpace,
    ) -> Result<(), rmrl_cell::Refusal> {
        let task = &self.task;
        let (adjustment_m, _) = actions.largest_adjustment();
        let margin_m = adjustment_m + task.start_jitter_m;
        let grow = |[from, to]: [f64; 2]| [from - margin_m, to + margin_m];
        for x_m in grow(task.start.x_m) {
            for y_m in grow(task.start.y_m) {
                let corner = PlanarPose::new(x_m, y_m, 0.0);
                let pick = task.grasp_pose(corner, task.start_surface_m);
                envelope.check_motion(pick, task.contact_speed_m_s)?;
                let above = pick.at_height(task.travel_height_m);
                envelope.check_motion(above, task.travel_speed_m_s)?;
            }
        }
        let trajectory = task.trajectory();
        envelope.check_motion(task.home.tool_pose(), task.travel_speed_m_s)?;
        envelope.check_motion(trajectory.place, task.contact_speed_m_s)?;
        for waypoint in trajectory.to_above_place() {
            envelope.check_motion(waypoint, task.travel_speed_m_s)?;
        }
        Ok(())
    }
}

/// Values that override the defaults, in order: each layer over those before it.
#[derive(Debug, Clone, Default)]
pub struct Layers {
    layers: Vec<(String, Table)>,
}

impl Layers {
    /// Adds a configuration file.
    ///
    /// # Errors
    /// The file cannot be read or is not TOML.
    pub fn with_file(mut self, path: &std::path::Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| ConfigError::Read { path: path.to_path_buf(), source })?;
        let origin = path.display().to_string();
        let table = text.parse().map_err(|error: toml::de::Error| ConfigError::Syntax {
            origin: origin.clone(),
            reason: error.to_string(),
        })?;
        self.layers.push((origin, table));
        Ok(self)
    }

    /// Adds one value, given as `section.key=value` with a TOML value; what is no TOML value is
    /// taken for a string.
    ///
    /// # Errors
    /// There is no `=`, or the key is no key.
    pub fn with_assignment(mut self, assignment: &str) -> Result<Self, ConfigError> {
        let origin = format!("--set {assignment}");
        let syntax = |reason: &str| ConfigError::Syntax {
            origin: origin.clone(),
            reason: reason.to_string(),
        };
        let (key, value) = assignment
            .split_once('=')
            .ok_or_else(|| syntax("expected key=value, such as policy.learning_rate=0.001"))?;
        let key = key.trim();
        let is_word = |part: &str| {
            !part.is_empty()
                && part.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
        };
        if !key.split('.').all(is_word) {
            return Err(syntax("expected a key of words and dots, such as task.kind"));
        }
        let table = format!("{key} = {value}")
            .parse::<Table>()
            .or_else(|_| format!("{key} = {}", Value::String(value.trim().to_string())).parse())
            .map_err(|error: toml::de::Error| syntax(error.message()))?;
        self.layers.push((origin, table));
        Ok(self)
    }

    /// Adds one value under its key.
    #[must_use]
    pub fn with_value(mut self, origin: &str, key: &str, value: impl Into<Value>) -> Self {
        let mut value = value.into();
        for part in key.rsplit('.') {
            value = Value::Table(Table::from_iter([(part.to_string(), value)]));
        }
        if let Value::Table(table) = value {
            self.layers.push((origin.to_string(), table));
        }
        self
    }

    /// Lays other layers over these.
    #[must_use]
    pub fn then(mut self, over: Self) -> Self {
        self.layers.extend(over.layers);
        self
    }

    /// Takes a key of the top level out of all layers so far.
    #[must_use]
    pub fn without(mut self, key: &str) -> Self {
        for (_, layer) in &mut self.layers {
            layer.remove(key);
        }
        self
    }

    /// The whole configuration: defaults of the chosen task under all layers, checked.
    ///
    /// # Errors
    /// The first layer with a key or value that cannot be.
    pub fn resolve(self) -> Result<RunConfig, ConfigError> {
        let kind = self.task_kind()?;
        let defaults = toml::Table::try_from(RunConfig::for_task(kind))
            .expect("the defaults are made of TOML's types");
        let mut merged = defaults;
        let mut config = RunConfig::for_task(kind);
        for (origin, layer) in self.layers {
            merge(&mut merged, layer);
            config = serde_path_to_error::deserialize(Value::Table(merged.clone())).map_err(
                |error| ConfigError::Key {
                    origin,
                    key: error.path().to_string(),
                    reason: error.inner().to_string().trim_end().to_string(),
                },
            )?;
        }
        config.validate()?;
        Ok(config)
    }

    /// The task that the layers choose; its defaults lie under everything else.
    fn task_kind(&self) -> Result<TaskKind, ConfigError> {
        let chosen = self
            .layers
            .iter()
            .rev()
            .find_map(|(origin, layer)| Some((origin, layer.get("task")?.get("kind")?)));
        match chosen {
            None => Ok(TaskKind::default()),
            Some((origin, value)) => value.clone().try_into().map_err(|_| ConfigError::Key {
                origin: origin.clone(),
                key: "task.kind".to_string(),
                reason: format!("{value} is no task, expected \"table\" or \"shelf\""),
            }),
        }
    }
}

/// Lays `over` on `base`, table by table.
fn merge(base: &mut Table, over: Table) {
    for (key, value) in over {
        match (base.get_mut(&key), value) {
            (Some(Value::Table(base)), Value::Table(over)) => merge(base, over),
            (_, value) => {
                base.insert(key, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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

    #[test]
    fn layers_override_what_lies_below_and_nothing_else() {
        let config = resolve(&[
            "trials=12",
            "method=hindsight",
            "task.start_jitter_m = 0.001",
            "policy.encoder.depth=10",
            "trials=13",
        ])
        .unwrap();
        let mut expected = RunConfig::for_task(TaskKind::Table);
        expected.trials = 13;
        expected.method = MethodName::Hindsight;
        expected.task.start_jitter_m = 0.001;
        expected.policy.encoder.depth = 10;
        assert_eq!(config, expected);
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
            (&["method=rmrl"], ["method", "rm-rl-pretrained"]),
            (&["task.kind=drawer"], ["task.kind", "\"table\" or \"shelf\""]),
            (&["policy.encoder.depth=50"], ["policy.encoder.depth is 50", "10, 18 or 34"]),
            (&["reward.translation_scale_m=0"], ["reward.translation_scale_m is 0", "positive"]),
            (&["actions.translation_step_mm=3.0"], ["safety.", "25.46 mm"]),
            (&["task.start.x_m=[0.1, 0.4]"], ["safety.", "leave the workspace"]),
            (
                &["simulation.cells.tool_shift_m=[0.2, 0.1]"],
                ["simulation.cells.tool_shift_m", "rising"],
            ),
            (
                &["simulation.camera.width_px=100"],
                ["simulation.camera.width_px is 100", "160 to 1920"],
            ),
            (&["schedule.batch_size=0"], ["schedule.batch_size is 0", "1 or more"]),
            (&["vision.localizer.plate.length_m=0.1"], ["simulation.plate", "differ"]),
            (&["pretrained=a.safetensors"], ["pretrained", "rm-rl-pretrained"]),
            (&["policy.device=cuda"], ["policy.device is \"cuda\"", "--features cuda"]),
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
