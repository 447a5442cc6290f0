//! The optimizer: Adam (Kingma and Ba 2015) with PyTorch's defaults.

use std::collections::BTreeMap;

use burn::module::{Module, ModuleMapper, Param, ParamId};
use burn::optim::GradientsParams;
use burn::tensor::Tensor;
use rmrl_conv::{AdamStep, Moments, adam};

/// Adam, with its moments of every parameter that has had a gradient.
#[derive(Debug, Clone, Default)]
pub(crate) struct Adam {
    moments: BTreeMap<u64, Moments>,
}

/// What a file keeps of Adam for one parameter.
#[derive(Debug, Clone)]
pub(crate) struct ParameterMoments {
    /// The parameter's number.
    pub(crate) parameter: u64,
    /// Steps so far.
    pub(crate) steps: u32,
    /// The mean of the gradients and that of their squares, without gradients of their own.
    pub(crate) moments: [Tensor<1>; 2],
}

impl Adam {
    /// The module after a step down its gradients. A parameter without a gradient does not change.
    pub(crate) fn step<M: Module>(
        &mut self,
        rate: f64,
        module: M,
        gradients: GradientsParams,
    ) -> M {
        module.map(&mut Step { adam: self, rate, gradients })
    }

    /// The moments of every parameter.
    pub(crate) fn moments(&self) -> impl Iterator<Item = ParameterMoments> {
        self.moments.iter().map(|(parameter, moments)| ParameterMoments {
            parameter: *parameter,
            steps: moments.steps,
            moments: [moments.first.clone(), moments.second.clone()],
        })
    }

    /// An optimizer with the moments of another.
    pub(crate) fn with_moments(moments: impl IntoIterator<Item = ParameterMoments>) -> Self {
        let moments = moments.into_iter().map(|ParameterMoments { parameter, steps, moments }| {
            let [first, second] = moments;
            (parameter, Moments { steps, first, second })
        });
        Self { moments: moments.collect() }
    }
}

/// A step in progress.
struct Step<'a> {
    adam: &'a mut Adam,
    rate: f64,
    gradients: GradientsParams,
}

impl ModuleMapper for Step<'_> {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let Some(gradient) = self.gradients.remove::<D>(param.id) else {
            return param;
        };
        let (id, tensor, mapper): (ParamId, _, _) = param.consume();
        let value = tensor.inner();
        let zeros = || Tensor::zeros([value.shape().num_elements()], &value.device());
        let fresh = || Moments { steps: 0, first: zeros(), second: zeros() };
        let moments = self.adam.moments.entry(id.val()).or_insert_with(fresh);
        // The defaults of PyTorch's Adam.
        let step = AdamStep { rate: self.rate, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, step: 0 };
        let value = adam(step, value, gradient, moments);
        Param::from_mapped_value(id, Tensor::from_inner(value).require_grad(), mapper)
    }
}
