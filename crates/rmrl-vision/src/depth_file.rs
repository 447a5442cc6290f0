//! Depth images as files: PNG, TIFF or NumPy arrays, of integers or floating-point numbers.

use std::io::Cursor;
use std::path::{Path, PathBuf};

use image::{DynamicImage, ImageFormat};
use tiff::decoder::{Decoder, DecodingResult, Limits};

use crate::frame::{DEPTH_UNIT_M, DepthImage};
use crate::image_file::{
    ImageFileError, LARGEST_SIDE_PX, MOST_BYTES, decode, format_of, read_bytes,
};
use crate::npy::{MAGIC, NpyImage, NpyKind};

/// Why a file is no depth image that can be used. Every message names the file.
#[derive(Debug, thiserror::Error)]
pub enum DepthFileError {
    /// The file cannot be read as an image.
    #[error(transparent)]
    Image(#[from] ImageFileError),
    /// The file is damaged, or of a kind that holds no depth.
    #[error("{} is no depth image: {reason}", path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// The reason.
        reason: String,
    },
    /// The unit of a depth is invalid.
    #[error(
        "the unit of {} is {unit_m} m, expected {} to {} m: 1 for meters, 0.001 for millimeters",
        path.display(), UNIT_M[0], UNIT_M[1]
    )]
    Unit {
        /// The file.
        path: PathBuf,
        /// The unit, in meters.
        unit_m: f64,
    },
    /// Floating-point numbers without a unit.
    #[error(
        "{} holds {kind} depth, whose unit no file says: give the size of a unit in meters by \
         --depth-unit-m or the column depth_unit_m of frames.csv, 1 for meters or 0.001 for millimeters",
        path.display()
    )]
    UnknownUnit {
        /// The file.
        path: PathBuf,
        /// The kind of its numbers.
        kind: &'static str,
    },
    /// No pixel has a depth.
    #[error(
        "{} has no depth anywhere: {found}; was the depth stream running, and aligned to color?",
        path.display()
    )]
    NoDepth {
        /// The file.
        path: PathBuf,
        /// What its pixels are.
        found: String,
    },
}

/// The least and largest unit of a depth, in meters.
const UNIT_M: [f64; 2] = [1e-6, 10.0];

/// Reads a depth image: 16-bit gray PNG or TIFF, 32- or 64-bit floating-point TIFF, or a NumPy array of
/// uint16, float32 or float64. `unit_m` is the size of its unit in meters; for integers it is 1 mm unless
/// given. What is no positive number, or farther than 65.5 m, has no depth. Depths are rounded to 1 mm.
///
/// # Errors
/// The file is missing, damaged or of another kind, floating-point numbers have no unit, or no pixel has a
/// depth.
pub fn read_depth(path: &Path, unit_m: Option<f64>) -> Result<DepthImage, DepthFileError> {
    if let Some(unit_m) = unit_m.filter(|unit_m| !(UNIT_M[0]..=UNIT_M[1]).contains(unit_m)) {
        return Err(DepthFileError::Unit { path: path.to_path_buf(), unit_m });
    }
    let content = |reason: String| DepthFileError::Content { path: path.to_path_buf(), reason };
    let bytes = read_bytes(path)?;
    let raw = if bytes.starts_with(MAGIC) {
        let array = NpyImage::parse(&bytes, LARGEST_SIDE_PX).map_err(content)?;
        RawDepth::of_array(&array)
    } else {
        match format_of(&bytes) {
            Some((ImageFormat::Tiff, _)) => read_tiff(&bytes).map_err(content)?,
            Some((ImageFormat::Jpeg, _)) => {
                let reason = "JPEG changes the numbers; save depth as PNG, TIFF or .npy";
                return Err(content(reason.to_string()));
            }
            _ => RawDepth::of_image(path, decode(path, &bytes)?)?,
        }
    };
    match (raw, unit_m) {
        (RawDepth::Integers(image), None) => with_depth(path, image, "all its pixels are 0".into()),
        (RawDepth::Integers(image), Some(unit_m)) => {
            let [width, height] = [image.width(), image.height()];
            let raw = image.as_raw();
            convert(path, [width, height], &|index| f64::from(raw[index]), unit_m)
        }
        (RawDepth::Floats { kind, .. }, None) => {
            Err(DepthFileError::UnknownUnit { path: path.to_path_buf(), kind })
        }
        (RawDepth::Floats { size, values, .. }, Some(unit_m)) => {
            convert(path, size, &|index| f64::from(values[index]), unit_m)
        }
    }
}

