//! The operations on tensors, compared with burn's own and with finite differences.

#![allow(clippy::unwrap_used, reason = "a test that fails at an unwrap has done its work")]

mod numbers;

use burn::nn::GroupNormConfig;
use burn::nn::PaddingConfig2d;
use burn::nn::pool::MaxPool2dConfig;
use burn::tensor::activation::relu;
use burn::tensor::ops::ConvOptions;
use burn::tensor::{Device, Tensor, TensorData};
use rmrl_conv::{
    AdamStep, Conv2dEpilogue, Conv2dOptions, GroupNormOptions, Moments, PackedConv2d, adam, conv2d,
    group_norm, max_pool2d,
};

use crate::numbers::numbers;

fn device() -> Device {
    Device::flex().autodiff()
}

fn random<const D: usize>(seed: u64, dims: [usize; D], device: &Device) -> Tensor<D> {
    Tensor::from_data(TensorData::new(numbers(seed, dims.iter().product()), dims), device)
}

fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.try_into_vec_as::<f32>().unwrap()
}

fn assert_near(what: &str, found: &[f32], expected: &[f32]) {
    assert_eq!(found.len(), expected.len(), "{what}");
    let largest = expected.iter().fold(1.0f32, |most, value| most.max(value.abs()));
    for (found, expected) in found.iter().zip(expected) {
        assert!((found - expected).abs() <= 1e-5 * largest, "{what}: {found} {expected}");
    }
}

const OPTIONS: [(usize, [usize; 2], Conv2dOptions); 4] = [
    (3, [32, 48], Conv2dOptions { stride: 1, padding: 1 }),
    (3, [5, 20], Conv2dOptions { stride: 2, padding: 1 }),
    (1, [24, 40], Conv2dOptions { stride: 2, padding: 0 }),
    (7, [3, 16], Conv2dOptions { stride: 2, padding: 3 }),
];

/// A convolution with a full epilogue, by this crate or by burn.
fn convolve(operands: &Operands, options: Conv2dOptions, ours: bool) -> Tensor<4> {
    let Operands { x, weight, scale, bias, residual } = operands.clone();
    if ours {
        let epilogue = Conv2dEpilogue {
            scale: Some(scale),
            bias: Some(bias),
            residual: Some(residual),
            relu: true,
        };
        return conv2d(x, weight, options, epilogue, None);
    }
    let Conv2dOptions { stride, padding } = options;
    let weight = weight * scale.reshape([-1, 1, 1, 1]);
    let theirs = ConvOptions::new([stride; 2], [padding; 2], [1, 1], 1);
    let x = x.permute([0, 3, 1, 2]);
    let y = burn::tensor::module::conv2d(x, weight, Some(bias), theirs);
    relu(y.permute([0, 2, 3, 1]) + residual)
}

#[derive(Clone)]
struct Operands {
    x: Tensor<4>,
    weight: Tensor<4>,
    scale: Tensor<1>,
    bias: Tensor<1>,
    residual: Tensor<4>,
}

impl Operands {
    fn new(kernel: usize, channels: [usize; 2], options: Conv2dOptions) -> Self {
        let [depth, out] = channels;
        let device = device();
        let x = random(1, [2, 10, 12, depth], &device);
        let weight = random(2, [out, depth, kernel, kernel], &device);
        let bare = conv2d(x.clone(), weight.clone(), options, Conv2dEpilogue::default(), None);
        Self {
            x: x.require_grad(),
            weight: weight.require_grad(),
            scale: random(3, [out], &device),
            bias: random(4, [out], &device).require_grad(),
            residual: random(5, bare.dims(), &device).require_grad(),
        }
    }

    /// The gradients of a weighted sum of an output.
    fn gradients(&self, output: Tensor<4>) -> Vec<(&'static str, Vec<f32>)> {
        let weights = random(6, output.dims(), &device());
        let gradients = (output * weights).sum().backward();
        vec![
            ("x", values(self.x.grad(&gradients).unwrap())),
            ("weight", values(self.weight.grad(&gradients).unwrap())),
            ("bias", values(self.bias.grad(&gradients).unwrap())),
            ("residual", values(self.residual.grad(&gradients).unwrap())),
        ]
    }
}

