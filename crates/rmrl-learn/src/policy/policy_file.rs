//! A policy as a `.safetensors` file, which can be deployed with nothing beside it.
//!
//! Tensors carry PyTorch's names (`encoder.layer1.0.conv1.weight`, torchvision's, and
//! `heads.0.fc1.weight`); the file's metadata holds the rest. The same policy makes the same bytes.

use std::path::Path;

use rmrl_core::{ActionSpace, DIMENSIONS, fnv1a};
use rmrl_files::read_regular_file;
use serde::{Deserialize, Serialize};

use super::Policy;
use super::observation_encoding::PoseScaling;
use super::ood_detector::{OodDetector, OodScale};
use crate::config::{MAX_REFINEMENTS, PolicyConfig};
use crate::network::NetworkShape;
use crate::storage::{
    CheckpointError, MOST_BYTES, Metadata, TensorToWrite, WeightsError, load_tensors,
    parse_safetensors, read_entry, tensors_of, to_json, write,
};

/// The metadata entry that describes the policy.
const POLICY: &str = "policy";

/// What a policy file says besides its tensors.
#[derive(Serialize, Deserialize)]
pub(crate) struct PolicyDescription {
    shape: NetworkShape,
    /// Meters, meters, radians.
    candidates: [Vec<f64>; DIMENSIONS],
    /// How often they have been refined.
    #[serde(default)]
    refinements: u32,
    scaling: PoseScaling,
    /// The scale of the detector of unknown states, whose training states are in the file; absent
    /// for a policy without one.
    #[serde(default, rename = "reach", skip_serializing_if = "Option::is_none")]
    ood_scale: Option<OodScale>,
}

impl PolicyDescription {
    /// The description in the bytes of an `expected` file: a policy or a checkpoint.
    pub(crate) fn read(
        path: &Path,
        bytes: &[u8],
        expected: &'static str,
    ) -> Result<Self, CheckpointError> {
        read_entry(path, bytes, POLICY, expected)
    }

    /// Adds it to the metadata of a file.
    pub(crate) fn add_to(&self, metadata: &mut Metadata) {
        metadata.insert(POLICY.to_string(), to_json(self));
    }

    /// How often the candidates have been refined.
    pub(crate) fn refinements(&self) -> u32 {
        self.refinements
    }

