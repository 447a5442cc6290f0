//! From an observation to the numbers a network takes.

use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};
use image::RgbImage;
use rmrl_core::PlanarPose;
use serde::{Deserialize, Serialize};

/// The mean of ImageNet's colours, which torchvision's weights expect to be taken off.
const MEAN: [f32; 3] = [0.485, 0.456, 0.406];
/// Their standard deviation.
const DEVIATION: [f32; 3] = [0.229, 0.224, 0.225];

/// Maps the poses of the workspace to about `[-1, 1]`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PoseScaling {
    /// The pose that becomes zero.
    pub center: PlanarPose,
    /// The offsets in x, y and yaw that become one: metres, metres, radians.
    pub half_extent: [f64; 3],
}

impl PoseScaling {
    /// A scaling for poses around `center`; extents too small to divide by are left alone.
    pub fn new(center: PlanarPose, half_extent: [f64; 3]) -> Self {
        Self {
            center,
            half_extent: half_extent.map(|extent| if extent > 1e-9 { extent } else { 1.0 }),
        }
    }

    /// The pose as the network takes it.
    pub(crate) fn scale(&self, pose: PlanarPose) -> [f32; 3] {
        let offset = pose.relative_to(self.center);
        let [x, y, yaw] = self.half_extent;
        [(offset.dx_m / x) as f32, (offset.dy_m / y) as f32, (offset.dyaw_rad / yaw) as f32]
    }
}

/// Scales an image to `size` x `size` pixels: the whole picture, bilinear with anti-aliasing, as
/// PIL and torchvision do.
pub(crate) fn shrink(image: &RgbImage, size: usize) -> Vec<u8> {
    let source = ImageRef::new(image.width(), image.height(), image.as_raw(), PixelType::U8x3)
        .expect("an RGB image has three bytes a pixel");
    let mut shrunk = Image::new(size as u32, size as u32, PixelType::U8x3);
    let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::Bilinear));
    Resizer::new()
        .resize(&source, &mut shrunk, &options)
        .expect("both images are RGB and not empty");
    shrunk.into_vec()
}

/// Interleaved 8-bit RGB pixels as normalised planes, `[3, size, size]`.
pub(crate) fn normalize(pixels: &[u8]) -> impl Iterator<Item = f32> + '_ {
    (0..3).flat_map(move |channel| {
        pixels
            .iter()
            .skip(channel)
            .step_by(3)
            .map(move |value| (f32::from(*value) / 255.0 - MEAN[channel]) / DEVIATION[channel])
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::Rgb;

    #[test]
    fn poses_at_the_edge_of_the_workspace_become_one() {
        let scaling = PoseScaling::new(PlanarPose::new(0.3, -0.1, 0.0), [0.1, 0.2, 0.5]);
        assert_eq!(scaling.scale(PlanarPose::new(0.3, -0.1, 0.0)), [0.0; 3]);
        let edge = scaling.scale(PlanarPose::new(0.4, -0.3, 0.5));
        for (value, expected) in edge.iter().zip([1.0, -1.0, 1.0]) {
            assert!((value - expected).abs() < 1e-6);
        }
        let point = PoseScaling::new(PlanarPose::default(), [0.0; 3]);
        assert_eq!(point.scale(PlanarPose::new(0.5, 0.0, 0.0)), [0.5, 0.0, 0.0]);
    }

    #[test]
    fn pixels_become_normalised_planes() {
        let planes: Vec<f32> = normalize(&[255, 0, 0, 0, 255, 0]).collect();
        let expected = [
            (1.0 - 0.485) / 0.229,
            -0.485 / 0.229,
            -0.456 / 0.224,
            (1.0 - 0.456) / 0.224,
            -0.406 / 0.225,
            -0.406 / 0.225,
        ];
        for (value, expected) in planes.iter().zip(expected) {
            assert!((value - expected).abs() < 1e-6);
        }
    }

    #[test]
    fn shrinking_averages_instead_of_skipping() {
        // Stripes of one pixel: a filter without anti-aliasing would return black or white.
        let stripes = RgbImage::from_fn(640, 480, |u, _| Rgb([255 * (u % 2) as u8; 3]));
        let shrunk = shrink(&stripes, 64);
        assert_eq!(shrunk.len(), 64 * 64 * 3);
        assert!(shrunk.iter().all(|value| (120..=135).contains(value)));
    }
}