#[test]
fn convolutions_and_their_gradients_match_burn() {
    for (kernel, channels, options) in OPTIONS {
        let operands = Operands::new(kernel, channels, options);
        let (ours, theirs) =
            (convolve(&operands, options, true), convolve(&operands, options, false));
        assert_near("output", &values(ours.clone()), &values(theirs.clone()));
        for ((what, ours), (_, theirs)) in
            operands.gradients(ours).into_iter().zip(operands.gradients(theirs))
        {
            assert_near(what, &ours, &theirs);
        }
    }
}

/// Changing one number a little changes the weighted sum by its gradient times as much.
#[test]
fn gradients_match_finite_differences() {
    const STEP: f32 = 1.0 / 64.0;
    for (kernel, channels, options) in OPTIONS {
        let operands = Operands::new(kernel, channels, options);
        let gradients = operands.gradients(convolve(&operands, options, true));
        let sum = |operands: &Operands| -> f64 {
            // A large bias lifts all values above zero, so no slope jumps at the ReLU.
            let output = values(convolve(operands, options, true));
            let weights = numbers(6, output.len());
            output.iter().zip(weights).map(|(y, w)| f64::from(*y) * f64::from(w)).sum()
        };
        let mut lifted = operands.clone();
        lifted.bias = (operands.bias.clone() + 1000.0).detach().require_grad();
        let lifted_gradients = lifted.gradients(convolve(&lifted, options, true));
        assert_eq!(gradients.len(), lifted_gradients.len());
        for (what, gradient) in lifted_gradients {
            for place in [0, gradient.len() / 3, gradient.len() - 1] {
                let moved = |by: f32| {
                    let mut operands = lifted.clone();
                    fn shift<const D: usize>(of: &Tensor<D>, place: usize, by: f32) -> Tensor<D> {
                        let mut numbers = values(of.clone());
                        numbers[place] += by;
                        Tensor::from_data(TensorData::new(numbers, of.dims()), &of.device())
                    }
                    match what {
                        "x" => operands.x = shift(&lifted.x, place, by),
                        "weight" => operands.weight = shift(&lifted.weight, place, by),
                        "bias" => operands.bias = shift(&lifted.bias, place, by),
                        _ => operands.residual = shift(&lifted.residual, place, by),
                    }
                    sum(&operands)
                };
                let slope = (moved(STEP) - moved(-STEP)) / f64::from(2.0 * STEP);
                let found = f64::from(gradient[place]);
                // Outputs near 1000 have a resolution of 6e-5, and many of them are added.
                assert!(
                    (slope - found).abs() < 0.02 * found.abs().max(1.0),
                    "{what} {slope} {found}"
                );
            }
        }
    }
}

#[test]
fn group_norms_and_their_gradients_match_burn() {
    let device = device();
    for (channels, groups) in [(64, 4), (12, 3), (5, 5), (7, 1)] {
        // With a mean far from zero, plain squares would cancel the variance.
        let x = (random(1, [3, 6, 9, channels], &device) + 20.0).require_grad();
        let weight = random(2, [channels], &device).require_grad();
        let bias = random(3, [channels], &device).require_grad();
        let residual = random(4, x.dims(), &device).require_grad();
        let options = GroupNormOptions { groups, epsilon: 1e-5, relu: true };
        let ours =
            group_norm(x.clone(), weight.clone(), bias.clone(), Some(residual.clone()), options);
        let norm = GroupNormConfig::new(groups, channels).with_affine(false).init(&device);
        let normal = norm.forward(x.clone().permute([0, 3, 1, 2])).permute([0, 2, 3, 1]);
        let theirs = relu(
            normal * weight.clone().reshape([1, 1, 1, -1])
                + bias.clone().reshape([1, 1, 1, -1])
                + residual.clone(),
        );
        assert_near("output", &values(ours.clone()), &values(theirs.clone()));
        let weights = random(6, x.dims(), &device);
        let [ours, theirs] = [ours, theirs].map(|y| (y * weights.clone()).sum().backward());
        let pairs = [
            ("x", x.grad(&ours), x.grad(&theirs)),
            ("residual", residual.grad(&ours), residual.grad(&theirs)),
        ];
        for (what, ours, theirs) in pairs {
            assert_near(what, &values(ours.unwrap()), &values(theirs.unwrap()));
        }
        for (what, of) in [("weight", &weight), ("bias", &bias)] {
            let (ours, theirs) = (of.grad(&ours).unwrap(), of.grad(&theirs).unwrap());
            assert_near(what, &values(ours), &values(theirs));
        }
    }
}

