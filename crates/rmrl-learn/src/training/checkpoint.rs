//! A learner as a `.safetensors` file, from which an interrupted run resumes.
//!
//! A checkpoint holds the policy, as in its own file, the optimizer and all data that was learned
//! from. It leaves a frozen encoder out, which the configuration brings back. The same learner makes
//! the same bytes.

use std::collections::BTreeMap;
use std::path::Path;

use burn::tensor::{Device, Tensor, TensorData};
use rmrl_core::Label;
use safetensors::SafeTensors;
use serde::{Deserialize, Serialize};

use super::learner::Learner;
use crate::config::MAX_REFINEMENTS;
use crate::method::{Experience, ReplayMemory};
use crate::network::NetworkShape;
use crate::policy::{Adam, EncodedState, ParameterMoments, Policy, PolicyDescription, check_same};
use crate::storage::{
    CheckpointError, Metadata, TensorToWrite, floats, read_entry, to_json, write,
};

/// The metadata entry that describes the learner.
const LEARNER: &str = "learner";
/// What errors say the file should be.
const EXPECTED: &str = "checkpoint";

/// The tensors of the optimizer begin with this; a parameter's number follows.
const OPTIMIZER: &str = "optimizer.";
/// Their names end with one of these: the mean of the gradients, and the mean of their squares.
const MOMENTS: [&str; 2] = ["first", "second"];
/// The tensors of the states begin with this.
const STATES: &str = "memory.";

/// What a checkpoint says besides its tensors and its policy.
#[derive(Serialize, Deserialize)]
struct LearnerDescription {
    trials: u32,
    /// Those of the trials that were tests; earlier versions made none.
    #[serde(default)]
    tests: u32,
    /// The scene of each trial; missing in files of earlier versions, where each trial has an experience.
    #[serde(default)]
    scenes: Vec<u32>,
    seed: u64,
    /// The digest of a frozen encoder's weights.
    frozen_encoder: Option<u64>,
    /// The optimizer's steps of each parameter.
    optimizer_steps: BTreeMap<u64, u32>,
    experiences: Vec<Experience>,
    dataset: BTreeMap<u32, Label>,
}

impl Learner {
    /// The learner as the bytes of a `.safetensors` file. `notes` go into its metadata, beside its
    /// own.
    ///
    /// # Panics
    /// If a scene is under way; see [`Learner::is_between_scenes`].
    pub fn to_checkpoint(&self, notes: &Metadata) -> Vec<u8> {
        assert!(self.is_between_scenes(), "a checkpoint holds whole scenes only");
        let mut tensors = self.policy.trainable_tensors();
        let mut optimizer_steps = BTreeMap::new();
        for ParameterMoments { parameter, steps, moments } in self.policy.optimizer.moments() {
            optimizer_steps.insert(parameter, steps);
            tensors.extend(moments.into_iter().zip(MOMENTS).map(|(moment, which)| {
                TensorToWrite::of_floats(moment_name(parameter, which), moment)
            }));
        }
        for mut tensor in EncodedState::to_tensors(&self.memory.states) {
            tensor.name = format!("{STATES}{}", tensor.name);
            tensors.push(tensor);
        }
        let description = LearnerDescription {
            trials: self.trials(),
            tests: self.tests(),
            scenes: self.memory.scenes.clone(),
            seed: self.seed(),
            frozen_encoder: self.policy.frozen_encoder_digest(),
            optimizer_steps,
            experiences: self.memory.experiences.clone(),
            dataset: self.memory.dataset.clone(),
        };
        let mut metadata = notes.clone();
        self.policy.description().add_to(&mut metadata);
        metadata.insert(LEARNER.to_string(), to_json(&description));
        write(&tensors, &metadata)
    }

