//! What the policy does in a state: its distribution, and the decision of a deployed policy.

use burn::tensor::activation::softmax;
use image::RgbImage;
use rmrl_core::{ActionIndex, DIMENSIONS, Decision, Observation, PoseAdjustment};

use super::Policy;
use super::categorical::most_likely;
use super::observation_encoding::{image_batch, view};
use super::ood_detector::{OodDetector, OodScore};
use super::state::{EncodedImage, EncodedState, feature_batch};
use super::tensor::{on_all_threads, read};
use crate::network::{ImageView, PolicyNetwork};

impl Policy {
    /// Encodes an observation for the network: the scaled pose, and of the image the part that the
    /// policy sees, or its features if the encoder is frozen. A policy of features takes these in place of the pose.
    ///
    /// # Panics
    /// If a policy of features sees a state that has another number of them.
    pub fn encode(&self, observation: &Observation) -> EncodedState {
        let image = match &self.inference_network().encoder {
            None => EncodedImage::Unseen,
            Some(_) if self.config.encoder.train => EncodedImage::Pixels(self.view(observation)),
            Some(encoder) => {
                let (view, size) = (self.view(observation), self.shape.image_size);
                let images = image_batch([view.as_slice()], size, &self.device.clone().inner());
                EncodedImage::Features(on_all_threads(|| read(encoder.forward(images))))
            }
        };
        let Some(features) = &observation.features else {
            return EncodedState::new(self.scaling.scale(observation.estimated_pose), image);
        };
        let (given, expected) = (features.values.len(), self.shape.pose_inputs);
        assert_eq!(
            given, expected,
            "the state has another number of features than the policy takes"
        );
        EncodedState::new(features.values.as_slice(), image)
    }

    /// The part of an image that the encoder sees: `image_size` x `image_size` pixels.
    fn view(&self, observation: &Observation) -> Vec<u8> {
        view(observation, self.shape.view, self.shape.image_size)
    }

    /// The part of an observation's image that the encoder sees, RGB; `None` for a policy that sees no image.
    pub fn view_of(&self, observation: &Observation) -> Option<RgbImage> {
        let size = self.shape.image_size as u32;
        let pixels = (self.shape.view != ImageView::None).then(|| self.view(observation))?;
        RgbImage::from_raw(size, size, pixels)
    }

    /// The network for inference; its results have no gradient.
    fn inference_network(&self) -> &PolicyNetwork {
        self.inference_network.get_or_init(|| self.network.for_inference())
    }

    /// The probability of every candidate, by dimension.
    pub fn distribution(&self, state: &EncodedState) -> [Vec<f32>; DIMENSIONS] {
        let logits = on_all_threads(|| {
            let network = self.inference_network();
            network.logits(self.joint(network, &[state]))
        });
        let mut probabilities = logits.into_iter().map(|logits| read(softmax(logits, 1)));
        std::array::from_fn(|_| probabilities.next().expect("one head for each dimension"))
    }

    /// `V(s)`: the expected reward of the state, in standard deviations from the mean reward. 0 for a
    /// policy that no actor-critic has trained.
    pub fn value(&self, state: &EncodedState) -> f32 {
        let network = self.inference_network();
        read(network.value(self.joint(network, &[state])))[0]
    }

    /// The action of a deployed policy: the most likely candidates, or no correction in a state
    /// unlike all training states. A policy without these, because it is untrained or only
    /// pretrained, never abstains.
    pub fn decide(&self, observation: &Observation) -> Decision {
        self.decide_in(&self.encode(observation))
    }

    /// The action of a deployed policy, as in [`Policy::decide`], for a state that is encoded already.
    pub fn decide_in(&self, state: &EncodedState) -> Decision {
        let distribution = self.distribution(state);
        let limit = self.config.ood.threshold;
        let ood_score = self.ood_score(state).filter(|_| self.config.ood.abstain);
        if ood_score.is_none_or(|ood_score| ood_score.worst() <= limit) {
            return self.decision(most_likely(&distribution), distribution);
        }
        if let Some(OodScore { pose, image }) = ood_score {
            tracing::warn!(
                "the policy abstains: no training state is like this one (pose {pose:.1}, image {image:.1}; the limit is {limit})"
            );
        }
        Decision {
            adjustment: PoseAdjustment::NONE,
            index: None,
            probabilities: Some(distribution),
            interval_m: None,
            abstained: true,
        }
    }

    /// The detector of unknown states, if the policy's training has ended.
    pub fn support(&self) -> Option<&OodDetector> {
        self.support.as_ref()
    }

    /// How unlike the training states a state is; `None` before the end of the training.
    pub fn ood_score(&self, state: &EncodedState) -> Option<OodScore> {
        let support = self.support.as_ref()?;
        Some(support.score(state.pose(), &self.features_of(state)))
    }

    /// The image features of a state; empty for a policy that sees no image.
    pub fn features_of(&self, state: &EncodedState) -> Vec<f32> {
        feature_batch(self.inference_network(), &self.shape, &[state]).map_or_else(Vec::new, read)
    }

    /// The decision for the candidates `index` of this policy's action space.
    ///
    /// # Panics
    /// If the index lies outside of the action space.
    pub(crate) fn decision(
        &self,
        index: ActionIndex,
        distribution: [Vec<f32>; DIMENSIONS],
    ) -> Decision {
        Decision {
            adjustment: self
                .actions
                .adjustment(index)
                .expect("the heads have the action space's sizes"),
            index: Some(index),
            probabilities: Some(distribution),
            interval_m: None,
            abstained: false,
        }
    }
}
