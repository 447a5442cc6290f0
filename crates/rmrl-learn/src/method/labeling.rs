//! Labeling strategies: which actions a scene's trials recommend for its states.

use std::sync::{Mutex, PoisonError};

use rmrl_belief::CellBelief;
use rmrl_core::{
    ActionSpace, DIMENSIONS, Label, Outcome, Placement, PlanarPose, PoseAdjustment, Scene, Trial,
    closing_slide_m, role_model_labels,
};

use super::replay_memory::Experience;
use crate::config::{Grouping, ScheduleConfig};

/// The number of a trial, and the label of its state.
pub type TrialLabel = (u32, Label);

/// A way to label states for supervised learning.
pub trait Labeling: Send {
    /// New and changed labels, or `None` while the strategy has none.
    ///
    /// `scene` holds the trials of the scene under way, `so_far` all trials including these, without
    /// their images; their actions and the labels are candidates of `actions`. `complete` means that
    /// the scene's last trial has been made. The policy trains on the scene whenever there are
    /// labels.
    fn label(
        &self,
        scene: &Scene,
        so_far: &[Experience],
        actions: &ActionSpace,
        complete: bool,
    ) -> Option<Vec<TrialLabel>>;

    /// Whether a trial is labeled by what it came to itself, so that a test is as good to learn from as any
    /// trial. By default it is compared with others.
    fn labels_single_trials(&self) -> bool {
        false
    }
}

/// The role models by the grouping of a schedule.
pub fn role_models(schedule: &ScheduleConfig) -> Box<dyn Labeling> {
    match schedule.grouping {
        Grouping::Schedule => Box::new(BestOfScene),
        Grouping::Similarity => Box::new(BestOfSimilar {
            translation_m: schedule.similar_translation_m,
            yaw_rad: schedule.similar_yaw_deg.to_radians(),
        }),
    }
}

/// The paper's strategy: once the scene is complete, its role model labels all its states.
#[derive(Debug, Clone, Copy, Default)]
pub struct BestOfScene;

impl Labeling for BestOfScene {
    fn label(
        &self,
        scene: &Scene,
        _so_far: &[Experience],
        _actions: &ActionSpace,
        complete: bool,
    ) -> Option<Vec<TrialLabel>> {
        let trials = scene.trials().iter().map(|trial| trial.id.trial);
        complete.then(|| trials.zip(role_model_labels(scene)).collect())
    }
}

/// The paper's strategy for starts that are not arranged in scenes: the role model of a state is the
/// best executed action of all trials so far that started near it.
///
/// "Near" is a ball around each state, so groups overlap and have no borders. All labels are renewed
/// when a scene ends, because a later trial may be a better model. As in [`rmrl_core::role_model`],
/// only placed trials are models, and of equal rewards the earliest.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BestOfSimilar {
    /// How far from a state another may lie to be similar, in meters.
    pub translation_m: f64,
    /// How far its yaw may be from the other's, in radians.
    pub yaw_rad: f64,
}

impl BestOfSimilar {
    fn are_similar(&self, one: &Experience, other: &Experience) -> bool {
        let offset = other.estimated_pose.relative_to(one.estimated_pose);
        offset.translation_m() <= self.translation_m && offset.dyaw_rad.abs() <= self.yaw_rad
    }

    fn label_of(&self, state: &Experience, so_far: &[Experience]) -> Label {
        // Eq. 2 with A_i = {a_k: |P_k - P| <= translation_m, |ψ_k - ψ| <= yaw_rad}
        so_far
            .iter()
            .filter(|other| other.placed && self.are_similar(state, other))
            .reduce(|best, other| if other.reward > best.reward { other } else { best })
            .map_or([None; DIMENSIONS], |best| best.action.0.map(Some))
    }
}

