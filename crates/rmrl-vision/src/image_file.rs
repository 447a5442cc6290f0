//! Images as files: PNG, JPEG, BMP and TIFF, whatever their names end in.
//!
//! Pixels are taken as the sensor delivered them. A note of the camera's orientation (EXIF) is ignored,
//! because intrinsics belong to the sensor's pixels: as with OpenCV's `IMREAD_IGNORE_ORIENTATION`.

use std::borrow::Cow;
use std::io::Cursor;
use std::path::{Path, PathBuf};

use image::{DynamicImage, GrayImage, ImageFormat, ImageReader, Limits, RgbImage};
use rmrl_files::read_regular_file;

/// Why a file is no image that can be used. Every message names the file.
#[derive(Debug, thiserror::Error)]
pub enum ImageFileError {
    /// The file cannot be read.
    #[error("cannot read the image {}: {reason}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The reason.
        reason: String,
    },
    /// The file is of another kind.
    #[error("{} is {found}, expected a PNG, JPEG, BMP or TIFF image", path.display())]
    Kind {
        /// The file.
        path: PathBuf,
        /// What it is.
        found: &'static str,
    },
    /// The image is damaged, cut off, too large, or of a kind that its decoder does not know.
    #[error("{} is not a complete image ({format}): {reason}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The format that its first bytes show.
        format: &'static str,
        /// The reason.
        reason: String,
    },
    /// The pixels are of another kind.
    #[error("{} holds {found} pixels, expected {expected}", path.display())]
    Pixels {
        /// The file.
        path: PathBuf,
        /// The file's kind.
        found: String,
        /// The expected kind.
        expected: &'static str,
    },
}

/// No camera has more pixels along a side; files that claim more are refused before they are decoded.
pub(crate) const LARGEST_SIDE_PX: u32 = 8192;
/// The memory that decoding may take: an image of the largest size, three bytes a pixel, and a little more.
pub(crate) const MOST_BYTES: u64 = 256 << 20;
/// The endings of the names of images, in lower case.
const EXTENSIONS: [&str; 8] = ["png", "jpg", "jpeg", "jpe", "bmp", "dib", "tif", "tiff"];

/// Whether a file of this name is an image that this crate reads: neither hidden nor of another kind.
pub fn is_image_name(name: &str) -> bool {
    let extension = Path::new(name).extension().and_then(|extension| extension.to_str());
    // macOS leaves ._NAME beside files on foreign disks.
    !name.starts_with('.')
        && extension.is_some_and(|extension| {
            EXTENSIONS.iter().any(|known| known.eq_ignore_ascii_case(extension))
        })
}

/// Reads an image as 8-bit color. Gray of 8 bits becomes color; alpha is dropped.
///
/// # Errors
/// The file is missing, damaged, too large or of another kind, or its pixels are 16-bit gray (a depth
/// image's).
pub fn read_color_image(path: &Path) -> Result<RgbImage, ImageFileError> {
    match read_image(path)? {
        DynamicImage::ImageRgb8(image) => Ok(image),
        other @ (DynamicImage::ImageLuma16(_) | DynamicImage::ImageLumaA16(_)) => {
            Err(ImageFileError::Pixels {
                path: path.to_path_buf(),
                found: format!("{:?}", other.color()),
                expected: "8-bit color (Rgb8); 16-bit gray is a depth image",
            })
        }
        other => Ok(other.into_rgb8()),
    }
}

/// Reads an image as 8-bit gray. Gray of 16 bits is scaled by the bits that it uses.
///
/// # Errors
/// The file is missing, damaged, too large or of another kind.
pub fn read_gray_image(path: &Path) -> Result<GrayImage, ImageFileError> {
    let image = match read_image(path)? {
        DynamicImage::ImageLuma16(image) => image,
        other => return Ok(other.into_luma8()),
    };
    // Cameras of 10 to 14 bits store their values unscaled.
    let largest = image.as_raw().iter().copied().max().unwrap_or(0);
    let bits = (u16::BITS - largest.leading_zeros()).max(8);
    Ok(GrayImage::from_fn(image.width(), image.height(), |u, v| {
        image::Luma([(image.get_pixel(u, v).0[0] >> (bits - 8)) as u8])
    }))
}

/// Reads an image with the pixels that the file has.
///
/// # Errors
/// The file is missing, damaged, too large or of another kind.
pub(crate) fn read_image(path: &Path) -> Result<DynamicImage, ImageFileError> {
    decode(path, &read_bytes(path)?)
}

/// The bytes of an image's file.
pub(crate) fn read_bytes(path: &Path) -> Result<Vec<u8>, ImageFileError> {
    read_regular_file(path, MOST_BYTES).map_err(|error| ImageFileError::Read {
        path: path.to_path_buf(),
        reason: error.to_string(),
    })
}

