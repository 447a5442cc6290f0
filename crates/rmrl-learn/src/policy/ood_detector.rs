//! Out-of-distribution detection: which states are like those that the policy was trained on.

use safetensors::{Dtype, SafeTensors};
use serde::{Deserialize, Serialize};

use crate::storage::{TensorToWrite, floats};

/// The tensors of a policy file that hold the training states.
const POSES: &str = "support.poses";
const FEATURES: &str = "support.features";

/// The states that a policy was trained on, and how far around them it may be trusted.
///
/// Pose and image have a score each, the Euclidean distance to the nearest training state: of the
/// scaled poses, and of the encoder's features. With `d_i` the distance of training state `i` to the
/// nearest one of *another scene*, the unit of the score is `max_i d_i`. Scenes are drawn like new
/// placements, while the states of one scene lie close together.
#[derive(Debug, Clone, PartialEq)]
pub struct OodDetector {
    /// The scaled poses, or the features of states that have no pose.
    poses: Vec<Vec<f32>>,
    /// The images' features.
    features: Vec<Vec<f32>>,
    scale: OodScale,
}

/// How far a state is from the nearest training state. Up to 1 it is as near as the training states
/// of other scenes are to each other.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OodScore {
    /// The score of the pose.
    pub pose: f64,
    /// The score of the image.
    pub image: f64,
}

impl OodScore {
    /// The larger of the two scores.
    pub fn worst(self) -> f64 {
        self.pose.max(self.image)
    }
}

/// The distances that make a score of 1.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OodScale {
    /// Between scaled poses: half the start region's extent is 1.
    pub pose: f32,
    /// Between features.
    pub features: f32,
}

impl OodDetector {
    /// Fits a detector to the scaled poses and the image features of each scene's states; `None` for
    /// fewer than two scenes, because they have no distance between scenes.
    pub(crate) fn fit(
        scenes: impl IntoIterator<Item = impl IntoIterator<Item = (Vec<f32>, Vec<f32>)>>,
    ) -> Option<Self> {
        let (mut poses, mut features, mut scene_of) = (Vec::new(), Vec::new(), Vec::new());
        for (number, states) in scenes.into_iter().enumerate() {
            for (pose, of_image) in states {
                poses.push(pose);
                features.push(of_image);
                scene_of.push(number);
            }
        }
        let scale = OodScale {
            pose: max_nn_distance_across_scenes(&poses, &scene_of)?,
            features: max_nn_distance_across_scenes(&features, &scene_of)?,
        };
        Some(Self { poses, features, scale })
    }

    /// The score of a state of this scaled pose and these features.
    pub(crate) fn score(&self, pose: &[f32], features: &[f32]) -> OodScore {
        // A training state itself has score 0, even if all are the same: no 0 / 0.
        let scaled = |distance: f32, scale: f32| match distance {
            0.0 => 0.0,
            _ => f64::from(distance) / f64::from(scale),
        };
        OodScore {
            pose: scaled(nearest(pose, self.poses.iter()), self.scale.pose),
            image: scaled(nearest(features, self.features.iter()), self.scale.features),
        }
    }

    /// The distances that make a score of 1.
    pub fn scale(&self) -> OodScale {
        self.scale
    }

    /// The scaled poses of the training states, or the features of states that have no pose.
    pub fn poses(&self) -> &[Vec<f32>] {
        &self.poses
    }

    /// The image features of the training states, in the order of [`Self::poses`]; empty ones for a policy that sees no
    /// image.
    pub fn features(&self) -> &[Vec<f32>] {
        &self.features
    }

    /// The number of training states.
    pub fn len(&self) -> usize {
        self.poses.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.poses.is_empty()
    }

    /// The training states as named tensors.
    pub(crate) fn to_tensors(&self) -> [TensorToWrite; 2] {
        let tensor = |name, width, values: &mut dyn Iterator<Item = f32>| {
            let bytes = values.flat_map(f32::to_le_bytes).collect();
            TensorToWrite::of_bytes(name, Dtype::F32, vec![self.len(), width], bytes)
        };
        let width = |rows: &[Vec<f32>]| rows.first().map_or(0, Vec::len);
        [
            tensor(POSES, width(&self.poses), &mut self.poses.iter().flatten().copied()),
            tensor(FEATURES, width(&self.features), &mut self.features.iter().flatten().copied()),
        ]
    }

    /// The detector in a policy file's bytes, for poses of `pose_inputs` numbers and images of `width` features.
    ///
    /// # Errors
    /// What is wrong with its tensors.
    pub(crate) fn from_tensors(
        scale: OodScale,
        [pose_inputs, width]: [usize; 2],
        bytes: &[u8],
    ) -> Result<Self, String> {
        let file = SafeTensors::deserialize(bytes).map_err(|error| error.to_string())?;
        let rows = |name: &str, width: usize| -> Result<Vec<Vec<f32>>, String> {
            let tensor = file.tensor(name).map_err(|error| format!("{name}: {error}"))?;
            let &[rows, found_width] = tensor.shape() else {
                return Err(format!("{name} has another shape"));
            };
            if tensor.dtype() != Dtype::F32 || found_width != width {
                return Err(format!("{name} has another shape"));
            }
            let values = floats(tensor.data());
            // Rows may be empty: a policy that sees no image has no features.
            Ok((0..rows).map(|row| values[row * width..(row + 1) * width].to_vec()).collect())
        };
        let detector =
            Self { poses: rows(POSES, pose_inputs)?, features: rows(FEATURES, width)?, scale };
        if detector.poses.len() != detector.features.len() {
            return Err("its support has another number of poses than of images".to_string());
        }
        Ok(detector)
    }
}

/// The distance to the nearest of `points`.
fn nearest<P: AsRef<[f32]>>(point: &[f32], points: impl Iterator<Item = P>) -> f32 {
    points.map(|other| distance(point, other.as_ref())).fold(f32::INFINITY, f32::min)
}

/// `max_i min_j |p_i - p_j|` over points `j` of other scenes than `i`'s; `None` for a single scene.
fn max_nn_distance_across_scenes<P: AsRef<[f32]>>(points: &[P], scene_of: &[usize]) -> Option<f32> {
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
    fn the_scale_is_a_distance_between_scenes_not_within_them() {
        let points = [[0.0f32], [0.1], [1.0], [1.2], [4.0]];
        assert_eq!(max_nn_distance_across_scenes(&points, &[0, 0, 1, 1, 2]), Some(2.8));
        assert_eq!(max_nn_distance_across_scenes(&points, &[0; 5]), None);
        assert_eq!(max_nn_distance_across_scenes(&points[..0], &[]), None);
    }

    #[test]
    fn the_score_of_a_state_is_the_worse_of_pose_and_image() {
        let detector = OodDetector {
            poses: vec![vec![0.0; 3], vec![1.0, 0.0, 0.0]],
            features: vec![vec![0.0, 0.0], vec![0.0, 2.0]],
            scale: OodScale { pose: 1.0, features: 2.0 },
        };
        let far = detector.score(&[3.0, 0.0, 0.0], &[0.0, 1.0]);
        assert_eq!(far, OodScore { pose: 2.0, image: 0.5 });
        assert_eq!(far.worst(), 2.0);
        assert_eq!(detector.score(&[1.0, 0.0, 0.0], &[3.0, 0.0]).worst(), 1.5);
        // NaN is near no training state.
        assert_eq!(detector.score(&[f32::NAN, 0.0, 0.0], &[0.0, 0.0]).worst(), f64::INFINITY);
    }
}
