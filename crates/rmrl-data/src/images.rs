//! The images of a run.

use std::io::Write;
use std::path::{Path, PathBuf};

use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{ExtendedColorType, ImageBuffer, ImageEncoder, Luma, RgbImage};
use rmrl_files::create_file;

use crate::RunDirError;
use crate::durable::sync_folder;
use crate::file_error::io;

/// Writes the images of a run, from any thread.
#[derive(Debug, Clone)]
pub struct ImageWriter {
    /// The run's directory, which names of images start from.
    root: PathBuf,
    /// The folder that the images lie in.
    folder: PathBuf,
}

impl ImageWriter {
    pub(crate) fn new(root: &Path, folder: &str) -> Self {
        Self { root: root.to_path_buf(), folder: root.join(folder) }
    }

    /// Writes a color image and waits until it is on disk.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn write_color(&self, name: &str, image: &RgbImage) -> Result<(), RunDirError> {
        self.write_png(name, image.as_raw(), image.dimensions(), ExtendedColorType::Rgb8)
    }

    /// Writes a depth image of 16 bits and waits until it is on disk.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn write_depth(
        &self,
        name: &str,
        image: &ImageBuffer<Luma<u16>, Vec<u16>>,
    ) -> Result<(), RunDirError> {
        let bytes: Vec<u8> = image.as_raw().iter().flat_map(|value| value.to_ne_bytes()).collect();
        self.write_png(name, &bytes, image.dimensions(), ExtendedColorType::L16)
    }

    /// Waits until the names of the images are on disk, too.
    ///
    /// # Errors
    /// The file system refused.
    pub fn sync(&self) -> Result<(), RunDirError> {
        Ok(sync_folder(&self.folder)?)
    }

    fn write_png(
        &self,
        name: &str,
        pixels: &[u8],
        (width, height): (u32, u32),
        color: ExtendedColorType,
    ) -> Result<(), RunDirError> {
        let path = self.root.join(name);
        // Where the sensor's noise stays, color does not compress: the slowest is no smaller than the fastest. Rounded colors and
        // depths repeat, and a search for that makes them a quarter smaller, in a hundredth of a second.
        let mut png = Vec::new();
        PngEncoder::new_with_quality(&mut png, CompressionType::Level(3), FilterType::Avg)
            .write_image(pixels, width, height, color)
            .map_err(|error| RunDirError::Image {
                path: path.clone(),
                reason: error.to_string(),
            })?;
        // A torn image is written again with its trial. Only the log decides which images exist.
        let mut file = create_file(&path).map_err(io("create", &path))?;
        Ok(file.write_all(&png).and_then(|()| file.sync_data()).map_err(io("write", &path))?)
    }
}

#[cfg(test)]
mod tests {
    use image::Rgb;

    use super::*;

    #[test]
    fn images_come_back_bit_for_bit() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("images")).unwrap();
        let writer = ImageWriter::new(folder.path(), "images");
        let path = |name: &str| folder.path().join(name);
        let color = RgbImage::from_fn(31, 17, |u, v| Rgb([u as u8, v as u8, (u * v) as u8]));
        writer.write_color("images/1.png", &color).unwrap();
        let read = image::open(path("images/1.png")).unwrap();
        assert_eq!(read.as_rgb8(), Some(&color));
        let depth = ImageBuffer::from_fn(31, 17, |u, v| Luma([(u * 517 + v * 1031) as u16]));
        writer.write_depth("images/1-depth.png", &depth).unwrap();
        let read = image::open(path("images/1-depth.png")).unwrap();
        assert_eq!(read.as_luma16(), Some(&depth));
        writer.sync().unwrap();

        // A link that somebody put there is not followed.
        #[cfg(unix)]
        {
            std::fs::write(path("precious"), "kept").unwrap();
            std::os::unix::fs::symlink(path("precious"), path("images/2.png")).unwrap();
            let error = writer.write_color("images/2.png", &color).unwrap_err();
            assert!(error.to_string().contains("2.png"), "{error}");
            assert_eq!(std::fs::read(path("precious")).unwrap(), b"kept");
        }
    }
}