    /// Restores a learner from a checkpoint's bytes. `policy` is the policy of the run's beginning;
    /// `path` names the file in errors.
    ///
    /// # Errors
    /// The bytes are no checkpoint, or one of another configuration.
    pub fn from_checkpoint(
        mut policy: Policy,
        path: &Path,
        bytes: &[u8],
    ) -> Result<Self, CheckpointError> {
        let its_policy = PolicyDescription::read(path, bytes, EXPECTED)?;
        let learner: LearnerDescription = read_entry(path, bytes, LEARNER, EXPECTED)?;
        bring_to_same_refinement(&mut policy, &its_policy, path)?;
        let digests = [policy.frozen_encoder_digest(), learner.frozen_encoder]
            .map(|digest| format!("{digest:x?}"));
        let differences = policy.description().differences(&its_policy);
        check_same(path, differences.into_iter().chain([("frozen encoder", digests)]))?;
        policy.load_trainable_tensors(path, bytes)?;

        let file = TensorFile::open(path, bytes)?;
        let device = policy.device.clone().inner();
        policy.optimizer = file.optimizer(&learner.optimizer_steps, &device)?;
        let (trials, tests, seed) = (learner.trials, learner.tests, learner.seed);
        if tests > trials {
            return Err(file.malformed(format!("it has {tests} tests in {trials} trials")));
        }
        let memory = file.memory(learner, &policy.shape)?;
        Ok(Self::after(policy, memory, (trials, tests), seed))
    }
}

/// Refines the candidates of a run's beginning as often as the run has.
fn bring_to_same_refinement(
    policy: &mut Policy,
    its_policy: &PolicyDescription,
    path: &Path,
) -> Result<(), CheckpointError> {
    let refinements = its_policy.refinements();
    if refinements > MAX_REFINEMENTS {
        let reason = format!("it was refined {refinements} times");
        return Err(CheckpointError::malformed(path, EXPECTED, reason));
    }
    while policy.refinements < refinements {
        policy.refine();
    }
    Ok(())
}

/// The name of a parameter's moment in a checkpoint.
fn moment_name(parameter: u64, which: &str) -> String {
    format!("{OPTIMIZER}{parameter}.{which}")
}

/// The tensors of a checkpoint.
struct TensorFile<'a> {
    path: &'a Path,
    tensors: SafeTensors<'a>,
}

impl<'a> TensorFile<'a> {
    fn open(path: &'a Path, bytes: &'a [u8]) -> Result<Self, CheckpointError> {
        let tensors = SafeTensors::deserialize(bytes)
            .map_err(|error| CheckpointError::malformed(path, EXPECTED, error))?;
        Ok(Self { path, tensors })
    }

    fn malformed(&self, reason: impl ToString) -> CheckpointError {
        CheckpointError::malformed(self.path, EXPECTED, reason)
    }

    /// The optimizer that has made these steps of each parameter.
    fn optimizer(
        &self,
        steps: &BTreeMap<u64, u32>,
        device: &Device,
    ) -> Result<Adam, CheckpointError> {
        let moments = steps.iter().map(|(&parameter, &steps)| {
            let moment = |which: &str| -> Result<Tensor<1>, CheckpointError> {
                let name = moment_name(parameter, which);
                let tensor = self
                    .tensors
                    .tensor(&name)
                    .map_err(|error| self.malformed(format!("{name}: {error}")))?;
                let values = floats(tensor.data());
                let shape = [values.len()];
                Ok(Tensor::from_data(TensorData::new(values, shape), device))
            };
            let moments = [moment(MOMENTS[0])?, moment(MOMENTS[1])?];
            Ok(ParameterMoments { parameter, steps, moments })
        });
        let moments: Vec<ParameterMoments> = moments.collect::<Result<_, CheckpointError>>()?;
        Ok(Adam::with_moments(moments))
    }

    /// The memory of a learner whose policy has a network of this shape.
    fn memory(
        &self,
        learner: LearnerDescription,
        shape: &NetworkShape,
    ) -> Result<ReplayMemory, CheckpointError> {
        let LearnerDescription { trials, mut scenes, experiences, dataset, .. } = learner;
        if scenes.is_empty() {
            scenes = experiences.iter().map(|experience| experience.scene).collect();
        }
        let states = EncodedState::from_tensors(trials as usize, shape, |name| {
            let tensor = self.tensors.tensor(&format!("{STATES}{name}"));
            tensor.ok().map(|view| view.data().to_vec())
        })
        .ok_or_else(|| self.malformed("the states in its memory are incomplete"))?;
        let is_kept = |trial: u32| (1..=states.len()).contains(&(trial as usize));
        let is_whole = experiences.iter().all(|experience| is_kept(experience.trial))
            && dataset.keys().all(|trial| is_kept(*trial));
        if !is_whole || scenes.len() != states.len() {
            return Err(self.malformed("it refers to states that it does not hold"));
        }
        Ok(ReplayMemory { states, scenes, experiences, dataset })
    }
}
