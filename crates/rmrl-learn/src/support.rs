//! Which states a policy knows: those like the ones it was trained on.

use serde::{Deserialize, Serialize};

use crate::policy::{EncodedState, Policy};

/// When a deployed policy abstains. Training never does.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SupportConfig {
    /// Whether to abstain from states unlike all that were trained on: to pick where the camera
    /// says, without a correction. Default true: what a network says there is nobody's experience.
    pub abstain: bool,
    /// How many times farther from the nearest training state than the loneliest training state
    /// from the other scenes a state may be. Default 1.5: in simulated cells, new placements come to
    /// 1.3 after 15 scenes and to 1.6 after 8; a black picture is 2.3 to 5 away and one of noise 1.8
    /// to 2.8. A tiny encoder (8 channels, 32 pixels) separates them no longer.
    pub reach_factor: f64,
}

impl Default for SupportConfig {
    fn default() -> Self {
        Self { abstain: true, reach_factor: 1.5 }
    }
}

/// The states that a policy was trained on, and how far around them it may be trusted.
///
/// Pose and picture are judged apart, each by the Euclidean distance to the nearest training state:
/// poses as the network takes them, pictures by the encoder's features. With `d_i` the distance of
/// training state `i` to the nearest of *another scene*, the reach is `max_i d_i`: scenes are drawn
/// as new placements are, the states of one scene lie close together.
#[derive(Debug, Clone, PartialEq)]
pub struct Support {
    /// The scaled poses.
    pub(crate) poses: Vec<[f32; 3]>,
    /// The pictures' features.
    pub(crate) features: Vec<Vec<f32>>,
    pub(crate) reach: Reach,
}

/// How far a state is from the nearest training state, in reaches: up to 1 it is no lonelier than
/// the training states themselves.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Unlikeness {
    /// Of the pose.
    pub pose: f64,
    /// Of the picture.
    pub picture: f64,
}

impl Unlikeness {
    /// The larger of the two.
    pub fn worst(self) -> f64 {
        self.pose.max(self.picture)
    }
}

/// How far around the training states a state is still like them.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Reach {
    /// In scaled poses: half the start region's extent is 1.
    pub(crate) pose: f32,
    /// In features.
    pub(crate) features: f32,
}

impl Support {
    /// The support of the states of `scenes`, as `policy` sees them; `None` of fewer than two
    /// scenes, from which no distance between scenes can be learnt.
    pub(crate) fn of<'a>(
        policy: &Policy,
        scenes: impl IntoIterator<Item = &'a [EncodedState]>,
    ) -> Option<Self> {
        let (mut poses, mut features, mut scene_of) = (Vec::new(), Vec::new(), Vec::new());
        for (number, states) in scenes.into_iter().enumerate() {
            for state in states {
                poses.push(state.pose());
                features.push(policy.features_of(state));
                scene_of.push(number);
            }
        }
        let pose = widest_gap(&poses, &scene_of)?;
        let reach = Reach { pose, features: widest_gap(&features, &scene_of)? };
        Some(Self { poses, features, reach })
    }

    /// How unlike the training states a state of this scaled pose and these features is.
    pub(crate) fn distance(&self, pose: [f32; 3], features: &[f32]) -> Unlikeness {
        // What was met in training is not unlike it, even if nothing else was: no 0 / 0.
        let in_reaches = |distance: f32, reach: f32| match distance {
            0.0 => 0.0,
            _ => f64::from(distance) / f64::from(reach),
        };
        Unlikeness {
            pose: in_reaches(nearest(&pose, self.poses.iter()), self.reach.pose),
            picture: in_reaches(nearest(features, self.features.iter()), self.reach.features),
        }
    }

    /// The number of training states.
    pub fn len(&self) -> usize {
        self.poses.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.poses.is_empty()
    }
}

/// The distance to the nearest of `points`.
fn nearest<P: AsRef<[f32]>>(point: &[f32], points: impl Iterator<Item = P>) -> f32 {
    points.map(|other| distance(point, other.as_ref())).fold(f32::INFINITY, f32::min)
}

/// `max_i min_j |p_i - p_j|` over points `j` of other scenes than `i`'s; `None` if there is one
/// scene only.
fn widest_gap<P: AsRef<[f32]>>(points: &[P], scene_of: &[usize]) -> Option<f32> {
    let gaps = points.iter().zip(scene_of).map(|(point, scene)| {
        let others = points.iter().zip(scene_of).filter(|(_, other)| *other != scene);
        nearest(point.as_ref(), others.map(|(other, _)| other))
    });
    gaps.reduce(f32::max).filter(|gap| gap.is_finite())
}

fn distance(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum::<f32>().sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_widest_gap_is_between_scenes_not_within_them() {
        let points = [[0.0f32], [0.1], [1.0], [1.2], [4.0]];
        assert_eq!(widest_gap(&points, &[0, 0, 1, 1, 2]), Some(2.8));
        assert_eq!(widest_gap(&points, &[0; 5]), None);
        assert_eq!(widest_gap(&points[..0], &[]), None);
    }

    #[test]
    fn a_state_is_as_unlike_as_the_worse_of_pose_and_picture() {
        let support = Support {
            poses: vec![[0.0; 3], [1.0, 0.0, 0.0]],
            features: vec![vec![0.0, 0.0], vec![0.0, 2.0]],
            reach: Reach { pose: 1.0, features: 2.0 },
        };
        let far = support.distance([3.0, 0.0, 0.0], &[0.0, 1.0]);
        assert_eq!(far, Unlikeness { pose: 2.0, picture: 0.5 });
        assert_eq!(far.worst(), 2.0);
        assert_eq!(support.distance([1.0, 0.0, 0.0], &[3.0, 0.0]).worst(), 1.5);
        // What is no number is near nothing.
        assert_eq!(support.distance([f32::NAN, 0.0, 0.0], &[0.0, 0.0]).worst(), f64::INFINITY);
    }
}
