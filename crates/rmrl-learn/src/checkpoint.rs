//! Policies and learners as `.safetensors` files.
//!
//! Tensors carry PyTorch's names (`encoder.layer1.0.conv1.weight`, torchvision's, and
//! `heads.0.fc1.weight`); what else is needed is in the file's metadata. A *policy* is whole: it can
//! be deployed with nothing beside it. A *checkpoint* adds the optimiser and all that was learnt
//! from, and leaves a frozen encoder out, which the configuration brings back.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use burn::tensor::Bytes;
use rmrl_core::{ActionSpace, DIMENSIONS, Label};
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use serde::{Deserialize, Serialize};
use serde::de::DeserializeOwned;

use crate::config::PolicyConfig;
use crate::input::PoseScaling;
use crate::memory::{Experience, Memory};
use crate::network::NetworkShape;
use crate::policy::{EncodedState, Policy, adam};
use crate::trainer::Learner;
use crate::weights::{WeightsError, load_tensors, parse_safetensors, tensors_of};

/// Why a policy or checkpoint could not be read.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// The file cannot be read, or its weights do not fit.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// The file lacks something, or has it in another form.
    #[error("{} is no {expected}: {reason}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What it should be.
        expected: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// The file belongs to another configuration.
    #[error("{} was made with another {what}: it has {found}, the configuration {expected}", path.display())]
    OtherConfiguration {
        /// The file.
        path: PathBuf,
        /// What differs.
        what: &'static str,
        /// What the configuration says.
        expected: String,
        /// What the file says.
        found: String,
    },
}

/// The key of the metadata entry that describes the policy.
const POLICY_KEY: &str = "rmrl.policy";
/// The key of the one that describes the learner.
const LEARNER_KEY: &str = "rmrl.learner";

/// What a policy file says besides its tensors.
#[derive(Serialize, Deserialize)]
struct PolicyDescription {
    shape: NetworkShape,
    /// Metres, metres, radians.
    candidates: [Vec<f64>; DIMENSIONS],
    scaling: PoseScaling,
}

/// What a checkpoint says besides its tensors.
#[derive(Serialize, Deserialize)]
struct LearnerDescription {
    trials: u32,
    seed: u64,
    frozen_encoder: Option<u64>,
    experiences: Vec<Experience>,
    dataset: BTreeMap<u32, Vec<(usize, Label)>>,
}

struct Owned {
    name: String,
    dtype: Dtype,
    shape: Vec<usize>,
    bytes: Vec<u8>,
}

impl Policy {
    /// The whole policy as the bytes of a `.safetensors` file. `notes` go into its metadata.
    pub fn to_safetensors(&self, notes: &BTreeMap<String, String>) -> Vec<u8> {
        let mut metadata: HashMap<String, String> = notes.clone().into_iter().collect();
        metadata.insert(POLICY_KEY.to_string(), to_json(&self.description()));
        write(&self.tensors(|_| true), metadata)
    }

    /// Reads a policy file back, to be asked or to be trained further.
    ///
    /// `config` decides how it goes on learning and where it computes; its shape is the file's.
    ///
    /// # Errors
    /// The file cannot be read or is no policy.
    pub fn from_file(path: &Path, config: &PolicyConfig) -> Result<Self, CheckpointError> {
        let bytes = std::fs::read(path).map_err(|source| WeightsError::Read {
            path: path.to_path_buf(),
            source,
        })?;
        let description: PolicyDescription = read_metadata(path, &bytes, POLICY_KEY, "policy")?;
        let malformed = |reason: String| CheckpointError::Malformed {
            path: path.to_path_buf(),
            expected: "policy",
            reason,
        };
        let actions = ActionSpace::new(description.candidates)
            .map_err(|error| malformed(error.to_string()))?;
        if NetworkShape::blocks(description.shape.depth).is_none()
            || description.shape.candidates != actions.sizes()
        {
            return Err(malformed("its description contradicts itself".to_string()));
        }
        let mut policy =
            Self::with_shape(config, description.shape, &actions, description.scaling, 0);
        let tensors = parse_safetensors(path, &bytes)?;
        load_tensors(&mut policy.network, tensors, path, "its own description", |_| false)?;
        policy.prepare();
        Ok(policy)
    }