/// Decodes an image; errors name `path`.
pub(crate) fn decode(path: &Path, bytes: &[u8]) -> Result<DynamicImage, ImageFileError> {
    let Some((format, name)) = format_of(bytes) else {
        return Err(ImageFileError::Kind { path: path.to_path_buf(), found: kind_of(bytes) });
    };
    let damaged =
        |reason: String| ImageFileError::Damaged { path: path.to_path_buf(), format: name, reason };
    let pixels_only = match format {
        ImageFormat::Png => Cow::Owned(without_metadata(bytes)),
        _ => Cow::Borrowed(bytes),
    };
    if format == ImageFormat::Jpeg && !is_whole_jpeg(bytes) {
        return Err(damaged("it ends before its end marker".to_string()));
    }
    let mut reader = ImageReader::with_format(Cursor::new(pixels_only), format);
    let mut limits = Limits::default();
    limits.max_image_width = Some(LARGEST_SIDE_PX);
    limits.max_image_height = Some(LARGEST_SIDE_PX);
    limits.max_alloc = Some(MOST_BYTES);
    reader.limits(limits);
    reader.decode().map_err(|error| damaged(error.to_string()))
}

/// The format that the first bytes of a file show.
pub(crate) fn format_of(bytes: &[u8]) -> Option<(ImageFormat, &'static str)> {
    match bytes {
        [0x89, b'P', b'N', b'G', ..] => Some((ImageFormat::Png, "PNG")),
        [0xFF, 0xD8, 0xFF, ..] => Some((ImageFormat::Jpeg, "JPEG")),
        [b'B', b'M', ..] => Some((ImageFormat::Bmp, "BMP")),
        [b'I', b'I', 42 | 43, 0, ..] | [b'M', b'M', 0, 42 | 43, ..] => {
            Some((ImageFormat::Tiff, "TIFF"))
        }
        _ => None,
    }
}

/// What a file is that is no image of ours.
pub(crate) fn kind_of(bytes: &[u8]) -> &'static str {
    match bytes {
        [] => "an empty file",
        [b'G', b'I', b'F', b'8', ..] => "a GIF image",
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => "a WebP image",
        [_, _, _, _, b'f', b't', b'y', b'p', brand @ ..] => match brand {
            [b'a', b'v', b'i', ..] => "an AVIF image",
            [b'h', b'e', ..] | [b'm', b'i', b'f', ..] => "a HEIC image, as phones take them",
            _ => "a video",
        },
        [0x76, 0x2F, 0x31, 0x01, ..] => "an OpenEXR image",
        [0x93, b'N', b'U', b'M', b'P', b'Y', ..] => "a NumPy array",
        [b'P', b'K', ..] => "a zip archive",
        [b'%', b'P', b'D', b'F', ..] => "a PDF",
        [b'P', b'1'..=b'7', b' ' | b'\n' | b'\r', ..] => "a PNM image",
        _ if std::str::from_utf8(&bytes[..bytes.len().min(256)]).is_ok() => "a text file",
        _ => "a file of an unknown kind",
    }
}

/// A PNG's chunks of pixels alone, up to the first that is cut off. Color profiles and texts are compressed,
/// and a small file may hold gigabytes of them.
fn without_metadata(bytes: &[u8]) -> Vec<u8> {
    let (signature, mut rest) = bytes.split_at(bytes.len().min(8));
    let mut kept = signature.to_vec();
    while let Some(length) = rest.first_chunk() {
        // Length, kind, content, checksum.
        let length = (u32::from_be_bytes(*length) as usize).saturating_add(12);
        let Some((chunk, after)) = rest.split_at_checked(length) else { break };
        let kind = &chunk[4..8];
        if matches!(kind, b"IHDR" | b"PLTE" | b"IDAT" | b"IEND") {
            kept.extend_from_slice(chunk);
        }
        // Some programs append data of their own.
        rest = if kind == b"IEND" { &[] } else { after };
    }
    kept
}

