//! What TensorBoard's event file shows of a run besides scalars: its configuration, and images of some trials.

use std::collections::BTreeMap;
use std::path::PathBuf;

use image::RgbImage;
use rmrl_data::{Hyperparameter, TrialRecord};
use rmrl_vision::CameraModel;
use toml::{Table, Value};

use crate::config::RunConfig;
use crate::run::overlay::Overlay;

/// The tags of the images: before the action, and after placing.
const TAGS: [&str; 2] = ["images/start", "images/placed"];

/// The images of some trials, made from the files of the run.
pub(crate) struct EventImages {
    /// The run's directory.
    root: PathBuf,
    overlay: Overlay,
    /// Every so many trials; 0 for none.
    interval: u32,
}

impl EventImages {
    /// Those of a run in `root`, seen by `camera`.
    pub(crate) fn of(config: &RunConfig, camera: CameraModel, root: PathBuf) -> Self {
        let interval = config.metrics.image_interval;
        Self { root, overlay: Overlay::of(config, camera, None), interval }
    }

    /// The images of a trial, with their tags; none where it is not its turn. One that cannot be read is left out, with a
    /// warning: the run has its files.
    pub(crate) fn of_trial(&self, record: &TrialRecord) -> Vec<(&'static str, RgbImage)> {
        let is_due = self.interval > 0 && (record.trial - 1).is_multiple_of(self.interval);
        if !is_due || record.is_fault() {
            return Vec::new();
        }
        let start = self.overlay.start(&self.root, record, None);
        let placed = self.overlay.end(&self.root, record, None);
        let drawn = TAGS.into_iter().zip([start, placed]);
        drawn
            .filter_map(|(tag, image)| match image? {
                Ok(image) => Some((tag, image)),
                Err(error) => {
                    tracing::warn!("trial {}: no {tag} in TensorBoard: {error:#}", record.trial);
                    None
                }
            })
            .collect()
    }
}

/// Every key of a configuration with its value, as `policy.encoder.depth`. What is no number, text, or true or false is shown as
/// TOML.
pub(crate) fn hyperparameters(config: &RunConfig) -> BTreeMap<String, Hyperparameter> {
    let mut flat = BTreeMap::new();
    // Text that was made from a configuration can be read.
    if let Ok(table) = config.to_run_toml().parse::<Table>() {
        flatten(&table, "", &mut flat);
    }
    flat
}

fn flatten(table: &Table, prefix: &str, flat: &mut BTreeMap<String, Hyperparameter>) {
    for (key, value) in table {
        let name = format!("{prefix}{key}");
        let shown = match value {
            Value::Table(inner) => {
                flatten(inner, &format!("{name}."), flat);
                continue;
            }
            Value::Integer(number) => Hyperparameter::Number(*number as f64),
            Value::Float(number) => Hyperparameter::Number(*number),
            Value::Boolean(is_true) => Hyperparameter::Bool(*is_true),
            Value::String(text) => Hyperparameter::Text(text.clone()),
            other => Hyperparameter::Text(other.to_string()),
        };
        flat.insert(name, shown);
    }
}

#[cfg(test)]
mod tests {
    use rmrl_cell::TaskKind;

    use super::*;

    #[test]
    fn every_key_of_a_configuration_is_a_hyperparameter() {
        let config = RunConfig::for_task(TaskKind::Table);
        let flat = hyperparameters(&config);
        assert_eq!(flat["policy.encoder.depth"], Hyperparameter::Number(10.0));
        assert_eq!(flat["policy.encoder.train"], Hyperparameter::Bool(false));
        assert_eq!(flat["task.kind"], Hyperparameter::Text("table".to_string()));
        let lines = config.to_run_toml();
        let keys = lines.lines().filter(|line| line.contains(" = ")).count();
        assert!(flat.len() >= keys, "{} of {keys}", flat.len());
        assert!(!flat.keys().any(|key| key.starts_with("notify") || key.starts_with("page")));
    }
}
