//! Every ablation with its settings.

use std::str::FromStr;

use rmrl_learn::MethodName;

use super::ablation::Ablation;

const BOTH: &[MethodName] = &[MethodName::RmRl, MethodName::Hindsight];
const GEOMETRY: &[MethodName] = &[MethodName::SelfCalibration, MethodName::SelfCalibrationResidual];

/// Every ablation.
pub const ABLATIONS: [Ablation; 16] = [
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
        about: "Whether hindsight labels exclude how far the closing jaws slid the plate, and whether they take it from the action or from the geometry that carries measure.",
        methods: &[MethodName::Hindsight],
        settings: &[
            ("known", &["schedule.slide_correction=true"]),
            ("by-geometry", &["schedule.slide_by_geometry=true"]),
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
    Ablation {
        name: "carries",
        title: "carries before the first trial",
        about: "How often the arm puts the plate down and the camera looks, half a minute each, before there is a trial.",
        methods: GEOMETRY,
        settings: &[
            ("0", &["schedule.carries=0"]),
            ("2", &["schedule.carries=2"]),
            ("4", &["schedule.carries=4"]),
            ("6", &["schedule.carries=6"]),
            ("8", &["schedule.carries=8"]),
        ],
    },
    Ablation {
        name: "chosen-starts",
        title: "starts chosen for what they tell, without carries",
        about: "Whether the first trials start where most is to be learned, every other one of them, or as drawn.",
        methods: GEOMETRY,
        settings: &[
            ("default", &[]),
            ("0-carries-as-drawn", &["schedule.carries=0", "schedule.chosen_starts=0"]),
            ("0-carries-chosen", &["schedule.carries=0", "schedule.chosen_starts=6"]),
        ],
    },
    Ablation {
        name: "arm-errors",
        title: "errors of arm, lens and table",
        about: "Cells without these errors, with the default ones, and with twice as large ones.",
        methods: &[
            MethodName::SelfCalibration,
            MethodName::SelfCalibrationResidual,
            MethodName::CalibratedOracle,
        ],
        settings: &[
            (
                "none",
                &[
                    "simulation.cells.joint_zero_deg=0.0",
                    "simulation.cells.link_length_m=0.0",
                    "simulation.cells.link_twist_deg=0.0",
                    "simulation.cells.lens_residual_px=[0.0, 0.0]",
                    "simulation.cells.table_slope_deg=[0.0, 0.0]",
                ],
            ),
            ("default", &[]),
            (
                "twice",
                &[
                    "simulation.cells.joint_zero_deg=0.2",
                    "simulation.cells.link_length_m=0.001",
                    "simulation.cells.link_twist_deg=0.1",
                    "simulation.cells.lens_residual_px=[0.2, 0.8]",
                    "simulation.cells.table_slope_deg=[0.0, 0.6]",
                ],
            ),
        ],
    },
    Ablation {
        name: "lids",
        title: "plates with lids",
        about: "The share of plates with a lid, which shifts what the localizer sees.",
        methods: &[
            MethodName::SelfCalibration,
            MethodName::SelfCalibrationResidual,
            MethodName::CalibratedOracle,
        ],
        settings: &[
            ("none", &["simulation.cells.lid_share=0.0"]),
            ("0.4", &["simulation.cells.lid_share=0.4"]),
            ("all", &["simulation.cells.lid_share=1.0"]),
        ],
    },
    Ablation {
        name: "residual-field",
        title: "smooth field over the workspace",
        about: "The prior size at 0.15 m of the field that is added to shift, turn and scale of the camera. What pictures add is the difference between the two methods.",
        methods: GEOMETRY,
        settings: &[
            ("none", &["schedule.residual_field_m=0.0"]),
            ("0.3mm", &["schedule.residual_field_m=0.0003"]),
            ("1mm", &["schedule.residual_field_m=0.001"]),
        ],
    },
    Ablation {
        name: "camera-moves",
        title: "a camera that is moved before trial 50, or drifts",
        about: "Bumped by 5 mm in the plane and 1 degree about its axis, tilted by 1 degree, or moved by 0.02 mm from trial to trial.",
        methods: GEOMETRY,
        settings: &[
            ("none", &[]),
            (
                "bumped",
                &[
                    "simulation.camera.bump_scene=50",
                    "simulation.camera.bump_m=0.005",
                    "simulation.camera.bump_turn_deg=1.0",
                ],
            ),
            ("tilted", &["simulation.camera.bump_scene=50", "simulation.camera.bump_tilt_deg=1.0"]),
            ("drifting", &["simulation.camera.drift_m_per_scene=0.00002"]),
        ],
    },
];

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
