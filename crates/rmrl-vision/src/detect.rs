//! Detection: which boxes of an image hold a plate.

use image::RgbImage;

use crate::components::{Connectivity, components};
use crate::{BoundingBox, BoxError, ColorThreshold, Mask};

/// A detected object.
#[derive(Debug, Clone, PartialEq)]
pub struct Detection {
    /// The box around the object.
    pub bounding_box: BoundingBox,
    /// The detector's confidence, 0 to 1.
    pub score: f64,
}

/// What a detector found in an image.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Detections {
    /// All detected plates, in any order.
    pub found: Vec<Detection>,
    /// The rejected object with the highest score; `None` if no object was rejected.
    pub best_rejected: Option<Rejected>,
}

/// An object whose score is below the detector's threshold.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rejected {
    /// The detector's confidence, 0 to 1.
    pub score: f64,
    /// The lowest score that the detector accepts.
    pub threshold: f64,
}

/// Finds plates in a color image.
pub trait Detector: Send {
    /// Finds the plates in the image, and the likeliest object that is no plate.
    ///
    /// # Errors
    /// The detector cannot examine the image. An image without a plate is no error.
    fn detect(&mut self, image: &RgbImage) -> Result<Detections, BoxError>;
}

/// Finds dark rectangles on a lighter table. The score is the rectangularity.
#[derive(Debug, Clone, Copy, Default)]
pub struct ColorThresholdDetector {
    threshold: ColorThreshold,
}

impl ColorThresholdDetector {
    /// A detector with the given thresholds.
    pub fn new(threshold: ColorThreshold) -> Self {
        Self { threshold }
    }
}

impl Detector for ColorThresholdDetector {
    fn detect(&mut self, image: &RgbImage) -> Result<Detections, BoxError> {
        let (width, height) = image.dimensions();
        let darkest_table = self.threshold.darkest_table(image);
        let dark = ColorThreshold::dark_pixels(image, [0, 0, width, height], darkest_table);
        let image_area = f64::from(width) * f64::from(height);
        let areas =
            self.threshold.min_area_ratio * image_area..=self.threshold.max_area_ratio * image_area;
        let threshold = self.threshold.min_rectangularity;
        let mut seen = Detections::default();
        for component in components(&dark, |value| value > 0, Connectivity::Eight) {
            if !areas.contains(&(component.area() as f64)) {
                continue;
            }
            let mask = component.mask();
            let Some((score, bounding_box)) = rectangularity(&mask).zip(mask.bounding_box()) else {
                continue;
            };
            if score >= threshold {
                seen.found.push(Detection { bounding_box, score });
            } else if seen.best_rejected.is_none_or(|best| score > best.score) {
                seen.best_rejected = Some(Rejected { score, threshold });
            }
        }
        Ok(seen)
    }
}

/// How much a mask looks like a filled rectangle: 1 for one, less for any other shape.
///
/// A rectangle's area is `12 sqrt(λ1 λ2)` of its principal variances; a hollow or crooked shape has
/// less area for its spread, a shape with rounded ends more.
fn rectangularity(mask: &Mask) -> Option<f64> {
    let moments = mask.moments()?;
    let expected = 12.0 * (moments.major_variance * moments.minor_variance).sqrt();
    let ratio = moments.area / expected;
    Some(ratio.min(1.0 / ratio))
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::Rgb;

    fn table_with(dark: impl Fn(u32, u32) -> bool) -> RgbImage {
        RgbImage::from_fn(320, 240, |u, v| if dark(u, v) { Rgb([20; 3]) } else { Rgb([170; 3]) })
    }

    fn detect(image: &RgbImage) -> Vec<Detection> {
        ColorThresholdDetector::default().detect(image).unwrap().found
    }

    #[test]
    fn a_dark_rectangle_is_found_with_its_box() {
        let found = detect(&table_with(|u, v| (50..114).contains(&u) && (80..123).contains(&v)));
        assert_eq!(found.len(), 1);
        let bounds = found[0].bounding_box;
        assert_eq!((bounds.x_min, bounds.x_max), (50.0, 113.0));
        assert_eq!((bounds.y_min, bounds.y_max), (80.0, 122.0));
        assert!(found[0].score > 0.99);
    }

    #[test]
    fn every_plate_in_view_is_reported() {
        let found = detect(&table_with(|u, v| {
            (80..123).contains(&v) && ((50..114).contains(&u) || (200..264).contains(&u))
        }));
        assert_eq!(found.len(), 2);
    }

    #[test]
    fn specks_and_crooked_shapes_are_ignored() {
        assert!(detect(&table_with(|u, v| u < 12 && v < 12)).is_empty());
        // An L of two bars: large and dark, and no plate.
        let l_shape = |u: u32, v: u32| {
            (50..62).contains(&u) && (50..150).contains(&v)
                || (50..150).contains(&u) && (138..150).contains(&v)
        };
        let crooked = ColorThresholdDetector::default().detect(&table_with(l_shape)).unwrap();
        assert!(crooked.found.is_empty());
        let nearest = crooked.best_rejected.unwrap();
        assert!((0.1..nearest.threshold).contains(&nearest.score), "{nearest:?}");
        assert!(detect(&table_with(|_, _| false)).is_empty());
        assert!(detect(&table_with(|_, _| true)).is_empty());
    }
}
