//! The configuration of a run: defaults, then a file, then single values, each checked. Knows no room above
//! it.

mod absolute_paths;
mod another_start;
mod costs;
mod documented;
mod earlier_versions;
mod error;
mod key_path;
mod layers;
mod notify;
mod page;
mod places;
mod remote;
mod renamed_keys;
mod run_config;
mod secrets;
mod sections;
mod simulated_places;
mod sizes;
mod start_sections;
mod unattended;
mod validate;

pub(crate) use self::documented::documented;
pub use self::error::ConfigError;
pub(crate) use self::key_path::{take, value};
pub use self::layers::Layers;
pub(crate) use self::layers::{MOST_CONFIG_BYTES, syntax_reason};
pub use self::notify::NotifyConfig;
pub use self::page::PageSettings;
pub(crate) use self::page::serve_address;
pub use self::places::{PlaceError, Places};
pub use self::remote::RemoteConfig;
pub(crate) use self::renamed_keys::rename;
pub use self::run_config::RunConfig;
pub(crate) use self::run_config::first_difference;
pub(crate) use self::secrets::{
    check_private, create_private, holds_secret, shown_url, take_secrets,
};
pub use self::sections::{
    ActionsConfig, CameraConfig, CameraSource, CellConfig, CellKind, DetectorName,
    LookErrorWeights, MetricsConfig, OperatorKind, RecordConfig, SegmenterName, VisionConfig,
};
pub use self::simulated_places::{FirstItem, LidRims};
pub(crate) use self::start_sections::{is_of_start, take_start_sections};
pub use self::unattended::UnattendedConfig;

#[cfg(test)]
mod tests {
    use rmrl_cell::{TaskConfig, TaskKind};
    use rmrl_learn::MethodName;
    use rmrl_xarm::ArmModel;

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

    /// Runs and files of earlier versions: every arm was an xArm 6 then.
    #[test]
    fn the_cell_of_an_earlier_version_is_an_xarm_6() {
        let real = "camera.source=remote";
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
            (&["schedule.similar_yaw_deg=-1.0"], ["schedule.similar_yaw_deg is -1", "0 or more"]),
            (&["schedule.grouping=size"], ["schedule.grouping", "expected `schedule`"]),
            (&["policy.view=local"], ["policy.view", "expected one of `global`"]),
            (&["policy.crop_scale=0.1"], ["policy.crop_scale is 0.1", "from 0.5 to 10"]),
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
            (&["online.entropy_weight=-0.1"], ["online.entropy_weight is -0.1", "0 or more"]),
            (
                &["method=ppo", "schedule.trials_per_scene=1"],
                ["schedule.trials_per_scene is 1", "2 or more"],
            ),
            (&["vision.localizer.plate.length_m=0.1"], ["simulation.plate", "another plate"]),
            (&["pretrained=a.safetensors"], ["pretrained", "rm-rl-pretrained"]),
            (&["policy.device=cuda"], ["policy.device is \"cuda\"", "--features cuda"]),
            (&["unattended.max_hours=0.0"], ["unattended.max_hours is 0", "above 0"]),
            (
                &["unattended.recovery.retries=9"],
                ["unattended.recovery.retries is 9", "from 0 to 8"],
            ),
            (&["page.serve=80800"], ["page.serve", "127.0.0.1:8080"]),
            (&["notify.webhook=nowhere"], ["notify.webhook is \"nowhere\"", "http://"]),
            (&["notify.webhok=1"], ["--set notify.webhok=...", "`webhook`"]),
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
    fn an_option_and_an_assignment_that_contradict_each_other_are_refused_by_name() {
        let with = |option: &str, key: &str, value: toml::Value, set: &str| {
            Layers::default().with_value(option, key, value).with_assignment(set).unwrap().resolve()
        };
        for (option, key, value, set) in [
            ("--task", "task.kind", toml::Value::from("shelf"), "task.kind=table"),
            ("--trials", "trials", 5.into(), "trials=6"),
            ("--device", "policy.device", "cpu".into(), "policy.device=cuda"),
        ] {
            let refused = with(option, key, value, set).unwrap_err().to_string();
            let set = format!("--set {set}");
            assert!(refused.contains(option) && refused.contains(&set), "{refused}");
        }
        assert_eq!(with("--trials", "trials", 5.into(), "trials=5").unwrap().trials, 5);
        let set = "unattended.max_hours=8";
        let hours = with("--max-hours", "unattended.max_hours", 8.0.into(), set);
        assert_eq!(hours.unwrap().unattended.max_hours, Some(8.0));
        let file = Layers::default().with_text("a file", "trials = 7").unwrap();
        assert_eq!(file.with_value("--trials", "trials", 5).resolve().unwrap().trials, 5);
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
