//! The state that the policy sees.

use std::sync::Arc;

use image::RgbImage;
use serde::{Deserialize, Serialize};

use crate::{Carry, Look, PlanarPose};

/// A state `s = (I, P_e)` of the one-step MDP (Sec. 3.1).
#[derive(Debug, Clone)]
pub struct Observation {
    /// The overhead camera's color image. It is shared because replay keeps it for the whole run.
    pub image: Arc<RgbImage>,
    /// The plate's pose as localized in that image, in the world frame.
    pub estimated_pose: PlanarPose,
    /// By how much the image says that this is off, as in [`Look::error_m`].
    pub look_error_m: Option<[f64; 2]>,
    /// Where the image shows a plate at that pose.
    pub plate_in_image: PlateInImage,
    /// How the arm brought the plate there, with where it put it down on the way, oldest first. Empty where it did not for
    /// this trial.
    pub carries: Vec<Carry>,
    /// The state of an environment that is no cell of plates; `None` in a cell. A policy of features takes it in place of
    /// the pose, which then says nothing.
    pub features: Option<Features>,
}

/// A state as numbers, for an environment that is no cell of plates.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Features {
    /// As a network takes them: most of them from -1 to 1.
    pub values: Vec<f32>,
    /// The number that the environment gives to all states like this one; `None` where it says nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<u64>,
}

impl Features {
    /// Whether `other` is a state like this one: of the same group, or at most `distance` away where a state has none.
    pub fn is_like(&self, other: &Self, distance: f64) -> bool {
        if self.group.is_some() && other.group.is_some() {
            return self.group == other.group;
        }
        let squares = self.values.iter().zip(&other.values).map(|(one, other)| {
            let difference = f64::from(one - other);
            difference * difference
        });
        self.values.len() == other.values.len() && squares.sum::<f64>() <= distance * distance
    }
}

impl Observation {
    /// The look at the plate.
    pub fn look(&self) -> Look {
        Look { pose: self.estimated_pose, error_m: self.look_error_m }
    }
}

/// Where an image shows a plate, in pixels. Whole numbers are the centers of pixels; (0, 0) is the
/// center of the top left pixel.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlateInImage {
    /// The plate's center, to the right.
    pub u_px: f64,
    /// The plate's center, down.
    pub v_px: f64,
    /// The length of the plate's diagonal, which does not depend on the plate's yaw.
    pub diagonal_px: f64,
}

/// Reads in a picture by how much the localizer errs.
pub trait PictureReader: Send {
    /// The error of the localizer's estimate of a plate in a color image, which shows it at `plate`: to the right and down
    /// in the image, in meters on the plate's surface.
    fn look_error_m(&mut self, image: &RgbImage, plate: PlateInImage) -> [f64; 2];
}
