//! The time of each layer of a ResNet: `cargo bench -p rmrl-conv`, one or two minutes.
//!
//! One thread, a batch of 16, and the layers of a ResNet-18 for images of 128 x 128. The last columns are burn's own
//! convolution, and the multiplications alone by the `gemm` crate (through burn's `matmul`), one for each tap of the
//! kernel, as a convolution without a matrix of windows needs them: the limit of a convolution on top of `gemm`.
//!
//! The rate counts the multiplications and additions of the definition, so Winograd's algorithm may
//! exceed the processor's peak.

use std::time::Instant;

use burn::tensor::ops::ConvOptions;
use burn::tensor::{Device, Tensor};
use rmrl_conv::kernels::{
    AdamStep, Affine, ConvShape, Epilogue, GroupNormForward, GroupNormShape, PackedWeights, adam,
    forward, group_norm, group_norm_gradients, input_gradient, max_pool, max_pool_gradient,
    weight_gradient,
};

/// Name, side of the image, channels in and out, kernel, stride.
const LAYERS: [(&str, usize, [usize; 2], usize, usize); 11] = [
    ("stem", 128, [3, 64], 7, 2),
    ("layer1", 32, [64, 64], 3, 1),
    ("layer2.0", 32, [64, 128], 3, 2),
    ("layer2 shortcut", 32, [64, 128], 1, 2),
    ("layer2", 16, [128, 128], 3, 1),
    ("layer3.0", 16, [128, 256], 3, 2),
    ("layer3", 8, [256, 256], 3, 1),
    ("layer4.0", 8, [256, 512], 3, 2),
    ("layer4", 4, [512, 512], 3, 1),
    ("16 channels", 32, [16, 16], 3, 1),
    ("32 channels", 32, [32, 32], 3, 1),
];
const BATCH: usize = 16;

fn main() -> Result<(), rayon::ThreadPoolBuildError> {
    println!(
        "{:<16}{:>10}{:>18}{:>18}{:>18}{:>12}{:>12}",
        "ms (GFLOP/s)", "weights", "forward", "of input", "of weights", "gemm", "burn"
    );
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build()?;
    pool.install(|| {
        LAYERS.into_iter().for_each(layer);
        println!("\n{:<16}{:>28}{:>18}", "ms", "", "gradients");
        NORMS.into_iter().for_each(norm);
        pooling();
        optimizer();
    });
    Ok(())
}

/// Pixels and channels.
const NORMS: [[usize; 2]; 4] = [[4096, 64], [1024, 64], [256, 128], [64, 256]];

fn norm([pixels, channels]: [usize; 2]) {
    let (groups, epsilon) = (channels / 16, 1e-5);
    let shape = GroupNormShape { batch: BATCH, pixels, channels, groups, epsilon };
    let x: Vec<f32> = (0..BATCH * pixels * channels).map(|i| (i % 7) as f32).collect();
    let (mut y, ones) = (x.clone(), vec![1.0; channels]);
    let affine = Affine { weight: &ones, bias: &ones };
    let statistics = group_norm(&shape, &x, affine, None, true, &mut y);
    let forward_ms = best_ms(|| drop(group_norm(&shape, &x, affine, None, true, &mut y)));
    let mut dy = y.clone();
    let pass = GroupNormForward { x: &x, statistics: &statistics, y: Some(&y) };
    let backward_ms = best_ms(|| {
        drop(group_norm_gradients(&shape, affine, pass, &mut dy, None));
    });
    let name = format!("norm {pixels} x {channels}");
    println!("{name:<16}{forward_ms:>28.2}{backward_ms:>18.2}");
}

fn pooling() {
    let shape = ConvShape {
        batch: BATCH,
        height: 64,
        width: 64,
        channels_in: 64,
        channels_out: 64,
        kernel: 3,
        stride: 2,
        padding: 1,
    };
    let x = vec![0.5; shape.input_len()];
    let (mut y, mut dx) = (vec![0.0; shape.output_len()], x.clone());
    let dy = y.clone();
    let forward_ms = best_ms(|| max_pool(&shape, &x, &mut y));
    let backward_ms = best_ms(|| max_pool_gradient(&shape, &x, &y, &dy, &mut dx));
    println!("{:<16}{forward_ms:>28.2}{backward_ms:>18.2}", "largest of 3 x 3");
}

/// A step on as many parameters as a ResNet-18 has.
fn optimizer() {
    let gradient = vec![0.5; 11_200_000];
    let mut numbers = gradient.clone();
    let (mut first, mut second) = (gradient.clone(), gradient.clone());
    let step = AdamStep { rate: 1e-3, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, step: 3 };
    let ms = best_ms(|| adam(step, &mut numbers, &gradient, &mut first, &mut second));
    println!("{:<16}{ms:>28.2}", "Adam, 11.2 M");
}

fn layer(
    (name, side, [channels_in, channels_out], kernel, stride): (
        &str,
        usize,
        [usize; 2],
        usize,
        usize,
    ),
) {
    let padding = kernel / 2;
    let shape = ConvShape {
        batch: BATCH,
        height: side,
        width: side,
        channels_in,
        channels_out,
        kernel,
        stride,
        padding,
    };
    let pixels = shape.output_len() / channels_out;
    let flop = 2.0 * (shape.output_len() * channels_in * kernel * kernel) as f64;
    let rate = |ms: f64| format!("{ms:.2} ({:.0})", flop / ms / 1e6);

    let (x, weight) = (vec![0.5; shape.input_len()], vec![0.5; shape.weight_len()]);
    let mut y = vec![0.0; shape.output_len()];
    let (mut dx, mut dw) = (x.clone(), weight.clone());
    let weights_ms = best_ms(|| drop(PackedWeights::forward(&shape, &weight, None)));
    let packed = PackedWeights::forward(&shape, &weight, None);
    let forward_ms = best_ms(|| forward(&shape, &x, &packed, Epilogue::default(), &mut y));
    let input_ms = best_ms(|| input_gradient(&shape, &weight, None, &y, &mut dx));
    let weight_ms = best_ms(|| weight_gradient(&shape, None, &x, &y, &mut dw));

    let device = Device::flex();
    let taps = Tensor::<2>::ones([channels_in, channels_out], &device);
    let rows = Tensor::<2>::ones([pixels, channels_in], &device);
    let gemm_ms = best_ms(|| {
        for _ in 0..kernel * kernel {
            drop(rows.clone().matmul(taps.clone()));
        }
    });
    let images = Tensor::<4>::ones([BATCH, channels_in, side, side], &device);
    let kernels = Tensor::<4>::ones([channels_out, channels_in, kernel, kernel], &device);
    let burn_ms = best_ms(|| {
        let options = ConvOptions::new([stride; 2], [padding; 2], [1, 1], 1);
        drop(burn::tensor::module::conv2d(images.clone(), kernels.clone(), None, options));
    });
    println!(
        "{name:<16}{weights_ms:>10.2}{:>18}{:>18}{:>18}{gemm_ms:>12.2}{burn_ms:>12.2}",
        rate(forward_ms),
        rate(input_ms),
        rate(weight_ms)
    );
}

/// The shortest of some runs: the machine's other work only adds time.
fn best_ms(mut run: impl FnMut()) -> f64 {
    (0..9)
        .map(|_| {
            let began = Instant::now();
            run();
            1e3 * began.elapsed().as_secs_f64()
        })
        .fold(f64::INFINITY, f64::min)
}