#[test]
fn max_pools_and_their_gradients_match_burn() {
    let device = device();
    for (height, width) in [(8, 10), (7, 9)] {
        let x = random(1, [2, height, width, 6], &device).require_grad();
        let ours = max_pool2d(x.clone(), 3, Conv2dOptions { stride: 2, padding: 1 });
        let pool = MaxPool2dConfig::new([3, 3])
            .with_strides([2, 2])
            .with_padding(PaddingConfig2d::Explicit(1, 1, 1, 1))
            .init();
        let theirs = pool.forward(x.clone().permute([0, 3, 1, 2])).permute([0, 2, 3, 1]);
        assert_eq!(values(ours.clone()), values(theirs.clone()));
        let weights = random(2, ours.dims(), &device);
        let [ours, theirs] = [ours, theirs].map(|y| (y * weights.clone()).sum().backward());
        assert_near("x", &values(x.grad(&ours).unwrap()), &values(x.grad(&theirs).unwrap()));
    }
}

/// Packed weights give the same bits, for the image size that they were prepared for and for others.
#[test]
fn packed_weights_change_no_bit() {
    let device = Device::flex();
    let options = Conv2dOptions { stride: 1, padding: 1 };
    let weight = random(2, [32, 32, 3, 3], &device);
    let packed = PackedConv2d::default();
    for dims in [[1, 8, 8, 32], [3, 8, 8, 32], [1, 4, 6, 32], [1, 8, 8, 32]] {
        let x = random(1, dims, &device);
        let kept =
            conv2d(x.clone(), weight.clone(), options, Conv2dEpilogue::default(), Some(&packed));
        let fresh = conv2d(x, weight.clone(), options, Conv2dEpilogue::default(), None);
        assert_eq!(values(kept), values(fresh));
    }
}

/// No result depends on the number of threads, and none of an image on the images beside it.
#[test]
fn threads_and_neighbors_change_no_bit() {
    let compute = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let mut found = Vec::new();
            for (kernel, channels, options) in OPTIONS {
                let operands = Operands::new(kernel, channels, options);
                let output = convolve(&operands, options, true);
                found.push(values(output.clone()));
                found.extend(operands.gradients(output).into_iter().map(|(_, values)| values));
            }
            let x = random(7, [5, 8, 8, 32], &device()).require_grad();
            let [weight, bias] = [8, 9].map(|seed| random(seed, [32], &device()).require_grad());
            let options = GroupNormOptions { groups: 2, epsilon: 1e-5, relu: true };
            let y = group_norm(x.clone(), weight.clone(), bias, None, options);
            let gradients = y.clone().powi_scalar(2).sum().backward();
            found.push(values(y));
            found.push(values(x.grad(&gradients).unwrap()));
            found.push(values(weight.grad(&gradients).unwrap()));
            found
        })
    };
    let alone = compute(1);
    assert!(compute(2) == alone && compute(3) == alone);

    let device = Device::flex();
    let options = Conv2dOptions { stride: 1, padding: 1 };
    let weight = random(2, [48, 32, 3, 3], &device);
    let images = random(1, [3, 9, 11, 32], &device);
    let all = conv2d(images.clone(), weight.clone(), options, Conv2dEpilogue::default(), None);
    for index in 0..3 {
        let one = images.clone().narrow(0, index, 1);
        let one = conv2d(one, weight.clone(), options, Conv2dEpilogue::default(), None);
        assert_eq!(values(one), values(all.clone().narrow(0, index, 1)));
    }
}

