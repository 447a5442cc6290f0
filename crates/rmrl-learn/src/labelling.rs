//! Labelling strategies: what a scene's trials teach about its states.

use rmrl_core::{
    ActionSpace, DIMENSIONS, Ending, Label, PoseAdjustment, Scene, Trial, role_model_labels,
};

/// A way to label the states of a scene for supervised learning.
pub trait Labelling: Send {
    /// Labels for the scene's trials so far, one each and in order, or `None` while the strategy
    /// has nothing to say. `complete` tells that the scene's last trial has been made.
    fn label(&self, scene: &Scene, complete: bool) -> Option<Vec<Label>>;
}

/// The paper's strategy: once the scene is complete, its role model labels all its states.
#[derive(Debug, Clone, Copy, Default)]
pub struct BestOfScene;

impl Labelling for BestOfScene {
    fn label(&self, scene: &Scene, complete: bool) -> Option<Vec<Label>> {
        complete.then(|| role_model_labels(scene))
    }
}

/// Hindsight: each placed trial tells by how much its own action was off.
///
/// The plate is rigid in the jaws from pick to place, so a deviation at the target is the same
/// offset in the jaws at the pick. With `d = P_final - P_target`, the action that would have been
/// right is `a* = a + R(ψ_pick - ψ_target) d`.
///
/// That holds along the fingers. Across them the closing jaws push the plate to their middle and
/// turn it parallel, whatever the action was: those parts of the deviation carry no signal, and
/// labels made of them would follow whatever was tried, out to the bounds. There the picture
/// before the grasp is the best that is known: no correction.
///
/// A plate that was not grasped has no deviation and gets no label.
#[derive(Debug, Clone)]
pub struct Hindsight {
    actions: ActionSpace,
}

impl Hindsight {
    /// Hindsight with labels among the candidates of `actions`.
    pub fn new(actions: ActionSpace) -> Self {
        Self { actions }
    }

    fn label_of(&self, trial: &Trial) -> Label {
        match &trial.ending {
            Ending::Placed(placement) => {
                let deviation = placement.final_pose.relative_to(placement.target_pose);
                let pick_yaw_rad = placement.pick_pose.yaw_rad;
                let turn_rad = pick_yaw_rad - placement.target_pose.yaw_rad;
                // a* = a + R(ψ_pick - ψ_target) d
                let correction = deviation.rotated(turn_rad);
                let action = trial.decision.adjustment;
                let best = PoseAdjustment {
                    dx_m: action.dx_m + correction.dx_m,
                    dy_m: action.dy_m + correction.dy_m,
                    dyaw_rad: 0.0,
                };
                let mut in_jaws = best.rotated(-pick_yaw_rad);
                in_jaws.dy_m = 0.0;
                self.actions.nearest(in_jaws.rotated(pick_yaw_rad)).0.map(Some)
            }
            Ending::NotGrasped(_) => [None; DIMENSIONS],
        }
    }
}

impl Labelling for Hindsight {
    fn label(&self, scene: &Scene, _complete: bool) -> Option<Vec<Label>> {
        Some(scene.trials().iter().map(|trial| self.label_of(trial)).collect())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use image::RgbImage;
    use rmrl_core::{
        ActionIndex, Decision, GraspFailure, Observation, Placement, PlacementError, PlanarPose,
        TrialId,
    };

    use super::*;

    fn actions() -> ActionSpace {
        ActionSpace::symmetric([21, 21, 5], [0.001, 0.001, 0.01]).unwrap()
    }

    fn scene(endings: impl IntoIterator<Item = (PoseAdjustment, Ending)>) -> Scene {
        let mut scene = Scene::new();
        for (trial, (adjustment, ending)) in (1..).zip(endings) {
            scene.push(Trial {
                id: TrialId { trial, attempt: 1, scene: 1 },
                observation: Observation {
                    image: Arc::new(RgbImage::new(1, 1)),
                    estimated_pose: PlanarPose::default(),
                },
                decision: Decision {
                    adjustment,
                    index: Some(actions().nearest(adjustment)),
                    probabilities: None,
                    abstained: false,
                },
                ending,
            });
        }
        scene
    }

    /// A trial in a world where the jaws keep an offset along them and remove it across: the best
    /// pick is at `best`, the jaws are turned by `yaw_rad` at the pick and not at the target.
    fn placed(action: PoseAdjustment, best: PoseAdjustment, yaw_rad: f64) -> Ending {
        let miss = PoseAdjustment {
            dx_m: best.dx_m - action.dx_m,
            dy_m: best.dy_m - action.dy_m,
            dyaw_rad: 0.0,
        };
        let mut in_jaws = miss.rotated(-yaw_rad);
        in_jaws.dy_m = 0.0;
        let target_pose = PlanarPose::new(0.4, 0.2, 0.0);
        let final_pose = target_pose.adjusted(in_jaws);
        let error = PlacementError::between(final_pose, target_pose);
        Ending::Placed(Placement {
            pick_pose: PlanarPose::new(0.3, -0.1, yaw_rad),
            final_pose,
            target_pose,
            error,
            reward: (-10.0 * error.e_trans_m).exp(),
            seated: true,
        })
    }

    fn adjustment(dx_mm: f64, dy_mm: f64) -> PoseAdjustment {
        PoseAdjustment { dx_m: dx_mm / 1000.0, dy_m: dy_mm / 1000.0, dyaw_rad: 0.0 }
    }

    #[test]
    fn one_trial_tells_the_best_action_along_the_fingers() {
        let hindsight = Hindsight::new(actions());
        for (action, yaw_rad) in [
            (adjustment(0.0, 0.0), 0.0),
            (adjustment(5.0, -3.0), 0.0),
            (adjustment(-4.0, 6.0), 0.5),
            (adjustment(2.0, 2.0), -1.2),
        ] {
            let best = adjustment(3.0, -2.0);
            let scene = scene([(action, placed(action, best, yaw_rad))]);
            let label = hindsight.label(&scene, false).unwrap()[0].map(Option::unwrap);
            let labelled = actions().adjustment(ActionIndex(label)).unwrap();
            let along = |a: PoseAdjustment| a.rotated(-yaw_rad).dx_m;
            let across = |a: PoseAdjustment| a.rotated(-yaw_rad).dy_m;
            // Within the rounding to candidates of 1 mm in x and y.
            assert!((along(labelled) - along(best)).abs() < 0.000_71, "{labelled:?}");
            assert!(across(labelled).abs() < 0.000_71, "{labelled:?}");
            assert_eq!(labelled.dyaw_rad, 0.0);
        }
    }

    #[test]
    fn hindsight_does_not_wait_for_the_scene_and_says_nothing_of_failed_grasps() {
        let action = adjustment(9.0, 9.0);
        let failed = Ending::NotGrasped(GraspFailure::FingerOnPlate);
        let labels = Hindsight::new(actions()).label(&scene([(action, failed)]), false);
        assert_eq!(labels, Some(vec![[None; 3]]));
    }

    #[test]
    fn the_papers_labels_wait_for_the_scene() {
        let best = adjustment(3.0, 0.0);
        let scene = scene(
            [adjustment(-5.0, 0.0), adjustment(2.0, 0.0), adjustment(7.0, 1.0)]
                .map(|action| (action, placed(action, best, 0.0))),
        );
        assert_eq!(BestOfScene.label(&scene, false), None);
        let role_model = actions().nearest(adjustment(2.0, 0.0)).0.map(Some);
        assert_eq!(BestOfScene.label(&scene, true), Some(vec![role_model; 3]));
    }
}
