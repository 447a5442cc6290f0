//! Ablations: what each setting contributes.

use std::fmt;
use std::str::FromStr;

use rmrl_learn::MethodName;

use super::plan::Variant;

/// One setting, its values, and the methods that they are tried with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ablation {
    name: &'static str,
    title: &'static str,
    about: &'static str,
    methods: &'static [MethodName],
    /// Names of the values, and the assignments of each.
    settings: &'static [(&'static str, &'static [&'static str])],
}

const BOTH: &[MethodName] = &[MethodName::RmRl, MethodName::Hindsight];

/// Every ablation.
pub const ABLATIONS: [Ablation; 10] = [
    Ablation {
        name: "trials-per-scene",
        title: "trials per scene, N",
        about: "How many trials start from similar states before the best of them labels them all.",
        methods: BOTH,
        settings: &[
            ("1", &["schedule.trials_per_scene=1"]),
            ("5", &["schedule.trials_per_scene=5"]),
            ("10", &["schedule.trials_per_scene=10"]),
            ("15", &["schedule.trials_per_scene=15"]),
            ("30", &["schedule.trials_per_scene=30"]),
        ],
    },
    Ablation {
        name: "replay-interval",
        title: "trials between replays of D, M",
        about: "How often the policy is trained on minibatches of the whole labeled data set.",
        methods: BOTH,
        settings: &[
            ("1", &["schedule.replay_interval=1"]),
            ("2", &["schedule.replay_interval=2"]),
            ("5", &["schedule.replay_interval=5"]),
            ("10", &["schedule.replay_interval=10"]),
            ("30", &["schedule.replay_interval=30"]),
            ("never", &["schedule.replay_interval=100000"]),
        ],
    },
    Ablation {
        name: "label-width",
        title: "label sigma: width of soft labels",
        about: "The paper's one-hot labels, or Gaussians over the neighboring candidates with this sigma, in candidates.",
        methods: BOTH,
        settings: &[
            ("0", &["policy.label_sigma_bins=0.0"]),
            ("0.7", &["policy.label_sigma_bins=0.7"]),
            ("1", &["policy.label_sigma_bins=1.0"]),
            ("2", &["policy.label_sigma_bins=2.0"]),
        ],
    },
    Ablation {
        name: "slide",
        title: "hindsight labels and the closing jaws",
        about: "Whether hindsight labels exclude how far the closing jaws slid the plate.",
        methods: &[MethodName::Hindsight],
        settings: &[
            ("known", &["schedule.slide_correction=true"]),
            ("unknown", &["schedule.slide_correction=false"]),
        ],
    },
    Ablation {
        name: "candidate-step",
        title: "distance between candidates",
        about: "Candidates of dx and dy over the range of the default, at a constant distance; and the default, which refines them.",
        methods: BOTH,
        settings: &[
            (
                "0.5mm",
                &[
                    "actions.translation_bins=31",
                    "actions.translation_step_mm=0.5",
                    "schedule.refinements=0",
                ],
            ),
            (
                "0.75mm",
                &[
                    "actions.translation_bins=21",
                    "actions.translation_step_mm=0.75",
                    "schedule.refinements=0",
                ],
            ),
            (
                "1.25mm",
                &[
                    "actions.translation_bins=13",
                    "actions.translation_step_mm=1.25",
                    "schedule.refinements=0",
                ],
            ),
            (
                "2.5mm",
                &[
                    "actions.translation_bins=7",
                    "actions.translation_step_mm=2.5",
                    "schedule.refinements=0",
                ],
            ),
            ("default", &[]),
        ],
    },
    Ablation {
        name: "coarse-to-fine",
        title: "coarse-to-fine candidates",
        about: "Grids whose distance is halved after every thirty trials, once or twice, and one constant grid.",
        methods: BOTH,
        settings: &[
            (
                "1.25mm",
                &[
                    "actions.translation_bins=13",
                    "actions.translation_step_mm=1.25",
                    "schedule.refinements=0",
                ],
            ),
            (
                "1.25-to-0.625mm",
                &[
                    "actions.translation_bins=13",
                    "actions.translation_step_mm=1.25",
                    "schedule.refinements=1",
                ],
            ),
            (
                "1.25-to-0.31mm",
                &[
                    "actions.translation_bins=13",
                    "actions.translation_step_mm=1.25",
                    "schedule.refinements=2",
                ],
            ),
            (
                "2.5-to-1.25mm",
                &[
                    "actions.translation_bins=7",
                    "actions.translation_step_mm=2.5",
                    "schedule.refinements=1",
                ],
            ),
            (
                "2.5-to-0.625mm",
                &[
                    "actions.translation_bins=7",
                    "actions.translation_step_mm=2.5",
                    "schedule.refinements=2",
                ],
            ),
        ],
    },
    Ablation {
        name: "image-view",
        title: "what the policy sees of the image",
        about: "The whole image as in the paper, a crop around the estimated pose, or the pose alone. Both images with a random encoder, the crop also with the pretrained plate encoder.",
        methods: BOTH,
        settings: &[
            ("global-random", &["policy.view=global", "policy.encoder.weights=random"]),
            ("crop-random", &["policy.view=crop", "policy.encoder.weights=random"]),
            ("crop-plates", &["policy.view=crop", "policy.encoder.weights=plates"]),
            ("none", &["policy.view=none"]),
        ],
    },
    Ablation {
        name: "encoder",
        title: "the image encoder",
        about: "Frozen or trained with the policy, its depth, and its initial weights.",
        methods: BOTH,
        settings: &[
            ("plates-10", &["policy.encoder.weights=plates"]),
            ("random-10", &["policy.encoder.weights=random"]),
            (
                "random-18-wide",
                &[
                    "policy.encoder.weights=random",
                    "policy.encoder.depth=18",
                    "policy.encoder.base_width=64",
                ],
            ),
            (
                "random-34-wide",
                &[
                    "policy.encoder.weights=random",
                    "policy.encoder.depth=34",
                    "policy.encoder.base_width=64",
                ],
            ),
            ("plates-10-trained", &["policy.encoder.weights=plates", "policy.encoder.train=true"]),
            ("random-10-trained", &["policy.encoder.weights=random", "policy.encoder.train=true"]),
        ],
    },
    Ablation {
        name: "rotation-weight",
        title: "rotation weight of the reward",
        about: "At the paper's weight of 1, a degree costs 0.00015 of reward, and a millimeter costs 0.01.",
        methods: &[MethodName::RmRl],
        settings: &[
            ("0", &["reward.rotation_weight=0.0"]),
            ("1", &["reward.rotation_weight=1.0"]),
            ("10", &["reward.rotation_weight=10.0"]),
            ("100", &["reward.rotation_weight=100.0"]),
        ],
    },
    Ablation {
        name: "grouping",
        title: "which initial states count as similar",
        about: "Scenes by schedule, in the order of the trials, or by the distance between initial poses.",
        methods: &[MethodName::RmRl],
        settings: &[
            ("schedule", &["schedule.grouping=schedule"]),
            (
                "similar-30mm-10deg",
                &[
                    "schedule.grouping=similarity",
                    "schedule.similar_translation_m=0.03",
                    "schedule.similar_yaw_deg=10.0",
                ],
            ),
            (
                "similar-60mm-20deg",
                &[
                    "schedule.grouping=similarity",
                    "schedule.similar_translation_m=0.06",
                    "schedule.similar_yaw_deg=20.0",
                ],
            ),
            (
                "similar-all",
                &[
                    "schedule.grouping=similarity",
                    "schedule.similar_translation_m=1.0",
                    "schedule.similar_yaw_deg=90.0",
                ],
            ),
        ],
    },
];