/// Adam in 64 bits, by its definition, over some steps. The parameter is at first a view of a larger tensor, like
/// that of a refined head.
#[test]
fn adam_matches_its_definition() {
    let device = Device::flex();
    let whole = Tensor::<1>::from_data([9.0f32, 0.5, -2.0, 0.0, 9.0], &device);
    let (mut expected, mut m, mut v) = ([0.5f64, -2.0, 0.0], [0.0f64; 3], [0.0f64; 3]);
    let mut value: Tensor<1> = whole.clone().narrow(0, 1, 3);
    let zeros = || Tensor::zeros([3], &device);
    let mut moments = Moments { steps: 0, first: zeros(), second: zeros() };
    let step = AdamStep { rate: 0.01, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, step: 0 };
    for t in 1..=20 {
        let gradient = numbers(t, 3);
        let tensor = Tensor::from_data(TensorData::new(gradient.clone(), [3]), &device);
        value = adam(step, value, tensor, &mut moments);
        for i in 0..3 {
            let g = f64::from(gradient[i]);
            m[i] = 0.9 * m[i] + 0.1 * g;
            v[i] = 0.999 * v[i] + 0.001 * g * g;
            let (m_hat, v_hat) =
                (m[i] / (1.0 - 0.9f64.powi(t as i32)), v[i] / (1.0 - 0.999f64.powi(t as i32)));
            expected[i] -= 0.01 * m_hat / (v_hat.sqrt() + 1e-8);
        }
    }
    for (found, expected) in values(value).iter().zip(expected) {
        assert!((f64::from(*found) - expected).abs() < 1e-6, "{found} {expected}");
    }
    assert_eq!(moments.steps, 20);
    assert_eq!(values(whole), [9.0, 0.5, -2.0, 0.0, 9.0], "other values stay as they are");
}

/// With gradient checkpointing, as on devices other than burn's CPU, burn's own operations compute the same.
#[test]
fn on_other_devices_burn_computes_the_same() {
    let (here, elsewhere) = (device(), device().gradient_checkpointing());
    let network = |device: &Device| {
        let x = random(1, [2, 9, 11, 16], device).require_grad();
        let kernel = random(2, [32, 16, 3, 3], device).require_grad();
        let scale = random(3, [32], device);
        let [weight, bias, shift] = [4, 5, 6].map(|seed| random(seed, [32], device));
        let options = Conv2dOptions { stride: 2, padding: 1 };
        let epilogue =
            Conv2dEpilogue { scale: Some(scale), bias: Some(shift), ..Conv2dEpilogue::default() };
        let maps = conv2d(x.clone(), kernel.clone(), options, epilogue.clone(), None);
        let norm = GroupNormOptions { groups: 4, epsilon: 1e-5, relu: true };
        let maps = group_norm(maps.clone(), weight, bias, Some(maps), norm);
        let epilogue = Conv2dEpilogue { residual: Some(maps.clone()), relu: true, ..epilogue };
        let same = Conv2dOptions { stride: 1, padding: 1 };
        let second = random(7, [32, 32, 3, 3], device);
        let maps = conv2d(maps, second, same, epilogue, None);
        let output = max_pool2d(maps, 3, options);
        let gradients = output.clone().powi_scalar(2).mean().backward();
        let of_kernel = kernel.grad(&gradients).unwrap();
        [values(output), values(x.grad(&gradients).unwrap()), values(of_kernel)]
    };
    for (ours, theirs) in network(&here).iter().zip(network(&elsewhere)) {
        assert_near("elsewhere", ours, &theirs);
    }
}