/// Whether a JPEG reaches its end marker. Its decoder fills what is missing with gray, without an error.
fn is_whole_jpeg(bytes: &[u8]) -> bool {
    let mut at = 2;
    let mut is_scan = false;
    while let Some(&[mark, kind]) = bytes.get(at..at + 2).and_then(|two| two.first_chunk()) {
        match (mark, kind) {
            (0xFF, 0xD9) => return true,
            // Filling; in a scan also a stuffed byte, or a marker to restart from.
            (0xFF, 0xFF) => at += 1,
            (0xFF, 0x00 | 0x01 | 0xD0..=0xD7) => at += 2,
            (0xFF, _) => {
                let Some(length) = bytes.get(at + 2..at + 4) else { return false };
                at += 2 + usize::from(u16::from_be_bytes([length[0], length[1]]));
                is_scan = kind == 0xDA;
            }
            _ if is_scan => at += 1,
            // Between segments there is nothing.
            _ => return false,
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use image::{Luma, Rgb, RgbaImage};

    use super::*;

    /// A photograph's smooth pixels, so that JPEG keeps them.
    fn picture() -> RgbImage {
        RgbImage::from_fn(64, 48, |u, v| Rgb([60 + 2 * u as u8, 200 - v as u8, 90]))
    }

    /// Files in the formats that cameras write, by other programs: `tools/image_fixture.py`.
    const FIXTURES: [(&str, &[u8]); 8] = [
        ("rgb.jpg", include_bytes!("../tests/fixtures/rgb.jpg")),
        ("progressive.jpg", include_bytes!("../tests/fixtures/progressive.jpg")),
        ("cmyk.jpg", include_bytes!("../tests/fixtures/cmyk.jpg")),
        ("turned.jpg", include_bytes!("../tests/fixtures/turned.jpg")),
        ("lzw.tif", include_bytes!("../tests/fixtures/lzw.tif")),
        ("palette.png", include_bytes!("../tests/fixtures/palette.png")),
        ("palette.bmp", include_bytes!("../tests/fixtures/palette.bmp")),
        ("rgba16.png", include_bytes!("../tests/fixtures/rgba16.png")),
    ];

    /// The fixtures are the same picture; a turned one keeps the pixels of the sensor.
    #[test]
    fn all_formats_give_the_same_pixels_whatever_the_name_ends_in() {
        let dir = tempfile::tempdir().unwrap();
        for (name, bytes) in FIXTURES {
            for name in [name, "wrong.png", "none"] {
                let path = dir.path().join(name);
                std::fs::write(&path, bytes).unwrap();
                let read = read_color_image(&path).unwrap();
                assert_eq!(read.dimensions(), (64, 48), "{name}");
                let off = read.iter().zip(picture().iter()).map(|(a, b)| a.abs_diff(*b)).max();
                // The palette has 256 colors, JPEG loses a little.
                assert!(off.unwrap() <= 8, "{name}: {off:?}");
            }
        }
    }

    #[test]
    fn gray_of_few_bits_is_scaled() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("mono12.png");
        let values = image::ImageBuffer::from_fn(16, 1, |u, _| Luma([(u * 273) as u16]));
        values.save(&path).unwrap();
        let gray = read_gray_image(&path).unwrap();
        assert_eq!((gray.get_pixel(0, 0).0, gray.get_pixel(15, 0).0), ([0], [255]));
        assert!(read_color_image(&path).unwrap_err().to_string().contains("depth"));
    }

    #[test]
    fn damaged_and_foreign_files_are_refused_by_what_they_are() {
        let dir = tempfile::tempdir().unwrap();
        let png = {
            let path = dir.path().join("whole.png");
            RgbaImage::from_pixel(64, 48, image::Rgba([9; 4])).save(&path).unwrap();
            std::fs::read(&path).unwrap()
        };
        let mut huge = png.clone();
        huge[16..24].copy_from_slice(&[0, 0, 255, 255, 0, 0, 255, 255]);
        let cut = |bytes: &[u8]| bytes[..bytes.len() * 2 / 3].to_vec();
        let mut cases = vec![
            (Vec::new(), "an empty file"),
            (b"GIF89a".to_vec(), "a GIF"),
            (b"RIFF\0\0\0\0WEBPVP8 ".to_vec(), "a WebP"),
            (b"\0\0\0\x18ftypheic".to_vec(), "a HEIC"),
            (b"%PDF-1.4".to_vec(), "a PDF"),
            (b"<html>".to_vec(), "a text file"),
            (vec![0xFF, 0xD8, 0xFF], "JPEG"),
            (b"BM".to_vec(), "BMP"),
            (b"II*\0".to_vec(), "TIFF"),
            (png[..20].to_vec(), "PNG"),
            (huge, "not a complete image (PNG)"),
        ];
        cases.extend(FIXTURES.map(|(_, bytes)| (cut(bytes), "not a complete image")));
        for (number, (bytes, expected)) in cases.into_iter().enumerate() {
            let path = dir.path().join(format!("{number}.png"));
            std::fs::write(&path, bytes).unwrap();
            let message = read_color_image(&path).unwrap_err().to_string();
            assert!(message.contains(expected), "{number}: {message}");
            assert!(message.contains(&format!("{number}.png")), "{message}");
        }
        for path in [Path::new("/dev/zero"), dir.path(), Path::new("none.png")] {
            let message = read_gray_image(path).unwrap_err().to_string();
            assert!(message.contains("cannot read the image"), "{message}");
        }
    }

    /// A color profile of a few kilobytes unpacked to gigabytes.
    #[test]
    fn metadata_is_not_unpacked() {
        let mut png = Vec::new();
        image::DynamicImage::from(picture())
            .write_to(&mut Cursor::new(&mut png), ImageFormat::Png)
            .unwrap();
        let mut chunk = 5u32.to_be_bytes().to_vec();
        chunk.extend_from_slice(b"iCCPno zlib..");
        let with = [&png[..33], &chunk, &png[33..]].concat();
        assert_eq!(without_metadata(&with), without_metadata(&png));
        let cut = without_metadata(&with[..40]);
        assert!(!cut.windows(4).any(|kind| kind == b"iCCP"), "{cut:?}");
    }

    #[test]
    fn names_of_images_are_told_from_others() {
        for (name, is_image) in [
            ("a.png", true),
            ("B.JPG", true),
            ("c d.Tiff", true),
            ("._a.png", false),
            (".DS_Store", false),
            ("Thumbs.db", false),
            ("a.csv", false),
            ("png", false),
        ] {
            assert_eq!(is_image_name(name), is_image, "{name}");
        }
    }
}
