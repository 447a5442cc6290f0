//! States and trials, from Python's values to Rust's.

use std::sync::Arc;

use image::RgbImage;
use numpy::PyReadonlyArray1;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use rmrl::rmrl_core::{
    ActionIndex, ActionSpace, DIMENSIONS, Decision, Features, Judgment, Observation, Outcome,
    PlanarPose, PlateInImage, Trial, TrialId,
};

use crate::arrays::rgb_image;

/// What a policy sees of a state.
#[derive(Clone, Copy)]
pub struct Inputs {
    /// The number of features.
    pub features: usize,
    pub sees_images: bool,
}

impl Inputs {
    /// The observation of a state: its image, which a policy may not see, and its features, float32.
    ///
    /// # Errors
    /// `TypeError` or `ValueError` says what was given and what was expected.
    pub fn observation(
        self,
        image: &Bound<'_, PyAny>,
        features: &Bound<'_, PyAny>,
        group: Option<u64>,
    ) -> PyResult<Observation> {
        let image = match (self.sees_images, image.is_none()) {
            (true, false) => rgb_image(image, "the image")?,
            (false, _) => RgbImage::new(1, 1),
            (true, true) => {
                return Err(PyTypeError::new_err("the image is None; expected an array"));
            }
        };
        Ok(Observation {
            image: Arc::new(image),
            estimated_pose: PlanarPose::default(),
            look_error_m: None,
            plate_in_image: PlateInImage::default(),
            carries: Vec::new(),
            features: Some(Features { values: self.values(features)?, group }),
        })
    }

    fn values(self, features: &Bound<'_, PyAny>) -> PyResult<Vec<f32>> {
        let expected = self.features;
        let array: PyReadonlyArray1<'_, f32> = features.extract().map_err(|_| {
            let given = features.get_type();
            PyTypeError::new_err(format!(
                "the features are a {given}; expected float32 [{expected}]"
            ))
        })?;
        let values: Vec<f32> = array.as_array().iter().copied().collect();
        if values.len() != expected || !values.iter().all(|value| value.is_finite()) {
            return Err(PyValueError::new_err(format!(
                "the features are {values:?}; expected {expected} finite numbers"
            )));
        }
        Ok(values)
    }
}

/// The judgment of an action: the reward, and the best value of each head as far as it is known.
pub fn judgment(reward: f64, best: [Option<f64>; DIMENSIONS]) -> PyResult<Judgment> {
    if !reward.is_finite() || !best.iter().flatten().all(|value| value.is_finite()) {
        return Err(PyValueError::new_err(format!(
            "the reward is {reward} and the best action {best:?}; expected finite numbers"
        )));
    }
    Ok(Judgment { reward, best })
}

/// A trial that a log has kept.
pub struct RecordedTrial {
    id: TrialId,
    observation: Observation,
    index: ActionIndex,
    probabilities: [Vec<f32>; DIMENSIONS],
    judgment: Judgment,
}

/// As Python has it.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
struct Record<'py> {
    trial: u32,
    scene: u32,
    image: Bound<'py, PyAny>,
    features: Bound<'py, PyAny>,
    group: Option<u64>,
    index: [usize; DIMENSIONS],
    probabilities: [Vec<f32>; DIMENSIONS],
    reward: f64,
    best: [Option<f64>; DIMENSIONS],
}

impl RecordedTrial {
    /// Reads a record.
    ///
    /// # Errors
    /// A value is missing, or of another type or shape.
    pub fn read(record: &Bound<'_, PyAny>, inputs: Inputs) -> PyResult<Self> {
        let record: Record<'_> = record.extract()?;
        Ok(Self {
            id: TrialId::new(record.trial, 1, record.scene),
            observation: inputs.observation(&record.image, &record.features, record.group)?,
            index: ActionIndex(record.index),
            probabilities: record.probabilities,
            judgment: judgment(record.reward, record.best)?,
        })
    }

    /// The trial, whose action was one of `actions`.
    ///
    /// # Errors
    /// It was not.
    pub fn into_trial(self, actions: &ActionSpace) -> PyResult<Trial> {
        let adjustment = actions.adjustment(self.index).ok_or_else(|| {
            PyValueError::new_err(format!(
                "trial {} has the candidates {:?}; expected some below {:?}",
                self.id.trial,
                self.index.0,
                actions.sizes()
            ))
        })?;
        Ok(Trial {
            id: self.id,
            observation: self.observation,
            decision: Decision {
                adjustment,
                index: Some(self.index),
                probabilities: Some(self.probabilities),
                interval_m: None,
                abstained: false,
            },
            outcome: Outcome::Judged(self.judgment),
        })
    }
}
