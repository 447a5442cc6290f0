//! From an observation to the numbers that a network takes.

use burn::tensor::{Device, Tensor, TensorData};
use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};
use image::RgbImage;
use rmrl_core::{Observation, PlanarPose, PlateInImage};
use serde::{Deserialize, Serialize};

use crate::network::ImageView;

/// The mean of ImageNet's red, green and blue, of 0 to 1: torchvision's weights expect images without it.
pub const COLOR_MEAN: [f32; 3] = [0.485, 0.456, 0.406];
/// The standard deviation of ImageNet's red, green and blue, of 0 to 1.
pub const COLOR_DEVIATION: [f32; 3] = [0.229, 0.224, 0.225];

/// Maps the poses of the workspace to about `[-1, 1]`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PoseScaling {
    /// The pose that becomes zero.
    pub center: PlanarPose,
    /// The offsets in x, y and yaw that become one: meters, meters, radians.
    pub half_extent: [f64; 3],
}

impl PoseScaling {
    /// A scaling for poses around `center`; an extent too small to divide by becomes 1.
    pub fn new(center: PlanarPose, half_extent: [f64; 3]) -> Self {
        Self {
            center,
            half_extent: half_extent.map(|extent| if extent > 1e-9 { extent } else { 1.0 }),
        }
    }

    /// The scaled pose.
    pub(crate) fn scale(&self, pose: PlanarPose) -> [f32; 3] {
        let offset = pose.relative_to(self.center);
        let [x, y, yaw] = self.half_extent;
        [(offset.dx_m / x) as f32, (offset.dy_m / y) as f32, (offset.dyaw_rad / yaw) as f32]
    }
}

/// The part of an observation's image that a network sees, as `size` x `size` pixels.
pub(crate) fn view(observation: &Observation, view: ImageView, size: usize) -> Vec<u8> {
    match view {
        ImageView::Crop { scale } => {
            crop(&observation.image, observation.plate_in_image, scale, size)
        }
        ImageView::Global | ImageView::None => shrink(&observation.image, size),
    }
}

/// Scales a whole image to `size` x `size` pixels: bilinear with anti-aliasing, as in PIL and
/// torchvision.
fn shrink(image: &RgbImage, size: usize) -> Vec<u8> {
    resize(image, size, &ResizeOptions::new())
}

/// The square around a plate, `scale` of its diagonals wide, scaled to `size` x `size` pixels.
/// Beyond the image, the pixels of its edge continue.
pub(super) fn crop(image: &RgbImage, plate: PlateInImage, scale: f64, size: usize) -> Vec<u8> {
    let side_px = (scale * plate.diagonal_px).max(1.0);
    // A pixel reaches half a pixel to each side of its center.
    let [left_px, top_px] = [plate.u_px, plate.v_px].map(|center| center + 0.5 - 0.5 * side_px);
    let within = |first: f64, offset: u32, extent: u32| {
        (first + f64::from(offset)).clamp(0.0, f64::from(extent - 1)) as u32
    };
    let (first_u, first_v, whole) = (left_px.floor(), top_px.floor(), side_px.ceil() as u32 + 1);
    let square = RgbImage::from_fn(whole, whole, |u, v| {
        *image.get_pixel(within(first_u, u, image.width()), within(first_v, v, image.height()))
    });
    let options = ResizeOptions::new().crop(left_px - first_u, top_px - first_v, side_px, side_px);
    resize(&square, size, &options)
}

fn resize(image: &RgbImage, size: usize, options: &ResizeOptions) -> Vec<u8> {
    let source = ImageRef::new(image.width(), image.height(), image.as_raw(), PixelType::U8x3)
        .expect("an RGB image has three bytes a pixel");
    let mut shrunk = Image::new(size as u32, size as u32, PixelType::U8x3);
    let options = options.resize_alg(ResizeAlg::Convolution(FilterType::Bilinear));
    Resizer::new()
        .resize(&source, &mut shrunk, &options)
        .expect("both images are RGB and not empty");
    shrunk.into_vec()
}

/// Images of `size` x `size` pixels as a normalized batch, `[batch, size, size, 3]`.
pub(crate) fn image_batch<'a>(
    images: impl IntoIterator<Item = &'a [u8]>,
    size: usize,
    device: &Device,
) -> Tensor<4> {
    let table = normalized_values();
    let mut values = Vec::new();
    for pixels in images {
        values.reserve(pixels.len());
        for pixel in pixels.as_chunks::<3>().0 {
            let [red, green, blue] = pixel.map(usize::from);
            values.extend_from_slice(&[table[red][0], table[green][1], table[blue][2]]);
        }
    }
    let count = values.len() / (3 * size * size);
    Tensor::from_data(TensorData::new(values, [count, size, size, 3]), device)
}

/// The normalized red, green and blue of each 8-bit value.
fn normalized_values() -> [[f32; 3]; 256] {
    std::array::from_fn(|value| {
        std::array::from_fn(|channel| {
            (value as f32 / 255.0 - COLOR_MEAN[channel]) / COLOR_DEVIATION[channel]
        })
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
    fn pixels_are_normalized_by_channel() {
        let device = crate::config::ComputeDevice::Cpu.open();
        let images: [&[u8]; 1] = [&[255, 0, 0, 0, 255, 0]];
        let batch = image_batch(images, 1, &device);
        let pixels = crate::policy::tensor::read(batch.inner());
        let expected = [
            (1.0 - 0.485) / 0.229,
            -0.456 / 0.224,
            -0.406 / 0.225,
            -0.485 / 0.229,
            (1.0 - 0.456) / 0.224,
            -0.406 / 0.225,
        ];
        assert_eq!(pixels.len(), expected.len());
        for (value, expected) in pixels.iter().zip(expected) {
            assert!((value - expected).abs() < 1e-6);
        }
    }

    #[test]
    fn a_crop_is_the_square_around_the_plate_and_continues_the_edge() {
        let image = RgbImage::from_fn(60, 40, |u, v| Rgb([4 * u as u8, 6 * v as u8, 0]));
        // From pixel 20 to 39 and 10 to 29: a square of 20 pixels around (29.5, 19.5).
        let plate = PlateInImage { u_px: 29.5, v_px: 19.5, diagonal_px: 10.0 };
        let inside = image::imageops::crop_imm(&image, 20, 10, 20, 20).to_image();
        assert_eq!(crop(&image, plate, 2.0, 20), inside.into_raw());
        // Half of it lies beyond the left edge, a quarter beyond the upper one.
        let plate = PlateInImage { u_px: -0.5, v_px: 4.5, diagonal_px: 10.0 };
        let expected = RgbImage::from_fn(20, 20, |u, v| {
            *image.get_pixel(u.saturating_sub(10), v.saturating_sub(5))
        });
        assert_eq!(crop(&image, plate, 2.0, 20), expected.into_raw());
        // A plate twice as near looks the same: twice as many pixels, scaled to as many.
        let near = RgbImage::from_fn(120, 80, |u, v| *image.get_pixel(u / 2, v / 2));
        let there = PlateInImage { u_px: 29.5, v_px: 19.5, diagonal_px: 10.0 };
        let here = PlateInImage { u_px: 59.5, v_px: 39.5, diagonal_px: 20.0 };
        for (near, far) in crop(&near, here, 2.0, 10).iter().zip(crop(&image, there, 2.0, 10)) {
            assert!(near.abs_diff(far) <= 4, "{near} {far}");
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
