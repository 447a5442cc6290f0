//! A step of Adam on burn's tensors.

use burn::backend::Flex;
use burn::tensor::Tensor;

use super::primitive::{OnCpu, as_values, contiguous, owned_contiguous, tensor};
use crate::kernels::{self, AdamStep};

/// Adam's state of a parameter.
#[derive(Debug, Clone)]
pub struct Moments {
    /// The number of steps so far.
    pub steps: u32,
    /// The decaying mean of the gradients, `[values]`.
    pub first: Tensor<1>,
    /// The decaying mean of the squared gradients, `[values]`.
    pub second: Tensor<1>,
}

/// Returns a parameter after a step of Adam, without gradients; in one pass on the CPU backend.
///
/// # Panics
/// Value, gradient and moments differ in length.
pub fn adam<const D: usize>(
    step: AdamStep,
    value: Tensor<D>,
    gradient: Tensor<D>,
    moments: &mut Moments,
) -> Tensor<D> {
    moments.steps += 1;
    let step = AdamStep { step: moments.steps, ..step };
    if let (true, Some(OnCpu::Plain(gradient))) = (OnCpu::is_plain(&value), OnCpu::of(&gradient)) {
        // In place if nothing else holds the parameter.
        let value = value.try_into_primitive::<Flex>().expect("it was found on the CPU");
        let mut value = owned_contiguous(value);
        let empty = || Tensor::<1>::from_primitive::<Flex>(tensor(Vec::new(), [0]));
        let [mut first, mut second] = [&mut moments.first, &mut moments.second].map(|moment| {
            let moment = std::mem::replace(moment, empty());
            moment.try_into_primitive::<Flex>().expect("moments lie where their parameter does")
        });
        kernels::adam(
            step,
            value.storage_mut(),
            as_values(&contiguous(gradient)),
            first.storage_mut(),
            second.storage_mut(),
        );
        moments.first = Tensor::from_primitive::<Flex>(first);
        moments.second = Tensor::from_primitive::<Flex>(second);
        return Tensor::from_primitive::<Flex>(value);
    }
    let AdamStep { rate, beta1, beta2, epsilon, step } = step;
    let power = i32::try_from(step).unwrap_or(i32::MAX);
    let dims = value.dims();
    let gradient = gradient.reshape([-1]);
    moments.first =
        moments.first.clone().mul_scalar(beta1) + gradient.clone().mul_scalar(1.0 - beta1);
    moments.second =
        moments.second.clone().mul_scalar(beta2) + gradient.square().mul_scalar(1.0 - beta2);
    let correction = (1.0 - beta2.powi(power)).sqrt().recip();
    let divisor = moments.second.clone().sqrt().mul_scalar(correction).add_scalar(epsilon);
    let change = moments.first.clone().mul_scalar(rate / (1.0 - beta1.powi(power))) / divisor;
    value - change.reshape(dims)
}
