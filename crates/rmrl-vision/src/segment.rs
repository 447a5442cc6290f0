//! Segmentation: which pixels inside a box belong to the plate.

use image::{GrayImage, RgbImage};

use crate::components::{Component, Connectivity, components, set};
use crate::{BoundingBox, BoxError, ColorThreshold, Mask};

/// Finds the pixels of the object in a box.
pub trait Segmenter: Send {
    /// The mask of the object inside `bounding_box`; an empty mask if there is none.
    ///
    /// # Errors
    /// The segmenter cannot examine the image.
    fn segment(&mut self, image: &RgbImage, bounding_box: BoundingBox) -> Result<Mask, BoxError>;
}

/// Takes the largest dark object inside the box and fills its holes.
#[derive(Debug, Clone, Copy, Default)]
pub struct ColorThresholdSegmenter {
    threshold: ColorThreshold,
}

impl ColorThresholdSegmenter {
    /// A segmenter with the given thresholds.
    pub fn new(threshold: ColorThreshold) -> Self {
        Self { threshold }
    }
}

/// A detector's box may be tight: the object's outermost pixels lie on it or just outside.
const MARGIN_PX: f64 = 3.0;

impl Segmenter for ColorThresholdSegmenter {
    fn segment(&mut self, image: &RgbImage, bounding_box: BoundingBox) -> Result<Mask, BoxError> {
        let (width, height) = image.dimensions();
        let window = bounding_box.pixels_within(width, height, MARGIN_PX);
        let [left, top, ..] = window;
        let darkest_table = self.threshold.darkest_table(image);
        let dark = fill_holes(ColorThreshold::dark_pixels(image, window, darkest_table));
        let objects = components(&dark, |value| value > 0, Connectivity::Eight);
        let largest = objects.iter().max_by_key(|object| object.area());
        Ok(largest.map_or_else(
            || Mask::new(left, top, GrayImage::new(0, 0)),
            |object| object.mask().translated(left, top),
        ))
    }
}

/// Sets every unset pixel that is not connected to the image's border, because reflections on a well's rim
/// belong to the plate.
fn fill_holes(mut image: GrayImage) -> GrayImage {
    let (right, bottom) = (image.width(), image.height().saturating_sub(1));
    let reaches_border = |gap: &Component| {
        gap.runs
            .iter()
            .any(|run| run.from == 0 || run.to == right || run.row == 0 || run.row == bottom)
    };
    let gaps = components(&image, |value| value == 0, Connectivity::Four);
    for run in gaps.iter().filter(|gap| !reaches_border(gap)).flat_map(|gap| &gap.runs) {
        set(&mut image, *run);
    }
    image
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::Rgb;

    #[test]
    fn holes_are_filled_and_neighbors_left_out() {
        // A plate with a glint in it, and a dark cable that crosses the corner of the box.
        let image = RgbImage::from_fn(200, 150, |u, v| {
            let plate = (50..114).contains(&u) && (60..103).contains(&v);
            let glint = (70..75).contains(&u) && (80..84).contains(&v);
            let cable = u + v < 105 && u + v > 100;
            if (plate && !glint) || cable { Rgb([15; 3]) } else { Rgb([160; 3]) }
        });
        let bounding_box = BoundingBox { x_min: 45.0, y_min: 50.0, x_max: 118.0, y_max: 108.0 };
        let mask = ColorThresholdSegmenter::default().segment(&image, bounding_box).unwrap();
        assert_eq!(mask.area(), 64 * 43);
        assert!(mask.contains(72, 82));
    }

    #[test]
    fn a_box_over_the_bare_table_gives_an_empty_mask() {
        let image = RgbImage::from_pixel(100, 100, Rgb([160; 3]));
        let bounding_box = BoundingBox { x_min: 10.0, y_min: 10.0, x_max: 60.0, y_max: 60.0 };
        let mask = ColorThresholdSegmenter::default().segment(&image, bounding_box).unwrap();
        assert_eq!(mask.area(), 0);
    }
}
