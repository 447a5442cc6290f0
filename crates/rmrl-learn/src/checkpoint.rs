//! Policies and learners as `.safetensors` files.
//!
//! Tensors carry PyTorch's names (`encoder.layer1.0.conv1.weight`, torchvision's, and
//! `heads.0.fc1.weight`); what else is needed is in the file's metadata. A *policy* is whole: it can
//! be deployed with nothing beside it. A *checkpoint* adds the optimiser and all that was learnt
//! from, and leaves a frozen encoder out, which the configuration brings back. The same policy makes
//! the same bytes, and so does the same learner.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use burn::tensor::{Tensor, TensorData};
use rmrl_core::{ActionSpace, DIMENSIONS, Label};
use safetensors::tensor::View;
use safetensors::{Dtype, SafeTensors};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::adam::{Adam, Remembered};
use crate::config::{MAX_REFINEMENTS, PolicyConfig};
use crate::input::PoseScaling;
use crate::memory::{Experience, Memory};
use crate::network::NetworkShape;
use crate::policy::{EncodedState, Policy};
use crate::support::{Reach, Support};
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

/// What a file says besides its tensors, by name: JSON values. They share one metadata entry,
/// because the format does not keep the order of entries, and the same policy shall make the same
/// bytes.
pub type Notes = BTreeMap<String, Value>;

/// The metadata entry that holds the notes.
const ENTRY: &str = "rmrl";
/// The note that describes the policy.
const POLICY: &str = "policy";
/// The one that describes the learner.
const LEARNER: &str = "learner";

/// The tensors of the optimiser begin with this; a parameter's number follows.
const OPTIMIZER: &str = "optimizer.";
/// And end with one of these: the mean of the gradients, and that of their squares.
const MOMENTS: [&str; 2] = ["first", "second"];

/// What a policy file says besides its tensors.
#[derive(Serialize, Deserialize)]
struct PolicyDescription {
    shape: NetworkShape,
    /// Metres, metres, radians.
    candidates: [Vec<f64>; DIMENSIONS],
    /// How often they have been refined.
    #[serde(default)]
    refinements: u32,
    scaling: PoseScaling,
    /// How far around the states in the file the policy may be trusted; without it, it is not known
    /// where.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reach: Option<Reach>,
}

/// What a checkpoint says besides its tensors.
#[derive(Serialize, Deserialize)]
struct LearnerDescription {
    trials: u32,
    seed: u64,
    frozen_encoder: Option<u64>,
    /// The optimiser's steps of each parameter.
    optimizer_steps: BTreeMap<u64, u32>,
    experiences: Vec<Experience>,
    dataset: BTreeMap<u32, Label>,
}

struct Owned {
    name: String,
    dtype: Dtype,
    shape: Vec<usize>,
    numbers: Numbers,
}

enum Numbers {
    Bytes(Vec<u8>),
    /// Copied only when they are written: the optimiser's are twice as many as the network's.
    Floats(Box<Tensor<1>>),
}

impl View for &Owned {
    fn dtype(&self) -> Dtype {
        self.dtype
    }

    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        match &self.numbers {
            Numbers::Bytes(bytes) => Cow::Borrowed(bytes),
            Numbers::Floats(tensor) => Cow::Owned(tensor.to_data().as_bytes().to_vec()),
        }
    }

    fn data_len(&self) -> usize {
        match &self.numbers {
            Numbers::Bytes(bytes) => bytes.len(),
            Numbers::Floats(tensor) => 4 * tensor.shape().num_elements(),
        }
    }
}