    /// What may differ between two policies, by name, with both values.
    pub(crate) fn differences(&self, other: &Self) -> [(&'static str, [String; 2]); 3] {
        let both = [self, other];
        [
            ("view of the image", both.map(|one| format!("{:?}", one.shape.view))),
            ("set of candidate values", both.map(|one| format!("{:?}", one.candidates))),
            ("network", both.map(|one| format!("{:?}", one.shape))),
        ]
    }
}

/// Checks that expected and found values are the same; the error names the first pair that is not.
pub(crate) fn check_same(
    path: &Path,
    pairs: impl IntoIterator<Item = (&'static str, [String; 2])>,
) -> Result<(), CheckpointError> {
    match pairs.into_iter().find(|(_, [expected, found])| expected != found) {
        None => Ok(()),
        Some((what, [expected, found])) => Err(CheckpointError::OtherConfiguration {
            path: path.to_path_buf(),
            what,
            expected,
            found,
        }),
    }
}

/// A tensor of a policy's network.
#[derive(Debug, Clone, PartialEq)]
pub struct PolicyTensor {
    /// Its name in PyTorch, such as `encoder.layer1.0.conv1.weight` or `heads.0.fc1.weight`.
    pub name: String,
    /// Its shape in PyTorch: `[out, in]` of a linear layer, `[out, in, height, width]` of a convolution.
    pub shape: Vec<usize>,
    /// Its values, row by row.
    pub values: Vec<f32>,
}

impl Policy {
    /// The tensors of the network, those of a frozen encoder included.
    pub fn tensors(&self) -> Vec<PolicyTensor> {
        let tensor = |tensor: TensorToWrite| PolicyTensor {
            values: tensor.words().into_iter().map(f32::from_bits).collect(),
            shape: tensor.shape().to_vec(),
            name: tensor.name,
        };
        tensors_of(&self.network).into_iter().map(tensor).collect()
    }

    /// The whole policy as the bytes of a `.safetensors` file. `notes` go into its metadata, beside
    /// its own.
    pub fn to_safetensors(&self, notes: &Metadata) -> Vec<u8> {
        let mut metadata = notes.clone();
        self.description().add_to(&mut metadata);
        let mut tensors = tensors_of(&self.network);
        tensors.extend(self.support.iter().flat_map(OodDetector::to_tensors));
        write(&tensors, &metadata)
    }

    /// Reads a policy file back, to deploy the policy or to train it further.
    ///
    /// `config` decides how the policy learns and where it computes; the file decides its shape.
    ///
    /// # Errors
    /// The file cannot be read or is no policy.
    pub fn from_file(path: &Path, config: &PolicyConfig) -> Result<Self, CheckpointError> {
        let bytes = read_regular_file(path, MOST_BYTES)
            .map_err(|source| WeightsError::Read { path: path.to_path_buf(), source })?;
        let description = PolicyDescription::read(path, &bytes, "policy")?;
        let malformed = |reason: String| CheckpointError::malformed(path, "policy", reason);
        let actions = ActionSpace::new(description.candidates)
            .map_err(|error| malformed(error.to_string()))?;
        if description.refinements > MAX_REFINEMENTS
            || !description.shape.is_possible()
            || description.shape.candidates != actions.sizes()
        {
            return Err(malformed("its description contradicts itself".to_string()));
        }
        let mut policy =
            Self::with_shape(config, description.shape, &actions, description.scaling, 0);
        policy.refinements = description.refinements;
        let tensors = parse_safetensors(path, &bytes)?;
        load_tensors(&mut policy.network, tensors, path, "its own description", |_| false)?;
        policy.freeze_and_number();
        let widths = [policy.shape.pose_inputs, policy.shape.features()];
        policy.support = description
            .ood_scale
            .map(|scale| OodDetector::from_tensors(scale, widths, &bytes))
            .transpose()
            .map_err(malformed)?;
        Ok(policy)
    }

    /// Takes over the weights of another policy of the same shape, from pretraining or from a run.
    /// `path` names its file in errors.
    ///
    /// # Errors
    /// The other policy has another shape, other candidates (refined ones aside) or another scaling
    /// of poses.
    pub fn start_from(&mut self, other: Self, path: &Path) -> Result<(), CheckpointError> {
        // Runs refine candidates; a policy from such a run starts with the candidates of its end.
        while self.refinements < other.refinements {
            self.refine();
        }
        let (own, its) = (self.description(), other.description());
        let scalings = [own.scaling, its.scaling].map(|scaling| format!("{scaling:?}"));
        check_same(
            path,
            own.differences(&its).into_iter().chain([("scaling of poses", scalings)]),
        )?;
        self.network = other.network;
        self.freeze_and_number();
        Ok(())
    }

    pub(crate) fn description(&self) -> PolicyDescription {
        PolicyDescription {
            shape: self.shape.clone(),
            candidates: self.actions.candidates().clone(),
            refinements: self.refinements,
            scaling: self.scaling,
            ood_scale: self.support.as_ref().map(OodDetector::scale),
        }
    }

    /// The weights of the network without those of a frozen encoder, which the configuration brings
    /// back.
    pub(crate) fn trainable_tensors(&self) -> Vec<TensorToWrite> {
        let mut tensors = tensors_of(&self.network);
        if self.has_frozen_encoder() {
            tensors.retain(|tensor| !is_encoder(&tensor.name));
        }
        tensors
    }

    /// Loads the weights of [`Self::trainable_tensors`] from a file's bytes.
    pub(crate) fn load_trainable_tensors(
        &mut self,
        path: &Path,
        bytes: &[u8],
    ) -> Result<(), WeightsError> {
        let (tensors, frozen) = (parse_safetensors(path, bytes)?, self.has_frozen_encoder());
        let may_lack = |name: &str| frozen && is_encoder(name);
        load_tensors(&mut self.network, tensors, path, "its own description", may_lack)?;
        self.freeze_and_number();
        Ok(())
    }

    /// A frozen encoder as the bytes of a `.safetensors` file, by torchvision's names: what checkpoints leave out. A
    /// configuration can name the file as its encoder's weights. `None` if the encoder learns, or there is none.
    pub fn frozen_encoder_to_safetensors(&self) -> Option<Vec<u8>> {
        let encoder = self.network.encoder.as_ref().filter(|_| self.has_frozen_encoder())?;
        Some(write(&tensors_of(encoder), &Metadata::new()))
    }

    /// A digest of a frozen encoder's weights; `None` if the encoder learns, or there is none.
    pub(crate) fn frozen_encoder_digest(&self) -> Option<u64> {
        let encoder = self.network.encoder.as_ref().filter(|_| self.has_frozen_encoder())?;
        let tensors = tensors_of(encoder);
        Some(fnv1a(tensors.iter().flat_map(TensorToWrite::words)))
    }

    fn has_frozen_encoder(&self) -> bool {
        self.network.encoder.is_some() && !self.config.encoder.train
    }
}

fn is_encoder(tensor: &str) -> bool {
    tensor.starts_with("encoder.")
}
