//! Max pooling of images with channels last.

use pulp::Arch;
use rayon::prelude::*;

use super::shape::ConvShape;

/// The largest value of each window and channel, `[batch, height_out, width_out, channels]`; the padding
/// around the image does not count. The shape's output channels are those of its input.
///
/// # Panics
/// The length of a slice does not match the shape, or a window lies entirely in the padding.
pub fn max_pool(shape: &ConvShape, x: &[f32], y: &mut [f32]) {
    assert_eq!([x.len(), y.len()], [shape.input_len(), shape.output_len()], "{shape:?}");
    assert_eq!(shape.channels_in, shape.channels_out, "{shape:?}");
    let lines = y.par_chunks_mut(shape.width_out() * shape.channels_in).enumerate();
    lines.for_each(|(line, y)| {
        Arch::new().dispatch(
            #[inline(always)]
            || {
                for (column, y) in y.chunks_exact_mut(shape.channels_in).enumerate() {
                    y.fill(f32::NEG_INFINITY);
                    for pixel in window(shape, line, column) {
                        let x = &x[pixel * shape.channels_in..][..shape.channels_in];
                        for (y, x) in y.iter_mut().zip(x) {
                            *y = if x > y { *x } else { *y };
                        }
                    }
                }
            },
        );
    });
}

/// The gradient of the input: writes all of `dx`. The gradient of a value goes to the first pixel of its window
/// that has that value.
///
/// # Panics
/// The length of a slice does not match the shape.
pub fn max_pool_gradient(shape: &ConvShape, x: &[f32], y: &[f32], dy: &[f32], dx: &mut [f32]) {
    assert_eq!([x.len(), dx.len()], [shape.input_len(); 2], "{shape:?}");
    assert_eq!([y.len(), dy.len()], [shape.output_len(); 2], "{shape:?}");
    let channels = shape.channels_in;
    let (lines, columns) = (shape.height_out(), shape.width_out());
    let image = shape.height * shape.width * channels;
    dx.par_chunks_mut(image).enumerate().for_each(|(n, dx)| {
        Arch::new().dispatch(
            #[inline(always)]
            || {
                dx.fill(0.0);
                let mut open = vec![0.0f32; channels];
                for line in n * lines..(n + 1) * lines {
                    for column in 0..columns {
                        let place = (line * columns + column) * channels;
                        let y = &y[place..][..channels];
                        open.copy_from_slice(&dy[place..][..channels]);
                        for pixel in window(shape, line, column) {
                            let x = &x[pixel * channels..][..channels];
                            let dx = &mut dx[pixel * channels - n * image..][..channels];
                            for (((dx, open), x), y) in dx.iter_mut().zip(&mut open).zip(x).zip(y) {
                                let here = if x == y { *open } else { 0.0 };
                                *dx += here;
                                *open -= here;
                            }
                        }
                    }
                }
            },
        );
    });
}

/// The pixels of a window inside its image, counted over all images; `line` is a line of the output, counted
/// over all images.
#[inline(always)]
fn window(shape: &ConvShape, line: usize, column: usize) -> impl Iterator<Item = usize> + use<> {
    let ConvShape { height, width, kernel, stride, padding, .. } = *shape;
    let rows = shape.height_out();
    let (n, row) = (line / rows, line % rows);
    let within = move |at: usize, extent: usize| {
        let first = (at * stride).saturating_sub(padding);
        first..(at * stride + kernel).saturating_sub(padding).min(extent)
    };
    within(row, height)
        .flat_map(move |y| within(column, width).map(move |x| (n * height + y) * width + x))
}