/// What may differ between two policies, by name, as either has it.
fn differences(
    own: &PolicyDescription,
    other: &PolicyDescription,
) -> [(&'static str, [String; 2]); 3] {
    [
        ("view of the picture", [own, other].map(|one| format!("{:?}", one.shape.view))),
        ("set of candidate values", [own, other].map(|one| format!("{:?}", one.candidates))),
        ("network", [own, other].map(|one| format!("{:?}", one.shape))),
    ]
}

/// Checks that what is expected and what was found are the same; the first pair that is not is named.
fn check_same(
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

impl Policy {
    /// The whole policy as the bytes of a `.safetensors` file. `notes` go into its metadata, beside
    /// its own.
    pub fn to_safetensors(&self, notes: &Notes) -> Vec<u8> {
        let mut notes = notes.clone();
        notes.insert(POLICY.to_string(), to_json(&self.description()));
        let mut tensors = self.tensors(|_| true);
        tensors.extend(self.support.iter().flat_map(Support::to_tensors));
        write(&tensors, &notes)
    }

    /// Reads a policy file back, to be asked or to be trained further.
    ///
    /// `config` decides how it goes on learning and where it computes; its shape is the file's.
    ///
    /// # Errors
    /// The file cannot be read or is no policy.
    pub fn from_file(path: &Path, config: &PolicyConfig) -> Result<Self, CheckpointError> {
        let bytes = std::fs::read(path)
            .map_err(|source| WeightsError::Read { path: path.to_path_buf(), source })?;
        let description: PolicyDescription = read_note(path, &bytes, POLICY, "policy")?;
        let malformed = |reason: String| CheckpointError::Malformed {
            path: path.to_path_buf(),
            expected: "policy",
            reason,
        };
        let actions = ActionSpace::new(description.candidates)
            .map_err(|error| malformed(error.to_string()))?;
        if description.refinements > MAX_REFINEMENTS
            || NetworkShape::blocks(description.shape.depth).is_none()
            || description.shape.candidates != actions.sizes()
        {
            return Err(malformed("its description contradicts itself".to_string()));
        }
        let mut policy =
            Self::with_shape(config, description.shape, &actions, description.scaling, 0);
        policy.refinements = description.refinements;
        let tensors = parse_safetensors(path, &bytes)?;
        load_tensors(&mut policy.network, tensors, path, "its own description", |_| false)?;
        policy.prepare();
        policy.support = description
            .reach
            .map(|reach| Support::from_tensors(reach, policy.shape.features(), &bytes))
            .transpose()
            .map_err(malformed)?;
        Ok(policy)
    }

    /// Takes over the weights of another policy of the same shape, as pretraining or a run leaves
    /// them.
    ///
    /// # Errors
    /// The other policy has another shape, other candidates (refined ones aside) or another scaling
    /// of poses.
    pub fn start_from(&mut self, other: Self, path: &Path) -> Result<(), CheckpointError> {
        // Runs refine candidates; a policy that comes from one begins with those it had at the end.
        while self.refinements < other.refinements {
            self.refine();
        }
        let (own, its) = (self.description(), other.description());
        let scalings = [own.scaling, its.scaling].map(|scaling| format!("{scaling:?}"));
        check_same(
            path,
            differences(&own, &its).into_iter().chain([("scaling of poses", scalings)]),
        )?;
        self.network = other.network;
        self.prepare();
        Ok(())
    }

    fn description(&self) -> PolicyDescription {
        PolicyDescription {
            shape: self.shape.clone(),
            candidates: self.actions.candidates().clone(),
            refinements: self.refinements,
            scaling: self.scaling,
            reach: self.support.as_ref().map(|support| support.reach),
        }
    }

    fn tensors(&self, wanted: impl Fn(&str) -> bool) -> Vec<Owned> {
        owned(tensors_of(&self.network).into_iter().filter(|(name, ..)| wanted(name)))
    }

    /// A digest of a frozen encoder's weights; `None` if the encoder learns, or there is none.
    fn frozen_encoder_digest(&self) -> Option<u64> {
        let encoder = self.network.encoder.as_ref()?;
        (!self.config().encoder.train).then(|| {
            tensors_of(encoder).iter().flat_map(|(.., bytes)| bytes.as_chunks::<4>().0).fold(
                0xcbf2_9ce4_8422_2325,
                |digest: u64, word| {
                    (digest ^ u64::from(u32::from_le_bytes(*word))).wrapping_mul(0x0100_0000_01b3)
                },
            )
        })
    }
}

impl Support {
    const POSES: &'static str = "support.poses";
    const FEATURES: &'static str = "support.features";

    fn to_tensors(&self) -> [Owned; 2] {
        let tensor = |name: &str, width: usize, values: &mut dyn Iterator<Item = f32>| Owned {
            name: name.to_string(),
            dtype: Dtype::F32,
            shape: vec![self.len(), width],
            numbers: Numbers::Bytes(values.flat_map(f32::to_le_bytes).collect()),
        };
        let width = self.features.first().map_or(0, Vec::len);
        [
            tensor(Self::POSES, 3, &mut self.poses.iter().flatten().copied()),
            tensor(Self::FEATURES, width, &mut self.features.iter().flatten().copied()),
        ]
    }

    /// The support that a policy file's bytes hold, of pictures of `width` features.
    fn from_tensors(reach: Reach, width: usize, bytes: &[u8]) -> Result<Self, String> {
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
            // Rows may be empty: a policy that sees no picture has no features of it.
            Ok((0..rows).map(|row| values[row * width..(row + 1) * width].to_vec()).collect())
        };
        let poses = rows(Self::POSES, 3)?.iter().map(|pose| [pose[0], pose[1], pose[2]]).collect();
        let support = Self { poses, features: rows(Self::FEATURES, width)?, reach };
        if support.poses.len() != support.features.len() {
            return Err("its support has more poses than pictures, or fewer".to_string());
        }
        Ok(support)
    }
}

impl Learner {
    /// The learner as the bytes of a `.safetensors` file. `notes` go into its metadata, beside its
    /// own.
    ///
    /// # Panics
    /// If a scene is under way; see [`Learner::is_between_scenes`].
    pub fn to_checkpoint(&self, notes: &Notes) -> Vec<u8> {
        assert!(self.is_between_scenes(), "a checkpoint holds whole scenes only");
        let frozen_encoder = self.policy.frozen_encoder_digest();
        let mut tensors =
            self.policy.tensors(|name| frozen_encoder.is_none() || !name.starts_with("encoder."));
        let mut optimizer_steps = BTreeMap::new();
        for Remembered { parameter, steps, moments } in self.policy.optimizer.remembered() {
            optimizer_steps.insert(parameter, steps);
            tensors.extend(moments.into_iter().zip(MOMENTS).map(|(moment, which)| Owned {
                name: format!("{OPTIMIZER}{parameter}.{which}"),
                dtype: Dtype::F32,
                shape: moment.shape().to_vec(),
                numbers: Numbers::Floats(Box::new(moment)),
            }));
        }
        tensors.extend(EncodedState::to_tensors(&self.memory.states).into_iter().map(
            |(name, dtype, shape, bytes)| Owned {
                name: format!("memory.{name}"),
                dtype,
                shape,
                numbers: Numbers::Bytes(bytes),
            },
        ));
        let mut notes = notes.clone();
        notes.insert(POLICY.to_string(), to_json(&self.policy.description()));
        notes.insert(
            LEARNER.to_string(),
            to_json(&LearnerDescription {
                trials: self.trials(),
                seed: self.seed(),
                frozen_encoder,
                optimizer_steps,
                experiences: self.memory.experiences.clone(),
                dataset: self.memory.dataset.clone(),
            }),
        );
        write(&tensors, &notes)
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
        let description: PolicyDescription = read_note(path, bytes, POLICY, "checkpoint")?;
        let learner: LearnerDescription = read_note(path, bytes, LEARNER, "checkpoint")?;
        // The candidates may have been refined since the run began.
        if description.refinements > MAX_REFINEMENTS {
            return Err(CheckpointError::Malformed {
                path: path.to_path_buf(),
                expected: "checkpoint",
                reason: format!("it was refined {} times", description.refinements),
            });
        }
        while policy.refinements < description.refinements {
            policy.refine();
        }
        let digests = [policy.frozen_encoder_digest(), learner.frozen_encoder]
            .map(|digest| format!("{digest:x?}"));
        let own = policy.description();
        let differences = differences(&own, &description);
        check_same(path, differences.into_iter().chain([("frozen encoder", digests)]))?;
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
        let tensor =
            |name: &str| file.tensor(name).map_err(|error| malformed(format!("{name}: {error}")));
        let plain = policy.device.clone().inner();
        let remembered = learner.optimizer_steps.iter().map(|(&parameter, &steps)| {
            let moment = |which: &str| -> Result<Tensor<1>, CheckpointError> {
                let tensor = tensor(&format!("{OPTIMIZER}{parameter}.{which}"))?;
                let values = floats(tensor.data());
                let shape = [values.len()];
                Ok(Tensor::from_data(TensorData::new(values, shape), &plain))
            };
            let moments = [moment(MOMENTS[0])?, moment(MOMENTS[1])?];
            Ok(Remembered { parameter, steps, moments })
        });
        let remembered: Vec<Remembered> = remembered.collect::<Result<_, CheckpointError>>()?;
        policy.optimizer = Adam::remembering(remembered);
        let states =
            EncodedState::from_tensors(learner.trials as usize, policy.shape.view, |name| {
                file.tensor(&format!("memory.{name}")).ok().map(|view| view.data().to_vec())
            })
            .ok_or_else(|| malformed("the states in its memory are incomplete".to_string()))?;
        let is_kept = |trial: u32| (1..=states.len()).contains(&(trial as usize));
        let whole = learner.experiences.iter().all(|experience| is_kept(experience.trial))
            && learner.dataset.keys().all(|trial| is_kept(*trial));
        if !whole {
            return Err(malformed("it refers to states that it does not hold".to_string()));
        }
        let memory = Memory { states, experiences: learner.experiences, dataset: learner.dataset };
        Ok(Self::after(policy, memory, learner.trials, learner.seed))
    }
}

/// The notes of a policy or checkpoint file's bytes; none if it has none.
///
/// # Errors
/// The bytes are no `.safetensors` file, or the notes no JSON.
pub fn read_notes(path: &Path, bytes: &[u8]) -> Result<Notes, CheckpointError> {
    let malformed = |reason: String| WeightsError::Format {
        path: path.to_path_buf(),
        expected: "safetensors",
        reason,
    };
    let (_, header) =
        SafeTensors::read_metadata(bytes).map_err(|error| malformed(error.to_string()))?;
    let Some(entry) = header.metadata().as_ref().and_then(|metadata| metadata.get(ENTRY)) else {
        return Ok(Notes::new());
    };
    let notes = serde_json::from_str(entry);
    Ok(notes.map_err(|error| malformed(format!("its metadata {ENTRY:?}: {error}")))?)
}

fn read_note<T: DeserializeOwned>(
    path: &Path,
    bytes: &[u8],
    key: &str,
    expected: &'static str,
) -> Result<T, CheckpointError> {
    let malformed =
        |reason: String| CheckpointError::Malformed { path: path.to_path_buf(), expected, reason };
    let mut notes = read_notes(path, bytes)?;
    let note = notes
        .remove(key)
        .ok_or_else(|| malformed(format!("its metadata {ENTRY:?} has no {key:?}")))?;
    serde_json::from_value(note).map_err(|error| malformed(format!("{key}: {error}")))
}

/// 32-bit floats of a file, little-endian.
pub(crate) fn floats(bytes: &[u8]) -> Vec<f32> {
    bytes.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()
}

fn to_json<T: Serialize>(value: &T) -> Value {
    serde_json::to_value(value).expect("numbers, strings and lists make JSON")
}

/// Float tensors by name as the bytes of a `.safetensors` file.
pub(crate) fn write_weights(
    tensors: impl IntoIterator<Item = (String, Vec<usize>, Vec<u8>)>,
    notes: &Notes,
) -> Vec<u8> {
    write(&owned(tensors), notes)
}

fn owned(tensors: impl IntoIterator<Item = (String, Vec<usize>, Vec<u8>)>) -> Vec<Owned> {
    let owned = |(name, shape, bytes)| {
        let numbers = Numbers::Bytes(bytes);
        Owned { name, dtype: Dtype::F32, shape, numbers }
    };
    tensors.into_iter().map(owned).collect()
}

fn write(tensors: &[Owned], notes: &Notes) -> Vec<u8> {
    let notes = serde_json::to_string(notes).expect("JSON values make JSON");
    let metadata = HashMap::from([(ENTRY.to_string(), notes)]);
    let views = tensors.iter().map(|tensor| (tensor.name.as_str(), tensor));
    safetensors::serialize(views, Some(metadata)).expect("tensors in memory can be serialised")
}