/// The numbers of a file, before their unit is known.
enum RawDepth {
    Integers(DepthImage),
    /// Row by row. A depth needs no more digits than these have.
    Floats {
        size: [u32; 2],
        values: Vec<f32>,
        kind: &'static str,
    },
}

impl RawDepth {
    fn of_image(path: &Path, image: DynamicImage) -> Result<Self, ImageFileError> {
        match image {
            DynamicImage::ImageLuma16(image) => Ok(Self::Integers(image)),
            other => Err(ImageFileError::Pixels {
                path: path.to_path_buf(),
                found: format!("{:?}", other.color()),
                expected: "16-bit gray (L16), depth in millimeters",
            }),
        }
    }

    fn of_array(array: &NpyImage<'_>) -> Self {
        let (width, height) = (array.width, array.height);
        let floats = |kind| {
            let rows = (0..height).flat_map(|v| (0..width).map(move |u| (u, v)));
            let values = rows.map(|(u, v)| array.value(u, v) as f32).collect();
            Self::Floats { size: [width, height], values, kind }
        };
        match array.kind {
            NpyKind::U16 => Self::Integers(DepthImage::from_fn(width, height, |u, v| {
                image::Luma([array.value(u, v) as u16])
            })),
            NpyKind::F32 => floats("32-bit floating-point"),
            NpyKind::F64 => floats("64-bit floating-point"),
        }
    }
}

/// Reads a TIFF of one gray page. The `image` crate reads no floating-point gray.
fn read_tiff(bytes: &[u8]) -> Result<RawDepth, String> {
    let wrong = |error: tiff::TiffError| error.to_string();
    let mut limits = Limits::default();
    limits.decoding_buffer_size = 2 * MOST_BYTES as usize;
    let mut decoder = Decoder::new(Cursor::new(bytes)).map_err(wrong)?.with_limits(limits);
    let (width, height) = decoder.dimensions().map_err(wrong)?;
    if width.max(height) > LARGEST_SIDE_PX {
        return Err(format!("it is {width} x {height} pixels, expected at most {LARGEST_SIDE_PX}"));
    }
    let kind = decoder.colortype().map_err(wrong)?;
    if !matches!(kind, tiff::ColorType::Gray(_)) {
        return Err(format!("its pixels are {kind:?}, expected one number each"));
    }
    if decoder.more_images() {
        return Err("it has several pages, expected one".to_string());
    }
    let size = [width, height];
    match decoder.read_image().map_err(wrong)? {
        DecodingResult::U16(values) => {
            let image = DepthImage::from_raw(width, height, values);
            image.map(RawDepth::Integers).ok_or_else(|| "it has too few pixels".to_string())
        }
        DecodingResult::F32(values) if values.len() == pixels(size) => {
            Ok(RawDepth::Floats { size, values, kind: "32-bit floating-point" })
        }
        DecodingResult::F64(values) if values.len() == pixels(size) => {
            let values = values.into_iter().map(|value| value as f32).collect();
            Ok(RawDepth::Floats { size, values, kind: "64-bit floating-point" })
        }
        _ => Err(format!(
            "its pixels are {kind:?}, expected unsigned 16-bit or 32- or 64-bit floating-point numbers"
        )),
    }
}

fn pixels([width, height]: [u32; 2]) -> usize {
    width as usize * height as usize
}

/// Converts values in units of `unit_m` meters.
fn convert(
    path: &Path,
    size: [u32; 2],
    value_at: &dyn Fn(usize) -> f64,
    unit_m: f64,
) -> Result<DepthImage, DepthFileError> {
    let units = unit_m / DEPTH_UNIT_M;
    let image = DepthImage::from_fn(size[0], size[1], |u, v| {
        let depth = (value_at(v as usize * size[0] as usize + u as usize) * units).round();
        let is_depth = (1.0..=f64::from(u16::MAX)).contains(&depth);
        image::Luma([if is_depth { depth as u16 } else { 0 }])
    });
    let values = (0..pixels(size)).map(value_at).filter(|value| value.is_finite() && *value > 0.0);
    let (least, most) = values
        .fold((f64::INFINITY, 0.0_f64), |(least, most), value| (least.min(value), most.max(value)));
    let found = match most > 0.0 {
        true => format!(
            "its values are {least} to {most}, in units of {unit_m} m {} to {} m",
            least * unit_m,
            most * unit_m
        ),
        false => "none of its pixels is a positive number".to_string(),
    };
    with_depth(path, image, found)
}

