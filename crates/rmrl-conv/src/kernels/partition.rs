//! Cuts work into chunks. The cuts depend on the shapes alone, never on the number of threads, so the same
//! numbers are added in the same order everywhere.

use std::ops::Range;

/// Some consecutive units of an output, counted over all images.
pub(crate) struct Chunk<'a> {
    pub(crate) units: Range<usize>,
    /// Where `values` begin in the whole output.
    pub(crate) offset: usize,
    pub(crate) values: &'a mut [f32],
}

/// Cuts `y`, images of `image_len` values each, into chunks of `units_per_chunk` units. An image has
/// `units` of `unit_len` values; its last one may be shorter.
pub(crate) fn partition(
    mut y: &mut [f32],
    image_len: usize,
    unit_len: usize,
    units: usize,
    units_per_chunk: usize,
) -> Vec<Chunk<'_>> {
    let images = y.len().checked_div(image_len).unwrap_or(0);
    let start = |index: usize| (index / units) * image_len + (index % units) * unit_len;
    let total = images * units;
    (0..total)
        .step_by(units_per_chunk)
        .map(|first| {
            let last = (first + units_per_chunk).min(total);
            let (from, to) = (start(first), start(last));
            let values = y.split_off_mut(..to - from).expect("chunks do not overlap");
            Chunk { units: first..last, offset: from, values }
        })
        .collect()
}
