//! RGB-D frames as pairs of PNG files.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use image::{DynamicImage, ImageFormat, ImageReader, Limits};

use crate::RgbdFrame;

/// Why two files form no frame. Every message names the file.
#[derive(Debug, thiserror::Error)]
pub enum FrameFileError {
    /// The file is missing, damaged or no image.
    #[error("cannot read the image {}: {reason}", path.display())]
    Image {
        /// The file.
        path: PathBuf,
        /// The reason.
        reason: String,
    },
    /// The pixels have another format.
    #[error("{} holds {found} pixels, expected {expected}", path.display())]
    Pixels {
        /// The file.
        path: PathBuf,
        /// The file's format.
        found: String,
        /// The expected format.
        expected: &'static str,
    },
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
    /// No pixel has a depth.
    #[error(
        "{} has no depth anywhere: all its pixels are 0; was the depth stream running, and aligned to \
         color?",
        path.display()
    )]
    NoDepth {
        /// The file.
        path: PathBuf,
    },
}

/// No camera has more pixels along a side; files that claim more are refused before they are decoded.
const LARGEST_SIDE_PX: u32 = 8192;

/// Reads a frame: a color PNG, 8 bits, and a depth PNG aligned to it, 16 bits in millimeters, 0
/// where there is no depth.
///
/// # Errors
/// A file is missing or damaged, has another format, the sizes differ, or no pixel has a depth.
pub fn read_frame(color: &Path, depth: &Path) -> Result<RgbdFrame, FrameFileError> {
    let pixels = |path: &Path, found: &DynamicImage, expected| FrameFileError::Pixels {
        path: path.to_path_buf(),
        found: format!("{:?}", found.color()),
        expected,
    };
    let color_image = match read_png(color)? {
        DynamicImage::ImageRgb8(image) => image,
        // Other programs write color with an opaque alpha channel.
        rgba @ DynamicImage::ImageRgba8(_) => rgba.into_rgb8(),
        other => return Err(pixels(color, &other, "8-bit color (Rgb8)")),
    };
    let depth_image = match read_png(depth)? {
        DynamicImage::ImageLuma16(image) => image,
        other => {
            let expected = "16-bit gray (L16), depth in millimeters";
            return Err(pixels(depth, &other, expected));
        }
    };
    if color_image.dimensions() != depth_image.dimensions() {
        return Err(FrameFileError::SizeMismatch {
            color_path: color.to_path_buf(),
            color: color_image.dimensions(),
            depth_path: depth.to_path_buf(),
            depth: depth_image.dimensions(),
        });
    }
    if depth_image.pixels().all(|pixel| pixel.0[0] == 0) {
        return Err(FrameFileError::NoDepth { path: depth.to_path_buf() });
    }
    Ok(RgbdFrame { color: Arc::new(color_image), depth: depth_image })
}

fn read_png(path: &Path) -> Result<DynamicImage, FrameFileError> {
    let image = |reason: String| FrameFileError::Image { path: path.to_path_buf(), reason };
    let mut reader = ImageReader::open(path).map_err(|error| image(error.to_string()))?;
    reader.set_format(ImageFormat::Png);
    let mut limits = Limits::default();
    limits.max_image_width = Some(LARGEST_SIDE_PX);
    limits.max_image_height = Some(LARGEST_SIDE_PX);
    reader.limits(limits);
    reader.decode().map_err(|error| image(error.to_string()))
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
        let frame = read_frame(&path("color.png"), &path("depth.png")).unwrap();
        assert_eq!((frame.color.as_ref(), &frame.depth), (&color, &depth));

        RgbaImage::from_pixel(31, 17, image::Rgba([1, 2, 3, 255])).save(path("rgba.png")).unwrap();
        assert!(read_frame(&path("rgba.png"), &path("depth.png")).is_ok());

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
            let message = read_frame(&path(color), &path(depth)).unwrap_err().to_string();
            assert!(message.contains(expected), "{message}");
        }
    }
}
