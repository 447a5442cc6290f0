//! Connected components of a binary image, by runs: an image has far fewer runs of set pixels than pixels.

use image::{GrayImage, Luma};

use crate::Mask;

/// Which pixels count as neighbors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Connectivity {
    /// Pixels that share a side.
    Four,
    /// Pixels that share a side or a corner.
    Eight,
}

/// Pixels of one row without a gap, `from` to `to`, the latter exclusive.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Run {
    pub row: u32,
    pub from: u32,
    pub to: u32,
}

/// Pixels that are connected, row by row; never empty.
#[derive(Debug, Clone)]
pub(crate) struct Component {
    pub runs: Vec<Run>,
}

impl Component {
    /// The number of pixels.
    pub(crate) fn area(&self) -> usize {
        self.runs.iter().map(|run| (run.to - run.from) as usize).sum()
    }

    /// The component as a mask in the image's coordinates.
    pub(crate) fn mask(&self) -> Mask {
        let (mut left, mut right) = (u32::MAX, 0);
        for run in &self.runs {
            left = left.min(run.from);
            right = right.max(run.to);
        }
        // Runs are in the order of their rows.
        let (top, bottom) = (self.runs[0].row, self.runs[self.runs.len() - 1].row);
        let mut pixels = GrayImage::new(right - left, bottom - top + 1);
        for run in &self.runs {
            let moved = Run { row: run.row - top, from: run.from - left, to: run.to - left };
            set(&mut pixels, moved);
        }
        Mask::new(left, top, pixels)
    }
}

/// Sets the pixels of a run.
pub(crate) fn set(image: &mut GrayImage, run: Run) {
    for u in run.from..run.to {
        image.put_pixel(u, run.row, Luma([255]));
    }
}

/// The components of the pixels whose values `belongs` picks, in the order of their first pixels, row
/// by row.
pub(crate) fn components(
    image: &GrayImage,
    belongs: impl Fn(u8) -> bool,
    connectivity: Connectivity,
) -> Vec<Component> {
    // In eight-connectivity, runs that touch only at a corner are neighbors, too.
    let reach = u32::from(connectivity == Connectivity::Eight);
    let mut runs: Vec<Run> = Vec::new();
    let mut sets = DisjointSets::default();
    let mut above = 0..0;
    let rows = image.as_raw().chunks_exact((image.width() as usize).max(1));
    for (row, values) in (0..image.height()).zip(rows) {
        let first = runs.len();
        let mut before = above.start;
        let mut end = 0;
        while let Some(gap) = values[end..].iter().position(|value| belongs(*value)) {
            let start = end + gap;
            let length = values[start..].iter().position(|value| !belongs(*value));
            end = length.map_or(values.len(), |length| start + length);
            let run = Run { row, from: start as u32, to: end as u32 };
            let index = sets.add();
            // A run of the row above may touch several runs of this row, so the last one is checked again.
            while before < above.end && runs[before].to + reach <= run.from {
                before += 1;
            }
            let mut touching = before;
            while touching < above.end && runs[touching].from < run.to + reach {
                sets.join(touching, index);
                touching += 1;
            }
            runs.push(run);
        }
        above = first..runs.len();
    }

    let mut components: Vec<Component> = Vec::new();
    let mut component_of = vec![0; runs.len()];
    for (index, run) in runs.into_iter().enumerate() {
        let root = sets.root(index);
        if root == index {
            component_of[index] = components.len();
            components.push(Component { runs: vec![run] });
        } else {
            components[component_of[root]].runs.push(run);
        }
    }
    components
}

/// Union-find; the root of a set is its first member.
#[derive(Default)]
struct DisjointSets {
    parents: Vec<usize>,
}

impl DisjointSets {
    /// Adds a set of one and returns its member.
    fn add(&mut self) -> usize {
        self.parents.push(self.parents.len());
        self.parents.len() - 1
    }

    fn root(&mut self, mut member: usize) -> usize {
        while self.parents[member] != member {
            // Path halving keeps later searches short.
            self.parents[member] = self.parents[self.parents[member]];
            member = self.parents[member];
        }
        member
    }

    fn join(&mut self, one: usize, other: usize) {
        let (one, other) = (self.root(one), self.root(other));
        self.parents[one.max(other)] = one.min(other);
    }
}

#[cfg(test)]
mod tests {
    use imageproc::region_labelling::{Connectivity as TheirConnectivity, connected_components};
    use proptest::prelude::*;

    use super::*;

    /// The components found by imageproc, which labels them in the same order.
    fn theirs(image: &GrayImage, connectivity: TheirConnectivity) -> Vec<Vec<(u32, u32)>> {
        let mut components: Vec<Vec<(u32, u32)>> = Vec::new();
        for (u, v, label) in connected_components(image, connectivity, Luma([0])).enumerate_pixels()
        {
            if let Some(index) = (label.0[0] as usize).checked_sub(1) {
                components.resize(components.len().max(index + 1), Vec::new());
                components[index].push((u, v));
            }
        }
        components
    }

    proptest! {
        #[test]
        fn components_agree_with_imageproc(
            width in 1..24u32,
            pixels in prop::collection::vec(prop::bool::weighted(0.55), 24 * 17),
        ) {
            let image = GrayImage::from_fn(width, 17, |u, v| {
                Luma([u8::from(pixels[(v * width + u) as usize]) * 255])
            });
            for (ours, their) in [
                (Connectivity::Four, TheirConnectivity::Four),
                (Connectivity::Eight, TheirConnectivity::Eight),
            ] {
                let found = components(&image, |value| value > 0, ours);
                let masks: Vec<Vec<(u32, u32)>> =
                    found.iter().map(|component| component.mask().pixels().collect()).collect();
                prop_assert_eq!(&masks, &theirs(&image, their));
                for (component, pixels) in found.iter().zip(&masks) {
                    prop_assert_eq!(component.area(), pixels.len());
                }
            }
        }
    }

    #[test]
    fn an_image_without_pixels_has_no_components() {
        for image in [GrayImage::new(0, 0), GrayImage::new(0, 3), GrayImage::new(3, 0)] {
            assert!(components(&image, |_| true, Connectivity::Eight).is_empty());
        }
    }
}
