//! Labels in environments that are no cells of plates: by states that are alike, and by what the environment reports.

use rmrl_core::{ActionSpace, DIMENSIONS, Label, Outcome, PoseAdjustment, Scene, Trial};

use super::labeling::{Labeling, TrialLabel};
use super::replay_memory::Experience;

/// The role model of a state is the best executed action of all trials so far whose states are like it
/// ([`rmrl_core::Features::is_like`]): of its group, or near it where the environment reports no groups.
///
/// Neighborhoods overlap and have no borders. All labels are renewed when a scene ends, because a later trial may be a
/// better model. Of equal rewards the earliest is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BestOfAlike {
    /// How far from a state another may lie, as the Euclidean distance of their features.
    pub distance: f64,
}

impl BestOfAlike {
    fn label_of(&self, state: &Experience, so_far: &[Experience]) -> Label {
        let is_like = |other: &&Experience| match (&state.features, &other.features) {
            (Some(one), Some(another)) => other.placed && one.is_like(another, self.distance),
            _ => false,
        };
        // Eq. 2 with A_i = {a_k: s_k is like s}
        so_far
            .iter()
            .filter(is_like)
            .reduce(|best, other| if other.reward > best.reward { other } else { best })
            .map_or([None; DIMENSIONS], |best| best.action.0.map(Some))
    }
}

impl Labeling for BestOfAlike {
    fn label(
        &self,
        _scene: &Scene,
        so_far: &[Experience],
        _actions: &ActionSpace,
        complete: bool,
    ) -> Option<Vec<TrialLabel>> {
        let labeled = |state: &Experience| (state.trial, self.label_of(state, so_far));
        complete.then(|| so_far.iter().map(labeled).collect())
    }
}

/// Hindsight: the environment reports after each trial which action would have been best.
///
/// A dimension of which it reports nothing has no label.
#[derive(Debug, Clone, Copy, Default)]
pub struct ReportedHindsight;

impl Labeling for ReportedHindsight {
    fn label(
        &self,
        scene: &Scene,
        _so_far: &[Experience],
        actions: &ActionSpace,
        _complete: bool,
    ) -> Option<Vec<TrialLabel>> {
        let labeled = |trial: &Trial| (trial.id.trial, reported_label(&trial.outcome, actions));
        Some(scene.trials().iter().map(labeled).collect())
    }

    fn labels_single_trials(&self) -> bool {
        true
    }
}

/// The candidates nearest to the values that would have been best.
fn reported_label(outcome: &Outcome, actions: &ActionSpace) -> Label {
    let Outcome::Judged(judgment) = outcome else {
        return [None; DIMENSIONS];
    };
    let [dx_m, dy_m, dyaw_rad] = judgment.best.map(Option::unwrap_or_default);
    let nearest = actions.nearest(PoseAdjustment { dx_m, dy_m, dyaw_rad });
    std::array::from_fn(|dimension| judgment.best[dimension].map(|_| nearest.0[dimension]))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use image::RgbImage;
    use rmrl_core::{
        ActionIndex, Decision, Features, Judgment, Observation, PlanarPose, PlateInImage, TrialId,
    };

    use super::*;

    fn actions() -> ActionSpace {
        ActionSpace::new([vec![-1.0, -0.5, 0.0, 0.5, 1.0], vec![0.0, 1.0, 2.0, 3.0], vec![0.0]])
            .unwrap()
    }

    /// A trial in a state of these features with the candidate `action` of the first dimension.
    fn trial(
        number: u32,
        (values, group): ([f32; 2], Option<u64>),
        action: usize,
        reward: f64,
        best: [Option<f64>; DIMENSIONS],
    ) -> Trial {
        let index = ActionIndex([action, 0, 0]);
        Trial {
            id: TrialId::new(number, 1, 1),
            observation: Observation {
                image: Arc::new(RgbImage::new(1, 1)),
                estimated_pose: PlanarPose::default(),
                look_error_m: None,
                plate_in_image: PlateInImage::default(),
                carries: Vec::new(),
                features: Some(Features { values: values.to_vec(), group }),
            },
            decision: Decision {
                adjustment: actions().adjustment(index).unwrap(),
                index: Some(index),
                probabilities: None,
                interval_m: None,
                abstained: false,
            },
            outcome: Outcome::Judged(Judgment { reward, best }),
        }
    }

    fn labels(labeling: &dyn Labeling, trials: Vec<Trial>, complete: bool) -> Option<Vec<Label>> {
        let so_far: Vec<Experience> = trials.iter().filter_map(Experience::of).collect();
        let mut scene = Scene::new();
        scene.extend(trials);
        let labels = labeling.label(&scene, &so_far, &actions(), complete)?;
        Some(labels.into_iter().map(|(_, label)| label).collect())
    }

    fn first(labels: Option<Vec<Label>>) -> Vec<Option<usize>> {
        labels.unwrap().iter().map(|label| label[0]).collect()
    }

    #[test]
    fn the_best_action_near_a_state_labels_it_whatever_the_sign_of_the_rewards() {
        let trials = || {
            vec![
                trial(1, ([0.0, 0.0], None), 0, -9.0, [None; 3]),
                trial(2, ([0.0, 0.2], None), 1, -2.0, [None; 3]),
                trial(3, ([0.0, 0.4], None), 2, -5.0, [None; 3]),
                trial(4, ([1.0, 0.0], None), 3, -7.0, [None; 3]),
            ]
        };
        let labeling = BestOfAlike { distance: 0.25 };
        assert_eq!(first(labels(&labeling, trials(), true)), [Some(1), Some(1), Some(1), Some(3)]);
        assert_eq!(labels(&labeling, trials(), false), None);
        let exact = BestOfAlike { distance: 0.0 };
        assert_eq!(first(labels(&exact, trials(), true)), [Some(0), Some(1), Some(2), Some(3)]);
    }

    #[test]
    fn reported_groups_decide_before_distances() {
        let trials = vec![
            trial(1, ([0.0, 0.0], Some(7)), 0, 0.1, [None; 3]),
            trial(2, ([0.0, 0.0], Some(8)), 1, 0.9, [None; 3]),
            trial(3, ([9.0, 0.0], Some(7)), 2, 0.5, [None; 3]),
        ];
        let labeling = BestOfAlike { distance: 1.0 };
        assert_eq!(first(labels(&labeling, trials, true)), [Some(2), Some(1), Some(2)]);
    }

    #[test]
    fn hindsight_labels_with_the_reported_values_and_leaves_unknown_dimensions_out() {
        let state = ([0.0, 0.0], None);
        let trials = vec![
            trial(1, state, 0, 0.0, [Some(0.6), Some(2.2), None]),
            trial(2, state, 0, 0.0, [Some(40.0), None, Some(0.0)]),
            trial(3, state, 0, 0.0, [None; 3]),
        ];
        let expected = [[Some(3), Some(2), None], [Some(4), None, Some(0)], [None; 3]];
        assert_eq!(labels(&ReportedHindsight, trials, false).unwrap(), expected);
    }
}
