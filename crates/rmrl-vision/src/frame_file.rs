//! RGB-D frames as pairs of files.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::RgbdFrame;
use crate::depth_file::{DepthFileError, read_depth};
use crate::image_file::{ImageFileError, read_color_image};

/// Why two files form no frame. Every message names the file.
#[derive(Debug, thiserror::Error)]
pub enum FrameFileError {
    /// The color image cannot be used.
    #[error(transparent)]
    Color(#[from] ImageFileError),
    /// The depth image cannot be used.
    #[error(transparent)]
    Depth(#[from] DepthFileError),
    /// The color and depth images differ in size.
    #[error(
        "{} is {color:?} and {} is {depth:?} pixels; depth must be aligned to color, pixel by pixel",
        color_path.display(), depth_path.display()
    )]
    SizeMismatch {
        /// The color file.
        color_path: PathBuf,
        /// Width and height of the color image.
        color: (u32, u32),
        /// The depth file.
        depth_path: PathBuf,
        /// Width and height of the depth image.
        depth: (u32, u32),
    },
}

/// Reads a frame: a color image, and a depth image aligned to it, of integers or floating-point numbers in
/// units of `depth_unit_m` meters. Integers are millimeters unless it is given.
///
/// # Errors
/// A file is missing or damaged, has another format, floating-point depth has no unit, the sizes differ, or
/// no pixel has a depth.
pub fn read_frame(
    color: &Path,
    depth: &Path,
    depth_unit_m: Option<f64>,
) -> Result<RgbdFrame, FrameFileError> {
    let color_image = read_color_image(color)?;
    let depth_image = read_depth(depth, depth_unit_m)?;
    if color_image.dimensions() != depth_image.dimensions() {
        return Err(FrameFileError::SizeMismatch {
            color_path: color.to_path_buf(),
            color: color_image.dimensions(),
            depth_path: depth.to_path_buf(),
            depth: depth_image.dimensions(),
        });
    }
    Ok(RgbdFrame { color: Arc::new(color_image), depth: depth_image })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::DepthImage;
    use image::{GrayImage, Luma, Rgb, RgbImage, RgbaImage};

    #[test]
    fn invalid_files_are_refused_with_the_reason() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let color = RgbImage::from_fn(31, 17, |u, v| Rgb([u as u8, v as u8, 9]));
        let depth = DepthImage::from_fn(31, 17, |u, v| Luma([(u * 517 + v * 1031) as u16]));
        color.save(path("color.png")).unwrap();
        depth.save(path("depth.png")).unwrap();
        let frame = read_frame(&path("color.png"), &path("depth.png"), None).unwrap();
        assert_eq!((frame.color.as_ref(), &frame.depth), (&color, &depth));

        RgbaImage::from_pixel(31, 17, image::Rgba([1, 2, 3, 255])).save(path("rgba.png")).unwrap();
        assert!(read_frame(&path("rgba.png"), &path("depth.png"), None).is_ok());

        GrayImage::from_pixel(31, 17, Luma([7])).save(path("depth8.png")).unwrap();
        DepthImage::from_pixel(30, 17, Luma([7])).save(path("narrow.png")).unwrap();
        DepthImage::new(31, 17).save(path("zero.png")).unwrap();
        let whole = std::fs::read(path("color.png")).unwrap();
        std::fs::write(path("torn.png"), &whole[..whole.len() / 2]).unwrap();
        // A header that claims 65,535 pixels along each side.
        let mut huge = whole;
        huge[16..24].copy_from_slice(&[0, 0, 255, 255, 0, 0, 255, 255]);
        std::fs::write(path("huge.png"), huge).unwrap();
        for (color, depth, expected) in [
            ("none.png", "depth.png", "none.png"),
            ("torn.png", "depth.png", "torn.png"),
            ("huge.png", "depth.png", "huge.png"),
            ("depth.png", "depth.png", "expected 8-bit color"),
            ("color.png", "depth8.png", "expected 16-bit gray"),
            ("color.png", "color.png", "expected 16-bit gray"),
            ("color.png", "narrow.png", "narrow.png is (30, 17)"),
            ("color.png", "zero.png", "zero.png has no depth anywhere"),
        ] {
            let message = read_frame(&path(color), &path(depth), None).unwrap_err().to_string();
            assert!(message.contains(expected), "{message}");
        }
    }
}