    /// Takes over the weights of another policy of the same shape, as pretraining leaves them.
    ///
    /// # Errors
    /// The other policy has another shape, other candidates or another scaling of poses.
    pub fn start_from(&mut self, other: Self, path: &Path) -> Result<(), CheckpointError> {
        for (what, expected, found) in [
            ("network", format!("{:?}", self.shape), format!("{:?}", other.shape)),
            (
                "set of candidate values",
                format!("{:?}", self.actions.candidates()),
                format!("{:?}", other.actions.candidates()),
            ),
            ("scaling of poses", format!("{:?}", self.scaling), format!("{:?}", other.scaling)),
        ] {
            if expected != found {
                return Err(CheckpointError::OtherConfiguration {
                    path: path.to_path_buf(),
                    what,
                    expected,
                    found,
                });
            }
        }
        self.network = other.network;
        self.prepare();
        Ok(())
    }

    fn description(&self) -> PolicyDescription {
        PolicyDescription {
            shape: self.shape.clone(),
            candidates: self.actions.candidates().clone(),
            scaling: self.scaling,
        }
    }

    fn tensors(&self, wanted: impl Fn(&str) -> bool) -> Vec<Owned> {
        tensors_of(&self.network)
            .into_iter()
            .filter(|(name, ..)| wanted(name))
            .map(|(name, shape, bytes)| Owned {
                name,
                dtype: Dtype::F32,
                shape,
                bytes,
            })
            .collect()
    }

    /// A digest of a frozen encoder's weights; `None` if the encoder learns.
    fn frozen_encoder_digest(&self) -> Option<u64> {
        (!self.config().encoder.train).then(|| {
            tensors_of(&self.network.encoder)
                .iter()
                .flat_map(|(.., bytes)| bytes.as_chunks::<4>().0)
                .fold(0xcbf2_9ce4_8422_2325, |digest: u64, word| {
                    (digest ^ u64::from(u32::from_le_bytes(*word))).wrapping_mul(0x0100_0000_01b3)
                })
        })
    }
}

impl Learner {
    /// The learner as the bytes of a `.safetensors` file. `notes` go into its metadata.
    ///
    /// # Panics
    /// If a scene is under way; see [`Learner::is_between_scenes`].
    pub fn to_checkpoint(&self, notes: &BTreeMap<String, String>) -> Vec<u8> {
        assert!(self.is_between_scenes(), "a checkpoint holds whole scenes only");
        let frozen_encoder = self.policy.frozen_encoder_digest();
        let mut tensors = self
            .policy
            .tensors(|name| frozen_encoder.is_none() || !name.starts_with("encoder."));
        let optimizer = self
            .policy
            .optimizer
            .into_bytes()
            .expect("the optimiser's state can be read back");
        tensors.push(Owned {
            name: "optimizer".to_string(),
            dtype: Dtype::U8,
            shape: vec![optimizer.len()],
            bytes: optimizer.to_vec(),
        });
        tensors.extend(EncodedState::to_tensors(&self.memory.states).into_iter().map(
            |(name, dtype, shape, bytes)| Owned { name: format!("memory.{name}"), dtype, shape, bytes },
        ));
        let mut metadata: HashMap<String, String> = notes.clone().into_iter().collect();
        metadata.insert(POLICY_KEY.to_string(), to_json(&self.policy.description()));
        metadata.insert(
            LEARNER_KEY.to_string(),
            to_json(&LearnerDescription {
                trials: self.trials(),
                seed: self.seed(),
                frozen_encoder,
                experiences: self.memory.experiences.clone(),
                dataset: self.memory.dataset.clone(),
            }),
        );
        write(&tensors, metadata)
    }

