//! What a policy network is made of.

use rmrl_core::DIMENSIONS;
use serde::{Deserialize, Serialize};

use super::norm::NormKind;

/// Which part of the image a network sees.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ImageView {
    /// The whole image.
    Global,
    /// A square around the estimated pose.
    Crop {
        /// Side of the square, in diagonals of the plate.
        scale: f64,
    },
    /// Nothing; the network has no encoder.
    None,
}

/// The most channels of a ResNet's first stage.
pub(crate) const MOST_BASE_WIDTH: usize = 256;
/// The largest width and height of an input image, in pixels.
pub(crate) const MOST_IMAGE_SIZE: usize = 1024;
/// The largest width of a layer of the pose MLP and of the heads.
pub(crate) const MOST_LAYER_WIDTH: usize = 2048;
/// The most features of a state.
pub const MOST_FEATURES: usize = 65_536;
/// The most candidates of a dimension, after all refinements.
pub const MOST_CANDIDATES: usize = 4001;

/// The shape of a policy network; with it and the weights the network can be rebuilt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NetworkShape {
    /// Which part of the image it sees.
    pub view: ImageView,
    /// ResNet depth: 10, 18 or 34.
    pub depth: usize,
    /// Channels of the ResNet's first stage; 64 in the original.
    pub base_width: usize,
    /// The ResNet's normalization.
    pub norm: NormKind,
    /// Width and height of the input image, in pixels.
    pub image_size: usize,
    /// The numbers that the pose MLP takes: three of a pose, or the features of a state that has no pose.
    #[serde(default = "pose_inputs", skip_serializing_if = "is_pose")]
    pub pose_inputs: usize,
    /// Width of the pose MLP's layers.
    pub pose_width: usize,
    /// Width of each head's hidden layer.
    pub head_width: usize,
    /// Candidates of each dimension.
    pub candidates: [usize; DIMENSIONS],
}

/// The numbers of a pose, as the pose MLP takes them.
pub const POSE_INPUTS: usize = 3;

fn pose_inputs() -> usize {
    POSE_INPUTS
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_pose(inputs: &usize) -> bool {
    *inputs == POSE_INPUTS
}

impl NetworkShape {
    /// Blocks in the four stages of a ResNet of this depth; `None` for an unsupported depth.
    pub fn blocks(depth: usize) -> Option<[usize; 4]> {
        match depth {
            10 => Some([1, 1, 1, 1]),
            18 => Some([2, 2, 2, 2]),
            34 => Some([3, 4, 6, 3]),
            _ => None,
        }
    }

    /// Whether a configuration may ask for it. A damaged file may claim a shape that no memory holds.
    pub(crate) fn is_possible(&self) -> bool {
        let most = [
            (self.base_width, MOST_BASE_WIDTH),
            (self.image_size, MOST_IMAGE_SIZE),
            (self.pose_inputs, MOST_FEATURES),
            (self.pose_width, MOST_LAYER_WIDTH),
            (self.head_width, MOST_LAYER_WIDTH),
        ];
        Self::blocks(self.depth).is_some()
            && most.iter().all(|(width, most)| (1..=*most).contains(width))
            && self.candidates.iter().all(|candidates| *candidates <= MOST_CANDIDATES)
    }

    /// The number of image features; 0 for a network that sees no image.
    pub fn features(&self) -> usize {
        if self.view == ImageView::None { 0 } else { 8 * self.base_width }
    }
}
