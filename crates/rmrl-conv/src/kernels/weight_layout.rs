//! PyTorch's order of weights, `[channels_out, channels_in, kernel, kernel]`, from that of the multiplications.

use rayon::prelude::*;

use super::packing::{Columns, MAX_PANEL_WIDTH, cut};
use super::shape::ConvShape;

/// Channels whose weights are reordered at once: they stay in the first-level cache.
pub(crate) const CHANNELS_AT_ONCE: usize = 16;

/// Writes the gradient of weights from sums in panels. `read` returns, for a panel of output channels and an
/// input channel, each tap of every output channel.
pub(crate) fn by_channels(
    dw: &mut [f32],
    shape: &ConvShape,
    read: impl Fn(Columns, usize, &mut [[f32; MAX_PANEL_WIDTH]]) + Sync,
) {
    let taps = shape.kernel * shape.kernel;
    let of_channel = taps * shape.channels_in;
    let mut rest = dw;
    let mut parts = Vec::new();
    for panel in cut(shape.channels_out) {
        let part = rest.split_off_mut(..panel.count * of_channel).expect("weights of a panel");
        parts.push((panel, part));
    }
    parts.into_par_iter().for_each(|(panel, dw)| {
        let mut tile = vec![[0.0; MAX_PANEL_WIDTH]; CHANNELS_AT_ONCE * taps];
        for first in (0..shape.channels_in).step_by(CHANNELS_AT_ONCE) {
            let channels = CHANNELS_AT_ONCE.min(shape.channels_in - first);
            for (channel, taps) in tile.chunks_exact_mut(taps).take(channels).enumerate() {
                read(panel, first + channel, taps);
            }
            for (j, dw) in dw.chunks_exact_mut(of_channel).enumerate() {
                let dw = &mut dw[first * taps..][..channels * taps];
                for (to, values) in dw.iter_mut().zip(&tile) {
                    *to = values[j];
                }
            }
        }
    });
}