impl Labeling for BestOfSimilar {
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

/// Hindsight: the deviation of each placed trial shows by how much its own action was off.
///
/// The plate is rigid in the jaws from pick to place, so a deviation at the target is the same
/// offset in the jaws after they closed. With `d = P_final - P_target`, the action that would have
/// been right is `a* = a + R(ψ_pick - ψ_target) d`.
///
/// That holds along the fingers. Across them the closing jaws push the plate to their middle and
/// turn it parallel, whatever the action was. Those parts of the deviation carry no signal, and
/// labels made of them would follow any explored action, out to the bounds. There the label is the
/// estimated pose before the grasp: no correction.
///
/// Closing also slides a plate that lies off the middle and turned ([`closing_slide_m`]). An
/// explored action causes such a slide itself. The label leaves out what the slide added to the
/// deviation, as far as the estimated pose predicts it.
///
/// A plate that was not grasped has no deviation and gets no label.
#[derive(Debug, Clone, Copy)]
pub struct Hindsight {
    /// Whether the label leaves out the slide of the closing jaws.
    pub knows_slide: bool,
}

impl Hindsight {
    fn label_of(&self, trial: &Trial, actions: &ActionSpace) -> Label {
        // In the image, the plate lay as far off the jaws as the action moved them. Along the fingers
        // that offset is what the label is about, so the slide is that of a plate in their middle.
        let slide_m = |done: PoseAdjustment| match self.knows_slide {
            true => closing_slide_m(0.0, -done.dy_m, -done.dyaw_rad),
            false => 0.0,
        };
        hindsight_label(trial, actions, |_, done| slide_m(done))
    }
}

/// Hindsight with the slide of the closing jaws by the cell's geometry, which every carry measures: how the plate truly lay in
/// the jaws, and not how far the action moved them. It leaves out what the explored action added to the slide of the deployed
/// policy's own pick. Takes note of each trial as it is labeled.
pub struct HindsightByGeometry {
    belief: Mutex<CellBelief>,
    place: PlanarPose,
}

impl HindsightByGeometry {
    /// Labels by `belief`, which knows all earlier trials, in a cell that releases plates with the tool at `place`.
    pub fn new(belief: CellBelief, place: PlanarPose) -> Self {
        Self { belief: Mutex::new(belief), place }
    }
}

impl Labeling for HindsightByGeometry {
    fn label(
        &self,
        scene: &Scene,
        _so_far: &[Experience],
        actions: &ActionSpace,
        _complete: bool,
    ) -> Option<Vec<TrialLabel>> {
        let newest = scene.trials().last()?;
        let mut belief = self.belief.lock().unwrap_or_else(PoisonError::into_inner);
        for carry in newest.carries(self.place) {
            belief.note(&carry);
        }
        let labeled = |trial: &Trial| {
            let slide_m = |placement: &Placement, done: PoseAdjustment| {
                // The deployed policy picks at the estimated pose but for its correction along the fingers. How the jaws
                // slide a plate then is part of what it has to correct.
                let (look, estimated) =
                    (trial.observation.look(), trial.observation.estimated_pose);
                let along = PoseAdjustment { dx_m: done.dx_m, dy_m: 0.0, dyaw_rad: 0.0 };
                let deployed = estimated.adjusted(along.rotated(estimated.yaw_rad));
                belief.slide_m(look, placement.pick_pose) - belief.slide_m(look, deployed)
            };
            (trial.id.trial, hindsight_label(trial, actions, slide_m))
        };
        Some(scene.trials().iter().map(labeled).collect())
    }

    fn labels_single_trials(&self) -> bool {
        true
    }
}

/// The action that would have been right in a trial. `slide_m` is how far the closing jaws slid the plate along the fingers, by the
/// placement and by the action in the frame of the jaws.
fn hindsight_label(
    trial: &Trial,
    actions: &ActionSpace,
    slide_m: impl Fn(&Placement, PoseAdjustment) -> f64,
) -> Label {
    match &trial.outcome {
        Outcome::Placed(placement) => {
            let deviation = placement.final_pose.relative_to(placement.target_pose);
            let pick_yaw_rad = placement.pick_pose.yaw_rad;
            let turn_rad = pick_yaw_rad - placement.target_pose.yaw_rad;
            // a* = a + R(ψ_pick - ψ_target) d, in the frame of the jaws
            let done = trial.decision.adjustment.rotated(-pick_yaw_rad);
            let mut along_m = done.dx_m + deviation.rotated(turn_rad - pick_yaw_rad).dx_m;
            along_m -= slide_m(placement, done);
            let best = PoseAdjustment { dx_m: along_m, dy_m: 0.0, dyaw_rad: 0.0 };
            actions.nearest(best.rotated(pick_yaw_rad)).0.map(Some)
        }
        Outcome::NotGrasped(_) | Outcome::Judged(_) => [None; DIMENSIONS],
    }
}

impl Labeling for Hindsight {
    fn label(
        &self,
        scene: &Scene,
        _so_far: &[Experience],
        actions: &ActionSpace,
        _complete: bool,
    ) -> Option<Vec<TrialLabel>> {
        let labeled = |trial: &Trial| (trial.id.trial, self.label_of(trial, actions));
        Some(scene.trials().iter().map(labeled).collect())
    }

