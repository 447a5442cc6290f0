//! Role-model selection and labels (Sec. 3.3.1), the heart of the method.

use crate::{DIMENSIONS, Scene, Trial};

/// What a policy should choose in a state: the index of each dimension's candidate,
/// `I = [ind_x, ind_y, ind_ψ]`.
///
/// `None` means that nothing is known about a dimension, which then adds nothing to the loss.
pub type Label = [Option<usize>; DIMENSIONS];

/// The role model of a scene: the executed action with the highest reward.
///
/// Only trials that placed a plate, or that another environment judged, with an action made of candidates can be role models. A failed grasp is never a role
/// model, whatever its reward. Of equal rewards the earliest wins, so that the choice depends on the log
/// alone. `None` if no trial of the scene qualifies.
pub fn role_model(scene: &Scene) -> Option<&Trial> {
    // Eq. 2: a* = argmax_{a_k in A_i} R(a_k, s_k)
    scene
        .trials()
        .iter()
        .filter(|trial| trial.outcome.can_be_model() && trial.decision.index.is_some())
        .reduce(
            |best, trial| {
                if trial.outcome.reward() > best.outcome.reward() { trial } else { best }
            },
        )
}

/// The labels of a scene's data set `D_i`, one for each trial: the role model's indices for all.
///
/// States of trials that failed to grasp get labels, too: a state is as good as its neighbors, whatever the
/// trial did in it. A scene without a role model has no labels.
pub fn role_model_labels(scene: &Scene) -> Vec<Label> {
    // Eq. 3: D_i = {(s_k), I_i}, k = 1..N
    let index = role_model(scene).and_then(|trial| trial.decision.index);
    let label = index.map_or([None; DIMENSIONS], |index| index.0.map(Some));
    vec![label; scene.trials().len()]
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use image::RgbImage;

    use super::*;
    use crate::{
        ActionIndex, Decision, GraspFailure, Observation, Outcome, Placement, PlacementError,
        PlanarPose, PlateInImage, PoseAdjustment, TrialId,
    };

    fn trial(number: u32, action: usize, reward: Option<f64>) -> Trial {
        Trial {
            id: TrialId::new(number, 1, 1),
            observation: Observation {
                features: None,
                look_error_m: None,
                carries: Vec::new(),
                image: Arc::new(RgbImage::new(1, 1)),
                estimated_pose: PlanarPose::new(f64::from(number), 0.0, 0.0),
                plate_in_image: PlateInImage::default(),
            },
            decision: Decision {
                adjustment: PoseAdjustment::NONE,
                index: Some(ActionIndex([action; 3])),
                probabilities: None,
                interval_m: None,
                abstained: false,
            },
            outcome: match reward {
                Some(reward) => Outcome::Placed(Placement {
                    final_look_error_m: None,
                    pick_pose: PlanarPose::default(),
                    final_pose: PlanarPose::default(),
                    target_pose: PlanarPose::default(),
                    error: PlacementError { e_trans_m: 0.0, e_rot: 0.0 },
                    reward,
                    seated: true,
                }),
                None => Outcome::NotGrasped(GraspFailure::Missed),
            },
        }
    }

    fn scene(trials: impl IntoIterator<Item = Trial>) -> Scene {
        let mut scene = Scene::new();
        trials.into_iter().for_each(|trial| scene.push(trial));
        scene
    }

    #[test]
    fn the_best_reward_labels_every_state_of_the_scene() {
        let scene = scene([
            trial(1, 0, Some(0.9)),
            trial(2, 1, Some(0.98)),
            trial(3, 2, None),
            trial(4, 3, Some(0.95)),
        ]);
        assert_eq!(role_model(&scene).unwrap().id.trial, 2);
        assert_eq!(role_model_labels(&scene), [[Some(1); 3]; 4]);
    }

    #[test]
    fn of_equal_rewards_the_earliest_is_the_role_model() {
        let scene =
            scene([trial(1, 0, Some(0.9)), trial(2, 1, Some(0.97)), trial(3, 2, Some(0.97))]);
        assert_eq!(role_model(&scene).unwrap().id.trial, 2);
    }

    #[test]
    fn a_scene_without_a_placement_has_no_role_model_and_no_labels() {
        let scene = scene([trial(1, 0, None), trial(2, 1, None)]);
        assert!(role_model(&scene).is_none());
        assert_eq!(role_model_labels(&scene), [[None; 3]; 2]);
    }

    #[test]
    fn a_failed_grasp_is_never_a_role_model_even_among_worthless_placements() {
        let scene = scene([trial(1, 0, None), trial(2, 1, Some(0.0))]);
        assert_eq!(role_model(&scene).unwrap().id.trial, 2);
    }
}
