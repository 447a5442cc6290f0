//! Every function, compared with a plain loop in 64-bit floats, over random shapes.

mod numbers;

use proptest::prelude::*;
use rmrl_conv::kernels::{
    ConvShape, Epilogue, PackedWeights, bias_gradient, forward, input_gradient, weight_gradient,
};

use crate::numbers::numbers;

/// `visit(output, input, weight)` for every multiplication of a convolution.
fn each_product(shape: &ConvShape, mut visit: impl FnMut(usize, usize, usize)) {
    let (rows, columns) = (shape.height_out(), shape.width_out());
    for n in 0..shape.batch {
        for (oy, ox) in (0..rows).flat_map(|oy| (0..columns).map(move |ox| (oy, ox))) {
            for (u, v) in (0..shape.kernel).flat_map(|u| (0..shape.kernel).map(move |v| (u, v))) {
                let y = (oy * shape.stride + u).wrapping_sub(shape.padding);
                let x = (ox * shape.stride + v).wrapping_sub(shape.padding);
                if y >= shape.height || x >= shape.width {
                    continue;
                }
                for o in 0..shape.channels_out {
                    for i in 0..shape.channels_in {
                        let output = ((n * rows + oy) * columns + ox) * shape.channels_out + o;
                        let input =
                            ((n * shape.height + y) * shape.width + x) * shape.channels_in + i;
                        let weight =
                            ((o * shape.channels_in + i) * shape.kernel + u) * shape.kernel + v;
                        visit(output, input, weight);
                    }
                }
            }
        }
    }
}

/// The largest difference, as a share of the largest number or of one.
fn difference(found: &[f32], expected: &[f64]) -> f64 {
    assert_eq!(found.len(), expected.len());
    let largest = expected.iter().fold(1.0f64, |most, value| most.max(value.abs()));
    let apart = |(found, expected): (&f32, &f64)| (f64::from(*found) - expected).abs();
    found.iter().zip(expected).map(apart).fold(0.0, f64::max) / largest
}

fn check(shape: &ConvShape, seed: u64) {
    const NEAR: f64 = 5e-6;
    let x = numbers(seed, shape.input_len());
    let weight = numbers(seed + 1, shape.weight_len());
    let scale = numbers(seed + 2, shape.channels_out);
    let bias = numbers(seed + 3, shape.channels_out);
    let residual = numbers(seed + 4, shape.output_len());
    let dy = numbers(seed + 5, shape.output_len());
    let per_channel = shape.weight_len() / shape.channels_out;
    let scaled = |index: usize| f64::from(weight[index]) * f64::from(scale[index / per_channel]);

    let mut y = vec![0.0; shape.output_len()];
    let mut dx = vec![0.0; shape.input_len()];
    let mut dw = vec![0.0; shape.weight_len()];
    let mut db = vec![0.0; shape.channels_out];
    each_product(shape, |output, input, index| {
        y[output] += f64::from(x[input]) * scaled(index);
        dx[input] += f64::from(dy[output]) * scaled(index);
        let scale = f64::from(scale[index / per_channel]);
        dw[index] += f64::from(dy[output]) * f64::from(x[input]) * scale;
    });
    for (index, value) in dy.iter().enumerate() {
        db[index % shape.channels_out] += f64::from(*value);
    }
    let finished: Vec<f64> = y
        .iter()
        .enumerate()
        .map(|(index, value)| {
            let bias = f64::from(bias[index % shape.channels_out]);
            (value + bias + f64::from(residual[index])).max(0.0)
        })
        .collect();

    // The outputs begin with NaN: all of them must be written.
    let mut found = vec![f32::NAN; y.len()];
    let packed = PackedWeights::forward(shape, &weight, Some(&scale));
    forward(shape, &x, &packed, Epilogue::default(), &mut found);
    assert!(difference(&found, &y) < NEAR, "{shape:?} output {}", difference(&found, &y));
    let epilogue = Epilogue { bias: Some(&bias), residual: Some(&residual), relu: true };
    forward(shape, &x, &packed, epilogue, &mut found);
    assert!(difference(&found, &finished) < NEAR, "{shape:?} finished");

    let mut found = vec![f32::NAN; dx.len()];
    input_gradient(shape, &weight, Some(&scale), &dy, &mut found);
    assert!(difference(&found, &dx) < NEAR, "{shape:?} input {}", difference(&found, &dx));
    let mut found = vec![f32::NAN; dw.len()];
    weight_gradient(shape, Some(&scale), &x, &dy, &mut found);
    assert!(difference(&found, &dw) < NEAR, "{shape:?} weights {}", difference(&found, &dw));
    let mut found = vec![f32::NAN; db.len()];
    bias_gradient(&dy, &mut found);
    assert!(difference(&found, &db) < NEAR, "{shape:?} bias {}", difference(&found, &db));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    /// All kinds of kernels, strides, paddings and channels, in whole vectors or not.
    #[test]
    fn any_shape(
        batch in 1usize..4,
        (height, width) in (1usize..12, 1usize..12),
        (channels_in, channels_out) in (1usize..40, 1usize..70),
        kernel in prop::sample::select(vec![1usize, 2, 3, 5, 7]),
        stride in 1usize..4,
        padding in 0usize..4,
        seed in any::<u32>(),
    ) {
        prop_assume!(kernel <= height.min(width) + 2 * padding);
        // With more padding than the kernel, some windows would lie entirely in the padding.
        prop_assume!(padding < kernel);
        let shape = ConvShape {
            batch, height, width, channels_in, channels_out, kernel, stride, padding,
        };
        check(&shape, u64::from(seed));
    }

    /// 3 x 3 at stride 1, like most layers of a ResNet: Winograd's algorithm if the image is large.
    #[test]
    fn shapes_of_a_resnet(
        batch in 1usize..4,
        (height, width) in (6usize..14, 6usize..14),
        (channels_in, channels_out) in (1usize..5, 1usize..5),
        seed in any::<u32>(),
    ) {
        let (channels_in, channels_out) = (16 * channels_in, 16 * channels_out);
        let shape = ConvShape {
            batch, height, width, channels_in, channels_out, kernel: 3, stride: 1, padding: 1,
        };
        check(&shape, u64::from(seed));
    }
}

/// Special shapes of a ResNet-18.
#[test]
fn stem_shortcut_and_widest() {
    let stem = ConvShape {
        batch: 2,
        height: 24,
        width: 32,
        channels_in: 3,
        channels_out: 64,
        kernel: 7,
        stride: 2,
        padding: 3,
    };
    check(&stem, 1);
    let shortcut = ConvShape { channels_in: 64, channels_out: 128, kernel: 1, padding: 0, ..stem };
    check(&shortcut, 2);
    let widest = ConvShape {
        height: 4,
        width: 4,
        channels_in: 512,
        channels_out: 512,
        kernel: 3,
        stride: 1,
        padding: 1,
        ..stem
    };
    check(&widest, 3);
}