    /// Brings a learner back from a checkpoint's bytes. `policy` is as it was when the run began;
    /// `path` names the file in errors.
    ///
    /// # Errors
    /// The bytes are no checkpoint, or one of another configuration.
    pub fn from_checkpoint(
        mut policy: Policy,
        path: &Path,
        bytes: &[u8],
    ) -> Result<Self, CheckpointError> {
        let description: PolicyDescription = read_metadata(path, bytes, POLICY_KEY, "checkpoint")?;
        let learner: LearnerDescription = read_metadata(path, bytes, LEARNER_KEY, "checkpoint")?;
        let expected = policy.description();
        for (what, expected, found) in [
            ("network", format!("{:?}", expected.shape), format!("{:?}", description.shape)),
            (
                "set of candidate values",
                format!("{:?}", expected.candidates),
                format!("{:?}", description.candidates),
            ),
            (
                "frozen encoder",
                format!("{:x?}", policy.frozen_encoder_digest()),
                format!("{:x?}", learner.frozen_encoder),
            ),
        ] {
            if expected != found {
                return Err(CheckpointError::OtherConfiguration {
                    path: path.to_path_buf(),
                    what,
                    expected,
                    found,
                });
            }
        }
        let tensors = parse_safetensors(path, bytes)?;
        let frozen = learner.frozen_encoder.is_some();
        load_tensors(&mut policy.network, tensors, path, "its own description", |name| {
            frozen && name.starts_with("encoder.")
        })?;
        policy.prepare();

        let malformed = |reason: String| CheckpointError::Malformed {
            path: path.to_path_buf(),
            expected: "checkpoint",
            reason,
        };
        let file = SafeTensors::deserialize(bytes).map_err(|error| malformed(error.to_string()))?;
        let tensor = |name: &str| {
            file.tensor(name)
                .map_err(|error| malformed(format!("{name}: {error}")))
        };
        let optimizer = Bytes::from_bytes_vec(tensor("optimizer")?.data().to_vec());
        policy.optimizer = adam()
            .from_bytes(optimizer)
            .map_err(|error| malformed(format!("the optimiser's state: {error}")))?;
        let states = EncodedState::from_tensors(learner.trials as usize, |name| {
            file.tensor(&format!("memory.{name}"))
                .ok()
                .map(|view| view.data().to_vec())
        })
        .ok_or_else(|| malformed("the states in its memory are incomplete".to_string()))?;
        let in_range = |state: &usize| *state < states.len();
        let whole = learner.experiences.iter().all(|experience| in_range(&experience.state))
            && learner.dataset.values().flatten().all(|(state, _)| in_range(state));
        if !whole {
            return Err(malformed("it refers to states that it does not hold".to_string()));
        }
        let memory = Memory {
            states,
            experiences: learner.experiences,
            dataset: learner.dataset,
        };
        Ok(Self::after(policy, memory, learner.trials, learner.seed))
    }
}

/// The metadata of a `.safetensors` file's bytes.
///
/// # Errors
/// The bytes are no such file.
pub fn read_notes(path: &Path, bytes: &[u8]) -> Result<BTreeMap<String, String>, CheckpointError> {
    let (_, header) =
        SafeTensors::read_metadata(bytes).map_err(|error| WeightsError::Format {
            path: path.to_path_buf(),
            expected: "safetensors",
            reason: error.to_string(),
        })?;
    Ok(header.metadata().clone().unwrap_or_default().into_iter().collect())
}

fn read_metadata<T: DeserializeOwned>(
    path: &Path,
    bytes: &[u8],
    key: &str,
    expected: &'static str,
) -> Result<T, CheckpointError> {
    let malformed = |reason: String| CheckpointError::Malformed {
        path: path.to_path_buf(),
        expected,
        reason,
    };
    let notes = read_notes(path, bytes)?;
    let entry = notes
        .get(key)
        .ok_or_else(|| malformed(format!("its metadata has no {key}")))?;
    serde_json::from_str(entry).map_err(|error| malformed(format!("{key}: {error}")))
}

fn to_json<T: Serialize>(value: &T) -> String {
    serde_json::to_string(value).expect("numbers, strings and lists make JSON")
}

fn write(tensors: &[Owned], metadata: HashMap<String, String>) -> Vec<u8> {
    let views = tensors.iter().map(|tensor| {
        let view = TensorView::new(tensor.dtype, tensor.shape.clone(), &tensor.bytes)
            .expect("a tensor's bytes fill its shape");
        (tensor.name.as_str(), view)
    });
    safetensors::serialize(views, Some(metadata)).expect("tensors in memory can be serialised")
}