/// Refuses an image without depth; `found` says what it has.
fn with_depth(path: &Path, image: DepthImage, found: String) -> Result<DepthImage, DepthFileError> {
    match image.as_raw().iter().all(|value| *value == 0) {
        true => Err(DepthFileError::NoDepth { path: path.to_path_buf(), found }),
        false => Ok(image),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Depths of NumPy, OpenCV and tifffile: `tools/image_fixture.py`. Row 1, column 2 is 0.812 m; the first
    /// pixel has no depth.
    #[test]
    fn the_same_depth_is_read_from_every_format() {
        const META: Option<f64> = Some(1.0);
        const MILLI: Option<f64> = Some(0.001);
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
        for (name, unit_m) in [
            ("depth.png", None),
            ("depth.png", MILLI),
            ("depth-tenth-mm.png", Some(0.0001)),
            ("depth16.tif", None),
            ("depth-m.tif", META),
            ("depth-m-deflate.tif", META),
            ("depth-mm64.tif", MILLI),
            ("depth-u2.npy", None),
            ("depth-f4.npy", META),
            ("depth-f8-big-endian.npy", META),
            ("depth-f4-fortran.npy", META),
        ] {
            let depth = read_depth(&folder.join(name), unit_m).unwrap();
            assert_eq!(depth.dimensions(), (5, 3), "{name}");
            assert_eq!(depth.get_pixel(2, 1).0, [812], "{name}");
            assert_eq!(depth.get_pixel(4, 2).0, [819], "{name}");
            assert_eq!(depth.get_pixel(0, 0).0, [0], "{name}");
        }
    }

    #[test]
    fn depths_without_a_unit_and_other_kinds_are_refused_with_the_reason() {
        let images = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
        let dir = tempfile::tempdir().unwrap();
        let npy = std::fs::read(images.join("depth-f4.npy")).unwrap();
        let header = |from: &str, to: &str| {
            let at = npy.windows(from.len()).position(|part| part == from.as_bytes()).unwrap();
            [&npy[..at], to.as_bytes(), &npy[at + from.len()..]].concat()
        };
        let made = |name: &str, bytes: &[u8]| {
            let path = dir.path().join(name);
            std::fs::write(&path, bytes).unwrap();
            path
        };
        let tiff = std::fs::read(images.join("depth-m.tif")).unwrap();
        for (path, unit_m, expected) in [
            (images.join("depth-m.tif"), None, "--depth-unit-m"),
            (images.join("depth-f8-big-endian.npy"), None, "64-bit floating-point"),
            (images.join("depth-m.tif"), Some(0.0), "expected 0.000001 to 10 m"),
            (images.join("depth-m.tif"), Some(f64::NAN), "1 for meters"),
            (images.join("depth-m.tif"), Some(1e-6), "0.819"),
            (images.join("rgb.jpg"), None, "JPEG changes the numbers"),
            (images.join("palette.png"), None, "expected 16-bit gray"),
            (images.join("lzw.tif"), None, "RGB(8)"),
            (made("cut.npy", &npy[..npy.len() - 1]), META_M, "59 bytes"),
            (made("long.npy", &[&npy[..], b"1"].concat()), META_M, "61 bytes"),
            (made("head.npy", &npy[..40]), META_M, "within its header"),
            (made("i8.npy", &header("<f4", "<i8")), META_M, "dtype is <i8"),
            (made("flat.npy", &header("(3, 5)", "(15,) ")), META_M, "expected (height, width)"),
            (made("huge.npy", &header("(3, 5)", "(3,99999)")), META_M, "8192"),
            (made("cut.tif", &tiff[..tiff.len() - 9]), META_M, "no depth image"),
            (made("text.png", b"0 812"), None, "a text file"),
            (dir.path().join("none.npy"), None, "none.npy"),
        ] {
            let message = read_depth(&path, unit_m).unwrap_err().to_string();
            let name = path.file_name().unwrap().to_str().unwrap();
            assert!(message.contains(expected) && message.contains(name), "{name}: {message}");
        }
    }

    const META_M: Option<f64> = Some(1.0);
}
