//! Work in pieces. How it is cut depends on the shapes alone, never on the number of threads, so
//! the same numbers are added in the same order everywhere.

use std::ops::Range;

/// Some consecutive units of an output, counted over all images.
pub(crate) struct Job<'a> {
    pub(crate) units: Range<usize>,
    /// Where its values begin in the whole output.
    pub(crate) offset: usize,
    pub(crate) values: &'a mut [f32],
}

/// Cuts `y`, images of `image` values each, into jobs of `units_of_job` units. An image has
/// `units` of `unit` values; its last one may be shorter.
pub(crate) fn jobs(
    mut y: &mut [f32],
    image: usize,
    unit: usize,
    units: usize,
    units_of_job: usize,
) -> Vec<Job<'_>> {
    let images = y.len().checked_div(image).unwrap_or(0);
    let start = |index: usize| (index / units) * image + (index % units) * unit;
    let total = images * units;
    (0..total)
        .step_by(units_of_job)
        .map(|first| {
            let last = (first + units_of_job).min(total);
            let (from, to) = (start(first), start(last));
            let values = y.split_off_mut(..to - from).expect("jobs do not overlap");
            Job { units: first..last, offset: from, values }
        })
        .collect()
}