impl Ablation {
    /// The name used in commands.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// The setting that varies.
    pub fn title(&self) -> &'static str {
        self.title
    }

    /// A sentence that explains the setting.
    pub fn about(&self) -> &'static str {
        self.about
    }

    /// The methods that the settings are tried with.
    pub fn methods(&self) -> &'static [MethodName] {
        self.methods
    }

    /// The settings as variants of the configuration.
    pub fn variants(&self) -> Vec<Variant> {
        self.settings
            .iter()
            .map(|(name, assignments)| {
                Variant::new(*name, assignments.iter().map(ToString::to_string))
            })
            .collect()
    }
}

impl fmt::Display for Ablation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// A name that no ablation has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name:?} is no ablation; they are {}", ABLATIONS.each_ref().map(Ablation::name).join(", "))]
pub struct UnknownAblation {
    /// The unknown name.
    pub name: String,
}

impl FromStr for Ablation {
    type Err = UnknownAblation;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        ABLATIONS
            .into_iter()
            .find(|ablation| ablation.name == name)
            .ok_or_else(|| UnknownAblation { name: name.to_string() })
    }
}

#[cfg(test)]
mod tests {
    use rmrl_cell::TaskKind;

    use super::*;
    use crate::config::{Layers, RunConfig};
    use crate::reproduce::Plan;

    #[test]
    fn every_setting_is_a_valid_configuration_and_one_of_them_the_default() {
        for ablation in ABLATIONS {
            assert_eq!(ablation.name().parse(), Ok(ablation.clone()));
            let plan = Plan {
                layers: Layers::default(),
                placements: 10,
                trials: 150,
                variants: ablation.variants(),
                methods: ablation.methods().to_vec(),
                seeds: 1,
                tasks: vec![TaskKind::Table],
            };
            let configs: Vec<_> =
                plan.units().iter().map(|unit| plan.config(unit).unwrap()).collect();
            let is_default =
                |config: &RunConfig| *config == RunConfig::of(TaskKind::Table, config.method);
            assert!(configs.iter().any(is_default), "{ablation} lacks the default");
        }
    }
}
