//! The configuration of another start of a run: `train --resume`, `eval`.

use toml::Value;

use crate::config::error::ConfigError;
use crate::config::key_path::value;
use crate::config::layers::Layers;
use crate::config::run_config::{RunConfig, first_difference};

impl Layers {
    /// The configuration of another start of a run: that of the run, with the sections of a start from these layers.
    /// Other keys may be in these layers, because a file of the first start has them, with the values of the run only.
    ///
    /// # Errors
    /// The first layer that is invalid, or the first key with another value than the run's.
    pub fn for_run(self, run: &RunConfig) -> Result<RunConfig, ConfigError> {
        let origins = self.clone();
        let mut given = self.over(run.clone())?.with_absolute_paths()?;
        if run.camera.calibration.is_some() && given.camera.calibration.is_some() {
            // The run has its own copy.
            given.camera.calibration.clone_from(&run.camera.calibration);
        }
        if let Some(key) = first_difference(&run.to_run_table(), &given.to_run_table()) {
            let [of_run, asked] = [run, &given].map(|config| {
                value(&config.to_run_table(), &key).map_or("not given".into(), Value::to_string)
            });
            let origin = origins.origin_of(&key).unwrap_or("this start").to_string();
            return Err(ConfigError::OfTheRun { origin, key, of_run, asked });
        }
        let mut config = run.clone();
        (config.notify, config.page) = (given.notify, given.page);
        config.validate()?;
        Ok(config)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layers(assignments: &[&str]) -> Layers {
        let layers = Layers::default();
        assignments.iter().try_fold(layers, |layers, set| layers.with_assignment(set)).unwrap()
    }

    #[test]
    fn a_run_keeps_no_section_of_a_start() {
        let set = ["notify.webhook=http://a/secret", "notify.command=[\"a\"]", "page.serve=8080"];
        let config = layers(&set).resolve().unwrap();
        let kept = config.to_run_toml();
        for word in ["secret", "notify", "page", "8080"] {
            assert!(!kept.contains(word), "{word} in {kept}");
        }
        assert!(!format!("{config:?}").contains("secret"));
        let read = Layers::default().with_text("a run", &kept).unwrap().resolve().unwrap();
        assert_eq!(read.to_run_table(), config.to_run_table());
    }

    #[test]
    fn another_start_may_give_its_own_sections_and_nothing_else() {
        let run = layers(&["trials=12", "pretrained=/a.safetensors", "method=rm-rl-pretrained"]);
        let run = run.resolve().unwrap();
        let again = layers(&["trials=12", "page.serve=8080", "notify.command=[\"a\"]"]);
        let config = again.for_run(&run).unwrap();
        assert_eq!(config.notify.command, ["a"]);
        assert_eq!(config.page.serve.unwrap().port(), 8080);
        assert_eq!(config.to_run_table(), run.to_run_table());
        for (set, key) in [
            ("trials=13", "trials"),
            ("task.kind=shelf", "task.kind"),
            ("policy.label_width=0.1", "policy.label_sigma_bins"),
            ("unattended.max_hours=2", "unattended.max_hours"),
        ] {
            let error = layers(&["page.serve=8080", set]).for_run(&run).unwrap_err().to_string();
            let value = set.split_once('=').unwrap().1;
            for part in [&format!("--set {set}"), key, value.trim(), "[notify] and [page]"] {
                assert!(error.contains(part), "{part}: {error}");
            }
        }
    }
}