    fn labels_single_trials(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use image::RgbImage;
    use rmrl_belief::Prior;
    use rmrl_core::{
        ActionIndex, Carry, Decision, GraspFailure, Observation, PlacementError, PlateInImage,
        TrialId,
    };

    use super::*;

    fn actions() -> ActionSpace {
        ActionSpace::symmetric([21, 21, 5], [0.001, 0.001, 0.01]).unwrap()
    }

    fn scene(outcomes: impl IntoIterator<Item = (PoseAdjustment, Outcome)>) -> Scene {
        let mut scene = Scene::new();
        for (trial, (adjustment, outcome)) in (1..).zip(outcomes) {
            scene.push(Trial {
                id: TrialId::new(trial, 1, 1),
                observation: Observation {
                    features: None,
                    look_error_m: None,
                    carries: Vec::new(),
                    image: Arc::new(RgbImage::new(1, 1)),
                    estimated_pose: PlanarPose::default(),
                    plate_in_image: PlateInImage::default(),
                },
                decision: Decision {
                    adjustment,
                    index: Some(actions().nearest(adjustment)),
                    probabilities: None,
                    interval_m: None,
                    abstained: false,
                },
                outcome,
            });
        }
        scene
    }

    /// A trial in a world where the jaws keep an offset along them and remove it across: the best
    /// pick is at `best`, the jaws are turned by `yaw_rad` at the pick and not at the target.
    fn placed(action: PoseAdjustment, best: PoseAdjustment, yaw_rad: f64) -> Outcome {
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
        Outcome::Placed(Placement {
            final_look_error_m: None,
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
    fn one_trial_shows_the_best_action_along_the_fingers() {
        let hindsight = Hindsight { knows_slide: false };
        for (action, yaw_rad) in [
            (adjustment(0.0, 0.0), 0.0),
            (adjustment(5.0, -3.0), 0.0),
            (adjustment(-4.0, 6.0), 0.5),
            (adjustment(2.0, 2.0), -1.2),
        ] {
            let best = adjustment(3.0, -2.0);
            let scene = scene([(action, placed(action, best, yaw_rad))]);
            let label =
                hindsight.label(&scene, &[], &actions(), false).unwrap()[0].1.map(Option::unwrap);
            let labeled = actions().adjustment(ActionIndex(label)).unwrap();
            let along = |a: PoseAdjustment| a.rotated(-yaw_rad).dx_m;
            let across = |a: PoseAdjustment| a.rotated(-yaw_rad).dy_m;
            // Within the rounding to candidates of 1 mm in x and y.
            assert!((along(labeled) - along(best)).abs() < 0.000_71, "{labeled:?}");
            assert!(across(labeled).abs() < 0.000_71, "{labeled:?}");
            assert_eq!(labeled.dyaw_rad, 0.0);
        }
    }

    #[test]
    fn hindsight_does_not_wait_for_the_scene_and_says_nothing_of_failed_grasps() {
        let action = adjustment(9.0, 9.0);
        let failed = Outcome::NotGrasped(GraspFailure::FingerOnPlate);
        let hindsight = Hindsight { knows_slide: false };
        let labels = hindsight.label(&scene([(action, failed)]), &[], &actions(), false);
        assert_eq!(labels, Some(vec![(1, [None; 3])]));
    }

    #[test]
    fn the_papers_labels_wait_for_the_scene() {
        let best = adjustment(3.0, 0.0);
        let scene = scene(
            [adjustment(-5.0, 0.0), adjustment(2.0, 0.0), adjustment(7.0, 1.0)]
                .map(|action| (action, placed(action, best, 0.0))),
        );
        assert_eq!(BestOfScene.label(&scene, &[], &actions(), false), None);
        let role_model = actions().nearest(adjustment(2.0, 0.0)).0.map(Some);
        let labels = [1, 2, 3].map(|trial| (trial, role_model)).to_vec();
        assert_eq!(BestOfScene.label(&scene, &[], &actions(), true), Some(labels.clone()));
        // If all states are similar, similarity finds the same labels.
        let so_far: Vec<_> = scene.trials().iter().filter_map(Experience::of).collect();
        let similar = BestOfSimilar { translation_m: 0.05, yaw_rad: 0.2 };
        assert_eq!(similar.label(&scene, &so_far, &actions(), true), Some(labels));
    }

    fn experience(trial: u32, x_m: f64, yaw_rad: f64, reward: Option<f64>) -> Experience {
        Experience {
            features: None,
            trial,
            scene: 1,
            estimated_pose: PlanarPose::new(x_m, 0.0, yaw_rad),
            action: ActionIndex([trial as usize; 3]),
            log_probability: None,
            reward: reward.unwrap_or(0.0),
            placed: reward.is_some(),
        }
    }

    #[test]
    fn similar_states_share_the_best_action_whenever_it_was_made() {
        let similar = BestOfSimilar { translation_m: 0.05, yaw_rad: 0.2 };
        let so_far = [
            experience(1, 0.00, 0.0, Some(0.90)),
            experience(2, 0.04, 0.1, Some(0.95)),
            experience(3, 0.08, 0.0, Some(0.99)),
            // One as near, but turned away; and one that was no placement.
            experience(4, 0.00, 0.5, Some(0.97)),
            experience(5, 0.01, 0.0, None),
            // One alone, without a placement near it.
            experience(6, 0.50, 0.0, None),
            // One as good as the second, and later.
            experience(7, 0.00, 0.0, Some(0.95)),
        ];
        assert_eq!(
            similar.label(&Scene::new(), &so_far, &actions(), false),
            None,
            "not within a scene"
        );
        let labels = similar.label(&Scene::new(), &so_far, &actions(), true).unwrap();
        let models: Vec<_> = labels.iter().map(|(trial, label)| (*trial, label[0])).collect();
        let expected = [
            (1, Some(2)),
            (2, Some(3)),
            (3, Some(3)),
            (4, Some(4)),
            (5, Some(2)),
            (6, None),
            (7, Some(2)),
        ];
        assert_eq!(models, expected);
        // Yaws are compared across half a turn.
        let across = [experience(1, 0.0, 3.1, Some(0.9)), experience(2, 0.0, -3.1, Some(0.95))];
        let labels = similar.label(&Scene::new(), &across, &actions(), true).unwrap();
        assert_eq!(labels[0], (1, [Some(2); 3]));
    }

    /// A camera that is off across the fingers and turned lets the jaws slide every plate that the deployed policy picks. Labels
    /// by geometry once left that out, too, and were off by it.
    #[test]
    fn labels_by_geometry_keep_the_slide_of_the_deployed_pick() {
        let place = PlanarPose::new(0.46, 0.18, 0.0);
        let middle = PlanarPose::default();
        // Plates lie 5 mm to the left of where they are seen, turned by 0.03.
        let seen = |truly: PlanarPose| {
            let (sin, cos) = 0.03_f64.sin_cos();
            let (x_m, y_m) = (truly.x_m, truly.y_m - 0.005);
            PlanarPose::new(cos * x_m + sin * y_m, cos * y_m - sin * x_m, truly.yaw_rad - 0.03)
        };
        let mut belief = CellBelief::new(Prior::default(), middle, place, seen(place).into());
        let mut grasped = place;
        for (x_m, y_m, yaw_rad) in [
            (0.1, 0.1, 0.4),
            (-0.1, 0.1, -0.4),
            (0.1, -0.1, -0.4),
            (-0.1, -0.1, 0.4),
            (0.0, 0.0, 0.0),
        ] {
            let released = PlanarPose::new(x_m, y_m, yaw_rad);
            let (seen_before, seen_after) = (Some(seen(grasped).into()), seen(released).into());
            belief.note(&Carry { seen_before, grasped, released, seen_after });
            grasped = released;
        }
        let estimated = PlanarPose::default();
        let slide_m = belief.slide_m(estimated.into(), estimated);
        assert!(slide_m.abs() > 1e-3, "{slide_m}: more than half a candidate");
        // The deployed pick, which was off by two millimeters along, the slide included.
        let off = PoseAdjustment { dx_m: 0.002, dy_m: 0.0, dyaw_rad: 0.0 };
        let target = PlanarPose::default();
        let placed = Outcome::Placed(Placement {
            final_look_error_m: None,
            pick_pose: estimated,
            final_pose: target.adjusted(off),
            target_pose: target,
            error: PlacementError::between(target.adjusted(off), target),
            reward: 0.9,
            seated: true,
        });
        let scene = scene([(PoseAdjustment::NONE, placed)]);
        let by_geometry = HindsightByGeometry::new(belief, place);
        let labels = by_geometry.label(&scene, &[], &actions(), true).unwrap();
        let right = actions().nearest(off).0.map(Some);
        assert_eq!(labels, [(1, right)]);
    }
}
